"""Expected demand above and below a level: the loss functions of the textbooks, of first and second order."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from scipy.integrate import quad_vec
from scipy.special import gammaincc, ndtr

from partsopt.errors import SettingsError
from partsopt.replenish.service import expected_shortfall, second_loss

Floats = npt.NDArray[np.float64]


class Distribution(Protocol):
    """What is asked of a distribution: that of a frozen one of scipy, whole or continuous."""

    dist: Any

    def cdf(self, x: npt.ArrayLike) -> Floats:
        """Probability of at most x."""

    def sf(self, x: npt.ArrayLike) -> Floats:
        """Probability of more than x."""

    def ppf(self, q: npt.ArrayLike) -> Floats:
        """The smallest value with at least this probability at or below it."""

    def stats(self, moments: str) -> tuple[Floats, Floats]:
        """Mean and variance, of ``mv``."""

    def support(self) -> tuple[float, float]:
        """Lowest and highest value."""


def uniform_loss(level: npt.ArrayLike, lowest: float, highest: float) -> Floats:
    """E(X - x)+ of demand that is uniform between two values.

    Examples
    --------
    >>> float(uniform_loss(75.0, 50.0, 100.0))
    6.25
    """
    if not lowest < highest:
        raise SettingsError(f"uniform demand between {lowest!r} and {highest!r}; the first must be below the second.")
    x = np.asarray(level, dtype=np.float64)
    inside = (highest - np.clip(x, lowest, highest)) ** 2 / (2 * (highest - lowest))
    return inside + np.maximum(lowest - x, 0.0)


def exponential_loss(level: npt.ArrayLike, mean: float) -> Floats:
    """E(X - x)+ of exponential demand.

    Examples
    --------
    >>> round(float(exponential_loss(2.0, 2.0)), 6)  # 2 / e
    0.735759
    """
    return gamma_loss(level, 1.0, mean)


def gamma_loss(level: npt.ArrayLike, shape: float, scale: float) -> Floats:
    """E(X - x)+ of gamma demand with mean shape x scale.

    Notes
    -----
    shape scale P(X' > x) - x P(X > x), X' of shape + 1 (Burgin 1975).

    Examples
    --------
    >>> round(float(gamma_loss(0.0, 3.0, 2.0)), 6)
    6.0
    """
    if not (shape > 0 and scale > 0):
        raise SettingsError(f"gamma demand of shape {shape!r} and scale {scale!r}; both must be above 0.")
    x = np.asarray(level, dtype=np.float64)
    at = np.maximum(x, 0.0) / scale
    above = shape * scale * gammaincc(shape + 1.0, at) - np.maximum(x, 0.0) * gammaincc(shape, at)
    return np.asarray(above + np.maximum(-x, 0.0))


def lognormal_loss(level: npt.ArrayLike, log_mean: float, log_sd: float) -> Floats:
    """E(X - x)+ of demand whose logarithm is normal.

    Notes
    -----
    exp(m + s^2 / 2) P(Z > (ln x - m - s^2) / s) - x P(Z > (ln x - m) / s) (Silver, Pyke & Thomas 2017).

    Examples
    --------
    >>> round(float(lognormal_loss(0.0, 0.0, 1.0)), 6)  # the mean, exp(1/2)
    1.648721
    """
    if not log_sd > 0:
        raise SettingsError(f"the standard deviation of the logarithm is {log_sd!r}; it must be above 0.")
    x = np.asarray(level, dtype=np.float64)
    with np.errstate(divide="ignore"):
        z = (np.log(np.maximum(x, 0.0)) - log_mean) / log_sd
    above = np.exp(log_mean + log_sd**2 / 2) * ndtr(log_sd - z) - np.maximum(x, 0.0) * ndtr(-z)
    return np.asarray(above + np.maximum(-x, 0.0))


class Losses(NamedTuple):
    """Expected demand above and below a level, and the second-order losses of both sides.

    ``second_above`` is E((X - x)+)^2 / 2, and of whole demand E((X - x)+ (X - x - 1)+) / 2; ``second_below`` is
    E((x - X)+)^2 / 2, and of whole demand E((x - X)+ (x - X + 1)) / 2.
    """

    above: Floats
    below: Floats
    second_above: Floats
    second_below: Floats


def normal_losses(level: npt.ArrayLike, mean: npt.ArrayLike = 0.0, sd: npt.ArrayLike = 1.0) -> Losses:
    """Losses of normal demand, all arguments broadcast; the standard normal's where only the level is given.

    Notes
    -----
    sd (phi(z) - z P(Z > z)) and sd^2 ((z^2 + 1) P(Z > z) - z phi(z)) / 2 (Snyder & Shen 2019, appendix C).

    Examples
    --------
    >>> [round(float(one), 6) for one in normal_losses(0.3)]
    [0.266761, 0.566761, 0.15103, 0.39397]
    """
    x, m, s = (np.asarray(one, dtype=np.float64) for one in (level, mean, sd))
    if not (s > 0).all():
        raise SettingsError("the standard deviation of normal demand must be above 0.")
    z = (x - m) / s
    density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
    above = s * (density - z * ndtr(-z))
    return _both_sides(
        x, m, s**2, above, s**2 * ((z * z + 1) * ndtr(-z) - z * density) / 2, whole=False, lowest=-np.inf
    )


def lognormal_losses(level: npt.ArrayLike, log_mean: float, log_sd: float) -> Losses:
    """Losses of demand whose logarithm is normal.

    Examples
    --------
    >>> round(float(lognormal_losses(10.0, 2.0, 0.3).above), 6)
    0.28365
    """
    x = np.asarray(level, dtype=np.float64)
    above = lognormal_loss(x, log_mean, log_sd)
    mean = np.exp(log_mean + log_sd**2 / 2)
    variance = mean**2 * np.expm1(log_sd**2)
    with np.errstate(divide="ignore"):
        z = (np.log(np.maximum(x, 0.0)) - log_mean) / log_sd
    at = np.maximum(x, 0.0)
    square = (mean**2 + variance) * ndtr(2 * log_sd - z) - 2 * at * mean * ndtr(log_sd - z) + at**2 * ndtr(-z)
    return _both_sides(x, mean, variance, above, square / 2, whole=False)


def exponential_losses(level: npt.ArrayLike, mean: float) -> Losses:
    """Losses of exponential demand, given its mean.

    Examples
    --------
    >>> [round(float(one), 6) for one in exponential_losses(3.0, 4.0)]
    [1.889466, 0.889466, 7.557865, 0.942135]
    """
    return gamma_losses(level, 1.0, mean)


def gamma_losses(level: npt.ArrayLike, shape: float, scale: float) -> Losses:
    """Losses of gamma demand with mean shape x scale.

    Examples
    --------
    >>> losses = gamma_losses(4.0, 2.0, 3.0)
    >>> bool(abs(losses.above - losses.below - 2.0) < 1e-12)  # the mean is 6
    True
    """
    x = np.asarray(level, dtype=np.float64)
    above = gamma_loss(x, shape, scale)
    at = np.maximum(x, 0.0)
    tails = [gammaincc(shape + more, at / scale) for more in (2.0, 1.0, 0.0)]
    square = shape * (shape + 1) * scale**2 * tails[0] - 2 * at * shape * scale * tails[1] + at**2 * tails[2]
    return _both_sides(x, shape * scale, shape * scale**2, above, square / 2, whole=False)


def uniform_losses(level: npt.ArrayLike, lowest: float, highest: float) -> Losses:
    """Losses of demand that is uniform between two values.

    Examples
    --------
    >>> [round(float(one), 6) for one in uniform_losses(75.0, 50.0, 100.0)]
    [6.25, 6.25, 52.083333, 52.083333]
    """
    x = np.asarray(level, dtype=np.float64)
    above = uniform_loss(x, lowest, highest)
    cubed = (highest - np.clip(x, lowest, highest)) ** 3 / (6 * (highest - lowest))
    width = (highest - lowest) ** 2 / 12
    return _both_sides(x, (lowest + highest) / 2, width, above, cubed, whole=False, lowest=lowest)


def negative_binomial_losses(
    level: npt.ArrayLike, mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike = 1.0
) -> Losses:
    """Losses of negative binomial demand at whole levels; Poisson demand where variance and mean are equal.

    Examples
    --------
    >>> [round(float(one), 6) for one in negative_binomial_losses(18, 15.0)]  # Poisson
    [0.51761, 3.51761, 0.84834, 12.65166]
    """
    x, m, v = (np.asarray(one, dtype=np.float64) for one in (level, mean, variance_to_mean))
    above = expected_shortfall(x, m, v)
    return _both_sides(x, m, m * v, above, second_loss(np.maximum(x + 1, 0.0), m, v), whole=True)


def geometric_losses(level: npt.ArrayLike, chance: float) -> Losses:
    """Losses of demand 1, 2, ..., the number of trials up to the first success, at whole levels.

    Examples
    --------
    >>> [round(float(one), 6) for one in geometric_losses(3, 0.2)]
    [2.56, 0.56, 10.24, 0.76]
    """
    if not 0 < chance <= 1:
        raise SettingsError(f"the chance of a geometric demand is {chance!r}; it must be above 0 and at most 1.")
    x = np.asarray(level, dtype=np.float64)
    fail = 1.0 - chance
    at = np.maximum(x, 1.0)
    above = fail**at / chance + np.maximum(1.0 - x, 0.0)
    second = fail ** (at + 1) / chance**2
    return _both_sides(x, 1 / chance, fail / chance**2, above, second, whole=True, lowest=1.0)


def losses_of(level: npt.ArrayLike, distribution: Distribution) -> Losses:
    """Losses of any demand that is a frozen distribution of scipy, whole or continuous, also of arrays of them.

    Notes
    -----
    Whole: sums of the distribution function below the level. Continuous: the integrals of the tail, and of the tail
    times the distance, from the level on, by adaptive quadrature.

    Examples
    --------
    >>> from scipy.stats import binom, gamma
    >>> round(float(losses_of(2, binom(3, 0.5)).above), 6)  # P(X = 3)
    0.125
    >>> bool(abs(losses_of(4.0, gamma(2.0, scale=3.0)).above - gamma_loss(4.0, 2.0, 3.0)) < 1e-9)
    True
    """
    mean, variance = (np.asarray(one, dtype=np.float64) for one in distribution.stats("mv"))
    x = np.asarray(level, dtype=np.float64)
    low, high = (np.asarray(one, dtype=np.float64) for one in distribution.support())
    if hasattr(distribution.dist, "pmf"):
        first, last = np.min(low), np.max(x)
        if not np.isfinite(first):
            raise SettingsError("whole demand without a lowest value has no sums below a level.")
        at = np.arange(first, max(last, first) + 1)
        at = at.reshape((-1,) + (1,) * np.broadcast(x, mean).ndim)
        chance = distribution.cdf(at)
        below = (chance * (at < x)).sum(axis=0)
        second = (chance * np.maximum(x - at, 0.0)).sum(axis=0)
        return Losses(mean - x + below, below, ((x - mean) ** 2 + (x - mean) + variance) / 2 - second, second)
    start, width = np.maximum(x, np.where(np.isfinite(low), low, x)), np.sqrt(variance)
    reach = np.where(np.isfinite(high), np.maximum(high - start, 0.0), width)

    def tail(part: float) -> Floats:
        stretch = np.where(np.isfinite(high), 1.0, 1.0 / (1.0 - part) ** 2)
        off = reach * np.where(np.isfinite(high), part, part / (1.0 - part))
        here = distribution.sf(start + off) * reach * stretch
        return np.stack([here, here * off])

    above, distance = quad_vec(tail, 0.0, 1.0 - 1e-12, epsabs=1e-12, epsrel=1e-12)[0]
    outside = start - x  # the level lies that far below the lowest demand
    second = distance + outside * above + outside**2 / 2
    return _both_sides(x, mean, variance, above + outside, second, whole=False, lowest=-np.inf)


def pmf_losses(level: npt.ArrayLike, values: npt.ArrayLike, chances: npt.ArrayLike) -> Losses:
    """Losses of demand given as values and their chances; second-order losses are those of whole demand.

    Examples
    --------
    >>> [round(float(one), 6) for one in pmf_losses(2, [1, 2, 4], [0.25, 0.25, 0.5])]
    [1.0, 0.25, 0.5, 0.25]
    """
    x = np.asarray(level, dtype=np.float64)[..., None]
    at, chance = (np.asarray(one, dtype=np.float64) for one in (values, chances))
    if (chance < 0).any() or abs(chance.sum() - 1.0) > 1e-6 or at.shape != chance.shape:
        raise SettingsError(
            f"the chances of demand add up to {chance.sum():.6g}; they must add up to 1, none negative."
        )
    over, under = np.maximum(at - x, 0.0), np.maximum(x - at, 0.0)
    return Losses(
        over @ chance,
        under @ chance,
        (over * np.maximum(over - 1.0, 0.0)) @ chance / 2,
        (under * (under + 1.0)) @ chance / 2,
    )


def _both_sides(
    level: Floats,
    mean: npt.ArrayLike,
    variance: npt.ArrayLike,
    above: Floats,
    second_above: Floats,
    *,
    whole: bool,
    lowest: float = 0.0,
) -> Losses:
    """Losses of both sides from those above; a level below the lowest demand has them all above."""
    off = level - np.asarray(mean, dtype=np.float64)
    square = (off**2 + (off if whole else 0.0) + np.asarray(variance, dtype=np.float64)) / 2
    if lowest != -np.inf:
        second_above = np.where(level < lowest, square, second_above)
    return Losses(above, np.maximum(above + off, 0.0), second_above, np.maximum(square - second_above, 0.0))
