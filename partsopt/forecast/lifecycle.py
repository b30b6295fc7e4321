"""The first and the last periods of a part: a new one goes by its group, an ended one fades to nothing."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from partsopt.forecast.causal import likeliest_shape

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

ENDED_HALF_LIFE_DAYS = 90.0
"""The rate of a part whose life has ended halves in so many days without demand."""
ENDED_AFTER_DAYS = 365.0
"""After so many days without demand an ended part's rate is 0."""
GROUP_TIME = 12.0
"""A group's own rate weighs as much as that of all groups when its members were on sale for so many periods."""


class GroupPrior(NamedTuple):
    """What is expected of a part by its group: orders per period, and how many orders that knowledge is worth."""

    rate: Array
    shape: Array


def group_prior(orders: Array, time: Array, group: Array, n_groups: int) -> GroupPrior:
    """The rate of each group of parts, and how much its parts differ.

    Parameters
    ----------
    orders, time
        Orders of each known part, and the periods in which it was on sale, shape (parts,).
    group
        Code of its group, 0, 1, .., shape (parts,).
    n_groups
        Number of groups; one without parts gets the rate of all.

    Returns
    -------
    GroupPrior
        Arrays of shape (groups,).

    Examples
    --------
    >>> prior = group_prior(np.array([12.0, 12.0]), np.array([12.0, 12.0]), np.array([0, 0]), 2)
    >>> prior.rate.tolist()
    [1.0, 1.0]
    """
    overall = float(orders.sum()) / max(float(time.sum()), 1.0)
    of_group = np.bincount(group, weights=orders, minlength=n_groups)
    time_of_group = np.bincount(group, weights=time, minlength=n_groups)
    rate = (of_group + GROUP_TIME * overall) / (time_of_group + GROUP_TIME)
    usual = likeliest_shape(orders, rate[group] * time)
    shape = np.full(n_groups, usual)
    for one in np.flatnonzero(np.bincount(group, minlength=n_groups) >= GROUP_TIME):
        members = group == one
        shape[one] = likeliest_shape(orders[members], rate[one] * time[members])
    return GroupPrior(rate, shape)


def new_part_rate(orders: Array, time: Array, prior: GroupPrior, group: Array) -> Array:
    """The rate of parts with a short history: their group's, moved by what they have shown.

    Parameters
    ----------
    orders, time
        Orders so far, and periods on sale so far, shape (parts,); 0 before the first.
    prior, group
        What is expected of the group, and the group of each part.

    Returns
    -------
    Array
        *(shape + orders) / (shape / rate + time)*, orders per period, shape (parts,); the mean of the gamma posterior.

    Examples
    --------
    >>> prior = GroupPrior(np.array([2.0]), np.array([4.0]))
    >>> new_part_rate(np.array([0.0, 1.0]), np.array([0.0, 2.0]), prior, np.array([0, 0])).tolist()
    [2.0, 1.25]
    """
    rate, shape = prior.rate[group], prior.shape[group]
    mean = np.where(rate > 0, rate, 1.0)
    return np.where(rate > 0, (shape + orders) / (shape / mean + time), orders / np.where(time > 0, time, 1.0))


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
