"""Loss functions of continuous demand against plain integration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from partsopt.errors import SettingsError
from partsopt.replenish import losses
from partsopt.replenish.losses import exponential_loss, gamma_loss, lognormal_loss, uniform_loss

CASES = [
    (lambda x: uniform_loss(x, 3.0, 11.0), stats.uniform(3.0, 8.0)),
    (lambda x: exponential_loss(x, 4.0), stats.expon(scale=4.0)),
    (lambda x: gamma_loss(x, 2.5, 1.7), stats.gamma(2.5, scale=1.7)),
    (lambda x: lognormal_loss(x, 1.2, 0.6), stats.lognorm(0.6, scale=2.718281828459045**1.2)),
]


@pytest.mark.parametrize(("loss", "demand"), CASES, ids=["uniform", "exponential", "gamma", "lognormal"])
@pytest.mark.parametrize("level", [-2.0, 0.0, 1.0, 5.0, 12.0])
def test_loss_is_the_area_under_the_tail(loss, demand, level):
    start, end = max(level, 0.0), demand.ppf(1 - 1e-13)
    area = quad(demand.sf, start, end, limit=200)[0] if end > start else 0.0
    assert float(loss(level)) == pytest.approx(max(-level, 0.0) + area, abs=1e-6)


def test_refusals():
    for wrong in (lambda: uniform_loss(1, 2, 2), lambda: gamma_loss(1, 0, 1), lambda: lognormal_loss(1, 0, 0)):
        with pytest.raises(SettingsError, match="must be"):
            wrong()


SECOND = [
    (lambda x: losses.normal_losses(x, 5.0, 2.0), stats.norm(5.0, 2.0)),
    (lambda x: losses.uniform_losses(x, 3.0, 11.0), stats.uniform(3.0, 8.0)),
    (lambda x: losses.exponential_losses(x, 4.0), stats.expon(scale=4.0)),
    (lambda x: losses.gamma_losses(x, 2.5, 1.7), stats.gamma(2.5, scale=1.7)),
    (lambda x: losses.lognormal_losses(x, 1.2, 0.6), stats.lognorm(0.6, scale=2.718281828459045**1.2)),
    (lambda x: losses.negative_binomial_losses(x, 3.3), stats.poisson(3.3)),
    (lambda x: losses.negative_binomial_losses(x, 3.0, 2.5), stats.nbinom(2.0, 0.4)),
    (lambda x: losses.geometric_losses(x, 0.2), stats.geom(0.2)),
]


@pytest.mark.parametrize(("closed", "demand"), SECOND, ids=lambda one: getattr(getattr(one, "dist", None), "name", ""))
@pytest.mark.parametrize("level", [-2.0, 0.0, 1.0, 5.0, 12.0])
def test_closed_forms_are_those_of_any_distribution(closed, demand, level):
    assert [float(one) for one in closed(level)] == pytest.approx(
        [float(one) for one in losses.losses_of(level, demand)], abs=1e-8
    )


def test_losses_of_both_orders_by_plain_sums():
    """Demand 1, 2 or 4: every expectation added up by hand."""
    values, chances = np.array([1.0, 2.0, 4.0]), np.array([0.25, 0.25, 0.5])
    for level in (0.0, 2.0, 3.0):
        over, under = np.maximum(values - level, 0), np.maximum(level - values, 0)
        got = losses.pmf_losses(level, values, chances)
        assert got.above == over @ chances
        assert got.below == under @ chances
        assert got.second_above == pytest.approx(over * np.maximum(over - 1, 0) @ chances / 2)
        assert got.second_below == pytest.approx(under * (under + 1) @ chances / 2)


def test_levels_and_parameters_may_be_arrays():
    at_once = losses.losses_of(np.array([1.0, 5.0]), stats.gamma([2.0, 3.0], scale=3.0))
    alone = [losses.gamma_losses(1.0, 2.0, 3.0), losses.gamma_losses(5.0, 3.0, 3.0)]
    assert at_once.second_below == pytest.approx([float(one.second_below) for one in alone], abs=1e-8)


def test_more_refusals():
    for wrong in (
        lambda: losses.normal_losses(1, 1, 0),
        lambda: losses.geometric_losses(1, 0.0),
        lambda: losses.pmf_losses(1, [0, 1], [0.5, 0.6]),
    ):
        with pytest.raises(SettingsError, match="must"):
            wrong()
