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
    today = table(folder, "delivery_lines").query("not waits")
    assert sorted(pd.read_csv(folder / "pick_lists.csv")["line_id"]) == sorted(today["line_id"])


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


def test_an_order_is_taken_once_though_the_first_was_taken_by_a_dispatch(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    part = free_parts(runs, "DC-SH", 5)[0]
    row = ["L1", 1, "D001", part, 1, "urgent", "2026-11-02T08:20", ""]
    late, again = orders(tmp_path, row), orders(tmp_path, row, row, name="again.csv")
    assert answer(["dispatch", str(runs), str(late), "--now", "2026-11-02T08:30"]) == 0
    assert answer(["dispatch", str(runs), str(late), "--now", "2026-11-02T08:40"]) == 2
    said = 'late.csv line 2: order_id is "L1"; it must be new; its line 1 is planned already. Remedy: give new orders'
    assert said in capsys.readouterr().err
    assert answer(["dispatch", str(runs / "night"), str(again), "--now", "2026-11-02T08:40"]) == 2
    assert 'again.csv line 3: order_id, line is "L1, 1"; it must not repeat; line 2' in capsys.readouterr().err


def test_orders_may_be_written_in_gb18030(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    part = free_parts(runs, "DC-SH", 5)[0]
    late = orders(tmp_path, ["急单", 1, "D001", part, 1, "urgent", "2026-11-02T08:20", ""])
    late.write_bytes(late.read_text(encoding="utf-8").encode("gb18030"))
    given = ["dispatch", str(runs), str(late), "--now", "2026-11-02T08:30"]
    assert answer(given) == 2
    assert "late.csv line 2: is not utf-8: byte" in (said := capsys.readouterr().err)
    assert "Remedy: save it as utf-8; or, as it could be read as gb18030, give --encoding gb18030 and look at" in said
    assert answer([*given, "--encoding", "gb18030"]) == 0
    assert table(dispatched(runs), "shipments")["for_order_id"].eq("急单").sum() == 1


def test_a_file_without_orders_is_refused(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    late = orders(tmp_path)
    assert answer(["dispatch", str(runs), str(late), "--now", "2026-11-02T08:30"]) == 2
    assert "late.csv has no order. Give the orders that came in since the night." in capsys.readouterr().err
    late.write_bytes(b"")
    assert answer(["dispatch", str(runs), str(late), "--now", "2026-11-02T08:30"]) == 2
    assert "late.csv: is empty: it has not even a header. Remedy: start it with order_id" in capsys.readouterr().err


def test_of_a_replaced_part_the_new_number_is_sent_where_the_old_does_not_suffice(runs: Path, tmp_path: Path):
    positions = pd.read_parquet(runs / "night" / "positions.parquet").set_index(["site_id", "part_id"])
    sent = table(runs / "night", "shipments").groupby(["origin_id", "part_id"])["shipped_quantity"].sum()
    free = positions["on_hand"] - positions["reserved"] - positions["committed"]
    free = free.sub(sent.rename_axis(free.index.names), fill_value=0).xs("DC-SH")
    replaced = pd.read_parquet(runs / "night" / "used" / "supersessions.parquet")
    in_force = replaced[replaced["effective_on"] <= date(2026, 11, 2)].set_index("old_part_id")["new_part_id"]
    old, new, pieces = next(
        (old, new, int(free.get(old, 0)) + 1)
        for old, new in in_force.items()
        if new not in in_force and free.get(new, 0) > free.get(old, 0) >= 0
    )
    late = orders(tmp_path, ["L1", 1, "D001", old, pieces, "urgent", "2026-11-02T08:20", ""])
    assert answer(["dispatch", str(runs), str(late), "--now", "2026-11-02T08:30"]) == 0
    folder = dispatched(runs)
    (line,) = table(folder, "shipments").query("for_order_id == 'L1'").to_dict("records")
    assert (line["part_id"], line["shipped_quantity"]) == (new, pieces)
    changes = pd.read_csv(folder / "changes.csv", dtype=str)
    assert f"asked for as {old}" in changes.set_index("line_id").loc[line["line_id"], "why"]
    notes = table(folder, "lineage").set_index("line_id")["note"]
    assert f"taken up during the day, asked for as {old}, which this part replaces" in notes[[line["line_id"]]].tolist()
    assert answer(["verify", str(folder)]) == 0


def test_a_dispatch_away_from_its_night_is_not_dispatched(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    parts = free_parts(runs, "DC-SH", 5)[:2]
    late = orders(tmp_path, ["L1", 1, "D001", parts[0], 1, "urgent", "2026-11-02T08:20", ""])
    out = ["--out", str(tmp_path / "elsewhere")]
    assert answer(["dispatch", str(runs), str(late), "--now", "2026-11-02T08:30", *out]) == 0
    more = orders(tmp_path, ["L2", 1, "D001", parts[1], 1, "urgent", "2026-11-02T08:20", ""], name="more.csv")
    folder = dispatched(tmp_path / "elsewhere")
    assert answer(["dispatch", str(folder), str(more), "--now", "2026-11-02T08:40"]) == 4
    said = "changes the night night, which does not lie beside it. Remedy: put its folder back, or copy this one to"
    assert said in capsys.readouterr().err
    beside = Path(shutil.copytree(folder, runs / folder.name))
    assert answer(["dispatch", str(beside), str(more), "--now", "2026-11-02T08:20"]) == 2
    said = "--now is 2026-11-02T08:20+08:00, before the dispatch that is changed (2026-11-02T08:30+08:00). Give a later"
    assert said in capsys.readouterr().err
    assert answer(["dispatch", str(beside), str(more), "--now", "2026-11-02T08:40"]) == 0


def test_after_the_last_trip_nothing_drives_and_nothing_is_moved(runs: Path, tmp_path: Path):
    """At 18:50 no van could be back in its shift: the order goes by a lane, or the reason is named."""
    part = free_parts(runs, "DC-SH", 5)[0]
    late = orders(tmp_path, ["L1", 1, "D001", part, 1, "vor", "2026-11-02T18:40", ""])
    assert answer(["dispatch", str(runs), str(late), "--now", "2026-11-02T18:50"]) == 0
    folder = dispatched(runs)
    for name in ("routes", "stops"):
        pd.testing.assert_frame_equal(table(folder, name), table(runs / "night", name))
    (line,) = table(folder, "shipments").query("for_order_id == 'L1'")["line_id"]
    fate = table(folder, "delivery_lines").set_index("line_id").loc[line]
    assert fate["carried_by"] == "lane" or fate["unserved_because"]
    assert answer(["verify", str(folder)]) == 0


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
