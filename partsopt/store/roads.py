"""Road distance and time from a road engine: asked once for each set of places, kept by what was asked.

An engine is a function from places to the matrices between them. Three are known: OSRM and Valhalla as HTTP servers,
and Valhalla in this process (extra ``roads``). What they answer becomes rows of the table travel, so that the night
itself asks nobody, and what it rests on is published with it.
"""

from __future__ import annotations

import hashlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from partsopt.errors import InputError
from partsopt.settings import RoutingParams
from partsopt.store.readers import InputFile, Inputs
from partsopt.tables import TRAVEL, conform

Place: TypeAlias = tuple[float, float]
EARTH_RADIUS_KM = 6_371.0088
PLACES_PER_QUESTION = 50
TIMEOUT_S = 60
TRIES, WAIT_S = 4, 1.0  # a server that is busy or away is asked again, each wait twice the last
BUSY = (429, 502, 503, 504)
DECIMALS = 6
VALHALLA_REFUSES = (OSError, RuntimeError, ValueError)
"""Of its Python library: no configuration, its own errors from C++ (all of them RuntimeError), no JSON."""


class Legs(NamedTuple):
    """Metres and minutes from each place (row) to each (column); NaN where there is no way."""

    distance_m: NDArray[np.float64]
    travel_min: NDArray[np.float64]


Engine: TypeAlias = Callable[[Sequence[Place], Sequence[Place]], Legs]
"""Legs from each of the first places to each of the second; a place is degrees north and east."""


def with_roads(tables: Mapping[str, pd.DataFrame], params: RoutingParams, cache: Path) -> pd.DataFrame:
    """The table travel, completed by the road engine of the settings for every DC with vehicles and sites in its reach.

    Rows that are given stay. Reach is ``own_vehicle_radius_km`` as the crow flies.

    Parameters
    ----------
    tables
        Input tables sites, vehicles and travel.
    cache
        Folder of what engines have answered before; a file for each set of places and engine.

    Raises
    ------
    InputError
        The engine does not answer, or has no way between two sites, which are named.
    """
    engine = engine_of(params)
    if engine is None:
        return tables["travel"]
    sites, travel = tables["sites"], tables["travel"]
    found = [travel]
    given = set(zip(travel["from_id"], travel["to_id"], strict=True))
    for depot_id in sorted(set(tables["vehicles"]["depot_id"]) & set(sites["site_id"])):
        near = _within_reach(sites, depot_id, params.own_vehicle_radius_km)
        if len(near) > 1:
            found.append(_rows(near, _cached(near, engine, params, cache), given))
    both = pd.concat([one for one in found if len(one)] or [travel], ignore_index=True)
    return conform(both.drop_duplicates(["from_id", "to_id"]), TRAVEL)


def on_roads(inputs: Inputs, params: RoutingParams, cache: Path) -> Inputs:
    """The inputs with the table travel completed, and what was answered among the files that the night rests on."""
    travel = with_roads(inputs.tables, params, cache)
    if travel is inputs.tables["travel"]:
        return inputs
    sha256 = hashlib.sha256(travel.to_csv(index=False).encode()).hexdigest()
    asked = InputFile(name=f"roads ({params.road_engine})", table="travel", rows=len(travel), refused=0, sha256=sha256)
    return inputs._replace(tables={**inputs.tables, "travel": travel}, files=(*inputs.files, asked))


def engine_of(params: RoutingParams) -> Engine | None:
    """The road engine that the settings name; None: none."""
    match params.road_engine:
        case "osrm":
            return lambda starts, ends: osrm_legs(params.road_engine_at, starts, ends)
        case "valhalla":
            return lambda starts, ends: valhalla_legs(_posted(params.road_engine_at), starts, ends)
        case "valhalla_in_process":
            ask = _in_process(params.road_engine_at)
            return lambda starts, ends: valhalla_legs(ask, starts, ends)
        case _:
            return None


def osrm_legs(url: str, starts: Sequence[Place], ends: Sequence[Place]) -> Legs:
    """Ask the table service of an OSRM server (``/table/v1/driving``), fastest ways by car."""
    places = ";".join(f"{east:.{DECIMALS}f},{north:.{DECIMALS}f}" for north, east in (*starts, *ends))
    first = ";".join(map(str, range(len(starts))))
    second = ";".join(map(str, range(len(starts), len(starts) + len(ends))))
    which = f"annotations=duration,distance&sources={first}&destinations={second}"
    asked = f"{url.rstrip('/')}/table/v1/driving/{places}?{which}"
    said = _answered(urllib.request.Request(asked))  # noqa: S310 -- the settings allow http and https only
    if said.get("code") != "Ok":
        raise InputError(
            f"the road engine at {url} answered {said.get('code')}: {said.get('message', '')}. Remedy: see that its "
            "map covers every site."
        )
    shape = (len(starts), len(ends))
    return Legs(_matrix(said.get("distances"), shape), _matrix(said.get("durations"), shape) / 60)


def valhalla_legs(
    ask: Callable[[dict[str, Any]], Mapping[str, Any]], starts: Sequence[Place], ends: Sequence[Place]
) -> Legs:
    """Ask Valhalla's matrix (``/sources_to_targets``), costing truck, kilometres."""
    said = ask(
        {
            "sources": [{"lat": north, "lon": east} for north, east in starts],
            "targets": [{"lat": north, "lon": east} for north, east in ends],
            "costing": "truck",
            "units": "kilometers",
            "verbose": True,
        }
    )
    rows, shape = said.get("sources_to_targets"), (len(starts), len(ends))
    try:
        legs = [[(leg["distance"], leg["time"]) for leg in row] for row in rows or ()]
    except (TypeError, KeyError) as error:
        raise InputError(
            f"the road engine answers in another form than Valhalla's matrix: {str(said)[:200]}"
        ) from error
    kilometres = _matrix([[leg[0] for leg in row] for row in legs], shape)
    seconds = _matrix([[leg[1] for leg in row] for row in legs], shape)
    return Legs(np.where(np.isnan(seconds), np.nan, kilometres * 1000), seconds / 60)


def _posted(url: str) -> Callable[[dict[str, Any]], Mapping[str, Any]]:
    def ask(question: dict[str, Any]) -> Mapping[str, Any]:
        asked = urllib.request.Request(  # noqa: S310 -- the settings allow http and https only
            f"{url.rstrip('/')}/sources_to_targets",
            data=json.dumps(question).encode(),
            headers={"Content-Type": "application/json"},
        )
        return _answered(asked)

    return ask


def _in_process(config: str) -> Callable[[dict[str, Any]], Mapping[str, Any]]:
    try:
        from valhalla import Actor  # the extra "roads"
    except ImportError as error:
        raise InputError(
            "routing.road_engine is valhalla_in_process, and pyvalhalla is not installed. "
            "Remedy: pip install 'partsopt[roads]', or name a server."
        ) from error
    try:
        actor = Actor(config)
    except VALHALLA_REFUSES as error:
        raise InputError(
            f"Valhalla cannot load {config} (routing.road_engine_at): {error}. Remedy: name its configuration file, "
            "valhalla.json, whose graph was built."
        ) from error

    def ask(question: dict[str, Any]) -> Mapping[str, Any]:
        try:
            said = actor.matrix(question)
        except VALHALLA_REFUSES as error:
            raise InputError(f"Valhalla refuses the places: {error}. Remedy: see that its map covers them.") from error
        return json.loads(said) if isinstance(said, str) else said

    return ask


def _answered(asked: urllib.request.Request) -> Mapping[str, Any]:
    """The JSON object a server answers; asked again while it is busy or away, so many times."""
    why, where = "", asked.full_url[:120]
    for number in range(TRIES):
        if number:
            time.sleep(WAIT_S * 2 ** (number - 1))
        try:
            with urllib.request.urlopen(asked, timeout=TIMEOUT_S) as answer:  # noqa: S310 -- as above
                said = json.load(answer)
        except urllib.error.HTTPError as error:
            why = f"{error.code} {error.read().decode('utf-8', 'replace')[:200]}"
            if error.code not in BUSY:
                raise InputError(f"the road engine refused {where}: {why}") from error
        except OSError as error:
            why = str(error)
        except ValueError as error:
            raise InputError(f"the road engine at {where} answers no JSON: {error}") from error
        else:
            if isinstance(said, dict):
                return said
            raise InputError(f"the road engine at {where} answers no JSON object: {str(said)[:200]}")
    raise InputError(
        f"the road engine does not answer at {where}: {why} ({TRIES} tries). Remedy: start it, or set "
        'routing.road_engine = "none".'
    )


def _matrix(rows: Any, shape: tuple[int, int]) -> NDArray[np.float64]:
    """A matrix of an answer; null becomes NaN."""
    try:
        given = [[np.nan if value is None else float(value) for value in row] for row in rows]
        matrix = np.array(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"the road engine answers with a matrix that is none ({error}); is it OSRM 5.20?") from error
    if matrix.shape != shape or (matrix < 0).any():
        raise InputError(f"the road engine answers with a matrix of {matrix.shape}, {shape} was asked for, from 0 on.")
    return matrix


def _within_reach(sites: pd.DataFrame, depot_id: str, radius_km: float) -> pd.DataFrame:
    depot = sites[sites["site_id"].eq(depot_id)].iloc[0]
    north, east = np.radians(sites["latitude"]), np.radians(sites["longitude"])
    north_0, east_0 = np.radians(depot["latitude"]), np.radians(depot["longitude"])
    chord = np.sin((north - north_0) / 2) ** 2 + np.cos(north) * np.cos(north_0) * np.sin((east - east_0) / 2) ** 2
    km = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(chord, 0, 1)))
    is_near = (km <= radius_km) & sites["site_kind"].eq("dealer") | sites["site_id"].eq(depot_id)
    return sites[is_near].sort_values("site_id", ignore_index=True)


def _cached(near: pd.DataFrame, engine: Engine, params: RoutingParams, cache: Path) -> Legs:
    """What the engine says of these places, from the file of the same question where there is one."""
    places = [(float(north), float(east)) for north, east in zip(near["latitude"], near["longitude"], strict=True)]
    question = json.dumps([params.road_engine, params.road_engine_at, places])
    file = cache / f"{hashlib.sha256(question.encode()).hexdigest()[:32]}.npz"
    if file.exists():
        try:
            with np.load(file) as kept:
                return Legs(kept["distance_m"], kept["travel_min"])
        except (OSError, ValueError, KeyError, EOFError):
            file.unlink()
    n = len(places)
    legs = Legs(np.zeros((n, n)), np.zeros((n, n)))
    for first in range(0, n, PLACES_PER_QUESTION):
        for second in range(0, n, PLACES_PER_QUESTION):
            block = np.s_[first : first + PLACES_PER_QUESTION, second : second + PLACES_PER_QUESTION]
            said = engine(places[block[0]], places[block[1]])
            legs.distance_m[block], legs.travel_min[block] = said
    cache.mkdir(parents=True, exist_ok=True)
    staged = file.with_suffix(".part.npz")
    np.savez(staged, **legs._asdict())
    staged.replace(file)
    return legs


def _rows(near: pd.DataFrame, legs: Legs, given: set[tuple[str, str]]) -> pd.DataFrame:
    site_ids = near["site_id"].to_numpy()
    missing = np.argwhere(np.isnan(legs.travel_min) | np.isnan(legs.distance_m)).tolist()
    holes = [one for one in missing if one[0] != one[1] and (site_ids[one[0]], site_ids[one[1]]) not in given]
    if holes:
        named = ", ".join(f"{site_ids[start]} to {site_ids[end]}" for start, end in holes[:3])
        more = f" and {len(holes) - 3} more pairs" if len(holes) > 3 else ""
        raise InputError(
            f"the road engine has no way from {named}{more}. Remedy: correct latitude and longitude of these sites, or "
            "give the pairs in travel."
        )
    known = ~(np.eye(len(site_ids), dtype=bool) | np.isnan(legs.travel_min) | np.isnan(legs.distance_m))
    start, end = np.nonzero(known)
    return pd.DataFrame(
        {
            "from_id": site_ids[start],
            "to_id": site_ids[end],
            "distance_m": legs.distance_m[start, end],
            "travel_min": legs.travel_min[start, end],
        }
    )
