"""The figures of a night that a parts manager reads first."""

from __future__ import annotations

from datetime import date

import pandas as pd

from partsopt.tables import TIERS, Tables

Figures = list[dict[str, object]]


def kpis_of(tables: Tables, inputs: Tables, today: date) -> dict[str, object]:
    """Orders, service, shortages, deliveries and exceptions of a night, as plain figures.

    Parameters
    ----------
    tables
        Derived and output tables of the plan by name.
    inputs
        The input tables, for stock value and site kinds.
    today
        The planned day.
    """
    sites = inputs["sites"]
    return {
        "today": today.isoformat(),
        "orders": orders_by_site_and_class(tables["orders"]),
        "transfers": transfers_by_tier(tables["shipments"], tables["delivery_lines"]),
        "waiting": waiting_by_day(tables["waiting"]),
        "service": service_by_kind_and_class(tables["levels"], sites),
        "service_record": record_by_kind_and_class(tables["service_record"]),
        "shortages": shortages_by_tier(tables["shortages"]),
        "deliveries": deliveries_by_origin(tables, sites),
        "exceptions": exceptions_by_code(tables["all_exceptions"], today),
        "stock": stock_by_kind(inputs["stock"], inputs["parts"], sites, tables["positions"]),
        "excess_actions": excess_by_action(tables["excess_actions"]),
        "rejects": len(tables["rejects"]),
    }


def orders_by_site_and_class(orders: pd.DataFrame) -> Figures:
    """Order lines, pieces and money by site and ABC class."""
    found = (
        orders.groupby(["site_id", "abc_class"], sort=True)
        .agg(lines=("line_id", "size"), pieces=("order_quantity", "sum"), money=("order_value", "sum"))
        .reset_index()
    )
    return _figures(found)


def transfers_by_tier(shipments: pd.DataFrame, delivery_lines: pd.DataFrame) -> Figures:
    """Tonight's shipment lines and pieces by tier, and how many of the lines travel how on the first day."""
    lines = shipments.merge(delivery_lines[["line_id", "carried_by", "is_late", "waits"]], on="line_id", validate="1:1")
    rows = []
    for tier in TIERS:
        of_tier = lines[lines["tier"] == tier]
        carried = of_tier.loc[~of_tier["waits"], "carried_by"].value_counts()
        rows.append(
            {
                "tier": tier,
                "lines": len(of_tier),
                "pieces": int(of_tier["shipped_quantity"].sum()),
                "money": round(float((of_tier["shipped_quantity"] * of_tier["unit_cost"]).sum()), 2),
                **{f"by_{how}": int(carried.get(how, 0)) for how in ("vehicle", "lane")},
                "unserved": int(carried.get("unserved", 0)),
                "waiting": int(of_tier["waits"].sum()),
                "late": int(of_tier["is_late"].sum()),
            }
        )
    return rows


def waiting_by_day(waiting: pd.DataFrame) -> Figures:
    """Lines that leave on a later day than the first, by that day: how many, their value, and how."""
    rows = waiting[waiting["leaves_on"].notna()]
    found = (
        rows.assign(
            by_vehicle=rows["carried_by"].eq("vehicle"),
            by_lane=rows["carried_by"].eq("lane"),
            leaves_on=rows["leaves_on"].dt.strftime("%Y-%m-%d"),
        )
        .groupby("leaves_on")
        .agg(
            lines=("line_id", "size"),
            money=("value", "sum"),
            by_vehicle=("by_vehicle", "sum"),
            by_lane=("by_lane", "sum"),
        )
        .reset_index()
    )
    return _figures(found)


def service_by_kind_and_class(levels: pd.DataFrame, sites: pd.DataFrame) -> Figures:
    """Promised fill rate of stocked parts, weighted by expected demand, and what share of demand is stocked."""
    known = levels.merge(sites[["site_id", "site_kind"]], on="site_id", validate="m:1")
    per_day = known["mean_over_protection"] / known["protection_days"]
    known = known.assign(
        per_day=per_day, met=per_day * known["promised_fill_rate"], stocked=per_day.where(known["is_stocked"], 0.0)
    )
    known["met"] = known["met"].where(known["is_stocked"], 0.0)
    sums = known.groupby(["site_kind", "abc_class"], sort=True).agg(
        parts=("part_id", "size"),
        stocked_parts=("is_stocked", "sum"),
        per_day=("per_day", "sum"),
        stocked=("stocked", "sum"),
        met=("met", "sum"),
    )
    return [
        {
            "site_kind": kind,
            "abc_class": abc_class,
            "site_parts": int(row.parts),
            "stocked": int(row.stocked_parts),
            "promised_fill_rate": round(row.met / row.stocked, 4) if row.stocked else None,
            "stocked_share_of_demand": round(row.stocked / row.per_day, 4) if row.per_day else None,
        }
        for (kind, abc_class), row in zip(sums.index, sums.itertuples(index=False), strict=True)
    ]


def record_by_kind_and_class(record: pd.DataFrame) -> Figures:
    """Promised beside realised service of past nights, by kind of site and class."""
    columns = ["promised_fill_rate", "realised_fill_rate", "gap", "standard_error", "shortfall_factor"]
    rows = record[record["site_id"].eq("all")].drop(columns="site_id").reset_index(drop=True)
    return _figures(rows.assign(**{name: rows[name].round(4) for name in columns}))


def shortages_by_tier(shortages: pd.DataFrame) -> Figures:
    """Requests that could not be met in full, by tier in the order of urgency."""
    found = (
        shortages.groupby("tier")
        .agg(lines=("request_id", "size"), pieces=("shortage", "sum"), money=("shortage_value", "sum"))
        .reindex([tier for tier in TIERS if tier in set(shortages["tier"])])
        .reset_index()
    )
    return _figures(found)


def deliveries_by_origin(tables: Tables, sites: pd.DataFrame) -> Figures:
    """The first day's trips, load and cost of own vehicles, and what carriers take; by DC, one row for all dealers."""
    is_dc = sites.set_index("site_id")["site_kind"].eq("dc")
    origin_of = {site: site if dc else "dealers" for site, dc in is_dc.items()}
    plan = tables["delivery_lines"]
    later = plan.loc[plan["waits"] & plan["carried_by"].eq("vehicle"), "route_id"]
    first_day = {name: tables[name][~tables[name]["route_id"].isin(later)] for name in ("routes", "stops")}
    routes = first_day["routes"].assign(origin=first_day["routes"]["depot_id"].map(origin_of))
    stops = first_day["stops"]["depot_id"].map(origin_of)
    consignments = tables["deliveries"].assign(origin=tables["deliveries"]["depot_id"].map(origin_of))
    origins = pd.concat([tables[name][["line_id", "origin_id"]] for name in ("shipments", "taken_up")])
    lines = plan.merge(origins, on="line_id", validate="1:1")
    lines = lines.assign(origin=lines["origin_id"].map(origin_of))
    vans = tables["routes"].drop_duplicates("route_id").set_index("route_id")["depot_id"]
    fetched = tables["collections"]["route_id"].map(vans).map(origin_of)
    rows = []
    for origin in sorted(set(lines["origin"]), key=lambda name: (name == "dealers", name)):
        own, sent = routes[routes["origin"] == origin], lines[lines["origin"] == origin]
        by_lane = consignments[(consignments["origin"] == origin) & (consignments["carried_by"] == "lane")]
        rows.append(
            {
                "from": origin,
                "vehicles": int(own["route_id"].nunique()),
                "trips": len(own),
                "stops": int((stops == origin).sum()),
                "km": round(float(own["distance_m"].sum()) / 1000, 1),
                "load_kg": round(float(own["load_kg"].sum()), 1),
                "mean_load_share": round(float(own["load_share"].mean()), 4) if len(own) else None,
                "vehicle_cost": round(float(own["cost"].sum()), 2),
                "lane_consignments": len(by_lane),
                "lane_kg": round(float(by_lane["load_kg"].sum()), 1),
                "lane_cost": round(float(by_lane["cost"].sum()), 2),
                "unserved_lines": int((sent["carried_by"] == "unserved").sum()),
                "late_lines": int(sent["is_late"].sum()),
                "waiting_lines": int(sent["waits"].sum()),
                "returns_fetched": int(fetched.eq(origin).sum()),
            }
        )
    return rows


def exceptions_by_code(exceptions: pd.DataFrame, today: date) -> Figures:
    """Exceptions, how many of them are new tonight, and the money at stake, by code, most money first."""
    rows = exceptions.assign(is_new=exceptions["since_on"].eq(pd.Timestamp(today)))
    found = (
        rows.groupby("code").agg(lines=("what", "size"), new=("is_new", "sum"), money=("money", "sum")).reset_index()
    )
    return _figures(found.sort_values(["money", "code"], ascending=[False, True], kind="stable"))


def stock_by_kind(stock: pd.DataFrame, parts: pd.DataFrame, sites: pd.DataFrame, positions: pd.DataFrame) -> Figures:
    """Value of stock and of excess by kind of site, at the parts' unit cost."""
    cost = parts[["part_id", "unit_cost"]]
    kind = sites[["site_id", "site_kind"]]
    valued = stock.merge(cost, on="part_id", validate="m:1").merge(kind, on="site_id", validate="m:1")
    above = positions.merge(cost, on="part_id", validate="m:1").merge(kind, on="site_id", validate="m:1")
    value = (valued["on_hand"] * valued["unit_cost"]).groupby(valued["site_kind"]).sum()
    excess = (above["excess_quantity"] * above["unit_cost"]).groupby(above["site_kind"]).sum()
    return [
        {
            "site_kind": name,
            "stock_value": round(float(value.get(name, 0.0)), 2),
            "excess_value": round(float(excess.get(name, 0.0)), 2),
        }
        for name in ("dc", "dealer")
    ]


def excess_by_action(actions: pd.DataFrame) -> Figures:
    """Lines, pieces, value and saving of what to do with excess stock, by action, the largest saving first."""
    found = (
        actions.groupby("action")
        .agg(
            lines=("rank", "size"), pieces=("excess_quantity", "sum"), value=("value", "sum"), saving=("saving", "sum")
        )
        .round(2)
        .reset_index()
    )
    return _figures(found.sort_values(["saving", "action"], ascending=[False, True], kind="stable"))


def _figures(found: pd.DataFrame) -> Figures:
    if "money" in found:
        found = found.assign(money=found["money"].round(2))
    return [{str(name): value for name, value in row.items()} for row in found.to_dict(orient="records")]
