"""Choice of T: for each source of a site, the working days between reviews of each class that cost least.

Every T is weighed with the levels it needs: their exact stock on hand, the lines it orders, and the orders that the
classes of a source share. Where a site can handle only so many order lines a day, one price of a line
(a Lagrange multiplier) decides most sources, and an integer programme those that are close.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.errors import SettingsError
from partsopt.replenish.chain import Delay, Demand, matched
from partsopt.replenish.levels import levels_reaching
from partsopt.replenish.service import mean_on_hand, order_chance
from partsopt.tables import ABC_CLASSES

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

PERIODS = (1, 2, 5, 10, 20)  # working days between reviews; each divides the last, so days of one source coincide
CYCLE = PERIODS[-1]  # working days after which the reviews of a source repeat: four weeks
CALENDAR_DAYS = np.array(PERIODS) * 7 / 5
WORKING_DAYS_PER_YEAR = 365.25 * 5 / 7
CHOICES = np.array(list(product(reversed(range(len(PERIODS))), repeat=len(ABC_CLASSES))), dtype=np.int64)


class PairCosts(NamedTuple):
    """Of each pair and each T of ``PERIODS``, shape (n, 5): money a year of stock, and chance of a line in a review."""

    holding: Floats
    line_chance: Floats


class SourceCosts(NamedTuple):
    """Of each source and each choice of T for its classes (``CHOICES``), shape (g, 125).

    Money a year, order lines a working day, and lines of the day on which all classes are reviewed.
    """

    money: Floats
    lines_per_day: Floats
    most_lines: Floats


class Periods(NamedTuple):
    """The choice of each source: row of ``CHOICES``; and, where lines are scarce, the answer's quality."""

    choice: Wholes
    status: str
    objective: float
    bound: float
    solutions: int


def pair_costs(
    demand_at: Callable[[float], tuple[Demand, Delay]], target: Floats, holding_per_piece: Floats, measure: str
) -> PairCosts:
    """Weigh every T for each pair, at the level that keeps its service target: that of the night.

    Parameters
    ----------
    demand_at
        Demand of the pairs over L and over T + L for a T in calendar days, and what their DC owes them.
    target, measure
        Service target, and what it is about: fill_rate or cycle_service_level.
    holding_per_piece
        Money for a piece and year.

    Notes
    -----
    The ``h (cycle + safety(T + L))`` of the usual formula, exact: holding times the mean of E(S - D(t))+ from L to
    T + L, the delay at the DC in its moments.
    """
    n = len(target)
    held, chance = np.zeros((n, len(PERIODS))), np.zeros((n, len(PERIODS)))
    for place, days in enumerate(CALENDAR_DAYS.tolist() if n else []):
        part, delay = demand_at(days)
        level = levels_reaching(target, part, delay, by_cycle=measure == "cycle_service_level")
        seen = matched(part, delay)
        on_hand = mean_on_hand(
            level, seen.batch, seen.over_lead_time, seen.over_protection, seen.variance_to_mean, seen.weights
        )
        held[:, place] = holding_per_piece * on_hand
        chance[:, place] = order_chance(part.batch, part.over_review, part.variance_to_mean)
    return PairCosts(held, chance)


def source_costs(
    costs: PairCosts, source: Wholes, abc_class: Wholes, n_sources: int, order_cost: Floats, line_cost: Floats
) -> SourceCosts:
    """Weigh every choice of T of the classes of each source, whose reviews fall on the same days where they can.

    Parameters
    ----------
    costs
        Of each pair.
    source, abc_class
        Number of each pair's source (of its site) and class.
    n_sources
        How many sources there are.
    order_cost
        Money for an order on each source, whatever its lines, shape (g,).
    line_cost
        Money for an order line of each pair, shape (n,).

    Notes
    -----
    Orders a year are exact for independent demand: on each of the 20 working days after which reviews repeat, an
    order is placed unless no part reviewed on it needs a line.
    """
    n_classes, n_periods = len(ABC_CLASSES), len(PERIODS)
    place = source * n_classes + abc_class
    reviews = WORKING_DAYS_PER_YEAR / np.array(PERIODS)

    def summed(values: Floats) -> Floats:
        columns = [np.bincount(place, one, minlength=n_sources * n_classes) for one in values.T]
        return np.stack(columns, axis=1).astype(np.float64).reshape(n_sources, n_classes, n_periods)

    own = summed(costs.holding + line_cost[:, None] * costs.line_chance * reviews)
    lines = summed(costs.line_chance)
    log_none = summed(np.log1p(-np.minimum(costs.line_chance, 1 - 1e-15)))
    each = np.arange(n_classes)
    money = own[:, each, CHOICES].sum(axis=2)
    none_of = log_none[:, each, CHOICES]
    for day in range(CYCLE):
        is_reviewed = day % np.array(PERIODS)[CHOICES] == 0
        if is_reviewed.any():
            none = (none_of * is_reviewed).sum(axis=2)
            money += order_cost[:, None] * -np.expm1(none) * WORKING_DAYS_PER_YEAR / CYCLE
    per_day = (lines / np.array(PERIODS))[:, each, CHOICES].sum(axis=2)
    return SourceCosts(money, per_day, lines[:, each, CHOICES].sum(axis=2))


def cheapest_periods(costs: SourceCosts, most_lines: float = np.inf) -> Periods:
    """The choice of T of each source of a site that costs least, within its order lines a day.

    Parameters
    ----------
    costs
        Of the sources of one site.
    most_lines
        Order lines a day that the site can handle: on average over all sources; and on the fullest day of each
        source, where that can be had besides.

    Raises
    ------
    SettingsError
        Even the fewest reviews need more lines; the text says how many.

    Examples
    --------
    >>> lines = np.array([[1.0, 2.0], [1.0, 2.0]])
    >>> costs = SourceCosts(np.array([[5.0, 3.0], [4.0, 4.5]]), lines, lines)
    >>> cheapest_periods(costs).choice.tolist(), cheapest_periods(costs, 2.5).choice.tolist()
    ([1, 0], [0, 0])
    """
    row = np.arange(len(costs.money))
    kept = costs.most_lines <= most_lines
    kept |= ~kept.any(axis=1, keepdims=True)
    if np.where(kept, costs.lines_per_day, np.inf).min(axis=1).sum() <= most_lines:
        costs = costs._replace(money=np.where(kept, costs.money, np.inf))
    free = np.argmin(costs.money, axis=1)
    least = float(costs.money[row, free].sum())
    if costs.lines_per_day[row, free].sum() <= most_lines:
        return Periods(free, "nothing_to_do", least, least, 0)
    fewest = costs.lines_per_day.min(axis=1).sum()
    if fewest > most_lines:
        raise SettingsError(f"{most_lines:g} order lines a day are too few: even the rarest reviews need {fewest:.1f}.")
    from partsopt.replenish.budget import share_budget  # pulp: only if needed

    shown, lines, saved = _efficient(costs)
    base = lines[:, 0].sum()
    number = np.broadcast_to(np.arange(1, shown.shape[1] + 1), shown.shape)
    share = share_budget(number, lines - lines[:, :1], saved, float(most_lines - base))
    choice = shown[row, np.maximum(share.quantity - 1, 0)]
    dearest = float(costs.money[row, shown[:, 0]].sum())
    return Periods(choice, share.status, dearest - share.objective, dearest - share.bound, share.solutions)


def within_source(costs: SourceCosts, most_lines: Floats) -> SourceCosts:
    """The costs without the choices that order more lines than their source takes in a day, those being infinite.

    Choices whose fullest day keeps within ``most_lines`` come first, then those that do so on average, then the rarest
    reviews.

    Examples
    --------
    >>> lines = np.array([[1.0, 2.0]])
    >>> within_source(SourceCosts(np.array([[5.0, 3.0]]), lines, lines), np.array([1.5])).money.tolist()
    [[5.0, inf]]
    """
    most = most_lines[:, None]
    fewest = costs.lines_per_day <= costs.lines_per_day.min(axis=1, keepdims=True)
    kept = costs.most_lines <= most
    for further in (costs.lines_per_day <= most, fewest):
        kept = np.where(kept.any(axis=1, keepdims=True), kept, further)
    return SourceCosts(*(np.where(kept, one, np.inf) for one in costs))


def _efficient(costs: SourceCosts) -> tuple[Wholes, Floats, Floats]:
    """Choices of each source that no other beats in lines and money, by rising lines; their lines and savings.

    The last choice of a source is repeated; what is saved is counted from its first.
    """
    order = np.lexsort((costs.money, np.where(np.isinf(costs.money), np.inf, costs.lines_per_day)), axis=1)
    money = np.take_along_axis(costs.money, order, axis=1)
    before = np.minimum.accumulate(money, axis=1)
    is_better = np.concatenate([np.ones((len(money), 1), bool), money[:, 1:] < before[:, :-1]], axis=1)
    kept = is_better.sum(axis=1)
    place = np.argsort(~is_better, axis=1, kind="stable")[:, : int(kept.max(initial=1))]
    place = np.take_along_axis(place, np.minimum(np.arange(place.shape[1]), kept[:, None] - 1), axis=1)
    shown = np.take_along_axis(order, place, axis=1)
    lines = np.take_along_axis(costs.lines_per_day, shown, axis=1)
    paid = np.take_along_axis(costs.money, shown, axis=1)
    return shown, lines, paid[:, :1] - paid
