"""The benchmark of pooled dealers runs on a very small network."""

from __future__ import annotations

import csv

from benchmarks import dealers


def test_each_forecast_of_each_origin_has_a_row(tmp_path):
    out = tmp_path / "dealers.csv"
    assert dealers.main(["--dealers", "4", "--parts", "40", "--out", str(out)]) == 0
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["origin"], row["pairs"], row["forecast"]) for row in rows] == [
        (origin, pairs, forecast)
        for origin in ("12", "3")
        for pairs, forecast in (("listed", "alone"), ("listed", "pooled"), ("unlisted", "zero"), ("unlisted", "pooled"))
    ]
    assert all(float(row["tail_loss"]) > 0 for row in rows)
