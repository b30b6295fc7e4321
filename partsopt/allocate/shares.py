"""A DC's stock shared among the requests of the night, in the order of the tiers.

Super-urgent and urgent orders are served in the order of their promises, booked repairs by
their date; what is left brings backorders, and then stock orders, to equal run-out times. What
is still short after that may come from the excess of other sites (``rebalance``).
"""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from partsopt.allocate.rebalance import Rebalance, move_excess
from partsopt.allocate.shortages import next_receipts, shortage_exceptions, shortage_reasons
from partsopt.errors import TableError
from partsopt.settings import AllocateParams
from partsopt.tables import CARRIER_LANES, EXCEPTIONS, LINEAGE, SHIPMENTS, SHORTAGES, TIERS, conform, empty

Array: TypeAlias = np.ndarray

NO_RATE_BELOW = 1e-9
"""Demand below one piece in a billion days is no demand: a run-out time would say nothing."""
BISECTIONS = 64
SERVED_IN_ORDER = ("vor", "urgent", "reservation")
CALLED = {
    "vor": "vehicle-off-road orders",
    "urgent": "urgent orders",
    "reservation": "booked repairs",
    "backorder": "backorders",
    "stock": "stock orders",
}


class Allocation(NamedTuple):
    """What moves tonight, what is missing and why; ``courier_lanes`` are for moves that no carrier lane covers."""

    shipments: pd.DataFrame
    shortages: pd.DataFrame
    courier_lanes: pd.DataFrame
    lineage: pd.DataFrame
    solver_runs: pd.DataFrame
    exceptions: pd.DataFrame


def allocate_stock(
    *,
    requests: pd.DataFrame,
    positions: pd.DataFrame,
    levels: pd.DataFrame,
    open_orders: pd.DataFrame,
    parts: pd.DataFrame,
    sites: pd.DataFrame,
    carrier_lanes: pd.DataFrame,
    lineage: pd.DataFrame,
    today: date,
    params: AllocateParams,
) -> Allocation:
    """Share each DC's stock among tonight's requests, then meet shortages from excess elsewhere.

    Parameters
    ----------
    requests
        What dealers ask of their DC, pieces.
    positions
        Stock of every site and part at the start of ``today``, pieces.
    levels
        Expected demand of each DC-part, from which protected stock is derived.
    open_orders
        Receipts of the DCs (named in the reasons), proposals (they take order numbers).
    parts
        Unit cost, weight and volume of a piece.
    sites
        Names, places and who supplies whom.
    carrier_lanes
        Carriers between sites; a move between sites without one goes by a courier at the freight of ``params``.
    lineage
        The terms of each request, under its request_id; other rows are left alone.

    Raises
    ------
    TableError
        A request asks a site for its own stock, or its lineage does not add up to its quantity.

    Notes
    -----
    Lexicographic by tier, equal run-out time within a tier; see ``docs/methods.md``, allocation.
    """
    asked = _in_order_of_service(requests, sites)
    if asked.empty:
        moves = Rebalance.nothing("no request tonight")
        return Allocation(
            empty(SHIPMENTS),
            empty(SHORTAGES),
            empty(CARRIER_LANES),
            empty(LINEAGE),
            moves.solver_runs,
            moves.exceptions,
        )
    pools = _pools(asked, positions, levels, params)
    asked = asked.join(_shares(asked, pools))
    pools["sent"] = _sum_by(asked["group"], asked["sent"], len(pools))
    if params.rebalance:
        moves = move_excess(
            unmet=asked[asked["sent"] < asked["quantity"]],
            positions=positions,
            sent=pools,
            parts=parts,
            sites=sites,
            params=params,
        )
    else:
        moves = Rebalance.nothing("switched off by allocate.rebalance")
    moved = moves.moves.groupby("request_id")["shipped_quantity"].sum()
    asked["moved"] = asked["request_id"].map(moved).fillna(0).astype("int64")
    asked["shortage"] = asked["quantity"] - asked["sent"] - asked["moved"]
    shipments = _shipments(asked, moves.moves, open_orders, parts, today)
    shortages = _shortages(asked, pools, open_orders, today)
    return Allocation(
        shipments=shipments,
        shortages=shortages,
        courier_lanes=courier_lanes_of(shipments, carrier_lanes, params),
        lineage=_lineage(shipments, asked, lineage),
        solver_runs=moves.solver_runs,
        exceptions=conform(pd.concat([shortage_exceptions(shortages, asked), moves.exceptions]), EXCEPTIONS),
    )


def courier_lanes_of(shipments: pd.DataFrame, carrier_lanes: pd.DataFrame, params: AllocateParams) -> pd.DataFrame:
    """Lanes for the moves between sites of equal rank that no carrier lane covers, at the price they were weighed with.

    Parameters
    ----------
    shipments
        Tonight's shipments.
    carrier_lanes
        Lanes there are.
    params
        Price and days of a courier.

    Returns
    -------
    pandas.DataFrame
        CARRIER_LANES, one row with the service "courier" for each such pair of sites.

    Examples
    --------
    >>> moves = pd.DataFrame({"origin_id": ["D01"], "destination_id": ["D02"], "shipment_kind": ["transshipment"]})
    >>> courier_lanes_of(moves, empty(CARRIER_LANES), AllocateParams())[["service", "days"]].values.tolist()
    [['courier', 2]]
    """
    pair = ["origin_id", "destination_id"]
    moved = shipments.loc[shipments["shipment_kind"] == "transshipment", pair].drop_duplicates()
    is_covered = pd.MultiIndex.from_frame(moved).isin(pd.MultiIndex.from_frame(carrier_lanes[pair]))
    lanes = moved[~is_covered].assign(
        service="courier",
        days=params.courier_days,
        cutoff_at=CARRIER_LANES.columns["cutoff_at"].default,
        cost_fixed=params.freight_cost_fixed,
        cost_per_kg=params.freight_cost_per_kg,
    )
    return conform(lanes, CARRIER_LANES)


# --------------------------------------------------------------------------- tables


def _in_order_of_service(requests: pd.DataFrame, sites: pd.DataFrame) -> pd.DataFrame:
    """Requests by DC, part, tier and order of service, with their group (DC and part) numbered from 0."""
    own = requests["site_id"] == requests["source_id"]
    if own.any():
        row = requests[own].sort_values("request_id").iloc[0]
        raise TableError(
            table="requests",
            row=row["request_id"],
            column="source_id",
            value=row["source_id"],
            rule="must be another site than site_id",
            remedy="a site's own stock is reserved in its position, not requested",
            more=int(own.sum()) - 1,
        )
    asked = requests.copy()
    asked["tier_rank"] = asked["tier"].map({tier: rank for rank, tier in enumerate(TIERS)}).astype("int64")
    asked["serve_by"] = _serve_by(asked)
    asked["placed"] = _microseconds(asked["placed_at"], missing=np.iinfo(np.int64).max)
    by = ["source_id", "part_id", "tier_rank", "serve_by", "placed", "request_id"]
    asked = asked.sort_values(by, kind="stable", ignore_index=True)
    asked["group"] = asked.groupby(["source_id", "part_id"], sort=True).ngroup().astype("int64")
    names = sites.set_index("site_id")["name"] if "name" in sites else pd.Series(dtype="str")
    named = asked["source_id"].map(names)
    asked["source_name"] = named.where(named.notna() & named.ne(""), asked["source_id"])
    return asked


def _serve_by(asked: pd.DataFrame) -> Array:
    """Order within a tier: the promise or, without one, the order's own time; the date of a booked repair."""
    promised = asked["deliver_by"].fillna(asked["placed_at"])
    urgent = _microseconds(promised, missing=np.iinfo(np.int64).max)
    booked = _microseconds(asked["needed_on"], missing=np.iinfo(np.int64).min)
    return np.select([asked["tier"].isin(("vor", "urgent")), asked["tier"].eq("reservation")], [urgent, booked], 0)


def _microseconds(moments: pd.Series, *, missing: int) -> Array:
    values = moments.to_numpy(dtype="datetime64[us]").astype(np.int64)
    return np.where(moments.isna(), missing, values)


def _pools(asked: pd.DataFrame, positions: pd.DataFrame, levels: pd.DataFrame, params: AllocateParams) -> pd.DataFrame:
    """One row for each DC and part asked for, by group: what is on hand, free, owed and protected, pieces.

    Held back from every tier: pieces reserved for named orders and proposals of earlier nights.
    Held back from backorders and stock orders: what the DC owes already. Kept from stock orders
    only: ``protected_days`` of expected urgent demand.
    """
    pools = asked.groupby("group").agg(
        source_id=("source_id", "first"),
        source_name=("source_name", "first"),
        part_id=("part_id", "first"),
        asked=("quantity", "sum"),
        dealers=("site_id", "nunique"),
    )
    key = ["source_id", "part_id"]
    stock = positions[["site_id", "part_id", "on_hand", "reserved", "committed", "backordered"]]
    pools = pools.merge(stock.rename(columns={"site_id": "source_id"}), on=key, how="left", validate="1:1")
    held = ["on_hand", "reserved", "committed", "backordered"]
    pools[held] = pools[held].fillna(0).astype("int64")  # a pair without a row has no stock (declaration of stock)
    rates = levels[["site_id", "part_id", "mean_over_protection", "protection_days"]]
    pools = pools.merge(rates.rename(columns={"site_id": "source_id"}), on=key, how="left", validate="1:1")
    mean_per_day = (pools["mean_over_protection"] / pools["protection_days"]).fillna(0.0).to_numpy()
    pools["free"] = (pools["on_hand"] - pools["reserved"] - pools["committed"]).clip(lower=0)
    pools["protected"] = protected_stock(mean_per_day, params.urgent_share, params.protected_days)
    return pools


def _shares(asked: pd.DataFrame, pools: pd.DataFrame) -> pd.DataFrame:
    """Pieces sent and the fair share of each request; ``pools`` gets owed, kept and left."""
    group, quantity = asked["group"].to_numpy(), asked["quantity"].to_numpy()
    tier, rate = asked["tier"].to_numpy(), asked["mean_per_day"].to_numpy()
    position = asked["position_before"].to_numpy()
    multiple = asked["order_multiple"].to_numpy()
    dealer = asked.groupby(["group", "site_id"], sort=True).ngroup().to_numpy()
    sent = np.zeros(len(asked), dtype=np.int64)
    fair = np.zeros(len(asked))
    left = pools["free"].to_numpy(copy=True)
    received = np.zeros(dealer.max() + 1, dtype=np.int64)  # pieces that raise the position the next tier starts from
    for name in TIERS:
        if name == "backorder":
            pools["owed"] = np.minimum(pools["backordered"].to_numpy(), left)
            left -= pools["owed"].to_numpy()
        if name == "stock":
            pools["kept"] = np.minimum(pools["protected"].to_numpy(), left)
            left -= pools["kept"].to_numpy()
        rows = np.flatnonzero(tier == name)
        if name in SERVED_IN_ORDER:
            sent[rows] = first_come_first_served(group[rows], quantity[rows], left)
            fair[rows] = sent[rows]
        else:
            start = position[rows] + received[dealer[rows]]
            sent[rows] = equal_run_out(group[rows], start, rate[rows], quantity[rows], multiple[rows], left)
            fair[rows] = fair_shares(group[rows], start, rate[rows], quantity[rows], left)
        left -= _sum_by(group[rows], sent[rows], len(left))
        if name in ("reservation", "backorder"):
            np.add.at(received, dealer[rows], sent[rows])
    pools["left"] = left
    return pd.DataFrame({"sent": sent, "fair_share": fair}, index=asked.index)


def _shipments(
    asked: pd.DataFrame, moves: pd.DataFrame, open_orders: pd.DataFrame, parts: pd.DataFrame, today: date
) -> pd.DataFrame:
    own = asked[asked["sent"] > 0].assign(
        origin_id=lambda rows: rows["source_id"],
        shipped_quantity=lambda rows: rows["sent"],
        shipment_kind=lambda rows: np.where(rows["tier"].eq("vor"), "vor", "replenishment"),
    )
    own["why"] = _reasons_of_shares(own)
    lateral = asked.merge(moves, on="request_id", validate="1:m").assign(shipment_kind="transshipment")
    lines = pd.concat([own, lateral], ignore_index=True).rename(
        columns={"site_id": "destination_id", "quantity": "requested_quantity"}
    )
    lines = lines.sort_values(
        ["origin_id", "destination_id", "part_id", "tier_rank", "request_id"], kind="stable", ignore_index=True
    )
    pair = lines.groupby(["origin_id", "destination_id"], sort=True)
    pairs = lines[["origin_id", "destination_id"]].drop_duplicates()
    names = transfer_order_ids(pairs["origin_id"].tolist(), pairs["destination_id"].tolist(), open_orders, today)
    lines["order_id"] = np.array(names, dtype=object)[pair.ngroup().to_numpy()] if names else ""
    lines["line"] = pair.cumcount() + 1
    lines["line_id"] = lines["order_id"] + "/" + lines["line"].astype("str")
    per_piece = parts.set_index("part_id")[["weight_kg", "volume_m3"]].reindex(lines["part_id"])
    lines["load_kg"] = per_piece["weight_kg"].to_numpy() * lines["shipped_quantity"].to_numpy()
    lines["load_m3"] = per_piece["volume_m3"].to_numpy() * lines["shipped_quantity"].to_numpy()
    return conform(lines, SHIPMENTS)


def _reasons_of_shares(own: pd.DataFrame) -> list[str]:
    columns = zip(own["tier"], own["source_name"], own["sent"], own["quantity"], own["fair_share"], strict=True)
    return [
        f"{quantity} asked for, sent in full"
        if sent == quantity
        else (
            f"{sent} of {quantity} asked for: what {dc} had left when {CALLED[tier]} were served in order"
            if tier in SERVED_IN_ORDER
            else f"{sent} of {quantity} asked for: {dc} is short, {CALLED[tier]} share to run out on the same day "
            f"(fair share {fair:.2f})"
        )
        for tier, dc, sent, quantity, fair in columns
    ]


def transfer_order_prefix(today: date) -> str:
    """What the order numbers of a night's transfers begin with.

    Examples
    --------
    >>> transfer_order_prefix(date(2026, 11, 21))
    'TO-20261121-'
    """
    return f"TO-{today:%Y%m%d}-"


def transfer_order_ids(
    origins: list[str], destinations: list[str], open_orders: pd.DataFrame, today: date
) -> list[str]:
    """Order numbers of tonight's transfers, one for each pair of sites, none of which is open already.

    Examples
    --------
    >>> open_orders = pd.DataFrame({"order_id": ["TO-20261121-SH-D01"]})
    >>> transfer_order_ids(["SH", "SH"], ["D01", "D02"], open_orders, date(2026, 11, 21))
    ['TO-20261121-SH-D01-2', 'TO-20261121-SH-D02']
    """
    taken = set(open_orders["order_id"])
    names = []
    for origin, destination in zip(origins, destinations, strict=True):
        stem = f"{transfer_order_prefix(today)}{origin}-{destination}"
        name, number = stem, 1
        while name in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name)
        names.append(name)
    return names


def _shortages(asked: pd.DataFrame, pools: pd.DataFrame, open_orders: pd.DataFrame, today: date) -> pd.DataFrame:
    short = asked[asked["shortage"] > 0].copy()
    receipts = next_receipts(open_orders, today)
    short = short.merge(receipts, on=["source_id", "part_id"], how="left", validate="m:1")
    short["shipped_quantity"] = short["sent"] + short["moved"]
    short["shortage_value"] = short["shortage"] * short["unit_cost"]
    short["shortage_because"] = shortage_reasons(short, pools, today)
    return conform(short, SHORTAGES)


def _lineage(shipments: pd.DataFrame, asked: pd.DataFrame, lineage: pd.DataFrame) -> pd.DataFrame:
    """Terms of each transfer line: those of its request less what was not sent, or what came from elsewhere."""
    lateral = shipments["shipment_kind"].eq("transshipment")
    lines = shipments.loc[~lateral, ["line_id", "request_id", "shipped_quantity", "requested_quantity"]]
    terms = lineage.rename(columns={"line_id": "request_id"}).merge(lines, on="request_id", validate="m:1")
    _check_terms(terms, lines)
    last = terms.groupby("line_id")["term_number"].max().rename("last_term").reset_index()
    short = lines[lines["shipped_quantity"] < lines["requested_quantity"]].merge(last, on="line_id", validate="1:1")
    moved = short["request_id"].map(asked.set_index("request_id")["moved"])
    not_sent = pd.DataFrame(
        {
            "line_id": short["line_id"],
            "term_number": short["last_term"] + 1,
            "term": "not_sent",
            "quantity": short["shipped_quantity"] - short["requested_quantity"],
            "note": ["" if pieces == 0 else f"{pieces} of them are sent from elsewhere" for pieces in moved],
        }
    )
    elsewhere = pd.DataFrame(
        {
            "line_id": shipments.loc[lateral, "line_id"],
            "term_number": 1,
            "term": "shortage_elsewhere",
            "quantity": shipments.loc[lateral, "shipped_quantity"],
            "note": shipments.loc[lateral, "request_id"],
        }
    )
    return conform(pd.concat([terms[list(LINEAGE.columns)], not_sent, elsewhere], ignore_index=True), LINEAGE)


def _check_terms(terms: pd.DataFrame, lines: pd.DataFrame) -> None:
    total = lines["line_id"].map(terms.groupby("line_id")["quantity"].sum()).fillna(0)
    wrong = total != lines["requested_quantity"]
    if wrong.any():
        first = lines[wrong].iloc[0]
        raise TableError(
            table="lineage",
            row=first["request_id"],
            column="quantity",
            value=int(total[wrong].iloc[0]),
            rule=f"must add up to the {first['requested_quantity']} pieces requested",
            remedy="give every term of a request in replenish",
            more=int(wrong.sum()) - 1,
        )


# --------------------------------------------------------------------------- arrays


def protected_stock(mean_per_day: Array, urgent_share: float, protected_days: float) -> Array:
    """Pieces kept from stock orders for the urgent orders of the next days, rounded half up.

    Parameters
    ----------
    mean_per_day
        Expected demand of the DC, pieces per day, shape (groups,).
    urgent_share
        Share of that demand that is urgent.
    protected_days
        Days to keep stock for.

    Examples
    --------
    >>> protected_stock(np.array([0.2, 5.0, 10.0]), urgent_share=0.1, protected_days=3.0).tolist()
    [0, 2, 3]
    """
    return np.floor(np.asarray(mean_per_day) * urgent_share * protected_days + 0.5).astype(np.int64)


def first_come_first_served(group: Array, quantity: Array, available: Array) -> Array:
    """Pieces each row gets when the rows of a group are served one after the other.

    Parameters
    ----------
    group
        Number of the pool a row draws on, ascending; within a pool, rows in order of service, shape (rows,).
    quantity
        Pieces asked for, shape (rows,).
    available
        Pieces in each pool, shape (groups,).

    Examples
    --------
    >>> first_come_first_served(np.array([0, 0, 0, 1]), np.array([2, 3, 1, 4]), np.array([4, 9])).tolist()
    [2, 2, 0, 4]
    """
    before = np.cumsum(quantity) - quantity
    first = np.searchsorted(group, group)
    return np.clip(available[group] - (before - before[first]), 0, quantity)


def equal_run_out(
    group: Array, position: Array, rate: Array, quantity: Array, multiple: Array, available: Array
) -> Array:
    """Whole pieces for each row so that the rows of a pool run out as late as can be, the earliest first.

    The next pack goes to the row that would run out first, ``(position + given) / rate``; at the
    same time to the lower position, then to the row that stands first. A row without demand comes
    as the limit of a small demand says: before all others while it owes pieces (its position is
    negative), after them otherwise. A pack that no longer fits ends its row's share; a row's last pack
    is smaller where ``quantity`` is not a multiple. A pool that covers all its rows gives all.

    Parameters
    ----------
    group
        Number of the pool a row draws on, ascending, shape (rows,).
    position
        Pieces a row has before, negative where it owes pieces, shape (rows,).
    rate
        Expected demand, pieces per day, shape (rows,).
    quantity, multiple
        Pieces asked for and pack size, shape (rows,).
    available
        Pieces in each pool, shape (groups,).

    Notes
    -----
    With packs of one size this maximises the smallest run-out time, then the next, and so on:
    packs taken in the order of a non-decreasing priority of each row are a matroid greedy. It is
    the rounding of the equal run-out time allocation of the fair-share literature (Eppen & Schrage
    1981; Federgruen & Zipkin 1984). Instead of pack by pack, whole packs below a water level that surely
    fits are given at once and only the last few are sorted.

    Examples
    --------
    >>> one = np.zeros(3, dtype=int)
    >>> equal_run_out(one, np.array([0, 2, 0]), np.array([1.0, 1.0, 0.0]), one + 9, one + 1, np.array([4])).tolist()
    [3, 1, 0]
    """
    given = np.zeros(len(group), dtype=np.int64)
    left = np.array(available, dtype=np.int64)
    moving = rate > NO_RATE_BELOW
    owing = np.where(~moving & (position < 0), np.minimum(-(position // multiple) * multiple, quantity), 0)
    for limit, speed in ((owing, np.where(moving, 0.0, 1.0)), (quantity, rate * moving), (quantity, ~moving * 1.0)):
        rows = np.flatnonzero((speed > 0) & (given < limit))
        more = _fill_in_packs(
            group[rows], position[rows] + given[rows], speed[rows], limit[rows] - given[rows], multiple[rows], left
        )
        given[rows] += more
        left -= _sum_by(group[rows], more, len(left))
    return given


def _fill_in_packs(
    group: Array, position: Array, rate: Array, quantity: Array, multiple: Array, available: Array
) -> Array:
    given = np.zeros(len(group), dtype=np.int64)
    left = available.copy()
    while True:
        pack = np.minimum(multiple, quantity - given)
        rows = np.flatnonzero((pack > 0) & (pack <= left[group]))
        if rows.size == 0:
            return given
        more = _until_a_pack_does_not_fit(
            group[rows], position[rows] + given[rows], rate[rows], quantity[rows] - given[rows], multiple[rows], left
        )
        given[rows] += more
        left -= _sum_by(group[rows], more, len(left))


def _until_a_pack_does_not_fit(
    group: Array, position: Array, rate: Array, quantity: Array, multiple: Array, available: Array
) -> Array:
    """Packs in the order of run-out until the first that does not fit; one round of ``_fill_in_packs``.

    At a level whose continuous shares leave room for one more pack of every row, all packs begun below the
    level fit: they are ``sure``. At the level that uses everything up, the packs begun cover what is
    available: none beyond them is taken. One pack either way allows for rounding.
    """
    n_groups = len(available)
    packs = -(-quantity // multiple)
    room = np.maximum(available - _sum_by(group, np.minimum(multiple, quantity), n_groups), 0)
    begun = np.ceil(fair_shares_of_moving(group, position, rate, quantity, room) / multiple)
    sure = np.clip(begun.astype(np.int64) - 1, 0, packs)
    begun = np.ceil(fair_shares_of_moving(group, position, rate, quantity, available) / multiple)
    last = np.clip(begun.astype(np.int64) + 1, sure, packs)
    row = np.repeat(np.arange(len(group)), last - sure)
    number = np.arange(len(row)) - np.repeat(np.cumsum(last - sure) - (last - sure), last - sure) + sure[row]
    reached = position[row] + number * multiple[row]
    size = np.minimum(multiple[row], quantity[row] - number * multiple[row])
    order = np.lexsort((row, reached, reached / rate[row], group[row]))
    row, size = row[order], size[order]
    given = np.minimum(sure * multiple, quantity)
    left = available - _sum_by(group, given, n_groups)
    through = np.cumsum(size)
    first = np.searchsorted(group[row], group[row])
    taken = through - (through - size)[first] <= left[group[row]]
    return given + _sum_by(row[taken], size[taken], len(group))


def fair_shares(group: Array, position: Array, rate: Array, quantity: Array, available: Array) -> Array:
    """Pieces, not rounded, for each row when the rows of a pool run out at the same time; as :func:`equal_run_out`.

    Examples
    --------
    >>> one = np.zeros(2, dtype=int)
    >>> fair_shares(one, np.array([0, 1]), np.array([1.0, 2.0]), np.array([9, 9]), np.array([5])).tolist()
    [2.0, 3.0]
    """
    given = np.zeros(len(group))
    left = np.array(available, dtype=np.float64)
    moving = rate > NO_RATE_BELOW
    owing = np.where(~moving & (position < 0), np.minimum(-position, quantity), 0)
    for limit, speed in ((owing, np.where(moving, 0.0, 1.0)), (quantity, rate * moving), (quantity, ~moving * 1.0)):
        rows = np.flatnonzero((speed > 0) & (given < limit))
        more = fair_shares_of_moving(
            group[rows], position[rows] + given[rows], speed[rows], limit[rows] - given[rows], left
        )
        given[rows] += more
        left = np.maximum(left - _sum_by(group[rows], more, len(left)), 0.0)
    return given


def fair_shares_of_moving(group: Array, position: Array, rate: Array, quantity: Array, available: Array) -> Array:
    """Water filling: ``clip(level * rate - position, 0, quantity)`` with the level that uses up what is available.

    Rows have a positive rate. The level is bisected to the rows that are partly served and then solved for.
    """
    shares = quantity.astype(np.float64)
    wanted = _sum_by(group, shares, len(available))
    rows = np.flatnonzero((wanted > available)[group])
    if rows.size == 0:
        return shares
    starts = np.flatnonzero(np.diff(group[rows], prepend=-1))
    sizes = np.diff(np.append(starts, rows.size))
    pool = available[group[rows[starts]]].astype(np.float64)
    position, rate, quantity = position[rows].astype(np.float64), rate[rows], shares[rows]
    begin, end = position / rate, (position + quantity) / rate
    low, high = np.minimum.reduceat(begin, starts), np.maximum.reduceat(end, starts)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        filled = np.add.reduceat(np.clip(np.repeat(middle, sizes) * rate - position, 0.0, quantity), starts)
        low, high = np.where(filled <= pool, middle, low), np.where(filled <= pool, high, middle)
    level = np.repeat((low + high) / 2, sizes)
    partly = (begin < level) & (level < end)
    full = np.add.reduceat(np.where(end <= level, quantity, 0.0), starts)
    speed = np.add.reduceat(np.where(partly, rate, 0.0), starts)
    offset = np.add.reduceat(np.where(partly, position, 0.0), starts)
    solved = np.divide(pool - full + offset, speed, out=low.copy(), where=speed > 0)
    shares[rows] = np.clip(np.repeat(solved, sizes) * rate - position, 0.0, quantity)
    return shares


def _sum_by(group: Any, values: Any, n_groups: int) -> Array:
    """Sum of the values of each group, of the values' own type."""
    values = np.asarray(values)
    sums = np.zeros(n_groups, dtype=values.dtype)
    np.add.at(sums, np.asarray(group), values)
    return sums
