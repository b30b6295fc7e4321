"""Working days and working hours."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partsopt.calendars import Calendar, add_working_minutes, calendar_named, calendars_of
from partsopt.errors import InputError

SHANGHAI = ZoneInfo("Asia/Shanghai")
GOLDEN_WEEK = Calendar(
    "CN",
    closed=frozenset(date(2026, 10, day) for day in range(1, 8)),
    extra=frozenset({date(2026, 10, 10)}),
)


def test_golden_week_is_closed_and_its_make_up_saturday_is_worked():
    """Wednesday 30 September is followed by Thursday 8 October; Saturday 10 October is worked."""
    assert GOLDEN_WEEK.working_day_from(date(2026, 10, 1)) == date(2026, 10, 8)
    assert GOLDEN_WEEK.add_working_days(date(2026, 10, 9), 1) == date(2026, 10, 10)
    assert GOLDEN_WEEK.days_until_working(date(2026, 9, 30), 3).tolist() == [0, 7, 6]


def test_holidays_make_calendars_and_an_unknown_name_works_monday_to_friday():
    holidays = pd.DataFrame(
        {"calendar": ["CN", "CN"], "day": pd.to_datetime(["2026-10-01", "2026-10-10"]), "is_working": [False, True]}
    )
    calendars = calendars_of(holidays)
    assert not calendars["CN"].is_working(date(2026, 10, 1))
    assert calendars["CN"].is_working(date(2026, 10, 10))
    assert calendar_named(calendars, "DE") == Calendar("DE")


def test_a_calendar_closed_for_good_is_refused():
    closed = Calendar("X", closed=frozenset(date.fromordinal(date(2026, 11, 2).toordinal() + day) for day in range(90)))
    with pytest.raises(
        InputError, match=r"^calendar X has no working day within 60 days of 2026-11-02\. Remedy: correct"
    ):
        closed.working_day_from(date(2026, 11, 2))


def test_work_goes_on_over_night_and_week_end():
    """Asked for on Friday at 17:40, 90 minutes: 20 on Friday until 18:00, 70 from Monday 08:00."""
    friday = datetime(2026, 10, 30, 17, 40, tzinfo=SHANGHAI)
    done = add_working_minutes(friday, 90, Calendar("CN"), 480, 1080, SHANGHAI)
    assert done == datetime(2026, 11, 2, 9, 10, tzinfo=SHANGHAI)


def test_work_asked_for_before_opening_starts_at_opening():
    early = datetime(2026, 11, 2, 5, 0, tzinfo=SHANGHAI)
    assert add_working_minutes(early, 90, Calendar("CN"), 480, 1080, SHANGHAI).hour == 9


def test_work_longer_than_a_day_takes_several():
    """1,300 minutes of ten-hour days from Monday's opening: 600 + 600 + 100."""
    monday = datetime(2026, 11, 2, 8, 0, tzinfo=SHANGHAI)
    done = add_working_minutes(monday, 1300, Calendar("CN"), 480, 1080, SHANGHAI)
    assert done == datetime(2026, 11, 4, 9, 40, tzinfo=SHANGHAI)


@given(st.integers(0, 20_000), st.floats(0, 3000), st.floats(0, 3000))
def test_more_work_is_never_done_earlier(start_minute: int, less: float, more: float):
    start = datetime(2026, 10, 1, tzinfo=SHANGHAI) + pd.Timedelta(minutes=start_minute).to_pytimedelta()
    less, more = sorted((less, more))
    done = [add_working_minutes(start, minutes, GOLDEN_WEEK, 480, 1080, SHANGHAI) for minutes in (less, more)]
    assert start <= done[0] <= done[1]
