"""Whether keeping a part pays: the cost of stock against that of emergency orders, with hysteresis."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.errors import SettingsError
from partsopt.replenish.service import expected_on_hand, fill_rate

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

DAYS_PER_YEAR = 365.0
POINTS, POINT_WEIGHTS = np.polynomial.legendre.leggauss(5)  # of the review period, for mean stock over time


class StockingCosts(NamedTuple):
    """Money a year of stocking a part and of not stocking it, and the service and stock of the level; shape (n,)."""

    stocked: Floats
    not_stocked: Floats
    fill_rate: Floats
    on_hand: Floats


def stocking_costs(
    level: npt.ArrayLike,
    demand_per_year: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    review_period_days: npt.ArrayLike,
    lead_time_days: npt.ArrayLike,
    unit_cost: npt.ArrayLike,
    holding_rate_per_year: float,
    emergency_extra_cost: npt.ArrayLike,
    obsolescence_per_year: npt.ArrayLike = 0.0,
) -> StockingCosts:
    """Yearly cost of serving a part from stock, and of an emergency order for every piece.

    Parameters
    ----------
    level
        S if the part is stocked, whole pieces, shape (n,).
    demand_per_year, variance_to_mean
        Pieces; 1 is Poisson.
    review_period_days, lead_time_days
        T above 0, and L.
    unit_cost, emergency_extra_cost
        Money for a piece; money more for a piece bought in an emergency.
    holding_rate_per_year, obsolescence_per_year
        Shares of the value on hand.

    Raises
    ------
    SettingsError
        A negative holding rate, cost or obsolescence, or a review period of 0.

    Notes
    -----
    Stocked: (holding + obsolescence) c E(on hand) + demand (1 - fill rate) extra; not stocked: demand times
    extra. Stock is averaged over the review period by five Gauss-Legendre points.

    Examples
    --------
    >>> costs = stocking_costs([1], [1.0], [1.0], [7.0], [5.0], [80.0], 0.25, [30.0])
    >>> round(float(costs.stocked[0]), 2), float(costs.not_stocked[0])
    (20.23, 30.0)
    """
    level, demand, ratio, review, lead, cost, extra, lost = np.broadcast_arrays(
        *(
            np.atleast_1d(np.asarray(one, dtype=np.float64))
            for one in (
                level,
                demand_per_year,
                variance_to_mean,
                review_period_days,
                lead_time_days,
                unit_cost,
                emergency_extra_cost,
                obsolescence_per_year,
            )
        )
    )
    for name, values, holds, rule in (
        ("review_period_days", review, review > 0, "above 0"),
        ("lead_time_days", lead, lead >= 0, "0 or more"),
        ("unit_cost", cost, cost >= 0, "0 or more"),
        ("emergency_extra_cost", extra, extra >= 0, "0 or more"),
        ("obsolescence_per_year", lost, lost >= 0, "0 or more"),
        (
            "holding_rate_per_year",
            np.array([holding_rate_per_year]),
            np.array([holding_rate_per_year >= 0]),
            "0 or more",
        ),
    ):
        if not holds.all():
            raise SettingsError(f"{name} is {float(values[~holds][0])!r}; it must be {rule}.")
    rate = demand / DAYS_PER_YEAR
    share_met = fill_rate(level, rate * lead, rate * (lead + review), ratio)
    on_hand = np.zeros(len(level))
    for point, weight in zip(POINTS, POINT_WEIGHTS, strict=True):
        days = lead + review * (point + 1) / 2
        on_hand += weight / 2 * expected_on_hand(level, rate * days, ratio)
    stocked = (holding_rate_per_year + lost) * cost * on_hand + demand * (1.0 - share_met) * extra
    return StockingCosts(stocked, demand * extra, share_met, on_hand)


def stocking_decision(costs: StockingCosts, was_stocked: npt.ArrayLike, margin: float = 0.2) -> Flags:
    """Whether to stock, changing only where it pays by a margin, so that parts near the edge do not flip nightly.

    Parameters
    ----------
    costs
        Of :func:`stocking_costs`.
    was_stocked
        Whether each part is stocked now.
    margin
        What stock saves must exceed what it costs by this share to start, and fall short of it by this share
        to stop.

    Notes
    -----
    What stock costs is its holding; what it saves is the emergency orders it makes needless.

    Examples
    --------
    >>> costs = stocking_costs([1] * 2, [2.0] * 2, [1.0] * 2, [28.0] * 2, [45.0] * 2, [500.0] * 2, 0.25, [60.0] * 2)
    >>> stocking_decision(costs, [False, True]).tolist()  # it costs 4 % more than it saves
    [False, True]
    """
    if not 0 <= margin < 1:
        raise SettingsError(f"the margin of the stocking decision is {margin!r}; it must be 0 or more and below 1.")
    saves = costs.not_stocked * costs.fill_rate
    holds = costs.stocked - (costs.not_stocked - saves)
    was = np.broadcast_to(np.asarray(was_stocked, dtype=bool), saves.shape)
    return np.where(was, saves >= holds * (1 - margin), saves > holds * (1 + margin))
