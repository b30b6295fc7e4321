"""Vehicles, lanes and measured distances."""

from __future__ import annotations

import numpy as np
import pytest

from partsopt.sample.places import choose_places
from partsopt.sample.transport import dealer_lead_days, lanes_table, road_days, travel_table, vehicles_table


@pytest.fixture(scope="module")
def places():
    return choose_places(3, 150, seed=1)


def test_a_dc_has_a_vehicle_for_every_five_dealers_in_reach(places):
    vehicles = vehicles_table(places)
    for dc in range(3):
        near = (places.km_to_dc[places.dealers_of(dc)] * 1.3 <= 400).sum()
        own = (vehicles["depot_id"] == places.site_ids[dc]).sum()
        assert own == max(2, -(-near // 5))


def test_every_site_has_two_services_from_every_dc(places):
    lanes = lanes_table(places)
    from_dc = lanes[lanes["origin_id"].str.startswith("DC-")].groupby(["origin_id", "destination_id"]).size()
    assert set(from_dc) == {2}
    assert len(from_dc) == 3 * 152


def test_dealers_of_one_dc_can_send_to_each_other(places):
    """With at most 61 dealers at a DC every pair of them has the fast service, and no other pair has."""
    lanes = lanes_table(places)
    between = lanes[lanes["origin_id"].str.startswith("D0") | lanes["origin_id"].str.startswith("D1")]
    groups = [len(places.dealers_of(dc)) for dc in range(3)]
    assert max(groups) <= 61
    assert len(between) == sum(n * (n - 1) for n in groups)
    assert set(between["service"]) <= {"express", "air"}


def test_a_dealer_among_many_sends_to_the_nearest_60():
    lanes = lanes_table(choose_places(1, 200, seed=1))
    assert set(lanes[lanes["origin_id"].str.startswith("D0")].groupby("origin_id").size()) == {60}


def test_the_fast_service_is_faster_or_as_fast_and_dearer(places):
    lanes = lanes_table(places).set_index(["origin_id", "destination_id"])
    road, fast = lanes[lanes["service"] == "road"], lanes[lanes["service"] != "road"]
    fast = fast.reindex(road.index)
    assert (fast["days"] <= road["days"]).all()
    assert fast["days"].between(1, 2).all()
    assert road["days"].between(1, 5).all()
    for kg in (0.5, 10, 200):
        assert (fast["cost_fixed"] + kg * fast["cost_per_kg"] > road["cost_fixed"] + kg * road["cost_per_kg"]).all()


def test_lead_time_of_a_dealer_is_picking_and_its_road_lane(places):
    lanes = lanes_table(places)
    road = lanes[lanes["service"] == "road"].set_index(["origin_id", "destination_id"])["days"]
    days = dealer_lead_days(places)
    for position in range(3, 20):
        assert days[position] == 1 + road[places.site_ids[places.dc[position]], places.site_ids[position]]


def test_road_days_grow_by_750_km():
    assert road_days(np.array([749.0, 751.0, 1501.0])).tolist() == [1, 2, 3]


def test_travel_is_given_both_ways_for_the_nearest_dealers_only(places):
    travel = travel_table(places)
    assert len(travel) == 3 * 3 * 2
    back = travel.rename(columns={"from_id": "to_id", "to_id": "from_id"})
    both = travel.merge(back, on=["from_id", "to_id"], suffixes=("", "_back"))
    assert (both["distance_m"] == both["distance_m_back"]).all()
    assert len(both) == len(travel)


def test_a_dc_without_dealers_still_has_a_vehicle():
    assert len(vehicles_table(choose_places(3, 1, seed=1))) >= 3
