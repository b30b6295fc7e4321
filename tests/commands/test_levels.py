"""``partsopt levels``: the standalone contract, the curve, refusals."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from partsopt.commands import answer
from partsopt.commands.levels import _note

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
        assert best["stopped_by"].iloc[-1] == "levels"  # the sample's sites have any room
        assert (best["bound"] - best["service"]).max() < 1e-9
        assert (best["owed"].diff().iloc[1:] < 1e-6).mean() > 0.9


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
    ("setting", "told"),
    [
        ("target_rule=sum", "target_rule is 'sum'; it must be one of class, system."),
        ("dc_service_target.A=1.0", "dc_service_target.A is 1.0; it must be above 0 and below 1."),
        ("dealer_service_target.C=1.0", "dealer_service_target.C is 1.0; it must be above 0 and below 1."),
        ("dc_service_target.A=nan", "dc_service_target.A is nan; it must be a number."),
        (
            "system_service_target.dealer=1.0",
            "system_service_target.dealer is 1.0; it must be above 0 and below 1, such as 0.99.",
        ),
        ("network_service_target=1.0", "network_service_target is 1.0; it must be above 0 and below 1, such as 0.99."),
        ("holding_rate_per_year=-0.1", "holding_rate_per_year is -0.1; it must be 0 or more."),
        ("obsolescence_per_year.ended=-0.1", "obsolescence_per_year.ended is -0.1; it must be 0 or more."),
        ("dc_review_period_days.A=0", "dc_review_period_days.A is 0; it must be between 1 and 365 (days)."),
        ("dealer_review_period_days.B=0", "dealer_review_period_days.B is 0; it must be between 1 and 365 (days)."),
        ("fill_rate_cap.B=0", "fill_rate_cap.B is 0.0; it must be above 0, at most 1."),
        ("system_budget.dc=-1", "system_budget.dc is -1.0; it must be 0 or more."),
        ("network_budget=-1", "network_budget is -1.0; it must be 0 or more."),
    ],
)
def test_bad_settings_are_refused_with_what_can_be(setting, told, tmp_path, capsys):
    output = tmp_path / "levels.parquet"
    assert answer(["levels", str(SAMPLE), "--output", str(output), "--set", f"replenish.{setting}"]) == 2
    assert capsys.readouterr().err == f"Error: replenish.{told}\n"
    assert not output.exists()


def test_a_floor_above_its_cap_is_refused(tmp_path, capsys):
    floor_and_cap = ["--set", "replenish.fill_rate_floor.A=0.95", "--set", "replenish.fill_rate_cap.A=0.9"]
    assert answer(["levels", str(SAMPLE), "--output", str(tmp_path / "levels.parquet"), *floor_and_cap]) == 2
    assert "replenish.fill_rate_floor.A is 0.95; it must be at most the class's cap, 0.9." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "bad", "feasible"),
    [
        ([], "system_budget.dc", r"does not pay the lowest levels allowed, which cost ([\d,.]+\d)\. Raise the budget"),
        (
            ["fill_rate_floor.A=0.9"], "system_budget.dealer",
            r"does not pay the lowest levels allowed, which cost ([\d,.]+\d)\. Raise the budget",
        ),
        (
            ["system_scope=network"], "network_budget",
            r"does not pay the lowest levels allowed, which cost ([\d,.]+\d)\. Raise the budget",
        ),
        (
            ["system_scope=network"], "network_service_target",
            r"a service of 99\.99999% cannot be reached: the highest levels allowed give ([\d.]+\d)%",
        ),
    ],
)  # fmt: skip
def test_what_is_told_to_be_feasible_is(given, bad, feasible, tmp_path, capsys):
    """A budget below the floors, or a target above the caps, is refused; the value it tells is taken."""
    output = tmp_path / "levels.parquet"
    first = ["levels", str(SAMPLE), "--today", "2026-10-05", "--output", str(output)]
    for one in ("target_rule=system", *given):
        first += ["--set", f"replenish.{one}"]
    is_target = bad.endswith("target")
    assert answer([*first, "--set", f"replenish.{bad}={0.9999999 if is_target else 10}"]) == 2
    told = re.search(feasible, capsys.readouterr().err)
    assert told is not None
    assert not output.exists()
    value = float(told[1].replace(",", "")) / (100 if is_target else 1)
    assert answer([*first, "--set", f"replenish.{bad}={value!r}"]) == 0


def test_a_place_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "taken").write_text("")
    assert answer(["levels", str(SAMPLE), "--output", str(tmp_path / "taken" / "levels.parquet")]) == 4
    assert "cannot be written" in capsys.readouterr().err


def test_a_point_says_what_is_full_and_what_ends_the_curve():
    row = {
        "is_here": False, "pairs_lower": 3, "pairs_higher": 1, "part_id": "P1", "site_id": "D01", "service_lost": 0.004,
        "full_sites": 2, "full_site_id": "DC-SH", "service_per_m3": 0.00125, "stopped_by": "room",
    }  # fmt: skip
    assert _note(row) == (
        "3 levels lower, 1 higher; most P1 at D01, 0.400%; DC-SH and 1 more are full, 1 m3 there serves 0.1250% more; "
        "money buys no more, room does"
    )
    first = row | {"pairs_lower": 0, "full_sites": 0, "stopped_by": "money"}
    assert _note(first) == "the floors"
    assert _note(row | {"is_here": True}) == "<- you are here"
