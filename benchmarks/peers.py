"""PyVRP and VROOM on the same instance, where they are installed; their answers are checked like ours."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from importlib.util import find_spec

import numpy as np

from benchmarks.vrplib_files import NEVER, Instance, InstanceError, Routes
from partsopt.routing.timetable import DayProblem, Trips

MILLION = 1_000_000


def has_pyvrp() -> bool:
    return find_spec("pyvrp") is not None


def has_vroom() -> bool:
    return find_spec("vroom") is not None


def vroom_routes(instance: Instance, seconds: float) -> Routes:
    """Routes of VROOM on one thread at its widest exploration, by vehicle in the file's order.

    It ends by itself, often long before ``seconds``; these are wall seconds here, since it offers no other limit.

    Raises
    ------
    InstanceError
        The instance has what VROOM does not know: releases, reloads, a longest duration.
    """
    import vroom

    if instance.may_reload.any() or instance.release.any() or (instance.max_duration < NEVER).any():
        raise InstanceError("VROOM knows no releases, reloads or longest durations")
    work = vroom.Input()
    step = max(1, int(instance.unit_cost.max() * instance.distance.max()) // MILLION)  # VROOM refuses larger costs
    for unit in np.unique(instance.unit_cost):
        work.set_durations_matrix(str(unit), instance.travel.astype(np.uint32))
        work.set_costs_matrix(str(unit), np.rint(instance.distance * unit / step).astype(np.uint32))
    for vehicle, depot in enumerate(instance.depot.tolist()):
        work.add_vehicle(
            vroom.Vehicle(
                vehicle,
                start=depot,
                end=depot,
                profile=str(instance.unit_cost[vehicle]),
                capacity=[int(instance.capacity[vehicle])],
                time_window=_window(instance, depot),
                costs=vroom.VehicleCosts(fixed=round(int(instance.fixed_cost[vehicle]) / step)),
            )
        )
    for one in range(instance.n_depots, len(instance.demand)):
        window = _window(instance, one)
        work.add_job(
            vroom.Job(
                one,
                location=one,
                default_service=int(instance.service[one]),
                delivery=[int(instance.demand[one])],
                time_windows=() if window is None else [window],
            )
        )
    routes: Routes = [[] for _ in instance.depot]
    found = work.solve(exploration_level=5, nb_threads=1, timeout=timedelta(seconds=seconds)).routes
    for vehicle, one in found.loc[found["type"] == "job", ["vehicle_id", "id"]].itertuples(index=False):
        routes[int(vehicle)].append(int(one))
    return routes


def _window(instance: Instance, one: int) -> tuple[int, int] | None:
    return None if instance.closes[one] >= NEVER else (int(instance.opens[one]), int(instance.closes[one]))


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


def pyvrp_trips(problem: DayProblem, ours: Trips, latest_s: Sequence[int], seconds: float, seed: int = 1) -> Trips:
    """PyVRP's trips for what our vans carry on the first day; none: no feasible plan.

    Under the same windows, releases, loads, returns and costs. One stop for consecutive parcels of a dealer, as in
    ours; money in millionths, since PyVRP counts whole units.
    """
    import pyvrp

    members = sorted(one for day in ours for trip in day for one in trip)
    if not members:
        return ((),) * len(problem.vans)
    given = [problem.deliveries[one] for one in members]
    vans = [(number, van) for number, van in enumerate(problem.vans) if van.day == 0]
    places = np.array([0, *(one.place for one in given)])
    base_s = np.array([0, *(one.service_s for one in given)])
    elsewhere = places[:, None] != places[None, :]
    travel = (problem.travel_s[np.ix_(places, places)] + base_s[:, None]) * elsewhere
    loading = sorted({van.reload_s for _, van in vans})
    data = pyvrp.ProblemData(
        locations=[pyvrp.Location(0, 0) for _ in places],
        clients=[
            pyvrp.Client(
                location=number, delivery=[one.grams, one.cm3], pickup=[one.back_grams, one.back_cm3],
                service_duration=one.pieces_s, release_time=one.released_on(0), tw_early=one.opens_on(0),
                tw_late=min(latest_s[member], one.closes_on(0)),
            )
            for number, (member, one) in enumerate(zip(members, given, strict=True), start=1)
        ],
        depots=[pyvrp.Depot(location=0), *(pyvrp.Depot(location=0, service_duration=one) for one in loading)],
        vehicle_types=[
            pyvrp.VehicleType(
                num_available=1, capacity=[van.grams, van.cm3], fixed_cost=round(van.fixed_cost * MILLION),
                tw_early=van.start_s, tw_late=van.end_s, unit_distance_cost=round(van.cost_per_m * MILLION),
                unit_duration_cost=round(van.cost_per_s * MILLION), max_reloads=van.max_trips - 1,
                reload_depots=[1 + loading.index(van.reload_s)] if van.max_trips > 1 else [],
            )
            for _, van in vans
        ],
        distance_matrices=[problem.distance_m[np.ix_(places, places)]],
        duration_matrices=[travel],
    )  # fmt: skip
    params = pyvrp.SolveParams(penalty=pyvrp.PenaltyParams(max_penalty=1e12))
    began = time.process_time()
    spent = lambda _: time.process_time() - began >= seconds  # noqa: E731 -- a stopping rule in one line
    best = pyvrp.solve(data, spent, seed=seed, collect_stats=False, params=params).best
    trips: list[tuple[tuple[int, ...], ...]] = [()] * len(problem.vans)
    if best.is_feasible():
        for route in best.routes():
            day: list[list[int]] = [[]]
            for activity in list(route)[1:-1]:
                if activity.is_depot():
                    day.append([])
                else:
                    day[-1].append(members[activity.idx])
            trips[vans[route.vehicle_type()][0]] = tuple(tuple(trip) for trip in day if trip)
    return tuple(trips)
