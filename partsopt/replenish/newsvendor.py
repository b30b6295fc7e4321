"""One order for one period: the cheapest quantity for any demand, with prices, unsure supply or a later price."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from partsopt.errors import SettingsError
from partsopt.replenish.losses import Distribution, Losses, losses_of, normal_losses, pmf_losses

Floats = npt.NDArray[np.float64]


class Stocked(NamedTuple):
    """Levels and the expected cost of each for a period (or its profit, where the function says so)."""

    level: Floats
    cost: Floats


class Margins(NamedTuple):
    """Money lost on a piece that is missing, and on one that is left over."""

    shortage: Floats
    left_over: Floats


def newsvendor(
    holding: npt.ArrayLike, shortage: npt.ArrayLike, distribution: Distribution, level: npt.ArrayLike | None = None
) -> Stocked:
    """The cheapest quantity for any demand: the smallest with P(D <= S) >= shortage / (shortage + holding).

    Parameters
    ----------
    holding, shortage
        Money for a piece left, and short, at the end of the period; above 0.
    distribution
        Demand of the period, or of lead time and period for a base stock: frozen, of scipy; its parameters may be
        arrays that broadcast with the costs.
    level
        A quantity to be costed instead of the cheapest.

    Raises
    ------
    SettingsError
        A cost is not above 0.

    Notes
    -----
    Arrow, Harris & Marschak (1951); Snyder & Shen (2019), section 4.3.

    Examples
    --------
    >>> from scipy.stats import lognorm, norm
    >>> best = newsvendor(1, 0.1765, lognorm(0.3, scale=np.exp(6)))  # Snyder & Shen, problem 4.8b
    >>> round(float(best.level), 3), round(float(best.cost), 3)
    (295.627, 29.443)
    >>> newsvendor([0.18, 43], [0.7, 79], norm([50, 900], [8, 60])).level.round(3).tolist()
    [56.604, 922.721]
    """
    h, p = _costs(holding, shortage)
    at = np.asarray(distribution.ppf(p / (p + h)) if level is None else level, dtype=np.float64)
    return Stocked(at, cost_of(losses_of(at, distribution), h, p))


def newsvendor_of_pmf(
    holding: npt.ArrayLike, shortage: npt.ArrayLike, values: npt.ArrayLike, chances: npt.ArrayLike
) -> Stocked:
    """The cheapest quantity where demand is one of some values, each with its chance.

    Examples
    --------
    >>> chances = [0.25, 0.05, 0.1, 0.2, 0.15, 0.1, 0.1, 0.05]  # Snyder & Shen, problem 4.7b: one to eight pieces
    >>> best = newsvendor_of_pmf(5e5, 1e6, np.arange(1, 9), chances)
    >>> float(best.level), round(float(best.cost), 6)
    (5.0, 1225000.0)
    """
    h, p = _costs(holding, shortage)
    order = np.argsort(np.asarray(values, dtype=np.float64), kind="stable")
    at, chance = (np.asarray(one, dtype=np.float64)[order] for one in (values, chances))
    reached = np.cumsum(chance)
    place = np.searchsorted(reached, p / (p + h) - 1e-12, side="left")
    level = at[np.minimum(place, len(at) - 1)]
    return Stocked(level, cost_of(pmf_losses(level, at, chance), h, p))


def cost_of(losses: Losses, holding: npt.ArrayLike, shortage: npt.ArrayLike) -> Floats:
    """Expected cost of a level, from its losses: holding below, shortage above.

    Examples
    --------
    >>> round(float(cost_of(normal_losses(60, 50, 8), 0.18, 0.7)), 4)  # 60 pieces instead of the best, 56.6
    2.1561
    """
    return np.asarray(
        np.asarray(holding, dtype=np.float64) * losses.below + np.asarray(shortage, dtype=np.float64) * losses.above
    )


def margins_of(
    price: npt.ArrayLike,
    unit_cost: npt.ArrayLike,
    salvage: npt.ArrayLike,
    holding: npt.ArrayLike = 0.0,
    goodwill: npt.ArrayLike = 0.0,
) -> Margins:
    """What a missing piece and a left-over one lose, from prices.

    Parameters
    ----------
    price, unit_cost, salvage
        Money for a piece sold, bought, and left; price > unit cost > salvage.
    holding, goodwill
        Money besides, for a piece left and for one missing.

    Raises
    ------
    SettingsError
        The three prices are not in that order.

    Examples
    --------
    >>> [float(one) for one in margins_of(1.0, 0.25, 0.125)]
    [0.75, 0.125]
    """
    sold, paid, left, held, lost = (
        np.asarray(one, dtype=np.float64) for one in (price, unit_cost, salvage, holding, goodwill)
    )
    if not ((sold > paid) & (paid > left)).all() or (held < 0).any() or (lost < 0).any():
        raise SettingsError("a newsvendor's price must be above the unit cost, and that above the salvage value.")
    return Margins(sold - paid + lost, paid - left + held)


def newsvendor_of_prices(
    price: float,
    unit_cost: float,
    salvage: float,
    distribution: Distribution,
    holding: float = 0.0,
    goodwill: float = 0.0,
    level: npt.ArrayLike | None = None,
) -> Stocked:
    """The most profitable quantity, and its expected profit as ``cost``.

    Parameters
    ----------
    price, unit_cost, salvage, holding, goodwill
        As in :func:`margins_of`.
    distribution, level
        As in :func:`newsvendor`.

    Notes
    -----
    Profit = (price - unit cost) E D - the cost of :func:`newsvendor` at these margins.

    Examples
    --------
    >>> from scipy.stats import norm
    >>> best = newsvendor_of_prices(1, 0.3, 0.12, norm(50, 8))  # Snyder & Shen, example 4.2
    >>> round(float(best.level), 4), round(float(best.cost), 4)
    (56.604, 33.0024)
    """
    shortage, left_over = margins_of(price, unit_cost, salvage, holding, goodwill)
    best = newsvendor(left_over, shortage, distribution, level)
    return Stocked(best.level, (price - unit_cost) * distribution.stats("mv")[0] - best.cost)


class PooledDemand(NamedTuple):
    """Mean and standard deviation of the demand of several places or products together."""

    mean: Floats
    sd: Floats


def pooled_demand(means: npt.ArrayLike, sds: npt.ArrayLike, correlation: npt.ArrayLike = 0.0) -> PooledDemand:
    """Demand that is served from one stock, from the demands of the places or products.

    Parameters
    ----------
    means, sds
        Of each demand, pieces, shape (..., k).
    correlation
        Between every two of them, one number; or a matrix, shape (k, k).

    Raises
    ------
    SettingsError
        A standard deviation below 0, or correlations that no demands can have.

    Notes
    -----
    The variance of a sum (Eppen 1979, Management Science 25): the safety stock of k equal demands that know
    nothing of each other is sqrt(k) instead of k times that of one.

    Examples
    --------
    >>> pooled = pooled_demand([100, 100, 100, 100], [20, 20, 20, 20])
    >>> float(pooled.mean), float(pooled.sd)
    (400.0, 40.0)
    >>> round(float(pooled_demand([3192, 3192], [1181, 1181], -0.5).sd))
    1181
    """
    mean, sd = np.broadcast_arrays(np.asarray(means, dtype=np.float64), np.asarray(sds, dtype=np.float64))
    given = np.asarray(correlation, dtype=np.float64)
    between = given if given.ndim == 2 else np.where(np.eye(mean.shape[-1], dtype=bool), 1.0, given)
    variance = np.einsum("...i,ij,...j->...", sd, between, sd)
    if (sd < 0).any() or (np.abs(between) > 1).any() or (variance < -1e-9 * (sd**2).sum(axis=-1)).any():
        raise SettingsError("standard deviations must be 0 or more, and correlations those that demands can have.")
    return PooledDemand(mean.sum(axis=-1), np.sqrt(np.maximum(variance, 0.0)))


def newsvendor_with_later_price(
    holding: npt.ArrayLike,
    shortage: npt.ArrayLike,
    unit_cost: npt.ArrayLike,
    unit_cost_next: npt.ArrayLike,
    mean: npt.ArrayLike,
    sd: npt.ArrayLike,
    discount: npt.ArrayLike = 1.0,
) -> Stocked:
    """The best level of a period whose left-over pieces save the next period's price: the myopic base stock.

    Parameters
    ----------
    holding, shortage
        As in :func:`newsvendor`.
    unit_cost, unit_cost_next, discount
        Price of a piece now and in the next period, and what money of the next period is worth now.
    mean, sd
        Normal demand of the period.

    Raises
    ------
    SettingsError
        The price falls by more than a shortage costs, or rises by more than holding does.

    Notes
    -----
    P(D <= S) = (p - c+) / (p + h) with c+ = c - discount x c_next; cost c S + g(S) - discount x c_next (S - E D)
    (Veinott 1966).

    Examples
    --------
    >>> best = newsvendor_with_later_price(0.18, 0.7, 0.3, 0.35, 50, 8, 0.98)
    >>> round(float(best.level), 4), round(float(best.cost), 4)
    (58.0989, 16.6824)
    """
    h, p = _costs(holding, shortage)
    now, then, m, s, worth = (
        np.asarray(one, dtype=np.float64) for one in (unit_cost, unit_cost_next, mean, sd, discount)
    )
    falls = now - worth * then
    if ((falls <= -h) | (falls >= p)).any():
        raise SettingsError("the price must rise by less than holding costs, and fall by less than a shortage does.")
    level = np.asarray(m + s * ndtri((p - falls) / (p + h)))
    cost = now * level + cost_of(normal_losses(level, m, s), h, p) - worth * then * (level - m)
    return Stocked(level, cost)


def newsvendor_with_disruptions(
    holding: float, shortage: float, demand: float, disruption: float, recovery: float, level: float | None = None
) -> Stocked:
    """The best base stock for known demand where the source fails and recovers.

    Parameters
    ----------
    holding, shortage
        As in :func:`newsvendor`.
    demand
        Pieces of each period.
    disruption, recovery
        Chance that a working source fails by the next period, and that a failed one works again; in (0, 1).
    level
        A base stock to be costed instead of the best.

    Notes
    -----
    S = d (1 + F^-1(p / (p + h))), F the distribution of the periods since the source worked: P(0) = r / (a + r),
    P(n) = a r (1 - r)^(n - 1) / (a + r) (Tomlin 2006; Snyder & Shen 2019, section 9.2.2). Summed to 1e-16.

    Examples
    --------
    >>> best = newsvendor_with_disruptions(0.25, 3, 2000, 0.04, 0.25)  # Snyder & Shen, example 9.3
    >>> float(best.level), round(float(best.cost), 3)
    (8000.0, 2737.069)
    """
    h, p = _costs(holding, shortage)
    if not (0 < disruption < 1 and 0 < recovery < 1 and demand > 0):
        raise SettingsError("demand must be above 0, and the chances of failing and recovering between 0 and 1.")
    beyond = disruption / (disruption + recovery)
    longest = 2 + int(np.ceil(np.log(1e-16 / beyond) / np.log1p(-recovery)))
    reached = 1.0 - beyond * (1.0 - recovery) ** np.arange(max(longest, 2))
    chance = np.diff(reached, prepend=0.0)
    best = demand * (1 + int(np.searchsorted(reached, float(p / (p + h)) - 1e-15, side="left")))
    at = float(best if level is None else level)
    off = at - demand * (1 + np.arange(len(chance)))
    cost = (h * np.maximum(off, 0.0) + p * np.maximum(-off, 0.0)) @ chance
    return Stocked(np.asarray(at), np.asarray(cost))


def newsvendor_with_yield(
    holding: npt.ArrayLike, shortage: npt.ArrayLike, demand: npt.ArrayLike, surplus: Distribution
) -> Stocked:
    """The best quantity to order for known demand where more or fewer pieces come than were ordered.

    Parameters
    ----------
    holding, shortage
        As in :func:`newsvendor`.
    demand
        Pieces.
    surplus
        Pieces that come beyond those ordered, negative where fewer do: a frozen distribution of scipy.

    Notes
    -----
    Q = d - F^-1(h / (h + p)) (Snyder & Shen 2019, section 9.3.2).

    Examples
    --------
    >>> from scipy.stats import uniform
    >>> best = newsvendor_with_yield(15, 75, 1.5e6, uniform(-5e5, 1e6))  # Snyder & Shen, example 9.6
    >>> round(float(best.level), 2), round(float(best.cost), 2)
    (1833333.33, 6250000.0)
    """
    h, p = _costs(holding, shortage)
    spare = np.asarray(surplus.ppf(h / (h + p)), dtype=np.float64)
    losses = losses_of(spare, surplus)
    return Stocked(np.asarray(demand, dtype=np.float64) - spare, p * losses.below + h * losses.above)


def _costs(holding: npt.ArrayLike, shortage: npt.ArrayLike) -> tuple[Floats, Floats]:
    h, p = np.asarray(holding, dtype=np.float64), np.asarray(shortage, dtype=np.float64)
    for name, values in (("holding cost", h), ("shortage cost", p)):
        if not (values > 0).all():
            raise SettingsError(f"the {name} is {float(values[~(values > 0)][0])!r}; it must be above 0.")
    return h, p
