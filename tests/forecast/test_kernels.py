"""The compiled loops against their plain twins."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.forecast.distribution import probability_at_most
from partsopt.forecast.kernels import (
    chances_alive,
    credibility_weights,
    discounted_rates,
    smooth_levels,
    total_quantiles,
    weighted_means,
)
from partsopt.forecast.pooled import own_dispersion
from tests.reference import (
    reference_chance_alive,
    reference_discounted_rate,
    reference_own_dispersion,
    reference_own_size,
    reference_quasi_likelihood,
    reference_smooth_quantile,
)

LEVELS = np.array([0.1, 0.5, 0.9, 0.99])


def rates_of(demand, share, ends, discounts=(1.0, 0.8), often=0.1, size=3.0, prior_periods=3.0, starts=None):
    demand = np.array(demand, dtype=float)
    time = np.empty((0, 0)) if share is None else np.array(share, dtype=float)
    rates = np.empty((len(ends), len(demand), len(discounts) + 1))
    moments = np.empty((len(ends), len(demand), 8))
    starts = np.zeros(len(demand), dtype=np.int64) if starts is None else np.array(starts)
    discounted_rates(
        demand, time, starts, np.array(ends), np.array(discounts), often, size, 0.5, prior_periods, rates, moments
    )
    return rates, moments


def smooth(mean, ratio, levels=LEVELS):
    out = np.empty(len(levels))
    smooth_levels(mean, ratio, levels, np.array([NormalDist().inv_cdf(level) for level in levels]), out)
    return out


def test_a_rate_by_hand():
    """Two pieces a period ago and one now, discounted by a half: 2 pieces over 1.5 periods, and half a period of 0."""
    rates, _ = rates_of([[2.0, 1.0]], None, [2], discounts=[0.5], often=0.0)
    assert rates[0, 0, 0] == pytest.approx(2.0 / 2.0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.just(math.nan), st.integers(0, 20).map(float)), min_size=1, max_size=12),
    st.lists(st.sampled_from([0.3, 0.5, 1.0]), min_size=12, max_size=12),
    st.integers(0, 12),
)
def test_rates_and_dispersion_match_their_twins_at_every_origin(demand, share, start):
    """An origin knows what lies before it, from the start of the series on."""
    share, start = share[: len(demand)], min(start, len(demand))
    ends = list(range(len(demand) + 1))
    rates, moments = rates_of([demand], [share], ends, starts=[start])
    for place, end in enumerate(ends):
        known = [math.nan] * min(start, end) + demand[start:end]
        size = reference_own_size(known, 3.0, 0.5)
        assert moments[place, 0, 6] == pytest.approx(size)
        for j, discount in enumerate((1.0, 0.8)):
            expected = reference_discounted_rate(known, share[:end], discount, 0.1 * size, 3.0)
            assert rates[place, 0, j] == pytest.approx(expected)
        seen = [0.0 if math.isnan(one) else w for one, w in zip(known, share[:end], strict=True)]
        first = next((at for at, one in enumerate(known) if one > 0), 0)
        since = [math.nan] * first + known[first:]
        assert rates[place, 0, 2] == pytest.approx(reference_discounted_rate(since, share[:end], 1.0, 0.1 * size, 3.0))
        assert moments[place, 0, 7] == pytest.approx(math.sqrt(sum(seen) * sum(seen[first:])))
        own = own_dispersion(moments[place])[0][0]
        assert own == pytest.approx(reference_own_dispersion(known, share[:end]), abs=1e-9)


def test_the_last_rate_knows_nothing_of_the_time_before_the_first_demand():
    """Three pieces in the last two of four periods are 3 / 2.5, and more is shown of a prior as half the time is missing."""
    rates, _ = rates_of([[0.0, 0.0, 1.0, 2.0], [math.nan, math.nan, 1.0, 2.0]], None, [4], often=0.0)
    assert rates[0, :, 2] == pytest.approx([3.0 / (2.0 + 0.5 + 1.5)] * 2)
    assert rates[0, 0, 0] == pytest.approx(3.0 / (4.0 + 0.5))


@settings(max_examples=60, deadline=None)
@given(st.floats(0.01, 60.0), st.one_of(st.just(1.0), st.floats(1.01, 20.0)))
def test_smooth_quantiles_match_their_twin(mean, ratio):
    expected = [reference_smooth_quantile(mean, ratio, level) for level in LEVELS]
    assert smooth(mean, ratio) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("mean", "ratio"), [(5e3, 2.0), (1e6, 1.0), (2e4, 9e3), (1e9, 1e9)])
def test_large_totals_follow_the_exact_distribution_closely(mean, ratio):
    """Beyond four thousand pieces a gamma stands for the negative binomial: half a percent of probability at most."""
    at = np.floor(smooth(mean, ratio))
    assert probability_at_most(at, mean, ratio) == pytest.approx(LEVELS, abs=0.005)


def test_nothing_expected_is_nothing_at_any_level():
    assert smooth(0.0, 1.0).tolist() == pytest.approx([-0.4, 0.0, 0.4, 0.49])


def test_weights_find_the_rate_that_tells():
    """Totals that follow the first of two rates, twofold, give it weight 2 and the other none."""
    rates = np.array([[1.0, 3.0], [2.0, 1.0], [4.0, 2.0], [8.0, 0.5]])
    found = credibility_weights(rates, 2.0 * rates[:, 0], np.ones(4), 1.0, np.array([0.5, 0.5]))
    assert found == pytest.approx([2.0, 0.0], abs=0.02)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_weights_are_no_worse_than_the_first_guess(seed):
    """They are not negative, and the quasi-likelihood, which they maximise, does not fall."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(1.0, 2.0, (200, 3))
    total = rng.poisson(rates @ rng.dirichlet(np.ones(3))).astype(float)
    start = np.full(3, 1.0 / 3.0)
    found = credibility_weights(rates, total, np.ones(200), 1.0, start)
    assert (found >= 0).all()
    best = reference_quasi_likelihood(rates.tolist(), total.tolist(), found.tolist())
    assert best >= reference_quasi_likelihood(rates.tolist(), total.tolist(), start.tolist()) - 0.05


def test_weighted_means_take_the_weights_of_the_stratum():
    """A key of 1 lies in the stratum up to 1, a key of 2 in the next."""
    out = np.empty(2)
    weights = np.array([[1.0, 0.0], [0.0, 1.0]])
    weighted_means(np.array([[1.0, 5.0], [2.0, 5.0]]), np.array([1.0]), np.array([1.0, 2.0]), weights, out)
    assert out.tolist() == [1.0, 5.0]


def test_the_table_is_averaged_with_the_distribution():
    """A table that says half again the mean at every level, weighed by half, moves the quantile half way to it."""
    levels, z = np.array([0.5]), np.array([0.0])
    out = np.empty((1, 1))
    centres, edges, table = np.zeros((1, 2)), np.zeros((1, 2, 0)), np.full((1, 2, 1, 1), 1.5)
    centres[0] = [1.0, 100.0]
    place, kept, mean = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), np.array([4.0])
    means, ratios = mean[:, None], np.ones((1, 1))
    total_quantiles(mean, means, ratios, place, levels, z, kept, centres, edges, table, 0.5, out)
    assert out[0, 0] == pytest.approx((smooth(4.0, 1.0, levels)[0] + 6.0) / 2)


@pytest.mark.parametrize("weight", [0.5, 1.0])
def test_a_table_that_says_ten_times_as_much_counts_for_twice(weight):
    """Counted from half a piece below nothing: 4.34 of the distribution, of the table 8.69 and not 40.5."""
    levels, z = np.array([0.5]), np.array([0.0])
    out, place, mean = np.empty((1, 1)), np.zeros(1, dtype=np.int64), np.array([4.0])
    centres, edges, table = np.array([[4.0]]), np.zeros((1, 1, 0)), np.full((1, 1, 1, 1), 10.0)
    total_quantiles(mean, mean[:, None], np.ones((1, 1)), place, levels, z, place, centres, edges, table, weight, out)
    usual = smooth(4.0, 1.0, levels)[0] + 0.5
    assert usual == pytest.approx(4.34, abs=0.01)
    assert out[0, 0] + 0.5 == pytest.approx((1.0 + weight) * usual)


@pytest.mark.parametrize(("mean", "said"), [(1.0, 3.0), (0.5, 1.7), (0.0001, 0.4)])
def test_below_the_smallest_mean_of_the_table_nothing_is_ever_likelier(mean, said):
    """A cell of mean 1 says 3 pieces at 0.9. Half its mean is half of that and half of no demand, whose quantile
    spread over half a piece is 0.4; next to no mean is next to that, not 0."""
    levels, z = np.array([0.9]), np.array([NormalDist().inv_cdf(0.9)])
    out, place = np.empty((1, 1)), np.zeros(1, dtype=np.int64)
    centres, edges, table = np.array([[1.0, 2.0]]), np.zeros((1, 2, 0)), np.full((1, 2, 1, 1), 3.0)
    given_mean, ratios = np.array([mean]), np.ones((1, 1))
    total_quantiles(given_mean, given_mean[:, None], ratios, place, levels, z, place, centres, edges, table, 1.0, out)
    assert out[0, 0] == pytest.approx(said, abs=1e-3)


def alive_after(demand, share=None, ends=1e-3, pause=0.25) -> float:
    rows = np.array([demand], dtype=float)
    time = np.empty((0, 0)) if share is None else np.array([share], dtype=float)
    out = np.empty((1, 1, 1))
    origins = np.array([len(demand)])
    chances_alive(rows, time, np.zeros(1, dtype=np.int64), origins, np.array([ends]), pause, out)
    return float(out[0, 0, 0])


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.0, 0.0, 1.0, 5.0]), min_size=1, max_size=20),
    st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=20, max_size=20),
)
def test_the_chance_to_live_matches_its_twin(demand, share):
    seen = [1.0 if pieces > 0 else exposed for pieces, exposed in zip(demand, share, strict=False)]
    expected = reference_chance_alive(demand, seen, 1e-3, 0.25)
    assert alive_after(demand, seen) == pytest.approx(expected, rel=1e-9)


def test_a_silence_as_long_as_one_before_says_nothing():
    """Five silent periods after a gap of five: alive for sure. After a gap of four: a little less."""
    assert alive_after([1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]) == 1.0
    assert alive_after([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]) < 1.0


def test_what_sold_in_every_period_is_given_up_before_what_sold_now_and_then():
    """Twelve silent periods after 24: every period before, every other, and one in six."""
    silent = [0.0] * 12
    chances = [alive_after([1.0 if t % every == 0 else 0.0 for t in range(24)] + silent) for every in (1, 2, 6)]
    assert chances[0] < chances[1] < chances[2]
    assert chances[0] < 0.001
    assert chances[2] > 0.9


def test_periods_out_of_stock_or_unknown_are_no_silence():
    assert alive_after([1.0] * 12 + [0.0] * 12, [1.0] * 12 + [0.0] * 12) == 1.0
    assert alive_after([1.0] * 12 + [math.nan] * 12) == 1.0
    assert alive_after([0.0] * 24) == 1.0
