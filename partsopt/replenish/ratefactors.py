"""What a forecast's rate turns out to be multiplied by: learnt by class from what came after an earlier day.

A forecast is right on average and wrong part by part: many parts of class C are not asked for again, and one in
fifty sells ten times as much. Both are seen by forecasting again from an earlier day and comparing with what came
since. The shares of the factors by class and kind of site make demand a mixture: levels and promises know of it.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import gammaln

from partsopt.calendars import DAYS_PER_YEAR, period_number, period_start
from partsopt.replenish.levels import DemandOver
from partsopt.tables import ABC_CLASSES, RATE_FACTORS, SITE_PART, conform, empty

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

KINDS = ("dealer", "dc")  # by is_dc
FACTORS = (0.0, 0.5, 1.0, 2.0, 4.0, 10.0)  # those below the largest, a setting, and the largest
QUARTER = {"month": 3, "week": 13}  # periods of a total
HALF_YEAR = {"month": 6, "week": 26}  # periods of history that a forecast from an earlier day has at least
MOST_QUARTERS = 3  # earlier days, a quarter apart
MOST_SERIES = 10_000  # forecast again; parts are taken by a hash, each with all its sites
LEAST_TOTALS = 200  # of a kind of site; fewer teach nothing
BORROWED = 200.0  # totals of all classes of the kind that stand beside those of a class with no share of the demand
LEAST_SEEN = 3.0  # totals that a factor above 1 must stand for
FAR = 10.0  # a factor above it brings much demand on a small share, so that it asks for more evidence:
LEAST_SEEN_FAR = 10.0  # totals (decision 0075)
NEGLIGIBLE = 1e-4  # a smaller share is none
ROUNDS = 300  # of the estimation of shares, which converges without end
ALMOST_POISSON = 1e-9


class Hindsight(NamedTuple):
    """An earlier day, and what was known on it of some of the series."""

    origin: date
    demand_series: pd.DataFrame
    series: pd.DataFrame


def hindsights_of(demand_series: pd.DataFrame, series: pd.DataFrame, today: date, period: str) -> list[Hindsight]:
    """What was known at the begin of the last three quarters that are complete, of at most 10,000 series.

    Quarters are those of one calendar, three months or thirteen weeks, so that all nights of a quarter learn from the
    same days (decision 0069). At least half a year of the longest history lies before an earlier day; fewer days where
    the history is short.
    """
    now = int(period_number(np.array([np.datetime64(today, "D").astype(np.int64)]), period)[0])
    longest = int(series["n_periods"].max()) if len(series) else 0
    begun = now % QUARTER[period]
    series = series[series["part_id"].isin(_some_parts(series))]
    demand_series = demand_series[demand_series["part_id"].isin(series["part_id"].unique())]
    found = []
    for back in (begun + QUARTER[period] * np.arange(1, MOST_QUARTERS + 1)).tolist():
        origin = pd.Timestamp(period_start(np.array([now - back]), period)[0])
        then = series[series["first_period"].lt(origin)]
        if longest - back >= HALF_YEAR[period] and len(then):
            then = then.assign(n_periods=then["n_periods"] - back)
            found.append(Hindsight(origin.date(), demand_series[demand_series["period"].lt(origin)], then))
    return found


def _some_parts(series: pd.DataFrame) -> npt.NDArray[np.str_]:
    """Parts with some 10,000 series, chosen by a hash so that they stay when others come or go."""
    parts = series["part_id"].unique()
    n_parts = max(len(parts) * MOST_SERIES // max(len(series), 1), 1)
    if n_parts >= len(parts):
        return np.asarray(parts)
    ranks = pd.Series([crc32(name.encode()) for name in parts]).sort_values(kind="stable")
    return np.asarray(parts[ranks.index[:n_parts]])


def quarter_since(
    origin: date,
    forecasts: pd.DataFrame,
    classes: pd.DataFrame,
    demand_series: pd.DataFrame,
    sites: pd.DataFrame,
    period: str,
) -> pd.DataFrame:
    """What stocked parts sold in the quarter after an earlier day, beside the forecast of that day.

    Parameters
    ----------
    origin
        The earlier day, the first of a period.
    forecasts, classes
        Of that day (FORECASTS, CLASSES).
    demand_series
        Demand by period, up to now (DEMAND_SERIES).
    sites
        Sites and their kind.
    period
        ``month`` or ``week``.

    Returns
    -------
    DataFrame
        ``site_kind``, ``abc_class``, ``total``, ``mean``, ``variance_to_mean``, all of the quarter; none of a part that
        was out of stock.
    """
    rows = forecasts.merge(classes[[*SITE_PART, "abc_class", "is_stocked"]], on=SITE_PART, validate="1:1")
    rows = rows[rows["is_stocked"] & rows["mean_per_period"].gt(0)]
    rows = rows.merge(sites[["site_id", "site_kind"]], on="site_id", validate="m:1")
    start, n = pd.Timestamp(origin), QUARTER[period]
    end = start + (pd.DateOffset(months=n) if period == "month" else pd.Timedelta(weeks=n))
    since = demand_series[demand_series["period"].ge(start) & demand_series["period"].lt(end)]
    came = since.groupby(SITE_PART, as_index=False).agg(total=("demand", "sum"), is_censored=("is_censored", "any"))
    rows = rows.merge(came, on=SITE_PART, how="left", validate="1:1")
    rows = rows[~rows["is_censored"].eq(True)]
    further = n - DAYS_PER_YEAR / 12 / rows["period_days"]
    rows = rows.assign(
        total=rows["total"].fillna(0).astype("int64"),
        mean=rows["mean_per_period"] * n,
        variance_to_mean=rows["variance_to_mean"] + rows["variance_growth"] * further,
    )
    return rows[["site_kind", "abc_class", "total", "mean", "variance_to_mean"]]


def rate_factors_of(quarters: pd.DataFrame, largest: float) -> pd.DataFrame:
    """Shares of the factors that forecasts of earlier days turned out to need, by kind of site and class.

    Parameters
    ----------
    quarters
        As :func:`quarter_since` gives them, of any number of earlier days.
    largest
        The largest factor, above 4.

    Returns
    -------
    DataFrame
        RATE_FACTORS; no rows of a kind of site with fewer than 200 totals. A class borrows 200 totals of all classes.
    """
    found = []
    grid = _grid(largest)
    for kind, of_kind in quarters.groupby("site_kind", sort=True):
        if len(of_kind) < LEAST_TOTALS:
            continue
        total, mean, ratio = (of_kind[column].to_numpy() for column in ("total", "mean", "variance_to_mean"))
        likelihood = _likelihood(total, mean, ratio, grid)
        usual = _likeliest(grid, likelihood, np.zeros(len(grid)))
        for name in sorted(of_kind["abc_class"].unique()):
            rows = of_kind["abc_class"].eq(name).to_numpy()
            others = 1.0 - float(mean[rows].sum() / mean.sum())
            factor, share = _balanced(grid, _likeliest(grid, likelihood[rows], BORROWED * others * usual))
            found.append(
                pd.DataFrame(
                    {"site_kind": kind, "abc_class": name, "factor": factor, "share": share, "n_totals": rows.sum()}
                )
            )
    return conform(pd.concat(found, ignore_index=True), RATE_FACTORS) if found else empty(RATE_FACTORS)


def factor_shares(total: Wholes, mean: Floats, variance_to_mean: Floats, largest: float) -> tuple[Floats, Floats]:
    """Factors of the rate and their shares under which past totals were most probable; the factors average 1.

    Parameters
    ----------
    total, mean, variance_to_mean
        What came, and the forecast of it: shape (n,).
    largest
        The largest factor tried.

    Notes
    -----
    The likeliest mixing distribution on a grid (Laird 1978, JASA 73, 805-811), by expectation and maximisation. A
    factor above 1 that stands for fewer than three totals is given up, so that one surprise teaches nothing; above 10
    it must stand for ten.

    Examples
    --------
    >>> came = np.array([2] * 95 + [20] * 5)
    >>> factor, share = factor_shares(came, np.full(100, 2.0), np.ones(100), 10.0)
    >>> bool(share[-1] > 0.03), round(float(factor @ share), 9)
    (True, 1.0)
    """
    grid = _grid(largest)
    return _balanced(grid, _likeliest(grid, _likelihood(total, mean, variance_to_mean, grid), np.zeros(len(grid))))


def _grid(largest: float) -> Floats:
    """The factors that are tried, rising to the largest."""
    return np.array([*(factor for factor in FACTORS if factor < largest), largest])


def _likelihood(total: Wholes, mean: Floats, variance_to_mean: Floats, grid: Floats) -> Floats:
    """Probability of each total under each factor, over the largest of its row; shape (n, factors)."""
    likelihood = np.stack([_probability(total, mean * one, variance_to_mean) for one in grid], axis=1)
    return np.asarray(np.maximum(likelihood / likelihood.max(axis=1, keepdims=True), 1e-300))


def _likeliest(grid: Floats, likelihood: Floats, borrowed: Floats) -> Floats:
    """Shares of the factors that make the totals most probable, beside ``borrowed`` totals of known factor."""
    seen = len(likelihood) + borrowed.sum()
    least = np.where(grid > FAR, LEAST_SEEN_FAR, np.where(grid > 1, LEAST_SEEN, 0.0))
    kept = (borrowed > 0) if borrowed.any() else np.full(len(grid), True)
    while True:
        share = np.where(kept, 1.0 / kept.sum(), 0.0)
        for _ in range(ROUNDS):
            belief = likelihood * share
            share = ((belief / belief.sum(axis=1, keepdims=True)).sum(axis=0) + borrowed * kept) / seen
        weak = np.flatnonzero(kept & (share * seen < least))
        if not len(weak):
            return share
        kept[weak[-1]] = False


def _balanced(grid: Floats, share: Floats) -> tuple[Floats, Floats]:
    """The factors that have a share, divided by their mean, and their shares."""
    share = np.where(share < NEGLIGIBLE, 0.0, share)
    factor, share = grid[share > 0], share[share > 0] / share.sum()
    average = float(factor @ share)
    return (factor / average, share) if average > 0 else (np.ones(1), np.ones(1))


def with_rate_factors(over: DemandOver, factors: pd.DataFrame, is_dc: Flags, abc_class: Wholes) -> DemandOver:
    """Demand whose rate is that of the forecast times a factor of the pair's kind of site and class.

    Every column of ``over`` becomes one for each factor; the mean stays the forecast's.

    Parameters
    ----------
    over
        Demand of each pair.
    factors
        RATE_FACTORS; pairs of a kind and class without rows keep their forecast.
    is_dc, abc_class
        Kind of site, and the place of the class among the classes, shape (n,).
    """
    if factors.empty:
        return over
    most = int(factors.groupby(["site_kind", "abc_class"]).size().max())
    factor = np.zeros((len(KINDS) * len(ABC_CLASSES), most))
    share = np.zeros_like(factor)
    factor[:, 0], share[:, 0] = 1.0, 1.0
    for (kind, name), rows in factors.groupby(["site_kind", "abc_class"], sort=True):
        at = KINDS.index(str(kind)) * len(ABC_CLASSES) + ABC_CLASSES.index(str(name))
        factor[at, : len(rows)], share[at, : len(rows)] = rows["factor"], rows["share"]
    group = is_dc.astype(np.int64) * len(ABC_CLASSES) + abc_class
    n, used = len(group), int(np.flatnonzero(over.weights.any(axis=0)).max(initial=0)) + 1

    def spread(values: Floats, by: Floats) -> Floats:
        return (values[:, :used, None] * by[group][:, None, :]).reshape(n, used * most)

    return DemandOver(
        spread(over.over_lead_time, factor),
        spread(over.over_protection, factor),
        spread(over.over_review, factor),
        spread(over.weights, share),
        over.variance_to_mean,
    )


def _probability(total: Wholes, mean: Floats, variance_to_mean: Floats) -> Floats:
    """P(X = total) of the negative binomial; Poisson where variance and mean are almost the same."""
    x = total.astype(np.float64)
    chance = (x == 0).astype(np.float64)
    at = np.flatnonzero(mean > 0)
    x, m, v = x[at], mean[at], np.maximum(variance_to_mean[at], 1.0 + ALMOST_POISSON)
    size = m / (v - 1.0)
    spread = v - 1.0 > 1e-6
    log = np.where(
        spread,
        gammaln(x + size) - gammaln(size) - gammaln(x + 1) - size * np.log(v) + x * np.log1p(-1.0 / v),
        x * np.log(m) - m - gammaln(x + 1),
    )
    chance[at] = np.exp(log)
    return chance
