"""Best orders of a finite horizon: prices, discounting, a price of what is left or owed at the end, lead time 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from partsopt.errors import SettingsError

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]


class HorizonLevels(NamedTuple):
    """s and S of each period, and the expected discounted cost from the stock at the start on."""

    reorder_points: Wholes
    order_up_to_levels: Wholes
    cost: float


def horizon_levels(
    demand_pmfs: Sequence[npt.ArrayLike],
    *,
    order_cost: npt.ArrayLike = 0.0,
    holding: npt.ArrayLike,
    shortage: npt.ArrayLike,
    unit_cost: npt.ArrayLike = 0.0,
    end_holding: float = 0.0,
    end_shortage: float = 0.0,
    discount: float = 1.0,
    on_hand: int = 0,
) -> HorizonLevels:
    """The best s and S of each period of a horizon, by dynamic programming over the stock.

    Parameters
    ----------
    demand_pmfs
        Of each period: probability of demand 0, 1, ...; made to add up to 1.
    order_cost, holding, shortage, unit_cost
        Money for an order, a piece left and short at the end of a period, and a piece bought: one, or one a period.
    end_holding, end_shortage
        Money for a piece left, and owed, at the end of the horizon; negative for what is worth something.
    discount
        What money of the next period is worth now, above 0 and at most 1.
    on_hand
        Stock before the first order; below zero what is owed.

    Raises
    ------
    SettingsError
        No period, a negative cost, or a discount outside (0, 1].

    Notes
    -----
    Scarf (1960); Snyder & Shen (2019), sections 4.3.3 and 4.4.3. Order up to S where the stock is at or
    below s. Without an order cost s = S, the base stock.

    Examples
    --------
    >>> certain = [0.0, 0.0, 1.0]
    >>> plan = horizon_levels([certain, certain], order_cost=1.5, holding=1.0, shortage=10.0)
    >>> plan.order_up_to_levels.tolist(), plan.cost
    ([2, 2], 3.0)
    """
    n = len(demand_pmfs)
    if n == 0:
        raise SettingsError("a horizon needs a period.")
    fixed, held, owed, price = (
        np.broadcast_to(np.asarray(one, dtype=np.float64), (n,)) for one in (order_cost, holding, shortage, unit_cost)
    )
    if min(fixed.min(), held.min(), owed.min(), price.min()) < 0 or not 0 < discount <= 1:
        raise SettingsError("costs of a horizon must be 0 or more, and its discount above 0 and at most 1.")
    pmfs = [np.asarray(pmf, dtype=np.float64) / np.sum(pmf) for pmf in demand_pmfs]
    reach = sum(len(pmf) - 1 for pmf in pmfs)
    low, high = min(on_hand, 0) - reach, max(on_hand, 0) + reach
    stock = np.arange(low, high + 1)
    value = end_holding * np.maximum(stock, 0.0) + end_shortage * np.maximum(-stock, 0.0)
    slope = -end_shortage  # of the value below the grid, where something is owed
    reorder, up_to = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    for t in range(n - 1, -1, -1):
        run = held[t] * np.maximum(stock, 0) + owed[t] * np.maximum(-stock, 0) + discount * value
        below = run[0] + (discount * slope - owed[t]) * -np.arange(len(pmfs[t]) - 1, 0, -1)
        after = price[t] * stock + np.convolve(np.concatenate([below, run]), pmfs[t], mode="valid")
        cheapest = np.minimum.accumulate(after[::-1])[::-1]
        best = int(np.argmin(after))
        is_ordered = (fixed[t] + cheapest < after - 1e-9 * max(abs(float(after[best])), 1.0)) & (stock < stock[best])
        up_to[t] = stock[best]
        reorder[t] = stock[is_ordered].max() if is_ordered.any() else low - 1
        if fixed[t] == 0:
            reorder[t] = up_to[t]
        value = np.minimum(after, fixed[t] + cheapest) - price[t] * stock
        slope = -price[t]  # what is owed is ordered at once, or costs that and more
        value = np.where(stock < reorder[t], fixed[t] + float(after[best]) - price[t] * stock, value)
    return HorizonLevels(reorder, up_to, float(value[on_hand - low]))


def normal_pmf(mean: float, sd: float, reach: float = 6.0) -> Floats:
    """Chances of 0, 1, ... of normal demand rounded to whole pieces, what is below zero at zero.

    Examples
    --------
    >>> normal_pmf(2.0, 0.5).round(4).tolist()
    [0.0013, 0.1573, 0.6827, 0.1573, 0.0013, 0.0]
    """
    if not sd > 0:
        raise SettingsError(f"the standard deviation of demand is {sd!r}; it must be above 0.")
    edges = np.arange(int(np.ceil(max(mean + reach * sd, 0.0))) + 1) + 0.5
    return np.diff(ndtr((edges - mean) / sd), prepend=0.0)
