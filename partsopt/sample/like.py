"""Real demand series as the network's demand: reading them, and thinning them to dealers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from partsopt.errors import InputError, Violation
from partsopt.sample.assortment import Assortment, make_assortment
from partsopt.sample.draws import Array, poisson_from, sample_without_repeat, steady, stream
from partsopt.sample.history import REGULAR_DEALERS, History, asking_site, days_within
from partsopt.sample.holidays import day_weights
from partsopt.sample.places import Places
from partsopt.sample.sources import Terms

MAX_CELLS = 100_000_000
MAX_QUANTITY = 1_000_000_000
QUANTITY_NAMES = ("qty", "quantity")
ORDERS_AT_MOST = 60  # demands that the quantity of one period is split into

# column of the items file (first name found) -> what it is here, and the factor to our unit;
# holding cost is not taken: it is the setting replenish.holding_rate_per_year
ITEM_COLUMNS: Mapping[str, tuple[tuple[str, float], ...]] = {
    "unit_cost": (("unit_cost", 1.0), ("price", 1.0), ("unit_price", 1.0)),
    "order_cost": (("order_cost", 1.0), ("fixed_order_cost", 1.0)),
    "lead_time_days": (("lead_time_days", 1.0), ("lead_time_weeks", 7.0)),
    "min_order_quantity": (("min_order_quantity", 1.0), ("moq", 1.0)),
    "order_multiple": (("order_multiple", 1.0), ("pack", 1.0)),
}


@dataclass(frozen=True, kw_only=True)
class LikeSeries:
    """Real series as they were read; the arrays hold positive quantities only, one entry each.

    ``n_rounded`` counts quantities that were not whole and were rounded to the nearest whole piece (to 1
    below it), ``n_missing`` those that were blank: nothing is asked for then. ``items`` has one row per
    series in the same order, with the names of ITEM_COLUMNS; NaN where the items file says nothing.
    """

    file: str
    period: str  # "month" or "week"
    series_ids: tuple[str, ...]
    n_periods: int
    series_number: Array
    period_number: Array
    quantity: Array
    n_rounded: int
    n_missing: int
    items: pd.DataFrame

    def chosen(self, n_series: int | None, n_periods: int | None, seed: int) -> LikeSeries:
        """A seeded sample of the series, and their last periods; None takes all."""
        kept = np.arange(len(self.series_ids))
        if n_series is not None and n_series < len(kept):
            kept = sample_without_repeat(stream(seed, "like"), kept, n_series)
        first = 0 if n_periods is None else max(self.n_periods - n_periods, 0)
        place = np.full(len(self.series_ids), -1)
        place[kept] = np.arange(len(kept))
        rows = (place[self.series_number] >= 0) & (self.period_number >= first)
        return replace(
            self,
            series_ids=tuple(self.series_ids[k] for k in kept),
            n_periods=self.n_periods - first,
            series_number=place[self.series_number[rows]],
            period_number=self.period_number[rows] - first,
            quantity=self.quantity[rows],
            items=self.items.iloc[kept].reset_index(drop=True),
        )


def read_like(file: Path, items: Path | None = None) -> LikeSeries:
    """Read real demand from a long Parquet file.

    Parameters
    ----------
    file
        Columns series_id, period, and qty or quantity in pieces; a blank quantity or an absent period is
        no demand. A dataset column, if any, tells series of the same name apart. A period is a date (its first
        day, or any day of it that keeps the spacing), 2024-05, 2024-W18, or a number such as w001 or m01.
    items
        One row a series: series_id and any of the columns named in ITEM_COLUMNS.

    Raises
    ------
    InputError
        A file cannot be read, columns lack, there are no rows, a quantity is negative or no number, a
        series has two rows for a period, or the periods are neither months nor weeks.
    """
    rows = _read(file, "the file of real series")
    quantity_name = next((name for name in QUANTITY_NAMES if name in rows), None)
    lacking = [name for name in ("series_id", "period") if name not in rows]
    lacking += [] if quantity_name else ["qty (or quantity)"]
    if lacking or quantity_name is None:
        raise InputError(
            f"{file.name} lacks {_listed(lacking)}; it has {_listed(list(rows))}. "
            "Give one row a series and period: series_id, period, qty (pieces)."
        )
    if not len(rows):
        raise InputError(f"{file.name} has no rows. Give one row a series and period: series_id, period, qty (pieces).")
    series = _series_names(rows, file)
    periods, period_number, n_periods = _period_numbers(rows["period"], file)
    quantity = _quantities(rows[quantity_name], quantity_name, series, rows["period"], file)
    repeated = pd.DataFrame({"series": series, "period": period_number}).duplicated().to_numpy()
    if repeated.any():
        row = int(np.flatnonzero(repeated)[0])
        raise InputError(
            f"{file.name} has two rows for series {series.iloc[row]} and period {rows['period'].iloc[row]} "
            f"({int(repeated.sum())} such rows). Add their quantities up before."
        )
    ids, number = np.unique(series.to_numpy(dtype=object).astype(str), return_inverse=True)
    if len(ids) * n_periods > MAX_CELLS:
        raise InputError(
            f"{file.name} has {len(ids)} series over {n_periods} periods; at most {MAX_CELLS} cells are taken. "
            "Give fewer series."
        )
    whole = np.where(quantity > 0, np.maximum(np.floor(steady(np.nan_to_num(quantity)) + 0.5), 1), 0).astype(np.int64)
    positive = whole > 0
    return LikeSeries(
        file=file.name,
        period=periods,
        series_ids=tuple(ids.tolist()),
        n_periods=n_periods,
        series_number=number[positive],
        period_number=period_number[positive],
        quantity=whole[positive],
        n_rounded=int((np.nan_to_num(quantity) != whole).sum()),
        n_missing=int(np.isnan(quantity).sum()),
        items=_read_items(items, ids),
    )


def make_like_assortment(like: LikeSeries, seed: int) -> Assortment:
    """Parts named as the series, at their real prices where there are any; the rest is drawn."""
    drawn = make_assortment(len(like.series_ids), seed)
    price = like.items["unit_cost"].to_numpy(dtype=np.float64)
    real = np.maximum(np.round(price, 2), 0.01)
    n = len(drawn)
    sizes = np.bincount(like.series_number, weights=like.quantity, minlength=n)
    demands = np.bincount(like.series_number, minlength=n)
    pieces = np.where(demands > 0, sizes / np.maximum(demands, 1), 1.0)
    years = like.n_periods * (1 / 12 if like.period == "month" else 7 / 365.25)
    return replace(
        drawn,
        part_ids=np.array(like.series_ids),
        unit_cost=np.where(np.isnan(price), drawn.unit_cost, real),
        demands_per_year=steady(demands / years),
        pieces_per_demand=np.clip(steady(np.sqrt(pieces)), 1.0, 50.0),
        growth_per_year=np.zeros(n),
        starts_at=np.where(demands > 0, 0.5, -1.0),
        stops_at=np.full(n, 2.0),
        successor=np.full(n, -1),
    )


def like_terms(like: LikeSeries) -> Terms:
    """Lead times, order costs, minimums and packs of the items file; NaN where it says nothing."""
    names = ("lead_time_days", "order_cost", "min_order_quantity", "order_multiple")
    return Terms(*(like.items[name].to_numpy(dtype=np.float64) for name in names))


def like_history(like: LikeSeries, places: Places, today: date, seed: int) -> History:
    """Each series as the network's demand for one part, its last period the last complete one before today.

    The quantity of a period is split into a few demands that stay whole (most small quantities are one),
    each on a day of the period and from one site: adding them up by part and period gives the series back.
    """
    random = stream(seed, "like history")
    starts, edges = _calendar(like, today)
    n_days = (today - starts).days
    weights = day_weights(starts, n_days)
    extra = poisson_from(
        random.random(len(like.quantity)),
        steady(np.minimum(0.5 * (like.quantity - 1), 1.2 * np.sqrt(like.quantity - 1))),
    )
    n_demands = np.minimum(np.minimum(1 + extra, like.quantity), ORDERS_AT_MOST)
    row = np.repeat(np.arange(len(n_demands)), n_demands)
    quantity = split_whole(like.quantity, n_demands, random.random(len(row)))
    part = like.series_number[row]
    period = like.period_number[row]
    day = days_within(random.random(len(row)), edges[period], edges[period + 1], weights)
    regular = random.random((len(like.series_ids), REGULAR_DEALERS))
    site = asking_site(random, part, regular, places, np.arange(len(places.site_ids)))
    return History(starts, n_days, day, site, part, quantity, np.zeros(len(day), dtype=bool))


def split_whole(quantity: Array, n_pieces: Array, u: Array) -> Array:
    """Each quantity as a sum of whole pieces of 1 or more.

    Parameters
    ----------
    quantity
        Whole, shape (rows,).
    n_pieces
        1 up to the quantity, shape (rows,).
    u
        Random weights in [0, 1), shape (sum of n_pieces,).

    Examples
    --------
    >>> split_whole(np.array([5, 2]), np.array([2, 1]), np.array([0.5, 0.5, 0.1])).tolist()
    [2, 3, 2]
    """
    row = np.repeat(np.arange(len(quantity)), n_pieces)
    ends = np.cumsum(n_pieces) - 1
    starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64) if len(ends) else ends
    weight = np.floor(u * 1_000_000).astype(np.int64) + 1
    running = np.cumsum(weight)
    before = running[starts] - weight[starts] if len(ends) else running
    share = (running - before[row]) / (running[ends] - before)[row] if len(ends) else running
    spare = np.floor(steady(share * (quantity - n_pieces)[row])).astype(np.int64)
    spare[ends] = quantity - n_pieces
    below = np.concatenate([[0], spare[:-1]])[: len(spare)]
    if len(ends):
        below[starts] = 0
    return 1 + spare - below


def _calendar(like: LikeSeries, today: date) -> tuple[date, Array]:
    if like.period == "week":
        monday = today - timedelta(days=today.weekday())
        starts = monday - timedelta(weeks=like.n_periods)
        return starts, np.arange(like.n_periods + 1) * 7
    month = today.year * 12 + today.month - 1
    firsts = [date(n // 12, n % 12 + 1, 1) for n in range(month - like.n_periods, month + 1)]
    return firsts[0], np.array([(first - firsts[0]).days for first in firsts])


def _read(file: Path, what: str) -> pd.DataFrame:
    try:
        return pq.read_table(file).to_pandas()
    except FileNotFoundError as error:
        raise InputError(f"{file} is not there; give {what}, a Parquet file.") from error
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise InputError(f"{file.name} cannot be read as Parquet: {error}. Give {what} as a Parquet file.") from error


def _listed(names: list[str]) -> str:
    return ", ".join(str(name) for name in names) or "no columns"


def _series_names(rows: pd.DataFrame, file: Path) -> pd.Series:
    if rows["series_id"].isna().any():
        row = int(np.flatnonzero(rows["series_id"].isna())[0]) + 1
        raise InputError(
            f"{file.name} has blank series_id",
            [_violation(file, row, "series_id", "", "must be given", "name the series of every row")],
        )
    names = rows["series_id"].astype("str")
    if "dataset" in rows and len(rows["dataset"].drop_duplicates()) > 1:
        return rows["dataset"].astype("str") + "-" + names
    return names


def _quantities(values: pd.Series, name: str, series: pd.Series, periods: pd.Series, file: Path) -> Array:
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64)
    given = values.notna().to_numpy()
    wrong = given & (np.isnan(numbers) | (numbers < 0) | (numbers > MAX_QUANTITY))
    if wrong.any():
        places = np.flatnonzero(wrong)[:5]
        raise InputError(
            f"{file.name} has {int(wrong.sum())} quantities that are no demand",
            [
                _violation(
                    file,
                    int(row) + 1,
                    name,
                    str(values.iloc[row]),
                    f"must be a number between 0 and {MAX_QUANTITY} "
                    f"(series {series.iloc[row]}, period {periods.iloc[row]})",
                    "leave out returns and leave unknown quantities blank",
                )
                for row in places
            ],
        )
    return numbers


def _violation(file: Path, line: int, column: str, value: str, rule: str, remedy: str) -> Violation:
    return Violation(
        table="like",
        file=file.name,
        line=line,
        column=column,
        value=value,
        rule=rule,
        remedy=remedy,
        stops_the_run=True,
    )


def _period_numbers(values: pd.Series, file: Path) -> tuple[str, Array, int]:
    """Whether the periods are months or weeks, the number of each row's period from 0, and how many there are."""
    distinct = pd.unique(values)
    if pd.isna(distinct).any():
        raise InputError(f"{file.name} has blank periods. Give each row the first day of its period.")
    kind, numbers = _numbers_of(pd.Series(distinct), file)
    by_value = dict(zip(distinct, (numbers - numbers.min()).tolist(), strict=True))
    if len(set(by_value.values())) < len(by_value):
        raise InputError(f"{file.name} writes one {kind} in several ways in column period. Give its first day only.")
    return kind, values.map(by_value).to_numpy(dtype=np.int64), int(numbers.max() - numbers.min()) + 1


def _numbers_of(distinct: pd.Series, file: Path) -> tuple[str, Array]:
    refused = InputError(
        f"{file.name}: the periods, such as {distinct.iloc[0]}, are neither months nor weeks. "
        "Give the first day of each period as a date, 2024-05 for a month, or 2024-W18 for a week."
    )
    if distinct.dtype == object or pd.api.types.is_string_dtype(distinct):
        texts = distinct.astype("str")
        if texts.str.fullmatch(r"\d{4}-\d{2}").all():
            distinct = pd.to_datetime(texts + "-01", errors="coerce")
        elif texts.str.fullmatch(r"\d{4}-?W\d{2}").all():
            distinct = pd.Series([_monday(text) for text in texts])
        elif texts.str.fullmatch(r"[wWmM]\d+").all() and len(set(texts.str[0].str.lower())) == 1:
            kind = "week" if texts.iloc[0][0] in "wW" else "month"
            return kind, texts.str[1:].astype("int64").to_numpy()
        else:
            distinct = pd.to_datetime(texts, errors="coerce", format="ISO8601")
    elif not pd.api.types.is_datetime64_any_dtype(distinct):
        raise refused
    if distinct.isna().any():
        raise refused
    days = pd.DatetimeIndex(distinct).tz_localize(None).normalize()
    if (days.day == 1).all() or days.is_month_end.all():
        return "month", (days.year * 12 + days.month - 1).to_numpy(dtype=np.int64)
    number = ((days - days.min()) // pd.Timedelta(days=1)).to_numpy(dtype=np.int64)
    if (number % 7 != 0).any():
        raise refused
    return "week", number // 7


def _monday(text: str) -> pd.Timestamp:
    year, week = (int(number) for number in re.findall(r"\d+", text))
    try:
        return pd.Timestamp(date.fromisocalendar(year, week, 1))
    except ValueError:
        return pd.NaT


def _read_items(items: Path | None, ids: Array) -> pd.DataFrame:
    blank = pd.DataFrame({name: np.full(len(ids), np.nan) for name in ITEM_COLUMNS})
    if items is None:
        return blank
    rows = _read(items, "the items file")
    if "series_id" not in rows:
        raise InputError(f"{items.name} lacks series_id; it has {_listed(list(rows))}. Give one row a series.")
    names = _series_names(rows, items)
    if names.duplicated().any():
        first = names[names.duplicated()].iloc[0]
        raise InputError(f"{items.name} has two rows for series {first}. Give one row a series.")
    found = {}
    for name, ways in ITEM_COLUMNS.items():
        column, factor = next(((one, times) for one, times in ways if one in rows), ("", 1.0))
        if column:
            numbers = pd.to_numeric(rows[column], errors="coerce").to_numpy(dtype=np.float64) * factor
            wrong = rows[column].notna().to_numpy() & ~((numbers >= 0) & np.isfinite(numbers))
            if wrong.any():
                row = int(np.flatnonzero(wrong)[0])
                raise InputError(
                    f"{items.name} has {int(wrong.sum())} values in {column} that are no amounts",
                    [
                        _violation(
                            items,
                            row + 1,
                            column,
                            str(rows[column].iloc[row]),
                            "must be a number, 0 or more",
                            "correct it",
                        )
                    ],
                )
            found[name] = numbers
    if not found:
        wanted = [one for ways in ITEM_COLUMNS.values() for one, _ in ways]
        raise InputError(f"{items.name} has none of the columns {_listed(wanted)}; it has {_listed(list(rows))}.")
    known = pd.DataFrame(found, index=pd.Index(names.to_numpy(dtype=object))).reindex(ids)
    matched = known.notna().any(axis=1)
    if not matched.any():
        raise InputError(f"{items.name} names none of the series, such as {ids[0]}. Give it the same series_id.")
    table = blank.assign(**{name: known[name].to_numpy() for name in found})
    for name in ("order_multiple", "min_order_quantity"):
        table[name] = np.ceil(np.maximum(table[name], 1)).where(table[name].notna())
    table["unit_cost"] = table["unit_cost"].where(table["unit_cost"] > 0)
    return table
