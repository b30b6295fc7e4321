"""Time and memory of millions of sparse dealer series: by the command, and as shares of their network.

    python -m benchmarks.pairs --dealers 150 --parts 15000 --out pairs.csv

draws three years of monthly orders for every pair of dealer and part, about half of which never sold (one row of zero
each, so that every pair is a series), and gives a row to each of

* ``command``: ``partsopt forecast`` from Parquet to Parquet, total of three months, four quantiles;
* ``network``: the same pairs and four quantiles as shares of their DCs' forecasts, on arrays, coherence told.

Each is a process of its own: ``user_s`` and ``system_s`` are its processor seconds with start and imports,
``seconds`` the time on the clock, ``peak_memory_mb`` its largest resident memory. One thread does it all.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.rows import write_rows
from partsopt.forecast.network import Orders, Region, fit_shares, rate_of_pairs
from partsopt.forecast.predictive import fit_predictive

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

CHECKOUT = Path(__file__).resolve().parent.parent
MONTHS = 36
FIRST = np.datetime64("2023-01", "M")
AHEAD = 3.0
LEVELS = (0.5, 0.9, 0.95, 0.99)
DCS = 3
ORDERS_A_PAIR = 2.8
"""In three years, on average over all pairs: half of them have none."""
HALF_LIVES = (24.0, 12.0, 48.0, 6.0)
TUNING = 6
COLUMNS = (
    "dealers", "parts", "series", "rows", "way", "user_s", "system_s", "seconds", "peak_memory_mb", "note",
)  # fmt: skip


class Drawn(NamedTuple):
    """Orders of pairs by month: pair = dealer * parts + part, month 0 the first, pieces; each pair has a row."""

    pair: Array
    month: Array
    pieces: Array


def main(arguments: list[str] | None = None) -> int:
    options = parsed(arguments)
    if options.network:
        print(network_of_pairs(drawn_of(options.network, options.parts), options.dealers, options.parts))
        return 0
    rows = []
    with tempfile.TemporaryDirectory(prefix="partsopt-pairs-") as folder:
        given, answered = Path(folder) / "demand.parquet", Path(folder) / "forecasts.parquet"
        drawn = draw(options.dealers, options.parts, options.seed)
        write(given, drawn, options.dealers, options.parts)
        size = ["--dealers", options.dealers, "--parts", options.parts]
        command = ["--demand", given, "--period", "month", "--horizon", int(AHEAD), "--output", answered]
        for way, started in (
            ("command", [CHECKOUT / "cli.py", "forecast", *command]),
            ("network", ["-m", "benchmarks.pairs", "--network", given, *size, "--out", options.out]),
        ):
            row = measured([sys.executable, *map(str, started)])
            row["note"] = str(row["note"]).replace(f"{folder}/", "")
            row |= {"dealers": options.dealers, "parts": options.parts, "way": way, "rows": len(drawn.pair)}
            row["series"] = pq.read_metadata(answered).num_rows if way == "command" else options.dealers * options.parts
            rows.append(row)
            print("  ".join(str(row[column]) for column in COLUMNS), flush=True)
    write_rows(rows, COLUMNS, options.out)
    return 0


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pairs", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--dealers", type=int, default=150)
    parser.add_argument("--parts", type=int, default=15_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--network", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    return parser.parse_args(arguments)


def draw(n_dealers: int, n_parts: int, seed: int) -> Drawn:
    """Orders at random: few parts sell much, few dealers are large, most orders are one piece."""
    generator = np.random.default_rng(seed)
    size = generator.lognormal(0.0, 0.8, n_dealers)
    rate = generator.gamma(0.35, 1.0, n_parts)
    expected = ORDERS_A_PAIR * np.outer(size / size.mean(), rate / rate.mean()).ravel()
    orders = generator.poisson(expected)
    pair = np.repeat(np.arange(len(orders)), orders)
    cell = pair * MONTHS + generator.integers(0, MONTHS, len(pair))
    cells, place = np.unique(cell, return_inverse=True)
    pieces = np.bincount(place, weights=generator.geometric(0.6, len(cell))).astype(np.int64)
    silent = np.flatnonzero(orders == 0)
    cells, pieces = np.append(cells, silent * MONTHS), np.append(pieces, np.zeros(len(silent), dtype=np.int64))
    order = np.argsort(cells, kind="stable")
    return Drawn(cells[order] // MONTHS, cells[order] % MONTHS, pieces[order])


def write(file: Path, drawn: Drawn, n_dealers: int, n_parts: int) -> None:
    """The orders as the long table of ``partsopt forecast``."""
    names = [f"D{dealer:03d}/P{part:05d}" for dealer in range(n_dealers) for part in range(n_parts)]
    ids = pa.DictionaryArray.from_arrays(pa.array(drawn.pair, pa.int32()), pa.array(names)).cast(pa.string())
    months = pa.array((FIRST + drawn.month).astype("datetime64[D]"))
    pq.write_table(pa.table({"series_id": ids, "period": months, "quantity": pa.array(drawn.pieces)}), file)


def drawn_of(file: Path, n_parts: int) -> Drawn:
    """The orders back from the long table."""
    table = pq.read_table(file)
    ids = table.column("series_id").combine_chunks().dictionary_encode()
    names = ids.dictionary.to_pylist()
    pair = np.array([int(name[1:4]) * n_parts + int(name[6:]) for name in names])[ids.indices.to_numpy()]
    month = table.column("period").to_numpy().astype("datetime64[M]").astype(np.int64) - FIRST.astype(np.int64)
    return Drawn(pair, month, table.column("quantity").to_numpy())


def network_of_pairs(drawn: Drawn, n_dealers: int, n_parts: int) -> str:
    """Forecast the DCs, share that out to every pair, and say how far the pairs' sum is from the DCs'."""
    dc_of_dealer = np.arange(n_dealers) % DCS
    dealer, part = drawn.pair // n_parts, drawn.pair % n_parts
    network = dc_of_dealer[dealer] * n_parts + part
    demand = np.bincount(network * MONTHS + drawn.month, weights=drawn.pieces, minlength=DCS * n_parts * MONTHS)
    at_dc = fit_predictive(demand.reshape(-1, MONTHS), period="month")
    sold = drawn.pieces > 0
    orders = Orders(
        dealer[sold], network[sold], MONTHS - 1 - drawn.month[sold], drawn.pieces[sold], np.ones(int(sold.sum()))
    )
    n_networks = DCS * n_parts
    region = Region(
        dc_of_dealer,
        np.full(n_dealers, MONTHS),
        np.arange(n_networks) // n_parts,
        np.zeros(n_networks, dtype=np.int64),
        np.full(n_networks, MONTHS),
    )
    shares = fit_shares(orders, region, half_lives=HALF_LIVES, tuning_periods=TUNING)
    pair_dealer = np.repeat(np.arange(n_dealers), n_parts)
    pair_network = dc_of_dealer[pair_dealer] * n_parts + np.tile(np.arange(n_parts), n_dealers)
    rates = rate_of_pairs(shares, region, pair_dealer, pair_network, at_dc.mean(AHEAD) / AHEAD, at_dc.variance_to_mean)
    alone = replace(
        at_dc,
        horizons=np.array([AHEAD]),
        means=AHEAD * rates.mean[:, None],
        ratios=rates.variance_to_mean[:, None],
        table=None,
        season=np.empty(0),
    )
    quantiles = alone.quantiles(AHEAD, LEVELS)
    summed = np.bincount(pair_network, weights=AHEAD * rates.mean, minlength=n_networks)
    apart = float(np.abs(summed / np.maximum(at_dc.mean(AHEAD), 1e-300) - 1.0).max())
    smallest = float(rates.mean[at_dc.rate[pair_network] > 0].min())
    return (
        f"sums differ from the DCs' by {apart:.0e} at most; smallest rate {smallest:.1e} a month; "
        f"{int((quantiles[:, 2] > 0).sum())} pairs need a piece at 0.95"
    )


def measured(command: list[str]) -> dict[str, object]:
    """Processor seconds, seconds and peak memory of a process, and the last line it printed."""
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        said = process.stdout.read() if process.stdout else ""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} answered {process.returncode}.")
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return {
        "user_s": round(used.ru_utime, 1),
        "system_s": round(used.ru_stime, 1),
        "seconds": round(time.perf_counter() - began, 1),
        "peak_memory_mb": round(used.ru_maxrss / unit),
        "note": (said.strip().splitlines() or [""])[-1],
    }


if __name__ == "__main__":
    sys.exit(main())
