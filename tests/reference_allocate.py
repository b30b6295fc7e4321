"""Slow and obvious twins of ``partsopt.allocate``: loops, no pandas, one piece at a time."""

from __future__ import annotations

import itertools
import math


def reference_run_out(position: int, rate: float) -> float:
    """Days until the position is used up; without demand, never, or long ago where pieces are owed."""
    if rate > 0:
        return position / rate
    return -math.inf if position < 0 else math.inf


def reference_equal_run_out(
    position: list[int], rate: list[float], quantity: list[int], multiple: list[int], available: int
) -> list[int]:
    """Pack by pack to the dealer that runs out first; a dealer whose pack no longer fits is done."""
    given = [0] * len(position)
    done = [False] * len(position)
    while True:
        waiting = [i for i in range(len(position)) if not done[i] and given[i] < quantity[i]]
        if not waiting:
            return given
        first = min(
            waiting, key=lambda i: (reference_run_out(position[i] + given[i], rate[i]), position[i] + given[i], i)
        )
        pack = min(multiple[first], quantity[first] - given[first])
        if pack > available:
            done[first] = True
        else:
            given[first] += pack
            available -= pack


def reference_first_come(quantity: list[int], available: int) -> list[int]:
    given = []
    for wanted in quantity:
        given.append(min(wanted, available))
        available -= given[-1]
    return given


def reference_tiers(
    requests: list[dict], *, on_hand: int, reserved: int, committed: int, backordered: int, protected: int
) -> dict[str, int]:
    """One DC and part, one night, tier after tier; requests of a tier in order of service."""
    left = max(on_hand - reserved - committed, 0)
    sent: dict[str, int] = {}
    received: dict[str, int] = {}
    for tier in ("vor", "urgent", "reservation", "backorder", "stock"):
        rows = [request for request in requests if request["tier"] == tier]
        if tier == "backorder":
            left -= min(left, backordered)
        if tier == "stock":
            left -= min(left, protected)
        if tier in ("vor", "urgent", "reservation"):
            given = reference_first_come([row["quantity"] for row in rows], left)
        else:
            given = reference_equal_run_out(
                [row["position_before"] + received.get(row["site_id"], 0) for row in rows],
                [row["mean_per_day"] for row in rows],
                [row["quantity"] for row in rows],
                [row["order_multiple"] for row in rows],
                left,
            )
        for row, pieces in zip(rows, given, strict=True):
            sent[row["request_id"]] = pieces
            left -= pieces
            if tier in ("reservation", "backorder"):
                received[row["site_id"]] = received.get(row["site_id"], 0) + pieces
    return sent


def reference_best_moves(
    excess: list[int], needs: list[list[int]], allowed: list[list[bool]], saving_per_piece: float, freight: float
) -> tuple[tuple[int, ...], float]:
    """Every plan there is: pieces for each waiting tier, and the money of the best plan among the equal ones."""
    pairs = [(g, t) for g in range(len(excess)) for t in range(len(needs)) if allowed[g][t]]
    best = None
    for amounts in itertools.product(*(range(min(excess[g], sum(needs[t])) + 1) for g, t in pairs)):
        plan = dict(zip(pairs, amounts, strict=True))
        if any(sum(n for (g, _), n in plan.items() if g == giver) > excess[giver] for giver in range(len(excess))):
            continue
        received = [sum(n for (_, t), n in plan.items() if t == taker) for taker in range(len(needs))]
        if any(received[taker] > sum(needs[taker]) for taker in range(len(needs))):
            continue
        by_tier = [0] * len(needs[0])
        for taker, pieces in enumerate(received):
            for tier, need in enumerate(needs[taker]):
                by_tier[tier] += min(need, pieces)
                pieces -= min(need, pieces)
        money = saving_per_piece * by_tier[-1] - freight * sum(n > 0 for n in amounts)
        value = (tuple(by_tier[:-1]), money)
        if best is None or value > best:
            best = value
    return best or ((0,) * (len(needs[0]) - 1), 0.0)
