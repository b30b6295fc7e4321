"""Expected demand ahead, and what levels promise."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.replenish.levels import DemandAhead, batch_of, mean_between, period_boundaries
from partsopt.replenish.service import batch_fill_rate
from tests import reference as twin
from tests.replenish.network import night, with_params

FORECAST = [{"part_id": "P1", "mean_per_period": 4.0}]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 50), min_size=1, max_size=4), st.floats(0, 100), st.floats(0, 100), st.floats(0.1, 2))
def test_demand_ahead_matches_small_slices(steps, start, length, rate):
    boundaries = [-12.0, *np.cumsum([18.0, 30.0, 31.0, 30.0])[: len(steps)].tolist()]
    cumulative = np.concatenate([[0.0], np.cumsum(steps)])[None, :]
    flat = np.zeros(2, dtype=int), np.array([-12.0, 18.0]), np.array([[0.0, 30.0]])
    ahead = DemandAhead(np.array([9.0, rate]), np.array([1]), np.array(boundaries), cumulative, *flat)
    got = mean_between(ahead, np.full(2, start), np.full(2, start + length))
    assert got[0] == pytest.approx(9.0 * length)
    expected = twin.mean_between(rate, steps, boundaries, start, start + length, 4000)
    assert got[1] == pytest.approx(expected, abs=0.05 + 0.001 * sum(steps))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 3), min_size=1, max_size=4), st.floats(0, 100), st.floats(0, 100), st.floats(0.1, 2))
def test_demand_that_moves_with_its_market_matches_small_slices(factors, start, length, rate):
    """A market of so many months, each with its factor; beyond them their mean by days."""
    width = np.array([30.0, 31.0, 30.0, 31.0])[: len(factors)]
    mean = float(np.dot(factors, width) / width.sum())
    days = np.cumsum([0.0, *(np.array(factors) * width), mean])
    boundaries = np.cumsum([-12.0, *width, 1.0])
    none = np.zeros(0, dtype=int), np.array([-12.0]), np.zeros((0, 1))
    flat = np.linspace(0.0, boundaries[-1] + 12.0, len(boundaries))
    ahead = DemandAhead(np.array([rate, rate]), *none, np.array([0, 1]), boundaries, np.stack([flat, days]))
    got = mean_between(ahead, np.full(2, start), np.full((2, 1), start + length))[:, 0]
    assert got[0] == pytest.approx(rate * length)
    steps = (rate * np.array(factors) * width).tolist()
    expected = twin.mean_between(rate * mean, steps, boundaries[:-1].tolist(), start, start + length, 4000)
    assert got[1] == pytest.approx(expected, abs=0.05 + 0.001 * sum(steps))


def test_a_season_of_the_market_is_in_the_level():
    """Thrice the demand in the month to come: parts forecast from all series keep that, one with a method of its own
    keeps its flat rate."""
    rows = [
        {"part_id": part, "mean_per_period": 4.0, "method": method}
        for part, method in (("P1", "pooled"), ("P2", "ses"))
    ]
    season = [{"site_kind": "dc", "step": step, "factor": 3.0} for step in (1, 2)]
    out = night(forecasts=rows, market_steps=season)
    per_day = 4 * 12 / 365.25
    assert out.levels["mean_over_protection"].tolist() == pytest.approx([3 * 11 * per_day, 11 * per_day])
    assert night(forecasts=rows).levels["mean_over_protection"].tolist() == pytest.approx([11 * per_day] * 2)


def test_a_longer_interval_is_less_sure():
    """Variance to mean 2 over a month and 0.5 more for each further: over 11 days 2 - 0.5 x (1 - 11 / 30.4)."""
    rows = [{"part_id": "P1", "mean_per_period": 4.0, "variance_to_mean": 2.0, "variance_growth": 0.5}]
    out = night(forecasts=rows).levels
    ratio = 2.0 - 0.5 * (1 - 11 / (365.25 / 12))
    assert out["sd_over_protection"].iloc[0] ** 2 == pytest.approx(ratio * out["mean_over_protection"].iloc[0])


def test_weeks_begin_on_monday():
    assert period_boundaries(date(2026, 11, 4), "week", 2).tolist() == [-2.0, 5.0, 12.0]


def test_booked_repairs_are_taken_out_of_the_forecast():
    """1.31 pieces expected within ten days, one of them booked: 0.31 remain, and 0.13 in the day after."""
    out = night(
        forecasts=FORECAST,
        reservations=[{"appointment_id": "A1", "site_id": "DC1", "part_id": "P1", "needed_on": "2026-11-06"}],
    )
    per_day = 4 * 12 / 365.25
    assert out.levels["mean_over_lead_time"].tolist() == [pytest.approx(10 * per_day - 1)]
    assert out.levels["mean_over_protection"].tolist() == [pytest.approx(11 * per_day - 1)]


def test_more_repairs_than_forecast_leave_nothing_below_zero():
    out = night(
        forecasts=FORECAST,
        reservations=[
            {"appointment_id": "A1", "site_id": "DC1", "part_id": "P1", "quantity": 9, "needed_on": "2026-11-06"}
        ],
    )
    assert out.levels["mean_over_lead_time"].tolist() == [0.0]
    assert out.levels["order_up_to_level"].iloc[0] >= 1
    assert out.positions["reserved"].tolist() == [9]


def test_stocked_part_without_demand_has_one_piece():
    """A vital or new part that nobody has asked for yet is kept once."""
    out = night(forecasts=[{"part_id": "P1", "mean_per_period": 0.0}])
    assert out.levels["order_up_to_level"].tolist() == [1]


def test_uncertain_lead_time_widens_the_demand():
    """Variance = mean + rate squared times the variance of the lead time, for Poisson demand."""
    out = night(forecasts=FORECAST, supply=[{"part_id": "P1", "lead_time_sd_days": 3.0}])
    per_day = 4 * 12 / 365.25
    assert out.levels["sd_over_protection"].iloc[0] ** 2 == pytest.approx(11 * per_day + (3 * per_day) ** 2)


def test_promise_is_the_mean_over_the_positions_of_the_pack():
    """Packs of 6 leave S to S + 5 after a review; the promise is their mean."""
    out = night(forecasts=FORECAST, supply=[{"part_id": "P1", "order_multiple": 6}])
    per_day, level = 4 * 12 / 365.25, out.levels["order_up_to_level"].iloc[0]
    expected = batch_fill_rate([level], [6], [10 * per_day], [11 * per_day], [1.0])[0]
    assert out.levels["promised_fill_rate"].iloc[0] == pytest.approx(expected)
    assert batch_of(np.array([10]), np.array([4]), np.array([50.0])).tolist() == [4]


def test_cycle_service_level_can_be_the_target():
    """98 % of cycles without a piece short: the smallest S with P(D <= S) >= 0.98 at a mean of 1.446 is 4."""
    out = night(params=with_params(service_measure="cycle_service_level"), forecasts=FORECAST)
    mean = 11 * 4 * 12 / 365.25
    assert out.levels["order_up_to_level"].tolist() == [twin.level_for_cycle_service_level(0.98, [mean], 1.0, [1.0])]
    assert out.levels["promised_cycle_service_level"].iloc[0] >= 0.98
    assert out.levels["service_measure"].tolist() == ["cycle_service_level"]


def test_reviewed_later_gets_the_level_of_its_own_review():
    """With T of 28 days the interval is that from the next review, and its dates say so."""
    every = {"A": 28, "B": 28, "C": 28}
    out = night(params=with_params(dc_review_period_days=every), forecasts=FORECAST)
    row = out.levels.iloc[0]
    assert row["next_review_on"] - row["reviewed_on"] == pd.Timedelta(days=row["review_period_days"])
    assert row["protection_days"] == row["review_period_days"] + 10
