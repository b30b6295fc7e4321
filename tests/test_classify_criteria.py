"""Scores of several criteria, on the published list of 47 items."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.classify import (
    classes_by_rank,
    edas_scores,
    hadi_vencheh_scores,
    mean_demand_in_stock,
    min_max_scores,
    ng_scores,
    ramanathan_scores,
    weights_of_comparisons,
    zhou_fan_scores,
)
from partsopt.errors import SettingsError
from tests.test_classify import USAGE_47

# Flores, Olson & Dorai (1992), by way of gwr3n/inventoryanalytics (MIT)
UNIT_COST_47 = [
    49.92, 210.0, 23.76, 27.73, 57.98, 31.24, 28.2, 55.0, 73.44, 160.5, 5.12, 20.87, 86.5, 110.4, 71.2, 45.0,
    14.66, 49.5, 47.5, 58.45, 24.4, 65.0, 86.5, 33.2, 37.05, 33.84, 84.03, 78.4, 134.34, 56.0, 72.0, 53.02,
    49.48, 7.07, 60.6, 40.82, 30.0, 67.4, 59.6, 51.68, 19.8, 37.7, 29.89, 48.3, 34.4, 28.8, 8.46,
]  # fmt: skip
LEAD_TIME_47 = [
    2.0, 5.0, 4.0, 1.0, 3.0, 3.0, 3.0, 4.0, 6.0, 4.0, 2.0, 5.0, 7.0, 5.0, 3.0, 3.0, 4.0, 6.0, 5.0, 4.0, 4.0,
    4.0, 4.0, 3.0, 1.0, 3.0, 1.0, 6.0, 7.0, 1.0, 5.0, 2.0, 5.0, 7.0, 3.0, 3.0, 5.0, 3.0, 5.0, 6.0, 2.0, 2.0,
    5.0, 3.0, 7.0, 3.0, 5.0,
]  # fmt: skip

# Keshavarz Ghorabaee et al. (2015), Informatica 26(3), tables 1 and 2, printed to two digits
EDAS_47 = [
    0.66, 1.0, 0.61, 0.43, 0.6, 0.45, 0.43, 0.6, 0.64, 0.72, 0.16, 0.36, 0.58, 0.54, 0.41, 0.34, 0.24, 0.4,
    0.37, 0.37, 0.23, 0.37, 0.39, 0.19, 0.08, 0.18, 0.19, 0.39, 0.47, 0.13, 0.35, 0.18, 0.3, 0.14, 0.25, 0.18,
    0.2, 0.25, 0.31, 0.3, 0.0, 0.08, 0.18, 0.18, 0.23, 0.09, 0.08,
]  # fmt: skip

# Ramanathan (2006), Computers & OR 33, computed from the definition by an LP solver
RAMANATHAN_47 = [
    1.0, 1.0, 0.88416, 0.816616, 0.612898, 0.573024, 0.566261, 0.690087, 0.946059, 0.78121, 0.330852, 0.731797,
    1.0, 0.75047, 0.466019, 0.449739, 0.577837, 0.857143, 0.714286, 0.572192, 0.571429, 0.575815, 0.595816,
    0.428571, 0.187599, 0.428571, 0.400143, 0.857143, 1.0, 0.266667, 0.714286, 0.322385, 0.714286, 1.0,
    0.436152, 0.428571, 0.714286, 0.453188, 0.714286, 0.857143, 0.285714, 0.285714, 0.714286, 0.428571, 1.0,
    0.428571, 0.714286,
]  # fmt: skip

CRITERIA_47 = [np.array(UNIT_COST_47), np.array(USAGE_47), np.array(LEAD_TIME_47)]


def test_published_averages_and_scores_of_edas():
    assert [values.mean() for values in CRITERIA_47] == pytest.approx([54.44, 1099.68, 3.91], abs=0.006)
    assert edas_scores(CRITERIA_47, [1 / 3] * 3) == pytest.approx(EDAS_47, abs=0.006)


def test_scores_of_ramanathan():
    assert ramanathan_scores(CRITERIA_47) == pytest.approx(RAMANATHAN_47, abs=1e-5)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9), st.floats(0, 9)), min_size=2, max_size=6))
def test_ng_is_the_best_of_falling_weights(rows):
    """No weights in falling order give a part more; the corners of those weights are the running means."""
    criteria = [np.array(column) for column in zip(*rows, strict=True)]
    scaled = [(c - c.min()) / np.ptp(c) if np.ptp(c) > 0 else 0 * c for c in criteria]
    score = ng_scores(criteria)
    rng = np.random.default_rng(1)
    for weights in -np.sort(-rng.dirichlet([1.0] * 3, 30), axis=1):
        assert (sum(w * c for w, c in zip(weights, scaled, strict=True)) <= score + 1e-12).all()
    corners = [scaled[0], (scaled[0] + scaled[1]) / 2, (scaled[0] + scaled[1] + scaled[2]) / 3]
    assert score == pytest.approx(np.max(corners, axis=0))


def test_equal_parts_have_equal_scores():
    same = [np.ones(4), np.full(4, 2.0)]
    assert ng_scores(same).tolist() == [0.0] * 4
    assert edas_scores(same, [0.5, 0.5]).tolist() == [0.5] * 4
    assert ramanathan_scores(same).tolist() == pytest.approx([1.0] * 4)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9), st.floats(0, 9)), min_size=2, max_size=6))
def test_hadi_vencheh_is_the_best_of_falling_weights_on_the_sphere(rows):
    """No falling weights of length 1 give more, and the corners of those weights never do."""
    criteria = [np.array(column) for column in zip(*rows, strict=True)]
    scaled = [(c - c.min()) / np.ptp(c) if np.ptp(c) > 0 else 0 * c for c in criteria]
    score = hadi_vencheh_scores(criteria)
    drawn = -np.sort(-(np.random.default_rng(1).random((300, 3)) ** 2), axis=1)
    reached = np.max([sum(w * c for w, c in zip(u / np.linalg.norm(u), scaled, strict=True)) for u in drawn], axis=0)
    assert (reached <= score + 1e-12).all()
    assert (score <= reached + 0.1).all()


def test_zhou_and_fan_lie_between_best_and_worst_weights():
    good = zhou_fan_scores(CRITERIA_47, 1.0)
    best = ramanathan_scores(CRITERIA_47)
    assert good == pytest.approx((best - best.min()) / np.ptp(best))
    bad, half = zhou_fan_scores(CRITERIA_47, 0.0), zhou_fan_scores(CRITERIA_47)
    assert half == pytest.approx((good + bad) / 2)
    assert (bad.min(), bad.max()) == (0.0, 1.0)


def test_classes_of_given_sizes():
    assert classes_by_rank(np.array([3.0, 3.0, 1.0]), (1, 1, 1)).tolist() == ["A", "B", "C"]
    with pytest.raises(SettingsError, match="do not add up to the 3"):
        classes_by_rank(np.ones(3), (1, 1))


def test_demand_of_a_month_without_a_day_in_stock_is_not_known():
    assert np.isnan(mean_demand_in_stock(0, 0, 90, 90))
    assert float(mean_demand_in_stock(90, 30, 60, 0)) == 30.0


def test_comparisons_that_are_none_are_refused():
    with pytest.raises(SettingsError, match=r"comparisons of shape \(1, 2\); they must be square, each above 0"):
        weights_of_comparisons([[1, 2]])
    with pytest.raises(SettingsError, match="2 criteria and 1 weights; give one weight for each"):
        min_max_scores([np.ones(2), np.ones(2)], [1.0])


def test_two_criteria_and_equal_ones():
    """Three times as important: three quarters; all alike: equal weights without contradiction."""
    assert weights_of_comparisons([[1, 3], [1 / 3, 1]]).weights == pytest.approx([0.75, 0.25])
    assert weights_of_comparisons(np.ones((4, 4))) == (pytest.approx([0.25] * 4), pytest.approx(0.0, abs=1e-12))
