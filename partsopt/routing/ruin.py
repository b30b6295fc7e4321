"""Ruin and recreate on routes of whole numbers, compiled: the fast source of columns for the delivery plan.

Slack induction by string removals (Christiaens & Vanden Berghe 2020, Transportation Science 54(2), 417-433), with
what the trade needs beyond it: several trips of a vehicle with reloading, a release for each trip, several depots,
a longest duration, a mixed fleet with fixed, distance and time costs, deliveries that may stay out at a price.
Every state it passes through keeps all rules. It is stopped by a number of iterations and draws from its own
generator, so that the same problem, seed and iterations give the same routes on any machine.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from partsopt.routing.pool import clients_on, keep_best, lean, pool_touched, put_out, take_in, touch
from partsopt.routing.route_problem import SearchState
from partsopt.routing.vanday import (
    alone,
    can_drive,
    close_gaps,
    cost_as,
    exchange_days,
    fits_type,
    join,
    lateness_of,
    note_use,
    put_in,
    refresh,
    spliced,
    trip_segment,
)

NEAREST = 200
LONGEST_STRING = 10.0
MEAN_REMOVED = 10.0
BLINK = 0.01
SPLIT = 0.5
KEEP_GROWING = 0.99
REFIT = 0.5
OPENING = 0.25
IN_TIME = 0.5
ENDS_TRIED = 8
ENDS_NEAR = 12
WAITING_TRIED = 12
LOOKED_AT_FIRST = 4
INFINITE = 1e300
LAYOUT = 1547501840  # checksum of route_problem, pool and vanday: numba's cache notices changes of this file only


@numba.njit(cache=True)
def _draw(draws: Any) -> float:
    """A number in [0, 1): splitmix64 (Steele, Lea & Flood 2014)."""
    draws[0] += np.uint64(0x9E3779B97F4A7C15)
    z = draws[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@numba.njit(cache=True)
def _ruin(p: Any, s: SearchState) -> int:
    """Take strings of neighbouring trips out; give how many clients."""
    n_rows = 0
    served = 0
    trips = s.saved_length.shape[0] // s.n_trips.shape[0]
    for i in range(s.counts[0]):
        v = s.used[i]
        n_rows += s.n_trips[v]
        served += clients_on(s, v)
    if served == 0:
        return 0
    mean_length = served / n_rows
    longest = min(LONGEST_STRING, mean_length)
    most = 4.0 * MEAN_REMOVED / (1.0 + longest) - 1.0
    n_strings = int(1.0 + _draw(s.draws) * most)
    n_all = p.loads.shape[0] - p.n_depots
    seed = p.n_depots + int(_draw(s.draws) * n_all)
    removed = 0
    ruined = np.empty(n_strings, dtype=np.int64)
    n_ruined = 0
    in_time = s.counts[7] > 0 and _draw(s.draws) < IN_TIME
    for j in range(s.near.shape[1]):
        c = s.near_in_time[seed - p.n_depots, j] if in_time else s.near[seed - p.n_depots, j]
        if n_ruined >= n_strings:
            break
        if s.out_place[c] >= 0:
            continue
        row = s.row_of[c]
        known = False
        for i in range(n_ruined):
            if ruined[i] == row:
                known = True
        if known:
            continue
        ruined[n_ruined] = row
        n_ruined += 1
        v = row // trips
        touch(s, v)
        n = s.length[row]
        top = min(float(n), longest)
        size = int(1.0 + _draw(s.draws) * top)
        if size > n:
            size = n
        at = s.place_of[c]
        kept = 0
        if size > 1 and size < n and _draw(s.draws) < SPLIT:
            kept = 1
            while size + kept < n and _draw(s.draws) > KEEP_GROWING:
                kept += 1
        window = size + kept
        low = max(0, at - window + 1)
        high = min(at, n - window)
        first = low + int(_draw(s.draws) * (high - low + 1))
        hole = window
        if kept:
            hole = 1 + int(_draw(s.draws) * (size - 1)) if size > 1 else 1
        for i in range(window):
            if kept and hole <= i < hole + kept:
                continue
            put_out(p, s, s.nodes[row, first + i])
            removed += 1
    for i in range(s.counts[2]):
        v = s.touched[i]
        close_gaps(p, s, v)
        if not can_drive(p, s, v):  # where the straight way takes longer than one by another client
            for row in range(v * trips, v * trips + s.n_trips[v]):
                for place in range(s.length[row]):
                    put_out(p, s, s.nodes[row, place])
                    removed += 1
            close_gaps(p, s, v)
    return removed


@lean
def _insert_best(p: Any, s: SearchState, c: int, opening: float) -> bool:
    """Put a client where it costs least; False where it fits nowhere or costs less out.

    Of what a vehicle of its own would cost only the share ``opening`` counts: others may join it there.
    """
    trips = s.saved_length.shape[0] // s.n_trips.shape[0]
    measures = p.loads.shape[1]
    best = INFINITE
    best_row, best_at, is_new, best_larger = -1, -1, False, -1
    has_kinds = s.counts[5] > 0
    opens, closes, service, release = p.opens[c], p.closes[c], p.service[c], p.release[c]
    s.stamp[-1] += 1
    stamp = s.stamp[-1]
    beside = s.near.shape[1]
    looked = 0
    u = -beside - 1
    while True:
        u += 1
        if u < 0 and looked >= LOOKED_AT_FIRST:
            u = 0
        if u >= s.counts[0]:
            break
        if u < 0:  # first the vehicles of the nearest clients, so that the rest is soon ruled out by distance
            other = s.near[c - p.n_depots, u + beside]
            if s.out_place[other] >= 0:
                continue
            looked += 1
            v = s.row_of[other] // trips
        else:
            v = s.used[u]
        if s.stamp[v] == stamp:
            continue
        s.stamp[v] = stamp
        t = p.vehicle_type[v]
        if not p.allowed[t, c]:
            continue
        home = p.type_depot[t]
        per_distance, per_time = p.type_per_distance[t], p.type_per_time[t]
        n_trips = s.n_trips[v]
        whole = s.ahead[v * trips + n_trips, 2]
        for k in range(n_trips):
            row = v * trips + k
            fits = True
            for measure in range(measures):
                if s.load[row, measure] + p.loads[c, measure] > p.type_capacity[t, measure]:
                    fits = False
            extra, rate, larger = p.type_per_client[t], per_distance, -1
            if not fits:
                if not has_kinds or n_trips > 1:
                    continue
                larger, extra = _larger(p, s, v, c)
                if larger < 0:
                    continue
                extra, rate = extra + p.type_per_client[larger], p.type_per_distance[larger]
            ready = s.ready[row] if s.ready[row] > release else release
            free = ready
            if k > 0:
                free = max(ready, s.ahead[row, 0] + s.ahead[row, 2] + p.type_reload[t])
            n = s.length[row]
            last = home
            for i in range(n + 1):
                following = s.nodes[row, i] if i < n else home
                longer = s.to[c, last] + p.distance[c, following] - s.leg[row, i]
                if extra + rate * longer < best:
                    if s.before[row, i, 0] + s.before[row, i, 2] + s.travel_to[c, last] > closes:
                        break
                    if _draw(s.draws) < BLINK:
                        last = following
                        continue
                    e, late, d = join(
                        s.before[row, i, 0],
                        s.before[row, i, 1],
                        s.before[row, i, 2],
                        s.travel_to[c, last],
                        opens,
                        closes,
                        service,
                    )
                    lateness = lateness_of(p, c, e, d, free)
                    if late >= 0:
                        e, late, d = join(
                            e,
                            late,
                            d,
                            p.travel[c, following],
                            s.after[row, i, 0],
                            s.after[row, i, 1],
                            s.after[row, i, 2],
                        )
                    if late >= ready:
                        if ready > e:
                            e = ready
                        if k > 0:
                            e, late, d = join(
                                s.ahead[row, 0], s.ahead[row, 1], s.ahead[row, 2], p.type_reload[t], e, late, d
                            )
                        if late >= 0 and k < n_trips - 1:
                            e, late, d = join(
                                e, late, d, p.type_reload[t], s.behind[row, 0], s.behind[row, 1], s.behind[row, 2]
                            )
                        if late >= 0 and d <= p.type_max_duration[t]:
                            more = extra + rate * longer + per_time * (d - whole) + lateness
                            if more < best:
                                best, best_row, best_at, is_new, best_larger = more, row, i, False, larger
                last = following
        if n_trips < p.type_max_trips[t] and n_trips + 1 < trips:
            fits = True
            for measure in range(measures):
                if p.loads[c, measure] > p.type_capacity[t, measure]:
                    fits = False
            longer = p.distance[home, c] + p.distance[c, home]
            if fits and per_distance * longer < best:
                se, sl, sd = alone(p, t, home, c)
                if sl < release:
                    continue
                if release > se:
                    se = release
                before_c = sd - p.travel[c, home]
                for k in range(n_trips + 1):
                    if _draw(s.draws) < BLINK:
                        continue
                    row = v * trips + k
                    e, late, d = se, sl, sd
                    free = release
                    if k > 0:
                        free = max(release, s.ahead[row, 0] + s.ahead[row, 2] + p.type_reload[t])
                    lateness = lateness_of(p, c, se, before_c, free)
                    if k > 0:
                        e, late, d = join(
                            s.ahead[row, 0], s.ahead[row, 1], s.ahead[row, 2], p.type_reload[t], e, late, d
                        )
                    if late >= 0 and k < n_trips:
                        pe, pl, pd = trip_segment(p, s, row, home)
                        e, late, d = join(e, late, d, p.type_reload[t], pe, pl, pd)
                        if late >= 0 and k < n_trips - 1:
                            e, late, d = join(
                                e, late, d, p.type_reload[t], s.behind[row, 0], s.behind[row, 1], s.behind[row, 2]
                            )
                    if late >= 0 and d <= p.type_max_duration[t]:
                        more = per_distance * longer + per_time * (d - whole) + lateness + p.type_per_client[t]
                        if more < best:
                            best, best_row, best_at, is_new, best_larger = more, row, 0, True, -1
    for t in range(p.type_depot.shape[0]):
        if s.n_free[t] == 0 or not p.allowed[t, c]:
            continue
        fits = True
        for measure in range(measures):
            if p.loads[c, measure] > p.type_capacity[t, measure]:
                fits = False
        home = p.type_depot[t]
        more = p.type_fixed[t] + p.type_per_distance[t] * (p.distance[home, c] + p.distance[c, home])
        more *= opening
        more += p.type_per_client[t]
        if fits and more < best:
            e, late, d = alone(p, t, home, c)
            if late >= release:
                more += opening * p.type_per_time[t] * d + lateness_of(p, c, e, d - p.travel[c, home], release)
                if d <= p.type_max_duration[t] and more < best:
                    best, best_row, is_new, best_larger = more, s.free[t, s.n_free[t] - 1] * trips, True, -1
                    best_at = 0
    if best_row < 0 or best >= p.price_out[c]:
        return False
    v = best_row // trips
    touch(s, v)
    if best_larger >= 0:
        partner = s.free[best_larger, s.n_free[best_larger] - 1]
        exchange_days(p, s, v, partner)
        v, best_row = partner, partner * trips
    take_in(p, s, c)
    if not is_new:
        put_in(p, s, v, best_row, best_at, c)
        return True
    for row in range(v * trips + s.n_trips[v], best_row, -1):
        s.length[row] = s.length[row - 1]
        for i in range(s.length[row - 1]):
            s.nodes[row, i] = s.nodes[row - 1, i]
    s.length[best_row] = 1
    s.nodes[best_row, 0] = c
    s.n_trips[v] += 1
    note_use(p, s, v)
    refresh(p, s, v)
    return True


@numba.njit(cache=True)
def _recreate(p: Any, s: SearchState, removed: int, most_tried: int) -> None:
    """Put back what was taken out, and try some of what was out before, in one of seven orders."""
    n_out = s.counts[1]
    n_before = n_out - removed
    tried = min(n_before, most_tried)
    for i in range(tried):
        j = i + int(_draw(s.draws) * (n_before - i))
        a, b = s.out[i], s.out[j]
        s.out[i], s.out[j] = b, a
        s.out_place[a], s.out_place[b] = j, i
    queue = np.empty(removed + tried, dtype=np.int64)
    keys = np.empty(removed + tried, dtype=np.float64)
    for i in range(tried):
        queue[i] = s.out[i]
    for i in range(removed):
        queue[tried + i] = s.out[n_before + i]
    kind = _draw(s.draws) * 17.0
    for i in range(len(queue)):
        c = queue[i]
        if kind < 4.0:
            keys[i] = _draw(s.draws)
        elif kind < 8.0:
            keys[i] = -float(p.loads[c, 0])
        elif kind < 10.0:
            keys[i] = -float(p.distance[0, c])
        elif kind < 11.0:
            keys[i] = float(p.distance[0, c])
        elif kind < 13.0:
            keys[i] = float(p.closes[c] - p.opens[c])
        elif kind < 15.0:
            keys[i] = float(p.opens[c])
        else:
            keys[i] = -float(p.closes[c])
    opening = _draw(s.draws) if _draw(s.draws) < OPENING else 1.0
    order = np.argsort(keys, kind="mergesort")
    for i in order:
        _insert_best(p, s, queue[i], opening)


@lean
def _larger(p: Any, s: SearchState, v: int, c: int) -> tuple[int, float]:
    """The type that could take a client more on a vehicle's only trip at least cost, and what the change costs."""
    best, extra = -1, INFINITE
    own, row = p.vehicle_type[v], v * (s.saved_length.shape[0] // s.n_trips.shape[0])
    for t in range(p.type_depot.shape[0]):
        if s.n_free[t] == 0 or t == own or not s.kin[own, t] or not p.allowed[t, c]:
            continue
        fits = True
        for measure in range(p.loads.shape[1]):
            if s.load[row, measure] + p.loads[c, measure] > p.type_capacity[t, measure]:
                fits = False
        if fits and fits_type(p, s, v, t):
            change = cost_as(p, s, v, t) - s.cost[v]
            if change < extra:
                best, extra = t, change
    return best, extra


@lean
def _exchange_types(p: Any, s: SearchState) -> None:
    """Give a touched day the vehicle that drives it for less: a free one, or in exchange with another."""
    for i in range(s.counts[2]):
        v = s.touched[i]
        if s.n_trips[v] == 0:
            continue
        t = p.vehicle_type[v]
        best, partner = -1e-6, -1
        for other in range(p.type_depot.shape[0]):
            if other != t and s.n_free[other] > 0 and fits_type(p, s, v, other):
                gain = cost_as(p, s, v, other) - s.cost[v]
                if gain < best:
                    best, partner = gain, s.free[other, s.n_free[other] - 1]
        for u in range(s.counts[0]):
            w = s.used[u]
            other = p.vehicle_type[w]
            if other == t or not s.kin[t, other] or not s.kin[other, t]:
                continue
            gain = cost_as(p, s, v, other) + cost_as(p, s, w, t) - s.cost[v] - s.cost[w]
            if gain < best and fits_type(p, s, v, other) and fits_type(p, s, w, t):
                best, partner = gain, w
        if partner >= 0:
            exchange_days(p, s, v, partner)


@lean
def _undo(p: Any, s: SearchState, n_out: int, money_out: float, out_before: Any) -> None:
    """Put the touched vehicles and what was out back as they were."""
    trips = s.saved_length.shape[0] // s.n_trips.shape[0]
    for i in range(s.counts[1]):
        s.out_place[s.out[i]] = -1
    for i in range(n_out):
        s.out[i] = out_before[i]
        s.out_place[out_before[i]] = i
    s.counts[1] = n_out
    s.money[2] = money_out
    for i in range(s.counts[2]):
        v = s.touched[i]
        s.n_trips[v] = s.saved_trips[v]
        for k in range(s.saved_trips[v]):
            row = v * trips + k
            s.length[row] = s.saved_length[row]
            for j in range(s.saved_length[row]):
                s.nodes[row, j] = s.saved_nodes[row, j]
        note_use(p, s, v)
        refresh(p, s, v)


@lean
def _exchange_ends(p: Any, s: SearchState, heat: float, pool_within: float) -> None:
    """Let trips of two vehicles of a type exchange their ends, so that a client follows one near to it (2-opt*).

    A few drawn exchanges, each taken as annealing would; most are ruled out by way, windows or load alone.
    """
    trips = s.saved_length.shape[0] // s.n_trips.shape[0]
    n_all = p.loads.shape[0] - p.n_depots
    nearest = min(ENDS_NEAR, s.near.shape[1] - 1)
    for _ in range(ENDS_TRIED if nearest > 0 else 0):
        c = p.n_depots + int(_draw(s.draws) * n_all)
        beside = 1 + int(_draw(s.draws) * nearest)
        in_time = _draw(s.draws) < IN_TIME
        d = s.near_in_time[c - p.n_depots, beside] if in_time else s.near[c - p.n_depots, beside]
        if s.out_place[c] >= 0 or s.out_place[d] >= 0:
            continue
        a, b = s.row_of[c], s.row_of[d]
        v, w = a // trips, b // trips
        if v == w or p.vehicle_type[v] != p.vehicle_type[w]:
            continue
        bearable = -heat * np.log(1.0 - _draw(s.draws))
        i, j = s.place_of[c] + 1, s.place_of[d]
        if not _ends_fit(p, s, a, i, b, j, bearable):
            continue
        before = s.cost[v] + s.cost[w]
        touch(s, v)
        touch(s, w)
        _swap_ends(s, a, i, b, j)
        close_gaps(p, s, v)
        close_gaps(p, s, w)
        change = s.cost[v] + s.cost[w] - before
        if change < bearable and can_drive(p, s, v) and can_drive(p, s, w):
            s.money[0] += change
            if s.money[0] < s.money[1] * (1.0 + pool_within):
                pool_touched(p, s)
            if s.money[0] < s.money[1] - 1e-6:
                s.money[1] = s.money[0]
                keep_best(s)
        else:
            _undo(p, s, s.counts[1], s.money[2], s.out)
        s.is_touched[v] = 0
        s.is_touched[w] = 0
        s.counts[2] = 0


@lean
def _ends_fit(p: Any, s: SearchState, a: int, i: int, b: int, j: int, bearable: float) -> bool:
    """Whether row a may end as row b does from j on, and b as a from i on, by way, windows and load; i is above 0."""
    trips = s.saved_length.shape[0] // s.n_trips.shape[0]
    t = p.vehicle_type[a // trips]
    home = p.type_depot[t]
    n_a, n_b = s.length[a], s.length[b]
    c, d = s.nodes[a, i - 1], s.nodes[b, j]
    before_d = s.nodes[b, j - 1] if j > 0 else home
    after_c = s.nodes[a, i] if i < n_a else home
    longer = p.distance[c, d] + p.distance[before_d, after_c] - s.leg[a, i] - s.leg[b, j]
    later = p.travel[c, d] + p.travel[before_d, after_c] - p.travel[c, after_c] - p.travel[before_d, d]
    change = p.type_per_distance[t] * longer + p.type_per_time[t] * later
    if j == 0 and i == n_a and s.n_trips[b // trips] == 1:
        change -= p.type_fixed[t]
    if change >= bearable:
        return False
    _, late, _ = spliced(s, a, i, p.travel[c, d], b, j)
    if late < 0:
        return False
    _, late, _ = spliced(s, b, j, p.travel[before_d, after_c], a, i)
    if late < 0:
        return False
    for measure in range(p.loads.shape[1]):
        moved = 0
        for place in range(i, n_a):
            moved += p.loads[s.nodes[a, place], measure]
        for place in range(j, n_b):
            moved -= p.loads[s.nodes[b, place], measure]
        most = p.type_capacity[t, measure]
        if s.load[a, measure] - moved > most or s.load[b, measure] + moved > most:
            return False
    return True


@lean
def _swap_ends(s: SearchState, a: int, i: int, b: int, j: int) -> None:
    """Exchange what row a has from i on with what row b has from j on."""
    n_a, n_b = s.length[a], s.length[b]
    for k in range(max(n_a - i, n_b - j)):
        from_a = s.nodes[a, i + k] if i + k < n_a else -1
        from_b = s.nodes[b, j + k] if j + k < n_b else -1
        if from_b >= 0:
            s.nodes[a, i + k] = from_b
        if from_a >= 0:
            s.nodes[b, j + k] = from_a
    s.length[a], s.length[b] = i + n_b - j, j + n_a - i


@numba.njit(cache=True, nogil=True)
def construct(p: Any, s: SearchState) -> None:
    """A first plan: the days given, and every other client in turn where it costs least."""
    s.counts[2] = 0
    for v in range(s.n_trips.shape[0]):
        if s.n_trips[v] > 0:
            note_use(p, s, v)
            refresh(p, s, v)
    _recreate(p, s, 0, s.counts[1])
    total = 0.0
    for i in range(s.counts[0]):
        total += s.cost[s.used[i]]
    s.money[0] = total + s.money[2]
    s.money[1] = s.money[0]
    keep_best(s)
    for i in range(s.counts[2]):
        s.is_touched[s.touched[i]] = 0


@numba.njit(cache=True, nogil=True)
def iterate(p: Any, s: SearchState, iterations: int, hot: float, cold: float, pool_within: float) -> None:
    """Anneal from one temperature to the other over so many iterations."""
    cooling = (cold / hot) ** (1.0 / max(iterations, 1))
    heat = hot
    out_before = np.empty(s.out.shape[0], dtype=np.int64)
    for _ in range(iterations):
        s.counts[2] = 0
        if s.counts[7]:
            _exchange_ends(p, s, heat, pool_within)
        n_out, money_out = s.counts[1], s.money[2]
        for i in range(n_out):
            out_before[i] = s.out[i]
        removed = _ruin(p, s)
        if s.counts[5] and _draw(s.draws) < REFIT:
            _exchange_types(p, s)
        _recreate(p, s, removed, WAITING_TRIED)
        if s.counts[5]:
            _exchange_types(p, s)
        total = 0.0
        for i in range(s.counts[0]):
            total += s.cost[s.used[i]]
        money = total + s.money[2]
        if money < s.money[1] * (1.0 + pool_within):
            pool_touched(p, s)
        if money < s.money[0] - heat * np.log(1.0 - _draw(s.draws)):
            s.money[0] = money
            if money < s.money[1] - 1e-6:
                s.money[1] = money
                keep_best(s)
        else:
            _undo(p, s, n_out, money_out, out_before)
        for i in range(s.counts[2]):
            s.is_touched[s.touched[i]] = 0
        heat *= cooling
