"""Pooling many sparse series in the night: block by block, with the same answer as all at once."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from partsopt.forecast import panel
from partsopt.forecast.pooled_blocks import price_bands
from partsopt.forecast.select import forecast_demand
from partsopt.settings import ForecastParams

N_PERIODS = 30


def tables(n_series=300, seed=0, censored=False):
    """Poisson demand of gamma rates at two sites, some series younger than others."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.8, 2.0, n_series)
    pieces = rng.poisson(rate[:, None], (n_series, N_PERIODS))
    months = pd.date_range(end="2026-10-01", periods=N_PERIODS, freq="MS")
    age = np.where(np.arange(n_series) % 5 == 0, 15, N_PERIODS)
    pieces[np.arange(N_PERIODS) < (N_PERIODS - age)[:, None]] = 0
    site = np.where(np.arange(n_series) % 2 == 0, "D1", "D2").astype(object)
    part = np.array([f"P{i:04d}" for i in range(n_series)], dtype=object)
    row, column = np.nonzero(pieces)
    demand = pd.DataFrame({"site_id": site[row], "part_id": part[row], "period": months[column]})
    demand = demand.assign(demand=pieces[row, column], returned=0, is_censored=False, in_stock_share=1.0)
    if censored:
        demand.loc[::9, ["is_censored", "in_stock_share"]] = [True, 0.5]
    series = pd.DataFrame({"site_id": site, "part_id": part, "first_period": months[N_PERIODS - age], "n_periods": age})
    parts = pd.DataFrame({"part_id": part, "unit_cost": rng.lognormal(3.0, 1.0, n_series)})
    return rate, demand.astype({"period": "datetime64[us]"}), series, parts


def forecast(demand, series, parts, **params):
    return forecast_demand(
        demand,
        series,
        parts,
        today=date(2026, 11, 21),
        period="month",
        params=ForecastParams(**{"ets_max_series": 0, **params}),
    ).forecasts


def test_many_series_are_pooled_and_say_so():
    rate, *inputs = tables()
    made = forecast(*inputs)
    sold = made[made["n_demands"] > 0]
    assert set(sold["method"]) == {"pooled"}
    assert sold["why"].str.contains(r"\. Pooled: its own demand, .* past totals of 300 series\.$").all()
    assert sold[["alpha", "beta"]].isna().all().all()
    assert made["mean_per_period"].sum() == pytest.approx(rate.sum(), rel=0.06)
    assert sold["variance_to_mean"].median() == pytest.approx(1.0, abs=0.3)
    assert (made["sd_per_period"] >= np.sqrt(made["mean_per_period"]) - 1e-9).all()


def test_few_series_keep_a_method_of_their_own():
    _, *inputs = tables(n_series=60)
    assert "pooled" not in set(forecast(*inputs)["method"])


@pytest.mark.parametrize("censored", [False, True])
def test_the_size_of_blocks_does_not_show(monkeypatch, censored):
    _, *inputs = tables(censored=censored)
    whole = forecast(*inputs)
    monkeypatch.setattr(panel, "BLOCK", 37)
    pd.testing.assert_frame_equal(forecast(*inputs), whole, check_exact=False, rtol=1e-12)


def test_the_order_of_rows_does_not_show():
    _, demand, series, parts = tables()
    mixed = (demand.sample(frac=1, random_state=1), series.sample(frac=1, random_state=2), parts[::-1])
    pd.testing.assert_frame_equal(forecast(*mixed), forecast(demand, series, parts))


def test_a_season_that_wins_keeps_its_model():
    """One part of high value with a clear yearly season among 300 pooled ones."""
    _, demand, series, parts = tables()
    months = pd.date_range(end="2026-10-01", periods=48, freq="MS")
    pieces = np.round(100 + 80 * np.sin(2 * np.pi * np.arange(48) / 12)).astype(np.int64)
    wave = pd.DataFrame({"site_id": "D1", "part_id": "WAVE", "period": months.astype("datetime64[us]")})
    wave = wave.assign(demand=pieces, returned=0, is_censored=False, in_stock_share=1.0)
    one = pd.DataFrame({"site_id": ["D1"], "part_id": ["WAVE"], "first_period": months[:1], "n_periods": [48]})
    cost = pd.DataFrame({"part_id": ["WAVE"], "unit_cost": [1_000.0]})
    made = forecast(
        pd.concat([demand, wave[wave["demand"] > 0]]),
        pd.concat([series, one]),
        pd.concat([parts, cost]),
        ets_max_series=1,
    ).set_index("part_id")
    assert made.loc["WAVE", "method"] == "ets"
    assert (made.drop(index="WAVE").query("n_demands > 0")["method"] == "pooled").all()


def test_price_bands_of_no_series():
    assert price_bands(np.empty(0)).tolist() == []


def test_dcs_learn_from_dcs_and_dealers_from_dealers():
    """Many sparse dealers do not pull the DCs' means down: each kind's total is as if the other were not there."""
    _, demand, series, parts = tables(300, seed=1)
    _, sparse, few, others = tables(900, seed=2)
    sparse = sparse[np.arange(len(sparse)) % 6 == 0]
    for frame in (demand, series):
        frame["site_id"] = "DC"
    for frame in (sparse, few, others):
        frame["part_id"] = "Q" + frame["part_id"]
    sites = pd.DataFrame({"site_id": ["DC", "D1", "D2"], "site_kind": ["dc", "dealer", "dealer"]})
    both = [pd.concat(pair, ignore_index=True) for pair in ((demand, sparse), (series, few), (parts, others))]
    params = ForecastParams(ets_max_series=0)
    made = forecast_demand(*both, today=date(2026, 11, 21), period="month", params=params, sites=sites).forecasts
    alone = forecast(demand, series, parts)
    columns = ["part_id", "mean_per_period", "variance_to_mean", "why"]
    pd.testing.assert_frame_equal(
        made.loc[made["site_id"] == "DC", columns].reset_index(drop=True), alone[columns], rtol=1e-9
    )


def test_pooling_can_be_switched_off():
    """Then each series takes a method and constants of its own, however many there are."""
    _, *inputs = tables()
    made = forecast(*inputs, pool_series=False)
    sold = made[made["n_demands"] > 0]
    assert set(sold["method"]) <= {"ses", "croston", "sba", "tsb", "naive"}
    assert sold.loc[sold["method"] != "naive", "alpha"].notna().all()
