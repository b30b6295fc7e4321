"""The benchmark of many dealer series runs on few."""

from __future__ import annotations

import csv

import pytest

from benchmarks import pairs


def test_both_ways_answer_every_pair(tmp_path):
    out = tmp_path / "pairs.csv"
    assert pairs.main(["--dealers", "4", "--parts", "150", "--out", str(out)]) == 0
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["way"], row["series"]) for row in rows] == [("command", "600"), ("network", "600")]
    assert all(float(row["user_s"]) > 0 and float(row["peak_memory_mb"]) > 0 for row in rows)
    assert float(rows[1]["note"].split(" at most")[0].rsplit(" ", 1)[1]) < 1e-9


def test_what_was_written_is_read_back(tmp_path):
    """Every pair has a row, those that never sold one of zero."""
    drawn = pairs.draw(4, 50, seed=3)
    pairs.write(tmp_path / "demand.parquet", drawn, 4, 50)
    again = pairs.drawn_of(tmp_path / "demand.parquet", 50)
    for one, other in zip(drawn, again, strict=True):
        assert one.tolist() == other.tolist()
    assert sorted(set(drawn.pair.tolist())) == list(range(200))
    assert drawn.pieces.sum() == pytest.approx(200 * pairs.ORDERS_A_PAIR * 5 / 3, rel=0.5)
