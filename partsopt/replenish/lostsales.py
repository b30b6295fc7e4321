"""Service of a (T, S) policy where unmet demand is lost: the workshop buys elsewhere."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from partsopt.errors import SettingsError
from partsopt.replenish.lotsizing import plain
from partsopt.replenish.smallestlevel import settled, shares
from partsopt.replenish.tabulated import tabulated_fill_rates

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

MOST_MOVES = 2_000_000  # of the exact chain; beyond, or unsettled, the service is approximated
MOST_ROUNDS, MOST_STEPS = 1_000_000, 2_000_000_000  # of the chain, and moves in all its rounds
SETTLED = 1e-14  # change of the chances of its states, in all, at which it stops
UNSETTLED = 1e-10  # a change that is larger after the last round
STAYS = 0.1  # chance of no move that is added, so that a chain that goes round settles as well
EXACT, APPROXIMATE, NO_DEMAND = "exact chain", "Silver, Pyke & Thomas", "no demand"


class LostSales(NamedTuple):
    """Share of demand met, expected pieces on hand at the end of a period, and the method that gave them."""

    fill_rate: float | Floats
    on_hand_at_end: float | Floats
    method: str | npt.NDArray[np.str_]


def lost_sales_service(level: npt.ArrayLike, lead_time_reviews: npt.ArrayLike, demand_pmf: npt.ArrayLike) -> LostSales:
    """Service of an order-up-to level under lost sales: the exact chain where it is small, else an approximation.

    A period goes: the order of ``lead_time_reviews`` periods ago arrives, the position is raised to S,
    demand follows, what is not met is lost.

    Parameters
    ----------
    level
        S, whole pieces, 0 or more; a number or shape (rows,).
    lead_time_reviews
        Lead time in review periods, whole, 0 or more; a number or shape (rows,).
    demand_pmf
        Probability of demand 0 .. n - 1 of one review period, shape (n,) or (rows, n); what it lacks to 1 counts as
        demand of n pieces.

    Returns
    -------
    LostSales
        Numbers where all arguments speak of one part, else shape (rows,). The method is "exact chain"; "Silver, Pyke &
        Thomas", :func:`lost_sales_fill_rate`, where the chain would have more than two million moves; "no demand".

    Raises
    ------
    SettingsError
        A level or lead time that is negative or not whole, or a table that is none.

    Notes
    -----
    After ordering, on hand and the orders under way add up to S, so the states are the ways of writing S as a sum of
    L + 1 parts: (S + L)! / (S! L!). Bijvank & Vis (2011), EJOR 215. What is on hand at the end is S less the sales of
    the last L + 1 periods, S - (L + 1) x mean x fill rate.

    Examples
    --------
    >>> from partsopt.replenish.service import demand_pmf
    >>> got = lost_sales_service(3, 1, demand_pmf(1.0, 1.0, 40))
    >>> round(got.fill_rate, 6), round(got.on_hand_at_end, 6), got.method
    (0.852581, 1.294838, 'exact chain')
    >>> lost_sales_service([3, 4], 1, demand_pmf(1.0, 1.0, 40)).fill_rate.round(4).tolist()
    [0.8526, 0.9434]
    """
    up_to, reviews = _wholes("level", level), _wholes("lead_time_reviews", lead_time_reviews)
    table = _complete(demand_pmf)
    shape = np.broadcast_shapes(up_to.shape, reviews.shape, table.shape[:-1])
    up_to, reviews = _in_a_row(up_to, shape), _in_a_row(reviews, shape)
    rows = _in_a_row(table, (*shape, table.shape[-1])).reshape(-1, table.shape[-1])
    mean = rows @ np.arange(rows.shape[1])
    sold = chain_sales(up_to, reviews, rows)
    fill = np.divide(sold, mean, out=np.ones(len(mean)), where=mean > 0)
    method = np.where(mean > 0, EXACT, NO_DEMAND).astype(object)
    for row in np.flatnonzero(np.isnan(fill)):
        fill[row] = lost_sales_fill_rate(_backorder_fill_rate(up_to[row], reviews[row], rows[row], mean[row]))
        method[row] = APPROXIMATE
    left = np.maximum(up_to - (reviews + 1) * mean * fill, 0.0)
    return LostSales(*(plain(one.reshape(shape)) for one in (fill, left, method.astype(str))))


def level_for_lost_sales_fill_rate(
    target: npt.ArrayLike, lead_time_reviews: npt.ArrayLike, demand_pmf: npt.ArrayLike
) -> int | Wholes:
    """The smallest whole S whose fill rate under lost sales reaches the target.

    Parameters
    ----------
    target
        Above 0 and below 1; a number or shape (rows,).
    lead_time_reviews, demand_pmf
        As in :func:`lost_sales_service`, which also says whether the answer is exact.

    Raises
    ------
    SettingsError
        A target outside (0, 1): no level reaches 1.

    Notes
    -----
    By bisection: a piece more on the shelf never sells less (Bijvank & Vis 2011).

    Examples
    --------
    >>> from partsopt.replenish.service import demand_pmf
    >>> level_for_lost_sales_fill_rate(0.9, 1, demand_pmf(1.0, 1.0, 40))
    4
    """
    reviews, table = _wholes("lead_time_reviews", lead_time_reviews), _complete(demand_pmf)
    wanted = shares(np.asarray(target, dtype=np.float64))
    shape = np.broadcast_shapes(wanted.shape, reviews.shape, table.shape[:-1])
    wanted, reviews = _in_a_row(wanted, shape), _in_a_row(reviews, shape)
    rows = _in_a_row(table, (*shape, table.shape[-1])).reshape(-1, table.shape[-1])

    def misses(level: Floats, at: Wholes) -> npt.NDArray[np.bool_]:
        return np.asarray(lost_sales_service(level, reviews[at], rows[at]).fill_rate < wanted[at])

    demand: Floats = (rows @ np.arange(rows.shape[1])).astype(np.float64) * (reviews + 1)
    level = settled(np.full(len(rows), -1), misses, demand[:, None], np.ones(len(rows)))
    return plain(level.reshape(shape))


def lost_sales_fill_rate(backorder_fill_rate: npt.ArrayLike) -> Floats:
    """Fill rate under lost sales from the exact fill rate of the same level with backorders.

    Parameters
    ----------
    backorder_fill_rate
        Share of demand met at once if the rest waited, 0 to 1, any shape.

    Notes
    -----
    Of a cycle's demand n pieces are short; where they are lost a cycle spans Q + n pieces of demand, so the
    share lost is n / (Q + n) instead of n / Q (Silver, Pyke & Thomas 2017, section 6.9, complete lost sales).
    An approximation: against the exact chain (Poisson, lead times of 1 to 3 reviews, levels up to 8 pieces) it
    is at most 2 points low where the chain meets 95 % or more, up to 9 points low around 80 %, and useless below
    50 %, where it may be far too high.

    Examples
    --------
    >>> round(float(lost_sales_fill_rate(0.95)), 4)
    0.9524
    """
    short = 1.0 - np.asarray(backorder_fill_rate, dtype=np.float64)
    return np.asarray(1.0 / (1.0 + short))


@njit(cache=True, nogil=True)
def chain_moves(stock: int, parts: int) -> tuple[Wholes, Wholes]:
    """Pieces on hand in each state of a chain, and the state that follows each demand up to those, in turn.

    A state is a way of writing the stock as on hand + the orders under way, the oldest first, in lexicographic order.
    """
    ways = np.ones((stock + 2, parts + 1), dtype=np.int64)  # of writing s as a sum of m + 1 parts
    for s in range(1, stock + 2):
        for m in range(1, parts + 1):
            ways[s, m] = ways[s - 1, m] + ways[s, m - 1]
    n_states = ways[stock, parts - 1]
    on_hand, following = np.empty(n_states, dtype=np.int64), np.empty(ways[stock, parts], dtype=np.int64)
    state = np.zeros(parts, dtype=np.int64)
    state[parts - 1] = stock
    used = 0
    for number in range(n_states):
        on_hand[number] = state[0]
        for demand in range(state[0] + 1):
            rank, remaining = 0, stock
            for place in range(parts - 1):
                part = state[place + 1] if place else state[0] - demand + state[1]
                rank += ways[remaining, parts - 1 - place] - ways[remaining - part, parts - 1 - place]
                remaining -= part
            following[used] = rank
            used += 1
        for place in range(parts - 2, -1, -1):  # the next state has one piece more at the last place that can
            behind = 0
            for later in range(place + 1, parts):
                behind += state[later]
            if behind > 0:
                state[place] += 1
                state[place + 1 :] = 0
                state[parts - 1] = behind - 1
                break
    return on_hand, following


@njit(cache=True, nogil=True)
def long_run(on_hand: Wholes, following: Wholes, chance: Floats, at_least: Floats) -> tuple[Floats, float]:
    """Chances of the states of a chain in the long run, from a full shelf on, and their change in the last round."""
    n_states = len(on_hand)
    now, then = np.zeros(n_states), np.zeros(n_states)
    now[n_states - 1] = 1.0
    change = 1.0
    for _ in range(min(MOST_ROUNDS, MOST_STEPS // len(following))):
        for number in range(n_states):
            then[number] = STAYS * now[number]
        used = 0
        for number in range(n_states):
            likely, shelf = (1.0 - STAYS) * now[number], on_hand[number]
            for demand in range(shelf):
                then[following[used + demand]] += likely * chance[demand]
            then[following[used + shelf]] += likely * at_least[shelf]
            used += shelf + 1
        change = 0.0
        for number in range(n_states):
            change += abs(then[number] - now[number])
        now, then = then, now
        if change <= SETTLED:
            break
    return now, change


@njit(cache=True, nogil=True)
def chain_sales(level: Wholes, orders: Wholes, demand_pmf: Floats) -> Floats:
    """Pieces sold a period in the long run of each row; NaN where the chain is too large or does not settle."""
    sold = np.empty(len(level))
    for i in range(len(level)):
        stock, parts = level[i], orders[i] + 1
        n_moves = 1.0
        for m in range(1, parts + 1):
            n_moves *= (stock + m) / m
        sold[i] = np.nan
        if n_moves > MOST_MOVES:
            continue
        chance, at_least = np.zeros(stock + 1), np.zeros(stock + 1)  # of a demand
        met = np.zeros(stock + 1)  # expected sales from so many pieces on hand
        rest = 1.0
        for d in range(stock + 1):
            at_least[d] = max(rest, 0.0)
            chance[d] = demand_pmf[i, d] if d < demand_pmf.shape[1] else 0.0
            rest -= chance[d]
            if d:
                met[d] = met[d - 1] + at_least[d]
        on_hand, following = chain_moves(stock, parts)
        states, change = long_run(on_hand, following, chance, at_least)
        if change <= UNSETTLED:
            sold[i] = (states * met[on_hand]).sum()
    return sold


def _backorder_fill_rate(level: int, orders: int, pmf: Floats, mean: float) -> float:
    """Exact fill rate with backorders, from the demand of one period."""
    one = np.zeros(level + 1)
    one[: min(len(pmf), level + 1)] = pmf[: level + 1]
    over = np.zeros(level + 1)
    over[0] = 1.0
    for _ in range(orders):
        over = np.convolve(over, one)[: level + 1]
    longer = np.convolve(over, one)[: level + 1]
    return float(tabulated_fill_rates(over, longer, orders * mean, (orders + 1) * mean)[level])


def _in_a_row(given: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """A copy of this shape, its elements one after the other."""
    return np.array(np.broadcast_to(given, shape), order="C").reshape(-1)


def _wholes(name: str, given: npt.ArrayLike) -> Wholes:
    values = np.asarray(given, dtype=np.float64)
    wrong = ~((values >= 0) & (values == np.floor(values)))
    if wrong.any():
        raise SettingsError(f"{name} is {values[wrong][0]:g}; it must be a whole number, 0 or more.")
    return values.astype(np.int64)


def _complete(pmf: npt.ArrayLike) -> Floats:
    """The table with what it lacks to 1 put at its end."""
    table = np.asarray(pmf, dtype=np.float64)
    lacking = 1.0 - table.sum(axis=-1, keepdims=True)
    if not (table.shape[-1] and (table >= 0).all() and (lacking >= -1e-9).all()):
        raise SettingsError("demand_pmf must be a row of probabilities, none below 0 and at most 1 in all")
    return np.concatenate([table, np.maximum(lacking, 0.0)], axis=-1)
