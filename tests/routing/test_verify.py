from __future__ import annotations

import ast
from pathlib import Path

import pandas as pd
import pytest

from partsopt.routing import drive, findings, given, verify
from tests.routing.nights import at, lane, leg, line, night, plan, problems, random_night, site, van

ROADS = [*leg("DC", "D1", 30, 40), *leg("DC", "D2", 20, 30), *leg("D1", "D2", 15, 20), *leg("DC", "D4", 600, 500)]
PARAMS = {"unloading_s_per_piece": 30}


@pytest.fixture(scope="module")
def tables():
    """A van with two trips (vor at 9:30, stock after), a lane with two lines, and a line nobody carries."""
    return night(
        sites=[site("DC", "dc"), site("D1"), site("D2"), site("D3", north=33.1), site("D4")],
        vehicles=[van(max_trips=2, capacity_kg=100.0)],
        travel=ROADS,
        carrier_lanes=[lane("DC", "D3"), lane("DC", "D4", days=2)],
        shipments=[
            line("A/1", "D1"),
            line("A/2", "D1", kg=20.0),
            line("B/1", "D2", "vor", placed_at=at("07:00")),
            line("C/1", "D3", kg=30.0),
            line("C/2", "D3", kg=10.0),
            line("D/1", "D4", "urgent", placed_at=at("07:00"), deliver_by=at("12:00")),
            line("E/1", "D2", kg=900.0),
        ],
    )


@pytest.fixture(scope="module")
def deliveries(tables):
    found = plan(tables, **PARAMS)
    assert found.delivery_lines["carried_by"].tolist() == ["vehicle"] * 3 + ["lane"] * 3 + ["unserved"]
    assert len(found.routes) == 2
    return found


def tampered(deliveries, table, row, **changes):
    rows = getattr(deliveries, table).copy()
    for column, value in changes.items():
        rows.loc[row, column] = value(rows.loc[row, column]) if callable(value) else value
    return deliveries._replace(**{table: rows})


def later(minutes):
    return lambda moment: moment + pd.Timedelta(minutes=minutes)


def test_a_sound_plan_has_no_problems(deliveries, tables):
    assert problems(deliveries, tables, **PARAMS) == []


@pytest.mark.parametrize(
    ("table", "row", "changes", "said"),
    [
        ("delivery_lines", 0, {"released_at": later(-30)}, "line A/1: released_at is .*, by its tier it is"),
        ("delivery_lines", 0, {"is_late": True}, "line A/1: is_late is True"),
        ("delivery_lines", 0, {"trip": 9}, r"line A/1: stop 1 of RT-20261102-DC-V1 trip 9 does not exist"),
        ("delivery_lines", 0, {"trip": 1}, "line A/1: goes to D1 but is unloaded at D2"),
        ("delivery_lines", 0, {"departs_at": later(1)}, "line A/1: departs_at is .*, its trip leaves at"),
        ("delivery_lines", 0, {"arrives_at": later(1)}, "line A/1: arrives_at is .*, its unloading starts at"),
        (
            "delivery_lines",
            0,
            {"cost": 5.0},
            "line A/1: is on a vehicle and must have no service, no reason and no cost",
        ),
        ("delivery_lines", 3, {"service": "air"}, "line C/1: there is no lane 'air' from DC to D3"),
        ("delivery_lines", 3, {"route_id": "RT"}, "line C/1: is on a lane and must have no route"),
        ("delivery_lines", 3, {"departs_at": later(-1)}, "line C/1: departs_at is .*, not the lane's cutoff"),
        ("delivery_lines", 3, {"departs_at": later(-24 * 60)}, "line C/1: is handed over on 2026-11-01, which is not"),
        ("delivery_lines", 3, {"departs_at": later(-24 * 60)}, "line C/1: is handed over at .*, before it is packed"),
        ("delivery_lines", 3, {"arrives_at": later(-60)}, "line C/1: arrives_at is .*, the lane brings it at"),
        ("delivery_lines", 3, {"cost": 1.0}, "line C/1: cost is 1.00, its share of the lane is 45.00"),
        ("delivery_lines", 5, {"is_late": False}, "line D/1: is_late is False"),
        ("delivery_lines", 6, {"unserved_because": ""}, "line E/1: is unserved without a reason"),
        ("delivery_lines", 6, {"cost": 3.0}, "line E/1: is unserved and must have no route, no service and no cost"),
        ("delivery_lines", 6, {"arrives_at": at("12:00")}, "line E/1: is unserved and must have no times"),
        (
            "delivery_lines",
            3,
            {"carried_by": "unserved", "unserved_because": "tired"},
            "line C/1: is unserved though a lane goes from DC to D3",
        ),
        ("routes", 0, {"departs_at": later(-5)}, "before it is packed at"),
        ("routes", 0, {"departs_at": later(-120)}, "trip 1: leaves at .*, before the shift of V1 starts"),
        ("routes", 1, {"returns_at": later(500)}, "trip 2: is back at .*, after the shift of V1 ends"),
        ("routes", 1, {"returns_at": later(3)}, "trip 2: returns_at is .*, computed it is"),
        ("routes", 0, {"returns_at": later(10)}, "trip 2: leaves at .*, before it is back .* and loaded"),
        ("routes", 0, {"vehicle_id": "V9"}, "trip 1: vehicle V9 does not exist"),
        ("routes", 0, {"depot_id": "D1"}, "trip 1: vehicle V1 stands at DC, not at D1"),
        ("routes", 0, {"depot_id": "D1"}, "line B/1: lies at DC but is loaded at D1"),
        ("routes", 1, {"route_id": "RT-X"}, "vehicle V1 is already on RT"),
        ("routes", 1, {"trip": 3}, "route RT-20261102-DC-V1: trips are not numbered 1, 2"),
        ("routes", 1, {"load_kg": 29.0}, "trip 2: load_kg is 29, its lines add up to 30"),
        ("routes", 1, {"load_m3": 9.0}, "trip 2: load_m3 is 9, its lines add up to 0.03"),
        ("routes", 1, {"load_share": 0.1}, "trip 2: load_share is 0.1000, it carries 0.3000 of the capacity"),
        ("routes", 1, {"n_stops": 2}, "trip 2: n_stops is 2, it has 1"),
        ("routes", 1, {"distance_m": 50_000.0}, "trip 2: distance_m is 50000, its legs add up to 60000"),
        ("routes", 1, {"cost": 99.0}, "trip 2: cost is 99.00, fixed, distance and time cost are 108.00"),
        ("stops", 0, {"arrives_at": later(-5)}, "stop 1 of .* trip 1: arrives_at is .*, computed it is"),
        ("stops", 0, {"starts_at": later(-1)}, "trip 1: unloading starts at .*, before arrival at"),
        ("stops", 1, {"starts_at": later(600)}, "trip 2: unloading starts at .*, outside .* to"),
        ("stops", 0, {"leaves_at": later(-3)}, "trip 1: leaves_at is .*, computed it is"),
        ("stops", 0, {"distance_m": 1.0}, "trip 1: distance_m is 1, the leg is 20000"),
        ("stops", 0, {"travel_min": 1.0}, "trip 1: travel_min is 1.00, the leg takes 30.00"),
        ("stops", 0, {"site_id": "DC"}, "trip 1: DC is no dealer"),
        ("stops", 0, {"site_id": "D9"}, "trip 1: D9 is no site"),
        ("stops", 0, {"vehicle_id": "V9"}, "trip 1: vehicle or depot differ from the trip's"),
        ("stops", 0, {"position": 2}, "stop 2 of .* trip 1: position must be 1"),
        ("stops", 0, {"trip": 7}, "trip 7: its trip does not exist"),
        ("stops", 1, {"n_lines": 1}, "trip 2: n_lines is 1, 2 lines are unloaded"),
        ("stops", 1, {"load_kg": 1.0}, "trip 2: load_kg is 1, its lines add up to 30"),
        ("stops", 0, {"tier": "stock"}, "trip 1: tier is stock, the most urgent line is vor"),
    ],
)
def test_every_tampering_is_found(deliveries, tables, table, row, changes, said):
    found = problems(tampered(deliveries, table, row, **changes), tables, **PARAMS)
    assert any(pd.Series([one]).str.contains(said).item() for one in found), found


def test_a_line_left_out_or_doubled_or_made_up_is_found(deliveries, tables):
    rows = deliveries.delivery_lines
    assert "line A/1: is shipped but not in the plan" in problems(
        deliveries._replace(delivery_lines=rows.iloc[1:]), tables, **PARAMS
    )
    doubled = pd.concat([rows, rows.iloc[[3]]], ignore_index=True)
    assert "line C/1: is in the plan twice" in problems(deliveries._replace(delivery_lines=doubled), tables, **PARAMS)
    made_up = tampered(deliveries, "delivery_lines", 6, line_id="Z/9")
    assert "line Z/9: is in the plan but not among the shipments" in problems(made_up, tables, **PARAMS)


@pytest.mark.parametrize(
    ("table", "changes", "said"),
    [
        ("vehicles", {"capacity_kg": 25.0}, "load_kg of 30 exceeds the capacity_kg of 25"),
        ("vehicles", {"capacity_m3": 0.02}, "load_m3 of 0.03 exceeds the capacity_m3 of 0.02"),
        ("vehicles", {"max_trips": 1}, "has 2 trips, V1 makes 1 at most"),
        ("vehicles", {"reload_min": 45.0}, "and loaded .45 minutes."),
        ("sites", {"calendar": "SHUT"}, "D2 is closed on"),
        ("sites", {"service_min": 20.0}, "leaves_at is"),
        ("sites", {"largest_vehicle_kg": 80.0}, "takes vehicles of at most 80 kg"),
        ("shipments", {"shipped_quantity": 9}, "leaves_at is"),
    ],
)
def test_a_plan_made_for_other_inputs_is_found(deliveries, tables, table, changes, said):
    changed = dict(tables)
    changed[table] = tables[table].assign(**changes)
    changed["holidays"] = pd.DataFrame(
        {"calendar": ["SHUT"], "day": pd.to_datetime(["2026-11-02"]).astype("datetime64[us]"), "is_working": [False]}
    )
    if changes == {"calendar": "SHUT"}:
        changed[table].loc[changed[table]["site_id"].eq("DC"), "calendar"] = "CN"
    found = problems(deliveries, changed, **PARAMS)
    assert any(pd.Series([one]).str.contains(said).item() for one in found), found


def test_a_dealer_beyond_the_radius_on_a_vehicle_is_found(deliveries, tables):
    changed = {
        **tables,
        "carrier_lanes": night(sites=[], carrier_lanes=[lane("DC", "D1"), lane("DC", "D3"), lane("DC", "D4", days=2)])[
            "carrier_lanes"
        ],
    }
    found = problems(deliveries, changed, **PARAMS, own_vehicle_radius_km=10.0)
    assert "line A/1: is on a vehicle though 30 km away with a lane" in found


@pytest.mark.parametrize("seed", range(100, 115))
def test_random_nights_have_no_problems(seed):
    tables = random_night(seed, n_dealers=4, n_vans=2, n_lines=9)
    assert problems(plan(tables), tables) == []


def test_the_verifier_knows_no_solver():
    """Of this folder it imports what it says of a row, which imports how a leg is driven, and the names of tables."""
    may_import = {
        verify: ["partsopt.routing.findings", "partsopt.routing.given"],
        findings: ["partsopt.routing.drive"],
        drive: [],
        given: [],
    }
    for module, allowed in may_import.items():
        tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
        names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        names += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        foreign = [name for name in names if name.startswith(("ortools", "partsopt.routing"))]
        assert foreign == allowed
