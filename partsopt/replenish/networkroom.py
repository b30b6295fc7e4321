"""Levels of DCs and dealers together where sites have only so much room.

A price of money and a rent of a cubic metre at each full site choose the levels (Everett's multipliers). A family
takes room at its DC by the variant that is chosen, and at its dealers by their levels, whose shelves are the emptier
the longer they wait for the DC: rents of DCs and of dealers are therefore found in turn. An integer programme settles
the families whose choices are close at these prices.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.replenish.families import (
    LEAST_PRICE,
    Answer,
    Choices,
    Network,
    entries_after,
    every_choice,
    highest_price,
    network_levels,
)
from partsopt.replenish.rents import cheapest, fitting, least_price
from partsopt.replenish.storage import (
    CLOSE_GAP,
    CLOSE_PARTS,
    NODES,
    NODES_SMALL,
    SLACK,
    Room,
    Uses,
    floors_fit,
    service_without_room,
)
from partsopt.replenish.targets import ROUNDING

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

ROUNDS = 6  # of rents of DCs and of dealers in turn; two are usual
SETTLED = 1e-6  # relative change of rents at which they end
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


class Laid(NamedTuple):
    """A network and its rooms, laid out for one price after the other.

    ``aim`` is the service of each entry of the dealers' rows and ``limited`` its money, both below zero; ``of_row`` is
    the variant of each row, ``family_start`` the first variant of each family, and their end.
    """

    network: Network
    room: NetworkRoom
    aim: Floats
    limited: Floats
    of_row: Wholes
    family_start: Wholes


class Found(NamedTuple):
    """Variant of each family and entry of each row at a price and rents, their money and service.

    ``of_dcs`` and ``of_dealers`` are the rents, ``has_room`` whether all find room at the sites; ``dual`` is what
    service less priced money of no choice that has room exceeds.
    """

    price: float
    of_dcs: Floats
    of_dealers: Floats
    variant: Wholes
    entry: Wholes
    money: float
    service: float
    has_room: bool
    dual: float

    @property
    def rent(self) -> Floats:
        """The rent of each site."""
        return self.of_dcs + self.of_dealers

    @property
    def value(self) -> float:
        """Service less priced money."""
        return self.service - self.price * self.money


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
    laid = laid_with_room(network, room)
    _floors_have_room(laid)
    if _has_room(room, _taken(laid, free.variant, free.entry)):
        return NetworkWithin(free, np.zeros(len(room.limit)), free)
    by_target = target is not None
    goal = min(target, free.service) if target is not None else float(budget or 0.0)
    found, bound = _searched(laid, free, goal, by_target)
    rent = found.rent / found.price if by_target and found.price > 0 else found.rent
    return NetworkWithin(_improved(laid, found, goal, bound, by_target), rent, free)


def laid_with_room(network: Network, room: NetworkRoom) -> Laid:
    """Lay out a network with its rooms for :func:`found_at`."""
    variants, stairs = network.variants, network.variants.stairs
    of_row = np.repeat(np.arange(len(variants.family)), np.diff(variants.row_start))
    row = np.repeat(np.arange(len(variants.row)), np.diff(stairs.start))
    return Laid(
        network,
        room,
        -variants.weight[row] * stairs.fill_rate,
        -variants.unit_cost[row] * stairs.level,
        of_row,
        np.append(network.first, len(network.money)),
    )


def _floors_have_room(laid: Laid) -> None:
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


def _searched(laid: Laid, free: Answer, goal: float, by_target: bool) -> tuple[Found, float]:
    """The choice at the price that keeps to the goal, rents included, and a value that no choice can beat."""
    last = found_at(laid, 0.0, np.zeros(len(laid.room.limit)))
    bound = free.bound if by_target else min(free.bound, last.dual)

    def at(price: float) -> Found:
        nonlocal bound, last
        last = found_at(laid, price, last.of_dealers)
        bound = max(bound, (goal - last.dual) / price) if by_target else min(bound, last.dual + price * goal)
        return last

    def measure(found: Found) -> tuple[float, float]:
        if by_target:
            return found.money, found.service - goal * (1 - ROUNDING)
        return -found.service, goal * (1 + ROUNDING) - found.money

    free_money, dearest = last, highest_price(laid.network)
    if measure(free_money)[1] < 0.0 if by_target else measure(free_money)[1] >= 0.0:
        return (_most_service(laid, free_money, goal) if by_target else free_money), bound
    first = min(max(free.price, dearest * LEAST_PRICE), dearest)
    if by_target:
        return least_price(lambda price: at(1.0 / price), measure, 1.0 / first) or free_money, bound
    return least_price(at, measure, first) or at(dearest), bound


def _most_service(laid: Laid, found: Found, goal: float) -> Found:
    """The choice found at no price of money, bettered until it reaches the goal; refused if it does not."""
    any_money = float(laid.network.variants.money.sum() - laid.limited.sum())
    most = _improved(laid, found, any_money, found.dual, by_target=False)
    if most.service < goal * (1 - ROUNDING):
        full = ", ".join(name for name, rent in zip(laid.room.name, found.rent, strict=True) if rent > 0)
        raise service_without_room(goal, full, most.service)
    return found._replace(variant=most.variant, entry=most.entry, money=most.money, service=most.service)


def found_at(laid: Laid, price: float, of_dealers: Floats) -> Found:
    """The best choice at a price, with the smallest rents that make room; dealers' rents to begin with are given."""
    network, room = laid.network, laid.room
    dual = np.inf
    for _ in range(ROUNDS):
        before, values = of_dealers, _values(laid, price, of_dealers)
        variant, of_dcs = _fitting_variants(laid, values)
        _, paid = _cheapest_variants(laid, values, of_dcs)
        dual = min(dual, float((of_dcs + before) @ room.limit - paid.sum()))
        rows, entries, of_dealers = _fitting_levels(laid, price, variant)
        if np.allclose(before, of_dealers, rtol=SETTLED, atol=0.0):
            break
    entry = entries_after(network, price)
    entry[rows] = entries
    taken = _taken(laid, variant, entry)
    money, service = float(taken.money.sum()), float(taken.service.sum())
    return Found(price, of_dcs, of_dealers, variant, entry, money, service, _has_room(room, taken), dual)


def _values(laid: Laid, price: float, rent: Floats) -> Floats:
    """Service of each variant less its priced money and its dealers' rents, each dealer at its best level."""
    variants, rows = laid.network.variants, np.arange(len(laid.of_row))
    _, paid = _cheapest_levels(laid, price, rent, rows)
    return variants.service - price * variants.money - np.bincount(laid.of_row, paid, minlength=len(variants.money))


def _cheapest_levels(laid: Laid, price: float, rent: Floats, rows: Wholes) -> tuple[Wholes, Floats]:
    """The best entry of some of the variants' rows at a price and rents, and what it pays less what it serves."""
    room, start = laid.room, laid.network.variants.stairs.start
    return cheapest(start, laid.aim, laid.limited, price, room.space, room.row_site, rent, rows)


def _cheapest_variants(laid: Laid, values: Floats, rent: Floats) -> tuple[Wholes, Floats]:
    """The variant of each family that is worth most at the rents of DCs, and its worth below zero."""
    room, first = laid.room, laid.network.first
    families = np.arange(len(first))
    return cheapest(laid.family_start, -values, values, 0.0, room.dc_space, room.dc_site[first], rent, families)


def _fitting_variants(laid: Laid, values: Floats) -> tuple[Wholes, Floats]:
    """The best variant of each family at the smallest rents at which no DC is full, and these."""
    room, first = laid.room, laid.network.first
    site, families = room.dc_site[first], np.arange(len(first))
    return fitting(laid.family_start, -values, values, 0.0, room.dc_space, site, room.limit, families)


def _fitting_levels(laid: Laid, price: float, variant: Wholes) -> tuple[Wholes, Wholes, Floats]:
    """Rows of some variants at dealers with limited room, their best entries at the smallest rents, and these."""
    room, start = laid.room, laid.network.variants.stairs.start
    is_chosen = np.zeros(len(laid.network.money), dtype=bool)
    is_chosen[variant] = True
    rows = np.flatnonzero((room.row_site >= 0) & is_chosen[laid.of_row])
    entry, rent = fitting(start, laid.aim, laid.limited, price, room.space, room.row_site, room.limit, rows)
    return rows, entry, rent


def _taken(laid: Laid, variant: Wholes, entry: Wholes) -> _Taken:
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


class Columns(NamedTuple):
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


def _improved(laid: Laid, found: Found, goal: float, bound: float, by_target: bool) -> Answer:
    """The choice found, bettered by an integer programme over families whose choices are close at its prices.

    All families of a small network, with every choice of theirs.
    """
    from partsopt.replenish.budget import best_entries  # pulp: only if needed

    room, first = laid.room, _taken(laid, found.variant, found.entry)
    every = every_choice(laid.network)
    columns = _near(laid, found, first) if every is None else all_columns(laid, every)
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


def best_found(laid: Laid, found: Found, columns: Columns) -> Found:
    """The best of all choices (``columns``) that have room, at the price of one that was found."""
    from partsopt.replenish.budget import best_entries  # pulp: only if needed

    none = np.zeros(len(columns.family))
    priced = found.price * columns.money - columns.service
    solved = best_entries(columns.family, priced, none, 0.0, columns.uses, laid.room.limit, 0.0, NODES_SMALL)
    if solved.chosen is None:
        return found
    variant, entry = found.variant.copy(), found.entry.copy()
    for column in solved.chosen.tolist():
        variant[columns.family[column]] = columns.variant[column]
        entry[columns.rows[column]] = columns.entries[column]
    taken = _taken(laid, variant, entry)
    best = found._replace(
        variant=variant,
        entry=entry,
        money=float(taken.money.sum()),
        service=float(taken.service.sum()),
        has_room=_has_room(laid.room, taken),
    )
    return best if best.has_room and (best.value > found.value or not found.has_room) else found


def _near(laid: Laid, found: Found, first: _Taken) -> Columns:
    """The choice found and those at prices and rents nearby, of the families where these lose least."""
    network, start = laid.network, laid.network.variants.row_start
    nearby = [(found.price * f, found.rent) for f in NEARBY] + [(found.price, found.rent * f) for f in NEARBY]
    choices = [(found.variant, found.entry, first)]
    is_new = [np.ones(len(found.variant), dtype=bool)]
    for price, rent in nearby:
        variant, _ = _cheapest_variants(laid, _values(laid, price, rent), rent)
        entry = entries_after(network, price)
        rows = np.flatnonzero(np.append(rent > 0, False)[laid.room.row_site])
        entry[rows], _ = _cheapest_levels(laid, price, rent, rows)
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
    variant = np.array([choices[k][0][f] for f, k in zip(family, choice, strict=True)], dtype=np.int64)
    rows_of = [np.arange(start[v], start[v + 1]) for v in variant]
    entries = [choices[k][1][rows] for k, rows in zip(choice, rows_of, strict=True)]
    money, service = (np.stack([one[2][i] for one in choices])[choice, family] for i in (0, 1))
    return Columns(family, money, service, _uses(laid, variant, rows_of, entries), variant, rows_of, entries)


def all_columns(laid: Laid, every: Choices) -> Columns:
    """Every choice of every family."""
    start = laid.network.variants.row_start
    family = np.repeat(np.arange(len(every.start) - 1), np.diff(every.start))
    rows = [np.arange(start[v], start[v + 1]) for v in every.variant]
    entries = [np.array(one, dtype=np.int64) for one in every.entries]
    uses = _uses(laid, every.variant, rows, entries)
    return Columns(family, every.money, every.service, uses, every.variant, rows, entries)


def _uses(laid: Laid, variant: Wholes, rows: list[Wholes], entries: list[Wholes]) -> Uses:
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
