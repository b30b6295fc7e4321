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
def order_policies(
    order_cost: Floats, holding: Floats, shortage: Floats, demand_pmf: Floats, exposed_pmf: Floats
) -> tuple[Wholes, Wholes, Floats]:
    """s, S and cost of each row; shapes (n,), (n, k) and (n, m). Zheng & Federgruen (1991)."""
    n, longest = demand_pmf.shape
    reorder, up_to, cost = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64), np.empty(n)
    for i in range(n):
        h, p, pmf = holding[i], shortage[i], demand_pmf[i]
        at_most, pieces = exposed_pmf[i].copy(), exposed_pmf[i].copy()
        for d in range(len(at_most)):
            pieces[d] *= d
            if d:
                at_most[d] += at_most[d - 1]
                pieces[d] += pieces[d - 1]
        visits, known = np.empty(64), 1  # expected periods at S - j before an order
        visits[0] = 1.0 / (1.0 - pmf[0])
        level = 0
        for other in range(1, len(at_most)):
            if position_cost(other, h, p, at_most, pieces) < position_cost(level, h, p, at_most, pieces):
                level = other
        low, high, best = level - 1, level, np.inf
        phase = 0  # 0: s falls below the first S; 1: a larger S is tried; 2: s rises for it
        while True:
            if phase == 1 and position_cost(level, h, p, at_most, pieces) > best:
                break
            spent, run = 0.0, order_cost[i]
            for j in range(level - low):
                if j == known:
                    if known == len(visits):
                        more = np.empty(2 * known)
                        for place in range(known):
                            more[place] = visits[place]
                        visits = more
                    visits[j] = 0.0
                    for d in range(1, min(j, longest - 1) + 1):
                        visits[j] += pmf[d] * visits[j - d]
                    visits[j] /= 1.0 - pmf[0]
                    known += 1
                spent += visits[j]
                run += visits[j] * position_cost(level - j, h, p, at_most, pieces)
            mean = run / spent
            if phase == 0:
                if mean > position_cost(low, h, p, at_most, pieces):
                    low -= 1
                    continue
                best, phase = mean, 1
            elif phase == 1:
                if mean < best:
                    high, phase = level, 2
                    continue
            elif mean <= position_cost(low + 1, h, p, at_most, pieces):
                low += 1
                continue
            else:
                best, phase = mean, 1
            level += 1
        reorder[i], up_to[i], cost[i] = low, high, best
    return reorder, up_to, cost
