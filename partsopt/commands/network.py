"""``partsopt sample`` and ``partsopt init``: a network to try the night on."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from partsopt.commands.options import directory_argument


@click.command(short_help="Make a sample network of any size.")
@directory_argument
@click.option("--dcs", type=int, default=3, show_default=True, help="Distribution centres.")
@click.option("--dealers", type=int, default=12, show_default=True, help="Dealers.")
@click.option("--parts", type=int, help="Parts; default: 300, or with --like every series.")
@click.option("--months", type=int, help="Months of history; default: 24, or with --like all there is.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed: the same seed gives the same files.")
@click.option("--today", default="2026-11-02", show_default=True, help="The day the network is ready to plan.")
@click.option(
    "--like",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Parquet file of real demand (series_id, period, quantity): each series becomes a part's demand.",
)
@click.option(
    "--items",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Prices, lead times, minimums and packs of the --like series; default: FILE_items.parquet beside it.",
)
@click.option("--format", "file_format", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True)
@click.option("--force", is_flag=True, help="Replace the tables and settings that are there.")
def sample(
    directory: Path,
    dcs: int,
    dealers: int,
    parts: int | None,
    months: int | None,
    seed: int,
    today: str,
    like: Path | None,
    items: Path | None,
    file_format: Literal["csv", "parquet"],
    force: bool,
) -> int:
    """Make a sample network of any size in DIRECTORY: every input table and the settings."""
    from partsopt.commands.options import day_of
    from partsopt.sample import make_sample, read_like
    from partsopt.settings import settings_from, settings_text
    from partsopt.store.writers import write_tables

    _refuse_what_is_there(directory, force)
    day = day_of(today)
    if like is not None and items is None and (beside := like.with_name(f"{like.stem}_items.parquet")).exists():
        items = beside
        click.echo(f"Prices, lead times, minimums and packs are taken from {items.name}.", err=True)
    series = None if like is None else read_like(like, items)
    tables = make_sample(
        n_dcs=dcs,
        n_dealers=dealers,
        n_parts=parts if parts is not None or series is not None else 300,
        n_months=months if months is not None or series is not None else 24,
        seed=seed,
        today=day,
        like=series,
    )
    directory.mkdir(parents=True, exist_ok=True)
    for name in tables:
        for ending in ("csv", "parquet"):
            (directory / f"{name}.{ending}").unlink(missing_ok=True)
    zones = dict(zip(tables["sites"]["site_id"], tables["sites"]["time_zone"], strict=True))
    write_tables(directory, tables, format=file_format, zones=zones)
    period = "month" if series is None else series.period
    settings = settings_from({"run": {"today": day.isoformat(), "seed": seed}, "demand": {"period": period}})
    (directory / "settings.toml").write_text(settings_text(settings), encoding="utf-8", newline="\n")
    rows = sum(len(table) for table in tables.values())
    click.echo(f"{len(tables)} tables with {rows:,} rows in {directory}. Plan a night: partsopt run {directory}")
    return 0


@click.command(short_help="Begin a project that runs at once.")
@directory_argument
@click.pass_context
def init(context: click.Context, directory: Path) -> None:
    """Begin a project in DIRECTORY: a small sample network that runs at once, to be replaced by your files."""
    context.invoke(sample, directory=directory)


def _refuse_what_is_there(directory: Path, force: bool) -> None:
    from partsopt.errors import SettingsError
    from partsopt.tables import INPUT_TABLES

    names = ["settings.toml", *(f"{name}.{ending}" for name in INPUT_TABLES for ending in ("csv", "parquet"))]
    found = [name for name in names if (directory / name).exists()]
    if found and not force:
        listed = ", ".join(found[:5]) + (" and more" if len(found) > 5 else "")
        raise SettingsError(f"{directory} already holds {listed}; give another directory, or --force to replace them.")
