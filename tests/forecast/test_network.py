"""Dealers borrow from their network: shares that add up, learnt from who ordered."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.forecast.network import (
    CONCENTRATIONS,
    Evidence,
    Needs,
    Orders,
    Region,
    blended_variance_to_mean,
    completed_orders,
    evidence_of,
    fit_shares,
    foretold_by_concentration,
    prior_shares,
    rate_of_pairs,
    thinned_variance_to_mean,
    unmerged,
)
from tests.reference import reference_evidence, reference_log_probability, reference_shares

HALF_LIVES = (24.0, 12.0)


@st.composite
def networks(draw: st.DrawFn) -> tuple[Orders, Region]:
    """Up to 4 dealers and 5 parts of two DCs over 8 periods, with stock-outs; at least one order."""
    n_dealers, n_networks = draw(st.integers(2, 4)), draw(st.integers(2, 5))
    dealer_dc = [place % 2 for place in range(n_dealers)]
    network_dc = [place % 2 for place in range(n_networks)]
    cells = [
        (dealer, network, age)
        for dealer in range(n_dealers)
        for network in range(n_networks)
        for age in range(8)
        if dealer_dc[dealer] == network_dc[network]
    ]
    chosen = draw(st.lists(st.sampled_from(cells), min_size=1, max_size=30, unique=True))
    pieces = draw(st.lists(st.integers(0, 9), min_size=len(chosen), max_size=len(chosen)))
    pieces[0] = max(pieces[0], 1)
    share = draw(st.lists(st.sampled_from([1.0, 1.0, 0.5, 0.1, 0.0]), min_size=len(chosen), max_size=len(chosen)))
    dealer, network, age = (np.array(one) for one in zip(*chosen, strict=True))
    dealer_periods = np.array([max([a + 1 for d, _, a in chosen if d == one], default=0) for one in range(n_dealers)])
    region = Region(
        np.array(dealer_dc),
        dealer_periods,
        np.array(network_dc),
        np.array(draw(st.lists(st.integers(0, 1), min_size=n_networks, max_size=n_networks))),
        np.full(n_networks, 8),
    )
    return Orders(dealer, network, age, np.array(pieces, dtype=float), np.array(share)), region


def all_pairs(region: Region) -> tuple[np.ndarray, np.ndarray]:
    return np.nonzero(region.dealer_dc[:, None] == region.network_dc[None, :])


# --------------------------------------------------------------------------- formulas


@given(networks(), st.sampled_from([np.inf, 3.0]), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_evidence_matches_loops(made: tuple[Orders, Region], half_life: float, origin: int):
    orders, region = made
    found = evidence_of(orders, region, half_life, origin)
    rows = [tuple(row) for row in zip(*(values.tolist() for values in orders), strict=True)]
    expected = reference_evidence(
        rows, region.dealer_periods.tolist(), region.network_periods.tolist(), half_life, origin
    )
    n = len(region.dealer_dc)
    assert {(int(key) // n, int(key) % n) for key in found.key} == set(expected)
    for key, *values in zip(found.key.tolist(), found.orders, found.pieces, found.time, strict=True):
        assert values == pytest.approx(expected[key // n, key % n])


@given(networks())
@settings(max_examples=60, deadline=None)
def test_prior_shares_add_up_within_each_dc(made: tuple[Orders, Region]):
    orders, region = made
    prior = prior_shares(evidence_of(orders, region, np.inf), region)
    assert (prior > 0).all()
    for dc in range(2):
        assert prior[region.dealer_dc == dc].sum(axis=0) == pytest.approx(1.0)


def test_a_dealer_that_opened_late_is_measured_by_its_orders_per_period():
    """Two dealers with one order a period, one of them for twelve periods and one for three: equal shares."""
    dealer, age = np.repeat([0, 1], [12, 3]), np.concatenate([np.arange(12), np.arange(3)])
    orders = Orders(dealer, np.zeros(15, dtype=int), age, np.ones(15), np.ones(15))
    region = Region(np.zeros(2, int), np.array([12, 3]), np.zeros(1, int), np.zeros(1, int), np.array([12]))
    prior = prior_shares(evidence_of(orders, region, np.inf), region)
    assert prior[1, 0] == pytest.approx(0.5, abs=0.03)


@given(
    st.lists(st.integers(0, 4), min_size=3, max_size=3),
    st.lists(st.integers(0, 4), min_size=3, max_size=3),
    st.sampled_from([0.25, 4.0, 64.0]),
)
@settings(max_examples=60, deadline=None)
def test_the_score_of_a_concentration_is_that_of_an_urn(before: list[int], later: list[int], concentration: float):
    """Who orders next is drawn from the prior's share and the orders before (Polya)."""
    prior = np.array([[0.5], [0.3], [0.2]])
    region = Region(np.zeros(3, int), np.full(3, 9), np.zeros(1, int), np.zeros(1, int), np.array([9]))
    counts = np.array(before, dtype=float)
    evidence = Evidence(np.arange(3), counts, counts, counts, np.full(3, 9.0), np.array([counts.sum()]), np.full(1, 9))
    came = np.flatnonzero(later)
    score = foretold_by_concentration(evidence, prior, region, came, np.array(later, dtype=float)[came])
    weights = [concentration * p + n for p, n in zip([0.5, 0.3, 0.2], before, strict=True)]
    assert score[CONCENTRATIONS.tolist().index(concentration), 0] == pytest.approx(
        reference_log_probability(later, weights)
    )


def test_completed_orders_keep_the_rate_that_was_seen():
    """The gamma posterior with the whole time and completed orders has the mean of that with the time seen."""
    orders, time, whole = np.array([0.0, 2.0, 5.0]), np.array([3.0, 6.0, 10.0]), np.full(3, 10.0)
    prior, concentration, in_all = np.array([0.5, 1.0, 2.0]), np.full(3, 8.0), np.full(3, 20.0)
    completed = completed_orders(orders, time, whole, prior, concentration, in_all)
    equivalent = concentration / (in_all / whole)
    assert (prior + completed) / (equivalent + whole) == pytest.approx((prior + orders) / (equivalent + time))
    assert completed[2] == 5.0


@given(networks(), st.lists(st.just(0.0) | st.floats(1e-9, 1e9), min_size=5, max_size=5), st.sampled_from([1.0, 3.5]))
@settings(max_examples=80, deadline=None)
def test_dealers_and_counters_add_up_to_the_network(made: tuple[Orders, Region], means: list[float], ratio: float):
    """Over all dealers of a DC the means are the DC's, to the last digit or so, and none is 0 where that is not."""
    orders, region = made
    shares = fit_shares(orders, region, half_lives=HALF_LIVES, tuning_periods=2)
    dealer, network = all_pairs(region)
    n = len(region.network_dc)
    whole = np.array(means[:n])
    found = rate_of_pairs(shares, region, dealer, network, whole, np.full(n, ratio))
    has_dealers = np.isin(region.network_dc, region.dealer_dc)
    sums = np.bincount(network, weights=found.mean, minlength=n)
    assert sums[has_dealers] == pytest.approx(whole[has_dealers], rel=1e-12, abs=1e-300)
    assert ((found.mean > 0) == (whole[network] > 0)).all()
    assert np.isfinite(found.variance_to_mean).all()
    assert (found.variance_to_mean >= 1.0).all()
    some = rate_of_pairs(shares, region, dealer[:1], network[:1], whole, np.full(n, ratio))
    assert some.mean[0] == found.mean[0]


@given(networks())
@settings(max_examples=40, deadline=None)
def test_shares_do_not_depend_on_the_order_of_rows(made: tuple[Orders, Region]):
    orders, region = made
    backwards = Orders(*(values[::-1] for values in orders))
    one, other = (
        fit_shares(rows, region, half_lives=HALF_LIVES, tuning_periods=2).prior for rows in (orders, backwards)
    )
    assert one == pytest.approx(other, rel=1e-12)


def test_shares_match_the_plain_formula():
    """Three dealers, no stock-outs: (concentration x prior + orders) x size, over the sum."""
    dealer, age = np.array([0, 0, 0, 1]), np.array([0, 2, 5, 3])
    orders = Orders(dealer, np.zeros(4, int), age, np.array([1.0, 4.0, 1.0, 3.0]), np.ones(4))
    region = Region(np.zeros(3, int), np.array([6, 6, 6]), np.zeros(1, int), np.zeros(1, int), np.array([6]))
    shares = fit_shares(orders, region, half_lives=(np.inf,), tuning_periods=2)
    found = rate_of_pairs(shares, region, np.arange(3), np.zeros(3, int), np.array([10.0]), np.array([2.0]))
    network_size = 9 / 4
    sizes = [(6 + 8 * network_size) / (3 + 8), (3 + 8 * network_size) / (1 + 8), network_size]
    expected = reference_shares([3, 1, 0], sizes, shares.prior[:, 0].tolist(), float(shares.concentration[0]))
    assert found.share == pytest.approx(expected)
    assert found.mean == pytest.approx(10 * np.array(expected))


def test_a_share_widens_a_longer_total():
    """Of the growth of the DC's ratio a dealer has its share, and its share is not sure: the ratio over six periods is
    that over one and five times the growth."""
    dealer, age = np.array([0, 0, 0, 1]), np.array([0, 2, 5, 3])
    orders = Orders(dealer, np.zeros(4, int), age, np.ones(4), np.ones(4))
    region = Region(np.zeros(2, int), np.array([6, 6]), np.zeros(1, int), np.zeros(1, int), np.array([6]))
    shares = fit_shares(orders, region, half_lives=(np.inf,), tuning_periods=2)
    given = shares, region, np.arange(2), np.zeros(2, int), np.array([10.0])
    one = rate_of_pairs(*given, np.array([2.0]), np.array([0.4]), 1.0)
    six = rate_of_pairs(*given, np.array([2.0 + 5 * 0.4]), np.array([0.4]), 6.0)
    assert six.variance_to_mean == pytest.approx(one.variance_to_mean + 5 * one.variance_growth)
    assert (one.variance_growth > 0.4 * one.share).all()


def maintenance(random: np.random.Generator, truth: np.ndarray, n_networks: int) -> tuple[Orders, Region]:
    """Orders of parts that sell once a period over 12 periods, the chance of each dealer being ``truth``."""
    network, age = (one.ravel() for one in np.indices((n_networks, 12)))
    dealer = np.array([random.choice(truth.shape[1], p=truth[one]) for one in network])
    n = len(network)
    region = Region(
        np.zeros(truth.shape[1], int),
        np.full(truth.shape[1], 12),
        np.zeros(n_networks, int),
        np.zeros(n_networks, int),
        np.full(n_networks, 12),
    )
    return Orders(dealer, network, age, np.ones(n), np.ones(n)), region


def test_needs_that_foretell_who_orders_are_believed():
    """Each part is asked for where its cars are: shares come close to the cars', and add up as ever."""
    random = np.random.Generator(np.random.PCG64(8))
    truth = random.dirichlet(np.full(10, 0.3), 60) * 0.98 + 0.002
    orders, region = maintenance(random, truth, 60)
    needs = Needs(np.arange(600), truth.ravel())
    dealer, network = all_pairs(region)
    error = {}
    for name, known in (("alone", None), ("cars", needs)):
        shares = fit_shares(orders, region, half_lives=(np.inf,), tuning_periods=3, needs=known)
        found = rate_of_pairs(shares, region, dealer, network, np.ones(60), np.ones(60))
        assert np.bincount(network, weights=found.mean) == pytest.approx(1.0)
        error[name] = np.abs(found.share - truth[network, dealer]).mean()
    assert shares.needs_weight >= 16
    assert error["cars"] < 0.5 * error["alone"]


@pytest.mark.parametrize("seed", range(5))
def test_needs_that_foretell_nothing_count_for_nothing(seed: int):
    """Cars drawn apart from orders leave every share as it is without them."""
    random = np.random.Generator(np.random.PCG64(seed))
    orders, region = maintenance(random, np.full((60, 10), 0.1), 60)
    needs = Needs(np.arange(600), random.dirichlet(np.full(10, 0.3), 60).ravel())
    shares = fit_shares(orders, region, half_lives=(np.inf,), tuning_periods=3, needs=needs)
    alone = fit_shares(orders, region, half_lives=(np.inf,), tuning_periods=3)
    assert shares.needs_weight == 0.0
    assert shares.orders.tolist() == alone.orders.tolist()


def test_a_pair_of_another_region_is_refused():
    orders = Orders(*(np.array([one]) for one in (0, 0, 0, 1.0, 1.0)))
    region = Region(np.array([0, 1]), np.ones(2, int), np.zeros(1, int), np.zeros(1, int), np.ones(1, int))
    shares = fit_shares(orders, region, half_lives=HALF_LIVES, tuning_periods=1)
    with pytest.raises(ValueError, match=r"Pair 0: dealer 1 does not belong to the DC of its part"):
        rate_of_pairs(shares, region, np.array([1]), np.array([0]), np.ones(1), np.ones(1))


def test_nothing_to_learn_from_is_refused():
    none = Orders(*(np.empty(0, dtype=int) for _ in range(5)))
    region = Region(*(np.zeros(1, int) for _ in range(5)))
    with pytest.raises(ValueError, match="There are no orders"):
        fit_shares(none, region, half_lives=HALF_LIVES, tuning_periods=1)


# --------------------------------------------------------------------------- dispersion


@pytest.mark.parametrize(("size_p", "shape"), [(1.0, np.inf), (0.4, np.inf), (1.0, 2.0), (0.4, 2.0)])
def test_thinning_matches_a_simulation(size_p: float, shape: float):
    """Orders of geometric sizes, Poisson or over-dispersed, go to a dealer whole with chance 0.2."""
    random = np.random.Generator(np.random.PCG64(5))
    n, mean, share = 60_000, 4.0, 0.2
    rate = np.full(n, mean) if np.isinf(shape) else random.gamma(shape, mean / shape, n)
    orders = random.poisson(rate)
    sizes = random.geometric(size_p, orders.sum())
    owner = np.repeat(np.arange(n), orders)
    is_own = random.random(len(sizes)) < share
    whole = np.bincount(owner, weights=sizes, minlength=n)
    own = np.bincount(owner[is_own], weights=sizes[is_own], minlength=n)
    clustering = (2 - size_p) / size_p  # E[S^2] / E[S] of the geometric distribution
    told = thinned_variance_to_mean(np.array(whole.var() / whole.mean()), np.array(clustering), np.array(share))
    assert own.var() / own.mean() == pytest.approx(float(told), rel=0.05)


@pytest.mark.parametrize("rate", [0.05, 0.5, 2.0])
def test_orders_that_meet_in_a_period_are_told_apart(rate: float):
    """Poisson orders in 4000 periods: the mean part that one order is of a period with demand."""
    orders = np.random.Generator(np.random.PCG64(11)).poisson(rate, 4000)
    found = unmerged(np.array([np.count_nonzero(orders)], dtype=float), np.array([4000.0]))[0]
    assert found == pytest.approx(1.0 / orders[orders > 0].mean(), rel=0.05)


def test_a_series_own_variance_counts_by_its_demands():
    found = blended_variance_to_mean(np.full(3, 2.0), np.full(3, 4.0), np.array([0, 8, 10_000]))
    assert found == pytest.approx([2.0, 3.0, 4.0], abs=0.01)
