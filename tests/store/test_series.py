"""Long demand from Parquet to arrays and forecasts back, on files small enough to check by eye."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import InputError, StorageError, TableError
from partsopt.store import series as long_series
from partsopt.store.series import forecast_block, read_long_demand, write_series_forecasts

NAN = float("nan")


def written(folder: Path, columns: dict[str, object], name: str = "demand.parquet") -> Path:
    pq.write_table(pa.table(columns), folder / name)
    return folder / name


def rows(folder: Path, lines: list[tuple[object, object, object]], quantity: str = "quantity") -> Path:
    ids, periods, quantities = (list(one) for one in zip(*lines, strict=True))
    return written(folder, {"series_id": ids, "period": periods, quantity: quantities})


def refused(file: Path, period: str = "month") -> str:
    with pytest.raises(InputError, match=file.name) as caught:
        read_long_demand(file, period)
    return str(caught.value)


def test_absent_rows_are_zero_blanks_are_missing_and_the_end_is_common(tmp_path):
    """B begins in February, sells nothing in March; A ended in January and has zeros since; a blank is NaN."""
    file = rows(
        tmp_path,
        [
            ("B", date(2026, 2, 1), 5),
            ("A", date(2026, 1, 1), 2),
            ("B", date(2026, 4, 1), None),
            ("C", date(2026, 4, 1), 1),
        ],
    )
    read = read_long_demand(file, "month")
    assert read.series_ids.to_pylist() == ["A", "B", "C"]
    np.testing.assert_array_equal(read.demand, [[2, 0, 0, 0], [NAN, 5, 0, NAN], [NAN, NAN, NAN, 1]])
    assert read.starts.tolist() == [0, 1, 3]
    assert (read.first_on, read.last_on) == (date(2026, 1, 1), date(2026, 4, 1))
    assert (read.n_rows, read.n_missing, read.n_periods_left_out) == (4, 1, 0)


def test_a_series_that_begins_with_a_blank_begins_there(tmp_path):
    file = rows(tmp_path, [("A", date(2026, 1, 1), None), ("B", date(2026, 2, 1), 1)])
    np.testing.assert_array_equal(read_long_demand(file, "month").demand, [[NAN, 0], [NAN, 1]])


@pytest.mark.parametrize(
    "periods",
    [
        pa.array([date(2026, 1, 1), date(2026, 3, 1)]),
        pa.array([date(2026, 1, 1), date(2026, 3, 1)], type=pa.date64()),
        pa.array([datetime(2026, 1, 1), datetime(2026, 3, 1)], type=pa.timestamp("ns")),  # noqa: DTZ001  as files have it
        pa.array([datetime(2026, 1, 1), datetime(2026, 3, 1)], type=pa.timestamp("s")),  # noqa: DTZ001  as files have it
        pa.array([datetime(2025, 12, 31, 16), datetime(2026, 2, 28, 16)], type=pa.timestamp("us", "Asia/Shanghai")),  # noqa: DTZ001
        pa.array(["2026-01-01", "2026-03-01"]),
        pa.array(["2026-01", "2026-03"]),
        pa.array(["2026-01-01 00:00:00", "2026-03-01T00:00"]),
        pa.array(["2026-01-01", "2026-03-01"]).dictionary_encode(),
    ],
    ids=str,
)
def test_a_period_may_come_as_date_timestamp_or_text(tmp_path, periods):
    file = written(tmp_path, {"series_id": ["A", "A"], "period": periods, "qty": [1.0, 2.0]})
    assert read_long_demand(file, "month").demand.tolist() == [[1, 0, 2]]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (pa.array([10, 9]), [9, 10]),
        (pa.array(["10", "9"]), ["10", "9"]),
        (pa.array(["é", "z"]), ["z", "é"]),
        (pa.array(["b", "a"]).dictionary_encode(), ["a", "b"]),
        (pa.array(["b", "a"], type=pa.large_string()), ["a", "b"]),
    ],
    ids=["numbers", "text of digits", "accents", "dictionary", "large text"],
)
def test_ids_keep_their_type_and_are_in_order(tmp_path, ids, expected):
    file = written(tmp_path, {"series_id": ids, "period": ["2026-01-01"] * 2, "quantity": [1, 2]})
    assert read_long_demand(file, "month").series_ids.to_pylist() == expected


def test_the_order_of_rows_and_row_groups_does_not_matter(tmp_path):
    generator = np.random.default_rng(3)
    key = generator.permutation(60 * 12)
    table = pa.table(
        {
            "series_id": [f"S{k // 12:02d}" for k in key],
            "period": np.datetime64("2025-01-06") + 7 * (key % 12),
            "quantity": key % 5,
        }
    )
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=50)
    pq.write_table(table.take(generator.permutation(len(key))), tmp_path / "b.parquet")
    one, other = (read_long_demand(tmp_path / name, "week") for name in ("a.parquet", "b.parquet"))
    np.testing.assert_array_equal(one.demand, other.demand)
    assert one.demand.shape == (60, 12)
    assert one.demand[7, 4] == (7 * 12 + 4) % 5


def test_weeks_may_begin_on_any_weekday_but_the_same(tmp_path):
    sundays = [date(2026, 1, 4), date(2026, 1, 11), date(2026, 1, 25)]
    file = rows(tmp_path, [("A", day, 1) for day in sundays])
    assert read_long_demand(file, "week").demand.tolist() == [[1, 1, 0, 1]]
    said = refused(rows(tmp_path, [("A", day, 1) for day in [*sundays, date(2026, 2, 2)]]), "week")
    assert 'line 4: period is "2026-02-02, series A"; it must be a Sunday' in said


def test_days_are_days(tmp_path):
    file = rows(tmp_path, [("A", date(2024, 2, 28), 1), ("A", date(2024, 3, 1), 2)])
    assert read_long_demand(file, "day").demand.tolist() == [[1, 0, 2]]


def test_only_the_last_periods_are_used(tmp_path):
    """Ten years of months at most: what is older is counted, and a series older than that starts at 0."""
    file = rows(tmp_path, [("A", date(2010, 1, 1), 7), ("A", date(2026, 1, 1), 2), ("B", date(2012, 1, 1), 1)])
    read = read_long_demand(file, "month")
    assert read.demand.shape == (2, 120)
    assert read.n_periods_left_out == 16 * 12 + 1 - 120
    assert np.nansum(read.demand, axis=1).tolist() == [2, 0]
    assert read.starts.tolist() == [0, 0]
    assert not np.isnan(read.demand).any()


def test_every_broken_rule_is_named_at_once(tmp_path):
    file = rows(
        tmp_path,
        [
            ("A", "2026-01-01", 1.0),
            ("A", "2026-02-01", -3.0),
            ("A", "2026-03-01", 1.5),
            ("A", "2026-04-01", float("inf")),
            ("A", "2026-05-01", 1e15),
            ("A", "2026-06-15", 1.0),
            ("A", "June", 1.0),
            (None, "2026-06-01", 1.0),
            ("A", None, 1.0),
        ],
    )
    said = refused(file)
    assert 'line 2: quantity is "-3, series A"; it must be 0 or more' in said
    assert "line 3" not in said  # half a piece is told, not refused
    assert 'line 4: quantity is "inf, series A"; it must be finite' in said
    assert 'line 5: quantity is "1e+15, series A"; it must be at most 1e+12' in said
    assert 'line 6: period is "2026-06-15, series A"; it must be the first day of a month' in said
    assert 'line 7: period is "June, series A"; it must be a date' in said
    assert 'line 8: series_id is ""; it must be given' in said
    assert 'line 9: period is ", series A"; it must be a date' in said


def test_fractions_are_kept_and_counted(tmp_path):
    read = read_long_demand(rows(tmp_path, [("A", "2026-01-01", 0.25), ("A", "2026-02-01", 2.0)]), "month")
    assert read.demand.tolist() == [[0.25, 2.0]]
    assert read.n_fractional == 1


def test_many_broken_rows_are_counted(tmp_path):
    said = refused(rows(tmp_path, [(f"S{k}", "2026-01-01", -1) for k in range(1000)]))
    assert "breaks the same rule in 995 more rows: quantity must be 0 or more" in said
    assert len(said.splitlines()) == 7


def test_a_second_row_of_a_series_and_period_is_refused(tmp_path):
    said = refused(rows(tmp_path, [("A", "2026-01-01", 1), ("B", "2026-01-01", 1), ("A", "2026-01-01", 2)]))
    assert 'line 3: period is "2026-01-01, series A"; it must be there once for a series' in said


def test_a_slip_in_the_century_is_refused(tmp_path):
    given = [("A", "2026-01-01", 1), ("B", "2926-01-01", 1), ("B", "2026-01-01", 1)]
    said = refused(rows(tmp_path, given))
    assert 'line 2: period is "2926-01-01, series B"; it must lie within 20 years of most others' in said
    read = read_long_demand(rows(tmp_path, given), "month", 0.5)
    assert (read.first_on, read.last_on) == (date(2026, 1, 1), date(2026, 1, 1))
    assert read.demand.tolist() == [[1.0], [1.0]]


def test_rows_that_break_a_rule_are_left_out_where_they_are_few(tmp_path):
    """What cannot be placed is dropped, what is no quantity is not known, and of two rows the first stands if they agree."""
    given = [
        ("A", "2026-01-01", 1.0),
        ("A", "2026-02-01", -3.0),  # not known
        ("A", "2026-03-15", 7.0),  # no period: zero, as nothing says of which month it was
        ("A", "2026-04-01", 2.0),
        ("A", "2026-04-01", 2.0),  # the same again
        ("B", "2026-02-01", 4.0),
        ("B", "2026-02-01", 5.0),  # another figure: not known
        (None, "2026-02-01", 9.0),
        ("C", "June", 1.0),  # the only row of its series
        ("B", "2026-04-01", 6.0),
    ]
    file = rows(tmp_path, given)
    read = read_long_demand(file, "month", 0.6)
    assert read.series_ids.to_pylist() == ["A", "B"]
    nan = np.nan
    np.testing.assert_equal(read.demand, [[1.0, nan, 0.0, 2.0], [nan, nan, 0.0, 6.0]])
    assert read.starts.tolist() == [0, 1]
    assert len(read.refusals) == 6
    rejects = read.refusals.rejects()
    assert rejects["line"].tolist() == [2, 3, 5, 7, 8, 9]
    assert rejects["column"].tolist() == ["quantity", "period", "period", "period", "series_id", "period"]
    assert rejects["row_text"].tolist()[1:3] == ["A,2026-03-15,7", "A,2026-04-01,2"]
    assert set(rejects["table"]) == {"demand"}
    with pytest.raises(InputError, match=r"6 of 10 rows of demand.parquet break a rule, more than 50.00%") as error:
        read_long_demand(file, "month", 0.5)
    assert error.value.rejects["line"].tolist() == rejects["line"].tolist()


def test_nothing_left_is_refused_whatever_the_share(tmp_path):
    with pytest.raises(InputError, match="no forecast was written"):
        read_long_demand(rows(tmp_path, [("A", "June", 1.0)]), "month", 1.0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 11), st.sampled_from([0.0, 1.0, 5.0])), min_size=1))
def test_rows_put_in_to_be_refused_change_nothing_else(tmp_path_factory, sold):
    """Sound rows of other series give the same arrays with and without broken rows among them."""
    once = {(series, month): pieces for series, month, pieces in sold}
    sound = [(f"S{series}", f"2025-{month + 1:02d}-01", pieces) for (series, month), pieces in once.items()]
    broken = [("X", "2025-13-01", 1.0), (" ", "2025-01-01", 1.0), ("Y", "2025-02-30", 2.0)]
    folder = tmp_path_factory.mktemp("rows")
    (folder / "a").mkdir()
    plain = read_long_demand(rows(folder, sound), "month")
    mixed = read_long_demand(rows(folder / "a", [broken[0], *sound, *broken[1:]]), "month", 1.0)
    assert mixed.series_ids.to_pylist() == plain.series_ids.to_pylist()
    np.testing.assert_equal(mixed.demand, plain.demand)
    assert len(mixed.refusals) == 3


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"series_id": ["A"], "period": ["2026-01-01"]}, r"lacks quantity \(or qty\)"),
        ({"part": ["A"], "quantity": [1]}, "lacks series_id, period; it has part, quantity"),
        (
            {
                "series_id": pa.array([], pa.string()),
                "period": pa.array([], pa.string()),
                "qty": pa.array([], pa.int64()),
            },
            "has no rows",
        ),
        ({"series_id": ["A"], "period": [3], "quantity": [1]}, 'period is "int64"; it must be stored as dates'),
        (
            {"series_id": ["A"], "period": ["2026-01-01"], "quantity": [True]},
            'quantity is "bool"; it must be stored as numbers',
        ),
        (
            {"series_id": [1.5], "period": ["2026-01-01"], "quantity": [1]},
            'series_id is "double"; it must be stored as text',
        ),
    ],
    ids=["no quantity", "no id", "no rows", "period", "quantity", "id"],
)
def test_a_file_of_another_shape_is_refused(tmp_path, columns, said):
    with pytest.raises(InputError, match=said):
        read_long_demand(written(tmp_path, columns), "month")


def test_what_is_no_parquet_file_is_refused(tmp_path):
    (tmp_path / "demand.parquet").write_text("series_id,period,quantity\n")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read_long_demand(tmp_path / "demand.parquet", "month")
    with pytest.raises(InputError, match=r"absent.parquet is not a file\. Give the path of a Parquet \(or CSV\)"):
        read_long_demand(tmp_path / "absent.parquet", "month")


def test_more_cells_than_can_be_held_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(long_series, "MAX_CELLS", 5)
    said = refused(rows(tmp_path, [("A", "2026-01-01", 1), ("B", "2026-03-01", 1)]))
    assert "2 series of up to 3 periods, more than the 5" in said


def block(**other: object) -> pa.Table:
    given = {
        "mean": np.array([1.0]),
        "sd": np.array([1.0]),
        "method": np.array(["pooled"]),
        "levels": {"0.9": 0.9, "0.50": 0.5},
        "quantiles": np.array([[3, 1]]),
    }
    return forecast_block(pa.array(["A"]), **{**given, **other})


def test_a_block_has_the_columns_of_the_contract():
    assert block().to_pylist() == [
        {"series_id": "A", "mean": 1.0, "sd": 1.0, "method": "pooled", "q0.9": 3, "q0.50": 1}
    ]
    assert block(step=np.array([2])).column_names == ["series_id", "step", "mean", "sd", "method", "q0.9", "q0.50"]


@pytest.mark.parametrize(
    "fault",
    [
        {"mean": np.array([NAN])},
        {"sd": np.array([-1.0])},
        {"quantiles": np.array([[1, 3]])},
        {"quantiles": np.array([[3, -1]])},
    ],
)
def test_a_forecast_that_breaks_the_contract_never_leaves(fault):
    with pytest.raises(TableError, match=r"row A: .* must be finite, 0 or more and non-crossing"):
        block(**fault)


def test_a_failed_write_leaves_what_was_there(tmp_path):
    file = tmp_path / "out.parquet"
    file.write_text("old")

    def failing():
        yield block()
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match=r"out\.parquet cannot be written"):
        write_series_forecasts(file, failing())
    assert file.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["out.parquet"]


def test_numbers_stored_as_text_are_read_and_slips_are_named_by_row(tmp_path):
    columns = {"series_id": ["A"] * 3, "period": ["2026-01-01", "2026-02-01", "2026-03-01"]}
    read = read_long_demand(written(tmp_path, columns | {"quantity": ["1", " ", "2.5"]}), "month")
    np.testing.assert_array_equal(read.demand, [[1.0, np.nan, 2.5]])
    with pytest.raises(InputError, match=r'line 3: quantity is "1,000, series A"; it must be a number'):
        read_long_demand(written(tmp_path, columns | {"quantity": ["1", "", "1,000"]}), "month")


def test_a_blank_name_is_no_series(tmp_path):
    with pytest.raises(InputError, match=r'line 2: series_id is " "; it must be given'):
        read_long_demand(
            written(tmp_path, {"series_id": ["A", " "], "period": ["2026-01-01"] * 2, "quantity": [1, 2]}), "month"
        )
