"""Lots for known demand: every plan tried on small cases; refusals."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish import lotrules
from partsopt.replenish.lotsizing import lot_plan
from tests import reference as twin

DEMANDS = st.lists(st.integers(0, 4), min_size=1, max_size=4)
MONEY = st.floats(0.1, 9.0)


@settings(max_examples=50, deadline=None)
@given(MONEY, MONEY, st.one_of(st.none(), MONEY), st.integers(2, 16), DEMANDS)
def test_plan_with_limits_equals_every_plan(order, holding, owing, capacity, demand):
    expected = twin.lots_with_limits(order, holding, owing, capacity, demand)
    if expected == float("inf"):
        with pytest.raises(SettingsError, match="capacities are too small"):
            lotrules.lot_plan_with_limits(order, holding, demand, backorder_cost=owing, capacity=capacity)
        return
    got = lotrules.lot_plan_with_limits(order, holding, demand, backorder_cost=owing, capacity=capacity)
    assert got.cost == pytest.approx(expected)
    assert sum(got.orders) == sum(demand)
    assert max(got.orders) <= capacity


@settings(max_examples=50, deadline=None)
@given(MONEY, MONEY, st.lists(st.integers(1, 50), min_size=1, max_size=9))
def test_rules_never_beat_the_best_plan_and_order_what_is_asked_for(order, holding, demand):
    best = lot_plan(order, holding, demand)
    assert lotrules.lot_plan_with_limits(order, holding, demand).cost == pytest.approx(best.cost)
    rules = (lotrules.silver_meal, lotrules.least_unit_cost, lotrules.part_period_balancing, lotrules.lot_for_lot)
    for rule in (*rules, lotrules.period_order_quantity):
        plan = rule(order, holding, demand)
        assert plan.cost >= best.cost - 1e-9
        assert sum(plan.orders) == sum(demand)


def test_refusals():
    with pytest.raises(SettingsError, match="0 or more"):
        lotrules.silver_meal(-1, 1, [1])
    with pytest.raises(SettingsError, match="some demand"):
        lotrules.period_order_quantity(1, 1, [0, 0])
    with pytest.raises(SettingsError, match="stock of a lot plan"):
        lotrules.lot_plan_with_limits(1, 1, [1], on_hand=-1)
