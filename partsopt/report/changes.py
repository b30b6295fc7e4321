"""What a dispatch of the day changed for whom, line by line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from partsopt.tables import CHANGES, conform, empty, records_of

SAME = pd.Timedelta(seconds=1)


def changes_of(
    before: pd.DataFrame,
    after: pd.DataFrame,
    shipments: pd.DataFrame,
    shortages: pd.DataFrame,
    zones: Mapping[str, str],
    asked_as: Mapping[tuple[str, int], str],
) -> pd.DataFrame:
    """Compare the deliveries before and after a dispatch.

    Parameters
    ----------
    before, after
        Tables delivery_lines.
    shipments
        Every line after it.
    shortages
        What could not be sent of the new orders.
    zones
        Time zone of each site, for the times in the texts.
    asked_as
        The number that was ordered, by order and line, where another one that replaces it is sent.

    Returns
    -------
    DataFrame
        Table changes: new lines, lines that travel otherwise than before, and shortages.
    """
    differs = after[~_are_same(before, after)]
    concerned = differs["line_id"]
    was = {row["line_id"]: row for row in records_of(before[before["line_id"].isin(concerned)])}
    lines = {row["line_id"]: row for row in records_of(shipments[shipments["line_id"].isin(concerned)])}
    now = {row["line_id"]: row for row in records_of(differs)}
    joined: dict[tuple[str, int], list[str]] = {}
    for line_id, row in now.items():
        if line_id not in was and row["carried_by"] == "vehicle":
            joined.setdefault((row["route_id"], row["trip"]), []).append(_order(lines[line_id]))
    rows = []
    for line_id, row in now.items():
        line, old = lines[line_id], was.get(line_id)
        change = _change(old, row)
        if not change:
            continue
        zone = zones[line["destination_id"]]
        rows.append(
            {
                "line_id": line_id,
                "site_id": line["destination_id"],
                "part_id": line["part_id"],
                "tier": line["tier"],
                "quantity": line["shipped_quantity"],
                "change": change,
                "before": "" if old is None else _travels(old, zone),
                "after": _travels(row, zone),
                "arrives_before": pd.NaT if old is None else old["arrives_at"],
                "arrives_at": row["arrives_at"],
                "is_late": row["is_late"],
                "why": _why(line, old, row, joined, zone, asked_as),
            }
        )
    rows += [
        {
            **short,
            "line_id": short["request_id"],
            "quantity": short["shortage"],
            "change": "short",
            "before": "",
            "after": "",
            "arrives_before": pd.NaT,
            "arrives_at": pd.NaT,
            "is_late": False,
            "why": f"{short['shortage']} of {short['quantity']} missing: {short['shortage_because']}",
        }
        for short in records_of(shortages)
    ]
    if not rows:
        return empty(CHANGES)
    frame = pd.DataFrame(rows)
    for name in ("arrives_before", "arrives_at"):
        frame[name] = pd.Series(pd.to_datetime(frame[name], utc=True)).astype("datetime64[us, UTC]")
    return conform(frame, CHANGES)


def _are_same(before: pd.DataFrame, after: pd.DataFrame) -> pd.Series:
    """Whether each row of ``after`` stands in ``before`` with the same carrier, trip and times."""
    told = ["line_id", "carried_by", "route_id", "trip", "service", "arrives_at"]
    return after[told].merge(before[told], how="left", indicator=True)["_merge"].eq("both").set_axis(after.index)


def _change(old: Mapping[str, Any] | None, row: Mapping[str, Any]) -> str:
    if old is None:
        return "new"
    if row["carried_by"] == "unserved":
        return "" if old["carried_by"] == "unserved" else "off"
    if old["carried_by"] == "unserved":
        return "earlier"
    moved = row["arrives_at"] - old["arrives_at"]
    if abs(moved) >= SAME:
        return "later" if moved > SAME else "earlier"
    same = all(row[name] == old[name] for name in ("carried_by", "route_id", "trip", "service"))
    return "" if same else "moved"


def _travels(row: Mapping[str, Any], zone: str) -> str:
    match row["carried_by"]:
        case "vehicle":
            return f"{row['route_id']} trip {row['trip']} stop {row['position']}, {_clock(row['arrives_at'], zone)}"
        case "lane":
            return f"lane {row['service']}, {_clock(row['arrives_at'], zone)}"
        case _:
            return f"nobody: {row['unserved_because']}"


def _clock(moment: pd.Timestamp, zone: str) -> str:
    return str(moment.tz_convert(zone).strftime("%m-%d %H:%M"))


def _order(line: Mapping[str, Any]) -> str:
    return f"{line['tier']} order {line['for_order_id']}/{line['for_line']}"


def _why(
    line: Mapping[str, Any],
    old: Mapping[str, Any] | None,
    row: Mapping[str, Any],
    joined: Mapping[tuple[str, int], list[str]],
    zone: str,
    asked_as: Mapping[tuple[str, int], str],
) -> str:
    if old is None:
        placed = "" if pd.isna(line["placed_at"]) else f", placed at {_clock(line['placed_at'], zone)}"
        number = asked_as.get((line["for_order_id"], line["for_line"]))
        return f"{_order(line)}{placed}{f', asked for as {number}' if number else ''}"
    trips = [(one["route_id"], one["trip"]) for one in (row, old) if one["carried_by"] == "vehicle"]
    orders = sorted({order for trip in trips for order in joined.get(trip, [])})
    if orders:
        return f"its trip now also brings {', '.join(orders[:3])}" + (" and more" if len(orders) > 3 else "")
    return "planned again together with new orders of its DC"
