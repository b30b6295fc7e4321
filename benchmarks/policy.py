"""Class targets beside the system approach on held-out periods, at the same worth of order-up-to levels.

    python -m benchmarks.policy --demand man.parquet --items man_items.parquet --out build/policy.csv
    python -m benchmarks.policy --made refinery --parts 7000 --seed 1 --out build/policy.csv

The demand file has ``series_id``, ``period`` and ``qty``; its periods are weeks or months, named as
``benchmarks.forecast`` reads them. The items file has ``series_id``, ``price`` and ``lead_time_weeks`` or
``lead_time_months``, by the periods; parts without a price above 0 or a lead time are left out, and told. Without
items, prices are drawn lognormal and lead times from 0 to 3 periods, by the series' names. ``--made`` takes months of
an industry that ``benchmarks.generated`` makes up instead of a file. The first ``--fit`` periods (default: two thirds)
become a data directory with one DC; ``partsopt levels`` sets levels with class targets 98 / 95 / 90, and again with the
system approach under the worth of those levels, which pays for the pieces expected to be owed too
(``replenish.budget_counts``). No level is cut for the chance of being unsold (``replenish.unsold_probability = 1``),
which would keep lumpy parts below the targets that are compared.
Both are then replayed over the ``--test`` periods after (default: all): T is one period, no minimum, what is short is
owed, and the orders under way at the start are the demand of the last lead time. Parts without a demand in the fitted
periods have no level and are left out; their share of the held-out demand is printed.
Weights are fixed beforehand: half demands, half value. ``standard_error`` is that of promised minus realised, parts
being independent: as they show it, or as chance alone makes it where each part misses all that was asked with the
probability its promise leaves, the larger of the two (decision 0069). A few parts whose demand grows many times over
decide it, and where none did the parts do not show it. ``--half``, ``--salt`` and ``--skip`` cut the set otherwise.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import zlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.command import answered
from benchmarks.forecast import period_numbers
from benchmarks.generated import GENERATED
from benchmarks.rows import write_table

FIRST_MONDAY = date(2020, 1, 6)
CLASS_TARGETS = {"A": 0.98, "B": 0.95, "C": 0.90}
FIRST_MONTH = date(2019, 1, 1)
MADE = {name.removeprefix("like "): made for name, made in GENERATED.items()}
DAYS = {"week": 7.0, "month": 365.25 / 12}
REVIEW = {"week": 7, "month": 30}
MEDIAN_PRICE, PRICE_SIGMA, LONGEST_LEAD = 20.0, 1.3, 3  # of made-up items; lead in periods
COLUMNS = (
    "policy", "class", "parts", "worth_of_levels", "promised_unit_fill", "realised_unit_fill",
    "promised_minus_realised", "standard_error", "realised_value_fill", "mean_part_fill", "average_stock",
)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.made and options.items:
        parser.error("--items: the items of a made industry are made up")
    wide = made_demand(options.made, options.parts, options.seed) if options.made else read_demand(options.demand)
    period = str(wide.columns.name)
    if period not in DAYS or options.period not in (None, period):
        parser.error(f"--demand: its periods are named as a {period} is")
    if options.half is not None:
        wide = wide[[zlib.crc32((options.salt + str(name)).encode()) % 2 == int(options.half) for name in wide.index]]
    pieces, price, lead = with_items(wide, options.items)
    pieces = pieces[:, options.skip :]
    fit = options.fit or round(pieces.shape[1] * 2 / 3)
    pieces = pieces[:, : fit + options.test] if options.test else pieces
    seen = pieces[:, :fit].sum(axis=1) > 0
    unseen_share = pieces[~seen, fit:].sum() / max(pieces[:, fit:].sum(), 1)
    print(f"{int(seen.sum()):,} of {len(seen):,} parts sold in the fitted {period}s; the others had "
          f"{unseen_share:.2%} of the held-out pieces")  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="partsopt-policy-") as folder:
        rows = measured(Path(folder), pieces[seen], price[seen], lead[seen], fit, options.settings, period)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    write_table(table, options.out)
    print(table.to_string(index=False, float_format=lambda value: f"{value:,.4f}"))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policy", description=(__doc__ or "").split("\n")[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--demand", type=Path, help="a Parquet file of demand by week or month")
    source.add_argument("--made", choices=tuple(MADE), help="an industry made up, by month, instead of a file")
    parser.add_argument("--items", type=Path, help="prices and lead times; default: made up")
    parser.add_argument("--parts", type=int, help="of a made industry; default: as many as it has usually")
    parser.add_argument("--seed", type=int, default=1, help="of a made industry")
    parser.add_argument("--period", choices=tuple(DAYS), help="what the periods must be; default: as they are named")
    parser.add_argument("--fit", type=int, help="periods to fit; the rest is held out; default: two thirds")
    parser.add_argument("--test", type=int, default=0, help="periods held out; 0: all that are left")
    parser.add_argument("--skip", type=int, default=0, help="periods at the start that are left out")
    parser.add_argument("--half", choices=("0", "1"), help="half of the parts, by a hash of --salt and their number")
    parser.add_argument("--salt", default="", help="other halves for another word")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    return parser


def read_demand(file: Path) -> pd.DataFrame:
    """Pieces of each series (rows) in each period (columns), the periods between the first and the last all there."""
    lines = pd.read_parquet(file)
    period, number = period_numbers(lines["period"])
    wide = lines.assign(number=number).pivot_table(index="series_id", columns="number", values="qty", aggfunc="sum")
    wide = wide.reindex(columns=range(int(number.min()), int(number.max()) + 1)).fillna(0.0)
    return wide.rename_axis(columns=period)


def made_demand(name: str, n_parts: int | None, seed: int) -> pd.DataFrame:
    """Pieces of a made industry, named by it, its seed and a number; what is not there yet is not asked for."""
    pieces = MADE[name](seed=seed) if n_parts is None else MADE[name](n_parts, seed)
    names = [f"{name}-{seed}-{number:05d}" for number in range(len(pieces))]
    return pd.DataFrame(np.nan_to_num(pieces), index=names).rename_axis(columns="month")


def with_items(wide: pd.DataFrame, items: Path | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pieces (parts, periods), price and lead time in periods of each part; those without either are left out, told."""
    if items is None:
        price, lead = made_up_items(wide.index)
    else:
        known = pd.read_parquet(items).set_index("series_id").reindex(wide.index)
        price, lead = (known[name].to_numpy(dtype=np.float64) for name in ("price", f"lead_time_{wide.columns.name}s"))
    pieces = np.ceil(wide.to_numpy(dtype=np.float64)).clip(0).astype(np.int64)
    kept = (price > 0) & (lead >= 0)  # a missing one compares as false
    if not kept.all():
        share = pieces[~kept].sum() / max(pieces.sum(), 1)
        print(f"{int((~kept).sum()):,} parts without a price above 0 or a lead time, with {share:.2%} of the pieces, "
              "are left out")  # fmt: skip
    return pieces[kept], price[kept], np.ceil(lead[kept]).astype(np.int64)


def made_up_items(series_ids: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """Price and lead time in periods of each series, the same in every cut that has it.

    Examples
    --------
    >>> price, lead = made_up_items(pd.Index(["a", "b"]))
    >>> price.round(2).tolist(), lead.tolist()
    ([72.55, 2.65], [1, 2])
    """
    drawn = [np.random.default_rng(zlib.crc32(str(name).encode())) for name in series_ids]
    price = np.array([MEDIAN_PRICE * np.exp(PRICE_SIGMA * draw.standard_normal()) for draw in drawn])
    return price.clip(0.01), np.array([draw.integers(0, LONGEST_LEAD + 1) for draw in drawn])


def measured(
    folder: Path,
    pieces: np.ndarray,
    price: np.ndarray,
    lead: np.ndarray,
    fit: int,
    settings: Sequence[str],
    period: str = "week",
) -> list[dict[str, object]]:
    starts = period_starts(period, fit + 1)
    write_directory(folder, pieces[:, :fit], price, lead * DAYS[period], starts[:-1])
    today = starts[-1].date()
    by_class = set_levels(folder, today, settings, period)
    worth = float((by_class["order_up_to_level"] * price).sum())
    system = ["replenish.target_rule=system", f"replenish.system_budget.dc={worth + 0.005}"]
    together = set_levels(folder, today, [*settings, *system], period)
    rows = []
    for policy, levels in (("class 98/95/90", by_class), ("system", together)):
        replayed = replay(levels["order_up_to_level"].to_numpy(), pieces, lead, fit)
        for name in ("all", *CLASS_TARGETS):
            here = np.full(len(price), True) if name == "all" else levels["abc_class"].eq(name).to_numpy()
            if here.any():
                rows.append(
                    {"policy": policy, "class": name, **figures(levels, pieces[:, fit:], price, replayed, here)}
                )
    return rows


def period_starts(period: str, n: int) -> pd.DatetimeIndex:
    """First days of so many periods from the first on."""
    if period == "week":
        return pd.date_range(FIRST_MONDAY, periods=n, freq="7D")
    return pd.date_range(FIRST_MONTH, periods=n, freq="MS")


def write_directory(
    folder: Path, pieces: np.ndarray, price: np.ndarray, lead_days: np.ndarray, starts: pd.DatetimeIndex
) -> None:
    part = np.array([f"P{i:06d}" for i in range(len(price))])
    pd.DataFrame(
        {"part_id": part, "unit_cost": price, "weight_kg": 1.0, "volume_m3": 0.001, "criticality": "essential",
         "lifecycle": "active"}
    ).to_parquet(folder / "parts.parquet", index=False)  # fmt: skip
    pd.DataFrame(
        {"site_id": ["DC"], "site_kind": ["dc"], "latitude": [30.0], "longitude": [110.0]}
    ).to_parquet(folder / "sites.parquet", index=False)  # fmt: skip
    row, at = np.nonzero(pieces)
    pd.DataFrame(
        {"demanded_on": starts.strftime("%Y-%m-%d").to_numpy()[at], "site_id": "DC", "part_id": part[row],
         "quantity": pieces[row, at]}
    ).to_parquet(folder / "demand_lines.parquet", index=False)  # fmt: skip
    pd.DataFrame(
        {"site_id": "DC", "part_id": part, "source_id": "MAKER", "channel": "maker", "lead_time_days": lead_days,
         "unit_cost": price}
    ).to_parquet(folder / "supply.parquet", index=False)  # fmt: skip
    pd.DataFrame({"site_id": "DC", "part_id": part, "on_hand": 0}).to_parquet(folder / "stock.parquet", index=False)


def set_levels(folder: Path, today: date, settings: Sequence[str], period: str = "week") -> pd.DataFrame:
    """Levels of every part by ``partsopt levels``, in the order of the parts."""
    output = folder / "levels.parquet"
    given = [
        f"demand.period={period}",
        "demand.max_periods=1000",
        "classify.dc_min_demands_per_year=0.0",
        "replenish.unsold_probability=1.0",
        "replenish.dc_review_period_days={{A = {0}, B = {0}, C = {0}}}".format(REVIEW[period]),
        f"replenish.dc_service_target={{A = {CLASS_TARGETS['A']}, B = {CLASS_TARGETS['B']}, C = {CLASS_TARGETS['C']}}}",
        *settings,
    ]
    answered(["levels", str(folder), "--today", today.isoformat(), "--output", str(output)], given, good=(0, 1))
    return pd.read_parquet(output).sort_values("part_id", ignore_index=True)


def replay(level: np.ndarray, pieces: np.ndarray, lead: np.ndarray, fit: int) -> tuple[np.ndarray, np.ndarray]:
    """Pieces met at once, and stock at the end, of every part and held-out period.

    Every period the position is raised to S, so the stock at the start of a period is S less the demand of the L
    periods before it, and below zero that is what is owed.
    """
    total = np.concatenate([np.zeros((len(level), 1), dtype=np.int64), np.cumsum(pieces, axis=1)], axis=1)
    periods = np.arange(fit, pieces.shape[1])
    first = np.maximum(periods[None, :] - lead[:, None], 0)
    under_way = total[:, periods] - np.take_along_axis(total, first, axis=1)
    at_start = level[:, None] - under_way
    met = np.minimum(np.maximum(at_start, 0), pieces[:, fit:])
    return met, np.maximum(at_start - pieces[:, fit:], 0)


def figures(
    levels: pd.DataFrame,
    asked: np.ndarray,
    price: np.ndarray,
    replayed: tuple[np.ndarray, np.ndarray],
    here: np.ndarray,
) -> dict[str, object]:
    """Promised is weighted by what was asked for, so that promise and outcome speak of the same demand."""
    met, left = replayed
    demand, served, cost = asked[here].sum(axis=1), met[here].sum(axis=1), price[here]
    promised = levels["promised_fill_rate"].to_numpy()[here]
    sold = demand > 0
    unit = served.sum() / demand.sum()
    promised_unit = (promised * demand).sum() / demand.sum()
    off = promised * demand - served - (promised_unit - unit) * demand
    seen, chance = (off**2).sum() * len(demand) / max(len(demand) - 1, 1), (demand**2 * promised * (1 - promised)).sum()
    return {
        "parts": int(here.sum()),
        "worth_of_levels": float((levels["order_up_to_level"].to_numpy()[here] * cost).sum()),
        "promised_unit_fill": promised_unit,
        "realised_unit_fill": unit,
        "promised_minus_realised": promised_unit - unit,
        "standard_error": float(np.sqrt(max(seen, chance)) / demand.sum()),
        "realised_value_fill": (served * cost).sum() / (demand * cost).sum(),
        "mean_part_fill": (served[sold] / demand[sold]).mean(),
        "average_stock": float((left[here].mean(axis=1) * cost).sum()),
    }


if __name__ == "__main__":
    sys.exit(main())
