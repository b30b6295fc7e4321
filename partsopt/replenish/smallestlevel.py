"""The smallest level for a target: the inverse of each measure of a (T, S) policy.

Arguments are those of the measures in :mod:`partsopt.replenish.reviewcycle`. Most levels are found by walking up
the distribution in compiled code; those that are large, or so near the target that rounding could decide, by
bisection with the measure itself.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from partsopt.errors import SettingsError
from partsopt.replenish.levelwalk import EXCEEDED, HELD, OWED, UNMET, falling_walk
from partsopt.replenish.reviewcycle import (
    batch_fill_rate,
    cycle_ready_rate,
    cycle_service_level,
    in_columns,
    in_rows,
    mean_on_hand,
    mean_owed,
    moments_of_cycle,
    solid,
)
from partsopt.replenish.walk import cycle_service_walk, fill_rate_walk

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

ROUNDED = 1e-12  # share by which the shares of lead times and moments may miss 1


def level_for_cycle_service_level(
    target: npt.ArrayLike,
    mean_over_protection: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    batch: npt.ArrayLike = 1,
) -> Wholes:
    """The smallest whole S whose cycle service level reaches the target.

    Parameters
    ----------
    target
        Above 0 and below 1, shape (n,) or one for all.
    mean_over_protection, variance_to_mean, weights, batch
        As in :func:`~partsopt.replenish.reviewcycle.cycle_service_level`.

    Raises
    ------
    SettingsError
        A target outside (0, 1): no level reaches 1.

    Notes
    -----
    The quantile of demand over T + L (Silver, Pyke & Thomas 2017, P1), counted up or bisected.

    Examples
    --------
    >>> level_for_cycle_service_level(0.95, [2.8], [1.0]).tolist()
    [6]
    >>> level_for_cycle_service_level([0.5, 0.95], 2.8, 1.0, batch=3).tolist()
    [2, 5]
    """
    target, mean, spread, weights = in_rows(target, mean_over_protection, variance_to_mean, weights)
    target, many = shares(target), np.broadcast_to(np.asarray(batch, dtype=np.int64), target.shape)

    def misses(level: Floats, rows: Wholes) -> npt.NDArray[np.bool_]:
        return cycle_service_level(level, mean[rows], spread[rows], weights[rows], many[rows]) < target[rows]

    if (many <= 1).all():
        walked = cycle_service_walk(*solid(target, mean, spread, weights))
    else:
        walked = falling_walk(EXCEEDED, *solid(1.0 - target, many, mean, mean, spread, weights))
    return settled(walked, misses, mean, spread)


def level_for_ready_rate(
    target: npt.ArrayLike,
    mean_over_protection: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    batch: npt.ArrayLike = 1,
) -> Wholes:
    """The smallest whole S whose chance of stock at the end of a review cycle reaches the target.

    Parameters
    ----------
    target
        Above 0 and below 1, shape (n,) or one for all.
    mean_over_protection, variance_to_mean, weights, batch
        As in :func:`~partsopt.replenish.reviewcycle.cycle_ready_rate`.

    Raises
    ------
    SettingsError
        A target outside (0, 1): no level reaches 1.

    Notes
    -----
    P(D < S) = P(D <= S - 1): a piece more than for the cycle service level (Axsäter 2006).

    Examples
    --------
    >>> level_for_ready_rate(0.95, [2.8], [1.0]).tolist()
    [7]
    """
    level = level_for_cycle_service_level(target, mean_over_protection, variance_to_mean, weights, batch) + 1
    if (np.asarray(batch) > 1).any():  # a batch may reach the target from the level 0 on
        empty = np.zeros(len(level))
        reached = cycle_ready_rate(empty, mean_over_protection, variance_to_mean, weights, batch)
        level = np.where(reached >= np.asarray(target), 0, level)
    return level


def level_for_fill_rate(
    target: npt.ArrayLike,
    mean_over_lead_time: npt.ArrayLike,
    mean_over_protection: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    batch: npt.ArrayLike = 1,
) -> Wholes:
    """The smallest whole S whose exact fill rate reaches the target.

    Parameters
    ----------
    target
        Above 0 and below 1, shape (n,) or one for all.
    mean_over_lead_time, mean_over_protection, variance_to_mean, weights, batch
        As in :func:`~partsopt.replenish.reviewcycle.batch_fill_rate`.

    Raises
    ------
    SettingsError
        A target outside (0, 1): no level reaches 1.

    Notes
    -----
    The fill rate never falls as S grows, for demand over T + L exceeds a level at least as often as demand over L
    (Johnson et al. 1995).

    Examples
    --------
    >>> level_for_fill_rate(0.95, [1.4], [2.8], [1.0]).tolist()
    [6]
    >>> level_for_fill_rate(0.95, [1.4], [2.8], [1.0], batch=5).tolist()
    [5]
    """
    target, mean, spread, weights = in_rows(target, mean_over_protection, variance_to_mean, weights)
    mean_lead = in_columns(mean_over_lead_time, mean.shape)
    target, many = shares(target), np.broadcast_to(np.asarray(batch, dtype=np.int64), target.shape)

    def misses(level: Floats, rows: Wholes) -> npt.NDArray[np.bool_]:
        reached = batch_fill_rate(level, many[rows], mean_lead[rows], mean[rows], spread[rows], weights[rows])
        return reached < target[rows]

    if (many <= 1).all():
        walked = fill_rate_walk(*solid(target, mean_lead, mean, spread, weights))
    else:
        walked = falling_walk(UNMET, *solid(1.0 - target, many, mean_lead, mean, spread, weights))
    return settled(walked, misses, mean, spread)


def level_for_backorders(
    most: npt.ArrayLike,
    mean: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    batch: npt.ArrayLike = 1,
) -> Wholes:
    """The smallest whole S with no more pieces owed, E(D - S)+, than given.

    Parameters
    ----------
    most
        Pieces, above 0, shape (n,) or one for all.
    mean, variance_to_mean, weights, batch
        As in :func:`~partsopt.replenish.reviewcycle.mean_owed`: demand over T + L for what is owed at the end of a
        cycle, over L for a stock that is ordered piece by piece.

    Raises
    ------
    SettingsError
        A limit of 0 or below: no level makes sure that nothing is owed.

    Notes
    -----
    E(D - S)+ falls by P(D > S) with each piece (Sherbrooke 2004, chapter 2).

    Examples
    --------
    >>> level_for_backorders([0.4, 0.1], 1.0, 1.0).tolist()  # 0.368 pieces are owed at 1, 0.104 at 2, 0.023 at 3
    [1, 3]
    """
    most, columns, spread, weights = in_rows(most, mean, variance_to_mean, weights)
    many = np.broadcast_to(np.asarray(batch, dtype=np.int64), most.shape)
    wrong = ~((most > 0) & np.isfinite(most))
    if wrong.any():
        raise SettingsError(f"{most[wrong][0]:g} pieces owed is no limit: give one above 0, every level owes some.")

    def misses(level: Floats, rows: Wholes) -> npt.NDArray[np.bool_]:
        return mean_owed(level, many[rows], columns[rows], spread[rows], weights[rows]) > most[rows]

    walked = falling_walk(OWED, *solid(most, many, columns, columns, spread, weights))
    return settled(walked, misses, columns, spread)


def level_for_on_hand(
    least: npt.ArrayLike,
    mean_over_lead_time: npt.ArrayLike,
    mean_over_protection: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    batch: npt.ArrayLike = 1,
) -> Wholes:
    """The smallest whole S with at least these pieces on hand on average; the level below it is the largest with fewer.

    Parameters
    ----------
    least
        Pieces, 0 or more, shape (n,) or one for all.
    mean_over_lead_time, mean_over_protection, variance_to_mean, weights, batch
        As in :func:`~partsopt.replenish.reviewcycle.mean_on_hand`.

    Raises
    ------
    SettingsError
        A negative or infinite number of pieces.

    Notes
    -----
    What is on hand rises by P(D <= S) with each piece (Hadley & Whitin 1963, periodic review).

    Examples
    --------
    >>> level_for_on_hand(3.0, [1.4], [2.8], [1.0]).tolist()
    [6]
    """
    least, mean, spread, weights = in_rows(least, mean_over_protection, variance_to_mean, weights)
    mean_lead = in_columns(mean_over_lead_time, mean.shape)
    many = np.broadcast_to(np.asarray(batch, dtype=np.int64), least.shape)
    wrong = ~((least >= 0) & np.isfinite(least))
    if wrong.any():
        raise SettingsError(f"{least[wrong][0]:g} pieces on hand is no target: give 0 or more, and a finite number.")

    def misses(level: Floats, rows: Wholes) -> npt.NDArray[np.bool_]:
        held = mean_on_hand(level, many[rows], mean_lead[rows], mean[rows], spread[rows], weights[rows])
        return held < least[rows] * (1.0 - ROUNDED)

    demand, share = moments_of_cycle(mean_lead, mean, weights)
    walked = falling_walk(HELD, *solid(-least, many, demand, demand, spread, share))
    return settled(walked, misses, mean, spread)


def demand_quantile(probability: npt.ArrayLike, mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike) -> Wholes:
    """The smallest whole number that demand does not exceed with at least this probability.

    The newsvendor's answer for ``probability`` = underage cost / (underage + overage cost), and so
    the quantity of a last buy.

    Parameters
    ----------
    probability
        Above 0 and below 1, shape (n,) or one for all.
    mean, variance_to_mean
        Of the demand, pieces and 1 or more, shape (n,).

    Raises
    ------
    SettingsError
        A probability outside (0, 1).

    Notes
    -----
    Arrow, Harris & Marschak (1951).

    Examples
    --------
    >>> int(demand_quantile(270 / 470, 18.0, 1.0)[0])
    19
    """
    return level_for_cycle_service_level(probability, mean, variance_to_mean)


def shares(target: Floats) -> Floats:
    """The targets, each a share between 0 and 1; others are refused."""
    wrong = ~((target > 0) & (target < 1))
    if wrong.any():
        raise SettingsError(f"the service target is {float(target[wrong][0])!r}; it must be above 0 and below 1.")
    return target


def settled(
    walked: Wholes, misses: Callable[[Floats, Wholes], npt.NDArray[np.bool_]], mean: Floats, spread: Floats
) -> Wholes:
    """The levels found, and where one is -1 the smallest that does not miss, by doubling and bisection."""
    level = walked.copy()
    rows = np.flatnonzero(level < 0)
    if not len(rows):
        return level
    typical = mean[rows].max(axis=1, initial=0.0)
    low, high = np.full(len(rows), -1.0), np.ceil(typical)
    width = np.maximum(1.0, np.ceil(np.sqrt(typical * spread[rows]) / 2))
    short = np.flatnonzero(misses(high, rows))
    while len(short):
        low[short] = high[short]
        high[short] += width[short]
        width[short] *= 2
        short = short[misses(high[short], rows[short])]
    between = np.flatnonzero(high - low > 1)
    while len(between):
        middle = np.floor((low[between] + high[between]) / 2)
        below = misses(middle, rows[between])
        low[between[below]] = middle[below]
        high[between[~below]] = middle[~below]
        between = between[high[between] - low[between] > 1]
    level[rows] = high.astype(np.int64)
    return level
