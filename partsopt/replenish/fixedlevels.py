"""Order-up-to levels that a planner has set: which are in force, and what they cost against the levels of the rule."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.replenish.lifecycle import holding_rates
from partsopt.replenish.pairs import Pairs, rows_of
from partsopt.replenish.position import largest_of_site
from partsopt.settings import ReplenishParams
from partsopt.tables import declare_exception, exceptions_of

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

NOT_FIXED = -1

FIXED_LEVEL = declare_exception(
    "fixed_level",
    stage="replenish",
    says="a planner's level stands instead of that of the rule; money is what it adds to stock at unit cost",
    action="take the row out of fixed_levels where its reason is gone",
)
FIXED_LEVELS_COST = declare_exception(
    "fixed_levels_cost",
    stage="replenish",
    says="planners' levels make all levels chosen together dearer, or serve less for the budget",
    action="weigh it against the reasons of the planners' levels",
)
FIXED_LEVEL_UNUSED = declare_exception(
    "fixed_level_unused",
    stage="replenish",
    says="a planner's level is past its last day, or is of a part number that was replaced; the rule sets the level",
    action="give it a later until_on, name the new number, or take the row out",
)


def with_fixed_levels(pairs: Pairs, fixed_levels: pd.DataFrame, today: date) -> tuple[Pairs, pd.DataFrame]:
    """Pairs that know the planner's levels in force, and exceptions for those that are not.

    ``rows`` gets ``fixed_level`` (-1 where there is none), ``fixed_note``, and ``is_stocked_by_rule``; a pair with a
    level above 0 is stocked, one with level 0 is not.
    """
    n = len(pairs.keys)
    row = rows_of(pairs, fixed_levels["site_id"], fixed_levels["part_id"])
    is_over = (fixed_levels["until_on"] < pd.Timestamp(today)).to_numpy()
    is_old = pairs.rows["is_superseded"].to_numpy()[row]
    level, note = np.full(n, NOT_FIXED, dtype=np.int64), np.full(n, "", dtype=object)
    holds = ~is_over & ~is_old
    level[row[holds]] = fixed_levels["order_up_to_level"].to_numpy()[holds]
    note[row[holds]] = fixed_levels["note"].to_numpy(dtype=object)[holds]
    by_rule = pairs.rows["is_stocked"].to_numpy()
    known = pairs.rows.assign(
        fixed_level=level,
        fixed_note=note,
        is_stocked_by_rule=by_rule,
        is_stocked=np.where(level >= 0, level > 0, by_rule),
    )
    told = fixed_levels[~holds]
    said = [
        f"level {one.order_up_to_level} held until {one.until_on:%Y-%m-%d}"
        if over
        else f"level {one.order_up_to_level} is of a number that was replaced"
        for one, over in zip(told.itertuples(), is_over[~holds].tolist(), strict=True)
    ]
    return pairs._replace(rows=known), exceptions_of(FIXED_LEVEL_UNUSED, told, what=said)


def without_planner(pairs: Pairs) -> Pairs:
    """The pairs as they would be had no planner set a level."""
    free = pairs.rows.assign(fixed_level=NOT_FIXED, is_stocked=pairs.rows["is_stocked_by_rule"])
    return pairs._replace(rows=free)


def fixed_level_exceptions(
    pairs: Pairs,
    chosen: pd.DataFrame,
    promised_fill_rate: Floats,
    free_level: Wholes,
    free_fill_rate: Floats,
    params: ReplenishParams,
) -> pd.DataFrame:
    """What each planner's level adds to stock, a year's holding and the promise, against the level of the rule."""
    row = np.flatnonzero(pairs.rows["fixed_level"].to_numpy() >= 0)
    rows = pairs.rows.iloc[row]
    fixed, free = rows["fixed_level"].to_numpy(), free_level[row]
    with_it, without = promised_fill_rate[row], free_fill_rate[row]
    money = (fixed - free) * chosen["unit_cost"].to_numpy(dtype=np.float64)[row]
    yearly = money * holding_rates(pairs, params)[row]
    what = [
        f"level {mine} instead of {rule}: {more:+,.2f} in stock, {year:+,.2f} a year to hold; "
        f"promises {got:.1%} instead of {had:.1%}" + (f" ({why})" if why else "")
        for mine, rule, more, year, got, had, why in zip(
            fixed.tolist(), free.tolist(), money, yearly, with_it, without, rows["fixed_note"].tolist(), strict=True
        )
    ]
    told = rows[["site_id", "part_id"]].assign(money=np.maximum(money, 0.0), what=what)
    return largest_of_site(FIXED_LEVEL, told, "{n} more levels are set by planners")


def cost_of_planners(solver_runs: pd.DataFrame, free_runs: pd.DataFrame, params: ReplenishParams) -> pd.DataFrame:
    """What the planners' levels add to the money of all levels of one service, or take from the service of a budget."""
    if not len(free_runs):
        return exceptions_of(FIXED_LEVELS_COST, pd.DataFrame(index=[]), what=[])
    both = solver_runs.merge(free_runs, on="name", suffixes=("", "_free"), validate="1:1")
    budgets = {f"levels of the {kind}s": money for kind, money in params.system_budget.items()}
    budgets["levels of the network"] = params.network_budget
    said, money = [], []
    for name, got, free in zip(both["name"], both["objective"], both["objective_free"], strict=True):
        is_room = name.startswith("room")
        if is_room or budgets[name] > 0:
            same = "room" if is_room else "budget"
            said.append(f"{name}: {free - got:.4%} less service for the same {same} than without planners' levels")
            money.append(0.0)
        else:
            said.append(f"{name}: {got - free:+,.2f} for the same service than without planners' levels")
            money.append(max(got - free, 0.0))
    return exceptions_of(FIXED_LEVELS_COST, both, what=said, money=money)
