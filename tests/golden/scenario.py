"""Run a golden scenario through the command line and read back what it published."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

from partsopt.commands import answer

GOLDEN = Path(__file__).resolve().parent
SCENARIOS = sorted(folder.parent for folder in GOLDEN.glob("*/story.md"))
SHOWN = ("purchase_orders.csv", "transfer_orders.csv", "deliveries.csv", "exceptions.csv")
SHOWN_IF_ANY = ("excess_actions.csv", "run_outs.csv", "waiting.csv")
LEVEL_COLUMNS = ["site_id", "part_id", "abc_class", "is_stocked", "is_due", "protection_days", "order_up_to_level"]
POSITION_COLUMNS = [
    "on_hand",
    "on_order",
    "on_order_later",
    "backordered",
    "reserved",
    "requested",
    "inventory_position",
]


def published(folder: Path, work: Path) -> dict[str, str]:
    """Plan the scenario's night and give the published texts by file name.

    A scenario with a file ``then_import_proposals`` is run, its purchase and transfer orders are
    put into open_orders as the ERP would, and the second night's files are given. One with a file
    ``then_the_next_day`` goes on to the night of the day that it holds, what left before being shipped.
    """
    night = work / "night"
    shutil.copytree(folder / "input", night)
    run = _run(night, work / "runs")
    if (folder / "then_import_proposals").exists():
        _import_proposals(night, run)
        run = _run(night, work / "runs")
    first: dict[str, str] = {}
    if (folder / "then_the_next_day").exists():
        first = {
            f"first_{name}": (run / name).read_text(encoding="utf-8") for name in ("deliveries.csv", "waiting.csv")
        }
        _import_proposals(night, run, waiting_only=True)
        run = _run(night, work / "runs", (folder / "then_the_next_day").read_text(encoding="utf-8").strip())
    texts = {name: (run / name).read_text(encoding="utf-8") for name in SHOWN}
    texts["levels.csv"] = _levels(run)
    for name in SHOWN_IF_ANY:
        text = (run / name).read_text(encoding="utf-8")
        if text.count("\n") > 1:
            texts[name] = text
    return {**texts, **first}


def _run(night: Path, runs: Path, today: str = "") -> Path:
    code = answer(["run", str(night), "--out", str(runs), "--json", *(["--today", today] if today else [])])
    assert code == 0, f"exit code {code}"
    return runs / (runs / "CURRENT").read_text(encoding="utf-8").strip()


def _import_proposals(night: Path, run: Path, *, waiting_only: bool = False) -> None:
    """Put a run's orders into open_orders as proposals; with ``waiting_only`` transfers that do not wait are shipped."""
    columns = pd.read_csv(night / "open_orders.csv", dtype=str).columns
    files = [night / "open_orders.csv", run / "purchase_orders.csv", run / "transfer_orders.csv"]
    rows = [pd.read_csv(file, dtype=str, keep_default_na=False).reindex(columns=columns) for file in files]
    if waiting_only:
        waiting = pd.read_csv(run / "waiting.csv", dtype=str)["line_id"]
        has_left = ~(rows[2]["order_id"] + "/" + rows[2]["line"]).isin(waiting)
        rows[2]["status"] = rows[2]["status"].mask(has_left, "shipped")
    pd.concat(rows).to_csv(night / "open_orders.csv", index=False, lineterminator="\n")


def _levels(run: Path) -> str:
    levels = pd.read_parquet(run / "levels.parquet")[LEVEL_COLUMNS]
    positions = pd.read_parquet(run / "positions.parquet")[["site_id", "part_id", *POSITION_COLUMNS]]
    return levels.merge(positions, on=["site_id", "part_id"], validate="1:1").to_csv(index=False, lineterminator="\n")
