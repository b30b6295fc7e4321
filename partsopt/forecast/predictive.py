"""The forecast object: for each series the distribution of its total demand over any horizon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from partsopt.errors import TableError
from partsopt.forecast.distribution import quantile
from partsopt.forecast.rates import exposure
from partsopt.settings import ForecastParams

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

DISCOUNT = {"month": 0.9, "week": 0.97}
PRIOR_PERIODS = 4.0
OWN_PERIODS = 20.0


@dataclass(frozen=True)
class Predictive:
    """Demand to come of each series; every array has shape (series,).

    Attributes
    ----------
    rate
        Expected demand per period, pieces.
    variance_to_mean
        Variance over mean of the demand over a horizon, 1 or more.
    method, why
        How the rate was found, and a sentence about it.
    """

    rate: Array
    variance_to_mean: Array
    method: Array
    why: Array

    def mean(self, horizon: Array | float) -> Array:
        """Expected total over ``horizon`` periods, pieces, shape (series,)."""
        return self.rate * np.asarray(horizon, dtype=np.float64)

    def sd(self, horizon: Array | float) -> Array:
        """Standard deviation of the total over ``horizon`` periods, pieces, shape (series,)."""
        return np.sqrt(self.mean(horizon) * self.variance_to_mean)

    def quantiles(self, horizon: Array | float, levels: Sequence[float] | Array) -> Array:
        """Whole pieces that the total over ``horizon`` periods stays within, int64, shape (series, levels)."""
        wanted = np.asarray(levels, dtype=np.float64)
        return quantile(self.mean(horizon)[:, None], self.variance_to_mean[:, None], wanted[None, :])

    def step_mean(self, step: int) -> Array:
        """Expected demand of the single period ``step`` ahead (1: the next), pieces, shape (series,)."""
        if step < 1:
            raise ValueError(f"step is {step}; it must be 1 or more.")
        return self.mean(1.0)

    def step_quantiles(self, step: int, levels: Sequence[float] | Array) -> Array:
        """Whole pieces that the demand of the period ``step`` ahead stays within, int64, shape (series, levels)."""
        if step < 1:
            raise ValueError(f"step is {step}; it must be 1 or more.")
        return self.quantiles(1.0, levels)


def fit_predictive(
    demand: Array,
    *,
    starts: Array | None = None,
    share: Array | None = None,
    groups: Mapping[str, Array | None] | None = None,
    value: Array | None = None,
    period: str,
    params: ForecastParams,
    seed: int = 0,
) -> Predictive:
    """Fit every series at once, each borrowing from all others as far as its own history is thin.

    Parameters
    ----------
    demand
        Pieces, shape (series, periods), the last column being the last complete period; NaN where nothing was
        observed.
    starts
        First column each series was observed in, shape (series,); None: the first.
    share
        Share of the period with stock, shape (series, periods); None: always in stock.
    groups
        Codes of shape (series,) by name, such as part group or price band.
    value
        Weight of each series, such as usage value; None: all alike.
    period
        ``month`` or ``week``.
    params
        Settings of the stage.
    seed
        Seed of what is drawn.

    Raises
    ------
    TableError
        Demand is negative or infinite; the first such series is named.

    Examples
    --------
    >>> made = fit_predictive(np.array([[0.0, 1.0, 0.0, 1.0]]), period="month", params=ForecastParams())
    >>> made.quantiles(3.0, [0.5, 0.99]).shape
    (1, 2)
    """
    del groups, value, params, seed
    demand = np.asarray(demand, dtype=np.float64)
    is_wrong = (demand < 0) | np.isinf(demand)
    if is_wrong.any():
        row, column = (int(one) for one in np.argwhere(is_wrong)[0])
        raise TableError(
            table="demand",
            row=f"series {row}, period {column}",
            column="qty",
            value=float(demand[row, column]),
            rule="must be 0 or more and finite",
            remedy="leave what is not known missing",
            more=int(is_wrong.any(axis=1).sum()) - 1,
        )
    n_series, n_periods = demand.shape
    time = np.isfinite(demand).astype(np.float64)
    if starts is not None:
        time *= np.arange(n_periods) >= np.asarray(starts)[:, None]
    seen = np.where(time > 0, np.nan_to_num(demand), 0.0)
    if share is not None:
        time = time * exposure(seen, np.nan_to_num(np.asarray(share, dtype=np.float64), nan=1.0))
    weight = DISCOUNT[period] ** np.arange(n_periods - 1, -1, -1)
    total, weighted_time = seen @ weight, time @ weight
    pooled = float(total.sum() / max(weighted_time.sum(), 1e-12))
    rate = (total + PRIOR_PERIODS * pooled) / (weighted_time + PRIOR_PERIODS)
    all_time = time.sum(axis=1)
    flat = seen.sum(axis=1) / np.maximum(all_time, 1.0)
    squares = ((seen - flat[:, None] * time) ** 2).sum(axis=1)
    own = squares / np.maximum(flat * all_time, 1e-12)
    shared = float(squares.sum() / max(float((flat * all_time).sum()), 1e-12))
    evidence = np.count_nonzero(seen > 0, axis=1)
    ratio = (own * evidence + shared * OWN_PERIODS) / (evidence + OWN_PERIODS)
    return Predictive(
        rate,
        np.clip(np.nan_to_num(ratio, nan=1.0), 1.0, 1e9),
        np.full(n_series, "pooled"),
        np.full(n_series, "Pooled with all series."),
    )
