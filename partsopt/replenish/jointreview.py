"""Choice of T: parts ordered together share an order's cost, at intervals that are powers of two of a base."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.errors import SettingsError

Wholes = npt.NDArray[np.int64]

LONGEST_POWER = 40  # a base period of a second would still reach past any horizon


class JointReview(NamedTuple):
    """Base periods between orders of the group and of each part, and the cost for a unit of time."""

    group_periods: int
    part_periods: Wholes
    cost: float


def joint_review_periods(
    group_order_cost: float,
    part_order_costs: Sequence[float],
    holding_costs: Sequence[float],
    demands: Sequence[float],
    base_periods_per_time: float,
) -> JointReview:
    """The review periods of parts bought together, each a power of two of base periods.

    Parameters
    ----------
    group_order_cost
        Money for each joint order, K0.
    part_order_costs
        Money for each part in an order, K_i.
    holding_costs, demands
        Of each part: money for a piece and unit of time; pieces for a unit of time.
    base_periods_per_time
        Base periods in the unit of time, such as 52 weeks in a year.

    Raises
    ------
    SettingsError
        A cost is negative, a demand or the base is not above 0.

    Notes
    -----
    Minimises K0 / T0 + sum of K_i / T_i + h_i d_i T_i / 2 with T_i >= T0. The best power-of-two policy costs at
    most 6 % more than any (Jackson, Maxwell & Muckstadt 1985; Roundy 1985). Every T0 is tried; given T0 the
    parts are independent.

    Examples
    --------
    >>> review = joint_review_periods(5, [1, 2, 4, 6, 16], [1] * 5, [2] * 5, 52)
    >>> review.group_periods, review.part_periods.tolist(), round(review.cost, 4)
    (128, [128, 128, 128, 128, 256], 25.3317)
    """
    fixed = np.asarray(part_order_costs, dtype=np.float64)
    slope = np.asarray(holding_costs, dtype=np.float64) * np.asarray(demands, dtype=np.float64) / 2
    if group_order_cost < 0 or (fixed < 0).any() or (slope <= 0).any() or not base_periods_per_time > 0:
        raise SettingsError("joint review needs order costs of 0 or more, and holding costs and demands above 0.")
    powers = 2 ** np.arange(LONGEST_POWER + 1, dtype=np.int64)
    times = powers / base_periods_per_time
    cost = fixed[:, None] / times[None, :] + slope[:, None] * times[None, :]
    # of the intervals from T0 on, each part's cheapest; the shortest of equals
    best_from = np.minimum.accumulate(cost[:, ::-1], axis=1)[:, ::-1]
    total = group_order_cost / times + best_from.sum(axis=0)
    first = int(np.argmin(total))
    chosen = first + np.argmin(cost[:, first:], axis=1)
    return JointReview(int(powers[first]), powers[chosen], float(total[first]))
