"""The benchmark of levels runs small; every way gives the same levels."""

from __future__ import annotations

import csv
from importlib.util import find_spec

import pytest

from benchmarks import levels

SMALL = ["--rows", "3000", "--scipy-rows", "3000", "--dc-parts", "200", "--dealers", "9", "--dealers-a-part", "4"]


def rows_of(out):
    with out.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_way_gives_the_same_levels(tmp_path):
    out = tmp_path / "levels.csv"
    assert levels.main([*SMALL, "--out", str(out)]) == 0
    rows = rows_of(out)
    assert [(row["method"], row["threads"]) for row in rows] == [
        ("partsopt", "1"), ("partsopt", "2"), ("numpy and scipy", "1"), ("two echelons", "1"), ("two echelons", "2"),
    ]  # fmt: skip
    assert [row["different_levels"] for row in rows] == ["", "0", "0", "", "0"]
    assert 200 <= int(rows[-1]["rows"]) <= 200 * 9


def test_the_peer_is_timed_beside_ours_where_it_is_installed(tmp_path, capsys):
    out = tmp_path / "levels.csv"
    arguments = [*SMALL, "--peers", "--peer-rows", "50", "--out", str(out)]
    if find_spec("stockpyl") is None:
        with pytest.raises(SystemExit):
            levels.main(arguments)
        assert "pip install --target DIR stockpyl" in capsys.readouterr().err
        return
    assert levels.main(arguments) == 0
    ours, peer = rows_of(out)[3:5]
    assert (ours["method"], peer["method"]) == ("partsopt, newsvendor", "stockpyl, newsvendor")
    assert peer["different_levels"] == "0"
