"""Carriers: when a lane would bring a parcel, at what price, and which lane is best."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from partsopt.calendars import moment_at
from partsopt.errors import InputError
from partsopt.routing.stops import Parcel, Place, planned_day
from partsopt.settings import RoutingParams
from partsopt.tables import WEEKDAY_NAMES, weekdays_of

MOST_LANES_COMBINED = 6
SELF_COLLECTED = "self-collection"
DAYS_LOOKED_AHEAD = 250


@dataclass(frozen=True, kw_only=True)
class Lane:
    """One row of the carrier lanes; or a dealer's own collection, on ``weekdays``, home after ``home_after_min``."""

    service: str
    days: int
    cutoff_at: int
    cost_fixed: float
    cost_per_kg: float
    weekdays: tuple[int, ...] = ()
    home_after_min: float | None = None


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a lane does for one parcel: collection, arrival, and whether that keeps its promise.

    ``wait_days`` are the working days from the planned day to its collection.
    """

    lane: Lane
    handed_over_on: date
    departs_at: pd.Timestamp
    arrives_at: pd.Timestamp
    keeps_promise: bool
    wait_days: int = 0

    @property
    def consignment(self) -> tuple[str, date]:
        """Parcels of one origin and destination with the same consignment pay its fixed price once."""
        return (self.lane.service, self.handed_over_on)


def lanes_of(carrier_lanes: pd.DataFrame, self_collection: pd.DataFrame) -> dict[tuple[str, str], list[Lane]]:
    """The lanes between each pair of sites, by name of the service, a dealer's own collection last: it is free."""
    found: dict[tuple[str, str], list[Lane]] = {}
    for row in carrier_lanes.sort_values(["origin_id", "destination_id", "service"]).itertuples():
        found.setdefault((row.origin_id, row.destination_id), []).append(
            Lane(
                service=row.service,
                days=int(row.days),
                cutoff_at=int(row.cutoff_at),
                cost_fixed=float(row.cost_fixed),
                cost_per_kg=float(row.cost_per_kg),
            )
        )
    for row in self_collection.itertuples():
        found.setdefault((row.origin_id, row.site_id), []).append(
            Lane(
                service=SELF_COLLECTED,
                days=0,
                cutoff_at=int(row.collects_at),
                cost_fixed=0.0,
                cost_per_kg=0.0,
                weekdays=weekdays_of(row.weekdays) or tuple(range(len(WEEKDAY_NAMES))),
                home_after_min=float(row.home_after_min),
            )
        )
    return found


def offer_of(
    lane: Lane,
    parcel: Parcel,
    places: Mapping[str, Place],
    today: date,
    not_before: date | None = None,
) -> Offer:
    """When a lane collects and delivers a parcel, and whether that keeps its promise.

    The carrier collects at its cutoff on the first working day of the origin on which the parcel is packed
    by then. It delivers its days later, at the opening of the destination's next working day; a lane of
    no days delivers before the destination closes on the day of collection, else at its next opening.
    A dealer collects on the first such day that is also a working day of its own and one of its weekdays, and has the
    goods its minutes later.
    A promise is kept where the arrival is not after it; a parcel that was promised no time (and is neither
    vor nor urgent) must be collected by its last day, or at once where that has passed.

    Parameters
    ----------
    not_before
        The carrier is asked for this day or a later one; None: for the first that it can.
    """
    origin, destination = places[parcel.origin_id], places[parcel.destination_id]
    planned = planned_day(today, origin)
    released = parcel.released_at.tz_convert(origin.zone)
    on = origin.calendar.working_day_from(max(planned, released.date(), not_before or planned))
    if released > moment_at(on, lane.cutoff_at, origin.zone):
        on = origin.calendar.add_working_days(on, 1)
    if lane.home_after_min is not None:
        on = _collection_day(lane, on, origin, destination)
    departs_at = pd.Timestamp(moment_at(on, lane.cutoff_at, origin.zone)).tz_convert("UTC")

    due = (pd.Timestamp(on) + pd.Timedelta(days=lane.days)).date()
    arrival_on = destination.calendar.working_day_from(due)
    arrives_at = pd.Timestamp(destination.opening(arrival_on)).tz_convert("UTC")
    if arrives_at < departs_at:
        closing = pd.Timestamp(destination.closing(arrival_on)).tz_convert("UTC")
        next_day = destination.calendar.add_working_days(arrival_on, 1)
        opening = pd.Timestamp(destination.opening(next_day)).tz_convert("UTC")
        arrives_at = closing if closing >= departs_at else opening
    if lane.home_after_min is not None:
        arrives_at = departs_at + pd.Timedelta(minutes=lane.home_after_min)

    if parcel.promised_by is not None:
        keeps_promise = arrives_at <= parcel.promised_by
    elif parcel.is_express:
        keeps_promise = True
    else:
        keeps_promise = parcel.leave_by is None or on <= max(parcel.leave_by, planned)
    return Offer(
        lane=lane,
        handed_over_on=on,
        departs_at=departs_at,
        arrives_at=arrives_at,
        keeps_promise=bool(keeps_promise),
        wait_days=_working_days_between(origin, planned, on),
    )


def offers_of(
    lanes: Sequence[Lane], parcels: Sequence[Parcel], places: Mapping[str, Place], today: date
) -> list[list[Offer]]:
    """Every offer for parcels of one origin and destination, the first of each lane first.

    A parcel that may wait can also share a lane with one that the carrier takes on a later day.
    """
    firsts = [[offer_of(lane, parcel, places, today) for lane in lanes] for parcel in parcels]
    offers = []
    for parcel, options in zip(parcels, firsts, strict=True):
        own = {one.consignment for one in options}
        later = [
            offer_of(other.lane, parcel, places, today, other.handed_over_on)
            for options_of_others in firsts
            for other in options_of_others
            if not parcel.is_express and other.wait_days
        ]
        shared = {one.consignment: one for one in later if one.consignment not in own and one.keeps_promise}
        offers.append([*options, *(shared[consignment] for consignment in sorted(shared))])
    return offers


def _working_days_between(origin: Place, first: date, last: date) -> int:
    days = 0
    while first < last:
        first = origin.calendar.add_working_days(first, 1)
        days += 1
    return days


def _collection_day(lane: Lane, on: date, origin: Place, destination: Place) -> date:
    """The first day from ``on`` that both sites work and the dealer comes."""
    for _ in range(DAYS_LOOKED_AHEAD):
        if on.weekday() in lane.weekdays and destination.calendar.is_working(on):
            return on
        on = origin.calendar.add_working_days(on, 1)
    raise InputError(
        f"self_collection: {destination.site_id} never comes to {origin.site_id} on a day that both work; "
        "correct its weekdays"
    )


def best_offer(
    offers: Sequence[Offer], parcel: Parcel, wanted_by: pd.Timestamp | None, params: RoutingParams
) -> Offer | None:
    """The offer to take: one that keeps the promise before one that breaks it, then the cheapest, lateness priced.

    Parameters
    ----------
    wanted_by
        Lateness counts from here; None: lateness has no price.
    """
    if not offers:
        return None
    return min(
        offers,
        key=lambda one: (
            not one.keeps_promise,
            round(
                price_of(one.lane, parcel.load_kg)
                + lateness_price(one.arrives_at, wanted_by, params)
                + one.wait_days * params.wait_cost_per_day,
                6,
            ),
            one.arrives_at,
            one.lane.service,
        ),
    )


def price_of(lane: Lane, load_kg: float) -> float:
    """Price of a consignment, money."""
    return lane.cost_fixed + lane.cost_per_kg * load_kg


def lateness_price(arrives_at: pd.Timestamp, wanted_by: pd.Timestamp | None, params: RoutingParams) -> float:
    """What arriving after a moment counts for when modes are compared, money."""
    if wanted_by is None or arrives_at <= wanted_by:
        return 0.0
    return params.late_cost_per_hour * (arrives_at - wanted_by).total_seconds() / 3600


def join_consignments(
    parcels: Sequence[Parcel], chosen: Sequence[Offer], offers: Sequence[Sequence[Offer]], wait_cost_per_day: float
) -> list[Offer]:
    """Put parcels of one origin and destination on fewer consignments where that is cheaper and none arrives later.

    Every set of at most six consignments is tried; each parcel takes the cheapest of the set that arrives
    no later than the offer chosen for it (or keeps its promise, where it is not express).

    Parameters
    ----------
    parcels
        Parcels of one origin and destination that go by carrier.
    chosen
        The best offer of each alone.
    offers
        All offers of each.
    wait_cost_per_day
        What a parcel costs for each working day that it waits, money.
    """
    usable = [
        [one for one in options if _is_as_good(one, pick, parcel)]
        for parcel, pick, options in zip(parcels, chosen, offers, strict=True)
    ]
    known = sorted({one.consignment for options in usable for one in options})
    taken = sorted({one.consignment for one in chosen})
    known = taken if len(known) > MOST_LANES_COMBINED else known
    best, best_price = list(chosen), _total_price(parcels, chosen, wait_cost_per_day)
    for size in range(1, len(known) + 1):
        for subset in itertools.combinations(known, size):
            picks = []
            for parcel, options in zip(parcels, usable, strict=True):
                within = [one for one in options if one.consignment in subset]
                if not within:
                    break
                weight = parcel.load_kg
                picks.append(
                    min(
                        within,
                        key=lambda one: (
                            one.lane.cost_per_kg * weight + one.wait_days * wait_cost_per_day,
                            one.arrives_at,
                        ),
                    )
                )
            else:
                price = _total_price(parcels, picks, wait_cost_per_day)
                if price < best_price - 1e-6:
                    best, best_price = picks, price
    return best


def _is_as_good(one: Offer, pick: Offer, parcel: Parcel) -> bool:
    if one.arrives_at <= pick.arrives_at:
        return True
    if parcel.is_express and parcel.promised_by is None:
        return False
    return one.keeps_promise


def _total_price(parcels: Sequence[Parcel], picks: Sequence[Offer], wait_cost_per_day: float) -> float:
    fixed = {one.consignment: one.lane.cost_fixed for one in picks}
    return math.fsum(fixed.values()) + math.fsum(
        one.lane.cost_per_kg * parcel.load_kg + one.wait_days * wait_cost_per_day
        for one, parcel in zip(picks, parcels, strict=True)
    )
