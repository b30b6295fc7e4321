"""The policy of every pair: T and target by class, and levels by class or all together."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.replenish.byclass import levels_by_class
from partsopt.replenish.fixedlevels import without_planner
from partsopt.replenish.lastbuy import LastBuys
from partsopt.replenish.lastroom import RoomLeft, room_left
from partsopt.replenish.levels import (
    DemandAhead,
    DemandOver,
    Levels,
    demand_over,
)
from partsopt.replenish.pairs import Pairs, variance_over
from partsopt.replenish.position import Booked, booked_between
from partsopt.replenish.ratefactors import with_rate_factors
from partsopt.replenish.review import Reviews
from partsopt.replenish.together import Chain, chain_of, levels_together, promises_of
from partsopt.settings import ReplenishParams
from partsopt.tables import (
    ABC_CLASSES,
    LEVELS,
    SOLVER_RUNS,
    conform,
    empty,
)

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]


class Levelling(NamedTuple):
    """Levels of all pairs, the chain and the target they come from, and the answer of the system approach.

    ``cap_cut`` are the pieces that the chance of being unsold took from each level. ``free_level``, ``free_fill_rate``
    and ``free_runs`` are the levels, their promise and the answer had no planner set a level. ``left`` are the pairs at
    sites with the room left for levels, and the last buys that have room.
    """

    levels: Levels
    chain: Chain
    service_target: Floats
    cap_cut: Wholes
    solver_runs: pd.DataFrame
    free_level: Wholes
    free_fill_rate: Floats
    free_runs: pd.DataFrame
    left: RoomLeft


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
    cap: Wholes,
    rate_factors: pd.DataFrame,
    last: LastBuys,
    stock: Wholes,
    params: ReplenishParams,
) -> Levelling:
    """Set the level of every pair over the interval from its review to the receipt of the next order, ``cap`` at most.

    Last buys and ``stock`` of parts without a source take their room first
    (:func:`partsopt.replenish.lastroom.room_left`).

    Raises
    ------
    SettingsError
        The system approach is asked for what its floors and caps do not allow.
    """
    lead = chosen["lead_time_days"].to_numpy()
    start = reviews.review_in_days.astype(np.float64)
    over = demand_over(
        ahead,
        variance_over(pairs, lead + reviews.review_period_days),
        reviews.review_in_days,
        reviews.review_period_days,
        lead,
        chosen["lead_time_sd_days"].to_numpy(),
        booked_between(booked, start - 1, start + lead),
        booked_between(booked, start + lead, start + lead + reviews.review_period_days),
    )
    abc = np.searchsorted(ABC_CLASSES, pairs.rows["abc_class"].to_numpy(dtype=str))
    over = with_rate_factors(over, rate_factors, pairs.rows["is_dc"].to_numpy(), abc)
    has_source = chosen["has_source"].to_numpy()
    left = room_left(pairs, has_source, chain_of(pairs, chosen, over, cap), last, stock, params)
    made = _by_rule(left, chosen, over, target, cap, params)
    if (pairs.rows["fixed_level"] < 0).all():
        return made
    free = _by_rule(left._replace(pairs=without_planner(left.pairs)), chosen, over, target, cap, params)
    return made._replace(free_level=free.free_level, free_fill_rate=free.free_fill_rate, free_runs=free.solver_runs)


def _by_rule(
    left: RoomLeft, chosen: pd.DataFrame, over: DemandOver, target: Floats, cap: Wholes, params: ReplenishParams
) -> Levelling:
    """Levels by class or all together, around those that a planner has set."""
    pairs = left.pairs
    is_stocked = pairs.rows["is_stocked"].to_numpy()
    chain = chain_of(pairs, chosen, over, cap)
    if params.target_rule == "class":
        got = levels_by_class(pairs, chosen, chain, target, params)
    else:
        got = levels_together(pairs, chosen, chain, params)
    capped = np.minimum(got.level, chain.cap)
    level = capped - got.room_cut
    levels = promises_of(chain, over, level, got.room_cut, is_stocked)
    return Levelling(
        levels=levels,
        chain=chain,
        service_target=got.service_target,
        cap_cut=got.level - capped,
        solver_runs=got.solver_runs,
        free_level=level,
        free_fill_rate=levels.promised_fill_rate,
        free_runs=empty(SOLVER_RUNS),
        left=left,
    )


def level_table(
    pairs: Pairs,
    chosen: pd.DataFrame,
    reviews: Reviews,
    levelling: Levelling,
    shortfall_factor: Floats,
    params: ReplenishParams,
    today: date,
) -> pd.DataFrame:
    """Levels of every pair that has a source."""
    levels, target = levelling.levels, levelling.service_target
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
        shortfall_factor=shortfall_factor,
        order_up_to_level=levels.order_up_to_level,
        safety_stock=levels.order_up_to_level - levels.mean_over_protection,
        promised_fill_rate=levels.promised_fill_rate,
        promised_cycle_service_level=levels.promised_cycle_service_level,
        free_level=levelling.free_level,
        is_fixed=pairs.rows["fixed_level"].to_numpy() >= 0,
        cap_cut=levelling.cap_cut,
        room_cut=levels.room_cut,
        dc_delay_days=levels.dc_delay_days,
    )
    return conform(table[chosen["has_source"].to_numpy()], LEVELS)
