"""Gap to best known and CPU seconds of the route search on published instances.

    python -m benchmarks.routing --instances DIR --seconds 10 --out gaps.csv --solutions DIR [--peers]

reads every .vrp file below DIR, searches each for so many CPU seconds (of all threads; compiling comes before),
checks the answer by code that knows no solver, writes it as a .sol file and adds one row to the CSV file: instance,
cost, gap (per cent over the .sol file beside the instance), cpu_seconds, status. A row is ``feasible``, or
``broken`` with the first rule it breaks. ``--peers`` adds a row for PyVRP at the same CPU seconds and one
for VROOM, which ends by itself, as far as they are installed. Instances run one after the other on one thread. A file
that cannot be read has a row ``refused``, and the exit code is 2.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.peers import has_pyvrp, has_vroom, pyvrp_routes, vroom_routes
from benchmarks.vrplib_files import (
    Instance,
    InstanceError,
    Routes,
    best_known_beside,
    check_solution,
    gap_percent,
    instances_under,
    read_instance,
    stated,
    write_solution,
)
from partsopt.routing.annealing import (
    Column,
    best_columns,
    columns_of,
    compile_search,
    improve,
    start_search,
    temperatures,
    types_of,
)
from partsopt.routing.columns import choose_columns
from partsopt.routing.route_problem import NEVER, RouteProblem

COLUMNS = ("instance", "cost", "gap", "cpu_seconds", "status", "solver", "set", "clients", "best_known")
MOST_TRIPS = 20
CHUNK_SECONDS = 0.05
DESCENT_SHARE, TINY = 0.03, 1e-9
CHOICE_SHARE = 0.08
EFFORT_PER_SECOND = 0.5


def main(arguments: list[str] | None = None) -> int:
    options = parsed(arguments)
    solvers: dict[str, Callable[[Instance, float], Routes]] = {"partsopt": searched}
    if options.peers:
        if not (has_pyvrp() or has_vroom()):
            raise SystemExit("--peers needs PyVRP or VROOM: pip install pyvrp pyvroom")
        if has_pyvrp():
            solvers["pyvrp"] = pyvrp_routes
        if has_vroom():
            solvers["vroom"] = vroom_routes
    try:
        paths = instances_under(options.instances)
    except InstanceError as error:
        raise SystemExit(f"Error: {error}") from None
    compile_search()
    rows = []
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for path in paths:
            for solver, solve in solvers.items():
                folder = options.solutions if solver == "partsopt" else options.solutions / solver
                relative = path.relative_to(options.instances)
                row = measured(path, solver, solve, options.seconds, folder / relative.with_suffix(".sol"))
                row["set"] = relative.parent.as_posix()
                writer.writerow(row)
                file.flush()
                rows.append(row)
                print(f"{solver:<9} {relative!s:<32} {row['cost']:>12} {row['gap']:>7} % {row['status']}", flush=True)
    report(rows)
    return 0 if all(row["status"] == "feasible" for row in rows if row["solver"] == "partsopt") else 2


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.routing", description="Gap to best known of routes.")
    parser.add_argument("--instances", type=Path, required=True, help="folder of .vrp files, read recursively")
    parser.add_argument("--seconds", type=float, default=10.0, help="CPU seconds for each instance")
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    parser.add_argument("--solutions", type=Path, required=True, help="folder for the .sol files")
    parser.add_argument("--peers", action="store_true", help="PyVRP at the same CPU seconds, and VROOM, beside")
    return parser.parse_args(arguments)


def measured(
    path: Path, solver: str, solve: Callable[[Instance, float], Routes], seconds: float, solution: Path
) -> dict[str, object]:
    """One row of the benchmark; the solution is written where every rule holds."""
    row: dict[str, object] = dict.fromkeys(COLUMNS, "")
    row.update(instance=path.stem, solver=solver)
    try:
        instance, best_known = read_instance(path), best_known_beside(path)
    except InstanceError as error:
        return {**row, "status": f"refused: {error}"}
    began = time.process_time()
    try:
        routes = solve(instance, seconds)
    except InstanceError as error:
        return {**row, "status": f"refused: {error}"}
    row["cpu_seconds"] = round(time.process_time() - began, 2)
    row.update(clients=instance.n_clients, best_known="" if best_known is None else stated(best_known))
    checked = check_solution(instance, routes)
    if checked.problems:
        return {**row, "status": f"broken: {checked.problems[0]}"}
    write_solution(solution, routes, checked.cost)
    row.update(cost=stated(checked.cost), status="feasible")
    if best_known:
        row["gap"] = round(gap_percent(checked.cost, best_known), 3)
    return row


def report(rows: list[dict[str, object]]) -> None:
    """Mean gap by set and solver."""
    gaps: dict[tuple[object, object], list[float]] = defaultdict(list)
    for row in rows:
        if row["gap"] != "":
            gaps[row["set"], row["solver"]].append(float(str(row["gap"])))
    for (name, solver), values in gaps.items():
        print(f"{name or '.':<16} {solver:<9} mean gap {sum(values) / len(values):.2f} % of {len(values)}")


def searched(instance: Instance, seconds: float, seed: int = 1) -> Routes:
    """Routes of our search after so many CPU seconds: ruin and recreate, then the best choice of all days met."""
    began = time.process_time()
    problem = problem_of(instance)
    search = start_search(problem, seed)
    until = seconds * (1 - CHOICE_SHARE)
    iterations, spent, hot, cold = 50, time.process_time() - began, 0.0, 0.0
    while spent < until:
        if spent >= until * DESCENT_SHARE and not hot:
            hot, cold = temperatures(search)
        heat = hot * (cold / hot) ** (spent / until) if hot else TINY
        then = time.process_time()
        improve(search, iterations, hot=heat, cold=heat)
        now = time.process_time()
        spent = now - began
        rate = iterations / max(now - then, 1e-4)
        iterations = max(10, math.ceil(rate * min(CHUNK_SECONDS, max(until - spent, 0.0))))
    incumbent = best_columns(search)
    effort = max(seconds - (time.process_time() - began), 0.0) * EFFORT_PER_SECOND
    choice = choose_columns(problem, columns_of(search), incumbent, effort)
    return routes_of(problem, choice.columns)


def routes_of(problem: RouteProblem, columns: tuple[Column, ...]) -> Routes:
    """Days as routes by vehicle, in the order of the instance's vehicles; 0 between two trips."""
    left = {kind: np.flatnonzero(problem.vehicle_type == kind).tolist() for kind in range(len(problem.type_depot))}
    routes: Routes = [[] for _ in problem.vehicle_type]
    for column in columns:
        trips = list(column.trips)
        routes[left[column.vehicle_type].pop(0)] = [
            one for number, trip in enumerate(trips) for one in ((0, *trip) if number else trip)
        ]
    return routes


def problem_of(instance: Instance) -> RouteProblem:
    """The instance as the search sees it; whoever is out costs more than any plan."""
    rows = [
        (
            int(instance.depot[v]), int(instance.capacity[v]), float(instance.fixed_cost[v]),
            float(instance.unit_cost[v]), int(instance.max_duration[v]), bool(instance.may_reload[v]),
        )
        for v in range(len(instance.depot))
    ]  # fmt: skip
    vehicle_type, first = types_of(rows)
    n_clients, n_types = instance.n_clients, len(first)
    dearest = float(instance.unit_cost.max(initial=1)) * float(instance.distance.max(initial=1)) * 4
    price = 10 * (dearest + 2 * float(instance.fixed_cost.max(initial=0)))
    depot = instance.depot[first]
    return RouteProblem(
        n_depots=instance.n_depots,
        distance=instance.distance,
        travel=instance.travel,
        loads=instance.demand[:, None].copy(),
        opens=instance.opens,
        closes=instance.closes,
        service=instance.service,
        release=instance.release,
        wanted=np.full(len(instance.demand), NEVER),
        due=np.full(len(instance.demand), NEVER),
        late_per_time=0.0,
        price_out=np.full(len(instance.demand), price),
        vehicle_type=vehicle_type,
        type_depot=depot,
        type_capacity=instance.capacity[first][:, None].copy(),
        type_fixed=instance.fixed_cost[first].astype(np.float64),
        type_per_distance=instance.unit_cost[first].astype(np.float64),
        type_per_time=np.zeros(n_types),
        type_per_client=np.zeros(n_types),
        type_starts=instance.opens[depot],
        type_ends=instance.closes[depot],
        type_max_duration=instance.max_duration[first],
        type_max_trips=np.where(instance.may_reload[first], min(MOST_TRIPS, max(n_clients, 1)), 1),
        type_reload=np.zeros(n_types, dtype=np.int64),
        allowed=np.ones((n_types, len(instance.demand)), dtype=np.uint8),
    )


if __name__ == "__main__":
    sys.exit(main())
