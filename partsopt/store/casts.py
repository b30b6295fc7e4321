"""The text of a cell, cast by the declaration of its column.

Every cell is text first, whatever file it came from, so that part numbers such as ``00123``,
``1E5`` or ``NaN`` survive. A cast works on the distinct texts of a column; a text that cannot be
cast, or whose value is out of bounds, becomes a :class:`Fault` with the rule it breaks and what
to do about it. A harmless stand-in takes its place among the values, and is never passed on.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from partsopt.tables import DTYPES, Column, Kind, broken_values

FIRST_YEAR, LAST_YEAR = 1990, 2100
MAX_TEXT = 4000
MICROSECONDS = 1_000_000

Array: TypeAlias = np.ndarray[Any, Any]

_WHOLE = r"^-?[0-9]{1,18}$"
_NUMBER = r"^-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,4})?$"
_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_CLOCK = r"^[0-9]{1,2}:[0-9]{2}(:00)?$"
_MOMENT = (
    r"^(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
    r"(?P<seconds>(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)(?P<offset>(?:Z|[-+][0-9]{2}:?[0-9]{2})?)$"
)
# Control and invisible characters: they make two part numbers that look alike differ.
_UNSEEN = "[\\x00-\\x1f\\x7f-\\x9f\\x{ad}\\x{200b}-\\x{200f}\\x{2028}-\\x{202e}\\x{2060}\\x{feff}]"


class Fault(NamedTuple):
    """The rule a text breaks, as the end of "it ...", and what to do about it."""

    rule: str
    remedy: str


class Cast(NamedTuple):
    """Distinct texts cast: cells of the declared type, and the faults by place among the texts."""

    cells: pd.Series
    faults: dict[int, Fault]


class Moments(NamedTuple):
    """Date-times as they stand: microseconds since 1970 on their own clocks.

    ``offset_min`` is minutes east of Greenwich where the text says so (``has_offset``); the rest
    is local to the site of its row.
    """

    local_us: Array
    offset_min: Array
    has_offset: Array
    is_given: Array
    faults: dict[int, Fault]


def cast_texts(texts: pa.Array, column: Column) -> Cast:
    """Cast distinct texts by a column's declaration; moments are left to :func:`cast_moments`.

    Parameters
    ----------
    texts
        Distinct texts of the column, none of them null; ``""`` is a blank cell.
    column
        The declaration.

    Examples
    --------
    >>> from partsopt.tables import whole
    >>> cast = cast_texts(pa.array(["-12", "1.0", ""]), whole("pieces", required=False, default=0))
    >>> cast.cells.tolist(), {place: fault.rule for place, fault in cast.faults.items()}
    ([-12, 0, 0], {1: 'must be a whole number'})
    """
    values, is_cast = _PARSERS[column.kind](texts)
    given = _flags(pc.not_equal(texts, ""))
    values = _with_defaults(values, ~(given & is_cast), column)
    faults = {
        place: _explained(texts[place].as_py(), column) for place in np.flatnonzero(given & ~is_cast).tolist()
    } | _blank_faults(given, column)
    broken = broken_values(values, column) & given & is_cast
    for place in np.flatnonzero(broken).tolist():
        faults[place] = _out_of_bounds(texts[place].as_py(), column)
    if column.kind == "day":
        faults |= dict.fromkeys(np.flatnonzero(given & is_cast & _outside_years(values)).tolist(), _OUTSIDE_YEARS)
    if column.kind == "text":
        faults |= _text_faults(texts, column, faults)
    return Cast(values, faults)


def cast_moments(texts: pa.Array, column: Column) -> Moments:
    """Cast distinct texts of a moment column to clock readings, with their offset where they have one.

    Examples
    --------
    >>> from partsopt.tables import moment
    >>> cast = cast_moments(pa.array(["1970-01-01T08:00+08:00", "1970-01-01 00:01"]), moment("when"))
    >>> cast.faults[0].rule
    'must be between 1990-01-01 and 2100-12-31'
    >>> cast.local_us.tolist(), cast.has_offset.tolist()
    ([28800000000, 60000000], [True, False])
    """
    fields = pc.extract_regex(pc.if_else(pc.equal(texts, ""), "", texts), _MOMENT)
    matched = _flags(pc.is_valid(fields))

    def field(name: str, stand_in: str) -> pa.Array:
        return pc.fill_null(pc.struct_field(fields, [name]), stand_in)

    days, is_day = _parse_days(field("day", "1990-01-01"))
    hour, minute = _ints(field("hour", "00")), _ints(field("minute", "00"))
    seconds_text = pc.utf8_slice_codeunits(field("seconds", ""), 1)
    seconds_text = pc.if_else(pc.equal(seconds_text, ""), "0", seconds_text)
    micros = np.rint(pc.cast(seconds_text, pa.float64()).to_numpy(zero_copy_only=False) * MICROSECONDS).astype(np.int64)
    offset = pc.replace_substring(field("offset", ""), ":", "")
    has_offset = _flags(pc.not_equal(offset, ""))
    signed = pc.if_else(pc.is_in(offset, pa.array(["", "Z"], offset.type)), "+0000", offset)
    offset_hour, offset_minute = _ints(pc.utf8_slice_codeunits(signed, 1, 3)), _ints(pc.utf8_slice_codeunits(signed, 3))
    sign = np.where(_flags(pc.starts_with(signed, "-")), -1, 1)
    exists = (
        matched
        & is_day
        & (hour < 24)
        & (minute < 60)
        & (micros < 60 * MICROSECONDS)
        & (offset_hour <= 14)
        & (offset_minute < 60)
    )
    local = (
        days.to_numpy().astype("datetime64[us]").astype(np.int64) + (hour * 60 + minute) * 60 * MICROSECONDS + micros
    )
    given = _flags(pc.not_equal(texts, ""))
    faults = {
        place: _explained(texts[place].as_py(), column) for place in np.flatnonzero(given & ~exists).tolist()
    } | _blank_faults(given, column)
    faults |= dict.fromkeys(np.flatnonzero(given & exists & _outside_years(days)).tolist(), _OUTSIDE_YEARS)
    return Moments(local, sign * (offset_hour * 60 + offset_minute), has_offset, given & exists, faults)


def is_time_zone(name: str) -> bool:
    """Whether a name is an IANA time zone this machine knows."""
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError; a folder's name gives an OSError
        return False
    return True


# --------------------------------------------------------------------------- parsers: texts to values


def _parse_text(texts: pa.Array) -> tuple[pd.Series, Array]:
    return texts.to_pandas().astype("str"), np.ones(len(texts), dtype=bool)


def _parse_whole(texts: pa.Array) -> tuple[pd.Series, Array]:
    ok = pc.match_substring_regex(texts, _WHOLE)
    values = pc.cast(pc.if_else(ok, texts, "0"), pa.int64())
    return pd.Series(values.to_numpy(zero_copy_only=False)), _flags(ok)


def _parse_number(texts: pa.Array) -> tuple[pd.Series, Array]:
    ok = pc.match_substring_regex(texts, _NUMBER)
    values = pc.cast(pc.if_else(ok, texts, "0"), pa.float64()).to_numpy(zero_copy_only=False)
    finite = np.isfinite(values)
    return pd.Series(np.where(finite, values, 0.0) + 0.0), _flags(ok) & finite  # + 0.0 makes -0.0 a plain 0


def _parse_flag(texts: pa.Array) -> tuple[pd.Series, Array]:
    lower = pc.utf8_lower(texts)
    is_true = _flags(pc.equal(lower, "true"))
    return pd.Series(is_true), is_true | _flags(pc.equal(lower, "false"))


def _parse_days(texts: pa.Array) -> tuple[pd.Series, Array]:
    ok = pc.match_substring_regex(texts, _DAY)
    safe = pc.if_else(ok, texts, "1990-01-01")
    year, month, day = (_ints(pc.utf8_slice_codeunits(safe, *span)) for span in ((0, 4), (5, 7), (8, 10)))
    months = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + (np.clip(month, 1, 12) - 1)
    days = months.astype("datetime64[D]") + (day - 1)
    exists = (month >= 1) & (month <= 12) & (day >= 1) & (days.astype("datetime64[M]") == months)
    values = np.where(exists, days, np.datetime64("1990-01-01", "D")).astype("datetime64[us]")
    return pd.Series(values), _flags(ok) & exists


def _parse_clock(texts: pa.Array) -> tuple[pd.Series, Array]:
    ok = pc.match_substring_regex(texts, _CLOCK)
    parts = pc.split_pattern(pc.if_else(ok, texts, "0:00"), ":")
    hour, minute = _ints(pc.list_element(parts, 0)), _ints(pc.list_element(parts, 1))
    return pd.Series(hour * 60 + minute), _flags(ok) & (hour < 24) & (minute < 60)


_PARSERS: Mapping[Kind, Callable[[pa.Array], tuple[pd.Series, Array]]] = {
    "text": _parse_text,
    "whole": _parse_whole,
    "number": _parse_number,
    "flag": _parse_flag,
    "day": _parse_days,
    "clock": _parse_clock,
}


def _flags(mask: pa.Array) -> Array:
    return np.asarray(pc.fill_null(mask, False).to_numpy(zero_copy_only=False), dtype=bool)


def _ints(texts: pa.Array) -> Array:
    return np.asarray(pc.cast(texts, pa.int64()).to_numpy(zero_copy_only=False))


def _with_defaults(values: pd.Series, absent: Array, column: Column) -> pd.Series:
    missing: Any = {"text": "", "number": np.nan, "day": pd.NaT}.get(column.kind, 0)
    stand_in = column.default if column.default is not None else missing
    if absent.any():
        values = values.mask(absent, stand_in)
    return values.astype(DTYPES[column.kind])


def _outside_years(days: pd.Series) -> Array:
    years = days.dt.year.to_numpy()
    return (years < FIRST_YEAR) | (years > LAST_YEAR)


# --------------------------------------------------------------------------- faults: what to tell people

_OUTSIDE_YEARS = Fault(
    f"must be between {FIRST_YEAR}-01-01 and {LAST_YEAR}-12-31",
    "correct the year; where there is no date and the column may be blank, leave it blank",
)


def _blank_faults(given: Array, column: Column) -> dict[int, Fault]:
    if not column.required:
        return {}
    return dict.fromkeys(np.flatnonzero(~given).tolist(), Fault("must be given", f"fill in {_holds(column)}"))


def _holds(column: Column) -> str:
    return f"{column.says} ({column.unit})" if column.unit else column.says


def _out_of_bounds(text: str, column: Column) -> Fault:
    remedy = column.remedy or f"correct it; the column holds: {_holds(column)}"
    if column.choices:
        near = nearest(text, column.choices, cutoff=0.6)
        remedy = f"write {near}" if near else f"give one of them; the column holds: {_holds(column)}"
    return Fault(column.rule(), remedy)


def _text_faults(texts: pa.Array, column: Column, known: Mapping[int, Fault]) -> dict[int, Fault]:
    found: dict[int, Fault] = {}
    for place in np.flatnonzero(_flags(pc.greater(pc.utf8_length(texts), MAX_TEXT))).tolist():
        found[place] = Fault(f"must be at most {MAX_TEXT} characters long", "shorten it; look for a quote not closed")
    if column.free_text or column.choices:
        return found
    for place in np.flatnonzero(_flags(pc.match_substring_regex(texts, _UNSEEN))).tolist():
        unseen = " ".join(sorted({f"U+{ord(one):04X}" for one in re.findall(_UNSEEN_IN_PYTHON, texts[place].as_py())}))
        found[place] = Fault(f"must hold no control or invisible characters (it has {unseen})", "delete them")
    for place in np.flatnonzero(_flags(pc.not_equal(pc.utf8_trim_whitespace(texts), texts))).tolist():
        found.setdefault(place, Fault("must have no blanks before or after it", "delete the blanks around it"))
    return {place: fault for place, fault in found.items() if place not in known}


_UNSEEN_IN_PYTHON = re.compile(re.sub(r"\\x\{(\w+)\}", lambda code: f"\\u{code[1]:0>4}", _UNSEEN))


def _explained(text: str, column: Column) -> Fault:
    """Say why a text cannot be cast; only ever called for those that cannot."""
    rule, remedy = _FORMS[column.kind]
    if text != text.strip():
        return Fault(rule, "delete the blanks around it")
    if column.kind in ("whole", "number"):
        return Fault(*_explained_number(text, column, rule, remedy))
    if column.kind == "day" and re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        return Fault("must be a day that exists", "correct the month or the day")
    if column.kind == "day" and re.match(r"\d{4}-\d\d-\d\d[T ]", text, re.ASCII):
        return Fault(rule, "leave the time of day away")
    if column.kind == "moment" and re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        return Fault(rule, "add the time of day, such as T08:30")
    if column.kind == "clock" and text in ("24:00", "24:00:00"):
        return Fault(rule, "write 23:59 for the end of the day")
    return Fault(rule, remedy)


_FORMS: Mapping[Kind, tuple[str, str]] = {
    "text": ("must be text", "write it as text"),
    "whole": ("must be a whole number", "write digits only, such as 12"),
    "number": ("must be a number", "write digits with a decimal point, such as 1234.5"),
    "flag": ("must be true or false", "write true or false"),
    "day": ("must be a day written YYYY-MM-DD", "write it like 2026-11-02"),
    "moment": (
        "must be a date-time written YYYY-MM-DDTHH:MM",
        "write it like 2026-11-02T08:30, in the site's own time or with its offset, such as +08:00",
    ),
    "clock": ("must be a time of day written HH:MM", "write it like 08:30"),
}


def _explained_number(text: str, column: Column, rule: str, remedy: str) -> tuple[str, str]:
    if re.fullmatch(r"[-+]?(nan|inf|infinity)|null|none|n/?a|#n/?a|#.*[!?]", text, re.IGNORECASE):
        blank = "leave the cell blank where it is not known" if not column.required else f"fill in {_holds(column)}"
        return "must be a finite number" if column.kind == "number" else rule, blank
    if re.fullmatch(r"-?[0-9]{19,}", text):
        return ("must be a whole number of at most 18 digits" if column.kind == "whole" else rule), "correct it"
    if re.fullmatch(_NUMBER, text):
        if column.kind == "number":
            return "must be a finite number", "correct the exponent; no such quantity exists"
        if re.search("[eE]", text):
            return rule, "write it out without an exponent, such as 1000"
        is_integral = re.fullmatch(r"-?[0-9]+\.0*", text)
        return rule, f"write it without a decimal point: {text.partition('.')[0]}" if is_integral else (
            "quantities are whole pieces; correct it"
        )
    if re.fullmatch(r"[0-9.]+-", text):
        return rule, f"put the minus sign in front: -{text[:-1]}"
    if re.fullmatch(r"\+[0-9.]+", text):
        return rule, f"leave the plus sign away: {text[1:]}"
    if re.fullmatch(r"-?[0-9]{1,3}([,' \u00a0\u202f_][0-9]{3})+(\.[0-9]+)?", text):
        return rule, "leave thousands separators away: " + re.sub(r"[,' \u00a0\u202f_]", "", text)
    if re.fullmatch(r"-?[0-9]{1,3}(\.[0-9]{3})*,[0-9]+", text) or re.fullmatch(r"-?[0-9]+,[0-9]+", text):
        plain = text.replace(".", "").replace(",", ".")
        return rule, f"write a decimal point and no thousands separators: {plain}"
    return rule, remedy


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The known name most like a given one, letter case and blanks aside; blank where none is like it.

    Examples
    --------
    >>> nearest("Unit Cost", ["unit_cost", "weight_kg"])
    'unit_cost'
    """
    plain = {_plain(one): one for one in known}
    match = difflib.get_close_matches(_plain(name), list(plain), n=1, cutoff=cutoff)
    return plain[match[0]] if match else ""


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip().casefold())
