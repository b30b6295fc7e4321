"""What a driver takes along, and what a carrier signs for: the content of the printed sheets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

import pandas as pd

from partsopt.tables import TIERS, Tables, stacked

Row: TypeAlias = Mapping[str, Any]

SELF_COLLECTED = "self-collection"


@dataclass(frozen=True, kw_only=True)
class SheetLine:
    """A shipment line as it stands on a sheet."""

    line_id: str
    part_id: str
    description: str
    quantity: int
    tier: str
    is_late: bool


@dataclass(frozen=True, kw_only=True)
class SheetReturn:
    """A return to load at a stop."""

    return_id: str
    what: str
    load_kg: float


@dataclass(frozen=True, kw_only=True)
class SheetStop:
    """A stop of a trip or a consignment of a carrier, ``code`` being what is scanned there.

    Times are on the site's own clocks. ``lines`` are in order of urgency.
    """

    code: str
    position: int
    site_id: str
    name: str
    address: str
    tier: str
    open_hours: str
    arrives_at: pd.Timestamp
    lines: tuple[SheetLine, ...]
    load_kg: float
    load_m3: float
    starts_at: pd.Timestamp | None = None
    leaves_at: pd.Timestamp | None = None
    distance_m: float = 0.0
    travel_min: float = 0.0
    rest_min: float = 0.0
    returns: tuple[SheetReturn, ...] = ()

    @property
    def pieces(self) -> int:
        """Pieces of all lines."""
        return sum(line.quantity for line in self.lines)


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One trip of a vehicle, all that one carrier collects at one time, or what a dealer collects itself.

    ``vehicle_id`` and ``trip`` are blank and 0 where a carrier collects, ``service`` is blank on a vehicle.
    """

    origin_id: str
    origin_name: str
    departs_at: pd.Timestamp
    stops: tuple[SheetStop, ...]
    vehicle_id: str = ""
    trip: int = 0
    n_trips: int = 0
    service: str = ""
    returns_at: pd.Timestamp | None = None
    distance_m: float = 0.0
    load_share: float = 0.0

    @property
    def is_trip(self) -> bool:
        """Whether an own vehicle drives."""
        return self.trip > 0

    @property
    def is_self_collected(self) -> bool:
        """Whether the dealer comes for it."""
        return self.service == SELF_COLLECTED

    @property
    def load_kg(self) -> float:
        """Weight of all stops, kg."""
        return sum(stop.load_kg for stop in self.stops)

    @property
    def load_m3(self) -> float:
        """Volume of all stops, m3."""
        return sum(stop.load_m3 for stop in self.stops)


def route_sheets_of(planned: Tables, used: Tables, today: date, *, only: str = "") -> list[Sheet]:
    """Sheets of every trip and of every handover to a carrier of the first day, by origin and departure.

    Parameters
    ----------
    planned
        Tables of a run: shipments, taken_up, delivery_lines, routes, stops, collections.
    used
        Input tables published with it: sites, parts, dock_hours, returns.
    today
        Its planned day, with which the codes of consignments begin.
    only
        Sheets of this origin alone; blank: of all.

    Returns
    -------
    list
        Trips of an origin come before its handovers. The code of a stop is ``route_id/trip/position``, that of a
        consignment ``yyyymmdd/depot_id/site_id/service/position``: the keys of deliveries.csv.
    """
    hours = _open_hours(used["sites"], used["dock_hours"])
    sites = {row["site_id"]: {**row, "hours": hours[row["site_id"]]} for row in used["sites"].to_dict("records")}
    returns = planned["collections"].merge(used["returns"], on="return_id", how="inner", validate="1:1")
    plan = planned["delivery_lines"].drop(columns=["cost", "leave_by"])
    later = plan.loc[plan["waits"] & plan["carried_by"].eq("vehicle"), "route_id"]
    routes, stops = (planned[name][~planned[name]["route_id"].isin(later)] for name in ("routes", "stops"))
    lines = stacked([planned["shipments"], planned["taken_up"]])
    lines = lines.merge(plan[~plan["waits"]], on="line_id", how="inner", validate="1:1")
    lines = lines.merge(used["parts"][["part_id", "description"]], on="part_id", how="left", validate="m:1")
    rows = lines.fillna({"description": ""}).to_dict("records")
    sheets = [*_trips(routes, stops, rows, returns, sites), *_handovers(rows, sites, today)]
    chosen = (sheet for sheet in sheets if only in ("", sheet.origin_id))
    return sorted(
        chosen,
        key=lambda one: (
            one.origin_id,
            not one.is_trip,
            one.departs_at,
            one.vehicle_id,
            one.trip,
            one.service,
            one.stops[0].site_id,
        ),
    )


def _trips(
    routes: pd.DataFrame, stops: pd.DataFrame, lines: Iterable[Row], returns: pd.DataFrame, sites: Mapping[str, Row]
) -> Iterable[Sheet]:
    on_board: defaultdict[tuple[str, int, int], list[Row]] = defaultdict(list)
    for line in lines:
        if line["carried_by"] == "vehicle":
            on_board[line["route_id"], line["trip"], line["position"]].append(line)
    to_load: defaultdict[tuple[str, int, int], list[SheetReturn]] = defaultdict(list)
    for row in returns.sort_values("return_id").to_dict("records"):
        one = SheetReturn(return_id=row["return_id"], what=row["what"], load_kg=row["load_kg"])
        to_load[row["route_id"], row["trip"], row["position"]].append(one)
    visits: defaultdict[tuple[str, int], list[SheetStop]] = defaultdict(list)
    for stop in stops.sort_values(["route_id", "trip", "position"]).to_dict("records"):
        site = sites[stop["site_id"]]
        key = (stop["route_id"], stop["trip"], stop["position"])
        visits[stop["route_id"], stop["trip"]].append(
            SheetStop(
                code="/".join(str(one) for one in key),
                position=stop["position"],
                arrives_at=_local(stop["arrives_at"], site),
                starts_at=_local(stop["starts_at"], site),
                leaves_at=_local(stop["leaves_at"], site),
                tier=stop["tier"],
                lines=_lines(on_board[key]),
                distance_m=stop["distance_m"],
                travel_min=stop["travel_min"],
                rest_min=stop["rest_min"],
                returns=tuple(to_load[key]),
                load_kg=stop["load_kg"],
                load_m3=stop["load_m3"],
                **_place(site),
            )
        )
    n_trips = routes.groupby("route_id").size()
    for route in routes.to_dict("records"):
        origin = sites[route["depot_id"]]
        yield Sheet(
            origin_id=route["depot_id"],
            origin_name=origin["name"],
            departs_at=_local(route["departs_at"], origin),
            returns_at=_local(route["returns_at"], origin),
            vehicle_id=route["vehicle_id"],
            trip=route["trip"],
            n_trips=int(n_trips[route["route_id"]]),
            distance_m=route["distance_m"],
            load_share=route["load_share"],
            stops=tuple(visits[route["route_id"], route["trip"]]),
        )


def _handovers(lines: Iterable[Row], sites: Mapping[str, Row], today: date) -> Iterable[Sheet]:
    """All that leaves a site at one time by one service of a carrier; of what dealers collect, each by itself."""
    consignments: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for line in lines:
        if line["carried_by"] == "lane":
            pair = (line["origin_id"], line["destination_id"], line["service"])
            consignments[(*pair, line["departs_at"], line["arrives_at"])].append(line)
    numbers: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    handed_over: defaultdict[tuple[Any, ...], list[SheetStop]] = defaultdict(list)
    for (origin_id, site_id, service, departs_at, arrives_at), members in sorted(consignments.items()):
        numbers[origin_id, site_id, service] += 1
        together = handed_over[origin_id, departs_at, service, site_id if service == SELF_COLLECTED else ""]
        together.append(
            SheetStop(
                code=f"{today:%Y%m%d}/{origin_id}/{site_id}/{service}/{numbers[origin_id, site_id, service]}",
                position=len(together) + 1,
                arrives_at=_local(arrives_at, sites[site_id]),
                tier=min((line["tier"] for line in members), key=TIERS.index),
                lines=_lines(members),
                load_kg=sum(line["load_kg"] for line in members),
                load_m3=sum(line["load_m3"] for line in members),
                **_place(sites[site_id]),
            )
        )
    for (origin_id, departs_at, service, _), stops in handed_over.items():
        origin = sites[origin_id]
        yield Sheet(
            origin_id=origin_id,
            origin_name=origin["name"],
            departs_at=_local(departs_at, origin),
            service=service,
            stops=tuple(stops),
        )


def _place(site: Row) -> dict[str, Any]:
    return {"site_id": site["site_id"], "name": site["name"], "address": site["address"], "open_hours": site["hours"]}


def _open_hours(sites: pd.DataFrame, dock_hours: pd.DataFrame) -> dict[str, str]:
    """When each site accepts goods: its dock's hours, or where it has no rows there, its own."""
    docks: defaultdict[str, list[str]] = defaultdict(list)
    for row in dock_hours.sort_values(["site_id", "opens_at"]).to_dict("records"):
        docks[row["site_id"]].append(f"{_clock(row['opens_at'])}-{_clock(row['closes_at'])}")
    own = {row["site_id"]: f"{_clock(row['opens_at'])}-{_clock(row['closes_at'])}" for row in sites.to_dict("records")}
    return {site_id: " ".join(docks.get(site_id, [hours])) for site_id, hours in own.items()}


def _lines(rows: Iterable[Row]) -> tuple[SheetLine, ...]:
    lines = (
        SheetLine(
            line_id=row["line_id"],
            part_id=row["part_id"],
            description=row["description"],
            quantity=row["shipped_quantity"],
            tier=row["tier"],
            is_late=row["is_late"],
        )
        for row in rows
    )
    return tuple(sorted(lines, key=lambda line: (TIERS.index(line.tier), line.part_id, line.line_id)))


def _local(moment: pd.Timestamp, site: Row) -> pd.Timestamp:
    return moment.tz_convert(site["time_zone"])


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
