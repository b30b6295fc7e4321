"""The printed page: what can be read and scanned from the PDF itself."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO

import pandas as pd
import pypdf
import pytest

from partsopt.errors import SettingsError
from partsopt.report.route_sheets import Sheet, SheetLine, SheetStop
from partsopt.report.sheet_pdf import BOTTOM, CODE_SIZE, MOST_LINES, NEXT_HEAD, TOP, _stop_height, pdf_of
from tests.report.test_route_sheets import sheets


def pages_of(pdf: bytes) -> list[pypdf.PageObject]:
    return list(pypdf.PdfReader(BytesIO(pdf)).pages)


def words(page: pypdf.PageObject) -> str:
    """Text of a page without the line breaks that a change of font makes."""
    return page.extract_text().replace("\n", "")


def codes(page: pypdf.PageObject) -> Iterator[str]:
    """The texts of the QR codes on a page, read from their modules."""
    rectangles: list[list[float]] = []
    for operands, operator in page.get_contents().operations:
        if operator == b"re":
            rectangles.append([float(one) for one in operands])
        elif operator in (b"f", b"f*", b"S", b"B", b"n"):
            if len(rectangles) > 100:
                yield text_of_modules(modules_of(rectangles))
            rectangles = []


def modules_of(rectangles: list[list[float]]) -> list[list[bool]]:
    """Rows of modules from the rectangles of their runs; the first is the finder at the top left, 7 modules wide."""
    module = rectangles[0][2] / 7
    left, top = rectangles[0][0], rectangles[0][1]
    size = round(CODE_SIZE / module) - 8
    grid = [[False] * size for _ in range(size)]
    for x, y, width, _ in rectangles:
        row, column = round((top - y) / module), round((x - left) / module)
        for k in range(round(width / module)):
            grid[row][column + k] = True
    return grid


MASKS = (
    lambda r, c: (r + c) % 2,
    lambda r, _: r % 2,
    lambda _, c: c % 3,
    lambda r, c: (r + c) % 3,
    lambda r, c: (r // 2 + c // 3) % 2,
    lambda r, c: r * c % 2 + r * c % 3,
    lambda r, c: (r * c % 2 + r * c % 3) % 2,
    lambda r, c: ((r + c) % 2 + r * c % 3) % 2,
)


def text_of_modules(grid: list[list[bool]]) -> str:
    """Read a QR code of one block in byte mode (ISO/IEC 18004: versions 1 to 3 at level M), undamaged as printed."""
    size = len(grid)
    assert size in (21, 25, 29), f"a code of {size} modules has several blocks"
    format_bits = sum(grid[8][c] << (4 - k) for k, c in enumerate(range(5))) ^ 0b10101
    is_masked = MASKS[format_bits & 0b111]

    def is_fixed(r: int, c: int) -> bool:
        finder = (r < 9 and c < 9) or (r < 9 and c >= size - 8) or (r >= size - 8 and c < 9)
        alignment = size > 21 and size - 9 <= r <= size - 5 and size - 9 <= c <= size - 5
        return finder or alignment or r == 6 or c == 6

    bits = []
    column, upward = size - 1, True
    while column > 0:
        column -= column == 6
        for r in reversed(range(size)) if upward else range(size):
            pair = [c for c in (column, column - 1) if not is_fixed(r, c)]
            bits += [grid[r][c] ^ (is_masked(r, c) == 0) for c in pair]
        column, upward = column - 2, not upward

    def number(start: int, length: int) -> int:
        return int("".join(str(int(bit)) for bit in bits[start : start + length]), 2)

    assert number(0, 4) == 0b0100
    return bytes(number(12 + 8 * k, 8) for k in range(number(4, 8))).decode("utf-8")


def test_every_stop_has_its_code_to_scan():
    pages = pages_of(pdf_of(sheets(), "20261102-abc"))
    assert [list(codes(page)) for page in pages] == [
        ["RT/1/1", "RT/1/2"],
        ["20261102/DC/D2/road/1"],
        ["20261102/DC/D2/road/2"],
    ]


def test_a_code_keeps_chinese_letters():
    trip = sheets()[0]
    trip = replace(trip, stops=(replace(trip.stops[0], code="京/1/1"),))
    (page,) = pages_of(pdf_of([trip], "run"))
    assert list(codes(page)) == ["京/1/1"]


def test_a_driver_reads_what_is_planned():
    first = words(pages_of(pdf_of(sheets(), "20261102-abc"))[0])
    for said in (
        "派送单 Route sheet",
        "2026-11-02 周一",
        "DC  北京备件中心",
        "VAN",
        "第 1/1 趟 trip",
        "返回 back 13:30",
        "10:35D1  杭州一店",
        "杭州市汽车大道8号",
        "收货 open 08:30-17:30  卸货 unload 10:40  离开 leave 10:55",
        "VOR 停驶2 行 lines  4 件 pieces  4.00 kg  0.200 m3  晚于承诺 late  取回 1 件 returns",
        "3 ×P  机油滤清器",
        "取回  RET-1  旧发动机  55.0 kg",
        "签收 Received by",
        "司机 Driver",
        "本单 this sheet 1/1",
        "第 page 1/3 页",
        "partsopt 20261102-abc",
    ):
        assert said in first, said


def test_a_carrier_reads_what_to_collect():
    page = words(pages_of(pdf_of(sheets(), "run"))[1])
    for said in ("承运交接单 Carrier handover", "road", "交接 Hand over by17:00", "11-04 07:00D2", "承运人 Carrier"):
        assert said in page, said


def test_the_same_sheets_give_the_same_bytes():
    assert pdf_of(sheets(), "run") == pdf_of(sheets(), "run")


def long_trip(n_stops: int, n_lines: int) -> Sheet:
    trip = sheets()[0]
    lines = tuple(
        SheetLine(line_id=f"L{k}", part_id=f"P{k:03d}", description="滤清器", quantity=2, tier="stock", is_late=False)
        for k in range(n_lines)
    )
    stops = [replace(trip.stops[0], position=k + 1, code=f"RT/1/{k + 1}", lines=lines) for k in range(n_stops)]
    return replace(trip, stops=tuple(stops))


def test_forty_stops_go_over_several_pages_and_none_is_cut():
    pages = pages_of(pdf_of([long_trip(40, 7)], "run"))
    assert len(pages) > 5
    assert [code for page in pages for code in codes(page)] == [f"RT/1/{k + 1}" for k in range(40)]
    for number, page in enumerate(pages, start=1):
        assert f"本单 this sheet {number}/{len(pages)}" in words(page)
        assert ("续页 continued" in words(page)) == (number > 1)
        assert ("司机 Driver" in words(page)) == (number == len(pages))


@pytest.mark.parametrize("n_lines", [0, 1, 6, 7, MOST_LINES, MOST_LINES + 1, 500])
def test_a_stop_of_any_size_fits_on_a_page(n_lines: int):
    """Beyond the lines that fit, the rest is counted."""
    trip = long_trip(1, n_lines)
    assert _stop_height(trip, trip.stops[0]) < TOP - BOTTOM - NEXT_HEAD
    (page,) = pages_of(pdf_of([trip], "run"))
    said = words(page)
    assert all(f"P{k:03d}" in said for k in range(min(n_lines, MOST_LINES)))
    rest = n_lines - MOST_LINES
    assert ("more lines" in said) == (rest > 0)
    if rest > 0:
        assert f"{rest} more lines, {2 * rest} pieces" in said


def test_letters_that_the_font_lacks_show_as_a_box():
    """Korean is not in GBK; accents and Cyrillic are set, a line break in a name is a blank."""
    trip = sheets()[0]
    stop = replace(trip.stops[0], name="한국 Škoda Москва\nné")
    (page,) = pages_of(pdf_of([replace(trip, stops=(stop,))], "run"))
    assert "□□" in words(page)
    assert "koda Москва né" in words(page)


def test_long_names_are_cut_with_dots():
    stop = replace(sheets()[0].stops[0], name="长" * 200)
    (page,) = pages_of(pdf_of([replace(sheets()[0], stops=(stop,))], "run"))
    assert "长..." in words(page)


def test_a_run_without_deliveries_prints_that_there_is_none():
    (page,) = pages_of(pdf_of([], "run"))
    assert "No trip and no handover in this run." in words(page)


def test_without_reportlab_the_command_to_install_it_is_said(monkeypatch: pytest.MonkeyPatch):
    real = builtins.__import__

    def absent(name: str, *rest: object, **more: object) -> object:
        if name.startswith("reportlab"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(SettingsError, match=r"pip install 'partsopt\[sheets\]'"):
        pdf_of(sheets(), "run")


def test_a_stop_for_returns_alone_and_a_rest_on_the_way():
    """Nothing is unloaded, so no tier is shown; ten returns wait, of which eight fit."""
    first = sheets()[0].stops[0]
    many = tuple(replace(first.returns[0], return_id=f"RET-{k}") for k in range(10))
    stop = replace(first, lines=(), returns=many, rest_min=20.0)
    (page,) = pages_of(pdf_of([replace(sheets()[0], stops=(stop,))], "run"))
    said = words(page)
    assert "VOR" not in said
    assert "休息 rest 20" in said
    assert "RET-7" in said
    assert "RET-8" not in said
    assert "2 more returns" in said


def test_what_a_dealer_collects_is_signed_by_the_dealer():
    given = replace(sheets()[1], service="self-collection")
    (page,) = pages_of(pdf_of([given], "run"))
    assert "自提交接单 Collected by the dealer" in words(page)
    assert "提货人 Collected by" in words(page)
    assert "Carrier" not in words(page)


def test_a_stop_on_another_day_shows_its_date():
    stop: SheetStop = replace(sheets()[0].stops[0], arrives_at=pd.Timestamp("2026-11-03T08:00", tz="Asia/Shanghai"))
    (page,) = pages_of(pdf_of([replace(sheets()[0], stops=(stop,))], "run"))
    assert "11-03 08:00D1" in words(page)
