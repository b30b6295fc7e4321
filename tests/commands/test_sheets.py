"""``partsopt sheets`` on the sample's night and on a dispatch of its day."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pandas as pd
import pypdf
import pytest

from partsopt.commands import answer
from tests.commands.test_dispatch import dispatched, free_parts, orders, published, runs

__all__ = ["published", "runs"]  # fixtures


def pdf(file: Path) -> str:
    return "".join(page.extract_text() for page in pypdf.PdfReader(BytesIO(file.read_bytes())).pages)


def test_a_sheet_for_each_trip_and_one_for_each_handover(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "sheets.pdf"
    assert answer(["sheets", str(runs), "--out", str(file)]) == 0
    routes = pd.read_parquet(runs / "night" / "routes.parquet")
    lines = pd.read_parquet(runs / "night" / "delivery_lines.parquet")
    lanes = pd.read_parquet(runs / "night" / "shipments.parquet").merge(
        lines[lines["carried_by"].eq("lane") & ~lines["waits"]], on="line_id"
    )
    routes = routes[~routes["route_id"].isin(lines.loc[lines["waits"], "route_id"])]
    comes = lanes["service"].eq("self-collection")
    dealer = lanes["destination_id"].where(comes, "")
    n_handovers = len(lanes.assign(dealer=dealer)[["origin_id", "service", "departs_at", "dealer"]].drop_duplicates())
    said = pdf(file)
    assert said.count("派送单") == len(routes)
    assert said.count("自提交接单") == lanes.loc[comes, "destination_id"].nunique()
    assert said.count("承运交接单") + said.count("自提交接单") == n_handovers
    assert f"{len(routes)} trips and {n_handovers} handovers of night" in capsys.readouterr().out
    assert not list(tmp_path.glob(".*.part"))


def test_a_folder_gets_a_file_for_each_origin(runs: Path, tmp_path: Path):
    assert answer(["sheets", str(runs / "night"), "--out", str(tmp_path / "out"), "--depot", "DC-SH"]) == 0
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["night-DC-SH.pdf"]
    assert "DC-BJ" not in pdf(tmp_path / "out" / "night-DC-SH.pdf")


def test_of_a_data_directory_the_newest_dispatch_is_printed(runs: Path, tmp_path: Path):
    """A late order is on the sheets of its dispatch, which needs nothing but its own folder."""
    part = free_parts(runs, "DC-SH", 5)[0]
    late = orders(tmp_path, ["L1", 1, "D001", part, 2, "vor", "2026-11-02T08:20", ""])
    assert answer(["dispatch", str(runs), str(late), "--now", "2026-11-02T08:30"]) == 0
    one, other = tmp_path / "one.pdf", tmp_path / "other.pdf"
    assert answer(["sheets", str(runs), "--out", str(one)]) == 0
    alone = dispatched(runs).rename(tmp_path / dispatched(runs).name)
    assert answer(["sheets", str(alone), "--out", str(other)]) == 0
    assert one.read_bytes() == other.read_bytes()
    assert f"partsopt {alone.name}" in pdf(one)
    assert part in pdf(one)


def test_an_unknown_depot_and_a_damaged_run_are_refused(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert answer(["sheets", str(runs), "--depot", "DC-XX", "--out", str(tmp_path / "x.pdf")]) == 2
    assert "its DCs are DC-BJ, DC-FS, DC-SH" in capsys.readouterr().err
    (runs / "night" / "stops.parquet").write_bytes(b"")
    assert answer(["sheets", str(runs), "--out", str(tmp_path / "x.pdf")]) == 4
    assert "stops.parquet" in capsys.readouterr().err
    assert not (tmp_path / "x.pdf").exists()
