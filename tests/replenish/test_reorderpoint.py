"""Reorder points: what each safety factor promises comes out, by formula and by replay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish import reorderpoint as points
from partsopt.replenish.service import normal_loss

SDS, LOTS, TARGETS = st.floats(1.0, 50.0), st.floats(5.0, 400.0), st.floats(0.6, 0.999)


@settings(max_examples=60, deadline=None)
@given(TARGETS, LOTS, SDS)
def test_a_fill_rate_asked_for_is_the_one_that_comes(target, lot, sd):
    k = points.safety_factor_for_fill_rate(target, lot, sd, exact=True)
    got = points.service_of_reorder_point(200 + k * sd, lot, 200, sd)
    assert float(got.fill_rate) == pytest.approx(target, abs=1e-9)
    simple = points.safety_factor_for_fill_rate(target, lot, sd)
    assert simple >= k - 1e-9  # forgetting what the lot still covers asks for more
    lost = points.safety_factor_for_fill_rate(target, lot, sd, lost_sales=True)
    assert lost <= simple + 1e-9


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-6, 30.0))
def test_inverse_of_the_normal_loss(loss):
    assert float(normal_loss(points.safety_factor_of_loss(loss))) == pytest.approx(loss, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.3, 0.99), st.integers(1, 12), st.floats(0.2, 20.0), st.sampled_from([1.0, 1.7]))
def test_smallest_whole_reorder_point(target, lot, mean, ratio):
    s = int(points.reorder_point_for_fill_rate(target, lot, mean, ratio)[0])

    def met(at: int) -> float:
        from partsopt.replenish.service import expected_shortfall

        each = [
            expected_shortfall(y, mean, ratio) - expected_shortfall(y + 1, mean, ratio) for y in range(at, at + lot)
        ]
        return 1.0 - float(np.sum(each)) / lot

    assert met(s) >= target - 1e-9
    assert met(s - 1) < target


def test_exact_level_of_a_periodic_review_by_replay():
    """Demand 20 a period, deviation 8, L = 2, R = 1: the share met of 400,000 periods; the short form asks for more."""
    lead_sd, sd = 8 * 2**0.5, 8 * 3**0.5
    level = float(points.level_for_fill_rate_normal(0.9, 20, 40, lead_sd, sd))
    asked = np.random.default_rng(3).normal(20, 8, 400_002)
    under_way = asked[:-2] + asked[1:-1]
    start = level - under_way
    short = np.maximum(asked[2:] - start, 0.0) - np.maximum(-start, 0.0)
    assert 1 - short.sum() / asked[2:].sum() == pytest.approx(0.9, abs=2e-3)
    assert level < float(points.level_for_fill_rate_normal(0.9, 20, 40, lead_sd, sd, exact=False))


def test_costs_of_shortages_by_their_conditions():
    k = float(points.safety_factor_for_stockout_cost(300, 200, 129, 21, 0.4))
    assert np.exp(-k * k / 2) / (2 * np.pi) ** 0.5 == pytest.approx(129 * 0.4 * 21 / (200 * 300))
    assert np.isnan(points.safety_factor_for_stockout_cost(0.1, 200, 129, 21, 0.4))
    assert np.isnan(points.safety_factor_for_shortage_cost(0.1, 200, 129, 0.4))
    waiting = points.safety_factor_for_waiting_cost(9.0, 50, 10, 1.0)
    owed = points.service_of_reorder_point(100 + 10 * waiting, 50, 100, 10).short_per_cycle
    assert float(owed) / 50 == pytest.approx(0.1, abs=1e-3)  # the share short is h / (b + h)
    assert np.isnan(points.safety_factor_for_time_between_stockouts(0.1, 200, 100))


def test_refusals():
    with pytest.raises(SettingsError, match=r"target is 1\.0; it must be above 0 and below 1"):
        points.safety_factor_for_fill_rate(1.0, 10, 5)
    with pytest.raises(SettingsError, match=r"quantity is 0\.0; it must be above 0"):
        points.service_of_reorder_point(1, 0, 1, 1)
