"""Working days and working hours of sites and sources (decision 0003), and periods of demand.

A day is working from Monday to Friday unless the ``holidays`` table says otherwise for its
calendar; make-up working days at weekends are rows with ``is_working``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from partsopt.errors import InputError

LONGEST_CLOSURE_DAYS = 60
DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class Calendar:
    """A named working-day calendar: Monday to Friday, less ``closed``, plus ``extra``."""

    name: str
    closed: frozenset[date] = frozenset()
    extra: frozenset[date] = frozenset()

    def is_working(self, on: date) -> bool:
        """Whether the day is worked.

        Examples
        --------
        >>> Calendar("CN", extra=frozenset({date(2026, 10, 10)})).is_working(date(2026, 10, 10))
        True
        """
        return on in self.extra or (on.weekday() < 5 and on not in self.closed)

    def working_day_from(self, on: date) -> date:
        """The first working day at or after a day.

        Raises
        ------
        InputError
            No working day within two months: the holidays table closes the calendar for good.

        Examples
        --------
        >>> Calendar("CN").working_day_from(date(2026, 10, 31))
        datetime.date(2026, 11, 2)
        """
        for ahead in range(LONGEST_CLOSURE_DAYS):
            candidate = on + timedelta(days=ahead)
            if self.is_working(candidate):
                return candidate
        raise InputError(
            f"calendar {self.name} has no working day within {LONGEST_CLOSURE_DAYS} days of {on}. "
            "Remedy: correct its rows in holidays."
        )

    def days_until_working(self, first: date, n_days: int) -> np.ndarray:
        """Days from each day to the first working day at or after it, shape (n_days,), whole days."""
        starts = (first + timedelta(days=ahead) for ahead in range(n_days))
        return np.array([(self.working_day_from(start) - start).days for start in starts], dtype=np.int64)

    def add_working_days(self, on: date, n: int) -> date:
        """The n-th working day after a day (n = 0: the first at or after it).

        Examples
        --------
        >>> Calendar("CN").add_working_days(date(2026, 10, 30), 1)
        datetime.date(2026, 11, 2)
        """
        reached = self.working_day_from(on)
        for _ in range(n):
            reached = self.working_day_from(reached + timedelta(days=1))
        return reached


def calendars_of(holidays: pd.DataFrame) -> Mapping[str, Calendar]:
    """The calendars named in the holidays table."""
    found = {}
    for name, rows in holidays.groupby("calendar", sort=True):
        days = rows["day"].dt.date
        closed, extra = frozenset(days[~rows["is_working"]]), frozenset(days[rows["is_working"]])
        found[str(name)] = Calendar(str(name), closed, extra)
    return found


def calendar_named(calendars: Mapping[str, Calendar], name: str) -> Calendar:
    """The calendar of that name; one without rows works Monday to Friday."""
    return calendars.get(name, Calendar(name))


def period_number(days: np.ndarray, period: str) -> np.ndarray:
    """The number of the month or week in which each day lies; consecutive periods have consecutive numbers.

    Parameters
    ----------
    days
        Days since 1970-01-01.
    period
        ``month`` or ``week``; weeks start on Monday.

    Examples
    --------
    >>> sunday_and_monday = np.array(["2026-11-22", "2026-11-23"], dtype="datetime64[D]").astype(int)
    >>> np.diff(period_number(sunday_and_monday, "week")).tolist()
    [1]
    """
    if period == "week":
        return (days + 3) // 7
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def period_start(numbers: np.ndarray, period: str) -> np.ndarray:
    """The first day of each numbered period, as dates.

    Examples
    --------
    >>> str(period_start(np.array([0]), "week")[0]), str(period_start(np.array([681]), "month")[0])
    ('1969-12-29', '2026-10-01')
    """
    if period == "week":
        return (numbers * 7 - 3).astype("datetime64[D]")
    return numbers.astype("datetime64[M]").astype("datetime64[D]")


def period_days(period: str) -> float:
    """The length of a period in days: a week's, or a month's on average.

    Examples
    --------
    >>> period_days("week"), period_days("month")
    (7.0, 30.4375)
    """
    return 7.0 if period == "week" else DAYS_PER_YEAR / 12


def add_working_minutes(
    start: datetime, minutes: float, calendar: Calendar, opens_at: int, closes_at: int, zone: ZoneInfo
) -> datetime:
    """When work that was asked for at ``start`` and takes ``minutes`` of opening hours is done.

    Parameters
    ----------
    start
        Any moment with a zone.
    minutes
        Working time, minutes of the site's opening hours.
    opens_at, closes_at
        Opening hours on working days, minutes after midnight, local time.

    Examples
    --------
    >>> zone = ZoneInfo("Asia/Shanghai")
    >>> evening = datetime(2026, 10, 30, 17, 30, tzinfo=zone)
    >>> add_working_minutes(evening, 90, Calendar("CN"), 480, 1080, zone).isoformat()
    '2026-11-02T09:00:00+08:00'
    """
    left = timedelta(minutes=minutes)
    local = start.astimezone(zone)
    day = local.date()
    for _ in range(LONGEST_CLOSURE_DAYS + int(minutes // max(closes_at - opens_at, 1)) + 2):
        if calendar.is_working(day):
            opening = moment_at(day, opens_at, zone)
            closing = moment_at(day, closes_at, zone)
            begin = max(local, opening)
            if begin + left <= closing:
                return begin + left
            if begin < closing:
                left -= closing - begin
        day += timedelta(days=1)
    raise InputError(
        f"calendar {calendar.name} has no {minutes:g} working minutes after {start}. "
        "Remedy: correct its rows in holidays."
    )


def moment_at(on: date, minute: float, zone: ZoneInfo) -> datetime:
    """The moment at which a site's clock shows so many minutes after midnight on a day.

    Examples
    --------
    >>> moment_at(date(2026, 11, 2), 510, ZoneInfo("Asia/Shanghai")).isoformat()
    '2026-11-02T08:30:00+08:00'
    """
    return datetime.combine(on, time(0), tzinfo=zone) + timedelta(minutes=minute)
