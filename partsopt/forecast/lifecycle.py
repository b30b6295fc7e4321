"""The first and the last periods of a part: a new one goes by what others did at its age, an ended one fades."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from partsopt.forecast.kernels import credibility_weights
from partsopt.forecast.pooled import FEWEST_ROWS, Group, History, group_means, is_wild, usual_rate

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

ENDED_HALF_LIFE_DAYS = 90.0
"""The rate of a part whose life has ended halves in so many days without demand."""
ENDED_AFTER_DAYS = 365.0
"""After so many days without demand an ended part's rate is 0."""
NEW_PERIODS = {"month": 6, "week": 17}
"""Series shorter than this are new."""
AHEAD = {"month": 3, "week": 4}
"""Periods after a beginning whose total teaches what to expect of new parts."""
SEEN_TO_BEGIN = 3
"""A series that begins in one of the first periods of all may be older than it looks, and is not learnt from."""


class Beginnings(NamedTuple):
    """What past beginnings taught: how to weigh the own rate, the groups' and all parts' at each age.

    ``weights`` has shape (ages, rates), ``n_learnt`` the beginnings behind them, shape (ages,), 0: too few.
    """

    weights: Array
    n_learnt: Array
    group_means: list[Array]
    prior: float


def learn_beginnings(history: History, groups: list[Group], period: str) -> Beginnings:
    """Learn from how series went on after their first periods what to expect of new ones.

    Parameters
    ----------
    history
        Series side by side.
    groups
        Their groupings.
    period
        ``month`` or ``week``.

    Returns
    -------
    Beginnings
        For :func:`rate_of_new`, for ages up to NEW_PERIODS.

    Notes
    -----
    A series begins with its first demand, so its first periods show more than will follow: by how much is learnt
    too, as weights need not add up to one. They are found as those of old series are (Poisson quasi-likelihood,
    linear credibility; Buehlmann 1967, ASTIN Bulletin 4, 199-207).

    Examples
    --------
    >>> demand = np.tile([0, 0, 0, 3.0, 0, 0, 3.0, 0, 0], (120, 1))
    >>> history = History(demand, np.empty((0, 0)), np.full(120, 3))
    >>> learnt = learn_beginnings(history, [], "month")
    >>> learnt.n_learnt.tolist()
    [0, 120, 120, 120, 0, 0]
    >>> new = History(np.array([[3.0]]), np.empty((0, 0)), np.array([0]))
    >>> rate_of_new(learnt, new, [], age=1).round(2).tolist()
    [1.0]
    """
    n_series, width = history.demand.shape
    oldest, ahead = NEW_PERIODS[period], AHEAD[period]
    time = np.cumsum(_exposed(history), axis=1)
    pieces = np.cumsum(np.nan_to_num(history.demand), axis=1)
    rates = pieces[:, -1] / np.maximum(time[:, -1], 1.0) if width else np.zeros(n_series)
    prior = usual_rate(rates)
    means = group_means(rates, groups, prior)
    others = np.column_stack([np.zeros(n_series), *(m[g.codes] for m, g in zip(means, groups, strict=True))])
    start = np.full(len(groups) + 2, 1.0 / (len(groups) + 2))
    weights, n_learnt = np.tile(start, (oldest, 1)), np.zeros(oldest, dtype=np.int64)
    for age in range(1, oldest):
        end = history.starts + age
        at = np.flatnonzero((history.starts >= SEEN_TO_BEGIN) & (end + ahead <= width))
        total = pieces[at, end[at] + ahead - 1] - pieces[at, end[at] - 1]
        is_seen = (time[at, end[at] + ahead - 1] - time[at, end[at] - 1] >= ahead) & (time[at, end[at] - 1] > 0)
        at, total = at[is_seen], total[is_seen]
        if len(at) < FEWEST_ROWS:
            continue
        known = np.column_stack([others[at], np.full(len(at), prior)])
        known[:, 0] = pieces[at, end[at] - 1] / time[at, end[at] - 1]
        weight = 1.0 / np.sqrt(np.maximum(known[:, 0], prior))
        weight[is_wild(known, total / ahead, np.zeros(len(at), dtype=np.int64))] = 0.0
        weights[age] = credibility_weights(known, total, weight, float(ahead), start)
        n_learnt[age] = len(at)
    return Beginnings(weights, n_learnt, means, prior)


def rate_of_new(beginnings: Beginnings, history: History, groups: list[Group], age: int) -> Array:
    """The rate of parts that began ``age`` periods ago, pieces per period, shape (series,).

    Parameters
    ----------
    beginnings
        What past beginnings taught.
    history, groups
        The new series, and their groups.
    age
        Periods since they began, 1 or more and below NEW_PERIODS.
    """
    time = _exposed(history).sum(axis=1)
    own = np.nan_to_num(history.demand).sum(axis=1) / np.maximum(time, 1e-9)
    means = [mean[one.codes] for mean, one in zip(beginnings.group_means, groups, strict=True)]
    own = np.where(time > 0, own, beginnings.prior)
    return np.column_stack([own, *means, np.full(len(own), beginnings.prior)]) @ beginnings.weights[age]


def _exposed(history: History) -> Array:
    """Share of each period in which demand could be seen, shape (series, periods)."""
    columns = np.arange(history.demand.shape[1])
    seen = np.isfinite(history.demand) & (columns >= history.starts[:, None])
    return seen * history.time if history.time.size else seen.astype(np.float64)


def ended_rate(rate: Array, silent_days: Array) -> Array:
    """The rate of a part whose life has ended.

    Parameters
    ----------
    rate
        What its history says, pieces per period, shape (parts,).
    silent_days
        Days since its last demand, 0 or more, shape (parts,).

    Returns
    -------
    Array
        Halved every ENDED_HALF_LIFE_DAYS without demand; 0 from ENDED_AFTER_DAYS on, so that nobody stocks it
        for a customer who will not come.

    Examples
    --------
    >>> ended_rate(np.array([2.0, 2.0, 2.0]), np.array([0.0, 90.0, 365.0])).tolist()
    [2.0, 1.0, 0.0]
    """
    within = np.minimum(silent_days, ENDED_AFTER_DAYS)
    return np.where(silent_days >= ENDED_AFTER_DAYS, 0.0, rate * 0.5 ** (within / ENDED_HALF_LIFE_DAYS))
