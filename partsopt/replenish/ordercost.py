"""Policies set by cost instead of a service target: base stock, (s, S), (r, Q), final buys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from partsopt.errors import SettingsError
from partsopt.replenish.lotsizing import economic_order_quantity, floats, plain
from partsopt.replenish.orderwalk import order_policies
from partsopt.replenish.service import (
    demand_quantile,
    expected_on_hand,
    expected_shortfall,
    normal_loss,
    safety_factor,
)

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

MOST_ROUNDS = 10_000  # of the (r, Q) iteration; it converges in some ten
SETTLED = 1e-12  # relative change of the quantity at which the iteration stops


class BaseStock(NamedTuple):
    """A level and its expected cost of holding and shortage for a period: numbers, or arrays where arrays are given."""

    level: float | Floats
    cost: float | Floats


class OrderPolicy(NamedTuple):
    """Order up to ``order_up_to_level`` when the position is at or below ``reorder_point``; cost for a period."""

    reorder_point: int | Wholes
    order_up_to_level: int | Wholes
    cost: float | Floats


class ReorderPolicy(NamedTuple):
    """Order ``quantity`` when the position reaches ``reorder_point``; expected cost for a unit of time."""

    reorder_point: float | Floats
    quantity: float | Floats
    cost: float | Floats


class HorizonPolicy(NamedTuple):
    """Expected cost of the whole horizon, and the level to order up to in the first period (None: do not order)."""

    cost: float
    first_level: int | None


def base_stock_normal(
    holding: npt.ArrayLike,
    shortage: npt.ArrayLike,
    mean: npt.ArrayLike,
    sd: npt.ArrayLike,
    lead_time: npt.ArrayLike = 0.0,
    level: npt.ArrayLike | None = None,
) -> BaseStock:
    """The cheapest base stock for normal demand, reviewed every period.

    Parameters
    ----------
    holding, shortage
        Money for a piece left, and short, at the end of a period.
    mean, sd
        Demand of a period.
    lead_time
        Periods; 0 is the newsvendor.
    level
        A base stock to be costed instead of the cheapest. All are broadcast.

    Notes
    -----
    S covers lead_time + 1 periods at probability p / (p + h) (Snyder & Shen 2019, sections 4.3 and 4.4).

    Examples
    --------
    >>> round(base_stock_normal(0.18, 0.7, 50, 8).level, 4)
    56.604
    """
    _costs(holding, shortage)
    left, short, demand, spread, periods = floats(holding, shortage, mean, sd, np.asarray(lead_time) + 1)
    over, spread = demand * periods, spread * np.sqrt(periods)
    z = safety_factor(short / (short + left)) if level is None else (np.asarray(level) - over) / spread
    cost = spread * (left * z + (left + short) * normal_loss(z))
    return BaseStock(plain(over + z * spread), plain(cost))


def base_stock_discrete(
    holding: npt.ArrayLike,
    shortage: npt.ArrayLike,
    mean: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike = 1.0,
    lead_time: npt.ArrayLike = 0.0,
    level: npt.ArrayLike | None = None,
) -> BaseStock:
    """The cheapest whole base stock for Poisson or negative binomial demand, reviewed every period.

    Parameters
    ----------
    holding, shortage
        Money for a piece left, and short, at the end of a period.
    mean, variance_to_mean
        Demand of a period; 1 is Poisson.
    lead_time
        Periods; 0 is the newsvendor.
    level
        A base stock to be costed instead of the cheapest. All are broadcast.

    Notes
    -----
    The smallest S with P(D <= S) >= p / (p + h) (Arrow, Harris & Marschak 1951).

    Examples
    --------
    >>> level, cost = base_stock_discrete(200, 270, 18)
    >>> int(level), round(cost, 4)
    (19, 786.0884)
    >>> base_stock_discrete(200, [270, 2700], 18).level.tolist()
    [19, 24]
    """
    _costs(holding, shortage)
    left, short, demand, ratio, periods = floats(holding, shortage, mean, variance_to_mean, np.asarray(lead_time) + 1)
    over = demand * periods
    at = _quantile(short / (short + left), over, ratio) if level is None else np.asarray(level)
    cost = left * expected_on_hand(at, over, ratio) + short * expected_shortfall(at, over, ratio)
    return BaseStock(plain(at), plain(cost))


def last_time_buy(
    mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike, shortage: npt.ArrayLike, left_over: npt.ArrayLike
) -> int | Wholes:
    """Pieces to buy when a part can be bought for the last time.

    Parameters
    ----------
    mean, variance_to_mean
        All demand still to come.
    shortage
        Money lost on a piece that is missing, over its price.
    left_over
        Money lost on a piece that nobody asks for: its price less its scrap value. All are broadcast.

    Notes
    -----
    The newsvendor's quantile shortage / (shortage + left_over).

    Examples
    --------
    >>> last_time_buy(120, 3, shortage=100, left_over=40)
    130
    """
    _costs(left_over, shortage)
    left, short, demand, ratio = floats(left_over, shortage, mean, variance_to_mean)
    return plain(_quantile(short / (short + left), demand, ratio))


def order_policy(
    order_cost: npt.ArrayLike, holding: npt.ArrayLike, shortage: npt.ArrayLike, demand_pmf: npt.ArrayLike
) -> OrderPolicy:
    """The best (s, S) of all policies, for independent demand of every period and no lead time.

    Parameters
    ----------
    order_cost
        Money for each order; a number or shape (n,).
    holding, shortage
        Money for a piece left, and short, at the end of a period; a number or shape (n,).
    demand_pmf
        Probability of demand 0, 1, ... of a period, shape (k,) or (n, k); with a lead time of L periods the costs are
        those of demand over L + 1 periods, which :func:`order_policy_with_lead_time` takes.

    Notes
    -----
    Zheng & Federgruen (1991), Operations Research 39(4), compiled.

    Examples
    --------
    >>> from math import exp, factorial
    >>> policy = order_policy(5, 1, 4, [exp(-6) * 6.0**k / factorial(k) for k in range(60)])
    >>> policy.reorder_point, policy.order_up_to_level, round(policy.cost, 4)
    (4, 10, 8.0341)
    """
    return order_policy_with_lead_time(order_cost, holding, shortage, demand_pmf, demand_pmf)


def order_policy_with_lead_time(
    order_cost: npt.ArrayLike,
    holding: npt.ArrayLike,
    shortage: npt.ArrayLike,
    demand_pmf: npt.ArrayLike,
    exposed_pmf: npt.ArrayLike,
) -> OrderPolicy:
    """The best (s, S) where an order arrives L periods later.

    Parameters
    ----------
    order_cost, holding, shortage, demand_pmf
        As in :func:`order_policy`.
    exposed_pmf
        Probability of demand 0, 1, ... over L + 1 periods, shape (m,) or (n, m).

    Examples
    --------
    >>> from partsopt.replenish.service import demand_pmf
    >>> policy = order_policy_with_lead_time([5, 64], 1, [4, 9], demand_pmf(6.0, 1.0, 60), demand_pmf(12.0, 1.0, 80))
    >>> policy.reorder_point.tolist(), policy.order_up_to_level.tolist()
    ([10, 9], [18, 36])
    """
    _costs(holding, shortage)
    pmf, exposed = np.asarray(demand_pmf, dtype=np.float64), np.asarray(exposed_pmf, dtype=np.float64)
    fixed, left, short = (np.asarray(one, dtype=np.float64) for one in (order_cost, holding, shortage))
    if not ((pmf[..., 0] >= 0) & (pmf[..., 0] < 1)).all() or (fixed < 0).any():
        raise SettingsError("an (s, S) policy needs some demand and an order cost of 0 or more.")
    shape = np.broadcast_shapes(fixed.shape, left.shape, short.shape, pmf.shape[:-1], exposed.shape[:-1])
    money = (np.array(np.broadcast_to(one, shape)).reshape(-1) for one in (fixed, left, short))
    tables = (
        np.array(np.broadcast_to(one, (*shape, one.shape[-1])), order="C").reshape(-1, one.shape[-1])
        for one in (pmf, exposed)
    )
    return OrderPolicy(*(plain(one.reshape(shape)) for one in order_policies(*money, *tables)))


def order_policy_of_horizon(
    order_cost: float, holding: float, shortage: float, demand_pmfs: Sequence[npt.ArrayLike], on_hand: int = 0
) -> HorizonPolicy:
    """Least expected cost of a finite horizon whose demand changes from period to period; no lead time.

    Parameters
    ----------
    order_cost, holding, shortage
        As in :func:`order_policy`; what is left or owed at the end is worth nothing.
    demand_pmfs
        Of each period: probability of demand 0, 1, ...; made to add up to 1.
    on_hand
        Stock before the first order.

    Notes
    -----
    Dynamic programme over the stock (Scarf 1960).

    Examples
    --------
    >>> certain = [0.0, 0.0, 1.0]
    >>> order_policy_of_horizon(1.5, 1.0, 10.0, [certain, certain])  # two pieces a period: order twice
    HorizonPolicy(cost=3.0, first_level=2)
    """
    _costs(holding, shortage)
    pmfs = [np.asarray(pmf, dtype=np.float64) / np.sum(pmf) for pmf in demand_pmfs]
    reach = sum(len(pmf) - 1 for pmf in pmfs)
    low, high = min(on_hand, 0) - reach, max(on_hand, 0) + reach
    stock = np.arange(low, high + 1)
    value = np.zeros(len(stock))
    after_order = value
    for pmf in reversed(pmfs):
        end_cost = holding * np.maximum(stock, 0) + shortage * np.maximum(-stock, 0) + value
        below = end_cost[0] + (shortage * len(pmfs) + 1) * np.arange(len(pmf) - 1, 0, -1)
        after_order = np.convolve(np.concatenate([below, end_cost]), pmf, mode="valid")
        cheapest_above = np.minimum.accumulate(after_order[::-1])[::-1]
        value = np.minimum(after_order, order_cost + cheapest_above)
    at = on_hand - low
    best = at + int(np.argmin(after_order[at:]))
    is_ordered = after_order[best] + order_cost < after_order[at]
    return HorizonPolicy(float(value[at]), int(stock[best]) if is_ordered else None)


def reorder_policy(
    order_cost: npt.ArrayLike,
    holding: npt.ArrayLike,
    shortage: npt.ArrayLike,
    demand: npt.ArrayLike,
    lead_mean: npt.ArrayLike,
    lead_sd: npt.ArrayLike,
) -> ReorderPolicy:
    """(r, Q) under continuous review by the expected-inventory-level approximation, normal lead time demand.

    Parameters
    ----------
    order_cost
        Money for each order.
    holding
        Money for a piece and unit of time.
    shortage
        Money for each piece short.
    demand
        Pieces for a unit of time.
    lead_mean, lead_sd
        Demand over the lead time. All are broadcast.

    Raises
    ------
    SettingsError
        Holding a lot costs more than being short of it: there is no such policy.

    Notes
    -----
    Q = sqrt(2 D (K + p n(r)) / h) and P(X > r) = Q h / (p D), in turn (Hadley & Whitin 1963; Snyder & Shen
    2019, section 5.3).

    Examples
    --------
    >>> policy = reorder_policy(50, 2, 25, 200, 100, 25)  # Nahmias, Harvey's Specialty Shop
    >>> round(policy.quantity, 2), round(policy.reorder_point, 2)
    (110.77, 142.57)
    """
    _costs(holding, shortage)
    fixed, left, short, flow, mean, sd = floats(order_cost, holding, shortage, demand, lead_mean, lead_sd)
    quantity = np.asarray(economic_order_quantity(fixed, left, flow).quantity)
    for _ in range(MOST_ROUNDS):
        exceeded = quantity * left / (short * flow)
        if (exceeded >= 1).any():
            raise SettingsError("holding a lot costs more than being short of it; no reorder point pays.")
        z = safety_factor(1.0 - exceeded)
        missing = sd * normal_loss(z)
        following = np.sqrt(2 * flow * (fixed + short * missing) / left)
        change, quantity = np.abs(following - quantity), following
        if (change <= SETTLED * quantity).all():
            break
    reorder = mean + z * sd
    cost = left * (reorder - mean + quantity / 2) + flow / quantity * (fixed + short * missing)
    return ReorderPolicy(plain(reorder), plain(quantity), plain(cost))


def reorder_policy_discrete(
    order_cost: npt.ArrayLike,
    holding: npt.ArrayLike,
    shortage: npt.ArrayLike,
    demand: npt.ArrayLike,
    lead_time: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike = 1.0,
) -> ReorderPolicy:
    """The best (r, Q) in whole pieces, exact for Poisson demand; ``shortage`` is per piece and time.

    Parameters
    ----------
    order_cost, holding, shortage
        As in :func:`reorder_policy_cost`.
    demand, lead_time
        Pieces for a unit of time, and units of time.
    variance_to_mean
        Of lead time demand; above 1 it is negative binomial, and the position after an order taken as uniform. All
        are broadcast.

    Notes
    -----
    (K D + sum over r + 1 .. r + Q of the base stock's cost) / Q; the costs are convex in the position, so the cheapest
    neighbours are added while they lower the mean (Federgruen & Zheng 1992, Operations Research 40).

    Examples
    --------
    >>> policy = reorder_policy_discrete(100, 20, 150, 1.5, 2)  # Snyder & Shen, section 5.5
    >>> policy.reorder_point, policy.quantity, round(policy.cost, 4)
    (3, 5, 107.9236)
    """
    _costs(holding, shortage)
    fixed, left, short, flow, lead, ratio = floats(order_cost, holding, shortage, demand, lead_time, variance_to_mean)
    if (fixed < 0).any() or not (flow > 0).all() or not (lead > 0).all():
        raise SettingsError("an (r, Q) policy needs an order cost of 0 or more, and demand and lead time above 0.")
    shape = fixed.shape
    fixed, left, short, flow, lead, ratio = (one.reshape(-1) for one in (fixed, left, short, flow, lead, ratio))
    mean = flow * lead

    def cost_at(level: Wholes, rows: Any) -> Floats:
        over = mean[rows], ratio[rows]
        return left[rows] * expected_on_hand(level, *over) + short[rows] * expected_shortfall(level, *over)

    best = _quantile(short / (short + left), mean, ratio)
    low, high = best - 1, best + 1  # the next positions below and above those taken
    total = fixed * flow + cost_at(best, ...)
    cost, below, above = total.copy(), cost_at(low, ...), cost_at(high, ...)
    growing = np.flatnonzero(np.minimum(below, above) < cost)
    while len(growing):
        total[growing] += np.minimum(below, above)[growing]
        is_below = below[growing] <= above[growing]
        down, up = growing[is_below], growing[~is_below]
        low[down] -= 1
        high[up] += 1
        below[down], above[up] = cost_at(low[down], down), cost_at(high[up], up)
        cost[growing] = total[growing] / (high - low - 1)[growing]
        growing = growing[np.minimum(below, above)[growing] < cost[growing]]
    return ReorderPolicy(*(plain(one.reshape(shape)) for one in (low, high - low - 1, cost)))


def reorder_policy_from_lot(
    order_cost: npt.ArrayLike,
    holding: npt.ArrayLike,
    shortage: npt.ArrayLike,
    demand: npt.ArrayLike,
    lead_mean: npt.ArrayLike,
    lead_sd: npt.ArrayLike,
) -> ReorderPolicy:
    """(r, Q) of the economic order quantity and a newsvendor's safety stock; ``shortage`` is per piece and time.

    Notes
    -----
    Snyder & Shen (2019), section 5.5; the cost is that of :func:`reorder_policy_cost`.

    Examples
    --------
    >>> policy = reorder_policy_from_lot(8, 0.225, 7.5, 1300, 1300 / 12, 150 / 12**0.5)
    >>> round(policy.reorder_point, 3), round(policy.quantity, 3)
    (190.337, 304.047)
    """
    _costs(holding, shortage)
    fixed, left, short, flow, mean, sd = floats(order_cost, holding, shortage, demand, lead_mean, lead_sd)
    quantity = economic_order_quantity(fixed, left, flow).quantity
    reorder = mean + safety_factor(short / (short + left)) * sd
    return ReorderPolicy(
        plain(reorder), quantity, reorder_policy_cost(reorder, quantity, fixed, left, short, flow, mean, sd)
    )


def reorder_policy_cost(
    reorder_point: npt.ArrayLike,
    quantity: npt.ArrayLike,
    order_cost: npt.ArrayLike,
    holding: npt.ArrayLike,
    shortage: npt.ArrayLike,
    demand: npt.ArrayLike,
    lead_mean: npt.ArrayLike,
    lead_sd: npt.ArrayLike,
) -> float | Floats:
    """Exact expected cost of (r, Q) for a unit of time, normal lead time demand, ``shortage`` per piece and time.

    Notes
    -----
    (K D + integral over r .. r + Q of the base stock's cost) / Q (Zheng 1992, Management Science 38).

    Examples
    --------
    >>> round(reorder_policy_cost(126.8, 328.5, 8, 0.225, 7.5, 1300, 1300 / 12, 150 / 12**0.5), 6)
    78.071163
    """
    _costs(holding, shortage)
    r, q, fixed, left, short, flow, mean, sd = floats(
        reorder_point, quantity, order_cost, holding, shortage, demand, lead_mean, lead_sd
    )
    low, high = (r - mean) / sd, (r + q - mean) / sd
    held = left * sd**2 * (high**2 - low**2) / 2
    owed = (left + short) * sd**2 * (_second_normal_loss(low) - _second_normal_loss(high))
    return plain((fixed * flow + held + owed) / q)


def _second_normal_loss(z: Floats) -> Floats:
    """Integral of the standard normal loss from z on: ((z^2 + 1) P(Z > z) - z phi(z)) / 2."""
    density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
    return np.asarray(((z * z + 1) * ndtr(-z) - z * density) / 2)


def _quantile(probability: Floats, mean: Floats, variance_to_mean: Floats) -> Wholes:
    """Quantiles of demand, of the shape given."""
    found = demand_quantile(probability.ravel(), mean.ravel(), variance_to_mean.ravel())
    return found.reshape(probability.shape)


def _costs(holding: npt.ArrayLike, shortage: npt.ArrayLike) -> None:
    for name, value in (("holding cost", holding), ("shortage cost", shortage)):
        given = np.asarray(value)
        if not (given > 0).all():
            raise SettingsError(f"the {name} is {given[~(given > 0)].ravel()[0].item()!r}; it must be above 0.")
