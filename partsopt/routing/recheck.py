"""Recompute what a run says from its written tables: quantities, loads, times, windows, costs, promises.

No solver and no planning code is asked. The plan's rules are those of :mod:`partsopt.routing.verify`; here
they are applied to what was written, the documents for people are recomputed from the plan cell by cell,
and where several values contradict each other the fewest cells that explain it are named.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple, TypeAlias

import pandas as pd

from partsopt.routing.documented import documents_expected
from partsopt.routing.findings import Finding
from partsopt.routing.given import INPUTS, given_of
from partsopt.routing.verify import verify_deliveries
from partsopt.settings import RoutingParams
from partsopt.tables import (
    COLLECTIONS,
    DELIVERY_LINES,
    DERIVED_TABLES,
    INPUT_TABLES,
    ROUTES,
    STOPS,
    Table,
    Tables,
    empty,
    records_of,
    stacked,
)

Row: TypeAlias = dict[str, Any]

MOST_REPAIRS = 20
MOST_CANDIDATES = 40
MOST_EXPLAINED = 30
"""Groups of rows for which the fewest repairs are sought; what is found of further groups is told as it stands."""
ONE_SECOND = timedelta(seconds=1)
PLAN_TABLES = (ROUTES, STOPS, DELIVERY_LINES, COLLECTIONS)
NAME_OF = {
    "routes": "route",
    "stops": "route",
    "delivery_lines": "line",
    "shipments": "line",
    "collections": "return",
}
WHOLE_TABLE = -1


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """A value of a written table that breaks a rule: ``row`` counts from 0, -1 is the table as a whole.

    ``computed`` is what the value should be; None where no other value would make it right.
    """

    table: str
    row: int
    column: str
    written: object
    computed: object
    rule: str


class Recheck(NamedTuple):
    """Every wrong value, and how many values of which table were recomputed."""

    wrong: list[Wrong]
    checked: dict[str, int]


class _Run:
    """The tables of a run while they are rechecked: wrong values are told once and put right for what follows."""

    def __init__(self, tables: Tables) -> None:
        self.tables = {name: frame.reset_index(drop=True) for name, frame in tables.items()}
        self.wrong: list[Wrong] = []
        self.checked: Counter[str] = Counter()

    def rows(self, name: str) -> list[Row]:
        return records_of(self.tables[name]) if name in self.tables else []

    def tell(self, table: str, row: int, column: str, computed: object, rule: str) -> None:
        if table == "shipments" and row >= len(self.tables[table]):  # lines taken up stand behind tonight's
            table, row = "taken_up", row - len(self.tables[table])
        written = self.tables[table][column].iloc[row] if row >= 0 else ""
        self.wrong.append(Wrong(table=table, row=row, column=column, written=written, computed=computed, rule=rule))
        if computed is not None and row >= 0:
            self.put(table, row, column, computed)

    def put(self, table: str, row: int, column: str, value: object) -> None:
        self.tables[table].loc[row, column] = _stored(value)


def recheck_run(
    tables: Tables,
    *,
    today: date,
    params: RoutingParams,
    before: Tables | None = None,
    now: pd.Timestamp | None = None,
) -> Recheck:
    """Recompute the quantities, deliveries and documents of a run.

    Parameters
    ----------
    tables
        Derived and output tables as written, by name, and the input tables that deliveries rest on: sites,
        vehicles, carrier_lanes, travel, holidays, stock, parts, urgent_orders, reservations. Rows keep the order of
        their file.
    today, params
        The planned day and how deliveries were planned.
    before, now
        Of a dispatch: tables routes, stops and delivery_lines of the run it changes, and when it was made; None: of a
        night, whose trips nothing held.

    Returns
    -------
    Recheck
        Wrong values in the order of tables and rows; none where the run holds.
    """
    run = _Run(tables)
    _quantities(run)
    _purchases(run)
    _documented(run)
    _requests(run)
    _shipments(run)
    _taken_up(run)
    _stock(run)
    _plan(run, today, params)
    if before is not None and now is not None:
        _locks(run, before, now, params.first_loading_min)
    for name, expected in documents_expected(run.rows, today).items():
        _compare(run, name, expected)
    place = {name: number for number, name in enumerate(tables)}
    wrong = sorted(run.wrong, key=lambda one: (place[one.table], one.row))
    return Recheck(wrong, dict(run.checked))


# --------------------------------------------------------------------------- quantities


def _quantities(run: _Run) -> None:
    """Pieces of a transfer line: its lineage, its documents and its weight say the same, or the most of them do."""
    lineage: defaultdict[str, int] = defaultdict(int)
    terms: dict[str, int] = {}
    for number, term in enumerate(run.rows("lineage")):
        lineage[term["line_id"]] += term["quantity"]
        terms[term["line_id"]] = number
    weights = {row["part_id"]: row["weight_kg"] for row in run.rows("parts")}
    documents = [("transfer_orders", "quantity"), ("pick_lists", "quantity")]
    said: dict[str, dict[str, tuple[int, Row]]] = {
        name: {row["line_id"]: (number, row) for number, row in enumerate(run.rows(name))} for name, _ in documents
    }
    for number, line in enumerate(run.rows("shipments")):
        line_id = _name(run, "shipments", number, line, terms)
        places = [("shipments", number, "shipped_quantity", line["shipped_quantity"])]
        for name, column in documents:
            if line_id in said[name]:
                at, row = said[name][line_id]
                places.append((name, at, column, row[column]))
        votes = Counter(value for *_, value in places)
        if line_id in lineage:
            votes[lineage[line_id]] += 1
        weight = weights.get(line["part_id"], 0.0)
        if weight > 0 and math.isfinite(line["load_kg"]):
            votes[round(line["load_kg"] / weight)] += 1
        most = max(votes.values())
        winners = [value for value, count in votes.items() if count == most]
        true = lineage[line_id] if lineage.get(line_id) in winners else winners[0]
        run.checked["quantities"] += len(places) + 1
        if line_id not in lineage:
            run.tell(
                "shipments", number, "line_id", None, "has no line of lineage.parquet that says what it is made of"
            )
        elif lineage[line_id] != true:
            rule = f"terms of {line_id} add up to {lineage[line_id]}, its quantity is {true}"
            run.tell("lineage", terms[line_id], "quantity", None, rule)
        for name, at, column, value in places:
            if value != true:
                run.tell(name, at, column, true, "pieces of a line: what its lineage adds up to")


def _name(run: _Run, table: str, row: int, line: Row, terms: Mapping[str, int]) -> str:
    """The name of a line, put right: its order, a stroke and its number, as its lineage has it."""
    line_id = str(line["line_id"])
    if line_id == f"{line['order_id']}/{line['line']}":
        return line_id
    rule = "a line's name is its order, a stroke and its number"
    if line_id not in terms:
        line_id = f"{line['order_id']}/{line['line']}"
        run.tell(table, row, "line_id", line_id, rule)
        return line_id
    order_id, _, number = line_id.rpartition("/")
    if line["order_id"] != order_id:
        run.tell(table, row, "order_id", order_id, rule)
    elif number.isdecimal():
        run.tell(table, row, "line", int(number), rule)
    return line_id


def _purchases(run: _Run) -> None:
    """Pieces, value and promised service of a purchase order line."""
    lineage: defaultdict[str, int] = defaultdict(int)
    terms: dict[str, int] = {}
    for number, term in enumerate(run.rows("lineage")):
        lineage[term["line_id"]] += term["quantity"]
        terms[term["line_id"]] = number
    levels = {(row["site_id"], row["part_id"]): row for row in run.rows("levels")}
    for number, line in enumerate(run.rows("purchase_orders")):
        run.checked["purchase order lines"] += 1
        line_id, price = line["line_id"], line["unit_cost"]
        line_id = _name(run, "purchase_orders", number, line, terms)
        if line_id not in lineage:
            run.tell("purchase_orders", number, "line_id", None, "has no line of lineage.parquet that says what it is")
            continue
        total, quantity = lineage[line_id], line["quantity"]
        by_value = abs(quantity * price - line["order_value"]) <= 0.005 * (abs(quantity) + 1)
        if quantity != total and by_value:
            rule = f"terms of {line_id} add up to {total}, its quantity is {quantity}"
            run.tell("lineage", terms[line_id], "quantity", None, rule)
        elif quantity != total:
            quantity = total
            run.tell("purchase_orders", number, "quantity", total, "what the line's lineage adds up to")
        if abs(quantity * price - line["order_value"]) > 0.005 * (abs(quantity) + 1):
            value = round(quantity * price, 2)
            run.tell("purchase_orders", number, "order_value", value, "pieces times unit cost")
        level = levels.get((line["site_id"], line["part_id"]))
        if level is not None and abs(level["promised_fill_rate"] - line["promised_fill_rate"]) > 0.5e-4 + 1e-9:
            run.tell(
                "purchase_orders",
                number,
                "promised_fill_rate",
                round(level["promised_fill_rate"], 4),
                "what the level of the part promises",
            )


def _documented(run: _Run) -> None:
    """Where a line goes from and to: both of its documents against the shipment."""
    orders = {row["line_id"]: row for row in run.rows("transfer_orders")}
    picks = {row["line_id"]: row for row in run.rows("pick_lists")}
    for number, line in enumerate(run.rows("shipments")):
        order, pick = orders.get(line["line_id"]), picks.get(line["line_id"])
        if order is None or pick is None:
            continue
        for column, in_orders, in_picks in (
            ("origin_id", "source_id", "depot_id"),
            ("destination_id", "site_id", "destination_id"),
            ("part_id", "part_id", "part_id"),
            ("tier", "tier", "tier"),
        ):
            if order[in_orders] == pick[in_picks] != line[column]:
                run.tell("shipments", number, column, order[in_orders], "both documents of the line say so")


def _shipments(run: _Run) -> None:
    """Name, places, load and times asked for of each transfer line."""
    sites = {row["site_id"] for row in run.rows("sites")}
    parts = {row["part_id"]: row for row in run.rows("parts")}
    urgent = {(row["order_id"], row["line"]): row for row in run.rows("urgent_orders")}
    booked = {(row["appointment_id"], row["part_id"]): row for row in run.rows("reservations")}
    for number, line in enumerate(run.rows("shipments")):
        run.checked["transfer lines"] += 1

        def tell(column: str, computed: object, rule: str, number: int = number) -> None:
            run.tell("shipments", number, column, computed, rule)

        for column in ("origin_id", "destination_id"):
            if line[column] not in sites:
                tell(column, None, "must be a site of used/sites.parquet")
        part = parts.get(line["part_id"])
        if part is None:
            tell("part_id", None, "must be a part of used/parts.parquet")
        else:
            for column, per_piece in (("load_kg", "weight_kg"), ("load_m3", "volume_m3")):
                load = part[per_piece] * line["shipped_quantity"]
                if not abs(line[column] - load) <= 1e-9 * max(load, 1):
                    tell(column, load, f"pieces times {per_piece} of the part")
        order = urgent.get((line["for_order_id"], line["for_line"]))
        if line["tier"] in ("vor", "urgent") and order is not None:
            for column in ("placed_at", "deliver_by", "tier"):
                if not _is_same(line[column], order[column], 0.0):
                    tell(column, order[column], f"{column} of the urgent order that the line serves")
        appointment = booked.get((line["for_order_id"], line["part_id"]), {})
        is_booked = line["tier"] == "reservation" and bool(appointment)
        if is_booked and not _is_same(line["needed_on"], appointment["needed_on"], 0.0):
            tell("needed_on", appointment["needed_on"], "day of the booked repair that the line serves")


def _taken_up(run: _Run) -> None:
    """Lines of earlier nights are open orders that were not shipped: pieces, places, part and load."""
    opened = {(row["order_id"], row["line"]): row for row in run.rows("open_orders")}
    parts = {row["part_id"]: row for row in run.rows("parts")}
    for number, line in enumerate(run.rows("taken_up")):
        run.checked["taken up"] += 1
        order = opened.get((line["order_id"], line["line"]))
        if order is None or order["status"] == "shipped" or line["line_id"] != f"{line['order_id']}/{line['line']}":
            run.tell("taken_up", number, "line_id", None, "must be an open order that was not shipped")
            continue
        computed: Row = {
            "origin_id": order["source_id"],
            "destination_id": order["site_id"],
            "part_id": order["part_id"],
            "shipped_quantity": order["quantity"],
            "told_on": order["due_on"],
        }
        part = parts.get(order["part_id"], {})
        computed |= {
            load: order["quantity"] * part[per_piece]
            for load, per_piece in (("load_kg", "weight_kg"), ("load_m3", "volume_m3"))
            if part
        }
        for column, value in computed.items():
            if not _is_same(line[column], value, 0.0):
                run.tell("taken_up", number, column, value, "what the open order says, and the part weighs")


def _stock(run: _Run) -> None:
    """No site sends more pieces of a part than lie there."""
    if "stock" not in run.tables:
        return
    on_hand = {(row["site_id"], row["part_id"]): row["on_hand"] for row in run.rows("stock")}
    sent: defaultdict[tuple[str, str], int] = defaultdict(int)
    for number, line in enumerate(run.rows("shipments")):
        pool = (line["origin_id"], line["part_id"])
        before = sent[pool]
        sent[pool] += line["shipped_quantity"]
        run.checked["stock"] += 1
        if sent[pool] > on_hand.get(pool, 0) >= before:
            rule = f"pieces of {pool[1]} sent from {pool[0]} add up to more than the {on_hand.get(pool, 0)} on hand"
            run.tell("shipments", number, "shipped_quantity", None, rule)


def _requests(run: _Run) -> None:
    """What was asked for is sent or short."""
    asked = {row["request_id"]: row for row in run.rows("requests")}
    sent: defaultdict[str, int] = defaultdict(int)
    for line in run.rows("shipments"):
        sent[line["request_id"]] += line["shipped_quantity"]
    for number, line in enumerate(run.rows("shipments")):
        request = asked.get(line["request_id"])
        if request is None:
            run.tell("shipments", number, "request_id", None, "must be a request of requests.parquet")
            continue
        for column, name in (
            ("requested_quantity", "quantity"),
            ("part_id", "part_id"),
            ("tier", "tier"),
            ("destination_id", "site_id"),
            ("needed_on", "needed_on"),
            ("placed_at", "placed_at"),
            ("deliver_by", "deliver_by"),
            ("unit_cost", "unit_cost"),
            ("for_order_id", "for_order_id"),
            ("for_line", "for_line"),
        ):
            if not _is_same(line[column], request[name], 0.0):
                run.tell("shipments", number, column, request[name], f"{name} of the request that the line serves")
        short = request["quantity"] - sent[line["request_id"]]
        if line["shortage"] != short:
            run.tell("shipments", number, "shortage", max(short, 0), "asked minus sent, over all lines of the request")
    for number, row in enumerate(run.rows("shortages")):
        run.checked["shortages"] += 1
        request = asked.get(row["request_id"])
        if request is None:
            run.tell("shortages", number, "request_id", None, "must be a request of requests.parquet")
            continue
        computed = {name: request[name] for name in ("site_id", "part_id", "source_id", "tier", "quantity")}
        computed |= {"shipped_quantity": sent[row["request_id"]]}
        computed["shortage"] = computed["quantity"] - computed["shipped_quantity"]
        for column, value in computed.items():
            if row[column] != value:
                run.tell("shortages", number, column, value, "what was asked for, sent, and missing")
        value = computed["shortage"] * request["unit_cost"]
        if not abs(row["shortage_value"] - value) <= 0.005:
            run.tell("shortages", number, "shortage_value", round(value, 2), "pieces missing times unit cost")


# --------------------------------------------------------------------------- the plan


class _Change(NamedTuple):
    """A cell of the plan put to another value; ``finding`` says which rule asks for it."""

    table: str
    row: int
    column: str
    value: object
    rule: str


def _plan(run: _Run, today: date, params: RoutingParams) -> None:
    """Check the plan by its rules; of contradicting cells the fewest that explain all are told."""
    inputs = {name: run.tables.get(name, empty(INPUT_TABLES[name])) for name in INPUTS}
    known = set(run.tables["sites"]["site_id"])

    def findings(plan: Tables) -> list[Finding]:
        named = inputs["returns"]["return_id"].isin(plan["collections"]["return_id"])
        shipments = plan["shipments"]
        sound = shipments["origin_id"].isin(known) & shipments["destination_id"].isin(known)
        sound &= ~shipments["line_id"].duplicated()
        lost = set(shipments.loc[~sound, "line_id"])
        lines = plan["delivery_lines"]
        return verify_deliveries(
            plan["routes"],
            plan["stops"],
            lines[~lines["line_id"].isin(lost)],
            plan["collections"],
            given_of(shipments[sound], inputs, returns=inputs["returns"][named]),
            today=today,
            params=params,
        )

    for table in PLAN_TABLES:
        run.checked[table.name] += len(run.tables[table.name]) * (len(table.columns) - len(table.key))
    for return_id in sorted(set(inputs["returns"]["return_id"]) - set(run.tables["collections"]["return_id"])):
        run.tell("collections", WHOLE_TABLE, "return_id", None, f"lacks the return {return_id}")
    everything = {table.name: run.tables[table.name] for table in PLAN_TABLES}
    everything["shipments"] = stacked(run.tables[name] for name in ("shipments", "taken_up") if name in run.tables)
    components = list(_components(everything, findings(everything)))
    for component in components[:MOST_EXPLAINED]:
        _explain(run, component, findings)
    if len(components) > MOST_EXPLAINED:
        rest = components[MOST_EXPLAINED:]
        together = {name: pd.concat([one[name] for one in rest]) for name in everything}
        _tell(run, together, findings(together))


def _components(plan: Tables, found: Sequence[Finding]) -> Iterator[dict[str, pd.DataFrame]]:
    """The rows that findings may be about, apart: routes and lines that share a trip or a consignment."""
    if not found:
        return
    lines, shipments = plan["delivery_lines"], plan["shipments"]
    pair = shipments.set_index("line_id")[["origin_id", "destination_id"]]
    pair = pair[~pair.index.duplicated()]
    group_of: dict[str, str] = {}

    def root(name: str) -> str:
        while group_of.setdefault(name, name) != name:
            name = group_of[name]
        return name

    for line in records_of(lines):
        names = [f"line {line['line_id']}"]
        if line["route_id"]:
            names.append(f"route {line['route_id']}")
        if line["line_id"] in pair.index and (line["carried_by"] == "lane" or line["service"]):
            names.append("lane " + " ".join(pair.loc[line["line_id"]]))
        for name in names[1:]:
            group_of[root(name)] = root(names[0])
    for row in [*records_of(plan["routes"]), *records_of(plan["stops"])]:
        group_of[root(f"route {row['route_id']}")] = root(f"vehicle {row['vehicle_id']}")
    for row in records_of(plan["collections"]):
        group_of[root(f"route {row['route_id']}")] = root(f"return {row['return_id']}")
    strange = [str(one.key[0]) for one in found if one.column == "line_id"]
    strangers = [f"line {name}" for name in strange]
    strangers += [f"lane {' '.join(pair.loc[name])}" for name in strange if name in pair.index]
    for name in strangers[1:]:
        group_of[root(name)] = root(strangers[0])
    wanted = {root(f"{NAME_OF[one.table]} {one.key[0]}") for one in found}
    for name in sorted(wanted):
        yield {
            "routes": _within(plan["routes"], "route_id", "route", name, root),
            "stops": _within(plan["stops"], "route_id", "route", name, root),
            "delivery_lines": _within(lines, "line_id", "line", name, root),
            "collections": _within(plan["collections"], "return_id", "return", name, root),
            "shipments": _within(shipments, "line_id", "line", name, root),
        }


def _within(frame: pd.DataFrame, column: str, word: str, name: str, root: Any) -> pd.DataFrame:
    return frame[pd.Series([root(f"{word} {one}") == name for one in frame[column]], index=frame.index, dtype=bool)]


def _explain(run: _Run, part: dict[str, pd.DataFrame], findings: Any) -> None:
    """Tell the cells whose repair leaves the fewest broken rules, one after the other, then what no repair explains."""
    found: list[Finding] = findings(part)
    for _ in range(MOST_REPAIRS):
        if not found:
            return
        candidates = _candidates(run, part, found)[:MOST_CANDIDATES]
        tried = [(len(findings(_with(part, one))), number) for number, one in enumerate(candidates)]
        if not tried or min(tried)[0] >= len(found):
            break
        best = candidates[min(tried)[1]]
        run.tell(best.table, best.row, best.column, best.value, best.rule)
        part = _with(part, best)
        found = findings(part)
    _tell(run, part, found)


def _tell(run: _Run, part: Tables, found: Sequence[Finding]) -> None:
    """Tell what was found as it stands."""
    for one in found:
        row = _row_of(part, one.table, one.key)
        table = one.table if row is not None else "delivery_lines"
        column = one.column if one.column in run.tables[table] else "line_id"
        run.tell(table, WHOLE_TABLE if row is None else row, column, one.computed, one.says)


def _with(part: dict[str, pd.DataFrame], change: _Change) -> dict[str, pd.DataFrame]:
    frame = part[change.table].copy()
    frame.loc[change.row, change.column] = _stored(change.value)
    return {**part, change.table: frame}


def _candidates(run: _Run, part: Tables, found: Sequence[Finding]) -> list[_Change]:
    """Repairs to try: what the rule computes for the cell, what it was compared with, what the documents say."""
    changes: dict[tuple[str, int, str, str], _Change] = {}

    def propose(table: str, row: int | None, column: str, value: object, rule: str) -> None:
        if row is not None and value is not None and not _is_same(part[table].loc[row, column], _stored(value), 0.0):
            changes.setdefault((table, row, column, str(value)), _Change(table, row, column, value, rule))

    picks = {row["line_id"]: row for row in run.rows("pick_lists")}
    for one in found:
        row = _row_of(part, one.table, one.key)
        if row is None:
            continue
        propose(one.table, row, one.column, one.computed, _rule_of(one))
        if one.table == "delivery_lines":
            _propose_for_line(part, part["delivery_lines"].loc[row], row, picks, propose)
        elif one.table == "routes":
            _propose_for_trip(part, part["routes"].loc[row], row, propose)
        elif one.table == "stops":
            _propose_for_stop(part, part["stops"].loc[row], row, one.column, propose)
    order = ("stops", "routes", "delivery_lines", "shipments", "collections")
    return sorted(changes.values(), key=lambda one: order.index(one.table))


def _propose_for_line(part: Tables, line: pd.Series, row: int, picks: Mapping[str, Row], propose: Any) -> None:
    for column in ("carried_by", "route_id", "trip", "position", "service"):
        if line["line_id"] in picks:
            propose("delivery_lines", row, column, picks[line["line_id"]][column], "what the pick list says")
    shipments = part["shipments"]
    shipment = _row_of(part, "shipments", (line["line_id"],))
    if shipment is None:
        for line_id in sorted(set(shipments["line_id"]) - set(part["delivery_lines"]["line_id"])):
            propose("delivery_lines", row, "line_id", line_id, "a transfer line that no other line of the plan names")
        return
    if line["carried_by"] != "vehicle":
        return
    trip = _row_of(part, "routes", (line["route_id"], line["trip"]))
    stop = _row_of(part, "stops", (line["route_id"], line["trip"], line["position"]))
    if stop is not None:
        propose("stops", stop, "starts_at", line["arrives_at"], "when its lines are unloaded")
        propose("stops", stop, "site_id", shipments.loc[shipment, "destination_id"], "where its lines go")
    if trip is not None:
        propose("routes", trip, "departs_at", line["departs_at"], "when its lines leave")


def _propose_for_trip(part: Tables, trip: pd.Series, row: int, propose: Any) -> None:
    stops = part["stops"]
    own = stops[stops["route_id"].eq(trip["route_id"]) & stops["trip"].eq(trip["trip"])]
    for column in ("vehicle_id", "depot_id"):
        for value in own[column].drop_duplicates():
            propose("routes", row, column, value, f"the {column} of its stops")
    alike = stops[stops["vehicle_id"].eq(trip["vehicle_id"])] if own.empty else own
    for stop in alike[["route_id", "trip"]].drop_duplicates().itertuples():
        propose("routes", row, "route_id", stop.route_id, "the route of its stops")
        propose("routes", row, "trip", stop.trip, "the trip of its stops")


def _propose_for_stop(part: Tables, stop: pd.Series, row: int, column: str, propose: Any) -> None:
    trip_row = _row_of(part, "routes", (stop["route_id"], stop["trip"]))
    if trip_row is None:
        routes = part["routes"]
        for trip in routes[routes["vehicle_id"].eq(stop["vehicle_id"])].itertuples():
            propose("stops", row, "route_id", trip.route_id, "a route of its vehicle")
            propose("stops", row, "trip", trip.trip, "a trip of its vehicle")
        return
    _propose_for_trip(part, part["routes"].loc[trip_row], trip_row, propose)
    if column == "arrives_at" and stop["position"] == 1:
        left = stop["arrives_at"] - pd.Timedelta(minutes=stop["travel_min"])
        propose("routes", trip_row, "departs_at", left, "a trip leaves so that it is at its first stop in time")


def _row_of(part: Tables, table: str, key: Sequence[object]) -> int | None:
    frame = part[table]
    names = DERIVED_TABLES[table].key
    is_it = pd.Series(data=True, index=frame.index)
    for name, value in zip(names, key, strict=True):
        is_it &= frame[name].eq(value)
    rows = frame.index[is_it]
    return int(rows[-1]) if len(rows) else None


def _rule_of(finding: Finding) -> str:
    """The sentence of a finding without the row's name, which the line number gives."""
    return finding.says.partition(": ")[2]


# --------------------------------------------------------------------------- what stays, and documents


def _locks(run: _Run, before: Tables, now: pd.Timestamp, first_loading_min: float) -> None:
    """Trips that were loading or under way when the dispatch was made stay as the run before has them."""
    reload_min = {row["vehicle_id"]: row["reload_min"] for row in run.rows("vehicles")}
    locked = set()
    for trip in records_of(before["routes"]):
        loading_min = first_loading_min if trip["trip"] == 1 else reload_min[trip["vehicle_id"]]
        if trip["departs_at"] - timedelta(minutes=loading_min) <= now:
            locked.add((trip["route_id"], trip["trip"]))
    rule = f"its trip was loading or under way at {now.isoformat()} and stays as it was planned before"
    for table in PLAN_TABLES:
        written = run.rows(table.name)
        place = {tuple(row[name] for name in table.key): at for at, row in enumerate(written)}
        for row in records_of(before[table.name]):
            if (row["route_id"], row["trip"]) not in locked:
                continue
            run.checked["locked rows"] += 1
            key = tuple(row[name] for name in table.key)
            if key not in place:
                run.tell(
                    table.name, WHOLE_TABLE, table.key[-1], None, f"lacks the row {', '.join(map(str, key))}: {rule}"
                )
                continue
            for column in table.columns:
                if not _is_same(written[place[key]][column], row[column], _tolerance(table, column)):
                    run.tell(table.name, place[key], column, row[column], rule)


def _compare(run: _Run, name: str, document: tuple[Table, list[Row]]) -> None:
    """Tell each cell of a document that differs from what it must say, each row too many and each that lacks."""
    if name not in run.tables:
        return
    table, expected = document
    known = [column for column in table.columns if expected and column in expected[0]]
    written = run.rows(name)
    run.checked[name] += len(written) * len(known)
    for at, number in _pairs(written, expected, table, known):
        if number is None and at is not None:
            key = ", ".join(str(written[at][column]) for column in table.key)
            run.tell(name, at, table.key[-1], None, f"no such row comes of the plan ({key})")
        elif at is None and number is not None:
            key = ", ".join(str(expected[number][column]) for column in table.key)
            run.tell(name, WHOLE_TABLE, table.key[-1], None, f"lacks the row {key}")
        elif at is not None and number is not None:
            for column in known:
                value = expected[number][column]
                if not _is_same(written[at][column], value, _tolerance(table, column)):
                    run.tell(name, at, column, value, f"recomputed from the plan: {table.columns[column].says}")


def _pairs(
    written: Sequence[Row], expected: Sequence[Row], table: Table, known: Sequence[str]
) -> Iterator[tuple[int | None, int | None]]:
    """Rows that are meant to be the same: by key, what is left by the most cells alike."""
    by_key: dict[tuple[str, ...], int] = {}
    for number, row in enumerate(expected):
        by_key.setdefault(tuple(_named(row[name]) for name in table.key), number)

    def n_alike(at: int, number: int) -> int:
        cells = ((written[at][name], expected[number][name], _tolerance(table, name)) for name in known)
        return sum(_is_same(*cell) for cell in cells)

    left, free = [], set(range(len(expected)))
    claims: defaultdict[int, list[int]] = defaultdict(list)
    for at, row in enumerate(written):
        claims[by_key.get(tuple(_named(row[name]) for name in table.key), -1)].append(at)
    left += claims.pop(-1, [])
    for number, claimants in claims.items():
        best = max(claimants, key=lambda at: (n_alike(at, number), -at)) if len(claimants) > 1 else claimants[0]
        left += [at for at in claimants if at != best]
        free.discard(number)
        yield best, number
    for at in left:
        alike = {number: n_alike(at, number) for number in sorted(free)}
        number = max(alike, key=lambda one: (alike[one], -one), default=-1)
        if number >= 0 and 2 * alike[number] >= len(known):
            free.discard(number)
            yield at, number
        else:
            yield at, None
    for number in sorted(free):
        yield None, number


def _tolerance(table: Table, column: str) -> float:
    return 0.5 * 10.0 ** -table.columns[column].decimals if table.columns[column].kind == "number" else 0.0


def _named(value: object) -> str:
    return value.tz_convert("UTC").isoformat() if isinstance(value, pd.Timestamp) and value.tz else str(value)


def _is_same(one: Any, other: Any, tolerance: float) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return bool(one == other)
    if pd.isna(one) or pd.isna(other):
        return bool(pd.isna(one) and pd.isna(other))
    if isinstance(one, pd.Timestamp):
        return abs(one - other) < ONE_SECOND
    if isinstance(one, float) or isinstance(other, float):
        return bool(abs(one - other) <= tolerance + 1e-9 * max(abs(one), abs(other), 1.0))
    return bool(one == other)


def _stored(value: object) -> object:
    """A computed value as the tables hold it: moments in UTC."""
    if hasattr(value, "astimezone") and getattr(value, "tzinfo", None) is not None:
        return pd.Timestamp(value).tz_convert("UTC").as_unit("us")
    return value
