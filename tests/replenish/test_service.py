"""Service mathematics against published cases, against plain loops, and at the edges."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish import service
from tests import reference as twin

MEANS = st.floats(0.0, 30.0, allow_subnormal=False)
RATIOS = st.one_of(st.just(1.0), st.floats(1.001, 8.0))
TARGETS = st.floats(0.05, 0.995)

# (T, S) with backorders; kind "computed oracle": the exact per-cycle fill rate (Johnson et al. 1995; Sobel
# 2004; Teunter 2009), S_csl the smallest S with P(D(T+L) <= S) >= target; each confirmed by a simulation of
# 80,000 cycles. Columns: rate per day, variance to mean, T, L, target csl, target fill, then S_csl, csl at it,
# fill at it, S_fill, fill at it, fill at S_fill - 1. Tolerance 1e-7.
TS_CASES = {
    "TS-1": (
        0.2,
        1,
        7,
        7,
        0.95,
        0.95,
        6,
        0.9755893804756552,
        0.9749303995217689,
        6,
        0.9749303995217689,
        0.9307095679843905,
    ),
    "TS-3": (
        0.4,
        2,
        7,
        14,
        0.95,
        0.95,
        16,
        0.9602313398481281,
        0.9622839983468662,
        16,
        0.9622839983468662,
        0.9453764284142663,
    ),
    "TS-5": (
        3,
        4,
        7,
        5,
        0.95,
        0.97,
        58,
        0.9560581328011465,
        0.9844296513369215,
        54,
        0.9727960617710473,
        0.9688663823460533,
    ),
    "TS-9": (
        0.01,
        1,
        28,
        45,
        0.9,
        0.9,
        2,
        0.9621072032655846,
        0.8806336733110427,
        3,
        0.9771103409456541,
        0.8806336733110427,
    ),
}


@pytest.mark.parametrize("case", TS_CASES.values(), ids=TS_CASES.keys())
def test_levels_of_the_oracle_cases(case):
    """Level, cycle service level and exact fill rate agree with the oracle, and one piece less misses."""
    rate, ratio, every, lead, csl, fill, s_csl, csl_at, fill_at_csl, s_fill, fill_at, fill_below = case
    over_lead, over_protection = [rate * lead], [rate * (every + lead)]
    assert service.level_for_cycle_service_level(csl, over_protection, [ratio]).tolist() == [s_csl]
    assert service.level_for_fill_rate(fill, over_lead, over_protection, [ratio]).tolist() == [s_fill]
    assert service.cycle_service_level([s_csl], over_protection, [ratio])[0] == pytest.approx(csl_at, abs=1e-7)
    for level, expected in ((s_csl, fill_at_csl), (s_fill, fill_at), (s_fill - 1, fill_below)):
        got = service.fill_rate([level], over_lead, over_protection, [ratio])[0]
        assert got == pytest.approx(expected, abs=1e-7)


def test_stuttering_poisson_case_by_panjer():
    """Case TS-7: Poisson arrivals with geometric sizes, 0.02 a day, variance to mean 2, T 14, L 30."""
    rho = (2 - 1) / (2 + 1)  # VMR = (1 + rho) / (1 - rho)
    sizes = [0.0] + [(1 - rho) * rho**k for k in range(80)]
    arrivals = 0.02 * (1 - rho)
    lead, protection = (service.compound_poisson_pmf(arrivals * days, sizes, 60) for days in (30, 44))
    fill = service.tabulated_fill_rates(lead, protection, 0.02 * 30, 0.02 * 44)
    assert fill[3] == pytest.approx(0.8330166236588309, abs=1e-7)
    assert fill[4] == pytest.approx(0.9170543191554759, abs=1e-7)
    assert np.cumsum(protection)[3] == pytest.approx(0.9468280541245805, abs=1e-7)
    assert int(np.argmax(fill >= 0.85)) == 4
    assert int(np.argmax(np.cumsum(protection) >= 0.9)) == 3


@pytest.mark.parametrize(
    ("rate", "lead", "level", "expected"), [(1.0, 1, 3, 0.8053193773134186), (0.3, 3, 2, 0.7174351170956358)]
)
def test_backorder_fill_of_the_lost_sales_cases(rate, lead, level, expected):
    """Cases TS-lost-sales-1 and -3 (T = 1, Poisson): the fill rate of the same S with backorders."""
    assert service.fill_rate([level], [rate * lead], [rate * (lead + 1)], [1.0])[0] == pytest.approx(expected, abs=1e-7)


def test_schmears_exercise():
    """Cachon & Terwiesch, exercise Schmears: Poisson 1.5 a day, L = 3, T = 1; answers computed exactly."""
    assert 1.5 * 3 == 4.5  # on order on average
    assert 1 - service.cycle_service_level([8], [6.0], [1.0])[0] == pytest.approx(0.15276250601543884, abs=1e-6)
    assert service.level_for_fill_rate(0.9, [4.5], [6.0], [1.0]).tolist() == [9]
    assert service.fill_rate([9], [4.5], [6.0], [1.0])[0] == pytest.approx(0.9107096179573433, abs=1e-6)
    critical_ratio = 6 / (6 + 0.01)
    assert critical_ratio == pytest.approx(0.9983361064891847)
    assert service.demand_quantile(critical_ratio, [6.0], [1.0]).tolist() == [14]


def test_medtronic_dc():
    """Cachon & Terwiesch, Medtronic DC: weekly 80.6 +- 58.81, L = 3, T = 1, S = 625, normal demand."""
    mean, sd, level = 4 * 80.6, 2 * 58.81, 625
    z = (level - mean) / sd
    assert z == pytest.approx(2.572691719095392, abs=1e-6)
    backorder = sd * float(service.normal_loss(z))
    assert backorder == pytest.approx(0.18776336890413126, abs=1e-6)
    assert level - mean + backorder == pytest.approx(302.78776336890417, abs=1e-6)


def test_normal_loss_and_safety_factor_of_the_textbooks():
    """Snyder & Shen: L(-1.4), L(3.1); Silver, Pyke & Thomas: P1 = 0.9 of 58.3 +- 13.1 gives 75.09."""
    assert float(service.normal_loss(-1.4)) == pytest.approx(1.436668142708465, abs=1e-10)
    assert float(service.normal_loss(3.1)) == pytest.approx(0.0002672490952231408, abs=1e-10)
    k = float(service.safety_factor(0.9))
    assert k == pytest.approx(1.2816, abs=1e-4)
    assert 58.3 + k * 13.1 == pytest.approx(75.09, abs=0.01)


def test_service_types_of_the_mustard_example():
    """Nahmias, (Q, R): lead time demand 100 +- 25; type 1 at 98 % gives R 151, type 2 with Q = 100 gives 126."""
    assert 100 + float(service.safety_factor(0.98)) * 25 == pytest.approx(151, abs=0.6)
    short = [25 * float(service.normal_loss((r - 100) / 25)) / 100 for r in (125, 126)]
    assert short[0] > 1 - 0.98 > short[1]


def test_newsvendor_of_the_textbook():
    """Snyder & Shen, Ex. 4.3 and 4.4 (normal) and Prob. 4.8a (Poisson): level and cost."""
    k = float(service.safety_factor(0.7 / 0.88))
    assert 50 + 8 * k == pytest.approx(56.60395592743389, abs=1e-6)
    cost = 8 * (0.18 * (k + float(service.normal_loss(k))) + 0.7 * float(service.normal_loss(k)))
    assert cost == pytest.approx(1.997605193176645, abs=1e-6)
    sd = 8 * math.sqrt(5)  # base stock with lead time 4
    assert 250 + sd * k == pytest.approx(264.7668943741548, abs=1e-6)
    assert cost * math.sqrt(5) == pytest.approx(4.466781004149578, abs=1e-6)
    assert service.demand_quantile(270 / 470, [18.0], [1.0]).tolist() == [19]
    cost = 200 * service.expected_on_hand(19, 18.0, 1.0) + 270 * service.expected_shortfall(19, 18.0, 1.0)
    assert float(cost) == pytest.approx(786.0884409351115, abs=1e-6)


def test_expected_backorders_of_sherbrooke():
    """Sherbrooke, Optimal Inventory Modeling, ch. 2: expected backorders for pipelines of 1 and 4."""
    one = [1.0, 0.368, 0.104, 0.023, 0.004, 0.001]
    four = [4.0, 3.018, 2.11, 1.348, 0.781, 0.41, 0.195, 0.085, 0.034, 0.012, 0.004]
    assert service.expected_shortfall(np.arange(6), 1.0, 1.0) == pytest.approx(one, abs=6e-4)
    assert service.expected_shortfall(np.arange(11), 4.0, 1.0) == pytest.approx(four, abs=6e-4)


def test_last_time_buy():
    """Remaining demand 120 with variance to mean 3, underage 100, overage 40: buy 130."""
    assert service.demand_quantile(100 / 140, [120.0], [3.0]).tolist() == [130]


@pytest.mark.parametrize(
    ("rate", "every", "lead", "cost", "extra", "stocked", "fill"),
    [
        (1, 7, 5, 80, 30, 20.23003933282878, 0.9769963661637343),
        (3, 7, 5, 200, 30, 52.69405724271863, 0.9326501767858818),
        (2, 28, 45, 500, 60, 123.62326632707118, 0.7244756938423235),
    ],
)
def test_stocking_decision_is_made_of_these_functions(rate, every, lead, cost, extra, stocked, fill):
    """Cases stocking-decision-1, -3, -5: holding at 25 % of one piece, and emergencies for what it misses."""
    per_day = rate / 365
    met = service.fill_rate([1], [per_day * lead], [per_day * (lead + every)], [1.0])[0]
    assert met == pytest.approx(fill, abs=1e-7)
    means = np.linspace(per_day * lead, per_day * (lead + every), 201)
    on_hand = float(service.expected_on_hand(1, means, 1.0).mean())
    assert 0.25 * cost * on_hand + rate * extra * (1 - met) == pytest.approx(stocked, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(MEANS, RATIOS, st.integers(0, 40))
def test_distribution_and_shortfall_match_plain_sums(mean, ratio, level):
    assert float(service.demand_cdf(level, mean, ratio)) == pytest.approx(twin.cdf(level, mean, ratio), abs=1e-9)
    assert float(service.expected_shortfall(level, mean, ratio)) == pytest.approx(
        twin.shortfall(level, mean, ratio), abs=1e-8
    )
    left = sum((level - k) * twin.pmf(k, mean, ratio) for k in range(level))
    assert float(service.expected_on_hand(level, mean, ratio)) == pytest.approx(left, abs=1e-8)
    below = sum(twin.pmf(k, mean, ratio) for k in range(level))
    assert float(service.ready_rate(level, mean, ratio)) == pytest.approx(below, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.01, 8.0), st.floats(0.01, 6.0), RATIOS, TARGETS, st.floats(0.0, 0.5))
def test_levels_match_the_walk_upwards(lead, extra, ratio, target, spread):
    """The level over an uncertain lead time is the first that reaches the target, counted up from zero."""
    leads = [lead * (1 - spread), lead, lead * (1 + spread)]
    protections = [one + extra for one in leads]
    weights = [1 / 6, 2 / 3, 1 / 6]
    level = service.level_for_fill_rate(target, [leads], [protections], [ratio], weights)[0]
    fill = service.fill_rate([level], [leads], [protections], [ratio], weights)[0]
    assert fill == pytest.approx(twin.fill_rate(int(level), leads, protections, ratio, weights), abs=1e-8)
    assert abs(level - twin.level_for_fill_rate(target, leads, protections, ratio, weights)) <= (
        1 if abs(fill - target) < 1e-8 else 0
    )
    level = service.level_for_cycle_service_level(target, [protections], [ratio], weights)[0]
    assert level == twin.level_for_cycle_service_level(target, protections, ratio, weights)


@settings(max_examples=100, deadline=None)
@given(
    st.floats(1e-9, 1e6),
    st.floats(1e-3, 2.0),
    st.sampled_from([1.0, 1 + 1e-12, 1 + 1e-7, 1.5, 30.0, 1e4]),
    st.sampled_from([0.01, 0.5, 0.95, 0.999999]),
)
def test_level_is_the_smallest_that_reaches_the_target(mean, share, ratio, target):
    """S reaches the target and S - 1 misses it, from a piece in a billion periods to a million a period."""
    lead, protection = [mean], [mean * (1 + share)]
    level = service.level_for_fill_rate(target, lead, protection, [ratio])
    assert service.fill_rate(level, lead, protection, [ratio])[0] >= target
    if level[0] > 0:
        assert service.fill_rate(level - 1, lead, protection, [ratio])[0] < target
    level = service.level_for_cycle_service_level(target, protection, [ratio])
    assert service.cycle_service_level(level, protection, [ratio])[0] >= target
    if level[0] > 0:
        assert service.cycle_service_level(level - 1, protection, [ratio])[0] < target


@settings(max_examples=50, deadline=None)
@given(st.floats(0.01, 10.0), st.floats(0.01, 5.0), RATIOS, st.integers(0, 12), st.integers(1, 9))
def test_batch_fill_rate_is_the_mean_of_its_levels(lead, extra, ratio, level, batch):
    got = service.batch_fill_rate([level], [batch], [lead], [lead + extra], [ratio])[0]
    assert got == pytest.approx(twin.batch_fill_rate(level, batch, lead, lead + extra, ratio), abs=1e-8)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.0, 50.0), st.one_of(st.just(0.0), st.floats(0.1, 50.0)), RATIOS)
def test_fill_rate_never_falls_as_the_level_grows(lead, extra, ratio):
    levels = np.arange(0, 120)
    fill = service.fill_rate(levels, np.full(120, lead), np.full(120, lead + extra), np.full(120, ratio))
    assert (np.diff(fill) >= -1e-12).all()
    assert ((fill >= 0) & (fill <= 1)).all()


def test_nothing_asked_for_is_always_met():
    """Without demand the level is zero and the fill rate one."""
    assert service.level_for_fill_rate(0.99, [0.0], [0.0], [1.0]).tolist() == [0]
    assert service.fill_rate([0], [0.0], [0.0], [3.0]).tolist() == [1.0]
    assert service.level_for_cycle_service_level(0.99, [0.0], [2.0]).tolist() == [0]


def test_nothing_on_the_shelf_meets_nothing():
    """A level of zero has fill rate zero: every piece waits for the order it triggers."""
    assert service.fill_rate([0], [3.0], [5.0], [2.0])[0] == pytest.approx(0.0, abs=1e-12)


def test_almost_poisson_is_poisson():
    """A variance to mean of 1 + 1e-12 and of 1 + 1e-8 moves a probability by no more than about 1e-8."""
    exact = float(service.demand_cdf(1_000_500, 1e6, 1.0))
    assert float(service.demand_cdf(1_000_500, 1e6, 1 + 1e-12)) == pytest.approx(exact, abs=1e-12)
    assert float(service.demand_cdf(1_000_500, 1e6, 1 + 1e-8)) == pytest.approx(exact, abs=1e-8)


def test_shortfall_of_a_position_below_zero_is_what_is_owed_and_all_demand():
    assert float(service.expected_shortfall(-3, 2.5, 2.0)) == pytest.approx(5.5)


def test_three_points_keep_mean_and_deviation_of_the_lead_time():
    """10 +- 2 days: the points are 6.54, 10 and 13.46, weighted 1/6, 2/3, 1/6."""
    days, weights = service.lead_time_mixture([10.0], [2.0])
    mean = float((days * weights).sum())
    assert mean == pytest.approx(10.0)
    assert math.sqrt(float(((days - mean) ** 2 * weights).sum())) == pytest.approx(2.0)
    assert service.lead_time_mixture([1.0], [2.0]).days.min() == 0.0


def test_uncertain_lead_time_needs_more_stock():
    """Demand 3 a day, T 7, L 14: a deviation of 5 days raises the level."""
    certain = service.level_for_fill_rate(0.98, [42.0], [63.0], [2.0])
    days, weights = service.lead_time_mixture([14.0], [5.0])
    assert service.level_for_fill_rate(0.98, 3 * days, 3 * (days + 7), [2.0], weights)[0] > certain[0]


def test_target_of_one_is_refused():
    with pytest.raises(SettingsError, match=r"the service target is 1\.0; it must be above 0 and below 1"):
        service.level_for_fill_rate(1.0, [1.0], [2.0], [1.0])
    with pytest.raises(SettingsError, match=r"the service target is 0\.0; it must be above 0 and below 1"):
        service.level_for_cycle_service_level(0.0, [1.0], [1.0])


def test_no_rows_give_no_levels():
    none = np.zeros(0)
    assert service.level_for_fill_rate(0.9, none, none, none).tolist() == []
    assert service.fill_rate(none, none, none, none).tolist() == []
    assert service.level_for_cycle_service_level(0.9, np.zeros((0, 3)), none, np.zeros((0, 3))).tolist() == []


def test_compound_distribution_matches_convolutions():
    sizes = [0.1, 0.5, 0.3, 0.1]
    got = service.compound_poisson_pmf(2.3, sizes, 12)
    assert got == pytest.approx(twin.compound_poisson(2.3, sizes, 12), abs=1e-10)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 30), st.integers(1, 6), st.floats(0.01, 15), st.floats(0.01, 15), st.sampled_from([1.0, 2.7]))
def test_pieces_owed_are_those_of_every_position_and_lead_time(level, batch, one, other, ratio):
    got = service.mean_owed([level], [batch], [[one, other]], [ratio], [0.3, 0.7])[0]
    expected = sum(
        weight * twin.shortfall(at, mean, ratio) / batch
        for weight, mean in ((0.3, one), (0.7, other))
        for at in range(level, level + batch)
    )
    assert got == pytest.approx(expected, abs=1e-9)


def test_pieces_owed_of_large_demand_are_not_walked():
    """A mean of 900 pieces is beyond the walk: second-order losses answer, and the sum over positions is the same."""
    by_position = [service.expected_shortfall(at, 900.0, 3.0) for at in range(950, 960)]
    assert service.mean_owed([950], [10], [900.0], [3.0])[0] == pytest.approx(np.mean(by_position))


BULLET = {  # of the service mathematics: what a level gives, and the smallest level for it
    "cycle service level": ("cycle_service_level", "level_for_cycle_service_level"),
    "exact fill rate": ("fill_rate", "batch_fill_rate", "level_for_fill_rate"),
    "ready rate": ("ready_rate", "cycle_ready_rate", "level_for_ready_rate"),
    "expected backorders": ("expected_shortfall", "mean_owed", "level_for_backorders"),
    "expected on hand": ("expected_on_hand", "mean_on_hand", "level_for_on_hand"),
    "Poisson and negative binomial": ("demand_pmf", "demand_cdf", "demand_tail", "demand_quantile"),
    "compound": ("compound_poisson_pmf", "stuttering_poisson_pmf"),
    "tabulated predictive": ("tabulated_service", "tabulated_fill_rates", "smallest_level"),
    "random lead time": ("lead_time_mixture",),
    "lost sales": ("lost_sales_service", "lost_sales_fill_rate", "level_for_lost_sales_fill_rate"),
    "fill rate of the textbooks": ("textbook_fill_rate",),
    "minimum and multiple": ("order_chance", "second_loss"),
}


@pytest.mark.parametrize("item", BULLET)
def test_every_item_of_the_service_mathematics_is_public_here(item):
    assert set(BULLET[item]) <= set(service.__all__)


@pytest.mark.parametrize("name", [name for name in service.__all__ if name.islower()])
def test_every_public_function_says_units_source_and_example(name):
    """Parameters with their units, a note with a year, a method's name or another function, and a doctest."""
    text = getattr(service, name).__doc__
    assert f"``{name}``" in service.__doc__
    for section in ("Parameters\n", "Notes\n", "Examples\n", ">>> "):
        assert section in text
    assert re.search(r"\d{4}", text.partition("Notes\n")[2])


@pytest.mark.parametrize("measure", ["cycle_service_level", "ready_rate", "fill_rate", "backorders", "on_hand"])
def test_every_measure_has_its_inverse(measure):
    assert f"level_for_{measure}" in service.__all__
    assert measure in service.TabulatedService._fields
