"""One pass of a large day: days of vehicles by the compiled search, then the best choice of all met by CP-SAT."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from partsopt.routing.annealing import (
    Column,
    RuinSearch,
    best_columns,
    best_cost,
    best_days,
    columns_of,
    cost_of_column,
    improve,
    nearest_by_way,
    start_search,
    temperatures,
    types_of,
)
from partsopt.routing.columns import ChoiceStatus, Consignment, choose_columns
from partsopt.routing.model import Terms, Weights
from partsopt.routing.neighbourhoods import Days, Group, groups_of, part_of
from partsopt.routing.plainday import plain_day
from partsopt.routing.route_problem import NEVER, RouteProblem
from partsopt.routing.timetable import DayProblem, Trips

FIRST_PLANS = 6
GROUP_SIZE = 200
TURNS = 6
PRICE_STEPS = 64
EFFORT_PER_CLIENT, LEAST_EFFORT, MOST_EFFORT = 0.002, 0.5, 1.5
"""Deterministic time of GLOP and of CP-SAT, each: more found nothing better on days of 1,500 dealers."""


class WholeDay(NamedTuple):
    """A pass as a problem of whole numbers: client k is delivery ``members[k - 1]``, vehicle k is van ``order[k]``."""

    route: RouteProblem
    members: tuple[int, ...]
    order: tuple[int, ...]
    must: frozenset[int]
    consignments: tuple[Consignment, ...]


class Recreated(NamedTuple):
    """Trips found, and how: iterations, vehicle days chosen from, how far the choice is from its bound (money)."""

    trips: Trips
    iterations: int
    n_columns: int
    above_bound: float
    choice: ChoiceStatus
    hit_time_limit: bool


class _Searched(NamedTuple):
    days: Days
    columns: list[Column]
    iterations: int
    hit_time_limit: bool


def first_trips(problem: DayProblem, terms: Mapping[int, Terms], start: Trips, weights: Weights) -> Trips:
    """The best of several first plans of a pass: the start, and all else where it costs least, in drawn orders."""
    problem, terms, start = plain_day(problem, terms, start)
    whole = whole_day(problem, terms, weights, start)
    days, near = _days_of(whole, start), nearest_by_way(whole.route)
    firsts = [start_search(whole.route, seed, days, near) for seed in range(1, FIRST_PLANS + 1)]
    best = best_days(min(firsts, key=best_cost))
    return _trips_of(whole, _columns_of_days(whole.route, best), len(problem.vans))


def recreate_pass(
    problem: DayProblem,
    terms: Mapping[int, Terms],
    start: Trips,
    weights: Weights,
    iterations_per_parcel: int,
    share: float,
    seconds: float,
) -> Recreated:
    """Plan a pass: a plan annealed by neighbourhoods, then the best choice of days met.

    Parameters
    ----------
    terms
        The deliveries of the pass and what is demanded of each.
    start
        The plan so far, which keeps all terms; its days are where the search begins.
    iterations_per_parcel
        Of the annealing.
    share
        Of the iterations and of the effort to choose, 1 at most.
    seconds
        Safety net: the search stops between two rounds once it is exceeded.
    """
    began = time.monotonic()
    problem, terms, start = plain_day(problem, terms, start)
    whole = whole_day(problem, terms, weights, start)
    near = None if _is_one_group(whole) else nearest_by_way(whole.route)
    first = start_search(whole.route, 1, _days_of(whole, start), near)
    searched = _anneal(whole, first, math.ceil(iterations_per_parcel * share * len(whole.members)), began + seconds)
    incumbent = _columns_of_days(whole.route, searched.days)
    served = {one for column in incumbent for trip in column.trips for one in trip}
    effort = min(max(LEAST_EFFORT, EFFORT_PER_CLIENT * len(whole.members)), MOST_EFFORT)
    choice = choose_columns(
        whole.route,
        searched.columns,
        incumbent,
        effort * share,
        must=whole.must & served,
        consignments=whole.consignments,
        scale=float(weights.scale),
    )
    return Recreated(
        trips=_trips_of(whole, choice.columns, len(problem.vans)),
        iterations=searched.iterations,
        n_columns=len(searched.columns),
        above_bound=choice.cost - choice.bound,
        choice=choice.status,
        hit_time_limit=searched.hit_time_limit,
    )


def whole_day(problem: DayProblem, terms: Mapping[int, Terms], weights: Weights, start: Trips) -> WholeDay:
    """The pass as the compiled search sees it.

    Prices are whole 64ths of money, so that their sums are exact; what a vehicle must carry has a price above
    that of every plan without it, whatever else that plan could carry instead.
    """
    members = tuple(sorted(terms))
    given = [problem.deliveries[one] for one in members]
    views = _views(problem, members, terms, start)
    places = np.array([0, *(one.place for one in given)], dtype=np.int64)
    base_s = np.array([0, *(one.service_s for one in given)], dtype=np.int64)
    elsewhere = places[:, None] != places[None, :]
    own_s = [problem.midnights_s[van.day] for van in problem.vans]
    by_clock = [
        replace(van, start_s=van.start_s - midnight_s, end_s=van.end_s - midnight_s)
        for van, midnight_s in zip(problem.vans, own_s, strict=True)
    ]
    van_types, first = types_of([(van,) for van in by_clock])
    order = np.argsort(van_types, kind="stable")
    vans = [by_clock[number] for number in first]
    optional = math.fsum(term.penalty or 0.0 for term in terms.values())
    highest = (4.0 * weights.unserved_higher + optional) / weights.scale
    price = [0.0]
    for one, view in zip(members, views, strict=True):
        penalty = terms[one].penalty
        price.append(highest if penalty is None else max(penalty / weights.scale - view.dearer, 0.0))
    allowed = np.ones((len(vans), len(places)), dtype=np.uint8)
    day_of = np.array([van.day for van in problem.vans], dtype=np.int64)
    for client, (delivery, view) in enumerate(zip(given, views, strict=True), start=1):
        may = np.zeros(len(problem.vans), dtype=np.uint8)
        may[list(delivery.vehicles)] = 1
        allowed[:, client] = (may * np.isin(day_of, view.days))[first]

    def whole(values: Sequence[object]) -> np.ndarray:
        return np.array(values, dtype=np.int64)

    route = RouteProblem(
        n_depots=1,
        distance=np.ascontiguousarray(problem.distance_m[np.ix_(places, places)]),
        travel=np.ascontiguousarray((problem.travel_s[np.ix_(places, places)] + base_s[:, None]) * elsewhere),
        loads=whole([[0, 0], *([one.grams, one.cm3] for one in given)]),
        opens=whole([0, *(view.opens_s for view in views)]),
        closes=whole([NEVER, *(view.closes_s for view in views)]),
        service=whole([0, *(one.pieces_s for one in given)]),
        release=whole([0, *(view.release_s for view in views)]),
        wanted=whole([NEVER, *(view.wanted_s for view in views)]),
        due=whole([NEVER, *(view.due_s for view in views)]),
        late_per_time=float(problem.late_cost_per_s),
        price_out=np.round(np.array(price) * PRICE_STEPS) / PRICE_STEPS,
        vehicle_type=van_types[order],
        type_depot=np.zeros(len(vans), dtype=np.int64),
        type_capacity=whole([[van.grams, van.cm3] for van in vans]),
        type_fixed=np.array([float(van.fixed_cost) for van in vans]),
        type_per_distance=np.array([float(van.cost_per_m) for van in vans]),
        type_per_time=np.array([float(van.cost_per_s) for van in vans]),
        type_per_client=np.array([problem.wait_cost_per_day * van.day for van in vans]),
        type_starts=whole([van.start_s for van in vans]),
        type_ends=whole([van.end_s for van in vans]),
        type_max_duration=np.full(len(vans), NEVER),
        type_max_trips=whole([min(van.max_trips, len(members)) for van in vans]),
        type_reload=whole([van.reload_s for van in vans]),
        allowed=allowed,
    )
    must = frozenset(client for client, one in enumerate(members, start=1) if terms[one].penalty is None)
    together: dict[int, dict[int, float]] = {}
    for client, delivery in enumerate(given, start=1):
        if delivery.consignment >= 0 and client not in must:
            together.setdefault(delivery.consignment, {})[client] = delivery.lane_share
    fixed = {one.consignment: one.lane_fixed for one in given}
    consignments = tuple(
        Consignment(fixed[number], shares) for number, shares in sorted(together.items()) if len(shares) > 1
    )
    return WholeDay(route, members, tuple(order.tolist()), must, consignments)


class _View(NamedTuple):
    """A delivery on the clock of its days, in seconds; ``days`` are those on which it is the same for the search.

    ``dearer`` is what these days cost less than the search takes them for, money.
    """

    days: tuple[int, ...]
    opens_s: int
    closes_s: int
    release_s: int
    wanted_s: int
    due_s: int
    dearer: float


def _views(problem: DayProblem, members: Sequence[int], terms: Mapping[int, Terms], start: Trips) -> list[_View]:
    """Each delivery as the search sees it: on the day that it has, or the first it can have, and all days alike."""
    has = {one: problem.vans[van].day for van, trips in enumerate(start) for trip in trips for one in trip}
    views = []
    for one in members:
        delivery = problem.deliveries[one]
        able = sorted({problem.vans[van].day for van in delivery.vehicles})
        own = {day: _view(problem, one, day, terms[one].latest_s) for day in able or (0,)}
        open_on = [day for day, view in own.items() if view.closes_s >= view.opens_s]
        home = has.get(one, next(iter(open_on), next(iter(own))))
        days = [day for day in open_on if own[day] == own[home]]
        if own[home].dearer or home not in days:
            days = [home]
        views.append(own[home]._replace(days=tuple(days)))
    return views


def _view(problem: DayProblem, one: int, day: int, latest_s: int) -> _View:
    delivery, midnight_s = problem.deliveries[one], problem.midnights_s[day]
    closes_s = min(latest_s, delivery.closes_on(day))
    return _View(
        days=(),
        opens_s=max(delivery.opens_on(day) - midnight_s, 0),
        closes_s=closes_s - midnight_s,
        release_s=max(delivery.released_on(day) - midnight_s, 0),
        wanted_s=NEVER if delivery.wanted_s is None else delivery.wanted_s - midnight_s,
        due_s=NEVER if delivery.due_s is None or delivery.due_s >= closes_s else delivery.due_s - midnight_s,
        dearer=round(delivery.wait_cost(day) - problem.wait_cost_per_day * day, 6),
    )


def _anneal(whole: WholeDay, first: RuinSearch, iterations: int, until: float) -> _Searched:
    """Anneal a plan, whole or by neighbourhoods in turns whose borders move."""
    hot, cold = temperatures(first)
    if hot <= 0:
        return _Searched(best_days(first), [], 0, hit_time_limit=False)
    heats = [hot * (cold / hot) ** (turn / TURNS) for turn in range(TURNS + 1)]
    days, columns, done = best_days(first), list[Column](), 0
    is_whole = _is_one_group(whole)
    for turn in range(TURNS):
        if time.monotonic() > until:
            return _Searched(days, columns, done, hit_time_limit=True)
        if is_whole:
            improve(first, iterations // TURNS, hot=heats[turn], cold=heats[turn + 1])
            days = best_days(first)
        else:
            days, columns = _anneal_groups(whole, days, turn, iterations // TURNS, heats[turn], heats[turn + 1])
        done += iterations // TURNS
    return _Searched(days, columns_of(first) if is_whole else columns, done, hit_time_limit=False)


def _is_one_group(whole: WholeDay) -> bool:
    return len(whole.members) <= GROUP_SIZE * 3 // 2


def _anneal_groups(
    whole: WholeDay, days: Days, turn: int, iterations: int, hot: float, cold: float
) -> tuple[Days, list[Column]]:
    """Anneal each neighbourhood by itself, on all cores; which core does what makes no difference."""
    groups = groups_of(whole.route, days, GROUP_SIZE, turn)

    def searched(number: int) -> tuple[Days, list[Column]]:
        group = groups[number]
        part = part_of(whole.route, group)
        client_of = {one: client for client, one in enumerate(group.clients, start=1)}
        own = [[[client_of[one] for one in trip] for trip in days[vehicle]] for vehicle in group.vehicles]
        search = start_search(part, 1 + turn * len(groups) + number, own)
        improve(search, max(iterations * len(group.clients) // len(whole.members), 1), hot=hot, cold=cold)
        return best_days(search), columns_of(search) + best_columns(search)

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        answers = list(pool.map(searched, range(len(groups))))
    merged: Days = [[] for _ in days]
    columns: list[Column] = []
    for group, (found, met) in zip(groups, answers, strict=True):
        for vehicle, trips in zip(group.vehicles, found, strict=True):
            merged[vehicle] = [[group.clients[client - 1] for client in trip] for trip in trips]
        columns += [_in_whole(column, group) for column in met]
    return merged, columns


def _in_whole(column: Column, group: Group) -> Column:
    return column._replace(trips=tuple(tuple(group.clients[client - 1] for client in trip) for trip in column.trips))


def _days_of(whole: WholeDay, trips: Trips) -> Days:
    client_of = {one: client for client, one in enumerate(whole.members, start=1)}
    return [[[client_of[one] for one in trip] for trip in trips[van]] for van in whole.order]


def _columns_of_days(route: RouteProblem, days: Days) -> list[Column]:
    """Days with their exact cost."""
    return [
        Column(kind, cost_of_column(route, kind, trips), tuple(tuple(one) for one in trips))
        for kind, trips in zip(route.vehicle_type.tolist(), days, strict=True)
        if trips
    ]


def _trips_of(whole: WholeDay, columns: Sequence[Column], n_vans: int) -> Trips:
    """Days as trips of the vans of their type, the vans in order, the days by their first delivery."""
    free: dict[int, list[int]] = {}
    for vehicle, kind in enumerate(whole.route.vehicle_type.tolist()):
        free.setdefault(kind, []).append(whole.order[vehicle])
    trips: list[tuple[tuple[int, ...], ...]] = [()] * n_vans
    for column in sorted(columns, key=lambda one: (one.vehicle_type, one.trips)):
        van = free[column.vehicle_type].pop(0)
        trips[van] = tuple(tuple(whole.members[client - 1] for client in trip) for trip in column.trips)
    return tuple(trips)
