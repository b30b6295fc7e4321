"""The night's purchase order lines: quantities by minimum, multiple and budget, their names, terms and reasons."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.replenish.levels import Levels
from partsopt.replenish.lineage import Term, lineage_of, terms_at
from partsopt.replenish.pairs import Pairs, rows_of
from partsopt.replenish.requests import Gap, terms_of
from partsopt.replenish.review import Reviews
from partsopt.replenish.sourcing import PriceBreaks, raised_quantity, unit_cost_at
from partsopt.settings import ReplenishParams
from partsopt.tables import (
    ORDERS,
    SITE_PART,
    SOLVER_RUNS,
    conform,
    declare_exception,
    empty,
    exceptions_of,
)

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.str_]

BUDGET_CUT = declare_exception(
    "budget_cut",
    stage="replenish",
    says="the night's budget did not reach for the whole order",
    action="raise replenish.order_budget or release the rest by hand",
)
BUDGET_NOT_OPTIMAL = declare_exception(
    "budget_not_optimal",
    stage="replenish",
    says="the search for the best use of the budget was stopped or replaced by a simple rule",
    action="see solver_runs in the manifest; review the lines cut by the budget",
)


class Purchases(NamedTuple):
    """Order lines, their lineage, how the budget was shared out, and exceptions."""

    orders: pd.DataFrame
    lineage: pd.DataFrame
    solver_runs: pd.DataFrame
    exceptions: list[pd.DataFrame]


def buy(
    pairs: Pairs,
    chosen: pd.DataFrame,
    reviews: Reviews,
    levels: Levels,
    gap: Gap,
    breaks: PriceBreaks,
    due_days: Wholes,
    open_orders: pd.DataFrame,
    proposed_today: float,
    params: ReplenishParams,
    today: date,
) -> Purchases:
    """Order lines for the gaps of pairs with an outside source, raised to minimum and multiple, cut to the budget."""
    rows = pairs.rows.iloc[gap.row].reset_index(drop=True)
    source = chosen.iloc[gap.row].reset_index(drop=True)
    minimum, multiple = source["min_order_quantity"].to_numpy(), source["order_multiple"].to_numpy()
    at_least = np.maximum(gap.quantity, minimum)
    full = raised_quantity(gap.quantity, minimum, multiple)

    names, part, list_cost = source["source_id"].to_numpy(dtype=object), rows["part"].to_numpy(), source["unit_cost"]

    def price(line: Wholes, quantity: Wholes) -> Floats:
        return unit_cost_at(breaks, names[line], part[line], quantity, list_cost.to_numpy()[line])

    every = np.arange(len(full))
    granted, solver_runs = full, empty(SOLVER_RUNS)
    exceptions: list[pd.DataFrame] = []
    if params.order_budget > 0 and len(full):
        budget = max(params.order_budget - proposed_today, 0.0)
        granted, solver_runs, exceptions = _within_budget(
            rows, gap, levels, full, minimum, multiple, price, budget, params
        )
    unit_cost = price(every, granted)
    limited_by = np.select(
        [granted < full, (full > at_least) & (full - at_least >= at_least - gap.quantity), full > gap.quantity],
        ["budget", "multiple", "minimum"],
        "nothing",
    )
    placed = granted > 0
    order_id, line = _order_ids(rows, source, placed, open_orders, today)
    orders = pd.DataFrame(
        {
            "line_id": order_id + "/" + line.astype(str).astype(object),
            "order_id": order_id,
            "line": line,
            "site_id": rows["site_id"],
            "part_id": rows["part_id"],
            "source_id": source["source_id"],
            "channel": source["channel"],
            "abc_class": rows["abc_class"],
            "ordered_on": pd.Timestamp(today),
            "order_quantity": granted,
            "due_on": dates_ahead(today, due_days[gap.row]),
            "unit_cost": unit_cost,
            "order_value": unit_cost * granted,
            "limited_by": limited_by,
            "promised_fill_rate": levels.promised_fill_rate[gap.row],
            "why": _whys(
                gap,
                reviews,
                minimum,
                multiple,
                at_least,
                full,
                granted,
                rows["is_stocked"].to_numpy(),
                rows["fixed_level"].to_numpy() >= 0,
                today,
            ),
        }
    )
    terms = [
        *terms_of(gap),
        Term("minimum", at_least - gap.quantity, "raised to the smallest order"),
        Term("multiple", full - at_least, "raised to whole packs"),
        Term("budget", granted - full, "cut by the night's budget"),
    ]
    lineage = lineage_of(orders.loc[placed, "line_id"], terms_at(terms, placed))
    cut = rows[["site_id", "part_id"]].assign(line_id=np.where(placed, orders["line_id"], ""))[granted < full]
    dropped = (full - granted)[granted < full]
    said = [f"{n} of {all_} pieces not ordered" for n, all_ in zip(dropped, full[granted < full], strict=True)]
    lost = dropped * price(every, full)[granted < full]
    exceptions.append(exceptions_of(BUDGET_CUT, cut, what=said, money=lost))
    return Purchases(conform(orders[placed], ORDERS), lineage, solver_runs, exceptions)


def _within_budget(
    rows: pd.DataFrame,
    gap: Gap,
    levels: Levels,
    full: Wholes,
    minimum: Wholes,
    multiple: Wholes,
    price: Callable[[Wholes, Wholes], Floats],
    budget: float,
    params: ReplenishParams,
) -> tuple[Wholes, pd.DataFrame, list[pd.DataFrame]]:
    """Quantities that keep within what is left of the night's budget."""
    from partsopt.replenish.budget import avoided_cost, quantity_choices, share_budget, top_up  # pulp: only if needed

    every = np.arange(len(full))
    choices = quantity_choices(full, minimum, multiple)
    cost = np.stack([price(every, one) * one for one in choices.T], axis=1)
    value = avoided_cost(
        gap.order_up_to_level - gap.quantity,
        choices,
        levels.mean_over_protection[gap.row],
        rows["variance_to_mean"].to_numpy(),
        params.emergency_cost_share * rows["part_cost"].to_numpy(),
    )
    share = share_budget(choices, cost, value, budget)
    spent = float((price(every, share.quantity) * share.quantity).sum())
    granted = top_up(
        share.quantity,
        full,
        minimum,
        multiple,
        price,
        value[:, -1] / np.maximum(cost[:, -1], 1e-9),
        budget - spent,
    )
    run = {
        "stage": "replenish",
        "name": "order_budget",
        "solver": "PuLP HiGHS",
        "status": share.status,
        "objective": share.objective,
        "bound": share.bound,
        "gap": (share.bound - share.objective) / share.bound if share.bound > 0 else 0.0,
        "solutions": share.solutions,
        "why": share.why,
    }
    exceptions = []
    if share.status in ("time_limit", "fallback"):
        exceptions.append(exceptions_of(BUDGET_NOT_OPTIMAL, pd.DataFrame(index=[0]), what=[share.why]))
    return granted, conform(pd.DataFrame([run]), SOLVER_RUNS), exceptions


def money_proposed_today(
    supply: pd.DataFrame, open_orders: pd.DataFrame, pairs: Pairs, breaks: PriceBreaks, today: date
) -> float:
    """Money of tonight's own purchase proposals that have come back as open orders: they used up budget."""
    ours = open_orders["status"].eq("proposed") & open_orders["order_id"].str.startswith(f"PO-{today:%Y%m%d}-")
    lines = open_orders[ours].merge(
        supply[[*SITE_PART, "source_id", "unit_cost"]], on=[*SITE_PART, "source_id"], how="left", validate="m:1"
    )
    part = pairs.part_ids.get_indexer(lines["part_id"])
    row = rows_of(pairs, lines["site_id"], lines["part_id"])
    list_cost = np.where(lines["unit_cost"].isna(), pairs.rows["part_cost"].to_numpy()[row], lines["unit_cost"])
    quantity = lines["quantity"].to_numpy()
    return float((unit_cost_at(breaks, lines["source_id"], part, quantity, list_cost) * quantity).sum())


def _order_ids(
    rows: pd.DataFrame, source: pd.DataFrame, placed: Flags, open_orders: pd.DataFrame, today: date
) -> tuple[Texts, Wholes]:
    """An order for each site and source, its lines numbered by part; ids of earlier proposals are not used again."""
    taken = set(open_orders["order_id"])
    group = pd.MultiIndex.from_arrays([rows["site_id"], source["source_id"]])
    number = pd.Series(placed).groupby([group.get_level_values(0), group.get_level_values(1)]).cumsum()
    ids: dict[tuple[str, str], str] = {}
    for site, supplier in sorted(set(group[placed])):
        stem = f"PO-{today:%Y%m%d}-{site}-{supplier}"
        order_id, again = stem, 1
        while order_id in taken:
            again += 1
            order_id = f"{stem}-{again}"
        taken.add(order_id)
        ids[site, supplier] = order_id
    return np.array([ids.get(pair, "none") for pair in group], dtype=object), number.to_numpy(dtype=np.int64)


def _whys(
    gap: Gap,
    reviews: Reviews,
    minimum: Wholes,
    multiple: Wholes,
    at_least: Wholes,
    full: Wholes,
    granted: Wholes,
    is_stocked: Flags,
    is_fixed: Flags,
    today: date,
) -> list[str]:
    """One sentence for each line, from the numbers it was computed from."""
    review_in = reviews.review_in_days[gap.row]
    review_on = dates_ahead(today, review_in).astype("datetime64[D]").astype(str)
    told = []
    for i, missing in enumerate(gap.quantity.tolist()):
        level = int(gap.order_up_to_level[i])
        if review_in[i] > 0:
            said = f"Ordered before its review on {review_on[i]} because {_pieces(missing)} owed"
        elif is_stocked[i]:
            set_by = "the planner's level" if is_fixed[i] else "level"
            said = f"Reviewed today; position {level - missing} is {missing} below {set_by} {level}"
        else:
            said = f"Reviewed today; not stocked, {_pieces(missing)} owed"
        if at_least[i] > missing:
            said += f"; raised to the minimum {minimum[i]}"
        if full[i] > at_least[i]:
            said += f"; raised to {full[i]}, whole packs of {multiple[i]}"
        if granted[i] < full[i]:
            said += f"; cut from {full[i]} to {granted[i]} by the budget"
        told.append(said + ".")
    return told


def _pieces(n: int) -> str:
    return "1 piece is" if n == 1 else f"{n} pieces are"


def dates_ahead(today: date, days: Wholes) -> npt.NDArray[np.datetime64]:
    """The day that many days after today, for each."""
    return np.datetime64(today, "D") + days.astype("timedelta64[D]")
