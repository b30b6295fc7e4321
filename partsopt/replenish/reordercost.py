"""(r, Q) and (s, S) by cost where one of the two is given, or both by the approximations of the books."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from partsopt.errors import SettingsError
from partsopt.replenish.losses import normal_losses
from partsopt.replenish.lotsizing import (
    above_zero,
    economic_order_quantity,
    economic_order_quantity_with_backorders,
    floats,
    plain,
)
from partsopt.replenish.ordercost import ReorderPolicy, reorder_policy_cost
from partsopt.replenish.reorderpoint import safety_factor_of_loss
from partsopt.replenish.service import expected_on_hand, expected_shortfall

Floats = npt.NDArray[np.float64]
CostOf: TypeAlias = Callable[[Floats], Floats]

HALVINGS = 70  # of a bisection: to the last digit
MOST_ROUNDS = 10_000  # of an iteration; it converges in some ten
SETTLED = 1e-12  # relative change of the quantity at which an iteration stops
GOLDEN = (5**0.5 - 1) / 2


def reorder_point_of_lot(
    quantity: npt.ArrayLike,
    holding: npt.ArrayLike,
    shortage: npt.ArrayLike,
    lead_mean: npt.ArrayLike,
    lead_sd: npt.ArrayLike,
) -> float | Floats:
    """The cheapest reorder point of a given quantity, normal lead time demand; ``shortage`` is per piece and time.

    Parameters
    ----------
    quantity
        Q, above 0.
    holding, shortage
        Money for a piece held, and owed, and unit of time.
    lead_mean, lead_sd
        Demand over the lead time. All are broadcast.

    Notes
    -----
    Where the base stock's cost is the same at r and r + Q (Zheng 1992; Snyder & Shen 2019, equation 5.9).

    Examples
    --------
    >>> round(reorder_point_of_lot(300, 0.225, 7.5, 1300 / 12, 150 / 12**0.5), 4)  # example 5.2
    129.4273
    """
    above_zero(quantity=quantity, holding=holding, shortage=shortage, lead_sd=lead_sd)

    q, left, short, mean, sd = floats(quantity, holding, shortage, lead_mean, lead_sd)

    def rises(r: Floats) -> npt.NDArray[np.bool_]:
        """Whether the mean cost of r .. r + Q grows with r: g(r + Q) > g(r)."""
        low, high = normal_losses(r, mean, sd), normal_losses(r + q, mean, sd)
        return left * q > (left + short) * (low.above - high.above)

    low, high = mean - q - 40.0 * sd, mean + 40.0 * sd
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        is_right = rises(middle)
        low, high = np.where(is_right, low, middle), np.where(is_right, middle, high)
    return plain((low + high) / 2)


def reorder_policy_best(
    order_cost: npt.ArrayLike,
    holding: npt.ArrayLike,
    shortage: npt.ArrayLike,
    demand: npt.ArrayLike,
    lead_mean: npt.ArrayLike,
    lead_sd: npt.ArrayLike,
) -> ReorderPolicy:
    """The cheapest (r, Q) under normal lead time demand, exact; ``shortage`` is per piece and time.

    Notes
    -----
    Given Q the best r is :func:`reorder_point_of_lot`; the cost is then convex in Q (Zheng 1992, Management Science
    38), at least its economic quantity with backorders, and is searched by golden sections.

    Examples
    --------
    >>> best = reorder_policy_best(8, 0.225, 7.5, 1300, 1300 / 12, 150 / 12**0.5)  # Snyder & Shen, example 5.1
    >>> round(best.reorder_point, 1), round(best.quantity, 1), round(best.cost, 4)
    (126.9, 328.4, 78.0711)
    """
    above_zero(order_cost=order_cost, demand=demand)
    fixed, left, short, flow, mean, sd = floats(order_cost, holding, shortage, demand, lead_mean, lead_sd)

    def at(q: Floats) -> ReorderPolicy:
        r = reorder_point_of_lot(q, left, short, mean, sd)
        return ReorderPolicy(r, plain(q), reorder_policy_cost(r, q, fixed, left, short, flow, mean, sd))

    least = np.asarray(economic_order_quantity_with_backorders(fixed, left, short, flow).quantity)
    return at(_least(lambda q: np.asarray(at(q).cost), least, least + 20.0 * sd))


def reorder_policy_with_backorders(
    order_cost: npt.ArrayLike,
    holding: npt.ArrayLike,
    shortage: npt.ArrayLike,
    demand: npt.ArrayLike,
    lead_mean: npt.ArrayLike,
    lead_sd: npt.ArrayLike,
) -> ReorderPolicy:
    """(r, Q) of the economic quantity with backorders and its best reorder point (EOQB approximation).

    Examples
    --------
    >>> policy = reorder_policy_with_backorders(8, 0.225, 7.5, 1300, 1300 / 12, 150 / 12**0.5)
    >>> round(policy.reorder_point, 4), round(policy.quantity, 4)
    (128.6378, 308.5738)
    """
    money = floats(order_cost, holding, shortage, demand, lead_mean, lead_sd)
    quantity = economic_order_quantity_with_backorders(*money[:4]).quantity
    reorder = reorder_point_of_lot(quantity, *money[1:3], *money[4:])
    return ReorderPolicy(reorder, quantity, reorder_policy_cost(reorder, quantity, *money))


def reorder_policy_by_losses(
    order_cost: npt.ArrayLike,
    holding: npt.ArrayLike,
    shortage: npt.ArrayLike,
    demand: npt.ArrayLike,
    lead_mean: npt.ArrayLike,
    lead_sd: npt.ArrayLike,
) -> ReorderPolicy:
    """(r, Q) of Hadley and Whitin's loss functions, normal lead time demand; ``shortage`` is per piece and time.

    Notes
    -----
    n(r) = h Q / (h + p) and Q = sqrt(2 (K D + (h + p) n2(r)) / h), in turn (Hadley & Whitin 1963; Snyder & Shen 2019,
    equations 5.28 and 5.29).

    Examples
    --------
    >>> policy = reorder_policy_by_losses(8, 0.225, 7.5, 1300, 1300 / 12, 150 / 12**0.5)  # example 5.6
    >>> round(policy.reorder_point, 4), round(policy.quantity, 4)
    (126.8671, 328.4491)
    """
    above_zero(order_cost=order_cost, holding=holding, shortage=shortage, demand=demand, lead_sd=lead_sd)
    fixed, left, short, flow, mean, sd = floats(order_cost, holding, shortage, demand, lead_mean, lead_sd)
    quantity, reorder = np.asarray(economic_order_quantity(fixed, left, flow).quantity), mean
    for _ in range(MOST_ROUNDS):
        reorder = mean + sd * safety_factor_of_loss(left * quantity / (left + short) / sd)
        second = normal_losses(reorder, mean, sd).second_above
        following = np.sqrt(2 * (fixed * flow + (left + short) * second) / left)
        change, quantity = np.abs(following - quantity), following
        if (change <= SETTLED * quantity).all():
            break
    cost = reorder_policy_cost(reorder, quantity, fixed, left, short, flow, mean, sd)
    return ReorderPolicy(plain(reorder), plain(quantity), cost)


def reorder_policy_discrete_cost(
    reorder_point: int,
    quantity: int,
    order_cost: float,
    holding: float,
    shortage: float,
    demand: float,
    lead_time: float,
    variance_to_mean: float = 1.0,
) -> float:
    """Cost of a given (r, Q) in whole pieces for a unit of time, exact for Poisson demand.

    Parameters
    ----------
    reorder_point, quantity
        r, and Q of 1 or more.
    order_cost, holding, shortage, demand, lead_time, variance_to_mean
        As in :func:`partsopt.replenish.ordercost.reorder_policy_discrete`.

    Examples
    --------
    >>> round(reorder_policy_discrete_cost(3, 5, 100, 20, 150, 1.5, 2), 4)  # Snyder & Shen, example 5.8
    107.9236
    """
    above_zero(quantity=quantity, holding=holding, shortage=shortage, demand=demand, lead_time=lead_time)
    at, mean = np.arange(reorder_point + 1, reorder_point + quantity + 1), demand * lead_time
    held = expected_on_hand(at, mean, variance_to_mean)
    run = holding * held + shortage * expected_shortfall(at, mean, variance_to_mean)
    return float((order_cost * demand + run.sum()) / quantity)


def order_policy_by_power(
    order_cost: npt.ArrayLike,
    holding: npt.ArrayLike,
    shortage: npt.ArrayLike,
    mean: npt.ArrayLike,
    sd: npt.ArrayLike,
    lead_time: npt.ArrayLike = 0.0,
) -> tuple[float | Floats, float | Floats]:
    """Reorder point s and level S by the power approximation, for demand of any distribution reviewed every period.

    Parameters
    ----------
    order_cost, holding, shortage
        Money for each order; for a piece left, and short, at the end of a period.
    mean, sd
        Demand of a period.
    lead_time
        Periods; demand over lead time and period is that of lead_time + 1 periods. All are broadcast.

    Notes
    -----
    Ehrhardt & Mosier (1984), Management Science 30: Q = 1.30 m^0.494 (K / h)^0.506 (1 + sL^2 / m^2)^0.116,
    z = sqrt(Q h / (sL p)), s = 0.973 mL + sL (0.183 / z + 1.063 - 2.192 z), S = s + Q. Where Q is below 1.5 m they
    take the smaller of these and the base stock's level; here both are left to the caller.

    Examples
    --------
    >>> [round(one, 4) for one in order_policy_by_power(2.5, 0.18, 0.7, 50, 8)]  # Snyder & Shen, example 4.8
    [40.1946, 74.2902]
    """
    above_zero(order_cost=order_cost, holding=holding, shortage=shortage, mean=mean, sd=sd)
    fixed, left, short, demand, spread, periods = floats(
        order_cost, holding, shortage, mean, sd, np.asarray(lead_time) + 1
    )
    over, spread = demand * periods, spread * np.sqrt(periods)
    quantity = 1.3 * demand**0.494 * (fixed / left) ** 0.506 * (1 + (spread / demand) ** 2) ** 0.116
    z = np.sqrt(quantity * left / (spread * short))
    reorder = 0.973 * over + spread * (0.183 / z + 1.063 - 2.192 * z)
    return plain(reorder), plain(reorder + quantity)


def order_policy_cost(
    reorder_point: int,
    order_up_to_level: int,
    order_cost: float,
    holding: float,
    shortage: float,
    demand_pmf: npt.ArrayLike,
    exposed_pmf: npt.ArrayLike | None = None,
) -> float:
    """Cost of a given (s, S) for a period: order up to S when the position is at or below s.

    Parameters
    ----------
    reorder_point, order_up_to_level
        s below S, whole pieces.
    order_cost, holding, shortage, demand_pmf, exposed_pmf
        As in :func:`partsopt.replenish.ordercost.order_policy_with_lead_time`; without lead time no ``exposed_pmf``.

    Notes
    -----
    Renewal reward over the position between two orders (Zheng & Federgruen 1991).

    Examples
    --------
    >>> from math import exp, factorial
    >>> six = [exp(-6) * 6.0**k / factorial(k) for k in range(60)]
    >>> round(order_policy_cost(4, 10, 5, 1, 4, six), 4)  # Snyder & Shen, example 4.7
    8.0341
    """
    pmf = np.asarray(demand_pmf, dtype=np.float64)
    exposed = pmf if exposed_pmf is None else np.asarray(exposed_pmf, dtype=np.float64)
    if reorder_point >= order_up_to_level or not 0 <= pmf[0] < 1:
        raise SettingsError("an (s, S) policy needs s below S, and some demand.")
    visits = np.zeros(order_up_to_level - reorder_point)  # expected periods at S - j
    visits[0] = 1.0 / (1.0 - pmf[0])
    for j in range(1, len(visits)):
        longest = min(j, len(pmf) - 1)
        visits[j] = pmf[1 : longest + 1] @ visits[j - longest : j][::-1] / (1.0 - pmf[0])
    off = order_up_to_level - np.arange(len(visits))[:, None] - np.arange(len(exposed))[None, :]
    run = (holding * np.maximum(off, 0) + shortage * np.maximum(-off, 0)) @ exposed
    return float((order_cost + visits @ run) / visits.sum())


def _least(cost: CostOf, low: Floats, high: Floats) -> Floats:
    """Where functions with one valley are least, by golden sections."""
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = cost(left), cost(right)
    while (high - low > 1e-9 * np.maximum(np.abs(high), 1.0)).any():
        is_left = at_left <= at_right
        low, high = np.where(is_left, low, left), np.where(is_left, right, high)
        tried = np.where(is_left, high - GOLDEN * (high - low), low + GOLDEN * (high - low))
        at_tried = cost(tried)
        left, right = np.where(is_left, tried, right), np.where(is_left, left, tried)
        at_left, at_right = np.where(is_left, at_tried, at_right), np.where(is_left, at_left, at_tried)
    return (low + high) / 2
