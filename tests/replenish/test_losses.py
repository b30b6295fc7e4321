"""Loss functions of continuous demand against plain integration."""

from __future__ import annotations

import pytest
from scipy import stats
from scipy.integrate import quad

from partsopt.errors import SettingsError
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
