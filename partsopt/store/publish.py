"""A night's files, published whole or not at all.

The files are written into ``runs/.staging-<run_id>``, each is flushed to the disk, the manifest
with their hashes comes last, the folder is renamed to ``runs/<run_id>`` and only then does the
file ``runs/CURRENT`` name it, by another rename. A kill at any point leaves the old night or the
new one, and the same call made again ends with the same bytes.
"""

from __future__ import annotations

import csv
import ctypes
import errno
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from partsopt.errors import StorageError

MANIFEST = "manifest.json"
CURRENT = "CURRENT"
DISPATCHED = "DISPATCHED"
STAGING = ".staging-"
ASIDE = ".aside-"
POINTER_DRAFT = ".current-draft"
_REMEDY = "Remedy: do not use this run; run the night again."
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


def publish(
    runs: Path,
    run_id: str,
    write_files: Callable[[Path], None],
    manifest: Mapping[str, Any],
    *,
    pointer: str = CURRENT,
) -> Path:
    """Publish the files of a run and make it the current one, or the one that ``pointer`` names.

    A run published before under the same id stays where its manifest is the same and its files
    check; else it is replaced at once. Only one process may publish into ``runs`` at a time (see
    :func:`partsopt.store.lock.run_lock`).

    Parameters
    ----------
    runs
        Folder of all runs; made where it does not exist.
    run_id
        Letters, digits, ``.``, ``_`` and ``-``: the name of the run's folder.
    write_files
        Writes the run's files into the folder it is given.
    manifest
        What is to be known of the run. ``files`` is added: rows (of CSV and Parquet), bytes and
        sha256 of each file.

    Returns
    -------
    Path
        The run's folder.

    Raises
    ------
    StorageError
        The disk refuses; the run that was current before still is.
    """
    if not _RUN_ID.fullmatch(run_id) or run_id in (CURRENT, DISPATCHED):
        raise StorageError(f'The run id "{run_id}" names no folder. Remedy: use letters, digits, ".", "_" and "-".')
    final, staging = runs / run_id, runs / f"{STAGING}{run_id}"
    try:
        make_folder(runs)
        _remove_remains(runs)
        staging.mkdir()
        write_files(staging)
        _seal(staging, {**manifest, "run_id": run_id})
        if not final.exists():
            os.rename(staging, final)  # noqa: PTH104 - the kill tests count the system's own calls
        elif _is_same_run(staging, final):
            shutil.rmtree(staging)
        else:
            _exchange(staging, final)
            _sync(runs)
            shutil.rmtree(staging)
        _sync(runs)
        _point_to(runs, run_id, pointer)
    except OSError as error:
        _remove_quietly(staging)
        raise storage_error(runs, error) from error
    except BaseException:
        _remove_quietly(staging)
        raise
    return final


def current_run(runs: Path) -> Path | None:
    """The folder of the current run, checked; None where nothing was published yet.

    Raises
    ------
    StorageError
        ``CURRENT`` names a folder that is not whole.
    """
    folder = run_named_by(runs / CURRENT)
    if folder is not None:
        read_manifest(folder)
    return folder


def run_named_by(pointer: Path) -> Path | None:
    """The folder that a file such as ``CURRENT`` names, its files not checked; None where there is no such file.

    Raises
    ------
    StorageError
        The file names no run.
    """
    try:
        run_id = pointer.read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise storage_error(pointer, error) from error
    if not _RUN_ID.fullmatch(run_id):
        raise StorageError(f'{pointer} holds "{run_id}", which names no run. Remedy: run the night again.')
    return pointer.parent / run_id


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a published run, after checking size and hash of every file it lists.

    Raises
    ------
    StorageError
        A file lacks or differs from what was published; the text names it.
    """
    manifest = manifest_as_written(folder)
    for name, fault in faults_of_files(folder, manifest):
        raise StorageError(f"{folder / name} {fault}. {_REMEDY}")
    return manifest


def manifest_as_written(folder: Path) -> dict[str, Any]:
    """The manifest of a run, its files not checked.

    Raises
    ------
    StorageError
        There is none, or it lists no files.
    """
    file = folder / MANIFEST
    try:
        manifest = json.loads(file.read_bytes())
        for one in manifest["files"].values():
            int(one["bytes"]), str(one["sha256"])
    except FileNotFoundError as error:
        raise StorageError(f"{file} is missing: the run was not published whole. {_REMEDY}") from error
    except OSError as error:
        raise storage_error(file, error) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"{file} is damaged: it lists no files. {_REMEDY}") from error
    return dict(manifest)


def faults_of_files(folder: Path, manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each file that lacks or differs from what a manifest lists, and what is wrong with it.

    Raises
    ------
    StorageError
        A file cannot be read.
    """
    for name, one in manifest["files"].items():
        place, size = folder / name, int(one["bytes"])
        try:
            found = place.stat().st_size
            if found != size:
                yield name, f"has {found} bytes instead of {size}"
            elif _sha256(place) != one["sha256"]:
                yield name, "holds other bytes than were published"
        except FileNotFoundError:
            yield name, "is missing"
        except OSError as error:
            raise storage_error(place, error) from error


def make_folder(folder: Path) -> None:
    """Make a folder that is still there after a power cut."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in missing:
        _sync(one.parent)


def storage_error(place: Path, error: OSError) -> StorageError:
    """What the disk refused, where, and what to do about it."""
    at = error.filename or place
    reason = error.strerror or str(error)
    return StorageError(
        f"{at} could not be written or read ({reason}); the previous night is untouched. "
        f"Remedy: {_REMEDIES.get(error.errno or 0, 'look at the disk, then run the night again')}."
    )


_REMEDIES = {
    errno.ENOSPC: "free space on the disk, then run the night again",
    errno.EDQUOT: "raise the disk quota, then run the night again",
    errno.EFBIG: "raise the limit of file size, then run the night again",
    errno.EACCES: "give this user the right to write there, or choose another folder",
    errno.EPERM: "give this user the right to write there, or choose another folder",
    errno.EROFS: "choose a folder on a disk that can be written",
    errno.EEXIST: "move the file that stands in the place of the folder",
    errno.ENOTDIR: "move the file that stands in the place of the folder",
}


# --------------------------------------------------------------------------- steps


def _remove_remains(runs: Path) -> None:
    """Put a run back that was moved aside when its successor was killed; remove what is half done."""
    for aside in sorted(runs.glob(f"{ASIDE}*")):
        home = runs / aside.name.removeprefix(ASIDE)
        if not home.exists():
            os.rename(aside, home)  # noqa: PTH104 - the kill tests count the system's own calls
            _sync(runs)
    for remains in sorted(runs.glob(f"{STAGING}*")):
        shutil.rmtree(remains)
    (runs / POINTER_DRAFT).unlink(missing_ok=True)


def _seal(staging: Path, manifest: dict[str, Any]) -> None:
    """Flush every file, then write the manifest that lists them, then flush the folders."""
    files = {}
    for file in sorted(place for place in staging.rglob("*") if place.is_file()):
        _sync(file)
        name = file.relative_to(staging).as_posix()
        files[name] = {"rows": _n_rows(file), "bytes": file.stat().st_size, "sha256": _sha256(file)}
    text = (
        json.dumps({**manifest, "files": files}, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    )
    (staging / MANIFEST).write_text(text, encoding="utf-8", newline="\n")
    _sync(staging / MANIFEST)
    for folder in sorted((place for place in staging.rglob("*") if place.is_dir()), reverse=True):
        _sync(folder)
    _sync(staging)


def _is_same_run(staging: Path, final: Path) -> bool:
    try:
        read_manifest(final)
        return (staging / MANIFEST).read_bytes() == (final / MANIFEST).read_bytes()
    except (StorageError, OSError):
        return False


def _point_to(runs: Path, run_id: str, pointer: str) -> None:
    draft = runs / POINTER_DRAFT
    draft.write_text(run_id + "\n", encoding="utf-8", newline="\n")
    _sync(draft)
    os.replace(draft, runs / pointer)  # noqa: PTH105 - the kill tests count the system's own calls
    _sync(runs)


def _exchange(staging: Path, final: Path) -> None:
    """Let the new folder and the one published before change places, at once.

    Where the system cannot exchange two folders the old one is moved aside first. A kill at that
    moment leaves it aside, and no current run; the next call puts it back before anything else.
    """
    if sys.platform == "linux" and _exchanged(staging, final):
        return
    aside = final.parent / f"{ASIDE}{final.name}"
    os.rename(final, aside)  # noqa: PTH104 - the kill tests count the system's own calls
    os.rename(staging, final)  # noqa: PTH104 - the same
    os.rename(aside, staging)  # noqa: PTH104 - the same


def _exchanged(one: Path, other: Path) -> bool:
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    failed = renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return failed == 0


def _sync(place: Path) -> None:
    if os.name == "nt" and place.is_dir():
        return  # Windows cannot flush a folder
    descriptor = os.open(place, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _n_rows(file: Path) -> int | None:
    """Rows of a CSV or Parquet file, the header not counted; None for another file."""
    if file.suffix == ".csv":
        with file.open(encoding="utf-8-sig", newline="") as stream:
            return max(sum(1 for _ in csv.reader(stream)) - 1, 0)
    if file.suffix == ".parquet":
        import pyarrow.parquet as pq

        return int(pq.read_metadata(file).num_rows)
    return None


def _remove_quietly(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
