"""How much to order at a time: economic quantities, price breaks, lots for known demand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from partsopt.errors import SettingsError


class Lot(NamedTuple):
    """An order quantity and what it costs a year; ``region`` is the number of its price, from 0."""

    quantity: float
    cost: float
    region: int = 0


class LotPlan(NamedTuple):
    """Quantity ordered in each period, and the cost of ordering and holding."""

    orders: list[float]
    cost: float


def economic_order_quantity(order_cost: float, holding_cost: float, demand: float) -> Lot:
    """The quantity that balances ordering and holding.

    Parameters
    ----------
    order_cost
        Money for each order.
    holding_cost
        Money for a piece and year.
    demand
        Pieces a year.

    Raises
    ------
    SettingsError
        A value is not above 0.

    Notes
    -----
    Q = sqrt(2 K D / h), cost sqrt(2 K D h) (Harris 1913).

    Examples
    --------
    >>> round(economic_order_quantity(8, 0.225, 1300).quantity, 3)
    304.047
    """
    _above_zero(order_cost=order_cost, holding_cost=holding_cost, demand=demand)
    return Lot((2 * order_cost * demand / holding_cost) ** 0.5, (2 * order_cost * demand * holding_cost) ** 0.5)


def economic_order_quantity_with_backorders(
    order_cost: float, holding_cost: float, shortage_cost: float, demand: float
) -> Lot:
    """The quantity where customers may wait; the share holding / (holding + shortage) of each order is owed by then.

    Parameters
    ----------
    order_cost, holding_cost, demand
        As in :func:`economic_order_quantity`.
    shortage_cost
        Money for a piece owed and year.

    Examples
    --------
    >>> lot = economic_order_quantity_with_backorders(8, 0.225, 5, 1300)  # Snyder & Shen, example 3.5
    >>> round(lot.quantity, 4), round(lot.cost, 4)
    (310.8126, 66.9214)
    """
    _above_zero(shortage_cost=shortage_cost)
    return economic_order_quantity(order_cost, holding_cost * shortage_cost / (holding_cost + shortage_cost), demand)


def economic_production_quantity(order_cost: float, holding_cost: float, demand: float, production: float) -> Lot:
    """The quantity where an order comes in at a rate, pieces a year, above that of demand.

    Examples
    --------
    >>> lot = economic_production_quantity(8, 0.225, 1300, 1700)  # Snyder & Shen, section 3.4
    >>> round(lot.quantity, 4), round(lot.cost, 4)
    (626.8085, 33.184)
    """
    _above_zero(production=production)
    if production <= demand:
        raise SettingsError(f"production is {production!r}; it must be above the demand, {demand!r}.")
    return economic_order_quantity(order_cost, holding_cost * (1.0 - demand / production), demand)


def order_quantity_all_units(
    order_cost: float, holding_rate: float, demand: float, breakpoints: Sequence[float], unit_costs: Sequence[float]
) -> Lot:
    """The cheapest quantity where a larger order makes every piece of it cheaper.

    Parameters
    ----------
    order_cost, demand
        Money for each order; pieces a year.
    holding_rate
        Share of the unit cost for a year.
    breakpoints, unit_costs
        From this quantity on each piece costs that; the first breakpoint is 0 or the minimum.

    Returns
    -------
    Lot
        The cost includes the pieces; the smaller quantity of equals.

    Notes
    -----
    In each region the economic quantity moved into the region (Hadley & Whitin 1963).

    Examples
    --------
    >>> order_quantity_all_units(2250, 0.25, 182500, [0, 1200, 2400], [1490, 1220, 1100])
    Lot(quantity=2400.0, cost=201251093.75, region=2)
    """
    _check_breaks(order_cost, holding_rate, demand, breakpoints, unit_costs)
    found = []
    for region, (start, unit_cost) in enumerate(zip(breakpoints, unit_costs, strict=True)):
        end = breakpoints[region + 1] if region + 1 < len(breakpoints) else float("inf")
        quantity = max((2 * order_cost * demand / (holding_rate * unit_cost)) ** 0.5, float(start))
        if quantity < end:
            cost = unit_cost * demand + order_cost * demand / quantity + holding_rate * unit_cost * quantity / 2
            found.append(Lot(quantity, cost, region))
    return min(found, key=lambda lot: (lot.cost, lot.quantity))


def order_quantity_incremental(
    order_cost: float, holding_rate: float, demand: float, breakpoints: Sequence[float], unit_costs: Sequence[float]
) -> Lot:
    """The cheapest quantity where only the pieces beyond a breakpoint get its price.

    Parameters
    ----------
    order_cost, holding_rate, demand, breakpoints, unit_costs
        As in :func:`order_quantity_all_units`; unit costs fall.

    Notes
    -----
    The extra money paid on the first pieces acts like a larger order cost; a breakpoint itself is never best
    (Hadley & Whitin 1963).

    Examples
    --------
    >>> lot = order_quantity_incremental(8, 0.3, 1300, [0, 400, 800], [0.75, 0.72, 0.68])
    >>> round(lot.quantity, 2), round(lot.cost, 2), lot.region
    (304.05, 1043.41, 0)
    """
    _check_breaks(order_cost, holding_rate, demand, breakpoints, unit_costs)
    found, extra = [], 0.0
    for region, (start, unit_cost) in enumerate(zip(breakpoints, unit_costs, strict=True)):
        extra += (unit_costs[region - 1] - unit_cost) * start if region else 0.0
        end = breakpoints[region + 1] if region + 1 < len(breakpoints) else float("inf")
        quantity = max((2 * (order_cost + extra) * demand / (holding_rate * unit_cost)) ** 0.5, float(start))
        if quantity <= end:
            cost = unit_cost * demand + (order_cost + extra) * demand / quantity
            cost += holding_rate * (extra + unit_cost * quantity) / 2
            found.append(Lot(quantity, cost, region))
    return min(found, key=lambda lot: (lot.cost, lot.quantity))


def lot_plan(order_cost: float, holding_cost: float, demand: Sequence[float]) -> LotPlan:
    """The cheapest orders for known demand, each order covering whole periods.

    Parameters
    ----------
    order_cost
        Money for each order.
    holding_cost
        Money for a piece kept from one period to the next.
    demand
        Pieces of each period, 0 or more.

    Notes
    -----
    Wagner & Whitin (1958); of equal plans the one whose last order covers the most.

    Examples
    --------
    >>> lot_plan(500, 2, [90, 120, 80, 70])
    LotPlan(orders=[210.0, 0.0, 150.0, 0.0], cost=1380.0)
    """
    if order_cost < 0 or holding_cost < 0 or any(quantity < 0 for quantity in demand):
        raise SettingsError("order cost, holding cost and demand of a lot plan must be 0 or more.")
    n = len(demand)
    best, start_of = [0.0] + [float("inf")] * n, [0] * (n + 1)
    for end in range(1, n + 1):
        held = covered = 0.0  # a period earlier, everything covered so far is held once more
        for start in range(end - 1, -1, -1):
            held += holding_cost * covered
            covered += demand[start]
            cost = best[start] + held + (order_cost if covered > 0 else 0.0)
            if cost <= best[end]:
                best[end], start_of[end] = cost, start
    orders, end = [0.0] * n, n
    while end:
        start = start_of[end]
        orders[start] = float(sum(demand[start:end]))
        end = start
    return LotPlan(orders, best[n])


def _above_zero(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise SettingsError(f"{name} is {value!r}; it must be above 0.")


def _check_breaks(
    order_cost: float, holding_rate: float, demand: float, breakpoints: Sequence[float], unit_costs: Sequence[float]
) -> None:
    _above_zero(order_cost=order_cost, holding_rate=holding_rate, demand=demand)
    if len(breakpoints) != len(unit_costs) or not breakpoints or (np.diff(breakpoints) <= 0).any():
        raise SettingsError("breakpoints must rise, one for each unit cost.")
    if min(unit_costs) <= 0 or (np.diff(unit_costs) > 0).any():
        raise SettingsError("unit costs must be above 0 and must not rise with the quantity.")
