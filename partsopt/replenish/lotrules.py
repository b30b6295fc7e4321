"""Lots for known demand by the rules of the books, and by dynamic programming with backorders and capacities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from partsopt.errors import SettingsError
from partsopt.replenish.lotsizing import LotPlan

Floats = npt.NDArray[np.float64]
GoesOn: TypeAlias = Callable[[int, int], bool]  # whether an order in the first period also covers the second


def lot_for_lot(order_cost: float, holding_cost: float, demand: Sequence[float]) -> LotPlan:
    """Each period's demand ordered in it.

    Examples
    --------
    >>> lot_for_lot(500, 2, [90, 120, 80, 70]).cost
    2000.0
    """
    return _planned(order_cost, holding_cost, demand, lambda *_: False)


def silver_meal(order_cost: float, holding_cost: float, demand: Sequence[float]) -> LotPlan:
    """Each order covers periods as long as its cost for a period falls.

    Parameters
    ----------
    order_cost, holding_cost, demand
        As in :func:`partsopt.replenish.lotsizing.lot_plan`.

    Notes
    -----
    Silver & Meal (1973); the first rise ends the order, an equal cost does not.

    Examples
    --------
    >>> silver_meal(80, 2, [18, 30, 42, 5, 20]).orders  # Nahmias: order 48, 47 and 20
    [48.0, 0.0, 47.0, 0.0, 20.0]
    """
    costs = _costs_of(order_cost, holding_cost, demand)

    def goes_on(start: int, period: int) -> bool:
        n = period - start
        return costs(start, period + 1) / (n + 1) <= costs(start, period) / n

    return _planned(order_cost, holding_cost, demand, goes_on)


def least_unit_cost(order_cost: float, holding_cost: float, demand: Sequence[float]) -> LotPlan:
    """Each order covers periods as long as its cost for a piece falls.

    Examples
    --------
    >>> least_unit_cost(80, 2, [18, 30, 42, 5, 20]).orders
    [48.0, 0.0, 42.0, 25.0, 0.0]
    """
    costs = _costs_of(order_cost, holding_cost, demand)

    def goes_on(start: int, period: int) -> bool:
        before, after = sum(demand[start:period]), sum(demand[start : period + 1])
        return before <= 0 or costs(start, period + 1) / after <= costs(start, period) / before

    return _planned(order_cost, holding_cost, demand, goes_on)


def part_period_balancing(order_cost: float, holding_cost: float, demand: Sequence[float]) -> LotPlan:
    """Each order covers so many periods that its holding comes nearest to the order cost.

    Notes
    -----
    DeMatteis (1968); of two equally near the longer.

    Examples
    --------
    >>> part_period_balancing(80, 2, [18, 30, 42, 5, 20]).orders
    [48.0, 0.0, 67.0, 0.0, 0.0]
    """
    costs = _costs_of(order_cost, holding_cost, demand)

    def goes_on(start: int, period: int) -> bool:
        held, following = (costs(start, end) - order_cost for end in (period, period + 1))
        return abs(following - order_cost) <= abs(held - order_cost) if following > order_cost else True

    return _planned(order_cost, holding_cost, demand, goes_on)


def period_order_quantity(order_cost: float, holding_cost: float, demand: Sequence[float]) -> LotPlan:
    """Every order covers the same number of periods: that of the economic quantity of mean demand, rounded.

    Examples
    --------
    >>> period_order_quantity(80, 2, [18, 30, 42, 5, 20]).orders  # 1.9 periods, 2
    [48.0, 0.0, 47.0, 0.0, 20.0]
    """
    mean = sum(demand) / max(len(demand), 1)
    if not (mean > 0 and holding_cost > 0):
        raise SettingsError("a period order quantity needs some demand and a holding cost above 0.")
    periods = max(round((2 * order_cost / (mean * holding_cost)) ** 0.5), 1)
    return _planned(order_cost, holding_cost, demand, lambda start, period: period - start < periods)


def lot_plan_with_limits(
    order_cost: Sequence[float] | float,
    holding_cost: Sequence[float] | float,
    demand: Sequence[int],
    *,
    backorder_cost: Sequence[float] | float | None = None,
    capacity: Sequence[int] | int | None = None,
    unit_cost: Sequence[float] | float = 0.0,
    on_hand: int = 0,
) -> LotPlan:
    """The cheapest orders for known whole demand where customers may wait, or a period's order is limited.

    Parameters
    ----------
    order_cost, holding_cost, unit_cost
        Money for each order, for a piece kept to the next period, and for a piece bought; one, or one for each period.
    demand
        Whole pieces of each period.
    backorder_cost
        Money for a piece owed at the end of a period; without it nothing may be owed. Nothing is owed at the end.
    capacity
        Most pieces of an order, one or one for each period.
    on_hand
        Stock before the first period.

    Raises
    ------
    SettingsError
        A value is negative, or the capacities do not suffice.

    Notes
    -----
    Dynamic programme over the stock (Wagner & Whitin 1958; Zangwill 1966 with backorders; Florian & Klein 1971 with
    capacities), piece by piece, so exact for any costs; of equal plans that with the smaller first order.

    Examples
    --------
    >>> lot_plan_with_limits(30, 1, [10, 20, 30, 40], capacity=40)
    LotPlan(orders=[30.0, 0.0, 30.0, 40.0], cost=110.0)
    >>> lot_plan_with_limits(30, 1, [10, 20, 30, 40], backorder_cost=2)
    LotPlan(orders=[0.0, 30.0, 30.0, 40.0], cost=110.0)
    """
    n = len(demand)
    fixed, holding, price = (_each(one, n) for one in (order_cost, holding_cost, unit_cost))
    owing = None if backorder_cost is None else _each(backorder_cost, n)
    total = int(sum(demand))
    most = np.full(n, max(total, 1)) if capacity is None else _each(capacity, n).astype(np.int64)
    parts = [fixed, holding, price, most, np.asarray(demand), *([] if owing is None else [owing])]
    if on_hand < 0 or any((one < 0).any() for one in parts):
        raise SettingsError("costs, demand, capacity and stock of a lot plan must be 0 or more.")
    low, high = (-total if owing is not None else 0), max(on_hand, 0) + total
    stock = np.arange(low, high + 1)  # at the start of a period, before its order
    value = np.where(stock == np.maximum(stock, 0), 0.0, np.inf)
    choices = []
    for t in range(n - 1, -1, -1):
        left = stock - int(demand[t])
        run = np.where(
            left >= 0, holding[t] * left, np.inf if owing is None else -left * (owing[t] if owing is not None else 0)
        )
        inside = left >= low
        after = np.where(inside, run + value[np.maximum(left - low, 0)], np.inf)
        best, order = after.copy(), np.zeros(len(stock), dtype=np.int64)
        for size in range(1, int(min(most[t], high - low)) + 1):
            cost = np.full(len(stock), np.inf)
            cost[:-size] = fixed[t] + price[t] * size + after[size:]
            better = cost < best - 1e-12
            best[better], order[better] = cost[better], size
        value = best
        choices.append(order)
    if not np.isfinite(value[on_hand - low]):
        raise SettingsError("the capacities are too small for the demand; raise them, or let customers wait.")
    orders, at = [], on_hand
    for t in range(n):
        size = int(choices[n - 1 - t][at - low])
        orders.append(float(size))
        at += size - int(demand[t])
    return LotPlan(orders, float(value[on_hand - low]))


def _each(values: Sequence[float] | float, n: int) -> Floats:
    return np.broadcast_to(np.asarray(values, dtype=np.float64), (n,))


def _costs_of(order_cost: float, holding_cost: float, demand: Sequence[float]) -> Callable[[int, int], float]:
    """Cost of an order that covers the periods from a first one up to, not including, an end."""
    if order_cost < 0 or holding_cost < 0 or any(quantity < 0 for quantity in demand):
        raise SettingsError("order cost, holding cost and demand of a lot rule must be 0 or more.")

    def cost(start: int, end: int) -> float:
        return order_cost + holding_cost * sum((t - start) * demand[t] for t in range(start, end))

    return cost


def _planned(order_cost: float, holding_cost: float, demand: Sequence[float], goes_on: GoesOn) -> LotPlan:
    """Orders from the first period with demand on, each extended while the rule goes on."""
    costs = _costs_of(order_cost, holding_cost, demand)
    orders, total, start = [0.0] * len(demand), 0.0, 0
    while start < len(demand):
        if demand[start] <= 0:
            start += 1
            continue
        end = start + 1
        while end < len(demand) and goes_on(start, end):
            end += 1
        orders[start] = float(sum(demand[start:end]))
        total += costs(start, end)
        start = end
    return LotPlan(orders, total)
