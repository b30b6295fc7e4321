"""Valhalla itself: its own programs build a made map and answer, as a server and in this process."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from partsopt.errors import InputError
from partsopt.settings import RoutingParams
from partsopt.store.roads import with_roads
from tests.routing.nights import site
from tests.store.test_roads import network

PROGRAMS = ("valhalla_build_config", "valhalla_build_tiles", "valhalla_service")
HERE = all(map(shutil.which, PROGRAMS)) and find_spec("osmium")
pytestmark = pytest.mark.skipif(
    not HERE, reason="needs Valhalla's programs: pip install pyvalhalla osmium, Python 3.12"
)

SOUTH, WEST, STEP, ROADS = 29.0, 119.0, 0.1, 36  # roads along each parallel and meridian, up to 32.5 N and 122.5 E
KM_NORTH, KM_EAST = 0.1 * 111.195, 0.1 * 111.195 * 0.866  # of one step, at 30 N


def drawn(map_file: Path) -> None:
    """A map of main roads, a grid."""
    import osmium
    from osmium.osm.mutable import Node, Way

    def node(row: int, column: int) -> int:
        return 1 + row * ROADS + column

    writer, along = osmium.SimpleWriter(str(map_file)), range(ROADS)
    for row in along:
        for column in along:
            place = (WEST + column * STEP, SOUTH + row * STEP)
            writer.add_node(Node(id=node(row, column), location=place, version=1))
    roads = [[node(row, column) for column in along] for row in along]
    roads += [[node(row, column) for row in along] for column in along]
    for number, nodes in enumerate(roads, start=1):
        writer.add_way(Way(id=number, nodes=nodes, tags={"highway": "primary"}, version=1))
    writer.close()


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Valhalla's configuration for the graph that its own program built of the map."""
    folder = tmp_path_factory.mktemp("valhalla")
    drawn(folder / "grid.osm.pbf")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
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
    where = f"http://127.0.0.1:{json.loads(config.read_text())['additional_data']['port']}"
    with subprocess.Popen(
        ["valhalla_service", config, "1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"{where}/status").close()  # noqa: S310 -- http, and here
                break
            except OSError:
                time.sleep(0.1)
        yield where
        server.terminate()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def legs(engine: str, where: str, cache: Path, *more: dict[str, Any]) -> pd.DataFrame:
    params = RoutingParams(road_engine=engine, road_engine_at=where)
    return with_roads(network(*more), params, cache).travel.set_index(["from_id", "to_id"])


def test_a_server_answers_along_the_roads(at: str, tmp_path: Path):
    found = legs("valhalla", at, tmp_path)
    assert found.loc[("DC", "D1"), "distance_m"] == 7000.0  # as given, the engine was not asked
    assert found.loc[("DC", "D2"), "distance_m"] == pytest.approx(10_000 * KM_EAST, rel=0.01)
    assert found.loc[("D1", "D2"), "distance_m"] == pytest.approx(5_000 * KM_NORTH + 10_000 * KM_EAST, rel=0.01)
    speed = found["distance_m"] / 1000 / (found["travel_min"] / 60)
    assert speed.drop([("DC", "D1"), ("D1", "DC")]).between(30, 90).all()


def test_it_answers_the_same_in_this_process(config: Path, at: str, tmp_path: Path):
    library = pytest.importorskip("valhalla")
    tiles, own = config.parent / "tiles", tmp_path / "own.json"
    own.write_text(json.dumps(library.get_config(str(tiles.with_name("no.tar")), str(tiles))), encoding="utf-8")
    there, here = legs("valhalla", at, tmp_path), legs("valhalla_in_process", str(own), tmp_path)
    pd.testing.assert_frame_equal(there, here, rtol=0.001)  # versions of the library round seconds otherwise


def test_a_dealer_at_sea_is_named(at: str, tmp_path: Path):
    with pytest.raises(InputError, match=r"no way from D1 to D9, D2 to D9, D9 to D1 and 3 more pairs\. Remedy"):
        legs("valhalla", at, tmp_path, site("D9", north=31.0, east=123.5))


def test_legs_beyond_its_limit_name_the_limit(at: str, tmp_path: Path):
    far = site("D8", north=29.0, east=122.4), site("D9", north=32.4, east=119.0)
    with pytest.raises(InputError, match=r"400000 meters.*raise service_limits\.truck\.max_matrix_distance"):
        legs("valhalla", at, tmp_path, *far)
