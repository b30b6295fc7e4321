"""The routing benchmark on one very small instance; its gaps are nobody's promise."""

from __future__ import annotations

import csv

import pytest

from benchmarks import routing
from benchmarks.vrplib_files import check_solution, read_instance, read_solution
from tests.benchmarks.test_vrplib_files import SMALL


def test_each_instance_has_a_row_and_a_solution_that_checks(tmp_path):
    """Both clients alone cost 26 (together they are too heavy); the best known says 25."""
    folder = tmp_path / "instances" / "deep"
    folder.mkdir(parents=True)
    (folder / "small.vrp").write_text(SMALL, encoding="utf-8")
    (folder / "small.sol").write_text("Route #1: 1\nCost 25\n", encoding="utf-8")
    out, solutions = tmp_path / "out.csv", tmp_path / "solutions"
    arguments = ["--instances", tmp_path / "instances", "--seconds", "0.05", "--out", out, "--solutions", solutions]
    assert routing.main([str(one) for one in arguments]) == 0
    with out.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["instance"], row["cost"], row["gap"], row["status"]) == ("small", "26", "4.0", "feasible")
    routes, cost = read_solution(solutions / "deep" / "small.sol")
    assert cost == 26
    assert check_solution(read_instance(folder / "small.vrp"), routes).problems == ()


def test_a_file_that_cannot_be_read_has_a_row_and_an_exit_code(tmp_path):
    (tmp_path / "bad.vrp").write_text("DIMENSION : 3\n", encoding="utf-8")
    out = tmp_path / "out.csv"
    assert routing.main(["--instances", str(tmp_path), "--out", str(out), "--solutions", str(tmp_path)]) == 2
    assert "refused: bad.vrp line 1: DEPOT_SECTION is missing" in out.read_text(encoding="utf-8")


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(SystemExit, match=r"holds no .vrp file"):
        routing.main(["--instances", str(tmp_path), "--out", str(tmp_path / "o"), "--solutions", str(tmp_path)])
