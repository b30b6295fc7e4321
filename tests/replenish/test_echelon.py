"""DC and dealers: oracle cases (Simon 1971; Graves 1985; Sherbrooke 1968), full sums, limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish.echelon import dc_service, dealer_service
from tests import reference as twin

# rates, DC lead time, dealer lead times, S of the DC, S of the dealers; DC backorders and fill rate; for each
# dealer: exact, METRIC and VARI-METRIC backorders, then the three fill rates
CASES = {
    "two-echelon-1": ([0.1] * 2, 14, [2] * 2, 2, [1] * 2, 1.0918883006010465, 0.23107823797582827, [
        (0.2647652257455339, 0.22023044123567725, 0.25963154913907127, 0.5188210754450105, 0.47428629093515395, 0.513687398838548)]),
    "two-echelon-3": ([0.05] * 10, 14, [1] * 10, 5, [1] * 10, 2.292600125697303, 0.17299160788207146, [
        (0.04625927897297104, 0.03560323147174416, 0.04568542234492287, 0.7669992664032397, 0.7563432189020138, 0.7664254097751925)]),
    "two-echelon-5": ([0.3, 0.1, 0.02], 10, [1, 2, 3], 3, [2, 1, 1], 1.5032105633100596, 0.2102379870230975, [
        (0.34148174512411467, 0.2278232836993349, 0.33160600106678445, 0.6214368019992815, 0.6009384785871685, 0.6290710938555835),
        (0.15231865141094073, 0.13031297486043159, 0.15086867253927544, 0.5944113744323551, 0.572405697881846, 0.5929613955606899),
        (0.009636432943710539, 0.008289315039329129, 0.009619478148057052, 0.8780549775479939, 0.876707859643612, 0.8780380227523401)]),
    "two-echelon-7": ([0.8, 0.5, 0.4, 0.3], 7, [1, 1, 2, 2], 16, [3, 2, 3, 2], 0.7236447014171059, 0.6693599175625202, [
        (0.06713019608926137, 0.03127797583738162, 0.06372759100974063, 0.8878925725818667, 0.9025301326189585, 0.8824480381804922),
        (0.05913101142296382, 0.03786934150182131, 0.05848701078568698, 0.8473548874250041, 0.8508025804563383, 0.843267736694459),
        (0.027041460269653327, 0.019174293964930533, 0.026137271501409366, 0.9235987860937385, 0.9295790876793836, 0.9225929523101237),
        (0.04989828921902574, 0.042124650638897976, 0.04968727333719128, 0.8396477472813252, 0.8412187245718874, 0.8383779296591081)]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_oracle_cases(case):
    rates, dc_lead, leads, dc_level, levels, dc_owed, dc_fill, dealers = case
    at_dc = dc_service([sum(rates)], [dc_lead], [dc_level])
    assert at_dc.backorders[0] == pytest.approx(dc_owed, abs=1e-8)
    assert at_dc.fill_rate[0] == pytest.approx(dc_fill, abs=1e-8)
    for number, method in enumerate(("exact", "metric", "varimetric")):
        got = dealer_service([0] * len(rates), [sum(rates)], [dc_lead], [dc_level], rates, leads, levels, method)
        for dealer, expected in enumerate(dealers):
            assert got.backorders[dealer] == pytest.approx(expected[number], abs=1e-8)
            assert got.fill_rate[dealer] == pytest.approx(expected[3 + number], abs=1e-8)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.01, 2), st.floats(0.05, 1), st.floats(0, 6), st.integers(0, 10), st.floats(0, 4), st.integers(0, 5))
def test_exact_answer_equals_full_sums(dc_rate, share, dc_lead, dc_level, lead, level):
    rate = dc_rate * share
    got = dealer_service([0], [dc_rate], [dc_lead], [dc_level], [rate], [lead], [level])
    short, met = twin.dealer_service(dc_rate, dc_lead, dc_level, rate, lead, level)
    assert got.backorders[0] == pytest.approx(short, abs=1e-9)
    assert got.fill_rate[0] == pytest.approx(met, abs=1e-9)


DEALERS = st.lists(
    st.tuples(st.floats(0.01, 0.5), st.floats(0, 5), st.integers(0, 5)), min_size=1, max_size=10
)  # demand a day, days from the DC, S


@settings(max_examples=60, deadline=None)
@given(DEALERS, st.floats(0, 12), st.integers(0, 40))
def test_backorders_of_every_dealer_are_within_3_percent_of_binomial_disaggregation(dealers, dc_lead, dc_level):
    """Simon (1971), all sums written out, whatever the number of dealers; the goal is 3 %, rounding what is left."""
    rates, leads, levels = (np.array(one) for one in zip(*dealers, strict=True))
    whole = float(rates.sum())
    got = dealer_service([0] * len(dealers), [whole], [dc_lead], [dc_level], rates, leads, levels)
    exact = [twin.dealer_service(whole, dc_lead, dc_level, *one) for one in dealers]
    assert got.backorders == pytest.approx([short for short, _ in exact], rel=1e-6, abs=1e-9)
    assert got.fill_rate == pytest.approx([met for _, met in exact], abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.05, 30), st.integers(0, 40))
def test_moments_of_the_dc_are_those_of_the_distribution(mean, level):
    pmf = np.array(twin.poisson(mean, 200))
    owed = np.maximum(np.arange(200) - level, 0)
    got = dc_service([mean], [1.0], [level])
    assert got.backorders[0] == pytest.approx(owed @ pmf, abs=1e-9)
    assert got.backorder_variance[0] == pytest.approx(owed**2 @ pmf - (owed @ pmf) ** 2, abs=1e-7)


def test_a_dc_that_never_runs_out_leaves_the_dealers_own_pipeline():
    got = dealer_service([0], [1.0], [5.0], [1000], [0.5], [2.0], [1])
    assert got.backorders[0] == pytest.approx(np.exp(-1.0), abs=1e-12)


def test_a_dc_without_stock_adds_its_lead_time():
    """S = 0 at the DC: a dealer's outstanding pieces are Poisson over both lead times."""
    for method in ("exact", "varimetric", "metric"):
        got = dealer_service([0], [1.0], [5.0], [0], [0.2], [2.0], [1], method)
        assert got.fill_rate[0] == pytest.approx(np.exp(-0.2 * 7), abs=1e-9)


def test_large_pipelines_agree_with_the_fast_form():
    """A pipeline of 390 pieces is summed exactly; the negative binomial agrees to 1 %, and answers above 400."""
    for on_order in (390.0, 410.0):
        args = ([0], [on_order], [1.0], [int(on_order)], [2.0], [0.5], [2])
        auto, fast = dealer_service(*args), dealer_service(*args, method="varimetric")
        assert auto.backorders[0] == pytest.approx(fast.backorders[0], rel=0.01)
    assert auto.backorders[0] == fast.backorders[0]


def test_nothing_asked_for():
    got = dealer_service([0], [0.0], [5.0], [1], [0.0], [2.0], [1])
    assert (got.backorders[0], got.fill_rate[0]) == (0.0, 1.0)


def test_refusals():
    with pytest.raises(SettingsError, match="more than the whole demand on its DC"):
        dealer_service([0], [1.0], [5.0], [1], [2.0], [2.0], [1])
    with pytest.raises(SettingsError, match="one of auto, exact, varimetric, metric"):
        dealer_service([0], [1.0], [5.0], [1], [1.0], [2.0], [1], method="fast")
    with pytest.raises(SettingsError, match="0 or more"):
        dc_service([-1.0], [5.0], [1])
