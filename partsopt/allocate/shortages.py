"""Why a request was not met in full, and which shortages a person should look at."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from partsopt.tables import EXCEPTIONS, declare_exception, empty, exceptions_of

STOCK_PARTS_NAMED = 20
"""Parts of a DC that are named among the shortages of stock orders; the others are one line."""

CALL_THE_DEALER = "tell the dealer the date of the next receipt, or buy the part where it can be had today"
SHORTAGE_OF = {
    "vor": declare_exception(
        "shortage_vor",
        stage="allocate",
        says="a vehicle is off the road and no site can send the part",
        action=CALL_THE_DEALER,
    ),
    "urgent": declare_exception(
        "shortage_urgent", stage="allocate", says="an urgent order cannot be met in full", action=CALL_THE_DEALER
    ),
    "reservation": declare_exception(
        "shortage_reservation",
        stage="allocate",
        says="a booked repair lacks a part",
        action="hasten the next receipt of the DC, or have the dealer move the appointment",
    ),
}
SHORTAGE_BACKORDER = declare_exception(
    "shortage_backorder",
    stage="allocate",
    says="customers of dealers wait for a part of which the DC has too little; one line for each DC and part",
    action="hasten the open order, or order from another source",
)
SHORTAGE_STOCK = declare_exception(
    "shortage_stock",
    stage="allocate",
    says=f"a DC has too little for the dealers' stock orders; its {STOCK_PARTS_NAMED} parts with the most money",
    action="hasten the open order; raise the DC's level where it happens again",
)
SHORTAGE_STOCK_REST = declare_exception(
    "shortage_stock_rest",
    stage="allocate",
    says="stock orders short of further parts of the DC, in one line",
    action="nothing tonight: dealers ask again at their next review, once the DC's orders have come",
)


def next_receipts(open_orders: pd.DataFrame, today: date) -> pd.DataFrame:
    """The next receipt of each DC and part: the first one due from today on, or else the last one overdue.

    Returns
    -------
    DataFrame
        ``source_id`` (the DC that receives), ``part_id``, ``next_receipt_on``, ``next_receipt_quantity`` (pieces
        due on that day).
    """
    due = open_orders.groupby(["site_id", "part_id", "due_on"], as_index=False)["quantity"].sum()
    is_overdue = due["due_on"] < pd.Timestamp(today)
    due["wait"] = (due["due_on"] - pd.Timestamp(today)).dt.days.abs()
    due = due.assign(is_overdue=is_overdue).sort_values(["site_id", "part_id", "is_overdue", "wait"], kind="stable")
    first = due.drop_duplicates(["site_id", "part_id"])
    names = {"site_id": "source_id", "due_on": "next_receipt_on", "quantity": "next_receipt_quantity"}
    return first.rename(columns=names)[["source_id", "part_id", "next_receipt_on", "next_receipt_quantity"]]


def shortage_reasons(short: pd.DataFrame, pools: pd.DataFrame, today: date) -> list[str]:
    """One sentence for each request that was not met in full.

    Parameters
    ----------
    short
        Requests with ``group``, ``tier``, ``moved`` pieces and the DC's next receipt.
    pools
        What each DC has of a part, by group: pieces asked for, on_hand, free, owed, kept and left.

    Examples
    --------
    >>> pools = pd.DataFrame({"source_name": ["Shanghai"], "asked": [9], "on_hand": [4], "free": [4],
    ...                       "owed": [0], "kept": [0], "left": [0]})
    >>> short = pd.DataFrame({"group": [0], "tier": ["stock"], "moved": [0], "order_multiple": [1],
    ...                       "next_receipt_on": [pd.Timestamp("2026-11-09")], "next_receipt_quantity": [20.0]})
    >>> shortage_reasons(short, pools, date(2026, 11, 2))
    ['Shanghai has 4 of 9 pieces asked for; next receipt of 20 on 2026-11-09']
    """
    pool = pools.loc[short["group"].to_numpy()]
    promised = pool["on_hand"].to_numpy() - pool["free"].to_numpy()
    has = [
        f"no stock at {dc}"
        if on_hand == 0
        else (
            f"all {on_hand} pieces at {dc} are promised already"
            if free == 0
            else f"{dc} has {free} of {asked} pieces asked for"
        )
        + (f" and {held} promised already" if held > 0 and free > 0 else "")
        for dc, on_hand, free, asked, held in zip(
            pool["source_name"], pool["on_hand"], pool["free"], pool["asked"], promised, strict=True
        )
    ]
    is_stock = short["tier"].eq("stock").to_numpy()
    owed = np.where(short["tier"].isin(("backorder", "stock")), pool["owed"], 0)
    kept = np.where(is_stock, pool["kept"], 0)
    left = np.where(is_stock, pool["left"], 0)
    due = [
        "none on order before tonight"
        if pd.isna(on)
        else (
            f"next receipt of {quantity:.0f} on {on:%Y-%m-%d}"
            if on >= pd.Timestamp(today)
            else f"a receipt of {quantity:.0f} is overdue since {on:%Y-%m-%d}"
        )
        for on, quantity in zip(short["next_receipt_on"], short["next_receipt_quantity"], strict=True)
    ]
    extras = zip(owed, kept, left, short["order_multiple"], short["moved"], strict=True)
    return [
        "; ".join(
            [
                what,
                *([f"owed on earlier orders: {owing}"] if owing else []),
                *([f"kept for urgent orders: {keeping}"] if keeping else []),
                *([f"the last {rest} make no pack of {multiple}"] if rest else []),
                *([f"sent from other sites: {moved}"] if moved else []),
                receipt,
            ]
        )
        for what, (owing, keeping, rest, multiple, moved), receipt in zip(has, extras, due, strict=True)
    ]


def shortage_exceptions(shortages: pd.DataFrame, asked: pd.DataFrame) -> pd.DataFrame:
    """Shortages as a list that one person can review in a morning.

    One line for each request of the tiers vor, urgent and reservation; one for each DC and part
    of the backorder tier; for stock orders the parts of each DC with the most money and one
    line for all the others.
    """
    if shortages.empty:
        return empty(EXCEPTIONS)
    named = shortages.merge(asked[["request_id", "for_order_id", "for_line"]], on="request_id", validate="1:1")
    lists = [
        *((code, _request_by_request(named[named["tier"].eq(tier)])) for tier, code in SHORTAGE_OF.items()),
        (SHORTAGE_BACKORDER, _part_by_part(shortages[shortages["tier"].eq("backorder")], "owed to customers of")),
        *_largest_and_rest(_part_by_part(shortages[shortages["tier"].eq("stock")], "asked for by")),
    ]
    found = [exceptions_of(code, rows, what=rows["what"], money=rows["money"]) for code, rows in lists if len(rows)]
    return pd.concat(found, ignore_index=True)


def _request_by_request(named: pd.DataFrame) -> pd.DataFrame:
    columns = zip(_request_names(named), named["shortage"], named["quantity"], named["shortage_because"], strict=True)
    what = [f"{name}: {short} of {quantity} missing; {because}" for name, short, quantity, because in columns]
    return named[["site_id", "part_id"]].assign(what=what, money=named["shortage_value"])


def _part_by_part(shortages: pd.DataFrame, asked_by: str) -> pd.DataFrame:
    """One row for each DC (site_id) and part, with the reason of the largest shortage."""
    largest = shortages.sort_values(["shortage", "request_id"], ascending=[False, True], kind="stable")
    rows = largest.groupby(["source_id", "part_id"], as_index=False, sort=True).agg(
        shortage=("shortage", "sum"),
        dealers=("site_id", "nunique"),
        because=("shortage_because", "first"),
        money=("shortage_value", "sum"),
    )
    what = [
        f"{_counted(pieces, 'piece')} {asked_by} {_counted(dealers, 'dealer')} missing; {because}"
        for pieces, dealers, because in zip(rows["shortage"], rows["dealers"], rows["because"], strict=True)
    ]
    return rows.rename(columns={"source_id": "site_id"}).assign(what=what)


def _largest_and_rest(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The parts of each DC with the most money, and one row for all its others."""
    rows = rows.sort_values(["site_id", "money", "part_id"], ascending=[True, False, True], kind="stable")
    is_named = rows.groupby("site_id").cumcount() < STOCK_PARTS_NAMED
    rest = rows[~is_named].groupby("site_id", as_index=False)
    rest = rest.agg(parts=("part_id", "nunique"), shortage=("shortage", "sum"), money=("money", "sum"))
    what = [
        f"{_counted(pieces, 'piece')} of {_counted(parts, 'further part')} missing"
        for pieces, parts in zip(rest["shortage"], rest["parts"], strict=True)
    ]
    return [(SHORTAGE_STOCK, rows[is_named]), (SHORTAGE_STOCK_REST, rest.assign(what=what))]


def _request_names(rows: pd.DataFrame) -> list[str]:
    """How people call a request: the order it serves, or its own number."""
    columns = zip(rows["for_order_id"], rows["for_line"], rows["request_id"], strict=True)
    return [
        (f"order {order} line {line}" if line else f"appointment {order}") if order else f"request {request}"
        for order, line, request in columns
    ]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
