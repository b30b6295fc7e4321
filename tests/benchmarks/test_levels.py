"""The benchmark of levels runs small; every way gives the same levels."""

from __future__ import annotations

import csv

from benchmarks import levels


def test_every_way_gives_the_same_levels(tmp_path):
    out = tmp_path / "levels.csv"
    assert levels.main(["--rows", "3000", "--scipy-rows", "3000", "--out", str(out)]) == 0
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows][:3] == ["partsopt", "partsopt", "numpy and scipy"]
    assert [row["different_levels"] for row in rows][1:3] == ["0", "0"]
