"""The day after the night: late orders get stock and a place, and what changed for whom is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from partsopt.allocate.shares import allocate_stock, transfer_order_prefix
from partsopt.documents import digest_of, documents_of
from partsopt.report.changes import changes_of
from partsopt.routing.dispatch import replan_deliveries
from partsopt.routing.given import given_of
from partsopt.routing.takeup import waiting_of
from partsopt.settings import Settings
from partsopt.tables import (
    CARRIER_LANES,
    EXCEPTIONS,
    LINEAGE,
    OPEN_ORDERS,
    REJECTS,
    REQUESTS,
    SHIPMENTS,
    SHORTAGES,
    SOLVER_RUNS,
    URGENT_ORDERS,
    Table,
    Tables,
    conform,
    empty,
    together,
)


@dataclass(frozen=True, kw_only=True)
class Dispatched:
    """All tables of the day as it stands after a dispatch, with what changed."""

    today: date
    tables: dict[str, pd.DataFrame]
    used: dict[str, pd.DataFrame]
    kpis: dict[str, object]


def dispatch_orders(
    before: Tables, used: Tables, orders: pd.DataFrame, settings: Settings, *, today: date, now: pd.Timestamp
) -> Dispatched:
    """Serve late urgent orders from what is left, and plan the rest of the day again.

    Parameters
    ----------
    before
        Tables of the run that is changed: shipments, taken_up, shortages, requests, lineage, routes, stops,
        delivery_lines, collections; and of its night, for the parts ordered: positions and levels.
    used
        Input tables that its deliveries rest on.
    orders
        Table urgent_orders: orders that are not in ``used`` yet.
    settings
        Those of the night.
    now
        When the orders are taken up.

    Raises
    ------
    NoPlan
        The plan found breaks a rule: a fault in this program.
    """
    sites, parts = used["sites"], used["parts"]
    positions = _left(before["positions"], before["shipments"])
    asked = orders.assign(part_id=_in_force(orders, positions, sites, used["supersessions"], today))
    requests, terms = _requests(asked, orders["part_id"], used, before["levels"], today)
    allocation = allocate_stock(
        requests=requests,
        positions=positions,
        levels=before["levels"],
        open_orders=_orders_so_far(used["open_orders"], before["shipments"], asked["part_id"], today),
        parts=parts,
        sites=sites,
        carrier_lanes=used["carrier_lanes"],
        lineage=terms,
        today=today,
        params=settings.allocate,
    )
    new = allocation.shipments.assign(dispatched_at=now)
    shipments = _together(before["shipments"], new, SHIPMENTS)
    lines = together([shipments, before["taken_up"]], SHIPMENTS)
    lanes = _together(used["carrier_lanes"], allocation.courier_lanes, CARRIER_LANES)
    deliveries = replan_deliveries(
        given_of(lines, used, carrier_lanes=lanes),
        before=before,
        today=today,
        now=now,
        params=settings.routing,
    )
    changes = changes_of(
        before["delivery_lines"],
        deliveries.delivery_lines,
        lines,
        allocation.shortages,
        dict(_zones(sites)),
        orders[orders["part_id"].ne(asked["part_id"])].set_index(["order_id", "line"])["part_id"].to_dict(),
    )
    derived = {
        "requests": _together(before["requests"], requests, REQUESTS),
        "shipments": shipments,
        "taken_up": before["taken_up"],
        "waiting_lines": waiting_of(lines, deliveries.delivery_lines, today),
        "shortages": _together(before["shortages"], allocation.shortages, SHORTAGES),
        "routes": deliveries.routes,
        "stops": deliveries.stops,
        "delivery_lines": deliveries.delivery_lines,
        "collections": deliveries.collections,
        "lineage": _together(before["lineage"], allocation.lineage, LINEAGE),
        "solver_runs": _together(allocation.solver_runs, deliveries.solver_runs, SOLVER_RUNS),
        "all_exceptions": _together(allocation.exceptions, deliveries.exceptions, EXCEPTIONS).assign(
            since_on=pd.Timestamp(today)
        ),
    }
    documents = documents_of(derived, parts, sites, used["stock"])
    tables = {**derived, **documents, "changes": changes, "rejects": empty(REJECTS)}
    tables["exceptions"] = digest_of(tables["all_exceptions"], settings.write.exceptions_per_code)
    counted = changes["change"].value_counts()
    return Dispatched(
        today=today,
        tables=tables,
        used={
            **used,
            "carrier_lanes": lanes,
            "urgent_orders": _together(used["urgent_orders"], orders, URGENT_ORDERS),
        },
        kpis={"changes": {str(name): int(counted[name]) for name in sorted(counted.index)}, "now": now.isoformat()},
    )


def _in_force(
    orders: pd.DataFrame, positions: pd.DataFrame, sites: pd.DataFrame, supersessions: pd.DataFrame, today: date
) -> pd.Series:
    """The part of each order: the newest number of one that was replaced, unless its DC has enough of the old."""
    in_force = supersessions[supersessions["effective_on"] <= pd.Timestamp(today)]
    new_of = dict(zip(in_force["old_part_id"], in_force["new_part_id"], strict=True))
    pair = pd.MultiIndex.from_arrays(
        [orders["site_id"].map(sites.set_index("site_id")["supplied_by"]), orders["part_id"]]
    )
    free = (positions["on_hand"] - positions["reserved"] - positions["committed"]).set_axis(
        pd.MultiIndex.from_frame(positions[["site_id", "part_id"]])
    )
    wanted = orders["quantity"].set_axis(pair).groupby(level=[0, 1]).transform("sum").to_numpy()
    suffices = free.reindex(pair).fillna(0).to_numpy() >= wanted
    newest = []
    for part_id, is_enough in zip(orders["part_id"], suffices, strict=True):
        while not is_enough and part_id in new_of:
            part_id = new_of[part_id]
        newest.append(part_id)
    return pd.Series(newest, index=orders.index, dtype="str")


def _requests(
    orders: pd.DataFrame, asked_as: pd.Series, used: Tables, levels: pd.DataFrame, today: date
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Late orders as requests to the DC of their dealer, and the one term each is made of."""
    sites, parts = used["sites"].set_index("site_id"), used["parts"].set_index("part_id")
    per_day = levels.set_index(["site_id", "part_id"])
    rate = (per_day["mean_over_protection"] / per_day["protection_days"]).reindex(
        pd.MultiIndex.from_frame(orders[["site_id", "part_id"]])
    )
    stem = f"RQ-{today:%Y%m%d}-" + orders["site_id"] + "-" + orders["part_id"] + "-" + orders["tier"]
    requests = orders.assign(
        request_id=stem + "-" + orders["order_id"] + "-" + orders["line"].astype("str"),
        source_id=orders["site_id"].map(sites["supplied_by"]),
        order_multiple=1,
        needed_on=pd.NaT,
        position_before=0,
        mean_per_day=rate.fillna(0.0).to_numpy(),
        unit_cost=orders["part_id"].map(parts["unit_cost"]),
        for_order_id=orders["order_id"],
        for_line=orders["line"],
    )
    terms = pd.DataFrame(
        {
            "line_id": requests["request_id"],
            "term_number": 1,
            "term": "urgent_order",
            "quantity": requests["quantity"],
            "note": np.where(
                orders["part_id"].eq(asked_as),
                "taken up during the day",
                "taken up during the day, asked for as " + asked_as + ", which this part replaces",
            ),
        }
    )
    return conform(requests, REQUESTS), conform(terms, LINEAGE)


def _left(positions: pd.DataFrame, shipments: pd.DataFrame) -> pd.DataFrame:
    """Positions less what was sent since: pieces on hand, and of the excess what the rest of them can be."""
    sent = shipments.groupby(["origin_id", "part_id"])["shipped_quantity"].sum()
    gone = (
        sent.reindex(pd.MultiIndex.from_frame(positions[["site_id", "part_id"]])).fillna(0).astype("int64").to_numpy()
    )
    return positions.assign(
        on_hand=(positions["on_hand"] - gone).clip(lower=0),
        excess_quantity=(positions["excess_quantity"] - gone).clip(lower=0),
    )


def _orders_so_far(
    open_orders: pd.DataFrame, shipments: pd.DataFrame, part_ids: pd.Series, today: date
) -> pd.DataFrame:
    """What is open of these parts, and the transfers of the day, whose numbers are taken."""
    is_transfer = open_orders["order_id"].str.startswith(transfer_order_prefix(today))
    open_orders = open_orders[is_transfer | open_orders["part_id"].isin(part_ids.unique())]
    transfers = shipments.assign(
        source_id=shipments["origin_id"],
        site_id=shipments["destination_id"],
        quantity=shipments["shipped_quantity"],
        due_on=pd.Timestamp(today),
        status="proposed",
    )
    known = pd.MultiIndex.from_frame(open_orders[["order_id", "line"]])
    is_known = pd.MultiIndex.from_frame(transfers[["order_id", "line"]]).isin(known)
    return _together(open_orders, transfers[~is_known][list(OPEN_ORDERS.columns)], OPEN_ORDERS)


def _zones(sites: pd.DataFrame) -> Any:
    return zip(sites["site_id"], sites["time_zone"], strict=True)


def _together(rows: pd.DataFrame, more: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Rows of both; the very same table where there are no more."""
    if more.empty:
        return rows
    return together([rows, more], table)
