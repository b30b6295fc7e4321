"""Levels within the room of sites: full enumeration, refusals that say what is feasible, and the night."""

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish.service import expected_on_hand
from partsopt.replenish.storage import Room, levels_within
from partsopt.replenish.targets import staircases, system_levels
from tests.replenish.network import night, with_params

PARTS = st.lists(
    st.tuples(
        st.floats(0.05, 3.0),  # demand over lead time
        st.floats(0.05, 3.0),  # demand over the review period
        st.floats(1.0, 6.0),  # variance to mean
        st.floats(0.5, 50.0),  # unit cost
        st.floats(0.1, 5.0),  # weight
        st.integers(1, 5),  # levels above the floor
        st.floats(0.01, 2.0),  # cubic metres of a piece
        st.integers(-1, 1),  # site, -1 without a limit
    ),
    min_size=1,
    max_size=4,
)


def made(parts):
    lead, review, ratio, cost, weight, above, volume, site = (np.array(one) for one in zip(*parts, strict=True))
    ones = np.ones((len(parts), 1))
    low = np.zeros(len(parts), dtype=np.int64)
    stairs = staircases(lead[:, None], (lead + review)[:, None], ratio, ones, low + 1, low, above)
    space = np.repeat(volume, np.diff(stairs.start)) * stairs.level
    return stairs, cost, weight / weight.sum(), site, space


def every_choice(stairs, cost, weight, site, space):
    """Money, service and the room taken at both sites of every combination of levels."""
    entries = [range(stairs.start[i], stairs.start[i + 1]) for i in range(len(cost))]
    for choice in itertools.product(*entries):
        taken = [sum(space[e] for i, e in enumerate(choice) if site[i] == number) for number in (0, 1)]
        money = sum(cost[i] * stairs.level[e] for i, e in enumerate(choice))
        yield money, sum(weight[i] * stairs.fill_rate[e] for i, e in enumerate(choice)), taken


def room_for(choices, site, space, share):
    most = [max(taken[number] for _, _, taken in choices) for number in (0, 1)]
    return Room(["A", "B"], np.maximum(np.array(most) * share, 1e-3), site, space)


@settings(max_examples=60, deadline=None)
@given(PARTS, st.floats(0.05, 0.95), st.floats(0.05, 1.1))
def test_most_service_for_money_and_room_equals_full_enumeration(parts, of_money, of_room):
    stairs, cost, weight, site, space = made(parts)
    choices = list(every_choice(stairs, cost, weight, site, space))
    room = room_for(choices, site, space, of_room)
    budget = of_money * max(money for money, _, _ in choices)
    best = max(
        service for money, service, taken in choices if money <= budget + 1e-9 and (taken <= room.limit + 1e-9).all()
    )
    got, rent, _ = levels_within(stairs, cost, weight, room, budget=budget)
    assert got.service == pytest.approx(best, abs=1e-6)
    assert got.bound >= got.service - 1e-12
    assert got.money <= budget * (1 + 1e-9)
    assert (rent >= 0).all()


ROOM_LEFT = [  # what filled the room that the rents leave is not what the rents are the bound of
    (1.0, 1.0, 1.0, 1.0, 1.0, 1, 1.0, 0),
    (1.0, 1.0, 1.0, 1.0, 1.0, 1, 0.125, 0),
    (1.0, 1.0, 1.0, 1.0, 0.125, 2, 0.25, 0),
    (1.0, 1.0, 2.0, 1.0, 0.5, 2, 0.5, 0),
]


@settings(max_examples=60, deadline=None)
@given(PARTS, st.floats(0.05, 1.1))
@example(ROOM_LEFT, 0.625)
def test_most_service_in_the_room_alone_equals_full_enumeration(parts, of_room):
    stairs, cost, weight, site, space = made(parts)
    choices = list(every_choice(stairs, cost, weight, site, space))
    room = room_for(choices, site, space, of_room)
    best = max(service for _, service, taken in choices if (taken <= room.limit + 1e-9).all())
    within = levels_within(stairs, cost, weight, room, budget=max(money for money, _, _ in choices))
    assert within.levels.service == pytest.approx(best, abs=1e-6)
    assert within.free_level.tolist() == stairs.level[stairs.start[1:] - 1].tolist()


@settings(max_examples=60, deadline=None)
@given(PARTS, st.floats(0.05, 0.95), st.floats(0.05, 1.1))
def test_least_money_for_service_and_room_equals_full_enumeration(parts, of_service, of_room):
    stairs, cost, weight, site, space = made(parts)
    choices = list(every_choice(stairs, cost, weight, site, space))
    room = room_for(choices, site, space, of_room)
    low, high = min(s for _, s, _ in choices), max(s for _, s, _ in choices)
    target = low + of_service * (high - low)
    if not 0 < target < 1:
        return
    reaching = [
        money for money, s, taken in choices if s >= target * (1 - 1e-12) and (taken <= room.limit + 1e-9).all()
    ]
    if not reaching:
        with pytest.raises(SettingsError, match=r"finds no room at .*storage_m3 allows \d+\.\d{4}%"):
            levels_within(stairs, cost, weight, room, target=target)
        return
    got, _, _ = levels_within(stairs, cost, weight, room, target=target)
    assert got.money == pytest.approx(min(reaching), rel=1e-6, abs=1e-6)
    assert got.bound <= got.money + 1e-12


def test_without_limits_the_levels_are_those_of_the_system_approach():
    stairs, cost, weight, site, space = made(
        [(1.0, 1.0, 1.0, 2.0, 1.0, 5, 1.0, 0), (0.5, 1.0, 2.0, 9.0, 1.0, 4, 1.0, 1)]
    )
    room = Room(["A", "B"], np.array([99.0, 99.0]), site, space)
    got, rent, free_level = levels_within(stairs, cost, weight, room, target=0.7)
    free = system_levels(stairs, cost, weight, target=0.7)
    assert got.order_up_to_level.tolist() == free_level.tolist() == free.order_up_to_level.tolist()
    assert rent.tolist() == [0.0, 0.0]


def test_floors_without_room_are_refused_with_what_they_need():
    stairs, cost, weight, site, space = made([(1.0, 1.0, 1.0, 2.0, 1.0, 5, 1.0, 0)])
    lifted = stairs._replace(level=stairs.level + 2)
    room = Room(["A"], np.array([1.5]), site, space + 2.0)
    with pytest.raises(SettingsError, match=r"does not hold the lowest levels allowed: A needs 2\.000 m3\. Raise"):
        levels_within(lifted, cost, weight, room, budget=99.0)


# --------------------------------------------------------------------------- through the night

SYSTEM = {"target_rule": "system", "system_service_target": {"dc": 0.95, "dealer": 0.9}}
FORECASTS = [{"part_id": f"P{i}", "mean_per_period": 3.0 + i} for i in range(8)]
PIECES = [{"part_id": f"P{i}", "volume_m3": 0.1 + 0.3 * (i % 3)} for i in range(8)]

PRICES = [{"part_id": f"P{i}", "unit_cost": 50.0 - 24.0 * (i % 3)} for i in range(8)]  # the bulky are cheap


def dc_with(room, **given):
    site = {"site_id": "DC1", "site_kind": "dc", "storage_m3": room}
    params = with_params(**SYSTEM)
    return night(params=params, forecasts=FORECASTS, parts=PIECES, supply=PRICES, sites=[site], **given)


def cubic_metres(plan):
    """Levels times volume, less the demand of the lead time: the room after a receipt but for shortages."""
    volume = {row["part_id"]: row["volume_m3"] for row in PIECES}
    rows = plan.levels
    return float(((rows["order_up_to_level"] - rows["mean_over_lead_time"]) * rows["part_id"].map(volume)).sum())


def test_the_room_of_a_dc_binds_its_levels_and_the_price_of_room_is_told():
    free, bound = dc_with(None), dc_with(9.0)
    assert cubic_metres(free) > 9.0 >= cubic_metres(bound)
    [run] = bound.solver_runs.to_dict("records")
    assert run["name"] == "levels of the dcs"
    assert "; DC1 is full at 9 m3, one more would spare " in run["why"]
    assert run["objective"] > free.solver_runs["objective"].iloc[0]
    assert run["objective"] >= run["bound"]
    assert "storage_over" not in set(bound.exceptions["code"])
    reached = bound.levels["service_target"].iloc[0]
    assert reached >= 0.95


def test_room_too_small_for_the_target_is_refused_with_the_service_it_allows():
    with pytest.raises(SettingsError, match=r"95% finds no room at DC1: sites\.storage_m3 allows \d\d\.\d{4}%"):
        dc_with(5.0)
    fixed = [{"site_id": "DC1", "part_id": "P2", "order_up_to_level": 30}]
    with pytest.raises(SettingsError, match=r"lowest levels allowed: DC1 needs 2\d\.\d{3} m3\. Raise storage_m3"):
        dc_with(5.0, fixed_levels=fixed)


def dc_by_class(room, **given):
    site = {"site_id": "DC1", "site_kind": "dc", "storage_m3": room}
    return night(forecasts=FORECASTS, parts=PIECES, supply=PRICES, sites=[site], **given)


def test_levels_of_classes_are_cut_where_the_room_serves_least():
    free, bound = dc_by_class(None), dc_by_class(5.0)
    assert cubic_metres(free) > 5.0
    volume = {row["part_id"]: row["volume_m3"] for row in PIECES}
    with_room = bound.levels.assign(volume=bound.levels["part_id"].map(volume))
    shelf = expected_on_hand(with_room["order_up_to_level"], with_room["mean_over_lead_time"], 1.0)
    assert 4.5 < float(shelf @ with_room["volume"]) <= 5.0
    assert (free.levels["order_up_to_level"] - with_room["order_up_to_level"]).tolist() == with_room[
        "room_cut"
    ].tolist()
    lost = with_room.groupby("volume")["room_cut"].sum()
    assert lost.iloc[0] == 0  # a tenth of a cubic metre
    assert lost.iloc[2] > 0
    [run] = bound.solver_runs.to_dict("records")
    assert run["name"] == "room of the dcs"
    assert run["objective"] <= run["bound"]
    assert "; DC1 is full at 5 m3, one more would serve " in run["why"]
    told = bound.exceptions[bound.exceptions["code"] == "level_cut_for_room"]
    assert sorted(told["part_id"]) == sorted(with_room.loc[with_room["room_cut"] > 0, "part_id"])
    assert told["what"].str.contains("its site is full; it promises").all()
    assert (told["money"] > 0).all()


def test_an_order_of_a_level_that_was_cut_says_so():
    bound = dc_by_class(5.0)
    row = bound.levels[bound.levels["room_cut"] > 0].iloc[0]
    order = bound.orders[bound.orders["part_id"] == row["part_id"]].iloc[0]
    notes = bound.lineage[
        (bound.lineage["line_id"] == order["line_id"]) & (bound.lineage["term"] == "order_up_to_level")
    ]
    assert notes["note"].iloc[0].endswith(f"; {row['room_cut']} pieces fewer, as the site is full")


def test_planners_levels_that_have_no_room_are_refused_by_class_too():
    fixed = [{"site_id": "DC1", "part_id": "P2", "order_up_to_level": 30}]
    with pytest.raises(SettingsError, match=r"lowest levels allowed: DC1 needs 2\d\.\d{3} m3\. Raise storage_m3"):
        dc_by_class(5.0, fixed_levels=fixed)
    kept = dc_by_class(24.0, fixed_levels=fixed)
    level = dict(zip(kept.levels["part_id"], kept.levels["order_up_to_level"], strict=True))
    assert level["P2"] == 30
    assert kept.levels["room_cut"].sum() > 0


def test_dealers_within_their_room_know_what_their_dc_still_holds():
    sites = [
        {"site_id": "DC1", "site_kind": "dc", "storage_m3": 5.0},
        {"site_id": "D01", "site_kind": "dealer", "supplied_by": "DC1", "storage_m3": 3.0},
        {"site_id": "D02", "site_kind": "dealer", "supplied_by": "DC1"},
    ]
    dealers = [
        {**row, "site_id": name, "mean_per_period": row["mean_per_period"] / 3}
        for row in FORECASTS
        for name in ("D01", "D02")
    ]
    plan = night(forecasts=FORECASTS + dealers, parts=PIECES, supply=PRICES, sites=sites)
    cut = plan.levels.groupby("site_id")["room_cut"].sum()
    assert cut["DC1"] > 0
    assert cut["D01"] > 0
    assert cut["D02"] == 0
    free = night(
        forecasts=FORECASTS + dealers, parts=PIECES, supply=PRICES, sites=[{**one, "storage_m3": None} for one in sites]
    )
    at_d02 = [one.levels.query("site_id == 'D02'")["order_up_to_level"].to_numpy() for one in (plan, free)]
    assert (at_d02[0] >= at_d02[1]).all()  # the DC is short more often
    assert at_d02[0].sum() > at_d02[1].sum()
    assert "storage_over" not in set(plan.exceptions["code"])


def test_stock_of_tonight_over_the_room_is_told():
    stock = [{"part_id": "P1", "on_hand": 20}]
    plan = dc_by_class(6.0, stock=stock)
    [told] = plan.exceptions[plan.exceptions["code"] == "storage_over"].to_dict("records")
    assert told["site_id"] == "DC1"
    assert told["what"].endswith("stock on hand takes 8.000 tonight; there are 6")
    assert told["money"] == 50.0  # a quarter of twenty pieces at 10
