"""Distribution centres and dealers of the sample network: where they are and how large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from partsopt.sample.cities import DC_CITIES, great_circle_km, read_cities
from partsopt.sample.draws import Array, lognormal, normal, stream
from partsopt.tables import SITES, conform

MARKET_SPREAD = 0.25  # seeded spread of a city's weight, so that another seed gives other cities
SIZE_SIGMA = 0.45  # spread of the size of dealers
SIZE_OF_A_CITY_POWER = 0.15  # dealers of large cities are somewhat larger


@dataclass(frozen=True)
class Places:
    """Sites as arrays: the DCs first, then the dealers; positions in these arrays are "site" elsewhere."""

    site_ids: Array
    n_dcs: int
    dc: Array  # position of the DC that supplies a dealer; a DC's own position
    size: Array  # share of a dealer in its DC's demand, before scaling; 0 for a DC
    km_to_dc: Array  # great circle
    latitude: Array
    longitude: Array
    frame: pd.DataFrame

    @property
    def n_dealers(self) -> int:
        """How many dealers there are."""
        return len(self.site_ids) - self.n_dcs

    def dealers_of(self, dc: int) -> Array:
        """Positions of the dealers that a DC supplies."""
        return np.flatnonzero((self.dc == dc) & (np.arange(len(self.dc)) >= self.n_dcs))


def choose_places(n_dcs: int, n_dealers: int, seed: int) -> Places:
    """DCs in large cities, dealers over the country by market size, each supplied by the nearest DC.

    A city gets its n-th dealer when its weight divided by n is next in the order of all cities
    (highest averages), so the largest markets have several; all but the first stand some km out.
    """
    random = stream(seed, "places")
    cities = read_cities()
    weights = np.array([city.weight for city in cities]) * lognormal(normal(random, len(cities)), 1.0, MARKET_SPREAD)
    most = 1 + n_dealers // 4
    averages = (weights[:, None] / np.arange(1, most + 1)[None, :]).ravel()
    order = np.argsort(-averages, kind="stable")[:n_dealers]
    city_of, nth = order // most, order % most
    by_name = {city.name: city for city in cities}
    centres = [(site_id, by_name[name]) for site_id, name in DC_CITIES[:n_dcs]]

    away = np.where(nth > 0, 1.0, 0.25)
    latitude = np.array([cities[k].latitude for k in city_of]) + away * (random.random(n_dealers) - 0.5) * 0.24
    longitude = np.array([cities[k].longitude for k in city_of]) + away * (random.random(n_dealers) - 0.5) * 0.28
    latitude = np.round(np.concatenate([[city.latitude + 0.11 for _, city in centres], latitude]), 4)
    longitude = np.round(np.concatenate([[city.longitude + 0.13 for _, city in centres], longitude]), 4)
    km = great_circle_km(latitude[:, None], longitude[:, None], latitude[None, :n_dcs], longitude[None, :n_dcs])
    dc = np.argmin(km, axis=1)
    dc[:n_dcs] = np.arange(n_dcs)

    dealer_size = lognormal(normal(random, n_dealers), 1.0, SIZE_SIGMA)
    dealer_size *= np.array([cities[k].weight for k in city_of]) ** SIZE_OF_A_CITY_POWER
    size = np.concatenate([np.zeros(n_dcs), np.round(dealer_size, 6)])
    width = max(3, len(str(n_dealers)))
    site_ids = np.array([site_id for site_id, _ in centres] + [f"D{n:0{width}d}" for n in range(1, n_dealers + 1)])
    names = [f"{city.chinese_name}备件中心 {city.name} parts centre" for _, city in centres]
    names += [
        f"{cities[k].chinese_name}{_numeral(n)}店 {cities[k].name} {n + 1}" for k, n in zip(city_of, nth, strict=True)
    ]
    streets = [f"{city.chinese_name}市物流大道{1 + n}号" for n, (_, city) in enumerate(centres)]
    streets += [f"{cities[k].chinese_name}市汽车大道{8 + 16 * n}号" for k, n in zip(city_of, nth, strict=True)]
    is_large = size > np.median(size[n_dcs:])
    opens = np.array([480, 510, 540])[_third(random, n_dealers)]
    closes = np.array([1050, 1080, 1140])[_third(random, n_dealers)]
    unloading = np.round(10 + 5 * np.floor(random.random(n_dealers) * 3) + 10 * is_large[n_dcs:], 0)
    frame = pd.DataFrame(
        {
            "site_id": site_ids,
            "site_kind": ["dc"] * n_dcs + ["dealer"] * n_dealers,
            "name": names,
            "address": streets,
            "latitude": latitude,
            "longitude": longitude,
            "supplied_by": [""] * n_dcs + site_ids[dc[n_dcs:]].tolist(),
            "opens_at": np.concatenate([np.full(n_dcs, 450), opens]),
            "closes_at": np.concatenate([np.full(n_dcs, 1170), closes]),
            "service_min": np.concatenate([np.full(n_dcs, 30.0), unloading]),
        }
    )
    return Places(
        site_ids=site_ids,
        n_dcs=n_dcs,
        dc=dc,
        size=size,
        km_to_dc=km[np.arange(len(dc)), dc],
        latitude=latitude,
        longitude=longitude,
        frame=conform(frame, SITES),
    )


def _third(random: np.random.Generator, n: int) -> Array:
    return np.floor(random.random(n) * 3).astype(np.int64)


def _numeral(n: int) -> str:
    return "一二三四五六七八九十"[n] if n < 10 else str(n + 1)
