"""Order-up-to levels: expected demand ahead, the level that reaches the target, the service it promises."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.replenish.chain import Delay, Demand, chain_stairs, matched
from partsopt.replenish.pairs import MARKETS, Pairs, rows_of
from partsopt.replenish.service import (
    LEAD_TIME_WEIGHTS,
    LeadTimes,
    batch_fill_rate,
    expected_shortfall,
    lead_time_mixture,
    level_for_cycle_service_level,
    level_for_fill_rate,
)

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

NO_CAP = 2**40  # pieces


class DemandAhead(NamedTuple):
    """Expected demand from today on: a rate for each pair, and steps for the pairs that are not flat.

    ``boundaries`` are the days from today at which the steps begin, the first at or before today;
    ``cumulative`` is the demand from the first boundary to each, one row for each pair in ``rows``. The others follow
    the market: ``market`` is the row of each pair in ``market_days``, days of its rate from the first of
    ``market_boundaries`` to each; the last day stands for all beyond.
    """

    per_day: Floats
    rows: Wholes
    boundaries: Floats
    cumulative: Floats
    market: Wholes
    market_boundaries: Floats
    market_days: Floats


class DemandOver(NamedTuple):
    """Expected demand of each pair after its review, one column for each possible lead time and rate, shape (n, k).

    A certain lead time has the first columns alone. ``over_protection`` is ``over_lead_time`` plus ``over_review``;
    ``weights`` are the chances of the columns.
    """

    over_lead_time: Floats
    over_protection: Floats
    over_review: Floats
    weights: Floats
    variance_to_mean: Floats


class Levels(NamedTuple):
    """For each pair: level, promise, and the demand they were computed from; arrays of shape (n,).

    ``room_cut`` are the pieces by which the level is lower because its site is full.
    """

    order_up_to_level: Wholes
    mean_over_lead_time: Floats
    mean_over_protection: Floats
    sd_over_protection: Floats
    promised_fill_rate: Floats
    promised_cycle_service_level: Floats
    dc_delay_days: Floats
    room_cut: Wholes


def demand_ahead(
    pairs: Pairs, forecast_steps: pd.DataFrame, market_steps: pd.DataFrame, today: date, period: str
) -> DemandAhead:
    """Lay out expected demand over the days from today on.

    Step 1 is the period that has begun; a step that a part lacks, and every period beyond the last,
    has the flat rate. Parts without steps of their own move with their market.
    """
    rate = pairs.rows["mean_per_day"].to_numpy()
    place = rows_of(pairs, forecast_steps["site_id"], forecast_steps["part_id"])
    steps = forecast_steps.assign(row=place)[place >= 0]
    n_steps = int(steps["step"].max()) if len(steps) else 0
    boundaries = period_boundaries(today, period, n_steps)
    rows, number = np.unique(steps["row"].to_numpy(), return_inverse=True)
    per_step = rate[rows][:, None] * np.diff(boundaries)[None, :]
    per_step[number, steps["step"].to_numpy() - 1] = steps["mean"].to_numpy()
    cumulative = np.concatenate([np.zeros((len(rows), 1)), np.cumsum(per_step, axis=1)], axis=1)
    market_boundaries, days = _market_days(market_steps, today, period)
    return DemandAhead(rate, rows, boundaries, cumulative, pairs.rows["market"].to_numpy(), market_boundaries, days)


def _market_days(market_steps: pd.DataFrame, today: date, period: str) -> tuple[Floats, Floats]:
    """Boundaries, and days of the flat rate from the first of them to each by market; in no market all are alike.

    After the last boundary comes a day, which stands for all that follow: the mean of all steps.
    """
    boundaries = period_boundaries(today, period, int(market_steps["step"].max()) if len(market_steps) else 1)
    width = np.diff(boundaries)
    factor = np.ones((len(MARKETS), len(width)))
    row = np.searchsorted(MARKETS, market_steps["site_kind"].to_numpy(dtype=str))
    factor[row, market_steps["step"].to_numpy() - 1] = market_steps["factor"].to_numpy()
    days = np.column_stack([factor * width, factor @ width / width.sum()])
    return np.append(boundaries, boundaries[-1] + 1.0), np.cumsum(np.column_stack([np.zeros(len(days)), days]), axis=1)


def period_boundaries(today: date, period: str, n_steps: int) -> Floats:
    """Days from today at which the period that has begun and the next ``n_steps`` begin.

    Examples
    --------
    >>> period_boundaries(date(2026, 11, 21), "month", 2).tolist()
    [-20.0, 10.0, 41.0]
    """
    now = pd.Timestamp(today)
    if period == "month":
        starts = pd.date_range(now.replace(day=1), periods=n_steps + 1, freq="MS")
    else:
        starts = pd.date_range(now - pd.Timedelta(days=now.weekday()), periods=n_steps + 1, freq="7D")
    return ((starts - now) / pd.Timedelta(days=1)).to_numpy(dtype=np.float64)


def mean_between(ahead: DemandAhead, start_days: Floats, end_days: Floats) -> Floats:
    """Expected demand of each pair between two days from today, shape as ``end_days``: (n,) or (n, k)."""
    start = start_days if end_days.ndim == 1 else start_days[:, None]
    per_day = ahead.per_day if end_days.ndim == 1 else ahead.per_day[:, None]
    mean = per_day * (_market_until(ahead, end_days) - _market_until(ahead, start))
    rows = ahead.rows
    if len(rows):
        first = np.broadcast_to(start, end_days.shape)
        mean[rows] = _demand_until(ahead, end_days[rows]) - _demand_until(ahead, first[rows])
    return np.maximum(mean, 0.0)


def _market_until(ahead: DemandAhead, days: Floats) -> Floats:
    """Days of each pair's rate from the first boundary to a day."""
    last = ahead.market_boundaries[-1]
    found = np.array(days, dtype=np.float64)
    for one in np.unique(ahead.market[ahead.market > 0]):
        own, reached = ahead.market == one, ahead.market_days[one]
        until = np.interp(days[own], ahead.market_boundaries, reached)
        found[own] = until + np.maximum(days[own] - last, 0.0) * (reached[-1] - reached[-2])
    return found


def _demand_until(ahead: DemandAhead, days: Floats) -> Floats:
    """Demand of the stepped pairs from the first boundary to a day, straight within a step."""
    edges, last = ahead.boundaries, len(ahead.boundaries) - 1
    row = np.arange(len(ahead.rows)).reshape((-1,) + (1,) * (days.ndim - 1))
    step = np.clip(np.searchsorted(edges, days, side="right") - 1, 0, last)
    width = np.append(np.diff(edges), 1.0)[step]
    gained = ahead.cumulative[row, np.minimum(step + 1, last)] - ahead.cumulative[row, step]
    flat = ahead.per_day[ahead.rows].reshape(row.shape)
    slope = np.where(step < last, gained / width, flat)
    return ahead.cumulative[row, step] + slope * (days - edges[step])


def demand_over(
    ahead: DemandAhead,
    variance_to_mean: Floats,
    review_in_days: Wholes,
    review_period_days: Wholes,
    lead_time_days: Floats,
    lead_time_sd_days: Floats,
    booked_over_lead_time: Wholes,
    booked_over_review: Wholes,
) -> DemandOver:
    """Expected demand over the lead time after the review, and over the review period after that.

    Booked repairs are known, so they are taken out of the expected demand of the interval they fall
    in, not below zero.

    Parameters
    ----------
    ahead, variance_to_mean
        Demand of each pair.
    review_in_days, review_period_days
        Days to the review the level is for, and from it to the next.
    lead_time_days, lead_time_sd_days
        Of the chosen source.
    booked_over_lead_time, booked_over_review
        Booked pieces within the lead time after the review, and within the review period after that.
    """
    n, k = len(variance_to_mean), len(LEAD_TIME_WEIGHTS)
    over_lead, over_review, chance = np.zeros((n, k)), np.zeros((n, k)), np.zeros((n, k))
    for rows, lead_times in _by_certainty(lead_time_days, lead_time_sd_days):
        start = review_in_days[rows].astype(np.float64)
        arrives = start[:, None] + lead_times.days
        here = of_rows(ahead, rows, n)
        lead = mean_between(here, start, arrives)
        until_next = mean_between(here, start, arrives + review_period_days[rows, None]) - lead
        columns = slice(0, lead.shape[1])
        over_lead[rows, columns] = np.maximum(lead - booked_over_lead_time[rows, None], 0.0)
        over_review[rows, columns] = np.maximum(until_next - booked_over_review[rows, None], 0.0)
        chance[rows, columns] = lead_times.weights
    return DemandOver(over_lead, over_lead + over_review, over_review, chance, variance_to_mean)


def levels_reaching(service_target: Floats, part: Demand, delay: Delay, by_cycle: bool = False) -> Wholes:
    """The smallest level of each stocked pair that reaches its own target, the delay at its DC included; at least 1.

    The target is a fill rate, or ``by_cycle`` a cycle service level; what minimum and multiple add is not counted.
    """
    level = np.zeros(len(part.batch), dtype=np.int64)
    single = part._replace(batch=np.ones(len(level), dtype=np.int64))
    waiting = np.flatnonzero(delay.of >= 0)
    found = chain_stairs(
        single.at(waiting), delay.at(waiting), 0, NO_CAP, service_target[waiting], service_target[waiting], by_cycle
    )
    # at most one level of each: the first that reaches the target, or where the walk was too long
    reached = found.cycle_service_level if by_cycle else found.fill_rate
    row = np.repeat(waiting, np.diff(found.start))
    reaches = reached >= service_target[row]
    level[row[reaches]] = found.level[reaches]
    settled = np.zeros(len(level), dtype=bool)
    settled[row[reaches]] = True
    counted = matched(part, delay)
    for rows, columns in certainty_of(part.weights):
        at = rows[~settled[rows]]
        demand = counted.over_protection[at, columns], counted.variance_to_mean[at], part.weights[at, columns]
        if by_cycle:
            level[at] = level_for_cycle_service_level(service_target[at], *demand)
        else:
            level[at] = level_for_fill_rate(service_target[at], counted.over_lead_time[at, columns], *demand)
    return np.maximum(level, 1)


def promised_by(part: Demand, delay: Delay, order_up_to_level: Wholes) -> tuple[Floats, Floats]:
    """Fill rate and cycle service level of stocked pairs: means over the positions that minimum and multiple leave."""
    n = len(order_up_to_level)
    stairs = chain_stairs(part, delay, order_up_to_level, order_up_to_level)
    fill, cycle = np.empty(n), np.empty(n)
    walked = np.diff(stairs.start) > 0
    fill[walked], cycle[walked] = stairs.fill_rate, stairs.cycle_service_level
    at = np.flatnonzero(~walked)
    left = matched(part.at(at), delay.at(at))
    demand = (left.over_protection, left.variance_to_mean, left.weights)
    fill[at] = batch_fill_rate(order_up_to_level[at], left.batch, left.over_lead_time, *demand)
    cycle[at] = _batch_cycle_service_level(order_up_to_level[at], left.batch, *demand)
    return fill, cycle


def certainty_of(weights: Floats) -> list[tuple[Wholes, slice]]:
    """Rows by how many columns they use, with those columns: a certain lead time uses fewer than an uncertain one."""
    used = weights.shape[1] - np.argmax(weights[:, ::-1] > 0, axis=1)
    return [(np.flatnonzero(used == n), slice(0, int(n))) for n in np.unique(used)]


def batch_of(min_order_quantity: Wholes, order_multiple: Wholes, mean_per_review: Floats) -> Wholes:
    """Number of neighbouring positions that a review may leave, S to S + batch - 1.

    The order multiple; or the minimum, in whole multiples, where a review usually needs less than it.

    Examples
    --------
    >>> batch_of(np.array([10, 10]), np.array([4, 4]), np.array([3.0, 50.0])).tolist()
    [12, 4]
    """
    minimum = -(-min_order_quantity // order_multiple) * order_multiple
    return np.where(minimum > mean_per_review, minimum, order_multiple)


def _batch_cycle_service_level(level: Wholes, batch: Wholes, mean: Floats, ratio: Floats, weights: Floats) -> Floats:
    """Mean of P(D <= s) over s = S .. S + Q - 1: the shortfall falls by P(D > s) from s to s + 1."""
    at = ratio[:, None]
    fallen = expected_shortfall(level[:, None], mean, at) - expected_shortfall((level + batch)[:, None], mean, at)
    return np.clip(1.0 - (fallen * weights).sum(axis=1) / batch, 0.0, 1.0)


def _by_certainty(mean: Floats, sd: Floats) -> list[tuple[Wholes, LeadTimes]]:
    """Rows with a certain lead time, one column each, and rows with an uncertain one, three columns."""
    certain, uncertain = np.flatnonzero(sd <= 0), np.flatnonzero(sd > 0)
    one = LeadTimes(mean[certain][:, None], np.ones((len(certain), 1)))
    return [(certain, one), (uncertain, lead_time_mixture(mean[uncertain], sd[uncertain]))]


def of_rows(ahead: DemandAhead, rows: Wholes, n: int) -> DemandAhead:
    """The demand of some of the pairs, numbered anew."""
    renumbered = np.full(n, -1, dtype=np.int64)
    renumbered[rows] = np.arange(len(rows))
    here = renumbered[ahead.rows]
    kept = here >= 0
    return ahead._replace(
        per_day=ahead.per_day[rows], rows=here[kept], cumulative=ahead.cumulative[kept], market=ahead.market[rows]
    )
