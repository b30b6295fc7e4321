"""The deliveries of a night: own vehicles by DC, carriers where they are better, reasons for the rest."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd

from partsopt.calendars import calendars_of
from partsopt.errors import InputError, NoPlan
from partsopt.routing import reasons
from partsopt.routing.days import Network, best_offers, days_of, wanted_by
from partsopt.routing.findings import Finding
from partsopt.routing.found import Found
from partsopt.routing.given import Given
from partsopt.routing.insertion import Relaxed, good_place, openings_of, relaxed_days
from partsopt.routing.lanes import Offer, join_consignments, lanes_of, offers_of
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
    Parcel,
    Return,
    capacities_of,
    largest_grams_of,
    last_days,
    parcels_of,
    places_of,
    promises,
    release_times,
    returns_of,
)
from partsopt.routing.verify import verify_deliveries
from partsopt.routing.waiting import why_lane_waits, why_vans_wait, without_later_returns
from partsopt.settings import RoutingParams
from partsopt.tables import COLLECTIONS, ROUTES, SOLVER_RUNS, STOPS

log = logging.getLogger(__name__)


class Deliveries(NamedTuple):
    """How every shipment line travels, and every return: tables by name."""

    routes: pd.DataFrame
    stops: pd.DataFrame
    delivery_lines: pd.DataFrame
    collections: pd.DataFrame
    solver_runs: pd.DataFrame
    exceptions: pd.DataFrame


def plan_deliveries(
    given: Given,
    *,
    today: date,
    params: RoutingParams,
    seed: int,  # noqa: ARG001 -- the search draws nothing at random; kept so that every stage is called alike
) -> Deliveries:
    """Plan how each shipment line travels on the first working days of its origin from ``today`` on.

    Shipments of a DC to dealers within reach go by own vehicle or by carrier, whichever keeps the promise
    and is cheaper, planned by one model for each DC and all its days, tier by tier; everything else goes by carrier.
    What may wait can go on a later day. What nobody can carry is unserved, with the reason. The plan is verified
    before it is returned.

    Parameters
    ----------
    given
        Shipment lines and input tables.
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

    refuse_unknown_sites(given)
    places = places_of(given.sites, calendars_of(given.holidays), given.dock_hours)
    network = Network(
        places=places,
        sites=given.sites,
        vehicles=given.vehicles.sort_values("vehicle_id", ignore_index=True),
        lanes=lanes_of(given.carrier_lanes, given.self_collection),
        travel=given.travel,
        returns=returns_by_depot(given.returns, given.sites),
        today=today,
        params=params,
        search=lambda day: search_day(day.problem, params),
        n_days=params.stock_within_working_days,
    )
    lines = given.shipments.sort_values("line_id", ignore_index=True)
    lines["released_at"] = release_times(lines, places, today, params)
    lines["promised_by"] = promises(lines, places)
    lines["leave_by"] = last_days(lines, places, today, params)
    parcels = parcels_of(lines, capacities_of(network.vehicles), largest_grams_of(places))

    plans = [
        plan_origin(origin_id, [one for one in parcels if one.origin_id == origin_id], network)
        for origin_id in sorted({one.origin_id for one in parcels} | set(network.returns))
    ]
    parcels = [parcel for plan in plans for parcel in plan.parcels]
    fates = [fate for plan in plans for fate in plan.fates]
    delivery_lines = delivery_lines_of(lines, parcels, fates, places, today, params)
    deliveries = Deliveries(
        routes=table_of(plans, ROUTES),
        stops=table_of(plans, STOPS),
        delivery_lines=delivery_lines,
        collections=table_of(plans, COLLECTIONS),
        solver_runs=table_of(plans, SOLVER_RUNS),
        exceptions=delivery_exceptions(lines, delivery_lines, plans, places),
    )
    refuse_broken(verify_deliveries(*deliveries[:4], given, today=today, params=params))
    carried = delivery_lines["carried_by"].value_counts()
    log.info(
        "routing: %d lines in %d parcels; %d by vehicle on %d trips, %d by lane, %d unserved; %d wait; "
        "%d pairs estimated",
        len(lines),
        len(parcels),
        carried.get("vehicle", 0),
        len(deliveries.routes),
        carried.get("lane", 0),
        carried.get("unserved", 0),
        int(delivery_lines["waits"].sum()),
        sum(plan.n_estimated for plan in plans),
    )
    return deliveries


def refuse_broken(findings: Sequence[Finding]) -> None:
    """Refuse a plan of which the verification found a rule broken."""
    if findings:
        more = f" ({len(findings) - 1} more)" if len(findings) > 1 else ""
        raise NoPlan(f"the delivery plan breaks its own rules: {findings[0]}{more}; report it with the tables given")


def refuse_unknown_sites(given: Given) -> None:
    """Refuse tables that name a site which is none."""
    known = set(given.sites["site_id"])
    for table, frame, columns in (
        ("shipments", given.shipments, ("origin_id", "destination_id")),
        ("vehicles", given.vehicles, ("depot_id",)),
        ("carrier_lanes", given.carrier_lanes, ("origin_id", "destination_id")),
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
    """Plan one origin: offers of carriers, the vehicles' days, then each parcel's fate."""
    origin = network.places[origin_id]
    offers = _offers(origin_id, parcels, network)
    if not origin.is_dc:
        wanted = [wanted_by(parcel, options, None) for parcel, options in zip(parcels, offers, strict=True)]
        chosen = best_offers(parcels, offers, wanted, network)
        why = [
            f"no carrier lane from {origin_id} to {one.destination_id}; own vehicles start at DCs" for one in parcels
        ]
        fates = [
            _by_lane(pick) if pick is not None else Fate(carried_by="unserved", unserved_because=reason)
            for pick, reason in zip(chosen, why, strict=True)
        ]
        fates = _consigned(parcels, offers, fates, network)
        return OriginPlan(origin_id=origin_id, parcels=parcels, fates=fates, routes=[], stops=[], solver_runs=[])
    day = days_of(origin, parcels, offers, network)
    found = network.search(day)
    waits = why_vans_wait(day, found)
    left = _why_left(day, found, waits)
    found = without_later_returns(day, found)
    why_wait = {day.numbers[one]: says for one, says in waits.items() if one < len(day.numbers)}
    on_board, routes, stops = vehicle_rows(day, found, parcels, network.vehicles, why_wait)
    fates = []
    relaxed = relaxed_days(day.problem, found.trips, found.latest_s)
    for number, parcel in enumerate(parcels):
        fate, pick = on_board.get(number), day.chosen[number]
        if fate is None and pick is not None:
            fate = _by_lane(pick)
        fates.append(
            fate or Fate(carried_by="unserved", unserved_because=_why_unserved(day, found, number, parcel, relaxed))
        )
    settled = _consigned(parcels, offers, fates, network)
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
    driven = day.problem.places
    return OriginPlan(
        origin_id=origin_id,
        parcels=parcels,
        fates=settled,
        routes=routes,
        stops=stops,
        solver_runs=[solver_run],
        collections=collection_rows(day, found, left),
        n_estimated=day.travel.estimated_among(driven),
        n_pairs=len(driven) * (len(driven) - 1),
    )


def _why_left(day: Day, found: Found, waits: Mapping[int, str]) -> dict[int, str]:
    """Why no vehicle of the first day fetches each return, by delivery."""
    if not day.returns:
        return {}
    van_of = {one: van for van, trips in enumerate(found.trips) for trip in trips for one in trip}
    openings = openings_of(day.problem, found.trips, found.latest_s)
    left = {}
    for number in range(len(day.numbers), len(day.problem.deliveries)):
        if number in van_of and number not in waits:
            continue
        one, delivery = day.returns[number - len(day.numbers)], day.problem.deliveries[number]
        if number in waits:
            left[number] = f"it can wait; {day.names()[van_of[number]]} would fetch it: {waits[number]}"
            continue
        place = good_place(day.problem, number, found.trips, found.latest_s, openings)
        if not delivery.vehicles:
            why = reasons.out_of_reach(day.problem, number, day.names()) or "no vehicle can fetch it on these days"
        elif place is None:
            why = "no trip has the time and the room for it"
        else:
            why = f"fetching it would add {place.cost:.2f}"
        due = one.collect_by is not None and one.collect_by <= day.days[0]
        left[number] = f"{OVERDUE} {one.collect_by}; {why}" if due else f"it can wait; {why}"
    return left


def _why_unserved(day: Day, found: Found, number: int, parcel: Parcel, relaxed: Sequence[Relaxed]) -> str:
    """The reason in words: no lane, and the first rule that keeps every vehicle from it."""
    no_lane = f"no carrier lane from {parcel.origin_id} to {parcel.destination_id}"
    if number in day.barred:
        return f"{no_lane}; {day.barred[number]}"
    delivery = day.numbers.index(number)
    why = None
    if not day.problem.deliveries[delivery].vehicles:
        why = reasons.out_of_reach(day.problem, delivery, day.names())
    if why is None:
        why = reasons.full(day.problem, delivery, found.trips, found.latest_s, day.names(), relaxed)
        last = max(day.problem.vans[van].day for van in day.problem.deliveries[delivery].vehicles)
        why += f"; all days until {day.days[last]:%a %Y-%m-%d} were tried" if last else ""
    return f"{no_lane}; {why}"


# --------------------------------------------------------------------------- carriers


def _offers(origin_id: str, parcels: Sequence[Parcel], network: Network) -> list[list[Offer]]:
    """What the lanes do for each parcel."""
    together: dict[str, list[int]] = {}
    for number, parcel in enumerate(parcels):
        together.setdefault(parcel.destination_id, []).append(number)
    found: list[list[Offer]] = [[] for _ in parcels]
    for destination_id, members in together.items():
        lanes = network.lanes.get((origin_id, destination_id), [])
        own = offers_of(lanes, [parcels[number] for number in members], network.places, network.today)
        for number, options in zip(members, own, strict=True):
            found[number] = options
    return found


def _by_lane(offer: Offer) -> Fate:
    return Fate(
        carried_by="lane",
        departs_at=offer.departs_at,
        arrives_at=offer.arrives_at,
        offer=offer,
        waits_because=why_lane_waits(offer),
    )


def _consigned(
    parcels: Sequence[Parcel], offers: Sequence[Sequence[Offer]], fates: Sequence[Fate], network: Network
) -> list[Fate]:
    """Join parcels of one destination on fewer consignments where that is cheaper."""
    settled = list(fates)
    together: dict[str, list[int]] = {}
    for number, fate in enumerate(fates):
        if fate.offer is not None:
            together.setdefault(parcels[number].destination_id, []).append(number)
    for members in together.values():
        chosen = [offer for number in members if (offer := fates[number].offer) is not None]
        joined = join_consignments(
            [parcels[number] for number in members],
            chosen,
            [offers[number] for number in members],
            network.params.wait_cost_per_day,
        )
        for number, offer in zip(members, joined, strict=True):
            settled[number] = _by_lane(offer)
    return settled
