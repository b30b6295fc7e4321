"""The benchmark of the night runs on a very small network; its times are nobody's promise."""

from __future__ import annotations

import csv

import pytest

from benchmarks import night


def test_every_stage_and_the_whole_have_a_row(tmp_path):
    out = tmp_path / "night.csv"
    sizes = ["--dcs", "1", "--dealers", "2", "--parts", "20", "--months", "6"]
    assert night.main([*sizes, "--directory", str(tmp_path / "network"), "--out", str(out)]) == 0
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    steps = [row["step"] for row in rows]
    assert steps[0] == "sample"
    assert {"read", "demand", "forecast", "classify", "replenish", "allocate", "routing", "write"} <= set(steps)
    assert steps[-1] == "run"
    assert all(float(row["seconds"]) >= 0 for row in rows)
    assert int(rows[-1]["peak_memory_mb"]) > 0


@pytest.mark.parametrize(
    ("counted", "rows"), [("17 tables with 15,656 rows", 15656), ("2,150 series", 2150), ("runs/20261102-5", "")]
)
def test_rows_are_the_number_of_rows_or_else_the_first_number(counted, rows):
    assert night.row_of("read", 1.0, None, counted)["rows"] == rows
