"""One DC's day as an OR-Tools routing model: trips of vehicles, releases, windows, loads and alternatives."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ortools.constraint_solver import pywrapcp

from partsopt.errors import NoPlan
from partsopt.routing.plainday import with_rests_on_the_way
from partsopt.routing.timetable import HORIZON_S, DayProblem, Delivery, Trips, Van

LARGEST_OBJECTIVE = 2**53
SCALES = (36_000, 3_600, 360, 36, 1)


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
    """A built model: OR-Tools' manager and model, the slot behind each of its vehicles, the deliveries in it."""

    manager: Any
    routing: Any
    slots: tuple[Slot, ...]
    deliveries: tuple[int, ...]


@dataclass(frozen=True)
class Slot:
    """Room for one trip of a vehicle: it leaves no earlier than ``from_s`` and is back by ``until_s``.

    The slots of a vehicle do not overlap, loading included, so that its trips are independent in the model.
    """

    van: int
    is_first: bool
    from_s: int
    until_s: int


def weights_of(problem: DayProblem, members: Collection[int] | None = None) -> Weights:
    """Penalties derived from the data, so that each step outweighs everything below it.

    Parameters
    ----------
    members
        The deliveries of a pass, from whose data alone they are derived; None: all of the day.

    Raises
    ------
    NoPlan
        The steps do not fit below 2^53 even in whole units of money.
    """
    deliveries = [problem.deliveries[one] for one in (range(len(problem.deliveries)) if members is None else members)]
    places = sorted({0, *(one.place for one in deliveries)})
    n = len(deliveries)
    plan_cost = 1.0
    farthest_m = float(problem.distance_m[np.ix_(places, places)].max(initial=0))
    for van in problem.vans:
        plan_cost += van.fixed_cost + van.cost_per_s * max(van.end_s - van.start_s, 0)
    if problem.vans:
        trips = sum(van.max_trips for van in problem.vans)
        plan_cost += max(van.cost_per_m for van in problem.vans) * farthest_m * (n + trips)
    for one in deliveries:
        plan_cost += one.lane_cost or 0.0
        plan_cost += max(one.wait_costs, default=0.0)
        if one.wanted_s is not None:
            late_s = max(one.lane_arrives_s if one.lane_cost is not None else 0, one.closes_s) - one.wanted_s
            plan_cost += problem.late_cost_per_s * max(late_s, 0)
    no_lane = sum(1 for one in deliveries if one.lane_cost is None)
    bad_lane = sum(1 for one in deliveries if one.lane_cost is not None and not one.lane_keeps_promise)
    for scale in SCALES:
        late_lane = int(plan_cost * scale) + 4 * n + 1
        unserved = 2 * (bad_lane + 1) * late_lane
        unserved_higher = (no_lane + 1) * unserved
        if (no_lane + 1) * unserved_higher < LARGEST_OBJECTIVE:
            return Weights(scale, late_lane, unserved, unserved_higher)
    raise NoPlan(f"costs of {plan_cost:.3g} for {n} deliveries are too large to rank; give money in larger units")


def build_model(
    problem: DayProblem,
    terms: Mapping[int, Terms],
    weights: Weights,
    slots: Sequence[Slot],
    max_failures: int,
    *,
    free_departure: bool = False,
    optional: bool = False,
) -> RoutingModel:
    """Build the model of one pass.

    Each slot is a vehicle of the model. A delivery is free to travel when it is packed, not when the vehicle
    stands at the dealer: a trip takes only what is packed by the start of its slot. With ``free_departure``
    it may take what is packed later and leaves no earlier than that: the departure is then a second dimension,
    constant along the trip, of which a release is the lower bound; exact, and slower, because the filters of
    the search do not see how the two dimensions meet.

    Parameters
    ----------
    terms
        The deliveries of the pass and what is demanded of each.
    slots
        The trips that can be made.
    max_failures
        The search stops after so many rejected candidates.
    optional
        Let go also what must be carried, at the penalty of a higher tier unserved: insertion
        heuristics need that to find any first solution.
    """
    members = tuple(sorted(terms))
    problem = with_rests_on_the_way(problem)
    places = np.array([0, *(problem.deliveries[one].place for one in members)], dtype=np.int64)
    manager = pywrapcp.RoutingIndexManager(len(places), len(slots), 0)
    routing = pywrapcp.RoutingModel(manager)
    routing.AddSearchMonitor(routing.solver().FailuresLimit(max_failures))
    _add_distance_cost(problem, routing, slots, places, members, weights.scale)
    clock = _add_clock(problem, routing, places, members)
    departure = _add_departure(routing) if free_departure else None
    for number, slot in enumerate(slots):
        _add_slot(routing, clock, departure, problem.vans[slot.van], number, slot, weights.scale)
    _add_loads(problem, routing, slots, members)
    shifts_s = _shifts(problem)
    for node, one in enumerate(members, start=1):
        delivery = problem.deliveries[one]
        able = [
            number
            for number, slot in enumerate(slots)
            if slot.van in delivery.vehicles
            and (free_departure or delivery.released_on(problem.vans[slot.van].day) <= slot.from_s)
        ]
        term = terms[one]
        if optional and term.penalty is None:
            term = replace(term, penalty=weights.unserved_higher)
        index = manager.NodeToIndex(node)
        _add_delivery(routing, clock, departure, problem, one, term, index, able, weights, shifts_s)
    return RoutingModel(manager, routing, tuple(slots), members)


def _add_slot(routing: Any, clock: Any, departure: Any, van: Van, number: int, slot: Slot, scale: int) -> None:
    start, end = clock.CumulVar(routing.Start(number)), clock.CumulVar(routing.End(number))
    start.SetRange(slot.from_s, max(slot.until_s, slot.from_s))
    end.SetRange(slot.from_s, max(slot.until_s, slot.from_s))
    clock.SetSpanCostCoefficientForVehicle(round(van.cost_per_s * scale), number)
    if slot.is_first:
        routing.SetFixedCostOfVehicle(round(van.fixed_cost * scale), number)
    if departure is not None:
        routing.solver().Add(start >= departure.CumulVar(routing.Start(number)))


def _add_loads(problem: DayProblem, routing: Any, slots: Sequence[Slot], members: Sequence[int]) -> None:
    grams = [0, *(problem.deliveries[one].grams for one in members)]
    cm3 = [0, *(problem.deliveries[one].cm3 for one in members)]
    for name, loads, capacities in (
        ("grams", grams, [problem.vans[slot.van].grams for slot in slots]),
        ("cm3", cm3, [problem.vans[slot.van].cm3 for slot in slots]),
    ):
        if sum(loads) > min(capacities):
            unary = routing.RegisterUnaryTransitVector(loads)
            routing.AddDimensionWithVehicleCapacity(unary, 0, capacities, True, name)


def _add_delivery(
    routing: Any,
    clock: Any,
    departure: Any,
    problem: DayProblem,
    one: int,
    terms: Terms,
    index: int,
    able: Sequence[int],
    weights: Weights,
    shifts_s: Sequence[tuple[int, int]],
) -> None:
    delivery = problem.deliveries[one]
    clock.CumulVar(index).SetRange(max(delivery.opens_s, 0), max(terms.latest_s, delivery.opens_s, 0))
    for closed_s in _closed_within(delivery, shifts_s):
        clock.CumulVar(index).RemoveInterval(*closed_s)
    if departure is not None:
        departure.CumulVar(index).SetRange(delivery.released_s, HORIZON_S)
    if delivery.wanted_s is not None:
        late_cost = round(problem.late_cost_per_s * weights.scale)
        clock.SetCumulVarSoftUpperBound(index, delivery.wanted_s, late_cost)
    routing.VehicleVar(index).SetValues([-1, *able])
    if terms.penalty is not None:
        routing.AddDisjunction([index], terms.penalty)


def _shifts(problem: DayProblem) -> list[tuple[int, int]]:
    """From when until when a vehicle is about, for each day."""
    shifts_s: dict[int, tuple[int, int]] = {}
    for van in problem.vans:
        begins_s, ends_s = shifts_s.get(van.day, (van.start_s, van.end_s))
        shifts_s[van.day] = min(begins_s, van.start_s), max(ends_s, van.end_s)
    return list(shifts_s.values())


def _closed_within(delivery: Delivery, shifts_s: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Times between the windows of a delivery when a vehicle could be there; at night none could.

    OR-Tools takes second by second out of a variable, which made these holes half of the time to build a model.
    """
    windows_s = [window for hours in delivery.hours_s for window in hours] or delivery.windows_s
    gaps_s = [(before[1] + 1, after[0] - 1) for before, after in itertools.pairwise(windows_s)]
    within = [(max(gap[0], shift[0]), min(gap[1], shift[1])) for gap in gaps_s for shift in shifts_s]
    return [gap for gap in within if gap[0] <= gap[1]]


def routes_of(model: RoutingModel, trips: Trips) -> list[list[int]]:
    """A plan as the model's variable indices, one list for each slot; trips take the slots of their vehicle in turn."""
    node = {one: model.manager.NodeToIndex(number) for number, one in enumerate(model.deliveries, start=1)}
    left = {number: list(day) for number, day in enumerate(trips)}
    return [[node[one] for one in left[slot.van].pop(0)] if left[slot.van] else [] for slot in model.slots]


def trips_of(model: RoutingModel, assignment: Any, n_vans: int) -> Trips:
    """The plan in an assignment of the model."""
    trips: list[list[tuple[int, ...]]] = [[] for _ in range(n_vans)]
    for number, slot in enumerate(model.slots):
        sequence = []
        index = assignment.Value(model.routing.NextVar(model.routing.Start(number)))
        while not model.routing.IsEnd(index):
            sequence.append(model.deliveries[model.manager.IndexToNode(index) - 1])
            index = assignment.Value(model.routing.NextVar(index))
        if sequence:
            trips[slot.van].append(tuple(sequence))
    return tuple(tuple(one) for one in trips)


def _add_distance_cost(
    problem: DayProblem,
    routing: Any,
    slots: Sequence[Slot],
    places: np.ndarray,
    members: Sequence[int],
    scale: int,
) -> None:
    """The cost of each way; what waiting until a vehicle's day costs is part of the way there."""
    distance_m = problem.distance_m[np.ix_(places, places)]
    matrices: dict[tuple[float, int], int] = {}
    for number, slot in enumerate(slots):
        van = problem.vans[slot.van]
        kind = van.cost_per_m, van.day
        if kind not in matrices:
            waiting = np.array([0.0, *(problem.deliveries[one].wait_cost(van.day) for one in members)])
            costs = np.rint((distance_m * van.cost_per_m + waiting) * scale).astype(np.int64)
            matrices[kind] = routing.RegisterTransitMatrix(costs.tolist())
        routing.SetArcCostEvaluatorOfVehicle(matrices[kind], number)


def _add_clock(problem: DayProblem, routing: Any, places: np.ndarray, members: Sequence[int]) -> Any:
    service_s = np.array([0, *(problem.deliveries[one].service_s for one in members)], dtype=np.int64)
    pieces_s = np.array([0, *(problem.deliveries[one].pieces_s for one in members)], dtype=np.int64)
    elsewhere = places[:, None] != places[None, :]
    transit_s = (problem.travel_s[np.ix_(places, places)] + service_s[:, None]) * elsewhere + pieces_s[:, None]
    time = routing.RegisterTransitMatrix(transit_s.tolist())
    routing.AddDimension(time, HORIZON_S, HORIZON_S, False, "clock")
    return routing.GetDimensionOrDie("clock")


def _add_departure(routing: Any) -> Any:
    routing.AddConstantDimensionWithSlack(0, HORIZON_S, 0, False, "departure")
    return routing.GetDimensionOrDie("departure")
