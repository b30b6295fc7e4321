"""The moment of a dispatch: up to the end of the day that was planned."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from partsopt.errors import SettingsError
from partsopt.store.late_orders import moment_of
from partsopt.tables import HOLIDAYS, SITES, conform, empty
from tests.routing.nights import site

FRIDAY = date(2026, 10, 30)
SITES_OF_DC = conform(pd.DataFrame([site("DC", "dc"), site("D1")]), SITES)
CLOSED_FRIDAY = conform(
    pd.DataFrame({"calendar": ["CN"], "day": [pd.Timestamp(FRIDAY)], "is_working": [False]}), HOLIDAYS
)


def test_the_whole_planned_day_counts_and_the_next_does_not():
    for clock in ("00:00", "23:59"):
        at = moment_of(f"{FRIDAY}T{clock}", SITES_OF_DC, empty(HOLIDAYS), FRIDAY, None)
        assert at.tz_convert("Asia/Shanghai").date() == FRIDAY
    with pytest.raises(SettingsError, match=r"2026-10-31T00:00.*must be on the planned day, 2026-10-30"):
        moment_of("2026-10-31T00:00", SITES_OF_DC, empty(HOLIDAYS), FRIDAY, None)


def test_where_the_night_planned_the_next_working_day_that_is_the_last():
    at = moment_of("2026-11-02T18:00", SITES_OF_DC, CLOSED_FRIDAY, FRIDAY, None)
    assert at == pd.Timestamp("2026-11-02T10:00Z")
    with pytest.raises(SettingsError, match="from 2026-10-30 to the planned day, 2026-11-02"):
        moment_of("2026-11-03T08:00", SITES_OF_DC, CLOSED_FRIDAY, FRIDAY, None)
