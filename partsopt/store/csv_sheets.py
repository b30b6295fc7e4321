"""CSV files split into cells of text, with physical line numbers.

A regular file (no quote that matters, no blank line, the same number of values on every line) is
split by pyarrow; any other by Python's ``csv`` module, which counts physical lines. Both give the
same cells.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from partsopt.errors import Violation
from partsopt.settings import ReadParams
from partsopt.store.sheets import TEXT, Array, Sheet, blank_sheet, check_header, file_fault, too_many_cells
from partsopt.tables import Table

BATCH_ROWS = 65_536
QUOTES_AT_ONCE = 4_000_000


def read_csv_sheet(data: bytes, file: str, table: Table, params: ReadParams) -> Sheet:
    """Split the bytes of a CSV file into cells of text."""
    blank = blank_sheet(data, file, table)
    encoding = params.encoding_of.get(table.name, params.encoding)
    decoded, faults, notes = _as_utf8(data, encoding, table, file)
    if faults:
        return replace(blank, faults=faults)
    if not decoded.strip():
        rule = "is empty: it has not even a header"
        return replace(blank, faults=(file_fault(table, file, rule, f"start it with {','.join(table.columns)}"),))
    names, header_lines, faults = _header_of(decoded, table, file)
    if faults:
        return replace(blank, faults=faults)
    header = check_header(names, table, file, header_lines[0])
    if header.faults:
        return replace(blank, faults=header.faults)
    n_lines = decoded.count(b"\n") + (not decoded.endswith(b"\n")) - header_lines[1]
    if n_lines * len(names) > params.max_cells:
        return replace(blank, faults=(too_many_cells(blank, n_lines, len(names), params),))
    plain = without_needless_quotes(decoded) if header_lines == (1, 1) else None
    rows = split_regular(plain, names) if plain is not None else None
    if rows is None:
        rows = split_any(decoded, names, table, file, header_lines[1])
    if rows.faults:
        return replace(blank, faults=rows.faults)
    cells = {name: rows.cells[name] for name in table.columns if name in names}
    kept = _not_blank(cells, len(rows.first))
    n_blank = rows.n_blank + len(rows.first) - int(kept.sum())
    if n_blank:
        notes = (*notes, f"{file}: {n_blank} blank {'line is' if n_blank == 1 else 'lines are'} passed over.")
    if not kept.all():
        cells = {name: cell.filter(pa.array(kept)) for name, cell in cells.items()}
    first, last = rows.first[kept], rows.last[kept]
    return replace(
        blank,
        cells=cells,
        lines=first,
        n_rows=len(first) + len(rows.malformed),
        malformed=rows.malformed,
        notes=(*notes, *header.notes),
        row_texts=lambda places: _physical_lines(decoded, first[places], last[places]),
    )


def as_gb18030_setting(table: Table) -> str:
    """What to do so that a table is read as GB18030."""
    return f'set read.encoding_of = {{ {table.name} = "gb18030" }}'


def as_utf8_setting(table: Table) -> str:
    """What to do so that a table is read as UTF-8 again."""
    return f"take {table.name} out of read.encoding_of"


def _as_utf8(
    data: bytes, encoding: str, table: Table, file: str
) -> tuple[bytes, tuple[Violation, ...], tuple[str, ...]]:
    """Bytes of the file in UTF-8 without its mark, checked; the declared encoding decides, never a guess."""
    notes: tuple[str, ...] = ()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        rule = f"is not {encoding}: it starts with the mark of UTF-16"
        return b"", (file_fault(table, file, rule, "save it as CSV UTF-8"),), notes
    if encoding == "gb18030" and data.startswith(b"\xef\xbb\xbf"):
        rule = "is declared to be gb18030 but starts with the mark of UTF-8"
        return b"", (file_fault(table, file, rule, as_utf8_setting(table)),), notes
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        rule = f"is not {encoding}: byte {error.start + 1} of the file (hexadecimal {data[error.start]:02x}) is no text"
        other = "gb18030" if encoding == "utf-8" else "utf-8"
        remedy = f"save it as {encoding}"
        if _decodes(data, other):
            way = as_gb18030_setting(table) if other == "gb18030" else as_utf8_setting(table)
            remedy += f"; or, as it could be read as {other}, {way} and look at its text"
        return b"", (file_fault(table, file, rule, remedy, line=line),), notes
    if encoding == "gb18030" and not data.isascii() and _decodes(data, "utf-8"):
        notes = (f"{file}: read as gb18030, as declared, but it is valid UTF-8 too; look at its Chinese text.",)
    if b"\x00" in data:
        place = data.index(b"\x00")
        rule = f"holds a NUL byte (byte {place + 1} of the file): it was not written whole, or is no text"
        return b"", (file_fault(table, file, rule, "export it again", line=data.count(b"\n", 0, place) + 1),), notes
    return (data if encoding == "utf-8" else text.encode()).removeprefix(b"\xef\xbb\xbf"), (), notes


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _text_lines(data: bytes) -> Iterator[str]:
    """Lines of text, ended by LF only, with their ends."""
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="\n")


def _header_of(data: bytes, table: Table, file: str) -> tuple[list[str], tuple[int, int], tuple[Violation, ...]]:
    reader = csv.reader(_text_lines(data), strict=True)
    first = 1
    try:
        for record in reader:
            if record:
                return record, (first, reader.line_num), ()
            first = reader.line_num + 1
    except csv.Error:
        pass
    if b"\r" in data and b"\n" not in data:
        rule, remedy = "ends its lines with CR alone", "save it with line ends LF or CRLF"
    elif b'"' in data:
        rule, remedy = "has a header with a quote that is not closed", "close the quote"
    else:
        rule, remedy = "has a header that cannot be split into names", f"start it with {','.join(table.columns)}"
    return [], (first, first), (file_fault(table, file, rule, remedy, line=first),)


class Rows(NamedTuple):
    """Rows of a CSV file: cells by column name, and the first and last physical line of each row."""

    cells: Mapping[str, pa.ChunkedArray]
    first: Array
    last: Array
    n_blank: int = 0
    malformed: tuple[Violation, ...] = ()
    faults: tuple[Violation, ...] = ()


def without_needless_quotes(data: bytes) -> bytes | None:
    r"""A CSV file without its quotes, where all of them stand around values that need none; else None.

    Parameters
    ----------
    data
        UTF-8 without its mark.

    Examples
    --------
    >>> without_needless_quotes(b'"A1","7",\n')
    b'A1,7,\n'
    >>> without_needless_quotes(b'"A1","1,7"\n') is None
    True
    """
    if b'"' not in data:
        return data
    content = np.frombuffer(data, dtype=np.uint8)
    start = 0
    while start < len(data):  # whole lines at a time: no needless quote reaches beyond its line
        end = data.find(b"\n", start + QUOTES_AT_ONCE) + 1 or len(data)
        if not _quotes_are_needless(content[start:end]):
            return None
        start = end
    plain = data.translate(None, b'"')
    is_last_line_lost = plain.endswith(b"\n") and not data.endswith(b"\n")
    return None if is_last_line_lost else plain


def _quotes_are_needless(lines: Array) -> bool:
    """Whether each quote of whole lines, given as bytes, is next to the end of a value without marks in it."""
    quote, comma, line_feed, carriage_return = (lines == ord(one) for one in '",\n\r')
    marks = np.flatnonzero(quote | comma | line_feed)
    quotes = np.flatnonzero(quote[marks])
    opening, closing = quotes[0::2], quotes[1::2]
    if len(opening) != len(closing) or (closing != opening + 1).any():  # none to close, or a mark between the two
        return False
    before, after = marks[opening] - 1, marks[closing] + 1
    starts = (before < 0) | (comma | line_feed)[before]
    ends = (after == len(lines)) | (comma | line_feed | carriage_return)[np.minimum(after, len(lines) - 1)]
    return bool((starts & ends).all())


def split_regular(data: bytes, names: Sequence[str]) -> Rows | None:
    """Split a CSV file without quotes, blank lines or stray carriage returns; None for any other.

    Parameters
    ----------
    data
        UTF-8 without its mark, the header on the first line.
    names
        The header's names.
    """
    is_regular = b'"' not in data and b"\n\n" not in data and b"\n\r\n" not in data
    if not is_regular or data.count(b"\r") != data.count(b"\r\n"):
        return None
    places = [str(place) for place in range(len(names))]  # names may be blank or, where not declared, repeat
    body = data.find(b"\n") + 1
    if not body or body == len(data):
        nothing = pa.chunked_array([], type=TEXT)
        return Rows(dict.fromkeys(names, nothing), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(pa.py_buffer(data).slice(body)),
            read_options=pa_csv.ReadOptions(column_names=places),
            parse_options=pa_csv.ParseOptions(
                quote_char=False, double_quote=False, escape_char=False, ignore_empty_lines=False
            ),
            convert_options=pa_csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(places, TEXT),
                null_values=[],
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:  # a line with another number of values, or longer than a block
        return None
    lines = np.arange(2, table.num_rows + 2, dtype=np.int64)
    return Rows({name: table.column(place) for place, name in enumerate(names)}, lines, lines)


def split_any(data: bytes, names: Sequence[str], table: Table, file: str, header_end: int) -> Rows:
    """Split any CSV file by RFC 4180, counting physical lines; refuse rows that cannot be split.

    A quote that is not closed, or is closed in the midst of a value, refuses its row where that
    stands on one line, and the file where it swallowed further lines: which rows those were is not
    to be known. A row over several lines each of which looks like a row is refused for the same
    reason. A quote inside a value that does not start with one is taken as it stands.

    Parameters
    ----------
    data
        UTF-8 without its mark.
    names
        The header's names.
    table, file
        For the violations.
    header_end
        Last physical line of the header.
    """
    reader = csv.reader(_text_lines(data), strict=True)
    while reader.line_num < header_end:
        next(reader)
    chunks: list[list[pa.Array]] = []
    records: list[list[str]] = []
    first: list[int] = []
    last: list[int] = []
    malformed: list[Violation] = []
    n_blank, n_names = 0, len(names)
    while True:
        start = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            fault = _quote_fault(data, start, reader.line_num, str(error), table, file)
            if fault.stops_the_run:
                nothing = np.zeros(0, dtype=np.int64)
                return Rows(
                    {}, nothing, nothing, faults=(*(replace(one, stops_the_run=True) for one in malformed), fault)
                )
            malformed.append(fault)
            continue
        if not record:
            n_blank += 1
        elif len(record) != n_names or (
            reader.line_num > start and _swallowed_rows(data, start, reader.line_num, n_names)
        ):
            malformed.append(_shape_fault(data, start, reader.line_num, len(record), n_names, table, file))
        else:
            records.append(record)
            first.append(start)
            last.append(reader.line_num)
            if len(records) == BATCH_ROWS:
                chunks.append([pa.array(values, TEXT) for values in zip(*records, strict=True)])
                records = []
    if records:
        chunks.append([pa.array(values, TEXT) for values in zip(*records, strict=True)])
    cells = {name: pa.chunked_array([chunk[place] for chunk in chunks], TEXT) for place, name in enumerate(names)}
    return Rows(cells, np.array(first, dtype=np.int64), np.array(last, dtype=np.int64), n_blank, tuple(malformed))


def _physical_lines(data: bytes, first: Array, last: Array) -> list[str]:
    """Text of the lines from first to last (from 1) of each row, without its line end."""
    ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == 10)
    starts = np.concatenate([[0], ends + 1])
    ends = np.append(ends, len(data))
    spans = zip(starts[first - 1].tolist(), ends[last - 1].tolist(), strict=True)
    return [data[start:end].decode(errors="replace").removesuffix("\r") for start, end in spans]


def _lines_of(data: bytes, first: int, last: int) -> list[str]:
    return _physical_lines(data, np.arange(first, last + 1), np.arange(first, last + 1))


def _swallowed_rows(data: bytes, first: int, last: int, n_names: int) -> bool:
    return n_names > 2 and all(line.count(",") == n_names - 1 for line in _lines_of(data, first, last))


def _shape_fault(data: bytes, first: int, last: int, n_values: int, n_names: int, table: Table, file: str) -> Violation:
    if n_values == n_names:
        rule = f"runs on to line {last}, and each of these lines looks like a row: a quote was not closed"
        remedy = "close the quote; write a quote inside a value twice"
    else:
        rule = f"has {n_values} {'value' if n_values == 1 else 'values'} where the header names {n_names} columns"
        remedy = (
            "put a text with commas between quotes" if n_values > n_names else "add the values that lack, blank or not"
        )
        if last > first:
            rule, remedy = f"{rule}, and runs on to line {last}", "look for a quote that is not closed"
    return _row_fault(data, first, last, rule, remedy, table, file)


def _row_fault(data: bytes, first: int, last: int, rule: str, remedy: str, table: Table, file: str) -> Violation:
    (row_text,) = _physical_lines(data, np.array([first]), np.array([last]))
    return Violation(
        table=table.name, file=file, line=first, column="", value="", rule=rule, remedy=remedy, row_text=row_text
    )


def _quote_fault(data: bytes, first: int, last: int, error: str, table: Table, file: str) -> Violation:
    if "new-line character" in error:
        rule, remedy = (
            "holds a carriage return outside quotes",
            "end lines with LF or CRLF, and put line breaks in quotes",
        )
        return _row_fault(data, first, last, rule, remedy, table, file)
    if "field larger" in error and last == first:
        return _row_fault(data, first, last, "has a value too long to be read", "shorten it", table, file)
    remedy = "close the quote; write a quote inside a value twice"
    is_open = "expected after" not in error
    if last == first:
        rule = "opens a quote that is not closed" if is_open else "has text after the quote that ends a value"
        return _row_fault(data, first, last, rule, remedy, table, file)
    lines = _lines_of(data, first, last)
    opened = first + _line_of_open_quote("\n".join(lines))
    end = "is not closed by the end of the file" if "end of data" in error else f"runs on to line {last}"
    rule = f"opens a quote that {end} and swallows the rows between"
    return file_fault(table, file, rule, remedy, line=opened, value=lines[opened - first])


def _line_of_open_quote(text: str) -> int:
    """Lines before the quote that opened the last quoted value of a text."""
    opened, place, at_start = 0, 0, True
    while place < len(text):
        if text[place] == '"' and at_start:
            opened = place
            place += 1
            while (place := text.find('"', place)) >= 0 and text[place + 1 : place + 2] == '"':
                place += 2
            if place < 0:
                break
            at_start = False
        else:
            at_start = text[place] in ",\n"
        place += 1
    return text.count("\n", 0, opened)


def _not_blank(cells: Mapping[str, pa.ChunkedArray], n_rows: int) -> Array:
    """True for rows that have a value in any of the declared columns."""
    blank = np.ones(n_rows, dtype=bool)
    for cell in cells.values():
        blank &= np.asarray(pc.equal(cell, "").to_numpy(), dtype=bool)
        if not blank.any():
            break
    return ~blank
