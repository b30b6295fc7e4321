"""What a part's life adds to its stock: hazards of obsolescence, chances of sale, a cap on unsold stock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.replenish.levels import DemandAhead, Levels, mean_between
from partsopt.replenish.pairs import Pairs
from partsopt.replenish.position import largest_of_site
from partsopt.replenish.review import Reviews
from partsopt.replenish.service import demand_quantile, demand_tail, expected_shortfall
from partsopt.settings import ReplenishParams
from partsopt.tables import LIFECYCLES, declare_exception

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

DAYS_PER_MONTH = 365.25 / 12
LEVEL_CAPPED = declare_exception(
    "level_capped",
    stage="replenish",
    says="a level was cut because pieces of it would likely be left over; it promises less than its class",
    action="accept it, or raise replenish.unsold_probability; money is what the cut saves in stock",
)

NO_CAP = 2**40  # pieces
ENDS_ANYHOW = ("phase_out", "ended")  # only here may the cap take the last piece; else that is the stocking decision
TIMES, TIME_WEIGHTS = np.polynomial.legendre.leggauss(12)  # of a horizon, for the time that pieces wait


class Sales(NamedTuple):
    """Pieces expected to be sold, and the piece-years that the stock waits meanwhile; shape (n,)."""

    pieces: Floats
    piece_years: Floats


class Held(NamedTuple):
    """Pieces of stocks and what selling them would bring, arrays of shape (n,).

    Pieces number ``first + 1`` to ``last`` of each stock are in question; ``gain`` is money for a piece sold, ``rest``
    for one left after ``years``, ``per_year`` what a piece costs meanwhile.
    """

    first: Wholes
    last: Wholes
    mean_per_year: Floats
    variance_to_mean: Floats
    years: Floats
    gain: Floats
    rest: Floats
    per_year: Floats
    decline_per_year: float = 0.0

    def at(self, rows: Wholes) -> Held:
        """Those of some rows."""
        return Held(
            self.first[rows],
            self.last[rows],
            self.mean_per_year[rows],
            self.variance_to_mean[rows],
            self.years[rows],
            self.gain[rows],
            self.rest[rows],
            self.per_year[rows],
            self.decline_per_year,
        )


def sales_of(
    first: npt.ArrayLike,
    last: npt.ArrayLike,
    mean_per_year: npt.ArrayLike,
    variance_to_mean: npt.ArrayLike,
    years: npt.ArrayLike,
    decline_per_year: float = 0.0,
) -> Sales:
    """What becomes of the pieces number ``first + 1`` to ``last`` of a stock within a horizon.

    Piece n is sold once demand reaches n; until then, or to the end of the horizon, it waits.

    Parameters
    ----------
    first, last
        Whole pieces, 0 <= first <= last; all are broadcast.
    mean_per_year, variance_to_mean
        Of the demand; 1 is Poisson.
    years
        The horizon, above 0.
    decline_per_year
        Demand falls by exp(-decline) a year.

    Notes
    -----
    The sum over n = a + 1 .. b of P(D >= n) is E(D - a)+ - E(D - b)+; time is integrated at twelve Gauss-Legendre
    points of the horizon.

    Examples
    --------
    >>> sales = sales_of([0, 1], [1, 2], 1.0, 1.0, 2.0)  # Poisson 2: 1 - exp(-2), 1 - 3 exp(-2)
    >>> sales.pieces.round(4).tolist(), sales.piece_years.round(4).tolist()
    ([0.8647, 0.594], [0.8647, 1.4587])
    """
    a, b, rate, ratio, horizon = np.broadcast_arrays(
        *(np.asarray(one, dtype=np.float64) for one in (first, last, mean_per_year, variance_to_mean, years))
    )

    def sold_by(when: Floats) -> Floats:
        mean = rate * (-np.expm1(-decline_per_year * when) / decline_per_year if decline_per_year > 0 else when)
        return expected_shortfall(a, mean, ratio) - expected_shortfall(b, mean, ratio)

    waiting = np.zeros(a.shape)
    for time, weight in zip(TIMES, TIME_WEIGHTS, strict=True):
        waiting += weight / 2 * (b - a - sold_by(horizon * (time + 1) / 2))
    return Sales(np.clip(sold_by(horizon), 0.0, b - a), np.clip(waiting * horizon, 0.0, (b - a) * horizon))


def worth_of(
    sales: Sales, pieces: npt.ArrayLike, gain: Floats | float, rest: Floats | float, per_year: Floats | float
) -> Floats:
    """Money that keeping pieces is worth: what sales bring, what is left brings, less holding while they wait.

    Parameters
    ----------
    sales
        Of :func:`sales_of`.
    pieces
        How many are kept.
    gain, rest
        Money for a piece sold, and for one left at the end.
    per_year
        Holding and obsolescence of a piece for a year.

    Examples
    --------
    >>> worth_of(Sales(np.array([0.8]), np.array([0.5])), [1], 100.0, 10.0, 20.0).round(6).tolist()  # 80 + 2 - 10
    [72.0]
    """
    kept = np.asarray(pieces, dtype=np.float64)
    return sales.pieces * gain + (kept - sales.pieces) * rest - sales.piece_years * per_year


class Kept(NamedTuple):
    """Money of keeping pieces: what their sales and the rest bring, and what holding them costs meanwhile."""

    sales: Floats
    holding: Floats


def kept_money(held: Held, first: Wholes, last: Wholes) -> Kept:
    """Money of keeping the pieces number ``first + 1`` to ``last``."""
    sales = sales_of(first, last, held.mean_per_year, held.variance_to_mean, held.years, held.decline_per_year)
    brought = worth_of(sales, last - first, held.gain, held.rest, 0.0)
    return Kept(brought, sales.piece_years * held.per_year)


def kept_worth(held: Held, first: Wholes, last: Wholes) -> Floats:
    """Money that keeping the pieces number ``first + 1`` to ``last`` is worth."""
    money = kept_money(held, first, last)
    return money.sales - money.holding


def kept_until(held: Held, disposal: Floats) -> Wholes:
    """Number of the last piece in question that is worth more kept than disposed of; ``held.first`` where none is.

    The worth of a piece falls with its number: a later piece is sold later and less surely, so the last one is
    found by bisection.

    Parameters
    ----------
    held
        Stocks.
    disposal
        Money for a piece disposed of, shape (n,).
    """
    low, high = held.first.copy(), held.last.copy()

    def is_kept(piece: Wholes, at: Wholes) -> npt.NDArray[np.bool_]:
        here = held.at(at)
        return kept_worth(here, piece - 1, piece) >= disposal[at]

    every = np.flatnonzero(high > low)
    last_kept = is_kept(high[every], every)
    low[every[last_kept]] = high[every[last_kept]]
    first_kept = is_kept(low[every] + 1, every) if len(every) else np.zeros(0, dtype=bool)
    high[every[~first_kept & ~last_kept]] = low[every[~first_kept & ~last_kept]]
    while True:
        open_ = np.flatnonzero(high > low)
        if not len(open_):
            return low
        middle = (low[open_] + high[open_] + 1) // 2
        kept = is_kept(middle, open_)
        low[open_[kept]] = middle[kept]
        high[open_[~kept]] = middle[~kept] - 1


def unsold_chance(level: npt.ArrayLike, mean_over_horizon: npt.ArrayLike, variance_to_mean: npt.ArrayLike) -> Floats:
    """Probability that a piece of this stock is still there at the end of the horizon, P(D(H) < S).

    Examples
    --------
    >>> round(float(unsold_chance(1, 1.0, 1.0)), 6)  # exp(-1)
    0.367879
    """
    return 1.0 - demand_tail(level, mean_over_horizon, variance_to_mean)


def unsold_cap(mean_over_horizon: Floats, variance_to_mean: Floats, most: float) -> Wholes:
    """The largest stock of which a piece is still unsold at the end of the horizon with at most this probability.

    Parameters
    ----------
    mean_over_horizon, variance_to_mean
        Demand over the horizon, shape (n,).
    most
        The probability allowed; 1 allows everything.

    Notes
    -----
    P(D(H) < S) <= p holds up to the smallest s with P(D(H) <= s) >= p, for S - 1 is the first whose P(D <= S - 1)
    may not pass p. It rises with the horizon's demand and with p.

    Examples
    --------
    >>> unsold_cap(np.array([3.0, 0.2, 0.0]), np.ones(3), 0.5).tolist()
    [3, 0, 0]
    """
    if most >= 1:
        return np.full(len(mean_over_horizon), NO_CAP)
    if most <= 0:
        return np.zeros(len(mean_over_horizon), dtype=np.int64)
    return demand_quantile(most, mean_over_horizon, variance_to_mean)


# --------------------------------------------------------------------------- of pairs


def of_life(by: Mapping[str, float], life: npt.NDArray[np.integer]) -> Floats:
    """The value of each pair's lifecycle, such as a hazard or a horizon."""
    return np.array([by[name] for name in LIFECYCLES], dtype=np.float64)[life]


def holding_rates(pairs: Pairs, params: ReplenishParams) -> Floats:
    """Cost of holding a pair's stock for a year, as a share of its value: holding and the hazard of its lifecycle."""
    return params.holding_rate_per_year + of_life(params.obsolescence_per_year, pairs.rows["life"].to_numpy())


def level_caps(
    pairs: Pairs,
    ahead: DemandAhead,
    worthless_in: Floats,
    reviews: Reviews,
    chosen: pd.DataFrame,
    params: ReplenishParams,
) -> Wholes:
    """The highest level of each pair that the chance of being unsold allows.

    A part that is new or active keeps one piece: whether to stock it at all is the stocking decision. A part that may
    not be sold any more after ``worthless_in`` days must be sold by then, and is not ordered if it would come later.
    """
    life = pairs.rows["life"].to_numpy()
    days = of_life(params.unsold_after_months, life) * DAYS_PER_MONTH
    is_replaced = worthless_in < np.inf
    days = np.minimum(days, worthless_in)
    cap = np.full(len(life), NO_CAP)
    at = np.flatnonzero(pairs.rows["is_stocked"].to_numpy())
    mean = mean_between(ahead, np.zeros(len(life)), days)[at]
    cap[at] = unsold_cap(mean, pairs.rows["variance_to_mean"].to_numpy()[at], params.unsold_probability)
    comes_too_late = reviews.review_in_days + chosen["lead_time_days"].to_numpy() >= worthless_in
    cap[is_replaced & comes_too_late] = 0
    ends = np.isin(life, [LIFECYCLES.index(name) for name in ENDS_ANYHOW]) | is_replaced
    return np.where(ends, cap, np.maximum(cap, 1))


def capped_levels(
    pairs: Pairs, cap_cut: Wholes, levels: Levels, worthless_in: Floats, params: ReplenishParams
) -> pd.DataFrame:
    """Exceptions for the levels that were cut, the largest of each site by money and the total of the others."""
    row = np.flatnonzero(cap_cut > 0)
    months = of_life(params.unsold_after_months, pairs.rows["life"].to_numpy()[row])
    reason = [
        f"another number takes its place in {ends:.0f} days"
        if np.isfinite(ends)
        else f"likely unsold after {n:g} months"
        for ends, n in zip(worthless_in[row], months, strict=True)
    ]
    level = levels.order_up_to_level[row]
    told = zip(cap_cut[row] + level, level, reason, levels.promised_fill_rate[row], strict=True)
    rows = pairs.rows.iloc[row][["site_id", "part_id"]].assign(
        money=cap_cut[row] * pairs.rows["part_cost"].to_numpy()[row],
        what=[f"level {wanted} cut to {to}: {why}; it promises {fill:.1%}" for wanted, to, why, fill in told],
    )
    return largest_of_site(LEVEL_CAPPED, rows, "{n} more levels were cut")
