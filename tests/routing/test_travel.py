from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.routing.travel import great_circle_m, travel_between
from partsopt.settings import RoutingParams
from tests.reference import reference_great_circle_m
from tests.routing.nights import line, night, plan, site, van

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
