"""Stage 2: every series gets the distribution of its demand, by a method chosen on its own history."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from partsopt.calendars import period_days, period_number, period_start
from partsopt.errors import TableError
from partsopt.forecast.methods import (
    INTERMITTENT_SETTINGS,
    REGULAR_SETTINGS,
    SHORTEST_TRAINING,
    FlatForecast,
    Setting,
    Start,
    compare_on_rolling_origins,
    fit_exponential_smoothing,
    rates_of,
    score_settings,
    start_values,
)
from partsopt.forecast.panel import Block, Panel, blocks_of
from partsopt.forecast.patterns import SBC_CLASSES, average_demand_interval, sbc_class, squared_cv
from partsopt.forecast.pools import Pooled, Pools, not_pooled
from partsopt.forecast.rates import exposure, naive_rate, warm_up
from partsopt.forecast.unlisted import NOBODY, Unlisted
from partsopt.settings import ForecastParams
from partsopt.tables import (
    EXCEPTIONS,
    FORECAST_STEPS,
    FORECASTS,
    MARKET_STEPS,
    SITE_PART,
    conform,
    declare_exception,
    empty,
    exceptions_of,
)

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

USAGE_JUMP = declare_exception(
    "usage_jump",
    stage="forecast",
    says="a year's demand is more than three times that of the year before, or fell to nothing, beyond chance",
    action="ask whether it will stay so: a new model, a lost customer, a missing supersession",
)
ETS_BUDGET = declare_exception(
    "ets_budget",
    stage="forecast",
    says="more series could have a trend or season than are tried in a night; the others keep a flat forecast",
    action="raise forecast.ets_max_series if the night has time",
)
ETS_FAILED = declare_exception(
    "ets_failed",
    stage="forecast",
    says="models with trend or season could not be fitted to some series, which keep a flat forecast",
    action="nothing tonight; tell the maintainers if it comes back every night",
)

LEARNER_UNUSED = declare_exception(
    "learner_unused",
    stage="forecast",
    says="forecast.learner is on, but gradient boosting did not lower the loss of the last totals, and is not used",
    action="switch forecast.learner off if this comes every night; the night is faster without",
)

SETTINGS: tuple[Setting, ...] = (*REGULAR_SETTINGS, *INTERMITTENT_SETTINGS)
REGULAR, INTERMITTENT = 0, len(REGULAR_SETTINGS)
"""Places in SETTINGS of the usual setting of regular and of intermittent demand."""

EVIDENCE = 2.0
"""By how much, in log-likelihood, another setting must explain the history better than the usual one."""
SILENT_INTERVALS = 4.0
"""Demand has stopped when the silence is longer than this many of the series' usual intervals ..."""
SILENT_PERIODS = 6
"""... and than this many periods. A method that decays is taken then, with a ``beta`` of at least:"""
SILENT_BETA = 0.1
OWN_DEMANDS = 8.0
"""A series' own variance weighs as much as that of its class when it has shown this many demands."""
CLASS_DEMANDS = 50.0
"""A class's pooled variance weighs as much as that of all series when it has shown this many demands."""
LARGEST_VARIANCE_TO_MEAN = 1e9
JUMP_RATIO, JUMP_SIGMAS = 3.0, 3.0
LEAST_RATE = 5.0
"""Pieces per period, below which chance passes for a trend or season: a quarter's total varies by a quarter or more."""
YEAR = {"month": 12, "week": 52}
"""Periods of a year."""

_NAIVE, _ZERO, _ETS, _POOLED = -1, -2, -3, -4
_USUAL, _OWN, _SILENT, _SHORT = range(4)
_LONG_NAMES = {
    "ses": "Simple exponential smoothing",
    "tsb": "The method of Teunter, Syntetos and Babai",
    "sba": "The method of Syntetos and Boylan",
    "croston": "Croston's method",
}
_CLASS_SAYS = {
    "smooth": "Demand in most periods, in similar sizes (smooth).",
    "erratic": "Demand in most periods, in varying sizes (erratic).",
    "intermittent": "Demand in some periods only, in similar sizes (intermittent).",
    "lumpy": "Demand in some periods only, in varying sizes (lumpy).",
}
_REASONS = {
    _USUAL: "is the usual choice; no other setting explains this history clearly better.",
    _OWN: "explains this history clearly better than the usual setting.",
    _SILENT: "was chosen because it decays: demand has stopped for more than four of its usual intervals.",
    _SHORT: "is the usual choice; the history is too short to compare others.",
}


class Forecasts(NamedTuple):
    """What the stage gives: a distribution for each series, trends and seasons, the market's, and what to look at.

    ``unlisted`` is what dealers without a series may sell; nothing before dealers borrow.
    """

    forecasts: pd.DataFrame
    forecast_steps: pd.DataFrame
    market_steps: pd.DataFrame
    exceptions: pd.DataFrame
    unlisted: Unlisted = NOBODY


class _Chosen(NamedTuple):
    """What is known of each series after its method was chosen, arrays of shape (series,)."""

    place: Array
    reason: Array
    mean: Array
    squared_error: Array
    scored_mean: Array
    n_scored: Array
    n_scored_demands: Array
    n_demands: Array
    size: Array
    adi: Array
    cv2: Array
    sbc: Array
    usual: Array
    is_out_always: Array
    this_year: Array
    last_year: Array


def forecast_demand(
    demand_series: pd.DataFrame,
    series: pd.DataFrame,
    parts: pd.DataFrame,
    *,
    today: date,
    period: str,
    params: ForecastParams,
    sites: pd.DataFrame | None = None,
) -> Forecasts:
    """Forecast every series: choose a method on its history, and give mean and variance of the demand to come.

    Parameters
    ----------
    demand_series
        Demand by period, sparse (DEMAND_SERIES).
    series
        The series (SERIES), each up to the last complete period before ``today``.
    parts
        Parts with their unit cost (PARTS).
    today
        The day that is planned.
    period
        ``month`` or ``week``.
    params
        Cut-offs, warm-up, and how much is spent on trends and seasons.
    sites
        Sites and their kind (SITES): DCs learn from DCs and dealers from dealers; without it all series are alike.

    Returns
    -------
    Forecasts
        FORECASTS: one row for each row of ``series``. FORECAST_STEPS: the means of the coming periods where a trend
        or season was found. MARKET_STEPS: how all pooled parts move together. EXCEPTIONS: usage_jump, ets_budget,
        ets_failed, learner_unused.

    Raises
    ------
    TableError
        A series does not end with the last complete period, a demand lies outside its series, or a part is unknown.
    SettingsError
        The learner is wanted and LightGBM is not installed.

    Examples
    --------
    >>> import pandas as pd
    >>> series = pd.DataFrame({"site_id": ["D01"], "part_id": ["P1"], "first_period": pd.to_datetime(["2025-11-01"]),
    ...                        "n_periods": [12]})
    >>> demand = pd.DataFrame({"site_id": ["D01"], "part_id": ["P1"], "period": pd.to_datetime(["2025-11-01"]),
    ...                        "demand": [3], "returned": [0], "is_censored": [False], "in_stock_share": [1.0]})
    >>> parts = pd.DataFrame({"part_id": ["P1"], "unit_cost": [5.0]})
    >>> made = forecast_demand(demand, series, parts, today=date(2026, 11, 21), period="month",
    ...                        params=ForecastParams())
    >>> made.forecasts[["sbc_class", "method"]].values.tolist()
    [['intermittent', 'tsb']]
    """
    series = series.sort_values(SITE_PART, ignore_index=True)
    rows = Panel.of(demand_series, series, today, period)
    at_part = _places_of_parts(series, parts)
    pools = Pools.of(rows, series, parts.iloc[at_part], sites, period)
    unit_cost = pools.unit_cost
    year = YEAR[period]

    pooled = pools.pooled() if params.pool_series else not_pooled(len(series))
    told: list[pd.DataFrame] = []
    if params.learner:
        pooled, told = _learnt(pools, pooled, series, sites, params)
    chosen = _concatenated(
        [_chosen_for(rows.block(at), year, params, pooled.is_pooled[at]) for at in blocks_of(len(series))]
    )
    mean, why = chosen.mean.copy(), _sentences(chosen, series["n_periods"].to_numpy())
    place, error_variance = chosen.place.copy(), chosen.squared_error.copy()
    joined = np.flatnonzero((place >= 0) & pooled.is_pooled | (place == _NAIVE) & pooled.is_new)
    place[joined], mean[joined] = _POOLED, pooled.mean[joined]
    why[joined] = [f"{_CLASS_SAYS.get(SBC_CLASSES[chosen.sbc[at]], '')} {pooled.why[at]}" for at in joined]

    seasonal = _trends_and_seasons(pools, chosen, place == _POOLED, mean * unit_cost, why, params)
    for one in seasonal.found:
        place[one.at], mean[one.at], error_variance[one.at] = _ETS, one.mean, one.error_variance
    for at, text in seasonal.why.items():
        why[at] = text

    ratio = pooled_variance_to_mean(
        error_variance, chosen.scored_mean, chosen.size, chosen.n_scored_demands, chosen.sbc, len(SBC_CLASSES)
    )
    ratio = np.where(place == _ZERO, 1.0, np.where(place == _POOLED, pooled.ratio, ratio))
    one_step = np.where(chosen.n_scored > 0, error_variance, ratio * mean)
    one_step = np.where(place == _POOLED, pooled.one_step_ratio * mean, one_step)
    methods = pd.array([*(setting.method for setting in SETTINGS), "pooled", "ets", "zero", "naive"], dtype="str")
    constants = np.array([[setting.alpha, setting.beta] for setting in SETTINGS] + [[np.nan, np.nan]] * 4)
    forecasts = pd.DataFrame(
        {
            "site_id": series["site_id"],
            "part_id": series["part_id"],
            "period_days": period_days(period),
            "mean_per_period": mean,
            "sd_per_period": np.where(place == _ZERO, 0.0, np.sqrt(np.maximum(one_step, mean))),
            "variance_to_mean": ratio,
            "variance_growth": np.where(place == _POOLED, pooled.growth, 0.0),
            "method": methods.take(place),
            "why": why,
            "sbc_class": pd.array(SBC_CLASSES, dtype="str").take(chosen.sbc),
            "adi": chosen.adi,
            "cv2": chosen.cv2,
            "alpha": constants[place, 0],
            "beta": constants[place, 1],
            "n_periods": series["n_periods"],
            "n_demands": chosen.n_demands,
        }
    )
    exceptions = [_jumps(series, chosen, ratio, unit_cost, year, period), *seasonal.exceptions, *told]
    return Forecasts(
        conform(forecasts, FORECASTS),
        conform(_steps(series, seasonal.found), FORECAST_STEPS),
        _market_steps(pooled.market),
        conform(pd.concat([empty(EXCEPTIONS), *exceptions]), EXCEPTIONS),
    )


def _market_steps(market: dict[str, Array]) -> pd.DataFrame:
    """MARKET_STEPS of the kinds of site that are known."""
    rows = [
        pd.DataFrame({"site_kind": kind, "step": np.arange(1, len(factor) + 1), "factor": factor})
        for kind, factor in sorted(market.items())
        if kind
    ]
    return conform(pd.concat(rows), MARKET_STEPS) if rows else empty(MARKET_STEPS)


def _learnt(
    pools: Pools, pooled: Pooled, series: pd.DataFrame, sites: pd.DataFrame | None, params: ForecastParams
) -> tuple[Pooled, list[pd.DataFrame]]:
    """Average the learner in, at DCs alone where dealers take a share of their DC's forecast."""
    among = np.arange(len(series))
    if sites is not None and params.pool_dealers:
        among = np.flatnonzero(series["site_id"].isin(sites.loc[sites["site_kind"].eq("dc"), "site_id"]))
    pooled, weight = pools.with_learner(pooled, among)
    if weight or not len(among):
        return pooled, []
    what = f"tried on {len(among):,} series: the history is too short to learn from, or the last totals say no"
    return pooled, [exceptions_of(LEARNER_UNUSED, pd.DataFrame(index=[0]), what=[what])]


def _places_of_parts(series: pd.DataFrame, parts: pd.DataFrame) -> Array:
    """The row in ``parts`` of each series, shape (series,)."""
    place = pd.Index(parts["part_id"]).get_indexer(pd.Index(series["part_id"]))
    if (place < 0).any():
        raise TableError(
            table="series",
            column="part_id",
            value=series["part_id"][place < 0].iloc[0],
            rule="must be a part_id of parts",
            remedy="add the part to parts",
            more=int((place < 0).sum()) - 1,
        )
    return place


def forecast_before(
    demand_series: pd.DataFrame,
    series: pd.DataFrame,
    parts: pd.DataFrame,
    *,
    today: date,
    period: str,
    params: ForecastParams,
    periods_ago: int,
) -> pd.DataFrame:
    """FORECASTS of an earlier night, from what was known then, without looking for trends and seasons.

    Parameters
    ----------
    demand_series, series, parts, today, period, params
        As for :func:`forecast_demand`.
    periods_ago
        How many periods earlier that night was. Series that had not begun have no row.
    """
    last = int(period_number(np.array([np.datetime64(today, "D").astype(np.int64)]), period)[0]) - 1
    day = period_start(np.array([last + 1 - periods_ago]), period)[0]
    then = series.assign(n_periods=series["n_periods"] - periods_ago)
    known = demand_series[demand_series["period"] < pd.Timestamp(day)]
    params = replace(params, ets_max_series=0)
    return forecast_demand(
        known,
        then[then["n_periods"] > 0],
        parts,
        today=day.astype(object),
        period=period,
        params=params,
    ).forecasts


# --------------------------------------------------------------------------- choice


def _chosen_for(block: Block, year: int, params: ForecastParams, is_pooled: Array) -> _Chosen:
    """Choose a method for every series of a block and forecast it; where series are pooled, only say what they are."""
    demand, share = block.demand, block.share
    n_series = demand.shape[1]
    is_period = np.cumsum(share > 0, axis=0) + np.cumsum(block.is_censored, axis=0) > 0
    is_counted = is_period & ~(block.is_censored & (demand == 0))
    adi, cv2 = average_demand_interval(demand, is_counted), squared_cv(demand)
    sbc = sbc_class(adi, cv2, params.adi_cut, params.cv2_cut)
    n_demands = np.count_nonzero(demand > 0, axis=0)
    is_warm_up = warm_up(demand, share, params.warm_up_periods)
    is_scored = ~is_warm_up & ~block.is_censored
    start = start_values(demand, share, is_warm_up)
    size = demand.sum(axis=0) / np.maximum(n_demands, 1)

    n_periods = np.count_nonzero(is_period, axis=0)
    place = np.where(n_demands == 0, _ZERO, np.where(n_periods < params.min_periods, _NAIVE, 0))
    reason = np.zeros(n_series, dtype=np.int64)
    is_silent = silence(demand, share)
    naive = naive_rate(demand, share)
    time = exposure(demand, share).sum(axis=0)
    # a series begins with a demand, so a single one tells no interval: it counts as one in min_periods
    naive = np.where(n_demands == 1, naive * np.minimum(time / params.min_periods, 1.0), naive)
    rates = np.broadcast_to(naive, (len(demand) + 1, n_series)).copy()
    for settings, first, is_own in (
        (REGULAR_SETTINGS, REGULAR, sbc <= SBC_CLASSES.index("erratic")),
        (INTERMITTENT_SETTINGS, INTERMITTENT, sbc >= SBC_CLASSES.index("intermittent")),
    ):
        place[is_own & (place == 0) & is_pooled] = first
        at = np.flatnonzero(is_own & (place == 0) & ~is_pooled)
        if len(at):
            own = Start(*(values[at] for values in start))
            picked, because = choose_setting(
                settings, demand[:, at], share[:, at], own, is_scored[:, at], np.maximum(size[at], 1.0), is_silent[at]
            )
            place[at], reason[at] = first + picked, because
            rates[:, at] = rates_of(settings, picked, demand[:, at], share[:, at], own)

    n_scored = np.count_nonzero(is_scored, axis=0)
    error = np.where(is_scored, rates[:-1] - demand, 0.0)
    return _Chosen(
        place=place,
        reason=reason,
        mean=np.where(place == _ZERO, 0.0, rates[-1]),
        squared_error=(error**2).sum(axis=0) / np.maximum(n_scored, 1),
        scored_mean=np.where(is_scored, rates[:-1], 0.0).sum(axis=0) / np.maximum(n_scored, 1),
        n_scored=n_scored,
        n_scored_demands=np.count_nonzero(is_scored & (demand > 0), axis=0),
        n_demands=n_demands,
        size=size,
        adi=adi,
        cv2=cv2,
        sbc=sbc,
        usual=naive,
        is_out_always=~(is_period & (share > 0)).any(axis=0),
        this_year=demand[-year:].sum(axis=0),
        last_year=np.where(n_periods >= 2 * year, demand[-2 * year : -year].sum(axis=0), np.nan),
    )


def silence(demand: Array, share: Array) -> Array:
    """Whether demand has stopped: no demand for more than SILENT_INTERVALS of the series' usual intervals.

    Parameters
    ----------
    demand, share
        Pieces and in-stock share, shape (periods, series); the share is 0 before a series began.

    Returns
    -------
    Array
        True where it has, shape (series,). Only time with stock counts, and more than SILENT_PERIODS are needed.

    Notes
    -----
    The usual interval is the time up to the last demand over the number of demands. If demands came at random, a
    silence of four intervals would happen in 2 cases of 100 (exp(-4)).

    Examples
    --------
    >>> demand = np.zeros((12, 2))
    >>> demand[0], demand[3, 1] = 1.0, 1.0
    >>> silence(demand, np.ones((12, 2))).tolist()
    [True, False]
    """
    time = np.cumsum(exposure(demand, share), axis=0)
    until_last = np.where(demand > 0, time, 0.0).max(axis=0)
    since = time[-1] - until_last
    usual = until_last / np.maximum(np.count_nonzero(demand > 0, axis=0), 1)
    return (since > SILENT_INTERVALS * usual) & (since > SILENT_PERIODS)


def choose_setting(
    settings: tuple[Setting, ...],
    demand: Array,
    share: Array,
    start: Start,
    is_scored: Array,
    scale: Array,
    is_silent: Array,
) -> tuple[Array, Array]:
    """The place of each series' setting, and why it was taken.

    Parameters
    ----------
    settings
        What may be chosen, in order of preference; the first is the usual one.
    demand, share, start, is_scored
        As for ``score_settings``.
    scale
        Variance to mean of the demand, roughly, shape (series,): losses are divided by it.
    is_silent
        Series whose demand has stopped, shape (series,); only TSB with a ``beta`` of at least SILENT_BETA and SES,
        which decay, may be chosen for them.

    Returns
    -------
    tuple of Array
        Place in ``settings`` and reason, shape (series,).

    Notes
    -----
    The loss is a Poisson log-likelihood; over its dispersion it is a quasi-likelihood (Wedderburn 1974), so
    EVIDENCE is on the scale of log-likelihood ratios. Without such a threshold the choice follows noise: on 2,674
    monthly car parts the tail loss of a three-month total was 0.67 with the smallest own loss and 0.60 with it.
    """
    loss = score_settings(settings, demand, share, start, is_scored) / scale
    decays = np.array([one.method == "ses" or (one.method == "tsb" and one.beta >= SILENT_BETA) for one in settings])
    usual = loss[0].copy()
    own = np.where(decays[:, None] | ~is_silent, loss, np.inf)
    best = own.argmin(axis=0)
    is_better = own.min(axis=0) < usual - EVIDENCE
    place = np.where(is_better, best, 0)
    is_short = ~is_scored.any(axis=0)
    unbound = loss.argmin(axis=0)
    would_keep_up = ~decays[unbound] & (loss.min(axis=0) < usual - EVIDENCE)
    reason = np.where(is_short, _SHORT, np.where(is_better, _OWN, _USUAL))
    return place, np.where(is_silent & would_keep_up, _SILENT, reason)


def pooled_variance_to_mean(
    error_variance: Array, scored_mean: Array, size: Array, n_demands: Array, group: Array, n_groups: int
) -> Array:
    """Variance over mean of the demand of each series, drawn towards that of its group where it has shown little.

    Parameters
    ----------
    error_variance
        Mean squared one-step error, pieces squared, shape (series,).
    scored_mean
        Mean of the forecasts that had these errors, pieces, shape (series,); 0 where none were scored.
    size
        Mean size of a period's demand, pieces, 0 without demand, shape (series,).
    n_demands
        Scored periods with demand, shape (series,).
    group
        Number of the group, from 0 to ``n_groups`` - 1, shape (series,).

    Returns
    -------
    Array
        Between 1 and LARGEST_VARIANCE_TO_MEAN, shape (series,).

    Notes
    -----
    If demands come at random with sizes of mean s and squared coefficient of variation c, variance over mean is
    s (1 + c). So ratios are pooled in units of the mean size: the group's is the mean weighted with the number of
    demands, drawn towards that of all series (CLASS_DEMANDS), which is drawn towards 1. A series' own ratio weighs
    n against OWN_DEMANDS.

    Examples
    --------
    >>> ratio = pooled_variance_to_mean(np.array([6.0, 0.0]), np.array([2.0, 0.0]), np.array([1.0, 2.0]),
    ...                                 np.array([50, 0]), np.array([0, 0]), 1)
    >>> ratio.round(3).tolist()
    [2.931, 5.0]
    """
    is_known = (n_demands > 0) & (scored_mean > 0)
    own = np.where(is_known, error_variance / np.where(is_known, scored_mean, 1.0), 0.0)
    weight = np.where(is_known, n_demands, 0).astype(np.float64)
    relative = own / np.where(size > 0, size, 1.0)
    total = np.bincount(group, weight, n_groups)
    summed = np.bincount(group, weight * relative, n_groups)
    of_all = (summed.sum() + CLASS_DEMANDS) / (total.sum() + CLASS_DEMANDS)
    of_group = (summed + CLASS_DEMANDS * of_all) / (total + CLASS_DEMANDS)
    prior = np.maximum(of_group[group] * size, 1.0)
    ratio = (weight * own + OWN_DEMANDS * prior) / (weight + OWN_DEMANDS)
    return np.clip(ratio, 1.0, LARGEST_VARIANCE_TO_MEAN)


def _concatenated(blocks: list[_Chosen]) -> _Chosen:
    if not blocks:
        return _Chosen(*(np.empty(0, dtype=np.int64) for _ in _Chosen._fields))
    return _Chosen(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def _sentences(chosen: _Chosen, n_periods: Array) -> Array:
    """Why each series has its method; few different sentences, so they are made once each."""
    keys = pd.DataFrame(
        {
            "place": chosen.place,
            "reason": chosen.reason,
            "sbc": chosen.sbc,
            "n": np.where(chosen.place == _NAIVE, n_periods, 0),
            "n_demands": np.where(chosen.place == _NAIVE, chosen.n_demands, 0),
            "out": chosen.is_out_always & (chosen.place == _ZERO),
        }
    )
    groups = keys.groupby(list(keys), sort=False)
    texts = [_sentence(*kind) for kind in keys[~keys.duplicated()].itertuples(index=False)]
    return np.array([*texts, ""], dtype=object)[groups.ngroup().to_numpy()]


def _sentence(place: int, reason: int, sbc: int, n_periods: int, n_demands: int, is_out_always: bool) -> str:
    if place == _ZERO:
        if is_out_always:
            return "No demand in the history, and no stock in any of its periods: nothing is known about demand."
        return "No demand in the history."
    if place == _NAIVE and n_demands == 1:
        return (
            f"Only {n_periods} period(s) of history, with a single demand, which tells no interval: "
            "it counts as one demand in forecast.min_periods periods."
        )
    if place == _NAIVE:
        return f"Only {n_periods} period(s) of history: the plain mean of what there is."
    setting = SETTINGS[place]
    constants = (
        f"alpha {setting.alpha:g}" if np.isnan(setting.beta) else f"alpha {setting.alpha:g}, beta {setting.beta:g}"
    )
    return f"{_CLASS_SAYS[SBC_CLASSES[sbc]]} {_LONG_NAMES[setting.method]} ({constants}) {_REASONS[reason]}"


# --------------------------------------------------------------------------- trend and season


class _Found(NamedTuple):
    """A trend or season: the series, its mean per period, the coming periods and the one-step error variance."""

    at: int
    mean: float
    steps: Array
    error_variance: float


class _Seasonal(NamedTuple):
    """What the models with trend or season gave: those found, what is said of each series tried, exceptions."""

    found: list[_Found]
    why: dict[int, str]
    exceptions: list[pd.DataFrame]


def _trends_and_seasons(
    pools: Pools, chosen: _Chosen, is_pooled: Array, usage: Array, why: Array, params: ForecastParams
) -> _Seasonal:
    """Try models with trend or season on the smooth and erratic series of highest usage value.

    On intermittent series they were worse by 40 to 70 % in tail loss where they had won the rolling origins, on regular
    ones that sell less than LEAST_RATE twice as bad (decision 0022).
    """
    rows, year = pools.rows, YEAR[pools.period]
    needed = max(params.ets_min_periods, params.ets_origins * params.ets_horizon + SHORTEST_TRAINING)
    is_candidate = (chosen.place >= 0) & (rows.n_periods >= needed) & (chosen.sbc <= SBC_CLASSES.index("erratic"))
    is_candidate &= chosen.usual >= LEAST_RATE
    candidates = np.flatnonzero(is_candidate)
    candidates = candidates[np.lexsort((candidates, -usage[candidates]))]
    tried = np.sort(candidates[: params.ets_max_series])
    periods_ago = params.ets_horizon * np.arange(params.ets_origins, 0, -1)
    rivals = [_simple_before(rows, chosen, at, periods_ago, params) for at in tried]
    if is_pooled[tried].any():
        mean, ratio = pools.before(tried, periods_ago.tolist(), params.ets_horizon)
        for number in np.flatnonzero(np.isfinite(mean).all(axis=0) & is_pooled[tried]):
            total = params.ets_horizon * mean[:, number]
            rivals[number] = rivals[number]._replace(flat=FlatForecast(total, ratio[:, number]), name="the pooled")
    outcomes = [
        _trend_or_season(rival, int(chosen.sbc[at]), at, why[at], year, params)
        for at, rival in zip(tried.tolist(), rivals, strict=True)
    ]
    n_left, n_failed = len(candidates) - len(tried), sum(failed for _, _, failed in outcomes)
    exceptions = []
    if n_left:
        what = (
            f"{len(tried)} series of the highest usage value were tried for a trend or season; "
            f"{n_left} more have enough history and keep a flat forecast"
        )
        exceptions.append(exceptions_of(ETS_BUDGET, pd.DataFrame(index=[0]), what=[what]))
    if n_failed:
        what = f"no model with trend or season could be fitted to {n_failed} of {len(tried)} series tried"
        exceptions.append(exceptions_of(ETS_FAILED, pd.DataFrame(index=[0]), what=[what]))
    return _Seasonal(
        [found for found, _, _ in outcomes if found is not None],
        {at: why for at, (_, why, _) in zip(tried.tolist(), outcomes, strict=True)},
        exceptions,
    )


class _Rival(NamedTuple):
    """A series' demand, completed where it was out of stock, and the flat forecast that a model must beat."""

    demand: Array
    flat: FlatForecast
    name: str


def _simple_before(rows: Panel, chosen: _Chosen, at: int, periods_ago: Array, params: ForecastParams) -> _Rival:
    """What simple smoothing said at each origin, its constants and its errors those before the first of them."""
    block = rows.block(slice(at, at + 1))
    is_warm_up = warm_up(block.demand, block.share, params.warm_up_periods)
    start = start_values(block.demand, block.share, is_warm_up)
    origins = len(block.demand) - periods_ago
    before = slice(0, origins[0])
    is_scored = ~is_warm_up[before] & ~block.is_censored[before]
    earlier, _ = choose_setting(
        REGULAR_SETTINGS,
        block.demand[before],
        block.share[before],
        start,
        is_scored,
        np.maximum(chosen.size[at : at + 1], 1.0),
        silence(block.demand[before], block.share[before]),
    )
    rates = rates_of(REGULAR_SETTINGS, earlier, block.demand, block.share, start)[:, 0]
    demand, share = block.demand[:, 0], block.share[:, 0]
    completed = np.where(block.is_censored[:, 0], demand + (1.0 - share) * rates[:-1], demand)
    scored = np.flatnonzero(is_scored[:, 0])
    squared, said = ((demand[scored] - rates[scored]) ** 2).sum(), rates[scored].sum()
    ratio = (squared + OWN_DEMANDS) / (said + OWN_DEMANDS)
    flat = FlatForecast(params.ets_horizon * rates[origins], np.full(len(origins), max(ratio, 1.0)))
    return _Rival(completed, flat, "the simple")


def _trend_or_season(
    rival: _Rival, sbc: int, at: int, own_why: str, year: int, params: ForecastParams
) -> tuple[_Found | None, str, bool]:
    """The trend or season of one series or None, what is said of it, and whether no model could be fitted."""
    outcome = compare_on_rolling_origins(
        rival.demand, rival.flat, season=year, horizon=params.ets_horizon, margin=params.ets_margin
    )
    if outcome.failed_because:
        return None, f"{own_why} Models with trend or season could not be fitted ({outcome.failed_because}).", True
    if not outcome.model:
        return None, f"{own_why} A trend or season was looked for and was not clearly better.", False
    fitted = fit_exponential_smoothing(rival.demand, outcome.model, year, max(params.max_steps, year))
    if isinstance(fitted, str):
        return None, f"{own_why} The model with {outcome.model} could not be fitted to the end ({fitted}).", True
    steps = np.maximum(fitted.steps, 0.0)
    why = (
        f"{_CLASS_SAYS[SBC_CLASSES[sbc]]} Exponential smoothing with {outcome.model}: forecasting the last "
        f"{params.ets_origins} times {params.ets_horizon} periods again, its quantiles of the total at 0.8 to 0.99 "
        f"cost {outcome.loss:.3g} piece(s) on average, those of {rival.name} forecast {outcome.flat_loss:.3g}."
    )
    if (fitted.steps < 0).any():
        why += " Periods in which it falls below 0 count as 0."
    return _Found(at, float(steps[:year].mean()), steps[: params.max_steps], fitted.error_variance), why, False


def _steps(series: pd.DataFrame, found: list[_Found]) -> pd.DataFrame:
    if not found:
        return empty(FORECAST_STEPS)
    at = np.repeat([one.at for one in found], [len(one.steps) for one in found])
    return pd.DataFrame(
        {
            "site_id": series["site_id"].take(at).array,
            "part_id": series["part_id"].take(at).array,
            "step": np.concatenate([np.arange(1, len(one.steps) + 1) for one in found]),
            "mean": np.concatenate([one.steps for one in found]),
        }
    )


# --------------------------------------------------------------------------- exceptions


def _jumps(
    series: pd.DataFrame, chosen: _Chosen, ratio: Array, unit_cost: Array, year: int, period: str
) -> pd.DataFrame:
    """Series whose last year differs from the year before by more than a factor and more than chance."""
    this, last = chosen.this_year, chosen.last_year
    has_jumped = (this > JUMP_RATIO * last) | (this == 0)
    has_jumped &= (this - last) ** 2 > JUMP_SIGMAS**2 * ratio * (this + last)
    at = np.flatnonzero(has_jumped)
    if not len(at):
        return empty(EXCEPTIONS)
    what = [
        f"{now:g} piece(s) in the last {year} {period}s, {then:g} in the {year} before"
        for now, then in zip(this[at], last[at], strict=True)
    ]
    money = np.abs(this - last)[at] * unit_cost[at]
    return exceptions_of(USAGE_JUMP, series.iloc[at], what=what, money=money)
