"""Routing instances and solutions in the VRPLIB text format, and a check of a solution that knows no solver.

Conventions of cost for EUC_2D: files with one depot and windows take floor(10 x Euclidean) with windows, service and
release times x 10; files of TYPE CVRP take the nearest whole number (TSPLIB); all others, with several depots or mixed
fleets, take round(1000 x Euclidean), with times and fixed costs x 1000. CEIL_2D, FLOOR_2D and EXPLICIT matrices stand
as they are, times too, and x 1000 where distances or times have fractions. Rounding never widens a window. The
objective is fixed cost plus distance times the vehicle's unit cost. DISTANCE, the longest route with its service, is a
longest duration where nobody waits: without windows. Lines that begin with # are comments.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

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
PER_VEHICLE = (
    "CAPACITY", "VEHICLES_FIXED_COST", "VEHICLES_UNIT_DISTANCE_COST", "VEHICLES_DEPOT", "VEHICLES_RELOAD_DEPOT",
    "VEHICLES_MAX_DURATION",
)  # fmt: skip
KNOWN_SECTIONS = {
    "NODE_COORD", "TIME_WINDOW", "DEPOT", "EDGE_WEIGHT", "DISPLAY_DATA", *PER_LOCATION, *PER_VEHICLE,
}  # fmt: skip
KNOWN_HEADERS = {
    "NAME", "TYPE", "DIMENSION", "VEHICLES", "CAPACITY", "SERVICE_TIME", "EDGE_WEIGHT_TYPE",
    "VEHICLES_MAX_DURATION", "VEHICLES_FIXED_COST", "VEHICLES_UNIT_DISTANCE_COST", "EDGE_WEIGHT_FORMAT",
    "NODE_COORD_TYPE", "DISPLAY_DATA_TYPE", "DISTANCE",
}  # fmt: skip
ROUNDINGS = {"CEIL_2D": np.ceil, "FLOOR_2D": np.floor}
TRIANGLES = {
    **dict.fromkeys(["LOWER_ROW", "UPPER_COL"], (True, -1)),
    **dict.fromkeys(["LOWER_DIAG_ROW", "UPPER_DIAG_COL"], (True, 0)),
    **dict.fromkeys(["UPPER_ROW", "LOWER_COL"], (False, 1)),
    **dict.fromkeys(["UPPER_DIAG_ROW", "LOWER_DIAG_COL"], (False, 0)),
}
"""Of an explicit matrix by rows: below the diagonal or above it, and the first diagonal given. It is the same both
ways, so the columns of one half are the rows of the other."""
OTHER_PROBLEMS = ("OVRP", "SDVRP", "TSP", "PPD", "SPD", "MPD", "PDP", "VRPB", "HCP", "SOP", "TOUR")
"""In a TYPE: open routes, split deliveries, one tour, pickups, backhauls, and what else TSPLIB knows."""
TINY = 1e-4
LARGEST = 2.0**31
"""Largest weight, time or quantity in whole units: sums of whole days stay far below what 64 bits hold."""

Rows = list[tuple[int, list[str]]]
"""Rows of a section: number of the line in the file, and its words."""


class _Text(NamedTuple):
    """A file by headers and sections, with the lines they begin at and how many there are."""

    name: str
    headers: dict[str, str]
    sections: dict[str, Rows]
    lines: dict[str, int]
    n_lines: int

    def missing(self, what: str) -> InstanceError:
        return self.wrong(f"{what} is missing; the file ends here", self.n_lines)

    def wrong(self, what: str, line: int | None = None) -> InstanceError:
        return InstanceError(f"{self.name}{'' if line is None else f' line {line}'}: {what}")


def read_instance(path: Path) -> Instance:
    """Read a .vrp file.

    Raises
    ------
    InstanceError
        A section is missing, too short, not a number, or asks for what is not known here; the line is named.
    """
    text = _split(path)
    _refuse_other_problems(text)
    n = _whole(text, "DIMENSION")
    depots = _depots(text, n)
    fleet = _fleet(text, depots, n)
    windows = _table(text, "TIME_WINDOW", n, 2) if "TIME_WINDOW" in text.sections else None
    demand, service, release = (_per_location(text, name, n) for name in PER_LOCATION)
    longest = _longest(text, fleet, has_windows=windows is not None)
    times = [one for one in (windows, service, release, longest) if one is not None]
    distance, scale = _distances(
        text, n, has_windows=windows is not None, n_depots=len(depots), has_fractions=not all(map(_are_whole, times))
    )
    service = _times(text, "SERVICE_TIME", service, scale, _up)
    service[: len(depots)] = 0
    of_load = _factor(text, "DEMAND", demand, fleet.capacity)
    of_cost = _factor(text, "VEHICLES_UNIT_DISTANCE_COST", fleet.unit_cost)
    return Instance(
        name=path.stem,
        n_depots=len(depots),
        distance=distance,
        travel=distance,
        demand=_whole_units(demand, of_load),
        opens=np.zeros(n, dtype=np.int64)
        if windows is None
        else _times(text, "TIME_WINDOW", windows[:, 0], scale, _up),
        closes=np.full(n, NEVER) if windows is None else _times(text, "TIME_WINDOW", windows[:, 1], scale, _down),
        service=service,
        release=_times(text, "RELEASE_TIME", release, scale, _up),
        depot=fleet.depot.astype(np.int64) - 1,
        capacity=_whole_units(fleet.capacity, of_load),
        fixed_cost=_times(text, "VEHICLES_FIXED_COST", fleet.fixed_cost, scale * of_cost),
        unit_cost=_whole_units(fleet.unit_cost, of_cost),
        max_duration=np.full(len(fleet.depot), NEVER)
        if longest is None
        else _times(text, "VEHICLES_MAX_DURATION", longest, scale, _down),
        may_reload=np.full(len(fleet.depot), fleet.may_reload),
        cost_scale=of_cost * cost_scale(text, scale, n_depots=len(depots), fleet=fleet),
    )


def _refuse_other_problems(text: _Text) -> None:
    kind = text.headers.get("TYPE", "").upper()
    if any(one in kind for one in OTHER_PROBLEMS):
        raise text.wrong(f"TYPE is {kind}, which is another problem: open, split, a tour, pickups", text.lines["TYPE"])


class _Fleet(NamedTuple):
    """Vehicles as the file has them: home depot, numbered from 1, capacity, costs, longest duration if any."""

    depot: NDArray[np.float64]
    capacity: NDArray[np.float64]
    fixed_cost: NDArray[np.float64]
    unit_cost: NDArray[np.float64]
    longest: NDArray[np.float64] | None
    has_costs: bool
    may_reload: bool


def _fleet(text: _Text, depots: list[int], n: int) -> _Fleet:
    rows = (len(text.sections[name]) for name in PER_VEHICLE if name in text.sections)
    n_vehicles = _whole(text, "VEHICLES") if "VEHICLES" in text.headers else next(rows, n - len(depots))
    capacity, fixed, unit, depot, reload, longest = (_per_vehicle(text, name, n_vehicles) for name in PER_VEHICLE)
    if capacity is None:
        raise text.missing("CAPACITY, or CAPACITY_SECTION,")
    if depot is None:
        if len(depots) > 1:
            raise text.missing("VEHICLES_DEPOT_SECTION")
        depot = np.ones(n_vehicles)
    elif not np.isin(depot, depots).all():
        raise text.wrong("VEHICLES_DEPOT_SECTION names a location that is no depot", text.lines["VEHICLES_DEPOT"])
    if reload is not None and not np.array_equal(reload, depot):
        raise text.wrong(
            "a vehicle reloads at a depot that is not its own; that is not known here",
            text.lines["VEHICLES_RELOAD_DEPOT"],
        )
    return _Fleet(
        depot=depot,
        capacity=capacity,
        fixed_cost=np.zeros(n_vehicles) if fixed is None else fixed,
        unit_cost=np.ones(n_vehicles) if unit is None else unit,
        longest=longest,
        has_costs=fixed is not None or unit is not None,
        may_reload=reload is not None,
    )


def _longest(text: _Text, fleet: _Fleet, *, has_windows: bool) -> NDArray[np.float64] | None:
    """The longest duration of each vehicle, or that of all by DISTANCE."""
    if "DISTANCE" not in text.headers:
        return fleet.longest
    if has_windows or fleet.longest is not None:
        raise text.wrong("DISTANCE beside windows or longest durations is not known here", text.lines["DISTANCE"])
    return np.full(len(fleet.depot), _number(text, "DISTANCE"))


def _depots(text: _Text, n: int) -> list[int]:
    """The depots, which must come first."""
    if "DEPOT" not in text.sections:
        raise text.missing("DEPOT_SECTION")
    depots = []
    for line, words in text.sections.get("DEPOT", []):
        for word in words:
            try:
                depots.append(int(word))
            except ValueError:
                raise text.wrong(f"DEPOT_SECTION has {word!r}, which is no whole number", line) from None
    depots = [one for one in depots if one != -1]
    if depots != list(range(1, len(depots) + 1)) or not depots:
        raise text.wrong(f"DEPOT_SECTION is {depots}; the depots must be the locations 1, 2, ..", text.lines["DEPOT"])
    if len(depots) >= n:
        raise text.wrong(f"of {n} locations {len(depots)} are depots, nobody is left to visit", text.lines["DEPOT"])
    return depots


def _distances(
    text: _Text, n: int, *, has_windows: bool, n_depots: int, has_fractions: bool
) -> tuple[NDArray[np.int64], int]:
    """Distances in whole units, and how many units one of the file's is."""
    fine = 1000 if has_fractions else 1
    kind = text.headers.get("EDGE_WEIGHT_TYPE", "EUC_2D").upper()
    if kind == "EXPLICIT":
        weights = _weights(text, n)
        scale = fine if _are_whole(weights) else 1000
        return _times(text, "EDGE_WEIGHT", weights, scale), scale
    if kind != "EUC_2D" and kind not in ROUNDINGS:
        raise text.wrong(
            f"EDGE_WEIGHT_TYPE is {kind}; EUC_2D, {', '.join(ROUNDINGS)} and EXPLICIT are known",
            text.lines["EDGE_WEIGHT_TYPE"],
        )
    if "NODE_COORD" not in text.sections:
        raise text.missing("NODE_COORD_SECTION")
    places = _table(text, "NODE_COORD", n, 2)
    euclidean = np.sqrt(((places[:, None, :] - places[None, :, :]) ** 2).sum(axis=2))
    if kind in ROUNDINGS:
        return _times(text, "NODE_COORD", ROUNDINGS[kind](euclidean), fine), fine
    if has_windows and n_depots == 1:
        return _times(text, "NODE_COORD", np.floor(euclidean * 10) / 10, 10), 10
    if text.headers.get("TYPE", "").upper() == "CVRP":
        return _times(text, "NODE_COORD", np.rint(euclidean), fine), fine
    return _times(text, "NODE_COORD", euclidean, 1000), 1000


def _weights(text: _Text, n: int) -> NDArray[np.float64]:
    """The matrix of an EDGE_WEIGHT_SECTION, whatever its line breaks."""
    form = text.headers.get("EDGE_WEIGHT_FORMAT", "").upper()
    if form != "FULL_MATRIX" and form not in TRIANGLES:
        raise text.wrong(
            f"EDGE_WEIGHT_FORMAT is {form or 'missing'}; FULL_MATRIX, {', '.join(TRIANGLES)} are known",
            text.lines.get("EDGE_WEIGHT_FORMAT"),
        )
    if "EDGE_WEIGHT" not in text.sections:
        raise text.missing("EDGE_WEIGHT_SECTION")
    values = []
    for line, words in text.sections["EDGE_WEIGHT"]:
        try:
            row = [float(word) for word in words]
        except ValueError:
            raise text.wrong(f"{' '.join(words)[:40]!r} are not numbers", line) from None
        if not all(0 <= value < math.inf for value in row):
            raise text.wrong("a weight is negative or not finite", line)
        values += row
    is_full = form == "FULL_MATRIX"
    is_lower, diagonal = TRIANGLES.get(form, (True, n))
    expected = n * n if is_full else n * (n + 1 - 2 * abs(diagonal)) // 2
    if len(values) != expected:
        raise text.wrong(
            f"EDGE_WEIGHT_SECTION has {len(values)} weights; {expected} are expected", text.lines["EDGE_WEIGHT"]
        )
    here = np.tri(n, k=diagonal, dtype=bool) if is_lower else np.tri(n, k=-diagonal, dtype=bool).T
    matrix = np.zeros((n, n))
    matrix[here] = values
    if not is_full:
        matrix = np.where(here, matrix, matrix.T)
    np.fill_diagonal(matrix, 0.0)
    return matrix


def cost_scale(text: _Text, scale: int, *, n_depots: int, fleet: _Fleet) -> float:
    """How the published solutions of a set state their cost: in tenths, thousandths or money; others as it stands."""
    if text.headers.get("EDGE_WEIGHT_TYPE", "EUC_2D").upper() != "EUC_2D":
        return float(scale)
    if fleet.has_costs:
        return scale * 100.0
    return 1.0 if n_depots > 1 or fleet.may_reload else float(scale)


def instances_under(directory: Path) -> list[Path]:
    """Every .vrp file below a directory, by relative path.

    Raises
    ------
    InstanceError
        There is none.
    """
    found = [path for path in directory.rglob("*") if path.suffix.lower() == ".vrp" and path.is_file()]
    if not found:
        raise InstanceError(f"{directory} holds no .vrp file; give the folder of the instances")
    return sorted(found, key=lambda path: path.relative_to(directory).as_posix())


def read_solution(path: Path) -> tuple[Routes, float | None]:
    """Routes of a .sol file, empty ones included, and its stated cost."""
    routes: Routes = []
    cost: float | None = None
    for number, line in enumerate(_lines(path), start=1):
        words = line.replace(":", " ").split()
        if not words:
            continue
        try:
            if words[0].lower() == "route":
                routes.append([int(word) for word in line.partition(":")[2].split()])
            elif words[0].lower() == "cost":
                cost = _positive(words[1])
        except (ValueError, IndexError):
            raise InstanceError(
                f"{path.name} line {number}: {line!r} is no route of whole numbers and no cost"
            ) from None
    return routes, cost


def _positive(word: str) -> float:
    value = float(word)
    if not 0 < value < math.inf:
        raise ValueError
    return value


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


def _lines(path: Path) -> list[str]:
    """The lines of a text file; letters of another encoding than UTF-8, as in a comment, are not understood."""
    try:
        content = path.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise InstanceError(f"{path.name}: cannot be read, {error.strerror}") from None
    if "\0" in content:
        raise InstanceError(f"{path.name}: not a text file in UTF-8")
    return content.splitlines()


def _split(path: Path) -> _Text:
    lines = _lines(path)
    text = _Text(path.name, {}, {}, {}, len(lines))
    rows: Rows | None = None
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        header, value = _header(line)
        if header == "EOF":
            break
        if header == "COMMENT":
            continue
        if header.endswith("_SECTION"):
            section = header.removesuffix("_SECTION")
            if section not in KNOWN_SECTIONS:
                raise text.wrong(f"section {header} is not known here", number)
            if section in text.sections:
                raise text.wrong(f"section {header} is there twice", number)
            rows = text.sections[section] = []
            text.lines[section] = number
        elif header:
            if header not in KNOWN_HEADERS:
                raise text.wrong(f"header {header} is not known here", number)
            if header in text.headers:
                raise text.wrong(f"header {header} is there twice", number)
            text.headers[header] = value
            text.lines.setdefault(header, number)
            rows = None
        elif rows is None:
            raise text.wrong(f"{line.strip()[:40]!r} is in no section", number)
        else:
            rows.append((number, words))
    return text


def _header(line: str) -> tuple[str, str]:
    """Name and value of a header, whose colon may lack after a name that is known; no name for a row of a section."""
    name, colon, value = line.partition(":")
    if not colon:
        name, value = (*line.split(maxsplit=1), "")[:2]
    name = name.strip().upper()
    is_header = bool(colon) or name in KNOWN_HEADERS or name in ("EOF", "COMMENT") or name.endswith("_SECTION")
    return (name, value.strip()) if is_header else ("", "")


def _whole(text: _Text, name: str) -> int:
    """A header that must be there, a whole number above 0."""
    if name not in text.headers:
        raise text.missing(name)
    try:
        number = int(text.headers[name])
    except ValueError:
        raise text.wrong(f"{name} is {text.headers[name]!r}, which is no whole number", text.lines[name]) from None
    if number < 1:
        raise text.wrong(f"{name} is {number}; it must be 1 or more", text.lines[name])
    return number


def _table(text: _Text, name: str, n: int, columns: int) -> NDArray[np.float64]:
    """The values of a section of n numbered rows, which may come in any order."""
    rows = text.sections[name]
    if len(rows) != n:
        raise text.wrong(f"{name}_SECTION has {len(rows)} rows; {n} are expected", text.lines[name])
    values = np.full((n, columns), np.nan)
    for line, words in rows:
        said = f"a row of {name}_SECTION is {' '.join(words)!r}"
        if len(words) != columns + 1 or not words[0].isdecimal() or not 1 <= int(words[0]) <= n:
            raise text.wrong(f"{said}; a number from 1 to {n} and {columns} more are expected", line)
        place = int(words[0]) - 1
        if not np.isnan(values[place, 0]):
            raise text.wrong(f"{said}, the second of that number", line)
        try:
            values[place] = [float(word) for word in words[1:]]
        except ValueError:
            raise text.wrong(f"{said}, not numbers", line) from None
        if not np.isfinite(values[place]).all() or (name != "NODE_COORD" and (values[place] < 0).any()):
            raise text.wrong(f"{said}; a value is negative or not finite", line)
        if name == "TIME_WINDOW" and values[place, 1] < values[place, 0]:
            raise text.wrong(f"location {place + 1} closes before it opens", line)
    return values


def _per_location(text: _Text, name: str, n: int) -> NDArray[np.float64]:
    if name in text.sections:
        return _table(text, name, n, 1)[:, 0]
    if name == "DEMAND":
        raise text.missing("DEMAND_SECTION")
    return np.full(n, _number(text, name) if name in text.headers else 0.0)


def _per_vehicle(text: _Text, name: str, n_vehicles: int) -> NDArray[np.float64] | None:
    if name in text.sections:
        return _table(text, name, n_vehicles, 1)[:, 0]
    return np.full(n_vehicles, _number(text, name)) if name in text.headers else None


def _number(text: _Text, name: str) -> float:
    try:
        number = float(text.headers[name])
    except ValueError:
        raise text.wrong(f"{name} is {text.headers[name]!r}, which is no number", text.lines[name]) from None
    if not math.isfinite(number) or number < 0:
        raise text.wrong(f"{name} is {text.headers[name]}; it must be 0 or more", text.lines[name])
    return number


def _are_whole(values: NDArray[np.float64]) -> bool:
    return bool((np.abs(values - np.rint(values)) < TINY).all())


def _up(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.ceil(values - TINY)


def _down(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.floor(values + TINY)


def _factor(text: _Text, name: str, *values: NDArray[np.float64]) -> int:
    """The smallest of 1, 10, 100 and 1000 that makes quantities whole."""
    for factor in (1, 10, 100, 1000):
        if all(_are_whole(one * factor) for one in values):
            return factor
    raise text.wrong(f"{name} or CAPACITY has more than three decimals", text.lines.get(name))


def _whole_units(values: NDArray[np.float64], factor: int) -> NDArray[np.int64]:
    return np.rint(values * factor).astype(np.int64)


def _times(
    text: _Text,
    name: str,
    values: NDArray[np.float64],
    scale: int,
    rounded: Callable[[NDArray[np.float64]], NDArray[np.float64]] = np.rint,
) -> NDArray[np.int64]:
    """Values in whole units; depots and windows that never close are said by any number from 2^31 units on."""
    if name in ("NODE_COORD", "EDGE_WEIGHT", "SERVICE_TIME") and (values * scale > LARGEST).any():
        raise text.wrong(f"{name} has values above {LARGEST / scale:.0f}", text.lines.get(name))
    return np.minimum(rounded(values * scale), NEVER).astype(np.int64)


def gap_percent(cost: float, best_known: float) -> float:
    return (cost / best_known - 1) * 100


def best_known_beside(path: Path) -> float | None:
    """The stated cost of the .sol file of the same name, where there is one."""
    solution = path.with_suffix(".sol")
    return read_solution(solution)[1] if solution.exists() else None
