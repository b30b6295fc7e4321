"""Slow, obvious twins of the policies by cost, of lost sales and of the DC with its dealers."""

from __future__ import annotations

import itertools
import math


def poisson(mean: float, n: int) -> list[float]:
    return [math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) if mean else float(k == 0) for k in range(n)]


def lots_by_enumeration(order_cost: float, holding: float, demand: list[float]) -> float:
    """Cost of the best plan over every choice of periods with an order."""
    best = math.inf
    for orders in itertools.product([False, True], repeat=len(demand)):
        cost, last = 0.0, None
        for period, (is_order, asked) in enumerate(zip(orders, demand, strict=True)):
            if is_order:
                cost, last = cost + order_cost, period
            if asked and last is None:
                cost = math.inf
            elif asked:
                cost += holding * asked * (period - last)
        best = min(best, cost)
    return best


def order_policy_cost(
    order_cost: float, holding: float, shortage: float, pmf: list[float], reorder: int, up_to: int
) -> float:
    """Long-run cost of (s, S) from its chain of positions, by stepping it until nothing changes."""
    positions = {up_to: 1.0}
    for _ in range(4000):
        following: dict[int, float] = {}
        for position, chance in positions.items():
            for demand, likely in enumerate(pmf):
                left = position - demand
                left = up_to if left <= reorder else left
                following[left] = following.get(left, 0.0) + chance * likely
        moved = sum(abs(following.get(p, 0) - positions.get(p, 0)) for p in {*following, *positions})
        positions = following
        if moved < 1e-13:
            break
    cost = 0.0
    for position, chance in positions.items():
        for demand, likely in enumerate(pmf):
            left = position - demand
            cost += chance * likely * (holding * max(left, 0) + shortage * max(-left, 0))
            cost += chance * likely * order_cost * (left <= reorder)
    return cost


def joint_review_by_enumeration(
    group: float, own: list[float], holding: list[float], demand: list[float], base: float, powers: int
) -> float:
    best = math.inf
    for choice in itertools.product(range(powers), repeat=len(own)):
        first = 2 ** min(choice) / base
        cost = group / first
        for power, k, h, d in zip(choice, own, holding, demand, strict=True):
            every = 2**power / base
            cost += k / every + h * d * every / 2
        best = min(best, cost)
    return best


def dealer_service(
    dc_rate: float, dc_lead: float, dc_level: int, rate: float, lead: float, level: int
) -> tuple[float, float]:
    """Backorders and fill rate: DC backorders times binomial times Poisson, all added up."""
    share, top = rate / dc_rate, int(dc_rate * dc_lead + 12 * math.sqrt(dc_rate * dc_lead) + 30)
    on_order = poisson(dc_rate * dc_lead, top)
    owed: dict[int, float] = {}
    for x, chance in enumerate(on_order):
        owed[max(x - dc_level, 0)] = owed.get(max(x - dc_level, 0), 0.0) + chance
    mine = [0.0] * top
    for b, chance in owed.items():
        for k in range(b + 1):
            mine[k] += chance * math.comb(b, k) * share**k * (1 - share) ** (b - k)
    own = poisson(rate * lead, top)
    short = met = 0.0
    for k, a in enumerate(mine):
        for j, c in enumerate(own):
            short += a * c * max(k + j - level, 0)
            met += a * c * (k + j < level)
    return short, met


def lost_sales_by_replay(level: int, lead: int, demands: list[int]) -> tuple[float, float]:
    """Share met and mean stock at the end of a period, by replaying a long list of demands."""
    on_hand, under_way = level, [0] * lead
    met = asked = left = 0
    for demand in demands:
        if lead:
            on_hand += under_way.pop(0)
            under_way.append(level - on_hand - sum(under_way))
        else:
            on_hand = level
        served = min(on_hand, demand)
        met, asked, on_hand = met + served, asked + demand, on_hand - served
        left += on_hand
    return met / asked, left / len(demands)
