"""Why nobody carries a parcel, in a dispatcher's words, and the smallest change that would admit it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from partsopt.routing.insertion import (
    UNLIMITED,
    Openings,
    Relaxed,
    day_with,
    has_room,
    in_time,
    may_bring,
    reached_s,
    relaxed_days,
)
from partsopt.routing.stops import CM3_PER_M3, GRAMS_PER_KG, Parcel, Place
from partsopt.routing.timetable import (
    Broken,
    DayProblem,
    Trips,
    TripTimes,
    Van,
    largest_load,
    times_of_day,
    times_of_trip,
)

SECONDS_PER_MINUTE = 60


@dataclass(frozen=True)
class Change:
    """A change of one vehicle that admits a delivery, and the plan it admits it into."""

    vehicle: int
    van: Van
    says: str
    trips: Trips


def too_large(grams: int, cm3: int, vans: Sequence[Van], vehicle_ids: Sequence[str]) -> str | None:
    """Say by how much a parcel exceeds every vehicle; None where one of them takes it.

    Examples
    --------
    >>> van = Van(grams=700_000, cm3=5_000_000, fixed_cost=0, cost_per_m=0, cost_per_s=0, start_s=0, end_s=1,
    ...           max_trips=1, reload_s=0)
    >>> too_large(840_000, 1, [van], ["V1"])
    '840 kg is 140 kg over the largest vehicle (V1, 700 kg)'
    """
    if any(grams <= van.grams and cm3 <= van.cm3 for van in vans):
        return None
    heaviest = max(range(len(vans)), key=lambda number: (vans[number].grams, -number))
    roomiest = max(range(len(vans)), key=lambda number: (vans[number].cm3, -number))
    said = []
    if grams > vans[heaviest].grams:
        over, most = grams - vans[heaviest].grams, vans[heaviest].grams
        said.append(f"{_kg(grams)} is {_kg(over)} over the largest vehicle ({vehicle_ids[heaviest]}, {_kg(most)})")
    if cm3 > vans[roomiest].cm3:
        over, most = cm3 - vans[roomiest].cm3, vans[roomiest].cm3
        said.append(f"{_m3(cm3)} is {_m3(over)} over the largest vehicle ({vehicle_ids[roomiest]}, {_m3(most)})")
    return " and ".join(said) or f"no vehicle takes both {_kg(grams)} and {_m3(cm3)}"


def no_access(parcel: Parcel, destination: Place, vans: Sequence[Van], vehicle_ids: Sequence[str]) -> str | None:
    """Say that no vehicle that can come to a site takes a parcel; None where one does."""
    if destination.largest_grams is None:
        return None
    able = [number for number, van in enumerate(vans) if van.grams <= destination.largest_grams]
    limit = f"{destination.site_id} takes vehicles of at most {_kg(destination.largest_grams)}"
    if not able:
        smallest = min(range(len(vans)), key=lambda number: (vans[number].grams, number))
        return f"{limit}; the smallest is {vehicle_ids[smallest]} of {_kg(vans[smallest].grams)}"
    large = too_large(
        parcel.grams, parcel.cm3, [vans[number] for number in able], [vehicle_ids[number] for number in able]
    )
    return None if large is None else f"{limit}; {large}"


def out_of_reach(problem: DayProblem, one: int, vehicle_ids: Sequence[str]) -> str | None:
    """Say why no vehicle could bring a delivery on a trip of its own; None where one could.

    Of the vehicles that can load it, the one that comes closest is named.
    """
    delivery = problem.deliveries[one]
    latest_s = [each.latest_s for each in problem.deliveries]
    closest: tuple[int, int, Broken] | None = None
    for number, van in enumerate(problem.vans):
        if delivery.grams > van.grams or delivery.cm3 > van.cm3 or van.grams > delivery.largest_grams:
            continue
        if not delivery.windows_on(van.day):
            continue
        times = times_of_trip(problem, van, [one], van.start_s, latest_s)
        if not isinstance(times, Broken):
            return None
        if closest is None or times.by < closest[0]:
            closest = (times.by, number, times)
    if closest is None:
        return None
    by, number, broken = closest
    van, vehicle_id = problem.vans[number], vehicle_ids[number]
    midnight_s, released_s = problem.midnights_s[van.day], delivery.released_on(van.day)
    if broken.rule == "window":
        closes_s = min(delivery.latest_s, delivery.closes_on(van.day))
        what = f"{vehicle_id} would reach it {_minutes(by)} after it closes at {_clock(closes_s - midnight_s)}"
    else:
        ends = "the dock closes" if van.ends_with_dock else "its shift ends"
        what = f"a direct trip of {vehicle_id} returns {_minutes(by)} after {ends} at {_clock(van.end_s - midnight_s)}"
    packed_at_start = replace(delivery, released_s=van.start_s, waves_s=())
    sooner = replace(problem, deliveries=(*problem.deliveries[:one], packed_at_start, *problem.deliveries[one + 1 :]))
    if released_s > van.start_s and not isinstance(times_of_trip(sooner, van, [one], van.start_s, latest_s), Broken):
        return f"packed at {_clock(released_s - midnight_s)}, {_minutes(by)} too late: {what}"
    return what


def full(
    problem: DayProblem,
    one: int,
    trips: Trips,
    latest_s: Sequence[int],
    vehicle_ids: Sequence[str],
    relaxed: Sequence[Relaxed] = (),
) -> str:
    """Say that every vehicle's day is full, and which change of one vehicle would admit the delivery."""
    ways = changes_that_admit(problem, one, trips, latest_s, vehicle_ids, relaxed)
    n_vehicles = sum(van.day == 0 for van in problem.vans)
    vehicles = "the vehicle is" if n_vehicles == 1 else f"all {n_vehicles} vehicles are"
    if not ways:
        like = vehicle_ids[problem.deliveries[one].vehicles[0]]
        return f"{vehicles} full, and no stop could wait for it; one more vehicle like {like} would take it"
    return f"{vehicles} full; it would fit with {', or '.join(way.says for way in ways)}"


def changes_that_admit(
    problem: DayProblem,
    one: int,
    trips: Trips,
    latest_s: Sequence[int],
    vehicle_ids: Sequence[str],
    relaxed: Sequence[Relaxed] = (),
) -> list[Change]:
    """The smallest change of each kind (load, shift, one more trip) of a single vehicle that lets it take a delivery.

    Each has been applied: the delivery fits into the plan given, and nothing on board is later than it may be. None
    smaller of its kind would do: the openings of all vehicles are tried in the order of the least change that each
    could need, until that reaches the change found. Loads are compared by their share of the vehicle.

    Parameters
    ----------
    relaxed
        What :func:`relaxed_days` says of the plan, where several deliveries are asked about.
    """
    as_it_is, without_end, with_trip = relaxed or relaxed_days(problem, trips, latest_s)
    asked = _Asked(problem, one, trips, latest_s, vehicle_ids)
    found = [_least_load(asked, as_it_is), _least_shift(asked, as_it_is, without_end), _more_trips(asked, with_trip)]
    return [change for change in found if change is not None]


@dataclass(frozen=True)
class _Asked:
    """A delivery left out of a plan."""

    problem: DayProblem
    one: int
    trips: Trips
    latest_s: Sequence[int]
    vehicle_ids: Sequence[str]

    def day(self, openings: Openings, row: int) -> tuple[int, tuple[tuple[int, ...], ...]]:
        """The vehicle of an opening, and its day with the delivery."""
        return day_with(self.trips, self.one, openings, row)

    def times(self, number: int, van: Van, day: tuple[tuple[int, ...], ...]) -> list[TripTimes] | Broken:
        """Times of a day of a vehicle that was changed."""
        return times_of_day(_with(self.problem, number, van), number, day, self.latest_s)

    def plan(self, number: int, day: tuple[tuple[int, ...], ...]) -> Trips:
        """The plan with that day."""
        return (*self.trips[:number], day, *self.trips[number + 1 :])


def _least_load(asked: _Asked, as_it_is: Relaxed) -> Change | None:
    problem, openings = asked.problem, as_it_is.openings
    delivery = problem.deliveries[asked.one]
    grams, cm3 = openings.grams + delivery.grams, openings.cm3 + delivery.cm3
    least = np.maximum(grams / openings.most_grams, cm3 / openings.most_cm3)
    fits = in_time(problem, asked.one, openings, asked.latest_s)[0] & may_bring(problem, asked.one, openings)
    best: Change | None = None
    best_share = np.inf
    for row in _in_order(fits, least):
        if least[row] >= best_share:
            break
        number, day = asked.day(openings, row)
        van = problem.vans[number]
        loads = [largest_load(problem, trip) for trip in day]
        wider = replace(
            van, grams=max(van.grams, *(load[0] for load in loads)), cm3=max(van.cm3, *(load[1] for load in loads))
        )
        share = max(wider.grams / van.grams, wider.cm3 / van.cm3)
        too_heavy = any(wider.grams > problem.deliveries[each].largest_grams for trip in day for each in trip)
        if share >= best_share or too_heavy or isinstance(asked.times(number, wider, day), Broken):
            continue
        more = [
            *([f"{_kg(wider.grams - van.grams)}"] if wider.grams > van.grams else []),
            *([f"{_m3(wider.cm3 - van.cm3)}"] if wider.cm3 > van.cm3 else []),
        ]
        says = f"{' and '.join(more)} more on {asked.vehicle_ids[number]}"
        best, best_share = Change(number, wider, says, asked.plan(number, day)), share
    return best


def _least_shift(asked: _Asked, as_it_is: Relaxed, without_end: Relaxed) -> Change | None:
    """As the rule: an opening that is reached so many seconds too late needs a shift longer by these at least."""
    problem, openings = asked.problem, without_end.openings
    fits = in_time(without_end.problem, asked.one, openings, asked.latest_s)[0]
    fits &= has_room(problem, asked.one, openings)
    least = np.maximum(reached_s(problem, asked.one, openings) - as_it_is.openings.until_s, 0)
    best: Change | None = None
    best_s = UNLIMITED
    for row in _in_order(fits, least):
        if least[row] >= best_s:
            break
        number, day = asked.day(openings, row)
        van = problem.vans[number]
        times = asked.times(number, replace(van, end_s=UNLIMITED), day)
        if isinstance(times, Broken) or not van.end_s < times[-1].returns_s < van.end_s + best_s:
            continue
        best_s = times[-1].returns_s - van.end_s
        whose = "the dock's hours" if van.ends_with_dock else f"{asked.vehicle_ids[number]}'s shift"
        longer = replace(van, end_s=times[-1].returns_s)
        best = Change(number, longer, f"{_minutes(best_s)} more of {whose}", asked.plan(number, day))
    return best


def _more_trips(asked: _Asked, with_trip: Relaxed) -> Change | None:
    problem, openings = asked.problem, with_trip.openings
    fits = in_time(with_trip.problem, asked.one, openings, asked.latest_s)[0]
    fits &= has_room(problem, asked.one, openings) & (openings.at < 0)
    for row in _in_order(fits, openings.vehicle):
        number, day = asked.day(openings, row)
        again = replace(problem.vans[number], max_trips=problem.vans[number].max_trips + 1)
        if not isinstance(asked.times(number, again, day), Broken):
            return Change(number, again, f"one more trip of {asked.vehicle_ids[number]}", asked.plan(number, day))
    return None


def _in_order(fits: np.ndarray, least: np.ndarray) -> list[int]:
    """Rows that fit, those of the least change first."""
    rows = np.flatnonzero(fits)
    return [int(row) for row in rows[np.argsort(least[rows], kind="stable")]]


def _with(problem: DayProblem, number: int, van: Van) -> DayProblem:
    return replace(problem, vans=(*problem.vans[:number], van, *problem.vans[number + 1 :]))


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}"


def _kg(grams: int) -> str:
    return f"{round(grams / GRAMS_PER_KG, 1):.10g} kg"


def _m3(cm3: int) -> str:
    return f"{round(cm3 / CM3_PER_M3, 3):.10g} m3"


def _minutes(seconds: int) -> str:
    minutes = -(-seconds // SECONDS_PER_MINUTE)
    return f"{minutes} minute{'s' if minutes != 1 else ''}"
