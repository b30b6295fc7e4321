"""Public holidays as published."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from partsopt.sample.holidays import china, day_weights, holidays_table


@pytest.mark.parametrize(
    ("on", "works"),
    [
        (date(2023, 10, 8), True),  # Sunday after the National Day week
        (date(2024, 2, 12), False),  # Spring Festival
        (date(2025, 1, 26), True),  # Sunday before it
        (date(2025, 10, 8), False),  # Mid-Autumn joined to National Day
        (date(2026, 2, 14), True),  # Saturday before a Spring Festival of nine days
        (date(2026, 2, 23), False),
        (date(2026, 10, 10), True),
        (date(2026, 11, 2), True),
        (date(2027, 1, 1), False),
        (date(2027, 2, 8), False),
    ],
)
def test_days_are_worked_as_the_state_council_said(on: date, works: bool):
    assert china().is_working(on) is works


def test_a_make_up_day_falls_on_a_weekend():
    rows = holidays_table()
    assert (rows.loc[rows["is_working"], "day"].dt.day_of_week >= 5).all()


def test_workshops_ask_less_when_closed():
    """Friday 30 October 2026 to Monday 2 November: a working day, Saturday, Sunday, a working day."""
    assert day_weights(date(2026, 10, 30), 4).tolist() == [1.0, 0.35, 0.15, 1.0]
    assert day_weights(date(2026, 10, 1), 1) == np.array([0.10])
