"""Spares one by one where they prevent most backorders for their money: Sherbrooke's marginal analysis."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.errors import SettingsError
from partsopt.replenish.echelon import dealer_service
from partsopt.replenish.service import demand_quantile, demand_tail, expected_shortfall

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

REST = 1e-12  # chance of more pieces under way than the spares that are weighed


class Spares(NamedTuple):
    """Spares bought one after the other: the part of each, money, expected backorders and availability after it.

    The first entry is without any spare: part -1.
    """

    part: Wholes
    money: Floats
    backorders: Floats
    availability: Floats


class SplitSpares(NamedTuple):
    """Spares at the DC and at each dealer, and expected backorders of all dealers."""

    dc_level: int
    dealer_levels: Wholes
    backorders: float


def marginal_spares(
    pipeline: npt.ArrayLike,
    unit_cost: npt.ArrayLike,
    *,
    variance_to_mean: npt.ArrayLike = 1.0,
    per_vehicle: npt.ArrayLike = 1,
    vehicles: float = 1.0,
    budget: float | None = None,
    backorders: float | None = None,
    availability: float | None = None,
) -> Spares:
    """The order in which to buy spares, and what each buys, up to a budget or a goal.

    Parameters
    ----------
    pipeline, variance_to_mean
        Mean pieces of each part under way or in repair, shape (n,); 1 is Poisson (Palm).
    unit_cost
        Money for a piece, above 0.
    per_vehicle, vehicles
        Pieces of each part in a vehicle, and vehicles, of which availability is counted.
    budget
        Money that the spares may cost; the last that is paid in full is the last entry.
    backorders, availability
        Goals: the first entry that reaches them is the last.

    Raises
    ------
    SettingsError
        No goal or more than one, or a cost that is not above 0.

    Notes
    -----
    Sherbrooke (2004), chapter 2: expected backorders are convex in S and fall by P(X > S) with the next piece, so the
    pieces in the order of P(X > S) / cost are best for the money of every prefix. Availability is the product over
    parts of (1 - EBO / (vehicles x pieces))^pieces.

    Examples
    --------
    >>> spares = marginal_spares([1.0, 4.0], [5.0, 1.0], budget=8.0)  # Sherbrooke's two parts
    >>> spares.part.tolist(), spares.backorders.round(3).tolist()
    ([-1, 1, 1, 1, 1, 1, 1], [5.0, 4.018, 3.11, 2.348, 1.781, 1.41, 1.195])
    """
    mean, cost, ratio, many = np.broadcast_arrays(
        *(
            np.atleast_1d(np.asarray(one, dtype=np.float64))
            for one in (pipeline, unit_cost, variance_to_mean, per_vehicle)
        )
    )
    if [budget, backorders, availability].count(None) != 2:
        raise SettingsError("marginal spares need one goal: a budget, expected backorders or an availability.")
    if not (cost > 0).all() or (mean < 0).any() or not (many >= 1).all() or not vehicles > 0:
        raise SettingsError(
            "unit costs and vehicles must be above 0, pipelines 0 or more, pieces of a vehicle 1 or more."
        )
    most = demand_quantile(1.0 - REST, mean, ratio)
    part = np.repeat(np.arange(len(mean)), most)
    level = np.arange(len(part)) - np.repeat(np.cumsum(most) - most, most)  # before the piece
    gain = demand_tail(level + 1, mean[part], ratio[part])
    order = np.lexsort((level, part, -gain / cost[part]))
    part, level, gain = part[order], level[order], gain[order]
    spent = np.concatenate([[0.0], np.cumsum(cost[part])])
    left = float(mean.sum()) - np.concatenate([[0.0], np.cumsum(gain)])
    before = expected_shortfall(level, mean[part], ratio[part])
    ready = _availability(mean, before, before - gain, part, many, vehicles)
    if budget is not None:
        last = int(np.searchsorted(spent, budget * (1 + 1e-12), side="right"))
    elif backorders is not None:
        last = int(np.argmax(left <= backorders)) + 1 if (left <= backorders).any() else len(left)
    else:
        goal = float(availability or 0.0)
        last = int(np.argmax(ready >= goal)) + 1 if (ready >= goal).any() else len(left)
    bought = np.concatenate([[-1], part])
    return Spares(bought[:last], spent[:last], np.maximum(left[:last], 0.0), ready[:last])


def levels_of(spares: Spares, n_parts: int) -> Wholes:
    """Spares of each part after all entries.

    Examples
    --------
    >>> levels_of(marginal_spares([1.0, 4.0], [5.0, 1.0], budget=13.0), 2).tolist()
    [1, 7]
    """
    return np.bincount(spares.part[1:], minlength=n_parts)


def split_spares(
    rates: npt.ArrayLike, dc_lead_time: float, dealer_lead_time: npt.ArrayLike, spares: int, method: str = "exact"
) -> SplitSpares:
    """The best split of a number of spares between a DC and its dealers, one-for-one replenishment.

    Parameters
    ----------
    rates
        Demand of each dealer for a unit of time, Poisson, shape (n,).
    dc_lead_time, dealer_lead_time
        The same unit of time; the dealers' shape (n,) or one.
    spares
        Pieces to be placed, 0 or more.
    method
        Of :func:`partsopt.replenish.echelon.dealer_service`.

    Notes
    -----
    Every level of the DC is tried; given it the dealers' backorders are convex in their levels, so the other pieces go
    one by one where they prevent most (Sherbrooke 1968, METRIC). Of equal splits the smaller level of the DC.

    Examples
    --------
    >>> split = split_spares([0.1, 0.1], 14, 2, 4)
    >>> split.dc_level, split.dealer_levels.tolist()
    (2, [1, 1])
    """
    rate = np.atleast_1d(np.asarray(rates, dtype=np.float64))
    lead = np.broadcast_to(np.asarray(dealer_lead_time, dtype=np.float64), rate.shape)
    if spares < 0 or len(rate) == 0:
        raise SettingsError("a split of spares needs a dealer and 0 spares or more.")
    n, best = len(rate), SplitSpares(-1, np.zeros(len(rate), dtype=np.int64), np.inf)
    steps = np.arange(spares + 2)
    for dc_level in range(spares + 1):
        left = spares - dc_level
        owed = dealer_service(
            np.zeros(n * (left + 1), dtype=np.int64), [rate.sum()], [dc_lead_time], [dc_level],
            np.repeat(rate, left + 1), np.repeat(lead, left + 1), np.tile(steps[: left + 1], n), method,
        ).backorders.reshape(n, left + 1)  # fmt: skip
        gain = -np.diff(owed, axis=1)
        flat = np.argsort(-gain, axis=None, kind="stable")[:left]
        levels = np.bincount(flat // max(left, 1), minlength=n) if left else np.zeros(n, dtype=np.int64)
        total = float(owed[np.arange(n), levels].sum())
        if total < best.backorders - 1e-12:
            best = SplitSpares(dc_level, levels.astype(np.int64), total)
    return best


def _availability(mean: Floats, before: Floats, after: Floats, part: Wholes, many: Floats, vehicles: float) -> Floats:
    """Product over parts of (1 - EBO / installed)^many, without spares and after each; 0 while one factor is."""
    ready, was, will = (
        np.maximum(1.0 - owed / (vehicles * pieces), 0.0)
        for owed, pieces in ((mean, many), (before, many[part]), (after, many[part]))
    )
    logs, log_was, log_will = (np.log(np.where(share > 0, share, 1.0)) for share in (ready, was, will))
    total = float(many @ logs) + np.concatenate([[0.0], np.cumsum(many[part] * (log_will - log_was))])
    empty = int((ready <= 0).sum()) - np.concatenate([[0], np.cumsum((was <= 0) & (will > 0))])
    return np.where(empty > 0, 0.0, np.exp(total))
