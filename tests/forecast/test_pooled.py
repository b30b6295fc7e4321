"""Pooled rates: what is learnt from all series on origins inside the history."""

from __future__ import annotations

import numpy as np
import pytest

from partsopt.forecast.pooled import (
    HORIZONS,
    Group,
    History,
    Shown,
    apply,
    group_means,
    learn,
    own_dispersion,
    relative_dispersion,
    shrunk_dispersion,
    usual_rate,
)


def history_of(demand) -> History:
    demand = np.ascontiguousarray(demand, dtype=float)
    return History(demand, np.empty((0, 0)), np.zeros(len(demand), dtype=np.int64))


def poisson(n_series=1_500, n_periods=36, seed=0):
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.5, 2.0, n_series)
    return rate, rng.poisson(rate[:, None], (n_series, n_periods)).astype(float)


def shown_of(dispersion, size, n_demands, frequency) -> Shown:
    return Shown(*(np.array(one, dtype=float) for one in (dispersion, size, n_demands, frequency)))


def test_a_dispersion_by_hand():
    """0 and 4 around 2: squared errors 8 over 4 pieces; one demand of size 4 in two periods."""
    moments = np.array([[2.0, 4.0, 16.0, 4.0, 2.0, 1.0, 4.0]])
    assert [one[0] for one in own_dispersion(moments)] == [2.0, 4.0, 1.0, 0.5]


def test_few_demands_know_little_of_their_dispersion():
    """Twenty demands count as much as what all series tell: half way between 1 and 3, sizes being 1."""
    ratio = shrunk_dispersion(shown_of([1.0], [1.0], [20.0], [0.3]), np.full(6, 3.0))
    assert ratio.tolist() == [2.0]


def test_frequent_demand_varies_less_for_its_size():
    """Relative dispersions are kept apart by frequency: with fifty demands of each and fifty of all, 1.5 and 3.5."""
    relative = relative_dispersion(shown_of([1.0] * 5 + [5.0] * 5, [1.0] * 10, [10.0] * 10, [0.3] * 5 + [1.0] * 5))
    of_all = (50 * 1 + 50 * 5 + 50) / 150
    assert relative[2] == pytest.approx((1 + of_all) / 2)
    assert relative[5] == pytest.approx((5 + of_all) / 2)


def test_one_huge_series_does_not_set_the_usual_rate():
    assert usual_rate(np.array([0.0, 1.0, 1.0, 1e9])) == 3.0
    assert usual_rate(np.zeros(3)) == 0.0


def test_small_groups_are_drawn_towards_all():
    """Five series of rate 2 with a prior of 1 for five more: 1.5. A group nobody is in has the prior."""
    means = group_means(np.full(5, 2.0), [Group(np.zeros(5, dtype=np.int64), 2)], 1.0)
    assert means[0].tolist() == [1.5, 1.0]


def test_rates_of_steady_parts_come_close_to_the_truth():
    """Stationary demand, where the plain mean of the history is best: at most a tenth more squared error, no bias."""
    rate, demand = poisson()
    learnt = learn(history_of(demand), [], None, "month")
    mean, ratio, _ = apply(learnt, history_of(demand), [])
    found = mean[:, 1] / learnt.horizons[1]
    assert np.square(found - rate).mean() < 1.10 * np.square(demand.mean(axis=1) - rate).mean()
    assert found.sum() / rate.sum() == pytest.approx(1.0, abs=0.04)
    assert np.median(ratio) == pytest.approx(1.0, abs=0.25)


def test_what_follows_an_origin_is_not_known_there():
    """Totals are learnt from before they came: the last column changes targets, never what was known of them."""
    _, demand = poisson(n_series=400)
    learnt = learn(history_of(demand), [], None, "month")
    shuffled = demand.copy()
    shuffled[:, -1] = shuffled[::-1, -1]
    again = learn(history_of(shuffled), [], None, "month")
    assert learnt.horizons.tolist() == again.horizons.tolist() == list(HORIZONS["month"])


def test_a_falling_market_is_carried_on():
    """Every part loses 4 % a month: the forecast of the next quarter is within 6 % of it, the plain mean far above."""
    rng = np.random.default_rng(1)
    fall = 0.96 ** np.arange(42)
    rate = rng.gamma(1.0, 4.0, 2_000)
    demand = rng.poisson(rate[:, None] * fall).astype(float)
    history = history_of(demand[:, :39])
    mean, _, _ = apply(learn(history, [], None, "month"), history, [])
    came = rate.sum() * fall[39:].sum()
    assert mean[:, 1].sum() / came == pytest.approx(1.0, abs=0.06)
    assert demand[:, :39].mean(axis=1).sum() * 3 > 1.6 * came


def test_a_group_speaks_for_parts_without_history():
    """Of two groups, one sells ten times as much; new parts of each get rates apart."""
    rng = np.random.default_rng(2)
    group = np.arange(3_000) % 2
    demand = rng.poisson(np.where(group == 1, 2.0, 0.2)[:, None], (3_000, 36)).astype(float)
    demand[:600, :33] = np.nan
    history = history_of(demand)
    mean, _, _ = apply(learn(history, [Group(group, 2)], None, "month"), history, [Group(group, 2)])
    new = mean[:600, 1] / 3
    assert new[group[:600] == 1].mean() > 3 * new[group[:600] == 0].mean()


def test_too_short_a_history_teaches_nothing():
    """Then own rates and the mean of all are weighed as usual: nothing is invented, nothing fails."""
    learnt = learn(history_of(np.ones((50, 3))), [], None, "month")
    assert learnt.n_totals == 0
    assert learnt.table is None
    mean, _, _ = apply(learnt, history_of(np.ones((50, 3))), [])
    assert mean[:, 0] == pytest.approx(1.0)


def test_valued_series_decide_the_weights():
    """With all the value in parts that stopped, the weights differ from those of all parts alike."""
    rng = np.random.default_rng(5)
    demand = rng.poisson(2.0, (600, 36)).astype(float)
    demand[:300, 26:] = 0.0
    plain = learn(history_of(demand), [], None, "month")
    worth = np.where(np.arange(600) < 300, 1.0, 0.0)
    valued = learn(history_of(demand), [], worth, "month")
    assert not np.allclose(plain.weights, valued.weights)


def test_parts_of_which_nothing_is_expected_do_not_widen_others():
    """A hundred parts that never sell, among two hundred: no ratio is more than a hundred times the mean of its cell."""
    rng = np.random.default_rng(6)
    demand = rng.poisson(0.3, (300, 48)).astype(float)
    demand[:100] = 0.0
    learnt = learn(history_of(demand), [], None, "month")
    assert learnt.table is not None
    assert learnt.table.ratios.max() < 100.0
    assert learnt.table.centres.min() > 0.01
