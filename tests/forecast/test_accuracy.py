from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.forecast.accuracy import bias, forecast_error, mase, pinball_loss, rmsse
from tests.reference import reference_mase, reference_pinball, reference_rmsse

NUMBERS = st.floats(min_value=0, max_value=1e6)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=12)


def test_an_error_is_forecast_minus_actual():
    """Five forecast and three asked for is an error of plus two: over-forecast."""
    assert forecast_error(np.array([5.0]), np.array([3.0])).item() == 2
    assert bias(np.array([5.0, 1.0]), np.array([3.0, 2.0])).item() == 0.5


@given(PAIRS, st.lists(st.integers(min_value=0, max_value=50).map(float), min_size=2, max_size=12))
@settings(max_examples=80, deadline=None)
def test_scaled_errors_match_their_twins(pairs, training):
    forecast, actual = [f for f, _ in pairs], [a for _, a in pairs]
    given_arrays = np.array(forecast), np.array(actual), np.array(training)
    assert mase(*given_arrays).item() == pytest.approx(reference_mase(forecast, actual, training), nan_ok=True)
    assert rmsse(*given_arrays).item() == pytest.approx(reference_rmsse(forecast, actual, training), nan_ok=True)


@given(NUMBERS, NUMBERS, st.floats(min_value=0.01, max_value=0.99))
@settings(max_examples=80, deadline=None)
def test_pinball_loss_matches_its_twin(quantile, actual, level):
    loss = pinball_loss(np.array(quantile), np.array(actual), level)
    assert loss.item() == pytest.approx(reference_pinball(quantile, actual, level))


def test_a_training_part_that_never_changes_gives_no_scale():
    assert np.isnan(mase(np.array([1.0]), np.array([2.0]), np.array([3.0, 3.0])))


def test_the_quantile_of_what_happened_has_the_smallest_pinball_loss():
    """Of 1 to 10 pieces, nine in ten times at most 9 are asked for."""
    actual = np.arange(1, 11)[:, None]
    loss = pinball_loss(np.arange(12), actual, 0.85).mean(axis=0)
    assert loss.argmin() == 9
