"""The best choice among vehicle days already met: set partitioning by CP-SAT, with its bound."""

from __future__ import annotations

from collections.abc import Sequence
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


def choose_columns(
    problem: RouteProblem,
    columns: Sequence[Column],
    incumbent: Sequence[Column],
    effort: float,
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

    Returns
    -------
    Choice
        ``no_answer`` where the solver found nothing within the effort: the incumbent stands, its bound is -inf.

    Notes
    -----
    Balinski & Quandt (1964), Operations Research 12(2), 300-304. Costs are rounded to whole steps of at most one
    part in 2^40 of the incumbent; the cost given back is that of the columns themselves.
    """
    pool = _pool(columns, incumbent)
    clients = range(problem.n_depots, len(problem.loads))
    served_now = {one for column in incumbent for trip in column.trips for one in trip}
    now = sum(column.cost for column in incumbent)
    now += float(sum(problem.price_out[one] for one in clients if one not in served_now))
    largest = max([1.0, now, *(float(problem.price_out[one]) for one in clients)])
    scale = COST_STEPS / largest
    model = cp_model.CpModel()
    taken = [model.new_bool_var("") for _ in pool]
    out = {one: model.new_bool_var("") for one in clients}
    serving: dict[int, list[cp_model.IntVar]] = {one: [out[one]] for one in clients}
    for variable, column in zip(taken, pool, strict=True):
        for trip in column.trips:
            for one in trip:
                serving[one].append(variable)
    for variables in serving.values():
        model.add_exactly_one(variables)
    counts = np.bincount(problem.vehicle_type, minlength=len(problem.type_depot))
    for kind, count in enumerate(counts.tolist()):
        of_kind = [variable for variable, column in zip(taken, pool, strict=True) if column.vehicle_type == kind]
        if len(of_kind) > count:
            model.add(sum(of_kind) <= count)
    model.minimize(
        sum(round(column.cost * scale) * variable for variable, column in zip(taken, pool, strict=True))
        + sum(round(float(problem.price_out[one]) * scale) * variable for one, variable in out.items())
    )
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
    cost = sum(column.cost for column in chosen)
    cost += float(sum(problem.price_out[one] for one, variable in out.items() if solver.boolean_value(variable)))
    if cost >= now:
        return Choice(tuple(incumbent), now, min(solver.best_objective_bound / scale, now), status)
    return Choice(chosen, cost, min(solver.best_objective_bound / scale, cost), status)


def _pool(columns: Sequence[Column], incumbent: Sequence[Column]) -> list[Column]:
    """The incumbent first, then every other column, the cheapest per client first where there are too many."""
    known = set(incumbent)
    others = [column for column in columns if column not in known]
    if len(others) > MOST_COLUMNS:
        others.sort(key=lambda column: (column.cost / sum(map(len, column.trips)), column.vehicle_type, column.trips))
        others = others[:MOST_COLUMNS]
    return [*incumbent, *others]
