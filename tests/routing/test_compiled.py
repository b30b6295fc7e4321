"""Large days, planned by the compiled search: the same rules, forced here upon small nights so that they can be checked."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from partsopt.routing import ruin, search
from partsopt.routing.compiled import whole_day
from partsopt.routing.insertion import cheapest_place, good_place, has_room, in_time, openings_after, openings_of
from partsopt.routing.model import Terms, weights_of
from partsopt.routing.neighbourhoods import groups_of, part_of
from partsopt.routing.search import search_day
from partsopt.routing.timetable import Broken, cost_of_day, no_trips, starts_of, times_of_day
from partsopt.settings import RoutingParams
from partsopt.tables import TIERS
from tests.routing.nights import plan, random_night
from tests.routing.test_plan import TABLES, _let_down
from tests.routing.test_search import on_board, random_day

ALWAYS = {"compiled_from_parcels": 1, "iterations_per_parcel": 40}
PARAMS = RoutingParams(solution_limit=60, **ALWAYS)
ROUTING = Path(ruin.__file__).parent


def test_the_compiled_search_knows_the_files_it_is_compiled_with():
    """Numba's cache of ruin.py does not notice changes of what it imports: LAYOUT changes with them."""
    checksum = 0
    for name in ("route_problem", "pool", "vanday"):
        checksum = zlib.crc32((ROUTING / f"{name}.py").read_bytes(), checksum)
    assert checksum == ruin.LAYOUT


@pytest.mark.parametrize("seed", range(24))
def test_random_nights_hold_every_rule(seed):
    """Every line once; every other rule is recomputed inside, or the plan is refused."""
    tables = random_night(
        seed, n_dealers=3 + seed % 4, n_vans=1 + seed % 4, n_lines=8 + seed % 9, lane_share=seed % 3 / 3
    )
    deliveries = plan(tables, **ALWAYS)
    assert sorted(deliveries.delivery_lines["line_id"]) == sorted(tables["shipments"]["line_id"])
    runs = deliveries.solver_runs.query("status == 'feasible'")
    assert (runs["bound"] <= runs["objective"]).all()


@pytest.mark.parametrize("seed", range(10))
def test_an_answer_that_lacks_what_must_be_carried_is_made_whole(seed):
    """It keeps every delivery of the whole plan that has no price, and each starts by when it is held to."""
    problem = random_day(seed)
    weights = weights_of(problem)
    latest_s = [each.latest_s for each in problem.deliveries]
    open_terms = {one: Terms(each.latest_s, weights.unserved) for one, each in enumerate(problem.deliveries)}
    whole = search.insert_cheapest(problem, open_terms, no_trips(problem), weights)
    must = sorted(one for day in whole for trip in day for one in trip)[::2]
    terms = {**open_terms, **{one: Terms(open_terms[one].latest_s, None) for one in must}}
    answer = search.insert_cheapest(
        problem, {one: open_terms[one] for one in terms if one not in must}, no_trips(problem), weights
    )
    held_to = starts_of(problem, answer, latest_s) | starts_of(problem, whole, latest_s)
    terms = {one: replace(term, latest_s=held_to.get(one, term.latest_s)) for one, term in terms.items()}
    latest_s = [term.latest_s for _, term in sorted(terms.items())]
    made = search._restored(problem, terms, weights, whole, answer, search.insert_cheapest)
    assert set(must) <= {one for day in made for trip in day for one in trip}
    assert not any(isinstance(times_of_day(problem, n, day, latest_s), Broken) for n, day in enumerate(made))


@pytest.mark.parametrize("seed", range(6))
def test_a_plan_is_the_same_twice_and_for_shuffled_rows(seed):
    tables = random_night(seed, n_dealers=6, n_vans=3, n_lines=20)
    shuffled = {
        name: rows.sample(frac=1, random_state=seed + 1).reset_index(drop=True) for name, rows in tables.items()
    }
    first, again, other = (plan(one, **ALWAYS) for one in (tables, tables, shuffled))
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(first, name), getattr(again, name))
        pd.testing.assert_frame_equal(getattr(first, name), getattr(other, name))


@pytest.mark.parametrize("seed", range(12))
def test_no_tier_is_worse_off_for_the_tiers_below_it(seed):
    """Planned without the lower tiers, no tier has fewer lines left or late."""
    tables = random_night(seed, n_dealers=3 + seed % 4, n_vans=1 + seed % 3, n_lines=8 + seed, lane_share=seed % 4 / 4)
    whole = plan(tables, **ALWAYS).delivery_lines.set_index("line_id")
    shipments = tables["shipments"].set_index("line_id")
    for lowest in range(len(TIERS) - 1):
        kept = tables["shipments"][tables["shipments"]["tier"].isin(TIERS[: lowest + 1])].reset_index(drop=True)
        alone = plan({**tables, "shipments": kept}, **ALWAYS).delivery_lines.set_index("line_id")
        for tier in TIERS[: lowest + 1]:
            lines = [line_id for line_id in alone.index if shipments.loc[line_id, "tier"] == tier]
            assert _let_down(whole.loc[lines]) <= _let_down(alone.loc[lines])
            if _let_down(whole.loc[lines]) < _let_down(alone.loc[lines]):
                break


def test_a_large_day_asks_every_first_strategy_and_needs_none(monkeypatch):
    """OR-Tools gives first plans by three strategies; where it gives none at all there is a plan all the same."""
    problem = random_day(4, n=12, n_vans=3)
    asked = []

    def silent(_model, _start, strategy, *_rest):
        asked.append(strategy)

    monkeypatch.setattr(search, "_solve", silent)
    without = search_day(problem, PARAMS)
    assert set(asked) == set(search.FIRST_STRATEGIES)
    assert without.status == "feasible"
    assert on_board(without)
    monkeypatch.setattr(search, "LARGEST_FIRST", 0)
    asked.clear()
    search_day(problem, PARAMS)
    assert asked == []


@pytest.mark.parametrize("seed", range(20))
def test_taking_off_lower_tiers_never_admits_what_was_left_out(seed):
    problem = random_day(seed, n=10, max_trips=1 + seed % 2, lanes=True, wishes=True)
    found = search_day(problem, PARAMS)
    for number, day in enumerate(found.trips):
        assert not isinstance(times_of_day(problem, number, day, found.latest_s), Broken)
    for one, delivery in enumerate(problem.deliveries):
        if one in on_board(found) or not delivery.vehicles or delivery.lane_keeps_promise:
            continue
        higher = tuple(
            tuple(
                kept
                for trip in day
                if (kept := tuple(other for other in trip if problem.deliveries[other].tier <= delivery.tier))
            )
            for day in found.trips
        )
        assert cheapest_place(problem, one, higher, found.latest_s) is None


@pytest.mark.parametrize("seed", range(20))
def test_both_searches_cost_about_the_same(seed):
    """Nine deliveries, no tiers: neither search is more than a twentieth dearer than the other, penalties included."""
    problem = random_day(seed, n=9, n_tiers=1, max_trips=2)
    problem = replace(
        problem, deliveries=tuple(replace(one, lane_cost=900.0, lane_keeps_promise=True) for one in problem.deliveries)
    )
    costs = []
    for params in (RoutingParams(solution_limit=200), PARAMS):
        found = search_day(problem, params)
        left = sum(one.lane_cost for at, one in enumerate(problem.deliveries) if at not in on_board(found))
        costs.append(found.objective + left)
    assert costs[1] <= costs[0] * 1.05


@pytest.mark.parametrize("seed", range(6))
def test_what_a_vehicle_must_carry_outweighs_all_that_could_come_instead(seed):
    """One delivery is locked, eleven of higher tiers are left out: no search may exchange it for all of them."""
    problem = random_day(seed, n=12)
    weights = weights_of(problem)
    terms = {one: Terms(each.latest_s, weights.unserved_higher) for one, each in enumerate(problem.deliveries)}
    terms[seed] = replace(terms[seed], penalty=None)
    whole = whole_day(problem, terms, weights, no_trips(problem))
    assert whole.must == {seed + 1}
    others = np.delete(whole.route.price_out, seed + 1).sum()
    assert whole.route.price_out[seed + 1] > others + 2 * weights.unserved_higher / weights.scale


@pytest.mark.parametrize("seed", range(20))
def test_openings_in_time_are_those_of_the_exact_timetable(seed):
    """One delivery taken off: each opening that says yes can be driven, and where all say no, no place is found."""
    problem = random_day(seed, n=9, max_trips=2)
    found = search_day(problem, PARAMS)
    for one in range(len(problem.deliveries)):
        trips = tuple(
            tuple(kept for trip in day if (kept := tuple(other for other in trip if other != one)))
            for day in found.trips
        )
        openings = openings_of(problem, trips, found.latest_s)
        fits, _ = in_time(problem, one, openings, found.latest_s)
        able = fits & has_room(problem, one, openings)
        exact = cheapest_place(problem, one, trips, found.latest_s)
        good = good_place(problem, one, trips, found.latest_s, openings)
        assert able.any() == (exact is not None) == (good is not None)


@pytest.mark.parametrize("seed", range(20))
def test_openings_after_an_insertion_are_those_of_the_new_plan(seed):
    """Only the vehicle that took the delivery is listed anew, and the list is that of the whole plan, row for row."""
    problem = random_day(seed, n=9, max_trips=2)
    found = search_day(problem, PARAMS)
    for one in on_board(found):
        trips = tuple(
            tuple(kept for trip in day if (kept := tuple(other for other in trip if other != one)))
            for day in found.trips
        )
        openings = openings_of(problem, trips, found.latest_s)
        place = good_place(problem, one, trips, found.latest_s, openings)
        after = openings_after(problem, openings, place.trips, place.vehicle, found.latest_s)
        for changed, whole in zip(after, openings_of(problem, place.trips, found.latest_s), strict=True):
            np.testing.assert_array_equal(changed, whole)


def test_what_the_search_says_a_day_costs_is_what_the_timetable_says():
    """The bound of a choice that is optimal is the cost of the plan: prices of days are exact."""
    for seed in range(10):
        problem = random_day(seed, n=10, n_tiers=1, max_trips=2, wishes=True)
        found = search_day(problem, PARAMS)
        total = sum(
            cost_of_day(problem, number, times_of_day(problem, number, day, found.latest_s))
            for number, day in enumerate(found.trips)
        )
        assert found.objective == pytest.approx(total)
        assert found.bound <= found.objective + 1e-6


def test_neighbourhoods_hold_every_vehicle_and_client_once():
    problem = random_day(5, n=30, n_vans=8, n_tiers=1)
    problem = replace(problem, deliveries=tuple(replace(one, vehicles=tuple(range(8))) for one in problem.deliveries))
    terms = {one: Terms(each.closes_s, 10**6) for one, each in enumerate(problem.deliveries)}
    route = whole_day(problem, terms, weights_of(problem), no_trips(problem)).route
    days = [[[1, 2, 3]], [[4, 5], [6]], [[7, 8, 9, 10]], [[11, 12]], [[13]], [], [], []]
    for turn in range(3):
        groups = groups_of(route, days, 8, turn)
        assert sorted(vehicle for group in groups for vehicle in group.vehicles) == list(range(8))
        assert sorted(client for group in groups for client in group.clients) == list(range(1, 31))
        assert len(groups) == 4
        for group in groups:
            part = part_of(route, group)
            assert part.loads[1:].tolist() == route.loads[group.clients].tolist()
            assert np.array_equal(part.vehicle_type, route.vehicle_type[group.vehicles])
