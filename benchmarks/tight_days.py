"""Days that do not fit: tight windows and too small a fleet, each planned whole with every drop named, in bounded time.

    python -m benchmarks.tight_days --days 200 --stops 150 --vans 12 --out tight.csv
    python -m benchmarks.tight_days --days 20 --stops 1500 --vans 150 --together 3 --out large.csv
    python -m benchmarks.tight_days --days 20 --stops 150 --vans 12 --late 10 --out dispatch.csv
    python -m benchmarks.tight_days --days 20 --stops 150 --vans 12 --together 3 --law --out law.csv

draws days of one DC with so many dealers, one to three parcels each, windows of one to four hours, vans for some two
thirds of the load, a lane to some dealers. A row for each day: CPU and wall seconds of the plan from tables to
verified tables, lines on vans, on lanes and left out with the reason, and how many wait for a later day, of which
``--together`` says how many there are. Further columns with ``--late``: as many urgent orders put into the day at 10:30
by the dispatch's planning, its CPU and wall seconds, and whether a trip that was loading or under way has changed. With
``--law`` each day is planned again without its lowest tier, without its two lowest, and so on, and no tier may have
more lines left out or late where the lower ones are there. Exit code 2 where a line is in no plan, a reason is blank, a
locked trip has changed, a tier is worse off or a plan is refused.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.delivery_nights import let_down
from benchmarks.rows import write_table
from partsopt.errors import NoPlan
from partsopt.routing.annealing import compile_search
from partsopt.routing.dispatch import locked_trips, replan_deliveries
from partsopt.routing.given import Given
from partsopt.routing.plan import Deliveries, plan_deliveries
from partsopt.settings import RoutingParams
from partsopt.tables import SHIPMENTS, TIERS, conform
from tests.routing.nights import MONDAY, at, lane, line, night, site, van

NOW = at("10:30")
TIERS_DRAWN = ("vor", "urgent", "reservation", "backorder", *["stock"] * 6)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tight_days", description="Days that do not fit.")
    parser.add_argument("--days", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="number of the first day")
    parser.add_argument("--stops", type=int, default=150)
    parser.add_argument("--vans", type=int, default=12)
    parser.add_argument("--together", type=int, default=1, help="working days planned together")
    parser.add_argument("--late", type=int, default=0, help="urgent orders put into each day by a dispatch")
    parser.add_argument("--law", action="store_true", help="hold each day to what its tiers have without lower ones")
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    options = parser.parse_args(arguments)
    numbers = range(options.first, options.first + options.days)
    compile_search()
    rows = pd.DataFrame(
        [row_of(number, options.stops, options.vans, options.late, options.together, options.law) for number in numbers]
    )
    write_table(rows, options.out)
    for name in [column for column in rows if column.endswith("_seconds")]:
        print(f"{name}: mean {rows[name].mean():.2f}, largest {rows[name].max():.2f}")
    broken = rows[rows["broken"].ne("")]
    print(f"{len(rows)} days, {rows['lines'].sum()} lines, {rows['unserved'].sum()} unserved with a reason, "
          f"{len(broken)} broken")  # fmt: skip
    for row in broken.itertuples():
        print(f"day {row.day}: {row.broken}")
    return 2 if len(broken) else 0


def tight_day(number: int, stops: int, vans: int) -> dict[str, pd.DataFrame]:
    """Tables of a day whose windows are tight and whose vans take about two thirds of the load."""
    draw = random.Random(number)  # noqa: S311 -- days to test, not secrets
    spread = draw.choice([0.3, 0.8, 1.5])
    sites, lanes, lines = [site("DC", "dc")], [], []
    for dealer in range(stops):
        opens = 480 + 30 * draw.randrange(14)
        closes = min(opens + draw.choice([60, 120, 240]), 1080)
        sites.append(
            site(f"D{dealer:04d}", north=30 + draw.uniform(-spread, spread), east=120 + draw.uniform(-spread, spread),
                 opens_at=_clock(opens), closes_at=_clock(closes), service_min=draw.choice([5.0, 10.0, 20.0]))
        )  # fmt: skip
        if draw.random() < 0.2:
            lanes.append(lane("DC", f"D{dealer:04d}", days=draw.choice([1, 2]), cost_fixed=draw.uniform(20, 200)))
        for parcel in range(draw.choice([1, 1, 2, 3])):
            tier = draw.choice(TIERS_DRAWN)
            kg = draw.choice([5.0, 20.0, 60.0, 120.0])
            lines.append(line(f"L{dealer:04d}{parcel}", f"D{dealer:04d}", tier, kg, **_placed(tier, draw)))
    room = 2 / 3 * sum(one["load_kg"] for one in lines) / max(vans, 1)
    fleet = [
        van(f"V{number:03d}", capacity_kg=room * draw.choice([0.4, 0.6, 0.8]), capacity_m3=room / 500,
            max_trips=draw.choice([1, 2, 3]), shift_end=draw.choice(["14:00", "17:00", "19:00"]))
        for number in range(vans)
    ]  # fmt: skip
    return night(sites=sites, vehicles=fleet, carrier_lanes=lanes, shipments=lines)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _placed(tier: str, draw: random.Random) -> dict[str, Any]:
    if tier not in ("vor", "urgent"):
        return {}
    placed = {"placed_at": at(_clock(420 + draw.randrange(150)))}
    return placed | ({"deliver_by": at("17:00")} if draw.random() < 0.3 else {})


def row_of(
    number: int, stops: int, vans: int, late: int = 0, together: int = 1, law: bool = False
) -> dict[str, object]:
    """A day, how long its plan took, what became of its lines, and what is wrong with the plan."""
    tables = tight_day(number, stops, vans)
    params = RoutingParams(stock_within_working_days=together)
    row: dict[str, object] = {"day": number, "lines": len(tables["shipments"]), "cpu_seconds": 0.0, "wall_seconds": 0.0}
    began, wall = time.process_time(), time.monotonic()
    try:
        planned = plan_deliveries(Given(**tables), today=MONDAY, params=params, seed=1)
    except NoPlan as refused:
        return {**row, "vehicle": 0, "lane": 0, "unserved": 0, "waits": 0, "broken": str(refused)}
    row |= {"cpu_seconds": time.process_time() - began, "wall_seconds": time.monotonic() - wall}
    row |= {how: int(planned.delivery_lines["carried_by"].eq(how).sum()) for how in ("vehicle", "lane", "unserved")}
    row |= {"waits": int(planned.delivery_lines["waits"].sum())}
    row |= {"status": ", ".join(planned.solver_runs["status"]), "broken": unnamed(planned, tables["shipments"])}
    if law and not row["broken"]:
        row["broken"] = worse_off(tables, planned, params)
    return {**row, **_dispatched(number, tables, planned, params, late)} if late and not row["broken"] else row


def worse_off(tables: dict[str, pd.DataFrame], planned: Deliveries, params: RoutingParams) -> str:
    """The tiers that have more lines left out or late than where they are planned without those below; blank: none."""
    tier_of = tables["shipments"].set_index("line_id")["tier"]
    for lowest, tier in enumerate(TIERS[:-1]):
        higher = tables["shipments"]["tier"].isin(TIERS[: lowest + 1])
        kept = {**tables, "shipments": tables["shipments"][higher].reset_index(drop=True)}
        alone = plan_deliveries(Given(**kept), today=MONDAY, params=params, seed=1)
        if let_down(planned.delivery_lines, tier_of, lowest) > let_down(alone.delivery_lines, tier_of, lowest):
            return f"tiers down to {tier} are worse off for those below"
    return ""


def unnamed(planned: Deliveries, shipments: pd.DataFrame) -> str:
    """The first line that the plan loses or leaves out without a reason; blank where it has none."""
    lines = planned.delivery_lines
    if sorted(lines["line_id"]) != sorted(shipments["line_id"]):
        return "a line is not in the plan once"
    mute = lines[lines["carried_by"].eq("unserved") & lines["unserved_because"].eq("")]
    return f"{mute['line_id'].iloc[0]} is left out without a reason" if len(mute) else ""


def _dispatched(
    number: int, tables: dict[str, pd.DataFrame], planned: Deliveries, params: RoutingParams, late: int
) -> dict[str, object]:
    """The day again with late urgent orders, and what the dispatch did wrong."""
    draw = random.Random(number)  # noqa: S311 -- days to test, not secrets
    dealers = draw.sample(sorted(tables["sites"]["site_id"])[1:], late)
    new = pd.DataFrame(
        [line(f"X{k:02d}", dealer, draw.choice(["vor", "urgent"]), 10.0, placed_at=at("10:20"), dispatched_at=NOW)
         for k, dealer in enumerate(dealers)]
    )  # fmt: skip
    shipments = conform(pd.concat([tables["shipments"], conform(new, SHIPMENTS)], ignore_index=True), SHIPMENTS)
    before = {name: getattr(planned, name) for name in ("routes", "stops", "delivery_lines", "collections")}
    began, wall = time.process_time(), time.monotonic()
    try:
        after = replan_deliveries(
            Given(**{**tables, "shipments": shipments}), before=before, today=MONDAY, now=NOW, params=params
        )
    except NoPlan as refused:
        return {"broken": str(refused)}
    row: dict[str, object] = {
        "dispatch_cpu_seconds": time.process_time() - began,
        "dispatch_wall_seconds": time.monotonic() - wall,
    }
    locked = locked_trips(planned.routes, tables["vehicles"], NOW, params.first_loading_min)
    merged = planned.routes[locked].merge(after.routes, how="left", indicator=True)
    if merged["_merge"].ne("both").any():
        return {**row, "broken": "a trip that was loading or under way has changed"}
    return {**row, "broken": unnamed(after, shipments)}


if __name__ == "__main__":
    sys.exit(main())
