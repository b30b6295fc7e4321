"""Order quantities where the source fails at times, or sends more or fewer pieces than were ordered."""

from __future__ import annotations

import math

from partsopt.errors import SettingsError
from partsopt.replenish.lotsizing import Lot

GOLDEN = (5**0.5 - 1) / 2


def order_quantity_with_disruptions(
    order_cost: float,
    holding_cost: float,
    lost_sale_cost: float,
    demand: float,
    disruption_rate: float,
    recovery_rate: float,
    *,
    approximate: bool = False,
) -> Lot:
    """The economic quantity where the source works and fails for exponential times; what is short is lost.

    Parameters
    ----------
    order_cost, holding_cost, demand
        Money for each order, for a piece and unit of time; pieces for a unit of time.
    lost_sale_cost
        Money for a piece short.
    disruption_rate, recovery_rate
        Failures of a working source, recoveries of a failed one, for a unit of time.
    approximate
        Take the chance that the source has failed as that of a random time: a closed form (Snyder 2014).

    Notes
    -----
    (K + h Q^2 / 2 D + p D psi / mu) / (Q / D + psi / mu), psi the chance that the source has failed when stock runs out
    (Parlar & Berkin 1991; Berk & Arreola-Risa 1994).

    Examples
    --------
    >>> lot = order_quantity_with_disruptions(8, 0.225, 5, 1300, 1.5, 14)  # Snyder & Shen, example 9.1
    >>> round(lot.quantity, 3), round(lot.cost, 4)
    (772.811, 173.95)
    >>> round(order_quantity_with_disruptions(8, 0.225, 5, 1300, 1.5, 14, approximate=True).quantity, 3)  # example 9.2
    773.143
    """
    _above_zero(
        order_cost=order_cost, holding_cost=holding_cost, lost_sale_cost=lost_sale_cost, demand=demand,
        disruption_rate=disruption_rate, recovery_rate=recovery_rate,
    )  # fmt: skip
    share = disruption_rate / (disruption_rate + recovery_rate)
    wait = share * demand * holding_cost
    square = wait**2 + 2 * holding_cost * recovery_rate * demand * (
        order_cost * recovery_rate + demand * lost_sale_cost * share
    )
    simple = (math.sqrt(square) - wait) / (holding_cost * recovery_rate)
    if approximate:
        return Lot(simple, holding_cost * simple)

    def cost(quantity: float) -> float:
        return cost_with_disruptions(
            quantity, order_cost, holding_cost, lost_sale_cost, demand, disruption_rate, recovery_rate
        )

    low, high = simple / 10, simple * 10
    while high - low > 1e-10 * high:
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        low, high = (low, right) if cost(left) <= cost(right) else (left, high)
    best = (low + high) / 2
    return Lot(best, cost(best))


def cost_with_disruptions(
    quantity: float,
    order_cost: float,
    holding_cost: float,
    lost_sale_cost: float,
    demand: float,
    disruption_rate: float,
    recovery_rate: float,
) -> float:
    """Cost of a quantity for a unit of time where the source fails at times; see the function above.

    Examples
    --------
    >>> round(cost_with_disruptions(700, 8, 0.225, 5, 1300, 1.5, 14), 3)
    174.787
    """
    both = disruption_rate + recovery_rate
    failed = disruption_rate / both * -math.expm1(-both * quantity / demand)
    spent = order_cost + holding_cost * quantity**2 / (2 * demand) + lost_sale_cost * demand * failed / recovery_rate
    return spent / (quantity / demand + failed / recovery_rate)


def order_quantity_with_surplus(
    order_cost: float, holding_cost: float, demand: float, surplus_mean: float, surplus_sd: float
) -> Lot:
    """The economic quantity where so many pieces more come than were ordered, negative for fewer.

    Notes
    -----
    Q = sqrt(2 K D / h + Var Y) - E Y (Snyder & Shen 2019, section 9.3.1).

    Examples
    --------
    >>> lot = order_quantity_with_surplus(18500, 0.06, 75000, -15000, 9000)  # example 9.4
    >>> round(lot.quantity, 2), round(lot.cost, 2)
    (230246.37, 12914.78)
    """
    _above_zero(order_cost=order_cost, holding_cost=holding_cost, demand=demand)
    comes = math.sqrt(2 * order_cost * demand / holding_cost + surplus_sd**2)
    return Lot(comes - surplus_mean, holding_cost * comes)


def order_quantity_with_yield(
    order_cost: float, holding_cost: float, demand: float, yield_mean: float, yield_sd: float
) -> Lot:
    """The economic quantity where a random share of what was ordered comes.

    Notes
    -----
    Q = sqrt(2 K D / (h (Var Z + (E Z)^2))) (Snyder & Shen 2019, section 9.3.1).

    Examples
    --------
    >>> lot = order_quantity_with_yield(18500, 0.06, 75000, 0.8333, 0.0198**0.5)  # example 9.5
    >>> round(lot.quantity, 2), round(lot.cost, 2)
    (254477.46, 13086.16)
    """
    _above_zero(order_cost=order_cost, holding_cost=holding_cost, demand=demand, yield_mean=yield_mean)
    square = yield_sd**2 + yield_mean**2
    quantity = math.sqrt(2 * order_cost * demand / (holding_cost * square))
    return Lot(quantity, math.sqrt(2 * order_cost * demand * holding_cost * square) / yield_mean)


def _above_zero(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise SettingsError(f"{name} is {value!r}; it must be above 0.")
