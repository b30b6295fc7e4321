"""Slow obvious twins of network pooling and of the causal part: loops, textbook order."""

from __future__ import annotations

import math


def reference_evidence(
    rows: list[tuple[int, int, int, float, float]],
    dealer_periods: list[int],
    network_periods: list[int],
    half_life: float,
    origin: int,
) -> dict[tuple[int, int], tuple[float, float, float]]:
    """Discounted orders, pieces and exposure of each pair (network, dealer) among rows (dealer, network, age, ..)."""
    found: dict[tuple[int, int], tuple[float, float, float]] = {}
    for dealer, network in {(row[0], row[1]) for row in rows if row[2] >= origin}:
        orders = pieces = time = 0.0
        for age in range(origin, min(network_periods[network], dealer_periods[dealer])):
            weight = 0.5 ** ((age - origin) / half_life)
            demand, share = 0.0, 1.0
            for row in rows:
                if row[:3] == (dealer, network, age):
                    demand, share = row[3], row[4]
            orders += weight * (demand > 0)
            pieces += weight * demand
            time += weight * (1.0 if demand > 0 and share < 0.25 else share)
        found[network, dealer] = (orders, pieces, time)
    return found


def reference_log_probability(counts: list[float], weights: list[float]) -> float:
    """Log-probability of whole counts in one order of arrival, each drawn by Polya's urn."""
    urn, total = list(weights), 0.0
    for place, count in enumerate(counts):
        for _ in range(int(count)):
            total += math.log(urn[place] / sum(urn))
            urn[place] += 1.0
    return total


def reference_shares(orders: list[float], sizes: list[float], prior: list[float], concentration: float) -> list[float]:
    """Share of each dealer in the pieces: expected orders times size, over their sum."""
    pieces = [
        (concentration * p + n) / (concentration + sum(orders)) * size
        for n, size, p in zip(orders, sizes, prior, strict=True)
    ]
    return [one / sum(pieces) for one in pieces]


def reference_services(age: float, interval: float, draws: list[list[float]]) -> float:
    """Mean number of services up to an age; each car's intervals are given, in units of the usual one."""
    counted = 0
    for intervals in draws:
        passed = 0.0
        for one in intervals:
            passed += one * interval
            if passed > age:
                break
            counted += 1
    return counted / len(draws)


def reference_shape_score(orders: list[int], expected: list[float], shape: float) -> float:
    """Log-likelihood of whole orders, negative binomial around their expectations, without the factorials."""
    total = 0.0
    for n, m in zip(orders, expected, strict=True):
        p = shape / (shape + m)
        total += shape * math.log(p) + n * math.log(1 - p)
        total += sum(math.log(shape + k) for k in range(n))
    return total
