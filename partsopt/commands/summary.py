"""The summary of a night and of its inputs, as a parts manager reads it on a terminal or in a log."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from partsopt.store.readers import Inputs
from partsopt.tables import EXCEPTION_CODES

LOG_WIDTH = 110


def print_summary(kpis: dict[str, Any], rejects: pd.DataFrame, folder: Path) -> None:
    """Print what was ordered, promised, short, driven and out of the ordinary, and where the files are."""
    console = _console()
    console.print(f"\n[bold]Night of {kpis['today']}[/bold]\n")
    _print_orders(console, kpis["orders"])
    _print_transfers(console, kpis["transfers"])
    _print_service(console, kpis["service"], kpis["stock"])
    _print_excess(console, kpis["excess_actions"])
    _print_record(console, kpis["service_record"])
    _print_shortages(console, kpis["shortages"])
    _print_deliveries(console, kpis["deliveries"])
    _print_waiting(console, kpis["waiting"])
    _print_exceptions(console, kpis["exceptions"])
    if len(rejects):
        rows = rejects.drop_duplicates(["file", "line"])
        console.print(f"[bold red]{len(rows):,} input rows were refused[/bold red]: see rejects.csv.")
        for file, count in rows["file"].value_counts(sort=False).sort_index().items():
            console.print(f"  {file}: {count:,}")
    console.print(f"\nFiles of this run: {folder}", soft_wrap=True)
    console.print("  purchase_orders.csv  transfer_orders.csv  deliveries.csv  pick_lists.csv  exceptions.csv")
    console.print("  waiting.csv  excess_actions.csv  run_outs.csv\n")


def print_changes(changes: pd.DataFrame, most: int) -> None:
    """Print what a dispatch changed for whom."""
    console = _console()
    table = _table(["line", "for", "tier", "change", "before", "after", "why"])
    for row in changes.head(most).itertuples():
        late = " (late)" if row.is_late else ""
        table.add_row(row.line_id, row.site_id, row.tier, row.change + late, row.before, row.after, row.why)
    console.print(table)
    if len(changes) > most:
        console.print(f"{len(changes) - most:,} more in changes.csv.")


def print_inputs(inputs: Inputs) -> None:
    """Print each input file with its rows, and every refusal."""
    console = _console()
    console.print("[bold]Input tables[/bold]")
    table = _table(["table", "file", "rows", "refused"], numbers_from=2)
    for file in inputs.files:
        table.add_row(file.table, file.name, f"{file.rows:,}", f"{file.refused:,}")
    console.print(table)
    for note in inputs.notes:
        console.print(f"Note: {note}", soft_wrap=True, highlight=False)
    for reject in inputs.rejects.itertuples(index=False):
        column = f'{reject.column} is "{reject.value}"; it {reject.rule}' if reject.column else reject.rule
        console.print(
            f"{reject.file} line {reject.line}: {column}. Remedy: {reject.remedy}.",
            soft_wrap=True,
            highlight=False,
            markup=False,
        )
    if inputs.rejects.empty:
        console.print("Every row is accepted.")


def _print_orders(console: Console, orders: list[dict[str, Any]]) -> None:
    if not orders:
        console.print("No purchase orders tonight: every part reviewed today is at its level.\n")
        return
    console.print("[bold]Purchase orders[/bold]")
    table = _table(["site", "class", "lines", "pieces", "money"], numbers_from=2)
    for row in orders:
        table.add_row(row["site_id"], row["abc_class"], f"{row['lines']:,}", f"{row['pieces']:,}", _money(row["money"]))
    table.add_section()
    totals = [sum(row[name] for row in orders) for name in ("lines", "pieces", "money")]
    table.add_row("all", "", f"{totals[0]:,}", f"{totals[1]:,}", _money(totals[2]), style="bold")
    console.print(table)


def _print_transfers(console: Console, transfers: list[dict[str, Any]]) -> None:
    names = ["tier", "lines", "pieces", "value", "by vehicle", "by lane", "unserved", "waiting", "late"]
    console.print("[bold]Transfers to dealers and between sites[/bold]")
    table = _table(names, numbers_from=1)
    for row in transfers:
        counts = (row["by_vehicle"], row["by_lane"], row["unserved"], row["waiting"], row["late"])
        table.add_row(
            row["tier"],
            f"{row['lines']:,}",
            f"{row['pieces']:,}",
            _money(row["money"]),
            *(f"{one:,}" for one in counts),
        )
    console.print(table)


def _print_service(console: Console, service: list[dict[str, Any]], stock: list[dict[str, Any]]) -> None:
    names = ["sites", "class", "site-parts", "stocked", "promised fill rate", "demand on stocked parts"]
    console.print("[bold]Service promised[/bold]")
    table = _table(names, numbers_from=2)
    for row in service:
        shares = (_share(row["promised_fill_rate"]), _share(row["stocked_share_of_demand"]))
        table.add_row(row["site_kind"], row["abc_class"], f"{row['site_parts']:,}", f"{row['stocked']:,}", *shares)
    console.print(table)
    held = "; ".join(
        f"{row['site_kind']} {_money(row['stock_value'])}, of which excess {_money(row['excess_value'])}"
        for row in stock
    )
    console.print(f"Stock value: {held}\n", highlight=False)


def _print_excess(console: Console, actions: list[dict[str, Any]]) -> None:
    if not actions:
        return
    console.print("[bold]Excess stock: the best action for each line is in excess_actions.csv[/bold]")
    table = _table(["action", "lines", "pieces", "value", "saving"], numbers_from=1)
    for row in actions:
        counts = (f"{row['lines']:,}", f"{row['pieces']:,}", _money(row["value"]), _money(row["saving"]))
        table.add_row(row["action"], *counts)
    console.print(table)


def _print_record(console: Console, record: list[dict[str, Any]]) -> None:
    if not record:
        return
    console.print("[bold]Promised by past nights, and met from the shelf[/bold]")
    table = _table(["sites", "class", "pieces", "promised", "met", "give or take", "shortfall x"], numbers_from=2)
    for row in record:
        shares = (_share(row[name]) for name in ("promised_fill_rate", "realised_fill_rate", "standard_error"))
        factor = f"{row['shortfall_factor']:.2f}"
        table.add_row(row["site_kind"], row["abc_class"], f"{row['pieces']:,}", *shares, factor)
    console.print(table)


def _print_shortages(console: Console, shortages: list[dict[str, Any]]) -> None:
    if not shortages:
        console.print("No shortages: every request was met in full.\n")
        return
    console.print("[bold]Shortages: asked of a DC and not there[/bold]")
    table = _table(["tier", "lines", "pieces", "money"], numbers_from=1)
    for row in shortages:
        table.add_row(row["tier"], f"{row['lines']:,}", f"{row['pieces']:,}", _money(row["money"]))
    console.print(table)


def _print_deliveries(console: Console, deliveries: list[dict[str, Any]]) -> None:
    if not deliveries:
        console.print("Nothing to deliver.\n")
        return
    names = [
        "from",
        "vans",
        "trips",
        "stops",
        "km",
        "kg",
        "load",
        "cost",
        "lanes",
        "kg",
        "price",
        "unserved",
        "returns",
    ]
    console.print("[bold]Deliveries of the first day: own vehicles, carrier lanes[/bold]")
    table = _table(names, numbers_from=1)
    for row in deliveries:
        own = (
            f"{row['vehicles']}",
            f"{row['trips']}",
            f"{row['stops']}",
            f"{row['km']:,.0f}",
            f"{row['load_kg']:,.0f}",
        )
        lanes = (f"{row['lane_consignments']}", f"{row['lane_kg']:,.0f}", _money(row["lane_cost"]))
        load, cost = _share(row["mean_load_share"]), _money(row["vehicle_cost"])
        table.add_row(row["from"], *own, load, cost, *lanes, f"{row['unserved_lines']:,}", f"{row['returns_fetched']}")
    console.print(table)


def _print_waiting(console: Console, waiting: list[dict[str, Any]]) -> None:
    if not waiting:
        return
    console.print("[bold]Waiting for a later day: waiting.csv says why; the next night plans them again[/bold]")
    table = _table(["leaves on", "lines", "value", "by vehicle", "by lane"], numbers_from=1)
    for row in waiting:
        counts = (f"{row['by_vehicle']:,}", f"{row['by_lane']:,}")
        table.add_row(row["leaves_on"], f"{row['lines']:,}", _money(row["money"]), *counts)
    console.print(table)


def _print_exceptions(console: Console, exceptions: list[dict[str, Any]]) -> None:
    if not exceptions:
        console.print("No exceptions.\n")
        return
    console.print("[bold]Exceptions: lines to look at[/bold]")
    table = _table(["code", "lines", "new", "money", "what to do"])
    for name in ("lines", "new", "money"):
        next(column for column in table.columns if column.header == name).justify = "right"
    for row in exceptions:
        counts = (f"{row['lines']:,}", f"{row['new']:,}", _money(row["money"]))
        table.add_row(row["code"], *counts, EXCEPTION_CODES[row["code"]].action)
    console.print(table)


def _console() -> Console:
    return Console() if sys.stdout.isatty() else Console(width=LOG_WIDTH, no_color=True)


def _table(names: Sequence[str], numbers_from: int = 99) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(names):
        table.add_column(name, justify="right" if place >= numbers_from else "left")
    return table


def _money(value: float) -> str:
    return f"{value:,.0f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
