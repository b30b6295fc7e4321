"""The forecast benchmark: its scores on numbers checked by hand, and a small run through."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest

from benchmarks import baselines, forecast


def test_pinball_charges_shortage_and_excess_by_the_level():
    """Five short at 0.9 cost 4.5, five too many 0.5."""
    assert forecast.pinball(np.array([10.0]), np.array([5.0]), 0.9).tolist() == [4.5]
    assert forecast.pinball(np.array([5.0]), np.array([10.0]), 0.9) == pytest.approx([0.5])


def test_a_total_with_a_blank_period_is_no_total():
    demand = np.array([[1.0, 2.0, 3.0], [1.0, np.nan, 3.0]])
    np.testing.assert_array_equal(forecast.totals_after(demand, 1, np.array([2, 2])), [5, np.nan])
    np.testing.assert_array_equal(forecast.totals_after(demand, 1, np.array([1, 1])), [2, np.nan])
    assert forecast.totals_after(demand, 2, np.array([1, 1])).tolist() == [3, 3]


def test_randomised_coverage_of_a_true_distribution_is_its_level():
    """Whole pieces over-cover: Poisson 0.3 covers 0.963 at 0.9, and 0.9 once randomised."""
    from scipy.stats import poisson

    actual = np.random.default_rng(1).poisson(0.3, (1, 200_000)).astype(float)
    quantiles = np.broadcast_to(poisson.ppf(forecast.FINE, 0.3), (1, 200_000, len(forecast.FINE)))
    said = forecast.pit_of(actual, quantiles, np.ones(200_000, dtype=bool))
    assert said["pit_0.9"] == pytest.approx(0.9, abs=0.006)
    assert said["pit_0.95"] == pytest.approx(0.95, abs=0.006)
    assert said["pit_0.99"] == pytest.approx(0.99, abs=0.004)


@pytest.mark.parametrize(
    ("texts", "kind", "numbers"),
    [
        (["w001", "w003"], "week", [1, 3]),
        (["2024-01", "2024-12", "2025-01"], "month", [0, 11, 12]),
        (["2024-01-01", "2024-02-01"], "month", [0, 1]),
        (["2024-01-01", "2024-01-08", "2024-01-22"], "week", [0, 1, 3]),
        (["2024-01-01", "2024-01-02", "2024-01-04"], "day", [0, 1, 3]),
    ],
)
def test_the_kind_of_period_is_read_off_the_periods(texts, kind, numbers):
    found, number = forecast.period_numbers(pd.Series(texts))
    assert found == kind
    assert (number - number[0] + numbers[0]).tolist() == numbers


def test_the_methods_answer_a_constant_series_with_itself():
    history, levels, horizon = np.full((1, 36), 4.0), np.array([0.5, 0.99]), np.array([3])
    for name, expected in (("seasonal naive", 12), ("normal around SES", 12), ("zero", 0)):
        mean, quantiles = baselines.BASELINES[name](history, 12, horizon, levels)
        assert mean == pytest.approx([expected]), name
        assert quantiles == pytest.approx(np.full((1, 2), expected)), name
    assert baselines.binomial_sba(history, 12, horizon, levels)[0] == pytest.approx([12 * 0.975])


def test_seasonal_naive_reads_the_same_months_of_last_year():
    history = np.arange(1.0, 25.0)[None, :]
    assert baselines.seasonal_naive(history, 12, np.array([3]), np.array([0.5]))[0].tolist() == [13 + 14 + 15]


def test_every_protocol_and_method_has_a_row(tmp_path):
    """Zero for all scores 1.000 by weighted quantile loss and -1 by bias; ours covers more than nothing."""
    generator = np.random.default_rng(2)
    names = np.repeat([f"P{k:02d}" for k in range(40)], 54)
    months = [str(one) for one in np.arange("2020-01", "2024-07", dtype="datetime64[M]")] * 40
    demand = generator.poisson(np.repeat(generator.gamma(1.0, 1.0, 40), 54)).astype(float)
    demand[5] = np.nan
    pd.DataFrame({"series_id": names, "period": months, "qty": demand}).to_parquet(tmp_path / "made.parquet")
    items = pd.DataFrame({"series_id": np.unique(names), "lead_time_months": np.tile([1.0, 2.0], 20)})
    items.to_parquet(tmp_path / "made_items.parquet")
    assert forecast.main(["--data", str(tmp_path), "--out", str(tmp_path / "out.csv"), "--series", "30"]) == 0
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = {(row["stage"], row["method"]): row for row in csv.DictReader(file)}
    methods = ["ours", "zero", "seasonal naive", "normal around SES", "NB around SBA", "pooled prototype"]
    cheap = [method for method in methods if method not in ("zero", "pooled prototype")]
    assert list(rows) == [
        *((stage, method) for stage in ("dist", "gift", "lead") for method in methods),
        *(("long", method) for method in cheap),
    ]
    assert float(rows["gift", "zero"]["wql_mean"]) == 1.0
    assert float(rows["dist", "zero"]["cum_bias"]) == -1.0
    assert float(rows["dist", "ours"]["spl_tail"]) < float(rows["dist", "zero"]["spl_tail"])
    assert 0.9 < float(rows["dist", "ours"]["cov_0.99"]) <= 1.0
    assert rows["gift", "ours"]["n_series"] == "29"


def test_totals_of_a_cut_set_are_left_out_beside():
    """The last month holds two rows with demand of a hundred: the last total is left out where it is said so."""
    demand = np.random.default_rng(4).poisson(2.0, (100, 40)).astype(float)
    demand[2:, -1] = 0.0
    case = forecast.Case("made", "month", demand, None)
    rows = list(forecast.totals_rows(case, {"zero": baselines.zero}, None))
    assert [row["stage"] for row in rows] == ["dist", "dist uncut"]
    assert rows[1]["cov_0.9"] == pytest.approx((demand[:, 28:37].reshape(100, 3, 3).sum(axis=2) == 0).mean(), abs=1e-4)
    assert rows[0]["cov_0.9"] > rows[1]["cov_0.9"]
    case.demand[:, -1] = demand[:, -2]
    assert [row["stage"] for row in forecast.totals_rows(case, {"zero": baselines.zero}, None)] == ["dist"]


def test_a_bias_is_told_by_origin_and_with_its_standard_error():
    """Told 10, 30 and 5 against 10, 20 and 10 come: 45 over 40, and sums off it by -1.25, 7.5 and -6.25."""
    actual, mean = np.array([[4.0, 6.0], [20.0, np.nan], [10.0, 0.0]]), np.array([[5.0, 5.0], [30.0, 9.0], [5.0, 0.0]])
    said = forecast.bias_of(actual, mean, np.array([True, True]))
    assert said["cum_bias"] == 0.125
    assert said["bias_se"] == pytest.approx(np.sqrt((1.25**2 + 7.5**2 + 6.25**2) * 3 / 2) / 40, abs=1e-4)
    assert said["note"] == "bias by origin +0.0% +50.0% -50.0%"
    assert "bias_se" not in forecast.bias_of(actual[:1], mean[:1], np.array([True, True]))


def test_standard_errors_by_origins_are_as_large_as_biases_scatter():
    """A mean told right of 400 markets, each of 20 origins that move by a fifth: biases lie 0.2 / sqrt(20) off."""
    market = np.exp(0.2 * np.random.default_rng(3).standard_normal((400, 20)) - 0.02)
    said = [forecast.bias_of(one[:, None], np.ones((20, 1)), np.array([True])) for one in market]
    assert np.std([one["cum_bias"] for one in said]) == pytest.approx(0.2 / np.sqrt(20), rel=0.1)
    assert np.mean([one["bias_se"] for one in said]) == pytest.approx(0.2 / np.sqrt(20), rel=0.1)


@pytest.mark.parametrize(("n_periods", "n_origins"), [(30, 5), (52, 8), (200, 20), (24, 0)])
def test_more_origins_are_asked_over_the_last_half(n_periods, n_origins):
    """Every third period, 20 at most; where they are no more than those of ``dist``, not at all."""
    seen = []

    def told(history, _season, _horizon, levels):
        seen.append(history.shape[1])
        return np.ones(len(history)), np.ones((len(history), len(levels)))

    case = forecast.Case("made", "month", np.tile([0.0, 1.0], (3, n_periods // 2)), None)
    rows = list(forecast.long_rows(case, {"ours": told, "ours with learner": told, "pooled prototype": told}, None))
    assert [row["method"] for row in rows] == ["ours"] * (n_origins > 0)
    assert seen[:n_origins] == list(range(n_periods - 3 * n_origins, n_periods, 3))
    for row in rows:
        assert len(str(row["note"]).split()) == 3 + n_origins


def test_a_folder_without_demand_is_told(tmp_path):
    with pytest.raises(SystemExit, match="has no Parquet file with series_id, period and qty or quantity"):
        forecast.main(["--data", str(tmp_path), "--out", str(tmp_path / "out.csv")])
