"""The system approach: full enumeration, the fill rates of its staircases, bounds, refusals."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish.service import batch_fill_rate
from partsopt.replenish.targets import (
    Staircases,
    cost_of_fixed,
    purchases,
    service_weights,
    staircases,
    system_levels,
)

PARTS = st.lists(
    st.tuples(
        st.floats(0.05, 3.0),  # demand over lead time
        st.floats(0.05, 3.0),  # demand over the review period
        st.one_of(st.just(1.0), st.floats(1.01, 6.0)),
        st.one_of(st.floats(0.5, 50.0), st.integers(1, 4).map(float)),
        st.floats(0.1, 5.0),  # weight
        st.integers(1, 3),  # batch
        st.integers(0, 1),  # floor
        st.integers(1, 6),  # levels above it
    ),
    min_size=1,
    max_size=4,
)


def made(parts):
    lead, review, ratio, cost, weight, batch, low, above = (np.array(column) for column in zip(*parts, strict=True))
    ones = np.ones((len(parts), 1))
    stairs = staircases(lead[:, None], (lead + review)[:, None], ratio, ones, batch, low, low + above)
    return stairs, cost, weight / weight.sum()


def every_choice(stairs, cost, weight):
    """Money and service of every combination of levels."""
    entries = [range(stairs.start[i], stairs.start[i + 1]) for i in range(len(cost))]
    for choice in itertools.product(*entries):
        money = sum(cost[i] * stairs.level[entry] for i, entry in enumerate(choice))
        yield money, sum(weight[i] * stairs.fill_rate[entry] for i, entry in enumerate(choice))


@settings(max_examples=100, deadline=None)
@given(PARTS, st.floats(0.01, 0.999))
def test_cheapest_levels_equal_full_enumeration(parts, share):
    stairs, cost, weight = made(parts)
    choices = list(every_choice(stairs, cost, weight))
    low, high = min(s for _, s in choices), max(s for _, s in choices)
    target = low + share * (high - low)
    if not 0 < target < 1:
        return
    got = system_levels(stairs, cost, weight, target=target)
    assert got.status == "optimal"
    assert got.service >= target - 1e-9
    assert got.money == pytest.approx(min(m for m, s in choices if s >= target - 1e-12), abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(PARTS, st.floats(0, 1))
def test_best_service_of_a_budget_equals_full_enumeration(parts, share):
    stairs, cost, weight = made(parts)
    choices = list(every_choice(stairs, cost, weight))
    low, high = min(m for m, _ in choices), max(m for m, _ in choices)
    budget = low + share * (high - low)
    got = system_levels(stairs, cost, weight, budget=budget)
    assert got.status == "optimal"
    assert got.money <= budget + 1e-9
    assert got.service == pytest.approx(max(s for m, s in choices if m <= budget + 1e-9), abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(PARTS)
def test_staircases_are_the_exact_fill_rates(parts):
    stairs, _, _ = made(parts)
    for i, (lead, review, ratio, _, _, batch, low, above) in enumerate(parts):
        levels = stairs.level[stairs.start[i] : stairs.start[i + 1]]
        assert levels[0] == low
        assert levels[-1] == low + above or stairs.fill_rate[stairs.start[i + 1] - 1] >= 1 - 1e-6
        n = len(levels)
        expected = batch_fill_rate(levels, [batch] * n, [lead] * n, [lead + review] * n, [ratio] * n)
        assert stairs.fill_rate[stairs.start[i] : stairs.start[i + 1]] == pytest.approx(expected, abs=1e-9)


def test_uncertain_lead_times_are_mixed():
    lead, protection, weights = [[1.0, 2.0, 3.0]], [[2.0, 3.0, 4.0]], [[1 / 6, 2 / 3, 1 / 6]]
    stairs = staircases(lead, protection, [2.0], weights, [2], [3], [8])
    expected = batch_fill_rate(stairs.level, [2] * 6, lead * 6, protection * 6, [2.0] * 6, weights * 6)
    assert stairs.fill_rate == pytest.approx(expected, abs=1e-10)


def test_demand_too_large_to_walk_has_a_coarse_staircase():
    stairs = staircases([[2000.0], [1.0]], [[3000.0], [2.0]], [3.0, 1.0], [[1.0]] * 2, [1, 1], [1, 1], [10**6] * 2)
    sizes = np.diff(stairs.start)
    assert sizes[0] == 64
    assert stairs.fill_rate[stairs.start[1] - 1] == pytest.approx(1 - 1e-6, abs=1e-6)
    assert (np.diff(stairs.fill_rate[: sizes[0]]) >= 0).all()


def test_a_large_choice_is_close_to_the_convex_bound():
    """5,000 parts: at most one step from the relaxation, 0.1 % of the money."""
    rng = np.random.default_rng(7)
    n = 5000
    lead = rng.lognormal(-0.5, 1.2, (n, 1))
    stairs = staircases(
        lead, 1.5 * lead, 1 + rng.gamma(1.0, 1.0, n), np.ones((n, 1)), np.ones(n, int), np.ones(n, int), np.full(n, 999)
    )
    cost, weight = rng.lognormal(3, 1.2, n), lead[:, 0] / lead.sum()
    by_target = system_levels(stairs, cost, weight, target=0.95)
    assert by_target.service >= 0.95
    assert by_target.bound <= by_target.objective
    assert by_target.gap < 0.001
    by_budget = system_levels(stairs, cost, weight, budget=by_target.money)
    assert by_budget.money <= by_target.money
    assert by_budget.service == pytest.approx(by_target.service, abs=1e-5)


def test_steps_are_bought_in_the_order_of_service_for_money():
    stairs, cost, weight = made([(1.0, 1.0, 1.0, 2.0, 1.0, 1, 0, 6), (0.5, 1.0, 3.0, 5.0, 2.0, 1, 0, 6)])
    bought = purchases(stairs, cost, weight)
    gain = bought.service / bought.money
    assert (np.diff(gain) <= 1e-15).all()


def test_planners_levels_stand_and_their_cost_is_told():
    stairs, cost, weight = made([(1.0, 1.0, 1.0, 1.0, 1.0, 1, 0, 9), (1.0, 1.0, 1.0, 10.0, 1.0, 1, 0, 9)])
    free = system_levels(stairs, cost, weight, target=0.9)
    bound = system_levels(stairs, cost, weight, target=0.9, fixed=[-1, 6])
    assert bound.order_up_to_level[1] == 6
    assert bound.service >= 0.9
    assert cost_of_fixed(stairs, cost, weight, [-1, 6], 0.9) == bound.money - free.money > 0


def test_weights_add_up_whatever_their_measures():
    weight = service_weights([1, 3], [2, 2], [9, 1], [1, 0.4], {"lines": 1, "units": 1, "value": 1, "criticality": 1})
    assert weight.sum() == pytest.approx(1.0)
    assert service_weights([0, 0], [0, 0], [1, 1], [1, 1], {"lines": 1.0}).tolist() == [0.5, 0.5]
    with pytest.raises(SettingsError, match="sales is not a measure of service"):
        service_weights([1], [1], [1], [1], {"sales": 1.0})
    with pytest.raises(SettingsError, match="none may be negative"):
        service_weights([1], [1], [1], [1], {"lines": -1.0})


def test_refusals_say_what_would_be_feasible():
    stairs = Staircases(np.array([0, 2]), np.array([1, 2]), np.array([0.5, 0.8]))
    with pytest.raises(SettingsError, match=r"the highest levels allowed give 80\.0000%"):
        system_levels(stairs, [3.0], [1.0], target=0.9)
    with pytest.raises(SettingsError, match=r"the lowest levels allowed, which cost 3\.00"):
        system_levels(stairs, [3.0], [1.0], budget=2.0)
    with pytest.raises(SettingsError, match=r"the service target is 1\.0; it must be above 0 and below 1"):
        system_levels(stairs, [3.0], [1.0], target=1.0)
    with pytest.raises(SettingsError, match="either a service target or a budget"):
        system_levels(stairs, [3.0], [1.0])
    with pytest.raises(SettingsError, match="the fixed level 5 of part number 0 is outside 1 to 2"):
        system_levels(stairs, [3.0], [1.0], target=0.7, fixed=[5])
