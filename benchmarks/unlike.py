"""Made demand unlike that on which the constants of the pooled forecast were chosen: (series, periods), monthly.

The sets of ``benchmarks/generated.py`` were looked at while constants were chosen; these were made afterwards, each of
a shape that those lack, to find where the forecast is biased or covers badly. One seed makes one set.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from benchmarks.generated import counted

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


def lots(generator: np.random.Generator, chance: Array, size: Array, spread: float) -> Array:
    """Demand in a period by chance, of lognormal whole pieces around a median size."""
    pieces = np.ceil(size * np.exp(spread * generator.standard_normal(chance.shape)))
    return np.where(generator.random(chance.shape) < chance, pieces, 0.0)


def hardly_sold(n_series: int = 14000, seed: int = 1) -> Array:
    """55 months of a plant's spares, most of which are asked for once in two years, the market flat."""
    generator = np.random.default_rng(seed)
    chance = np.clip(np.exp(generator.normal(np.log(0.04), 0.9, (n_series, 1))), 0.004, 0.9)
    size = np.exp(generator.normal(0.5, 0.9, (n_series, 1)))
    return lots(generator, np.broadcast_to(chance, (n_series, 55)), size, 0.6)


def obsolescence_waves(n_series: int = 5000, seed: int = 1) -> Array:
    """72 months of ten models' parts; every seven months a model is given up and its parts fade by a tenth a month."""
    generator = np.random.default_rng(seed)
    months = np.arange(72)
    model = generator.integers(0, 10, (n_series, 1))
    fading = 0.9 ** np.maximum(months - 7 * model - 5, 0)
    chance = np.clip(generator.gamma(0.8, 0.3, (n_series, 1)), 0.01, 0.95)
    return lots(generator, chance * fading, np.exp(generator.normal(0.6, 0.8, (n_series, 1))), 0.6)


def short_season(n_series: int = 3000, seed: int = 1, n_months: int = 36) -> Array:
    """24 to 36 months of parts that sell twice as often in winter as in summer."""
    generator = np.random.default_rng(seed)
    market = np.exp(0.4 * np.sin(2 * np.pi * (np.arange(n_months) + 2) / 12))
    rate = np.exp(generator.normal(0.0, 1.3, (n_series, 1))) * market
    return counted(generator, rate, generator.gamma(1.0, 1.0, (n_series, 1)) + 0.1)


def season_of_parts(n_series: int = 3000, seed: int = 1) -> Array:
    """60 months; half the parts sell in winter, a quarter in summer, each by its own strength, the others all year."""
    generator = np.random.default_rng(seed)
    phase = generator.choice([0.0, np.pi, 0.0], (n_series, 1), p=[0.5, 0.25, 0.25])
    strength = np.where(generator.random((n_series, 1)) < 0.75, generator.uniform(0.2, 0.9, (n_series, 1)), 0.0)
    market = np.exp(strength * np.sin(2 * np.pi * np.arange(60) / 12 + phase))
    rate = np.exp(generator.normal(0.3, 1.2, (n_series, 1))) * market
    return counted(generator, rate, generator.gamma(1.0, 1.5, (n_series, 1)) + 0.1)


def price_bands(n_series: int = 6000, seed: int = 1) -> Array:
    """48 months of three kinds: cheap ones by the hundred and falling, usual ones, dear ones singly and rising."""
    generator = np.random.default_rng(seed)
    kind = generator.choice(3, (n_series, 1), p=[0.3, 0.5, 0.2])
    chance = np.clip(generator.gamma(1.0, np.array([0.5, 0.2, 0.06])[kind]), 0.005, 0.95)
    trend = np.array([0.985, 1.0, 1.01])[kind] ** np.arange(48)
    size = np.array([120.0, 6.0, 0.9])[kind] * np.exp(0.7 * generator.standard_normal((n_series, 1)))
    return lots(generator, np.minimum(chance * trend, 0.97), size, 0.5)


def newcomers(n_series: int = 4000, seed: int = 1) -> Array:
    """60 months; half of all parts sold first in the last two years, after rows of zero."""
    generator = np.random.default_rng(seed)
    months = np.arange(60)
    begins = np.where(generator.random(n_series) < 0.5, generator.integers(36, 60, n_series), 0)[:, None]
    chance = np.clip(generator.gamma(0.9, 0.3, (n_series, 1)), 0.01, 0.95)
    size = np.exp(generator.normal(0.6, 0.8, (n_series, 1)))
    return lots(generator, chance * (months >= begins), size, 0.6)


def lives(n_series: int = 4000, seed: int = 1) -> Array:
    """60 months of parts that live one to four years: up within half a year, level, down within a year."""
    generator = np.random.default_rng(seed)
    months = np.arange(60)
    begins, length = generator.integers(-40, 58, (n_series, 1)), generator.integers(12, 48, (n_series, 1))
    rising = np.clip((months - begins) / 6.0, 0.0, 1.0)
    falling = np.clip((begins + length + 12 - months) / 12.0, 0.0, 1.0)
    chance = np.clip(generator.gamma(1.0, 0.4, (n_series, 1)), 0.02, 0.95)
    return lots(generator, chance * rising * falling, np.exp(generator.normal(0.8, 0.8, (n_series, 1))), 0.6)


def batches(n_series: int = 3000, seed: int = 1) -> Array:
    """60 months of orders of one, two, or a few packs of 10, 50 or 100, every two to twenty months."""
    generator = np.random.default_rng(seed)
    pack = generator.choice([10.0, 50.0, 100.0], (n_series, 1))
    chance = np.exp(generator.uniform(np.log(0.05), np.log(0.5), (n_series, 1)))
    packs = generator.geometric(0.6, (n_series, 60))
    return np.where(generator.random((n_series, 60)) < chance, pack * packs, 0.0)


def own_trends(n_series: int = 4000, seed: int = 1) -> Array:
    """60 months of slow parts, each rising or falling by some 2 % a month, as many up as down."""
    generator = np.random.default_rng(seed)
    trend = np.exp(generator.normal(0.0, 0.02, (n_series, 1)) * (np.arange(60) - 40))
    chance = np.clip(generator.gamma(0.8, 0.2, (n_series, 1)) * trend, 0.001, 0.97)
    return lots(generator, chance, np.exp(generator.normal(0.7, 0.9, (n_series, 1))), 0.6)


def lost_market(n_series: int = 4000, seed: int = 1) -> Array:
    """60 months; in the 40th a third of the demand goes elsewhere and does not come back."""
    generator = np.random.default_rng(seed)
    chance = np.clip(generator.gamma(0.8, 0.3, (n_series, 1)), 0.01, 0.95)
    market = np.where(np.arange(60) < 40, 1.0, 0.67)
    return lots(generator, chance * market, np.exp(generator.normal(0.7, 0.9, (n_series, 1))), 0.6)


def heavy_tails(n_series: int = 4000, seed: int = 1) -> Array:
    """72 months of lumpy orders whose sizes have no variance (Pareto, 1.7), half of all parts twice a year or less."""
    generator = np.random.default_rng(seed)
    chance = np.clip(generator.gamma(0.7, 0.25, (n_series, 1)), 0.01, 0.95)
    pieces = np.ceil(2.0 * (1.0 + generator.pareto(1.7, (n_series, 72))))
    return np.where(generator.random((n_series, 72)) < chance, pieces, 0.0)


def bursts(n_series: int = 4000, seed: int = 1) -> Array:
    """60 months of parts asked for in bursts: repairs that go on for some months, then nothing for a year or two."""
    generator = np.random.default_rng(seed)
    start = np.exp(generator.uniform(np.log(0.02), np.log(0.15), n_series))
    is_on = generator.random(n_series) < start / (start + 0.3)
    chance = np.empty((n_series, 60))
    for month in range(60):
        is_on = np.where(is_on, generator.random(n_series) > 0.3, generator.random(n_series) < start)
        chance[:, month] = np.where(is_on, 0.8, 0.01)
    return lots(generator, chance, np.exp(generator.normal(0.8, 0.8, (n_series, 1))), 0.5)


def regular(n_series: int = 3000, seed: int = 1) -> Array:
    """48 months of standing orders, every second to eighth month but for one in ten that is left out."""
    generator = np.random.default_rng(seed)
    every, phase = generator.integers(2, 9, (n_series, 1)), generator.integers(0, 8, (n_series, 1))
    chance = np.where((np.arange(48) + phase) % every == 0, 0.9, 0.01)
    return lots(generator, chance, np.exp(generator.normal(1.5, 1.0, (n_series, 1))), 0.3)


def fast(n_series: int = 3000, seed: int = 1) -> Array:
    """36 months of parts sold by the hundred every month, a fifth up or down around a rate that drifts."""
    generator = np.random.default_rng(seed)
    rate = np.exp(generator.normal(np.log(150.0), 1.0, (n_series, 1)))
    rate = rate * np.exp(np.cumsum(0.04 * generator.standard_normal((n_series, 36)), axis=1))
    return np.round(rate * np.exp(0.2 * generator.standard_normal((n_series, 36))))


def year_ends(n_series: int = 4000, seed: int = 1) -> Array:
    """60 months of an authority's spares: budgets are spent in the last month of the year, thrice the usual demand."""
    generator = np.random.default_rng(seed)
    chance = np.clip(generator.gamma(0.8, 0.12, (n_series, 1)), 0.005, 0.3)
    market = np.where(np.arange(60) % 12 == 8, 3.0, 0.85)
    return lots(generator, chance * market, np.exp(generator.normal(1.0, 1.2, (n_series, 1))), 0.8)


def two_years(n_series: int = 3000, seed: int = 1) -> Array:
    """24 months of slow parts, the market rising by 1 % a month."""
    generator = np.random.default_rng(seed)
    rate = generator.gamma(0.5, 0.8, (n_series, 1)) * 1.01 ** np.arange(24)
    return counted(generator, np.maximum(rate, 1e-6), generator.gamma(1.0, 1.0, (n_series, 1)) + 0.1)


UNLIKE: dict[str, Callable[..., Array]] = {
    "hardly sold": hardly_sold,
    "obsolescence waves": obsolescence_waves,
    "season of 36": short_season,
    "season of 30": partial(short_season, n_months=30),
    "season of 24": partial(short_season, n_months=24),
    "season of parts": season_of_parts,
    "price bands": price_bands,
    "newcomers": newcomers,
    "lives": lives,
    "batches": batches,
    "own trends": own_trends,
    "lost market": lost_market,
    "heavy tails": heavy_tails,
    "bursts": bursts,
    "regular": regular,
    "fast": fast,
    "year ends": year_ends,
    "two years": two_years,
}
