"""The best choice among vehicle days already met: set partitioning by CP-SAT, with its bound."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from ortools.sat.python import cp_model

from partsopt.errors import NoPlan
from partsopt.routing.annealing import Column
from partsopt.routing.route_problem import RouteProblem

COST_STEPS = 2**40
MOST_COLUMNS = 20_000

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
        CP-SAT's deterministic time, so that a busy machine gives the same choice.
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
    Balinski & Quandt (1964), Operations Research 12(2), 300-304. Costs are rounded to whole steps of at most one
    part in 2^40 of the incumbent, or of ``scale``; the cost given back is that of the columns themselves.
    """
    pool = _pool(columns, incumbent)
    now = _cost_of(problem, incumbent, consignments)
    may = [one for one in range(problem.n_depots, len(problem.loads)) if one not in must]
    if scale is None:
        scale = COST_STEPS / max([1.0, now, *(float(problem.price_out[one]) for one in may)])
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
            return Choice(tuple(incumbent), now, -np.inf, "no_answer")
        case other:
            raise NoPlan(f"CP-SAT answered {solver.status_name(other)} to a choice that has an incumbent; report it")
    chosen = tuple(column for variable, column in zip(taken, pool, strict=True) if solver.boolean_value(variable))
    cost = _cost_of(problem, chosen, consignments)
    if cost >= now:
        return Choice(tuple(incumbent), now, min(solver.best_objective_bound / scale, now), status)
    return Choice(chosen, cost, min(solver.best_objective_bound / scale, cost), status)


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
