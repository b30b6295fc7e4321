from __future__ import annotations

import re
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import TableError
from partsopt.forecast import panel, select
from partsopt.forecast.distribution import quantile
from partsopt.forecast.select import Forecasts, forecast_demand, pooled_variance_to_mean, silence
from partsopt.settings import ForecastParams
from tests.reference import reference_pooled_ratio, reference_silence

TODAY = date(2026, 11, 21)


def tables_of(many: dict[str, list]) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Demand, series and parts at site D1; a period is its demand, or (demand, in-stock share) where censored."""
    months = pd.date_range(end="2026-10-01", periods=max(len(values) for values in many.values()), freq="MS")
    rows, series = [], []
    for part_id, values in many.items():
        own = months[len(months) - len(values) :]
        series.append(("D1", part_id, own[0], len(values)))
        for period, value in zip(own, values, strict=True):
            demand, share = value if isinstance(value, tuple) else (value, 1.0)
            if demand or share < 1:
                rows.append(("D1", part_id, period, int(demand), 0, share < 1, share))
    demand_columns = ["site_id", "part_id", "period", "demand", "returned", "is_censored", "in_stock_share"]
    return (
        pd.DataFrame(rows, columns=demand_columns).astype({"period": "datetime64[us]"}),
        pd.DataFrame(series, columns=["site_id", "part_id", "first_period", "n_periods"]),
        pd.DataFrame({"part_id": list(many), "unit_cost": 10.0}),
    )


def forecast(many: dict[str, list], **params: object) -> Forecasts:
    return forecast_demand(
        *tables_of(many), today=TODAY, period="month", params=ForecastParams(**{"ets_max_series": 0, **params})
    )


def of(made: Forecasts, part_id: str) -> pd.Series:
    return made.forecasts.set_index("part_id").loc[part_id]


# --------------------------------------------------------------------------- methods


def test_no_demand_is_zero_and_says_so():
    one = of(forecast({"P": [0] * 12}), "P")
    assert (one["method"], one["sbc_class"], one["mean_per_period"], one["sd_per_period"]) == ("zero", "none", 0, 0)
    assert (one["variance_to_mean"], one["n_demands"], one["n_periods"]) == (1, 0, 12)
    assert one["why"] == "No demand in the history."
    assert np.isnan([one["adi"], one["cv2"], one["alpha"], one["beta"]]).all()


def test_three_periods_take_the_plain_mean():
    one = of(forecast({"P": [6, 0, 3]}), "P")
    assert (one["method"], one["mean_per_period"]) == ("naive", 3)
    assert one["why"] == "Only 3 period(s) of history: the plain mean of what there is."


def test_a_single_demand_in_a_short_history_tells_no_interval():
    """A new pair sold 2 pieces this month: one demand in four months, half a piece a month."""
    made = forecast({"P": [2], "Q": [2, 0, 0]})
    assert made.forecasts["mean_per_period"].tolist() == [0.5, 0.5]
    assert of(made, "P")["method"] == "naive"
    assert of(made, "P")["why"] == (
        "Only 1 period(s) of history, with a single demand, which tells no interval: "
        "it counts as one demand in forecast.min_periods periods."
    )


def test_steady_demand_is_smooth_and_forecast_at_its_level():
    one = of(forecast({"P": [5] * 24}), "P")
    assert (one["method"], one["sbc_class"], one["adi"], one["cv2"]) == ("ses", "smooth", 1, 0)
    assert one["mean_per_period"] == pytest.approx(5)
    assert one["why"].startswith(
        "Demand in most periods, in similar sizes (smooth). Simple exponential smoothing (alpha"
    )


def test_a_part_that_sells_every_third_month_is_intermittent_and_keeps_its_rate():
    one = of(forecast({"P": [3, 0, 0] * 12}), "P")
    assert one["sbc_class"] == "intermittent"
    assert one["method"] in ("tsb", "sba", "croston")
    assert one["mean_per_period"] == pytest.approx(1, rel=0.2)


def test_a_clear_step_up_takes_a_faster_setting():
    one = of(forecast({"P": [10] * 18 + [40] * 18}), "P")
    assert one["alpha"] > 0.1
    assert "explains this history clearly better than the usual setting" in one["why"]
    assert one["mean_per_period"] == pytest.approx(40, rel=0.05)


def test_a_part_whose_demand_has_stopped_decays():
    """Once every second month for a year, then nothing for two years."""
    one = of(forecast({"P": [4, 0] * 6 + [0] * 24}), "P")
    assert (one["method"], one["beta"] >= 0.1) == ("tsb", True)
    assert one["mean_per_period"] < 0.3


def test_a_dead_part_never_takes_a_method_that_does_not_decay(monkeypatch):
    """Even where Croston's method foretold the history best."""
    seen = {}

    def croston_wins(settings_tried, demand, *_):
        seen["methods"] = {one.method for one in settings_tried}
        wins = np.array([one.method == "croston" for one in settings_tried])
        return np.where(wins, -100.0, 0.0)[:, None] * np.ones(demand.shape[1])

    monkeypatch.setattr(select, "score_settings", croston_wins)
    one = of(forecast({"P": [4, 0] * 6 + [0] * 24, "ALIVE": [4, 0, 0] * 12}), "P")
    assert (one["method"], "croston" in seen["methods"]) == ("tsb", True)
    assert "it decays: demand has stopped for more than four of its usual intervals" in one["why"]


def test_a_stock_out_is_not_low_demand():
    """Ten a month; in the last six months the shelf was empty. The rate stays ten."""
    out = of(forecast({"P": [10] * 18 + [(0, 0.0)] * 6}), "P")
    assert (out["mean_per_period"], out["sbc_class"]) == (pytest.approx(10), "smooth")
    half = of(forecast({"P": [10] * 18 + [(5, 0.5)] * 6}), "P")
    assert half["mean_per_period"] == pytest.approx(10)
    zero = of(forecast({"P": [10] * 18 + [0] * 6}), "P")
    assert zero["mean_per_period"] < 6


def test_a_history_wholly_out_of_stock_is_scaled_up_or_called_unknown():
    seen = of(forecast({"P": [(5, 0.5)] * 10}), "P")
    assert seen["mean_per_period"] == pytest.approx(10)
    unseen = of(forecast({"P": [(0, 0.0)] * 10}), "P")
    assert unseen["method"] == "zero"
    assert "no stock in any of its periods: nothing is known about demand" in unseen["why"]


def test_cuts_are_settings():
    many = {"P": [1, 1, 1, 0] * 6}
    assert of(forecast(many), "P")["sbc_class"] == "intermittent"
    assert of(forecast(many, adi_cut=1.4), "P")["sbc_class"] == "smooth"


# --------------------------------------------------------------------------- spread


def test_poisson_demand_has_a_variance_of_about_its_mean():
    rng = np.random.default_rng(1)
    many = {f"P{number:03d}": rng.poisson(4, 36).tolist() for number in range(60)}
    ratios = forecast(many).forecasts["variance_to_mean"]
    assert ratios.between(1, 2.2).all()
    assert ratios.mean() == pytest.approx(1.15, abs=0.15)


def test_orders_of_ten_pieces_spread_ten_times_as_much():
    rng = np.random.default_rng(2)
    many = {f"P{number:03d}": (10 * rng.poisson(0.4, 36)).tolist() for number in range(60)}
    made = forecast({key: values for key, values in many.items() if any(values)})
    assert made.forecasts["variance_to_mean"].mean() == pytest.approx(11, abs=2.5)


def test_a_series_with_one_demand_takes_the_spread_of_its_class():
    """Forty parts that sell in lots of about 10; one that has shown a single lot of 10."""
    rng = np.random.default_rng(3)
    many = {f"P{number:03d}": [10, *(10 * (rng.random(35) < 0.3)).tolist()] for number in range(40)}
    made = forecast({**many, "ONE": [10] + [0] * 35})
    typical = made.forecasts.set_index("part_id").loc[list(many), "variance_to_mean"].mean()
    assert of(made, "ONE")["variance_to_mean"] == pytest.approx(typical, rel=0.15)


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1e4), st.sampled_from([0.0, 0.2, 3.0]), st.floats(1, 50), st.integers(0, 30), st.integers(0, 2)
        ),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=80, deadline=None)
def test_pooled_ratio_matches_its_twin(rows):
    columns = [list(values) for values in zip(*rows, strict=True)]
    found = pooled_variance_to_mean(*(np.array(values) for values in columns), n_groups=3)
    assert found.tolist() == pytest.approx(reference_pooled_ratio(*columns))


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.0, 0.0, 2.0]), st.sampled_from([1.0, 1.0, 0.5, 0.0])), min_size=1, max_size=30
    )
)
@settings(max_examples=80, deadline=None)
def test_silence_matches_its_twin(series):
    demand, share = np.array(series).T
    assert silence(demand[:, None], share[:, None]).item() == reference_silence(demand.tolist(), share.tolist())


# --------------------------------------------------------------------------- any series


STRANGE = {
    "all_zero": [0] * 24,
    "one_demand": [1] + [0] * 23,
    "one_late_demand": [0] * 23 + [1],
    "constant": [3] * 24,
    "huge_spike": [1] * 12 + [10**9] + [1] * 11,
    "only_a_huge_spike": [0] * 12 + [10**9] + [0] * 11,
    "always_huge": [10**9] * 24,
    "length_one": [7],
    "length_one_zero": [0],
    "all_censored": [(0, 0.0)] * 24,
    "all_censored_with_demand": [(4, 0.1)] * 24,
    "censored_at_the_start": [(0, 0.0)] * 12 + [2] * 12,
    "one_scored_period": [1, 0, 0, 0, 0, 0, 2],
}


def check_any(made: Forecasts, n_series: int) -> None:
    rows = made.forecasts
    assert len(rows) == n_series
    numbers = rows[["mean_per_period", "sd_per_period", "variance_to_mean"]].to_numpy()
    assert np.isfinite(numbers).all()
    assert (numbers >= 0).all()
    assert (rows["variance_to_mean"] >= 1).all()
    assert rows["why"].str.endswith(".").all()
    mean, ratio = (rows[[name]].to_numpy() for name in ("mean_per_period", "variance_to_mean"))
    found = quantile(3 * mean, ratio, np.array([0.5, 0.9, 0.99]))
    assert (found >= 0).all()
    assert (np.diff(found, axis=1) >= 0).all()


@pytest.mark.parametrize("name", list(STRANGE))
def test_strange_series_alone_get_an_answer(name):
    check_any(forecast({name: STRANGE[name]}, ets_max_series=5, ets_min_periods=1, ets_origins=2), 1)


def test_strange_series_together_get_an_answer():
    made = forecast(STRANGE, ets_max_series=50, ets_min_periods=1, ets_origins=2)
    check_any(made, len(STRANGE))
    assert of(made, "constant")["mean_per_period"] == pytest.approx(3)


PERIODS = st.lists(
    st.one_of(
        st.sampled_from([0, 0, 0, 1, 2, 9, 10**9]), st.tuples(st.integers(0, 5), st.sampled_from([0.0, 0.2, 0.7]))
    ),
    min_size=1,
    max_size=20,
)


@given(st.lists(PERIODS, min_size=1, max_size=6), st.randoms())
@settings(max_examples=25, deadline=None)
def test_any_series_gets_an_answer_whatever_the_order_of_rows(many, random):
    named = {f"P{number}": values for number, values in enumerate(many)}
    demand, series, parts = tables_of(named)
    params = ForecastParams(ets_max_series=0)
    made = forecast_demand(demand, series, parts, today=TODAY, period="month", params=params)
    check_any(made, len(many))
    seed = random.randint(0, 99)
    again = forecast_demand(
        demand.sample(frac=1, random_state=seed),
        series.sample(frac=1, random_state=seed),
        parts.sample(frac=1, random_state=seed),
        today=TODAY,
        period="month",
        params=params,
    )
    for one, other in zip(made[:4], again[:4], strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_blocks_do_not_show_in_the_answer(monkeypatch):
    rng = np.random.default_rng(4)
    many = {f"P{n:02d}": rng.poisson(rng.choice([0.2, 1, 8]), rng.integers(1, 40)).tolist() for n in range(30)}
    whole = forecast(many)
    monkeypatch.setattr(panel, "BLOCK", 7)
    pd.testing.assert_frame_equal(whole.forecasts, forecast(many).forecasts)


def test_no_series_give_empty_tables():
    demand, series, parts = tables_of({"P": [1]})
    made = forecast_demand(demand[:0], series[:0], parts, today=TODAY, period="month", params=ForecastParams())
    assert [len(table) for table in made[:4]] == [0, 0, 0, 0]


# --------------------------------------------------------------------------- trend and season


def seasonal_and_flat() -> dict[str, list]:
    rng = np.random.default_rng(6)
    wave = 40 * (1 + 0.8 * np.sin(2 * np.pi * np.arange(48) / 12))
    return {
        "FLAT": rng.poisson(30, 48).tolist(),
        "SEASON": rng.poisson(wave).tolist(),
        "SELDOM": rng.poisson(0.3, 48).tolist(),
    }


def test_a_season_is_found_carried_on_and_explained():
    made = forecast(seasonal_and_flat(), ets_max_series=10)
    one = of(made, "SEASON")
    assert one["method"] == "ets"
    assert re.search(r"at 0.8 to 0.99 cost [0-9.]+ piece\(s\) on average, those of the simple forecast", one["why"])
    steps = made.forecast_steps
    assert steps["part_id"].unique().tolist() == ["SEASON"]
    assert steps["step"].tolist() == list(range(1, 13))
    assert one["mean_per_period"] == pytest.approx(steps["mean"].mean())
    assert one["mean_per_period"] == pytest.approx(40, rel=0.15)
    assert steps["mean"].max() > 1.5 * one["mean_per_period"] > 3 * steps["mean"].min()
    flat = of(made, "FLAT")
    assert (flat["method"], flat["why"].endswith("looked for and was not clearly better.")) == ("ses", True)
    assert "looked for" not in of(made, "SELDOM")["why"]
    assert made.exceptions.empty


def test_the_budget_goes_to_the_highest_usage_value_and_the_rest_is_told():
    demand, series, parts = tables_of(seasonal_and_flat())
    parts.loc[parts["part_id"] == "FLAT", "unit_cost"] = 1000.0
    made = forecast_demand(demand, series, parts, today=TODAY, period="month", params=ForecastParams(ets_max_series=1))
    assert of(made, "SEASON")["method"] == "ses"
    assert made.exceptions["code"].tolist() == ["ets_budget"]
    assert made.exceptions["what"][0] == (
        "1 series of the highest usage value were tried for a trend or season; "
        "1 more have enough history and keep a flat forecast"
    )


def test_a_model_that_cannot_be_fitted_leaves_the_simple_method_and_says_so(monkeypatch):
    monkeypatch.setattr("partsopt.forecast.select.fit_exponential_smoothing", lambda *_, **__: "ConvergenceWarning: no")
    made = forecast(seasonal_and_flat(), ets_max_series=10)
    assert of(made, "SEASON")["method"] == "ses"
    assert of(made, "SEASON")["why"].endswith("could not be fitted to the end (ConvergenceWarning: no).")
    assert made.exceptions["code"].tolist() == ["ets_failed"]
    assert made.exceptions["what"][0] == "no model with trend or season could be fitted to 1 of 2 series tried"


def test_a_falling_trend_never_forecasts_less_than_nothing():
    made = forecast({"P": [max(96 - 2 * month, 1) for month in range(48)]}, ets_max_series=1)
    assert of(made, "P")["method"] == "ets"
    assert (made.forecast_steps["mean"] >= 0).all()


# --------------------------------------------------------------------------- exceptions and refusals


def test_usage_that_tripled_or_vanished_is_told_with_its_money():
    made = forecast({"UP": [1] * 12 + [9] * 12, "GONE": [5] * 12 + [0] * 12, "SAME": [5] * 24, "NEW": [9] * 12})
    found = made.exceptions.set_index("part_id")
    assert sorted(found.index) == ["GONE", "UP"]
    assert found.loc["UP", "what"] == "108 piece(s) in the last 12 months, 12 in the 12 before"
    assert found.loc["GONE", "money"] == 600


def test_a_few_pieces_more_are_chance_and_not_told():
    assert forecast({"P": [0, 1] + [0] * 10 + [1, 1, 1, 1] + [0] * 8}).exceptions.empty


def test_a_series_that_ends_before_the_last_month_is_refused():
    demand, series, parts = tables_of({"P": [1, 2, 3]})
    with pytest.raises(TableError, match=r"series row D1, P: n_periods is 3; it must reach .* 2026-11-01"):
        forecast_demand(demand, series, parts, today=date(2026, 12, 1), period="month", params=ForecastParams())


def test_a_demand_outside_its_series_is_refused():
    demand, series, parts = tables_of({"P": [1, 2, 3]})
    series["first_period"], series["n_periods"] = pd.Timestamp("2026-09-01"), 2
    with pytest.raises(TableError, match=r"demand_series row D1, P: period is '2026-08-01'; it must lie within"):
        forecast_demand(demand, series, parts, today=TODAY, period="month", params=ForecastParams())


def test_a_part_without_a_row_in_parts_is_refused():
    demand, series, parts = tables_of({"P": [1, 2, 3]})
    with pytest.raises(TableError, match=r"series: part_id is 'P'; it must be a part_id of parts"):
        forecast_demand(demand, series, parts[:0], today=TODAY, period="month", params=ForecastParams())
