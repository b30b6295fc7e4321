"""``partsopt dispatch`` on the sample's day: late orders find stock and a place, what is under way stays."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from partsopt.commands import answer
from partsopt.pipeline import plan_night
from partsopt.routing.recheck import recheck_run
from partsopt.settings import read_settings
from partsopt.store.readers import read_inputs
from partsopt.store.runs import publish_plan
from partsopt.store.written import read_run, run_before

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
HEADER = ["order_id", "line", "site_id", "part_id", "quantity", "tier", "placed_at", "deliver_by"]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = read_settings(SAMPLE / "settings.toml", {})
    inputs = read_inputs(SAMPLE, settings.read)
    plan = plan_night(inputs.tables, inputs.rejects, settings, date(2026, 11, 2), lambda _stage, _counted: None)
    return publish_plan(tmp_path_factory.mktemp("runs"), "night", plan, inputs, settings).parent


@pytest.fixture
def runs(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / "runs"))


def orders(place: Path, *rows: list[object], name: str = "late.csv") -> Path:
    with (place / name).open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([HEADER, *rows])
    return place / name


def free_parts(runs: Path, site_id: str, pieces: int) -> list[str]:
    """Parts of which a DC has that many to spare."""
    rows = pd.read_parquet(runs / "night" / "positions.parquet")
    free = rows["on_hand"] - rows["reserved"] - rows["committed"] - rows["requested"]
    return sorted(rows.loc[rows["site_id"].eq(site_id) & (free >= pieces), "part_id"])


def dispatched(runs: Path) -> Path:
    return runs / (runs / "DISPATCHED").read_text(encoding="utf-8").strip()


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / f"{name}.parquet")


def refusals(said: str) -> list[dict[str, Any]]:
    return json.loads(said)["violations"]


def test_a_late_order_is_served_on_the_day_and_the_run_verifies(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    part = free_parts(runs, "DC-SH", 5)[0]
    late = orders(tmp_path, ["L1", 1, "D001", part, 2, "vor", "2026-11-02T08:20", "2026-11-02T14:30"])
    assert answer(["dispatch", str(runs), str(late), "--now", "2026-11-02T08:30"]) == 0
    folder = dispatched(runs)
    assert (runs / "CURRENT").read_text(encoding="utf-8").strip() == "night"
    (change,) = csv.DictReader((folder / "changes.csv").read_text(encoding="utf-8").splitlines())
    assert (change["site_id"], change["part_id"], change["quantity"], change["change"]) == ("D001", part, "2", "new")
    assert change["why"] == "vor order L1/1, placed at 11-02 08:20"
    assert change["is_late"] == "false"
    assert change["arrives_at"] <= "2026-11-02T14:30+08:00"
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["dispatch"]["night"] == manifest["dispatch"]["changes"] == "night"
    capsys.readouterr()
    assert answer(["verify", str(folder)]) == 0
    line = table(folder, "delivery_lines").set_index("line_id").loc[change["line_id"]]
    assert line["released_at"] == pd.Timestamp("2026-11-02T02:00Z")  # 90 minutes from 08:30, not from 08:20
    assert sorted(pd.read_csv(folder / "pick_lists.csv")["line_id"]) == sorted(table(folder, "shipments")["line_id"])


def test_what_is_under_way_or_loading_stays(runs: Path, tmp_path: Path):
    """At noon every trip of the night has left: not one row of them changes."""
    part = free_parts(runs, "DC-SH", 5)[0]
    late = orders(tmp_path, ["L1", 1, "D001", part, 1, "vor", "2026-11-02T11:55", ""])
    assert answer(["dispatch", str(runs), str(late), "--now", "2026-11-02T12:00"]) == 0
    for name in ("routes", "stops", "delivery_lines"):
        before, after = table(runs / "night", name), table(dispatched(runs), name)
        key = ["line_id"] if name == "delivery_lines" else ["route_id", "trip"]
        kept = after.merge(before[key].drop_duplicates(), on=key)
        pd.testing.assert_frame_equal(kept, before)


def test_verify_holds_the_trips_that_stay_against_the_run_before(runs: Path, tmp_path: Path):
    part = free_parts(runs, "DC-SH", 5)[0]
    late = orders(tmp_path, ["L1", 1, "D001", part, 1, "vor", "2026-11-02T11:55", ""])
    assert answer(["dispatch", str(runs), str(late), "--now", "2026-11-02T12:00"]) == 0
    run = read_run(dispatched(runs))
    before, now = run_before(run)
    assert before is not None
    again = {"today": run.today, "params": run.settings.routing, "now": now}
    found = recheck_run(run.tables, before=before, **again)
    assert found.wrong == []
    assert found.checked["locked rows"] > len(before["routes"]) > 0
    earlier = before["routes"].assign(departs_at=before["routes"]["departs_at"] - pd.Timedelta(minutes=5))
    moved = recheck_run(run.tables, before={**before, "routes": earlier}, **again)
    assert {(one.table, one.column) for one in moved.wrong} == {("routes", "departs_at"), ("deliveries", "departs_at")}
    assert sum(one.table == "routes" for one in moved.wrong) == len(before["routes"])
    shutil.rmtree(runs / "night")
    assert run_before(run) == (None, None)


def test_a_dispatch_can_be_dispatched_again(runs: Path, tmp_path: Path):
    parts = free_parts(runs, "DC-SH", 5)[:2]
    first = orders(tmp_path, ["L1", 1, "D001", parts[0], 1, "urgent", "2026-11-02T08:20", ""])
    second = orders(tmp_path, ["L2", 1, "D005", parts[1], 1, "vor", "2026-11-02T09:20", ""], name="second.csv")
    assert answer(["dispatch", str(runs), str(first), "--now", "2026-11-02T08:30"]) == 0
    one = dispatched(runs)
    assert answer(["dispatch", str(runs), str(second), "--now", "2026-11-02T09:30"]) == 0
    two = dispatched(runs)
    manifest = json.loads((two / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["dispatch"]["changes"] == one.name
    assert manifest["dispatch"]["night"] == "night"
    assert len(table(two, "shipments")) == len(table(runs / "night", "shipments")) + 2
    assert answer(["verify", str(two)]) == 0


def test_the_same_orders_at_the_same_time_give_the_same_bytes(runs: Path, tmp_path: Path):
    parts = free_parts(runs, "DC-SH", 5)[:2]
    rows = [["L1", n + 1, "D001", part, 1, "urgent", "2026-11-02T08:20", ""] for n, part in enumerate(parts)]
    manifests = []
    for out in ("one", "other"):
        late, place = orders(tmp_path, *rows), tmp_path / out
        moment = ["--now", "2026-11-02T08:30", "--out", str(place)]
        assert answer(["dispatch", str(runs / "night"), str(late), *moment]) == 0
        manifests.append((dispatched(place) / "manifest.json").read_bytes())
    assert manifests[0] == manifests[1]


def test_what_did_not_change_is_the_file_of_the_run_before(runs: Path, tmp_path: Path):
    """Byte for byte, so that a table written by another version of a library stays what was hashed."""
    part = free_parts(runs, "DC-SH", 5)[0]
    late = orders(tmp_path, ["L1", 1, "D001", part, 1, "urgent", "2026-11-02T08:20", ""])
    assert answer(["dispatch", str(runs), str(late), "--now", "2026-11-02T08:30"]) == 0
    after, night = dispatched(runs), runs / "night"
    same = {
        file.name
        for file in (after / "used").iterdir()
        if file.read_bytes() == (night / "used" / file.name).read_bytes()
    }
    assert {file.name for file in (night / "used").iterdir()} - same == {"urgent_orders.parquet"}
    assert (after / "shortages.parquet").read_bytes() == (night / "shortages.parquet").read_bytes()


@pytest.mark.parametrize("step", [1, 8, 16])
def test_a_dispatch_killed_midway_leaves_the_plan_before(runs: Path, tmp_path: Path, step: int):
    """Killed at a step on the disk: no dispatch is named, or a whole one; the night is as it was; the next one works."""
    part = free_parts(runs, "DC-SH", 5)[0]
    late = orders(tmp_path, ["L1", 1, "D001", part, 1, "urgent", "2026-11-02T08:20", ""])
    night = {place.name: place.read_bytes() for place in (runs / "night").iterdir() if place.is_file()}
    code = (
        "import os, signal, sys\nfrom partsopt.commands import answer\nimport partsopt.store.publish as publishing\n"
        "steps = 0\n"
        "def killed(step):\n"
        "    def run(*given, **named):\n"
        "        global steps\n"
        "        steps += 1\n"
        f"        if steps == {step}: os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return step(*given, **named)\n"
        "    return run\n"
        "os.fsync, os.rename, os.replace = killed(os.fsync), killed(os.rename), killed(os.replace)\n"
        "sys.exit(answer(sys.argv[1:]))"
    )
    given = ["dispatch", str(runs), str(late), "--now", "2026-11-02T08:30"]
    done = subprocess.run([sys.executable, "-c", code, *given], cwd=SAMPLE.parents[1], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert {place.name: place.read_bytes() for place in (runs / "night").iterdir() if place.is_file()} == night
    if (runs / "DISPATCHED").exists():
        assert answer(["verify", str(dispatched(runs))]) == 0
    else:
        assert answer(given) == 0
        assert answer(["verify", str(dispatched(runs))]) == 0


def test_what_is_not_there_is_named_as_short(runs: Path, tmp_path: Path):
    part = free_parts(runs, "DC-SH", 5)[0]
    late = orders(tmp_path, ["L1", 1, "D001", part, 90_000, "urgent", "2026-11-02T08:20", ""])
    assert answer(["dispatch", str(runs), str(late), "--now", "2026-11-02T08:30"]) == 0
    folder = dispatched(runs)
    changes = list(csv.DictReader((folder / "changes.csv").read_text(encoding="utf-8").splitlines()))
    (short,) = [one for one in changes if one["change"] == "short"]
    assert f"{short['quantity']} of 90000 missing" in short["why"]
    assert answer(["verify", str(folder)]) == 0


def test_bad_orders_are_refused_by_name_and_nothing_is_published(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    known = pd.read_parquet(runs / "night" / "used" / "urgent_orders.parquet").iloc[0]
    part = free_parts(runs, "DC-SH", 5)[0]
    late = orders(
        tmp_path,
        ["L1", 1, "D001", part, 1, "urgent", "2026-11-02T12:00", ""],
        ["L2", 1, "nowhere", part, 1, "urgent", "2026-11-02T08:00", ""],
        ["L3", 1, "D001", part, 0, "urgent", "2026-11-02T08:00", ""],
        ["L4", 1, "DC-SH", part, 1, "urgent", "2026-11-02T08:00", ""],
        [known["order_id"], known["line"], "D001", part, 1, "urgent", "2026-11-02T08:00", ""],
        ["L5", 1, "D001", part, 1, "stock", "2026-11-02T08:00", ""],
    )
    capsys.readouterr()
    assert answer(["dispatch", str(runs), str(late), "--now", "2026-11-02T08:30", "--json"]) == 2
    found = {(one["line"], one["column"]) for one in refusals(capsys.readouterr().out)}
    assert found == {
        (2, "placed_at"),
        (3, "site_id"),
        (4, "quantity"),
        (5, "site_id"),
        (6, "order_id"),
        (7, "tier"),
    }
    assert not (runs / "DISPATCHED").exists()


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ("noon", "must be a date-time"),
        ("2026-10-30T10:00", "must be on the planned day"),
        ("2026-11-03T00:00", "must be on the planned day, 2026-11-02"),
        ("NaT", "must be a date-time"),
    ],
)
def test_a_moment_that_is_none_is_refused(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], now: str, said: str
):
    part = free_parts(runs, "DC-SH", 5)[0]
    late = orders(tmp_path, ["L1", 1, "D001", part, 1, "vor", "2026-11-02T08:20", ""])
    assert answer(["dispatch", str(runs), str(late), "--now", now]) == 2
    assert said in capsys.readouterr().err


def test_a_damaged_run_is_not_dispatched(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (runs / "night" / "routes.parquet").write_bytes(b"")
    late = orders(tmp_path, ["L1", 1, "D001", "00035169", 1, "vor", "2026-11-02T08:20", ""])
    assert answer(["dispatch", str(runs / "night"), str(late), "--now", "2026-11-02T08:30"]) == 4
    assert "routes.parquet" in capsys.readouterr().err
