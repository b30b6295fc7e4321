"""Promises of earlier runs, read from their folders; a night sees earlier days only, and is made of the same bytes."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import pandas as pd

from partsopt.commands import answer
from partsopt.settings import ReadParams
from partsopt.store.promises import read_past_promises
from partsopt.store.readers import read_inputs

STORY = Path(__file__).resolve().parents[1] / "golden" / "two_dealers_share_fairly" / "input"


def run(night: Path, runs: Path, today: str) -> Path:
    assert answer(["run", str(night), "--out", str(runs), "--today", today, "--json"]) == 0
    return runs / (runs / "CURRENT").read_text(encoding="utf-8").strip()


def test_the_second_night_reads_the_first_and_never_itself(tmp_path: Path, capsys):
    night, runs = tmp_path / "night", tmp_path / "runs"
    shutil.copytree(STORY, night)
    first = run(night, runs, "2026-10-26")
    second = run(night, runs, "2026-11-02")
    manifest = (second / "manifest.json").read_bytes()
    again = run(night, runs, "2026-11-02")
    assert again == second
    assert (again / "manifest.json").read_bytes() == manifest
    read = {one["name"] for one in json.loads(manifest)["inputs"] if one["table"] == "past_promises"}
    assert read <= {f"{first.name}/levels.parquet"}
    assert "past_promises" not in {one["table"] for one in json.loads((first / "manifest.json").read_bytes())["inputs"]}
    capsys.readouterr()

    inputs = read_inputs(night, ReadParams()).tables
    sites, levels = inputs["sites"], pd.read_parquet(first / "levels.parquet")
    stocked = levels[levels["is_stocked"]].iloc[0]
    demanded = pd.to_datetime(["2026-10-25", "2026-10-26", "2026-10-30", "2026-11-02"])
    lines = pd.DataFrame(
        {"demanded_on": demanded, "site_id": stocked["site_id"], "part_id": stocked["part_id"], "quantity": 1}
    )
    found, files = read_past_promises(runs, lines, sites, date(2026, 11, 2), 90)
    own = found[found["site_id"].eq(stocked["site_id"])]
    assert own["demanded_on"].dt.day.tolist() == [26, 30]
    assert own["promised_fill_rate"].eq(stocked["promised_fill_rate"]).all()
    assert [one.name for one in files] == [f"{first.name}/levels.parquet"]
    assert read_past_promises(runs, lines, sites, date(2026, 11, 2), 3)[0].empty

    (first / "manifest.json").write_text("{}", encoding="utf-8")
    assert read_past_promises(runs, lines, sites, date(2026, 11, 2), 90)[0].empty
    assert read_past_promises(tmp_path / "nowhere", lines, sites, date(2026, 11, 2), 90)[0].empty
