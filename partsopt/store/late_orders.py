"""Late orders of the day, checked against the run that they change."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pandas as pd

from partsopt.calendars import calendar_named, calendars_of
from partsopt.errors import InputError, SettingsError, Violation
from partsopt.store.csv_sheets import as_gb18030_setting, as_utf8_setting
from partsopt.store.readers import read_one
from partsopt.tables import URGENT_ORDERS

if TYPE_CHECKING:
    from partsopt.store.written import RunTables


def moment_of(
    text: str | None, sites: pd.DataFrame, holidays: pd.DataFrame, today: date, earliest: pd.Timestamp | None
) -> pd.Timestamp:
    """The moment of a dispatch: on the clocks of the DCs where the text has no offset, now where there is no text.

    Raises
    ------
    SettingsError
        The text is no date-time, the DCs' clocks differ, or the moment is on no DC's clock between the night and the
        end of the day planned for that DC, or before the dispatch that is changed.
    """
    dcs = sites[sites["site_kind"].eq("dc")]
    zones = sorted(dcs["time_zone"].unique())
    if text is None:
        at = pd.Timestamp.now(tz="UTC").floor("s")
    else:
        try:
            at = pd.Timestamp(text)
        except ValueError:
            raise SettingsError(f'--now is "{text}"; it must be a date-time such as {today}T10:40.') from None
        if pd.isna(at):
            raise SettingsError(f'--now is "{text}"; it must be a date-time such as {today}T10:40.')
        if at.tzinfo is None and len(zones) > 1:
            raise SettingsError(f'--now is "{text}", but DCs have the clocks of {", ".join(zones)}; add an offset.')
        at = at.tz_localize(zones[0]) if at.tzinfo is None else at
    at = at.tz_convert("UTC").as_unit("us")
    calendars = calendars_of(holidays)
    days = {
        (zone, calendar_named(calendars, name).working_day_from(today))
        for zone, name in zip(dcs["time_zone"], dcs["calendar"], strict=True)
    }
    if not any(today <= at.tz_convert(ZoneInfo(zone)).date() <= planned for zone, planned in days):
        last = max(planned for _, planned in days)
        when = f"on the planned day, {today}" if last == today else f"from {today} to the planned day, {last}"
        remedy = " Give --now." if text is None else ""
        raise SettingsError(f"{_told(text, at, zones[0])}; it must be {when}.{remedy}")
    if earliest is not None and at < earliest:
        raise SettingsError(
            f"{_told(text, at, zones[0])}, before the dispatch that is changed ({on_clock(earliest, zones[0])}). "
            "Give a later moment, or the folder of the night to start from it."
        )
    return at


def _told(text: str | None, at: pd.Timestamp, zone: str) -> str:
    return f"{'The machine shows' if text is None else '--now is'} {on_clock(at, zone)}"


def on_clock(at: pd.Timestamp, zone: str) -> str:
    """A moment as the clocks of a zone show it, to the minute unless it has seconds.

    Examples
    --------
    >>> on_clock(pd.Timestamp("2026-11-02T02:40Z"), "Asia/Shanghai")
    '2026-11-02T10:40+08:00'
    """
    return str(at.tz_convert(ZoneInfo(zone)).isoformat(timespec="seconds" if at.second else "minutes"))


def read_late_orders(
    file: Path, run: RunTables, now: pd.Timestamp, encoding: str | None = None
) -> tuple[pd.DataFrame, str]:
    """Read a file of late orders and the hash of its bytes; refuse it whole where any row breaks a rule.

    Parameters
    ----------
    file
        CSV or Parquet, columns of urgent_orders.
    run
        The run that is changed.
    now
        When the orders are taken up.
    encoding
        Of the file; None: what the night read urgent_orders with.

    Raises
    ------
    InputError
        Every row that is no urgent order, is known already, was placed after ``now``, or is no dealer's.
    """
    params = run.settings.read
    if encoding is not None:
        params = replace(params, encoding_of={**params.encoding_of, URGENT_ORDERS.name: encoding})
    read = read_one(file, URGENT_ORDERS, params, {name: run.used[name] for name in ("sites", "parts")})
    violations = [replace(one, remedy=_by_option(one.remedy)) for one in read.violations]
    orders = read.rows
    known = set(zip(run.used["urgent_orders"]["order_id"], run.used["urgent_orders"]["line"], strict=True))
    sites = run.used["sites"].set_index("site_id")
    kinds, zones = sites["site_kind"], sites["time_zone"]
    for order in orders.itertuples():
        found = []
        if (order.order_id, order.line) in known:
            rule = f"must be new; its line {order.line} is planned already"
            found.append(("order_id", order.order_id, rule, "give new orders only"))
        if order.placed_at > now:
            zone = zones[order.site_id]
            rule, remedy = f"must not be after --now ({on_clock(now, zone)})", "correct it, or give a later --now"
            found.append(("placed_at", on_clock(order.placed_at, zone), rule, remedy))
        if kinds[order.site_id] != "dealer":
            found.append(("site_id", order.site_id, "must be a dealer", "name the dealer that needs it"))
        violations += [
            Violation(
                table=URGENT_ORDERS.name,
                file=file.name,
                line=read.line_of[order.order_id, order.line],
                column=column,
                value=str(value),
                rule=rule,
                remedy=remedy,
            )
            for column, value, rule, remedy in found
        ]
    if violations:
        told = sorted(violations, key=lambda one: one.line)
        raise InputError(f"The orders were refused and nothing was changed. Correct: {file.name}.", told)
    if orders.empty:
        raise InputError(f"{file.name} has no order. Give the orders that came in since the night.")
    return orders, read.sha256


def _by_option(remedy: str) -> str:
    """A remedy for the file of a dispatch, whose encoding is an option, not a setting."""
    remedy = remedy.replace(as_gb18030_setting(URGENT_ORDERS), "give --encoding gb18030")
    return remedy.replace(as_utf8_setting(URGENT_ORDERS), "give --encoding utf-8")
