"""``partsopt levels``: the standalone contract, the curve, refusals."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from partsopt.commands import answer

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
COLUMNS = [
    "site_id", "part_id", "review_period_days", "lead_time_days", "order_up_to_level", "promised_fill_rate",
    "abc_class", "unit_cost",
]  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("levels")
    code = answer(
        ["levels", str(SAMPLE), "--today", "2026-10-05", "--output", str(folder / "levels.parquet"), "--curve"]
    )
    assert code == 0
    return folder


def test_columns_of_the_contract(written):
    table = pd.read_parquet(written / "levels.parquet")
    assert table.columns.tolist() == COLUMNS
    assert not table.duplicated(["site_id", "part_id"]).any()
    assert table["order_up_to_level"].dtype == "int64"
    assert table["order_up_to_level"].max() > 5
    assert table["promised_fill_rate"].between(0, 1).all()
    assert not list(written.glob(".*"))


def test_no_record_after_the_day_is_used(written, tmp_path):
    """A copy of the data without the demand of the day and later gives the same bytes."""
    copy = tmp_path / "data"
    shutil.copytree(SAMPLE, copy, ignore=shutil.ignore_patterns("runs"))
    file = copy / "demand_lines.csv"
    header, *lines = file.read_text(encoding="utf-8").splitlines()
    place = header.split(",").index("demanded_on")
    kept = [line for line in lines if line.split(",")[place] < "2026-10-05"]
    assert len(kept) < len(lines)
    file.write_text("\n".join([header, *kept]) + "\n", encoding="utf-8")
    assert answer(["levels", str(copy), "--today", "2026-10-05", "--output", str(tmp_path / "levels.parquet")]) == 0
    assert (tmp_path / "levels.parquet").read_bytes() == (written / "levels.parquet").read_bytes()


def test_curve_has_the_network_and_each_dc(written):
    curve = pd.read_parquet(written / "levels.curve.parquet")
    assert set(curve["scope"]) == {"network", "DC-BJ", "DC-FS", "DC-SH"}
    levels = pd.read_parquet(written / "levels.parquet")
    here = curve[curve["is_here"]].set_index("scope")
    worth = (levels["order_up_to_level"] * levels["unit_cost"]).sum()
    assert here.loc["network", "money"] == pytest.approx(worth)
    for _, rows in curve.groupby("scope"):
        best = rows[~rows["is_here"]]
        assert best["money"].is_monotonic_increasing
        assert best["service"].is_monotonic_increasing


def test_system_approach_within_the_worth_of_the_class_levels(written, tmp_path, capsys):
    """At the money of the class levels the system approach serves the weighted whole better."""
    levels = pd.read_parquet(written / "levels.parquet")
    is_dc = levels["site_id"].str.startswith("DC")
    worth = float((levels["order_up_to_level"] * levels["unit_cost"])[is_dc].sum())
    code = answer([
        "levels", str(SAMPLE), "--today", "2026-10-05", "--output", str(tmp_path / "levels.parquet"), "--json",
        "--set", "replenish.target_rule=system", "--set", f"replenish.system_budget.dc={worth}",
    ])  # fmt: skip
    assert code == 0
    said = json.loads(capsys.readouterr().out)
    assert [run["name"] for run in said["system"]] == ["levels of the dcs", "levels of the dealers"]
    got = pd.read_parquet(tmp_path / "levels.parquet")
    assert (got["order_up_to_level"] * got["unit_cost"])[is_dc].sum() <= worth
    assert all(run["gap"] < 0.001 for run in said["system"])


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("replenish.target_rule=sum", "one of class, system"),
        ("replenish.dc_service_target.A=1.0", "above 0 and below 1"),
        ("replenish.holding_rate_per_year=-1.0", "0 or more"),
    ],
)
def test_bad_settings_write_nothing(setting, text, tmp_path, capsys):
    output = tmp_path / "levels.parquet"
    assert answer(["levels", str(SAMPLE), "--output", str(output), "--set", setting]) == 2
    assert text in capsys.readouterr().err
    assert not output.exists()


def test_a_place_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "taken").write_text("")
    assert answer(["levels", str(SAMPLE), "--output", str(tmp_path / "taken" / "levels.parquet")]) == 4
    assert "cannot be written" in capsys.readouterr().err
