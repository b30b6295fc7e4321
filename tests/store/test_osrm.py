"""OSRM itself: its own programs build a made map, and its server answers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from partsopt.errors import InputError
from tests.routing.nights import site
from tests.store.made_map import (
    AT_SEA,
    KM_EAST,
    KM_NORTH,
    ON_THE_ISLAND,
    assert_along_the_roads,
    draw_map,
    free_port,
    legs,
    served,
)

PACKAGE = find_spec("osrm")  # its wheel keeps the programs beside its modules
FOLDERS = os.pathsep.join(
    [os.environ.get("PATH", ""), *([f"{Path(PACKAGE.origin).parent / 'bin'}"] if PACKAGE else [])]
)
EXTRACT, PARTITION, CUSTOMIZE, ROUTED = (
    shutil.which(f"osrm-{name}", path=FOLDERS) for name in ("extract", "partition", "customize", "routed")
)
PROFILE = next(
    (
        file
        for place in ("share/profiles", "share/osrm/profiles")
        if EXTRACT and (file := Path(EXTRACT).resolve().parents[1] / place / "car.lua").exists()
    ),
    None,
)
HERE = EXTRACT and PARTITION and CUSTOMIZE and ROUTED and PROFILE and find_spec("osmium")
pytestmark = pytest.mark.skipif(
    not HERE, reason="needs OSRM's programs and its profile car.lua: pip install osrm-bindings osmium, Python 3.12"
)
KM_PER_HOUR = 65  # of main roads, by its profile car.lua


def graph_in(folder: Path, version: str, kind: str) -> Path:
    """What OSRM's own programs make of the map of a kind of roads."""
    draw_map(folder / "grid.osm.pbf", kind)
    graph = folder / "grid.osrm"
    for program in (
        [EXTRACT, "--profile", PROFILE, "--data_version", version, folder / "grid.osm.pbf"],
        [PARTITION, graph],
        [CUSTOMIZE, graph],
    ):
        subprocess.run(program, capture_output=True, check=True)
    return graph


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return graph_in(tmp_path_factory.mktemp("osrm"), "2026-11", "primary")


def serving(graph: Path, *options: str, port: int = 0) -> AbstractContextManager[str]:
    port = port or free_port()
    return served([ROUTED, "--algorithm", "mld", "--ip", "127.0.0.1", "--port", str(port), *options, graph], port)


@pytest.fixture(scope="module")
def at(graph: Path) -> Iterator[str]:
    """Where the server answers, set up as it comes."""
    with serving(graph) as where:
        yield where


def test_it_answers_along_the_roads(at: str, tmp_path: Path):
    found = legs("osrm", at, tmp_path)
    assert_along_the_roads(found)
    measured = found.drop([("DC", "D1"), ("D1", "DC")])
    by_hand = measured["distance_m"] / 1000 / KM_PER_HOUR * 60
    assert measured["travel_min"].to_numpy() == pytest.approx(by_hand.to_numpy(), rel=0.01)


def test_a_site_near_a_road_begins_there(at: str, tmp_path: Path):
    """1 km north of the road through the DC, 0.02 degrees east: along the road only these."""
    found = legs("osrm", at, tmp_path, site("D3", north=30.01, east=120.02))
    assert found.loc[("DC", "D3"), "distance_m"] == pytest.approx(200 * KM_EAST, rel=0.01)


@pytest.mark.parametrize(
    "dealer", [AT_SEA, ON_THE_ISLAND, site("D9", north=29.95, east=118.94)], ids=["at sea", "island", "6 km off"]
)
@pytest.mark.parametrize("options", [(), ("--default-radius", "3000")], ids=["as it comes", "with a radius"])
def test_a_dealer_without_a_way_is_named(graph: Path, tmp_path: Path, dealer: dict[str, object], options: tuple[str]):
    """At sea OSRM by itself answers from the nearest coast, 100 km away."""
    with serving(graph, *options) as where:
        with pytest.raises(InputError, match=r"no way from D1 to D9, D2 to D9, D9 to D1 and 3 more pairs\. Remedy"):
            legs("osrm", where, tmp_path, dealer)
        assert len(legs("osrm", where, tmp_path)) == 6  # what it answered of the others stays


@pytest.mark.parametrize("most", ["100", "20"])
def test_more_sites_than_a_question_may_hold_are_asked_in_parts(graph: Path, at: str, tmp_path: Path, most: str):
    """121 dealers on the crossings around the DC, whose legs are those of the grid; 20 places are 400 pairs."""
    dealers = [site(f"E{k:03d}", north=29.5 + k % 11 / 10, east=119.5 + k // 11 / 10) for k in range(121)]
    with serving(graph, "--max-table-size", most) as where:
        found = legs("osrm", where, tmp_path, *dealers)
    assert len(found) == 124 * 123
    assert found.loc[("E000", "E010"), "distance_m"] == pytest.approx(10_000 * KM_NORTH, rel=0.01)
    assert found.loc[("E005", "E115"), "distance_m"] == pytest.approx(10_000 * KM_EAST, rel=0.01)
    alone = legs("osrm", at, tmp_path / "alone", dealers[5], dealers[115])
    pd.testing.assert_frame_equal(found.loc[alone.index], alone)


def test_what_was_answered_is_used_with_the_server_gone(graph: Path, tmp_path: Path):
    with serving(graph) as where:
        first = legs("osrm", where, tmp_path)
    pd.testing.assert_frame_equal(legs("osrm", where, tmp_path), first)


def test_a_new_map_is_asked_for_everything(graph: Path, tmp_path: Path):
    """Roads became smaller, 55 km/h: with the first new dealer every leg takes longer."""
    port = free_port()
    with serving(graph, port=port) as where:
        before = legs("osrm", where, tmp_path)["travel_min"]
    with serving(graph_in(tmp_path, "2026-12", "secondary"), port=port) as where:
        pd.testing.assert_series_equal(legs("osrm", where, tmp_path)["travel_min"], before)
        after = legs("osrm", where, tmp_path, site("D3", north=30.2))["travel_min"]
    longer = (after / before).drop([("DC", "D1"), ("D1", "DC")]).dropna()
    assert longer.to_numpy() == pytest.approx([65 / 55] * 4, rel=0.01)
