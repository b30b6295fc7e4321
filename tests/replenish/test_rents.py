"""Rents at which stock finds room, and the least price that gets enough: against loops over every choice."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.replenish.rents import cheapest, fitting, least_price

PARTS = st.lists(
    st.tuples(st.integers(-1, 1), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), min_size=1, max_size=5)),
    min_size=1,
    max_size=6,
)


def laid(drawn):
    """Arrays of parts with a site, and entries each of which costs and takes so much; room never falls."""
    sizes = [len(entries) for _, entries in drawn]
    cost = np.array([float(-one) for _, entries in drawn for one, _ in entries])
    space = np.concatenate([np.cumsum([float(room) for _, room in entries]) for _, entries in drawn])
    return np.concatenate([[0], np.cumsum(sizes)]), cost, space, np.array([site for site, _ in drawn])


def taken(entry, space, site):
    return np.array([space[entry[site == one]].sum() for one in (0, 1)])


@settings(max_examples=100, deadline=None)
@given(PARTS, st.floats(0.0, 1.0))
def test_rents_are_the_smallest_at_which_the_cheapest_entries_fit(drawn, share):
    start, cost, space, site = laid(drawn)
    rows = np.arange(len(site))
    low, high = taken(start[:-1], space, site), taken(start[1:] - 1, space, site)
    limit = low + share * (high - low)
    entry, rent = fitting(start, cost, np.zeros(len(cost)), 1.0, space, site, limit, rows)
    assert (taken(entry, space, site) <= limit + 1e-9).all()
    at_rents, paid = cheapest(start, cost, np.zeros(len(cost)), 1.0, space, site, rent, rows)
    assert (taken(at_rents, space, site) <= limit + 1e-9).all()
    assert (cost[entry] <= cost[at_rents]).all()  # the room that is left is filled
    for i in rows:
        own = slice(start[i], start[i + 1])
        assert paid[i] == pytest.approx((cost[own] + np.append(rent, 0.0)[site[i]] * space[own]).min())
    for full in np.flatnonzero(rent > 0):
        less = np.where(np.arange(2) == full, rent * (1 - 1e-9), rent)
        again, _ = cheapest(start, cost, np.zeros(len(cost)), 1.0, space, site, less, rows)
        assert taken(again, space, site)[full] > limit[full]


def test_of_parts_with_room_the_cheapest_entry_is_the_lowest_of_equals():
    start, cost, space = np.array([0, 4]), np.array([3.0, 1.0, 1.0, 2.0]), np.array([0.0, 1.0, 2.0, 3.0])
    entry, rent = fitting(start, cost, cost, 0.0, space, np.array([0]), np.array([9.0]), np.array([0]))
    assert (entry.tolist(), rent.tolist()) == ([1], [0.0])


def test_room_that_is_left_is_filled_with_what_still_fits():
    """Of 3 m3 the part worth 4 a m3 takes 2; the next, worth 3, needs 2 and the last, worth 1, has room."""
    start, cost, space = (
        np.array([0, 2, 4, 6]),
        np.array([0.0, -8.0, 0.0, -6.0, 0.0, -1.0]),
        np.array([0.0, 2, 0, 2, 0, 1]),
    )
    one = np.zeros(3, dtype=np.int64)
    entry, rent = fitting(start, cost, cost, 0.0, space, one, np.array([3.0]), np.arange(3))
    assert (entry.tolist(), rent.tolist()) == ([1, 2, 5], [pytest.approx(3.0)])


def test_a_site_too_small_for_the_lowest_entries_gets_these():
    start, cost, space = np.array([0, 2]), np.array([0.0, -1.0]), np.array([2.0, 3.0])
    entry, rent = fitting(start, cost, cost, 0.0, space, np.array([0]), np.array([1.0]), np.array([0]))
    assert (entry.tolist(), rent.tolist()) == ([0], [pytest.approx(1.0)])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(0.001, 1000.0), min_size=1, max_size=8, unique=True),
    st.floats(0.001, 0.999),
    st.floats(1e-6, 1e6),
)
def test_the_least_price_is_that_of_the_last_step_needed(worth, share, first):
    """Things that are bought at their worth: as many of them, the first worth most, as reach a share of their number."""
    worth, enough = np.sort(worth), share * len(worth)

    def measure(price):
        return float(worth[worth <= price].sum()), (worth <= price).sum() - enough

    price = least_price(lambda tried: tried, measure, first)
    last = worth[int(np.ceil(enough)) - 1]
    assert last <= price <= last * (1 + 1e-6)


def test_no_price_gets_more_than_there_is():
    assert least_price(lambda price: price, lambda price: (price, -1.0), 1.0) is None
