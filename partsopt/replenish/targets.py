"""The system approach: levels of all parts together, so that money goes where it buys most service.

Every part has a staircase of levels, each with its cost and its exact fill rate. One price of service
(a Lagrange multiplier) chooses a step of every staircase; raising the price buys the steps in the order of
service for money. Steps are taken on the concave envelope, because the fill rate is not concave at small
levels; what the envelope leaves open between two steps is settled by a search bounded by reduced costs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.errors import SettingsError
from partsopt.replenish.chain import Delay, Demand, chain_stairs, matched, no_delay
from partsopt.replenish.service import batch_fill_rate, level_for_fill_rate
from partsopt.replenish.staircase import cheapest_combination, envelope

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

ENOUGH = 1.0 - 1e-6  # a staircase without a cap ends at this fill rate
COARSE_STEPS = 64  # of the staircase of a part with demand too large to walk piece by piece
MOST_NODES = 200_000  # of the search between the envelope's steps; stopping there is said, with the gap
ROUNDING = 1e-12  # relative error of sums


class Staircases(NamedTuple):
    """Levels of each part and their fill rates; part i has the entries ``start[i]`` to ``start[i + 1]``."""

    start: Wholes
    level: Wholes
    fill_rate: Floats


class Purchase(NamedTuple):
    """Envelope steps of all parts, best service for money first: whose, to which entry, money and service added."""

    part: Wholes
    entry: Wholes
    money: Floats
    service: Floats


class Searched(NamedTuple):
    """An entry of each part, and how good the choice is, in the words of ``solver_runs``."""

    entry: Wholes
    status: str
    objective: float
    bound: float
    gap: float
    nodes: int


class SystemLevels(NamedTuple):
    """Levels chosen together, what they cost and serve, and how good the choice is, in the words of ``solver_runs``."""

    order_up_to_level: Wholes
    fill_rate: Floats
    money: float
    service: float
    status: str
    objective: float
    bound: float
    gap: float
    nodes: int


def service_weights(
    demands_per_year: npt.ArrayLike,
    pieces_per_year: npt.ArrayLike,
    unit_cost: npt.ArrayLike,
    criticality_score: npt.ArrayLike,
    shares: dict[str, float],
) -> Floats:
    """Weight of each part's fill rate in the service of the whole; they add up to 1.

    Parameters
    ----------
    demands_per_year, pieces_per_year, unit_cost, criticality_score
        Of each part, 0 or more, shape (n,).
    shares
        Weight of each measure: ``lines`` (demands), ``units`` (pieces), ``value`` (pieces times cost), ``criticality``
        (demands times score). They are made to add up to 1.

    Raises
    ------
    SettingsError
        An unknown measure, a negative share, or no share above 0.

    Examples
    --------
    >>> service_weights([1, 3], [2, 2], [9, 1], [1, 1], {"lines": 0.5, "value": 0.5}).tolist()
    [0.575, 0.425]
    """
    lines = np.asarray(demands_per_year, dtype=np.float64)
    pieces = np.asarray(pieces_per_year, dtype=np.float64)
    measures = {
        "lines": lines,
        "units": pieces,
        "value": pieces * np.asarray(unit_cost, dtype=np.float64),
        "criticality": lines * np.asarray(criticality_score, dtype=np.float64),
    }
    unknown = sorted(set(shares) - set(measures))
    if unknown:
        raise SettingsError(f"{unknown[0]} is not a measure of service; they are {', '.join(measures)}.")
    if any(share < 0 for share in shares.values()) or sum(shares.values()) <= 0:
        raise SettingsError(f"the weights of service are {shares}; none may be negative, and one must be above 0.")
    weight = np.zeros(len(lines))
    for name, share in shares.items():
        total = measures[name].sum()
        if total > 0:
            weight += share * measures[name] / total
    given = weight.sum()
    return weight / given if given > 0 else np.full(len(lines), 1.0 / max(len(lines), 1))


def staircases(
    mean_over_lead_time: npt.ArrayLike,
    mean_over_protection: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    weights: npt.ArrayLike,
    batch: npt.ArrayLike,
    lowest: npt.ArrayLike,
    highest: npt.ArrayLike,
) -> Staircases:
    """Exact fill rates of the levels of each part from ``lowest`` to ``highest``.

    Parameters
    ----------
    mean_over_lead_time, mean_over_protection, weights
        Shape (n, k) for k possible lead times, as in :func:`partsopt.replenish.service.fill_rate`.
    variance_to_mean, batch
        Shape (n,); the fill rate is the mean over ``batch`` neighbouring positions.
    lowest, highest
        Levels, whole pieces, 0 or more, shape (n,); the staircase ends earlier where the fill rate is 1 but for a
        millionth. Demand too large to walk has 64 steps.

    Examples
    --------
    >>> stairs = staircases([[1.4]], [[2.8]], [1.0], [[1.0]], [1], [5], [7])
    >>> stairs.level.tolist(), stairs.fill_rate.round(4).tolist()
    ([5, 6, 7], [0.9307, 0.9749, 0.9919])
    """
    part = Demand(
        np.asarray(mean_over_lead_time, dtype=np.float64),
        np.asarray(mean_over_protection, dtype=np.float64),
        np.asarray(variance_to_mean, dtype=np.float64),
        np.asarray(weights, dtype=np.float64),
        np.asarray(batch, dtype=np.int64),
    )
    return staircases_of(part, no_delay(len(part.batch)), np.asarray(lowest), np.asarray(highest))


def staircases_of(
    part: Demand, delay: Delay, lowest: Wholes, highest: Wholes, cap: npt.ArrayLike = ENOUGH
) -> Staircases:
    """Exact fill rates of the levels from ``lowest`` to ``highest`` or that of ``cap``; the delay at the DC counts."""
    ends = np.minimum(np.broadcast_to(np.asarray(cap, dtype=np.float64), (len(part.batch),)), ENOUGH)
    start, level, fill, _ = chain_stairs(part, delay, lowest, highest, cap=ends)
    left_open = np.flatnonzero(np.diff(start) == 0)
    if not len(left_open):
        return Staircases(start, level, fill)
    large = matched(part.at(left_open), delay.at(left_open))
    top = np.clip(level_for_fill_rate(ends[left_open], *large[:4]), lowest[left_open], highest[left_open])
    parts = [(i, level[start[i] : start[i + 1]], fill[start[i] : start[i + 1]]) for i in range(len(start) - 1)]
    for row, (i, end) in enumerate(zip(left_open.tolist(), top.tolist(), strict=True)):
        steps = np.unique(np.linspace(lowest[i], end, COARSE_STEPS).round().astype(np.int64))
        demand = large.at(np.full(len(steps), row))
        served = batch_fill_rate(steps, demand.batch, *demand[:4])
        parts[i] = (i, steps, np.maximum.accumulate(served))
    sizes = np.array([len(one[1]) for one in parts], dtype=np.int64)
    return Staircases(
        np.concatenate([[0], np.cumsum(sizes)]),
        np.concatenate([one[1] for one in parts]),
        np.concatenate([one[2] for one in parts]),
    )


def purchases(stairs: Staircases, unit_cost: Floats, weight: Floats) -> Purchase:
    """Every step of the envelopes, in the order in which money buys most service; ties by part, then level.

    Cumulated from the lowest levels this is the exchange curve (Fox 1966; Sherbrooke 2004, chapter 2).
    """
    part, before, after = envelope(stairs.start, stairs.level, stairs.fill_rate)
    money = unit_cost[part] * (stairs.level[after] - stairs.level[before])
    service = weight[part] * (stairs.fill_rate[after] - stairs.fill_rate[before])
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(money > 0, service / money, np.inf)
    order = np.lexsort((after, part, -gain))
    return Purchase(part[order], after[order], money[order], service[order])


def system_levels(
    stairs: Staircases,
    unit_cost: npt.ArrayLike,
    weight: npt.ArrayLike,
    *,
    target: float | None = None,
    budget: float | None = None,
    fixed: npt.ArrayLike | None = None,
) -> SystemLevels:
    """Choose a level of every part: the cheapest that reach a service, or the best that a budget pays.

    Parameters
    ----------
    stairs
        Levels that may be chosen, with their fill rates.
    unit_cost, weight
        Money for a piece, and weight of the part's fill rate, shape (n,). Service is the weighted sum.
    target
        Service to reach at least cost.
    budget
        Money that the levels may cost, with most service; exactly one of the two is given.
    fixed
        A planner's level of each part, -1 where there is none; it must be one of its staircase.

    Raises
    ------
    SettingsError
        A target that even the highest levels miss, a budget below the lowest levels, or a fixed level outside its
        staircase; the text says what would be feasible.

    Returns
    -------
    SystemLevels
        ``objective`` is the money (target) or the service (budget), ``bound`` that of the convex relaxation, which no
        choice can beat; ``gap`` is between them. ``status`` is optimal where the search proved that.

    Notes
    -----
    Fox (1966); Sherbrooke (2004); van Houtum & Kranenburg (2015). A choice that is better than the envelope's
    differs from it by steps whose reduced costs add up to less than the gap, so only those are searched.

    Examples
    --------
    >>> stairs = staircases([[1.0], [1.0]], [[2.0], [2.0]], [1.0] * 2, [[1.0]] * 2, [1, 1], [0, 0], [9, 9])
    >>> chosen = system_levels(stairs, [1.0, 10.0], [0.5, 0.5], target=0.9)
    >>> chosen.order_up_to_level.tolist(), chosen.money, round(chosen.service, 4)
    ([7, 3], 37.0, 0.902)
    """
    cost, share = np.asarray(unit_cost, dtype=np.float64), np.asarray(weight, dtype=np.float64)
    if (target is None) == (budget is None):
        raise SettingsError("the system approach needs either a service target or a budget, not both.")
    if (cost < 0).any() or (share < 0).any():
        raise SettingsError("unit costs and weights of the system approach must be 0 or more.")
    if fixed is not None:
        stairs = _only_fixed(stairs, np.asarray(fixed, dtype=np.int64))
    n = len(stairs.start) - 1
    lowest, highest = stairs.start[:-1], stairs.start[1:] - 1
    bought = purchases(stairs, cost, share)
    money = float(cost @ stairs.level[lowest]) + np.concatenate([[0.0], np.cumsum(bought.money)])
    service = float(share @ stairs.fill_rate[lowest]) + np.concatenate([[0.0], np.cumsum(bought.service)])
    goal = checked_goal(target, budget, float(money[0]), float(service[-1]), float(share @ stairs.fill_rate[highest]))
    by_target = target is not None
    if by_target:
        steps = int(np.searchsorted(service, goal * (1 - ROUNDING), side="left"))
    else:
        steps = int(np.searchsorted(money, goal * (1 + ROUNDING), side="right")) - 1
    entry = lowest.copy()
    entry[bought.part[:steps]] = bought.entry[:steps]  # of a part's steps the last, which is the highest
    edge = max(steps - 1, 0) if by_target else min(steps, len(bought.part) - 1)
    price = _price_at(bought, edge, by_target)

    money_of = cost[np.repeat(np.arange(n), np.diff(stairs.start))] * stairs.level
    service_of = share[np.repeat(np.arange(n), np.diff(stairs.start))] * stairs.fill_rate
    best = searched(stairs.start, money_of, service_of, goal, price, entry, by_target)
    return SystemLevels(
        order_up_to_level=stairs.level[best.entry],
        fill_rate=stairs.fill_rate[best.entry],
        money=float(money_of[best.entry].sum()),
        service=float(service_of[best.entry].sum()),
        status=best.status,
        objective=best.objective,
        bound=best.bound,
        gap=best.gap,
        nodes=best.nodes,
    )


def searched(
    start: Wholes, money: Floats, service: Floats, goal: float, price: float, first: Wholes, by_target: bool
) -> Searched:
    """The best choice of one entry for each part: least money for a service, or most service for money.

    Parameters
    ----------
    start, money, service
        Entries of each part, from ``start[i]`` on.
    goal
        Service to reach (``by_target``), or money to keep within.
    price
        Of the bound: money for a unit of service, or service for a unit of money.
    first
        An entry of each part that keeps to the goal.
    """
    aim, limited, least = (money, service, goal) if by_target else (-service, -money, -goal)
    slack = ROUNDING * max(abs(least), 1.0)
    entry, bound, nodes, is_proven = cheapest_combination(start, aim, limited, least - slack, price, first, MOST_NODES)
    objective = float(money[entry].sum() if by_target else service[entry].sum())
    bound = bound if by_target else -bound
    bound = objective if is_proven else min(bound, objective) if by_target else max(bound, objective)
    gap = abs(objective - bound) / abs(objective) if objective else 0.0
    return Searched(entry, "optimal" if is_proven else "feasible", objective, bound, gap, nodes)


def cost_of_fixed(
    stairs: Staircases, unit_cost: npt.ArrayLike, weight: npt.ArrayLike, fixed: npt.ArrayLike, target: float
) -> float:
    """Money that the planner's fixed levels add to the cheapest levels of the same service.

    Examples
    --------
    >>> stairs = staircases([[1.0], [1.0]], [[2.0], [2.0]], [1.0] * 2, [[1.0]] * 2, [1, 1], [0, 0], [9, 9])
    >>> cost_of_fixed(stairs, [1.0, 10.0], [0.5, 0.5], [-1, 5], target=0.9)
    17.0
    """
    bound_to = system_levels(stairs, unit_cost, weight, target=target, fixed=fixed)
    return bound_to.money - system_levels(stairs, unit_cost, weight, target=target).money


def checked_goal(target: float | None, budget: float | None, lowest: float, last: float, most: float) -> float:
    """The target or the budget, if it can be: ``lowest`` money, ``last`` service of the steps, ``most`` of all."""
    if target is not None:
        if not 0 < target < 1:
            raise SettingsError(f"the service target is {target!r}; it must be above 0 and below 1.")
        if target > most * (1 + ROUNDING):
            raise SettingsError(
                f"a service of {100 * target:.10g}% cannot be reached: the highest levels allowed give "
                f"{math.floor(1e6 * most) / 1e4:.4f}%. "
                "Lower the target, or raise the caps or the planner's levels."
            )
        return min(target, last)
    if budget is None or not budget >= 0:
        raise SettingsError(f"the budget is {budget!r}; it must be 0 or more.")
    if budget < lowest * (1 - ROUNDING):
        raise SettingsError(
            f"a budget of {budget:,.2f} does not pay the lowest levels allowed, which cost "
            f"{math.ceil(100 * lowest) / 100:,.2f}. "
            "Raise the budget to that or lower the floors."
        )
    return budget


def _price_at(bought: Purchase, step: int, by_target: bool) -> float:
    """Money for a unit of service (target) or service for a unit of money (budget) at the last step weighed."""
    if not len(bought.part):
        return 0.0
    money, service = float(bought.money[step]), float(bought.service[step])
    if by_target:
        return money / service if service > 0 else 0.0
    return service / money if money > 0 else 0.0


def _only_fixed(stairs: Staircases, fixed: Wholes) -> Staircases:
    """Staircases in which a part with a planner's level has that level alone."""
    part = np.repeat(np.arange(len(stairs.start) - 1), np.diff(stairs.start))
    kept = (fixed[part] < 0) | (stairs.level == fixed[part])
    sizes = np.bincount(part[kept], minlength=len(fixed))
    missing = np.flatnonzero(sizes == 0)
    if len(missing):
        i = int(missing[0])
        levels = stairs.level[stairs.start[i] : stairs.start[i + 1]]
        raise SettingsError(
            f"the fixed level {fixed[i]} of part number {i} is outside {levels[0]} to {levels[-1]}. "
            "Move its floor and cap to the planner's level."
        )
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Staircases(start, stairs.level[kept], stairs.fill_rate[kept])
