"""Legs that a road engine answered, kept pair by pair of places, so that it is asked for each once.

A folder belongs to one engine: its address, profile and options. Every session of questions leaves one file, named by
a running number and the hash of its bytes, put in place by one rename: a kill leaves it whole or not at all. Nothing
is removed. Of the versions of an engine and its map the one asked last counts; what others answered stays, unused.
A file whose bytes are not those of its name is set aside as damaged and told.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from partsopt.store.publish import make_folder, storage_error

Place: TypeAlias = tuple[float, float]
DAMAGED = ".damaged"
MICRODEGREES = 1_000_000
_NAME = re.compile(r"([0-9]{6,})-([0-9a-f]{32})\.(npz|damaged)")


class Legs(NamedTuple):
    """Metres and minutes from each place (row) to each (column), NaN where no way is known; the version that said so.

    A version names engine and map as far as the engine tells them.
    """

    distance_m: NDArray[np.float64]
    travel_min: NDArray[np.float64]
    version: str = ""


class Kept(NamedTuple):
    """What is kept between places, and the files that were set aside as damaged."""

    legs: Legs
    damaged: tuple[str, ...]


def read_legs(folder: Path, places: Sequence[Place]) -> Kept:
    """The legs kept between places, each of them given once and one at least, of the version that was asked last.

    Raises
    ------
    StorageError
        The disk refuses.
    """
    legs, damaged = no_legs(len(places)), []
    codes = codes_of(places)
    order = np.argsort(codes)
    try:
        for file in _files(folder):
            data = file.read_bytes()
            if _hash_of(data) != file.stem.partition("-")[2]:
                file.rename(file.with_suffix(DAMAGED))
                damaged.append(file.name)
                continue
            with np.load(io.BytesIO(data)) as stored:
                version = str(stored["version"])
                if version != legs.version:
                    legs = no_legs(len(places), version)
                start, starts_here = _places_of(stored["start"], codes, order)
                end, ends_here = _places_of(stored["end"], codes, order)
                here = starts_here & ends_here
                legs.distance_m[start[here], end[here]] = stored["distance_m"][here]
                legs.travel_min[start[here], end[here]] = stored["travel_min"][here]
    except OSError as error:
        raise storage_error(folder, error) from error
    return Kept(legs, tuple(damaged))


def keep_legs(folder: Path, places: Sequence[Place], legs: Legs) -> None:
    """Keep the legs that are known, in a file of their own.

    Raises
    ------
    StorageError
        The disk refuses; what was kept before stays.
    """
    start, end = np.nonzero(~(np.isnan(legs.distance_m) | np.isnan(legs.travel_min)))
    if not len(start):
        return
    codes, stream = codes_of(places), io.BytesIO()
    np.savez(
        stream,
        start=codes[start],
        end=codes[end],
        distance_m=legs.distance_m[start, end],
        travel_min=legs.travel_min[start, end],
        version=np.array(legs.version),
    )
    data = stream.getvalue()
    try:
        make_folder(folder)
        numbers = [int(found[1]) for file in folder.iterdir() if (found := _NAME.fullmatch(file.name))]
        staged = folder / ".staged"
        with staged.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(folder / f"{max(numbers, default=0) + 1:06d}-{_hash_of(data)}.npz")
    except OSError as error:
        raise storage_error(folder, error) from error


def no_legs(n_places: int, version: str = "") -> Legs:
    """No leg between so many places."""
    return Legs(np.full((n_places, n_places), np.nan), np.full((n_places, n_places), np.nan), version)


def codes_of(places: Sequence[Place]) -> NDArray[np.int64]:
    """A number for each place, degrees north and east: its microdegrees, which are eleven centimetres.

    Examples
    --------
    >>> codes_of([(0.0, 0.0), (0.000001, -0.000001), (0.0000011, -0.0000009)]).tolist()
    [0, 4294967295, 4294967295]
    """
    micro = np.round(np.array(places, dtype=np.float64).reshape(-1, 2) * MICRODEGREES).astype(np.int64)
    return (micro[:, 0] << 32) + micro[:, 1]


def _files(folder: Path) -> list[Path]:
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(file for file in found if file.suffix == ".npz" and _NAME.fullmatch(file.name))


def _hash_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def _places_of(
    kept: NDArray[np.int64], codes: NDArray[np.int64], order: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The place of each code, and whether it is among the places at all."""
    place = order[np.searchsorted(codes[order], kept).clip(max=len(codes) - 1)]
    return place, codes[place] == kept
