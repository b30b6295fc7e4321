from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from ortools.constraint_solver import pywrapcp

from partsopt.errors import NoPlan
from partsopt.routing.insertion import cheapest_place
from partsopt.routing.model import weights_of
from partsopt.routing.search import search_day
from partsopt.routing.timetable import Broken, DayProblem, Delivery, Van, starts_of, times_of_day, times_of_trip
from partsopt.settings import RoutingParams
from tests.reference import reference_most_served

HOUR = 3600
PARAMS = RoutingParams(solution_limit=60)


def random_day(seed, n=6, n_vans=2, n_tiers=3, max_trips=1, lanes=False, wishes=False):
    """A day too full to serve everybody: narrow windows, small vans, releases over the morning."""
    draw = random.Random(seed)  # noqa: S311 -- days to test, not secrets
    spots = [(0.0, 0.0)] + [(draw.uniform(-60, 60), draw.uniform(-60, 60)) for _ in range(n)]
    minutes = np.array([[np.hypot(a[0] - b[0], a[1] - b[1]) for b in spots] for a in spots])
    travel_s = np.ceil(minutes * 60).astype(np.int64)
    vans = tuple(
        Van(
            grams=draw.choice([60, 100]),
            cm3=1000,
            fixed_cost=draw.choice([0.0, 200.0]),
            cost_per_m=0.001,
            cost_per_s=0.01,
            start_s=8 * HOUR,
            end_s=draw.choice([12, 14]) * HOUR,
            max_trips=max_trips,
            reload_s=900,
        )
        for _ in range(n_vans)
    )
    deliveries = []
    for place in range(1, n + 1):
        opens = draw.choice([8, 9, 10])
        tier = draw.randrange(n_tiers)
        deliveries.append(
            Delivery(
                place=place,
                tier=tier,
                grams=draw.randint(20, 60),
                cm3=1,
                released_s=draw.choice([0, 9 * HOUR, 10 * HOUR]),
                opens_s=opens * HOUR,
                closes_s=(opens + draw.choice([1, 2, 4])) * HOUR,
                service_s=600,
                wanted_s=10 * HOUR if wishes and tier < 2 else None,
                lane_cost=draw.choice([50.0, 500.0]) if lanes and draw.random() < 0.5 else None,
                lane_keeps_promise=draw.random() < 0.5,
            )
        )
    problem = DayProblem(
        deliveries=tuple(deliveries), vans=vans, distance_m=travel_s * 15, travel_s=travel_s, late_cost_per_s=0.1
    )
    return with_vehicles(problem)


def with_vehicles(problem):
    closes = [one.closes_s for one in problem.deliveries]
    able = [
        tuple(
            number
            for number, van in enumerate(problem.vans)
            if not isinstance(times_of_trip(problem, van, [one], 0, closes), Broken)
        )
        for one in range(len(problem.deliveries))
    ]
    return replace(
        problem, deliveries=tuple(replace(one, vehicles=by) for one, by in zip(problem.deliveries, able, strict=True))
    )


def only(problem, tier):
    """The same day with the deliveries down to a tier, and their numbers in the whole day."""
    kept = [one for one, each in enumerate(problem.deliveries) if each.tier <= tier]
    return replace(problem, deliveries=tuple(problem.deliveries[one] for one in kept)), kept


def on_board(found):
    return {one for day in found.trips for trip in day for one in trip}


@pytest.mark.parametrize("seed", range(40))
def test_as_many_of_the_first_tier_are_served_as_can_be(seed):
    """Every set, vehicle and order of six deliveries was tried: no plan serves more of the first tier."""
    problem = random_day(seed)
    if len({van.end_s for van in problem.vans}) > 1:
        problem = with_vehicles(
            DayProblem(
                deliveries=problem.deliveries,
                vans=(problem.vans[0], problem.vans[0]),
                distance_m=problem.distance_m,
                travel_s=problem.travel_s,
                late_cost_per_s=0.1,
            )
        )
    found = search_day(problem, PARAMS)
    ranks = sorted({one.tier for one in problem.deliveries})
    served = tuple(sum(problem.deliveries[one].tier == rank for one in on_board(found)) for rank in ranks)
    most = reference_most_served(
        [one.tier for one in problem.deliveries],
        [one.grams for one in problem.deliveries],
        [van.grams for van in problem.vans],
        [one.place for one in problem.deliveries],
        [one.released_s for one in problem.deliveries],
        [(one.opens_s, one.closes_s) for one in problem.deliveries],
        [one.service_s for one in problem.deliveries],
        problem.travel_s.tolist(),
        (problem.vans[0].start_s, problem.vans[0].end_s),
    )
    assert served[0] == most[0]


@pytest.mark.parametrize("seed", range(30))
def test_lower_tiers_never_cost_a_higher_one_a_place_or_a_minute(seed):
    """Planned without the lower tiers, nothing of the higher ones is served that is not served with them, or sooner."""
    problem = random_day(seed, n=9, max_trips=1 + seed % 2, lanes=True, wishes=True)
    whole = search_day(problem, PARAMS)
    starts = starts_of(problem, whole.trips, whole.latest_s)
    for tier in sorted({one.tier for one in problem.deliveries})[:-1]:
        part, kept = only(problem, tier)
        alone = search_day(part, PARAMS)
        alone_starts = starts_of(part, alone.trips, alone.latest_s)
        n_alone = sum(1 for one in alone_starts if part.deliveries[one].lane_cost is None)
        n_whole = sum(
            1 for one in starts if problem.deliveries[one].tier <= tier and problem.deliveries[one].lane_cost is None
        )
        assert n_whole >= n_alone
        if on_board(whole) & set(kept) == {kept[one] for one in alone_starts}:
            for one, start in alone_starts.items():
                if problem.deliveries[kept[one]].wanted_s is not None and whole.why.count("again") == 0:
                    assert starts[kept[one]] <= max(start, problem.deliveries[kept[one]].due_s or 0)


@pytest.mark.parametrize("seed", range(30))
def test_taking_off_lower_tiers_never_admits_what_was_left_out(seed):
    problem = random_day(seed, n=10, max_trips=1 + seed % 2)
    found = search_day(problem, PARAMS)
    for one, delivery in enumerate(problem.deliveries):
        if one in on_board(found) or not delivery.vehicles:
            continue
        higher = tuple(
            tuple(
                kept
                for trip in day
                if (kept := tuple(other for other in trip if problem.deliveries[other].tier <= delivery.tier))
            )
            for day in found.trips
        )
        assert cheapest_place(problem, one, higher, found.latest_s) is None


@pytest.mark.parametrize("seed", range(20))
def test_every_trip_found_can_be_driven(seed):
    problem = random_day(seed, n=10, max_trips=2, lanes=True, wishes=True)
    found = search_day(problem, PARAMS)
    for number, day in enumerate(found.trips):
        assert not isinstance(times_of_day(problem, number, day, found.latest_s), Broken)
    assert len(on_board(found)) == sum(len(trip) for day in found.trips for trip in day)


def test_each_penalty_outweighs_everything_below_it():
    problem = random_day(3, n=10, lanes=True, wishes=True)
    weights, n = weights_of(problem), len(problem.deliveries)
    bad_lanes = sum(1 for one in problem.deliveries if one.lane_cost is not None and not one.lane_keeps_promise)
    no_lanes = sum(1 for one in problem.deliveries if one.lane_cost is None)
    cost = sum(one.lane_cost or 0 for one in problem.deliveries) + sum(van.fixed_cost for van in problem.vans)
    assert weights.late_lane > cost * weights.scale
    assert weights.unserved > (2 * bad_lanes + 1) * weights.late_lane
    assert weights.unserved_higher > no_lanes * weights.unserved
    assert weights.unserved_higher * (no_lanes + 1) < 2**53
    assert n == 10


def test_costs_too_large_to_rank_are_refused():
    problem = random_day(3)
    dear = replace(problem, vans=tuple(replace(van, fixed_cost=1e18) for van in problem.vans))
    with pytest.raises(NoPlan, match="too large to rank; give money in larger units"):
        weights_of(dear)


def test_nothing_to_bring_is_nothing_to_do():
    problem = random_day(3, n_vans=0)
    assert search_day(problem, PARAMS).status == "nothing_to_do"


def test_an_exhausted_clock_is_reported_and_still_gives_a_plan(monkeypatch):
    """The first search uses up all the time: the others are refused, and the plan of cheapest insertion stands."""
    monkeypatch.setattr(pywrapcp.Solver, "WallTime", lambda _: 10**9)
    found = search_day(random_day(3), PARAMS)
    assert found.status == "time_limit"
    assert "cut off by routing.time_limit_s = 300" in found.why
    assert on_board(found)


def test_a_solver_without_an_answer_is_a_fallback(monkeypatch):
    """OR-Tools gives no assignment: the plan of cheapest insertion stands, and says so."""
    monkeypatch.setattr(pywrapcp.RoutingModel, "SolveWithParameters", lambda *_: None)
    monkeypatch.setattr(pywrapcp.RoutingModel, "SolveFromAssignmentWithParameters", lambda *_: None)
    monkeypatch.setattr(pywrapcp.RoutingModel, "status", lambda _: 3)
    found = search_day(random_day(3), PARAMS)
    assert found.status == "fallback"
    assert "the plan is that of cheapest insertion; without an answer: PARALLEL_CHEAPEST_INSERTION" in found.why
    assert on_board(found)


def test_an_invalid_model_is_a_fault(monkeypatch):
    monkeypatch.setattr(pywrapcp.RoutingModel, "SolveWithParameters", lambda *_: None)
    monkeypatch.setattr(pywrapcp.RoutingModel, "status", lambda _: 5)
    with pytest.raises(NoPlan, match="OR-Tools answered ROUTING_INVALID"):
        search_day(random_day(3), PARAMS)
