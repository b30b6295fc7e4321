from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.forecast.rates import croston, exposure, naive_rate, ses, tsb, warm_up
from tests.reference import (
    reference_croston,
    reference_exposure,
    reference_naive,
    reference_ses,
    reference_tsb,
    reference_warm_up,
)

PERIOD = st.tuples(
    st.sampled_from([0.0, 0.0, 0.0, 1.0, 2.0, 5.0, 40.0]), st.sampled_from([1.0, 1.0, 1.0, 0.7, 0.3, 0.25, 0.1, 0.0])
)
SERIES = st.lists(PERIOD, min_size=1, max_size=25)
CONSTANT = st.floats(min_value=0.01, max_value=1.0)
NOTHING = np.array([np.nan])


def columns(series: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray, list[float], list[float]]:
    demand, share = [d for d, _ in series], [w for _, w in series]
    return np.array(demand)[:, None], np.array(share)[:, None], demand, share


def grid(*values: float) -> np.ndarray:
    return np.array(values)[:, None]


@given(SERIES, CONSTANT, st.floats(min_value=0, max_value=9))
@settings(max_examples=80, deadline=None)
def test_ses_matches_its_twin(series, alpha, start):
    demand, share, ds, ws = columns(series)
    rates = [rate.item() for rate in ses(demand, share, np.array([start]), grid(alpha))]
    assert rates == pytest.approx(reference_ses(ds, ws, start, alpha))


@given(SERIES, CONSTANT, CONSTANT, st.booleans())
@settings(max_examples=80, deadline=None)
def test_croston_matches_its_twin(series, alpha, beta, has_start):
    demand, share, ds, ws = columns(series)
    size, interval = (3.0, 2.0) if has_start else (np.nan, np.nan)
    steps = croston(demand, share, np.array([size]), np.array([interval]), grid(alpha), grid(beta))
    rates = [np.nan_to_num(s / p).item() for s, p in steps]
    assert rates == pytest.approx(reference_croston(ds, ws, size, interval, alpha, beta))


@given(SERIES, CONSTANT, CONSTANT, st.booleans())
@settings(max_examples=80, deadline=None)
def test_tsb_matches_its_twin(series, alpha, beta, has_start):
    demand, share, ds, ws = columns(series)
    size, probability = (3.0, 0.5) if has_start else (np.nan, 0.0)
    steps = tsb(demand, share, np.array([size]), np.array([probability]), grid(alpha), grid(beta))
    rates = [(np.nan_to_num(s) * p).item() for s, p in steps]
    assert rates == pytest.approx(reference_tsb(ds, ws, size, probability, alpha, beta))


@given(SERIES, st.integers(min_value=1, max_value=9))
@settings(max_examples=80, deadline=None)
def test_exposure_naive_rate_and_warm_up_match_their_twins(series, periods):
    demand, share, ds, ws = columns(series)
    assert exposure(demand, share)[:, 0].tolist() == [reference_exposure(d, w) for d, w in series]
    assert naive_rate(demand, share).item() == pytest.approx(reference_naive(ds, ws))
    passed = np.cumsum([reference_exposure(d, w) for d, w in series])
    if not np.isclose(passed % 1, 0).any():  # sums of shares may fall on either side of a whole number
        assert warm_up(demand, share, periods)[:, 0].tolist() == reference_warm_up(ds, ws, periods)


@given(st.lists(SERIES, min_size=2, max_size=4), st.lists(CONSTANT, min_size=2, max_size=3))
@settings(max_examples=50, deadline=None)
def test_series_and_settings_side_by_side_do_not_disturb_each_other(many, alphas):
    """Series of different length are padded in front with periods before they began."""
    length = max(len(series) for series in many)
    demand, share = np.zeros((length, len(many))), np.zeros((length, len(many)))
    for at, series in enumerate(many):
        demand[length - len(series) :, at] = [d for d, _ in series]
        share[length - len(series) :, at] = [w for _, w in series]
    size, interval = np.full(len(many), np.nan), np.full(len(many), np.nan)
    *_, (sizes, intervals) = croston(demand, share, size, interval, grid(*alphas), grid(*alphas))
    for at, series in enumerate(many):
        alone, own_share, *_ = columns(series)
        for place, alpha in enumerate(alphas):
            *_, (s, p) = croston(alone, own_share, NOTHING, NOTHING, grid(alpha), grid(alpha))
            assert sizes[place, at] == pytest.approx(s.item(), nan_ok=True)
            assert intervals[place, at] == pytest.approx(p.item(), nan_ok=True)


def test_croston_of_a_demand_of_two_every_second_period_is_one():
    """The style guide's example: 0, 2, 0, 2 with constants of one half."""
    demand = np.array([[0.0], [2.0], [0.0], [2.0]])
    *_, (size, interval) = croston(demand, np.ones((4, 1)), NOTHING, NOTHING, grid(0.5), grid(0.5))
    assert (size / interval).item() == 1


def test_a_month_without_stock_and_without_demand_changes_nothing():
    demand, share = np.zeros((1, 1)), np.zeros((1, 1))
    assert [r.item() for r in ses(demand, share, np.array([4.0]), grid(0.5))] == [4.0, 4.0]
    assert [p.item() for _, p in tsb(demand, share, np.array([4.0]), np.array([0.5]), grid(0.5), grid(0.5))] == [
        0.5,
        0.5,
    ]


def test_ses_of_half_a_month_in_stock_settles_at_twice_what_is_seen():
    """Ten pieces seen in every half month in stock are twenty a month."""
    demand, share = np.full((400, 1), 10.0), np.full((400, 1), 0.5)
    *_, rate = ses(demand, share, np.array([1.0]), grid(0.1))
    assert rate.item() == pytest.approx(20, abs=1e-6)


def test_demand_recorded_without_any_stock_is_a_lower_bound_and_never_runs_away():
    """Eight pieces recorded in months without stock, again and again, are eight a month."""
    demand, share = np.full((400, 1), 8.0), np.zeros((400, 1))
    *_, rate = ses(demand, share, np.array([3.0]), grid(0.1))
    assert rate.item() == pytest.approx(8, abs=1e-6)
    *_, high = ses(demand[:5], share[:5], np.array([30.0]), grid(0.1))
    assert high.item() == 30


def test_stock_out_correction_of_a_published_case():
    """150 pieces in 3 months of 30 days, 60 of the 90 days without stock: 150 a month.

    Source: open-msupply issue 9809, AMC = consumption / months * days / (days - days out of stock).
    """
    demand, share = np.full((3, 1), 50.0), np.full((3, 1), 1 / 3)
    assert naive_rate(demand, share).item() == pytest.approx(150)


@pytest.mark.parametrize("interval", [1, 3, 7])
def test_croston_and_tsb_agree_on_regular_demand(interval):
    """Five pieces every few periods: the probability just before a demand is a little below one in so many."""
    demand = np.zeros((600, 1))
    demand[interval - 1 :: interval] = 5
    *_, (size, between) = croston(demand, np.ones_like(demand), NOTHING, NOTHING, grid(0.1), grid(0.1))
    assert (size.item(), between.item()) == pytest.approx((5, interval))
    chances = [p.item() for _, p in tsb(demand, np.ones_like(demand), NOTHING, np.array([0.0]), grid(0.1), grid(0.05))]
    assert np.mean(chances[300:]) == pytest.approx(1 / interval, rel=0.05)
