"""Pooled rates: each series' own demand at several discounts, and what alike series sell, weighted by what came.

The weights are learnt on rolling origins inside the history, over all series at once, in strata of similar rate. It
is the linear form of empirical Bayes (credibility): the gamma-Poisson posterior mean is such a sum.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from partsopt.forecast.kernels import chances_alive, credibility_weights, discounted_rates, weighted_means
from partsopt.forecast.ratios import RatioTable, binned_ratios, cells

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

DISCOUNTS = np.array([1.0, 0.97, 0.93, 0.86, 0.72, 0.45])
KEY = 2
"""Place in DISCOUNTS of the rate by which series are alike."""
MARKET = 3
"""Place in DISCOUNTS of the rate that tells the level of the whole market."""
SLOW = 1
"""Place in DISCOUNTS of the rate that groups are averaged on."""
HORIZONS = {"month": (1, 3, 6, 12), "week": (1, 4, 9, 18)}
"""Periods ahead at which weights, dispersion and ratios are learnt."""
SHORTEST_HISTORY = 6
"""Periods before the first origin."""
MOST_ORIGINS, MOST_SERIES, MOST_STRATA = 5, 3000, 8
ORIGIN_STEP = 2
"""Periods between origins at least; else a third of the horizon."""
OWN_SHARE = 0.5
"""Weights of a horizon: this share learnt on its own totals, the rest on those of the first horizon, which are more."""
STRATUM_ROWS = 1000
FEWEST_ROWS = 100
"""Totals below which nothing is learnt at a horizon."""
PRIOR_PERIODS = 3.0
OWN_DEMANDS = 20.0
"""A series' own dispersion weighs as much as that of all when it has shown this many demands."""
CLASS_DEMANDS = 50.0
FREQUENCIES = np.array([0.1, 0.25, 0.5, 0.75, 0.95])
"""Shares of periods with demand up to which dispersion is alike."""
WILD = 100.0
ENDS = 3e-4
"""Chance that a series ends in a period, beyond what the discounts have learnt; only long silences feel it."""
PAUSE = 1.0 / 3.0
"""Chance of a silent period, at least: a part that sold in every period may pause, or its export may."""
LARGEST_RELATIVE = 20.0
LARGEST_RATIO = 1e9


class History(NamedTuple):
    """Series side by side: demand (NaN: not observed), exposure (or shape (0, 0)), first column of each."""

    demand: Array
    time: Array
    starts: Array

    def of(self, at: Array | slice) -> History:
        """Some of the series."""
        return History(self.demand[at], self.time[at] if self.time.size else self.time, self.starts[at])


class Group(NamedTuple):
    """A grouping of series: the code of each from 0, and how many codes there are."""

    codes: Array
    n_codes: int


class Learnt(NamedTuple):
    """What the pooled origins taught.

    Attributes
    ----------
    horizons
        Periods, shape (horizons,), rising.
    strata
        Rates up to which each stratum reaches, shape (strata - 1,).
    weights
        Shape (horizons, strata, rates).
    level
        Total over mean of the weighted rates at each horizon, shape (horizons,).
    dispersion
        By how much the shrunk excess dispersion is multiplied at each horizon, shape (horizons,).
    relative
        Dispersion over mean size by frequency of demand, shape (frequencies,).
    prior
        Pieces per period of a series that nothing is known of.
    table
        Ratios of totals to means; None where there were too few.
    n_totals
        Totals that were learnt from at the first horizon.
    usual_size
        Median size of a demand, pieces.
    market
        What each discounted rate is multiplied by to stand at today's level of the whole market, shape (discounts,).
    group_means
        Mean rate of every group by code, shape (codes,) for each grouping.
    """

    horizons: Array
    strata: Array
    weights: Array
    level: Array
    dispersion: Array
    relative: Array
    prior: float
    table: RatioTable | None
    n_totals: int
    usual_size: float
    market: Array
    group_means: list[Array]


class _Origin(NamedTuple):
    """The series as they were known at an origin."""

    rates: Array
    ratio: Array
    is_known: Array


def usual_rate(rates: Array) -> float:
    """Mean of the rates, none counting for more than ten times the median positive one.

    Examples
    --------
    >>> usual_rate(np.array([0.0, 1.0, 1.0, 1e9]))
    3.0
    """
    positive = rates[rates > 0]
    return float(np.minimum(rates, 10.0 * np.median(positive)).mean()) if len(positive) else 0.0


class Shown(NamedTuple):
    """What each series has shown of its demands, shape (series,).

    Attributes
    ----------
    dispersion
        Variance over mean around the flat rate; 0 without demand.
    size
        Mean demand of a period with demand, pieces; 0 without.
    n_demands
        Periods with demand.
    frequency
        Share of the periods with demand.
    """

    dispersion: Array
    size: Array
    n_demands: Array
    frequency: Array


def own_dispersion(moments: Array) -> Shown:
    """What the sums of ``discounted_rates``, shape (series, 6), tell of each series."""
    time, pieces, squares, mixed, squared_time, n_demands = moments.T
    flat = pieces / np.maximum(time, 1e-9)
    around = np.maximum(squares - 2.0 * flat * mixed + flat**2 * squared_time, 0.0)
    own = np.where(pieces > 0, around / np.maximum(pieces, 1e-300), 0.0)
    return Shown(own, pieces / np.maximum(n_demands, 1.0), n_demands, n_demands / np.maximum(time, 1.0))


def relative_dispersion(shown: Shown) -> Array:
    """Dispersion over mean size by frequency of demand (FREQUENCIES), shape (frequencies,).

    Sizes of frequent demand are sums of many orders and vary less. Series weigh by their demands, up to OWN_DEMANDS
    each; a frequency that has shown little is drawn towards all by CLASS_DEMANDS, and all towards 1.
    """
    weight = np.minimum(shown.n_demands, OWN_DEMANDS)
    relative = np.minimum(shown.dispersion / np.maximum(shown.size, 1e-300), LARGEST_RELATIVE)
    place = np.searchsorted(FREQUENCIES, shown.frequency)
    total = np.bincount(place, weight, len(FREQUENCIES) + 1)
    summed = np.bincount(place, weight * relative, len(FREQUENCIES) + 1)
    of_all = (summed.sum() + CLASS_DEMANDS) / (total.sum() + CLASS_DEMANDS)
    return (summed + CLASS_DEMANDS * of_all) / (total + CLASS_DEMANDS)


def shrunk_dispersion(shown: Shown, relative: Array) -> Array:
    """A series' own variance over mean, drawn towards that of its frequency as far as it has shown few demands."""
    size = np.where(shown.n_demands > 0, shown.size, _usual_size(shown))
    shared = np.maximum(relative[np.searchsorted(FREQUENCIES, shown.frequency)] * size, 1.0)
    ratio = (shown.dispersion * shown.n_demands + shared * OWN_DEMANDS) / (shown.n_demands + OWN_DEMANDS)
    return np.clip(ratio, 1.0, LARGEST_RATIO)


def _usual_size(shown: Shown) -> float:
    """Median over the series with demand of their mean size; 1 where there is none."""
    has_demand = shown.n_demands > 0
    return float(np.median(shown.size[has_demand])) if has_demand.any() else 1.0


def group_means(rates: Array, groups: list[Group], prior: float) -> list[Array]:
    """Mean rate of every group by code, drawn towards ``prior`` in small groups; no rate above ten times the median."""
    capped = np.minimum(rates, 10.0 * float(np.median(rates[rates > 0]))) if (rates > 0).any() else rates
    return [
        (np.bincount(one.codes, capped, one.n_codes) + 5.0 * prior)
        / (np.bincount(one.codes, minlength=one.n_codes) + 5.0)
        for one in groups
    ]


def rates_and_moments(history: History, ends: list[int], prior: float) -> tuple[Array, Array]:
    """Discounted rates (origins, series, discounts) and sums (origins, series, 6) of what was known at each origin."""
    shape = (len(ends), len(history.demand))
    rates, moments = np.empty((*shape, len(DISCOUNTS))), np.empty((*shape, 6))
    columns = np.array(ends, dtype=np.int64)
    discounted_rates(
        history.demand, history.time, history.starts, columns, DISCOUNTS, prior, PRIOR_PERIODS, rates, moments
    )
    return rates, moments


def market_factors(rates: Array) -> Array:
    """What each discounted rate is multiplied by to stand at today's level of the whole market, shape (discounts,).

    Where all parts fall together, the longer a rate looks back the more it is above what is sold today. The level is
    that of the rates at MARKET, over series of at most a hundred times the median rate.

    Examples
    --------
    >>> market_factors(np.array([[4.0, 4.0, 4.0, 2.0, 2.0, 2.0]] * 3)).tolist()
    [0.5, 0.5, 0.5, 1.0, 1.0, 1.0]
    """
    slow = rates[:, SLOW]
    usual = rates[slow <= WILD * np.median(slow[slow > 0])] if (slow > 0).any() else rates
    total = usual.sum(axis=0)
    return np.where(total > 0, np.clip(total[MARKET] / np.where(total > 0, total, 1.0), 0.2, 5.0), 1.0)


def with_groups(rates: Array, groups: list[Group], means: list[Array], prior: float) -> Array:
    """What a rate is weighted from: the series' own rates, the means of its groups, and the mean of all."""
    others = [mean[one.codes] for one, mean in zip(groups, means, strict=True)]
    return np.column_stack([rates, *others, np.full(len(rates), prior)])


def first_weights(n_rates: int) -> Array:
    """Weights where nothing could be learnt: nine tenths of the own rates alike, one tenth of what others sell."""
    n_own = len(DISCOUNTS)
    return np.concatenate([np.full(n_own, 0.9 / n_own), np.full(n_rates - n_own, 0.1 / (n_rates - n_own))])


def learn(history: History, groups: list[Group], value: Array | None, period: str) -> Learnt:
    """Learn weights, dispersion and ratios on rolling origins inside the history.

    Parameters
    ----------
    history
        All series, or as many as are to be learnt from.
    groups
        Groupings of the series.
    value
        Weight of each series, or None.
    period
        ``month`` or ``week``.
    """
    n_periods = history.demand.shape[1]
    _, (moments,) = rates_and_moments(history, [n_periods], 0.0)
    prior = usual_rate(moments[:, 1] / np.maximum(moments[:, 0], 1.0))
    (rates,), _ = rates_and_moments(history, [n_periods], prior)
    market = market_factors(rates)
    means = group_means(rates[:, SLOW] * market[SLOW], groups, prior)
    shown = own_dispersion(moments)
    relative, usual_size = relative_dispersion(shown), _usual_size(shown)
    first = max(SHORTEST_HISTORY, n_periods // 4)
    n_rates = len(DISCOUNTS) + len(groups) + 1
    strata, shape, n_totals = np.empty(0), (0, 0), 0
    worth = np.ones(len(history.demand)) if value is None else _weights_of(value)
    horizons: list[float] = []
    weights: list[Array] = []
    levels, dispersion, parts = [], [], []
    origins = {horizon: _origins(n_periods, horizon, first) for horizon in HORIZONS[period]}
    known = _known(history, sorted({end for ends in origins.values() for end in ends}), groups, prior, relative)
    for horizon, ends in origins.items():
        rows = [_rows(history, known[end], end, horizon, worth) for end in ends]
        if sum(len(one.total) for one in rows) < FEWEST_ROWS:
            break
        seen = _Rows(*(np.concatenate(one) for one in zip(*rows, strict=True)))
        if not horizons:
            n_totals, shape, strata = len(seen.total), cells(len(seen.total)), _strata(seen.rates[:, KEY])
        seen.weight[is_wild(seen.rates, seen.total / horizon, np.searchsorted(strata, seen.rates[:, KEY]))] = 0.0
        found = _weights(seen, float(horizon), strata)
        weights.append(found if not weights else OWN_SHARE * found + (1.0 - OWN_SHARE) * weights[0])
        mean = horizon * np.maximum(_weighted(seen.rates, strata, weights[-1]), 1e-9)
        level = _level(seen, mean) if horizons else 1.0
        mean *= level
        scale = _dispersion_scale(seen.total, mean, seen.ratio)
        horizons.append(float(horizon))
        levels.append(level)
        dispersion.append(scale)
        if shape[0]:
            parts.append(binned_ratios(seen.total, mean, np.maximum(1.0 + scale * (seen.ratio - 1.0), 1.0), shape))
    table = RatioTable(*(np.stack(one) for one in zip(*parts, strict=True))) if parts else None
    if not horizons:
        usual = first_weights(n_rates)[None, None, :]
        return Learnt(
            np.ones(1), strata, usual, np.ones(1), np.ones(1), relative, prior, None, 0, usual_size, market, means
        )
    return Learnt(
        np.array(horizons),
        strata,
        np.stack(weights),
        np.array(levels),
        np.array(dispersion),
        relative,
        prior,
        table,
        n_totals,
        usual_size,
        market,
        means,
    )


def apply(learnt: Learnt, history: History, groups: list[Group]) -> tuple[Array, Array, Array]:
    """Means of the totals at the learnt horizons and their variance over mean, and the number of demands.

    A series without demand is not given a rate of which one would have been seen in twice its time, and one that fell
    silent as it never did before fades by the chance that it has ended.

    Returns
    -------
    tuple of Array
        Mean and variance over mean, shape (series, horizons), the mean rising; number of demands, shape (series,).
    """
    (own,), (moments,) = rates_and_moments(history, [history.demand.shape[1]], learnt.prior)
    shown = own_dispersion(moments)
    n_demands, ratio = shown.n_demands, shrunk_dispersion(shown, learnt.relative)
    rates = with_groups(own * learnt.market, groups, learnt.group_means, learnt.prior)
    rate = np.column_stack([_weighted(rates, learnt.strata, weights) for weights in learnt.weights])
    never = n_demands == 0
    rate[never] = np.minimum(rate[never], learnt.usual_size / (1.0 + moments[never, :1]))
    mean = rate * (learnt.level * learnt.horizons)
    np.maximum.accumulate(mean, axis=1, out=mean)
    alive = np.empty(len(mean))
    chances_alive(history.demand, history.time, history.starts, ENDS, PAUSE, alive)
    mean *= alive[:, None]
    widest = np.maximum.accumulate(learnt.dispersion)
    spread = np.maximum(1.0 + widest[None, :] * (ratio[:, None] - 1.0), 1.0)
    return mean, spread, n_demands


def _weights_of(value: Array) -> Array:
    """Value weights around 1, a tenth at least and ten at most."""
    positive = np.maximum(np.nan_to_num(np.asarray(value, dtype=np.float64)), 0.0)
    mean = float(positive.mean())
    return np.clip(positive / mean, 0.1, 10.0) if mean > 0 else np.ones(len(positive))


class _Rows(NamedTuple):
    """Totals that came, and what was known before of their series, shape (rows, ...).

    The weight falls with the root of the series' dispersion: by the whole, which variance asks for, series whose past
    looked calm by luck would count most and the mean would come out too high; not at all, one wild series decides.
    """

    rates: Array
    total: Array
    ratio: Array
    weight: Array


def _origins(n_periods: int, horizon: int, first: int) -> range:
    """Columns from which a horizon's totals are known, the latest first."""
    return range(n_periods - horizon, first - 1, -max(ORIGIN_STEP, horizon // 3))[:MOST_ORIGINS]


def _known(history: History, ends: list[int], groups: list[Group], prior: float, relative: Array) -> dict[int, _Origin]:
    """The series as they were known at each origin."""
    rates, moments = rates_and_moments(history, ends, prior)
    known = {}
    for end, own, sums in zip(ends, rates, moments, strict=True):
        own *= market_factors(own)
        at_level = with_groups(own, groups, group_means(own[:, SLOW], groups, prior), prior)
        known[end] = _Origin(at_level, shrunk_dispersion(own_dispersion(sums), relative), sums[:, 0] > 0)
    return known


def _rows(history: History, origin: _Origin, end: int, horizon: int, worth: Array) -> _Rows:
    """One origin: what was known of each series, and the total that came, of those observed throughout."""
    total = history.demand[:, end : end + horizon].sum(axis=1)
    at = np.isfinite(total) & origin.is_known & (history.starts < end)
    if history.time.size:
        at &= (history.time[:, end : end + horizon] >= 1.0).all(axis=1)
    return _Rows(origin.rates[at], total[at], origin.ratio[at], worth[at] / np.sqrt(origin.ratio[at]))


def _strata(key: Array) -> Array:
    n_strata = int(np.clip(len(key) // STRATUM_ROWS, 1, MOST_STRATA))
    return np.quantile(key, np.arange(1, n_strata) / n_strata)


def _upper_quartile(values: Array) -> float:
    return float(np.quantile(values, 0.75)) if len(values) else 0.0


def is_wild(rates: Array, total: Array, stratum: Array) -> Array:
    """Rows that would decide alone: a rate or total a hundred times that of the three quarters of a stratum.

    Parameters
    ----------
    rates
        Pieces per period, shape (rows, rates).
    total
        Pieces per period that came, shape (rows,).
    stratum
        Number of each row's stratum, shape (rows,).

    Examples
    --------
    >>> rates, total = np.array([[1.0], [1.0], [1.0], [1.0], [1e9]]), np.array([0.0, 1.0, 200.0, 1.0, 1.0])
    >>> is_wild(rates, total, np.zeros(5, dtype=int))
    array([False, False,  True, False,  True])
    """
    largest = np.array(total)
    for column in rates.T:
        np.maximum(largest, column, out=largest)
    quarter = np.ascontiguousarray(rates[:, 0])
    usual = np.array([_upper_quartile(quarter[stratum == one]) for one in range(int(stratum.max(initial=0)) + 1)])
    return largest > WILD * usual[stratum]


def _weights(seen: _Rows, horizon: float, strata: Array) -> Array:
    """Weights by stratum, shape (strata, rates)."""
    stratum = np.searchsorted(strata, seen.rates[:, KEY])
    start = first_weights(seen.rates.shape[1])
    found = []
    for place in range(len(strata) + 1):
        at = np.flatnonzero((stratum == place) & (seen.weight > 0))
        found.append(credibility_weights(seen.rates[at], seen.total[at], seen.weight[at], horizon, start))
    return np.stack(found)


def _weighted(rates: Array, strata: Array, weights: Array) -> Array:
    out = np.empty(len(rates))
    weighted_means(rates, strata, KEY, weights, out)
    return out


def _level(seen: _Rows, mean: Array) -> float:
    """What totals came to against their means: how the market was seen to rise or fall by this horizon."""
    expected = float((seen.weight * mean).sum())
    found = float((seen.weight * seen.total).sum()) / expected if expected > 0 else 1.0
    return float(np.clip(found, 0.5, 2.0))


def _dispersion_scale(total: Array, mean: Array, ratio: Array) -> float:
    """What the excess dispersion must be multiplied by to explain the squared errors of the totals."""
    error = np.minimum((total - mean) ** 2 / mean, 100.0 * ratio)
    excess = float(((ratio - 1.0) / ratio).sum())
    return float(np.clip(((error - 1.0) / ratio).sum() / excess, 0.0, 10.0)) if excess > 0 else 1.0
