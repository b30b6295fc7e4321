"""``partsopt forecast``: the distribution of demand for any long series, without a night around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from partsopt.commands.levels import EXIT_QUARANTINED

if TYPE_CHECKING:
    from partsopt.forecast.predictive import Array, Predictive
    from partsopt.store.series import ForecastRows, LongDemand
    from partsopt.store.series_items import SeriesItems

MAX_HORIZON = 1_000
MAX_LEVELS = 100
MAX_FIGURES = 300_000_000


@click.command(short_help="Forecast long series from and to Parquet.")
@click.option(
    "--demand",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Parquet (or CSV) file: series_id, period (a date, its first day), quantity (pieces).",
)
@click.option(
    "--period", required=True, type=click.Choice(["month", "week", "day"]), help="Length of a period of the file."
)
@click.option(
    "--horizon",
    required=True,
    metavar="N",
    type=click.IntRange(1, MAX_HORIZON),
    help="Periods ahead that are forecast.",
)
@click.option(
    "--levels",
    default="0.5,0.9,0.95,0.99",
    show_default=True,
    metavar="LIST",
    help="Levels of the quantiles, each above 0 and below 1.",
)
@click.option("--output", required=True, metavar="FILE", type=click.Path(path_type=Path), help="Parquet file to write.")
@click.option("--per-period", is_flag=True, help="A row per series and period ahead, instead of the total of all N.")
@click.option(
    "--items",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Parquet file: series_id with part_group, unit_cost (or price), or both; like borrows from like.",
)
@click.option(
    "--by-value", is_flag=True, help="Learn most from series that move most money (needs unit_cost of items)."
)
@click.option("--learner", "with_learner", is_flag=True, help="Average in gradient boosting (needs partsopt[ml]).")
@click.option(
    "--max-rejected-share",
    default=0.02,
    show_default=True,
    metavar="SHARE",
    type=click.FloatRange(0, 1),
    help="Refuse a file when a larger share of its rows breaks a rule; 0: when any does.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON on stdout.")
def forecast(
    demand: Path,
    period: str,
    horizon: int,
    levels: str,
    output: Path,
    per_period: bool,
    items: Path | None,
    by_value: bool,
    with_learner: bool,
    max_rejected_share: float,
    as_json: bool,
) -> int:
    """Forecast every series of a long demand file: mean, spread and whole-piece quantiles.

    A row is the total over the next N periods after the file's last period, or with --per-period one period ahead.
    A period without a row after a series' first row is zero demand; a blank quantity is not known. Rows that break a
    rule, such as a second one of a series and period, go to rejects.csv beside the output; the others are forecast.
    So do rows of the items file, whose series have then no group or cost.

    Exit codes: 0 written; 1 written without rows that were refused; 2 input refused, no forecast written; 4 storage
    failed; 64 wrong usage.
    """
    from partsopt.commands.failure import spoken_as_json

    wanted = levels_of(levels)
    if output.exists() and output.resolve() in {file.resolve() for file in (demand, items) if file is not None}:
        raise click.UsageError(f"--output {output} is an input too; give another file.")
    if by_value and items is None:
        raise click.UsageError("--by-value needs --items with unit_cost (or price).")
    with spoken_as_json(as_json):
        history, known = _read(demand, period, items, max_rejected_share, output)
        return _forecast(
            demand, history, period, horizon, wanted, output, per_period, items, known, by_value, with_learner, as_json
        )


def _read(
    file: Path, period: str, items_file: Path | None, max_rejected_share: float, output: Path
) -> tuple[LongDemand, SeriesItems | None]:
    """The demand, and what items say; what was refused of either goes to rejects.csv beside the output."""
    from partsopt.errors import InputError
    from partsopt.store.memory import keep_memory
    from partsopt.store.series import read_long_demand, write_rejects
    from partsopt.store.series_items import read_items

    keep_memory()
    items, refused = None, []
    try:
        history = read_long_demand(file, period, max_rejected_share)
        refused.append((file, history.refusals))
        if items_file is not None:
            items = read_items(items_file, history.series_ids, max_rejected_share)
            refused.append((items_file, items.refusals))
    except InputError as error:
        rejects = [refusals.rejects() for _, refusals in refused if len(refusals)]
        rejects += [] if error.rejects is None else [error.rejects]
        if rejects:
            click.echo(f"All refused rows are in {write_rejects(output, rejects)}.", err=True)
        raise
    refused = [(given, refusals) for given, refusals in refused if len(refusals)]
    if refused:
        written = write_rejects(output, [refusals.rejects() for _, refusals in refused])
        for given, refusals in refused:
            click.echo(f"{len(refusals):,} rows of {given.name} were refused; they are in {written}:", err=True)
            for violation in refusals.named():
                click.echo(f"  {violation}", err=True)
    return history, items


def levels_of(text: str) -> dict[str, float]:
    """Levels by the text they were asked for.

    Examples
    --------
    >>> levels_of("0.5, 0.90")
    {'0.5': 0.5, '0.90': 0.9}
    """
    levels: dict[str, float] = {}
    for part in text.split(","):
        said = part.strip()
        try:
            level = float(said)
        except ValueError:
            raise click.UsageError(f'--levels: "{said}" is no number; give numbers such as 0.5,0.9,0.95.') from None
        if not 0 < level < 1:
            raise click.UsageError(f"--levels: {said} must be above 0 and below 1, such as 0.95.")
        if level in levels.values():
            raise click.UsageError(f"--levels: {said} is there twice; give each level once.")
        levels[said] = level
    if len(levels) > MAX_LEVELS:
        raise click.UsageError(f"--levels: {len(levels)} levels; give at most {MAX_LEVELS}.")
    return levels


def _forecast(
    file: Path,
    history: LongDemand,
    period: str,
    horizon: int,
    levels: dict[str, float],
    output: Path,
    per_period: bool,
    items_file: Path | None,
    items: SeriesItems | None,
    by_value: bool,
    with_learner: bool,
    as_json: bool,
) -> int:
    from partsopt.errors import InputError
    from partsopt.forecast.predictive import fit_predictive
    from partsopt.store.series import write_series_forecasts

    n_figures = len(history.series_ids) * len(levels) * (horizon if per_period else 1)
    if n_figures > MAX_FIGURES:
        raise InputError(
            f"{file.name} has {len(history.series_ids):,} series; with {horizon:,} periods of {len(levels)} levels "
            f"each that is {n_figures:,} figures, more than {MAX_FIGURES:,}. Ask for fewer, or split the file."
        )
    if by_value and items is not None and items.value is None and items_file is not None:
        raise InputError(f"{items_file.name} has no unit_cost (or price), which --by-value needs. Add the column.")
    learnt_period = _learnt_like(period)
    groups = {} if items is None else _groups(items)
    predictive = fit_predictive(
        history.demand,
        starts=history.starts,
        groups=groups,
        value=None if items is None or not by_value else _usage_value(history.demand, items.value),
        period=learnt_period,
    )
    rising, back = _rising(levels)
    quantiles, is_learnt = _quantiles(
        history.demand, predictive, horizon, rising, per_period, learnt_period, groups if with_learner else None
    )
    method = predictive.method + " and learner" if is_learnt else predictive.method
    blocks = (_steps if per_period else _totals)(history, predictive, horizon, levels, quantiles[..., back], method)
    n_rows = write_series_forecasts(output, blocks)
    _show(history, items, method, output, n_rows, as_json)
    if with_learner and not is_learnt and not as_json:
        click.echo(
            "Note: the learner did not help, or the history is too short for it; the pooled forecast stands alone."
        )
    return _exit_code(history, items)


def _exit_code(history: LongDemand, items: SeriesItems | None) -> int:
    n_refused = len(history.refusals) + (0 if items is None else len(items.refusals))
    return EXIT_QUARANTINED if n_refused else 0


def _learnt_like(period: str) -> str:
    """Days are learnt like weeks: by count of periods."""
    return "month" if period == "month" else "week"


def _groups(items: SeriesItems) -> dict[str, Array]:
    """What series have in common, a code for each: part group and tenth of the prices."""
    import numpy as np

    from partsopt.forecast.pooled_blocks import price_bands

    groups = {} if items.groups is None else {"part_group": items.groups}
    if items.value is not None and np.isfinite(items.value).any():
        known = np.isfinite(items.value)
        bands = np.full(len(known), -1)
        bands[known] = price_bands(items.value[known])
        groups["price_band"] = bands
    return groups


def _usage_value(demand: Array, unit_cost: Array | None) -> Array | None:
    """Money a period each series moves; a cost that is not given is the usual one."""
    import numpy as np

    if unit_cost is None:
        return None
    usual = float(np.nanmedian(unit_cost)) if np.isfinite(unit_cost).any() else 1.0
    pieces = np.nan_to_num(demand).sum(axis=1) / np.maximum(np.isfinite(demand).sum(axis=1), 1)
    return np.where(np.isfinite(unit_cost), unit_cost, usual) * pieces


def _quantiles(
    demand: Array,
    predictive: Predictive,
    horizon: int,
    rising: list[float],
    per_period: bool,
    period: str,
    groups: dict[str, Array] | None,
) -> tuple[Array, bool]:
    """Quantiles (series, levels) or (series, steps, levels), and whether the learner has a part in them.

    The learner is wanted where there are ``groups``, be they empty.
    """
    import numpy as np

    if groups is not None:
        from partsopt.forecast.learner import learn_steps, learn_totals

        learn = learn_steps if per_period else learn_totals
        learnt = learn(predictive, demand, horizon, rising, period=period, groups=groups)
        return learnt.quantiles, learnt.is_learnt
    if per_period:
        steps = range(1, horizon + 1)
        return np.stack([predictive.step_quantiles(step, rising) for step in steps], axis=1), False
    return predictive.quantiles(horizon, rising), False


def _totals(
    history: LongDemand,
    predictive: Predictive,
    horizon: int,
    levels: dict[str, float],
    quantiles: Array,
    method: Array,
) -> Iterator[ForecastRows]:
    from partsopt.store.series import blocks_of_series, forecast_block

    mean, sd = predictive.mean(horizon), predictive.sd(horizon)
    for rows in blocks_of_series(len(mean)):
        yield forecast_block(
            history.series_ids[rows],
            mean=mean[rows],
            sd=sd[rows],
            method=method[rows],
            levels=levels,
            quantiles=quantiles[rows],
        )


def _steps(
    history: LongDemand,
    predictive: Predictive,
    horizon: int,
    levels: dict[str, float],
    quantiles: Array,
    method: Array,
) -> Iterator[ForecastRows]:
    import numpy as np

    from partsopt.store.series import blocks_of_series, forecast_block, repeated_ids

    steps = range(1, horizon + 1)
    mean = np.stack([predictive.step_mean(step) for step in steps], axis=1)
    sd = np.stack([predictive.step_sd(step) for step in steps], axis=1)
    for rows in blocks_of_series(len(mean), horizon):
        n_series = rows.stop - rows.start
        yield forecast_block(
            repeated_ids(history.series_ids, rows, horizon),
            mean=mean[rows].ravel(),
            sd=sd[rows].ravel(),
            method=np.repeat(method[rows], horizon),
            levels=levels,
            quantiles=quantiles[rows].reshape(-1, len(levels)),
            step=np.tile(np.arange(1, horizon + 1), n_series),
        )


def _rising(levels: dict[str, float]) -> tuple[list[float], list[int]]:
    """The levels in rising order, and where each level asked for is among them."""
    rising = sorted(levels.values())
    return rising, [rising.index(level) for level in levels.values()]


def _show(
    history: LongDemand,
    items: SeriesItems | None,
    method: Array,
    output: Path,
    n_rows: int,
    as_json: bool,
) -> None:
    import numpy as np

    from partsopt.completeness import seen_at_the_end

    names, counts = np.unique(method, return_counts=True)
    said: dict[str, Any] = {
        "output": str(output),
        "rows": n_rows,
        "series": len(history.series_ids),
        "periods": history.demand.shape[1],
        "first_on": history.first_on.isoformat(),
        "last_on": history.last_on.isoformat(),
        "rows_read": history.n_rows,
        "blank_quantities": history.n_missing,
        "fractional_quantities": history.n_fractional,
        "older_periods_left_out": history.n_periods_left_out,
        "series_with_items": 0 if items is None else items.n_known,
        "methods": dict(zip(names.tolist(), counts.tolist(), strict=True)),
        "cut_periods": len(seen_at_the_end((history.demand > 0).sum(axis=0), _learnt_like(history.period))),
        "refused_rows": len(history.refusals),
        "refused_items": 0 if items is None else len(items.refusals),
        "exit_code": _exit_code(history, items),
    }
    if as_json:
        import json

        click.echo(json.dumps(said, ensure_ascii=False, indent=2))
        return
    methods = ", ".join(f"{name} {count:,}" for name, count in said["methods"].items())
    click.echo(
        f"{said['series']:,} series to {said['last_on']} ({said['rows_read']:,} rows of {history.file}) forecast in "
        f"{output}: {n_rows:,} rows. Methods: {methods}."
    )
    if said["blank_quantities"]:
        click.echo(f"Note: {said['blank_quantities']:,} blank quantities were taken as not known.")
    if said["fractional_quantities"]:
        click.echo(
            f"Note: {said['fractional_quantities']:,} quantities are not whole; they were used as they are, and the "
            "quantiles are whole pieces all the same. Count such parts in a smaller unit for finer quantiles."
        )
    if said["cut_periods"]:
        click.echo(
            f"Note: the last {said['cut_periods']} periods hold hardly any row with demand. They count as they are; "
            "if the export was cut there, leave them out, or leave their quantities blank."
        )
    if said["older_periods_left_out"]:
        click.echo(f"Note: the oldest {said['older_periods_left_out']:,} periods were not used.")
    if items is not None and items.n_known < len(history.series_ids):
        click.echo(f"Note: {len(history.series_ids) - items.n_known:,} series are not in the items file.")
