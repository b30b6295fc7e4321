"""Part groups and costs of series, from files small enough to check by eye."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from partsopt.errors import InputError
from partsopt.store.series_items import SeriesItems, read_items
from tests.store.test_series import NAN, written


def items_of(folder: Path, columns: dict[str, object], *, share: float = 1.0) -> SeriesItems:
    return read_items(written(folder, columns, "items.parquet"), pa.array(["A", "B", "C"]), share)


def test_items_give_groups_and_costs_in_the_order_of_the_series(tmp_path):
    read = items_of(
        tmp_path, {"series_id": ["C", "A", "X"], "part_group": ["oil", None, "air"], "price": [3.0, 1.0, 9.0]}
    )
    assert read.groups.tolist() == [-1, -1, 1]
    np.testing.assert_array_equal(read.value, [1, NAN, 3])
    assert read.n_known == 2
    assert len(read.refusals) == 0


@pytest.mark.parametrize("price", [["2", " 1.5 ", None], pa.array(["2", "1.5", ""]).dictionary_encode()])
def test_costs_may_be_text_that_says_numbers(tmp_path, price):
    read = items_of(tmp_path, {"series_id": ["A", "B", "C"], "price": price})
    np.testing.assert_array_equal(read.value, [2, 1.5, NAN])
    assert len(read.refusals) == 0


@pytest.mark.parametrize("cost", [-1.0, np.inf, -np.inf, "three", "NaN"])
def test_a_cost_that_cannot_be_is_not_known_and_its_row_is_kept(tmp_path, cost):
    """The group of the same row stands."""
    prices = [cost, 2.0] if isinstance(cost, float) else [cost, "2"]
    read = items_of(tmp_path, {"series_id": ["A", "B"], "part_group": ["oil", "air"], "price": prices})
    np.testing.assert_array_equal(read.value, [NAN, 2, NAN])
    assert read.groups.tolist() == [1, 0, -1]
    (violation,) = read.refusals.named()
    assert (violation.table, violation.file, violation.line, violation.column) == ("items", "items.parquet", 1, "price")
    assert violation.rule.startswith("must be")


def test_a_row_without_a_series_names_none(tmp_path):
    read = items_of(tmp_path, {"series_id": ["A", None, " "], "price": [1.0, 2.0, 3.0]})
    np.testing.assert_array_equal(read.value, [1, NAN, NAN])
    assert [one.line for one in read.refusals.named()] == [2, 3]


def test_a_series_named_twice_keeps_what_both_rows_say(tmp_path):
    """A: same group, other price. B: other group, same price. C: the same row again, and once more."""
    read = items_of(
        tmp_path,
        {
            "series_id": ["A", "B", "C", "C", "B", "A", "C"],
            "part_group": ["oil", "oil", "air", "air", "air", "oil", "air"],
            "price": [1.0, 2.0, None, None, 2.0, 1.5, None],
        },
    )
    assert read.groups.tolist() == [1, -1, 0]
    np.testing.assert_array_equal(read.value, [NAN, 2, NAN])
    assert [one.line for one in read.refusals.named()] == [4, 5, 6, 7]
    assert read.n_known == 3


def test_too_many_refused_rows_refuse_the_file_with_all_of_them(tmp_path):
    columns = {"series_id": ["A", "B", "C"], "price": [-1.0, 2.0, -3.0]}
    with pytest.raises(InputError, match=r"2 of 3 rows of items\.parquet break a rule, more than 50\.00%") as caught:
        items_of(tmp_path, columns, share=0.5)
    assert caught.value.rejects["line"].tolist() == [1, 3]
    assert len(items_of(tmp_path, columns, share=0.7).refusals) == 2


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"series_id": ["A"]}, "part_group or unit_cost"),
        ({"part": ["A"], "price": [1.0]}, "has part, price. Give one row a series"),
        ({"series_id": [1.5], "price": [1.0]}, "stores series_id as double; store it as text or whole numbers"),
        ({"series_id": ["A"], "price": [True]}, "stores price as bool; store it as numbers"),
    ],
)
def test_items_of_another_shape_are_refused(tmp_path, columns, said):
    with pytest.raises(InputError, match=said):
        items_of(tmp_path, columns)
