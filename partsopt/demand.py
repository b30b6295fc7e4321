"""Stage 1: demand lines become one regular, sparse series for each site and part.

A dealer's series holds what its customers asked for; a DC's series holds the end demand of its
dealers and its own direct lines. What is decided here: whose history counts for whom
(supersessions), which periods are only a lower bound (stock-outs), and which lines are no rate
(campaigns, returns).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from partsopt.calendars import period_number, period_start
from partsopt.completeness import YEAR, seen_at_the_end
from partsopt.errors import InputError, TableError
from partsopt.settings import DemandParams
from partsopt.tables import DEMAND_SERIES, EXCEPTIONS, SERIES, conform, declare_exception, empty, exceptions_of

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

DEMAND_AFTER_TODAY = declare_exception(
    "demand_after_today",
    stage="demand",
    says="demand lines dated today or later; they do not count",
    action="check the date of the run and the dates of the export",
)
DEMAND_MISSING = declare_exception(
    "demand_missing",
    stage="demand",
    says="a site that asks regularly has had no demand line for long; an incomplete export makes forecasts low",
    action="check the export of this site's demand, complete it and run again",
)
HISTORY_CUT = declare_exception(
    "history_cut",
    stage="demand",
    says="the last complete periods of a DC and its dealers hold hardly any demand line; they count as not seen",
    action="complete the export and run again; if it is whole and demand has stopped, set demand.cut_share to 0",
)
CAMPAIGN_LEFT_OUT = declare_exception(
    "campaign_left_out",
    stage="demand",
    says="demand for a purpose that is no rate, such as a campaign, is not part of the forecast",
    action="plan the rest of the campaign by hand, or change demand.left_out_purposes",
)
DEMAND_OUTLIER = declare_exception(
    "demand_outlier",
    stage="demand",
    says="a period's demand is far above what is usual for the part; it counts in full",
    action="correct the line if it is a typing error; give it the purpose campaign if it will not come again",
)

MIN_DEMANDS_FOR_OUTLIERS = 4
"""Fewer periods with demand say nothing about what is usual."""
MAD_FLOOR_SHARE = 0.25
"""The median absolute deviation counts as at least this share of the median, and as at least one piece."""
DAYS_OF_A_RATE = 90
"""Lines a day are taken over at least this many days."""
_EVER = np.iinfo(np.int64).max // 4


class Demand(NamedTuple):
    """What the stage gives: the sparse periods, one row for each series, and what to look at."""

    demand_series: pd.DataFrame
    series: pd.DataFrame
    exceptions: pd.DataFrame


class _Cut(NamedTuple):
    """Sites whose last periods the export holds in part: region of each site, and by region its periods and shares."""

    region: Array
    first: dict[int, int]
    seen: dict[int, Array]


class _Cells(NamedTuple):
    """Sums by site-part and period; ``last_day`` is the last day with demand, -_EVER where none."""

    pair: Array
    period: Array
    demand: Array
    returned: Array
    last_day: Array


def build_demand(
    demand_lines: pd.DataFrame,
    supersessions: pd.DataFrame,
    stockouts: pd.DataFrame,
    sites: pd.DataFrame,
    *,
    today: date,
    params: DemandParams,
) -> Demand:
    """Bucket demand lines into regular series by site and part, a DC's being the sum of its dealers' and its own.

    Parameters
    ----------
    demand_lines
        What customers asked for (DEMAND_LINES); lines dated ``today`` or later are counted as an exception
        and left out, lines of the period that has begun make no period yet.
    supersessions
        Which number replaces which (SUPERSESSIONS); a row counts once ``effective_on`` is ``today`` or earlier.
    stockouts
        Days without stock (STOCKOUTS); days that overlap count once.
    sites
        Sites and who supplies them (SITES).
    today
        The day that is planned.
    params
        Length of a period, how much history, what is censored, what is left out.

    Returns
    -------
    Demand
        DEMAND_SERIES: a row for each period with demand, with returns or with days out of stock.
        SERIES: a row for each site-part with a demand line in a complete period.
        EXCEPTIONS: demand_after_today, demand_missing, history_cut, campaign_left_out, demand_outlier.

    Raises
    ------
    InputError
        Supersessions go in a circle; its members are named.
    TableError
        A site_id or supplied_by is no site.

    Notes
    -----
    Once a supersession is in force, all demand of the old number, past and still placed, counts for the last
    number of its chain and the old number has no series. Stock-outs of an old number count until the day before
    it was replaced; those of a number that replaces another count from the day it took over, or from its own
    first demand line where that is earlier (decision: what is out of stock before its launch is not censored).
    A DC's periods are censored by its own stock-outs only.

    Last periods that hold hardly any line of a DC and its dealers are censored in all their series, by the share of
    the usual lines that they hold.

    Examples
    --------
    >>> import pandas as pd
    >>> from partsopt.tables import DEMAND_LINES, SITES, STOCKOUTS, SUPERSESSIONS
    >>> day = pd.to_datetime
    >>> lines = pd.DataFrame({"demanded_on": day(["2026-08-03", "2026-10-05"]), "site_id": "D01", "part_id": "P1",
    ...                       "quantity": [2, 1]})
    >>> sites = pd.DataFrame({"site_id": ["D01", "DC"], "site_kind": ["dealer", "dc"], "supplied_by": ["DC", ""],
    ...                       "latitude": 0.0, "longitude": 0.0})
    >>> made = build_demand(conform(lines, DEMAND_LINES), empty(SUPERSESSIONS), empty(STOCKOUTS),
    ...                     conform(sites, SITES), today=date(2026, 11, 21), params=DemandParams())
    >>> made.series[["site_id", "n_periods"]].values.tolist()
    [['D01', 3], ['DC', 3]]
    """
    successor = latest_numbers(supersessions, today)
    site_ids = pd.Index(np.sort(sites["site_id"].to_numpy()))
    supplied_by = _site_codes(sites.sort_values("site_id")["supplied_by"], site_ids, "sites", "supplied_by")

    is_before = (demand_lines["demanded_on"] < pd.Timestamp(today)).to_numpy()
    lines = demand_lines if is_before.all() else demand_lines[is_before]
    own_part, part_ids = _part_codes(lines["part_id"], supersessions)
    latest = np.arange(len(part_ids))
    for old, new in successor.items():
        latest[part_ids.get_loc(old)] = part_ids.get_loc(new)
    site = _site_codes(lines["site_id"], site_ids, "demand_lines", "site_id")
    part = latest[own_part]
    day = _days(lines["demanded_on"])
    is_left_out = lines["purpose"].isin(params.left_out_purposes).to_numpy()

    n_parts = len(part_ids)
    last = int(period_number(np.array([_day_number(today)]), params.period)[0]) - 1
    first = last - params.max_periods + 1
    cells = _cells_of_lines(site * n_parts + part, day, lines, is_left_out, params.period)
    cells = _with_distribution_centres(cells, supplied_by, n_parts)

    starts = _group_starts(cells.pair)
    pair = cells.pair[starts]
    began = cells.period[starts]
    last_day = np.maximum.reduceat(cells.last_day, starts) if len(starts) else starts
    is_series = began <= last
    pair, began, last_day = pair[is_series], np.maximum(began[is_series], first), last_day[is_series]

    in_window = (cells.period >= first) & (cells.period <= last) & ((cells.demand > 0) | (cells.returned > 0))
    cells = _Cells(*(values[in_window] for values in cells))
    life = _life_on_sale(supersessions, today, own_part, day, part_ids)
    out = _days_out_of_stock(stockouts, site_ids, part_ids, latest, life, pair, began, today, last, params.period)
    cut = _cut_of(site, day, supplied_by, last, params)
    demand_series = _demand_series(cells, out, _unseen(cut, pair, began, n_parts), params)
    demand_series = _named(demand_series, site_ids, part_ids)
    series = pd.DataFrame(
        {
            "pair": pair,
            "first_period": period_start(began, params.period),
            "n_periods": last - began + 1,
            "last_demand_on": _as_dates(last_day, last_day > -_EVER),
            "history_of": _history_of(pair, site, own_part, part, supplied_by, part_ids),
        }
    )
    news = last - params.told_for_periods + 1
    exceptions = [
        _after_today(demand_lines[~is_before], today),
        _missing(site, day, site_ids, today, params),
        _told_cut(cut, site_ids, params.period),
        _left_out(site, part, day, lines, is_left_out, site_ids, part_ids, max(first, news), last, params.period),
        _outliers(demand_series, pd.Timestamp(period_start(np.array([news]), params.period)[0]), params),
    ]
    return Demand(
        conform(demand_series, DEMAND_SERIES),
        conform(_named(series, site_ids, part_ids), SERIES),
        conform(pd.concat([empty(EXCEPTIONS), *exceptions]), EXCEPTIONS),
    )


# --------------------------------------------------------------------------- supersessions


def latest_numbers(supersessions: pd.DataFrame, today: date) -> Mapping[str, str]:
    """The last number of the chain of every part number replaced by ``today``.

    Raises
    ------
    InputError
        The rows go in a circle, whether in force or not yet; the members are named in order.

    Examples
    --------
    >>> rows = pd.DataFrame({"old_part_id": ["A", "B"], "new_part_id": ["B", "C"],
    ...                      "effective_on": pd.to_datetime(["2025-01-01", "2026-01-01"])})
    >>> latest_numbers(rows, date(2026, 11, 21))
    {'A': 'C', 'B': 'C'}
    >>> latest_numbers(rows, date(2025, 11, 21))
    {'A': 'B'}
    """
    rows = supersessions.sort_values("old_part_id")
    _refuse_circles(dict(zip(rows["old_part_id"], rows["new_part_id"], strict=True)))
    rows = rows[rows["effective_on"] <= pd.Timestamp(today)]
    step = dict(zip(rows["old_part_id"], rows["new_part_id"], strict=True))
    last: dict[str, str] = {}
    for old in step:
        chain = [old]
        while chain[-1] in step and chain[-1] not in last:
            chain.append(step[chain[-1]])
        end = last.get(chain[-1], chain[-1])
        last.update(dict.fromkeys(chain[:-1], end))
    return {old: last[old] for old in step}


def _refuse_circles(step: Mapping[str, str]) -> None:
    seen: set[str] = set()
    for start in step:
        path: dict[str, None] = {}
        number = start
        while number in step and number not in seen and number not in path:
            path[number] = None
            number = step[number]
        if number in path:
            members = list(path)[list(path).index(number) :]
            raise InputError(
                "supersessions go in a circle: " + " -> ".join([*members, number]) + ". "
                "Remedy: delete the line of supersessions that leads back to an older number."
            )
        seen.update(path)


def _life_on_sale(
    supersessions: pd.DataFrame, today: date, own_part: Array, day: Array, part_ids: pd.Index
) -> tuple[Array, Array]:
    """First and last day on which a stock-out of each number says something about demand, as day numbers."""
    begins = np.full(len(part_ids), -_EVER)
    ends = np.full(len(part_ids), _EVER)
    rows = supersessions[supersessions["effective_on"] <= pd.Timestamp(today)]
    if rows.empty:
        return begins, ends
    effective = _days(rows["effective_on"])
    ends[part_ids.get_indexer(rows["old_part_id"])] = effective - 1
    took_over = np.full(len(part_ids), _EVER)
    np.minimum.at(took_over, part_ids.get_indexer(rows["new_part_id"]), effective)
    first_line = np.full(len(part_ids), _EVER)
    np.minimum.at(first_line, own_part, day)
    replaces = took_over < _EVER
    begins[replaces] = np.minimum(took_over, first_line)[replaces]
    return begins, ends


def _history_of(
    pair: Array, site: Array, own_part: Array, part: Array, supplied_by: Array, part_ids: pd.Index
) -> Array:
    """Older numbers with a line in each series, joined by ``;`` in order; blank where none."""
    found = np.full(len(pair), "", dtype=object)
    moved = own_part != part
    if not moved.any():
        return found
    at, old, new = site[moved], own_part[moved], part[moved]
    dc = supplied_by[at]
    rows = pd.DataFrame(
        {
            "pair": np.concatenate([at, dc[dc >= 0]]) * len(part_ids) + np.concatenate([new, new[dc >= 0]]),
            "old": part_ids.to_numpy()[np.concatenate([old, old[dc >= 0]])],
        }
    )
    joined = rows.drop_duplicates().sort_values(["pair", "old"]).groupby("pair")["old"].agg(";".join)
    place = np.searchsorted(pair, joined.index.to_numpy())
    is_there = place < len(pair)
    is_there[is_there] = pair[place[is_there]] == joined.index.to_numpy()[is_there]
    found[place[is_there]] = joined.to_numpy()[is_there]
    return found


# --------------------------------------------------------------------------- codes and days


def _site_codes(values: pd.Series, site_ids: pd.Index, table: str, column: str) -> Array:
    """Places in ``site_ids``; -1 for a blank, which only supplied_by may have."""
    codes, uniques = pd.factorize(values)
    known = site_ids.get_indexer(pd.Index(uniques))
    strange = (known < 0) & (np.asarray(uniques) != "")
    if strange.any():
        raise TableError(
            table=table,
            column=column,
            value=str(uniques[strange][0]),
            rule="must be a site_id of sites",
            remedy="add the site to sites or correct the line",
            more=int(strange.sum()) - 1,
        )
    return known[codes] if len(codes) else np.empty(0, dtype=np.int64)


def _part_codes(values: pd.Series, supersessions: pd.DataFrame) -> tuple[Array, pd.Index]:
    """Places of the part numbers in the sorted list of all numbers, and that list."""
    codes, uniques = pd.factorize(values)
    known = pd.Index(uniques).append([pd.Index(supersessions["old_part_id"]), pd.Index(supersessions["new_part_id"])])
    part_ids = pd.Index(np.sort(known.unique().to_numpy()))
    places = part_ids.get_indexer(pd.Index(uniques))
    return (places[codes] if len(codes) else np.empty(0, dtype=np.int64)), part_ids


def _days(values: pd.Series) -> Array:
    return values.to_numpy().astype("datetime64[D]").astype(np.int64)


def _day_number(on: date) -> int:
    return int(np.datetime64(on, "D").astype(np.int64))


def _as_dates(days: Array, is_given: Array) -> Array:
    dates = np.where(is_given, days, 0).astype("datetime64[D]").astype("datetime64[us]")
    dates[~is_given] = np.datetime64("NaT")
    return dates


def _named(rows: pd.DataFrame, site_ids: pd.Index, part_ids: pd.Index) -> pd.DataFrame:
    pair = rows["pair"].to_numpy()
    n_parts = max(len(part_ids), 1)
    return rows.assign(site_id=site_ids.take(pair // n_parts), part_id=part_ids.take(pair % n_parts))


# --------------------------------------------------------------------------- sums


def _group_starts(keys: Array) -> Array:
    """Places at which a new value begins in sorted keys."""
    return np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.empty(0, np.int64)


def _summed(cells: _Cells) -> _Cells:
    """One cell for each site-part and period, sorted by both."""
    if not len(cells.pair):
        return cells
    base = cells.period.min()
    width = cells.period.max() - base + 1
    key = cells.pair * width + (cells.period - base)
    order = np.argsort(key, kind="stable")
    key = key[order]
    starts = _group_starts(key)
    return _Cells(
        key[starts] // width,
        key[starts] % width + base,
        np.add.reduceat(cells.demand[order], starts),
        np.add.reduceat(cells.returned[order], starts),
        np.maximum.reduceat(cells.last_day[order], starts),
    )


def _cells_of_lines(pair: Array, day: Array, lines: pd.DataFrame, is_left_out: Array, period: str) -> _Cells:
    quantity = lines["quantity"].to_numpy()
    is_return = lines["is_return"].to_numpy()
    is_demand = ~is_return & ~is_left_out
    return _summed(
        _Cells(
            pair,
            period_number(day, period),
            np.where(is_demand, quantity, 0),
            np.where(is_return & ~is_left_out, -quantity, 0),
            np.where(is_demand, day, -_EVER),
        )
    )


def _with_distribution_centres(cells: _Cells, supplied_by: Array, n_parts: int) -> _Cells:
    """The cells, and those of dealers once more at their DC."""
    if not len(cells.pair):
        return cells
    dc = supplied_by[cells.pair // n_parts]
    of_dealer = dc >= 0
    at_dc = _Cells(dc[of_dealer] * n_parts + cells.pair[of_dealer] % n_parts, *(v[of_dealer] for v in cells[1:]))
    return _summed(_Cells(*(np.concatenate(both) for both in zip(cells, at_dc, strict=True))))


# --------------------------------------------------------------------------- stock-outs


def _days_out_of_stock(
    stockouts: pd.DataFrame,
    site_ids: pd.Index,
    part_ids: pd.Index,
    latest: Array,
    life: tuple[Array, Array],
    pair: Array,
    began: Array,
    today: date,
    last: int,
    period: str,
) -> pd.DataFrame:
    """Days out of stock by site-part and period, for the periods of the series only."""
    columns = ["pair", "period_number", "days_out"]
    part = part_ids.get_indexer(pd.Index(stockouts["part_id"]))
    site = _site_codes(stockouts["site_id"], site_ids, "stockouts", "site_id")
    until = stockouts["until_on"].fillna(pd.Timestamp(today) - pd.Timedelta(days=1))
    from_day, until_day = _days(stockouts["from_on"]), _days(until)
    from_day = np.maximum(from_day, life[0][part]) if len(part_ids) else from_day
    until_day = np.minimum(until_day, life[1][part]) if len(part_ids) else until_day
    place = np.zeros(len(part), dtype=np.int64)
    is_known = part >= 0
    if len(pair):
        key = site * len(part_ids) + (latest[part] if len(part_ids) else 0)
        place = np.minimum(np.searchsorted(pair, key), len(pair) - 1)
        is_known &= pair[place] == key
        first_day = period_start(began, period).astype(np.int64)[place]
        last_day = int(period_start(np.array([last + 1]), period).astype(np.int64)[0]) - 1
        from_day, until_day = np.maximum(from_day, first_day), np.minimum(until_day, last_day)
        is_known &= from_day <= until_day
    else:
        is_known &= False
    if not is_known.any():
        return pd.DataFrame({name: np.empty(0, dtype=np.int64) for name in columns})
    group, from_day, until_day = united_days(place[is_known], from_day[is_known], until_day[is_known])
    group, number, days_out = _days_by_period(group, from_day, until_day, period)
    return (
        pd.DataFrame({"pair": pair[group], "period_number": number, "days_out": days_out})
        .groupby(["pair", "period_number"], as_index=False)
        .sum()[columns]
    )


def united_days(group: Array, from_day: Array, until_day: Array) -> tuple[Array, Array, Array]:
    """Unite intervals of days that overlap or touch, group by group.

    Parameters
    ----------
    group
        Whole number of the group of each interval, shape (intervals,), 0 or more.
    from_day, until_day
        First and last day of each interval, both included.

    Returns
    -------
    tuple of Array
        Group, first and last day of the united intervals, sorted by group and day.

    Examples
    --------
    >>> united_days(np.array([0, 0, 1]), np.array([1, 3, 2]), np.array([4, 9, 2]))
    (array([0, 1]), array([1, 2]), array([9, 2]))
    """
    order = np.lexsort((until_day, from_day, group))
    group, from_day, until_day = group[order], from_day[order], until_day[order]
    width = int(until_day.max() - from_day.min()) + 3
    shift = group * width  # lifts each group above the one before, so that one running maximum serves all
    reached = np.maximum.accumulate(until_day - from_day.min() + shift)
    is_new = np.concatenate([[True], (from_day - from_day.min() + shift)[1:] > reached[:-1] + 1])
    starts = np.flatnonzero(is_new)
    return group[starts], from_day[starts], np.maximum.reduceat(until_day, starts)


def _days_by_period(group: Array, from_day: Array, until_day: Array, period: str) -> tuple[Array, Array, Array]:
    """Split intervals of days at the borders of periods."""
    first = period_number(from_day, period)
    count = period_number(until_day, period) - first + 1
    row = np.repeat(np.arange(len(group)), count)
    number = first[row] + np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    begins = period_start(number, period).astype(np.int64)
    ends = period_start(number + 1, period).astype(np.int64) - 1
    days = np.minimum(until_day[row], ends) - np.maximum(from_day[row], begins) + 1
    return group[row], number, days


def _demand_series(cells: _Cells, out: pd.DataFrame, unseen: pd.DataFrame, params: DemandParams) -> pd.DataFrame:
    rows = pd.DataFrame(
        {"pair": cells.pair, "period_number": cells.period, "demand": cells.demand, "returned": cells.returned}
    )
    for lost, column, none in ((out, "days_out", 0), (unseen, "share_seen", 1.0)):
        if len(lost):
            rows = rows.merge(lost, on=["pair", "period_number"], how="outer", validate="1:1").fillna({column: none})
        else:
            rows[column] = none
    counts = ["demand", "returned", "days_out"]
    rows[counts] = rows[counts].fillna(0).astype("int64")
    seen = rows.pop("share_seen").to_numpy()
    number = rows["period_number"].to_numpy()
    begins, ends = period_start(number, params.period), period_start(number + 1, params.period)
    days_out = rows["days_out"].to_numpy()
    n_days = (ends - begins).astype(np.int64)
    rows["period"] = begins
    rows["in_stock_share"] = (1.0 - days_out / n_days) * seen
    rows["is_censored"] = (days_out > 0) & (days_out >= params.censored_from_share * n_days) | (seen < 1.0)
    return rows


# --------------------------------------------------------------------------- exports that were cut


def _cut_of(site: Array, day: Array, supplied_by: Array, last: int, params: DemandParams) -> _Cut:
    """Which DCs, with their dealers, have hardly any line in the last complete periods."""
    region = np.where(supplied_by >= 0, supplied_by, np.arange(len(supplied_by)))
    number = period_number(day, params.period)
    cut = _Cut(region, {}, {})
    if not (number <= last).any():
        return cut
    first = max(int(number.min()), last - 3 * YEAR[params.period])
    counted = (number >= first) & (number <= last)
    width = last - first + 1
    cell = region[site[counted]] * width + number[counted] - first
    lines = np.bincount(cell, minlength=len(region) * width).reshape(-1, width)
    for one in np.unique(region):
        seen = seen_at_the_end(lines[one], params.period, params.cut_share)
        if len(seen):
            cut.first[int(one)], cut.seen[int(one)] = last - len(seen) + 1, seen
    return cut


def _unseen(cut: _Cut, pair: Array, began: Array, n_parts: int) -> pd.DataFrame:
    """Share seen of every cut period of every series."""
    found = [
        pd.DataFrame({"pair": pair[at], "period_number": number, "share_seen": share})
        for one, first in cut.first.items()
        for number, share in enumerate(cut.seen[one].tolist(), first)
        for at in [np.flatnonzero((cut.region[pair // n_parts] == one) & (began <= number))]
    ]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["pair", "period_number"])


# --------------------------------------------------------------------------- exceptions


def _after_today(lines: pd.DataFrame, today: date) -> pd.DataFrame:
    if lines.empty:
        return empty(EXCEPTIONS)
    first, last = lines["demanded_on"].min().date(), lines["demanded_on"].max().date()
    pieces = int(lines.loc[~lines["is_return"], "quantity"].sum())
    what = (
        f"{len(lines)} demand line(s) of {pieces} piece(s) from {first} to {last} "
        f"are not before {today}, the day planned; they do not count"
    )
    return exceptions_of(DEMAND_AFTER_TODAY, pd.DataFrame(index=[0]), what=[what])


def _missing(site: Array, day: Array, site_ids: pd.Index, today: date, params: DemandParams) -> pd.DataFrame:
    """Sites whose silence is too long to be chance: an export that stopped must not read as no demand."""
    counts = np.bincount(site, minlength=len(site_ids))
    first, last = np.full(len(site_ids), _EVER), np.full(len(site_ids), -_EVER)
    np.minimum.at(first, site, day)
    np.maximum.at(last, site, day)
    silent_days = _day_number(today) - last - 1
    per_day = np.where(counts > 0, counts / np.maximum(last - first + 1, DAYS_OF_A_RATE), 0.0)
    found = np.flatnonzero(per_day * silent_days >= params.missing_lines)
    what = [
        f"no demand line since {np.datetime64(int(last[at]), 'D')}, {silent_days[at]} days; "
        f"usually {per_day[at] * 7:.1f} lines a week"
        for at in found
    ]
    return exceptions_of(DEMAND_MISSING, pd.DataFrame({"site_id": site_ids[found].to_numpy()}), what=what)


def _told_cut(cut: _Cut, site_ids: pd.Index, period: str) -> pd.DataFrame:
    """One line a DC: from when on, and how much of the usual lines is there."""
    begins = [period_start(np.array([first]), period)[0] for first in cut.first.values()]
    what = [
        f"since {begin} {len(seen)} {period}(s) hold hardly any line; {', '.join(f'{share:.0%}' for share in seen)} of "
        "the usual (a quarter at least where there is any) is counted as seen"
        for begin, seen in zip(begins, cut.seen.values(), strict=True)
    ]
    return exceptions_of(HISTORY_CUT, pd.DataFrame({"site_id": site_ids.to_numpy()[list(cut.seen)]}), what=what)


def _left_out(
    site: Array,
    part: Array,
    day: Array,
    lines: pd.DataFrame,
    is_left_out: Array,
    site_ids: pd.Index,
    part_ids: pd.Index,
    first: int,
    last: int,
    period: str,
) -> pd.DataFrame:
    is_asked = is_left_out & ~lines["is_return"].to_numpy()
    number = period_number(day, period)
    is_asked &= (number >= first) & (number <= last + 1)
    if not is_asked.any():
        return empty(EXCEPTIONS)
    rows = pd.DataFrame(
        {
            "pair": (site * len(part_ids) + part)[is_asked],
            "purpose": lines["purpose"].to_numpy()[is_asked],
            "quantity": lines["quantity"].to_numpy()[is_asked],
            "day": day[is_asked],
        }
    )
    by_pair = rows.groupby("pair", as_index=False).agg(
        pieces=("quantity", "sum"), n_lines=("quantity", "size"), first=("day", "min"), last=("day", "max")
    )
    purposes = rows.drop_duplicates(["pair", "purpose"]).sort_values(["pair", "purpose"])
    by_pair["purposes"] = purposes.groupby("pair")["purpose"].agg(", ".join).to_numpy()
    begins, ends = by_pair["first"].to_numpy().astype("M8[D]"), by_pair["last"].to_numpy().astype("M8[D]")
    what = [
        f"{pieces} piece(s) in {n_lines} line(s) for {purpose} from {begin} to {end} are not part of the rate"
        for pieces, n_lines, purpose, begin, end in zip(
            by_pair["pieces"], by_pair["n_lines"], by_pair["purposes"], begins, ends, strict=True
        )
    ]
    return exceptions_of(CAMPAIGN_LEFT_OUT, _named(by_pair, site_ids, part_ids), what=what)


def _outliers(demand_series: pd.DataFrame, news_from: pd.Timestamp, params: DemandParams) -> pd.DataFrame:
    """One line for each site-part with outliers lately: the largest one, and how many there are."""
    rows = demand_series.loc[demand_series["demand"] > 0, ["site_id", "part_id", "pair", "period", "demand"]]
    limit, median = outlier_limits(rows["pair"].to_numpy(), rows["demand"].to_numpy(), params.outlier_mads)
    is_out = (rows["demand"].to_numpy() > limit) & (rows["period"] >= news_from).to_numpy()
    if not is_out.any():
        return empty(EXCEPTIONS)
    found = rows.assign(median=median)[is_out]
    found = found.sort_values(["pair", "demand", "period"], ascending=[True, False, False], kind="stable")
    n_out = found.groupby("pair")["demand"].transform("size")
    found = found.assign(n_out=n_out).drop_duplicates("pair")
    what = [
        f"{size} piece(s) in the period from {begin:%Y-%m-%d}, where {usual:g} is the median of periods with demand"
        + (f"; {n} such periods in all" if n > 1 else "")
        for size, begin, usual, n in zip(found["demand"], found["period"], found["median"], found["n_out"], strict=True)
    ]
    return exceptions_of(DEMAND_OUTLIER, found, what=what)


def outlier_limits(group: Array, demand: Array, mads: float) -> tuple[Array, Array]:
    """The demand above which a period is an outlier of its group, and the group's median.

    Parameters
    ----------
    group
        Whole number of the group of each period with demand, shape (periods,).
    demand
        Pieces, above 0, shape (periods,).
    mads
        How many median absolute deviations above the median are still usual.

    Returns
    -------
    tuple of Array
        Limit and median, both of shape (periods,); the limit is infinite for a group with fewer than
        MIN_DEMANDS_FOR_OUTLIERS periods.

    Notes
    -----
    Median and MAD as in Hampel (1974), Journal of the American Statistical Association 69, 383-393, without the
    factor that makes the MAD a standard deviation. The MAD counts as at least a quarter of the median and one
    piece, so that sizes which are nearly all equal do not make every other one an outlier.

    Examples
    --------
    >>> limit, median = outlier_limits(np.zeros(5, dtype=int), np.array([1, 1, 2, 1, 40]), mads=8.0)
    >>> limit[0].item(), median[0].item()
    (9.0, 1.0)
    """
    median, count = _medians(group, demand.astype(np.float64))
    deviation, _ = _medians(group, np.abs(demand - median))
    floor = np.maximum(MAD_FLOOR_SHARE * median, 1.0)
    limit = median + mads * np.maximum(deviation, floor)
    return np.where(count >= MIN_DEMANDS_FOR_OUTLIERS, limit, np.inf), median


def _medians(group: Array, values: Array) -> tuple[Array, Array]:
    """Median and size of each value's group, one for each value."""
    if not len(values):
        return values, np.empty(0, dtype=np.int64)
    order = np.lexsort((values, group))
    starts = _group_starts(group[order])
    count = np.diff(np.append(starts, len(values)))
    ordered = values[order]
    median = (ordered[starts + (count - 1) // 2] + ordered[starts + count // 2]) / 2
    of_value = np.empty(len(values), dtype=np.int64)
    of_value[order] = np.repeat(np.arange(len(starts)), count)
    return median[of_value], count[of_value]
