from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.calendars import Calendar
from partsopt.routing.lanes import Lane, best_offer, join_consignments, lateness_price, offer_of
from partsopt.routing.stops import Parcel, places_of
from partsopt.settings import RoutingParams
from tests.reference import reference_lane_arrival
from tests.routing.nights import MONDAY, at, fate, lane, line, night, plan, site

HOLIDAYS = {date(2026, 11, 5), date(2026, 11, 6)}
PARAMS = RoutingParams()


def places(**dealer):
    tables = night(sites=[site("DC", "dc"), site("D1", **dealer)])
    return places_of(tables["sites"], {"CN": Calendar("CN", frozenset(HOLIDAYS))}, tables["dock_hours"])


def parcel(tier="stock", packed="10:00", promised_by=None, kg=10.0):
    return Parcel(
        origin_id="DC",
        destination_id="D1",
        tier=tier,
        released_at=packed if isinstance(packed, pd.Timestamp) else at(packed),
        promised_by=promised_by,
        line_ids=("A/1",),
        load_kg=kg,
        load_m3=0.01,
        leave_by=None if promised_by is not None or tier in ("vor", "urgent") else date(2026, 11, 4),
    )


def road(days=1, cutoff=1020, fixed=20.0, per_kg=1.0, service="road"):
    return Lane(service=service, days=days, cutoff_at=cutoff, cost_fixed=fixed, cost_per_kg=per_kg)


def offer(one, lane=None, **dealer):
    return offer_of(lane or road(), one, places(**dealer), MONDAY)


def test_a_lane_collects_at_its_cutoff_and_delivers_at_opening():
    found = offer(parcel())
    assert (found.departs_at, found.arrives_at) == (at("17:00"), at("08:00", "2026-11-03"))


def test_packed_after_the_cutoff_goes_the_next_working_day():
    assert offer(parcel(packed="17:01")).departs_at == at("17:00", "2026-11-03")


def test_an_arrival_on_a_closed_day_is_moved_to_the_next_working_day():
    """Three days from Monday is Thursday, a holiday like Friday; then comes the weekend."""
    assert offer(parcel(), road(days=3)).arrives_at == at("08:00", "2026-11-09")


def test_a_lane_of_no_days_arrives_by_closing():
    assert offer(parcel(), road(days=0)).arrives_at == at("18:00")
    assert offer(parcel(), road(days=0, cutoff=1140)).arrives_at == at("08:00", "2026-11-03")


def test_a_promise_is_kept_to_the_minute():
    assert offer(parcel(promised_by=at("08:00", "2026-11-03"))).keeps_promise
    assert not offer(parcel(promised_by=at("07:59", "2026-11-03"))).keeps_promise


def test_a_stock_order_keeps_its_promise_by_leaving_within_the_working_days():
    """Packed on Wednesday it leaves on the third working day; after the cutoff, on the fourth."""
    assert offer(parcel(packed=at("10:00", "2026-11-04"))).keeps_promise
    assert not offer(parcel(packed=at("17:30", "2026-11-04"))).keeps_promise


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 72 * 60), st.integers(0, 6), st.sampled_from([600, 1020, 1140]), st.sampled_from([480, 660]))
def test_offers_match_reference(minutes, days, cutoff, opens):
    packed = at("00:00") + pd.Timedelta(minutes=minutes)
    found = offer(parcel(packed=packed), road(days, cutoff), opens_at=f"{opens // 60:02d}:{opens % 60:02d}")
    local = packed.tz_convert("Asia/Shanghai").to_pydatetime()
    expected = reference_lane_arrival(local, MONDAY, cutoff, days, opens, 1080, HOLIDAYS)
    assert (found.departs_at, found.arrives_at) == expected
    assert found.departs_at >= packed
    assert found.arrives_at - found.departs_at <= timedelta(days=days + 5)


def test_a_kept_promise_is_dearer_than_nothing():
    """Air at 200 keeps it, road at 30 does not: air."""
    one = parcel("vor", promised_by=at("12:00", "2026-11-03"))
    offers = [offer(one, road(days=2)), offer(one, road(days=1, fixed=190.0, service="air"))]
    assert best_offer(offers, one, one.promised_by, PARAMS).lane.service == "air"


def test_of_kept_promises_the_cheapest_is_taken():
    offers = [offer(parcel(), road(fixed=190.0, service="air")), offer(parcel(), road(days=3))]
    assert best_offer(offers, parcel(), None, PARAMS).lane.service == "road"


def test_a_day_of_a_vehicle_off_the_road_has_its_price():
    """Without a promise, a day is 24 hours at 500; one day sooner for 400 more is worth it."""
    one = parcel("vor")
    offers = [offer(one, road(days=2)), offer(one, road(days=1, fixed=420.0, service="air"))]
    assert best_offer(offers, one, at("08:00", "2026-11-03"), PARAMS).lane.service == "air"
    assert lateness_price(at("08:00", "2026-11-04"), at("08:00", "2026-11-03"), PARAMS) == 12_000


def test_nothing_offered_is_nothing_chosen():
    assert best_offer([], parcel(), None, PARAMS) is None


def test_parcels_join_the_dearer_service_where_that_saves_a_consignment():
    """Air is taken for the first (100 + 10 * 2); road alone would cost 50 + 5 more, on air the second adds 10."""
    urgent, stock = parcel("vor", promised_by=at("09:00", "2026-11-03")), parcel(kg=5.0)
    lanes = [road(1, fixed=100.0, per_kg=2.0, service="air"), road(3, fixed=50.0, per_kg=1.0)]
    offers = [[offer(one, each) for each in lanes] for one in (urgent, stock)]
    chosen = [offers[0][0], offers[1][1]]
    joined = join_consignments([urgent, stock], chosen, offers, PARAMS.wait_cost_per_day)
    assert [one.lane.service for one in joined] == ["air", "air"]


def test_joining_never_breaks_a_promise():
    urgent, stock = parcel("vor", promised_by=at("09:00", "2026-11-03")), parcel(kg=500.0)
    lanes = [road(1, fixed=10.0, per_kg=2.0, service="air"), road(3, fixed=50.0, per_kg=0.1)]
    offers = [[offer(one, each) for each in lanes] for one in (urgent, stock)]
    joined = join_consignments([urgent, stock], [offers[0][0], offers[1][1]], offers, PARAMS.wait_cost_per_day)
    assert [one.lane.service for one in joined] == ["air", "road"]


def test_the_price_of_a_consignment_is_paid_once_and_shared_by_weight():
    """Thirty and 10 kg of two tiers, packed for the same wave: 20 fixed is shared 15 and 5, plus 1 a kg."""
    tables = night(
        sites=[site("DC", "dc"), site("D1")],
        carrier_lanes=[lane("DC", "D1")],
        shipments=[line("A/1", "D1", kg=30.0), line("A/2", "D1", "backorder", kg=10.0)],
    )
    assert fate(plan(tables), "A/1")["cost"] == pytest.approx(45.0)
    assert fate(plan(tables), "A/2")["cost"] == pytest.approx(15.0)


def test_weightless_lines_share_the_price_evenly():
    tables = night(
        sites=[site("DC", "dc"), site("D1")],
        carrier_lanes=[lane("DC", "D1")],
        shipments=[line("A/1", "D1", kg=0.0), line("A/2", "D1", kg=0.0)],
    )
    assert plan(tables).delivery_lines["cost"].tolist() == [10.0, 10.0]
