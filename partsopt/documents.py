"""Stage 7: the tables that people and the ERP read, made from the plan's derived tables."""

from __future__ import annotations

from datetime import date

import pandas as pd

from partsopt.tables import (
    DELIVERIES,
    EXCEPTIONS,
    PICK_LISTS,
    PURCHASE_ORDERS,
    TIERS,
    TRANSFER_ORDERS,
    WAITING,
    Tables,
    conform,
    stacked,
    together,
)


def documents_of(
    derived: Tables, parts: pd.DataFrame, sites: pd.DataFrame, stock: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Purchase orders, transfer orders, deliveries and pick lists of a night, and what waits.

    Parameters
    ----------
    derived
        The derived tables by name: shipments, taken_up, routes, stops, delivery_lines, waiting_lines; with orders,
        purchase orders come too. Transfer orders are tonight's; deliveries and picks are those of the first day.
    parts
        The input table, for descriptions.
    sites
        The input table, for the zone in which a day is a day.
    stock
        The input table, for the bins in which parts lie.
    """
    everything = stacked([derived["shipments"], derived["taken_up"]])
    lines = everything.drop(columns="leave_by").merge(
        derived["delivery_lines"].drop(columns="cost"), on="line_id", how="left", validate="1:1"
    )
    bought = {"purchase_orders": purchase_orders_of(derived["orders"])} if "orders" in derived else {}
    return {
        **bought,
        "transfer_orders": transfer_orders_of(lines[lines["since_on"].isna()], sites),
        "deliveries": deliveries_of(lines, derived["delivery_lines"], derived["stops"], derived["routes"]),
        "pick_lists": pick_lists_of(lines[lines["is_picked"]], parts, stock),
        "waiting": waiting_list_of(lines, derived["waiting_lines"]),
    }


def purchase_orders_of(orders: pd.DataFrame) -> pd.DataFrame:
    """Tonight's order lines in the form of open orders, to be imported as proposals."""
    return conform(
        orders.assign(quantity=orders["order_quantity"], status="proposed", for_order_id="", for_line=0),
        PURCHASE_ORDERS,
    )


def transfer_orders_of(lines: pd.DataFrame, sites: pd.DataFrame) -> pd.DataFrame:
    """Tonight's shipment lines in the form of open orders of the receiving site.

    A line that nobody carries yet is expected on the day of its release. It stays a proposal,
    so that it is not asked for twice.
    """
    zones = lines["destination_id"].map(sites.set_index("site_id")["time_zone"])
    return conform(
        lines.assign(
            source_id=lines["origin_id"],
            site_id=lines["destination_id"],
            quantity=lines["shipped_quantity"],
            due_on=local_days(lines["arrives_at"].fillna(lines["released_at"]), zones),
            status="proposed",
        ),
        TRANSFER_ORDERS,
    )


def deliveries_of(
    lines: pd.DataFrame, delivery_lines: pd.DataFrame, stops: pd.DataFrame, routes: pd.DataFrame
) -> pd.DataFrame:
    """The first day's stops in their order, then consignments by lane, then what nobody carries, by DC."""
    later = lines.loc[lines["waits"] & lines["carried_by"].eq("vehicle"), "route_id"]
    driven = (
        stops[~stops["route_id"].isin(later)]
        .merge(routes[["route_id", "trip", "departs_at"]], on=["route_id", "trip"], validate="m:1")
        .assign(carried_by="vehicle", service="", cost=0.0)
    )
    rest = lines[lines["carried_by"].ne("vehicle") & ~lines["waits"]].merge(
        delivery_lines[["line_id", "cost"]], on="line_id", validate="1:1"
    )
    if rest.empty:
        return conform(driven, DELIVERIES)
    rest = rest.assign(
        depot_id=rest["origin_id"],
        site_id=rest["destination_id"],
        service=rest["service"].where(rest["carried_by"].eq("lane"), rest["unserved_because"]),
        tier=pd.Categorical(rest["tier"], categories=TIERS, ordered=True),
    )
    handed_over = (
        rest.groupby(
            ["depot_id", "carried_by", "site_id", "service", "departs_at", "arrives_at"], dropna=False, observed=True
        )
        .agg(
            tier=("tier", "min"),
            n_lines=("line_id", "size"),
            load_kg=("load_kg", "sum"),
            load_m3=("load_m3", "sum"),
            cost=("cost", "sum"),
        )
        .reset_index()
    )
    # Consignments of one lane on several days are told apart by position, so that the key holds.
    handed_over["position"] = handed_over.groupby(["depot_id", "carried_by", "site_id", "service"]).cumcount() + 1
    handed_over = handed_over.assign(
        tier=handed_over["tier"].astype("str"),
        route_id="",
        vehicle_id="",
        trip=0,
        distance_m=0.0,
        n_returns=0,
        returns_kg=0.0,
    )
    return together([driven, handed_over], DELIVERIES)


def pick_lists_of(lines: pd.DataFrame, parts: pd.DataFrame, stock: pd.DataFrame) -> pd.DataFrame:
    """What each site picks, wave by wave: by departure, or by release where unserved, then along the bins."""
    bins = stock.loc[stock["bin"].ne(""), ["site_id", "part_id", "bin"]].rename(columns={"site_id": "origin_id"})
    described = lines.merge(parts[["part_id", "description"]], on="part_id", how="left", validate="m:1").merge(
        bins, on=["origin_id", "part_id"], how="left", validate="m:1"
    )
    return conform(
        described.assign(
            depot_id=described["origin_id"],
            pick_by=described["departs_at"].fillna(described["released_at"]),
            quantity=described["shipped_quantity"],
            is_packed=described["packed_at"].notna(),
        ),
        PICK_LISTS,
    )


def waiting_list_of(lines: pd.DataFrame, waiting_lines: pd.DataFrame) -> pd.DataFrame:
    """What does not leave on the first day planned, with the day it is planned for and why."""
    since = waiting_lines[["line_id", "since_on"]]
    rows = lines.drop(columns="since_on").merge(since, on="line_id", validate="1:1")
    return conform(
        rows.assign(
            depot_id=rows["origin_id"],
            site_id=rows["destination_id"],
            quantity=rows["shipped_quantity"],
            value=rows["shipped_quantity"] * rows["unit_cost"],
            why=rows["waits_because"].where(rows["waits"], rows["unserved_because"]),
        ),
        WAITING,
    )


def told_since(exceptions: pd.DataFrame, before: pd.DataFrame, today: date) -> pd.DataFrame:
    """Exceptions with the first of the nights in a row that told them.

    Parameters
    ----------
    exceptions
        Of tonight.
    before
        Of the last night. One is told again where code, site, part and line are the same, whatever was seen; requests
        have new numbers every night, so that the day in them is passed over.
    today
        The planned day, on which all others are new.
    """
    key = ["code", "site_id", "part_id", "line"]
    known = _with_lines(before).groupby(key, as_index=False)["since_on"].min()
    rows = _with_lines(exceptions.drop(columns="since_on")).merge(known, on=key, how="left", validate="m:1")
    return conform(rows.assign(since_on=rows["since_on"].fillna(pd.Timestamp(today))), EXCEPTIONS)


def _with_lines(exceptions: pd.DataFrame) -> pd.DataFrame:
    return exceptions.assign(line=exceptions["line_id"].str.replace(r"^RQ-\d{8}-", "RQ-", regex=True))


def digest_of(exceptions: pd.DataFrame, most: int) -> pd.DataFrame:
    """The exceptions a person can go through: of each code what is new, then most money, and one line for the rest.

    Parameters
    ----------
    exceptions
        Every exception of the night.
    most
        Lines to keep of a code; what is beyond is counted and summed in a line of its own.
    """
    first = ["since_on", "money", *EXCEPTIONS.key]
    ranked = exceptions.assign(since_on=exceptions["since_on"].eq(exceptions["since_on"].max()))
    ranked = ranked.sort_values(first, ascending=[False, False] + [True] * len(EXCEPTIONS.key))
    beyond = ranked[ranked.groupby("code").cumcount() >= most]
    if beyond.empty:
        return exceptions
    rest = beyond.groupby("code").agg(
        stage=("stage", "first"), action=("action", "first"), money=("money", "sum"), n=("what", "size")
    )
    lines = rest.reset_index().assign(
        site_id="",
        part_id="",
        line_id="",
        what=rest["n"].map("{:,} more lines, in all_exceptions.parquet".format).to_numpy(),
    )
    return together([exceptions.drop(beyond.index), lines], EXCEPTIONS)


def local_days(moments: pd.Series, zones: pd.Series) -> pd.Series:
    """The calendar day of each moment on the clocks of its zone.

    Examples
    --------
    >>> late = pd.Series(pd.to_datetime(["2026-11-02T17:00Z"]))
    >>> local_days(late, pd.Series(["Asia/Shanghai"])).dt.date.tolist()
    [datetime.date(2026, 11, 3)]
    """
    days = pd.Series(pd.NaT, index=moments.index, dtype="datetime64[us]")
    for zone, rows in moments.groupby(zones):
        days.loc[rows.index] = rows.dt.tz_convert(str(zone)).dt.tz_localize(None).dt.normalize()
    return days
