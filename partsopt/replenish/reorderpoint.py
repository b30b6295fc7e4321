"""Reorder points of an (s, Q) policy and levels of an (R, S) policy from a service target, normal or whole demand.

The measures of Silver, Pyke & Thomas: P1, the chance of no stock-out in a cycle; P2, the share of demand met from
the shelf; P3, the share of time with stock; B1 to B3, the cost of a stock-out, of a piece short, of a piece short and
unit of time; and the mean time between stock-outs. Every function broadcasts over arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from partsopt.errors import SettingsError
from partsopt.replenish.losses import normal_losses
from partsopt.replenish.service import expected_shortfall, normal_loss, safety_factor

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
FallingIn: TypeAlias = Callable[[Floats], Floats]  # of a safety factor

HALVINGS = 100  # of the bisections: the last interval is below 1e-28 of the first
REACH_SDS = 40.0  # standard deviations in which a safety factor is looked for


class LevelService(NamedTuple):
    """What a level gives at the end of a protection interval: P1, and mean pieces owed and on hand."""

    cycle_service_level: Floats
    backorders: Floats
    on_hand: Floats


class CycleService(NamedTuple):
    """What a reorder point and a lot give: P1, P2, P3, pieces short in a cycle, mean pieces owed and on hand."""

    cycle_service_level: Floats
    fill_rate: Floats
    ready_rate: Floats
    short_per_cycle: Floats
    backorders: Floats
    on_hand: Floats


def reorder_point_normal(safety: npt.ArrayLike, mean: npt.ArrayLike, sd: npt.ArrayLike) -> Floats:
    """The reorder point of a safety factor: mean demand over the lead time, and so many standard deviations.

    Examples
    --------
    >>> round(float(reorder_point_normal(safety_factor(0.9), 58.3, 13.1)), 2)  # Silver, Pyke & Thomas, P1 = 0.90
    75.09
    """
    k, m, s = (np.asarray(one, dtype=np.float64) for one in (safety, mean, sd))
    return np.asarray(m + k * s)


def service_of_reorder_point(
    reorder_point: npt.ArrayLike, quantity: npt.ArrayLike, mean: npt.ArrayLike, sd: npt.ArrayLike
) -> CycleService:
    """Service and stock of (s, Q) under normal lead time demand, exact: backorders carried into a cycle count.

    Parameters
    ----------
    reorder_point, quantity
        s and Q, pieces.
    mean, sd
        Demand over the lead time.

    Notes
    -----
    The position is uniform over s .. s + Q (Hadley & Whitin 1963): P2 = 1 - (G(s) - G(s + Q)) / Q and mean backorders
    (H(s) - H(s + Q)) / Q with first- and second-order losses G and H; P3 = P2 for demand in small pieces.

    Examples
    --------
    >>> got = service_of_reorder_point(126.0, 100.0, 100.0, 25.0)  # Nahmias: type 2 service of 98 %
    >>> round(float(got.fill_rate), 3), round(float(got.cycle_service_level), 3)
    (0.981, 0.851)
    """
    s, q, m, sd = (np.asarray(one, dtype=np.float64) for one in (reorder_point, quantity, mean, sd))
    _above_zero(quantity=q)
    low, high = normal_losses(s, m, sd), normal_losses(s + q, m, sd)
    short = low.above - high.above
    met = 1.0 - short / q
    owed = (low.second_above - high.second_above) / q
    return CycleService(ndtr((s - m) / sd), met, met, short, owed, s + q / 2 - m + owed)


def service_of_level(level: npt.ArrayLike, mean: npt.ArrayLike, sd: npt.ArrayLike) -> LevelService:
    """In-stock chance, backorders and stock of an order-up-to level under normal demand over the protection interval.

    Examples
    --------
    >>> got = service_of_level(625.0, 4 * 80.6, 2 * 58.81)  # Cachon & Terwiesch, the distribution centre
    >>> [round(float(one), 3) for one in got]
    [0.995, 0.188, 302.788]
    """
    losses = normal_losses(level, mean, sd)
    z = (np.asarray(level, dtype=np.float64) - np.asarray(mean)) / np.asarray(sd)
    return LevelService(ndtr(z), losses.above, losses.below)


def safety_factor_of_loss(loss: npt.ArrayLike) -> Floats:
    """The z at which the standard normal loss is this much.

    Examples
    --------
    >>> round(float(safety_factor_of_loss(0.08)), 4)  # Nahmias: type 2 service of 98 %, L(z) = 2 / 25
    1.0212
    """
    wanted = np.asarray(loss, dtype=np.float64)
    _above_zero(loss=wanted)
    return _where_falls_to(lambda z: np.log(np.maximum(normal_loss(z), 1e-300)), np.log(wanted), wanted)


def safety_factor_for_fill_rate(
    target: npt.ArrayLike,
    quantity: npt.ArrayLike,
    sd: npt.ArrayLike,
    *,
    exact: bool = False,
    lost_sales: bool = False,
) -> Floats:
    """Safety factor whose (s, Q) reaches a fill rate, P2, under normal lead time demand.

    Parameters
    ----------
    target
        P2, above 0 and below 1.
    quantity, sd
        Q, and standard deviation of demand over the lead time.
    exact
        Count what is still owed from the cycle before: G(k) - G(k + Q / sd) instead of G(k).
    lost_sales
        What is short is lost, not owed.

    Notes
    -----
    G(k) = Q (1 - P2) / sd, of lost sales Q (1 - P2) / (P2 sd) (Silver, Pyke & Thomas 2017, section 6.7).

    Examples
    --------
    >>> round(100 + 25 * float(safety_factor_for_fill_rate(0.98, 100, 25)), 1)  # Nahmias: R = 126
    125.5
    """
    p2, q, s = (np.asarray(one, dtype=np.float64) for one in (target, quantity, sd))
    _share(target=p2)
    _above_zero(quantity=q, sd=s)
    short = q * (1.0 - p2) / s / (p2 if lost_sales else 1.0)
    if not exact:
        return safety_factor_of_loss(short)
    return _where_falls_to(lambda z: normal_loss(z) - normal_loss(z + q / s), short, q / s)


def safety_factor_for_ready_rate(target: npt.ArrayLike, quantity: npt.ArrayLike, sd: npt.ArrayLike) -> Floats:
    """Safety factor whose (s, Q) has stock this share of the time, P3: that of an exact fill rate, in small pieces.

    Examples
    --------
    >>> low = safety_factor_for_ready_rate(0.98, 100, 25)
    >>> bool(abs(service_of_reorder_point(100 + 25 * low, 100, 100, 25).ready_rate - 0.98) < 1e-9)
    True
    """
    return safety_factor_for_fill_rate(target, quantity, sd, exact=True)


def safety_factor_for_stockout_cost(
    cost: npt.ArrayLike, demand: npt.ArrayLike, quantity: npt.ArrayLike, sd: npt.ArrayLike, holding: npt.ArrayLike
) -> Floats:
    """Safety factor where each stock-out costs B1, however large: where the density is sd Q h / (D B1).

    Parameters
    ----------
    cost
        B1, money for a stock-out.
    demand, quantity
        Pieces a year, and Q.
    sd, holding
        Of demand over the lead time; money for a piece and year.

    Returns
    -------
    Array
        NaN where a stock-out is so cheap that no positive factor pays; the lowest allowed is then management's.

    Notes
    -----
    k = sqrt(2 ln(D B1 / (sqrt(2 pi) Q h sd))) (Silver, Pyke & Thomas 2017, section 6.5).

    Examples
    --------
    >>> round(float(safety_factor_for_stockout_cost(300, 200, 129, 21, 0.2 * 2)), 3)
    2.488
    """
    b, d, q, s, h = (np.asarray(one, dtype=np.float64) for one in (cost, demand, quantity, sd, holding))
    _above_zero(cost=b, demand=d, quantity=q, sd=s, holding=h)
    ratio = d * b / (np.sqrt(2 * np.pi) * q * h * s)
    return np.where(ratio > 1, np.sqrt(2 * np.log(np.maximum(ratio, 1.0))), np.nan)


def safety_factor_for_shortage_cost(
    cost: npt.ArrayLike, demand: npt.ArrayLike, quantity: npt.ArrayLike, holding: npt.ArrayLike
) -> Floats:
    """Safety factor where each piece short costs B2 (as money): the chance of a stock-out is Q h / (D B2).

    Parameters
    ----------
    cost
        Money for a piece short; in the book's words B2 times the unit cost.
    demand, quantity, holding
        Pieces a year, Q, and money for a piece and year.

    Returns
    -------
    Array
        NaN where that chance is above 1: then no safety stock pays.

    Examples
    --------
    >>> round(float(safety_factor_for_shortage_cost(25, 200, 111, 2)), 3)  # Nahmias: F(R) = 0.9557
    1.702
    """
    b, d, q, h = (np.asarray(one, dtype=np.float64) for one in (cost, demand, quantity, holding))
    _above_zero(cost=b, demand=d, quantity=q, holding=h)
    chance = q * h / (d * b)
    return np.where(chance < 1, safety_factor(1.0 - np.minimum(chance, 1.0 - 1e-15)), np.nan)


def safety_factor_for_waiting_cost(
    cost: npt.ArrayLike, quantity: npt.ArrayLike, sd: npt.ArrayLike, holding: npt.ArrayLike
) -> Floats:
    """Safety factor where each piece short costs B3 for a unit of time: G(k) = (Q / sd) h / (b + h).

    Parameters
    ----------
    cost, holding
        Money for a piece short, and held, and the same unit of time.
    quantity, sd
        Q, and standard deviation of demand over the lead time.

    Examples
    --------
    >>> round(float(safety_factor_for_waiting_cost(7.5, 304.05, 43.3, 0.225)), 3)
    0.478
    """
    b, q, s, h = (np.asarray(one, dtype=np.float64) for one in (cost, quantity, sd, holding))
    _above_zero(cost=b, quantity=q, sd=s, holding=h)
    return safety_factor_of_loss(q / s * h / (b + h))


def safety_factor_for_time_between_stockouts(
    time: npt.ArrayLike, demand: npt.ArrayLike, quantity: npt.ArrayLike
) -> Floats:
    """Safety factor with a mean time between stock-outs: the chance of one in a cycle is Q / (D time).

    Parameters
    ----------
    time
        Years, or the unit of time of the demand.
    demand, quantity
        Pieces for a unit of time, and Q.

    Examples
    --------
    >>> round(float(safety_factor_for_time_between_stockouts(2.0, 200, 100)), 4)  # a stock-out every fourth cycle
    0.6745
    """
    years, d, q = (np.asarray(one, dtype=np.float64) for one in (time, demand, quantity))
    _above_zero(time=years, demand=d, quantity=q)
    chance = q / (d * years)
    return np.where(chance < 1, safety_factor(1.0 - np.minimum(chance, 1.0 - 1e-15)), np.nan)


def level_for_fill_rate_normal(
    target: npt.ArrayLike,
    mean_over_review: npt.ArrayLike,
    mean_over_lead_time: npt.ArrayLike,
    sd_over_lead_time: npt.ArrayLike,
    sd_over_protection: npt.ArrayLike,
    *,
    exact: bool = True,
) -> Floats:
    """Order-up-to level of a periodic review whose fill rate reaches a target, normal demand.

    Parameters
    ----------
    target
        P2, above 0 and below 1.
    mean_over_review, mean_over_lead_time
        Demand over R and over L; their sum is that over the protection interval.
    sd_over_lead_time, sd_over_protection
        Standard deviations of demand over L and over R + L.
    exact
        Take off what was short already when the order came: the textbook's G(k) sd = D R (1 - P2) forgets it.

    Examples
    --------
    >>> round(float(level_for_fill_rate_normal(0.98, 80.6, 241.8, 58.81 * 3**0.5, 117.62)), 2)
    534.29
    """
    p2, review, lead, early, late = (
        np.asarray(one, dtype=np.float64)
        for one in (target, mean_over_review, mean_over_lead_time, sd_over_lead_time, sd_over_protection)
    )
    _share(target=p2)
    _above_zero(mean_over_review=review, sd_over_protection=late)

    def short(z: Floats) -> Floats:
        level = review + lead + z * late
        before = np.where(early > 0, normal_losses(level, lead, np.where(early > 0, early, 1.0)).above, 0.0)
        return late * normal_loss(z) - (before if exact else 0.0)

    return np.asarray(review + lead + late * _where_falls_to(short, review * (1.0 - p2), (review + lead) / late))


def reorder_point_for_fill_rate(
    target: npt.ArrayLike, quantity: npt.ArrayLike, mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike = 1.0
) -> Wholes:
    """The smallest whole s whose (s, Q) reaches a fill rate, for Poisson or negative binomial lead time demand.

    Parameters
    ----------
    target
        Above 0 and below 1.
    quantity
        Q, whole pieces; 1 is base stock with level s + 1.
    mean, variance_to_mean
        Demand over the lead time.

    Notes
    -----
    The position is uniform over s + 1 .. s + Q and the pieces of demand come one by one: short is the share
    (E(D - s)+ - E(D - s - Q)+) / Q (Axsäter 2006, section 5.3.4). s may be negative, down to -Q.

    Examples
    --------
    >>> reorder_point_for_fill_rate([0.95, 0.95], [1, 5], [2.0, 2.0]).tolist()
    [5, 3]
    """
    p2, q, m, v = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(one, dtype=np.float64)) for one in (target, quantity, mean, variance_to_mean))
    )
    _share(target=p2)
    _above_zero(quantity=q)

    def misses(s: Floats) -> npt.NDArray[np.bool_]:
        short = expected_shortfall(s, m, v) - expected_shortfall(s + q, m, v)
        return np.asarray(1.0 - short / q < p2 - 1e-12)

    low, high = -q - 1.0, np.ceil(m)
    width = np.ceil(np.sqrt(m * v)) + 1.0
    while (short := misses(high)).any():
        low, high, width = np.where(short, high, low), np.where(short, high + width, high), width * 2
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        below = misses(middle)
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return high.astype(np.int64)


def undershoot(size_mean: npt.ArrayLike, size_variance: npt.ArrayLike) -> Floats:
    """Mean pieces by which the position is below s when an order is placed, demands coming in lots.

    Parameters
    ----------
    size_mean, size_variance
        Of the size of a demand, or of the demand between two looks at the stock.

    Notes
    -----
    E X^2 / (2 E X), of whole pieces less one half (renewal theory; Silver, Pyke & Thomas 2017, section 7.3).

    Examples
    --------
    >>> float(undershoot(4.0, 8.0))  # (8 + 16) / 8 - 1 / 2
    2.5
    """
    m, v = np.asarray(size_mean, dtype=np.float64), np.asarray(size_variance, dtype=np.float64)
    _above_zero(size_mean=m)
    return np.asarray((v + m * m) / (2 * m) - 0.5)


def _where_falls_to(falling: FallingIn, goal: npt.ArrayLike, further: npt.ArrayLike = 0.0) -> Floats:
    """The z at which a falling function of it is at a goal, looked for ``further`` below the reach."""
    wanted = np.asarray(goal, dtype=np.float64)
    low = np.broadcast_to(-REACH_SDS - np.asarray(further), np.broadcast(wanted, falling(np.zeros(wanted.shape))).shape)
    high = -low
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        is_above = falling(middle) > wanted
        low, high = np.where(is_above, middle, low), np.where(is_above, high, middle)
    return np.asarray((low + high) / 2)


def _above_zero(**values: Floats) -> None:
    for name, value in values.items():
        if not (value > 0).all():
            raise SettingsError(f"{name} is {float(value[~(value > 0)][0])!r}; it must be above 0.")


def _share(**values: Floats) -> None:
    for name, value in values.items():
        inside = (value > 0) & (value < 1)
        if not inside.all():
            raise SettingsError(f"{name} is {float(value[~inside][0])!r}; it must be above 0 and below 1.")
