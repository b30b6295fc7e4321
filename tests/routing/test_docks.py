"""What the docks ask: several windows a day, a DC that closes, dealers that come themselves, rests by law, returns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.routing.recheck import recheck_run
from partsopt.routing.timetable import Broken, DayProblem, Delivery, Van, times_of_trip
from partsopt.settings import RoutingParams
from tests.routing.nights import MONDAY, at, fate, lane, leg, line, night, plan, problems, random_night, site, van

SITES = [site("DC", "dc"), site("D1"), site("D2")]
ROADS = [*leg("DC", "D1", 30, 40), *leg("DC", "D2", 20, 30), *leg("D1", "D2", 15, 20)]
DAY: dict[str, Any] = {
    "sites": SITES,
    "travel": ROADS,
    "vehicles": [van()],
    "shipments": [line("A/1", "D1")],
}
COMPILED = {"compiled_from_parcels": 1, "iterations_per_parcel": 40}
BOTH = pytest.mark.parametrize("params", [{}, COMPILED], ids=["ortools", "compiled"])


def hours(site_id: str, *windows: tuple[str, str]) -> list[dict[str, Any]]:
    return [
        {"site_id": site_id, "opens_at": int(a[:2]) * 60 + int(a[3:]), "closes_at": int(b[:2]) * 60 + int(b[3:])}
        for a, b in windows
    ]


@BOTH
def test_unloading_waits_for_the_second_window(params: dict[str, int]):
    """Packed at 10:00 and 40 minutes away: the morning is over at 10:30, the van is there at 13:00 and leaves for it."""
    tables = night(**DAY, dock_hours=hours("D1", ("08:00", "10:30"), ("13:00", "17:00")))
    deliveries = plan(tables, **params)
    assert deliveries.stops["starts_at"].tolist() == [at("13:00")]
    assert deliveries.routes["departs_at"].tolist() == [at("12:20")]
    assert problems(deliveries, tables, **params) == []
    early = deliveries.stops.assign(starts_at=at("11:00"))
    assert any("outside" in one for one in problems(deliveries._replace(stops=early), tables, **params))


def test_a_stop_of_two_parcels_begins_both_in_one_window():
    """An hour of unloading each: begun at 11:30, the second would begin at noon's end; both wait for 13:00."""
    lines = [line("A/1", "D1", "backorder", shipped_quantity=60), line("B/1", "D1", shipped_quantity=60)]
    tables = night(**{**DAY, "shipments": lines}, dock_hours=hours("D1", ("11:00", "11:59"), ("13:00", "17:00")))
    deliveries = plan(tables, unloading_s_per_piece=60)
    assert deliveries.stops["starts_at"].tolist() == [at("13:00")]


@BOTH
def test_a_dock_that_closes_says_so(params: dict[str, int]):
    """Back at 11:35 at the earliest: the dock of the DC closes at 11:00."""
    tables = night(**DAY, dock_hours=hours("DC", ("06:00", "11:00")))
    said = fate(plan(tables, **params), "A/1")["unserved_because"]
    assert "a direct trip of V1 returns 35 minutes after the dock closes at 11:00" in said
    open_longer = night(**DAY, dock_hours=hours("DC", ("06:00", "11:35")))
    assert fate(plan(open_longer, **params), "A/1")["carried_by"] == "vehicle"


@BOTH
def test_a_dealer_comes_itself_free_of_charge_on_its_weekdays(params: dict[str, int]):
    comes = {"origin_id": "DC", "site_id": "D1", "weekdays": "Tue,Fri", "collects_at": 960}
    tables = night(**DAY, self_collection=[comes], carrier_lanes=[lane("DC", "D1", days=3)])
    deliveries = plan(tables, **params)
    found = fate(deliveries, "A/1")
    assert (found["carried_by"], found["service"], found["cost"]) == ("lane", "self-collection", 0.0)
    assert found["departs_at"] == at("16:00", "2026-11-03")  # Tuesday
    assert found["arrives_at"] == at("18:00", "2026-11-03")
    assert problems(deliveries, tables, **params) == []
    monday = deliveries.delivery_lines.assign(departs_at=at("16:00"), arrives_at=at("18:00"))
    assert "is collected on 2026-11-02, a Mon, when D1 does not come" in " ".join(
        problems(deliveries._replace(delivery_lines=monday), tables, **params)
    )


def test_an_urgent_order_does_not_wait_for_a_dealer_that_comes_tomorrow():
    comes = {"origin_id": "DC", "site_id": "D1", "weekdays": "Tue", "collects_at": 960}
    urgent = line("A/1", "D1", "urgent", placed_at=at("07:00"))
    assert (
        fate(plan(night(**{**DAY, "shipments": [urgent]}, self_collection=[comes])), "A/1")["carried_by"] == "vehicle"
    )


@BOTH
def test_a_driver_rests_where_the_law_asks(params: dict[str, int]):
    """130 minutes out, 15 of unloading, 130 back: the rest of 20 falls on the way back, after 240 of driving."""
    tables = night(**{**DAY, "travel": leg("DC", "D1", 100, 130)})
    deliveries = plan(tables, **params)
    (trip,) = deliveries.routes.to_dict("records")
    assert (trip["departs_at"], trip["returns_at"]) == (at("10:00"), at("14:55"))
    assert (trip["rest_min"], deliveries.stops["rest_min"].tolist()) == (20.0, [0.0])
    assert problems(deliveries, tables, **params) == []
    without = deliveries.routes.assign(rest_min=0.0, returns_at=at("14:35"))
    assert "the law asks for 20" in " ".join(problems(deliveries._replace(routes=without), tables, **params))
    free = plan(tables, rest_after_driving_min=0, **params)
    assert free.routes["returns_at"].tolist() == [at("14:35")]


def test_a_shift_that_is_too_short_for_the_rest_is_the_reason():
    tables = night(**{**DAY, "travel": leg("DC", "D1", 100, 130), "vehicles": [van(shift_end="14:45")]})
    assert "returns 10 minutes after its shift ends" in fate(plan(tables), "A/1")["unserved_because"]


def test_between_two_trips_there_is_a_rest():
    """Each trip may begin with a fresh driver because 20 minutes lie between them at least, though loading takes 5."""
    lines = [line("A/1", "D1", kg=900.0), line("B/1", "D2", kg=900.0)]
    tables = night(**{**DAY, "shipments": lines, "vehicles": [van(max_trips=2, reload_min=5.0)]})
    routes = plan(tables).routes
    assert (routes["departs_at"].iloc[1] - routes["returns_at"].iloc[0]) >= pd.Timedelta(minutes=20)


def given_back(**rest: Any) -> dict[str, Any]:
    return {"return_id": "R1", "site_id": "D1", "load_kg": 100.0, "load_m3": 0.5, **rest}


@BOTH
def test_a_return_rides_back_with_the_van_that_passes_by(params: dict[str, int]):
    tables = night(**DAY, returns=[given_back(), given_back(return_id="R2", site_id="D2")])
    deliveries = plan(tables, **params)
    rows = deliveries.collections.set_index("return_id")
    assert rows.loc["R1", "carried_by"] == "vehicle"
    assert rows.loc["R2", "carried_by"] == "left"
    assert rows.loc["R2", "left_because"].startswith("it can wait; fetching it would add ")
    assert deliveries.stops["n_returns"].tolist() == [1]
    assert deliveries.routes["returns_at"].tolist() == [at("11:40")]  # five minutes of loading
    assert problems(deliveries, tables, **params) == []


@BOTH
def test_a_return_that_is_due_is_fetched_whatever_it_costs(params: dict[str, int]):
    due = given_back(return_id="R2", site_id="D2", collect_by=pd.Timestamp(MONDAY))
    tables = night(**DAY, returns=[due])
    deliveries = plan(tables, **params)
    assert sorted(deliveries.stops["site_id"]) == ["D1", "D2"]
    assert problems(deliveries, tables, **params) == []


def test_a_due_return_that_nothing_can_fetch_is_an_exception():
    due = given_back(load_kg=5000.0, collect_by=pd.Timestamp(MONDAY))
    deliveries = plan(night(**DAY, returns=[due]))
    said = deliveries.exceptions.set_index("code")["what"]
    assert said["return_left"].startswith("return R1: to be collected by 2026-11-02")


def test_what_comes_back_never_exceeds_the_load_on_the_way():
    """950 kg go to D2, 950 kg lie at D1: they fit only where the van has been at D2 before."""
    lines = [line("A/1", "D1", kg=10.0), line("B/1", "D2", kg=950.0)]
    tables = night(**{**DAY, "shipments": lines}, returns=[given_back(load_kg=950.0, collect_by=pd.Timestamp(MONDAY))])
    deliveries = plan(tables)
    assert deliveries.stops["site_id"].tolist()[-2:] == ["D2", "D1"]
    assert deliveries.collections["position"].tolist() == [len(deliveries.stops)]
    heavier = {**tables, "returns": tables["returns"].assign(load_kg=1500.0)}
    assert any("exceeds the capacity_kg" in one for one in problems(deliveries, heavier))


def test_a_return_takes_nothing_from_a_delivery():
    """The second trip of the van carries the stock order, not the return that is due at the other dealer."""
    lines = [line("A/1", "D1", kg=900.0), line("B/1", "D2", kg=900.0)]
    due = given_back(return_id="R2", site_id="D2", load_kg=900.0, collect_by=pd.Timestamp(MONDAY))
    deliveries = plan(night(**{**DAY, "shipments": lines, "vehicles": [van(max_trips=2)]}, returns=[due]))
    assert deliveries.delivery_lines["carried_by"].tolist() == ["vehicle", "vehicle"]
    assert deliveries.collections["carried_by"].tolist() == ["vehicle"]  # emptied there, it takes the return back


@pytest.mark.parametrize("seed", range(16))
def test_random_nights_with_docks_hold_every_rule(seed: int):
    tables = random_night(seed, n_dealers=4, n_vans=1 + seed % 3, n_lines=9, with_docks=True)
    params = {"rest_after_driving_min": (60, 240)[seed % 2], **(COMPILED if seed % 4 > 1 else {})}
    deliveries = plan(tables, **params)
    assert sorted(deliveries.delivery_lines["line_id"]) == sorted(tables["shipments"]["line_id"])
    assert sorted(deliveries.collections["return_id"]) == sorted(tables["returns"]["return_id"])
    assert problems(deliveries, tables, **params) == []


def test_a_collection_that_was_altered_is_found_in_the_files():
    tables = night(**DAY, returns=[given_back()])
    planned = plan(tables)
    run = {
        **tables,
        "shipments": tables["shipments"],
        "routes": planned.routes,
        "stops": planned.stops,
        "delivery_lines": planned.delivery_lines,
        "collections": planned.collections.assign(position=2),
    }
    found = recheck_run(run, today=MONDAY, params=RoutingParams())
    assert ("collections", "position") in {(one.table, one.column) for one in found.wrong}
    lost = recheck_run({**run, "collections": planned.collections.iloc[:0]}, today=MONDAY, params=RoutingParams())
    assert "lacks the return R1" in {one.rule for one in lost.wrong}


def reference_returns(problem: DayProblem, order: list[int], departs_s: int, ends_s: int) -> int | None:
    """Drive a trip minute by minute; None where a window is missed or the shift ends."""
    now, driven, at_place = departs_s, 0, 0
    for one in [*order, -1]:
        goal = 0 if one < 0 else problem.deliveries[one].place
        for _ in range(int(problem.travel_s[at_place, goal])):
            if problem.rest_after_s and driven and driven % problem.rest_after_s == 0:
                now += problem.rest_s
            now, driven = now + 1, driven + 1
        if one >= 0:
            windows = problem.deliveries[one].windows_s
            while not any(opens <= now <= closes for opens, closes in windows):
                now += 1
                if now > windows[-1][1]:
                    return None
            now += problem.deliveries[one].service_s
        at_place = goal
    return now if now <= ends_s else None


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_times_match_a_trip_driven_minute_by_minute(data: st.DataObject):
    n = data.draw(st.integers(1, 4))
    travel = np.array(data.draw(st.lists(st.lists(st.integers(1, 30), min_size=n + 1, max_size=n + 1), min_size=n + 1,
                                         max_size=n + 1)), dtype=np.int64)  # fmt: skip
    np.fill_diagonal(travel, 0)
    deliveries = []
    for place in range(1, n + 1):
        a, b, c, d = sorted(data.draw(st.lists(st.integers(0, 150), min_size=4, max_size=4, unique=True)))
        deliveries.append(
            Delivery(place=place, tier=4, grams=0, cm3=0, released_s=0, opens_s=a, closes_s=d, service_s=3,
                     windows_s=((a, b), (c, d)))
        )  # fmt: skip
    vehicle = Van(
        grams=1, cm3=1, fixed_cost=0, cost_per_m=0, cost_per_s=0, start_s=0, end_s=200, max_trips=1, reload_s=0
    )
    problem = DayProblem(
        deliveries=tuple(deliveries), vans=(vehicle,), distance_m=travel, travel_s=travel, late_cost_per_s=0.0,
        rest_after_s=data.draw(st.sampled_from([0, 25, 40])), rest_s=7,
    )  # fmt: skip
    order = list(range(n))
    times = times_of_trip(problem, vehicle, order, 0, [one.closes_s for one in deliveries])
    earliest = reference_returns(problem, order, 0, 200)
    if isinstance(times, Broken):
        assert earliest is None
    else:
        assert times.returns_s == earliest
        assert reference_returns(problem, order, times.departs_s, 200) == earliest
        later = reference_returns(problem, order, times.departs_s + 1, 200)
        bounds = [visit.until_s for visit in times.visits]
        assert later != earliest or any(visit.starts_s == by for visit, by in zip(times.visits, bounds, strict=True))
