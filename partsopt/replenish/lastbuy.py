"""The last order of a part that its sources will not supply any longer: when, and how much for all demand to come."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.errors import SettingsError
from partsopt.replenish.lifecycle import Held, holding_rates, kept_until, kept_worth
from partsopt.replenish.pairs import Pairs, rows_of
from partsopt.replenish.position import largest_of_site
from partsopt.replenish.requests import Gap
from partsopt.replenish.review import Reviews
from partsopt.replenish.service import demand_quantile
from partsopt.settings import ReplenishParams
from partsopt.tables import declare_exception

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

DAYS_PER_YEAR = 365.25

LAST_BUY = declare_exception(
    "last_buy",
    stage="replenish",
    says="no source takes orders of the part after a day that is near",
    action="check the quantity and until when customers must be served; find another source, or let it be bought",
)
LAST_BUY_CUT = declare_exception(
    "last_buy_cut_for_room",
    stage="replenish",
    says="a last buy is smaller than pays because sites.storage_m3 is reached; money is what the pieces are worth",
    action="clear excess_actions or raise storage_m3 before the last day, or keep the rest elsewhere",
)


class LastBuys(NamedTuple):
    """Pairs whose last source ends, arrays of shape (n,).

    ``days_left`` is until its last day, ``until_days`` until the last day with demand, ``level`` what all sites it
    supplies should have in stock and on order for that, and ``is_now`` where no later review falls before the last day.
    ``pieces`` are those that pay by themselves, ``room_cut`` what the level lacks of them because a site is full.
    """

    row: Wholes
    days_left: Wholes
    until_days: Floats
    level: Wholes
    is_now: Flags
    pieces: Held
    room_cut: Wholes


def last_buy_level(
    mean_per_year: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    years: npt.ArrayLike,
    shortage: npt.ArrayLike,
    left_over: npt.ArrayLike,
    holding_per_year: npt.ArrayLike,
    decline_per_year: float = 0.0,
) -> Wholes:
    """Pieces to have for all demand to come, each worth buying by itself.

    Parameters
    ----------
    mean_per_year, variance_to_mean
        Demand now, shape (n,); it falls by exp(-``decline_per_year``) a year.
    years
        Until the last demand, above 0.
    shortage, left_over
        Money lost on a piece that is missing, over its price; and on one that nobody asks for.
    holding_per_year
        Money for a piece that waits a year.

    Raises
    ------
    SettingsError
        A shortage that costs nothing.

    Notes
    -----
    Piece n is worth *shortage P(D >= n) - left_over P(D < n)* less holding until it is sold. Without holding this is
    the newsvendor's quantile *shortage / (shortage + left_over)*, beyond which no piece pays with holding either.

    Examples
    --------
    >>> last_buy_level([12.0], [3.0], [10.0], 100.0, 40.0, 0.0).tolist()
    [130]
    >>> last_buy_level([12.0], [3.0], [10.0], 100.0, 40.0, 8.0).tolist()
    [105]
    """
    pieces = _pieces(mean_per_year, variance_to_mean, years, shortage, left_over, holding_per_year, decline_per_year)
    return kept_until(pieces, np.zeros(len(pieces.last)))


def _pieces(
    mean_per_year: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    years: npt.ArrayLike,
    shortage: npt.ArrayLike,
    left_over: npt.ArrayLike,
    holding_per_year: npt.ArrayLike,
    decline_per_year: float,
) -> Held:
    """The pieces of which :func:`last_buy_level` weighs each, those above a quantile that cannot pay left out."""
    rate, ratio, horizon, short, over, holding = np.broadcast_arrays(
        *(
            np.atleast_1d(np.asarray(one, dtype=np.float64))
            for one in (mean_per_year, variance_to_mean, years, shortage, left_over, holding_per_year)
        )
    )
    if (short <= 0).any() or (over < 0).any():
        raise SettingsError(
            "a last buy needs a shortage that costs something and a left-over piece that earns nothing."
        )
    total = rate * (-np.expm1(-decline_per_year * horizon) / decline_per_year if decline_per_year > 0 else horizon)
    most = demand_quantile(np.minimum(short / (short + over), 1 - 1e-9), total, ratio)
    return Held(
        np.zeros(len(most), dtype=np.int64), most, rate, ratio, horizon, short, -over, holding, decline_per_year
    )


def last_buys(
    pairs: Pairs,
    chosen: pd.DataFrame,
    parts: pd.DataFrame,
    supply: pd.DataFrame,
    supersessions: pd.DataFrame,
    reviews: Reviews,
    today: date,
    params: ReplenishParams,
) -> LastBuys:
    """Pairs bought outside the network of which every source has a last day, and what they need until service ends.

    Demand of a part that an announced number will replace ends with that day.
    """
    row, days_left = _last_days(pairs, chosen, supply, today)
    part = pairs.rows["part"].to_numpy()[row]
    until = np.minimum(
        _days_by_part(pairs, parts["part_id"], parts["served_until_on"], today)[part],
        _days_by_part(pairs, supersessions["old_part_id"], supersessions["effective_on"], today)[part],
    )
    until = np.where(np.isinf(until), days_left + params.last_buy_years * DAYS_PER_YEAR, until)
    cost = chosen["unit_cost"].to_numpy(dtype=np.float64)[row]
    pieces = _pieces(
        pairs.rows["mean_per_day"].to_numpy()[row] * DAYS_PER_YEAR,
        pairs.rows["variance_to_mean"].to_numpy()[row],
        np.maximum(until, 1.0) / DAYS_PER_YEAR,
        params.last_buy_shortage_share * cost,
        (1 - params.scrap_share) * cost,
        holding_rates(pairs, params)[row] * cost,
        params.last_buy_decline_per_year,
    )
    pieces = pieces._replace(last=np.where(until > 0, pieces.last, 0))
    following = np.where(reviews.review_in_days[row] > 0, reviews.review_in_days[row], reviews.review_period_days[row])
    none = np.zeros(len(row), dtype=np.int64)
    level = kept_until(pieces, none.astype(np.float64))
    return LastBuys(row, days_left, until, level, following > days_left, pieces, none)


def site_level(last: LastBuys, position: Wholes, parent: Wholes, asked_by: Wholes, wave: Wholes) -> Wholes:
    """Level of each pair of ``last`` itself: of all sites it supplies less what those have and ask for tonight.

    Parameters
    ----------
    last
        Last buys.
    position, parent, asked_by, wave
        Of every pair: its inventory position, the pair it asks (-1: none), the pieces it asks for, and its distance
        from an outside source.
    """
    below = np.zeros(len(position), dtype=np.int64)
    for number in range(int(wave.max(initial=0)), 0, -1):
        at = np.flatnonzero((wave == number) & (parent >= 0))
        np.add.at(below, parent[at], position[at] + asked_by[at] + below[at])
    return np.maximum(last.level - below[last.row], 0)


def last_buy_exceptions(
    pairs: Pairs, chosen: pd.DataFrame, last: LastBuys, missing: Wholes, today: date, params: ReplenishParams
) -> pd.DataFrame:
    """Last buys that are made tonight, and those of the next ``last_buy_notice_days``; ``missing`` pieces of each."""
    near = np.flatnonzero((last.days_left <= params.last_buy_notice_days) & (missing > 0))
    row = last.row[near]
    ends = np.datetime64(today, "D") + last.days_left[near].astype("timedelta64[D]")
    until = np.datetime64(today, "D") + last.until_days[near].astype(np.int64).astype("timedelta64[D]")
    what = [
        f"no source takes orders after {end}: {n} pieces "
        + ("are bought tonight" if now else f"are wanted by then, in {left} days")
        + f" for the demand until {day}"
        for end, n, now, left, day in zip(
            ends.astype(str), missing[near], last.is_now[near], last.days_left[near], until.astype(str), strict=True
        )
    ]
    cost = chosen["unit_cost"].to_numpy(dtype=np.float64)[row]
    rows = pairs.rows.iloc[row][["site_id", "part_id"]].assign(money=missing[near] * cost, what=what)
    told = largest_of_site(LAST_BUY, rows, "{n} more parts can soon be bought for the last time")
    return pd.concat([told, _cut_for_room(pairs, last)], ignore_index=True)


def _cut_for_room(pairs: Pairs, last: LastBuys) -> pd.DataFrame:
    """Last buys that are smaller than pays, with the worth of the pieces that find no room."""
    at = np.flatnonzero(last.room_cut > 0)
    level, cut = last.level[at], last.room_cut[at]
    worth = kept_worth(last.pieces.at(at), level, level + cut)
    said = [
        f"{n} of {most} pieces for all demand to come find no room" for n, most in zip(cut, level + cut, strict=True)
    ]
    rows = pairs.rows.iloc[last.row[at]][["site_id", "part_id"]].assign(money=worth, what=said)
    return largest_of_site(LAST_BUY_CUT, rows, "{n} more last buys are smaller, as the site is full")


def noted(gap: Gap, last: LastBuys, today: date) -> Gap:
    """The gap with the reason of its level where it is a last buy."""
    until = dict(zip(last.row[last.is_now].tolist(), last.until_days[last.is_now].tolist(), strict=True))
    cut = dict(zip(last.row[last.is_now].tolist(), last.room_cut[last.is_now].tolist(), strict=True))
    note = gap.level_note.copy()
    for place in np.flatnonzero(np.isin(gap.row, last.row[last.is_now])):
        day = pd.Timestamp(today) + pd.Timedelta(days=int(until[int(gap.row[place])]))
        fewer = cut[int(gap.row[place])]
        note[place] = f"last buy: demand until {day:%Y-%m-%d}, less what the sites supplied have" + (
            f"; {fewer} pieces fewer, as the site is full" if fewer else ""
        )
    return gap._replace(level_note=note)


def explained(orders: pd.DataFrame, pairs: Pairs, last: LastBuys, today: date) -> pd.DataFrame:
    """Order lines with a sentence more where they are the last."""
    place = np.searchsorted(last.row, rows_of(pairs, orders["site_id"], orders["part_id"]))
    why = orders["why"].to_numpy(dtype=object, copy=True)
    row = rows_of(pairs, orders["site_id"], orders["part_id"])
    for i in np.flatnonzero(np.isin(row, last.row[last.is_now])):
        end = pd.Timestamp(today) + pd.Timedelta(days=int(last.days_left[place[i]]))
        why[i] += f" Last buy: no source takes orders after {end:%Y-%m-%d}."
    return orders.assign(why=why)


def _last_days(pairs: Pairs, chosen: pd.DataFrame, supply: pd.DataFrame, today: date) -> tuple[Wholes, Wholes]:
    """Pairs all of whose open outside sources have a last day, sorted, and the days until the latest of them."""
    row = rows_of(pairs, supply["site_id"], supply["part_id"])
    last_on = supply["last_order_on"]
    is_open = (row >= 0) & ~(last_on < pd.Timestamp(today)).to_numpy() & supply["channel"].ne("dc").to_numpy()
    row, last_on = row[is_open], last_on[is_open]
    n = len(pairs.keys)
    endless = np.bincount(row[last_on.isna().to_numpy()], minlength=n) > 0
    ends = last_on.notna().to_numpy()
    days = (last_on[ends].to_numpy().astype("datetime64[D]") - np.datetime64(today, "D")).astype(np.int64)
    latest = np.full(n, -1)
    np.maximum.at(latest, row[ends], days)
    asked = pairs.rows["mean_per_day"].to_numpy() > 0
    outside = chosen["has_source"].to_numpy() & (chosen["parent"].to_numpy() < 0)
    at = np.flatnonzero((latest >= 0) & ~endless & asked & outside & ~pairs.rows["is_superseded"].to_numpy())
    return at, latest[at]


def _days_by_part(pairs: Pairs, part_id: pd.Series, on: pd.Series, today: date) -> Floats:
    """Days from today to a day of each part; infinite where none is given."""
    days = np.full(len(pairs.part_ids), np.inf)
    known = on.notna().to_numpy()
    code = pairs.part_ids.get_indexer(part_id[known])
    ahead = (on[known].to_numpy().astype("datetime64[D]") - np.datetime64(today, "D")).astype(np.float64)
    np.minimum.at(days, code[code >= 0], ahead[code >= 0])
    return days
