"""Reviews fixed beforehand for demand that changes from period to period: when to order, and up to what level.

The static-dynamic strategy of Bookbinder and Tan: the periods of the reviews are chosen now, the quantities when
they come. A level serves its whole cycle, up to the period before the next review.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from partsopt.errors import SettingsError
from partsopt.replenish.losses import normal_losses
from partsopt.replenish.newsvendor import Stocked
from partsopt.replenish.service import (
    expected_on_hand,
    expected_shortfall,
    level_for_cycle_service_level,
    safety_factor,
)

Floats = npt.NDArray[np.float64]

HALVINGS = 70  # of a bisection: to the last digit


class ReviewSchedule(NamedTuple):
    """Periods in which stock is ordered, from 0, the level it is ordered up to in each, and the expected cost."""

    periods: tuple[int, ...]
    levels: Floats
    cost: float


def review_schedule(
    order_cost: float,
    holding: float,
    means: Sequence[float],
    *,
    shortage: float | None = None,
    service_target: float | None = None,
    variance_to_mean: float = 1.0,
    sds: Sequence[float] | None = None,
) -> ReviewSchedule:
    """The cheapest reviews of a horizon, and the level of each, by shortage cost or for a cycle service level.

    Parameters
    ----------
    order_cost
        Money for each review.
    holding
        Money for a piece left at the end of a period.
    means
        Expected demand of each period, pieces; none in stock at the start.
    shortage
        Money for a piece owed at the end of a period; or
    service_target
        instead of it, the chance of owing nothing at the end of each cycle.
    variance_to_mean, sds
        Demand is Poisson or negative binomial, levels whole; or normal with these standard deviations.

    Raises
    ------
    SettingsError
        Not one of ``shortage`` and ``service_target``, or a number out of its range.

    Notes
    -----
    The cost of a cycle counts from an empty shelf, so that stock above the next level is not seen; then a shortest path
    over the periods (Bookbinder & Tan 1988, Management Science 34; Tarim & Kingsman 2004, IJPE 88).

    Examples
    --------
    >>> plan = review_schedule(30, 1, [10, 20, 30, 40], shortage=5)
    >>> plan.periods, plan.levels.tolist(), round(plan.cost, 2)
    ((0, 2, 3), [32.0, 35.0, 46.0], 140.21)
    >>> review_schedule(300, 1, [10, 20, 30, 40], service_target=0.95).levels.tolist()
    [117.0]
    """
    _refuse(order_cost, holding, means, shortage, service_target, sds)
    n = len(means)
    best, following, level_at = np.zeros(n + 1), np.zeros(n, dtype=np.int64), np.zeros(n)
    for first in reversed(range(n)):
        levels, costs = _cycles(holding, shortage, service_target, means[first:], variance_to_mean,
                                None if sds is None else sds[first:])  # fmt: skip
        total = order_cost + costs + best[first + 1 :]
        chosen = int(np.argmin(total))
        best[first], following[first], level_at[first] = total[chosen], first + chosen + 1, levels[chosen]
    periods = [0]
    while following[periods[-1]] < n:
        periods.append(int(following[periods[-1]]))
    return ReviewSchedule(tuple(periods), level_at[periods], float(best[0]))


def newsvendor_of_periods(
    holding: float,
    shortage: float,
    means: Sequence[float],
    *,
    variance_to_mean: float = 1.0,
    sds: Sequence[float] | None = None,
) -> Stocked:
    """The cheapest level that one order shall reach for several periods.

    Parameters
    ----------
    holding, shortage, means, variance_to_mean, sds
        As in :func:`review_schedule`.

    Notes
    -----
    The smallest S with mean chance p / (p + h) of owing nothing at the ends of the periods (Bookbinder & Tan 1988).

    Examples
    --------
    >>> best = newsvendor_of_periods(1, 5, [10, 10, 10])
    >>> float(best.level), round(float(best.cost), 4)
    (30.0, 43.267)
    """
    _refuse(0.0, holding, means, shortage, None, sds)
    levels, costs = _cycles(holding, shortage, None, means, variance_to_mean, sds)
    return Stocked(levels[-1], costs[-1])


def _cycles(
    holding: float,
    shortage: float | None,
    service_target: float | None,
    means: Sequence[float],
    variance_to_mean: float,
    sds: Sequence[float] | None,
) -> tuple[Floats, Floats]:
    """Level and cost of the cycles that cover the first, the first two, ... of these periods."""
    mean = np.cumsum(means, dtype=np.float64)
    covers = np.tril(np.ones((len(mean), len(mean))))
    is_counted = covers / covers.sum(axis=1, keepdims=True) if service_target is None else np.eye(len(mean))
    short = shortage or 0.0
    target = short / (short + holding) if service_target is None else service_target
    if sds is None:
        row = np.broadcast_to(mean, covers.shape)
        levels = level_for_cycle_service_level(target, row, variance_to_mean, is_counted).astype(np.float64)
        left = expected_on_hand(levels[:, None], row, variance_to_mean)
        owed = expected_shortfall(levels[:, None], row, variance_to_mean)
    else:
        sd = np.sqrt(np.cumsum(np.square(sds)))
        width = (abs(float(safety_factor(target))) + 10.0) * sd[-1]
        low, high = np.full(len(mean), mean[0] - width), np.full(len(mean), mean[-1] + width)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            reached = (ndtr((middle[:, None] - mean) / sd) * is_counted).sum(axis=1) >= target
            low, high = np.where(reached, low, middle), np.where(reached, middle, high)
        levels = high
        losses = normal_losses(levels[:, None], mean, sd)
        left, owed = losses.below, losses.above
    return levels, ((holding * left + short * owed) * covers).sum(axis=1)


def _refuse(
    order_cost: float,
    holding: float,
    means: Sequence[float],
    shortage: float | None,
    service_target: float | None,
    sds: Sequence[float] | None,
) -> None:
    if (shortage is None) == (service_target is None):
        raise SettingsError("a review schedule needs either a shortage cost or a service target.")
    if order_cost < 0 or not holding > 0 or (shortage is not None and not shortage > 0):
        raise SettingsError("a review schedule needs an order cost of 0 or more, and holding and shortage above 0.")
    if not len(means) or min(means) < 0:
        raise SettingsError("a review schedule needs at least one period, and expected demand of 0 or more in each.")
    if sds is not None and (len(sds) != len(means) or not min(sds) > 0):
        raise SettingsError(f"{len(sds)} standard deviations for {len(means)} periods; give one above 0 for each.")
