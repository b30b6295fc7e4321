"""Sharing out a night's money."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.replenish.budget import CHOICES, avoided_cost, quantity_choices, share_budget, top_up
from tests import reference as twin


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=5),
    st.integers(0, 40),
)
def test_share_is_as_good_as_trying_every_combination(lines, budget):
    """Three choices for each of up to five lines: as much value as the best of all combinations."""
    cost = np.array([np.cumsum(row) for row in lines], dtype=float)
    value = np.sqrt(cost) * np.arange(1, len(lines) + 1)[:, None]
    quantity = np.cumsum(np.array(lines), axis=1)
    share = share_budget(quantity, cost, value, float(budget))
    spent = sum(
        cost[i][list(row).index(q)] for i, (row, q) in enumerate(zip(quantity, share.quantity, strict=True)) if q
    )
    assert spent <= budget + 1e-9
    if share.status != "nothing_to_do":
        best = twin.best_choice(cost.tolist(), value.tolist(), budget)
        assert share.objective == pytest.approx(best, rel=1e-5, abs=1e-9)
        assert share.bound >= best - 1e-6


def test_many_lines_are_near_the_bound_and_repeat():
    """2,000 lines, money for a third: within 1 % of the bound, the same choice twice."""
    draw = np.random.default_rng(3)
    full = draw.integers(1, 30, 2000)
    choices = quantity_choices(full, np.ones(2000, dtype=np.int64), np.ones(2000, dtype=np.int64))
    price = draw.lognormal(3, 1, 2000)
    cost = choices * price[:, None]
    value = avoided_cost(np.zeros(2000, dtype=np.int64), choices, full * 0.8, np.full(2000, 2.0), 0.5 * price)
    one, two = (share_budget(choices, cost, value, float(cost[:, -1].sum() / 3)) for _ in range(2))
    assert one.quantity.tolist() == two.quantity.tolist()
    assert 0.99 * one.bound <= one.objective <= one.bound
    assert one.status in ("optimal", "feasible")


def test_pieces_owed_avoid_their_whole_emergency_cost():
    """Two owed, no demand: two pieces avoid two emergencies of 5, the third none."""
    saved = avoided_cost(np.array([-2]), np.array([[1, 2, 3]]), np.array([0.0]), np.array([1.0]), np.array([5.0]))
    assert saved.tolist() == [[5.0, 10.0, 10.0]]


def test_choices_are_whole_packs_from_the_smallest_order():
    choices = quantity_choices(np.array([60]), np.array([7]), np.array([5]))
    assert choices.shape == (1, CHOICES)
    assert choices[0].tolist() == [10, 20, 30, 40, 50, 60]


def test_what_is_left_buys_further_packs():
    """25 left at 3 a piece in packs of 4: two more packs of the first line, none of the second."""
    granted = top_up(
        np.array([4, 0]), np.array([40, 20]), np.array([1, 1]), np.array([4, 20]),
        lambda line, _: np.full(len(line), 3.0), np.array([2.0, 1.0]), 25.0,
    )  # fmt: skip
    assert granted.tolist() == [12, 0]
