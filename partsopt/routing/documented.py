"""What the documents for people must say, recomputed from the plan row by row."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date
from typing import Any, TypeAlias

import pandas as pd

from partsopt.tables import DELIVERIES, PICK_LISTS, TIERS, TRANSFER_ORDERS, WAITING, WAITING_LINES, Table

Row: TypeAlias = dict[str, Any]


def documents_expected(rows: Callable[[str], list[Row]], today: date) -> dict[str, tuple[Table, list[Row]]]:
    """Rows of each document; ``rows`` gives those of a table of the plan as it was found right."""
    plans = {row["line_id"]: row for row in rows("delivery_lines")}
    parts = {row["part_id"]: row for row in rows("parts")}
    zones = {row["site_id"]: row["time_zone"] for row in rows("sites")}
    bins = {(row["site_id"], row["part_id"]): row["bin"] for row in rows("stock")}
    first = {line["line_id"] for line in rows("shipments")}
    lines = [
        {**line, **plans[line["line_id"]], "lane_cost": plans[line["line_id"]]["cost"]}
        for line in [*rows("shipments"), *rows("taken_up")]
        if line["line_id"] in plans and line["destination_id"] in zones
    ]
    later = {line["route_id"] for line in lines if line["waits"] and line["carried_by"] == "vehicle"}
    since = pd.Timestamp(today)
    picked = [
        {
            **line,
            "depot_id": line["origin_id"],
            "bin": bins.get((line["origin_id"], line["part_id"]), ""),
            "pick_by": line["released_at"] if pd.isna(line["departs_at"]) else line["departs_at"],
            "description": parts.get(line["part_id"], {}).get("description", ""),
            "quantity": line["shipped_quantity"],
            "is_packed": bool(pd.notna(line["packed_at"])),
        }
        for line in lines
        if line["is_picked"]
    ]
    waiting = [
        {
            **line,
            "depot_id": line["origin_id"],
            "site_id": line["destination_id"],
            "quantity": line["shipped_quantity"],
            "value": line["shipped_quantity"] * line["unit_cost"],
            "since_on": since if pd.isna(line["since_on"]) else line["since_on"],
            "packed_at": line["released_at"] if line["is_picked"] and pd.isna(line["packed_at"]) else line["packed_at"],
            "why": line["waits_because"] if line["waits"] else line["unserved_because"],
        }
        for line in lines
        if line["waits"] or line["carried_by"] == "unserved"
    ]
    reasons = {line["line_id"]: line["why"] for line in lines}
    left = [{**line, "why": reasons[line["line_id"]]} for line in waiting]
    ordered = [
        {
            **line,
            "source_id": line["origin_id"],
            "site_id": line["destination_id"],
            "quantity": line["shipped_quantity"],
            "due_on": local_day_of(
                line["released_at"] if pd.isna(line["arrives_at"]) else line["arrives_at"],
                zones[line["destination_id"]],
            ),
            "status": "proposed",
        }
        for line in lines
        if line["line_id"] in first
    ]
    return {
        "transfer_orders": (TRANSFER_ORDERS, ordered),
        "deliveries": (DELIVERIES, [*_driven(rows, later), *_handed_over(lines)]),
        "pick_lists": (PICK_LISTS, picked),
        "waiting": (WAITING, waiting),
        "waiting_lines": (WAITING_LINES, left),
    }


def _driven(rows: Callable[[str], list[Row]], later: Collection[str]) -> Iterator[Row]:
    trips = {(row["route_id"], row["trip"]): row for row in rows("routes")}
    for stop in rows("stops"):
        trip = trips.get((stop["route_id"], stop["trip"]))
        if trip is not None and stop["route_id"] not in later:
            yield {**stop, "departs_at": trip["departs_at"], "carried_by": "vehicle", "service": "", "cost": 0.0}


def _handed_over(lines: Sequence[Row]) -> Iterator[Row]:
    """Consignments and what nobody carries: lines of one pair of sites, service (or reason) and time."""
    groups: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for line in lines:
        if line["carried_by"] != "vehicle" and not line["waits"]:
            says = line["service"] if line["carried_by"] == "lane" else line["unserved_because"]
            times = tuple("" if pd.isna(line[name]) else line[name] for name in ("departs_at", "arrives_at"))
            groups[(line["origin_id"], line["carried_by"], line["destination_id"], says), times].append(line)
    position: Counter[tuple[Any, ...]] = Counter()
    for (what, times), members in sorted(groups.items(), key=lambda group: (group[0][0], str(group[0][1]))):
        position[what] += 1
        yield {
            "depot_id": what[0],
            "carried_by": what[1],
            "site_id": what[2],
            "service": what[3],
            "departs_at": times[0] or pd.NaT,
            "arrives_at": times[1] or pd.NaT,
            "starts_at": pd.NaT,
            "leaves_at": pd.NaT,
            "route_id": "",
            "vehicle_id": "",
            "trip": 0,
            "position": position[what],
            "distance_m": 0.0,
            "n_returns": 0,
            "returns_kg": 0.0,
            "tier": min((line["tier"] for line in members), key=TIERS.index),
            "n_lines": len(members),
            "load_kg": math.fsum(line["load_kg"] for line in members),
            "load_m3": math.fsum(line["load_m3"] for line in members),
            "cost": math.fsum(line["lane_cost"] for line in members),
        }


def local_day_of(moment: pd.Timestamp, zone: str) -> pd.Timestamp:
    """The calendar day of a moment on the clocks of a zone."""
    return moment.tz_convert(zone).tz_localize(None).normalize()
