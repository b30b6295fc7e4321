"""One run at a time in a directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from partsopt.errors import LockError
from partsopt.store.publish import make_folder, storage_error

LOCK = ".partsopt.lock"
HOLDER = ".partsopt.lock.holder"


@contextmanager
def run_lock(directory: Path) -> Iterator[None]:
    """Hold the lock of a directory, or say at once who holds it.

    The operating system frees the lock when its process ends, however it ends.

    Raises
    ------
    LockError
        Another run holds the lock.
    StorageError
        The lock cannot be written.
    """
    lock, holder = FileLock(directory / LOCK, timeout=0), directory / HOLDER
    try:
        make_folder(directory)
        lock.acquire()
    except Timeout as error:
        raise LockError(
            f"Another run holds the lock of {directory}{_said_by(holder)}. "
            "Remedy: wait until it has ended, or stop it; then start again."
        ) from error
    except OSError as error:
        raise storage_error(directory / LOCK, error) from error
    try:
        started = datetime.now(UTC).isoformat(timespec="seconds")
        holder.write_text(f"process {os.getpid()}, since {started}\n", encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _said_by(holder: Path) -> str:
    try:
        return f" ({holder.read_text(encoding='utf-8').strip()})"
    except OSError:
        return ""
