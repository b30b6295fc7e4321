"""Compiled kernels that walk up a demand distribution piece by piece.

Each has a slow twin in the tests, and the incomplete-beta formulas of :mod:`partsopt.replenish.service` as
oracle. They are compiled once and cached on disk, and let other threads run.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

LONGEST_WALK = 4096  # steps; a level beyond is left open
LARGEST_MEAN = 600.0  # demand that averages more is left open: its first probability would underflow
CLOSE = 1e-9  # a measure this near to its limit, relative to the scale, is left open: rounding could decide it
LEAST_ASKED = 1e-5  # a review that asks for less than this share of what is under way is left open: digits cancel
NEGLIGIBLE = 1e-17  # probability below which a walk over a DC's backorders ends, past the mean


@njit(cache=True, nogil=True)
def fill_rate_walk(
    target: Floats, mean_lead: Floats, mean_protection: Floats, variance_to_mean: Floats, weights: Floats
) -> Wholes:
    """The smallest S of each row whose fill rate reaches the target; -1 where rounding or size leaves it open.

    Shapes (n,) for target and variance_to_mean, (n, k) for the others.
    """
    n, k = mean_protection.shape
    found = np.empty(n, dtype=np.int64)
    pmf, above, per_step, sign = np.empty(2 * k), np.empty(2 * k), np.empty(2 * k), np.empty(2 * k)
    for i in range(n):
        v = variance_to_mean[i]
        q = 1.0 - 1.0 / v
        per_piece = math.log(v) / (v - 1.0) if v - 1.0 >= 1e-9 else 1.0
        if v - 1.0 < 1e-9:
            q = 0.0
        unmet, asked, total, used, is_open = 0.0, 0.0, 0.0, 0, v > 1e6
        for j in range(k):
            if weights[i, j] == 0.0:
                continue
            asked += weights[i, j] * (mean_protection[i, j] - mean_lead[i, j])
            total += weights[i, j] * mean_protection[i, j]
            if mean_protection[i, j] > LARGEST_MEAN:
                is_open = True
            for late in range(2):
                mean = mean_lead[i, j] if late else mean_protection[i, j]
                if mean <= 0.0:
                    continue
                pmf[used] = math.exp(-mean * per_piece)
                above[used] = -math.expm1(-mean * per_piece)
                per_step[used] = mean * (1.0 - q)
                sign[used] = -weights[i, j] if late else weights[i, j]
                unmet += sign[used] * mean
                used += 1
        if is_open or asked < LEAST_ASKED * total:
            found[i] = -1
            continue
        limit, slack = (1.0 - target[i]) * asked, CLOSE * asked
        level = 0
        while unmet > limit + slack and level < LONGEST_WALK:
            drop = 0.0
            for j in range(used):
                drop += sign[j] * above[j]
                pmf[j] *= (per_step[j] + level * q) / (level + 1)
                above[j] -= pmf[j]
            unmet -= drop
            level += 1
        is_near = asked > 0.0 and unmet > limit - slack
        found[i] = -1 if is_near or level == LONGEST_WALK else level
    return found


@njit(cache=True, nogil=True)
def cycle_service_walk(target: Floats, mean_protection: Floats, variance_to_mean: Floats, weights: Floats) -> Wholes:
    """The smallest S of each row with P(D <= S) >= target; -1 where rounding or size leaves it open."""
    n, k = mean_protection.shape
    found = np.empty(n, dtype=np.int64)
    pmf, per_step = np.empty(k), np.empty(k)
    for i in range(n):
        v = variance_to_mean[i]
        q = 1.0 - 1.0 / v
        per_piece = math.log(v) / (v - 1.0) if v - 1.0 >= 1e-9 else 1.0
        if v - 1.0 < 1e-9:
            q = 0.0
        exceeds, is_open = 0.0, v > 1e6
        for j in range(k):
            if mean_protection[i, j] > LARGEST_MEAN:
                is_open = True
                break
            pmf[j] = math.exp(-mean_protection[i, j] * per_piece)
            per_step[j] = mean_protection[i, j] * (1.0 - q)
            exceeds += weights[i, j] * (1.0 - pmf[j])
        if is_open:
            found[i] = -1
            continue
        limit, level = 1.0 - target[i], 0
        while exceeds > limit + CLOSE and level < LONGEST_WALK:
            for j in range(k):
                pmf[j] *= (per_step[j] + level * q) / (level + 1)
                exceeds -= weights[i, j] * pmf[j]
            level += 1
        is_near = exceeds > limit - CLOSE
        found[i] = -1 if is_near or level == LONGEST_WALK else level
    return found


@njit(cache=True, nogil=True)
def thinned_service(
    dc: Wholes,
    dc_level: Wholes,
    dc_on_order: Floats,
    share: Floats,
    own_mean: Floats,
    mean: Floats,
    level: Wholes,
) -> tuple[Floats, Floats]:
    """Backorders and fill rate of Poisson(own_mean) plus a binomial share of (Poisson(on order) - level)+.

    Only outcomes below the dealer's level are added up: E(X - S)+ = E X - S + sum over x < S of (S - x) P(X = x).
    """
    n = len(dc)
    short, met = np.empty(n), np.empty(n)
    for i in range(n):
        s, q, on_order, s0 = level[i], share[i], dc_on_order[dc[i]], dc_level[dc[i]]
        of_dc = np.zeros(max(s, 1))
        # P(binomial(B0, q) = k) for k < s, summed over B0 = b
        total, b = 0.0, 0
        log_mean = math.log(on_order) if on_order > 0.0 else 0.0
        none_owed = math.exp(-on_order) if on_order > 0.0 else 1.0
        running = none_owed
        for x in range(1, s0 + 1):
            running *= on_order / x
            none_owed += running
        if none_owed > 1.0:
            none_owed = 1.0
        of_dc[0] = none_owed
        if on_order > 0.0:
            while True:
                b += 1
                x = s0 + b
                chance = math.exp(x * log_mean - on_order - math.lgamma(x + 1.0))
                if x > on_order and chance < NEGLIGIBLE:
                    break
                total += chance
                if q >= 1.0:
                    if b < s:
                        of_dc[b] += chance
                    continue
                term = math.exp(b * math.log1p(-q)) * chance
                for k in range(min(b, s - 1) + 1):
                    of_dc[k] += term
                    term *= (b - k) / (k + 1.0) * q / (1.0 - q)
        own = math.exp(-own_mean[i])
        own_pmf = np.empty(max(s, 1))
        for x in range(s):
            own_pmf[x] = own
            own *= own_mean[i] / (x + 1.0)
        below, spare = 0.0, 0.0
        for x in range(s):
            chance = 0.0
            for k in range(x + 1):
                chance += of_dc[k] * own_pmf[x - k]
            below += chance
            spare += (s - x) * chance
        short[i] = max(mean[i] - s + spare, 0.0)
        met[i] = min(below, 1.0)
    return short, met


@njit(cache=True, nogil=True)
def promise_walk(
    level: Wholes,
    batch: Wholes,
    mean_lead: Floats,
    mean_protection: Floats,
    variance_to_mean: Floats,
    weights: Floats,
) -> tuple[Floats, Floats]:
    """Mean fill rate and cycle service level over the positions S .. S + batch - 1; NaN where size leaves it open."""
    n, k = mean_protection.shape
    fill, cycle = np.empty(n), np.empty(n)
    pmf, above, per_step, sign = np.empty(2 * k), np.empty(2 * k), np.empty(2 * k), np.empty(2 * k)
    for i in range(n):
        v = variance_to_mean[i]
        q = 1.0 - 1.0 / v
        per_piece = math.log(v) / (v - 1.0) if v - 1.0 >= 1e-9 else 1.0
        if v - 1.0 < 1e-9:
            q = 0.0
        unmet, asked, total, used = 0.0, 0.0, 0.0, 0
        is_open = v > 1e6 or level[i] + batch[i] > LONGEST_WALK
        for j in range(k):
            if weights[i, j] == 0.0:
                continue
            asked += weights[i, j] * (mean_protection[i, j] - mean_lead[i, j])
            total += weights[i, j] * mean_protection[i, j]
            if mean_protection[i, j] > LARGEST_MEAN:
                is_open = True
            for late in range(2):
                mean = mean_lead[i, j] if late else mean_protection[i, j]
                if mean <= 0.0:
                    continue
                pmf[used] = math.exp(-mean * per_piece)
                above[used] = -math.expm1(-mean * per_piece)
                per_step[used] = mean * (1.0 - q)
                sign[used] = -weights[i, j] if late else weights[i, j]
                unmet += sign[used] * mean
                used += 1
        if is_open or asked < LEAST_ASKED * total:
            fill[i], cycle[i] = np.nan, np.nan
            continue
        short, exceeded = 0.0, 0.0
        for at in range(level[i] + batch[i]):
            if at >= level[i]:
                short += max(unmet, 0.0)
                for j in range(used):
                    if sign[j] > 0.0:
                        exceeded += sign[j] * max(above[j], 0.0)
            drop = 0.0
            for j in range(used):
                drop += sign[j] * above[j]
                pmf[j] *= (per_step[j] + at * q) / (at + 1)
                above[j] -= pmf[j]
            unmet -= drop
        fill[i] = min(max(1.0 - short / batch[i] / asked, 0.0), 1.0) if asked > 0.0 else 1.0
        cycle[i] = min(max(1.0 - exceeded / batch[i], 0.0), 1.0)
    return fill, cycle
