"""A small network whose night can be counted by hand.

Today is Monday, 2 November 2026. DC1 is supplied by MAKER in 10 days; the dealers D01 and D02 by DC1 in
1 + 3 days. T is one day, so that every working day is a review. A month is 365.25 / 12 days.
"""

from dataclasses import replace
from datetime import date

import pandas as pd

from partsopt.replenish.orders import Replenishment, replenish_sites
from partsopt.settings import ReplenishParams
from partsopt.tables import (
    CARRIER_LANES,
    CLASSES,
    FIXED_LEVELS,
    FORECAST_STEPS,
    FORECASTS,
    HOLIDAYS,
    INPUT_TABLES,
    MARKET_STEPS,
    OPEN_ORDERS,
    PARTS,
    PRICE_BREAKS,
    RESERVATIONS,
    REVIEW_CALENDAR,
    SITES,
    STOCK,
    SUPERSESSIONS,
    SUPPLY,
    URGENT_ORDERS,
    Table,
    conform,
    empty,
)

TODAY = date(2026, 11, 2)
DAILY = {"A": 1, "B": 1, "C": 1}
PARAMS = ReplenishParams(dc_review_period_days=DAILY, dealer_review_period_days=DAILY)
DEFAULTS = {
    "parts": {"unit_cost": 10.0, "weight_kg": 1.0, "volume_m3": 0.01},
    "sites": {"latitude": 30.0, "longitude": 110.0},
    "supply": {
        "site_id": "DC1",
        "source_id": "MAKER",
        "channel": "maker",
        "lead_time_days": 10.0,
        "unit_cost": 10.0,
    },
    "stock": {"site_id": "DC1", "on_hand": 0},
    "open_orders": {"order_id": "X", "source_id": "MAKER", "site_id": "DC1", "status": "confirmed"},
    "urgent_orders": {"line": 1, "quantity": 1, "tier": "vor", "placed_at": pd.Timestamp("2026-10-30T09:00Z")},
    "reservations": {"quantity": 1},
    "forecasts": {
        "site_id": "DC1",
        "period_days": 365.25 / 12,
        "sd_per_period": 1.0,
        "variance_to_mean": 1.0,
        "method": "ses",
        "why": "test",
        "sbc_class": "smooth",
        "n_periods": 24,
        "n_demands": 12,
    },
    "carrier_lanes": {"service": "road", "cost_fixed": 10.0, "cost_per_kg": 1.0},
    "supersessions": {"effective_on": pd.Timestamp("2026-01-01")},
}
DERIVED: dict[str, Table] = {
    "forecasts": FORECASTS,
    "forecast_steps": FORECAST_STEPS,
    "market_steps": MARKET_STEPS,
    "classes": CLASSES,
}


def table_of(name: str, rows: list[dict[str, object]]) -> pd.DataFrame:
    """Rows of a table with this network's defaults and the declaration's."""
    declared = DERIVED.get(name) or INPUT_TABLES[name]
    if not rows:
        return empty(declared)
    filled = []
    for number, row in enumerate(rows, start=1):
        full = {**DEFAULTS.get(name, {}), **row}
        if name == "open_orders":
            full.setdefault("line", number)
        for column, one in declared.columns.items():
            if column not in full and not one.required:
                full[column] = one.default if one.default is not None else {"text": "", "whole": 0}.get(one.kind)
        filled.append(full)
    frame = pd.DataFrame(filled)
    for column, one in declared.columns.items():
        if one.kind == "day":
            frame[column] = pd.to_datetime(frame[column])
        elif one.kind == "moment":
            frame[column] = pd.to_datetime(frame[column], utc=True)
        elif one.kind == "number":
            frame[column] = frame[column].astype("float64")
    return conform(frame, declared)


def tables(**given: list[dict[str, object]]) -> dict[str, pd.DataFrame]:
    """All tables of a night; parts and sites that are named anywhere exist, and every forecast part is stocked, class A."""
    names = {
        row[key]
        for rows in given.values()
        for row in rows
        for key in ("part_id", "old_part_id", "new_part_id")
        if key in row
    }
    own = {row["part_id"]: row for row in given.get("parts", [])}
    given = {**given, "parts": [own.get(name, {"part_id": name}) for name in sorted({*names, *own})]}
    given.setdefault(
        "sites",
        [{"site_id": "DC1", "site_kind": "dc"}]
        + [{"site_id": name, "site_kind": "dealer", "supplied_by": "DC1"} for name in ("D01", "D02")],
    )
    given.setdefault("supply", [{"part_id": name} for name in sorted({*names, *own})])
    if "classes" not in given:
        forecasts = table_of("forecasts", given.get("forecasts", []))
        given["classes"] = [{"site_id": s, "part_id": p} for s, p in forecasts[["site_id", "part_id"]].to_numpy()]
    plain = {
        "usage_value": 1.0, "demands_per_year": 12.0, "criticality": "essential", "score": 0.5,
        "cumulative_share": 0.5, "abc_class": "A", "xyz_class": "X", "is_stocked": True, "why": "test",
    }  # fmt: skip
    given["classes"] = [{**plain, **row} for row in given["classes"]]
    wanted = (
        PARTS, SITES, SUPPLY, PRICE_BREAKS, STOCK, OPEN_ORDERS, URGENT_ORDERS, RESERVATIONS, SUPERSESSIONS,
        CARRIER_LANES, HOLIDAYS, REVIEW_CALENDAR, FIXED_LEVELS, FORECASTS, FORECAST_STEPS, MARKET_STEPS, CLASSES,
    )  # fmt: skip
    return {one.name: table_of(one.name, given.get(one.name, [])) for one in wanted}


def night(
    today: date = TODAY, params: ReplenishParams = PARAMS, period: str = "month", **given: list[dict[str, object]]
) -> Replenishment:
    """Replenish the network given as lists of rows."""
    return replenish_sites(**tables(**given), today=today, period=period, params=params)


def again(
    given: dict[str, pd.DataFrame], first: Replenishment, today: date = TODAY, params: ReplenishParams = PARAMS
) -> Replenishment:
    """The same night once more, with its orders imported, and its requests as if shipped in full."""
    orders, requests = first.orders, first.requests
    bought = orders.rename(columns={"order_quantity": "quantity"})[
        ["order_id", "line", "source_id", "site_id", "part_id", "quantity", "due_on"]
    ]
    sent = requests[["source_id", "site_id", "part_id", "quantity", "for_order_id", "for_line"]].assign(
        order_id="TO-1", line=range(1, len(requests) + 1), due_on=pd.Timestamp(today) + pd.Timedelta(days=2)
    )
    frames = [given["open_orders"]]
    frames += [frame.assign(status="proposed") for frame in (bought, sent) if len(frame)]
    both = pd.concat(frames, ignore_index=True)
    both["for_order_id"] = both["for_order_id"].fillna("")
    both["for_line"] = both["for_line"].fillna(0)
    given = {**given, "open_orders": conform(both, OPEN_ORDERS)}
    return replenish_sites(**given, today=today, period="month", params=params)


def with_params(**changed: object) -> ReplenishParams:
    """This network's parameters with some changed."""
    return replace(PARAMS, **changed)


def of_line(lineage: pd.DataFrame, line_id: str) -> dict[str, int]:
    """The terms of a line."""
    rows = lineage[lineage["line_id"] == line_id]
    return dict(zip(rows["term"], rows["quantity"].tolist(), strict=True))
