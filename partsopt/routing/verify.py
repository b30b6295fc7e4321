"""Recompute a delivery plan from its tables alone: this file knows no solver and shares no code with the search.

Every load, time, release, window, shift, overlap, cutoff, promise and cost is computed again from the
shipments and the input tables, in plain loops, and compared with what the plan says.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import TypeAlias

import pandas as pd

from partsopt.calendars import add_working_minutes, calendars_of
from partsopt.routing.findings import At, Finding, Row, World
from partsopt.routing.given import Given
from partsopt.settings import RoutingParams, clock_minutes
from partsopt.tables import TIERS, records_of

Loaded: TypeAlias = defaultdict[tuple[str, int, int], list[Row]]

TIME_TOLERANCE = timedelta(seconds=1)
LOAD_TOLERANCE = 1e-6
MONEY_TOLERANCE = 0.005
MINUTE_TOLERANCE = 1e-3
DISTANCE_TOLERANCE_M = 0.51
NOT_ON_A_VEHICLE = {"service": "", "unserved_because": "", "cost": 0.0}
SELF_COLLECTED = "self-collection"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
NOT_ON_A_LANE = {"route_id": "", "trip": 0, "position": 0, "unserved_because": ""}
NOT_WHERE_UNSERVED = {"route_id": "", "trip": 0, "position": 0, "service": "", "cost": 0.0}


def verify_deliveries(
    routes: pd.DataFrame,
    stops: pd.DataFrame,
    delivery_lines: pd.DataFrame,
    collections: pd.DataFrame,
    given: Given,
    *,
    today: date,
    params: RoutingParams,
) -> list[Finding]:
    """Check a delivery plan against the inputs.

    Parameters
    ----------
    routes, stops, delivery_lines, collections
        The plan.
    given, today, params
        What it was made from.

    Returns
    -------
    list
        One finding for each rule broken, which is a sentence naming the row; empty where the plan holds. Lines
        come first, then routes, then stops.
    """
    lanes: defaultdict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
    for row in records_of(given.carrier_lanes):
        lanes[row["origin_id"], row["destination_id"]][row["service"]] = row
    for row in records_of(given.self_collection):
        free = {"cutoff_at": row["collects_at"], "cost_fixed": 0.0, "cost_per_kg": 0.0, "days": 0}
        lanes[row["origin_id"], row["site_id"]][SELF_COLLECTED] = {**row, **free}
    docks: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for row in records_of(given.dock_hours):
        docks[row["site_id"]].append((row["opens_at"], row["closes_at"]))
    world = World(
        sites={row["site_id"]: row for row in records_of(given.sites)},
        calendars=calendars_of(given.holidays),
        vehicles={row["vehicle_id"]: row for row in records_of(given.vehicles)},
        lanes=lanes,
        travel={(row["from_id"], row["to_id"]): row for row in records_of(given.travel)},
        docks=docks,
        today=today,
        params=params,
    )
    shipped = {row["line_id"]: row for row in records_of(given.shipments)}
    lines = records_of(delivery_lines)
    trips = {(row["route_id"], row["trip"]): row for row in records_of(routes)}
    visits = {(row["route_id"], row["trip"], row["position"]): row for row in records_of(stops)}
    given_back = {row["return_id"]: row for row in records_of(given.returns)}
    back: Loaded = defaultdict(list)
    for row in records_of(collections):
        if row["carried_by"] == "vehicle" and row["return_id"] in given_back:
            back[row["route_id"], row["trip"], row["position"]].append(given_back[row["return_id"]])
    return [
        *_coverage(lines, shipped),
        *_lines(lines, shipped, trips, visits, world),
        *_lane_costs(lines, shipped, world),
        *_routes(trips, visits, lines, shipped, back, world),
        *_stops(trips, visits, lines, shipped, back, world),
        *_collections(records_of(collections), given_back, visits),
    ]


def _coverage(lines: list[Row], shipped: Mapping[str, Row]) -> Iterator[Finding]:
    seen: set[str] = set()
    for line in lines:
        line_id = line["line_id"]
        if line_id not in shipped:
            at = At("delivery_lines", (line_id,), f"line {line_id}")
            yield at.wrong("line_id", line_id, None, "is in the plan but not among the shipments")
        if line_id in seen:
            at = At("delivery_lines", (line_id,), f"line {line_id}")
            yield at.wrong("line_id", line_id, None, "is in the plan twice")
        seen.add(line_id)
    for line_id in sorted(set(shipped) - seen):
        at = At("shipments", (line_id,), f"line {line_id}")
        yield at.wrong("line_id", line_id, None, "is shipped but not in the plan")


def _lines(
    lines: list[Row],
    shipped: Mapping[str, Row],
    trips: Mapping[tuple[str, int], Row],
    visits: Mapping[tuple[str, int, int], Row],
    world: World,
) -> Iterator[Finding]:
    released: dict[tuple[object, ...], datetime] = {}
    for line in lines:
        if line["line_id"] not in shipped:
            continue
        shipment = shipped[line["line_id"]]
        at = At("delivery_lines", (line["line_id"],), f"line {line['line_id']}")
        known = ("origin_id", "tier", "placed_at", "dispatched_at", "packed_at")
        key = (*(shipment[name] for name in known), line["departs_at"])
        if key not in released:
            released[key] = _release(shipment, line["departs_at"], world)
        if abs(line["released_at"] - released[key]) > TIME_TOLERANCE:
            yield at.wrong(
                "released_at",
                line["released_at"],
                released[key],
                f"released_at is {line['released_at']}, by its tier it is {released[key]}",
            )
        promised = _promise(shipment, world)
        late = promised is not None and pd.notna(line["arrives_at"]) and line["arrives_at"] > promised
        if bool(line["is_late"]) != late:
            yield at.wrong(
                "is_late",
                line["is_late"],
                late,
                f"is_late is {line['is_late']}, it arrives at {line['arrives_at']} with promise {promised}",
            )
        yield from _days(at, line, shipment, promised, world)
        match line["carried_by"]:
            case "vehicle":
                yield from _line_on_vehicle(at, line, shipment, trips, visits, world)
            case "lane":
                yield from _line_on_lane(at, line, shipment, world)
            case _:
                yield from _line_unserved(at, line, shipment, world)


def _days(at: At, line: Row, shipment: Row, promised: datetime | None, world: World) -> Iterator[Finding]:
    """The day it leaves, whether it waits for it, and the last day on which it may leave."""
    origin_id = shipment["origin_id"]
    first = world.planned_on(origin_id)
    has_left = pd.notna(line["departs_at"])
    leaves_on = world.day_of(origin_id, line["departs_at"]) if has_left else None
    leave_by = None
    if promised is None and shipment["tier"] not in ("vor", "urgent"):
        last = shipment["leave_by"]
        leave_by = world.planned_days(origin_id)[-1] if pd.isna(last) else last.date()
    for column, day in (("leaves_on", leaves_on), ("leave_by", leave_by)):
        written = None if pd.isna(line[column]) else line[column].date()
        if written != day:
            computed = pd.NaT if day is None else pd.Timestamp(day)
            yield at.wrong(column, line[column], computed, f"{column} is {written}, by its times it is {day}")
    waits = leaves_on is not None and leaves_on > first
    if bool(line["waits"]) != waits:
        says = f"waits is {line['waits']}, it leaves on {leaves_on} and the first day is {first}"
        yield at.wrong("waits", line["waits"], waits, says)
    is_packed = pd.notna(shipment["packed_at"])
    packed_on = world.day_of(origin_id, _release(shipment, line["departs_at"], world))
    is_picked = packed_on <= first and not (is_packed and waits)
    if bool(line["is_picked"]) != is_picked:
        says = f"is_picked is {line['is_picked']}, it is packed on {packed_on}, leaves on {leaves_on}"
        yield at.wrong("is_picked", line["is_picked"], is_picked, says)
    if waits != bool(line["waits_because"]):
        says = "must say why it waits where it does, and only there"
        yield at.wrong("waits_because", line["waits_because"], None if waits else "", says)
    if leaves_on is None or leave_by is None or shipment["tier"] == "backorder":
        return
    if leaves_on > max(leave_by, first) and (
        line["carried_by"] == "vehicle" or _could_leave(line, shipment, max(leave_by, first), world)
    ):
        says = f"leaves on {leaves_on}, it must leave by {max(leave_by, first)}"
        yield at.wrong("departs_at", line["departs_at"], None, says)


def _could_leave(line: Row, shipment: Row, last: date, world: World) -> bool:
    """Whether its lane would have taken a line on an earlier planned day, up to a last one."""
    origin_id, destination_id = shipment["origin_id"], shipment["destination_id"]
    lane = world.lanes.get((origin_id, destination_id), {}).get(line["service"])
    if lane is None:
        return False
    packed_at = _release(shipment, pd.NaT, world)
    comes = lane.get("weekdays", "").replace(",", " ").split() or WEEKDAYS
    is_own = "collects_at" in lane
    return any(
        world.clock(origin_id, on, lane["cutoff_at"]) >= packed_at
        and (not is_own or (WEEKDAYS[on.weekday()] in comes and world.calendar(destination_id).is_working(on)))
        for on in world.planned_days(origin_id)
        if on <= last
    )


def _line_on_vehicle(
    at: At,
    line: Row,
    shipment: Row,
    trips: Mapping[tuple[str, int], Row],
    visits: Mapping[tuple[str, int, int], Row],
    world: World,
) -> Iterator[Finding]:
    trip = trips.get((line["route_id"], line["trip"]))
    visit = visits.get((line["route_id"], line["trip"], line["position"]))
    if trip is None or visit is None:
        yield at.wrong(
            "position",
            line["position"],
            None,
            f"stop {line['position']} of {line['route_id']} trip {line['trip']} does not exist",
        )
        return
    if visit["site_id"] != shipment["destination_id"]:
        yield at.wrong(
            "position",
            line["position"],
            None,
            f"goes to {shipment['destination_id']} but is unloaded at {visit['site_id']}",
        )
    if trip["depot_id"] != shipment["origin_id"]:
        yield at.wrong(
            "route_id", line["route_id"], None, f"lies at {shipment['origin_id']} but is loaded at {trip['depot_id']}"
        )
    if trip["departs_at"] < line["released_at"]:
        yield at.wrong(
            "departs_at",
            line["departs_at"],
            None,
            f"leaves at {trip['departs_at']}, before it is packed at {line['released_at']}",
        )
    if line["departs_at"] != trip["departs_at"]:
        yield at.wrong(
            "departs_at",
            line["departs_at"],
            trip["departs_at"],
            f"departs_at is {line['departs_at']}, its trip leaves at {trip['departs_at']}",
        )
    if line["arrives_at"] != visit["starts_at"]:
        yield at.wrong(
            "arrives_at",
            line["arrives_at"],
            visit["starts_at"],
            f"arrives_at is {line['arrives_at']}, its unloading starts at {visit['starts_at']}",
        )
    for column, blank in NOT_ON_A_VEHICLE.items():
        if line[column] != blank:
            says = "is on a vehicle and must have no service, no reason and no cost"
            yield at.wrong(column, line[column], blank, says)
    lanes = world.lanes.get((shipment["origin_id"], shipment["destination_id"]))
    distance_m, _ = world.leg(shipment["origin_id"], shipment["destination_id"])
    if lanes and distance_m > world.params.own_vehicle_radius_km * 1000 + DISTANCE_TOLERANCE_M:
        yield at.wrong(
            "carried_by",
            line["carried_by"],
            "lane",
            f"is on a vehicle though {distance_m / 1000:.0f} km away with a lane",
        )


def _line_on_lane(at: At, line: Row, shipment: Row, world: World) -> Iterator[Finding]:
    origin_id, destination_id = shipment["origin_id"], shipment["destination_id"]
    lane = world.lanes.get((origin_id, destination_id), {}).get(line["service"])
    if lane is None:
        yield at.wrong(
            "service",
            line["service"],
            None,
            f"there is no lane {line['service']!r} from {origin_id} to {destination_id}",
        )
        return
    for column, blank in NOT_ON_A_LANE.items():
        if line[column] != blank:
            yield at.wrong(column, line[column], blank, "is on a lane and must have no route and no reason")
    if pd.isna(line["departs_at"]):
        yield at.wrong("departs_at", line["departs_at"], None, "is on a lane and must have its times")
        return
    origin, destination = world.calendar(origin_id), world.calendar(destination_id)
    is_own = line["service"] == SELF_COLLECTED and "collects_at" in lane
    on = world.day_of(origin_id, line["departs_at"])
    cutoff = world.clock(origin_id, on, lane["cutoff_at"])
    if line["departs_at"] != cutoff:
        yield at.wrong(
            "departs_at", line["departs_at"], cutoff, f"departs_at is {line['departs_at']}, not the lane's cutoff"
        )
    if not origin.is_working(on) or on < world.planned_on(origin_id):
        yield at.wrong(
            "departs_at",
            line["departs_at"],
            None,
            f"is handed over on {on}, which is not a working day of {origin_id} from the planned day on",
        )
    if line["departs_at"] < line["released_at"]:
        yield at.wrong(
            "departs_at",
            line["departs_at"],
            None,
            f"is handed over at {line['departs_at']}, before it is packed at {line['released_at']}",
        )
    day = destination.working_day_from(on + timedelta(days=int(lane["days"])))
    arrives_at = world.clock(destination_id, day, world.sites[destination_id]["opens_at"])
    if arrives_at < line["departs_at"]:
        closing = world.clock(destination_id, day, world.sites[destination_id]["closes_at"])
        following = destination.add_working_days(day, 1)
        opening = world.clock(destination_id, following, world.sites[destination_id]["opens_at"])
        arrives_at = closing if closing >= line["departs_at"] else opening
    if is_own:
        arrives_at = line["departs_at"] + timedelta(minutes=lane["home_after_min"])
        comes = lane["weekdays"].replace(",", " ").split() or WEEKDAYS
        if WEEKDAYS[on.weekday()] not in comes or not destination.is_working(on):
            says = f"is collected on {on}, a {WEEKDAYS[on.weekday()]}, when {destination_id} does not come"
            yield at.wrong("departs_at", line["departs_at"], None, says)
    if line["arrives_at"] != arrives_at:
        yield at.wrong(
            "arrives_at",
            line["arrives_at"],
            arrives_at,
            f"arrives_at is {line['arrives_at']}, the lane brings it at {arrives_at}",
        )


def _line_unserved(at: At, line: Row, shipment: Row, world: World) -> Iterator[Finding]:
    if not line["unserved_because"]:
        yield at.wrong("unserved_because", "", None, "is unserved without a reason")
    for column, blank in NOT_WHERE_UNSERVED.items():
        if line[column] != blank:
            yield at.wrong(column, line[column], blank, "is unserved and must have no route, no service and no cost")
    for column in ("departs_at", "arrives_at"):
        if pd.notna(line[column]):
            yield at.wrong(column, line[column], pd.NaT, "is unserved and must have no times")
    if world.lanes.get((shipment["origin_id"], shipment["destination_id"])):
        yield at.wrong(
            "carried_by",
            line["carried_by"],
            "lane",
            f"is unserved though a lane goes from {shipment['origin_id']} to {shipment['destination_id']}",
        )


def _lane_costs(lines: list[Row], shipped: Mapping[str, Row], world: World) -> Iterator[Finding]:
    consignments: defaultdict[tuple[object, ...], list[Row]] = defaultdict(list)
    for line in lines:
        if line["carried_by"] == "lane" and line["line_id"] in shipped:
            shipment = shipped[line["line_id"]]
            pair = (shipment["origin_id"], shipment["destination_id"])
            consignments[(*pair, line["service"], line["departs_at"])].append(line)
    for (origin_id, destination_id, service, _), members in consignments.items():
        lane = world.lanes.get((str(origin_id), str(destination_id)), {}).get(str(service))
        if lane is None:
            continue
        weight = sum(shipped[line["line_id"]]["load_kg"] for line in members)
        for line in members:
            kg = shipped[line["line_id"]]["load_kg"]
            share = kg / weight if weight > 0 else 1 / len(members)
            cost = lane["cost_fixed"] * share + lane["cost_per_kg"] * kg
            if abs(line["cost"] - cost) > MONEY_TOLERANCE:
                at = At("delivery_lines", (line["line_id"],), f"line {line['line_id']}")
                says = f"cost is {line['cost']:.2f}, its share of the lane is {cost:.2f}"
                yield at.wrong("cost", line["cost"], cost, says)


def _routes(
    trips: Mapping[tuple[str, int], Row],
    visits: Mapping[tuple[str, int, int], Row],
    lines: list[Row],
    shipped: Mapping[str, Row],
    back: Loaded,
    world: World,
) -> Iterator[Finding]:
    by_trip: defaultdict[tuple[str, int], list[Row]] = defaultdict(list)
    for line in lines:
        if line["carried_by"] == "vehicle" and line["line_id"] in shipped:
            by_trip[line["route_id"], line["trip"]].append(shipped[line["line_id"]])
    stops_of: defaultdict[tuple[str, int], list[Row]] = defaultdict(list)
    for (route_id, number, _), visit in sorted(visits.items()):
        stops_of[route_id, number].append(visit)
    routes: defaultdict[str, list[Row]] = defaultdict(list)
    route_of: dict[tuple[str, date], str] = {}
    for (route_id, number), trip in sorted(trips.items()):
        at = At("routes", (route_id, number), f"route {route_id} trip {number}")
        vehicle = world.vehicles.get(trip["vehicle_id"])
        if vehicle is None:
            yield at.wrong("vehicle_id", trip["vehicle_id"], None, f"vehicle {trip['vehicle_id']} does not exist")
            continue
        if vehicle["depot_id"] != trip["depot_id"]:
            yield at.wrong(
                "depot_id",
                trip["depot_id"],
                vehicle["depot_id"],
                f"vehicle {trip['vehicle_id']} stands at {vehicle['depot_id']}, not at {trip['depot_id']}",
            )
        if trip["depot_id"] not in world.sites:
            continue
        on = world.day_of(trip["depot_id"], trip["departs_at"])
        if on not in world.planned_days(trip["depot_id"]):
            says = f"leaves on {on}, which is none of the days planned for {trip['depot_id']}"
            yield at.wrong("departs_at", trip["departs_at"], None, says)
        if route_of.setdefault((trip["vehicle_id"], on), route_id) != route_id:
            yield at.wrong(
                "vehicle_id",
                trip["vehicle_id"],
                None,
                f"vehicle {trip['vehicle_id']} is already on {route_of[trip['vehicle_id'], on]}",
            )
        routes[route_id].append(trip)
        yield from _trip_load(at, trip, vehicle, by_trip[route_id, number])
        own = {key: stop for key, stop in visits.items() if key[:2] == (route_id, number)} if back else {}
        yield from _load_on_the_way(at, trip, vehicle, own, back)
        yield from _trip_drive(at, trip, vehicle, stops_of[route_id, number], number == 1, world)
    for route_id, members in routes.items():
        yield from _trips_in_turn(route_id, members, world)


def _trip_load(at: At, trip: Row, vehicle: Row, goods: list[Row]) -> Iterator[Finding]:
    shares = []
    for load, capacity in (("load_kg", "capacity_kg"), ("load_m3", "capacity_m3")):
        total = math.fsum(one[load] for one in goods)
        if abs(trip[load] - total) > LOAD_TOLERANCE * max(total, 1):
            yield at.wrong(load, trip[load], total, f"{load} is {trip[load]:.6g}, its lines add up to {total:.6g}")
        if total > vehicle[capacity] * (1 + LOAD_TOLERANCE) + LOAD_TOLERANCE:
            yield at.wrong(
                load, trip[load], None, f"{load} of {total:.6g} exceeds the {capacity} of {vehicle[capacity]:.6g}"
            )
        shares.append(total / vehicle[capacity])
    if abs(trip["load_share"] - max(shares)) > LOAD_TOLERANCE:
        yield at.wrong(
            "load_share",
            trip["load_share"],
            max(shares),
            f"load_share is {trip['load_share']:.4f}, it carries {max(shares):.4f} of the capacity",
        )


def _load_on_the_way(
    at: At, trip: Row, vehicle: Row, visits: Mapping[tuple[str, int, int], Row], back: Loaded
) -> Iterator[Finding]:
    for load, capacity in (("load_kg", "capacity_kg"), ("load_m3", "capacity_m3")):
        on_board = trip[load]
        for key, visit in sorted(visits.items()):
            on_board += math.fsum(one[load] for one in back.get(key, ())) - visit[load]
            if on_board > vehicle[capacity] * (1 + LOAD_TOLERANCE) + LOAD_TOLERANCE:
                says = f"{load} of {on_board:.6g} after stop {key[2]} exceeds the {capacity} of {vehicle[capacity]:.6g}"
                yield at.wrong(load, trip[load], None, says)


def _trip_drive(at: At, trip: Row, vehicle: Row, stops: list[Row], is_first: bool, world: World) -> Iterator[Finding]:
    on = world.day_of(trip["depot_id"], trip["departs_at"])
    if trip["departs_at"] < world.clock(trip["depot_id"], on, vehicle["shift_start"]):
        yield at.wrong(
            "departs_at",
            trip["departs_at"],
            None,
            f"leaves at {trip['departs_at']}, before the shift of {trip['vehicle_id']} starts",
        )
    if trip["returns_at"] > world.clock(trip["depot_id"], on, vehicle["shift_end"]):
        yield at.wrong(
            "returns_at",
            trip["returns_at"],
            None,
            f"is back at {trip['returns_at']}, after the shift of {trip['vehicle_id']} ends",
        )
    if trip["n_stops"] != len(stops) or not stops:
        yield at.wrong("n_stops", trip["n_stops"], len(stops), f"n_stops is {trip['n_stops']}, it has {len(stops)}")
    if not stops or stops[-1]["site_id"] not in world.sites:
        return
    hours = world.hours(trip["depot_id"], on)
    for column, beyond, says in (
        ("departs_at", bool(hours) and trip["departs_at"] < hours[0][0], "leaves before the dock opens"),
        ("returns_at", bool(hours) and trip["returns_at"] > hours[-1][1], "is back after the dock closes"),
    ):
        if beyond:
            yield at.wrong(column, trip[column], None, f"{says} ({trip[column]})")
    metres, seconds = world.leg(stops[-1]["site_id"], trip["depot_id"])
    driven_min = sum(
        _driven_min(stop, before, trip, world) for before, stop in zip([None, *stops], stops, strict=False)
    )
    way_back_min = world.rests(driven_min, seconds / 60)
    rest_min = sum(stop["rest_min"] for stop in stops) + way_back_min
    if abs(trip["rest_min"] - rest_min) > MINUTE_TOLERANCE:
        says = f"rest_min is {trip['rest_min']:g}, the law asks for {rest_min:g}"
        yield at.wrong("rest_min", trip["rest_min"], rest_min, says)
    yield from _same_time(at, "returns_at", trip["returns_at"], stops[-1]["leaves_at"], seconds + way_back_min * 60)
    total_m = sum(stop["distance_m"] for stop in stops) + metres
    if abs(trip["distance_m"] - total_m) > DISTANCE_TOLERANCE_M:
        yield at.wrong(
            "distance_m",
            trip["distance_m"],
            total_m,
            f"distance_m is {trip['distance_m']:.0f}, its legs add up to {total_m:.0f}",
        )
    hours = (trip["returns_at"] - trip["departs_at"]).total_seconds() / 3600
    cost = vehicle["cost_per_km"] * trip["distance_m"] / 1000 + vehicle["cost_per_hour"] * hours
    cost += vehicle["fixed_cost"] if is_first else 0.0
    if abs(trip["cost"] - cost) > MONEY_TOLERANCE:
        yield at.wrong(
            "cost", trip["cost"], cost, f"cost is {trip['cost']:.2f}, fixed, distance and time cost are {cost:.2f}"
        )


def _trips_in_turn(route_id: str, trips: list[Row], world: World) -> Iterator[Finding]:
    vehicle = world.vehicles[trips[0]["vehicle_id"]]
    at = At("routes", (route_id, trips[-1]["trip"]), f"route {route_id}")
    if len({trip["vehicle_id"] for trip in trips}) > 1:
        yield at.wrong("vehicle_id", trips[-1]["vehicle_id"], None, "has more than one vehicle")
    if len({world.day_of(trip["depot_id"], trip["departs_at"]) for trip in trips}) > 1:
        yield at.wrong("departs_at", trips[-1]["departs_at"], None, "has trips on more than one day")
    if [trip["trip"] for trip in trips] != list(range(1, len(trips) + 1)):
        yield at.wrong("trip", trips[-1]["trip"], len(trips), "trips are not numbered 1, 2, ...")
    if len(trips) > vehicle["max_trips"]:
        says = f"has {len(trips)} trips, {trips[0]['vehicle_id']} makes {vehicle['max_trips']} at most"
        yield at.wrong("trip", trips[-1]["trip"], None, says)
    least_min = world.params.rest_min if world.params.rest_after_driving_min else 0
    least_min = max(vehicle["reload_min"], least_min)
    for before, after in itertools.pairwise(trips):
        if after["departs_at"] < before["returns_at"] + timedelta(minutes=least_min):
            at = At("routes", (route_id, after["trip"]), f"route {route_id} trip {after['trip']}")
            says = (
                f"leaves at {after['departs_at']}, before it is back ({before['returns_at']}) "
                f"and loaded ({least_min:g} minutes)"
            )
            yield at.wrong("departs_at", after["departs_at"], None, says)


def _stops(
    trips: Mapping[tuple[str, int], Row],
    visits: Mapping[tuple[str, int, int], Row],
    lines: list[Row],
    shipped: Mapping[str, Row],
    back: Loaded,
    world: World,
) -> Iterator[Finding]:
    by_stop: defaultdict[tuple[str, int, int], list[Row]] = defaultdict(list)
    for line in lines:
        if line["carried_by"] == "vehicle" and line["line_id"] in shipped:
            by_stop[line["route_id"], line["trip"], line["position"]].append(shipped[line["line_id"]])
    before: Row | None = None
    driven_min = 0.0
    for key, visit in sorted(visits.items()):
        route_id, number, position = key
        at = At("stops", key, f"stop {position} of {route_id} trip {number}")
        trip = trips.get((route_id, number))
        if trip is None:
            yield at.wrong("trip", visit["trip"], None, "its trip does not exist")
            continue
        for column in ("vehicle_id", "depot_id"):
            if visit[column] != trip[column]:
                yield at.wrong(column, visit[column], trip[column], "vehicle or depot differ from the trip's")
        if trip["depot_id"] not in world.sites:
            continue
        if visit["site_id"] not in world.sites:
            yield at.wrong("site_id", visit["site_id"], None, f"{visit['site_id']} is no site")
            continue
        follows = before is not None and (before["route_id"], before["trip"]) == (route_id, number)
        expected = before["position"] + 1 if follows and before is not None else 1
        if position != expected:
            yield at.wrong("position", visit["position"], expected, f"position must be {expected}")
        start, left_at = (
            (before["site_id"], before["leaves_at"])
            if follows and before is not None
            else (trip["depot_id"], trip["departs_at"])
        )
        driven_min = driven_min if follows else 0.0
        travel_min = _driven_min(visit, before if follows else None, trip, world)
        rest_min = world.rests(driven_min, travel_min)
        driven_min += travel_min
        if abs(visit["rest_min"] - rest_min) > MINUTE_TOLERANCE:
            says = f"rest_min is {visit['rest_min']:g}, the law asks for {rest_min:g}"
            yield at.wrong("rest_min", visit["rest_min"], rest_min, says)
        left_at += timedelta(minutes=rest_min)
        on = world.day_of(trip["depot_id"], trip["departs_at"])
        yield from _stop_times(at, visit, start, left_at, on, by_stop[key], back.get(key, []), world)
        yield from _stop_goods(at, visit, by_stop[key], back.get(key, []))
        before = visit


def _driven_min(visit: Row, before: Row | None, trip: Row, world: World) -> float:
    """Whole seconds, rounded up, of the way to a stop, as minutes."""
    start = trip["depot_id"] if before is None else before["site_id"]
    if start not in world.sites or visit["site_id"] not in world.sites:
        return 0.0
    return math.ceil(round(world.leg(start, visit["site_id"])[1], 6)) / 60


def _collections(
    rows: list[Row], given_back: Mapping[str, Row], visits: Mapping[tuple[str, int, int], Row]
) -> Iterator[Finding]:
    """Every return once: on a stop at its dealer, or left with a reason."""
    seen: set[str] = set()
    for row in rows:
        at = At("collections", (row["return_id"],), f"return {row['return_id']}")
        if row["return_id"] not in given_back or row["return_id"] in seen:
            yield at.wrong("return_id", row["return_id"], None, "must be a return of the inputs, once")
            continue
        seen.add(row["return_id"])
        visit = visits.get((row["route_id"], row["trip"], row["position"]))
        if row["carried_by"] == "vehicle" and (
            visit is None or visit["site_id"] != given_back[row["return_id"]]["site_id"]
        ):
            yield at.wrong("position", row["position"], None, "its stop does not exist or is at another site")
        if row["carried_by"] == "left" and not row["left_because"]:
            yield at.wrong("left_because", "", None, "is left without a reason")
    for return_id in sorted(set(given_back) - seen):
        at = At("collections", (return_id,), f"return {return_id}")
        yield at.wrong("return_id", return_id, None, "is in no row of collections")


def _stop_times(
    at: At,
    visit: Row,
    start: str,
    left_at: datetime,
    on: date,
    goods: list[Row],
    loaded: list[Row],
    world: World,
) -> Iterator[Finding]:
    site_id = visit["site_id"]
    site = world.sites[site_id]
    metres, seconds = world.leg(start, site_id)
    yield from _same_time(at, "arrives_at", visit["arrives_at"], left_at, seconds)
    if abs(visit["distance_m"] - metres) > DISTANCE_TOLERANCE_M:
        yield at.wrong(
            "distance_m",
            visit["distance_m"],
            metres,
            f"distance_m is {visit['distance_m']:.0f}, the leg is {metres:.0f}",
        )
    if abs(visit["travel_min"] * 60 - seconds) > TIME_TOLERANCE.total_seconds():
        yield at.wrong(
            "travel_min",
            visit["travel_min"],
            seconds / 60,
            f"travel_min is {visit['travel_min']:.2f}, the leg takes {seconds / 60:.2f}",
        )
    if visit["starts_at"] < visit["arrives_at"]:
        yield at.wrong(
            "starts_at",
            visit["starts_at"],
            None,
            f"unloading starts at {visit['starts_at']}, before arrival at {visit['arrives_at']}",
        )
    if site["site_kind"] != "dealer":
        yield at.wrong("site_id", visit["site_id"], None, f"{site_id} is no dealer")
    if not world.calendar(site_id).is_working(on):
        yield at.wrong("starts_at", visit["starts_at"], None, f"{site_id} is closed on {on}")
    windows = world.hours(site_id, on)
    within = [window for window in windows if window[0] <= visit["starts_at"] <= window[1]]
    if not within:
        said = ", ".join(f"{opens_at} to {closes_at}" for opens_at, closes_at in windows)
        says = f"unloading starts at {visit['starts_at']}, outside {said}"
        yield at.wrong("starts_at", visit["starts_at"], None, says)
    elif visit["starts_at"] > max(visit["arrives_at"], within[0][0]) + TIME_TOLERANCE:
        due = max(visit["arrives_at"], within[0][0])
        yield at.wrong(
            "starts_at", visit["starts_at"], due, f"unloading starts at {visit['starts_at']}, it could at {due}"
        )
    pieces = sum(one["shipped_quantity"] for one in goods)
    unloading_s = site["service_min"] * 60 + pieces * world.params.unloading_s_per_piece
    unloading_s += math.fsum(one["loading_min"] for one in loaded) * 60
    yield from _same_time(at, "leaves_at", visit["leaves_at"], visit["starts_at"], unloading_s)
    vehicle = world.vehicles.get(visit["vehicle_id"])
    if vehicle is not None and vehicle["capacity_kg"] > site["largest_vehicle_kg"]:
        says = f"{site_id} takes vehicles of at most {site['largest_vehicle_kg']:g} kg"
        yield at.wrong("vehicle_id", visit["vehicle_id"], None, says)


def _stop_goods(at: At, visit: Row, goods: list[Row], loaded: list[Row]) -> Iterator[Finding]:
    if visit["n_returns"] != len(loaded):
        says = f"n_returns is {visit['n_returns']}, {len(loaded)} returns are loaded"
        yield at.wrong("n_returns", visit["n_returns"], len(loaded), says)
    returns_kg = math.fsum(one["load_kg"] for one in loaded)
    if abs(visit["returns_kg"] - returns_kg) > LOAD_TOLERANCE * max(returns_kg, 1):
        says = f"returns_kg is {visit['returns_kg']:.6g}, its returns weigh {returns_kg:.6g}"
        yield at.wrong("returns_kg", visit["returns_kg"], returns_kg, says)
    if visit["n_lines"] != len(goods):
        yield at.wrong(
            "n_lines", visit["n_lines"], len(goods), f"n_lines is {visit['n_lines']}, {len(goods)} lines are unloaded"
        )
    for load in ("load_kg", "load_m3"):
        total = math.fsum(one[load] for one in goods)
        if abs(visit[load] - total) > LOAD_TOLERANCE * max(total, 1):
            yield at.wrong(load, visit[load], total, f"{load} is {visit[load]:.6g}, its lines add up to {total:.6g}")
    if goods:
        tier = min((one["tier"] for one in goods), key=TIERS.index)
        if visit["tier"] != tier:
            yield at.wrong("tier", visit["tier"], tier, f"tier is {visit['tier']}, the most urgent line is {tier}")


def _same_time(at: At, column: str, said: datetime, before: datetime, seconds: float) -> Iterator[Finding]:
    due = before + timedelta(seconds=seconds)
    if said < due - timedelta(milliseconds=1) or said > due + TIME_TOLERANCE:
        yield at.wrong(column, said, due, f"{column} is {said}, computed it is {due}")


def _release(shipment: Row, departs_at: datetime, world: World) -> datetime:
    if pd.notna(shipment["packed_at"]):
        return shipment["packed_at"]
    origin_id = shipment["origin_id"]
    site, on = world.sites[origin_id], world.planned_on(origin_id)
    minutes = {"vor": world.params.vor_pick_min, "urgent": world.params.urgent_pick_min}.get(shipment["tier"])
    if minutes is None:
        wave = clock_minutes("routing.stock_wave_at", world.params.stock_wave_at)
        following = world.calendar(origin_id).add_working_days(on, 1)
        while pd.notna(departs_at) and world.clock(origin_id, following, wave) <= departs_at:
            on, following = following, world.calendar(origin_id).add_working_days(following, 1)
        return world.clock(origin_id, on, wave)
    placed_at = shipment["placed_at"]
    start = world.clock(origin_id, on, site["opens_at"]) if pd.isna(placed_at) else placed_at.to_pydatetime()
    if pd.notna(shipment["dispatched_at"]):
        start = max(start, shipment["dispatched_at"].to_pydatetime())
    hours = (int(site["opens_at"]), int(site["closes_at"]))
    return add_working_minutes(start, minutes, world.calendar(origin_id), *hours, world.zone(origin_id))


def _promise(shipment: Row, world: World) -> datetime | None:
    if pd.notna(shipment["deliver_by"]):
        return shipment["deliver_by"]
    if shipment["tier"] != "reservation" or pd.isna(shipment["needed_on"]):
        return None
    destination_id = shipment["destination_id"]
    return world.clock(destination_id, shipment["needed_on"].date(), world.sites[destination_id]["closes_at"])
