"""Rows a second of exact negative binomial fill-rate levels: ours, numpy with scipy, and a peer where installed.

    python -m benchmarks.levels --rows 750000 --out build/levels.csv

Each row has its own demand, spread, lead time and target; the answers of all are compared. The scipy version
bisects with the incomplete beta function over all rows at once, as one would write it without a compiler. The peer,
stockpyl (its own environment: it wants other numpy), solves the simpler newsvendor row by row.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from partsopt.replenish.service import fill_rate, level_for_fill_rate

COLUMNS = ("method", "rows", "threads", "seconds", "rows_per_second", "different_levels")
PEER_ROWS = 2000


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.levels", description="Speed of exact levels.")
    parser.add_argument("--rows", type=int, default=750_000)
    parser.add_argument("--scipy-rows", type=int, default=50_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    options = parser.parse_args(arguments)
    target, lead, protection, ratio = instance(options.rows, options.seed)
    level_for_fill_rate([0.9], [1.0], [2.0], [2.0])  # compiled, or read from the cache
    ours, seconds = timed(lambda: level_for_fill_rate(target, lead, protection, ratio))
    rows = [row("partsopt", options.rows, 1, seconds, "")]
    threaded, seconds = timed(lambda: in_threads(options.threads, target, lead, protection, ratio))
    rows.append(row("partsopt", options.rows, options.threads, seconds, int((threaded != ours).sum())))
    few = min(options.scipy_rows, options.rows)
    first = slice(0, few)
    plain, seconds = timed(lambda: by_scipy(target[first], lead[first], protection[first], ratio[first]))
    rows.append(row("numpy and scipy", few, 1, seconds, int((plain != ours[first]).sum())))
    peer = by_peer(protection, ratio)
    if peer is not None:
        rows.append(row("stockpyl, newsvendor", PEER_ROWS, 1, peer, ""))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    for one in rows:
        print(f"{one['method']:<24}{one['rows']:>9,} rows{one['threads']:>3} threads{one['seconds']:>8.2f} s"
              f"{one['rows_per_second']:>11,.0f} rows/s  different: {one['different_levels']}")  # fmt: skip
    return 0


def instance(rows: int, seed: int) -> tuple[np.ndarray, ...]:
    """Slow and fast parts: the median asks for 0.6 pieces a week, one in a hundred for 20; lead times 1 to 8 weeks."""
    rng = np.random.default_rng(seed)
    weekly = rng.lognormal(-0.5, 1.5, rows)
    lead = weekly * rng.integers(1, 9, rows)
    return rng.choice([0.9, 0.95, 0.98], rows), lead, lead + weekly, 1.0 + rng.gamma(1.0, 1.0, rows)


def in_threads(threads: int, *arrays: np.ndarray) -> np.ndarray:
    """Blocks side by side: the kernels let other threads run; the answer does not depend on their number."""
    blocks = np.array_split(np.arange(len(arrays[0])), threads)
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(lambda at: level_for_fill_rate(*(one[at] for one in arrays)), blocks)))


def by_scipy(target: np.ndarray, lead: np.ndarray, protection: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    low, high = np.full(len(target), -1.0), np.ceil(protection + 1)
    missing = fill_rate(high, lead, protection, ratio) < target
    while missing.any():
        low[missing] = high[missing]
        high[missing] *= 2
        missing[missing] = (
            fill_rate(high[missing], lead[missing], protection[missing], ratio[missing]) < target[missing]
        )
    while (between := high - low > 1).any():
        middle = np.floor((low + high) / 2)
        below = between.copy()
        below[between] = (
            fill_rate(middle[between], lead[between], protection[between], ratio[between]) < target[between]
        )
        low[below] = middle[below]
        high[between & ~below] = middle[between & ~below]
    return high.astype(np.int64)


def by_peer(protection: np.ndarray, ratio: np.ndarray) -> float | None:
    try:
        from scipy.stats import nbinom
        from stockpyl.newsvendor import newsvendor_discrete
    except ImportError:
        return None
    began = time.perf_counter()
    for mean, spread in zip(protection[:PEER_ROWS], ratio[:PEER_ROWS], strict=True):
        newsvendor_discrete(1.0, 19.0, demand_distrib=nbinom(mean / (spread - 1), 1 / spread))
    return time.perf_counter() - began


def timed(work: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    began = time.perf_counter()
    answer = work()
    return answer, time.perf_counter() - began


def row(method: str, rows: int, threads: int, seconds: float, different: object) -> dict[str, object]:
    return {
        "method": method,
        "rows": rows,
        "threads": threads,
        "seconds": round(seconds, 3),
        "rows_per_second": round(rows / seconds),
        "different_levels": different,
    }


if __name__ == "__main__":
    sys.exit(main())
