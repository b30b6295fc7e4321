"""New parts go by their group, ended ones fade."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.forecast.lifecycle import GroupPrior, ended_rate, group_prior, new_part_rate


def test_a_group_has_the_rate_of_its_parts():
    """Two groups of 500 parts with rates 2 and 0.1, one without parts: the last takes the rate of all."""
    random = np.random.Generator(np.random.PCG64(1))
    group = np.repeat([0, 1], 500)
    rate = np.array([2.0, 0.1])[group] * random.gamma(1.0, 1.0, 1000)
    prior = group_prior(random.poisson(rate * 24.0).astype(float), np.full(1000, 24.0), group, 3)
    assert prior.rate[:2] == pytest.approx([2.0, 0.1], rel=0.15)
    assert prior.rate[2] == pytest.approx(1.05, rel=0.15)
    assert prior.shape[:2].tolist() == [1.0, 1.0]


@given(st.integers(0, 40), st.just(0.0) | st.floats(0.01, 60.0), st.floats(0.01, 9.0), st.floats(0.1, 50.0))
@settings(max_examples=60, deadline=None)
def test_a_new_part_lies_between_its_group_and_itself(orders: int, time: float, rate: float, shape: float):
    prior = GroupPrior(np.array([rate]), np.array([shape]))
    found = float(new_part_rate(np.array([orders]), np.array([time]), prior, np.zeros(1, int))[0])
    own = orders / time if time > 0 else (np.inf if orders else rate)
    assert min(own, rate) * (1 - 1e-9) <= found <= max(own, rate) * (1 + 1e-9)


def test_a_long_history_outweighs_the_group():
    prior = GroupPrior(np.array([1.0]), np.array([1.0]))
    assert new_part_rate(np.array([500.0]), np.array([100.0]), prior, np.zeros(1, int))[0] == pytest.approx(
        5.0, rel=0.01
    )


def test_an_ended_part_halves_every_quarter_and_stops_after_a_year():
    found = ended_rate(np.full(5, 8.0), np.array([0.0, 90.0, 180.0, 364.0, 365.0]))
    assert found[:3].tolist() == [8.0, 4.0, 2.0]
    assert 0 < found[3] < 0.6
    assert found[4] == 0.0
