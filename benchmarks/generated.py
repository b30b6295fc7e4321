"""Demand made like that of industries whose data is not public: monthly, (series, periods), one seed one set."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

MULTIPLES = np.array([1.0, 2.0, 5.0, 10.0, 50.0, 100.0])


def military(n_series: int = 2000, seed: int = 1) -> Array:
    """84 months of spares ordered every ten months or so, in tens and multiples, a fifth of them running out."""
    generator = np.random.default_rng(seed)
    chance = np.clip(np.exp(generator.normal(np.log(0.075), 0.6, n_series)), 0.01, 0.6)[:, None]
    months = np.arange(84)
    ends = np.where(generator.random(n_series) < 0.2, generator.integers(20, 120, n_series), 1000)[:, None]
    chance = chance * 0.996**months * np.where(months < ends, 1.0, 0.1)
    usual = generator.normal(np.log(8.0), 1.2, (n_series, 1))
    multiple = generator.choice(MULTIPLES, (n_series, 1), p=[0.4, 0.15, 0.15, 0.2, 0.05, 0.05])
    pieces = np.exp(usual + 0.9 * generator.standard_normal((n_series, 84)))
    return np.where(generator.random((n_series, 84)) < chance, np.ceil(pieces / multiple) * multiple, 0.0)


def automotive(n_series: int = 3000, seed: int = 1) -> Array:
    """24 months of parts that sell nearly every month, hardly more varied than Poisson, the market falling slowly."""
    generator = np.random.default_rng(seed)
    rate = np.exp(generator.normal(np.log(2.5), 0.9, (n_series, 1))) * 0.994 ** np.arange(24)
    rate = rate * np.exp(np.cumsum(0.05 * generator.standard_normal((n_series, 24)), axis=1))
    excess = generator.gamma(1.0, 0.6, (n_series, 1)) + 0.05
    return generator.negative_binomial(rate / excess, 1.0 / (1.0 + excess)).astype(np.float64)


def refinery(n_series: int = 3000, seed: int = 1) -> Array:
    """56 months of very lumpy spares of a plant: shutdowns once a year, use that grows or fades by part."""
    generator = np.random.default_rng(seed)
    months = np.arange(56)
    chance = np.clip(generator.gamma(0.6, 0.1, (n_series, 1)), 0.004, 0.9)
    trend = np.exp(generator.normal(0.0, 0.015, (n_series, 1)) * (months - 28.0))
    shutdown = np.where(months % 12 == 4, 2.0, 1.0)
    size = np.exp(generator.normal(0.6, 1.1, (n_series, 1)) + 1.0 * generator.standard_normal((n_series, 56)))
    return np.where(generator.random((n_series, 56)) < chance * trend * shutdown, np.ceil(size), 0.0)


GENERATED = {"like military": military, "like automotive": automotive, "like refinery": refinery}
