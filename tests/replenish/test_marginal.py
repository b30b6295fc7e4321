"""Marginal analysis: each prefix is the best for its money, splits equal full enumeration."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish import marginal
from partsopt.replenish.echelon import dealer_service
from partsopt.replenish.service import expected_shortfall


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0.1, 4.0), st.integers(1, 5)), min_size=1, max_size=3), st.integers(1, 12))
def test_no_choice_for_the_money_has_fewer_backorders(parts, budget):
    mean, cost = (np.array(one, dtype=float) for one in zip(*parts, strict=True))
    spares = marginal.marginal_spares(mean, cost, budget=float(budget))
    spent, reached = spares.money[-1], spares.backorders[-1]
    best = min(
        expected_shortfall(np.array(levels, dtype=float), mean, 1.0).sum()
        for levels in product(range(13), repeat=len(mean))
        if np.array(levels) @ cost <= spent
    )
    assert reached == pytest.approx(best, abs=1e-9)


def test_availability_is_the_product_over_parts():
    """Two parts, ten vehicles, two pieces of the first in each."""
    spares = marginal.marginal_spares([3.0, 1.0], [1.0, 1.0], per_vehicle=[2, 1], vehicles=10, availability=0.95)
    levels = marginal.levels_of(spares, 2).astype(float)
    owed = expected_shortfall(levels, np.array([3.0, 1.0]), 1.0)
    assert spares.availability[-1] == pytest.approx((1 - owed[0] / 20) ** 2 * (1 - owed[1] / 10))
    assert spares.availability[-1] >= 0.95 > spares.availability[-2]
    scarce = marginal.marginal_spares([30.0], [1.0], vehicles=2, budget=3.0)
    assert scarce.availability.tolist() == [0.0] * 4


@pytest.mark.parametrize("spares", [0, 1, 3, 5])
def test_split_equals_every_split(spares):
    rates, leads = np.array([0.3, 0.1]), np.array([1.0, 3.0])
    best = min(
        dealer_service([0, 0], [0.4], [10.0], [dc], rates, leads, [a, spares - dc - a]).backorders.sum()
        for dc in range(spares + 1)
        for a in range(spares - dc + 1)
    )
    got = marginal.split_spares(rates, 10.0, leads, spares)
    assert got.backorders == pytest.approx(best, abs=1e-12)
    assert got.dc_level + got.dealer_levels.sum() == spares


def test_refusals():
    with pytest.raises(SettingsError, match="need one goal"):
        marginal.marginal_spares([1.0], [1.0])
    with pytest.raises(SettingsError, match="must be above 0"):
        marginal.marginal_spares([1.0], [0.0], budget=1.0)
    with pytest.raises(SettingsError, match="0 spares or more"):
        marginal.split_spares([0.1], 1.0, 1.0, -1)
