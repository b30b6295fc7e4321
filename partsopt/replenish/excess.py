"""Stock above the level and the demand of the horizon, line by line: the best action and what it saves.

Asked after the stock of the night is shared out, so that what tonight's moves take is no longer there.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.replenish.lifecycle import DAYS_PER_MONTH, Held, kept_money, kept_until, of_life, sales_of, worth_of
from partsopt.replenish.pairs import successors_of
from partsopt.settings import ReplenishParams
from partsopt.tables import EXCESS_ACTIONS, LIFECYCLES, SITE_PART, conform, empty

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

DAYS_PER_YEAR = 365.25
DISPOSALS = ("return", "discount", "scrap")  # ties are settled in this order
SAID = {
    "return": "the source takes it back at {share:.0%} of its price",
    "discount": "sold below price, at {share:.0%} of its cost",
    "scrap": "scrapped at {share:.0%} of its cost",
}


class Matches(NamedTuple):
    """Pieces from givers to takers, by their positions."""

    giver: Wholes
    taker: Wholes
    quantity: Wholes


def excess_actions(
    *,
    positions: pd.DataFrame,
    levels: pd.DataFrame,
    forecasts: pd.DataFrame,
    shipments: pd.DataFrame,
    parts: pd.DataFrame,
    sites: pd.DataFrame,
    supply: pd.DataFrame,
    supersessions: pd.DataFrame,
    today: date,
    params: ReplenishParams,
) -> pd.DataFrame:
    """The best action for every piece in excess, with its saving against keeping the piece.

    Parameters
    ----------
    positions, levels, forecasts, shipments
        Of the night: excess and stock, levels, demand, and the moves that take of the excess already.
    parts, sites, supply, supersessions
        Input tables.
    today
        The planned day.
    params
        Holding, obsolescence, horizons, and what the actions bring and cost.

    Returns
    -------
    ExcessActions
        One row for each pair, action and receiving site; the largest saving first.
    """
    rows = _in_excess(positions, levels, forecasts, shipments, parts, sites, supply, supersessions, today, params)
    if rows.empty:
        return empty(EXCESS_ACTIONS)
    held = _held(rows, params)
    share, best = _disposal(rows, forecasts, params)
    unit_cost = rows["unit_cost"].to_numpy()
    keep = kept_until(held, share * unit_cost)
    takers = _takers(positions, levels, forecasts, sites, rows, params)
    moved = _moves(rows, held, keep, takers, share * unit_cost, params)
    taken = np.bincount(moved["row"], weights=moved["quantity"], minlength=len(rows)).astype(np.int64)

    row = np.arange(len(rows))
    lines = [moved]
    # what moves is taken from the top: the pieces that would wait longest
    for first, last, action in ((held.first, keep, "keep"), (keep, held.last - taken, "")):
        at = row[last > first]
        names = np.full(len(at), action, dtype=object) if action else best[at]
        sold = np.where(names == "keep", 0.0, share[at] * unit_cost[at] * (last - first)[at])
        kept = kept_money(held, first, last)
        sales, holding = kept.sales[at], kept.holding[at]
        worth = sales - holding
        lines.append(
            pd.DataFrame(
                {
                    "row": at,
                    "action": names,
                    "to_site_id": "",
                    "quantity": (last - first)[at],
                    "recovered": np.where(names == "keep", worth, sold),
                    "sales_if_kept": sales,
                    "holding_if_kept": holding,
                    "why": _why_here(names, share[at], worth),
                }
            )
        )
    return _ranked(pd.concat([one for one in lines if len(one)], ignore_index=True), rows)


# --------------------------------------------------------------------------- formulas


def matched(giver_group: Wholes, offered: Wholes, taker_group: Wholes, wanted: Wholes) -> Matches:
    """Hand what is offered to what is wanted within each group, both in the order given.

    Parameters
    ----------
    giver_group, offered
        Group (whole numbers, sorted) and pieces of each giver.
    taker_group, wanted
        Of each taker, likewise sorted.

    Notes
    -----
    Offers and wants of a group are laid end to end from a common start; where the intervals of a giver and
    a taker overlap, those pieces move.

    Examples
    --------
    >>> got = matched(np.array([0, 0]), np.array([3, 4]), np.array([0, 0]), np.array([5, 9]))
    >>> list(zip(got.giver.tolist(), got.taker.tolist(), got.quantity.tolist()))
    [(0, 0, 3), (1, 0, 2), (1, 1, 2)]
    """
    n_groups = int(max(giver_group.max(initial=-1), taker_group.max(initial=-1))) + 1
    both = np.minimum(
        np.bincount(giver_group, weights=offered, minlength=n_groups),
        np.bincount(taker_group, weights=wanted, minlength=n_groups),
    ).astype(np.int64)
    start = np.cumsum(both) - both

    def ends(group: Wholes, pieces: Wholes) -> tuple[Wholes, Wholes]:
        running = np.cumsum(pieces)
        first = np.searchsorted(group, np.arange(n_groups))
        before = np.concatenate([[0], running])[first][group]
        until = start[group] + np.minimum(running - before, both[group])
        return start[group] + np.minimum(running - pieces - before, both[group]), until

    giver_from, giver_to = ends(giver_group, offered)
    taker_from, taker_to = ends(taker_group, wanted)
    gives, takes = np.flatnonzero(giver_to > giver_from), np.flatnonzero(taker_to > taker_from)
    cuts = np.unique(np.concatenate([giver_from[gives], giver_to[gives], taker_from[takes], taker_to[takes]]))
    left, right = cuts[:-1], cuts[1:]
    if not len(left):
        nothing = np.zeros(0, dtype=np.int64)
        return Matches(nothing, nothing, nothing)
    giver = gives[np.searchsorted(giver_to[gives], left, side="right")]
    taker = takes[np.searchsorted(taker_to[takes], left, side="right")]
    return Matches(giver, taker, right - left)


# --------------------------------------------------------------------------- what is in excess


def _in_excess(
    positions: pd.DataFrame,
    levels: pd.DataFrame,
    forecasts: pd.DataFrame,
    shipments: pd.DataFrame,
    parts: pd.DataFrame,
    sites: pd.DataFrame,
    supply: pd.DataFrame,
    supersessions: pd.DataFrame,
    today: date,
    params: ReplenishParams,
) -> pd.DataFrame:
    """Pairs with excess, less what tonight's moves between sites take, with what is known of them."""
    moves = shipments[shipments["shipment_kind"].eq("transshipment")].rename(columns={"origin_id": "site_id"})
    going = moves.groupby(SITE_PART)["shipped_quantity"].sum().rename("going").reset_index()
    rows = positions[positions["excess_quantity"].gt(0)].merge(going, on=SITE_PART, how="left", validate="1:1")
    gone = rows["going"].fillna(0).astype("int64")
    promised = rows[["backordered", "reserved", "committed", "requested"]].sum(axis=1)
    rows = rows.assign(
        excess=np.maximum(rows["excess_quantity"] - gone, 0), free=np.maximum(rows["on_hand"] - promised, 0) - gone
    )
    rows = rows[rows["excess"].gt(0)].sort_values(SITE_PART, ignore_index=True)
    of_part = ["part_id", "unit_cost", "weight_kg", "lifecycle"]
    rows = rows.merge(parts[of_part], on="part_id", how="left", validate="m:1")
    rows = rows.merge(sites[["site_id", "supplied_by"]], on="site_id", how="left", validate="m:1")
    part_ids = pd.Index(parts["part_id"].sort_values())
    successors = successors_of(supersessions, part_ids, today)
    part = part_ids.get_indexer(rows["part_id"])
    is_old = successors.successor[part] != part
    rows["asked_as"] = part_ids[successors.successor[part]]
    demand = forecasts[[*SITE_PART, "mean_per_period", "period_days", "variance_to_mean"]]
    demand = demand.rename(columns={"part_id": "asked_as"})
    rows = rows.merge(demand, on=["site_id", "asked_as"], how="left", validate="m:1")
    per_year = (rows["mean_per_period"] / rows["period_days"]).fillna(0.0) * DAYS_PER_YEAR
    rows["per_year"] = np.where(is_old & ~successors.uses_up[part], 0.0, per_year)
    rows["variance_to_mean"] = rows["variance_to_mean"].fillna(1.0)
    level = levels[[*SITE_PART, "order_up_to_level", "source_id"]]
    rows = rows.merge(level, on=SITE_PART, how="left", validate="1:1")
    rows["order_up_to_level"] = rows["order_up_to_level"].fillna(0).astype("int64")
    back = supply[supply["channel"].ne("dc")][[*SITE_PART, "source_id", "return_share"]]
    best = back.sort_values([*SITE_PART, "return_share", "source_id"]).drop_duplicates(SITE_PART, keep="last")
    rows = rows.merge(best[[*SITE_PART, "return_share"]], on=SITE_PART, how="left", validate="1:1")
    rows["return_share"] = rows["return_share"].fillna(0.0)
    rows["is_usable"] = ~is_old | successors.uses_up[part]
    coming = supersessions[(supersessions["effective_on"] > pd.Timestamp(today)) & ~supersessions["use_up_old_first"]]
    ends = coming.set_index("old_part_id")["effective_on"].reindex(rows["part_id"]).to_numpy().astype("datetime64[D]")
    days = (ends - np.datetime64(today, "D")).astype(np.float64)
    rows["ends_days"] = np.where(np.isnat(ends), np.inf, days)
    rows["served_days"] = _served_days(rows, parts, supply, today, params)
    return rows


def _served_days(
    rows: pd.DataFrame, parts: pd.DataFrame, supply: pd.DataFrame, today: date, params: ReplenishParams
) -> Floats:
    """Days until the end of service of parts that nobody supplies any more; not a number for the others."""
    if not supply["last_order_on"].notna().any():
        return np.full(len(rows), np.nan)
    outside = supply[supply["channel"].ne("dc") & supply["part_id"].isin(rows["part_id"])]
    is_open = ~(outside["last_order_on"] < pd.Timestamp(today))
    ended_on = outside[~outside["part_id"].isin(outside.loc[is_open, "part_id"])].groupby("part_id")["last_order_on"]
    ended = ended_on.max().reindex(rows["part_id"]).to_numpy().astype("datetime64[D]")
    until = parts.set_index("part_id")["served_until_on"].reindex(rows["part_id"]).to_numpy().astype("datetime64[D]")
    covered = ended + np.timedelta64(round(params.last_buy_years * DAYS_PER_YEAR), "D")
    until = np.where(np.isnat(ended), np.datetime64("NaT"), np.where(np.isnat(until), covered, until))
    days = np.where(np.isnat(until), np.nan, (until - np.datetime64(today, "D")).astype(np.float64))
    return np.maximum(days, 1.0)


def _held(rows: pd.DataFrame, params: ReplenishParams) -> Held:
    """A piece sold spares the next purchase; where the site stocks none, an emergency purchase; else a shortage.

    What was bought for the last time is kept for the demand until the end of service.
    """
    cost = rows["unit_cost"].to_numpy()
    life = pd.Index(LIFECYCLES).get_indexer(rows["lifecycle"])
    emergency = np.where(rows["order_up_to_level"].gt(0), 0.0, params.emergency_cost_share)
    served = rows["served_days"].to_numpy()
    emergency = np.where(np.isnan(served), emergency, params.last_buy_shortage_share)
    days = np.where(np.isnan(served), of_life(params.unsold_after_months, life) * DAYS_PER_MONTH, served)
    days = np.minimum(days, rows["ends_days"].to_numpy())
    older = np.maximum(rows["superseded"].to_numpy(), 0)  # old numbers are sold first
    last = rows["free"].to_numpy() + older
    hazard = of_life(params.obsolescence_per_year, life)
    return Held(
        first=last - rows["excess"].to_numpy(),
        last=last,
        mean_per_year=rows["per_year"].to_numpy(),
        variance_to_mean=rows["variance_to_mean"].to_numpy(),
        years=days / DAYS_PER_YEAR,
        gain=cost * (1 + emergency),
        rest=cost * params.scrap_share,
        per_year=cost * (params.holding_rate_per_year + hazard),
    )


def _disposal(
    rows: pd.DataFrame, forecasts: pd.DataFrame, params: ReplenishParams
) -> tuple[Floats, npt.NDArray[np.object_]]:
    """Share of cost that the best of return, discount and scrap brings, and its name.

    Only what somebody in the network still asks for can be sold below price.
    """
    asked = forecasts.loc[forecasts["mean_per_period"].gt(0), "part_id"].unique()
    shares = np.stack(
        [
            rows["return_share"].to_numpy(),
            np.where(rows["asked_as"].isin(asked), params.discount_share, 0.0),
            np.full(len(rows), params.scrap_share),
        ],
        axis=1,
    )
    # an action that brings nothing is scrapping, whatever its name
    shares[:, :2] = np.where(shares[:, :2] > 0, shares[:, :2], -1.0)
    best = shares.argmax(axis=1)
    return shares[np.arange(len(rows)), best], np.array(DISPOSALS, dtype=object)[best]


# --------------------------------------------------------------------------- moves


def _takers(
    positions: pd.DataFrame,
    levels: pd.DataFrame,
    forecasts: pd.DataFrame,
    sites: pd.DataFrame,
    excess: pd.DataFrame,
    params: ReplenishParams,
) -> pd.DataFrame:
    """DCs that will use more of a part within the horizon than lies above their level, the fastest first.

    What lacks to the level is ordered or asked for as ever, so only demand beyond it counts. An old number that is used
    up is wanted where its successor is; one that may soon not be sold any more is wanted nowhere.
    """
    lasts = excess[excess["is_usable"] & np.isinf(excess["ends_days"])]
    wanted = lasts[["part_id", "asked_as"]].drop_duplicates()
    dcs = sites.loc[sites["site_kind"].eq("dc"), "site_id"]
    known = positions[positions["site_id"].isin(dcs)][[*SITE_PART, "inventory_position"]]
    known = known.merge(levels[[*SITE_PART, "order_up_to_level"]], on=SITE_PART, how="inner", validate="1:1")
    demand = forecasts[[*SITE_PART, "mean_per_period", "period_days", "variance_to_mean"]]
    known = known.merge(demand, on=SITE_PART, how="inner", validate="1:1")
    rows = wanted.merge(known.rename(columns={"part_id": "asked_as"}), on="asked_as", how="inner")
    rows["per_year"] = rows["mean_per_period"] / rows["period_days"] * DAYS_PER_YEAR
    rows["stock"] = np.maximum(rows["inventory_position"], rows["order_up_to_level"])
    over_horizon = np.floor(rows["per_year"] * params.excess_horizon_days / DAYS_PER_YEAR).astype("int64")
    rows["need"] = over_horizon - (rows["stock"] - rows["order_up_to_level"])
    rows = rows[rows["need"].gt(0)]
    return rows.sort_values(["part_id", "per_year", "site_id"], ascending=[True, False, True], ignore_index=True)


def _moves(
    rows: pd.DataFrame, held: Held, keep: Wholes, takers: pd.DataFrame, disposal: Floats, params: ReplenishParams
) -> pd.DataFrame:
    """Moves to the site's own DC first, then to any DC, where that beats disposing of the pieces."""
    left = held.last - keep
    need = takers["need"].to_numpy()
    part_ids = pd.Index(np.unique(rows["part_id"]))
    site_ids = pd.Index(np.unique(takers["site_id"]))
    part_of, taker_part = part_ids.get_indexer(rows["part_id"]), part_ids.get_indexer(takers["part_id"])
    taker_site = site_ids.get_indexer(takers["site_id"])
    top = held.last.copy()
    lines = []
    for own_dc_first in (True, False):
        if own_dc_first:
            home = site_ids.get_indexer(rows["supplied_by"])
            giver_group = np.where(home >= 0, part_of * len(site_ids) + home, -1)
            taker_group = taker_part * len(site_ids) + taker_site
        else:
            giver_group, taker_group = part_of, taker_part
        gives = np.flatnonzero((giver_group >= 0) & (left > 0))
        gives = gives[np.lexsort((gives, giver_group[gives]))]
        takes = np.flatnonzero(need > 0)
        takes = takes[np.lexsort((takes, taker_group[takes]))]
        got = matched(giver_group[gives], left[gives], taker_group[takes], need[takes])
        giver, taker = gives[got.giver], takes[got.taker]
        worth, freight = _worth_there(rows, held, giver, takers, taker, got.quantity, params)
        pays = worth - freight > disposal[giver] * got.quantity
        giver, taker, quantity = giver[pays], taker[pays], got.quantity[pays]
        # several moves of a giver each take the pieces that lie on top
        order = np.lexsort((taker, giver))
        giver, taker, quantity = giver[order], taker[order], quantity[order]
        first_of = np.concatenate([[True], giver[1:] != giver[:-1]]) if len(giver) else np.zeros(0, dtype=bool)
        running = np.cumsum(quantity)
        before = (
            running
            - quantity
            - np.repeat((running - quantity)[first_of], np.diff(np.flatnonzero(first_of), append=len(giver)))
        )
        upper = top[giver] - before
        here = held.at(giver)
        recovered = (worth - freight)[pays][order]
        kept = kept_money(here, upper - quantity, upper)
        lines.append(
            pd.DataFrame(
                {
                    "row": giver,
                    "action": "rebalance",
                    "to_site_id": takers["site_id"].to_numpy()[taker],
                    "quantity": quantity,
                    "recovered": recovered,
                    "sales_if_kept": kept.sales,
                    "holding_if_kept": kept.holding,
                    "why": _why_there(takers["site_id"].to_numpy()[taker], need[taker], freight[pays][order], params),
                }
            )
        )
        np.subtract.at(left, giver, quantity)
        np.subtract.at(top, giver, quantity)
        np.subtract.at(need, taker, quantity)
    return pd.concat(lines, ignore_index=True)


def _worth_there(
    rows: pd.DataFrame,
    held: Held,
    giver: Wholes,
    takers: pd.DataFrame,
    taker: Wholes,
    quantity: Wholes,
    params: ReplenishParams,
) -> tuple[Floats, Floats]:
    """What pieces are worth on top of the taker's stock, and the freight of the line."""
    at = takers.iloc[taker]
    stock = at["stock"].to_numpy()
    sales = sales_of(
        stock,
        stock + quantity,
        at["per_year"].to_numpy(),
        at["variance_to_mean"].to_numpy(),
        held.years[giver],
    )
    worth = worth_of(sales, quantity, rows["unit_cost"].to_numpy()[giver], held.rest[giver], held.per_year[giver])
    weight = rows["weight_kg"].to_numpy()[giver] * quantity
    return worth, params.move_cost_fixed + params.move_cost_per_kg * weight


# --------------------------------------------------------------------------- table


def _why_there(site: npt.NDArray[np.object_], need: Wholes, freight: Floats, params: ReplenishParams) -> list[str]:
    return [
        f"{name} will use {n} within {params.excess_horizon_days} days beyond its level; freight {price:.2f}"
        for name, n, price in zip(site, need, freight, strict=True)
    ]


def _why_here(action: npt.NDArray[np.object_], share: Floats, worth: Floats) -> list[str]:
    said = []
    for name, part, kept in zip(action, share, worth, strict=True):
        if name == "keep":
            said.append(f"sales by the horizon less holding are worth {kept:.2f}, more than any action brings")
        else:
            said.append(SAID[name].format(share=part) + f"; keeping it is worth {kept:.2f}")
    return said


def _ranked(lines: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    known = rows.iloc[lines["row"].to_numpy()].reset_index(drop=True)
    value = known["unit_cost"] * lines["quantity"]
    worth = lines["sales_if_kept"] - lines["holding_if_kept"]
    saving = (lines["recovered"] - worth).clip(lower=0.0).where(lines["action"].ne("keep"), 0.0)
    stays_ours = lines["action"].isin(["keep", "rebalance"])
    table = lines.assign(
        site_id=known["site_id"],
        part_id=known["part_id"],
        lifecycle=known["lifecycle"],
        excess_quantity=lines["quantity"],
        keeping_is_worth=worth,
        value=value,
        saving=saving,
        write_off=(value - lines["recovered"]).clip(lower=0.0).where(~stays_ours, 0.0),
    )
    table["money"] = table["saving"].round(2)
    by = ["money", "value", "site_id", "part_id", "action", "to_site_id"]
    table = table.sort_values(by, ascending=[False, False, True, True, True, True], ignore_index=True)
    return conform(table.assign(rank=np.arange(1, len(table) + 1)), EXCESS_ACTIONS)
