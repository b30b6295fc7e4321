"""Levels of all pairs chosen together, and the exchange curve of the same staircases."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.replenish.curve import CurvePoints, curve_points
from partsopt.replenish.levels import DemandOver, Levels, batch_of
from partsopt.replenish.pairs import Pairs
from partsopt.replenish.service import level_for_fill_rate
from partsopt.replenish.targets import Staircases, service_weights, staircases, system_levels
from partsopt.settings import ReplenishParams
from partsopt.tables import ABC_CLASSES, EXCHANGE_CURVE, SOLVER_RUNS, conform, empty

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

DAYS_PER_YEAR = 365.0
KINDS = ("dealer", "dc")  # by is_dc
NO_CAP = 2**40  # pieces


def levels_together(
    pairs: Pairs, chosen: pd.DataFrame, over: DemandOver, cap: Wholes, params: ReplenishParams
) -> tuple[Wholes, Floats, pd.DataFrame]:
    """Levels of all stocked pairs of the DCs, and of the dealers, each chosen together; service reached; the answer.

    No level is above its ``cap``, unless its class's floor is.
    """
    n = len(pairs.keys)
    level, reached, runs = np.zeros(n, dtype=np.int64), np.zeros(n), []
    is_dc = pairs.rows["is_dc"].to_numpy()
    can_be_bought = pairs.rows["is_stocked"].to_numpy() & chosen["has_source"].to_numpy()
    for is_kind, kind in enumerate(KINDS):
        rows = np.flatnonzero(can_be_bought & (is_dc == bool(is_kind)))
        if not len(rows):
            continue
        low, high = _bounds(pairs, over, rows, params)
        high = np.maximum(np.minimum(high, cap[rows]), low)
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
    pairs: Pairs, chosen: pd.DataFrame, over: DemandOver, levels: Levels, params: ReplenishParams
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
        stairs = _staircases_of(chosen, over, rows, *_bounds(pairs, over, rows, params))
        cost, weight = chosen["unit_cost"].to_numpy(dtype=np.float64)[rows], _weights(pairs, chosen, rows, params)
        present = levels.order_up_to_level[rows], levels.promised_fill_rate[rows]
        points = curve_points(stairs, cost, weight, *present)
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
