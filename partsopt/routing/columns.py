"""The best choice among vehicle days already met: set partitioning by CP-SAT, with its bound."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from ortools.linear_solver import pywraplp
from ortools.sat.python import cp_model

from partsopt.errors import NoPlan
from partsopt.routing.annealing import Column
from partsopt.routing.route_problem import Floats, RouteProblem

COST_STEPS = 2**40
MOST_COLUMNS = 20_000
MOST_CHOSEN_FROM = 4_000

ChoiceStatus: TypeAlias = Literal["optimal", "feasible", "no_answer"]


class Choice(NamedTuple):
    """Columns chosen, their cost with the price of who is out, and the bound over all choices from the pool."""

    columns: tuple[Column, ...]
    cost: float
    bound: float
    status: ChoiceStatus


class Consignment(NamedTuple):
    """Clients that would go out together: a price paid once if any is out, of which each one's price has a share."""

    fixed: float
    shares: Mapping[int, float]


def choose_columns(
    problem: RouteProblem,
    columns: Sequence[Column],
    incumbent: Sequence[Column],
    effort: float,
    *,
    must: Collection[int] = (),
    consignments: Sequence[Consignment] = (),
    scale: float | None = None,
) -> Choice:
    """Choose days so that each client is served once or left out at its price, at least total cost.

    Parameters
    ----------
    columns
        Days met by a search; the cheapest per client are taken where there are more than ``MOST_COLUMNS``.
    incumbent
        The days of the best plan so far: always among the columns, and where the solver starts.
    effort
        Deterministic time of GLOP and of CP-SAT, each, so that a busy machine gives the same choice.
    must
        Clients that may not be left out; the incumbent serves them.
    consignments
        Ways out that share a price.
    scale
        Whole steps for a unit of cost; None: the finest that 2^40 allows for the incumbent.

    Returns
    -------
    Choice
        ``no_answer`` where the solver found nothing within the effort: the incumbent stands, its bound is -inf.

    Notes
    -----
    Balinski & Quandt (1964), Operations Research 12(2), 300-304. The prices of the linear relaxation give a bound, and
    rule out every column that no choice better than the incumbent can hold (its reduced cost is above the difference);
    of what is left the ``MOST_CHOSEN_FROM`` of least reduced cost go to CP-SAT. Costs are rounded to whole steps of at
    most one part in 2^40 of the incumbent, or of ``scale``; the cost given back is that of the columns themselves.
    """
    pool = _pool(columns, incumbent)
    now = _cost_of(problem, incumbent, consignments)
    may = [one for one in range(problem.n_depots, len(problem.loads)) if one not in must]
    if scale is None:
        scale = COST_STEPS / max([1.0, now, *(float(problem.price_out[one]) for one in may)])
    reduced, bound = _reduced_costs(problem, pool, may, consignments, effort)
    pool, is_whole = _worth_choosing(pool, reduced, len(incumbent), now - bound)
    model, taken = _choice_model(problem, pool, incumbent, may, consignments, scale)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.max_deterministic_time = effort
    solver.parameters.linearization_level = 2
    match solver.solve(model):
        case cp_model.OPTIMAL:
            status: ChoiceStatus = "optimal"
        case cp_model.FEASIBLE:
            status = "feasible"
        case cp_model.UNKNOWN:
            return Choice(tuple(incumbent), now, bound, "no_answer")
        case other:
            raise NoPlan(f"CP-SAT answered {solver.status_name(other)} to a choice that has an incumbent; report it")
    chosen = tuple(column for variable, column in zip(taken, pool, strict=True) if solver.boolean_value(variable))
    cost = _cost_of(problem, chosen, consignments)
    if is_whole:
        bound = max(bound, solver.best_objective_bound / scale)
    else:
        status = "feasible"
    if cost >= now:
        chosen, cost = tuple(incumbent), now
    return Choice(chosen, cost, min(bound, cost), status)


def _choice_model(
    problem: RouteProblem,
    pool: Sequence[Column],
    incumbent: Sequence[Column],
    may: Sequence[int],
    consignments: Sequence[Consignment],
    scale: float,
) -> tuple[cp_model.CpModel, list[cp_model.IntVar]]:
    """The choice of days, with the incumbent, which comes first in the pool, as hint; and whether each is taken."""
    model = cp_model.CpModel()
    taken = [model.new_bool_var("") for _ in pool]
    out = {one: model.new_bool_var("") for one in may}
    serving: dict[int, list[cp_model.IntVar]] = {one: [] for one in range(problem.n_depots, len(problem.loads))}
    for one, variable in out.items():
        serving[one].append(variable)
    of_kind: dict[int, list[cp_model.IntVar]] = {}
    for variable, column in zip(taken, pool, strict=True):
        of_kind.setdefault(column.vehicle_type, []).append(variable)
        for trip in column.trips:
            for one in trip:
                serving[one].append(variable)
    for variables in serving.values():
        model.add_exactly_one(variables)
    counts = np.bincount(problem.vehicle_type, minlength=len(problem.type_depot))
    for kind, variables in sorted(of_kind.items()):
        if len(variables) > counts[kind]:
            model.add(sum(variables) <= int(counts[kind]))
    price = {one: float(problem.price_out[one]) for one in may}
    costs = [round(column.cost * scale) * variable for variable, column in zip(taken, pool, strict=True)]
    served_now = {one for column in incumbent for trip in column.trips for one in trip}
    for consignment in consignments:
        opened = model.new_bool_var("")
        model.add_hint(opened, any(one not in served_now for one in consignment.shares))
        costs.append(round(consignment.fixed * scale) * opened)
        for one, share in consignment.shares.items():
            if one in out:
                model.add_implication(out[one], opened)
                price[one] -= share
    model.minimize(sum(costs) + sum(round(price[one] * scale) * variable for one, variable in out.items()))
    for place, variable in enumerate(taken):
        model.add_hint(variable, place < len(incumbent))
    for one, variable in out.items():
        model.add_hint(variable, one not in served_now)
    return model, taken


def _reduced_costs(
    problem: RouteProblem,
    pool: Sequence[Column],
    may: Sequence[int],
    consignments: Sequence[Consignment],
    effort: float,
) -> tuple[Floats, float]:
    """Reduced cost of each column under the prices of the linear relaxation, and the bound these prices prove.

    The bound holds for any prices (weak duality), so rounding in the solver cannot make it wrong; -inf without prices.
    """
    costs = np.array([column.cost for column in pool])
    solver = pywraplp.Solver.CreateSolver("GLOP")
    solver.SetSolverSpecificParametersAsString(f"max_deterministic_time: {effort}")
    unit = max(float(costs.mean()) if len(costs) else 0.0, 1.0)
    counts = np.bincount(problem.vehicle_type, minlength=len(problem.type_depot))
    rows = {one: solver.Constraint(1.0, 1.0) for one in range(problem.n_depots, len(problem.loads))}
    of_kind = [solver.Constraint(-solver.infinity(), float(count)) for count in counts]
    objective = solver.Objective()
    for column, cost in zip(pool, costs, strict=True):
        variable = solver.NumVar(0.0, solver.infinity(), "")
        objective.SetCoefficient(variable, cost / unit)
        of_kind[column.vehicle_type].SetCoefficient(variable, 1.0)
        for trip in column.trips:
            for one in trip:
                rows[one].SetCoefficient(variable, 1.0)
    out = {one: solver.NumVar(0.0, 1.0, "") for one in may}
    price = {one: float(problem.price_out[one]) for one in may}
    links = []
    for consignment in consignments:
        opened = solver.NumVar(0.0, 1.0, "")
        objective.SetCoefficient(opened, consignment.fixed / unit)
        linked = []
        for one, share in consignment.shares.items():
            if one in out:
                price[one] -= share
                link = solver.Constraint(0.0, solver.infinity())
                link.SetCoefficient(opened, 1.0)
                link.SetCoefficient(out[one], -1.0)
                linked.append((one, link))
        links.append((consignment, linked))
    for one, variable in out.items():
        objective.SetCoefficient(variable, price[one] / unit)
        rows[one].SetCoefficient(variable, 1.0)
    objective.SetMinimization()
    if solver.Solve() != pywraplp.Solver.OPTIMAL:
        return np.zeros(len(pool)), -np.inf
    worth = {one: row.dual_value() * unit for one, row in rows.items()}
    of_type = np.minimum([row.dual_value() * unit for row in of_kind], 0.0)
    reduced = np.array(
        [
            cost - of_type[column.vehicle_type] - sum(worth[one] for trip in column.trips for one in trip)
            for column, cost in zip(pool, costs, strict=True)
        ]
    )
    bound = sum(worth.values()) + float(of_type @ counts) + float(np.minimum(reduced, 0.0).sum())
    left = {one: price[one] - worth[one] for one in may}
    for consignment, linked in links:
        shares = {one: max(link.dual_value() * unit, 0.0) for one, link in linked}
        for one, share in shares.items():
            left[one] += share
        bound += min(consignment.fixed - sum(shares.values()), 0.0)
    return reduced, bound + sum(min(one, 0.0) for one in left.values())


def _worth_choosing(pool: list[Column], reduced: Floats, n_incumbent: int, above: float) -> tuple[list[Column], bool]:
    """The incumbent and the columns a better choice may hold; whether those are all such columns."""
    may = np.flatnonzero(reduced[n_incumbent:] <= above) + n_incumbent
    if is_whole := len(may) <= MOST_CHOSEN_FROM:
        kept = may
    else:
        kept = np.sort(may[np.argsort(reduced[may], kind="stable")[:MOST_CHOSEN_FROM]])
    return [*pool[:n_incumbent], *(pool[place] for place in kept)], is_whole


def _cost_of(problem: RouteProblem, columns: Sequence[Column], consignments: Sequence[Consignment]) -> float:
    """Cost of days with the price of who is out."""
    served = {one for column in columns for trip in column.trips for one in trip}
    out = [one for one in range(problem.n_depots, len(problem.loads)) if one not in served]
    cost = sum(column.cost for column in columns) + float(sum(problem.price_out[one] for one in out))
    for consignment in consignments:
        shares = [consignment.shares[one] for one in out if one in consignment.shares]
        cost += consignment.fixed - sum(shares) if shares else 0.0
    return cost


def _pool(columns: Sequence[Column], incumbent: Sequence[Column]) -> list[Column]:
    """The incumbent first, then every other column, the cheapest per client first where there are too many."""
    known = set(incumbent)
    others = [column for column in columns if column not in known]
    if len(others) > MOST_COLUMNS:
        others.sort(key=lambda column: (column.cost / sum(map(len, column.trips)), column.vehicle_type, column.trips))
        others = others[:MOST_COLUMNS]
    return [*incumbent, *others]
