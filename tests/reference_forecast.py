"""Slow obvious twins of the forecast's formulas: one series at a time, loops, textbook order."""

from __future__ import annotations

import itertools
import math

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


def reference_discounted_rate(
    demand: list[float], share: list[float], discount: float, prior: float, prior_periods: float
) -> float:
    """Discounted pieces and exposure by age, and a prior that weighs more the shorter the history is."""
    pieces = exposed = whole = 0.0
    for age, (d, w) in enumerate(zip(reversed(demand), reversed(share), strict=True)):
        whole += discount**age
        if not math.isnan(d):
            pieces += discount**age * d
            exposed += discount**age * w
    shown = 0.5 + (prior_periods * max(1.0 - exposed / whole, 0.0) if whole > 0 else 0.0)
    return (pieces + shown * prior) / (exposed + shown)


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
