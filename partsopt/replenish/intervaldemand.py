"""Demand over one interval, negative binomial or Poisson: chances, shortfall and stock left.

The mean is ``mean``, the variance ``mean`` times ``variance_to_mean``; 1 is the Poisson distribution. Every
argument may be an array; all are broadcast.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, gammainc

from partsopt.replenish.lotsizing import floats

POISSON_BELOW = 1e-9  # a variance to mean this close to 1 is Poisson: the difference is below 1e-9

Floats = npt.NDArray[np.float64]


def demand_tail(at_least: npt.ArrayLike, mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike) -> Floats:
    """Probability that demand is ``at_least`` this much.

    Parameters
    ----------
    at_least
        Whole pieces.
    mean, variance_to_mean
        Of the demand, pieces and 1 or more; all three are broadcast.

    Notes
    -----
    Negative binomial of size r = mean / (variance_to_mean - 1) and p = 1 / variance_to_mean:
    P(X >= k) is the regularised incomplete beta function at 1 - p with parameters k and r; for
    Poisson the regularised lower incomplete gamma function (Johnson, Kemp & Kotz 2005).

    Examples
    --------
    >>> round(float(demand_tail(1, 2.0, 1.0)), 6)  # 1 - exp(-2)
    0.864665
    """
    return upper_tail(at_least, mean, variance_to_mean, more=0)


def demand_cdf(level: npt.ArrayLike, mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike) -> Floats:
    """Probability that demand is at most ``level``.

    Parameters
    ----------
    level
        Pieces; a fraction counts as the whole number below it.
    mean, variance_to_mean
        Of the demand, pieces and 1 or more; all three are broadcast.

    Notes
    -----
    One less :func:`demand_tail` of the next whole number (Johnson, Kemp & Kotz 2005).

    Examples
    --------
    >>> round(float(demand_cdf(0, 1.0, 2.0)), 12)  # p ** r = 0.5 ** 1
    0.5
    """
    return 1.0 - upper_tail(np.floor(np.asarray(level, dtype=np.float64)) + 1, mean, variance_to_mean, more=0)


def demand_pmf(mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike, n: int) -> Floats:
    """Probabilities of demand 0 .. n - 1.

    Parameters
    ----------
    mean, variance_to_mean
        Of the demand, pieces and 1 or more; broadcast to a shape (...).
    n
        Length of the table.

    Returns
    -------
    Array
        Shape (..., n); what a row lacks to 1 is demand of n pieces or more.

    Notes
    -----
    P(X = k + 1) = P(X = k) (m p + k (1 - p)) / (k + 1), added up in logarithms (Johnson, Kemp & Kotz 2005).

    Examples
    --------
    >>> demand_pmf([1.0, 2.0], [1.0, 2.0], 3).round(6).tolist()  # Poisson, and p ** r = 1 / 4 to begin with
    [[0.367879, 0.367879, 0.18394], [0.25, 0.25, 0.1875]]
    """
    m, ratio = (one[..., None] for one in floats(mean, variance_to_mean))
    is_poisson = ratio - 1.0 < POISSON_BELOW
    excess = np.where(is_poisson, 1.0, ratio - 1.0)
    none_asked = -m * np.where(is_poisson, 1.0, np.log1p(excess) / excess)
    again = np.where(is_poisson, 0.0, excess / (1.0 + excess))
    k = np.arange(max(n - 1, 0), dtype=np.float64)
    with np.errstate(divide="ignore"):  # nothing is asked for where the mean is 0
        steps = np.log(m * (1.0 - again) + k * again * (m > 0)) - np.log(k + 1.0)
    return np.exp(np.cumsum(np.concatenate([none_asked, steps], axis=-1), axis=-1))


def expected_shortfall(level: npt.ArrayLike, mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike) -> Floats:
    """Expected demand above a level, E(X - S)+: the expected backorders of a position S.

    Parameters
    ----------
    level
        S, whole pieces; below zero every piece of demand comes on top of what is owed.
    mean, variance_to_mean
        Of the demand; all three are broadcast.

    Notes
    -----
    E(X - S)+ = m P(X' >= S) - S P(X > S), X' negative binomial of size r + 1 and the same p
    (Poisson: X' = X; Hadley & Whitin 1963, appendix 3); methods.md, levels.

    Examples
    --------
    >>> round(float(expected_shortfall(1, 1.0, 1.0)), 6)  # exp(-1)
    0.367879
    """
    level, mean, variance_to_mean = floats(level, mean, variance_to_mean)
    beyond = upper_tail(level + 1, mean, variance_to_mean, more=0)
    above = mean * upper_tail(level, mean, variance_to_mean, more=1) - np.where(np.isposinf(level), 0.0, level) * beyond
    return np.where(level <= 0, mean - level, np.maximum(above, 0.0))


def expected_on_hand(level: npt.ArrayLike, mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike) -> Floats:
    """Expected stock left of a position S after this demand, E(S - X)+.

    Parameters
    ----------
    level
        S, whole pieces.
    mean, variance_to_mean
        Of the demand, pieces and 1 or more; all three are broadcast.

    Notes
    -----
    E(S - X)+ = S - E X + E(X - S)+ (Hadley & Whitin 1963).

    Examples
    --------
    >>> round(float(expected_on_hand(1, 1.0, 1.0)), 6)
    0.367879
    """
    level, mean, variance_to_mean = floats(level, mean, variance_to_mean)
    return np.maximum(level - mean + expected_shortfall(level, mean, variance_to_mean), 0.0)


def ready_rate(level: npt.ArrayLike, mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike) -> Floats:
    """Probability that stock is left after this demand, P(X < S).

    Parameters
    ----------
    level
        S, whole pieces.
    mean, variance_to_mean
        Of the demand, pieces and 1 or more; all three are broadcast.

    Notes
    -----
    With demand over L and orders piece by piece the share of time with stock (Axsäter 2006).

    Examples
    --------
    >>> round(float(ready_rate(1, 1.0, 1.0)), 6)
    0.367879
    """
    return 1.0 - demand_tail(level, mean, variance_to_mean)


def second_loss(level: npt.ArrayLike, mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike) -> Floats:
    """Sum of the expected shortfalls of every level from S on, E((X - S)+ (X - S + 1)) / 2.

    Parameters
    ----------
    level
        S, whole pieces, 0 or more.
    mean, variance_to_mean
        Of the demand, pieces and 1 or more; all three are broadcast.

    Notes
    -----
    By factorial moments, each a mean times the tail of a negative binomial of larger size (Hadley & Whitin 1963,
    appendix 3; Zipkin 2000, appendix C).

    Examples
    --------
    >>> round(float(second_loss(1, 1.0, 1.0)), 6)  # 0.367879 + 0.103638 + 0.023337 + ...
    0.5
    """
    s, m, v = floats(level, mean, variance_to_mean)
    pairs = m * (m + v - 1.0) * upper_tail(s - 1, m, v, more=2)
    summed = pairs - 2.0 * (s - 1) * m * upper_tail(s, m, v, more=1) + s * (s - 1) * upper_tail(s + 1, m, v, more=0)
    return np.maximum(summed, 0.0) / 2


def upper_tail(at_least: npt.ArrayLike, mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike, more: int) -> Floats:
    """P(X >= at_least), X negative binomial of size r + more; ``mean`` is that of size r."""
    k, mean, ratio = floats(at_least, mean, variance_to_mean)
    shape = k.shape
    k, mean, excess = k.ravel(), mean.ravel(), ratio.ravel() - 1.0
    tail = np.where(k <= 0, 1.0, 0.0)
    is_open = (k > 0) & (mean > 0) & np.isfinite(k)
    poisson = np.flatnonzero(is_open & (excess < POISSON_BELOW))
    tail[poisson] = gammainc(k[poisson], mean[poisson])
    spread = np.flatnonzero(is_open & (excess >= POISSON_BELOW))
    over = excess[spread]
    tail[spread] = betainc(k[spread], mean[spread] / over + more, over / (1.0 + over))
    return tail.reshape(shape)
