"""What the forecast of a night promises, each seen on the sample network with one thing changed."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from partsopt.demand import Demand, build_demand
from partsopt.forecast.borrowed import Around, borrow
from partsopt.forecast.dealers import learnt_shares, network_of
from partsopt.forecast.network import rate_of_pairs
from partsopt.forecast.select import forecast_demand
from partsopt.pipeline import plan_levels
from partsopt.settings import DemandParams, ForecastParams, Settings
from partsopt.store.readers import read_inputs
from partsopt.tables import STOCKOUTS, Tables, conform

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample"
TODAY = date(2026, 11, 2)
PLAIN = ForecastParams(ets_max_series=0, causal=False)
KEY = ["site_id", "part_id"]


class Night(NamedTuple):
    """The first two stages of a night."""

    demand: Demand
    forecasts: pd.DataFrame
    told: set[str]

    def mean(self, site: str, part: str) -> float:
        return float(self.forecasts.set_index(KEY).loc[(site, part), "mean_per_period"])


def night_of(tables: Tables, params: ForecastParams = PLAIN) -> Night:
    sites, parts = tables["sites"], tables["parts"]
    demand = build_demand(
        tables["demand_lines"], tables["supersessions"], tables["stockouts"], sites, today=TODAY, params=DemandParams()
    )
    told = {"today": TODAY, "period": "month", "params": params}
    found = forecast_demand(demand.demand_series, demand.series, parts, sites=sites, **told)
    around = Around(sites, tables["maintenance_plan"], tables["vehicle_parc"])
    borrowed = borrow(found.forecasts, found.forecast_steps, demand.demand_series, demand.series, parts, around, **told)
    return Night(demand, borrowed.forecasts, set(borrowed.exceptions["code"]))


@pytest.fixture(scope="module")
def tables() -> Tables:
    return read_inputs(SAMPLE, Settings().read).tables


@pytest.fixture(scope="module")
def night(tables: Tables) -> Night:
    return night_of(tables)


@pytest.fixture(scope="module")
def busiest(tables: Tables, night: Night) -> tuple[str, str]:
    """The DC and part of the most pieces."""
    dcs = tables["sites"].loc[tables["sites"]["site_kind"].eq("dc"), "site_id"]
    rows = night.forecasts[night.forecasts["site_id"].isin(dcs)]
    site, part = rows.loc[rows["mean_per_period"].idxmax(), KEY]
    return str(site), str(part)


def test_all_dealers_and_counters_add_up_to_the_forecast_of_their_dc(tables, night):
    """Listed pairs have the very rates of the sum; pairs that never asked have one above zero where the part sells."""
    series = night.demand.series.sort_values(KEY, ignore_index=True)
    forecasts = night.forecasts.sort_values(KEY, ignore_index=True)
    network = network_of(night.demand.demand_series, series, tables["sites"], tables["parts"], "month")
    at_dc = forecasts.iloc[network.at_network]
    dealer, part = np.nonzero(network.region.dealer_dc[:, None] == network.region.network_dc[None, :])
    mean, ratio = (at_dc[name].to_numpy() for name in ("mean_per_period", "variance_to_mean"))
    rates = rate_of_pairs(learnt_shares(network, series, "month"), network.region, dealer, part, mean, ratio)
    np.testing.assert_allclose(np.bincount(part, weights=rates.mean, minlength=len(mean)), mean, rtol=1e-9)
    assert ((rates.mean > 0) == (mean[part] > 0)).all()
    listed = pd.Series(rates.mean, index=pd.MultiIndex.from_arrays([dealer, part]))
    pairs = pd.MultiIndex.from_arrays([network.pair_dealer, network.pair_network])
    np.testing.assert_allclose(
        forecasts["mean_per_period"].to_numpy()[network.at_pair], listed.loc[pairs].to_numpy(), rtol=1e-9
    )


def test_a_part_that_has_ended_fades_to_zero(tables, night, busiest):
    """The busiest part sold last month: a part of its rate is left. One silent for a year and more has none."""
    site, part = busiest
    last = night.demand.series.groupby("part_id")["last_demand_on"].max()
    silent = last.index[last < pd.Timestamp(TODAY) - pd.Timedelta(days=366)]
    assert len(silent)
    parts = tables["parts"].assign(lifecycle=tables["parts"]["lifecycle"].astype(object))
    parts.loc[parts["part_id"].isin([part, *silent]), "lifecycle"] = "ended"
    ended = night_of({**tables, "parts": parts})
    assert 0.5 * night.mean(site, part) < ended.mean(site, part) < night.mean(site, part)
    assert ended.forecasts.loc[ended.forecasts["part_id"].isin(silent), "mean_per_period"].eq(0).all()


def test_months_out_of_stock_are_not_months_without_demand(tables, busiest):
    """Without its last three months of lines the busiest part falls; told as stock-outs they count for nothing."""
    site, part = busiest
    lines = tables["demand_lines"]
    gone = lines["part_id"].eq(part) & lines["demanded_on"].ge("2026-08-01")
    fewer = {**tables, "demand_lines": lines[~gone].reset_index(drop=True)}
    sites = tables["sites"]["site_id"]
    out = pd.DataFrame({"site_id": sites, "part_id": part, "from_on": pd.Timestamp("2026-08-01")})
    out["until_on"] = pd.Timestamp("2026-10-31")
    told = {**fewer, "stockouts": conform(pd.concat([tables["stockouts"], out], ignore_index=True), STOCKOUTS)}
    assert night_of(told).mean(site, part) > 1.2 * night_of(fewer).mean(site, part)


def test_a_campaign_moves_no_forecast_and_is_flagged(tables, night, busiest):
    site, part = busiest
    lines = tables["demand_lines"]
    dealer = lines.loc[lines["part_id"].eq(part), "site_id"].iloc[0]
    recall = (
        lines[lines["part_id"].eq(part) & lines["site_id"].eq(dealer)]
        .tail(1)
        .assign(demanded_on=pd.Timestamp("2026-10-12"), quantity=500, purpose="campaign")
    )
    made = night_of({**tables, "demand_lines": pd.concat([lines, recall], ignore_index=True)})
    assert made.mean(site, part) == pytest.approx(night.mean(site, part), rel=1e-12)
    told = made.demand.exceptions
    assert part in set(told.loc[told["code"].eq("campaign_left_out"), "part_id"])


def test_cars_whose_services_come_are_heard_in_the_night(tables):
    """With cars on, parts of the maintenance plan have the method causal or it is told that cars foretold no better."""
    params = ForecastParams(ets_max_series=0)
    with_cars = night_of(tables, params)
    causal = with_cars.forecasts["method"].eq("causal")
    assert causal.any() != ("cars_unused" in with_cars.told)
    assert set(with_cars.forecasts.loc[causal, "part_id"]) <= set(tables["maintenance_plan"]["part_id"])


def test_booked_repairs_are_known_demand_and_not_forecast_twice(tables):
    """A booking of 30 pieces inside the protection interval: 30 fewer in the position, and no higher level."""
    settings = Settings()
    before = plan_levels(tables, settings, TODAY, lambda *_: None).replenishment
    dealers = tables["sites"].loc[tables["sites"]["site_kind"].eq("dealer"), "site_id"]
    levels = before.levels[before.levels["site_id"].isin(dealers) & before.levels["order_up_to_level"].gt(2)]
    site, part = levels.sort_values("order_up_to_level").iloc[-1][KEY]
    booked = pd.DataFrame(
        {"appointment_id": ["R-9999"], "part_id": [part], "site_id": [site], "quantity": [30], "needed_on": [TODAY]}
    ).astype(tables["reservations"].dtypes.to_dict())
    more = {**tables, "reservations": pd.concat([tables["reservations"], booked], ignore_index=True)}
    after = plan_levels(more, settings, TODAY, lambda *_: None).replenishment
    then, now = (one.positions.set_index(KEY).loc[(site, part)] for one in (before, after))
    assert now["reserved"] == then["reserved"] + 30
    assert now["inventory_position"] == then["inventory_position"] - 30
    then, now = (one.levels.set_index(KEY).loc[(site, part)] for one in (before, after))
    assert now["order_up_to_level"] <= then["order_up_to_level"]
