"""Stage 4: what to buy and what to ask of the DC, so that every position is raised to its level."""

from __future__ import annotations

import logging
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.calendars import LONGEST_CLOSURE_DAYS, calendars_of
from partsopt.replenish.exchange import exchange_curve_of
from partsopt.replenish.fixedlevels import cost_of_planners, fixed_level_exceptions, with_fixed_levels
from partsopt.replenish.lastbuy import LastBuys, explained, last_buy_exceptions, last_buys, noted, site_level
from partsopt.replenish.levels import DemandAhead, Levels, demand_ahead, mean_between
from partsopt.replenish.lifecycle import capped_levels, level_caps
from partsopt.replenish.newparts import new_part_exceptions, with_new_parts
from partsopt.replenish.oldpieces import with_old_pieces
from partsopt.replenish.pairs import Pairs, pairs_of, pieces_of, rows_at, sums_of
from partsopt.replenish.policy import level_pairs, level_table, policy_of
from partsopt.replenish.position import (
    Booked,
    Receipts,
    booked_between,
    booked_repairs,
    excess_quantity,
    inventory_position,
    largest_of_site,
    overdue_receipts,
    passed_on,
    receipts_of,
    stock_exceptions,
)
from partsopt.replenish.purchases import buy, dates_ahead, money_proposed_today
from partsopt.replenish.putoff import Lines, lines_of_tonight, placed_tonight, put_off_table, with_put_off
from partsopt.replenish.realised import widened_targets
from partsopt.replenish.requests import Asked, Gap, Urgent, ask_dc, ask_urgent, joined
from partsopt.replenish.review import Reviews, WorkingDays, due_in_days, set_reviews, working_days
from partsopt.replenish.reviewplan import plan_reviews
from partsopt.replenish.rooms import levels_cut_for_room, storage_exceptions
from partsopt.replenish.runout import Chain as ReplacedNumbers
from partsopt.replenish.runout import chains_of, left_over_exceptions, run_outs, worthless_in
from partsopt.replenish.sourcing import choose_sources, price_break_table, raised_quantity
from partsopt.replenish.stocking import stocking_of
from partsopt.settings import ReplenishParams
from partsopt.tables import (
    ABC_CLASSES,
    EXCHANGE_CURVE,
    LINEAGE,
    MARKET_STEPS,
    POSITIONS,
    PUT_OFF,
    RATE_FACTORS,
    REQUESTS,
    REVIEW_DAYS,
    SERVICE_RECORD,
    SOLVER_RUNS,
    conform,
    declare_exception,
    empty,
    exceptions_of,
)

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.str_]

NO_MARKET_STEPS = empty(MARKET_STEPS)
NO_RATE_FACTORS = empty(RATE_FACTORS)
NO_RECORD = empty(SERVICE_RECORD)
NO_REVIEW_DAYS = empty(REVIEW_DAYS)
NOTHING_PUT_OFF = empty(PUT_OFF)
NO_SOURCE = declare_exception(
    "no_source",
    stage="replenish",
    says="a part is needed at a site and nobody supplies it",
    action="add a row to supply, or take the part off the site's range",
)
ORDER_TOO_LARGE = declare_exception(
    "order_too_large",
    stage="replenish",
    says="an order or request above replenish.max_order_quantity; it was not placed",
    action="check demand, stock and minimum of the part; raise the setting if the quantity is meant",
)
ORDER_HELD = declare_exception(
    "order_held",
    stage="replenish",
    says="minimum or pack would raise an order far above what will be used for years; it was not placed",
    action="ask the source for fewer, find another source, or order by hand; see replenish.max_cover_days",
)


class Replenishment(NamedTuple):
    """What stage 4 gives; each table conforms to its declaration."""

    review_days: pd.DataFrame
    levels: pd.DataFrame
    positions: pd.DataFrame
    source_options: pd.DataFrame
    orders: pd.DataFrame
    requests: pd.DataFrame
    lineage: pd.DataFrame
    solver_runs: pd.DataFrame
    exceptions: pd.DataFrame
    exchange_curve: pd.DataFrame
    run_outs: pd.DataFrame
    put_off: pd.DataFrame


class Holdings(NamedTuple):
    """Stock and promises of each pair, shape (n,); ``requested`` grows as the sites below ask."""

    on_hand: Wholes
    backordered: Wholes
    reserved: Wholes
    reserved_soon: Wholes
    receipts: Receipts
    requested: Wholes


def replenish_sites(
    *,
    forecasts: pd.DataFrame,
    forecast_steps: pd.DataFrame,
    classes: pd.DataFrame,
    parts: pd.DataFrame,
    sites: pd.DataFrame,
    supply: pd.DataFrame,
    price_breaks: pd.DataFrame,
    stock: pd.DataFrame,
    open_orders: pd.DataFrame,
    urgent_orders: pd.DataFrame,
    reservations: pd.DataFrame,
    supersessions: pd.DataFrame,
    carrier_lanes: pd.DataFrame,
    holidays: pd.DataFrame,
    review_calendar: pd.DataFrame,
    fixed_levels: pd.DataFrame,
    today: date,
    period: str,
    params: ReplenishParams,
    market_steps: pd.DataFrame = NO_MARKET_STEPS,
    rate_factors: pd.DataFrame = NO_RATE_FACTORS,
    service_record: pd.DataFrame = NO_RECORD,
    last_review_days: pd.DataFrame = NO_REVIEW_DAYS,
    last_put_off: pd.DataFrame = NOTHING_PUT_OFF,
    with_curve: bool = False,
) -> Replenishment:
    """Raise the inventory position of every part at every site to its level, where a review is due.

    Sources are chosen, review days found, levels set and positions counted; then sites ask the DC that
    supplies them, the farthest from a supplier first, so that a DC's position holds what is asked of it;
    at last the orders to suppliers are made and cut to the budget.

    Parameters
    ----------
    forecasts, forecast_steps, market_steps, classes
        Of the stages before.
    parts, sites, supply, price_breaks, stock, open_orders, urgent_orders, reservations, supersessions, \
carrier_lanes, holidays, review_calendar, fixed_levels
        Input tables.
    today
        The day that is planned; stock is that of its start.
    period
        Length of a period: month or week.
    params
        Review periods, targets and costs.
    rate_factors
        What forecasts of an earlier day turned out to need (RATE_FACTORS); without rows they are taken to be right.
    service_record
        What earlier nights promised and what came of it (SERVICE_RECORD): class targets are widened by it.
    last_review_days, last_put_off
        What the last night decided (REVIEW_DAYS, PUT_OFF): days stay, and lines put off are reviewed today.
    with_curve
        Whether to draw the exchange curve too.

    Returns
    -------
    Replenishment
        Levels, positions, sources, orders, requests, their lineage, the solvers' answers, exceptions; the exchange
        curve, empty if not asked for.

    Raises
    ------
    InputError
        Part numbers replace one another in a circle, or a calendar never works.
    """
    known = with_new_parts(
        forecasts=forecasts,
        classes=classes,
        parts=parts,
        sites=sites,
        supply=supply,
        supersessions=supersessions,
        today=today,
        params=params,
    )
    pairs = pairs_of(
        forecasts=known.forecasts,
        classes=known.classes,
        parts=parts,
        sites=sites,
        supply=supply,
        stock=stock,
        open_orders=open_orders,
        urgent_orders=urgent_orders,
        reservations=reservations,
        supersessions=supersessions,
        fixed_levels=fixed_levels,
        today=today,
    )
    pairs, unused = with_fixed_levels(pairs, fixed_levels, today)
    class_days, target = policy_of(pairs, params)
    target, shortfall_factor = _widened(pairs, target, service_record, params)
    pairs = pairs._replace(rows=pairs.rows.assign(shortfall_factor=shortfall_factor))
    sources = choose_sources(pairs, supply, price_breaks, carrier_lanes, class_days, target, params, today)
    chosen = sources.chosen
    working = working_days(calendars_of(holidays), pd.concat([sites["calendar"], chosen["source_calendar"]]), today)
    plan = plan_reviews(
        pairs, chosen, class_days, target, review_calendar, last_review_days, rate_factors, params, today
    )
    source_calendar = working.names.get_indexer(chosen["source_calendar"])
    reviews = set_reviews(plan.rhythm, plan.rhythms, _calendar_of(pairs, working), source_calendar, working, today)
    site_works = working.is_working[:, LONGEST_CLOSURE_DAYS][_calendar_of(pairs, working)]
    reviews = with_put_off(pairs, reviews, site_works, last_put_off)
    due_days = due_in_days(chosen["lead_time_days"].to_numpy(), _calendar_of(pairs, working), working)
    booked = booked_repairs(pairs, reservations, today)
    ahead = demand_ahead(pairs, forecast_steps, market_steps, today, period)
    on_hand = pieces_of(pairs, stock, "on_hand")
    is_held = on_hand + pieces_of(pairs, open_orders, "quantity") > 0
    stocking = stocking_of(pairs, chosen, plan.review_days, target, is_held, params)
    pairs = stocking.pairs
    ends_in = worthless_in(pairs, supersessions, today)
    cap = level_caps(pairs, ahead, ends_in, reviews, chosen, params)
    last = last_buys(pairs, chosen, parts, supply, supersessions, reviews, today, params)
    firm = open_orders[open_orders["status"].ne("proposed")]  # proposals of tonight, imported, change no level
    lying = on_hand + pieces_of(pairs, firm, "quantity")
    levelling = level_pairs(pairs, chosen, reviews, booked, ahead, target, cap, rate_factors, last, lying, params)
    levels, last = levelling.levels, levelling.left.last

    protection = reviews.review_period_days + chosen["lead_time_days"].to_numpy()
    horizon = np.maximum(np.ceil(protection).astype(np.int64), due_days)
    parent = chosen["parent"].to_numpy()
    urgent = ask_urgent(pairs, parent, on_hand, urgent_orders, open_orders, today)
    receipts = receipts_of(pairs, open_orders, urgent.serving, horizon, today)
    holdings = _holdings(pairs, chosen, reviews, booked, stock, on_hand, receipts, urgent, horizon)
    lines = lines_of_tonight(pairs, chosen, open_orders, urgent.asked.requests, today)
    chain = chains_of(supersessions, pairs, today)
    asked, holdings, lines, waiting, refused = _ask_in_waves(
        pairs, chosen, reviews, levels, holdings, booked, horizon, urgent.asked, lines, chain, params, today
    )
    position, superseded = _positions(pairs, holdings)

    asked_by = sums_of(asked.requests["row"].to_numpy(), asked.requests["quantity"].to_numpy(), len(pairs.keys))
    last_level = site_level(last, position, parent, asked_by, chosen["wave"].to_numpy())
    levels, reviews, holdings = _for_last_buys(last, last_level, levels, reviews, holdings)
    position, superseded = _positions(pairs, holdings)
    gap, too_large = _gap(parent < 0, pairs, chosen, reviews, levels, holdings, horizon, params, today)
    is_last_buy = np.zeros(len(pairs.keys), dtype=bool)
    is_last_buy[last.row[last.is_now]] = True
    placed = placed_tonight(pairs, chosen, reviews, levels, gap, is_last_buy, lines, params, today)
    waiting.append(placed.put_off)
    gap = noted(placed.gap, last, today)
    breaks = price_break_table(price_breaks, pairs.part_ids)
    proposed_today = money_proposed_today(supply, open_orders, pairs, breaks, today)
    bought = buy(pairs, chosen, reviews, levels, gap, breaks, due_days, open_orders, proposed_today, params, today)

    horizon_mean = _horizon_mean(pairs, ahead, params.excess_horizon_days)
    excess = _excess(pairs, levels, holdings, superseded, horizon_mean)
    requests = _requests(asked.requests, position)
    replaced = run_outs(pairs, chosen, ahead, supersessions, stock, open_orders, supply, today, params)
    exceptions = pd.concat(
        [
            sources.exceptions,
            plan.exceptions,
            unused,
            fixed_level_exceptions(
                pairs, chosen, levels.promised_fill_rate, levelling.free_level, levelling.free_fill_rate, params
            ),
            cost_of_planners(levelling.solver_runs, levelling.free_runs, params),
            left_over_exceptions(replaced),
            new_part_exceptions(pairs, known.started, levels),
            last_buy_exceptions(pairs, chosen, last, last_level - position[last.row], today, params),
            overdue_receipts(pairs, open_orders, today),
            stock_exceptions(pairs, on_hand, excess, horizon_mean, params.excess_horizon_days),
            _unsupplied(pairs, chosen, levels, position),
            levels_cut_for_room(pairs, levelling.chain, levelling.levels, params),
            storage_exceptions(pairs, chosen, levelling.chain, levels.order_up_to_level, on_hand),
            capped_levels(pairs, levelling.cap_cut, levelling.levels, ends_in, params),
            *refused,
            too_large,
            placed.exceptions,
            *bought.exceptions,
            stocking.exceptions,
        ],
        ignore_index=True,
    )
    lineage = pd.concat([bought.lineage, asked.lineage], ignore_index=True)
    log.info("replenish: %d pairs, %d orders, %d requests", len(pairs.keys), len(bought.orders), len(requests))
    return Replenishment(
        review_days=plan.table,
        levels=level_table(pairs, chosen, reviews, levelling._replace(levels=levels), shortfall_factor, params, today),
        positions=_position_table(pairs, holdings, superseded, position, excess),
        source_options=sources.source_options,
        orders=explained(bought.orders, pairs, last, today),
        requests=requests,
        lineage=conform(lineage, LINEAGE),
        solver_runs=_all_runs([plan.solver_runs, levelling.solver_runs, bought.solver_runs]),
        exceptions=exceptions,
        exchange_curve=exchange_curve_of(
            levelling.left.pairs, chosen, levelling.chain, levels, last.row[last.is_now], params
        )
        if with_curve
        else empty(EXCHANGE_CURVE),
        run_outs=replaced,
        put_off=put_off_table(pairs, reviews, waiting, last_put_off),
    )


def _widened(
    pairs: Pairs, target: Floats, service_record: pd.DataFrame, params: ReplenishParams
) -> tuple[Floats, Floats]:
    """Class targets as past promises ask for; of levels chosen all together the weights of classes are widened."""
    abc = np.searchsorted(ABC_CLASSES, pairs.rows["abc_class"].to_numpy(dtype=str))
    widened, factor = widened_targets(target, pairs.rows["is_dc"].to_numpy(), abc, service_record)
    return (widened if params.target_rule == "class" else target), factor


# --------------------------------------------------------------------------- reviews


def _calendar_of(pairs: Pairs, working: WorkingDays) -> Wholes:
    """Number of the calendar of each pair's site."""
    return working.names.get_indexer(pairs.sites["calendar"])[pairs.rows["site"].to_numpy()]


# --------------------------------------------------------------------------- positions


def _holdings(
    pairs: Pairs,
    chosen: pd.DataFrame,
    reviews: Reviews,
    booked: Booked,
    stock: pd.DataFrame,
    on_hand: Wholes,
    receipts: Receipts,
    urgent: Urgent,
    horizon: Wholes,
) -> Holdings:
    """Stock and promises; ``reserved_soon`` are those that cannot wait for the next review."""
    n = len(pairs.keys)
    ever, soon = np.full(n, -np.inf), np.ceil(reviews.review_in_days + chosen["lead_time_days"].to_numpy())
    on_shelf = pieces_of(pairs, stock, "reserved")
    until = horizon.astype(np.float64)
    return Holdings(
        on_hand=on_hand,
        backordered=pieces_of(pairs, stock, "backordered"),
        reserved=np.maximum(on_shelf, booked_between(booked, ever, until)) + urgent.named,
        reserved_soon=np.maximum(on_shelf, booked_between(booked, ever, np.minimum(soon, until))) + urgent.named,
        receipts=receipts,
        requested=_requested(urgent.asked, n),
    )


def _requested(asked: Asked, n: int) -> Wholes:
    return sums_of(asked.requests["parent"].to_numpy(), asked.requests["quantity"].to_numpy(), n)


def _for_last_buys(
    last: LastBuys, level: Wholes, levels: Levels, reviews: Reviews, holdings: Holdings
) -> tuple[Levels, Reviews, Holdings]:
    """A last buy is made tonight, to its own level, and whatever is on its way counts."""
    at = last.row[last.is_now]
    up_to, review_in, cut = levels.order_up_to_level.copy(), reviews.review_in_days.copy(), levels.room_cut.copy()
    up_to[at], review_in[at], cut[at] = level[last.is_now], 0, last.room_cut[last.is_now]
    receipts = holdings.receipts
    on_order, later = receipts.on_order.copy(), receipts.on_order_later.copy()
    on_order[at] += later[at]
    later[at] = 0
    return (
        levels._replace(order_up_to_level=up_to, room_cut=cut),
        reviews._replace(review_in_days=review_in),
        holdings._replace(receipts=receipts._replace(on_order=on_order, on_order_later=later)),
    )


def _positions(pairs: Pairs, holdings: Holdings) -> tuple[Wholes, Wholes]:
    """Inventory position of each pair, and the part of it that older numbers hand on."""
    part = pairs.rows["part"].to_numpy()
    net = inventory_position(
        holdings.on_hand,
        holdings.receipts.on_order,
        holdings.backordered,
        holdings.reserved,
        holdings.receipts.committed,
        holdings.requested,
        np.zeros(len(part), dtype=np.int64),
    )
    old = np.flatnonzero(pairs.rows["is_superseded"].to_numpy())
    heir = rows_at(pairs, pairs.rows["site"].to_numpy()[old], pairs.successors.successor[part[old]])
    superseded = sums_of(heir, passed_on(net[old], pairs.successors.uses_up[part[old]]), len(part))
    return net + superseded, superseded


def _horizon_mean(pairs: Pairs, ahead: DemandAhead, days: int) -> Floats:
    """Expected demand over the horizon; that of an old number is its successor's, which uses it up."""
    n = len(pairs.keys)
    mean = mean_between(ahead, np.zeros(n), np.full(n, float(days)))
    old = np.flatnonzero(pairs.rows["is_superseded"].to_numpy())
    part = pairs.rows["part"].to_numpy()[old]
    heir = rows_at(pairs, pairs.rows["site"].to_numpy()[old], pairs.successors.successor[part])
    mean[old] = np.where(pairs.successors.uses_up[part], mean[heir], 0.0)
    return mean


def _excess(pairs: Pairs, levels: Levels, holdings: Holdings, superseded: Wholes, horizon_mean: Floats) -> Wholes:
    """Excess of each pair; older numbers are used up first, so they count as stock of their successor."""
    promised = holdings.backordered + holdings.reserved + holdings.receipts.committed + holdings.requested
    free = np.maximum(holdings.on_hand - promised, 0)
    level = levels.order_up_to_level.copy()
    old = np.flatnonzero(pairs.rows["is_superseded"].to_numpy())
    part = pairs.rows["part"].to_numpy()[old]
    heir = rows_at(pairs, pairs.rows["site"].to_numpy()[old], pairs.successors.successor[part])
    level[old] = np.where(pairs.successors.uses_up[part], level[heir], 0)
    return np.minimum(excess_quantity(free + np.maximum(superseded, 0), level, horizon_mean), free)


# --------------------------------------------------------------------------- gaps and requests


def _gap(
    eligible: Flags,
    pairs: Pairs,
    chosen: pd.DataFrame,
    reviews: Reviews,
    levels: Levels,
    holdings: Holdings,
    horizon: Wholes,
    params: ReplenishParams,
    today: date,
) -> tuple[Gap, pd.DataFrame]:
    """What the eligible pairs lack: up to the level where reviewed today, else only pieces owed before the review."""
    position, superseded = _positions(pairs, holdings)
    is_due = reviews.review_in_days == 0
    soon = position + holdings.reserved - holdings.reserved_soon
    level = np.where(is_due, levels.order_up_to_level, 0)
    missing = np.where(is_due, level - position, np.where(reviews.source_works, -soon, 0))
    orderable = eligible & chosen["has_source"].to_numpy() & ~pairs.rows["is_superseded"].to_numpy()
    raised = raised_quantity(
        np.maximum(missing, 0), chosen["min_order_quantity"].to_numpy(), chosen["order_multiple"].to_numpy()
    )
    too_large = orderable & (raised > params.max_order_quantity)
    held = orderable & ~too_large & _is_beyond_use(missing, raised, pairs, params)
    row = np.flatnonzero(orderable & (missing > 0) & ~too_large & ~held)
    due = is_due[row]
    lead = chosen["lead_time_days"].to_numpy()[row]
    covered = reviews.review_period_days[row] + lead
    level_note = np.array([f"level for {days:g} days: review period and lead time" for days in covered], dtype=object)
    for place in np.flatnonzero(levels.room_cut[row] > 0):
        level_note[place] += f"; {levels.room_cut[row[place]]} pieces fewer, as the site is full"
    is_fixed = pairs.rows["fixed_level"].to_numpy()[row] >= 0
    notes = pairs.rows["fixed_note"].to_numpy(dtype=object)[row]
    level_note[is_fixed] = ["the planner's level" + (f": {note}" if note else "") for note in notes[is_fixed]]
    receipt_note = np.asarray(
        "receipts due by " + dates_ahead(today, horizon[row]).astype(str).astype(object), dtype=object
    )
    gap = Gap(
        row=row,
        quantity=missing[row],
        order_up_to_level=level[row],
        on_hand=holdings.on_hand[row],
        on_order=holdings.receipts.on_order[row],
        backordered=holdings.backordered[row],
        reserved=np.where(due, holdings.reserved[row], holdings.reserved_soon[row]),
        committed=holdings.receipts.committed[row],
        requested=holdings.requested[row],
        superseded=superseded[row],
        until_days=np.where(due, horizon[row], np.minimum(np.ceil(reviews.review_in_days[row] + lead), horizon[row])),
        level_note=level_note,
        receipt_note=receipt_note,
    )
    refused = [
        _refused(pairs, np.flatnonzero(too_large), raised, params),
        _held(pairs, np.flatnonzero(held), missing, raised, position),
    ]
    return gap, pd.concat(refused, ignore_index=True)


def _is_beyond_use(missing: Wholes, raised: Wholes, pairs: Pairs, params: ReplenishParams) -> Flags:
    """Where minimum and pack add more than ``max_cover_days`` will use, for real money (decision 0014)."""
    added_value = (raised - missing) * pairs.rows["part_cost"].to_numpy()
    use = pairs.rows["mean_per_day"].to_numpy() * params.max_cover_days
    return (missing > 0) & (raised > use) & (added_value > params.held_order_value)


def _held(pairs: Pairs, row: Wholes, missing: Wholes, raised: Wholes, position: Wholes) -> pd.DataFrame:
    rows = pairs.rows.iloc[row]
    years = raised[row] / np.maximum(rows["mean_per_day"].to_numpy() * 365.25, 1e-9)
    said = [
        f"{wanted} pieces wanted, {full} to be bought, "
        + (f"the demand of {n:,.0f} years" if n < 1000 else "and hardly any demand")
        + (f"; {-now} pieces are owed" if now < 0 else "")
        for wanted, full, n, now in zip(missing[row], raised[row], years, position[row], strict=True)
    ]
    return exceptions_of(ORDER_HELD, rows, what=said, money=raised[row] * rows["part_cost"].to_numpy())


def _refused(pairs: Pairs, row: Wholes, raised: Wholes, params: ReplenishParams) -> pd.DataFrame:
    rows = pairs.rows.iloc[row]
    said = [f"{n} pieces wanted, above the limit of {params.max_order_quantity}" for n in raised[row]]
    return exceptions_of(ORDER_TOO_LARGE, rows, what=said, money=raised[row] * rows["part_cost"].to_numpy())


def _ask_in_waves(
    pairs: Pairs,
    chosen: pd.DataFrame,
    reviews: Reviews,
    levels: Levels,
    holdings: Holdings,
    booked: Booked,
    horizon: Wholes,
    urgent: Asked,
    lines: Lines,
    chain: ReplacedNumbers,
    params: ReplenishParams,
    today: date,
) -> tuple[Asked, Holdings, Lines, list[pd.DataFrame], list[pd.DataFrame]]:
    """Let the sites ask, those farthest from a supplier first, and add what they ask to the DC's holdings.

    Last come the order lines left of tonight, the lines put off, and exceptions.
    """
    n = len(pairs.keys)
    no_last_buy = np.zeros(n, dtype=bool)
    wave, parent = chosen["wave"].to_numpy(), chosen["parent"].to_numpy()
    minimum, multiple = chosen["min_order_quantity"].to_numpy(), chosen["order_multiple"].to_numpy()
    asked, waiting, refused = [urgent], list[pd.DataFrame](), list[pd.DataFrame]()
    for number in range(int(wave.max(initial=0)), 0, -1):
        gap, too_large = _gap(wave == number, pairs, chosen, reviews, levels, holdings, horizon, params, today)
        placed = placed_tonight(pairs, chosen, reviews, levels, gap, no_last_buy, lines, params, today)
        gap, lines = placed.gap, placed.lines
        one = ask_dc(pairs, parent, gap, booked, minimum[gap.row], multiple[gap.row], today)
        promised = holdings.backordered + holdings.reserved + holdings.receipts.committed + holdings.requested
        asked.append(with_old_pieces(pairs, one, np.maximum(holdings.on_hand - promised, 0), chain))
        waiting.append(placed.put_off)
        refused += [too_large, placed.exceptions]
        holdings = holdings._replace(requested=holdings.requested + _requested(asked[-1], n))
    return joined(asked), holdings, lines, waiting, refused


def _requests(requests: pd.DataFrame, position: Wholes) -> pd.DataFrame:
    """The table of requests; names that run together get a number, so that every request has its own."""
    urgent = requests["tier"].isin(["vor", "urgent"])
    requests = requests.assign(
        position_before=np.where(urgent, position[requests["row"].to_numpy()], requests["position_before"])
    )
    return conform(requests, REQUESTS)


def _unsupplied(pairs: Pairs, chosen: pd.DataFrame, levels: Levels, position: Wholes) -> pd.DataFrame:
    """Exceptions for pairs that need pieces and have no source."""
    missing = levels.order_up_to_level - position
    row = np.flatnonzero(~chosen["has_source"].to_numpy() & ~pairs.rows["is_superseded"].to_numpy() & (missing > 0))
    rows = pairs.rows.iloc[row][["site_id", "part_id"]].assign(
        money=missing[row] * pairs.rows["part_cost"].to_numpy()[row],
        what=[f"{n} pieces needed and no source" for n in missing[row]],
    )
    return largest_of_site(NO_SOURCE, rows, "{n} more parts are needed and have no source")


# --------------------------------------------------------------------------- tables


def _all_runs(runs: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [one for one in runs if len(one)]
    return conform(pd.concat(filled, ignore_index=True), SOLVER_RUNS) if filled else empty(SOLVER_RUNS)


def _position_table(
    pairs: Pairs, holdings: Holdings, superseded: Wholes, position: Wholes, excess: Wholes
) -> pd.DataFrame:
    table = pairs.rows[["site_id", "part_id"]].assign(
        on_hand=holdings.on_hand,
        on_order=holdings.receipts.on_order,
        on_order_later=holdings.receipts.on_order_later,
        backordered=holdings.backordered,
        reserved=holdings.reserved,
        committed=holdings.receipts.committed,
        requested=holdings.requested,
        superseded=superseded,
        inventory_position=position,
        excess_quantity=excess,
    )
    return conform(table, POSITIONS)
