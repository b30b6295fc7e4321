"""The forecast object: finite, rising, whole, calibrated, and a refusal that names the series."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from partsopt.errors import TableError
from partsopt.forecast.accuracy import pinball_loss
from partsopt.forecast.distribution import quantile
from partsopt.forecast.predictive import fit_predictive, whole_pieces

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "demand"
LEVELS = (0.05, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999)
HORIZONS = (0.3, 1.0, 2.5, 6.0, 40.0)

ONE_SERIES = st.one_of(
    st.lists(st.one_of(st.just(math.nan), st.integers(0, 9).map(float)), min_size=14, max_size=14),
    st.sampled_from([0.0, 1.0, 7.0, 1e9, math.nan]).map(lambda pieces: [pieces] * 14),
    st.integers(0, 13).map(lambda place: [1e9 if period == place else 0.0 for period in range(14)]),
)


def fitted(demand, period="month", **more):
    return fit_predictive(np.array(demand, dtype=float), period=period, **more)


def must_be_sound(made, n_series):
    for horizon in HORIZONS:
        pieces = made.quantiles(horizon, LEVELS)
        assert pieces.dtype == np.int64
        assert pieces.shape == (n_series, len(LEVELS))
        assert (pieces >= 0).all()
        assert (np.diff(pieces, axis=1) >= 0).all()
        assert np.isfinite(made.mean(horizon)).all()
        assert np.isfinite(made.sd(horizon)).all()
        assert (made.mean(horizon) >= 0).all()
    assert (made.step_quantiles(14, LEVELS) >= 0).all()
    assert np.isfinite(made.rate).all()
    assert (made.variance_to_mean >= 1).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(ONE_SERIES, min_size=1, max_size=8), st.sampled_from(["month", "week"]))
def test_any_series_gets_finite_rising_whole_quantiles(series, period):
    made = fitted(series, period)
    must_be_sound(made, len(series))
    means = np.array([made.mean(horizon) for horizon in sorted(HORIZONS)])
    assert (np.diff(means, axis=0) >= 0).all()


@settings(max_examples=15, deadline=None)
@given(st.lists(ONE_SERIES, min_size=1, max_size=6), st.integers(0, 100))
def test_wild_series_among_many_do_no_harm(wild, seed):
    """The same among four hundred usual ones, where weights and a table are learnt."""
    rng = np.random.default_rng(seed)
    usual = rng.poisson(rng.gamma(0.5, 2.0, 400)[:, None], (400, 14)).astype(float)
    made = fitted([*usual, *wild])
    must_be_sound(made, 400 + len(wild))
    assert np.median(made.rate[:400]) < 20


@pytest.mark.parametrize("n_periods", [0, 1, 2, 5, 8])
def test_short_histories_are_answered(n_periods):
    must_be_sound(fitted(np.ones((3, n_periods))), 3)


def test_no_series_at_all():
    assert fitted(np.empty((0, 12))).quantiles(3.0, [0.9]).shape == (0, 1)


def test_nothing_ever_sold_is_zero_and_says_so():
    made = fitted(np.zeros((2, 24)))
    assert made.quantiles(3.0, [0.99]).tolist() == [[0], [0]]
    assert made.method.tolist() == ["zero", "zero"]
    assert made.why[0] == "No series has any demand in the history."


def test_a_part_without_demand_borrows_a_small_rate():
    """One part never sold among a hundred that do: more than nothing, far less than the others."""
    demand = np.random.default_rng(0).poisson(1.0, (100, 36)).astype(float)
    demand[0] = 0.0
    made = fitted(demand)
    assert 0 < made.rate[0] < 0.3 * made.rate[1:].mean()
    assert made.why[0].startswith("No demand in the history")


@pytest.mark.parametrize("value", [-1.0, math.inf, 1e13])
def test_impossible_demand_is_refused_by_name(value):
    demand = np.zeros((3, 5))
    demand[2, 4] = value
    with pytest.raises(TableError, match=r"series 2, period 4.*must be 0 or more and at most 1000000000000"):
        fitted(demand)


def test_bounds_are_told():
    made = fitted(np.ones((2, 24)))
    with pytest.raises(ValueError, match=r"horizon is 0\.0; it must be above 0 and finite"):
        made.quantiles(0.0, [0.5])
    with pytest.raises(ValueError, match=r"levels are \[0\.9, 0\.5\]; they must lie between 0 and 1 and rise"):
        made.quantiles(1.0, [0.9, 0.5])
    with pytest.raises(ValueError, match=r"step is 0; it must be 1 or more"):
        made.step_mean(0)
    with pytest.raises(ValueError, match=r"period is 'day'; it must be one of month, week"):
        fitted(np.ones((1, 5)), period="day")


def test_a_piece_is_added_from_a_fifth_of_its_step_on():
    """A smooth quantile of 1.6 lies a tenth into the second piece, 1.8 three tenths."""
    assert whole_pieces(np.array([1.6, 1.8])).tolist() == [1, 2]


def test_steps_add_up_to_the_total():
    made = fitted(np.random.default_rng(1).poisson(2.0, (300, 40)))
    steps = sum(made.step_mean(step) for step in range(1, 13))
    assert steps == pytest.approx(made.mean(12.0))
    assert made.step_sd(1) == pytest.approx(made.sd(1.0))
    assert made.step_sd(7) == pytest.approx(made.sd(1.0) * np.sqrt(made.step_mean(7) / made.step_mean(1)))


@settings(max_examples=40, deadline=None)
@given(st.lists(ONE_SERIES, min_size=1, max_size=6), st.sampled_from(["month", "week"]), st.booleans())
@example(
    series=[[1e9 if period == place else 0.0 for period in range(14)] for place in (2, 3, 8)],
    period="month",
    among_many=True,
)
def test_a_longer_horizon_never_needs_fewer_pieces(series, period, among_many):
    """L and T + L agree: no quantile falls as the horizon grows, between the learnt horizons and beyond them."""
    usual = np.random.default_rng(7).negative_binomial(0.3, 0.1, (400 if among_many else 0, 14)).astype(float)
    made = fitted([*usual, *series], period)
    said = [made.quantiles(ahead, LEVELS) for ahead in (0.1, 0.7, 1.0, 1.3, 2.0, 3.0, 3.5, 5.0, 6.0, 8.0, 12.0, 30.0)]
    assert all((later >= sooner).all() for sooner, later in itertools.pairwise(said))


def test_a_part_sold_in_small_lots_borrows_a_small_rate():
    """Two parts with one demand each long ago, of one piece and of a thousand, borrow as often but not as much."""
    rng = np.random.default_rng(8)
    size = np.where(np.arange(600) % 2 == 0, 1.0, 1_000.0)[:, None]
    demand = np.where(rng.random((600, 36)) < 0.15, size, 0.0)
    demand[:2] = 0.0
    demand[:2, 3] = [1.0, 1_000.0]
    made = fitted(demand)
    assert made.rate[1] > 100.0 * made.rate[0] > 0.0
    assert made.rate[0] < 0.3


def test_each_series_may_have_its_own_horizon():
    made = fitted(np.random.default_rng(2).poisson(2.0, (300, 40)))
    ahead = np.where(np.arange(300) % 2 == 0, 1.0, 5.5)
    mixed = made.quantiles(ahead, [0.5, 0.99])
    assert (mixed[::2] == made.quantiles(1.0, [0.5, 0.99])[::2]).all()
    assert (mixed[1::2] == made.quantiles(5.5, [0.5, 0.99])[1::2]).all()


def test_time_out_of_stock_is_not_time_without_demand():
    """Half the days without stock and half the pieces: about the same rate as with all of both."""
    rng = np.random.default_rng(3)
    demand = rng.poisson(6.0, (400, 36)).astype(float)
    share = np.ones((400, 36))
    share[:100, :30] = 0.5
    seen = demand.copy()
    seen[:100, :30] = rng.binomial(demand[:100, :30].astype(int), 0.5)
    made = fitted(seen, share=share)
    assert made.rate[:100].mean() == pytest.approx(made.rate[100:].mean(), rel=0.06)


def test_before_the_start_is_not_time_without_demand():
    rng = np.random.default_rng(4)
    demand = rng.poisson(4.0, (400, 36)).astype(float)
    starts = np.where(np.arange(400) < 100, 18, 0)
    demand[:100, :18] = 0.0
    made = fitted(demand, starts=starts)
    assert made.rate[:100].mean() == pytest.approx(4.0, rel=0.1)


def test_same_input_same_answer():
    demand = np.random.default_rng(5).poisson(1.0, (500, 30)).astype(float)
    one, two = fitted(demand).quantiles(3.0, LEVELS), fitted(demand.copy()).quantiles(3.0, LEVELS)
    assert (one == two).all()


@pytest.mark.parametrize("kind", ["poisson", "lumpy"])
def test_generated_demand_is_covered_as_promised(kind):
    """Probability, ties split by chance, that the next quarter stays within the quantile: 0.95 and 0.99."""
    rng = np.random.default_rng(6)
    if kind == "poisson":
        demand = rng.poisson(rng.gamma(0.5, 3.0, 3_000)[:, None], (3_000, 39))
    else:
        demand = np.where(
            rng.random((3_000, 39)) < rng.beta(0.5, 3.0, 3_000)[:, None], rng.geometric(0.3, (3_000, 39)), 0
        )
    made = fitted(demand[:, :36])
    total = demand[:, 36:].sum(axis=1)[:, None]
    covered = np.clip(made.smooth_quantiles(3.0, [0.95, 0.99]) + 0.5 - total, 0.0, 1.0).mean(axis=0)
    assert covered == pytest.approx([0.95, 0.99], abs=0.012)
    assert made.mean(3.0).sum() / total.sum() == pytest.approx(1.0, abs=0.08)


def test_car_parts_reach_the_published_goals():
    """Tail loss of the next quarter at four origins, coverage and bias, and twelve months one by one."""
    file = DATA / "carparts.parquet"
    if not file.exists():
        pytest.skip("the real demand set carparts is not beside this checkout")
    import pandas as pd

    pieces = pd.read_parquet(file).pivot(index="series_id", columns="period", values="qty").to_numpy(dtype=float)
    known = np.nan_to_num(pieces[:, 1:39]), np.isfinite(pieces[:, 1:39] - pieces[:, :38])
    scale = np.where(known[1], np.abs(pieces[:, 1:39] - pieces[:, :38]), 0.0).sum(axis=1) / np.maximum(
        known[1].sum(axis=1), 1
    )
    losses, covered, means, came = [], [], 0.0, 0.0
    for origin in (39, 42, 45, 48):
        made = fitted(pieces[:, :origin])
        total = pieces[:, origin : origin + 3].sum(axis=1)
        at = np.isfinite(total) & (scale > 0)
        levels = np.array([0.9, 0.95, 0.99])
        within = made.quantiles(3.0, levels)[at]
        losses.append(pinball_loss(within, total[at, None], levels) / scale[at, None])
        covered.append(np.clip(made.smooth_quantiles(3.0, levels)[at] + 0.5 - total[at, None], 0.0, 1.0).mean(axis=0))
        means, came = means + made.mean(3.0)[at].sum(), came + total[at].sum()
    assert np.concatenate(losses).mean() <= 0.58
    assert 0.945 <= np.mean(covered, axis=0)[1] <= 0.965
    assert 0.985 <= np.mean(covered, axis=0)[2] <= 0.995
    assert means / came == pytest.approx(1.0, abs=0.05)
    made, levels, loss = fitted(pieces[:, :39]), np.arange(1, 10) / 10, np.zeros(9)
    for step in range(1, 13):
        actual = pieces[:, 38 + step]
        at = np.isfinite(actual)
        loss += 2 * pinball_loss(made.step_quantiles(step, levels)[at], actual[at, None], levels).sum(axis=0)
    assert (loss / np.nansum(pieces[:, 39:])).mean() <= 0.870


def test_weekly_parts_beat_normal_and_binomial_over_their_lead_time():
    """Total over lead time and a week at three origins: tail loss below normal around SES and binomial around SBA."""
    file = DATA / "man.parquet"
    if not file.exists():
        pytest.skip("the real demand set man is not beside this checkout")
    import pandas as pd

    pieces = pd.read_parquet(file).pivot(index="series_id", columns="period", values="qty")
    items = pd.read_parquet(DATA / "man_items.parquet").set_index("series_id").loc[pieces.index]
    pieces, ahead = pieces.to_numpy(dtype=float), items["lead_time_weeks"].to_numpy().astype(int) + 1
    levels = np.array([0.9, 0.95, 0.99])
    z = np.array([1.2816, 1.6449, 2.3263])
    scale = np.abs(np.diff(pieces[:, :99], axis=1)).mean(axis=1)
    at = scale > 0
    losses: dict[str, list[float]] = {"pooled": [], "normal": [], "binomial": []}
    covered = []
    for origin in (99, 116, 133):
        known = pieces[:, :origin]
        total = np.array([row[origin : origin + weeks].sum() for row, weeks in zip(pieces, ahead, strict=True)])[
            :, None
        ]
        ses, size, interval, clock = known[:, :12].mean(axis=1), np.full(len(known), np.nan), np.ones(len(known)), 0.0
        ses_errors, sba_errors = [], []
        for week in range(origin):
            sba = np.nan_to_num(0.95 * size / interval)
            ses_errors.append((known[:, week] - ses) ** 2)
            sba_errors.append((known[:, week] - sba) ** 2)
            clock, sold = clock + 1.0, known[:, week] > 0
            ses = ses + 0.1 * (known[:, week] - ses)
            first = np.isnan(size)
            interval = np.where(sold, np.where(first, clock, interval + 0.1 * (clock - interval)), interval)
            size = np.where(sold, np.where(first, known[:, week], size + 0.1 * (known[:, week] - size)), size)
            clock = np.where(sold, 0.0, clock)
        sba = np.nan_to_num(0.95 * size / interval)
        sd = np.sqrt(np.mean(ses_errors[12:], axis=0) * ahead)
        ratio = np.clip(np.mean(sba_errors[12:], axis=0) / np.maximum(sba, 1e-9), 1.0, 1e9)
        found = {
            "pooled": fitted(known, "week").quantiles(ahead.astype(float), levels),
            "normal": np.maximum(np.ceil((ses * ahead)[:, None] + z * sd[:, None]), 0.0),
            "binomial": quantile((sba * ahead)[:, None], ratio[:, None], levels),
        }
        for name, within in found.items():
            losses[name].append(float((pinball_loss(within, total, levels)[at] / scale[at, None]).mean()))
        covered.append((total <= found["pooled"])[at].mean(axis=0))
    assert np.mean(losses["pooled"]) < 0.95 * np.mean(losses["normal"])
    assert np.mean(losses["pooled"]) < 0.6 * np.mean(losses["binomial"])
    assert 0.945 <= np.mean(covered, axis=0)[1] <= 0.965
    assert 0.985 <= np.mean(covered, axis=0)[2] <= 0.995


@pytest.mark.parametrize("n_cut", [1, 3])
def test_months_that_nobody_saw_change_next_to_nothing(n_cut):
    """Parts of 0.1 to 3 a month whose last months are missing are forecast as they were before, not as others sell."""
    generator = np.random.default_rng(3)
    demand = generator.poisson(np.repeat(generator.uniform(0.1, 3.0, 1_200)[:, None], 48, axis=1)).astype(float)
    share = np.ones(demand.shape)
    demand[:, -n_cut:], share[:, -n_cut:] = 0.0, 0.0
    before = fit_predictive(demand[:, :-n_cut], period="month").mean(3.0)
    found = fit_predictive(demand, share=share, period="month").mean(3.0)
    assert found.sum() == pytest.approx(before.sum(), rel=0.02)
    assert np.abs(found / before - 1.0).mean() < 0.02
