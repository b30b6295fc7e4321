"""``partsopt verify`` on a real night: each cell made wrong is named with file, line, column and recomputed value."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from partsopt.commands import answer
from partsopt.pipeline import plan_night
from partsopt.routing import recheck
from partsopt.settings import read_settings, settings_from
from partsopt.store.readers import read_inputs
from partsopt.store.runs import publish_plan

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"


def published(place: Path, profile: str) -> Path:
    settings = settings_from({"write": {"profile": profile}})
    inputs = read_inputs(SAMPLE, read_settings(SAMPLE / "settings.toml", {}).read)
    plan = plan_night(inputs.tables, inputs.rejects, settings, date(2026, 11, 2), lambda _stage, _counted: None)
    return publish_plan(place, f"night-{profile}", plan, inputs, settings)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("runs"), "machine")


@pytest.fixture
def run(night: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(night, tmp_path / "run"))


def wrong_lines(run: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What verify --json names, the mismatch with the manifest's hash left aside."""
    capsys.readouterr()
    code = answer(["verify", str(run), "--json"])
    said = json.loads(capsys.readouterr().out)
    assert said["exit_code"] == code
    return [one for one in said["wrong"] if one["line"]]


def corrupt_csv(run: Path, file: str, is_it: Callable[[dict[str, str]], bool], column: str, value: str) -> int:
    """Put a value into the first row that fits; the physical line of that row."""
    with (run / file).open(encoding="utf-8", newline="") as stream:
        header, *rows = list(csv.reader(stream))
    number = next(number for number, row in enumerate(rows) if is_it(dict(zip(header, row, strict=True))))
    assert rows[number][header.index(column)] != value
    rows[number][header.index(column)] = value
    with (run / file).open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([header, *rows])
    return number + 2


def corrupt_parquet(run: Path, file: str, row: int, column: str, change: Callable[[Any], Any]) -> int:
    table = pq.read_table(run / file)
    values = table[column].to_pylist()
    values[row] = change(values[row])
    place = table.schema.get_field_index(column)
    field = table.schema.field(column)
    pq.write_table(table.set_column(place, field, pa.array(values, field.type)), run / file)
    return row % len(values) + 1


def on_vehicle(row: dict[str, str]) -> bool:
    return row["carried_by"] == "vehicle"


def on_lane(row: dict[str, str]) -> bool:
    return row["carried_by"] == "lane"


def any_row(_row: dict[str, str]) -> bool:
    return True


def test_a_sound_run_answers_0_and_counts(night: Path, capsys: pytest.CaptureFixture[str]):
    assert answer(["verify", str(night)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("night-machine is right: ")
    assert " files as published; recomputed " in said
    assert " stops, " in said


def test_the_current_run_of_a_folder_of_runs_is_meant(night: Path):
    assert answer(["verify", str(night.parent)]) == 0


def test_the_excel_profile_is_verified_too(tmp_path: Path):
    assert answer(["verify", str(published(tmp_path, "excel"))]) == 0


def stop_of(depot_id: str) -> Callable[[dict[str, str]], bool]:
    return lambda row: row["carried_by"] == "vehicle" and row["depot_id"] == depot_id


@pytest.mark.parametrize(
    "cells",
    [
        [
            ("deliveries.csv", stop_of("DC-BJ"), "load_kg", "999"),
            ("deliveries.csv", stop_of("DC-FS"), "arrives_at", "2026-11-02T06:00+08:00"),
            ("deliveries.csv", stop_of("DC-SH"), "leaves_at", "2026-11-02T19:30+08:00"),
            ("deliveries.csv", on_lane, "cost", "0.01"),
            ("pick_lists.csv", on_vehicle, "quantity", "12345"),
            ("transfer_orders.csv", any_row, "due_on", "2026-12-24"),
            ("purchase_orders.csv", any_row, "quantity", "12345"),
        ],
        [
            ("deliveries.csv", stop_of("DC-BJ"), "starts_at", "2026-11-02T19:30+08:00"),
            ("deliveries.csv", stop_of("DC-FS"), "departs_at", "2026-11-02T05:00+08:00"),
            ("deliveries.csv", stop_of("DC-SH"), "distance_m", "1"),
            ("deliveries.csv", on_lane, "n_lines", "77"),
            ("pick_lists.csv", on_vehicle, "trip", "9"),
            ("transfer_orders.csv", any_row, "quantity", "12345"),
            ("purchase_orders.csv", any_row, "order_value", "0.01"),
        ],
        [
            ("deliveries.csv", stop_of("DC-BJ"), "site_id", "D001"),
            ("deliveries.csv", stop_of("DC-SH"), "load_m3", "lots"),
            ("deliveries.csv", on_lane, "service", "rocket"),
            ("pick_lists.csv", on_lane, "pick_by", "2026-11-02T06:00+08:00"),
            ("pick_lists.csv", on_vehicle, "bin", "Z-99-9"),
            ("purchase_orders.csv", any_row, "promised_fill_rate", "0.1234"),
        ],
    ],
)
def test_each_wrong_cell_of_the_csv_files_is_named_and_no_other(
    run: Path, capsys: pytest.CaptureFixture[str], cells: list[tuple[str, Callable[[dict[str, str]], bool], str, str]]
):
    corrupted = [
        (file, corrupt_csv(run, file, is_it, column, value), column, value) for file, is_it, column, value in cells
    ]
    found = wrong_lines(run, capsys)
    assert [(one["file"], one["line"], one["column"], one["written"]) for one in found] == sorted(corrupted)
    assert all(one["computed"] and one["rule"] for one in found)


@pytest.mark.parametrize(
    "cells",
    [
        [
            ("routes.parquet", 0, "load_kg", lambda kg: kg + 1),
            ("routes.parquet", 2, "departs_at", lambda at: at - timedelta(minutes=20)),
            ("routes.parquet", 3, "cost", lambda cost: cost - 1),
            ("delivery_lines.parquet", -1, "cost", lambda cost: cost + 1),
            ("shipments.parquet", 0, "deliver_by", lambda at: at - timedelta(days=1)),
            ("shortages.parquet", 1, "shortage", lambda pieces: pieces + 1),
        ],
        [
            ("routes.parquet", 0, "vehicle_id", lambda _: "ghost"),
            ("routes.parquet", 1, "returns_at", lambda at: at + timedelta(minutes=2)),
            ("stops.parquet", 4, "leaves_at", lambda at: at + timedelta(minutes=3)),
            ("delivery_lines.parquet", -1, "line_id", lambda line_id: line_id + "0"),
            ("delivery_lines.parquet", 5, "is_late", lambda late: not late),
            ("shortages.parquet", 2, "shortage_value", lambda value: value + 1),
        ],
        [
            ("stops.parquet", 0, "starts_at", lambda at: at + timedelta(hours=12)),
            ("stops.parquet", 2, "site_id", lambda _: "D002"),
            ("stops.parquet", -1, "position", lambda at: at + 1),
            ("shipments.parquet", -1, "shipped_quantity", lambda pieces: pieces + 1),
        ],
        [
            ("routes.parquet", 1, "depot_id", lambda _: "ghost"),
            ("stops.parquet", 3, "travel_min", lambda minutes: minutes / 2),
            ("delivery_lines.parquet", 30, "carried_by", lambda _: "unserved"),
            ("delivery_lines.parquet", 40, "released_at", lambda at: at - timedelta(hours=1)),
            ("shipments.parquet", 12, "destination_id", lambda _: "D001"),
            ("shipments.parquet", -2, "load_m3", lambda m3: m3 * 2),
        ],
    ],
)
def test_each_wrong_cell_of_the_parquet_files_is_named_and_no_other(
    run: Path, capsys: pytest.CaptureFixture[str], cells: list[tuple[str, int, str, Callable[[Any], Any]]]
):
    corrupted = [(file, corrupt_parquet(run, file, row, column, change), column) for file, row, column, change in cells]
    found = wrong_lines(run, capsys)
    assert sorted((one["file"], one["line"], one["column"]) for one in found) == sorted(corrupted)
    assert all(one["computed"] for one in found)


def test_terms_that_do_not_add_up_name_the_lineage(run: Path, capsys: pytest.CaptureFixture[str]):
    corrupt_parquet(run, "lineage.parquet", 0, "quantity", lambda pieces: pieces + 1)
    (wrong,) = wrong_lines(run, capsys)
    assert (wrong["file"], wrong["column"]) == ("lineage.parquet", "quantity")


def test_more_sent_than_there_is_names_the_line(run: Path, capsys: pytest.CaptureFixture[str]):
    first = pq.read_table(run / "shipments.parquet").to_pylist()[0]
    stock = pq.read_table(run / "used" / "stock.parquet").to_pylist()
    row = next(
        number
        for number, one in enumerate(stock)
        if (one["site_id"], one["part_id"]) == (first["origin_id"], first["part_id"])
    )
    corrupt_parquet(run, "used/stock.parquet", row, "on_hand", lambda _: 0)
    (wrong,) = wrong_lines(run, capsys)
    assert (wrong["file"], wrong["line"], wrong["column"]) == ("shipments.parquet", 1, "shipped_quantity")
    assert "more than the 0 on hand" in wrong["rule"]


def test_wrong_lines_of_several_files_are_all_named(run: Path, capsys: pytest.CaptureFixture[str]):
    """The same stop is wrong in two files alike, and a third is wrong elsewhere: no file vouches for another."""
    later = timedelta(minutes=45)
    corrupt_parquet(run, "stops.parquet", 0, "arrives_at", lambda at: at - later)
    corrupt_csv(run, "deliveries.csv", on_vehicle, "arrives_at", "2026-11-02T11:23:04+08:00")
    corrupt_csv(run, "transfer_orders.csv", any_row, "quantity", "12345")
    assert [(one["file"], one["column"]) for one in wrong_lines(run, capsys)] == [
        ("deliveries.csv", "arrives_at"),
        ("stops.parquet", "arrives_at"),
        ("transfer_orders.csv", "quantity"),
    ]


def test_every_line_is_named_where_more_groups_are_wrong_than_are_explained(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(recheck, "MOST_EXPLAINED", 2)
    leave_by = pq.read_table(run / "delivery_lines.parquet")["leave_by"].to_pylist()
    rows = [row for row, on in enumerate(leave_by) if on is not None]
    lines = {
        corrupt_parquet(run, "delivery_lines.parquet", row, "leave_by", lambda on: on + timedelta(days=1))
        for row in rows
    }
    wrong = [one for one in wrong_lines(run, capsys) if one["file"] == "delivery_lines.parquet"]
    assert len(lines) > 20
    assert {one["line"] for one in wrong if one["column"] == "leave_by"} == lines


def test_a_night_of_an_older_version_is_refused(run: Path, capsys: pytest.CaptureFixture[str]):
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    (run / "waiting_lines.parquet").unlink()
    del manifest["files"]["waiting_lines.parquet"]
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert answer(["verify", str(run)]) == 4
    assert "run does not hold waiting_lines.parquet: an older version published it" in capsys.readouterr().err


def test_files_that_differ_from_the_manifest_are_named(run: Path, capsys: pytest.CaptureFixture[str]):
    (run / "kpis.json").write_text("{}", encoding="utf-8")
    (run / "exceptions.csv").unlink()
    (run / "notes.txt").write_text("mine", encoding="utf-8")
    assert answer(["verify", str(run)]) == 1
    said = capsys.readouterr()
    assert "kpis.json: has 2 bytes instead of" in said.out
    assert "exceptions.csv: is missing." in said.out
    assert "notes.txt: is not listed in the manifest" in said.out
    assert "3 values are wrong" in said.err


def test_a_row_taken_out_is_missed(run: Path, capsys: pytest.CaptureFixture[str]):
    lines = (run / "deliveries.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (run / "deliveries.csv").write_text("".join(lines[:-1]), encoding="utf-8")
    assert answer(["verify", str(run)]) == 1
    assert "deliveries.csv: service lacks the row" in capsys.readouterr().out


def test_a_folder_without_a_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert answer(["verify", str(tmp_path)]) == 4
    assert "holds no run" in capsys.readouterr().err


def test_a_damaged_manifest_is_refused(run: Path, capsys: pytest.CaptureFixture[str]):
    (run / "manifest.json").write_text('{"files": {}, "today": "soon"}', encoding="utf-8")
    assert answer(["verify", str(run)]) == 4
    assert "is damaged" in capsys.readouterr().err
