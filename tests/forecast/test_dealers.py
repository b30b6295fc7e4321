"""A network's dealers, pooled: what they get, and that it foretells better."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.demand import build_demand
from partsopt.forecast.accuracy import pinball_loss
from partsopt.forecast.dealers import learnt_shares, network_of, pool_dealers
from partsopt.forecast.distribution import quantile
from partsopt.forecast.network import rate_of_pairs
from partsopt.forecast.select import forecast_demand
from partsopt.sample.network import make_sample
from partsopt.settings import DemandParams, ForecastParams
from partsopt.tables import DEMAND_LINES, SITES, STOCKOUTS, SUPERSESSIONS, conform, empty

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


@pytest.fixture(scope="module")
def long_ago():
    """P sells every month at D01 and D02, and sold once at D03, 40 months ago; Q sells at all three every month."""
    months = pd.date_range("2023-07-01", periods=40, freq="MS").astype("datetime64[us]")
    sold = [("D01", "P", 3), ("D02", "P", 1), ("D01", "Q", 1), ("D02", "Q", 1), ("D03", "Q", 1)]
    rows = [(site, part, month, pieces) for site, part, pieces in sold for month in months]
    rows.append(("D03", "P", months[0], 1))
    dealers = pd.DataFrame(rows, columns=["site_id", "part_id", "period", "demand"])
    whole = dealers.groupby(["part_id", "period"], as_index=False)["demand"].sum().assign(site_id="DC")
    demand = pd.concat([dealers, whole], ignore_index=True)
    demand = demand.assign(returned=0, is_censored=False, in_stock_share=1.0)
    series = demand[["site_id", "part_id"]].drop_duplicates(ignore_index=True)
    series = series.assign(first_period=months[0], n_periods=40)
    sites = pd.DataFrame({"site_id": ["DC", "D01", "D02", "D03"], "site_kind": ["dc", *["dealer"] * 3]})
    sites["supplied_by"] = ["", "DC", "DC", "DC"]
    parts = pd.DataFrame({"part_id": ["P", "Q"], "unit_cost": 10.0})
    params = ForecastParams(ets_max_series=0)
    own = forecast_demand(demand, series, parts, today=TODAY, period="month", params=params).forecasts
    return own, demand, series, sites, parts


def test_a_pair_silent_for_three_years_keeps_a_small_rate_where_the_part_sells(long_ago):
    own, demand, series, sites, parts = long_ago
    steps = pd.DataFrame({"site_id": [], "part_id": [], "step": [], "mean": []})
    made = pool_dealers(own, steps, demand, series, sites, parts, period="month").forecasts
    mean = made.set_index(["site_id", "part_id"])["mean_per_period"]
    assert 0 < mean["D03", "P"] < 0.1 * mean["D02", "P"] < mean["D01", "P"]


def test_dealers_and_the_counter_add_up_to_the_night_of_their_dc(long_ago):
    own, demand, series, sites, parts = long_ago
    ordered = series.sort_values(["site_id", "part_id"], ignore_index=True)
    network = network_of(demand, ordered, sites, parts, "month")
    of_dc = own.sort_values(["site_id", "part_id"], ignore_index=True).iloc[network.at_network]
    everybody, anything = np.meshgrid(np.arange(len(network.region.dealer_dc)), [0, 1])
    rates = rate_of_pairs(
        learnt_shares(network, ordered, "month"),
        network.region,
        everybody.ravel(),
        anything.ravel(),
        of_dc["mean_per_period"].to_numpy(),
        of_dc["variance_to_mean"].to_numpy(),
    )
    assert rates.mean.reshape(2, -1).sum(axis=1) == pytest.approx(of_dc["mean_per_period"].to_numpy(), rel=1e-12)
    assert (rates.mean > 0).all()


def all_rates(made, dcs: pd.DataFrame, sites: pd.DataFrame) -> pd.DataFrame:
    """Every dealer's rate of every part of its DC, from the tables alone, and whether it is a row of its own."""
    dealers = sites.loc[sites["site_kind"].eq("dealer"), ["site_id", "supplied_by"]]
    rest = made.unlisted.network_rest
    pairs = dealers.merge(rest, left_on="supplied_by", right_on="site_id", suffixes=("", "_dc"))
    pairs = pairs.merge(made.unlisted.dealer_shares, on=["site_id", "share_group"], validate="m:1")
    found = pairs.assign(rate=pairs["rate_per_share"] * pairs["share"], own=False).set_index(["site_id", "part_id"])
    for rows in (made.forecasts[~made.forecasts["site_id"].isin(dcs["site_id"])], made.unlisted.unlisted_rates):
        named = pd.MultiIndex.from_frame(rows[["site_id", "part_id"]])
        found.loc[named, "rate"] = rows["mean_per_period"].to_numpy()
        found.loc[named, "own"] = True
    return found.reset_index()


@given(st.integers(0, 10_000), st.integers(1, 5), st.booleans())
@settings(max_examples=25, deadline=None)
def test_every_pair_has_a_rate_and_all_add_up_to_the_dc(seed, n_dealers, with_cars):
    """In the tables: dealers with a row, those without, and the counter are the DC's forecast; none is 0 if it is not."""
    random = np.random.default_rng(seed)
    sites = pd.DataFrame({"site_id": ["DC1", "DC2", *[f"D{k}" for k in range(2 * n_dealers)]]})
    sites["site_kind"] = ["dc", "dc"] + ["dealer"] * (2 * n_dealers)
    sites["supplied_by"] = ["", "", *[f"DC{1 + k % 2}" for k in range(2 * n_dealers)]]
    parts = pd.DataFrame({"part_id": ["P1", "P2", "P3"], "unit_cost": [1.0, 1.0, 300.0]})
    months = pd.date_range("2025-11-01", periods=12, freq="MS").astype("datetime64[us]")
    lines = pd.DataFrame(
        {
            "demanded_on": random.choice(months, 40),
            "site_id": random.choice(sites["site_id"], 40),
            "part_id": random.choice(parts["part_id"], 40),
            "quantity": random.integers(1, 6, 40),
            "purpose": "repair",
            "is_return": False,
        }
    )
    sites = conform(sites.assign(latitude=31.0, longitude=121.0), SITES)
    demand = build_demand(
        conform(lines, DEMAND_LINES), empty(SUPERSESSIONS), empty(STOCKOUTS), sites, today=TODAY, params=DemandParams()
    )
    own = forecast_demand(
        demand.demand_series, demand.series, parts, today=TODAY, period="month", params=ForecastParams(ets_max_series=0)
    )
    cars = pd.DataFrame({"site_id": sites["site_id"][2:], "part_id": "P2", "pieces": 1.0}) if with_cars else None
    made = pool_dealers(
        own.forecasts,
        own.forecast_steps,
        demand.demand_series,
        demand.series,
        sites,
        parts,
        period="month",
        services=cars,
    )
    dcs = made.forecasts[made.forecasts["site_id"].isin(["DC1", "DC2"])]
    rates = all_rates(made, dcs, sites)
    keyed = made.unlisted.network_rest.set_index(["site_id", "part_id"])
    whole = dcs.set_index(["site_id", "part_id"])["mean_per_period"].reindex(keyed.index)
    summed = rates.groupby(["supplied_by", "part_id"])["rate"].sum().rename_axis(["site_id", "part_id"])
    assert (summed.reindex(keyed.index, fill_value=0.0) + keyed["counter_mean"]).tolist() == pytest.approx(
        whole.tolist()
    )
    others = rates[~rates["own"]].groupby(["supplied_by", "part_id"])["rate"].agg(["sum", "size"])
    others = others.rename_axis(["site_id", "part_id"]).reindex(keyed.index, fill_value=0.0)
    assert others["sum"].tolist() == pytest.approx(keyed["rest_mean"].tolist(), abs=1e-12)
    assert others["size"].tolist() == keyed["n_dealers"].tolist()
    sells = rates.set_index(["supplied_by", "part_id"]).index.map(whole) > 0
    assert ((rates["rate"] > 0) == sells).all()
