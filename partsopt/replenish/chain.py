"""Levels and promises of a dealer whose DC may itself be out of stock, both of them reviewed every T days.

A dealer's shelf at a time t holds S less the demand since the review before t - L, less what the DC owed the
dealer at t - L. What the DC owes in all is its demand since an order between L and T + L old, above its own
position; the part of it that is one dealer's is a random share, in the order in which the dealers asked.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.replenish.service import expected_shortfall, second_loss
from partsopt.replenish.walk import RANDOM_TIME_WEIGHTS, RANDOM_TIMES, chain_walk, owed_walk

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

NO_TARGET = 2.0  # no share reaches it
NO_CLUSTERS = 1e12  # concentration of demands that come one by one
LEAST_DELAY = 1e-9  # pieces owed, relative to the demand of a review: less is no delay


class Demand(NamedTuple):
    """Demand of each part over L and over T + L, one column for each possible lead time, and its order sizes.

    ``over_lead_time``, ``over_protection`` and ``weights`` have shape (n, k), ``variance_to_mean`` and ``batch``
    (neighbouring positions that minimum and multiple leave, S to S + batch - 1) shape (n,).
    """

    over_lead_time: Floats
    over_protection: Floats
    variance_to_mean: Floats
    weights: Floats
    batch: Wholes

    def at(self, rows: Wholes) -> Demand:
        """The demand of some of the parts."""
        return Demand(
            self.over_lead_time[rows],
            self.over_protection[rows],
            self.variance_to_mean[rows],
            self.weights[rows],
            self.batch[rows],
        )

    @property
    def over_review(self) -> Floats:
        """Expected demand between two reviews, shape (n,)."""
        return ((self.over_protection - self.over_lead_time) * self.weights).sum(axis=1)


class Owed(NamedTuple):
    """What DC-parts owe at a random time; DC-part i has the outcomes ``start[i]`` to ``start[i + 1]``.

    A DC-part too large to walk has its mean and variance alone. ``if_owing`` is E B^2 / E B, the pieces owed as a
    piece that is owed meets them.
    """

    start: Wholes
    pieces: Wholes
    chance: Floats
    mean: Floats
    variance: Floats
    if_owing: Floats


class Delay(NamedTuple):
    """What a DC owes each part: the row of ``owed``, -1 where there is no DC, and the part's own share, shape (n,)."""

    of: Wholes
    share: Floats
    concentration: Floats
    mean: Floats
    variance: Floats
    owed: Owed

    def at(self, rows: Wholes) -> Delay:
        """The delay of some of the parts."""
        return Delay(
            self.of[rows],
            self.share[rows],
            self.concentration[rows],
            self.mean[rows],
            self.variance[rows],
            self.owed,
        )


class Stairs(NamedTuple):
    """Levels of each part and what they promise; part i has the entries ``start[i]`` to ``start[i + 1]``."""

    start: Wholes
    level: Wholes
    fill_rate: Floats
    cycle_service_level: Floats


def owed_by(dc: Demand, level: npt.ArrayLike) -> Owed:
    """Pieces that DC-parts owe at a random time, S given.

    Parameters
    ----------
    dc
        Demand on the DC: that of its dealers, and its own.
    level
        S, shape (n,); 0 where the part is not stocked.

    Notes
    -----
    B = (D(L) - (S - D(u))+)+ with u uniform over the T days between two reviews (four points of Gauss and Legendre),
    for each possible lead time and position: the position falls from S to 0 and no further, because what is owed
    beyond it is ordered without waiting for the review.

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> dc = Demand(2.8 * one, 2.8 * one, np.ones(1), one, np.ones(1, dtype=np.int64))
    >>> owed = owed_by(dc, [2])
    >>> owed.mean.round(4).tolist(), owed.variance.round(4).tolist()
    ([1.0919], [1.8343])
    """
    level = np.broadcast_to(np.asarray(level, dtype=np.int64), dc.batch.shape).copy()
    owed = Owed(*owed_walk(level, *_solid(dc.batch, *dc[:4])))
    rows = np.flatnonzero(np.isnan(owed.mean))
    if len(rows):
        large = _owed_by_moments(dc.at(rows), level[rows])
        for of_all, of_large in zip(owed[3:], large, strict=True):
            of_all[rows] = of_large
    return owed


def no_delay(n: int) -> Delay:
    """Parts whose source always has stock."""
    none = np.zeros(n)
    nobody = np.zeros(0)
    owed = Owed(np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int64), nobody, nobody, nobody, nobody)
    return Delay(np.full(n, -1), none, none + NO_CLUSTERS, none, none, owed)


def delay_of(part: Demand, dc_row: npt.ArrayLike, share: npt.ArrayLike, owed: Owed) -> Delay:
    """What the DC owes each of its dealers' parts.

    Parameters
    ----------
    part
        Demand of the dealers' parts.
    dc_row
        Row of each in ``owed``; -1: no DC, no delay.
    share
        Of the demand on the DC-part that is this dealer's, 0 to 1.

    Notes
    -----
    The pieces owed are the last that were asked for, and of b pieces in a row a dealer's number is beta-binomial:
    orders of several pieces stand together (for single pieces it is binomial, Simon 1971). Its concentration makes
    the variance that of the dealer's orders: variance to mean of demand, plus a review's demand less what of it
    falls inside the pieces owed.
    """
    of = np.asarray(dc_row, dtype=np.int64)
    if not len(owed.mean):
        return no_delay(len(of))
    above = np.maximum(of, 0)
    q = np.where(of >= 0, np.clip(np.asarray(share, dtype=np.float64), 0.0, 1.0), 0.0)
    mean, variance, seen = q * owed.mean[above], owed.variance[above], owed.if_owing[above]
    clusters = part.variance_to_mean + np.maximum(part.over_review - q * seen, 0.0) - 1.0
    concentration = np.full(len(of), NO_CLUSTERS)
    np.divide(np.maximum(seen, 1.0), clusters, out=concentration, where=clusters > 1.0 / NO_CLUSTERS)
    # E b (kappa + b) / (kappa + 1): what a beta-binomial share adds to the variance of the shares themselves
    together = (concentration * owed.mean[above] + variance + owed.mean[above] ** 2) / (concentration + 1.0)
    spread = q**2 * variance + q * (1.0 - q) * together
    has_delay = mean > LEAST_DELAY * part.over_review
    return Delay(
        np.where(has_delay, of, -1),
        q,
        concentration,
        np.where(has_delay, mean, 0.0),
        np.where(has_delay, spread, 0.0),
        owed,
    )


def chain_stairs(
    part: Demand,
    delay: Delay,
    lowest: npt.ArrayLike,
    highest: npt.ArrayLike,
    floor: npt.ArrayLike = 0.0,
    cap: npt.ArrayLike = NO_TARGET,
    by_cycle: bool = False,
) -> Stairs:
    """Levels from the first that reaches ``floor`` to the first that reaches ``cap``, between two levels.

    Parts whose demand is too large to walk have no entry. ``by_cycle``: floor and cap are cycle service levels.
    """
    n = len(part.batch)
    limits = [np.broadcast_to(np.asarray(one, dtype=np.float64), (n,)) for one in (floor, cap)]
    low, high = (np.broadcast_to(np.asarray(one, dtype=np.int64), (n,)) for one in (lowest, highest))
    owed = delay.owed
    given = _solid(*part, low, high, *limits)
    waiting = _solid(delay.of, delay.share, delay.concentration, owed.start, owed.pieces, owed.chance)
    arguments: tuple[Any, ...] = (*given, by_cycle, *waiting, *_solid(delay.mean, delay.variance))
    return Stairs(*chain_walk(*arguments))


def matched(part: Demand, delay: Delay) -> Demand:
    """Demand with what the DC owes counted in, so that the mean and the variance over T + L are those of the chain."""
    mean = (part.over_protection * part.weights).sum(axis=1)
    whole = mean + delay.mean
    ratio = np.divide(
        mean * part.variance_to_mean + delay.variance, whole, out=part.variance_to_mean.copy(), where=whole > 0
    )
    return part._replace(
        over_lead_time=part.over_lead_time + delay.mean[:, None],
        over_protection=part.over_protection + delay.mean[:, None],
        variance_to_mean=np.maximum(ratio, 1.0),
    )


def _owed_by_moments(dc: Demand, level: Wholes) -> tuple[Floats, Floats, Floats]:
    """Mean, variance and E B^2 / E B of what large DC-parts owe, S taken in the middle of the batch."""
    middle = (level + (dc.batch - 1) // 2).astype(np.float64)
    mean, square = np.zeros(len(level)), np.zeros(len(level))
    for passed, chance in zip(RANDOM_TIMES, RANDOM_TIME_WEIGHTS, strict=True):
        since = dc.over_lead_time + np.where(level > 0, passed, 0.0)[:, None] * (dc.over_protection - dc.over_lead_time)
        for j in range(since.shape[1]):
            one = middle, since[:, j], dc.variance_to_mean
            short = expected_shortfall(*one)
            mean += chance * dc.weights[:, j] * short
            square += chance * dc.weights[:, j] * np.maximum(2.0 * second_loss(*one) - short, 0.0)
    seen = np.divide(square, mean, out=np.zeros(len(level)), where=mean > 0)
    return mean, np.maximum(square - mean**2, 0.0), seen


def _solid(*arrays: Any) -> tuple[Any, ...]:
    """Arrays in one piece of memory that may be written, as the compiled kernels want them."""
    return tuple(np.require(one, requirements=["C", "W"]) for one in arrays)
