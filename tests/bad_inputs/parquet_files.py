"""Broken Parquet files, made when the case is laid out: what is wrong with them is seen here, not in their bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq


def _replace_by_parquet(directory: Path, name: str, columns: Mapping[str, pa.Array], **options: object) -> None:
    (directory / f"{name}.csv").unlink()
    pq.write_table(pa.table(dict(columns)), directory / f"{name}.parquet", **options)


def _two_files(directory: Path) -> None:
    pq.write_table(pa_csv.read_csv(directory / "parts.csv"), directory / "parts.parquet")


def _ids_as_numbers(directory: Path) -> None:
    _replace_by_parquet(directory, "stock", {"site_id": ["BJ"], "part_id": pa.array([123]), "on_hand": pa.array([20])})


def _types_not_allowed(directory: Path) -> None:
    _replace_by_parquet(
        directory,
        "demand_lines",
        {
            "demanded_on": pa.array([20260901]),
            "site_id": pa.array([["D01"]]),
            "part_id": pa.array([b"00123"]),
            "quantity": pa.array([True]),
            "is_return": pa.array([0]),
        },
    )


def _values_broken(directory: Path) -> None:
    _replace_by_parquet(
        directory,
        "demand_lines",
        {
            "demanded_on": pa.array([0, 86_400_000_001, 1_788_220_800_000_000, None], pa.timestamp("us")),
            "site_id": pa.array(["D01", "D01", None, "D01"]).dictionary_encode(),
            "part_id": pa.array(["00123", "00123", "00123", "1E5, 2"]),
            "quantity": pa.array([3.5, float("nan"), 3.0, 1e300]),
        },
    )


def _cut_off(directory: Path) -> None:
    _replace_by_parquet(directory, "stock", {"site_id": ["BJ"], "part_id": ["00123"], "on_hand": pa.array([20])})
    file = directory / "stock.parquet"
    file.write_bytes(file.read_bytes()[:-5])


def _too_many_cells(directory: Path) -> None:
    n = 20_000
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * n, pa.int8()), pa.array(["BJ"]))
    _replace_by_parquet(directory, "stock", {"site_id": texts, "part_id": texts, "on_hand": pa.array([1] * n)})
    (directory / "settings.toml").write_text("[read]\nmax_cells = 59_999\n")


def _long_repeated_text(directory: Path) -> None:
    n = 1_000
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * n, pa.int8()), pa.array(["x" * 100_000]))
    _replace_by_parquet(directory, "stock", {"site_id": texts, "part_id": texts, "on_hand": pa.array([1] * n)})
    (directory / "settings.toml").write_text("[read]\nmax_bytes = 100_000_000\n")


PARQUET_FILES: Mapping[str, Callable[[Path], None]] = {
    "two_files_of_one_table": _two_files,
    "parquet_ids_as_numbers": _ids_as_numbers,
    "parquet_types_not_allowed": _types_not_allowed,
    "parquet_values_broken": _values_broken,
    "parquet_cut_off": _cut_off,
    "parquet_with_too_many_cells": _too_many_cells,
    "parquet_of_long_repeated_text": _long_repeated_text,
}
