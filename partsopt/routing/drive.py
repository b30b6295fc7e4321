"""One leg by hand, as the verification of a plan drives it: it shares no formula with what made the plan."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from partsopt.bands import bands_of, kilometres
from partsopt.settings import RoutingParams, clock_minutes

EARTH_RADIUS_M = 6_371_008.8


def drive(
    one: Mapping[str, Any], other: Mapping[str, Any], measured: Mapping[str, Any] | None, params: RoutingParams
) -> tuple[float, float]:
    """Distance in metres and time in seconds from a site to another.

    Parameters
    ----------
    one, other
        Rows of sites.
    measured
        The row of travel; None: there is none.

    Examples
    --------
    A measured leg of 30 minutes to a dealer that accepts goods from eight to ten, of which one hour at 1.5:

    >>> dealer = {"opens_at": 480, "closes_at": 600}
    >>> rush = RoutingParams(time_of_day="07:00=1.5, 09:00=1")
    >>> drive({}, dealer, {"distance_m": 9000.0, "travel_min": 30.0}, rush)
    (9000.0, 2250.0)
    """
    if measured is None:
        metres = _road_m(one, other, params)
        seconds = _seconds(metres, params)
    else:
        metres, seconds = measured["distance_m"], measured["travel_min"] * 60
    return metres, seconds * _factor(int(other["opens_at"]), int(other["closes_at"]), params.time_of_day)


def _road_m(one: Mapping[str, Any], other: Mapping[str, Any], params: RoutingParams) -> float:
    north, south = math.radians(one["latitude"]), math.radians(other["latitude"])
    east = math.radians(other["longitude"] - one["longitude"])
    chord = math.sin((south - north) / 2) ** 2 + math.cos(north) * math.cos(south) * math.sin(east / 2) ** 2
    detours = [site["detour_factor"] for site in (one, other)]
    detours = [params.detour_factor if math.isnan(detour) else detour for detour in detours]
    return 2 * EARTH_RADIUS_M * math.asin(min(math.sqrt(chord), 1.0)) * sum(detours) / 2


def _seconds(metres: float, params: RoutingParams) -> float:
    """From the far end back: what lies beyond a band's start is driven at its speed."""
    seconds, left_km = 0.0, metres / 1000
    bands = bands_of("routing.speed_bands", params.speed_bands, kilometres)
    for start, speed in reversed(bands or ((0.0, params.speed_km_per_hour),)):
        beyond = max(left_km - start, 0.0)
        seconds += beyond / speed * 3600
        left_km -= beyond
    return seconds


@lru_cache(maxsize=1024)
def _factor(opens: int, closes: int, time_of_day: str) -> float:
    """The mean factor of the open minutes, minute by minute: bands start at whole minutes."""
    factor_from = dict(bands_of("routing.time_of_day", time_of_day, clock_minutes))
    if not factor_from:
        return 1.0
    factor, minutes = factor_from[max(factor_from)], []
    for minute in range(closes):
        factor = factor_from.get(minute, factor)
        minutes.append(factor)
    return math.fsum(minutes[opens:]) / (closes - opens)
