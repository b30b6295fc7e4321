import os
import signal
import subprocess
import sys

import pytest

from partsopt.errors import LockError, StorageError
from partsopt.store.lock import run_lock

HOLD = """
import sys, time
from pathlib import Path
from partsopt.store.lock import run_lock
with run_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_run_is_told_who_holds_the_lock(tmp_path):
    with (
        run_lock(tmp_path),
        pytest.raises(
            LockError, match=rf"holds the lock of .* \(process {os.getpid()}, since 20.*\). Remedy: wait until"
        ),
        run_lock(tmp_path),
    ):
        pass


def test_the_lock_is_free_when_a_run_has_ended_or_failed(tmp_path):
    with pytest.raises(ValueError, match="a fault"), run_lock(tmp_path):
        raise ValueError("a fault")
    with run_lock(tmp_path):
        pass


def test_a_killed_run_holds_no_lock(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(LockError, match=rf"process {process.pid}, since"), run_lock(tmp_path):
            pass
        process.send_signal(signal.SIGKILL)
    with run_lock(tmp_path):
        pass


def test_a_place_that_cannot_hold_a_lock_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="could not be written or read"), run_lock(tmp_path / "file"):
        pass
