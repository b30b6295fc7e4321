"""What must be brought where, from when and by when: parcels, and the places that take them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from partsopt.calendars import Calendar, add_working_minutes, calendar_named, moment_at
from partsopt.settings import RoutingParams, clock_minutes
from partsopt.tables import TIERS

EXPRESS_TIERS = ("vor", "urgent")
RETURN_RANK = len(TIERS)
GRAMS_PER_KG = 1_000
CM3_PER_M3 = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Place:
    """A site as a driver meets it: working calendar, clock, hours, unloading time, and which vehicles can come.

    ``largest_grams`` is the largest payload of a vehicle that can come; None: any. ``dock_hours`` are the times in
    which its dock is open; none: at a dealer the hours of the site, at a DC no limit.
    """

    site_id: str
    is_dc: bool
    calendar: Calendar
    zone: ZoneInfo
    opens_at: int
    closes_at: int
    service_min: float
    largest_grams: int | None = None
    dock_hours: tuple[tuple[int, int], ...] = ()

    def windows(self, on: date) -> list[tuple[datetime, datetime]]:
        """When unloading may start on a day, in order."""
        hours = self.dock_hours or ((self.opens_at, self.closes_at),)
        return [
            (moment_at(on, opens_at, self.zone), moment_at(on, closes_at, self.zone)) for opens_at, closes_at in hours
        ]

    def opening(self, on: date) -> datetime:
        """When goods are accepted from on a day."""
        return moment_at(on, self.opens_at, self.zone)

    def closing(self, on: date) -> datetime:
        """When goods are accepted until on a day."""
        return moment_at(on, self.closes_at, self.zone)


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """Lines of one origin, destination, tier, release and promise, which travel together.

    ``promised_by`` is None where nobody named a time: then a vor or urgent parcel is wanted as soon as
    can be, and any other must leave by ``leave_by``. ``is_packed``: it was on an earlier day.
    """

    origin_id: str
    destination_id: str
    tier: str
    released_at: pd.Timestamp
    promised_by: pd.Timestamp | None
    line_ids: tuple[str, ...]
    load_kg: float
    load_m3: float
    pieces: int = 0
    leave_by: date | None = None
    is_packed: bool = False

    @property
    def is_express(self) -> bool:
        """Whether every minute counts."""
        return self.tier in EXPRESS_TIERS

    @property
    def grams(self) -> int:
        """Weight in whole grams, rounded up."""
        return whole_up(self.load_kg * GRAMS_PER_KG)

    @property
    def cm3(self) -> int:
        """Volume in whole cubic centimetres, rounded up."""
        return whole_up(self.load_m3 * CM3_PER_M3)


@dataclass(frozen=True, kw_only=True)
class Return:
    """Something that waits at a dealer for a vehicle of its DC; ``collect_by`` None: until one passes by."""

    return_id: str
    site_id: str
    load_kg: float
    load_m3: float
    loading_min: float
    collect_by: date | None


def returns_of(returns: pd.DataFrame) -> list[Return]:
    """The returns, by name."""
    return [
        Return(
            return_id=row.return_id,
            site_id=row.site_id,
            load_kg=float(row.load_kg),
            load_m3=float(row.load_m3),
            loading_min=float(row.loading_min),
            collect_by=None if pd.isna(row.collect_by) else row.collect_by.date(),
        )
        for row in returns.sort_values("return_id").itertuples()
    ]


def places_of(sites: pd.DataFrame, calendars: Mapping[str, Calendar], dock_hours: pd.DataFrame) -> dict[str, Place]:
    """Each site with its calendar and zone, by site_id."""
    docks: dict[str, list[tuple[int, int]]] = {}
    for row in dock_hours.sort_values(["site_id", "opens_at"]).itertuples():
        docks.setdefault(row.site_id, []).append((int(row.opens_at), int(row.closes_at)))
    return {
        row.site_id: Place(
            site_id=row.site_id,
            is_dc=row.site_kind == "dc",
            calendar=calendar_named(calendars, row.calendar),
            zone=ZoneInfo(row.time_zone),
            opens_at=int(row.opens_at),
            closes_at=int(row.closes_at),
            service_min=float(row.service_min),
            largest_grams=(
                None if math.isnan(row.largest_vehicle_kg) else whole_down(row.largest_vehicle_kg * GRAMS_PER_KG)
            ),
            dock_hours=joined_hours(docks.get(row.site_id, ())),
        )
        for row in sites.itertuples()
    }


def joined_hours(hours: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Hours in order, those that meet or overlap as one.

    Examples
    --------
    >>> joined_hours([(480, 600), (540, 720), (780, 900)])
    ((480, 720), (780, 900))
    """
    joined: list[tuple[int, int]] = []
    for opens_at, closes_at in sorted(hours):
        if joined and opens_at <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], closes_at))
        else:
            joined.append((opens_at, closes_at))
    return tuple(joined)


def planned_day(today: date, origin: Place) -> date:
    """The day that is planned for a site: today, or its next working day."""
    return origin.calendar.working_day_from(today)


def planned_days(today: date, origin: Place, n: int) -> list[date]:
    """The planned day of a site and its following working days, ``n`` in all."""
    first = planned_day(today, origin)
    return [origin.calendar.add_working_days(first, ahead) for ahead in range(n)]


def last_days(shipments: pd.DataFrame, places: Mapping[str, Place], today: date, params: RoutingParams) -> pd.Series:
    """The last day on which each shipment line may leave: that of an earlier night, else the working days of settings.

    Missing where a promise or its urgency says when it must be there.

    Parameters
    ----------
    shipments
        Table shipments with ``promised_by``; origin_id must be among ``places``.
    """
    last = {
        origin_id: planned_days(today, places[origin_id], params.stock_within_working_days)[-1]
        for origin_id in shipments["origin_id"].unique()
    }
    own = pd.to_datetime(shipments["origin_id"].map(last)).astype("datetime64[us]")
    is_free = shipments["promised_by"].isna() & ~shipments["tier"].isin(EXPRESS_TIERS)
    return shipments["leave_by"].fillna(own).where(is_free)


def release_times(
    shipments: pd.DataFrame, places: Mapping[str, Place], today: date, params: RoutingParams
) -> pd.Series:
    """When each shipment line is picked and packed if it leaves on the planned day.

    A vor or urgent line takes its minutes of the origin's opening hours from when it was placed (from the
    opening of the planned day where that is not known), and from when a dispatch during the day took it up;
    every other line is packed by the stock wave of the planned day. What was packed on an earlier day is.

    Parameters
    ----------
    shipments
        Table shipments; origin_id must be among ``places``.

    Returns
    -------
    Series
        Moments in UTC, on the index of ``shipments``.
    """
    wave = clock_minutes("routing.stock_wave_at", params.stock_wave_at)
    minutes = {"vor": params.vor_pick_min, "urgent": params.urgent_pick_min}
    keys = ["origin_id", "tier", "placed_at", "dispatched_at", "packed_at"]
    asked = shipments[keys].drop_duplicates(ignore_index=True)
    released = []
    for origin_id, tier, placed_at, dispatched_at, packed_at in asked.itertuples(index=False):
        if pd.notna(packed_at):
            released.append(packed_at)
            continue
        origin = places[origin_id]
        on = planned_day(today, origin)
        if tier in minutes:
            start = origin.opening(on) if pd.isna(placed_at) else placed_at.to_pydatetime()
            start = start if pd.isna(dispatched_at) else max(start, dispatched_at.to_pydatetime())
            done = add_working_minutes(
                start, minutes[tier], origin.calendar, origin.opens_at, origin.closes_at, origin.zone
            )
        else:
            done = moment_at(on, wave, origin.zone)
        released.append(pd.Timestamp(done).tz_convert("UTC").ceil("s"))
    asked["released_at"] = pd.Series(released, dtype="datetime64[us, UTC]")
    known = shipments[keys].merge(asked, how="left", validate="m:1")
    return known["released_at"].set_axis(shipments.index)


def packed_for(
    parcel: Parcel, departs_at: pd.Timestamp | None, origin: Place, today: date, params: RoutingParams
) -> pd.Timestamp | None:
    """The stock wave of a later day than the first by which a parcel is packed that departs then; None: the first's.

    That is the last wave before it leaves. What is urgent is packed as soon as can be.
    """
    packed_at = None
    if departs_at is None or parcel.is_express or parcel.is_packed:
        return packed_at
    wave, on = clock_minutes("routing.stock_wave_at", params.stock_wave_at), planned_day(today, origin)
    while True:
        on = origin.calendar.add_working_days(on, 1)
        packed_by = pd.Timestamp(moment_at(on, wave, origin.zone)).tz_convert("UTC")
        if packed_by > departs_at:
            return packed_at
        packed_at = packed_by


def promises(shipments: pd.DataFrame, places: Mapping[str, Place]) -> pd.Series:
    """By when each shipment line is promised: deliver_by; for a booked repair the closing of the day it is needed.

    Parameters
    ----------
    shipments
        Table shipments; destination_id must be among ``places``.

    Returns
    -------
    Series
        Moments in UTC, missing where nothing was promised, on the index of ``shipments``.
    """
    promised = shipments["deliver_by"].copy()
    booked = shipments["tier"].eq("reservation") & promised.isna() & shipments["needed_on"].notna()
    for (destination_id, needed_on), rows in shipments[booked].groupby(["destination_id", "needed_on"]):
        closing = places[destination_id].closing(needed_on.date())
        promised.loc[rows.index] = pd.Timestamp(closing).tz_convert("UTC")
    return promised


def capacities_of(vehicles: pd.DataFrame) -> dict[str, list[tuple[float, float]]]:
    """Payload (kg) and loading space (m3) of each vehicle, by depot."""
    return {
        str(depot_id): list(zip(rows["capacity_kg"], rows["capacity_m3"], strict=True))
        for depot_id, rows in vehicles.groupby("depot_id")
    }


def largest_grams_of(places: Mapping[str, Place]) -> dict[str, int | None]:
    """Largest payload of a vehicle that can come, by site; None: any."""
    return {site_id: place.largest_grams for site_id, place in places.items()}


def parcels_of(
    lines: pd.DataFrame,
    capacities: Mapping[str, Sequence[tuple[float, float]]],
    largest_grams: Mapping[str, int | None] | None = None,
    also_by: Sequence[str] = (),
) -> list[Parcel]:
    """Group shipment lines into parcels; split a parcel by lines where no vehicle can carry it whole.

    Parameters
    ----------
    lines
        Table shipments with ``released_at``, ``promised_by`` and, as :func:`last_days` says, ``leave_by``.
    capacities
        Payload (kg) and loading space (m3) of each vehicle, by depot. A line that alone exceeds
        every vehicle is a parcel of its own.
    largest_grams
        Largest payload of a vehicle that can come, by destination; None: any.
    also_by
        Further columns that lines of a parcel share.

    Returns
    -------
    list
        Parcels by origin, tier, destination, release, promise and last day.
    """
    known = ["origin_id", "destination_id", "tier", "released_at", "promised_by", "leave_by", "is_packed"]
    rows = lines.assign(is_packed=lines["packed_at"].notna()).sort_values("line_id", kind="stable")
    parcels = []
    for key, group in rows.groupby([*known, *also_by], dropna=False):
        origin_id, destination_id, tier, released_at, promised_by, leave_by, is_packed = key[: len(known)]
        kg, m3 = group["load_kg"].to_numpy(), group["load_m3"].to_numpy()
        line_ids = group["line_id"].to_numpy()
        pieces = group["shipped_quantity"].to_numpy()
        most = (largest_grams or {}).get(destination_id)
        fleet = capacities.get(origin_id, ())
        able = [each for each in fleet if most is None or whole_down(each[0] * GRAMS_PER_KG) <= most]
        parcels += [
            Parcel(
                origin_id=origin_id,
                destination_id=destination_id,
                tier=tier,
                released_at=released_at,
                promised_by=None if pd.isna(promised_by) else promised_by,
                line_ids=tuple(line_ids[members]),
                load_kg=math.fsum(kg[members]),
                load_m3=math.fsum(m3[members]),
                pieces=int(pieces[members].sum()),
                leave_by=None if pd.isna(leave_by) else leave_by.date(),
                is_packed=bool(is_packed),
            )
            for members in _packs(kg, m3, able)
        ]
    return sorted(parcels, key=parcel_order)


def parcel_order(parcel: Parcel) -> tuple[object, ...]:
    """Sort key of parcels: the most urgent first, ties by their first line."""
    return (parcel.origin_id, TIERS.index(parcel.tier), parcel.destination_id, parcel.released_at, parcel.line_ids[0])


def _packs(kg: np.ndarray, m3: np.ndarray, vehicles: Iterable[tuple[float, float]]) -> list[list[int]]:
    """Lines of each pack, first fit by decreasing share of the largest vehicle, each pack within some vehicle."""
    fleet = [(whole_down(a * GRAMS_PER_KG), whole_down(b * CM3_PER_M3)) for a, b in vehicles]

    def fits(weight: float, volume: float) -> bool:
        grams, cm3 = whole_up(weight * GRAMS_PER_KG), whole_up(volume * CM3_PER_M3)
        return any(grams <= a and cm3 <= b for a, b in fleet)

    everything = list(range(len(kg)))
    if not fleet or fits(math.fsum(kg), math.fsum(m3)):
        return [everything]
    largest_kg, largest_m3 = max(a for a, _ in fleet) or 1, max(b for _, b in fleet) or 1
    share = np.maximum(kg * GRAMS_PER_KG / largest_kg, m3 * CM3_PER_M3 / largest_m3)
    packs: list[list[int]] = []
    weights: list[float] = []
    volumes: list[float] = []
    for line in sorted(everything, key=lambda one: (-share[one], one)):
        for number, pack in enumerate(packs):
            if fits(weights[number] + kg[line], volumes[number] + m3[line]):
                pack.append(line)
                weights[number] += kg[line]
                volumes[number] += m3[line]
                break
        else:
            packs.append([line])
            weights.append(float(kg[line]))
            volumes.append(float(m3[line]))
    return [sorted(pack) for pack in packs]


def whole_up(value: float) -> int:
    """The smallest whole number not below a value, forgiving the last digits of its arithmetic.

    Examples
    --------
    >>> whole_up(0.1 * 3 * 10), whole_up(2.5)
    (3, 3)
    """
    return math.ceil(round(value, 6))


def whole_down(value: float) -> int:
    """The largest whole number not above a value, forgiving the last digits of its arithmetic.

    Examples
    --------
    >>> whole_down(0.29 * 100), whole_down(2.5)
    (29, 2)
    """
    return math.floor(round(value, 6))
