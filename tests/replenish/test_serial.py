"""Serial base stocks: the textbook's case, and one stage alone."""

import pytest

from partsopt.errors import SettingsError
from partsopt.replenish.ordercost import base_stock_normal
from partsopt.replenish.serial import (
    echelon_levels,
    local_levels,
    serial_base_stocks,
    serial_base_stocks_discrete,
    serial_newsvendor_bounds,
)
from tests import reference as twin


def test_example_of_the_textbook():
    """Snyder & Shen, example 6.1 (book: 6.49, 12.02, 22.71, cost 47.65)."""
    policy = serial_base_stocks([3, 2, 2], [1, 1, 2], 37.12, 5, 1)
    assert policy.levels == pytest.approx((6.49, 12.02, 22.71), abs=0.05)
    assert policy.cost == pytest.approx(47.65, abs=0.03)


def test_one_stage_is_a_newsvendor():
    policy = serial_base_stocks([2], [1], 10, 20, 3)
    alone = base_stock_normal(2, 10, 20, 3)
    assert policy.levels[0] == pytest.approx(alone.level, abs=0.02)
    assert policy.cost == pytest.approx(alone.cost, rel=1e-4)


def test_refusals():
    with pytest.raises(SettingsError, match="one lead time for each stage"):
        serial_base_stocks([1, 2], [1], 10, 5, 1)
    with pytest.raises(SettingsError, match="must be above 0"):
        serial_base_stocks([1], [0], 10, 5, 1)


def test_whole_levels_equal_every_choice():
    """Two stages, Poisson 2 a unit of time: every pair of levels costed by the recursion in plain loops."""
    holding, leads, shortage = [2.0, 1.0], [1.0, 1.5], 12.0
    pmfs = [twin.poisson(2 * lead, 30) for lead in leads]
    costs = {(a, b): twin.serial_cost([a, b], holding, pmfs, shortage) for a in range(1, 9) for b in range(3, 14)}
    best = min(costs, key=costs.__getitem__)
    got = serial_base_stocks_discrete(holding, leads, shortage, 2.0)
    assert got.levels == best
    assert got.cost == pytest.approx(costs[best], rel=1e-9)
    given = serial_base_stocks_discrete(holding, leads, shortage, 2.0, levels=[3, 8])
    assert given.cost == pytest.approx(costs[3, 8], rel=1e-9)


@pytest.mark.parametrize("ratio", [1.0, 2.5])
def test_levels_lie_between_the_bounds_of_shang_and_song(ratio):
    holding, leads = [3.0, 1.0, 0.5], [0.5, 1.0, 2.0]
    got = serial_base_stocks_discrete(holding, leads, 30.0, 4.0, ratio)
    bounds = serial_newsvendor_bounds(holding, leads, 30.0, 4.0, variance_to_mean=ratio)
    for low, level, high in zip(bounds.lower, got.levels, bounds.upper, strict=True):
        assert low <= level <= high


def test_local_and_echelon_levels_are_the_same_policy():
    assert local_levels([6, 12, 20]) == (6.0, 6.0, 8.0)
    assert echelon_levels(local_levels([6, 12, 20])) == (6.0, 12.0, 20.0)


def test_a_level_for_each_stage_is_needed():
    with pytest.raises(SettingsError, match="one base stock for each stage"):
        serial_base_stocks([1, 1], [1, 1], 5, 5, 1, levels=[3])
