from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.forecast.distribution import mean_over_horizon, negative_binomial_size, probability_at_most, quantile
from tests.reference import reference_mean_over_horizon, reference_probability, reference_quantile

MEAN = st.sampled_from([0.0, 0.01, 0.3, 1.0, 2.5, 17.0, 60.0])
RATIO = st.sampled_from([1.0, 1.05, 1.5, 2.0, 5.0, 12.0])


@given(MEAN, RATIO, st.integers(min_value=-1, max_value=60))
@settings(max_examples=100, deadline=None)
def test_probabilities_add_up_as_their_twin(mean, ratio, demand):
    expected = sum(reference_probability(k, mean, ratio) for k in range(demand + 1))
    assert probability_at_most(np.array(demand), mean, ratio).item() == pytest.approx(expected, abs=1e-9)


@given(MEAN, RATIO, st.sampled_from([0.0, 0.123, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999]))
@settings(max_examples=100, deadline=None)
def test_quantile_matches_its_twin(mean, ratio, level):
    assert quantile(np.array(mean), ratio, level).item() == reference_quantile(mean, ratio, level)


@given(
    st.lists(st.tuples(st.floats(0, 1e9), st.floats(1, 1e9)), min_size=1, max_size=20),
    st.lists(st.floats(0, 0.9999), min_size=2, max_size=4).map(sorted),
)
@settings(max_examples=60, deadline=None)
def test_quantiles_are_the_smallest_that_reach_the_level_and_never_cross(pairs, levels):
    mean, ratio = np.array(pairs).T[:, :, None]
    found = quantile(mean, ratio, np.array(levels))
    assert (found >= 0).all()
    assert (np.diff(found, axis=1) >= 0).all()
    assert (probability_at_most(found, mean, ratio) >= np.array(levels)).all()
    assert ((probability_at_most(found - 1, mean, ratio) < np.array(levels)) | (found == 0)).all()


def test_two_demands_of_one_in_two_periods_are_poisson_with_ratio_one():
    """P(X <= 3) of a Poisson of mean 1 is 0.981, P(X <= 2) is 0.920."""
    assert quantile(np.array(1.0), 1.0, 0.98).item() == 3
    assert quantile(np.array(1.0), 1.0, 0.92).item() == 3
    assert quantile(np.array(1.0), 1.0, 0.91).item() == 2


def test_totals_over_two_horizons_are_consistent():
    """The size of the total over two months is twice that over one, and p the same: sums of independent months."""
    assert negative_binomial_size(np.array(6.0), 2.5).item() == 2 * negative_binomial_size(np.array(3.0), 2.5).item()


@pytest.mark.parametrize(
    ("mean", "ratio", "level", "text"),
    [
        (-1.0, 2.0, 0.9, r"mean is -1.0; it must be 0 or more and finite"),
        (np.inf, 2.0, 0.9, r"mean is inf"),
        (1.0, 0.5, 0.9, r"variance_to_mean is 0.5; it must be 1 or more and finite"),
        (1.0, 2.0, 1.0, r"level is 1.0; it must be 0 or more and below 1"),
    ],
)
def test_what_has_no_quantile_is_refused_by_name(mean, ratio, level, text):
    with pytest.raises(ValueError, match=text):
        quantile(np.array([1.0, mean]), np.array([2.0, ratio]), np.array([0.5, level]))


@given(
    st.floats(min_value=0, max_value=50),
    st.lists(st.floats(min_value=0, max_value=50), max_size=4),
    st.integers(min_value=0, max_value=60),
    st.sampled_from([7, 30]),
    st.data(),
)
@settings(max_examples=80, deadline=None)
def test_mean_over_horizon_matches_its_twin(flat, steps, horizon, period, data):
    elapsed = data.draw(st.integers(min_value=0, max_value=period - 1))
    found = mean_over_horizon(np.array([flat]), np.array([steps]), float(horizon), float(period), float(elapsed))
    expected = reference_mean_over_horizon(flat, steps, horizon, period, elapsed)
    if not steps:
        expected = flat * horizon / period
    assert found.item() == pytest.approx(expected, abs=1e-9)


def test_a_season_that_begins_tomorrow_counts_from_tomorrow():
    """Six of seven days of the period have passed: one day of 7 a week, then two days of 70 a week."""
    found = mean_over_horizon(np.array([0.0]), np.array([[7.0, 70.0]]), 3.0, 7.0, elapsed_days=6.0)
    assert found.item() == pytest.approx(1 + 20)


def test_each_series_may_have_its_own_horizon():
    found = mean_over_horizon(np.array([7.0, 14.0]), np.array([[7.0], [14.0]]), np.array([1.0, 7.0]), 7.0)
    assert found.tolist() == pytest.approx([1.0, 14.0])
