"""(r, Q) by cost: no neighbour is cheaper; refusals."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish import reordercost
from partsopt.replenish.ordercost import reorder_policy_cost

MONEY = st.floats(0.5, 50.0)


@settings(max_examples=40, deadline=None)
@given(MONEY, st.floats(0.1, 3.0), MONEY, st.floats(10.0, 500.0), st.floats(1.0, 40.0))
def test_no_neighbour_is_cheaper(order, holding, shortage, demand, sd):
    best = reordercost.reorder_policy_best(order, holding, shortage, demand, 50.0, sd)
    for r, q in ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -0.5)):
        quantity = best.quantity + q * best.quantity / 10
        other = reorder_policy_cost(best.reorder_point + r, quantity, order, holding, shortage, demand, 50.0, sd)
        assert other >= best.cost * (1 - 1e-9)


def test_a_policy_that_is_no_policy_is_refused():
    with pytest.raises(SettingsError, match="s below S"):
        reordercost.order_policy_cost(5, 5, 1, 1, 1, [0.5, 0.5])
    with pytest.raises(SettingsError, match="quantity is 0; it must be above 0"):
        reordercost.reorder_point_of_lot(0, 1, 1, 10, 2)


def test_lead_time_demand_of_an_order_policy_counts():
    """One piece every period and one period of lead time: at s = 0, S = 1 a piece is always owed at the end."""
    assert reordercost.order_policy_cost(0, 1, 2.0, 1.0, 7.0, [0.0, 1.0], [0.0, 0.0, 1.0]) == pytest.approx(9.0)
