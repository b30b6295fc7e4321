"""What goes on a later day than the first planned: brought forward where that is no dearer, and why it waits."""

from __future__ import annotations

import math
from dataclasses import replace

from partsopt.routing.found import Found
from partsopt.routing.insertion import Insertion, good_place, openings_of
from partsopt.routing.lanes import SELF_COLLECTED, Offer
from partsopt.routing.rows import Day
from partsopt.routing.timetable import Broken, DayProblem, Trips, cost_of_day, times_of_day


def brought_forward(problem: DayProblem, found: Found) -> Found:
    """A plan in which no delivery waits that could go on the first day for no more than it costs on its own.

    One after the other, the most urgent first; nothing on board comes later than it is held to.
    """
    trips = found.trips
    for one in _waiting(problem, trips):
        moved = _moved_to_first_day(problem, one, trips, found)
        if moved is not None and moved.cost <= 0:
            trips = moved.trips
    if trips == found.trips:
        return found
    objective = math.fsum(_cost(problem, number, day, found) for number, day in enumerate(trips))
    bound = found.bound if math.isnan(found.bound) else min(found.bound, objective)
    return replace(found, trips=trips, objective=objective, bound=bound)


def why_vans_wait(day: Day, found: Found) -> dict[int, str]:
    """Why each parcel that a vehicle brings on a later day does not go on the first, by number of the parcel."""
    problem, first = day.problem, f"{day.days[0]:%a %Y-%m-%d}"
    why = {}
    for one in _waiting(problem, found.trips):
        delivery = problem.deliveries[one]
        moved = _moved_to_first_day(problem, one, found.trips, found)
        if not delivery.windows_on(0):
            says = f"{day.site_ids[delivery.place]} is closed on {first}"
        elif not any(problem.vans[van].day == 0 for van in delivery.vehicles):
            says = f"no vehicle could bring it on {first}"
        elif moved is None:
            says = f"no vehicle has room and time for it on {first}"
        else:
            says = f"going on {first} would add {moved.cost:.2f}"
        why[day.numbers[one]] = says
    return why


def why_lane_waits(offer: Offer) -> str:
    """Why a carrier takes a parcel on a later day than the first; blank where it takes it on the first."""
    if not offer.wait_days:
        return ""
    on = f"{offer.handed_over_on:%a %Y-%m-%d}"
    if offer.lane.service == SELF_COLLECTED:
        return f"the dealer collects it on {on}"
    return f"{offer.lane.service} takes it on {on}: packed after its cutoff before, or sent with what goes then"


def _waiting(problem: DayProblem, trips: Trips) -> list[int]:
    """Deliveries on later days than the first, the most urgent first."""
    later = [one for van, day in zip(problem.vans, trips, strict=True) if van.day for trip in day for one in trip]
    return sorted(later, key=lambda one: (problem.deliveries[one].tier, one))


def _moved_to_first_day(problem: DayProblem, one: int, trips: Trips, found: Found) -> Insertion | None:
    """The plan with a delivery on the first day instead of its own, and what that adds; None where it has no place."""
    delivery = problem.deliveries[one]
    today = tuple(van for van in delivery.vehicles if problem.vans[van].day == 0)
    if not today:
        return None
    without = tuple(
        tuple(kept for trip in day if (kept := tuple(other for other in trip if other != one))) for day in trips
    )
    number = next(number for number, day in enumerate(trips) if day != without[number])
    alone = replace(delivery, vehicles=today)
    asked = replace(problem, deliveries=(*problem.deliveries[:one], alone, *problem.deliveries[one + 1 :]))
    place = good_place(asked, one, without, found.latest_s, openings_of(asked, without, found.latest_s))
    if place is None:
        return None
    saved = _cost(problem, number, trips[number], found) - _cost(problem, number, without[number], found)
    return replace(place, cost=place.cost - saved)


def _cost(problem: DayProblem, number: int, day: tuple[tuple[int, ...], ...], found: Found) -> float:
    times = times_of_day(problem, number, day, found.latest_s)
    return math.inf if isinstance(times, Broken) else cost_of_day(problem, number, times)
