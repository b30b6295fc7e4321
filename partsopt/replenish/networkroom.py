"""Levels of DCs and dealers together where sites have only so much room.

A price of money and a rent of a cubic metre at each full site choose the levels (Everett's multipliers). A family
takes room at its DC by the variant that is chosen, and at its dealers by their levels, whose shelves are the emptier
the longer they wait for the DC: rents of DCs and of dealers are therefore found in turn. An integer programme settles
the families whose choices are close at these prices.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from partsopt.replenish.families import (
    LEAST_PRICE,
    Answer,
    Choices,
    Network,
    entries_after,
    every_choice,
    highest_price,
    network_levels,
    steps_at,
)
from partsopt.replenish.storage import (
    CLOSE_GAP,
    CLOSE_PARTS,
    NODES,
    NODES_SMALL,
    SLACK,
    Problem,
    Room,
    Uses,
    cheapest,
    fitting_rents,
    floors_fit,
    priced,
    service_without_room,
)
from partsopt.replenish.targets import ROUNDING

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

ROUNDS = 6  # of rents of DCs and of dealers in turn; two are usual
SETTLED = 1e-6  # relative change of rents at which they end
STEPS = 36  # halvings of the logarithm of the price, from the price without rooms
FAR, NEAR = 4.0, 1e-10  # factor by which the price is first looked for; relative width at which its search ends
NEARBY = (0.5, 0.8, 0.95, 1.05, 1.25, 2.0)  # of the price, and of rents, whose choices the integer programme weighs


class NetworkRoom(NamedTuple):
    """Sites with limited room, and what the choices of a network take of it.

    Variant v takes ``dc_space`` at its DC's site ``dc_site``, entry e of the variants' row i ``space[e]`` at
    ``row_site[i]``; sites are places in ``name``, -1 without a limit.
    """

    name: list[str]
    limit: Floats
    dc_site: Wholes
    dc_space: Floats
    row_site: Wholes
    space: Floats


class NetworkWithin(NamedTuple):
    """Levels of a network within the room of sites, the rent of a cubic metre at each, and the answer without rooms."""

    answer: Answer
    rent: Floats
    free: Answer


class _Laid(NamedTuple):
    """A network and its rooms; service of each entry of the dealers' rows and its money, both below zero.

    ``of_row`` is the variant of each row.
    """

    network: Network
    room: NetworkRoom
    aim: Floats
    limited: Floats
    of_row: Wholes


class _Found(NamedTuple):
    """Variant of each family and entry of each row at a price and rents, their money and service.

    ``dual`` is what service less priced money of no choice that has room exceeds.
    """

    price: float
    rent: Floats
    variant: Wholes
    entry: Wholes
    money: float
    service: float
    dual: float


class _Taken(NamedTuple):
    """Money and service of each family, and the room that families take: family, site and cubic metres."""

    money: Floats
    service: Floats
    family: Wholes
    site: Wholes
    space: Floats

    def of_sites(self, n: int) -> Floats:
        """Cubic metres taken at each of ``n`` sites."""
        return np.bincount(self.site, self.space, minlength=n).astype(np.float64)

    def worth(self, price: float, rent: Floats) -> Floats:
        """Service of each family less its priced money and its rents."""
        paid = np.bincount(self.family, rent[self.site] * self.space, minlength=len(self.money))
        return self.service - price * self.money - paid


def network_within(
    network: Network, room: NetworkRoom, *, target: float | None = None, budget: float | None = None
) -> NetworkWithin:
    """Choose levels as :func:`partsopt.replenish.families.network_levels` does, within the room of sites.

    Raises
    ------
    SettingsError
        The lowest levels need more room than there is, or a target that the room does not allow; the text says what
        would be feasible.

    Notes
    -----
    The rent of a cubic metre is money that one more would spare (target), or service that it would bring (budget).
    Bound and gap are of the dual (Everett 1963). A small network is searched through every choice of it.
    """
    free = network_levels(network, target=target, budget=budget)
    laid = _laid(network, room)
    _floors_have_room(laid)
    if _has_room(room, _taken(laid, free.variant, free.entry)):
        return NetworkWithin(free, np.zeros(len(room.limit)), free)
    by_target = target is not None
    goal = min(target, free.service) if target is not None else float(budget or 0.0)
    found, bound = _searched(laid, free, goal, by_target)
    rent = found.rent / found.price if by_target and found.price > 0 else found.rent
    return NetworkWithin(_improved(laid, found, goal, bound, by_target), rent, free)


def _laid(network: Network, room: NetworkRoom) -> _Laid:
    variants, stairs = network.variants, network.variants.stairs
    of_row = np.repeat(np.arange(len(variants.family)), np.diff(variants.row_start))
    row = np.repeat(np.arange(len(variants.row)), np.diff(stairs.start))
    return _Laid(
        network, room, -variants.weight[row] * stairs.fill_rate, -variants.unit_cost[row] * stairs.level, of_row
    )


def _floors_have_room(laid: _Laid) -> None:
    """Refuse where the lowest levels of DCs, or those of dealers at the level of their DC that is worst, do not fit."""
    variants, room = laid.network.variants, laid.room
    limited = np.flatnonzero(room.row_site >= 0)
    most, site = np.zeros(variants.row.max(initial=-1) + 1), np.full(variants.row.max(initial=-1) + 1, -1)
    np.maximum.at(most, variants.row[limited], room.space[variants.stairs.start[limited]])
    site[variants.row[limited]] = room.row_site[limited]
    first = laid.network.first
    sites, spaces = np.concatenate([room.dc_site[first], site]), np.concatenate([room.dc_space[first], most])
    floors_fit(Room(room.name, room.limit, sites, spaces), np.arange(len(sites)))


# --------------------------------------------------------------------------- prices and rents


def _searched(laid: _Laid, free: Answer, goal: float, by_target: bool) -> tuple[_Found, float]:
    """The choice at the price that keeps to the goal, rents included, and a value that no choice can beat."""
    bound = free.bound

    def at(price: float) -> _Found:
        nonlocal bound
        found = _at(laid, price)
        if not by_target:
            bound = min(bound, found.dual + price * goal)
        elif price > 0:
            bound = max(bound, (goal - found.dual) / price)
        return found

    def is_rich(found: _Found) -> bool:
        return found.service >= goal * (1 - ROUNDING) if by_target else found.money > goal * (1 + ROUNDING)

    rich = poor = at(0.0)
    if not is_rich(rich):
        if by_target:
            rich = _most_service(laid, rich, goal)
        return rich, bound
    dearest = highest_price(laid.network)
    low, high = 0.0, np.inf
    price = min(max(free.price, dearest * LEAST_PRICE), dearest)
    for _ in range(STEPS):
        found = at(price)
        if is_rich(found):
            low, rich = price, found
        else:
            high, poor = price, found
        between = math.sqrt(low * high) if low > 0.0 else high / FAR
        price = min(low * FAR, dearest) if np.isinf(high) else between
        if price < dearest * LEAST_PRICE or high <= low * (1 + NEAR):
            break
    return (rich if by_target else poor), bound


def _most_service(laid: _Laid, found: _Found, goal: float) -> _Found:
    """The choice found at no price of money, bettered until it reaches the goal; refused if it does not."""
    any_money = float(laid.network.variants.money.sum() - laid.limited.sum())
    most = _improved(laid, found, any_money, found.dual, by_target=False)
    if most.service < goal * (1 - ROUNDING):
        full = ", ".join(name for name, rent in zip(laid.room.name, found.rent, strict=True) if rent > 0)
        raise service_without_room(goal, full, most.service)
    return found._replace(variant=most.variant, entry=most.entry, money=most.money, service=most.service)


def _at(laid: _Laid, price: float) -> _Found:
    """The best choice at a price, with the smallest rents that make room."""
    network, room = laid.network, laid.room
    of_dealers = np.zeros(len(room.limit))
    for _ in range(ROUNDS):
        of_dcs, variant = _rents_of_dcs(laid, _values(laid, price, of_dealers))
        before = of_dealers
        rows, entries, of_dealers = _rents_of_dealers(laid, price, variant)
        if np.allclose(before, of_dealers, rtol=SETTLED, atol=0.0):
            break
    entry = entries_after(network, price)
    entry[rows] = entries
    rent = of_dcs + of_dealers
    taken = _taken(laid, variant, entry)
    values = _values(laid, price, of_dealers)
    best = _best_variants(network.first, values, room.dc_space, room.dc_site, rent)
    paid = np.append(rent, 0.0)[room.dc_site[best]] * room.dc_space[best]
    dual = float((values[best] - paid).sum() + rent @ room.limit)
    return _Found(price, rent, variant, entry, float(taken.money.sum()), float(taken.service.sum()), dual)


def _values(laid: _Laid, price: float, rent: Floats) -> Floats:
    """Service of each variant less its priced money and its dealers' rents, each dealer at its best level."""
    network, room, stairs = laid.network, laid.room, laid.network.variants.stairs
    n, steps, taken = len(network.money), network.steps, steps_at(network, price)
    rows = np.flatnonzero(np.append(rent > 0, False)[room.row_site])
    pays_rent = np.zeros(len(laid.of_row), dtype=bool)
    pays_rent[rows] = True
    gain = np.where(pays_rent[steps.at[:taken]], 0.0, steps.service[:taken] - price * steps.money[:taken])
    value = network.service - price * network.money + np.bincount(steps.variant[:taken], gain, minlength=n)
    if not len(rows):
        return value
    entry, low = _cheapest_entries(laid, price, rent, rows), stairs.start[rows]
    paid = rent[room.row_site[rows]] * room.space[entry]
    more = (laid.aim[low] - laid.aim[entry]) - price * (laid.limited[low] - laid.limited[entry]) - paid
    return value + np.bincount(laid.of_row[rows], more, minlength=n)


def _cheapest_entries(laid: _Laid, price: float, rent: Floats, rows: Wholes) -> Wholes:
    """The best entry of some of the variants' rows at a price and rents."""
    room, start = laid.room, laid.network.variants.stairs.start
    return cheapest(start, laid.aim, laid.limited, price, room.space, room.row_site, rent, rows)


def _rents_of_dcs(laid: _Laid, values: Floats) -> tuple[Floats, Wholes]:
    """The smallest rents at which no DC is full, and the best variant of each family at them."""
    first, room = laid.network.first, laid.room

    def best(rent: Floats) -> Wholes:
        return _best_variants(first, values, room.dc_space, room.dc_site, rent)

    def is_full(rent: Floats) -> Flags:
        variant = best(rent)
        inside = variant[room.dc_site[variant] >= 0]
        taken = np.bincount(room.dc_site[inside], room.dc_space[inside], minlength=len(room.limit))
        return np.asarray(taken > room.limit)

    rent = np.zeros(len(room.limit))
    full = is_full(rent)
    if full.any():
        rent = fitting_rents(lambda at: full & is_full(at), full, float(np.abs(values).max()) / room.limit * 1e-6)
    return rent, best(rent)


def _rents_of_dealers(laid: _Laid, price: float, variant: Wholes) -> tuple[Wholes, Wholes, Floats]:
    """Rows of some variants at dealers with limited room, their best entries, and the smallest rents that fit them."""
    room, start = laid.room, laid.network.variants.stairs.start
    is_chosen = np.zeros(len(laid.network.money), dtype=bool)
    is_chosen[variant] = True
    rows = np.flatnonzero((room.row_site >= 0) & is_chosen[laid.of_row])
    if not len(rows):
        return rows, rows, np.zeros(len(room.limit))
    sizes = np.diff(start)[rows]
    own = np.concatenate([[0], np.cumsum(sizes)])
    at = np.arange(own[-1]) + np.repeat(start[rows] - own[:-1], sizes)
    of_rows = Room(room.name, room.limit, room.row_site[rows], room.space[at])
    got = priced(Problem(own, laid.aim[at], laid.limited[at], 0.0, of_rows), price)
    return rows, at[got.entry], got.rent


@njit(cache=True, nogil=True)
def _best_variants(first: Wholes, value: Floats, space: Floats, site: Wholes, rent: Floats) -> Wholes:
    """The variant of each family that is worth most at the rents of DCs; of equals the lowest level of the DC."""
    n = len(first)
    best = np.empty(n, dtype=np.int64)
    for family in range(n):
        most = -np.inf
        for variant in range(first[family], first[family + 1] if family + 1 < n else len(value)):
            paid = rent[site[variant]] * space[variant] if site[variant] >= 0 else 0.0
            if value[variant] - paid > most:
                most, best[family] = value[variant] - paid, variant
    return best


def _taken(laid: _Laid, variant: Wholes, entry: Wholes) -> _Taken:
    """Money, service and room of the families at a variant of each and an entry of each row."""
    variants, room = laid.network.variants, laid.room
    family = np.full(len(variants.family), -1)
    family[variant] = np.arange(len(variant))
    at = np.flatnonzero(family[laid.of_row] >= 0)
    of, taken = family[laid.of_row[at]], entry[at]
    n = len(variant)
    dcs, dealers = np.flatnonzero(room.dc_site[variant] >= 0), np.flatnonzero(room.row_site[at] >= 0)
    return _Taken(
        variants.money[variant] - np.bincount(of, laid.limited[taken], minlength=n),
        variants.service[variant] - np.bincount(of, laid.aim[taken], minlength=n),
        np.concatenate([dcs, of[dealers]]),
        np.concatenate([room.dc_site[variant[dcs]], room.row_site[at[dealers]]]),
        np.concatenate([room.dc_space[variant[dcs]], room.space[taken[dealers]]]),
    )


def _has_room(room: NetworkRoom, taken: _Taken) -> bool:
    return bool((taken.of_sites(len(room.limit)) <= room.limit * (1 + SLACK)).all())


# --------------------------------------------------------------------------- the integer programme


class _Columns(NamedTuple):
    """Choices of some families that are weighed against each other: whose, money, service, and the room they take.

    ``variant`` is that of each, ``rows[i]`` and ``entries[i]`` its rows with their entries.
    """

    family: Wholes
    money: Floats
    service: Floats
    uses: Uses
    variant: Wholes
    rows: list[Wholes]
    entries: list[Wholes]


def _improved(laid: _Laid, found: _Found, goal: float, bound: float, by_target: bool) -> Answer:
    """The choice found, bettered by an integer programme over families whose choices are close at its prices.

    All families of a small network, with every choice of theirs.
    """
    from partsopt.replenish.budget import best_entries  # pulp: only if needed

    room, first = laid.room, _taken(laid, found.variant, found.entry)
    every = every_choice(laid.network)
    columns = _near(laid, found, first) if every is None else _all(laid, every)
    variant, entry, status = found.variant.copy(), found.entry.copy(), "feasible"
    if len(columns.family):
        others = np.ones(len(variant), dtype=bool)
        others[columns.family] = False
        outside = others[first.family]
        spent = float((first.service if by_target else -first.money)[others].sum())
        scale = max(float(first.money.sum()) if by_target else float(first.service.sum()), 1e-9)
        solved = best_entries(
            columns.family,
            columns.money if by_target else -columns.service,
            columns.service if by_target else -columns.money,
            (goal if by_target else -goal) - spent - ROUNDING * abs(goal),
            columns.uses,
            room.limit - np.bincount(first.site[outside], first.space[outside], minlength=len(room.limit)),
            gap=CLOSE_GAP * scale if every is None else 0.0,
            most_nodes=NODES if every is None else NODES_SMALL,
        )
        for column in [] if solved.chosen is None else solved.chosen.tolist():
            variant[columns.family[column]] = columns.variant[column]
            entry[columns.rows[column]] = columns.entries[column]
        is_proven = solved.status == "optimal" and every is not None and solved.chosen is not None
        status = "time_limit" if solved.status == "time_limit" else "optimal" if is_proven else "feasible"
    got = _taken(laid, variant, entry)
    money, service = float(got.money.sum()), float(got.service.sum())
    keeps = service >= goal * (1 - ROUNDING) if by_target else money <= goal * (1 + ROUNDING)
    is_worse = money > found.money if by_target else service < found.service
    if not (keeps and _has_room(room, got)) or is_worse:  # by the tolerance of the solver
        variant, entry, money, service = found.variant, found.entry, found.money, found.service
        status = "feasible" if status == "optimal" else status
    objective = money if by_target else service
    bound = objective if status == "optimal" else min(bound, objective) if by_target else max(bound, objective)
    gap = abs(objective - bound) / abs(objective) if objective else 0.0
    return Answer(variant, entry, money, service, status, objective, bound, gap, 0, found.price)


def _near(laid: _Laid, found: _Found, first: _Taken) -> _Columns:
    """The choice found and those at prices and rents nearby, of the families where these lose least."""
    network, room = laid.network, laid.room
    nearby = [(found.price * f, found.rent) for f in NEARBY] + [(found.price, found.rent * f) for f in NEARBY]
    choices = [(found.variant, found.entry, first)]
    is_new = [np.ones(len(found.variant), dtype=bool)]
    for price, rent in nearby:
        variant = _best_variants(network.first, _values(laid, price, rent), room.dc_space, room.dc_site, rent)
        entry = entries_after(network, price)
        rows = np.flatnonzero(np.append(rent > 0, False)[room.row_site])
        entry[rows] = _cheapest_entries(laid, price, rent, rows)
        taken = _taken(laid, variant, entry)
        known = [(one.money == taken.money) & (one.service == taken.service) for _, _, one in choices]
        choices.append((variant, entry, taken))
        is_new.append(~np.any(known, axis=0))
    worth = np.stack([taken.worth(found.price, found.rent) for _, _, taken in choices])
    new = np.stack(is_new)
    loss = np.where(new, worth[0] - worth, np.inf)[1:].min(axis=0)
    close = np.sort(np.argsort(loss, kind="stable")[: min(CLOSE_PARTS, int(np.isfinite(loss).sum()))])
    family, choice = (one.ravel() for one in np.broadcast_arrays(close[:, None], np.arange(len(choices))))
    is_column = new[choice, family]
    family, choice = family[is_column], choice[is_column]
    start = network.variants.row_start
    variant = np.array([choices[k][0][f] for f, k in zip(family, choice, strict=True)], dtype=np.int64)
    rows_of = [np.arange(start[v], start[v + 1]) for v in variant]
    entries = [choices[k][1][rows] for k, rows in zip(choice, rows_of, strict=True)]
    money, service = (np.stack([one[2][i] for one in choices])[choice, family] for i in (0, 1))
    return _Columns(family, money, service, _uses(laid, variant, rows_of, entries), variant, rows_of, entries)


def _all(laid: _Laid, every: Choices) -> _Columns:
    """Every choice of every family."""
    start = laid.network.variants.row_start
    family = np.repeat(np.arange(len(every.start) - 1), np.diff(every.start))
    rows = [np.arange(start[v], start[v + 1]) for v in every.variant]
    entries = [np.array(one, dtype=np.int64) for one in every.entries]
    uses = _uses(laid, every.variant, rows, entries)
    return _Columns(family, every.money, every.service, uses, every.variant, rows, entries)


def _uses(laid: _Laid, variant: Wholes, rows: list[Wholes], entries: list[Wholes]) -> Uses:
    """The room that columns take, by their variants and the entries of their rows."""
    room, none = laid.room, np.zeros(0, dtype=np.int64)
    column = np.repeat(np.arange(len(rows)), [len(one) for one in rows])
    row, entry = np.concatenate([none, *rows]), np.concatenate([none, *entries])
    dcs, dealers = np.flatnonzero(room.dc_site[variant] >= 0), np.flatnonzero(room.row_site[row] >= 0)
    return Uses(
        np.concatenate([dcs, column[dealers]]),
        np.concatenate([room.dc_site[variant[dcs]], room.row_site[row[dealers]]]),
        np.concatenate([room.dc_space[variant[dcs]], room.space[entry[dealers]]]),
    )
