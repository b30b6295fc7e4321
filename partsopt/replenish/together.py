"""Levels along the chain: a dealer's promise counts its DC's delay, and levels may be chosen all together."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.errors import SettingsError
from partsopt.replenish.chain import Delay, Demand, delay_of, matched, no_delay, owed_by
from partsopt.replenish.families import (
    Answer,
    Network,
    Variants,
    entries_after,
    held,
    highest_price,
    laid_out,
    response,
    weighed_levels,
)
from partsopt.replenish.levels import DemandOver, Levels, batch_of, levels_reaching, promised_by
from partsopt.replenish.networkroom import NetworkRoom, network_within
from partsopt.replenish.pairs import Pairs
from partsopt.replenish.service import mean_owed
from partsopt.replenish.storage import (
    cut_for_room,
    levels_within,
    limited_sites,
    room_of,
    said_of_rents,
    shelf_room,
    spaces_of,
)
from partsopt.replenish.targets import ROUNDING, Staircases, SystemLevels, checked_goal, service_weights, staircases_of
from partsopt.settings import ReplenishParams
from partsopt.tables import ABC_CLASSES, SOLVER_RUNS, conform, empty

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

DAYS_PER_YEAR = 365.0
KINDS = ("dc", "dealer")  # what dealers wait for depends on the levels of the DCs
MOST_ROUNDS = 20  # of a budget that also pays for what is owed; three are usual

Chosen = TypeVar("Chosen")


class Chain(NamedTuple):
    """Demand of all pairs, and who waits for whom.

    ``parent`` is the pair of the DC that supplies each, -1 where none does; ``wave`` counts the DCs above;
    ``share`` is the pair's part of the demand on that DC, ``per_day`` its demand, ``cap`` the most it may hold,
    ``fixed`` the planner's level, -1 where there is none.
    """

    demand: Demand
    parent: Wholes
    wave: Wholes
    share: Floats
    per_day: Floats
    cap: Wholes
    fixed: Wholes


def chain_of(pairs: Pairs, chosen: pd.DataFrame, over: DemandOver, cap: Wholes) -> Chain:
    """The chain of the chosen sources. A DC's demand is its own forecast, or its dealers' where they add up to more."""
    rate, parent = pairs.rows["mean_per_day"].to_numpy(dtype=np.float64), chosen["parent"].to_numpy(dtype=np.int64)
    share = shares_of_dcs(rate, parent)
    batch = batch_of(
        chosen["min_order_quantity"].to_numpy(),
        chosen["order_multiple"].to_numpy(),
        (over.over_review * over.weights).sum(axis=1),
    )
    demand = Demand(over.over_lead_time, over.over_protection, over.variance_to_mean, over.weights, batch)
    fixed = pairs.rows["fixed_level"].to_numpy()
    cap = np.where(fixed >= 0, fixed, cap)
    return Chain(demand, parent, chosen["wave"].to_numpy(), share, rate, cap, fixed)


def shares_of_dcs(rate: Floats, parent: Wholes) -> Floats:
    """The part of the demand on the DC-part above that is each pair's; 0 where there is none.

    Examples
    --------
    >>> shares_of_dcs(np.array([4.0, 1.0, 1.0]), np.array([-1, 0, 0])).tolist()
    [0.0, 0.25, 0.25]
    """
    below = np.flatnonzero(parent >= 0)
    on_dc = np.maximum(np.bincount(parent[below], weights=rate[below], minlength=len(rate)), rate)
    share, asked = np.zeros(len(rate)), on_dc[parent[below]]
    share[below] = np.divide(rate[below], asked, out=np.zeros(len(below)), where=asked > 0)
    return share


def delay_at(chain: Chain, rows: Wholes, level: Wholes) -> Delay:
    """What their DCs owe some of the pairs, by the levels of all; a DC's own wait for a DC above it included."""
    parent = chain.parent[rows]
    below = parent >= 0
    if not below.any():
        return no_delay(len(rows))
    above, number = np.unique(parent[below], return_inverse=True)
    of = np.full(len(rows), -1)
    of[below] = number
    demand = matched(chain.demand.at(above), delay_at(chain, above, level))
    return delay_of(chain.demand.at(rows), of, chain.share[rows], owed_by(demand, level[above]))


def room_at(pairs: Pairs, chain: Chain, rows: Wholes, level: Wholes) -> Floats:
    """Cubic metres that the levels of some pairs need when an order has just come in, by the levels of all."""
    demand = matched(chain.demand.at(rows), delay_at(chain, rows, level))
    return shelf_room(level[rows], demand, pairs.rows["part_m3"].to_numpy()[rows])


def promises_of(chain: Chain, over: DemandOver, level: Wholes, room_cut: Wholes, is_stocked: Flags) -> Levels:
    """What levels promise to customers, the delay at the DC included; a part that is not stocked promises nothing."""
    n = len(level)
    fill, cycle, waited = np.zeros(n), np.zeros(n), np.zeros(n)
    rows = np.flatnonzero(is_stocked)
    delay = delay_at(chain, rows, level)
    fill[rows], cycle[rows] = promised_by(chain.demand.at(rows), delay, level[rows])
    asked = chain.per_day[rows]
    waited[rows] = np.divide(delay.mean, asked, out=np.zeros(len(rows)), where=asked > 0)  # Little's law
    mean_lead = (over.over_lead_time * over.weights).sum(axis=1)
    mean = (over.over_protection * over.weights).sum(axis=1)
    spread = ((over.over_protection - mean[:, None]) ** 2 * over.weights).sum(axis=1)
    sd = np.sqrt(over.variance_to_mean * mean + spread)
    return Levels(level, mean_lead, mean, sd, fill, cycle, waited, room_cut)


class Ruled(NamedTuple):
    """Levels of a rule, its service target or what it reached, and the answers (SOLVER_RUNS).

    ``room_cut`` are the pieces that the levels lack of those they would have, were there room for any number.
    """

    level: Wholes
    room_cut: Wholes
    service_target: Floats
    solver_runs: pd.DataFrame


def ruled(level: Wholes, room_cut: Wholes, target: Floats, runs: list[dict[str, object]]) -> Ruled:
    """The answer of a rule, its runs as a table."""
    return Ruled(level, room_cut, target, conform(pd.DataFrame(runs), SOLVER_RUNS) if runs else empty(SOLVER_RUNS))


def levels_together(pairs: Pairs, chosen: pd.DataFrame, chain: Chain, params: ReplenishParams) -> Ruled:
    """Levels of all stocked pairs, chosen together by kind of site or over the network.

    No level is above its cap, unless its class's floor is.
    """
    is_stocked = pairs.rows["is_stocked"].to_numpy()
    can_be_bought = is_stocked & chosen["has_source"].to_numpy()
    if params.system_scope == "network":
        got = _over_network(pairs, chosen, chain, np.flatnonzero(can_be_bought), params)
    else:
        got = _by_kind(pairs, chosen, chain, can_be_bought, params)
    got.level[is_stocked & ~can_be_bought] = 1
    return got


def _by_kind(pairs: Pairs, chosen: pd.DataFrame, chain: Chain, can_be_bought: Flags, params: ReplenishParams) -> Ruled:
    """The DCs together, each piece of their demand counting; then the dealers, who know what the DCs hold."""
    n, runs = len(can_be_bought), list[dict[str, object]]()
    level, room_cut, reached = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64), np.zeros(n)
    is_dc = pairs.rows["is_dc"].to_numpy()
    for kind in KINDS:
        rows = np.flatnonzero(can_be_bought & (is_dc == (kind == "dc")))
        if not len(rows):
            continue
        delay = delay_at(chain, rows, level)
        stairs = _staircases_at(pairs, chain, rows, delay, params)
        plain = weights_of(pairs, chosen, rows, params, np.ones(len(rows)))
        factor = pairs.rows["shortfall_factor"].to_numpy()[rows]
        cost, budget = chosen["unit_cost"].to_numpy(dtype=np.float64)[rows], params.system_budget[kind]
        room = room_of(pairs, rows, matched(chain.demand.at(rows), delay), stairs)
        weight, target = widened_weights(plain, params.system_service_target[kind], factor)
        if budget > 0:
            demand, worth = matched(chain.demand.at(rows), delay), _worth_owed(cost, params)
            low = stairs.level[stairs.start[:-1]]
            within, owed = within_budget(
                lambda money: levels_within(stairs, cost, weight, room, budget=money),  # noqa: B023  # called at once
                lambda got: (got.levels.money, owed_worth(demand, got.levels.order_up_to_level, worth)),  # noqa: B023  # at once
                budget,
                float(cost @ low) + owed_worth(demand, low, worth),
            )
        else:
            owed = 0.0
            try:
                within = levels_within(stairs, cost, weight, room, target=target)
            except SettingsError:  # the widened target is out of reach; if the plain one is too, that is refused
                within = levels_within(stairs, cost, plain, room, target=params.system_service_target[kind])
        got = within.levels
        room_cut[rows] = cut_for_room(within.free_level - got.order_up_to_level, room.site, within.rent)
        level[rows], reached[rows] = got.order_up_to_level, plain @ got.fill_rate
        run = _run_of(f"levels of the {kind}s", got, budget > 0, factor, owed)
        runs.append(run | {"why": f"{run['why']}{said_of_rents(room.name, room.limit, within.rent, budget > 0)}"})
    return ruled(level + room_cut, room_cut, reached, runs)


def owed_worth(demand: Demand, level: Wholes, unit_cost: Floats) -> float:
    """Money in the pieces that are expected to be owed at the end of a cycle."""
    if not unit_cost.any():
        return 0.0
    owed = mean_owed(level, demand.batch, demand.over_protection, demand.variance_to_mean, demand.weights)
    return float(owed @ unit_cost)


def _worth_owed(unit_cost: Floats, params: ReplenishParams) -> Floats:
    """Money that a budget pays for a piece that is owed."""
    return unit_cost if params.budget_counts == "stock" else np.zeros(len(unit_cost))


def within_budget(
    choose: Callable[[float], Chosen], spent_on: Callable[[Chosen], tuple[float, float]], budget: float, least: float
) -> tuple[Chosen, float]:
    """The levels that a budget pays together with what is expected to be owed, and the money of the latter.

    Stock and orders under way are the levels plus what is owed, so two choices of one budget hold the same stock on
    average, however much of its worth each leaves its customers waiting for.

    Parameters
    ----------
    choose
        The best levels for some money.
    spent_on
        Money of such levels, and that of what is owed at them; the cheaper the levels, the more.
    budget
        Money for both.
    least
        Money of the lowest levels with what is owed at them.

    Raises
    ------
    SettingsError
        The budget does not pay the lowest levels; the text says what would.
    """
    checked_goal(None, budget, least, 1.0, 1.0)
    left, got = budget, choose(budget)
    money, owed = spent_on(got)
    for _ in range(MOST_ROUNDS):
        if money + owed <= budget * (1 + ROUNDING):
            break
        left = max(min(left, budget - owed), least - owed)
        got = choose(left)
        money, owed = spent_on(got)
    return got, owed


def _over_network(pairs: Pairs, chosen: pd.DataFrame, chain: Chain, rows: Wholes, params: ReplenishParams) -> Ruled:
    """DCs and dealers for one target or budget, with the service of customers."""
    n = len(pairs.keys)
    level, room_cut, reached = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64), np.zeros(n)
    if not len(rows):
        return ruled(level, room_cut, reached, [])
    factor = pairs.rows["shortfall_factor"].to_numpy()[rows]
    network, weight, delay = network_of(pairs, chosen, chain, rows, params, factor)
    room = room_of_network(pairs, chain, rows, network, delay)
    plain = weight * factor / (weight @ factor)
    _, target = widened_weights(plain, params.network_service_target, factor)
    budget = params.network_budget
    if budget > 0:
        cost = chosen["unit_cost"].to_numpy(dtype=np.float64)[rows]
        own = _worth_owed(cost * (1.0 - share_of_dealers(pairs, chain, rows)), params)

        def owed_at(variant: Wholes, entry: Wholes) -> float:
            """What customers are owed; what a DC owes its dealers is theirs, and on its shelf."""
            level[rows] = held(network, len(rows), variant, entry).level
            return owed_worth(matched(chain.demand.at(rows), delay_at(chain, rows, level)), level[rows], own)

        dearest = highest_price(network)
        lowest = response(network, dearest)
        within, owed = within_budget(
            lambda money: network_within(network, room, budget=money),
            lambda got: (got.answer.money, owed_at(got.answer.variant, got.answer.entry)),
            budget,
            lowest.money + owed_at(lowest.variant, entries_after(network, dearest)),
        )
    else:
        owed = 0.0
        try:
            within = network_within(network, room, target=target)
        except SettingsError:  # the widened target is out of reach; if the plain one is too, that is refused
            network, weight, _ = network_of(pairs, chosen, chain, rows, params, np.ones(len(rows)))
            within = network_within(network, room, target=params.network_service_target)
    got, free = within.answer, within.free
    here = held(network, len(rows), got.variant, got.entry)
    free_level = held(network, len(rows), free.variant, free.entry).level
    level[rows] = here.level
    room_cut[rows] = cut_for_room(free_level - here.level, limited_sites(pairs).of_pair[rows], within.rent)
    reached[rows] = (here.service * np.divide(plain, weight, out=np.zeros(len(rows)), where=weight > 0)).sum()
    run = _run_of("levels of the network", got, budget > 0, factor, owed)
    why = f"{run['why']}{said_of_rents(room.name, room.limit, within.rent, budget > 0)}"
    return ruled(level + room_cut, room_cut, reached, [run | {"why": why}])


def widened_weights(weight: Floats, target: float, factor: Floats) -> tuple[Floats, float]:
    """Weights and the target with which classes whose promises failed get more service, at the same price of service.

    Parameters
    ----------
    weight
        Of each row's fill rate, adding up to 1.
    target
        Weighted fill rate to reach.
    factor
        What the shortfall of each row is to be multiplied by, above 0 and at most 1.

    Notes
    -----
    Where shortfalls fall by equal shares for equal money, what is short at one price of service is inverse to the
    weight: weights divided by the factor multiply the shortfall by it. The target is the one that keeps the price.

    Examples
    --------
    >>> weight, target = widened_weights(np.array([0.5, 0.5]), 0.9, np.array([1.0, 0.5]))
    >>> weight.round(4).tolist(), round(target, 4)
    ([0.3333, 0.6667], 0.9333)
    """
    lifted = weight / factor
    total = float(lifted.sum())
    return lifted / total, 1.0 - (1.0 - target) / total


def _run_of(name: str, got: SystemLevels | Answer, by_budget: bool, factor: Floats, owed: float) -> dict[str, object]:
    aim = "service for the budget" if by_budget else "money for the service"
    proof = "no other levels are better" if got.status == "optimal" else f"at most {got.gap:.4%} better is possible"
    weighed = " with the levels of DCs that were weighed" if isinstance(got, Answer) else ""
    besides = f" and {owed:,.2f} for what is owed" if by_budget else ""
    if (factor < 1).any():
        weighed += f"; classes whose promises failed count up to {1 / factor.min():.3g} times"
    return {
        "stage": "replenish",
        "name": name,
        "solver": "multiplier and bounded search",
        "status": got.status,
        "objective": got.objective,
        "bound": got.bound,
        "gap": got.gap,
        "solutions": got.nodes,
        "why": f"{aim}: {got.money:,.2f}{besides} for {got.service:.4%} of weighted fill rate; {proof}{weighed}",
    }


def lowest_levels(pairs: Pairs, chain: Chain, rows: Wholes, delay: Delay, params: ReplenishParams) -> Wholes:
    """The planner's level of some rows, else that of the floor of their class, at least one piece."""
    abc = np.searchsorted(ABC_CLASSES, pairs.rows["abc_class"].to_numpy(dtype=str)[rows])
    floor = np.array([params.fill_rate_floor[name] for name in ABC_CLASSES])[abc]
    low, floored = np.ones(len(rows), dtype=np.int64), np.flatnonzero(floor > 0)
    low[floored] = levels_reaching(floor[floored], chain.demand.at(rows[floored]), delay.at(floored))
    fixed = chain.fixed[rows]
    return np.where(fixed >= 0, fixed, low)


def _staircases_at(pairs: Pairs, chain: Chain, rows: Wholes, delay: Delay, params: ReplenishParams) -> Staircases:
    """Levels between the floor and the cap of each row's class, at least one piece, or the planner's level alone."""
    abc = np.searchsorted(ABC_CLASSES, pairs.rows["abc_class"].to_numpy(dtype=str)[rows])
    cap = np.array([params.fill_rate_cap[name] for name in ABC_CLASSES])[abc]
    low = lowest_levels(pairs, chain, rows, delay, params)
    return staircases_of(chain.demand.at(rows), delay, low, np.maximum(chain.cap[rows], low), cap)


def weights_of(pairs: Pairs, chosen: pd.DataFrame, rows: Wholes, params: ReplenishParams, counted: Floats) -> Floats:
    """Weight of each row's fill rate, of its demand only the share that is ``counted``."""
    known = pairs.rows.iloc[rows]
    return service_weights(
        known["demands_per_year"].to_numpy() * counted,
        known["mean_per_day"].to_numpy() * DAYS_PER_YEAR * counted,
        chosen["unit_cost"].to_numpy(dtype=np.float64)[rows],
        known["criticality"].map(params.system_criticality_scores).to_numpy(dtype=np.float64),
        params.system_weights,
    )


def network_of(
    pairs: Pairs, chosen: pd.DataFrame, chain: Chain, rows: Wholes, params: ReplenishParams, factor: Floats
) -> tuple[Network, Floats, Delay]:
    """The families of some rows, at every level of their DCs that is weighed, and the weight of each row's customers.

    Third comes what the rows of the variants wait for.
    A DC's customers are its own and those of dealers that do not stock the part; a DC's wait for a DC above it is not
    weighed. A dealer whose DC is not among the rows is a family of its own. Weights are divided by ``factor``.
    """
    n = len(rows)
    is_dc, parent = pairs.rows["is_dc"].to_numpy()[rows], chain.parent[rows]
    above = _heads_of(pairs, chain, rows)
    plain = weights_of(pairs, chosen, rows, params, 1.0 - share_of_dealers(pairs, chain, rows))
    weight, _ = widened_weights(plain, 0.0, factor)
    cost = chosen["unit_cost"].to_numpy(dtype=np.float64)[rows]

    heads, alone = np.flatnonzero(is_dc), np.flatnonzero(~is_dc & (above < 0))
    stairs = _staircases_at(pairs, chain, rows[heads], no_delay(len(heads)), params)
    entry = weighed_levels(stairs)
    of_head = heads[np.repeat(np.arange(len(heads)), np.diff(stairs.start))[entry]]
    family = np.concatenate([of_head, alone])
    order = np.argsort(family, kind="stable")
    family = family[order]
    dc_level = np.concatenate([stairs.level[entry], np.zeros(len(alone), dtype=np.int64)])[order]
    dc_service = np.concatenate([weight[of_head] * stairs.fill_rate[entry], np.zeros(len(alone))])[order]
    head = np.where(is_dc[family], family, -1)
    waits_for = np.where(is_dc[family], rows[family], parent[family])

    dealers = np.flatnonzero(~is_dc)
    dealers = dealers[np.argsort(np.where(above >= 0, above, np.arange(n))[dealers], kind="stable")]
    own_family = np.where(above >= 0, above, np.arange(n))[dealers]
    begin = np.searchsorted(own_family, family, side="left")
    many = np.searchsorted(own_family, family, side="right") - begin
    row_start = np.concatenate([[0], np.cumsum(many)])
    of = np.repeat(np.arange(len(family)), many)
    row = dealers[np.arange(row_start[-1]) - row_start[of] + begin[of]]
    owing = np.flatnonzero(waits_for >= 0)
    number = np.full(len(family), -1)
    number[owing] = np.arange(len(owing))
    owed = owed_by(chain.demand.at(waits_for[owing]), dc_level[owing])
    part_rows = rows[row]
    delay = delay_of(chain.demand.at(part_rows), number[of], chain.share[part_rows], owed)
    at_dealers = _staircases_at(pairs, chain, part_rows, delay, params)
    money = np.where(head >= 0, cost[family] * dc_level, 0.0)
    variants = Variants(family, head, dc_level, money, dc_service, row_start, row, cost[row], weight[row], at_dealers)
    return laid_out(variants), weight, delay


def room_of_network(pairs: Pairs, chain: Chain, rows: Wholes, network: Network, delay: Delay) -> NetworkRoom:
    """Room that the choices of a network need, as :func:`partsopt.replenish.storage.room_of` for one kind of site."""
    variants, sites = network.variants, limited_sites(pairs)
    volume = pairs.rows["part_m3"].to_numpy()
    site, of_row = sites.of_pair[rows], rows[variants.row]
    dc_site = np.where(variants.head >= 0, site[variants.head], -1)
    dcs = np.flatnonzero(dc_site >= 0)
    heads = rows[variants.head[dcs]]
    dc_space = np.zeros(len(dc_site))
    dc_space[dcs] = shelf_room(variants.dc_level[dcs], chain.demand.at(heads), volume[heads])
    row_site = site[variants.row]
    dealers = np.flatnonzero(row_site >= 0)
    part = matched(chain.demand.at(of_row[dealers]), delay.at(dealers))
    space = spaces_of(variants.stairs, dealers, part, volume[of_row[dealers]])
    return NetworkRoom(sites.name, sites.limit, dc_site, dc_space, row_site, space)


def _heads_of(pairs: Pairs, chain: Chain, rows: Wholes) -> Wholes:
    """The place among some rows of each dealer's DC, -1 where it is not among them."""
    place = np.full(len(pairs.keys), -1)
    place[rows] = np.arange(len(rows))
    is_dealer = ~pairs.rows["is_dc"].to_numpy()[rows]
    parent = chain.parent[rows]
    return np.where((parent >= 0) & is_dealer, place[parent], -1)


def share_of_dealers(pairs: Pairs, chain: Chain, rows: Wholes) -> Floats:
    """Share of each row's demand that is that of dealers among the rows, at most 1."""
    above = _heads_of(pairs, chain, rows)
    served = np.bincount(above[above >= 0], weights=chain.share[rows][above >= 0], minlength=len(rows))
    return np.minimum(served, 1.0)
