"""What stands on a sheet, on a trip of two stops and two consignments checked by hand."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from partsopt.documents import documents_of
from partsopt.report.route_sheets import SELF_COLLECTED, Sheet, route_sheets_of
from partsopt.tables import (
    COLLECTIONS,
    DELIVERY_LINES,
    DOCK_HOURS,
    PARTS,
    RETURNS,
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

TODAY = date(2026, 11, 2)


def at(clock: str, day: str = "2026-11-02") -> pd.Timestamp:
    """A time in China."""
    return pd.Timestamp(f"{day}T{clock}", tz="Asia/Shanghai").tz_convert("UTC")


def sites() -> pd.DataFrame:
    rows = {
        "site_id": ["DC", "D1", "D2"],
        "site_kind": ["dc", "dealer", "dealer"],
        "supplied_by": ["", "DC", "DC"],
        "name": ["北京备件中心", "杭州一店", "乌鲁木齐店"],
        "address": ["", "杭州市汽车大道8号", ""],
        "opens_at": [480, 510, 480],
        "closes_at": [1080, 1050, 1080],
        "time_zone": ["Asia/Shanghai", "Asia/Shanghai", "Asia/Urumqi"],
    }
    return conform(pd.DataFrame({**rows, "latitude": 39.0, "longitude": 116.0}), SITES)


def parts() -> pd.DataFrame:
    rows = {"part_id": ["P", "Q"], "description": ["机油滤清器", "pump"]}
    return conform(pd.DataFrame({**rows, "unit_cost": 10.0, "weight_kg": 1.0, "volume_m3": 0.1}), PARTS)


def planned() -> dict[str, pd.DataFrame]:
    """Lines 1 to 3 by van (1 and 2 to D1), 4 and 5 to D2 by road on two days."""
    n = 5
    shipped = {
        "line_id": [f"TO/{k + 1}" for k in range(n)],
        "order_id": "TO",
        "line": range(1, n + 1),
        "origin_id": "DC",
        "destination_id": ["D1", "D1", "D2", "D2", "D2"],
        "part_id": ["P", "Q", "P", "P", "Q"],
        "tier": ["stock", "vor", "stock", "stock", "urgent"],
        "shipment_kind": "replenishment",
        "requested_quantity": 9,
        "shipped_quantity": [3, 1, 2, 4, 5],
        "shortage": 0,
        "fair_share": 1.0,
        "request_id": [f"R{k}" for k in range(n)],
        "load_kg": [3.0, 1.0, 2.0, 4.0, 5.0],
        "load_m3": 0.1,
        "unit_cost": 10.0,
        "for_line": 0,
        "why": "because",
    }
    lines = {
        "line_id": shipped["line_id"],
        "carried_by": ["vehicle"] * 3 + ["lane"] * 2,
        "released_at": at("10:00"),
        "route_id": ["RT"] * 3 + [""] * 2,
        "trip": [1, 1, 1, 0, 0],
        "position": [1, 1, 2, 0, 0],
        "service": [""] * 3 + ["road"] * 2,
        "departs_at": [at("10:00")] * 3 + [at("17:00"), at("17:00", "2026-11-03")],
        "arrives_at": [at("10:35")] * 3 + [at("09:00", "2026-11-04"), at("09:00", "2026-11-05")],
        "is_late": [False, True, False, False, False],
        "cost": 0.0,
        "unserved_because": "",
    }
    stops = {
        "route_id": "RT",
        "trip": 1,
        "position": [1, 2],
        "vehicle_id": "VAN",
        "depot_id": "DC",
        "site_id": ["D1", "D2"],
        "tier": ["vor", "stock"],
        "arrives_at": [at("10:35"), at("12:00")],
        "starts_at": [at("10:40"), at("12:00")],
        "leaves_at": [at("10:55"), at("12:15")],
        "distance_m": [20_000.0, 30_000.0],
        "travel_min": [35.0, 65.0],
        "load_kg": [4.0, 2.0],
        "load_m3": [0.2, 0.1],
        "n_lines": [2, 1],
    }
    collections = {
        "return_id": ["RET-1", "RET-2"],
        "carried_by": ["vehicle", "left"],
        "route_id": ["RT", ""],
        "trip": [1, 0],
        "position": [1, 0],
        "left_because": ["", "dear"],
    }
    route = {
        "route_id": ["RT"],
        "trip": 1,
        "depot_id": "DC",
        "vehicle_id": "VAN",
        "departs_at": at("10:00"),
        "returns_at": at("13:30"),
        "n_stops": 2,
        "load_kg": 6.0,
        "load_m3": 0.3,
        "load_share": 0.3,
        "distance_m": 80_000.0,
        "cost": 100.0,
    }
    return {
        "shipments": conform(pd.DataFrame(shipped), SHIPMENTS),
        "taken_up": empty(TAKEN_UP),
        "waiting_lines": empty(WAITING_LINES),
        "delivery_lines": conform(pd.DataFrame(lines), DELIVERY_LINES),
        "routes": conform(pd.DataFrame(route), ROUTES),
        "stops": conform(pd.DataFrame(stops), STOPS),
        "collections": conform(pd.DataFrame(collections), COLLECTIONS),
    }


def used() -> dict[str, pd.DataFrame]:
    """D2 unloads twice a day; a core waits at D1 and one at D2 that no vehicle fetches."""
    hours = {"site_id": "D2", "opens_at": [840, 480], "closes_at": [1080, 720]}
    returns = {"return_id": ["RET-1", "RET-2"], "site_id": ["D1", "D2"], "what": "旧发动机", "load_kg": 55.0}
    return {
        "sites": sites(),
        "parts": parts(),
        "dock_hours": conform(pd.DataFrame(hours), DOCK_HOURS),
        "returns": conform(pd.DataFrame({**returns, "load_m3": 0.2}), RETURNS),
    }


def sheets(only: str = "") -> list[Sheet]:
    return route_sheets_of(planned(), used(), TODAY, only=only)


def test_a_trip_has_its_stops_in_order_with_their_codes():
    trip = sheets()[0]
    assert (trip.origin_id, trip.origin_name, trip.vehicle_id, trip.trip, trip.n_trips) == (
        "DC",
        "北京备件中心",
        "VAN",
        1,
        1,
    )
    assert [(stop.code, stop.site_id, stop.name, stop.address) for stop in trip.stops] == [
        ("RT/1/1", "D1", "杭州一店", "杭州市汽车大道8号"),
        ("RT/1/2", "D2", "乌鲁木齐店", ""),
    ]
    assert [stop.open_hours for stop in trip.stops] == ["08:30-17:30", "08:00-12:00 14:00-18:00"]
    assert trip.load_kg == 6.0
    assert trip.load_m3 == pytest.approx(0.3)


def test_lines_of_a_stop_stand_by_urgency():
    first = sheets()[0].stops[0]
    assert [(line.tier, line.quantity, line.description, line.is_late) for line in first.lines] == [
        ("vor", 1, "pump", True),
        ("stock", 3, "机油滤清器", False),
    ]
    assert first.pieces == 4


def test_times_are_on_the_clocks_of_the_site():
    """Noon in Beijing is ten in the morning on the clocks of Urumqi."""
    trip = sheets()[0]
    assert [f"{stop.arrives_at:%H:%M}" for stop in trip.stops] == ["10:35", "10:00"]
    assert f"{trip.departs_at:%H:%M}" == "10:00"


def test_a_handover_is_all_that_a_carrier_collects_at_one_time():
    """The two consignments leave on two days: two sheets, numbered as in deliveries.csv."""
    today, tomorrow = sheets()[1:]
    assert [(one.service, one.is_trip, f"{one.departs_at:%d %H:%M}") for one in (today, tomorrow)] == [
        ("road", False, "02 17:00"),
        ("road", False, "03 17:00"),
    ]
    assert today.stops[0].code == "20261102/DC/D2/road/1"
    assert (tomorrow.stops[0].code, tomorrow.stops[0].tier, tomorrow.stops[0].load_kg) == (
        "20261102/DC/D2/road/2",
        "urgent",
        5.0,
    )


def test_codes_are_the_keys_of_the_deliveries():
    """Whoever scans a code finds the row of deliveries.csv."""
    stock = empty(STOCK)
    rows = documents_of(planned(), parts(), sites(), stock)["deliveries"]
    driven = rows[rows["carried_by"].eq("vehicle")]
    given = rows[rows["carried_by"].eq("lane")]
    keys = [f"{row.route_id}/{row.trip}/{row.position}" for row in driven.itertuples()]
    keys += [f"20261102/{row.depot_id}/{row.site_id}/{row.service}/{row.position}" for row in given.itertuples()]
    assert sorted(stop.code for sheet in sheets() for stop in sheet.stops) == sorted(keys)


def test_the_order_of_rows_does_not_matter():
    mixed = {name: frame.sample(frac=1.0, random_state=3) for name, frame in planned().items()}
    assert route_sheets_of(mixed, used(), TODAY) == sheets()


def test_one_site_alone_and_a_run_without_deliveries():
    assert sheets("D1") == []
    assert sheets("DC") == sheets()
    nothing = {name: table.iloc[:0] for name, table in planned().items()}
    assert route_sheets_of(nothing, used(), TODAY) == []


def test_a_return_is_loaded_where_the_plan_says():
    first, second = sheets()[0].stops
    assert [(one.return_id, one.what, one.load_kg) for one in first.returns] == [("RET-1", "旧发动机", 55.0)]
    assert second.returns == ()


def test_each_dealer_that_comes_itself_has_its_own_sheet():
    """Two dealers collect at five: two sheets to sign, where one carrier would have had one."""
    made = planned()
    made["shipments"] = made["shipments"].assign(destination_id=["D1", "D1", "D2", "D1", "D2"])
    lines = made["delivery_lines"]
    lines = lines.assign(departs_at=lines["departs_at"].mask(lines["carried_by"].eq("lane"), at("17:00")))
    made["delivery_lines"] = lines
    assert [len(one.stops) for one in route_sheets_of(made, used(), TODAY)[1:]] == [2]
    made["delivery_lines"] = lines.assign(service=lines["service"].replace("road", SELF_COLLECTED))
    collected = route_sheets_of(made, used(), TODAY)[1:]
    assert [(one.is_self_collected, one.stops[0].site_id) for one in collected] == [(True, "D1"), (True, "D2")]
