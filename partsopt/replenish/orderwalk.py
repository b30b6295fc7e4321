"""The compiled search for the best (s, S) of every part.

Its twin is the cost of a given policy, :func:`partsopt.replenish.reordercost.order_policy_cost`, over all of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]


@njit(cache=True, nogil=True)
def position_cost(level: int, holding: float, shortage: float, at_most: Floats, pieces: Floats) -> float:
    """Cost of a period that begins at a position, from the running sums of chances and of chances times pieces."""
    last = len(at_most) - 1
    if level < 0:
        return shortage * (pieces[last] - level * at_most[last])
    at = min(level, last)
    left = level * at_most[at] - pieces[at]
    short = pieces[last] - pieces[at] - level * (at_most[last] - at_most[at])
    return holding * left + shortage * short


@njit(cache=True, nogil=True)
def more_visits(pmf: Floats, visits: Floats) -> Floats:
    """Expected periods that the position spends j below S before it is ordered up, for twice as many j as known."""
    known = len(visits)
    more = np.zeros(2 * known)
    for j in range(2 * known):
        if j < known:
            more[j] = visits[j]
            continue
        for d in range(1, min(j, len(pmf) - 1) + 1):
            more[j] += pmf[d] * more[j - d]
        more[j] /= 1.0 - pmf[0]
    return more


@njit(cache=True, nogil=True)
def policy_cost(
    reorder: int,
    level: int,
    order_cost: float,
    holding: float,
    shortage: float,
    at_most: Floats,
    pieces: Floats,
    visits: Floats,
) -> float:
    """Cost of (s, S) for a period, by what is spent between two orders."""
    spent, run = 0.0, order_cost
    for j in range(level - reorder):
        spent += visits[j]
        run += visits[j] * position_cost(level - j, holding, shortage, at_most, pieces)
    return run / spent


@njit(cache=True, nogil=True)
def order_policies(
    order_cost: Floats, holding: Floats, shortage: Floats, demand_pmf: Floats, exposed_pmf: Floats
) -> tuple[Wholes, Wholes, Floats]:
    """s, S and cost of each row; shapes (n,), (n, k) and (n, m). Zheng & Federgruen (1991)."""
    n = len(order_cost)
    reorder, up_to, cost = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64), np.empty(n)
    for i in range(n):
        at_most = np.cumsum(exposed_pmf[i])
        pieces = np.cumsum(exposed_pmf[i] * np.arange(len(at_most)))
        at = holding[i], shortage[i], at_most, pieces
        visits = np.full(1, 1.0 / (1.0 - demand_pmf[i, 0]))
        level = 0
        for other in range(1, len(at_most)):
            if position_cost(other, *at) < position_cost(level, *at):
                level = other
        low, best = level - 1, policy_cost(level - 1, level, order_cost[i], *at, visits)
        while best > position_cost(low, *at):
            low -= 1
            if level - low > len(visits):
                visits = more_visits(demand_pmf[i], visits)
            best = policy_cost(low, level, order_cost[i], *at, visits)
        high = level
        while position_cost(level + 1, *at) <= best:
            level += 1
            if level - low > len(visits):
                visits = more_visits(demand_pmf[i], visits)
            tried = policy_cost(low, level, order_cost[i], *at, visits)
            if tried >= best:
                continue
            high = level
            while tried <= position_cost(low + 1, *at):
                low += 1
                tried = policy_cost(low, level, order_cost[i], *at, visits)
            best = tried
        reorder[i], up_to[i], cost[i] = low, high, best
    return reorder, up_to, cost
