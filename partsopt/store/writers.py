"""Tables written as CSV and Parquet, the same bytes for the same rows.

The machine profile of CSV is UTF-8 without mark, quotes only where RFC 4180 needs them, line ends
LF, columns in the order of the declaration, rows in the order of the key. The Excel profile adds
the mark, ends lines with CRLF and puts an apostrophe before text that Excel would take for a formula.

Numbers have a decimal point and no exponent. In an output table they are rounded to the column's
``decimals``, money always showing them all, other numbers without trailing zeros. In an input
table they are written in full, so that reading them back gives the same table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from partsopt.errors import StorageError, TableError
from partsopt.store.publish import storage_error
from partsopt.tables import INPUT_TABLES, Column, Table, conform

Array: TypeAlias = np.ndarray[Any, Any]
FileFormat: TypeAlias = Literal["csv", "parquet"]

TEXT = pa.large_string()
ROWS_AT_ONCE = 500_000
ROW_GROUP = 1_000_000
PARQUET_TYPES: Mapping[str, pa.DataType] = {
    "text": pa.string(),
    "whole": pa.int64(),
    "number": pa.float64(),
    "flag": pa.bool_(),
    "day": pa.date32(),
    "moment": pa.timestamp("us", tz="UTC"),
    "clock": pa.int64(),
}
_FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"
_PLAIN_NUMBER = r"^[-+]?[0-9]+([.,][0-9]+)?$"


def write_csv(
    frame: pd.DataFrame, table: Table, file: Path, *, zones: Mapping[str, str], profile: str = "machine"
) -> None:
    """Write a table as CSV.

    Parameters
    ----------
    frame
        Rows that conform to the declaration, in any order.
    table
        The declaration.
    file
        Written anew.
    zones
        IANA time zone of each site: a moment is written in the time of the site that
        ``table.zone_of`` names, with its offset; in UTC where the table names no site.
    profile
        ``machine``, or ``excel``.

    Raises
    ------
    TableError
        The rows break the declaration, or a site has no time zone.
    StorageError
        The file cannot be written.
    """
    rows = conform(frame, table)
    line_end = "\r\n" if profile == "excel" else "\n"
    try:
        with file.open("wb") as stream:
            stream.write(("\ufeff" if profile == "excel" else "").encode())
            stream.write((",".join(table.columns) + line_end).encode())
            for start in range(0, len(rows), ROWS_AT_ONCE):
                stream.write(_lines(rows.iloc[start : start + ROWS_AT_ONCE], table, zones, profile, line_end))
    except OSError as error:
        raise storage_error(file, error) from error


def write_parquet(frame: pd.DataFrame, table: Table, file: Path) -> None:
    """Write a table as Parquet with plain types: text, int64, double, boolean, date, timestamp in UTC.

    Missing days, moments and numbers are null, missing text is blank, a time of day is minutes after midnight.

    Raises
    ------
    TableError
        The rows break the declaration.
    StorageError
        The file cannot be written.
    """
    rows = conform(frame, table)
    fields = [pa.field(name, PARQUET_TYPES[column.kind]) for name, column in table.columns.items()]
    columns = [_stored(rows[name], table.columns[name]) for name in table.columns]
    stored = pa.Table.from_arrays(columns, schema=pa.schema(fields))
    try:
        with file.open("wb") as stream:
            pq.write_table(
                stored, stream, compression="zstd", version="2.6", row_group_size=ROW_GROUP, store_schema=False
            )
    except OSError as error:
        raise storage_error(file, error) from error


def write_tables(
    directory: Path,
    tables: Mapping[str, pd.DataFrame],
    *,
    zones: Mapping[str, str],
    format: FileFormat = "csv",  # noqa: A002 - the word people use
    declared: Mapping[str, Table] = INPUT_TABLES,
) -> list[Path]:
    """Write input tables as a directory that :func:`partsopt.store.readers.read_inputs` reads back equal.

    Parameters
    ----------
    directory
        Made where it does not exist.
    tables
        Rows by name of the table; the order does not matter.
    zones
        IANA time zone of each site.
    format
        ``csv`` or ``parquet``.
    declared
        The declarations.

    Returns
    -------
    list[Path]
        The files written, in the order of the declarations.

    Raises
    ------
    StorageError
        A file cannot be written, or the directory holds a table in the other format already.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(directory, error) from error
    other = ".parquet" if format == "csv" else ".csv"
    standing = [name + other for name in declared if name in tables and (directory / (name + other)).exists()]
    if standing:
        raise StorageError(
            f"{directory.name} holds {', '.join(standing)} already. Remedy: remove them, or keep to {other}."
        )
    written = []
    for name in declared:
        if name in tables:
            file = directory / f"{name}.{format}"
            if format == "csv":
                write_csv(tables[name], declared[name], file, zones=zones)
            else:
                write_parquet(tables[name], declared[name], file)
            written.append(file)
    return written


# --------------------------------------------------------------------------- CSV: columns of text, joined to lines


def _lines(rows: pd.DataFrame, table: Table, zones: Mapping[str, str], profile: str, line_end: str) -> bytes:
    """Lines of CSV, each with its end, as one run of bytes."""
    columns = []
    for name, column in table.columns.items():
        if column.kind == "moment":
            site_ids = rows[table.zone_of] if table.zone_of else None
            texts = _moment_texts(rows[name], site_ids, zones, table)
        else:
            texts = _TEXTS[column.kind](rows[name], column, table.role == "input")
        if column.kind == "text":
            texts = _quoted(_without_formulas(texts) if profile == "excel" else texts)
        columns.append(texts)
    lines = _joined(_joined(*columns, between=","), line_end)
    _, offsets, content = lines.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(content)[ends[0] : ends[-1]].tobytes()


def _joined(*parts: pa.Array | str, between: str = "") -> pa.Array:
    scalars = [pa.scalar(part, TEXT) if isinstance(part, str) else part for part in (*parts, between)]
    return pc.binary_join_element_wise(*scalars)


def _quoted(texts: pa.Array) -> pa.Array:
    needed = pc.match_substring_regex(texts, '[",\r\n]')
    quoted = _joined('"', pc.replace_substring(texts, '"', '""'), '"')
    return pc.if_else(needed, quoted, texts)


def _without_formulas(texts: pa.Array) -> pa.Array:
    is_formula = pc.and_not(pc.match_substring_regex(texts, _FORMULA), pc.match_substring_regex(texts, _PLAIN_NUMBER))
    return pc.if_else(is_formula, _joined("'", texts), texts)


def _texts(values: pd.Series, _: Column, __: bool) -> pa.Array:
    return _whole_array(pa.array(values, TEXT))


def _whole_texts(values: pd.Series, _: Column, __: bool) -> pa.Array:
    return pa.array(values.to_numpy()).cast(TEXT)


def _number_texts(values: pd.Series, column: Column, is_input: bool) -> pa.Array:
    codes, distinct = pd.factorize(values, use_na_sentinel=True)
    if is_input:
        shown = [_in_full(one, 2 if column.unit == "money" else 0) for one in distinct.tolist()]
    else:
        shown = [_rounded(one, column.decimals, fixed=column.unit == "money") for one in distinct.tolist()]
    return _by_code(codes, shown)


def _in_full(value: float, at_least: int) -> str:
    """The shortest text that reads back as the same number, with at least so many decimals.

    Examples
    --------
    >>> _in_full(1e-05, 0), _in_full(12.5, 2), _in_full(-0.0, 0)
    ('0.00001', '12.50', '0')
    """
    whole, _, decimals = np.format_float_positional(value + 0.0, trim="-").partition(".")
    decimals = decimals.ljust(at_least, "0")
    return f"{whole}.{decimals}" if decimals else whole


def _rounded(value: float, decimals: int, *, fixed: bool) -> str:
    """A number of at most, or where ``fixed`` exactly, so many decimals; never "-0".

    Examples
    --------
    >>> _rounded(2.5, 2, fixed=True), _rounded(1e-7, 6, fixed=False), _rounded(-0.001, 2, fixed=True)
    ('2.50', '0', '0.00')
    """
    text = f"{value:.{decimals}f}"
    if decimals and not fixed:
        text = text.rstrip("0").rstrip(".")
    return text.removeprefix("-") if not text.strip("-0.") else text


def _flag_texts(values: pd.Series, _: Column, __: bool) -> pa.Array:
    return _by_code(values.to_numpy().astype(np.int64), ["false", "true"])


def _day_texts(values: pd.Series, _: Column, __: bool) -> pa.Array:
    codes, distinct = pd.factorize(values, use_na_sentinel=True)
    return _by_code(codes, [one.date().isoformat() for one in pd.DatetimeIndex(distinct)])


def _clock_texts(values: pd.Series, _: Column, __: bool) -> pa.Array:
    codes, distinct = pd.factorize(values)
    return _by_code(codes, [f"{one // 60:02d}:{one % 60:02d}" for one in distinct.tolist()])


_TEXTS: Mapping[str, Callable[[pd.Series, Column, bool], pa.Array]] = {
    "text": _texts,
    "whole": _whole_texts,
    "number": _number_texts,
    "flag": _flag_texts,
    "day": _day_texts,
    "clock": _clock_texts,
}


def _moment_texts(values: pd.Series, site_ids: pd.Series | None, zones: Mapping[str, str], table: Table) -> pa.Array:
    """Local times with their offset, such as 2026-11-02T08:30+08:00; seconds only where there are any."""
    shown = np.full(len(values), "", dtype=object)
    is_given = values.notna().to_numpy()
    zone_of = np.full(len(values), "UTC", dtype=object)
    if site_ids is not None:
        lacks = sorted(set(site_ids[is_given].unique()) - set(zones))
        if lacks:
            raise TableError(
                table=table.name,
                column=table.zone_of,
                value=lacks[0],
                rule="must be a site with a time zone",
                remedy="give the zones of all sites",
                more=len(lacks) - 1,
            )
        zone_of = site_ids.map(zones).to_numpy(dtype=object)
    for zone in sorted(set(zone_of[is_given])):
        places = np.flatnonzero(is_given & (zone_of == zone))
        codes, distinct = pd.factorize(pd.DatetimeIndex(values.iloc[places]).tz_convert(zone))
        shown[places] = np.array([_moment_text(one) for one in distinct], dtype=object)[codes]
    return pa.array(shown, TEXT)


def _moment_text(local: pd.Timestamp) -> str:
    if local.microsecond:
        return str(local.isoformat(timespec="microseconds"))
    return str(local.isoformat(timespec="seconds" if local.second else "minutes"))


def _by_code(codes: Array, shown: list[str]) -> pa.Array:
    """The text of each row's code; blank for -1."""
    return pa.array([*shown, ""], TEXT).take(pa.array(np.where(codes < 0, len(shown), codes)))


def _whole_array(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    if not isinstance(values, pa.ChunkedArray):
        return values
    return pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)


def _stored(values: pd.Series, column: Column) -> pa.Array:
    kind = PARQUET_TYPES[column.kind]
    if column.kind == "day":
        return pa.array(values.to_numpy().astype("datetime64[D]"), kind)
    if column.kind == "moment":
        return pa.array(values.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()).cast(pa.timestamp("us")).cast(kind)
    if column.kind == "text":
        return _whole_array(pa.array(values, TEXT)).cast(kind)
    return pa.array(values.to_numpy(), kind, from_pandas=True)
