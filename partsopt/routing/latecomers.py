"""Late orders put into a day that is under way: best places, a small search around them, tiers as law."""

from __future__ import annotations

import math

from partsopt.routing.found import Found
from partsopt.routing.insertion import cheapest_place
from partsopt.routing.stops import EXPRESS_TIERS
from partsopt.routing.timetable import Broken, DayProblem, Trips, cost_of_day, starts_of, times_of_day
from partsopt.tables import TIERS

EXPRESS = tuple(TIERS.index(tier) for tier in EXPRESS_TIERS)
ROUNDS = 2
MOST_MOVED = 40
WORTH = 0.01


def insert_latecomers(problem: DayProblem, start: Trips) -> Found:
    """Put every delivery that is on no trip into the trips that are still to leave.

    The most urgent first, each at its cheapest place, lateness priced. Whoever is on board already comes no later
    than planned, or than promised. Only where a delivery could come earlier, or at all, without lower tiers in
    its way do these give way: the trips of one vehicle are planned without them, and they are put
    back where they still fit. At the end deliveries of the vehicles touched are moved where that saves money.

    Parameters
    ----------
    start
        Trips that may still change, in the order planned before.

    Returns
    -------
    Found
        Every delivery of ``start`` and every other one is on a trip, or left to its lane, or left out.
    """
    start = tuple(
        () if isinstance(times_of_day(problem, number, day, _closing(problem)), Broken) else day
        for number, day in enumerate(start)
    )
    latest = _closing(problem)
    for one, starts_s in starts_of(problem, start, latest).items():
        latest[one] = _held_to(problem, one, starts_s)
    trips = start
    on_board = {one for day in trips for trip in day for one in trip}
    waiting = [
        one for one in range(len(problem.deliveries)) if one not in on_board and problem.deliveries[one].vehicles
    ]
    for one in sorted(waiting, key=lambda one: _urgency(problem, one)):
        trips = _admitted(problem, one, trips, latest)
    touched = [number for number, day in enumerate(trips) if day != start[number]]
    trips, n_moved = _improved(problem, trips, latest, touched)
    cost = math.fsum(_cost(problem, number, day, latest) for number, day in enumerate(trips))
    return Found(
        trips=trips,
        latest_s=tuple(latest),
        status="feasible" if waiting else "nothing_to_do",
        objective=cost,
        solutions=len(waiting) + n_moved,
        why=f"{len(waiting)} deliveries put into the rest of the day, {n_moved} moves on {len(touched)} vehicles after",
    )


def _closing(problem: DayProblem) -> list[int]:
    return [one.closes_s for one in problem.deliveries]


def _urgency(problem: DayProblem, one: int) -> tuple[float, ...]:
    delivery = problem.deliveries[one]
    return (delivery.tier, math.inf if delivery.wanted_s is None else delivery.wanted_s, one)


def _held_to(problem: DayProblem, one: int, starts_s: int) -> int:
    """The latest start of a delivery that has a place: its promise or what it was given, else its closing time."""
    delivery = problem.deliveries[one]
    if delivery.due_s is not None:
        return min(delivery.closes_s, max(delivery.due_s, starts_s))
    return starts_s if delivery.tier in EXPRESS else delivery.closes_s


def _admitted(problem: DayProblem, one: int, trips: Trips, latest: list[int]) -> Trips:
    """Trips with a delivery at its best place, lower tiers giving way where it is later for their sake."""
    delivery = problem.deliveries[one]
    latest[one] = delivery.latest_s
    place = cheapest_place(problem, one, trips, latest)
    if delivery.lane_keeps_promise and delivery.lane_cost is not None:
        if place is None or place.cost >= delivery.lane_cost:
            return trips
    else:
        lower = {
            other for day in trips for trip in day for other in trip if problem.deliveries[other].tier > delivery.tier
        }
        alone = cheapest_place(problem, one, _without(trips, lower), latest) if lower else None
        if alone is not None and (
            place is None or _late_s(problem, one, alone.trips, latest) < _late_s(problem, one, place.trips, latest)
        ):
            return _given_way(problem, one, trips, alone.trips, latest)
    if place is None:
        return trips
    latest[one] = _held_to(problem, one, starts_of(problem, place.trips, latest)[one])
    return place.trips


def _given_way(problem: DayProblem, one: int, trips: Trips, alone: Trips, latest: list[int]) -> Trips:
    """Trips in which one vehicle drives without lower tiers, which are put back where they still fit."""
    number = next(number for number, day in enumerate(alone) if any(one in trip for trip in day))
    now = (*trips[:number], alone[number], *trips[number + 1 :])
    kept = {other for trip in alone[number] for other in trip}
    starts = starts_of(problem, now, latest)
    latest[one] = _held_to(problem, one, starts[one])
    off = [other for trip in trips[number] for other in trip if other not in kept]
    for other in sorted(off, key=lambda other: _urgency(problem, other)):
        for bound in (latest[other], problem.deliveries[other].closes_s):
            latest[other] = bound
            place = cheapest_place(problem, other, now, latest)
            if place is not None:
                now = place.trips
                latest[other] = _held_to(problem, other, starts_of(problem, now, latest)[other])
                break
    return now


def _without(trips: Trips, off: set[int]) -> Trips:
    return tuple(
        tuple(kept for trip in day if (kept := tuple(other for other in trip if other not in off))) for day in trips
    )


def _late_s(problem: DayProblem, one: int, trips: Trips, latest: list[int]) -> int:
    wanted_s = problem.deliveries[one].wanted_s
    return 0 if wanted_s is None else max(starts_of(problem, trips, latest)[one] - wanted_s, 0)


def _improved(problem: DayProblem, trips: Trips, latest: list[int], touched: list[int]) -> tuple[Trips, int]:
    """Move single deliveries among the vehicles touched while that saves money; none comes later than it is held to."""
    moved = 0
    for _ in range(ROUNDS):
        before = moved
        members = sorted({one for number in touched for trip in trips[number] for one in trip})
        for one in members[:MOST_MOVED]:
            number = next(number for number in touched if any(one in trip for trip in trips[number]))
            without = _without(trips, {one})
            if isinstance(times_of_day(problem, number, without[number], latest), Broken):
                continue
            saved = _cost(problem, number, trips[number], latest) - _cost(problem, number, without[number], latest)
            place = cheapest_place(problem, one, without, latest, touched)
            if place is not None and place.cost < saved - WORTH:
                trips = place.trips
                moved += 1
        if moved == before:
            break
    return trips, moved


def _cost(problem: DayProblem, number: int, day: tuple[tuple[int, ...], ...], latest: list[int]) -> float:
    times = times_of_day(problem, number, day, latest)
    return math.inf if isinstance(times, Broken) else cost_of_day(problem, number, times)
