"""Long demand of a standalone forecast: from Parquet to arrays, and the forecasts back to Parquet.

One row is a series and a period: ``series_id``, ``period`` (a date, the period's first day) and
``quantity`` (or ``qty``) in pieces. A period without a row after a series' first row is zero
demand, a blank quantity is not known, and the last period of the file is the end of every series.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from partsopt.errors import InputError, StorageError, TableError, Violation
from partsopt.store.refusals import Refusals

if TYPE_CHECKING:
    import pandas as pd

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Complain: TypeAlias = Callable[[str, Array, str, str], None]
"""Told of the rows that break a rule: column, mask of the rows, rule, remedy."""
ForecastRows: TypeAlias = pa.Table
"""Rows in the columns of the contract, as :func:`forecast_block` gives them."""

PERIODS = ("month", "week", "day")
HISTORY_AT_MOST: Mapping[str, int] = {"month": 120, "week": 260, "day": 1096}
"""Periods that are used; older history says little of today's demand and takes memory."""
MAX_ROWS = 400_000_000
MAX_CELLS = 300_000_000
MAX_QUANTITY = 1e12
MAX_YEARS, MAX_YEARS_APART = 100, 20
MONTHS_TELL = 6
"""So many days that all begin a month are no daily demand."""
MAX_FAULTS = 20
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
ROWS_AT_ONCE = 262_144
QUANTITY_NAMES = ("quantity", "qty")
NOT_A_DAY = np.iinfo(np.int64).min
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
EPOCH = date(1970, 1, 1)
SHAPE = "Give one row a series and period: series_id, period (its first day), quantity (pieces)"


@dataclass(frozen=True, kw_only=True)
class LongDemand:
    """Demand of many series up to one common last period.

    ``series_ids`` is sorted and keeps the type it came with. ``demand`` has shape (series, periods),
    right-aligned at the last period, NaN where a quantity is blank or the series had not begun;
    ``starts`` is the column of a series' first row (0 where that is older than the history used).
    """

    file: str
    period: str
    series_ids: pa.Array
    demand: Array
    starts: Array
    first_on: date
    last_on: date
    n_rows: int
    n_missing: int
    n_fractional: int
    n_periods_left_out: int
    refusals: Refusals


def read_long_demand(file: Path, period: str, max_rejected_share: float = 0.0) -> LongDemand:
    """Read long demand from a Parquet file, or from a CSV file (UTF-8) where the name ends so.

    Parameters
    ----------
    file
        Columns series_id (text or numbers), period (date, timestamp at midnight or ISO text; months
        also 2026-11) and quantity or qty (pieces, blank: not known; fractions are taken as they are, and
        counted). Other columns are not read.
    period
        month (first days), week (any weekday, but always the same) or day.
    max_rejected_share
        The file is refused when a larger share of its rows breaks a rule. Else the others count: the quantity of a
        row refused for it is not known, and so is that of a series and period with rows that differ.

    Raises
    ------
    InputError
        The file cannot be read, lacks columns or rows, or too many rows break a rule; every rule is named
        with its first rows, all at once, and ``rejects`` holds all.
    """
    rows = _read_csv(file) if file.suffix.lower() == ".csv" else _Rows(_read(file))
    refusals = Refusals(file.name, *rows)
    if not len(rows.table):
        refusals.stop_beyond(0.0)
    parsed = _parsed(rows.table, period, refusals)
    parsed = _near_others(parsed, period, refusals)
    if not len(parsed.row):
        refusals.stop_beyond(0.0)
    first, last = int(parsed.number.min()), int(parsed.number.max())
    _check_span(file, parsed.days)
    _check_frequency(file, parsed.days, period)
    number = parsed.number - first
    parsed, number = _once(parsed, number, last - first + 1, refusals)
    refusals.stop_beyond(max_rejected_share)
    n_periods = min(last - first + 1, HISTORY_AT_MOST[period])
    n_series = len(parsed.series_ids)
    if n_series * n_periods > MAX_CELLS:
        raise InputError(
            f"{file.name} has {n_series:,} series of up to {n_periods:,} periods, more than the {MAX_CELLS:,} "
            "series times periods that are planned at once. Split the file by series, or leave old periods out."
        )
    left_out = last - first + 1 - n_periods
    quantity = parsed.quantity
    demand, starts = _dense(parsed.series, number - left_out, quantity, n_series, n_periods)
    return LongDemand(
        file=file.name,
        period=period,
        series_ids=parsed.series_ids,
        demand=demand,
        starts=starts,
        first_on=EPOCH + timedelta(days=int(parsed.days.min())),
        last_on=EPOCH + timedelta(days=int(parsed.days.max())),
        n_rows=len(rows.table),
        n_missing=int(np.isnan(quantity).sum()),
        n_fractional=int((np.isfinite(quantity) & (quantity != np.floor(quantity))).sum()),
        n_periods_left_out=left_out,
        refusals=refusals,
    )


class _Rows(NamedTuple):
    """Rows of a file: series, period and quantity, the physical line of each, and lines that are no rows."""

    table: pa.Table
    lines: Array | None = None
    malformed: tuple[Violation, ...] = ()


class _Parsed(NamedTuple):
    """Rows that say of which series and period they are: places in the file, series, period, quantity (NaN: not known).

    ``days`` are the first days that occur.
    """

    row: Array
    series_ids: pa.Array
    series: Array
    number: Array
    days: Array
    quantity: Array

    def of(self, table: pa.Table, period: str, kept: Array) -> _Parsed:
        """Some of the rows, whose cells break no rule."""
        row = self.row[kept]
        part = table.take(_whole_numbers(row))
        series_ids, series = _series(part.column("series_id"))
        periods = part.column("period")
        if pa.types.is_dictionary(periods.type):
            periods = periods.cast(periods.type.value_type)  # without the days of rows that are gone
        number, days = _period_numbers(periods, period, _no_complaint)
        return _Parsed(row, series_ids, series, number, days, self.quantity[kept])


def _parsed(table: pa.Table, period: str, refusals: Refusals) -> _Parsed:
    """Cells as series, periods and pieces; what cannot be placed is left out, a quantity that breaks a rule unknown."""
    name = table.column_names[-1]

    def complain(column: str, broken: Array, rule: str, remedy: str) -> None:
        refusals.add(column, np.flatnonzero(broken), rule, remedy)

    series_ids, series = _series(table.column("series_id"))
    complain("series_id", series < 0, "must be given", "give every row the series it belongs to")
    number, days = _period_numbers(table.column("period"), period, complain)
    quantity = _quantities(table.column(name), name, complain)
    row = np.arange(len(table))
    parsed = _Parsed(row, series_ids, series, number, days, quantity)
    if not len(refusals):
        return parsed
    quantity[refusals.rows_of(name)] = np.nan
    return parsed.of(table, period, np.delete(row, refusals.rows_of("series_id", "period")))


def _no_complaint(column: str, broken: Array, rule: str, remedy: str) -> None:
    """Rows that were checked before break nothing."""


def _near_others(parsed: _Parsed, period: str, refusals: Refusals) -> _Parsed:
    """Without rows of dates that lie decades from most others, which are slips."""
    apart = np.diff(np.unique(parsed.days))
    if not len(apart) or apart.max() <= MAX_YEARS_APART * 366:
        return parsed
    rising = np.unique(parsed.number)
    longest = MAX_YEARS_APART * {"month": 12, "week": 52, "day": 366}[period]
    cluster = np.concatenate([[0], np.cumsum(np.diff(rising) > longest)])[np.searchsorted(rising, parsed.number)]
    is_far = cluster != np.bincount(cluster).argmax()
    refusals.add(
        "period",
        parsed.row[is_far],
        f"must lie within {MAX_YEARS_APART} years of most others, for the last one is taken as the end of every series",
        "correct the slip in the date",
    )
    return parsed.of(refusals.table, period, np.flatnonzero(~is_far))


def _once(parsed: _Parsed, number: Array, n_periods: int, refusals: Refusals) -> tuple[_Parsed, Array]:
    """Each series and period once: later rows are refused, and where they differ the quantity is not known."""
    key = parsed.series * n_periods + number
    again = _repeated(key)
    if not again.any():
        return parsed, number
    refusals.add(
        "period",
        parsed.row[again],
        "must be there once for a series; this row has the series and period of an earlier one",
        "add the quantities of such rows up, or leave the extra rows out",
    )
    kept, extra = np.flatnonzero(~again), np.flatnonzero(again)
    order = kept[np.argsort(key[kept], kind="stable")]
    first = order[np.searchsorted(key[order], key[extra])]
    quantity = parsed.quantity.copy()
    same = (quantity[first] == quantity[extra]) | (np.isnan(quantity[first]) & np.isnan(quantity[extra]))
    quantity[first[~same]] = np.nan
    once = parsed._replace(row=parsed.row[kept], series=parsed.series[kept], quantity=quantity[kept])
    return once, number[kept]


def _read_csv(file: Path) -> _Rows:
    """The three columns of a CSV file as text."""
    from partsopt.settings import ReadParams
    from partsopt.store.csv_sheets import read_csv_sheet
    from partsopt.tables import Table, text

    check_exists(file)
    columns = {
        "series_id": text("the series"),
        "period": text("its first day"),
        **{name: text("pieces", required=False) for name in QUANTITY_NAMES},
    }
    declared = Table(name="demand", says="long demand", key=(), columns=columns)
    sheet = read_csv_sheet(file.read_bytes(), file.name, declared, ReadParams())
    if sheet.faults:
        raise InputError(f"{file.name} is refused; no forecast was written.", sheet.faults[:MAX_FAULTS])
    quantity_name = next((name for name in QUANTITY_NAMES if name in sheet.cells), None)
    if quantity_name is None:
        raise InputError(f"{file.name} lacks quantity (or qty). {SHAPE}.")
    if not sheet.n_rows:
        raise InputError(f"{file.name} has no rows. {SHAPE}.")
    named = {name: sheet.cells[name].cast(pa.string()) for name in ("series_id", "period", quantity_name)}
    return _Rows(pa.table(named), sheet.lines, sheet.malformed)


def _read(file: Path) -> pa.Table:
    check_exists(file)
    try:
        source = pq.ParquetFile(file)
        schema, n_rows = source.schema_arrow, source.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise InputError(f"{file} cannot be read as Parquet ({reason}). {SHAPE}.") from None
    quantity_name = next((name for name in QUANTITY_NAMES if name in schema.names), None)
    lacking = [name for name in ("series_id", "period") if name not in schema.names]
    lacking += [] if quantity_name else ["quantity (or qty)"]
    if lacking or quantity_name is None:
        raise InputError(
            f"{file.name} lacks {', '.join(lacking)}; it has {', '.join(schema.names) or 'no column'}. {SHAPE}."
        )
    wanted = ["series_id", "period", quantity_name]
    repeated = [name for name in wanted if schema.names.count(name) > 1]
    if repeated:
        raise InputError(f"{file.name} has the column {repeated[0]} more than once. {SHAPE}.")
    if not n_rows:
        raise InputError(f"{file.name} has no rows. {SHAPE}.")
    if n_rows > MAX_ROWS:
        raise InputError(f"{file.name} has {n_rows:,} rows, more than {MAX_ROWS:,}. Split the file by series.")
    _check_types(file, schema, quantity_name)
    texts = [name for name in wanted[:2] if is_text(schema.field(name).type)]
    try:
        table = pq.ParquetFile(file, read_dictionary=texts).read(columns=wanted)
    except (pa.ArrowException, OSError, MemoryError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise InputError(f"{file} cannot be read as Parquet ({reason}). Write the file again.") from None
    return table.select(wanted)


def check_exists(file: Path) -> None:
    """Raise InputError where there is no such file."""
    if not file.is_file():
        raise InputError(f"{file} is not a file. Give the path of a Parquet (or CSV) file.")


def _check_types(file: Path, schema: pa.Schema, quantity_name: str) -> None:
    rules: tuple[tuple[str, Callable[[pa.DataType], bool], str], ...] = (
        ("series_id", lambda kind: is_text(kind) or pa.types.is_integer(kind), "text or whole numbers"),
        (
            "period",
            lambda kind: is_text(kind) or pa.types.is_date(kind) or pa.types.is_timestamp(kind),
            "dates, timestamps at midnight or text such as 2026-11-01",
        ),
        (
            quantity_name,
            lambda kind: (
                is_text(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
            ),
            "numbers",
        ),
    )
    violations = []
    for column, is_good, stored in rules:
        kind = schema.field(column).type
        bare = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not is_good(bare):
            violations.append(
                Violation(
                    table="demand",
                    file=file.name,
                    line=0,
                    column=column,
                    value=str(kind),
                    rule=f"must be stored as {stored}",
                    remedy="write the column in that type",
                )
            )
    if violations:
        raise InputError(f"{file.name} is refused; no forecast was written.", violations)


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds text, be it kept once each."""
    bare = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(bare) or pa.types.is_large_string(bare) or pa.types.is_string_view(bare))


def _encoded(column: pa.ChunkedArray) -> tuple[pa.Array, Array]:
    """The distinct values of a column, and each row's place among them (-1: blank)."""
    if not len(column):  # pyarrow cannot join dictionaries of dates where there are none
        return pa.array([], getattr(column.type, "value_type", column.type)), np.empty(0, dtype=np.int64)
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    whole = column.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # a column of one chunk stays chunked in some versions
        whole = whole.chunk(0)
    place = _known(whole.indices, blank=-1)
    values = whole.dictionary
    if values.null_count:
        blank = _blank(values)
        place = np.where((place >= 0) & blank[place], -1, place)
    return values, place


def _series(column: pa.ChunkedArray) -> tuple[pa.Array, Array]:
    """Sorted distinct ids, and each row's place among them (-1: blank)."""
    values, place = _encoded(column)
    if is_text(values.type):
        trimmed = pc.call_function("utf8_trim_whitespace", [values.cast(pa.large_string())])
        is_blank = _known(pc.call_function("utf8_length", [trimmed]), blank=0) == 0
        place = np.where((place >= 0) & np.append(is_blank, False)[place], -1, place)
    used = np.zeros(len(values), dtype=np.bool_)
    used[place[place >= 0]] = True
    order = _known(pc.call_function("array_sort_indices", [values]), blank=0)
    order = order[used[order]]
    rank = np.full(len(values) + 1, -1, dtype=np.int64)
    rank[order] = np.arange(len(order))
    return values.take(_whole_numbers(order)), rank[place]


def _period_numbers(column: pa.ChunkedArray, period: str, complain: Complain) -> tuple[Array, Array]:
    """Each row's period as a number without gaps, and the days that occur."""
    values, place = _encoded(column)
    days = _days(values, period)
    is_day = days != NOT_A_DAY
    row_is_day = np.append(is_day, False)[place]
    complain(
        "period",
        ~row_is_day,
        "must be a date, the first day of its period, such as 2026-11-01",
        "give the period's first day without a time of day",
    )
    known = np.where(is_day, days, 0)
    if period == "month":
        months = known.astype("datetime64[D]").astype("datetime64[M]")
        number = months.astype(np.int64)
        is_first = months.astype("datetime64[D]").astype(np.int64) == known
        rule, remedy = "must be the first day of a month", "give the month's first day, or another --period"
    elif period == "week":
        weekday = (known + 3) % 7
        rows = np.bincount(place[row_is_day], minlength=len(values)) if row_is_day.any() else np.zeros(len(values))
        usual = int(np.bincount(weekday, weights=rows * is_day, minlength=7).argmax())
        number = (known + 3 - usual) // 7
        is_first = weekday == usual
        rule = f"must be a {WEEKDAYS[usual]}, with which most weeks of this file begin"
        remedy = "begin every week on the same weekday, or give another --period"
    else:
        number, is_first, rule, remedy = known, np.ones(len(known), dtype=np.bool_), "", ""
    complain("period", np.append(is_day & ~is_first, False)[place], rule, remedy)
    return np.append(number, 0)[place], days[is_day] if is_day.any() else np.zeros(1, dtype=np.int64)


def _days(values: pa.Array, period: str) -> Array:
    """Days since 1970 of distinct dates; NOT_A_DAY where one is none."""
    kind = values.type
    if pa.types.is_date(kind):
        days = _known(values.cast(pa.date32()).cast(pa.int32()), blank=0)
    elif pa.types.is_timestamp(kind):
        local = pc.local_timestamp(values) if kind.tz is not None else values
        moments = _known(local.cast(pa.int64()), blank=0)
        a_day = 86_400 * {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
        days = np.where(moments % a_day == 0, moments // a_day, NOT_A_DAY)
    else:
        days = np.array([_day(text, period) for text in values.to_pylist()], dtype=np.int64)
    if values.null_count:
        days[_blank(values)] = NOT_A_DAY
    return days


def _day(text: str | None, period: str) -> int:
    said = (text or "").strip()
    if period == "month" and len(said) == 7 and said[4] == "-":
        said += "-01"
    if len(said) > 10 and said[10] in " T" and not said[10:].strip(" T:0.Z"):
        said = said[:10]
    try:
        return (date.fromisoformat(said) - EPOCH).days if len(said) == 10 else NOT_A_DAY
    except ValueError:
        return NOT_A_DAY


def _check_span(file: Path, days: Array) -> None:
    first, last = (np.datetime64(int(day), "D") for day in (days.min(), days.max()))
    if (
        int(days.max()) - int(days.min()) > MAX_YEARS * 366
        or int(days.max()) > (date.max - EPOCH).days
        or int(days.min()) < (date.min - EPOCH).days
    ):
        raise InputError(
            f"{file.name} has periods from {first} to {last}, more than {MAX_YEARS} years. "
            "One of these dates is a slip: the last one is taken as the end of every series. Correct it."
        )


def _check_frequency(file: Path, days: Array, period: str) -> None:
    """Days that all begin a month are months."""
    firsts = days.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    if period == "day" and len(days) >= MONTHS_TELL and (firsts == days).all():
        raise InputError(
            f"{file.name} has demand on first days of a month alone ({len(days):,} of them), which are not days but "
            "months. Give --period month."
        )


def _quantities(column: pa.ChunkedArray, name: str, complain: Complain) -> Array:
    """Pieces as floats; NaN where blank."""
    quantity, is_no_number = numbers_of(column)
    complain(name, is_no_number, "must be a number", "give pieces such as 3, or leave the cell blank")
    with np.errstate(invalid="ignore"):
        complain(name, np.isinf(quantity), "must be finite", "give pieces, or leave the cell blank")
        complain(name, (quantity < 0) & ~np.isinf(quantity), "must be 0 or more", "keep returns apart from demand")
        finite = np.isfinite(quantity)
        complain(name, finite & (quantity > MAX_QUANTITY), f"must be at most {MAX_QUANTITY:.0e}", "correct the slip")
    return quantity


def numbers_of(column: pa.ChunkedArray) -> tuple[Array, Array]:
    """Numbers, or text that says them, as floats (NaN where blank), and the rows whose text is no number."""
    if is_text(column.type):
        values, place = _encoded(column)
        said = [(text or "").strip() for text in values.to_pylist()]
        is_number = np.array([not text or NUMBER.fullmatch(text) is not None for text in said], dtype=np.bool_)
        read = [float(text) if text and good else np.nan for text, good in zip(said, is_number, strict=True)]
        return np.append(np.array(read, dtype=np.float64), np.nan)[place], np.append(~is_number, False)[place]
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    whole = column.cast(pa.float64(), safe=False).combine_chunks()
    held = np.frombuffer(whole.buffers()[1], dtype=np.float64)
    number = held[whole.offset : whole.offset + len(whole)].copy()
    if whole.null_count:
        number[_blank(whole)] = np.nan
    return number, np.zeros(len(number), dtype=np.bool_)


def _repeated(key: Array) -> Array:
    """True at rows whose key an earlier row has."""
    if np.all(key[1:] > key[:-1]):
        return np.zeros(len(key), dtype=np.bool_)
    order = np.argsort(key, kind="stable")
    again = np.zeros(len(key), dtype=np.bool_)
    again[order[1:]] = key[order[1:]] == key[order[:-1]]
    return again


def _dense(series: Array, number: Array, quantity: Array, n_series: int, n_periods: int) -> tuple[Array, Array]:
    starts = np.full(n_series, n_periods, dtype=np.int64)
    np.minimum.at(starts, series, number)
    starts = np.maximum(starts, 0)
    demand = np.empty((n_series, n_periods))  # numpy takes large pages for it, as it does not for zeros
    columns = np.arange(n_periods)
    for first in range(0, n_series, ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        demand[rows] = np.where(columns < starts[rows, None], np.nan, 0.0)
    used = number >= 0
    demand[series[used], number[used]] = quantity[used]
    return demand, starts


def write_series_forecasts(file: Path, blocks: Iterable[pa.Table]) -> int:
    """Write forecasts of series as one Parquet file, whole or not at all, and give the number of rows.

    Raises
    ------
    StorageError
        The file cannot be written; what was there before is untouched.
    """
    unfinished = file.with_name(f".{file.name}.unfinished")
    n_rows = 0
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        writer = None
        try:
            for block in blocks:
                if writer is None:
                    writer = pq.ParquetWriter(unfinished, block.schema, compression="snappy")
                writer.write_table(block)
                n_rows += len(block)
        finally:
            if writer is not None:
                writer.close()
        os.replace(unfinished, file)  # noqa: PTH105  the same call on every system, over an existing file
    except OSError as error:
        raise StorageError(f"{file} cannot be written ({error.strerror or error}). Nothing was changed.") from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return n_rows


def write_rejects(output: Path, rejects: Sequence[pd.DataFrame]) -> Path:
    """Write refused rows of some files to rejects.csv beside a forecast's output, in place of those of the last one.

    Raises
    ------
    StorageError
        The file cannot be written.
    """
    import pandas as pd

    from partsopt.store.writers import write_csv
    from partsopt.tables import REJECTS

    file = output.with_name(REJECTS.file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_csv(pd.concat(rejects, ignore_index=True), REJECTS, file, zones={})
    except OSError as error:
        raise StorageError(f"{file} cannot be written ({error.strerror or error}).") from error
    return file


def blocks_of_series(n_series: int, rows_a_series: int = 1) -> Iterator[slice]:
    """Slices of series whose rows together stay within what is written at once."""
    step = max(1, ROWS_AT_ONCE // rows_a_series)
    for first in range(0, n_series, step):
        yield slice(first, min(first + step, n_series))


def forecast_block(
    series_ids: pa.Array,
    *,
    mean: Array,
    sd: Array,
    method: Array,
    levels: Mapping[str, float],
    quantiles: Array,
    step: Array | None = None,
) -> pa.Table:
    """Rows of forecasts in the columns of the contract, checked.

    Parameters
    ----------
    series_ids, mean, sd, method
        One entry a row.
    levels
        Level by the text it was asked for.
    quantiles
        Whole pieces, shape (rows, levels), columns in the order of ``levels``.
    step
        Period ahead, from 1; None where a row is the total of all.

    Raises
    ------
    TableError
        A forecast is not finite, negative, or its quantiles cross: a fault in this program.
    """
    rising = quantiles[:, np.argsort(list(levels.values()), kind="stable")]
    bad = ~(np.isfinite(mean) & np.isfinite(sd) & (mean >= 0) & (sd >= 0))
    bad |= (rising < 0).any(axis=1) | (rising[:, 1:] < rising[:, :-1]).any(axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise TableError(
            table="forecasts",
            row=series_ids[row].as_py(),
            column=", ".join(levels),
            value=[float(mean[row]), float(sd[row]), *quantiles[row].tolist()],
            rule="must be finite, 0 or more and non-crossing",
            remedy="report the series and its demand",
            more=int(bad.sum()) - 1,
        )
    columns: dict[str, Any] = {"series_id": series_ids}
    if step is not None:
        columns["step"] = _whole_numbers(step)
    columns["mean"] = _numbers(mean)
    columns["sd"] = _numbers(sd)
    columns["method"] = _few_texts(method)
    for number, text in enumerate(levels):
        columns[f"q{text}"] = _whole_numbers(quantiles[:, number])
    return pa.Table.from_arrays(list(columns.values()), names=list(columns))


def repeated_ids(series_ids: pa.Array, rows: slice, times: int) -> pa.Array:
    """The ids of some series, each ``times`` times in a row."""
    return series_ids.take(_whole_numbers(np.repeat(np.arange(rows.start, rows.stop), times)))


# pyarrow.array() and pyarrow.scalar() import pandas, which takes a third of a second; buffers do not


def _known(values: pa.Array, blank: int) -> Array:
    """Whole numbers of an Arrow array, with another one where it is blank."""
    held = np.frombuffer(values.buffers()[1], dtype=values.type.to_pandas_dtype())
    whole = held[values.offset : values.offset + len(values)].astype(np.int64)
    if values.null_count:
        whole[_blank(values)] = blank
    return whole


def _blank(values: pa.Array) -> Array:
    """True where an Arrow array with blanks is blank."""
    bits = np.frombuffer(values.buffers()[0], dtype=np.uint8)
    return np.unpackbits(bits, count=values.offset + len(values), bitorder="little")[values.offset :] == 0


def _whole_numbers(values: Array) -> pa.Array:
    held = np.ascontiguousarray(values, dtype=np.int64)
    return pa.Array.from_buffers(pa.int64(), len(held), [None, pa.py_buffer(held)])


def _numbers(values: Array) -> pa.Array:
    held = np.ascontiguousarray(values, dtype=np.float64)
    return pa.Array.from_buffers(pa.float64(), len(held), [None, pa.py_buffer(held)])


def _few_texts(values: Array) -> pa.Array:
    """Texts of which few differ."""
    place, names = np.full(len(values), -1, dtype=np.int64), []
    while len(rest := np.flatnonzero(place < 0)[:1]):
        names.append(str(values[rest[0]]))
        place[values == values[rest[0]]] = len(names) - 1
    coded = [name.encode() for name in names]
    ends = np.cumsum([0, *map(len, coded)]).astype(np.int32)
    texts = pa.StringArray.from_buffers(len(coded), pa.py_buffer(ends), pa.py_buffer(b"".join(coded)))
    return texts.take(_whole_numbers(place))
