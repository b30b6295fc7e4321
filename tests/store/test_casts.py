import math
import re
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.store.casts import cast_moments, cast_texts, is_time_zone, nearest
from partsopt.tables import clock, day, flag, moment, number, text, whole


def cast_one(written, column):
    """The value of one cell, or the rule it breaks."""
    cast = cast_texts(pa.array([written], pa.large_string()), column)
    return cast.faults[0].rule if cast.faults else cast.cells.iloc[0]


@pytest.mark.parametrize("part_id", ["00123", "1E5", "-12", "NaN", "NULL", "TRUE", "None", "1e309", "=1+1", "机油"])
def test_part_numbers_stay_as_they_are_written(part_id):
    assert cast_one(part_id, text("the part")) == part_id


@pytest.mark.parametrize(
    ("written", "value"), [("-12", -12), ("007", 7), ("-0", 0), ("999999999999999999", 10**18 - 1)]
)
def test_a_whole_number_is_digits_with_or_without_a_minus(written, value):
    assert cast_one(written, whole("pieces")) == value


@pytest.mark.parametrize(
    "written", ["1.0", "1e3", "+1", "1,000", " 1", "1 ", "0x10", "１", "1_000", "TRUE", "--1", "1\n"]
)
def test_nothing_else_is_a_whole_number(written):
    assert cast_one(written, whole("pieces")) == "must be a whole number"


@pytest.mark.parametrize(
    ("written", "value"), [("12.5", 12.5), (".5", 0.5), ("1.", 1.0), ("1e-05", 1e-05), ("-0", 0.0)]
)
def test_a_number_has_a_decimal_point_and_perhaps_an_exponent(written, value):
    found = cast_one(written, number("weight"))
    assert found == value
    assert math.copysign(1, found) == math.copysign(1, value)


@pytest.mark.parametrize("written", ["NaN", "inf", "-Infinity", "1e309", "9" * 400])
def test_a_number_is_finite(written):
    assert cast_one(written, number("weight")) in ("must be a finite number", "must be a number")


@pytest.mark.parametrize(("written", "value"), [("true", True), ("FALSE", False), ("True", True)])
def test_a_flag_is_true_or_false_in_any_letter_case(written, value):
    assert cast_one(written, flag("is it")) == value


@pytest.mark.parametrize(
    ("written", "value"), [("08:30", 510), ("8:30", 510), ("08:30:00", 510), ("00:00", 0), ("23:59", 1439)]
)
def test_a_time_of_day_is_minutes_after_midnight(written, value):
    assert cast_one(written, clock("opens")) == value


@given(st.dates(date(1, 1, 1), date(9999, 12, 31)))
@settings(max_examples=100, deadline=None)
def test_every_day_of_the_years_allowed_is_read_and_no_other(on):
    found = cast_one(on.isoformat(), day("when"))
    if 1990 <= on.year <= 2100:
        assert found.date() == on
    else:
        assert found == "must be between 1990-01-01 and 2100-12-31"


@given(st.integers(1990, 2100), st.integers(0, 99), st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_a_day_that_does_not_exist_is_refused_as_python_refuses_it(year, month, of_month):
    found = cast_one(f"{year:04}-{month:02}-{of_month:02}", day("when"))
    try:
        expected = date(year, month, of_month)
    except ValueError:
        assert found == "must be a day that exists"
    else:
        assert found.date() == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=100, deadline=None)
def test_numbers_are_read_as_python_reads_them(value):
    assert cast_one(repr(value), number("weight")) == value


MOMENTS = st.dates(date(1990, 1, 2), date(2100, 12, 30)).flatmap(
    lambda on: st.times().map(lambda at: datetime.combine(on, at))
)


@given(MOMENTS, st.integers(-14 * 60, 14 * 60), st.sampled_from("T "))
@settings(max_examples=100, deadline=None)
def test_an_offset_gives_the_moment_that_python_reads(local, offset_min, between):
    sign, size = "-" if offset_min < 0 else "+", abs(offset_min)
    written = f"{local.isoformat(sep=between)}{sign}{size // 60:02}:{size % 60:02}"
    cast = cast_moments(pa.array([written]), moment("when"))
    assert cast.faults == {}
    utc_us = int(cast.local_us[0]) - int(cast.offset_min[0]) * 60_000_000
    expected = datetime.fromisoformat(written) - datetime(1970, 1, 1, tzinfo=UTC)
    assert utc_us == expected.days * 86_400_000_000 + expected.seconds * 1_000_000 + expected.microseconds


def test_a_blank_takes_the_default_or_is_missing():
    blank = pa.array([""])
    assert cast_texts(blank, whole("pieces", required=False, default=7)).cells.tolist() == [7]
    assert np.isnan(cast_texts(blank, number("weight", required=False)).cells.iloc[0])
    assert cast_texts(blank, day("when", required=False)).cells.isna().all()
    assert cast_texts(blank, text("group", required=False)).cells.tolist() == [""]


def test_a_blank_that_is_required_says_what_to_fill_in():
    (fault,) = cast_texts(pa.array([""]), number("weight", unit="kg")).faults.values()
    assert fault == ("must be given", "fill in weight (kg)")


def test_the_types_are_those_of_the_declaration():
    for column, dtype in ((text("a"), "str"), (whole("b"), "int64"), (number("c"), "float64"), (flag("d"), "bool"), (day("e"), "datetime64[us]"), (clock("f"), "int64")):  # fmt: skip
        assert str(cast_texts(pa.array([], pa.large_string()), column).cells.dtype) == dtype


@given(st.text(max_size=8))
@settings(max_examples=100, deadline=None)
def test_text_is_kept_or_refused_but_never_changed(written):
    column = text("the part", required=False)
    cast = cast_texts(pa.array([written], pa.large_string()), column)
    assert cast.cells.tolist() == [written]
    if not cast.faults:
        assert written == written.strip()
        assert not re.search("[\x00-\x1f\u200b]", written)


def test_text_for_people_keeps_blanks_and_line_breaks():
    assert cast_one(" oil\nfilter ", text("what it is", free_text=True)) == " oil\nfilter "


def test_the_nearest_name_ignores_letter_case_and_blanks():
    assert nearest("Unit Cost", ["unit_cost", "weight_kg"]) == "unit_cost"
    assert nearest("colour", ["unit_cost", "weight_kg"]) == ""


def test_time_zones_are_known_by_their_iana_name():
    assert is_time_zone("Asia/Shanghai")
    assert not any(is_time_zone(name) for name in ("Asia/Beijing", "Asia", "", "../etc", "GMT+8"))
