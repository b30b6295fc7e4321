"""New parts go by their group and by what others did at their age, ended ones fade."""

from __future__ import annotations

import numpy as np
import pytest

from partsopt.forecast.lifecycle import SEEN_TO_BEGIN, ended_rate, learn_beginnings, rate_of_new
from partsopt.forecast.pooled import Group, History


def beginning(demand: np.ndarray, first: np.ndarray | int = SEEN_TO_BEGIN) -> History:
    """Series that began in a column."""
    starts = np.broadcast_to(np.asarray(first), len(demand))
    sold = np.where(np.arange(demand.shape[1]) < starts[:, None], 0.0, demand)
    return History(sold, np.empty((0, 0)), starts)


def one_new(*pieces: float) -> History:
    return History(np.array([pieces], dtype=float), np.empty((0, 0)), np.zeros(1, dtype=int))


def drawn(seed: int = 1) -> tuple[History, np.ndarray]:
    """Two groups of 300 parts that sell 2 and 0.2 a month and begin with a piece."""
    random = np.random.default_rng(seed)
    group = np.repeat([0, 1], 300)
    demand = random.poisson(np.array([2.0, 0.2])[group][:, None], (600, 24))
    demand[:, SEEN_TO_BEGIN] = 1
    return beginning(demand), group


def test_the_first_demand_is_not_the_rate():
    """A part begins with a demand, so a first month with one piece is not a piece a month: its group says what is."""
    history, group = drawn()
    learnt = learn_beginnings(history, [Group(group, 2)], "month")
    fast, slow = (rate_of_new(learnt, one_new(1.0), [Group(np.array([code]), 2)], age=1)[0] for code in (0, 1))
    assert fast == pytest.approx(2.0, rel=0.15)
    assert slow == pytest.approx(0.2, abs=0.15)


def test_what_it_shows_itself_counts_more_with_age():
    """Rates differ within one group; a part that sold three a month is believed more after five months than after one."""
    random = np.random.default_rng(2)
    demand = random.poisson(random.gamma(1.0, 1.0, (900, 1)), (900, 24))
    history = beginning(demand)
    learnt = learn_beginnings(history, [], "month")
    one, five = (rate_of_new(learnt, one_new(*[3.0] * age), [], age)[0] for age in (1, 5))
    assert one == pytest.approx((1 + 3) / 2, rel=0.2)  # the mean of the gamma posterior: (1 + 3) / (1 + 1)
    assert five == pytest.approx((1 + 15) / 6, rel=0.2)


def test_time_out_of_stock_is_no_time_on_sale():
    """One piece in half a month with stock is two a month."""
    history, group = drawn()
    learnt = learn_beginnings(history, [Group(group, 2)], "month")
    own = Group(np.zeros(1, dtype=int), 2)
    half = History(np.array([[1.0]]), np.array([[0.5]]), np.zeros(1, dtype=int))
    assert rate_of_new(learnt, half, [own], 1)[0] == pytest.approx(rate_of_new(learnt, one_new(2.0), [own], 1)[0])


def test_few_beginnings_teach_nothing_and_old_series_are_none():
    history, _ = drawn()
    assert not learn_beginnings(history.of(slice(0, 99)), [], "month").n_learnt.any()
    assert not learn_beginnings(history._replace(starts=np.zeros(600, dtype=int)), [], "month").n_learnt.any()
    assert learn_beginnings(history, [], "month").n_learnt.tolist() == [0, *[600] * 5]


@pytest.mark.parametrize("wild", [1e9, 1e12])
def test_one_wild_beginning_does_not_decide(wild):
    history, _ = drawn()
    usual = rate_of_new(learn_beginnings(history, [], "month"), one_new(1.0, 0.0), [], 2)[0]
    history.demand[0, SEEN_TO_BEGIN] = history.demand[1, SEEN_TO_BEGIN + 3] = wild
    found = rate_of_new(learn_beginnings(history, [], "month"), one_new(1.0, 0.0), [], 2)[0]
    assert found == pytest.approx(usual, rel=0.05)


def test_an_ended_part_halves_every_quarter_and_stops_after_a_year():
    found = ended_rate(np.full(5, 8.0), np.array([0.0, 90.0, 180.0, 364.0, 365.0]))
    assert found[:3].tolist() == [8.0, 4.0, 2.0]
    assert 0 < found[3] < 0.6
    assert found[4] == 0.0
