"""``partsopt forecast`` answers any demand, or names the series and the reason: through its real entry point."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from partsopt.commands import answer

REAL = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "demand"
FIRST = {
    "month": np.datetime64("2020-01", "M"),
    "week": np.datetime64("2020-01-06"),
    "day": np.datetime64("2020-01-06"),
}
STEP = {"month": 1, "week": 7, "day": 1}
FIRST_DAY = date(2020, 1, 1)

ordinary = st.lists(st.sampled_from([0, 0, 0, 1, 2, 7]), min_size=1, max_size=40)
awkward = st.one_of(
    st.integers(1, 40).map(lambda n: [0] * n),
    st.integers(1, 40).map(lambda n: [None] * n),
    st.tuples(st.integers(0, 39), st.integers(1, 10**9)).map(lambda one: [0] * one[0] + [one[1]]),
    st.tuples(st.integers(0, 20), st.integers(0, 20)).map(lambda one: [1] * one[0] + [10**9] + [0] * one[1]),
    st.tuples(st.integers(1, 40), st.sampled_from([1, 7, 10**9, 10**12])).map(lambda one: [one[1]] * one[0]),
    st.lists(st.one_of(st.none(), st.integers(0, 10**9)), min_size=1, max_size=40),
    st.lists(st.sampled_from([0.0, 0.001, 0.5, 1e-9, 1e12]), min_size=1, max_size=40),
)
demands = st.lists(st.one_of(ordinary, awkward), min_size=1, max_size=12)


def rows_of(series: list[list[float | None]], period: str) -> pa.Table:
    """The long table of series, the last value of each in the last period."""
    longest = max(len(one) for one in series)
    days = (FIRST[period] + np.arange(longest) * STEP[period]).astype("datetime64[D]")
    ids = np.repeat([f"S{k:02d}" for k in range(len(series))], [len(one) for one in series])
    periods = np.concatenate([days[-len(one) :] for one in series])
    quantity = pa.array([None if value is None else float(value) for one in series for value in one], pa.float64())
    return pa.table({"series_id": ids, "period": periods, "quantity": quantity})


def forecast(given_file: Path, out: Path, period: str, horizon: int, *more: str) -> int:
    arguments = ["forecast", "--demand", given_file, "--period", period, "--horizon", horizon, "--output", out, *more]
    return answer(list(map(str, arguments)))


def assert_contract(out: Path, ids: list[str], levels: list[str], steps: int) -> None:
    table = pq.read_table(out)
    assert table.column("series_id").to_pylist() == [one for one in sorted(ids) for _ in range(steps)]
    for name in ("mean", "sd"):
        values = table.column(name).to_numpy()
        assert np.isfinite(values).all()
        assert (values >= 0).all()
    rising = np.stack([table.column(f"q{level}").to_numpy() for level in sorted(levels, key=float)])
    assert rising.dtype == np.int64
    assert (rising[0] >= 0).all()
    assert (np.diff(rising, axis=0) >= 0).all()
    assert table.column("method").null_count == 0


@given(
    series=demands,
    period=st.sampled_from(["month", "week"]),
    horizon=st.sampled_from([1, 3, 13, 60]),
    per_period=st.booleans(),
    levels=st.lists(st.sampled_from(["0.001", "0.5", "0.90", "0.99", "0.9999"]), min_size=1, max_size=4, unique=True),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_demand_gets_finite_rising_whole_quantiles(tmp_path, capsys, series, period, horizon, per_period, levels):
    pq.write_table(rows_of(series, period), tmp_path / "in.parquet")
    more = ["--levels", ",".join(levels), *(["--per-period"] if per_period else [])]
    assert forecast(tmp_path / "in.parquet", tmp_path / "out.parquet", period, horizon, *more) == 0
    ids = [f"S{k:02d}" for k in range(len(series))]
    assert_contract(tmp_path / "out.parquet", ids, levels, horizon if per_period else 1)
    capsys.readouterr()


@given(
    series=demands,
    place=st.integers(0, 10_000),
    wrong=st.sampled_from([-1.0, -0.5, np.inf, -np.inf, 2e12]),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_refused_is_named_with_its_series_row_and_rule(tmp_path, capsys, series, place, wrong):
    """Any one impossible quantity in any demand: exit 2, no forecast, the row and its series are said; or, where it is
    one of many, exit 1 with a forecast of every series, and the row in rejects.csv."""
    table = rows_of(series, "month")
    place %= len(table)
    quantity = table.column("quantity").to_pylist()
    quantity[place] = wrong
    pq.write_table(table.set_column(2, "quantity", pa.array(quantity, pa.float64())), tmp_path / "in.parquet")
    out = tmp_path / "refused.parquet"
    assert forecast(tmp_path / "in.parquet", out, "month", 3, "--json", "--max-rejected-share", 0) == 2
    (violation,) = json.loads(capsys.readouterr().out)["violations"]
    assert violation["line"] == place + 1
    assert violation["column"] == "quantity"
    assert violation["value"].endswith(f"series {table.column('series_id')[place].as_py()}")
    assert violation["rule"].startswith("must be")
    assert violation["remedy"]
    assert not out.exists()
    assert forecast(tmp_path / "in.parquet", out, "month", 3) == (1 if len(table) >= 50 else 2)
    assert out.exists() == (len(table) >= 50)
    out.unlink(missing_ok=True)
    (reject,) = (tmp_path / "rejects.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert reject.startswith(f"demand,in.parquet,{place + 1},quantity,")
    capsys.readouterr()


FAULTS = {
    "negative": lambda row: [row | {"quantity": -3.0}],
    "blank": lambda row: [row | {"quantity": None}],
    "fraction": lambda row: [row | {"quantity": (row["quantity"] or 0.0) + 0.25}],
    "twice": lambda row: [row, row],
    "twice, not alike": lambda row: [row, row | {"quantity": (row["quantity"] or 0.0) + 1.0}],
    "left out": lambda row: [row] if row["series_id"] == "S00" else [],
    "within the month": lambda row: [row | {"period": (row["period"] or FIRST_DAY).replace(day=15)}],
    "no date": lambda row: [row | {"period": None}],
    "no series": lambda row: [row | {"series_id": None}],
}


@given(
    series=demands,
    faults=st.lists(st.tuples(st.sampled_from(sorted(FAULTS)), st.integers(0, 10_000)), max_size=6),
    seed=st.integers(0, 10_000),
)
@example(series=[[1.0]], faults=[("no date", 0)], seed=0)
@example(series=[[1.0]], faults=[("no series", 0)], seed=0)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_mess_is_forecast_but_for_the_rows_that_are_refused(tmp_path, capsys, series, faults, seed):
    """Rows in any order, some of them broken: every series with a row that says when has a forecast, exit 1 tells of rows
    left out, and the same rows in another order give the same bytes."""
    table = rows_of(series, "month")
    rows = table.to_pylist()
    for kind, place in faults:
        at = place % len(rows)
        rows[at : at + 1] = FAULTS[kind](rows[at])
    read = [row for row in rows if row["series_id"] and row["period"] and row["period"].day == 1]
    keys = [(row["series_id"], row["period"]) for row in read]
    is_whole = len(read) == len(rows) and len(set(keys)) == len(keys)
    is_whole &= all(row["quantity"] is None or 0 <= row["quantity"] <= 1e12 for row in rows)
    written = []
    for name in ("one", "other"):
        order = np.random.default_rng([seed, len(written)]).permutation(len(rows))
        pq.write_table(pa.Table.from_pylist([rows[at] for at in order], table.schema), tmp_path / "in.parquet")
        code = forecast(tmp_path / "in.parquet", tmp_path / name, "month", 3, "--max-rejected-share", "1")
        assert code == (2 if not read else 0 if is_whole else 1)
        if read:
            assert_contract(tmp_path / name, sorted({key[0] for key in keys}), ["0.5", "0.9", "0.95", "0.99"], 1)
            written.append((tmp_path / name).read_bytes())
    assert len(set(written)) <= 1
    capsys.readouterr()


@pytest.mark.parametrize(("name", "period", "horizon"), [("carparts", "month", 3), ("man", "week", 4)])
def test_every_real_series_gets_finite_rising_whole_quantiles(tmp_path, capsys, name, period, horizon):
    file = REAL / f"{name}.parquet"
    if not file.exists():
        pytest.skip(f"the real demand set {name} is not beside this checkout")
    table = pq.read_table(file, columns=["series_id", "period", "qty"])
    ids = sorted(set(table.column("series_id").to_pylist()))
    if period == "week":  # the set numbers its weeks, the contract wants their first days
        weeks = np.array([int(one[1:]) for one in table.column("period").to_pylist()])
        table = table.set_column(1, "period", pa.array(FIRST["week"] + 7 * weeks))
        file = tmp_path / "weeks.parquet"
        pq.write_table(table, file)
    for more in ([], ["--per-period"]):
        levels = ["0.5", "0.9", "0.95", "0.99"]
        assert forecast(file, tmp_path / "out.parquet", period, horizon, *more) == 0
        assert_contract(tmp_path / "out.parquet", ids, levels, horizon if more else 1)
    capsys.readouterr()


CSV = [
    ("a,2024-01-01,three", 'line 2: quantity is "three, series a"; it must be a number'),
    ("a,2024-01-01,NaN", 'line 2: quantity is "NaN, series a"; it must be a number'),
    ("a,2024-01-01,-1", 'line 2: quantity is "-1, series a"; it must be 0 or more'),
    ("a,2024-01-01,1e400", 'line 2: quantity is "1e400, series a"; it must be finite'),
    (" ,2024-01-01,1", 'line 2: series_id is " "; it must be given'),
    ("a,2024-02-30,1", 'line 2: period is "2024-02-30, series a"; it must be a date'),
    ("a,2024-01-15,1", 'line 2: period is "2024-01-15, series a"; it must be the first day of a month'),
    ("a,2024-01-01,1\na,2024-01-01,2", 'line 3: period is "2024-01-01, series a"; it must be there once for a series'),
    ("a,2024-01-01", "line 2: has 2 values where the header names 3 columns"),
    ("a,2024-01-01,1\na,2064-01-01,1", "it must lie within 20 years of most others"),
]


@pytest.mark.parametrize(("rows", "said"), CSV, ids=[rows.replace("\n", "; ") for rows, _ in CSV])
def test_a_csv_file_is_refused_by_line(tmp_path, capsys, rows, said):
    (tmp_path / "in.csv").write_text(f"series_id,period,quantity\n{rows}\n", encoding="utf-8")
    assert forecast(tmp_path / "in.csv", tmp_path / "out.parquet", "month", 3) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out.parquet").exists()


def test_csv_and_parquet_give_the_same_bytes(tmp_path, capsys):
    """With a byte order mark, blank lines and other columns, too."""
    series = [[0, 1, 0, None, 2], [3, 0, 0]]
    table = rows_of(series, "month")
    pq.write_table(table, tmp_path / "in.parquet")
    lines = [
        f"{one['series_id']},x,{one['period']:%Y-%m-%d},{'' if one['quantity'] is None else one['quantity']}"
        for one in table.to_pylist()
    ]
    (tmp_path / "in.csv").write_text("\ufeffseries_id,note,period,qty\n" + "\n\n".join(lines) + "\n", encoding="utf-8")
    for kind in ("parquet", "csv"):
        assert forecast(tmp_path / f"in.{kind}", tmp_path / f"out_{kind}.parquet", "month", 3) == 0
    assert (tmp_path / "out_csv.parquet").read_bytes() == (tmp_path / "out_parquet.parquet").read_bytes()
    capsys.readouterr()


def test_months_given_as_days_are_refused(tmp_path, capsys):
    pq.write_table(rows_of([[1] * 12], "month"), tmp_path / "in.parquet")
    assert forecast(tmp_path / "in.parquet", tmp_path / "out.parquet", "day", 3) == 2
    assert "which are not days but months. Give --period month." in capsys.readouterr().err
