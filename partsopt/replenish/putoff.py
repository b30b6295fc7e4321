"""Order lines that a night has no hands for: which go tonight, and which wait for the next working day.

A site can place and receive so many order lines a day, a source take so many from it, and a DC pick so many for others.
What is owed to customers and a last buy go in any case; of the other lines those whose wait would cost most.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.replenish.levels import Levels
from partsopt.replenish.pairs import Pairs, rows_of
from partsopt.replenish.requests import Gap
from partsopt.replenish.review import Reviews
from partsopt.replenish.service import expected_shortfall
from partsopt.settings import ReplenishParams
from partsopt.tables import PUT_OFF, conform, declare_exception, exceptions_of

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

LINE_PUT_OFF = declare_exception(
    "line_put_off",
    stage="replenish",
    says="an order line waits for the next working day: sites.order_lines_per_day or pick_lines_per_day, or "
    "supply.source_lines_per_day, is reached",
    action="place it by hand if it cannot wait; raise the capacity or let reviews be rarer where it happens often",
)


class Lines(NamedTuple):
    """Order lines that each site can still place and receive tonight, and pick for others; infinite: any number.

    ``to_order`` are those that sources with a limit still take from a site, ``limited`` the place among them of each
    pair's, -1 where there is none.
    """

    to_receive: Floats
    to_pick: Floats
    to_order: Floats
    limited: Wholes


class Placed(NamedTuple):
    """The lines of tonight, what is left for more, the lines put off (PUT_OFF) and their exceptions."""

    gap: Gap
    lines: Lines
    put_off: pd.DataFrame
    exceptions: pd.DataFrame


def lines_of_tonight(
    pairs: Pairs, chosen: pd.DataFrame, open_orders: pd.DataFrame, urgent: pd.DataFrame, today: date
) -> Lines:
    """Lines a day of each site, less those that tonight's own proposals, imported, and urgent requests have taken.

    Parameters
    ----------
    pairs, chosen, open_orders, today
        The pairs and their sources, the input table and the planned day.
    urgent
        Urgent requests of tonight, with site_id and source_id.
    """
    ours = open_orders["status"].eq("proposed") & open_orders["order_id"].str.match(f"(?:PO|TO)-{today:%Y%m%d}-")
    names = ("site_id", "source_id")
    placed = pd.concat([open_orders.loc[ours, [*names]], urgent[[*names]]])
    left = list[Floats]()
    for column, name in zip(("order_lines_per_day", "pick_lines_per_day"), names, strict=True):
        can = _whole_lines(pairs.sites[column])
        at = pairs.site_ids.get_indexer(placed[name])
        left.append(can - np.bincount(at[at >= 0], minlength=len(can)))
    return Lines(left[0], left[1], *_lines_to_sources(pairs, chosen, placed))


def _lines_to_sources(pairs: Pairs, chosen: pd.DataFrame, placed: pd.DataFrame) -> tuple[Floats, Wholes]:
    """Lines that each source with a limit still takes from a site, and the place of each pair's among them."""
    rows = pd.DataFrame(
        {
            "site_id": pairs.rows["site_id"].to_numpy(dtype=object),
            "source_id": chosen["source_id"].to_numpy(dtype=object),
            "lines": _whole_lines(chosen["source_lines_per_day"]),
        }
    )
    names = ["site_id", "source_id"]
    sources = rows[np.isfinite(rows["lines"])].groupby(names)["lines"].min()
    gone = pd.MultiIndex.from_frame(placed[names].astype(object))
    at = sources.index.get_indexer(gone)
    taken = np.bincount(at[at >= 0], minlength=len(sources))
    return sources.to_numpy() - taken, sources.index.get_indexer(pd.MultiIndex.from_frame(rows[names]))


def _whole_lines(daily: pd.Series[float]) -> Floats:
    """Whole lines of a day, at least one; infinite where there is no limit."""
    lines = daily.to_numpy(dtype=np.float64)
    return np.where(np.isnan(lines), np.inf, np.maximum(np.floor(lines), 1.0))


def lines_kept(group: Wholes, left: Floats, must: Flags, harm: Floats) -> Flags:
    """Which lines go tonight: those that must, then those whose wait costs most, while those of their group last.

    Parameters
    ----------
    group
        Number of the site of each line, -1 where there is no limit.
    left
        Lines of each site.
    must, harm
        Of each line.

    Examples
    --------
    >>> must = np.array([False, False, False, True])
    >>> lines_kept(np.zeros(4, int), np.array([2.0]), must, np.array([1.0, 5.0, 3.0, 0.0])).tolist()
    [False, True, False, True]
    """
    order = np.lexsort((np.arange(len(group)), -harm, ~must, group))
    ordered = group[order]
    first = np.searchsorted(ordered, ordered, side="left")
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = np.arange(len(group)) - first
    return must | (rank < np.append(left, np.inf)[group])


def placed_tonight(
    pairs: Pairs,
    chosen: pd.DataFrame,
    reviews: Reviews,
    levels: Levels,
    gap: Gap,
    is_last_buy: Flags,
    lines: Lines,
    params: ReplenishParams,
    today: date,
) -> Placed:
    """The gaps that are ordered tonight, within the lines a day of their sources, their sites and DCs that pick them.

    Parameters
    ----------
    pairs, chosen, reviews, levels
        Pairs, their sources, reviews and levels.
    gap
        What is missing.
    is_last_buy
        Of all pairs.
    lines
        What is left of tonight.
    params, today
        What an emergency costs; the planned day.
    """
    row = gap.row
    position = gap.order_up_to_level - gap.quantity
    must = (reviews.review_in_days[row] > 0) | (position < 0) | is_last_buy[row]
    harm = _cost_of_a_day(pairs, levels, row, position, params)
    site = pairs.rows["site"].to_numpy()[row]
    source = np.where(chosen["parent"].to_numpy()[row] >= 0, chosen["source"].to_numpy()[row], -1)
    limited = lines.limited[row]
    kept = np.ones(len(row), dtype=bool)
    for group, left in ((limited, lines.to_order), (site, lines.to_receive), (source, lines.to_pick)):
        going = np.flatnonzero(kept)
        kept[going] = lines_kept(group[going], left, must[going], harm[going])
    n = len(lines.to_receive)
    taken = lines._replace(
        to_receive=lines.to_receive - np.bincount(site[kept], minlength=n),
        to_pick=lines.to_pick - np.bincount(source[kept & (source >= 0)], minlength=n),
        to_order=lines.to_order - np.bincount(limited[kept & (limited >= 0)], minlength=len(lines.to_order)),
    )
    waits = np.flatnonzero(~kept)
    named = pairs.rows.iloc[row[waits]]
    value = gap.quantity[waits] * named["part_cost"].to_numpy()
    sources = chosen["source_id"].to_numpy(dtype=object)[row[waits]]
    put_off = named[["site_id", "part_id"]].assign(
        source_id=sources, quantity=gap.quantity[waits], value=value, cost_of_a_day=harm[waits], since_on=today
    )
    said = [
        f"{n} pieces from {name} wait for the next working day, which costs about {cost:,.2f}"
        for n, name, cost in zip(gap.quantity[waits].tolist(), sources, harm[waits].tolist(), strict=True)
    ]
    told = exceptions_of(LINE_PUT_OFF, named, what=said, money=value)
    return Placed(gap.at(kept), taken, put_off, told)


def with_put_off(pairs: Pairs, reviews: Reviews, site_works: Flags, put_off: pd.DataFrame) -> Reviews:
    """Reviews in which what the night before put off is reviewed today, where site and source work."""
    row = rows_of(pairs, put_off["site_id"], put_off["part_id"])
    row = row[row >= 0]
    row = row[(reviews.review_in_days[row] > 0) & reviews.source_works[row] & site_works[row]]
    ahead, period = reviews.review_in_days.copy(), reviews.review_period_days.copy()
    ahead[row], period[row] = 0, reviews.review_in_days[row]  # until the review that would have come next
    return reviews._replace(review_in_days=ahead, review_period_days=period)


def put_off_table(pairs: Pairs, reviews: Reviews, tonight: list[pd.DataFrame], before: pd.DataFrame) -> pd.DataFrame:
    """What is put off: tonight's lines, and those of the night before that could not be reviewed today."""
    row = rows_of(pairs, before["site_id"], before["part_id"])
    still = before[(row >= 0) & (reviews.review_in_days[np.maximum(row, 0)] > 0)]
    tables = [one for one in (*tonight, still) if len(one)]
    if not tables:
        return conform(before.iloc[:0], PUT_OFF)
    table = pd.concat(tables, ignore_index=True)
    table["since_on"] = pd.to_datetime(table["since_on"]).astype(before["since_on"].dtype)
    known = before[["site_id", "part_id", "since_on"]].rename(columns={"since_on": "earlier"})
    table = table.merge(known, on=["site_id", "part_id"], how="left", validate="m:1")
    table["since_on"] = table[["since_on", "earlier"]].min(axis=1)
    return conform(table.drop(columns="earlier"), PUT_OFF)


def _cost_of_a_day(pairs: Pairs, levels: Levels, row: Wholes, position: Wholes, params: ReplenishParams) -> Floats:
    """Emergency purchases that an order a day later is expected to make needful."""
    rows = pairs.rows.iloc[row]
    lead, ratio = levels.mean_over_lead_time[row], rows["variance_to_mean"].to_numpy()
    later = expected_shortfall(position, lead + rows["mean_per_day"].to_numpy(), ratio)
    piece = params.emergency_cost_share * rows["part_cost"].to_numpy() + params.emergency_cost_fixed
    return np.maximum(later - expected_shortfall(position, lead, ratio), 0.0) * piece
