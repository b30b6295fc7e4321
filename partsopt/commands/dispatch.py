"""``partsopt dispatch``: late orders put into the day that a night planned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from partsopt.commands.verify import run_argument

if TYPE_CHECKING:
    import pandas as pd

    from partsopt.store.written import RunTables

MOST_SHOWN = 20
FIRST_TOLD = ("short", "off", "new")


@click.command(short_help="Put late orders into the day and plan its rest again.")
@run_argument
@click.argument("orders_file", metavar="ORDERS", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--now", metavar="MOMENT", help="When, such as 2026-11-02T10:40; default: the machine's clock.")
@click.option("--out", type=click.Path(path_type=Path), help="Where the run goes; default: beside RUN.")
@click.option("--encoding", type=click.Choice(["utf-8", "gb18030"]), help="Of ORDERS; default: as the night read it.")
@click.option("--json", "as_json", is_flag=True, help="Print what changed as JSON on stdout.")
def dispatch(
    place: Path, orders_file: Path, now: str | None, out: Path | None, encoding: str | None, as_json: bool
) -> int:
    """Serve the late urgent orders of ORDERS (columns of urgent_orders) on the day that RUN planned.

    RUN is the folder of a night or of an earlier dispatch, or a data directory: its newest dispatch of the current
    night is then meant, else the night. Trips under way or loading stay; the rest is planned again.
    The day as it then stands is published as a run of its own; runs/DISPATCHED names it.

    Exit codes: 0 published; 2 orders refused, nothing published; 4 storage failed; 5 another run holds the lock.
    """
    from partsopt.commands.failure import spoken_as_json

    with spoken_as_json(as_json):
        return _dispatch(place, orders_file, now, out, encoding, as_json)


def _dispatch(
    place: Path, orders_file: Path, now: str | None, out: Path | None, encoding: str | None, as_json: bool
) -> int:
    from partsopt.dispatch import dispatch_orders
    from partsopt.store.late_orders import moment_of, read_late_orders
    from partsopt.store.lock import run_lock
    from partsopt.store.runs import publish_dispatch
    from partsopt.store.written import dispatched_folder, read_for_dispatch

    folder = dispatched_folder(place)
    runs = out or folder.parent
    with run_lock(runs):
        run = read_for_dispatch(folder)
        at = moment_of(now, run.used["sites"], run.used["holidays"], run.today, run.dispatched_at)
        orders, sha256 = read_late_orders(orders_file, run, at, encoding)
        done = dispatch_orders(run.before(orders), run.used, orders, run.settings, today=run.today, now=at)
        published = publish_dispatch(runs, done, run, orders_file.name, sha256, at)
    _show(published, done.tables["changes"], run, at, as_json)
    return 0


def _show(folder: Path, changes: pd.DataFrame, run: RunTables, at: pd.Timestamp, as_json: bool) -> None:
    counts = changes["change"].value_counts()
    said: dict[str, Any] = {
        "run_id": folder.name,
        "folder": str(folder),
        "changes_run": run.folder.name,
        "now": at.isoformat(),
        "changes": {str(name): int(counts[name]) for name in sorted(counts.index)},
    }
    if as_json:
        import json

        rows = changes.astype(object).where(changes.notna(), None).to_dict("records")
        rows = [
            {name: value if not hasattr(value, "isoformat") else value.isoformat() for name, value in row.items()}
            for row in rows
        ]
        click.echo(json.dumps({**said, "lines": rows}, ensure_ascii=False, indent=2))
        return
    from partsopt.commands.summary import print_changes

    place = changes["change"].map({name: place for place, name in enumerate(FIRST_TOLD)}).fillna(len(FIRST_TOLD))
    told = changes.assign(place=place).sort_values(["place", "is_late", "line_id"], ascending=[True, False, True])
    print_changes(told, MOST_SHOWN)
    counted = ", ".join(f"{count} {name}" for name, count in said["changes"].items()) or "nothing"
    click.echo(f"Changed: {counted}. Files of this dispatch: {folder}")
