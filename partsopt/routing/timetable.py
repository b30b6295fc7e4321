"""The days of one DC in whole numbers, and the times and costs of their trips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from partsopt.errors import NoPlan

DAY_S = 86_400
HORIZON_S = 60 * DAY_S
ANY_PAYLOAD = 10**15


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A parcel as the planner of one DC's days sees it; times are seconds after midnight of the first day at the DC.

    ``place`` is its row in the matrices (0 is the DC). ``wanted_s`` is from when lateness has a price,
    ``due_s`` is the promise; None where there is none. ``lane_cost`` is None where no lane goes there.
    ``vehicles`` are those that could bring it on a direct trip; vehicles of more payload than ``largest_grams`` cannot
    come. ``windows_s`` are the times in which unloading may start, where there is more than one: ``opens_s`` is
    then the first opening and ``closes_s`` the last closing. ``service_s`` is once for a stop, ``pieces_s`` the time
    its own pieces take. Deliveries with one ``consignment`` (-1: none) pay ``lane_fixed`` once, of which
    ``lane_share`` is in ``lane_cost``. ``back_grams`` and ``back_cm3`` are loaded there and come back.

    Where several days are planned, ``hours_s`` has the times in which unloading may start on each (none: closed),
    ``waves_s`` when it is packed if it goes on that day (empty: ``released_s`` on all), ``wait_costs`` what going on
    that day costs beyond the first; ``is_prompt``: lower tiers may not push it to a later day than it has.
    """

    place: int
    tier: int
    grams: int
    cm3: int
    released_s: int
    opens_s: int
    closes_s: int
    service_s: int
    wanted_s: int | None = None
    due_s: int | None = None
    lane_cost: float | None = None
    lane_keeps_promise: bool = False
    lane_arrives_s: int = HORIZON_S
    pieces_s: int = 0
    largest_grams: int = ANY_PAYLOAD
    consignment: int = -1
    lane_fixed: float = 0.0
    lane_share: float = 0.0
    vehicles: tuple[int, ...] = ()
    windows_s: tuple[tuple[int, int], ...] = ()
    back_grams: int = 0
    back_cm3: int = 0
    hours_s: tuple[tuple[tuple[int, int], ...], ...] = ()
    waves_s: tuple[int, ...] = ()
    wait_costs: tuple[float, ...] = ()
    is_prompt: bool = False

    def windows_on(self, day: int) -> tuple[tuple[int, int], ...]:
        """The times in which unloading may start on a day."""
        return self.hours_s[day] if self.hours_s else self.windows_s or ((self.opens_s, self.closes_s),)

    def opens_on(self, day: int) -> int:
        """The first opening of a day; the last closing of all where it is closed."""
        windows = self.windows_on(day)
        return windows[0][0] if windows else self.closes_s

    def closes_on(self, day: int) -> int:
        """The last closing of a day; before the first day where it is closed."""
        windows = self.windows_on(day)
        return windows[-1][1] if windows else -1

    def released_on(self, day: int) -> int:
        """From when a vehicle of a day can leave with it."""
        return self.waves_s[day] if self.waves_s else self.released_s

    def wait_cost(self, day: int) -> float:
        """What going on a day costs beyond going on the first, money."""
        return self.wait_costs[day] if self.wait_costs else 0.0

    @property
    def latest_s(self) -> int:
        """When unloading may start at the latest: at closing, or by the promise where a lane could keep it."""
        if self.due_s is not None and self.lane_cost is not None and self.lane_keeps_promise:
            return min(self.closes_s, self.due_s)
        return self.closes_s


@dataclass(frozen=True, kw_only=True)
class Van:
    """A vehicle in whole numbers; ``start_s`` is its first departure at the earliest, ``end_s`` its last return.

    ``reload_s`` between two trips is no shorter than a rest by law; ``ends_with_dock``: it is the DC's dock that
    closes then, not the shift that ends. ``day`` counts the planned days from 0: a vehicle is one van each day.
    """

    grams: int
    cm3: int
    fixed_cost: float
    cost_per_m: float
    cost_per_s: float
    start_s: int
    end_s: int
    max_trips: int
    reload_s: int
    ends_with_dock: bool = False
    day: int = 0


@dataclass(frozen=True, kw_only=True)
class DayProblem:
    """Everything the planner of one DC's days needs: deliveries, vehicles, matrices by place, midnights of the days.

    ``wait_cost_per_day`` is what a delivery costs on the day after the first, twice that on the next, if nothing else
    is in its ``wait_costs``.

    After ``rest_after_s`` of driving on a trip (0: never) its driver rests for ``rest_s``. Neither waiting nor
    unloading counts as a rest; the time between two trips does, see :class:`Van`.
    """

    deliveries: tuple[Delivery, ...]
    vans: tuple[Van, ...]
    distance_m: NDArray[np.int64]
    travel_s: NDArray[np.int64]
    late_cost_per_s: float
    rest_after_s: int = 0
    rest_s: int = 0
    midnights_s: tuple[int, ...] = (0,)
    wait_cost_per_day: float = 0.0

    @property
    def places(self) -> frozenset[int]:
        """The depot, 0, and where vehicles may have to go."""
        return frozenset({0, *(one.place for one in self.deliveries)})

    def end_of_day_s(self, moment_s: int) -> int:
        """The end of the planned day in which a moment lies; never within the last."""
        return next((midnight_s - 1 for midnight_s in self.midnights_s if midnight_s > moment_s), HORIZON_S)


Trips = tuple[tuple[tuple[int, ...], ...], ...]
"""Deliveries in order, by vehicle and trip; a vehicle that stays at home has no trips."""


@dataclass(frozen=True)
class Visit:
    """One stop: consecutive deliveries at one place. The window it starts in ends at ``until_s``."""

    place: int
    deliveries: tuple[int, ...]
    arrives_s: int
    starts_s: int
    leaves_s: int
    distance_m: int
    travel_s: int
    until_s: int = HORIZON_S
    rest_s: int = 0


@dataclass(frozen=True)
class TripTimes:
    """One trip with its stops in order; ``rest_s`` are all rests by law, the way back included."""

    departs_s: int
    returns_s: int
    distance_m: int
    visits: tuple[Visit, ...]
    rest_s: int = 0


@dataclass(frozen=True)
class Broken:
    """Why a sequence cannot be driven: the rule (load_kg, load_m3, window, shift, trips) and by how much."""

    rule: str
    by: int


def transits_of(problem: DayProblem, one: int, other: int) -> int:
    """From the start of unloading a delivery to the arrival at another; -1 is the DC. One place is served once."""
    start, end = (0 if each < 0 else problem.deliveries[each].place for each in (one, other))
    own_s = 0 if one < 0 else problem.deliveries[one].pieces_s
    if start == end:
        return own_s
    return own_s + int(problem.travel_s[start, end]) + (0 if one < 0 else problem.deliveries[one].service_s)


def no_trips(problem: DayProblem) -> Trips:
    """The plan in which every vehicle stays at home."""
    return ((),) * len(problem.vans)


def times_of_trip(
    problem: DayProblem, van: Van, sequence: Sequence[int], free_from_s: int, latest_s: Sequence[int]
) -> TripTimes | Broken:
    """Times of a trip that leaves as late as it can without starting anything later that matters.

    The trip first leaves as early as vehicle and releases allow, which gives each stop its earliest start;
    then the departure is put off as long as the return stays the same, no stop exceeds its latest
    start, and no promise or wish is missed by more than before: waiting at a dealer becomes time at the DC.

    Parameters
    ----------
    sequence
        Deliveries in order; consecutive ones of one place share its unloading time.
    free_from_s
        The vehicle can leave no earlier.
    latest_s
        Latest start of unloading for each delivery of the problem.
    """
    load_grams, load_cm3 = largest_load(problem, sequence)
    if load_grams > van.grams:
        return Broken("load_kg", load_grams - van.grams)
    if load_cm3 > van.cm3:
        return Broken("load_m3", load_cm3 - van.cm3)
    stops = _by_place(problem, sequence)
    released_s = [problem.deliveries[one].released_on(van.day) for one in sequence]
    earliest_s = max(free_from_s, van.start_s, *released_s)
    visits = _drive(problem, stops, earliest_s, van.day)
    put_off, waited = HORIZON_S, 0
    for visit in visits:
        waited += visit.starts_s - visit.arrives_s
        now_s = visit.starts_s
        for one in visit.deliveries:
            by_s = min(latest_s[one], problem.deliveries[one].closes_on(van.day))
            if now_s > by_s:
                return Broken("window", now_s - by_s)
            put_off = min(put_off, waited + min(_slack(problem, one, now_s, latest_s), visit.until_s - now_s))
            now_s += problem.deliveries[one].pieces_s
    put_off = min(put_off, waited)
    back_s = int(problem.travel_s[visits[-1].place, 0])
    rest_s = sum(visit.rest_s for visit in visits)
    rest_s += rests_on(problem, sum(visit.travel_s for visit in visits), back_s)
    home_s = visits[-1].leaves_s + back_s + rest_s - sum(visit.rest_s for visit in visits)
    if home_s > van.end_s:
        return Broken("shift", home_s - van.end_s)
    if put_off > 0:
        visits = _drive(problem, stops, earliest_s + put_off, van.day)
    distance_m = sum(visit.distance_m for visit in visits) + int(problem.distance_m[visits[-1].place, 0])
    return TripTimes(earliest_s + put_off, home_s, distance_m, tuple(visits), rest_s)


def largest_load(problem: DayProblem, sequence: Sequence[int]) -> tuple[int, int]:
    """The most on board of a trip at any time, grams and cm3: what leaves with it, less what is unloaded, and returns.

    What a dealer gets is unloaded before what it gives back is loaded.
    """
    given = [problem.deliveries[one] for one in sequence]
    grams, cm3 = sum(one.grams for one in given), sum(one.cm3 for one in given)
    most_grams, most_cm3 = grams, cm3
    if not any(one.back_grams or one.back_cm3 for one in given):
        return grams, cm3
    for _, members in _by_place(problem, sequence):
        grams += sum(problem.deliveries[one].back_grams - problem.deliveries[one].grams for one in members)
        cm3 += sum(problem.deliveries[one].back_cm3 - problem.deliveries[one].cm3 for one in members)
        most_grams, most_cm3 = max(most_grams, grams), max(most_cm3, cm3)
    return most_grams, most_cm3


def rests_on(problem: DayProblem, driven_s: int, travel_s: int) -> int:
    """Rests on a way of ``travel_s`` after so much driving on the trip, seconds.

    There is one whenever driving goes on after another ``rest_after_s``.

    Examples
    --------
    >>> day = DayProblem(deliveries=(), vans=(), distance_m=np.zeros((1, 1), dtype=np.int64),
    ...                  travel_s=np.zeros((1, 1), dtype=np.int64), late_cost_per_s=0.0, rest_after_s=100, rest_s=7)
    >>> [rests_on(day, driven_s, 60) for driven_s in (0, 40, 41, 100, 250)]
    [0, 0, 7, 7, 7]
    """
    if not problem.rest_after_s or not travel_s:
        return 0
    before, after = (max(each - 1, 0) // problem.rest_after_s for each in (driven_s, driven_s + travel_s))
    return (after - before) * problem.rest_s


def start_within(delivery: Delivery, arrives_s: int, lead_s: int, day: int = 0) -> tuple[int, int]:
    """When unloading starts after an arrival on a day, and the end of the window in which it does.

    ``lead_s`` later the last of a stop's parcels is begun, which is in the same window; where there is no such
    window any more, the last one stands, which is then exceeded.
    """
    start_s, until_s = arrives_s, delivery.closes_s
    for opens_s, until_s in delivery.windows_on(day):
        start_s = max(arrives_s, opens_s)
        if start_s + lead_s <= until_s:
            break
    return start_s, until_s


def times_of_day(
    problem: DayProblem,
    number: int,
    trips: Sequence[Sequence[int]],
    latest_s: Sequence[int],
    waves_s: Sequence[int] | None = None,
) -> list[TripTimes] | Broken:
    """Times of all trips of a vehicle, each leaving after the one before is back and loading is done.

    ``waves_s`` are moments before which the trips do not leave, one for each; None: they leave when they can.
    """
    van = problem.vans[number]
    if len(trips) > van.max_trips:
        return Broken("trips", len(trips) - van.max_trips)
    free_from_s, times = van.start_s, []
    for place, sequence in enumerate(trips):
        free_from_s = max(free_from_s, waves_s[place]) if waves_s is not None else free_from_s
        trip = times_of_trip(problem, van, sequence, free_from_s, latest_s)
        if isinstance(trip, Broken):
            return trip
        times.append(trip)
        free_from_s = trip.returns_s + van.reload_s
    return times


def cost_of_day(problem: DayProblem, number: int, times: Sequence[TripTimes]) -> float:
    """Fixed, distance and time cost of a vehicle's trips, money; lateness of what is wanted at once, and waiting."""
    if not times:
        return 0.0
    van = problem.vans[number]
    cost = van.fixed_cost
    for trip in times:
        cost += van.cost_per_m * trip.distance_m + van.cost_per_s * (trip.returns_s - trip.departs_s)
        for visit in trip.visits:
            for one in visit.deliveries:
                wanted_s = problem.deliveries[one].wanted_s
                cost += problem.deliveries[one].wait_cost(van.day)
                if wanted_s is not None:
                    cost += problem.late_cost_per_s * max(visit.starts_s - wanted_s, 0)
    return cost


def starts_of(problem: DayProblem, trips: Trips, latest_s: Sequence[int]) -> dict[int, int]:
    """Start of unloading of each delivery on a vehicle, after those before it at its stop, seconds."""
    starts = {}
    for number, days in enumerate(trips):
        times = times_of_day(problem, number, days, latest_s)
        if isinstance(times, Broken):
            raise NoPlan(f"the trips found for vehicle {number} break {times.rule} by {times.by}; report it")
        for trip in times:
            for visit in trip.visits:
                now_s = visit.starts_s
                for one in visit.deliveries:
                    starts[one] = now_s
                    now_s += problem.deliveries[one].pieces_s
    return starts


def _by_place(problem: DayProblem, sequence: Sequence[int]) -> list[tuple[int, tuple[int, ...]]]:
    stops: list[tuple[int, tuple[int, ...]]] = []
    for one in sequence:
        place = problem.deliveries[one].place
        if stops and stops[-1][0] == place:
            stops[-1] = (place, (*stops[-1][1], one))
        else:
            stops.append((place, (one,)))
    return stops


def _drive(problem: DayProblem, stops: Sequence[tuple[int, tuple[int, ...]]], departs_s: int, day: int) -> list[Visit]:
    visits, at, now, driven_s = [], 0, departs_s, 0
    for place, members in stops:
        travel_s, distance_m = int(problem.travel_s[at, place]), int(problem.distance_m[at, place])
        rest_s = rests_on(problem, driven_s, travel_s)
        driven_s += travel_s
        arrives_s = now + travel_s + rest_s
        first = problem.deliveries[members[0]]
        pieces_s = [problem.deliveries[one].pieces_s for one in members]
        starts_s, until_s = start_within(first, arrives_s, sum(pieces_s[:-1]), day)
        now = starts_s + first.service_s + sum(pieces_s)
        visits.append(Visit(place, members, arrives_s, starts_s, now, distance_m, travel_s, until_s, rest_s))
        at = place
    return visits


def _slack(problem: DayProblem, one: int, starts_s: int, latest_s: Sequence[int]) -> int:
    bound = latest_s[one]
    for moment in (problem.deliveries[one].wanted_s, problem.deliveries[one].due_s):
        if moment is not None:
            bound = min(bound, max(moment, starts_s))
    return bound - starts_s
