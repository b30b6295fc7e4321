"""What waits goes from night to night: through the command line, with a dispatch in between and files made wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from partsopt.commands import answer

STORY = Path(__file__).resolve().parents[1] / "golden" / "van_full_today_goes_tomorrow" / "input"
URGENT = "order_id,line,site_id,part_id,quantity,tier,placed_at,deliver_by\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return Path(shutil.copytree(STORY, tmp_path / "data"))


def plan(data: Path, today: str) -> Path:
    assert answer(["run", str(data), "--today", today, "--json"]) == 0
    return data / "runs" / (data / "runs" / "CURRENT").read_text(encoding="utf-8").strip()


def table(run: Path, name: str) -> pd.DataFrame:
    return pq.read_table(run / f"{name}.parquet").to_pandas()


def take_over(data: Path, run: Path, status: dict[str, str]) -> None:
    """Import a run's transfer orders; lines not named in ``status`` are shipped."""
    orders = pd.read_csv(run / "transfer_orders.csv", dtype=str, keep_default_na=False)
    now = [status.get(line_id, "shipped") for line_id in orders["line_id"]]
    columns = pd.read_csv(data / "open_orders.csv", dtype=str).columns
    orders.assign(status=now)[columns].to_csv(data / "open_orders.csv", index=False)


def test_a_line_waits_comes_back_and_is_counted_once(data):
    """Seven pieces are sent over two nights from 50: four on Monday, three on Tuesday, none twice."""
    monday = plan(data, "2026-11-02")
    waits = table(monday, "waiting_lines")
    assert waits[["destination_id", "shipped_quantity"]].to_numpy().tolist() == [["D02", 3]]
    line_id = waits["line_id"].iloc[0]
    take_over(data, monday, {line_id: "proposed"})
    tuesday = plan(data, "2026-11-03")
    assert table(tuesday, "taken_up")["line_id"].tolist() == [line_id]
    assert table(tuesday, "shipments").empty
    assert table(tuesday, "waiting_lines").empty
    held = table(tuesday, "positions").set_index("site_id")[["on_hand", "on_order", "committed"]]
    assert held.loc["DC-BJ"].tolist() == [50, 0, 3]
    assert held.loc["D02", "on_order"] == 3
    manifest = json.loads((tuesday / "manifest.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in manifest["inputs"] if one["table"] == "last_waiting"] == [
        f"{monday.name}/waiting_lines.parquet"
    ]
    assert answer(["verify", str(tuesday)]) == 0


def test_a_shipped_line_has_left_and_one_not_imported_is_told(data):
    monday = plan(data, "2026-11-02")
    take_over(data, monday, {})
    tuesday = plan(data, "2026-11-03")
    assert table(tuesday, "taken_up").empty
    assert "waiting_line_gone" not in set(table(tuesday, "all_exceptions")["code"])
    pd.read_csv(data / "open_orders.csv", dtype=str).iloc[:0].to_csv(data / "open_orders.csv", index=False)
    gone = table(plan(data, "2026-11-03"), "all_exceptions").query("code == 'waiting_line_gone'")
    assert gone[["site_id", "money"]].to_numpy().tolist() == [["D02", 300.0]]


def test_a_dispatch_leaves_later_days_and_the_next_night_reads_what_it_left(data, tmp_path):
    """A late order for D01 finds the van gone: nobody carries it, so it waits too; what waits for Tuesday stays."""
    monday = plan(data, "2026-11-02")
    late = tmp_path / "late.csv"
    late.write_text(URGENT + "U-9,1,D01,8K0-615,1,urgent,2026-11-02T09:00,\n", encoding="utf-8")
    assert answer(["dispatch", str(data), str(late), "--now", "2026-11-02T12:00"]) == 0
    dispatched = data / "runs" / (data / "runs" / "DISPATCHED").read_text(encoding="utf-8").strip()
    assert answer(["verify", str(dispatched)]) == 0
    before, after = table(monday, "waiting_lines"), table(dispatched, "waiting_lines")
    assert set(after["line_id"]) - set(before["line_id"]) == {"TO-20261102-DC-BJ-D01-2/1"}
    assert table(dispatched, "routes").equals(table(monday, "routes"))
    take_over(data, dispatched, dict.fromkeys(after["line_id"], "proposed"))
    tuesday = plan(data, "2026-11-03")
    assert set(table(tuesday, "taken_up")["line_id"]) == set(after["line_id"])
    assert answer(["verify", str(tuesday)]) == 0


@pytest.mark.parametrize(
    ("file", "column", "value"),
    [
        ("waiting_lines.parquet", "leave_by", pd.Timestamp("2026-11-09")),
        ("waiting_lines.parquet", "shipped_quantity", 9),
        ("waiting_lines.parquet", "since_on", pd.Timestamp("2026-11-01")),
        ("waiting.csv", "leaves_on", "2026-11-04"),
        ("waiting.csv", "why", "because"),
        ("delivery_lines.parquet", "leave_by", pd.Timestamp("2026-11-09")),
    ],
)
def test_a_wrong_cell_of_what_waits_is_named(data, capsys, file, column, value):
    run = plan(data, "2026-11-02")
    if file.endswith(".csv"):
        rows = pd.read_csv(run / file, dtype=str, keep_default_na=False)
        rows.assign(**{column: value}).to_csv(run / file, index=False, lineterminator="\n")
    else:
        stored = pq.read_table(run / file)
        rows = stored.to_pandas()
        rows.loc[rows.index[-1], column] = value
        pq.write_table(type(stored).from_pandas(rows, schema=stored.schema), run / file)
    capsys.readouterr()
    assert answer(["verify", str(run), "--json"]) == 1
    wrong = json.loads(capsys.readouterr().out)["wrong"]
    assert (file, column) in {(one["file"], one["column"]) for one in wrong}


def test_a_line_taken_up_that_is_no_open_order_is_named(data, capsys):
    monday = plan(data, "2026-11-02")
    take_over(data, monday, dict.fromkeys(table(monday, "waiting_lines")["line_id"], "confirmed"))
    tuesday = plan(data, "2026-11-03")
    stored = pq.read_table(tuesday / "taken_up.parquet")
    rows = stored.to_pandas()
    rows["shipped_quantity"] = 2
    pq.write_table(type(stored).from_pandas(rows, schema=stored.schema), tuesday / "taken_up.parquet")
    capsys.readouterr()
    assert answer(["verify", str(tuesday), "--json"]) == 1
    wrong = json.loads(capsys.readouterr().out)["wrong"]
    assert ("taken_up.parquet", "shipped_quantity", "3") in {
        (one["file"], one["column"], one["computed"]) for one in wrong
    }
