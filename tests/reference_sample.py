"""Figures of a set of demand series by the textbook: loops over series, no pandas. Twin and yardstick of the sample."""

from __future__ import annotations

import numpy as np

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


def fill_rate(level: int, lead_mean: float, review_mean: float, variance_to_mean: float) -> float:
    """Exact fill rate of an order-up-to level under negative binomial demand, summed term by term."""
    return 1 - (_loss(level, lead_mean + review_mean, variance_to_mean) - _loss(level, lead_mean, variance_to_mean)) / (
        review_mean
    )


def _loss(level: int, mean: float, variance_to_mean: float) -> float:
    if mean == 0:
        return 0.0
    size, odds = mean / (variance_to_mean - 1), (variance_to_mean - 1) / variance_to_mean
    chance = variance_to_mean**-size
    total = 0.0
    for demand in range(4000):
        total += max(demand - level, 0) * chance
        chance *= (size + demand) / (demand + 1) * odds
    return total
