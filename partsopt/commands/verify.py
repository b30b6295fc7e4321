"""``partsopt verify``: a published run recomputed from its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from partsopt.store.written import WrongLine

EXIT_WRONG = 1
MOST_PRINTED = 100

run_argument = click.argument("place", metavar="RUN", type=click.Path(path_type=Path, file_okay=False, exists=True))


@click.command(short_help="Recompute a published run from its files.")
@run_argument
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON on stdout.")
def verify(place: Path, as_json: bool) -> int:
    """Recompute every quantity, load, time, window, cost and promise of RUN from its files, without any solver.

    RUN is the folder of a run, or a data directory, whose current run is then meant.

    Exit codes: 0 everything is right; 1 lines are wrong, each is named; 4 the folder holds no run.
    """
    from partsopt.commands.failure import spoken_as_json

    with spoken_as_json(as_json):
        return _verify(place, as_json)


def _verify(place: Path, as_json: bool) -> int:
    from partsopt.routing.recheck import recheck_run
    from partsopt.store.written import all_wrong, read_run, run_before, run_folder

    run = read_run(run_folder(place))
    before, now = run_before(run)
    found = recheck_run(run.tables, today=run.today, params=run.settings.routing, before=before, now=now)
    recomputed = [run.line_of(one.table, one.row, one.column, one.computed, one.rule) for one in found.wrong]
    wrong = all_wrong(run.wrong, recomputed)
    exit_code = EXIT_WRONG if wrong else 0
    if as_json:
        import json
        from dataclasses import asdict

        said = {
            "run_id": run.folder.name,
            "exit_code": exit_code,
            "wrong": [asdict(one) for one in wrong],
            "files": len(run.manifest["files"]),
            "checked": found.checked,
        }
        click.echo(json.dumps(said, ensure_ascii=False, indent=2))
        return exit_code
    _say(run.folder, wrong, len(run.manifest["files"]), found.checked)
    return exit_code


def _say(folder: Path, wrong: list[WrongLine], n_files: int, checked: dict[str, int]) -> None:
    counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in checked.items())
    if not wrong:
        click.echo(f"{folder.name} is right: {n_files} files as published; recomputed {counts}.")
        return
    for one in wrong[:MOST_PRINTED]:
        click.echo(str(one))
    if len(wrong) > MOST_PRINTED:
        click.echo(f"... and {len(wrong) - MOST_PRINTED:,} more; --json lists all.")
    click.echo(f"{folder.name}: {len(wrong):,} {'value is' if len(wrong) == 1 else 'values are'} wrong.", err=True)
