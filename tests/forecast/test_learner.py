"""The optional learner: averaged with the pooled forecast, the same every time, and absent when LightGBM is."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from partsopt.errors import SettingsError
from partsopt.forecast import learner
from partsopt.forecast.predictive import fit_predictive

LEVELS = [0.5, 0.9, 0.99]


@pytest.fixture(scope="module")
def demand() -> np.ndarray:
    generator = np.random.default_rng(4)
    made = generator.poisson(generator.gamma(0.6, 2.0, (120, 1)), (120, 30)).astype(float)
    made[3, :20] = np.nan
    made[4] = 0
    made[5, 10] = 1e9
    return made


@pytest.fixture(scope="module")
def fitted(demand):
    return fit_predictive(demand, period="month")


def test_without_lightgbm_the_remedy_is_named(demand, fitted, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(
        SettingsError, match=r"needs LightGBM, which is not installed\. Install it: pip install 'partsopt\[ml\]'"
    ):
        learner.learn_totals(fitted, demand, 3, LEVELS, period="month")


def test_the_average_lies_between_and_is_whole():
    """Learnt 5.2 against pooled 2 is 2/3 of the way: 4.13, so 4; quantiles never fall along the levels."""
    averaged = learner._averaged(np.array([[2, 2]]), np.array([[5.2, 1.0]]), 2 / 3)
    assert averaged.tolist() == [[4, 4]]
    assert averaged.dtype == np.int64


def test_levels_between_taught_ones_lie_on_a_line():
    """On the normal scale 0.5 is 0 and 0.975 is 1.96; the level half way is 0.8365."""
    found = learner._between(np.array([[0.0, 10.0]]), np.array([0.5, 0.975]), np.array([0.5, 0.8365, 0.975]))
    np.testing.assert_allclose(found, [[0.0, 5.0, 10.0]], atol=0.02)


def test_what_is_learnt_ends_before_the_end_of_the_history(demand):
    """The last total learnt spans the last periods: three of them from origin 27 on, none beyond."""
    task = learner._Task([(0, 3)], 2, np.array(LEVELS), "month", 0, {})
    samples = list(learner._samples(demand, task))
    assert len(samples) == 2
    changed = demand.copy()
    changed[:, 29] += 100.0
    later = list(learner._samples(changed, task))
    for (described, target), (described_then, target_then) in zip(samples, later, strict=True):
        np.testing.assert_array_equal(described, described_then)
        assert target.shape == target_then.shape
    assert (samples[0][1] == later[0][1]).all()
    assert (samples[1][1] < later[1][1]).all()


def test_a_short_history_keeps_the_pooled_forecast(demand):
    pytest.importorskip("lightgbm", reason="the learner's extra is not installed: pip install 'partsopt[ml]'")
    short = demand[:, -8:]
    pooled = fit_predictive(short, period="month")
    learnt = learner.learn_totals(pooled, short, 3, LEVELS, period="month")
    assert not learnt.is_learnt
    np.testing.assert_array_equal(learnt.quantiles, pooled.quantiles(3.0, LEVELS))


@pytest.mark.parametrize("by_step", [False, True], ids=["total", "by step"])
def test_learnt_quantiles_are_finite_rising_whole_and_the_same_every_time(demand, fitted, by_step):
    pytest.importorskip("lightgbm", reason="the learner's extra is not installed: pip install 'partsopt[ml]'")
    learn = learner.learn_steps if by_step else learner.learn_totals
    one, other = (learn(fitted, demand, 3, LEVELS, period="month", seed=7) for _ in range(2))
    assert one.is_learnt == (one.weight > 0)
    assert one.weight in learner.WEIGHTS
    assert one.quantiles.dtype == np.int64
    assert one.quantiles.shape == ((120, 3, 3) if by_step else (120, 3))
    assert (one.quantiles >= 0).all()
    assert (np.diff(one.quantiles, axis=-1) >= 0).all()
    np.testing.assert_array_equal(one.quantiles, other.quantiles)


def test_a_slip_of_the_pen_teaches_the_others_nothing():
    """Parts that sell for three months and rest for three are learnt beside one total of a thousand million."""
    pytest.importorskip("lightgbm", reason="the learner's extra is not installed: pip install 'partsopt[ml]'")
    sells = (np.arange(36) + np.arange(90)[:, None]) % 6 < 3
    slip = np.zeros((1, 36))
    slip[0, 20] = 1e9
    demand = np.vstack([sells * np.random.default_rng(8).poisson(20.0, sells.shape), slip])
    found = learner.learn_totals(fit_predictive(demand, period="month"), demand, 3, [0.5, 0.99], period="month")
    assert found.weight == 0.75
    assert found.quantiles[:90].max() < 200


def test_part_groups_are_told_to_the_learner():
    """The group is among what is told of each series; one that asks five times as much every other quarter gets it."""
    pytest.importorskip("lightgbm", reason="the learner's extra is not installed: pip install 'partsopt[ml]'")
    generator = np.random.default_rng(6)
    group = np.arange(600) % 2
    rate = np.full((600, 42), 2.0)
    rate[group == 1, 3::6], rate[group == 1, 4::6], rate[group == 1, 5::6] = 10.0, 10.0, 10.0
    made = generator.poisson(rate).astype(float)
    made[:, 30:] = np.where(group[:, None] == 1, made[:, 30:], generator.poisson(2.0, (600, 12)))
    known, came = made[:, :39], made[:, 39:].sum(axis=1)
    task = learner._Task([(0, 3)], 2, np.array(LEVELS), "month", 0, {"part_group": group})
    ((described, _), *_) = learner._samples(known, task)
    assert set(np.unique(described[:, -2])) == {0.0, 1.0}  # the last column says how far ahead
    groups = {"part_group": group}
    with_group = learner.learn_totals(
        fit_predictive(known, groups=groups, period="month"), known, 3, LEVELS, period="month", groups=groups
    )
    assert with_group.is_learnt
    assert np.median(with_group.quantiles[group == 1, 0]) > 2.5 * np.median(with_group.quantiles[group == 0, 0])
    assert (came <= with_group.quantiles[:, 1]).mean() > 0.8
