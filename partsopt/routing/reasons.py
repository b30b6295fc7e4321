"""Why nobody carries a parcel, in a dispatcher's words, and the smallest change that would admit it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from partsopt.routing.insertion import UNLIMITED, Relaxed, cheapest_place, vehicles_asked
from partsopt.routing.stops import CM3_PER_M3, GRAMS_PER_KG, Parcel, Place
from partsopt.routing.timetable import Broken, DayProblem, Trips, Van, largest_load, times_of_day, times_of_trip

ALL_ASKED = 24
MOST_ASKED = 3
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
        times = times_of_trip(problem, van, [one], van.start_s, latest_s)
        if not isinstance(times, Broken):
            return None
        if closest is None or times.by < closest[0]:
            closest = (times.by, number, times)
    if closest is None:
        return None
    by, number, broken = closest
    van, vehicle_id = problem.vans[number], vehicle_ids[number]
    if broken.rule == "window":
        what = f"{vehicle_id} would reach it {_minutes(by)} after it closes at {_clock(delivery.latest_s)}"
    else:
        ends = "the dock closes" if van.ends_with_dock else "its shift ends"
        what = f"a direct trip of {vehicle_id} returns {_minutes(by)} after {ends} at {_clock(van.end_s)}"
    packed_at_start = replace(delivery, released_s=van.start_s)
    sooner = replace(problem, deliveries=(*problem.deliveries[:one], packed_at_start, *problem.deliveries[one + 1 :]))
    if delivery.released_s > van.start_s and not isinstance(
        times_of_trip(sooner, van, [one], van.start_s, latest_s), Broken
    ):
        return f"packed at {_clock(delivery.released_s)}, {_minutes(by)} too late: {what}"
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
    vehicles = "the vehicle is" if len(problem.vans) == 1 else f"all {len(problem.vans)} vehicles are"
    if not ways:
        return f"{vehicles} full, and no stop could wait for it; one more vehicle would take it"
    return f"{vehicles} full; it would fit with {', or '.join(way.says for way in ways)}"


def changes_that_admit(
    problem: DayProblem,
    one: int,
    trips: Trips,
    latest_s: Sequence[int],
    vehicle_ids: Sequence[str],
    relaxed: Sequence[Relaxed] = (),
) -> list[Change]:
    """The smallest change of each kind (load, shift, one more trip) that lets one vehicle take a delivery.

    Each has been applied: the delivery fits into the plan given, and nothing on board is later than it may be.
    With ``relaxed`` days, only the vehicles nearest to taking it are asked, not all.
    """
    load, shift, trip = [], [], []
    asked: Sequence[int] = problem.deliveries[one].vehicles
    if relaxed:
        asked = vehicles_asked(problem, one, relaxed, latest_s, MOST_ASKED)
    for number in asked:
        van, vehicle_id = problem.vans[number], vehicle_ids[number]
        roomy = replace(van, grams=UNLIMITED, cm3=UNLIMITED)
        for grams, cm3 in _loads_needed(problem, one, trips[number], number, roomy, latest_s):
            wider = replace(van, grams=max(grams, van.grams), cm3=max(cm3, van.cm3))
            if any(
                wider.grams > problem.deliveries[each].largest_grams for day in trips[number] for each in (*day, one)
            ):
                continue
            share = max(wider.grams / van.grams, wider.cm3 / van.cm3)
            more = [
                *([f"{_kg(wider.grams - van.grams)}"] if wider.grams > van.grams else []),
                *([f"{_m3(wider.cm3 - van.cm3)}"] if wider.cm3 > van.cm3 else []),
            ]
            load.append((share, number, wider, f"{' and '.join(more)} more on {vehicle_id}"))
        longer = replace(van, end_s=UNLIMITED)
        placed = cheapest_place(_with(problem, number, longer), one, trips, latest_s, [number])
        if placed is not None:
            times = times_of_day(_with(problem, number, longer), number, placed.trips[number], latest_s)
            if not isinstance(times, Broken) and times[-1].returns_s > van.end_s:
                more_s = times[-1].returns_s - van.end_s
                whose = "the dock's hours" if van.ends_with_dock else f"{vehicle_id}'s shift"
                says = f"{_minutes(more_s)} more of {whose}"
                shift.append((more_s, number, replace(van, end_s=van.end_s + more_s), says))
        again = replace(van, max_trips=van.max_trips + 1)
        trip.append((0, number, again, f"one more trip of {vehicle_id}"))
    found = []
    for kind in (load, shift, trip):
        for _, number, van, says in sorted(kind, key=lambda way: (way[0], way[1])):
            placed = cheapest_place(_with(problem, number, van), one, trips, latest_s, [number])
            if placed is not None:
                found.append(Change(number, van, says, placed.trips))
                break
    return found


def _loads_needed(
    problem: DayProblem,
    one: int,
    day: tuple[tuple[int, ...], ...],
    number: int,
    roomy: Van,
    latest_s: Sequence[int],
) -> list[tuple[int, int]]:
    """Loads of the trips that could take a delivery if weight and volume were no matter, grams and cm3."""
    needed = []
    relaxed = _with(problem, number, roomy)
    for place, trip in enumerate(day):
        for at in range(len(trip) + 1):
            longer = (*trip[:at], one, *trip[at:])
            changed = (*day[:place], longer, *day[place + 1 :])
            if not isinstance(times_of_day(relaxed, number, changed, latest_s), Broken):
                needed.append(largest_load(problem, longer))
                break
    return needed


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
