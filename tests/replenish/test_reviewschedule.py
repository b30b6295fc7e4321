"""Reviews fixed beforehand: against every choice of periods and levels, and the multi-period newsvendor's cost."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish.reviewschedule import newsvendor_of_periods, review_schedule
from tests import reference as twin


def cycle_cost(level: int, holding: float, shortage: float, means: list[float], ratio: float) -> float:
    total = over = 0.0
    for mean in means:
        over += mean
        short = twin.shortfall(level, over, ratio)
        total += holding * (level - over + short) + shortage * short
    return total


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.floats(0.2, 3.0), min_size=1, max_size=4),
    st.floats(0.0, 12.0),
    st.floats(0.3, 9.0),
    st.sampled_from([1.0, 2.0]),
)
def test_the_schedule_is_the_cheapest_of_all(means, order_cost, shortage, ratio):
    got = review_schedule(order_cost, 1.0, means, shortage=shortage, variance_to_mean=ratio)
    n, costs = len(means), []
    for count in range(n):
        for others in combinations(range(1, n), count):
            starts = [0, *others, n]
            costs.append(
                sum(
                    order_cost
                    + min(cycle_cost(level, 1.0, shortage, means[a:b], ratio) for level in range(int(sum(means)) + 15))
                    for a, b in pairwise(starts)
                )
            )
    assert got.cost == pytest.approx(min(costs), abs=1e-6)
    ends = [*got.periods[1:], n]
    again = sum(
        order_cost + cycle_cost(int(level), 1.0, shortage, means[a:b], ratio)
        for a, b, level in zip(got.periods, ends, got.levels, strict=True)
    )
    assert again == pytest.approx(got.cost, abs=1e-6)


def test_a_service_target_holds_at_the_end_of_each_cycle():
    """Poisson demand, 95 %: each level is the quantile of its cycle's demand; normal demand the same without pieces."""
    got = review_schedule(60, 1, [10, 20, 30, 40], service_target=0.95)
    ends = [*got.periods[1:], 4]
    for first, end, level in zip(got.periods, ends, got.levels, strict=True):
        demand = sum([10, 20, 30, 40][first:end])
        assert twin.cdf(int(level), demand, 1) >= 0.95 > twin.cdf(int(level) - 1, demand, 1)
    smooth = review_schedule(60, 1, [10, 20, 30, 40], service_target=0.95, sds=[2, 3, 4, 5])
    assert smooth.periods == (0, 2)
    assert smooth.levels == pytest.approx([30 + 1.6448536 * 13**0.5, 70 + 1.6448536 * 41**0.5], abs=1e-6)


def test_the_newsvendor_of_periods():
    """Rossi's inventoryanalytics, three periods of 10, holding 1, shortage 5: C(30) 43.2524 there by quadrature."""
    best = newsvendor_of_periods(1, 5, [10, 10, 10])
    assert (float(best.level), float(best.cost)) == (30.0, pytest.approx(43.25241260071023, abs=0.02))
    assert float(best.cost) == pytest.approx(cycle_cost(30, 1, 5, [10, 10, 10], 1.0))
    one = newsvendor_of_periods(0.18, 0.7, [50], sds=[8])  # Snyder & Shen, example 4.3
    assert (float(one.level), float(one.cost)) == pytest.approx((56.60395592743389, 1.997605193176645))


def test_certain_demand_is_wagner_and_whitin_s():
    """Snyder & Shen, example 3.9, nearly certain: orders in periods 1 and 3, cost 1,380."""
    got = review_schedule(500, 2, [90, 120, 80, 70], shortage=1e4, sds=[1e-6] * 4)
    assert got.periods == (0, 2)
    assert got.levels == pytest.approx([210, 150], abs=1e-3)
    assert got.cost == pytest.approx(1380, abs=0.1)


def test_what_is_no_schedule_is_refused():
    with pytest.raises(SettingsError, match="needs either a shortage cost or a service target"):
        review_schedule(1, 1, [1.0])
    with pytest.raises(SettingsError, match="holding and shortage above 0"):
        review_schedule(1, 0, [1.0], shortage=1)
    with pytest.raises(SettingsError, match="at least one period"):
        review_schedule(1, 1, [], shortage=1)
    with pytest.raises(SettingsError, match="1 standard deviations for 2 periods; give one above 0 for each"):
        review_schedule(1, 1, [1.0, 2.0], shortage=1, sds=[1.0])
    with pytest.raises(SettingsError, match=r"the service target is 1\.0; it must be above 0 and below 1"):
        review_schedule(1, 1, np.ones(2).tolist(), service_target=1.0)
