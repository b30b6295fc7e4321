"""One DC's days as one problem of whole numbers: what vehicles may bring when, vans of each day, lanes, returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pandas as pd

from partsopt.calendars import moment_at
from partsopt.routing import reasons
from partsopt.routing.found import Found
from partsopt.routing.lanes import Lane, Offer, best_offer, lateness_price
from partsopt.routing.rows import Day
from partsopt.routing.stops import (
    CM3_PER_M3,
    GRAMS_PER_KG,
    RETURN_RANK,
    Parcel,
    Place,
    Return,
    planned_days,
    whole_down,
    whole_up,
)
from partsopt.routing.timetable import (
    ANY_PAYLOAD,
    Broken,
    DayProblem,
    Delivery,
    Van,
    largest_load,
    times_of_trip,
)
from partsopt.routing.travel import refuse_holes, travel_between
from partsopt.settings import RoutingParams, clock_minutes
from partsopt.tables import TIERS


@dataclass(frozen=True, kw_only=True)
class Network:
    """What the plans of all origins share; ``n_days`` working days of each are planned together."""

    places: Mapping[str, Place]
    sites: pd.DataFrame
    vehicles: pd.DataFrame
    lanes: Mapping[tuple[str, str], list[Lane]]
    travel: pd.DataFrame
    returns: Mapping[str, list[Return]]
    today: date
    params: RoutingParams
    n_days: int
    search: Callable[[Day], Found]


def days_of(origin: Place, parcels: list[Parcel], offers: list[list[Offer]], network: Network) -> Day:
    """The problem of one DC's days: the parcels that vehicles may bring, the vans of each day, the matrices."""
    days = planned_days(network.today, origin, network.n_days)
    midnight = _midnight(days[0], origin)
    fleet = network.vehicles[network.vehicles["depot_id"].eq(origin.site_id)]
    vans = tuple(
        _van_of(row, day, on, origin, midnight, network.params)
        for day, on in enumerate(days)
        for row in fleet.itertuples()
    )
    returns = tuple(network.returns.get(origin.site_id, ()))
    asked = {one.destination_id for one in parcels} | {one.site_id for one in returns}
    site_ids = (origin.site_id, *sorted(asked - {origin.site_id}))
    travel = travel_between(site_ids, network.sites, network.travel, network.params)
    place_of = {site_id: place for place, site_id in enumerate(site_ids)}

    barred: dict[int, str] = {}
    deliveries, numbers = [], []
    for number, parcel in enumerate(parcels):
        distance_m = int(travel.distance_m[0, place_of[parcel.destination_id]])
        bar = _bar(parcel, origin, days, fleet["vehicle_id"].tolist(), vans, network)
        if bar is None and offers[number] and distance_m > network.params.own_vehicle_radius_km * 1000:
            bar = f"farther than {network.params.own_vehicle_radius_km:g} km by road"
        if bar is not None:
            barred[number] = bar
            continue
        numbers.append(number)
        deliveries.append(_delivery_of(parcel, place_of[parcel.destination_id], origin, days, network))
    problem = DayProblem(
        deliveries=tuple(deliveries),
        vans=vans,
        distance_m=travel.distance_m,
        travel_s=travel.travel_s,
        late_cost_per_s=network.params.late_cost_per_hour / 3600,
        rest_after_s=network.params.rest_after_driving_min * 60,
        rest_s=network.params.rest_min * 60,
        midnights_s=tuple(_seconds(_midnight(on, origin), midnight) for on in days),
        wait_cost_per_day=network.params.wait_cost_per_day,
    )
    chosen, problem = _with_alternatives(problem, numbers, parcels, offers, midnight, network)
    problem = _with_returns(problem, returns, days, midnight, place_of, network)
    if not network.params.estimate_travel:
        refuse_holes(site_ids, travel, problem.places)
    return Day(
        days=tuple(days),
        midnight=midnight,
        problem=problem,
        numbers=tuple(numbers),
        vehicle_ids=tuple(fleet["vehicle_id"]) * len(days),
        travel=travel,
        site_ids=site_ids,
        chosen=chosen,
        barred=barred,
        returns=returns,
    )


def _midnight(on: date, origin: Place) -> pd.Timestamp:
    return pd.Timestamp(moment_at(on, 0, origin.zone)).tz_convert("UTC")


def _bar(
    parcel: Parcel,
    origin: Place,
    days: Sequence[date],
    vehicle_ids: Sequence[str],
    vans: Sequence[Van],
    network: Network,
) -> str | None:
    """Why no vehicle of the DC may bring a parcel on any of its days; None where one may."""
    destination = network.places[parcel.destination_id]
    may = days_allowed(parcel, days)
    if destination.is_dc:
        return "own vehicles serve dealers only"
    if not vehicle_ids:
        return f"{origin.site_id} has no vehicle"
    if not any(destination.calendar.is_working(on) for on in may):
        shut = ", ".join(f"{on:%a %Y-%m-%d}" for on in may)
        return f"{destination.site_id} is closed on {shut} (calendar {destination.calendar.name})"
    large = reasons.too_large(parcel.grams, parcel.cm3, vans[: len(vehicle_ids)], vehicle_ids)
    bar = large or reasons.no_access(parcel, destination, vans[: len(vehicle_ids)], vehicle_ids)
    if bar is None and parcel.released_at >= _midnight(days[-1] + timedelta(days=1), origin):
        at = parcel.released_at.tz_convert(origin.zone)
        until = "the day that is" if len(days) == 1 else "the days that are"
        return f"packed only at {at:%a %Y-%m-%d %H:%M}, after {until} planned ({days[-1]:%a %Y-%m-%d})"
    return bar


def days_allowed(parcel: Parcel, days: Sequence[date]) -> list[date]:
    """The days on which a parcel may leave: by its last day if it has one, on the first where that has passed."""
    if parcel.leave_by is None or parcel.tier == "backorder":
        return list(days)
    return [on for on in days if on <= max(parcel.leave_by, days[0])]


def _delivery_of(parcel: Parcel, place: int, origin: Place, days: Sequence[date], network: Network) -> Delivery:
    """A parcel as the problem of its days has it, before vehicles and lanes are known.

    A day after its promise, and for a backorder every later day, costs as much as lateness of an urgent order does.
    """
    destination, params = network.places[parcel.destination_id], network.params
    midnight = _midnight(days[0], origin)
    may = days_allowed(parcel, days)
    hours = _hours_of_days(destination, days, may, midnight)
    is_free = parcel.is_express or (parcel.promised_by is None and parcel.tier != "backorder")
    due_s = -1 if parcel.promised_by is None else _seconds(parcel.promised_by, midnight)
    dear = 24 * params.late_cost_per_hour
    cost_per_day = [
        params.wait_cost_per_day if is_free or not windows or windows[-1][1] <= due_s else dear for windows in hours
    ]
    released_s = max(whole_up((parcel.released_at - midnight).total_seconds()), 0)
    wave = clock_minutes("routing.stock_wave_at", params.stock_wave_at)
    waves = [released_s, *(_seconds(moment_at(on, wave, origin.zone), midnight) for on in days[1:])]
    several = len(days) > 1
    return Delivery(
        place=place,
        tier=TIERS.index(parcel.tier),
        grams=parcel.grams,
        cm3=parcel.cm3,
        released_s=released_s,
        **_opening(hours),
        service_s=whole_up(destination.service_min * 60),
        pieces_s=parcel.pieces * params.unloading_s_per_piece,
        largest_grams=ANY_PAYLOAD if destination.largest_grams is None else destination.largest_grams,
        waves_s=tuple(waves) if several and not (parcel.is_express or parcel.is_packed) else (),
        wait_costs=tuple(day * cost for day, cost in enumerate(cost_per_day)) if several else (),
        is_prompt=parcel.tier == "backorder" and parcel.promised_by is None,
    )


def _windows(destination: Place, on: date, midnight: pd.Timestamp) -> tuple[tuple[int, int], ...]:
    return tuple((_seconds(opens, midnight), _seconds(closes, midnight)) for opens, closes in destination.windows(on))


def _hours_of_days(
    destination: Place, days: Sequence[date], may: Sequence[date], midnight: pd.Timestamp
) -> list[tuple[tuple[int, int], ...]]:
    """The times in which unloading may start on each day; none where the dealer is closed or it may not be."""
    return [
        _windows(destination, on, midnight) if on in may and destination.calendar.is_working(on) else () for on in days
    ]


def _opening(hours: Sequence[tuple[tuple[int, int], ...]]) -> dict[str, Any]:
    """The hours of each day, at least one of which has some, as a delivery has them."""
    moments_s = [moment_s for windows in hours for window in windows for moment_s in window]
    several = len(hours) > 1
    return {
        "opens_s": min(moments_s),
        "closes_s": max(moments_s),
        "windows_s": () if several or len(hours[0]) < 2 else hours[0],
        "hours_s": tuple(hours) if several else (),
    }


def _with_returns(
    problem: DayProblem,
    returns: Sequence[Return],
    days: Sequence[date],
    midnight: pd.Timestamp,
    place_of: Mapping[str, int],
    network: Network,
) -> DayProblem:
    """Add the returns as the lowest tier, on any day by which they are to be collected.

    One that can wait is worth a detour, one that is due whatever it costs; a later day costs as much as for a delivery.
    """
    added, is_open = [], []
    for one in returns:
        dealer = network.places[one.site_id]
        most = ANY_PAYLOAD if dealer.largest_grams is None else dealer.largest_grams
        can_wait = one.collect_by is None or one.collect_by > days[0]
        may = [on for on in days if one.collect_by is None or on <= max(one.collect_by, days[0])]
        hours = _hours_of_days(dealer, days, may, midnight)
        is_open.append(any(hours))
        added.append(
            Delivery(
                place=place_of[one.site_id],
                tier=RETURN_RANK,
                grams=0,
                cm3=0,
                released_s=0,
                **_opening(hours if any(hours) else [_windows(dealer, days[0], midnight)]),
                service_s=whole_up(dealer.service_min * 60),
                pieces_s=whole_up(one.loading_min * 60),
                largest_grams=most,
                back_grams=whole_up(one.load_kg * GRAMS_PER_KG),
                back_cm3=whole_up(one.load_m3 * CM3_PER_M3),
                lane_cost=network.params.return_detour_cost if can_wait else None,
                lane_keeps_promise=can_wait,
                wait_costs=tuple(day * network.params.wait_cost_per_day for day in range(len(days))),
            )
        )
    whole = replace(problem, deliveries=(*problem.deliveries, *added))
    closing_s = [one.closes_s for one in whole.deliveries]
    deliveries = list(whole.deliveries)
    for number, may_come in enumerate(is_open, start=len(problem.deliveries)):
        able = tuple(direct_starts(whole, number, closing_s)) if may_come else ()
        deliveries[number] = replace(deliveries[number], vehicles=able)
    return replace(whole, deliveries=tuple(deliveries))


def direct_starts(problem: DayProblem, number: int, closing_s: Sequence[int]) -> dict[int, int]:
    """When unloading would start on a trip for one delivery alone, seconds, by each van that could make it.

    It is the same for all vans of one day and shift that take the load.
    """
    delivery, (grams, cm3) = problem.deliveries[number], largest_load(problem, [number])
    starts_s: dict[tuple[int, int, int], int | None] = {}
    found = {}
    for vehicle, van in enumerate(problem.vans):
        if van.grams < grams or van.cm3 < cm3 or van.grams > delivery.largest_grams:
            continue
        shift = van.day, van.start_s, van.end_s
        if shift not in starts_s:
            times = times_of_trip(problem, van, [number], van.start_s, closing_s)
            starts_s[shift] = None if isinstance(times, Broken) else times.visits[0].starts_s
        start_s = starts_s[shift]
        if start_s is not None:
            found[vehicle] = start_s
    return found


def _van_of(row: Any, day: int, on: date, depot: Place, midnight: pd.Timestamp, params: RoutingParams) -> Van:
    start_s = _seconds(moment_at(on, row.shift_start, depot.zone), midnight)
    end_s = _seconds(moment_at(on, int(row.shift_end), depot.zone), midnight)
    dock = _windows(depot, on, midnight) if depot.dock_hours else ((start_s, end_s),)
    return Van(
        grams=whole_down(row.capacity_kg * GRAMS_PER_KG),
        cm3=whole_down(row.capacity_m3 * CM3_PER_M3),
        fixed_cost=float(row.fixed_cost),
        cost_per_m=float(row.cost_per_km) / 1000,
        cost_per_s=float(row.cost_per_hour) / 3600,
        start_s=max(start_s, dock[0][0]),
        end_s=min(end_s, dock[-1][1]),
        ends_with_dock=dock[-1][1] < end_s,
        max_trips=int(row.max_trips),
        reload_s=whole_up(max(row.reload_min, rest_between_trips(params)) * 60),
        day=day,
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
    for delivery, number in enumerate(numbers):
        direct = direct_starts(problem, delivery, closing_s)
        able[number] = tuple(direct)
        if direct:
            direct_s[number] = min(direct.values())
    wanted = [
        wanted_by(
            parcel,
            offers[number],
            midnight + pd.Timedelta(seconds=direct_s[number]) if number in direct_s else None,
        )
        for number, parcel in enumerate(parcels)
    ]
    wanted = [by if by is None else max(by, midnight) for by in wanted]
    chosen = best_offers(parcels, offers, wanted, network)
    consignment_of, fixed_share = _consignments(numbers, parcels, chosen)
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
                lane_cost=cost
                + lateness_price(pick.arrives_at, by, network.params)
                + pick.wait_days * network.params.wait_cost_per_day,
                lane_keeps_promise=pick.keeps_promise,
                lane_arrives_s=whole_up((pick.arrives_at - midnight).total_seconds()),
                consignment=consignment_of.get(number, -1),
                lane_fixed=pick.lane.cost_fixed,
                lane_share=share,
            )
        deliveries.append(one)
    return chosen, replace(problem, deliveries=tuple(deliveries))


def _consignments(
    numbers: Sequence[int], parcels: Sequence[Parcel], chosen: Sequence[Offer | None]
) -> tuple[dict[int, int], dict[int, float]]:
    """By parcel, the consignment it would share with others, and its share by weight of that one's fixed price."""
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
    return consignment_of, fixed_share


def wanted_by(parcel: Parcel, offers: Sequence[Offer], direct_at: pd.Timestamp | None) -> pd.Timestamp | None:
    """From when lateness of an express parcel counts: its promise, else the earliest anybody could bring it."""
    if not parcel.is_express:
        return None
    if parcel.promised_by is not None:
        return parcel.promised_by
    arrivals = [one.arrives_at for one in offers] + ([direct_at] if direct_at is not None else [])
    return min(arrivals, default=None)


def best_offers(
    parcels: Sequence[Parcel],
    offers: Sequence[Sequence[Offer]],
    wanted: Sequence[pd.Timestamp | None],
    network: Network,
) -> list[Offer | None]:
    """The offer to take for each parcel, alone."""
    return [
        best_offer(options, parcel, by, network.params)
        for parcel, options, by in zip(parcels, offers, wanted, strict=True)
    ]
