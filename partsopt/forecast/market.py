"""The market: how the demand of all series together moves, how far that goes on, and its season.

An index sums demand over series in units of what they sell on average. What its totals came to against its recent
level, at every past period, tells by regression how far a trend is carried on and how far a recent jump is: fully where
that came true, and not at all (what the regression keeps to) where little is seen.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

FAST, USUAL, SLOW = 0.45, 0.72, 0.95
"""Discounts of the index: of what jumped lately, of its level, and of its trend."""
SHARES_SPREAD = np.array([1.0, 1.0, 0.05])
"""How far from 0 the shares carried on usually lie: of the trend, of the latest jump, and a move that always comes."""
FIRST_LEVEL = 4
"""Periods of the index before its level counts for something."""
LOWEST_INDEX = 0.02
LARGEST_MOVE = float(np.log(1.5))
SEASON = {"month": (12, 1), "week": (13, 4)}
"""Parts of a year, and periods of each."""
LEAST_YEARS, SURE_YEARS = 2.0, 3.0
LEFT, LEFT_WHEN_SURE = 0.5, 1.0
"""A season counts where that of the other years leaves at most this share of what none leaves, in squares: half where
one year stands against one, as there a fifth of wandering markets would show one (decision 0074)."""
BENDS = 3
"""Degree of the polynomial that the season is seen around."""


class Market(NamedTuple):
    """What all series say of each period together.

    Attributes
    ----------
    sold
        Demand in units of what is usual, without its season, shape (periods,); where nothing was observed, that of the
        period before, and 1 before the first.
    noise
        Standard error of a period's index, from the series' own dispersion.
    season
        Factor of each of the coming periods, the same every year, shape (periods of a year,); empty where none shows.
    """

    sold: Array
    noise: float
    season: Array


def season_at(season: Array, first: int, n_periods: int) -> Array:
    """Factors of ``n_periods`` periods from ``first`` on, the first after the history being 0; 1 without a season.

    Examples
    --------
    >>> season_at(np.array([0.5, 1.5]), -1, 3).tolist()
    [1.5, 0.5, 1.5]
    """
    if not len(season):
        return np.ones(n_periods)
    return season[(first + np.arange(n_periods)) % len(season)]


def season_until(season: Array, ahead: Array) -> Array:
    """Periods ahead, each counting as much as the season says; as many as there are without one.

    Examples
    --------
    >>> season_until(np.array([0.5, 1.5]), np.array([1.0, 1.5, 4.0])).tolist()
    [0.5, 1.25, 4.0]
    """
    if not len(season):
        return ahead
    year = len(season)
    summed = np.concatenate([[0.0], np.cumsum(season)])
    return ahead // year * summed[-1] + np.interp(ahead % year, np.arange(year + 1), summed)


def totals_until(horizons: Array, totals: Array, season: Array, ahead: Array) -> Array:
    """Expected totals over the periods ahead from those at some horizons, in proportion to the season between them.

    Beyond the last horizon the mean of all before goes on.

    Parameters
    ----------
    horizons
        Periods, shape (horizons,), rising.
    totals
        Expected totals there, shape (rows, horizons).
    season
        Factor of each coming period; empty where there is none.
    ahead
        Periods of each row, shape (rows,).

    Examples
    --------
    >>> totals_until(np.array([1.0, 3.0]), np.array([[2.0, 4.0]] * 3), np.empty(0), np.array([0.5, 2.0, 6.0])).tolist()
    [1.0, 3.0, 8.0]
    """
    ahead = season_until(season, ahead)
    reached = season_until(season, np.concatenate([[0.0], horizons]))
    totals = np.column_stack([np.zeros(len(totals)), totals])
    upper = np.clip(np.searchsorted(reached, ahead), 1, len(reached) - 1)
    row = np.arange(len(totals))
    share = np.minimum((ahead - reached[upper - 1]) / (reached[upper] - reached[upper - 1]), 1.0)
    inside = totals[row, upper - 1] * (1.0 - share) + totals[row, upper] * share
    return np.asarray(inside + np.maximum(ahead - reached[-1], 0.0) * totals[:, -1] / reached[-1])


def market_of(demand: Array, exposure: Array, flat: Array, weight: Array, ratio: Array, period: str) -> Market:
    """The index of all series, and its season.

    Parameters
    ----------
    demand, exposure
        Pieces (NaN: not observed) and how much of each period counts, shape (series, periods).
    flat
        Mean demand per period of each series, shape (series,).
    weight
        Weight of each series, shape (series,).
    ratio
        Variance over mean of a period's demand, shape (series,).
    period
        ``month`` or ``week``.

    Examples
    --------
    >>> demand = np.array([[2.0, 2.0, 4.0, 4.0]])
    >>> one = np.ones(1)
    >>> market_of(demand, np.ones((1, 4)), 3.0 * one, one, one, "month").sold.round(2).tolist()
    [0.67, 0.67, 1.33, 1.33]
    """
    usual = ((weight * flat)[:, None] * exposure).sum(axis=0)
    seen = (weight[:, None] * np.nan_to_num(demand)).sum(axis=0)
    index = np.where(usual > 0, seen / np.where(usual > 0, usual, 1.0), 1.0)
    index = index[np.maximum.accumulate(np.where(usual > 0, np.arange(len(usual)), 0))]
    mean = float(usual.mean()) if len(usual) else 0.0
    noise = float(np.sqrt((weight**2 * ratio * flat * exposure.mean(axis=1)).sum())) / mean if mean > 0 else 1.0
    season = season_of(index, *SEASON[period])
    return Market(index / season_at(season, -len(index), len(index)), noise, season)


def season_of(index: Array, n_parts: int, length: int) -> Array:
    """Season of an index, shape (n_parts * length,) from the first period after it; empty where none shows.

    It is seen around a polynomial, on logarithms. It counts only if the season of the other years tells each year's
    better than none does (two years: twice as well), and is drawn to none as far as years differ (James & Stein 1961).

    Parameters
    ----------
    index
        Shape (periods,).
    n_parts, length
        Parts of a year, and periods of each.
    """
    n_years = len(index) / (n_parts * length)
    if n_years < LEAST_YEARS:
        return np.empty(0)
    n = len(index) // length
    level = np.log(np.maximum(index[len(index) - n * length :].reshape(n, length).mean(axis=1), LOWEST_INDEX))
    bends = np.linspace(-1.0, 1.0, n)[:, None] ** np.arange(BENDS + 1)
    part = (np.arange(n) - n) % n_parts
    parts = (part[:, None] == np.arange(n_parts)) - 1.0 / n_parts
    both = np.column_stack([bends, parts])
    found = np.linalg.lstsq(both, level, rcond=None)[0]
    season = found[BENDS + 1 :] - found[BENDS + 1 :].mean()
    around = level - bends @ np.linalg.lstsq(bends, level, rcond=None)[0]
    left = _left_by_season(around, level - bends @ found[: BENDS + 1], part, n_parts)
    if left >= (LEFT if n_years < SURE_YEARS else LEFT_WHEN_SURE):
        return np.empty(0)
    variance = float(((level - both @ found) ** 2).sum()) / max(n - BENDS - n_parts, 1)
    between = float((season**2).sum()) / (n_parts - 1) * n / n_parts
    kept = max(1.0 - variance / between, 0.0) if between > 0 else 0.0
    factors = np.exp(kept * season)
    return np.repeat(factors / factors.mean(), length)


def _left_by_season(without: Array, seasonal: Array, part: Array, n_parts: int) -> float:
    """What the mean of the other years leaves of each year, over what none leaves, in squares.

    Parameters
    ----------
    without, seasonal
        What is left of the level around a polynomial fitted alone, and around one fitted beside the season.
    part
        Part of the year of each, from 0; every part is there in two years or more.
    """
    year = np.cumsum(part == 0)
    with_season = without_season = 0.0
    for one in np.unique(year):
        own, others = year == one, year != one
        mean = np.bincount(part[others], seasonal[others], n_parts) / np.bincount(part[others], minlength=n_parts)
        told, seen = mean[part[own]], without[own] - without[own].mean()
        with_season += float(((seen - told + told.mean()) ** 2).sum())
        without_season += float((seen**2).sum())
    return with_season / without_season if without_season > 0.0 else 1.0


def expected_moves(market: Market, ends: Array, horizon: int) -> tuple[Array, Array]:
    """What the index comes to over a horizon against its level, with its season, as expected and as it came.

    Parameters
    ----------
    ends
        Periods known, shape (ends,).
    horizon
        Periods ahead.

    Returns
    -------
    tuple of Array
        Factors expected from what was known then, and those that came, as far as the index's noise lets them be seen
        (where they are not known yet: those expected), shape (ends,).
    """
    index, n_periods = market.sold, len(market.sold)
    level, moves = levels_and_moves(index, horizon)
    summed = np.concatenate([[0.0], np.cumsum(index)])
    came = np.empty(0)
    if n_periods >= horizon:
        came = np.log(np.maximum((summed[horizon:] - summed[:-horizon]) / horizon, LOWEST_INDEX))
        came = came - level[: len(came)]
    expected, seen = np.empty(len(ends)), np.empty(len(ends))
    for place, end in enumerate(ends):
        known = np.arange(max(FIRST_LEVEL, end // 6), end - horizon + 1)
        carried, left = _carried(moves[known], came[known], horizon)
        expected[place] = seen[place] = np.clip(moves[end] @ carried, -LARGEST_MOVE, LARGEST_MOVE)
        if end < len(came):
            noise = market.noise**2 / horizon
            seen[place] += (came[end] - expected[place]) * (left / (left + noise) if left > 0 else 0.0)
    season = np.array([season_at(market.season, end - n_periods, horizon).mean() for end in ends])
    return np.exp(expected) * season, np.exp(seen) * season


def levels_and_moves(index: Array, horizon: int) -> tuple[Array, Array]:
    """Logarithm of the index's level before each period and after the last, and what it would move by over a horizon.

    Returns
    -------
    tuple of Array
        Level, shape (periods + 1,). Moves, shape (periods + 1, 2): were the trend carried on from the level's middle to
        the horizon's, and were the latest jump from the level to stay.
    """
    level, jump, trend = np.zeros(len(index) + 1), np.zeros(len(index) + 1), np.zeros(len(index) + 1)
    fast = fast_weight = usual = usual_weight = usual_age = 0.0
    weight = age = squares = total = with_age = 0.0
    for period, one in enumerate(np.maximum(index, 0.0).tolist()):
        fast, fast_weight = FAST * fast + one, FAST * fast_weight + 1.0
        usual_age = USUAL * (usual_age + usual_weight)
        usual, usual_weight = USUAL * usual + one, USUAL * usual_weight + 1.0
        squares, with_age = SLOW * (squares + 2.0 * age + weight), SLOW * (with_age + total)
        age = SLOW * (age + weight)
        weight, total = SLOW * weight + 1.0, SLOW * total + one
        level[period + 1] = np.log(max(usual / usual_weight, LOWEST_INDEX))
        jump[period + 1] = np.log(max(fast / fast_weight, LOWEST_INDEX)) - level[period + 1]
        if period >= 2:
            mean = total / weight
            slope = -(with_age - age * mean) / (squares - age**2 / weight)
            trend[period + 1] = slope / max(mean, LOWEST_INDEX) * (usual_age / usual_weight + (horizon + 1) / 2.0)
    return level, np.column_stack([trend, jump, np.ones(len(level))])


def _carried(moves: Array, came: Array, horizon: int) -> tuple[Array, float]:
    """Shares of movements that are carried on, drawn to 0 (normal prior), and the variance left.

    Totals that overlap count once together.
    """
    carried: Array = np.zeros(len(SHARES_SPREAD))
    if len(came) < 2:
        return carried, 0.0
    left = float(np.mean(came**2))
    together = float(min(horizon, len(came)))
    for _ in range(3):
        left = max(left, 1e-6)
        weighted = moves.T / (left * together)
        carried = np.linalg.solve(weighted @ moves + np.diag(SHARES_SPREAD**-2), weighted @ came)
        left = float(np.mean((came - moves @ carried) ** 2))
    return carried, left
