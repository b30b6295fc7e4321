"""The system approach over DCs and dealers together: a part at a DC and at its dealers is one family.

A level of the DC sets how long its dealers wait, so it changes the staircase of each of them. Every level of the
DC that is weighed is a variant of its family: the DC's own cost and service, and the steps of its dealers'
envelopes. One price of service chooses the steps of every variant and the variant of every family.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.replenish.staircase import envelope
from partsopt.replenish.targets import ROUNDING, Staircases, checked_goal, searched

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# fill rates of the DC whose levels are weighed, where it has more levels than these; then those between
WEIGHED = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.995, 1.0)
LEAST_PRICE = 1e-18  # of the highest; below, money is free
BISECTIONS = 90
SMALL_NETWORK = 20_000  # choices of all families, up to which every one of them is weighed


class Variants(NamedTuple):
    """Levels of the DC that are weighed, sorted by family, with the staircases of the dealers at each.

    Variant v has the DC's row ``head`` (-1: no DC to choose for), its level, money and service, and the dealers' rows
    ``row_start[v]`` to ``row_start[v + 1]`` of ``row``, each with its cost and weight, and a staircase in ``stairs``
    at that level of the DC.
    """

    family: Wholes
    head: Wholes
    dc_level: Wholes
    money: Floats
    service: Floats
    row_start: Wholes
    row: Wholes
    unit_cost: Floats
    weight: Floats
    stairs: Staircases


class Steps(NamedTuple):
    """Envelope steps of all variants, best service for money first; ``at`` is the place in ``row`` of the variants."""

    variant: Wholes
    at: Wholes
    entry: Wholes
    money: Floats
    service: Floats
    gain: Floats


class Network(NamedTuple):
    """A network laid out for one price after the other: variants, money and service of their floors, and steps."""

    variants: Variants
    first: Wholes
    money: Floats
    service: Floats
    steps: Steps


class Response(NamedTuple):
    """The variant of each family at a price, money and service of all, and service less priced money."""

    variant: Wholes
    money: float
    service: float
    value: float


class Answer(NamedTuple):
    """The variant of each family, its entry of each of its dealers' rows, and how good the choice is.

    ``price`` is the service for a unit of money at which it was found.
    """

    variant: Wholes
    entry: Wholes
    money: float
    service: float
    status: str
    objective: float
    bound: float
    gap: float
    nodes: int
    price: float


def weighed_levels(stairs: Staircases, most: int = len(WEIGHED)) -> Wholes:
    """Entries of each DC-part's staircase that are weighed: all where there are few, else those at certain fill rates.

    Examples
    --------
    >>> few = Staircases(np.array([0, 2]), np.array([1, 2]), np.array([0.5, 0.9]))
    >>> weighed_levels(few).tolist()
    [0, 1]
    """
    sizes = np.diff(stairs.start)
    part = np.repeat(np.arange(len(sizes)), sizes)
    kept = sizes[part] <= most
    for fill in WEIGHED:
        below = np.bincount(part, weights=stairs.fill_rate < fill, minlength=len(sizes)).astype(np.int64)
        kept[stairs.start[:-1] + np.minimum(below, sizes - 1)] = True
    return np.flatnonzero(kept)


def laid_out(variants: Variants) -> Network:
    """Steps of every variant in the order of service for money."""
    stairs = variants.stairs
    of_row = np.repeat(np.arange(len(variants.family)), np.diff(variants.row_start))
    low = stairs.start[:-1]
    n = len(variants.family)
    money = variants.money + np.bincount(of_row, weights=variants.unit_cost * stairs.level[low], minlength=n)
    service = variants.service + np.bincount(of_row, weights=variants.weight * stairs.fill_rate[low], minlength=n)
    unit_cost, weight = variants.unit_cost, variants.weight
    at, before, after = envelope(stairs.start, stairs.level, stairs.fill_rate)
    spent = unit_cost[at] * (stairs.level[after] - stairs.level[before])
    gained = weight[at] * (stairs.fill_rate[after] - stairs.fill_rate[before])
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(spent > 0, gained / spent, np.inf)
    order = np.argsort(-gain, kind="stable")  # of equals by row and level, in which they come
    steps = Steps(of_row[at][order], at[order], after[order], spent[order], gained[order], gain[order])
    starts = np.flatnonzero(np.diff(variants.family, prepend=-1))
    return Network(variants, starts, money, service, steps)


def response(network: Network, price: float) -> Response:
    """The best variant of each family and step of each dealer at a price, in service for a unit of money."""
    n, steps = len(network.money), network.steps
    taken = steps_at(network, price)
    money = network.money + np.bincount(steps.variant[:taken], weights=steps.money[:taken], minlength=n)
    service = network.service + np.bincount(steps.variant[:taken], weights=steps.service[:taken], minlength=n)
    value = service - price * money
    best = np.maximum.reduceat(value, network.first)
    family = np.repeat(np.arange(len(network.first)), np.diff(network.first, append=n))
    is_best = np.flatnonzero(value >= best[family])
    chosen = is_best[np.diff(family[is_best], prepend=-1) > 0]  # of equals the lowest level of the DC
    return Response(chosen, float(money[chosen].sum()), float(service[chosen].sum()), float(best.sum()))


def steps_at(network: Network, price: float) -> int:
    """How many of the steps gain the price or more."""
    return int(np.searchsorted(-network.steps.gain, -price, side="right"))


def network_levels(network: Network, *, target: float | None = None, budget: float | None = None) -> Answer:
    """Choose a variant of every family and a level of each of its dealers, for a service or under a budget.

    Raises
    ------
    SettingsError
        A target that the highest levels miss, or a budget below the lowest.

    Notes
    -----
    Everett (1963): money and service of the answers grow as money gets cheaper, so the price is found by bisection
    on its logarithm. A small network is then searched through every choice of every family; in others the answer is
    that of the price, and ``gap`` tells how far off its bound it is. The bound is that of the variants given.
    """
    by_target = target is not None
    dearest, most = highest_price(network), response(network, 0.0)
    least = response(network, dearest)
    goal = checked_goal(target, budget, least.money, most.service, most.service)

    def is_rich(answer: Response) -> bool:
        return answer.service >= goal * (1 - ROUNDING) if by_target else answer.money > goal * (1 + ROUNDING)

    low, high = _edge(network, dearest, is_rich) if is_rich(most) else (0.0, 0.0)
    if is_rich(least):
        low = high = dearest
    price = low if by_target else high
    answer = response(network, price)
    entry = entries_after(network, price)
    if by_target:
        objective = answer.money
        bound = min((goal - response(network, high).value) / high, objective)
    else:
        objective, bound = answer.service, max(answer.value + price * goal, answer.service)
    gap = abs(objective - bound) / abs(objective) if objective else 0.0
    found = Answer(answer.variant, entry, answer.money, answer.service, "feasible", objective, bound, gap, 0, price)
    every = every_choice(network)
    return found if every is None else _best_of(every, network, found, goal, high, by_target)


class Held(NamedTuple):
    """What an answer gives each row: its level, and its part of the service."""

    level: Wholes
    service: Floats


def held(network: Network, n: int, variant: Wholes, entry: Wholes) -> Held:
    """Levels and service of the ``n`` rows, the variant of each family and the entries of the rows given."""
    variants = network.variants
    level, service = np.zeros(n, dtype=np.int64), np.zeros(n)
    of_dc = variant[variants.head[variant] >= 0]
    level[variants.head[of_dc]], service[variants.head[of_dc]] = variants.dc_level[of_dc], variants.service[of_dc]
    is_chosen = np.zeros(len(variants.family), dtype=bool)
    is_chosen[variant] = True
    at = np.flatnonzero(np.repeat(is_chosen, np.diff(variants.row_start)))
    level[variants.row[at]] = variants.stairs.level[entry[at]]
    service[variants.row[at]] = variants.weight[at] * variants.stairs.fill_rate[entry[at]]
    return Held(level, service)


def entries_after(network: Network, price: float) -> Wholes:
    """The staircase entry of each of the variants' rows at a price."""
    taken = steps_at(network, price)
    entry = network.variants.stairs.start[:-1].copy()
    entry[network.steps.at[:taken]] = network.steps.entry[:taken]  # of a row's steps the last, which is the highest
    return entry


def highest_price(network: Network) -> float:
    """A price of money at which nothing is bought that can be left."""
    variants = network.variants
    pieces = np.concatenate([variants.unit_cost, np.diff(np.unique(variants.money)), np.diff(np.unique(network.money))])
    dear = pieces[pieces > ROUNDING * max(float(np.max(network.money)), 1.0)]
    all_service = float(np.abs(network.service).sum() + variants.weight.sum())
    return 1e3 * max(all_service, 1.0) / (float(dear.min()) if len(dear) else 1.0)


def _edge(network: Network, dearest: float, is_rich: Callable[[Response], bool]) -> tuple[float, float]:
    """The neighbouring prices between which the answer ceases to be rich."""
    low, high = dearest * LEAST_PRICE, dearest
    if not is_rich(response(network, low)):
        return 0.0, low
    for _ in range(BISECTIONS):
        middle = math.sqrt(low * high)
        if not low < middle < high:
            break
        if is_rich(response(network, middle)):
            low = middle
        else:
            high = middle
    return low, high


class Choices(NamedTuple):
    """Every choice of every family: from ``start[f]`` on money, service, variant and the entries of its rows."""

    start: Wholes
    money: Floats
    service: Floats
    variant: Wholes
    entries: list[tuple[int, ...]]


def every_choice(network: Network) -> Choices | None:
    """All choices of a small network; None where there are too many."""
    variants, stairs = network.variants, network.variants.stairs
    sizes = np.log(np.diff(stairs.start))
    of_row = np.repeat(np.arange(len(variants.family)), np.diff(variants.row_start))
    choices = np.bincount(of_row, weights=sizes, minlength=len(variants.family))
    if np.exp(np.minimum(choices, 50.0)).sum() > SMALL_NETWORK:
        return None
    start, variant, entries = [0], list[int](), list[tuple[int, ...]]()
    money, service = list[float](), list[float]()
    for v in range(len(variants.family)):
        if v and variants.family[v] != variants.family[v - 1]:
            start.append(len(money))
        rows = range(variants.row_start[v], variants.row_start[v + 1])
        for combination in itertools.product(*(range(stairs.start[i], stairs.start[i + 1]) for i in rows)):
            at = np.array(combination, dtype=np.int64)
            own = slice(variants.row_start[v], variants.row_start[v + 1])
            money.append(variants.money[v] + float(variants.unit_cost[own] @ stairs.level[at]))
            service.append(variants.service[v] + float(variants.weight[own] @ stairs.fill_rate[at]))
            variant.append(v)
            entries.append(combination)
    return Choices(np.array([*start, len(money)]), np.array(money), np.array(service), np.array(variant), entries)


def _best_of(every: Choices, network: Network, answer: Answer, goal: float, price: float, by_target: bool) -> Answer:
    """The best of all choices, the answer at a price being the first."""
    variants = network.variants
    number = {(int(v), entries): i for i, (v, entries) in enumerate(zip(every.variant, every.entries, strict=True))}
    first = np.array(
        [
            number[int(v), tuple(answer.entry[variants.row_start[v] : variants.row_start[v + 1]].tolist())]
            for v in answer.variant
        ],
        dtype=np.int64,
    )
    money_price = 1.0 / price if by_target and price > 0 else price
    best = searched(every.start, every.money, every.service, goal, money_price, first, by_target)
    entry = answer.entry.copy()
    for i in best.entry:
        v = every.variant[i]
        entry[variants.row_start[v] : variants.row_start[v + 1]] = every.entries[i]
    money, service = float(every.money[best.entry].sum()), float(every.service[best.entry].sum())
    return Answer(every.variant[best.entry], entry, money, service, *best[1:], answer.price)
