"""How complete the end of an export is: a last week that holds hardly any line was cut, and is not low demand."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

YEAR = {"month": 12, "week": 52}
"""Periods of a year."""
MONTH = {"month": 1, "week": 4}
"""Periods by which a holiday may move from one year to the next."""
CUT_SHARE = 0.4
"""A period with less than this share of its usual lines may have been cut."""
LEAST_LINES = 50.0
"""Where fewer lines are usual in a period, chance may leave few."""
MOST_CUT = {"month": 3, "week": 13}
"""Periods of a quarter of a year."""
LEAST_SEEN = 0.25
"""Demand of a period with any line counts for this share of it at least; the forecast extrapolates no further."""


def seen_at_the_end(lines: Array, period: str, cut_share: float = CUT_SHARE) -> Array:
    """Shares of the last periods that an export holds, where these were cut; empty where the last one is whole.

    A last period was cut when it holds less than ``cut_share`` of the median of the year before (half a year at
    least), and the same time of the year before, a month either way, was not as low against its own surroundings.
    So was the period before a cut one; all together a quarter of a year at most, for longer than that nobody overlooks
    it, and it is what became of demand. A yearly shutdown is no cut; the first one of a history looks like one.

    Parameters
    ----------
    lines
        Number of demand lines of every complete period, the last one last, shape (periods,).
    period
        ``month`` or ``week``.
    cut_share
        Share of the usual lines; 0: nothing is a cut.

    Returns
    -------
    Array
        Shape (cut periods,), oldest first: lines over usual lines, LEAST_SEEN or more, 0 where there is no line.

    Examples
    --------
    >>> seen_at_the_end(np.array([100] * 30 + [24, 0]), "week").tolist()
    [0.25, 0.0]
    >>> seen_at_the_end(np.array([100] * 30 + [60]), "week").tolist()
    []
    """
    year, month = YEAR[period], MONTH[period]
    found: list[float] = []
    for end in range(len(lines) - 1, 0, -1):
        before = lines[max(end - year, 0) : end]
        usual = float(np.median(before))
        if len(before) < year // 2 or usual < LEAST_LINES or lines[end] >= cut_share * usual:
            break
        last_year = lines[max(end - year - month, 0) : max(end - year + month + 1, 0)]
        around = lines[max(end - year - year // 2, 0) : max(end - year // 2, 0)]
        if len(last_year) and (last_year < cut_share * np.median(around)).any():
            break
        found.append(max(float(lines[end]) / usual, LEAST_SEEN) if lines[end] else 0.0)
    return np.array(found[::-1] if len(found) <= MOST_CUT[period] else [])
