"""Pooling many sparse series in the night: block by block, with the same answer as all at once."""

from __future__ import annotations

import sys
from datetime import date

import numpy as np
import pandas as pd
import pytest

from partsopt.errors import SettingsError
from partsopt.forecast import panel
from partsopt.forecast.pooled_blocks import price_bands
from partsopt.forecast.predictive import fit_predictive
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


def test_the_night_says_over_any_horizon_what_the_forecast_object_says():
    """Falling demand with a season: means over 1, 4 and 12 months by market steps, variance by its growth."""
    rng = np.random.default_rng(5)
    n_series, n_periods = 1_000, 60
    month = np.arange(n_periods)
    level = 1.0 + 0.5 * np.sin(2 * np.pi * month / 12) - 0.006 * month
    pieces = rng.poisson(rng.gamma(2.0, 1.0, n_series)[:, None] * level)
    pieces[:, 0] = 1
    months = pd.date_range(end="2026-10-01", periods=n_periods, freq="MS").astype("datetime64[us]")
    part = np.array([f"P{i:04d}" for i in range(n_series)], dtype=object)
    row, column = np.nonzero(pieces)
    demand = pd.DataFrame({"site_id": "DC", "part_id": part[row], "period": months[column]})
    demand = demand.assign(demand=pieces[row, column], returned=0, is_censored=False, in_stock_share=1.0)
    series = pd.DataFrame({"site_id": "DC", "part_id": part, "first_period": months[0], "n_periods": n_periods})
    parts = pd.DataFrame({"part_id": part, "unit_cost": 1.0})
    sites = pd.DataFrame({"site_id": ["DC"], "site_kind": ["dc"]})
    given = {"today": date(2026, 11, 21), "period": "month", "params": ForecastParams(ets_max_series=0)}
    made = forecast_demand(demand, series, parts, sites=sites, **given)
    alone = fit_predictive(pieces.astype(float), period="month", groups={"price": np.zeros(n_series)})
    steps = made.market_steps.set_index("step")["factor"]
    assert steps.index.tolist() == list(range(1, 13))
    ratio, growth = (made.forecasts[name].to_numpy() for name in ("variance_to_mean", "variance_growth"))
    for horizon in (1, 4, 12):
        mean = made.forecasts["mean_per_period"].sum() * steps[:horizon].sum()
        assert mean == pytest.approx(alone.mean(horizon).sum(), rel=0.01)
        wide = ratio + growth * (horizon - 1)
        expected = alone.sd(horizon) ** 2 / alone.mean(horizon)
        assert np.median(np.abs(wide / expected - 1.0)) < 0.12
    assert not forecast_demand(demand, series, parts, **given).market_steps.shape[0]


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
    assert "those of the pooled forecast" in made.loc["WAVE", "why"]
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


def with_more(inputs, pieces, shares=None, name="X"):
    """The tables with some series more, their pieces given by row, all at D1."""
    demand, series, parts = inputs
    months = pd.date_range(end="2026-10-01", periods=N_PERIODS, freq="MS").astype("datetime64[us]")
    names = np.array([f"{name}{i:03d}" for i in range(len(pieces))], dtype=object)
    shown = np.ones(np.shape(pieces)) if shares is None else np.asarray(shares)
    row, column = np.nonzero((np.asarray(pieces) > 0) | (shown < 1))
    rows = pd.DataFrame({"site_id": "D1", "part_id": names[row], "period": months[column]})
    rows = rows.assign(demand=np.asarray(pieces)[row, column], returned=0, in_stock_share=shown[row, column])
    rows["is_censored"] = rows["in_stock_share"] < 0.75
    more = pd.DataFrame({"site_id": "D1", "part_id": names, "first_period": months[0], "n_periods": N_PERIODS})
    cost = pd.DataFrame({"part_id": names, "unit_cost": 20.0})
    both = zip((demand, series, parts), (rows, more, cost), strict=True)
    return [pd.concat(pair, ignore_index=True) for pair in both]


def test_a_part_out_of_stock_half_of_the_time_keeps_its_rate():
    """Ten parts ask for ten a month; in half of each month there is no stock, so five are seen: the rate is ten."""
    inputs = tables()[1:]
    seen = np.random.default_rng(3).poisson(5.0, (10, N_PERIODS))
    made = forecast(*with_more(inputs, seen, np.full(seen.shape, 0.5)))
    out = made[made["part_id"].str.startswith("X")]
    assert set(out["method"]) == {"pooled"}
    whole = forecast(*with_more(inputs, 2 * seen))
    always = whole.loc[whole["part_id"].str.startswith("X"), "mean_per_period"].mean()
    assert out["mean_per_period"].mean() == pytest.approx(always, rel=0.1)
    assert always == pytest.approx(10.0, rel=0.15)
    low = forecast(*with_more(inputs, seen))
    assert low.loc[low["part_id"].str.startswith("X"), "mean_per_period"].mean() == pytest.approx(5.0, rel=0.12)


def test_months_without_any_stock_are_not_read_as_zero():
    """Out of stock for the whole last year: the rate of the year before, not half of it and not nothing."""
    inputs = tables()[1:]
    pieces = np.random.default_rng(4).poisson(10.0, (10, N_PERIODS))
    share = np.ones(pieces.shape)
    pieces[:, -12:], share[:, -12:] = 0, 0.0
    made = forecast(*with_more(inputs, pieces, share))
    out = made.loc[made["part_id"].str.startswith("X"), "mean_per_period"]
    assert out.mean() == pytest.approx(10.0, rel=0.15)


@pytest.mark.parametrize("n_series", [300, 20], ids=["pooled", "each alone"])
def test_a_part_that_stopped_fades(n_series):
    """Ten a month until a year ago, nothing since: half a percent is left at most, where each is alone a tenth."""
    pieces = np.full((2, N_PERIODS), 10)
    pieces[1, -12:] = 0
    made = forecast(*with_more(tables(n_series)[1:], pieces)).set_index("part_id")["mean_per_period"]
    assert made["X001"] < (0.05 if n_series == 300 else 1.0)
    assert made["X000"] > 7.0


def test_a_part_borrows_from_its_group():
    """Filters sell two a month and frames one in five months, at one price; a new one of each sold its first piece."""
    rng = np.random.default_rng(6)
    group = np.where(np.arange(400) % 2 == 0, "filters", "frames")
    pieces = rng.poisson(np.where(group == "filters", 2.0, 0.2)[:, None], (400, N_PERIODS))
    pieces = np.concatenate([pieces, np.zeros((2, N_PERIODS), dtype=int)])
    began = np.append(np.arange(400) // 2 % 20, [N_PERIODS - 1] * 2)
    pieces[np.arange(N_PERIODS) < began[:, None]] = 0
    pieces[np.arange(402), began] = 1
    _, demand, series, parts = tables(0)
    demand, series, parts = with_more((demand, series, parts), pieces, name="G")
    series["n_periods"] = N_PERIODS - began
    series["first_period"] = pd.date_range(end="2026-10-01", periods=N_PERIODS, freq="MS").astype("datetime64[us]")[
        began
    ]
    made = forecast(demand, series, parts.assign(part_group=[*group, "filters", "frames"])).set_index("part_id")
    filter_, frame = made.loc["G400"], made.loc["G401"]
    assert filter_["mean_per_period"] == pytest.approx(2.0, rel=0.25)
    assert frame["mean_per_period"] == pytest.approx(0.2, abs=0.15)
    assert filter_["why"].endswith("as would have foretold best 340 others at that age.")
    alone = forecast(demand, series, parts).set_index("part_id")["mean_per_period"]
    assert alone["G400"] == alone["G401"]


def test_the_learner_is_averaged_in_where_it_helps():
    """Parts that sell three months of every six: boosting sees the turns coming, the pooled mean does not."""
    pytest.importorskip("lightgbm", reason="the learner's extra is not installed: pip install 'partsopt[ml]'")
    rng = np.random.default_rng(9)
    size, phase = rng.integers(1, 9, 400), rng.integers(0, 6, 400)
    pieces = np.where((np.arange(N_PERIODS) + phase[:, None]) % 6 < 3, size[:, None], 0)
    inputs = with_more([table[:0] for table in tables(1)[1:]], pieces, name="L")
    pooled, learnt = forecast(*inputs), forecast(*inputs, learner=True)
    again = forecast(*inputs, learner=True)
    pd.testing.assert_frame_equal(learnt, again, check_exact=True)
    assert learnt["why"].str.contains(r"Gradient boosting over all series counts (?:25|50|67|75) %\.$").all()
    ahead = np.arange(N_PERIODS, N_PERIODS + 3)
    truth = size * ((ahead + phase[:, None]) % 6 < 3).mean(axis=1)
    assert (learnt["mean_per_period"] - truth).abs().sum() < 0.6 * (pooled["mean_per_period"] - truth).abs().sum()


def test_the_learner_without_its_library_is_refused_with_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    _, *inputs = tables()
    with pytest.raises(
        SettingsError, match=r"needs LightGBM, which is not installed\. Install it: pip install 'partsopt\[ml\]'"
    ):
        forecast(*inputs, learner=True)


def test_a_learner_that_does_not_help_is_not_used_and_it_is_told():
    """Eight months of history are too short to learn from."""
    pytest.importorskip("lightgbm", reason="the learner's extra is not installed: pip install 'partsopt[ml]'")
    rng = np.random.default_rng(3)
    pieces = rng.poisson(2.0, (900, N_PERIODS))
    demand, series, parts = with_more([table[:0] for table in tables(1)[1:]], pieces, name="S")
    recent = pd.Timestamp("2026-03-01")
    short = series.assign(first_period=recent, n_periods=8)
    made = forecast_demand(
        demand[demand["period"] >= recent],
        short,
        parts,
        today=date(2026, 11, 21),
        period="month",
        params=ForecastParams(ets_max_series=0, learner=True),
    )
    assert made.exceptions["code"].tolist() == ["learner_unused"]
    assert not made.forecasts["why"].str.contains("boosting").any()
