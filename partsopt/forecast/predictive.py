"""The forecast object: for each series the distribution of its total demand over any horizon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np

from partsopt.errors import TableError
from partsopt.forecast.kernels import total_quantiles
from partsopt.forecast.market import totals_until
from partsopt.forecast.pooled import HORIZONS, MOST_SERIES, Group, History, apply, learn
from partsopt.forecast.rates import exposure
from partsopt.forecast.ratios import LEVELS, RatioTable, at_levels

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

TABLE_WEIGHT = 0.5
"""Weight of the ratio table's quantile against the negative binomial's, where it was made of very many totals."""
TABLE_TOTALS = 3000.0
"""The table weighs half as much where it was made of this many totals."""
ROUND_DOWN = 0.2
"""A whole-piece quantile is rounded down where it needs less than this share of its last piece's probability."""
LARGEST_DEMAND = 1e12
ROWS_AT_ONCE = 65_536
"""Series to which what was learnt is applied at once; more take memory and no less time."""
REFERENCE = 1
"""Place among the learnt horizons of the one that ``rate`` and ``variance_to_mean`` speak of, where there is one."""
_METHODS = np.array(["pooled", "pooled", "zero", "pooled"])
_REASONS = np.array(
    [
        "Own demand, older periods counting less, and what alike series sell, weighted by what past totals came to.",
        "No demand in the history; what alike series without demand came to sell.",
        "No series has any demand in the history.",
        "Own demand, older periods counting less, and what alike series sell, weighted; and the season of all series.",
    ]
)


@dataclass(frozen=True)
class Predictive:
    """Demand to come of each series: a distribution of the total over any horizon.

    Attributes
    ----------
    horizons
        Periods for which totals were learnt, shape (horizons,), rising.
    means
        Expected totals there, pieces, shape (series, horizons), rising.
    ratios
        Variance over mean of those totals, 1 or more, shape (series, horizons).
    table
        Ratios of past totals to their means; None where there were too few.
    table_weight
        Weight of the table's quantiles against those of the negative binomial.
    reason
        How the rate was found, the place of the sentence about it, shape (series,).
    season
        Market's factor of each coming period, the same every year; empty where none shows.
    """

    horizons: Array
    means: Array
    ratios: Array
    table: RatioTable | None
    table_weight: float
    reason: Array
    season: Array

    @property
    def method(self) -> Array:
        """``pooled`` or ``zero``, shape (series,)."""
        return _METHODS[self.reason]

    @property
    def why(self) -> Array:
        """A sentence about how the rate was found, shape (series,)."""
        return _REASONS[self.reason]

    @property
    def rate(self) -> Array:
        """Expected demand per period over the usual horizon, pieces, shape (series,)."""
        at = min(REFERENCE, len(self.horizons) - 1)
        return self.means[:, at] / self.horizons[at]

    @property
    def variance_to_mean(self) -> Array:
        """Variance over mean of the total over the usual horizon, shape (series,)."""
        return self.ratios[:, min(REFERENCE, len(self.horizons) - 1)]

    def mean(self, horizon: Array | float) -> Array:
        """Expected total over ``horizon`` periods, pieces, shape (series,)."""
        return totals_until(self.horizons, self.means, self.season, self._ahead(horizon))

    def sd(self, horizon: Array | float) -> Array:
        """Standard deviation of the total over ``horizon`` periods, pieces, shape (series,)."""
        place, share = self._place(self._ahead(horizon))
        return np.sqrt(self.mean(horizon) * self._ratio(place, share))

    def quantiles(self, horizon: Array | float, levels: Sequence[float] | Array) -> Array:
        """Whole pieces that the total over ``horizon`` periods stays within; never fewer over a longer horizon.

        Parameters
        ----------
        horizon
            Periods, above 0, one for all or shape (series,).
        levels
            Probabilities above 0 and below 1, rising.

        Returns
        -------
        Array
            Pieces, int64, shape (series, levels), rising along levels.

        Raises
        ------
        ValueError
            A horizon or level is out of its bounds, or levels do not rise.
        """
        return whole_pieces(self.smooth_quantiles(horizon, levels))

    def smooth_quantiles(self, horizon: Array | float, levels: Sequence[float] | Array) -> Array:
        """Quantiles before rounding, of the total spread evenly over half a piece either side, (series, levels).

        The probability of a total of at most ``k`` pieces is the level at which this is ``k + 1/2``.
        """
        ahead = self._ahead(horizon)
        place = np.searchsorted(self.horizons, ahead)
        return self._quantiles(self.mean(ahead), self.means, self.ratios, place, levels)

    def step_mean(self, step: int) -> Array:
        """Expected demand of the single period ``step`` ahead (1: the next), pieces, shape (series,)."""
        if step < 1:
            raise ValueError(f"step is {step}; it must be 1 or more.")
        return self.mean(float(step)) - (self.mean(float(step - 1)) if step > 1 else 0.0)

    def step_sd(self, step: int) -> Array:
        """Standard deviation of the demand of the single period ``step`` ahead, pieces, shape (series,)."""
        return np.sqrt(self.step_mean(step) * self.ratios[:, 0])

    def step_quantiles(self, step: int, levels: Sequence[float] | Array) -> Array:
        """Whole pieces that the demand of the period ``step`` ahead stays within, int64, shape (series, levels)."""
        mean = self.step_mean(step)
        next_one = np.zeros(len(mean), dtype=np.int64)
        return whole_pieces(self._quantiles(mean, mean[:, None], self.ratios[:, :1], next_one, levels))

    def _ahead(self, horizon: Array | float) -> Array:
        ahead = np.broadcast_to(np.asarray(horizon, dtype=np.float64), (len(self.means),))
        is_wrong = ~((ahead > 0) & np.isfinite(ahead))
        if is_wrong.any():
            raise ValueError(f"horizon is {ahead[is_wrong][0]}; it must be above 0 and finite (periods).")
        return ahead

    def _place(self, ahead: Array) -> tuple[Array, Array]:
        """The learnt horizon at or below each horizon, and the share of the next one (by logarithm)."""
        place = np.clip(np.searchsorted(self.horizons, ahead, side="right") - 1, 0, max(len(self.horizons) - 2, 0))
        if len(self.horizons) == 1:
            return place, np.zeros(len(ahead))
        low, high = np.log(self.horizons[place]), np.log(self.horizons[place + 1])
        return place, np.clip((np.log(ahead) - low) / (high - low), 0.0, 1.0)

    def _ratio(self, place: Array, share: Array) -> Array:
        row = np.arange(len(self.ratios))
        beyond = np.minimum(place + 1, len(self.horizons) - 1)
        return self.ratios[row, place] * (1.0 - share) + self.ratios[row, beyond] * share

    def _quantiles(
        self, mean: Array, means: Array, ratios: Array, place: Array, levels: Sequence[float] | Array
    ) -> Array:
        wanted = np.atleast_1d(np.asarray(levels, dtype=np.float64))
        if not ((wanted > 0) & (wanted < 1)).all() or (np.diff(wanted) < 0).any():
            raise ValueError(f"levels are {wanted.tolist()}; they must lie between 0 and 1 and rise.")
        last = float(LEVELS[-1])
        inner = np.unique(np.append(wanted, last)) if wanted[-1] > last else wanted
        kept = np.minimum(np.arange(len(inner)), int(np.searchsorted(inner, last)))
        z = np.array([NormalDist().inv_cdf(float(level)) for level in inner])
        found = np.empty((len(mean), len(inner)))
        if self.table is None:
            centres, edges, table, weight = np.zeros((1, 1)), np.zeros((1, 1, 0)), np.zeros((1, 1, 1, len(inner))), 0.0
        else:
            centres, edges, weight = self.table.centres, self.table.edges, self.table_weight
            table = at_levels(self.table, inner)
        total_quantiles(mean, means, ratios, place, inner, z, kept, centres, edges, table, weight, found)
        return found if len(inner) == len(wanted) else found[:, np.searchsorted(inner, wanted)]


def whole_pieces(smooth: Array) -> Array:
    """Round smooth quantiles to whole pieces, int64: up, unless less than ROUND_DOWN of the last step is needed.

    Examples
    --------
    >>> whole_pieces(np.array([-0.4, 0.6, 0.8, 1.5])).tolist()
    [0, 0, 1, 1]
    """
    return np.maximum(np.ceil(smooth - (0.5 + ROUND_DOWN)), 0.0).astype(np.int64)


def fit_predictive(
    demand: Array,
    *,
    starts: Array | None = None,
    share: Array | None = None,
    groups: Mapping[str, Array | None] | None = None,
    value: Array | None = None,
    period: str,
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

    Raises
    ------
    TableError
        Demand is negative or infinite; the first such series is named.

    Examples
    --------
    >>> made = fit_predictive(np.array([[0.0, 1.0, 0.0, 1.0]]), period="month")
    >>> made.quantiles(3.0, [0.5, 0.99]).shape
    (1, 2)
    """
    if period not in HORIZONS:
        raise ValueError(f"period is {period!r}; it must be one of {', '.join(HORIZONS)}.")
    history = _history(demand, starts, share)
    n_series = len(history.demand)
    groupings = [_group(one) for one in (groups or {}).values() if one is not None]
    if n_series == 0:
        no_reason = np.empty(0, dtype=np.int64)
        return Predictive(np.ones(1), np.empty((0, 1)), np.empty((0, 1)), None, 0.0, no_reason, np.empty(0))
    n_sample = min(n_series, MOST_SERIES)
    sample = np.arange(n_sample) * n_series // n_sample
    learnt = learn(
        history.of(sample),
        [Group(one.codes[sample], one.n_codes) for one in groupings],
        None if value is None else np.asarray(value)[sample],
        period,
    )
    applied = []
    for first in range(0, n_series, ROWS_AT_ONCE):
        at = slice(first, first + ROWS_AT_ONCE)
        applied.append(apply(learnt, history.of(at), [Group(one.codes[at], one.n_codes) for one in groupings]))
    means, ratios, n_demands = (np.concatenate(one) for one in zip(*applied, strict=True))
    sold = 3 if len(learnt.season) else 0
    reason = np.where(n_demands > 0, sold, 1 if learnt.frequency > 0 else 2).astype(np.int8)
    weight = TABLE_WEIGHT * learnt.n_totals / (learnt.n_totals + TABLE_TOTALS)
    return Predictive(learnt.horizons, means, ratios, learnt.table, weight, reason, learnt.season)


def _group(codes: Array) -> Group:
    uniques, places = np.unique(codes, return_inverse=True)
    return Group(places, len(uniques))


def _history(demand: Array, starts: Array | None, share: Array | None) -> History:
    """Check the series, and leave out what was not observed."""
    demand = np.ascontiguousarray(demand, dtype=np.float64)
    is_wrong = (demand < 0) | (demand > LARGEST_DEMAND)
    if is_wrong.any():
        row, column = (int(one) for one in np.argwhere(is_wrong)[0])
        raise TableError(
            table="demand",
            row=f"series {row}, period {column}",
            column="qty",
            value=float(demand[row, column]),
            rule=f"must be 0 or more and at most {LARGEST_DEMAND:.0f}",
            remedy="leave what is not known missing",
            more=int(is_wrong.any(axis=1).sum()) - 1,
        )
    first = np.zeros(len(demand), dtype=np.int64) if starts is None else np.asarray(starts, dtype=np.int64)
    if share is None:
        return History(demand, np.empty((0, 0)), first)
    shown = np.nan_to_num(np.asarray(share, dtype=np.float64), nan=1.0)
    return History(demand, np.ascontiguousarray(exposure(np.nan_to_num(demand), shown)), first)
