"""Legs kept pair by pair: whole or not at all, and never lost without a word."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from partsopt.store.legs import Legs, keep_legs, read_legs

NORTH, EAST, SOUTH = (60.0, 10.0), (50.0, 20.0), (-40.123456, 10.0)


def legs(*minutes: list[float], version: str = "1") -> Legs:
    return Legs(np.array(minutes) * 1000, np.array(minutes), version)


def minutes(folder: Path, *places: tuple[float, float]) -> list[list[float]]:
    return read_legs(folder, places).legs.travel_min.tolist()


def test_pairs_are_found_whatever_other_places_they_were_asked_with(tmp_path: Path):
    keep_legs(tmp_path, [NORTH, EAST], legs([0, 5], [6, 0]))
    keep_legs(tmp_path, [SOUTH, EAST], legs([0, 7], [8, 0]))
    nan = np.nan
    np.testing.assert_equal(minutes(tmp_path, SOUTH, NORTH, EAST), [[0, nan, 7], [nan, 0, 5], [8, 6, 0]])
    assert read_legs(tmp_path, [EAST, NORTH]).legs.distance_m.tolist() == [[0, 6000], [5000, 0]]


def test_a_pair_without_a_way_is_not_kept(tmp_path: Path):
    keep_legs(tmp_path, [NORTH, EAST], legs([0, np.nan], [6, 0]))
    np.testing.assert_equal(minutes(tmp_path, NORTH, EAST), [[0, np.nan], [6, 0]])
    keep_legs(tmp_path, [NORTH, EAST], legs([np.nan, np.nan], [np.nan, np.nan]))
    assert len(list(tmp_path.iterdir())) == 1


def test_of_two_maps_the_one_asked_last_counts_and_the_other_stays(tmp_path: Path):
    keep_legs(tmp_path, [NORTH, EAST], legs([0, 5], [6, 0], version="2025"))
    keep_legs(tmp_path, [NORTH, SOUTH], legs([0, 9], [9, 0], version="2026"))
    np.testing.assert_equal(minutes(tmp_path, NORTH, EAST), [[0, np.nan], [np.nan, np.nan]])
    assert [file.name[:6] for file in sorted(tmp_path.iterdir())] == ["000001", "000002"]


def test_a_damaged_file_is_set_aside_and_told(tmp_path: Path):
    keep_legs(tmp_path, [NORTH, EAST], legs([0, 5], [6, 0]))
    keep_legs(tmp_path, [NORTH, SOUTH], legs([0, 9], [9, 0]))
    first, _ = sorted(tmp_path.iterdir())
    first.write_bytes(first.read_bytes()[:-7])
    kept = read_legs(tmp_path, [NORTH, SOUTH])
    assert kept.damaged == (first.name,)
    assert kept.legs.travel_min.tolist() == [[0, 9], [9, 0]]
    assert first.with_suffix(".damaged").exists()
    assert read_legs(tmp_path, [NORTH, SOUTH]).damaged == ()
    keep_legs(tmp_path, [NORTH, EAST], legs([0, 5], [6, 0]))
    assert sorted(file.name[:6] for file in tmp_path.iterdir()) == ["000001", "000002", "000003"]


@pytest.mark.parametrize("step", ["os.fsync", "Path.replace"])
def test_a_kill_while_writing_leaves_what_was_kept(tmp_path: Path, step: str):
    keep_legs(tmp_path, [NORTH, EAST], legs([0, 5], [6, 0]))
    code = (
        "import os, signal, sys, numpy as np\nfrom pathlib import Path\n"
        "from partsopt.store.legs import Legs, keep_legs\n"
        f"{step} = lambda *given: os.kill(os.getpid(), signal.SIGKILL)\n"
        "keep_legs(Path(sys.argv[1]), [(1.0, 2.0), (3.0, 4.0)], Legs(np.ones((2, 2)), np.ones((2, 2)), '1'))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=root, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert minutes(tmp_path, NORTH, EAST) == [[0, 5], [6, 0]]
    assert read_legs(tmp_path, [NORTH, EAST]).damaged == ()
    keep_legs(tmp_path, [NORTH, SOUTH], legs([0, 9], [9, 0]))
    assert minutes(tmp_path, NORTH, SOUTH) == [[0, 9], [9, 0]]
