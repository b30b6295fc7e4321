"""The search of one DC's day, tier by tier, so that no lower tier costs a higher one a minute or a place."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from partsopt.errors import NoPlan
from partsopt.routing.found import Found, Status
from partsopt.routing.insertion import Insertion, cheapest_place, good_place, openings_after, openings_of
from partsopt.routing.model import (
    RoutingModel,
    Slot,
    Terms,
    Weights,
    build_model,
    routes_of,
    trips_of,
    weights_of,
)
from partsopt.routing.plainday import mended
from partsopt.routing.stops import EXPRESS_TIERS, RETURN_RANK
from partsopt.routing.timetable import (
    HORIZON_S,
    Broken,
    DayProblem,
    Delivery,
    Trips,
    TripTimes,
    cost_of_day,
    no_trips,
    starts_of,
    times_of_day,
)
from partsopt.routing.waiting import brought_forward
from partsopt.settings import RoutingParams
from partsopt.tables import TIERS

FIRST_STRATEGIES = ("PARALLEL_CHEAPEST_INSERTION", "LOCAL_CHEAPEST_INSERTION", "SAVINGS")
FAILURES_PER_SOLUTION = 10
SHARE_OF_LOCKED, SHARE_OF_MANY, SHARE_PLANNED_AGAIN = 0.25, 0.5, 0.0625
MANY_PARCELS = 600  # from here on twice the steps bring hardly a line more
LARGEST_FIRST = 2_500  # deliveries times slots up to which OR-Tools' first solutions take less than half a second
BOOL_FALSE = 2
SLOW_OPERATORS = (
    "use_global_cheapest_insertion_path_lns",
    "use_local_cheapest_insertion_path_lns",
    "use_relocate_path_global_cheapest_insertion_insert_unperformed",
)
EXPRESS_RANKS = tuple(TIERS.index(tier) for tier in EXPRESS_TIERS)
Inserter: TypeAlias = Callable[[DayProblem, Mapping[int, Terms], Trips, Weights], Trips]
STATUS_NAMES = {number: name for name, number in routing_enums_pb2.RoutingSearchStatus.Value.items()}


@dataclass
class _Budget:
    """What the searches of one DC may still use, and what they did: the only state of a search."""

    time_left_ms: int
    solutions: int = 0
    iterations: int = 0
    n_columns: int = 0
    above_bound: float = math.inf
    searches: int = 0
    restarts: int = 0
    hit_time_limit: bool = False
    without_answer: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Pass:
    """One pass: what is demanded of the deliveries so far, the plan before it, and what its search may use."""

    problem: DayProblem
    terms: Mapping[int, Terms]
    start: Trips
    tier: int
    weights: Weights
    params: RoutingParams
    budget: _Budget
    is_large: bool
    is_last: bool
    is_again: bool


def search_day(problem: DayProblem, params: RoutingParams) -> Found:
    """Plan one DC's day.

    Tiers are law: pass by pass, the most urgent tier first, each pass plans all tiers so far with the
    higher ones locked. A locked delivery keeps its way (on a vehicle, or a lane that keeps its promise),
    and starts no later than its promise, or than it did without the lower tiers where that was late
    or nothing was promised. Within a pass, unserved outweighs a late lane, which outweighs any cost.
    After each pass, what is left out is tried once more with all lower tiers taken off; where it fits, the passes
    below it are planned again. No pass knows anything of the tiers below it, neither their parcels nor their
    prices nor how long they will be searched: so each tier gets what it gets where it is planned without them.
    Returns are the lowest tier: they are put on the trips of the plan by the exact timetable.

    Returns
    -------
    Found
        ``status`` is feasible where every search ended by its budget of solutions, time_limit where the
        safety net was hit, fallback where no OR-Tools search of the last pass gave a plan and that of
        insertion stands.
    """
    by_vehicle = [number for number, one in enumerate(problem.deliveries) if one.vehicles]
    latest_s = [one.latest_s for one in problem.deliveries]
    if not by_vehicle:
        return Found(
            trips=no_trips(problem),
            latest_s=tuple(latest_s),
            status="nothing_to_do",
            objective=0.0,
            solutions=0,
            why="no delivery that an own vehicle could make",
        )
    budget = _Budget(time_left_ms=params.time_limit_s * 1000)
    tiers = sorted({problem.deliveries[number].tier for number in by_vehicle})
    last = max((tier for tier in tiers if tier != RETURN_RANK), default=RETURN_RANK)
    terms: dict[int, Terms] = {}
    trips = no_trips(problem)
    has_answer, is_large = True, False
    level = reached = 0
    while level < len(tiers):
        tier = tiers[level]
        own = [number for number in by_vehicle if problem.deliveries[number].tier == tier]
        terms |= {one: Terms(latest_s[one], 0) for one in own}
        if tier != RETURN_RANK:
            is_large = len(terms) >= params.compiled_from_parcels
        known = _as_if_alone(problem, terms)
        weights = weights_of(known, terms)
        asked = _Pass(
            known, _priced(known, terms, tier, weights), trips, tier, weights, params, budget,
            is_large=is_large, is_last=tier == last, is_again=level < reached,
        )  # fmt: skip
        if tier == RETURN_RANK:
            trips = (insert_well if is_large else insert_cheapest)(known, asked.terms, trips, weights)
        else:
            trips, has_answer = _recreate_pass(asked) if is_large else _search_pass(asked)
        trips = brought_forward(problem, trips, _latest(problem, asked.terms))
        terms = _locked(problem, asked.terms, trips)
        level += 1
        reached = max(reached, level)
        admitted = _admit_higher(problem, terms, trips, is_large=is_large)
        if admitted is not None:
            budget.restarts += 1
            trips, tier = admitted
            level = tiers.index(tier) + 1
            terms = {one: term for one, term in terms.items() if problem.deliveries[one].tier <= tier}
            terms = _locked(problem, terms, trips)
    objective = sum(
        cost_of_day(problem, number, _times(problem, number, day, _latest(problem, terms)))
        for number, day in enumerate(trips)
    )
    latest = [terms[one].latest_s if one in terms else latest_s[one] for one in range(len(latest_s))]
    status: Status = "time_limit" if budget.hit_time_limit else "feasible" if has_answer else "fallback"
    return Found(
        trips=trips,
        latest_s=tuple(latest),
        status=status,
        objective=objective,
        solutions=budget.solutions,
        why=_why(status, tiers, budget, params, is_large=is_large),
        bound=max(objective - budget.above_bound, 0.0) if is_large else math.nan,
        solver="CP-SAT over ruin and recreate" if is_large else "OR-Tools routing",
    )


def _why(status: Status, tiers: Sequence[int], budget: _Budget, params: RoutingParams, *, is_large: bool) -> str:
    searched = f"{len(tiers)} tiers in {budget.searches} searches, {budget.solutions} solutions"
    if is_large:
        searched = (
            f"{len(tiers)} tiers in {budget.searches} searches of {budget.iterations} iterations; the best choice of "
            f"{budget.n_columns} vehicle days met, the bound is over these"
        )
    again = f", {budget.restarts} planned again for a higher tier" if budget.restarts else ""
    silent = f"; without an answer: {', '.join(budget.without_answer)}" if budget.without_answer else ""
    match status:
        case "time_limit":
            return f"{searched}{again}; cut off by routing.time_limit_s = {params.time_limit_s}{silent}"
        case "fallback":
            return f"{searched}{again}; the plan is that of cheapest insertion{silent}"
        case _:
            return f"{searched}{again}; ended by the budget of solutions{silent}"


def _as_if_alone(problem: DayProblem, members: Collection[int]) -> DayProblem:
    """The day as a pass knows it: a consignment's fixed price is shared without the parcels of lower tiers."""
    shared: dict[int, float] = {}
    for one in members:
        delivery = problem.deliveries[one]
        if delivery.consignment >= 0:
            shared[delivery.consignment] = shared.get(delivery.consignment, 0.0) + delivery.lane_share
    deliveries = list(problem.deliveries)
    for one in members:
        delivery = deliveries[one]
        if delivery.lane_cost is not None and shared.get(delivery.consignment, 0.0) > 0:
            share = delivery.lane_fixed * delivery.lane_share / shared[delivery.consignment]
            cost = delivery.lane_cost - delivery.lane_share + share
            deliveries[one] = replace(delivery, lane_cost=cost, lane_share=share)
    return replace(problem, deliveries=tuple(deliveries))


def _priced(problem: DayProblem, terms: Mapping[int, Terms], tier: int, weights: Weights) -> dict[int, Terms]:
    """Terms in the units of a pass: what it costs to leave a delivery off the vehicles, if it may be left."""
    return {
        one: term if term.penalty is None else replace(term, penalty=_penalty(problem.deliveries[one], tier, weights))
        for one, term in terms.items()
    }


def _penalty(delivery: Delivery, tier: int, weights: Weights) -> int:
    """What a delivery costs off the vehicles: its lane, a late lane, or nothing at all."""
    if delivery.lane_cost is None:
        return weights.unserved if delivery.tier == tier else weights.unserved_higher
    cost = min(round(delivery.lane_cost * weights.scale), weights.late_lane - 1)
    return max(cost, 1) if delivery.lane_keeps_promise else weights.late_lane + cost


def _locked(problem: DayProblem, terms: Mapping[int, Terms], trips: Trips) -> dict[int, Terms]:
    """Terms that hold each delivery to what it got: later passes may not take it away."""
    starts = starts_of(problem, trips, _latest(problem, terms))
    return {one: _locked_terms(problem, one, term, starts.get(one)) for one, term in terms.items()}


def _locked_terms(problem: DayProblem, one: int, term: Terms, starts_s: int | None) -> Terms:
    delivery = problem.deliveries[one]
    if starts_s is None:
        if delivery.lane_cost is None:
            return term
        if delivery.due_s is not None:
            bound = max(delivery.due_s, delivery.lane_arrives_s)
        else:
            bound = delivery.lane_arrives_s if delivery.wanted_s is not None else term.latest_s
        return replace(term, latest_s=min(term.latest_s, bound))
    bound = term.latest_s
    if delivery.due_s is not None:
        bound = max(delivery.due_s, starts_s)
    elif delivery.wanted_s is not None:
        bound = starts_s
    if delivery.is_prompt:
        bound = min(bound, problem.end_of_day_s(starts_s))
    lane_is_as_good = delivery.lane_cost is not None and delivery.lane_keeps_promise
    if lane_is_as_good and delivery.due_s is None and delivery.wanted_s is not None:
        lane_is_as_good = delivery.lane_arrives_s <= bound
    return Terms(min(term.latest_s, bound), term.penalty if lane_is_as_good else None)


def _latest(problem: DayProblem, terms: Mapping[int, Terms]) -> list[int]:
    return [terms[one].latest_s if one in terms else each.latest_s for one, each in enumerate(problem.deliveries)]


def _on_board(trips: Trips) -> set[int]:
    return {one for day in trips for trip in day for one in trip}


def _is_whole(terms: Mapping[int, Terms], trips: Trips) -> bool:
    on_board = _on_board(trips)
    return all(one in on_board for one, term in terms.items() if term.penalty is None)


def _value(problem: DayProblem, terms: Mapping[int, Terms], trips: Trips, weights: Weights) -> int:
    """Cost of a plan in whole units: vehicles, lateness, and the penalties of what they do not carry."""
    latest_s = _latest(problem, terms)
    total = sum(
        cost_of_day(problem, number, _times(problem, number, day, latest_s)) for number, day in enumerate(trips)
    )
    on_board = _on_board(trips)
    left = sum(term.penalty or 0 for one, term in terms.items() if one not in on_board)
    return round(total * weights.scale) + left


def _times(
    problem: DayProblem,
    number: int,
    day: tuple[tuple[int, ...], ...],
    latest_s: Sequence[int],
    waves_s: Sequence[int] | None = None,
) -> list[TripTimes]:
    times = times_of_day(problem, number, day, latest_s, waves_s)
    if isinstance(times, Broken):
        raise NoPlan(f"the trips found for vehicle {number} break {times.rule} by {times.by}; report it")
    return times


# --------------------------------------------------------------------------- one pass


def _search_pass(one: _Pass) -> tuple[Trips, bool]:
    """The best plan found for the deliveries of a pass, never worse than inserting the new ones into the old plan."""
    best = insert_cheapest(one.problem, one.terms, one.start, one.weights)
    best_value = _value(one.problem, one.terms, best, one.weights)
    first = next(_first_answers(one, one.budget, one.params.solution_limit), None)
    answered = first is not None
    if first is not None:
        best, best_value = _better(one, best, best_value, first, insert_cheapest)
    if not one.is_last and _is_settled(one.problem, one.terms, best):
        return best, answered
    slots = _slots_of(one.problem, one.terms, one.tier, best)
    max_failures = one.params.solution_limit * FAILURES_PER_SOLUTION
    is_express = one.tier in EXPRESS_RANKS
    model = build_model(one.problem, one.terms, one.weights, slots, max_failures, free_departure=is_express)
    answer = _solve(model, best, FIRST_STRATEGIES[0], "GUIDED_LOCAL_SEARCH", one.problem, one.params, one.budget)
    if answer is not None:
        answered = True
        best, best_value = _better(one, best, best_value, answer, insert_cheapest)
    return best, answered


def _recreate_pass(one: _Pass) -> tuple[Trips, bool]:
    """As :func:`_search_pass` for a day of many deliveries, by the compiled search and CP-SAT."""
    from partsopt.routing.annealing import compile_search  # only large days load and compile the search
    from partsopt.routing.compiled import first_trips, recreate_pass

    problem, terms, weights, budget = one.problem, one.terms, one.weights, one.budget
    compile_search()
    began = time.monotonic()
    first = first_trips(problem, terms, one.start, weights)
    best = insert_well(problem, terms, mended(problem, first, _latest(problem, terms)), weights)
    if not _is_whole(terms, best):
        best = insert_well(problem, terms, one.start, weights)
    best_value = _value(problem, terms, best, weights)
    if len(terms) * len(problem.vans) <= LARGEST_FIRST:
        for answer in _first_answers(one, replace(budget), 1):
            best, best_value = _better(one, best, best_value, answer, insert_well)
    if one.is_last or not _is_settled(problem, terms, best):
        seconds = budget.time_left_ms / 1000 - (time.monotonic() - began)
        found = recreate_pass(problem, terms, best, weights, one.params.iterations_per_parcel, _share_of(one), seconds)
        budget.searches += 1
        budget.iterations += found.iterations
        budget.solutions += found.n_columns
        budget.hit_time_limit |= found.hit_time_limit
        budget.n_columns, budget.above_bound = found.n_columns, found.above_bound
        best, best_value = _better(one, best, best_value, found.trips, insert_well)
    budget.time_left_ms -= round((time.monotonic() - began) * 1000)
    return best, True


def _share_of(one: _Pass) -> float:
    """Which share of the search a pass gets: less for what is locked already, for many parcels and when planned again.

    It knows nothing of the tiers below: so what a tier gets is what it has where it is planned without them.
    """
    n, n_own = len(one.terms), sum(one.problem.deliveries[each].tier == one.tier for each in one.terms)
    share = (n_own + SHARE_OF_LOCKED * (n - n_own)) / n
    share *= SHARE_OF_MANY if n > MANY_PARCELS else 1.0
    return share * (SHARE_PLANNED_AGAIN if one.is_again else 1.0)


def _first_answers(one: _Pass, budget: _Budget, solution_limit: int) -> Iterator[Trips]:
    """Plans of OR-Tools' first solutions, strategy by strategy, each improved over so many solutions."""
    slots = _slots_of(one.problem, one.terms, one.tier, one.start)
    max_failures = one.params.solution_limit * FAILURES_PER_SOLUTION
    limited = replace(one.params, solution_limit=solution_limit)
    for strategy in FIRST_STRATEGIES:
        model = build_model(one.problem, one.terms, one.weights, slots, max_failures, optional=True)
        answer = _solve(model, None, strategy, "GREEDY_DESCENT", one.problem, limited, budget)
        if answer is not None:
            yield answer
        else:
            budget.without_answer = (*budget.without_answer, strategy)


def _slots_of(problem: DayProblem, terms: Mapping[int, Terms], tier: int, trips: Trips) -> list[Slot]:
    """Room for each trip of the plan so far, and for one trip of each vehicle at home.

    A trip waits for everything the pass's tier has packed where nothing on board minds; otherwise it
    leaves by what it carries. The time between two trips of a vehicle is split evenly between them. A vehicle
    at home leaves on the tier's last release. Further trips are added by :func:`insert_cheapest`.
    """
    latest_s = _latest(problem, terms)
    own = [problem.deliveries[one] for one in terms if problem.deliveries[one].tier == tier]
    waves_s = [max(one.released_on(day) for one in own) for day in range(len(problem.midnights_s))]
    slots = []
    for number, van in enumerate(problem.vans):
        day, wave_s = trips[number], waves_s[van.day]
        if not day:
            slots.append(Slot(number, True, max(van.start_s, wave_s), van.end_s))
            continue
        packed = [max(problem.deliveries[one].released_on(van.day) for one in trip) for trip in day]
        for trip in range(len(day)):
            waiting = [*packed[:trip], max(packed[trip], wave_s), *packed[trip + 1 :]]
            if not isinstance(times_of_day(problem, number, day, latest_s, waiting), Broken):
                packed = waiting
        times = _times(problem, number, day, latest_s, packed)
        from_s = max(van.start_s, packed[0])
        for trip, (here, following) in enumerate(itertools.zip_longest(times, times[1:])):
            until_s, next_s = van.end_s, 0
            if following is not None:
                next_s = max((here.returns_s + van.reload_s + following.departs_s) // 2, packed[trip + 1])
                until_s = min(next_s, following.departs_s) - van.reload_s
            slots.append(Slot(number, trip == 0, from_s, until_s))
            from_s = next_s
    return slots


def _is_settled(problem: DayProblem, terms: Mapping[int, Terms], trips: Trips) -> bool:
    """Whether no tier so far can do better: each is served within its promise, and none could come sooner."""
    starts = starts_of(problem, trips, _latest(problem, terms))
    for one in terms:
        delivery = problem.deliveries[one]
        arrives_s = starts.get(one, delivery.lane_arrives_s if delivery.lane_keeps_promise else HORIZON_S)
        if one not in starts and not delivery.lane_keeps_promise:
            return False
        if delivery.wanted_s is not None and arrives_s > delivery.wanted_s:
            return False
        if delivery.is_prompt and starts.get(one, 0) > problem.end_of_day_s(0):
            return False
    return True


def _better(one: _Pass, best: Trips, best_value: int, answer: Trips, insert: Inserter) -> tuple[Trips, int]:
    """The cheaper of a plan and an answer, the answer mended and with what it leaves out put in where it can be."""
    answer = insert(one.problem, one.terms, mended(one.problem, answer, _latest(one.problem, one.terms)), one.weights)
    if not _is_whole(one.terms, answer):
        answer = _restored(one.problem, one.terms, one.weights, best, answer, insert)
    value = _value(one.problem, one.terms, answer, one.weights)
    return (answer, value) if value < best_value else (best, best_value)


def _restored(
    problem: DayProblem, terms: Mapping[int, Terms], weights: Weights, whole: Trips, answer: Trips, insert: Inserter
) -> Trips:
    """An answer that lacks some of what must be carried, with the days that a whole plan has for these instead.

    What the exact timetable took off the answer, or the search could not drive, so costs the days around it, not all.
    """
    latest_s = _latest(problem, terms)
    needed = {one: term for one, term in terms.items() if term.penalty is None}
    van_of = {one: van for van, day in enumerate(whole) for trip in day for one in trip}
    vans: set[int] = set()
    while lost := needed.keys() - _on_board(answer):
        vans |= {van_of[one] for one in lost}
        held = {one for van in vans for trip in whole[van] for one in trip}
        answer = tuple(
            whole[van]
            if van in vans
            else tuple(kept for trip in day if (kept := tuple(one for one in trip if one not in held)))
            for van, day in enumerate(answer)
        )
        answer = mended(problem, answer, latest_s)
        answer = insert(problem, needed | {one: terms[one] for one in _on_board(answer)}, answer, weights)
    return insert(problem, terms, answer, weights)


def _solve(
    model: RoutingModel,
    start: Trips | None,
    strategy: str,
    metaheuristic: str,
    problem: DayProblem,
    params: RoutingParams,
    budget: _Budget,
) -> Trips | None:
    """One OR-Tools search; None where it has no answer. Its status decides, branch by branch."""
    if budget.time_left_ms <= 0:
        budget.hit_time_limit = True
        return None
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.first_solution_strategy = getattr(routing_enums_pb2.FirstSolutionStrategy, strategy)
    parameters.local_search_metaheuristic = getattr(routing_enums_pb2.LocalSearchMetaheuristic, metaheuristic)
    parameters.solution_limit = params.solution_limit
    parameters.disable_scheduling_beware_this_may_degrade_performance = True  # times are recomputed exactly, see _value
    for operator in SLOW_OPERATORS:
        setattr(parameters.local_search_operators, operator, BOOL_FALSE)
    parameters.time_limit.FromMilliseconds(budget.time_left_ms)
    model.routing.CloseModelWithParameters(parameters)
    if start is None:
        assignment = model.routing.SolveWithParameters(parameters)
    else:
        hint = model.routing.ReadAssignmentFromRoutes(routes_of(model, start), True)
        if hint is None:
            budget.without_answer = (*budget.without_answer, "the start from the plan before")
            return None
        assignment = model.routing.SolveFromAssignmentWithParameters(hint, parameters)
    solver = model.routing.solver()
    budget.time_left_ms -= solver.WallTime()
    budget.searches += 1
    budget.solutions += solver.Solutions()
    status = STATUS_NAMES[model.routing.status()]
    used_up = _used_up(solver, params)
    match status:
        case "ROUTING_SUCCESS":
            budget.hit_time_limit |= metaheuristic != "GREEDY_DESCENT" and not used_up
        case "ROUTING_OPTIMAL":
            pass
        case "ROUTING_PARTIAL_SUCCESS_LOCAL_OPTIMUM_NOT_REACHED":
            budget.hit_time_limit |= not used_up
        case "ROUTING_FAIL" | "ROUTING_INFEASIBLE":
            return None
        case "ROUTING_FAIL_TIMEOUT":
            budget.hit_time_limit |= not used_up
            return None
        case _:
            raise NoPlan(f"OR-Tools answered {status} to a model of {len(model.deliveries)} deliveries; report it")
    if assignment is None:
        return None
    return trips_of(model, assignment, len(problem.vans))


def _used_up(solver: Any, params: RoutingParams) -> bool:
    """Whether the budget of solutions or of rejected candidates ended the search, not the clock."""
    return bool(
        solver.Solutions() >= params.solution_limit
        or solver.Failures() >= params.solution_limit * FAILURES_PER_SOLUTION
    )


# --------------------------------------------------------------------------- what was left out


def insert_cheapest(problem: DayProblem, terms: Mapping[int, Terms], trips: Trips, weights: Weights) -> Trips:
    """Put each delivery of the pass that no vehicle carries where it costs least, if that is less than its penalty.

    Deliveries are taken by tier, then by number; nothing on board is moved to another vehicle. What is
    left out afterwards fits nowhere, or is cheaper by its lane.
    """
    latest_s = _latest(problem, terms)
    for one in _left_out(problem, terms, trips):
        place = cheapest_place(problem, one, trips, latest_s)
        if place is not None and _is_worth(place, terms[one], weights):
            trips = place.trips
    return trips


def insert_well(problem: DayProblem, terms: Mapping[int, Terms], trips: Trips, weights: Weights) -> Trips:
    """As :func:`insert_cheapest`, for days with too many vehicles to try every place by the exact timetable."""
    latest_s = _latest(problem, terms)
    openings = openings_of(problem, trips, latest_s)
    for one in _left_out(problem, terms, trips):
        place = good_place(problem, one, trips, latest_s, openings)
        if place is not None and _is_worth(place, terms[one], weights):
            trips = place.trips
            openings = openings_after(problem, openings, trips, place.vehicle, latest_s)
    return trips


def _left_out(problem: DayProblem, terms: Mapping[int, Terms], trips: Trips) -> list[int]:
    return sorted(set(terms) - _on_board(trips), key=lambda one: (problem.deliveries[one].tier, one))


def _is_worth(place: Insertion, term: Terms, weights: Weights) -> bool:
    return term.penalty is None or round(place.cost * weights.scale) < term.penalty


def _admit_higher(
    problem: DayProblem, terms: Mapping[int, Terms], trips: Trips, *, is_large: bool
) -> tuple[Trips, int] | None:
    """A plan that carries deliveries now left out, once everything of lower tiers is taken off; None if there is none.

    With it comes the tier from below which the passes must be planned again.
    """
    on_board = _on_board(trips)
    latest_s = _latest(problem, terms)
    left = [one for one in terms if one not in on_board and _is_let_down(problem.deliveries[one])]
    for tier in sorted({problem.deliveries[one].tier for one in left}):
        higher = tuple(
            tuple(
                kept
                for trip in day
                if (kept := tuple(other for other in trip if problem.deliveries[other].tier <= tier))
            )
            for day in trips
        )
        if any(isinstance(times_of_day(problem, number, day, latest_s), Broken) for number, day in enumerate(higher)):
            continue
        openings = openings_of(problem, higher, latest_s)
        has_admitted = False
        for one in sorted(one for one in left if problem.deliveries[one].tier == tier):
            if is_large:
                place = good_place(problem, one, higher, latest_s, openings)
            else:
                place = cheapest_place(problem, one, higher, latest_s)
            if place is not None:
                higher, has_admitted = place.trips, True
                openings = openings_after(problem, openings, higher, place.vehicle, latest_s)
        if has_admitted:
            return higher, tier
    return None


def _is_let_down(delivery: Delivery) -> bool:
    return delivery.lane_cost is None or not delivery.lane_keeps_promise
