"""T and review days of every pair: by the planner's calendar, by cost, or by class."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.errors import SettingsError
from partsopt.replenish.chain import Delay, Demand, delay_of, no_delay, owed_by
from partsopt.replenish.levels import DemandOver, batch_of, levels_reaching
from partsopt.replenish.lifecycle import holding_rates
from partsopt.replenish.pairs import Pairs
from partsopt.replenish.ratefactors import with_rate_factors
from partsopt.replenish.review import DAYS_OF_WEEK, Rhythm, review_shift
from partsopt.replenish.reviewcost import (
    CALENDAR_DAYS,
    CHOICES,
    PERIODS,
    WORKING_DAYS_PER_YEAR,
    PairCosts,
    SourceCosts,
    cheapest_periods,
    pair_costs,
    source_costs,
    within_source,
)
from partsopt.replenish.reviewdays import (
    CYCLE,
    CYCLE_DAYS,
    WORKING_DAYS_OF,
    Unit,
    arrivals,
    level_phases,
    picks,
    rhythm_of,
)
from partsopt.replenish.service import lead_time_mixture, order_chance
from partsopt.replenish.together import shares_of_dcs
from partsopt.settings import ReplenishParams
from partsopt.tables import (
    ABC_CLASSES,
    REVIEW_DAYS,
    SOLVER_RUNS,
    WEEKDAY_NAMES,
    conform,
    declare_exception,
    empty,
    exceptions_of,
    weekdays_of,
)

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

KINDS = ("dealer", "dc")  # by is_dc
N_CLASSES = len(ABC_CLASSES)
MONDAY = 1  # ordinal of a Monday, from which rhythms are counted

CALENDAR_UNMATCHED = declare_exception(
    "calendar_unmatched",
    stage="replenish",
    says="a row of review_calendar names a site, source and class that nothing is bought from tonight",
    action="correct source_id or abc_class, or take the row out",
)
LINES_OVER_CAPACITY = declare_exception(
    "lines_over_capacity",
    stage="replenish",
    says="more order lines are expected a working day than sites.order_lines_per_day or supply.source_lines_per_day",
    action="let replenish.review_rule = cost find longer review periods; order larger packs; raise the capacity",
)


ORDER_COST_ASSUMED = declare_exception(
    "order_cost_assumed",
    stage="replenish",
    says="review periods are chosen by cost, and what orders or lines cost is assumed; money is that cost a year",
    action="give supply.order_cost and supply.shared_order_cost, or correct replenish.order_cost and order_line_cost",
)
_NOBODY = pd.DataFrame(index=[])


class Groups(NamedTuple):
    """Sites with a source, and which of them each pair belongs to; a group is one class of a source.

    ``source`` is the number of each pair's site and source, ``group`` of its group: source times 3 plus class.
    """

    source: Wholes
    group: Wholes
    site: Wholes
    source_id: npt.NDArray[np.object_]
    picked_at: Wholes


class ReviewPlan(NamedTuple):
    """Rhythm of each pair, mean days between its reviews, and what is told of them."""

    rhythm: Wholes
    rhythms: list[Rhythm]
    review_days: Floats
    table: pd.DataFrame
    solver_runs: pd.DataFrame
    exceptions: pd.DataFrame


class _ByCost(NamedTuple):
    """Place in ``PERIODS`` of the T of each group, what decided it where lines are scarce, and what was assumed."""

    period: Wholes
    runs: list[dict[str, object]]
    assumed: pd.DataFrame


class _Expected(NamedTuple):
    """Chance of an order line of each pair in a review, and its possible lead times and their chances."""

    line_chance: Floats
    lead_days: Floats
    weights: Floats


def plan_reviews(
    pairs: Pairs,
    chosen: pd.DataFrame,
    class_days: Wholes,
    target: Floats,
    review_calendar: pd.DataFrame,
    last_review_days: pd.DataFrame,
    rate_factors: pd.DataFrame,
    params: ReplenishParams,
    today: date,
) -> ReviewPlan:
    """Choose T of every site, source and class, and the days on which they are reviewed.

    Parameters
    ----------
    pairs, chosen
        The pairs and their sources.
    class_days, target
        T in calendar days and service target of each pair, by class.
    review_calendar
        Input table: the planner's days, which win.
    last_review_days
        The table of the last night (REVIEW_DAYS): its days stay where docks allow it.
    rate_factors
        RATE_FACTORS: T by cost is weighed with the levels that the night would set.
    params
        The rule, and the costs of orders and lines.
    today
        The day that is planned; days of the table are counted from before it.

    Returns
    -------
    ReviewPlan
        ``table`` conforms to ``review_days``.
    """
    groups = _groups(pairs, chosen)
    fixed = _planned(pairs, groups, review_calendar)
    by_cost = params.review_rule == "cost"
    days = class_days.astype(np.float64)
    chosen_by_cost = _ByCost(np.zeros(0, dtype=np.int64), [], exceptions_of(ORDER_COST_ASSUMED, _NOBODY, what=[]))
    if by_cost:
        chosen_by_cost = _periods_by_cost(pairs, chosen, groups, target, rate_factors, params)
        days = CALENDAR_DAYS[chosen_by_cost.period[groups.group]]
    runs = chosen_by_cost.runs
    is_fixed = np.array([number in fixed for number in range(len(groups.site) * N_CLASSES)], dtype=bool)
    mean_days = np.array([1 / sum(1 / every for every, _ in fixed.get(g, ((1, 0),))) for g in range(len(is_fixed))])
    days = np.where(is_fixed[groups.group], mean_days[groups.group], days) if len(is_fixed) else days
    expected = _expected(pairs, chosen, days)
    last = _planned(pairs, groups, last_review_days) if params.keep_review_days else {}
    if is_fixed[groups.group].all():
        chosen_by_cost = chosen_by_cost._replace(assumed=chosen_by_cost.assumed.iloc[:0])
    rhythm_of_group = _rhythms(pairs, groups, fixed, last, days, expected, by_cost, params)
    rhythms = sorted(set(rhythm_of_group.values()))
    number_of = {rhythm: number for number, rhythm in enumerate(rhythms)}
    rhythm = np.array([number_of[rhythm_of_group[g]] for g in groups.group.tolist()], dtype=np.int64)
    return ReviewPlan(
        rhythm=rhythm,
        rhythms=rhythms,
        review_days=days,
        table=_table(pairs, groups, rhythm_of_group, fixed, expected, by_cost, chosen, today),
        solver_runs=conform(pd.DataFrame(runs), SOLVER_RUNS) if runs else empty(SOLVER_RUNS),
        exceptions=pd.concat(
            [
                _unmatched(pairs, groups, review_calendar),
                _over_capacity(pairs, chosen, groups, expected, days),
                chosen_by_cost.assumed,
            ],
            ignore_index=True,
        ),
    )


def _groups(pairs: Pairs, chosen: pd.DataFrame) -> Groups:
    site = pairs.rows["site"].to_numpy()
    names, source_ids = pd.factorize(chosen["source_id"], sort=True)
    keys, first, source = np.unique(site * max(len(source_ids), 1) + names, return_index=True, return_inverse=True)
    abc = np.searchsorted(ABC_CLASSES, pairs.rows["abc_class"].to_numpy(dtype=str))
    at = keys // max(len(source_ids), 1)
    return Groups(
        source,
        source * N_CLASSES + abc,
        at.astype(np.int64),
        chosen["source_id"].to_numpy(dtype=object)[first],
        chosen["source"].to_numpy()[first],
    )


# --------------------------------------------------------------------------- the planner's calendar


def _planned(pairs: Pairs, groups: Groups, review_calendar: pd.DataFrame) -> dict[int, Rhythm]:
    """The planner's rhythm of each group that has one; rows of a class win over rows of all."""
    sources = _sources_named(pairs, groups, review_calendar)
    of_class: dict[tuple[int, str], list[tuple[int, int]]] = {}
    for source, row in zip(sources.tolist(), review_calendar.itertuples(), strict=True):
        if source >= 0:
            of_class.setdefault((source, row.abc_class), []).extend(_steps_of(row))
    found: dict[int, Rhythm] = {}
    for source in sorted({source for source, _ in of_class}):
        for number, name in enumerate(ABC_CLASSES):
            steps = of_class.get((source, name)) or of_class.get((source, ""))
            if steps:
                found[source * N_CLASSES + number] = tuple(sorted(set(steps)))
    return found


def _sources_named(pairs: Pairs, groups: Groups, review_calendar: pd.DataFrame) -> Wholes:
    """Number of the site and source that each row of the calendar names; -1 where nothing is bought so."""
    known = pd.MultiIndex.from_arrays([groups.site, groups.source_id])
    site = pairs.site_ids.get_indexer(review_calendar["site_id"])
    return known.get_indexer(pd.MultiIndex.from_arrays([site, review_calendar["source_id"].astype(object)]))


def _steps_of(row: Any) -> Rhythm:
    start = row.starts_on.toordinal() - MONDAY
    if row.every_days > 0:
        return ((int(row.every_days), start % int(row.every_days)),)
    every = DAYS_OF_WEEK * int(row.every_weeks)
    monday = start // DAYS_OF_WEEK * DAYS_OF_WEEK
    return tuple((every, (monday + weekday) % every) for weekday in weekdays_of(row.weekdays) or ())


def _unmatched(pairs: Pairs, groups: Groups, review_calendar: pd.DataFrame) -> pd.DataFrame:
    source = _sources_named(pairs, groups, review_calendar)
    bought = np.append(np.unique(groups.group), -1)
    number = pd.Index(ABC_CLASSES).get_indexer(review_calendar["abc_class"])
    is_used = (source >= 0) & ((number < 0) | np.isin(source * N_CLASSES + number, bought))
    rows = review_calendar[~is_used]
    said = [f"class {row.abc_class or 'any'} from {row.source_id}: no part is bought so" for row in rows.itertuples()]
    return exceptions_of(CALENDAR_UNMATCHED, rows, what=said)


# --------------------------------------------------------------------------- T by cost


def _lead_times(chosen: pd.DataFrame) -> tuple[Floats, Floats]:
    """Possible lead times of each pair and their chances, shape (n, 3); a certain one has the first column alone."""
    mean, sd = chosen["lead_time_days"].to_numpy(), chosen["lead_time_sd_days"].to_numpy()
    mixed = lead_time_mixture(mean, sd)
    is_certain = (sd <= 0)[:, None]
    return np.where(is_certain, mean[:, None], mixed.days), np.where(is_certain, [1.0, 0.0, 0.0], mixed.weights)


def _periods_by_cost(
    pairs: Pairs,
    chosen: pd.DataFrame,
    groups: Groups,
    target: Floats,
    rate_factors: pd.DataFrame,
    params: ReplenishParams,
) -> _ByCost:
    """The T of each group at the levels that the night would set: first of DCs, then of dealers, who wait for them."""
    rows = pairs.rows
    is_dc = rows["is_dc"].to_numpy()
    kept = rows["is_stocked"].to_numpy() & chosen["has_source"].to_numpy()
    costs = _order_costs(pairs, chosen, groups, params)
    period = np.full(len(groups.site) * N_CLASSES, len(PERIODS) - 1)  # the longest where nothing is stocked
    level = np.zeros(len(rows), dtype=np.int64)
    runs, assumed = list[dict[str, object]](), list[pd.DataFrame]()
    for kind in ("dc", "dealer"):
        at = np.flatnonzero(kept & (is_dc == (kind == "dc")))
        if not len(at):
            continue
        demand_at = _demand_of_kind(pairs, chosen, groups, rate_factors, at, period, level)
        weighed = pair_costs(
            demand_at,
            target[at],
            (holding_rates(pairs, params) * chosen["unit_cost"].to_numpy(dtype=np.float64))[at],
            params.service_measure,
        )
        source, abc = groups.source[at], groups.group[at] % N_CLASSES
        of_source = source_costs(weighed, source, abc, len(groups.site), costs.order, costs.line[at])
        here = np.unique(source)
        taken = within_source(of_source, _taken_by_sources(chosen, groups))
        choice, told = _chosen_of_sites(pairs, groups, here, taken)
        for number in range(N_CLASSES):
            period[here * N_CLASSES + number] = CHOICES[choice[here], number]
        runs += told
        assumed.append(_assumed(kind, costs, weighed, source, abc, at, here, choice, params))
        if kind == "dc":
            part, delay = demand_at(CALENDAR_DAYS[period[groups.group[at]]])
            level[at] = levels_reaching(target[at], part, delay, params.service_measure == "cycle_service_level")
    none = exceptions_of(ORDER_COST_ASSUMED, _NOBODY, what=[])
    return _ByCost(period, runs, pd.concat([none, *assumed], ignore_index=True))


def _demand_of_kind(
    pairs: Pairs,
    chosen: pd.DataFrame,
    groups: Groups,
    rate_factors: pd.DataFrame,
    at: Wholes,
    period: Wholes,
    level: Wholes,
) -> Callable[[float | Floats], tuple[Demand, Delay]]:
    """Demand of some pairs by their T, and what their DCs owe them at the T and levels given of those."""
    is_dc, parent = pairs.rows["is_dc"].to_numpy(), chosen["parent"].to_numpy()
    below = np.flatnonzero((parent[at] >= 0) & ~is_dc[at])
    above, number = np.unique(parent[at][below], return_inverse=True)
    of = np.full(len(at), -1)
    of[below] = number
    share = shares_of_dcs(pairs.rows["mean_per_day"].to_numpy(dtype=np.float64), parent)[at]
    days_above = CALENDAR_DAYS[period[groups.group[above]]]
    owed = owed_by(_demand(pairs, chosen, rate_factors, above, days_above), level[above]) if len(above) else None

    def demand_at(days: float | Floats) -> tuple[Demand, Delay]:
        part = _demand(pairs, chosen, rate_factors, at, np.broadcast_to(days, len(at)))
        return part, no_delay(len(at)) if owed is None else delay_of(part, of, share, owed)

    return demand_at


def _demand(pairs: Pairs, chosen: pd.DataFrame, rate_factors: pd.DataFrame, at: Wholes, days: Floats) -> Demand:
    """Demand of some pairs at even rates, with the factors by which rates turn out."""
    rows, source = pairs.rows.iloc[at], chosen.iloc[at]
    lead_days, weights = _lead_times(source)
    rate = rows["mean_per_day"].to_numpy(dtype=np.float64)[:, None]
    review = np.broadcast_to(rate * days[:, None], lead_days.shape)
    ratio = rows["variance_to_mean"].to_numpy()
    abc = np.searchsorted(ABC_CLASSES, rows["abc_class"].to_numpy(dtype=str))
    over = with_rate_factors(
        DemandOver(rate * lead_days, rate * lead_days + review, review, weights, ratio),
        rate_factors,
        rows["is_dc"].to_numpy(),
        abc,
    )
    batch = batch_of(source["min_order_quantity"].to_numpy(), source["order_multiple"].to_numpy(), rate[:, 0] * days)
    return Demand(over.over_lead_time, over.over_protection, over.variance_to_mean, over.weights, batch)


def _taken_by_sources(chosen: pd.DataFrame, groups: Groups) -> Floats:
    """Order lines that each source takes from its site on a working day; infinite where any number."""
    lines = np.full(len(groups.site), np.inf)
    np.minimum.at(lines, groups.source, chosen["source_lines_per_day"].fillna(np.inf).to_numpy(dtype=np.float64))
    return lines


class _OrderCosts(NamedTuple):
    """Money for an order of each source, and for a line of each pair; and which of them are assumed."""

    order: Floats
    line: Floats
    order_assumed: Flags
    line_assumed: Flags


def _order_costs(pairs: Pairs, chosen: pd.DataFrame, groups: Groups, params: ReplenishParams) -> _OrderCosts:
    """What orders and lines cost: by supply where it says so, else by the settings."""
    is_dc = pairs.rows["is_dc"].to_numpy().astype(np.int64)
    site_is_dc = pairs.sites["site_kind"].eq("dc").to_numpy().astype(np.int64)
    by_kind = np.array([params.order_cost[kind] for kind in KINDS])[site_is_dc[groups.site]]
    shared = np.full(len(groups.site), -1.0)
    np.maximum.at(shared, groups.source, chosen["shared_order_cost"].fillna(-1.0).to_numpy(dtype=np.float64))
    own = chosen["order_cost"].to_numpy(dtype=np.float64)
    by_line = np.array([params.order_line_cost[kind] for kind in KINDS])[is_dc]
    return _OrderCosts(np.where(shared >= 0, shared, by_kind), np.where(own > 0, own, by_line), shared < 0, own <= 0)


def _assumed(
    kind: str,
    costs: _OrderCosts,
    weighed: PairCosts,
    source: Wholes,
    abc: Wholes,
    at: Wholes,
    here: Wholes,
    choice: Wholes,
    params: ReplenishParams,
) -> pd.DataFrame:
    """One line for the sources and parts of a kind of site whose order costs are those of the settings."""
    n_sources, n_lines = int(costs.order_assumed[here].sum()), int(costs.line_assumed[at].sum())
    if not n_sources and not n_lines:
        return exceptions_of(ORDER_COST_ASSUMED, _NOBODY, what=[])
    of_source = source_costs(
        weighed._replace(holding=np.zeros_like(weighed.holding)),
        source,
        abc,
        len(costs.order),
        np.where(costs.order_assumed, costs.order, 0.0),
        np.where(costs.line_assumed, costs.line, 0.0)[at],
    )
    said = (
        f"{kind}s: {n_sources:,} of {len(here):,} sources are taken to cost {params.order_cost[kind]:g} an order, "
        f"{n_lines:,} of {len(at):,} parts {params.order_line_cost[kind]:g} a line"
    )
    money = float(of_source.money[here, choice[here]].sum())
    return exceptions_of(ORDER_COST_ASSUMED, pd.DataFrame(index=[0]), what=[said], money=money)


def _chosen_of_sites(
    pairs: Pairs, groups: Groups, here: Wholes, weighed: SourceCosts
) -> tuple[Wholes, list[dict[str, object]]]:
    """The choice of T of some sources, site by site, and what decided it where a site's lines are too many."""
    capacity = pairs.sites["order_lines_per_day"].to_numpy()
    choice = np.zeros(len(groups.site), dtype=np.int64)
    runs: list[dict[str, object]] = []
    for site in np.unique(groups.site[here]).tolist():
        at = np.flatnonzero(groups.site == site)
        costs = SourceCosts(*(one[at] for one in weighed))
        free = cheapest_periods(costs)
        choice[at] = free.choice
        if np.isnan(capacity[site]):
            continue
        try:
            got = cheapest_periods(costs, float(capacity[site]))
        except SettingsError:  # told by lines_over_capacity
            choice[at] = np.lexsort((costs.money, costs.lines_per_day), axis=1)[:, 0]
            continue
        choice[at] = got.choice
        if (got.choice == free.choice).all():
            continue
        name = str(pairs.site_ids[site])
        wanted = float(costs.lines_per_day[np.arange(len(at)), free.choice].sum())
        busiest = float(costs.most_lines[np.arange(len(at)), free.choice].max())
        gap = (got.objective - got.bound) / got.objective if got.objective > 0 else 0.0
        runs.append(
            {
                "stage": "replenish",
                "name": f"review periods of {name}",
                "solver": "multiplier and PuLP HiGHS",
                "status": got.status,
                "objective": got.objective,
                "bound": got.bound,
                "gap": gap,
                "solutions": got.solutions,
                "why": f"{wanted:.1f} order lines a day, {busiest:.1f} on the fullest of a source, would cost least; "
                f"{capacity[site]:g} can be handled: "
                f"{got.objective - free.objective:,.2f} a year more; at most {gap:.2%} less is possible",
            }
        )
    return choice, runs


def _expected(pairs: Pairs, chosen: pd.DataFrame, days: Floats) -> _Expected:
    """Order lines expected of a review of each pair that is kept in stock, and when they arrive."""
    rows = pairs.rows
    kept = rows["is_stocked"].to_numpy() & chosen["has_source"].to_numpy()
    demand = np.where(kept, rows["mean_per_day"].to_numpy(), 0.0) * days
    batch = batch_of(chosen["min_order_quantity"].to_numpy(), chosen["order_multiple"].to_numpy(), demand)
    lead_days, weights = _lead_times(chosen)
    return _Expected(order_chance(batch, demand, rows["variance_to_mean"].to_numpy()), lead_days, weights)


def _over_capacity(
    pairs: Pairs, chosen: pd.DataFrame, groups: Groups, expected: _Expected, days: Floats
) -> pd.DataFrame:
    """Sites that expect more order lines a working day than they, or a source of theirs, can handle, whatever set T."""
    per_day = expected.line_chance / days * 365.25 / WORKING_DAYS_PER_YEAR
    to_source, taken = (
        np.bincount(groups.source, per_day, minlength=len(groups.site)),
        _taken_by_sources(chosen, groups),
    )
    over = np.flatnonzero(to_source > taken * (1 + 1e-9))
    lines = np.bincount(pairs.rows["site"].to_numpy(), per_day, minlength=len(pairs.site_ids))
    capacity = pairs.sites["order_lines_per_day"].to_numpy()
    at = np.flatnonzero(lines > capacity * (1 + 1e-9))
    said = [f"{lines[site]:.1f} order lines a day expected, {capacity[site]:g} can be handled" for site in at.tolist()]
    said += [
        f"{to_source[one]:.1f} order lines a day expected to {groups.source_id[one]}, which takes {taken[one]:g}"
        for one in over.tolist()
    ]
    sites = np.concatenate([at, groups.site[over]])
    return exceptions_of(LINES_OVER_CAPACITY, pd.DataFrame({"site_id": pairs.site_ids[sites]}), what=said)


# --------------------------------------------------------------------------- days


def _rhythms(
    pairs: Pairs,
    groups: Groups,
    fixed: dict[int, Rhythm],
    last: dict[int, Rhythm],
    days: Floats,
    expected: _Expected,
    by_cost: bool,
    params: ReplenishParams,
) -> dict[int, Rhythm]:
    """The rhythm of every group: the planner's; level over the four weeks; or by the hash of its name.

    ``last`` has the rhythms of the last night; level ones stay on their day where docks allow it.
    """
    present, first = np.unique(groups.group, return_index=True)
    group_days = dict(zip(present.tolist(), days[first].tolist(), strict=True))
    lead_lines = _lead_lines(groups, expected, present)
    n_sites = len(pairs.site_ids)
    arriving, picking = np.zeros((n_sites, CYCLE)), np.zeros((n_sites, CYCLE))
    found: dict[int, Rhythm] = {}
    together: dict[str, list[tuple[int, int]]] = {}
    for place, group in enumerate(present.tolist()):
        source = group // N_CLASSES
        name = f"{pairs.site_ids[groups.site[source]]}|{groups.source_id[source]}"
        abc = ABC_CLASSES[group % N_CLASSES]
        every = group_days[group]
        period = PERIODS[int(np.argmin(np.abs(np.array(PERIODS) * 7 / 5 - every)))] if by_cost else None
        period = period if by_cost else WORKING_DAYS_OF.get(round(every))
        if group in fixed:
            found[group] = fixed[group]
        elif period is None or not (params.level_review_days or by_cost):
            found[group] = ((round(every), review_shift(f"{name}|{abc}", round(every))),)
        else:
            together.setdefault(name if by_cost else f"{name}|{abc}", []).append((place, period))
            continue
        at, picked_at = int(groups.site[source]), int(groups.picked_at[source])
        come, go = _load_of(found[group], lead_lines[place])
        arriving[at] += come
        if picked_at >= 0:
            picking[picked_at] += go
    units = []
    for name, members in together.items():
        places = [place for place, _ in members]
        source = int(present[places[0]]) // N_CLASSES
        periods = tuple(period for _, period in members)
        at, picked_at = int(groups.site[source]), int(groups.picked_at[source])
        kept = _day_kept([(period, last.get(int(present[place]))) for place, period in members])
        units.append(Unit(name, periods, lead_lines[places], at, picked_at, kept))
    for members, phase in zip(together.values(), level_phases(units, arriving, picking), strict=True):
        for place, period in members:
            found[int(present[place])] = rhythm_of(period, phase)
    return found


def _day_kept(members: list[tuple[int, Rhythm | None]]) -> int:
    """The working day of four weeks from which most of these periods are reviewed as they were; -1 if none is."""
    longest = max(period for period, _ in members)
    agreeing = [
        sum(rhythm is not None and set(rhythm_of(period, phase)) == set(rhythm) for period, rhythm in members)
        for phase in range(longest)
    ]
    return agreeing.index(max(agreeing)) if max(agreeing) else -1


def _lead_lines(groups: Groups, expected: _Expected, present: Wholes) -> Floats:
    """Lines expected of a review of each group by lead time modulo four weeks, shape (groups, 28)."""
    place = np.searchsorted(present, groups.group)
    lead = np.ceil(expected.lead_days).astype(np.int64) % CYCLE_DAYS
    lines = expected.line_chance[:, None] * expected.weights
    marks = place[:, None] * CYCLE_DAYS + lead
    summed = np.bincount(marks.ravel(), lines.ravel(), minlength=len(present) * CYCLE_DAYS)
    return summed.astype(np.float64).reshape(len(present), CYCLE_DAYS)


def _load_of(rhythm: Rhythm, lead_lines: Floats) -> tuple[Floats, Floats]:
    """Lines that arrive and that are picked on each working day of four weeks under a rhythm of its own.

    Where it does not repeat within four weeks, its lines are spread evenly.
    """
    daily = (
        arrivals(Unit("", (CYCLE,), lead_lines[None, :], 0, -1)),
        picks(Unit("", (CYCLE,), lead_lines[None, :], 0, -1)),
    )
    come, go = np.zeros(CYCLE), np.zeros(CYCLE)
    for every, shift in rhythm:
        if CYCLE_DAYS % every:
            rate = lead_lines.sum() / every * DAYS_OF_WEEK / 5
            come, go = come + rate, go + rate
            continue
        for day in range(shift, CYCLE_DAYS, every):
            week, weekday = divmod(day, DAYS_OF_WEEK)
            if weekday < 5:
                come, go = come + daily[0][week * 5 + weekday], go + daily[1][week * 5 + weekday]
            elif every > 1:
                come, go = come + daily[0][(week + 1) * 5 % CYCLE], go + daily[1][(week + 1) * 5 % CYCLE]
    return come, go


def _table(
    pairs: Pairs,
    groups: Groups,
    rhythm_of_group: dict[int, Rhythm],
    fixed: dict[int, Rhythm],
    expected: _Expected,
    by_cost: bool,
    chosen: pd.DataFrame,
    today: date,
) -> pd.DataFrame:
    """The rhythm of every group with a source, in the words of the planner's calendar."""
    n = int(groups.group.max(initial=-1)) + 1
    kept = pairs.rows["is_stocked"].to_numpy() & chosen["has_source"].to_numpy()
    parts = np.bincount(groups.group, kept, minlength=n)
    lines = np.bincount(groups.group, expected.line_chance, minlength=n)
    rows = []
    for group, rhythm in sorted(rhythm_of_group.items()):
        source = group // N_CLASSES
        if not groups.source_id[source]:
            continue
        mean_days = 1 / sum(1 / every for every, _ in rhythm)
        told = {
            "site_id": pairs.site_ids[groups.site[source]],
            "source_id": groups.source_id[source],
            "abc_class": ABC_CLASSES[group % N_CLASSES],
            "review_period_days": mean_days,
            "parts": int(parts[group]),
            "lines_per_review": lines[group],
            "lines_per_day": lines[group] / mean_days * 365.25 / WORKING_DAYS_PER_YEAR,
            "set_by": "planner" if group in fixed else "cost" if by_cost else "class",
        }
        rows += [told | words for words in _words_of(rhythm, today)]
    return conform(pd.DataFrame(rows), REVIEW_DAYS) if rows else empty(REVIEW_DAYS)


def _words_of(rhythm: Rhythm, today: date) -> list[dict[str, object]]:
    """Rows of the planner's calendar that say a rhythm, counted from days before today."""
    now = today.toordinal() - MONDAY
    weeks: dict[tuple[int, int], list[int]] = {}
    rows: list[dict[str, object]] = []
    for every, shift in rhythm:
        if every % DAYS_OF_WEEK:
            start = now - (now - shift) % every
            rows.append({"starts_on": _day(start), "weekdays": "", "every_weeks": 1, "every_days": every})
        else:
            weeks.setdefault((every, shift // DAYS_OF_WEEK), []).append(shift % DAYS_OF_WEEK)
    for (every, week), weekdays in sorted(weeks.items()):
        start = now - (now - week * DAYS_OF_WEEK) % every
        named = ",".join(WEEKDAY_NAMES[weekday] for weekday in sorted(weekdays))
        rows.append(
            {"starts_on": _day(start), "weekdays": named, "every_weeks": every // DAYS_OF_WEEK, "every_days": 0}
        )
    return rows


def _day(number: int) -> pd.Timestamp:
    return pd.Timestamp(date.fromordinal(number + MONDAY))
