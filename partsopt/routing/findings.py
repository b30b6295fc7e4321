"""What a recomputation of deliveries knows of the inputs, and what it says of a row that breaks a rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from partsopt.calendars import Calendar, calendar_named, moment_at
from partsopt.routing.drive import drive
from partsopt.settings import RoutingParams

Row: TypeAlias = dict[str, Any]


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
class At:
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
class World:
    """The inputs as dictionaries."""

    sites: Mapping[str, Row]
    calendars: Mapping[str, Calendar]
    vehicles: Mapping[str, Row]
    lanes: Mapping[tuple[str, str], Mapping[str, Row]]
    travel: Mapping[tuple[str, str], Row]
    docks: Mapping[str, list[tuple[int, int]]]
    today: date
    params: RoutingParams

    def zone(self, site_id: str) -> ZoneInfo:
        """The zone of a site's clocks."""
        return ZoneInfo(self.sites[site_id]["time_zone"])

    def calendar(self, site_id: str) -> Calendar:
        """The working days of a site."""
        return calendar_named(self.calendars, self.sites[site_id]["calendar"])

    def clock(self, site_id: str, on: date, minute: int) -> datetime:
        """The moment of a minute of a day on a site's clocks."""
        return moment_at(on, int(minute), self.zone(site_id))

    def hours(self, site_id: str, on: date) -> list[tuple[datetime, datetime]]:
        """When the dock of a site is open on a day; at a dealer without dock hours, its own hours."""
        site = self.sites[site_id]
        plain = [(site["opens_at"], site["closes_at"])] if site["site_kind"] == "dealer" else []
        return [
            (self.clock(site_id, on, opens_at), self.clock(site_id, on, closes_at))
            for opens_at, closes_at in sorted(self.docks.get(site_id, plain))
        ]

    def rests(self, driven_min: float, travel_min: float) -> float:
        """Minutes of rest on a way, by the law's hours of driving since the trip began."""
        limit = self.params.rest_after_driving_min
        if not limit:
            return 0.0
        due, moment = 0.0, float(limit)
        while moment < driven_min + travel_min - 1e-6:
            due += self.params.rest_min if moment >= driven_min - 1e-6 else 0.0
            moment += limit
        return due

    def planned_on(self, site_id: str) -> date:
        """The first day that is planned for a site."""
        return self.calendar(site_id).working_day_from(self.today)

    def planned_days(self, site_id: str) -> list[date]:
        """The days that are planned for a site together."""
        first, calendar = self.planned_on(site_id), self.calendar(site_id)
        return [calendar.add_working_days(first, ahead) for ahead in range(self.params.stock_within_working_days)]

    def day_of(self, site_id: str, moment: datetime) -> date:
        """The day on which a moment lies on the clocks of a site."""
        return moment.astimezone(self.zone(site_id)).date()

    def leg(self, start: str, end: str) -> tuple[float, float]:
        """Distance in metres and time in seconds from the travel table, else by great circle."""
        if start == end:
            return 0.0, 0.0
        return drive(self.sites[start], self.sites[end], self.travel.get((start, end)), self.params)
