"""Route sheets as PDF for A4: large times, Chinese names, and a code to scan for each stop.

Chinese text is set in STSong-Light, one of the fonts that every PDF reader knows or replaces, so that no font
file is needed; Latin text in Helvetica. The same sheets give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import groupby
from typing import Any

import pandas as pd

from partsopt.errors import SettingsError
from partsopt.report.route_sheets import Sheet, SheetLine, SheetStop

CHINESE = "STSong-Light"
LATIN, BOLD = "Helvetica", "Helvetica-Bold"
NOT_IN_FONT = "□"
WIDTH, HEIGHT = 595.28, 841.89
LEFT, RIGHT, TOP, BOTTOM = 34.0, WIDTH - 34.0, HEIGHT - 34.0, 44.0
CODE_SIZE = 74.0
BODY = LEFT + 46.0
TEXT_RIGHT = RIGHT - CODE_SIZE - 8.0
ROW = 12.0
ONE_COLUMN = 6
MOST_LINES = 24
MOST_RETURNS = 8
WEEKDAYS = "一二三四五六日"
MARKS = {
    "vor": "VOR 停驶",
    "urgent": "紧急 urgent",
    "reservation": "预约 booked",
    "backorder": "欠交 backorder",
    "stock": "常规 stock",
}
SHORT_MARKS = {"vor": "VOR", "urgent": "急", "reservation": "约", "backorder": "欠", "stock": ""}
LOUD = ("vor", "urgent")


@dataclass
class _Pen:
    """Where the next block of a sheet goes, and what stands at the foot of its pages."""

    canvas: Any
    sheet: Sheet
    pages: int
    y: float = TOP
    page: int = 0


def pdf_of(sheets: Sequence[Sheet], run_id: str) -> bytes:
    """Print sheets, each beginning on a page of its own.

    Parameters
    ----------
    sheets
        As :func:`~partsopt.report.route_sheets.route_sheets_of` gives them.
    run_id
        The run, for the foot of each page.

    Returns
    -------
    bytes
        A PDF, the same for the same sheets.

    Raises
    ------
    SettingsError
        ReportLab is not installed.
    """
    canvas_of = _canvas_class()
    stream = BytesIO()
    canvas = canvas_of(stream, pagesize=(WIDTH, HEIGHT), invariant=1, pageCompression=1)
    canvas.setTitle(f"Route sheets {run_id}")
    canvas.setAuthor("partsopt")
    cut = [list(_pages(sheet)) for sheet in sheets]
    of_all, before = sum(len(pages) for pages in cut), 0
    for sheet, pages in zip(sheets, cut, strict=True):
        for number, stops in enumerate(pages, start=1):
            pen = _Pen(canvas, sheet, len(pages), TOP, number)
            _head(pen) if number == 1 else _head_again(pen)
            for stop in stops:
                _stop(pen, stop)
            if number == len(pages):
                _closing(pen)
            _foot(pen, run_id, before + number, of_all)
            canvas.showPage()
        before += len(pages)
    if not sheets:
        _text(canvas, LEFT, TOP - 20, "没有出车，也没有交给承运人的货物。 No trip and no handover in this run.", 12)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def _canvas_class() -> Any:
    try:
        from reportlab.pdfbase import pdfmetrics
        from reportlab.pdfbase.cidfonts import UnicodeCIDFont
        from reportlab.pdfgen.canvas import Canvas
    except ImportError:
        raise SettingsError(
            "Route sheets need ReportLab, which is not installed. Install it: pip install 'partsopt[sheets]'."
        ) from None
    pdfmetrics.registerFont(UnicodeCIDFont(CHINESE))
    return Canvas


# --------------------------------------------------------------------------- pages


FIRST_HEAD, NEXT_HEAD, CLOSING = 122.0, 34.0, 40.0


def _pages(sheet: Sheet) -> Iterator[list[SheetStop]]:
    """The stops of a sheet page by page; none is cut in two, and the last page keeps room for the closing."""
    stops: list[SheetStop] = []
    left = TOP - BOTTOM - FIRST_HEAD
    for number, stop in enumerate(sheet.stops, start=1):
        needed = _stop_height(sheet, stop)
        if stops and left < needed + (CLOSING if number == len(sheet.stops) else 0):
            yield stops
            stops, left = [], TOP - BOTTOM - NEXT_HEAD
        stops.append(stop)
        left -= needed
    yield stops


def _stop_height(sheet: Sheet, stop: SheetStop) -> float:
    rows = _rows_of(stop) + (len(stop.lines) > MOST_LINES) + min(len(stop.returns), MOST_RETURNS + 1)
    above = 74.0 if stop.address else 60.0
    return max(above + rows * ROW, CODE_SIZE + 24.0) + (24.0 if sheet.is_trip else 8.0)


def _rows_of(stop: SheetStop) -> int:
    """Rows that the lines shown take: one column while they are few, else two."""
    n_shown = min(len(stop.lines), MOST_LINES)
    return n_shown if n_shown <= ONE_COLUMN else -(-n_shown // 2)


def _head(pen: _Pen) -> None:
    sheet, canvas, y = pen.sheet, pen.canvas, pen.y
    title = "派送单 Route sheet" if sheet.is_trip else "承运交接单 Carrier handover"
    title = "自提交接单 Collected by the dealer" if sheet.is_self_collected else title
    _text(canvas, LEFT, y - 16, title, 17)
    _text(canvas, RIGHT, y - 16, _day(sheet.departs_at), 17, font=BOLD, align="right")
    _text(canvas, LEFT, y - 34, f"{sheet.origin_id}  {sheet.origin_name}", 11, until=RIGHT)
    canvas.setFillGray(0.92)
    canvas.rect(LEFT, y - 108, RIGHT - LEFT, 66, stroke=0, fill=1)
    canvas.setFillGray(0)
    what = f"{sheet.vehicle_id}" if sheet.is_trip else sheet.service
    _text(canvas, LEFT + 10, y - 68, what, 22, font=BOLD, until=LEFT + 250)
    when = "出发 Departs" if sheet.is_trip else "交接 Hand over by"
    _text(canvas, RIGHT - 84, y - 66, when, 11, align="right")
    _text(canvas, RIGHT - 10, y - 68, _time(sheet.departs_at, sheet.departs_at), 24, font=BOLD, align="right")
    if sheet.is_trip:
        facts = [f"第 {sheet.trip}/{sheet.n_trips} 趟 trip", f"{len(sheet.stops)} 站 stops"]
    else:
        facts = [f"{len(sheet.stops)} 票 consignments"]
    facts += [f"{sum(stop.pieces for stop in sheet.stops):,} 件 pieces"]
    facts += [f"{_figure(sheet.load_kg)} kg", f"{_figure(sheet.load_m3)} m3"]
    if sheet.returns_at is not None:
        facts += [f"装载 load {sheet.load_share:.0%}", f"{sheet.distance_m / 1000:,.0f} km"]
        facts += [f"返回 back {_time(sheet.returns_at, sheet.departs_at)}"]
    _text(canvas, LEFT + 10, y - 96, "  ·  ".join(facts), 10, until=RIGHT - 10)
    pen.y = y - FIRST_HEAD


def _head_again(pen: _Pen) -> None:
    sheet = pen.sheet
    what = f"{sheet.vehicle_id}   第 {sheet.trip} 趟 trip" if sheet.is_trip else sheet.service
    said = f"{sheet.origin_id}   {what}   {_day(sheet.departs_at)}   {_time(sheet.departs_at, sheet.departs_at)}"
    _text(pen.canvas, LEFT, pen.y - 12, said, 12, until=RIGHT - 100)
    _text(pen.canvas, RIGHT, pen.y - 12, "续页 continued", 10, align="right")
    _rule(pen.canvas, pen.y - 22, 1.2)
    pen.y -= NEXT_HEAD


def _closing(pen: _Pen) -> None:
    canvas, y = pen.canvas, pen.y - 26
    if pen.sheet.is_trip:
        _blank(canvas, LEFT, y, "司机 Driver", 190)
        _blank(canvas, LEFT + 200, y, "实际出发 Left at", 150)
        _blank(canvas, LEFT + 360, y, "返回 Back at", RIGHT - LEFT - 360)
    else:
        _blank(canvas, LEFT, y, "提货人 Collected by" if pen.sheet.is_self_collected else "承运人 Carrier", 190)
        _blank(canvas, LEFT + 200, y, "车牌 Plate", 150)
        _blank(canvas, LEFT + 360, y, "时间 Time", RIGHT - LEFT - 360)


def _foot(pen: _Pen, run_id: str, page: int, pages: int) -> None:
    _text(pen.canvas, LEFT, 26, f"partsopt {run_id}", 8)
    _text(pen.canvas, WIDTH / 2, 26, f"本单 this sheet {pen.page}/{pen.pages}", 9, align="centre")
    _text(pen.canvas, RIGHT, 26, f"第 page {page}/{pages} 页", 8, align="right")


# --------------------------------------------------------------------------- one stop


def _stop(pen: _Pen, stop: SheetStop) -> None:
    sheet, canvas, top = pen.sheet, pen.canvas, pen.y
    height = _stop_height(sheet, stop)
    _badge(canvas, stop, top)
    if sheet.is_trip:
        _text(canvas, LEFT + 18, top - 48, f"{stop.distance_m / 1000:,.0f} km", 8, align="centre")
        _text(canvas, LEFT + 18, top - 58, f"{stop.travel_min:,.0f} 分 min", 8, align="centre")
        if stop.rest_min > 0:
            _text(canvas, LEFT + 18, top - 68, f"休息 rest {stop.rest_min:,.0f}", 7.5, align="centre")
    _code(canvas, stop.code, RIGHT - CODE_SIZE, top - CODE_SIZE - 6)
    for number, part in enumerate(_wrapped(stop.code, 6, CODE_SIZE)):
        _text(canvas, RIGHT, top - CODE_SIZE - 12 - number * 6.5, part, 6, align="right")

    arrives = _time(stop.arrives_at, sheet.departs_at)
    _text(canvas, BODY, top - 22, arrives, 19, font=BOLD)
    x = BODY + _width(arrives, 19, BOLD) + 10
    _text(canvas, x, top - 21, f"{stop.site_id}  {stop.name}", 13, until=TEXT_RIGHT)
    y = top - 37
    if stop.address:
        _text(canvas, BODY, y, stop.address, 10.5, until=TEXT_RIGHT)
        y -= 14
    times = [f"收货 open {stop.open_hours}"]
    if stop.starts_at is not None and stop.leaves_at is not None:
        times += [f"卸货 unload {_time(stop.starts_at, sheet.departs_at)}"]
        times += [f"离开 leave {_time(stop.leaves_at, sheet.departs_at)}"]
    _text(canvas, BODY, y, "  ".join(times), 9.5, until=TEXT_RIGHT)
    y -= 15
    x = _mark(canvas, BODY, y, stop.tier) if stop.lines else BODY
    totals = [f"{len(stop.lines):,} 行 lines", f"{stop.pieces:,} 件 pieces"]
    totals += [f"{_figure(stop.load_kg)} kg", f"{_figure(stop.load_m3)} m3"]
    if any(line.is_late for line in stop.lines):
        totals += ["晚于承诺 late"]
    if stop.returns:
        totals += [f"取回 {len(stop.returns):,} 件 returns"]
    _text(canvas, x, y, "  ".join(totals), 9.5, until=TEXT_RIGHT)
    y = _lines(canvas, stop, y - ROW - 3)
    _returns(canvas, stop, y)
    if sheet.is_trip:
        y = top - height + 12
        _blank(canvas, BODY, y, "签收 Received by", 190)
        _blank(canvas, BODY + 200, y, "时间 Time", 90)
        _blank(canvas, BODY + 300, y, "差异 Remarks", RIGHT - BODY - 300)
    pen.y = top - height
    _rule(canvas, pen.y, 0.6)


def _returns(canvas: Any, stop: SheetStop, top: float) -> None:
    """What the driver loads there, each with a box to tick."""
    for number, one in enumerate(stop.returns[:MOST_RETURNS]):
        y = top - number * ROW
        _box(canvas, BODY, y)
        said = "  ".join(each for each in ("取回", one.return_id, one.what, f"{_figure(one.load_kg)} kg") if each)
        _text(canvas, BODY + 12, y, said, 9, until=TEXT_RIGHT)
    if len(stop.returns) > MOST_RETURNS:
        rest = len(stop.returns) - MOST_RETURNS
        _text(
            canvas, BODY, top - MOST_RETURNS * ROW, f"另取回 {rest:,} 件。 {rest:,} more returns", 9, until=TEXT_RIGHT
        )


def _box(canvas: Any, x: float, y: float) -> None:
    canvas.setLineWidth(0.6)
    canvas.rect(x, y - 0.5, 6.5, 6.5, stroke=1, fill=0)


def _lines(canvas: Any, stop: SheetStop, top: float) -> float:
    """Lines in columns, each with a box to tick; the height at which to go on."""
    shown = stop.lines[:MOST_LINES]
    rows = _rows_of(stop)
    width = (TEXT_RIGHT - BODY) / (1 if rows == len(shown) else 2)
    for number, line in enumerate(shown):
        column, row = divmod(number, rows)
        x = BODY + column * width
        _line(canvas, x, top - row * ROW, line, x + width - 6)
    if len(stop.lines) > len(shown):
        rest = stop.lines[MOST_LINES:]
        pieces = sum(line.quantity for line in rest)
        said = f"另有 {len(rest):,} 行 {pieces:,} 件，见随货清单。 {len(rest):,} more lines, {pieces:,} pieces"
        _text(canvas, BODY, top - rows * ROW, said, 9, until=TEXT_RIGHT)
        rows += 1
    return top - rows * ROW


def _line(canvas: Any, x: float, y: float, line: SheetLine, until: float) -> None:
    _box(canvas, x, y)
    _text(canvas, x + 31, y, f"{line.quantity:,} ×", 9, font=BOLD, align="right")
    mark = SHORT_MARKS[line.tier]
    said = "  ".join(one for one in (mark, line.part_id, line.description) if one)
    _text(canvas, x + 35, y, said, 9, until=until)


def _badge(canvas: Any, stop: SheetStop, top: float) -> None:
    canvas.setFillGray(0)
    canvas.roundRect(LEFT + 2, top - 36, 32, 28, 5, stroke=0, fill=1)
    canvas.setFillGray(1)
    number = str(stop.position)
    _text(canvas, LEFT + 18, top - 28, number, 17 if len(number) < 3 else 13, font=BOLD, align="centre")
    canvas.setFillGray(0)


def _mark(canvas: Any, x: float, y: float, tier: str) -> float:
    """The tier in a box, white on black where it is urgent; the place to go on from."""
    said, size = MARKS[tier], 9.5
    width = _width(said, size, LATIN) + 10
    is_loud = tier in LOUD
    canvas.setLineWidth(0.6)
    canvas.roundRect(x, y - 3.5, width, 13.5, 2, stroke=1, fill=int(is_loud))
    canvas.setFillGray(1 if is_loud else 0)
    _text(canvas, x + 5, y, said, size)
    canvas.setFillGray(0)
    return x + width + 8


def _code(canvas: Any, code: str, x: float, y: float) -> None:
    """A QR code of a text, UTF-8, with the quiet zone of four modules inside its square."""
    from reportlab.graphics.barcode.qrencoder import QR8bitByte, QRCode, QRErrorCorrectLevel

    made = QRCode(None, QRErrorCorrectLevel.M)
    made.addData(QR8bitByte(code.encode("utf-8")))
    made.make()
    module = CODE_SIZE / (len(made.modules) + 8)
    path = canvas.beginPath()
    for row, modules in enumerate(made.modules):
        column = 0
        for is_dark, run in groupby(map(bool, modules)):
            length = len(list(run))
            if is_dark:
                path.rect(x + (column + 4) * module, y + CODE_SIZE - (row + 5) * module, length * module, module)
            column += length
    canvas.drawPath(path, stroke=0, fill=1)


# --------------------------------------------------------------------------- text


def _text(
    canvas: Any,
    x: float,
    y: float,
    said: str,
    size: float,
    *,
    font: str = LATIN,
    align: str = "left",
    until: float | None = None,
) -> None:
    """Text in two fonts, cut short with dots where it would pass ``until``."""
    if until is not None:
        said = _cut(said, size, font, until - x)
    width = _width(said, size, font)
    x -= width if align == "right" else width / 2 if align == "centre" else 0.0
    for name, run in _runs(said, font):
        canvas.setFont(name, size)
        canvas.drawString(x, y, run)
        x += canvas.stringWidth(run, name, size)


def _cut(said: str, size: float, font: str, room: float) -> str:
    if _width(said, size, font) <= room:
        return said
    while said and _width(said + "...", size, font) > room:
        said = said[:-1]
    return said.rstrip() + "..."


def _wrapped(said: str, size: float, room: float) -> list[str]:
    """A text in lines that are no wider than the room."""
    lines = [""]
    for one in said:
        lines = [*lines[:-1], lines[-1] + one] if _width(lines[-1] + one, size, LATIN) <= room else [*lines, one]
    return lines


def _width(said: str, size: float, font: str) -> float:
    from reportlab.pdfbase.pdfmetrics import stringWidth

    return sum(float(stringWidth(run, name, size)) for name, run in _runs(said, font))


def _runs(said: str, font: str) -> Iterator[tuple[str, str]]:
    """A text in pieces of one font: Latin-1 in ``font``, everything else in the Chinese one.

    Examples
    --------
    >>> list(_runs("D1 杭州 3", LATIN))
    [('Helvetica', 'D1 '), ('STSong-Light', '杭州'), ('Helvetica', ' 3')]
    """
    plain = "".join(one if one.isprintable() else " " for one in said)
    for is_latin, letters in groupby(plain, lambda one: one < "\u0100"):
        run = "".join(letters)
        yield (font, run) if is_latin else (CHINESE, "".join(map(_in_font, run)))


def _in_font(one: str) -> str:
    """The character, or a box where the Chinese font has none (it holds those of GBK)."""
    try:
        one.encode("gbk")
    except UnicodeEncodeError:
        return NOT_IN_FONT
    return one


def _blank(canvas: Any, x: float, y: float, label: str, width: float) -> None:
    _text(canvas, x, y, label, 9)
    canvas.setLineWidth(0.5)
    canvas.line(x + _width(label, 9, LATIN) + 4, y - 2, x + width - 6, y - 2)


def _rule(canvas: Any, y: float, thickness: float) -> None:
    canvas.setLineWidth(thickness)
    canvas.line(LEFT, y, RIGHT, y)


def _day(moment: pd.Timestamp) -> str:
    return f"{moment:%Y-%m-%d} 周{WEEKDAYS[moment.weekday()]}"


def _time(moment: pd.Timestamp, of: pd.Timestamp) -> str:
    """The time of day, with the date where it is another day than that of ``of``."""
    return f"{moment:%H:%M}" if moment.date() == of.date() else f"{moment:%m-%d %H:%M}"


def _figure(amount: float) -> str:
    """An amount with as many digits as help on a dock.

    Examples
    --------
    >>> _figure(1234), _figure(41.26), _figure(1.234), _figure(0.0214), _figure(0.0004), _figure(0.0)
    ('1,234', '41.3', '1.23', '0.021', '<0.001', '0')
    """
    if amount < 0.001:
        return "<0.001" if amount > 0 else "0"
    return f"{amount:,.{0 if amount >= 100 else 1 if amount >= 10 else 2 if amount >= 1 else 3}f}"
