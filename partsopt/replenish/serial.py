"""Base stocks along a chain of sites, each supplying the next: Clark and Scarf's policy, its cost and its bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.errors import SettingsError
from partsopt.replenish.service import demand_cdf, demand_quantile, normal_loss, safety_factor

Floats = npt.NDArray[np.float64]

GRID_STEPS = 12_000  # points of the echelon stock
DEMAND_STEPS = 801  # points of the demand over a lead time
TAIL_SDS = 8.0  # standard deviations of demand that the grid reaches
BELOW_MEANS = 3.0  # the grid begins this many means of all demand below zero
REST = 1e-15  # chance of more demand than is looked at


class SerialPolicy(NamedTuple):
    """Echelon base stocks, customer-facing stage first, and the expected cost for a unit of time."""

    levels: tuple[float, ...]
    cost: float


class SerialBounds(NamedTuple):
    """Newsvendor bounds of each stage's echelon base stock, customer-facing stage first, and their weighted mean."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    level: tuple[float, ...]


def serial_base_stocks(
    echelon_holding: Sequence[float],
    lead_times: Sequence[float],
    shortage: float,
    mean: float,
    sd: float,
    levels: Sequence[float] | None = None,
) -> SerialPolicy:
    """The optimal echelon base stocks of a serial system, continuous review, normal demand, backorders.

    Parameters
    ----------
    echelon_holding
        Money for a piece and unit of time that a stage adds, customer-facing stage first.
    lead_times
        Of the same stages, units of time, above 0.
    shortage
        Money for a piece owed to a customer and unit of time.
    mean, sd
        Demand in a unit of time.
    levels
        Echelon base stocks to be costed instead of the best.

    Raises
    ------
    SettingsError
        Costs or lead times are not above 0 or not as many.

    Notes
    -----
    Clark & Scarf (1960); Chen & Zheng (1994): C_1(y) = E[h_1 (y - D_1) + (p + sum of h) (y - D_1)-], S_j its
    least point, C_j+1(y) = E[h_j+1 (y - D_j+1) + C_j(min(S_j, y - D_j+1))]. Evaluated on a grid, demand by
    the trapezoid rule over 8 standard deviations. Under periodic review the customer-facing stage's lead time is
    one period longer.

    Examples
    --------
    >>> policy = serial_base_stocks([3, 2, 2], [1, 1, 2], 37.12, 5, 1)
    >>> [round(level, 1) for level in policy.levels], round(policy.cost, 1)
    ([6.5, 12.0, 22.7], 47.7)
    >>> round(serial_base_stocks([3, 2, 2], [1, 1, 2], 37.12, 5, 1, levels=[7, 13, 22]).cost, 1)
    49.0
    """
    _check(echelon_holding, lead_times, shortage, mean, levels)
    if not sd > 0:
        raise SettingsError("holding costs, lead times, shortage cost, mean and sd of a chain must be above 0.")
    total = sum(lead_times)
    low = -BELOW_MEANS * mean * total - TAIL_SDS * sd * total**0.5
    high = mean * total + 2 * TAIL_SDS * sd * total**0.5
    grid = np.linspace(low, max(high, *(levels or (high,))), GRID_STEPS)
    over, spread = mean * lead_times[0], sd * lead_times[0] ** 0.5
    z = (grid - over) / spread
    cost = echelon_holding[0] * (grid - over) + (shortage + sum(echelon_holding)) * spread * normal_loss(z)
    found = [_least_or(grid, cost, levels, 0)]
    steps = np.linspace(-TAIL_SDS, TAIL_SDS, DEMAND_STEPS)
    weights = np.exp(-0.5 * steps**2)
    weights /= weights.sum()
    for stage, (holding, lead) in enumerate(zip(echelon_holding[1:], lead_times[1:], strict=True), 1):
        over, spread = mean * lead, sd * lead**0.5
        slope = (cost[1] - cost[0]) / (grid[1] - grid[0])
        capped = np.where(grid <= found[-1], cost, np.interp(found[-1], grid, cost))
        following = holding * (grid - over)
        for step, weight in zip(steps, weights, strict=True):
            left = grid - over - step * spread
            beyond = np.where(left < grid[0], slope * (left - grid[0]), 0.0)
            following += weight * (np.interp(left, grid, capped) + beyond)
        cost = following
        found.append(_least_or(grid, cost, levels, stage))
    return SerialPolicy(tuple(found), float(np.interp(found[-1], grid, cost)))


def serial_base_stocks_discrete(
    echelon_holding: Sequence[float],
    lead_times: Sequence[float],
    shortage: float,
    mean: float,
    variance_to_mean: float = 1.0,
    levels: Sequence[int] | None = None,
) -> SerialPolicy:
    """The optimal whole echelon base stocks of a serial system for Poisson or negative binomial demand, exact.

    Parameters
    ----------
    echelon_holding, lead_times, shortage, mean, levels
        As in :func:`serial_base_stocks`; levels are whole pieces.
    variance_to_mean
        Of demand; 1 is Poisson.

    Examples
    --------
    >>> alone = serial_base_stocks_discrete([200], [1], 270, 18)  # one stage is Snyder & Shen's problem 4.8a
    >>> alone.levels, round(alone.cost, 4)
    ((19.0,), 786.0884)
    """
    _check(echelon_holding, lead_times, shortage, mean, levels)
    total = sum(lead_times)
    most = [int(demand_quantile(1.0 - REST, mean * lead, variance_to_mean)[0]) + 1 for lead in lead_times]
    end = max(int(demand_quantile(1.0 - REST, mean * total, variance_to_mean)[0]) + 1, *(levels or (0,)))
    begin = -sum(most) - 1
    stock = np.arange(begin, end + 1, dtype=np.float64)
    penalty = shortage + sum(echelon_holding)
    found: list[float] = []
    cost = np.zeros(len(stock))
    for stage, (holding, lead) in enumerate(zip(echelon_holding, lead_times, strict=True)):
        chance = np.diff(demand_cdf(np.arange(most[stage] + 1), mean * lead, variance_to_mean), prepend=0.0)
        if stage == 0:
            onward = penalty * np.maximum(-stock, 0.0)
        else:
            at = int(found[-1]) - begin
            onward = np.where(stock <= found[-1], cost, cost[at])
        slope = onward[1] - onward[0]  # below the grid nothing is left: the cost is straight
        wide = np.concatenate([onward[0] + slope * np.arange(-most[stage], 0), onward])
        cost = holding * (stock - mean * lead) + np.convolve(wide, chance, mode="valid")
        found.append(_least_or(stock, cost, levels, stage))
    return SerialPolicy(tuple(found), float(cost[int(found[-1]) - begin]))


def serial_newsvendor_bounds(
    echelon_holding: Sequence[float],
    lead_times: Sequence[float],
    shortage: float,
    mean: float,
    *,
    sd: float | None = None,
    variance_to_mean: float = 1.0,
    weight: float = 0.5,
) -> SerialBounds:
    """Bounds of the optimal echelon base stocks by one newsvendor each, and a level between them.

    Parameters
    ----------
    echelon_holding, lead_times, shortage, mean
        As in :func:`serial_base_stocks`.
    sd
        Standard deviation of normal demand; without it demand is whole, with ``variance_to_mean`` (1: Poisson).
    weight
        Of the lower bound's newsvendor in the level.

    Notes
    -----
    Shang & Song (2003), Management Science 49: stage j is between the newsvendors of demand over the first j lead
    times at (p + sum of h above j) / (p + sum of all h) with all of j's local holding, and at the same numerator over
    p + sum of h from j on.

    Examples
    --------
    >>> bounds = serial_newsvendor_bounds([3, 2, 2], [1, 1, 2], 37.12, 5, sd=1)  # Snyder & Shen, example 6.1
    >>> [round(level, 2) for level in bounds.level]
    [6.49, 12.03, 22.63]
    """
    _check(echelon_holding, lead_times, shortage, mean, None)
    lower, upper = list[float](), list[float]()
    for stage in range(len(lead_times)):
        time = sum(lead_times[: stage + 1])
        beyond = shortage + sum(echelon_holding[stage + 1 :])
        for side, holding in ((lower, sum(echelon_holding[: stage + 1])), (upper, echelon_holding[stage])):
            share = beyond / (beyond + holding)
            if sd is not None:
                side.append(mean * time + float(safety_factor(share)) * sd * time**0.5)
            else:
                side.append(float(demand_quantile(share, mean * time, variance_to_mean)[0]))
    between = tuple(weight * low + (1.0 - weight) * high for low, high in zip(lower, upper, strict=True))
    return SerialBounds(tuple(lower), tuple(upper), between)


def local_levels(echelon_levels: Sequence[float]) -> tuple[float, ...]:
    """Local base stocks of the same policy, customer-facing stage first.

    Notes
    -----
    A stage never needs more echelon stock than the smallest of its own level and those of the stages above it (Zipkin
    2000); the difference to the stage below is its own.

    Examples
    --------
    >>> local_levels([6, 12, 10])
    (6.0, 4.0, 0.0)
    """
    reached = np.minimum.accumulate(np.asarray(echelon_levels, dtype=np.float64)[::-1])[::-1]
    return tuple(np.diff(reached, prepend=0.0).tolist())


def echelon_levels(local: Sequence[float]) -> tuple[float, ...]:
    """Echelon base stocks of local ones: each stage's and all below it, customer-facing stage first.

    Examples
    --------
    >>> echelon_levels([6, 4, 0])
    (6.0, 10.0, 10.0)
    """
    return tuple(np.cumsum(np.asarray(local, dtype=np.float64)).tolist())


def _least_or(grid: Floats, cost: Floats, levels: Sequence[float] | None, stage: int) -> float:
    return float(grid[np.argmin(cost)]) if levels is None else float(levels[stage])


def _check(
    echelon_holding: Sequence[float],
    lead_times: Sequence[float],
    shortage: float,
    mean: float,
    levels: Sequence[float] | None,
) -> None:
    if len(echelon_holding) != len(lead_times) or not lead_times:
        raise SettingsError("a chain needs one holding cost and one lead time for each stage.")
    if min(*echelon_holding, *lead_times, shortage, mean) <= 0:
        raise SettingsError("holding costs, lead times, shortage cost, mean and sd of a chain must be above 0.")
    if levels is not None and len(levels) != len(lead_times):
        raise SettingsError("a chain that is costed needs one base stock for each stage.")
