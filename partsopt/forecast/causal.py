"""Demand of maintenance parts from the cars that need them: services that fall due, and how many come to us.

A car needs a part after so many months or km, whichever comes first. The services of all cars around a dealer are
what its demand could be; the share of it that comes is learnt from the past: for all parts, then by group, part
and dealer, each level shrunk to the one above by as much as its members really differ.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from scipy.special import gammainc, gammaln

from partsopt.calendars import period_days, period_number, period_start
from partsopt.forecast.accuracy import pinball_loss
from partsopt.forecast.distribution import quantile
from partsopt.tables import EXCEPTIONS, SITE_PART, declare_exception, empty, exceptions_of

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

CARS_UNUSED = declare_exception(
    "cars_unused",
    stage="forecast",
    says="maintenance_plan and vehicle_parc were given, but did not foretell past demand better than demand itself",
    action="nothing is wrong with the forecast; see that intervals, parts and registrations of the cars are right",
)

SERVICE_CV = 0.25
"""How unevenly drivers keep an interval: standard deviation over mean of the time between two services."""
SHAPES = 2.0 ** np.arange(-5.0, 13.0)
"""Shapes of the gamma distribution tried, from very unlike to alike."""
LEARNING_MONTHS = 24.0
"""The share of services that comes is learnt on so many months, or the history where that is shorter."""
AHEAD_MONTHS = 3.0
"""The services counted are those of so many months ahead."""
ORIGINS = 4
"""What cars say is tried on so many totals of AHEAD_MONTHS, one after the other up to today ..."""
FEWEST_MONTHS = 9.0
"""... each foretold from so many months of history at least."""
TRIED = 2.0 ** np.arange(-3.0, 13.0, 2.0)
"""Orders that cars may be worth, to choose from."""
LEVELS = np.array([0.8, 0.9, 0.95, 0.99])
"""Levels of the total whose pinball loss must fall."""
SIGMAS = 2.0
"""By how many standard errors the mean gain of a pair must lie above nothing."""

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


class OwnForecast(NamedTuple):
    """What series say by themselves: mean per period, variance to mean, and the orders and periods it rests on."""

    mean: Array
    variance_to_mean: Array
    orders: Array
    time: Array


def believed_orders(gains: Array) -> int:
    """Which of TRIED lowered the loss most, -1 if none did beyond chance.

    Parameters
    ----------
    gains
        By how much the loss of each pair fell with each of TRIED, shape (tried, pairs).

    Examples
    --------
    >>> believed_orders(np.array([[0.1, 0.2, 0.1], [1.1, 0.9, 1.0], [4.0, -3.0, -2.0]]))
    1
    >>> believed_orders(np.zeros((2, 3)))
    -1
    """
    n = gains.shape[1]
    if n < 2:
        return -1
    mean = gains.mean(axis=1)
    clear = mean > np.maximum(SIGMAS * gains.std(axis=1, ddof=1) / np.sqrt(n), 0.0)
    return int(np.where(clear, mean, -np.inf).argmax()) if clear.any() else -1


def gains_of_cars(own: OwnForecast, cars: Array, size: Array, total: Array, horizon: float) -> Array:
    """By how much joining cars to what the series said lowered the loss of a total, in orders, shape (TRIED, pairs).

    Parameters
    ----------
    own
        What the series said.
    cars
        Orders per period from cars, shape (pairs,).
    size
        Pieces per order, shape (pairs,).
    total
        Pieces that came in the ``horizon`` periods after, shape (pairs,).

    Examples
    --------
    >>> own = OwnForecast(np.array([1.0]), np.array([1.0]), np.array([6.0]), np.array([6.0]))
    >>> gains_of_cars(own, np.array([4.0]), np.array([1.0]), np.array([12.0]), 3.0)[-1].round(1).tolist()
    [5.2]
    """

    def loss(mean: Array) -> Array:
        found = quantile(horizon * mean[:, None], own.variance_to_mean[:, None], LEVELS)
        return pinball_loss(found, total[:, None], LEVELS).mean(axis=1) / size

    without = loss(own.mean)
    joined = (size * joined_rate(own.orders, own.time, cars, one) for one in TRIED)
    return np.stack([without - loss(mean) for mean in joined])


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


class Joined(NamedTuple):
    """FORECASTS, and EXCEPTIONS where cars were given and not used."""

    forecasts: pd.DataFrame
    exceptions: pd.DataFrame


def join_causal(
    forecasts: pd.DataFrame,
    demand_series: pd.DataFrame,
    series: pd.DataFrame,
    parts: pd.DataFrame,
    needed: Callable[..., pd.DataFrame],
    before: Callable[[int], pd.DataFrame],
    *,
    today: date,
    period: str,
) -> Joined:
    """Join what cars need to what series show, as far as that has foretold demand better.

    Parameters
    ----------
    forecasts, demand_series, series
        FORECASTS, DEMAND_SERIES and SERIES of sites of one kind.
    parts
        PARTS.
    needed
        Pieces that services need by site and part, for a day and a span of months: :func:`service_demand`.
    before
        FORECASTS as they were so many periods ago.
    today, period
        The day that is planned, and ``month`` or ``week``.

    Returns
    -------
    Joined
        Forecasts sorted by site and part. A series of a part in the plan, at a site with cars, has the mean of both
        and the method ``causal`` where cars have lowered the loss; those with a trend or season, and all others, stay
        as they are.

    Notes
    -----
    At up to ORIGINS past origins the shares of services that come are learnt from what was known then, joined to the
    forecast of that night, and compared with it on the total of the next AHEAD_MONTHS. Orders per period from cars
    count with their services of the next AHEAD_MONTHS.
    """
    forecasts = forecasts.sort_values(SITE_PART, ignore_index=True)
    ahead = round(AHEAD_MONTHS * 365.25 / 12 / period_days(period))
    per_month = ahead / AHEAD_MONTHS
    last = int(period_number(np.array([np.datetime64(today, "D").astype(np.int64)]), period)[0]) - 1
    past = min(round(LEARNING_MONTHS * per_month), int(series["n_periods"].max()))
    known = _Known(demand_series, series, parts, needed, last, past, ahead, period)
    origins = [ago for ago in range(ahead * ORIGINS, 0, -ahead) if past - ago >= FEWEST_MONTHS * per_month]
    gains = [_gains(known, ago, before(ago)) for ago in origins]
    if not gains:
        return Joined(forecasts, _unused("the history is too short to try what cars say on past totals"))
    gained = pd.concat(gains).groupby(SITE_PART).sum()
    best = believed_orders(gained.to_numpy().T)
    if best < 0:
        what = f"tried on {len(gained):,} site-parts at {len(origins)} origins: no better than demand alone"
        return Joined(forecasts, _unused(what))
    return Joined(_with_cars(forecasts, known, float(TRIED[best])), empty(EXCEPTIONS))


def _unused(what: str) -> pd.DataFrame:
    return exceptions_of(CARS_UNUSED, pd.DataFrame(index=[0]), what=[what])


class _Known(NamedTuple):
    """What a night knows of cars and orders; ``last`` is the number of the last complete period."""

    demand_series: pd.DataFrame
    series: pd.DataFrame
    parts: pd.DataFrame
    needed: Callable[..., pd.DataFrame]
    last: int
    past: int
    ahead: int
    period: str


class _Cars(NamedTuple):
    """Pairs of site and part with cars: orders per period from cars and their share of all, size, own orders, total.

    ``rows`` are in order of site and part; ``ahead`` are the pieces that services need in the ``total``'s periods.
    """

    rows: pd.DataFrame
    rate: Array
    share: Array
    size: Array
    orders: Array
    total: Array
    ahead: Array


def _cars_at(known: _Known, ago: int) -> _Cars:
    """What cars said so many periods ago, and the pieces that came after."""
    months = period_days(known.period) * 12 / 365.25
    day = period_start(np.array([known.last + 1 - ago]), known.period)[0].astype(object)
    behind = (known.past - ago) * months
    spans = [
        known.needed(today=day, from_months=start, until_months=end).rename(columns={"pieces": name})
        for name, start, end in (("behind", -behind, 0.0), ("ahead", 0.0, AHEAD_MONTHS))
    ]
    rows = spans[0].merge(spans[1], on=SITE_PART, validate="1:1")
    days = known.demand_series["period"].to_numpy().astype("datetime64[D]").astype(np.int64)
    age = known.last - period_number(days, known.period)
    demand = known.demand_series["demand"].to_numpy(dtype=np.float64)
    was = (age >= ago) & (age < known.past) & (demand > 0)
    seen = known.demand_series[SITE_PART].assign(
        orders=was.astype(np.float64), asked=demand * was, total=demand * ((age < ago) & (age >= ago - known.ahead))
    )
    rows = rows.merge(seen.groupby(SITE_PART, as_index=False).sum(), on=SITE_PART, how="left", validate="1:1")
    rows = rows.fillna({"orders": 0.0, "asked": 0.0, "total": 0.0})
    rows = rows[rows["behind"] + rows["ahead"] > 0].sort_values(SITE_PART, ignore_index=True)
    part = pd.Index(known.parts["part_id"]).get_indexer(pd.Index(rows["part_id"]))
    rows, part = rows[part >= 0].reset_index(drop=True), part[part >= 0]
    named = "part_group" in known.parts
    group = pd.factorize(known.parts["part_group"], sort=True)[0] if named else np.zeros(len(known.parts), int)
    behind_pieces, ahead, orders, asked, total = (
        rows[name].to_numpy(dtype=np.float64) for name in ("behind", "ahead", "orders", "asked", "total")
    )
    size = _order_size(orders, asked, part, len(known.parts))
    site = pd.factorize(rows["site_id"], sort=True)[0]
    found = capture(orders, behind_pieces / size, site, part, group)
    rate = found.share * ahead / known.ahead / size
    return _Cars(rows[SITE_PART], rate, found.share, size, orders, total, ahead)


def _gains(known: _Known, ago: int, then: pd.DataFrame) -> pd.DataFrame:
    """By how much each of TRIED lowered the loss of each pair's total after an origin, a row a pair."""
    cars = _cars_at(known, ago)
    at = pd.MultiIndex.from_frame(then[SITE_PART]).get_indexer(pd.MultiIndex.from_frame(cars.rows))
    has = np.flatnonzero((at >= 0) & (cars.rate > 0))
    at = at[has]
    mean = then["mean_per_period"].to_numpy(dtype=np.float64)[at]
    ratio = then["variance_to_mean"].to_numpy(dtype=np.float64)[at]
    own = _own(mean, ratio, cars.orders[has], cars.size[has], known.past - ago)
    gains = gains_of_cars(own, cars.rate[has], cars.size[has], cars.total[has], float(known.ahead))
    return cars.rows.iloc[has].reset_index(drop=True).join(pd.DataFrame(gains.T))


def _own(mean: Array, ratio: Array, orders: Array, size: Array, periods: int) -> OwnForecast:
    """What a series says, and the periods it took its orders to say so."""
    rate = mean / size
    is_known = (rate > 0) & (orders > 0)
    return OwnForecast(mean, ratio, orders, np.where(is_known, orders / np.where(rate > 0, rate, 1.0), float(periods)))


def _with_cars(forecasts: pd.DataFrame, known: _Known, worth: float) -> pd.DataFrame:
    """Forecasts joined with what cars will need, which is worth so many orders."""
    cars = _cars_at(known, 0)
    at = pd.MultiIndex.from_frame(forecasts[SITE_PART]).get_indexer(pd.MultiIndex.from_frame(cars.rows))
    mean = forecasts["mean_per_period"].to_numpy(dtype=np.float64, copy=True)
    why = forecasts["why"].to_numpy(dtype=object, copy=True)
    method = forecasts["method"].to_numpy(dtype=object, copy=True)
    has = (at >= 0) & (cars.rate > 0)
    has[has] = method[at[has]] != "ets"
    at, rate, size = at[has], cars.rate[has], cars.size[has]
    own = _own(mean[at], np.ones(len(at)), cars.orders[has], size, known.past)
    mean[at] = size * joined_rate(own.orders, own.time, rate, worth)
    method[at] = "causal"
    weight = worth / rate / (worth / rate + own.time)
    yearly = cars.ahead[has] * 12 / AHEAD_MONTHS
    why[at] = [causal_reason(*one) for one in zip(yearly, cars.share[has], weight, strict=True)]
    sd = np.maximum(forecasts["sd_per_period"].to_numpy(), np.sqrt(mean))
    return forecasts.assign(mean_per_period=mean, sd_per_period=sd, method=method, why=why)


def _order_size(orders: Array, asked: Array, part: Array, n_parts: int) -> Array:
    """Pieces per order of each pair's part, over all sites; 1 where it never sold."""
    in_all = np.bincount(part, weights=orders, minlength=n_parts)
    pieces = np.bincount(part, weights=asked, minlength=n_parts)
    return np.where(in_all > 0, pieces / np.where(in_all > 0, in_all, 1.0), 1.0)[part]
