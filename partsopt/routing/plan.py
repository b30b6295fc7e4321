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
from partsopt.routing.found import Found
from partsopt.routing.insertion import Relaxed, cheapest_place, relaxed_days
from partsopt.routing.lanes import (
    Lane,
    Offer,
    best_offer,
    join_consignments,
    lanes_of,
    lateness_price,
    offer_of,
)
from partsopt.routing.rows import (
    OVERDUE,
    Day,
    Fate,
    OriginPlan,
    collection_rows,
    delivery_exceptions,
    delivery_lines_of,
    table_of,
    vehicle_rows,
)
from partsopt.routing.stops import (
    CM3_PER_M3,
    GRAMS_PER_KG,
    RETURN_RANK,
    Parcel,
    Place,
    Return,
    capacities_of,
    largest_grams_of,
    parcels_of,
    places_of,
    planned_day,
    promises,
    release_times,
    returns_of,
    whole_down,
    whole_up,
)
from partsopt.routing.timetable import (
    ANY_PAYLOAD,
    DAY_S,
    Broken,
    DayProblem,
    Delivery,
    Van,
    times_of_trip,
)
from partsopt.routing.travel import travel_between
from partsopt.routing.verify import verify_deliveries
from partsopt.settings import RoutingParams
from partsopt.tables import COLLECTIONS, ROUTES, SOLVER_RUNS, STOPS, TIERS

log = logging.getLogger(__name__)


class Deliveries(NamedTuple):
    """How every shipment line travels, and every return: tables by name."""

    routes: pd.DataFrame
    stops: pd.DataFrame
    delivery_lines: pd.DataFrame
    collections: pd.DataFrame
    solver_runs: pd.DataFrame
    exceptions: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Network:
    """What the plans of all origins share."""

    places: Mapping[str, Place]
    sites: pd.DataFrame
    vehicles: pd.DataFrame
    lanes: Mapping[tuple[str, str], list[Lane]]
    travel: pd.DataFrame
    returns: Mapping[str, list[Return]]
    today: date
    params: RoutingParams
    search: Callable[[Day], Found]


def plan_deliveries(
    *,
    shipments: pd.DataFrame,
    sites: pd.DataFrame,
    vehicles: pd.DataFrame,
    carrier_lanes: pd.DataFrame,
    travel: pd.DataFrame,
    holidays: pd.DataFrame,
    dock_hours: pd.DataFrame,
    self_collection: pd.DataFrame,
    returns: pd.DataFrame,
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
    sites, vehicles, carrier_lanes, travel, holidays, dock_hours, self_collection, returns
        The input tables.
    today
        The plan is made before opening on this day.
    seed
        Not used: the search is the same for every seed.

    Returns
    -------
    Deliveries
        Every shipment line is in ``delivery_lines`` exactly once, every return in ``collections``.

    Raises
    ------
    InputError
        A shipment, vehicle or lane names a site that is not in ``sites``.
    NoPlan
        The plan found breaks a rule: a fault in this program; the first wrong line is named.
    """
    from partsopt.routing.search import search_day  # OR-Tools loads long, and a dispatch does without it

    refuse_unknown_sites(shipments, vehicles, carrier_lanes, sites)
    places = places_of(sites, calendars_of(holidays), dock_hours)
    network = Network(
        places=places,
        sites=sites,
        vehicles=vehicles.sort_values("vehicle_id", ignore_index=True),
        lanes=lanes_of(carrier_lanes, self_collection),
        travel=travel,
        returns=returns_by_depot(returns, sites),
        today=today,
        params=params,
        search=lambda day: search_day(day.problem, params),
    )
    lines = shipments.sort_values("line_id", ignore_index=True)
    lines["released_at"] = release_times(lines, places, today, params)
    lines["promised_by"] = promises(lines, places)
    parcels = parcels_of(lines, capacities_of(network.vehicles), largest_grams_of(places))

    plans = [
        plan_origin(origin_id, [one for one in parcels if one.origin_id == origin_id], network)
        for origin_id in sorted({one.origin_id for one in parcels} | set(network.returns))
    ]
    parcels = [parcel for plan in plans for parcel in plan.parcels]
    fates = [fate for plan in plans for fate in plan.fates]
    delivery_lines = delivery_lines_of(lines, parcels, fates)
    deliveries = Deliveries(
        routes=table_of([row for plan in plans for row in plan.routes], ROUTES),
        stops=table_of([row for plan in plans for row in plan.stops], STOPS),
        delivery_lines=delivery_lines,
        collections=table_of([row for plan in plans for row in plan.collections], COLLECTIONS),
        solver_runs=table_of([row for plan in plans for row in plan.solver_runs], SOLVER_RUNS),
        exceptions=delivery_exceptions(lines, delivery_lines, plans),
    )
    problems = verify_deliveries(
        deliveries.routes,
        deliveries.stops,
        deliveries.delivery_lines,
        deliveries.collections,
        shipments=shipments,
        sites=sites,
        vehicles=vehicles,
        carrier_lanes=carrier_lanes,
        travel=travel,
        holidays=holidays,
        dock_hours=dock_hours,
        self_collection=self_collection,
        returns=returns,
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


def returns_by_depot(returns: pd.DataFrame, sites: pd.DataFrame) -> dict[str, list[Return]]:
    """The returns of each DC's dealers."""
    supplied_by = sites.set_index("site_id")["supplied_by"]
    found: dict[str, list[Return]] = {}
    for one in returns_of(returns):
        if one.site_id not in supplied_by.index or not supplied_by[one.site_id]:
            raise InputError(f"returns.site_id names {one.site_id}, which is no dealer of sites; correct the row")
        found.setdefault(str(supplied_by[one.site_id]), []).append(one)
    return found


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
    found = network.search(day)
    on_board, routes, stops = vehicle_rows(day, found, parcels, network.vehicles)
    fates = []
    relaxed = relaxed_days(day.problem, found.trips, found.latest_s)
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
        collections=collection_rows(day, found, _why_left(day, found)),
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


def _day_of(origin: Place, parcels: list[Parcel], offers: list[list[Offer]], network: Network) -> Day:
    """The problem of one DC's planned day: the parcels that vehicles may bring, the vehicles, the matrices."""
    on = planned_day(network.today, origin)
    midnight = pd.Timestamp(moment_at(on, 0, origin.zone)).tz_convert("UTC")
    fleet = network.vehicles[network.vehicles["depot_id"].eq(origin.site_id)]
    vans = tuple(_van_of(row, on, origin, midnight, network.params) for row in fleet.itertuples())
    returns = tuple(network.returns.get(origin.site_id, ()))
    asked = {one.destination_id for one in parcels} | {one.site_id for one in returns}
    site_ids = (origin.site_id, *sorted(asked - {origin.site_id}))
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
                    **_hours(destination, on, midnight),
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
        rest_after_s=network.params.rest_after_driving_min * 60,
        rest_s=network.params.rest_min * 60,
    )
    chosen, problem = _with_alternatives(problem, numbers, parcels, offers, midnight, network)
    problem = _with_returns(problem, returns, on, midnight, place_of, network)
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
        returns=returns,
    )


def _hours(destination: Place, on: date, midnight: pd.Timestamp) -> dict[str, Any]:
    windows = tuple(
        (_seconds(opens, midnight), _seconds(closes, midnight)) for opens, closes in destination.windows(on)
    )
    several = windows if len(windows) > 1 else ()
    return {"opens_s": windows[0][0], "closes_s": windows[-1][1], "windows_s": several}


def _with_returns(
    problem: DayProblem,
    returns: Sequence[Return],
    on: date,
    midnight: pd.Timestamp,
    place_of: Mapping[str, int],
    network: Network,
) -> DayProblem:
    """Add the returns as the lowest tier; one that can wait is worth a detour, one that is due whatever it costs."""
    added = []
    for one in returns:
        dealer = network.places[one.site_id]
        most = ANY_PAYLOAD if dealer.largest_grams is None else dealer.largest_grams
        can_wait = one.collect_by is None or one.collect_by > on
        added.append(
            Delivery(
                place=place_of[one.site_id],
                tier=RETURN_RANK,
                grams=0,
                cm3=0,
                released_s=0,
                **_hours(dealer, on, midnight),
                service_s=whole_up(dealer.service_min * 60),
                pieces_s=whole_up(one.loading_min * 60),
                largest_grams=most,
                back_grams=whole_up(one.load_kg * GRAMS_PER_KG),
                back_cm3=whole_up(one.load_m3 * CM3_PER_M3),
                lane_cost=network.params.return_detour_cost if can_wait else None,
                lane_keeps_promise=can_wait,
            )
        )
    whole = replace(problem, deliveries=(*problem.deliveries, *added))
    closing_s = [one.closes_s for one in whole.deliveries]
    deliveries = list(whole.deliveries)
    for number in range(len(problem.deliveries), len(deliveries)):
        is_open = network.places[returns[number - len(problem.deliveries)].site_id].calendar.is_working(on)
        able = tuple(
            vehicle
            for vehicle, van in enumerate(whole.vans)
            if is_open
            and van.grams <= deliveries[number].largest_grams
            and not isinstance(times_of_trip(whole, van, [number], van.start_s, closing_s), Broken)
        )
        deliveries[number] = replace(deliveries[number], vehicles=able)
    return replace(whole, deliveries=tuple(deliveries))


def _why_left(day: Day, found: Found) -> dict[int, str]:
    """Why each return stays where it is, by delivery."""
    on_board = {one for trips in found.trips for trip in trips for one in trip}
    left = {}
    for number in range(len(day.numbers), len(day.problem.deliveries)):
        if number in on_board:
            continue
        one, delivery = day.returns[number - len(day.numbers)], day.problem.deliveries[number]
        place = cheapest_place(day.problem, number, found.trips, found.latest_s)
        if not delivery.vehicles:
            why = reasons.out_of_reach(day.problem, number, day.vehicle_ids) or "no vehicle can fetch it on this day"
        elif place is None:
            why = "no trip has the time and the room for it"
        else:
            why = f"fetching it would add {place.cost:.2f}"
        due = one.collect_by is not None and one.collect_by <= day.on
        left[number] = f"{OVERDUE} {one.collect_by}; {why}" if due else f"it can wait; {why}"
    return left


def _van_of(row: Any, on: date, depot: Place, midnight: pd.Timestamp, params: RoutingParams) -> Van:
    start_s = _seconds(moment_at(on, row.shift_start, depot.zone), midnight)
    end_s = _seconds(moment_at(on, int(row.shift_end), depot.zone), midnight)
    dock = _hours(depot, on, midnight) if depot.dock_hours else {"opens_s": start_s, "closes_s": end_s}
    return Van(
        grams=whole_down(row.capacity_kg * GRAMS_PER_KG),
        cm3=whole_down(row.capacity_m3 * CM3_PER_M3),
        fixed_cost=float(row.fixed_cost),
        cost_per_m=float(row.cost_per_km) / 1000,
        cost_per_s=float(row.cost_per_hour) / 3600,
        start_s=max(start_s, dock["opens_s"]),
        end_s=min(end_s, dock["closes_s"]),
        ends_with_dock=dock["closes_s"] < end_s,
        max_trips=int(row.max_trips),
        reload_s=whole_up(max(row.reload_min, rest_between_trips(params)) * 60),
    )


def rest_between_trips(params: RoutingParams) -> float:
    """The least time between two trips of a vehicle, so that its driver has had a rest by law, minutes."""
    return params.rest_min if params.rest_after_driving_min else 0.0


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
