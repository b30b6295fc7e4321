"""Recompute a delivery plan from its tables alone: this file knows no solver and shares no code with the search.

Every load, time, release, window, shift, overlap, cutoff, promise and cost is computed again from the
shipments and the input tables, in plain loops, and compared with what the plan says.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import pandas as pd

from partsopt.calendars import Calendar, add_working_minutes, calendar_named, calendars_of, moment_at
from partsopt.settings import RoutingParams, clock_minutes
from partsopt.tables import TIERS

Row: TypeAlias = dict[str, Any]

TIME_TOLERANCE = timedelta(seconds=1)
LOAD_TOLERANCE = 1e-6
MONEY_TOLERANCE = 0.005
DISTANCE_TOLERANCE_M = 0.51
EARTH_RADIUS_M = 6_371_008.8
NOT_ON_A_VEHICLE = {"service": "", "unserved_because": "", "cost": 0.0}
NOT_ON_A_LANE = {"route_id": "", "trip": 0, "position": 0, "unserved_because": ""}
NOT_WHERE_UNSERVED = {"route_id": "", "trip": 0, "position": 0, "service": "", "cost": 0.0}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A rule that a row of the plan breaks: where it stands, what is written, and what it should be."""

    table: str
    key: tuple[object, ...]
    column: str
    written: object
    computed: object
    says: str

    def __str__(self) -> str:
        """The sentence."""
        return self.says


@dataclass(frozen=True)
class _At:
    """A row of the plan, and what people call it."""

    table: str
    key: tuple[object, ...]
    name: str

    def wrong(self, column: str, written: object, computed: object, says: str) -> Finding:
        """A value that differs from what is computed (None: no other value would be right)."""
        return Finding(
            table=self.table,
            key=self.key,
            column=column,
            written=written,
            computed=computed,
            says=f"{self.name}: {says}",
        )


@dataclass(frozen=True, kw_only=True)
class _World:
    """The inputs as dictionaries."""

    sites: Mapping[str, Row]
    calendars: Mapping[str, Calendar]
    vehicles: Mapping[str, Row]
    lanes: Mapping[tuple[str, str], Mapping[str, Row]]
    travel: Mapping[tuple[str, str], Row]
    today: date
    params: RoutingParams

    def zone(self, site_id: str) -> ZoneInfo:
        return ZoneInfo(self.sites[site_id]["time_zone"])

    def calendar(self, site_id: str) -> Calendar:
        return calendar_named(self.calendars, self.sites[site_id]["calendar"])

    def clock(self, site_id: str, on: date, minute: int) -> datetime:
        return moment_at(on, int(minute), self.zone(site_id))

    def planned_on(self, site_id: str) -> date:
        return self.calendar(site_id).working_day_from(self.today)

    def leg(self, start: str, end: str) -> tuple[float, float]:
        """Distance in metres and time in seconds from the travel table, else by great circle."""
        if start == end:
            return 0.0, 0.0
        row = self.travel.get((start, end))
        if row is not None:
            return row["distance_m"], row["travel_min"] * 60
        one, other = self.sites[start], self.sites[end]
        north, south = math.radians(one["latitude"]), math.radians(other["latitude"])
        east = math.radians(other["longitude"] - one["longitude"])
        chord = math.sin((south - north) / 2) ** 2 + math.cos(north) * math.cos(south) * math.sin(east / 2) ** 2
        metres = 2 * EARTH_RADIUS_M * math.asin(min(math.sqrt(chord), 1.0)) * self.params.detour_factor
        return metres, metres / (self.params.speed_km_per_hour * 1000 / 3600)


def verify_deliveries(
    routes: pd.DataFrame,
    stops: pd.DataFrame,
    delivery_lines: pd.DataFrame,
    *,
    shipments: pd.DataFrame,
    sites: pd.DataFrame,
    vehicles: pd.DataFrame,
    carrier_lanes: pd.DataFrame,
    travel: pd.DataFrame,
    holidays: pd.DataFrame,
    today: date,
    params: RoutingParams,
) -> list[Finding]:
    """Check a delivery plan against the inputs.

    Parameters
    ----------
    routes, stops, delivery_lines
        The plan.
    shipments, sites, vehicles, carrier_lanes, travel, holidays, today, params
        What it was made from.

    Returns
    -------
    list
        One finding for each rule broken, which is a sentence naming the row; empty where the plan holds. Lines
        come first, then routes, then stops.
    """
    lanes: defaultdict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
    for row in carrier_lanes.to_dict("records"):
        lanes[row["origin_id"], row["destination_id"]][row["service"]] = row
    world = _World(
        sites={row["site_id"]: row for row in sites.to_dict("records")},
        calendars=calendars_of(holidays),
        vehicles={row["vehicle_id"]: row for row in vehicles.to_dict("records")},
        lanes=lanes,
        travel={(row["from_id"], row["to_id"]): row for row in travel.to_dict("records")},
        today=today,
        params=params,
    )
    shipped = {row["line_id"]: row for row in shipments.to_dict("records")}
    lines = delivery_lines.to_dict("records")
    trips = {(row["route_id"], row["trip"]): row for row in routes.to_dict("records")}
    visits = {(row["route_id"], row["trip"], row["position"]): row for row in stops.to_dict("records")}
    return [
        *_coverage(lines, shipped),
        *_lines(lines, shipped, trips, visits, world),
        *_lane_costs(lines, shipped, world),
        *_routes(trips, visits, lines, shipped, world),
        *_stops(trips, visits, lines, shipped, world),
    ]


def _coverage(lines: list[Row], shipped: Mapping[str, Row]) -> Iterator[Finding]:
    seen: set[str] = set()
    for line in lines:
        line_id = line["line_id"]
        if line_id not in shipped:
            at = _At("delivery_lines", (line_id,), f"line {line_id}")
            yield at.wrong("line_id", line_id, None, "is in the plan but not among the shipments")
        if line_id in seen:
            at = _At("delivery_lines", (line_id,), f"line {line_id}")
            yield at.wrong("line_id", line_id, None, "is in the plan twice")
        seen.add(line_id)
    for line_id in sorted(set(shipped) - seen):
        at = _At("shipments", (line_id,), f"line {line_id}")
        yield at.wrong("line_id", line_id, None, "is shipped but not in the plan")


def _lines(
    lines: list[Row],
    shipped: Mapping[str, Row],
    trips: Mapping[tuple[str, int], Row],
    visits: Mapping[tuple[str, int, int], Row],
    world: _World,
) -> Iterator[Finding]:
    released: dict[tuple[object, ...], datetime] = {}
    for line in lines:
        if line["line_id"] not in shipped:
            continue
        shipment = shipped[line["line_id"]]
        at = _At("delivery_lines", (line["line_id"],), f"line {line['line_id']}")
        key = (shipment["origin_id"], shipment["tier"], shipment["placed_at"], shipment["dispatched_at"])
        if key not in released:
            released[key] = _release(shipment, world)
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
        match line["carried_by"]:
            case "vehicle":
                yield from _line_on_vehicle(at, line, shipment, trips, visits, world)
            case "lane":
                yield from _line_on_lane(at, line, shipment, world)
            case _:
                yield from _line_unserved(at, line, shipment, world)


def _line_on_vehicle(
    at: _At,
    line: Row,
    shipment: Row,
    trips: Mapping[tuple[str, int], Row],
    visits: Mapping[tuple[str, int, int], Row],
    world: _World,
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


def _line_on_lane(at: _At, line: Row, shipment: Row, world: _World) -> Iterator[Finding]:
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
    on = line["departs_at"].astimezone(world.zone(origin_id)).date()
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
    if line["arrives_at"] != arrives_at:
        yield at.wrong(
            "arrives_at",
            line["arrives_at"],
            arrives_at,
            f"arrives_at is {line['arrives_at']}, the lane brings it at {arrives_at}",
        )


def _line_unserved(at: _At, line: Row, shipment: Row, world: _World) -> Iterator[Finding]:
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


def _lane_costs(lines: list[Row], shipped: Mapping[str, Row], world: _World) -> Iterator[Finding]:
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
                at = _At("delivery_lines", (line["line_id"],), f"line {line['line_id']}")
                says = f"cost is {line['cost']:.2f}, its share of the lane is {cost:.2f}"
                yield at.wrong("cost", line["cost"], cost, says)


def _routes(
    trips: Mapping[tuple[str, int], Row],
    visits: Mapping[tuple[str, int, int], Row],
    lines: list[Row],
    shipped: Mapping[str, Row],
    world: _World,
) -> Iterator[Finding]:
    by_trip: defaultdict[tuple[str, int], list[Row]] = defaultdict(list)
    for line in lines:
        if line["carried_by"] == "vehicle" and line["line_id"] in shipped:
            by_trip[line["route_id"], line["trip"]].append(shipped[line["line_id"]])
    stops_of: defaultdict[tuple[str, int], list[Row]] = defaultdict(list)
    for (route_id, number, _), visit in sorted(visits.items()):
        stops_of[route_id, number].append(visit)
    routes: defaultdict[str, list[Row]] = defaultdict(list)
    route_of: dict[str, str] = {}
    for (route_id, number), trip in sorted(trips.items()):
        at = _At("routes", (route_id, number), f"route {route_id} trip {number}")
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
        if route_of.setdefault(trip["vehicle_id"], route_id) != route_id:
            yield at.wrong(
                "vehicle_id",
                trip["vehicle_id"],
                None,
                f"vehicle {trip['vehicle_id']} is already on {route_of[trip['vehicle_id']]}",
            )
        routes[route_id].append(trip)
        yield from _trip_load(at, trip, vehicle, by_trip[route_id, number])
        yield from _trip_drive(at, trip, vehicle, stops_of[route_id, number], number == 1, world)
    for route_id, members in routes.items():
        yield from _trips_in_turn(route_id, members, world)


def _trip_load(at: _At, trip: Row, vehicle: Row, goods: list[Row]) -> Iterator[Finding]:
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


def _trip_drive(at: _At, trip: Row, vehicle: Row, stops: list[Row], is_first: bool, world: _World) -> Iterator[Finding]:
    on = world.planned_on(trip["depot_id"])
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
    metres, seconds = world.leg(stops[-1]["site_id"], trip["depot_id"])
    yield from _same_time(at, "returns_at", trip["returns_at"], stops[-1]["leaves_at"], seconds)
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


def _trips_in_turn(route_id: str, trips: list[Row], world: _World) -> Iterator[Finding]:
    vehicle = world.vehicles[trips[0]["vehicle_id"]]
    at = _At("routes", (route_id, trips[-1]["trip"]), f"route {route_id}")
    if len({trip["vehicle_id"] for trip in trips}) > 1:
        yield at.wrong("vehicle_id", trips[-1]["vehicle_id"], None, "has more than one vehicle")
    if [trip["trip"] for trip in trips] != list(range(1, len(trips) + 1)):
        yield at.wrong("trip", trips[-1]["trip"], len(trips), "trips are not numbered 1, 2, ...")
    if len(trips) > vehicle["max_trips"]:
        says = f"has {len(trips)} trips, {trips[0]['vehicle_id']} makes {vehicle['max_trips']} at most"
        yield at.wrong("trip", trips[-1]["trip"], None, says)
    for before, after in itertools.pairwise(trips):
        if after["departs_at"] < before["returns_at"] + timedelta(minutes=vehicle["reload_min"]):
            at = _At("routes", (route_id, after["trip"]), f"route {route_id} trip {after['trip']}")
            says = (
                f"leaves at {after['departs_at']}, before it is back ({before['returns_at']}) "
                f"and loaded ({vehicle['reload_min']:g} minutes)"
            )
            yield at.wrong("departs_at", after["departs_at"], None, says)


def _stops(
    trips: Mapping[tuple[str, int], Row],
    visits: Mapping[tuple[str, int, int], Row],
    lines: list[Row],
    shipped: Mapping[str, Row],
    world: _World,
) -> Iterator[Finding]:
    by_stop: defaultdict[tuple[str, int, int], list[Row]] = defaultdict(list)
    for line in lines:
        if line["carried_by"] == "vehicle" and line["line_id"] in shipped:
            by_stop[line["route_id"], line["trip"], line["position"]].append(shipped[line["line_id"]])
    before: Row | None = None
    for key, visit in sorted(visits.items()):
        route_id, number, position = key
        at = _At("stops", key, f"stop {position} of {route_id} trip {number}")
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
        yield from _stop_times(at, visit, start, left_at, trip["depot_id"], by_stop[key], world)
        yield from _stop_goods(at, visit, by_stop[key])
        before = visit


def _stop_times(
    at: _At, visit: Row, start: str, left_at: datetime, depot_id: str, goods: list[Row], world: _World
) -> Iterator[Finding]:
    site_id = visit["site_id"]
    site = world.sites[site_id]
    on = world.planned_on(depot_id)
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
    opens_at = world.clock(site_id, on, site["opens_at"])
    closes_at = world.clock(site_id, on, site["closes_at"])
    if not opens_at <= visit["starts_at"] <= closes_at:
        yield at.wrong(
            "starts_at",
            visit["starts_at"],
            None,
            f"unloading starts at {visit['starts_at']}, outside {opens_at} to {closes_at}",
        )
    elif visit["starts_at"] > max(visit["arrives_at"], opens_at) + TIME_TOLERANCE:
        due = max(visit["arrives_at"], opens_at)
        yield at.wrong(
            "starts_at", visit["starts_at"], due, f"unloading starts at {visit['starts_at']}, it could at {due}"
        )
    pieces = sum(one["shipped_quantity"] for one in goods)
    unloading_s = site["service_min"] * 60 + pieces * world.params.unloading_s_per_piece
    yield from _same_time(at, "leaves_at", visit["leaves_at"], visit["starts_at"], unloading_s)
    vehicle = world.vehicles.get(visit["vehicle_id"])
    if vehicle is not None and vehicle["capacity_kg"] > site["largest_vehicle_kg"]:
        says = f"{site_id} takes vehicles of at most {site['largest_vehicle_kg']:g} kg"
        yield at.wrong("vehicle_id", visit["vehicle_id"], None, says)


def _stop_goods(at: _At, visit: Row, goods: list[Row]) -> Iterator[Finding]:
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


def _same_time(at: _At, column: str, said: datetime, before: datetime, seconds: float) -> Iterator[Finding]:
    due = before + timedelta(seconds=seconds)
    if said < due - timedelta(milliseconds=1) or said > due + TIME_TOLERANCE:
        yield at.wrong(column, said, due, f"{column} is {said}, computed it is {due}")


def _release(shipment: Row, world: _World) -> datetime:
    origin_id = shipment["origin_id"]
    site, on = world.sites[origin_id], world.planned_on(origin_id)
    minutes = {"vor": world.params.vor_pick_min, "urgent": world.params.urgent_pick_min}.get(shipment["tier"])
    if minutes is None:
        return world.clock(origin_id, on, clock_minutes("routing.stock_wave_at", world.params.stock_wave_at))
    placed_at = shipment["placed_at"]
    start = world.clock(origin_id, on, site["opens_at"]) if pd.isna(placed_at) else placed_at.to_pydatetime()
    if pd.notna(shipment["dispatched_at"]):
        start = max(start, shipment["dispatched_at"].to_pydatetime())
    hours = (int(site["opens_at"]), int(site["closes_at"]))
    return add_working_minutes(start, minutes, world.calendar(origin_id), *hours, world.zone(origin_id))


def _promise(shipment: Row, world: _World) -> datetime | None:
    if pd.notna(shipment["deliver_by"]):
        return shipment["deliver_by"]
    if shipment["tier"] != "reservation" or pd.isna(shipment["needed_on"]):
        return None
    destination_id = shipment["destination_id"]
    return world.clock(destination_id, shipment["needed_on"].date(), world.sites[destination_id]["closes_at"])
