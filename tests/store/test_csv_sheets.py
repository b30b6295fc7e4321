import csv
import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.settings import ReadParams
from partsopt.store.csv_sheets import read_csv_sheet, split_any, split_regular, without_needless_quotes
from partsopt.tables import PARTS, STOCK

NAMES = ["site_id", "part_id", "on_hand"]

values = st.text(st.characters(exclude_characters='\x00",\n\r', exclude_categories=["Cs"]), max_size=6)
lines = st.lists(st.lists(values, min_size=3, max_size=3).filter(any), max_size=8)


def cells_of(rows):
    return {name: cell.to_pylist() for name, cell in rows.cells.items()}


@given(lines, st.sampled_from(["\n", "\r\n"]), st.booleans())
@settings(max_examples=100, deadline=None)
def test_both_ways_to_split_a_regular_file_give_the_same_rows(rows, line_end, is_ended):
    written = line_end.join(",".join(row) for row in [NAMES, *rows]) + (line_end if is_ended else "")
    quick = split_regular(written.encode(), NAMES)
    slow = split_any(written.encode(), NAMES, STOCK, "stock.csv", 1)
    assert quick is not None
    assert cells_of(quick) == {name: [row[place] for row in rows] for place, name in enumerate(NAMES)}
    assert slow.malformed == ()
    assert {name: cells for name, cells in cells_of(slow).items() if rows} == (cells_of(quick) if rows else {})
    assert slow.first.tolist() == quick.first.tolist() == list(range(2, len(rows) + 2))


anything = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=6)


@given(st.lists(st.lists(anything, min_size=3, max_size=3), max_size=8), st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=100, deadline=None)
def test_whatever_is_quoted_by_the_rules_is_read_back(rows, line_end):
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows([NAMES, *rows])
    data = written.getvalue().encode()
    found = split_any(data, NAMES, STOCK, "stock.csv", 1)
    assert not found.faults
    kept = [row for row, fault in zip(rows, _looks_like_rows(rows), strict=True) if not fault]
    assert [list(row) for row in zip(*cells_of(found).values(), strict=True)] == kept
    starts = np.cumsum([2, *(sum(value.count("\n") for value in row) + 1 for row in rows)])[:-1]
    assert sorted([*found.first.tolist(), *(one.line for one in found.malformed)]) == starts.tolist()


def _looks_like_rows(rows):
    """Rows over several lines each of which has as many commas as the header: refused, see split_any."""
    for row in rows:
        physical = ",".join('"' + value.replace('"', '""') + '"' for value in row).split("\n")
        yield len(physical) > 1 and all(line.count(",") == 2 for line in physical)


@given(st.text(st.sampled_from('a,"\n\r'), max_size=14), st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=400, deadline=None)
def test_a_file_is_read_without_its_quotes_only_where_that_changes_nothing(body, line_end):
    """``x`` and ``y`` name its columns; the rest is any mixture of letters, commas, quotes and line ends."""
    names = ["x", "y"]
    data = f"x,y{line_end}{body}".encode()
    plain = without_needless_quotes(data)
    quick = split_regular(plain, names) if plain is not None else None
    if quick is not None and len(quick.first):
        slow = split_any(data, names, STOCK, "stock.csv", 1)
        assert (slow.malformed, slow.faults) == ((), ())
        assert cells_of(slow) == cells_of(quick)
        assert slow.first.tolist() == quick.first.tolist()


def test_a_file_with_every_value_quoted_is_split_quickly():
    data = b'"x","y"\r\n"1",""\r\n"","2"\r\n'
    assert cells_of(split_regular(without_needless_quotes(data), ["x", "y"])) == {"x": ["1", ""], "y": ["", "2"]}


def test_an_irregular_file_is_not_split_quickly():
    for data in (b"a,b\n1,2\n\n3,4\n", b'a,b\n"1",2\n', b"a,b\n1\n", b"a,b\n1,2,3\n", b"a,b\n1,2\r3,4\n"):
        assert split_regular(data, ["a", "b"]) is None


def test_a_refused_row_is_shown_as_it_stood():
    data = b'site_id,part_id,on_hand\r\nBJ,"a\nb",1\r\n D01 ,x,2\r\n'
    sheet = read_csv_sheet(data, "stock.csv", STOCK, ReadParams())
    assert sheet.lines.tolist() == [2, 4]
    assert sheet.row_texts(np.array([0, 1])) == ['BJ,"a\nb",1', " D01 ,x,2"]


def test_gb18030_is_read_where_it_is_declared():
    written = "part_id,description,unit_cost,weight_kg,volume_m3\nA1,机油滤清器,1,1,1\n"
    params = ReadParams(encoding_of={"parts": "gb18030"})
    for data in (written.encode("gb18030"), ("\ufeff" + written).encode("gb18030")):
        sheet = read_csv_sheet(data, "parts.csv", PARTS, params)
        assert (sheet.faults, sheet.cells["description"].to_pylist()) == ((), ["机油滤清器"])


def test_the_mark_of_utf8_is_passed_over():
    sheet = read_csv_sheet(b"\xef\xbb\xbfsite_id,part_id,on_hand\nBJ,A1,1\n", "stock.csv", STOCK, ReadParams())
    assert sheet.faults == ()
    assert sheet.cells["site_id"].to_pylist() == ["BJ"]
