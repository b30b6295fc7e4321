"""The distribution of demand over a horizon: negative binomial, or Poisson where variance equals mean.

Within one interval the variance-to-mean ratio ``v`` is the same, so totals over parts of it
are consistent: a negative binomial with size ``mean / (v - 1)`` and success probability ``1 / v`` is a sum of
independent ones for the horizon's pieces.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from scipy.special import betainc, gammaincc

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

POISSON_BELOW = 1.0 + 1e-9
"""A smaller ratio of variance to mean is taken as Poisson; the quantiles are the same."""


def negative_binomial_size(mean: Array, variance_to_mean: Array) -> Array:
    """The size ``r`` of the negative binomial with a given mean and variance.

    Parameters
    ----------
    mean
        Expected demand over the horizon, pieces, 0 or more.
    variance_to_mean
        Variance over mean, 1 or more.

    Returns
    -------
    Array
        ``mean / (variance_to_mean - 1)``; infinite where the demand is Poisson.

    Notes
    -----
    Success probability ``1 / variance_to_mean``; Johnson, Kemp & Kotz (2005), Univariate Discrete
    Distributions, chapter 5.

    Examples
    --------
    >>> negative_binomial_size(np.array([2.0, 2.0]), np.array([1.5, 1.0])).tolist()
    [4.0, inf]
    """
    excess = np.asarray(variance_to_mean, dtype=np.float64) - 1.0
    is_poisson = excess < POISSON_BELOW - 1.0
    return np.where(is_poisson, np.inf, np.asarray(mean, dtype=np.float64) / np.where(is_poisson, 1.0, excess))


def probability_at_most(demand: Array, mean: Array, variance_to_mean: Array) -> Array:
    """Probability that demand over the horizon is at most a number of pieces.

    Parameters
    ----------
    demand
        Whole pieces; below 0 the probability is 0.
    mean, variance_to_mean
        As for :func:`negative_binomial_size`; all three broadcast.

    Examples
    --------
    >>> probability_at_most(np.array([0.0, 1.0]), 1.0, 2.0).round(9).tolist()
    [0.5, 0.75]
    """
    k, m, v = np.broadcast_arrays(
        *(np.asarray(one, dtype=np.float64) for one in (demand, mean, variance_to_mean)), subok=False
    )
    size = negative_binomial_size(m, v)
    is_poisson = np.isinf(size)
    is_plain = (k >= 0) & (m > 0)
    at = np.where(is_plain, k, 0.0) + 1.0
    poisson = gammaincc(at, np.where(is_plain, m, 1.0))
    binomial = betainc(np.where(is_plain & ~is_poisson, size, 1.0), at, 1.0 / v)
    return np.where(is_plain, np.where(is_poisson, poisson, binomial), (k >= 0).astype(np.float64))


def quantile(mean: Array, variance_to_mean: Array, level: Array | float) -> Array:
    """The smallest whole number that demand over the horizon exceeds with probability 1 - level at most.

    Parameters
    ----------
    mean
        Expected demand over the horizon, pieces, 0 or more, finite.
    variance_to_mean
        Variance over mean, 1 or more, finite.
    level
        Probability, 0 or more and below 1; all three broadcast.

    Returns
    -------
    Array
        Pieces, whole numbers as int64.

    Raises
    ------
    ValueError
        A mean, ratio or level is out of its bounds; the first such value is named.

    Notes
    -----
    Exact: bracketed by doubling, then halved on the distribution function itself.

    Examples
    --------
    >>> quantile(np.array([0.0, 1.0, 1.0]), np.array([1.0, 1.0, 2.0]), 0.9).tolist()
    [0, 2, 3]
    """
    m, v, p = np.broadcast_arrays(
        *(np.asarray(one, dtype=np.float64) for one in (mean, variance_to_mean, level)), subok=False
    )
    for name, values, is_right, rule in (
        ("mean", m, (m >= 0) & np.isfinite(m), "0 or more and finite"),
        ("variance_to_mean", v, (v >= 1) & np.isfinite(v), "1 or more and finite"),
        ("level", p, (p >= 0) & (p < 1), "0 or more and below 1"),
    ):
        if not is_right.all():
            raise ValueError(f"{name} is {values[~is_right].flat[0]}; it must be {rule}.")
    shape = m.shape
    m, v, p = m.ravel(), v.ravel(), p.ravel()
    low = np.full(m.shape, -1.0)  # P(X <= low) < level, throughout
    high = np.ceil(m + 2.0 * np.sqrt(m * v)) + 1.0
    open_at = np.flatnonzero(probability_at_most(high, m, v) < p)
    while len(open_at):
        low[open_at] = high[open_at]
        high[open_at] = 2.0 * high[open_at] + 1.0
        open_at = open_at[probability_at_most(high[open_at], m[open_at], v[open_at]) < p[open_at]]
    open_at = np.flatnonzero(high - low > 1.0)
    while len(open_at):
        middle = np.floor((low[open_at] + high[open_at]) / 2.0)
        is_enough = probability_at_most(middle, m[open_at], v[open_at]) >= p[open_at]
        high[open_at[is_enough]] = middle[is_enough]
        low[open_at[~is_enough]] = middle[~is_enough]
        open_at = open_at[high[open_at] - low[open_at] > 1.0]
    return high.astype(np.int64).reshape(shape)


def mean_over_horizon(
    mean_per_period: Array,
    steps: Array | None,
    horizon_days: Array | float,
    period_days: float,
    elapsed_days: float = 0.0,
) -> Array:
    """Expected demand over a horizon that begins today.

    Parameters
    ----------
    mean_per_period
        Expected demand per period, shape (series,).
    steps
        Expected demand of each coming period, shape (series, steps), the first being the period that has begun;
        None where every forecast is flat. Beyond the last step ``mean_per_period`` holds.
    horizon_days
        Length of the horizon, days, 0 or more, one for all or shape (series,).
    period_days
        Length of a period, days.
    elapsed_days
        Days of the first step that have passed before today.

    Returns
    -------
    Array
        Pieces, shape (series,). Within a period demand is spread evenly.

    Examples
    --------
    >>> mean_over_horizon(np.array([3.0]), None, 14.0, 7.0).tolist()
    [6.0]
    >>> mean_over_horizon(np.array([3.0]), np.array([[7.0, 0.0]]), 21.0, 7.0, elapsed_days=1.0).round(6).tolist()
    [9.428571]
    """
    days = np.asarray(horizon_days, dtype=np.float64)
    flat = np.asarray(mean_per_period, dtype=np.float64)
    if steps is None:
        return flat * days / period_days
    begins = np.arange(steps.shape[1]) * period_days - elapsed_days
    ends = begins + period_days
    covered = np.clip(np.minimum(ends, days[..., None]) - np.maximum(begins, 0.0), 0.0, None)
    beyond = np.maximum(days - max(float(ends[-1]), 0.0), 0.0) if steps.shape[1] else days
    return (steps * covered).sum(axis=1) / period_days + flat * beyond / period_days
