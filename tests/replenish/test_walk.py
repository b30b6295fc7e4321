"""The compiled walks against the incomplete beta function: same level wherever they answer at all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.replenish import service
from partsopt.replenish.chain import Demand, chain_stairs, no_delay
from partsopt.replenish.walk import cycle_service_walk, fill_rate_walk
from tests import reference as twin

LEAST = 1e-9  # pieces: less is no demand
PIECES = st.one_of(st.just(0.0), st.floats(LEAST, 250))
RATIOS = st.one_of(st.just(1.0), st.floats(1, 50))
ROW = st.tuples(PIECES, PIECES, RATIOS, st.floats(0.01, 0.9999))


@settings(max_examples=80, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=5), st.floats(0, 0.5))
def test_walks_stop_at_the_first_level_that_reaches_the_target(rows, spread):
    lead, review, ratio, target = (np.array(column) for column in zip(*rows, strict=True))
    means = np.stack([lead * (1 - spread), lead, lead * (1 + spread)], axis=1)
    whole = means + review[:, None]
    weights = np.tile([1 / 6, 2 / 3, 1 / 6], (len(rows), 1))
    level = fill_rate_walk(target, means, whole, ratio, weights)
    at = np.flatnonzero(level >= 0)
    if len(at):
        reached = service.fill_rate(level[at], means[at], whole[at], ratio[at], weights[at])
        assert (reached >= target[at] - 1e-9).all()
        some = at[level[at] > 0]
        if len(some):
            below = service.fill_rate(level[some] - 1, means[some], whole[some], ratio[some], weights[some])
            assert (below < target[some] + 1e-9).all()
    level = cycle_service_walk(target, whole, ratio, weights)
    at = np.flatnonzero(level >= 0)
    if len(at):
        reached = service.cycle_service_level(level[at], whole[at], ratio[at], weights[at])
        assert (reached >= target[at] - 1e-8).all()


def test_large_and_wild_demand_is_left_open_and_settled_by_bisection():
    one = np.ones((2, 1))
    lead, whole = np.array([[5000.0], [1.0]]), np.array([[6000.0], [2.0]])
    ratio = np.array([2.0, 1e7])
    assert fill_rate_walk(np.full(2, 0.95), lead, whole, ratio, one).tolist() == [-1, -1]
    level = service.level_for_fill_rate(0.95, lead, whole, ratio)
    assert (service.fill_rate(level, lead, whole, ratio) >= 0.95).all()
    assert (service.fill_rate(level - 1, lead, whole, ratio) < 0.95).all()


def test_a_part_nobody_asks_for_needs_nothing():
    zero = np.zeros((1, 1))
    assert fill_rate_walk(np.array([0.95]), zero, zero, np.ones(1), np.ones((1, 1))).tolist() == [0]


def test_a_column_without_weight_does_not_matter():
    lead, whole = np.array([[1.4, 999.0, 999.0]]), np.array([[2.8, 9999.0, 9999.0]])
    assert fill_rate_walk(np.array([0.95]), lead, whole, np.ones(1), np.array([[1.0, 0.0, 0.0]])).tolist() == [6]


def test_plain_sums_give_the_same_level():
    """Poisson 1.4 over L and 2.8 over T + L at 95 %: added up by hand, S = 6."""
    lead, whole = twin.poisson(1.4, 60), twin.poisson(2.8, 60)

    def fill(level: int) -> float:
        short = sum(max(k - level, 0) * (p - q) for k, (p, q) in enumerate(zip(whole, lead, strict=True)))
        return 1 - short / 1.4

    level = int(service.level_for_fill_rate(0.95, [1.4], [2.8], [1.0])[0])
    assert fill(level) >= 0.95 > fill(level - 1)
    assert fill(level) == pytest.approx(float(service.fill_rate([level], [1.4], [2.8], [1.0])[0]))


@settings(max_examples=60, deadline=None)
@given(
    PIECES,
    PIECES,
    st.one_of(st.just(1.0), st.floats(1, 20)),
    st.integers(0, 150),
    st.integers(1, 30),
)
def test_promises_are_the_means_over_the_batch(lead, review, ratio, level, batch):
    one = np.ones((1, 1))
    part = Demand(lead * one, (lead + review) * one, np.array([ratio]), one, np.array([batch]))
    stairs = chain_stairs(part, no_delay(1), level, level)
    expected = service.batch_fill_rate([level], [batch], [lead], [lead + review], [ratio])
    if not len(stairs.level):
        assert review < 1e-5 * (lead + review)
        return
    assert stairs.fill_rate == pytest.approx(expected, abs=1e-7)
    levels = np.arange(level, level + batch)
    each = service.cycle_service_level(levels, [lead + review] * batch, [ratio] * batch)
    assert stairs.cycle_service_level[0] == pytest.approx(each.mean(), abs=1e-9)


def test_promises_too_long_to_walk_are_left_open():
    part = Demand(
        np.array([[1000.0], [1.0]]), np.array([[2000.0], [2.0]]), np.ones(2), np.ones((2, 1)), np.array([1, 9000])
    )
    assert not len(chain_stairs(part, no_delay(2), 1, 1).level)
