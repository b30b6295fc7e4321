"""Orders of a horizon against a tree of every order; refusals."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish.horizon import horizon_levels, normal_pmf
from tests import reference as twin

PMF = st.lists(st.floats(0.05, 1.0), min_size=2, max_size=3)


@settings(max_examples=40, deadline=None)
@given(st.lists(PMF, min_size=1, max_size=3), st.floats(0, 6), st.floats(0.1, 3), st.floats(3, 9), st.integers(-2, 3))
def test_cost_equals_the_tree_of_every_order(weights, order, holding, shortage, stock):
    pmfs = [[one / sum(each) for one in each] for each in weights]
    expected = twin.horizon_cost(pmfs, order, holding, shortage, 1.5, 0.5, 4.0, 0.9, stock)
    got = horizon_levels(
        pmfs, order_cost=order, holding=holding, shortage=shortage, unit_cost=1.5, end_holding=0.5, end_shortage=4.0,
        discount=0.9, on_hand=stock,
    )  # fmt: skip
    assert got.cost == pytest.approx(expected)
    assert (got.reorder_points <= got.order_up_to_levels).all()


def test_refusals():
    with pytest.raises(SettingsError, match="needs a period"):
        horizon_levels([], holding=1, shortage=1)
    with pytest.raises(SettingsError, match="discount above 0"):
        horizon_levels([[0.5, 0.5]], holding=1, shortage=1, discount=0.0)
    with pytest.raises(SettingsError, match="it must be above 0"):
        normal_pmf(1.0, 0.0)
