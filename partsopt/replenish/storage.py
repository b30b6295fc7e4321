"""The system approach where sites have only so much room: money and cubic metres together.

A price of service decides between levels as ever, and each site whose room is scarce has a rent for a cubic metre
(Lagrange multipliers): the smallest at which its stock finds room. An integer programme settles the parts whose
choices are close at these prices.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.errors import SettingsError
from partsopt.replenish.chain import Demand
from partsopt.replenish.pairs import Pairs
from partsopt.replenish.rents import cheapest, fitting, least_price
from partsopt.replenish.service import mean_owed
from partsopt.replenish.targets import ROUNDING, Staircases, SystemLevels, system_levels

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

CLOSE_PARTS = 300  # left to the integer programme
CLOSE_ENTRIES = 12  # of each of them
SMALL = 30  # parts left to it, up to which it searches until nothing better can exist
NODES, NODES_SMALL = 200, 20_000  # of its tree
CLOSE_GAP = 1e-6  # of all, at which it stops where there are more
AT_ONCE = 200_000  # entries whose room is computed together
DEAREST = 5  # sites whose rent is told
SLACK = 1e-9  # relative error of sums of room


class Room(NamedTuple):
    """Sites with limited room: names and cubic metres; the site of each part (-1: no limit); room of each entry."""

    name: list[str]
    limit: Floats
    site: Wholes
    space: Floats


class Uses(NamedTuple):
    """Room that entries take: the place of the entry, the site, and cubic metres there."""

    entry: Wholes
    site: Wholes
    space: Floats


class Within(NamedTuple):
    """Levels within the room of sites, the rent of a cubic metre at each, and the levels had there been any room."""

    levels: SystemLevels
    rent: Floats
    free_level: Wholes


class Problem(NamedTuple):
    """Least sum of ``aim``, one entry of each part, with enough ``limited`` and room at every site."""

    start: Wholes
    aim: Floats
    limited: Floats
    least: float
    room: Room

    def keeps(self, entry: Wholes) -> bool:
        """Whether a choice is allowed."""
        enough = self.limited[entry].sum() >= self.least - ROUNDING * max(abs(self.least), 1.0)
        return bool(enough and (_taken(self, entry) <= self.room.limit * (1 + SLACK)).all())


class _Priced(NamedTuple):
    """The entries at a price and the rents that make room, their sums, and the value that no choice can beat."""

    price: float
    rent: Floats
    entry: Wholes
    paid: float
    got: float
    bound: float


class _Answer(NamedTuple):
    """A choice, how good it is in the words of ``solver_runs``, and the rents."""

    entry: Wholes
    status: str
    bound: float
    rent: Floats


class LimitedSites(NamedTuple):
    """Sites with limited room: names, cubic metres, and the place of each pair's site among them (-1: no limit)."""

    name: list[str]
    limit: Floats
    of_pair: Wholes


def limited_sites(pairs: Pairs) -> LimitedSites:
    """The sites that say how much room they have."""
    limit = pairs.sites["storage_m3"].to_numpy(dtype=np.float64)
    limited = np.flatnonzero(~np.isnan(limit))
    number = np.full(len(limit), -1, dtype=np.int64)
    number[limited] = np.arange(len(limited))
    return LimitedSites(pairs.site_ids[limited].tolist(), limit[limited], number[pairs.rows["site"].to_numpy()])


def room_of(pairs: Pairs, rows: Wholes, part: Demand, stairs: Staircases) -> Room:
    """Room that each level of some pairs needs: for what is expected on the shelf when an order has just come in."""
    sites = limited_sites(pairs)
    site = sites.of_pair[rows]
    at = np.flatnonzero(site >= 0)
    space = spaces_of(stairs, at, part.at(at), pairs.rows["part_m3"].to_numpy()[rows[at]])
    return Room(sites.name, sites.limit, site, space)


def spaces_of(stairs: Staircases, rows: Wholes, part: Demand, volume_m3: Floats) -> Floats:
    """Room of each entry of staircases, 0 but for some rows, whose demand and volume of a piece are given."""
    sizes = np.diff(stairs.start)
    is_row = np.zeros(len(sizes), dtype=bool)
    is_row[rows] = True
    at, of = np.flatnonzero(np.repeat(is_row, sizes)), np.repeat(np.arange(len(rows)), sizes[rows])
    space = np.zeros(len(stairs.level))
    for begin in range(0, len(at), AT_ONCE):
        here = slice(begin, begin + AT_ONCE)
        space[at[here]] = shelf_room(stairs.level[at[here]], part.at(of[here]), volume_m3[of[here]])
    return space


def shelf_room(level: Wholes, part: Demand, volume_m3: Floats) -> Floats:
    """Cubic metres of what is expected on the shelf when an order has just come in, E(S - D(L))+ times a piece's."""
    if not len(level):
        return np.zeros(0)
    owed = mean_owed(level, part.batch, part.over_lead_time, part.variance_to_mean, part.weights)
    mean = (part.over_lead_time * part.weights).sum(axis=1)
    return volume_m3 * np.maximum(level + (part.batch - 1) / 2 - mean + owed, 0.0)


def levels_within(
    stairs: Staircases,
    unit_cost: npt.ArrayLike,
    weight: npt.ArrayLike,
    room: Room,
    *,
    target: float | None = None,
    budget: float | None = None,
) -> Within:
    """Choose a level of every part as :func:`partsopt.replenish.targets.system_levels` does, within the room of sites.

    Parameters
    ----------
    stairs, unit_cost, weight, target, budget
        As there.
    room
        What each entry of the staircases needs, rising with the level, and what there is.

    Returns
    -------
    Within
        The rent of a cubic metre is the money (target) or service (budget) that one more would bring; 0 where there
        is room enough.

    Raises
    ------
    SettingsError
        The lowest levels need more room than there is, or a target that the room does not allow; the text says what
        would be feasible.

    Notes
    -----
    Everett (1963). For each price of service the rents are those of the dual, site by site; the price is the least
    that reaches the target, or keeps to the budget. The bound is the best of the dual values met.

    Examples
    --------
    >>> stairs = Staircases(np.array([0, 2, 4]), np.array([0, 1, 0, 1]), np.array([0.0, 0.9, 0.0, 0.8]))
    >>> room = Room(["DC"], np.array([1.5]), np.array([0, 0]), np.array([0.0, 2.0, 0.0, 1.0]))
    >>> got = levels_within(stairs, [1.0, 1.0], [0.5, 0.5], room, budget=2.0)
    >>> got.levels.order_up_to_level.tolist(), got.free_level.tolist(), got.levels.status
    ([0, 1], [1, 1], 'optimal')
    """
    cost, share = np.asarray(unit_cost, dtype=np.float64), np.asarray(weight, dtype=np.float64)
    sizes = np.diff(stairs.start)
    part = np.repeat(np.arange(len(sizes)), sizes)
    money, service = cost[part] * stairs.level, share[part] * stairs.fill_rate
    none = np.zeros(len(room.limit))
    floors_fit(room, stairs.start[:-1])
    free = system_levels(stairs, cost, share, target=target, budget=budget)
    entry = np.searchsorted(part * (stairs.level.max() + 1) + stairs.level, _keys(free, stairs))
    if target is not None:
        problem = Problem(stairs.start, money, service, min(target, free.service), room)
    else:
        problem = Problem(stairs.start, -service, -money, -float(budget or 0.0), room)
    if (_taken(problem, entry) <= room.limit * (1 + SLACK)).all():
        return Within(free, none, free.order_up_to_level)
    found = _solved(problem)
    if found is None:
        most = _solved(problem._replace(aim=-service, limited=np.zeros(len(service)), least=0.0))
        reached = float(service[most.entry].sum()) if most is not None else 0.0
        full = ", ".join(name for name, rent in zip(room.name, most.rent if most else none, strict=True) if rent > 0)
        if most is None or not problem.keeps(most.entry):
            raise service_without_room(float(target or 0), full, reached)
        paid = float(money[most.entry].sum())
        found = _improved(problem, _Priced(0.0, most.rent, most.entry, paid, reached, free.bound), free.bound)
    got = found.entry
    objective = float(problem.aim[got].sum())
    bound = min(max(found.bound, free.bound if target is not None else -free.bound), objective)
    sign = 1.0 if target is not None else -1.0
    gap = (objective - bound) / abs(objective) if objective else 0.0
    chosen = SystemLevels(
        order_up_to_level=stairs.level[got],
        fill_rate=stairs.fill_rate[got],
        money=float(money[got].sum()),
        service=float(service[got].sum()),
        status=found.status,
        objective=sign * objective,
        bound=sign * bound,
        gap=gap,
        nodes=free.nodes,
    )
    return Within(chosen, found.rent, free.order_up_to_level)


def cut_for_room(fewer: Wholes, site: Wholes, rent: Floats) -> Wholes:
    """Of the pieces by which levels are lower than with any room, those at full sites; ``site`` -1 has no limit."""
    return np.where(np.append(rent > 0, False)[site], np.maximum(fewer, 0), 0)


def _keys(free: SystemLevels, stairs: Staircases) -> Wholes:
    return np.arange(len(free.order_up_to_level)) * (stairs.level.max() + 1) + free.order_up_to_level


def service_without_room(target: float, full: str, reached: float) -> SettingsError:
    """The refusal of a target that the room of some sites does not allow, with what it does."""
    return SettingsError(
        f"a service of {100 * target:.10g}% finds no room at {full}: sites.storage_m3 allows "
        f"{np.floor(1e6 * reached) / 1e4:.4f}%. Lower the target, or raise storage_m3."
    )


def floors_fit(room: Room, lowest: Wholes) -> None:
    """Refuse lowest entries that need more room than there is, with what they need."""
    needed = _sums(room, lowest)
    over = np.flatnonzero(needed > room.limit * (1 + SLACK))
    if len(over):
        said = "; ".join(f"{room.name[s]} needs {np.ceil(1e3 * needed[s]) / 1e3:,.3f} m3" for s in over)
        raise SettingsError(
            f"sites.storage_m3 does not hold the lowest levels allowed: {said}. "
            "Raise storage_m3 to that, lower the floors or the planner's levels, or stock fewer parts."
        )


def _sums(room: Room, entry: Wholes) -> Floats:
    inside = room.site >= 0
    return np.bincount(room.site[inside], room.space[entry][inside], minlength=len(room.limit)).astype(np.float64)


def _taken(problem: Problem, entry: Wholes) -> Floats:
    return _sums(problem.room, entry)


def said_of_rents(name: list[str], limit: Floats, rent: Floats, by_budget: bool) -> str:
    """What one more cubic metre would bring where room is dearest, to follow a sentence."""
    full = np.flatnonzero(rent > 0)
    dearest = np.sort(full[np.argsort(-rent[full], kind="stable")[:DEAREST]])
    said = [
        f"; {name[site]} is full at {limit[site]:,.10g} m3, one more "
        + (f"would serve {rent[site]:.4%} more" if by_budget else f"would spare {rent[site]:,.2f}")
        for site in dearest.tolist()
    ]
    more = len(full) - len(dearest)
    return "".join(said) + (f"; {more} more sites are full" if more else "")


def _priced(problem: Problem, price: float) -> _Priced:
    """The cheapest entries at a price, with the smallest rents at which all sites have room."""
    start, aim, limited, least, room = problem
    rows = np.arange(len(start) - 1)
    entry, rent = fitting(start, aim, limited, price, room.space, room.site, room.limit, rows)
    paid, got = float(aim[entry].sum()), float(limited[entry].sum())
    _, reduced = cheapest(start, aim, limited, price, room.space, room.site, rent, rows)
    bound = float(reduced.sum()) + price * least - float(rent @ room.limit)  # of the rents, not of what filled the room
    return _Priced(price, rent, entry, paid, got, bound)


def _solved(problem: Problem) -> _Answer | None:
    """The best choice found; None where no price and rents give one that is allowed."""
    bound = -np.inf

    def at(price: float) -> _Priced:
        nonlocal bound
        found = _priced(problem, price)
        bound = max(bound, found.bound)
        return found

    def measure(found: _Priced) -> tuple[float, float]:
        return found.paid, found.got - problem.least + ROUNDING * max(abs(problem.least), 1.0)

    best: _Priced | None = at(0.0)
    if best is not None and measure(best)[1] < 0.0:
        spread = np.ptp(problem.limited)
        best = least_price(at, measure, float(np.ptp(problem.aim) / spread) * 1e-3 if spread > 0 else 1.0)
    return None if best is None else _improved(problem, best, bound)


def _improved(problem: Problem, first: _Priced, bound: float) -> _Answer:
    """The first choice, bettered by an integer programme over the parts whose choices are close at its prices."""
    from partsopt.replenish.budget import best_entries  # pulp: only if needed

    start, aim, limited, least, room = problem
    sizes = np.diff(start)
    part = np.repeat(np.arange(len(sizes)), sizes)
    rent = np.append(first.rent, 0.0)[room.site]
    reduced = aim - first.price * limited + rent[part] * room.space
    reduced -= np.minimum.reduceat(reduced, start[:-1])[part]
    value = float(aim[first.entry].sum())
    gap = value - first.bound
    is_first = np.zeros(len(part), dtype=bool)
    is_first[first.entry] = True
    may_be_best = is_first | (reduced <= gap + SLACK * max(abs(value), 1.0))
    place = np.empty(len(part), dtype=np.int64)
    place[np.lexsort((reduced, part))] = np.arange(len(part)) - start[part]
    several = np.bincount(part[may_be_best], minlength=len(sizes)) > 1
    nearest = np.minimum.reduceat(np.where(may_be_best & ~is_first, reduced, np.inf), start[:-1])
    close = np.sort(np.flatnonzero(several)[np.argsort(nearest[several], kind="stable")[:CLOSE_PARTS]])
    is_close = np.zeros(len(sizes), dtype=bool)
    is_close[close] = True
    kept = may_be_best & is_close[part] & ((place < CLOSE_ENTRIES) | is_first)
    is_whole = kept.sum() == (may_be_best & several[part]).sum()
    if not len(close):
        return _Answer(first.entry, "optimal", value, first.rent)
    others = first.entry[~is_close]
    left = room.limit - _sums(room._replace(site=np.where(is_close, -1, room.site)), first.entry)
    rows = np.flatnonzero(kept)
    inside = np.flatnonzero(room.site[part[rows]] >= 0)
    is_small = len(close) <= SMALL
    close_gap = 0.0 if is_small else CLOSE_GAP * max(abs(value), 1.0)
    solved = best_entries(
        part[rows],
        aim[rows],
        limited[rows],
        least - float(limited[others].sum()),
        Uses(inside, room.site[part[rows[inside]]], room.space[rows[inside]]),
        left,
        gap=close_gap,
        most_nodes=NODES_SMALL if is_small else NODES,
    )
    status, entry = solved.status, first.entry.copy()
    if solved.chosen is not None:
        entry[part[rows[solved.chosen]]] = rows[solved.chosen]
        if not problem.keeps(entry):  # by the tolerance of the solver
            entry, status = first.entry, "feasible" if status == "optimal" else status
        elif aim[entry].sum() > value:
            entry = first.entry
    objective = float(aim[entry].sum())
    if status == "optimal" and is_whole:
        bound = max(bound, objective - close_gap)
    elif status == "optimal":
        status = "feasible"
    return _Answer(entry, status, bound, first.rent)
