"""Stage 7: what people and the ERP read, on a handful of lines checked by hand."""

from __future__ import annotations

from datetime import date

import pandas as pd

from partsopt.documents import digest_of, documents_of, local_days, told_since
from partsopt.tables import (
    DELIVERY_LINES,
    EXCEPTIONS,
    ORDERS,
    PARTS,
    ROUTES,
    SHIPMENTS,
    SITES,
    STOCK,
    STOPS,
    TAKEN_UP,
    WAITING_LINES,
    conform,
    empty,
)

SHIPPED = {
    "order_id": "TO-1",
    "line": [1, 2, 3],
    "origin_id": "DC",
    "destination_id": ["D01", "D02", "D02"],
    "part_id": "P",
    "tier": ["stock", "vor", "stock"],
    "shipment_kind": ["replenishment", "vor", "replenishment"],
    "requested_quantity": 5,
    "shipped_quantity": [5, 1, 2],
    "shortage": [0, 4, 3],
    "fair_share": 1.0,
    "request_id": ["R1", "R2", "R3"],
    "load_kg": [5.0, 1.0, 2.0],
    "load_m3": 0.1,
    "unit_cost": 10.0,
    "for_line": 0,
    "why": "because",
}


def waiting_line(line_id: str) -> pd.DataFrame:
    rows = pd.DataFrame({**SHIPPED, "line_id": ["TO-1/1", "TO-1/2", "TO-1/3"], "since_on": pd.Timestamp("2026-11-02")})
    return rows[rows["line_id"].eq(line_id)]


def derived() -> dict[str, pd.DataFrame]:
    """Line 1 by van to D01; lines 2 and 3 to D02, one by lane, one by nobody."""
    at = pd.to_datetime(["2026-11-02T02:00Z", "2026-11-02T09:00Z", None], utc=True)
    lines = {
        "line_id": ["TO-1/1", "TO-1/2", "TO-1/3"],
        "carried_by": ["vehicle", "lane", "unserved"],
        "released_at": pd.to_datetime(["2026-11-02T02:00Z"] * 3, utc=True),
        "route_id": ["RT", "", ""],
        "trip": [1, 0, 0],
        "position": [1, 0, 0],
        "service": ["", "road", ""],
        "departs_at": at,
        "arrives_at": pd.to_datetime(["2026-11-02T03:00Z", "2026-11-03T17:00Z", None], utc=True),
        "is_late": False,
        "cost": [0.0, 30.0, 0.0],
        "unserved_because": ["", "", "too heavy"],
    }
    route = {
        "route_id": ["RT"],
        "trip": 1,
        "depot_id": "DC",
        "vehicle_id": "VAN",
        "departs_at": at[:1],
        "returns_at": at[:1],
        "n_stops": 1,
        "load_kg": 5.0,
        "load_m3": 0.1,
        "load_share": 0.1,
        "distance_m": 2000.0,
        "cost": 100.0,
    }
    stop = {
        "route_id": ["RT"],
        "trip": 1,
        "position": 1,
        "vehicle_id": "VAN",
        "depot_id": "DC",
        "site_id": "D01",
        "tier": "stock",
        "arrives_at": at[:1],
        "starts_at": at[:1],
        "leaves_at": at[:1],
        "distance_m": 1000.0,
        "travel_min": 60.0,
        "load_kg": 5.0,
        "load_m3": 0.1,
        "n_lines": 1,
    }
    order = {
        "line_id": ["PO-1/1"],
        "order_id": "PO-1",
        "line": 1,
        "site_id": "DC",
        "part_id": "P",
        "source_id": "MAKER",
        "channel": "maker",
        "abc_class": "A",
        "ordered_on": pd.Timestamp("2026-11-02"),
        "order_quantity": 7,
        "due_on": pd.Timestamp("2026-11-12"),
        "unit_cost": 10.0,
        "order_value": 70.0,
        "limited_by": "nothing",
        "promised_fill_rate": 0.98,
        "why": "because",
    }
    return {
        "orders": conform(pd.DataFrame(order), ORDERS),
        "shipments": conform(pd.DataFrame({**SHIPPED, "line_id": lines["line_id"]}), SHIPMENTS),
        "taken_up": empty(TAKEN_UP),
        "waiting_lines": conform(waiting_line("TO-1/3"), WAITING_LINES),
        "delivery_lines": conform(pd.DataFrame(lines), DELIVERY_LINES),
        "routes": conform(pd.DataFrame(route), ROUTES),
        "stops": conform(pd.DataFrame(stop), STOPS),
    }


def parts() -> pd.DataFrame:
    rows = {"part_id": ["P"], "description": "pump", "unit_cost": 10.0, "weight_kg": 1.0, "volume_m3": 0.1}
    return conform(pd.DataFrame(rows), PARTS)


def sites() -> pd.DataFrame:
    rows = {"site_id": ["DC", "D01", "D02"], "site_kind": ["dc", "dealer", "dealer"], "supplied_by": ["", "DC", "DC"]}
    return conform(pd.DataFrame({**rows, "latitude": 39.0, "longitude": 116.0}), SITES)


def stock(**bins: str) -> pd.DataFrame:
    rows = {"site_id": "DC", "part_id": list(bins), "on_hand": 9, "bin": list(bins.values())}
    return conform(pd.DataFrame(rows), STOCK)


def test_a_purchase_order_line_is_an_open_order_in_proposal():
    line = documents_of(derived(), parts(), sites(), stock())["purchase_orders"].iloc[0]
    assert line[["source_id", "site_id", "quantity", "status", "for_order_id"]].tolist() == [
        "MAKER",
        "DC",
        7,
        "proposed",
        "",
    ]


def test_a_transfer_is_due_on_the_dealers_own_calendar_day():
    """The lane arrives at 17:00 UTC on the 3rd, which is 01:00 on the 4th in Shanghai; nobody's line: its release."""
    lines = documents_of(derived(), parts(), sites(), stock())["transfer_orders"]
    assert lines["due_on"].dt.date.astype(str).tolist() == ["2026-11-02", "2026-11-04", "2026-11-02"]
    assert lines["carried_by"].tolist() == ["vehicle", "lane", "unserved"]


def test_deliveries_show_stops_lanes_and_what_nobody_carries():
    rows = documents_of(derived(), parts(), sites(), stock())["deliveries"]
    assert rows[["carried_by", "site_id", "service", "tier", "n_lines", "cost"]].to_numpy().tolist() == [
        ["lane", "D02", "road", "vor", 1, 30.0],
        ["unserved", "D02", "too heavy", "stock", 1, 0.0],
        ["vehicle", "D01", "", "stock", 1, 0.0],
    ]


def test_a_night_without_shipments_gives_empty_documents():
    nothing = {name: table.iloc[:0] for name, table in derived().items()}
    made = documents_of(nothing, parts(), sites(), stock())
    assert all(table.empty for table in made.values())


def test_pick_lists_are_in_the_order_things_must_be_ready():
    rows = documents_of(derived(), parts(), sites(), stock())["pick_lists"]
    assert rows["line_id"].tolist() == ["TO-1/1", "TO-1/3", "TO-1/2"]
    assert rows["description"].unique().tolist() == ["pump"]


def test_a_wave_is_picked_along_the_bins_whatever_the_tier():
    """All three lines leave at ten: parts Q, R and P lie in A-01, A-02 and nowhere known; blank bins come first."""
    made = derived()
    ten = pd.to_datetime(["2026-11-02T02:00Z"] * 3, utc=True)
    made["delivery_lines"] = made["delivery_lines"].assign(departs_at=ten)
    made["shipments"] = made["shipments"].assign(part_id=["R", "P", "Q"])
    described = pd.concat([parts().assign(part_id=one) for one in "PQR"], ignore_index=True)
    rows = documents_of(made, described, sites(), stock(R="A-02", Q="A-01"))["pick_lists"]
    assert rows[["bin", "part_id", "tier"]].to_numpy().tolist() == [
        ["", "P", "vor"],
        ["A-01", "Q", "stock"],
        ["A-02", "R", "stock"],
    ]


def test_a_pick_list_says_by_when_a_line_must_be_packed_and_what_was_promised():
    made = derived()
    promised = pd.to_datetime([None, "2026-11-02T06:00Z", None], utc=True)
    made["shipments"] = made["shipments"].assign(deliver_by=promised)
    rows = documents_of(made, parts(), sites(), stock())["pick_lists"].set_index("line_id")
    assert rows.loc["TO-1/2", "deliver_by"] == promised[1]
    assert rows.loc["TO-1/2", "released_at"] == pd.Timestamp("2026-11-02T02:00Z")
    assert pd.isna(rows.loc["TO-1/1", "deliver_by"])


def test_an_exception_keeps_the_first_night_that_told_it():
    """The same site, part and line since Monday, though what is said changed; another line of the part is new."""

    def told(rows: list[tuple[str, str, str]], since: str | None) -> pd.DataFrame:
        frame = pd.DataFrame(rows, columns=["part_id", "line_id", "what"])
        fixed = {"code": "late", "stage": "test", "site_id": "D01", "money": 1.0, "action": "look"}
        return conform(frame.assign(**fixed, since_on=pd.Timestamp(since) if since else pd.NaT), EXCEPTIONS)

    before = told(
        [("P1", "RQ-20261102-D01-P1-stock", "2 short"), ("P2", "PO-20261001-D01-S/1", "overdue")], "2026-11-02"
    )
    rows = [("P1", "RQ-20261104-D01-P1-stock", "3 short"), ("P2", "PO-20261002-D01-S/1", "overdue"), ("P3", "", "new")]
    found = told_since(told(rows, None), before, date(2026, 11, 4)).set_index("part_id")["since_on"]
    assert found.dt.day.to_dict() == {"P1": 2, "P2": 4, "P3": 4}


def test_the_digest_keeps_what_is_new_before_what_is_dear():
    rows = exceptions(4, "many").assign(
        since_on=pd.to_datetime(["2026-11-04", "2026-11-02", "2026-11-02", "2026-11-02"])
    )
    assert digest_of(rows, most=2)["what"].tolist()[:2] == ["000", "003"]


def test_days_are_local_in_each_zone():
    moments = pd.Series(pd.to_datetime(["2026-11-02T17:00Z", "2026-11-02T17:00Z", None], utc=True))
    days = local_days(moments, pd.Series(["Asia/Shanghai", "Europe/Berlin", "Asia/Shanghai"]))
    assert days[:2].dt.strftime("%Y-%m-%d").tolist() == ["2026-11-03", "2026-11-02"]
    assert days[2] is pd.NaT


def exceptions(n: int, code: str) -> pd.DataFrame:
    rows = {"code": code, "stage": "test", "what": [f"{at:03d}" for at in range(n)], "action": "look"}
    return conform(pd.DataFrame({**rows, "money": [float(at) for at in range(n)]}), EXCEPTIONS)


def test_the_digest_keeps_the_dearest_and_sums_up_the_rest():
    """Five of one code with 0 to 4 money and one of another; two kept: 4 and 3, the others are 3 lines with 0+1+2."""
    made = digest_of(pd.concat([exceptions(5, "many"), exceptions(1, "one")], ignore_index=True), most=2)
    assert made[["code", "what", "money"]].to_numpy().tolist() == [
        ["many", "003", 3.0],
        ["many", "004", 4.0],
        ["many", "3 more lines, in all_exceptions.parquet", 3.0],
        ["one", "000", 0.0],
    ]
    assert digest_of(empty(EXCEPTIONS), most=2).empty
