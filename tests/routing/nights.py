"""Small nights to plan deliveries for, given in the fewest words; times are clock times at the DC."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import pandas as pd

from partsopt.routing.given import Given
from partsopt.routing.plan import Deliveries, plan_deliveries
from partsopt.routing.verify import verify_deliveries
from partsopt.settings import RoutingParams, clock_minutes
from partsopt.tables import (
    CARRIER_LANES,
    DOCK_HOURS,
    HOLIDAYS,
    RETURNS,
    SELF_COLLECTION,
    SHIPMENTS,
    SITES,
    TRAVEL,
    VEHICLES,
    conform,
    empty,
)

MONDAY = date(2026, 11, 2)
TABLES = {
    "shipments": SHIPMENTS,
    "sites": SITES,
    "vehicles": VEHICLES,
    "carrier_lanes": CARRIER_LANES,
    "travel": TRAVEL,
    "holidays": HOLIDAYS,
    "dock_hours": DOCK_HOURS,
    "self_collection": SELF_COLLECTION,
    "returns": RETURNS,
}


def minute(clock: str) -> int:
    return clock_minutes("test", clock)


def at(clock: str, day: str = "2026-11-02") -> pd.Timestamp:
    return pd.Timestamp(f"{day}T{clock}", tz="Asia/Shanghai").tz_convert("UTC")


def site(site_id: str, kind: str = "dealer", north: float = 30.0, east: float = 120.0, **rest: Any) -> dict[str, Any]:
    given = {"opens_at": "08:00", "closes_at": "18:00", **rest}
    clocks = {name: minute(given.pop(name)) for name in ("opens_at", "closes_at")}
    supplied_by = "" if kind == "dc" else "DC"
    return {
        "site_id": site_id,
        "site_kind": kind,
        "latitude": north,
        "longitude": east,
        "supplied_by": supplied_by,
        "service_min": 15.0,
        "time_zone": "Asia/Shanghai",
        "calendar": "CN",
        **clocks,
        **given,
    }


def van(vehicle_id: str = "V1", depot_id: str = "DC", **rest: Any) -> dict[str, Any]:
    given = {"shift_start": "08:00", "shift_end": "19:00", **rest}
    clocks = {name: minute(given.pop(name)) for name in ("shift_start", "shift_end")}
    costs = {"fixed_cost": 100.0, "cost_per_km": 1.0, "cost_per_hour": 30.0}
    return {"vehicle_id": vehicle_id, "depot_id": depot_id, "capacity_kg": 1000.0, "capacity_m3": 10.0, "max_trips": 1,
            "reload_min": 30.0, **costs, **clocks, **given}  # fmt: skip


def lane(origin_id: str, destination_id: str, service: str = "road", days: int = 1, **rest: Any) -> dict[str, Any]:
    given = {"cutoff_at": "17:00", "cost_fixed": 20.0, "cost_per_kg": 1.0, **rest}
    given["cutoff_at"] = minute(given["cutoff_at"])
    return {"origin_id": origin_id, "destination_id": destination_id, "service": service, "days": days, **given}


def leg(from_id: str, to_id: str, km: float, minutes: float) -> list[dict[str, Any]]:
    """A road, the same both ways."""
    return [
        {"from_id": one, "to_id": other, "distance_m": km * 1000, "travel_min": minutes}
        for one, other in ((from_id, to_id), (to_id, from_id))
    ]


def line(line_id: str, destination_id: str, tier: str = "stock", kg: float = 10.0, **rest: Any) -> dict[str, Any]:
    order_id, number = line_id.split("/") if "/" in line_id else (line_id, "1")
    return {
        "line_id": line_id,
        "order_id": order_id,
        "line": int(number),
        "origin_id": "DC",
        "destination_id": destination_id,
        "part_id": "P1",
        "tier": tier,
        "shipment_kind": "vor" if tier == "vor" else "replenishment",
        "requested_quantity": 1,
        "shipped_quantity": 1,
        "shortage": 0,
        "fair_share": 1.0,
        "request_id": f"RQ-{line_id}",
        "load_kg": kg,
        "load_m3": kg / 1000,
        "unit_cost": 50.0,
        "for_line": 0,
        "why": "test",
        **rest,
    }


def night(**rows: list[dict[str, Any]]) -> dict[str, pd.DataFrame]:
    """The input tables of a night; tables not given are empty."""
    return {
        name: conform(pd.DataFrame(rows[name]), table) if rows.get(name) else empty(table)
        for name, table in TABLES.items()
    }


def plan(tables: dict[str, pd.DataFrame], today: date = MONDAY, **params: Any) -> Deliveries:
    settings = RoutingParams(**{"solution_limit": 60, "time_limit_s": 60, **params})
    return plan_deliveries(Given(**tables), today=today, params=settings, seed=1)


def problems(deliveries: Deliveries, tables: dict[str, pd.DataFrame], today: date = MONDAY, **params: Any) -> list[str]:
    settings = RoutingParams(**{"solution_limit": 60, "time_limit_s": 60, **params})
    found = verify_deliveries(*deliveries[:4], Given(**tables), today=today, params=settings)
    return [str(one) for one in found]


def fate(deliveries: Deliveries, line_id: str) -> pd.Series:
    rows = deliveries.delivery_lines.set_index("line_id")
    return rows.loc[line_id]


def random_docks(seed: int, n_dealers: int) -> dict[str, list[dict[str, Any]]]:
    """Rows of a night's docks: several windows a day, a DC that closes, dealers that come themselves, returns."""
    draw = random.Random(-seed - 1)  # noqa: S311 -- nights to test, not secrets
    hours = [{"site_id": "DC", "opens_at": 450, "closes_at": draw.choice([900, 1080])}] if draw.random() < 0.5 else []
    collected, returns = [], []
    for number in range(n_dealers):
        dealer = f"D{number}"
        if draw.random() < 0.5:
            noon = draw.choice([660, 690, 720])
            evening = draw.choice([990, 1080])
            hours += [
                {"site_id": dealer, "opens_at": draw.choice([480, 540]), "closes_at": noon},
                {"site_id": dealer, "opens_at": noon + draw.choice([30, 90]), "closes_at": evening},
            ]
        if draw.random() < 0.2:
            days = draw.choice(["", "Mon,Thu", "Wed"])
            collected.append({"origin_id": "DC", "site_id": dealer, "weekdays": days, "collects_at": 960})
        if draw.random() < 0.6:
            due = draw.choice([pd.NaT, pd.Timestamp(MONDAY), pd.Timestamp("2026-11-05")])
            kg = draw.choice([10.0, 55.0, 140.0])
            given = {
                "return_id": f"R{number}",
                "site_id": dealer,
                "load_kg": kg,
                "load_m3": kg / 1000,
                "collect_by": due,
            }
            returns.append(given)
    return {"dock_hours": hours, "self_collection": collected, "returns": returns}


def random_night(
    seed: int,
    n_dealers: int = 5,
    n_vans: int = 2,
    n_lines: int = 8,
    lane_share: float = 0.3,
    spread: float = 0.8,
    *,
    with_docks: bool = False,
) -> dict[str, pd.DataFrame]:
    """A night with tight windows, releases over the morning, small vans, some lanes and all tiers."""
    draw = random.Random(seed)  # noqa: S311 -- nights to test, not secrets
    sites = [site("DC", "dc")]
    for number in range(n_dealers):
        opens = draw.choice([480, 540, 600])
        sites.append(
            site(
                f"D{number}",
                north=30 + draw.uniform(-spread, spread),
                east=120 + draw.uniform(-spread, spread),
                opens_at=f"{opens // 60:02d}:00",
                closes_at=f"{draw.choice([11, 14, 17]):02d}:00",
                service_min=draw.choice([0.0, 10.0, 25.5]),
            )
        )
    vans = [
        van(
            f"V{number}",
            capacity_kg=draw.choice([60.0, 150.0]),
            capacity_m3=draw.choice([0.1, 1.0]),
            max_trips=draw.choice([1, 2]),
            shift_end=draw.choice(["13:00", "19:00"]),
            fixed_cost=draw.choice([0.0, 200.0]),
        )
        for number in range(n_vans)
    ]
    lanes = [
        lane("DC", f"D{number}", service, days=days, cost_per_kg=price)
        for number in range(n_dealers)
        for service, days, price in (("air", 1, 8.0), ("road", 3, 1.0))
        if draw.random() < lane_share
    ]
    lines = []
    for number in range(n_lines):
        tier = draw.choice(["vor", "urgent", "reservation", "backorder", "stock", "stock"])
        express = tier in ("vor", "urgent")
        rest: dict[str, Any] = {}
        if express:
            rest["placed_at"] = at(draw.choice(["07:30", "09:10", "16:00"]), draw.choice(["2026-10-30", "2026-11-02"]))
            if draw.random() < 0.5:
                rest["deliver_by"] = at(
                    draw.choice(["10:30", "12:00", "16:00"]), draw.choice(["2026-11-02", "2026-11-03"])
                )
        if tier == "reservation":
            rest["needed_on"] = pd.Timestamp(draw.choice(["2026-10-30", "2026-11-02", "2026-11-05"]))
        kg = round(draw.choice([draw.uniform(1, 30), draw.uniform(30, 170)]), 3)
        lines.append(line(f"T{number:02d}/1", f"D{draw.randrange(n_dealers)}", tier, kg, **rest))
    docks = random_docks(seed, n_dealers) if with_docks else {}
    return night(shipments=lines, sites=sites, vehicles=vans, carrier_lanes=lanes, **docks)
