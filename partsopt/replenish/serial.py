"""Base stocks along a chain of sites, each supplying the next: Clark and Scarf's optimal policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from partsopt.errors import SettingsError
from partsopt.replenish.service import normal_loss

GRID_STEPS = 12_000  # points of the echelon stock
DEMAND_STEPS = 801  # points of the demand over a lead time
TAIL_SDS = 8.0  # standard deviations of demand that the grid reaches
BELOW_MEANS = 3.0  # the grid begins this many means of all demand below zero


class SerialPolicy(NamedTuple):
    """Echelon base stocks, customer-facing stage first, and the expected cost for a unit of time."""

    levels: tuple[float, ...]
    cost: float


def serial_base_stocks(
    echelon_holding: Sequence[float], lead_times: Sequence[float], shortage: float, mean: float, sd: float
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

    Raises
    ------
    SettingsError
        Costs or lead times are not above 0 or not as many.

    Notes
    -----
    Clark & Scarf (1960); Chen & Zheng (1994): C_1(y) = E[h_1 (y - D_1) + (p + sum of h) (y - D_1)-], S_j its
    least point, C_j+1(y) = E[h_j+1 (y - D_j+1) + C_j(min(S_j, y - D_j+1))]. Evaluated on a grid, demand by
    the trapezoid rule over 8 standard deviations.

    Examples
    --------
    >>> policy = serial_base_stocks([3, 2, 2], [1, 1, 2], 37.12, 5, 1)
    >>> [round(level, 1) for level in policy.levels], round(policy.cost, 1)
    ([6.5, 12.0, 22.7], 47.7)
    """
    if len(echelon_holding) != len(lead_times) or not lead_times:
        raise SettingsError("a chain needs one holding cost and one lead time for each stage.")
    if min(*echelon_holding, *lead_times, shortage, mean, sd) <= 0:
        raise SettingsError("holding costs, lead times, shortage cost, mean and sd of a chain must be above 0.")
    total = sum(lead_times)
    low = -BELOW_MEANS * mean * total - TAIL_SDS * sd * total**0.5
    high = mean * total + 2 * TAIL_SDS * sd * total**0.5
    grid = np.linspace(low, high, GRID_STEPS)
    over, spread = mean * lead_times[0], sd * lead_times[0] ** 0.5
    z = (grid - over) / spread
    cost = echelon_holding[0] * (grid - over) + (shortage + sum(echelon_holding)) * spread * normal_loss(z)
    levels = [float(grid[np.argmin(cost)])]
    steps = np.linspace(-TAIL_SDS, TAIL_SDS, DEMAND_STEPS)
    weights = np.exp(-0.5 * steps**2)
    weights /= weights.sum()
    for holding, lead in zip(echelon_holding[1:], lead_times[1:], strict=True):
        over, spread = mean * lead, sd * lead**0.5
        slope = (cost[1] - cost[0]) / (grid[1] - grid[0])
        capped = np.where(grid <= levels[-1], cost, cost[np.argmin(cost)])
        following = holding * (grid - over)
        for step, weight in zip(steps, weights, strict=True):
            left = grid - over - step * spread
            beyond = np.where(left < grid[0], slope * (left - grid[0]), 0.0)
            following += weight * (np.interp(left, grid, capped) + beyond)
        cost = following
        levels.append(float(grid[np.argmin(cost)]))
    return SerialPolicy(tuple(levels), float(cost.min()))
