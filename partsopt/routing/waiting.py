"""What goes on a later day than the first planned: brought forward where that is no dearer, and why it waits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from partsopt.routing.found import Found
from partsopt.routing.insertion import Insertion, Openings, good_place, openings_after, openings_of
from partsopt.routing.lanes import SELF_COLLECTED, Offer
from partsopt.routing.rows import Day
from partsopt.routing.timetable import Broken, DayProblem, Trips, cost_of_day, times_of_day


def brought_forward(problem: DayProblem, trips: Trips, latest_s: Sequence[int]) -> Trips:
    """Trips in which no delivery waits that could go on the first day for no more than it costs on its own.

    One after the other, the most urgent first; nothing on board comes later than it is held to.
    """
    waiting = _waiting(problem, trips)
    if waiting:
        openings = _openings_of_first_day(problem, trips, latest_s)
    for one in waiting:
        moved = _moved_to_first_day(problem, one, trips, latest_s, openings)
        if moved is not None and moved.cost <= 0:
            trips = moved.trips
            openings = openings_after(problem, openings, trips, moved.vehicle, latest_s)
    return trips


def why_vans_wait(day: Day, found: Found) -> dict[int, str]:
    """Why each delivery that a vehicle makes on a later day is not made on the first, returns included."""
    problem, first = day.problem, f"{day.days[0]:%a %Y-%m-%d}"
    waiting = _waiting(problem, found.trips)
    if not waiting:
        return {}
    openings = _openings_of_first_day(problem, found.trips, found.latest_s)
    why = {}
    for one in waiting:
        delivery = problem.deliveries[one]
        moved = _moved_to_first_day(problem, one, found.trips, found.latest_s, openings)
        if not delivery.windows_on(0):
            says = f"{day.site_ids[delivery.place]} is closed on {first}"
        elif not any(problem.vans[van].day == 0 for van in delivery.vehicles):
            says = f"no vehicle could bring it on {first}"
        elif moved is None:
            says = f"no vehicle has room and time for it on {first}"
        else:
            says = f"going on {first} would add {moved.cost:.2f}"
        why[one] = says
    return why


def without_later_returns(day: Day, found: Found) -> Found:
    """The plan in which no vehicle of a later day fetches a return: that is for the next night to say."""
    n_parcels = len(day.numbers)
    trips = tuple(
        tuple(kept for trip in trips if (kept := tuple(one for one in trip if one < n_parcels))) if van.day else trips
        for van, trips in zip(day.problem.vans, found.trips, strict=True)
    )
    return replace(found, trips=trips)


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


def _openings_of_first_day(problem: DayProblem, trips: Trips, latest_s: Sequence[int]) -> Openings:
    """Where one more delivery could go on the first day; taking one off a later day changes none of them."""
    openings = openings_of(problem, trips, latest_s)
    return Openings._make(column[openings.day == 0] for column in openings)


def _moved_to_first_day(
    problem: DayProblem, one: int, trips: Trips, latest_s: Sequence[int], openings: Openings
) -> Insertion | None:
    """The plan with a delivery on the first day instead of its own, and what that adds; None where it has no place."""
    delivery = problem.deliveries[one]
    today = tuple(van for van in delivery.vehicles if problem.vans[van].day == 0)
    if not today:
        return None
    number = next(number for number, day in enumerate(trips) if any(one in trip for trip in day))
    left = tuple(kept for trip in trips[number] if (kept := tuple(other for other in trip if other != one)))
    without = (*trips[:number], left, *trips[number + 1 :])
    alone = replace(delivery, vehicles=today)
    asked = replace(problem, deliveries=(*problem.deliveries[:one], alone, *problem.deliveries[one + 1 :]))
    place = good_place(asked, one, without, latest_s, openings)
    if place is None:
        return None
    saved = _cost(problem, number, trips[number], latest_s) - _cost(problem, number, left, latest_s)
    return replace(place, cost=place.cost - saved)


def _cost(problem: DayProblem, number: int, day: tuple[tuple[int, ...], ...], latest_s: Sequence[int]) -> float:
    times = times_of_day(problem, number, day, latest_s)
    return math.inf if isinstance(times, Broken) else cost_of_day(problem, number, times)
