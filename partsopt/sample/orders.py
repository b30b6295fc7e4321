"""What is under way and what is promised: open orders, urgent orders of last evening, booked repairs."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from partsopt.calendars import Calendar
from partsopt.sample.assortment import Assortment
from partsopt.sample.draws import Array, sample_without_repeat, stream
from partsopt.sample.history import History
from partsopt.sample.places import Places
from partsopt.sample.shelves import Shelves
from partsopt.tables import OPEN_ORDERS, RESERVATIONS, URGENT_ORDERS, conform

OVERDUE_SHARE, OVERDUE_SHARE_WHEN_SHORT = 0.04, 0.4
FAR_SHARE = 0.02  # of DC pairs with orders, one at least: a further line due in three to ten months
SPLIT_SHARE = 0.35
URGENT_PER_DEALER, LEAST_URGENT = 0.8, 16
REPAIRS_PER_DEALER = 1.5
HOURS_FROM_UTC = 8  # Asia/Shanghai keeps no summer time
RECENT_DAYS = 180


def open_orders_table(
    shelves: Shelves,
    sources: pd.DataFrame,
    urgent: pd.DataFrame,
    places: Places,
    parts: Assortment,
    today: date,
    seed: int,
) -> pd.DataFrame:
    """Orders of DCs on their sources and of dealers on their DC, some overdue, some far ahead.

    Placed in the last days they are proposed, later confirmed, near their date shipped. One urgent
    order of last evening is already on its way.
    """
    random = stream(seed, "open orders")
    rows = np.flatnonzero(shelves.on_order > 0)
    at_dc = shelves.site[rows] < places.n_dcs
    quantity = shelves.on_order[rows]
    multiple = np.where(at_dc, sources["order_multiple"].to_numpy()[shelves.source[rows]], 1)
    packs = quantity // multiple
    split = np.where((packs >= 2) & (random.random(len(rows)) < SPLIT_SHARE), packs // 2, 0) * multiple
    luck = np.where(at_dc, random.random(len(rows)), 1.0)
    far = (luck < FAR_SHARE) | ((luck < 1) & (luck == luck.min(initial=1.0)))
    kinds = ((quantity - split, np.ones(len(rows), dtype=bool)), (split, split > 0), (multiple * 2, far))
    frames = []
    for number, (pieces, has) in enumerate(kinds):
        pair = rows[has]
        n = len(pair)
        dc_order = shelves.site[pair] < places.n_dcs
        lead = np.maximum(np.ceil(shelves.lead_time_days[pair]), 1).astype(np.int64)
        ahead = np.floor(random.random(n) * lead).astype(np.int64) + dc_order
        late = random.random(n) < np.where(shelves.is_short[pair], OVERDUE_SHARE_WHEN_SHORT, OVERDUE_SHARE)
        ahead = np.where(late, -1 - np.floor(random.random(n) * np.where(dc_order, 15, 3)).astype(np.int64), ahead)
        if number == 2:
            ahead = 90 + np.floor(random.random(n) * 210).astype(np.int64)
        placed_ago = np.maximum(lead - ahead, 1)
        left = ahead / lead
        luck = random.random(n)
        dealer_status = np.select([luck < 0.15, luck < 0.4], ["proposed", "confirmed"], default="shipped")
        dc_status = np.select(
            [(left > 0.9) & (placed_ago <= 5), left > 0.3], ["proposed", "confirmed"], default="shipped"
        )
        status = np.where(dc_order, dc_status, dealer_status)
        status = np.where(late & (status == "proposed"), "confirmed", status)
        source = sources["source_id"].to_numpy()[shelves.source[pair]]
        frames.append(
            pd.DataFrame(
                {
                    "kind": np.where(dc_order, "PO", "TO"),
                    "placed_on": np.datetime64(today, "us") - placed_ago.astype("timedelta64[D]"),
                    "site_id": places.site_ids[shelves.site[pair]],
                    "source_id": np.where(dc_order, source, places.site_ids[places.dc[shelves.site[pair]]]),
                    "part_id": parts.part_ids[shelves.part[pair]],
                    "quantity": pieces[has],
                    "due_on": np.datetime64(today, "us") + ahead.astype("timedelta64[D]"),
                    "status": status,
                    "for_order_id": "",
                    "for_line": 0,
                }
            )
        )
    frames.append(_covering(urgent, places, today))
    orders = pd.concat([frame for frame in frames if len(frame)] or frames, ignore_index=True)
    stamp = orders["placed_on"].dt.strftime("%Y%m%d")
    first = orders["source_id"].where(orders["kind"].eq("TO"), orders["site_id"])
    second = orders["site_id"].where(orders["kind"].eq("TO"), orders["source_id"])
    orders["order_id"] = orders["kind"] + "-" + stamp + "-" + first + "-" + second
    orders = orders.sort_values(["order_id", "part_id", "due_on", "quantity"], kind="stable", ignore_index=True)
    orders["line"] = orders.groupby("order_id").cumcount() + 1
    return conform(orders, OPEN_ORDERS)


def _covering(urgent: pd.DataFrame, places: Places, today: date) -> pd.DataFrame:
    """The transfer that already covers the first line of an urgent order, where there are at least four lines."""
    if len(urgent) < 4:
        return pd.DataFrame()
    first = urgent.iloc[[len(urgent) // 2]]
    site = int(np.flatnonzero(places.site_ids == first["site_id"].iloc[0])[0])
    return pd.DataFrame(
        {
            "kind": "TO",
            "placed_on": np.array([np.datetime64(today, "us")]) - np.timedelta64(1, "D"),
            "site_id": first["site_id"].to_numpy(),
            "source_id": places.site_ids[places.dc[site]],
            "part_id": first["part_id"].to_numpy(),
            "quantity": first["quantity"].to_numpy(),
            "due_on": np.array([np.datetime64(today, "us")]) + np.timedelta64(1, "D"),
            "status": "confirmed",
            "for_order_id": first["order_id"].to_numpy(),
            "for_line": first["line"].to_numpy(),
        }
    )


def urgent_orders_table(
    shelves: Shelves, history: History, current: Array, places: Places, parts: Assortment, today: date, seed: int
) -> pd.DataFrame:
    """Orders that dealers placed last evening: a car off the road in two of five, some for parts the DC lacks."""
    random = stream(seed, "urgent orders")
    n = max(LEAST_URGENT, round(URGENT_PER_DEALER * places.n_dealers))
    site, part = _recent_pairs(random, history, current, places, n)
    n = len(site)
    n_lacking = max(1, n // 10)
    lacking = np.flatnonzero(shelves.is_short & (shelves.site < places.n_dcs))
    for place, row in enumerate(sample_without_repeat(random, lacking, n_lacking)):
        dealers = places.dealers_of(int(shelves.site[row]))
        if place < n and len(dealers):
            site[place] = dealers[int(random.random() * len(dealers))]
            part[place] = shelves.part[row]
    frame = (
        pd.DataFrame({"site": site, "part": part}).drop_duplicates().sort_values(["site", "part"], ignore_index=True)
    )
    n = len(frame)
    joins = (random.random(n) < 0.6) & frame["site"].eq(frame["site"].shift()).to_numpy()
    order = np.cumsum(~joins)
    is_vor = random.random(int(order.max()) + 1 if n else 1) < 0.4
    if n:
        is_vor[order[0]], is_vor[order[-1]] = True, order[-1] == order[0]
    minute = np.floor(random.random(len(is_vor)) * 300).astype(np.int64) + 16 * 60 + 30
    wanted = random.random(len(is_vor))
    midnight = np.datetime64(today, "m") - np.timedelta64(HOURS_FROM_UTC, "h")
    placed = (midnight - np.timedelta64(1, "D")) + minute.astype("timedelta64[m]")
    due = midnight + np.where(is_vor, 12 * 60 + np.floor(wanted * 13) * 30, 17 * 60 + 24 * 60).astype("timedelta64[m]")
    has_due = np.where(is_vor, wanted < 0.6, wanted < 0.25)
    deliver_by = pd.DatetimeIndex(due[order]).tz_localize("UTC").where(has_due[order])
    urgent = pd.DataFrame(
        {
            "order_id": [f"U{today:%y%m%d}-{number:04d}" for number in order],
            "line": pd.Series(order).groupby(order).cumcount().to_numpy() + 1,
            "site_id": places.site_ids[frame["site"]],
            "part_id": parts.part_ids[frame["part"]],
            "quantity": np.where(random.random(n) < 0.8, 1, 2),
            "tier": np.where(is_vor[order], "vor", "urgent"),
            "placed_at": pd.DatetimeIndex(placed[order]).tz_localize("UTC"),
            "deliver_by": deliver_by,
        }
    )
    return conform(urgent, URGENT_ORDERS)


def reservations_of(
    history: History, current: Array, places: Places, calendar: Calendar, today: date, seed: int
) -> pd.DataFrame:
    """Parts set aside for repairs booked in the next two weeks: appointment_id, site, part, quantity, needed_on."""
    random = stream(seed, "reservations")
    n = max(4, round(REPAIRS_PER_DEALER * places.n_dealers))
    site, part = _recent_pairs(random, history, current, places, n)
    frame = (
        pd.DataFrame({"site": site, "part": part}).drop_duplicates().sort_values(["site", "part"], ignore_index=True)
    )
    n = len(frame)
    joins = (random.random(n) < 0.5) & frame["site"].eq(frame["site"].shift()).to_numpy()
    appointment = np.cumsum(~joins)
    ahead = np.floor(random.random(int(appointment.max()) + 1 if n else 1) * 12).astype(np.int64)
    days = [calendar.add_working_days(today, int(k)) for k in range(12)]
    frame["appointment_id"] = [f"AP{today:%y%m%d}-{number:04d}" for number in appointment]
    frame["quantity"] = np.where(random.random(n) < 0.8, 1, 2)
    frame["needed_on"] = pd.to_datetime([days[ahead[number]] for number in appointment])
    return frame


def reservations_table(reservations: pd.DataFrame, places: Places, parts: Assortment) -> pd.DataFrame:
    """The reservations table."""
    named = reservations.assign(
        site_id=places.site_ids[reservations["site"]], part_id=parts.part_ids[reservations["part"]]
    )
    return conform(named, RESERVATIONS)


def _recent_pairs(
    random: np.random.Generator, history: History, current: Array, places: Places, n: int
) -> tuple[Array, Array]:
    """Dealers and parts of ``n`` demands, the recent ones where there are enough; parts under today's number.

    A quarter of them are further parts of dealers that are chosen already.
    """
    at_dealer = history.site >= places.n_dcs
    recent = np.flatnonzero(at_dealer & (history.day >= history.n_days - RECENT_DAYS))
    chosen = recent if len(recent) >= n else np.flatnonzero(at_dealer)
    rows = sample_without_repeat(random, chosen, n - n // 4)
    same_dealer = chosen[np.isin(history.site[chosen], history.site[rows]) & ~np.isin(chosen, rows)]
    rows = np.concatenate([rows, sample_without_repeat(random, same_dealer, n // 4)])
    return history.site[rows].copy(), current[history.part[rows]]
