"""One DC's day as an OR-Tools routing model: trips of vehicles, releases, windows, loads and alternatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from ortools.constraint_solver import pywrapcp

from partsopt.routing.timetable import HORIZON_S, DayProblem, Trips

LARGEST_OBJECTIVE = 2**53
SCALES = (10_000, 1_000, 100, 10, 1)


@dataclass(frozen=True)
class Terms:
    """What one pass demands of a delivery: its latest start, and what it costs to leave it off the vehicles.

    ``penalty`` is in the model's whole units; None: a vehicle must carry it.
    """

    latest_s: int
    penalty: int | None


@dataclass(frozen=True)
class Weights:
    """Whole units for one unit of money, and the steps between the ways a delivery can fail.

    ``late_lane`` exceeds the cost of any plan; ``unserved`` exceeds every delivery going by a late lane;
    ``unserved_higher`` exceeds every delivery of the pass unserved.
    """

    scale: int
    late_lane: int
    unserved: int
    unserved_higher: int


@dataclass(frozen=True)
class RoutingModel:
    """A built model: OR-Tools' manager and model, the trip behind each of its vehicles, the deliveries in it."""

    manager: Any
    routing: Any
    copies: tuple[tuple[int, int], ...]
    deliveries: tuple[int, ...]


class Reach(NamedTuple):
    """Shortest times between the DC and each place, out and back, seconds."""

    out_s: np.ndarray
    back_s: np.ndarray


def weights_of(problem: DayProblem) -> Weights:
    """Penalties derived from the data, so that each step outweighs everything below it.

    Raises
    ------
    ValueError
        The steps do not fit below 2^53 even in whole units of money.
    """
    n = len(problem.deliveries)
    plan_cost = 1.0
    farthest_m = float(problem.distance_m.max(initial=0))
    for van in problem.vans:
        plan_cost += van.fixed_cost + van.cost_per_s * max(van.end_s - van.start_s, 0)
    if problem.vans:
        trips = sum(van.max_trips for van in problem.vans)
        plan_cost += max(van.cost_per_m for van in problem.vans) * farthest_m * (n + trips)
    for one in problem.deliveries:
        plan_cost += one.lane_cost or 0.0
        if one.wanted_s is not None:
            late_s = max(one.lane_arrives_s if one.lane_cost is not None else 0, one.closes_s) - one.wanted_s
            plan_cost += problem.late_cost_per_s * max(late_s, 0)
    for scale in SCALES:
        late_lane = int(plan_cost * scale) + 4 * n + 1
        unserved = 2 * (n + 1) * late_lane
        unserved_higher = (n + 1) * unserved
        if (n + 1) * unserved_higher < LARGEST_OBJECTIVE:
            return Weights(scale, late_lane, unserved, unserved_higher)
    raise ValueError(f"costs of {plan_cost:.3g} for {n} deliveries are too large to rank; give money in larger units")


def build_model(problem: DayProblem, terms: Mapping[int, Terms], weights: Weights, max_failures: int) -> RoutingModel:
    """Build the model of one pass.

    Each trip of a vehicle is a vehicle of the model. Time along a trip is one dimension; the departure is
    another that is constant along the trip: a delivery's release is its lower bound, and the trip leaves
    no earlier, so that goods are free when they are packed and not when the vehicle stands at the dealer.
    A trip follows the one before of the same vehicle after its return and loading, and exists only if that
    does; the first bears the fixed cost of the day.

    Parameters
    ----------
    terms
        The deliveries of the pass and what is demanded of each.
    max_failures
        The search stops after so many rejected candidates.
    """
    members = tuple(sorted(terms))
    copies = tuple((number, trip) for number, van in enumerate(problem.vans) for trip in range(van.max_trips))
    places = np.array([0, *(problem.deliveries[one].place for one in members)], dtype=np.int64)
    manager = pywrapcp.RoutingIndexManager(len(places), len(copies), 0)
    routing = pywrapcp.RoutingModel(manager)
    solver = routing.solver()
    solver_limit = solver.FailuresLimit(max_failures)
    routing.AddSearchMonitor(solver_limit)

    _add_distance_cost(problem, routing, copies, places, weights.scale)
    departure, clock = _add_times(problem, routing, places, members)
    reach = Reach(shortest_from(problem.travel_s), shortest_from(problem.travel_s.T))
    earliest = {number: _earliest_later_trip(problem, number, members, reach) for number in range(len(problem.vans))}
    for copy, (number, trip) in enumerate(copies):
        van = problem.vans[number]
        start, end = routing.Start(copy), routing.End(copy)
        first_s = van.start_s if trip == 0 else min(earliest[number], van.end_s)
        clock.CumulVar(start).SetRange(min(first_s, van.end_s), van.end_s)
        clock.CumulVar(end).SetRange(min(van.start_s, van.end_s), van.end_s)
        solver.Add(clock.CumulVar(start) >= departure.CumulVar(start))
        clock.SetSpanCostCoefficientForVehicle(round(van.cost_per_s * weights.scale), copy)
        if trip == 0:
            routing.SetFixedCostOfVehicle(round(van.fixed_cost * weights.scale), copy)
        else:
            solver.Add(routing.ActiveVehicleVar(copy) <= routing.ActiveVehicleVar(copy - 1))
            ready = clock.CumulVar(routing.End(copy - 1)) + van.reload_s
            solver.Add(clock.CumulVar(start) >= ready * routing.ActiveVehicleVar(copy))

    grams = [0, *(problem.deliveries[one].grams for one in members)]
    cm3 = [0, *(problem.deliveries[one].cm3 for one in members)]
    for name, loads, capacities in (
        ("grams", grams, [problem.vans[number].grams for number, _ in copies]),
        ("cm3", cm3, [problem.vans[number].cm3 for number, _ in copies]),
    ):
        unary = routing.RegisterUnaryTransitVector(loads)
        routing.AddDimensionWithVehicleCapacity(unary, 0, capacities, True, name)

    late_cost = round(problem.late_cost_per_s * weights.scale)
    for node, one in enumerate(members, start=1):
        delivery, demanded = problem.deliveries[one], terms[one]
        index = manager.NodeToIndex(node)
        first_s = max(delivery.opens_s, delivery.released_s + int(reach.out_s[delivery.place]))
        clock.CumulVar(index).SetRange(first_s, max(demanded.latest_s, first_s))
        departure.CumulVar(index).SetRange(delivery.released_s, HORIZON_S)
        if delivery.wanted_s is not None:
            clock.SetCumulVarSoftUpperBound(index, delivery.wanted_s, late_cost)
        able = [
            copy
            for copy, (number, trip) in enumerate(copies)
            if number in delivery.vehicles
            and demanded.latest_s >= first_s
            and (trip == 0 or _fits_later(problem, number, one, earliest[number], demanded.latest_s, reach))
        ]
        routing.VehicleVar(index).SetValues([-1, *able])
        if demanded.penalty is not None:
            routing.AddDisjunction([index], demanded.penalty)
    return RoutingModel(manager, routing, copies, members)


def routes_of(model: RoutingModel, trips: Trips) -> list[list[int]]:
    """A plan as the model's variable indices, one list for each of its vehicles."""
    node = {one: model.manager.NodeToIndex(number) for number, one in enumerate(model.deliveries, start=1)}
    return [
        [node[one] for one in trips[number][trip]] if trip < len(trips[number]) else [] for number, trip in model.copies
    ]


def trips_of(model: RoutingModel, assignment: Any, n_vans: int) -> Trips:
    """The plan in an assignment of the model."""
    trips: list[list[tuple[int, ...]]] = [[] for _ in range(n_vans)]
    for copy, (number, _) in enumerate(model.copies):
        sequence = []
        index = assignment.Value(model.routing.NextVar(model.routing.Start(copy)))
        while not model.routing.IsEnd(index):
            sequence.append(model.deliveries[model.manager.IndexToNode(index) - 1])
            index = assignment.Value(model.routing.NextVar(index))
        if sequence:
            trips[number].append(tuple(sequence))
    return tuple(tuple(one) for one in trips)


def _add_distance_cost(
    problem: DayProblem, routing: Any, copies: Sequence[tuple[int, int]], places: np.ndarray, scale: int
) -> None:
    distance_m = problem.distance_m[np.ix_(places, places)]
    matrices: dict[float, int] = {}
    for copy, (number, _) in enumerate(copies):
        cost_per_m = problem.vans[number].cost_per_m
        if cost_per_m not in matrices:
            costs = np.rint(distance_m * (cost_per_m * scale)).astype(np.int64)
            matrices[cost_per_m] = routing.RegisterTransitMatrix(costs.tolist())
        routing.SetArcCostEvaluatorOfVehicle(matrices[cost_per_m], copy)


def _add_times(
    problem: DayProblem,
    routing: Any,
    places: np.ndarray,
    members: Sequence[int],
) -> tuple[Any, Any]:
    service_s = np.array([0, *(problem.deliveries[one].service_s for one in members)], dtype=np.int64)
    elsewhere = places[:, None] != places[None, :]
    elsewhere[1:, 0] = True
    transit_s = problem.travel_s[np.ix_(places, places)] * elsewhere + service_s[:, None] * elsewhere
    time = routing.RegisterTransitMatrix(transit_s.tolist())
    routing.AddDimension(time, HORIZON_S, HORIZON_S, False, "clock")
    routing.AddConstantDimensionWithSlack(0, HORIZON_S, 0, False, "departure")
    return routing.GetDimensionOrDie("departure"), routing.GetDimensionOrDie("clock")


def shortest_from(travel_s: np.ndarray) -> np.ndarray:
    """Shortest time from place 0 to each place by way of any others, seconds, shape (places,).

    A table of road times need not obey the triangle inequality; only this bound holds on every trip.

    Examples
    --------
    >>> shortest_from(np.array([[0, 9, 2], [9, 0, 3], [2, 3, 0]])).tolist()
    [0, 5, 2]
    """
    reached = travel_s[0].copy()
    while True:
        better = np.minimum(reached, (reached[:, None] + travel_s).min(axis=0))
        if (better == reached).all():
            return reached
        reached = better


def _earliest_later_trip(problem: DayProblem, number: int, members: Sequence[int], reach: Reach) -> int:
    """When a second trip of a vehicle could start: after the shortest first one and loading."""
    van = problem.vans[number]
    backs = [
        _direct_return(problem, one, van.start_s, reach)
        for one in members
        if number in problem.deliveries[one].vehicles
    ]
    return min(backs, default=HORIZON_S) + van.reload_s


def _direct_return(problem: DayProblem, one: int, free_from_s: int, reach: Reach) -> int:
    delivery = problem.deliveries[one]
    arrives_s = max(free_from_s, delivery.released_s) + int(reach.out_s[delivery.place])
    return max(arrives_s, delivery.opens_s) + delivery.service_s + int(reach.back_s[delivery.place])


def _fits_later(problem: DayProblem, number: int, one: int, free_from_s: int, latest_s: int, reach: Reach) -> bool:
    delivery = problem.deliveries[one]
    arrives_s = max(free_from_s, delivery.released_s) + int(reach.out_s[delivery.place])
    return arrives_s <= latest_s and _direct_return(problem, one, free_from_s, reach) <= problem.vans[number].end_s
