"""The exchange curve: rising, above any other choice, within the room of sites, and what each step gives up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.replenish import curve
from partsopt.replenish.curve import curve_points
from partsopt.replenish.networkroom import NetworkRoom
from tests.replenish.test_families import FAMILY, every_choice, made, small_network
from tests.replenish.test_networkroom import every_choice as every_choice_with_room
from tests.replenish.test_networkroom import room_of

OVERFILL = 1e-7  # service of the billionth of a cubic metre by which levels may pass a room


def any_room(network):
    """Sites without a limit."""
    variants = network.variants
    nowhere = np.full(len(variants.family), -1), np.full(len(variants.row), -1)
    none = np.zeros(0)
    return NetworkRoom(
        [], none, nowhere[0], np.zeros(len(variants.family)), nowhere[1], np.zeros(len(variants.stairs.level))
    )


def rows_of(network):
    return int(max(network.variants.row.max(initial=-1), network.variants.head.max())) + 1


def test_no_choice_lies_above_the_curve():
    network = small_network()
    points = curve_points(network, any_room(network), 3)
    assert (np.diff(points.money) > 0).all()
    assert (np.diff(points.service) > 0).all()
    for spent, got in every_choice(network):
        if points.money[0] <= spent <= points.money[-1]:
            assert got <= np.interp(spent, points.money, points.service) + 1e-9


def test_each_step_names_who_loses():
    network = small_network()
    points = curve_points(network, any_room(network), 3)
    assert points.pairs_lower[0] == 0
    assert points.loses_most[0] == -1
    assert set(points.loses_most[1:].tolist()) <= {0, 1, 2}
    assert (points.service_lost[1:] > 0).all()
    assert (points.pairs_lower[1:] > 0).all()
    for before, now, higher in zip(points.level[:-1], points.level[1:], points.pairs_higher[1:], strict=True):
        assert (before > now).sum() == higher


def corners_of(choices):
    """The corners of the upper boundary of some points, from the least money to the most service, by hand."""
    least = min(choices)[0]
    at = max((one for one in choices if one[0] <= least + 1e-9), key=lambda one: one[1])
    corners = [at]
    while True:
        rising = [one for one in choices if one[1] > at[1] + 1e-9 and one[0] > at[0]]
        if not rising:
            return np.array(corners)
        steepest = max((one[1] - at[1]) / (one[0] - at[0]) for one in rising)
        at = max(one for one in rising if (one[1] - at[1]) / (one[0] - at[0]) >= steepest * (1 - 1e-9))
        corners.append(at)


@settings(max_examples=40, deadline=None)
@given(st.lists(FAMILY, min_size=1, max_size=2), st.integers(0, 99), st.floats(0.02, 1.2))
def test_the_curve_within_rooms_equals_full_enumeration(drawn, seed, of_room):
    network = made(drawn, seed)
    room = room_of(network, seed, of_room)
    fitting = [(one[0], one[1]) for one in every_choice_with_room(network, room) if (one[2] <= room.limit + 1e-9).all()]
    points = curve_points(network, room, rows_of(network))
    corners = corners_of(fitting)
    for spent, got in corners:  # each corner is a point or lies between two
        assert np.interp(spent, points.money, points.service) == pytest.approx(got, abs=1e-8)
    for spent, got in zip(points.money, points.service, strict=True):  # each point is a choice that finds room
        assert min(abs(one[0] - spent) + abs(one[1] - got) for one in fitting) < 1e-8
        assert got <= np.interp(spent, corners[:, 0], corners[:, 1]) + 1e-8
    assert points.money[0] == pytest.approx(corners[0][0])
    assert points.service[-1] == pytest.approx(corners[-1][1])


@settings(max_examples=40, deadline=None)
@given(st.lists(FAMILY, min_size=1, max_size=2), st.integers(0, 99), st.floats(0.02, 1.2), st.floats(0.0, 1.0))
def test_bounds_hold_where_not_every_choice_is_weighed(drawn, seed, of_room, share):
    network = made(drawn, seed)
    room = room_of(network, seed, of_room)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(curve, "FEW_CHOICES", 0)
        points = curve_points(network, room, rows_of(network))
    money, service, taken = (np.array(one) for one in zip(*every_choice_with_room(network, room), strict=True))
    fits = (taken <= room.limit + 1e-9).all(axis=1)
    spent = money.min() + share * (money.max() - money.min())
    within, free = points.duals.most_service(np.array([spent]))
    assert service[fits & (money <= spent)].max(initial=-1.0) <= within[0] + OVERFILL
    assert service[money <= spent].max() <= free[0] + 1e-9
    assert (np.diff(points.money) > 0).all()
    assert (np.diff(points.service) > 0).all()
    reached = points.duals.most_service(points.money)[0]
    assert (points.service <= reached + OVERFILL).all()


def test_a_rent_is_what_one_more_cubic_metre_would_bring():
    """At the end of the curve, where money is free, the bound grows by the rent with the room of the site."""
    network = made([(0.8, [0.4, 0.3], 2.0, [2, 5, 9], 3), (0.5, [0.4], 3.0, [1, 4], 3)], 7)
    room = room_of(network, 7, 0.4)
    points = curve_points(network, room, rows_of(network))
    site = int(points.rent[-1].argmax())
    assert points.price[-1] == 0.0
    assert points.rent[-1, site] > 0
    more = np.where(np.arange(2) == site, room.limit + 1e-6, room.limit)
    wider = curve_points(network, room._replace(limit=more), rows_of(network))
    gained = wider.duals.most_service(np.array([1e9]))[0] - points.duals.most_service(np.array([1e9]))[0]
    assert gained[0] == pytest.approx(1e-6 * points.rent[-1, site], rel=1e-3)
