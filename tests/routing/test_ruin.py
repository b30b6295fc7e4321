"""Ruin and recreate keeps every rule, is repeatable, and finds what a brute force finds."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import NoPlan
from partsopt.routing import ruin
from partsopt.routing.annealing import (
    Column,
    best_columns,
    best_cost,
    columns_of,
    cost_of_column,
    improve,
    nearest_clients,
    start_search,
    types_of,
)
from partsopt.routing.columns import choose_columns
from partsopt.routing.route_problem import NEVER, RouteProblem


def problem_on_a_line(
    at, *, n_vehicles=2, capacity=10, loads=None, closes=None, release=None, **changed
) -> RouteProblem:
    """Clients on a line with the depot at 0; one unit of money and of time for one unit of way."""
    places = np.array([0, *at], dtype=np.int64)
    n = len(places)
    apart = np.abs(places[:, None] - places[None, :])
    given_by_name = {
        "n_depots": 1,
        "distance": apart,
        "travel": apart,
        "loads": np.array([[0], *([one] for one in (loads or [1] * (n - 1)))], dtype=np.int64),
        "opens": np.zeros(n, dtype=np.int64),
        "closes": np.array([1000, *(closes or [1000] * (n - 1))], dtype=np.int64),
        "service": np.zeros(n, dtype=np.int64),
        "release": np.array([0, *(release or [0] * (n - 1))], dtype=np.int64),
        "wanted": np.full(n, NEVER),
        "due": np.full(n, NEVER),
        "late_per_time": 0.0,
        "price_out": np.full(n, 1e6),
        "vehicle_type": np.zeros(n_vehicles, dtype=np.int64),
        "type_depot": np.zeros(1, dtype=np.int64),
        "type_capacity": np.array([[capacity]], dtype=np.int64),
        "type_fixed": np.zeros(1),
        "type_per_distance": np.ones(1),
        "type_per_time": np.zeros(1),
        "type_per_client": np.zeros(1),
        "type_starts": np.zeros(1, dtype=np.int64),
        "type_ends": np.full(1, 1000, dtype=np.int64),
        "type_max_duration": np.full(1, 1000, dtype=np.int64),
        "type_max_trips": np.ones(1, dtype=np.int64),
        "type_reload": np.zeros(1, dtype=np.int64),
        "allowed": np.ones((1, n), dtype=np.uint8),
    }
    return RouteProblem(**{**given_by_name, **changed})


def searched(problem, iterations=300):
    search = start_search(problem, 1)
    improve(search, iterations, hot=5.0, cold=0.1)
    return search


def test_one_tour_over_a_line_goes_there_and_back_once():
    """Clients at 1, 2, 3: to 3 and back is 6."""
    search = searched(problem_on_a_line([1, 2, 3]))
    assert best_cost(search) == 6
    assert [len(one.trips) for one in best_columns(search)] == [1]


def test_a_full_vehicle_goes_twice_where_it_may_reload():
    """Room for one: two trips of 2 x 4, by the only vehicle."""
    again = {"n_vehicles": 1, "type_max_trips": np.array([2])}
    assert best_cost(searched(problem_on_a_line([4, 4], capacity=1, **again))) == 16


def test_a_release_holds_the_trip_not_the_stop():
    """Packed at 50, window of the other until 20, one vehicle with one trip: one of them stays out at its price."""
    search = searched(problem_on_a_line([4, 5], n_vehicles=1, release=[50, 0], closes=[1000, 20]))
    assert best_cost(search) == pytest.approx(1e6, rel=1e-4)
    two_trips = problem_on_a_line(
        [4, 5], n_vehicles=1, release=[50, 0], closes=[1000, 20], type_max_trips=np.array([2])
    )
    assert best_cost(searched(two_trips)) == 18


def test_a_client_dearer_than_its_price_stays_out():
    """At 100 the way is 200; left out it costs 30."""
    search = searched(problem_on_a_line([1, 100], price_out=np.array([0.0, 1e6, 30.0])))
    assert best_cost(search) == 32


def test_the_longest_duration_splits_a_tour():
    """To 10 and to -10 in one go takes 40; at most 30 each means two vehicles with 20 each."""
    problem = problem_on_a_line([10, 10], type_max_duration=np.array([30]))
    apart = np.array([[0, 10, 10], [10, 0, 20], [10, 20, 0]])
    problem = problem._replace(distance=apart, travel=apart)
    assert sorted(one.cost for one in best_columns(searched(problem))) == [20, 20]


def test_a_mixed_fleet_takes_the_cheaper_type():
    """Two small vehicles at 10 each against one large at 15: way 2 x 5 and 15 is 25."""
    problem = problem_on_a_line(
        [5, 5],
        n_vehicles=3,
        vehicle_type=np.array([0, 0, 1]),
        type_depot=np.zeros(2, dtype=np.int64),
        type_capacity=np.array([[1], [2]]),
        type_fixed=np.array([10.0, 15.0]),
        type_per_distance=np.ones(2),
        type_per_time=np.zeros(2),
        type_starts=np.zeros(2, dtype=np.int64),
        type_ends=np.full(2, 1000),
        type_max_duration=np.full(2, 1000),
        type_max_trips=np.ones(2, dtype=np.int64),
        type_reload=np.zeros(2, dtype=np.int64),
        allowed=np.ones((2, 3), dtype=np.uint8),
    )
    assert best_cost(searched(problem)) == 25


def test_the_same_seed_gives_the_same_days_and_the_input_is_not_changed():
    problem = problem_on_a_line([3, 9, 4, 7, 1, 12], capacity=3, n_vehicles=3)
    before = [np.copy(one) for one in problem[1:]]
    first, second = searched(problem), searched(problem)
    assert best_columns(first) == best_columns(second)
    assert columns_of(first) == columns_of(second)
    assert all(np.array_equal(one, other) for one, other in zip(before, problem[1:], strict=True))


@st.composite
def small_problems(draw):
    n = draw(st.integers(1, 5))
    numbers = st.lists(st.integers(1, 30), min_size=n, max_size=n)
    at, release = draw(numbers), draw(st.lists(st.integers(0, 60), min_size=n, max_size=n))
    closes = [one + draw(st.integers(0, 90)) for one in at]
    loads = draw(st.lists(st.integers(1, 4), min_size=n, max_size=n))
    trips = np.array([draw(st.integers(1, 2))])
    return problem_on_a_line(
        at, n_vehicles=1, capacity=5, loads=loads, closes=closes, release=release, type_max_trips=trips,
        type_reload=np.array([draw(st.integers(0, 5))]), price_out=np.full(n + 1, 100.0),
    )  # fmt: skip


def reference_best(problem: RouteProblem) -> float:
    """Every order of every subset, cut into at most so many trips, driven as early as possible."""
    n = len(problem.loads) - 1
    best = math.inf
    for size in range(n + 1):
        for order in itertools.permutations(range(1, n + 1), size):
            for n_cuts in range(min(int(problem.type_max_trips[0]), max(size, 1))):
                for cuts in itertools.combinations(range(1, size), n_cuts):
                    bounds = [0, *cuts, size]
                    trips = [order[a:b] for a, b in itertools.pairwise(bounds) if a < b]
                    cost = reference_cost(problem, trips)
                    if cost is not None:
                        best = min(best, cost + 100.0 * (n - size))
    return best


def reference_cost(problem: RouteProblem, trips) -> float | None:
    now, cost = 0, 0
    for number, trip in enumerate(trips):
        if sum(problem.loads[one, 0] for one in trip) > problem.type_capacity[0, 0]:
            return None
        now = max([now + (problem.type_reload[0] if number else 0), *(problem.release[one] for one in trip)])
        last = 0
        for one in (*trip, 0):
            now += problem.travel[last, one]
            cost += problem.distance[last, one]
            if now > problem.closes[one]:
                return None
            last = one
    return float(cost)


@settings(max_examples=60, deadline=None)
@given(small_problems())
def test_small_problems_are_solved_as_by_brute_force(problem):
    search = searched(problem, 400)
    assert best_cost(search) == pytest.approx(reference_best(problem))


@settings(max_examples=60, deadline=None)
@given(small_problems())
def test_every_column_met_can_be_driven_at_its_cost(problem):
    """Each day in the pool, recomputed in plain loops, costs what the search says and breaks no rule."""
    for column in columns_of(searched(problem, 100)):
        assert reference_cost(problem, column.trips) == pytest.approx(column.cost)
        assert cost_of_column(problem, column.vehicle_type, column.trips) == pytest.approx(column.cost)


def test_a_day_that_cannot_be_driven_has_no_cost():
    with pytest.raises(NoPlan, match="cannot be driven one after the other"):
        cost_of_column(problem_on_a_line([10], closes=[5]), 0, [[1]])


def test_the_choice_joins_days_of_different_plans():
    """Incumbent 20 + 20; the pool has a day for both at 25 and one for the first alone at 12: 25 is best, and the bound."""
    problem = problem_on_a_line([5, 6])
    incumbent = [Column(0, 20.0, ((1,),)), Column(0, 20.0, ((2,),))]
    pool = [Column(0, 25.0, ((1, 2),)), Column(0, 12.0, ((1,),))]
    choice = choose_columns(problem, pool, incumbent, effort=1.0)
    assert (choice.columns, choice.cost, choice.status) == ((pool[0],), 25.0, "optimal")
    assert choice.bound == pytest.approx(25.0)


def test_the_choice_uses_no_more_vehicles_than_there_are():
    """One vehicle: the two days of 5 cannot both be driven, one client stays out at its price."""
    problem = problem_on_a_line([5, 6], n_vehicles=1, price_out=np.array([0.0, 7.0, 9.0]))
    pool = [Column(0, 5.0, ((1,),)), Column(0, 5.0, ((2,),))]
    choice = choose_columns(problem, pool, [], effort=1.0)
    assert (choice.columns, choice.cost) == ((pool[1],), 12.0)


def test_alike_vehicles_are_one_type():
    numbers, first = types_of([("a", 1), ("b", 1), ("a", 1)])
    assert (numbers.tolist(), first) == ([0, 1, 0], [0, 1])


def test_the_bound_of_a_choice_without_an_answer_is_that_of_its_prices():
    """Three clients, three days of two at 10 each: halves of all cost 15; a whole choice needs one day more."""
    problem = problem_on_a_line([5, 6, 7], n_vehicles=3)
    pairs = [Column(0, 10.0, ((1, 2),)), Column(0, 10.0, ((2, 3),)), Column(0, 10.0, ((1, 3),))]
    incumbent = [pairs[0], Column(0, 11.0, ((3,),))]
    choice = choose_columns(problem, pairs, incumbent, effort=1e-6)
    assert (choice.columns, choice.cost) == (tuple(incumbent), 21.0)
    assert choice.bound <= 15.0 + 1e-9
    whole = choose_columns(problem, pairs, incumbent, effort=1.0)
    assert (whole.cost, whole.bound) == (21.0, pytest.approx(21.0))


@given(small_problems())
@settings(max_examples=30, deadline=None)
def test_the_bound_is_below_every_choice_of_the_days_met(problem):
    """Brute force over all sets of at most four columns that visit each client once or leave it out."""
    search = searched(problem, 60)
    pool = columns_of(search)[:14]
    choice = choose_columns(problem, pool, best_columns(search), effort=1.0)
    assert choice.bound <= choice.cost + 1e-6
    counts = np.bincount(problem.vehicle_type, minlength=len(problem.type_depot))
    for size in range(5):
        for some in itertools.combinations(pool, size):
            visits = [one for column in some for trip in column.trips for one in trip]
            kinds = np.bincount([column.vehicle_type for column in some], minlength=len(counts)) if some else counts * 0
            if len(set(visits)) == len(visits) and (kinds <= counts).all():
                left = set(range(problem.n_depots, len(problem.loads))) - set(visits)
                cost = sum(column.cost for column in some) + sum(problem.price_out[one] for one in left)
                assert choice.bound <= cost + 1e-6


@pytest.mark.parametrize("seed", range(6))
def test_days_can_be_driven_where_the_straight_way_takes_longer(seed):
    """Ways drawn at random: without a client between, the way from one to the next may take longer, and come late."""
    generator = np.random.default_rng(seed)
    n = 14
    travel = generator.integers(1, 60, (n + 1, n + 1))
    np.fill_diagonal(travel, 0)
    closes = generator.integers(60, 260, n).tolist()
    problem = problem_on_a_line(
        range(1, n + 1), n_vehicles=4, closes=closes, release=generator.integers(0, 50, n).tolist(), travel=travel,
        distance=travel, type_max_trips=np.array([2]), type_max_duration=np.array([400]),
    )  # fmt: skip
    search = searched(problem, 2000)
    for column in [*columns_of(search), *best_columns(search)]:
        assert cost_of_column(problem, column.vehicle_type, column.trips) == pytest.approx(column.cost)


def test_who_cannot_follow_soon_is_far_in_time():
    """From 1, open at the beginning, 2 is a way of 1 but 489 of waiting, 3 a way of 2 and no waiting."""
    opens, closes = np.array([0, 0, 500, 0]), [10, 510, 10]
    near = nearest_clients(problem_on_a_line([1, 2, 3], opens=opens, closes=closes))
    assert near.by_way[0].tolist() == [1, 2, 3]
    assert near.in_time[0].tolist() == [1, 3, 2]


def test_who_is_packed_late_is_far_in_time():
    """2 is packed at 500: nobody is there before 502, when 1 and 3 have closed; either wait counts a fifth."""
    near = nearest_clients(problem_on_a_line([1, 2, 3], closes=[10, 1000, 10], release=[0, 500, 0]))
    assert near.in_time.tolist() == [[1, 3, 2], [2, 1, 3], [3, 1, 2]]


def test_without_windows_near_is_near_in_time():
    """Ties go to the lower number, each client is the first of its own row."""
    near = nearest_clients(problem_on_a_line([5, 4, 4, 1]))
    assert near.in_time.tolist() == near.by_way.tolist()
    assert near.by_way[2].tolist() == [3, 2, 1, 4]
    assert near.by_way[0].tolist() == [1, 2, 3, 4]


def test_equal_matrices_are_held_once():
    """Distances and times alike and both ways alike: one matrix; a longer way back: its own."""
    problem = problem_on_a_line([1, 2, 3])
    search = start_search(problem._replace(travel=problem.distance.copy()), 1)
    assert search.problem.travel is search.state.to is search.state.travel_to is search.problem.distance
    longer = problem.travel.copy()
    longer[1, 0] += 1
    search = start_search(problem._replace(travel=longer), 1)
    assert search.state.travel_to.tolist() == longer.T.tolist()
    assert search.problem.travel is longer
    assert search.state.to is search.problem.distance


def test_ends_of_two_trips_are_exchanged():
    """Two trips that each serve both sides of the depot drive 2 x 6; with their ends exchanged 2 x 4."""
    search = start_search(problem_on_a_line([1, 2, -1, -2], capacity=2), 1, [[[1, 4]], [[3, 2]]])
    assert best_cost(search) == 12
    for _ in range(100):
        ruin._exchange_ends(search.problem, search.state, 1e-9, 0.01)
    assert best_cost(search) == 8
    assert {frozenset(one.trips[0]) for one in best_columns(search)} == {frozenset({1, 2}), frozenset({3, 4})}


def test_ends_that_are_too_heavy_stay():
    """Both clients on one side weigh 12 of 10: the exchange that would save 4 is not made, and no other saves."""
    heavy = problem_on_a_line([1, 2, -1, -2], capacity=10, loads=[6, 6, 4, 4])
    search = start_search(heavy, 1, [[[1, 4]], [[3, 2]]])
    for _ in range(100):
        ruin._exchange_ends(search.problem, search.state, 1e-9, 0.01)
    assert best_cost(search) == 12
