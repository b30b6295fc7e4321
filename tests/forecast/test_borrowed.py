"""What series borrow from cars, from the life of their part and from their network, all together."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from partsopt.demand import build_demand
from partsopt.forecast.borrowed import Around, borrow, with_ended_parts
from partsopt.forecast.select import forecast_demand
from partsopt.sample.network import make_sample
from partsopt.settings import DemandParams, ForecastParams

TODAY = date(2026, 11, 2)
KEY = ["site_id", "part_id"]


@pytest.fixture(scope="module")
def night():
    tables = make_sample(n_dcs=2, n_dealers=12, n_parts=200, n_months=24, seed=4)
    demand = build_demand(
        *(tables[name] for name in ("demand_lines", "supersessions", "stockouts", "sites")),
        today=TODAY,
        params=DemandParams(),
    )
    params = ForecastParams(ets_max_series=2, causal=True, lifecycle=True)
    own = forecast_demand(
        demand.demand_series, demand.series, tables["parts"], today=TODAY, period="month", params=params
    )
    return tables, demand, own, params


def borrowed(night, **changed: bool):
    tables, demand, own, params = night
    around = Around(*(tables[name] for name in ("sites", "maintenance_plan", "vehicle_parc")))
    return borrow(
        own.forecasts,
        own.forecast_steps,
        demand.demand_series,
        demand.series,
        tables["parts"],
        around,
        today=TODAY,
        period="month",
        params=replace(params, **changed),
    )


def test_nothing_is_borrowed_where_nothing_is_wanted(night):
    found = borrowed(night, pool_dealers=False, causal=False, lifecycle=False)
    assert found.forecasts.equals(night[2].forecasts)
    assert found.forecast_steps.equals(night[2].forecast_steps)


def test_every_series_keeps_its_row_and_a_rate(night):
    found = borrowed(night).forecasts
    assert found[KEY].equals(night[2].forecasts[KEY])
    assert np.isfinite(found["mean_per_period"]).all()
    dealers = found["site_id"].str.startswith("D0")
    assert found.loc[dealers, "method"].eq("network").all()
    assert not found.loc[~dealers, "method"].eq("network").any()


def test_dealers_never_have_more_than_their_dc(night):
    tables = night[0]
    found = borrowed(night).forecasts
    dc = found["site_id"].map(tables["sites"].set_index("site_id")["supplied_by"])
    sums = found[dc.ne("")].groupby([dc[dc.ne("")], "part_id"])["mean_per_period"].sum()
    whole = found.set_index(KEY)["mean_per_period"].reindex(sums.index)
    assert (sums.to_numpy() <= whole.to_numpy() * (1 + 1e-9)).all()


def test_what_is_borrowed_does_not_depend_on_the_order_of_rows(night):
    tables, demand, own, params = night
    mixed = (
        {name: table.sample(frac=1.0, random_state=1) for name, table in tables.items()},
        demand._replace(
            demand_series=demand.demand_series.sample(frac=1.0, random_state=2),
            series=demand.series.sample(frac=1.0, random_state=3),
        ),
        own._replace(forecasts=own.forecasts.sample(frac=1.0, random_state=4)),
        params,
    )
    one, other = borrowed(night), borrowed(mixed)
    pd.testing.assert_frame_equal(one.forecasts, other.forecasts, check_exact=True)
    pd.testing.assert_frame_equal(one.forecast_steps, other.forecast_steps, check_exact=True)


def test_an_ended_part_fades_with_its_steps():
    """Half a year after the last demand a quarter of rate and season is left, after a year nothing."""
    forecasts = pd.DataFrame({"site_id": "DC", "part_id": ["A", "B", "C"]})
    forecasts = forecasts.assign(mean_per_period=4.0, sd_per_period=2.0, why="As it was.")
    series = forecasts[KEY].assign(last_demand_on=pd.to_datetime(["2026-05-06", "2025-01-01", "2025-01-01"]))
    parts = pd.DataFrame({"part_id": ["A", "B", "C"], "lifecycle": ["ended", "ended", "active"]})
    steps = forecasts[KEY].assign(step=1, mean=8.0)
    found = with_ended_parts(forecasts, steps, series, parts, today=TODAY)
    assert found.forecasts["mean_per_period"].tolist() == [1.0, 0.0, 4.0]
    assert found.forecasts["sd_per_period"].tolist() == [2.0, 0.0, 2.0]
    assert found.forecast_steps["mean"].tolist() == [2.0, 0.0, 8.0]
    assert found.forecasts["why"].tolist() == [
        "As it was. Its life has ended: 25 % of that is left after 180 days without demand.",
        "As it was. Its life has ended: 0 % of that is left after 670 days without demand.",
        "As it was.",
    ]
