from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from partsopt.calendars import calendars_of
from partsopt.routing.stops import parcels_of, places_of, promises, release_times
from partsopt.settings import RoutingParams
from tests.routing.nights import MONDAY, at, line, night, site

SITES = [site("DC", "dc"), site("D1"), site("D2")]


def released(*lines, today=MONDAY, sites=SITES, **params):
    tables = night(sites=sites, shipments=list(lines))
    places = places_of(tables["sites"], calendars_of(tables["holidays"]), tables["dock_hours"])
    return release_times(tables["shipments"], places, today, RoutingParams(**params)).tolist()


def test_a_vor_line_placed_in_opening_hours_takes_ninety_minutes():
    assert released(line("A/1", "D1", "vor", placed_at=at("09:10"))) == [at("10:40")]


def test_a_line_placed_before_opening_counts_from_opening():
    """Open from 08:00: super-urgent at 09:30, urgent at 11:00."""
    assert released(line("A/1", "D1", "vor", placed_at=at("05:00"))) == [at("09:30")]
    assert released(line("A/1", "D1", "urgent", placed_at=at("05:00"))) == [at("11:00")]


def test_picking_goes_on_the_next_working_day():
    """Placed on Friday 17:30, half an hour is done by 18:00, the other hour on Monday from 08:00."""
    assert released(line("A/1", "D1", "vor", placed_at=at("17:30", "2026-10-30"))) == [at("09:00")]


def test_an_express_line_placed_at_an_unknown_time_counts_from_opening():
    assert released(line("A/1", "D1", "vor")) == [at("09:30")]


@pytest.mark.parametrize("tier", ["reservation", "backorder", "stock"])
def test_other_tiers_are_packed_by_the_stock_wave(tier):
    assert released(line("A/1", "D1", tier), stock_wave_at="10:30") == [at("10:30")]


def test_on_a_closed_day_the_wave_is_that_of_the_next_working_day():
    assert released(line("A/1", "D1"), today=date(2026, 10, 31)) == [at("10:00")]


def test_clocks_are_those_of_the_origins_zone():
    """Ten o'clock in Urumqi's zone is two hours of UTC later than in Shanghai's."""
    sites = [site("DC", "dc", time_zone="Asia/Urumqi"), site("D1")]
    assert released(line("A/1", "D1"), sites=sites) == [at("12:00")]


def test_a_booked_repair_is_promised_for_the_closing_of_its_day():
    shipments = [
        line("A/1", "D1", "reservation", needed_on=pd.Timestamp("2026-11-04")),
        line("B/1", "D1", "stock", needed_on=pd.Timestamp("2026-11-04")),
        line("C/1", "D1", "reservation", needed_on=pd.Timestamp("2026-11-04"), deliver_by=at("12:00")),
    ]
    tables = night(sites=SITES, shipments=shipments)
    found = promises(tables["shipments"], places_of(tables["sites"], {}, tables["dock_hours"]))
    assert found.tolist()[0] == at("18:00", "2026-11-04")
    assert pd.isna(found.tolist()[1])
    assert found.tolist()[2] == at("12:00")


def parcels(lines, capacities):
    rows = night(sites=SITES, shipments=lines)["shipments"]
    rows["released_at"] = at("10:00")
    rows["promised_by"] = rows["deliver_by"]
    return parcels_of(rows, {"DC": capacities})


def test_lines_of_one_destination_tier_and_promise_are_one_parcel():
    found = parcels([line("A/1", "D1"), line("A/2", "D1"), line("A/3", "D1", "backorder"), line("B/1", "D2")], [])
    assert [one.line_ids for one in found] == [("A/3",), ("A/1", "A/2"), ("B/1",)]
    assert found[1].load_kg == 20.0


def test_promises_that_differ_make_two_parcels():
    lines = [line("A/1", "D1", "vor", deliver_by=at("12:00")), line("A/2", "D1", "vor", deliver_by=at("15:00"))]
    assert len(parcels(lines, [])) == 2


def test_a_parcel_larger_than_every_vehicle_is_split_by_lines():
    """Sixty, 50 and 40 kg on vans of 100 kg: 60 and 40 go together."""
    lines = [line("A/1", "D1", kg=60.0), line("A/2", "D1", kg=50.0), line("A/3", "D1", kg=40.0)]
    assert [one.line_ids for one in parcels(lines, [(100.0, 1.0)])] == [("A/1", "A/3"), ("A/2",)]


def test_a_split_parcel_fits_one_vehicle_in_weight_and_volume_together():
    """One van is heavy and small, one light and roomy: 60 kg of 0.06 m3 twice fit neither."""
    lines = [line("A/1", "D1", kg=60.0), line("A/2", "D1", kg=60.0)]
    assert len(parcels(lines, [(200.0, 0.07), (70.0, 5.0)])) == 2


def test_a_line_larger_than_every_vehicle_stays_alone():
    lines = [line("A/1", "D1", kg=160.0), line("A/2", "D1", kg=50.0)]
    assert [one.line_ids for one in parcels(lines, [(100.0, 1.0)])] == [("A/1",), ("A/2",)]


def test_loads_that_fill_a_vehicle_to_the_gram_fit():
    """Ten times 0.1 kg is one kg, whatever binary fractions add up to."""
    lines = [line(f"A/{number}", "D1", kg=0.1) for number in range(1, 11)]
    assert len(parcels(lines, [(1.0, 1.0)])) == 1
