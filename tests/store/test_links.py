import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.store.links import Referred, broken_references, cycles, repeated_keys
from partsopt.tables import STOCK, TRAVEL, part


def reference_cycle(successor, start):
    """Members of the circle that a part is in, walking from it; empty where it is in none."""
    walked = [start]
    while (following := successor.get(walked[-1])) is not None and following not in walked:
        walked.append(following)
    if successor.get(walked[-1]) != start:
        return []
    turn = walked.index(min(walked))
    return walked[turn:] + walked[:turn]


@given(st.dictionaries(st.sampled_from("ABCDEFGH"), st.sampled_from("ABCDEFGH")))
@settings(max_examples=100, deadline=None)
def test_cycles_are_those_found_by_walking_from_every_part(successor):
    expected = {old: reference_cycle(successor, old) for old in successor if reference_cycle(successor, old)}
    assert cycles(successor) == expected


def test_a_chain_of_a_hundred_thousand_is_walked_once():
    assert cycles({str(n): str(n + 1) for n in range(100_000)}) == {}


def test_a_reference_names_the_refused_row_it_points_to():
    ids = pd.Series(["A", "B", "C", ""], index=[4, 5, 6, 7])
    link = broken_references(ids, "part_id", part(), Referred(pd.Index(["A"]), {"B": "parts.csv line 9"}))
    assert link.rows.tolist() == [5, 6]
    assert link.rules == [
        "must be a part_id of parts, and the row that has it was refused (parts.csv line 9)",
        "must be a part_id of parts",
    ]


def test_the_first_of_repeated_keys_is_kept():
    rows = pd.DataFrame({"site_id": ["D1", "D1", "D1"], "part_id": "A", "on_hand": [1, 1, 2]}, index=[0, 3, 5])
    link = repeated_keys(rows, pd.Series([2, 5, 7], index=[0, 3, 5]), STOCK)
    assert link.rows.tolist() == [3, 5]
    assert link.rules == [
        "must not repeat; line 2 has it already, with the same values",
        "must not repeat; line 2 has it already, with other values",
    ]


def test_missing_values_are_the_same_value():
    rows = pd.DataFrame({"from_id": ["A", "A"], "to_id": ["B", "B"], "travel_min": [float("nan")] * 2})
    link = repeated_keys(rows, pd.Series([2, 3]), TRAVEL)
    assert link.rules == ["must not repeat; line 2 has it already, with the same values"]
