from __future__ import annotations

import numpy as np
import pytest

from benchmarks import horizons


def test_the_ways_differ_where_the_market_falls():
    """Stationary Poisson demand is told alike by all; a falling market is not, a month's mean being too high for six."""
    generator = np.random.default_rng(1)
    rate = generator.gamma(2.0, 1.0, (400, 1))
    flat = generator.poisson(np.repeat(rate, 48, axis=1)).astype(float)
    steady = {row["way"]: row for row in horizons.compared(flat, "month", 6)}
    assert list(steady) == list(horizons.WAYS)
    assert all(abs(row["bias"]) < 0.03 for row in steady.values())
    assert all(abs(row["over_object"]) < 0.03 for row in steady.values())
    falling = generator.poisson(3 * rate * 0.96 ** np.arange(48)).astype(float)
    found = {row["way"]: row for row in horizons.compared(falling, "month", 6)}
    assert found["the night"]["bias"] < found["a month's for all"]["bias"]
    assert found["the night"]["bias"] == pytest.approx(found["forecast object"]["bias"], abs=0.02)
