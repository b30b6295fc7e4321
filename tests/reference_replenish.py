"""Slow obvious twins of classes, service mathematics, reviews, positions and budget: loops, no pandas."""

from __future__ import annotations

import itertools
import math
from datetime import date, timedelta


def pmf(k: int, mean: float, ratio: float) -> float:
    """Negative binomial (Poisson for ratio 1) by logarithms of factorials."""
    if mean == 0:
        return 1.0 if k == 0 else 0.0
    if ratio == 1:
        return math.exp(k * math.log(mean) - mean - math.lgamma(k + 1))
    r, p = mean / (ratio - 1), 1 / ratio
    return math.exp(math.lgamma(k + r) - math.lgamma(r) - math.lgamma(k + 1) + r * math.log(p) + k * math.log1p(-p))


def far(mean: float, ratio: float) -> int:
    """A quantity that demand exceeds with a chance too small to matter."""
    return int(mean + 60 * math.sqrt(mean * ratio) + 60 * ratio + 30)


def cdf(level: int, mean: float, ratio: float) -> float:
    return sum(pmf(k, mean, ratio) for k in range(level + 1))


def shortfall(level: int, mean: float, ratio: float) -> float:
    return sum(max(k - level, 0) * pmf(k, mean, ratio) for k in range(far(mean, ratio)))


def fill_rate(level: int, leads: list[float], protections: list[float], ratio: float, weights: list[float]) -> float:
    """1 - (short at the end of the cycle - short at its start) / asked for in the cycle."""
    unmet = asked = 0.0
    for lead, protection, weight in zip(leads, protections, weights, strict=True):
        unmet += weight * (shortfall(level, protection, ratio) - shortfall(level, lead, ratio))
        asked += weight * (protection - lead)
    return 1.0 - unmet / asked if asked > 0 else 1.0


def level_for_fill_rate(
    target: float, leads: list[float], protections: list[float], ratio: float, weights: list[float]
) -> int:
    level = 0
    while fill_rate(level, leads, protections, ratio, weights) < target:
        level += 1
    return level


def level_for_cycle_service_level(target: float, means: list[float], ratio: float, weights: list[float]) -> int:
    level = 0
    while sum(w * cdf(level, m, ratio) for m, w in zip(means, weights, strict=True)) < target:
        level += 1
    return level


def batch_fill_rate(level: int, batch: int, lead: float, protection: float, ratio: float) -> float:
    return sum(fill_rate(s, [lead], [protection], ratio, [1.0]) for s in range(level, level + batch)) / batch


def abc(scores: dict[str, float], a_share: float, b_share: float) -> dict[str, str]:
    """Go down the list, best first, until the share is reached; the part that reaches it is in."""
    total, running, classes = sum(scores.values()), 0.0, {}
    for part in sorted(scores, key=lambda name: (-scores[name], name)):
        share = running / total if total > 0 else 1.0
        if scores[part] <= 0 or share >= b_share - 1e-12:
            classes[part] = "C"
        else:
            classes[part] = "A" if share < a_share - 1e-12 else "B"
        running += scores[part]
    return classes


def position(
    on_hand: int, on_order: int, backordered: int, reserved: int, committed: int, requested: int, superseded: int
) -> int:
    there = on_hand + on_order + superseded
    return there - (backordered + reserved + committed + requested)


def raised(quantity: int, minimum: int, multiple: int) -> int:
    if quantity == 0:
        return 0
    order = multiple
    while order < quantity or order < minimum:
        order += multiple
    return order


def next_reviews(working: set[date], every: int, shift: int, today: date) -> tuple[int, int]:
    """Walk over the days: a review day is nominal every T days, and moves to the next working day."""
    found: list[date] = []
    monday = date(1, 1, 1)
    day = today - timedelta(days=60)
    while len(found) < 2:
        if ((day - monday).days - shift) % every == 0:
            actual = day
            while actual not in working:
                actual += timedelta(days=1)
            if actual >= today and actual not in found:
                found.append(actual)
        day += timedelta(days=1)
    return (found[0] - today).days, (found[1] - found[0]).days


def unit_cost(quantity: int, list_cost: float, breaks: list[tuple[int, float]]) -> float:
    best = list_cost
    reached = [cost for least, cost in sorted(breaks) if least <= quantity]
    return min(best, reached[-1]) if reached else best


def best_choice(cost: list[list[float]], value: list[list[float]], budget: float) -> float:
    """The largest value of all combinations of one choice or none for each line."""
    best = 0.0
    for taken in itertools.product(*[range(-1, len(row)) for row in cost]):
        spent = sum(cost[i][j] for i, j in enumerate(taken) if j >= 0)
        if spent <= budget:
            best = max(best, sum(value[i][j] for i, j in enumerate(taken) if j >= 0))
    return best


def mean_between(
    rate: float, steps: list[float], boundaries: list[float], start: float, end: float, parts: int
) -> float:
    """Demand between two days in small slices; within a step it is even, after the last it has the rate."""
    width = (end - start) / parts
    total = 0.0
    for i in range(parts):
        at = start + (i + 0.5) * width
        per_day = rate
        for step, (first, last) in zip(steps, itertools.pairwise(boundaries), strict=True):
            if first <= at < last:
                per_day = step / (last - first)
        total += per_day * width
    return total


def compound_poisson(mean_demands: float, sizes: list[float], n: int) -> list[float]:
    """Sum over the number of demands of the Poisson chance times the convolution of the sizes."""
    total, convolution = [0.0] * n, [1.0] + [0.0] * (n - 1)
    for demands in range(80):
        chance = math.exp(-mean_demands) * mean_demands**demands / math.factorial(demands)
        for k in range(n):
            total[k] += chance * convolution[k]
        convolution = [sum(convolution[k - j] * sizes[j] for j in range(min(k, len(sizes) - 1) + 1)) for k in range(n)]
    return total
