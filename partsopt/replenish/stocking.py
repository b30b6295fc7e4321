"""Whether keeping a part pays: the cost of stock against that of emergency orders, with hysteresis."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.errors import SettingsError
from partsopt.replenish.lifecycle import holding_rates
from partsopt.replenish.pairs import Pairs
from partsopt.replenish.position import LARGEST_LISTED
from partsopt.replenish.service import expected_on_hand, fill_rate, level_for_cycle_service_level, level_for_fill_rate
from partsopt.settings import ReplenishParams
from partsopt.tables import EXCEPTIONS, LIFECYCLES, SITE_PART, declare_exception, empty, exceptions_of

STOCKING_DIFFERS = declare_exception(
    "stocking_differs",
    stage="replenish",
    says="economics and the number of demands a year disagree on whether to stock a part",
    action="look at the largest, or let replenish.stocking_rule be the other one; money is a year's difference",
)

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

DAYS_PER_YEAR = 365.0
POINTS, POINT_WEIGHTS = np.polynomial.legendre.leggauss(5)  # of the review period, for mean stock over time


class StockingCosts(NamedTuple):
    """Money a year of stocking a part and of not stocking it, and the service and stock of the level; shape (n,)."""

    stocked: Floats
    not_stocked: Floats
    fill_rate: Floats
    on_hand: Floats


def stocking_costs(
    level: npt.ArrayLike,
    demand_per_year: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    review_period_days: npt.ArrayLike,
    lead_time_days: npt.ArrayLike,
    unit_cost: npt.ArrayLike,
    holding_rate_per_year: float,
    emergency_extra_cost: npt.ArrayLike,
    obsolescence_per_year: npt.ArrayLike = 0.0,
    moments: int = 201,
) -> StockingCosts:
    """Yearly cost of serving a part from stock, and of an emergency order for every piece.

    Parameters
    ----------
    level
        S if the part is stocked, whole pieces, shape (n,).
    demand_per_year, variance_to_mean
        Pieces; 1 is Poisson.
    review_period_days, lead_time_days
        T above 0, and L.
    unit_cost, emergency_extra_cost
        Money for a piece; money more for a piece bought in an emergency.
    holding_rate_per_year, obsolescence_per_year
        Shares of the value on hand.
    moments
        Stock is averaged over so many evenly spaced times of the review period, both ends included, as one would in a
        table (201 are within 1e-5 pieces); 0 is the exact mean over time, by five Gauss-Legendre points.

    Raises
    ------
    SettingsError
        A negative holding rate, cost or obsolescence, or a review period of 0.

    Notes
    -----
    Stocked: (holding + obsolescence) c E(on hand) + demand (1 - fill rate) extra; not stocked: demand times
    extra.

    Examples
    --------
    >>> costs = stocking_costs([1], [1.0], [1.0], [7.0], [5.0], [80.0], 0.25, [30.0])
    >>> round(float(costs.stocked[0]), 2), float(costs.not_stocked[0])
    (20.23, 30.0)
    """
    level, demand, ratio, review, lead, cost, extra, lost = np.broadcast_arrays(
        *(
            np.atleast_1d(np.asarray(one, dtype=np.float64))
            for one in (
                level,
                demand_per_year,
                variance_to_mean,
                review_period_days,
                lead_time_days,
                unit_cost,
                emergency_extra_cost,
                obsolescence_per_year,
            )
        )
    )
    for name, values, holds, rule in (
        ("review_period_days", review, review > 0, "above 0"),
        ("lead_time_days", lead, lead >= 0, "0 or more"),
        ("unit_cost", cost, cost >= 0, "0 or more"),
        ("emergency_extra_cost", extra, extra >= 0, "0 or more"),
        ("obsolescence_per_year", lost, lost >= 0, "0 or more"),
        (
            "holding_rate_per_year",
            np.array([holding_rate_per_year]),
            np.array([holding_rate_per_year >= 0]),
            "0 or more",
        ),
    ):
        if not holds.all():
            raise SettingsError(f"{name} is {float(values[~holds][0])!r}; it must be {rule}.")
    rate = demand / DAYS_PER_YEAR
    share_met = fill_rate(level, rate * lead, rate * (lead + review), ratio)
    on_hand = np.zeros(len(level))
    points = np.linspace(0.0, 1.0, moments) if moments else (POINTS + 1) / 2
    weights = np.full(moments, 1.0 / moments) if moments else POINT_WEIGHTS / 2
    for point, weight in zip(points, weights, strict=True):
        on_hand += weight * expected_on_hand(level, rate * (lead + review * point), ratio)
    stocked = (holding_rate_per_year + lost) * cost * on_hand + demand * (1.0 - share_met) * extra
    return StockingCosts(stocked, demand * extra, share_met, on_hand)


def break_even_demand(costs: StockingCosts, demand_per_year: npt.ArrayLike) -> Floats:
    """Demand a year from which stocking pays at this fill rate: what stock holds over what a piece met saves.

    Parameters
    ----------
    costs
        Of :func:`stocking_costs`.
    demand_per_year
        As given there, above 0.

    Examples
    --------
    >>> costs = stocking_costs([1], [1.0], [1.0], [7.0], [5.0], [80.0], 0.25, [30.0])
    >>> round(float(break_even_demand(costs, [1.0])[0]), 6)
    0.666667
    """
    saves = costs.not_stocked * costs.fill_rate
    holds = costs.stocked - (costs.not_stocked - saves)
    return np.asarray(demand_per_year, dtype=np.float64) * holds / saves


def stocking_decision(costs: StockingCosts, was_stocked: npt.ArrayLike, margin: float = 0.2) -> Flags:
    """Whether to stock, changing only where it pays by a margin, so that parts near the edge do not flip nightly.

    Parameters
    ----------
    costs
        Of :func:`stocking_costs`.
    was_stocked
        Whether each part is stocked now.
    margin
        What stock saves must exceed what it costs by this share to start, and fall short of it by this share
        to stop.

    Notes
    -----
    What stock costs is its holding; what it saves is the emergency orders it makes needless.

    Examples
    --------
    >>> costs = stocking_costs([1] * 2, [2.0] * 2, [1.0] * 2, [28.0] * 2, [45.0] * 2, [500.0] * 2, 0.25, [60.0] * 2)
    >>> stocking_decision(costs, [False, True]).tolist()  # it costs 4 % more than it saves
    [False, True]
    """
    if not 0 <= margin < 1:
        raise SettingsError(f"the margin of the stocking decision is {margin!r}; it must be 0 or more and below 1.")
    saves = costs.not_stocked * costs.fill_rate
    holds = costs.stocked - (costs.not_stocked - saves)
    was = np.broadcast_to(np.asarray(was_stocked, dtype=bool), saves.shape)
    return np.where(was, saves >= holds * (1 - margin), saves > holds * (1 + margin))


# --------------------------------------------------------------------------- of pairs


class Stocking(NamedTuple):
    """The pairs with what is stocked by the rule, and the exceptions where the two rules differ."""

    pairs: Pairs
    exceptions: pd.DataFrame


def stocking_of(
    pairs: Pairs,
    chosen: pd.DataFrame,
    review_days: Floats,
    service_target: Floats,
    stocked_now: Flags,
    params: ReplenishParams,
) -> Stocking:
    """Decide by ``replenish.stocking_rule`` what is stocked, and tell where the other rule says otherwise.

    Economics weighs the class's level at the expected demand against emergency orders. By that rule a part that lies
    there changes only by the margin; told are differences by the margin too. What is ended is not stocked by
    either, vital parts of a DC and new parts stay as classify says: costs do not know them. A planner's level stays.

    Parameters
    ----------
    pairs, chosen, review_days, service_target
        Pairs, their sources, T and target.
    stocked_now
        Whether pieces of each pair are on hand or on order.
    params
        The rule, costs and the margin.
    """
    rows = pairs.rows
    by_hits = rows["is_stocked"].to_numpy()
    by_economics = params.stocking_rule == "economics"
    if not (by_economics or params.tell_stocking):
        return Stocking(pairs, empty(EXCEPTIONS))
    was = stocked_now if by_economics else by_hits
    at, costs = _weighed(pairs, chosen, review_days, service_target, was, params)
    by_costs = by_hits.copy()
    by_costs[at] = stocking_decision(costs, was[at], params.stocking_margin)
    is_stocked = by_costs if by_economics else by_hits
    by_rule = np.where(rows["fixed_level"].to_numpy() < 0, is_stocked, rows["is_stocked_by_rule"].to_numpy())
    decided = pairs._replace(rows=rows.assign(is_stocked=is_stocked, is_stocked_by_rule=by_rule))
    if not params.tell_stocking:
        return Stocking(decided, empty(EXCEPTIONS))
    differs = np.flatnonzero(by_costs[at] != by_hits[at])
    told = rows.iloc[at[differs]][["site_id", "part_id", "demands_per_year"]].assign(
        is_stocked=is_stocked[at[differs]], kept=costs.stocked[differs], bought=costs.not_stocked[differs]
    )
    return Stocking(decided, _differences(told, by_economics))


def _differences(told: pd.DataFrame, by_economics: bool) -> pd.DataFrame:
    """A line for each of the largest differences of the network, and one for the others of either kind.

    Parameters
    ----------
    told
        Pairs with is_stocked, demands_per_year, and the yearly cost of stock (kept) and of emergencies (bought).
    by_economics
        Whether economics decided, and not the demands a year.
    """
    ranked = told.assign(money=(told["kept"] - told["bought"]).abs()).sort_values(
        ["money", *SITE_PART], ascending=[False, True, True], ignore_index=True
    )
    listed, others = ranked.iloc[:LARGEST_LISTED], ranked.iloc[LARGEST_LISTED:]
    rule, turn = (" by economics", ":") if by_economics else ("", ", though")
    what = [
        f"{'stocked' if now else 'not stocked'}{rule} at {n:.1f} demands a year{turn} "
        f"a year costs {kept:,.2f} in stock and {bought:,.2f} without"
        for now, n, kept, bought in zip(
            listed["is_stocked"], listed["demands_per_year"], listed["kept"], listed["bought"], strict=True
        )
    ]
    rest = others.groupby("is_stocked", as_index=False).agg(money=("money", "sum"), n=("money", "size"))
    said = [
        f"{n:,} more {'are' if now else 'are not'} stocked against the other rule"
        for now, n in zip(rest["is_stocked"], rest["n"], strict=True)
    ]
    rest = rest.assign(site_id="", part_id="")
    return pd.concat(
        [
            exceptions_of(STOCKING_DIFFERS, listed, what=what, money=listed["money"]),
            exceptions_of(STOCKING_DIFFERS, rest, what=said, money=rest["money"]),
        ],
        ignore_index=True,
    )


def _weighed(
    pairs: Pairs,
    chosen: pd.DataFrame,
    review_days: Floats,
    service_target: Floats,
    was: Flags,
    params: ReplenishParams,
) -> tuple[Wholes, StockingCosts]:
    """The pairs whose decision by costs is open or differs, and the costs of their class level; others are as classed.

    Left out are pairs that cannot pay: emergency orders for all demand cost less than holding one piece for the share
    of time that it lies there at least, *1 - E D(T + L)*.
    """
    rows = pairs.rows
    life = rows["life"].to_numpy()
    kept = rows["is_stocked"].to_numpy()
    fixed = kept & (rows["criticality"].eq("vital").to_numpy() & rows["is_dc"].to_numpy())
    fixed |= rows["fixed_level"].to_numpy() >= 0
    fixed |= (kept & (life == LIFECYCLES.index("new"))) | (life == LIFECYCLES.index("ended"))
    rate = rows["mean_per_day"].to_numpy()
    can_be = chosen["has_source"].to_numpy() & ~rows["is_superseded"].to_numpy() & ~fixed
    cost = chosen["unit_cost"].to_numpy(dtype=np.float64)
    lead = chosen["lead_time_days"].to_numpy()
    extra = params.emergency_cost_share * cost + params.emergency_cost_fixed
    holding = holding_rates(pairs, params)
    lies = np.maximum(1.0 - rate * (lead + review_days), 0.0)
    edge = np.where(was, 1 - params.stocking_margin, 1 + params.stocking_margin)
    may_pay = rate * DAYS_PER_YEAR * extra > holding * cost * lies * edge
    at = np.flatnonzero(can_be & (kept | ((rate > 0) & may_pay)))
    demand = rate[at] * (lead + review_days)[at], rows["variance_to_mean"].to_numpy()[at]
    if params.service_measure == "fill_rate":
        level = level_for_fill_rate(service_target[at], rate[at] * lead[at], *demand)
    else:
        level = level_for_cycle_service_level(service_target[at], *demand)
    costs = stocking_costs(
        np.maximum(level, 1),
        rate[at] * DAYS_PER_YEAR,
        demand[1],
        review_days[at],
        lead[at],
        cost[at],
        params.holding_rate_per_year,
        extra[at],
        holding[at] - params.holding_rate_per_year,
        moments=0,
    )
    return at, costs
