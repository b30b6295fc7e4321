"""Where a delivery could be put into a plan, and where it costs least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partsopt.routing.timetable import (
    HORIZON_S,
    Broken,
    DayProblem,
    Trips,
    cost_of_day,
    times_of_day,
    transits_of,
)

TRIED_EXACTLY = 6
UNLIMITED = 10**15


@dataclass(frozen=True)
class Insertion:
    """A plan with one more delivery, the vehicle that takes it, and what that adds to the vehicles' cost, money."""

    trips: Trips
    vehicle: int
    cost: float


def cheapest_place(
    problem: DayProblem,
    one: int,
    trips: Trips,
    latest_s: Sequence[int],
    vehicles: Sequence[int] | None = None,
) -> Insertion | None:
    """The cheapest feasible place for a delivery in a plan, None where there is none; ties by vehicle and position.

    ``vehicles`` are those asked; None: all that could make the delivery.
    """
    best: Insertion | None = None
    for number in problem.deliveries[one].vehicles if vehicles is None else vehicles:
        day = trips[number]
        times = times_of_day(problem, number, day, latest_s)
        if isinstance(times, Broken):
            continue
        before = cost_of_day(problem, number, times)
        for changed in _days_with(problem, number, day, one):
            times = times_of_day(problem, number, changed, latest_s)
            if isinstance(times, Broken):
                continue
            cost = cost_of_day(problem, number, times) - before
            if best is None or cost < best.cost - 1e-9:
                best = Insertion((*trips[:number], changed, *trips[number + 1 :]), number, cost)
    return best


def _days_with(
    problem: DayProblem, number: int, day: tuple[tuple[int, ...], ...], one: int
) -> list[tuple[tuple[int, ...], ...]]:
    """Every way to put a delivery into a vehicle's day within its load: into a trip, or as a trip of its own."""
    van, delivery = problem.vans[number], problem.deliveries[one]
    ways = []
    for place, trip in enumerate(day):
        if sum(problem.deliveries[other].grams for other in trip) + delivery.grams > van.grams:
            continue
        if sum(problem.deliveries[other].cm3 for other in trip) + delivery.cm3 > van.cm3:
            continue
        ways += [(*day[:place], (*trip[:at], one, *trip[at:]), *day[place + 1 :]) for at in range(len(trip) + 1)]
    if len(day) < van.max_trips:
        ways += [(*day[:place], (one,), *day[place:]) for place in range(len(day) + 1)]
    return ways


# --------------------------------------------------------------------------- many places at once


class Openings(NamedTuple):
    """Every place between two stops of a plan where one more could go, one row each, and each further trip.

    A trip that leaves by ``latest_from_s`` leaves the stop before (``last``, a delivery or -1: the DC) at
    max(departure, ``from_s``) + ``spent_s``; it departs at ``free_s`` at the earliest; the stop after
    (``following``) must be reached by ``until_s`` so that everything behind it, further trips included, stays in time.
    ``grams`` and ``cm3`` are on board. The rest is known of each row's vehicle and stops: places, times, costs.
    """

    vehicle: NDArray[np.int64]
    trip: NDArray[np.int64]
    at: NDArray[np.int64]
    last: NDArray[np.int64]
    following: NDArray[np.int64]
    from_s: NDArray[np.int64]
    latest_from_s: NDArray[np.int64]
    spent_s: NDArray[np.int64]
    free_s: NDArray[np.int64]
    until_s: NDArray[np.int64]
    grams: NDArray[np.int64]
    cm3: NDArray[np.int64]
    before: NDArray[np.int64]
    behind: NDArray[np.int64]
    base_s: NDArray[np.int64]
    own_s: NDArray[np.int64]
    most_grams: NDArray[np.int64]
    most_cm3: NDArray[np.int64]
    per_m: NDArray[np.float64]
    per_s: NDArray[np.float64]
    fixed: NDArray[np.float64]
    day: NDArray[np.int64]


def openings_of(problem: DayProblem, trips: Trips, latest_s: Sequence[int]) -> Openings:
    """List every opening of a plan; a trip of its own is an opening at position -1.

    Of several windows only the first opening and the last closing count, and rests by law are left aside: every place
    that the exact timetable allows is among the openings, and it decides.
    """
    rows: list[tuple[int, ...]] = []
    for number, day in enumerate(trips):
        rows += _openings_of_vehicle(problem, number, day, latest_s)
    return _priced(problem, rows, trips)


def openings_after(
    problem: DayProblem, openings: Openings, trips: Trips, number: int, latest_s: Sequence[int]
) -> Openings:
    """The openings of a plan, given those of a plan from which only the day of one vehicle differs."""
    now = _priced(problem, _openings_of_vehicle(problem, number, trips[number], latest_s), trips)
    start, end = np.searchsorted(openings.vehicle, [number, number + 1])
    return Openings._make(
        np.concatenate([column[:start], changed, column[end:]]) for column, changed in zip(openings, now, strict=True)
    )


def _priced(problem: DayProblem, rows: Sequence[tuple[int, ...]], trips: Trips) -> Openings:
    """Openings with what is known of their vehicles and stops."""
    columns = np.array(rows, dtype=np.int64).reshape(-1, 12).T
    vehicle, last, following = columns[0], columns[3], columns[4]
    stops = {-1: (0, 0, 0)}
    for one in {each for row in rows for each in row[3:5] if each >= 0}:
        delivery = problem.deliveries[one]
        stops[one] = (delivery.place, delivery.service_s, delivery.pieces_s)
    before = np.array([stops[one] for one in last.tolist()], dtype=np.int64).reshape(-1, 3).T
    behind = np.array([stops[one][0] for one in following.tolist()], dtype=np.int64)
    of_van = np.array([(van.grams, van.cm3, van.day) for van in problem.vans], dtype=np.int64).reshape(-1, 3)
    money = np.array([(van.cost_per_m, van.cost_per_s, van.fixed_cost) for van in problem.vans]).reshape(-1, 3)
    is_first = np.array([not trips[number] for number in vehicle.tolist()], dtype=bool)
    known = (
        *(before[0], behind, before[1], before[2]),
        *(of_van[vehicle, 0], of_van[vehicle, 1]),
        *(money[vehicle, 0], money[vehicle, 1], money[vehicle, 2] * is_first, of_van[vehicle, 2]),
    )
    return Openings._make((*columns, *known))


def _openings_of_vehicle(
    problem: DayProblem, number: int, day: tuple[tuple[int, ...], ...], latest_s: Sequence[int]
) -> list[tuple[int, ...]]:
    van = problem.vans[number]
    latest: list[list[int]] = []
    home_by = van.end_s
    for trip in reversed(day):
        by = [home_by]
        after = -1
        for one in reversed(trip):
            closes_s = min(latest_s[one], problem.deliveries[one].closes_on(van.day))
            by.append(min(closes_s, by[-1] - transits_of(problem, one, after)))
            after = one
        latest.insert(0, by[::-1])
        home_by = by[-1] - transits_of(problem, -1, after) - van.reload_s
    times = times_of_day(problem, number, day, latest_s)
    if isinstance(times, Broken):
        return []
    rows: list[tuple[int, ...]] = []
    free_s = van.start_s
    may_add = len(day) < van.max_trips
    for place, trip in enumerate(day):
        ready_s = max(free_s, *(problem.deliveries[one].released_on(van.day) for one in trip))
        grams = sum(problem.deliveries[one].grams for one in trip)
        cm3 = sum(problem.deliveries[one].cm3 for one in trip)
        from_s, latest_from_s, spent_s, last = van.start_s, HORIZON_S, 0, -1
        if may_add:
            until_s = latest[place][0] - transits_of(problem, -1, trip[0]) - van.reload_s
            rows.append((number, place, -1, -1, -1, van.start_s, HORIZON_S, 0, free_s, until_s, 0, 0))
        for at, one in enumerate((*trip, -1)):
            rows.append(
                (number, place, at, last, one, from_s, latest_from_s, spent_s, ready_s, latest[place][at], grams, cm3)
            )
            if one >= 0:
                arrives_after = spent_s + transits_of(problem, last, one)
                delivery = problem.deliveries[one]
                opens_s = delivery.opens_on(van.day)
                wait = max(opens_s - arrives_after - latest_from_s, 0)
                from_s = max(from_s, opens_s - arrives_after) - wait
                closes_s = min(latest_s[one], delivery.closes_on(van.day))
                latest_from_s = min(latest_from_s, closes_s - arrives_after)
                spent_s = arrives_after + wait
                last = one
        free_s = times[place].returns_s + van.reload_s
    if may_add:
        rows.append((number, len(day), -1, -1, -1, van.start_s, HORIZON_S, 0, free_s, van.end_s, 0, 0))
    return rows


def in_time(
    problem: DayProblem, one: int, openings: Openings, latest_s: Sequence[int]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which openings a delivery reaches in time with everything behind it, whatever it weighs; and what the way costs.

    The cost is that of distance, driving time and the day's fixed cost: an estimate, since waiting may absorb time.
    """
    before, behind, here = openings.before, openings.behind, problem.deliveries[one].place
    to_s, on_s, departs_s, starts_s = _reached(problem, one, openings)
    delivery = problem.deliveries[one]
    days = range(len(problem.midnights_s))
    by_s = np.array([min(latest_s[one], delivery.closes_on(day)) for day in days])[openings.day]
    fits = (departs_s <= openings.latest_from_s) & (starts_s <= by_s) & (starts_s + on_s <= openings.until_s)
    distance_m = problem.distance_m
    longer_m = distance_m[before, here] + distance_m[here, behind] - distance_m[before, behind]
    waiting = np.array([delivery.wait_cost(day) for day in days])[openings.day]
    return fits, longer_m * openings.per_m + (to_s + on_s) * openings.per_s + openings.fixed + waiting


def reached_s(problem: DayProblem, one: int, openings: Openings) -> NDArray[np.int64]:
    """When the stop behind each opening is reached at the earliest, with a delivery put there."""
    _, on_s, _, starts_s = _reached(problem, one, openings)
    return starts_s + on_s


def _reached(problem: DayProblem, one: int, openings: Openings) -> tuple[NDArray[np.int64], ...]:
    """Seconds on the way there and on from it; and when the trip departs and its unloading starts at the earliest."""
    delivery = problem.deliveries[one]
    before, behind, here = openings.before, openings.behind, delivery.place
    to_s = np.where(before == here, 0, problem.travel_s[before, here] + openings.base_s) + openings.own_s
    on_s = np.where(behind == here, 0, problem.travel_s[here, behind] + delivery.service_s) + delivery.pieces_s
    days = range(len(problem.midnights_s))
    released_s, opens_s = (
        np.array([of_day(day) for day in days])[openings.day] for of_day in (delivery.released_on, delivery.opens_on)
    )
    departs_s = np.maximum(np.maximum(openings.free_s, released_s), openings.from_s)
    return to_s, on_s, departs_s, np.maximum(departs_s + openings.spent_s + to_s, opens_s)


def may_bring(problem: DayProblem, one: int, openings: Openings) -> NDArray[np.bool_]:
    """Which openings are on a vehicle that may bring a delivery."""
    may = np.zeros(len(problem.vans), dtype=bool)
    may[list(problem.deliveries[one].vehicles)] = True
    return may[openings.vehicle]


def has_room(problem: DayProblem, one: int, openings: Openings) -> NDArray[np.bool_]:
    """Which openings have the kg and m3 for a delivery, on a vehicle that may bring it."""
    delivery = problem.deliveries[one]
    return (
        (openings.grams + delivery.grams <= openings.most_grams)
        & (openings.cm3 + delivery.cm3 <= openings.most_cm3)
        & may_bring(problem, one, openings)
    )


def good_place(
    problem: DayProblem, one: int, trips: Trips, latest_s: Sequence[int], openings: Openings
) -> Insertion | None:
    """The cheapest of the openings that look cheapest; None where no opening can take the delivery.

    As :func:`cheapest_place`, for days with too many vehicles to try every opening with the exact timetable.
    """
    fits, cost = in_time(problem, one, openings, latest_s)
    able = np.flatnonzero(fits & has_room(problem, one, openings))
    best: Insertion | None = None
    tried = 0
    for row in able[np.argsort(cost[able], kind="stable")].tolist():
        number, changed = day_with(trips, one, openings, row)
        times = times_of_day(problem, number, changed, latest_s)
        if isinstance(times, Broken):
            continue
        tried += 1
        now = times_of_day(problem, number, trips[number], latest_s)
        before = 0.0 if isinstance(now, Broken) else cost_of_day(problem, number, now)
        more = cost_of_day(problem, number, times) - before
        if best is None or more < best.cost - 1e-9:
            best = Insertion((*trips[:number], changed, *trips[number + 1 :]), number, more)
        if tried == TRIED_EXACTLY:
            break
    return best


def day_with(trips: Trips, one: int, openings: Openings, row: int) -> tuple[int, tuple[tuple[int, ...], ...]]:
    """The vehicle of an opening, and its day with the delivery put there."""
    number, place, at = int(openings.vehicle[row]), int(openings.trip[row]), int(openings.at[row])
    day = trips[number]
    if at < 0:
        return number, (*day[:place], (one,), *day[place:])
    return number, (*day[:place], (*day[place][:at], one, *day[place][at:]), *day[place + 1 :])


class Relaxed(NamedTuple):
    """A plan's day without one of its limits, and its openings."""

    problem: DayProblem
    openings: Openings


def relaxed_days(problem: DayProblem, trips: Trips, latest_s: Sequence[int]) -> tuple[Relaxed, Relaxed, Relaxed]:
    """The day as it is, with shifts that never end, and with one more trip of each vehicle."""
    endless = replace(problem, vans=tuple(replace(van, end_s=UNLIMITED) for van in problem.vans))
    again = replace(problem, vans=tuple(replace(van, max_trips=van.max_trips + 1) for van in problem.vans))
    as_it_is, without_end, with_trip = (
        Relaxed(one, openings_of(one, trips, latest_s)) for one in (problem, endless, again)
    )
    return as_it_is, without_end, with_trip
