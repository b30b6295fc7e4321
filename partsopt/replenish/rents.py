"""Prices of scarce things: rents at which stock finds room, and the least price at which there is enough.

Of levels that are chosen by Everett's multipliers (1963). Room separates by site, so its rents are found exactly, from
the lower hull of each part's cost over room; the price around them is searched.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

FAR = 4.0  # factor by which a price is first looked for
FARTHEST = 50  # such factors
STEPS = 60  # of the search between two prices
NEAR = 1e-10  # relative width of prices at which it ends
SETTLED = 1e-7  # relative difference of what is paid at both of them at which it ends
JUST_ABOVE = 1.0 + 1e-13  # the rent at which two entries cost the same

Found = TypeVar("Found")


@njit(cache=True, nogil=True)
def cheapest(
    start: Wholes, aim: Floats, limited: Floats, price: float, space: Floats, site: Wholes, rent: Floats, rows: Wholes
) -> tuple[Wholes, Floats]:
    """The cheapest entry of some parts at a price and rents, of equals the lowest, and what it costs."""
    best, cost = np.empty(len(rows), dtype=np.int64), np.empty(len(rows))
    for place, i in enumerate(rows):
        paid = rent[site[i]] if site[i] >= 0 else 0.0
        least = np.inf
        for entry in range(start[i], start[i + 1]):
            one = aim[entry] - price * limited[entry] + paid * space[entry]
            if one < least:
                least, best[place] = one, entry
        cost[place] = least
    return best, cost


@njit(cache=True, nogil=True)
def fitting(
    start: Wholes, aim: Floats, limited: Floats, price: float, space: Floats, site: Wholes, limit: Floats, rows: Wholes
) -> tuple[Wholes, Floats]:
    """The cheapest entry of some parts at a price and the smallest rents at which all sites have room; these rents.

    What is left of the room is then filled with the steps of most worth for a cubic metre that still fit. ``space``
    must not fall with the entry, and the lowest entries must fit: a site that is too small even for them has the rent
    at which they are chosen.
    """
    n, longest, most = len(rows), 1, 0
    for i in rows:
        longest = max(longest, start[i + 1] - start[i])
        most += start[i + 1] - start[i] - 1
    entry, taken, rent = np.empty(n, dtype=np.int64), np.zeros(len(limit)), np.zeros(len(limit))
    corner, cost = np.empty(longest, dtype=np.int64), np.empty(longest)
    # steps of the hulls: what a cubic metre of each saves, whose it is, and the entry below it
    worth, whose, below = np.empty(most), np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    used = 0
    for place, i in enumerate(rows):
        top = 0
        for one in range(start[i], start[i + 1]):
            paid = aim[one] - price * limited[one]
            if top > 0 and paid >= cost[top - 1]:
                continue
            while top > 0 and space[one] <= space[corner[top - 1]]:
                top -= 1
            while top > 1:
                a, b = corner[top - 2], corner[top - 1]
                saved = (cost[top - 2] - cost[top - 1]) * (space[one] - space[b])
                if (cost[top - 1] - paid) * (space[b] - space[a]) < saved:
                    break
                top -= 1
            corner[top], cost[top] = one, paid
            top += 1
        entry[place] = corner[top - 1]
        if site[i] < 0:
            continue
        taken[site[i]] += space[entry[place]]
        for k in range(1, top):
            worth[used] = (cost[k - 1] - cost[k]) / (space[corner[k]] - space[corner[k - 1]])
            whose[used], below[used] = place, corner[k - 1]
            used += 1
    is_full = taken > limit
    steps = np.empty(used, dtype=np.int64)
    n_steps = 0
    for k in range(used):
        if is_full[site[rows[whose[k]]]]:
            steps[n_steps] = k
            n_steps += 1
    steps = steps[:n_steps]
    above = np.empty(n_steps, dtype=np.int64)  # the entry that each step leaves, -1 where it stays
    steps = steps[np.argsort(worth[steps], kind="mergesort")]
    for k, step in enumerate(steps):
        place = whose[step]
        at = site[rows[place]]
        above[k] = -1
        if taken[at] > limit[at] or worth[step] <= rent[at]:
            above[k] = entry[place]
            taken[at] -= space[entry[place]] - space[below[step]]
            entry[place], rent[at] = below[step], worth[step] * JUST_ABOVE
    for k in range(n_steps - 1, -1, -1):
        place = whose[steps[k]]
        at = site[rows[place]]
        if above[k] >= 0 and entry[place] == below[steps[k]]:
            more = space[above[k]] - space[below[steps[k]]]
            if taken[at] + more <= limit[at]:
                taken[at] += more
                entry[place] = above[k]
    return entry, rent


def least_price(
    at: Callable[[float], Found], measure: Callable[[Found], tuple[float, float]], first: float
) -> Found | None:
    """The answer at the least price found that gets enough; None where no price does.

    Parameters
    ----------
    at
        The answer at a price; the higher the price, the more it pays and gets.
    measure
        What an answer pays, and how much it gets beyond enough, below 0 where that is too little.
    first
        The price to begin with, above 0.

    Notes
    -----
    Factors of four until two answers enclose enough; then straight lines over the logarithm of the price and halvings
    by turns, until the prices, or what is paid at them, are all but the same.
    """
    place, found = math.log(first), at(first)
    is_enough = measure(found)[1] >= 0.0
    step = -math.log(FAR) if is_enough else math.log(FAR)
    for _ in range(FARTHEST):
        other = at(math.exp(place + step))
        if (measure(other)[1] >= 0.0) != is_enough:
            break
        place, found = place + step, other
    else:
        return found if is_enough else None
    (low, poor), (high, rich) = sorted([(place, found), (place + step, other)], key=lambda one: one[0])
    for turn in range(STEPS):
        (less, short), (more, beyond) = measure(poor), measure(rich)
        if high - low < NEAR or abs(more - less) <= SETTLED * abs(more):
            break
        share = -short / (beyond - short) if turn % 2 == 0 else 0.5
        between = low + min(max(share, 0.01), 0.99) * (high - low)
        found = at(math.exp(between))
        if measure(found)[1] >= 0.0:
            high, rich = between, found
        else:
            low, poor = between, found
    return rich
