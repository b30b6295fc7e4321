"""What waits from one night to the next: lines left for a later day, and those of an earlier night taken up again."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import pandas as pd

from partsopt.tables import TAKEN_UP, WAITING_LINES, conform, declare_exception, exceptions_of

WAITING_GONE = declare_exception(
    "waiting_line_gone",
    stage="routing",
    says="a line that waited for a later day is no open order any more, or another one: it is not planned again",
    action="if it has not left, import transfer_orders.csv of the night named and run again",
)
ORDER_LINE = ["order_id", "line"]
SAME = {"source_id": "origin_id", "site_id": "destination_id", "part_id": "part_id"}


class TakenUp(NamedTuple):
    """Lines of earlier nights that are planned again (TAKEN_UP), and those that are not open any more."""

    lines: pd.DataFrame
    exceptions: pd.DataFrame


def take_up(waiting: pd.DataFrame, open_orders: pd.DataFrame, parts: pd.DataFrame) -> TakenUp:
    """Take up again what waited in the last run: lines that are still open and were not shipped.

    Parameters
    ----------
    waiting
        Table waiting_lines of the last run.
    open_orders, parts
        The input tables. A line that is open for fewer or more pieces than then is planned for these; the day on which
        it is due there is what the dealer was told.

    Returns
    -------
    TakenUp
        A line that is shipped has left and is in neither; one that is no open order, or one of another part or site,
        is an exception with its value.
    """
    known = open_orders[[*ORDER_LINE, *SAME, "quantity", "status", "due_on"]].rename(
        columns={"part_id": "open_part_id", "due_on": "open_due_on"}
    )
    rows = waiting.merge(known, on=ORDER_LINE, how="left", validate="1:1")
    is_open = rows["status"].notna()
    for name, ours in SAME.items():
        is_open &= rows["open_part_id" if name == "part_id" else name].eq(rows[ours])
    gone, still = rows[~is_open], rows[is_open & rows["status"].ne("shipped")]
    pieces = still["quantity"].astype("int64")
    per_piece = parts.set_index("part_id").loc[still["part_id"], ["weight_kg", "volume_m3"]]
    lines = still.assign(
        shipped_quantity=pieces,
        told_on=still["open_due_on"],
        load_kg=pieces.to_numpy() * per_piece["weight_kg"].to_numpy(),
        load_m3=pieces.to_numpy() * per_piece["volume_m3"].to_numpy(),
    )
    return TakenUp(
        conform(lines, TAKEN_UP),
        exceptions_of(
            WAITING_GONE,
            gone.assign(site_id=gone["destination_id"]),
            what=[
                f"planned since the night of {since:%Y-%m-%d}, {pieces} pieces from {origin}"
                for since, pieces, origin in zip(
                    gone["since_on"], gone["shipped_quantity"], gone["origin_id"], strict=True
                )
            ],
            money=gone["shipped_quantity"].to_numpy() * gone["unit_cost"].to_numpy(),
        ),
    )


def waiting_of(lines: pd.DataFrame, delivery_lines: pd.DataFrame, today: date) -> pd.DataFrame:
    """Lines that do not leave on the first day planned, as the next night takes them up (WAITING_LINES).

    Each keeps the night that first planned it and the last day which that set; what was packed stays packed.
    """
    plan = delivery_lines.loc[
        delivery_lines["waits"] | delivery_lines["carried_by"].eq("unserved"),
        ["line_id", "released_at", "leave_by", "is_picked"],
    ]
    rows = lines.drop(columns="leave_by").merge(plan, on="line_id", validate="1:1")
    return conform(
        rows.assign(
            since_on=rows["since_on"].fillna(pd.Timestamp(today)),
            packed_at=rows["packed_at"].fillna(rows["released_at"].where(rows["is_picked"])),
        ),
        WAITING_LINES,
    )
