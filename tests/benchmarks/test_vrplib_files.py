"""Reading, writing and checking routing instances: small files by hand, and the given best-known solutions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.vrplib_files import (
    Checked,
    Instance,
    InstanceError,
    check_solution,
    instances_under,
    read_instance,
    read_solution,
    write_solution,
)

GIVEN = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "routing"
SMALL = """NAME : small
TYPE : CVRPTW
DIMENSION : 3
VEHICLES : 2
CAPACITY : 10
SERVICE_TIME : 5
EDGE_WEIGHT_TYPE : EUC_2D
NODE_COORD_SECTION
1 0 0
2 3 4
3 0 8
DEMAND_SECTION
1 0
2 6
3 5
TIME_WINDOW_SECTION
1 0 100
2 10 20
3 0 50
DEPOT_SECTION
1
-1
EOF
"""
RELEASES = "RELEASE_TIME_SECTION\n1 0\n2 9\n3 60\nVEHICLES_RELOAD_DEPOT_SECTION\n1 1\n2 1\nDEPOT_SECTION\n1\n"
MULTI_TRIP = SMALL.replace("DEPOT_SECTION\n1\n", RELEASES).replace("3 0 50", "3 0 90")


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "small.vrp"
    path.write_text(text, encoding="utf-8")
    return path


def test_two_direct_routes_cost_twice_their_distance(tmp_path):
    """5 there and 5 back, 8 there and 8 back: 26, though distances are in tenths."""
    checked = check_solution(read_instance(written(tmp_path, SMALL)), [[1], [2]])
    assert (checked.cost, checked.problems) == (26.0, ())


@pytest.mark.parametrize(
    ("routes", "problem"),
    [
        ([[1, 2]], "route 1 carries 11 of 10"),
        ([[1]], "client 2 is visited 0 times"),
        ([[1], [2], []], "3 routes for 2 vehicles"),
        ([[1, 0, 2]], "route 1 reloads, which its vehicle may not"),
        ([[1], [7]], "route 2 visits 7, which is no client"),
    ],
)
def test_a_broken_solution_is_named(tmp_path, routes, problem):
    assert problem in check_solution(read_instance(written(tmp_path, SMALL)), routes).problems


def test_a_client_reached_after_its_window_is_named(tmp_path):
    """The client 5 away closes at 4."""
    instance = read_instance(written(tmp_path, SMALL.replace("2 10 20", "2 0 4")))
    assert "route 1 reaches client 1 at 50, after 40" in check_solution(instance, [[1], [2]]).problems


def test_a_trip_leaves_after_its_last_release(tmp_path):
    """Client 2 is released at 60 and 8 away: reached at 68, in tenths 680; the cost of this set is in tenths too."""
    instance = read_instance(written(tmp_path, MULTI_TRIP))
    checked = check_solution(instance, [[1, 0, 2]])
    assert (checked.cost, checked.problems) == (260.0, ())
    late = read_instance(written(tmp_path, MULTI_TRIP.replace("3 0 90", "3 0 60")))
    assert "route 1 reaches client 2 at 680, after 600" in check_solution(late, [[1, 0, 2]]).problems


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("DIMENSION : 3", "DIMENSION : x", "DIMENSION is 'x', which is no whole number"),
        ("DIMENSION : 3", "", "DIMENSION is missing"),
        ("3 0 8\n", "", "NODE_COORD_SECTION has 2 rows; 3 are expected"),
        ("2 6", "2 six", "line 14: a row of DEMAND_SECTION is '2 six', not numbers"),
        ("2 6", "2 -6", "line 14: a row of DEMAND_SECTION is '2 -6'; a value is negative or not finite"),
        ("2 10 20", "2 30 20", "location 2 closes before it opens"),
        ("CAPACITY : 10\n", "", "line 22: CAPACITY, or CAPACITY_SECTION, is missing; the file ends here"),
        ("EUC_2D", "GEO", "line 7: EDGE_WEIGHT_TYPE is GEO; EUC_2D, CEIL_2D, FLOOR_2D and EXPLICIT are known"),
        ("EUC_2D", "EXPLICIT", "EDGE_WEIGHT_FORMAT is missing"),
        ("2 6", "4 6", "line 14: a row of DEMAND_SECTION is '4 6'; a number from 1 to 3 and 1 more are expected"),
        ("2 6", "3 6", "line 15: a row of DEMAND_SECTION is '3 5', the second of that number"),
        ("VEHICLES : 2", "VEHICLES : 0", "line 4: VEHICLES is 0; it must be 1 or more"),
        ("NAME : small", "DISTANCE : 9", "line 1: DISTANCE beside windows"),
        ("NAME : small", "CAPACITY : 9", "line 5: header CAPACITY is there twice"),
        ("2 3 4", "2 3 4e12", "NODE_COORD has values above"),
        ("DEPOT_SECTION\n1\n", "DEPOT_SECTION\n2\n", "the depots must be the locations 1, 2"),
        ("DEMAND_SECTION", "BACKHAUL_SECTION", "section BACKHAUL_SECTION is not known here"),
        ("NAME : small", "GRIP : small", "header GRIP is not known here"),
        ("CVRPTW", "OVRP", "line 2: TYPE is OVRP, which is another problem"),
        (SMALL[SMALL.index("3 0 50") :], "3 0 5", "line 19: DEPOT_SECTION is missing; the file ends here"),
        ("2 6", "2 0.0625", "line 12: DEMAND or CAPACITY has more than three decimals"),
        ("1\n-1", "1 2\n3", "line 20: of 3 locations 3 are depots, nobody is left to visit"),
        ("1\n-1", "1 2\n-1", "VEHICLES_DEPOT_SECTION is missing"),
        (
            "DEPOT_SECTION",
            "VEHICLES_DEPOT_SECTION\n1 1\n2 1.5\nDEPOT_SECTION",
            "line 20: .* a location that is no depot",
        ),
        ("2 6", "2\0 6", "not a text file"),
    ],
)
def test_a_malformed_file_is_refused_by_name(tmp_path, old, new, said):
    with pytest.raises(InstanceError, match=f"small.vrp.*{said}"):
        read_instance(written(tmp_path, SMALL.replace(old, new, 1)))


@pytest.mark.parametrize(
    "said",
    [
        SMALL.replace("\n", "\r\n"),
        SMALL.replace(" ", "\t"),
        "\ufeff" + SMALL,
        SMALL.replace(" : ", ": ").replace("_SECTION", "_SECTION :").replace("EOF", "eof:"),
        SMALL.replace(" : ", " ").lower(),
        SMALL.replace("small", "a small one: no. 1"),
        SMALL.replace("NAME : small\n", "# as of today\n\nCOMMENT Universit\xe9\nCOMMENT : (best known: 26)\n"),
        SMALL.replace("2 3 4", "COMMENT : near\n # far\n 2   3.0 4.00e+00 "),
        SMALL.replace("-1\nEOF\n", ""),
        SMALL.replace("CAPACITY : 10", "CAPACITY : 10.0").replace("2 6", "2 6.00"),
        SMALL.replace("VEHICLES : 2\n", "").replace("CAPACITY : 10", "CAPACITY_SECTION\n2 10\n1 10"),
    ],
)
def test_a_file_is_read_however_it_is_written(tmp_path, said):
    path = tmp_path / "other.VRP"
    path.write_bytes(said.encode("latin-1" if "\xe9" in said else "utf-8"))
    assert instances_under(tmp_path) == [path]
    plain, other = read_instance(written(tmp_path, SMALL)), read_instance(path)
    for name in Instance.__annotations__.keys() - {"name"}:
        assert np.array_equal(getattr(plain, name), getattr(other, name)), name


def test_fractions_of_a_load_count(tmp_path):
    """6.25 and 4 do not go into 10, 6 and 4 do."""
    text = SMALL.replace("3 5\n", "3 4\n")
    two = [[2, 1]]
    assert check_solution(read_instance(written(tmp_path, text.replace("2 10 20", "2 0 99"))), two).problems == ()
    heavy = read_instance(written(tmp_path, text.replace("2 6", "2 6.25").replace("2 10 20", "2 0 99")))
    assert check_solution(heavy, two).problems == ("route 1 carries 1025 of 1000",)


def test_fractions_of_a_unit_cost_count(tmp_path):
    """A kilometre of the second vehicle costs one and a half times as much; costs of this set are in hundredths."""
    units = "VEHICLES_UNIT_DISTANCE_COST_SECTION\n1 100\n2 150.5\nDEPOT_SECTION"
    fleet = SMALL.replace("TIME_WINDOW_SECTION\n1 0 100\n2 10 20\n3 0 50\n", "").replace("DEPOT_SECTION", units)
    assert check_solution(read_instance(written(tmp_path, fleet)), [[1], [2]]).cost == 10 + 16 * 1.505


def test_windows_are_never_widened_by_rounding(tmp_path):
    """5.06 to 8.06 in tenths is 51 to 80."""
    instance = read_instance(written(tmp_path, SMALL.replace("2 10 20", "2 5.06 8.06")))
    assert (instance.opens[1], instance.closes[1]) == (51, 80)


MATRIX = """TYPE : CVRP
DIMENSION : 3
VEHICLES : 2
CAPACITY : 10
EDGE_WEIGHT_TYPE : EXPLICIT
EDGE_WEIGHT_FORMAT : {form}
DEPOT_SECTION
1
DEMAND_SECTION
3 5
1 0
2 6
EDGE_WEIGHT_SECTION
{weights}
EOF
"""


@pytest.mark.parametrize(
    ("form", "weights"),
    [
        ("FULL_MATRIX", "0 5 8\n5 0 7\n8 7 0"),
        ("LOWER_ROW", "5\n8 7"),
        ("LOWER_DIAG_ROW", "0 5 0 8 7 0"),
        ("UPPER_COL", "5\n8 7"),
        ("LOWER_DIAG_COL", "0 5 8\n0 7 0"),
        ("UPPER_ROW", "5 8\n7"),
        ("lower_col", "5 8\n7"),
        ("UPPER_DIAG_COL", "0 5 0 8 7 0"),
        ("UPPER_DIAG_ROW", "0 5 8\n0 7 0"),
    ],
)
def test_a_matrix_is_read_in_every_form_and_sections_in_any_order(tmp_path, form, weights):
    """Between the depot and the clients 5 and 8, between the clients 7; the heavier client is the first."""
    instance = read_instance(written(tmp_path, MATRIX.format(form=form, weights=weights)))
    assert instance.distance.tolist() == [[0, 5, 8], [5, 0, 7], [8, 7, 0]]
    assert instance.demand.tolist() == [0, 6, 5]
    assert check_solution(instance, [[1], [2]]).cost == 26.0


def test_a_matrix_of_fractions_keeps_them(tmp_path):
    instance = read_instance(written(tmp_path, MATRIX.format(form="LOWER_ROW", weights="5.5 8 7")))
    assert check_solution(instance, [[1], [2]]).cost == 27.0


def test_a_matrix_may_differ_by_direction(tmp_path):
    instance = read_instance(written(tmp_path, MATRIX.format(form="FULL_MATRIX", weights="0 5 8\n6 0 7\n9 7 0")))
    assert check_solution(instance, [[1], [2]]).cost == 5 + 6 + 8 + 9


def test_times_of_fractions_stand_beside_a_whole_matrix(tmp_path):
    """The way takes 5 and the client closes at 5.5 or at 4.5."""
    windows = "TIME_WINDOW_SECTION\n1 0 99\n2 0 {}\n3 0 99\nDEPOT_SECTION"
    text = MATRIX.format(form="LOWER_ROW", weights="5 8 7").replace("DEPOT_SECTION", windows)
    soon, late = (read_instance(written(tmp_path, text.format(closes))) for closes in (5.5, 4.5))
    assert check_solution(soon, [[1], [2]]) == Checked(26.0, ())
    assert check_solution(late, [[1], [2]]).problems == ("route 1 reaches client 1 at 5000, after 4500",)


def test_costs_of_a_matrix_stand_as_they_are(tmp_path):
    """Two depots, distances with fractions."""
    text = MATRIX.format(form="LOWER_ROW", weights="5 8.5 7").replace("DEPOT_SECTION\n1", "DEPOT_SECTION\n1\n2")
    text = text.replace("DEMAND_", "VEHICLES_DEPOT_SECTION\n1 1\n2 2\nDEMAND_")
    assert check_solution(read_instance(written(tmp_path, text)), [[2], []]).cost == 17.0


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("5 8", "line 13: EDGE_WEIGHT_SECTION has 2 weights; 3 are expected"),
        ("5\n8 x", "line 15: '8 x' are not numbers"),
        ("5\n8 -7", "line 15: a weight is negative or not finite"),
    ],
)
def test_a_malformed_matrix_is_refused_by_line(tmp_path, weights, said):
    with pytest.raises(InstanceError, match=f"small.vrp {said}"):
        read_instance(written(tmp_path, MATRIX.format(form="LOWER_ROW", weights=weights)))


@pytest.mark.parametrize(("kind", "apart"), [("EUC_2D", 1), ("CEIL_2D", 2), ("FLOOR_2D", 1)])
def test_plain_instances_take_whole_distances(tmp_path, kind, apart):
    """The diagonal of a square of 1 is 1.41."""
    text = f"TYPE : CVRP\nDIMENSION : 2\nCAPACITY : 9\nEDGE_WEIGHT_TYPE : {kind}\nDISTANCE : 4\nSERVICE_TIME : 3\n"
    text += "NODE_COORD_SECTION\n1 0 0\n2 1 1\nDEMAND_SECTION\n1 0\n2 1\nDEPOT_SECTION\n1\n"
    checked = check_solution(read_instance(written(tmp_path, text)), [[1]])
    assert checked.cost == 2 * apart
    assert checked.problems == (f"route 1 takes {2 * apart + 3}, more than 4",)


def test_a_folder_without_instances_is_refused(tmp_path):
    with pytest.raises(InstanceError, match=r"holds no .vrp file"):
        instances_under(tmp_path)


def test_a_solution_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "small.sol"
    write_solution(path, [[1, 0, 2], []], 26.5)
    assert path.read_text(encoding="utf-8") == "Route #1: 1 0 2\nRoute #2:\nCost: 26.5\n"
    assert read_solution(path) == ([[1, 0, 2], []], 26.5)


@pytest.mark.parametrize("cost", ["nan", "0", "-5", "1,234"])
def test_a_cost_that_is_none_is_refused(tmp_path, cost):
    path = tmp_path / "bad.sol"
    path.write_text(f"Route #1: 1\nCost {cost}\n", encoding="utf-8")
    with pytest.raises(InstanceError, match=r"bad.sol line 2: .* is no route of whole numbers and no cost"):
        read_solution(path)


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(InstanceError, match=r"gone.vrp: cannot be read, No such file"):
        read_instance(tmp_path / "gone.vrp")


def test_a_solution_with_words_in_a_route_is_refused(tmp_path):
    path = tmp_path / "bad.sol"
    path.write_text("Route #1: 1 two\nCost 3\n", encoding="utf-8")
    with pytest.raises(InstanceError, match=r"bad.sol line 1: .* is no route of whole numbers and no cost"):
        read_solution(path)


@pytest.mark.skipif(not GIVEN.is_dir(), reason="the routing instances are not beside the checkout")
@pytest.mark.parametrize("path", sorted(GIVEN.rglob("*.vrp")), ids=lambda path: path.stem)
def test_given_best_known_costs_come_out_exactly(path):
    routes, cost = read_solution(path.with_suffix(".sol"))
    checked = check_solution(read_instance(path), routes)
    assert checked.problems == ()
    assert round(checked.cost, 2) == cost
