"""A publisher that is killed at its n-th step on the disk: ``python -m tests.store.killed_publisher RUNS RUN_ID N``.

With N = 0 it is not killed and prints how many steps there were; with N = -1 no file may be larger
than 1000 bytes, as on a full disk.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import partsopt.store.publish as publishing
from partsopt.errors import StorageError

OLD_NIGHT = {"orders.csv": b"order_id,line\nOLD,1\n"}
NEW_NIGHT = {"orders.csv": b"order_id,line\nNEW,1\nNEW,2\n", "pick_lists.csv": b"line_id\nNEW/1\n"}
LARGE_NIGHT = {"orders.csv": b"x" * 2000}


def write_night(night: Mapping[str, bytes], folder: Path) -> None:
    for name, data in night.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)


def main(runs: Path, run_id: str, kill_at: int) -> int:
    if kill_at < 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            publishing.publish(runs, run_id, partial(write_night, LARGE_NIGHT), {})
        except StorageError as error:
            sys.stdout.write(str(error))
            return error.exit_code
        return 0
    steps = 0

    def killed(step: Callable[..., Any]) -> Callable[..., Any]:
        """The step, with a chance to be killed before it and after it."""

        def run(*given: Any, **named: Any) -> Any:
            nonlocal steps
            steps += 1
            if steps == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = step(*given, **named)
            steps += 1
            if steps == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return run

    os.fsync, os.rename, os.replace = killed(os.fsync), killed(os.rename), killed(os.replace)
    shutil.rmtree, publishing._exchanged = killed(shutil.rmtree), killed(publishing._exchanged)
    publishing.publish(runs, run_id, partial(write_night, NEW_NIGHT), {})
    sys.stdout.write(str(steps))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
