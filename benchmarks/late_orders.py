"""Time of ``partsopt dispatch`` through its real entry point, process start included.

    python cli.py sample my-network --dealers 150 --parts 3000; python cli.py run my-network
    python -m benchmarks.late_orders --directory my-network --orders 10 --repeats 5 --out late.csv

puts urgent orders for parts that the DC with most dealers has to spare into the newest night of a data directory, at
09:00 of the planned day, each time into runs of its own beside the night. A row for each repeat: wall and CPU seconds
of the process, stops of the plan, lines new. ``verify`` then checks the last run; exit code 2 where it finds anything.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from benchmarks.rows import write_table
from partsopt.store.publish import current_run

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.late_orders", description="Time of a dispatch.")
    parser.add_argument("--directory", type=Path, required=True, help="a data directory with a published night")
    parser.add_argument("--orders", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    options = parser.parse_args(arguments)
    night = current_run(options.directory / "runs")
    if night is None:
        raise SystemExit(f"{options.directory} has no published night; run it first")
    rows = []
    with tempfile.TemporaryDirectory() as place:
        today = json.loads((night / "manifest.json").read_text(encoding="utf-8"))["today"]
        orders = Path(place) / "late.csv"
        late_orders(night, options.orders, today).to_csv(orders, index=False, lineterminator="\n")
        for repeat in range(options.repeats):
            out = Path(place) / f"runs-{repeat}"
            before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
            answered("dispatch", night, orders, "--now", f"{today}T09:00", "--out", out)
            after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            run = out / (out / "DISPATCHED").read_text(encoding="utf-8").strip()
            n_new = int(pd.read_csv(run / "changes.csv")["change"].eq("new").sum())
            n_stops = len(pd.read_parquet(run / "stops.parquet"))
            n_lines = len(pd.read_parquet(run / "delivery_lines.parquet"))
            rows.append({"wall_seconds": wall, "cpu_seconds": cpu, "stops": n_stops, "lines": n_lines, "new": n_new})
        answered("verify", run)
    table = pd.DataFrame(rows)
    write_table(table, options.out)
    print(table.to_string(index=False))
    return 0


def late_orders(night: Path, n: int, today: str) -> pd.DataFrame:
    """Rows of urgent orders from different dealers of the DC with most, each for a part it has to spare."""
    positions = pd.read_parquet(night / "positions.parquet")
    sites = pd.read_parquet(night / "used" / "sites.parquet")
    dealers = sites[sites["site_kind"].eq("dealer")]
    depot_id = str(dealers["supplied_by"].value_counts().sort_index().idxmax())
    free = positions["on_hand"] - positions["reserved"] - positions["committed"] - positions["requested"]
    parts = sorted(positions.loc[positions["site_id"].eq(depot_id) & (free >= 5), "part_id"])[:n]
    own = sorted(dealers.loc[dealers["supplied_by"].eq(depot_id), "site_id"])
    return pd.DataFrame(
        {
            "order_id": [f"LATE{k}" for k in range(len(parts))],
            "line": 1,
            "site_id": [own[k * len(own) // len(parts)] for k in range(len(parts))],
            "part_id": parts,
            "quantity": 1,
            "tier": ["vor" if k % 2 else "urgent" for k in range(len(parts))],
            "placed_at": f"{today}T08:50",
            "deliver_by": "",
        }
    )


def answered(*arguments: object) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.stderr.write(done.stderr)
        raise SystemExit(2)


if __name__ == "__main__":
    sys.exit(main())
