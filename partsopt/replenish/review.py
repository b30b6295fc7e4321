"""When each pair is reviewed next: the rhythm of its reviews on the calendars of site and source."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.calendars import LONGEST_CLOSURE_DAYS, Calendar, calendar_named
from partsopt.errors import InputError

Rhythm: TypeAlias = tuple[tuple[int, int], ...]
"""Days of reviews: for each (every, shift) the days ``shift``, ``shift + every``, ... counted from a Monday."""

Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

DAYS_OF_WEEK = 7
WEEKDAYS = 5
LONGEST_LEAD_DAYS = 1000  # the bound of supply.lead_time_days
LAST_DAY = LONGEST_LEAD_DAYS + 2 * LONGEST_CLOSURE_DAYS + 10


class WorkingDays(NamedTuple):
    """Working days of several calendars; column d is the day ``LONGEST_CLOSURE_DAYS`` before today plus d."""

    names: pd.Index
    is_working: npt.NDArray[np.bool_]


class Reviews(NamedTuple):
    """For each pair, in days: until its next review (0: today), and from that review to the one after.

    ``source_works`` is True where the source works today: owed pieces can be ordered.
    """

    review_in_days: Wholes
    review_period_days: Wholes
    source_works: Flags


def working_days(calendars: Mapping[str, Calendar], names: pd.Series, today: date) -> WorkingDays:
    """Tabulate the working days around today of every calendar named."""
    index = pd.Index(sorted(set(names)))
    days = [today + timedelta(days=ahead) for ahead in range(-LONGEST_CLOSURE_DAYS, LAST_DAY + 1)]
    worked = [[calendar_named(calendars, name).is_working(day) for day in days] for name in index]
    return WorkingDays(index, np.array(worked, dtype=bool).reshape(len(index), len(days)))


def days_to_working(is_working: Flags, named: str) -> Wholes:
    """Day numbers of the first working day at or after each day, shape as given without its last closure.

    Raises
    ------
    InputError
        No working day within two months.

    Examples
    --------
    >>> open_days = np.array([True, False, False] + [True] * 60)
    >>> days_to_working(open_days, "CN")[:3].tolist()
    [0, 3, 3]
    """
    n = len(is_working)
    day = np.arange(n)
    following = np.minimum.accumulate(np.where(is_working, day, 2 * n)[::-1])[::-1]
    usable = following[: n - LONGEST_CLOSURE_DAYS]
    if ((usable - day[: len(usable)]) >= LONGEST_CLOSURE_DAYS).any():
        raise InputError(
            f"holidays: {named} has no working day within {LONGEST_CLOSURE_DAYS} days. "
            "Correct the rows of this calendar that close it for good."
        )
    return usable


def set_reviews(
    rhythm: Wholes,
    rhythms: Sequence[Rhythm],
    site_calendar: Wholes,
    source_calendar: Wholes,
    working: WorkingDays,
    today: date,
) -> Reviews:
    """Find each pair's next review and the one after it.

    Parameters
    ----------
    rhythm
        Number of each pair's rhythm in ``rhythms``.
    rhythms
        The days on which reviews fall, were all days working days.
    site_calendar, source_calendar
        Number of each pair's calendars in ``working``; a review waits for a day on which both work.
    working
        Working days around today.
    today
        The day that is planned.
    """
    marks = np.stack([rhythm, site_calendar, source_calendar])
    packed = np.ravel_multi_index(tuple(marks), tuple(marks.max(axis=1, initial=0) + 1))
    _, first, group = np.unique(packed, return_index=True, return_inverse=True)
    actual: dict[tuple[int, int], Wholes] = {}
    answers = np.zeros((len(first), 2), dtype=np.int64)
    for number, row in enumerate(first.tolist()):
        both = int(site_calendar[row]), int(source_calendar[row])
        if both not in actual:
            named = " and ".join(dict.fromkeys([working.names[both[0]], working.names[both[1]]]))
            is_working = working.is_working[both[0]] & working.is_working[both[1]]
            actual[both] = days_to_working(is_working, f"calendar {named}")
        answers[number] = next_reviews(actual[both], rhythms[int(rhythm[row])], today)
    each = answers[group]
    source_works = working.is_working[:, LONGEST_CLOSURE_DAYS][source_calendar]
    return Reviews(each[:, 0], each[:, 1], source_works)


def review_shift(name: str, every: int) -> int:
    """Day within the review period on which a group is reviewed, counted from a Monday.

    Whole weeks are reviewed on a weekday, chosen by the hash; other periods on any day.

    Examples
    --------
    >>> review_shift("D01|DC1|A", 7) < 5
    True
    """
    hashed = zlib.crc32(name.encode())
    if every % DAYS_OF_WEEK == 0:
        return hashed % WEEKDAYS + DAYS_OF_WEEK * (hashed // WEEKDAYS % (every // DAYS_OF_WEEK))
    return hashed % every


def next_reviews(actual: Wholes, rhythm: Rhythm, today: date) -> tuple[int, int]:
    """Days to the next review, and from it to the one after.

    Parameters
    ----------
    actual
        Number of the first working day at or after each day, from ``LONGEST_CLOSURE_DAYS`` before today.
    rhythm
        The days of reviews, before they move to a working day.
    today
        The day that is planned.
    """
    ordinal = today.toordinal() - 1 - LONGEST_CLOSURE_DAYS  # day 1 of the calendar was a Monday
    nominal = [np.arange((shift - ordinal) % every, len(actual), every) for every, shift in rhythm]
    moved = np.unique(actual[np.concatenate(nominal)]) - LONGEST_CLOSURE_DAYS
    ahead = moved[moved >= 0]
    return int(ahead[0]), int(ahead[1] - ahead[0])


def due_in_days(lead_time_days: npt.NDArray[np.float64], site_calendar: Wholes, working: WorkingDays) -> Wholes:
    """Days from today until an order placed today is on the shelf, on a working day of the site."""
    arrives = np.ceil(lead_time_days).astype(np.int64) + LONGEST_CLOSURE_DAYS
    due = np.zeros(len(arrives), dtype=np.int64)
    for number, name in enumerate(working.names):
        here = site_calendar == number
        if here.any():
            due[here] = days_to_working(working.is_working[number], f"calendar {name}")[arrives[here]]
    return due - LONGEST_CLOSURE_DAYS
