"""Pooled forecasts of many sparse series: learnt on some of them, applied block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from partsopt.forecast.market import season_at, totals_until
from partsopt.forecast.pooled import MOST_SERIES, Group, History, apply, learn

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

LEAST_TOTALS = 1000
"""Past totals below which series are not pooled, but each takes the method that suits its own history."""
USUAL_HORIZON = {"month": 0, "week": 1}
"""Place among the learnt horizons of about a month, the usual protection interval."""
QUARTER = {"month": 3, "week": 13}
"""Periods over whose season the mean is taken."""
USUAL_PERIODS = {"month": 1.0, "week": 4.0}
FAR_HORIZON = {"month": 2, "week": 3}
"""Place of the horizon up to which the growth of variance over mean is taken: half a year, or 18 weeks."""
STEPS = {"month": 12, "week": 52}
"""Periods over which the market's movement is told."""
PRICE_BANDS = 10


class PooledMeans(NamedTuple):
    """What pooling gives each series; ``n_totals`` past totals of ``n_learnt`` series taught it.

    Attributes
    ----------
    mean
        Expected demand per period over about a month, pieces, shape (series,).
    ratio
        Variance over mean of the total over about a month, shape (series,).
    growth
        What that ratio rises by with each further period of the horizon.
    one_step_ratio
        The same of the next period.
    market
        Demand of all series in each of the coming periods over ``mean``, shape (periods,).
    n_totals, n_learnt
        How many past totals of how many series it was learnt from; no totals: the series are not pooled.
    """

    mean: Array
    ratio: Array
    growth: Array
    one_step_ratio: Array
    market: Array
    n_totals: int
    n_learnt: int

    def ratio_over(self, horizon: float, period: str) -> Array:
        """Variance over mean of the total over so many periods, 1 or more, shape (series,)."""
        return np.maximum(self.ratio + self.growth * (horizon - USUAL_PERIODS[period]), 1.0)


def price_bands(unit_cost: Array) -> Array:
    """Tenth of all series that a unit cost lies in, 0 to 9, shape (series,).

    Examples
    --------
    >>> price_bands(np.array([1.0, 1.0, 50.0, 900.0])).tolist()
    [0, 0, 6, 9]
    """
    edges = np.quantile(unit_cost, np.arange(1, PRICE_BANDS) / PRICE_BANDS) if len(unit_cost) else np.empty(0)
    return np.searchsorted(edges, unit_cost)


def pooled_means(
    history_of: Callable[[Array], History], blocks: Iterable[Array], groups: list[Group], n_series: int, period: str
) -> PooledMeans:
    """Learn on series evenly taken from all, and apply to all.

    Parameters
    ----------
    history_of
        Gives the series of some places side by side, always with the same number of periods.
    blocks
        Places of the series, block by block, in order.
    groups
        Groupings of all series.
    n_series
        How many series there are.
    period
        ``month`` or ``week``.
    """
    zero, one = np.zeros(n_series), np.ones(n_series)
    none = PooledMeans(zero, one, zero, one, np.empty(0), 0, 0)
    n_learnt = min(n_series, MOST_SERIES)
    if n_learnt == 0:
        return none
    sample = np.arange(n_learnt) * n_series // n_learnt
    learnt = learn(history_of(sample), [Group(one.codes[sample], one.n_codes) for one in groups], None, period)
    if learnt.n_totals < LEAST_TOTALS:
        return none
    horizons = learnt.horizons
    place, far = (min(one[period], len(horizons) - 1) for one in (USUAL_HORIZON, FAR_HORIZON))
    periods = horizons[place] * _season_over(learnt.season, int(horizons[place]), QUARTER[period])
    further = max(float(horizons[far] - horizons[place]), 1.0)
    parts = []
    for at in blocks:
        mean, ratio, _ = apply(learnt, history_of(at), [Group(one.codes[at], one.n_codes) for one in groups])
        growth = (ratio[:, far] - ratio[:, place]) / further
        parts.append((mean, ratio[:, place], growth, ratio[:, 0]))
    mean, ratio, growth, one_step = (np.concatenate(one) for one in zip(*parts, strict=True))
    totals = _without_giants(mean, place).sum(axis=0)
    market = market_steps(horizons, totals, learnt.season, STEPS[period]) * (periods / max(totals[place], 1e-300))
    return PooledMeans(mean[:, place] / periods, ratio, growth, one_step, market, learnt.n_totals, n_learnt)


def market_steps(horizons: Array, totals: Array, season: Array, n_steps: int) -> Array:
    """Expected demand of each coming period, from totals at some horizons, shape (n_steps,).

    Examples
    --------
    >>> market_steps(np.array([1.0, 3.0]), np.array([2.0, 5.0]), np.empty(0), 3).tolist()
    [2.0, 1.5, 1.5]
    """
    ahead = np.arange(1.0, n_steps + 1.0)
    return np.diff(totals_until(horizons, np.tile(totals, (n_steps, 1)), season, ahead), prepend=0.0)


def _without_giants(mean: Array, place: int) -> Array:
    """Means at all horizons, none counting for more than ten times the median positive one."""
    usual = mean[:, place]
    most = 10.0 * float(np.median(usual[usual > 0])) if (usual > 0).any() else 0.0
    return mean * np.minimum(most / np.maximum(usual, 1e-300), 1.0)[:, None]


def _season_over(season: Array, horizon: int, quarter: int) -> float:
    """Season of the periods of a horizon over that of the coming quarter."""
    return float(season_at(season, 0, horizon).mean() / season_at(season, 0, quarter).mean())
