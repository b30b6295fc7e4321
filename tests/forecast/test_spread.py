"""How wide totals are: own dispersion, an unknown rate, a rate that moves."""

from __future__ import annotations

import numpy as np
import pytest

from partsopt.forecast.spread import spread_of, spread_weights


def test_a_spread_by_hand():
    """Own excess 1 by a half, unknown rate 3 x 2 / (11 + 1) once, and a tenth of the mean of 6: 1 + 0.5 + 0.5 + 0.6."""
    said = spread_of(np.array([0.5, 1.0, 0.1]), np.array([6.0]), np.array([2.0]), np.array([11.0]), 3.0)
    assert said.tolist() == pytest.approx([2.6])


@pytest.mark.parametrize("moves", [0.0, 0.2])
def test_what_widened_past_totals_is_found(moves):
    """Poisson totals whose rates move by a gamma of that squared variation: the moving part alone gets a weight."""
    rng = np.random.default_rng(1)
    mean = rng.uniform(1.0, 30.0, 20_000)
    rate = mean * rng.gamma(1.0 / moves, moves, 20_000) if moves else mean
    time = np.full(20_000, 1e6)
    found = spread_weights(rng.poisson(rate).astype(float), mean, np.ones(20_000), time, 3.0)
    assert found[2] == pytest.approx(moves, abs=0.02)


def test_own_dispersion_is_believed_where_it_holds():
    """Negative binomial totals of known rates and variance over mean of 1.5 to 4: weight 1."""
    rng = np.random.default_rng(2)
    ratio, mean = rng.uniform(1.5, 4.0, 40_000), rng.uniform(1.0, 10.0, 40_000)
    total = rng.negative_binomial(mean / (ratio - 1.0), 1.0 / ratio).astype(float)
    found = spread_weights(total, mean, ratio, np.full(40_000, 1e6), 3.0)
    assert spread_of(found, mean, ratio, np.full(40_000, 1e6), 3.0).mean() == pytest.approx(ratio.mean(), rel=0.05)


def test_nothing_to_learn_from_keeps_the_first_weights():
    none = np.empty(0)
    assert spread_weights(none, none, none, none, 3.0).tolist() == [1.0, 1.0, 0.0]
