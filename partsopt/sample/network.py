"""The sample network: every input table of a night, from a seed."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd

from partsopt.errors import SettingsError
from partsopt.sample.assortment import Assortment, make_assortment, parts_table
from partsopt.sample.docks import dock_hours_table, returns_table, self_collection_table
from partsopt.sample.draws import Array
from partsopt.sample.history import (
    History,
    add_campaigns,
    demand_lines_table,
    lose_to_stockouts,
    make_history,
    stockouts_table,
    supersede,
)
from partsopt.sample.holidays import china, holidays_table
from partsopt.sample.like import LikeSeries, like_history, like_terms, make_like_assortment
from partsopt.sample.orders import open_orders_table, reservations_of, reservations_table, urgent_orders_table
from partsopt.sample.parc import maintenance_plan_table, vehicle_parc_table
from partsopt.sample.places import Places, choose_places
from partsopt.sample.shelves import current_stockouts, fill_shelves, stock_table
from partsopt.sample.sources import (
    Terms,
    local_purchases,
    no_terms,
    price_breaks_table,
    supply_of_dcs,
    supply_table,
    usual_source,
)
from partsopt.sample.transport import dealer_lead_days, lanes_table, travel_table, vehicles_table
from partsopt.tables import FIXED_LEVELS, INPUT_TABLES, REVIEW_CALENDAR, STOCKOUTS, SUPERSESSIONS, empty

MAX_DCS, MAX_DEALERS, MAX_PARTS, MAX_MONTHS = 10, 5_000, 1_000_000, 240
MIN_MONTHS = 3
RESERVED_AHEAD_DAYS = 3
FIRST_TODAY, LAST_TODAY = date(2000, 1, 1), date(2100, 1, 1)


class _Past(NamedTuple):
    parts: Assortment
    terms: Terms
    history: History
    current: Array
    supersessions: pd.DataFrame
    stockouts: pd.DataFrame


def make_sample(
    *,
    n_dcs: int,
    n_dealers: int,
    n_parts: int | None,
    n_months: int | None,
    seed: int,
    today: date = date(2026, 11, 2),
    like: LikeSeries | None = None,
) -> dict[str, pd.DataFrame]:
    """Make every input table of a night for a parts network in China.

    Demand is drawn to the figures of real spare-parts sets (``data/README.md``), or taken from real
    series: each of ``like`` is then one part's demand of the whole network, spread over dealers by size.

    Parameters
    ----------
    n_dcs, n_dealers
        Sites: 1 to 10 DCs (Beijing, Shanghai, Foshan first) and 1 to 5,000 dealers, each supplied by the nearest DC.
    n_parts
        1 to 1,000,000; with ``like`` a seeded sample of so many series, None for all.
    n_months
        Months of history before the current one, 3 to 240; with ``like`` its last ones, None for all.
    seed
        The same seed gives the same bytes, 0 or more.
    today
        The day that is planned; demand ends on the day before.
    like
        Real series, see :func:`partsopt.sample.like.read_like`.

    Returns
    -------
    dict[str, DataFrame]
        One table for each of ``partsopt.tables.INPUT_TABLES``, conforming to its declaration.

        Of the pairs of site and part that are kept on stock (demand in the last year in 1 month at a DC,
        3 at a dealer) 4 % have an empty shelf, half of them with pieces promised, and 7 % have three to
        eight times their level; the others stand up to one review's demand below it. Half of a DC's
        parts without demand for a year still lie there, and so do 6 % of what dealers sold before.

        With ``like``, demand_lines are the real series and nothing else: no returns, campaigns,
        supersessions or stock-outs are invented.

    Raises
    ------
    SettingsError
        A number is out of its bounds, or ``n_parts`` or ``n_months`` is None without ``like``.

    Examples
    --------
    >>> tables = make_sample(n_dcs=1, n_dealers=3, n_parts=20, n_months=12, seed=1)
    >>> len(tables["parts"]), tables["sites"]["site_id"].tolist()
    (20, ['D001', 'D002', 'D003', 'DC-BJ'])
    """
    _check_bounds(n_dcs, n_dealers, n_parts, n_months, seed, today, like)
    places = choose_places(n_dcs, n_dealers, seed)
    if like is None:
        if n_parts is None or n_months is None:
            raise SettingsError("n_parts and n_months may be None only where real series are given with like.")
        past = _drawn_past(places, n_parts, n_months, today, seed)
    else:
        past = _real_past(places, like.chosen(n_parts, _periods_of(like, n_months), seed), today, seed)
    parts, history = past.parts, past.history

    supply = supply_of_dcs(places, parts, past.terms, seed)
    sources = usual_source(supply, len(parts))
    shelves = fill_shelves(places, parts, history, past.current, sources, dealer_lead_days(places), seed)
    at_dealer = (shelves.site >= n_dcs) & (shelves.level > 0)
    local = local_purchases(places, parts, shelves.site[at_dealer], shelves.part[at_dealer], seed)
    urgent = urgent_orders_table(shelves, history, past.current, places, parts, today, seed)
    reservations = reservations_of(history, past.current, places, china(), today, seed)
    soon = reservations["needed_on"] <= pd.Timestamp(today) + pd.Timedelta(days=RESERVED_AHEAD_DAYS)
    lasting = current_stockouts(shelves, places, history, seed)
    first_asked, last_asked = _first_and_last(history, len(parts))
    tables = {
        "parts": parts_table(parts, first_asked, last_asked, history.starts, today, seed),
        "sites": places.frame,
        "demand_lines": demand_lines_table(history, places, parts, seed, with_returns=like is None),
        "stock": stock_table(shelves, reservations[soon], places, parts),
        "supply": supply_table(pd.concat([supply, local], ignore_index=True), places, parts),
        "price_breaks": price_breaks_table(supply, parts, seed),
        "open_orders": open_orders_table(shelves, sources, urgent, places, parts, today, seed),
        "urgent_orders": urgent,
        "reservations": reservations_table(reservations, places, parts),
        "supersessions": past.supersessions,
        "stockouts": stockouts_table(past.stockouts, lasting, parts) if like is None else empty(STOCKOUTS),
        "maintenance_plan": maintenance_plan_table(parts, seed),
        "vehicle_parc": vehicle_parc_table(places, today, seed),
        "vehicles": vehicles_table(places),
        "carrier_lanes": lanes_table(places),
        "travel": travel_table(places),
        "holidays": holidays_table(),
        "review_calendar": empty(REVIEW_CALENDAR),
        "fixed_levels": empty(FIXED_LEVELS),
        "dock_hours": dock_hours_table(places),
        "self_collection": self_collection_table(places),
        "returns": returns_table(places, seed, today),
    }
    return {name: tables[name] for name in INPUT_TABLES}


def _drawn_past(places: Places, n_parts: int, n_months: int, today: date, seed: int) -> _Past:
    parts = make_assortment(n_parts, seed)
    superseded = supersede(make_history(places, parts, n_months, today, seed), parts, seed)
    history, stockouts = lose_to_stockouts(superseded.history, places, n_parts, seed)
    history = add_campaigns(history, parts, places, seed)
    return _Past(parts, no_terms(n_parts), history, superseded.current, superseded.supersessions, stockouts)


def _real_past(places: Places, like: LikeSeries, today: date, seed: int) -> _Past:
    parts = make_like_assortment(like, seed)
    history = like_history(like, places, today, seed)
    current = np.arange(len(parts))
    return _Past(parts, like_terms(like), history, current, empty(SUPERSESSIONS), empty(STOCKOUTS))


def _periods_of(like: LikeSeries, n_months: int | None) -> int | None:
    if n_months is None:
        return None
    return n_months if like.period == "month" else -(-n_months * 365 // 84)


def _first_and_last(history: History, n_parts: int) -> tuple[Array, Array]:
    first, last = np.full(n_parts, np.iinfo(np.int64).max), np.full(n_parts, -1)
    np.minimum.at(first, history.part, history.day)
    np.maximum.at(last, history.part, history.day)
    return np.where(last < 0, -1, first), last


def _check_bounds(
    n_dcs: int,
    n_dealers: int,
    n_parts: int | None,
    n_months: int | None,
    seed: int,
    today: date,
    like: LikeSeries | None,
) -> None:
    bounds: list[tuple[str, int | None, int, int]] = [
        ("n_dcs", n_dcs, 1, MAX_DCS),
        ("n_dealers", n_dealers, 1, MAX_DEALERS),
        ("n_parts", n_parts, 1, MAX_PARTS if like is None else len(like.series_ids)),
        ("n_months", n_months, MIN_MONTHS, MAX_MONTHS),
        ("seed", seed, 0, 2**32 - 1),
    ]
    for name, value, least, most in bounds:
        if value is not None and not least <= value <= most:
            what = f" (the series of {like.file})" if like is not None and name == "n_parts" else ""
            raise SettingsError(f"{name} is {value}; it must be between {least} and {most}{what}.")
    if not FIRST_TODAY <= today <= LAST_TODAY:
        raise SettingsError(f"today is {today}; it must be between {FIRST_TODAY} and {LAST_TODAY}.")
