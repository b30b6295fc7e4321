"""Compiled loops over blocks of series; each has a plain twin in ``tests/reference.py``.

Kernels know no names: rows are series, columns are periods or levels. They release the interpreter's lock and are
cached beside the module.
"""

from __future__ import annotations

from math import exp, isnan, lgamma, log, sqrt
from typing import Any, TypeAlias

import numpy as np
from numba import njit

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

LONGEST_SUM = 4000.0
"""Negative binomial probabilities are summed up to this many pieces; beyond, a gamma of same mean and variance."""
LARGEST_OVER = 2.0
"""A quantile of the ratio table counts for so many times the negative binomial's at most (decision 0076)."""


@njit(cache=True, nogil=True)
def discounted_rates(
    demand: Array,
    time: Array,
    starts: Array,
    ends: Array,
    discounts: Array,
    frequency: float,
    usual_size: float,
    size_demands: float,
    prior_periods: float,
    rates: Array,
    moments: Array,
) -> None:
    """Power-discounted rates at several origins, and the sums from which a series' own dispersion follows.

    Parameters
    ----------
    demand
        Pieces, shape (series, periods), NaN where not observed.
    time
        Exposure of each period, same shape; shape (0, 0) where every observed period counts in full.
    starts
        First column of each series, shape (series,).
    ends
        Origins, shape (origins,), rising: columns from an origin on are not known there.
    discounts
        Weight of a period against the one after it, shape (discounts,); what was seen ages only by the periods, or
        parts of periods, that were seen after it.
    frequency, usual_size, size_demands
        Share of periods with demand and size of a demand over all series. A series' own size is drawn towards the
        usual one, by logarithm, as if it had shown ``size_demands`` demands of that.
    prior_periods
        A series counts as having shown ``frequency`` times its size for half a period, and for up to
        ``prior_periods`` more as far as its history is shorter than the whole.
    rates
        Written: pieces per period, shape (origins, series, discounts + 1): at each discount, and last as if the series
        had begun with its first demand, no period discounted.
    moments
        Written: exposure, demand, squared demand, demand x exposure, squared exposure, number of demands, size, and the
        geometric mean of the exposure and of that from the first demand on, shape (origins, series, 8).
    """
    n_discounts, n_ends = len(discounts), len(ends)
    whole = np.zeros((n_ends, n_discounts))
    for place in range(n_ends):
        for _ in range(ends[place]):
            for j in range(n_discounts):
                whole[place, j] = discounts[j] * whole[place, j] + 1.0
    pieces, exposed = np.empty(n_discounts), np.empty(n_discounts)
    has_time = time.size > 0
    towards = size_demands * log(usual_size) if usual_size > 0.0 else 0.0
    for i in range(len(demand)):
        for j in range(n_discounts):  # assigning slices takes long to compile
            pieces[j], exposed[j] = 0.0, 0.0
        m0 = m1 = m2 = m3 = m4 = m5 = before = 0.0
        t = starts[i]
        for place in range(n_ends):
            while t < ends[place]:
                y = demand[i, t]
                e = 1.0
                if isnan(y):
                    y = 0.0
                    e = 0.0
                elif has_time:
                    e = time[i, t]
                if e == 1.0:
                    for j in range(n_discounts):
                        pieces[j] = discounts[j] * pieces[j] + y
                        exposed[j] = discounts[j] * exposed[j] + 1.0
                elif e > 0.0:
                    for j in range(n_discounts):
                        kept = discounts[j] ** e
                        pieces[j] = kept * pieces[j] + y
                        exposed[j] = kept * exposed[j] + e
                m0 += e
                m1 += y
                m2 += y * y
                m3 += y * e
                m4 += e * e
                if y > 0.0:
                    if m5 == 0.0:
                        before = m0 - e
                    m5 += 1.0
                t += 1
            size = usual_size
            if m5 > 0.0 and usual_size > 0.0:
                size = exp((m5 * log(m1 / m5) + towards) / (m5 + size_demands))
            for j in range(n_discounts):
                missing = 0.0
                if whole[place, j] > 0.0 and exposed[j] < whole[place, j]:
                    missing = prior_periods * (1.0 - exposed[j] / whole[place, j])
                shown = 0.5 + missing
                rates[place, i, j] = (pieces[j] + shown * frequency * size) / (exposed[j] + shown)
            since = m0 - before
            missing = prior_periods * max(1.0 - since / ends[place], 0.0) if ends[place] > 0 else 0.0
            shown = 0.5 + missing
            rates[place, i, n_discounts] = (m1 + shown * frequency * size) / (since + shown)
            moments[place, i, 0], moments[place, i, 1], moments[place, i, 2] = m0, m1, m2
            moments[place, i, 3], moments[place, i, 4], moments[place, i, 5] = m3, m4, m5
            moments[place, i, 6] = size
            moments[place, i, 7] = sqrt(m0 * (m0 - before))


@njit(cache=True, nogil=True)
def chances_alive(
    demand: Array, time: Array, starts: Array, origins: Array, ends: Array, pause: float, out: Array
) -> None:
    """Chance that each series still sells, by how long it has been silent.

    Parameters
    ----------
    demand, time, starts
        As for :func:`discounted_rates`.
    origins
        Columns from an origin on are not known there, shape (origins,), rising.
    ends
        Chances that a series ends in a period, to choose from, shape (ends,).
    pause
        A period is silent with this chance at least, however regularly the series sold.
    out
        Written: shape (origins, series, ends); 1 where demand came back from a silence as long before, or never came at
        all.

    Notes
    -----
    A series that sold in *n* of *t* periods stays silent in the next with chance *(t - n + 1/2) / (t + 1)*, the mean of
    a beta distribution from 1/2, 1/2. With the odds of having ended *o*, each silent period makes them *(o + ends) /
    chance*: Fader, Hardie & Shang (2010), Marketing Science 29, 1086-1108, with one chance of ending for all.
    """
    has_time = time.size > 0
    for i in range(len(demand)):
        if len(origins) == 1 and starts[i] < origins[0] and demand[i, origins[0] - 1] > 0.0:
            for j in range(len(ends)):
                out[0, i, j] = 1.0
            continue
        sold = seen = silent = longest = seen_at_demand = 0.0
        t = after_demand = starts[i]
        for place in range(len(origins)):
            while t < origins[place]:
                y = demand[i, t]
                e = 0.0 if isnan(y) else time[i, t] if has_time else 1.0
                t += 1
                seen += e
                is_sold = y > 0.0  # chosen, not branched on: demand is not foretold by a processor either
                longest = max(longest, silent) if is_sold else longest
                sold = sold + 1.0 if is_sold else sold
                silent = silent + e if not is_sold and sold > 0.0 else 0.0
                after_demand = t if is_sold else after_demand
                seen_at_demand = seen if is_sold else seen_at_demand
            if silent <= longest:
                for j in range(len(ends)):
                    out[place, i, j] = 1.0
                continue
            odds, before = 0.0, seen_at_demand  # of having ended, by the chance to end in a period
            for u in range(after_demand, t):
                e = time[i, u] if has_time else 1.0
                if isnan(demand[i, u]) or e <= 0.0:
                    continue
                chance = max((before - sold + 0.5) / (before + 1.0), pause)
                if e != 1.0:
                    chance = chance**e
                odds = min((odds + e) / chance, 1e300)
                before += e
            for j in range(len(ends)):
                out[place, i, j] = 1.0 / (1.0 + ends[j] * odds)


@njit(cache=True, nogil=True)
def credibility_weights(rates: Array, total: Array, weight: Array, horizon: float, start: Array) -> Array:
    """Non-negative weights of rates that explain totals best: Poisson quasi-likelihood by Fisher scoring.

    Parameters
    ----------
    rates
        Shape (rows, rates), pieces per period.
    total
        Pieces over the horizon that followed, shape (rows,).
    weight
        Weight of each row, shape (rows,).
    horizon
        Periods.
    start
        First guess, shape (rates,), also what the weights keep to where the rows do not tell.

    Returns
    -------
    Array
        Shape (rates,).
    """
    n, k = rates.shape
    found = start.copy()
    for _ in range(3):
        square, cross = np.zeros((k, k)), np.zeros(k)
        for i in range(n):
            mu = 1e-9
            for a in range(k):
                mu += rates[i, a] * found[a] * horizon
            one = weight[i] / mu
            for a in range(k):
                part = one * horizon * rates[i, a]
                cross[a] += part * total[i]
                for b in range(a + 1):
                    square[a, b] += part * horizon * rates[i, b]
        scale = 0.0
        for a in range(k):
            for b in range(a):
                square[b, a] = square[a, b]
            scale += square[a, a] / k
        ridge = 1e-3 * scale
        for a in range(k):
            square[a, a] += ridge
            cross[a] += ridge * start[a]
        if scale <= 0.0:
            return found
        for _sweep in range(200):
            change = 0.0
            for a in range(k):
                gradient = cross[a]
                for b in range(k):
                    gradient -= square[a, b] * found[b]
                new = max(found[a] + gradient / square[a, a], 0.0)
                change = max(change, abs(new - found[a]))
                found[a] = new
            if change < 1e-5:
                break
    return found


@njit(cache=True, nogil=True)
def _gamma_probability(shape: float, x: float) -> float:
    """Regularised lower incomplete gamma function, by series or continued fraction."""
    if x <= 0.0:
        return 0.0
    front = exp(shape * log(x) - x - lgamma(shape))
    if x < shape + 1.0:
        term = total = 1.0 / shape
        at = shape
        while term > total * 1e-14:
            at += 1.0
            term *= x / at
            total += term
        return min(front * total, 1.0)
    b = x + 1.0 - shape
    c = 1e300
    d = 1.0 / b
    h = d
    for i in range(1, 500):
        a = -i * (i - shape)
        b += 2.0
        d = a * d + b
        d = 1.0 / (d if abs(d) > 1e-300 else 1e-300)
        c = b + a / c
        c = c if abs(c) > 1e-300 else 1e-300
        h *= d * c
        if abs(d * c - 1.0) < 1e-13:
            break
    return max(1.0 - front * h, 0.0)


@njit(cache=True, nogil=True)
def _gamma_quantile(shape: float, level: float, z: float) -> float:
    """Quantile of the gamma of scale 1: Wilson and Hilferty (1931) from shape 20 on, else by halving."""
    if shape >= 20.0:
        root = 1.0 - 1.0 / (9.0 * shape) + z / (3.0 * sqrt(shape))
        return shape * max(root, 0.0) ** 3
    low, high = -700.0, log(shape + 40.0 + 10.0 * sqrt(shape))
    for _ in range(60):
        middle = 0.5 * (low + high)
        if _gamma_probability(shape, exp(middle)) < level:
            low = middle
        else:
            high = middle
    return exp(high)


@njit(cache=True, nogil=True)
def smooth_levels(mean: float, ratio: float, levels: Array, z: Array, out: Array) -> None:
    """Quantiles of a negative binomial plus an even spread of half a piece either side.

    Parameters
    ----------
    mean, ratio
        Pieces, and variance over mean.
    levels, z
        Probabilities, rising, and the standard normal's quantiles there, shape (levels,).
    out
        Written: pieces, shape (levels,). The whole-piece quantile is the next whole number from ``out - 1/2`` up.
    """
    n = len(levels)
    if mean <= 0.0:
        for j in range(n):
            out[j] = levels[j] - 0.5
        return
    excess = ratio - 1.0
    is_poisson = excess < 1e-9
    size = 0.0 if is_poisson else mean / excess
    log_first = -mean if is_poisson else -size * log(ratio)
    if log_first < -600.0 or mean + 6.0 * sqrt(mean * max(ratio, 1.0)) > LONGEST_SUM:
        spread = max(ratio, 1.0)
        shape = mean / spread
        for j in range(n):
            out[j] = _gamma_quantile(shape, levels[j], z[j]) * spread
        return
    fail = 0.0 if is_poisson else excess / ratio
    probability = exp(log_first)
    below, k, j = 0.0, 0.0, 0
    while j < n:
        if below + probability >= levels[j]:
            out[j] = k - 0.5 + (levels[j] - below) / probability
            j += 1
            continue
        if k > 4.0 * LONGEST_SUM:
            out[j] = k
            j += 1
            continue
        below += probability
        probability *= mean / (k + 1.0) if is_poisson else (size + k) / (k + 1.0) * fail
        k += 1.0


@njit(cache=True, nogil=True)
def _cells(mean: float, ratio: float, centres: Array, edges: Array, at: int) -> tuple[int, int, int, int, float]:
    """The two cells of nearest mean, in the class of like dispersion of each, and the share of the second."""
    n = centres.shape[1]
    upper = 0
    while upper < n and centres[at, upper] < mean:
        upper += 1
    lower = max(upper - 1, 0)
    i = 0
    while i < edges.shape[2] and edges[at, lower, i] < ratio:
        i += 1
    if upper == 0 or upper == n:
        return lower, i, lower, i, 0.0
    j = 0
    while j < edges.shape[2] and edges[at, upper, j] < ratio:
        j += 1
    return lower, i, upper, j, (mean - centres[at, lower]) / (centres[at, upper] - centres[at, lower])


@njit(cache=True, nogil=True)
def total_quantiles(
    mean: Array,
    means: Array,
    ratios: Array,
    place: Array,
    levels: Array,
    z: Array,
    kept: Array,
    centres: Array,
    edges: Array,
    table: Array,
    table_weight: float,
    out: Array,
) -> None:
    """Smooth quantiles of totals: at a learnt horizon the mean of the negative binomial's and the ratio table's.

    A table's is cut off at LARGEST_OVER times the negative binomial's, both counted from -1/2.

    A longer horizon has no smaller quantile: at learnt horizons none is below that of a shorter one; between two the
    pieces above -1/2 are carried on in proportion to the mean (by logarithm), and outside of them as the negative
    binomial of the nearest one.

    Parameters
    ----------
    mean
        Mean of the total asked for, shape (series,).
    means, ratios
        Mean of the total at each learnt horizon and its variance over mean, shape (series, horizons).
    place
        How many of the learnt horizons are shorter than that asked for, shape (series,).
    levels, z
        Probabilities, rising, and the standard normal's quantiles, shape (levels,).
    kept
        The level whose table entry stands for each level, shape (levels,), itself or the last the table knows.
    centres, edges, table
        The ratio table: means, shape (horizons, means); upper edges of dispersion, shape (horizons, means,
        dispersions - 1); ratios at the levels, shape (horizons, means, dispersions, levels).
    table_weight
        Weight of the table's quantile against the negative binomial's.
    out
        Written: pieces, shape (series, levels), from -1/2 up, rising along levels.
    """
    n, n_horizons = len(levels), means.shape[1]
    smooth, before, reached = np.empty(n), np.empty(n), np.empty(n)
    for i in range(len(mean)):
        last = min(place[i], n_horizons - 1)
        for j in range(n):
            reached[j] = -0.5
        for at in range(last + 1):
            m = means[i, at]
            smooth_levels(m, ratios[i, at], levels, z, smooth)
            for j in range(n):
                before[j] = reached[j]
            has_table = table_weight > 0.0 and m > 0.0
            if has_table:
                lower, low_class, upper, high_class, share = _cells(m, ratios[i, at], centres, edges, at)
                first, second = (1.0 - share) * centres[at, lower], share * centres[at, upper]
                if share == 0.0:
                    first = m
                nothing = max(1.0 - m / centres[at, 0], 0.0)
            for j in range(n):
                q = smooth[j]
                if has_table:
                    k = kept[j]
                    total = first * table[at, lower, low_class, k] + second * table[at, upper, high_class, k]
                    total += nothing * (levels[k] - 0.5)
                    total = min(total, LARGEST_OVER * (smooth[k] + 0.5) - 0.5)
                    q += table_weight * (total - smooth[k])
                reached[j] = max(reached[j], q)
                if j > 0:
                    reached[j] = max(reached[j], reached[j - 1])
        learnt = means[i, last]
        if mean[i] == learnt:
            for j in range(n):
                out[i, j] = reached[j]
            continue
        if last > 0 and mean[i] < learnt:
            shorter = means[i, last - 1]
            share = 0.0 if mean[i] <= shorter else 1.0
            if 0.0 < shorter < mean[i]:
                share = log(mean[i] / shorter) / log(learnt / shorter)
            for j in range(n):
                low, high = max(before[j] + 0.5, 1e-300), max(reached[j] + 0.5, 1e-300)
                between = exp((1.0 - share) * log(low) + share * log(high)) - 0.5
                out[i, j] = min(max(between, before[j]), reached[j])
        else:
            smooth_levels(learnt, ratios[i, last], levels, z, before)
            smooth_levels(mean[i], ratios[i, last], levels, z, smooth)
            for j in range(n):
                out[i, j] = (smooth[j] + 0.5) * ((reached[j] + 0.5) / max(before[j] + 0.5, 1e-300)) - 0.5
        for j in range(1, n):
            out[i, j] = max(out[i, j], out[i, j - 1])


@njit(cache=True, nogil=True)
def weighted_means(rates: Array, strata: Array, key: Array, weights: Array, out: Array) -> None:
    """Sum of weights times rates, the weights being those of each row's stratum.

    Parameters
    ----------
    rates
        Shape (rows, rates).
    strata
        Rates up to which each stratum reaches, shape (strata - 1,), rising.
    key
        What decides the stratum, shape (rows,).
    weights
        Shape (strata, rates).
    out
        Written: shape (rows,).
    """
    for i in range(len(rates)):
        stratum = 0
        while stratum < len(strata) and strata[stratum] < key[i]:
            stratum += 1
        total = 0.0
        for j in range(rates.shape[1]):
            total += weights[stratum, j] * rates[i, j]
        out[i] = total
