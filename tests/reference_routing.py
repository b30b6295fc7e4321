"""Slow obvious twins of the routing stage: loops over plain numbers, no pandas, no solver."""

from __future__ import annotations

import itertools
import math
from datetime import date, datetime, timedelta

EARTH_RADIUS_M = 6_371_008.8


def reference_great_circle_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Distance on a sphere by the angle between two vectors (spherical law in its atan2 form)."""
    a, b = (math.radians(degrees) for degrees in one), (math.radians(degrees) for degrees in other)
    (north, east), (south, west) = tuple(a), tuple(b)
    along = math.cos(south) * math.sin(west - east)
    across = math.cos(north) * math.sin(south) - math.sin(north) * math.cos(south) * math.cos(west - east)
    down = math.sin(north) * math.sin(south) + math.cos(north) * math.cos(south) * math.cos(west - east)
    return EARTH_RADIUS_M * math.atan2(math.hypot(along, across), down)


def reference_lane_arrival(
    packed: datetime, planned: date, cutoff: int, days: int, opens: int, closes: int, holidays: set[date]
) -> tuple[datetime, datetime]:
    """Collection and arrival of a lane, walking day by day; every time in one zone."""

    def works(on: date) -> bool:
        return on.weekday() < 5 and on not in holidays

    def clock(on: date, minute: int) -> datetime:
        return datetime(on.year, on.month, on.day, tzinfo=packed.tzinfo) + timedelta(minutes=minute)

    on = planned
    while not works(on) or clock(on, cutoff) < packed:
        on += timedelta(days=1)
    collected = clock(on, cutoff)
    arrival = on + timedelta(days=days)
    while not works(arrival):
        arrival += timedelta(days=1)
    if clock(arrival, opens) >= collected:
        return collected, clock(arrival, opens)
    if clock(arrival, closes) >= collected:
        return collected, clock(arrival, closes)
    arrival += timedelta(days=1)
    while not works(arrival):
        arrival += timedelta(days=1)
    return collected, clock(arrival, opens)


def reference_starts(
    order: tuple[int, ...],
    place: list[int],
    released: list[int],
    window: list[tuple[int, int]],
    service: list[int],
    travel: list[list[int]],
    shift: tuple[int, int],
) -> list[int] | None:
    """Start of unloading at each delivery of a trip that leaves as soon as everything is packed; None: not possible."""
    now = max([shift[0]] + [released[one] for one in order])
    at, starts = 0, []
    for step, one in enumerate(order):
        if step == 0 or place[one] != at:
            if step > 0:
                now = starts[-1] + service[order[step - 1]]
            now += travel[at][place[one]]
        start = max(now, window[one][0])
        if start > window[one][1]:
            return None
        starts.append(start)
        now, at = start, place[one]
    back = starts[-1] + service[order[-1]] + travel[at][0]
    return starts if back <= shift[1] else None


def reference_most_served(
    tiers: list[int],
    weight: list[int],
    capacity: list[int],
    place: list[int],
    released: list[int],
    window: list[tuple[int, int]],
    service: list[int],
    travel: list[list[int]],
    shift: tuple[int, int],
) -> tuple[int, ...]:
    """The lexicographically largest numbers of deliveries served by tier, one trip a vehicle, by trying everything."""
    ranks = sorted(set(tiers))

    def can_drive(members: tuple[int, ...], vehicle: int) -> bool:
        if sum(weight[one] for one in members) > capacity[vehicle]:
            return False
        return not members or any(
            reference_starts(order, place, released, window, service, travel, shift) is not None
            for order in itertools.permutations(members)
        )

    possible = {
        (members, vehicle)
        for vehicle in range(len(capacity))
        for size in range(len(tiers) + 1)
        for members in itertools.combinations(range(len(tiers)), size)
        if can_drive(members, vehicle)
    }
    best = tuple(0 for _ in ranks)
    for carried in itertools.product(range(len(capacity) + 1), repeat=len(tiers)):
        groups = [tuple(one for one, by in enumerate(carried) if by == vehicle) for vehicle in range(len(capacity))]
        if all((group, vehicle) in possible for vehicle, group in enumerate(groups)):
            served = [one for group in groups for one in group]
            best = max(best, tuple(sum(tiers[one] == rank for one in served) for rank in ranks))
    return best
