"""Road engines behind a local server that speaks their formats."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pandas as pd
import pytest

from partsopt.errors import InputError, SettingsError
from partsopt.settings import RoutingParams
from partsopt.store import roads
from partsopt.store.readers import Inputs
from partsopt.store.roads import on_roads, with_roads
from partsopt.tables import CARRIER_LANES, REJECTS, RETURNS, SITES, TRAVEL, VEHICLES, conform, empty
from tests.routing.nights import lane, leg, site, van

THREE = [[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]


class Engine(BaseHTTPRequestHandler):
    """A map on which a degree is 100 km and a km takes a minute; nothing leads to places north of 60 degrees."""

    questions: ClassVar[list[str]] = []
    faults: ClassVar[list[tuple[int, object] | None]] = []
    versions: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        if self.path == "/status":
            self.answer({"version": "3.2", "tileset_last_modified": self.version()} if self.versions else {})
            return
        path, _, query = self.path.partition("?")
        self.questions.append(self.path)
        assert path.startswith("/table/v1/driving/")
        places = [tuple(map(float, one.split(",")))[::-1] for one in path.rsplit("/", 1)[1].split(";")]
        given = dict(one.split("=") for one in query.split("&"))
        assert given["annotations"] == "duration,distance"
        starts, ends = ([places[int(k)] for k in given[name].split(";")] for name in ("sources", "destinations"))
        km = [[self.km(a, b) for b in ends] for a in starts]
        self.answer({
            **({"data_version": self.version()} if self.versions else {}),
            "code": "Ok",
            "distances": [[None if one is None else one * 1000 for one in row] for row in km],
            "durations": [[None if one is None else one * 60 for one in row] for row in km],
            "sources": [{"distance": 0.0} for _ in starts],
            "destinations": [{"distance": 0.0} for _ in ends],
        })  # fmt: skip

    def do_POST(self) -> None:
        self.questions.append(self.path)
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert (self.path, asked["costing"], asked["units"]) == ("/sources_to_targets", "truck", "kilometers")
        self.answer(matrix(asked))

    def version(self) -> str:
        """The next of the versions, the last of them for good."""
        return self.versions.pop(0) if len(self.versions) > 1 else self.versions[0]

    @staticmethod
    def km(a: tuple[float, ...], b: tuple[float, ...]) -> float | None:
        return None if b[0] > 60 and a != b else 100 * (abs(a[0] - b[0]) + abs(a[1] - b[1]))

    def answer(self, said: object) -> None:
        status, said = (self.faults.pop(0) if self.faults else None) or (200, said)
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def matrix(asked: dict[str, Any]) -> dict[str, Any]:
    """Valhalla's answer: a row for each source, distance in km, time in seconds, null where there is no way."""
    sources, targets = ([(one["lat"], one["lon"]) for one in asked[name]] for name in ("sources", "targets"))
    return {
        "sources_to_targets": [
            [
                {"from_index": i, "to_index": j, "distance": km, "time": None if km is None else km * 60}
                for j, b in enumerate(targets)
                for km in [Engine.km(a, b)]
            ]
            for i, a in enumerate(sources)
        ]
    }


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roads, "WAIT_S", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[str]:
    Engine.questions.clear()
    Engine.faults.clear()
    Engine.versions.clear()
    answering = ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    thread = threading.Thread(target=answering.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{answering.server_port}"
    answering.shutdown()
    answering.server_close()
    thread.join()


def network(*more: dict[str, Any]) -> dict[str, pd.DataFrame]:
    sites = [site("DC", "dc"), site("D1", north=30.5), site("D2", east=121.0), *more]
    return {
        "sites": conform(pd.DataFrame(sites), SITES),
        "vehicles": conform(pd.DataFrame([van()]), VEHICLES),
        "carrier_lanes": empty(CARRIER_LANES),
        "returns": empty(RETURNS),
        "travel": conform(pd.DataFrame(leg("DC", "D1", 7, 9)), TRAVEL),
    }


def travel_of(tables: dict[str, pd.DataFrame], params: RoutingParams, cache: Path) -> pd.DataFrame:
    return with_roads(tables, params, cache).travel


def params(engine: str, at: str) -> RoutingParams:
    return RoutingParams(road_engine=engine, road_engine_at=at)


@pytest.mark.parametrize("engine", ["osrm", "valhalla"])
def test_an_engine_completes_the_table_and_is_asked_once(server: str, tmp_path: Path, engine: str):
    found = travel_of(network(), params(engine, server), tmp_path).set_index(["from_id", "to_id"])
    assert len(found) == 6
    assert tuple(found.loc[("DC", "D1")]) == (7000.0, 9.0)  # a given row stays
    assert tuple(found.loc[("D1", "D2")]) == pytest.approx((150_000.0, 150.0))
    asked = len(Engine.questions)
    again = travel_of(network(), params(engine, server), tmp_path).set_index(["from_id", "to_id"])
    pd.testing.assert_frame_equal(again, found)
    assert len(Engine.questions) == asked == 1
    (kept,) = tmp_path.glob("*/*.npz")
    kept.write_bytes(b"half a file")
    told = with_roads(network(), params(engine, server), tmp_path)
    assert len(Engine.questions) == 2
    assert told.notes == (f"{kept.parent.name}/{kept.name} is damaged: it was set aside, what it held was asked again",)
    pd.testing.assert_frame_equal(told.travel.set_index(["from_id", "to_id"]), found)


@pytest.mark.parametrize("engine", ["osrm", "valhalla"])
def test_of_one_new_dealer_only_its_own_pairs_are_asked(server: str, tmp_path: Path, engine: str):
    old = [site(f"E{k:03d}", north=30 + k / 1000) for k in range(147)]
    with_roads(network(*old), params(engine, server), tmp_path)
    assert len(Engine.questions) == 9  # 150 places: three blocks of 50 each way
    more = travel_of(network(*old, site("D3", north=29.5)), params(engine, server), tmp_path)
    assert len(Engine.questions) == 9 + 4  # to 151 places and from them, 99 at once
    alone = travel_of(network(*old, site("D3", north=29.5)), params(engine, server), tmp_path / "alone")
    pd.testing.assert_frame_equal(more, alone)


def test_a_moved_or_closed_site_is_no_reason_to_ask_for_the_others(server: str, tmp_path: Path):
    with_roads(network(site("D3", north=29.5), site("D4", north=29.4)), params("osrm", server), tmp_path)
    asked = len(Engine.questions)
    with_roads(network(site("D4", north=29.4)), params("osrm", server), tmp_path)
    assert len(Engine.questions) == asked
    with_roads(network(site("D3", north=29.5), site("D4", north=29.41)), params("osrm", server), tmp_path)
    assert len(Engine.questions) == asked + 1


def test_pairs_that_are_given_are_not_asked(server: str, tmp_path: Path):
    ways = [*leg("DC", "D1", 7, 9), *leg("DC", "D2", 7, 9), *leg("D1", "D2", 7, 9)]
    given = {**network(), "travel": conform(pd.DataFrame(ways), TRAVEL)}
    assert len(travel_of(given, params("osrm", server), tmp_path)) == 6
    assert Engine.questions == []


def test_two_sites_at_one_place_are_asked_for_once(server: str, tmp_path: Path):
    found = travel_of(network(site("D3", north=30.5)), params("osrm", server), tmp_path).set_index(["from_id", "to_id"])
    assert tuple(found.loc[("D1", "D3")]) == (0.0, 0.0)
    assert tuple(found.loc[("D3", "D2")]) == pytest.approx((150_000.0, 150.0))
    assert Engine.questions[0].partition("?")[0].count(";") == 2 * 3 - 1


@pytest.mark.parametrize("engine", ["osrm", "valhalla"])
def test_a_new_map_is_asked_for_everything(server: str, tmp_path: Path, engine: str):
    """Its first answer to a new place says so; a night never drives on two maps."""
    old = [site(f"E{k:03d}", north=30 + k / 1000) for k in range(147)]
    Engine.versions[:] = ["2025"]
    with_roads(network(*old), params(engine, server), tmp_path)
    Engine.versions[:] = ["2026"]
    with_roads(network(*old), params(engine, server), tmp_path)
    assert len(Engine.questions) == 9
    travel = travel_of(network(*old, site("D3", north=29.5)), params(engine, server), tmp_path)
    assert len(travel) == 151 * 150
    assert len(Engine.questions) == 9 + 4 + 9
    with_roads(network(*old, site("D3", north=29.5)), params(engine, server), tmp_path)
    assert len(Engine.questions) == 22
    assert len(list(tmp_path.glob("*/*.npz"))) == 3


def test_a_map_that_changes_while_it_is_asked_is_refused(server: str, tmp_path: Path):
    more = [site(f"E{k:03d}", north=30 + k / 1000) for k in range(70)]
    Engine.versions[:] = ["2025", "2025", "2026"]
    with pytest.raises(
        InputError, match=r"from version '2025' to '2026' while it was asked\. Remedy: run the night ag"
    ):
        with_roads(network(*more), params("osrm", server), tmp_path)
    assert len(travel_of(network(*more), params("osrm", server), tmp_path)) == 73 * 72


def test_what_was_answered_before_an_engine_failed_is_kept(server: str, tmp_path: Path):
    more = [site(f"E{k:03d}", north=30 + k / 1000) for k in range(70)]
    Engine.faults[:] = [None, None, (400, {"code": "InvalidQuery"})]
    with pytest.raises(InputError, match="InvalidQuery"):
        with_roads(network(*more), params("osrm", server), tmp_path)
    assert len(travel_of(network(*more), params("osrm", server), tmp_path)) == 73 * 72
    assert len(Engine.questions) == 3 + 1  # from the 23 places of which nothing was answered


@pytest.mark.parametrize("engine", ["osrm", "valhalla"])
def test_a_hole_is_refused_by_name(server: str, tmp_path: Path, engine: str):
    tables = network(site("D9", north=60.5))
    reach = RoutingParams(road_engine=engine, road_engine_at=server, own_vehicle_radius_km=9000.0)
    with pytest.raises(InputError, match=r"no way from D1 to D9, D2 to D9, DC to D9\. Remedy: correct latitude"):
        with_roads(tables, reach, tmp_path)
    given = [*leg("DC", "D9", 7, 9), *leg("D1", "D9", 7, 9), *leg("D2", "D9", 7, 9)]
    filled = {**tables, "travel": conform(pd.DataFrame(given), TRAVEL)}
    assert len(travel_of(filled, reach, tmp_path)) == 12


@pytest.mark.parametrize(("may_estimate", "beyond"), [(True, set()), (False, {"D7", "D8"})])
def test_far_dealers_are_asked_for_where_a_van_may_drive_there_and_nothing_is_estimated(
    server: str, tmp_path: Path, may_estimate: bool, beyond: set[str]
):
    """500 km away are D7 with a return, D8 without a lane, and D9 with a lane and no return."""
    tables = network(*(site(one, north=34.5) for one in ("D7", "D8", "D9")))
    tables["carrier_lanes"] = conform(pd.DataFrame([lane("DC", "D7"), lane("DC", "D9")]), CARRIER_LANES)
    back = {"return_id": "R1", "site_id": "D7", "what": "core", "load_kg": 1.0, "load_m3": 0.1, "loading_min": 5.0}
    tables["returns"] = conform(pd.DataFrame([back]), RETURNS)
    asks = RoutingParams(road_engine="osrm", road_engine_at=server, estimate_travel=may_estimate)
    assert set(travel_of(tables, asks, tmp_path)["from_id"]) == {"DC", "D1", "D2"} | beyond


def test_many_places_are_asked_in_blocks(server: str, tmp_path: Path):
    more = [site(f"E{k:03d}", north=30 + k / 1000) for k in range(70)]
    found = travel_of(network(*more), params("osrm", server), tmp_path)
    assert len(found) == 73 * 72
    assert len(Engine.questions) == 4


def test_a_server_that_is_down_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"the road engine does not answer at http://127\.0\.0\.1:9/table"):
        with_roads(network(), params("osrm", "http://127.0.0.1:9"), tmp_path)


def stand_in_for_valhalla(monkeypatch: pytest.MonkeyPatch, actor: type) -> None:
    library = ModuleType("valhalla")
    monkeypatch.setattr(library, "Actor", actor, raising=False)
    monkeypatch.setitem(sys.modules, "valhalla", library)


def test_valhalla_in_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Actor:
        def __init__(self, config: str) -> None:
            assert config == "valhalla.json"

        def matrix(self, asked: dict[str, Any]) -> dict[str, Any]:
            return matrix(asked)

        def status(self) -> str:
            return '{"version": "3.2.1"}'

    stand_in_for_valhalla(monkeypatch, Actor)
    found = travel_of(network(), params("valhalla_in_process", "valhalla.json"), tmp_path)
    assert len(found) == 6
    monkeypatch.setitem(sys.modules, "valhalla", None)
    with pytest.raises(InputError, match=r"pip install 'partsopt\[roads\]'"):
        with_roads(network(), params("valhalla_in_process", "valhalla.json"), tmp_path)


def test_the_answer_is_among_the_files_of_the_night(server: str, tmp_path: Path):
    inputs = Inputs(network(), empty(REJECTS), (), ())
    asked = on_roads(inputs, params("osrm", server), tmp_path)
    assert [(one.name, one.table, one.rows) for one in asked.files] == [("roads (osrm)", "travel", 6)]
    assert len(asked.tables["travel"]) == 6
    assert on_roads(inputs, RoutingParams(), tmp_path) is inputs


def test_without_an_engine_the_table_stays(tmp_path: Path):
    tables = {**network(), "travel": empty(TRAVEL)}
    assert travel_of(tables, RoutingParams(), tmp_path) is tables["travel"]


@pytest.mark.parametrize(
    ("engine", "at", "said"),
    [
        ("google", "", "routing.road_engine is .google."),
        ("osrm", "", "routing.road_engine_at is .*must be the address of the server, http://"),
        ("osrm", "file:map", "routing.road_engine_at is .*must be the address of the server"),
    ],
)
def test_settings_that_name_no_engine_are_refused(engine: str, at: str, said: str):
    with pytest.raises(SettingsError, match=said):
        params(engine, at)


@pytest.mark.parametrize("engine", ["osrm", "valhalla"])
def test_a_busy_server_is_asked_again_so_many_times(server: str, tmp_path: Path, engine: str):
    Engine.faults[:] = [(503, b"starting"), (429, b"slow down")]
    assert len(travel_of(network(), params(engine, server), tmp_path)) == 6
    assert len(Engine.questions) == 3
    Engine.faults[:] = [(503, b"starting")] * 9
    moved = network(site("D3", north=29.5))
    with pytest.raises(InputError, match=r"does not answer at .*: 503 starting \(4 tries\)\. Remedy: start it"):
        with_roads(moved, params(engine, server), tmp_path)
    assert len(Engine.questions) == 7


@pytest.mark.parametrize(
    ("engine", "fault", "said"),
    [
        ("osrm", (400, {"code": "InvalidUrl", "message": "position 1"}), r"answered InvalidUrl: position 1\. Remedy"),
        ("osrm", (400, b"bad gateway"), r"answered an error: bad gateway\. Remedy"),
        ("osrm", (403, b"not for you"), r"refused http.*: 403 not for you"),
        ("osrm", (200, b"<html>"), r"answers no JSON"),
        ("osrm", (200, [1]), r"answers no JSON object"),
        ("osrm", (200, {"code": "Ok", "durations": [[1.0]]}), r"a matrix that is none .*is it OSRM 5\.21"),
        ("osrm", (200, {"code": "Ok", "distances": THREE, "durations": THREE}), r"how far roads are .*OSRM 5\.21"),
        ("osrm", (200, {"code": "Ok", "distances": [[1.0]], "durations": [[1.0]]}), r"matrix of \(1, 1\), \(3, 3\)"),
        ("valhalla", (200, {"trip": {}}), r"a matrix of"),
        ("valhalla", (200, {"sources_to_targets": [[{"time": 1}]]}), r"another form than Valhalla's matrix"),
    ],
)
def test_an_answer_that_is_none_is_refused_and_not_kept(
    server: str, tmp_path: Path, engine: str, fault: tuple[int, object], said: str
):
    Engine.faults[:] = [fault]
    with pytest.raises(InputError, match=said):
        with_roads(network(), params(engine, server), tmp_path)
    assert list(tmp_path.iterdir()) == []


class Refusing:
    """Valhalla's library where it refuses every question, by the words of its own errors."""

    why = ""

    def __init__(self, config: str) -> None:
        if config != "valhalla.json":
            raise FileNotFoundError("no tiles")

    def matrix(self, _: dict[str, Any]) -> dict[str, Any]:
        raise RuntimeError(self.why)

    def status(self) -> str:
        return "{}"


@pytest.mark.parametrize(
    ("why", "said"),
    [
        (
            "No suitable edges near location",
            r"no way from D1 to D2, D1 to DC, D2 to D1 and 3 more pairs\. Remedy: correct",
        ),
        ("Locations are in unconnected regions.", r"no way from D1 to D2, D1 to DC"),
        ("Path distance exceeds the max distance limit: 400000 meters", r"farthest sites: .*max_matrix_distance"),
        (
            "Failed to parse intermediate request format",
            r"refuses the places: Failed to parse .*Remedy: see that its map",
        ),
    ],
)
def test_places_that_valhalla_refuses_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str, said: str):
    stand_in_for_valhalla(monkeypatch, Refusing)
    monkeypatch.setattr(Refusing, "why", why)
    tables = {**network(), "travel": empty(TRAVEL)}
    with pytest.raises(InputError, match=said):
        with_roads(tables, params("valhalla_in_process", "valhalla.json"), tmp_path)


def test_a_graph_that_valhalla_cannot_load_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    stand_in_for_valhalla(monkeypatch, Refusing)
    with pytest.raises(InputError, match=r"cannot load other\.json .*no tiles\. Remedy: name its configuration"):
        with_roads(network(), params("valhalla_in_process", "other.json"), tmp_path)


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        ("osrm", {"code": "TooBig"}),
        ("osrm", {"code": "NoSegment"}),
        ("valhalla", {"error_code": 171, "error": "No suitable edges near location"}),
        ("valhalla", {"error_code": 150, "error": "Exceeded max locations: 4.000000"}),
    ],
)
def test_a_refusal_of_many_places_leaves_the_ways_of_the_others(
    server: str, tmp_path: Path, engine: str, said: dict[str, object]
):
    Engine.faults[:] = [(400, said)]
    found = travel_of(network(site("D3", north=31.0)), params(engine, server), tmp_path)
    assert len(found) == 12
    assert len(Engine.questions) == 3  # the whole, and its two halves
