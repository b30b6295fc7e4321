"""Pooled forecasts of many sparse series: learnt on some of them, applied block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from partsopt.forecast.market import season_at
from partsopt.forecast.pooled import MOST_SERIES, Group, History, apply, learn

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

LEAST_TOTALS = 1000
"""Past totals below which series are not pooled, but each takes the method that suits its own history."""
USUAL_HORIZON = {"month": 0, "week": 1}
"""Place among the learnt horizons of about a month, the usual protection interval."""
QUARTER = {"month": 3, "week": 13}
"""Periods over whose season the mean is taken."""
PRICE_BANDS = 10


class PooledMeans(NamedTuple):
    """What pooling gives each series; ``n_totals`` past totals of ``n_learnt`` series taught it.

    Attributes
    ----------
    mean
        Expected demand per period over about a month, pieces, shape (series,).
    ratio
        Variance over mean of the total over about a month, shape (series,).
    one_step_ratio
        The same of the next period.
    n_totals, n_learnt
        How many past totals of how many series it was learnt from; no totals: the series are not pooled.
    """

    mean: Array
    ratio: Array
    one_step_ratio: Array
    n_totals: int
    n_learnt: int


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
    none = PooledMeans(np.zeros(n_series), np.ones(n_series), np.ones(n_series), 0, 0)
    n_learnt = min(n_series, MOST_SERIES)
    if n_learnt == 0:
        return none
    sample = np.arange(n_learnt) * n_series // n_learnt
    learnt = learn(history_of(sample), [Group(one.codes[sample], one.n_codes) for one in groups], None, period)
    if learnt.n_totals < LEAST_TOTALS:
        return none
    place = min(USUAL_HORIZON[period], len(learnt.horizons) - 1)
    periods = learnt.horizons[place] * _season_over(learnt.season, int(learnt.horizons[place]), QUARTER[period])
    parts = []
    for at in blocks:
        mean, ratio, _ = apply(learnt, history_of(at), [Group(one.codes[at], one.n_codes) for one in groups])
        parts.append((mean[:, place] / periods, ratio[:, place], ratio[:, 0]))
    found, ratio, one_step = (np.concatenate(one) for one in zip(*parts, strict=True))
    return PooledMeans(found, ratio, one_step, learnt.n_totals, n_learnt)


def _season_over(season: Array, horizon: int, quarter: int) -> float:
    """Season of the periods of a horizon over that of the coming quarter."""
    return float(season_at(season, 0, horizon).mean() / season_at(season, 0, quarter).mean())
