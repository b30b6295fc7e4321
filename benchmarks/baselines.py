"""The forecasts that ours stands beside: zero, seasonal naive, normal around SES, negative binomial around SBA.

Each takes the history (series, periods; NaN before a series began or where nothing was observed), the season's
length, the horizon of each series in periods and the levels, and gives the mean and the quantiles of the total.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from scipy.special import ndtri
from scipy.stats import nbinom, poisson

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

CONSTANTS = (0.05, 0.1, 0.2, 0.3, 0.5)
WARM_UP = 12
"""One-step errors before this many periods choose nothing and are no error, where there is thrice the history."""


def zero(history: Array, season: int, horizon: Array, levels: Array) -> tuple[Array, Array]:
    del season, horizon
    return np.zeros(len(history)), np.zeros((len(history), len(levels)))


def seasonal_naive(history: Array, season: int, horizon: Array, levels: Array) -> tuple[Array, Array]:
    """What the same periods of the last season came to; a point, so every level is the same."""
    known = np.nan_to_num(history)
    season = min(season, known.shape[1])
    total = np.zeros(len(known))
    for step in range(int(horizon.max())):
        total += np.where(step < horizon, known[:, known.shape[1] - season + step % season], 0.0)
    return total, np.repeat(total[:, None], len(levels), axis=1)


def normal_ses(history: Array, season: int, horizon: Array, levels: Array) -> tuple[Array, Array]:
    """Normal around SES, its one-step error times the root of the horizon; the constant of least squared error."""
    del season
    best = _least(history, [_ses(history, constant) for constant in CONSTANTS])
    mean, sd = best[0] * horizon, best[1] * np.sqrt(horizon)
    return mean, np.maximum(mean[:, None] + ndtri(levels) * sd[:, None], 0.0)


def binomial_sba(history: Array, season: int, horizon: Array, levels: Array) -> tuple[Array, Array]:
    """Negative binomial by moments around SBA (Poisson where the variance is no larger than the mean)."""
    del season
    best = _least(history, [_sba(history, constant) for constant in CONSTANTS])
    mean, variance = best[0] * horizon, best[1] ** 2 * horizon
    ratio = np.maximum(variance / np.maximum(mean, 1e-12), 1.0)
    is_poisson = ratio < 1.0 + 1e-6
    size = mean / np.where(is_poisson, 1.0, ratio - 1.0)
    quantiles = np.where(
        is_poisson[:, None],
        poisson.ppf(levels, mean[:, None]),
        nbinom.ppf(levels, np.maximum(size, 1e-9)[:, None], np.where(is_poisson, 0.5, 1.0 / ratio)[:, None]),
    )
    return mean, np.where(mean[:, None] > 0, np.maximum(np.nan_to_num(quantiles), 0.0), 0.0)


BASELINES = {
    "zero": zero,
    "seasonal naive": seasonal_naive,
    "normal around SES": normal_ses,
    "NB around SBA": binomial_sba,
}


def _least(history: Array, tried: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Last rate and root mean squared one-step error of the constant with the least error, by series."""
    skipped = min(WARM_UP, history.shape[1] // 3)
    counted = np.isfinite(history[:, skipped:])
    squares = [np.where(counted, history[:, skipped:] - before[:, skipped:], 0.0) ** 2 for before, _ in tried]
    errors_of = np.stack([one.sum(axis=1) for one in squares]) / np.maximum(counted.sum(axis=1), 1)
    best = errors_of.argmin(axis=0)
    rows = np.arange(len(best))
    return np.stack([last for _, last in tried])[best, rows], np.sqrt(errors_of[best, rows])


def _ses(history: Array, constant: float) -> tuple[Array, Array]:
    """Forecast before each period, and after the last; started at the first observed period."""
    level = np.full(len(history), np.nan)
    before = np.empty_like(history)
    for period in range(history.shape[1]):
        before[:, period] = level
        seen = history[:, period]
        moved = np.where(np.isnan(level), seen, level + constant * (seen - level))
        level = np.where(np.isnan(seen), level, moved)
    return np.where(np.isnan(before), 0.0, before), np.nan_to_num(level)


def _sba(history: Array, constant: float) -> tuple[Array, Array]:
    """Croston's rate times 1 - constant / 2, forecast before each period and after the last."""
    size = np.full(len(history), np.nan)
    interval, since = size.copy(), np.ones(len(history))
    before = np.empty_like(history)
    for period in range(history.shape[1]):
        before[:, period] = np.nan_to_num(size / interval) * (1 - constant / 2)
        seen = history[:, period]
        sells = np.nan_to_num(seen) > 0
        is_first = sells & np.isnan(size)
        size = np.where(is_first, seen, np.where(sells, size + constant * (seen - size), size))
        interval = np.where(is_first, since, np.where(sells, interval + constant * (since - interval), interval))
        since = np.where(sells, 1.0, since + np.isfinite(seen))
    return before, np.nan_to_num(size / interval) * (1 - constant / 2)
