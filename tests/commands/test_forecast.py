"""``partsopt forecast`` through its real entry point."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from partsopt.commands import answer
from tests.commands.test_commands import ROOT, started

MONTHS = np.arange("2024-01", "2027-01", dtype="datetime64[M]").astype("datetime64[D]")


@pytest.fixture(scope="module")
def demand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty parts of 36 months, most of them slow, and the awkward ones by name."""
    generator = np.random.default_rng(5)
    series = {f"P{k:02d}": generator.poisson(0.1 * 1.15**k, 36).astype(float) for k in range(40)}
    spike = np.zeros(36)
    spike[20] = 1e9
    single = np.zeros(36)
    single[3] = 1
    series |= {
        "all missing": np.full(36, np.nan),
        "all zero": np.zeros(36),
        "billions": np.full(36, 1e9),
        "constant": np.full(36, 7.0),
        "half missing": np.where(np.arange(36) % 2, np.nan, 3.0),
        "one demand": single,
        "one row": np.array([4.0]),
        "one zero": np.array([0.0]),
        "only blank": np.array([np.nan]),
        "spike": spike,
    }
    columns: dict[str, list[object]] = {"series_id": [], "period": [], "quantity": []}
    for name, values in series.items():
        columns["series_id"] += [name] * len(values)
        columns["period"] += MONTHS[-len(values) :].tolist()
        columns["quantity"] += [None if np.isnan(one) else one for one in values]
    file = tmp_path_factory.mktemp("demand") / "demand.parquet"
    pq.write_table(pa.table(columns), file)
    return file


def forecast(demand: Path, output: Path, *more: object) -> int:
    return answer(
        list(map(str, ["forecast", "--demand", demand, "--period", "month", "--horizon", 3, "--output", output, *more]))
    )


def test_a_row_a_series_with_the_columns_of_the_contract(demand, tmp_path, capsys):
    assert forecast(demand, tmp_path / "out.parquet") == 0
    assert "50 series to 2026-12-01 (1,695 rows of demand.parquet) forecast" in capsys.readouterr().out
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column_names == ["series_id", "mean", "sd", "method", "q0.5", "q0.9", "q0.95", "q0.99"]
    assert [str(one) for one in table.schema.types] == ["string", "double", "double", "string", *["int64"] * 4]
    ids = table.column("series_id").to_pylist()
    assert ids == sorted(ids)
    assert len(ids) == 50


@pytest.mark.parametrize("more", [(), ("--per-period",)], ids=["total", "per period"])
def test_every_series_gets_finite_rising_whole_quantiles(demand, tmp_path, more):
    levels = "0.99,0.001,0.5,0.999999,0.95"
    assert forecast(demand, tmp_path / "out.parquet", "--levels", levels, *more) == 0
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column_names[-5:] == [f"q{one}" for one in levels.split(",")]
    rising = np.stack([table.column(f"q{one}").to_numpy() for one in sorted(levels.split(","), key=float)])
    assert (rising >= 0).all()
    assert (np.diff(rising, axis=0) >= 0).all()
    for name in ("mean", "sd"):
        assert np.isfinite(table.column(name).to_numpy()).all()
        assert (table.column(name).to_numpy() >= 0).all()
    assert table.column("method").null_count == 0


def test_per_period_has_a_row_per_series_and_step(demand, tmp_path):
    assert forecast(demand, tmp_path / "steps.parquet", "--per-period") == 0
    assert forecast(demand, tmp_path / "total.parquet") == 0
    steps, total = pq.read_table(tmp_path / "steps.parquet"), pq.read_table(tmp_path / "total.parquet")
    assert steps.column("step").to_pylist() == [1, 2, 3] * 50
    assert steps.column("series_id").to_pylist()[::3] == total.column("series_id").to_pylist()
    summed = steps.column("mean").to_numpy().reshape(50, 3).sum(axis=1)
    np.testing.assert_allclose(summed, total.column("mean").to_numpy(), rtol=1e-9)


def test_the_next_period_alone_is_the_total_of_one(demand, tmp_path):
    """Mean, spread and quantiles of step 1 are those of a horizon of one period."""
    whole, steps = tmp_path / "total.parquet", tmp_path / "steps.parquet"
    assert forecast(demand, whole, "--horizon", 1) == 0
    assert forecast(demand, steps, "--horizon", 1, "--per-period") == 0
    total, step = pq.read_table(whole).to_pydict(), pq.read_table(steps).to_pydict()
    assert step.pop("step") == [1] * 50
    for column, values in total.items():
        assert step[column] == (pytest.approx(values, rel=1e-12) if column in ("mean", "sd") else values)


def test_the_same_rows_give_the_same_bytes(demand, tmp_path):
    """Whatever the order of the rows and the hash seed of the process."""
    table = pq.read_table(demand)
    pq.write_table(table.take(np.random.default_rng(1).permutation(len(table))), tmp_path / "shuffled.parquet")
    hashes = set()
    for number, file in enumerate([demand, tmp_path / "shuffled.parquet"]):
        out = tmp_path / f"{number}.parquet"
        done = started(
            "forecast",
            "--demand",
            file,
            "--period",
            "month",
            "--horizon",
            4,
            "--output",
            out,
            PYTHONHASHSEED=str(number),
        )
        assert done.returncode == 0, done.stderr
        hashes.add(hashlib.sha256(out.read_bytes()).hexdigest())
    assert len(hashes) == 1


def test_a_part_that_sells_more_gets_more(tmp_path):
    """Seven a month for three years are about 21 in three months, and more than one a month."""
    quantity = np.concatenate([np.full(36, 7), np.full(36, 1), np.tile([0, 0, 0, 1], 9)])
    columns = {"series_id": np.repeat(["seven", "one", "few"], 36), "period": np.tile(MONTHS, 3), "quantity": quantity}
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    assert forecast(tmp_path / "in.parquet", tmp_path / "out.parquet") == 0
    few, one, seven = pq.read_table(tmp_path / "out.parquet").column("mean").to_pylist()
    assert seven == pytest.approx(21, rel=0.25)
    assert few < one < seven


@pytest.mark.parametrize("period", ["week", "day"])
def test_weeks_and_days_are_forecast_too(tmp_path, period):
    days = np.datetime64("2026-01-05") + np.arange(40) * (7 if period == "week" else 1)
    table = pa.table({"series_id": np.repeat([1, 2], 40), "period": np.tile(days, 2), "qty": np.tile([0, 2], 40)})
    pq.write_table(table, tmp_path / "in.parquet")
    arguments = [
        "forecast",
        "--demand",
        tmp_path / "in.parquet",
        "--period",
        period,
        "--horizon",
        2,
        "--output",
        tmp_path / "out.parquet",
    ]
    assert answer(list(map(str, arguments))) == 0
    assert pq.read_table(tmp_path / "out.parquet").column("series_id").to_pylist() == [1, 2]


def test_items_and_json(demand, tmp_path, capsys):
    names = sorted(set(pq.read_table(demand).column("series_id").to_pylist()))
    pq.write_table(
        pa.table({"series_id": names[:-1], "part_group": ["a"] * 49, "price": [1.5] * 49}), tmp_path / "items.parquet"
    )
    assert forecast(demand, tmp_path / "out.parquet", "--items", tmp_path / "items.parquet", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["series"], said["series_with_items"], said["blank_quantities"], said["last_on"]) == (
        50,
        49,
        55,
        "2026-12-01",
    )
    assert sum(said["methods"].values()) == 50


def test_few_refused_items_are_1_and_kept_beside_those_of_the_demand(demand, tmp_path, capsys):
    """Both files' rows are in one rejects.csv; with a smaller share the items are refused, and the demand's rows kept."""
    rows = pq.read_table(demand).to_pylist()
    rows[3]["quantity"] = -1
    pq.write_table(pa.Table.from_pylist(rows, pq.read_schema(demand)), tmp_path / "in.parquet")
    names = sorted({row["series_id"] for row in rows})
    prices = np.where(np.arange(50) == 7, -2.0, 1.5)
    pq.write_table(pa.table({"series_id": names, "price": prices}), tmp_path / "items.parquet")
    items = ["--items", tmp_path / "items.parquet"]
    assert forecast(tmp_path / "in.parquet", tmp_path / "out.parquet", *items, "--json") == 1
    said = capsys.readouterr()
    assert "1 rows of items.parquet were refused; they are in" in said.err
    assert "items.parquet line 8: price is" in said.err
    answered = json.loads(said.out)
    assert (answered["refused_rows"], answered["refused_items"], answered["exit_code"]) == (1, 1, 1)
    rejects = (tmp_path / "rejects.csv").read_text(encoding="utf-8").splitlines()
    assert [row.split(",")[:4] for row in rejects[1:]] == [
        ["demand", "in.parquet", "4", "quantity"],
        ["items", "items.parquet", "8", "price"],
    ]
    (tmp_path / "out.parquet").unlink()
    assert forecast(tmp_path / "in.parquet", tmp_path / "out.parquet", *items, "--max-rejected-share", 0.01) == 2
    assert "1 of 50 rows of items.parquet break a rule, more than 1.00%" in capsys.readouterr().err
    assert not (tmp_path / "out.parquet").exists()
    assert len((tmp_path / "rejects.csv").read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.parametrize("more", [(), ("--per-period",)], ids=["total", "per period"])
def test_the_learner_is_averaged_in_and_says_so(demand, tmp_path, more):
    """Parts that sell for three months and rest for three, and awkward ones: the contract holds with the learner too."""
    pytest.importorskip("lightgbm", reason="the learner's extra is not installed: pip install 'partsopt[ml]'")
    generator = np.random.default_rng(8)
    sells = (np.arange(36) + np.arange(90)[:, None]) % 6 < 3
    waves = pa.table(
        {
            "series_id": np.repeat([f"W{k:02d}" for k in range(90)], 36),
            "period": np.tile(MONTHS, 90),
            "quantity": (sells * generator.poisson(20.0, sells.shape)).astype(float).ravel(),
        }
    )
    pq.write_table(pa.concat_tables([pq.read_table(demand), waves]), tmp_path / "in.parquet")
    assert forecast(tmp_path / "in.parquet", tmp_path / "out.parquet", "--learner", "--levels", "0.99,0.5", *more) == 0
    table = pq.read_table(tmp_path / "out.parquet")
    assert set(table.column("method").to_pylist()) >= {"pooled and learner"}
    upper, middle = (table.column(name).to_numpy() for name in ("q0.99", "q0.5"))
    assert (middle >= 0).all()
    assert (upper >= middle).all()


def test_the_learner_without_its_library_is_2_and_says_what_to_install(demand, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    assert forecast(demand, tmp_path / "out.parquet", "--learner") == 2
    assert "pip install 'partsopt[ml]'" in capsys.readouterr().err
    assert not (tmp_path / "out.parquet").exists()


def test_fractions_give_whole_quantiles_and_a_note(tmp_path, capsys):
    table = pa.table({"series_id": ["A"] * 36, "period": MONTHS, "quantity": [0.4, 0.0, 1.5] * 12})
    pq.write_table(table, tmp_path / "in.parquet")
    assert forecast(tmp_path / "in.parquet", tmp_path / "out.parquet") == 0
    assert "24 quantities are not whole" in capsys.readouterr().out
    assert str(pq.read_table(tmp_path / "out.parquet").schema.field("q0.99").type) == "int64"


def test_refused_demand_is_2_and_writes_nothing(tmp_path, capsys):
    pq.write_table(pa.table({"series_id": ["A"], "period": ["2026-01-01"], "quantity": [-1]}), tmp_path / "in.parquet")
    assert forecast(tmp_path / "in.parquet", tmp_path / "out.parquet", "--json") == 2
    said = capsys.readouterr()
    assert 'in.parquet line 1: quantity is "-1, series A"; it must be 0 or more' in said.err
    assert json.loads(said.out)["violations"][0]["column"] == "quantity"
    assert not (tmp_path / "out.parquet").exists()


def test_few_refused_rows_are_1_and_kept_beside_the_output(demand, tmp_path, capsys):
    """The others are forecast; with a smaller share the file is refused, and its rows are kept all the same."""
    table = pq.read_table(demand)
    rows = table.to_pylist()
    rows[3]["quantity"] = -1
    table = pa.Table.from_pylist(rows, table.schema)
    pq.write_table(table, tmp_path / "in.parquet")
    assert forecast(tmp_path / "in.parquet", tmp_path / "out.parquet", "--json") == 1
    said = capsys.readouterr()
    assert "1 rows of in.parquet were refused; they are in" in said.err
    assert "in.parquet line 4: quantity is" in said.err
    assert json.loads(said.out)["refused_rows"] == 1
    assert json.loads(said.out)["exit_code"] == 1
    assert pq.read_table(tmp_path / "out.parquet").num_rows == len(set(table.column("series_id").to_pylist()))
    rejects = (tmp_path / "rejects.csv").read_text(encoding="utf-8").splitlines()
    assert rejects[0] == "table,file,line,column,value,rule,remedy,row_text"
    assert rejects[1].startswith("demand,in.parquet,4,quantity,")
    (tmp_path / "out.parquet").unlink()
    (tmp_path / "rejects.csv").unlink()
    assert forecast(tmp_path / "in.parquet", tmp_path / "out.parquet", "--max-rejected-share", 0) == 2
    said = capsys.readouterr()
    assert "in.parquet is refused; no forecast was written." in said.err
    assert not (tmp_path / "out.parquet").exists()
    assert len((tmp_path / "rejects.csv").read_text(encoding="utf-8").splitlines()) == 2


def test_lines_of_a_csv_that_are_no_rows_are_refused_by_line(tmp_path, capsys):
    lines = [f"A,{month},1" for month in MONTHS.astype(str)] * 1
    lines += [f"B,{month},2" for month in MONTHS.astype(str)]
    (tmp_path / "in.csv").write_text("\n".join(["series_id,period,quantity", *lines, "C,2026-01-01"]) + "\n")
    assert forecast(tmp_path / "in.csv", tmp_path / "out.parquet") == 1
    assert "in.csv line 74" in capsys.readouterr().err
    assert pq.read_table(tmp_path / "out.parquet").column("series_id").to_pylist() == ["A", "B"]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            {"period": MONTHS + 30},
            "must be the first day of a month. Remedy: give the month's first day, or another --period",
        ),
        ({"period": np.repeat(MONTHS[:1], 36)}, "must be there once for a series"),
        ({"quantity": [np.inf] * 36}, "must be finite. Remedy: give pieces, or leave the cell blank"),
        ({"quantity": ["3"] * 35 + ["three"]}, 'quantity is "three, series A"; it must be a number'),
        ({"quantity": [True] * 36}, "must be stored as numbers"),
        ({"series_id": [1.5] * 36}, "must be stored as text or whole numbers"),
        ({"series_id": [None, *["A"] * 35]}, "must be given. Remedy: give every row the series it belongs to"),
    ],
    ids=["month ends", "a period twice", "infinite", "text", "truth", "fractional ids", "no id"],
)
def test_what_a_stranger_may_give_is_refused_with_its_remedy(tmp_path, capsys, columns, said):
    usual = {"series_id": ["A"] * 36, "period": MONTHS, "quantity": [1] * 36}
    pq.write_table(pa.table(usual | columns), tmp_path / "in.parquet")
    assert forecast(tmp_path / "in.parquet", tmp_path / "out.parquet") == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out.parquet").exists()


def test_a_file_that_is_not_there_and_one_without_rows_are_refused(tmp_path, capsys):
    assert forecast(tmp_path / "gone.parquet", tmp_path / "out.parquet") == 2
    assert "gone.parquet is not a file. Give the path of a Parquet (or CSV) file." in capsys.readouterr().err
    none = pa.table(
        {"series_id": pa.array([], pa.string()), "period": MONTHS[:0], "quantity": pa.array([], pa.int64())}
    )
    pq.write_table(none, tmp_path / "in.parquet")
    assert forecast(tmp_path / "in.parquet", tmp_path / "out.parquet") == 2
    assert "in.parquet has no rows." in capsys.readouterr().err


def test_what_would_not_fit_in_memory_is_refused(demand, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.modules["partsopt.commands.forecast"], "MAX_FIGURES", 1000)
    assert forecast(demand, tmp_path / "out.parquet", "--horizon", "6", "--per-period") == 2
    assert "with 6 periods of 4 levels each that is 1,200 figures, more than 1,000" in capsys.readouterr().err


def test_value_needs_a_price(demand, tmp_path, capsys):
    assert forecast(demand, tmp_path / "out.parquet", "--by-value") == 64
    assert "--by-value needs --items with unit_cost (or price)" in capsys.readouterr().err
    pq.write_table(pa.table({"series_id": ["P00"], "part_group": ["a"]}), tmp_path / "items.parquet")
    assert forecast(demand, tmp_path / "out.parquet", "--items", tmp_path / "items.parquet", "--by-value") == 2
    assert "items.parquet has no unit_cost (or price), which --by-value needs" in capsys.readouterr().err
    pq.write_table(pa.table({"series_id": ["P00", "P39"], "price": [1.0, 50.0]}), tmp_path / "items.parquet")
    assert forecast(demand, tmp_path / "out.parquet", "--items", tmp_path / "items.parquet", "--by-value") == 0


def test_a_folder_that_cannot_be_written_is_4(demand, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert forecast(demand, tmp_path / "file" / "out.parquet") == 4
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--levels", "0.9,high"], '--levels: "high" is no number'),
        (["--levels", "1.0"], "--levels: 1.0 must be above 0 and below 1"),
        (["--levels", "nan"], "--levels: nan must be above 0 and below 1"),
        (["--levels", "0.9,0.90"], "--levels: 0.90 is there twice"),
        (["--levels", ""], '--levels: "" is no number'),
        (["--horizon", "0"], "0 is not in the range"),
        (["--horizon", "2.5"], "not a valid integer"),
        (["--period", "year"], "'year' is not one of 'month', 'week', 'day'"),
    ],
)
def test_nonsense_is_wrong_usage(demand, tmp_path, capsys, more, said):
    assert forecast(demand, tmp_path / "out.parquet", *more) == 64
    assert said in capsys.readouterr().err


def test_the_input_is_never_overwritten(demand, capsys):
    before = demand.read_bytes()
    assert forecast(demand, demand) == 64
    assert "is an input too" in capsys.readouterr().err
    assert demand.read_bytes() == before


def test_the_command_imports_only_what_it_needs(demand, tmp_path):
    """Pandas, statsmodels and the solvers take longer to import than the forecast takes."""
    arguments = [
        "forecast",
        "--demand",
        str(demand),
        "--period",
        "month",
        "--horizon",
        "3",
        "--output",
        str(tmp_path / "out.parquet"),
    ]
    code = f"import sys; from partsopt.commands import answer; answer({arguments!r}); print(sorted(set(sys.modules) & {{'pandas', 'ortools', 'statsmodels', 'pulp', 'rich', 'lightgbm'}}), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr.strip() == "[]"
