import errno
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from partsopt.errors import StorageError
from partsopt.store.publish import current_run, publish, read_manifest
from partsopt.store.publish import storage_error as storage_error_of
from tests.store.killed_publisher import NEW_NIGHT, OLD_NIGHT, write_night

CHECKOUT = Path(__file__).resolve().parents[2]
NIGHT = {"orders.csv": b"order_id,line\nPO1,1\nPO1,2\n", "kpis.json": b"{}\n", "sub/notes.txt": b"read me\n"}


def files(night=NIGHT):
    return partial(write_night, night)


def everything(runs):
    """Every file below a folder and its bytes."""
    return {place.relative_to(runs).as_posix(): place.read_bytes() for place in runs.rglob("*") if place.is_file()}


def test_a_run_is_published_with_its_manifest_and_becomes_the_current_one(tmp_path):
    runs = tmp_path / "deep" / "runs"
    folder = publish(runs, "night-1", files(), {"seed": 1})
    assert folder == runs / "night-1" == current_run(runs)
    assert (runs / "CURRENT").read_text() == "night-1\n"
    assert sorted(place.name for place in runs.iterdir()) == ["CURRENT", "night-1"]
    manifest = read_manifest(folder)
    assert (manifest["run_id"], manifest["seed"]) == ("night-1", 1)
    assert {name: one["rows"] for name, one in manifest["files"].items()} == {
        "orders.csv": 2,
        "kpis.json": None,
        "sub/notes.txt": None,
    }
    assert manifest["files"]["kpis.json"]["bytes"] == 3


def test_rows_of_parquet_and_of_quoted_csv_are_counted(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    def write_files(folder):
        pq.write_table(pa.table({"a": [1, 2, 3]}), folder / "levels.parquet")
        (folder / "quoted.csv").write_text('a,b\n1,"two\nlines"\n')

    listed = read_manifest(publish(tmp_path, "n", write_files, {}))["files"]
    assert {name: one["rows"] for name, one in listed.items()} == {"levels.parquet": 3, "quoted.csv": 1}


def test_the_same_run_again_stays_as_it_is_and_becomes_current_again(tmp_path):
    publish(tmp_path, "night-1", files(), {})
    before = (tmp_path / "night-1").stat().st_ino
    publish(tmp_path, "night-2", files(), {})
    publish(tmp_path, "night-1", files(), {})
    assert (tmp_path / "night-1").stat().st_ino == before
    assert current_run(tmp_path) == tmp_path / "night-1"


def test_a_different_run_of_the_same_id_replaces_it(tmp_path):
    publish(tmp_path, "night-1", files(), {})
    publish(tmp_path, "night-1", files({"orders.csv": b"order_id,line\n"}), {"seed": 2})
    assert sorted(everything(tmp_path)) == ["CURRENT", "night-1/manifest.json", "night-1/orders.csv"]
    assert read_manifest(tmp_path / "night-1")["seed"] == 2


def test_a_damaged_run_of_the_same_id_is_replaced(tmp_path):
    publish(tmp_path, "night-1", files(), {})
    (tmp_path / "night-1" / "kpis.json").write_bytes(b"[]\n")
    publish(tmp_path, "night-1", files(), {})
    assert read_manifest(tmp_path / "night-1")


def test_where_folders_cannot_be_exchanged_the_run_is_replaced_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("partsopt.store.publish._exchanged", lambda _, __: False)
    publish(tmp_path, "night-1", files(), {})
    publish(tmp_path, "night-1", files({"orders.csv": b"order_id,line\n"}), {})
    assert sorted(everything(tmp_path)) == ["CURRENT", "night-1/manifest.json", "night-1/orders.csv"]


def test_a_run_that_was_left_aside_is_put_back(tmp_path):
    """Where folders cannot be exchanged, a kill may leave the old run aside; a later run that fails still has it."""
    publish(tmp_path, "night-1", files(), {})
    before = everything(tmp_path)
    (tmp_path / "night-1").rename(tmp_path / ".aside-night-1")

    def write_files(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageError, match="No space left"):
        publish(tmp_path, "night-1", write_files, {})
    assert everything(tmp_path) == before


def test_what_a_killed_run_left_is_removed(tmp_path):
    (tmp_path / ".staging-night-0").mkdir()
    (tmp_path / ".staging-night-0" / "orders.csv").write_bytes(b"half")
    publish(tmp_path, "night-1", files(), {})
    assert sorted(place.name for place in tmp_path.iterdir()) == ["CURRENT", "night-1"]


def test_an_error_while_writing_leaves_the_night_before(tmp_path):
    publish(tmp_path, "night-1", files(), {})
    before = everything(tmp_path)

    def write_files(folder):
        (folder / "orders.csv").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(folder / "orders.csv"))

    with pytest.raises(
        StorageError,
        match=r"orders.csv could not be written .*No space left.*; the previous night is untouched. Remedy: free space",
    ):
        publish(tmp_path, "night-2", write_files, {})
    assert everything(tmp_path) == before


def test_an_error_of_the_plan_itself_is_passed_on_and_leaves_nothing(tmp_path):
    def write_files(_):
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        publish(tmp_path, "night-1", write_files, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("run_id", ["", "..", "a/b", ".hidden", "CURRENT", "a b"])
def test_a_run_id_that_names_no_folder_is_refused(tmp_path, run_id):
    with pytest.raises(StorageError, match="names no folder"):
        publish(tmp_path, run_id, files(), {})


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda run: (run / "kpis.json").unlink(), r"kpis.json is missing"),
        (lambda run: (run / "kpis.json").write_bytes(b"{}"), r"kpis.json has 2 bytes instead of 3"),
        (lambda run: (run / "kpis.json").write_bytes(b"[]\n"), r"kpis.json holds other bytes than were published"),
        (lambda run: (run / "manifest.json").unlink(), r"manifest.json is missing: the run was not published whole"),
        (lambda run: (run / "manifest.json").write_text('{"files"'), r"manifest.json is damaged"),
        (lambda run: (run / "manifest.json").write_text("[]"), r"manifest.json is damaged"),
    ],
)
def test_a_damaged_run_is_not_trusted_and_the_file_is_named(tmp_path, break_it, said):
    break_it(publish(tmp_path, "night-1", files(), {}))
    with pytest.raises(StorageError, match=said):
        current_run(tmp_path)


def test_nothing_is_current_before_the_first_night(tmp_path):
    assert current_run(tmp_path) is None
    assert current_run(tmp_path / "nowhere") is None
    (tmp_path / "CURRENT").write_text("../elsewhere\n")
    with pytest.raises(StorageError, match="names no run"):
        current_run(tmp_path)


# --------------------------------------------------------------------------- disks that refuse


def test_a_file_in_the_place_of_runs_is_told(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(StorageError, match=r"runs could not be written .*\(File exists\).* Remedy: move the file"):
        publish(tmp_path / "runs", "night-1", files(), {})
    assert (tmp_path / "runs").read_text() == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_told(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match=r"\(Permission denied\).* Remedy: give this user the right to write"):
        publish(tmp_path, "night-1", files(), {})


@pytest.mark.parametrize("refused", [errno.EACCES, errno.EROFS, errno.EDQUOT, errno.EIO])
def test_whatever_the_disk_refuses_has_a_remedy(tmp_path, monkeypatch, refused):
    publish(tmp_path, "night-1", files(), {})
    before = everything(tmp_path)

    def refuse(*_):
        raise OSError(refused, os.strerror(refused))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(
        StorageError, match=rf"\({os.strerror(refused)}\); the previous night is untouched. Remedy: \w+"
    ):
        publish(tmp_path, "night-2", files(), {})
    assert everything(tmp_path) == before


def test_an_error_without_a_number_is_told_too(tmp_path):
    assert "(odd); the previous night is untouched" in str(storage_error_of(tmp_path, OSError("odd")))


def start_publisher(runs, run_id, kill_at=0):
    """Publish in a process of its own that is killed at its n-th step on the disk; 0: never, -1: its disk is full."""
    arguments = [sys.executable, "-m", "tests.store.killed_publisher", str(runs), run_id, str(kill_at)]
    return subprocess.run(arguments, cwd=CHECKOUT, capture_output=True, text=True)


def test_a_full_disk_leaves_the_night_before(tmp_path):
    """The publisher may write files of at most 1000 bytes, and its night has a larger one."""
    publish(tmp_path, "night-1", files(), {})
    before = everything(tmp_path)
    done = start_publisher(tmp_path, "night-2", kill_at=-1)
    assert done.returncode == StorageError.exit_code, done.stderr
    assert "(File too large); the previous night is untouched. Remedy: raise the limit of file size" in done.stdout
    assert everything(tmp_path) == before


# --------------------------------------------------------------------------- kills


@pytest.mark.parametrize("new_id", ["night-2", "night-1"])
def test_a_kill_at_any_step_leaves_the_old_night_or_the_new_one(tmp_path, new_id):
    """``night-1`` again: the new night takes the place of the old one of the same id."""
    whole = tmp_path / "whole"
    publish(whole, "night-1", files(OLD_NIGHT), {})
    done = start_publisher(whole, new_id)
    n_steps = int(done.stdout)
    expected = everything(whole)
    seen = set()
    for kill_at in range(1, n_steps + 1):
        runs = tmp_path / f"killed-{kill_at}"
        publish(runs, "night-1", files(OLD_NIGHT), {})
        assert start_publisher(runs, new_id, kill_at).returncode == -signal.SIGKILL
        found = (current_run(runs) / "orders.csv").read_bytes()
        assert found in (OLD_NIGHT["orders.csv"], NEW_NIGHT["orders.csv"])
        seen.add(found)
        publish(runs, new_id, files(NEW_NIGHT), {})
        assert everything(runs) == expected
    assert seen == {OLD_NIGHT["orders.csv"], NEW_NIGHT["orders.csv"]}
    assert n_steps >= 16
