"""The T of each class of a source that costs least, against plain loops over every choice."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish.chain import Demand, no_delay
from partsopt.replenish.levels import batch_of
from partsopt.replenish.reviewcost import (
    CHOICES,
    PERIODS,
    SourceCosts,
    cheapest_periods,
    pair_costs,
    source_costs,
    within_source,
)
from partsopt.replenish.service import mean_on_hand, order_chance
from tests import reference as twin

PART = st.fixed_dictionaries(
    {
        "rate": st.floats(0.002, 0.6),
        "ratio": st.sampled_from([1.0, 1.7, 4.0]),
        "lead": st.sampled_from([1.0, 5.0, 12.0]),
        "multiple": st.sampled_from([1, 1, 3]),
        "holding": st.floats(0.1, 40.0),
        "class": st.integers(0, 2),
    }
)


def weighed(parts, order_cost, line_cost, target=0.9):
    """Costs of every choice of T for one source of these parts."""
    column = {name: np.array([part[name] for part in parts], dtype=float) for name in parts[0]}
    packs = column["multiple"].astype(np.int64)
    n = len(parts)

    def demand_at(days):
        over, lead = column["rate"] * days, column["rate"] * column["lead"]
        batch = batch_of(packs, packs, over)
        part = Demand(lead[:, None], (lead + over)[:, None], column["ratio"], np.ones((n, 1)), batch)
        return part, no_delay(n)

    costs = pair_costs(demand_at, np.full(n, target), column["holding"], "fill_rate")
    zero = np.zeros(n, dtype=np.int64)
    return source_costs(costs, zero, column["class"].astype(np.int64), 1, np.array([order_cost]), np.full(n, line_cost))


@settings(max_examples=12, deadline=None)
@given(st.lists(PART, min_size=1, max_size=3), st.floats(0, 60), st.floats(0, 9))
def test_every_choice_costs_what_plain_loops_say(parts, order_cost, line_cost):
    """Some of the 125 choices, and the cheapest of all that the loops would find among them."""
    got = weighed(parts, order_cost, line_cost)
    shown = [0, 31, 62, 93, 124]
    for number in shown:
        periods = {place: PERIODS[period] for place, period in enumerate(CHOICES[number].tolist())}
        money, lines = twin.cost_of_periods(parts, periods, 0.9, order_cost, line_cost)
        assert got.money[0, number] == pytest.approx(money, rel=1e-4, abs=1e-6)
        assert got.lines_per_day[0, number] == pytest.approx(lines, rel=1e-6)
    assert got.money.min() == got.money[0, cheapest_periods(got).choice[0]]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 30), st.integers(1, 12)), min_size=3, max_size=3), min_size=1, max_size=4
    ),
    st.integers(3, 50),
)
def test_choice_within_the_lines_equals_full_enumeration(choices, most):
    """Every combination of the sources' choices: the cheapest of those with few enough lines."""
    money = np.array([[m for m, _ in row] for row in choices], dtype=float)
    lines = np.array([[n for _, n in row] for row in choices], dtype=float)
    costs = SourceCosts(money, lines, np.zeros_like(lines))
    every = list(product(range(3), repeat=len(choices)))
    row = np.arange(len(choices))
    feasible = [money[row, list(one)].sum() for one in every if lines[row, list(one)].sum() <= most]
    if not feasible:
        with pytest.raises(SettingsError, match=rf"{most} order lines a day are too few: even the rarest reviews need"):
            cheapest_periods(costs, float(most))
        return
    got = cheapest_periods(costs, float(most))
    assert lines[row, got.choice].sum() <= most + 1e-9
    assert money[row, got.choice].sum() == pytest.approx(min(feasible))
    assert got.objective == pytest.approx(min(feasible))
    assert got.bound <= got.objective + 1e-6


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.integers(1, 30), st.integers(1, 12)), min_size=3, max_size=3), st.integers(1, 12)
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(12, 50),
)
def test_choice_within_the_lines_of_each_source_equals_full_enumeration(sources, most):
    """As above, where besides each source takes so many lines of its own, or as few as can be."""
    money = np.array([[m for m, _ in row] for row, _ in sources], dtype=float)
    lines = np.array([[n for _, n in row] for row, _ in sources], dtype=float)
    taken = np.maximum(np.array([own for _, own in sources], dtype=float), lines.min(axis=1))
    row = np.arange(len(sources))
    feasible = [
        money[row, list(one)].sum()
        for one in product(range(3), repeat=len(sources))
        if lines[row, list(one)].sum() <= most and (lines[row, list(one)] <= taken).all()
    ]
    costs = within_source(SourceCosts(money, lines, lines), np.array([own for _, own in sources], dtype=float))
    if not feasible:
        with pytest.raises(SettingsError, match="order lines a day are too few"):
            cheapest_periods(costs, float(most))
        return
    assert cheapest_periods(costs, float(most)).objective == pytest.approx(min(feasible))


def test_dear_orders_make_reviews_rare_and_dear_stock_frequent():
    part = {"rate": 0.5, "ratio": 1.0, "lead": 5.0, "multiple": 1, "class": 0}
    rare = weighed([{**part, "holding": 0.1}], 100.0, 5.0)
    often = weighed([{**part, "holding": 400.0}], 1.0, 0.0)
    assert PERIODS[CHOICES[cheapest_periods(rare).choice[0], 0]] == 20
    assert PERIODS[CHOICES[cheapest_periods(often).choice[0], 0]] == 1


def test_no_day_of_a_source_has_more_lines_than_the_site_can_handle():
    """Monthly reviews cost least and would bring 40 lines at once: of those with 30 at most, the cheapest."""
    money, lines = np.array([[1.0, 2.0, 9.0]]), np.array([[2.0, 3.0, 4.0]])
    costs = SourceCosts(money, lines, np.array([[40.0, 15.0, 4.0]]))
    assert cheapest_periods(costs, 50.0).choice.tolist() == [0]
    assert cheapest_periods(costs, 30.0).choice.tolist() == [1]
    assert cheapest_periods(costs, 3.0).choice.tolist() == [0]  # no choice keeps to 3: the cheapest of 3 a day


def test_classes_of_a_source_share_its_orders():
    """Two classes of fast parts every 5 days: 52 orders a year, not 104."""
    fast = {"rate": 20.0, "ratio": 1.0, "lead": 1.0, "multiple": 1, "holding": 0.0}
    got = weighed([{**fast, "class": 0}, {**fast, "class": 1}], 1.0, 0.0)
    both = np.flatnonzero((np.array(PERIODS)[CHOICES] == [5, 5, 20]).all(axis=1))[0]
    assert got.money[0, both] == pytest.approx(365.25 / 7, rel=1e-6)
    mixed = np.flatnonzero((np.array(PERIODS)[CHOICES] == [5, 2, 20]).all(axis=1))[0]
    assert got.money[0, mixed] == pytest.approx(365.25 / 28 * 12, rel=1e-6)  # ten days and four, two of them shared


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 12), st.integers(1, 4), st.floats(0, 5), st.floats(0.01, 5), st.sampled_from([1.0, 1.5, 6.0]))
def test_stock_on_hand_and_chance_of_a_line_match_their_twins(level, batch, lead, review, ratio):
    leads, protections, weights = [lead, lead + 1], [lead + review, lead + 1 + review], [0.3, 0.7]
    got = mean_on_hand([level], [batch], [leads], [protections], [ratio], [weights])[0]
    expected = twin.mean_on_hand(level, batch, leads, protections, ratio, weights)
    assert got == pytest.approx(expected, rel=2e-4, abs=1e-5)
    assert order_chance(batch, review, ratio) == pytest.approx(twin.order_chance(batch, review, ratio), abs=1e-9)


def test_stock_of_very_large_demand_is_that_of_the_closed_form():
    """Both ways at 500 pieces, where the walk still goes; and beyond it stock is level less mean demand."""
    walked = mean_on_hand([520], [3], [400.0], [500.0], [2.0])[0]
    assert walked == pytest.approx(twin.mean_on_hand(520, 3, [400.0], [500.0], 2.0, [1.0]), rel=1e-4)
    assert mean_on_hand([9000], [1], [4000.0], [5000.0], [1.5])[0] == pytest.approx(4500, rel=1e-6)
