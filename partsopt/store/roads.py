"""Road distance and time from a road engine: asked once for each pair of places, kept by what was asked.

An engine is a function from places to the matrices between them. Three are known: OSRM and Valhalla as HTTP servers,
and Valhalla in this process (extra ``roads``). What they answer becomes rows of the table travel, so that the night
itself asks nobody, and what it rests on is published with it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from partsopt.errors import InputError
from partsopt.settings import RoutingParams
from partsopt.store.legs import Kept, Legs, Place, codes_of, keep_legs, no_legs, read_legs
from partsopt.store.readers import InputFile, Inputs
from partsopt.tables import TRAVEL, conform

EARTH_RADIUS_KM = 6_371.0088
PLACES_PER_QUESTION = 100  # from and to together: 50 times 50 pairs is what Valhalla answers, OSRM four times that
PROFILES = {"osrm": "driving", "valhalla": "truck", "valhalla_in_process": "truck"}
TIMEOUT_S = 60
TRIES, WAIT_S = 4, 1.0  # a server that is busy or away is asked again, each wait twice the last
BUSY = (429, 502, 503, 504)
DECIMALS = 6
NEAREST_ROAD_M = 5_000.0  # a place farther from every road of the map is off the map: OSRM would begin 100 km away
OFF_ROAD, TOO_BIG = "NoSegment", "TooBig"  # OSRM of a whole question: a place has no road near, too many pairs
VALHALLA_REFUSES = (OSError, RuntimeError, ValueError)
"""Of its Python library: no configuration, its own errors from C++ (all of them RuntimeError), no JSON."""
NO_WAY = ("No suitable edges", "unconnected regions", "No path could be found")
"""What Valhalla (3.4 to 3.9) says of a whole question where one of its places has no road, or no way to the others."""
TOO_FAR, TOO_MANY = "max distance limit", "Exceeded max locations"


class Roads(NamedTuple):
    """The table travel, and what was out of order with what is kept, in sentences."""

    travel: pd.DataFrame
    notes: tuple[str, ...] = ()


Engine: TypeAlias = Callable[[Sequence[Place], Sequence[Place]], Legs]
"""Legs from each of the first places to each of the second; a place is degrees north and east."""


def with_roads(tables: Mapping[str, pd.DataFrame], params: RoutingParams, cache: Path) -> Roads:
    """The table travel, completed by the road engine of the settings for every DC with vehicles and sites in its reach.

    Rows that are given stay. Reach is ``own_vehicle_radius_km`` as the crow flies; where nothing may be estimated, also
    dealers of the DC beyond it that its vehicles may drive to all the same: for a return, or for want of a lane.

    Parameters
    ----------
    tables
        Input tables sites, vehicles, carrier_lanes, returns and travel.
    cache
        Folder of what engines have answered before, a folder for each engine.

    Raises
    ------
    InputError
        The engine does not answer, or has no way between two sites, which are named.
    StorageError
        What is kept cannot be read or written.
    """
    engine = engine_of(params)
    if engine is None:
        return Roads(tables["travel"])
    sites, travel = tables["sites"], tables["travel"]
    folder, found, damaged = _folder_of(params, cache), [travel], list[str]()
    for depot_id in sorted(set(tables["vehicles"]["depot_id"]) & set(sites["site_id"])):
        beyond = set() if params.estimate_travel else _driven_to_all_the_same(depot_id, tables)
        near = _within_reach(sites, depot_id, params.own_vehicle_radius_km, beyond)
        asked = _not_given(near, travel)
        places, place_of = _places_of(near)
        needed = np.zeros((len(places), len(places)), dtype=bool)
        needed[tuple(place_of[one] for one in np.nonzero(asked))] = True
        kept = _legs_between(places, needed, engine, folder)
        block = np.ix_(place_of, place_of)
        found.append(_rows(near, asked, Legs(kept.legs.distance_m[block], kept.legs.travel_min[block])))
        damaged += kept.damaged
    both = pd.concat([one for one in found if len(one)] or [travel], ignore_index=True)
    notes = [f"{folder.name}/{name} is damaged: it was set aside, what it held was asked again" for name in damaged]
    return Roads(conform(both.drop_duplicates(["from_id", "to_id"]), TRAVEL), tuple(notes))


def on_roads(inputs: Inputs, params: RoutingParams, cache: Path) -> Inputs:
    """The inputs with the table travel completed, and what was answered among the files that the night rests on."""
    travel, notes = with_roads(inputs.tables, params, cache)
    if travel is inputs.tables["travel"]:
        return inputs
    sha256 = hashlib.sha256(travel.to_csv(index=False).encode()).hexdigest()
    asked = InputFile(name=f"roads ({params.road_engine})", table="travel", rows=len(travel), refused=0, sha256=sha256)
    return inputs._replace(
        tables={**inputs.tables, "travel": travel}, files=(*inputs.files, asked), notes=(*inputs.notes, *notes)
    )


def engine_of(params: RoutingParams) -> Engine | None:
    """The road engine that the settings name; None: none."""
    match params.road_engine:
        case "osrm":
            return lambda starts, ends: osrm_legs(params.road_engine_at, starts, ends)
        case "valhalla":
            return _valhalla(_posted(params.road_engine_at), lambda: _status_at(params.road_engine_at))
        case "valhalla_in_process":
            return _in_process(params.road_engine_at)
        case _:
            return None


def osrm_legs(url: str, starts: Sequence[Place], ends: Sequence[Place]) -> Legs:
    """Ask the table service of an OSRM server (``/table/v1/driving``), fastest ways by car; its data_version.

    It begins each way at the road that is nearest, however far: a place without one within ``NEAREST_ROAD_M`` has no
    way here. A question that is too big for the server is halved until it is not.
    """
    places = ";".join(f"{east:.{DECIMALS}f},{north:.{DECIMALS}f}" for north, east in (*starts, *ends))
    first = ";".join(map(str, range(len(starts))))
    second = ";".join(map(str, range(len(starts), len(starts) + len(ends))))
    which = f"annotations=duration,distance&generate_hints=false&sources={first}&destinations={second}"
    asked = f"{url.rstrip('/')}/table/v1/{PROFILES['osrm']}/{places}?{which}"
    said = _answered(urllib.request.Request(asked), refused=400)  # noqa: S310 -- the settings allow http and https only
    code, shape = said.get("code"), (len(starts), len(ends))
    if code in (OFF_ROAD, TOO_BIG) and shape != (1, 1):
        return _halved(lambda *half: osrm_legs(url, *half), starts, ends)
    if code == OFF_ROAD:
        return _no_way()
    if code != "Ok":
        why = said.get("message") or said.get("error", "")
        raise InputError(
            f"the road engine at {url} answered {code or 'an error'}: {why}. Remedy: see that an OSRM server answers "
            "there, for its profile driving."
        )
    distance_m, seconds = (_matrix(said.get(name), shape) for name in ("distances", "durations"))
    is_off = np.logical_or.outer(*(_is_off_road(said.get(name)) for name in ("sources", "destinations")))
    distance_m[is_off], seconds[is_off] = np.nan, np.nan
    return Legs(distance_m, seconds / 60, str(said.get("data_version", "")))


def _is_off_road(places: Any) -> NDArray[np.bool_]:
    """Whether the road at which OSRM begins or ends is not that of the place."""
    try:
        return np.array([float(place["distance"]) > NEAREST_ROAD_M for place in places])
    except (TypeError, KeyError, ValueError) as error:
        raise InputError(f"the road engine does not say how far roads are ({error}); is it OSRM 5.21?") from error


def valhalla_legs(
    ask: Callable[[dict[str, Any]], Mapping[str, Any]], starts: Sequence[Place], ends: Sequence[Place]
) -> Legs:
    """Ask Valhalla's matrix (``/sources_to_targets``), costing truck, kilometres.

    It refuses a question of many places when one of them has no road, or when they are more than it is set up to take:
    the question is then halved until it is answered, or the pairs without a way stand alone.
    """
    said = ask(
        {
            "sources": [{"lat": north, "lon": east, "search_cutoff": NEAREST_ROAD_M} for north, east in starts],
            "targets": [{"lat": north, "lon": east, "search_cutoff": NEAREST_ROAD_M} for north, east in ends],
            "costing": PROFILES["valhalla"],
            "units": "kilometers",
            "verbose": True,
        }
    )
    if why := str(said.get("error") or ""):
        return _refused(why, ask, starts, ends)
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


def _refused(
    why: str, ask: Callable[[dict[str, Any]], Mapping[str, Any]], starts: Sequence[Place], ends: Sequence[Place]
) -> Legs:
    """What is left of a question that Valhalla refused for want of a way, or as too big; NaN for a pair without."""
    if TOO_FAR in why:
        raise InputError(
            f"the road engine refuses legs between the farthest sites: {why}. Remedy: raise service_limits."
            f"{PROFILES['valhalla']}.max_matrix_distance in Valhalla's configuration to twice "
            "routing.own_vehicle_radius_km, in metres, or lower that radius."
        )
    has_no_way = any(one in why for one in NO_WAY)
    if (has_no_way or TOO_MANY in why) and not len(starts) == len(ends) == 1:
        return _halved(lambda *half: valhalla_legs(ask, *half), starts, ends)
    if has_no_way:
        return _no_way()
    raise InputError(f"the road engine refuses the places: {why}. Remedy: see that its map covers them.")


def _halved(ask: Engine, starts: Sequence[Place], ends: Sequence[Place]) -> Legs:
    """The answers to both halves of a question, as one."""
    if len(ends) >= len(starts):
        middle = len(ends) // 2
        halves = [ask(starts, part) for part in (ends[:middle], ends[middle:])]
        joined = np.hstack
    else:
        middle = len(starts) // 2
        halves = [ask(part, ends) for part in (starts[:middle], starts[middle:])]
        joined = np.vstack
    version = max(one.version for one in halves)  # a refusal tells none
    return Legs(joined([one.distance_m for one in halves]), joined([one.travel_min for one in halves]), version)


def _no_way() -> Legs:
    return Legs(np.full((1, 1), np.nan), np.full((1, 1), np.nan))


def _valhalla(ask: Callable[[dict[str, Any]], Mapping[str, Any]], status: Callable[[], Mapping[str, Any]]) -> Engine:
    """Valhalla as an engine: its version is asked for once, after its first answer."""

    @functools.cache
    def version() -> str:
        said = status()
        return " ".join(str(said[name]) for name in ("version", "tileset_last_modified") if name in said)

    return lambda starts, ends: valhalla_legs(ask, starts, ends)._replace(version=version())


def _status_at(url: str) -> Mapping[str, Any]:
    """What a Valhalla server tells of itself; nothing where it was set up, or is too old, to tell nothing."""
    try:
        return _answered(urllib.request.Request(f"{url.rstrip('/')}/status"))  # noqa: S310 -- as above
    except InputError:
        return {}


def _posted(url: str) -> Callable[[dict[str, Any]], Mapping[str, Any]]:
    def ask(question: dict[str, Any]) -> Mapping[str, Any]:
        asked = urllib.request.Request(  # noqa: S310 -- the settings allow http and https only
            f"{url.rstrip('/')}/sources_to_targets",
            data=json.dumps(question).encode(),
            headers={"Content-Type": "application/json"},
        )
        return _answered(asked, refused=400)

    return ask


def _in_process(config: str) -> Engine:
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
            return {"error": str(error)}
        return _as_object(said)

    return _valhalla(ask, lambda: _as_object(actor.status()))


def _as_object(said: str | Mapping[str, Any]) -> Mapping[str, Any]:
    return json.loads(said) if isinstance(said, str) else said


def _answered(asked: urllib.request.Request, refused: int | None = None) -> Mapping[str, Any]:
    """The JSON object a server answers, also with status ``refused``; asked again while it is busy or away."""
    why, where = "", asked.full_url[:120]
    for number in range(TRIES):
        if number:
            time.sleep(WAIT_S * 2 ** (number - 1))
        try:
            with urllib.request.urlopen(asked, timeout=TIMEOUT_S) as answer:  # noqa: S310 -- as above
                said = json.load(answer)
        except urllib.error.HTTPError as error:
            body = error.read().decode("utf-8", "replace")
            if error.code == refused:
                return _refusal(body)
            why = f"{error.code} {body[:200]}"
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


def _refusal(body: str) -> Mapping[str, Any]:
    """What a server says of a question that it refuses: its JSON object, else its words as ``error``."""
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    return said if isinstance(said, dict) else {"error": body[:200]}


def _matrix(rows: Any, shape: tuple[int, int]) -> NDArray[np.float64]:
    """A matrix of an answer; null becomes NaN."""
    try:
        given = [[np.nan if value is None else float(value) for value in row] for row in rows]
        matrix = np.array(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"the road engine answers with a matrix that is none ({error}); is it OSRM 5.21?") from error
    if matrix.shape != shape or (matrix < 0).any():
        raise InputError(f"the road engine answers with a matrix of {matrix.shape}, {shape} was asked for, from 0 on.")
    return matrix


def _driven_to_all_the_same(depot_id: str, tables: Mapping[str, pd.DataFrame]) -> set[str]:
    """Dealers of a DC with a return, or to which no lane leads."""
    sites, lanes = tables["sites"], tables["carrier_lanes"]
    own = set(sites.loc[sites["supplied_by"].eq(depot_id), "site_id"])
    return own & set(tables["returns"]["site_id"]) | own - set(
        lanes.loc[lanes["origin_id"].eq(depot_id), "destination_id"]
    )


def _within_reach(sites: pd.DataFrame, depot_id: str, radius_km: float, beyond: Collection[str]) -> pd.DataFrame:
    """The DC, the dealers within the radius and those beyond it."""
    depot = sites[sites["site_id"].eq(depot_id)].iloc[0]
    north, east = np.radians(sites["latitude"]), np.radians(sites["longitude"])
    north_0, east_0 = np.radians(depot["latitude"]), np.radians(depot["longitude"])
    chord = np.sin((north - north_0) / 2) ** 2 + np.cos(north) * np.cos(north_0) * np.sin((east - east_0) / 2) ** 2
    km = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(chord, 0, 1)))
    is_near = (km <= radius_km) | sites["site_id"].isin(beyond)
    is_near = is_near & sites["site_kind"].eq("dealer") | sites["site_id"].eq(depot_id)
    return sites[is_near].sort_values("site_id", ignore_index=True)


def _folder_of(params: RoutingParams, cache: Path) -> Path:
    """Where the answers of an engine are kept: one address, one profile, one way to ask."""
    which = json.dumps([params.road_engine, params.road_engine_at, PROFILES[params.road_engine], NEAREST_ROAD_M])
    return cache / f"{params.road_engine}-{hashlib.sha256(which.encode()).hexdigest()[:16]}"


def _not_given(near: pd.DataFrame, travel: pd.DataFrame) -> NDArray[np.bool_]:
    """Pairs of different sites without a row in travel."""
    number_of = pd.Series(np.arange(len(near)), index=near["site_id"])
    start, end = travel["from_id"].map(number_of), travel["to_id"].map(number_of)
    is_here = start.notna() & end.notna()
    asked = ~np.eye(len(near), dtype=bool)
    asked[start[is_here].astype("int64"), end[is_here].astype("int64")] = False
    return asked


def _places_of(near: pd.DataFrame) -> tuple[list[Place], NDArray[np.int64]]:
    """The different places at which sites stand, and which of them each site's is."""
    places = list(zip(near["latitude"].tolist(), near["longitude"].tolist(), strict=True))
    _, first, place_of = np.unique(codes_of(places), return_index=True, return_inverse=True)
    return [places[one] for one in first.tolist()], place_of


def _legs_between(places: Sequence[Place], needed: NDArray[np.bool_], engine: Engine, folder: Path) -> Kept:
    """Legs between different places: those that are kept, and of the needed ones that lack what the engine answers."""
    kept = read_legs(folder, places)
    lacks = needed & np.isnan(kept.legs.travel_min)
    if not lacks.any():
        return kept
    _ask(places, lacks, engine, folder)
    now = read_legs(folder, places)
    if now.legs.version != kept.legs.version:  # of another map: nothing that was kept counts any more
        _ask(places, needed & np.isnan(now.legs.travel_min) & ~lacks, engine, folder)
        now = read_legs(folder, places)
    return now._replace(damaged=kept.damaged)


def _ask(places: Sequence[Place], lacks: NDArray[np.bool_], engine: Engine, folder: Path) -> None:
    """Ask for the pairs that lack and keep what is answered, also where the engine fails before the end."""
    answered, is_first = no_legs(len(places)), True
    try:
        for starts, ends in questions_for(lacks):
            said = engine([places[one] for one in starts], [places[one] for one in ends])
            if np.isnan(said.travel_min).all():
                continue  # nothing to keep, and a refusal tells no version
            if not is_first and said.version != answered.version:
                raise InputError(
                    f"the road engine went from version {answered.version!r} to {said.version!r} while it was asked. "
                    "Remedy: run the night again."
                )
            block = np.ix_(starts, ends)
            answered.distance_m[block], answered.travel_min[block] = said.distance_m, said.travel_min
            answered, is_first = answered._replace(version=said.version), False
    finally:
        keep_legs(folder, places, answered)


def questions_for(lacks: NDArray[np.bool_]) -> list[tuple[list[int], list[int]]]:
    """Places to ask from and to, so that every pair that lacks is asked for, in few questions of bounded size.

    Either the pairs of all places that lack something; or, where that takes fewer questions, those of some
    places with all others: of the places that stand in most pairs that lack, until no pair is left.

    Examples
    --------
    One new place among 151 takes four questions.

    >>> lacks = np.zeros((151, 151), dtype=bool)
    >>> lacks[7, :] = lacks[:, 7] = True
    >>> len(questions_for(lacks)), len(questions_for(~np.eye(151, dtype=bool)))
    (4, 14)
    """
    everything = _blocks(lacks, np.flatnonzero(lacks.any(axis=1)), np.flatnonzero(lacks.any(axis=0)))
    is_new, left = np.zeros(len(lacks), dtype=bool), lacks.copy()
    n_left = left.sum(axis=0) + left.sum(axis=1)
    while n_left.any():
        place = int(n_left.argmax())
        n_left -= left[place] + left[:, place].astype(np.int64)
        left[place], left[:, place], n_left[place], is_new[place] = False, False, 0, True
    new, old = np.flatnonzero(is_new), np.flatnonzero(~is_new)
    of_new = [*_blocks(lacks, new, np.flatnonzero(lacks[new].any(axis=0))), *_blocks(lacks, old, new)]
    return of_new if len(of_new) < len(everything) else everything


def _blocks(
    lacks: NDArray[np.bool_], start: NDArray[np.int64], end: NDArray[np.int64]
) -> list[tuple[list[int], list[int]]]:
    """Pairs of these places, so many places at once; without questions whose pairs all are known."""
    fewer = min(len(start), len(end), PLACES_PER_QUESTION // 2)
    n_starts, n_ends = (fewer, PLACES_PER_QUESTION - fewer)[:: 1 if len(start) <= len(end) else -1]
    blocks = [
        (start[first : first + n_starts].tolist(), end[second : second + n_ends].tolist())
        for first in range(0, len(start), max(n_starts, 1))
        for second in range(0, len(end), max(n_ends, 1))
    ]
    return [block for block in blocks if lacks[np.ix_(*block)].any()]


def _rows(near: pd.DataFrame, asked: NDArray[np.bool_], legs: Legs) -> pd.DataFrame:
    """Rows of travel for the pairs asked for."""
    site_ids = near["site_id"].to_numpy()
    holes = np.argwhere(asked & np.isnan(legs.travel_min)).tolist()
    if holes:
        named = ", ".join(f"{site_ids[start]} to {site_ids[end]}" for start, end in holes[:3])
        more = f" and {len(holes) - 3} more pairs" if len(holes) > 3 else ""
        raise InputError(
            f"the road engine has no way from {named}{more}. Remedy: correct latitude and longitude of these sites (a "
            f"road of its map must lie within {NEAREST_ROAD_M / 1000:.0f} km), or give the pairs in travel."
        )
    start, end = np.nonzero(asked)
    return pd.DataFrame(
        {
            "from_id": site_ids[start],
            "to_id": site_ids[end],
            "distance_m": legs.distance_m[start, end],
            "travel_min": legs.travel_min[start, end],
        }
    )
