"""The declarations, and what conform refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import TableError
from partsopt.tables import (
    DERIVED_TABLES,
    DTYPES,
    EXCEPTION_CODES,
    HOLIDAYS,
    INPUT_TABLES,
    OPEN_ORDERS,
    OUTPUT_TABLES,
    PURCHASE_ORDERS,
    STOCK,
    TRANSFER_ORDERS,
    Table,
    conform,
    declare_exception,
    empty,
    exceptions_of,
    number,
    records_of,
    text,
    together,
)

ALL = {**INPUT_TABLES, **DERIVED_TABLES, **OUTPUT_TABLES}


@pytest.mark.parametrize("name", sorted(ALL))
def test_an_empty_table_conforms_and_keeps_its_types(name: str):
    table = ALL[name]
    rows = conform(empty(table), table)
    assert [str(dtype) for dtype in rows.dtypes] == [DTYPES[column.kind] for column in table.columns.values()]


def test_rows_of_several_frames_are_one_table():
    """Frames without rows, even without columns, change neither rows nor types; the table is sorted by its key."""
    day = pd.DataFrame({"calendar": ["CN"], "day": pd.to_datetime(["2026-10-02"]), "is_working": [False]})
    both = together([pd.DataFrame(), day, empty(HOLIDAYS), day.assign(calendar="AT")], HOLIDAYS)
    assert both["calendar"].tolist() == ["AT", "CN"]
    assert both.dtypes.equals(empty(HOLIDAYS).dtypes)
    assert together([pd.DataFrame()], HOLIDAYS).equals(empty(HOLIDAYS))


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_declaration_holds_together(name: str):
    """Keys and rules name columns of the table; every column says what it means."""
    table = ALL[name]
    assert set(table.key) <= set(table.columns)
    assert {rule.column for rule in table.rules} <= set(table.columns)
    assert all(column.says for column in table.columns.values())
    for column in table.columns.values():
        if column.refers_to is not None:
            assert column.refers_to[1] in INPUT_TABLES[column.refers_to[0]].columns
        if not column.required and column.kind in ("whole", "flag", "clock"):
            assert column.default is not None, "a whole number, flag or clock is never missing: declare its default"


@pytest.mark.parametrize("table", [PURCHASE_ORDERS, TRANSFER_ORDERS], ids=lambda table: table.name)
def test_proposals_begin_with_the_columns_of_open_orders(table):
    """So that the ERP can put them into open_orders by copying columns."""
    assert list(table.columns)[: len(OPEN_ORDERS.columns)] == list(OPEN_ORDERS.columns)


def stock(**columns: list) -> pd.DataFrame:
    given = {
        "site_id": ["D01", "D02"],
        "part_id": ["P", "P"],
        "on_hand": [1, 2],
        "backordered": [0, 0],
        "reserved": [0, 0],
    }
    return pd.DataFrame({**given, **columns})


def test_conform_sorts_by_key_and_leaves_its_input_alone():
    rows = stock(site_id=["D02", "D01"])
    assert conform(rows, STOCK)["site_id"].tolist() == ["D01", "D02"]
    assert rows["site_id"].tolist() == ["D02", "D01"]


ROWS_OF_ANY_ORDER = Table(
    name="any_order",
    says="rows that may repeat, sorted by all columns",
    columns={"name": text("a name", required=False), "size": number("a size", required=False)},
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "D", "D1", "d", "Ä", "\U00020000", "\uffff"]),
            st.sampled_from([0.0, -0.0, 1.5, np.nan, -3.0]),
        ),
        max_size=8,
    )
)
def test_conform_gives_one_order_whatever_order_was_given(rows: list[tuple[str, float]]):
    """Rows that stand in order already are recognised, and are those that sorting gives."""
    frame = pd.DataFrame(rows, columns=["name", "size"]).astype({"name": "str", "size": "float64"})
    by_hand = frame.sort_values(["name", "size"], kind="stable", ignore_index=True)
    pd.testing.assert_frame_equal(conform(frame, ROWS_OF_ANY_ORDER), by_hand)
    pd.testing.assert_frame_equal(conform(by_hand, ROWS_OF_ANY_ORDER), by_hand)


def test_records_hold_what_a_row_holds():
    """The twin is pandas' own, value by value and type by type."""
    frame = pd.DataFrame(
        {
            "part_id": ["P", ""],
            "pieces": [3, 0],
            "money": [1.5, np.nan],
            "is_late": [True, False],
            "due_on": pd.to_datetime(["2026-11-02", None]),
            "arrives_at": pd.to_datetime(["2026-11-02T08:30+08:00", None], utc=True),
        }
    )
    twin = frame.to_dict("records")
    assert repr(records_of(frame)) == repr(twin)
    assert [[type(value) for value in row.values()] for row in records_of(frame)] == [
        [type(value) for value in row.values()] for row in twin
    ]
    assert records_of(frame[:0]) == []


def test_conform_names_the_row_the_value_and_how_many_more():
    with pytest.raises(
        TableError,
        match=r"^stock row D01, P: on_hand is .*-3.*; it must be 0 or more\. \(1 more\) Remedy: put promised",
    ):
        conform(stock(on_hand=[-3, -4]), STOCK)


def test_conform_names_a_missing_column():
    with pytest.raises(TableError, match=r"^stock: on_hand is 'absent'; it must be a column of the table"):
        conform(stock().drop(columns="on_hand"), STOCK)


def test_conform_refuses_a_key_that_repeats():
    with pytest.raises(TableError, match=r"stock row D01, P: part_id is 'P'; it must not repeat within the key"):
        conform(stock(site_id=["D01", "D01"]), STOCK)


def test_conform_refuses_a_type_it_cannot_cast():
    with pytest.raises(TableError, match=r"^stock: on_hand is .*; it must hold whole \(int64\)"):
        conform(stock(on_hand=["a", "b"]), STOCK)


def test_conform_refuses_a_missing_value_and_infinity():
    rows = pd.DataFrame(
        {"calendar": ["CN", ""], "day": pd.to_datetime(["2026-10-01"] * 2), "is_working": [False, False]}
    )
    with pytest.raises(TableError, match=r"holidays row , 2026-10-01 .*: calendar is ''; it must be given"):
        conform(rows, HOLIDAYS)
    parts = pd.DataFrame({"part_id": ["P"], "unit_cost": [np.inf], "weight_kg": [1.0], "volume_m3": [0.1]})
    with pytest.raises(TableError, match=r"parts row P: unit_cost is .*inf.*; it must be above 0"):
        conform(parts, INPUT_TABLES["parts"])


def test_optional_columns_take_their_declared_default():
    parts = pd.DataFrame({"part_id": ["P"], "unit_cost": [1.0], "weight_kg": [1.0], "volume_m3": [0.1]})
    row = conform(parts, INPUT_TABLES["parts"]).iloc[0]
    assert (row["criticality"], row["lifecycle"], row["description"]) == ("essential", "active", "")
    assert row["introduced_on"] is pd.NaT


def test_exceptions_carry_the_meaning_of_their_code():
    code = declare_exception("for_a_test", stage="test", says="a test", action="look")
    try:
        rows = pd.DataFrame({"site_id": ["D02", "D01"], "part_id": ["P", "P"]})
        lines = exceptions_of(code, rows, what=["second", "first"], money=[2.0, 1.0])
        assert lines[["site_id", "what", "money", "action", "line_id"]].to_numpy().tolist() == [
            ["D01", "first", 1.0, "look", ""],
            ["D02", "second", 2.0, "look", ""],
        ]
        assert exceptions_of(code, rows.head(0), what=[]).empty
    finally:
        del EXCEPTION_CODES["for_a_test"]
