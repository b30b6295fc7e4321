"""Cost of a night's deliveries beside simpler ways and beside PyVRP.

    python -m benchmarks.deliveries --directory my-network --seconds 10 --out deliveries.csv [--peers]

plans the night of a data directory (make one with ``partsopt sample DIR --dealers 150``) and prices the same shipments
in other ways: ``lanes_only`` without any vehicle; ``direct_vans`` with what the night's vans carry brought to each
dealer by a trip of its own, by the cheapest van that can (of which there are enough), the rest as planned. Then the
vans' share of the first day alone: ``vans_ours``, and with ``--peers`` ``vans_pyvrp``: the same parcels and returns on
the same vans under the same windows, releases and trips, PyVRP's routes of so many CPU seconds for each DC, priced by
our exact timetable without the rests of drivers, which PyVRP does not know. Trips of later days stay as planned. One
row for each way: cost, lines unserved, late, vans, trips, km.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pandas as pd

from benchmarks.peers import has_pyvrp, pyvrp_trips
from benchmarks.rows import write_table
from partsopt.pipeline import plan_night
from partsopt.routing import search as search_module
from partsopt.routing.found import Found
from partsopt.routing.given import given_of
from partsopt.routing.plan import Deliveries, plan_deliveries
from partsopt.routing.search import search_day
from partsopt.routing.timetable import Broken, DayProblem, Trips, cost_of_day, times_of_day, times_of_trip
from partsopt.settings import RoutingParams, read_settings
from partsopt.store.readers import read_inputs

COLUMNS = ("way", "cost", "lines_unserved", "lines_late", "vans", "trips", "km", "cpu_seconds")


class Searched(NamedTuple):
    """A DC's day as it was searched, and what was found."""

    problem: DayProblem
    found: Found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deliveries", description="Cost of deliveries.")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=10.0, help="CPU seconds of PyVRP for each DC")
    parser.add_argument("--peers", action="store_true", help="PyVRP beside")
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    options = parser.parse_args(arguments)
    if options.peers and not has_pyvrp():
        raise SystemExit("--peers needs PyVRP: pip install pyvrp")
    rows = pd.DataFrame(compared(options.directory, options.seconds if options.peers else 0.0), columns=list(COLUMNS))
    write_table(rows, options.out)
    print(rows.to_string(index=False))
    return 0


def compared(directory: Path, pyvrp_seconds: float) -> list[dict[str, object]]:
    """Rows of the benchmark."""
    settings = read_settings(directory / "settings.toml", os.environ)
    inputs = read_inputs(directory, settings.read)
    today = date.fromisoformat(settings.run.today)
    shipments = plan_night(inputs.tables, inputs.rejects, settings, today, lambda *_: None).tables["shipments"]
    given = given_of(shipments, inputs.tables)
    days: list[Searched] = []

    def remembered(problem: DayProblem, params: RoutingParams) -> Found:
        days.append(Searched(problem, search_day(problem, params)))
        return days[-1].found

    began = time.process_time()
    with mock.patch.object(search_module, "search_day", remembered):
        planned = plan_deliveries(given, today=today, params=settings.routing, seed=1)
    seconds = time.process_time() - began
    without = given._replace(vehicles=given.vehicles.iloc[:0])
    lanes = plan_deliveries(without, today=today, params=settings.routing, seed=1)
    on_lanes = float(planned.delivery_lines["cost"].sum())
    later = planned.delivery_lines.loc[planned.delivery_lines["waits"], "route_id"]
    on_later_days = float(planned.routes.loc[planned.routes["route_id"].isin(later), "cost"].sum())
    days = [of_first_day(one) for one in days]
    direct = [direct_vans(one) for one in days]
    rows = [
        {"way": "night", "cpu_seconds": seconds, **figures(planned)},
        {"way": "lanes_only", **figures(lanes)},
        {
            "way": "direct_vans",
            **figures(planned),
            "cost": on_lanes + on_later_days + sum(cost for cost, _, _ in direct),
            "vans": sum(n for _, n, _ in direct),
            "trips": sum(n for _, n, _ in direct),
            "km": sum(metres for _, _, metres in direct) / 1000,
        },
        {"way": "vans_ours", **vans_figures(days, [one.found.trips for one in days])},
    ]
    if pyvrp_seconds:
        began = time.process_time()
        theirs = [pyvrp_trips(one.problem, one.found.trips, one.found.latest_s, pyvrp_seconds) for one in days]
        restless = [one._replace(problem=replace(one.problem, rest_after_s=0)) for one in days]
        rows.append({"way": "vans_pyvrp", **vans_figures(restless, theirs), "cpu_seconds": time.process_time() - began})
    return rows


def of_first_day(one: Searched) -> Searched:
    """A search without the trips of its later days."""
    vans = zip(one.found.trips, one.problem.vans, strict=True)
    return one._replace(found=replace(one.found, trips=tuple(day if van.day == 0 else () for day, van in vans)))


def figures(deliveries: Deliveries) -> dict[str, object]:
    lines, routes = deliveries.delivery_lines, deliveries.routes
    return {
        "cost": float(routes["cost"].sum() + lines["cost"].sum()),
        "lines_unserved": int(lines["carried_by"].eq("unserved").sum()),
        "lines_late": int(lines["is_late"].sum()),
        "vans": int(routes["route_id"].nunique()),
        "trips": len(routes),
        "km": float(routes["distance_m"].sum() / 1000),
    }


def vans_figures(days: list[Searched], plans: list[Trips]) -> dict[str, object]:
    """Cost of vans by the exact timetable, lateness at its price; what a plan leaves out is counted as unserved."""
    cost, vans, trips, metres, left = 0.0, 0, 0, 0, 0
    for (problem, found), plan in zip(days, plans, strict=True):
        for number, day in enumerate(plan):
            times = times_of_day(problem, number, day, found.latest_s)
            if isinstance(times, Broken):
                raise SystemExit(f"a day breaks {times.rule} by {times.by}")
            cost += cost_of_day(problem, number, times)
            vans += bool(day)
            trips += len(day)
            metres += sum(trip.distance_m for trip in times)
        left += len(on_board(found.trips) - on_board(plan))
    return {"cost": cost, "lines_unserved": left, "vans": vans, "trips": trips, "km": metres / 1000}


def on_board(trips: Trips) -> set[int]:
    return {one for day in trips for trip in day for one in trip}


def direct_vans(day: Searched) -> tuple[float, int, int]:
    """Cost, trips and metres when each dealer's parcels of a wave have a trip of their own by the cheapest van."""
    problem, latest_s = day.problem, list(day.found.latest_s)
    loads: dict[tuple[int, int], list[int]] = {}
    for one in sorted(on_board(day.found.trips)):
        delivery = problem.deliveries[one]
        loads.setdefault((delivery.place, delivery.released_on(0)), []).append(one)
    cost, trips, metres = 0.0, 0, 0
    for members in loads.values():
        for load in [members] if _cheapest(problem, members, latest_s) else [[one] for one in members]:
            best = _cheapest(problem, load, latest_s)
            if best is None:
                raise SystemExit("a parcel on a van cannot be brought directly; report it")
            cost, trips, metres = cost + best[0], trips + 1, metres + best[1]
    return cost, trips, metres


def _cheapest(problem: DayProblem, load: list[int], latest_s: list[int]) -> tuple[float, int] | None:
    found = []
    for van in sorted({van for van in problem.vans if van.day == 0}, key=repr):
        alone = replace(problem, vans=(van,))
        times = times_of_trip(alone, van, load, van.start_s, latest_s)
        if not isinstance(times, Broken):
            found.append((cost_of_day(alone, 0, [times]), times.distance_m))
    return min(found, default=None)


if __name__ == "__main__":
    sys.exit(main())
