"""A network's dealers, pooled: what they get, and that it foretells better."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from partsopt.demand import build_demand
from partsopt.forecast.accuracy import pinball_loss
from partsopt.forecast.dealers import network_of, pool_dealers
from partsopt.forecast.distribution import quantile
from partsopt.forecast.select import forecast_demand
from partsopt.sample.network import make_sample
from partsopt.settings import DemandParams, ForecastParams

LEVELS = np.array([0.9, 0.95, 0.99])
TODAY = date(2026, 11, 2)


@pytest.fixture(scope="module")
def made():
    """A drawn network, its last three months kept back."""
    tables = make_sample(n_dcs=2, n_dealers=20, n_parts=400, n_months=30, seed=3)
    params = DemandParams()
    names = ("demand_lines", "supersessions", "stockouts", "sites")
    before = build_demand(*(tables[name] for name in names), today=date(2026, 8, 1), params=params)
    after = build_demand(*(tables[name] for name in names), today=TODAY, params=params)
    own = forecast_demand(
        before.demand_series,
        before.series,
        tables["parts"],
        today=date(2026, 8, 1),
        period="month",
        params=ForecastParams(ets_max_series=3),
    )
    pooled = pool_dealers(
        own.forecasts,
        own.forecast_steps,
        before.demand_series,
        before.series,
        tables["sites"],
        tables["parts"],
        period="month",
    )
    return tables, before, after, own, pooled


def test_the_orders_of_a_network_are_its_demand(made):
    """Dealers and counters together asked for what the DCs' series hold, period by period."""
    tables, before, *_ = made
    series = before.series.sort_values(["site_id", "part_id"], ignore_index=True)
    network = network_of(before.demand_series, series, tables["sites"], tables["parts"], "month")
    found = np.bincount(network.orders.network, weights=network.orders.pieces)
    of_dc = before.demand_series.groupby(["site_id", "part_id"])["demand"].sum()
    named = pd.MultiIndex.from_frame(series.loc[network.at_network, ["site_id", "part_id"]])
    assert found.tolist() == of_dc.reindex(named).tolist()


def test_pooling_foretells_the_tail_better_than_each_series_alone(made):
    """Tail pinball loss of the next three months falls by a tenth at least, at honest coverage."""
    _, _, after, own, pooled = made
    later = after.demand_series[after.demand_series["period"] >= pd.Timestamp(2026, 8, 1)]
    total = later.groupby(["site_id", "part_id"])["demand"].sum()
    is_dealer = pooled.forecasts["method"].eq("network").to_numpy()
    keys = pd.MultiIndex.from_frame(pooled.forecasts.loc[is_dealer, ["site_id", "part_id"]])
    actual = total.reindex(keys).fillna(0.0).to_numpy()[:, None]
    loss, within = {}, {}
    for name, table in (("own", own.forecasts), ("pooled", pooled.forecasts)):
        rows = table[is_dealer]
        found = quantile(3 * rows[["mean_per_period"]].to_numpy(), rows[["variance_to_mean"]].to_numpy(), LEVELS)
        loss[name] = pinball_loss(found, actual, LEVELS).mean()
        within[name] = (found >= actual).mean(axis=0)
    assert loss["pooled"] < 0.9 * loss["own"]
    assert 0.95 < within["pooled"][1] < 0.99
    assert 0.98 < within["pooled"][2] < 0.999


def test_listed_dealers_stay_within_the_forecast_of_their_dc(made):
    """What listed dealers get is below the DC's mean: the rest is its counter and the dealers without history."""
    tables, _, _, own, pooled = made
    supplied_by = tables["sites"].set_index("site_id")["supplied_by"]
    rows = pooled.forecasts[pooled.forecasts["method"].eq("network")]
    sums = rows.groupby([rows["site_id"].map(supplied_by), rows["part_id"]])["mean_per_period"].sum()
    whole = own.forecasts.set_index(["site_id", "part_id"])["mean_per_period"].reindex(sums.index)
    assert (sums < whole * (1 + 1e-9)).all()
    assert (rows["mean_per_period"] > 0).all()
    assert sums.sum() > 0.5 * whole.sum()


def test_dealers_share_the_trend_of_their_dc(made):
    """A DC's steps are passed on in the dealer's share, and average to the dealer's mean as they do for the DC."""
    _, _, _, own, pooled = made
    steps = own.forecast_steps[own.forecast_steps["site_id"].str.startswith("DC-")]
    shared = pooled.forecast_steps[~pooled.forecast_steps["site_id"].str.startswith("DC-")]
    assert set(shared["part_id"]) == set(steps["part_id"])
    assert not shared.duplicated(["site_id", "part_id", "step"]).any()


def test_a_reason_says_whose_share_it_is(made):
    pooled = made[-1].forecasts
    why = pooled.loc[pooled["method"].eq("network"), "why"]
    assert why.str.contains(r"^This dealer's share of the forecast of DC-\w+: .*period\(s\) with demand").all()
