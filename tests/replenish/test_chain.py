"""Promises of the whole chain: replayed day by day, against the exact case of single orders, limits, monotonicity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.replenish.chain import (
    Demand,
    chain_stairs,
    delay_of,
    matched,
    no_delay,
    owed_by,
)
from partsopt.replenish.echelon import dc_service, dealer_service
from partsopt.replenish.service import batch_fill_rate, expected_shortfall, fill_rate
from tests import reference as twin


def demand(rate, lead, review, ratio=1.0, batch=1):
    rate = np.atleast_1d(np.asarray(rate, dtype=np.float64))
    n = len(rate)
    mean = (rate * lead)[:, None]
    return Demand(mean, mean + (rate * review)[:, None], np.full(n, ratio), np.ones((n, 1)), np.full(n, batch))


def promised(part, delay, level):
    return chain_stairs(part, delay, level, level).fill_rate


# rates, T, L and S of the dealers; T, L and S of the DC; variance to mean; the DC's own fill rate, and by how many
# points the promises of the dealers are too high if the DC is taken for one with endless stock
REPLAYS = {
    "a DC with 98 %": (
        ([0.5, 0.2, 0.1, 0.05], [7, 7, 7, 14], [3, 2, 4, 3], [9, 4, 3, 2], 7, 20, 36, 2.0),
        0.979, [-0.1, -0.3, 0.7, -0.1],
    ),
    "a DC with 82 %": (
        ([0.5, 0.2, 0.1, 0.05], [7, 7, 7, 14], [3, 2, 4, 3], [9, 4, 3, 2], 7, 20, 27, 2.0),
        0.824, [1.2, 1.6, 2.2, 0.5],
    ),
    "single pieces, a DC with 74 %": (
        ([0.3, 0.2, 0.2], [1, 1, 1], [2, 2, 3], [3, 3, 3], 7, 14, 15, 1.0), 0.736, [4.0, 2.2, 2.3],
    ),
    "lumpy, large orders, a DC with 90 %": (
        ([1.0, 0.4], [7, 7], [4, 4], [26, 14], 7, 15, 45, 5.0), 0.905, [0.5, 0.7],
    ),
    "a DC without stock": (([0.1, 0.3], [7, 7], [3, 3], [4, 8], 7, 10, 0, 1.0), 0.0, [8.6, 13.3]),
}  # fmt: skip


@pytest.mark.parametrize(("case", "dc_fill_rate", "too_high"), REPLAYS.values(), ids=REPLAYS.keys())
def test_promise_is_near_what_a_replay_gives(case, dc_fill_rate, too_high):
    """Two replays of 100,000 days may differ by a point at a dealer themselves."""
    rates, cycles, leads, levels, dc_cycle, dc_lead, dc_level, ratio = case
    replayed = twin.chain_by_replay(*case, days=100_000, seed=2)
    part, dc = demand(rates, np.array(leads), np.array(cycles), ratio), demand(sum(rates), dc_lead, dc_cycle, ratio)
    assert batch_fill_rate([dc_level], dc.batch, *dc[:4]) == pytest.approx(dc_fill_rate, abs=1e-3)
    delay = delay_of(part, [0] * len(rates), np.array(rates) / sum(rates), owed_by(dc, [dc_level]))
    assert promised(part, delay, levels) == pytest.approx(replayed, abs=0.013)
    fast = matched(part, delay)
    assert batch_fill_rate(levels, fast.batch, *fast[:4]) == pytest.approx(replayed, abs=0.04)
    share_of_all = np.array(rates) / sum(rates)
    assert abs(share_of_all @ (promised(part, delay, levels) - replayed)) <= 0.009
    endless = promised(part, no_delay(len(rates)), levels)
    assert 100 * (endless - replayed) == pytest.approx(too_high, abs=0.1)


@settings(max_examples=25, deadline=None)
@given(
    st.floats(0.05, 3), st.floats(0.5, 6), st.floats(0.5, 8), st.sampled_from([1.0, 2.5]), st.integers(0, 25),
    st.integers(1, 12),
)  # fmt: skip
def test_what_a_dc_owes_is_summed_over_every_position_of_its_pack(rate, lead, review, ratio, level, batch):
    """Each position S .. S + Q - 1, taken down to 0 at most before the lead time's demand, by plain loops."""
    owed = owed_by(demand(rate, lead, review, ratio, batch), [level])
    mean, square = twin.owed_by_a_pack(rate * lead, rate * review, ratio, level, batch)
    assert owed.mean[0] == pytest.approx(mean, abs=2e-5)
    assert owed.variance[0] == pytest.approx(square - mean**2, abs=2e-3)


def test_many_pieces_are_counted_by_the_lot():
    """15 a day in orders of several pieces, packs of 200, no stock: within a tenth of a piece of the whole sum."""
    owed = owed_by(demand(15.0, 10, 20, 8.0, 200), [0])
    assert owed.mean[0] == pytest.approx(127.5253, abs=0.01)  # every product of both demands added up


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.05, 2), st.integers(1, 10), st.floats(0.2, 6), st.integers(0, 10), st.floats(0, 3), st.integers(1, 5)
)
def test_reviews_at_every_moment_are_the_exact_case_of_single_orders(rate, dealers, dc_lead, dc_level, lead, level):
    """T all but 0 and Poisson demand: P(outstanding < S) of Simon (1971), whatever the number of dealers."""
    one = rate / dealers
    part = demand(one, lead + 0.01, 1e-4)
    delay = delay_of(part, [0], [1 / dealers], owed_by(demand(rate, dc_lead, 1e-4), [dc_level]))
    stairs = chain_stairs(part, delay, level - 1, level - 1)
    exact = dealer_service([0], [rate], [dc_lead], [dc_level], [one], [lead + 0.01], [level], method="exact")
    # what is left is that T is not quite 0
    assert stairs.cycle_service_level[0] == pytest.approx(exact.fill_rate[0], abs=5e-4)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.05, 40), st.integers(0, 60), st.one_of(st.just(1.0), st.floats(1.01, 6)))
def test_what_a_dc_owes_has_the_moments_of_its_demand(mean, level, ratio):
    """At one moment after an order: E(D - S)+, and with single pieces the variance of dc_service."""
    dc = demand(mean, 1.0, 0.0, ratio)
    owed = owed_by(dc, [level])
    short = twin.shortfall(level, mean, ratio)
    assert owed.mean[0] == pytest.approx(short, abs=1e-5 * (1 + mean))
    if ratio == 1.0:
        assert owed.variance[0] == pytest.approx(dc_service([mean], [1.0], [level]).backorder_variance[0], abs=1e-4)
    if len(owed.pieces):
        assert owed.chance @ owed.pieces == pytest.approx(owed.mean[0], abs=1e-9 * (1 + mean))


CHAINS = st.tuples(
    st.floats(0.02, 1.5),  # demand on the DC, a day
    st.floats(0.02, 1.0),  # share of the dealer
    st.one_of(st.just(1.0), st.floats(1.01, 8)),
    st.floats(0, 5),  # L
    st.integers(1, 14),  # T
    st.integers(1, 4),  # batch
    st.integers(1, 30),  # L of the DC
    st.integers(1, 14),  # T of the DC
)


@settings(max_examples=60, deadline=None)
@given(CHAINS, st.integers(1, 12))
def test_more_at_the_dc_never_hurts_a_dealer_and_a_delay_never_helps(chain, level):
    rate, share, ratio, lead, review, batch, dc_lead, dc_review = chain
    part, dc = demand(rate * share, lead, review, ratio, batch), demand(rate, dc_lead, dc_review, ratio)
    free = promised(part, no_delay(1), level)[0]
    before = -1.0
    for dc_level in (0, 1, 2, 4, 8, 16, 64):
        delay = delay_of(part, [0], [share], owed_by(dc, [dc_level]))
        now = promised(part, delay, level)[0]
        assert before - 2e-3 <= now <= free + 1e-9  # the grid of large outcomes and the split of orders move by less
        before = now


@settings(max_examples=40, deadline=None)
@given(CHAINS, st.integers(1, 12))
def test_limits_of_the_level_of_the_dc(chain, level):
    """Stock without end is no delay; without stock single pieces take both lead times."""
    rate, share, ratio, lead, review, batch, dc_lead, dc_review = chain
    part, dc = demand(rate * share, lead, review, ratio, batch), demand(rate, dc_lead, dc_review, ratio)
    full = delay_of(part, [0], [share], owed_by(dc, [5000]))
    assert full.of.tolist() == [-1]
    assert promised(part, full, level)[0] == promised(part, no_delay(1), level)[0]
    single = part._replace(variance_to_mean=np.ones(1), batch=np.ones(1, dtype=np.int64))
    bare = delay_of(single, [0], [share], owed_by(demand(rate, dc_lead, dc_review), [0]))
    bare = bare._replace(concentration=np.full(1, 1e12))
    whole = fill_rate([level], [rate * share * (lead + dc_lead)], [rate * share * (lead + dc_lead + review)], [1.0])
    assert bare.mean[0] == pytest.approx(rate * share * dc_lead, rel=1e-5)
    assert promised(single, bare, level) == pytest.approx(whole, abs=1e-6)


@pytest.mark.parametrize("ratio", [1.0, 2.0, 12.0])
def test_demand_too_large_to_walk_is_counted_by_the_lot(ratio):
    """Either side of 600 pieces on a DC: the same answer within a hundredth; far beyond, that of moments."""
    owed = owed_by(demand([594.0, 595.0], 1.0, 0.01, ratio), [594, 595])
    assert owed.mean[1] / owed.mean[0] == pytest.approx((595 / 594) ** 0.5, rel=2e-3)
    assert owed.variance[1] / owed.variance[0] == pytest.approx(595 / 594, rel=1e-2)
    far = owed_by(demand(40_000.0, 1.0, 1e-9, ratio), [40_000])
    short = float(expected_shortfall(40_000, 40_000.0, ratio))
    assert far.mean[0] == pytest.approx(short, rel=0.02)


def test_a_dc_too_large_to_walk_that_holds_nothing_between_reviews():
    """Reviews of 20 days and a level of two days: the position lies at 0 nearly always, so L's demand is owed whole."""
    owed = owed_by(demand(100.0, 8.0, 20.0, 3.0), [200])
    assert owed.mean[0] == pytest.approx(800 - 200 / 20, rel=0.01)


def test_large_demand_is_matched_by_moments():
    """Either side of the limit of 400 pieces at a dealer: no sums beyond, the same answer."""
    part = demand([398.0, 402.0], 0.5, 0.5, 2.0)
    for dc_level in (450, 480, 510):
        owed = owed_by(demand(800.0, 0.5, 0.2, 2.0), [dc_level])
        delay = delay_of(part, [0, 0], [0.4975, 0.5025], owed)
        large = matched(part, delay)
        for level in (420, 440):
            by_moments = batch_fill_rate([level] * 2, large.batch, *large[:4])
            now = promised(part, delay, level)
            assert now[0] != pytest.approx(by_moments[0], abs=1e-6)
            assert now[0] == pytest.approx(by_moments[0], abs=0.005)
            assert now[1] == pytest.approx(by_moments[1], abs=1e-4)


def test_only_the_level_that_reaches_is_given():
    part = demand([0.3, 0.3], 4.0, 7.0)
    delay = delay_of(part, [0, -1], [1.0, 0.0], owed_by(demand(0.3, 10, 7), [1]))
    stairs = chain_stairs(part, delay, 0, 99, 0.95, 0.95)
    every = chain_stairs(part, delay, 0, 99)
    assert np.diff(stairs.start).tolist() == [1, 1]
    assert stairs.level[0] > stairs.level[1]
    for i in range(2):
        own = slice(every.start[i], every.start[i + 1])
        assert stairs.level[i] == every.level[own][np.argmax(every.fill_rate[own] >= 0.95)]
