from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.forecast.methods import (
    INTERMITTENT_SETTINGS,
    METHODS,
    RATE_FLOOR,
    REGULAR_SETTINGS,
    FlatForecast,
    Setting,
    Start,
    compare_on_rolling_origins,
    fit_exponential_smoothing,
    rates_of,
    score_settings,
    start_values,
)
from partsopt.forecast.rates import warm_up
from tests.reference import (
    reference_croston,
    reference_loss,
    reference_ses,
    reference_start,
    reference_tsb,
    reference_warm_up,
)

ALL = (*REGULAR_SETTINGS, *INTERMITTENT_SETTINGS)
PERIOD = st.tuples(st.sampled_from([0.0, 0.0, 1.0, 2.0, 30.0]), st.sampled_from([1.0, 1.0, 1.0, 0.5, 0.0]))
SERIES = st.lists(PERIOD, min_size=8, max_size=24)
MONTHS = np.arange(48)


def reference_rates(setting: Setting, demand, share, rate, size, interval):
    match setting.method:
        case "ses":
            return reference_ses(demand, share, rate, setting.alpha)
        case "croston":
            return reference_croston(demand, share, size, interval, setting.alpha, setting.beta)
        case "sba":
            rates = reference_croston(demand, share, size, interval, setting.alpha, setting.beta)
            return [(1 - setting.beta / 2) * one for one in rates]
        case "tsb":
            probability = 0.0 if np.isnan(interval) else 1 / interval
            return reference_tsb(demand, share, size, probability, setting.alpha, setting.beta)


@given(SERIES)
@settings(max_examples=25, deadline=None)
def test_start_rates_and_losses_match_their_twins(series):
    demand, share = [d for d, _ in series], [w for _, w in series]
    columns = np.array(demand)[:, None], np.array(share)[:, None]
    is_warm_up = warm_up(*columns, 4)
    assert is_warm_up[:, 0].tolist() == reference_warm_up(demand, share, 4)
    start = start_values(*columns, is_warm_up)
    rate, size, interval = reference_start(demand, share, is_warm_up[:, 0].tolist())
    assert [one.item() for one in start] == pytest.approx([rate, size, interval], nan_ok=True)
    is_scored = ~is_warm_up & (columns[1] == 1)
    losses = score_settings(ALL, *columns, start, is_scored)
    for place, setting in enumerate(ALL):
        expected = reference_rates(setting, demand, share, rate, size, interval)
        assert rates_of(ALL, np.array([place]), *columns, start)[:, 0].tolist() == pytest.approx(expected)
        loss = reference_loss(expected, demand, is_scored[:, 0].tolist(), RATE_FLOOR)
        assert losses[place].item() == pytest.approx(loss, abs=1e-9)


def test_each_series_follows_its_own_setting():
    demand = np.array([[4.0, 4.0], [0.0, 0.0]])
    start = Start(np.zeros(2), np.array([4.0, 4.0]), np.array([1.0, 1.0]))
    both = (Setting("ses", 0.5, np.nan), Setting("tsb", 0.5, 0.5))
    rates = rates_of(both, np.array([0, 1]), demand, np.ones((2, 2)), start)
    assert rates.tolist() == [[0.0, 4.0], [2.0, 4.0], [1.0, 2.0]]


def test_some_thirty_five_settings_are_tried_each_once():
    assert len(ALL) == len({(one.method, one.alpha, str(one.beta)) for one in ALL}) == 35
    assert {one.method for one in ALL} == set(METHODS)


def test_the_loss_is_smallest_for_the_mean():
    """Of constant forecasts of 0, 0, 0, 2 pieces a period, the mean 0.5 has the smallest loss, not the median 0."""
    demand, share = np.array([[0.0], [0.0], [0.0], [2.0]]), np.ones((4, 1))
    still = (Setting("ses", 1e-12, np.nan),)
    everything = np.ones((4, 1), dtype=bool)
    losses = [
        score_settings(
            still, demand, share, Start(np.array([rate]), np.array([1.0]), np.array([1.0])), everything
        ).item()
        for rate in (0.0, 0.4, 0.5, 0.6, 2.0)
    ]
    assert np.argmin(losses) == 2


# --------------------------------------------------------------------------- trend and season


def test_a_season_is_carried_on():
    """December sells 30, every other month 10: the next twelve months say so."""
    demand = np.where(MONTHS % 12 == 11, 30.0, 10.0)
    fitted = fit_exponential_smoothing(demand, "season", season=12, n_steps=12)
    assert fitted.steps == pytest.approx(demand[:12], abs=0.5)


def test_a_trend_is_carried_on_and_damped():
    demand = 10.0 + 2.0 * MONTHS
    steps = fit_exponential_smoothing(demand, "damped trend", season=12, n_steps=12).steps
    assert steps[0] == pytest.approx(106, abs=2)
    assert (np.diff(steps) > 0).all()
    assert steps[-1] < 10 + 2 * 59 + 1


def test_forecasts_grow_with_the_unit():
    """A thousand times the pieces are a thousand times the forecast: tolerances do not depend on the unit."""
    demand = np.random.default_rng(5).poisson(20, 48).astype(float)
    small = fit_exponential_smoothing(demand, "damped trend", season=12, n_steps=3)
    large = fit_exponential_smoothing(1000 * demand, "damped trend", season=12, n_steps=3)
    assert large.steps == pytest.approx(1000 * small.steps, rel=1e-6)
    assert large.error_variance == pytest.approx(1e6 * small.error_variance, rel=1e-6)


@pytest.mark.parametrize("demand", [np.zeros(36), np.full(36, 7.0), np.r_[np.zeros(35), 1e9], np.r_[1e9, np.zeros(35)]])
@pytest.mark.parametrize("model", ["damped trend", "season", "damped trend and season"])
def test_strange_series_give_finite_forecasts_or_a_reason(demand, model):
    fitted = fit_exponential_smoothing(demand, model, season=12, n_steps=12)
    if isinstance(fitted, str):
        assert fitted
    else:
        assert np.isfinite(fitted.steps).all()
        assert fitted.error_variance >= 0


def test_what_statsmodels_only_warns_of_is_a_refusal(monkeypatch):
    from statsmodels.tools.sm_exceptions import ConvergenceWarning
    from statsmodels.tsa import holtwinters

    def fails(_, **__):
        warnings.warn("did not converge", ConvergenceWarning, stacklevel=1)

    monkeypatch.setattr(holtwinters.ExponentialSmoothing, "fit", fails)
    demand = 10.0 + MONTHS
    assert fit_exponential_smoothing(demand, "season", 12, 3) == "ConvergenceWarning: did not converge"


def test_what_is_beyond_numbers_wins_nothing_and_says_so():
    demand = np.r_[np.zeros(24), np.full(24, 1e200)]
    outcome = compare_on_rolling_origins(demand, flat(0.0), season=12, horizon=3, margin=0.25)
    assert (outcome.model, outcome.failed_because) == ("", "the forecast is not finite")


def flat(*totals: float) -> FlatForecast:
    """Poisson totals at four origins."""
    return FlatForecast(np.resize(totals, 4), np.ones(4))


def test_a_season_wins_against_a_flat_forecast_on_the_loss_of_the_totals():
    """Quarter totals of the last year are 30, 30, 30, 90. Poisson quantiles of 45 are 51, 54, 56 and 61: 30 costs a share
    of 0.2, 0.1, 0.05 and 0.01 of 21, 24, 26 and 31, and 90 costs 0.8, 0.9, 0.95 and 0.99 of 39, 36, 34 and 29."""
    demand = np.where(MONTHS % 12 == 11, 70.0, 10.0)
    outcome = compare_on_rolling_origins(demand, flat(45.0), season=12, horizon=3, margin=0.25)
    assert outcome.model.endswith("season")
    at_30 = np.mean([0.2 * 21, 0.1 * 24, 0.05 * 26, 0.01 * 31])
    at_90 = np.mean([0.8 * 39, 0.9 * 36, 0.95 * 34, 0.99 * 29])
    assert outcome.flat_loss == pytest.approx((3 * at_30 + at_90) / 4)
    assert outcome.loss < 0.5 * outcome.flat_loss


def test_nothing_wins_against_a_perfect_forecast():
    demand = np.where(MONTHS % 12 == 11, 70.0, 10.0)
    outcome = compare_on_rolling_origins(demand, flat(30.0, 30.0, 30.0, 90.0), season=12, horizon=3, margin=0.25)
    assert (outcome.model, outcome.failed_because) == ("", "")


def test_a_season_is_not_looked_for_in_too_short_a_history():
    """30 months less the 12 compared are 18: less than two seasons."""
    demand = np.where(MONTHS[:30] % 12 == 11, 70.0, 10.0)
    outcome = compare_on_rolling_origins(demand, flat(45.0), season=12, horizon=3, margin=0.25)
    assert "season" not in outcome.model


def test_statsmodels_is_not_imported_until_it_is_used():
    code = "import sys, partsopt.forecast.select; sys.exit('statsmodels' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
