"""Every part at every site that stage 4 looks at, as rows of one table and positions in arrays.

A pair is a part at a site. Sites and parts are numbered by their sorted names, so that pairs have
one order whatever the order of the input, and every other table finds its pairs by whole numbers.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.calendars import DAYS_PER_YEAR
from partsopt.errors import InputError, TableError
from partsopt.tables import LIFECYCLES

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MOST_NAMED = 10
MARKETS = ("", "dc", "dealer")
"""Whose movement a part's demand follows; it is flat without one."""
OWN_MARKET = ("pooled", "causal")
"""Methods of forecasts that move with the market of their kind of site; a share of a DC's forecast moves with that."""


class Successors(NamedTuple):
    """For each part by its number: the part that replaces it today (itself: none), and whether old pieces go first."""

    successor: Wholes
    uses_up: Flags


class Pairs(NamedTuple):
    """The pairs, sorted by site and part.

    ``rows`` has site_id, part_id, their numbers ``site`` and ``part``, a ``name`` that no other pair has, and
    what is known of each from master data, forecast and classes; ``keys`` are its sorted keys.
    """

    site_ids: pd.Index
    part_ids: pd.Index
    keys: Wholes
    rows: pd.DataFrame
    sites: pd.DataFrame
    successors: Successors


def pairs_of(
    *,
    forecasts: pd.DataFrame,
    classes: pd.DataFrame,
    parts: pd.DataFrame,
    sites: pd.DataFrame,
    supply: pd.DataFrame,
    stock: pd.DataFrame,
    open_orders: pd.DataFrame,
    urgent_orders: pd.DataFrame,
    reservations: pd.DataFrame,
    supersessions: pd.DataFrame,
    fixed_levels: pd.DataFrame,
    today: date,
) -> Pairs:
    """Collect every pair with a forecast, stock, order, reservation or planner's level, and those they draw on.

    A pair draws on the same part at the DC that may supply it, and an old part number on its
    successor at the same site.

    Raises
    ------
    TableError
        A table names a site or part that is not in ``sites`` or ``parts``.
    InputError
        Part numbers replace one another in a circle.
    """
    site_ids = pd.Index(sites["site_id"].sort_values())
    part_ids = pd.Index(parts["part_id"].sort_values())
    n_parts = max(len(part_ids), 1)
    successors = successors_of(supersessions, part_ids, today)

    has_stock = stock[["on_hand", "backordered", "reserved"]].ne(0).any(axis=1)
    stocked = stock[has_stock]
    given = {
        "forecasts": forecasts,
        "stock": stocked,
        "open_orders": open_orders,
        "urgent_orders": urgent_orders,
        "reservations": reservations,
        "fixed_levels": fixed_levels,
    }
    coded = [_coded(name, rows, site_ids, part_ids) for name, rows in given.items()]
    outgoing = site_ids.get_indexer(open_orders["source_id"])
    part_of_order = part_ids.get_indexer(open_orders["part_id"])
    coded.append(outgoing[outgoing >= 0] * n_parts + part_of_order[outgoing >= 0])
    keys = _sorted_once(np.concatenate(coded))
    keys = _sorted_once(np.concatenate([keys, keys // n_parts * n_parts + successors.successor[keys % n_parts]]))

    by_site = sites.set_index("site_id").loc[site_ids]
    supplier_of_site = site_ids.get_indexer(by_site["supplied_by"])
    from_dc = supply[supply["channel"].eq("dc")]
    named_dc = site_ids.get_indexer(from_dc["source_id"])
    asked_key = _coded("supply", from_dc, site_ids, part_ids)
    for _ in range(len(site_ids)):
        upstream = supplier_of_site[keys // n_parts]
        drawn = upstream[upstream >= 0] * n_parts + (keys % n_parts)[upstream >= 0]
        listed = (named_dc >= 0) & np.isin(asked_key, keys)
        wanted = _sorted_once(np.concatenate([keys, drawn, named_dc[listed] * n_parts + asked_key[listed] % n_parts]))
        if len(wanted) == len(keys):
            break
        keys = wanted

    site, part = keys // n_parts, keys % n_parts
    rows = pd.DataFrame({"site_id": site_ids[site], "part_id": part_ids[part], "site": site, "part": part})
    rows["name"] = _distinct(rows["site_id"] + "-" + rows["part_id"])
    rows["is_dc"] = by_site["site_kind"].eq("dc").to_numpy()[site]
    rows["supplied_by"] = supplier_of_site[site]
    by_part = parts.set_index("part_id").loc[part_ids]
    rows["part_cost"] = by_part["unit_cost"].to_numpy()[part]
    rows["part_m3"] = by_part["volume_m3"].to_numpy()[part]
    rows["life"] = pd.Index(LIFECYCLES).get_indexer(by_part["lifecycle"]).astype(np.int8)[part]
    rows["is_superseded"] = successors.successor[part] != part
    pairs = Pairs(site_ids, part_ids, keys, rows, by_site, successors)
    _add_forecasts(pairs, forecasts)
    _add_classes(pairs, classes)
    return pairs


def rows_of(pairs: Pairs, site_id: pd.Series, part_id: pd.Series) -> Wholes:
    """Positions of site-part rows among the pairs; -1 where there is no such pair."""
    site, part = pairs.site_ids.get_indexer(site_id), pairs.part_ids.get_indexer(part_id)
    return rows_at(pairs, site, part)


def rows_at(pairs: Pairs, site: Wholes, part: Wholes) -> Wholes:
    """Positions of numbered sites and parts among the pairs; -1 where there is no such pair."""
    known = (site >= 0) & (part >= 0)
    key = np.where(known, site * max(len(pairs.part_ids), 1) + part, -1)
    if not len(pairs.keys):
        return np.full(len(key), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(pairs.keys, key), len(pairs.keys) - 1)
    return np.where(known & (pairs.keys[place] == key), place, -1)


def sums_of(rows: Wholes, quantity: npt.ArrayLike, n: int) -> Wholes:
    """Whole quantities added up by the position of their pair, shape (n,); rows at -1 are left out.

    Examples
    --------
    >>> sums_of(np.array([1, -1, 1]), [2, 5, 3], 3).tolist()
    [0, 5, 0]
    """
    added = np.zeros(n, dtype=np.int64)
    known = rows >= 0
    np.add.at(added, rows[known], np.asarray(quantity, dtype=np.int64)[known])
    return added


def pieces_of(pairs: Pairs, rows: pd.DataFrame, column: str) -> Wholes:
    """Whole quantities of site-part rows added up for each pair, shape (n,)."""
    return sums_of(rows_of(pairs, rows["site_id"], rows["part_id"]), rows[column], len(pairs.keys))


def successors_of(supersessions: pd.DataFrame, part_ids: pd.Index, today: date) -> Successors:
    """Follow supersessions in force today along whole chains.

    Raises
    ------
    InputError
        Part numbers replace one another in a circle.
    """
    n = len(part_ids)
    successor, uses_up = np.arange(n), np.ones(n, dtype=bool)
    in_force = supersessions[supersessions["effective_on"] <= pd.Timestamp(today)]
    old, new = part_ids.get_indexer(in_force["old_part_id"]), part_ids.get_indexer(in_force["new_part_id"])
    known = (old >= 0) & (new >= 0)
    following, first_goes = np.arange(n), np.ones(n, dtype=bool)
    following[old[known]] = new[known]
    first_goes[old[known]] = in_force["use_up_old_first"].to_numpy()[known]
    for _ in range(int(known.sum()) + 1):
        uses_up = uses_up & first_goes[successor]
        successor = following[successor]
    circling = following[successor] != successor
    if circling.any():
        named = ", ".join(part_ids[np.unique(successor[circling])][:MOST_NAMED])
        raise InputError(f"supersessions: these part numbers replace one another in a circle: {named}. Delete one row.")
    return Successors(successor, uses_up)


def _coded(name: str, rows: pd.DataFrame, site_ids: pd.Index, part_ids: pd.Index) -> Wholes:
    site, part = site_ids.get_indexer(rows["site_id"]), part_ids.get_indexer(rows["part_id"])
    for column, code, master in (("site_id", site, "sites"), ("part_id", part, "parts")):
        unknown = code < 0
        if unknown.any():
            raise TableError(
                table=name,
                column=column,
                value=rows[column].to_numpy()[unknown][0],
                rule=f"must be found in {master}",
                remedy=f"add it to {master} or refuse the row when reading",
                more=int(unknown.sum()) - 1,
            )
    return (site * max(len(part_ids), 1) + part).astype(np.int64)


def _sorted_once(keys: Wholes) -> Wholes:
    ordered = np.sort(keys)
    return ordered[np.diff(ordered, prepend=-1) > 0]


def _distinct(names: pd.Series) -> pd.Series:
    """Names, with a number where the same comes again: site D-1 with part 2 and site D with part 1-2."""
    if not names.duplicated().any():
        return names
    again = names.groupby(names).cumcount()
    return names.where(again == 0, names + "-" + (again + 1).astype(str))


def _add_forecasts(pairs: Pairs, forecasts: pd.DataFrame) -> None:
    """A pair without a forecast expects nothing."""
    place = rows_of(pairs, forecasts["site_id"], forecasts["part_id"])
    n = len(pairs.keys)
    rate, ratio, growth, days = np.zeros(n), np.ones(n), np.zeros(n), np.zeros(n)
    period_days = forecasts["period_days"].to_numpy()
    rate[place] = forecasts["mean_per_period"].to_numpy() / period_days
    ratio[place] = forecasts["variance_to_mean"].to_numpy()
    growth[place] = forecasts["variance_growth"].to_numpy() / period_days
    days[place] = period_days
    pairs.rows["mean_per_day"], pairs.rows["variance_to_mean"] = rate, ratio
    pairs.rows["variance_growth_per_day"], pairs.rows["period_days"] = growth, days
    market = np.zeros(n, dtype=np.int64)
    method, of_kind = forecasts["method"], np.where(pairs.rows["is_dc"].to_numpy()[place], 1, 2)
    market[place] = np.where(method.eq("network"), 1, np.where(method.isin(OWN_MARKET), of_kind, 0))
    pairs.rows["market"] = market


def variance_over(pairs: Pairs, days: Floats) -> Floats:
    """Variance to mean of each pair's demand over so many days, 1 or more."""
    more = pairs.rows["variance_growth_per_day"].to_numpy() * (days - DAYS_PER_YEAR / 12)
    return np.maximum(pairs.rows["variance_to_mean"].to_numpy() + more, 1.0)


def _add_classes(pairs: Pairs, classes: pd.DataFrame) -> None:
    """A pair without a class is C and not stocked; nor is an old part number."""
    place = rows_of(pairs, classes["site_id"], classes["part_id"])
    known = place >= 0
    abc, is_stocked = np.full(len(pairs.keys), "C"), np.zeros(len(pairs.keys), dtype=bool)
    abc[place[known]] = classes["abc_class"].to_numpy(dtype=str)[known]
    is_stocked[place[known]] = classes["is_stocked"].to_numpy()[known]
    demands, criticality = np.zeros(len(pairs.keys)), np.full(len(pairs.keys), "desirable")
    demands[place[known]] = classes["demands_per_year"].to_numpy()[known]
    criticality[place[known]] = classes["criticality"].to_numpy(dtype=str)[known]
    pairs.rows["demands_per_year"], pairs.rows["criticality"] = demands, criticality
    pairs.rows["abc_class"] = abc
    pairs.rows["is_stocked"] = is_stocked & ~pairs.rows["is_superseded"].to_numpy()
