"""What is told of rooms: levels that are lower for want of room, and sites that are too full."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.replenish.levels import Levels, promised_by
from partsopt.replenish.pairs import Pairs
from partsopt.replenish.position import largest_of_site
from partsopt.replenish.together import DAYS_PER_YEAR, Chain, delay_at, room_at
from partsopt.settings import ReplenishParams
from partsopt.tables import declare_exception, exceptions_of

Wholes = npt.NDArray[np.int64]

LEVEL_CUT_FOR_ROOM = declare_exception(
    "level_cut_for_room",
    stage="replenish",
    says="a level is lower because sites.storage_m3 is reached; money is what emergency orders for it cost a year",
    action="clear excess_actions, raise storage_m3, or lower the planner's levels and floors that take the room",
)
STORAGE_OVER = declare_exception(
    "storage_over",
    stage="replenish",
    says="the stock of tonight, or levels with what was bought last, need more room than sites.storage_m3; money is "
    "the stock that has none",
    action="clear excess_actions; correct storage_m3",
)


def levels_cut_for_room(pairs: Pairs, chain: Chain, levels: Levels, params: ReplenishParams) -> pd.DataFrame:
    """What each level loses for want of room, the largest of each site by money and the total of the others."""
    row = np.flatnonzero(levels.room_cut > 0)
    level = levels.order_up_to_level[row]
    wanted = level + levels.room_cut[row]
    promised = levels.promised_fill_rate[row]
    without, _ = promised_by(chain.demand.at(row), delay_at(chain, row, levels.order_up_to_level), wanted)
    rows = pairs.rows.iloc[row]
    cost = rows["part_cost"].to_numpy(dtype=np.float64)
    missed = np.maximum(without - promised, 0.0) * rows["mean_per_day"].to_numpy() * DAYS_PER_YEAR
    told = zip(wanted, level, levels.room_cut[row] * cost, promised, without, missed, strict=True)
    what = [
        f"level {more} cut to {less}, {money:,.2f} less in stock: its site is full; it promises {now:.1%} instead of "
        f"{then:.1%}, {pieces:,.3g} pieces a year"
        for more, less, money, now, then, pieces in told
    ]
    emergency = params.emergency_cost_share * cost + params.emergency_cost_fixed
    listed = rows[["site_id", "part_id"]].assign(money=missed * emergency, what=what)
    return largest_of_site(LEVEL_CUT_FOR_ROOM, listed, "{n} more levels are lower, as the site is full")


def storage_exceptions(
    pairs: Pairs, chosen: pd.DataFrame, chain: Chain, level: Wholes, on_hand: Wholes
) -> pd.DataFrame:
    """Sites whose levels, or whose stock tonight, need more room than there is."""
    limit = pairs.sites["storage_m3"].to_numpy(dtype=np.float64)
    site, n = pairs.rows["site"].to_numpy(), len(limit)
    limited = ~np.isnan(limit)[site]
    held = np.where(limited, on_hand * pairs.rows["part_m3"].to_numpy(), 0.0)
    value = np.where(limited, on_hand * pairs.rows["part_cost"].to_numpy(), 0.0)
    has_source = chosen["has_source"].to_numpy()
    rows = np.flatnonzero(limited & has_source)
    needed = np.where(has_source | pairs.rows["is_superseded"].to_numpy(), 0.0, held)
    needed[rows] = room_at(pairs, chain, rows, level)
    by_level, tonight, money = (np.bincount(site, one, minlength=n) for one in (needed, held, value))
    over = np.flatnonzero((by_level > limit * (1 + 1e-6)) | (tonight > limit))
    beyond = np.maximum(tonight - limit, 0.0)[over] / np.maximum(tonight[over], 1e-9)
    said = [
        f"levels and stock without a source need {by_level[s]:,.3f} m3 when orders have come in, "
        f"stock on hand takes {tonight[s]:,.3f} tonight; there are {limit[s]:,.10g}"
        for s in over.tolist()
    ]
    return exceptions_of(
        STORAGE_OVER, pd.DataFrame({"site_id": pairs.site_ids[over]}), what=said, money=money[over] * beyond
    )
