"""Functions of the textbooks that take arrays answer each element as if it were given alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish import lotsizing, ordercost, reordercost, unsuresupply

FUNCTIONS = {  # and how many arguments each takes
    lotsizing.economic_order_quantity: 3,
    lotsizing.economic_order_quantity_with_backorders: 4,
    unsuresupply.order_quantity_with_disruptions: 6,
    unsuresupply.order_quantity_with_surplus: 5,
    unsuresupply.order_quantity_with_yield: 5,
    unsuresupply.cost_with_disruptions: 7,
    ordercost.base_stock_normal: 5,
    reordercost.order_policy_by_power: 6,
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
