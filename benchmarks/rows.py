"""Rows of figures as a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd


def write_rows(rows: Iterable[Mapping[str, object]], columns: Sequence[str], out: Path) -> None:
    """Write rows below a line of column names; a figure that a row does not have is blank.

    Raises
    ------
    ValueError
        Where a row has a figure that is no column.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def write_table(table: pd.DataFrame, out: Path) -> None:
    """Write a table as a CSV file."""
    out.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(out, index=False, lineterminator="\n")
