"""Service mathematics of the (T, S) policy: demand over an interval, shortfall, fill rate, levels.

Demand over an interval is negative binomial with mean ``mean`` and variance ``mean`` times
``variance_to_mean``; 1 is the Poisson distribution. An uncertain lead time is a mixture: the
means over lead time and over protection interval then have a second axis, one column for each
possible lead time, and ``weights`` are the chances of the columns.

Every function is pure, vectorised over rows and knows no column names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, gammainc, ndtr, ndtri

from partsopt.errors import SettingsError
from partsopt.replenish.walk import cycle_service_walk, fill_rate_walk, on_hand_walk

POISSON_BELOW = 1e-9  # a variance to mean this close to 1 is Poisson: the difference is below 1e-9
LEAD_TIME_STEP = 3.0**0.5  # the outer points of the three-point lead time, in standard deviations
LEAD_TIME_WEIGHTS = (1 / 6, 2 / 3, 1 / 6)
CYCLE_POINTS, CYCLE_WEIGHTS = np.polynomial.legendre.leggauss(5)  # of the time between two receipts

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]


class LeadTimes(NamedTuple):
    """Possible lead times, shape (n, k), and the chance of each, shape (n, k)."""

    days: Floats
    weights: Floats


# --------------------------------------------------------------------------- one interval


def demand_tail(at_least: npt.ArrayLike, mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike) -> Floats:
    """Probability that demand is ``at_least`` this much.

    Parameters
    ----------
    at_least
        Whole pieces.
    mean, variance_to_mean
        Of the demand, pieces and 1 or more; all three are broadcast.

    Notes
    -----
    Negative binomial of size r = mean / (variance_to_mean - 1) and p = 1 / variance_to_mean:
    P(X >= k) is the regularised incomplete beta function at 1 - p with parameters k and r; for
    Poisson the regularised lower incomplete gamma function (Johnson, Kemp & Kotz 2005).

    Examples
    --------
    >>> round(float(demand_tail(1, 2.0, 1.0)), 6)  # 1 - exp(-2)
    0.864665
    """
    return _tail(at_least, mean, variance_to_mean, more=0)


def demand_cdf(level: npt.ArrayLike, mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike) -> Floats:
    """Probability that demand is at most ``level``.

    Examples
    --------
    >>> round(float(demand_cdf(0, 1.0, 2.0)), 12)  # p ** r = 0.5 ** 1
    0.5
    """
    return 1.0 - _tail(np.floor(np.asarray(level, dtype=np.float64)) + 1, mean, variance_to_mean, more=0)


def demand_quantile(probability: npt.ArrayLike, mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike) -> Wholes:
    """The smallest whole number that demand does not exceed with at least this probability.

    The newsvendor's answer for ``probability`` = underage cost / (underage + overage cost), and so
    the quantity of a last buy.

    Examples
    --------
    >>> int(demand_quantile(270 / 470, 18.0, 1.0)[0])
    19
    """
    return level_for_cycle_service_level(probability, mean, variance_to_mean)


def expected_shortfall(level: npt.ArrayLike, mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike) -> Floats:
    """Expected demand above a level, E(X - S)+: the expected backorders of a position S.

    Parameters
    ----------
    level
        S, whole pieces; below zero every piece of demand comes on top of what is owed.
    mean, variance_to_mean
        Of the demand; all three are broadcast.

    Notes
    -----
    E(X - S)+ = m P(X' >= S) - S P(X > S), X' negative binomial of size r + 1 and the same p
    (Poisson: X' = X); methods.md, levels.

    Examples
    --------
    >>> round(float(expected_shortfall(1, 1.0, 1.0)), 6)  # exp(-1)
    0.367879
    """
    level, mean, variance_to_mean = _floats(level, mean, variance_to_mean)
    above = mean * _tail(level, mean, variance_to_mean, more=1) - level * _tail(level + 1, mean, variance_to_mean, 0)
    return np.where(level <= 0, mean - level, np.maximum(above, 0.0))


def expected_on_hand(level: npt.ArrayLike, mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike) -> Floats:
    """Expected stock left of a position S after this demand, E(S - X)+.

    Examples
    --------
    >>> round(float(expected_on_hand(1, 1.0, 1.0)), 6)
    0.367879
    """
    level, mean, variance_to_mean = _floats(level, mean, variance_to_mean)
    return np.maximum(level - mean + expected_shortfall(level, mean, variance_to_mean), 0.0)


def ready_rate(level: npt.ArrayLike, mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike) -> Floats:
    """Probability that stock is left after this demand, P(X < S).

    Examples
    --------
    >>> round(float(ready_rate(1, 1.0, 1.0)), 6)
    0.367879
    """
    return 1.0 - demand_tail(level, mean, variance_to_mean)


# --------------------------------------------------------------------------- the review cycle


def lead_time_mixture(mean: npt.ArrayLike, sd: npt.ArrayLike) -> LeadTimes:
    """Three possible lead times with the mean and standard deviation of the lead time.

    The three-point Gauss-Hermite rule: mean and mean +- sqrt(3) sd with weights 2/3 and 1/6, which
    keeps the first five moments of a normal lead time. A point below zero is moved to zero.

    Examples
    --------
    >>> lead_time_mixture([10.0], [2.0]).days.round(3).tolist()
    [[6.536, 10.0, 13.464]]
    """
    mean, sd = _floats(mean, sd)
    mean, sd = np.atleast_1d(mean), np.atleast_1d(sd)
    step = LEAD_TIME_STEP * sd
    days = np.maximum(np.stack([mean - step, mean, mean + step], axis=-1), 0.0)
    return LeadTimes(days, np.broadcast_to(np.array(LEAD_TIME_WEIGHTS), days.shape))


def cycle_service_level(
    level: npt.ArrayLike,
    mean_over_protection: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> Floats:
    """Probability that no piece is short in a review cycle, P(D(T+L) <= S).

    Parameters
    ----------
    level
        S, whole pieces, shape (n,).
    mean_over_protection
        Expected demand over T + L, shape (n,), or (n, k) for k possible lead times.
    variance_to_mean
        Shape (n,).
    weights
        Chance of each lead time, shape (k,) or (n, k); not needed for one.

    Examples
    --------
    >>> cycle_service_level([6], [2.8], [1.0]).round(6).tolist()
    [0.975589]
    """
    level, mean, spread, weights = _rows(level, mean_over_protection, variance_to_mean, weights)
    return 1.0 - _mixed_tail(level, mean, spread, weights)


def fill_rate(
    level: npt.ArrayLike,
    mean_over_lead_time: npt.ArrayLike,
    mean_over_protection: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> Floats:
    """Share of demand met from the shelf at once, exact, backorders carried into the cycle included.

    Parameters
    ----------
    level
        S, whole pieces, shape (n,).
    mean_over_lead_time, mean_over_protection
        Expected demand over L and over T + L, shape (n,), or (n, k) for k possible lead times.
    variance_to_mean
        Shape (n,).
    weights
        Chance of each lead time, shape (k,) or (n, k); not needed for one.

    Returns
    -------
    Array
        Shape (n,); 1 where nothing is expected to be asked for between two reviews.

    Notes
    -----
    beta(S) = 1 - (E(D(T+L) - S)+ - E(D(L) - S)+) / E D(T): what is short at the end of the cycle
    less what was short already at its start (Johnson et al. 1995; Sobel 2004; Teunter 2009).

    Examples
    --------
    >>> fill_rate([6], [1.4], [2.8], [1.0]).round(6).tolist()
    [0.97493]
    """
    level, mean_protection, spread, weights = _rows(level, mean_over_protection, variance_to_mean, weights)
    mean_lead = _columns(mean_over_lead_time, mean_protection.shape)
    unmet, asked = _unmet(level, mean_lead, mean_protection, spread, weights)
    return _share_met(unmet, asked)


def batch_fill_rate(
    level: npt.ArrayLike,
    batch: npt.ArrayLike,
    mean_over_lead_time: npt.ArrayLike,
    mean_over_protection: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> Floats:
    """Fill rate where the position after a review is anywhere in S .. S + Q - 1 with equal chance.

    Parameters
    ----------
    level, batch
        S and Q, whole pieces, shape (n,); Q = 1 gives :func:`fill_rate`.
    mean_over_lead_time, mean_over_protection, variance_to_mean, weights
        As in :func:`fill_rate`.

    Notes
    -----
    With a minimum or an order multiple the position is uniform over Q neighbouring values (Hadley &
    Whitin 1963). The sum of Q shortfalls is a difference of two second-order losses,
    sum over s >= S of E(X - s)+ = E((X - S)+ (X - S + 1)) / 2.

    Examples
    --------
    >>> levels = np.array([6, 7, 8])
    >>> by_hand = fill_rate(levels, [1.4] * 3, [2.8] * 3, [1.0] * 3).mean()
    >>> bool(abs(by_hand - batch_fill_rate([6], [3], [1.4], [2.8], [1.0])[0]) < 1e-12)
    True
    """
    level, mean_protection, spread, weights = _rows(level, mean_over_protection, variance_to_mean, weights)
    mean_lead = _columns(mean_over_lead_time, mean_protection.shape)
    batch = np.broadcast_to(np.asarray(batch, dtype=np.float64), level.shape)
    unmet, asked = _unmet(level, mean_lead, mean_protection, spread, weights)
    many = batch > 1
    if many.any():
        low, high = level[many, None], (level + batch)[many, None]
        at, rate = spread[many, None], weights[many]

        def summed(mean: Floats) -> Floats:
            return ((second_loss(low, mean, at) - second_loss(high, mean, at)) * rate).sum(axis=1)

        averaged = (summed(mean_protection[many]) - summed(mean_lead[many])) / batch[many]
        unmet[many] = np.clip(averaged, 0.0, unmet[many])
    return _share_met(unmet, asked)


def mean_on_hand(
    level: npt.ArrayLike,
    batch: npt.ArrayLike,
    mean_over_lead_time: npt.ArrayLike,
    mean_over_protection: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> Floats:
    """Expected pieces on hand, averaged over the time between two receipts.

    Parameters
    ----------
    level, batch
        S and Q, whole pieces, shape (n,): the position after a review is anywhere in S .. S + Q - 1 with equal chance.
    mean_over_lead_time, mean_over_protection, variance_to_mean, weights
        As in :func:`fill_rate`; the time runs from L to T + L after the review.

    Returns
    -------
    Array
        Shape (n,).

    Notes
    -----
    The integral of E(S - D(t))+ over t from L to T + L by five Gauss-Legendre points, for each lead time. Compiled
    where the level can be walked; else by second-order losses.

    Examples
    --------
    >>> mean_on_hand([1], [1], [0.0], [0.2], [1.0]).round(6).tolist()  # (1 - exp(-0.2)) / 0.2
    [0.906346]
    """
    level, mean_protection, spread, chance = _rows(level, mean_over_protection, variance_to_mean, weights)
    mean_lead = _columns(mean_over_lead_time, mean_protection.shape)
    batch = np.broadcast_to(np.asarray(batch, dtype=np.float64), level.shape)
    part = (CYCLE_POINTS + 1) / 2
    mean = (mean_lead[:, :, None] + (mean_protection - mean_lead)[:, :, None] * part).reshape(len(level), -1)
    share = (chance[:, :, None] * (CYCLE_WEIGHTS / 2)).reshape(len(level), -1)
    whole = level.astype(np.int64), batch.astype(np.int64)
    held = on_hand_walk(*whole, *_solid(mean, spread, share))
    left_open = np.flatnonzero(np.isnan(held))
    if len(left_open):
        at, low = spread[left_open, None], level[left_open, None]
        many, demand = batch[left_open, None], mean[left_open]
        short = (second_loss(low, demand, at) - second_loss(low + many, demand, at)) / many
        held[left_open] = (np.maximum(low + (many - 1) / 2 - demand + short, 0.0) * share[left_open]).sum(axis=1)
    return held


def mean_owed(
    level: npt.ArrayLike,
    batch: npt.ArrayLike,
    mean: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> Floats:
    """Expected pieces owed after a demand, E(D - s)+, averaged over the positions S .. S + Q - 1.

    Parameters
    ----------
    level, batch
        S and Q, whole pieces, shape (n,).
    mean, variance_to_mean, weights
        Demand over T + L for what is owed at the end of a cycle; as in :func:`cycle_service_level`.

    Examples
    --------
    >>> mean_owed([1, 0], [1, 2], [1.0, 1.0], [1.0, 1.0]).round(6).tolist()  # exp(-1), and its mean with 1
    [0.367879, 0.68394]
    """
    level, columns, spread, chance = _rows(level, mean, variance_to_mean, weights)
    batch = np.broadcast_to(np.asarray(batch, dtype=np.float64), level.shape)
    held = on_hand_walk(level.astype(np.int64), batch.astype(np.int64), *_solid(columns, spread, chance))
    owed = held - level - (batch - 1) / 2 + (columns * chance).sum(axis=1)
    left_open = np.flatnonzero(np.isnan(held))
    if len(left_open):
        at, low, many = spread[left_open, None], level[left_open, None], batch[left_open, None]
        short = second_loss(low, columns[left_open], at) - second_loss(low + many, columns[left_open], at)
        owed[left_open] = (short / many * chance[left_open]).sum(axis=1)
    return np.maximum(owed, 0.0)


def order_chance(batch: npt.ArrayLike, mean_over_review: npt.ArrayLike, variance_to_mean: npt.ArrayLike) -> Floats:
    """Probability that a review orders the part: that demand since the last one uses up the position's spare pieces.

    Parameters
    ----------
    batch
        Q, whole pieces: minimum or multiple; 1 where any demand is ordered.
    mean_over_review, variance_to_mean
        Demand over the review period.

    Notes
    -----
    The position lies 0 .. Q - 1 pieces above S with equal chance, so the chance is E min(D, Q) / Q; with Q = 1
    P(D > 0).

    Examples
    --------
    >>> order_chance([1, 4], [2.0, 2.0], [1.0, 1.0]).round(6).tolist()
    [0.864665, 0.481215]
    """
    many, mean, ratio = _floats(batch, mean_over_review, variance_to_mean)
    excess = ratio - 1.0
    per_piece = np.where(excess >= POISSON_BELOW, np.log(ratio) / np.where(excess > 0, excess, 1.0), 1.0)
    chance = np.atleast_1d(-np.expm1(-mean * per_piece))
    packed = np.flatnonzero(np.atleast_1d(many) > 1)
    if len(packed):
        q, m, v = (np.atleast_1d(one)[packed] for one in (many, mean, ratio))
        chance[packed] = np.clip((m - expected_shortfall(q, m, v)) / q, 0.0, 1.0)
    return chance.reshape(many.shape)


def level_for_cycle_service_level(
    target: npt.ArrayLike,
    mean_over_protection: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> Wholes:
    """The smallest whole S whose cycle service level reaches the target.

    Parameters
    ----------
    target
        Above 0 and below 1, shape (n,) or one for all.
    mean_over_protection, variance_to_mean, weights
        As in :func:`cycle_service_level`.

    Raises
    ------
    SettingsError
        A target outside (0, 1): no level reaches 1.

    Examples
    --------
    >>> level_for_cycle_service_level(0.95, [2.8], [1.0]).tolist()
    [6]
    """
    _, mean, spread, weights = _rows(np.zeros(1), mean_over_protection, variance_to_mean, weights)
    target = _targets(target, len(mean))

    def misses(level: Floats, rows: Wholes) -> npt.NDArray[np.bool_]:
        return 1.0 - _mixed_tail(level, mean[rows], spread[rows], weights[rows]) < target[rows]

    walked = cycle_service_walk(*_solid(target, mean, spread, weights))
    return _settled(walked, misses, mean, spread)


def level_for_fill_rate(
    target: npt.ArrayLike,
    mean_over_lead_time: npt.ArrayLike,
    mean_over_protection: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> Wholes:
    """The smallest whole S whose exact fill rate reaches the target.

    The fill rate never falls as S grows, for demand over T + L exceeds a level at least as often as
    demand over L. Most levels are found by walking up the distribution in compiled code; those that are
    large, or so near the target that rounding could decide, by bisection with :func:`fill_rate`.

    Parameters
    ----------
    target
        Above 0 and below 1, shape (n,) or one for all.
    mean_over_lead_time, mean_over_protection, variance_to_mean, weights
        As in :func:`fill_rate`.

    Raises
    ------
    SettingsError
        A target outside (0, 1): no level reaches 1.

    Examples
    --------
    >>> level_for_fill_rate(0.95, [1.4], [2.8], [1.0]).tolist()
    [6]
    """
    _, mean, spread, weights = _rows(np.zeros(1), mean_over_protection, variance_to_mean, weights)
    mean_lead = _columns(mean_over_lead_time, mean.shape)
    target = _targets(target, len(mean))

    def misses(level: Floats, rows: Wholes) -> npt.NDArray[np.bool_]:
        return _share_met(*_unmet(level, mean_lead[rows], mean[rows], spread[rows], weights[rows])) < target[rows]

    walked = fill_rate_walk(*_solid(target, mean_lead, mean, spread, weights))
    return _settled(walked, misses, mean, spread)


def dealer_fill_rate(demand: npt.ArrayLike, emergency_purchases: npt.ArrayLike, lost_sales: npt.ArrayLike) -> Floats:
    """Share of a dealer's demand that was met without an emergency purchase or a lost sale; 1 without demand.

    Notes
    -----
    Chicago Automobile Trade Association (2010); 85 to 95 % is called healthy.

    Examples
    --------
    >>> float(dealer_fill_rate(1000, 80, 30))
    0.89
    """
    demand, bought, lost = _floats(demand, emergency_purchases, lost_sales)
    met = np.divide(demand - bought - lost, demand, out=np.ones(demand.shape), where=demand > 0)
    return np.clip(met, 0.0, 1.0)


# --------------------------------------------------------------------------- normal demand


def normal_loss(z: npt.ArrayLike) -> Floats:
    """Standard normal loss, E(Z - z)+.

    Examples
    --------
    >>> round(float(normal_loss(-1.4)), 6)
    1.436668
    """
    z = np.asarray(z, dtype=np.float64)
    return np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi) - z * ndtr(-z)


def safety_factor(probability: npt.ArrayLike) -> Floats:
    """Standard deviations above the mean that normal demand does not exceed with this probability.

    Examples
    --------
    >>> round(float(safety_factor(0.9)), 4)
    1.2816
    """
    return np.asarray(ndtri(np.asarray(probability, dtype=np.float64)))


# --------------------------------------------------------------------------- demand with seen sizes


def compound_poisson_pmf(mean_demands: float, size_pmf: npt.ArrayLike, n: int) -> Floats:
    """Distribution of total demand 0 .. n - 1 when the number of demands is Poisson and sizes are as given.

    Parameters
    ----------
    mean_demands
        Expected number of demands in the interval.
    size_pmf
        Probability of each size, from 0 on; sizes past its end do not occur.
    n
        Length of the answer.

    Notes
    -----
    Panjer (1981), ASTIN Bulletin 12: f(k) = rate / k sum over j of j g(j) f(k - j). A mean number of
    demands above about 700 underflows and is refused.

    Examples
    --------
    >>> compound_poisson_pmf(1.0, [0.0, 1.0], 3).round(6).tolist()  # sizes of one: Poisson
    [0.367879, 0.367879, 0.18394]
    """
    sizes = np.asarray(size_pmf, dtype=np.float64)
    none_asked = np.exp(-mean_demands * (1.0 - sizes[0]))
    if none_asked <= 0:
        raise ValueError(f"mean_demands is {mean_demands}; it must be below 700 for the recursion. Use the normal.")
    pmf = np.zeros(n)
    pmf[0] = none_asked
    weighted = np.arange(len(sizes)) * sizes
    for k in range(1, n):
        longest = min(k, len(sizes) - 1)
        pmf[k] = mean_demands / k * float(weighted[1 : longest + 1] @ pmf[k - longest : k][::-1])
    return pmf


def stuttering_poisson_pmf(mean: float, variance_to_mean: float, n: int) -> Floats:
    """Distribution of demand 0 .. n - 1 when the number of demands is Poisson and their sizes are geometric from 1 on.

    Examples
    --------
    >>> stuttering_poisson_pmf(1.0, 1.0, 3).round(6).tolist()  # sizes of one: Poisson
    [0.367879, 0.367879, 0.18394]
    """
    again = (variance_to_mean - 1.0) / (variance_to_mean + 1.0)  # chance of one piece more
    sizes = np.concatenate([[0.0], (1.0 - again) * again ** np.arange(max(n - 1, 1))])
    return compound_poisson_pmf(mean * (1.0 - again), sizes, n)


def tabulated_fill_rates(
    lead_time_pmf: npt.ArrayLike, protection_pmf: npt.ArrayLike, mean_over_lead_time: float, mean_over_protection: float
) -> Floats:
    """Exact fill rate of every level 0 .. n - 1 from tabulated demand over L and over T + L.

    Parameters
    ----------
    lead_time_pmf, protection_pmf
        Probabilities of demand 0 .. n - 1.
    mean_over_lead_time, mean_over_protection
        Their means, tails past the table included.

    Examples
    --------
    >>> one = compound_poisson_pmf(1.4, [0, 1], 20), compound_poisson_pmf(2.8, [0, 1], 20)
    >>> round(float(tabulated_fill_rates(*one, 1.4, 2.8)[6]), 6)
    0.97493
    """

    def shortfalls(pmf: npt.ArrayLike, mean: float) -> Floats:
        exceeds = 1.0 - np.cumsum(np.asarray(pmf, dtype=np.float64))
        return mean - np.concatenate([[0.0], np.cumsum(exceeds[:-1])])

    unmet = shortfalls(protection_pmf, mean_over_protection) - shortfalls(lead_time_pmf, mean_over_lead_time)
    return _share_met(unmet, np.full(len(unmet), mean_over_protection - mean_over_lead_time))


# --------------------------------------------------------------------------- inside


def _floats(*values: npt.ArrayLike) -> tuple[Floats, ...]:
    return tuple(np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in values)))


def _tail(at_least: npt.ArrayLike, mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike, more: int) -> Floats:
    """P(X >= at_least), X negative binomial of size r + more; ``mean`` is that of size r."""
    k, mean, ratio = _floats(at_least, mean, variance_to_mean)
    shape = k.shape
    k, mean, excess = k.ravel(), mean.ravel(), ratio.ravel() - 1.0
    tail = np.where(k <= 0, 1.0, 0.0)
    is_open = (k > 0) & (mean > 0)
    poisson = np.flatnonzero(is_open & (excess < POISSON_BELOW))
    tail[poisson] = gammainc(k[poisson], mean[poisson])
    spread = np.flatnonzero(is_open & (excess >= POISSON_BELOW))
    over = excess[spread]
    tail[spread] = betainc(k[spread], mean[spread] / over + more, over / (1.0 + over))
    return tail.reshape(shape)


def second_loss(level: npt.ArrayLike, mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike) -> Floats:
    """E((X - S)+ (X - S + 1)) / 2, the sum of the shortfalls of every level from S on; S >= 0."""
    s, m, v = _floats(level, mean, variance_to_mean)
    pairs = m * (m + v - 1.0) * _tail(s - 1, m, v, more=2)
    summed = pairs - 2.0 * (s - 1) * m * _tail(s, m, v, more=1) + s * (s - 1) * _tail(s + 1, m, v, more=0)
    return np.maximum(summed, 0.0) / 2


def _columns(mean: npt.ArrayLike, shape: tuple[int, ...]) -> Floats:
    mean = np.asarray(mean, dtype=np.float64)
    return np.broadcast_to(mean if mean.ndim == 2 else np.atleast_1d(mean)[:, None], shape)


def _rows(
    level: npt.ArrayLike, mean: npt.ArrayLike, variance_to_mean: npt.ArrayLike, weights: npt.ArrayLike | None
) -> tuple[Floats, Floats, Floats, Floats]:
    mean = np.asarray(mean, dtype=np.float64)
    mean = mean if mean.ndim == 2 else np.atleast_1d(mean)[:, None]
    level, spread = np.atleast_1d(*_floats(level, variance_to_mean))
    n = max(len(mean), len(level)) if len(mean) and len(spread) else 0
    mean = np.broadcast_to(mean, (n, mean.shape[1]))
    given = np.ones(mean.shape[1]) if weights is None else np.asarray(weights, dtype=np.float64)
    return (
        np.broadcast_to(level, (n,)),
        mean,
        np.broadcast_to(spread, (n,)),
        np.broadcast_to(given, mean.shape),
    )


def _targets(target: npt.ArrayLike, n: int) -> Floats:
    targets = np.broadcast_to(np.asarray(target, dtype=np.float64), (n,))
    wrong = ~((targets > 0) & (targets < 1))
    if wrong.any():
        raise SettingsError(f"the service target is {float(targets[wrong][0])!r}; it must be above 0 and below 1.")
    return targets


def _mixed_tail(level: Floats, mean: Floats, spread: Floats, weights: Floats) -> Floats:
    return (_tail(np.floor(level)[:, None] + 1, mean, spread[:, None], more=0) * weights).sum(axis=1)


def _unmet(
    level: Floats, mean_lead: Floats, mean_protection: Floats, spread: Floats, weights: Floats
) -> tuple[Floats, Floats]:
    """Expected pieces not met from the shelf in a cycle, and expected pieces asked for in it."""
    at, ratio = level[:, None], spread[:, None]
    short = expected_shortfall(at, mean_protection, ratio) - expected_shortfall(at, mean_lead, ratio)
    return (short * weights).sum(axis=1), ((mean_protection - mean_lead) * weights).sum(axis=1)


def _share_met(unmet: Floats, asked: Floats) -> Floats:
    is_asked = asked > 0
    share = np.ones(len(asked))
    np.divide(unmet, asked, out=share, where=is_asked)
    return np.where(is_asked, np.clip(1.0 - share, 0.0, 1.0), 1.0)


def _solid(*arrays: Floats) -> tuple[Floats, ...]:
    """Copies in one piece of memory, as the compiled kernels want them; a broadcast array is not one."""
    return tuple(np.array(one, order="C") for one in arrays)


def _settled(
    walked: Wholes, misses: Callable[[Floats, Wholes], npt.NDArray[np.bool_]], mean: Floats, spread: Floats
) -> Wholes:
    """The levels found, and where one is -1 the smallest that does not miss, by doubling and bisection."""
    level = walked.copy()
    rows = np.flatnonzero(level < 0)
    if not len(rows):
        return level
    typical = mean[rows].max(axis=1, initial=0.0)
    low, high = np.full(len(rows), -1.0), np.ceil(typical)
    width = np.maximum(1.0, np.ceil(np.sqrt(typical * spread[rows]) / 2))
    short = np.flatnonzero(misses(high, rows))
    while len(short):
        low[short] = high[short]
        high[short] += width[short]
        width[short] *= 2
        short = short[misses(high[short], rows[short])]
    between = np.flatnonzero(high - low > 1)
    while len(between):
        middle = np.floor((low[between] + high[between]) / 2)
        below = misses(middle, rows[between])
        low[between[below]] = middle[below]
        high[between[~below]] = middle[~below]
        between = between[high[between] - low[between] > 1]
    level[rows] = high.astype(np.int64)
    return level
