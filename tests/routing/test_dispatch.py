"""The rest of a day planned again: tiers are law, and what is under way stays."""

from __future__ import annotations

import pandas as pd
import pytest

from partsopt.routing.dispatch import replan_deliveries
from partsopt.routing.given import Given
from partsopt.routing.plan import Deliveries
from partsopt.settings import RoutingParams
from tests.routing.nights import MONDAY, at, lane, leg, line, night, plan, site, van

ROADS = [*leg("DC", "D1", 30, 40), *leg("DC", "D2", 20, 30), *leg("D1", "D2", 15, 20)]
SITES = [site("DC", "dc"), site("D1"), site("D2")]


def late(line_id: str, destination_id: str, tier: str, clock: str, **rest: object) -> dict[str, object]:
    return line(line_id, destination_id, tier, placed_at=at(clock), dispatched_at=at(clock), **rest)


def replanned(before: Deliveries, lines: list[dict[str, object]], clock: str, **tables: object) -> Deliveries:
    world = night(**{"sites": SITES, "travel": ROADS, "shipments": lines, **tables})
    planned = {name: getattr(before, name) for name in ("routes", "stops", "delivery_lines", "collections")}
    return replan_deliveries(Given(**world), before=planned, today=MONDAY, now=at(clock), params=RoutingParams())


def fates(deliveries: Deliveries) -> dict[str, tuple[str, int]]:
    rows = deliveries.delivery_lines
    return {row.line_id: (row.carried_by, row.trip) for row in rows.itertuples()}


def test_a_late_order_joins_a_trip_that_still_has_to_leave():
    vans = [van(shift_start="08:00")]
    lines = [line("A/1", "D1")]  # packed by the wave at 10:00
    before = plan(night(sites=SITES, travel=ROADS, shipments=lines, vehicles=vans))
    promised = late("B/1", "D2", "vor", "08:10", deliver_by=at("12:00"))
    after = replanned(before, [*lines, promised], "08:10", vehicles=vans)
    assert fates(after) == {"A/1": ("vehicle", 1), "B/1": ("vehicle", 1)}
    assert len(after.stops) == 2
    # nobody named a time: the van does not wait for the wave at 10:00, and has no second trip for it
    at_once = replanned(before, [*lines, late("B/1", "D2", "vor", "08:10")], "08:10", vehicles=vans)
    assert fates(at_once) == {"A/1": ("unserved", 0), "B/1": ("vehicle", 1)}


def test_a_trip_that_is_loading_stays_and_the_late_order_takes_the_next():
    vans = [van(max_trips=2)]
    lines = [line("A/1", "D1")]
    before = plan(night(sites=SITES, travel=ROADS, shipments=lines, vehicles=vans))
    assert before.routes["departs_at"].tolist() == [at("10:00")]
    after = replanned(before, [*lines, late("B/1", "D2", "vor", "09:30")], "09:30", vehicles=vans)
    assert fates(after) == {"A/1": ("vehicle", 1), "B/1": ("vehicle", 2)}
    pd.testing.assert_frame_equal(after.routes[:1], before.routes)
    assert after.routes["cost"].iloc[1] < 100  # the day's fixed cost is paid once


def test_a_higher_tier_takes_the_place_of_a_lower_one_and_no_other():
    """The van carries 12 kg and makes one trip: the vor order goes, the stock order is left with the reason."""
    vans = [van(capacity_kg=12.0)]
    lines = [line("A/1", "D1", kg=10.0)]
    before = plan(night(sites=SITES, travel=ROADS, shipments=lines, vehicles=vans))
    after = replanned(before, [*lines, late("B/1", "D2", "vor", "08:10", kg=10.0)], "08:10", vehicles=vans)
    assert fates(after) == {"A/1": ("unserved", 0), "B/1": ("vehicle", 1)}
    lower = replanned(before, [*lines, late("B/1", "D2", "stock", "08:10", kg=10.0)], "08:10", vehicles=vans)
    assert fates(lower) == {"A/1": ("vehicle", 1), "B/1": ("unserved", 0)}


def test_a_booked_carrier_stays_and_a_late_line_shares_its_price():
    lanes = [lane("DC", "D1")]
    lines = [line("A/1", "D1")]
    before = plan(night(sites=SITES, travel=ROADS, shipments=lines, carrier_lanes=lanes))
    after = replanned(before, [*lines, late("B/1", "D1", "urgent", "08:10")], "08:10", carrier_lanes=lanes)
    assert fates(after) == {"A/1": ("lane", 0), "B/1": ("lane", 0)}
    assert after.delivery_lines["cost"].tolist() == [20.0, 20.0]  # 20 for the consignment, 1 for each of 2 x 10 kg


@pytest.mark.parametrize("clock", ["08:10", "09:45", "12:00", "18:30"])
def test_nothing_new_leaves_before_it_can_be_loaded(clock: str):
    vans = [van(max_trips=3)]
    lines = [line("A/1", "D1"), line("A/2", "D2", "urgent", placed_at=at("07:00"))]
    before = plan(night(sites=SITES, travel=ROADS, shipments=lines, vehicles=vans))
    after = replanned(before, [*lines, late("B/1", "D2", "vor", clock)], clock, vehicles=vans)
    known = {tuple(row) for row in before.routes[["trip", "departs_at"]].to_numpy()}
    for trip in after.routes.itertuples():
        is_known = (trip.trip, trip.departs_at) in known
        assert is_known or trip.departs_at >= at(clock) + pd.Timedelta(minutes=30)


def test_only_the_dc_of_a_late_line_is_planned_again():
    """DC2's van could leave earlier than planned; its rows stay to the last byte, what is checked is DC's."""
    sites = [*SITES, site("DC2", "dc"), site("E1", supplied_by="DC2")]
    roads = [*ROADS, *leg("DC2", "E1", 10, 15)]
    vans = [van(max_trips=2), van("V2", "DC2")]
    lines = [line("A/1", "D1"), line("E/1", "E1", origin_id="DC2")]
    before = plan(night(sites=sites, travel=roads, shipments=lines, vehicles=vans))
    new = late("B/1", "D2", "vor", "08:10")
    after = replanned(before, [*lines, new], "08:10", sites=sites, travel=roads, vehicles=vans)
    for name, key in (("routes", "depot_id"), ("stops", "depot_id")):
        rows, then = getattr(after, name), getattr(before, name)
        pd.testing.assert_frame_equal(
            rows[rows[key].eq("DC2")].reset_index(drop=True), then[then[key].eq("DC2")].reset_index(drop=True)
        )
    assert fates(after) == {"A/1": ("vehicle", 2), "B/1": ("vehicle", 1), "E/1": ("vehicle", 1)}


def test_a_day_without_a_new_line_stays_as_it_is():
    vans = [van()]
    lines = [line("A/1", "D1")]
    before = plan(night(sites=SITES, travel=ROADS, shipments=lines, vehicles=vans))
    after = replanned(before, lines, "08:10", vehicles=vans)
    for name in ("routes", "stops", "delivery_lines", "collections"):
        pd.testing.assert_frame_equal(getattr(after, name), getattr(before, name))


def test_a_first_trip_is_loaded_in_minutes_of_its_own():
    """The van needs two hours between trips; its first trip, at 10:00, may still change at 08:10."""
    vans = [van(reload_min=120.0, max_trips=2)]
    lines = [line("A/1", "D1")]
    before = plan(night(sites=SITES, travel=ROADS, shipments=lines, vehicles=vans))
    promised = late("B/1", "D2", "vor", "08:10", deliver_by=at("12:00"))
    after = replanned(before, [*lines, promised], "08:10", vehicles=vans)
    assert fates(after) == {"A/1": ("vehicle", 1), "B/1": ("vehicle", 1)}


def test_trips_stay_with_their_vehicle_where_names_end_alike():
    vans = [van("1", cost_per_km=5.0), van("B-1")]
    lines = [line("A/1", "D1")]
    before = plan(night(sites=SITES, travel=ROADS, shipments=lines, vehicles=vans))
    assert before.routes["vehicle_id"].tolist() == ["B-1"]
    after = replanned(before, [*lines, late("B/1", "D1", "stock", "08:10")], "08:10", vehicles=vans)
    assert after.routes["vehicle_id"].tolist() == ["B-1"]
    assert fates(after) == {"A/1": ("vehicle", 1), "B/1": ("vehicle", 1)}


def test_late_orders_are_split_for_the_vehicles_that_can_come():
    """D1 takes 700 kg at most: 500 and 300 kg go in two trips of the small van."""
    sites = [site("DC", "dc"), site("D1", largest_vehicle_kg=700.0), site("D2")]
    vans = [van("V1"), van("V2", capacity_kg=700.0, max_trips=2)]
    lines = [line("A/1", "D2")]
    before = plan(night(sites=sites, travel=ROADS, shipments=lines, vehicles=vans))
    large = [late(f"B/{number}", "D1", "urgent", "08:10", kg=kg) for number, kg in ((1, 500.0), (2, 300.0))]
    after = replanned(before, [*lines, *large], "08:10", sites=sites, vehicles=vans)
    assert fates(after)["B/1"][0] == fates(after)["B/2"][0] == "vehicle"
    assert set(after.routes.loc[after.routes["load_kg"].gt(200), "vehicle_id"]) == {"V2"}
