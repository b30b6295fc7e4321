"""The deliveries of a night: own vehicles by DC, carriers where they are better, reasons for the rest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from partsopt.calendars import calendars_of, moment_at
from partsopt.errors import InputError, NoPlan
from partsopt.routing import reasons
from partsopt.routing.insertion import Relaxed, relaxed_days
from partsopt.routing.lanes import (
    Lane,
    Offer,
    best_offer,
    join_consignments,
    lanes_of,
    lateness_price,
    offer_of,
)
from partsopt.routing.search import Found, search_day
from partsopt.routing.stops import (
    CM3_PER_M3,
    GRAMS_PER_KG,
    Parcel,
    Place,
    capacities_of,
    largest_grams_of,
    parcels_of,
    places_of,
    planned_day,
    promises,
    release_times,
    whole_down,
    whole_up,
)
from partsopt.routing.timetable import (
    ANY_PAYLOAD,
    DAY_S,
    Broken,
    DayProblem,
    Delivery,
    TripTimes,
    Van,
    times_of_day,
    times_of_trip,
)
from partsopt.routing.travel import Travel, travel_between
from partsopt.routing.verify import verify_deliveries
from partsopt.settings import RoutingParams
from partsopt.tables import (
    DELIVERY_LINES,
    EXCEPTIONS,
    ROUTES,
    SOLVER_RUNS,
    STOPS,
    TIERS,
    Table,
    conform,
    declare_exception,
    empty,
    exceptions_of,
)

log = logging.getLogger(__name__)

UNSERVED = declare_exception(
    "delivery_unserved",
    stage="routing",
    says="no vehicle and no carrier brings this line; the reason names the rule and what would change it",
    action="follow the reason: book a carrier, free a vehicle, or let it go on a later day",
)
LATE = declare_exception(
    "delivery_late",
    stage="routing",
    says="this line arrives after its promise",
    action="tell the dealer, or book a faster carrier",
)
ESTIMATED = declare_exception(
    "travel_estimated",
    stage="routing",
    says="road distance and time were estimated by great circle because the travel table has no row",
    action="add the pairs to the travel table where routes look wrong",
)
CUT_OFF = declare_exception(
    "routing_cut_off",
    stage="routing",
    says="the route search of a DC was ended by the clock or by a substitute; the plan is valid but may be dear",
    action="raise routing.time_limit_s or lower routing.solution_limit, and run again for a repeatable plan",
)


class Deliveries(NamedTuple):
    """How every shipment line travels: tables routes, stops, delivery_lines, solver_runs and exceptions."""

    routes: pd.DataFrame
    stops: pd.DataFrame
    delivery_lines: pd.DataFrame
    solver_runs: pd.DataFrame
    exceptions: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What becomes of one parcel."""

    carried_by: str
    departs_at: pd.Timestamp | None = None
    arrives_at: pd.Timestamp | None = None
    route_id: str = ""
    trip: int = 0
    position: int = 0
    offer: Offer | None = None
    unserved_because: str = ""


@dataclass(frozen=True, kw_only=True)
class Network:
    """What the plans of all origins share."""

    places: Mapping[str, Place]
    sites: pd.DataFrame
    vehicles: pd.DataFrame
    lanes: Mapping[tuple[str, str], list[Lane]]
    travel: pd.DataFrame
    today: date
    params: RoutingParams
    search: Callable[[Day], Found] | None = None


def plan_deliveries(
    *,
    shipments: pd.DataFrame,
    sites: pd.DataFrame,
    vehicles: pd.DataFrame,
    carrier_lanes: pd.DataFrame,
    travel: pd.DataFrame,
    holidays: pd.DataFrame,
    today: date,
    params: RoutingParams,
    seed: int,  # noqa: ARG001 -- the search draws nothing at random; kept so that every stage is called alike
) -> Deliveries:
    """Plan how each shipment line travels on the first working day of its origin from ``today`` on.

    Shipments of a DC to dealers within reach go by own vehicle or by carrier, whichever keeps the promise
    and is cheaper, planned by one model for each DC, tier by tier; everything else goes by carrier. What
    nobody can carry is unserved, with the reason. The plan is verified before it is returned.

    Parameters
    ----------
    shipments
        Table shipments: lines with weight (kg), volume (m3), tier, placed_at and deliver_by.
    sites, vehicles, carrier_lanes, travel, holidays
        The input tables.
    today
        The plan is made before opening on this day.
    seed
        Not used: the search is the same for every seed.

    Returns
    -------
    Deliveries
        Every shipment line is in ``delivery_lines`` exactly once.

    Raises
    ------
    InputError
        A shipment, vehicle or lane names a site that is not in ``sites``.
    NoPlan
        The plan found breaks a rule: a fault in this program; the first wrong line is named.
    """
    refuse_unknown_sites(shipments, vehicles, carrier_lanes, sites)
    places = places_of(sites, calendars_of(holidays))
    network = Network(
        places=places,
        sites=sites,
        vehicles=vehicles.sort_values("vehicle_id", ignore_index=True),
        lanes=lanes_of(carrier_lanes),
        travel=travel,
        today=today,
        params=params,
    )
    lines = shipments.sort_values("line_id", ignore_index=True)
    lines["released_at"] = release_times(lines, places, today, params)
    lines["promised_by"] = promises(lines, places)
    parcels = parcels_of(lines, capacities_of(network.vehicles), largest_grams_of(places))

    plans = [
        plan_origin(origin_id, [one for one in parcels if one.origin_id == origin_id], network)
        for origin_id in sorted({one.origin_id for one in parcels})
    ]
    parcels = [parcel for plan in plans for parcel in plan.parcels]
    fates = [fate for plan in plans for fate in plan.fates]
    delivery_lines = delivery_lines_of(lines, parcels, fates)
    deliveries = Deliveries(
        routes=_table([row for plan in plans for row in plan.routes], ROUTES),
        stops=_table([row for plan in plans for row in plan.stops], STOPS),
        delivery_lines=delivery_lines,
        solver_runs=_table([row for plan in plans for row in plan.solver_runs], SOLVER_RUNS),
        exceptions=delivery_exceptions(lines, delivery_lines, plans),
    )
    problems = verify_deliveries(
        deliveries.routes,
        deliveries.stops,
        deliveries.delivery_lines,
        shipments=shipments,
        sites=sites,
        vehicles=vehicles,
        carrier_lanes=carrier_lanes,
        travel=travel,
        holidays=holidays,
        today=today,
        params=params,
    )
    if problems:
        more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
        raise NoPlan(f"the delivery plan breaks its own rules: {problems[0]}{more}; report it with the input tables")
    carried = delivery_lines["carried_by"].value_counts()
    log.info(
        "routing: %d lines in %d parcels; %d by vehicle on %d trips, %d by lane, %d unserved; %d pairs estimated",
        len(lines),
        len(parcels),
        carried.get("vehicle", 0),
        len(deliveries.routes),
        carried.get("lane", 0),
        carried.get("unserved", 0),
        sum(plan.n_estimated for plan in plans),
    )
    return deliveries


def refuse_unknown_sites(
    shipments: pd.DataFrame, vehicles: pd.DataFrame, carrier_lanes: pd.DataFrame, sites: pd.DataFrame
) -> None:
    """Refuse tables that name a site which is none."""
    known = set(sites["site_id"])
    for table, frame, columns in (
        ("shipments", shipments, ("origin_id", "destination_id")),
        ("vehicles", vehicles, ("depot_id",)),
        ("carrier_lanes", carrier_lanes, ("origin_id", "destination_id")),
    ):
        for column in columns:
            unknown = sorted(set(frame[column]) - known)
            if unknown:
                more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
                raise InputError(
                    f"{table}.{column} names {', '.join(unknown[:3])}{more}, which is no site_id of sites; "
                    "add the site or correct the row"
                )


# --------------------------------------------------------------------------- one origin


@dataclass(frozen=True, kw_only=True)
class OriginPlan:
    """The fates of one origin's parcels and its rows of the tables."""

    origin_id: str
    parcels: list[Parcel]
    fates: list[Fate]
    routes: list[dict[str, object]]
    stops: list[dict[str, object]]
    solver_runs: list[dict[str, object]]
    n_estimated: int = 0
    n_pairs: int = 0


def plan_origin(origin_id: str, parcels: list[Parcel], network: Network) -> OriginPlan:
    """Plan one origin: offers of carriers, the vehicles' day, then each parcel's fate."""
    origin = network.places[origin_id]
    offers = [
        [
            offer_of(lane, parcel, network.places, network.today, network.params)
            for lane in network.lanes.get((origin_id, parcel.destination_id), [])
        ]
        for parcel in parcels
    ]
    if not origin.is_dc:
        wanted = [_wanted_by(parcel, options, None) for parcel, options in zip(parcels, offers, strict=True)]
        chosen = _best_offers(parcels, offers, wanted, network)
        why = [
            f"no carrier lane from {origin_id} to {one.destination_id}; own vehicles start at DCs" for one in parcels
        ]
        fates = [
            _by_lane(pick) if pick is not None else Fate(carried_by="unserved", unserved_because=reason)
            for pick, reason in zip(chosen, why, strict=True)
        ]
        fates = _consigned(parcels, offers, fates)
        return OriginPlan(origin_id=origin_id, parcels=parcels, fates=fates, routes=[], stops=[], solver_runs=[])
    day = _day_of(origin, parcels, offers, network)
    found = search_day(day.problem, network.params) if network.search is None else network.search(day)
    on_board, routes, stops = _vehicle_rows(day, found, parcels, network)
    fates = []
    is_small = len(day.problem.vans) <= reasons.ALL_ASKED
    relaxed = () if is_small else relaxed_days(day.problem, found.trips, found.latest_s)
    for number, parcel in enumerate(parcels):
        fate, pick = on_board.get(number), day.chosen[number]
        if fate is None and pick is not None:
            fate = _by_lane(pick)
        fates.append(
            fate
            or Fate(carried_by="unserved", unserved_because=_why_unserved(day, found, number, parcel, network, relaxed))
        )
    settled = _consigned(parcels, offers, fates)
    solver_run = {
        "stage": "routing",
        "name": origin_id,
        "solver": found.solver,
        "status": found.status,
        "objective": found.objective if found.status != "nothing_to_do" else np.nan,
        "bound": found.bound,
        "gap": (found.objective - found.bound) / found.objective if found.objective > 0 else np.nan,
        "solutions": found.solutions,
        "why": found.why,
    }
    n_pairs = day.travel.is_estimated.size - len(day.travel.is_estimated)
    return OriginPlan(
        origin_id=origin_id,
        parcels=parcels,
        fates=settled,
        routes=routes,
        stops=stops,
        solver_runs=[solver_run],
        n_estimated=int(day.travel.is_estimated.sum()),
        n_pairs=n_pairs,
    )


def _wanted_by(parcel: Parcel, offers: Sequence[Offer], direct_at: pd.Timestamp | None) -> pd.Timestamp | None:
    """From when lateness of an express parcel counts: its promise, else the earliest anybody could bring it."""
    if not parcel.is_express:
        return None
    if parcel.promised_by is not None:
        return parcel.promised_by
    arrivals = [one.arrives_at for one in offers] + ([direct_at] if direct_at is not None else [])
    return min(arrivals, default=None)


def _best_offers(
    parcels: Sequence[Parcel],
    offers: Sequence[Sequence[Offer]],
    wanted: Sequence[pd.Timestamp | None],
    network: Network,
) -> list[Offer | None]:
    return [
        best_offer(options, parcel, by, network.params)
        for parcel, options, by in zip(parcels, offers, wanted, strict=True)
    ]


@dataclass(frozen=True, kw_only=True)
class Day:
    """One DC's day as a problem of whole numbers, and the way back to moments and names."""

    on: date
    midnight: pd.Timestamp
    problem: DayProblem
    numbers: tuple[int, ...]
    vehicle_ids: tuple[str, ...]
    travel: Travel
    site_ids: tuple[str, ...]
    chosen: list[Offer | None]
    barred: Mapping[int, str]

    def moment(self, seconds: int) -> pd.Timestamp:
        """The moment so many seconds after midnight of the day at the DC."""
        return self.midnight + pd.Timedelta(seconds=seconds)


def _day_of(origin: Place, parcels: list[Parcel], offers: list[list[Offer]], network: Network) -> Day:
    """The problem of one DC's planned day: the parcels that vehicles may bring, the vehicles, the matrices."""
    on = planned_day(network.today, origin)
    midnight = pd.Timestamp(moment_at(on, 0, origin.zone)).tz_convert("UTC")
    fleet = network.vehicles[network.vehicles["depot_id"].eq(origin.site_id)]
    vans = tuple(_van_of(row, on, origin, midnight) for row in fleet.itertuples())
    site_ids = (origin.site_id, *sorted({one.destination_id for one in parcels} - {origin.site_id}))
    travel = travel_between(site_ids, network.sites, network.travel, network.params)
    place_of = {site_id: place for place, site_id in enumerate(site_ids)}
    radius_m = network.params.own_vehicle_radius_km * 1000

    barred: dict[int, str] = {}
    deliveries, numbers = [], []
    for number, parcel in enumerate(parcels):
        destination = network.places[parcel.destination_id]
        released_s = max(whole_up((parcel.released_at - midnight).total_seconds()), 0)
        if destination.is_dc:
            barred[number] = "own vehicles serve dealers only"
        elif not vans:
            barred[number] = f"{origin.site_id} has no vehicle"
        elif not destination.calendar.is_working(on):
            barred[number] = (
                f"{destination.site_id} is closed on {on:%a %Y-%m-%d} (calendar {destination.calendar.name})"
            )
        elif (large := reasons.too_large(parcel.grams, parcel.cm3, vans, tuple(fleet["vehicle_id"]))) is not None:
            barred[number] = large
        elif (shut_out := reasons.no_access(parcel, destination, vans, tuple(fleet["vehicle_id"]))) is not None:
            barred[number] = shut_out
        elif released_s >= DAY_S:
            at = parcel.released_at.tz_convert(origin.zone)
            barred[number] = f"packed only at {at:%a %Y-%m-%d %H:%M}, after the day that is planned ({on:%a %Y-%m-%d})"
        elif offers[number] and travel.distance_m[0, place_of[parcel.destination_id]] > radius_m:
            barred[number] = f"farther than {network.params.own_vehicle_radius_km:g} km by road"
        else:
            numbers.append(number)
            deliveries.append(
                Delivery(
                    place=place_of[parcel.destination_id],
                    tier=TIERS.index(parcel.tier),
                    grams=parcel.grams,
                    cm3=parcel.cm3,
                    released_s=released_s,
                    opens_s=_seconds(destination.opening(on), midnight),
                    closes_s=_seconds(destination.closing(on), midnight),
                    service_s=whole_up(destination.service_min * 60),
                    pieces_s=parcel.pieces * network.params.unloading_s_per_piece,
                    largest_grams=ANY_PAYLOAD if destination.largest_grams is None else destination.largest_grams,
                )
            )
    problem = DayProblem(
        deliveries=tuple(deliveries),
        vans=vans,
        distance_m=travel.distance_m,
        travel_s=travel.travel_s,
        late_cost_per_s=network.params.late_cost_per_hour / 3600,
    )
    chosen, problem = _with_alternatives(problem, numbers, parcels, offers, midnight, network)
    return Day(
        on=on,
        midnight=midnight,
        problem=problem,
        numbers=tuple(numbers),
        vehicle_ids=tuple(fleet["vehicle_id"]),
        travel=travel,
        site_ids=site_ids,
        chosen=chosen,
        barred=barred,
    )


def _van_of(row: Any, on: date, depot: Place, midnight: pd.Timestamp) -> Van:
    return Van(
        grams=whole_down(row.capacity_kg * GRAMS_PER_KG),
        cm3=whole_down(row.capacity_m3 * CM3_PER_M3),
        fixed_cost=float(row.fixed_cost),
        cost_per_m=float(row.cost_per_km) / 1000,
        cost_per_s=float(row.cost_per_hour) / 3600,
        start_s=_seconds(moment_at(on, row.shift_start, depot.zone), midnight),
        end_s=_seconds(moment_at(on, int(row.shift_end), depot.zone), midnight),
        max_trips=int(row.max_trips),
        reload_s=whole_up(row.reload_min * 60),
    )


def _seconds(moment: object, midnight: pd.Timestamp) -> int:
    return whole_down((pd.Timestamp(moment) - midnight).total_seconds())


def _with_alternatives(
    problem: DayProblem,
    numbers: Sequence[int],
    parcels: Sequence[Parcel],
    offers: Sequence[Sequence[Offer]],
    midnight: pd.Timestamp,
    network: Network,
) -> tuple[list[Offer | None], DayProblem]:
    """Add to each delivery the vehicles that could bring it directly, its promise, and its best lane.

    Parcels of one dealer that would take the same consignment share its fixed price by weight.
    """
    closing_s = [one.closes_s for one in problem.deliveries]
    direct_s: dict[int, int] = {}
    able: dict[int, tuple[int, ...]] = {}
    kinds = list(dict.fromkeys(problem.vans))
    kind_of = [kinds.index(van) for van in problem.vans]
    for delivery, number in enumerate(numbers):
        first_s = {
            kind: times.visits[0].starts_s
            for kind, van in enumerate(kinds)
            if van.grams <= problem.deliveries[delivery].largest_grams
            and not isinstance(times := times_of_trip(problem, van, [delivery], van.start_s, closing_s), Broken)
        }
        direct = {vehicle: first_s[kind] for vehicle, kind in enumerate(kind_of) if kind in first_s}
        able[number] = tuple(direct)
        if direct:
            direct_s[number] = min(direct.values())
    wanted = [
        _wanted_by(
            parcel,
            offers[number],
            midnight + pd.Timedelta(seconds=direct_s[number]) if number in direct_s else None,
        )
        for number, parcel in enumerate(parcels)
    ]
    wanted = [by if by is None else max(by, midnight) for by in wanted]
    chosen = _best_offers(parcels, offers, wanted, network)
    together: dict[tuple[str, object], list[int]] = {}
    for number in numbers:
        pick = chosen[number]
        if pick is not None:
            together.setdefault((parcels[number].destination_id, pick.consignment), []).append(number)
    fixed_share = {}
    for members in together.values():
        weight = sum(parcels[number].load_kg for number in members)
        for number in members:
            fixed_share[number] = parcels[number].load_kg / weight if weight > 0 else 1 / len(members)

    consignment_of = {
        number: place for place, members in enumerate(together.values()) if len(members) > 1 for number in members
    }
    deliveries = []
    for delivery, number in enumerate(numbers):
        parcel, by, pick = parcels[number], wanted[number], chosen[number]
        one = replace(
            problem.deliveries[delivery],
            vehicles=able[number],
            wanted_s=None if by is None else _seconds(by, midnight),
            due_s=None if parcel.promised_by is None else _seconds(parcel.promised_by, midnight),
        )
        if pick is not None:
            share = pick.lane.cost_fixed * fixed_share[number]
            cost = share + pick.lane.cost_per_kg * parcel.load_kg
            one = replace(
                one,
                lane_cost=cost + lateness_price(pick.arrives_at, by, network.params),
                lane_keeps_promise=pick.keeps_promise,
                lane_arrives_s=whole_up((pick.arrives_at - midnight).total_seconds()),
                consignment=consignment_of.get(number, -1),
                lane_fixed=pick.lane.cost_fixed,
                lane_share=share,
            )
        deliveries.append(one)
    return chosen, replace(problem, deliveries=tuple(deliveries))


def _why_unserved(
    day: Day, found: Found, number: int, parcel: Parcel, network: Network, relaxed: Sequence[Relaxed]
) -> str:
    """The reason in words: no lane, and the first rule that keeps every vehicle from it."""
    no_lane = f"no carrier lane from {parcel.origin_id} to {parcel.destination_id}"
    if number in day.barred:
        return f"{no_lane}; {day.barred[number]}"
    delivery = day.numbers.index(number)
    why = reasons.out_of_reach(day.problem, delivery, day.vehicle_ids)
    if why is None:
        why = reasons.full(day.problem, delivery, found.trips, found.latest_s, day.vehicle_ids, relaxed)
    if parcel.promised_by is None and not parcel.is_express:
        origin = network.places[parcel.origin_id]
        last = origin.calendar.add_working_days(day.on, network.params.stock_within_working_days - 1)
        if last > day.on:
            why += f"; it may still leave until {last:%a %Y-%m-%d}"
    return f"{no_lane}; {why}"


# --------------------------------------------------------------------------- carriers


def _by_lane(offer: Offer) -> Fate:
    return Fate(carried_by="lane", departs_at=offer.departs_at, arrives_at=offer.arrives_at, offer=offer)


def _consigned(parcels: Sequence[Parcel], offers: Sequence[Sequence[Offer]], fates: Sequence[Fate]) -> list[Fate]:
    """Join parcels of one destination on fewer consignments where that is cheaper."""
    settled = list(fates)
    together: dict[str, list[int]] = {}
    for number, fate in enumerate(fates):
        if fate.offer is not None:
            together.setdefault(parcels[number].destination_id, []).append(number)
    for members in together.values():
        chosen = [offer for number in members if (offer := fates[number].offer) is not None]
        joined = join_consignments(
            [parcels[number] for number in members], chosen, [offers[number] for number in members]
        )
        for number, offer in zip(members, joined, strict=True):
            settled[number] = _by_lane(offer)
    return settled


# --------------------------------------------------------------------------- tables


def _vehicle_rows(
    day: Day, found: Found, parcels: Sequence[Parcel], network: Network
) -> tuple[dict[int, Fate], list[dict[str, object]], list[dict[str, object]]]:
    """Routes and stops of a DC's day, and the fates of what is on board."""
    fates: dict[int, Fate] = {}
    routes: list[dict[str, object]] = []
    stops: list[dict[str, object]] = []
    depot_id = day.site_ids[0]
    for vehicle, trips in enumerate(found.trips):
        times = times_of_day(day.problem, vehicle, trips, found.latest_s)
        if isinstance(times, Broken):
            raise NoPlan(f"the trips of {day.vehicle_ids[vehicle]} break {times.rule} by {times.by}; report it")
        vehicle_id, van = day.vehicle_ids[vehicle], day.problem.vans[vehicle]
        route_id = f"RT-{day.on:%Y%m%d}-{depot_id}-{vehicle_id}"
        for trip_number, trip in enumerate(times, start=1):
            routes.append(
                {
                    "route_id": route_id,
                    "trip": trip_number,
                    "depot_id": depot_id,
                    "vehicle_id": vehicle_id,
                    "departs_at": day.moment(trip.departs_s),
                    "returns_at": day.moment(trip.returns_s),
                    "n_stops": len(trip.visits),
                    **_load_of(trip, day, parcels, network, vehicle_id),
                    "distance_m": float(trip.distance_m),
                    "cost": (van.fixed_cost if trip_number == 1 else 0.0)
                    + van.cost_per_m * trip.distance_m
                    + van.cost_per_s * (trip.returns_s - trip.departs_s),
                }
            )
            for position, visit in enumerate(trip.visits, start=1):
                members = [day.numbers[one] for one in visit.deliveries]
                stops.append(
                    {
                        "route_id": route_id,
                        "trip": trip_number,
                        "position": position,
                        "vehicle_id": vehicle_id,
                        "depot_id": depot_id,
                        "site_id": day.site_ids[visit.place],
                        "tier": min((parcels[one].tier for one in members), key=TIERS.index),
                        "arrives_at": day.moment(visit.arrives_s),
                        "starts_at": day.moment(visit.starts_s),
                        "leaves_at": day.moment(visit.leaves_s),
                        "distance_m": float(visit.distance_m),
                        "travel_min": visit.travel_s / 60,
                        "load_kg": sum(parcels[one].load_kg for one in members),
                        "load_m3": sum(parcels[one].load_m3 for one in members),
                        "n_lines": sum(len(parcels[one].line_ids) for one in members),
                    }
                )
                for one in members:
                    fates[one] = Fate(
                        carried_by="vehicle",
                        departs_at=day.moment(trip.departs_s),
                        arrives_at=day.moment(visit.starts_s),
                        route_id=route_id,
                        trip=trip_number,
                        position=position,
                    )
    return fates, routes, stops


def _load_of(
    trip: TripTimes, day: Day, parcels: Sequence[Parcel], network: Network, vehicle_id: str
) -> dict[str, float]:
    members = [day.numbers[one] for visit in trip.visits for one in visit.deliveries]
    load_kg = sum(parcels[one].load_kg for one in members)
    load_m3 = sum(parcels[one].load_m3 for one in members)
    vehicle = network.vehicles[network.vehicles["vehicle_id"].eq(vehicle_id)].iloc[0]
    share = max(load_kg / vehicle["capacity_kg"], load_m3 / vehicle["capacity_m3"])
    return {"load_kg": load_kg, "load_m3": load_m3, "load_share": float(share)}


def delivery_lines_of(lines: pd.DataFrame, parcels: Sequence[Parcel], fates: Sequence[Fate]) -> pd.DataFrame:
    """One row for each shipment line; a lane's price is shared by weight among the lines of a consignment."""
    parcel_of = pd.Series(
        np.repeat(np.arange(len(parcels)), [len(one.line_ids) for one in parcels]),
        index=[line_id for one in parcels for line_id in one.line_ids],
        dtype="int64",
    )
    number = parcel_of.loc[lines["line_id"]].to_numpy() if len(lines) else np.zeros(0, dtype=np.int64)
    fate = pd.DataFrame(
        {
            "carried_by": pd.Series([one.carried_by for one in fates], dtype="str"),
            "route_id": pd.Series([one.route_id for one in fates], dtype="str"),
            "trip": pd.Series([one.trip for one in fates], dtype="int64"),
            "position": pd.Series([one.position for one in fates], dtype="int64"),
            "service": pd.Series([one.offer.lane.service if one.offer else "" for one in fates], dtype="str"),
            "handed_over_on": [one.offer.handed_over_on.isoformat() if one.offer else "" for one in fates],
            "departs_at": pd.Series([one.departs_at for one in fates], dtype="datetime64[us, UTC]"),
            "arrives_at": pd.Series([one.arrives_at for one in fates], dtype="datetime64[us, UTC]"),
            "cost_fixed": pd.Series(
                [one.offer.lane.cost_fixed if one.offer else 0.0 for one in fates], dtype="float64"
            ),
            "cost_per_kg": pd.Series(
                [one.offer.lane.cost_per_kg if one.offer else 0.0 for one in fates], dtype="float64"
            ),
            "unserved_because": pd.Series([one.unserved_because for one in fates], dtype="str"),
        }
    )
    rows = pd.concat([lines.reset_index(drop=True), fate.iloc[number].reset_index(drop=True)], axis=1)
    consignment = rows.groupby(["origin_id", "destination_id", "service", "handed_over_on"], sort=False)["load_kg"]
    weight, n_lines = consignment.transform("sum"), consignment.transform("size")
    share = (rows["load_kg"] / weight).where(weight > 0, 1 / n_lines)
    rows["cost"] = rows["cost_fixed"] * share + rows["cost_per_kg"] * rows["load_kg"]
    rows["is_late"] = (rows["arrives_at"] > rows["promised_by"]).fillna(value=False)
    return conform(rows, DELIVERY_LINES)


def delivery_exceptions(lines: pd.DataFrame, delivery_lines: pd.DataFrame, plans: Sequence[OriginPlan]) -> pd.DataFrame:
    """What a person should look at: lines unserved or late, times estimated, searches cut off."""
    known = lines[["line_id", "destination_id", "part_id", "tier", "promised_by", "shipped_quantity", "unit_cost"]]
    rows = delivery_lines.merge(known, on="line_id", validate="1:1").rename(columns={"destination_id": "site_id"})
    unserved = rows[rows["carried_by"].eq("unserved")]
    late = rows[rows["is_late"]]
    late_h = (late["arrives_at"] - late["promised_by"]).dt.total_seconds() / 3600
    found = [
        exceptions_of(
            UNSERVED,
            unserved,
            what=[f"{tier}: {why}" for tier, why in zip(unserved["tier"], unserved["unserved_because"], strict=True)],
            money=unserved["shipped_quantity"].to_numpy() * unserved["unit_cost"].to_numpy(),
        ),
        exceptions_of(
            LATE,
            late,
            what=[
                f"{tier}: arrives {hours:.1f} h after its promise"
                for tier, hours in zip(late["tier"], late_h, strict=True)
            ],
        ),
    ]
    for plan in plans:
        at_origin = pd.DataFrame({"site_id": [plan.origin_id]})
        if plan.n_estimated:
            what = f"{plan.n_estimated} of {plan.n_pairs} pairs of sites estimated by great circle"
            found.append(exceptions_of(ESTIMATED, at_origin, what=[what]))
        found += [
            exceptions_of(CUT_OFF, at_origin, what=[str(run["why"])])
            for run in plan.solver_runs
            if run["status"] in ("time_limit", "fallback")
        ]
    return conform(pd.concat(found, ignore_index=True), EXCEPTIONS)


def _table(rows: list[dict[str, object]], table: Table) -> pd.DataFrame:
    if not rows:
        return empty(table)
    return conform(pd.DataFrame(rows), table)
