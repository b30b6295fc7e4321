"""Every command through its real entry points: ``python cli.py`` and ``partsopt``."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "data" / "sample"
GOLDEN = ROOT / "tests" / "golden" / "two_dealers_share_fairly" / "input"


def started(*arguments: object, launcher: str = "cli", **environment: str) -> subprocess.CompletedProcess[str]:
    """Start a command as a process of its own."""
    first = [sys.executable, str(ROOT / "cli.py")]
    if launcher == "installed":
        first = [str(Path(sys.executable).parent / "partsopt")]
    return subprocess.run(
        [*first, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
    )


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """A small network of three sites to plan."""
    return Path(shutil.copytree(GOLDEN, tmp_path / "night"))


def hashes(folder: Path) -> dict[str, str]:
    files = [file for file in sorted(folder.iterdir()) if file.is_file()]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def current(runs: Path) -> Path:
    return runs / (runs / "CURRENT").read_text(encoding="utf-8").strip()


@pytest.mark.parametrize("launcher", ["cli", "installed"])
def test_version_and_help_answer(launcher: str):
    assert started("--version", launcher=launcher).stdout == "partsopt, version 0.1.0\n"
    helped = started("--help", launcher=launcher)
    assert helped.returncode == 0
    assert "Plan one night and publish its orders." in helped.stdout


def test_help_imports_nothing_heavy():
    """`--help` stays fast because no heavy library is imported for it."""
    code = "import sys; from partsopt.commands import answer; answer(['--help']); print(sorted(set(sys.modules) & {'pandas', 'numpy', 'ortools', 'statsmodels', 'pulp', 'pyarrow', 'rich'}), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr.strip() == "[]"


def test_wrong_usage_is_64():
    done = started("run")
    assert done.returncode == 64
    assert "Missing argument 'DIRECTORY'" in done.stderr
    assert started("bogus").returncode == 64


def test_the_sample_night_is_published_and_summed_up(tmp_path: Path):
    """The README's night: exit 0, one line a stage on stderr, a summary on stdout, a manifest that checks."""
    done = started("run", SAMPLE, "--out", tmp_path / "runs")
    assert done.returncode == 0, done.stderr
    stages = [line.split(":")[0] for line in done.stderr.splitlines()]
    assert stages == [
        "read",
        "demand",
        "forecast",
        "classify",
        "replenish",
        "allocate",
        "routing",
        "documents",
        "write",
    ]
    for title in ("Purchase orders", "Service promised", "Shortages", "Deliveries", "Exceptions", "Files of this run"):
        assert title in done.stdout
    manifest = json.loads((current(tmp_path / "runs") / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["today"] == "2026-11-02"
    assert {"purchase_orders.csv", "transfer_orders.csv", "deliveries.csv", "pick_lists.csv", "exceptions.csv"} <= set(
        manifest["files"]
    )


def test_both_launchers_publish_the_same_bytes_under_any_hash_seed(night: Path, tmp_path: Path):
    """Two processes with different hash seeds and launchers give the same folder, byte for byte."""
    first = started("run", night, "--out", tmp_path / "a", PYTHONHASHSEED="1")
    second = started("run", night, "--out", tmp_path / "b", launcher="installed", PYTHONHASHSEED="2")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert current(tmp_path / "a").name == current(tmp_path / "b").name
    assert hashes(current(tmp_path / "a")) == hashes(current(tmp_path / "b"))


def test_the_order_of_input_rows_does_not_matter(night: Path, tmp_path: Path):
    """Shuffled input gives the same orders, byte for byte; only the inputs' hashes differ."""
    started("run", night, "--out", tmp_path / "a")
    for file in sorted(night.glob("*.csv")):
        rows = file.read_text(encoding="utf-8").splitlines()
        file.write_text("\n".join([rows[0], *rows[:0:-1]]) + "\n", encoding="utf-8")
    started("run", night, "--out", tmp_path / "b")
    first, second = hashes(current(tmp_path / "a")), hashes(current(tmp_path / "b"))
    first.pop("manifest.json")
    second.pop("manifest.json")
    assert first == second


def test_running_twice_leaves_one_run(night: Path, tmp_path: Path):
    for _ in range(2):
        assert started("run", night, "--out", tmp_path / "runs").returncode == 0
    assert len([folder for folder in (tmp_path / "runs").iterdir() if folder.is_dir()]) == 1


def test_a_refused_row_is_quarantined_and_exits_1(night: Path, tmp_path: Path):
    """One bad row of many: the night goes on, exit 1, and rejects.csv has the row."""
    with (night / "demand_lines.csv").open("a", encoding="utf-8") as file:
        file.write("2026-10-15,D01,8K0-615,two,stock,repair,false\n")
    done = started("run", night, "--out", tmp_path / "runs", PARTSOPT__READ__MAX_REJECTED_SHARE="0.5")
    assert done.returncode == 1, done.stderr
    assert "1 input rows were refused" in done.stdout
    rejects = pd.read_csv(current(tmp_path / "runs") / "rejects.csv")
    assert rejects.loc[0, ["file", "line", "column", "value"]].tolist() == ["demand_lines.csv", 50, "quantity", "two"]


def test_a_broken_table_exits_2_and_publishes_nothing(night: Path, tmp_path: Path):
    (night / "stock.csv").unlink()
    done = started("run", night, "--out", tmp_path / "runs")
    assert done.returncode == 2
    assert "stock" in done.stderr
    assert not (tmp_path / "runs" / "CURRENT").exists()
    as_json = started("run", night, "--out", tmp_path / "runs", "--json")
    assert json.loads(as_json.stdout)["exit_code"] == 2


def test_the_rows_of_a_refused_night_are_kept(night: Path, tmp_path: Path):
    """A share of refused rows above the setting stops the night; all of them are in refused/rejects.csv."""
    with (night / "demand_lines.csv").open("a", encoding="utf-8") as file:
        file.write("2026-10-15,D01,8K0-615,two,stock,repair,false\n" * 3)
    done = started("run", night, "--out", tmp_path / "runs")
    assert done.returncode == 2
    assert f"All refused rows are in {tmp_path / 'runs' / 'refused' / 'rejects.csv'}." in done.stderr
    assert len(pd.read_csv(tmp_path / "runs" / "refused" / "rejects.csv")) == 3
    assert not (tmp_path / "runs" / "CURRENT").exists()


def test_a_file_that_no_table_is_named_for_is_told(night: Path, tmp_path: Path):
    (night / "stok.csv").write_text("a\n1\n", encoding="utf-8")
    done = started("run", night, "--out", tmp_path / "runs")
    assert done.returncode == 0
    assert "Note: stok.csv is not named for an input table and is not read" in done.stdout


def test_an_unknown_setting_is_refused_with_the_nearest_name(night: Path):
    (night / "settings.toml").write_text("[demand]\nperoid = 'week'\n", encoding="utf-8")
    done = started("run", night)
    assert done.returncode == 2
    assert done.stderr == "Error: demand.peroid is not a setting; the nearest name is demand.period.\n"


def test_the_environment_overrides_the_file_and_set_overrides_both(night: Path, tmp_path: Path):
    started("run", night, "--out", tmp_path / "a", PARTSOPT__DEMAND__PERIOD="week")
    started("run", night, "--out", tmp_path / "b", "--set", "demand.period=month", PARTSOPT__DEMAND__PERIOD="week")
    read = [json.loads((current(tmp_path / name) / "manifest.json").read_text())["settings"] for name in ("a", "b")]
    assert [one["demand"]["period"] for one in read] == ["week", "month"]


def test_a_day_that_is_no_date_is_refused(night: Path):
    done = started("run", night, "--today", "02.11.2026")
    assert done.returncode == 2
    assert done.stderr == 'Error: today is "02.11.2026"; it must be a date written YYYY-MM-DD.\n'


def test_a_held_lock_exits_5(night: Path, tmp_path: Path):
    from partsopt.store.lock import run_lock

    with run_lock(tmp_path / "runs"):
        done = started("run", night, "--out", tmp_path / "runs")
    assert done.returncode == 5
    assert "another run" in done.stderr.lower()


def test_a_place_that_cannot_be_written_exits_4(night: Path, tmp_path: Path):
    (tmp_path / "runs").write_text("a file stands here", encoding="utf-8")
    done = started("run", night, "--out", tmp_path / "runs")
    assert done.returncode == 4, done.stderr


def test_validate_names_every_refusal(night: Path):
    clean = started("validate", night)
    assert clean.returncode == 0
    assert "Every row is accepted." in clean.stdout
    with (night / "demand_lines.csv").open("a", encoding="utf-8") as file:
        file.write("2026-10-15,D09,8K0-615,2,stock,repair,false\n")
    broken = started("validate", night, PARTSOPT__READ__MAX_REJECTED_SHARE="0.5")
    assert broken.returncode == 1
    assert 'demand_lines.csv line 50: site_id is "D09"' in broken.stdout
    said = json.loads(started("validate", night, "--json", PARTSOPT__READ__MAX_REJECTED_SHARE="0.5").stdout)
    assert said["rejects"][0]["value"] == "D09"


def test_init_makes_a_project_that_runs_and_is_not_overwritten(tmp_path: Path):
    assert started("init", tmp_path / "project").returncode == 0
    assert started("run", tmp_path / "project").returncode == 0
    again = started("init", tmp_path / "project")
    assert again.returncode == 2
    assert "already holds settings.toml" in again.stderr


def test_the_committed_sample_is_reproducible_byte_by_byte(tmp_path: Path):
    done = started("sample", tmp_path / "s", "--dcs", 3, "--dealers", 12, "--parts", 300, "--months", 24, "--seed", 1)
    assert done.returncode == 0, done.stderr
    assert hashes(tmp_path / "s") == hashes(SAMPLE)


def test_schema_prints_one_table_or_all():
    assert "### stock (required)" in started("schema", "stock").stdout
    assert json.loads(started("schema", "stock", "--json").stdout)[0]["key"] == ["site_id", "part_id"]
    assert started("schema", "stok").returncode == 64
