"""What a search of one DC's day gives, whichever search it was."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from partsopt.routing.timetable import Trips

Status: TypeAlias = Literal["optimal", "feasible", "time_limit", "fallback", "nothing_to_do"]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the search of a DC's day gave: trips, the latest starts it was held to, and how it ended."""

    trips: Trips
    latest_s: tuple[int, ...]
    status: Status
    objective: float
    solutions: int
    why: str
    bound: float = math.nan
    solver: str = "OR-Tools routing"
