"""Slow obvious twins of the formulas: loops in textbook order, no pandas, one thing at a time."""

from __future__ import annotations

import itertools
import math
from datetime import date, datetime, timedelta

import numpy as np

# --------------------------------------------------------------------------- demand and forecast

LOWEST_SHARE = 0.25


def reference_adi(demand: list[float], is_counted: list[bool]) -> float:
    periods = sum(1 for counted in is_counted if counted)
    demands = sum(1 for d, counted in zip(demand, is_counted, strict=True) if d > 0 and counted)
    return periods / demands if demands else math.nan


def reference_cv2(demand: list[float]) -> float:
    sizes = [d for d in demand if d > 0]
    if not sizes:
        return math.nan
    mean = math.fsum(sizes) / len(sizes)
    return math.fsum((size - mean) ** 2 for size in sizes) / len(sizes) / mean**2


def reference_sbc_class(adi: float, cv2: float, adi_cut: float, cv2_cut: float) -> str:
    if math.isnan(adi):
        return "none"
    if adi < adi_cut:
        return "smooth" if cv2 < cv2_cut else "erratic"
    return "intermittent" if cv2 < cv2_cut else "lumpy"


def reference_exposure(demand: float, share: float) -> float:
    return 1.0 if demand > 0 and share < LOWEST_SHARE else share


def reference_naive(demand: list[float], share: list[float]) -> float:
    if sum(demand) == 0:
        return 0.0
    return sum(demand) / sum(reference_exposure(d, w) for d, w in zip(demand, share, strict=True))


def reference_warm_up(demand: list[float], share: list[float], periods: int) -> list[bool]:
    passed, marks = 0.0, []
    for d, w in zip(demand, share, strict=True):
        marks.append(passed < periods)
        passed += reference_exposure(d, w)
    return marks


def reference_start(demand: list[float], share: list[float], is_warm_up: list[bool]) -> tuple[float, float, float]:
    """Rate, size, interval of the warm-up periods."""
    pieces = demands = time = 0.0
    for d, w, warm in zip(demand, share, is_warm_up, strict=True):
        if warm:
            pieces += d
            demands += d > 0
            time += reference_exposure(d, w)
    time = max(time, 1.0)
    if demands == 0:
        return pieces / time, math.nan, math.nan
    return pieces / time, pieces / demands, time / demands


def reference_ses(demand: list[float], share: list[float], start: float, alpha: float) -> list[float]:
    """Forecast of each period and of the next."""
    forecasts = [start]
    for d, w in zip(demand, share, strict=True):
        forecast = forecasts[-1]
        completed = d + (1 - w) * forecast
        if d > 0 and w < LOWEST_SHARE:
            completed = min(completed, max(d, forecast))
        forecasts.append(forecast + alpha * (completed - forecast))
    return forecasts


def reference_croston(
    demand: list[float], share: list[float], size: float, interval: float, alpha: float, beta: float
) -> list[float]:
    """Rate before each period and after the last; 0 before any demand."""
    rates, clock = [], 0.0
    for d, w in zip(demand, share, strict=True):
        rates.append(0.0 if math.isnan(size) else size / interval)
        clock += reference_exposure(d, w)
        if d > 0:
            size = d if math.isnan(size) else size + alpha * (d - size)
            interval = clock if math.isnan(interval) else interval + beta * (clock - interval)
            clock = 0.0
    return [*rates, 0.0 if math.isnan(size) else size / interval]


def reference_tsb(
    demand: list[float], share: list[float], size: float, probability: float, alpha: float, beta: float
) -> list[float]:
    """Rate before each period and after the last; 0 before any demand."""
    rates = []
    for d, w in zip(demand, share, strict=True):
        rates.append(0.0 if math.isnan(size) else size * probability)
        seen = 1.0 if d > 0 else 0.0
        probability += beta * (seen - reference_exposure(d, w) * probability)
        if d > 0:
            size = d if math.isnan(size) else size + alpha * (d - size)
    return [*rates, 0.0 if math.isnan(size) else size * probability]


def reference_loss(rates: list[float], demand: list[float], is_scored: list[bool], floor: float) -> float:
    total = 0.0
    for rate, d, scored in zip(rates, demand, is_scored, strict=False):
        if scored:
            total += max(rate, floor) - d * math.log(max(rate, floor))
    return total


def reference_silence(demand: list[float], share: list[float]) -> bool:
    last = max((at for at, d in enumerate(demand) if d > 0), default=-1)
    weights = [reference_exposure(d, w) for d, w in zip(demand, share, strict=True)]
    until, since = sum(weights[: last + 1]), sum(weights[last + 1 :])
    usual = until / max(sum(1 for d in demand if d > 0), 1)
    return since > 4 * usual and since > 6


def reference_pooled_ratio(
    variance: list[float], mean: list[float], size: list[float], demands: list[int], group: list[int]
) -> list[float]:
    rows = list(zip(variance, mean, size, demands, group, strict=True))
    known = [row for row in rows if row[3] > 0 and row[1] > 0]
    of_all = (sum(v / m / s * n for v, m, s, n, _ in known) + 50) / (sum(row[3] for row in known) + 50)
    ratios = []
    for v, m, s, n, g in rows:
        own_group = [row for row in known if row[4] == g]
        of_group = (sum(v / m / s * n for v, m, s, n, _ in own_group) + 50 * of_all) / (
            sum(row[3] for row in own_group) + 50
        )
        prior = max(of_group * s, 1.0)
        own, weight = (v / m, n) if n > 0 and m > 0 else (0.0, 0)
        ratios.append(min(max((weight * own + 8 * prior) / (weight + 8), 1.0), 1e9))
    return ratios


def reference_probability(k: int, mean: float, ratio: float) -> float:
    """P(X = k) of the negative binomial, or of the Poisson where the ratio is 1."""
    if mean == 0:
        return 1.0 if k == 0 else 0.0
    if ratio == 1:
        return math.exp(k * math.log(mean) - mean - math.lgamma(k + 1))
    size, p = mean / (ratio - 1), 1 / ratio
    return math.exp(
        math.lgamma(size + k) - math.lgamma(size) - math.lgamma(k + 1) + size * math.log(p) + k * math.log(1 - p)
    )


def reference_quantile(mean: float, ratio: float, level: float) -> int:
    k, reached = 0, reference_probability(0, mean, ratio)
    while reached < level:
        k += 1
        reached += reference_probability(k, mean, ratio)
    return k


def reference_mean_over_horizon(
    flat: float, steps: list[float], horizon_days: int, period_days: int, elapsed_days: int
) -> float:
    """Day by day; whole days only."""
    total = 0.0
    for day in range(horizon_days):
        step = (day + elapsed_days) // period_days
        total += (steps[step] if step < len(steps) else flat) / period_days
    return total


def reference_mase(forecast: list[float], actual: list[float], training: list[float]) -> float:
    miss = sum(abs(f - a) for f, a in zip(forecast, actual, strict=True)) / len(forecast)
    step = sum(abs(b - a) for a, b in itertools.pairwise(training)) / (len(training) - 1)
    return miss / step if step else math.nan


def reference_rmsse(forecast: list[float], actual: list[float], training: list[float]) -> float:
    miss = sum((f - a) ** 2 for f, a in zip(forecast, actual, strict=True)) / len(forecast)
    step = sum((b - a) ** 2 for a, b in itertools.pairwise(training)) / (len(training) - 1)
    return math.sqrt(miss / step) if step else math.nan


def reference_pinball(quantile: float, actual: float, level: float) -> float:
    return level * (actual - quantile) if actual > quantile else (1 - level) * (quantile - actual)


def reference_discounted_mean(index: list[float], discount: float) -> float:
    """Mean with the last value weighing 1 and each one before ``discount`` times the next."""
    weights = [discount**age for age in reversed(range(len(index)))]
    return sum(w * one for w, one in zip(weights, index, strict=True)) / sum(weights)


def reference_discounted_trend(index: list[float], discount: float, level: float, horizon: int) -> float:
    """Weighted least squares line over its mean, from the age of the level to the middle of the horizon."""
    ages = list(reversed(range(len(index))))
    weights = [discount**age for age in ages]
    mean_age = sum(w * age for w, age in zip(weights, ages, strict=True)) / sum(weights)
    mean = reference_discounted_mean(index, discount)
    rows = list(zip(weights, ages, index, strict=True))
    slope = -sum(w * (age - mean_age) * (one - mean) for w, age, one in rows)
    slope /= sum(w * (age - mean_age) ** 2 for w, age, _ in rows)
    level_age = sum(level**age * age for age in ages) / sum(level**age for age in ages)
    return slope / mean * (level_age + (horizon + 1) / 2)


def reference_chance_alive(sold: list[float], share: list[float], ends: float, pause: float) -> float:
    """Beta-geometric death by adding up, for every period of the last silence, that the series ended just then."""
    gaps, silence, seen, n, chances = [], 0.0, 0.0, 0, []
    for pieces, exposed in zip(sold, share, strict=True):
        if pieces > 0:
            gaps, silence, chances = [*gaps, silence] if n else gaps, 0.0, []
            n += 1
        elif n and exposed > 0:
            silence += exposed
            chances.append((max((seen - n + 0.5) / (seen + 1), pause) ** exposed, exposed))
        seen += exposed
    if silence <= max(gaps, default=0.0):
        return 1.0
    alive = math.prod(chance for chance, _ in chances)
    ended = sum(
        ends * exposed * math.prod(chance for chance, _ in chances[:place])
        for place, (_, exposed) in enumerate(chances)
    )
    return alive / (alive + ended)


def reference_discounted_rate(
    demand: list[float], share: list[float], discount: float, prior: float, prior_periods: float
) -> float:
    """Pieces and exposure discounted by what was seen since, and a prior that weighs more the shorter the history."""
    pieces = exposed = whole = since = 0.0
    for age, (d, w) in enumerate(zip(reversed(demand), reversed(share), strict=True)):
        whole += discount**age
        if not math.isnan(d) and w > 0:
            pieces += discount**since * d
            exposed += discount**since * w
            since += w
    shown = 0.5 + (prior_periods * max(1.0 - exposed / whole, 0.0) if whole > 0 else 0.0)
    return (pieces + shown * prior) / (exposed + shown)


def reference_own_size(demand: list[float], usual: float, demands: float) -> float:
    """Geometric mean of the mean demand of a period with demand, as often as it came, and the usual size."""
    came = [d for d in demand if d > 0]
    if not came:
        return usual
    return float((sum(came) / len(came)) ** len(came) * usual**demands) ** (1.0 / (len(came) + demands))


def reference_own_dispersion(demand: list[float], share: list[float]) -> float:
    """Variance over mean around the flat rate."""
    seen = [(d, w) for d, w in zip(demand, share, strict=True) if not math.isnan(d)]
    if sum(d for d, _ in seen) == 0:
        return 0.0
    flat = sum(d for d, _ in seen) / sum(w for _, w in seen)
    return sum((d - flat * w) ** 2 for d, w in seen) / sum(d for d, _ in seen)


def reference_smooth_quantile(mean: float, ratio: float, level: float) -> float:
    """Quantile of a negative binomial (Poisson at ratio 1) plus an even spread of half a piece either side."""
    below, k = 0.0, 0
    while True:
        if ratio > 1.0:
            size = mean / (ratio - 1.0)
            log_probability = (
                math.lgamma(size + k)
                - math.lgamma(size)
                - math.lgamma(k + 1)
                - size * math.log(ratio)
                + k * math.log1p(-1.0 / ratio)
            )
        else:
            log_probability = k * math.log(mean) - mean - math.lgamma(k + 1)
        probability = math.exp(log_probability)
        if below + probability >= level:
            return k - 0.5 + (level - below) / probability
        below, k = below + probability, k + 1


def reference_quasi_likelihood(rates: list[list[float]], total: list[float], weights: list[float]) -> float:
    """Poisson quasi-likelihood of totals over one period, the larger the better."""
    likelihood = 0.0
    for row, seen in zip(rates, total, strict=True):
        mean = 1e-9 + sum(rate * weight for rate, weight in zip(row, weights, strict=True))
        likelihood += seen * math.log(mean) - mean
    return likelihood


# --------------------------------------------------------------------------- dealers, cars


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


# --------------------------------------------------------------------------- classes, service, reviews, positions, budget


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


def mean_on_hand(
    level: int, batch: int, leads: list[float], protections: list[float], ratio: float, weights: list[float]
) -> float:
    """Stock left at 200 moments between two receipts, for every position and lead time."""
    total = 0.0
    for lead, protection, weight in zip(leads, protections, weights, strict=True):
        for moment in range(200):
            mean = lead + (protection - lead) * (moment + 0.5) / 200
            for at in range(level, level + batch):
                total += weight * sum((at - k) * pmf(k, mean, ratio) for k in range(at)) / batch / 200
    return total


def position_measures(
    level: int, batch: int, means: list[float], ratio: float, weights: list[float]
) -> tuple[float, float, float, float]:
    """Chance of nothing owed, chance of stock left, pieces owed and on hand, over lead times and positions."""
    none_owed = left_over = owed = held = 0.0
    for mean, weight in zip(means, weights, strict=True):
        for at in range(level, level + batch):
            share = weight / batch
            none_owed += share * cdf(at, mean, ratio)
            left_over += share * cdf(at - 1, mean, ratio)
            owed += share * shortfall(at, mean, ratio)
            held += share * sum((at - k) * pmf(k, mean, ratio) for k in range(at))
    return none_owed, left_over, owed, held


def lost_sales_chain(level: int, lead: int, chances: list[float]) -> float:
    """Share of demand met once the chain of shelf and pipeline, walked state by state, has settled.

    What the chances lack to 1 is demand of as many pieces as there are chances.
    """
    table = [*chances, max(1.0 - sum(chances), 0.0)]
    now = {(level, *[0] * lead): 1.0}
    for _ in range(3000):
        following: dict[tuple[int, ...], float] = {}
        met = 0.0
        for (on_hand, *under_way), likely in now.items():
            for demand, chance in enumerate(table):
                sold = min(on_hand, demand)
                met += likely * chance * sold
                then = (on_hand - sold + under_way[0], *under_way[1:], sold) if under_way else (level,)
                following[then] = following.get(then, 0.0) + likely * chance
        if all(abs(following[state] - now.get(state, 0.0)) < 1e-12 for state in following):
            return met / sum(demand * chance for demand, chance in enumerate(table))
        now = following
    raise AssertionError("the chain does not settle")


def order_chance(batch: int, mean: float, ratio: float) -> float:
    """Chance that demand is more than the spare pieces, each number of them below the batch being as likely."""
    return sum(1 - cdf(spare, mean, ratio) for spare in range(batch)) / batch


def cost_of_periods(
    parts: list[dict[str, float]], periods: dict[int, int], target: float, order_cost: float, line_cost: float
) -> tuple[float, float]:
    """Money a year, and order lines a working day, of a source whose classes are reviewed every so many working days."""
    days_a_year = 365.25 * 5 / 7
    money, lines = 0.0, 0.0
    none = [1.0] * 20
    for part in parts:
        every = periods[int(part["class"])]
        lead, over = part["rate"] * part["lead"], part["rate"] * (part["lead"] + every * 7 / 5)
        level = max(level_for_fill_rate(target, [lead], [over], part["ratio"], [1.0]), 1)
        multiple = int(part["multiple"])
        money += part["holding"] * mean_on_hand(level, multiple, [lead], [over], part["ratio"], [1.0])
        chance = order_chance(multiple, over - lead, part["ratio"])
        money += line_cost * chance * days_a_year / every
        lines += chance / every
        for day in range(0, 20, every):
            none[day] *= 1 - chance
    money += order_cost * sum(1 - one for one in none) * days_a_year / 20
    return money, lines


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


def next_reviews(working: set[date], rhythm: tuple[tuple[int, int], ...], today: date) -> tuple[int, int]:
    """Walk over the days: reviews are nominal every so many days from a shift, and move to the next working day."""
    found: list[date] = []
    monday = date(1, 1, 1)
    day = today - timedelta(days=60)
    while len(found) < 2:
        if any(((day - monday).days - shift) % every == 0 for every, shift in rhythm):
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


# --------------------------------------------------------------------------- policies by cost, lost sales, DC and dealers


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


def chain_by_replay(
    rates: list[float],
    dealer_cycle: list[int],
    dealer_lead: list[int],
    dealer_level: list[int],
    dc_cycle: int,
    dc_lead: int,
    dc_level: int,
    ratio: float,
    days: int,
    seed: int,
) -> list[float]:
    """Share of demand that each dealer meets at once, day by day: reviews, a queue at the DC in order of asking.

    A DC without a level orders what it owes at once. The first tenth of the days is not counted.
    """
    rng = np.random.default_rng(seed)
    n = len(rates)
    daily = np.array(rates)[:, None] * np.ones((1, days))
    demand = rng.poisson(daily if ratio <= 1 else rng.gamma(daily / (ratio - 1), ratio - 1))
    hand, dc_position, queue = dc_level, dc_level, []
    to_dc, to_dealer = [0] * (days + dc_lead + 1), [[0] * (days + lead + 1) for lead in dealer_lead]
    net, position = list(dealer_level), list(dealer_level)
    asked, short = [0] * n, [0] * n
    for day in range(days):
        hand += to_dc[day]
        for j in rng.permutation(n).tolist():
            net[j] += to_dealer[j][day]
            missing = dealer_level[j] - position[j]
            if day % dealer_cycle[j] == j % dealer_cycle[j] and missing > 0:
                position[j] += missing
                dc_position -= missing
                queue.append((j, missing))
        ordered = dc_level - dc_position if day % dc_cycle == 0 else max(-dc_position, 0)
        dc_position += ordered
        to_dc[day + dc_lead] += ordered
        while queue and hand > 0:
            j, wanted = queue.pop(0)
            sent = min(wanted, hand)
            hand -= sent
            to_dealer[j][day + dealer_lead[j]] += sent
            if sent < wanted:
                queue.insert(0, (j, wanted - sent))
        for j in range(n):
            size = int(demand[j, day])
            if day >= days // 10:
                asked[j] += size
                short[j] += max(size - max(net[j], 0), 0)
            net[j] -= size
            position[j] -= size
    return [1 - s / max(a, 1) for s, a in zip(short, asked, strict=True)]


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


# --------------------------------------------------------------------------- allocation and moves


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


# --------------------------------------------------------------------------- deliveries

EARTH_RADIUS_M = 6_371_008.8


def reference_great_circle_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Distance on a sphere by the angle between two vectors (spherical law in its atan2 form)."""
    a, b = (math.radians(degrees) for degrees in one), (math.radians(degrees) for degrees in other)
    (north, east), (south, west) = tuple(a), tuple(b)
    along = math.cos(south) * math.sin(west - east)
    across = math.cos(north) * math.sin(south) - math.sin(north) * math.cos(south) * math.cos(west - east)
    down = math.sin(north) * math.sin(south) + math.cos(north) * math.cos(south) * math.cos(west - east)
    return EARTH_RADIUS_M * math.atan2(math.hypot(along, across), down)


def reference_lane_arrival(
    packed: datetime, planned: date, cutoff: int, days: int, opens: int, closes: int, holidays: set[date]
) -> tuple[datetime, datetime]:
    """Collection and arrival of a lane, walking day by day; every time in one zone."""

    def works(on: date) -> bool:
        return on.weekday() < 5 and on not in holidays

    def clock(on: date, minute: int) -> datetime:
        return datetime(on.year, on.month, on.day, tzinfo=packed.tzinfo) + timedelta(minutes=minute)

    on = planned
    while not works(on) or clock(on, cutoff) < packed:
        on += timedelta(days=1)
    collected = clock(on, cutoff)
    arrival = on + timedelta(days=days)
    while not works(arrival):
        arrival += timedelta(days=1)
    if clock(arrival, opens) >= collected:
        return collected, clock(arrival, opens)
    if clock(arrival, closes) >= collected:
        return collected, clock(arrival, closes)
    arrival += timedelta(days=1)
    while not works(arrival):
        arrival += timedelta(days=1)
    return collected, clock(arrival, opens)


def reference_starts(
    order: tuple[int, ...],
    place: list[int],
    released: list[int],
    window: list[tuple[int, int]],
    service: list[int],
    travel: list[list[int]],
    shift: tuple[int, int],
) -> list[int] | None:
    """Start of unloading at each delivery of a trip that leaves as soon as everything is packed; None: not possible."""
    now = max([shift[0]] + [released[one] for one in order])
    at, starts = 0, []
    for step, one in enumerate(order):
        if step == 0 or place[one] != at:
            if step > 0:
                now = starts[-1] + service[order[step - 1]]
            now += travel[at][place[one]]
        start = max(now, window[one][0])
        if start > window[one][1]:
            return None
        starts.append(start)
        now, at = start, place[one]
    back = starts[-1] + service[order[-1]] + travel[at][0]
    return starts if back <= shift[1] else None


def reference_most_served(
    tiers: list[int],
    weight: list[int],
    capacity: list[int],
    place: list[int],
    released: list[int],
    window: list[tuple[int, int]],
    service: list[int],
    travel: list[list[int]],
    shift: tuple[int, int],
) -> tuple[int, ...]:
    """The lexicographically largest numbers of deliveries served by tier, one trip a vehicle, by trying everything."""
    ranks = sorted(set(tiers))

    def can_drive(members: tuple[int, ...], vehicle: int) -> bool:
        if sum(weight[one] for one in members) > capacity[vehicle]:
            return False
        return not members or any(
            reference_starts(order, place, released, window, service, travel, shift) is not None
            for order in itertools.permutations(members)
        )

    possible = {
        (members, vehicle)
        for vehicle in range(len(capacity))
        for size in range(len(tiers) + 1)
        for members in itertools.combinations(range(len(tiers)), size)
        if can_drive(members, vehicle)
    }
    best = tuple(0 for _ in ranks)
    for carried in itertools.product(range(len(capacity) + 1), repeat=len(tiers)):
        groups = [tuple(one for one, by in enumerate(carried) if by == vehicle) for vehicle in range(len(capacity))]
        if all((group, vehicle) in possible for vehicle, group in enumerate(groups)):
            served = [one for group in groups for one in group]
            best = max(best, tuple(sum(tiers[one] == rank for one in served) for rank in ranks))
    return best


# --------------------------------------------------------------------------- figures of a set of demand series

PERIODS_PER_YEAR = 12
MIN_DEMANDS = 3  # series with fewer demands have no pattern; the car-parts set holds none
HALF_YEAR, YEAR = 6, 12


def figures(demand: np.ndarray, unit_cost: np.ndarray | None = None) -> dict[str, float]:
    """Figures of series, shape (series, months); unit costs in the same order, where there are any."""
    sizes = [row[row > 0] for row in demand]
    kept = [k for k, one in enumerate(sizes) if len(one) >= MIN_DEMANDS]
    n_periods = demand.shape[1]
    adi, cv2, mean_size, dispersion, change, lulls, regularity = [], [], [], [], [], [], []
    for k in kept:
        row, size = demand[k], sizes[k]
        adi.append(n_periods / len(size))
        cv2.append(float(size.var() / size.mean() ** 2))
        mean_size.append(float(size.mean()))
        dispersion.append(float(row.var() / row.mean()))
        gaps = np.diff(np.flatnonzero(row > 0))
        lulls.append(int(gaps.max()))
        if len(gaps) >= 5 and gaps.mean() > 1.2:
            regularity.append(float(gaps.var() / gaps.mean() ** 2 / (1 - 1 / gaps.mean())))
        if len(size) >= 8:
            half = n_periods // 2
            change.append((row[-half:].sum() + 0.5) / (row[:half].sum() + 0.5))
    adi_, cv2_ = np.array(adi), np.array(cv2)
    often, even = adi_ < 1.32, cv2_ < 0.49
    sold_before = [row for row in demand if row[: n_periods // 2].sum() > 0]
    units = np.array([row.sum() for row in demand if row.sum() > 0], dtype=float)
    found = {
        "zero periods": 1 - sum(len(sizes[k]) for k in kept) / (len(kept) * n_periods),
        "ADI, median": float(np.median(adi_)),
        "ADI, 90th percentile": float(np.quantile(adi_, 0.9)),
        "CV2 of sizes, median": float(np.median(cv2_)),
        "CV2 of sizes, 75th percentile": float(np.quantile(cv2_, 0.75)),
        "mean size, median": float(np.median(mean_size)),
        "mean size, 90th percentile": float(np.quantile(mean_size, 0.9)),
        "variance to mean, median": float(np.median(dispersion)),
        "smooth": float((often & even).mean()),
        "erratic": float((often & ~even).mean()),
        "intermittent": float((~often & even).mean()),
        "lumpy": float((~often & ~even).mean()),
        "second half below first": float(np.mean([one < 1 for one in change])),
        "second half under half of first": float(np.mean([one < 0.5 for one in change])),
        "second half over double": float(np.mean([one > 2 for one in change])),
        "stopped: nothing in the last year": float(np.mean([row[-YEAR:].sum() == 0 for row in sold_before])),
        "lull of half a year": float(np.mean([gap >= HALF_YEAR for gap in lulls])),
        "lull of a year": float(np.mean([gap >= YEAR for gap in lulls])),
        "regularity of gaps": float(np.mean(regularity)),
        "seasonal": seasonal_share(demand[kept]),
        "units of the top 20 %": top_share(units),
    }
    if unit_cost is not None:
        value = np.array([row.sum() * cost for row, cost in zip(demand, unit_cost, strict=True) if row.sum() > 0])
        found["value of the top 20 %"] = top_share(value)
        found["log price, sd"] = float(np.std(np.log(unit_cost)))
    return found


def top_share(amounts: np.ndarray) -> float:
    """Share of the total that the largest fifth holds."""
    ranked = np.sort(amounts)[::-1]
    return float(ranked[: len(ranked) // 5].sum() / ranked.sum())


def seasonal_share(demand: np.ndarray, n_shuffles: int = 99, n_most: int = 400) -> float:
    """Share of frequent series whose calendar profile is stronger than in 95 % of shuffles within years."""
    years = demand.shape[1] // PERIODS_PER_YEAR
    frequent = [row for row in demand if (row > 0).mean() >= 0.6][:n_most]
    random = np.random.Generator(np.random.PCG64(1))
    strong = 0
    for row in frequent:
        grid = np.sqrt(row[-years * PERIODS_PER_YEAR :].astype(float)).reshape(years, PERIODS_PER_YEAR)
        grid = grid - grid.mean(axis=1, keepdims=True)
        seen = (grid.mean(axis=0) ** 2).sum()
        shuffled = random.permuted(np.repeat(grid[None], n_shuffles, axis=0), axis=2)
        strong += ((shuffled.mean(axis=1) ** 2).sum(axis=1) >= seen).sum() < 0.05 * (n_shuffles + 1)
    return strong / max(len(frequent), 1)


def haversine_km(lat_1: float, lon_1: float, lat_2: float, lon_2: float) -> float:
    """Great-circle distance by the cosine rule."""
    a, b, d = np.radians(lat_1), np.radians(lat_2), np.radians(lon_2 - lon_1)
    return float(6371.0 * np.arccos(np.clip(np.sin(a) * np.sin(b) + np.cos(a) * np.cos(b) * np.cos(d), -1, 1)))


def sample_fill_rate(level: int, lead_mean: float, review_mean: float, variance_to_mean: float) -> float:
    """Exact fill rate of an order-up-to level under negative binomial demand, summed term by term."""
    return 1 - (
        sample_loss(level, lead_mean + review_mean, variance_to_mean) - sample_loss(level, lead_mean, variance_to_mean)
    ) / (review_mean)


def sample_loss(level: int, mean: float, variance_to_mean: float) -> float:
    if mean == 0:
        return 0.0
    size, odds = mean / (variance_to_mean - 1), (variance_to_mean - 1) / variance_to_mean
    chance = variance_to_mean**-size
    total = 0.0
    for demand in range(4000):
        total += max(demand - level, 0) * chance
        chance *= (size + demand) / (demand + 1) * odds
    return total


# --------------------------------------------------------------------------- the life of a part


def reference_sales(first: int, last: int, mean_per_year: float, years: float, steps: int) -> tuple[float, float]:
    """Pieces sold and piece-years waited of Poisson demand, piece by piece and step by step (midpoint rule)."""

    def chance_below(n: int, mean: float) -> float:
        return math.fsum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(n))

    sold = waited = 0.0
    for piece in range(first + 1, last + 1):
        sold += 1 - chance_below(piece, mean_per_year * years)
        for step in range(steps):
            waited += chance_below(piece, mean_per_year * years * (step + 0.5) / steps) * years / steps
    return sold, waited


def reference_matches(
    giver_group: list[int], offered: list[int], taker_group: list[int], wanted: list[int]
) -> dict[tuple[int, int], int]:
    """Piece by piece: the first giver of a group that has one left gives to the first taker that wants one."""
    left, open_ = list(offered), list(wanted)
    moved: dict[tuple[int, int], int] = {}
    for taker, group in enumerate(taker_group):
        for giver, other in enumerate(giver_group):
            while other == group and left[giver] and open_[taker]:
                left[giver] -= 1
                open_[taker] -= 1
                moved[giver, taker] = moved.get((giver, taker), 0) + 1
    return moved


def reference_last_buy(
    mean_per_year: float, years: float, shortage: float, left_over: float, holding: float, decline: float, steps: int
) -> int:
    """Buy piece after piece of Poisson demand while the next one still earns more than it costs."""

    def chance_below(n: int, until: float) -> float:
        mean = mean_per_year * ((1 - math.exp(-decline * until)) / decline if decline else until)
        return math.fsum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(n)) if mean else 1.0

    bought = 0
    while True:
        short = chance_below(bought + 1, years)
        waits = math.fsum(chance_below(bought + 1, years * (i + 0.5) / steps) for i in range(steps)) * years / steps
        if (1 - short) * shortage - short * left_over - holding * waits < 0:
            return bought
        bought += 1


def best_base_stock(holding: float, shortage: float, chances: list[float]) -> tuple[int, float]:
    """The cheapest level of demand 0, 1, ... with these chances, each level costed by hand."""
    costs = [
        sum(p * (holding * max(level - d, 0) + shortage * max(d - level, 0)) for d, p in enumerate(chances))
        for level in range(len(chances))
    ]
    return min(range(len(costs)), key=lambda level: costs[level]), min(costs)


def lots_with_limits(
    order_cost: float, holding: float, owing: float | None, capacity: int, demand: list[int], stock: int = 0
) -> float:
    """Least cost of known demand: every order of every period is tried; infinite where nothing is possible."""
    if not demand:
        return 0.0 if stock >= 0 else float("inf")
    best = float("inf")
    for size in range(min(capacity, max(sum(demand) - stock, 0)) + 1):
        left = stock + size - demand[0]
        if left < 0 and owing is None:
            continue
        cost = (order_cost if size else 0.0) + holding * max(left, 0) + (owing or 0.0) * max(-left, 0)
        best = min(best, cost + lots_with_limits(order_cost, holding, owing, capacity, demand[1:], left))
    return best


def joint_order_by_enumeration(group: float, parts: list[float], flows: list[float], most: int) -> float:
    """Least cost of a joint order whose parts are in every m-th, m up to ``most``, each at its best T."""
    from itertools import product

    return min(
        (2 * (group + sum(k / m for k, m in zip(parts, many, strict=True)))
         * sum(h * m for h, m in zip(flows, many, strict=True))) ** 0.5
        for many in product(range(1, most + 1), repeat=len(parts))
    )  # fmt: skip


def horizon_cost(
    pmfs: list[list[float]], order_cost: float, holding: float, shortage: float, unit_cost: float, end_holding: float,
    end_shortage: float, discount: float, stock: int,
) -> float:  # fmt: skip
    """Least expected cost of a horizon by trying every order of every period, as a tree."""
    if not pmfs:
        return end_holding * max(stock, 0) + end_shortage * max(-stock, 0)
    top = sum(len(pmf) - 1 for pmf in pmfs)
    costs = []
    for level in range(stock, max(stock, top) + 1):
        cost = (order_cost if level > stock else 0.0) + unit_cost * (level - stock)
        for demand, chance in enumerate(pmfs[0]):
            left = level - demand
            onward = horizon_cost(
                pmfs[1:], order_cost, holding, shortage, unit_cost, end_holding, end_shortage, discount, left
            )
            cost += chance * (holding * max(left, 0) + shortage * max(-left, 0) + discount * onward)
        costs.append(cost)
    return min(costs)


def serial_cost(levels: list[int], holding: list[float], pmfs: list[list[float]], shortage: float) -> float:
    """Cost of whole echelon base stocks of a chain, customer-facing stage first, by the recursion of Chen and Zheng."""

    def cost(stage: int, level: int) -> float:
        total = 0.0
        for demand, chance in enumerate(pmfs[stage]):
            left = level - demand
            onward = (
                (shortage + sum(holding)) * max(-left, 0)
                if stage == 0
                else cost(stage - 1, min(levels[stage - 1], left))
            )
            total += chance * (holding[stage] * left + onward)
        return total

    return cost(len(levels) - 1, levels[-1])


def owed_by_a_pack(lead: float, review: float, ratio: float, level: int, batch: int) -> tuple[float, float]:
    """Mean and mean square of the pieces that a DC owes at a random time, every position of its pack in loops."""
    moments = (0.06943184420297371, 0.33000947820757187, 0.6699905217924281, 0.9305681557970262)
    weights = (0.17392742256872692, 0.32607257743127307, 0.32607257743127307, 0.17392742256872692)
    after = [pmf(k, lead, ratio) for k in range(far(lead, ratio))]
    owed = [
        [sum(chance * max(y - left, 0) ** power for y, chance in enumerate(after)) for power in (1, 2)]
        for left in range(level + batch)
    ]
    mean = square = 0.0
    for moment, weight in zip(moments, weights, strict=True):
        before = [pmf(k, moment * review, ratio) for k in range(far(moment * review, ratio))]
        for position in range(level, level + batch):
            for x, one in enumerate(before):
                short, squared = owed[max(position - x, 0)]
                mean += weight / batch * one * short
                square += weight / batch * one * squared
    return mean, square
