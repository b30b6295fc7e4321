"""PyVRP on the same instance at the same CPU seconds, where it is installed; its answer is checked like ours."""

from __future__ import annotations

import time
from importlib.util import find_spec

import numpy as np

from benchmarks.vrplib_files import NEVER, Instance, Routes


def has_pyvrp() -> bool:
    return find_spec("pyvrp") is not None


def pyvrp_routes(instance: Instance, seconds: float, seed: int = 1) -> Routes:
    """Routes of PyVRP after so many CPU seconds, by vehicle in the file's order; empty where none is feasible."""
    import pyvrp

    groups: dict[tuple[int, ...], list[int]] = {}
    for v in range(len(instance.depot)):
        alike = (instance.depot[v], instance.capacity[v], instance.fixed_cost[v], instance.unit_cost[v])
        key = (*map(int, alike), int(instance.max_duration[v]), int(instance.may_reload[v]))
        groups.setdefault(key, []).append(v)
    types = [
        pyvrp.VehicleType(
            num_available=len(vehicles), capacity=[capacity], start_depot=depot, end_depot=depot, fixed_cost=fixed,
            tw_early=int(instance.opens[depot]), tw_late=_late(instance.closes[depot]),
            shift_duration=_late(longest), unit_distance_cost=unit, reload_depots=[depot] if reload else [],
        )
        for (depot, capacity, fixed, unit, longest, reload), vehicles in groups.items()
    ]  # fmt: skip
    first = instance.n_depots
    clients = [
        pyvrp.Client(
            location=one, delivery=[int(instance.demand[one])], service_duration=int(instance.service[one]),
            tw_early=int(instance.opens[one]), tw_late=_late(instance.closes[one]),
            release_time=int(instance.release[one]),
        )
        for one in range(first, len(instance.demand))
    ]  # fmt: skip
    data = pyvrp.ProblemData(
        locations=[pyvrp.Location(0, 0) for _ in instance.demand],
        clients=clients,
        depots=[
            pyvrp.Depot(location=one, tw_early=int(instance.opens[one]), tw_late=_late(instance.closes[one]))
            for one in range(first)
        ],
        vehicle_types=types,
        distance_matrices=[instance.distance],
        duration_matrices=[instance.travel],
    )
    params = pyvrp.SolveParams(penalty=pyvrp.PenaltyParams(max_penalty=1e9))  # costs of mixed fleets are large
    began = time.process_time()

    def is_spent(_: float) -> bool:
        return time.process_time() - began >= seconds

    best = pyvrp.solve(data, is_spent, seed=seed, collect_stats=False, params=params).best
    routes: Routes = [[] for _ in instance.depot]
    if not best.is_feasible():
        return routes
    left = [list(vehicles) for vehicles in groups.values()]
    for route in best.routes():
        routes[left[route.vehicle_type()].pop(0)] = _visits(route, first)
    return routes


def _visits(route: object, n_depots: int) -> list[int]:
    """Locations in order, 0 between two trips."""
    activities = list(route)[1:-1]  # type: ignore[call-overload]  # PyVRP is not typed here
    return [0 if activity.is_depot() else activity.idx + n_depots for activity in activities]


def _late(moment: np.int64) -> int:
    return 2**62 if moment >= NEVER else int(moment)
