"""The optional learner: gradient-boosted quantiles over all series, averaged with the pooled forecast, never alone.

It needs LightGBM (``pip install 'partsopt[ml]'``) and is off unless asked for. One model a level is trained on
what followed past origins inside the history; a series is described by its recent totals, intervals and sizes in
units of its own scale, and by what the pooled forecast said at that origin from no more than was known then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from scipy.special import ndtri

from partsopt.errors import SettingsError
from partsopt.forecast.accuracy import pinball_loss
from partsopt.forecast.distribution import quantile
from partsopt.forecast.predictive import Predictive, fit_predictive

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

WEIGHTS = np.array([0.0, 0.25, 0.5, 2.0 / 3.0, 0.75])
"""Weights of what is learnt against what is pooled, to choose from by the last totals inside the history; never all."""
USUAL_WEIGHT = 0.5
"""Where the history is too short to try them."""
COMPARED = np.array([0.8, 0.9, 0.95, 0.99])
"""Levels at which means are compared, with the pooled dispersion."""
WEIGHT_ORIGINS = 3
"""Origins inside the history at which the weight is chosen, each on what came after it."""
ORIGINS = 8
ORIGINS_BY_STEP = 3
MAX_ROWS = 120_000
MIN_ROWS = 300
LARGEST_TARGET = 1e4
"""Totals of more times the scale of their series teach nothing: one slip of the pen would bend every tail."""
MIN_PERIODS = 12
"""History an origin needs, and a series needs half of, to be learnt from."""
LEARNT_LEVELS = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Levels of their own model where more than these are asked for; others lie between."""
SEASON = {"month": 12, "week": 52}
ROUNDS = 100
BOOSTING = {
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


@dataclass(frozen=True)
class Learnt:
    """Weighted mean of the pooled and the learnt quantiles.

    Attributes
    ----------
    quantiles
        Whole pieces, int64, shape (series, levels), or (series, steps, levels) of single periods ahead.
    is_learnt
        False where the history was too short to learn from, or the last totals say that it does not help.
    weight
        Weight of what was learnt.
    """

    quantiles: Array
    is_learnt: bool
    weight: float


@dataclass(frozen=True)
class LearntMeans:
    """Weighted mean of the pooled and the learnt means, pieces per period, and the weight of what was learnt."""

    mean: Array
    weight: float


@dataclass(frozen=True)
class _Task:
    """Totals to learn, how many periods after the origin each begins and how many it spans, and how.

    ``groups`` are codes of the series by what they have in common, shape (series,) each.
    """

    wanted: list[tuple[int, int]]
    n_origins: int
    asked: Array
    period: str
    seed: int
    groups: Mapping[str, Array]


def learn_totals(
    fitted: Predictive,
    demand: Array,
    horizon: int,
    levels: Sequence[float] | Array,
    *,
    period: str,
    groups: Mapping[str, Array] | None = None,
    seed: int = 0,
) -> Learnt:
    """Average the pooled forecast of the total over a horizon with the learnt one.

    Parameters
    ----------
    fitted
        The pooled forecast of ``demand``.
    demand
        Pieces, shape (series, periods), NaN where nothing was observed.
    horizon
        Periods whose total is forecast.
    levels
        Probabilities above 0 and below 1, rising.
    period
        ``month`` or ``week``.
    groups
        Codes of what series have in common, such as part group or price band, that ``fitted`` was given.
    seed
        Seed of the rows and features each tree is shown.

    Raises
    ------
    SettingsError
        LightGBM is not installed.
    """
    asked = np.asarray(levels, dtype=np.float64)
    task = _Task([(0, horizon)], ORIGINS, asked, period, seed, groups or {})
    found = _averaged_quantiles(task, demand, fitted)
    return replace(found, quantiles=found.quantiles[:, 0])


def learn_steps(
    fitted: Predictive,
    demand: Array,
    n_steps: int,
    levels: Sequence[float] | Array,
    *,
    period: str,
    groups: Mapping[str, Array] | None = None,
    seed: int = 0,
) -> Learnt:
    """Average the pooled forecast of each single period ahead with the learnt one.

    Parameters
    ----------
    n_steps
        Periods ahead, each forecast on its own.
    fitted, demand, levels, period, groups, seed
        As for :func:`learn_totals`.

    Raises
    ------
    SettingsError
        LightGBM is not installed.
    """
    wanted = [(step, 1) for step in range(n_steps)]
    asked = np.asarray(levels, dtype=np.float64)
    task = _Task(wanted, ORIGINS_BY_STEP, asked, period, seed, groups or {})
    return _averaged_quantiles(task, demand, fitted)


def learn_means(demand: Array, mean: Array, span: int, *, period: str, seed: int = 0) -> LearntMeans:
    """Average the pooled mean per period with one learnt on totals over ``span`` periods.

    Parameters
    ----------
    demand
        Pieces, shape (series, periods), NaN where nothing was observed.
    mean
        Pooled mean per period, shape (series,).
    span, period, seed
        As for :func:`learn_totals`.

    Returns
    -------
    LearntMeans
        The weight is the one whose means, with the pooled dispersion, lost least on the last totals inside the history;
        0 where that was the pooled mean alone, or the history is too short to learn from.

    Raises
    ------
    SettingsError
        LightGBM is not installed.
    """
    task = _Task([(0, span)], ORIGINS, COMPARED, period, seed, {})
    learnt = _learnt_means(task, demand, _fitted(demand, task))
    if learnt is None:
        return LearntMeans(mean, 0.0)
    weight = _weight(demand, task, partial(_means_tried, span=span))
    return LearntMeans((1.0 - weight) * mean + weight * learnt, weight)


def _learnt_means(task: _Task, demand: Array, fitted: Predictive) -> Array | None:
    ((_, span),) = task.wanted
    samples, given, scale = _given(task, demand, fitted)
    learnt = _learnt(samples, given, scale, np.array([np.nan]), task.seed)
    return None if learnt is None else learnt[:, 0] / span


def _averaged_quantiles(task: _Task, demand: Array, fitted: Predictive) -> Learnt:
    """Quantiles (series, wanted, levels), by the weight that lost least on the last totals inside the history."""
    pooled, learnt = _both(task, demand, fitted)
    if learnt is None:
        return Learnt(pooled, False, 0.0)
    weight = _weight(demand, task, _quantiles_tried)
    return Learnt(_averaged(pooled, learnt, weight), weight > 0, weight)


def _weight(demand: Array, task: _Task, tried_at: Callable[[_Task, Array, Predictive], Array | None]) -> float:
    """The one of WEIGHTS that lost least over the last totals inside the history, one origin after the other."""
    held = max(gap + span for gap, span in task.wanted)
    losses = np.zeros(len(WEIGHTS))
    for back in range(1, WEIGHT_ORIGINS + 1):
        past = demand[:, : max(demand.shape[1] - back * held, 0)]
        if past.shape[1] < MIN_PERIODS:
            break
        before = _fitted(past, task)
        tried = tried_at(task, past, before)
        if tried is None:
            break
        losses += _losses(tried, task, demand, past, before)
    return float(WEIGHTS[int(losses.argmin())]) if losses.any() else USUAL_WEIGHT


def _quantiles_tried(task: _Task, past: Array, before: Predictive) -> Array | None:
    """What each of WEIGHTS would have told, shape (weights, series, wanted, levels)."""
    pooled, learnt = _both(task, past, before)
    return None if learnt is None else np.stack([_averaged(pooled, learnt, one) for one in WEIGHTS])


def _means_tried(task: _Task, past: Array, before: Predictive, span: int) -> Array | None:
    """The same of means, with the pooled dispersion."""
    learnt = _learnt_means(task, past, before)
    if learnt is None:
        return None
    own = before.mean(float(span)) / span
    known = [((1.0 - one) * own + one * learnt) * span for one in WEIGHTS]
    return np.stack([quantile(one[:, None], before.variance_to_mean[:, None], COMPARED) for one in known])[:, :, None]


def _losses(tried: Array, task: _Task, demand: Array, past: Array, before: Predictive) -> Array:
    """Mean loss of each weight's quantiles, shape (weights, series, wanted, levels), on what came after."""
    origin = past.shape[1]
    _, scale = _described(past, before, task)
    is_long = np.isfinite(past).sum(axis=1) >= MIN_PERIODS // 2
    actual = np.stack([demand[:, origin + gap : origin + gap + span].sum(axis=1) for gap, span in task.wanted], axis=1)
    rows = is_long & np.isfinite(actual).all(axis=1)
    if not rows.any():
        return np.zeros(len(WEIGHTS))
    loss = pinball_loss(tried[:, rows], actual[rows][:, :, None], task.asked) / scale[rows][:, None, None]
    return np.asarray(loss.mean(axis=(1, 2, 3)))


def _both(task: _Task, demand: Array, fitted: Predictive) -> tuple[Array, Array | None]:
    """Pooled and learnt quantiles, shape (series, wanted, levels); no learnt ones where there is too little."""
    pooled = np.stack(
        [
            fitted.step_quantiles(gap + 1, task.asked) if len(task.wanted) > 1 else fitted.quantiles(span, task.asked)
            for gap, span in task.wanted
        ],
        axis=1,
    )
    samples, given, scale = _given(task, demand, fitted)
    learnt = _learnt(samples, given, scale, task.asked, task.seed)
    if learnt is None:
        return pooled, None
    return pooled, learnt.reshape(len(task.wanted), len(demand), -1).swapaxes(0, 1)


def _given(task: _Task, demand: Array, fitted: Predictive) -> tuple[list[tuple[Array, Array]], Array, Array]:
    """What is learnt from, what is asked for each total and series, and the scale of each."""
    samples = list(_samples(demand, task))
    described, scale = _described(demand, fitted, task)
    given = np.concatenate([np.column_stack([described, np.full(len(demand), float(gap))]) for gap, _ in task.wanted])
    return samples, given, np.tile(scale, len(task.wanted))


def _fitted(demand: Array, task: _Task) -> Predictive:
    return fit_predictive(demand, starts=_starts(demand), groups=task.groups, period=task.period)


def _lightgbm() -> Any:
    try:
        import lightgbm
    except ImportError:
        raise SettingsError(
            "The learner needs LightGBM, which is not installed. Install it: pip install 'partsopt[ml]', "
            "or forecast without the learner."
        ) from None
    return lightgbm


def _taught(asked: Array) -> Array:
    return asked if len(asked) <= len(LEARNT_LEVELS) + 1 else np.array(LEARNT_LEVELS)


def _averaged(pooled: Array, learnt: Array, weight: float) -> Array:
    """Whole pieces between the two, rising along the levels."""
    middle = np.floor((1.0 - weight) * pooled + weight * np.maximum(learnt, 0.0) + 0.5)
    return np.maximum.accumulate(middle, axis=-1).astype(np.int64)


def _samples(demand: Array, task: _Task) -> Iterator[tuple[Array, Array]]:
    """Descriptions at past origins, and what followed in units of the series' scale."""
    n_series, n_periods = demand.shape
    wanted, n_origins = task.wanted, task.n_origins
    last = {(gap, span): n_periods - gap - span for gap, span in wanted}
    origins = sorted({end - k for end in last.values() for k in range(n_origins) if end - k >= MIN_PERIODS})
    n_each = max(1, MAX_ROWS // max(1, n_origins * len(wanted)))
    every = -(-n_series // n_each)
    for origin in origins:
        past = demand[:, :origin]
        described, scale = _described(past, _fitted(past, task), task)
        is_long = np.isfinite(past).sum(axis=1) >= MIN_PERIODS // 2
        for gap, span in wanted:
            if not last[gap, span] - n_origins < origin <= last[gap, span]:
                continue
            total = demand[:, origin + gap : origin + gap + span].sum(axis=1)
            teaches = is_long & (total <= LARGEST_TARGET * scale)  # false where a period is not known
            rows = np.flatnonzero(teaches & ((np.arange(n_series) + origin) % every == 0))
            yield np.column_stack([described[rows], np.full(len(rows), float(gap))]), total[rows] / scale[rows]


def _starts(demand: Array) -> Array:
    known = np.isfinite(demand)
    return np.where(known.any(axis=1), known.argmax(axis=1), demand.shape[1] - 1)


def _learnt(samples: list[tuple[Array, Array]], given: Array, scale: Array, asked: Array, seed: int) -> Array | None:
    """Learnt quantiles at the levels asked for, or the mean at a level of NaN; None where there is too little."""
    lightgbm = _lightgbm()
    if sum(len(target) for _, target in samples) < MIN_ROWS:
        return None
    described = np.concatenate([one for one, _ in samples])
    target = np.concatenate([one for _, one in samples])
    fixed = {**BOOSTING, "seed": seed}
    rows = lightgbm.Dataset(described, target, free_raw_data=False, params=fixed)
    if not target.any():
        return None
    taught = _taught(asked)
    aims = [{"objective": "poisson"} if np.isnan(one) else {"objective": "quantile", "alpha": one} for one in taught]
    quantiles = np.stack(
        [lightgbm.train({**fixed, **aim}, rows, ROUNDS).predict(given, num_threads=1) for aim in aims], axis=1
    )
    risen = np.maximum.accumulate(np.maximum(quantiles * scale[:, None], 0.0), axis=1)
    return _between(risen, taught, asked)


def _between(quantiles: Array, taught: Array, asked: Array) -> Array:
    """Quantiles at the levels asked for: straight lines between the taught ones, and beyond, on the normal scale."""
    if len(taught) == len(asked):
        return quantiles
    place, known = ndtri(asked), ndtri(taught)
    upper = np.clip(np.searchsorted(known, place), 1, len(known) - 1)
    share = (place - known[upper - 1]) / (known[upper] - known[upper - 1])
    straight = quantiles[:, upper - 1] * (1 - share) + quantiles[:, upper] * share
    return np.maximum(straight, 0.0)


def _described(demand: Array, fitted: Predictive, task: _Task) -> tuple[Array, Array]:
    """What each series looks like at the end of its history, and the scale its pieces are measured in."""
    n_series, n_periods = demand.shape
    season = SEASON[task.period]
    pieces, seen = np.nan_to_num(demand), np.isfinite(demand)
    steps = np.abs(np.diff(demand, axis=1))
    moves = np.nan_to_num(steps).sum(axis=1) / np.maximum(np.isfinite(steps).sum(axis=1), 1)
    mean = fitted.mean(3.0)
    scale = np.maximum(moves, mean / 3.0) + 1e-3
    sells = pieces > 0
    n_sells, n_seen = sells.sum(axis=1), np.maximum(seen.sum(axis=1), 1)
    size = pieces.sum(axis=1) / np.maximum(n_sells, 1)
    spread = np.sqrt(np.maximum((pieces**2).sum(axis=1) / np.maximum(n_sells, 1) - size**2, 0.0))
    absent = np.full(n_series, np.nan)

    def recent(values: Array, n: int) -> Array:
        return values[:, max(n_periods - n, 0) :]

    columns = [
        recent(pieces, n).sum(axis=1) / np.maximum(recent(seen, n).sum(axis=1), 1) / scale
        for n in (1, 2, 3, 6, 12, 24, 36)
    ]
    columns += [recent(sells, n).sum(axis=1) / np.maximum(recent(seen, n).sum(axis=1), 1) for n in (6, 12, 24)]
    columns += [recent(pieces, 12).max(axis=1) / scale, pieces.max(axis=1) / scale]
    columns += [np.where(sells.any(axis=1), sells[:, ::-1].argmax(axis=1), n_periods), n_sells / n_seen]
    columns += [size / scale, size, spread / np.maximum(size, 1e-9)]
    for years in (1, 2):
        first = n_periods - years * season
        columns.append(pieces[:, first : first + 3].sum(axis=1) / scale if first >= 0 else absent)
    columns += [pieces[:, n_periods - lag] / scale if n_periods >= lag else absent for lag in range(1, 7)]
    columns += [np.full(n_series, float(n_periods % season)), np.log(scale), mean / scale]
    columns += [fitted.variance_to_mean / scale, n_seen, *task.groups.values()]
    return np.column_stack(columns), scale
