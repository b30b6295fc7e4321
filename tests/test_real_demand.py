"""The night on networks made like real demand, from start to published CSV."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[1]
DEMAND = ROOT.parent / "shared" / "data" / "demand"
SETS = {
    "carparts": ["--like", DEMAND / "carparts.parquet"],
    "man": ["--like", DEMAND / "man.parquet"],
}


def started(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )


@pytest.mark.skipif(not DEMAND.exists(), reason="the real demand sets are not beside the checkout")
@pytest.mark.parametrize("name", sorted(SETS))
def test_the_night_runs_on_real_demand(name: str, tmp_path: Path):
    """Every real part is planned: orders, transfers and deliveries are published and hang together."""
    made = started("sample", tmp_path / name, "--dealers", 12, "--seed", 1, *SETS[name])
    assert made.returncode == 0, made.stderr
    done = started("run", tmp_path / name, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    run = Path(said["folder"])
    real = pd.read_parquet(SETS[name][1])
    parts = pd.read_csv(tmp_path / name / "parts.csv", dtype=str)
    assert len(parts) == real["series_id"].nunique()
    forecasts = pd.read_parquet(run / "forecasts.parquet")
    assert forecasts["part_id"].nunique() == real.loc[real["qty"] > 0, "series_id"].nunique()
    assert forecasts["mean_per_period"].ge(0).all()
    orders = pd.read_csv(run / "purchase_orders.csv", dtype=str)
    transfers = pd.read_csv(run / "transfer_orders.csv", dtype=str)
    assert len(orders) > 0
    assert len(transfers) > 0
    lineage = pd.read_parquet(run / "lineage.parquet").groupby("line_id")["quantity"].sum()
    lines = pd.concat([orders, transfers]).set_index("line_id")["quantity"].astype("int64")
    assert lineage.to_dict() == lines.to_dict()
