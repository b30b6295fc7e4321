"""Demand as a number of demands, each of a size that was seen."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from partsopt.errors import SettingsError

Floats = npt.NDArray[np.float64]

LARGEST_START = 600.0  # demands; more are cut into equal parts, whose first probabilities do not underflow


def compound_poisson_pmf(mean_demands: npt.ArrayLike, size_pmf: npt.ArrayLike, n: int) -> Floats:
    """Distribution of total demand 0 .. n - 1 when the number of demands is Poisson and sizes are as given.

    Parameters
    ----------
    mean_demands
        Expected number of demands in the interval, 0 or more, shape (...).
    size_pmf
        Probability of each size, from 0 on, shape (sizes,) or (..., sizes); sizes past its end do not occur.
    n
        Length of the answer.

    Returns
    -------
    Array
        Shape (..., n); what a row lacks to 1 is demand of n pieces or more.

    Raises
    ------
    SettingsError
        A negative number of demands, or sizes whose chances are negative or do not add up to 1.

    Notes
    -----
    Panjer (1981), ASTIN Bulletin 12: f(k) = rate / k sum over j of j g(j) f(k - j). Many demands are cut into halves
    until the recursion can start, and their distributions convolved.

    Examples
    --------
    >>> compound_poisson_pmf(1.0, [0.0, 1.0], 3).round(6).tolist()  # sizes of one: Poisson
    [0.367879, 0.367879, 0.18394]
    >>> compound_poisson_pmf([1.0, 2.0], [0.0, 0.5, 0.5], 2).round(6).tolist()
    [[0.367879, 0.18394], [0.135335, 0.135335]]
    """
    demands, sizes = np.asarray(mean_demands, dtype=np.float64), np.asarray(size_pmf, dtype=np.float64)
    if not (np.isfinite(demands) & (demands >= 0)).all():
        raise SettingsError("mean_demands must be a number of 0 or more.")
    if not ((sizes >= 0).all() and (abs(sizes.sum(axis=-1) - 1.0) < 1e-6).all()):
        raise SettingsError("size_pmf must hold chances of 0 or more that add up to 1.")
    shape = np.broadcast_shapes(demands.shape, sizes.shape[:-1])
    rows = np.array(np.broadcast_to(sizes, (*shape, sizes.shape[-1])), order="C").reshape(-1, sizes.shape[-1])
    return panjer(np.array(np.broadcast_to(demands, shape)).reshape(-1), rows, n).reshape(*shape, n)


def stuttering_poisson_pmf(mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike, n: int) -> Floats:
    """Distribution of demand 0 .. n - 1 when the number of demands is Poisson and their sizes are geometric from 1 on.

    Parameters
    ----------
    mean, variance_to_mean
        Of the demand, pieces and 1 or more; broadcast to a shape (...).
    n
        Length of the answer, shape (..., n).

    Notes
    -----
    The chance that a demand has one piece more is (v - 1) / (v + 1); then by :func:`compound_poisson_pmf` (Axsäter
    2006). Sizes of n pieces or more are counted as n: the table speaks of less.

    Examples
    --------
    >>> stuttering_poisson_pmf(1.0, 1.0, 3).round(6).tolist()  # sizes of one: Poisson
    [0.367879, 0.367879, 0.18394]
    """
    ratio = np.asarray(variance_to_mean, dtype=np.float64)
    if not (ratio >= 1).all():
        raise SettingsError("variance_to_mean must be 1 or more: demands come at random, sizes add to that.")
    again = (ratio - 1.0) / (ratio + 1.0)
    sizes = np.zeros((*ratio.shape, n + 1))
    sizes[..., 1:] = again[..., None] ** np.arange(n)
    sizes[..., 1:n] *= 1.0 - again[..., None]
    return compound_poisson_pmf(np.asarray(mean, dtype=np.float64) * (1.0 - again), sizes, n)


@njit(cache=True, nogil=True)
def panjer(mean_demands: Floats, sizes: Floats, n: int) -> Floats:
    """The distribution of the total of each row; shapes (rows,) and (rows, sizes)."""
    rows, longest = sizes.shape
    total = np.zeros((rows, n))
    for i in range(rows):
        rate, halvings = mean_demands[i], 0
        while rate * (1.0 - sizes[i, 0]) > LARGEST_START:
            rate /= 2.0
            halvings += 1
        pmf = np.zeros(n)
        for k in range(n):
            if k == 0:
                pmf[0] = math.exp(-rate * (1.0 - sizes[i, 0]))
                continue
            added = 0.0
            for j in range(1, min(k, longest - 1) + 1):
                added += j * sizes[i, j] * pmf[k - j]
            pmf[k] = rate / k * added
        for _ in range(halvings):
            both = np.zeros(n)
            for k in range(n):
                for j in range(k + 1):
                    both[k] += pmf[j] * pmf[k - j]
            pmf = both
        total[i] = pmf
    return total
