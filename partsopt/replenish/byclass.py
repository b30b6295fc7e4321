"""Levels by the target of a class, within the room of sites: where a site is full, the pieces that serve least go."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.replenish.chain import matched
from partsopt.replenish.levels import levels_reaching
from partsopt.replenish.pairs import Pairs
from partsopt.replenish.storage import cut_for_room, levels_within, room_of, said_of_rents
from partsopt.replenish.targets import staircases_of
from partsopt.replenish.together import KINDS, Chain, Ruled, delay_at, lowest_levels, room_at, ruled, weights_of
from partsopt.settings import ReplenishParams

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Run = dict[str, object]


def levels_by_class(pairs: Pairs, chosen: pd.DataFrame, chain: Chain, target: Floats, params: ReplenishParams) -> Ruled:
    """The planner's level, else the smallest that reaches the class's target, DCs before those they supply.

    Levels of a site that has no room for them are cut (:func:`_cut`). A cap is not kept here, but what a level takes
    of the room, and those whom a DC supplies, reckon with what it may hold.

    Raises
    ------
    SettingsError
        A site's room does not hold the planner's levels and the floors; the text says what they need.
    """
    is_stocked, is_dc = pairs.rows["is_stocked"].to_numpy(), pairs.rows["is_dc"].to_numpy()
    level, room_cut = np.zeros(len(is_stocked), dtype=np.int64), np.zeros(len(is_stocked), dtype=np.int64)
    by_cycle = params.service_measure == "cycle_service_level"
    runs = list[Run]()
    for kind in KINDS:
        of_kind = is_stocked & (is_dc == (kind == "dc"))
        for wave in range(int(chain.wave.max(initial=0)) + 1):
            rows = np.flatnonzero(of_kind & (chain.wave == wave))
            delay = delay_at(chain, rows, np.minimum(level, chain.cap) - room_cut)
            reaching = levels_reaching(target[rows], chain.demand.at(rows), delay, by_cycle)
            level[rows] = np.where(chain.fixed[rows] >= 0, chain.fixed[rows], reaching)
        rows = np.flatnonzero(of_kind & chosen["has_source"].to_numpy())
        room_cut[rows], run = _cut(pairs, chosen, chain, rows, np.minimum(level, chain.cap), kind, params)
        runs += run
    return ruled(level, room_cut, target, runs)


def _cut(
    pairs: Pairs,
    chosen: pd.DataFrame,
    chain: Chain,
    rows: Wholes,
    level: Wholes,
    kind: str,
    params: ReplenishParams,
) -> tuple[Wholes, list[Run]]:
    """Pieces that the levels of some rows lose where their site is full, so that service falls least; and the answer.

    ``level`` is of all pairs. Of the levels between the lowest allowed and that of the class those with most service
    by ``replenish.system_weights`` are taken.
    """
    cut = np.zeros(len(rows), dtype=np.int64)
    at = _over_full(pairs, chain, rows, level)
    if not len(at):
        return cut, []
    here = rows[at]
    delay = delay_at(chain, here, level)
    low = np.minimum(lowest_levels(pairs, chain, here, delay, params), level[here])
    stairs = staircases_of(chain.demand.at(here), delay, low, level[here])
    room = room_of(pairs, here, matched(chain.demand.at(here), delay), stairs)
    cost = chosen["unit_cost"].to_numpy(dtype=np.float64)[here]
    weight = weights_of(pairs, chosen, here, params, np.ones(len(here)))
    within = levels_within(stairs, cost, weight, room, budget=float(cost @ level[here]))
    got = within.levels
    cut[at] = cut_for_room(within.free_level - got.order_up_to_level, room.site, within.rent)
    wanted = float(weight @ stairs.fill_rate[stairs.start[1:] - 1])
    why = (
        f"{cut.sum():,} pieces fewer than the classes ask for at full sites: {got.service:.4%} of weighted fill rate "
        f"there instead of {wanted:.4%}; at most {got.gap:.4%} better is possible"
        + said_of_rents(room.name, room.limit, within.rent, by_budget=True)
    )
    return cut, [
        {
            "stage": "replenish",
            "name": f"room of the {kind}s",
            "solver": "multiplier and PuLP HiGHS",
            "status": got.status,
            "objective": got.objective,
            "bound": got.bound,
            "gap": got.gap,
            "solutions": got.nodes,
            "why": why,
        }
    ]


def _over_full(pairs: Pairs, chain: Chain, rows: Wholes, level: Wholes) -> Wholes:
    """Places among some rows of those at sites whose levels need more room than there is."""
    limit = pairs.sites["storage_m3"].to_numpy(dtype=np.float64)
    site = pairs.rows["site"].to_numpy()[rows]
    limited = np.flatnonzero(~np.isnan(limit)[site])
    needed = np.zeros(len(rows))
    needed[limited] = room_at(pairs, chain, rows[limited], level)
    taken = np.bincount(site, needed, minlength=len(limit))
    return np.flatnonzero((taken > limit)[site])
