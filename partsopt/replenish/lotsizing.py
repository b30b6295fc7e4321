"""How much to order at a time: economic quantities, price breaks, lots for known demand.

Economic quantities and price breaks take numbers or arrays that broadcast; numbers in, numbers out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.errors import SettingsError

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

PRICE_SETTLED = 1e-14  # relative width at which the bisection of a price stops


class Lot(NamedTuple):
    """An order quantity and what it costs a year; ``region`` is the number of its price, from 0."""

    quantity: float | Floats
    cost: float | Floats
    region: int | Wholes = 0


class LimitedLots(NamedTuple):
    """Quantities, the yearly cost of ordering and holding each, and the price of a unit of what they share."""

    quantity: Floats
    cost: float | Floats
    price: float


class LotPlan(NamedTuple):
    """Quantity ordered in each period, and the cost of ordering and holding."""

    orders: list[float]
    cost: float


def economic_order_quantity(
    order_cost: npt.ArrayLike,
    holding_cost: npt.ArrayLike,
    demand: npt.ArrayLike,
    quantity: npt.ArrayLike | None = None,
) -> Lot:
    """The quantity that balances ordering and holding, or the cost of any other.

    Parameters
    ----------
    order_cost
        Money for each order.
    holding_cost
        Money for a piece and year.
    demand
        Pieces a year.
    quantity
        A quantity to be costed instead of the best; all four are broadcast.

    Raises
    ------
    SettingsError
        A value is not above 0.

    Notes
    -----
    Q = sqrt(2 K D / h), cost K D / Q + h Q / 2, for the best sqrt(2 K D h) (Harris 1913).

    Examples
    --------
    >>> round(economic_order_quantity(8, 0.225, 1300).quantity, 3)
    304.047
    >>> economic_order_quantity(8, 0.225, [1300, 5200]).quantity.round(3).tolist()
    [304.047, 608.094]
    >>> economic_order_quantity(8, 0.225, 1300, quantity=[200, 400]).cost.tolist()
    [74.5, 71.0]
    """
    above_zero(order_cost=order_cost, holding_cost=holding_cost, demand=demand)
    fixed, holding, flow = floats(order_cost, holding_cost, demand)
    if quantity is not None:
        above_zero(quantity=quantity)
        given, fixed, holding, flow = floats(quantity, fixed, holding, flow)
        return Lot(plain(given), plain(fixed * flow / given + holding * given / 2))
    return Lot(plain(np.sqrt(2 * fixed * flow / holding)), plain(np.sqrt(2 * fixed * flow * holding)))


def economic_order_quantity_with_backorders(
    order_cost: npt.ArrayLike,
    holding_cost: npt.ArrayLike,
    shortage_cost: npt.ArrayLike,
    demand: npt.ArrayLike,
    quantity: npt.ArrayLike | None = None,
    owed_share: npt.ArrayLike | None = None,
) -> Lot:
    """The quantity where customers may wait; the share holding / (holding + shortage) of each order is owed by then.

    Parameters
    ----------
    order_cost, holding_cost, demand, quantity
        As in :func:`economic_order_quantity`.
    shortage_cost
        Money for a piece owed and year.
    owed_share
        Share of an order that is owed when it comes, instead of the best.

    Notes
    -----
    Holding counts as h (1 - x)^2 + p x^2, x the share owed (Snyder & Shen 2019, section 3.5).

    Examples
    --------
    >>> lot = economic_order_quantity_with_backorders(8, 0.225, 5, 1300)  # Snyder & Shen, example 3.5
    >>> round(lot.quantity, 4), round(lot.cost, 4)
    (310.8126, 66.9214)
    """
    above_zero(shortage_cost=shortage_cost)
    holding, shortage = floats(holding_cost, shortage_cost)
    owed = holding / (holding + shortage) if owed_share is None else np.asarray(owed_share, dtype=np.float64)
    return economic_order_quantity(order_cost, holding * (1.0 - owed) ** 2 + shortage * owed**2, demand, quantity)


def economic_production_quantity(
    order_cost: npt.ArrayLike,
    holding_cost: npt.ArrayLike,
    demand: npt.ArrayLike,
    production: npt.ArrayLike,
    quantity: npt.ArrayLike | None = None,
) -> Lot:
    """The quantity where an order comes in at a rate, pieces a year, above that of demand.

    Examples
    --------
    >>> lot = economic_production_quantity(8, 0.225, 1300, 1700)  # Snyder & Shen, section 3.4
    >>> round(lot.quantity, 4), round(lot.cost, 4)
    (626.8085, 33.184)
    """
    above_zero(production=production)
    holding, flow, made = floats(holding_cost, demand, production)
    if (made <= flow).any():
        raise SettingsError(f"production is {made[made <= flow].ravel()[0]:g}; it must be above the demand.")
    return economic_order_quantity(order_cost, holding * (1.0 - flow / made), demand, quantity)


def order_quantities_within(
    order_cost: npt.ArrayLike,
    holding_cost: npt.ArrayLike,
    demand: npt.ArrayLike,
    need: npt.ArrayLike,
    available: float,
) -> LimitedLots:
    """The quantities of several parts that share money or room and may not need more of it than there is.

    Parameters
    ----------
    order_cost, holding_cost, demand
        As in :func:`economic_order_quantity`, of each part.
    need
        Money or room that a piece of each part takes while its order is whole; above 0.
    available
        What there is of it in all; above 0.

    Returns
    -------
    LimitedLots
        Shape (n,), and the price of a unit of what is short: 0 where there is enough.

    Raises
    ------
    SettingsError
        A value is not above 0.

    Notes
    -----
    Q = sqrt(2 K D / (h + 2 p w)), p the smallest price with sum w Q at most what there is (Hadley & Whitin 1963;
    Nahmias, resource-constrained systems), by bisection.

    Examples
    --------
    >>> lots = order_quantities_within([8, 8], [0.25, 1.0], [1000, 1000], [1.0, 1.0], 240.0)
    >>> lots.quantity.round(2).tolist(), round(lots.price, 4)
    ([139.22, 100.78], 0.2877)
    """
    above_zero(need=need, available=available)
    weight, fixed, holding, flow = floats(need, order_cost, holding_cost, demand)

    def lots_at(price: float) -> Lot:
        return economic_order_quantity(fixed, holding + 2 * price * weight, flow)

    def used(price: float) -> float:
        return float((weight * lots_at(price).quantity).sum())

    low, high = 0.0, 0.0
    if used(0.0) > available:
        high = 1.0
        while used(high) > available:
            low, high = high, 2 * high
        while high - low > PRICE_SETTLED * high:
            middle = (low + high) / 2
            low, high = (low, middle) if used(middle) <= available else (middle, high)
    quantity = np.asarray(lots_at(high).quantity)
    return LimitedLots(quantity, economic_order_quantity(fixed, holding, flow, quantity).cost, high)


def order_quantity_all_units(
    order_cost: npt.ArrayLike,
    holding_rate: npt.ArrayLike,
    demand: npt.ArrayLike,
    breakpoints: npt.ArrayLike,
    unit_costs: npt.ArrayLike,
) -> Lot:
    """The cheapest quantity where a larger order makes every piece of it cheaper.

    Parameters
    ----------
    order_cost, demand
        Money for each order; pieces a year.
    holding_rate
        Share of the unit cost for a year.
    breakpoints, unit_costs
        From this quantity on each piece costs that; the first breakpoint is 0 or the minimum. Regions are the last
        axis: shape (k,) for all parts, or (n, k) where the others have shape (n,).

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
    fixed, rate, flow, start, price = _regions(order_cost, holding_rate, demand, breakpoints, unit_costs)
    end = np.concatenate([start[..., 1:], np.full_like(start[..., :1], np.inf)], axis=-1)
    quantity = np.maximum(np.sqrt(2 * fixed * flow / (rate * price)), start)
    cost = price * flow + fixed * flow / quantity + rate * price * quantity / 2
    return _cheapest(quantity, np.where(quantity < end, cost, np.inf))


def order_quantity_incremental(
    order_cost: npt.ArrayLike,
    holding_rate: npt.ArrayLike,
    demand: npt.ArrayLike,
    breakpoints: npt.ArrayLike,
    unit_costs: npt.ArrayLike,
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
    fixed, rate, flow, start, price = _regions(order_cost, holding_rate, demand, breakpoints, unit_costs)
    end = np.concatenate([start[..., 1:], np.full_like(start[..., :1], np.inf)], axis=-1)
    falls = np.concatenate([np.zeros_like(price[..., :1]), price[..., :-1] - price[..., 1:]], axis=-1)
    extra = np.cumsum(falls * start, axis=-1)
    quantity = np.maximum(np.sqrt(2 * (fixed + extra) * flow / (rate * price)), start)
    cost = price * flow + (fixed + extra) * flow / quantity + rate * (extra + price * quantity) / 2
    return _cheapest(quantity, np.where(quantity <= end, cost, np.inf))


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


def floats(*values: npt.ArrayLike) -> tuple[Floats, ...]:
    """Numbers or arrays, broadcast against each other."""
    return tuple(np.broadcast_arrays(*(np.asarray(one, dtype=np.float64) for one in values)))


def plain(value: npt.NDArray[Any]) -> Any:
    """A number instead of an array without axes."""
    return np.asarray(value).item() if np.ndim(value) == 0 else value


def above_zero(**values: npt.ArrayLike) -> None:
    """Refuse, by its name, a number or an array that is not above 0 throughout."""
    for name, value in values.items():
        given = np.asarray(value)
        if not (given > 0).all():
            raise SettingsError(f"{name} is {given[~(given > 0)].ravel()[0].item()!r}; it must be above 0.")


def _regions(
    order_cost: npt.ArrayLike,
    holding_rate: npt.ArrayLike,
    demand: npt.ArrayLike,
    breakpoints: npt.ArrayLike,
    unit_costs: npt.ArrayLike,
) -> tuple[Floats, ...]:
    """Checked values, broadcast, with the regions of the price as the last axis."""
    above_zero(order_cost=order_cost, holding_rate=holding_rate, demand=demand)
    start, price = np.asarray(breakpoints, dtype=np.float64), np.asarray(unit_costs, dtype=np.float64)
    if not start.ndim or start.shape[-1:] != price.shape[-1:] or not start.size or (np.diff(start) <= 0).any():
        raise SettingsError("breakpoints must rise, one for each unit cost.")
    if price.min() <= 0 or (np.diff(price) > 0).any():
        raise SettingsError("unit costs must be above 0 and must not rise with the quantity.")
    parts = (np.asarray(one, dtype=np.float64)[..., None] for one in (order_cost, holding_rate, demand))
    return floats(*parts, start, price)


def _cheapest(quantity: Floats, cost: Floats) -> Lot:
    """The region of least cost, of equals the first, whose quantity is the smallest."""
    region = np.argmin(cost, axis=-1)
    best = [np.take_along_axis(one, region[..., None], axis=-1)[..., 0] for one in (quantity, cost)]
    return Lot(plain(best[0]), plain(best[1]), plain(region))
