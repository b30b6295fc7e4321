"""Draws by inverse distribution, against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from partsopt.sample.draws import (
    geometric_from,
    normal_quantile,
    pick,
    poisson_from,
    sample_without_repeat,
    spread_normal,
    stream,
)


def test_the_raw_stream_never_changes():
    """PCG64's stream is promised by numpy; these are its first numbers for seed 1 and this purpose."""
    assert stream(1, "stock").random(2) == pytest.approx([0.9406699637, 0.1308831400], abs=1e-9)


def test_each_purpose_has_its_own_stream():
    assert stream(1, "stock").random() != stream(1, "orders").random()
    assert stream(1, "stock").random() != stream(2, "stock").random()


@given(st.floats(1e-9, 1 - 1e-9))
@settings(max_examples=80, deadline=None)
def test_normal_quantile_is_scipys(u: float):
    assert float(normal_quantile(np.array([u]))[0]) == pytest.approx(stats.norm.ppf(u), abs=2e-8)


@given(u=st.floats(0, 0.999_999), mean=st.floats(0.01, 60))
@settings(max_examples=100, deadline=None)
def test_poisson_is_the_inverse_of_its_distribution(u: float, mean: float):
    """The count k has P(D < k) <= u < P(D <= k), also where the first terms are tiny."""
    count = int(poisson_from(np.array([u]), np.array([mean]))[0])
    assert stats.poisson.cdf(count - 1, mean) <= u + 1e-9
    assert stats.poisson.cdf(count, mean) > u - 1e-9


def test_poisson_of_a_large_mean_keeps_mean_and_variance():
    u = (np.arange(20_000) + 0.5) / 20_000
    counts = poisson_from(u, np.full(20_000, 400.0))
    assert counts.mean() == pytest.approx(400, abs=0.5)
    assert counts.var() == pytest.approx(400, rel=0.01)


def test_geometric_counts_have_their_mean():
    """Mean 2.5 over an even grid of the unit interval; a mean of 1 gives ones only."""
    u = (np.arange(50_000) + 0.5) / 50_000
    assert geometric_from(u, np.full(50_000, 2.5)).mean() == pytest.approx(2.5, rel=0.001)
    assert geometric_from(u, np.ones(50_000)).tolist() == [1] * 50_000


def test_pick_follows_the_weights():
    u = (np.arange(1000) + 0.5) / 1000
    assert np.bincount(pick(u, np.array([1.0, 0.0, 3.0]))).tolist() == [250, 0, 750]


def test_spread_normals_are_even_whatever_their_number():
    """Of ten numbers one lies in each tenth of the distribution."""
    z = spread_normal(stream(3, "x"), 10)
    assert np.floor(stats.norm.cdf(z) * 10).astype(int).sum() == 45
    assert sorted(np.floor(stats.norm.cdf(z) * 10).astype(int).tolist()) == list(range(10))


def test_a_sample_never_repeats_and_takes_all_there_is():
    chosen = sample_without_repeat(stream(1, "x"), np.array([4, 7, 9]), 5)
    assert chosen.tolist() == [4, 7, 9]
