"""Sparse series as arrays: periods side by side, block by block."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from partsopt.calendars import period_number, period_start
from partsopt.errors import TableError
from partsopt.forecast.pooled import History
from partsopt.forecast.rates import exposure
from partsopt.tables import SITE_PART

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

BLOCK = 4096
"""Series computed side by side: large enough for arrays, small enough for the processor's cache."""


class Block(NamedTuple):
    """Series side by side, shape (periods, series), the last period of each in the last row.

    ``share`` is the in-stock share in censored periods, 0 before the series began, else 1.
    """

    demand: Array
    share: Array
    is_censored: Array


class Panel(NamedTuple):
    """The sparse rows by series, and the length of each series."""

    row_starts: Array
    age: Array
    demand: Array
    share: Array
    is_censored: Array
    series_of_row: Array
    n_periods: Array

    @classmethod
    def of(cls, demand_series: pd.DataFrame, series: pd.DataFrame, today: date, period: str) -> Panel:
        """Sort the rows by series and number the periods back from the last."""
        last = int(period_number(np.array([np.datetime64(today, "D").astype(np.int64)]), period)[0]) - 1
        began = period_number(_days(series["first_period"]), period)
        n_periods = series["n_periods"].to_numpy()
        wrong = began + n_periods - 1 != last
        if wrong.any():
            first = series[wrong].iloc[0]
            raise TableError(
                table="series",
                row=f"{first['site_id']}, {first['part_id']}",
                column="n_periods",
                value=int(first["n_periods"]),
                rule=f"must reach from first_period to the period from {period_start(np.array([last]), period)[0]}, "
                f"the last complete {period} before {today}",
                remedy="build the series for the day that is planned",
                more=int(wrong.sum()) - 1,
            )
        place = _places(demand_series, series)
        age = last - period_number(_days(demand_series["period"]), period)
        lost = (place < 0) | (age < 0) | (age >= n_periods[place] if len(n_periods) else True)
        if lost.any():
            first = demand_series[lost].iloc[0]
            raise TableError(
                table="demand_series",
                row=f"{first['site_id']}, {first['part_id']}",
                column="period",
                value=str(first["period"].date()),
                rule="must lie within its series",
                remedy="give series and demand_series of the same run",
                more=int(lost.sum()) - 1,
            )
        order = np.argsort(place, kind="stable")
        is_censored = demand_series["is_censored"].to_numpy()[order]
        return cls(
            np.searchsorted(place[order], np.arange(len(series) + 1)),
            age[order],
            demand_series["demand"].to_numpy()[order].astype(np.float64),
            np.where(is_censored, demand_series["in_stock_share"].to_numpy()[order], 1.0),
            is_censored,
            place[order],
            n_periods,
        )

    def block(self, at: slice) -> Block:
        """The series of a slice side by side."""
        rows = slice(self.row_starts[at.start], self.row_starts[at.stop])
        length = int(self.n_periods[at].max())
        shape = (length, at.stop - at.start)
        cell = (length - 1 - self.age[rows], self.series_of_row[rows] - at.start)
        demand, is_censored = np.zeros(shape), np.zeros(shape, dtype=bool)
        share = (np.arange(length)[:, None] >= length - self.n_periods[at]).astype(np.float64)
        demand[cell], share[cell], is_censored[cell] = self.demand[rows], self.share[rows], self.is_censored[rows]
        return Block(demand, share, is_censored)

    def history(self, at: Array, ago: int = 0) -> History:
        """Some series side by side, shape (series, periods), as many periods as the longest of all series has.

        With ``ago`` as it was so many periods before the end.
        """
        width = int(self.n_periods.max())
        counts = self.row_starts[at + 1] - self.row_starts[at]
        own = np.repeat(np.arange(len(at)), counts)
        before = np.cumsum(counts) - counts
        rows = np.arange(len(own)) + np.repeat(self.row_starts[at] - before, counts)
        cell = (own, width - 1 - self.age[rows])
        demand, time = np.zeros((len(at), width)), np.empty((0, 0))
        demand[cell] = self.demand[rows]
        if self.is_censored.any():
            time = np.ones((len(at), width))
            time[cell] = exposure(self.demand[rows], self.share[rows])
        known = max(width - ago, 0)
        return History(
            np.ascontiguousarray(demand[:, :known]),
            np.ascontiguousarray(time[:, :known]) if time.size else time,
            width - self.n_periods[at],
        )


def blocks_of(n_series: int) -> list[slice]:
    """Slices of BLOCK series each, in order."""
    return [slice(start, min(start + BLOCK, n_series)) for start in range(0, n_series, BLOCK)]


def _days(values: pd.Series) -> Array:
    return values.to_numpy().astype("datetime64[D]").astype(np.int64)


def _places(demand_series: pd.DataFrame, series: pd.DataFrame) -> Array:
    """The place in ``series`` of each demand row; -1 where there is none."""
    key = np.zeros(len(series), dtype=np.int64)
    wanted = np.zeros(len(demand_series), dtype=np.int64)
    is_known = np.ones(len(demand_series), dtype=bool)
    for column in SITE_PART:
        codes, uniques = pd.factorize(series[column], sort=True)
        own, own_uniques = pd.factorize(demand_series[column])
        found = pd.Index(uniques).get_indexer(pd.Index(own_uniques))
        found = found[own] if len(own) else np.empty(0, dtype=np.int64)
        is_known &= found >= 0
        key = key * len(uniques) + codes
        wanted = wanted * len(uniques) + found
    if not len(key):
        return np.full(len(wanted), -1)
    place = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
    return np.where(is_known & (key[place] == wanted), place, -1)
