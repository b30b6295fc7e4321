"""What forecasts turned out to be multiplied by: shares, the earlier day, and levels that know of it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.stats import nbinom, poisson

from partsopt.replenish.chain import Demand, no_delay
from partsopt.replenish.levels import DemandOver, certainty_of, levels_reaching, promised_by
from partsopt.replenish.ratefactors import (
    factor_shares,
    hindsights_of,
    quarter_since,
    rate_factors_of,
    with_rate_factors,
)
from partsopt.replenish.service import fill_rate
from partsopt.tables import DEMAND_SERIES, RATE_FACTORS, SERIES, conform, empty
from tests.replenish.network import tables

MONTHS = pd.date_range("2024-11-01", periods=24, freq="MS")
TODAY = date(2026, 11, 2)


def factors(**shares: list[tuple[float, float]]) -> pd.DataFrame:
    rows = [
        {"site_kind": "dc", "abc_class": name, "factor": factor, "share": share, "n_totals": 300}
        for name, given in shares.items()
        for factor, share in given
    ]
    return conform(pd.DataFrame(rows), RATE_FACTORS)


def over_of(lead: list[float], protection: list[float], ratio: float = 1.0) -> DemandOver:
    n = len(lead)
    columns = [np.column_stack([one, np.zeros((n, 2))]) for one in (lead, protection)]
    weights = np.column_stack([np.ones(n), np.zeros((n, 2))])
    return DemandOver(columns[0], columns[1], columns[1] - columns[0], weights, np.full(n, ratio))


def test_forecasts_that_are_right_keep_their_rate():
    """Totals drawn from the forecast's own distribution: nearly all of the share lies at factor 1."""
    mean, ratio = np.full(3000, 8.0), np.full(3000, 2.0)
    total = nbinom.rvs(8.0, 0.5, size=3000, random_state=1)
    factor, share = factor_shares(total, mean, ratio, 10.0)
    near = (factor > 0.6) & (factor < 1.5)
    assert share[near].sum() > 0.9
    assert factor.max() < 2.5


def test_shares_are_those_that_made_the_totals():
    rng = np.random.default_rng(2)
    true = rng.choice([0.0, 1.0, 10.0], 4000, p=[0.3, 0.68, 0.02])
    total = poisson.rvs(6.0 * true, random_state=3)
    factor, share = factor_shares(total, np.full(4000, 6.0), np.ones(4000), 10.0)
    average = 0.68 + 0.2
    found = dict(zip((factor * average).round(2).tolist(), share.tolist(), strict=True))
    assert share[-1] == pytest.approx(0.02, abs=0.005)
    assert factor[-1] == pytest.approx(10 / average, rel=0.05)
    assert share[0] == pytest.approx(0.3, abs=0.03)
    assert factor @ share == pytest.approx(1.0)
    assert len(found) == len(factor)


def test_two_surprises_teach_nothing_and_six_do():
    for n, taught in ((2, False), (6, True)):
        total = np.array([2] * (300 - n) + [60] * n)
        factor, _ = factor_shares(total, np.full(300, 2.0), np.ones(300), 10.0)
        assert bool(factor.max() > 5) is taught


def test_a_factor_above_ten_asks_for_ten_totals():
    """Some of 300 parts sell thirty times as much: seven stand for ten times, fourteen for what they are."""
    for n, largest in ((7, 10.0), (14, 25.0)):
        total = np.array([2] * (300 - n) + [60] * n)
        factor, share = factor_shares(total, np.full(300, 2.0), np.ones(300), 25.0)
        assert factor[-1] / factor[0] == pytest.approx(largest / 1.0)
        assert share[-1] == pytest.approx(n / 300, abs=0.002)


def test_no_factor_is_above_the_largest():
    total = np.array([2] * 280 + [60] * 20)
    for largest in (8.0, 10.0, 60.0):
        factor, share = factor_shares(total, np.full(300, 2.0), np.ones(300), largest)
        assert factor[-1] / factor[0] <= largest * (1 + 1e-9)
        assert factor @ share == pytest.approx(1.0)


def series_of(n: int, since: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Series of one piece a month for 15 months and then the nine months given, (n, 9)."""
    pieces = np.column_stack([np.ones((n, 15), dtype=np.int64), since])
    row, at = np.nonzero(pieces)
    names = np.array([f"P{i:04d}" for i in range(n)])
    demand = pd.DataFrame(
        {"site_id": "DC1", "part_id": names[row], "period": MONTHS[at], "demand": pieces[row, at], "returned": 0,
         "is_censored": False, "in_stock_share": 1.0}
    )  # fmt: skip
    series = pd.DataFrame({"site_id": "DC1", "part_id": names, "first_period": MONTHS[0], "n_periods": 24})
    return conform(demand, DEMAND_SERIES), conform(series, SERIES)


def test_an_earlier_day_knows_nothing_of_what_came_after():
    demand, series = series_of(5, np.full((5, 9), 7))
    found = hindsights_of(demand, series, TODAY, "month")
    assert [then.origin for then in found] == [date(2026, 7, 1), date(2026, 4, 1), date(2026, 1, 1)]
    assert [then.series["n_periods"].iloc[0] for then in found] == [20, 17, 14]
    for then in found:
        assert then.demand_series["period"].max() < pd.Timestamp(then.origin)
    assert found[-1].demand_series["demand"].eq(1).all()


def test_a_short_history_has_no_earlier_day():
    demand, series = series_of(5, np.full((5, 9), 7))
    assert hindsights_of(demand, series.assign(n_periods=8), TODAY, "month") == []
    assert hindsights_of(demand.iloc[:0], series.iloc[:0], TODAY, "month") == []
    weekly = series.assign(n_periods=60, first_period=pd.Timestamp("2025-09-08"))
    weeks = [then.origin for then in hindsights_of(demand, weekly, TODAY, "week")]
    assert weeks == [date(2026, 7, 20), date(2026, 4, 20)]


def test_all_nights_of_a_quarter_learn_from_the_same_days():
    """July, April and January serve from the first of October to the end of December."""
    demand, series = series_of(5, np.full((5, 9), 7))
    longer = series.assign(n_periods=series["n_periods"] + 2)
    for today, known in (
        (date(2026, 10, 1), series.assign(n_periods=23)),
        (TODAY, series),
        (date(2026, 12, 31), longer),
    ):
        found = hindsights_of(demand, known, today, "month")
        assert [then.origin for then in found] == [date(2026, 7, 1), date(2026, 4, 1), date(2026, 1, 1)]
    assert hindsights_of(demand, longer, date(2027, 1, 1), "month")[0].origin == date(2026, 10, 1)


def test_a_new_part_changes_few_of_those_forecast_again():
    """Of 12,000 series 10,000 are forecast again; with another part all of these stay but one at the most."""
    names = [f"P{number:05d}" for number in range(12_001)]
    demand, series = series_of(1, np.full((1, 9), 7))
    many = pd.concat([series] * len(names), ignore_index=True).assign(part_id=names)
    fewer, all_of_them = (
        hindsights_of(demand, rows, TODAY, "month")[0].series["part_id"] for rows in (many.iloc[:-1], many)
    )
    assert len(fewer) == len(all_of_them) == 10_000
    assert len(set(fewer) - set(all_of_them)) <= 1


def test_one_part_in_ten_that_sells_ten_times_as_much_is_seen():
    """300 parts of one piece a month; thirty of them then sell ten a month for a quarter."""
    since = np.ones((300, 9), dtype=np.int64)
    since[:30, :3] = 10
    demand, series = series_of(300, since)
    known = tables(forecasts=[{"part_id": name, "mean_per_period": 1.0} for name in series["part_id"]])
    given = (known["classes"], demand, known["sites"], "month")
    quarter = quarter_since(date(2026, 2, 1), known["forecasts"], *given)
    assert quarter["total"].value_counts().to_dict() == {3: 270, 30: 30}
    assert quarter["mean"].eq(3.0).all()
    found = rate_factors_of(quarter, 10.0)
    assert found["site_kind"].eq("dc").all()
    assert found["n_totals"].eq(300).all()
    top = found.iloc[-1]
    assert top["share"] == pytest.approx(0.1, abs=0.01)
    assert top["factor"] == pytest.approx(10 / 1.9, rel=0.1)
    assert rate_factors_of(quarter[:199], 10.0).empty


def test_a_small_class_borrows_from_all_and_a_large_one_hardly():
    """Of 1,000 parts of class A none surges, of class B one in ten; 20 of C say little, so C lies between."""
    known = {"site_kind": "dc", "mean": 3.0, "variance_to_mean": 1.0}
    parts = [
        pd.DataFrame({**known, "abc_class": name, "total": [3] * (n - wild) + [30] * wild})
        for name, n, wild in (("A", 1000, 0), ("B", 1000, 100), ("C", 20, 0))
    ]
    found = rate_factors_of(pd.concat(parts, ignore_index=True), 10.0)
    wild = found[found["factor"] > 4].groupby("abc_class")["share"].sum().reindex(["A", "B", "C"]).fillna(0.0)
    assert wild["A"] == pytest.approx(0.05 * 200 / 1200, abs=0.005)
    assert wild["B"] == pytest.approx((100 + 0.05 * 200) / 1200, abs=0.01)
    assert wild["A"] < wild["C"] < wild["B"]


def test_a_quarter_with_a_stock_out_teaches_nothing():
    demand, series = series_of(10, np.ones((10, 9), dtype=np.int64))
    known = tables(forecasts=[{"part_id": name, "mean_per_period": 1.0} for name in series["part_id"]])
    out = demand["part_id"].eq("P0003") & demand["period"].eq(MONTHS[16])
    given = (known["classes"], demand.assign(is_censored=out), known["sites"], "month")
    assert len(quarter_since(date(2026, 2, 1), known["forecasts"], *given)) == 9
    assert len(quarter_since(date(2026, 5, 1), known["forecasts"], *given)) == 10


def test_demand_becomes_a_mixture_with_the_same_mean():
    over = over_of([4.0, 4.0], [6.0, 6.0])
    spread = with_rate_factors(over, factors(B=[(0.5, 0.8), (3.0, 0.2)]), np.array([True, True]), np.array([0, 1]))
    assert spread.weights.sum(axis=1) == pytest.approx([1.0, 1.0])
    assert (spread.over_protection * spread.weights).sum(axis=1) == pytest.approx([6.0, 6.0])
    assert [len(rows) for rows, _ in certainty_of(spread.weights)] == [1, 1]
    assert spread.over_protection[1, :2].tolist() == [3.0, 18.0]
    assert with_rate_factors(over, empty(RATE_FACTORS), np.array([True, True]), np.array([0, 1])) is over


def test_level_and_promise_of_a_mixture_are_those_of_its_parts():
    """Unmet pieces add up over the factors: by hand from two plain fill rates."""
    over = with_rate_factors(
        over_of([4.0], [6.0], 1.5), factors(A=[(0.5, 0.8), (3.0, 0.2)]), np.array([True]), np.array([0])
    )
    one = np.array([1])
    part = Demand(over.over_lead_time, over.over_protection, over.variance_to_mean, over.weights, one)
    level = levels_reaching(np.array([0.95]), part, no_delay(1))
    promised = promised_by(part, no_delay(1), level)[0][0]

    def by_hand(at: int) -> float:
        calm, wild = fill_rate([at], [2.0], [3.0], [1.5])[0], fill_rate([at], [12.0], [18.0], [1.5])[0]
        return float(0.8 * 0.5 * calm + 0.2 * 3.0 * wild)

    assert promised == pytest.approx(by_hand(int(level[0])))
    assert promised >= 0.95 > by_hand(int(level[0]) - 1)


def test_each_uncertain_lead_time_has_every_factor():
    lead = np.array([[2.0, 4.0, 6.0]])
    over = DemandOver(lead, lead + 2, np.full((1, 3), 2.0), np.array([[1 / 6, 2 / 3, 1 / 6]]), np.ones(1))
    spread = with_rate_factors(over, factors(C=[(0.5, 0.8), (3.0, 0.2)]), np.array([True]), np.array([2]))
    assert spread.over_lead_time[0].tolist() == [1.0, 6.0, 2.0, 12.0, 3.0, 18.0]
    assert spread.weights[0] == pytest.approx([0.8 / 6, 0.2 / 6, 1.6 / 3, 0.4 / 3, 0.8 / 6, 0.2 / 6])
