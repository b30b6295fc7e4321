"""Demand of maintenance parts from the cars that need them: services that fall due, and how many come to us.

A car needs a part after so many months or km, whichever comes first. The services of all cars around a dealer are
what its demand could be; the share of it that comes is learnt from the past: for all parts, then by group, part
and dealer, each level shrunk to the one above by as much as its members really differ.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from scipy.special import gammainc, gammaln

from partsopt.tables import SITE_PART

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

SERVICE_CV = 0.25
"""How unevenly drivers keep an interval: standard deviation over mean of the time between two services."""
SHAPES = 2.0 ** np.arange(-5.0, 13.0)
"""Shapes of the gamma distribution tried, from very unlike to alike."""
LEARNING_MONTHS = 24.0
"""The share of services that comes is learnt on so many months, or the history where that is shorter."""
CHECKED_MONTHS = 6.0
"""What cars say is checked against so many months, or a third of a shorter history, by what was known before."""
REFUTED = 2.0
"""In log-likelihood."""
SLACK_MONTHS = 0.1
"""By which a period may begin before a span of months and still belong to it."""
HALF_ORDER = 0.5
"""Orders given to each pair in that check, so that a pair without any is not certain to have none."""
AHEAD_MONTHS = 3.0
"""The services counted are those of so many months ahead."""

_TABLE_ENDS, _TABLE_STEP = 12.0, 1.0 / 64.0
_SHAPE = 1.0 / SERVICE_CV**2


class Captured(NamedTuple):
    """The share of theoretical demand that comes, by pair of site and part, and what it is made of.

    ``expected`` is what the past should have brought, orders, shape (pairs,); ``shape`` says how far a pair may differ
    from it.
    """

    share: Array
    of_group: Array
    of_part: Array
    of_site: Array
    expected: Array
    shape: float


def service_interval(every_months: Array, every_km: Array, km_per_month: Array) -> Array:
    """Months between two services: by time or by distance, whichever comes first.

    Parameters
    ----------
    every_months, every_km
        The two intervals; NaN where there is none.
    km_per_month
        What the car drives, 0 or more.

    Returns
    -------
    Array
        Months; infinite where a car that stands still has an interval in km only.

    Examples
    --------
    >>> service_interval(np.array([12.0, np.nan]), np.array([1e4, 4e4]), np.array([1e3, 0.0])).tolist()
    [10.0, inf]
    """
    km = np.asarray(km_per_month, dtype=np.float64)
    by_distance = np.where(km > 0, np.asarray(every_km, dtype=np.float64) / np.where(km > 0, km, 1.0), np.inf)
    return np.fmin(np.fmin(every_months, by_distance), np.inf)


def services_by_age(age_in_intervals: Array) -> Array:
    """Expected number of services of a car up to an age.

    Parameters
    ----------
    age_in_intervals
        Age over the service interval; below 0 the car is not on the road yet.

    Notes
    -----
    The renewal function of gamma distributed intervals with SERVICE_CV: the sum over *n* of the chance that the first
    *n* intervals fit in; after many of them *x + (cv^2 - 1) / 2* (Cox 1962, Renewal Theory, section 4.2). The first
    services of new cars come together, those of old ones are spread evenly.

    Examples
    --------
    >>> services_by_age(np.array([-1.0, 0.0, 0.5, 1.5, 100.0])).round(3).tolist()
    [0.0, 0.0, 0.008, 1.033, 99.531]
    """
    age = np.asarray(age_in_intervals, dtype=np.float64)
    grid = np.arange(0.0, _TABLE_ENDS + _TABLE_STEP, _TABLE_STEP)
    n = np.arange(1, int(3 * _TABLE_ENDS))
    table = gammainc(n[:, None] * _SHAPE, grid * _SHAPE).sum(axis=0)
    return np.where(age > _TABLE_ENDS, age + (SERVICE_CV**2 - 1.0) / 2.0, np.interp(age, grid, table, left=0.0))


def theoretical_demand(
    vehicles: Array, age_months: Array, interval_months: Array, quantity: Array, from_months: float, until_months: float
) -> Array:
    """Pieces that services need in a span of time.

    Parameters
    ----------
    vehicles, age_months
        How many cars, and how old they are today, shape (rows,).
    interval_months, quantity
        Months between two services, may be infinite, and pieces a service needs, shape (rows,).
    from_months, until_months
        The span, months from today: 0 to 3 is the coming quarter, -24 to 0 the last two years.

    Returns
    -------
    Array
        Pieces, shape (rows,). The cars are those of today: those scrapped since are not known.

    Examples
    --------
    >>> old = np.array([600.0])
    >>> theoretical_demand(np.array([100.0]), old, np.array([12.0]), np.array([4.0]), 0.0, 3.0).round(6).tolist()
    [100.0]
    """
    has = np.isfinite(interval_months)
    interval = np.where(has, interval_months, 1.0)
    services = services_by_age((age_months + until_months) / interval) - services_by_age(
        (age_months + from_months) / interval
    )
    return np.where(has, vehicles * quantity * services, 0.0)


def likeliest_shape(orders: Array, expected: Array) -> float:
    """How alike the members of a group are: the shape of the gamma distribution around their expectations.

    Parameters
    ----------
    orders
        What each showed, 0 or more, shape (members,).
    expected
        What was expected of each, 0 or more; members of whom nothing was expected are left out.

    Returns
    -------
    float
        The one of SHAPES under which the orders, negative binomial then, are likeliest. The largest, if alike.

    Examples
    --------
    >>> likeliest_shape(np.array([0.0, 50.0, 0.0, 50.0]), np.full(4, 25.0)) < 1
    True
    """
    counts = expected > 0
    n, m = np.asarray(orders, dtype=np.float64)[counts], np.asarray(expected, dtype=np.float64)[counts]
    if not len(n):
        return float(SHAPES[-1])
    scores = [
        float((gammaln(a + n) - gammaln(a) + a * np.log(a / (a + m)) + n * np.log(m / (a + m))).sum()) for a in SHAPES
    ]
    return float(SHAPES[int(np.argmax(scores))])


def shrunk_factor(orders: Array, expected: Array) -> Array:
    """By how much each member differs from what was expected of it, as far as that is believable.

    Parameters
    ----------
    orders, expected
        What each showed and what was expected of it, shape (members,).

    Returns
    -------
    Array
        *(a + orders) / (a + expected)*, *a* the likeliest shape: the mean of the gamma posterior, shape (members,).

    Examples
    --------
    >>> shrunk_factor(np.array([10.0, 12.0, 9.0]), np.full(3, 10.0)).round(2).tolist()
    [1.0, 1.0, 1.0]
    """
    shape = likeliest_shape(orders, expected)
    return (shape + orders) / (shape + expected)


def capture(orders: Array, theoretical: Array, site: Array, part: Array, group_of_part: Array) -> Captured:
    """The share of theoretical services that comes to us.

    Parameters
    ----------
    orders
        Orders seen of each pair of site and part, shape (pairs,); pairs without any included.
    theoretical
        Orders that services would have made in the same time, shape (pairs,), 0 or more.
    site, part
        Codes of each pair, 0, 1, .., shape (pairs,).
    group_of_part
        Code of the group of each part, shape (parts,).

    Returns
    -------
    Captured
        Shares are 0 where nothing was ever seen of any part.

    Notes
    -----
    A hierarchy of gamma-Poisson models with empirical Bayes shapes (Clayton & Kaldor 1987, Biometrics 43, 671-681).

    Examples
    --------
    >>> zero = np.zeros(2, dtype=int)
    >>> capture(np.array([30.0, 10.0]), np.array([60.0, 20.0]), np.arange(2), zero, zero[:1]).share.tolist()
    [0.5, 0.5]
    """
    n_parts, n_sites = len(group_of_part), int(site.max(initial=-1)) + 1
    n_groups = int(group_of_part.max(initial=-1)) + 1
    whole = float(theoretical.sum())
    overall = float(orders.sum()) / whole if whole > 0 else 0.0
    of_pair = group_of_part[part]
    expected = overall * theoretical
    of_group = _factors(orders, expected, of_pair, n_groups)
    expected = expected * of_group[of_pair]
    of_part = _factors(orders, expected, part, n_parts)
    expected = expected * of_part[part]
    of_site = _factors(orders, expected, site, n_sites)
    expected = expected * of_site[site]
    return Captured(
        share=overall * of_group[of_pair] * of_part[part] * of_site[site],
        of_group=overall * of_group,
        of_part=of_part,
        of_site=of_site,
        expected=expected,
        shape=likeliest_shape(orders, expected),
    )


def _factors(orders: Array, expected: Array, code: Array, n: int) -> Array:
    return shrunk_factor(
        np.bincount(code, weights=orders, minlength=n), np.bincount(code, weights=expected, minlength=n)
    )


def believable_shape(orders: Array, time: Array, cars: Array, later_orders: Array, later_time: float) -> float:
    """How many orders the rate from cars is worth: as many as what came later does not refute.

    Parameters
    ----------
    orders, time
        Orders before, and the periods they took, shape (pairs,).
    cars
        Orders per period from cars, by what was known before, shape (pairs,); pairs with 0 do not count.
    later_orders, later_time
        Orders that came later, shape (pairs,), and the periods they took.

    Returns
    -------
    float
        The largest of SHAPES whose joined rates foretold the later orders within REFUTED of the best in
        log-likelihood, negative binomial; 0 where even the smallest did not.

    Examples
    --------
    >>> one = np.ones(50)
    >>> believable_shape(20 * one, 20 * one, 9 * one, 6 * one, 6.0)
    2.0
    """
    counts = cars > 0
    if not counts.any():
        return 0.0
    tried = np.concatenate([[0.0], SHAPES])
    n, later = orders[counts], later_orders[counts]
    scores = np.empty(len(tried))
    for place, one in enumerate(tried):
        size = one + n + HALF_ORDER
        odds = later_time / (time[counts] + one / cars[counts])
        score = gammaln(size + later) - gammaln(size) - (size + later) * np.log1p(odds) + later * np.log(odds)
        scores[place] = float(score.sum())
    return float(tried[np.flatnonzero(scores >= scores.max() - REFUTED)[-1]])


def joined_rate(own_orders: Array, own_time: Array, causal_mean: Array, shape: Array | float) -> Array:
    """What a series says and what its cars say, each by the weight of its evidence.

    Parameters
    ----------
    own_orders, own_time
        The orders that the series rests on, and the periods it took them, shape (series,).
    causal_mean
        Orders per period from cars, shape (series,); 0 where there are none, which then says nothing.
    shape
        The orders that the causal mean is worth.

    Returns
    -------
    Array
        *(own_orders + shape) / (own_time + shape / causal_mean)*, orders per period, shape (series,).

    Notes
    -----
    The mean of the posterior when a gamma prior of that shape around the causal mean meets Poisson orders.

    Examples
    --------
    >>> own_orders, own_time, cars = np.array([4.0, 0.0, 4.0]), np.array([2.0, 4.0, 2.0]), np.array([1.0, 1.0, 0.0])
    >>> joined_rate(own_orders, own_time, cars, 4.0).round(3).tolist()
    [1.333, 0.5, 2.0]
    """
    has_cars = causal_mean > 0
    time = own_time + np.where(has_cars, shape / np.where(has_cars, causal_mean, 1.0), 0.0)
    return (own_orders + np.where(has_cars, shape, 0.0)) / np.where(time > 0, time, 1.0)


def causal_reason(services_per_year: float, share: float, weight: float) -> str:
    """What a planner reads of a causal forecast.

    Examples
    --------
    >>> causal_reason(240.0, 0.31, 0.4)
    'The cars around need some 240 pieces a year, of which 31 % are asked for here. This counts 40 %, demand the rest.'
    """
    return (
        f"The cars around need some {round(services_per_year):,} pieces a year, of which {100 * share:.0f} % are "
        f"asked for here. This counts {100 * weight:.0f} %, demand the rest."
    )


# --------------------------------------------------------------------------- tables


def service_demand(
    maintenance_plan: pd.DataFrame,
    vehicle_parc: pd.DataFrame,
    sites: pd.DataFrame,
    *,
    today: date,
    from_months: float,
    until_months: float,
) -> pd.DataFrame:
    """Pieces that the services of a span of time need, by site and part.

    Parameters
    ----------
    maintenance_plan, vehicle_parc, sites
        MAINTENANCE_PLAN, VEHICLE_PARC and SITES.
    today
        The day that is planned.
    from_months, until_months
        The span, months from today.

    Returns
    -------
    DataFrame
        ``site_id``, ``part_id`` and ``pieces``: a row for each dealer and part with cars, and one for its DC with the
        sum over its dealers; sorted.
    """
    needs = vehicle_parc.merge(maintenance_plan, on="model_id", validate="m:m")
    needs = needs.sort_values(["site_id", "part_id", "model_id", "registered_month"], kind="stable")
    registered = needs["registered_month"].to_numpy().astype("datetime64[D]").astype(np.int64)
    age = (np.datetime64(today, "D").astype(np.int64) - registered) * 12 / 365.25 - 0.5  # mid month
    pieces = theoretical_demand(
        needs["vehicles"].to_numpy(dtype=np.float64),
        age,
        service_interval(
            needs["every_months"].to_numpy(), needs["every_km"].to_numpy(), needs["km_per_month"].to_numpy()
        ),
        needs["quantity"].to_numpy(dtype=np.float64),
        from_months,
        until_months,
    )
    at_dealer = needs[SITE_PART].assign(pieces=pieces).groupby(SITE_PART, as_index=False)["pieces"].sum()
    dc = sites.set_index("site_id")["supplied_by"]
    at_dc = at_dealer.assign(site_id=at_dealer["site_id"].map(dc))
    at_dc = at_dc[at_dc["site_id"].ne("")].groupby(SITE_PART, as_index=False)["pieces"].sum()
    both = pd.concat([at_dealer, at_dc], ignore_index=True)
    return both.groupby(SITE_PART, as_index=False)["pieces"].sum()


def join_causal(
    forecasts: pd.DataFrame,
    demand_series: pd.DataFrame,
    series: pd.DataFrame,
    sites: pd.DataFrame,
    parts: pd.DataFrame,
    maintenance_plan: pd.DataFrame,
    vehicle_parc: pd.DataFrame,
    *,
    today: date,
) -> pd.DataFrame:
    """Join what cars need to what series show.

    Parameters
    ----------
    forecasts, demand_series, series
        FORECASTS, DEMAND_SERIES and SERIES.
    sites, parts, maintenance_plan, vehicle_parc
        SITES, PARTS, MAINTENANCE_PLAN and VEHICLE_PARC.
    today
        The day that is planned.

    Returns
    -------
    DataFrame
        Forecasts sorted by site and part. A series of a part in the plan, at a site with cars, has the mean
        of both and the method ``causal``; those with a trend or season, and all others, stay as they are.

    Notes
    -----
    Shares and their weights are learnt apart for DCs and for dealers, on LEARNING_MONTHS at most; the cars
    count with their services of the next AHEAD_MONTHS.
    """
    forecasts = forecasts.sort_values(SITE_PART, ignore_index=True)
    if not len(maintenance_plan) or not len(vehicle_parc) or not len(forecasts):
        return forecasts
    days = forecasts["period_days"].to_numpy()
    months = days * 12 / 365.25
    longest = float(series["n_periods"].max() * months[0])
    past_months = min(LEARNING_MONTHS, longest)
    checked = min(CHECKED_MONTHS, past_months / 3.0)
    rows = _needs_and_orders(
        partial(service_demand, maintenance_plan, vehicle_parc, sites, today=today),
        demand_series,
        pd.Timestamp(today),
        past_months,
        checked,
    )
    row_of = pd.MultiIndex.from_frame(forecasts[SITE_PART]).get_indexer(pd.MultiIndex.from_frame(rows[SITE_PART]))
    is_dc = rows["site_id"].isin(sites.loc[sites["site_kind"].eq("dc"), "site_id"]).to_numpy()
    mean = forecasts["mean_per_period"].to_numpy(dtype=np.float64, copy=True)
    why = forecasts["why"].to_numpy(dtype=object, copy=True)
    method = forecasts["method"].to_numpy(dtype=object, copy=True)
    group = pd.factorize(parts["part_group"], sort=True)[0] if "part_group" in parts else np.zeros(len(parts), int)
    for kind in (is_dc, ~is_dc):
        chosen = rows[kind]
        if not len(chosen):
            continue
        part = pd.Index(parts["part_id"]).get_indexer(pd.Index(chosen["part_id"]))
        site = pd.factorize(chosen["site_id"], sort=True)[0]
        size = _order_size(chosen, part, len(parts))
        before, later, earlier, recent, ahead = (
            chosen[name].to_numpy(dtype=np.float64) for name in ("before", "later", "earlier", "recent", "ahead")
        )
        known = capture(before, earlier / size, site, part, group)
        cars_then = known.share * recent / size / checked * months[0]
        time_then = np.full(len(chosen), (past_months - checked) / months[0])
        found = capture(before + later, (earlier + recent) / size, site, part, group)
        shape = min(believable_shape(before, time_then, cars_then, later, checked / months[0]), found.shape)
        cars = found.share * ahead / AHEAD_MONTHS * months[0] / size
        at = row_of[kind]
        has = (at >= 0) & (cars > 0) & (shape > 0)
        has[has] = method[at[has]] != "ets"
        at, cars, size = at[has], cars[has], size[has]
        own_orders = (before + later)[has]
        own = mean[at] / size
        is_known = (own > 0) & (own_orders > 0)
        own_time = np.where(is_known, own_orders / np.where(own > 0, own, 1.0), past_months / months[0])
        mean[at] = size * joined_rate(own_orders, own_time, cars, shape)
        method[at] = "causal"
        prior_time = shape / cars
        weight = prior_time / (prior_time + own_time)
        yearly = ahead[has] * 12 / AHEAD_MONTHS
        why[at] = [causal_reason(*one) for one in zip(yearly, found.share[has], weight, strict=True)]
    sd = np.maximum(forecasts["sd_per_period"].to_numpy(), np.sqrt(mean))
    return forecasts.assign(mean_per_period=mean, sd_per_period=sd, method=method, why=why)


def _needs_and_orders(
    span: Callable[..., pd.DataFrame], demand_series: pd.DataFrame, now: pd.Timestamp, past: float, checked: float
) -> pd.DataFrame:
    """Pieces that services needed earlier, recently and ahead, and orders seen before and later, by site and part."""
    windows = {"earlier": (-past, -checked), "recent": (-checked, 0.0), "ahead": (0.0, AHEAD_MONTHS)}
    spans = [
        span(from_months=start, until_months=end).rename(columns={"pieces": name})
        for name, (start, end) in windows.items()
    ]
    rows = spans[0].merge(spans[1], on=SITE_PART, validate="1:1").merge(spans[2], on=SITE_PART, validate="1:1")
    months_ago = (now - demand_series["period"]).dt.days * 12 / 365.25
    seen = demand_series.loc[demand_series["demand"] > 0, SITE_PART].assign(
        asked=demand_series["demand"],
        before=((months_ago > checked + SLACK_MONTHS) & (months_ago <= past + SLACK_MONTHS)).astype(np.float64),
        later=(months_ago <= checked + SLACK_MONTHS).astype(np.float64),
    )
    seen["asked"] *= seen["before"] + seen["later"]
    rows = rows.merge(seen.groupby(SITE_PART, as_index=False).sum(), on=SITE_PART, how="left", validate="1:1")
    rows = rows.fillna({"asked": 0.0, "before": 0.0, "later": 0.0})
    return rows[rows["earlier"] + rows["recent"] > 0].reset_index(drop=True)


def _order_size(rows: pd.DataFrame, part: Array, n_parts: int) -> Array:
    """Pieces per order of each row's part, over all sites; 1 where it never sold."""
    orders = np.bincount(part, weights=rows["before"] + rows["later"], minlength=n_parts)
    asked = np.bincount(part, weights=rows["asked"], minlength=n_parts)
    return np.where(orders > 0, asked / np.where(orders > 0, orders, 1.0), 1.0)[part]
