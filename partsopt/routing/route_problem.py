"""A routing problem of whole numbers, and the arrays of a search on it, for compiled code."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

NEVER = 2**40


class RouteProblem(NamedTuple):
    """A routing problem of whole numbers; rows of the matrices are depots first, then clients.

    ``loads`` has one column for each measure (kg, m3). Vehicles of one type are alike and next to each other.
    ``type_*`` arrays are by vehicle type, ``allowed`` says which type may serve which location. Vehicles of several
    days are types of their own: times are clock times of their day, each client then costs ``type_per_client``.
    ``price_out`` is what a client costs that no vehicle serves. Starting after ``wanted`` costs ``late_per_time``;
    a trip does not put off its departure so far that it starts a client after ``due`` that it could start before
    (``NEVER`` where there is no such moment).
    """

    n_depots: int
    distance: Ints
    travel: Ints
    loads: Ints
    opens: Ints
    closes: Ints
    service: Ints
    release: Ints
    wanted: Ints
    due: Ints
    late_per_time: float
    price_out: Floats
    vehicle_type: Ints
    type_depot: Ints
    type_capacity: Ints
    type_fixed: Floats
    type_per_distance: Floats
    type_per_time: Floats
    type_per_client: Floats
    type_starts: Ints
    type_ends: Ints
    type_max_duration: Ints
    type_max_trips: Ints
    type_reload: Ints
    allowed: NDArray[np.uint8]


class SearchState(NamedTuple):
    """Routes under search. Trip k of vehicle v is row v * trips + k; segments are (earliest, latest, duration)."""

    nodes: Ints
    length: Ints
    n_trips: Ints
    load: Ints
    ready: Ints
    before: Ints
    after: Ints
    ahead: Ints
    behind: Ints
    cost: Floats
    driven: Ints
    spent: Ints
    late: Floats
    kin: NDArray[np.uint8]
    open_to_all: NDArray[np.uint8]
    stamp: Ints
    leg: Ints
    to: Ints
    travel_to: Ints
    row_of: Ints
    place_of: Ints
    saved_nodes: Ints
    saved_length: Ints
    saved_trips: Ints
    best_nodes: Ints
    best_length: Ints
    best_trips: Ints
    touched: Ints
    is_touched: NDArray[np.uint8]
    out: Ints
    out_place: Ints
    free: Ints
    n_free: Ints
    used: Ints
    used_place: Ints
    near: Ints
    near_in_time: Ints
    counts: Ints
    money: Floats
    draws: NDArray[np.uint64]
    signs: NDArray[np.uint64]
    pool_seen: NDArray[np.uint64]
    pool_start: Ints
    pool_type: Ints
    pool_cost: Floats
    pool_nodes: Ints


# counts: 0 vehicles used, 1 clients out, 2 vehicles touched, 3 routes in the pool, 4 nodes in the pool,
# 5 whether some type can replace another, 6 whether time or lateness has a price,
# 7 whether near in time is another order
# money: 0 current, 1 best, 2 current price of what is out
