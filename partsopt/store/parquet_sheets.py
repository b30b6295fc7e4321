"""Parquet files as cells of text: typed columns are written out without loss.

So one contract, that of :mod:`partsopt.store.casts`, holds for every file. A column whose type
cannot hold its values faithfully, such as part numbers stored as integers, is refused. A small
file can hold very much: rows times columns are bounded before reading, and memory while reading.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from partsopt.settings import ReadParams
from partsopt.store.sheets import TEXT, Sheet, blank_sheet, check_header, file_fault, shortened, too_many_cells
from partsopt.tables import Column, Kind, Table

BATCH_ROWS = 65_536

_STORED_AS: Mapping[Kind, tuple[str, Callable[[pa.DataType], bool]]] = {
    "text": ("text", lambda _: False),
    "whole": (
        "integers, or text",
        lambda kind: pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind),
    ),
    "number": (
        "numbers, or text",
        lambda kind: pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind),
    ),
    "flag": ("booleans, or text", pa.types.is_boolean),
    "day": (
        "dates, timestamps at midnight, or text",
        lambda kind: pa.types.is_date(kind) or pa.types.is_timestamp(kind),
    ),
    "moment": ("timestamps, or text", pa.types.is_timestamp),
    "clock": (
        "times, minutes after midnight, or text",
        lambda kind: pa.types.is_time(kind) or pa.types.is_integer(kind),
    ),
}


def read_parquet_sheet(data: bytes, file: str, table: Table, params: ReadParams) -> Sheet:
    """Write the cells of a Parquet file out as text, within the bounds of the settings."""
    blank = blank_sheet(data, file, table)
    try:
        return _sheet_of_parquet(data, blank, params)
    except (pa.ArrowException, OSError, MemoryError, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        rule = f"cannot be read as Parquet ({shortened(reason)})"
        return replace(blank, faults=(file_fault(table, file, rule, "write the file again"),))


def _sheet_of_parquet(data: bytes, blank: Sheet, params: ReadParams) -> Sheet:
    table, file = blank.table, blank.file
    source = pq.ParquetFile(pa.BufferReader(data))
    schema, meta = source.schema_arrow, source.metadata
    header = check_header(list(schema.names), table, file, 0)
    wanted = [name for name in table.columns if name in schema.names]
    faults = list(header.faults)
    for name in wanted if not faults else ():
        stored, column = schema.field(name).type, table.columns[name]
        if not _is_stored_well(stored, column.kind):
            rule = f"must be stored as {_STORED_AS[column.kind][0]}"
            is_number = pa.types.is_integer(stored) or pa.types.is_floating(stored)
            lost = "write it as text; a number has lost its leading zeros" if is_number else "store it so"
            faults.append(file_fault(table, file, rule, lost, column=name, value=str(stored)))
    if meta.num_rows * max(len(schema.names), 1) > params.max_cells:
        faults.append(too_many_cells(blank, meta.num_rows, len(schema.names), params))
    if faults:
        return replace(blank, faults=tuple(faults))
    # text is read as dictionaries, so that a long value repeated a million times stays one value until it is measured
    texts = [name for name in wanted if _is_text(schema.field(name).type)]
    source = pq.ParquetFile(pa.BufferReader(data), read_dictionary=texts)
    chunks: dict[str, list[pa.Array]] = {name: [] for name in wanted}
    n_rows = n_bytes = 0
    for batch in source.iter_batches(batch_size=BATCH_ROWS, columns=wanted):
        n_rows += batch.num_rows
        if n_rows * len(schema.names) > params.max_cells:
            return replace(blank, faults=(too_many_cells(blank, n_rows, len(schema.names), params),))
        for name in wanted:
            values = batch.column(name)
            n_bytes += _unpacked_bytes(values)
            if n_bytes > params.max_bytes:
                rule = f"takes more memory than read.max_bytes allows ({params.max_bytes})"
                remedy = "give a smaller file, or raise read.max_bytes"
                return replace(blank, faults=(file_fault(table, file, rule, remedy),))
            chunks[name].append(_text_of(values, table.columns[name]))
    cells = {name: pa.chunked_array(chunks[name], TEXT) for name in wanted}
    return replace(
        blank,
        cells=cells,
        lines=np.arange(1, n_rows + 1, dtype=np.int64),
        n_rows=n_rows,
        notes=header.notes,
        row_texts=lambda rows: _rows_as_csv([cell.take(pa.array(rows)).to_pylist() for cell in cells.values()]),
    )


def _is_text(stored: pa.DataType) -> bool:
    return pa.types.is_string(stored) or pa.types.is_large_string(stored) or pa.types.is_string_view(stored)


def _is_stored_well(stored: pa.DataType, kind: Kind) -> bool:
    if pa.types.is_dictionary(stored):
        stored = stored.value_type
    return _is_text(stored) or pa.types.is_null(stored) or _STORED_AS[kind][1](stored)


def _unpacked_bytes(values: pa.Array) -> int:
    if not pa.types.is_dictionary(values.type):
        return int(values.nbytes)
    lengths = pc.binary_length(values.dictionary) if _is_text(values.dictionary.type) else None
    if lengths is None:
        return int(values.nbytes)
    return int(pc.sum(pc.cast(lengths.take(values.indices), pa.int64())).as_py() or 0) + 8 * len(values)


def _text_of(values: pa.Array, column: Column) -> pa.Array:
    """Cells of a stored column written out as the text a CSV file would hold; null is blank."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    stored = values.type
    if pa.types.is_floating(stored):
        texts = _text_of_floats(values.cast(pa.float64()), column.kind)
    elif pa.types.is_decimal(stored):
        texts = values.cast(pa.string())
        if column.kind == "whole":
            texts = pc.replace_substring_regex(texts, r"\.0+$", "")
    elif pa.types.is_timestamp(stored):
        texts = _text_of_timestamps(values, column.kind)
    elif pa.types.is_date(stored):
        texts = values.cast(pa.date32()).cast(pa.string())
    elif pa.types.is_time(stored):
        texts = pc.replace_substring_regex(values.cast(pa.string()), r"\.0+$", "")
    elif pa.types.is_integer(stored) and column.kind == "clock":
        texts = pa.array([_clock_text(minutes) for minutes in values.to_pylist()], pa.string())
    elif pa.types.is_null(stored):
        texts = pa.nulls(len(values), pa.string())
    else:
        texts = values if _is_text(stored) else values.cast(pa.string())
    return pc.fill_null(texts.cast(TEXT), "")


def _text_of_floats(values: pa.Array, kind: Kind) -> pa.Array:
    if kind != "whole":
        return values.cast(pa.string())
    plain = pc.fill_null(values, 0.0).to_numpy(zero_copy_only=False)
    integral = np.isfinite(plain) & (np.trunc(plain) == plain) & (np.abs(plain) < 2**53)
    whole = pa.array(np.where(integral, plain, 0).astype(np.int64)).cast(pa.string())
    texts = pc.if_else(pa.array(integral), whole, values.cast(pa.string()))
    return pc.if_else(values.is_valid(), texts, pa.scalar(None, pa.string()))


def _text_of_timestamps(values: pa.Array, kind: Kind) -> pa.Array:
    has_zone = values.type.tz is not None
    micros = values.cast(pa.timestamp("us", tz=values.type.tz), safe=False)
    texts = micros.cast(pa.int64()).cast(pa.timestamp("us")).cast(pa.string())
    if has_zone:
        return pc.binary_join_element_wise(texts, "Z", "")
    return pc.replace_substring_regex(texts, r" 00:00:00(\.0+)?$", "") if kind == "day" else texts


def _clock_text(minutes: int | None) -> str | None:
    if minutes is None or not 0 <= minutes < 24 * 60:
        return None if minutes is None else str(minutes)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _rows_as_csv(columns: Sequence[Sequence[str]]) -> list[str]:
    texts = []
    for row in zip(*columns, strict=True):
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(row)
        texts.append(line.getvalue())
    return texts
