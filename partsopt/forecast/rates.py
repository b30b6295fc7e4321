"""Recursions that follow the demand rate of many series at once: SES, Croston and TSB.

Each recursion is a generator over periods. Before each period it yields the forecast of that period, once more
after the last, as an array of shape (settings, series); demand and in-stock share come as (periods, series), so a
step of the recursion is a few operations on whole arrays.

Exposure. A period counts with its in-stock share: 1 as a rule, less in a censored period, 0 before a series began.
What can be seen of a rate in such a period is ``share * rate``. A period without stock and without demand leaves the
forecast as it was. Demand seen in a period with hardly any stock (below LOWEST_SHARE) was evidently recorded without
stock, so it is taken as a lower bound and not extrapolated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

LOWEST_SHARE = 0.25
"""Demand is extrapolated over the days without stock down to this in-stock share: fourfold at most."""


def exposure(demand: Array, share: Array) -> Array:
    """How much of a period each period counts for: the in-stock share, or 1 where demand came with hardly any stock.

    Parameters
    ----------
    demand
        Pieces seen, any shape.
    share
        Share of the period with stock, 0 before the series began, same shape.

    Examples
    --------
    >>> exposure(np.array([0.0, 5.0, 5.0]), np.array([0.1, 0.1, 0.5])).tolist()
    [0.1, 1.0, 0.5]
    """
    return np.where((demand > 0) & (share < LOWEST_SHARE), 1.0, share)


def naive_rate(demand: Array, share: Array) -> Array:
    """Demand per period of exposure, over the whole history.

    Parameters
    ----------
    demand, share
        Pieces and in-stock share, shape (periods, series).

    Returns
    -------
    Array
        Pieces per period, shape (series,); 0 without demand.

    Notes
    -----
    With days out of stock this is the stock-out correction of consumption figures in health supply chains,
    consumption / periods * days / (days - days out of stock).

    Examples
    --------
    >>> naive_rate(np.array([[2.0], [2.0]]), np.array([[1.0], [0.5]])).round(6).tolist()
    [2.666667]
    """
    total = demand.sum(axis=0)
    time = exposure(demand, share).sum(axis=0)
    return np.where(total > 0, total / np.where(total > 0, time, 1.0), 0.0)


def warm_up(demand: Array, share: Array, periods: int) -> Array:
    """The periods at the start of each series in which its first ``periods`` periods of exposure lie.

    Parameters
    ----------
    demand, share
        Pieces and in-stock share, shape (periods, series); the share is 0 before a series began.
    periods
        How much exposure makes the warm-up.

    Returns
    -------
    Array
        True for warm-up periods, shape (periods, series). Periods before the series began are included.

    Examples
    --------
    >>> warm_up(np.zeros((4, 1)), np.array([[0.0], [1.0], [1.0], [1.0]]), 2)[:, 0].tolist()
    [True, True, True, False]
    """
    passed = np.cumsum(exposure(demand, share), axis=0)
    passed[1:] = passed[:-1].copy()
    passed[0] = 0.0
    return passed < periods


def ses(demand: Array, share: Array, start: Array, alpha: Array) -> Iterator[Array]:
    """Simple exponential smoothing: the forecast moves by ``alpha`` of the last error.

    Parameters
    ----------
    demand, share
        Pieces and in-stock share, shape (periods, series).
    start
        Forecast of the first period, shape (series,).
    alpha
        Smoothing constant in (0, 1], shape (settings, 1) or (settings, series).

    Yields
    ------
    Array
        Forecast of each period and of the one after the last, shape (settings, series).

    Notes
    -----
    Brown (1959). A censored period of in-stock share w that shows y is read as y plus the forecast for the days
    without stock, ``y + (1 - w) * forecast``; where w is below LOWEST_SHARE that stands up to the forecast at most,
    or at y where y is higher.

    Examples
    --------
    >>> demand, share = np.array([[4.0], [0.0], [0.0]]), np.array([[1.0], [1.0], [0.0]])
    >>> [rate.item() for rate in ses(demand, share, np.array([0.0]), np.array([[0.5]]))]
    [0.0, 2.0, 1.0, 1.0]
    """
    rate = np.broadcast_to(start, np.broadcast_shapes(alpha.shape, start.shape)).copy()
    is_bound = (demand > 0) & (share < LOWEST_SHARE)
    for period in range(len(demand)):
        yield rate
        seen, weight = demand[period], share[period]
        change = seen - weight * rate
        bound = is_bound[period]
        if bound.any():
            change[:, bound] = np.minimum(change[:, bound], np.maximum(seen[bound] - rate[:, bound], 0.0))
        rate = rate + alpha * change
    yield rate


def croston(
    demand: Array, share: Array, start_size: Array, start_interval: Array, alpha: Array, beta: Array
) -> Iterator[tuple[Array, Array]]:
    """Croston's method: demand size and interval between demands, smoothed at demands only.

    Parameters
    ----------
    demand, share
        Pieces and in-stock share, shape (periods, series).
    start_size, start_interval
        Size and interval before the first period, shape (series,); NaN to begin with the first demand, whose
        interval then counts from the start of the series.
    alpha, beta
        Smoothing constants of size and interval in (0, 1], shape (settings, 1) or (settings, series).

    Yields
    ------
    tuple of Array
        Size and interval before each period and after the last, shape (settings, series); NaN before the first
        demand where there is no start. The rate is size / interval.

    Notes
    -----
    Croston (1972), Operational Research Quarterly 23, 289-303. The interval's clock runs by exposure, so days
    without stock do not lengthen it.

    Examples
    --------
    >>> demand = np.array([[0.0], [2.0], [0.0], [2.0]])
    >>> nothing, half = np.array([np.nan]), np.array([[0.5]])
    >>> steps = list(croston(demand, np.ones((4, 1)), nothing, nothing, half, half))
    >>> [(size / interval).item() for size, interval in steps]
    [nan, nan, 1.0, 1.0, 1.0]
    """
    shape = np.broadcast_shapes(alpha.shape, beta.shape, start_size.shape)
    size = np.broadcast_to(start_size, shape).copy()
    interval = np.broadcast_to(start_interval, shape).copy()
    weight = exposure(demand, share)
    clock = np.zeros(demand.shape[1])
    for period in range(len(demand)):
        yield size, interval
        clock += weight[period]
        at = np.flatnonzero(demand[period] > 0)
        if len(at):
            size, interval = size.copy(), interval.copy()
            size[:, at] = _towards(size[:, at], demand[period, at], alpha if alpha.shape[1] == 1 else alpha[:, at])
            interval[:, at] = _towards(interval[:, at], clock[at], beta if beta.shape[1] == 1 else beta[:, at])
            clock[at] = 0.0
    yield size, interval


def tsb(
    demand: Array, share: Array, start_size: Array, start_probability: Array, alpha: Array, beta: Array
) -> Iterator[tuple[Array, Array]]:
    """Teunter, Syntetos and Babai's method: the probability of demand is smoothed in every period, so it decays.

    Parameters
    ----------
    demand, share
        Pieces and in-stock share, shape (periods, series).
    start_size, start_probability
        Size and probability of demand in a period before the first, shape (series,); a size of NaN begins with the
        first demand.
    alpha, beta
        Smoothing constants of size and probability in (0, 1], shape (settings, 1) or (settings, series).

    Yields
    ------
    tuple of Array
        Size and probability before each period and after the last, shape (settings, series). The rate is their
        product.

    Notes
    -----
    Teunter, Syntetos & Babai (2011), European Journal of Operational Research 214, 606-615. A period counts with
    its exposure.

    Examples
    --------
    >>> demand = np.array([[2.0], [0.0], [0.0]])
    >>> half = np.array([[0.5]])
    >>> steps = list(tsb(demand, np.ones((3, 1)), np.array([2.0]), np.array([1.0]), half, half))
    >>> [(size * probability).item() for size, probability in steps]
    [2.0, 2.0, 1.0, 0.5]
    """
    shape = np.broadcast_shapes(alpha.shape, beta.shape, start_size.shape)
    size = np.broadcast_to(start_size, shape).copy()
    probability = np.broadcast_to(start_probability, shape).copy()
    weight = exposure(demand, share)
    for period in range(len(demand)):
        yield size, probability
        is_demand = demand[period] > 0
        probability = probability + beta * (is_demand - weight[period] * probability)
        at = np.flatnonzero(is_demand)
        if len(at):
            size = size.copy()
            size[:, at] = _towards(size[:, at], demand[period, at], alpha if alpha.shape[1] == 1 else alpha[:, at])
    yield size, probability


def _towards(state: Array, seen: Array, constant: Array) -> Array:
    """One smoothing step; a state that is NaN begins with what is seen."""
    return np.where(np.isnan(state), seen, state + constant * (seen - state))
