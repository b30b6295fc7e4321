"""A planned day as rows of tables: routes, stops, delivery lines, collections, and what a person should look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import pandas as pd

from partsopt.calendars import moment_at
from partsopt.errors import NoPlan
from partsopt.routing.found import Found
from partsopt.routing.lanes import Offer
from partsopt.routing.stops import Parcel, Place, Return, packed_for, planned_day
from partsopt.routing.timetable import Broken, DayProblem, TripTimes, Visit, times_of_day
from partsopt.routing.travel import Travel
from partsopt.settings import RoutingParams
from partsopt.tables import (
    DELIVERY_LINES,
    EXCEPTIONS,
    TIERS,
    Table,
    conform,
    declare_exception,
    exceptions_of,
    together,
)

OVERDUE = "to be collected by"

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
PUT_OFF = declare_exception(
    "delivery_put_off",
    stage="routing",
    says="a line of an earlier night arrives on a later day than its open order tells the dealer",
    action="set the due day of the open order to the new day, and tell the dealer",
)
ESTIMATED = declare_exception(
    "travel_estimated",
    stage="routing",
    says="road distance and time were estimated by great circle because the travel table has no row",
    action="add the pairs to the travel table where routes look wrong",
)
RETURN_LEFT = declare_exception(
    "return_left",
    stage="routing",
    says="a return that is to be collected by the planned day is left at its dealer",
    action="book a carrier for it, or agree another day",
)
CUT_OFF = declare_exception(
    "routing_cut_off",
    stage="routing",
    says="the route search of a DC was ended by the clock or by a substitute; the plan is valid but may be dear",
    action="raise routing.time_limit_s or lower routing.solution_limit, and run again for a repeatable plan",
)


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
    waits_because: str = ""


@dataclass(frozen=True, kw_only=True)
class Day:
    """One DC's days as a problem of whole numbers, and the way back to moments and names.

    Delivery k of the problem is parcel ``numbers[k]``; those behind are ``returns``. Van k of it is vehicle
    ``vehicle_ids[k]`` on one of the ``days``.
    """

    days: tuple[date, ...]
    midnight: pd.Timestamp
    problem: DayProblem
    numbers: tuple[int, ...]
    vehicle_ids: tuple[str, ...]
    travel: Travel
    site_ids: tuple[str, ...]
    chosen: list[Offer | None]
    barred: Mapping[int, str]
    returns: tuple[Return, ...] = ()

    def moment(self, seconds: int) -> pd.Timestamp:
        """The moment so many seconds after midnight of the first day at the DC."""
        return self.midnight + pd.Timedelta(seconds=seconds)

    def route_id(self, van: int) -> str:
        """The name of a vehicle's trips of one day."""
        on = self.days[self.problem.vans[van].day]
        return f"RT-{on:%Y%m%d}-{self.site_ids[0]}-{self.vehicle_ids[van]}"

    def names(self) -> list[str]:
        """What people call each van: the vehicle, and its day where that is a later one."""
        return [
            f"{vehicle_id} on {self.days[van.day]:%a %Y-%m-%d}" if van.day else vehicle_id
            for vehicle_id, van in zip(self.vehicle_ids, self.problem.vans, strict=True)
        ]


@dataclass(frozen=True, kw_only=True)
class OriginPlan:
    """The fates of one origin's parcels and its rows of the tables."""

    origin_id: str
    parcels: list[Parcel]
    fates: list[Fate]
    routes: list[dict[str, object]]
    stops: list[dict[str, object]]
    solver_runs: list[dict[str, object]]
    collections: list[dict[str, object]] = field(default_factory=list)
    n_estimated: int = 0
    n_pairs: int = 0


def vehicle_rows(
    day: Day, found: Found, parcels: Sequence[Parcel], vehicles: pd.DataFrame, why_waits: Mapping[int, str]
) -> tuple[dict[int, Fate], list[dict[str, object]], list[dict[str, object]]]:
    """Fates of what is on board of a DC's vehicles, and the rows of its routes and stops.

    ``why_waits`` says of each parcel that goes on a later day than the first why it does.
    """
    fates: dict[int, Fate] = {}
    routes: list[dict[str, object]] = []
    stops: list[dict[str, object]] = []
    depot_id = day.site_ids[0]
    for vehicle, trips in enumerate(found.trips):
        times = times_of_day(day.problem, vehicle, trips, found.latest_s)
        if isinstance(times, Broken):
            raise NoPlan(f"the trips of {day.vehicle_ids[vehicle]} break {times.rule} by {times.by}; report it")
        vehicle_id, van = day.vehicle_ids[vehicle], day.problem.vans[vehicle]
        route_id = day.route_id(vehicle)
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
                    "rest_min": trip.rest_s / 60,
                    **_load_of(trip, day, parcels, vehicles, vehicle_id),
                    "distance_m": float(trip.distance_m),
                    "cost": (van.fixed_cost if trip_number == 1 else 0.0)
                    + van.cost_per_m * trip.distance_m
                    + van.cost_per_s * (trip.returns_s - trip.departs_s),
                }
            )
            for position, visit in enumerate(trip.visits, start=1):
                stops.append(
                    {
                        "route_id": route_id,
                        "trip": trip_number,
                        "position": position,
                        "vehicle_id": vehicle_id,
                        "depot_id": depot_id,
                        **_stop_of(visit, day, parcels),
                    }
                )
                for one in _unloaded(day, visit):
                    fates[one] = Fate(
                        carried_by="vehicle",
                        departs_at=day.moment(trip.departs_s),
                        arrives_at=day.moment(visit.starts_s),
                        route_id=route_id,
                        trip=trip_number,
                        position=position,
                        waits_because=why_waits.get(one, ""),
                    )
    return fates, routes, stops


def _stop_of(visit: Visit, day: Day, parcels: Sequence[Parcel]) -> dict[str, object]:
    """Where a vehicle stops, when, and what it unloads and loads there."""
    members, loaded = _unloaded(day, visit), _loaded(day, visit)
    return {
        "site_id": day.site_ids[visit.place],
        "tier": min((parcels[one].tier for one in members), key=TIERS.index, default=TIERS[-1]),
        "arrives_at": day.moment(visit.arrives_s),
        "starts_at": day.moment(visit.starts_s),
        "leaves_at": day.moment(visit.leaves_s),
        "distance_m": float(visit.distance_m),
        "travel_min": visit.travel_s / 60,
        "rest_min": visit.rest_s / 60,
        "load_kg": sum(parcels[one].load_kg for one in members),
        "load_m3": sum(parcels[one].load_m3 for one in members),
        "n_lines": sum(len(parcels[one].line_ids) for one in members),
        "n_returns": len(loaded),
        "returns_kg": sum(one.load_kg for one in loaded),
    }


def _unloaded(day: Day, visit: Visit) -> list[int]:
    return [day.numbers[one] for one in visit.deliveries if one < len(day.numbers)]


def _loaded(day: Day, visit: Visit) -> list[Return]:
    n = len(day.numbers)
    return [day.returns[one - n] for one in visit.deliveries if one >= n]


def collection_rows(day: Day, found: Found, left_because: Mapping[int, str]) -> list[dict[str, object]]:
    """The rows of a DC's returns; ``left_because`` names the reason of each that no vehicle brings, by delivery."""
    rows: list[dict[str, object]] = []
    for vehicle, trips in enumerate(found.trips):
        times = times_of_day(day.problem, vehicle, trips, found.latest_s)
        if isinstance(times, Broken):
            continue
        route_id = day.route_id(vehicle)
        rows += [
            {
                "return_id": one.return_id,
                "carried_by": "vehicle",
                "route_id": route_id,
                "trip": trip,
                "position": position,
                "left_because": "",
            }
            for trip, driven in enumerate(times, start=1)
            for position, visit in enumerate(driven.visits, start=1)
            for one in _loaded(day, visit)
        ]
    rows += [
        {
            "return_id": day.returns[number - len(day.numbers)].return_id,
            "carried_by": "left",
            "route_id": "",
            "trip": 0,
            "position": 0,
            "left_because": why,
        }
        for number, why in left_because.items()
    ]
    return rows


def _load_of(
    trip: TripTimes, day: Day, parcels: Sequence[Parcel], vehicles: pd.DataFrame, vehicle_id: str
) -> dict[str, float]:
    members = [number for visit in trip.visits for number in _unloaded(day, visit)]
    load_kg = sum(parcels[one].load_kg for one in members)
    load_m3 = sum(parcels[one].load_m3 for one in members)
    vehicle = vehicles[vehicles["vehicle_id"].eq(vehicle_id)].iloc[0]
    share = max(load_kg / vehicle["capacity_kg"], load_m3 / vehicle["capacity_m3"])
    return {"load_kg": load_kg, "load_m3": load_m3, "load_share": float(share)}


def delivery_lines_of(
    lines: pd.DataFrame,
    parcels: Sequence[Parcel],
    fates: Sequence[Fate],
    places: Mapping[str, Place],
    today: date,
    params: RoutingParams,
) -> pd.DataFrame:
    """One row for each shipment line; a lane's price is shared by weight among the lines of a consignment."""
    packed, leaves_on, waits, first_day_ends = [], list[date | None](), [], []
    for parcel, one in zip(parcels, fates, strict=True):
        origin = places[parcel.origin_id]
        first_day = planned_day(today, origin)
        first_day_ends.append(pd.Timestamp(moment_at(first_day + timedelta(days=1), 0, origin.zone)).tz_convert("UTC"))
        leaves_on.append(None if one.departs_at is None else one.departs_at.tz_convert(origin.zone).date())
        waits.append(leaves_on[-1] is not None and leaves_on[-1] > first_day)
        packed.append(packed_for(parcel, one.departs_at, origin, today, params))
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
            "later_wave": pd.Series(packed, dtype="datetime64[us, UTC]"),
            "leaves_on": pd.Series(leaves_on, dtype="datetime64[us]"),
            "waits": pd.Series(waits, dtype=bool),
            "first_day_ends": pd.Series(first_day_ends, dtype="datetime64[us, UTC]"),
            "waits_because": pd.Series([one.waits_because for one in fates], dtype="str"),
        }
    )
    rows = pd.concat([lines.reset_index(drop=True), fate.iloc[number].reset_index(drop=True)], axis=1)
    rows["released_at"] = rows["later_wave"].fillna(rows["released_at"])
    is_packed = rows["packed_at"].notna()
    rows["is_picked"] = rows["released_at"].lt(rows["first_day_ends"]) & ~(is_packed & rows["waits"])
    consignment = rows.groupby(["origin_id", "destination_id", "service", "handed_over_on"], sort=False)["load_kg"]
    weight, n_lines = consignment.transform("sum"), consignment.transform("size")
    share = (rows["load_kg"] / weight).where(weight > 0, 1 / n_lines)
    rows["cost"] = rows["cost_fixed"] * share + rows["cost_per_kg"] * rows["load_kg"]
    rows["is_late"] = (rows["arrives_at"] > rows["promised_by"]).fillna(value=False)
    return conform(rows, DELIVERY_LINES)


def delivery_exceptions(
    lines: pd.DataFrame, delivery_lines: pd.DataFrame, plans: Sequence[OriginPlan], places: Mapping[str, Place]
) -> pd.DataFrame:
    """What a person should look at: lines unserved, late or put off, times estimated, searches cut off."""
    of_line = [
        "line_id",
        "destination_id",
        "part_id",
        "tier",
        "promised_by",
        "shipped_quantity",
        "unit_cost",
        "told_on",
    ]
    known = lines[of_line]
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
        _put_off(rows[rows["told_on"].notna() & rows["arrives_at"].notna()], places),
    ]
    for plan in plans:
        at_origin = pd.DataFrame({"site_id": [plan.origin_id]})
        if plan.n_estimated:
            what = f"{plan.n_estimated} of {plan.n_pairs} pairs of sites estimated by great circle"
            found.append(exceptions_of(ESTIMATED, at_origin, what=[what]))
        left = [one for one in plan.collections if str(one["left_because"]).startswith(OVERDUE)]
        found += [
            exceptions_of(RETURN_LEFT, at_origin, what=[f"return {one['return_id']}: {one['left_because']}"])
            for one in left
        ]
        found += [
            exceptions_of(CUT_OFF, at_origin, what=[str(run["why"])])
            for run in plan.solver_runs
            if run["status"] in ("time_limit", "fallback")
        ]
    return conform(pd.concat(found, ignore_index=True), EXCEPTIONS)


def table_of(plans: Sequence[OriginPlan], table: Table, *before: pd.DataFrame) -> pd.DataFrame:
    """A table of all origins: the rows that their plans hold under its name, and those that stay as before."""
    return together([*before, pd.DataFrame([row for plan in plans for row in getattr(plan, table.name)])], table)


def _put_off(rows: pd.DataFrame, places: Mapping[str, Place]) -> pd.DataFrame:
    """Lines that arrive on a later day, on the dealer's clocks, than it was told."""
    arrives_on = [
        at.tz_convert(places[site_id].zone).date()
        for at, site_id in zip(rows["arrives_at"], rows["site_id"], strict=True)
    ]
    told_on = [told.date() for told in rows["told_on"]]
    is_later = [day > told for day, told in zip(arrives_on, told_on, strict=True)]
    what = [
        f"{tier}: told {told:%a %Y-%m-%d}, arrives {day:%a %Y-%m-%d}"
        for tier, told, day, later in zip(rows["tier"], told_on, arrives_on, is_later, strict=True)
        if later
    ]
    return exceptions_of(PUT_OFF, rows[is_later], what=what)
