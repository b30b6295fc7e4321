"""What is under way and what is promised."""

from __future__ import annotations

import pandas as pd
import pytest

from partsopt.sample import make_sample

TODAY = pd.Timestamp(2026, 11, 2)


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return make_sample(n_dcs=3, n_dealers=40, n_parts=1500, n_months=24, seed=5)


def test_orders_of_dcs_go_to_their_sources_and_of_dealers_to_their_dc(tables):
    orders = tables["open_orders"]
    supply = set(tables["supply"][["site_id", "part_id", "source_id"]].itertuples(index=False, name=None))
    dc_of = tables["sites"].set_index("site_id")["supplied_by"]
    for row in orders.itertuples():
        if row.site_id.startswith("DC-"):
            assert (row.site_id, row.part_id, row.source_id) in supply
        else:
            assert row.source_id == dc_of[row.site_id]


def test_orders_are_whole_packs_of_their_source(tables):
    orders = tables["open_orders"].merge(tables["supply"], on=["site_id", "part_id", "source_id"])
    orders = orders[orders["site_id"].str.startswith("DC-")]
    assert len(orders) > 100
    assert (orders["quantity"] % orders["order_multiple"] == 0).all()


def test_some_receipts_are_overdue_and_some_far_ahead(tables):
    due = tables["open_orders"]["due_on"]
    assert 0.02 < (due < TODAY).mean() < 0.25
    assert 0 < (due > TODAY + pd.Timedelta(days=89)).mean() < 0.1


def test_order_lines_are_numbered_within_their_order(tables):
    for _, rows in tables["open_orders"].groupby("order_id"):
        assert rows["line"].tolist() == list(range(1, len(rows) + 1))
        assert len(set(rows["site_id"])) == 1


def test_a_proposal_is_days_old_and_not_overdue(tables):
    """The id carries the day of the order."""
    orders = tables["open_orders"]
    proposed = orders[orders["status"] == "proposed"]
    placed = pd.to_datetime(proposed["order_id"].str.extract(r"-(\d{8})-")[0])
    assert ((TODAY - placed).dt.days.between(1, 7)).all()
    assert (proposed["due_on"] >= TODAY).all()


def test_urgent_orders_were_placed_last_evening(tables):
    urgent = tables["urgent_orders"]
    local = urgent["placed_at"].dt.tz_convert("Asia/Shanghai")
    assert (local.dt.strftime("%Y-%m-%d") == "2026-11-01").all()
    assert local.dt.hour.between(16, 21).all()
    assert 0.2 < (urgent["tier"] == "vor").mean() < 0.6
    assert (urgent["line"] > 1).any()
    promised = urgent.dropna(subset=["deliver_by"])
    assert 0 < len(promised) < len(urgent)
    assert (promised["deliver_by"] > pd.Timestamp(TODAY, tz="Asia/Shanghai")).all()


def test_one_urgent_line_is_already_on_its_way(tables):
    covering = tables["open_orders"][tables["open_orders"]["for_order_id"] != ""]
    assert len(covering) == 1
    urgent = tables["urgent_orders"].set_index(["order_id", "line"])
    row = covering.iloc[0]
    line = urgent.loc[(row["for_order_id"], row["for_line"])]
    assert (line["site_id"], line["part_id"], line["quantity"]) == (row["site_id"], row["part_id"], row["quantity"])


def test_repairs_are_booked_on_working_days_ahead(tables):
    booked = tables["reservations"]
    closed = tables["holidays"]
    closed = set(closed.loc[(closed["calendar"] == "CN") & ~closed["is_working"], "day"])
    assert (booked["needed_on"] >= TODAY).all()
    assert not set(booked["needed_on"]) & closed
    assert booked.groupby("appointment_id").size().max() >= 2
    assert (booked.groupby("appointment_id")["site_id"].agg(lambda sites: len(set(sites))) == 1).all()
