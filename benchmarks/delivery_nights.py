"""Rules of delivery plans on many generated nights: tier law, loads, releases, windows, and every reason proven.

    python -m benchmarks.delivery_nights --nights 2000 --out nights.csv

draws small nights with tight windows, too few vans, releases over the morning, some lanes and all tiers, every second
one planned by the compiled search, every third for three days together;
half of them with two windows a day, rests by law, dealers that collect
themselves and returns. A plan that breaks a load, time, release, window, shift or cost is refused by
``routing/verify.py`` and is a row ``broken``. Beyond that each night is held to three laws: every line once; planned
without its lower tiers no tier has fewer lines left or late; every parcel no vehicle takes is out of reach, or fits
nowhere even without the lower tiers, and every change its reason names admits it when it is applied. One row for
each night; exit code 2 where any law is broken.
"""

from __future__ import annotations

import argparse
import random
import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pandas as pd

from benchmarks.deliveries import Searched, on_board
from benchmarks.rows import write_table
from partsopt.errors import NoPlan
from partsopt.routing import reasons
from partsopt.routing import search as search_module
from partsopt.routing.found import Found
from partsopt.routing.given import Given
from partsopt.routing.insertion import cheapest_place
from partsopt.routing.plan import plan_deliveries
from partsopt.routing.search import search_day
from partsopt.routing.stops import RETURN_RANK
from partsopt.routing.timetable import Broken, DayProblem, times_of_day
from partsopt.settings import RoutingParams
from partsopt.tables import TIERS
from tests.routing.nights import MONDAY, random_night


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.delivery_nights", description="Laws of delivery plans.")
    parser.add_argument("--nights", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="number of the first night")
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    options = parser.parse_args(arguments)
    rows = pd.DataFrame([row_of(seed) for seed in range(options.first, options.first + options.nights)])
    write_table(rows, options.out)
    broken = rows[rows["broken"].ne("")]
    print(f"{len(rows)} nights, {rows['lines'].sum()} lines, {rows['unserved'].sum()} unserved, "
          f"{rows['changes'].sum()} changes applied, {len(broken)} nights broken")  # fmt: skip
    for row in broken.itertuples():
        print(f"night {row.night}: {row.broken}")
    return 2 if len(broken) else 0


def row_of(seed: int) -> dict[str, object]:
    """One night, its size and the first law it breaks."""
    draw = random.Random(seed)  # noqa: S311 -- nights to test, not secrets
    tables = random_night(
        seed, n_dealers=draw.randint(3, 7), n_vans=draw.randint(1, 4), n_lines=draw.randint(5, 16),
        lane_share=draw.choice([0.0, 0.3, 0.7]), with_docks=seed % 4 > 1,
    )  # fmt: skip
    params = RoutingParams(
        stock_within_working_days=3 if seed % 3 == 0 else 1,
        solution_limit=60,
        iterations_per_parcel=40,
        compiled_from_parcels=1 if seed % 2 else 1000,
        unloading_s_per_piece=draw.choice([0, 30]),
        rest_after_driving_min=draw.choice([0, 60, 240]) if seed % 4 > 1 else 0,
    )
    row = {"night": seed, "lines": len(tables["shipments"]), "unserved": 0, "changes": 0, "broken": ""}
    days: list[Searched] = []

    def remembered(problem: DayProblem, given: RoutingParams) -> Found:
        days.append(Searched(problem, search_day(problem, given)))
        return days[-1].found

    try:
        with mock.patch.object(search_module, "search_day", remembered):
            planned = plan_deliveries(Given(**tables), today=MONDAY, params=params, seed=1).delivery_lines
        lowest = draw.randrange(len(TIERS) - 1)
        kept = tables["shipments"]["tier"].isin(TIERS[: lowest + 1])
        fewer = {**tables, "shipments": tables["shipments"][kept].reset_index(drop=True)}
        alone = plan_deliveries(Given(**fewer), today=MONDAY, params=params, seed=1).delivery_lines
    except NoPlan as refused:
        return {**row, "broken": str(refused)}
    row["unserved"] = int(planned["carried_by"].eq("unserved").sum())
    if sorted(planned["line_id"]) != sorted(tables["shipments"]["line_id"]):
        return {**row, "broken": "a line is not in the plan once"}
    tier_of = tables["shipments"].set_index("line_id")["tier"]
    if let_down(planned, tier_of, lowest) > let_down(alone, tier_of, lowest):
        return {**row, "broken": f"tiers down to {TIERS[lowest]} are worse off for those below"}
    for day in days:
        row["changes"] = int(str(row["changes"])) + sum(map(len, _changes(day).values()))
        row["broken"] = row["broken"] or unproven(day)
    return row


def let_down(lines: pd.DataFrame, tier_of: pd.Series, lowest: int) -> list[tuple[int, int]]:
    """Lines unserved and late of each tier, the most urgent first: compared like words."""
    tier = lines["line_id"].map(tier_of)
    return [
        (int((tier.eq(one) & lines["carried_by"].eq("unserved")).sum()), int((tier.eq(one) & lines["is_late"]).sum()))
        for one in TIERS[: lowest + 1]
    ]


def _changes(day: Searched) -> dict[int, list[reasons.Change]]:
    names = [f"V{number}" for number in range(len(day.problem.vans))]
    return {
        one: reasons.changes_that_admit(day.problem, one, day.found.trips, day.found.latest_s, names)
        for one, each in enumerate(day.problem.deliveries)
        if each.vehicles
        and each.lane_cost is None
        and each.tier != RETURN_RANK
        and one not in on_board(day.found.trips)
    }


def unproven(day: Searched) -> str:
    """The first thing said of a parcel left out that does not hold; blank where everything holds."""
    problem, found = day
    names = [f"V{number}" for number in range(len(problem.vans))]
    for one, each in enumerate(problem.deliveries):
        if not each.vehicles and reasons.out_of_reach(problem, one, names) is None:
            return f"delivery {one} is within reach"
    for one, changes in _changes(day).items():
        higher = tuple(
            tuple(
                kept
                for trip in trips
                if (kept := tuple(o for o in trip if problem.deliveries[o].tier <= problem.deliveries[one].tier))
            )
            for trips in found.trips
        )
        if cheapest_place(problem, one, higher, found.latest_s) is not None:
            return f"delivery {one} would fit without the lower tiers"
        for change in changes:
            vans = tuple(change.van if v == change.vehicle else van for v, van in enumerate(problem.vans))
            changed = replace(problem, vans=vans)
            times = [times_of_day(changed, v, trips, found.latest_s) for v, trips in enumerate(change.trips)]
            if any(isinstance(each, Broken) for each in times):
                return f"delivery {one}: {change.says} does not admit it"
            if on_board(change.trips) != on_board(found.trips) | {one}:
                return f"delivery {one}: {change.says} puts another one off"
    return ""


if __name__ == "__main__":
    sys.exit(main())
