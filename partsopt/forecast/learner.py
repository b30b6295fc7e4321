"""The optional learner: gradient-boosted quantiles over all series, averaged with the pooled forecast, never alone.

It needs LightGBM (``pip install 'partsopt[ml]'``) and is off unless asked for. One model a level is trained on
what followed past origins inside the history; a series is described by its recent totals, intervals and sizes in
units of its own scale, and by what the pooled forecast said at that origin from no more than was known then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from scipy.special import ndtri

from partsopt.errors import SettingsError
from partsopt.forecast.predictive import Predictive, fit_predictive
from partsopt.settings import ForecastParams

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

LEARNT_WEIGHT = 2.0 / 3.0
"""Weight of the learnt quantile against the pooled one: between one half and all of it, both losses were flat."""
ORIGINS = 8
ORIGINS_BY_STEP = 3
MAX_ROWS = 120_000
MIN_ROWS = 300
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
        False where the history was too short to learn from, and the forecast is the pooled one.
    """

    quantiles: Array
    is_learnt: bool


def learn_totals(
    fitted: Predictive,
    demand: Array,
    horizon: int,
    levels: Sequence[float] | Array,
    *,
    period: str,
    params: ForecastParams | None = None,
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
    params, seed
        Settings of the stage, and the seed of the rows and features each tree is shown.

    Raises
    ------
    SettingsError
        LightGBM is not installed.
    """
    lightgbm = _lightgbm()
    asked = np.asarray(levels, dtype=np.float64)
    pooled = fitted.quantiles(float(horizon), asked)
    samples = list(_samples(demand, [(0, horizon)], ORIGINS, period, params or ForecastParams()))
    described, scale = _described(demand, fitted, period)
    given = np.column_stack([described, np.zeros(len(demand))])
    learnt = _learnt(lightgbm, samples, given, scale, asked, seed)
    if learnt is None:
        return Learnt(pooled, False)
    return Learnt(_averaged(pooled, learnt), True)


def learn_steps(
    fitted: Predictive,
    demand: Array,
    n_steps: int,
    levels: Sequence[float] | Array,
    *,
    period: str,
    params: ForecastParams | None = None,
    seed: int = 0,
) -> Learnt:
    """Average the pooled forecast of each single period ahead with the learnt one.

    Parameters
    ----------
    n_steps
        Periods ahead, each forecast on its own.
    fitted, demand, levels, period, params, seed
        As for :func:`learn_totals`.

    Raises
    ------
    SettingsError
        LightGBM is not installed.
    """
    lightgbm = _lightgbm()
    asked = np.asarray(levels, dtype=np.float64)
    steps = range(1, n_steps + 1)
    pooled = np.stack([fitted.step_quantiles(step, asked) for step in steps], axis=1)
    wanted = [(step - 1, 1) for step in steps]
    samples = list(_samples(demand, wanted, ORIGINS_BY_STEP, period, params or ForecastParams()))
    described, scale = _described(demand, fitted, period)
    given = np.concatenate([np.column_stack([described, np.full(len(demand), step - 1.0)]) for step in steps])
    learnt = _learnt(lightgbm, samples, given, np.tile(scale, n_steps), asked, seed)
    if learnt is None:
        return Learnt(pooled, False)
    by_step = learnt.reshape(n_steps, len(demand), -1).swapaxes(0, 1)
    return Learnt(_averaged(pooled, by_step), True)


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


def _averaged(pooled: Array, learnt: Array) -> Array:
    """Whole pieces between the two, rising along the levels."""
    middle = np.floor((1.0 - LEARNT_WEIGHT) * pooled + LEARNT_WEIGHT * np.maximum(learnt, 0.0) + 0.5)
    return np.maximum.accumulate(middle, axis=-1).astype(np.int64)


def _samples(
    demand: Array, wanted: list[tuple[int, int]], n_origins: int, period: str, params: ForecastParams
) -> Iterator[tuple[Array, Array]]:
    """Descriptions at past origins, and what followed in units of the series' scale.

    ``wanted`` are the totals to learn: how many periods after the origin each begins, and how many it spans.
    """
    n_series, n_periods = demand.shape
    last = {(gap, span): n_periods - gap - span for gap, span in wanted}
    origins = sorted({end - k for end in last.values() for k in range(n_origins) if end - k >= MIN_PERIODS})
    n_each = max(1, MAX_ROWS // max(1, n_origins * len(wanted)))
    every = -(-n_series // n_each)
    for origin in origins:
        past = demand[:, :origin]
        fitted = fit_predictive(past, starts=_starts(past), period=period, params=params)
        described, scale = _described(past, fitted, period)
        is_long = np.isfinite(past).sum(axis=1) >= MIN_PERIODS // 2
        for gap, span in wanted:
            if not last[gap, span] - n_origins < origin <= last[gap, span]:
                continue
            total = demand[:, origin + gap : origin + gap + span].sum(axis=1)
            rows = np.flatnonzero(np.isfinite(total) & is_long & ((np.arange(n_series) + origin) % every == 0))
            yield np.column_stack([described[rows], np.full(len(rows), float(gap))]), total[rows] / scale[rows]


def _starts(demand: Array) -> Array:
    known = np.isfinite(demand)
    return np.where(known.any(axis=1), known.argmax(axis=1), demand.shape[1] - 1)


def _learnt(
    lightgbm: Any, samples: list[tuple[Array, Array]], given: Array, scale: Array, asked: Array, seed: int
) -> Array | None:
    """Learnt quantiles at the levels asked for; None where there is too little to learn from."""
    if sum(len(target) for _, target in samples) < MIN_ROWS:
        return None
    described = np.concatenate([one for one, _ in samples])
    target = np.concatenate([one for _, one in samples])
    fixed = {**BOOSTING, "seed": seed}
    rows = lightgbm.Dataset(described, target, free_raw_data=False, params=fixed)
    if not target.any():
        return None
    taught = _taught(asked)
    quantiles = np.stack(
        [
            lightgbm.train({**fixed, "objective": "quantile", "alpha": level}, rows, ROUNDS).predict(
                given, num_threads=1
            )
            for level in taught
        ],
        axis=1,
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


def _described(demand: Array, fitted: Predictive, period: str) -> tuple[Array, Array]:
    """What each series looks like at the end of its history, and the scale its pieces are measured in."""
    n_series, n_periods = demand.shape
    season = SEASON[period]
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
    columns += [fitted.variance_to_mean / scale, n_seen]
    return np.column_stack(columns), scale
