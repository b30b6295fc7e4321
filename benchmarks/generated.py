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


def counted(generator: np.random.Generator, rate: Array, excess: Array) -> Array:
    """Negative binomial pieces of a mean, their variance above it by ``excess`` for each piece."""
    return generator.negative_binomial(rate / excess, 1.0 / (1.0 + excess)).astype(np.float64)


def automotive(n_series: int = 3000, seed: int = 1) -> Array:
    """24 months of parts that sell nearly every month, hardly more varied than Poisson, the market falling slowly."""
    generator = np.random.default_rng(seed)
    rate = np.exp(generator.normal(np.log(2.5), 0.9, (n_series, 1))) * 0.994 ** np.arange(24)
    rate = rate * np.exp(np.cumsum(0.05 * generator.standard_normal((n_series, 24)), axis=1))
    excess = generator.gamma(1.0, 0.6, (n_series, 1)) + 0.05
    return counted(generator, rate, excess)


def refinery(n_series: int = 3000, seed: int = 1) -> Array:
    """56 months of very lumpy spares of a plant: shutdowns once a year, use that grows or fades by part."""
    generator = np.random.default_rng(seed)
    months = np.arange(56)
    chance = np.clip(generator.gamma(0.6, 0.1, (n_series, 1)), 0.004, 0.9)
    trend = np.exp(generator.normal(0.0, 0.015, (n_series, 1)) * (months - 28.0))
    shutdown = np.where(months % 12 == 4, 2.0, 1.0)
    size = np.exp(generator.normal(0.6, 1.1, (n_series, 1)) + 1.0 * generator.standard_normal((n_series, 56)))
    return np.where(generator.random((n_series, 56)) < chance * trend * shutdown, np.ceil(size), 0.0)


def consumables(n_series: int = 3000, seed: int = 1) -> Array:
    """48 months of fast parts, the market 15 % up in summer and down in winter, growing by a half in 4 years."""
    generator = np.random.default_rng(seed)
    months = np.arange(48)
    market = 1.008**months * np.exp(0.15 * np.sin(2 * np.pi * months / 12))
    rate = np.exp(generator.normal(np.log(6.0), 1.3, (n_series, 1))) * market
    rate = rate * np.exp(np.cumsum(0.06 * generator.standard_normal((n_series, 48)), axis=1))
    excess = generator.gamma(1.5, 1.5, (n_series, 1)) + 0.1
    return counted(generator, rate, excess)


def declining(n_series: int = 4000, seed: int = 1) -> Array:
    """60 months of spares of machines no longer made: 2 % less every month, and one part in 150 ends each month."""
    generator = np.random.default_rng(seed)
    months = np.arange(60)
    chance = np.clip(generator.gamma(0.8, 0.25, (n_series, 1)), 0.005, 0.95)
    ends = generator.geometric(1.0 / 150.0, (n_series, 1))
    size = np.exp(generator.normal(0.8, 0.9, (n_series, 1)) + 0.7 * generator.standard_normal((n_series, 60)))
    sells = generator.random((n_series, 60)) < chance * 0.98**months * (months < ends)
    return np.where(sells, np.ceil(size), 0.0)


def growing(n_series: int = 3500, seed: int = 1) -> Array:
    """40 months of a young make: 1.5 % more every month, a third of the parts new within that time."""
    generator = np.random.default_rng(seed)
    months = np.arange(40)
    rate = generator.gamma(0.6, 2.5, (n_series, 1)) * 1.015**months
    rate = rate * np.exp(np.cumsum(0.08 * generator.standard_normal((n_series, 40)), axis=1))
    excess = generator.gamma(1.0, 1.0, (n_series, 1)) + 0.1
    demand = generator.negative_binomial(np.maximum(rate, 1e-9) / excess, 1.0 / (1.0 + excess)).astype(np.float64)
    begins = np.where(generator.random(n_series) < 1.0 / 3.0, generator.integers(1, 28, n_series), 0)[:, None]
    demand[months < begins] = np.nan
    return demand


def project(n_series: int = 5000, seed: int = 1) -> Array:
    """48 months of a manufacturer's parts: heavy-tailed sizes, and a market that wanders around a level."""
    generator = np.random.default_rng(seed)
    market = np.zeros(48)
    for month in range(1, 48):
        market[month] = 0.7 * market[month - 1] + 0.12 * generator.standard_normal()
    chance = np.clip(generator.beta(0.5, 3.0, (n_series, 1)), 0.003, 0.95)
    size = np.exp(generator.normal(1.5, 1.5, (n_series, 1)) + 1.2 * generator.standard_normal((n_series, 48)))
    sells = generator.random((n_series, 48)) < chance * np.minimum(np.exp(market), 1.0 / chance)
    return np.where(sells, np.ceil(size), 0.0)


GENERATED = {
    "like military": military,
    "like automotive": automotive,
    "like refinery": refinery,
    "consumables": consumables,
    "declining": declining,
    "growing": growing,
    "project": project,
}
