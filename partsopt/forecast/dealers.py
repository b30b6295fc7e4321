"""The dealers of a night, pooled: from tables to the arrays of :mod:`partsopt.forecast.network` and back."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from partsopt.calendars import DAYS_PER_YEAR, period_days, period_number
from partsopt.forecast.network import (
    Needs,
    Orders,
    Region,
    Shares,
    blended_variance_to_mean,
    fit_shares,
    rate_of_pairs,
)
from partsopt.forecast.unlisted import NOBODY, Named, OfDcs, Unlisted, unlisted_demand

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

HALF_LIFE_MONTHS = (24.0, 12.0, 48.0, 6.0)
"""Half-lives tried, in order of preference."""
TUNING_MONTHS = 6.0
"""What is learnt is what best foretells so many months, or a quarter of the history where that is less."""
PRICE_BANDS_PER_DECADE = 1.0
MANY_DEMANDS = 13
"""Periods with demand that are not told apart in the reason of a forecast."""


class Pooled(NamedTuple):
    """FORECASTS and FORECAST_STEPS with pooled dealers, and what dealers without a series may sell."""

    forecasts: pd.DataFrame
    forecast_steps: pd.DataFrame
    unlisted: Unlisted = NOBODY


class Network(NamedTuple):
    """The arrays of a network, and where its rows stand in the tables.

    ``at_network``: the row in ``series`` of each network part; ``at_pair``, ``pair_dealer`` and ``pair_network``: the
    rows of dealers whose DC has a series of the part, and their codes.
    """

    orders: Orders
    region: Region
    at_network: Array
    at_pair: Array
    pair_dealer: Array
    pair_network: Array


def pool_dealers(
    forecasts: pd.DataFrame,
    forecast_steps: pd.DataFrame,
    demand_series: pd.DataFrame,
    series: pd.DataFrame,
    sites: pd.DataFrame,
    parts: pd.DataFrame,
    *,
    period: str,
    services: pd.DataFrame | None = None,
) -> Pooled:
    """Give every dealer its share in the forecast of its DC.

    Parameters
    ----------
    forecasts, forecast_steps
        What each series says by itself (FORECASTS, FORECAST_STEPS).
    demand_series, series
        Demand of DCs and dealers (DEMAND_SERIES, SERIES); a DC's demand holds that of its dealers.
    sites, parts
        SITES and PARTS.
    period
        ``month`` or ``week``.
    services
        What the cars around each dealer will need (:func:`partsopt.forecast.causal.service_demand`); None: unknown.

    Returns
    -------
    Pooled
        Rows of DCs as they were. A dealer whose DC has a series of the part gets the method ``network``, its share of
        the DC's mean, and of its trend or season; one whose DC has none keeps its own forecast. Dealers without a row
        and the counters of DCs have what is left.
    """
    series = series.sort_values(["site_id", "part_id"], ignore_index=True)
    forecasts = forecasts.sort_values(["site_id", "part_id"], ignore_index=True)
    network = network_of(demand_series, series, sites, parts, period)
    at = network.at_pair
    if not len(at) or not (network.orders.pieces > 0).any():
        return Pooled(forecasts, forecast_steps)
    shares = learnt_shares(network, series, period, needs_of(network, series, sites, services))
    mean = forecasts["mean_per_period"].to_numpy(dtype=np.float64, copy=True)
    ratio = forecasts["variance_to_mean"].to_numpy(dtype=np.float64, copy=True)
    growth = forecasts["variance_growth"].to_numpy(dtype=np.float64, copy=True)
    month = DAYS_PER_YEAR / 12 / period_days(period)
    of_dc = OfDcs(mean[network.at_network], ratio[network.at_network], growth[network.at_network], month)
    rates = rate_of_pairs(shares, network.region, network.pair_dealer, network.pair_network, *of_dc)
    unlisted = unlisted_demand(
        shares, network.region, _names(network, series, sites), of_dc, network.pair_dealer, network.pair_network
    )
    n_demands = forecasts["n_demands"].to_numpy()[at]
    mean[at], growth[at] = rates.mean, rates.variance_growth
    ratio[at] = np.maximum(blended_variance_to_mean(rates.variance_to_mean, ratio[at], n_demands), 1.0)
    one_step = forecasts["sd_per_period"].to_numpy(dtype=np.float64, copy=True)
    one_step[at] = np.sqrt(mean[at] * ratio[at])
    texts, codes = _reasons(shares, network, n_demands, sites)
    why = with_texts(forecasts["why"], at, texts, codes)
    method = with_texts(forecasts["method"], at, ["network"], np.zeros(len(at), dtype=np.int64))
    constants = {name: forecasts[name].to_numpy(dtype=np.float64, copy=True) for name in ("alpha", "beta")}
    for values in constants.values():
        values[at] = np.nan
    changed = forecasts.assign(
        mean_per_period=mean,
        variance_to_mean=ratio,
        variance_growth=growth,
        sd_per_period=one_step,
        method=method,
        why=why,
        **constants,
    )
    return Pooled(changed, _shared_steps(forecast_steps, series, network, rates.share), unlisted)


def _names(network: Network, series: pd.DataFrame, sites: pd.DataFrame) -> Named:
    """Names of the codes of a network, as :func:`network_of` gives them."""
    dealers, dcs = (
        np.sort(sites.loc[sites["site_kind"].eq(kind), "site_id"].to_numpy(dtype=object)) for kind in ("dealer", "dc")
    )
    part_id = series["part_id"].to_numpy(dtype=object)[network.at_network]
    return Named(np.concatenate([dealers, dcs]), part_id, len(dealers))


def needs_of(
    network: Network, series: pd.DataFrame, sites: pd.DataFrame, services: pd.DataFrame | None
) -> Needs | None:
    """The share of each dealer in what the cars of its DC will need, for parts that sell there.

    Parameters
    ----------
    network
        Who asked for what.
    series, sites
        SERIES sorted by site and part, and SITES.
    services
        ``site_id``, ``part_id`` and ``pieces``; rows of DCs do not count.
    """
    if services is None:
        return None
    dealers = sites[sites["site_kind"].eq("dealer")].sort_values("site_id")
    rows = services[services["site_id"].isin(dealers["site_id"]) & (services["pieces"] > 0)]
    dcs = series["site_id"].to_numpy()[network.at_network]
    named = pd.MultiIndex.from_arrays([dcs, series["part_id"].to_numpy()[network.at_network]])
    dc = rows["site_id"].map(dealers.set_index("site_id")["supplied_by"])
    place = named.get_indexer(pd.MultiIndex.from_arrays([dc, rows["part_id"]]))
    code = pd.Index(dealers["site_id"]).get_indexer(pd.Index(rows["site_id"]))
    sells = place >= 0
    if not sells.any():
        return None
    place, code, pieces = place[sells], code[sells], rows["pieces"].to_numpy()[sells]
    key = place * len(network.region.dealer_dc) + code
    order = np.argsort(key, kind="stable")
    return Needs(key[order], (pieces / np.bincount(place, weights=pieces)[place])[order])


def learnt_shares(network: Network, series: pd.DataFrame, period: str, needs: Needs | None = None) -> Shares:
    """The shares of a network's dealers, with half-lives and tuning in months whatever the period.

    Parameters
    ----------
    network
        Who asked for what.
    series
        SERIES.
    period
        ``month`` or ``week``.
    needs
        Who should be asking, see :func:`needs_of`.
    """
    per_month = DAYS_PER_YEAR / 12 / period_days(period)
    longest = int(series["n_periods"].max())
    return fit_shares(
        network.orders,
        network.region,
        half_lives=tuple(months * per_month for months in HALF_LIFE_MONTHS),
        tuning_periods=max(min(round(TUNING_MONTHS * per_month), longest // 4), 1),
        needs=needs,
    )


def with_texts(column: pd.Series, at: Array, texts: list[str], codes: Array) -> pd.Series:
    """A column with other texts at some rows, of which few differ: they are not made once a row.

    Parameters
    ----------
    column
        Texts.
    at
        Rows to change.
    texts, codes
        The new texts, and which of them each of the rows gets, shape (rows,).

    Examples
    --------
    >>> with_texts(pd.Series(["a", "b", "c"], dtype="str"), np.array([0, 2]), ["x", "y"], np.array([1, 0])).tolist()
    ['y', 'b', 'x']
    """
    place = np.arange(len(column))
    place[at] = len(column) + codes
    both = pd.concat([column, pd.Series(texts, dtype="str")], ignore_index=True)
    return both.take(place).set_axis(column.index)


def _reasons(shares: Shares, network: Network, n_demands: Array, sites: pd.DataFrame) -> tuple[list[str], Array]:
    """Why pairs have their forecasts: the different sentences, and which of them each pair has."""
    dcs = np.sort(sites.loc[sites["site_kind"].eq("dc"), "site_id"].to_numpy(dtype=object))
    known = shares.in_all[network.pair_network]
    trust = known / (known + shares.concentration[network.pair_network])
    percent = np.round(100 * trust).astype(np.int64)
    shown = np.minimum(n_demands, MANY_DEMANDS).astype(np.int64)
    key = (network.region.dealer_dc[network.pair_dealer] * (MANY_DEMANDS + 1) + shown) * 101 + percent
    codes, kinds = pd.factorize(key)
    texts = []
    for kind in kinds.tolist():
        rest, believed = divmod(kind, 101)
        dc, demands = divmod(rest, MANY_DEMANDS + 1)
        texts.append(
            f"This dealer's share of the forecast of {dcs[dc]}: {'more than ' if demands == MANY_DEMANDS else ''}"
            f"{demands - (demands == MANY_DEMANDS)} period(s) with demand of its own, believed to {believed} %; "
            "the rest is what dealers of its size ask for in parts like this."
        )
    return texts, codes


def _shared_steps(forecast_steps: pd.DataFrame, series: pd.DataFrame, network: Network, share: Array) -> pd.DataFrame:
    """The trend or season of a DC, shared out as its mean is; a dealer's own gives way to it."""
    row = pd.MultiIndex.from_frame(series[["site_id", "part_id"]]).get_indexer(
        pd.MultiIndex.from_frame(forecast_steps[["site_id", "part_id"]])
    )
    is_pooled = np.zeros(len(series), dtype=bool)
    is_pooled[network.at_pair] = True
    kept = forecast_steps[~is_pooled[row]]
    network_of_row = np.full(len(series), -1)
    network_of_row[network.at_network] = np.arange(len(network.at_network))
    of_dc = forecast_steps.assign(network=network_of_row[row])
    pairs = pd.DataFrame(
        {
            "site_id": series["site_id"].to_numpy()[network.at_pair],
            "part_id": series["part_id"].to_numpy()[network.at_pair],
            "network": network.pair_network,
            "share": share,
        }
    )
    shared = pairs.merge(of_dc.loc[of_dc["network"] >= 0, ["network", "step", "mean"]], on="network", validate="m:m")
    shared["mean"] *= shared["share"]
    return pd.concat([kept, shared[["site_id", "part_id", "step", "mean"]]], ignore_index=True)


def network_of(
    demand_series: pd.DataFrame, series: pd.DataFrame, sites: pd.DataFrame, parts: pd.DataFrame, period: str
) -> Network:
    """Who asked for what, from the tables of a night.

    Parameters
    ----------
    demand_series, series
        Demand of DCs and dealers by period (DEMAND_SERIES, SERIES); all series end with the same period.
    sites, parts
        SITES and PARTS; groups of parts are ``part_group`` and the decade of ``unit_cost``.
    period
        ``month`` or ``week``.

    Returns
    -------
    Network
        Dealers in order of ``site_id``, then the counters of the DCs, whose orders are the DC's demand less that of
        its dealers.
    """
    dcs = np.sort(sites.loc[sites["site_kind"].eq("dc"), "site_id"].to_numpy(dtype=object))
    dealers = sites[sites["site_kind"].eq("dealer")].sort_values("site_id")
    dealer_index, dc_index = pd.Index(dealers["site_id"]), pd.Index(dcs)
    dealer_dc = np.concatenate([dc_index.get_indexer(pd.Index(dealers["supplied_by"])), np.arange(len(dcs))])
    part_index = pd.Index(np.sort(parts["part_id"].to_numpy(dtype=object)))
    group = groups_of_parts(parts)[pd.Index(parts["part_id"]).get_indexer(part_index)]

    code = pd.Index(np.concatenate([dealer_index.to_numpy(dtype=object), dcs]))
    asker, part = _codes(series["site_id"], code), _codes(series["part_id"], part_index)
    is_dc = asker >= len(dealers)
    of_dc = dealer_dc[asker] * len(part_index) + part
    network_key, at_network = np.unique(of_dc[is_dc], return_index=True)
    at_network = np.flatnonzero(is_dc)[at_network]
    network = _place(network_key, of_dc)
    at_pair = np.flatnonzero(~is_dc & (network >= 0))

    row_asker, row_part = _codes(demand_series["site_id"], code), _codes(demand_series["part_id"], part_index)
    row_network = _place(network_key, dealer_dc[row_asker] * len(part_index) + row_part)
    number = period_number(demand_series["period"].to_numpy().astype("datetime64[D]").astype(np.int64), period)
    began = period_number(series["first_period"].to_numpy().astype("datetime64[D]").astype(np.int64), period)
    last = int((began + series["n_periods"].to_numpy()).max(initial=1)) - 1
    age = last - number
    kept = np.flatnonzero(row_network >= 0)
    demand = demand_series["demand"].to_numpy()[kept].astype(np.float64)
    share = np.where(demand_series["is_censored"], demand_series["in_stock_share"], 1.0)[kept]
    orders = _with_counters(
        Orders(row_asker[kept], row_network[kept], age[kept], demand, share), row_asker[kept] >= len(dealers)
    )
    in_order = np.lexsort((orders.age, orders.dealer, orders.network))  # sums do not depend on the order of rows
    orders = Orders(*(values[in_order] for values in orders))
    oldest = np.zeros(len(dealer_dc), dtype=np.int64)
    np.maximum.at(oldest, orders.dealer, orders.age + 1)
    region = Region(
        dealer_dc,
        oldest,
        network_key // len(part_index),
        group[network_key % len(part_index)],
        series["n_periods"].to_numpy()[at_network],
    )
    return Network(orders, region, at_network, at_pair, asker[at_pair], network[at_pair])


def groups_of_parts(parts: pd.DataFrame) -> Array:
    """The group of each part: its part_group and the decade of its price."""
    decade = np.floor(PRICE_BANDS_PER_DECADE * np.log10(parts["unit_cost"].to_numpy(dtype=np.float64)))
    named = parts["part_group"] if "part_group" in parts else pd.Series("", index=parts.index)
    return pd.factorize(pd.MultiIndex.from_arrays([named, decade]), sort=True)[0]


def _codes(values: pd.Series, index: pd.Index) -> Array:
    own, uniques = pd.factorize(values)
    return index.get_indexer(pd.Index(uniques))[own] if len(own) else np.empty(0, dtype=np.int64)


def _place(key: Array, wanted: Array) -> Array:
    """The place of each wanted key among sorted ones; -1 where there is none."""
    if not len(key):
        return np.full(len(wanted), -1)
    place = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
    return np.where(key[place] == wanted, place, -1)


def _with_counters(orders: Orders, is_dc: Array) -> Orders:
    """The rows of DCs, which hold their dealers' demand too, become the orders at the DCs' own counters."""
    longest = int(orders.age.max(initial=0)) + 1
    cell = orders.network.astype(np.int64) * longest + orders.age
    dc_rows = np.flatnonzero(is_dc)
    by_cell = np.argsort(cell[dc_rows], kind="stable")
    dc_rows = dc_rows[by_cell]
    place = _place(cell[dc_rows], cell)
    found = ~is_dc & (place >= 0)
    of_dealers = np.bincount(place[found], weights=orders.pieces[found], minlength=len(dc_rows))
    pieces = orders.pieces.copy()
    pieces[dc_rows] = np.maximum(pieces[dc_rows] - of_dealers, 0.0)
    counts = (pieces > 0) | (orders.share < 1.0)
    return Orders(*(values[counts] for values in orders._replace(pieces=pieces)))
