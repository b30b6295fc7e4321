"""When the old numbers of a supersession run out, over the whole network and at each site, and what will be left."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.replenish.levels import DemandAhead, mean_between, of_rows
from partsopt.replenish.lifecycle import DAYS_PER_MONTH, of_life
from partsopt.replenish.pairs import Pairs, pieces_of, rows_at
from partsopt.replenish.service import demand_tail, expected_on_hand
from partsopt.settings import ReplenishParams
from partsopt.tables import RUN_OUTS, conform, declare_exception, empty, exceptions_of

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SUPERSEDED_LEFT_OVER = declare_exception(
    "superseded_left_over",
    stage="replenish",
    says="pieces of a number that is replaced will be left over",
    action="cancel open orders of the old number, return or sell off what is too much; run_outs.csv has every site",
)

CHANCES = (0.1, 0.5, 0.9)  # that all pieces are gone: the earliest, the likely and the latest day
LONGEST_DAYS = 3652  # later than in ten years is never
GRID_DAYS = 30
HALVINGS = 60
NEVER = -1


class Chain(NamedTuple):
    """Old numbers by their codes: what replaces them, when, whether old pieces are sold first, and their age.

    ``sold_as`` is the number whose forecast holds their demand today; ``depth`` counts the replacements up to it.
    """

    old: Wholes
    new: Wholes
    sold_as: Wholes
    effective_in: Wholes
    uses_up: Flags
    depth: Wholes


def chains_of(supersessions: pd.DataFrame, pairs: Pairs, today: date) -> Chain:
    """Every supersession, in force or announced, by the codes of its parts.

    Pieces of a number that was replaced before count for an announced one too, as long as it is sold.
    """
    successor, uses_up = pairs.successors.successor, pairs.successors.uses_up
    rows = supersessions.sort_values("old_part_id", ignore_index=True)
    old, new = (pairs.part_ids.get_indexer(rows[name]) for name in ("old_part_id", "new_part_id"))
    effective = (rows["effective_on"].to_numpy().astype("datetime64[D]") - np.datetime64(today, "D")).astype(np.int64)
    known = (old >= 0) & (new >= 0)
    old, new, effective = old[known], new[known], effective[known]
    in_force = effective <= 0
    first_goes = np.where(in_force, uses_up[old], rows["use_up_old_first"].to_numpy()[known])
    step = np.arange(len(pairs.part_ids))
    step[old[in_force]] = new[in_force]
    depth, at = np.zeros(len(old), dtype=np.int64), old.copy()
    for _ in range(len(old)):
        moves = step[at] != at
        if not moves.any():
            break
        depth, at = depth + moves, step[at]
    return Chain(old, np.where(in_force, successor[old], new), successor[old], effective, first_goes, depth)


def mean_until_gone(quantity: npt.ArrayLike, variance_to_mean: npt.ArrayLike, chance: float) -> Floats:
    """Expected demand at which so many pieces are gone with this chance, P(D >= Q) = chance.

    Notes
    -----
    The tail rises with the mean at a fixed variance to mean; found by bisection.

    Examples
    --------
    >>> mean_until_gone([1], [1.0], 0.5).round(6).tolist()  # 1 - exp(-m) = 0.5
    [0.693147]
    """
    pieces, ratio = np.broadcast_arrays(
        np.asarray(quantity, dtype=np.float64), np.asarray(variance_to_mean, dtype=np.float64)
    )
    low, high = np.zeros(pieces.shape), np.maximum(pieces, 1.0) + 1.0
    for _ in range(HALVINGS):
        short = demand_tail(pieces, high, ratio) < chance
        if not short.any():
            break
        high = np.where(short, 2 * high, high)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        short = demand_tail(pieces, middle, ratio) < chance
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return np.where(pieces <= 0, 0.0, high)


def day_reached(cumulative: Floats, days: Floats, mean: Floats) -> Wholes:
    """First whole day on which cumulative demand reaches a mean, straight between the days given; NEVER if none.

    Parameters
    ----------
    cumulative
        Expected demand up to each of ``days``, rising, shape (n, k).
    days
        Shape (k,).
    mean
        Shape (n,).

    Examples
    --------
    >>> day_reached(np.array([[0.0, 10.0], [0.0, 1.0]]), np.array([0.0, 100.0]), np.array([2.45, 3.0])).tolist()
    [25, -1]
    """
    short = (cumulative < mean[:, None]).sum(axis=1)
    reached = short < cumulative.shape[1]
    right = np.clip(short, 1, cumulative.shape[1] - 1)
    row = np.arange(len(mean))
    before, after = cumulative[row, right - 1], cumulative[row, right]
    width = np.where(after > before, after - before, 1.0)
    day = days[right - 1] + (days[right] - days[right - 1]) * np.clip((mean - before) / width, 0.0, 1.0)
    return np.where(reached, np.where(short == 0, days[0], np.ceil(day - 1e-9)), NEVER).astype(np.int64)


def run_outs(
    pairs: Pairs,
    chosen: pd.DataFrame,
    ahead: DemandAhead,
    supersessions: pd.DataFrame,
    stock: pd.DataFrame,
    open_orders: pd.DataFrame,
    supply: pd.DataFrame,
    today: date,
    params: ReplenishParams,
) -> pd.DataFrame:
    """One row for each old number and site with pieces of it, and one for the whole network.

    A dealer's pieces are used by its own demand; a DC's row has the pieces of the DC and of the dealers it supplies,
    used by the demand of them all; the network's row has all. Numbers replaced earlier go first.
    """
    chain = chains_of(supersessions, pairs, today)
    if not len(chain.old):
        return empty(RUN_OUTS)
    held = _pieces(pairs, stock, open_orders)
    scopes = _scopes(pairs, chain, held)
    days = np.append(np.arange(0.0, LONGEST_DAYS, GRID_DAYS), LONGEST_DAYS)
    demand, ratio = _demand_of(pairs, chain, ahead, scopes, days)
    link = scopes["link"].to_numpy()
    quantity, before = scopes["quantity"].to_numpy(), scopes["before"].to_numpy()
    gone = [day_reached(demand, days, mean_until_gone(before + quantity, ratio, chance)) for chance in CHANCES]
    used_up, effective = chain.uses_up[link], chain.effective_in[link]
    # old pieces that are not sold first are worth nothing from the first day of the new number on
    in_time = used_up[:, None] | (np.stack(gone, axis=1) <= np.maximum(effective, 0)[:, None])
    early, likely, late = (np.where(in_time[:, k], one, NEVER) for k, one in enumerate(gone))

    life = pairs.rows["life"].to_numpy()
    lives = np.zeros(len(pairs.part_ids), dtype=np.int64)
    lives[pairs.rows["part"].to_numpy()] = life
    until = of_life(params.unsold_after_months, lives[chain.old[link]]) * DAYS_PER_MONTH
    until = np.where(used_up, until, np.maximum(effective, 0))
    mean = np.array([np.interp(day, days, row) for day, row in zip(until, demand, strict=True)])
    left = expected_on_hand(before + quantity, mean, ratio) - expected_on_hand(before, mean, ratio)
    cost = np.zeros(len(pairs.part_ids))
    cost[pairs.rows["part"].to_numpy()] = pairs.rows["part_cost"].to_numpy()

    lead_old = _lead_days(pairs, chosen, supply, chain.old[link], scopes["site"].to_numpy())
    lead_new = _lead_days(pairs, chosen, supply, chain.new[link], scopes["site"].to_numpy())
    last_order = effective - np.ceil(lead_old)
    begins = np.where(used_up, np.maximum(early, effective), np.maximum(effective, 0))
    new_order = np.where((early == NEVER) & used_up, np.nan, begins - np.ceil(lead_new))
    left_value = left * cost[chain.old[link]]
    action = np.select(
        [
            left_value >= params.left_over_value,
            new_order <= 0,
            (effective > 0) & (last_order < 0),
        ],
        ["clear_old", "order_new", "stop_old"],
        "use_up",
    )
    table = pd.DataFrame(
        {
            "old_part_id": pairs.part_ids[chain.old[link]],
            "site_id": np.append(pairs.site_ids.to_numpy(dtype=object), "")[scopes["site"].to_numpy()],
            "new_part_id": pairs.part_ids[chain.new[link]],
            "effective_on": _day(today, effective.astype(np.float64)),
            "use_up_old_first": used_up,
            "quantity": quantity,
            "demand_per_year": demand[:, np.searchsorted(days, 365)] * 365 / days[np.searchsorted(days, 365)],
            "run_out_early_on": _day(today, np.where(early == NEVER, np.nan, early)),
            "run_out_on": _day(today, np.where(likely == NEVER, np.nan, likely)),
            "run_out_late_on": _day(today, np.where(late == NEVER, np.nan, late)),
            "last_order_on": _day(today, last_order),
            "new_order_on": _day(today, np.maximum(new_order, 0)),
            "left_over": np.maximum(left, 0.0),
            "left_over_value": np.maximum(left_value, 0.0),
            "action": action,
        }
    )
    return conform(table, RUN_OUTS)


def worthless_in(pairs: Pairs, supersessions: pd.DataFrame, today: date) -> Floats:
    """Days until pieces of each pair may not be sold any more because another number replaces them; else infinite."""
    chain = chains_of(supersessions, pairs, today)
    coming = (chain.effective_in > 0) & ~chain.uses_up
    days = np.full(len(pairs.part_ids), np.inf)
    np.minimum.at(days, chain.old[coming], chain.effective_in[coming].astype(np.float64))
    return days[pairs.rows["part"].to_numpy()]


def left_over_exceptions(table: pd.DataFrame) -> pd.DataFrame:
    """Exceptions for the old numbers of which the network will have pieces left over."""
    rows = table[table["site_id"].eq("") & table["action"].eq("clear_old")].reset_index(drop=True)
    what = [
        f"about {left:.0f} of {n} pieces will be left over when {new} takes their place"
        for left, n, new in zip(rows["left_over"], rows["quantity"], rows["new_part_id"], strict=True)
    ]
    named = rows.rename(columns={"old_part_id": "part_id"})
    return exceptions_of(SUPERSEDED_LEFT_OVER, named, what=what, money=rows["left_over_value"])


# --------------------------------------------------------------------------- pieces and demand


def _pieces(pairs: Pairs, stock: pd.DataFrame, open_orders: pd.DataFrame) -> Wholes:
    """Pieces of each pair there or on their way, less what is owed; a proposed transfer is still at its origin."""
    there = pieces_of(pairs, stock, "on_hand") - pieces_of(pairs, stock, "backordered")
    from_site = open_orders["source_id"].isin(pairs.site_ids)
    coming = open_orders[~(from_site & open_orders["status"].eq("proposed"))]
    return there + pieces_of(pairs, coming, "quantity")


def _scopes(pairs: Pairs, chain: Chain, held: Wholes) -> pd.DataFrame:
    """Rows of the table: a link of a chain and a site (-1: the network), its pieces and those that go before them."""
    is_dc = pairs.sites["site_kind"].eq("dc").to_numpy()
    supplier = pairs.site_ids.get_indexer(pairs.sites["supplied_by"])
    order = np.argsort(chain.old, kind="stable")
    part = pairs.rows["part"].to_numpy()
    place = np.searchsorted(chain.old[order], part)
    found = (place < len(order)) & (chain.old[order[np.minimum(place, len(order) - 1)]] == part)
    at = np.flatnonzero(found)
    link, site, pieces = order[place[at]], pairs.rows["site"].to_numpy()[at], np.maximum(held[at], 0)
    up = np.where(is_dc[site], -1, supplier[site])
    through = up >= 0
    parts = [(link, site, pieces), (link[through], up[through], pieces[through]), (link, np.full(len(at), -1), pieces)]
    every = pd.DataFrame(
        {name: np.concatenate([one[k] for one in parts]) for k, name in enumerate(("link", "site", "quantity"))}
    )
    whole = pd.DataFrame({"link": np.arange(len(chain.old)), "site": -1, "quantity": 0})
    rows = pd.concat([every, whole]).groupby(["link", "site"], sort=True)["quantity"].sum().reset_index()
    rows = rows[rows["quantity"].gt(0) | rows["site"].lt(0)].reset_index(drop=True)
    links = rows["link"].to_numpy()
    # within a chain and site the number replaced first is sold first; announced ones wait for those in force
    rows["chain"], rows["depth"] = chain.sold_as[links], chain.depth[links]
    first_goes = chain.uses_up[links]
    rows["going"] = np.where(first_goes, rows["quantity"], 0)
    ordered = rows.sort_values(["site", "chain", "depth", "link"], ascending=[True, True, False, True])
    before = ordered.groupby(["site", "chain"])["going"].cumsum() - ordered["going"]
    rows["before"] = before.reindex(rows.index)
    return rows


def _demand_of(
    pairs: Pairs, chain: Chain, ahead: DemandAhead, scopes: pd.DataFrame, days: Floats
) -> tuple[Floats, Floats]:
    """Expected demand of each row up to each day, and its variance to mean."""
    site, part = scopes["site"].to_numpy(), chain.sold_as[scopes["link"].to_numpy()]
    dcs = np.flatnonzero(pairs.sites["site_kind"].eq("dc").to_numpy())
    own = np.flatnonzero(site >= 0)
    network = np.flatnonzero(site < 0)
    row = np.concatenate([own, np.repeat(network, len(dcs))])
    member = np.concatenate(
        [
            rows_at(pairs, site[own], part[own]),
            rows_at(pairs, np.tile(dcs, len(network)), np.repeat(part[network], len(dcs))),
        ]
    )
    row, member = row[member >= 0], member[member >= 0]
    used, number = np.unique(member, return_inverse=True)
    here = of_rows(ahead, used, len(pairs.keys))
    each = mean_between(here, np.zeros(len(used)), np.broadcast_to(days, (len(used), len(days))))
    demand = np.zeros((len(scopes), len(days)))
    np.add.at(demand, row, each[number])
    weight = each[number, -1]
    spread = np.bincount(
        row, weights=weight * pairs.rows["variance_to_mean"].to_numpy()[used][number], minlength=len(scopes)
    )
    total = np.bincount(row, weights=weight, minlength=len(scopes))
    return demand, np.where(total > 0, np.maximum(spread / np.where(total > 0, total, 1.0), 1.0), 1.0)


def _lead_days(pairs: Pairs, chosen: pd.DataFrame, supply: pd.DataFrame, part: Wholes, site: Wholes) -> Floats:
    """Days from order to shelf: of the pair's source; of the network and of pairs unknown the longest in supply."""
    outside = supply[supply["channel"].ne("dc")]
    code = pairs.part_ids.get_indexer(outside["part_id"])
    longest = np.full(len(pairs.part_ids), np.nan)
    np.fmax.at(longest, code[code >= 0], outside["lead_time_days"].to_numpy()[code >= 0])
    row = rows_at(pairs, site, part)
    known = (row >= 0) & chosen["has_source"].to_numpy()[np.maximum(row, 0)]
    return np.where(known, chosen["lead_time_days"].to_numpy()[np.maximum(row, 0)], longest[part])


def _day(today: date, ahead: Floats) -> npt.NDArray[np.datetime64]:
    """Days from today as dates; not a number is missing."""
    known = ~np.isnan(ahead)
    days = np.datetime64(today, "D") + np.where(known, ahead, 0).astype(np.int64).astype("timedelta64[D]")
    days[~known] = np.datetime64("NaT")
    return days
