from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import NoPlan
from partsopt.routing.timetable import (
    Broken,
    DayProblem,
    Delivery,
    Van,
    cost_of_day,
    starts_of,
    times_of_day,
    times_of_trip,
)
from tests.reference import reference_starts

MINUTE = 60
HOUR = 3600
EIGHT, TEN, SIX_PM = 8 * HOUR, 10 * HOUR, 18 * HOUR
# minutes between the DC, a near dealer and a far one
TRAVEL = np.array([[0, 30, 60], [30, 0, 45], [60, 45, 0]]) * MINUTE


def van(**rest):
    given = {"grams": 1_000_000, "cm3": 1_000_000, "fixed_cost": 100.0, "cost_per_m": 0.001, "cost_per_s": 0.01}
    return Van(**{**given, "start_s": EIGHT, "end_s": SIX_PM, "max_trips": 2, "reload_s": 20 * MINUTE, **rest})


def delivery(place=1, **rest):
    given = {"tier": 4, "grams": 1000, "cm3": 1000, "released_s": 0, "opens_s": EIGHT, "closes_s": SIX_PM}
    return Delivery(place=place, **{**given, "service_s": 15 * MINUTE, "vehicles": (0,), **rest})


def day(*deliveries, vans=None):
    return DayProblem(
        deliveries=deliveries, vans=vans or (van(),), distance_m=TRAVEL * 10, travel_s=TRAVEL, late_cost_per_s=0.1
    )


def trip(problem, sequence, free_from_s=0):
    return times_of_trip(problem, problem.vans[0], sequence, free_from_s, [one.closes_s for one in problem.deliveries])


def test_a_trip_by_hand():
    """Out at 10:00 with the last parcel, 10:30 to 10:45 at the near dealer, 11:30 to 11:45 at the far one, back 12:45."""
    found = trip(day(delivery(1), delivery(2, released_s=TEN)), [0, 1])
    assert found.departs_s == TEN
    assert [(one.arrives_s, one.starts_s, one.leaves_s) for one in found.visits] == [
        (TEN + 30 * MINUTE, TEN + 30 * MINUTE, TEN + 45 * MINUTE),
        (TEN + 90 * MINUTE, TEN + 90 * MINUTE, TEN + 105 * MINUTE),
    ]
    assert found.returns_s == TEN + 165 * MINUTE
    assert found.distance_m == (30 + 45 + 60) * MINUTE * 10


def test_a_trip_waits_for_its_goods_at_the_dc_and_not_at_the_dealer():
    """The near dealer's parcel is ready at once, the far one's at 10:00: the van leaves at 10:00."""
    assert trip(day(delivery(1), delivery(2, released_s=TEN)), [0, 1]).visits[0].arrives_s == TEN + 30 * MINUTE


def test_parcels_of_one_dealer_share_the_unloading_time():
    found = trip(day(delivery(1), delivery(1, tier=0)), [0, 1])
    assert len(found.visits) == 1
    assert found.visits[0].leaves_s - found.visits[0].starts_s == 15 * MINUTE


def test_waiting_at_the_first_dealer_becomes_a_later_departure():
    """Opening at 10:00 and half an hour away: out at 9:30, not at 8:00."""
    assert trip(day(delivery(1, opens_s=TEN)), [0]).departs_s == TEN - 30 * MINUTE


def test_a_departure_is_put_off_only_as_far_as_the_first_dealer_stays_in_time():
    """The second dealer opens at noon; the first closes at 9:00, so the van waits 2 h 15 there."""
    found = trip(day(delivery(1, closes_s=9 * HOUR), delivery(2, opens_s=12 * HOUR)), [0, 1])
    assert found.visits[0].starts_s == 9 * HOUR
    assert found.visits[1].starts_s == 12 * HOUR


def test_no_wish_is_missed_for_a_later_departure():
    """What is wanted at once is not put off to save waiting at the next dealer."""
    found = trip(day(delivery(1, wanted_s=EIGHT), delivery(2, opens_s=12 * HOUR)), [0, 1])
    assert found.visits[0].starts_s == EIGHT + 30 * MINUTE


def test_the_second_trip_leaves_after_return_and_loading():
    """Back at 9:15, loaded at 9:35."""
    problem = day(delivery(1), delivery(1))
    times = times_of_day(problem, 0, [[0], [1]], [SIX_PM, SIX_PM])
    assert (times[0].returns_s, times[1].departs_s) == (EIGHT + 75 * MINUTE, EIGHT + 95 * MINUTE)


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({"grams": 1_000_500}, Broken("load_kg", 500)),
        ({"cm3": 1_000_007}, Broken("load_m3", 7)),
        ({"closes_s": EIGHT + 20 * MINUTE}, Broken("window", 600)),
        ({"released_s": SIX_PM - 70 * MINUTE}, Broken("shift", 5 * MINUTE)),
    ],
)
def test_a_trip_that_breaks_a_rule_says_which_and_by_how_much(changes, broken):
    """Half an hour out, 15 minutes there, half an hour back."""
    assert trip(day(delivery(1, **changes)), [0]) == broken


def test_more_trips_than_allowed_are_refused():
    problem = day(delivery(), vans=(van(max_trips=1),))
    assert times_of_day(problem, 0, [[0], [0]], [SIX_PM]) == Broken("trips", 1)


def test_the_fixed_cost_is_paid_once_a_day():
    """Two trips of an hour and a quarter: 100 + 2 * 36,000 m * 0.001 + 2 * 4,500 s * 0.01."""
    problem = day(delivery(1), delivery(1))
    times = times_of_day(problem, 0, [[0], [1]], [SIX_PM, SIX_PM])
    assert cost_of_day(problem, 0, times) == pytest.approx(100 + 72 + 90)
    assert cost_of_day(problem, 0, []) == 0


def test_lateness_has_its_price():
    """Unloading at 8:30, wanted at 8:00: half an hour at 0.1 a second."""
    problem = day(delivery(1, wanted_s=EIGHT))
    late = cost_of_day(problem, 0, times_of_day(problem, 0, [[0]], [SIX_PM]))
    assert late - (100 + 36 + 45) == pytest.approx(180)


def test_starts_of_a_plan_that_cannot_be_driven_are_refused():
    problem = day(delivery(1, closes_s=EIGHT))
    with pytest.raises(NoPlan, match=r"vehicle 0 break window by 1800"):
        starts_of(problem, (((0,),),), [EIGHT])


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_times_match_reference(data):
    """Earliest starts, found by walking, are never beaten, and a departure put off keeps the return."""
    n = data.draw(st.integers(1, 4))
    hours = st.integers(8 * 60, 15 * 60)
    deliveries = [
        delivery(
            data.draw(st.integers(1, 2)),
            released_s=data.draw(hours) * MINUTE,
            opens_s=data.draw(hours) * MINUTE,
            closes_s=17 * HOUR,
        )
        for _ in range(n)
    ]
    first = {one.place: one for one in reversed(deliveries)}
    deliveries = [replace(one, opens_s=first[one.place].opens_s) for one in deliveries]  # a dealer has one window
    problem = day(*deliveries)
    found = trip(problem, list(range(n)))
    expected = reference_starts(
        tuple(range(n)),
        [one.place for one in deliveries],
        [one.released_s for one in deliveries],
        [(one.opens_s, one.closes_s) for one in deliveries],
        [one.service_s for one in deliveries],
        TRAVEL.tolist(),
        (EIGHT, SIX_PM),
    )
    if expected is None:
        assert isinstance(found, Broken)
        return
    starts = {one: visit.starts_s for visit in found.visits for one in visit.deliveries}
    assert all(starts[one] >= expected[one] for one in range(n))
    last = deliveries[-1]
    assert found.returns_s == expected[-1] + last.service_s + TRAVEL[last.place, 0]
    assert found.departs_s >= max(one.released_s for one in deliveries)
