"""Compiled kernels of the system approach: envelopes of staircases and the bounded search."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]


@njit(cache=True, nogil=True)
def envelope(start: Wholes, level: Wholes, fill: Floats) -> tuple[Wholes, Wholes, Wholes]:
    """Steps of each part's concave envelope: the part, the entry stepped from and the entry stepped to."""
    n, most = len(start) - 1, len(level)
    part, before, after = (
        np.empty(most, dtype=np.int64),
        np.empty(most, dtype=np.int64),
        np.empty(most, dtype=np.int64),
    )
    corners = np.empty(most + 1, dtype=np.int64)
    used = 0
    for i in range(n):
        top = 0
        for entry in range(start[i], start[i + 1]):
            if top > 0 and fill[entry] <= fill[corners[top - 1]]:
                continue
            while top >= 2:
                a, b = corners[top - 2], corners[top - 1]
                rise = (fill[b] - fill[a]) * (level[entry] - level[b])
                if rise > (fill[entry] - fill[b]) * (level[b] - level[a]):
                    break
                top -= 1
            corners[top] = entry
            top += 1
        for corner in range(1, top):
            part[used], before[used], after[used] = i, corners[corner - 1], corners[corner]
            used += 1
    return part[:used].copy(), before[:used].copy(), after[:used].copy()


@njit(cache=True, nogil=True)
def entries_within(
    start: Wholes, aim: Floats, limited: Floats, price: float, lowest: Floats, most: float
) -> tuple[Wholes, Wholes, Wholes, Floats]:
    """Entries whose reduced cost at a price is at most ``most``, by part and cheapest first.

    ``lowest`` is what each part's entry of least ``aim`` less price comes to. Gives where the entries of each part
    begin, how many they are, the entries, and their reduced costs.
    """
    n = len(start) - 1
    begin, count = np.empty(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    kept, reduced = np.empty(len(aim), dtype=np.int64), np.empty(len(aim))
    total = 0
    for i in range(n):
        begin[i] = total
        for entry in range(start[i], start[i + 1]):
            cost = aim[entry] - price * limited[entry] - lowest[i]
            if cost <= most:
                place = total
                while place > begin[i] and reduced[place - 1] > cost:
                    reduced[place], kept[place] = reduced[place - 1], kept[place - 1]
                    place -= 1
                reduced[place], kept[place] = cost, entry
                total += 1
        count[i] = total - begin[i]
    return begin, count, kept, reduced


@njit(cache=True, nogil=True)
def cheapest_combination(
    start: Wholes, aim: Floats, limited: Floats, least: float, price: float, first: Wholes, most_nodes: int
) -> tuple[Wholes, float, int, bool]:
    """One entry of each part with the smallest sum of ``aim`` whose sum of ``limited`` is at least ``least``.

    ``first`` is a feasible choice. Gives the best choice found, the Lagrangian bound at ``price``, the nodes
    visited and whether the best was proven.
    """
    n = len(start) - 1
    bound, value = price * least, 0.0
    lowest = np.empty(n)
    for i in range(n):
        lowest[i] = np.inf
        for entry in range(start[i], start[i + 1]):
            lowest[i] = min(lowest[i], aim[entry] - price * limited[entry])
        bound += lowest[i]
        value += aim[first[i]]
    best = first.copy()
    margin = 1e-13 * max(abs(value), 1.0)
    begin, count, kept, reduced = entries_within(start, aim, limited, price, lowest, value - bound + margin)
    settled_aim, settled_limited = 0.0, 0.0
    chosen = first.copy()
    open_parts = np.empty(n, dtype=np.int64)
    n_open = 0
    for i in range(n):
        if count[i] > 1:
            open_parts[n_open] = i
            n_open += 1
            continue
        if count[i] == 1:  # a part with one entry below the gap is settled
            chosen[i] = kept[begin[i]]
        settled_aim += aim[chosen[i]]
        settled_limited += limited[chosen[i]]
    most_after, least_after = np.zeros(n_open + 1), np.zeros(n_open + 1)
    for depth in range(n_open - 1, -1, -1):
        i = open_parts[depth]
        most, cheapest = -np.inf, np.inf
        for place in range(begin[i], begin[i] + count[i]):
            most = max(most, limited[kept[place]])
            cheapest = min(cheapest, aim[kept[place]])
        most_after[depth], least_after[depth] = most_after[depth + 1] + most, least_after[depth + 1] + cheapest
    spent, got, extra = np.zeros(n_open + 1), np.zeros(n_open + 1), np.zeros(n_open + 1)
    spent[0], got[0] = settled_aim, settled_limited
    at = np.zeros(n_open + 1, dtype=np.int64)
    depth, nodes = 0, 0
    if n_open == 0:
        if got[0] >= least and spent[0] < value - margin:
            best[:] = chosen
        return best, bound, nodes, True
    while depth >= 0:
        if nodes >= most_nodes:
            return best, bound, nodes, False
        i = open_parts[depth]
        if at[depth] == count[i]:
            at[depth] = 0
            depth -= 1
            continue
        place = begin[i] + at[depth]
        at[depth] += 1
        nodes += 1
        if bound + extra[depth] + reduced[place] >= value + margin:
            at[depth] = 0  # the further entries of this part are dearer still
            depth -= 1
            continue
        entry = kept[place]
        now_spent, now_got = spent[depth] + aim[entry], got[depth] + limited[entry]
        if now_got + most_after[depth + 1] < least or now_spent + least_after[depth + 1] >= value - margin:
            continue
        chosen[i] = entry
        if depth == n_open - 1:
            value = now_spent
            best[:] = chosen
            continue
        depth += 1
        spent[depth], got[depth], extra[depth] = now_spent, now_got, extra[depth - 1] + reduced[place]
    return best, bound, nodes, True
