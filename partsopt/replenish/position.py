"""The inventory position: what is there or comes in time, less what is promised, and what is too much."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.replenish.pairs import Pairs, rows_of, sums_of
from partsopt.tables import EXCEPTIONS, declare_exception, empty, exceptions_of

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

OVERDUE_RECEIPT = declare_exception(
    "overdue_receipt",
    stage="replenish",
    says="an open order is past its date; it still counts as on order",
    action="ask the source for a new date, or close the order if it will not come",
)
EXCESS_STOCK = declare_exception(
    "excess_stock",
    stage="replenish",
    says="more stock than the level and the demand of the horizon need",
    action="order none; excess_actions.csv has the best action for each line and what it saves",
)
DEAD_STOCK = declare_exception(
    "dead_stock",
    stage="replenish",
    says="stock without any expected demand",
    action="excess_actions.csv has the best of moving, returning, selling and scrapping it, and what that saves",
)

LARGEST_LISTED = 20  # of a site; the others are one line with their total


class Booked(NamedTuple):
    """Booked repairs as rows: the pair, days from today until needed, pieces; sorted by pair and date."""

    row: Wholes
    in_days: Wholes
    quantity: Wholes
    appointment_id: npt.NDArray[np.str_]
    needed_on: npt.NDArray[np.datetime64]


class Receipts(NamedTuple):
    """Open orders added up for each pair, shape (n,)."""

    on_order: Wholes
    on_order_later: Wholes
    committed: Wholes


def inventory_position(
    on_hand: Wholes,
    on_order: Wholes,
    backordered: Wholes,
    reserved: Wholes,
    committed: Wholes,
    requested: Wholes,
    superseded: Wholes,
) -> Wholes:
    """Stock there and coming in time, less what is promised, plus the net stock of older numbers.

    Examples
    --------
    >>> one = np.array([1])
    >>> inventory_position(5 * one, 0 * one, 8 * one, 0 * one, 0 * one, 0 * one, 0 * one).tolist()
    [-3]
    """
    return on_hand + on_order - backordered - reserved - committed - requested + superseded


def passed_on(net: Wholes, uses_up: Flags) -> Wholes:
    """What an old number hands to its successor: its net stock where it is used up first, else only what it owes.

    Examples
    --------
    >>> passed_on(np.array([4, 4, -2]), np.array([True, False, False])).tolist()
    [4, 0, -2]
    """
    return np.where(uses_up, net, np.minimum(net, 0))


def excess_quantity(free: Wholes, order_up_to_level: Wholes, mean_over_horizon: Floats) -> Wholes:
    """Free pieces on hand above the level plus what the horizon will use.

    Examples
    --------
    >>> excess_quantity(np.array([20]), np.array([5]), np.array([7.2])).tolist()
    [7]
    """
    return np.maximum(free - order_up_to_level - np.ceil(mean_over_horizon).astype(np.int64), 0)


def booked_repairs(pairs: Pairs, reservations: pd.DataFrame, today: date) -> Booked:
    """Reservations by pair, the earliest first, ties by appointment."""
    rows = reservations.assign(row=rows_of(pairs, reservations["site_id"], reservations["part_id"]))
    rows = rows.sort_values(["row", "needed_on", "appointment_id"], ignore_index=True)
    return Booked(
        rows["row"].to_numpy(),
        _days_from(rows["needed_on"], today),
        rows["quantity"].to_numpy(),
        rows["appointment_id"].to_numpy(dtype=str),
        rows["needed_on"].to_numpy(),
    )


def booked_between(booked: Booked, after_days: Floats, until_days: Floats) -> Wholes:
    """Pieces booked after one day and up to another, for each pair; both days differ by pair."""
    inside = (booked.in_days > after_days[booked.row]) & (booked.in_days <= until_days[booked.row])
    return sums_of(booked.row[inside], booked.quantity[inside], len(until_days))


def receipts_of(
    pairs: Pairs, open_orders: pd.DataFrame, is_for_urgent: Flags, horizon_days: Wholes, today: date
) -> Receipts:
    """Add up open orders: those that arrive within each pair's horizon, those later, and proposed outgoing ones.

    Parameters
    ----------
    pairs, open_orders
        Pairs and input table.
    is_for_urgent
        Rows that serve an urgent order still listed: they are spoken for and cover nothing else.
    horizon_days
        For each pair, days from today within which a receipt counts. Overdue receipts count.
    today
        The day that is planned.
    """
    n = len(pairs.keys)
    row = rows_of(pairs, open_orders["site_id"], open_orders["part_id"])
    quantity = open_orders["quantity"].to_numpy()
    in_time = _days_from(open_orders["due_on"], today) <= horizon_days[row]
    free = ~is_for_urgent
    outgoing = rows_of(pairs, open_orders["source_id"], open_orders["part_id"])
    proposed = open_orders["status"].eq("proposed").to_numpy()
    return Receipts(
        sums_of(row[free & in_time], quantity[free & in_time], n),
        sums_of(row[free & ~in_time], quantity[free & ~in_time], n),
        sums_of(outgoing[proposed], quantity[proposed], n),
    )


def overdue_receipts(pairs: Pairs, open_orders: pd.DataFrame, today: date) -> pd.DataFrame:
    """Exceptions for open orders past their date, with days and money."""
    late = open_orders[open_orders["due_on"] < pd.Timestamp(today)].reset_index(drop=True)
    row = rows_of(pairs, late["site_id"], late["part_id"])
    money = late["quantity"].to_numpy() * pairs.rows["part_cost"].to_numpy()[row]
    days = -_days_from(late["due_on"], today)
    late = late.assign(line_id=late["order_id"] + "/" + late["line"].astype(str), money=money)
    late["what"] = [
        f"{quantity} pieces from {source} are {n} days overdue"
        for quantity, source, n in zip(late["quantity"], late["source_id"], days, strict=True)
    ]
    return largest_of_site(OVERDUE_RECEIPT, late, "{n} more open orders are overdue")


def stock_exceptions(
    pairs: Pairs, on_hand: Wholes, excess: Wholes, mean_over_horizon: Floats, horizon_days: int
) -> pd.DataFrame:
    """Exceptions for excess and for dead stock, the largest of each site by money and the total of the others."""
    rows = pairs.rows[["site_id", "part_id"]].assign(
        on_hand=on_hand, excess=excess, money=excess * pairs.rows["part_cost"], mean=mean_over_horizon
    )
    rows = rows[excess > 0]
    dead, too_much = rows[rows["mean"] <= 0], rows[rows["mean"] > 0]
    said_dead = [f"{n} pieces on hand and no demand expected" for n in dead["on_hand"]]
    said_excess = [
        f"{n} of {held} pieces on hand are more than the level and {horizon_days} days will use"
        for n, held in zip(too_much["excess"], too_much["on_hand"], strict=True)
    ]
    return pd.concat(
        [
            largest_of_site(DEAD_STOCK, dead.assign(what=said_dead), "{n} more parts are dead stock"),
            largest_of_site(EXCESS_STOCK, too_much.assign(what=said_excess), "{n} more parts have excess stock"),
        ],
        ignore_index=True,
    )


def largest_of_site(code: str, rows: pd.DataFrame, others: str) -> pd.DataFrame:
    """Exceptions for the rows of most money of each site, and one line with the total of its other rows.

    Parameters
    ----------
    code
        A declared code.
    rows
        With site_id, part_id, money, what, and line_id where there is one.
    others
        The sentence for the other rows of a site; ``{n}`` is their number.
    """
    if not len(rows):
        return empty(EXCEPTIONS)
    by = ["site_id", "money", "part_id", *(["line_id"] if "line_id" in rows else [])]
    ranked = rows.sort_values(by, ascending=[True, False, *[True] * (len(by) - 2)], ignore_index=True)
    is_listed = ranked.groupby("site_id").cumcount() < LARGEST_LISTED
    listed, rest = ranked[is_listed].reset_index(drop=True), ranked[~is_listed]
    total = rest.groupby("site_id", as_index=False).agg(money=("money", "sum"), n=("money", "size"))
    return pd.concat(
        [
            exceptions_of(code, listed, what=listed["what"], money=listed["money"]),
            exceptions_of(code, total, what=[others.format(n=n) for n in total["n"]], money=total["money"]),
        ],
        ignore_index=True,
    )


def _days_from(days: pd.Series, today: date) -> Wholes:
    return (days.to_numpy().astype("datetime64[D]") - np.datetime64(today, "D")).astype(np.int64)
