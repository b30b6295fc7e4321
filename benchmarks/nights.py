"""Night after night: a network is planned by ``partsopt run``, lives through the day, and is planned again.

    python -m benchmarks.nights --directory D --nights 30 --out nights.csv

takes a data directory as ``cli.py sample`` makes it and begins so many days before the day it was made for: demand of
those days is held back and comes true (``nights_world.py``). Every morning the tables are written as an ERP would, the
night is run by its command, its published files are imported, and the day passes: orders come by their lead times,
transfers leave and arrive as planned, customers are served or wait.

``nights.csv`` has a row for each night, ``nights_service.csv`` what was asked for and met beside what was promised, by
kind of site, class and order type, ``nights_exceptions.csv`` lines and money by code and how many were there the night
before. Laws held every night: pieces add up, no shelf below nothing, no order number twice, nothing ordered that
shelf and open orders cover; with ``--again K`` every K-th night is run again with its proposals imported and must order
nothing. Exit code 2 where one is broken.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.command import answered
from benchmarks.nights_world import Day, World, begin, import_run, live_day, read_proposals, write_morning
from benchmarks.rows import write_table
from partsopt.settings import read_settings
from partsopt.store.publish import current_run
from partsopt.tables import SITE_PART

PUBLISHED = (0, 1, 3)
WEEKLY = {
    "order_lines": "sum", "order_value": "sum", "transfer_lines": "sum", "unserved": "sum", "late": "sum",
    "put_off": "mean", "waiting": "mean", "stock_dc": "last", "stock_dealer": "last", "on_order": "last",
    "owed": "last",
    "worth_of_levels": "last", "lines": "sum", "lines_met": "sum", "pieces": "sum", "pieces_met": "sum",
    "levels_changed": "mean", "levels_moved": "mean", "exceptions": "mean", "delivery_cost": "sum",
}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nights", description="A network night after night.")
    parser.add_argument("--directory", type=Path, required=True, help="a data directory; it is not changed")
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1, help="of lead times and bookings")
    parser.add_argument("--again", type=int, default=0, metavar="K", help="run every K-th night again; 0: none")
    parser.add_argument("--format", choices=("csv", "parquet"), default="parquet", help="of the tables written")
    parser.add_argument("--keep", type=Path, help="where tables and runs are kept; default: nowhere")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="partsopt-nights-") as folder:
        nights = lived(options, options.keep or Path(folder))
    for ending, table in zip(("", "_service", "_exceptions"), nights, strict=True):
        write_table(table, options.out.with_stem(options.out.stem + ending))
    print(by_week(nights[0]).to_string(float_format=lambda value: f"{value:,.3f}"))
    broken = nights[0][nights[0]["broken"].ne("")]
    for row in broken.itertuples():
        print(f"{row.day}: {row.broken}")
    return 2 if len(broken) else 0


def lived(options: argparse.Namespace, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Rows of all nights: figures, service and exceptions."""
    settings = read_settings(options.directory / "settings.toml", {})
    world = begin(options.directory, options.nights, options.seed, date.fromisoformat(settings.run.today))
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(options.directory / "settings.toml", folder / "settings.toml")
    rows, service, exceptions = [], list[pd.DataFrame](), list[pd.DataFrame]()
    last: Path | None = None
    for night in range(options.nights):
        today = world.day
        write_morning(world, folder, options.format)
        code, run = planned(folder, folder / "runs", today, options.settings)
        broken = covered(world, run)
        if options.again and night % options.again == options.again - 1:
            broken += ordered_again(world, folder, run, options)
        figures = figures_of_morning(world) | figures_of_run(world, run, last)
        broken += import_run(world, run)
        day = live_day(world)
        service.append(service_of(world, day, run).assign(night=night + 1, day=today))
        told = exceptions_of_run(run, last)
        exceptions.append(told.assign(night=night + 1, day=today))
        row = {"night": night + 1, "day": today, "exit_code": code, **figures, **figures_of_day(day)}
        row["exceptions"], row["exceptions_again"] = told["lines"].sum(), told["again"].sum()
        row["broken"] = "; ".join([*broken, *day.broken])
        rows.append(row)
        print(f"{today}: {figures['order_lines']} order lines, {figures['transfer_lines']} transfers"
              + (f"; {row['broken']}" if row["broken"] else ""), file=sys.stderr)  # fmt: skip
        last = run
    keyed = ["night", "day"]
    return (
        pd.DataFrame(rows),
        *(
            pd.concat(one, ignore_index=True)[[*keyed, *one[0].columns.drop(keyed)]]
            for one in (service, exceptions)
        ),
    )  # fmt: skip


def planned(directory: Path, runs: Path, today: date, settings: Sequence[str]) -> tuple[int, Path]:
    """Run a night by its command; its exit code and folder."""
    arguments = ["run", str(directory), "--today", today.isoformat(), "--out", str(runs)]
    code, run = answered(arguments, settings, PUBLISHED), current_run(runs)
    if run is None:
        raise SystemExit(f"partsopt run of {today} answered {code} and published nothing")
    return code, run


def ordered_again(world: World, folder: Path, run: Path, options: argparse.Namespace) -> list[str]:
    """Run the night again with its proposals imported: what it orders then would be ordered twice."""
    runs = folder / "runs-again"
    runs.mkdir(exist_ok=True)
    for earlier in (folder / "runs").iterdir():
        if earlier.is_dir() and earlier != run and not (runs / earlier.name).exists():
            (runs / earlier.name).symlink_to(earlier.resolve(), target_is_directory=True)
    write_morning(world, folder, options.format, read_proposals(run).open_orders)
    _, again = planned(folder, runs, world.day, options.settings)
    twice = read_proposals(again).open_orders
    return [f"run again it orders {row.quantity} of {row.part_id} for {row.site_id}" for row in twice.itertuples()]


def covered(world: World, run: Path) -> list[str]:
    """Stock lines ordered though shelf and open orders within the protection interval reach the level.

    Counted from the world's own books: what lies there and comes in time, less what is owed, booked, and asked of a DC
    tonight. Numbers that replace others are left out, whose pieces count for one another.
    """
    levels = pd.read_parquet(run / "levels.parquet").assign(place=lambda rows: world.places(rows))
    requests = pd.read_parquet(run / "requests.parquet")
    purchases = read_proposals(run).purchases
    plain = ~purchases["why"].str.contains("Last buy")
    lines = pd.concat([purchases.loc[plain, SITE_PART], requests.loc[requests["tier"].eq("stock"), SITE_PART]])
    lines = lines.drop_duplicates().merge(levels, on=SITE_PART, validate="1:1")
    family = world.tables["supersessions"][["old_part_id", "new_part_id"]].to_numpy().ravel()
    lines = lines[~lines["part_id"].isin(family)].reset_index(drop=True)
    until = pd.Timestamp(world.day) + pd.to_timedelta(np.ceil(lines["protection_days"]), unit="D")
    n = len(world.on_hand)

    def within(rows: pd.DataFrame, day: str) -> np.ndarray:
        """Pieces of rows up to the end of each line's interval."""
        known = lines.assign(until=until)[[*SITE_PART, "until"]].reset_index(names="row")
        known = known.merge(rows[[*SITE_PART, day, "quantity"]], on=SITE_PART)
        known = known[known[day] <= known["until"]]
        return np.bincount(known["row"], known["quantity"], len(lines))

    asked_of = np.bincount(world.places(requests, "source_id"), requests["quantity"], n)
    urgent = np.bincount(world.places(world.urgent), world.urgent["quantity"], n)
    booked = world.truth[world.truth["booked_on"] <= pd.Timestamp(world.day)]
    booked = booked[booked["demanded_on"] >= pd.Timestamp(world.day)]
    at = lines["place"].to_numpy()
    position = world.on_hand[at] + within(world.orders, "due_on") - world.backordered[at]
    position = position - within(booked, "demanded_on") - asked_of[at] - urgent[at] - world.promised()[at]
    over = lines[position >= lines["order_up_to_level"]]
    return [f"{row.part_id} at {row.site_id} is ordered though it is covered" for row in over.itertuples()]


def figures_of_morning(world: World) -> dict[str, object]:
    """Value on shelves and on order, and what is owed, before the day."""
    cost = world.tables["parts"]["unit_cost"].to_numpy()
    value = world.on_hand.reshape(len(world.sites), -1) * cost
    worth = world.orders["quantity"] * cost[world.parts.get_indexer(world.orders["part_id"])]
    between = world.orders["source_id"].isin(world.sites)
    waits = world.orders["status"].eq("proposed")
    return {
        "stock_dc": float(value[world.is_dc].sum()),
        "stock_dealer": float(value[~world.is_dc].sum()),
        "on_order": float(worth[~between].sum()),
        "moving": float(worth[between & ~waits].sum()),
        "waiting": int(waits.sum()),
        "owed": int(world.backordered.sum()),
        "urgent_owed": int(world.urgent["quantity"].sum()),
        "stockouts": int(world.stockouts["until_on"].isna().sum()),
    }


def figures_of_run(world: World, run: Path, last: Path | None) -> dict[str, object]:
    """Order lines, what waits, what deliveries cost, and how far levels moved since the night before."""
    purchases, transfers = read_proposals(run)
    delivered = pd.read_parquet(run / "delivery_lines.parquet")
    routes = pd.read_parquet(run / "routes.parquet", columns=["cost"])
    requests = pd.read_parquet(run / "requests.parquet")
    put_off = pd.read_parquet(run / "put_off.parquet")
    record = pd.read_parquet(run / "service_record.parquet", columns=["shortfall_factor"])
    shortages = pd.read_parquet(run / "shortages.parquet", columns=["shortage"])
    cost = world.tables["parts"]["unit_cost"].to_numpy()[world.parts.get_indexer(transfers["part_id"])]
    since = (pd.Timestamp(world.day) - pd.to_datetime(put_off["since_on"])).dt.days
    return {
        "order_lines": len(purchases),
        "order_value": float(purchases["order_value"].sum()),
        "requests": len(requests),
        "transfer_lines": len(transfers),
        "transfer_value": float((transfers["quantity"] * cost).sum()),
        "short": int(shortages["shortage"].sum()),
        "unserved": int(transfers["carried_by"].eq("unserved").sum()),
        "late": int(delivered["is_late"].sum()),
        "delivery_cost": float(routes["cost"].sum() + delivered["cost"].sum()),
        "put_off": len(put_off),
        "put_off_days": int(since.max()) if len(since) else 0,
        "least_factor": float(record["shortfall_factor"].min()) if len(record) else 1.0,
        **levels_moved(run, last),
    }


def levels_moved(run: Path, last: Path | None) -> dict[str, object]:
    """Worth of levels, the share of stocked pairs whose level is another than last night, and by how much money.

    ``levels_restless`` are those whose level changed though it is for the same two reviews as last night's.
    """
    names = [*SITE_PART, "is_stocked", "order_up_to_level", "unit_cost", "reviewed_on", "next_review_on"]
    now = pd.read_parquet(run / "levels.parquet", columns=names)
    worth = float((now["order_up_to_level"] * now["unit_cost"]).sum())
    if last is None:
        nothing = dict.fromkeys(("levels_changed", "levels_restless", "levels_up", "levels_down", "levels_moved"), 0.0)
        return {
            "worth_of_levels": worth,
            **nothing,
            "kept": int(now["is_stocked"].sum()),
            "kept_new": 0,
            "kept_no_more": 0,
        }
    before = pd.read_parquet(last / "levels.parquet", columns=names)
    both = before.merge(now, on=SITE_PART, how="outer", suffixes=("_before", ""), validate="1:1")
    was, now_is = (both[name].eq(True) for name in ("is_stocked_before", "is_stocked"))
    level, level_before = both["order_up_to_level"].fillna(0), both["order_up_to_level_before"].fillna(0)
    change = (level - level_before) * both["unit_cost"].fillna(both["unit_cost_before"])
    kept = was | now_is
    same = both["reviewed_on"].eq(both["reviewed_on_before"]) & both["next_review_on"].eq(both["next_review_on_before"])
    return {
        "worth_of_levels": worth,
        "levels_changed": float((level.ne(level_before) & kept).sum() / kept.sum()),
        "levels_restless": float((level.ne(level_before) & kept & same).sum() / max((kept & same).sum(), 1)),
        "levels_up": float(change.clip(lower=0).sum()),
        "levels_down": float(-change.clip(upper=0).sum()),
        "levels_moved": float(change.abs().sum() / worth),
        "kept": int(now_is.sum()),
        "kept_new": int((now_is & ~was).sum()),
        "kept_no_more": int((was & ~now_is).sum()),
    }


def figures_of_day(day: Day) -> dict[str, object]:
    """Lines and pieces asked for and met from the shelf, and how long urgent orders waited."""
    return {
        "lines": len(day.asked),
        "lines_met": int(day.asked["met"].eq(day.asked["quantity"]).sum()),
        "pieces": int(day.asked["quantity"].sum()),
        "pieces_met": int(day.asked["met"].sum()),
        "urgent_served": len(day.urgent_days),
        "urgent_days": float(np.mean(day.urgent_days)) if day.urgent_days else np.nan,
    }


def service_of(world: World, day: Day, run: Path) -> pd.DataFrame:
    """What was asked for and met by kind of site, class and order type, and what its levels promised."""
    names = [*SITE_PART, "abc_class", "is_stocked", "promised_fill_rate"]
    latest = world.parts[world.latest()]
    asked = day.asked.assign(part_id=latest[world.parts.get_indexer(day.asked["part_id"])])
    rows = asked.merge(pd.read_parquet(run / "levels.parquet", columns=names), on=SITE_PART, how="left", validate="m:1")
    kind = np.where(world.is_dc, "dc", "dealer")[world.sites.get_indexer(rows["site_id"])]
    rows = rows.assign(
        site_kind=kind,
        abc_class=rows["abc_class"].fillna("").where(rows["is_stocked"].eq(True), "not kept"),
        promised=rows["promised_fill_rate"].fillna(0.0) * rows["quantity"],
        is_met=rows["met"].eq(rows["quantity"]),
    )
    return rows.groupby(["site_kind", "abc_class", "order_type"], as_index=False).agg(
        lines=("quantity", "size"), lines_met=("is_met", "sum"), pieces=("quantity", "sum"),
        pieces_met=("met", "sum"), pieces_promised=("promised", "sum"),
    )  # fmt: skip


def exceptions_of_run(run: Path, last: Path | None) -> pd.DataFrame:
    """Lines and money by code, and how many of the lines were told the night before of the same site, part and line."""
    key = ["code", *SITE_PART, "line_id"]
    now = pd.read_parquet(run / "all_exceptions.parquet")
    before = pd.read_parquet(last / "all_exceptions.parquet", columns=key) if last else now.iloc[:0][key]
    now = now.merge(before.drop_duplicates().assign(again=True), on=key, how="left", validate="m:1")
    now["again"] = now["again"].eq(True)
    return now.groupby("code", as_index=False).agg(
        lines=("what", "size"), money=("money", "sum"), again=("again", "sum")
    )


def by_week(nights: pd.DataFrame) -> pd.DataFrame:
    """Nights by sevens: sums of what flows, the last of what stands, means of shares."""
    week = ((nights["night"] - 1) // 7 + 1).rename("week")
    table = nights.groupby(week).agg(WEEKLY)
    met = table["pieces_met"] / table["pieces"]
    return table.drop(columns=["pieces", "pieces_met"]).assign(unit_fill=met)


if __name__ == "__main__":
    sys.exit(main())
