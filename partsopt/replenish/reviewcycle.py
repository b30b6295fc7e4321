"""Service of a (T, S) policy over its review cycle, unmet demand waiting: shares met, pieces owed and on hand.

Rows are parts. An uncertain lead time is a mixture: means have a second axis then, one column for each possible
lead time, and ``weights`` are the chances of the columns. With a minimum or multiple Q the position after a review
is anywhere in S .. S + Q - 1 with equal chance.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.replenish.intervaldemand import POISSON_BELOW, expected_shortfall, second_loss, upper_tail
from partsopt.replenish.lotsizing import floats
from partsopt.replenish.walk import on_hand_walk

LEAD_TIME_STEP = 3.0**0.5  # the outer points of the three-point lead time, in standard deviations
LEAD_TIME_WEIGHTS = (1 / 6, 2 / 3, 1 / 6)
CYCLE_POINTS, CYCLE_WEIGHTS = np.polynomial.legendre.leggauss(5)  # of the time between two receipts

Floats = npt.NDArray[np.float64]


class LeadTimes(NamedTuple):
    """Possible lead times, shape (n, k), and the chance of each, shape (n, k)."""

    days: Floats
    weights: Floats


def lead_time_mixture(mean: npt.ArrayLike, sd: npt.ArrayLike) -> LeadTimes:
    """Three possible lead times with the mean and standard deviation of the lead time.

    Parameters
    ----------
    mean, sd
        Days, or any other unit of time, shape (n,).

    Returns
    -------
    LeadTimes
        Days and chances, each of shape (n, 3).

    Notes
    -----
    The three-point Gauss-Hermite rule: mean and mean +- sqrt(3) sd with weights 2/3 and 1/6, which keeps the first five
    moments of a normal lead time (Abramowitz & Stegun 1964, table 25.10). A point below zero is moved to zero.

    Examples
    --------
    >>> lead_time_mixture([10.0], [2.0]).days.round(3).tolist()
    [[6.536, 10.0, 13.464]]
    """
    mean, sd = floats(mean, sd)
    mean, sd = np.atleast_1d(mean), np.atleast_1d(sd)
    step = LEAD_TIME_STEP * sd
    days = np.maximum(np.stack([mean - step, mean, mean + step], axis=-1), 0.0)
    return LeadTimes(days, np.broadcast_to(np.array(LEAD_TIME_WEIGHTS), days.shape))


def cycle_service_level(
    level: npt.ArrayLike,
    mean_over_protection: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    batch: npt.ArrayLike = 1,
) -> Floats:
    """Probability that no piece is short in a review cycle, P(D(T+L) <= S).

    Parameters
    ----------
    level
        S, whole pieces, shape (n,).
    mean_over_protection
        Expected demand over T + L, shape (n,), or (n, k) for k possible lead times.
    variance_to_mean
        Shape (n,).
    weights
        Chance of each lead time, shape (k,) or (n, k); not needed for one.
    batch
        Q, whole pieces: the mean over the positions S .. S + Q - 1.

    Notes
    -----
    P1 of Silver, Pyke & Thomas (2017). The sum of P(D > s) over the positions is E(D - S)+ - E(D - S - Q)+ (Hadley &
    Whitin 1963).

    Examples
    --------
    >>> cycle_service_level([6], [2.8], [1.0]).round(6).tolist()
    [0.975589]
    >>> by_hand = cycle_service_level([6, 7, 8], [2.8] * 3, [1.0] * 3).mean()
    >>> bool(abs(by_hand - cycle_service_level([6], [2.8], [1.0], batch=3)[0]) < 1e-12)
    True
    """
    level, mean, spread, weights = in_rows(level, mean_over_protection, variance_to_mean, weights)
    exceeded = _mixed_tail(level, mean, spread, weights)
    batch = np.broadcast_to(np.asarray(batch, dtype=np.float64), level.shape)
    many = np.flatnonzero(batch > 1)
    if len(many):
        low, at = np.floor(level[many])[:, None], spread[many, None]
        beyond = expected_shortfall(low, mean[many], at) - expected_shortfall(low + batch[many, None], mean[many], at)
        exceeded[many] = np.clip((beyond * weights[many]).sum(axis=1) / batch[many], 0.0, exceeded[many])
    return 1.0 - exceeded


def cycle_ready_rate(
    level: npt.ArrayLike,
    mean_over_protection: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    batch: npt.ArrayLike = 1,
) -> Floats:
    """Probability that stock is left at the end of a review cycle, P(D(T+L) < S).

    Parameters
    ----------
    level, mean_over_protection, variance_to_mean, weights, batch
        As in :func:`cycle_service_level`, whose answer for S - 1 this is.

    Notes
    -----
    P(D < S) = P(D <= S - 1); ready rate as Axsäter (2006) has it, at the end of the cycle.

    Examples
    --------
    >>> cycle_ready_rate([6, 7], [2.8, 2.8], [1.0, 1.0]).round(6).tolist()
    [0.93489, 0.975589]
    """
    below = np.asarray(level, dtype=np.float64) - 1.0
    return cycle_service_level(below, mean_over_protection, variance_to_mean, weights, batch)


def fill_rate(
    level: npt.ArrayLike,
    mean_over_lead_time: npt.ArrayLike,
    mean_over_protection: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> Floats:
    """Share of demand met from the shelf at once, exact, backorders carried into the cycle included.

    Parameters
    ----------
    level
        S, whole pieces, shape (n,).
    mean_over_lead_time, mean_over_protection
        Expected demand over L and over T + L, shape (n,), or (n, k) for k possible lead times.
    variance_to_mean
        Shape (n,).
    weights
        Chance of each lead time, shape (k,) or (n, k); not needed for one.

    Returns
    -------
    Array
        Shape (n,); 1 where nothing is expected to be asked for between two reviews.

    Notes
    -----
    beta(S) = 1 - (E(D(T+L) - S)+ - E(D(L) - S)+) / E D(T): what is short at the end of the cycle
    less what was short already at its start (Johnson et al. 1995; Sobel 2004; Teunter 2009).

    Examples
    --------
    >>> fill_rate([6], [1.4], [2.8], [1.0]).round(6).tolist()
    [0.97493]
    """
    level, mean_protection, spread, weights = in_rows(level, mean_over_protection, variance_to_mean, weights)
    mean_lead = in_columns(mean_over_lead_time, mean_protection.shape)
    unmet, asked = _unmet(level, mean_lead, mean_protection, spread, weights)
    return _share_met(unmet, asked)


def textbook_fill_rate(
    level: npt.ArrayLike,
    mean_over_lead_time: npt.ArrayLike,
    mean_over_protection: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> Floats:
    """Fill rate of the textbooks, which counts what was owed before the cycle as short in it; below the exact one.

    Parameters
    ----------
    level, mean_over_lead_time, mean_over_protection, variance_to_mean, weights
        As in :func:`fill_rate`.

    Returns
    -------
    Array
        Shape (n,); below 0 where more is owed than is asked for in a cycle; 1 where nothing is asked for.

    Notes
    -----
    1 - E(D(T+L) - S)+ / E D(T) (Hadley & Whitin 1963; compared by Johnson et al. 1995).

    Examples
    --------
    >>> textbook_fill_rate([6], [1.4], [2.8], [1.0]).round(6).tolist()
    [0.974396]
    """
    level, mean_protection, spread, weights = in_rows(level, mean_over_protection, variance_to_mean, weights)
    mean_lead = in_columns(mean_over_lead_time, mean_protection.shape)
    owed = (expected_shortfall(level[:, None], mean_protection, spread[:, None]) * weights).sum(axis=1)
    asked = ((mean_protection - mean_lead) * weights).sum(axis=1)
    return 1.0 - np.divide(owed, asked, out=np.zeros(len(asked)), where=asked > 0)


def batch_fill_rate(
    level: npt.ArrayLike,
    batch: npt.ArrayLike,
    mean_over_lead_time: npt.ArrayLike,
    mean_over_protection: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> Floats:
    """Fill rate where the position after a review is anywhere in S .. S + Q - 1 with equal chance.

    Parameters
    ----------
    level, batch
        S and Q, whole pieces, shape (n,); Q = 1 gives :func:`fill_rate`.
    mean_over_lead_time, mean_over_protection, variance_to_mean, weights
        As in :func:`fill_rate`.

    Notes
    -----
    With a minimum or an order multiple the position is uniform over Q neighbouring values (Hadley &
    Whitin 1963). The sum of Q shortfalls is a difference of two second-order losses,
    sum over s >= S of E(X - s)+ = E((X - S)+ (X - S + 1)) / 2.

    Examples
    --------
    >>> levels = np.array([6, 7, 8])
    >>> by_hand = fill_rate(levels, [1.4] * 3, [2.8] * 3, [1.0] * 3).mean()
    >>> bool(abs(by_hand - batch_fill_rate([6], [3], [1.4], [2.8], [1.0])[0]) < 1e-12)
    True
    """
    level, mean_protection, spread, weights = in_rows(level, mean_over_protection, variance_to_mean, weights)
    mean_lead = in_columns(mean_over_lead_time, mean_protection.shape)
    batch = np.broadcast_to(np.asarray(batch, dtype=np.float64), level.shape)
    unmet, asked = _unmet(level, mean_lead, mean_protection, spread, weights)
    many = batch > 1
    if many.any():
        low, high = level[many, None], (level + batch)[many, None]
        at, rate = spread[many, None], weights[many]

        def summed(mean: Floats) -> Floats:
            return ((second_loss(low, mean, at) - second_loss(high, mean, at)) * rate).sum(axis=1)

        averaged = (summed(mean_protection[many]) - summed(mean_lead[many])) / batch[many]
        unmet[many] = np.clip(averaged, 0.0, unmet[many])
    return _share_met(unmet, asked)


def mean_on_hand(
    level: npt.ArrayLike,
    batch: npt.ArrayLike,
    mean_over_lead_time: npt.ArrayLike,
    mean_over_protection: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> Floats:
    """Expected pieces on hand, averaged over the time between two receipts.

    Parameters
    ----------
    level, batch
        S and Q, whole pieces, shape (n,): the position after a review is anywhere in S .. S + Q - 1 with equal chance.
    mean_over_lead_time, mean_over_protection, variance_to_mean, weights
        As in :func:`fill_rate`; the time runs from L to T + L after the review.

    Returns
    -------
    Array
        Shape (n,).

    Notes
    -----
    The integral of E(S - D(t))+ over t from L to T + L by five Gauss-Legendre points, for each lead time (Hadley
    & Whitin 1963, periodic review). Compiled where the level can be walked; else by second-order losses.

    Examples
    --------
    >>> mean_on_hand([1], [1], [0.0], [0.2], [1.0]).round(6).tolist()  # (1 - exp(-0.2)) / 0.2
    [0.906346]
    """
    level, mean_protection, spread, chance = in_rows(level, mean_over_protection, variance_to_mean, weights)
    mean_lead = in_columns(mean_over_lead_time, mean_protection.shape)
    batch = np.broadcast_to(np.asarray(batch, dtype=np.float64), level.shape)
    mean, share = moments_of_cycle(mean_lead, mean_protection, chance)
    whole = level.astype(np.int64), batch.astype(np.int64)
    held = on_hand_walk(*whole, *solid(mean, spread, share))
    left_open = np.flatnonzero(np.isnan(held))
    if len(left_open):
        at, low = spread[left_open, None], level[left_open, None]
        many, demand = batch[left_open, None], mean[left_open]
        short = (second_loss(low, demand, at) - second_loss(low + many, demand, at)) / many
        held[left_open] = (np.maximum(low + (many - 1) / 2 - demand + short, 0.0) * share[left_open]).sum(axis=1)
    return held


def mean_owed(
    level: npt.ArrayLike,
    batch: npt.ArrayLike,
    mean: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> Floats:
    """Expected pieces owed after a demand, E(D - s)+, averaged over the positions S .. S + Q - 1.

    Parameters
    ----------
    level, batch
        S and Q, whole pieces, shape (n,).
    mean, variance_to_mean, weights
        Demand over T + L for what is owed at the end of a cycle; as in :func:`cycle_service_level`.

    Notes
    -----
    Positions with equal chance (Hadley & Whitin 1963); the sum of their shortfalls is a difference of second losses.

    Examples
    --------
    >>> mean_owed([1, 0], [1, 2], [1.0, 1.0], [1.0, 1.0]).round(6).tolist()  # exp(-1), and its mean with 1
    [0.367879, 0.68394]
    """
    level, columns, spread, chance = in_rows(level, mean, variance_to_mean, weights)
    batch = np.broadcast_to(np.asarray(batch, dtype=np.float64), level.shape)
    held = on_hand_walk(level.astype(np.int64), batch.astype(np.int64), *solid(columns, spread, chance))
    owed = held - level - (batch - 1) / 2 + (columns * chance).sum(axis=1)
    left_open = np.flatnonzero(np.isnan(held))
    if len(left_open):
        at, low, many = spread[left_open, None], level[left_open, None], batch[left_open, None]
        short = second_loss(low, columns[left_open], at) - second_loss(low + many, columns[left_open], at)
        owed[left_open] = (short / many * chance[left_open]).sum(axis=1)
    return np.maximum(owed, 0.0)


def order_chance(batch: npt.ArrayLike, mean_over_review: npt.ArrayLike, variance_to_mean: npt.ArrayLike) -> Floats:
    """Probability that a review orders the part: that demand since the last one uses up the position's spare pieces.

    Parameters
    ----------
    batch
        Q, whole pieces: minimum or multiple; 1 where any demand is ordered.
    mean_over_review, variance_to_mean
        Demand over the review period.

    Notes
    -----
    The position lies 0 .. Q - 1 pieces above S with equal chance (Hadley & Whitin 1963), so the chance is
    E min(D, Q) / Q; with Q = 1 P(D > 0).

    Examples
    --------
    >>> order_chance([1, 4], [2.0, 2.0], [1.0, 1.0]).round(6).tolist()
    [0.864665, 0.481215]
    """
    many, mean, ratio = floats(batch, mean_over_review, variance_to_mean)
    excess = ratio - 1.0
    per_piece = np.where(excess >= POISSON_BELOW, np.log(ratio) / np.where(excess > 0, excess, 1.0), 1.0)
    chance = np.atleast_1d(-np.expm1(-mean * per_piece))
    packed = np.flatnonzero(np.atleast_1d(many) > 1)
    if len(packed):
        q, m, v = (np.atleast_1d(one)[packed] for one in (many, mean, ratio))
        chance[packed] = np.clip((m - expected_shortfall(q, m, v)) / q, 0.0, 1.0)
    return chance.reshape(many.shape)


def dealer_fill_rate(demand: npt.ArrayLike, emergency_purchases: npt.ArrayLike, lost_sales: npt.ArrayLike) -> Floats:
    """Share of a dealer's demand that was met without an emergency purchase or a lost sale; 1 without demand.

    Parameters
    ----------
    demand, emergency_purchases, lost_sales
        Pieces or lines, all the same; all three are broadcast.

    Notes
    -----
    Chicago Automobile Trade Association (2010); 85 to 95 % is called healthy.

    Examples
    --------
    >>> float(dealer_fill_rate(1000, 80, 30))
    0.89
    """
    demand, bought, lost = floats(demand, emergency_purchases, lost_sales)
    met = np.divide(demand - bought - lost, demand, out=np.ones(demand.shape), where=demand > 0)
    return np.clip(met, 0.0, 1.0)


def moments_of_cycle(mean_lead: Floats, mean_protection: Floats, chance: Floats) -> tuple[Floats, Floats]:
    """Mean demand up to five moments between two receipts for each lead time, and the weight of each moment."""
    part = (CYCLE_POINTS + 1) / 2
    mean = mean_lead[:, :, None] + (mean_protection - mean_lead)[:, :, None] * part
    share = chance[:, :, None] * (CYCLE_WEIGHTS / 2)
    return mean.reshape(len(mean), -1), share.reshape(len(mean), -1)


def in_columns(mean: npt.ArrayLike, shape: tuple[int, ...]) -> Floats:
    """Mean demand of every row and possible lead time, given by row or by both."""
    mean = np.asarray(mean, dtype=np.float64)
    return np.broadcast_to(mean if mean.ndim == 2 else np.atleast_1d(mean)[:, None], shape)


def in_rows(
    level: npt.ArrayLike, mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike, weights: npt.ArrayLike | None
) -> tuple[Floats, Floats, Floats, Floats]:
    """Arguments by row, and by row and possible lead time: a number counts for all rows."""
    mean = np.asarray(mean, dtype=np.float64)
    mean = mean if mean.ndim == 2 else np.atleast_1d(mean)[:, None]
    level, spread = np.atleast_1d(*floats(level, variance_to_mean))
    n = max(len(mean), len(level)) if len(mean) and len(spread) else 0
    mean = np.broadcast_to(mean, (n, mean.shape[1]))
    given = np.ones(mean.shape[1]) if weights is None else np.asarray(weights, dtype=np.float64)
    return (
        np.broadcast_to(level, (n,)),
        mean,
        np.broadcast_to(spread, (n,)),
        np.broadcast_to(given, mean.shape),
    )


def _mixed_tail(level: Floats, mean: Floats, spread: Floats, weights: Floats) -> Floats:
    return (upper_tail(np.floor(level)[:, None] + 1, mean, spread[:, None], more=0) * weights).sum(axis=1)


def _unmet(
    level: Floats, mean_lead: Floats, mean_protection: Floats, spread: Floats, weights: Floats
) -> tuple[Floats, Floats]:
    """Expected pieces not met from the shelf in a cycle, and expected pieces asked for in it."""
    at, ratio = level[:, None], spread[:, None]
    short = expected_shortfall(at, mean_protection, ratio) - expected_shortfall(at, mean_lead, ratio)
    return (short * weights).sum(axis=1), ((mean_protection - mean_lead) * weights).sum(axis=1)


def _share_met(unmet: Floats, asked: Floats) -> Floats:
    is_asked = asked > 0
    share = np.ones(len(asked))
    np.divide(unmet, asked, out=share, where=is_asked)
    return np.where(is_asked, np.clip(1.0 - share, 0.0, 1.0), 1.0)


def solid(*arrays: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], ...]:
    """Copies in one piece of memory, as the compiled kernels want them; a broadcast array is not one."""
    return tuple(np.array(one, order="C") for one in arrays)
