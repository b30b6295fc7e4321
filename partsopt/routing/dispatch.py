"""Deliveries re-planned during the day: what is under way stays, the rest makes room for late orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from partsopt.calendars import calendars_of, moment_at
from partsopt.routing.days import Network, rest_between_trips
from partsopt.routing.found import Found
from partsopt.routing.given import Given
from partsopt.routing.lanes import Lane, Offer, lanes_of
from partsopt.routing.latecomers import insert_latecomers
from partsopt.routing.plan import Deliveries, plan_origin, refuse_broken, refuse_unknown_sites, returns_by_depot
from partsopt.routing.rows import Day, Fate, OriginPlan, delivery_exceptions, delivery_lines_of, table_of
from partsopt.routing.stops import (
    Parcel,
    Place,
    capacities_of,
    largest_grams_of,
    last_days,
    parcel_order,
    parcels_of,
    places_of,
    planned_day,
    promises,
    release_times,
)
from partsopt.routing.verify import verify_deliveries
from partsopt.settings import RoutingParams
from partsopt.tables import (
    COLLECTIONS,
    DELIVERY_LINES,
    ROUTES,
    SOLVER_RUNS,
    STOPS,
    Tables,
    records_of,
    together,
)

TRIP = ["route_id", "trip"]
PLACE = [*TRIP, "position"]


def locked_trips(
    routes: pd.DataFrame, vehicles: pd.DataFrame, now: pd.Timestamp, first_loading_min: float
) -> pd.Series:
    """Whether each trip is under way or loading.

    A vehicle's first trip loads from ``first_loading_min`` before it leaves, its others from its ``reload_min`` before.

    Examples
    --------
    >>> at = pd.Timestamp("2026-11-02T03:00Z")
    >>> trips = pd.DataFrame({"vehicle_id": "V", "trip": [1, 2], "departs_at": at})
    >>> vans = pd.DataFrame({"vehicle_id": ["V"], "reload_min": [30.0]})
    >>> [locked_trips(trips, vans, pd.Timestamp(f"2026-11-02T02:{m}Z"), 20.0).tolist() for m in (29, 30, 40)]
    [[False, False], [False, True], [True, True]]
    """
    loading = routes["vehicle_id"].map(vehicles.set_index("vehicle_id")["reload_min"])
    loading = loading.where(routes["trip"].gt(1), first_loading_min)
    return routes["departs_at"] - pd.to_timedelta(loading, unit="min") <= now


def replan_deliveries(
    given: Given,
    *,
    before: Tables,
    today: date,
    now: pd.Timestamp,
    params: RoutingParams,
) -> Deliveries:
    """Plan lines that no delivery is planned for yet, from ``now`` on.

    Trips under way or loading, those of later days, and consignments given to carriers, stay as they are; a
    consignment that would be late and was not collected yet, and what nobody carries, is tried again. Trips still to
    leave may change at the origins of new lines only; each leaves no earlier than it can be loaded from ``now``.
    Only the first day is planned: what waits is planned again by the next night.

    Parameters
    ----------
    given
        What the plan before was made from, the new lines among the shipments.
    before
        Tables routes, stops, delivery_lines and collections as planned before.
    today, params
        Those of the plan before.
    now
        A moment of the planned day.

    Returns
    -------
    Deliveries
        The whole day, what stays included. All of the DCs that are planned again is verified; rows of others are
        those of ``before``.

    Raises
    ------
    InputError
        A line names a site that is not in ``sites``.
    NoPlan
        The plan found breaks a rule: a fault in this program.
    """
    refuse_unknown_sites(given)
    places = places_of(given.sites, calendars_of(given.holidays), given.dock_hours)
    lines = given.shipments.sort_values("line_id", ignore_index=True)
    lines["promised_by"] = promises(lines, places)
    lines["leave_by"] = last_days(lines, places, today, params)
    vehicle_of = before["routes"].drop_duplicates("route_id").set_index("route_id")["vehicle_id"]
    planned = before["delivery_lines"].set_index("line_id")
    planned["vehicle_id"] = planned["route_id"].map(vehicle_of)
    origins = sorted(lines.loc[~lines["line_id"].isin(planned.index), "origin_id"].unique())
    own = _of_origins(given, origins)
    own_lines = lines[lines["origin_id"].isin(origins)]
    own_lines = own_lines.assign(released_at=release_times(own_lines, places, today, params))

    trips = _trips_by_fate(before["routes"], given.vehicles, origins, places, today, now, params)
    staying = set(map(tuple, trips.loc[trips["stays"], TRIP].to_numpy().tolist()))
    rows = {row["line_id"]: row for row in records_of(planned[planned.index.isin(own_lines["line_id"])].reset_index())}
    kept = [line_id in rows and _stays(rows[line_id], staying, now) for line_id in own_lines["line_id"]]
    used = own.carrier_lanes["destination_id"].isin(own_lines["destination_id"].unique())
    lanes = lanes_of(own.carrier_lanes[used], given.self_collection)
    fetched = _on_trips(before["collections"], staying)
    is_left = ~own.returns["return_id"].isin(before["collections"].loc[fetched, "return_id"])
    network = Network(
        places=places,
        sites=given.sites,
        vehicles=own.vehicles,
        lanes=lanes,
        travel=given.travel,
        returns=returns_by_depot(own.returns[is_left], given.sites),
        today=today,
        params=params,
        n_days=1,
        search=partial(_search, held={}),
    )
    behind = trips[trips["stays"] & trips["is_today"]]
    rest = own_lines[[not stay for stay in kept]]
    plans = [_plan_rest(origin_id, rest, planned, behind, network, now) for origin_id in origins]
    parcels, fates = _as_planned(own_lines[kept], rows, lanes, places)
    parcels += [parcel for plan in plans for parcel in plan.parcels]
    fates += [fate for plan in plans for fate in plan.fates]
    as_before = before["delivery_lines"][~before["delivery_lines"]["line_id"].isin(own_lines["line_id"])]
    own_delivery_lines = delivery_lines_of(own_lines, parcels, fates, places, today, params)
    delivery_lines = together([as_before, own_delivery_lines], DELIVERY_LINES)
    stays_fetched = fetched | ~before["collections"]["return_id"].isin(own.returns["return_id"])
    deliveries = Deliveries(
        routes=table_of(plans, ROUTES, before["routes"][trips["stays"]]),
        stops=table_of(plans, STOPS, before["stops"][_on_trips(before["stops"], staying)]),
        delivery_lines=delivery_lines,
        collections=table_of(plans, COLLECTIONS, before["collections"][stays_fetched]),
        solver_runs=table_of(plans, SOLVER_RUNS),
        exceptions=delivery_exceptions(lines, delivery_lines, plans, places),
    )
    own_routes = deliveries.routes[deliveries.routes["depot_id"].isin(origins)]
    refuse_broken(
        verify_deliveries(
            own_routes,
            deliveries.stops[deliveries.stops["route_id"].isin(own_routes["route_id"])],
            own_delivery_lines,
            deliveries.collections[deliveries.collections["return_id"].isin(own.returns["return_id"])],
            own,
            today=today,
            params=params,
        )
    )
    return deliveries


def _of_origins(given: Given, origins: Sequence[str]) -> Given:
    """What some DCs' deliveries rest on: of shipments, vehicles, lanes and returns their own."""
    supplied_by = given.returns["site_id"].map(given.sites.set_index("site_id")["supplied_by"])
    return given._replace(
        shipments=given.shipments[given.shipments["origin_id"].isin(origins)],
        vehicles=given.vehicles[given.vehicles["depot_id"].isin(origins)],
        carrier_lanes=given.carrier_lanes[given.carrier_lanes["origin_id"].isin(origins)],
        returns=given.returns[supplied_by.isin(origins)],
    )


def _trips_by_fate(
    routes: pd.DataFrame,
    vehicles: pd.DataFrame,
    origins: Sequence[str],
    places: Mapping[str, Place],
    today: date,
    now: pd.Timestamp,
    params: RoutingParams,
) -> pd.DataFrame:
    """Trips planned before: whether each is of the first day, and whether it stays as it is."""
    is_today = [
        departs_at.tz_convert(places[depot_id].zone).date() == planned_day(today, places[depot_id])
        for depot_id, departs_at in zip(routes["depot_id"], routes["departs_at"], strict=True)
    ]
    trips = routes.assign(is_today=np.array(is_today, dtype=bool))
    is_locked = locked_trips(routes, vehicles, now, params.first_loading_min)
    return trips.assign(stays=is_locked | ~trips["is_today"] | ~routes["depot_id"].isin(origins))


def _on_trips(rows: pd.DataFrame, trips: set[tuple[str, int]]) -> pd.Series:
    """Which rows are of one of some trips."""
    return pd.Series(
        [trip in trips for trip in map(tuple, rows[TRIP].to_numpy().tolist())], index=rows.index, dtype=bool
    )


def _plan_rest(
    origin_id: str,
    lines: pd.DataFrame,
    planned: pd.DataFrame,
    behind: pd.DataFrame,
    network: Network,
    now: pd.Timestamp,
) -> OriginPlan:
    """Plan one DC's rest of the day, its vehicles' trips numbered on from those they have behind them."""
    left, driven = _vehicles_left(
        network.vehicles[network.vehicles["depot_id"].eq(origin_id)],
        behind[behind["depot_id"].eq(origin_id)],
        network.places[origin_id],
        network.today,
        now,
        network.params,
    )
    own = _parcels(lines[lines["origin_id"].eq(origin_id)], planned, left, network.places, now)
    held = {number: planned.loc[one.line_ids[0]] for number, one in enumerate(own) if one.line_ids[0] in planned.index}
    plan = plan_origin(origin_id, own, replace(network, vehicles=left, search=partial(_search, held=held)))
    return _numbered_after(plan, driven)


def _stays(line: Mapping[str, Any], staying: set[tuple[str, int]], now: pd.Timestamp) -> bool:
    if line["carried_by"] == "vehicle":
        return (line["route_id"], line["trip"]) in staying
    return bool(line["carried_by"] == "lane" and (line["departs_at"] <= now or not line["is_late"]))


def _as_planned(
    lines: pd.DataFrame,
    planned: Mapping[str, Mapping[str, Any]],
    lanes: Mapping[tuple[str, str], list[Lane]],
    places: Mapping[str, Place],
) -> tuple[list[Parcel], list[Fate]]:
    """Lines whose delivery stays, each as a parcel with its fate."""
    parcels, fates = [], []
    for line in lines.itertuples():
        row = planned[line.line_id]
        offer = None
        if row["carried_by"] == "lane":
            lane = next(one for one in lanes[line.origin_id, line.destination_id] if one.service == row["service"])
            on = row["departs_at"].tz_convert(places[line.origin_id].zone).date()
            offer = Offer(
                lane=lane,
                handed_over_on=on,
                departs_at=row["departs_at"],
                arrives_at=row["arrives_at"],
                keeps_promise=not row["is_late"],
            )
        parcels.append(
            Parcel(
                origin_id=line.origin_id,
                destination_id=line.destination_id,
                tier=line.tier,
                released_at=line.released_at,
                promised_by=None if pd.isna(line.promised_by) else line.promised_by,
                line_ids=(line.line_id,),
                load_kg=line.load_kg,
                load_m3=line.load_m3,
                leave_by=None if pd.isna(line.leave_by) else line.leave_by.date(),
                is_packed=not pd.isna(line.packed_at),
            )
        )
        fates.append(
            Fate(
                carried_by=row["carried_by"],
                departs_at=None if pd.isna(row["departs_at"]) else row["departs_at"],
                arrives_at=None if pd.isna(row["arrives_at"]) else row["arrives_at"],
                route_id=row["route_id"],
                trip=int(row["trip"]),
                position=int(row["position"]),
                offer=offer,
                unserved_because=row["unserved_because"],
                waits_because=row["waits_because"],
            )
        )
    return parcels, fates


def _vehicles_left(
    fleet: pd.DataFrame, trips: pd.DataFrame, depot: Place, today: date, now: pd.Timestamp, params: RoutingParams
) -> tuple[pd.DataFrame, dict[str, int]]:
    """What each vehicle can still do from ``now``, and the trips that it has behind it or cannot change."""
    midnight = pd.Timestamp(moment_at(planned_day(today, depot), 0, depot.zone))
    by_vehicle = trips.groupby("vehicle_id")
    driven, back = by_vehicle.size().to_dict(), by_vehicle["returns_at"].max().to_dict()
    rows = []
    for vehicle in records_of(fleet):
        n_driven = driven.get(vehicle["vehicle_id"], 0)
        between_min = max(vehicle["reload_min"], rest_between_trips(params))
        loading_min = between_min if n_driven else params.first_loading_min
        loaded = max(now, back.get(vehicle["vehicle_id"], now)) + pd.Timedelta(minutes=loading_min)
        free_min = (loaded - midnight).total_seconds() / 60
        if n_driven < vehicle["max_trips"] and free_min < vehicle["shift_end"]:
            vehicle["shift_start"] = max(float(vehicle["shift_start"]), free_min)
            vehicle["max_trips"] -= n_driven
            vehicle["fixed_cost"] = 0.0 if n_driven else vehicle["fixed_cost"]
            rows.append(vehicle)
    left = pd.DataFrame(rows, columns=list(fleet.columns)) if rows else fleet.iloc[:0]
    return left.sort_values("vehicle_id", ignore_index=True), driven


def _parcels(
    lines: pd.DataFrame, planned: pd.DataFrame, vehicles: pd.DataFrame, places: Mapping[str, Place], now: pd.Timestamp
) -> list[Parcel]:
    """Parcels of the rest of the day: what was to be unloaded together stays so; none is packed before ``now``."""
    on_trip = lines["line_id"].map(planned["carried_by"]).eq("vehicle")
    driven = lines[on_trip].merge(planned[PLACE], left_on="line_id", right_index=True, validate="1:1")
    parcels = parcels_of(driven, {}, also_by=PLACE) if len(driven) else []
    parcels += parcels_of(lines[~on_trip], capacities_of(vehicles), largest_grams_of(places))
    return sorted((replace(one, released_at=max(one.released_at, now)) for one in parcels), key=parcel_order)


def _search(day: Day, held: Mapping[int, pd.Series]) -> Found:
    """The search of one DC's rest of the day, from the trips that were planned before."""
    trips: dict[int, dict[int, list[tuple[int, int]]]] = {}
    for delivery, number in enumerate(day.numbers):
        row = held.get(number)
        if row is None or row["carried_by"] != "vehicle":
            continue
        if row["vehicle_id"] in day.vehicle_ids:
            vehicle = day.vehicle_ids.index(row["vehicle_id"])
            trips.setdefault(vehicle, {}).setdefault(int(row["trip"]), []).append((int(row["position"]), delivery))
    start = tuple(
        tuple(tuple(one for _, one in sorted(stops)) for _, stops in sorted(trips.get(vehicle, {}).items()))
        for vehicle in range(len(day.vehicle_ids))
    )
    return insert_latecomers(day.problem, start)


def _numbered_after(plan: OriginPlan, driven: Mapping[str, int]) -> OriginPlan:
    """Trips numbered on from those that a vehicle has behind it."""
    first = {str(row["route_id"]): driven.get(str(row["vehicle_id"]), 0) for row in plan.routes}

    def numbered(rows: Sequence[dict[str, object]]) -> list[dict[str, object]]:
        return [{**row, "trip": int(str(row["trip"])) + first[str(row["route_id"])]} for row in rows]

    fates = [replace(one, trip=one.trip + first[one.route_id]) if one.route_id else one for one in plan.fates]
    return replace(
        plan,
        fates=fates,
        routes=numbered(plan.routes),
        stops=numbered(plan.stops),
        collections=[
            {**row, "trip": int(str(row["trip"])) + first[str(row["route_id"])]} if row["route_id"] else row
            for row in plan.collections
        ],
    )
