"""Late orders of the day, checked against the run that they change."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pandas as pd

from partsopt.calendars import calendar_named, calendars_of
from partsopt.errors import InputError, SettingsError, Violation
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
        local, last = at.tz_convert(ZoneInfo(zones[0])), max(planned for _, planned in days)
        when = f"on the planned day, {today}" if last == today else f"from {today} to the planned day, {last}"
        raise SettingsError(f"--now is {local.isoformat()}; it must be {when}.")
    if earliest is not None and at < earliest:
        raise SettingsError(f"--now is {at.isoformat()}, before the dispatch that is changed ({earliest.isoformat()}).")
    return at


def read_late_orders(file: Path, run: RunTables, now: pd.Timestamp) -> tuple[pd.DataFrame, str]:
    """Read a file of late orders and the hash of its bytes; refuse it whole where any row breaks a rule.

    Raises
    ------
    InputError
        Every row that is no urgent order, is known already, was placed after ``now``, or is no dealer's.
    """
    read = read_one(file, URGENT_ORDERS, run.settings.read, run.used)
    violations = list(read.violations)
    orders = read.rows
    known = set(zip(run.used["urgent_orders"]["order_id"], run.used["urgent_orders"]["line"], strict=True))
    kinds = run.used["sites"].set_index("site_id")["site_kind"]
    for order in orders.itertuples():
        found = []
        if (order.order_id, order.line) in known:
            found.append(("order_id", order.order_id, f"line {order.line} is planned already", "give new orders only"))
        if order.placed_at > now:
            remedy = "correct it, or give a later --now"
            found.append(
                ("placed_at", order.placed_at.isoformat(), f"must not be after --now ({now.isoformat()})", remedy)
            )
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
        raise InputError(f"The orders were refused and nothing was changed. Correct: {file.name}.", violations)
    if orders.empty:
        raise InputError(f"{file.name} has no order. Give the orders that came in since the night.")
    return orders, read.sha256
