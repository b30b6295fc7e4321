"""Which orders to place, and how much of each, when a night's money does not reach for all of them.

The only solver of stage 4. Each line may be ordered in full, in fewer packs, or not at all; the money
it may save is the emergency purchases it is expected to avoid. One price of money decides most lines
(a Lagrange multiplier); an integer programme decides those that are close.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pulp

from partsopt.replenish.service import expected_shortfall
from partsopt.replenish.storage import Uses

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

CHOICES = 6  # quantities of a line that are weighed, the smallest and the full one among them
CLOSE_LINES = 300  # lines left to the integer programme
PRICE_STEPS = 60  # halvings of the price of money
SEARCH_GAP = 1e-5  # where the search stops: the plan does not depend on the clock (PuLP knows no node limit)
SAFETY_NET_S = 120
GAP = 1e-6  # "optimal" is said below this


class Share(NamedTuple):
    """Quantity granted to each line, and the answer's quality in the words of ``solver_runs``."""

    quantity: Wholes
    status: str
    objective: float
    bound: float
    solutions: int
    why: str


def quantity_choices(quantity: Wholes, minimum: Wholes, multiple: Wholes) -> Wholes:
    """Quantities weighed for each line, shape (n, CHOICES): whole packs from the smallest order to the full one.

    Examples
    --------
    >>> quantity_choices(np.array([12]), np.array([5]), np.array([4])).tolist()
    [[8, 8, 8, 8, 8, 12]]
    """
    least = -(-np.minimum(minimum, quantity) // multiple)
    most = quantity // multiple
    steps = np.arange(CHOICES) / (CHOICES - 1)
    packs = least[:, None] + np.floor((most - least)[:, None] * steps[None, :]).astype(np.int64)
    packs[:, -1] = most
    return packs * multiple[:, None]


def avoided_cost(
    position: Wholes, quantity: Wholes, mean: Floats, variance_to_mean: Floats, cost_of_a_piece: Floats
) -> Floats:
    """Expected emergency cost that each quantity avoids before the next order could arrive.

    Parameters
    ----------
    position
        Inventory position before the order, shape (n,).
    quantity
        Pieces, shape (n, k).
    mean, variance_to_mean
        Demand over the protection interval, shape (n,).
    cost_of_a_piece
        Extra cost of buying one piece in an emergency, shape (n,).

    Notes
    -----
    Pieces short fall from E(D - position)+ to E(D - position - quantity)+.
    """
    at, demand, ratio = position[:, None], mean[:, None], variance_to_mean[:, None]
    fewer = expected_shortfall(at, demand, ratio) - expected_shortfall(at + quantity, demand, ratio)
    return np.maximum(fewer, 0.0) * cost_of_a_piece[:, None]


def share_budget(quantity: Wholes, cost: Floats, value: Floats, budget: float) -> Share:
    """Choose at most one quantity of each line so that the cost keeps within the budget and the value is largest.

    Parameters
    ----------
    quantity, cost, value
        Of each line and choice, shape (n, k).
    budget
        Money.

    Returns
    -------
    Share
        Quantity 0 where a line gets nothing. ``bound`` is no smaller than the value of any choice.
    """
    # "nothing" is the first choice of every line
    n = len(quantity)
    quantity, cost, value = (
        np.concatenate([np.zeros((n, 1), one.dtype), one], axis=1) for one in (quantity, cost, value)
    )
    if cost[:, -1].sum() <= budget:
        full = float(value[:, -1].sum())
        return Share(quantity[:, -1], "nothing_to_do", full, full, 0, "the budget reaches for every order")
    price, bound = _price_of_money(cost, value, budget)
    taken = _best_at(price, cost, value)
    close = _closest(price, cost, value)
    fixed = np.ones(n, dtype=bool)
    fixed[close] = False
    row = np.arange(n)
    left = budget - float(cost[row, taken][fixed].sum())
    solved, status, solutions, close_bound = _solve(cost[close], value[close], left)
    if solved is not None:
        candidate = taken.copy()
        candidate[close] = solved
        if cost[row, candidate].sum() <= budget * (1 + 1e-12) and (
            value[row, candidate].sum() >= value[row, taken].sum() - 1e-9
        ):
            taken = candidate
        else:
            status = "fallback"
    objective = float(value[row, taken].sum())
    if len(close) == n:
        bound = min(bound, close_bound)
    bound = max(bound, objective)
    gap = (bound - objective) / bound if bound > 0 else 0.0
    if status == "optimal" and gap > GAP:
        status = "feasible"
    why = {
        "optimal": "no other choice of orders avoids more emergency cost for the money",
        "feasible": f"at most {gap:.2%} more emergency cost could be avoided for the money",
        "time_limit": "the safety net of the clock was hit; the best choice found until then stands",
        "fallback": "the solver gave no usable answer; orders are taken by what they avoid per unit of money",
    }[status]
    return Share(quantity[row, taken], status, objective, bound, solutions, why)


def top_up(
    granted: Wholes,
    full: Wholes,
    minimum: Wholes,
    multiple: Wholes,
    price: Callable[[Wholes, Wholes], Floats],
    priority: Floats,
    left: float,
) -> Wholes:
    """Spend what is left pack by pack, so that afterwards no further pack of any line can be paid.

    Running again with the orders imported then finds nothing it could add.

    Parameters
    ----------
    granted, full, minimum, multiple
        Quantity granted so far and in full, smallest order and pack, of each line.
    price
        Unit cost of lines, by their numbers, at quantities.
    priority
        Lines of higher priority come first, ties by their order.
    left
        Money.
    """
    granted = granted.copy()
    smallest = -(-minimum // multiple) * multiple
    every = np.arange(len(full))
    following = np.where(granted == 0, smallest, granted + multiple)
    extra = following * price(every, following) - granted * price(every, granted)
    payable = np.flatnonzero((granted < full) & (extra <= left))

    def cost(line: int, quantity: int) -> float:
        return quantity * float(price(every[line : line + 1], np.array([quantity]))[0])

    for line in payable[np.lexsort((payable, -priority[payable]))].tolist():
        if extra[line] > left:
            continue
        pack, most = int(multiple[line]), int(full[line])
        paid = cost(line, int(granted[line]))
        quantity = int(following[line])
        further = cost(line, quantity) - paid
        while quantity < most:
            # whole packs at the present price, at least one: a larger order is never dearer by the piece
            packs = max(int((left - further) // (pack * cost(line, quantity) / quantity)), 1)
            more = min(most, quantity + packs * pack)
            if cost(line, more) - paid > left:
                break
            quantity, further = more, cost(line, more) - paid
        granted[line], left = quantity, left - further
    return granted


def _best_at(price: float, cost: Floats, value: Floats) -> Wholes:
    """The choice of each line that is worth most at a price of money; the cheaper of equals."""
    return np.argmax(value - price * cost, axis=1)


def _price_of_money(cost: Floats, value: Floats, budget: float) -> tuple[float, float]:
    """The lowest price found at which the choices keep within the budget, and the least Lagrangian bound."""
    row = np.arange(len(cost))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(cost > 0, value / cost, 0.0)
    low, high = 0.0, float(ratio.max(initial=0.0)) * 2 + 1e-12
    bound = np.inf
    for _ in range(PRICE_STEPS):
        price = (low + high) / 2
        taken = _best_at(price, cost, value)
        bound = min(bound, float((value - price * cost)[row, taken].sum() + price * budget))
        if cost[row, taken].sum() <= budget:
            high = price
        else:
            low = price
    return high, bound


def _closest(price: float, cost: Floats, value: Floats) -> Wholes:
    """The lines whose two best different choices differ least at the price, in the order of the lines."""
    net = value - price * cost
    best = net.max(axis=1)
    net = np.where(np.arange(net.shape[1]) == net.argmax(axis=1)[:, None], -np.inf, net)
    return np.sort(np.argsort(best - net.max(axis=1), kind="stable")[:CLOSE_LINES])


class Entries(NamedTuple):
    """Places of the entries taken, one of each part, None where the search found none; and how it ended."""

    chosen: Wholes | None
    status: str


def best_entries(
    part: Wholes,
    aim: Floats,
    limited: Floats,
    least: float,
    uses: Uses,
    left: Floats,
    gap: float,
    most_nodes: int,
) -> Entries:
    """One entry of each part, with the least sum of ``aim``, by an integer programme.

    Parameters
    ----------
    part, aim, limited
        Of each entry.
    least
        The sum of ``limited`` is no smaller.
    uses, left
        Room that entries take, and room of each site.
    gap, most_nodes
        Gap of ``aim``, and nodes of the tree, at which the search stops: it does not depend on the clock.
    """
    problem = pulp.LpProblem("levels_with_room", pulp.LpMinimize)
    take = [problem.add_variable(f"take_{i}", cat="Binary") for i in range(len(part))]
    unit = max(float(np.abs(aim).max()), 1e-300)
    problem += pulp.lpSum(float(aim[i]) / unit * take[i] for i in range(len(part)))
    for number in np.unique(part).tolist():
        problem += pulp.lpSum(take[i] for i in np.flatnonzero(part == number).tolist()) == 1
    scale = max(float(np.abs(limited).max()), 1e-300)
    problem += pulp.lpSum(float(limited[i]) / scale * take[i] for i in range(len(part))) >= least / scale
    for number in np.unique(uses.site).tolist():
        here = uses.site == number
        space, entries = uses.space[here], uses.entry[here]
        room = max(float(space.max()), 1e-300)
        taken = pulp.lpSum(one / room * take[i] for one, i in zip(space.tolist(), entries.tolist(), strict=True))
        problem += taken <= float(left[number]) / room
    solver = pulp.HiGHS(
        msg=False,
        threads=1,
        timeLimit=SAFETY_NET_S,
        gapRel=0.0,
        gapAbs=gap / unit,
        mip_max_nodes=most_nodes,
        random_seed=1,
        mip_feasibility_tolerance=1e-9,
        primal_feasibility_tolerance=1e-9,
    )
    # PuLP 3.3 knows no node limit: ask HiGHS itself
    solver.createAndConfigureSolver(problem)
    solver.buildSolverModel(problem)
    solver.callSolver(problem)
    answer = problem.solverModel
    said = answer.modelStatusToString(answer.getModelStatus())
    status = {"Optimal": "optimal", "Time limit reached": "time_limit"}.get(said, "feasible")
    values = np.asarray(answer.getSolution().col_value)
    chosen = np.flatnonzero(values[[one.index for one in take]] > 0.5) if len(values) == len(take) else None
    is_choice = chosen is not None and np.array_equal(part[chosen], np.unique(part))
    return Entries(chosen if is_choice else None, status)


def _solve(cost: Floats, value: Floats, budget: float) -> tuple[Wholes | None, str, int, float]:
    """One choice for each line by an integer programme: the choices, status, solutions found, and a bound."""
    n, k = cost.shape
    problem = pulp.LpProblem("order_budget", pulp.LpMaximize)
    take = [[problem.add_variable(f"take_{i}_{j}", cat="Binary") for j in range(1, k)] for i in range(n)]
    problem += pulp.lpSum(value[i, j] * take[i][j - 1] for i in range(n) for j in range(1, k))
    for i in range(n):
        problem += pulp.lpSum(take[i]) <= 1
    problem += pulp.lpSum(cost[i, j] * take[i][j - 1] for i in range(n) for j in range(1, k)) <= max(budget, 0.0)
    problem.solve(pulp.HiGHS(msg=False, threads=1, timeLimit=SAFETY_NET_S, gapRel=SEARCH_GAP, random_seed=1))
    match problem.sol_status:
        case pulp.LpSolutionOptimal:
            status = "optimal"
        case pulp.LpSolutionIntegerFeasible:
            status = "time_limit" if problem.solutionTime >= SAFETY_NET_S else "feasible"
        case _:
            return None, "fallback", 0, np.inf
    chosen = np.zeros(n, dtype=np.int64)
    for i in range(n):
        for j in range(1, k):
            if (take[i][j - 1].varValue or 0.0) > 0.5:
                chosen[i] = j
    return chosen, status, 1, abs(float(problem.solverModel.getInfo().mip_dual_bound))
