"""The cells of one input file as text, with the physical line of each row.

:mod:`partsopt.store.csv_sheets` and :mod:`partsopt.store.parquet_sheets` make sheets of files.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa

from partsopt.errors import Violation
from partsopt.settings import ReadParams
from partsopt.store.casts import nearest
from partsopt.tables import Table

MAX_SHOWN = 200
TEXT = pa.large_string()

Array: TypeAlias = np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One input file: its cells as text, or the faults that make it unreadable.

    ``cells`` has one array for each declared column of the file. ``lines`` is the physical line of
    each row, the header being on line 1 (Parquet: the row's number from 1). ``malformed`` are rows
    that could not be split into cells; they count in ``n_rows``. ``faults`` stop the run.
    """

    table: Table
    file: str
    sha256: str
    cells: Mapping[str, pa.ChunkedArray]
    lines: Array
    n_rows: int = 0
    malformed: tuple[Violation, ...] = ()
    faults: tuple[Violation, ...] = ()
    notes: tuple[str, ...] = ()
    row_texts: Callable[[Array], list[str]] = lambda rows: [""] * len(rows)


def blank_sheet(data: bytes, file: str, table: Table) -> Sheet:
    """A sheet of a file that is still to be split."""
    sha256 = hashlib.sha256(data).hexdigest()
    return Sheet(table=table, file=file, sha256=sha256, cells={}, lines=np.zeros(0, dtype=np.int64))


def file_fault(
    table: Table, file: str, rule: str, remedy: str, *, line: int = 0, column: str = "", value: str = ""
) -> Violation:
    """A violation that stops the run."""
    return Violation(
        table=table.name,
        file=file,
        line=line,
        column=column,
        value=shortened(value),
        rule=rule,
        remedy=remedy,
        stops_the_run=True,
    )


def shortened(text: str) -> str:
    """A text as it is shown to people: the first 200 characters."""
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def too_many_cells(blank: Sheet, n_rows: int, n_columns: int, params: ReadParams) -> Violation:
    """A file with more cells than the settings allow."""
    rule = f"has {n_rows} rows of {n_columns} columns, more cells than read.max_cells allows ({params.max_cells})"
    return file_fault(blank.table, blank.file, rule, "give a smaller file, or raise read.max_cells")


# --------------------------------------------------------------------------- header


class Header(NamedTuple):
    """Names of a file's columns by position, what is wrong with them, and what is passed over."""

    names: tuple[str, ...]
    faults: tuple[Violation, ...]
    notes: tuple[str, ...]


def check_header(names: Sequence[str], table: Table, file: str, line: int) -> Header:
    """Compare a file's column names with the declaration.

    Every required column must be there and none may come twice. A column that is not declared is
    not read, and noted with the nearest declared name.
    """
    if len(names) == 1 and re.search(r"[;\t|]", names[0]):
        fault = file_fault(
            table, file, "must separate values with commas", "save it as CSV with commas", line=line, value=names[0]
        )
        return Header(tuple(names), (fault,), ())
    strange = [name for name in names if name not in table.columns]
    faults, notes = [], []
    for name, column in table.columns.items():
        if column.required and name not in names:
            near = nearest(name, [one for one in strange if one.strip()])
            hint = f'rename "{near}", which is the nearest' if near else f"add it: {column.says}"
            faults.append(file_fault(table, file, f"lacks the column {name}", hint, line=line))
    faults += [
        file_fault(table, file, f"has the column {name} {names.count(name)} times", "keep one", line=line)
        for name in table.columns
        if names.count(name) > 1
    ]
    for place, name in enumerate(names, start=1):
        if not name.strip():
            notes.append(f"{file}: column {place} has no name and is not read.")
        elif name in strange:
            near = nearest(name, [one for one in table.columns if one not in names])
            hint = f"; did you mean {near}?" if near else "."
            notes.append(f'{file}: "{shortened(name)}" is not a column of {table.name} and is not read{hint}')
    return Header(tuple(names), tuple(faults), tuple(dict.fromkeys(notes)))
