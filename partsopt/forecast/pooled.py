"""Pooled rates: each series' own demand at several discounts, and what alike series sell, weighted by what came.

The weights are learnt on rolling origins inside the history, over all series at once, in strata of similar rate. It
is the linear form of empirical Bayes (credibility): the gamma-Poisson posterior mean is such a sum.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from partsopt.forecast.kernels import chances_alive, credibility_weights, discounted_rates, weighted_means
from partsopt.forecast.market import Market, expected_moves, market_of, season_at
from partsopt.forecast.ratios import RatioTable, binned_ratios, cells
from partsopt.forecast.spread import FIRST_TERMS, spread_of, spread_weights

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

SHOWN_TIME = (0, 7)
"""Places among the sums of the time a rate is known from: at the first horizon, and at longer ones (decision 0018)."""
DISCOUNTS = np.array([1.0, 0.97, 0.93, 0.86, 0.72, 0.45])
OWN_RATES = len(DISCOUNTS) + 1
"""Rates of a series' own demand: at each discount, and since it first sold."""
KEY = 2
"""Place in DISCOUNTS of the rate by which series are alike."""
MARKET = 4
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
SIZE_DEMANDS = 0.5
"""A series' own size weighs as much as the usual one when it has shown so many demands."""
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
CALM = 0.25
"""Power of dispersion by which a series weighs less."""
ENDINGS = np.array([1.25e-4, 2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3, 8e-3])
"""Chances that a series ends in a period, to choose from; only silences longer than any before feel it."""
USUAL_ENDING, ENDING_SPREAD = 2, 1.0
"""Place of the usual one, and how far from it, in logarithms, others usually lie."""
LEAST_SHARE = 0.01
"""Of the median mean of series that sold: below, ratios of totals to means are not kept."""
NEVER = -1.0
"""Stands for the rate of a series without any demand."""
LEAST_ALIVE = 0.5
"""Totals of series that sold on with less than this chance teach nothing else."""
PAUSE = 1.0 / 3.0
"""Chance of a silent period, at least: a part that sold in every period may pause, or its export may."""
LARGEST_RELATIVE = 20.0
LARGEST_RATIO = 1e9
LEAST_GROWTH = 1e-9
"""A longer horizon has a mean larger by this share at least: horizons in between are told apart by their means."""


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
        Rates up to which each stratum reaches, shape (strata - 1,); the first is NEVER.
    weights
        Shape (horizons, strata, rates), at today's level of the market.
    key_factor
        What the rate that decides the stratum is multiplied by to stand at that level.
    ending
        Chance that a series ends in a period.
    spread
        Weights of what widens a total (``spread_of``), shape (horizons, terms).
    relative
        Dispersion over mean size by frequency of demand, shape (frequencies,).
    frequency
        Share of periods with demand over all series.
    table
        Ratios of totals to means; None where there were too few.
    n_totals
        Totals that were learnt from at the first horizon.
    usual_size
        Median size of a demand, pieces.
    group_means
        Mean rate of every group by code, demands of a series' size per period, shape (codes,) for each grouping.
    season
        Factor of each of the coming periods, the same every year; empty where none shows.
    """

    horizons: Array
    strata: Array
    weights: Array
    key_factor: float
    ending: float
    spread: Array
    relative: Array
    frequency: float
    table: RatioTable | None
    n_totals: int
    usual_size: float
    group_means: list[Array]
    season: Array


class _Origin(NamedTuple):
    """The series as they were known at an origin, at its level of the market.

    ``means`` are those of the groups, ``factors`` what the rates were multiplied by.
    """

    rates: Array
    means: list[Array]
    factors: Array
    ratio: Array
    size: Array
    time: Array
    n_demands: Array
    alive: Array


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
    """What the sums of ``discounted_rates``, shape (series, 8), tell of each series."""
    time, pieces, squares, mixed, squared_time, n_demands = moments.T[:6]
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


def rates_and_moments(history: History, ends: list[int], frequency: float, size: float) -> tuple[Array, Array]:
    """Own rates (origins, series, OWN_RATES) and sums (origins, series, 8) of what was known at each origin."""
    shape = (len(ends), len(history.demand))
    rates, moments = np.empty((*shape, OWN_RATES)), np.empty((*shape, 8))
    columns = np.array(ends, dtype=np.int64)
    discounted_rates(
        history.demand, history.time, history.starts, columns, DISCOUNTS, frequency, size, SIZE_DEMANDS,
        PRIOR_PERIODS, rates, moments,
    )  # fmt: skip
    return rates, moments


def market_factors(rates: Array) -> Array:
    """What each own rate is multiplied by to stand at today's level of the whole market, shape (rates,).

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


def with_groups(rates: Array, groups: list[Group], means: list[Array], frequency: float, size: Array) -> Array:
    """What a rate is weighted from: the series' own rates, and its size as often as its groups, and all, ask."""
    others = [mean[one.codes] * size for one, mean in zip(groups, means, strict=True)]
    return np.column_stack([rates, *others, frequency * size])


def first_weights(n_rates: int) -> Array:
    """Weights where nothing could be learnt: nine tenths of the own rates alike, one tenth of what others sell."""
    n_others = n_rates - OWN_RATES
    return np.concatenate([np.full(OWN_RATES, 0.9 / OWN_RATES), np.full(n_others, 0.1 / n_others)])


def without_season(history: History, season: Array) -> History:
    """Demand over the season of its period."""
    if not len(season):
        return history
    n_periods = history.demand.shape[1]
    return history._replace(demand=history.demand / season_at(season, -n_periods, n_periods))


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
    _, (moments,) = rates_and_moments(history, [n_periods], 0.0, 1.0)
    shown = own_dispersion(moments)
    relative, usual_size = relative_dispersion(shown), _usual_size(shown)
    frequency = float((moments[:, 5] / np.maximum(moments[:, 0], 1.0)).mean())
    origins = {horizon: _origins(_n_seen(history), horizon) for horizon in HORIZONS[period]}
    ends = sorted({n_periods, *(end for some in origins.values() for end in some)})
    market = _market(history, moments, shrunk_dispersion(shown, relative), period)
    seasonless = without_season(history, market.season)
    known = _known(seasonless, ends, groups, frequency, usual_size, relative)
    worth = np.ones(len(history.demand)) if value is None else _weights_of(value)
    now, ending = known[n_periods], USUAL_ENDING
    strata, shape, n_totals = np.empty(0), (0, 0), 0
    horizons: list[float] = []
    weights: list[Array] = []
    spreads, parts, moves = [], [], []
    for horizon, some in origins.items():
        expected, came = expected_moves(market, np.array([*some, n_periods]), horizon)
        seen = _all_rows(history, known, some, horizon, worth, expected, came)
        if len(seen.total) < FEWEST_ROWS:
            break
        if not horizons:
            n_totals, strata = len(seen.total), _strata(seen.key)
            ending = _ending(seen, strata)
        seen = _faded(seen, ending)
        stratum = np.searchsorted(strata, seen.key)
        seen.weight[is_wild(seen.rates, seen.total / horizon, stratum, seen.size)] = 0.0
        found = _weights(seen, float(horizon), stratum, len(strata) + 1)
        weights.append(found if not weights else OWN_SHARE * found + (1.0 - OWN_SHARE) * weights[0])
        mean = horizon * np.maximum(_weighted(seen.rates, seen.key, strata, weights[-1]), 1e-9) * seen.move
        at = (seen.weight > 0) & (seen.key > NEVER)
        spreads.append(spread_weights(seen.total[at], mean[at], seen.ratio[at], seen.time[at], float(horizon)))
        horizons.append(float(horizon))
        moves.append(expected[-1])
        spread = spread_of(spreads[-1], mean, seen.ratio, seen.time, float(horizon))
        told = _tells(mean, seen.key)
        if len(horizons) == 1:
            shape = cells(int(told.sum()))
        if shape[0]:
            told = told if told.sum() >= shape[0] * shape[1] else np.ones(len(told), dtype=bool)
            parts.append(binned_ratios(seen.total[told], mean[told], spread[told], shape))
    if not horizons:
        horizons, spreads, moves = [1.0], [FIRST_TERMS], [1.0]
        weights = [first_weights(now.rates.shape[1])[None, :]]
    return Learnt(
        np.array(horizons),
        strata,
        np.stack(weights) * now.factors * np.array(moves)[:, None, None],
        float(now.factors[KEY]),
        float(ENDINGS[ending]),
        np.stack(spreads),
        relative,
        frequency,
        RatioTable(*(np.stack(one) for one in zip(*parts, strict=True))) if parts else None,
        n_totals,
        usual_size,
        now.means,
        market.season,
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
    n_periods = history.demand.shape[1]
    seasonless = without_season(history, learnt.season)
    (own,), (moments,) = rates_and_moments(seasonless, [n_periods], learnt.frequency, learnt.usual_size)
    time, size = moments[:, 0], moments[:, 6]
    shown = own_dispersion(moments)
    n_demands, ratio = shown.n_demands, shrunk_dispersion(shown, learnt.relative)
    rates = with_groups(own, groups, learnt.group_means, learnt.frequency, size)
    key = np.where(n_demands > 0, rates[:, KEY] * learnt.key_factor, NEVER)
    rate = np.column_stack([_weighted(rates, key, learnt.strata, weights) for weights in learnt.weights])
    never = n_demands == 0
    rate[never] = np.minimum(rate[never], learnt.usual_size / (1.0 + time[never, None]))
    mean = rate * learnt.horizons
    _rise(mean, LEAST_GROWTH)
    mean *= still_alive(history, [n_periods], np.array([learnt.ending]))[0]
    spread = np.column_stack(
        [
            spread_of(weights, mean[:, place], ratio, moments[:, SHOWN_TIME[place > 0]], float(learnt.horizons[place]))
            for place, weights in enumerate(learnt.spread)
        ]
    )
    _rise(spread)
    return mean, np.minimum(spread, LARGEST_RATIO), n_demands


def _rise(rows: Array, growth: float = 0.0) -> None:
    """Let every column be above the one before by a share at least, in place; by columns, of which there are few."""
    for place in range(1, rows.shape[1]):
        np.maximum(rows[:, place], rows[:, place - 1] * (1.0 + growth), out=rows[:, place])


def _weights_of(value: Array) -> Array:
    """Value weights around 1, a tenth at least and ten at most."""
    positive = np.maximum(np.nan_to_num(np.asarray(value, dtype=np.float64)), 0.0)
    mean = float(positive.mean())
    return np.clip(positive / mean, 0.1, 10.0) if mean > 0 else np.ones(len(positive))


class _Rows(NamedTuple):
    """Totals that came, and what was known before of their series, shape (rows, ...).

    ``rates`` are multiplied by what the market did, and ``move`` is what was expected of it over what it did; ``key``
    decides the stratum; ``alive`` has a column for each of ENDINGS.

    The weight falls with the fourth root of the series' dispersion: faster, and series whose past looked calm by luck
    count most and the mean comes out too high; not at all, and wild series pull it too low.
    """

    rates: Array
    key: Array
    total: Array
    ratio: Array
    weight: Array
    size: Array
    time: Array
    alive: Array
    move: Array


def _n_seen(history: History) -> int:
    """Periods up to the last one that any series was wholly observed in: the end of an export may be cut."""
    n_periods = history.demand.shape[1]
    if not history.time.size:
        return n_periods
    is_seen = np.asarray((history.time >= 1.0).any(axis=0))
    return n_periods - int(is_seen[::-1].argmax())


def _origins(n_periods: int, horizon: int) -> range:
    """Columns from which a horizon's totals are known, the latest first."""
    first = max(SHORTEST_HISTORY, n_periods // 4)
    return range(n_periods - horizon, first - 1, -max(ORIGIN_STEP, horizon // 3))[:MOST_ORIGINS]


def _known(
    history: History, ends: list[int], groups: list[Group], frequency: float, usual_size: float, relative: Array
) -> dict[int, _Origin]:
    """The series as they were known at each origin."""
    rates, moments = rates_and_moments(history, ends, frequency, usual_size)
    alive = still_alive(history, ends, ENDINGS)
    known = {}
    for end, own, sums, one in zip(ends, rates, moments, alive, strict=True):
        size = sums[:, 6]
        market = market_factors(own)
        factors = np.concatenate([market, np.ones(len(groups) + 1)])
        means = group_means(own[:, SLOW] * market[SLOW] / size, groups, frequency)
        weighed = with_groups(own, groups, means, frequency, size) * factors
        ratio = shrunk_dispersion(own_dispersion(sums), relative)
        known[end] = _Origin(weighed, means, factors, ratio, size, sums[:, list(SHOWN_TIME)], sums[:, 5], one)
    return known


def still_alive(history: History, ends: list[int], endings: Array) -> Array:
    """Chance that each series still sells at some origins, for each chance of ending, (origins, series, endings)."""
    out = np.empty((len(ends), len(history.demand), len(endings)))
    columns = np.array(ends, dtype=np.int64)
    chances_alive(history.demand, history.time, history.starts, columns, endings, PAUSE, out)
    return out


def _market(history: History, moments: Array, ratio: Array, period: str) -> Market:
    seen = np.isfinite(history.demand) & (np.arange(history.demand.shape[1]) >= history.starts[:, None])
    exposure = np.where(seen, history.time, 0.0) if history.time.size else seen.astype(np.float64)
    return market_of(
        history.demand, exposure, moments[:, 1] / np.maximum(moments[:, 0], 1e-9), ratio**-CALM, ratio, period
    )


def _all_rows(
    history: History, known: dict[int, _Origin], ends: range, horizon: int, worth: Array, expected: Array, came: Array
) -> _Rows:
    """The totals over a horizon after all its origins, of series observed throughout, and what was known before."""
    parts = []
    for end, told, real in zip(ends, expected, came, strict=False):
        origin = known[end]
        total = history.demand[:, end : end + horizon].sum(axis=1)
        at = np.isfinite(total) & (origin.time[:, 0] > 0) & (history.starts < end)
        if history.time.size:
            at &= (history.time[:, end : end + horizon] >= 1.0).all(axis=1)
        rates, ratio = origin.rates[at], origin.ratio[at]
        weight = worth[at] * ratio**-CALM
        parts.append(
            _Rows(
                rates * real, stratum_key(rates, origin.n_demands[at]), total[at], ratio, weight, origin.size[at],
                origin.time[at, int(horizon > 1)], origin.alive[at], np.full(len(ratio), told / real),
            )
        )  # fmt: skip
    if not parts:
        n_rates = next(iter(known.values())).rates.shape[1]
        return _Rows(np.empty((0, n_rates)), *(np.empty(0),) * 6, np.empty((0, len(ENDINGS))), np.empty(0))
    return _Rows(*(np.concatenate(one) for one in zip(*parts, strict=True)))


def _faded(seen: _Rows, ending: int) -> _Rows:
    """Rates faded by the chance that their series still sells; those that rather do not teach nothing."""
    lasts = seen.alive[:, ending] >= LEAST_ALIVE
    if not lasts.all():
        seen = _Rows(*(one[lasts] for one in seen))
    return seen._replace(rates=seen.rates * seen.alive[:, ending, None])


def _tells(mean: Array, key: Array) -> Array:
    """Totals whose ratio to their mean tells something: not where next to nothing was expected of a stratum."""
    sold = key > NEVER
    usual = float(np.median(mean[sold])) if sold.any() else 0.0
    return np.asarray(mean >= LEAST_SHARE * usual)


def _ending(seen: _Rows, strata: Array) -> int:
    """Place in ENDINGS of what tells best how much silent series sold, the usual one where they tell little.

    Poisson quasi-likelihood of the totals whose series may have ended, with a normal prior on the logarithm.
    """
    stratum = np.searchsorted(strata, seen.key)
    touched = (seen.alive[:, -1] < 1.0) & ~is_wild(seen.rates, seen.total, stratum, seen.size)
    found = _weights(seen, 1.0, stratum, len(strata) + 1)
    mean = np.maximum(_weighted(seen.rates, seen.key, strata, found), 1e-9)[touched, None] * seen.alive[touched]
    told = ((seen.total[touched, None] * np.log(mean) - mean) / seen.ratio[touched, None]).sum(axis=0)
    away = np.log(ENDINGS / ENDINGS[USUAL_ENDING]) / ENDING_SPREAD
    return int(np.argmax(told - 0.5 * away**2))


def stratum_key(rates: Array, n_demands: Array) -> Array:
    """What decides the stratum: the rate at KEY, and NEVER without any demand, which makes a stratum of its own.

    Were those that never sold among the others, their totals would be told too low and those of the others too high.
    """
    return np.where(n_demands > 0, rates[:, KEY], NEVER)


def _strata(key: Array) -> Array:
    sold = key[key > NEVER]
    n_strata = int(np.clip(len(sold) // STRATUM_ROWS, 1, MOST_STRATA))
    edges = np.quantile(sold, np.arange(1, n_strata) / n_strata) if n_strata > 1 else np.empty(0)
    return np.concatenate([[NEVER], edges])


def _upper_quartile(values: Array) -> float:
    return float(np.quantile(values, 0.75)) if len(values) else 0.0


def is_wild(rates: Array, total: Array, stratum: Array, size: Array | float = 0.0) -> Array:
    """Rows that would decide alone: a rate or total a hundred times that of the three quarters of a stratum.

    A rate counts as one demand a period at least, so that the first demand after a long silence is not wild.

    Parameters
    ----------
    rates
        Pieces per period, shape (rows, rates).
    total
        Pieces per period that came, shape (rows,).
    stratum
        Number of each row's stratum, shape (rows,).
    size
        Pieces of a demand, shape (rows,).

    Examples
    --------
    >>> rates, total = np.array([[1.0], [1.0], [1.0], [1.0], [1e9]]), np.array([0.0, 1.0, 200.0, 1.0, 1.0])
    >>> is_wild(rates, total, np.zeros(5, dtype=int))
    array([False, False,  True, False,  True])
    """
    largest = np.array(total)
    for column in rates.T:
        np.maximum(largest, column, out=largest)
    quarter = np.maximum(rates[:, 0], size)
    usual = np.array([_upper_quartile(quarter[stratum == one]) for one in range(int(stratum.max(initial=0)) + 1)])
    return largest > WILD * usual[stratum]


def _weights(seen: _Rows, horizon: float, stratum: Array, n_strata: int) -> Array:
    """Weights by stratum, shape (strata, rates)."""
    start = first_weights(seen.rates.shape[1])
    found = []
    for place in range(n_strata):
        at = np.flatnonzero((stratum == place) & (seen.weight > 0))
        found.append(credibility_weights(seen.rates[at], seen.total[at], seen.weight[at], horizon, start))
    return np.stack(found)


def _weighted(rates: Array, key: Array, strata: Array, weights: Array) -> Array:
    out = np.empty(len(rates))
    weighted_means(rates, strata, np.ascontiguousarray(key), weights, out)  # one kind of array: compiled once
    return out
