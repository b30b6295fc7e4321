"""What the night makes of the forecast over other horizons than a month, beside the forecast object itself.

    python -m benchmarks.horizons --data DIR [--out FILE]

The last 12 periods of every real set are cut away first, as in ``benchmarks.choices``; generated demand stands beside.
From up to four origins the total over several horizons is told in four ways: by the mean and the variance to mean of a
month alone (one of each for every horizon), by those with the market's steps and the variance's growth (what the night
does), by a negative binomial of the forecast object's own mean and variance at that horizon, and by the object itself,
which averages its ratio table in. Loss is scaled pinball, mean over 0.8, 0.9, 0.95 and 0.99.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks.choices import sets_of
from benchmarks.forecast import fit, pinball, totals_after
from benchmarks.rows import write_rows
from partsopt.forecast.distribution import quantile
from partsopt.forecast.pooled import History
from partsopt.forecast.pooled_blocks import pooled_means

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

LEVELS = np.array([0.8, 0.9, 0.95, 0.99])
HORIZONS = {"month": (1, 2, 3, 6, 9), "week": (1, 2, 4, 8, 17)}
APART = {"month": 3, "week": 6}
MOST_ORIGINS = 4
WAYS = ("a month's for all", "the night", "negative binomial", "forecast object")
COLUMNS = ("set", "horizon", "way", "loss", "over_object", "cov_0.95", "cov_0.99", "bias")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.horizons", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of Parquet files of demand")
    parser.add_argument("--out", type=Path, help="the CSV file to write")
    options = parser.parse_args(arguments)
    rows = []
    for name, (demand, period) in sets_of(options.data):
        if name.split()[-1] in ("300", "odd", "24", "-6"):
            continue
        for horizon in HORIZONS[period]:
            for row in compared(demand, period, horizon):
                rows.append({"set": name, "horizon": horizon, **row})
                print(" ".join(str(rows[-1][column]).rjust(10) for column in COLUMNS), flush=True)
    for way in WAYS:
        over = [float(row["over_object"]) for row in rows if row["way"] == way]
        print(f"{way}: {np.mean(over):+.2%} in the mean, {min(over):+.1%} to {max(over):+.1%}")
    if options.out is not None:
        write_rows(rows, COLUMNS, options.out)
    return 0


def compared(demand: Array, period: str, horizon: int) -> Iterator[dict[str, object]]:
    """One row a way, over all origins."""
    n_periods = demand.shape[1]
    last = n_periods - horizon
    origins = [last - k * APART[period] for k in range(MOST_ORIGINS) if last - k * APART[period] >= n_periods // 3]
    change = np.abs(np.diff(demand[:, : origins[-1]], axis=1))
    scale = np.nansum(change, axis=1) / np.maximum(np.isfinite(change).sum(axis=1), 1)
    losses: dict[str, list[Array]] = {way: [] for way in WAYS}
    covered: dict[str, list[Array]] = {way: [] for way in WAYS}
    means, came = dict.fromkeys(WAYS, 0.0), 0.0
    for origin in origins:
        actual = totals_after(demand, origin, np.full(len(demand), horizon))
        kept = np.isfinite(actual) & (scale > 0)
        came += actual[kept].sum()
        for way, (mean, told) in told_by(demand[:, :origin], period, horizon).items():
            loss = np.stack([pinball(actual, told[:, k], level) for k, level in enumerate(LEVELS)], axis=1)
            losses[way].append((loss / np.where(kept, scale, 1.0)[:, None])[kept])
            covered[way].append((actual[:, None] <= told)[kept])
            means[way] += mean[kept].sum()
    usual = float(np.concatenate(losses[WAYS[-1]]).mean())
    for way in WAYS:
        loss, within = float(np.concatenate(losses[way]).mean()), np.concatenate(covered[way]).mean(axis=0)
        yield {
            "way": way,
            "loss": round(loss, 4),
            "over_object": round(loss / usual - 1.0, 4),
            "cov_0.95": round(float(within[2]), 4),
            "cov_0.99": round(float(within[3]), 4),
            "bias": round(means[way] / came - 1.0, 4),
        }


def told_by(history: Array, period: str, horizon: int) -> dict[str, tuple[Array, Array]]:
    """Mean and quantiles of the total by each way."""
    n_series, n_periods = history.shape
    starts = np.where(np.isfinite(history).any(axis=1), np.isfinite(history).argmax(axis=1), n_periods - 1)
    series = History(np.ascontiguousarray(history), np.empty((0, 0)), starts)
    month = pooled_means(series.of, [np.arange(n_series)], [], n_series, period)
    fitted = fit(history, period)
    flat, night, own = month.mean * horizon, month.mean * month.market[:horizon].sum(), fitted.mean(horizon)
    ratio = fitted.sd(horizon) ** 2 / np.maximum(own, 1e-300)
    ways = ((flat, month.ratio), (night, month.ratio_over(horizon, period)), (own, np.maximum(ratio, 1.0)))
    told = {
        way: (mean, quantile(mean[:, None], wide[:, None], LEVELS[None, :]))
        for way, (mean, wide) in zip(WAYS, ways, strict=False)
    }
    return told | {WAYS[-1]: (own, fitted.quantiles(horizon, LEVELS))}


if __name__ == "__main__":
    sys.exit(main())
