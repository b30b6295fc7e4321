"""Order quantities where the source fails at times, or sends more or fewer pieces than were ordered.

All take numbers or arrays that broadcast; numbers in, numbers out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from partsopt.replenish.lotsizing import Lot, above_zero, floats, plain

Floats = npt.NDArray[np.float64]

GOLDEN = (5**0.5 - 1) / 2


def order_quantity_with_disruptions(
    order_cost: npt.ArrayLike,
    holding_cost: npt.ArrayLike,
    lost_sale_cost: npt.ArrayLike,
    demand: npt.ArrayLike,
    disruption_rate: npt.ArrayLike,
    recovery_rate: npt.ArrayLike,
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
    above_zero(
        order_cost=order_cost, holding_cost=holding_cost, lost_sale_cost=lost_sale_cost, demand=demand,
        disruption_rate=disruption_rate, recovery_rate=recovery_rate,
    )  # fmt: skip
    given = floats(order_cost, holding_cost, lost_sale_cost, demand, disruption_rate, recovery_rate)
    fixed, holding, lost, flow, fails, recovers = given
    share = fails / (fails + recovers)
    wait = share * flow * holding
    square = wait**2 + 2 * holding * recovers * flow * (fixed * recovers + flow * lost * share)
    simple = (np.sqrt(square) - wait) / (holding * recovers)
    if approximate:
        return Lot(plain(simple), plain(holding * simple))
    low, high = simple / 10, simple * 10
    while (high - low > 1e-10 * high).any():
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        is_left = np.less_equal(cost_with_disruptions(left, *given), cost_with_disruptions(right, *given))
        low, high = np.where(is_left, low, left), np.where(is_left, right, high)
    best = (low + high) / 2
    return Lot(plain(best), cost_with_disruptions(best, *given))


def cost_with_disruptions(
    quantity: npt.ArrayLike,
    order_cost: npt.ArrayLike,
    holding_cost: npt.ArrayLike,
    lost_sale_cost: npt.ArrayLike,
    demand: npt.ArrayLike,
    disruption_rate: npt.ArrayLike,
    recovery_rate: npt.ArrayLike,
) -> float | Floats:
    """Cost of a quantity for a unit of time where the source fails at times; see the function above.

    Examples
    --------
    >>> round(cost_with_disruptions(700, 8, 0.225, 5, 1300, 1.5, 14), 3)
    174.787
    """
    size, fixed, holding, lost, flow, fails, recovers = floats(
        quantity, order_cost, holding_cost, lost_sale_cost, demand, disruption_rate, recovery_rate
    )
    failed = fails / (fails + recovers) * -np.expm1(-(fails + recovers) * size / flow)
    spent = fixed + holding * size**2 / (2 * flow) + lost * flow * failed / recovers
    return plain(spent / (size / flow + failed / recovers))


def order_quantity_with_surplus(
    order_cost: npt.ArrayLike,
    holding_cost: npt.ArrayLike,
    demand: npt.ArrayLike,
    surplus_mean: npt.ArrayLike,
    surplus_sd: npt.ArrayLike,
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
    above_zero(order_cost=order_cost, holding_cost=holding_cost, demand=demand)
    fixed, holding, flow, mean, sd = floats(order_cost, holding_cost, demand, surplus_mean, surplus_sd)
    comes = np.sqrt(2 * fixed * flow / holding + sd**2)
    return Lot(plain(comes - mean), plain(holding * comes))


def order_quantity_with_yield(
    order_cost: npt.ArrayLike,
    holding_cost: npt.ArrayLike,
    demand: npt.ArrayLike,
    yield_mean: npt.ArrayLike,
    yield_sd: npt.ArrayLike,
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
    above_zero(order_cost=order_cost, holding_cost=holding_cost, demand=demand, yield_mean=yield_mean)
    fixed, holding, flow, mean, sd = floats(order_cost, holding_cost, demand, yield_mean, yield_sd)
    square = sd**2 + mean**2
    cost = np.sqrt(2 * fixed * flow * holding * square) / mean
    return Lot(plain(np.sqrt(2 * fixed * flow / (holding * square))), plain(cost))
