"""Levels along the chain: a dealer's promise counts its DC's delay, and levels may be chosen all together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.replenish.chain import Delay, Demand, delay_of, matched, no_delay, owed_by
from partsopt.replenish.curve import CurvePoints, curve_points
from partsopt.replenish.levels import DemandOver, Levels, batch_of, levels_reaching, promised_by
from partsopt.replenish.pairs import Pairs
from partsopt.replenish.targets import Staircases, SystemLevels, service_weights, staircases_of, system_levels
from partsopt.settings import ReplenishParams
from partsopt.tables import ABC_CLASSES, EXCHANGE_CURVE, SOLVER_RUNS, conform, empty

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

DAYS_PER_YEAR = 365.0
KINDS = ("dc", "dealer")  # what dealers wait for depends on the levels of the DCs


class Chain(NamedTuple):
    """Demand of all pairs, and who waits for whom.

    ``parent`` is the pair of the DC that supplies each, -1 where none does; ``wave`` counts the DCs above;
    ``share`` is the pair's part of the demand on that DC, ``per_day`` its demand, ``cap`` the most it may hold,
    ``fixed`` the planner's level, -1 where there is none.
    """

    demand: Demand
    parent: Wholes
    wave: Wholes
    share: Floats
    per_day: Floats
    cap: Wholes
    fixed: Wholes


def chain_of(pairs: Pairs, chosen: pd.DataFrame, over: DemandOver, cap: Wholes) -> Chain:
    """The chain of the chosen sources. A DC's demand is its own forecast, or its dealers' where they add up to more."""
    rate, parent = pairs.rows["mean_per_day"].to_numpy(dtype=np.float64), chosen["parent"].to_numpy(dtype=np.int64)
    below = np.flatnonzero(parent >= 0)
    on_dc = np.maximum(np.bincount(parent[below], weights=rate[below], minlength=len(rate)), rate)
    share = np.zeros(len(rate))
    asked = on_dc[parent[below]]
    share[below] = np.divide(rate[below], asked, out=np.zeros(len(below)), where=asked > 0)
    batch = batch_of(
        chosen["min_order_quantity"].to_numpy(),
        chosen["order_multiple"].to_numpy(),
        (over.over_review * over.weights).sum(axis=1),
    )
    demand = Demand(over.over_lead_time, over.over_protection, over.variance_to_mean, over.weights, batch)
    fixed = pairs.rows["fixed_level"].to_numpy()
    cap = np.where(fixed >= 0, fixed, cap)
    return Chain(demand, parent, chosen["wave"].to_numpy(), share, rate, cap, fixed)


def delay_at(chain: Chain, rows: Wholes, level: Wholes) -> Delay:
    """What their DCs owe some of the pairs, by the levels of all; a DC's own wait for a DC above it included."""
    parent = chain.parent[rows]
    below = parent >= 0
    if not below.any():
        return no_delay(len(rows))
    above, number = np.unique(parent[below], return_inverse=True)
    of = np.full(len(rows), -1)
    of[below] = number
    demand = matched(chain.demand.at(above), delay_at(chain, above, level))
    return delay_of(chain.demand.at(rows), of, chain.share[rows], owed_by(demand, level[above]))


def levels_by_class(chain: Chain, is_stocked: Flags, target: Floats, params: ReplenishParams) -> Wholes:
    """The planner's level, else the smallest that reaches the class's target, DCs before those they supply.

    A cap is not kept here, but those whom a DC supplies reckon with what it may hold.
    """
    level = np.zeros(len(is_stocked), dtype=np.int64)
    by_cycle = params.service_measure == "cycle_service_level"
    for wave in range(int(chain.wave.max(initial=0)) + 1):
        rows = np.flatnonzero(is_stocked & (chain.wave == wave))
        delay = delay_at(chain, rows, np.minimum(level, chain.cap))
        reaching = levels_reaching(target[rows], chain.demand.at(rows), delay, by_cycle)
        level[rows] = np.where(chain.fixed[rows] >= 0, chain.fixed[rows], reaching)
    return level


def promises_of(chain: Chain, over: DemandOver, level: Wholes, is_stocked: Flags) -> Levels:
    """What levels promise to customers, the delay at the DC included; a part that is not stocked promises nothing."""
    n = len(level)
    fill, cycle, waited = np.zeros(n), np.zeros(n), np.zeros(n)
    rows = np.flatnonzero(is_stocked)
    delay = delay_at(chain, rows, level)
    fill[rows], cycle[rows] = promised_by(chain.demand.at(rows), delay, level[rows])
    asked = chain.per_day[rows]
    waited[rows] = np.divide(delay.mean, asked, out=np.zeros(len(rows)), where=asked > 0)  # Little's law
    mean_lead = (over.over_lead_time * over.weights).sum(axis=1)
    mean = (over.over_protection * over.weights).sum(axis=1)
    spread = ((over.over_protection - mean[:, None]) ** 2 * over.weights).sum(axis=1)
    sd = np.sqrt(over.variance_to_mean * mean + spread)
    return Levels(level, mean_lead, mean, sd, fill, cycle, waited)


def levels_together(
    pairs: Pairs, chosen: pd.DataFrame, chain: Chain, params: ReplenishParams
) -> tuple[Wholes, Floats, pd.DataFrame]:
    """Levels of all pairs of the DCs, then of the dealers, each chosen together; service reached; the answers.

    No level is above its cap, unless its class's floor is.
    """
    n = len(pairs.keys)
    level, reached, runs = np.zeros(n, dtype=np.int64), np.zeros(n), []
    is_dc = pairs.rows["is_dc"].to_numpy()
    can_be_bought = pairs.rows["is_stocked"].to_numpy() & chosen["has_source"].to_numpy()
    for kind in KINDS:
        rows = np.flatnonzero(can_be_bought & (is_dc == (kind == "dc")))
        if not len(rows):
            continue
        stairs = _staircases_at(pairs, chain, rows, level, params)
        cost, weight = chosen["unit_cost"].to_numpy(dtype=np.float64)[rows], _weights(pairs, chosen, rows, params)
        budget = params.system_budget[kind]
        if budget > 0:
            got = system_levels(stairs, cost, weight, budget=budget)
        else:
            got = system_levels(stairs, cost, weight, target=params.system_service_target[kind])
        level[rows], reached[rows] = got.order_up_to_level, got.service
        runs.append(_run_of(f"levels of the {kind}s", got, budget > 0))
    level[pairs.rows["is_stocked"].to_numpy() & ~can_be_bought] = 1
    return level, reached, conform(pd.DataFrame(runs), SOLVER_RUNS) if runs else empty(SOLVER_RUNS)


def _run_of(name: str, got: SystemLevels, by_budget: bool) -> dict[str, object]:
    aim = "service for the budget" if by_budget else "money for the service"
    proof = "no other levels are better" if got.status == "optimal" else f"at most {got.gap:.4%} better is possible"
    return {
        "stage": "replenish",
        "name": name,
        "solver": "multiplier and bounded search",
        "status": got.status,
        "objective": got.objective,
        "bound": got.bound,
        "gap": got.gap,
        "solutions": got.nodes,
        "why": f"{aim}: {got.money:,.2f} for {got.service:.4%} of weighted fill rate; {proof}",
    }


def _staircases_at(pairs: Pairs, chain: Chain, rows: Wholes, level: Wholes, params: ReplenishParams) -> Staircases:
    """Levels between the floor and the cap of each row's class, at least one piece, or the planner's level alone.

    The levels of the DCs are given.
    """
    part, delay = chain.demand.at(rows), delay_at(chain, rows, level)
    abc = np.searchsorted(ABC_CLASSES, pairs.rows["abc_class"].to_numpy(dtype=str)[rows])
    floor, cap = (
        np.array([by[name] for name in ABC_CLASSES])[abc] for by in (params.fill_rate_floor, params.fill_rate_cap)
    )
    low, high = np.ones(len(rows), dtype=np.int64), chain.cap[rows]
    floored, capped = np.flatnonzero(floor > 0), np.flatnonzero(cap < 1)
    low[floored] = levels_reaching(floor[floored], part.at(floored), delay.at(floored))
    high[capped] = np.minimum(levels_reaching(cap[capped], part.at(capped), delay.at(capped)), high[capped])
    fixed = chain.fixed[rows]
    low = np.where(fixed >= 0, fixed, low)
    return staircases_of(part, delay, low, np.maximum(high, low))


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
    pairs: Pairs, chosen: pd.DataFrame, chain: Chain, levels: Levels, params: ReplenishParams
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
        stairs = _staircases_at(pairs, chain, rows, levels.order_up_to_level, params)
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
