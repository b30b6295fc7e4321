"""Review days on the calendars of site and source."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.calendars import LONGEST_CLOSURE_DAYS, Calendar
from partsopt.errors import InputError
from partsopt.replenish.review import (
    LAST_DAY,
    days_to_working,
    due_in_days,
    next_reviews,
    review_shift,
    set_reviews,
    working_days,
)
from tests import reference as twin

TODAY = date(2026, 11, 2)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([1, 3, 7, 14, 28, 30]),
    st.integers(0, 400),
    st.sets(st.integers(0, 400), max_size=40),
    st.integers(0, 6),
    st.lists(st.integers(0, 400), max_size=2),
)
def test_reviews_match_the_walk_over_the_days(every, shift, closed, weekday, more):
    """Nominal days every T days, moved to the next working day: as found by walking over the days."""
    today = TODAY + timedelta(days=weekday)
    first = today - timedelta(days=LONGEST_CLOSURE_DAYS)
    days = [first + timedelta(days=n) for n in range(LONGEST_CLOSURE_DAYS + LAST_DAY + 1)]
    off = {today + timedelta(days=n) for n in closed if n < 300}
    works = np.array([day.weekday() < 5 and day not in off for day in days])
    rhythm = tuple((every, other % every) for other in (shift, *more))
    got = next_reviews(days_to_working(works, "CN"), rhythm, today)
    assert got == twin.next_reviews({day for day, open_ in zip(days, works, strict=True) if open_}, rhythm, today)


def test_weekly_groups_are_reviewed_on_weekdays_and_spread():
    """Of 500 groups with T = 7 each weekday has its share, and none is at the weekend."""
    counts = np.bincount([review_shift(f"D{i:03d}|DC1|A", 7) for i in range(500)], minlength=7)
    assert counts[5:].tolist() == [0, 0]
    assert counts[:5].min() > 70


def test_review_of_a_closed_day_moves_to_the_next_day_that_both_work():
    """A Monday review; the site is closed on Monday, the source on Tuesday: Wednesday, then the next Monday."""
    working = working_days(
        {"S": Calendar("S", frozenset({TODAY})), "Q": Calendar("Q", frozenset({TODAY + timedelta(days=1)}))},
        pd.Series(["S", "Q"]),
        TODAY,
    )
    site, source = working.names.get_indexer(["S", "Q"])
    reviews = set_reviews(np.array([0]), [((7, 0),)], np.array([site]), np.array([source]), working, TODAY)
    assert reviews.review_in_days.tolist() == [2]
    assert reviews.review_period_days.tolist() == [5]
    assert reviews.source_works.tolist() == [True]


def test_pairs_of_a_rhythm_are_reviewed_together():
    """Mondays of every other week, and every Wednesday."""
    working = working_days({}, pd.Series(["CN"]), TODAY)
    zero = np.zeros(6, dtype=np.int64)
    reviews = set_reviews(np.array([0, 1] * 3), [((14, 0),), ((7, 2),)], zero, zero, working, TODAY)
    assert reviews.review_in_days.tolist() == [7, 2] * 3
    assert reviews.review_period_days.tolist() == [14, 7] * 3


def test_order_arrives_on_a_working_day():
    """Five and a half days after Monday is a Sunday: due on Monday, seven days ahead."""
    working = working_days({}, pd.Series(["CN"]), TODAY)
    assert due_in_days(np.array([5.5, 0.0, 4.0]), np.zeros(3, dtype=np.int64), working).tolist() == [7, 0, 4]


def test_calendar_that_never_works_is_refused():
    with pytest.raises(InputError, match=r"holidays: calendar CN has no working day within 60 days"):
        days_to_working(np.zeros(200, dtype=bool), "calendar CN")
