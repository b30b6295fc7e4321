"""Values that hold from a start on, written on one line: speeds by kilometre, factors by time of day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeAlias

from partsopt.errors import SettingsError

Bands: TypeAlias = Sequence[tuple[float, float]]
"""Starts in rising order, each with the value that holds from there on."""


def bands_of(key: str, text: str, start_of: Callable[[str, str], float]) -> tuple[tuple[float, float], ...]:
    """Starts and values of a setting; blank: none.

    Parameters
    ----------
    key
        The setting, for the message.
    start_of
        Reads a start: given the key and its text.

    Raises
    ------
    SettingsError
        A band is no start and value above 0, or starts do not rise.

    Examples
    --------
    >>> bands_of("routing.speed_bands", "0=35, 15=60", kilometres)
    ((0.0, 35.0), (15.0, 60.0))
    """
    bands = []
    for one in filter(str.strip, text.split(",")):
        start, _, value = (part.strip() for part in one.partition("="))
        try:
            bands.append((start_of(key, start), float(value)))
        except ValueError:
            raise SettingsError(f'{key} is "{text}"; "{one.strip()}" must be a start and a value, as 0=35.') from None
        if not 0 < bands[-1][1] < float("inf"):
            raise SettingsError(f'{key} is "{text}"; the value of "{one.strip()}" must be above 0.')
    if not all(one[0] < other[0] for one, other in pairwise(bands)):
        raise SettingsError(f'{key} is "{text}"; its starts must rise.')
    return tuple(bands)


def kilometres(key: str, text: str) -> float:
    """A start in km, 0 or more."""
    start = float(text)
    if not 0 <= start < float("inf"):
        raise SettingsError(f"{key} has a band that starts at {text} km; it must be 0 or more.")
    return start
