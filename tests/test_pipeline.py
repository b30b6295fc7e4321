"""The sample night as a whole: the identities that every night keeps, on every line of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from partsopt.calendars import calendars_of
from partsopt.pipeline import STAGES, Plan, plan_night
from partsopt.settings import Settings, read_settings
from partsopt.store.readers import Inputs, read_inputs
from partsopt.tables import TIERS

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample"
TODAY = date(2026, 11, 2)


def quiet(_stage: str, _counted: str) -> None:
    """Watch nothing."""


@pytest.fixture(scope="module")
def settings() -> Settings:
    return read_settings(SAMPLE / "settings.toml", {})


@pytest.fixture(scope="module")
def inputs(settings: Settings) -> Inputs:
    return read_inputs(SAMPLE, settings.read)


@pytest.fixture(scope="module")
def plan(settings: Settings, inputs: Inputs) -> Plan:
    return plan_night(inputs.tables, inputs.rejects, settings, TODAY, quiet)


def test_the_night_passes_its_stages_in_order(settings: Settings, inputs: Inputs):
    seen: list[str] = []
    plan_night(
        inputs.tables, inputs.rejects, settings, TODAY, lambda stage, counted: seen.append(f"{stage}{counted and '.'}")
    )
    assert seen == [step for stage in STAGES for step in (stage, f"{stage}.")]


def test_the_sample_night_is_an_interesting_one(plan: Plan):
    """It shows what a newcomer should see: orders at every DC, tiers, shortages, vehicles, lanes."""
    tables = plan.tables
    assert set(tables["orders"]["site_id"]) >= {"DC-BJ", "DC-SH", "DC-FS"}
    assert {"vor", "urgent", "stock"} <= set(tables["shipments"]["tier"])
    assert len(tables["shortages"]) > 0
    assert set(tables["routes"]["depot_id"]) == {"DC-BJ", "DC-SH", "DC-FS"}
    assert {"vehicle", "lane"} <= set(tables["delivery_lines"]["carried_by"])


def test_the_inventory_position_adds_up(plan: Plan):
    rows = plan.tables["positions"]
    less = rows["backordered"] + rows["reserved"] + rows["committed"] + rows["requested"]
    assert (rows["inventory_position"] == rows["on_hand"] + rows["on_order"] - less + rows["superseded"]).all()


def test_lineage_adds_up_to_every_order_and_transfer(plan: Plan):
    lineage = plan.tables["lineage"].groupby("line_id")["quantity"].sum()
    orders, transfers = plan.tables["purchase_orders"], plan.tables["transfer_orders"]
    lines = pd.concat([orders, transfers]).set_index("line_id")["quantity"]
    assert lineage.to_dict() == lines.to_dict()


def test_orders_are_whole_packs_of_at_least_the_minimum_at_the_sources_price(plan: Plan, inputs: Inputs):
    key = ["site_id", "part_id", "source_id"]
    lines = plan.tables["orders"].merge(inputs.tables["supply"].drop(columns=["unit_cost", "channel"]), on=key)
    assert len(lines) == len(plan.tables["orders"])
    assert (lines["order_quantity"] % lines["order_multiple"] == 0).all()
    assert (lines["order_quantity"] >= lines["min_order_quantity"]).all()
    assert np.allclose(lines["order_value"], lines["order_quantity"] * lines["unit_cost"])


def test_every_order_is_due_on_a_working_day_of_its_site(plan: Plan, inputs: Inputs):
    calendar = calendars_of(inputs.tables["holidays"])["CN"]
    assert all(calendar.is_working(due.date()) for due in plan.tables["orders"]["due_on"])


def test_no_dc_ships_more_than_it_has(plan: Plan, inputs: Inputs):
    sent = plan.tables["shipments"].groupby(["origin_id", "part_id"])["shipped_quantity"].sum()
    on_hand = inputs.tables["stock"].set_index(["site_id", "part_id"])["on_hand"]
    assert (sent <= on_hand.reindex(sent.index, fill_value=0)).all()


def test_asked_is_shipped_or_short(plan: Plan):
    requests = plan.tables["requests"].set_index("request_id")["quantity"]
    shipped = plan.tables["shipments"].groupby("request_id")["shipped_quantity"].sum()
    short = plan.tables["shortages"].set_index("request_id")["shortage"]
    both = shipped.reindex(requests.index, fill_value=0) + short.reindex(requests.index, fill_value=0)
    assert (both == requests).all()


def test_no_lower_tier_ships_from_a_dc_where_a_higher_one_is_short(plan: Plan):
    short = plan.tables["shortages"]
    for row in short[short["tier"] != "stock"].itertuples():
        sent = plan.tables["shipments"]
        sent = sent[(sent["origin_id"] == row.source_id) & (sent["part_id"] == row.part_id)]
        assert all(TIERS.index(tier) <= TIERS.index(row.tier) for tier in sent["tier"])


def test_every_shipment_line_travels_once_or_says_why_not(plan: Plan):
    lines = plan.tables["delivery_lines"]
    assert sorted(lines["line_id"]) == sorted(plan.tables["shipments"]["line_id"])
    assert (lines["unserved_because"].ne("") == lines["carried_by"].eq("unserved")).all()
    on_stops = lines[lines["carried_by"] == "vehicle"].groupby(["route_id", "trip", "position"]).size()
    stops = plan.tables["stops"].set_index(["route_id", "trip", "position"])["n_lines"]
    assert on_stops.to_dict() == stops.to_dict()


def test_no_vehicle_is_overloaded_and_no_window_missed(plan: Plan, inputs: Inputs):
    trips = plan.tables["routes"].merge(inputs.tables["vehicles"], on="vehicle_id")
    assert (trips["load_kg"] <= trips["capacity_kg"] + 1e-6).all()
    assert (trips["load_m3"] <= trips["capacity_m3"] + 1e-9).all()
    stops = plan.tables["stops"].merge(inputs.tables["sites"], on="site_id")
    local = stops["starts_at"].dt.tz_convert("Asia/Shanghai")
    minute = local.dt.hour * 60 + local.dt.minute + local.dt.second / 60
    assert ((minute >= stops["opens_at"]) & (minute <= stops["closes_at"])).all()


def test_goods_leave_no_earlier_than_they_are_packed(plan: Plan):
    lines = plan.tables["delivery_lines"]
    carried = lines[lines["carried_by"] != "unserved"]
    assert (carried["departs_at"] >= carried["released_at"]).all()


def test_the_figures_equal_the_published_tables(plan: Plan):
    """The summary is computed once more here, from the files a person would open."""
    orders = plan.tables["purchase_orders"]
    rows = plan.kpis["orders"]
    assert sum(row["lines"] for row in rows) == len(orders)
    assert sum(row["money"] for row in rows) == pytest.approx(orders["order_value"].sum(), abs=0.01 * len(rows))
    transfers = plan.tables["transfer_orders"]
    assert [row["lines"] for row in plan.kpis["transfers"]] == [
        int((transfers["tier"] == tier).sum()) for tier in TIERS
    ]
    assert sum(row["pieces"] for row in plan.kpis["shortages"]) == plan.tables["shortages"]["shortage"].sum()
    by_depot = plan.kpis["deliveries"]
    assert sum(row["trips"] for row in by_depot) == len(plan.tables["routes"])
    assert sum(row["vehicle_cost"] for row in by_depot) == pytest.approx(plan.tables["routes"]["cost"].sum(), abs=0.1)
    assert sum(row["lines"] for row in plan.kpis["exceptions"]) == len(plan.tables["all_exceptions"])


def test_promised_service_lies_at_or_above_its_target(plan: Plan):
    """A level that is not cut is the smallest whole number that reaches the target, so the promise is no lower."""
    stocked = plan.tables["levels"].query("is_stocked and cap_cut == 0")
    assert (stocked["promised_fill_rate"] >= stocked["service_target"] - 1e-9).all()


def test_inputs_are_left_as_they_were(settings: Settings, inputs: Inputs):
    before = {name: table.copy(deep=True) for name, table in inputs.tables.items()}
    plan_night(inputs.tables, inputs.rejects, settings, TODAY, quiet)
    for name, table in inputs.tables.items():
        pd.testing.assert_frame_equal(table, before[name])


def test_importing_the_proposals_orders_and_ships_nothing_new(plan: Plan, settings: Settings, inputs: Inputs):
    """The whole sample night, run again with its own orders imported, is an empty night."""
    columns = list(inputs.tables["open_orders"].columns)
    proposals = [plan.tables[name][columns] for name in ("purchase_orders", "transfer_orders")]
    open_orders = pd.concat([inputs.tables["open_orders"], *proposals], ignore_index=True)
    again = plan_night({**inputs.tables, "open_orders": open_orders}, inputs.rejects, settings, TODAY, quiet)
    assert again.tables["orders"].empty
    assert again.tables["shipments"].empty
