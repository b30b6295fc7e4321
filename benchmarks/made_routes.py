"""Routing instances made like the published kinds, to choose a search on others than those it is measured on.

    python -m benchmarks.made_routes --out DIR [--seed 1] [--others]

writes one folder of .vrp files for each kind: windows (clustered, random, mixed; short days and long days; after
Gehring & Homberger), trips (several trips of a vehicle, releases), depots (several depots, longest durations; after
Cordeau), fleet (mixed fleets with fixed and distance costs; after Uchoa et al.). One seed, one set of files.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Sizes(NamedTuple):
    """What is made of each kind: types and stops, share of late releases, depots and width of windows."""

    windows: tuple[tuple[str, int], ...]
    trips: tuple[tuple[str, int, float], ...]
    depots: tuple[tuple[int, int, float], ...]
    fleets: tuple[tuple[str, int], ...]


SIZES = Sizes(
    windows=(
        ("C1", 100), ("R1", 100), ("R2", 100), ("RC1", 100), ("RC2", 100), ("C2", 200), ("R1", 200), ("R2", 200),
        ("RC2", 200), ("C1", 400), ("R1", 400), ("R2", 400), ("RC2", 400), ("R2", 600),
    ),
    trips=(("R2", 25, 0.5), ("RC2", 50, 0.25), ("C2", 100, 0.5), ("R2", 100, 0.75), ("R2", 200, 0.25)),
    depots=((48, 4, 90.0), (144, 4, 90.0), (240, 6, 180.0), (360, 4, 135.0), (480, 6, 90.0)),
    fleets=(
        ("HD", 50), ("HD", 100), ("FSMFD", 100), ("HVRP", 150), ("FSMD", 200), ("HD", 250), ("FSMF", 300),
        ("HVRP", 500),
    ),
)  # fmt: skip
OTHER_SIZES = Sizes(
    windows=(
        ("R1", 25), ("C2", 25), ("RC2", 25), ("C1", 50), ("R2", 50), ("RC1", 50), ("C1", 100), ("C2", 100), ("R1", 100),
        ("R2", 100), ("RC1", 100), ("RC2", 100), ("C1", 200), ("C2", 200), ("R1", 200), ("R2", 200), ("RC1", 200),
        ("RC2", 200), ("C2", 400), ("R1", 400), ("R2", 400), ("RC2", 400),
    ),
    trips=(
        ("R2", 50, 0.25), ("C2", 50, 0.5), ("RC2", 50, 0.75), ("R2", 100, 0.5), ("C2", 100, 0.25), ("RC2", 100, 0.75),
        ("R2", 200, 0.75), ("C2", 200, 0.5), ("RC2", 200, 0.25),
    ),
    depots=(
        (48, 4, 90.0), (96, 4, 180.0), (96, 6, 90.0), (200, 5, 90.0), (200, 4, 180.0), (360, 4, 90.0), (360, 6, 180.0),
        (520, 6, 135.0), (600, 5, 90.0),
    ),
    fleets=(
        ("HD", 50), ("FSMFD", 50), ("HVRP", 100), ("FSMD", 100), ("HD", 200), ("FSMF", 200), ("FSMFD", 200),
        ("HVRP", 330), ("HD", 330),
    ),
)  # fmt: skip
OTHERS_FROM = 100
SHORT_DAY = {"C": 1236, "R": 230, "RC": 240}
LONG_DAY = {"C": 3390, "R": 1000, "RC": 960}
GROWTH = 1.19


class Stops(NamedTuple):
    """Clients of a depot at row 0: places, demand, service times and windows."""

    places: Array
    demand: Array
    service: Array
    opens: Array
    closes: Array
    capacity: int


def windows_like(kind: str, n: int, generator: Generator) -> Stops:
    """Stops like those of a type of Gehring & Homberger: C, R or RC, then 1 (short day) or 2 (long day)."""
    letters, is_long = kind[:-1], kind[-1] == "2"
    side = 100.0 * np.sqrt(n / 100.0)
    places = np.vstack([[side / 2, side / 2], _places(letters, n, side, generator)])
    service = np.r_[0.0, np.full(n, 90.0 if letters == "C" else 10.0)]
    end = np.round((LONG_DAY if is_long else SHORT_DAY)[letters] * np.sqrt(n / 100.0))
    out = np.hypot(*(places - places[0]).T)
    first, last = np.ceil(out), np.floor(end - out - service)
    middle = generator.uniform(first, last)
    if letters == "C":
        middle = np.clip(_arrivals(places, service, end, generator), first, last)
    share = generator.choice([0.5, 0.75, 1.0])
    half = end * generator.choice([0.03, 0.06, 0.12]) * generator.uniform(0.6, 1.4, n + 1)
    opens = np.maximum(np.round(middle - half), 0.0)
    closes = np.maximum(np.minimum(np.round(middle + half), last), first)
    is_open = generator.random(n + 1) > share
    opens, closes = np.where(is_open, 0.0, np.minimum(opens, closes)), np.where(is_open, last, closes)
    opens[0], closes[0] = 0.0, end
    capacity = (700 if letters == "C" else 1000) if is_long else 200
    return Stops(places, np.r_[0.0, _demand(n, generator)], service, opens, closes, capacity)


def releases_like(stops: Stops, share: float) -> Array:
    """Releases later the larger the share; each leaves a direct trip a quarter of the day for its way."""
    end = stops.closes[0]
    out = np.hypot(*(stops.places - stops.places[0]).T)
    bearable = np.minimum(stops.closes, end - out - stops.service) - out - 0.25 * end
    release = np.floor(np.clip(np.minimum(bearable - (0.65 - share) * end, 0.4 * end), 0.0, None))
    release[0] = 0.0
    return release


def write_windows(path: Path, kind: str, n: int, generator: Generator) -> None:
    """One depot, one trip of each vehicle."""
    stops = windows_like(kind, n, generator)
    headers = {"TYPE": "CVRPTW", "DIMENSION": n + 1, "VEHICLES": max(8, n // 4), "CAPACITY": stops.capacity}
    _write(path, headers, _sections(stops), depots=1)


def write_trips(path: Path, kind: str, n: int, share: float, generator: Generator) -> None:
    """Small vehicles that come back for more, goods packed during the day."""
    stops = windows_like(kind, n, generator)
    headers = {"TYPE": "MTVRPTWR", "DIMENSION": n + 1, "VEHICLES": max(4, n // 6), "CAPACITY": 100}
    sections = {
        **_sections(stops),
        "RELEASE_TIME": releases_like(stops, share)[:, None],
        "VEHICLES_RELOAD_DEPOT": np.ones((max(4, n // 6), 1)),
    }
    _write(path, headers, sections, depots=1)


def write_depots(path: Path, n: int, depots: int, width: float, generator: Generator) -> None:
    """Several depots, windows, and a longest duration of a day."""
    middles = generator.uniform(-50.0, 50.0, (depots, 2))
    around = middles[generator.integers(0, depots, n)] + generator.normal(0.0, 25.0, (n, 2))
    places = np.clip(np.where(generator.random((n, 1)) < 0.5, around, generator.uniform(-100, 100, (n, 2))), -100, 100)
    opens = np.round(generator.uniform(60.0, 480.0 - width / 2, n))
    closes = np.round(opens + width * generator.uniform(0.7, 1.3, n))
    service, demand = generator.integers(1, 26, (2, n)).astype(np.float64)
    each = int(np.ceil(n / 9 / depots)) + 1
    none = np.zeros(depots)
    sections = {
        "NODE_COORD": np.vstack([np.round(middles, 3), np.round(places, 3)]),
        "DEMAND": np.r_[none, demand][:, None],
        "SERVICE_TIME": np.r_[none, service][:, None],
        "TIME_WINDOW": np.column_stack([np.r_[none, opens], np.r_[none + 1000.0, closes]]),
        "VEHICLES_DEPOT": np.repeat(np.arange(1, depots + 1), each)[:, None],
    }
    headers = {
        "TYPE": "MDVRPTW", "DIMENSION": n + depots, "VEHICLES": each * depots, "CAPACITY": 200,
        "VEHICLES_MAX_DURATION": 470,
    }  # fmt: skip
    _write(path, headers, sections, depots)


def write_fleet(path: Path, variant: str, n: int, generator: Generator) -> None:
    """No windows; larger types cost less by load: HD and HVRP have few vehicles of each, FSM as many as wanted."""
    places = np.round(generator.uniform(0.0, 1000.0, (n + 1, 2)))
    if generator.random() < 0.5:
        places[0] = 500.0
    demand = generator.integers(*((5, 11) if generator.random() < 0.5 else (1, 101)), n).astype(np.float64)
    base = demand.mean() * generator.uniform(5.0, 12.0)
    n_types = int(generator.integers(3, 8))
    capacity = np.maximum(np.round(base * GROWTH ** (2.0 * np.arange(n_types) - n_types + 1)), demand.max())
    unit = np.round(100.0 * (capacity / base) ** generator.uniform(0.5, 0.9))
    fixed = (
        np.round(base * GROWTH ** (np.arange(n_types) * generator.uniform(1.6, 2.4)) * generator.uniform(1.0, 4.0))
        * 100
    )
    limited = variant.startswith("H")
    spare = generator.uniform(1.15, 1.4) if limited else n_types * 1.3
    weight = generator.dirichlet(np.full(n_types, 3.0)) if limited else np.full(n_types, 1.0 / n_types)
    counts = np.ceil(weight * spare * demand.sum() / capacity).astype(int) + 1
    sections = {
        "NODE_COORD": places,
        "DEMAND": np.r_[0.0, demand][:, None],
        "CAPACITY": np.repeat(capacity, counts)[:, None],
    }
    if variant != "HD" and variant != "FSMD":
        sections["VEHICLES_FIXED_COST"] = np.repeat(fixed, counts)[:, None]
    sections["VEHICLES_UNIT_DISTANCE_COST"] = np.repeat(unit if variant != "FSMF" else unit * 0 + 100.0, counts)[
        :, None
    ]
    _write(path, {"TYPE": "HFVRP", "DIMENSION": n + 1, "VEHICLES": int(counts.sum())}, sections, depots=1)


def write_all(directory: Path, seed: int, sizes: Sizes = SIZES, start: int = 0) -> None:
    """Write every made instance; each draws from a generator of its own, numbered from ``start``."""
    for number, (kind, n) in enumerate(sizes.windows, start):
        write_windows(directory / "windows" / f"{kind}_{n}.vrp", kind, n, np.random.default_rng([seed, 1, number]))
    for number, (kind, n, share) in enumerate(sizes.trips, start):
        path = directory / "trips" / f"{kind}_{n}R{share}.vrp"
        write_trips(path, kind, n, share, np.random.default_rng([seed, 2, number]))
    for number, (n, depots, width) in enumerate(sizes.depots, start):
        path = directory / "depots" / f"D{depots}_{n}.vrp"
        write_depots(path, n, depots, width, np.random.default_rng([seed, 3, number]))
    for number, (variant, n) in enumerate(sizes.fleets, start):
        path = directory / "fleet" / f"X{n}-{variant}.vrp"
        write_fleet(path, variant, n, np.random.default_rng([seed, 4, number]))


def _places(letters: str, n: int, side: float, generator: Generator) -> Array:
    uniform = np.round(generator.uniform(0.0, side, (n, 2)))
    middles = generator.uniform(0.1 * side, 0.9 * side, (max(2, n // 10), 2))
    around = middles[np.arange(n) % len(middles)] + generator.normal(0.0, 3.0, (n, 2))
    is_near = {"C": np.ones(n), "R": np.zeros(n), "RC": (np.arange(n) < n // 2) * 1.0}[letters][:, None]
    return np.clip(np.where(is_near > 0, np.round(around), uniform), 0.0, side)


def _demand(n: int, generator: Generator) -> Array:
    return np.round(np.clip(generator.normal(18.0, 9.0, n), 1.0, 41.0))


def _arrivals(places: Array, service: Array, end: float, generator: Generator) -> Array:
    """Arrival times of days that visit what is nearest next, as the windows of the clustered types are drawn."""
    left, arrivals = set(range(1, len(places))), np.zeros(len(places))
    at, now = 0, 0.0
    while left:
        apart = {one: float(np.hypot(*(places[one] - places[at]))) for one in left}
        following = min(left, key=lambda one: (apart[one], one))
        home = float(np.hypot(*(places[following] - places[0])))
        if at and now + apart[following] + service[following] + home > end:
            at, now = 0, float(generator.uniform(0.0, 0.05 * end))
            continue
        now += apart[following]
        arrivals[following] = now
        now += service[following]
        left.discard(following)
        at = following
    return arrivals


def _sections(stops: Stops) -> dict[str, Array]:
    return {
        "NODE_COORD": stops.places,
        "DEMAND": stops.demand[:, None],
        "SERVICE_TIME": stops.service[:, None],
        "TIME_WINDOW": np.column_stack([stops.opens, stops.closes]),
    }


def _write(path: Path, headers: Mapping[str, object], sections: Mapping[str, Array], depots: int) -> None:
    lines = [f"NAME: {path.stem}", *(f"{name}: {value}" for name, value in headers.items()), "EDGE_WEIGHT_TYPE: EUC_2D"]
    for name, rows in sections.items():
        lines += [f"{name}_SECTION", *(f"{number} {_row(row)}" for number, row in enumerate(rows, start=1))]
    lines += ["DEPOT_SECTION", *map(str, range(1, depots + 1)), "-1", "EOF"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _row(row: Sequence[float] | Array) -> str:
    return " ".join(f"{value:.3f}".rstrip("0").rstrip(".") for value in row)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.made_routes", description="Make routing instances.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the .vrp files below")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another set")
    parser.add_argument(
        "--others", action="store_true", help="other types and sizes, none of which a search was chosen on"
    )
    options = parser.parse_args(arguments)
    if options.others:
        write_all(options.out, options.seed, OTHER_SIZES, OTHERS_FROM)
    else:
        write_all(options.out, options.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
