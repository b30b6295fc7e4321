"""Compiled exponential smoothing against statsmodels, whose models it fits."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.holtwinters import ExponentialSmoothing

from partsopt.forecast.methods import ETS_MODELS
from partsopt.forecast.smoothing import smooth

MONTHS = np.arange(48)
KINDS = [(bool(trend), bool(seasonal)) for trend, _, seasonal in ETS_MODELS.values()]


def made(seed: int, n_periods: int) -> np.ndarray:
    """Counts with some trend and some season."""
    generator = np.random.default_rng(seed)
    month = np.arange(n_periods)
    rate = generator.gamma(2, 8) * (1 + generator.choice([0, 0.5]) * np.sin(month / 12 * 2 * np.pi))
    return generator.poisson(rate * np.exp(generator.normal(0, 0.01) * month)).astype(float)


def theirs(demand: np.ndarray, has_trend: bool, season: int) -> ExponentialSmoothing:
    return ExponentialSmoothing(
        demand,
        trend="add" if has_trend else None,
        damped_trend=has_trend,
        seasonal="add" if season else None,
        seasonal_periods=season or None,
        initialization_method="heuristic",
    )


@pytest.mark.parametrize(("has_trend", "is_seasonal"), KINDS)
@given(seed=st.integers(0, 10_000), n_periods=st.integers(24, 60), season=st.sampled_from([4, 7, 12]))
@settings(max_examples=25, deadline=None)
def test_errors_are_as_small_as_those_that_statsmodels_finds(has_trend, is_seasonal, seed, n_periods, season):
    """Or smaller, where its search ends in a lesser valley; where they are the same, so are the forecasts.

    Of the first season less one: statsmodels forecasts the phase of the last period without what that period showed.
    """
    demand = made(seed, n_periods)
    season = season if is_seasonal else 0
    ours = smooth(demand, has_trend=has_trend, season=season, n_steps=6)
    unit = demand.mean() or 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = theirs(demand / unit, has_trend, season).fit(method="SLSQP", use_brute=False)
    assert ours.squared_errors <= 1.05 * fitted.sse * unit**2
    if abs(ours.squared_errors / (fitted.sse * unit**2) - 1) < 1e-6:
        known = season - 1 if season else 6
        assert ours.steps[:known] == pytest.approx(unit * fitted.forecast(6)[:known], abs=0.1 * unit)


@pytest.mark.parametrize(("has_trend", "is_seasonal"), KINDS)
def test_recursion_and_initial_states_are_those_of_statsmodels(has_trend, is_seasonal):
    """With constants at which both agree, errors and forecasts agree to the last digits."""
    from partsopt.forecast.smoothing import _initial, _run

    demand, season = made(3, 40), 12 if is_seasonal else 0
    point = np.array([0.4, 0.5, 0.6, 0.3][: (3 if has_trend else 1)] + ([0.25] if is_seasonal else []))
    level, trend, seasons = _initial(demand, season)
    steps = np.empty(9)
    squared = _run(point, demand, has_trend, season, level, trend if has_trend else 0.0, seasons.copy(), steps)
    fitted = theirs(demand, has_trend, season).fit(
        smoothing_level=0.4,
        smoothing_trend=0.4 * 0.5 if has_trend else None,
        smoothing_seasonal=0.6 * 0.25 if is_seasonal else None,
        damping_trend=0.8 + 0.195 * 0.6 if has_trend else None,
        optimized=False,
    )
    assert squared == pytest.approx(fitted.sse, rel=1e-9)
    assert steps == pytest.approx(np.asarray(fitted.forecast(9)), rel=1e-9)


def test_a_season_is_carried_on():
    demand = np.where(MONTHS % 12 == 11, 30.0, 10.0)
    said = smooth(demand, has_trend=False, season=12, n_steps=12)
    assert said.steps == pytest.approx(demand[:12], abs=0.5)


def test_a_trend_is_carried_on_and_damped():
    steps = smooth(10.0 + 2.0 * MONTHS, has_trend=True, season=0, n_steps=12).steps
    assert steps[0] == pytest.approx(106, abs=2)
    assert (np.diff(steps) > 0).all()
    assert steps[-1] < 10 + 2 * 59 + 1


@pytest.mark.parametrize("demand", [np.zeros(36), np.full(36, 7.0), np.r_[np.zeros(35), 1e9], np.r_[1e9, np.zeros(35)]])
@pytest.mark.parametrize(("has_trend", "is_seasonal"), KINDS)
def test_strange_series_give_finite_forecasts(demand, has_trend, is_seasonal):
    said = smooth(demand, has_trend=has_trend, season=12 if is_seasonal else 0, n_steps=12)
    assert np.isfinite(said.steps).all()
    assert said.squared_errors >= 0


def test_what_is_beyond_numbers_is_not_finite():
    said = smooth(np.r_[np.zeros(20), np.full(20, 1e200)], has_trend=True, season=12, n_steps=3)
    assert not np.isfinite(said.squared_errors)
