"""Public holidays and make-up working days of China, and of Germany for imports."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from partsopt.calendars import Calendar, calendars_of
from partsopt.tables import HOLIDAYS, conform

# State Council notices for 2023 to 2026: first and last day off, make-up working days
_CHINA = """
2022-12-31 2023-01-02
2023-01-21 2023-01-27 2023-01-28 2023-01-29
2023-04-05 2023-04-05
2023-04-29 2023-05-03 2023-04-23 2023-05-06
2023-06-22 2023-06-24 2023-06-25
2023-09-29 2023-10-06 2023-10-07 2023-10-08
2024-01-01 2024-01-01
2024-02-10 2024-02-17 2024-02-04 2024-02-18
2024-04-04 2024-04-06 2024-04-07
2024-05-01 2024-05-05 2024-04-28 2024-05-11
2024-06-10 2024-06-10
2024-09-15 2024-09-17 2024-09-14
2024-10-01 2024-10-07 2024-09-29 2024-10-12
2025-01-01 2025-01-01
2025-01-28 2025-02-04 2025-01-26 2025-02-08
2025-04-04 2025-04-06
2025-05-01 2025-05-05 2025-04-27
2025-05-31 2025-06-02
2025-10-01 2025-10-08 2025-09-28 2025-10-11
2026-01-01 2026-01-03 2026-01-04
2026-02-15 2026-02-23 2026-02-14 2026-02-28
2026-04-04 2026-04-06
2026-05-01 2026-05-05 2026-05-09
2026-06-19 2026-06-21
2026-09-25 2026-09-27
2026-10-01 2026-10-07 2026-09-20 2026-10-10
"""
# 2027 had no notice when this was written: statutory days by date and lunar calendar, no make-up days
_CHINA_UNANNOUNCED = """
2027-01-01 2027-01-01
2027-02-05 2027-02-08
2027-04-05 2027-04-05
2027-05-01 2027-05-02
2027-06-09 2027-06-09
2027-09-15 2027-09-15
2027-10-01 2027-10-07
"""
_GERMANY_FIXED = ((1, 1), (5, 1), (10, 3), (12, 25), (12, 26))
_EASTER_SUNDAYS = ("2023-04-09", "2024-03-31", "2025-04-20", "2026-04-05", "2027-03-28")
_AFTER_EASTER_DAYS = (-2, 1, 39, 50)  # Good Friday, Easter Monday, Ascension, Whit Monday


def holidays_table() -> pd.DataFrame:
    """The holidays table for 2023 to 2027: calendars CN (dealers, DCs) and DE (imports).

    Examples
    --------
    >>> rows = holidays_table()
    >>> rows.loc[rows["day"].eq("2026-10-10") & rows["calendar"].eq("CN"), "is_working"].tolist()
    [True]
    """
    rows: list[tuple[str, date, bool]] = []
    for line in (_CHINA + _CHINA_UNANNOUNCED).split("\n"):
        days = [date.fromisoformat(word) for word in line.split()]
        if days:
            first, last, *made_up = days
            rows += [("CN", first + timedelta(days=n), False) for n in range((last - first).days + 1)]
            rows += [("CN", one, True) for one in made_up]
    for text in _EASTER_SUNDAYS:
        easter = date.fromisoformat(text)
        rows += [("DE", date(easter.year, month, on), False) for month, on in _GERMANY_FIXED]
        rows += [("DE", easter + timedelta(days=n), False) for n in _AFTER_EASTER_DAYS]
    frame = pd.DataFrame(rows, columns=["calendar", "day", "is_working"])
    frame["day"] = pd.to_datetime(frame["day"])
    return conform(frame, HOLIDAYS)


def china() -> Calendar:
    """The working-day calendar CN."""
    return calendars_of(holidays_table())["CN"]


def day_weights(first: date, n_days: int) -> np.ndarray:
    """How much is asked for on each day, shape (n_days,): 1 on a working day, less when workshops are closed."""
    calendar = china()
    on_closed = {5: 0.35, 6: 0.15}  # Saturday, Sunday; a holiday 0.10
    weights = np.empty(n_days)
    for n in range(n_days):
        on = first + timedelta(days=n)
        if calendar.is_working(on):
            weights[n] = 1.0
        else:
            weights[n] = 0.10 if on in calendar.closed else on_closed.get(on.weekday(), 0.10)
    return weights
