"""Valhalla itself: its own programs build a made map and answer, as a server and in this process."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from partsopt.errors import InputError
from tests.routing.nights import site
from tests.store.made_map import (
    AT_SEA,
    ON_THE_ISLAND,
    assert_along_the_roads,
    draw_map,
    free_port,
    legs,
    served,
)

PROGRAMS = ("valhalla_build_config", "valhalla_build_tiles", "valhalla_service")
HERE = all(map(shutil.which, PROGRAMS)) and find_spec("osmium")
pytestmark = pytest.mark.skipif(
    not HERE, reason="needs Valhalla's programs: pip install pyvalhalla osmium, Python 3.12"
)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Valhalla's configuration for the graph that its own program built of the map."""
    folder = tmp_path_factory.mktemp("valhalla")
    draw_map(folder / "grid.osm.pbf")
    port = free_port()
    tiles, extract = folder / "tiles", folder / "no.tar"
    asked = ["valhalla_build_config", "--mjolnir-tile-dir", tiles, "--mjolnir-tile-extract", extract]
    made = subprocess.run(asked, capture_output=True, text=True, check=True)
    settings = json.loads(made.stdout)
    settings["httpd"]["service"]["listen"] = f"tcp://127.0.0.1:{port}"
    settings["additional_data"] = {"port": port}
    file = folder / "valhalla.json"
    file.write_text(json.dumps(settings), encoding="utf-8")
    tiles.mkdir()
    subprocess.run(["valhalla_build_tiles", "-c", file, folder / "grid.osm.pbf"], capture_output=True, check=True)
    return file


@pytest.fixture(scope="module")
def at(config: Path) -> Iterator[str]:
    """Where the server answers."""
    port = json.loads(config.read_text())["additional_data"]["port"]
    with served(["valhalla_service", config, "1"], port) as where:
        yield where


def test_a_server_answers_along_the_roads(at: str, tmp_path: Path):
    found = legs("valhalla", at, tmp_path)
    assert_along_the_roads(found)
    speed = found["distance_m"] / 1000 / (found["travel_min"] / 60)
    assert speed.drop([("DC", "D1"), ("D1", "DC")]).between(30, 90).all()


def test_it_answers_the_same_in_this_process(config: Path, at: str, tmp_path: Path):
    library = pytest.importorskip("valhalla")
    tiles, own = config.parent / "tiles", tmp_path / "own.json"
    own.write_text(json.dumps(library.get_config(str(tiles.with_name("no.tar")), str(tiles))), encoding="utf-8")
    there, here = legs("valhalla", at, tmp_path), legs("valhalla_in_process", str(own), tmp_path)
    pd.testing.assert_frame_equal(there, here, rtol=0.001)  # versions of the library round seconds otherwise


@pytest.mark.parametrize(
    "dealer", [AT_SEA, ON_THE_ISLAND, site("D9", north=29.95, east=118.94)], ids=["at sea", "island", "6 km off"]
)
def test_a_dealer_without_a_way_is_named(at: str, tmp_path: Path, dealer: dict[str, object]):
    with pytest.raises(InputError, match=r"no way from D1 to D9, D2 to D9, D9 to D1 and 3 more pairs\. Remedy"):
        legs("valhalla", at, tmp_path, dealer)


def test_more_pairs_than_it_takes_are_asked_in_parts(config: Path, at: str, tmp_path: Path):
    port, settings, more = free_port(), json.loads(config.read_text()), site("D3", north=30.2)
    settings["httpd"]["service"]["listen"] = f"tcp://127.0.0.1:{port}"
    settings["service_limits"]["truck"]["max_matrix_location_pairs"] = 4
    small = tmp_path / "small.json"
    small.write_text(json.dumps(settings), encoding="utf-8")
    with served(["valhalla_service", small, "1"], port) as where:
        few, many = (legs("valhalla", one, tmp_path, more) for one in (where, at))
    pd.testing.assert_frame_equal(few, many, rtol=0.01)  # of the ways along a grid it may take another


def test_legs_beyond_its_limit_name_the_limit(at: str, tmp_path: Path):
    far = site("D8", north=29.0, east=122.4), site("D9", north=32.4, east=119.0)
    with pytest.raises(InputError, match=r"400000 meters.*raise service_limits\.truck\.max_matrix_distance"):
        legs("valhalla", at, tmp_path, *far)
