"""Real series as a network: read with checks, given back exactly."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import InputError, SettingsError
from partsopt.sample import make_sample, read_like
from partsopt.sample.like import LikeSeries, split_whole

REAL = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "demand"
TODAY = date(2026, 11, 2)


def parquet(folder: Path, **columns: object) -> Path:
    file = folder / "demand.parquet"
    pd.DataFrame(columns).to_parquet(file)
    return file


def by_part_and_period(tables: dict[str, pd.DataFrame], period: str) -> pd.Series:
    lines = tables["demand_lines"]
    days = lines["demanded_on"]
    first = (
        days.dt.to_period("M").dt.start_time if period == "month" else days - pd.to_timedelta(days.dt.day_of_week, "D")
    )
    return lines.groupby([lines["part_id"], first.dt.strftime("%Y-%m-%d")])["quantity"].sum()


def test_the_last_month_of_a_file_becomes_the_last_complete_month(tmp_path):
    """March 1998 to May 1998 become August to October 2026; spacing is kept."""
    file = parquet(tmp_path, series_id=["A", "A", "B"], period=["1998-03", "1998-05", "1998-05"], qty=[2, 3, 7])
    tables = make_sample(n_dcs=1, n_dealers=3, n_parts=None, n_months=None, seed=1, today=TODAY, like=read_like(file))
    assert by_part_and_period(tables, "month").to_dict() == {
        ("A", "2026-08-01"): 2,
        ("A", "2026-10-01"): 3,
        ("B", "2026-10-01"): 7,
    }


def test_weeks_are_found_and_end_before_today(tmp_path):
    """Mondays a week apart: the last becomes the week of Monday 26 October 2026."""
    weeks = pd.to_datetime(["2020-01-06", "2020-01-13", "2020-01-27"])
    file = parquet(tmp_path, series_id=["A"] * 3, period=weeks, quantity=[1.0, 4.0, 2.0])
    like = read_like(file)
    assert (like.period, like.n_periods) == ("week", 4)
    tables = make_sample(n_dcs=1, n_dealers=3, n_parts=None, n_months=None, seed=1, today=TODAY, like=like)
    assert by_part_and_period(tables, "week").to_dict() == {
        ("A", "2026-10-05"): 1,
        ("A", "2026-10-12"): 4,
        ("A", "2026-10-26"): 2,
    }


@pytest.mark.parametrize(
    ("periods", "kind", "n"),
    [
        (["w001", "w003"], "week", 3),
        (["m01", "m02"], "month", 2),
        (["2024-W52", "2025-W01"], "week", 2),
        (["2024-01-31", "2024-02-29"], "month", 2),
        (["2024-01-01", "2024-02-01"], "month", 2),
        ([date(2024, 1, 3), date(2024, 1, 10)], "week", 2),
    ],
)
def test_periods_may_be_written_in_several_ways(tmp_path, periods, kind, n):
    like = read_like(parquet(tmp_path, series_id=["A", "A"], period=periods, qty=[1, 1]))
    assert (like.period, like.n_periods) == (kind, n)


def test_blanks_are_no_demand_and_counted(tmp_path):
    like = read_like(parquet(tmp_path, series_id=["A", "A"], period=["2024-01", "2024-02"], qty=[np.nan, 2.0]))
    assert like.quantity.tolist() == [2]
    assert like.n_missing == 1


def test_broken_pieces_are_rounded_and_counted(tmp_path):
    """2.5 becomes 3, 0.2 becomes 1: a demand stays a demand."""
    like = read_like(parquet(tmp_path, series_id=["A", "A"], period=["2024-01", "2024-02"], qty=[2.5, 0.2]))
    assert like.quantity.tolist() == [3, 1]
    assert like.n_rounded == 2


def test_series_of_two_datasets_stay_apart(tmp_path):
    file = parquet(tmp_path, dataset=["x", "y"], series_id=["1", "1"], period=["2024-01", "2024-01"], qty=[1, 2])
    assert read_like(file).series_ids == ("x-1", "y-1")


def test_items_bring_real_terms(tmp_path):
    """Price, lead time in weeks, minimum and pack of the items file are the maker's; a minimum of 0 is 1."""
    file = parquet(tmp_path, series_id=["A", "B"], period=["2024-01", "2024-01"], qty=[5, 2])
    items = tmp_path / "items.parquet"
    pd.DataFrame(
        {
            "series_id": ["B", "A"],
            "price": [7.5, 0.004],
            "lead_time_weeks": [7.0, 16.0],
            "moq": [0.0, 30.0],
            "pack": [1.0, 10.0],
            "fixed_order_cost": [5.0, 6.0],
        }
    ).to_parquet(items)
    tables = make_sample(
        n_dcs=1, n_dealers=2, n_parts=None, n_months=None, seed=1, today=TODAY, like=read_like(file, items)
    )
    maker = tables["supply"][tables["supply"]["channel"] == "maker"].set_index("part_id")
    assert maker["lead_time_days"].to_dict() == {"A": 112.0, "B": 49.0}
    assert maker["min_order_quantity"].to_dict() == {"A": 30, "B": 1}
    assert maker["order_multiple"].to_dict() == {"A": 10, "B": 1}
    assert maker["order_cost"].to_dict() == {"A": 6.0, "B": 5.0}
    assert tables["parts"].set_index("part_id")["unit_cost"].to_dict() == {"A": 0.01, "B": 7.5}


REFUSED = [
    ({"series_id": ["A"], "qty": [1]}, r"demand.parquet lacks period; it has series_id, qty\. Give one row a series"),
    ({"series_id": ["A"], "period": ["2024-01"]}, r"lacks qty \(or quantity\)"),
    ({"series_id": [], "period": [], "qty": []}, r"demand.parquet has no rows"),
    (
        {"series_id": ["A", "A"], "period": ["2024-01", "2024-02"], "qty": [1, -2]},
        r'line 2: qty is "-2"; it must be a number between 0 and 1000000000 \(series A, period 2024-02\)',
    ),
    ({"series_id": ["A"], "period": ["2024-01"], "qty": [np.inf]}, r'qty is "inf"; it must be a number between 0'),
    ({"series_id": ["A"], "period": ["2024-01"], "qty": ["many"]}, r'qty is "many"; it must be a number between 0'),
    (
        {"series_id": ["A", "A"], "period": ["2024-01", "2024-01"], "qty": [1, 2]},
        r"two rows for series A and period 2024-01 \(1 such rows\)\. Add their quantities up",
    ),
    (
        {"series_id": ["A", None], "period": ["2024-01"] * 2, "qty": [1, 2]},
        r"line 2: series_id is \"\"; it must be given",
    ),
    ({"series_id": ["A", "A"], "period": ["2024-01", None], "qty": [1, 2]}, r"has blank periods"),
    (
        {"series_id": ["A", "A"], "period": ["2024-01-02", "2024-01-03"], "qty": [1, 2]},
        r"the periods, such as 2024-01-02, are neither months nor weeks",
    ),
    (
        {"series_id": ["A"], "period": ["spring"], "qty": [1]},
        r"the periods, such as spring, are neither months nor weeks",
    ),
    ({"series_id": ["A"], "period": [7], "qty": [1]}, r"the periods, such as 7, are neither months nor weeks"),
]


@pytest.mark.parametrize(("columns", "text"), REFUSED, ids=range(len(REFUSED)))
def test_a_file_that_cannot_be_used_is_refused(tmp_path, columns, text):
    with pytest.raises(InputError, match=text):
        read_like(parquet(tmp_path, **columns))


def test_a_file_that_is_not_there_or_no_parquet_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none.parquet is not there; give the file of real series"):
        read_like(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("series_id,period,qty")
    with pytest.raises(InputError, match=r"text.parquet cannot be read as Parquet"):
        read_like(tmp_path / "text.parquet")


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"part": ["A"]}, r"items.parquet lacks series_id"),
        ({"series_id": ["A", "A"], "price": [1, 2]}, r"two rows for series A"),
        ({"series_id": ["A"], "colour": ["red"]}, r"has none of the columns unit_cost, price"),
        ({"series_id": ["Z"], "price": [1.0]}, r"names none of the series, such as A"),
        ({"series_id": ["A"], "price": [-1.0]}, r'line 1: price is "-1.0"; it must be a number, 0 or more'),
    ],
)
def test_items_that_cannot_be_used_are_refused(tmp_path, columns, text):
    file = parquet(tmp_path, series_id=["A"], period=["2024-01"], qty=[1])
    pd.DataFrame(columns).to_parquet(tmp_path / "items.parquet")
    with pytest.raises(InputError, match=text):
        read_like(file, tmp_path / "items.parquet")


def test_more_parts_than_series_are_refused(tmp_path):
    like = read_like(parquet(tmp_path, series_id=["A"], period=["2024-01"], qty=[1]))
    with pytest.raises(
        SettingsError, match=r"n_parts is 2; it must be between 1 and 1 \(the series of demand.parquet\)"
    ):
        make_sample(n_dcs=1, n_dealers=2, n_parts=2, n_months=None, seed=1, like=like)


def test_fewer_parts_are_a_seeded_sample_and_months_are_the_last(tmp_path):
    periods = [f"2024-{month:02d}" for month in range(1, 13)]
    columns = {
        "series_id": [name for name in "ABCDEF" for _ in periods],
        "period": periods * 6,
        "qty": list(range(1, 73)),
    }
    like = read_like(parquet(tmp_path, **columns))
    tables = make_sample(n_dcs=1, n_dealers=2, n_parts=4, n_months=3, seed=1, today=TODAY, like=like)
    ids = list("ABCDEF")
    chosen = tables["parts"]["part_id"].tolist()
    assert len(chosen) == 4
    expected = {(part, f"2026-{8 + k:02d}-01"): ids.index(part) * 12 + 10 + k for part in chosen for k in range(3)}
    assert by_part_and_period(tables, "month").to_dict() == expected


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 60)), min_size=1, max_size=20), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_a_split_keeps_the_sum_and_no_piece_is_empty(rows, seed):
    quantity = np.array([q for q, _ in rows])
    n_pieces = np.array([min(1 + extra, q) for q, extra in rows])
    u = np.random.Generator(np.random.PCG64(seed)).random(int(n_pieces.sum()))
    pieces = split_whole(quantity, n_pieces, u)
    assert (pieces >= 1).all()
    ends = np.cumsum(n_pieces)
    assert [int(pieces[end - n : end].sum()) for end, n in zip(ends, n_pieces, strict=True)] == quantity.tolist()


def given_back(like: LikeSeries, tables: dict[str, pd.DataFrame]) -> None:
    """Summing demand_lines over all sites by part and period gives the series back, blanks as nothing."""
    sums = by_part_and_period(tables, like.period)
    firsts = (
        pd.date_range(end="2026-10-01", periods=like.n_periods, freq="MS")
        if like.period == "month"
        else pd.date_range(end="2026-10-26", periods=like.n_periods, freq="7D")
    ).strftime("%Y-%m-%d")
    ids = np.array(like.series_ids)
    expected = {
        (str(ids[one]), firsts[period]): int(quantity)
        for one, period, quantity in zip(like.series_number, like.period_number, like.quantity, strict=True)
    }
    assert sums.to_dict() == expected


@pytest.mark.skipif(not REAL.exists(), reason="the real demand sets are not beside the checkout")
@pytest.mark.parametrize(("name", "items"), [("carparts", None), ("man", "man_items")])
def test_real_series_come_back_exactly(name, items):
    like = read_like(REAL / f"{name}.parquet", None if items is None else REAL / f"{items}.parquet")
    tables = make_sample(n_dcs=3, n_dealers=150, n_parts=None, n_months=None, seed=1, today=TODAY, like=like)
    given_back(like, tables)
    raw = pd.read_parquet(REAL / f"{name}.parquet")
    assert len(tables["parts"]) == raw["series_id"].nunique()
    whole = raw["qty"].dropna()
    assert abs(int(tables["demand_lines"]["quantity"].sum()) - float(whole.sum())) <= like.n_rounded
    assert tables["supersessions"].empty
    assert not tables["demand_lines"]["is_return"].any()


@pytest.mark.skipif(not REAL.exists(), reason="the real demand sets are not beside the checkout")
def test_most_small_demands_stay_whole():
    """Nine in ten car-part months of one or two pieces are one line."""
    like = read_like(REAL / "carparts.parquet")
    tables = make_sample(n_dcs=3, n_dealers=150, n_parts=None, n_months=None, seed=1, today=TODAY, like=like)
    small = (like.quantity <= 2).sum()
    assert len(tables["demand_lines"]) < 1.5 * len(like.quantity)
    assert small > 0.7 * len(like.quantity)
