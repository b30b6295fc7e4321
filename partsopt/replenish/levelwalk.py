"""A compiled walk up the levels of a part to the first that meets a target, whatever is measured.

Its twin is the bisection of :mod:`partsopt.replenish.smallestlevel`, which also settles what it leaves open.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

EXCEEDED, UNMET, OWED, HELD = 0, 1, 2, 3  # what falls: P(D > s), pieces unmet in a cycle, E(D - s)+, - E(s - D)+

LONGEST_WALK = 4096  # positions; a level whose positions go beyond is left open
LARGEST_MEAN = 600.0  # demand that averages more is left open: its first probability would underflow
LARGEST_RATIO = 1e6  # and demand that is wilder
CLOSE = 1e-9  # a mean this near to its limit, relative to the scale, is left open: rounding could decide it
LEAST_ASKED = 1e-5  # a review that asks for less than this share of what is under way is left open: digits cancel
POISSON_BELOW = 1e-9


@njit(cache=True, nogil=True)
def falling_walk(
    measure: int,
    limit: Floats,
    batch: Wholes,
    lead: Floats,
    protection: Floats,
    variance_to_mean: Floats,
    weights: Floats,
) -> Wholes:
    """The smallest S of each row at which the mean of a falling measure over S .. S + Q - 1 is at its limit or below.

    Shapes (n,) for limit, batch and variance_to_mean, (n, k) for the others; ``lead`` counts for ``UNMET`` alone, whose
    limit is a share of what is asked for. -1 where rounding or size leaves the level open.
    """
    n, k = protection.shape
    found = np.empty(n, dtype=np.int64)
    pmf, above, per_step, sign = np.empty(2 * k), np.empty(2 * k), np.empty(2 * k), np.empty(2 * k)
    values = np.empty(LONGEST_WALK + 1)
    for i in range(n):
        found[i] = -1
        v = variance_to_mean[i]
        is_poisson = v - 1.0 < POISSON_BELOW
        q = 0.0 if is_poisson else 1.0 - 1.0 / v
        per_piece = 1.0 if is_poisson else math.log(v) / (v - 1.0)
        demand, asked, largest, used = 0.0, 0.0, 0.0, 0
        for j in range(k):
            if weights[i, j] == 0.0:
                continue
            largest = max(largest, protection[i, j])
            demand += weights[i, j] * protection[i, j]
            asked += weights[i, j] * (protection[i, j] - lead[i, j])
            for late in range(2 if measure == UNMET else 1):
                mean = lead[i, j] if late else protection[i, j]
                pmf[used] = math.exp(-mean * per_piece)
                above[used] = -math.expm1(-mean * per_piece)
                per_step[used] = mean * (1.0 - q)
                sign[used] = -weights[i, j] if late else weights[i, j]
                used += 1
        if v > LARGEST_RATIO or largest > LARGEST_MEAN:
            continue
        most, scale, short, held = limit[i], 1.0, demand, 0.0
        if measure == UNMET:
            if asked < LEAST_ASKED * demand:
                continue
            most, scale, short = limit[i] * asked, asked, asked
        elif measure == OWED:
            scale = demand
        elif measure == HELD:
            scale = 1.0 - limit[i]
        slack, total, walked, level = CLOSE * scale, 0.0, 0, 0
        while level + batch[i] <= LONGEST_WALK:
            while walked < level + batch[i]:
                exceeded = 0.0
                for j in range(used):
                    exceeded += sign[j] * above[j]
                    pmf[j] *= (per_step[j] + walked * q) / (walked + 1)
                    above[j] -= pmf[j]
                if measure == EXCEEDED:
                    values[walked] = exceeded
                elif measure == HELD:
                    values[walked] = -held
                else:
                    values[walked] = short
                total += values[walked]
                short -= exceeded
                held += 1.0 - exceeded
                walked += 1
            if total <= (most + slack) * batch[i]:
                if total <= (most - slack) * batch[i] or scale == 0.0:
                    found[i] = level
                break
            total -= values[level]
            level += 1
    return found
