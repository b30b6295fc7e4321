"""Accuracy, coverage and speed of the forecast on real demand, beside the field's methods.

    python -m benchmarks.forecast --data DIR --out forecast.csv [--peers] [--learner]

reads every Parquet file of DIR with series_id, period and qty (or quantity); a file NAME_items.parquet beside it
gives lead times (lead_time_weeks). Four protocols, none of which shows a method its hold-out:

* ``dist``: origins every 3 periods over the last 12, total of the next 3. Pinball loss over the mean absolute first
  difference before the first origin; the tail is the mean over 0.9, 0.95 and 0.99. Series without variation before
  the first origin are left out, as are totals with a blank period.
* ``gift`` (months, 51 or more): the last 12 periods one by one from all before; weighted quantile loss, mean over
  0.1 to 0.9, of series without a blank. Zero for all is 1.000.
* ``lead`` (with items): the total over each part's lead time and one period, 4 origins, 3 periods apart.
* ``long``: totals as in ``dist`` every 3 periods over the last half of the history, at most 20 origins, for ours and
  the baselines that are cheap. No method sees what came after an origin, but constants of ours were chosen on what
  lies before the last 12 periods.

Where the last periods of a set hold so few rows with demand that its extract was cut
(``partsopt/completeness.py``: less than 0.4 of the median of the year before, unless the same weeks of the year before
were as low), ``dist uncut`` and so on leave out the totals that reach into them, beside the rows that count all.
Methods see what they saw.

All parts of a set move together, so few origins tell little of a bias: the note gives it origin by origin, and
``bias_se`` its standard error by origins (with four, a bias of nothing is within 3.2 of them in 95 of 100 sets; totals
of ``lead`` overlap, so theirs is too small).

``--peers`` adds statsforecast's intermittent models and conformal bounds, in an environment of their own
(.venv-peers, made when it is not there: statsforecast needs an older pandas than we do).
"""

from __future__ import annotations

import argparse
import itertools
import math
import operator
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from benchmarks.baselines import BASELINES
from benchmarks.rows import write_rows
from partsopt.completeness import seen_at_the_end
from partsopt.store.memory import keep_memory

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Totals: TypeAlias = Callable[[Array, int, Array, Array], tuple[Array, Array]]

OURS = "ours"
LEARNER = "ours with learner"
SEASON = {"month": 12, "week": 52, "day": 7}
HELD_OUT, AHEAD, STEPS = 12, 3, 12
MOST_ORIGINS = 20
TAIL = (0.9, 0.95, 0.99)
FIVE = (0.5, 0.8, 0.9, 0.95, 0.99)
TENTHS = tuple(round(0.1 * k, 1) for k in range(1, 10))
FINE = np.unique(
    np.round(np.concatenate([np.arange(0.01, 1, 0.01), TAIL, [0.992, 0.995, 0.997, 0.998, 0.999, 0.9995]]), 6)
)
PEAK = """
import sys
from partsopt.commands import answer
code = answer(sys.argv[1:])
try:
    status = open("/proc/self/status").read()
    print(int(status.split("VmHWM:")[1].split()[0]) / 1024, file=sys.stderr)
except OSError:
    print(0, file=sys.stderr)
sys.exit(code)
"""
COLUMNS = (
    "stage", "dataset", "n_series", "method", "series_per_s", "peak_rss_mb", "wql_mean", "mase", "spl_tail",
    "cov_0.9", "cov_0.95", "cov_0.99", "cum_bias", "note", "pit_0.9", "pit_0.95", "pit_0.99", "bias_se",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Real demand of one set: (series, periods), NaN where blank or before the first row."""

    name: str
    period: str
    demand: Array
    lead_periods: Array | None


def main(arguments: list[str] | None = None) -> int:
    options = parsed(arguments)
    rows: list[dict[str, object]] = []
    for case in cases_of(options.data, options.series) if options.data else ():
        methods = dict(methods_of(case.period, options.learner))
        peers = None
        if options.peers:
            from benchmarks.peers_forecast import peers_of

            peers = peers_of(case)
        for stage in (totals_rows, steps_rows, lead_rows, long_rows):
            said = list(stage(case, methods, peers))
            for _, alike in itertools.groupby(said, key=operator.itemgetter("stage")):
                print_rows(list(alike))
            rows += said
    if options.data and not rows:
        raise SystemExit(f"{options.data} has no Parquet file with series_id, period and qty or quantity.")
    if options.speed:
        said = list(speed_rows(options.speed, options.peers))
        print_rows(said)
        rows += said
    write_rows(rows, COLUMNS, options.out)
    return 0


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forecast", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of Parquet files of demand")
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    parser.add_argument("--series", type=int, help="only this many series of each set, evenly spread")
    parser.add_argument("--peers", action="store_true", help="statsforecast beside ours, in .venv-peers")
    parser.add_argument("--learner", action="store_true", help="the optional learner too: partsopt[ml]")
    parser.add_argument("--speed", type=int, metavar="N", help="also time N generated series of 36 months")
    options = parser.parse_args(arguments)
    if options.data is None and options.speed is None:
        parser.error("give --data, --speed or both")
    return options


# the demand ----------------------------------------------------------------------------------------------------


def cases_of(folder: Path, n_series: int | None = None) -> Iterator[Case]:
    """Every set of demand in a folder, by name."""
    for file in sorted(folder.glob("*.parquet")):
        table = pd.read_parquet(file)
        quantity = next((name for name in ("quantity", "qty") if name in table), None)
        if quantity is None or not {"series_id", "period"} <= set(table):
            continue
        names = table["dataset"].astype(str) if "dataset" in table else pd.Series(file.stem, index=table.index)
        for name, rows in table.groupby(names, sort=True):
            yield case_of(str(name), rows, quantity, file.with_name(f"{file.stem}_items.parquet"), n_series)


def case_of(name: str, rows: pd.DataFrame, quantity: str, items: Path, n_series: int | None) -> Case:
    period, number = period_numbers(rows["period"])
    series, ids = pd.factorize(rows["series_id"], sort=True)
    number -= number.min()
    first = np.full(len(ids), number.max() + 1)
    np.minimum.at(first, series, number)
    demand = np.zeros((len(ids), int(number.max()) + 1))
    demand[np.arange(demand.shape[1]) < first[:, None]] = np.nan
    demand[series, number] = rows[quantity].to_numpy(dtype=np.float64, na_value=np.nan)
    lead = None
    if items.exists():
        given = pd.read_parquet(items).set_index("series_id")
        if f"lead_time_{period}s" in given:
            lead = given[f"lead_time_{period}s"].reindex(ids).to_numpy(dtype=np.float64, na_value=np.nan)
    if n_series is not None and n_series < len(ids):
        kept = np.linspace(0, len(ids) - 1, n_series).astype(int)
        demand, lead = demand[kept], None if lead is None else lead[kept]
    return Case(name, period, demand, lead)


def period_numbers(values: pd.Series) -> tuple[str, Array]:
    """The kind of period and each row's number: 2024-05, w001, m01, or dates a day, a week or a month apart."""
    kinds, texts = pd.factorize(values.astype(str).str.strip())
    match = [re.fullmatch(r"([wmd])\s*(\d+)", text, re.IGNORECASE) for text in texts]
    if all(match):
        kind = {"w": "week", "m": "month", "d": "day"}[match[0][1].lower()]
        return kind, np.array([int(one[2]) for one in match])[kinds]
    days = np.array([text[:10] + "-01" * (len(text) == 7) for text in texts], dtype="datetime64[D]").astype(np.int64)
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    apart = np.diff(np.unique(days))
    if len(apart) and (apart % 7 == 0).all():
        return "week", ((days - days.min()) // 7)[kinds]
    if len(apart) and apart.min() >= 28:
        return "month", months[kinds]
    return "day", days[kinds]


# the methods ---------------------------------------------------------------------------------------------------


def methods_of(period: str, with_learner: bool) -> Iterator[tuple[str, Totals]]:
    yield OURS, lambda *given: ours(period, False, *given)
    if with_learner:
        yield LEARNER, lambda *given: ours(period, True, *given)
    yield from BASELINES.items()


def ours(
    period: str, with_learner: bool, history: Array, season: int, horizon: Array, levels: Array
) -> tuple[Array, Array]:
    del season
    fitted = fit(history, period)
    if not with_learner:
        return fitted.mean(horizon), fitted.quantiles(horizon, levels)
    from partsopt.forecast.learner import learn_totals

    quantiles = np.empty((len(history), len(levels)), dtype=np.int64)
    for ahead in np.unique(horizon):
        rows = horizon == ahead
        quantiles[rows] = learn_totals(fitted, history, int(ahead), levels, period=period).quantiles[rows]
    return fitted.mean(horizon), quantiles


def fit(history: Array, period: str) -> Any:
    from partsopt.forecast.predictive import fit_predictive

    starts = np.where(np.isfinite(history).any(axis=1), np.isfinite(history).argmax(axis=1), history.shape[1] - 1)
    return fit_predictive(history, starts=starts, period="month" if period == "month" else "week")


def ours_by_steps(history: Array, period: str, with_learner: bool, levels: Array) -> Array:
    fitted = fit(history, period)
    if with_learner:
        from partsopt.forecast.learner import learn_steps

        return learn_steps(fitted, history, STEPS, levels, period=period).quantiles
    return np.stack([fitted.step_quantiles(step, levels) for step in range(1, STEPS + 1)], axis=1)


# the protocols -------------------------------------------------------------------------------------------------


def totals_rows(case: Case, methods: dict[str, Totals], peers: Any) -> Iterator[dict[str, object]]:
    n_periods = case.demand.shape[1]
    first = n_periods - HELD_OUT
    if first < 6:
        return
    origins = [(first + k, np.full(len(case.demand), AHEAD)) for k in range(0, HELD_OUT, AHEAD)]
    yield from scored(case, "dist", methods, origins, first, None if peers is None else peers.totals(origins))


def lead_rows(case: Case, methods: dict[str, Totals], peers: Any) -> Iterator[dict[str, object]]:
    if case.lead_periods is None:
        return
    known = np.isfinite(case.lead_periods)
    horizon = np.where(known, np.nan_to_num(case.lead_periods), 0.0).astype(int) + 1
    n_periods, longest = case.demand.shape[1], int(horizon[known].max())
    first = n_periods - longest - 9
    if first < 6:
        return
    origins = [(first + k, horizon) for k in range(0, HELD_OUT, AHEAD)]
    left_out = Case(case.name, case.period, np.where(known[:, None], case.demand, np.nan), None)
    yield from scored(left_out, "lead", methods, origins, first, None if peers is None else peers.totals(origins))


def long_rows(case: Case, methods: dict[str, Totals], peers: Any) -> Iterator[dict[str, object]]:
    """The totals of ``dist`` at all origins of the last half, as many as tell whether four were chance."""
    del peers
    n_periods = case.demand.shape[1]
    n_origins = min(n_periods // 2 // AHEAD, MOST_ORIGINS)
    first = n_periods - n_origins * AHEAD
    if n_origins <= HELD_OUT // AHEAD or first < 6:
        return
    cheap = {name: method for name, method in methods.items() if name not in (LEARNER, "zero", "pooled prototype")}
    origins = [(first + k * AHEAD, np.full(len(case.demand), AHEAD)) for k in range(n_origins)]
    yield from scored(case, "long", cheap, origins, first, None)


def scored(
    case: Case, stage: str, methods: dict[str, Totals], origins: list[tuple[int, Array]], first: int, peers: Any
) -> Iterator[dict[str, object]]:
    """One row a method of totals after origins, on the series that vary before the first origin."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a mean of nothing is NaN, and left out below
        scale = np.nanmean(np.abs(np.diff(case.demand[:, :first], axis=1)), axis=1)
    actual = np.stack([totals_after(case.demand, *origin) for origin in origins])
    kept = (np.nan_to_num(scale) > 0) & np.isfinite(actual).any(axis=0)
    answers: dict[str, tuple[Array, Array, float]] = {}
    for name, method in methods.items():
        said = [method(case.demand[:, :origin], SEASON[case.period], horizon, FINE) for origin, horizon in origins]
        began = time.perf_counter()  # everything is compiled and warm by now; five levels, as a user asks for
        method(case.demand[:, :first], SEASON[case.period], origins[0][1], np.array(FIVE))
        seconds = time.perf_counter() - began
        answers[name] = np.stack([mean for mean, _ in said]), np.stack([quantile for _, quantile in said]), seconds
    yield from scores(case, stage, actual, scale, kept, answers, peers or {})
    whole = case.demand.shape[1] - n_cut(case)
    ends_whole = np.stack([origin + horizon <= whole for origin, horizon in origins])
    if not ends_whole.all():
        yield from scores(
            case, f"{stage} uncut", np.where(ends_whole, actual, np.nan), scale, kept, answers, peers or {}
        )


def n_cut(case: Case) -> int:
    """Periods at the end whose rows with demand are so few that the set was cut there, by the rule of the night."""
    lines = (np.nan_to_num(case.demand) > 0).sum(axis=0)
    return len(seen_at_the_end(lines, "month" if case.period == "month" else "week"))


def scores(
    case: Case,
    stage: str,
    actual: Array,
    scale: Array,
    kept: Array,
    answers: dict[str, tuple[Array, Array, float]],
    peers: dict[str, tuple[Array, Array, float]],
) -> Iterator[dict[str, object]]:
    """One row a method: ours and the baselines give quantiles at all fine levels, peers at those of the tail."""
    n_origins, n_series = actual.shape
    for name, (mean, quantile, seconds) in answers.items():
        is_point = name in ("zero", "seasonal naive")
        yield {
            **head(case, stage, int(kept.sum()), name, n_series / max(seconds, 1e-9)),
            **tail_of(actual, quantile, FINE, scale, kept),
            **({} if is_point else pit_of(actual, quantile, kept)),
            **bias_of(actual, mean, kept),
        }
    for name, (mean, quantile, seconds) in peers.items():
        has_bounds = bool(np.isfinite(quantile).all())
        bias = bias_of(actual, mean, kept)
        if not has_bounds:
            bias["note"] = f"bias of CrostonSBA; {bias['note']}"
        yield {
            **head(case, stage, int(kept.sum()), name, n_series * n_origins / max(seconds, 1e-9)),
            **(tail_of(actual, quantile, np.array(TAIL), scale, kept) if has_bounds else {}),
            **bias,
        }


def steps_rows(case: Case, methods: dict[str, Totals], peers: Any) -> Iterator[dict[str, object]]:
    del peers
    if case.period != "month" or case.demand.shape[1] < 51:
        return
    whole = np.isfinite(case.demand).all(axis=1)
    history, actual = case.demand[:, :-STEPS], case.demand[whole, -STEPS:]
    levels = np.array(TENTHS)
    one = np.ones(len(history), dtype=int)
    for name, method in methods.items():
        began = time.perf_counter()
        if name in (OURS, LEARNER):
            quantiles = ours_by_steps(history, case.period, name == LEARNER, levels)
        elif name == "seasonal naive":
            last = np.nan_to_num(history[:, -STEPS:])
            quantiles = np.repeat(last[:, :, None], len(levels), axis=2)
        else:
            quantiles = np.repeat(method(history, 12, one, levels)[1][:, None, :], STEPS, axis=1)
        seconds = time.perf_counter() - began
        losses = [pinball(actual, quantiles[whole, :, k], level).sum() for k, level in enumerate(levels)]
        wql = float(np.mean(losses) * 2 / np.abs(actual).sum())
        yield {
            **head(case, "gift", int(whole.sum()), name, len(history) / max(seconds, 1e-9)),
            "wql_mean": round(wql, 4),
        }


def head(case: Case, stage: str, n_series: int, name: str, speed: float) -> dict[str, object]:
    return {"stage": stage, "dataset": case.name, "n_series": n_series, "method": name, "series_per_s": round(speed, 1)}


# speed ----------------------------------------------------------------------------------------------------------


def speed_rows(n_series: int, with_peers: bool) -> Iterator[dict[str, object]]:
    """Series a second on generated demand: ours on arrays, ours by the command from Parquet to Parquet, the peers."""
    generator = np.random.default_rng(1)
    rate = generator.gamma(0.5, 1.0, (n_series, 1))
    case = Case("generated 36 months", "month", generator.poisson(rate, (n_series, 36)).astype(float), None)
    horizon, levels = np.full(n_series, AHEAD), np.array(FIVE)
    ours("month", False, case.demand[:1000], 12, horizon[:1000], levels)  # compiled
    keep_memory()  # as the command does
    took = []
    for _ in range(5):
        began = time.perf_counter()
        ours("month", False, case.demand, 12, horizon, levels)
        took.append(time.perf_counter() - began)
    on_arrays = n_series / min(took)
    note = f"fit and five quantiles, on arrays, best of 5; the slowest {n_series / max(took):,.0f}"
    yield {**head(case, "speed", n_series, OURS, on_arrays), "note": note}
    seconds, memory = command_seconds(case.demand)
    yield {
        **head(case, "speed", n_series, "partsopt forecast", n_series / seconds),
        "peak_rss_mb": round(memory),
        "note": f"Parquet to Parquet, {seconds:.2f} s with process start",
    }
    if not with_peers:
        return
    from benchmarks.peers_forecast import Peers

    fewer = min(n_series, 3000)
    for name, (_, _, spent) in Peers(case.demand[:fewer]).totals([(36, horizon[:fewer])]).items():
        speed = fewer / max(spent, 1e-9)
        yield {
            **head(case, "speed", fewer, name, speed),
            "note": f"table interface; ours on arrays is {on_arrays / speed:,.0f} times as fast, "
            f"the whole command {n_series / seconds / speed:,.0f} times",
        }


def command_seconds(demand: Array) -> tuple[float, float]:
    """Seconds and peak memory (MB) of the whole command as a process, the better of two."""
    months = np.arange("2023-01", "2026-01", dtype="datetime64[M]").astype("datetime64[D]")
    names = [f"DC{k % 3}/P{k:07d}" for k in range(len(demand))]
    columns = {"series_id": np.repeat(names, 36), "period": np.tile(months, len(demand)), "quantity": demand.ravel()}
    took = []
    with tempfile.TemporaryDirectory(prefix="partsopt-speed-") as folder:
        given = Path(folder) / "demand.parquet"
        pd.DataFrame(columns).to_parquet(given, index=False)
        arguments = ["--demand", str(given), "--period", "month", "--horizon", "3", "--levels", "0.5,0.8,0.9,0.95,0.99"]
        for _ in range(2):
            began = time.perf_counter()
            command = [sys.executable, "-c", PEAK, "forecast", *arguments, "--output", f"{folder}/out.parquet"]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            took.append((time.perf_counter() - began, float(done.stderr.split()[-1])))
    return min(took)


# the scores ----------------------------------------------------------------------------------------------------


def totals_after(demand: Array, origin: int, horizon: Array) -> Array:
    """Total of each series over its horizon after the origin; NaN where a period of it is blank."""
    ends = np.arange(demand.shape[1])
    wanted = (ends >= origin) & (ends < origin + horizon[:, None])
    return np.where(wanted, demand, 0.0).sum(axis=1)


def pinball(actual: Array, quantile: Array, level: float) -> Array:
    short = actual - quantile
    return np.maximum(level * short, (level - 1) * short)


def tail_of(actual: Array, quantiles: Array, levels: Array, scale: Array, kept: Array) -> dict[str, object]:
    said, losses = {}, []
    known = np.isfinite(actual) & kept
    for level in TAIL:
        quantile = quantiles[:, :, int(np.flatnonzero(levels == level)[0])]
        losses.append(float((pinball(actual, quantile, level) / np.where(kept, scale, 1.0))[known].mean()))
        said[f"cov_{level}"] = round(float((actual <= quantile)[known].mean()), 4)
    return {"spl_tail": round(math.fsum(losses) / len(losses), 4), **said}


def pit_of(actual: Array, quantiles: Array, kept: Array) -> dict[str, object]:
    """Coverage of the randomised probability integral transform: whole pieces cover by no more than they should.

    A demand below the quantile is covered, one above is not; one equal to it is covered for the share of its own
    probability that lies below the level. Probabilities are read off the fine quantiles.
    """
    said = {}
    known = np.isfinite(actual) & kept
    for level in TAIL:
        quantile = quantiles[:, :, int(np.flatnonzero(level == FINE)[0])][known]
        rising, seen = quantiles[known], actual[known]
        below = at_most(rising, np.ceil(quantile) - 1)
        upto = np.maximum(at_most(rising, quantile), level)
        share = np.clip((level - below) / np.maximum(upto - below, 1e-9), 0.0, 1.0)
        said[f"pit_{level}"] = round(
            float(np.where(seen < quantile, 1.0, np.where(seen > quantile, 0.0, share)).mean()), 4
        )
    return said


def at_most(rising: Array, pieces: Array) -> Array:
    """Probability of at most so many pieces, from quantiles at the fine levels."""
    count = (rising <= pieces[:, None]).sum(axis=1)
    return np.concatenate([[0.0], FINE])[count]


def bias_of(actual: Array, mean: Array, kept: Array) -> dict[str, object]:
    """Forecast over what came, less one: of all origins together, its standard error by origins, and of each origin.

    The standard error is that of a ratio of sums over origins (Cochran 1977, Sampling Techniques, chapter 6); one
    origin has none.
    """
    known = np.isfinite(actual) & kept
    counted = known.any(axis=1)
    told, came = np.where(known, mean, 0.0).sum(axis=1)[counted], np.where(known, actual, 0.0).sum(axis=1)[counted]
    n_origins, ratio = len(came), told.sum() / came.sum()
    by_origin = " ".join(
        f"{one / real - 1:+.1%}" if real > 0 else "none came" for one, real in zip(told, came, strict=True)
    )
    said: dict[str, object] = {"cum_bias": round(float(ratio - 1), 4), "note": f"bias by origin {by_origin}"}
    if n_origins > 1:
        squares = float(((told - ratio * came) ** 2).sum())
        said["bias_se"] = round(math.sqrt(squares * n_origins / (n_origins - 1)) / float(came.sum()), 4)
    return said


def print_rows(rows: list[dict[str, object]]) -> None:
    if not rows:
        return
    print(f"{rows[0]['dataset']}, {rows[0]['stage']}, {rows[0]['n_series']} series")
    names = [name for name in COLUMNS if name not in ("stage", "dataset", "n_series", "method", "note")]
    names = [name for name in names if any(row.get(name, "") != "" for row in rows)]
    width = max(len(str(row["method"])) for row in rows)
    print("  " + "".ljust(width) + "".join(f"{name:>14}" for name in names))
    for row in rows:
        figures = "".join(f"{row.get(name, '')!s:>14}" for name in names)
        print(f"  {str(row['method']).ljust(width)}{figures}  {row.get('note', '')}".rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
