"""Maintenance parts: what the cars need, and how much of it comes."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.demand import build_demand
from partsopt.forecast.causal import (
    SERVICE_CV,
    SHAPES,
    believable_shape,
    capture,
    join_causal,
    joined_rate,
    likeliest_shape,
    service_demand,
    service_interval,
    services_by_age,
    shrunk_factor,
    theoretical_demand,
)
from partsopt.forecast.select import forecast_demand
from partsopt.sample.network import make_sample
from partsopt.settings import DemandParams, ForecastParams
from tests.reference import reference_services, reference_shape_score

TODAY = date(2026, 11, 2)


def test_the_shorter_interval_decides():
    """10,000 km at 1,000 km a month come before 12 months, at 500 km a month after; no km interval leaves the months."""
    months, km = np.array([12.0, 12.0, 12.0, np.nan]), np.array([1e4, 1e4, np.nan, 1e4])
    found = service_interval(months, km, np.array([1000.0, 500.0, 1000.0, 0.0]))
    assert found.tolist() == [10.0, 12.0, 12.0, np.inf]


@pytest.mark.parametrize("age", [6.0, 11.0, 14.0, 30.0, 200.0])
def test_services_match_a_simulation_of_cars(age: float):
    random = np.random.Generator(np.random.PCG64(2))
    draws = random.gamma(1 / SERVICE_CV**2, SERVICE_CV**2, (4000, 30)).tolist()
    told = float(services_by_age(np.array([age / 12.0]))[0])
    assert told == pytest.approx(reference_services(age, 12.0, draws), abs=0.03)


def test_the_table_of_services_runs_into_its_limit():
    """At the end of the table the exact sum and the asymptote agree, so nothing jumps there."""
    at = services_by_age(np.array([11.999999, 12.000001]))
    assert at[1] - at[0] == pytest.approx(0.0, abs=1e-5)


def test_new_cars_need_their_first_service_about_an_interval_after_they_were_sold():
    """100 cars of 3 months need nothing in the coming quarter; at 10 months some three quarters of them come."""
    args = (np.full(3, 100.0), np.array([3.0, 10.5, 240.0]), np.full(3, 12.0), np.ones(3))
    found = theoretical_demand(*args, 0.0, 3.0)
    assert found[0] < 2
    assert 35 < found[1] < 60
    assert found[2] == pytest.approx(25.0)


def test_cars_not_yet_registered_needed_nothing_before():
    """Cars of six months cannot have had services more than six months ago."""
    found = theoretical_demand(np.array([100.0]), np.array([6.0]), np.array([1.0]), np.ones(1), -24.0, -6.0)
    assert found.tolist() == [0.0]


@given(
    st.lists(st.tuples(st.integers(0, 30), st.floats(0.01, 50.0)), min_size=1, max_size=12),
)
@settings(max_examples=60, deadline=None)
def test_the_likeliest_shape_is_that_of_loops(members: list[tuple[int, float]]):
    orders, expected = (list(one) for one in zip(*members, strict=True))
    scores = [reference_shape_score(orders, expected, float(shape)) for shape in SHAPES]
    found = likeliest_shape(np.array(orders, dtype=float), np.array(expected))
    assert scores[SHAPES.tolist().index(found)] == pytest.approx(max(scores), abs=1e-6)


def test_a_shape_is_found_again():
    """10,000 members drawn with shape 2 around their expectations."""
    random = np.random.Generator(np.random.PCG64(3))
    expected = random.uniform(0.2, 5.0, 10_000)
    orders = random.poisson(expected * random.gamma(2.0, 0.5, 10_000))
    assert likeliest_shape(orders.astype(float), expected) == 2.0


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from([0.0, 0.01, 0.7, 3.0, 50.0])), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_a_factor_lies_between_one_and_what_was_seen(members: list[tuple[int, float]]):
    orders, expected = (np.array(one, dtype=float) for one in zip(*members, strict=True))
    factor = shrunk_factor(orders, expected)
    seen = np.where(expected > 0, orders / np.where(expected > 0, expected, 1.0), np.inf)
    assert (factor >= np.minimum(1.0, seen) - 1e-9).all()
    assert (factor <= np.maximum(1.0, seen) + 1e-9).all()


def test_capture_is_learnt_by_group_part_and_site():
    """Two groups of ten parts at 20 sites: shares 0.6 and 0.2 are found, and that every other site gets half."""
    random = np.random.Generator(np.random.PCG64(4))
    site, part = (one.ravel() for one in np.indices((20, 20)))
    group = np.arange(20) // 10
    theoretical = random.uniform(20.0, 60.0, 400)
    truth = np.array([0.6, 0.2])[group[part]] * np.where(site % 2 == 1, 0.5, 1.0)
    found = capture(random.poisson(theoretical * truth).astype(float), theoretical, site, part, group)
    assert found.of_group == pytest.approx([0.45, 0.15], rel=0.08)
    assert found.of_site[1::2].mean() / found.of_site[::2].mean() == pytest.approx(0.5, abs=0.04)
    assert np.abs(found.share - truth).mean() < 0.04
    assert found.shape >= 32


def test_nothing_seen_leaves_nothing_captured():
    zero = np.zeros(3, dtype=int)
    assert capture(np.zeros(3), np.ones(3), np.arange(3), zero, zero[:1]).share.tolist() == [0.0, 0.0, 0.0]


@given(st.integers(0, 50), st.floats(0.5, 60.0), st.floats(1e-3, 20.0), st.sampled_from(SHAPES.tolist()))
@settings(max_examples=80, deadline=None)
def test_the_joined_rate_lies_between_both(own_orders: int, own_time: float, cars: float, shape: float):
    found = float(joined_rate(np.array([own_orders]), np.array([own_time]), np.array([cars]), shape)[0])
    own = own_orders / own_time
    assert min(own, cars) * (1 - 1e-9) <= found <= max(own, cars) * (1 + 1e-9)
    assert found > 0


def test_cars_are_believed_as_far_as_later_orders_do_not_refute_them():
    """400 pairs with one order a period: cars that say one are believed wholly, cars that say three hardly."""
    random = np.random.Generator(np.random.PCG64(7))
    before, later = random.poisson(6.0, 400).astype(float), random.poisson(6.0, 400).astype(float)
    time = np.full(400, 6.0)
    assert believable_shape(before, time, np.full(400, 1.0), later, 6.0) == SHAPES[-1]
    assert believable_shape(before, time, np.full(400, 3.0), later, 6.0) <= 1.0
    assert believable_shape(before, time, np.zeros(400), later, 6.0) == 0.0


# --------------------------------------------------------------------------- tables


def plan(**changed: object) -> pd.DataFrame:
    row = {"model_id": "S3", "part_id": "P1", "every_km": np.nan, "every_months": 12.0, "quantity": 2} | changed
    return pd.DataFrame([row])


def parc(vehicles: dict[str, int], registered: str = "2006-11-01") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "site_id": list(vehicles),
            "model_id": "S3",
            "registered_month": pd.Timestamp(registered),
            "vehicles": list(vehicles.values()),
            "km_per_month": 1000.0,
        }
    )


SITES = pd.DataFrame(
    {"site_id": ["DC", "D01", "D02"], "site_kind": ["dc", "dealer", "dealer"], "supplied_by": ["", "DC", "DC"]}
)


def test_services_of_a_dc_are_those_of_its_dealers():
    """120 and 60 old cars with two pieces every 12 months need 60 and 30 in a quarter, and the DC 90."""
    span = {"today": TODAY, "from_months": 0.0, "until_months": 3.0}
    found = service_demand(plan(), parc({"D01": 120, "D02": 60}), SITES, **span)
    assert found[["site_id", "part_id"]].to_numpy().tolist() == [["D01", "P1"], ["D02", "P1"], ["DC", "P1"]]
    assert found["pieces"].tolist() == pytest.approx([60.0, 30.0, 90.0])


@pytest.fixture(scope="module")
def growing():
    """Oil filters at ten dealers: half of all due services come; cars sold 13 months ago double the need ahead."""
    random = np.random.Generator(np.random.PCG64(6))
    dealers = [f"D{n:02d}" for n in range(10)]
    sites = pd.DataFrame({"site_id": [*dealers, "DC"], "site_kind": ["dealer"] * 10 + ["dc"]})
    sites["supplied_by"] = ["DC"] * 10 + [""]
    cars = pd.concat([parc(dict.fromkeys(dealers, 120)), parc(dict.fromkeys(dealers, 120), "2025-11-01")])
    months = pd.date_range("2024-11-01", periods=24, freq="MS")
    rows = []
    for dealer in dealers:
        for back, month in zip(range(24, 0, -1), months, strict=True):
            need = theoretical_demand(
                np.full(2, 120.0), np.array([239.5, 11.5]), np.full(2, 12.0), np.ones(2), -float(back), 1.0 - back
            ).sum()
            rows.append((dealer, "P1", month, random.poisson(need / 2)))
    demand = pd.DataFrame(rows, columns=["site_id", "part_id", "period", "demand"])
    demand = pd.concat(
        [demand, demand.groupby(["part_id", "period"], as_index=False)["demand"].sum().assign(site_id="DC")]
    )
    demand = demand[demand["demand"] > 0].assign(returned=0, is_censored=False, in_stock_share=1.0)
    series = demand.groupby(["site_id", "part_id"], as_index=False)["period"].min()
    series["first_period"] = series["period"]
    series["n_periods"] = (2026 - series["period"].dt.year) * 12 + 11 - series["period"].dt.month
    parts = pd.DataFrame({"part_id": ["P1"], "unit_cost": [5.0], "part_group": ["filters"]})
    own = forecast_demand(
        demand, series, parts, today=TODAY, period="month", params=ForecastParams(ets_max_series=0)
    ).forecasts
    return own, join_causal(own, demand, series, sites, parts, plan(quantity=1), cars, today=TODAY)


def test_cars_whose_first_service_is_due_raise_the_forecast(growing):
    """Truth ahead is some 10 (old cars: 5) a month and dealer; history alone says 5 to 6, with the cars more."""
    own, joined = growing
    ahead = theoretical_demand(np.full(2, 120.0), np.array([239.5, 11.5]), np.full(2, 12.0), np.ones(2), 0.0, 3.0)
    truth = ahead.sum() / 3 / 2
    is_dealer = own["site_id"].ne("DC")
    before = (own.loc[is_dealer, "mean_per_period"] - truth).abs().mean()
    after = (joined.loc[is_dealer, "mean_per_period"] - truth).abs().mean()
    assert after < 0.75 * before
    assert joined["method"].eq("causal").all()
    assert (
        joined["why"]
        .str.contains(r"The cars around need some .* pieces a year, of which .* % are asked for here")
        .all()
    )


def test_cars_that_have_nothing_to_do_with_demand_hardly_count():
    """The sample's cars are drawn apart from its demand: they are given little weight and change little."""
    tables = make_sample(n_dcs=1, n_dealers=10, n_parts=200, n_months=24, seed=2)
    demand = build_demand(
        *(tables[name] for name in ("demand_lines", "supersessions", "stockouts", "sites")),
        today=TODAY,
        params=DemandParams(),
    )
    own = forecast_demand(
        demand.demand_series,
        demand.series,
        tables["parts"],
        today=TODAY,
        period="month",
        params=ForecastParams(ets_max_series=0),
    ).forecasts
    joined = join_causal(
        own,
        demand.demand_series,
        demand.series,
        *(tables[name] for name in ("sites", "parts", "maintenance_plan", "vehicle_parc")),
        today=TODAY,
    )
    is_joined = joined["method"].eq("causal").to_numpy()
    assert is_joined.any()
    assert joined[~is_joined].equals(own[~is_joined])
    assert not joined.loc[~joined["part_id"].isin(tables["maintenance_plan"]["part_id"]), "method"].eq("causal").any()
    assert (joined["mean_per_period"] >= 0).all()


def test_without_a_plan_nothing_changes(growing):
    own, _ = growing
    same = join_causal(own, *(pd.DataFrame() for _ in range(6)), today=TODAY)
    assert same.equals(own)
