"""Maintenance parts: what the cars need, and how much of it comes."""

from __future__ import annotations

from datetime import date
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.forecast.causal import (
    SERVICE_CV,
    SHAPES,
    TRIED,
    OwnForecast,
    believed_orders,
    capture,
    gains_of_cars,
    join_causal,
    joined_rate,
    likeliest_shape,
    service_demand,
    service_interval,
    services_by_age,
    shrunk_factor,
    theoretical_demand,
)
from partsopt.forecast.select import forecast_before, forecast_demand
from partsopt.settings import ForecastParams
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


def test_cars_are_believed_if_they_foretold_better_beyond_chance():
    """400 pairs with one order a period; the series says a half. Cars that say one help, cars that say a tenth do not."""
    random = np.random.Generator(np.random.PCG64(7))
    total = random.poisson(3.0, 400).astype(float)
    own = OwnForecast(np.full(400, 0.5), np.ones(400), np.full(400, 6.0), np.full(400, 12.0))
    gains = {cars: gains_of_cars(own, np.full(400, cars), np.ones(400), total, 3.0) for cars in (1.0, 0.5, 0.1)}
    assert TRIED[believed_orders(gains[1.0])] >= 32
    assert believed_orders(gains[0.5]) == -1
    assert believed_orders(gains[0.1]) == -1
    assert believed_orders(gains[1.0][:, :1]) == -1  # one pair proves nothing


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


def need(back: float, ahead: float = 1.0) -> float:
    """Pieces that a dealer's cars need: 60 old ones, and 60 more sold every quarter since May 2024, once a year each."""
    cohorts = [239.5, *(30.5 - 3.0 * k for k in range(10))]
    count = len(cohorts)
    return float(
        theoretical_demand(
            np.full(count, 60.0), np.array(cohorts), np.full(count, 12.0), np.ones(count), -back, ahead - back
        ).sum()
    )


@pytest.fixture(scope="module")
def growing():
    """Oil filters at 40 dealers: half of all due services come, and every quarter more are due."""
    random = np.random.Generator(np.random.PCG64(6))
    dealers = [f"D{n:02d}" for n in range(40)]
    sites = pd.DataFrame({"site_id": dealers, "site_kind": "dealer", "supplied_by": ""})
    sold = [pd.Timestamp(2024, 5, 1) + pd.DateOffset(months=3 * k) for k in range(10)]
    cars = pd.concat([parc(dict.fromkeys(dealers, 60), str(day.date())) for day in [pd.Timestamp("2006-11-01"), *sold]])
    months = pd.date_range("2024-11-01", periods=24, freq="MS")
    rows = [
        (dealer, "P1", month, random.poisson(need(back) / 2))
        for dealer in dealers
        for back, month in zip(range(24, 0, -1), months, strict=True)
    ]
    demand = pd.DataFrame(rows, columns=["site_id", "part_id", "period", "demand"])
    demand = demand[demand["demand"] > 0].assign(returned=0, is_censored=False, in_stock_share=1.0)
    demand["period"] = demand["period"].astype("datetime64[us]")
    series = pd.DataFrame({"site_id": dealers, "part_id": "P1", "first_period": months[0], "n_periods": 24})
    parts = pd.DataFrame({"part_id": ["P1"], "unit_cost": [5.0], "part_group": ["filters"]})
    return demand, series, parts, sites, cars


def night(growing, vehicles: pd.DataFrame):
    """What the series say, and joined with cars."""
    demand, series, parts, sites, _ = growing
    same = {"today": TODAY, "period": "month", "params": ForecastParams(ets_max_series=0)}
    own = forecast_demand(demand, series, parts, **same).forecasts

    def before(periods_ago: int) -> pd.DataFrame:
        return forecast_before(demand, series, parts, **same, periods_ago=periods_ago)

    needed = partial(service_demand, plan(quantity=1), vehicles, sites)
    return own, join_causal(own, demand, series, parts, needed, before, today=TODAY, period="month")


def test_cars_whose_first_service_is_due_raise_the_forecast(growing):
    """Half of what the cars will need comes; the series lag behind it, joined with cars they hardly do."""
    own, (joined, exceptions) = night(growing, growing[-1])
    truth = need(0.0, 3.0) / 3 / 2
    before = (own["mean_per_period"] - truth).abs().mean()
    after = (joined["mean_per_period"] - truth).abs().mean()
    assert after < 0.5 * before
    assert joined["method"].eq("causal").all()
    says = r"The cars around need some .* pieces a year, of which 4\d|5\d % are asked for here\. This counts .* %"
    assert joined["why"].str.contains(says).all()
    assert exceptions.empty


def test_cars_that_foretold_no_better_are_not_used_and_it_is_told(growing):
    """Cars drawn apart from demand, many at dealers that sell little: everything stays, with one exception."""
    random = np.random.Generator(np.random.PCG64(8))
    cars = growing[-1].assign(vehicles=random.permutation(np.geomspace(1, 4000, len(growing[-1]))).astype(int))
    cars["registered_month"] = pd.Timestamp("2006-11-01")
    own, (joined, exceptions) = night(growing, cars)
    assert joined.equals(own)
    assert exceptions["code"].tolist() == ["cars_unused"]
    assert exceptions["what"][0] == "tried on 40 site-parts at 4 origins: no better than demand alone"


def test_a_short_history_cannot_try_cars(growing):
    demand, series, parts, sites, cars = growing
    recent = demand[demand["period"] >= pd.Timestamp("2026-01-01")]
    short = series.assign(first_period=pd.Timestamp("2026-01-01"), n_periods=10)
    _, (joined, exceptions) = night((recent, short, parts, sites, cars), cars)
    assert not joined["method"].eq("causal").any()
    assert exceptions["what"].tolist() == ["the history is too short to try what cars say on past totals"]
