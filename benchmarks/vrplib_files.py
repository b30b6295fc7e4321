"""Routing instances and solutions in the VRPLIB text format, and a check of a solution that knows no solver.

Conventions of cost: files with one depot and windows take floor(10 x Euclidean) with windows, service and release
times x 10; files with several depots, and files without windows, take round(1000 x Euclidean), with times and fixed
costs x 1000. The objective is fixed cost plus distance times the vehicle's unit cost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Routes = list[list[int]]
"""One list for each vehicle, in the file's order: locations, with 0 for a return to reload."""


class InstanceError(ValueError):
    """A file that cannot be read as a routing instance or solution: which file, what, and what was expected."""


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One instance in whole units; locations 0..n_depots-1 are depots, vehicles are in the file's order."""

    name: str
    n_depots: int
    distance: NDArray[np.int64]
    travel: NDArray[np.int64]
    demand: NDArray[np.int64]
    opens: NDArray[np.int64]
    closes: NDArray[np.int64]
    service: NDArray[np.int64]
    release: NDArray[np.int64]
    depot: NDArray[np.int64]
    capacity: NDArray[np.int64]
    fixed_cost: NDArray[np.int64]
    unit_cost: NDArray[np.int64]
    max_duration: NDArray[np.int64]
    may_reload: NDArray[np.bool_]
    cost_scale: float
    """Units of the engine's cost for one unit of the cost in the .sol files of the set."""

    @property
    def n_clients(self) -> int:
        return len(self.demand) - self.n_depots


NEVER = 2**40
PER_LOCATION = ("DEMAND", "SERVICE_TIME", "RELEASE_TIME")
PER_VEHICLE = ("CAPACITY", "VEHICLES_FIXED_COST", "VEHICLES_UNIT_DISTANCE_COST", "VEHICLES_MAX_DURATION")
KNOWN_SECTIONS = {
    "NODE_COORD",
    "TIME_WINDOW",
    "DEPOT",
    "EDGE_WEIGHT",
    "VEHICLES_DEPOT",
    "VEHICLES_RELOAD_DEPOT",
    *PER_LOCATION,
    *PER_VEHICLE,
}
KNOWN_HEADERS = {
    "NAME", "COMMENT", "TYPE", "DIMENSION", "VEHICLES", "CAPACITY", "SERVICE_TIME", "EDGE_WEIGHT_TYPE",
    "VEHICLES_MAX_DURATION", "VEHICLES_FIXED_COST", "VEHICLES_UNIT_DISTANCE_COST", "EDGE_WEIGHT_FORMAT",
    "NODE_COORD_TYPE", "DISPLAY_DATA_TYPE", "DISTANCE",
}  # fmt: skip


def read_instance(path: Path) -> Instance:
    """Read a .vrp file.

    Raises
    ------
    InstanceError
        A section is missing, too short, not a number, or asks for what is not known here.
    """
    headers, sections = _split(path)
    n = _whole(path, "DIMENSION", _needed(path, headers, "DIMENSION"))
    if headers.get("EDGE_WEIGHT_TYPE", "EUC_2D") != "EUC_2D":
        raise InstanceError(f"{path.name}: EDGE_WEIGHT_TYPE is {headers['EDGE_WEIGHT_TYPE']}; only EUC_2D is known")
    if "NODE_COORD" not in sections:
        raise InstanceError(f"{path.name}: NODE_COORD_SECTION is missing")
    places = _table(path, sections, "NODE_COORD", n, 2)
    depots = [_whole(path, "DEPOT_SECTION", one) for row in sections.get("DEPOT", []) for one in row]
    depots = [one for one in depots if one != -1]
    if depots != list(range(1, len(depots) + 1)) or not depots:
        raise InstanceError(f"{path.name}: DEPOT_SECTION is {depots}; the depots must be the locations 1, 2, ..")
    windows = _table(path, sections, "TIME_WINDOW", n, 2) if "TIME_WINDOW" in sections else None
    is_tenfold = windows is not None and len(depots) == 1
    scale = 10 if is_tenfold else 1000
    euclidean = np.sqrt(((places[:, None, :] - places[None, :, :]) ** 2).sum(axis=2))
    distance = np.floor(euclidean * scale) if is_tenfold else np.rint(euclidean * scale)
    distance = distance.astype(np.int64)

    per_location = {name: _per_location(path, headers, sections, name, n) for name in PER_LOCATION}
    service = np.rint(per_location["SERVICE_TIME"] * scale).astype(np.int64)
    service[: len(depots)] = 0
    n_vehicles = _whole(path, "VEHICLES", headers["VEHICLES"]) if "VEHICLES" in headers else n - len(depots)
    per_vehicle = {name: _per_vehicle(path, headers, sections, name, n_vehicles) for name in PER_VEHICLE}
    if per_vehicle["CAPACITY"] is None:
        raise InstanceError(f"{path.name}: neither CAPACITY nor CAPACITY_SECTION is given")
    depot = _per_vehicle(path, headers, sections, "VEHICLES_DEPOT", n_vehicles)
    reload = _per_vehicle(path, headers, sections, "VEHICLES_RELOAD_DEPOT", n_vehicles)
    home = np.zeros(n_vehicles, dtype=np.int64) if depot is None else depot.astype(np.int64) - 1
    if n_vehicles and not (home.min() >= 0 and home.max() < len(depots)):
        raise InstanceError(f"{path.name}: VEHICLES_DEPOT_SECTION names a location that is no depot")
    if reload is not None and not np.array_equal(reload.astype(np.int64) - 1, home):
        raise InstanceError(f"{path.name}: a vehicle reloads at a depot that is not its own; that is not known here")
    unit, fixed = per_vehicle["VEHICLES_UNIT_DISTANCE_COST"], per_vehicle["VEHICLES_FIXED_COST"]
    longest = per_vehicle["VEHICLES_MAX_DURATION"]
    has_costs = unit is not None or fixed is not None
    return Instance(
        name=path.stem,
        n_depots=len(depots),
        distance=distance,
        travel=distance,
        demand=np.rint(per_location["DEMAND"]).astype(np.int64),
        opens=_times(windows[:, 0] if windows is not None else np.zeros(n), scale),
        closes=_times(windows[:, 1], scale) if windows is not None else np.full(n, NEVER, dtype=np.int64),
        service=service,
        release=_times(per_location["RELEASE_TIME"], scale),
        depot=home,
        capacity=np.rint(per_vehicle["CAPACITY"]).astype(np.int64),
        fixed_cost=np.zeros(n_vehicles, dtype=np.int64) if fixed is None else _times(fixed, scale),
        unit_cost=np.ones(n_vehicles, dtype=np.int64) if unit is None else np.rint(unit).astype(np.int64),
        max_duration=np.full(n_vehicles, NEVER, dtype=np.int64) if longest is None else _times(longest, scale),
        may_reload=np.full(n_vehicles, reload is not None),
        cost_scale=cost_scale(
            is_tenfold=is_tenfold, n_depots=len(depots), has_costs=has_costs, has_reload=reload is not None
        ),
    )


def cost_scale(*, is_tenfold: bool, n_depots: int, has_costs: bool, has_reload: bool) -> float:
    """How the published solutions of a set state their cost: in tenths, thousandths or money."""
    if has_costs:
        return 1000.0 * 100.0
    if n_depots > 1 or has_reload:
        return 1.0
    return 10.0 if is_tenfold else 1000.0


def instances_under(directory: Path) -> list[Path]:
    """Every .vrp file below a directory, by relative path.

    Raises
    ------
    InstanceError
        There is none.
    """
    found = sorted(directory.rglob("*.vrp"), key=lambda path: path.relative_to(directory).as_posix())
    if not found:
        raise InstanceError(f"{directory} holds no .vrp file; give the folder of the instances")
    return found


def read_solution(path: Path) -> tuple[Routes, float | None]:
    """Routes of a .sol file, empty ones included, and its stated cost."""
    routes: Routes = []
    cost: float | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        words = line.replace(":", " ").split()
        if not words:
            continue
        try:
            if words[0].lower() == "route":
                routes.append([int(word) for word in line.partition(":")[2].split()])
            elif words[0].lower() == "cost":
                cost = float(words[1])
        except (ValueError, IndexError):
            raise InstanceError(
                f"{path.name} line {number}: {line!r} is no route of whole numbers and no cost"
            ) from None
    return routes, cost


def write_solution(path: Path, routes: Routes, cost: float) -> None:
    """Write a .sol file: one line for each vehicle in the file's order, then the cost."""
    lines = [f"Route #{number}:{''.join(f' {one}' for one in route)}" for number, route in enumerate(routes, start=1)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, f"Cost: {stated(cost)}"]) + "\n", encoding="utf-8")


def stated(cost: float) -> str:
    """A cost as the .sol files state it: at most two decimals, none where it is whole."""
    return f"{cost:.2f}".rstrip("0").rstrip(".")


@dataclass(frozen=True)
class Checked:
    """A solution recomputed: its cost in the convention of the set, and every rule it breaks."""

    cost: float
    problems: tuple[str, ...]


def check_solution(instance: Instance, routes: Routes) -> Checked:
    """Recompute a solution in plain loops: each client once, loads, windows, releases, durations, cost.

    Locations are numbered from 1 after the depot where there is one depot, and by location where there are several;
    in both, location 0 inside a route is a return to reload. Files that leave out empty vehicles are read as using the
    first vehicles, which is right where all are alike.
    """
    problems: list[str] = []
    visits = np.zeros(len(instance.demand), dtype=np.int64)
    total = 0
    if len(routes) > len(instance.depot):
        problems.append(f"{len(routes)} routes for {len(instance.depot)} vehicles")
    for vehicle, route in enumerate(routes[: len(instance.depot)]):
        if not route:
            continue
        wrong = [one for one in route if one != 0 and not instance.n_depots <= one < len(instance.demand)]
        if wrong:
            problems.append(f"route {vehicle + 1} visits {wrong[0]}, which is no client")
            continue
        home = int(instance.depot[vehicle])
        trips: Routes = [[]]
        for one in route:
            if one == 0:
                trips.append([])
            else:
                trips[-1].append(one)
                visits[one] += 1
        if len(trips) > 1 and not instance.may_reload[vehicle]:
            problems.append(f"route {vehicle + 1} reloads, which its vehicle may not")
        for trip in trips:
            load = sum(int(instance.demand[one]) for one in trip)
            if load > instance.capacity[vehicle]:
                problems.append(f"route {vehicle + 1} carries {load} of {instance.capacity[vehicle]}")
        length = sum(
            int(instance.distance[a, b]) for trip in trips for a, b in zip([home, *trip], [*trip, home], strict=True)
        )
        total += int(instance.fixed_cost[vehicle]) + int(instance.unit_cost[vehicle]) * length
        problems += _timing(instance, vehicle, home, trips)
    missed = [int(one) for one in np.flatnonzero(visits != 1) if one >= instance.n_depots]
    problems += [f"client {one} is visited {visits[one]} times" for one in missed]
    return Checked(total / instance.cost_scale, tuple(problems))


def _timing(instance: Instance, vehicle: int, home: int, trips: Routes) -> list[str]:
    """Drive as early as possible, then as late as possible for the same end: windows, and the shortest duration."""
    end = _end_of(instance, home, trips, int(instance.opens[home]))
    if isinstance(end, str):
        return [f"route {vehicle + 1} {end}"]
    if instance.max_duration[vehicle] >= NEVER:
        return []
    early, late = int(instance.opens[home]), int(instance.closes[home])
    while early < late:
        middle = (early + late + 1) // 2
        if _end_of(instance, home, trips, middle) == end:
            early = middle
        else:
            late = middle - 1
    if end - early > instance.max_duration[vehicle]:
        return [f"route {vehicle + 1} takes {end - early}, more than {instance.max_duration[vehicle]}"]
    return []


def _end_of(instance: Instance, home: int, trips: Routes, start: int) -> int | str:
    now = start
    for trip in trips:
        now = max([now, *(int(instance.release[one]) for one in trip)])
        if now > instance.closes[home]:
            return f"leaves at {now}, after the depot closes"
        at = home
        for one in trip:
            now = max(now + int(instance.travel[at, one]), int(instance.opens[one]))
            if now > instance.closes[one]:
                return f"reaches client {one} at {now}, after {instance.closes[one]}"
            now += int(instance.service[one])
            at = one
        now += int(instance.travel[at, home])
        if now > instance.closes[home]:
            return f"is back at {now}, after the depot closes at {instance.closes[home]}"
    return now


# --------------------------------------------------------------------------- text


def _split(path: Path) -> tuple[dict[str, str], dict[str, list[list[str]]]]:
    headers: dict[str, str] = {}
    sections: dict[str, list[list[str]]] = {}
    rows: list[list[str]] | None = None
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InstanceError(f"{path.name}: not a text file in UTF-8") from None
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        if words[0] == "EOF":
            break
        name, colon, value = line.partition(":")
        name = name.strip().upper()
        if words[0].upper().endswith("_SECTION"):
            section = words[0].upper().removesuffix("_SECTION")
            if section not in KNOWN_SECTIONS:
                raise InstanceError(f"{path.name} line {number}: section {words[0]} is not known here")
            if section in sections:
                raise InstanceError(f"{path.name} line {number}: section {words[0]} is there twice")
            rows = sections[section] = []
        elif colon:
            if name not in KNOWN_HEADERS:
                raise InstanceError(f"{path.name} line {number}: header {name} is not known here")
            headers[name] = value.strip()
            rows = None
        elif rows is None:
            raise InstanceError(f"{path.name} line {number}: {line.strip()[:40]!r} is in no section")
        else:
            rows.append(words)
    return headers, sections


def _needed(path: Path, headers: dict[str, str], name: str) -> str:
    if name not in headers:
        raise InstanceError(f"{path.name}: {name} is missing")
    return headers[name]


def _whole(path: Path, what: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InstanceError(f"{path.name}: {what} is {text!r}, which is no whole number") from None


def _table(path: Path, sections: dict[str, list[list[str]]], name: str, n: int, columns: int) -> NDArray[np.float64]:
    """The values of a section of n numbered rows."""
    rows = sections[name]
    if len(rows) != n:
        raise InstanceError(f"{path.name}: {name}_SECTION has {len(rows)} rows; {n} are expected")
    values = np.empty((n, columns))
    for place, row in enumerate(rows):
        if len(row) != columns + 1 or row[0] != str(place + 1):
            raise InstanceError(
                f"{path.name}: row {place + 1} of {name}_SECTION is {' '.join(row)!r}; "
                f"{place + 1} and {columns} numbers are expected"
            )
        try:
            values[place] = [float(word) for word in row[1:]]
        except ValueError:
            raise InstanceError(
                f"{path.name}: row {place + 1} of {name}_SECTION is {' '.join(row)!r}, not numbers"
            ) from None
    if not np.isfinite(values).all() or (name != "NODE_COORD" and (values < 0).any()):
        raise InstanceError(f"{path.name}: {name}_SECTION holds a value that is negative or not finite")
    if name == "TIME_WINDOW" and (values[:, 1] < values[:, 0]).any():
        place = int(np.argmax(values[:, 1] < values[:, 0]))
        raise InstanceError(f"{path.name}: location {place + 1} closes before it opens")
    return values


def _per_location(
    path: Path, headers: dict[str, str], sections: dict[str, list[list[str]]], name: str, n: int
) -> NDArray[np.float64]:
    if name in sections:
        return _table(path, sections, name, n, 1)[:, 0]
    if name == "DEMAND":
        raise InstanceError(f"{path.name}: DEMAND_SECTION is missing")
    return np.full(n, _number(path, headers, name) if name in headers else 0.0)


def _per_vehicle(
    path: Path, headers: dict[str, str], sections: dict[str, list[list[str]]], name: str, n_vehicles: int
) -> NDArray[np.float64] | None:
    if name in sections:
        return _table(path, sections, name, n_vehicles, 1)[:, 0]
    return np.full(n_vehicles, _number(path, headers, name)) if name in headers else None


def _number(path: Path, headers: dict[str, str], name: str) -> float:
    try:
        number = float(headers[name])
    except ValueError:
        raise InstanceError(f"{path.name}: {name} is {headers[name]!r}, which is no number") from None
    if not math.isfinite(number) or number < 0:
        raise InstanceError(f"{path.name}: {name} is {headers[name]}; it must be 0 or more")
    return number


def _times(values: NDArray[np.float64], scale: int) -> NDArray[np.int64]:
    return np.minimum(np.rint(values * scale), NEVER).astype(np.int64)


def gap_percent(cost: float, best_known: float) -> float:
    return (cost / best_known - 1) * 100


def best_known_beside(path: Path) -> float | None:
    """The stated cost of the .sol file of the same name, where there is one."""
    solution = path.with_suffix(".sol")
    return read_solution(solution)[1] if solution.exists() else None


def plain_routes(routes: Sequence[Sequence[int]]) -> Routes:
    return [[int(one) for one in route] for route in routes]
