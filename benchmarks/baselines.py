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


PROTOTYPE_DISCOUNTS, PROTOTYPE_PRIORS, PROTOTYPE_SPREADS = (0.88, 0.94, 0.98, 1.0), (2.0, 10.0), (1.0, 1.6)


def pooled_prototype(history: Array, season: int, horizon: Array, levels: Array) -> tuple[Array, Array]:
    """Gamma-Poisson with one discount and one prior, shrunk dispersion, and binned ratios: the mean of both quantiles.

    Discount, prior and spread are those of the least pinball loss at the last two origins whose totals are known.
    """
    del season
    ahead = int(np.median(horizon))
    n_periods = history.shape[1]
    past = [end for end in (n_periods - ahead, n_periods - 2 * ahead) if end >= max(4, n_periods // 3)]
    past = past or [max(n_periods - ahead, 1)]
    best, chosen = np.inf, (0.98, 10.0, 1.0)
    totals = {end: history[:, end : end + ahead].sum(axis=1) for end in past}
    for discount in PROTOTYPE_DISCOUNTS:
        for prior in PROTOTYPE_PRIORS:
            rates = {end: _gamma_poisson(history[:, :end], discount, prior) for end in past}
            for spread in PROTOTYPE_SPREADS:
                loss = 0.0
                for end in past:
                    rate, ratio = rates[end]
                    for level in (0.8, 0.9, 0.95, 0.99):
                        short = totals[end] - _nb(ahead * rate, 1.0 + spread * (ratio - 1.0), np.array([level]))[:, 0]
                        scaled = np.maximum(level * short, (level - 1.0) * short) / np.sqrt(ratio * rate + 1e-3)
                        loss += float(np.nanmean(scaled))
                if loss < best:
                    best, chosen = loss, (discount, prior, spread)
    discount, prior, spread = chosen
    rate, ratio = _gamma_poisson(history, discount, prior)
    mean, ratio = horizon * rate, 1.0 + spread * (ratio - 1.0)
    binomial = _nb(mean, ratio, levels)
    rows = []
    for end in range(n_periods - ahead, max(4, n_periods // 3) - 1, -2):
        then, apart = _gamma_poisson(history[:, :end], discount, prior)
        total = history[:, end : end + ahead].sum(axis=1)
        rows.append(np.column_stack([ahead * then, apart, total])[np.isfinite(total)])
    seen = np.concatenate(rows) if rows else np.empty((0, 3))
    if len(seen) < 400:
        return mean, binomial
    return mean, np.ceil((binomial + _ratio_quantiles(seen, mean, ratio, levels)) / 2.0 - 1e-9)


def _gamma_poisson(history: Array, discount: float, prior: float) -> tuple[Array, Array]:
    """Rate, drawn to the mean of all by ``prior`` periods, and variance over mean, drawn to all by eight demands."""
    known = np.isfinite(history)
    pieces = np.where(known, history, 0.0)
    weight = discount ** np.arange(history.shape[1] - 1, -1, -1.0) * known
    usual = pieces.sum() / max(known.sum(), 1)
    rate = ((pieces * weight).sum(axis=1) + prior * usual) / (weight.sum(axis=1) + prior)
    flat = pieces.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    sells = (pieces > 0).sum(axis=1)
    squares = (np.where(known, pieces - flat[:, None], 0.0) ** 2).sum(axis=1)
    own = np.where(flat > 0, squares / np.maximum(pieces.sum(axis=1), 1e-9), 1.0)
    size = np.where(sells > 0, pieces.sum(axis=1) / np.maximum(sells, 1), 1.0)
    many = sells >= 4
    relative = float(np.median(own[many] / size[many])) if many.any() else 1.0
    ratio = (own * sells + 8.0 * relative * size) / (sells + 8.0)
    return rate, np.maximum(ratio, 1.0 + 1e-6)


def _nb(mean: Array, ratio: Array, levels: Array) -> Array:
    size = np.maximum(mean, 1e-12) / np.maximum(ratio - 1.0, 1e-6)
    return np.nan_to_num(nbinom.ppf(levels, size[:, None], (1.0 / np.maximum(ratio, 1.0 + 1e-6))[:, None]))


def _ratio_quantiles(seen: Array, mean: Array, ratio: Array, levels: Array) -> Array:
    """Quantiles of total over mean in up to ten classes of mean by three of dispersion, times the mean."""
    n_means = int(np.clip(len(seen) // 1200, 1, 10))
    means = np.quantile(seen[:, 0], np.arange(1, n_means) / n_means)
    ratios = np.quantile(seen[:, 1], [1 / 3, 2 / 3])
    of_seen = 3 * np.searchsorted(means, seen[:, 0]) + np.searchsorted(ratios, seen[:, 1])
    wanted = 3 * np.searchsorted(means, mean) + np.searchsorted(ratios, ratio)
    found = np.zeros((len(mean), len(levels)))
    everything = np.quantile(seen[:, 2] / seen[:, 0], levels)
    for cell in np.unique(wanted):
        rows = seen[of_seen == cell]
        quantiles = np.quantile(rows[:, 2] / rows[:, 0], levels) if len(rows) >= 100 else everything
        found[wanted == cell] = mean[wanted == cell, None] * quantiles
    return found


BASELINES = {
    "zero": zero,
    "seasonal naive": seasonal_naive,
    "normal around SES": normal_ses,
    "NB around SBA": binomial_sba,
    "pooled prototype": pooled_prototype,
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
