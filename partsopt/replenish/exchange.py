"""The exchange curve of a night: service against money within what binds its levels, and where these stand."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.replenish.chain import matched
from partsopt.replenish.curve import CurvePoints, curve_points
from partsopt.replenish.levels import Levels
from partsopt.replenish.pairs import Pairs
from partsopt.replenish.service import mean_owed
from partsopt.replenish.storage import limited_sites
from partsopt.replenish.together import Chain, delay_at, network_of, room_at, room_of_network, share_of_dealers
from partsopt.settings import ReplenishParams
from partsopt.tables import CURVE_LIMITS, EXCHANGE_CURVE, conform, empty

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MONEY, MONEY_AND_ROOM, ROOM, LEVELS = CURVE_LIMITS


def exchange_curve_of(
    pairs: Pairs,
    chosen: pd.DataFrame,
    chain: Chain,
    levels: Levels,
    last_buys: Wholes,
    params: ReplenishParams,
) -> pd.DataFrame:
    """Service of customers against money: the network, and each DC with its dealers; and where tonight's levels stand.

    Every scope weighs its own customers by ``replenish.system_weights``. The first point is that of the floors.

    Parameters
    ----------
    pairs
        At sites whose ``storage_m3`` is what is left for levels.
    chosen, chain, levels
        Sources, demand and caps of the pairs, and tonight's levels.
    last_buys
        Rows that are bought for the last time tonight; their levels stand.
    params
        Weights, floors and caps.

    Notes
    -----
    A DC's curve leaves to what else stands at its dealers the room that tonight's levels of that take.
    """
    level = levels.order_up_to_level
    fixed = chain.fixed.copy()
    fixed[last_buys] = level[last_buys]
    chain = chain._replace(fixed=fixed, cap=np.where(fixed >= 0, fixed, chain.cap))
    is_stocked = pairs.rows["is_stocked"].to_numpy()
    held = np.flatnonzero(chosen["has_source"].to_numpy() & (is_stocked | (level > 0)))
    space = np.zeros(len(level))
    space[held] = room_at(pairs, chain, held, level)
    night = _Night(pairs, chosen, chain, levels, is_stocked, held, space, params)
    tables = [
        _of_scope(night, rows).assign(scope=name)
        for name, rows in _scopes(pairs, chain, held)
        if is_stocked[rows].any()
    ]
    return conform(pd.concat(tables, ignore_index=True), EXCHANGE_CURVE) if tables else empty(EXCHANGE_CURVE)


class _Night(NamedTuple):
    """What the curves of all scopes are drawn from; ``held`` are the rows with a level, ``space`` the room of each."""

    pairs: Pairs
    chosen: pd.DataFrame
    chain: Chain
    levels: Levels
    is_stocked: Flags
    held: Wholes
    space: Floats
    params: ReplenishParams


class _Here(NamedTuple):
    """Money and service of tonight's levels."""

    money: float
    service: float


def _of_scope(night: _Night, rows: Wholes) -> pd.DataFrame:
    """The curve of some rows; those that are not stocked, and bought for the last time, count as money alone."""
    pairs, chain, level = night.pairs, night.chain, night.levels.order_up_to_level
    here = rows[night.is_stocked[rows]]
    network, weight, delay = network_of(pairs, night.chosen, chain, here, night.params, np.ones(len(here)))
    room = room_of_network(pairs, chain, here, network, delay)
    room = room._replace(limit=_left(pairs, room.limit, np.setdiff1d(night.held, here), night.space))
    points = curve_points(network, room, len(here))
    cost = night.chosen["unit_cost"].to_numpy(dtype=np.float64)
    of_customers = cost[here] * (1.0 - share_of_dealers(pairs, chain, here))
    owed = _worth_owed(chain, here, of_customers, level, [level[here], *points.level])
    money = float(cost[here] @ level[here])
    now = _Here(money, float(weight @ night.levels.promised_fill_rate[here]))
    table = _curve_table(points, owed, now, room.name, pairs.rows.iloc[here])
    return table.assign(money=table["money"] + float(cost[rows] @ level[rows]) - money)


def _scopes(pairs: Pairs, chain: Chain, rows: Wholes) -> list[tuple[str, Wholes]]:
    """Names and rows: the network, and each DC with the dealers' parts that it supplies."""
    site, is_dc = pairs.rows["site"].to_numpy(), pairs.rows["is_dc"].to_numpy()
    supplier = np.where(chain.parent >= 0, site[chain.parent], -1)
    scopes = [("network", rows)]
    for number in np.unique(site[rows][is_dc[rows]]).tolist():
        with_dealers = rows[(site[rows] == number) | ((supplier[rows] == number) & ~is_dc[rows])]
        scopes.append((str(pairs.site_ids[number]), with_dealers))
    return scopes


def _left(pairs: Pairs, limit: Floats, others: Wholes, space: Floats) -> Floats:
    """Room of the limited sites, less what tonight's levels of some rows take of it."""
    site = limited_sites(pairs).of_pair[others]
    inside = site >= 0
    return limit - np.bincount(site[inside], space[others[inside]], minlength=len(limit))


def _worth_owed(chain: Chain, rows: Wholes, worth: Floats, tonight: Wholes, points: list[Wholes]) -> Floats:
    """Money in the pieces that customers are expected to be owed at the end of a cycle, at the levels of each point.

    ``worth`` is money for a piece of each row; other rows have tonight's levels. Between points only rows whose level,
    or that of whoever supplies them, has changed are counted again.
    """
    level, owed, total = tonight.copy(), np.zeros(len(rows)), list[float]()
    stale = np.ones(len(level), dtype=bool)
    for point in points:
        stale[rows] |= level[rows] != point
        for _ in range(int(chain.wave.max(initial=0)) + 1):
            stale |= np.append(stale, False)[chain.parent]
        level[rows] = point
        at = np.flatnonzero(stale[rows] & (worth > 0))
        demand = matched(chain.demand.at(rows[at]), delay_at(chain, rows[at], level))
        owed[at] = mean_owed(point[at], demand.batch, demand.over_protection, demand.variance_to_mean, demand.weights)
        total.append(float(owed @ worth))
        stale[:] = False
    return np.array(total)


def _curve_table(
    points: CurvePoints, owed: Floats, now: _Here, site_names: list[str], rows: pd.DataFrame
) -> pd.DataFrame:
    """The points by rising money with tonight's levels among them; these have the prices of the point above them."""
    place = int(np.searchsorted(points.money, now.money, side="right"))
    n = len(points.money) + 1
    is_here = np.arange(n) == place
    of_point = np.arange(n) - (np.arange(n) > place)  # the point of each row
    priced = np.minimum(of_point, max(n - 2, 0))
    money, service = np.insert(points.money, place, now.money), np.insert(points.service, place, now.service)
    bound, free_bound = points.duals.most_service(money)
    bound = np.clip(bound, service, np.maximum(service, 1.0))
    price, rent = (np.append(points.price, 0.0)[priced], _with_none(points.rent, len(site_names))[priced])
    dearest = rent.argmax(axis=1)
    per_m3, is_full = rent[np.arange(n), dearest], (rent > 0).sum(axis=1)
    loser = np.where(is_here, -1, np.append(points.loses_most, -1)[of_point])
    names = np.array([*site_names, ""], dtype=object)
    site_id, part_id = (np.append(rows[name].to_numpy(dtype=object), "")[loser] for name in ("site_id", "part_id"))
    return pd.DataFrame(
        {
            "point": np.arange(n),
            "money": money,
            "owed": np.insert(owed[1:], place, owed[0]),
            "service": service,
            "bound": bound,
            "room_takes": np.maximum(np.minimum(free_bound, 1.0) - bound, 0.0),
            "is_here": is_here,
            "stopped_by": np.where(
                is_full > 0, np.where(price > 0, MONEY_AND_ROOM, ROOM), np.where(price > 0, MONEY, LEVELS)
            ),
            "service_per_money": price,
            "full_sites": is_full,
            "full_site_id": names[np.where(is_full > 0, dearest, -1)],
            "service_per_m3": per_m3,
            "pairs_lower": np.insert(points.pairs_lower, place, 0),
            "pairs_higher": np.insert(points.pairs_higher, place, 0),
            "site_id": site_id,
            "part_id": part_id,
            "service_lost": np.insert(points.service_lost, place, 0.0),
        }
    )


def _with_none(rent: Floats, n_sites: int) -> Floats:
    """Rents by point and site with a site that has any room, and a point without rents, at the ends."""
    return np.pad(rent.reshape(len(rent), n_sites), ((0, 1), (0, 1)))
