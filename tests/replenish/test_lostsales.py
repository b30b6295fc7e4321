"""Lost sales: the exact chain against oracle cases and a replay, the approximation against the chain."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish import service
from partsopt.replenish.service import (
    fill_rate,
    level_for_lost_sales_fill_rate,
    lost_sales_fill_rate,
    lost_sales_service,
)
from tests import reference as twin


@pytest.mark.parametrize(
    ("rate", "lead", "level", "fill", "on_hand"),
    [(1.0, 1, 3, 0.8525809582851034, 1.2948380834297941), (0.3, 3, 2, 0.7863407327685645, 1.0563911206777228)],
)
def test_oracle_cases(rate, lead, level, fill, on_hand):
    """Cases TS-lost-sales-1 and -3: exact chain, confirmed there by 400,000 simulated periods."""
    got = lost_sales_service(level, lead, twin.poisson(rate, 60))
    assert got.fill_rate == pytest.approx(fill, abs=1e-7)
    assert got.on_hand_at_end == pytest.approx(on_hand, abs=1e-7)


def test_the_chain_matches_a_replay():
    """Negative binomial demand, two reviews of lead time: 200,000 periods agree to half a point."""
    demands = np.random.default_rng(1).negative_binomial(1.0, 0.5, 200_000)
    pmf = [0.5 ** (k + 1) for k in range(60)]
    got = lost_sales_service(5, 2, pmf)
    fill, on_hand = twin.lost_sales_by_replay(5, 2, demands.tolist())
    assert got.fill_rate == pytest.approx(fill, abs=0.005)
    assert got.on_hand_at_end == pytest.approx(on_hand, abs=0.02)


def test_without_lead_time_nothing_is_carried():
    """L = 0: the level is full at each review, so the share met is E min(S, D) / E D."""
    pmf = twin.poisson(2.0, 60)
    expected = sum(min(3, k) * p for k, p in enumerate(pmf)) / 2.0
    assert lost_sales_service(3, 0, pmf).fill_rate == pytest.approx(expected)


def test_approximation_is_cautious_where_service_is_good():
    """Never above the chain, and at most 2 points below it, where the chain meets 95 % or more; 10 points at 80 %."""
    for rate in (0.1, 0.2, 0.5, 1.0, 2.0):
        for lead in (1, 2, 3):
            for level in range(1, 9):
                exact = lost_sales_service(level, lead, twin.poisson(rate, 80)).fill_rate
                carried = fill_rate([level], [rate * lead], [rate * (lead + 1)], [1.0])
                off = float(lost_sales_fill_rate(carried)[0]) - exact
                if exact >= 0.95:
                    assert -0.02 <= off <= 1e-9
                if exact >= 0.8:
                    assert abs(off) <= 0.1


def test_nothing_on_the_shelf_and_nothing_asked():
    assert lost_sales_service(0, 2, [0.5, 0.5]).fill_rate == 0.0
    assert lost_sales_service(4, 2, [1.0]).fill_rate == 1.0


def test_a_large_chain_is_approximated_by_name():
    """Level 60 over four reviews has more than seven million moves; of three parts one is approximated."""
    pmf = service.demand_pmf([1.0, 10.0, 0.0], 1.0, 60)
    got = lost_sales_service([3, 60, 2], [1, 4, 1], pmf)
    assert got.method.tolist() == ["exact chain", "Silver, Pyke & Thomas", "no demand"]
    carried = fill_rate([60], [40.0], [50.0], [1.0])
    assert got.fill_rate[1] == pytest.approx(lost_sales_fill_rate(carried)[0], abs=1e-9)
    assert got.on_hand_at_end[1] == pytest.approx(60 - 50 * got.fill_rate[1])
    assert (got.fill_rate[2], got.on_hand_at_end[2]) == (1.0, 2.0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 5), st.integers(0, 2), st.floats(0.2, 0.9), st.lists(st.floats(0.0, 1.0), min_size=1, max_size=3))
def test_the_compiled_chain_is_that_of_the_twin(level, lead, none, others):
    pmf = np.array([none, *(np.array(others) / max(sum(others), 0.1) * (1 - none) * 0.9)])
    got = lost_sales_service(level, lead, pmf)
    assert got.method == "exact chain"
    assert got.fill_rate == pytest.approx(twin.lost_sales_chain(level, lead, pmf.tolist()), abs=1e-9)


def test_a_chain_that_goes_round_settles():
    """Two pieces are asked for each period, S = 3, L = 1: two and one are sold in turn, as they come in."""
    got = lost_sales_service(3, 1, [0.0, 0.0, 1.0])
    assert (got.fill_rate, got.method) == (pytest.approx(0.75), "exact chain")
    nearly = lost_sales_service(2, 2, [0.0, 0.002, 0.998])
    assert nearly.method == "exact chain"


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 5.0), st.floats(1.0, 4.0), st.integers(0, 3), st.floats(0.05, 0.98))
def test_the_level_is_the_smallest_that_meets_the_target(mean, ratio, lead, target):
    pmf = service.demand_pmf(mean, ratio, 80)
    level = level_for_lost_sales_fill_rate(target, lead, pmf)
    assert lost_sales_service(level, lead, pmf).fill_rate >= target
    assert level > 0  # of nothing nothing is sold
    assert lost_sales_service(level - 1, lead, pmf).fill_rate < target


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 4.0), st.floats(1.0, 4.0), st.integers(0, 3))
def test_a_piece_more_never_sells_less(mean, ratio, lead):
    levels = np.arange(12)
    fill = lost_sales_service(levels, lead, service.demand_pmf(mean, ratio, 60)).fill_rate
    assert (np.diff(fill) >= -1e-9).all()


def test_rows_are_answered_as_one_by_one():
    pmf = service.demand_pmf([0.4, 1.5], [1.0, 2.0], 40)
    got = lost_sales_service([[2], [5]], [1, 2], pmf)
    for row, level in enumerate((2, 5)):
        for column in range(2):
            alone = lost_sales_service(level, column + 1, pmf[column])
            assert got.fill_rate[row, column] == pytest.approx(alone.fill_rate, abs=1e-12)
            assert got.on_hand_at_end[row, column] == pytest.approx(alone.on_hand_at_end, abs=1e-12)
    levels = level_for_lost_sales_fill_rate([0.9, 0.95], [1, 2], pmf)
    assert levels.tolist() == [
        level_for_lost_sales_fill_rate(0.9, 1, pmf[0]),
        level_for_lost_sales_fill_rate(0.95, 2, pmf[1]),
    ]


def test_what_is_no_level_no_table_and_no_target_is_refused():
    with pytest.raises(SettingsError, match=r"level is -1; it must be a whole number, 0 or more"):
        lost_sales_service(-1, 1, [0.5, 0.5])
    with pytest.raises(SettingsError, match=r"lead_time_reviews is 1\.5; it must be a whole number"):
        lost_sales_service(1, 1.5, [0.5, 0.5])
    with pytest.raises(SettingsError, match=r"demand_pmf must be a row of probabilities"):
        lost_sales_service(1, 1, [0.5, 0.7])
    with pytest.raises(SettingsError, match=r"the service target is 1\.0; it must be above 0 and below 1"):
        level_for_lost_sales_fill_rate(1.0, 1, [0.5, 0.5])
