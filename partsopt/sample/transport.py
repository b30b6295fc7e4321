"""Own vehicles at each DC, carriers' lanes, and the few road distances that somebody measured."""

from __future__ import annotations

import numpy as np
import pandas as pd

from partsopt.sample.cities import great_circle_km
from partsopt.sample.draws import Array
from partsopt.sample.places import Places
from partsopt.tables import CARRIER_LANES, TRAVEL, VEHICLES, conform

DETOUR_FACTOR = 1.3
OWN_VEHICLE_RADIUS_KM = 400.0
DEALERS_PER_VEHICLE = 5
AIR_FROM_KM = 800.0  # by road; nearer, the fast service is an express lorry
TWO_DAYS_FROM_KM = 1500.0
NEIGHBOURS = 60
HANDLING_DAYS = 1.0
MEASURED_PER_DC = 3

# name, kg, m3, CNY a day, CNY a km, CNY an hour, leaves, is back, trips a day, loading in minutes
VEHICLE_TYPES = (
    ("VAN", 1100.0, 8.5, 180.0, 1.2, 42.0, 480, 1140, 3, 25.0),
    ("LORRY", 3500.0, 19.0, 320.0, 2.1, 48.0, 480, 1140, 2, 40.0),
    ("VAN", 1100.0, 8.5, 180.0, 1.2, 42.0, 420, 1080, 3, 25.0),
    ("TRUCK", 8000.0, 42.0, 560.0, 3.3, 55.0, 420, 1140, 1, 60.0),
)


def vehicles_table(places: Places) -> pd.DataFrame:
    """Vans and lorries of each DC: one for every five dealers within 400 km by road, two at least."""
    rows = []
    for dc in range(places.n_dcs):
        near = int((places.km_to_dc[places.dealers_of(dc)] * DETOUR_FACTOR <= OWN_VEHICLE_RADIUS_KM).sum())
        n = 1 if near == 0 else max(2, -(-near // DEALERS_PER_VEHICLE))
        for number in range(n):
            name, *figures = VEHICLE_TYPES[number % len(VEHICLE_TYPES)]
            short = str(places.site_ids[dc]).removeprefix("DC-")
            rows.append((f"{short}-{name}-{number + 1:02d}", str(places.site_ids[dc]), *figures))
    columns = ["vehicle_id", "depot_id", "capacity_kg", "capacity_m3", "fixed_cost", "cost_per_km", "cost_per_hour"]
    columns += ["shift_start", "shift_end", "max_trips", "reload_min"]
    return conform(pd.DataFrame(rows, columns=columns), VEHICLES)


def lanes_table(places: Places) -> pd.DataFrame:
    """Carriers between sites: by road in 1 to 5 days, express or by air in 1 to 2.

    Both services run from every DC to every other site, the fast one also from each dealer to the nearest 60
    dealers of the same DC, so that pieces can be moved between them.
    """
    sites = np.arange(len(places.site_ids))
    from_dc = [(np.full(len(sites) - 1, dc), sites[sites != dc]) for dc in range(places.n_dcs)]
    between = [_neighbours(places, dc) for dc in range(places.n_dcs)]
    origin, destination = (np.concatenate(one) for one in zip(*from_dc, strict=True))
    fast_origin, fast_destination = (np.concatenate(one) for one in zip(*from_dc, *between, strict=True))
    km = _road_km(places, origin, destination)
    fast_km = _road_km(places, fast_origin, fast_destination)
    road = _lanes(places, origin, destination, "road", road_days(km), 1020, 38 + 0.02 * km, 0.6 + 0.0011 * km)
    fast = _lanes(
        places,
        fast_origin,
        fast_destination,
        np.where(fast_km > AIR_FROM_KM, "air", "express"),
        np.where(fast_km > TWO_DAYS_FROM_KM, 2, 1),
        1080,
        60 + 0.04 * fast_km,
        4.5 + 0.0045 * fast_km,
    )
    return conform(pd.concat([road, fast], ignore_index=True), CARRIER_LANES)


def _neighbours(places: Places, dc: int) -> tuple[Array, Array]:
    dealers = places.dealers_of(dc)
    latitude, longitude = places.latitude[dealers], places.longitude[dealers]
    km = great_circle_km(latitude[:, None], longitude[:, None], latitude[None, :], longitude[None, :])
    np.fill_diagonal(km, np.inf)
    near = np.argsort(km, axis=1, kind="stable")[:, : max(min(NEIGHBOURS, len(dealers) - 1), 0)]
    return np.repeat(dealers, near.shape[1]), dealers[near.ravel()]


def _road_km(places: Places, origin: Array, destination: Array) -> Array:
    return DETOUR_FACTOR * great_circle_km(
        places.latitude[origin], places.longitude[origin], places.latitude[destination], places.longitude[destination]
    )


def road_days(km: Array) -> Array:
    """Days a road carrier takes, 1 to 5, from the distance by road in km.

    Examples
    --------
    >>> road_days(np.array([50.0, 900.0, 4000.0])).tolist()
    [1, 2, 5]
    """
    return np.clip(1 + np.floor(km / 750), 1, 5).astype(np.int64)


def dealer_lead_days(places: Places) -> Array:
    """Days from the DC's shelf to each site's, picking included, shape (sites,)."""
    return HANDLING_DAYS + road_days(DETOUR_FACTOR * places.km_to_dc)


def travel_table(places: Places) -> pd.DataFrame:
    """Road distance and time between each DC and its nearest dealers; every other pair follows the great circle."""
    rows = []
    for dc in range(places.n_dcs):
        dealers = places.dealers_of(dc)
        near = dealers[np.argsort(places.km_to_dc[dealers], kind="stable")[:MEASURED_PER_DC]]
        for dealer in near:
            metres = round(float(places.km_to_dc[dealer]) * 1250 + 900)
            minutes = round(10 + metres / 1000 / (32 if metres < 40_000 else 62) * 60)
            for one, two in ((dc, dealer), (dealer, dc)):
                rows.append((str(places.site_ids[one]), str(places.site_ids[two]), float(metres), float(minutes)))
    return conform(pd.DataFrame(rows, columns=["from_id", "to_id", "distance_m", "travel_min"]), TRAVEL)


def _lanes(
    places: Places,
    origin: Array,
    destination: Array,
    service: Array | str,
    days: Array,
    cutoff: int,
    fixed: Array,
    per_kg: Array,
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "origin_id": places.site_ids[origin],
            "destination_id": places.site_ids[destination],
            "service": service,
            "days": days,
            "cutoff_at": cutoff,
            "cost_fixed": np.round(fixed, 2),
            "cost_per_kg": np.round(per_kg, 2),
        }
    )
