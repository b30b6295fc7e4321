from __future__ import annotations

from dataclasses import replace

import pytest

from partsopt.routing.reasons import changes_that_admit, full, out_of_reach, too_large
from partsopt.routing.search import search_day
from partsopt.routing.timetable import Broken, largest_load, times_of_day
from tests.routing.test_search import PARAMS, on_board, random_day
from tests.routing.test_timetable import EIGHT, HOUR, day, delivery, van

NAMES = ["V1", "V2", "V3"]


@pytest.mark.parametrize("seed", range(30))
def test_every_change_named_admits_the_delivery(seed):
    """The vehicle changed as the reason says drives the plan with the delivery on board, all others as before."""
    problem = random_day(seed, n=9, n_vans=2, max_trips=1 + seed % 2)
    found = search_day(problem, PARAMS)
    for one in range(len(problem.deliveries)):
        if one in on_board(found) or not problem.deliveries[one].vehicles:
            continue
        for change in changes_that_admit(problem, one, found.trips, found.latest_s, NAMES):
            changed = replace(
                problem,
                vans=tuple(
                    change.van if number == change.vehicle else each for number, each in enumerate(problem.vans)
                ),
            )
            assert one in {other for trip in change.trips[change.vehicle] for other in trip}
            for number, trips in enumerate(change.trips):
                assert not isinstance(times_of_day(changed, number, trips, found.latest_s), Broken)
            assert {each for trips in change.trips for trip in trips for each in trip} == on_board(found) | {one}


@pytest.mark.parametrize("seed", range(30))
def test_what_is_out_of_reach_has_a_reason_and_the_rest_has_none(seed):
    problem = random_day(seed, n=8)
    for one, each in enumerate(problem.deliveries):
        if any(each.grams <= van.grams for van in problem.vans):
            assert (out_of_reach(problem, one, NAMES) is None) == bool(each.vehicles)


def test_weight_and_volume_no_vehicle_takes_together():
    """One van takes the weight, the other the volume."""
    vans = [van(grams=900_000, cm3=10), van(grams=10, cm3=900_000)]
    assert too_large(800_000, 800_000, vans, NAMES) == "no vehicle takes both 800 kg and 0.8 m3"


def test_a_full_day_without_any_change_asks_for_one_more_vehicle():
    """Both are wanted at 8:30 by the clock: the near dealer closes then, and the van can be in one place only."""
    problem = day(
        delivery(1, closes_s=EIGHT + 30 * 60), delivery(2, closes_s=EIGHT + 60 * 60), vans=(van(max_trips=1),)
    )
    found = search_day(problem, PARAMS)
    left = ({0, 1} - on_board(found)).pop()
    said = full(problem, left, found.trips, found.latest_s, NAMES)
    assert said == "the vehicle is full, and no stop could wait for it; one more vehicle like V1 would take it"


def test_a_shift_too_short_names_the_minutes():
    """Both dealers in one trip need 2 h 45 from 8:00; the shift ends after 2 h 30."""
    problem = day(delivery(1), delivery(2), vans=(van(max_trips=1, end_s=EIGHT + HOUR * 5 // 2),))
    found = search_day(problem, PARAMS)
    left = ({0, 1} - on_board(found)).pop()
    assert "15 minutes more of V1's shift" in full(problem, left, found.trips, found.latest_s, NAMES)


def least_changes(problem, one, found, number):
    """Over every way to put a delivery into a vehicle's day: the least share of load, the least more of the shift."""
    van, day = problem.vans[number], found.trips[number]
    shares, shifts = [], []
    ways = [
        (*day[:place], (*trip[:at], one, *trip[at:]), *day[place + 1 :])
        for place, trip in enumerate(day)
        for at in range(len(trip) + 1)
    ]
    if len(day) < van.max_trips:
        ways += [(*day[:place], (one,), *day[place:]) for place in range(len(day) + 1)]
    for way in ways:
        loads = [largest_load(problem, trip) for trip in way]
        roomy = replace(van, grams=10**12, cm3=10**12)
        for changed, is_load in ((roomy, True), (replace(van, end_s=10**9), False)):
            vans = (*problem.vans[:number], changed, *problem.vans[number + 1 :])
            times = times_of_day(replace(problem, vans=vans), number, way, found.latest_s)
            if isinstance(times, Broken):
                continue
            if is_load:
                shares.append(max(max(a / van.grams, b / van.cm3) for a, b in loads))
            else:
                shifts.append(times[-1].returns_s - van.end_s)
    return shares, shifts


@pytest.mark.parametrize("seed", range(40))
def test_no_smaller_change_of_its_kind_would_do(seed):
    """Every place on every vehicle tried: none needs less load by share, or fewer seconds of shift."""
    problem = random_day(seed, n=10, n_vans=2 + seed % 2, max_trips=1 + seed % 2)
    if seed % 3 == 0:
        problem = replace(problem, rest_after_s=2 * HOUR, rest_s=15 * 60)
    found = search_day(problem, PARAMS)
    for one, left in enumerate(problem.deliveries):
        if one in on_board(found) or not left.vehicles:
            continue
        shares, shifts = [], []
        for number in left.vehicles:
            of_load, of_shift = least_changes(problem, one, found, number)
            shares += of_load
            shifts += of_shift
        named = {"trip": None, "shift": None, "load": None}
        for change in changes_that_admit(problem, one, found.trips, found.latest_s, NAMES):
            van = problem.vans[change.vehicle]
            if change.van.max_trips > van.max_trips:
                named["trip"] = change
            elif change.van.end_s > van.end_s:
                named["shift"] = change.van.end_s - van.end_s
            else:
                named["load"] = max(change.van.grams / van.grams, change.van.cm3 / van.cm3)
        if left.lane_cost is None:
            assert named["load"] == (pytest.approx(min(shares)) if shares else None)
            assert named["shift"] == (min(shifts) if shifts else None)
