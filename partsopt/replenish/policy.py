"""The policy of every pair: T and target by class, levels by class or all together, and the exchange curve."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.replenish.curve import CurvePoints, curve_points
from partsopt.replenish.levels import (
    DemandAhead,
    DemandOver,
    Levels,
    batch_of,
    class_levels,
    demand_over,
    promised_by,
)
from partsopt.replenish.pairs import Pairs
from partsopt.replenish.position import Booked, booked_between
from partsopt.replenish.review import Reviews
from partsopt.replenish.service import level_for_fill_rate
from partsopt.replenish.stocking import stocking_costs, stocking_decision
from partsopt.replenish.targets import Staircases, service_weights, staircases, system_levels
from partsopt.settings import ReplenishParams
from partsopt.tables import (
    ABC_CLASSES,
    EXCHANGE_CURVE,
    LEVELS,
    SOLVER_RUNS,
    conform,
    declare_exception,
    empty,
    exceptions_of,
)

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

DAYS_PER_YEAR = 365.0
KINDS = ("dealer", "dc")  # by is_dc
NO_CAP = 2**40  # pieces

STOCKING_DIFFERS = declare_exception(
    "stocking_differs",
    stage="replenish",
    says="stocking the part costs more than the emergency orders it saves, or it would save more than it costs",
    action="stock it or stop by classify's limits, or accept the cost; money is a year's difference",
)


class Levelling(NamedTuple):
    """Levels of all pairs, the demand and the target they come from, and the answer of the system approach."""

    levels: Levels
    over: DemandOver
    service_target: Floats
    solver_runs: pd.DataFrame


def policy_of(pairs: Pairs, params: ReplenishParams) -> tuple[Wholes, Floats]:
    """T and the service target of each pair, by class and kind of site."""
    kind = pairs.rows["is_dc"].to_numpy().astype(np.int64)
    abc = np.searchsorted(ABC_CLASSES, pairs.rows["abc_class"].to_numpy(dtype=str))
    days = [
        [by[name] for name in ABC_CLASSES] for by in (params.dealer_review_period_days, params.dc_review_period_days)
    ]
    target = [[by[name] for name in ABC_CLASSES] for by in (params.dealer_service_target, params.dc_service_target)]
    return np.array(days, dtype=np.int64)[kind, abc], np.array(target, dtype=np.float64)[kind, abc]


def level_pairs(
    pairs: Pairs,
    chosen: pd.DataFrame,
    reviews: Reviews,
    booked: Booked,
    ahead: DemandAhead,
    target: Floats,
    params: ReplenishParams,
) -> Levelling:
    """Set the level of every pair over the interval from its review to the receipt of the next order.

    Raises
    ------
    SettingsError
        The system approach is asked for what its floors and caps do not allow.
    """
    lead = chosen["lead_time_days"].to_numpy()
    start = reviews.review_in_days.astype(np.float64)
    over = demand_over(
        ahead,
        pairs.rows["variance_to_mean"].to_numpy(),
        reviews.review_in_days,
        reviews.review_period_days,
        lead,
        chosen["lead_time_sd_days"].to_numpy(),
        booked_between(booked, start - 1, start + lead),
        booked_between(booked, start + lead, start + lead + reviews.review_period_days),
    )
    is_stocked = pairs.rows["is_stocked"].to_numpy()
    minimum, multiple = chosen["min_order_quantity"].to_numpy(), chosen["order_multiple"].to_numpy()
    if params.target_rule == "class":
        level, runs = class_levels(over, is_stocked, target, params), empty(SOLVER_RUNS)
    else:
        level, target, runs = _levels_together(pairs, chosen, over, params)
    return Levelling(promised_by(over, level, is_stocked, minimum, multiple), over, target, runs)


def _levels_together(
    pairs: Pairs, chosen: pd.DataFrame, over: DemandOver, params: ReplenishParams
) -> tuple[Wholes, Floats, pd.DataFrame]:
    """Levels of all stocked pairs of the DCs, and of the dealers, each chosen together; service reached; the answer."""
    n = len(pairs.keys)
    level, reached, runs = np.zeros(n, dtype=np.int64), np.zeros(n), []
    is_dc = pairs.rows["is_dc"].to_numpy()
    can_be_bought = pairs.rows["is_stocked"].to_numpy() & chosen["has_source"].to_numpy()
    for is_kind, kind in enumerate(KINDS):
        rows = np.flatnonzero(can_be_bought & (is_dc == bool(is_kind)))
        if not len(rows):
            continue
        low, high = _bounds(pairs, over, rows, params)
        stairs = _staircases_of(chosen, over, rows, low, high)
        cost, weight = chosen["unit_cost"].to_numpy(dtype=np.float64)[rows], _weights(pairs, chosen, rows, params)
        budget = params.system_budget[kind]
        if budget > 0:
            got = system_levels(stairs, cost, weight, budget=budget)
        else:
            got = system_levels(stairs, cost, weight, target=params.system_service_target[kind])
        level[rows], reached[rows] = got.order_up_to_level, got.service
        aim = "service for the budget" if budget > 0 else "money for the service"
        proof = "no other levels are better" if got.status == "optimal" else f"at most {got.gap:.4%} better is possible"
        runs.append(
            {
                "stage": "replenish",
                "name": f"levels of the {kind}s",
                "solver": "multiplier and bounded search",
                "status": got.status,
                "objective": got.objective,
                "bound": got.bound,
                "gap": got.gap,
                "solutions": got.nodes,
                "why": f"{aim}: {got.money:,.2f} for {got.service:.4%} of weighted fill rate; {proof}",
            }
        )
    unbought = pairs.rows["is_stocked"].to_numpy() & ~can_be_bought
    level[unbought] = 1
    return level, reached, conform(pd.DataFrame(runs), SOLVER_RUNS) if runs else empty(SOLVER_RUNS)


def _bounds(pairs: Pairs, over: DemandOver, rows: Wholes, params: ReplenishParams) -> tuple[Wholes, Wholes]:
    """Lowest and highest level of each row by the floor and cap of its class; at least one piece."""
    abc = np.searchsorted(ABC_CLASSES, pairs.rows["abc_class"].to_numpy(dtype=str)[rows])
    low, high = np.ones(len(rows), dtype=np.int64), np.full(len(rows), NO_CAP)
    for number, name in enumerate(ABC_CLASSES):
        here = np.flatnonzero(abc == number)
        at = rows[here]
        demand = (over.over_lead_time[at], over.over_protection[at], over.variance_to_mean[at], over.weights[at])
        floor, cap = params.fill_rate_floor[name], params.fill_rate_cap[name]
        if floor > 0 and len(here):
            low[here] = np.maximum(level_for_fill_rate(floor, *demand), 1)
        if cap < 1 and len(here):
            high[here] = np.maximum(level_for_fill_rate(cap, *demand), low[here])
    return low, high


def _staircases_of(chosen: pd.DataFrame, over: DemandOver, rows: Wholes, low: Wholes, high: Wholes) -> Staircases:
    batch = batch_of(
        chosen["min_order_quantity"].to_numpy()[rows],
        chosen["order_multiple"].to_numpy()[rows],
        (over.over_review[rows] * over.weights[rows]).sum(axis=1),
    )
    demand = over.over_lead_time[rows], over.over_protection[rows], over.variance_to_mean[rows], over.weights[rows]
    return staircases(*demand, batch, low, high)


def _weights(pairs: Pairs, chosen: pd.DataFrame, rows: Wholes, params: ReplenishParams) -> Floats:
    known = pairs.rows.iloc[rows]
    return service_weights(
        known["demands_per_year"].to_numpy(),
        known["mean_per_day"].to_numpy() * DAYS_PER_YEAR,
        chosen["unit_cost"].to_numpy(dtype=np.float64)[rows],
        known["criticality"].map(params.system_criticality_scores).to_numpy(dtype=np.float64),
        params.system_weights,
    )


def exchange_curve_of(
    pairs: Pairs, chosen: pd.DataFrame, levelling: Levelling, params: ReplenishParams
) -> pd.DataFrame:
    """Service against money of all stocked pairs of the network and of each DC, and where tonight's levels stand.

    Every scope weighs its own pairs by ``replenish.system_weights``. The first point is that of the floors.
    """
    stocked = np.flatnonzero(pairs.rows["is_stocked"].to_numpy() & chosen["has_source"].to_numpy())
    is_dc = pairs.rows["is_dc"].to_numpy()
    scopes = [("network", stocked)]
    site = pairs.rows["site"].to_numpy()
    own = np.unique(site[stocked][is_dc[stocked]]).tolist()
    scopes += [(str(pairs.site_ids[number]), stocked[site[stocked] == number]) for number in own]
    tables = []
    for scope, rows in scopes:
        if not len(rows):
            continue
        stairs = _staircases_of(chosen, levelling.over, rows, *_bounds(pairs, levelling.over, rows, params))
        cost, weight = chosen["unit_cost"].to_numpy(dtype=np.float64)[rows], _weights(pairs, chosen, rows, params)
        levels = levelling.levels.order_up_to_level[rows], levelling.levels.promised_fill_rate[rows]
        points = curve_points(stairs, cost, weight, *levels)
        tables.append(_curve_table(scope, points, pairs.rows.iloc[rows]))
    return conform(pd.concat(tables, ignore_index=True), EXCHANGE_CURVE) if tables else empty(EXCHANGE_CURVE)


def _curve_table(scope: str, points: CurvePoints, rows: pd.DataFrame) -> pd.DataFrame:
    loser = points.loses_most
    named = np.maximum(loser, 0)
    return pd.DataFrame(
        {
            "scope": scope,
            "point": np.arange(len(points.money)),
            "money": points.money,
            "service": points.service,
            "is_here": points.is_here,
            "pairs_lower": points.pairs_lower,
            "site_id": np.where(loser >= 0, rows["site_id"].to_numpy(dtype=object)[named], ""),
            "part_id": np.where(loser >= 0, rows["part_id"].to_numpy(dtype=object)[named], ""),
            "service_lost": points.service_lost,
        }
    )


def stocking_exceptions(
    pairs: Pairs, chosen: pd.DataFrame, review_days: Wholes, levels: Levels, params: ReplenishParams
) -> pd.DataFrame:
    """Parts that are stocked though emergency orders would cost less, and the other way round; money is a year's.

    What is stocked is decided by the rule of ``classify``; this only tells where costs say otherwise, by the margin
    ``replenish.stocking_margin``. An unstocked part is weighed at a level of one piece.
    """
    rows = pairs.rows
    is_stocked = rows["is_stocked"].to_numpy()
    asked = rows["mean_per_day"].to_numpy() > 0
    weighed = chosen["has_source"].to_numpy() & ~rows["is_superseded"].to_numpy() & (is_stocked | asked)
    at = np.flatnonzero(weighed)
    unit_cost = chosen["unit_cost"].to_numpy(dtype=np.float64)[at]
    costs = stocking_costs(
        np.where(is_stocked[at], levels.order_up_to_level[at], 1),
        rows["mean_per_day"].to_numpy()[at] * DAYS_PER_YEAR,
        rows["variance_to_mean"].to_numpy()[at],
        review_days[at],
        chosen["lead_time_days"].to_numpy()[at],
        unit_cost,
        params.holding_rate_per_year,
        params.emergency_cost_share * unit_cost,
    )
    pays = stocking_decision(costs, is_stocked[at], params.stocking_margin)
    differs = np.flatnonzero(pays != is_stocked[at])
    saving = np.abs(costs.stocked - costs.not_stocked)[differs]
    told = zip(is_stocked[at][differs].tolist(), costs.stocked[differs], costs.not_stocked[differs], strict=True)
    what = [
        f"{'stocked' if now else 'not stocked'}, though a year costs {kept:,.2f} in stock and {bought:,.2f} without"
        for now, kept, bought in told
    ]
    return exceptions_of(STOCKING_DIFFERS, rows.iloc[at[differs]][["site_id", "part_id"]], what=what, money=saving)


def level_table(
    pairs: Pairs,
    chosen: pd.DataFrame,
    reviews: Reviews,
    levels: Levels,
    target: Floats,
    params: ReplenishParams,
    today: date,
) -> pd.DataFrame:
    """Levels of every pair that has a source."""
    is_stocked = pairs.rows["is_stocked"].to_numpy()
    lead = chosen["lead_time_days"].to_numpy()
    first = np.datetime64(today, "D") + reviews.review_in_days.astype("timedelta64[D]")
    of_source = ["source_id", "channel", "lead_time_days", "lead_time_sd_days", "min_order_quantity", "order_multiple"]
    table = pd.concat(
        [pairs.rows[["site_id", "part_id", "abc_class", "is_stocked"]], chosen[[*of_source, "unit_cost"]]], axis=1
    ).assign(
        is_due=reviews.review_in_days == 0,
        reviewed_on=first,
        next_review_on=first + reviews.review_period_days.astype("timedelta64[D]"),
        review_period_days=reviews.review_period_days,
        protection_days=reviews.review_period_days + lead,
        mean_over_lead_time=levels.mean_over_lead_time,
        mean_over_protection=levels.mean_over_protection,
        sd_over_protection=levels.sd_over_protection,
        service_measure=np.where(is_stocked, params.service_measure, "none"),
        service_target=np.where(is_stocked, target, 0.0),
        order_up_to_level=levels.order_up_to_level,
        safety_stock=levels.order_up_to_level - levels.mean_over_protection,
        promised_fill_rate=levels.promised_fill_rate,
        promised_cycle_service_level=levels.promised_cycle_service_level,
    )
    return conform(table[chosen["has_source"].to_numpy()], LEVELS)
