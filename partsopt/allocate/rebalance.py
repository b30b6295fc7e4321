"""Shortages met from what other sites have in excess.

For each part the taking dealers and the giving sites make a small transport problem: the other
DCs may give, and dealers supplied by the same DC. A consignment between two sites has a fixed
price and a price per kg. Where a customer waits (every tier but ``stock``) pieces move whatever
the freight, the higher tier first; for stock orders they move only where they save more than
they cost. Most parts are answered in closed form, the others by a mixed-integer programme.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from partsopt.settings import AllocateParams
from partsopt.tables import EXCEPTIONS, SOLVER_RUNS, TIERS, conform, declare_exception, empty, exceptions_of

Array: TypeAlias = np.ndarray

REBALANCE_UNPROVEN = declare_exception(
    "rebalance_unproven",
    stage="allocate",
    says="the moves of a part between sites are good, but the solver stopped before it had proven that none are better",
    action="send them; raise allocate.rebalance_node_limit where the money named is worth a longer search",
)
REBALANCE_FALLBACK = declare_exception(
    "rebalance_fallback",
    stage="allocate",
    says="the solver gave no moves for a part; waiting customers are served whatever the freight, stock orders not",
    action="check the moves of this part by hand; raise allocate.rebalance_node_limit and rebalance_time_limit_s",
)

EARTH_RADIUS_KM = 6371.0
CLOSE = 1e-9
"""Two sums of the same money in another order differ by less than this share."""


class Rebalance(NamedTuple):
    """Moves between sites (request_id, origin_id, shipped_quantity, why) and how they were found."""

    moves: pd.DataFrame
    solver_runs: pd.DataFrame
    exceptions: pd.DataFrame

    @staticmethod
    def nothing(why: str) -> Rebalance:
        """No moves, and the reason."""
        moves = pd.DataFrame(
            {
                "request_id": pd.Series(dtype="str"),
                "origin_id": pd.Series(dtype="str"),
                "shipped_quantity": pd.Series(dtype="int64"),
                "why": pd.Series(dtype="str"),
            }
        )
        run = {"stage": "allocate", "name": "rebalance", "solver": "none", "status": "nothing_to_do"}
        return Rebalance(
            moves, conform(pd.DataFrame([{**run, "solutions": 0, "why": why}]), SOLVER_RUNS), empty(EXCEPTIONS)
        )


class Moves(NamedTuple):
    """Pieces from each giving to each taking site, shape (givers, takers), and what is known of their quality.

    ``objective`` is the saving on stock orders less fixed freight, ``bound`` what no other moves exceed.
    """

    pieces: Array
    objective: float
    bound: float
    status: str
    solver: str


def move_excess(
    *,
    unmet: pd.DataFrame,
    positions: pd.DataFrame,
    sent: pd.DataFrame,
    parts: pd.DataFrame,
    sites: pd.DataFrame,
    params: AllocateParams,
) -> Rebalance:
    """Moves from sites with excess to requests their DC could not meet.

    Parameters
    ----------
    unmet
        Requests in order of service with the pieces ``sent`` by their DC, fewer than asked for.
    positions
        Stock and excess of every site and part, pieces; the excess is net of what is promised and committed.
    sent
        Pieces each DC (source_id) sends of each part tonight.
    parts
        Unit cost and weight of a piece.
    sites
        Who supplies whom, and where they are.
    """
    if unmet.empty:
        return Rebalance.nothing("every request was met by its DC")
    givers = _givers(unmet, positions, sent, sites)
    needs = unmet.assign(need=unmet["quantity"] - unmet["sent"])
    needs, givers = _worth_solving(needs, givers, parts, params)
    if needs.empty:
        return Rebalance.nothing("no site has an excess that is worth moving")
    places = sites.set_index("site_id")[["latitude", "longitude"]]
    value = parts.set_index("part_id")[["unit_cost", "weight_kg"]]
    giving = dict(iter(givers.groupby("problem", sort=True)))
    answers, lines = [], []
    for name, taking in needs.groupby("problem", sort=True):
        part = value.loc[taking["part_id"].iloc[0]]
        per_piece = params.shortage_cost_share * part["unit_cost"] - params.freight_cost_per_kg * part["weight_kg"]
        takers = taking.drop_duplicates("site_id")[["site_id", "source_id"]].sort_values("site_id")
        given = giving[name]
        allowed = np.where(
            given["is_dc"].to_numpy()[:, None],
            given["site_id"].to_numpy()[:, None] != takers["source_id"].to_numpy(),
            given["region"].to_numpy()[:, None] == takers["source_id"].to_numpy(),
        )
        moves = best_moves(
            excess=given["excess"].to_numpy(),
            needs=_needs_by_tier(taking, takers["site_id"]),
            allowed=allowed,
            distance=_distances(places.loc[given["site_id"]], places.loc[takers["site_id"]]),
            saving_per_piece=float(per_piece),
            freight=params.freight_cost_fixed,
            node_limit=params.rebalance_node_limit,
            time_limit_s=params.rebalance_time_limit_s,
        )
        answers.append((taking["part_id"].iloc[0], moves))
        lines.extend(_lines(taking, takers["site_id"].tolist(), given, moves, part, params))
    if not lines:
        return Rebalance.nothing("no site has an excess that is worth moving")
    moved = pd.DataFrame(lines, columns=["request_id", "origin_id", "shipped_quantity", "why"])
    return Rebalance(moved, _solver_runs(answers), _exceptions(answers))


# --------------------------------------------------------------------------- tables


def _givers(unmet: pd.DataFrame, positions: pd.DataFrame, sent: pd.DataFrame, sites: pd.DataFrame) -> pd.DataFrame:
    """Sites with pieces to give of the parts in question: their excess, never more than is free on the shelf."""
    rows = positions[positions["excess_quantity"].gt(0) & positions["part_id"].isin(unmet["part_id"].unique())]
    key = ["site_id", "part_id"]
    rows = rows.merge(sites[["site_id", "site_kind", "supplied_by", "name"]], on="site_id", validate="m:1")
    going = sent.rename(columns={"source_id": "site_id", "sent": "going"})[[*key, "going"]]
    rows = rows.merge(going, on=key, how="left", validate="1:1")
    rows["is_dc"] = rows["site_kind"].eq("dc")
    promised = rows["reserved"] + rows["backordered"] + rows["committed"] + rows["going"].fillna(0)
    rows["excess"] = np.minimum(rows["excess_quantity"], rows["on_hand"] - promised).astype("int64")
    wanting = pd.MultiIndex.from_frame(unmet[key].drop_duplicates())
    asks_itself = pd.MultiIndex.from_frame(rows[key]).isin(wanting)
    rows["region"] = rows["supplied_by"]
    rows["giver_name"] = rows["name"].where(rows["name"].ne(""), rows["site_id"])
    rows = rows[rows["excess"].gt(0) & ~asks_itself]
    return rows[["part_id", "site_id", "giver_name", "is_dc", "region", "excess"]].sort_values(["part_id", "site_id"])


def _worth_solving(
    needs: pd.DataFrame, givers: pd.DataFrame, parts: pd.DataFrame, params: AllocateParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keep needs and givers that can meet, by problem: a part, or a part and a DC's dealers where no DC gives.

    A part that only stock orders want is left out where even the largest line would save less than
    its freight.
    """
    by_part = givers.groupby("part_id")
    has_dc = needs["part_id"].map(by_part["is_dc"].any()).astype("boolean").fillna(False).astype(bool)
    needs = needs.assign(problem=needs["part_id"] + "\n" + needs["source_id"].where(~has_dc, ""))
    gives_dc = givers["part_id"].map(by_part["is_dc"].any())
    givers = givers.assign(problem=givers["part_id"] + "\n" + givers["region"].where(~gives_dc, ""))
    per_part = parts.set_index("part_id")
    saving = params.shortage_cost_share * per_part["unit_cost"] - params.freight_cost_per_kg * per_part["weight_kg"]
    most_given = needs["problem"].map(givers.groupby("problem")["excess"].max()).fillna(0)
    # a line may serve several requests of a dealer: compare with all it asks for
    wanted = needs.groupby(["problem", "site_id"])["need"].transform("sum")
    pays = needs["part_id"].map(saving) * np.minimum(wanted, most_given) > params.freight_cost_fixed
    useful = (most_given > 0) & (needs["tier"].ne("stock") | pays)
    keep = set(needs.loc[useful, "problem"])
    return needs[needs["problem"].isin(keep)], givers[givers["problem"].isin(keep)]


def _needs_by_tier(taking: pd.DataFrame, takers: pd.Series) -> Array:
    """Pieces missing, shape (takers, tiers)."""
    needs = np.zeros((len(takers), len(TIERS)), dtype=np.int64)
    row = np.searchsorted(takers.to_numpy(dtype=object), taking["site_id"].to_numpy(dtype=object))
    np.add.at(needs, (row, taking["tier_rank"].to_numpy()), taking["need"].to_numpy())
    return needs


def _distances(givers: pd.DataFrame, takers: pd.DataFrame) -> Array:
    """Great-circle distance, km, shape (givers, takers)."""
    from_lat, to_lat = (np.radians(rows["latitude"].to_numpy()) for rows in (givers, takers))
    from_lon, to_lon = (np.radians(rows["longitude"].to_numpy()) for rows in (givers, takers))
    half = (
        np.sin((to_lat - from_lat[:, None]) / 2) ** 2
        + np.cos(from_lat)[:, None] * np.cos(to_lat) * np.sin((to_lon - from_lon[:, None]) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))


def _lines(
    taking: pd.DataFrame, takers: list[str], given: pd.DataFrame, moves: Moves, part: pd.Series, params: AllocateParams
) -> list[tuple[str, str, int, str]]:
    """Hand each taker's pieces to its requests in order of service; one line for each request and giver."""
    lines = []
    names, sites, excess = (given[name].tolist() for name in ("giver_name", "site_id", "excess"))
    for column, site in enumerate(takers):
        offers = deque((row, int(moves.pieces[row, column])) for row in np.flatnonzero(moves.pieces[:, column]))
        asking = taking[taking["site_id"].eq(site)]
        for request, tier, need in zip(asking["request_id"], asking["tier"], asking["need"], strict=True):
            wanted = int(need)
            while wanted and offers:
                row, pieces = offers.popleft()
                quantity = min(wanted, pieces)
                consignment = int(moves.pieces[row, column])
                freight = params.freight_cost_fixed + params.freight_cost_per_kg * part["weight_kg"] * consignment
                saves = (
                    f"saving {params.shortage_cost_share * part['unit_cost'] * quantity:.2f}"
                    if tier == "stock"
                    else "a customer waits"
                )
                why = (
                    f"{names[row]} has {excess[row]} more than it will use: {quantity} moved, {saves}; "
                    f"freight of the consignment of {consignment}: {freight:.2f}"
                )
                lines.append((request, sites[row], quantity, why))
                wanted -= quantity
                if pieces > quantity:
                    offers.appendleft((row, pieces - quantity))
    return lines


def _gap(objective: float, bound: float) -> float:
    return max(bound - objective, 0.0) / max(abs(bound), abs(objective), 1e-9)


def _solver_runs(answers: list[tuple[str, Moves]]) -> pd.DataFrame:
    """One row for the whole, and one for each part whose answer is not proven."""
    programmes = [moves for _, moves in answers if moves.solver != "closed form"]
    worst = next(
        (status for status in ("fallback", "time_limit", "feasible") if any(m.status == status for m in programmes)),
        "optimal",
    )
    objective, bound = (math.fsum(values) for values in zip(*((m.objective, m.bound) for _, m in answers), strict=True))
    rows: list[dict[str, Any]] = [
        {
            "name": "rebalance",
            "solver": "HiGHS" if programmes else "closed form",
            "status": worst,
            "objective": objective,
            "bound": bound,
            "gap": _gap(objective, bound),
            "solutions": len(answers),
            "why": f"{len(answers)} transport problems: {len(answers) - len(programmes)} in closed form, "
            f"{len(programmes)} by mixed-integer programme",
        }
    ]
    unproven: dict[str, int] = {}
    for part, moves in answers:
        if moves.status != "optimal":
            unproven[part] = unproven.get(part, 0) + 1
            rows.append(
                {
                    "name": f"rebalance {part}" + (f" ({unproven[part]})" if unproven[part] > 1 else ""),
                    "solver": moves.solver,
                    "status": moves.status,
                    "objective": moves.objective,
                    "bound": moves.bound,
                    "gap": _gap(moves.objective, moves.bound),
                    "solutions": 1,
                    "why": "stopped before the proof" if moves.status != "fallback" else "no answer of the solver",
                }
            )
    return conform(pd.DataFrame(rows).assign(stage="allocate"), SOLVER_RUNS)


def _exceptions(answers: list[tuple[str, Moves]]) -> pd.DataFrame:
    found = [empty(EXCEPTIONS)]
    for code, statuses in ((REBALANCE_UNPROVEN, ("feasible", "time_limit")), (REBALANCE_FALLBACK, ("fallback",))):
        rows = [(part, moves) for part, moves in answers if moves.status in statuses]
        if rows:
            money = [max(moves.bound - moves.objective, 0.0) for _, moves in rows]
            what = [
                f"moves of problem {number}: at most {amount:.2f} from the best ({moves.status})"
                for number, ((_, moves), amount) in enumerate(zip(rows, money, strict=True), start=1)
            ]
            found.append(
                exceptions_of(code, pd.DataFrame({"part_id": [part for part, _ in rows]}), what=what, money=money)
            )
    return pd.concat(found, ignore_index=True)


# --------------------------------------------------------------------------- arrays


def best_moves(
    *,
    excess: Array,
    needs: Array,
    allowed: Array,
    distance: Array,
    saving_per_piece: float,
    freight: float,
    node_limit: int,
    time_limit_s: int,
) -> Moves:
    """The moves of one part: most pieces tier by tier, then the best balance of saving and freight.

    Parameters
    ----------
    excess
        Pieces each site can give, shape (givers,).
    needs
        Pieces missing by tier, the last tier being stock orders, shape (takers, tiers).
    allowed
        Whether a giver may send to a taker, shape (givers, takers).
    distance
        Breaks ties between givers, shape (givers, takers).
    saving_per_piece
        What a piece for a stock order saves, its freight by weight deducted, money.
    freight
        Price of a consignment between two sites, money.
    node_limit, time_limit_s
        Where the solver stops: nodes of its tree; seconds, as a safety net only.

    Notes
    -----
    Tiers above stock are strictly lexicographic and move whatever the freight. The fixed price is charged for
    each part alone, though parts between the same two sites could share a consignment: the price is
    overstated, and parts stay separable. Weight of waiting customers' pieces is the same in all optimal plans.

    Examples
    --------
    >>> moves = best_moves(excess=np.array([5, 2]), needs=np.array([[0, 0, 0, 1, 3]]), allowed=np.ones((2, 1), bool),
    ...                    distance=np.array([[10.0], [5.0]]), saving_per_piece=9.0, freight=20.0, node_limit=9,
    ...                    time_limit_s=9)
    >>> moves.pieces.tolist(), moves.objective
    ([[4], [0]], 7.0)
    """
    needs = needs.copy()
    if saving_per_piece <= 0:
        needs[:, -1] = 0
    columns = np.flatnonzero(allowed.any(axis=0) & needs.any(axis=1))
    rows = np.flatnonzero(allowed[:, columns].any(axis=1))
    part = np.ix_(rows, columns)
    given, wanted = excess[rows], needs[columns]
    if rows.size == 0 or columns.size == 0:
        pieces = np.zeros((rows.size, columns.size), dtype=np.int64)
        found = Moves(pieces, 0.0, 0.0, "optimal", "closed form")
    else:
        there = allowed[part]
        closed: Array | None
        if columns.size == 1:
            closed = _one_taker(given, wanted[0], distance[part][:, 0], saving_per_piece, freight)[:, None]
        elif rows.size == 1:
            closed = _one_giver(int(given[0]), wanted, saving_per_piece, freight)
        else:
            closed = _taker_by_taker(given, wanted, there, distance[part], saving_per_piece, freight)
        if closed is not None:
            worth = _worth(closed, wanted, saving_per_piece, freight)
            found = Moves(closed, worth, worth, "optimal", "closed form")
        else:
            found = _programme(given, wanted, there, saving_per_piece, freight, node_limit, time_limit_s)
    pieces = np.zeros(allowed.shape, dtype=np.int64)
    pieces[part] = found.pieces
    return found._replace(pieces=pieces)


def _worth(pieces: Array, needs: Array, saving_per_piece: float, freight: float) -> float:
    """Saving on stock orders less fixed freight; a taker's pieces go to its higher tiers first."""
    stock = np.maximum(pieces.sum(axis=0) - needs[:, :-1].sum(axis=1), 0)
    return float(saving_per_piece * stock.sum() - freight * np.count_nonzero(pieces))


def _taker_by_taker(
    excess: Array, needs: Array, allowed: Array, distance: Array, saving_per_piece: float, freight: float
) -> Array | None:
    """Takers one after the other, the largest need first; None where that is not proven to be the best.

    Each is served as by :func:`_one_taker` from what is left, first with the nearest giver that has enough, then
    with the one it empties most. Proven where every waiting customer is served and each taker gains as
    much as it would if it had all the excess for itself.
    """
    waiting, total = needs[:, :-1].sum(axis=1), needs.sum(axis=1)
    serve = np.flatnonzero((waiting > 0) | (saving_per_piece * total > freight))
    alone = np.zeros(len(needs))
    for taker in serve.tolist():
        pieces = _one_taker(excess * allowed[:, taker], needs[taker], distance[:, taker], saving_per_piece, freight)
        alone[taker] = _worth(pieces[:, None], needs[[taker]], saving_per_piece, freight)
    for nearest in (True, False):
        left, moved = excess.copy(), np.zeros(allowed.shape, dtype=np.int64)
        for taker in serve[np.argsort(-total[serve], kind="stable")].tolist():
            first = distance[:, taker] if nearest else left
            moved[:, taker] = _one_taker(left * allowed[:, taker], needs[taker], first, saving_per_piece, freight)
            left -= moved[:, taker]
            gained = _worth(moved[:, [taker]], needs[[taker]], saving_per_piece, freight)
            if moved[:, taker].sum() < waiting[taker] or gained < alone[taker] - CLOSE * max(1.0, abs(alone[taker])):
                break
        else:
            return moved
    return None


def _one_taker(excess: Array, needs: Array, distance: Array, saving_per_piece: float, freight: float) -> Array:
    """Pieces of each giver: the nearest that has all that is missing, else the largest, as long as it pays.

    Waiting customers are served whatever the freight; fewest consignments, and most pieces in them.
    """
    waiting, stock = int(needs[:-1].sum()), int(needs[-1])
    left, pieces = excess.copy(), np.zeros(len(excess), dtype=np.int64)
    while waiting + stock > 0 and left.any():
        able = np.flatnonzero(left >= waiting + stock)
        giver = int(able[np.argmin(distance[able])]) if able.size else int(np.argmax(left))
        given = min(int(left[giver]), waiting + stock)
        if waiting == 0 and not saving_per_piece * given > freight:
            break
        pieces[giver], left[giver] = given, 0
        for_waiting = min(given, waiting)
        waiting, stock = waiting - for_waiting, stock - (given - for_waiting)
    return pieces


def _one_giver(excess: int, needs: Array, saving_per_piece: float, freight: float) -> Array:
    """Tier by tier; within a tier takers that get a consignment anyway, then the largest needs."""
    given = np.zeros(len(needs), dtype=np.int64)
    for tier in range(needs.shape[1]):
        is_stock = tier == needs.shape[1] - 1
        has_consignment = given > 0
        for taker in np.lexsort((-needs[:, tier], ~has_consignment)).tolist():
            pieces = min(excess, int(needs[taker, tier]))
            if is_stock and not has_consignment[taker] and not saving_per_piece * pieces > freight:
                continue
            given[taker] += pieces
            excess -= pieces
    return given[None, :]


def flow_by_tier(excess: Array, needs: Array, allowed: Array) -> tuple[Array, Array]:
    """Most pieces tier by tier: pieces moved, shape (givers, takers), and pieces for each tier, shape (tiers,).

    Notes
    -----
    Maximum flow by shortest augmenting paths (Edmonds & Karp 1972), the takers' demands opened tier by
    tier. An augmenting path never lowers what a taker received, so higher tiers keep their pieces.

    Examples
    --------
    >>> flow, by_tier = flow_by_tier(np.array([2]), np.array([[0, 2], [1, 0]]), np.ones((1, 2), bool))
    >>> flow.tolist(), by_tier.tolist()
    ([[1, 1]], [1, 1])
    """
    flow = np.zeros(allowed.shape, dtype=np.int64)
    left, by_tier = excess.copy(), np.zeros(needs.shape[1], dtype=np.int64)
    opened = np.zeros(len(needs), dtype=np.int64)
    for tier in range(needs.shape[1]):
        opened += needs[:, tier]
        while True:
            path = _augmenting_path(flow, left, opened - flow.sum(axis=0), allowed)
            if path is None:
                break
            pieces = min(int(left[path[0][0]]), int((opened - flow.sum(axis=0))[path[-1][1]]))
            pieces = min([pieces, *(int(flow[giver, taker]) for giver, taker, forward in path if not forward)])
            for giver, taker, forward in path:
                flow[giver, taker] += pieces if forward else -pieces
            left[path[0][0]] -= pieces
            by_tier[tier] += pieces
    return flow, by_tier


def _augmenting_path(flow: Array, left: Array, open_need: Array, allowed: Array) -> list[tuple[int, int, bool]] | None:
    """Arcs (giver, taker, forward) from a giver with pieces left to a taker with open need; None if there is none."""
    n_givers, n_takers = allowed.shape
    came_to_giver: dict[int, int | None] = dict.fromkeys(np.flatnonzero(left > 0).tolist())
    came_to_taker: dict[int, int] = {}
    queue = deque(("giver", giver) for giver in came_to_giver)
    while queue:
        side, here = queue.popleft()
        if side == "giver":
            for taker in range(n_takers):
                if allowed[here, taker] and taker not in came_to_taker:
                    came_to_taker[taker] = here
                    if open_need[taker] > 0:
                        return _path_to(taker, came_to_taker, came_to_giver)
                    queue.append(("taker", taker))
        else:
            for giver in range(n_givers):
                if flow[giver, here] > 0 and giver not in came_to_giver:
                    came_to_giver[giver] = here
                    queue.append(("giver", giver))
    return None


def _path_to(
    taker: int, came_to_taker: dict[int, int], came_to_giver: dict[int, int | None]
) -> list[tuple[int, int, bool]]:
    path: list[tuple[int, int, bool]] = []
    at: int | None = taker
    while at is not None:
        giver = came_to_taker[at]
        path.append((giver, at, True))
        before = came_to_giver[giver]
        if before is not None:
            path.append((giver, before, False))
        at = before
    return path[::-1]


def _programme(
    excess: Array,
    needs: Array,
    allowed: Array,
    saving_per_piece: float,
    freight: float,
    node_limit: int,
    time_limit_s: int,
) -> Moves:
    """Fixed-charge transport programme; the waiting tiers get exactly what the maximum flow gives them.

    Symbols: ``x`` pieces from giver to taker, whole; ``y`` 1 where a consignment goes; ``z`` pieces a taker
    hands to a tier.
    """
    import pulp

    flow, by_tier = flow_by_tier(excess, needs[:, :-1], allowed)
    total = needs.sum(axis=1)
    pairs = [(int(giver), int(taker)) for giver, taker in np.argwhere(allowed)]
    most = {pair: int(min(excess[pair[0]], total[pair[1]])) for pair in pairs}
    problem = pulp.LpProblem("rebalance", pulp.LpMaximize)
    x = {pair: problem.add_variable(f"x_{pair[0]}_{pair[1]}", 0, most[pair], cat="Integer") for pair in pairs}
    y = {pair: problem.add_variable(f"y_{pair[0]}_{pair[1]}", cat="Binary") for pair in pairs}
    z = {
        (taker, tier): problem.add_variable(f"z_{taker}_{tier}", 0, int(needs[taker, tier]))
        for taker, tier in np.ndindex(*needs.shape)
    }
    takers, tiers = range(needs.shape[0]), range(needs.shape[1])
    stock = tiers[-1]
    problem += saving_per_piece * pulp.lpSum(z[taker, stock] for taker in takers) - freight * pulp.lpSum(y.values())
    for giver in range(len(excess)):
        problem += pulp.lpSum(x[pair] for pair in pairs if pair[0] == giver) <= int(excess[giver])
    for taker in takers:
        coming = [pair for pair in pairs if pair[1] == taker]
        problem += pulp.lpSum(x[pair] for pair in coming) == pulp.lpSum(z[taker, tier] for tier in tiers)
    for tier in tiers[:-1]:
        problem += pulp.lpSum(z[taker, tier] for taker in takers) == int(by_tier[tier])
    for pair in pairs:
        problem += x[pair] <= most[pair] * y[pair]
    if (by_tier == needs[:, :-1].sum(axis=0)).all():  # all customers can be served: one consignment each at least
        for taker in np.flatnonzero(needs[:, :-1].any(axis=1)).tolist():
            problem += pulp.lpSum(y[pair] for pair in pairs if pair[1] == taker) >= 1
    solver = pulp.HiGHS(
        msg=False, threads=1, gapRel=0.0, timeLimit=time_limit_s, mip_max_nodes=node_limit, random_seed=0
    )
    # PuLP 3.3 reads "Optimal" where only the time ran out and knows no node limit: ask HiGHS itself
    solver.createAndConfigureSolver(problem)
    solver.buildSolverModel(problem)
    solver.callSolver(problem)
    answer = problem.solverModel
    said = answer.modelStatusToString(answer.getModelStatus())
    status = {"Optimal": "optimal", "Solution limit reached": "feasible", "Time limit reached": "time_limit"}.get(said)
    # nobody gains more than by a consignment of just what each taker lacks
    most_gained = math.fsum(
        max(saving_per_piece * float(needs[taker, stock]) - freight, 0.0) + freight * bool(needs[taker, :-1].any())
        for taker in takers
    )
    pieces = np.zeros(allowed.shape, dtype=np.int64)
    values = answer.getSolution().col_value
    if status is not None and len(values) == len(problem.variables()):
        for pair in pairs:
            pieces[pair] = round(values[x[pair].index])
        if _is_plan(pieces, excess, needs, allowed, by_tier):
            worth = _worth(pieces, needs, saving_per_piece, freight)
            bound = worth if status == "optimal" else min(-float(answer.getInfo().mip_dual_bound), most_gained)
            proven = "optimal" if bound - worth <= CLOSE * max(1.0, abs(bound)) else status
            return Moves(pieces, worth, max(bound, worth), proven, "HiGHS")
    worth = _worth(flow, needs, saving_per_piece, freight)
    return Moves(flow, worth, max(most_gained, worth), "fallback", "maximum flow")


def _is_plan(pieces: Array, excess: Array, needs: Array, allowed: Array, by_tier: Array) -> bool:
    """Whether moves keep every rule, recomputed without the solver; the tiers get what the maximum flow gives."""
    if (pieces < 0).any() or pieces[~allowed].any() or (pieces.sum(axis=1) > excess).any():
        return False
    received = pieces.sum(axis=0)
    if (received > needs.sum(axis=1)).any():
        return False
    through = np.minimum(np.cumsum(needs[:, :-1], axis=1), received[:, None])
    return bool((through.sum(axis=0) == np.cumsum(by_tier)).all())
