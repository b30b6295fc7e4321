"""Functions of the textbooks that take arrays answer each element as if it were given alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish import lotsizing, ordercost, reordercost, unsuresupply
from partsopt.replenish.service import demand_pmf

FUNCTIONS = {  # and how many arguments each takes
    lotsizing.economic_order_quantity: 3,
    lotsizing.economic_order_quantity_with_backorders: 4,
    unsuresupply.order_quantity_with_disruptions: 6,
    unsuresupply.order_quantity_with_surplus: 5,
    unsuresupply.order_quantity_with_yield: 5,
    unsuresupply.cost_with_disruptions: 7,
    ordercost.base_stock_normal: 5,
    reordercost.order_policy_by_power: 6,
    ordercost.reorder_policy_from_lot: 6,
    ordercost.reorder_policy_cost: 8,
    reordercost.reorder_point_of_lot: 5,
}


def flat(answer):
    return np.array(answer, dtype=np.float64).reshape(-1)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda one: one.__name__)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_arrays_are_answered_element_by_element(function, data):
    n = FUNCTIONS[function]
    values = np.array(data.draw(st.lists(st.floats(0.2, 50.0), min_size=2 * n, max_size=2 * n))).reshape(n, 2)
    got = function(*values[:-1], values[-1][:, None])  # the last broadcast against the others: shape (2, 2)
    for row in range(2):
        for column in range(2):
            alone = function(*values[:-1, column].tolist(), float(values[-1, row]))
            of_all = (
                [np.asarray(one)[row, column] if np.ndim(one) else one for one in got]
                if isinstance(got, tuple)
                else got[row, column]
            )
            assert flat(of_all) == pytest.approx(flat(alone), rel=1e-6)
            assert all(isinstance(one, float | int) for one in (alone if isinstance(alone, tuple) else [alone]))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(1, 99), st.floats(0.1, 0.5), st.floats(10, 9999)), min_size=1, max_size=4),
    st.lists(st.floats(0.01, 0.3), min_size=3, max_size=3),
)
def test_price_breaks_of_many_parts(parts, falls):
    fixed, rate, demand = np.array(parts).T
    breaks = np.cumsum(np.broadcast_to([0.0, 50.0, 150.0], (len(parts), 3)) + np.arange(len(parts))[:, None], axis=1)
    prices = np.cumprod(np.broadcast_to(1.0 - np.array(falls), (len(parts), 3)), axis=1)
    for function in (lotsizing.order_quantity_all_units, lotsizing.order_quantity_incremental):
        got, same = function(fixed, rate, demand, breaks, prices), function(fixed, rate, demand, breaks[0], prices[0])
        for i in range(len(parts)):
            assert [one[i] for one in got] == pytest.approx(list(function(*parts[i], breaks[i], prices[i])))
            assert [one[i] for one in same] == pytest.approx(list(function(*parts[i], breaks[0], prices[0])))


def test_whole_base_stocks_of_many_parts():
    mean, ratio = np.array([[1.5], [18.0]]), np.array([1.0, 3.0])
    got = ordercost.base_stock_discrete(1.0, 9.0, mean, ratio, 2)
    bought = ordercost.last_time_buy(mean, ratio, 9.0, 1.0)
    for i in range(2):
        for j in range(2):
            alone = ordercost.base_stock_discrete(1.0, 9.0, float(mean[i, 0]), float(ratio[j]), 2)
            assert (got.level[i, j], got.cost[i, j]) == pytest.approx(alone)
            assert bought[i, j] == ordercost.last_time_buy(float(mean[i, 0]), float(ratio[j]), 9.0, 1.0)


def test_the_first_value_that_cannot_be_is_named():
    with pytest.raises(SettingsError, match=r"demand is -3\.0; it must be above 0"):
        lotsizing.economic_order_quantity(1.0, 1.0, [5.0, -3.0])
    with pytest.raises(SettingsError, match=r"production is 4; it must be above the demand"):
        lotsizing.economic_production_quantity(1.0, 1.0, [3.0, 5.0], 4.0)
    with pytest.raises(SettingsError, match=r"the shortage cost is 0; it must be above 0"):
        ordercost.base_stock_normal(1, [1, 0], 5, 1)


@pytest.mark.parametrize(
    "function",
    [
        ordercost.reorder_policy,
        ordercost.reorder_policy_from_lot,
        reordercost.reorder_policy_with_backorders,
        reordercost.reorder_policy_by_losses,
        reordercost.reorder_policy_best,
    ],
    ids=lambda one: one.__name__,
)
def test_reorder_policies_of_many_parts(function):
    """Snyder & Shen's example 5.1, problems 5.1 and 5.3, and a column of order costs against them."""
    rows = (8, 0.225, 7.5, 1300, 1300 / 12, 150 / 12**0.5), (50, 3.1, 45, 800, 8.8, 4.2), (85, 0.2, 40, 192, 576, 30)
    got, wide = function(*np.array(rows).T), function([[8], [80]], *np.array(rows).T[1:])
    for i, row in enumerate(rows):
        assert [one[i] for one in got] == pytest.approx(list(function(*row)), rel=1e-6)
        assert [one[1, i] for one in wide] == pytest.approx(list(function(80, *row[1:])), rel=1e-6)


def test_reorder_policies_in_whole_pieces_of_many_parts():
    rows = (100, 20, 150, 1.5, 2, 1.0), (4, 4, 28, 12, 0.5, 1.0), (30, 1, 9, 40, 0.2, 2.5), (0, 1, 9, 4, 0.2, 1.0)
    got = ordercost.reorder_policy_discrete(*np.array(rows).T)
    for i, row in enumerate(rows):
        alone = ordercost.reorder_policy_discrete(*row)
        assert (got.reorder_point[i], got.quantity[i]) == (alone.reorder_point, alone.quantity)
        assert got.cost[i] == pytest.approx(alone.cost)


def test_order_policies_of_many_parts():
    """One table for all parts or one for each; the published 24 are in test_published_cases.py."""
    means, fixed = np.array([4.0, 6.0, 20.0]), np.array([150.0, 5.0, 64.0])
    tables = demand_pmf(means, 1.0, 90)
    got = ordercost.order_policy(fixed, [40, 1, 1], [125, 4, 9], tables)
    assert (got.reorder_point.tolist(), got.order_up_to_level.tolist()) == ([2, 4, 14], [7, 10, 62])
    assert got.cost == pytest.approx([223.5748295669688, 8.034111561471644, 49.173], abs=5e-4)
    same = ordercost.order_policy(fixed, 1, 9, tables[2])
    for i in range(3):
        assert [one[i] for one in same] == pytest.approx(list(ordercost.order_policy(fixed[i], 1, 9, tables[2])))


def test_production_quantities_of_many_parts():
    got = lotsizing.economic_production_quantity([4, 8], [0.08, 0.225], [80, 1300], [110, 1700])
    assert got.quantity == pytest.approx([171.26976771553507, 626.8084945889684])
