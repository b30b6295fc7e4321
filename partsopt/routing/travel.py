"""Road distance and time between sites: from the travel table, else great circle, detour and speed of the road."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from partsopt.bands import Bands, bands_of, kilometres
from partsopt.errors import InputError
from partsopt.settings import RoutingParams, clock_minutes

EARTH_RADIUS_M = 6_371_008.8


class Travel(NamedTuple):
    """Distance and time between sites, in the order the sites were named.

    ``distance_m`` and ``travel_s`` are whole metres and seconds, shape (sites, sites);
    ``is_estimated`` is True where the travel table has no row.
    """

    distance_m: NDArray[np.int64]
    travel_s: NDArray[np.int64]
    is_estimated: NDArray[np.bool_]

    def estimated_among(self, places: Collection[int]) -> int:
        """Pairs between these places that are estimated."""
        chosen = sorted(places)
        return int(self.is_estimated[np.ix_(chosen, chosen)].sum())


def travel_between(site_ids: Sequence[str], sites: pd.DataFrame, travel: pd.DataFrame, params: RoutingParams) -> Travel:
    """Distance and time between each pair of the sites named.

    Parameters
    ----------
    site_ids
        The sites, each once; all must be rows of ``sites``.
    sites
        Table sites: latitude and longitude are used where travel has no row.
    travel
        Table travel: metres and minutes by direction. Rows of other sites are left aside.

    Returns
    -------
    Travel
        Whole metres (nearest) and whole seconds (rounded up), zero on the diagonal. Seconds are those of the
        hours in which the destination accepts goods (decision 0067). Where nothing may be estimated, a pair that lacks
        has its great circle, which no road is shorter than.
    """
    places = sites.set_index("site_id").loc[list(site_ids)]
    great_circle = great_circle_m(places["latitude"].to_numpy(float), places["longitude"].to_numpy(float))
    detour = places["detour_factor"].fillna(params.detour_factor).to_numpy(float)
    if not params.estimate_travel:
        detour = np.ones(len(places))
    distance_m = great_circle * (detour[:, None] + detour[None, :]) / 2
    speeds = bands_of("routing.speed_bands", params.speed_bands, kilometres)
    travel_s = seconds_driven(distance_m, speeds or ((0.0, params.speed_km_per_hour),))
    is_estimated = ~np.eye(len(places), dtype=bool)

    number = pd.Series(np.arange(len(places)), index=places.index)
    rows = travel[travel["from_id"].isin(places.index) & travel["to_id"].isin(places.index)]
    rows = rows[rows["from_id"] != rows["to_id"]]
    start, end = number.loc[rows["from_id"]].to_numpy(), number.loc[rows["to_id"]].to_numpy()
    distance_m[start, end] = rows["distance_m"].to_numpy()
    travel_s[start, end] = rows["travel_min"].to_numpy() * 60
    is_estimated[start, end] = False
    hours = bands_of("routing.time_of_day", params.time_of_day, clock_minutes)
    travel_s *= mean_factor(places["opens_at"].to_numpy(float), places["closes_at"].to_numpy(float), hours)[None, :]
    return Travel(np.rint(distance_m).astype(np.int64), np.ceil(np.round(travel_s, 6)).astype(np.int64), is_estimated)


def seconds_driven(distance_m: NDArray[np.float64], bands: Bands) -> NDArray[np.float64]:
    """Time of legs whose roads are faster, or slower, from so many km on; same shape as ``distance_m``.

    Parameters
    ----------
    bands
        Start in km, the first at 0, and km per hour from there on.

    Examples
    --------
    Of 50 km the first 20 at 40 km/h take half an hour, the other 30 at 60 km/h another half:

    >>> seconds_driven(np.array([50_000.0]), ((0.0, 40.0), (20.0, 60.0))).tolist()
    [3600.0]
    """
    ends = [start for start, _ in bands[1:]] + [np.inf]
    seconds = np.zeros_like(distance_m)
    for (start, speed), end in zip(bands, ends, strict=True):
        seconds += np.clip(distance_m - start * 1000, 0.0, (end - start) * 1000) / (speed / 3.6)
    return seconds


def mean_factor(opens: NDArray[np.float64], closes: NDArray[np.float64], bands: Bands) -> NDArray[np.float64]:
    """Mean of a factor over hours of the day, shape (sites,); 1 where no bands are given.

    Parameters
    ----------
    opens, closes
        Minutes after midnight, ``opens < closes``, shape (sites,).
    bands
        Minute from which on a factor holds; before the first start the last one's holds, from the day before.

    Examples
    --------
    From eight to twelve, of which one hour at 1.4:

    >>> mean_factor(np.array([480.0]), np.array([720.0]), ((420.0, 1.4), (540.0, 1.0))).round(6).tolist()
    [1.1]
    """
    if not bands:
        return np.ones(len(opens))
    starts = [-np.inf, *(start for start, _ in bands)]
    ends = [*starts[1:], np.inf]
    factors = [bands[-1][1], *(factor for _, factor in bands)]
    total = np.zeros(len(opens))
    for start, end, factor in zip(starts, ends, factors, strict=True):
        total += factor * np.clip(np.minimum(closes, end) - np.maximum(opens, start), 0.0, None)
    return total / (closes - opens)


def refuse_holes(site_ids: Sequence[str], travel: Travel, driven: Collection[int]) -> None:
    """Refuse pairs without a row in the table between places that vehicles may drive to.

    Raises
    ------
    InputError
        The first pairs are named.
    """
    is_driven = np.isin(np.arange(len(site_ids)), list(driven))
    holes = np.argwhere(travel.is_estimated & is_driven[:, None] & is_driven).tolist()
    if not holes:
        return
    named = ", ".join(f"{site_ids[start]} to {site_ids[end]}" for start, end in holes[:3])
    more = f" and {len(holes) - 3} more pairs" if len(holes) > 3 else ""
    raise InputError(
        f"travel has no row from {named}{more}, and routing.estimate_travel is false. Remedy: give the pairs, name a "
        "road engine (routing.road_engine), or let them be estimated."
    )


def great_circle_m(latitude: NDArray[np.float64], longitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Great-circle distance between all pairs of places on a sphere, metres, shape (places, places).

    Parameters
    ----------
    latitude, longitude
        Degrees north and east, shape (places,).

    Notes
    -----
    Haversine formula (Sinnott 1984, Sky and Telescope 68(2), 159), mean earth radius 6,371.0088 km.

    Examples
    --------
    >>> float(great_circle_m(np.array([0.0, 0.0]), np.array([0.0, 90.0]))[0, 1].round())
    10007557.0
    """
    north, east = np.radians(latitude), np.radians(longitude)
    half_chord = (
        np.sin((north[:, None] - north[None, :]) / 2) ** 2
        + np.cos(north[:, None]) * np.cos(north[None, :]) * np.sin((east[:, None] - east[None, :]) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.clip(half_chord, 0.0, 1.0)))
