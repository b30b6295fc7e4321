"""Room of stock that levels do not set: of parts that nobody supplies any more, and of last buys.

A last buy cannot be made up for, a level can: of the room of a site the planner's levels and the floors come first,
then the stock of parts without a source, which lies there anyway, then last buys, then what the rule would set.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.replenish.chain import no_delay
from partsopt.replenish.lastbuy import LastBuys
from partsopt.replenish.lifecycle import kept_until
from partsopt.replenish.pairs import Pairs
from partsopt.replenish.storage import LimitedSites, limited_sites, shelf_room
from partsopt.replenish.together import Chain, lowest_levels
from partsopt.settings import ReplenishParams

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

HALVINGS = 44  # of a rent
DOUBLINGS = 300


class RoomLeft(NamedTuple):
    """The pairs at sites whose ``storage_m3`` is what is left for levels, and the last buys that have room."""

    pairs: Pairs
    last: LastBuys


def room_left(
    pairs: Pairs,
    has_source: Flags,
    chain: Chain,
    last: LastBuys,
    stock: Wholes,
    params: ReplenishParams,
) -> RoomLeft:
    """Take the room of parts without a source and of last buys out of that for levels, and cut last buys to it.

    Parameters
    ----------
    pairs, has_source, chain
        The pairs, whether anybody supplies them, and their demand.
    last
        Last buys as they would pay.
    stock
        Pieces of every pair on hand and firmly on order.
    params
        The floors of classes.

    Notes
    -----
    Where last buys do not fit, each keeps the pieces that are worth more than the rent of their room: the smallest
    rent of a cubic metre at which they do. What the sites supplied have of them already is not taken off, so that the
    answer is the same once tonight's transfers are imported. Parts bought for the last time tonight take no room as
    levels.
    """
    sites = limited_sites(pairs)
    if not len(sites.limit):
        return RoomLeft(pairs, last)
    volume = pairs.rows["part_m3"].to_numpy(dtype=np.float64)
    now = last.row[last.is_now]
    has_level = pairs.rows["is_stocked"].to_numpy() & has_source & (sites.of_pair >= 0)
    has_level[now] = False
    rows = np.flatnonzero(has_level)
    low = np.minimum(lowest_levels(pairs, chain, rows, no_delay(len(rows)), params), chain.cap[rows])
    lying = np.flatnonzero(~has_source & ~pairs.rows["is_superseded"].to_numpy() & (sites.of_pair >= 0))
    left = sites.limit - _of_sites(sites, rows, shelf_room(low, chain.demand.at(rows), volume[rows]))
    there = np.clip(_of_sites(sites, lying, np.maximum(stock[lying], 0) * volume[lying]), 0.0, np.maximum(left, 0.0))
    last, bought = _last_buys_within(sites, last, chain, volume, np.maximum(left - there, 0.0))
    limit = pairs.sites["storage_m3"].to_numpy(dtype=np.float64).copy()
    limit[~np.isnan(limit)] = sites.limit - there - bought
    m3 = volume.copy()
    m3[now] = 0.0
    return RoomLeft(
        pairs._replace(rows=pairs.rows.assign(part_m3=m3), sites=pairs.sites.assign(storage_m3=limit)), last
    )


def _last_buys_within(
    sites: LimitedSites, last: LastBuys, chain: Chain, volume: Floats, left: Floats
) -> tuple[LastBuys, Floats]:
    """Tonight's last buys cut to the room left, and the room they take at each site."""
    at = np.flatnonzero(last.is_now & (sites.of_pair[last.row] >= 0))
    row, pieces = last.row[at], last.pieces.at(at)
    site, demand = sites.of_pair[row], chain.demand.at(row)

    def levels(rent: Floats) -> Wholes:
        return kept_until(pieces, rent[site] * volume[row])

    def taken(level: Wholes) -> Floats:
        return _of_sites(sites, row, shelf_room(level, demand, volume[row]))

    wanted = last.level[at]
    full = taken(wanted) > left
    if not full.any():
        return last, taken(wanted)
    rent = _fitting_rents(lambda tried: full & (taken(levels(tried)) > left), full, np.ones(len(full)))
    level = last.level.copy()
    level[at] = np.where(full[site], levels(rent), wanted)
    return last._replace(level=level, room_cut=last.level - level), taken(level[at])


def _of_sites(sites: LimitedSites, rows: Wholes, space: Floats) -> Floats:
    """Cubic metres of some pairs at each site with limited room."""
    return np.bincount(sites.of_pair[rows], space, minlength=len(sites.limit)).astype(np.float64)


def _fitting_rents(is_full: Callable[[Floats], Flags], full: Flags, first: Floats) -> Floats:
    """The smallest rent of each site at which it is not full any more, all by bisection at once; 0 where it never was.

    Parameters
    ----------
    is_full
        Which sites are full at some rents; the higher the rent of a site, the less is there.
    full
        Which are at rents of 0.
    first
        Rents to begin with, above 0.
    """
    low, high = np.zeros(len(full)), np.where(full, first, 0.0)
    for _ in range(DOUBLINGS):
        too_low = is_full(high)
        if not too_low.any():
            break
        low, high = np.where(too_low, high, low), np.where(too_low, 2 * high, high)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        too_low = is_full(middle)
        low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
    return np.where(full, high, 0.0)
