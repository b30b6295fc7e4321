"""The market of all series: its index, how far its movements are carried on, its season."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.forecast.market import (
    FAST,
    SLOW,
    USUAL,
    Market,
    expected_moves,
    levels_and_moves,
    market_of,
    season_at,
    season_of,
)
from partsopt.forecast.pooled import History, apply, learn
from partsopt.forecast.predictive import fit_predictive
from tests.reference import reference_discounted_mean, reference_discounted_trend


def plain(index) -> Market:
    return Market(np.asarray(index, dtype=float), 0.0, np.empty(0))


def test_an_index_by_hand():
    """Two parts of 4 and 1 a month; the first counts a quarter: (8/4 + 1) / (4/4 + 1) and (0 + 1) / 2."""
    demand, weight = np.array([[8.0, 0.0], [1.0, 1.0]]), np.array([0.25, 1.0])
    made = market_of(demand, np.ones((2, 2)), np.array([4.0, 1.0]), weight, np.ones(2), "month")
    assert made.sold.tolist() == [1.5, 0.5]


def test_a_month_that_nobody_saw_is_as_the_one_before():
    demand, seen = np.array([[2.0, 2.0, 4.0, 0.0]]), np.array([[1.0, 1.0, 1.0, 0.0]])
    assert market_of(demand, seen, np.array([2.0]), np.ones(1), np.ones(1), "month").sold.tolist() == [
        1.0,
        1.0,
        2.0,
        2.0,
    ]


def test_a_part_counts_from_its_first_month():
    """Nothing is missing from the market because a part was not there yet."""
    demand, exposure = np.array([[np.nan, 2.0], [3.0, 3.0]]), np.array([[0.0, 1.0], [1.0, 1.0]])
    made = market_of(demand, exposure, np.array([2.0, 3.0]), np.ones(2), np.ones(2), "month")
    assert made.sold.tolist() == [1.0, 1.0]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.1, 5.0), min_size=3, max_size=30), st.integers(1, 12))
def test_level_trend_and_jump_are_those_of_the_twin(index, horizon):
    level, moves = levels_and_moves(np.array(index), horizon)
    usual, fast = reference_discounted_mean(index, USUAL), reference_discounted_mean(index, FAST)
    assert np.exp(level[-1]) == pytest.approx(usual)
    assert moves[-1, 1] == pytest.approx(np.log(fast / usual), abs=1e-9)
    assert moves[-1, 0] == pytest.approx(reference_discounted_trend(index, SLOW, USUAL, horizon), abs=1e-6)


def test_a_steady_fall_is_carried_on():
    """3 % less every month, told within 3 % for a quarter that begins now; the level alone is 13 % above it."""
    index = 0.97 ** np.arange(48)
    expected, came = expected_moves(plain(index[:45]), np.array([40, 45]), 3)
    level, _ = levels_and_moves(index[:45], 3)
    truth = index[45:].mean() / np.exp(level[-1])
    assert expected[1] == pytest.approx(truth, abs=0.03)
    assert truth < 0.9
    assert came[0] == pytest.approx(index[40:43].mean() / np.exp(level[40]))


def test_chance_is_not_carried_on():
    """A market of pure noise is told closer to its mean than its latest level is."""
    rng = np.random.default_rng(0)
    off, level_off = [], []
    for _ in range(30):
        index = np.exp(0.2 * rng.standard_normal(60))
        expected, _ = expected_moves(plain(index), np.array([60]), 3)
        level, _ = levels_and_moves(index, 3)
        off.append(np.log(expected[0]) + level[-1] - 0.02)
        level_off.append(level[-1] - 0.02)
    assert np.mean(np.square(off)) < np.mean(np.square(level_off))


def test_a_noisy_index_hides_what_came():
    """What came is believed as far as the index's own noise leaves: not at all where noise explains everything."""
    index = 1.0 + 0.1 * (-1.0) ** np.arange(40)
    expected, came = expected_moves(Market(index, 1e6, np.empty(0)), np.array([30]), 3)
    assert came[0] == pytest.approx(expected[0], rel=1e-6)


def test_a_season_is_found_and_noise_is_none():
    months = np.arange(48)
    rng = np.random.default_rng(1)
    noise = np.exp(0.03 * rng.standard_normal(48))
    found = season_of(noise * (1.0 + 0.3 * np.sin(2 * np.pi * months / 12)), 12, 1)
    assert found == pytest.approx(1.0 + 0.3 * np.sin(2 * np.pi * months[:12] / 12), abs=0.06)
    assert not len(season_of(noise, 12, 1))
    assert not len(season_of((1.0 + 0.3 * np.sin(2 * np.pi * months / 12))[:23], 12, 1))


def test_two_years_show_a_season_that_came_twice():
    """A third up and down in both years, on a market that rises; what came in one year only is none, nor is the rise."""
    months = np.arange(24)
    rising = 1.01**months
    season = 1.0 + 0.33 * np.sin(2 * np.pi * months / 12)
    assert season_of(rising * season, 12, 1) == pytest.approx(season[:12], abs=0.05)
    assert not len(season_of(rising, 12, 1))
    assert not len(season_of(rising * np.where(months < 12, season, 1.0), 12, 1))


def test_a_season_turns_with_the_history():
    """The factors begin with the first period to come: seen from one month on, they are the same, one further."""
    assert season_at(np.arange(12.0), -12, 12).tolist() == season_at(np.arange(12.0), 0, 12).tolist()
    assert season_at(np.arange(12.0), 11, 2).tolist() == [11.0, 0.0]


def seasonal(n_series=900, n_periods=51):
    rng = np.random.default_rng(3)
    market = 1.0 + 0.4 * np.sin(2 * np.pi * np.arange(n_periods) / 12)
    return rng.poisson(rng.gamma(1.0, 3.0, (n_series, 1)) * market).astype(float), market


def test_the_market_s_season_is_carried_on_step_by_step():
    """Forty per cent up and down within a year, seen in four of them: every month ahead is told within 8 %."""
    demand, market = seasonal()
    made = fit_predictive(demand[:, :48], period="month")
    told = np.array([made.step_mean(step).sum() for step in (1, 2, 3)])
    usual = demand[:, :48].sum() / market[:48].sum()
    assert told == pytest.approx(usual * market[48:], rel=0.08)
    assert made.mean(3.0).sum() == pytest.approx(told.sum())
    assert "season" in made.why[0]


def test_parts_that_never_sold_do_not_lift_those_that_did():
    """Half the parts begin to sell late: the others, which sold all the time, are told within 4 %."""
    rng = np.random.default_rng(4)
    demand = rng.poisson(0.8, (2_000, 39)).astype(float)
    first = rng.integers(10, 60, 1_000)
    demand[:1_000][np.arange(39) < first[:, None]] = 0.0
    history = History(demand[:, :36], np.empty((0, 0)), np.zeros(2_000, dtype=np.int64))
    mean, _, n_demands = apply(learn(history, [], None, "month"), history, [])
    sold = n_demands > 20
    assert mean[sold, 1].sum() / demand[sold, 36:].sum() == pytest.approx(1.0, abs=0.04)
