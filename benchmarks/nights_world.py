"""A parts network that lives on from night to night: what its ERP writes each morning, and how the day then goes.

The world begins some days before the day for which a data directory was made: the demand of those days is held back and
comes true line by line. What a run published is the only thing read back. Arrays are by site and part, flat:
``place = site x parts + part``.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from partsopt.calendars import Calendar, calendar_named, calendars_of
from partsopt.settings import ReadParams
from partsopt.store.readers import read_inputs, read_written, zones_of
from partsopt.store.writers import FileFormat, write_tables
from partsopt.tables import (
    DEMAND_LINES,
    INPUT_TABLES,
    OPEN_ORDERS,
    PURCHASE_ORDERS,
    RESERVATIONS,
    STOCK,
    STOCKOUTS,
    TRANSFER_ORDERS,
    URGENT_ORDERS,
    conform,
)

Array = np.ndarray[Any, np.dtype[Any]]

DAY = pd.Timedelta(days=1)
WRITTEN = ("stock", "open_orders", "demand_lines", "urgent_orders", "reservations", "stockouts", "returns")
BOOKED_SHARE = 0.1  # of dealers' ordinary lines are known beforehand as booked repairs
BOOKED_AHEAD_DAYS = 14
SET_ASIDE_DAYS = 3  # booked pieces stand apart on the shelf so many days before
SHIPPED_DAYS = 2  # an order is on its way so many days before it comes
OVERDUE_DAYS = 15  # what is overdue at the beginning comes within so many days
EVENING_MIN = 16 * 60 + 30  # when the first urgent order of a day is placed
OPEN_ORDER_COLUMNS = list(OPEN_ORDERS.columns)


class Proposals(NamedTuple):
    """Order lines of a night, as published (PURCHASE_ORDERS, TRANSFER_ORDERS)."""

    purchases: pd.DataFrame
    transfers: pd.DataFrame

    @property
    def open_orders(self) -> pd.DataFrame:
        """Both as rows of open orders."""
        return pd.concat([one[OPEN_ORDER_COLUMNS] for one in self], ignore_index=True)


class Day(NamedTuple):
    """What happened on a day: the lines asked for with what was met, and pieces by way of moving."""

    asked: pd.DataFrame
    pieces: dict[str, int]
    urgent_days: list[int]
    broken: list[str]


@dataclass
class World:
    """Stock, orders and promises of a morning, and the demand that is to come."""

    tables: dict[str, pd.DataFrame]
    truth: pd.DataFrame
    day: date
    seed: int
    sites: pd.Index
    parts: pd.Index
    is_dc: Array
    calendars: list[Calendar]
    on_hand: Array
    backordered: Array
    orders: pd.DataFrame
    urgent: pd.DataFrame
    lines: list[pd.DataFrame]
    stockouts: pd.DataFrame
    kept: Array
    moved: dict[str, int] = field(default_factory=dict)

    def places(self, rows: pd.DataFrame, site: str = "site_id") -> Array:
        """Place of each row's site and part."""
        return self.sites.get_indexer(rows[site]) * len(self.parts) + self.parts.get_indexer(rows["part_id"])

    def replaced(self) -> Iterator[tuple[int, int, bool]]:
        """Numbers replaced by today, their last successors, and whether old pieces are sold first."""
        rows = self.tables["supersessions"]
        rows = rows[rows["effective_on"] <= pd.Timestamp(self.day)]
        step = dict(zip(rows["old_part_id"], rows["new_part_id"], strict=True))
        for old, uses_up in zip(rows["old_part_id"], rows["use_up_old_first"], strict=True):
            last = old
            while last in step:
                last = step[last]
            yield self.parts.get_loc(old), self.parts.get_loc(last), bool(uses_up)

    def latest(self) -> Array:
        """The number under which each part is asked for today."""
        latest = np.arange(len(self.parts))
        for old, new, _ in self.replaced():
            latest[old] = new
        return latest

    def usable(self, place: Array) -> Array:
        """Pieces that can be sold as each part: its own, and old ones that are sold first."""
        site, part = np.divmod(place, len(self.parts))
        found = self.on_hand[place].copy()
        for old, new, uses_up in self.replaced():
            if uses_up:
                found += np.where(part == new, self.on_hand[site * len(self.parts) + old], 0)
        return found

    def promised(self) -> Array:
        """Pieces that lie on each shelf for transfers that wait."""
        waits = self.orders[self.orders["status"].eq("proposed")]
        return np.bincount(self.places(waits, "source_id"), waits["quantity"], len(self.on_hand)).astype(np.int64)

    def take(self, place: Array, quantity: Array) -> None:
        """Take pieces from the shelf, old numbers first; each place comes once."""
        site, part = np.divmod(place, len(self.parts))
        left = quantity.copy()
        for old, new, uses_up in self.replaced():
            here = np.flatnonzero((part == new) & (left > 0)) if uses_up else np.empty(0, dtype=np.int64)
            at = site[here] * len(self.parts) + old
            taken = np.minimum(self.on_hand[at], left[here])
            self.on_hand[at] -= taken
            left[here] -= taken
        self.on_hand[place] -= left

    def count(self, how: str, pieces: int) -> None:
        """Note pieces that moved."""
        self.moved[how] = self.moved.get(how, 0) + int(pieces)


def begin(directory: Path, nights: int, seed: int, today: date) -> World:
    """The world so many days before the day for which a data directory was made.

    Demand of those days is held back. Stock is the directory's own; dates of open and urgent orders and of returns
    move back by as many days, stock-outs that last begin as many days earlier. Booked repairs are a share of the
    demand to come.
    """
    tables = dict(read_inputs(directory, ReadParams()).tables)
    start, back = today - timedelta(days=nights), nights * DAY
    lines = tables["demand_lines"]
    coming = lines["demanded_on"].ge(pd.Timestamp(start)) & lines["demanded_on"].lt(pd.Timestamp(today))
    sites, parts = pd.Index(tables["sites"]["site_id"]), pd.Index(tables["parts"]["part_id"])
    calendars = calendars_of(tables["holidays"])
    n = len(sites) * len(parts)
    world = World(
        tables=tables,
        truth=_with_bookings(lines[coming].reset_index(drop=True), seed, tables["sites"]),
        day=start,
        seed=seed,
        sites=sites,
        parts=parts,
        is_dc=tables["sites"]["site_kind"].eq("dc").to_numpy(),
        calendars=[calendar_named(calendars, name) for name in tables["sites"]["calendar"]],
        on_hand=np.zeros(n, dtype=np.int64),
        backordered=np.zeros(n, dtype=np.int64),
        orders=_moved_back(tables["open_orders"], nights),
        urgent=tables["urgent_orders"].assign(
            placed_at=tables["urgent_orders"]["placed_at"] - back,
            deliver_by=tables["urgent_orders"]["deliver_by"] - back,
        ),
        lines=[lines[lines["demanded_on"].lt(pd.Timestamp(start))]],
        stockouts=_stockouts_before(tables["stockouts"], start, back),
        kept=np.zeros(n, dtype=bool),
    )
    tables["returns"] = tables["returns"].assign(collect_by=tables["returns"]["collect_by"] - back)
    place = world.places(tables["stock"])
    world.on_hand[place] = tables["stock"]["on_hand"]
    world.backordered[place] = tables["stock"]["backordered"]
    world.orders["arrives_on"] = _arrivals(world, world.orders)
    _confirm_first_proposals(world)
    return world


def write_morning(world: World, directory: Path, file_format: FileFormat, proposed: pd.DataFrame | None = None) -> None:
    """Write the input tables of a morning, all of them where the directory does not hold them yet.

    With ``proposed`` (OPEN_ORDERS) these stand among the open orders.
    """
    is_new = not (directory / f"parts.{file_format}").exists()
    tables = {**world.tables, **_tables_of_morning(world)}
    if proposed is not None:
        both = pd.concat([tables["open_orders"], proposed], ignore_index=True)
        tables["open_orders"] = conform(both, OPEN_ORDERS)
    written = {name: tables[name] for name in (INPUT_TABLES if is_new else WRITTEN)}
    write_tables(directory, written, zones=zones_of(world.tables["sites"]), format=file_format)


def read_proposals(run: Path) -> Proposals:
    """Order lines of a run as an ERP reads them."""
    return Proposals(
        *(read_written(run / table.file, table, ReadParams()).rows for table in (PURCHASE_ORDERS, TRANSFER_ORDERS))
    )


def import_run(world: World, run: Path) -> list[str]:
    """Take in what a night published: orders are confirmed, transfers that leave on the day are picked.

    A transfer that waits for a later day stays a proposal and its pieces stay where they lie, until a night lets it
    leave. What is broken is said: numbers that are taken, and more sent than lies there.
    """
    purchases, transfers = read_proposals(run)
    broken = _double(world, purchases, transfers)
    delivered = pd.read_parquet(run / "delivery_lines.parquet", columns=["line_id", "carried_by", "arrives_at"])
    leaving = delivered[delivered["carried_by"].ne("unserved") & ~delivered["line_id"].isin(_waiting(run))]
    kept = transfers[transfers["line_id"].isin(leaving["line_id"]) | transfers["line_id"].isin(_waiting(run))]
    new = pd.concat([purchases[OPEN_ORDER_COLUMNS], kept[OPEN_ORDER_COLUMNS]], ignore_index=True)
    world.orders = pd.concat([world.orders, new.assign(arrives_on=_arrivals(world, new))], ignore_index=True)
    line_id = world.orders["order_id"] + "/" + world.orders["line"].astype("str")
    between, proposed = world.orders["source_id"].isin(world.sites), world.orders["status"].eq("proposed")
    goes = proposed & line_id.isin(leaving["line_id"])
    place = world.places(world.orders[goes], "source_id")
    np.subtract.at(world.on_hand, place, world.orders.loc[goes, "quantity"].to_numpy())
    short = np.unique(place[world.on_hand[place] < 0])
    broken += [f"{_name(world, at)} sends {-world.on_hand[at]} more than lies there" for at in short]
    arrives = pd.Series(_local_days(leaving["arrives_at"]), index=leaving["line_id"], dtype="datetime64[us]")
    planned = pd.Series(arrives.reindex(line_id).to_numpy(), index=world.orders.index)
    comes = planned.where(goes, world.orders["arrives_on"]).mask(proposed & between & ~goes)
    world.orders = world.orders.assign(
        status=world.orders["status"].mask(proposed & (goes | ~between), "confirmed"),
        due_on=world.orders["due_on"].mask(goes, comes),
        arrives_on=comes,
    )
    levels = pd.read_parquet(run / "levels.parquet", columns=["site_id", "part_id", "is_stocked"])
    world.kept[:] = False
    world.kept[world.places(levels[levels["is_stocked"]])] = True
    _fetch_returns(world, run)
    return broken


def _waiting(run: Path) -> pd.Series:
    """Transfer lines that a night leaves for a later day; none where it plans one day only."""
    file = run / "waiting.csv"
    return pd.read_csv(file, dtype="str")["line_id"] if file.exists() else pd.Series(dtype="str")


def live_day(world: World) -> Day:
    """Let the day pass: what comes is put away and owed pieces are handed out, then customers ask."""
    before = world.on_hand.sum() + _on_the_way(world)
    owed = world.backordered.sum() + world.urgent["quantity"].sum()
    world.moved = {}
    _rename_what_is_owed(world)
    waited = _receive(world)
    asked = _sell(world)
    _note_stockouts(world)
    world.day += timedelta(days=1)
    soon = world.orders["arrives_on"] <= pd.Timestamp(world.day) + SHIPPED_DAYS * DAY
    world.orders = world.orders.assign(status=world.orders["status"].mask(soon, "shipped"))
    pieces = {how: world.moved.get(how, 0) for how in ("received", "returned", "sold", "handed_out", "owed")}
    after = world.on_hand.sum() + _on_the_way(world)
    broken = []
    if after != before + pieces["received"] + pieces["returned"] - pieces["sold"] - pieces["handed_out"]:
        broken.append(f"{before} pieces became {after} by {pieces}")
    owed_now = world.backordered.sum() + world.urgent["quantity"].sum()
    if owed_now != owed + pieces["owed"] - pieces["handed_out"]:
        broken.append(f"{owed} pieces owed became {owed_now} by {pieces}")
    if (world.on_hand < 0).any() or (world.backordered < 0).any():
        broken.append(f"negative stock at {_name(world, int(np.argmin(world.on_hand)))}")
    return Day(asked, pieces, waited, broken)


# --------------------------------------------------------------------------- the beginning


def _with_bookings(truth: pd.DataFrame, seed: int, sites: pd.DataFrame) -> pd.DataFrame:
    """Demand to come, with the day from which a line is known as a booked repair; missing where it is not."""
    draw = np.random.default_rng([seed, 1])
    dealers = sites.loc[sites["site_kind"].eq("dealer"), "site_id"]
    can = truth["site_id"].isin(dealers) & truth["order_type"].eq("stock") & ~truth["is_return"]
    booked = can & (draw.random(len(truth)) < BOOKED_SHARE)
    ahead = pd.to_timedelta(draw.integers(1, BOOKED_AHEAD_DAYS + 1, len(truth)), unit="D")
    return truth.assign(
        booked_on=(truth["demanded_on"] - ahead).where(booked),
        appointment_id=[f"AP-{number:06d}" for number in range(len(truth))],
    )


def _moved_back(orders: pd.DataFrame, days: int) -> pd.DataFrame:
    """Open orders with their dates, and those in their names, so many days earlier."""
    stamps = orders["order_id"].str.extract(r"^(?:PO|TO)-(\d{8})-", expand=False)
    earlier = pd.to_datetime(stamps, format="%Y%m%d") - days * DAY
    renamed = [
        name if pd.isna(stamp) else name.replace(stamp, f"{then:%Y%m%d}", 1)
        for name, stamp, then in zip(orders["order_id"], stamps, earlier, strict=True)
    ]
    return orders.assign(order_id=renamed, due_on=orders["due_on"] - days * DAY)


def _stockouts_before(stockouts: pd.DataFrame, start: date, back: pd.Timedelta) -> pd.DataFrame:
    """Stock-outs that had ended before the start, and those that last, which begin so much earlier."""
    lasts = stockouts["until_on"].isna()
    moved = stockouts[lasts].assign(from_on=stockouts.loc[lasts, "from_on"] - back)
    both = pd.concat([moved, stockouts[stockouts["until_on"].lt(pd.Timestamp(start))]], ignore_index=True)
    return both.drop_duplicates(list(STOCKOUTS.key), ignore_index=True)


def _arrivals(world: World, orders: pd.DataFrame) -> pd.Series:
    """The day on which each order line comes: as planned between sites, with the source's chance from outside."""
    supply = world.tables["supply"][["site_id", "part_id", "source_id", "lead_time_sd_days"]]
    spread = orders.merge(supply, on=["site_id", "part_id", "source_id"], how="left", validate="m:1")
    draws = [np.random.default_rng([world.seed, zlib.crc32(name.encode())]) for name in orders["order_id"]]
    chance = np.array([draw.standard_normal() for draw in draws]).clip(-2.5, 2.5)
    late = np.rint(chance * spread["lead_time_sd_days"].fillna(0.0).to_numpy())
    late = np.where(orders["source_id"].isin(world.sites), 0.0, late)
    today, due = pd.Timestamp(world.day), orders["due_on"].reset_index(drop=True)
    soon = np.array([draw.integers(0, OVERDUE_DAYS) for draw in draws])
    come = (due + pd.to_timedelta(late, unit="D")).clip(lower=today)
    come = come.mask(due.lt(today), today + pd.to_timedelta(soon, unit="D"))
    at = world.sites.get_indexer(orders["site_id"])
    days = [
        world.calendars[site].working_day_from(day.date()) if late_by else day.date()
        for site, day, late_by in zip(at, come, late, strict=True)
    ]
    return pd.Series(pd.to_datetime(days).to_numpy(), index=orders.index, dtype="datetime64[us]")


def _confirm_first_proposals(world: World) -> None:
    """Pieces of transfers proposed before the beginning leave the shelf, as far as they lie there."""
    orders = world.orders
    proposed = orders["status"].eq("proposed") & orders["source_id"].isin(world.sites)
    gone = []
    for row in orders[proposed].itertuples():
        at = world.sites.get_loc(row.source_id) * len(world.parts) + world.parts.get_loc(row.part_id)
        if world.on_hand[at] >= row.quantity:
            world.on_hand[at] -= row.quantity
        else:
            gone.append(row.Index)
    world.orders = orders.drop(index=gone).assign(status=orders["status"].replace("proposed", "confirmed"))


# --------------------------------------------------------------------------- a morning


def _tables_of_morning(world: World) -> dict[str, pd.DataFrame]:
    reservations = _reservations(world)
    return {
        "stock": _stock(world, reservations),
        "open_orders": conform(world.orders[OPEN_ORDER_COLUMNS], OPEN_ORDERS),
        "demand_lines": conform(pd.concat(world.lines, ignore_index=True), DEMAND_LINES),
        "urgent_orders": conform(world.urgent, URGENT_ORDERS),
        "reservations": reservations,
        "stockouts": conform(world.stockouts, STOCKOUTS),
        "returns": world.tables["returns"],
    }


def _reservations(world: World) -> pd.DataFrame:
    today = pd.Timestamp(world.day)
    known = world.truth[world.truth["booked_on"].le(today) & world.truth["demanded_on"].ge(today)]
    return conform(known.assign(needed_on=known["demanded_on"])[list(RESERVATIONS.columns)], RESERVATIONS)


def _stock(world: World, reservations: pd.DataFrame) -> pd.DataFrame:
    reserved = _set_aside(world, reservations)
    listed = (world.on_hand > 0) | (world.backordered > 0)
    listed[world.places(world.tables["stock"])] = True
    at = np.flatnonzero(listed)
    site, part = np.divmod(at, len(world.parts))
    rows = pd.DataFrame(
        {
            "site_id": world.sites[site],
            "part_id": world.parts[part],
            "on_hand": world.on_hand[at],
            "backordered": world.backordered[at],
            "reserved": np.minimum(reserved, world.on_hand)[at],
        }
    )
    bins = world.tables["stock"][["site_id", "part_id", "bin"]]
    return conform(rows.merge(bins, on=["site_id", "part_id"], how="left", validate="1:1").fillna({"bin": ""}), STOCK)


def _set_aside(world: World, reservations: pd.DataFrame) -> Array:
    """Pieces that booked repairs of the next days are to find, by place."""
    soon = reservations[reservations["needed_on"] <= pd.Timestamp(world.day) + SET_ASIDE_DAYS * DAY]
    return np.bincount(world.places(soon), soon["quantity"], len(world.on_hand)).astype(np.int64)


# --------------------------------------------------------------------------- a night's orders


def _double(world: World, purchases: pd.DataFrame, transfers: pd.DataFrame) -> list[str]:
    """Order lines whose number is taken."""
    new = pd.concat([purchases[["order_id", "line"]], transfers[["order_id", "line"]]], ignore_index=True)
    known = pd.concat([new, world.orders[["order_id", "line"]]], ignore_index=True)
    taken = new[known.duplicated(keep=False).to_numpy()[: len(new)]]
    return [f"order line {row.order_id}/{row.line} is there already" for row in taken.itertuples()]


def _fetch_returns(world: World, run: Path) -> None:
    collections = pd.read_parquet(run / "collections.parquet", columns=["return_id", "carried_by"])
    fetched = collections.loc[collections["carried_by"].eq("vehicle"), "return_id"]
    rows = world.tables["returns"]
    world.tables["returns"] = rows[~rows["return_id"].isin(fetched)].reset_index(drop=True)


def _name(world: World, place: int) -> str:
    site, part = divmod(place, len(world.parts))
    return f"{world.sites[site]} {world.parts[part]}"


# --------------------------------------------------------------------------- a day


def _on_the_way(world: World) -> int:
    """Pieces that left a shelf of the network and have not come to another."""
    gone = world.orders["source_id"].isin(world.sites) & world.orders["status"].ne("proposed")
    return int(world.orders.loc[gone, "quantity"].sum())


def _rename_what_is_owed(world: World) -> None:
    """What customers were promised under an old number is owed under the one that replaces it."""
    n = len(world.parts)
    for old, new, _ in world.replaced():
        owed = world.backordered[old::n].copy()
        world.backordered[new::n] += owed
        world.backordered[old::n] -= owed


def _receive(world: World) -> list[int]:
    """Put away what comes today and hand out what is owed; the days that urgent orders waited."""
    come = world.orders["arrives_on"] <= pd.Timestamp(world.day)
    arrived, world.orders = world.orders[come], world.orders[~come].reset_index(drop=True)
    np.add.at(world.on_hand, world.places(arrived), arrived["quantity"].to_numpy())
    world.count("received", arrived.loc[~arrived["source_id"].isin(world.sites), "quantity"].sum())
    left = world.urgent["quantity"].to_numpy(copy=True)
    place_of = {key: row for row, key in enumerate(zip(world.urgent["order_id"], world.urgent["line"], strict=True))}
    for came in arrived[arrived["for_order_id"].ne("")].itertuples():
        row = place_of.get((came.for_order_id, came.for_line))
        if row is not None:
            at = world.sites.get_loc(came.site_id) * len(world.parts) + world.parts.get_loc(came.part_id)
            given = min(left[row], came.quantity)
            left[row] -= given
            world.on_hand[at] -= given
    latest = world.latest()
    site, part = world.sites.get_indexer(world.urgent["site_id"]), world.parts.get_indexer(world.urgent["part_id"])
    place = site * len(world.parts) + latest[part]
    for row in np.flatnonzero(left > 0):
        given = np.minimum(world.usable(place[[row]]), left[row])
        world.take(place[[row]], given)
        left[row] -= given[0]
    done = left == 0
    waited = [(pd.Timestamp(world.day) - day).days for day in _local_days(world.urgent["placed_at"])[done]]
    given_urgent = world.urgent["quantity"].sum() - left.sum()
    world.urgent = world.urgent.assign(quantity=left)[~done].reset_index(drop=True)
    owing = np.flatnonzero(world.backordered > 0)
    given = np.minimum(np.maximum(world.usable(owing), 0), world.backordered[owing])
    world.take(owing, given)
    world.backordered[owing] -= given
    world.count("handed_out", given_urgent + given.sum())
    return waited


def _local_days(moments: pd.Series) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(moments).tz_convert("Asia/Shanghai").tz_localize(None).normalize()


def _sell(world: World) -> pd.DataFrame:
    """Serve today's customers from the shelf: booked and urgent ones first; what is not met is owed."""
    today = pd.Timestamp(world.day)
    lines = world.truth[world.truth["demanded_on"].eq(today)].reset_index(drop=True)
    back = lines[lines["is_return"]]
    np.add.at(world.on_hand, world.places(back), -back["quantity"].to_numpy())
    world.count("returned", -back["quantity"].sum())
    asked = lines[~lines["is_return"]].reset_index(drop=True)
    latest = world.latest()
    n = len(world.parts)
    place = world.sites.get_indexer(asked["site_id"]) * n + latest[world.parts.get_indexer(asked["part_id"])]
    first = (asked["booked_on"].notna() | asked["order_type"].ne("stock")).to_numpy()
    tomorrow = _reservations(world)
    promised = world.promised()
    aside = promised + _set_aside(world, tomorrow[tomorrow["needed_on"].gt(today)])
    met = np.zeros(len(asked), dtype=np.int64)
    for rows, kept_back in ((np.flatnonzero(first), promised), (np.flatnonzero(~first), aside)):
        met[rows] = _serve(world, place[rows], asked["quantity"].to_numpy()[rows], kept_back)
    asked = asked.assign(met=met)
    short = asked["quantity"].to_numpy() - met
    is_urgent = asked["order_type"].ne("stock").to_numpy() & ~world.is_dc[place // n]
    np.add.at(world.backordered, place[~is_urgent], short[~is_urgent])
    world.count("sold", met.sum())
    world.count("owed", short.sum())
    _place_urgent(world, asked[is_urgent & (short > 0)], short[is_urgent & (short > 0)])
    lines["filled_quantity"] = np.nan
    lines.loc[~lines["is_return"], "filled_quantity"] = met.astype(np.float64)
    world.lines.append(lines[list(DEMAND_LINES.columns)])
    return asked


def _serve(world: World, place: Array, quantity: Array, kept_back: Array) -> Array:
    """Pieces each line gets of what its shelf holds, line by line."""
    order = np.argsort(place, kind="stable")
    at, first, group = np.unique(place[order], return_index=True, return_inverse=True)
    total = np.cumsum(quantity[order]) if len(order) else quantity
    before = total - quantity[order] - (total - quantity[order])[first][group] if len(order) else total
    there = np.maximum(world.usable(at) - kept_back[at], 0)
    met = np.empty(len(place), dtype=np.int64)
    met[order] = np.clip(there[group] - before, 0, quantity[order])
    world.take(at, np.bincount(group, met[order], len(at)).astype(np.int64))
    return met


def _place_urgent(world: World, asked: pd.DataFrame, short: Array) -> None:
    """Urgent orders of what cars off the road and hurried customers did not find, placed by the evening."""
    number = np.arange(len(asked))
    placed = pd.Timestamp(world.day, tz="Asia/Shanghai") + pd.to_timedelta(EVENING_MIN + number % 300, unit="min")
    rows = pd.DataFrame(
        {
            "order_id": [f"U{world.day:%y%m%d}-{one:04d}" for one in number],
            "line": 1,
            "site_id": asked["site_id"].to_numpy(),
            "part_id": asked["part_id"].to_numpy(),
            "quantity": short,
            "tier": asked["order_type"].to_numpy(),
            "placed_at": placed.tz_convert("UTC"),
            "deliver_by": pd.Series(pd.NaT, index=number, dtype=world.urgent["deliver_by"].dtype),
        }
    )
    world.urgent = conform(pd.concat([world.urgent, rows], ignore_index=True), URGENT_ORDERS)


def _note_stockouts(world: World) -> None:
    """Stock-outs end before the day stock came or nobody keeps the part; they begin the day after a shelf is empty."""
    today = pd.Timestamp(world.day)
    rows = world.stockouts
    place = world.places(rows)
    is_open = rows["until_on"].isna().to_numpy()
    over = is_open & ((world.on_hand[place] > 0) | ~world.kept[place])
    rows = rows.assign(until_on=rows["until_on"].mask(over, today - DAY))
    rows = rows[~(over & rows["from_on"].gt(rows["until_on"]).to_numpy())]
    still = np.zeros(len(world.on_hand), dtype=bool)
    still[place[is_open & ~over]] = True
    begins = np.flatnonzero(world.kept & (world.on_hand == 0) & ~still)
    site, part = np.divmod(begins, len(world.parts))
    new = pd.DataFrame({"site_id": world.sites[site], "part_id": world.parts[part], "from_on": today + DAY})
    new["until_on"] = pd.Series(pd.NaT, index=new.index, dtype="datetime64[us]")
    world.stockouts = pd.concat([rows, new.astype(rows.dtypes)], ignore_index=True)
