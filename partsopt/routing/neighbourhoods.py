"""A large plan cut into neighbouring groups of vehicle days, each small enough to search by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from partsopt.routing.route_problem import RouteProblem

Days = list[list[list[int]]]


class Group(NamedTuple):
    """Vehicles and clients of a part of a plan, as numbers of the whole."""

    vehicles: list[int]
    clients: list[int]


def groups_of(problem: RouteProblem, days: Days, size: int, turn: int) -> list[Group]:
    """Cut a plan into groups of about ``size`` clients on neighbouring days.

    A group grows from the day farthest from the depot by the days nearest to it, the distance between two days
    being that between their middle clients. Odd turns begin at the day farthest from where even turns begin, so
    that borders move. Vehicles at home are dealt out in turn; clients that are out go to the group of the nearest day.
    """
    used = [vehicle for vehicle, trips in enumerate(days) if trips]
    if not used:
        return [Group(list(range(len(days))), list(range(problem.n_depots, len(problem.loads))))]
    members = {vehicle: [one for trip in days[vehicle] for one in trip] for vehicle in used}
    middle = {vehicle: _middle(problem, members[vehicle]) for vehicle in used}
    left = sorted(used)
    first = max(left, key=lambda vehicle: (problem.distance[0, middle[vehicle]], -vehicle))
    if turn % 2:
        first = max(left, key=lambda vehicle: (problem.distance[middle[first], middle[vehicle]], -vehicle))
    groups: list[list[int]] = []
    most = max(1, min(round((len(problem.loads) - problem.n_depots) / size), len(used)))
    share = sum(map(len, members.values())) / most
    while left:
        seed = first if not groups else max(left, key=lambda one: (problem.distance[0, middle[one]], -one))
        near = sorted(left, key=lambda one: (problem.distance[middle[seed], middle[one]], one))
        taken, clients = [], 0
        for vehicle in near:
            if clients and clients + len(members[vehicle]) > share and len(groups) < most - 1:
                break
            taken.append(vehicle)
            clients += len(members[vehicle])
        groups.append(taken)
        left = [vehicle for vehicle in left if vehicle not in set(taken)]
    at_home = [vehicle for vehicle, trips in enumerate(days) if not trips]
    found = [Group(sorted(taken), [one for vehicle in taken for one in members[vehicle]]) for taken in groups]
    for place, vehicle in enumerate(at_home):
        found[(place + turn) % len(found)].vehicles.append(vehicle)
    served = {one for group in found for one in group.clients}
    day_of = np.array([middle[vehicle] for taken in groups for vehicle in taken])
    group_of = np.array([number for number, taken in enumerate(groups) for _ in taken])
    for one in range(problem.n_depots, len(problem.loads)):
        if one not in served:
            found[int(group_of[np.argmin(problem.distance[one, day_of])])].clients.append(one)
    return [Group(sorted(vehicles), sorted(clients)) for vehicles, clients in found]


def _middle(problem: RouteProblem, clients: Sequence[int]) -> int:
    """The client with the least way to all others of a day."""
    apart = problem.distance[np.ix_(clients, clients)].sum(axis=1)
    return clients[int(np.argmin(apart))]


def part_of(problem: RouteProblem, group: Group) -> RouteProblem:
    """The problem of one group; its client k is the group's client k - 1, its vehicle k the group's vehicle k."""
    at = np.array([*range(problem.n_depots), *group.clients], dtype=np.int64)
    return problem._replace(
        distance=np.ascontiguousarray(problem.distance[np.ix_(at, at)]),
        travel=np.ascontiguousarray(problem.travel[np.ix_(at, at)]),
        loads=np.ascontiguousarray(problem.loads[at]),
        vehicle_type=problem.vehicle_type[np.array(group.vehicles, dtype=np.int64)],
        allowed=np.ascontiguousarray(problem.allowed[:, at]),
        **{
            name: getattr(problem, name)[at]
            for name in ("opens", "closes", "service", "release", "wanted", "due", "price_out")
        },
    )
