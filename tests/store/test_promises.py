"""Promises of earlier runs, read from their folders; a night sees earlier days only, and is made of the same bytes."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from pathlib import Path

import numpy as np
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
    before, told = (pd.read_parquet(one / "all_exceptions.parquet") for one in (first, second))
    both = told.merge(before, on=["code", "site_id", "part_id"], suffixes=("", "_before"))
    assert len(both) > 0
    assert both["since_on"].eq(both["since_on_before"]).all()
    read = {one["name"] for one in json.loads(manifest)["inputs"] if one["table"] == "past_promises"}
    assert read <= {f"{first.name}/levels.parquet"}
    assert "past_promises" not in {one["table"] for one in json.loads((first / "manifest.json").read_bytes())["inputs"]}
    capsys.readouterr()

    inputs = read_inputs(night, ReadParams()).tables
    sites, levels = inputs["sites"], pd.read_parquet(first / "levels.parquet")
    dealer = levels[
        levels["is_stocked"] & levels["site_id"].isin(sites.loc[sites["site_kind"].eq("dealer"), "site_id"])
    ]
    pair = dealer.iloc[0]
    dc = sites.set_index("site_id").loc[pair["site_id"], "supplied_by"]
    at_dc = levels[levels["site_id"].eq(dc) & levels["part_id"].eq(pair["part_id"]) & levels["is_stocked"]]
    of_dc = int(np.ceil(at_dc["protection_days"].sum()))
    delay = int(np.ceil(pair["protection_days"])) + of_dc

    def promised(*ahead: int, days: int = 90) -> pd.DataFrame:
        """Promises for demand so many days after the first night."""
        on = pd.Timestamp("2026-10-26") + pd.to_timedelta(list(ahead), unit="D")
        lines = pd.DataFrame({"demanded_on": on, "site_id": pair["site_id"], "part_id": pair["part_id"], "quantity": 1})
        return read_past_promises(runs, lines, sites, today, days)

    today = date(2026, 10, 26) + timedelta(days=delay + 5)
    found, files = promised(0, of_dc, delay - 1, delay, delay + 4, delay + 5)
    own = found[found["site_id"].eq(pair["site_id"])]
    assert (own["demanded_on"] - pd.Timestamp("2026-10-26")).dt.days.tolist() == [delay, delay + 4]
    assert own["promised_fill_rate"].eq(pair["promised_fill_rate"]).all()
    above = found[found["site_id"].eq(dc)]
    assert (above["demanded_on"] - pd.Timestamp("2026-10-26")).dt.days.min() == of_dc
    assert [one.name for one in files] == [f"{one.name}/levels.parquet" for one in (first, second)]
    assert promised(delay, days=2)[0].empty

    (first / "manifest.json").write_text("{}", encoding="utf-8")
    assert promised(delay)[0].empty
    runs = tmp_path / "nowhere"
    assert promised(delay)[0].empty
