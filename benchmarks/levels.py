"""Rows a second of exact negative binomial fill-rate levels: ours, numpy with scipy, and a peer; and of two echelons.

    python -m benchmarks.levels --rows 750000 --out build/levels.csv

Each row has its own demand, spread, lead time and target; the answers of all are compared. The scipy version
bisects with the incomplete beta function over all rows at once, as one would write it without a compiler.
``--peers`` adds stockpyl, which solves the simpler newsvendor row by row, beside ours on the same rows. It is no
dependency: ``pip install --target DIR stockpyl`` once, then ``PYTHONPATH=DIR python -m benchmarks.levels --peers ...``.

Two echelons: DC-parts, each with some of the dealers; levels of the DCs for a target, what they owe, and levels and
promises of the dealers that count it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks.rows import write_rows
from partsopt.replenish.chain import Demand, delay_of, no_delay, owed_by
from partsopt.replenish.levels import levels_reaching, promised_by
from partsopt.replenish.service import fill_rate, level_for_cycle_service_level, level_for_fill_rate

COLUMNS = ("method", "rows", "threads", "seconds", "rows_per_second", "different_levels")
NEWSVENDOR = (1.0, 19.0)  # cost of a piece too many and too few: a cycle service level of 0.95
DC_TARGET, DEALER_TARGET = 0.95, 0.92


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.levels", description="Speed of exact levels.")
    parser.add_argument("--rows", type=int, default=750_000)
    parser.add_argument("--scipy-rows", type=int, default=50_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peers", action="store_true", help="time stockpyl too, on --peer-rows of the rows")
    parser.add_argument("--peer-rows", type=int, default=2000)
    parser.add_argument("--dc-parts", type=int, default=45_000, help="of the two echelons")
    parser.add_argument("--dealers", type=int, default=150, help="of the two echelons")
    parser.add_argument("--dealers-a-part", type=float, default=10.0, help="dealers that ask for a part, on average")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    options = parser.parse_args(arguments)
    if options.peers and find_spec("stockpyl") is None:
        parser.error("stockpyl is not installed: pip install --target DIR stockpyl, and run with PYTHONPATH=DIR")
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
    if options.peers:
        rows += beside_peer(protection[: options.peer_rows], ratio[: options.peer_rows])
    network = two_echelons(options.dc_parts, options.dealers, options.dealers_a_part, options.seed)
    echelons(1, two_echelons(20, 3, 2.0, 1))
    alone, seconds = timed(lambda: echelons(1, network))
    rows.append(row("two echelons", len(alone), 1, seconds, ""))
    threaded, seconds = timed(lambda: echelons(options.threads, network))
    rows.append(row("two echelons", len(alone), options.threads, seconds, int((threaded != alone).sum())))
    write_rows(rows, COLUMNS, options.out)
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


def beside_peer(protection: np.ndarray, ratio: np.ndarray) -> list[dict[str, object]]:
    """Levels of the newsvendor, the peer's and ours, of the same negative binomial demands."""
    from scipy.stats import nbinom
    from stockpyl.newsvendor import newsvendor_discrete

    def by_peer() -> np.ndarray:
        demands = (nbinom(mean / (spread - 1), 1 / spread) for mean, spread in zip(protection, ratio, strict=True))
        return np.array([newsvendor_discrete(*NEWSVENDOR, demand_distrib=one)[0] for one in demands])

    share = NEWSVENDOR[1] / sum(NEWSVENDOR)
    level_for_cycle_service_level(share, [2.0], [2.0])  # compiled, or read from the cache
    ours, seconds = timed(lambda: level_for_cycle_service_level(share, protection, ratio))
    peer, peer_seconds = timed(by_peer)
    return [
        row("partsopt, newsvendor", len(ours), 1, seconds, ""),
        row("stockpyl, newsvendor", len(peer), 1, peer_seconds, int((peer != ours).sum())),
    ]


def two_echelons(dc_parts: int, dealers: int, dealers_a_part: float, seed: int) -> tuple[Demand, Demand, np.ndarray]:
    """Demand on the DC-parts, that of the pairs of dealer and part sorted by part, and the part of each pair.

    Weekly reviews and spread as in :func:`instance`. A DC waits 1 to 8 weeks, a fifth more or less; dealers 3 days.
    """
    rng = np.random.default_rng(seed)
    asking = np.minimum(rng.geometric(1.0 / dealers_a_part, dc_parts), dealers)
    of = np.repeat(np.arange(dc_parts), asking)
    weekly = rng.lognormal(-0.5, 1.5, dc_parts)
    share = rng.gamma(1.0, 1.0, len(of))
    share /= np.bincount(of, weights=share)[of]
    ratio = 1.0 + rng.gamma(1.0, 1.0, dc_parts)
    weeks = rng.integers(1, 9, dc_parts)[:, None] * np.array([0.8, 1.0, 1.2])
    chances = np.tile([1 / 6, 2 / 3, 1 / 6], (dc_parts, 1))
    dc = Demand(
        weekly[:, None] * weeks, weekly[:, None] * (weeks + 1), ratio, chances, np.ones(dc_parts, dtype=np.int64)
    )
    own = (weekly[of] * share)[:, None]
    one = np.ones(len(of), dtype=np.int64)
    return dc, Demand(own * 3 / 7, own * 10 / 7, ratio[of], np.ones((len(of), 1)), one), of


def echelons(threads: int, network: tuple[Demand, Demand, np.ndarray]) -> np.ndarray:
    """Level of each pair, blocks of DC-parts side by side; DCs before those they supply."""
    dc, pair, of = network

    def block(rows: np.ndarray) -> np.ndarray:
        own = np.arange(*np.searchsorted(of, [rows[0], rows[-1] + 1]))
        above, part = dc.at(rows), pair.at(own)
        level = levels_reaching(np.full(len(rows), DC_TARGET), above, no_delay(len(rows)))
        share = part.over_review / above.over_review[of[own] - rows[0]]
        delay = delay_of(part, of[own] - rows[0], share, owed_by(above, level))
        reaching = levels_reaching(np.full(len(own), DEALER_TARGET), part, delay)
        promised_by(part, delay, reaching)
        return reaching

    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(block, np.array_split(np.arange(len(dc.batch)), threads))))


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
