"""What sites ask of the DC that supplies them tonight, by tier, and the terms each request is made of."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.replenish.lineage import Term, lineage_of, terms_at
from partsopt.replenish.pairs import Pairs, rows_at, rows_of, sums_of
from partsopt.replenish.position import Booked
from partsopt.replenish.sourcing import raised_quantity
from partsopt.tables import DTYPES, stacked

Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Gap(NamedTuple):
    """For some pairs, what is missing up to the level, and the terms it is made of; arrays of one length.

    ``reserved`` holds what is reserved up to ``until_days``; ``order_up_to_level`` is 0 where only
    owed pieces are ordered, ahead of the review.
    """

    row: Wholes
    quantity: Wholes
    order_up_to_level: Wholes
    on_hand: Wholes
    on_order: Wholes
    backordered: Wholes
    reserved: Wholes
    committed: Wholes
    requested: Wholes
    superseded: Wholes
    until_days: npt.NDArray[np.float64]
    level_note: npt.NDArray[np.str_]
    receipt_note: npt.NDArray[np.str_]

    def at(self, rows: Flags) -> Gap:
        """The gaps of some of the pairs."""
        return Gap(**{name: values[rows] for name, values in self._asdict().items()})


class Asked(NamedTuple):
    """Requests (rows with ``row``, the pair, and ``parent``, the pair asked) and their lineage."""

    requests: pd.DataFrame
    lineage: pd.DataFrame


class Urgent(NamedTuple):
    """Urgent orders: those asked of a DC as rows, and pieces of the others for each pair, shape (n,)."""

    asked: Asked
    named: Wholes
    serving: Flags


SHELF_NOTE = "on hand at the start of the day"
OWED_NOTE = "promised to customers, not delivered"
RESERVED_NOTE = "booked repairs and named orders up to the end of the interval"
COMMITTED_NOTE = "proposed transfers not yet in the stock figures"
REQUESTED_NOTE = "asked for by the sites supplied, tonight"
SUPERSEDED_NOTE = "net stock of the numbers this part replaces"


def terms_of(gap: Gap) -> list[Term]:
    """The terms that add up to the gap."""
    return [
        Term("order_up_to_level", gap.order_up_to_level, gap.level_note),
        Term("on_hand", -gap.on_hand, SHELF_NOTE),
        Term("on_order", -gap.on_order, gap.receipt_note),
        Term("backordered", gap.backordered, OWED_NOTE),
        Term("reserved", gap.reserved, RESERVED_NOTE),
        Term("committed", gap.committed, COMMITTED_NOTE),
        Term("requested", gap.requested, REQUESTED_NOTE),
        Term("superseded", -gap.superseded, SUPERSEDED_NOTE),
    ]


def ask_urgent(
    pairs: Pairs,
    parent: Wholes,
    on_hand: Wholes,
    urgent_orders: pd.DataFrame,
    open_orders: pd.DataFrame,
    today: date,
) -> Urgent:
    """Ask for every urgent order, less what is on its way for it.

    A part number that has been replaced is asked for in the new number, unless the DC still has enough
    of the old. An urgent order at a site that buys the part outside is not asked of a DC: its pieces
    count there as reserved for a named order, and so are ordered at once.

    Parameters
    ----------
    pairs
        The pairs.
    parent
        The pair of the DC that supplies each pair; -1 where none does.
    on_hand
        Pieces on the shelf of each pair.
    urgent_orders, open_orders
        Input tables.
    today
        The day that is planned.
    """
    serves = pd.MultiIndex.from_frame(open_orders[["for_order_id", "for_line"]])
    listed = pd.MultiIndex.from_frame(urgent_orders[["order_id", "line"]])
    serving = listed.get_indexer(serves) if len(listed) else np.full(len(open_orders), -1)
    is_for_one = (serving >= 0) & open_orders["for_order_id"].ne("").to_numpy()
    covered = sums_of(np.where(is_for_one, serving, -1), open_orders["quantity"].to_numpy(), len(urgent_orders))
    asked = urgent_orders["quantity"].to_numpy()
    missing = np.maximum(asked - covered, 0)
    row = rows_of(pairs, urgent_orders["site_id"], urgent_orders["part_id"])

    n = len(pairs.keys)
    wanted = sums_of(parent[row], missing, n)
    old_suffices = (parent[row] >= 0) & (on_hand[parent[row]] >= wanted[parent[row]])
    part = pairs.rows["part"].to_numpy()
    successor = rows_at(pairs, pairs.rows["site"].to_numpy()[row], pairs.successors.successor[part[row]])
    moved = (successor != row) & ~old_suffices
    row = np.where(moved, successor, row)

    by_dc = parent[row] >= 0
    named = sums_of(np.where(by_dc, -1, row), asked, n)
    # a receipt for an urgent order is spoken for where a DC brings it; elsewhere the order counts as reserved
    target = np.append(by_dc, False)[serving]
    open_ = by_dc & (missing > 0)
    asks = urgent_orders[open_].reset_index(drop=True)
    stem = _stem(pairs, row[open_], today)
    requests = _request_rows(
        pairs,
        row[open_],
        parent,
        request_id=stem + "-" + asks["tier"] + "-" + asks["order_id"] + "-" + asks["line"].astype(str),
        tier=asks["tier"],
        quantity=missing[open_],
        placed_at=asks["placed_at"],
        deliver_by=asks["deliver_by"],
        for_order_id=asks["order_id"],
        for_line=asks["line"],
    )
    old = urgent_orders["part_id"].to_numpy(dtype=object)
    note = np.where(
        moved, "asked for as " + old + ", which this part replaces", "pieces that cannot wait for the review"
    )
    lineage = lineage_of(
        requests["request_id"],
        [
            Term("urgent_order", asked[open_], note[open_]),
            Term("on_order", -(asked - missing)[open_], "already on its way for this order"),
        ],
    )
    return Urgent(Asked(requests, lineage), named, is_for_one & target)


def ask_dc(
    pairs: Pairs,
    parent: Wholes,
    gap: Gap,
    booked: Booked,
    min_order_quantity: Wholes,
    order_multiple: Wholes,
    today: date,
) -> Asked:
    """Split each gap into tiers: owed now, booked and not covered, and the rest for stock.

    Stock on hand and receipts go first to backorders, then to named orders, then to booked repairs in
    the order of their dates. Minimum and multiple raise the stock tier only, so that pieces owed are
    never more than are owed.

    Parameters
    ----------
    pairs, parent
        The pairs, and the pair of the DC that supplies each.
    gap
        What is missing, for the pairs that ask.
    booked
        Booked repairs of all pairs.
    min_order_quantity, order_multiple
        Of the source, for the pairs of ``gap``.
    today
        The day that is planned.
    """
    n = len(gap.row)
    there = gap.on_hand + gap.on_order + np.maximum(gap.superseded, 0)
    owed = gap.backordered + np.maximum(-gap.superseded, 0)
    backorder = np.maximum(owed - there, 0)
    left = np.maximum(there - owed, 0)

    named_missing, line, repair, repair_missing = _reserved_missing(pairs, gap, booked, left)
    reserved_missing = named_missing + sums_of(line, repair_missing, n)

    rest = gap.quantity - backorder - reserved_missing
    least = np.maximum(rest, min_order_quantity - backorder - reserved_missing)
    stock = raised_quantity(least, np.zeros(n, dtype=np.int64), order_multiple)

    stem = _stem(pairs, gap.row, today)
    position = gap.order_up_to_level - gap.quantity
    owing, naming, filling = backorder > 0, named_missing > 0, stock > 0
    missing = np.flatnonzero(repair_missing > 0)
    at = line[missing]
    appointment = booked.appointment_id[repair][missing].astype(object)
    tables = [
        _request_rows(
            pairs,
            gap.row[owing],
            parent,
            request_id=stem[owing] + "-backorder",
            tier="backorder",
            quantity=backorder[owing],
            position_before=position[owing],
        ),
        _request_rows(
            pairs,
            gap.row[naming],
            parent,
            request_id=stem[naming] + "-reservation",
            tier="reservation",
            quantity=named_missing[naming],
            position_before=position[naming],
        ),
        _request_rows(
            pairs,
            gap.row[at],
            parent,
            request_id=stem[at] + "-reservation-" + appointment,
            tier="reservation",
            quantity=repair_missing[missing],
            position_before=position[at],
            needed_on=booked.needed_on[repair][missing],
            for_order_id=appointment,
        ),
        _request_rows(
            pairs,
            gap.row[filling],
            parent,
            request_id=stem[filling] + "-stock",
            tier="stock",
            quantity=stock[filling],
            position_before=position[filling],
            order_multiple=order_multiple[filling],
        ),
    ]
    for_backorder = _backorder_terms(gap, owed, backorder)
    taken = {term.name: term.quantity for term in for_backorder} | {"reserved": reserved_missing}
    for_stock = [term._replace(quantity=term.quantity - taken.get(term.name, 0)) for term in terms_of(gap)]
    for_stock.append(Term("minimum", least - rest, "raised to the smallest order"))
    for_stock.append(Term("multiple", stock - np.maximum(least, 0), "raised to whole packs"))
    needed = tables[2]["needed_on"].dt.strftime("%Y-%m-%d").to_numpy(dtype=object)
    lineage = [
        lineage_of(tables[0]["request_id"], terms_at(for_backorder, owing)),
        lineage_of(
            tables[1]["request_id"], [Term("reserved", named_missing[naming], "for a named order, not covered")]
        ),
        lineage_of(
            tables[2]["request_id"],
            [Term("reserved", repair_missing[missing], "not covered for the repair booked on " + needed)],
        ),
        lineage_of(tables[3]["request_id"], terms_at(for_stock, filling)),
    ]
    return joined([Asked(table, terms) for table, terms in zip(tables, lineage, strict=True)])


def _reserved_missing(pairs: Pairs, gap: Gap, booked: Booked, left: Wholes) -> tuple[Wholes, Wholes, Wholes, Wholes]:
    """Pieces that what is left does not cover: of each gap for named orders; and for each booked repair in its time.

    Of each such repair its gap, its place among those booked, and the pieces missing.
    """
    n = len(gap.row)
    place = np.full(len(pairs.keys), -1, dtype=np.int64)
    place[gap.row] = np.arange(n)
    line = np.append(place, -1)[booked.row]
    within = (line >= 0) & (booked.in_days <= np.append(gap.until_days, -np.inf)[line])
    line, pieces = line[within], booked.quantity[within]
    named = np.maximum(gap.reserved - sums_of(line, pieces, n), 0)
    after_named = np.maximum(left - named, 0)
    repair_missing = np.clip(running_sums(line, pieces) - after_named[line], 0, pieces)
    return np.maximum(named - left, 0), line, np.flatnonzero(within), repair_missing


def _backorder_terms(gap: Gap, owed: Wholes, backorder: Wholes) -> list[Term]:
    """What the backorder tier is made of, which leaves the terms of the stock tier; 0 where none is owed."""
    owing = backorder > 0
    used = owed - backorder
    hand_used = np.where(owing, np.minimum(gap.on_hand, used), 0)
    order_used = np.where(owing, np.minimum(gap.on_order, used - hand_used), 0)
    old_used = np.where(owing, used - hand_used - order_used, 0)
    old_owed = np.where(owing, np.maximum(-gap.superseded, 0), 0)
    by_name = {term.name: term for term in terms_of(gap)}
    return [
        by_name["on_hand"]._replace(quantity=-hand_used),
        by_name["on_order"]._replace(quantity=-order_used),
        by_name["backordered"]._replace(quantity=np.where(owing, gap.backordered, 0)),
        by_name["superseded"]._replace(quantity=old_owed - old_used),
    ]


def joined(asked: list[Asked]) -> Asked:
    """Requests and lineage of several kinds, one after the other."""
    return Asked(stacked(one.requests for one in asked), stacked(one.lineage for one in asked))


def running_sums(group: Wholes, values: Wholes) -> Wholes:
    """Sum of the values of a group up to and including each; rows of a group stand together.

    Examples
    --------
    >>> running_sums(np.array([0, 0, 3]), np.array([1, 2, 5])).tolist()
    [1, 3, 5]
    """
    total = np.cumsum(values)
    first = np.flatnonzero(np.diff(group, prepend=-1)) if len(group) else np.zeros(0, dtype=np.int64)
    before = np.repeat(total[first] - values[first], np.diff(first, append=len(group)))
    return total - before


def _stem(pairs: Pairs, row: Wholes, today: date) -> npt.NDArray[np.str_]:
    return np.asarray(f"RQ-{today:%Y%m%d}-" + pairs.rows["name"].to_numpy(dtype=object)[row], dtype=object)


def _request_rows(pairs: Pairs, row: Wholes, parent: Wholes, **given: object) -> pd.DataFrame:
    rows = pairs.rows.iloc[row]
    asked = pairs.rows["site_id"].to_numpy()[parent[row]]
    blank = {
        "needed_on": pd.Series(pd.NaT, index=range(len(row)), dtype=DTYPES["day"]),
        "placed_at": pd.Series(pd.NaT, index=range(len(row)), dtype=DTYPES["moment"]),
        "deliver_by": pd.Series(pd.NaT, index=range(len(row)), dtype=DTYPES["moment"]),
        "order_multiple": 1,
        "position_before": 0,
        "for_order_id": "",
        "for_line": 0,
    }
    table = pd.DataFrame(
        {
            "row": row,
            "parent": parent[row],
            "site_id": rows["site_id"].to_numpy(),
            "part_id": rows["part_id"].to_numpy(),
            "source_id": asked,
            "mean_per_day": rows["mean_per_day"].to_numpy(),
            "unit_cost": rows["part_cost"].to_numpy(),
        }
    ).assign(**{**blank, **given})
    return table.astype({"needed_on": DTYPES["day"], "for_order_id": "str", "tier": "str", "request_id": "str"})
