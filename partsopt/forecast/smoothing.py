"""Exponential smoothing with trend or season, compiled: to forecast many past totals again in little time.

The models, their heuristic initial states and the bounds of their constants are those of statsmodels'
``ExponentialSmoothing``, which is the oracle in the tests and gives the forecast of the series where a model has won.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numba import njit

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

LOWEST_DAMPING, HIGHEST_DAMPING = 0.8, 0.995
FIRST_PERIODS = 10
"""Periods that the initial level and trend are read off."""
MOST_CYCLES = 5
"""Seasons that the initial season is read off."""
FIRST_WIDTH, LAST_WIDTH = 0.25, 1e-4
"""Widths of the steps of the search, halved where none of them is better."""
HUGE = 1e300
"""Squared errors beyond which a start is given up."""


class Smoothed(NamedTuple):
    """A fitted model: forecasts of the coming periods, pieces, and the sum of its squared one-step errors."""

    steps: Array
    squared_errors: float


def smooth(demand: Array, *, has_trend: bool, season: int, n_steps: int) -> Smoothed:
    """Fit a model with damped trend, season or both to a series.

    Parameters
    ----------
    demand
        Pieces per period, shape (periods,): ten at least, with a season two seasons and ten periods more than one.
    has_trend
        Whether the model has a damped trend.
    season
        Periods of a season; 0: none.
    n_steps
        Periods ahead to forecast.

    Notes
    -----
    Holt (1957), Winters (1960), damping by Gardner & McKenzie (1985), initial states by Hyndman et al. (2008,
    section 2.6.1). Constants with the least squared one-step errors are searched along the axes from a start in every
    corner (Hooke & Jeeves 1961, Journal of the ACM 8, 212-229), inside 0 <= alpha <= 1, 0 <= beta <= alpha,
    0 <= gamma <= 1 - alpha and 0.8 <= phi <= 0.995.

    Examples
    --------
    >>> wave = np.tile([2.0, 4.0, 9.0, 5.0], 6)
    >>> smooth(wave, has_trend=False, season=4, n_steps=4).steps.round().tolist()
    [2.0, 4.0, 9.0, 5.0]
    """
    steps = np.empty(n_steps)
    values = np.ascontiguousarray(demand, dtype=np.float64)
    level, trend, seasons = _initial(values, season)
    best = np.full((3 if has_trend else 1) + (season > 0), 0.5)
    squared_errors = _search(values, has_trend, level, trend if has_trend else 0.0, seasons, best, steps)
    return Smoothed(steps, float(squared_errors))


def _initial(demand: Array, season: int) -> tuple[float, float, Array]:
    """Initial level, trend and season."""
    seasons = np.zeros(season)
    level_of = demand
    if season:
        half = season // 2
        cycles = max(min(MOST_CYCLES, len(demand) // season), -(-(FIRST_PERIODS + 2 * half) // season))
        used = demand[: season * cycles]
        weights = np.full(2 * half + 1, 1.0 / season)
        if season % 2 == 0:
            weights[[0, -1]] /= 2.0
        level_of = np.convolve(used, weights, "valid")
        phase = np.arange(half, half + len(level_of)) % season
        apart = used[half : half + len(level_of)] - level_of
        seasons = np.bincount(phase, apart, season) / np.bincount(phase, minlength=season)
        seasons -= seasons.mean()
    begun = level_of[:FIRST_PERIODS]
    number = np.arange(1.0, FIRST_PERIODS + 1.0)
    centred = number - number.mean()
    slope = float(centred @ begun) / float(centred @ centred)
    return float(begun.mean()) - slope * float(number.mean()), slope, seasons


@njit(cache=True, nogil=True)
def _run(
    point: Array, demand: Array, has_trend: bool, season: int, level: float, trend: float, seasons: Array, steps: Array
) -> float:
    """Sum of squared one-step errors with the constants at a point of the unit cube; ``steps`` are written."""
    alpha, beta, gamma, damping = point[0], 0.0, 0.0, 0.0
    place = 1
    if has_trend:
        beta, damping = alpha * point[1], LOWEST_DAMPING + (HIGHEST_DAMPING - LOWEST_DAMPING) * point[2]
        place = 3
    if season > 0:
        gamma = (1.0 - alpha) * point[place]
    squared, where = 0.0, 0
    for t in range(len(demand)):
        base = level + damping * trend
        usual = seasons[where] if season > 0 else 0.0
        error = demand[t] - base - usual
        squared += error * error
        before = level
        level = base + alpha * error
        trend = beta * (level - before) + (1.0 - beta) * damping * trend
        if season > 0:
            seasons[where] = gamma * (demand[t] - base) + (1.0 - gamma) * usual
            where = where + 1 if where + 1 < season else 0
    grown, share = 0.0, 1.0
    for step in range(len(steps)):
        share *= damping
        grown += share
        steps[step] = level + grown * trend
        if season > 0:
            steps[step] += seasons[where]
            where = where + 1 if where + 1 < season else 0
    return squared


@njit(cache=True, nogil=True)
def _search(
    demand: Array, has_trend: bool, level: float, trend: float, first: Array, best: Array, steps: Array
) -> float:
    """The least sum of squared one-step errors; ``steps`` are the forecasts with its constants, ``best``."""
    n_constants, season = len(best), len(first)
    seasons, none = np.empty(season), np.empty(0)
    point, tried, base = np.empty(n_constants), np.empty(n_constants), np.empty(n_constants)
    least, per_axis = -1.0, 4 if n_constants == 2 else 2
    for start in range(per_axis**n_constants + 1):
        is_last = start == per_axis**n_constants
        rest = start
        for place in range(n_constants):
            point[place] = best[place] if is_last else (rest % per_axis + 0.5) / per_axis
            base[place] = point[place]
            rest //= per_axis
        here, move, since, width = -1.0, -1, 0, FIRST_WIDTH
        while width > LAST_WIDTH:
            for place in range(n_constants):
                tried[place] = point[place]
                if move == 2 * n_constants:  # once more as far as the last round went
                    tried[place] += point[place] - base[place]
                    base[place] = point[place]
                elif move >> 1 == place:
                    tried[place] += width if move & 1 else -width
                tried[place] = min(max(tried[place], 0.0), 1.0)
            for place in range(season):
                seasons[place] = first[place]
            found = _run(tried, demand, has_trend, season, level, trend, seasons, steps if is_last else none)
            if is_last:
                return found
            if not here >= 0.0 or found < here:
                here, since = found, 0
                for place in range(n_constants):
                    point[place] = tried[place]
            else:
                since += 1
            if since > 2 * n_constants + 1 or not here < HUGE:
                width, since = 0.5 * width, 0
            move = (move + 1) % (2 * n_constants + 1)
        if not least >= 0.0 or here < least:
            least = here
            for place in range(n_constants):
                best[place] = point[place]
    return least
