"""``partsopt run``: plan one night and publish it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from partsopt.commands.options import directory_argument, overrides_option, settings_option
from partsopt.errors import InputError

if TYPE_CHECKING:
    from partsopt.settings import ReadParams
    from partsopt.store.readers import Inputs

EXIT_QUARANTINED = 1
EXIT_FALLBACK = 3


@click.command(short_help="Plan one night and publish its orders.")
@directory_argument
@click.option("--today", metavar="DATE", help="Day to plan, YYYY-MM-DD; default: run.today, else the machine's date.")
@click.option("--out", type=click.Path(path_type=Path), help="Where runs go; default: DIRECTORY/runs.")
@settings_option
@overrides_option
@click.option("--json", "as_json", is_flag=True, help="Print the night's figures as JSON on stdout.")
def run(
    directory: Path,
    today: str | None,
    out: Path | None,
    settings_file: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> int:
    """Plan the night of the input tables in DIRECTORY and publish its orders.

    Exit codes: 0 published; 1 published, some input rows refused; 2 input or settings refused,
    nothing published; 3 published on a solver's fallback; 4 storage failed; 5 another run holds
    the lock; 64 wrong usage.
    """
    from partsopt.commands.failure import spoken_as_json

    with spoken_as_json(as_json):
        return _run(directory, today, out, settings_file, overrides, as_json)


def _run(
    directory: Path,
    today: str | None,
    out: Path | None,
    settings_file: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> int:
    from partsopt.commands.options import day_of, read_all_settings
    from partsopt.commands.progress import shown_progress
    from partsopt.pipeline import STAGES, plan_night
    from partsopt.store.lastnight import read_last_night
    from partsopt.store.lock import run_lock
    from partsopt.store.memory import keep_memory
    from partsopt.store.promises import read_past_promises
    from partsopt.store.roads import on_roads
    from partsopt.store.runs import publish_plan, run_id_of

    keep_memory()
    settings = read_all_settings(directory, settings_file, overrides)
    day = day_of(today or settings.run.today)
    runs = out or directory / "runs"
    with run_lock(runs), shown_progress(len(STAGES) + 2) as watch:
        watch("read", "")
        inputs = _read_or_keep_refused(directory, runs, settings.read)
        promises, past = read_past_promises(
            runs, inputs.tables["demand_lines"], inputs.tables["sites"], day, settings.replenish.record_days
        )
        rows = sum(file.rows for file in inputs.files)
        watch("read", f"{rows:,} rows of {len(inputs.files)} tables, {len(inputs.rejects):,} refusals")
        before, carried = read_last_night(runs, day)
        known = {**inputs.tables, **before, "past_promises": promises}
        inputs = inputs._replace(tables=known, files=(*inputs.files, *past, *carried))
        inputs = on_roads(inputs, settings.routing, runs / ".roads")
        plan = plan_night(inputs.tables, inputs.rejects, settings, day, watch)
        watch("write", "")
        run_id = run_id_of(inputs.files, settings, day)
        folder = publish_plan(runs, run_id, plan, inputs, settings)
        watch("write", str(folder))
    exit_code = EXIT_FALLBACK if plan.on_fallback else EXIT_QUARANTINED if len(inputs.rejects) else 0
    _show(plan.kpis, inputs, folder, exit_code, as_json)
    return exit_code


def _read_or_keep_refused(directory: Path, runs: Path, params: ReadParams) -> Inputs:
    from partsopt.store.readers import read_inputs
    from partsopt.store.runs import keep_refused

    try:
        return read_inputs(directory, params)
    except InputError as error:
        if error.rejects is not None and len(error.rejects):
            click.echo(f"All refused rows are in {keep_refused(runs, error.rejects)}.", err=True)
        raise


def _show(kpis: dict[str, Any], inputs: Inputs, folder: Path, exit_code: int, as_json: bool) -> None:
    from partsopt.commands.summary import print_summary

    if as_json:
        import json

        said = {"run_id": folder.name, "folder": str(folder), "exit_code": exit_code, **kpis}
        click.echo(json.dumps(said, ensure_ascii=False, indent=2))
        return
    print_summary(kpis, inputs.rejects, folder)
    for note in inputs.notes:
        click.echo(f"Note: {note}")
