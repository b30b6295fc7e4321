"""The forecast on real demand: 2,674 monthly car parts and 3,451 weekly parts of a manufacturer."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from partsopt.forecast.accuracy import pinball_loss
from partsopt.forecast.distribution import quantile
from partsopt.forecast.select import forecast_demand
from partsopt.settings import ForecastParams

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "demand"
LEVELS = np.array([0.9, 0.95, 0.99])
HORIZON = 3


class Score(NamedTuple):
    """Mean scaled pinball loss of 3-period totals, and the share of totals within each quantile."""

    tail_loss: float
    coverage: list[float]


def history(name: str) -> pd.DataFrame:
    """Pieces by period (rows, in order) and series (columns); blank before a series is recorded."""
    file = DATA / f"{name}.parquet"
    if not file.exists():
        pytest.skip(f"the real demand set {name} is not beside this checkout")
    return pd.read_parquet(file).pivot(index="period", columns="series_id", values="qty").astype(float)


def tables_until(pieces: np.ndarray, ids: np.ndarray, begins: pd.DatetimeIndex) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Series from their first demand on, as the demand stage gives them."""
    filled = np.nan_to_num(pieces)
    period, series = np.nonzero(filled)
    demand = pd.DataFrame({"site_id": "DC", "part_id": ids[series], "period": begins[period]})
    demand = demand.assign(
        demand=filled[period, series].astype(np.int64), returned=0, is_censored=False, in_stock_share=1.0
    )
    sold = np.flatnonzero(filled.any(axis=0))
    first = (filled > 0).argmax(axis=0)[sold]
    rows = pd.DataFrame({"site_id": "DC", "part_id": ids[sold], "first_period": begins[first]})
    return demand, rows.assign(n_periods=len(pieces) - first)


def scored(name: str, period: str, begins: pd.DatetimeIndex, origins: list[int]) -> Score:
    """Forecast from each origin with what was known then, and compare with the next three periods."""
    table = history(name)
    pieces, ids = table.to_numpy(), table.columns.to_numpy()
    parts = pd.DataFrame({"part_id": ids, "unit_cost": 1.0})
    training = np.nan_to_num(pieces[: len(pieces) - 12])
    scale = np.abs(np.diff(training, axis=0)).mean(axis=0)
    losses, within = [], []
    for back in origins:
        now = len(pieces) - back
        demand, series = tables_until(pieces[:now], ids, begins)
        made = forecast_demand(
            demand,
            series,
            parts,
            today=begins[now].date(),
            period=period,
            params=ForecastParams(ets_max_series=0),
        )
        assert len(made.forecasts) == len(series)
        rows = made.forecasts.set_index("part_id").reindex(ids)
        mean = np.nan_to_num(rows[["mean_per_period"]].to_numpy()) * HORIZON
        found = quantile(mean, rows[["variance_to_mean"]].fillna(1.0).to_numpy(), LEVELS)
        total = pieces[now : now + HORIZON].sum(axis=0)[:, None]
        counts = np.isfinite(total[:, 0]) & (scale > 0)
        losses.append((pinball_loss(found, total, LEVELS) / np.where(scale > 0, scale, 1.0)[:, None])[counts])
        within.append((found >= total)[counts])
    return Score(float(np.concatenate(losses).mean()), np.concatenate(within).mean(axis=0).tolist())


def test_car_parts_are_forecast_better_than_by_any_open_peer():
    """The best peer's tail loss is 0.694, the best negative binomial by moments 0.674."""
    score = scored("carparts", "month", pd.date_range("1998-01-01", periods=52, freq="MS"), [12, 9, 6, 3])
    assert score.tail_loss < 0.60
    assert 0.94 < score.coverage[1] < 0.97
    assert 0.975 < score.coverage[2] < 0.995


def test_weekly_parts_of_a_manufacturer_are_covered():
    score = scored("man", "week", pd.date_range("2012-01-02", periods=151, freq="7D"), [12, 3])
    assert 0.93 < score.coverage[1] < 0.975
    assert 0.97 < score.coverage[2] < 0.995
