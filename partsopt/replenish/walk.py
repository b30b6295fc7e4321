"""Compiled kernels that walk up a demand distribution piece by piece.

Each has a slow twin in the tests, and the incomplete-beta formulas of :mod:`partsopt.replenish.service` as
oracle. They are compiled once and cached on disk, and let other threads run.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

LONGEST_WALK = 4096  # steps; a level beyond is left open
LARGEST_MEAN = 600.0  # demand that averages more is left open: its first probability would underflow
CLOSE = 1e-9  # a measure this near to its limit, relative to the scale, is left open: rounding could decide it
LEAST_ASKED = 1e-5  # a review that asks for less than this share of what is under way is left open: digits cancel
NEGLIGIBLE = 1e-17  # probability below which a walk over a DC's backorders ends, past the mean
LONGEST_STAIRS = 8192  # levels and neighbouring positions of one part; a longer staircase is left open
EXACT_UP_TO = 400.0  # mean demand of a dealer over T + L; above, its sum with what the DC owes is matched by moments
MOST_SUMMED = 150_000  # pieces owed to a dealer times its mean demand and batch; beyond, moments again
MOST_ADDED = 200_000  # products of demand before and over the lead time; with more, pieces are counted by the lot
MOST_LOTS = 600  # in which a demand on a DC too large to walk is counted
TEN_SDS = 10.0  # standard deviations that such a demand reaches
MOST_OWED = 128  # outcomes of what a DC owes
ALONE = 8  # of which the first stand one by one
MOST_LATE = 512  # pieces that a DC owes one dealer
LEFT_OUT = 1e-8  # probability of the largest demands on a DC that is not walked
TOO_SMALL = 1e-12  # probability of a number of pieces owed to one dealer that is not looked at
RARELY = 1e-6  # chance of demand between two reviews above the position that is not looked at
# Gauss and Legendre's four points: a random time between two reviews
RANDOM_TIMES = (0.06943184420297371, 0.33000947820757187, 0.6699905217924281, 0.9305681557970262)
RANDOM_TIME_WEIGHTS = (0.17392742256872692, 0.32607257743127307, 0.32607257743127307, 0.17392742256872692)


@njit(cache=True, nogil=True)
def fill_rate_walk(
    target: Floats, mean_lead: Floats, mean_protection: Floats, variance_to_mean: Floats, weights: Floats
) -> Wholes:
    """The smallest S of each row whose fill rate reaches the target; -1 where rounding or size leaves it open.

    Shapes (n,) for target and variance_to_mean, (n, k) for the others.
    """
    n, k = mean_protection.shape
    found = np.empty(n, dtype=np.int64)
    pmf, above, per_step, sign = np.empty(2 * k), np.empty(2 * k), np.empty(2 * k), np.empty(2 * k)
    for i in range(n):
        v = variance_to_mean[i]
        q = 1.0 - 1.0 / v
        per_piece = math.log(v) / (v - 1.0) if v - 1.0 >= 1e-9 else 1.0
        if v - 1.0 < 1e-9:
            q = 0.0
        unmet, asked, total, used, is_open = 0.0, 0.0, 0.0, 0, v > 1e6
        for j in range(k):
            if weights[i, j] == 0.0:
                continue
            asked += weights[i, j] * (mean_protection[i, j] - mean_lead[i, j])
            total += weights[i, j] * mean_protection[i, j]
            if mean_protection[i, j] > LARGEST_MEAN:
                is_open = True
            for late in range(2):
                mean = mean_lead[i, j] if late else mean_protection[i, j]
                if mean <= 0.0:
                    continue
                pmf[used] = math.exp(-mean * per_piece)
                above[used] = -math.expm1(-mean * per_piece)
                per_step[used] = mean * (1.0 - q)
                sign[used] = -weights[i, j] if late else weights[i, j]
                unmet += sign[used] * mean
                used += 1
        if is_open or asked < LEAST_ASKED * total:
            found[i] = -1
            continue
        limit, slack = (1.0 - target[i]) * asked, CLOSE * asked
        level = 0
        while unmet > limit + slack and level < LONGEST_WALK:
            drop = 0.0
            for j in range(used):
                drop += sign[j] * above[j]
                pmf[j] *= (per_step[j] + level * q) / (level + 1)
                above[j] -= pmf[j]
            unmet -= drop
            level += 1
        is_near = asked > 0.0 and unmet > limit - slack
        found[i] = -1 if is_near or level == LONGEST_WALK else level
    return found


@njit(cache=True, nogil=True)
def cycle_service_walk(target: Floats, mean_protection: Floats, variance_to_mean: Floats, weights: Floats) -> Wholes:
    """The smallest S of each row with P(D <= S) >= target; -1 where rounding or size leaves it open."""
    n, k = mean_protection.shape
    found = np.empty(n, dtype=np.int64)
    pmf, per_step = np.empty(k), np.empty(k)
    for i in range(n):
        v = variance_to_mean[i]
        q = 1.0 - 1.0 / v
        per_piece = math.log(v) / (v - 1.0) if v - 1.0 >= 1e-9 else 1.0
        if v - 1.0 < 1e-9:
            q = 0.0
        exceeds, is_open = 0.0, v > 1e6
        for j in range(k):
            if mean_protection[i, j] > LARGEST_MEAN:
                is_open = True
                break
            pmf[j] = math.exp(-mean_protection[i, j] * per_piece)
            per_step[j] = mean_protection[i, j] * (1.0 - q)
            exceeds += weights[i, j] * (1.0 - pmf[j])
        if is_open:
            found[i] = -1
            continue
        limit, level = 1.0 - target[i], 0
        while exceeds > limit + CLOSE and level < LONGEST_WALK:
            for j in range(k):
                pmf[j] *= (per_step[j] + level * q) / (level + 1)
                exceeds -= weights[i, j] * pmf[j]
            level += 1
        is_near = exceeds > limit - CLOSE
        found[i] = -1 if is_near or level == LONGEST_WALK else level
    return found


@njit(cache=True, nogil=True)
def thinned_service(
    dc: Wholes,
    dc_level: Wholes,
    dc_on_order: Floats,
    share: Floats,
    own_mean: Floats,
    mean: Floats,
    level: Wholes,
) -> tuple[Floats, Floats]:
    """Backorders and fill rate of Poisson(own_mean) plus a binomial share of (Poisson(on order) - level)+.

    Only outcomes below the dealer's level are added up: E(X - S)+ = E X - S + sum over x < S of (S - x) P(X = x).
    """
    n = len(dc)
    short, met = np.empty(n), np.empty(n)
    for i in range(n):
        s, q, on_order, s0 = level[i], share[i], dc_on_order[dc[i]], dc_level[dc[i]]
        of_dc = np.zeros(max(s, 1))
        # P(binomial(B0, q) = k) for k < s, summed over B0 = b
        total, b = 0.0, 0
        log_mean = math.log(on_order) if on_order > 0.0 else 0.0
        none_owed = math.exp(-on_order) if on_order > 0.0 else 1.0
        running = none_owed
        for x in range(1, s0 + 1):
            running *= on_order / x
            none_owed += running
        if none_owed > 1.0:
            none_owed = 1.0
        of_dc[0] = none_owed
        if on_order > 0.0:
            while True:
                b += 1
                x = s0 + b
                chance = math.exp(x * log_mean - on_order - math.lgamma(x + 1.0))
                if x > on_order and chance < NEGLIGIBLE:
                    break
                total += chance
                if q >= 1.0:
                    if b < s:
                        of_dc[b] += chance
                    continue
                term = math.exp(b * math.log1p(-q)) * chance
                for k in range(min(b, s - 1) + 1):
                    of_dc[k] += term
                    term *= (b - k) / (k + 1.0) * q / (1.0 - q)
        own = math.exp(-own_mean[i])
        own_pmf = np.empty(max(s, 1))
        for x in range(s):
            own_pmf[x] = own
            own *= own_mean[i] / (x + 1.0)
        below, spare = 0.0, 0.0
        for x in range(s):
            chance = 0.0
            for k in range(x + 1):
                chance += of_dc[k] * own_pmf[x - k]
            below += chance
            spare += (s - x) * chance
        short[i] = max(mean[i] - s + spare, 0.0)
        met[i] = min(below, 1.0)
    return short, met


@njit(cache=True, nogil=True)
def demand_pmf(mean: float, ratio: float, most_left: float, pmf: Floats) -> int:
    """Fill ``pmf`` up to where no more than ``most_left`` is beyond; its length, -1: too long."""
    if mean > LARGEST_MEAN or ratio > 1e6:
        return -1
    q = 1.0 - 1.0 / ratio if ratio - 1.0 >= 1e-9 else 0.0
    per_piece = math.log(ratio) / (ratio - 1.0) if ratio - 1.0 >= 1e-9 else 1.0
    chance, per_step, beyond = math.exp(-mean * per_piece), mean * (1.0 - q), 1.0
    for x in range(len(pmf)):
        pmf[x] = chance
        beyond -= chance
        if beyond <= most_left and x >= mean:
            return x + 1
        chance *= (per_step + x * q) / (x + 1)
    return -1


@njit(cache=True, nogil=True)
def demand_at_random(
    lead: Floats, protection: Floats, ratio: float, weights: Floats, pmf: Floats, below: Floats
) -> int:
    """Fill ``below[x]`` with P(demand since the position was set < x) at a random time; its length, -1: too long.

    At a time the last order that has come in was placed between L and T + L ago, with equal chance.
    """
    longest = 0
    for x in range(len(below)):
        below[x] = 0.0
    for j in range(len(weights)):
        for t in range(len(RANDOM_TIMES)):
            if weights[j] == 0.0:
                continue
            mean = lead[j] + RANDOM_TIMES[t] * (protection[j] - lead[j])
            n = demand_pmf(mean, ratio, LEFT_OUT, pmf)
            if n < 0:
                return -1
            longest = max(longest, n)
            for x in range(n):
                below[x + 1] += weights[j] * RANDOM_TIME_WEIGHTS[t] * pmf[x]
    for x in range(longest):
        below[x + 1] = min(below[x + 1] + below[x], 1.0)
    return longest


@njit(cache=True, nogil=True)
def owed_pmf(
    below: Floats,
    longest: int,
    level: int,
    batch: int,
    lead: Floats,
    protection: Floats,
    ratio: float,
    weights: Floats,
    first: Floats,
    pmf: Floats,
    room: Floats,
    owed: Floats,
) -> int:
    """Fill ``owed[b]``, b above 0, with P(the DC owes b) for positions S .. S + batch - 1; its length.

    Demand between two reviews takes the position down to 0 and no further, for pieces owed beyond it are ordered at
    once: where that matters the demand up to then (``first``) and that over the lead time (``pmf``) are added up
    (:func:`add_owed`), pieces counted by lots of ``step`` where they are many. ``room`` is to work in.
    """
    last = RANDOM_TIMES[len(RANDOM_TIMES) - 1]
    widest = 0.0
    for j in range(len(weights)):
        if weights[j] > 0.0:
            widest = max(widest, last * (protection[j] - lead[j]))
    reach = demand_pmf(widest, ratio, RARELY, first)
    top = max(longest - level, 0)
    for b in range(top + 1):
        owed[b] = 0.0
    early = min(max(reach - level, 0), batch)  # positions that demand may take down to 0
    if early < batch:
        low, high = level + early, level + batch - 1
        for b in range(1, longest - low + 1):
            upper = below[high + b + 1] if high + b < longest else 1.0
            owed[b] += max(upper - below[min(low + b, longest)], 0.0) / batch
    if early == 0:
        return top + 1
    for j in range(len(weights)):
        if weights[j] == 0.0:
            continue
        n = demand_pmf(lead[j], ratio, LEFT_OUT, pmf)
        by_lot = 1
        for t in range(len(RANDOM_TIMES)):
            n_first = demand_pmf(RANDOM_TIMES[t] * (protection[j] - lead[j]), ratio, LEFT_OUT, first)
            step = max(math.ceil(math.sqrt((level + early) * n / MOST_ADDED)), by_lot)
            if step > by_lot:
                n, by_lot = lotted(pmf, n, step, by_lot), step
            n_first = lotted(first, n_first, step, 1)
            last = (level + early - 1) // step + 1
            for place in range(last + 1):
                room[place] = 0.0
            for at in range(level, level + early):
                low, beyond = at // step, (at % step) / step
                room[low] += 1.0 - beyond
                room[low + 1] += beyond
            chance = weights[j] * RANDOM_TIME_WEIGHTS[t] / batch
            add_owed(room[: last + 1], first[:n_first], pmf[:n], 0, chance, step, top, room[last + 1 :], owed)
    return top + 1


@njit(cache=True, nogil=True)
def demand_lots(mean: float, ratio: float, step: int, pmf: Floats) -> tuple[int, int]:
    """Fill ``pmf`` with demand counted by lots of ``step``; the first lot with a chance, and the length.

    Any mean: begins at its far side, where the chance is found by logarithms of factorials, and ends with all of it
    but what is ten standard deviations off.
    """
    if mean <= 0.0:
        pmf[0] = 1.0
        return 0, 1
    spread = TEN_SDS * math.sqrt(mean * ratio)
    start, end = max(int(mean - spread), 0), int(mean + spread + 2 * TEN_SDS * (ratio - 1.0)) + 1
    n = end // step + 2
    if n > len(pmf):
        return 0, -1
    for lot in range(n):
        pmf[lot] = 0.0
    if ratio - 1.0 < 1e-9:
        q, log_chance = 0.0, start * math.log(mean) - mean - math.lgamma(start + 1.0)
    else:
        q, size = 1.0 - 1.0 / ratio, mean / (ratio - 1.0)
        log_chance = math.lgamma(start + size) - math.lgamma(size) - math.lgamma(start + 1.0)
        log_chance += start * math.log(q) - size * math.log(ratio)
    chance, per_step, total = math.exp(log_chance), mean * (1.0 - q), 0.0
    for x in range(start, end + 1):
        low, beyond = x // step, (x % step) / step
        pmf[low] += chance * (1.0 - beyond)
        pmf[low + 1] += chance * beyond
        total += chance
        chance *= (per_step + x * q) / (x + 1)
    for lot in range(n):
        pmf[lot] /= total
    return start // step, n


@njit(cache=True, nogil=True)
def owed_lots(
    level: int,
    batch: int,
    lead: Floats,
    protection: Floats,
    ratio: float,
    weights: Floats,
    first: Floats,
    pmf: Floats,
    room: Floats,
    owed: Floats,
) -> tuple[int, int]:
    """:func:`owed_pmf` of demand too large to walk, in lots; pieces of a lot and the length, -1: spread too far."""
    most = 0.0
    for j in range(len(weights)):
        most = max(most, protection[j])
    if ratio > 1e4 or most > 1e8:
        return 1, -1
    longest = int(most + TEN_SDS * math.sqrt(most * ratio) + 2 * TEN_SDS * (ratio - 1.0)) + 1
    step = longest // MOST_LOTS + 1
    top = longest // step + 1
    for b in range(top + 1):
        owed[b] = 0.0
    held = min(batch, max(longest - level, 0))  # further positions owe nothing
    last = (level + held) // step + 2 if held > 0 else 0
    for place in range(last):
        room[place] = 0.0
    for at in range(level, level + held):
        low, beyond = at // step, (at % step) / step
        room[low] += 1.0 - beyond
        room[low + 1] += beyond
    for j in range(len(weights)):
        if weights[j] == 0.0:
            continue
        low, n = demand_lots(lead[j], ratio, step, pmf)
        for t in range(len(RANDOM_TIMES)):
            _, n_first = demand_lots(RANDOM_TIMES[t] * (protection[j] - lead[j]), ratio, step, first)
            if n < 0 or n_first < 0:
                return step, -1
            chance = weights[j] * RANDOM_TIME_WEIGHTS[t] / batch
            add_owed(room[:last], first[:n_first], pmf[:n], low, chance, 1, top, room[last:], owed)
    return step, top + 1


@njit(cache=True, nogil=True)
def lotted(pmf: Floats, n: int, step: int, was: int) -> int:
    """Count pieces by lots of ``step`` instead of ``was``, each between two lots by its distance; the new length."""
    if step == was:
        return n
    last = ((n - 1) * was) // step + 1
    for x in range(n):
        chance = pmf[x]
        pmf[x] = 0.0
        low, beyond = (x * was) // step, ((x * was) % step) / step
        pmf[low] += chance * (1.0 - beyond)
        pmf[low + 1] += chance * beyond
    return last + 1


@njit(cache=True, nogil=True)
def add_owed(
    positions: Floats,
    first: Floats,
    pmf: Floats,
    low: int,
    chance: float,
    step: int,
    top: int,
    sums: Floats,
    owed: Floats,
) -> None:
    """Add what is owed when demand has taken each position down, to 0 at most, and the lead time's demand followed.

    ``low`` is the first entry of ``pmf`` with a chance. ``sums[y]`` adds up the chances that both demands are y and the
    first left something of the position; a position one higher has one more of the first, so that all positions cost no
    more than one sum.
    """
    n, n_first, last = len(pmf), len(first), len(positions)
    for y in range(last + n):
        sums[y] = 0.0
    taken = 0.0
    most = top // step
    for at in range(last):
        weight = chance * positions[at]
        if weight > 0.0:
            rest = max(1.0 - taken, 0.0)
            for b in range(1, min(most + 1, n)):
                owed[b * step] += weight * (sums[at + b] + rest * pmf[b])
        if at < n_first:
            taken += first[at]
            if first[at] > 0.0:
                for k in range(low, n):
                    sums[at + k] += first[at] * pmf[k]


@njit(cache=True, nogil=True)
def gathered(owed: Floats, top: int, pieces: Wholes, chance: Floats) -> tuple[int, float, float, float]:
    """Outcomes above 0 with their chances: their number, mean, variance, and mean square over mean.

    Up to ``ALONE`` pieces each outcome stands alone; further ones are gathered on a grid that keeps the mean.
    """
    mean, square, used = 0.0, 0.0, 0
    step = max((top + MOST_OWED - 2 * ALONE - 3) // (MOST_OWED - ALONE - 1), 1)
    for b in range(1, top):
        mean += b * owed[b]
        square += b * b * owed[b]
        if step == 1 or b <= ALONE:
            pieces[used], chance[used] = b, owed[b]
            used += 1
            continue
        left = ALONE - 1 + (b - ALONE) // step  # the place of the grid at or below b
        while used <= left + 1:
            pieces[used], chance[used] = ALONE + (used + 1 - ALONE) * step, 0.0
            used += 1
        beyond = (b - pieces[left]) / step
        chance[left] += owed[b] * (1.0 - beyond)
        chance[left + 1] += owed[b] * beyond
    return used, mean, max(square - mean * mean, 0.0), square / mean if mean > 0.0 else 0.0


@njit(cache=True, nogil=True)
def thinned(pieces: Wholes, chance: Floats, used: int, share: float, concentration: float, late: Floats) -> int:
    """Fill ``late[k]`` with P(a dealer is owed k), a beta-binomial share of what the DC owes; its length.

    A concentration without end is the binomial share of demands that come one by one.
    """
    late[0] = 1.0
    for place in range(used):
        late[0] -= chance[place]
    filled = 1
    none, passed = 1.0, 0
    alpha, beta = share * concentration, (1.0 - share) * concentration
    for place in range(used):
        b, p = pieces[place], chance[place]
        if p <= 0.0:
            continue
        last = min(b, len(late) - 1)
        while filled <= last:
            late[filled] = 0.0
            filled += 1
        if share > 1.0 - 1e-9:
            late[last] += p
            continue
        while passed < b:
            none *= (beta + passed) / (concentration + passed)
            passed += 1
        term = none * p
        for k in range(last + 1):
            late[k] += term
            if k > share * b and term < TOO_SMALL:
                break
            term *= ((b - k) * (alpha + k)) / ((k + 1.0) * (beta + b - k - 1.0))
    while filled > 1 and late[filled - 1] < TOO_SMALL:
        filled -= 1
    return filled


@njit(cache=True, nogil=True)
def owed_walk(
    level: Wholes, batch: Wholes, lead: Floats, protection: Floats, variance_to_mean: Floats, weights: Floats
) -> tuple[Wholes, Wholes, Floats, Floats, Floats, Floats]:
    """What each DC-part owes at a random time: outcomes and their chances, mean, variance, mean square over mean.

    The mean is NaN where size leaves it open.
    """
    n = len(level)
    start, filled = np.zeros(n + 1, dtype=np.int64), 0
    pieces, chance = np.empty(n * 8 + MOST_OWED, dtype=np.int64), np.empty(n * 8 + MOST_OWED)
    mean, variance, owing = np.empty(n), np.empty(n), np.empty(n)
    below, owed = np.empty(LONGEST_STAIRS + 2), np.empty(LONGEST_STAIRS + 2)
    first, pmf, room = np.empty(LONGEST_STAIRS), np.empty(LONGEST_STAIRS + 1), np.empty(4 * LONGEST_STAIRS)
    of_row, chance_of_row = np.empty(MOST_OWED + 1, dtype=np.int64), np.empty(MOST_OWED + 1)
    for i in range(n):
        start[i] = filled
        demand = lead[i], protection[i], variance_to_mean[i], weights[i]
        longest, step = demand_at_random(*demand, pmf, below), 1
        if longest < 0:
            step, top = owed_lots(level[i], batch[i], *demand, first, pmf, room, owed)
        else:
            top = owed_pmf(below, longest, level[i], batch[i], *demand, first, pmf, room, owed)
        if top < 0:
            mean[i], variance[i], owing[i] = np.nan, np.nan, np.nan
            continue
        used, mean[i], variance[i], owing[i] = gathered(owed, top, of_row, chance_of_row)
        mean[i], variance[i], owing[i] = step * mean[i], step * step * variance[i], step * owing[i]
        for place in range(used):
            of_row[place] *= step
        if filled + used > len(pieces):
            more, more_chance = np.empty(2 * len(pieces), dtype=np.int64), np.empty(2 * len(pieces))
            for place in range(filled):  # assigning slices takes seconds to compile
                more[place], more_chance[place] = pieces[place], chance[place]
            pieces, chance = more, more_chance
        for place in range(used):
            pieces[filled + place], chance[filled + place] = of_row[place], chance_of_row[place]
        filled += used
    start[n] = filled
    return start, pieces[:filled].copy(), chance[:filled].copy(), mean, variance, owing


@njit(cache=True, nogil=True)
def level_walk(
    lead: Floats,
    protection: Floats,
    ratio: float,
    weights: Floats,
    batch: int,
    lowest: int,
    highest: int,
    floor: float,
    cap: float,
    by_cycle: bool,
    late: Floats,
    n_late: int,
    late_mean: float,
    late_variance: float,
    own: Floats,
    unmet: Floats,
    exceeded: Floats,
    level: Wholes,
    fill: Floats,
    cycle: Floats,
) -> int:
    """Levels of one part and what they promise, from the first that reaches ``floor`` to that of ``cap``.

    What the DC owes the part adds to the demand of both ends of a cycle: with ``n_late`` outcomes as a sum over
    them, with none as a negative binomial of the same mean and variance. Gives the number of levels, -1 where
    size leaves it open. ``own``, ``unmet`` and ``exceeded`` are room to work in.
    """
    k = len(weights)
    pmf, per_step, above = np.empty(2 * k), np.empty(2 * k), np.empty(2 * k)
    q, sign = np.empty(2 * k), np.empty(2 * k)
    missing, asked, total, terms = 0.0, 0.0, 0.0, 0
    if ratio > 1e6 or lowest + batch > LONGEST_STAIRS:
        return -1
    for j in range(k):
        if weights[j] == 0.0:
            continue
        asked += weights[j] * (protection[j] - lead[j])
        total += weights[j] * protection[j]
        for end in range(2):
            mean, v = (lead[j] if end else protection[j]), ratio
            if n_late == 0 and late_mean > 0.0:
                v = max((mean * v + late_variance) / (mean + late_mean), 1.0)
                mean += late_mean
            if mean > LARGEST_MEAN or v > 1e6:
                return -1
            if mean <= 0.0 and n_late == 0:
                continue
            q[terms] = 1.0 - 1.0 / v if v - 1.0 >= 1e-9 else 0.0
            per_piece = math.log(v) / (v - 1.0) if v - 1.0 >= 1e-9 else 1.0
            pmf[terms] = math.exp(-mean * per_piece)
            per_step[terms] = mean * (1.0 - q[terms])
            sign[terms] = -weights[j] if end else weights[j]
            missing += sign[terms] * mean
            if n_late > 0:
                own[terms, 0] = pmf[terms]
                above[terms] = 1.0 - pmf[terms] * late[0]
            else:
                above[terms] = -math.expm1(-mean * per_piece)
            terms += 1
    if asked < LEAST_ASKED * total:
        return -1
    walked, at, used, best = 0, lowest, 0, 0.0
    short, over = 0.0, 0.0
    while True:
        while walked < at + batch:
            unmet[walked] = max(missing, 0.0)
            exceeds, drop = 0.0, 0.0
            for j in range(terms):
                drop += sign[j] * above[j]
                if sign[j] > 0.0:
                    exceeds += sign[j] * max(above[j], 0.0)
                pmf[j] *= (per_step[j] + walked * q[j]) / (walked + 1)
                if n_late > 0:
                    own[j, walked + 1] = pmf[j]
                    for m in range(min(walked + 2, n_late)):
                        above[j] -= late[m] * own[j, walked + 1 - m]
                else:
                    above[j] -= pmf[j]
            exceeded[walked] = exceeds
            if walked >= lowest:
                short += unmet[walked]
                over += exceeds
            missing -= drop
            walked += 1
        served = 1.0 - short / batch / asked if asked > 0.0 else 1.0
        best = min(max(served, best), 1.0)
        in_stock = min(max(1.0 - over / batch, 0.0), 1.0)
        reached = in_stock if by_cycle else best
        is_last = at >= highest or reached >= cap or at + 1 + batch > LONGEST_STAIRS
        if reached >= floor or is_last:
            level[used], fill[used], cycle[used] = at, best, in_stock
            used += 1
        if is_last:
            return used
        short -= unmet[at]
        over -= exceeded[at]
        at += 1


@njit(cache=True, nogil=True)
def chain_walk(
    lead: Floats,
    protection: Floats,
    variance_to_mean: Floats,
    weights: Floats,
    batch: Wholes,
    lowest: Wholes,
    highest: Wholes,
    floor: Floats,
    cap: Floats,
    by_cycle: bool,
    of: Wholes,
    share: Floats,
    concentration: Floats,
    owed_start: Wholes,
    owed_pieces: Wholes,
    owed_chance: Floats,
    late_mean: Floats,
    late_variance: Floats,
) -> tuple[Wholes, Wholes, Floats, Floats]:
    """Levels of every part as in :func:`level_walk`, one part after the other; none where size leaves it open.

    ``of`` is the DC-part that owes a part, -1 where none does.
    """
    n, k = protection.shape
    start, filled = np.zeros(n + 1, dtype=np.int64), 0
    level, fill, cycle = np.empty(2 * n + 1024, dtype=np.int64), np.empty(2 * n + 1024), np.empty(2 * n + 1024)
    own = np.empty((2 * k, LONGEST_STAIRS + 2))
    unmet, exceeded, late = np.empty(LONGEST_STAIRS + 1), np.empty(LONGEST_STAIRS + 1), np.empty(MOST_LATE)
    row_level, row_fill, row_cycle = (
        np.empty(LONGEST_STAIRS, dtype=np.int64),
        np.empty(LONGEST_STAIRS),
        np.empty(LONGEST_STAIRS),
    )
    for i in range(n):
        start[i] = filled
        n_late, largest = 0, 0.0
        for j in range(k):
            largest = max(largest, protection[i, j])
        if of[i] >= 0 and late_mean[i] > 0.0 and largest <= EXACT_UP_TO:
            first, last = owed_start[of[i]], owed_start[of[i] + 1]
            # a dealer that may be owed more than can be walked is matched by moments
            if last > first and share[i] * owed_pieces[last - 1] <= MOST_LATE / 2:
                n_late = thinned(
                    owed_pieces[first:last], owed_chance[first:last], last - first, share[i], concentration[i], late
                )
                if n_late * (largest + batch[i]) > MOST_SUMMED:
                    n_late = 0
        used = level_walk(
            lead[i], protection[i], variance_to_mean[i], weights[i], batch[i], lowest[i], highest[i], floor[i], cap[i],
            by_cycle, late, n_late, late_mean[i], late_variance[i], own, unmet, exceeded,
            row_level, row_fill, row_cycle,
        )  # fmt: skip
        if used <= 0:
            continue
        if filled + used > len(level):
            size = 2 * (filled + used)
            more_level, more_fill, more_cycle = np.empty(size, dtype=np.int64), np.empty(size), np.empty(size)
            for place in range(filled):
                more_level[place], more_fill[place], more_cycle[place] = level[place], fill[place], cycle[place]
            level, fill, cycle = more_level, more_fill, more_cycle
        for place in range(used):
            level[filled + place] = row_level[place]
            fill[filled + place] = row_fill[place]
            cycle[filled + place] = row_cycle[place]
        filled += used
    start[n] = filled
    return start, level[:filled].copy(), fill[:filled].copy(), cycle[:filled].copy()


@njit(cache=True, nogil=True)
def on_hand_walk(level: Wholes, batch: Wholes, mean: Floats, variance_to_mean: Floats, weights: Floats) -> Floats:
    """Weighted mean of E(s - X)+ over the positions s = S .. S + batch - 1 and the demands of each row's columns.

    Shapes (n,) for level, batch and variance_to_mean, (n, k) for the others; NaN where size leaves it open.
    """
    n, k = mean.shape
    held = np.empty(n)
    for i in range(n):
        v = variance_to_mean[i]
        q = 1.0 - 1.0 / v
        per_piece = math.log(v) / (v - 1.0) if v - 1.0 >= 1e-9 else 1.0
        if v - 1.0 < 1e-9:
            q = 0.0
        last = level[i] + batch[i]
        is_open = v > 1e6 or last > LONGEST_WALK
        total = 0.0
        for j in range(k):
            if weights[i, j] == 0.0:
                continue
            if is_open or mean[i, j] > LARGEST_MEAN:
                is_open = True
                break
            pmf = math.exp(-mean[i, j] * per_piece)
            per_step = mean[i, j] * (1.0 - q)
            below, left, summed = pmf, 0.0, 0.0
            for at in range(last):
                if at >= level[i]:
                    summed += left
                left += below
                pmf *= (per_step + at * q) / (at + 1)
                below += pmf
            total += weights[i, j] * summed / batch[i]
        held[i] = np.nan if is_open else total
    return held
