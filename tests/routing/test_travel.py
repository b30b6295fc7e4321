from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import InputError
from partsopt.routing.drive import drive
from partsopt.routing.travel import great_circle_m, mean_factor, refuse_holes, travel_between
from partsopt.settings import RoutingParams
from tests.reference import reference_great_circle_m
from tests.routing.nights import lane, leg, line, night, plan, problems, random_night, site, van

LATITUDES = st.floats(-89, 89)
LONGITUDES = st.floats(-179, 179)


@settings(max_examples=100, deadline=None)
@given(st.tuples(LATITUDES, LONGITUDES), st.tuples(LATITUDES, LONGITUDES))
def test_great_circle_matches_reference(one, other):
    both = np.array([one, other])
    assert great_circle_m(both[:, 0], both[:, 1])[0, 1] == pytest.approx(reference_great_circle_m(one, other), abs=0.5)


def test_a_row_is_used_as_it_stands_in_its_direction_only():
    """Twenty km and 30 minutes there; back, 0.09 degrees of latitude times 1.3 at 55 km/h."""
    tables = night(sites=[site("DC", "dc"), site("D1", north=30.09)])
    tables["travel"] = pd.DataFrame(
        {"from_id": ["DC"], "to_id": ["D1"], "distance_m": [20_000.0], "travel_min": [30.0]}
    )
    travel = travel_between(["DC", "D1"], tables["sites"], tables["travel"], RoutingParams())
    assert travel.distance_m[0, 1] == 20_000
    assert travel.travel_s[0, 1] == 1_800
    assert travel.distance_m[1, 0] == pytest.approx(10_007.56 * 1.3, abs=1)
    assert travel.travel_s[1, 0] == np.ceil(10_007.56 * 1.3 / 55_000 * 3600)
    assert travel.is_estimated.tolist() == [[False, False], [True, False]]


def test_seconds_are_rounded_up():
    """0.01 minutes are 0.6 seconds: nobody is planned to be faster than the table."""
    tables = night(sites=[site("DC", "dc"), site("D1")])
    rows = pd.DataFrame({"from_id": ["DC"], "to_id": ["D1"], "distance_m": [1.0], "travel_min": [0.01]})
    assert travel_between(["DC", "D1"], tables["sites"], rows, RoutingParams()).travel_s[0, 1] == 1


def test_a_row_of_a_site_to_itself_is_left_aside():
    tables = night(sites=[site("DC", "dc")])
    rows = pd.DataFrame({"from_id": ["DC"], "to_id": ["DC"], "distance_m": [7.0], "travel_min": [9.0]})
    assert travel_between(["DC"], tables["sites"], rows, RoutingParams()).distance_m.tolist() == [[0]]


def test_estimated_pairs_are_counted_in_log_and_exceptions(caplog):
    tables = night(sites=[site("DC", "dc"), site("D1", north=30.1)], vehicles=[van()], shipments=[line("A/1", "D1")])
    with caplog.at_level(logging.INFO, logger="partsopt.routing.plan"):
        deliveries = plan(tables)
    assert "2 pairs estimated" in caplog.text
    assert deliveries.exceptions["what"].tolist() == ["2 of 2 pairs of sites estimated by great circle"]


def test_a_pair_takes_the_mean_of_both_detours():
    """The mountains around D1 have 1.9, the DC the setting's 1.3: the road is 1.6 times the great circle."""
    tables = night(sites=[site("DC", "dc"), site("D1", north=30.09, detour_factor=1.9)])
    travel = travel_between(["DC", "D1"], tables["sites"], tables["travel"], RoutingParams())
    assert travel.distance_m.tolist() == [[0, 16_012], [16_012, 0]]


def test_longer_legs_are_driven_on_faster_roads():
    """13,010 m: ten km at 40 km/h take 15 minutes, the other three at 60 km/h three minutes and 0.6 seconds."""
    tables = night(sites=[site("DC", "dc"), site("D1", north=30.09)])
    params = RoutingParams(speed_bands="0=40, 10=60")
    travel = travel_between(["DC", "D1"], tables["sites"], tables["travel"], params)
    assert travel.travel_s[0, 1] == 15 * 60 + 181


def test_a_leg_takes_the_factor_of_the_hours_of_its_destination():
    """D1 takes goods from eight to ten, half of it in the rush; back at the DC from eight to six, a tenth of it."""
    early = site("D1", north=30.1, closes_at="10:00")
    tables = night(sites=[site("DC", "dc"), early], travel=leg("DC", "D1", 20, 30))
    params = RoutingParams(time_of_day="07:00=1.5, 09:00=1")
    travel = travel_between(["DC", "D1"], tables["sites"], tables["travel"], params)
    assert travel.travel_s.tolist() == [[0, 30 * 60 * 1.25], [30 * 60 * 1.05, 0]]
    assert travel.distance_m.tolist() == [[0, 20_000], [20_000, 0]]


def test_before_its_first_start_the_last_factor_of_the_day_before_holds():
    night_site = mean_factor(np.array([0.0]), np.array([600.0]), ((300.0, 3.0), (1200.0, 1.0)))
    assert night_site.tolist() == [2.0]


def test_a_hole_is_refused_by_name_where_nothing_may_be_estimated():
    tables = night(sites=[site("DC", "dc"), *(site(f"D{k}", north=30 + k / 10) for k in (1, 2))])
    tables["travel"] = pd.DataFrame(
        {"from_id": ["DC", "D1"], "to_id": ["D1", "DC"], "distance_m": 1000.0, "travel_min": 2.0}
    )
    params = RoutingParams(estimate_travel=False)
    travel = travel_between(["DC", "D1", "D2"], tables["sites"], tables["travel"], params)
    refuse_holes(["DC", "D1", "D2"], travel, {0, 1})
    assert (travel.estimated_among({0, 1}), travel.estimated_among({0, 1, 2})) == (0, 4)
    with pytest.raises(InputError, match=r"no row from DC to D2, D1 to D2, D2 to DC and 1 more pairs, .*Remedy: give"):
        refuse_holes(["DC", "D1", "D2"], travel, {0, 1, 2})


def test_a_hole_is_as_long_as_the_great_circle_where_nothing_may_be_estimated():
    tables = night(sites=[site("DC", "dc"), site("D1", north=30.09)])
    travel = travel_between(["DC", "D1"], tables["sites"], tables["travel"], RoutingParams(estimate_travel=False))
    assert travel.distance_m[0, 1] == pytest.approx(0.09 * 111_195, abs=1)


def test_dealers_that_no_van_goes_to_need_no_road():
    """D2, 500 km away, goes by carrier: nothing is missing and nothing estimated, though travel has no row to it."""
    tables = night(
        sites=[site("DC", "dc"), site("D1", north=30.1), site("D2", north=34.5)],
        vehicles=[van()],
        travel=leg("DC", "D1", 20, 30),
        carrier_lanes=[lane("DC", "D2")],
        shipments=[line("A/1", "D1"), line("B/1", "D2")],
    )
    for estimate_travel in (True, False):
        deliveries = plan(tables, estimate_travel=estimate_travel)
        assert deliveries.delivery_lines.set_index("line_id")["carried_by"].to_dict() == {
            "A/1": "vehicle",
            "B/1": "lane",
        }
        assert "travel_estimated" not in set(deliveries.exceptions["code"])


def test_a_plan_refuses_a_hole_before_it_searches():
    tables = night(sites=[site("DC", "dc"), site("D1")], vehicles=[van()], shipments=[line("A/1", "D1")])
    with pytest.raises(InputError, match=r"no row from DC to D1, D1 to DC"):
        plan(tables, estimate_travel=False)


BANDS = st.lists(
    st.tuples(st.integers(1, 1439), st.sampled_from((0.8, 1.0, 1.25, 1.6))), max_size=4, unique_by=lambda b: b[0]
)


@settings(max_examples=100, deadline=None)
@given(
    ends=st.tuples(st.tuples(LATITUDES, LONGITUDES), st.tuples(LATITUDES, LONGITUDES)),
    detours=st.tuples(*[st.one_of(st.none(), st.floats(1, 3))] * 2),
    hours=st.tuples(st.integers(0, 1438), st.integers(1, 1439)).map(sorted).filter(lambda both: both[0] < both[1]),
    speeds=st.lists(st.tuples(st.integers(1, 500), st.integers(5, 130)), max_size=3, unique_by=lambda b: b[0]),
    factors=BANDS,
)
def test_the_planner_and_the_verification_drive_alike(ends, detours, hours, speeds, factors):
    """Two computations that share no formula, within a second and half a metre of rounding."""
    rows = [
        {**site(name, "dc" if name == "DC" else "dealer", *end), "opens_at": hours[0], "closes_at": hours[1]}
        for name, end in zip(("DC", "D1"), ends, strict=True)
    ]
    for row, detour in zip(rows, detours, strict=True):
        row["detour_factor"] = np.nan if detour is None else detour
    params = RoutingParams(
        speed_bands=", ".join(f"{km}={speed}" for km, speed in sorted([(0, 50), *speeds])),
        time_of_day=", ".join(f"{at // 60:02d}:{at % 60:02d}={factor}" for at, factor in sorted(factors)),
    )
    tables = night(sites=rows)
    travel = travel_between(["DC", "D1"], tables["sites"], tables["travel"], params)
    metres, seconds = drive(rows[0], rows[1], None, params)
    assert travel.distance_m[0, 1] == pytest.approx(metres, abs=0.51)
    assert travel.travel_s[0, 1] == pytest.approx(seconds, abs=1.0 + 1e-6 * seconds)


@pytest.mark.parametrize("seed", range(6))
def test_a_night_with_rush_hours_and_roads_of_three_kinds_verifies(seed: int):
    """The model, the search and the verification mean the same by a leg; and the rush costs time."""
    tables = random_night(seed)
    roads = {"speed_bands": "0=30, 10=60, 60=85", "time_of_day": "07:00=1.4, 09:30=1, 16:30=1.5, 19:00=0.9"}
    deliveries = plan(tables, **roads)
    assert problems(deliveries, tables, **roads) == []
    if len(deliveries.stops):
        assert problems(deliveries, tables, speed_bands=roads["speed_bands"]) != []
