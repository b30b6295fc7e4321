"""What a series borrows: a maintenance part from the cars, an ended one from its life, a dealer from its network."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from partsopt.forecast.causal import AHEAD_MONTHS, Joined, join_causal, service_demand
from partsopt.forecast.dealers import pool_dealers, with_texts
from partsopt.forecast.lifecycle import ended_rate
from partsopt.forecast.select import forecast_before
from partsopt.forecast.unlisted import NOBODY, Unlisted
from partsopt.settings import ForecastParams
from partsopt.tables import EXCEPTIONS, FORECAST_STEPS, FORECASTS, SITE_PART, conform, empty

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


class Around(NamedTuple):
    """What is known beside the series: SITES, MAINTENANCE_PLAN and VEHICLE_PARC."""

    sites: pd.DataFrame
    maintenance_plan: pd.DataFrame
    vehicle_parc: pd.DataFrame


class Borrowed(NamedTuple):
    """FORECASTS, FORECAST_STEPS, EXCEPTIONS, and what dealers without a series may sell."""

    forecasts: pd.DataFrame
    forecast_steps: pd.DataFrame
    exceptions: pd.DataFrame
    unlisted: Unlisted = NOBODY


def borrow(
    forecasts: pd.DataFrame,
    forecast_steps: pd.DataFrame,
    demand_series: pd.DataFrame,
    series: pd.DataFrame,
    parts: pd.DataFrame,
    around: Around,
    *,
    today: date,
    period: str,
    params: ForecastParams,
) -> Borrowed:
    """Put what others know to what each series says.

    Parameters
    ----------
    forecasts, forecast_steps
        What each series says by itself (FORECASTS, FORECAST_STEPS).
    demand_series, series, parts
        DEMAND_SERIES, SERIES and PARTS.
    around
        Sites, and the cars around them.
    today, period
        The day that is planned, and ``month`` or ``week``.
    params
        Which of these are wanted: ``pool_dealers``, ``causal``, ``lifecycle``.

    Returns
    -------
    Borrowed
        The same rows, sorted by site and part. First parts that cars need, then ended ones, at every site; last
        dealers take their share of what their DC has got by that.
    """
    forecasts = forecasts.sort_values(SITE_PART, ignore_index=True)
    exceptions = empty(EXCEPTIONS)
    if not len(forecasts):
        return Borrowed(forecasts, forecast_steps, exceptions)
    series = series.sort_values(SITE_PART, ignore_index=True)
    sites, plan, parc = around
    services, unlisted = None, NOBODY
    if params.causal and len(plan) and len(parc):
        services = partial(service_demand, plan, parc, sites)
        forecasts, exceptions = _with_cars(
            forecasts, demand_series, series, parts, sites, services, today=today, period=period, params=params
        )
    if params.lifecycle:
        forecasts, forecast_steps = with_ended_parts(forecasts, forecast_steps, series, parts, today=today)
    if params.pool_dealers:
        needed = None
        if services is not None:
            needed = services(today=today, from_months=0.0, until_months=AHEAD_MONTHS)
        forecasts, forecast_steps, unlisted = pool_dealers(
            forecasts, forecast_steps, demand_series, series, sites, parts, period=period, services=needed
        )
    return Borrowed(conform(forecasts, FORECASTS), conform(forecast_steps, FORECAST_STEPS), exceptions, unlisted)


def _with_cars(
    forecasts: pd.DataFrame,
    demand_series: pd.DataFrame,
    series: pd.DataFrame,
    parts: pd.DataFrame,
    sites: pd.DataFrame,
    services: Callable[..., pd.DataFrame],
    *,
    today: date,
    period: str,
    params: ForecastParams,
) -> Joined:
    """Join what cars need at DCs, and at dealers where these do not take a share of their DC's forecast anyway."""
    told = [empty(EXCEPTIONS)]
    for kind in ("dc",) if params.pool_dealers else ("dc", "dealer"):
        own = sites.loc[sites["site_kind"].eq(kind), "site_id"]
        is_own = forecasts["site_id"].isin(own).to_numpy()
        if not is_own.any():
            continue
        mine = forecasts[is_own].reset_index(drop=True)
        history, known = (table[table["site_id"].isin(own)].reset_index(drop=True) for table in (demand_series, series))

        def before(periods_ago: int, history: pd.DataFrame = history, known: pd.DataFrame = known) -> pd.DataFrame:
            return forecast_before(
                history, known, parts, today=today, period=period, params=params, periods_ago=periods_ago
            )

        found = join_causal(mine, history, known, parts, services, before, today=today, period=period)
        told.append(found.exceptions)
        at = np.flatnonzero(is_own)
        changed = {
            name: with_texts(forecasts[name], at, found.forecasts[name].tolist(), np.arange(len(at)))
            for name in ("method", "why")
        }
        for name in ("mean_per_period", "sd_per_period"):
            values = forecasts[name].to_numpy(copy=True)
            values[at] = found.forecasts[name].to_numpy()
            changed[name] = pd.Series(values)
        forecasts = forecasts.assign(**changed)
    return Joined(forecasts, conform(pd.concat(told), EXCEPTIONS))


class Faded(NamedTuple):
    """FORECASTS and FORECAST_STEPS with ended parts faded."""

    forecasts: pd.DataFrame
    forecast_steps: pd.DataFrame


def with_ended_parts(
    forecasts: pd.DataFrame, forecast_steps: pd.DataFrame, series: pd.DataFrame, parts: pd.DataFrame, *, today: date
) -> Faded:
    """Ended parts at a rate that halves with every quarter without demand, and 0 after a year.

    Parameters
    ----------
    forecasts, forecast_steps, series, parts
        FORECASTS and SERIES, both sorted by site and part, FORECAST_STEPS and PARTS.
    today
        The day that is planned.

    Returns
    -------
    Faded
        The same rows; what a trend or season says is scaled alike.
    """
    if "lifecycle" not in parts or "last_demand_on" not in series:
        return Faded(forecasts, forecast_steps)
    ended = parts.loc[parts["lifecycle"].eq("ended"), "part_id"]
    is_ended = forecasts["part_id"].isin(ended).to_numpy()
    if not is_ended.any():
        return Faded(forecasts, forecast_steps)
    silent = (pd.Timestamp(today) - series["last_demand_on"]).dt.days.to_numpy(dtype=np.float64, copy=True)
    share = np.where(is_ended, ended_rate(np.ones(len(silent)), np.nan_to_num(silent, nan=np.inf)), 1.0)
    at = np.flatnonzero(is_ended)
    texts = [
        f"{text} Its life has ended: {100 * left:.0f} % of that is left after {days:.0f} days without demand."
        if np.isfinite(days)
        else f"{text} Its life has ended."
        for text, left, days in zip(forecasts["why"].iloc[at], share[at], silent[at], strict=True)
    ]
    why = with_texts(forecasts["why"], at, texts, np.arange(len(at)))
    row = pd.MultiIndex.from_frame(forecasts[SITE_PART]).get_indexer(
        pd.MultiIndex.from_frame(forecast_steps[SITE_PART])
    )
    mean = forecasts["mean_per_period"].to_numpy() * share
    sd = np.where(mean > 0, forecasts["sd_per_period"].to_numpy(), 0.0)
    return Faded(
        forecasts.assign(mean_per_period=mean, sd_per_period=sd, why=why),
        forecast_steps.assign(mean=forecast_steps["mean"].to_numpy() * share[row]),
    )
