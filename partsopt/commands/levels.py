"""``partsopt levels``: order-up-to levels of a data directory, and the exchange curve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from partsopt.commands.options import directory_argument, overrides_option, settings_option

if TYPE_CHECKING:
    import pandas as pd

    from partsopt.tables import Table

EXIT_QUARANTINED = 1
HERE = "<- you are here"
SHOWN = (0.0, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99, 0.995)  # service


@click.command(short_help="Set order-up-to levels, without a night.")
@directory_argument
@click.option(
    "--today",
    metavar="DATE",
    help="Day to plan, YYYY-MM-DD; default: run.today, else the machine's date. No record after it is used.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The Parquet file to write; with --curve the curve is written beside it, as NAME.curve.parquet.",
)
@click.option("--curve", "with_curve", is_flag=True, help="Draw service against money, for the network and each DC.")
@settings_option
@overrides_option
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON on stdout.")
def levels(
    directory: Path,
    today: str | None,
    output: Path,
    with_curve: bool,
    settings_file: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> int:
    """Set the review period and order-up-to level of every part at every site of DIRECTORY.

    Exit codes: 0 written; 1 written, some input rows refused; 2 input or settings refused, nothing
    written; 4 the file cannot be written; 64 wrong usage.
    """
    from partsopt.commands.failure import spoken_as_json

    with spoken_as_json(as_json):
        return _levels(directory, today, output, with_curve, settings_file, overrides, as_json)


def _levels(
    directory: Path,
    today: str | None,
    output: Path,
    with_curve: bool,
    settings_file: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> int:
    from partsopt.commands.options import day_of, read_all_settings
    from partsopt.commands.progress import shown_progress
    from partsopt.pipeline import plan_levels
    from partsopt.store.readers import read_inputs
    from partsopt.tables import EXCHANGE_CURVE, LEVELS_FILE, conform

    settings = read_all_settings(directory, settings_file, overrides)
    day = day_of(today or settings.run.today)
    with shown_progress(5) as watch:
        watch("read", "")
        inputs = read_inputs(directory, settings.read)
        watch("read", f"{sum(file.rows for file in inputs.files):,} rows, {len(inputs.rejects):,} refusals")
        made = plan_levels(inputs.tables, settings, day, watch, with_curve=with_curve).replenishment
    table = conform(made.levels[[*LEVELS_FILE.columns]], LEVELS_FILE)
    _write(table, LEVELS_FILE, output)
    curve_file = output.with_name(f"{output.stem}.curve.parquet") if with_curve else None
    if curve_file is not None:
        _write(made.exchange_curve, EXCHANGE_CURVE, curve_file)
    exit_code = EXIT_QUARANTINED if len(inputs.rejects) else 0
    _show(table, made.exchange_curve, made.solver_runs, output, curve_file, exit_code, as_json)
    return exit_code


def _write(table: pd.DataFrame, declared: Table, file: Path) -> None:
    """Write beside the file and rename, so that it is complete or as it was."""
    from partsopt.errors import StorageError
    from partsopt.store.writers import write_parquet

    part = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_parquet(table, declared, part)
        part.replace(file)
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error}. Give another --output.") from error


def _show(
    table: pd.DataFrame,
    curve: pd.DataFrame,
    solver_runs: pd.DataFrame,
    output: Path,
    curve_file: Path | None,
    exit_code: int,
    as_json: bool,
) -> None:
    money = float((table["order_up_to_level"] * table["unit_cost"]).sum())
    runs = solver_runs.loc[solver_runs["name"].str.startswith(("levels", "room")), ["name", "status", "gap", "why"]]
    said: dict[str, Any] = {
        "output": str(output),
        "rows": len(table),
        "stocked": int((table["order_up_to_level"] > 0).sum()),
        "money_in_levels": round(money, 2),
        "system": runs.to_dict(orient="records"),
        "curve": None if curve_file is None else str(curve_file),
        "here": [_here(scope, rows) for scope, rows in curve.groupby("scope", sort=True)],
        "exit_code": exit_code,
    }
    if as_json:
        import json

        click.echo(json.dumps(said, ensure_ascii=False, indent=2))
        return
    click.echo(f"{said['rows']:,} levels in {output}: {said['stocked']:,} above 0, worth {money:,.2f} at unit cost.")
    for run in said["system"]:
        click.echo(f"{run['name']}: {run['why']}.")
    if curve_file is None:
        return
    click.echo(f"Exchange curve in {curve_file}:")
    for scope in sorted(curve["scope"].unique(), key=lambda name: (name != "network", name)):
        rows = curve[curve["scope"] == scope]
        first = [int((rows["service"] >= share).to_numpy().argmax()) for share in SHOWN]
        shown = sorted({*first, int(rows["is_here"].to_numpy().argmax()), len(rows) - 1})
        click.echo(f"  {scope if scope == 'network' else f'{scope} with its dealers'}")
        click.echo(f"    {'money':>18}   service  what the next step down gives up, and what is full")
        for row in rows.iloc[shown].to_dict("records"):
            click.echo(f"    {row['money']:>18,.2f}  {row['service']:8.3%}  {_note(row)}")
        here = _here(scope, rows)
        click.echo(
            f"    the best levels serve {here['service_for_the_money']:.3%} for the money you have there, "
            f"or as much as you do for {here['money_for_the_service']:,.2f}; none serve more than {here['bound']:.3%}"
        )
        if here["room_takes"] > 0:
            click.echo(f"    the room of sites takes {here['room_takes']:.3%} of service for that money")


def _note(row: dict[str, Any]) -> str:
    """What the step down from a point gives up, which sites are full there, and what ends the curve."""
    if row["is_here"]:
        return HERE
    many = f"{row['pairs_lower']:,} level{'s' if row['pairs_lower'] != 1 else ''}"
    higher = f", {row['pairs_higher']:,} higher" if row["pairs_higher"] else ""
    lost = f"{many} lower{higher}; most {row['part_id']} at {row['site_id']}, {row['service_lost']:.3%}"
    note = lost if row["pairs_lower"] else "the floors"
    if row["full_sites"]:
        others = f" and {row['full_sites'] - 1} more are full" if row["full_sites"] > 1 else " is full"
        note += f"; {row['full_site_id']}{others}, 1 m3 there serves {row['service_per_m3']:.4%} more"
    return note + {"room": "; money buys no more, room does", "levels": "; the highest levels"}.get(
        row["stopped_by"], ""
    )


def _here(scope: str, rows: pd.DataFrame) -> dict[str, Any]:
    """Where one stands, and what the curve gives for that money and that service, straight between its points."""
    import numpy as np

    here = rows[rows["is_here"]].iloc[0]
    curve = rows[~rows["is_here"]] if len(rows) > 1 else rows  # where the floors find no room there is no curve
    money, service = curve["money"].to_numpy(), curve["service"].to_numpy()
    for_money, for_service = np.interp(here["money"], money, service), np.interp(here["service"], service, money)
    return {
        "scope": scope,
        "money": round(float(here["money"]), 2),
        "service": round(float(here["service"]), 6),
        "service_for_the_money": round(max(float(for_money), float(here["service"])), 6),
        "money_for_the_service": round(min(float(for_service), float(here["money"])), 2),
        "bound": round(float(here["bound"]), 6),
        "room_takes": round(float(here["room_takes"]), 6),
    }
