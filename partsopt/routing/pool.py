"""What a ruin-and-recreate search remembers, compiled: days before a step, its best plan, and the days it met."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np

from partsopt.routing.route_problem import SearchState

POOL_ROUTES = 20_000
POOL_NODES = 400_000


Function = TypeVar("Function", bound=Callable[..., object])


def lean(function: Function) -> Function:
    """Compile a function that allocates nothing, without reference counts.

    The problem and the state hold some sixty arrays; a reference to each at every call cost two thirds of the time.
    """
    compiled = numba.njit(cache=True, _nrt=False)  # type: ignore[call-overload] # numba's types leave the option out
    return compiled(function)


@lean
def touch(s: SearchState, v: int) -> None:
    """Remember a vehicle's day as it was before this iteration."""
    if s.is_touched[v]:
        return
    trips = s.saved_length.shape[0] // s.n_trips.shape[0]
    s.is_touched[v] = 1
    s.touched[s.counts[2]] = v
    s.counts[2] += 1
    s.saved_trips[v] = s.n_trips[v]
    for k in range(s.n_trips[v]):
        row = v * trips + k
        s.saved_length[row] = s.length[row]
        for i in range(s.length[row]):
            s.saved_nodes[row, i] = s.nodes[row, i]


@lean
def clients_on(s: SearchState, v: int) -> int:
    """How many clients a vehicle serves."""
    trips = s.saved_length.shape[0] // s.n_trips.shape[0]
    total = 0
    for row in range(v * trips, v * trips + s.n_trips[v]):
        total += s.length[row]
    return total


@lean
def put_out(p: Any, s: SearchState, c: int) -> None:
    """Note that a client is out."""
    s.out_place[c] = s.counts[1]
    s.out[s.counts[1]] = c
    s.counts[1] += 1
    s.money[2] += p.price_out[c]


@lean
def take_in(p: Any, s: SearchState, c: int) -> None:
    """Note that a client is out no longer."""
    s.counts[1] -= 1
    other = s.out[s.counts[1]]
    s.out[s.out_place[c]] = other
    s.out_place[other] = s.out_place[c]
    s.out_place[c] = -1
    s.money[2] -= p.price_out[c]


@lean
def keep_best(s: SearchState) -> None:
    """Remember the plan as it stands."""
    trips = s.saved_length.shape[0] // s.n_trips.shape[0]
    for v in range(s.n_trips.shape[0]):
        s.best_trips[v] = s.n_trips[v]
        for k in range(s.n_trips[v]):
            row = v * trips + k
            s.best_length[row] = s.length[row]
            for i in range(s.length[row]):
                s.best_nodes[row, i] = s.nodes[row, i]


@lean
def pool_touched(p: Any, s: SearchState) -> None:
    """Keep the touched days as columns: of one set of clients and one vehicle type the cheapest.

    A full pool is emptied: days met later are days of better plans.
    """
    trips = s.saved_length.shape[0] // s.n_trips.shape[0]
    size = np.uint64(s.pool_seen.shape[0])
    for i in range(s.counts[2]):
        v = s.touched[i]
        if s.n_trips[v] == 0:
            continue
        total = 0
        sign = s.signs[p.vehicle_type[v]]
        for k in range(s.n_trips[v]):
            row = v * trips + k
            total += s.length[row] + 1
            for j in range(s.length[row]):
                sign += s.signs[p.type_depot.shape[0] + s.nodes[row, j]]
        slot = sign % size
        while s.pool_seen[slot] != 0 and s.pool_start[np.int64(s.pool_seen[slot]) - 1, 1] != np.int64(sign):
            slot = (slot + np.uint64(1)) % size
        number = np.int64(s.pool_seen[slot]) - 1
        if number >= 0:
            if s.cost[v] >= s.pool_cost[number] - 1e-9 or total != s.pool_start[number, 2]:
                continue
        else:
            if s.counts[3] >= POOL_ROUTES or s.counts[4] + total > POOL_NODES:
                s.counts[3] = s.counts[4] = 0
                for place in range(s.pool_seen.shape[0]):
                    s.pool_seen[place] = 0
                slot = sign % size
            number = s.counts[3]
            s.counts[3] += 1
            s.pool_seen[slot] = np.uint64(number + 1)
            s.pool_start[number, 0] = s.counts[4]
            s.pool_start[number, 1] = np.int64(sign)
            s.pool_start[number, 2] = total
            s.counts[4] += total
        s.pool_type[number] = p.vehicle_type[v]
        s.pool_cost[number] = s.cost[v]
        at = s.pool_start[number, 0]
        for k in range(s.n_trips[v]):
            row = v * trips + k
            for j in range(s.length[row]):
                s.pool_nodes[at] = s.nodes[row, j]
                at += 1
            s.pool_nodes[at] = -1
            at += 1
