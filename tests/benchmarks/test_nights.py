"""Nights one after the other: the world's books against a walk by hand, and two nights through the real command."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from benchmarks import nights
from benchmarks.nights_world import World, begin, import_run, live_day, write_morning
from partsopt.commands import answer
from partsopt.settings import ReadParams
from partsopt.store.readers import read_inputs
from partsopt.store.writers import write_csv, write_parquet
from partsopt.tables import COLLECTIONS, DELIVERY_LINES, LEVELS, PURCHASE_ORDERS, TRANSFER_ORDERS, empty

TODAY = date(2026, 11, 6)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    size = ["--dcs", "2", "--dealers", "3", "--parts", "30", "--months", "12", "--today", TODAY.isoformat()]
    assert answer(["sample", str(folder), *size]) == 0
    return folder


def place(world: World, site: str, part: str) -> int:
    return world.sites.get_loc(site) * len(world.parts) + world.parts.get_loc(part)


def lines_of(world: World, *rows: tuple[str, str, int, str]) -> pd.DataFrame:
    """Demand of today: site, part, pieces, order type."""
    given = pd.DataFrame(rows, columns=["site_id", "part_id", "quantity", "order_type"])
    return given.assign(
        demanded_on=pd.Timestamp(world.day), purpose="repair", is_return=given["quantity"] < 0, filled_quantity=np.nan,
        booked_on=pd.Series(pd.NaT, index=given.index, dtype="datetime64[us]"), appointment_id="AP",
    )  # fmt: skip


def test_the_world_begins_so_many_days_before_and_knows_nothing_of_them(directory):
    """Dates of open orders move back with it; what is to come is not among its demand lines."""
    world = begin(directory, 10, 1, TODAY)
    given = read_inputs(directory, ReadParams()).tables
    start = pd.Timestamp(TODAY - timedelta(days=10))
    assert world.day == start.date()
    assert world.lines[0]["demanded_on"].max() < start
    assert len(world.lines[0]) + len(world.truth) == len(given["demand_lines"])
    assert sorted(world.orders["due_on"] + pd.Timedelta(days=10)) == sorted(given["open_orders"]["due_on"])


def test_a_day_by_hand(directory):
    """Of 3 on the shelf two lines of 2 get 2 and 1; the missing one is owed, the urgent two become an urgent order."""
    world = begin(directory, 10, 1, TODAY)
    part, other = world.parts[0], world.parts[1]
    world.orders, world.urgent = world.orders.iloc[:0], world.urgent.iloc[:0]
    world.on_hand[:], world.backordered[:] = 0, 0
    world.tables["supersessions"] = world.tables["supersessions"].iloc[:0]
    world.on_hand[place(world, "D001", part)] = 3
    world.truth = lines_of(world, ("D001", part, 2, "stock"), ("D001", part, 2, "stock"), ("D001", other, 2, "vor"))
    day = live_day(world)
    assert day.asked["met"].tolist() == [2, 1, 0]
    assert world.backordered[place(world, "D001", part)] == 1
    placed = world.urgent[["site_id", "part_id", "quantity", "tier"]]
    assert list(placed.itertuples(index=False, name=None)) == [("D001", other, 2, "vor")]
    assert world.lines[-1]["filled_quantity"].tolist() == [2.0, 1.0, 0.0]
    assert day.broken == []


def test_what_comes_goes_to_whom_it_is_owed(directory):
    """Five pieces come: one is owed to a customer, four go to the shelf, and the stock-out ends the day before."""
    world = begin(directory, 10, 1, TODAY)
    part = world.parts[0]
    at = place(world, "D001", part)
    world.tables["supersessions"] = world.tables["supersessions"].iloc[:0]
    world.on_hand[:], world.backordered[:], world.kept[at] = 0, 0, True
    world.backordered[at] = 1
    world.truth, world.urgent = lines_of(world), world.urgent.iloc[:0]
    order = world.orders.iloc[[0]].assign(site_id="D001", part_id=part, quantity=5, source_id="LOCAL", for_order_id="")
    world.orders = order.assign(arrives_on=pd.Timestamp(world.day) + pd.Timedelta(days=1))
    world.stockouts = world.stockouts.iloc[:0]
    live_day(world)
    assert world.stockouts["until_on"].isna().tolist() == [True]
    world.stockouts = world.stockouts.assign(from_on=pd.Timestamp(world.day) - pd.Timedelta(days=3))
    day = live_day(world)
    assert (world.on_hand[at], world.backordered[at]) == (4, 0)
    assert day.pieces == {"received": 5, "returned": 0, "sold": 0, "handed_out": 1, "owed": 0}
    assert world.stockouts["until_on"].tolist() == [pd.Timestamp(world.day) - pd.Timedelta(days=2)]


def test_old_pieces_are_sold_as_the_new_number(directory):
    world = begin(directory, 10, 1, TODAY)
    old, new = world.parts[0], world.parts[1]
    world.tables["supersessions"] = pd.DataFrame(
        {
            "old_part_id": [old],
            "new_part_id": [new],
            "effective_on": pd.Timestamp("2026-01-01"),
            "use_up_old_first": True,
        }
    )
    world.on_hand[:], world.backordered[:] = 0, 0
    world.on_hand[[place(world, "D001", old), place(world, "D001", new)]] = 2
    world.orders, world.urgent = world.orders.iloc[:0], world.urgent.iloc[:0]
    world.truth = lines_of(world, ("D001", new, 3, "stock"))
    assert live_day(world).asked["met"].tolist() == [3]
    assert world.on_hand[[place(world, "D001", old), place(world, "D001", new)]].tolist() == [0, 1]


def test_a_morning_is_read_back_as_it_was_written(directory, tmp_path):
    world = begin(directory, 10, 1, TODAY)
    write_morning(world, tmp_path, "csv")
    tables = read_inputs(tmp_path, ReadParams()).tables
    stock = tables["stock"]
    assert world.on_hand[world.places(stock)].tolist() == stock["on_hand"].tolist()
    assert len(tables["open_orders"]) == len(world.orders)
    needed = tables["reservations"]["needed_on"]
    assert needed.ge(pd.Timestamp(world.day)).all()


def test_a_night_that_sends_nothing_moves_nothing(directory, tmp_path):
    world = begin(directory, 10, 1, TODAY)
    for table in (PURCHASE_ORDERS, TRANSFER_ORDERS):
        write_csv(empty(table), table, tmp_path / table.file, zones={})
    for table in (DELIVERY_LINES, LEVELS, COLLECTIONS):
        write_parquet(empty(table), table, tmp_path / f"{table.name}.parquet")
    shelves, orders = world.on_hand.copy(), world.orders.copy()
    assert import_run(world, tmp_path) == []
    assert (world.on_hand == shelves).all()
    pd.testing.assert_frame_equal(world.orders, orders.reset_index(drop=True))


def test_two_nights_keep_every_law_and_give_the_same_figures_twice(directory, tmp_path):
    given = ["--directory", str(directory), "--nights", "2", "--again", "2", "--out"]
    assert nights.main([*given, str(tmp_path / "one.csv")]) == 0
    assert nights.main([*given, str(tmp_path / "two.csv"), "--format", "csv"]) == 0
    for ending in ("", "_service", "_exceptions"):
        assert (tmp_path / f"one{ending}.csv").read_bytes() == (tmp_path / f"two{ending}.csv").read_bytes()
    table = pd.read_csv(tmp_path / "one.csv")
    assert table["night"].tolist() == [1, 2]
    assert table["order_lines"].sum() > 0
