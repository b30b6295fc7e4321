"""Random draws that give the same numbers on every machine.

numpy promises that the raw stream of a bit generator never changes, but not what its
distributions make of it. So only uniform numbers are drawn, and every distribution is the inverse of its
own distribution function here; what comes out of a transcendental function is rounded, so that the
last bit of a machine's mathematics library decides nothing.
"""

from __future__ import annotations

import zlib
from typing import TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray
STEADY_DECIMALS = 9
NORMAL_FROM = 60.0  # a Poisson mean from which its inverse is taken from the normal distribution

# Acklam's rational approximation of the inverse normal distribution, relative error below 1.2e-9
_A = (
    -39.69683028665376,
    220.9460984245205,
    -275.9285104469687,
    138.3577518672690,
    -30.66479806614716,
    2.506628277459239,
)
_B = (-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572, 1.0)
_C = (
    -0.007784894002430293,
    -0.3223964580411365,
    -2.400758277161838,
    -2.549732539343734,
    4.374664141464968,
    2.938163982698783,
)
_D = (0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416, 1.0)
_TAIL = 0.02425


def stream(seed: int, *names: object) -> np.random.Generator:
    """A stream of random numbers of its own for each purpose, so that one table does not shift another.

    Examples
    --------
    >>> bool(stream(1, "stock").random() == stream(1, "stock").random())
    True
    """
    words = [zlib.crc32(str(name).encode()) for name in names]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words])))


def steady(values: Array) -> Array:
    """Values without the last bits, in which machines may differ."""
    return np.round(values, STEADY_DECIMALS)


def normal_quantile(u: Array) -> Array:
    """Standard normal number below which the share ``u`` lies.

    Examples
    --------
    >>> normal_quantile(np.array([0.5, 0.975])).round(4).tolist()
    [0.0, 1.96]
    """
    u = np.clip(np.asarray(u, dtype=np.float64), 1e-12, 1 - 1e-12)
    middle = u - 0.5
    square = middle * middle
    centre = np.polyval(_A, square) * middle / np.polyval(_B, square)
    root = np.sqrt(-2 * np.log(np.minimum(u, 1 - u)))
    tail = np.polyval(_C, root) / np.polyval(_D, root) * np.where(u < 0.5, 1.0, -1.0)
    return steady(np.where((u < _TAIL) | (u > 1 - _TAIL), tail, centre))


def normal(random: np.random.Generator, n: int) -> Array:
    """Standard normal numbers, shape (n,)."""
    return normal_quantile(random.random(n))


def spread_normal(random: np.random.Generator, n: int) -> Array:
    """Standard normal numbers, one from each n-th of the distribution, in random order, shape (n,).

    A sample of few parts then has the shape of a large one.
    """
    order = np.argsort(random.random(n), kind="stable")
    return normal_quantile((order + random.random(n)) / max(n, 1))


def lognormal(z: Array, median: Array | float, sigma: Array | float) -> Array:
    """Lognormal numbers from standard normal ones."""
    return steady(np.exp(z * sigma) * median)


def poisson_from(u: Array, mean: Array) -> Array:
    """Poisson counts as the inverse of the distribution at ``u``, shape as ``u``, whole.

    Above a mean of 60 the normal distribution with the same mean and variance is rounded.

    Examples
    --------
    >>> poisson_from(np.array([0.3, 0.95, 0.999]), np.array([1.0, 1.0, 0.0])).tolist()
    [0, 3, 0]
    >>> poisson_from(np.array([0.5, 0.5]), np.array([50.0, 70.0])).tolist()
    [50, 70]
    """
    u, mean = np.broadcast_arrays(np.asarray(u, dtype=np.float64), np.asarray(mean, dtype=np.float64))
    counts = np.zeros(u.shape, dtype=np.int64)
    large = mean > NORMAL_FROM
    if large.any():
        rough = mean[large] + np.sqrt(mean[large]) * normal_quantile(u[large])
        counts[large] = np.maximum(np.floor(steady(rough) + 0.5), 0).astype(np.int64)
    left = np.flatnonzero(~large.ravel() & (mean.ravel() > 0))
    share, rate = u.ravel()[left], mean.ravel()[left]
    term = steady_share(np.exp(-rate))
    below = term.copy()
    flat = counts.reshape(-1)
    k = 0
    while left.size:
        above = (share >= below) & ((k < rate) | (term > 1e-18))
        flat[left[~above]] = k
        left, share, rate, term, below = (values[above] for values in (left, share, rate, term, below))
        k += 1
        term = term * rate / k
        below = below + term
        if k > 4 * NORMAL_FROM:
            flat[left] = k
            break
    return flat.reshape(u.shape)


def steady_share(values: Array) -> Array:
    """Probabilities without the last bits; tiny ones keep their leading digits."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa, 12), exponent)


def geometric_from(u: Array, mean: Array) -> Array:
    """Whole numbers 1, 2, 3, ... falling geometrically with the given mean, by inverse.

    Examples
    --------
    >>> geometric_from(np.array([0.2, 0.6, 0.9]), np.array([1.0, 2.0, 2.0])).tolist()
    [1, 2, 4]
    """
    stop = 1 / np.maximum(mean, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        extra = np.floor(steady(np.log1p(-u) / np.log1p(-stop)))
    return (1 + np.where(stop < 1, extra, 0)).astype(np.int64)


def pick(u: Array, weights: Array) -> Array:
    """Positions drawn in proportion to ``weights``, shape as ``u``.

    Examples
    --------
    >>> pick(np.array([0.0, 0.3, 0.99]), np.array([1.0, 3.0])).tolist()
    [0, 1, 1]
    """
    edges = np.cumsum(weights)
    return np.minimum(np.searchsorted(edges, u * edges[-1], side="right"), len(weights) - 1)


def sample_without_repeat(random: np.random.Generator, candidates: Array, n: int) -> Array:
    """At most ``n`` of the candidates, each at most once, ascending."""
    order = np.argsort(random.random(len(candidates)), kind="stable")
    return np.sort(candidates[order[:n]])
