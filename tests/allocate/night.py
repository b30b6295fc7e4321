"""Small nights to allocate: two DCs, five dealers, a part or two."""

from __future__ import annotations

from datetime import date

import pandas as pd

from partsopt.allocate.shares import Allocation, allocate_stock
from partsopt.settings import AllocateParams
from partsopt.tables import CARRIER_LANES, LINEAGE, OPEN_ORDERS, PARTS, POSITIONS, REQUESTS, SITES, conform, empty

TODAY = date(2026, 11, 2)
NO_REBALANCE = AllocateParams(rebalance=False)
DC_OF = {"D01": "SH", "D02": "SH", "D03": "SH", "D11": "BJ", "D12": "BJ", "SH": "SH"}


def request(request_id, site_id, *, quantity, part_id="P", tier="stock", **rest):
    moments = {name: pd.Timestamp(rest.pop(name, None) or pd.NaT) for name in ("placed_at", "deliver_by")}
    moments = {name: at.tz_localize("UTC") if pd.notna(at) else at for name, at in moments.items()}
    return {
        "request_id": request_id,
        "site_id": site_id,
        "part_id": part_id,
        "source_id": DC_OF[site_id],
        "tier": tier,
        "quantity": quantity,
        "order_multiple": rest.pop("order_multiple", 1),
        "needed_on": pd.Timestamp(rest.pop("needed_on", None) or pd.NaT),
        "position_before": rest.pop("position_before", 0),
        "mean_per_day": rest.pop("mean_per_day", 1.0),
        "unit_cost": rest.pop("unit_cost", 100.0),
        "for_order_id": rest.pop("for_order_id", ""),
        "for_line": rest.pop("for_line", 0),
        **moments,
        **rest,
    }


def position(site_id, *, part_id="P", on_hand=0, **rest):
    blank = dict.fromkeys(POSITIONS.columns, 0)
    return {**blank, "site_id": site_id, "part_id": part_id, "on_hand": on_hand, **rest}


def order(
    order_id, *, site_id, source_id="MAKER", part_id="P", quantity=1, due_on="2026-11-09", status="confirmed", line=1
):
    return {
        "order_id": order_id,
        "line": line,
        "source_id": source_id,
        "site_id": site_id,
        "part_id": part_id,
        "quantity": quantity,
        "due_on": pd.Timestamp(due_on),
        "status": status,
    }


def frame(rows, table):
    """Rows in the order given, of the declared types."""
    if not rows:
        return empty(table)
    given = pd.DataFrame(rows)
    for name, column in table.columns.items():
        if column.kind == "moment":
            given[name] = pd.to_datetime(given[name], utc=True)
    typed = conform(given, table)
    key = list(table.key)
    return given[key].merge(typed, on=key, validate="1:1")[list(table.columns)]


def sites():
    rows = [
        {
            "site_id": "SH",
            "site_kind": "dc",
            "name": "Shanghai",
            "latitude": 31.2,
            "longitude": 121.5,
            "supplied_by": "",
        },
        {
            "site_id": "BJ",
            "site_kind": "dc",
            "name": "Beijing",
            "latitude": 39.9,
            "longitude": 116.4,
            "supplied_by": "",
        },
    ]
    for number, (site_id, dc) in enumerate(DC_OF.items()):
        if site_id != dc:
            place = {"latitude": 31.0 + number, "longitude": 120.0}
            rows.append({"site_id": site_id, "site_kind": "dealer", "name": "", "supplied_by": dc, **place})
    return conform(pd.DataFrame(rows), SITES)


def allocate(
    requests,
    positions,
    *,
    levels=None,
    open_orders=(),
    parts=("P", "Q"),
    unit_cost=100.0,
    lineage=None,
    params=None,
    today=TODAY,
    keep=None,
) -> Allocation:
    asked = frame(requests, REQUESTS)
    terms = [
        {"line_id": row["request_id"], "term_number": number, "term": term, "quantity": pieces, "note": ""}
        for row in requests
        for number, (term, pieces) in enumerate((("order_up_to_level", row["quantity"] + 1), ("on_hand", -1)), start=1)
    ]
    tables = {
        "requests": asked,
        "positions": frame(positions, POSITIONS),
        "levels": levels
        if levels is not None
        else pd.DataFrame(
            {
                "site_id": pd.Series(dtype="str"),
                "part_id": pd.Series(dtype="str"),
                "mean_over_protection": pd.Series(dtype="float64"),
                "protection_days": pd.Series(dtype="float64"),
            }
        ),
        "open_orders": frame(list(open_orders), OPEN_ORDERS),
        "parts": conform(
            pd.DataFrame({"part_id": list(parts), "unit_cost": unit_cost, "weight_kg": 1.0, "volume_m3": 0.01}), PARTS
        ),
        "sites": sites(),
        "carrier_lanes": empty(CARRIER_LANES),
        "lineage": lineage if lineage is not None else (pd.DataFrame(terms) if terms else empty(LINEAGE)),
    }
    copies = {name: table.copy(deep=True) for name, table in tables.items()}
    if keep is not None:
        keep.update({name: (tables[name], copies[name]) for name in tables})
    return allocate_stock(**tables, today=today, params=params or AllocateParams())
