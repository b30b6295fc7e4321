"""How wide the total over a horizon is: what adds to the variance of a Poisson, weighted by what past totals showed.

Three things add to it: the series' own dispersion; how little is known of its rate, which the forecast takes for
true; and that rates and the market move, in proportion to the rate.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

FIRST_TERMS = np.array([1.0, 1.0, 0.0])
"""Weights where nothing could be learnt: the rate is the mean of the history, and does not move."""
RIDGE = 0.01
"""How strongly the weights keep to the first ones, as a share of what the totals say."""
LARGEST_ERROR = 100.0
"""A squared error counts up to this many times what is usual of the series."""
ROUNDS, SWEEPS = 4, 100


def spread_of(weights: Array, mean: Array, ratio: Array, time: Array, horizon: float) -> Array:
    """Variance over mean of totals, 1 or more, shape (series,).

    Parameters
    ----------
    weights
        Of own dispersion, unknown rate and moving rate, shape (3,).
    mean
        Expected total over the horizon, pieces.
    ratio
        Variance over mean of a period's demand, 1 or more.
    time
        Periods that the series was observed, or fewer where its first demand came late.
    horizon
        Periods.

    Examples
    --------
    A rate known from 11 periods, whose own error adds 3 / 12 to the total of three:

    >>> spread_of(np.array([1.0, 1.0, 0.0]), np.array([6.0]), np.array([1.0]), np.array([11.0]), 3.0).tolist()
    [1.25]
    """
    wider = weights[0] * (ratio - 1.0) + weights[1] * (horizon * ratio / (time + 1.0)) + weights[2] * mean
    return np.asarray(1.0 + wider)


def spread_weights(total: Array, mean: Array, ratio: Array, time: Array, horizon: float) -> Array:
    """Non-negative weights of ``spread_of`` that explain the squared errors of past totals, shape (3,).

    Least squares on relative errors, repeated, as the spread of a squared error grows with it (gamma quasi-likelihood).

    Parameters
    ----------
    total, mean
        What came and what was expected, shape (rows,).
    ratio, time, horizon
        As for :func:`spread_of`.
    """
    terms = np.column_stack([ratio - 1.0, horizon * ratio / (time + 1.0), mean])
    error = np.minimum((total - mean) ** 2 / mean, LARGEST_ERROR * ratio) - 1.0
    found = FIRST_TERMS.copy()
    for _ in range(ROUNDS):
        weighted = terms / ((1.0 + terms @ found) ** 2)[:, None]
        square, cross = weighted.T @ terms, weighted.T @ error
        ridge = RIDGE * np.diag(square)
        square, cross = square + np.diag(ridge), cross + ridge * FIRST_TERMS
        found = _not_negative(square.tolist(), cross.tolist(), found.tolist())
    return found


def _not_negative(square: list[list[float]], cross: list[float], found: list[float]) -> Array:
    """Non-negative least squares of few unknowns, one after the other until nothing changes."""
    for _ in range(SWEEPS):
        change = 0.0
        for k, row in enumerate(square):
            rest = cross[k] - sum(one * weight for one, weight in zip(row, found, strict=True))
            new = max(found[k] + rest / max(row[k], 1e-300), 0.0)
            change, found[k] = max(change, abs(new - found[k])), new
        if change < 1e-6:
            break
    return np.array(found)
