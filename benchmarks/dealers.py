"""What pooling dealers gains: tail loss and coverage of three-period totals, each series alone and pooled.

    python -m benchmarks.dealers --like DIR/carparts.parquet --dealers 50 --out dealers.csv

spreads real series over dealers (``partsopt.sample``; without ``--like`` it draws a network), forecasts as of 12 and of
3 periods before the end with what was known then, and compares the next three periods. ``listed`` pairs of dealer
and part have demand in their history; ``unlisted`` ones have none, and alone they can only be forecast as zero.
"""

from __future__ import annotations

import argparse
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.rows import write_rows
from partsopt.demand import build_demand
from partsopt.forecast.accuracy import pinball_loss
from partsopt.forecast.dealers import learnt_shares, network_of, pool_dealers
from partsopt.forecast.distribution import quantile
from partsopt.forecast.network import rate_of_pairs
from partsopt.forecast.select import forecast_demand
from partsopt.sample.like import read_like
from partsopt.sample.network import make_sample
from partsopt.settings import DemandParams, ForecastParams

LEVELS = np.array([0.9, 0.95, 0.99])
HORIZON = 3
TODAY = date(2026, 11, 2)
KEY = ["site_id", "part_id"]
DEMAND_TABLES = ("demand_lines", "supersessions", "stockouts", "sites")
COLUMNS = (
    "series", "dealers", "origin", "pairs", "forecast", "n", "tail_loss",
    "within_0.90", "within_0.95", "within_0.99", "mean_over_actual", "seconds",
)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    options = parsed(arguments)
    like = read_like(options.like) if options.like else None
    period = like.period if like else "month"
    tables = make_sample(
        n_dcs=options.dcs,
        n_dealers=options.dealers,
        n_parts=options.parts if options.parts or like else 3000,
        n_months=None if like else 36,
        seed=options.seed,
        today=TODAY,
        like=like,
    )
    name = options.like.stem if options.like else "drawn"
    rows = [
        {"series": name, "dealers": options.dealers, "origin": origin, **row}
        for origin in (12, 3)
        for row in scored(tables, period, origin)
    ]
    write_rows(rows, COLUMNS, options.out)
    for row in rows:
        print("  ".join(str(row[column]) for column in COLUMNS))
    return 0


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dealers", description="What pooling dealers gains.")
    parser.add_argument("--like", type=Path, help="a Parquet file of real series; default: a drawn network")
    parser.add_argument("--dcs", type=int, default=1)
    parser.add_argument("--dealers", type=int, default=12)
    parser.add_argument("--parts", type=int, help="a seeded sample of so many parts; default: all, or 3,000 drawn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    return parser.parse_args(arguments)


def first_day(period: str, back: int) -> date:
    """The first day of the period so many before the one that has begun."""
    if period == "week":
        return TODAY - timedelta(days=TODAY.weekday() + 7 * back)
    month = TODAY.year * 12 + TODAY.month - 1 - back
    return date(month // 12, month % 12 + 1, 1)


def scored(tables: dict[str, pd.DataFrame], period: str, origin: int) -> list[dict[str, object]]:
    """Both forecasts as of an origin against what came, for listed and for unlisted pairs."""
    params = DemandParams(period=period)
    now, until = first_day(period, origin), first_day(period, origin - HORIZON)
    known = build_demand(*(tables[name] for name in DEMAND_TABLES), today=now, params=params)
    later = build_demand(*(tables[name] for name in DEMAND_TABLES), today=until, params=params).demand_series
    came = later[later["period"] >= pd.Timestamp(now)].groupby(KEY)["demand"].sum()
    parts, sites = tables["parts"], tables["sites"]

    started = time.perf_counter()
    own = forecast_demand(
        known.demand_series,
        known.series,
        parts,
        today=now,
        period=period,
        params=ForecastParams(ets_max_series=0),
    )
    alone_in = time.perf_counter() - started
    own_rows = own.forecasts.sort_values(KEY, ignore_index=True)
    started = time.perf_counter()
    pooled = pool_dealers(
        own_rows, own.forecast_steps, known.demand_series, known.series, sites, parts, period=period
    ).forecasts
    pooled_in = time.perf_counter() - started

    series = known.series.sort_values(KEY, ignore_index=True)
    network = network_of(known.demand_series, series, sites, parts, period)
    at, dcs = network.at_network, network.region.network_dc
    actual = came.reindex(pd.MultiIndex.from_frame(series.loc[network.at_pair, KEY])).fillna(0.0).to_numpy()
    rows = [
        {"pairs": "listed", "forecast": "alone", **score(own_rows.loc[network.at_pair], actual), "seconds": alone_in},
        {"pairs": "listed", "forecast": "pooled", **score(pooled.loc[network.at_pair], actual), "seconds": pooled_in},
    ]

    names = np.sort(sites.loc[sites["site_kind"].eq("dealer"), "site_id"].to_numpy(dtype=object))
    dealer, part = np.nonzero(network.region.dealer_dc[: len(names), None] == dcs[None, :])
    is_listed = np.isin(part * len(names) + dealer, network.pair_network * len(names) + network.pair_dealer)
    dealer, part = dealer[~is_listed], part[~is_listed]
    rates = rate_of_pairs(
        learnt_shares(network, series, period),
        network.region,
        dealer,
        part,
        own_rows["mean_per_period"].to_numpy()[at],
        own_rows["variance_to_mean"].to_numpy()[at],
    )
    named = pd.MultiIndex.from_arrays([names[dealer], series["part_id"].to_numpy()[at][part]])
    actual = came.reindex(named).fillna(0.0).to_numpy()
    zero = pd.DataFrame({"mean_per_period": np.zeros(len(dealer)), "variance_to_mean": 1.0})
    found = pd.DataFrame({"mean_per_period": rates.mean, "variance_to_mean": rates.variance_to_mean})
    rows += [
        {"pairs": "unlisted", "forecast": "zero", **score(zero, actual), "seconds": 0.0},
        {"pairs": "unlisted", "forecast": "pooled", **score(found, actual), "seconds": 0.0},
    ]
    return [{**row, "seconds": f"{row['seconds']:.2f}"} for row in rows]


def score(forecasts: pd.DataFrame, actual: np.ndarray) -> dict[str, object]:
    """Mean tail loss in pieces, the share of totals within each quantile, and expected over actual pieces."""
    mean = HORIZON * forecasts[["mean_per_period"]].to_numpy()
    found = quantile(mean, forecasts[["variance_to_mean"]].to_numpy(), LEVELS)
    within = (found >= actual[:, None]).mean(axis=0)
    return {
        "n": len(actual),
        "tail_loss": f"{pinball_loss(found, actual[:, None], LEVELS).mean():.4f}",
        "within_0.90": f"{within[0]:.3f}",
        "within_0.95": f"{within[1]:.3f}",
        "within_0.99": f"{within[2]:.3f}",
        "mean_over_actual": f"{mean.sum() / max(actual.sum(), 1.0):.2f}",
    }


if __name__ == "__main__":
    raise SystemExit(main())
