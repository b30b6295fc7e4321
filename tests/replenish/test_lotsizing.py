"""Order quantities: published cases, enumeration, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish.lotsizing import (
    economic_order_quantity,
    economic_order_quantity_with_backorders,
    economic_production_quantity,
    lot_plan,
    order_quantities_within,
    order_quantity_all_units,
    order_quantity_incremental,
)
from tests import reference as twin


def test_economic_order_quantity():
    """Snyder & Shen, example 3.1."""
    lot = economic_order_quantity(8, 0.225, 1300)
    assert lot.quantity == pytest.approx(304.0467800264368, abs=1e-6)
    assert lot.cost == pytest.approx(68.41052550594827, abs=1e-6)


def test_quantities_with_backorders_and_with_a_production_rate():
    """Snyder & Shen, sections 3.3 and 3.4; both are the plain quantity where waiting is dear or production at once."""
    owed = economic_order_quantity_with_backorders(8, 0.225, 5, 1300)
    assert owed.quantity == pytest.approx(310.81255515896464, abs=1e-9)
    assert owed.cost == pytest.approx(66.92136355097325, abs=1e-9)
    made = economic_production_quantity(8, 0.225, 1300, 1700)
    assert made.quantity == pytest.approx(626.8084945889684, abs=1e-9)
    assert made.cost == pytest.approx(33.183979125298336, abs=1e-9)
    plain = economic_order_quantity(8, 0.225, 1300).quantity
    assert economic_order_quantity_with_backorders(8, 0.225, 1e12, 1300).quantity == pytest.approx(plain)
    assert economic_production_quantity(8, 0.225, 1300, 1e15).quantity == pytest.approx(plain)
    with pytest.raises(SettingsError, match="above the demand"):
        economic_production_quantity(8, 0.225, 1300, 1300)


def test_price_breaks_of_the_textbook():
    """Snyder & Shen, problem 3.12a (all units) and example 3.7 (incremental)."""
    lot = order_quantity_all_units(2250, 0.25, 182500, [0, 1200, 2400], [1490, 1220, 1100])
    assert (lot.quantity, lot.region) == (2400, 2)
    assert lot.cost == pytest.approx(201251093.75, abs=1e-4)
    lot = order_quantity_incremental(8, 0.3, 1300, [0, 400, 800], [0.75, 0.72, 0.68])
    assert lot.quantity == pytest.approx(304.0467800264368, abs=0.006)
    assert lot.cost == pytest.approx(1043.41, abs=0.006)


@pytest.mark.parametrize(
    ("order_cost", "holding", "demand", "cost", "orders"),
    [(500, 2, [90, 120, 80, 70], 1380, [210, 0, 150, 0]), (30, 1, [10, 20, 30, 40], 110, [30, 0, 30, 40])],
)
def test_lot_plans_of_the_textbooks(order_cost, holding, demand, cost, orders):
    """Snyder & Shen, example 3.9; Rossi, Inventory Analytics."""
    plan = lot_plan(order_cost, holding, demand)
    assert plan.cost == cost
    assert plan.orders == orders


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(0, 5), st.lists(st.integers(0, 20), min_size=1, max_size=8))
def test_lot_plan_equals_enumeration(order_cost, holding, demand):
    plan = lot_plan(order_cost, holding, demand)
    assert plan.cost == pytest.approx(twin.lots_by_enumeration(order_cost, holding, demand))
    assert sum(plan.orders) == sum(demand)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(1, 500), st.floats(0.05, 0.5), st.floats(10, 5000), st.floats(10, 800), st.floats(0.5, 1.0),
)  # fmt: skip
def test_no_quantity_is_cheaper_with_breaks(order_cost, rate, demand, at, share):
    prices, breaks = [10.0, 10.0 * share], [0.0, at]
    every = order_quantity_all_units(order_cost, rate, demand, breaks, prices)
    extra = order_quantity_incremental(order_cost, rate, demand, breaks, prices)
    for quantity in (at / 2, at * 0.999, at, at * 1.5, at * 4):
        price = prices[quantity >= at]
        cost = price * demand + order_cost * demand / quantity + rate * price * quantity / 2
        assert every.cost <= cost * (1 + 1e-9)
        paid = prices[0] * min(quantity, at) + prices[1] * max(quantity - at, 0)
        cost = (order_cost + paid) * demand / quantity + rate * paid / 2
        assert extra.cost <= cost * (1 + 1e-9)


def test_refusals():
    with pytest.raises(SettingsError, match="holding_cost is -1; it must be above 0"):
        economic_order_quantity(1, -1, 1)
    with pytest.raises(SettingsError, match="breakpoints must rise"):
        order_quantity_all_units(1, 0.2, 1, [0, 5, 5], [3, 2, 1])
    with pytest.raises(SettingsError, match="must not rise"):
        order_quantity_incremental(1, 0.2, 1, [0, 5], [2, 3])
    with pytest.raises(SettingsError, match="must be 0 or more"):
        lot_plan(1, 1, [-1])


def test_lots_within_room_cost_least_of_all_that_fit():
    """Two parts on a line of 240: no split of it is cheaper; with room enough the price is 0."""
    given = [8, 12], [0.25, 1.0], [1000, 700], [1.0, 2.0]
    got = order_quantities_within(*given, 240.0)
    assert float(np.array([1.0, 2.0]) @ got.quantity) == pytest.approx(240.0, rel=1e-9)
    cost = [8 * 1000 / q + 0.25 * q / 2 + 12 * 700 / ((240 - q) / 2) + (240 - q) / 4 for q in np.linspace(1, 239, 2000)]
    assert float(np.sum(got.cost)) <= min(cost) + 1e-9
    free = order_quantities_within(*given, 1e6)
    assert free.price == 0.0
    assert free.quantity.tolist() == economic_order_quantity(*given[:3]).quantity.tolist()
    with pytest.raises(SettingsError, match=r"available is 0\.0; it must be above 0"):
        order_quantities_within(*given, 0.0)
