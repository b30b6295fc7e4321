"""The night: the stages in order. Reading this is reading the method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

import pandas as pd

from partsopt.allocate.shares import allocate_stock
from partsopt.classify import classify_parts
from partsopt.demand import Demand, build_demand
from partsopt.documents import digest_of, documents_of, told_since
from partsopt.forecast.borrowed import Around, borrow
from partsopt.forecast.select import Forecasts, forecast_demand
from partsopt.replenish.excess import excess_actions
from partsopt.replenish.orders import Replenishment, replenish_sites
from partsopt.replenish.ratefactors import hindsights_of, quarter_since, rate_factors_of
from partsopt.replenish.realised import Record, service_record_of
from partsopt.report.kpis import kpis_of
from partsopt.routing.given import given_of
from partsopt.routing.plan import plan_deliveries
from partsopt.routing.takeup import take_up, waiting_of
from partsopt.settings import Settings
from partsopt.tables import (
    CARRIER_LANES,
    EXCEPTIONS,
    LINEAGE,
    PAST_PROMISES,
    PUT_OFF,
    RATE_FACTORS,
    REVIEW_DAYS,
    SHIPMENTS,
    SOLVER_RUNS,
    USED_TABLES,
    WAITING_LINES,
    Tables,
    empty,
    together,
)

STAGES = ("demand", "forecast", "classify", "replenish", "allocate", "routing", "documents")

Watcher = Callable[[str, str], None]
"""Called as a stage begins, with its name and "", and as it ends, with its name and what it counted."""


class PlannedLevels(NamedTuple):
    """What the stages up to levels and orders gave."""

    demand: Demand
    forecast: Forecasts
    classes: pd.DataFrame
    rate_factors: pd.DataFrame
    record: Record
    replenishment: Replenishment


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All tables of one night: ``tables`` by name (derived and output), and the figures a manager reads.

    ``used`` are the input tables that deliveries rest on, so that they can be checked and changed without the inputs.
    """

    today: date
    tables: dict[str, pd.DataFrame]
    used: dict[str, pd.DataFrame]
    kpis: dict[str, object]

    @property
    def on_fallback(self) -> bool:
        """Whether any solver answered by a substitute or was cut off by its safety net."""
        return bool(self.tables["solver_runs"]["status"].isin(["fallback", "time_limit"]).any())


def plan_night(inputs: Tables, rejects: pd.DataFrame, settings: Settings, today: date, watch: Watcher) -> Plan:
    """Plan one night from checked input tables.

    Parameters
    ----------
    inputs
        Every input table by name, conforming to its declaration.
    rejects
        Input rows refused by the reader; they are passed on into the plan.
    settings
        Parameters of every stage.
    today
        The day that is planned, before opening.
    watch
        Told of the beginning and the end of each stage.

    Raises
    ------
    InputError, NoPlan
        The input cannot be planned; the text says what to correct.
    """
    sites, parts = inputs["sites"], inputs["parts"]
    demand, forecast, classes, rate_factors, record, replenishment = plan_levels(inputs, settings, today, watch)

    watch("allocate", "")
    allocation = allocate_stock(
        requests=replenishment.requests,
        positions=replenishment.positions,
        levels=replenishment.levels,
        open_orders=inputs["open_orders"],
        parts=parts,
        sites=sites,
        carrier_lanes=inputs["carrier_lanes"],
        lineage=replenishment.lineage,
        today=today,
        params=settings.allocate,
    )
    actions = excess_actions(
        positions=replenishment.positions,
        levels=replenishment.levels,
        forecasts=forecast.forecasts,
        shipments=allocation.shipments,
        parts=parts,
        sites=sites,
        supply=inputs["supply"],
        supersessions=inputs["supersessions"],
        today=today,
        params=settings.replenish,
    )
    watch("allocate", f"{len(allocation.shipments):,} shipment lines, {len(allocation.shortages):,} short")

    watch("routing", "")
    taken = take_up(inputs.get("last_waiting", empty(WAITING_LINES)), inputs["open_orders"], parts)
    lines = together([allocation.shipments, taken.lines], SHIPMENTS)
    lanes = together([inputs["carrier_lanes"], allocation.courier_lanes], CARRIER_LANES)
    deliveries = plan_deliveries(
        given_of(lines, inputs, carrier_lanes=lanes),
        today=today,
        params=settings.routing,
        seed=settings.run.seed,
    )
    waiting = waiting_of(lines, deliveries.delivery_lines, today)
    watch("routing", f"{len(deliveries.routes):,} trips, {len(deliveries.stops):,} stops, {len(waiting):,} lines wait")

    watch("documents", "")
    order_lines = replenishment.lineage["line_id"].isin(replenishment.orders["line_id"])
    told = together(
        [
            demand.exceptions,
            forecast.exceptions,
            record.exceptions,
            replenishment.exceptions,
            allocation.exceptions,
            taken.exceptions,
            deliveries.exceptions,
        ],
        EXCEPTIONS,
    )
    derived = {
        "demand_series": demand.demand_series,
        "series": demand.series,
        "forecasts": forecast.forecasts,
        "forecast_steps": forecast.forecast_steps,
        "market_steps": forecast.market_steps,
        **forecast.unlisted._asdict(),
        "classes": classes,
        "rate_factors": rate_factors,
        "review_days": replenishment.review_days,
        "put_off": replenishment.put_off,
        "service_record": record.service_record,
        "levels": replenishment.levels,
        "positions": replenishment.positions,
        "source_options": replenishment.source_options,
        "orders": replenishment.orders,
        "requests": replenishment.requests,
        "shipments": allocation.shipments,
        "taken_up": taken.lines,
        "shortages": allocation.shortages,
        "excess_actions": actions,
        "run_outs": replenishment.run_outs,
        "routes": deliveries.routes,
        "stops": deliveries.stops,
        "delivery_lines": deliveries.delivery_lines,
        "collections": deliveries.collections,
        "waiting_lines": waiting,
        "lineage": together([replenishment.lineage[order_lines], allocation.lineage], LINEAGE),
        "solver_runs": together(
            [replenishment.solver_runs, allocation.solver_runs, deliveries.solver_runs], SOLVER_RUNS
        ),
        "all_exceptions": told_since(told, inputs.get("last_exceptions", empty(EXCEPTIONS)), today),
        "rejects": rejects,
    }
    tables = {**derived, **documents_of(derived, parts, sites, inputs["stock"])}
    tables["exceptions"] = digest_of(tables["all_exceptions"], settings.write.exceptions_per_code)
    kpis = kpis_of(tables, inputs, today)
    watch("documents", f"{len(tables['all_exceptions']):,} exceptions")
    used = {name: inputs[name] for name in USED_TABLES} | {"carrier_lanes": lanes}
    return Plan(today=today, tables=tables, used=used, kpis=kpis)


def plan_levels(
    inputs: Tables, settings: Settings, today: date, watch: Watcher, *, with_curve: bool = False
) -> PlannedLevels:
    """Run the stages up to levels and orders; with ``with_curve`` draw the exchange curve too.

    Parameters
    ----------
    inputs, settings, today, watch
        As in :func:`plan_night`.
    with_curve
        Whether ``replenishment.exchange_curve`` is wanted.

    Raises
    ------
    InputError, NoPlan, SettingsError
        The input cannot be planned, or the levels asked for cannot be; the text says what to correct.
    """
    period = settings.demand.period
    sites, parts = inputs["sites"], inputs["parts"]

    watch("demand", "")
    demand = build_demand(
        inputs["demand_lines"],
        inputs["supersessions"],
        inputs["stockouts"],
        sites,
        today=today,
        params=settings.demand,
    )
    watch("demand", f"{len(inputs['demand_lines']):,} lines in {len(demand.series):,} series")

    watch("forecast", "")
    forecast = _forecast(demand.demand_series, demand.series, inputs, today, settings)
    watch("forecast", f"{len(forecast.forecasts):,} series")

    watch("classify", "")
    classes = classify_parts(
        demand.series,
        demand.demand_series,
        forecast.forecasts,
        parts,
        sites,
        today=today,
        period=period,
        params=settings.classify,
    )
    watch("classify", f"{int(classes['is_stocked'].sum()):,} of {len(classes):,} site-parts stocked")

    watch("replenish", "")
    rate_factors = learn_rate_factors(demand, inputs, settings, today)
    record = service_record_of(
        inputs.get("past_promises", empty(PAST_PROMISES)),
        inputs["demand_lines"],
        inputs["stockouts"],
        sites,
        parts,
        settings.replenish,
    )
    replenishment = replenish_sites(
        forecasts=forecast.forecasts,
        forecast_steps=forecast.forecast_steps,
        market_steps=forecast.market_steps,
        classes=classes,
        parts=parts,
        sites=sites,
        supply=inputs["supply"],
        price_breaks=inputs["price_breaks"],
        stock=inputs["stock"],
        open_orders=inputs["open_orders"],
        urgent_orders=inputs["urgent_orders"],
        reservations=inputs["reservations"],
        supersessions=inputs["supersessions"],
        carrier_lanes=inputs["carrier_lanes"],
        holidays=inputs["holidays"],
        review_calendar=inputs["review_calendar"],
        fixed_levels=inputs["fixed_levels"],
        today=today,
        period=period,
        params=settings.replenish,
        rate_factors=rate_factors,
        service_record=record.service_record,
        last_review_days=inputs.get("last_review_days", empty(REVIEW_DAYS)),
        last_put_off=inputs.get("last_put_off", empty(PUT_OFF)),
        with_curve=with_curve,
    )
    watch("replenish", f"{len(replenishment.orders):,} order lines, {len(replenishment.requests):,} dealer requests")
    return PlannedLevels(demand, forecast, classes, rate_factors, record, replenishment)


def learn_rate_factors(demand: Demand, inputs: Tables, settings: Settings, today: date) -> pd.DataFrame:
    """Forecast and class again as at the begin of past quarters, and compare with what came (RATE_FACTORS).

    Trends and seasons, cars and the learner, which concern few series and take the most time, are left out.
    """
    period, largest = settings.demand.period, settings.replenish.largest_rate_factor
    pooled = replace(settings.forecast, ets_max_series=0, causal=False, learner=False)
    plain = replace(settings, forecast=pooled)
    quarters = []
    for then in hindsights_of(demand.demand_series, demand.series, today, period) if largest > 0 else []:
        forecasts = _forecast(then.demand_series, then.series, inputs, then.origin, plain).forecasts
        classes = classify_parts(
            then.series,
            then.demand_series,
            forecasts,
            inputs["parts"],
            inputs["sites"],
            today=then.origin,
            period=period,
            params=settings.classify,
        )
        quarters.append(quarter_since(then.origin, forecasts, classes, demand.demand_series, inputs["sites"], period))
    return rate_factors_of(pd.concat(quarters, ignore_index=True), largest) if quarters else empty(RATE_FACTORS)


def _forecast(
    demand_series: pd.DataFrame, series: pd.DataFrame, inputs: Tables, today: date, settings: Settings
) -> Forecasts:
    """Forecast every series from its own history and all others, then from what its network and cars say."""
    sites, parts, period = inputs["sites"], inputs["parts"], settings.demand.period
    found = forecast_demand(
        demand_series, series, parts, today=today, period=period, params=settings.forecast, sites=sites
    )
    borrowed = borrow(
        found.forecasts,
        found.forecast_steps,
        demand_series,
        series,
        parts,
        Around(sites, inputs["maintenance_plan"], inputs["vehicle_parc"]),
        today=today,
        period=period,
        params=settings.forecast,
    )
    told = together([found.exceptions, borrowed.exceptions], EXCEPTIONS)
    return found._replace(**{**borrowed._asdict(), "exceptions": told})
