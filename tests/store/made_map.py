"""A map drawn by hand, for the programs of road engines: a grid of main roads, an island, and the sea."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from partsopt.settings import RoutingParams
from partsopt.store.roads import with_roads
from tests.routing.nights import site
from tests.store.test_roads import network

MAIN_LAND = (29.0, 119.0, 0.1, 36)  # degrees north and east of its corner, between roads, and roads: up to 32.5, 122.5
ISLAND = (31.0, 123.5, 0.01, 24)
KM_NORTH, KM_EAST = 0.1 * 111.195, 0.1 * 111.195 * 0.866  # of one step, at 30 N

AT_SEA, ON_THE_ISLAND = site("D9", north=30.0, east=123.5), site("D9", north=31.0, east=123.5)


def draw_grids(map_file: Path, *grids: tuple[float, float, float, int], kind: str = "primary") -> None:
    """Roads of a kind along parallels and meridians, from a corner in the south-west so many each way."""
    import osmium
    from osmium.osm.mutable import Node, Way

    writer, node_ids, ways = osmium.SimpleWriter(str(map_file)), count(1), list[list[int]]()
    for south, west, step, roads in grids:
        node_of = [[next(node_ids) for _ in range(roads)] for _ in range(roads)]
        for row, nodes in enumerate(node_of):
            for column, node in enumerate(nodes):
                place = (west + column * step, south + row * step)
                writer.add_node(Node(id=node, location=place, version=1))
        ways += [*node_of, *map(list, zip(*node_of, strict=True))]
    for number, nodes in enumerate(ways, start=1):
        writer.add_way(Way(id=number, nodes=nodes, tags={"highway": kind}, version=1))
    writer.close()


def draw_map(map_file: Path, kind: str = "primary") -> None:
    """The map of the tests: the main land and an island."""
    draw_grids(map_file, MAIN_LAND, ISLAND, kind=kind)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def served(program: Sequence[str | Path], port: int) -> Iterator[str]:
    """Where a program answers, once it does, past any proxy; it is ended behind."""
    where = f"http://127.0.0.1:{port}"
    with (
        pytest.MonkeyPatch.context() as patch,
        subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server,
    ):
        patch.setenv("no_proxy", "127.0.0.1")
        try:
            for _ in range(100):
                try:
                    urllib.request.urlopen(f"{where}/status").close()  # noqa: S310 -- http, and here
                    break
                except urllib.error.HTTPError:
                    break
                except OSError:
                    time.sleep(0.1)
            yield where
        finally:
            server.kill()


def assert_along_the_roads(found: pd.DataFrame) -> None:
    """The ways between the sites of the small network are those of the grid, and a way that was given is kept."""
    assert found.loc[("DC", "D1"), "distance_m"] == 7000.0  # as given, the engine was not asked
    assert found.loc[("DC", "D2"), "distance_m"] == pytest.approx(10_000 * KM_EAST, rel=0.01)
    assert found.loc[("D1", "D2"), "distance_m"] == pytest.approx(5_000 * KM_NORTH + 10_000 * KM_EAST, rel=0.01)


def legs(engine: str, where: str, cache: Path, *more: dict[str, Any]) -> pd.DataFrame:
    """The table travel between the sites of the small network and more, as the engine completes it."""
    params = RoutingParams(road_engine=engine, road_engine_at=where)
    return with_roads(network(*more), params, cache).travel.set_index(["from_id", "to_id"])
