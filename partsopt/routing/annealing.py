"""A ruin-and-recreate search under way, for Python: begin, improve, and what it has met."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partsopt.errors import NoPlan
from partsopt.routing.pool import POOL_NODES, POOL_ROUTES
from partsopt.routing.route_problem import NEVER, Floats, Ints, RouteProblem, SearchState
from partsopt.routing.ruin import NEAREST, construct, iterate
from partsopt.routing.vanday import join

HOT, COLD = 4.0, 0.02
WAIT_SHARE = 0.2


class RuinSearch(NamedTuple):
    """A search under way: the problem, and the state that ``improve`` changes in place."""

    problem: RouteProblem
    state: SearchState


class Nearby(NamedTuple):
    """The clients nearest to each client, itself first: by the way alone, and by way and time together."""

    by_way: Ints
    in_time: Ints


class Column(NamedTuple):
    """A vehicle's day met by the search: its type, its cost and the clients of each trip in order."""

    vehicle_type: int
    cost: float
    trips: tuple[tuple[int, ...], ...]


def start_search(
    problem: RouteProblem,
    seed: int,
    days: Sequence[Sequence[Sequence[int]]] | None = None,
    near: Nearby | None = None,
) -> RuinSearch:
    """Begin with days already planned, and each other client where it costs least, in a drawn order.

    Parameters
    ----------
    seed
        Of the search's own generator of numbers.
    days
        By vehicle, the clients of its trips: days that can be driven; None: all vehicles stay at home.
    near
        What :func:`nearest_clients` says, where several searches share it.
    """
    n_locations, n_vehicles = len(problem.loads), len(problem.vehicle_type)
    n_clients, n_types = n_locations - problem.n_depots, len(problem.type_depot)
    near = nearest_clients(problem) if near is None else near
    is_timed = int(not np.array_equal(near.by_way, near.in_time))
    problem, to, travel_to = _shared(problem)
    rows = int(problem.type_max_trips.max(initial=1)) + 1
    longest = _longest_trip(problem)
    shape = (n_vehicles * rows, longest)
    clients = np.arange(problem.n_depots, n_locations)
    free = np.zeros((n_types, max(n_vehicles, 1)), dtype=np.int64)
    n_free = np.zeros(n_types, dtype=np.int64)
    for vehicle in range(n_vehicles - 1, -1, -1):
        kind = problem.vehicle_type[vehicle]
        free[kind, n_free[kind]] = vehicle
        n_free[kind] += 1
    out_place = np.full(n_locations, -1, dtype=np.int64)
    out_place[clients] = np.arange(n_clients)
    out = np.zeros(n_locations, dtype=np.int64)
    out[:n_clients] = clients
    price = float(problem.price_out[clients].sum())
    generator = np.random.Generator(np.random.PCG64(seed))
    state = SearchState(
        nodes=np.zeros(shape, dtype=np.int64),
        length=np.zeros(shape[0], dtype=np.int64),
        n_trips=np.zeros(n_vehicles, dtype=np.int64),
        load=np.zeros((shape[0], problem.loads.shape[1]), dtype=np.int64),
        ready=np.zeros(shape[0], dtype=np.int64),
        before=np.zeros((shape[0], longest + 1, 3), dtype=np.int64),
        after=np.zeros((shape[0], longest + 1, 3), dtype=np.int64),
        ahead=np.zeros((shape[0], 3), dtype=np.int64),
        behind=np.zeros((shape[0], 3), dtype=np.int64),
        cost=np.zeros(n_vehicles),
        driven=np.zeros(n_vehicles, dtype=np.int64),
        spent=np.zeros(n_vehicles, dtype=np.int64),
        late=np.zeros(n_vehicles),
        kin=_kin(problem),
        open_to_all=np.asarray(problem.allowed.all(axis=1), dtype=np.uint8),
        stamp=np.zeros(n_vehicles + 1, dtype=np.int64),
        leg=np.zeros((shape[0], longest + 1), dtype=np.int64),
        to=to,
        travel_to=travel_to,
        row_of=np.zeros(n_locations, dtype=np.int64),
        place_of=np.zeros(n_locations, dtype=np.int64),
        saved_nodes=np.zeros(shape, dtype=np.int64),
        saved_length=np.zeros(shape[0], dtype=np.int64),
        saved_trips=np.zeros(n_vehicles, dtype=np.int64),
        best_nodes=np.zeros(shape, dtype=np.int64),
        best_length=np.zeros(shape[0], dtype=np.int64),
        best_trips=np.zeros(n_vehicles, dtype=np.int64),
        touched=np.zeros(max(n_vehicles, 1), dtype=np.int64),
        is_touched=np.zeros(n_vehicles, dtype=np.uint8),
        out=out,
        out_place=out_place,
        free=free,
        n_free=n_free,
        used=np.zeros(max(n_vehicles, 1), dtype=np.int64),
        used_place=np.full(n_vehicles, -1, dtype=np.int64),
        near=near.by_way,
        near_in_time=near.in_time,
        counts=np.array(
            [0, n_clients, 0, 0, 0, int(_kin(problem).sum() > n_types), _has_clock(problem), is_timed], dtype=np.int64
        ),
        money=np.array([price, price, price]),
        draws=generator.integers(0, 2**63, size=1, dtype=np.uint64),
        signs=np.random.Generator(np.random.PCG64(1)).integers(0, 2**60, size=n_types + n_locations, dtype=np.uint64),
        pool_seen=np.zeros(4 * POOL_ROUTES, dtype=np.uint64),
        pool_start=np.zeros((POOL_ROUTES, 3), dtype=np.int64),
        pool_type=np.zeros(POOL_ROUTES, dtype=np.int64),
        pool_cost=np.zeros(POOL_ROUTES),
        pool_nodes=np.zeros(POOL_NODES, dtype=np.int64),
    )
    if days is not None:
        _take_days(state, days, rows, clients, problem.price_out)
    if n_clients and n_vehicles:
        construct(problem, state)
    return RuinSearch(problem, state)


def nearest_by_way(problem: RouteProblem) -> Nearby:
    """The clients nearest to each client by the way alone, for a plan that is begun and not improved."""
    near = _nearest(problem, problem.distance[problem.n_depots :, problem.n_depots :])
    return Nearby(near, near)


def nearest_clients(problem: RouteProblem) -> Nearby:
    """The clients nearest to each client: by the way alone, and by way and time together.

    Notes
    -----
    In time, two clients are apart by the way between them and, in the better order, a fifth of the least wait and all
    of the least delay at the second, at the mean speed (Vidal et al. 2013, Computers & OR 40(1), 475-489). Nobody is
    there before a direct trip could be.
    """
    clients = np.s_[problem.n_depots :]
    way, travel = problem.distance[clients, clients], problem.travel[clients, clients]
    direct = problem.travel[: problem.n_depots, clients].min(axis=0)
    opens = np.maximum(problem.opens[clients], problem.release[clients] + direct)
    closes = np.minimum(problem.closes[clients], problem.type_ends.max(initial=0))
    done = problem.service[clients][:, None] + travel
    wait = np.maximum(opens[None, :] - (closes[:, None] + done), 0)
    delay = np.maximum(opens[:, None] + done - closes[None, :], 0)
    speed = way.sum() / max(travel.sum(), 1)
    apart = way + np.rint(speed * (WAIT_SHARE * wait + delay)).astype(np.int64)
    return nearest_by_way(problem)._replace(in_time=_nearest(problem, np.minimum(apart, apart.T)))


def _nearest(problem: RouteProblem, apart: Ints) -> Ints:
    """By client, itself and then those least apart, ties by place."""
    n = len(apart)
    keys = apart * n + np.arange(n)
    np.fill_diagonal(keys, np.arange(n) - n)
    if n > NEAREST:
        keys = np.partition(keys, NEAREST - 1, axis=1)[:, :NEAREST]
    return np.sort(keys, axis=1) % n + problem.n_depots


def _shared(problem: RouteProblem) -> tuple[RouteProblem, Ints, Ints]:
    """The problem and its matrices by destination; equal matrices become one, for less memory is faster."""
    distance, travel = problem.distance, problem.travel
    if np.array_equal(distance, travel):
        travel = distance
    to = distance if np.array_equal(distance, distance.T) else np.ascontiguousarray(distance.T)
    if travel is distance:
        travel_to = to
    else:
        travel_to = travel if np.array_equal(travel, travel.T) else np.ascontiguousarray(travel.T)
    return problem._replace(travel=travel), to, travel_to


def compile_search() -> None:
    """Compile the search, or load it from numba's cache, before any clock starts."""
    one, two = np.ones(1, dtype=np.int64), np.zeros(2, dtype=np.int64)
    apart = np.array([[0, 1], [1, 0]], dtype=np.int64)
    problem = RouteProblem(
        n_depots=1, distance=apart, travel=apart, loads=np.zeros((2, 1), dtype=np.int64), opens=two,
        closes=two + 9, service=two, release=two, wanted=two, due=two, late_per_time=0.0, price_out=np.full(2, 9.0),
        vehicle_type=one - 1, type_depot=one - 1, type_capacity=one[:, None].copy(), type_fixed=np.zeros(1),
        type_per_distance=np.ones(1), type_per_time=np.zeros(1), type_per_client=np.zeros(1), type_starts=one - 1,
        type_ends=one + 9, type_max_duration=one + 9, type_max_trips=one, type_reload=one,
        allowed=np.ones((1, 2), dtype=np.uint8),
    )  # fmt: skip
    improve(start_search(problem, 1), 1, hot=1.0, cold=1.0)


def _take_days(
    state: SearchState, days: Sequence[Sequence[Sequence[int]]], rows: int, clients: Ints, price_out: Floats
) -> None:
    """Write days into a state that is empty so far; what they serve is no longer out."""
    served = {one for trips in days for trip in trips for one in trip}
    for vehicle, trips in enumerate(days):
        state.n_trips[vehicle] = len(trips)
        for number, trip in enumerate(trips):
            state.length[vehicle * rows + number] = len(trip)
            state.nodes[vehicle * rows + number, : len(trip)] = trip
    left = [one for one in clients.tolist() if one not in served]
    state.out_place[clients] = -1
    state.out_place[left] = np.arange(len(left))
    state.out[: len(left)] = left
    state.counts[1] = len(left)
    state.money[2] = float(price_out[left].sum())


def _has_clock(problem: RouteProblem) -> int:
    """Whether time or lateness has a price, so that a day's exact times matter to its cost."""
    return int(problem.type_per_time.any() or bool((problem.wanted < NEVER).any()))


def _kin(problem: RouteProblem) -> NDArray[np.uint8]:
    """Which type (column) can drive every day of another (row) that it has the room for."""
    own, other = np.s_[:, None], np.s_[None, :]
    return np.asarray(
        (problem.type_depot[own] == problem.type_depot[other])
        & (problem.type_starts[other] <= problem.type_starts[own])
        & (problem.type_ends[other] >= problem.type_ends[own])
        & (problem.type_max_duration[other] >= problem.type_max_duration[own])
        & (problem.type_reload[other] <= problem.type_reload[own]),
        dtype=np.uint8,
    )


def _longest_trip(problem: RouteProblem) -> int:
    """How many clients a trip can hold at most, by the smallest loads in the largest vehicle."""
    longest = len(problem.loads) - problem.n_depots
    for measure in range(problem.loads.shape[1]):
        loads = np.sort(problem.loads[problem.n_depots :, measure]).cumsum()
        most = int(problem.type_capacity[:, measure].max(initial=0))
        longest = min(longest, int(np.searchsorted(loads, most, side="right")))
    return max(longest, 1)


def improve(search: RuinSearch, iterations: int, *, hot: float, cold: float, pool_within: float = 0.01) -> None:
    """Run so many iterations, annealing from temperature ``hot`` to ``cold`` (units of cost).

    ``pool_within``: days of states no dearer than this share over the best are kept as columns.
    """
    if len(search.problem.loads) > search.problem.n_depots and len(search.problem.vehicle_type):
        iterate(search.problem, search.state, iterations, hot, cold, pool_within)


def best_cost(search: RuinSearch) -> float:
    """Cost of the best plan so far, the price of what is out included."""
    return float(search.state.money[1])


def best_days(search: RuinSearch) -> list[list[list[int]]]:
    """The best plan so far: by vehicle, its trips, as locations."""
    state = search.state
    rows = len(state.length) // max(len(state.n_trips), 1)
    return [
        [state.best_nodes[row, : state.best_length[row]].tolist() for row in range(v * rows, v * rows + n)]
        for v, n in enumerate(state.best_trips)
    ]


def columns_of(search: RuinSearch) -> list[Column]:
    """Every day in the pool, in the order they were met."""
    state, columns = search.state, []
    for number in range(int(state.counts[3])):
        first, _, total = state.pool_start[number]
        trips: list[tuple[int, ...]] = []
        trip: list[int] = []
        for node in state.pool_nodes[first : first + total].tolist():
            if node < 0:
                trips.append(tuple(trip))
                trip = []
            else:
                trip.append(node)
        columns.append(Column(int(state.pool_type[number]), float(state.pool_cost[number]), tuple(trips)))
    return columns


def types_of(rows: Sequence[tuple[object, ...]]) -> tuple[Ints, list[int]]:
    """Number the kinds of equal rows by first appearance; with them, the first row of each kind."""
    kinds: dict[tuple[object, ...], int] = {}
    first: list[int] = []
    numbers = []
    for place, row in enumerate(rows):
        if row not in kinds:
            kinds[row] = len(kinds)
            first.append(place)
        numbers.append(kinds[row])
    return np.array(numbers, dtype=np.int64), first


def best_columns(search: RuinSearch) -> list[Column]:
    """The days of the best plan so far, one for each vehicle used."""
    columns = []
    for vehicle, trips in enumerate(best_days(search)):
        if trips:
            kind = int(search.problem.vehicle_type[vehicle])
            days = tuple(tuple(trip) for trip in trips)
            columns.append(Column(kind, cost_of_column(search.problem, kind, days), days))
    return columns


def cost_of_column(problem: RouteProblem, vehicle_type: int, trips: Sequence[Sequence[int]]) -> float:
    """Fixed, distance and time cost of a feasible day, recomputed in plain loops.

    Raises
    ------
    NoPlan
        The day cannot be driven.
    """
    home = int(problem.type_depot[vehicle_type])
    starts, ends = int(problem.type_starts[vehicle_type]), int(problem.type_ends[vehicle_type])
    driven, spent, late, free, first, shift = 0, 0, 0.0, starts, (starts, ends, 0), 0
    for trip in trips:
        segment = (starts, ends, 0)
        last = home
        for one in trip:
            driven += int(problem.distance[last, one])
            stop = (int(problem.opens[one]), int(problem.closes[one]), int(problem.service[one]))
            segment = _joined(segment, int(problem.travel[last, one]), stop)
            last = one
        driven += int(problem.distance[last, home])
        early, latest, duration = _joined(segment, int(problem.travel[last, home]), (starts, ends, 0))
        ready = max((int(problem.release[one]) for one in trip), default=0)
        if latest < ready:
            raise NoPlan(f"a trip must leave by {latest} and is not packed before {ready}; report it")
        first = _joined(first, shift, (max(early, ready), latest, duration))
        shift = int(problem.type_reload[vehicle_type])
        seconds, lateness, free = _driven(problem, trip, home, max(free, ready))
        spent, late, free = spent + seconds, late + lateness, free + shift
    cost = problem.type_fixed[vehicle_type] + problem.type_per_distance[vehicle_type] * driven
    cost += problem.type_per_client[vehicle_type] * sum(map(len, trips))
    return float(cost + problem.type_per_time[vehicle_type] * spent + late)


def _driven(problem: RouteProblem, trip: Sequence[int], home: int, departs: int) -> tuple[int, float, int]:
    """Time on the road, price of lateness and return of a trip that leaves as late as nobody on board minds."""
    now, waited, put_off, late, last = departs, 0, NEVER, 0.0, home
    for one in trip:
        now += int(problem.travel[last, one])
        waited += max(int(problem.opens[one]) - now, 0)
        now = max(now, int(problem.opens[one]))
        late += problem.late_per_time * max(now - int(problem.wanted[one]), 0)
        bounds = [int(problem.closes[one]), *(max(int(moment[one]), now) for moment in (problem.wanted, problem.due))]
        put_off = min(put_off, waited + min(bounds) - now)
        now += int(problem.service[one])
        last = one
    now += int(problem.travel[last, home])
    return now - departs - min(put_off, waited), late, now


def _joined(first: tuple[int, int, int], between: int, second: tuple[int, int, int]) -> tuple[int, int, int]:
    early, late, duration = join.py_func(*first, between, *second)
    if late < 0:
        raise NoPlan(
            f"the segments {first} and {second}, {between} apart, cannot be driven one after the other; report it"
        )
    return early, late, duration


def temperatures(search: RuinSearch) -> tuple[float, float]:
    """Where to begin and end an annealing, in units of cost: shares of the cost per client served by the best plan.

    First plans cost up to two and a half times as much as good ones, some hardly more: descend a little before asking.
    """
    columns = best_columns(search)
    served = sum(len(trip) for column in columns for trip in column.trips)
    per_client = sum(column.cost for column in columns) / max(served, 1)
    return HOT * per_client, COLD * per_client
