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

from partsopt.routing.pool import (
    clients_on,
    copy_day,
    inlined,
    keep_best,
    lean,
    pool_touched,
    put_out,
    take_in,
    touch,
    trips_per_vehicle,
)
from partsopt.routing.route_problem import SearchState
from partsopt.routing.vanday import (
    ahead_of,
    alone,
    behind,
    can_carry,
    can_drive,
    close_gaps,
    cost_as,
    exchange_days,
    fits_type,
    has_room,
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
LAYOUT = 3041949008  # checksum of route_problem, pool and vanday: numba's cache notices changes of this file only


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
    trips = trips_per_vehicle(s)
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
        touch(s, row // trips)
        removed += _take_string(p, s, row, s.place_of[c], longest)
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
def _take_string(p: Any, s: SearchState, row: int, at: int, longest: float) -> int:
    """Take neighbours on a trip out, the client at a place among them, or all but some in their midst; how many."""
    n = s.length[row]
    top = min(float(n), longest)
    size = int(1.0 + _draw(s.draws) * top)
    if size > n:
        size = n
    kept = 0
    if size > 1 and size < n and _draw(s.draws) < SPLIT:
        kept = 1
        while size + kept < n and _draw(s.draws) > KEEP_GROWING:
            kept += 1
    window = size + kept
    low = max(0, at - window + 1)
    high = min(at, n - window)
    first = low + int(_draw(s.draws) * (high - low + 1))
    hole = 1 + int(_draw(s.draws) * (size - 1)) if kept else window
    for i in range(window):
        if i < hole or i >= hole + kept:
            put_out(p, s, s.nodes[row, first + i])
    return size


@lean
def _insert_best(p: Any, s: SearchState, c: int, opening: float) -> bool:
    """Put a client where it costs least; False where it fits nowhere or costs less out.

    Of what a vehicle of its own would cost only the share ``opening`` counts: others may join it there. A trip of its
    own is a place at -1.
    """
    trips = trips_per_vehicle(s)
    best, best_row, best_at, best_larger = INFINITE, -1, -1, -1
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
        if not p.allowed[p.vehicle_type[v], c]:
            continue
        for row in range(v * trips, v * trips + s.n_trips[v]):
            more, at, larger = _place_in_trip(p, s, c, row, best)
            if more < best:
                best, best_row, best_at, best_larger = more, row, at, larger
        more, row = _further_trip(p, s, c, v, best)
        if more < best:
            best, best_row, best_at, best_larger = more, row, -1, -1
    more, row = _vehicle_of_its_own(p, s, c, opening, best)
    if more < best:
        best, best_row, best_at, best_larger = more, row, -1, -1
    if best_row < 0 or best >= p.price_out[c]:
        return False
    _put(p, s, c, best_row, best_at, best_larger)
    return True


@inlined
def _place_in_trip(p: Any, s: SearchState, c: int, row: int, best: float) -> tuple[float, int, int]:
    """What a client adds at the cheapest place of a trip, the place, and the type that must drive it then, else -1.

    Infinite where no place adds less than ``best``. A larger type may take a vehicle's only trip over.
    """
    trips = trips_per_vehicle(s)
    v = row // trips
    k, n_trips = row - v * trips, s.n_trips[v]
    t = p.vehicle_type[v]
    home, reload = p.type_depot[t], p.type_reload[t]
    extra, rate, larger = p.type_per_client[t], p.type_per_distance[t], -1
    cheapest, cheapest_at = INFINITE, -1
    if not has_room(p, s, row, t, c):
        if s.counts[5] == 0 or n_trips > 1:
            return cheapest, -1, -1
        larger, extra = _larger(p, s, v, c)
        if larger < 0:
            return cheapest, -1, -1
        extra, rate = extra + p.type_per_client[larger], p.type_per_distance[larger]
    ready = s.ready[row] if s.ready[row] > p.release[c] else p.release[c]
    free = ready
    if k > 0:
        free = max(ready, s.ahead[row, 0] + s.ahead[row, 2] + reload)
    opens, closes, service = p.opens[c], p.closes[c], p.service[c]
    per_time, whole = p.type_per_time[t], s.ahead[v * trips + n_trips, 2]
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
            e, late, d = behind(s.before, row, i, s.travel_to[c, last], opens, closes, service)
            lateness = lateness_of(p, c, e, d, free)
            if late >= 0:
                e, late, d = ahead_of(s.after, row, i, p.travel[c, following], e, late, d)
            if late >= ready:
                if ready > e:
                    e = ready
                if k > 0:
                    e, late, d = join(s.ahead[row, 0], s.ahead[row, 1], s.ahead[row, 2], reload, e, late, d)
                if late >= 0 and k < n_trips - 1:
                    e, late, d = join(e, late, d, reload, s.behind[row, 0], s.behind[row, 1], s.behind[row, 2])
                if late >= 0 and d <= p.type_max_duration[t]:
                    more = extra + rate * longer + per_time * (d - whole) + lateness
                    if more < best:
                        best, cheapest, cheapest_at = more, more, i
        last = following
    return cheapest, cheapest_at, larger


@inlined
def _further_trip(p: Any, s: SearchState, c: int, v: int, best: float) -> tuple[float, int]:
    """What a client adds on a further trip of a vehicle's day where that is cheapest, and the row the trip would be.

    Infinite where none adds less than ``best``.
    """
    trips = trips_per_vehicle(s)
    t, n_trips = p.vehicle_type[v], s.n_trips[v]
    home, reload = p.type_depot[t], p.type_reload[t]
    cheapest, cheapest_row = INFINITE, -1
    if n_trips >= p.type_max_trips[t] or n_trips + 1 >= trips or not can_carry(p, t, c):
        return cheapest, -1
    longer = p.distance[home, c] + p.distance[c, home]
    if p.type_per_distance[t] * longer >= best:
        return cheapest, -1
    release = p.release[c]
    se, sl, sd = alone(p, t, home, c)
    if sl < release:
        return cheapest, -1
    if release > se:
        se = release
    before_c = sd - p.travel[c, home]
    whole = s.ahead[v * trips + n_trips, 2]
    for k in range(n_trips + 1):
        if _draw(s.draws) < BLINK:
            continue
        row = v * trips + k
        e, late, d = se, sl, sd
        free = release
        if k > 0:
            free = max(release, s.ahead[row, 0] + s.ahead[row, 2] + reload)
        lateness = lateness_of(p, c, se, before_c, free)
        if k > 0:
            e, late, d = join(s.ahead[row, 0], s.ahead[row, 1], s.ahead[row, 2], reload, e, late, d)
        if late >= 0 and k < n_trips:
            pe, pl, pd = trip_segment(p, s, row, home)
            e, late, d = join(e, late, d, reload, pe, pl, pd)
            if late >= 0 and k < n_trips - 1:
                e, late, d = join(e, late, d, reload, s.behind[row, 0], s.behind[row, 1], s.behind[row, 2])
        if late >= 0 and d <= p.type_max_duration[t]:
            more = p.type_per_distance[t] * longer + p.type_per_time[t] * (d - whole) + lateness + p.type_per_client[t]
            if more < best:
                best, cheapest, cheapest_row = more, more, row
    return cheapest, cheapest_row


@lean
def _vehicle_of_its_own(p: Any, s: SearchState, c: int, opening: float, best: float) -> tuple[float, int]:
    """What a client costs alone on the cheapest free vehicle, and its row; infinite where none costs less than best."""
    trips = trips_per_vehicle(s)
    cheapest, cheapest_row = INFINITE, -1
    for t in range(p.type_depot.shape[0]):
        if s.n_free[t] == 0 or not p.allowed[t, c] or not can_carry(p, t, c):
            continue
        home = p.type_depot[t]
        more = p.type_fixed[t] + p.type_per_distance[t] * (p.distance[home, c] + p.distance[c, home])
        more *= opening
        more += p.type_per_client[t]
        if more < best:
            e, late, d = alone(p, t, home, c)
            if late >= p.release[c]:
                more += opening * p.type_per_time[t] * d + lateness_of(p, c, e, d - p.travel[c, home], p.release[c])
                if d <= p.type_max_duration[t] and more < best:
                    best, cheapest, cheapest_row = more, more, s.free[t, s.n_free[t] - 1] * trips
    return cheapest, cheapest_row


@lean
def _put(p: Any, s: SearchState, c: int, row: int, at: int, larger: int) -> None:
    """Put a client into a trip, which a larger type takes over where one is named, or at -1 on a trip of its own."""
    trips = trips_per_vehicle(s)
    v = row // trips
    touch(s, v)
    if larger >= 0:
        partner = s.free[larger, s.n_free[larger] - 1]
        exchange_days(p, s, v, partner)
        v, row = partner, partner * trips
    take_in(p, s, c)
    if at >= 0:
        put_in(p, s, v, row, at, c)
        return
    for later in range(v * trips + s.n_trips[v], row, -1):
        s.length[later] = s.length[later - 1]
        for i in range(s.length[later - 1]):
            s.nodes[later, i] = s.nodes[later - 1, i]
    s.length[row] = 1
    s.nodes[row, 0] = c
    s.n_trips[v] += 1
    note_use(p, s, v)
    refresh(p, s, v)


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
    own, row = p.vehicle_type[v], v * trips_per_vehicle(s)
    for t in range(p.type_depot.shape[0]):
        if s.n_free[t] == 0 or t == own or not s.kin[own, t] or not p.allowed[t, c]:
            continue
        if has_room(p, s, row, t, c) and fits_type(p, s, v, t):
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
    for i in range(s.counts[1]):
        s.out_place[s.out[i]] = -1
    for i in range(n_out):
        s.out[i] = out_before[i]
        s.out_place[out_before[i]] = i
    s.counts[1] = n_out
    s.money[2] = money_out
    for i in range(s.counts[2]):
        v = s.touched[i]
        copy_day(v, s.saved_trips, s.saved_length, s.saved_nodes, s.n_trips, s.length, s.nodes)
        note_use(p, s, v)
        refresh(p, s, v)


@lean
def _exchange_ends(p: Any, s: SearchState, heat: float, pool_within: float) -> None:
    """Let trips of two vehicles of a type exchange their ends, so that a client follows one near to it (2-opt*).

    A few drawn exchanges, each taken as annealing would; most are ruled out by way, windows or load alone.
    """
    trips = trips_per_vehicle(s)
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
    trips = trips_per_vehicle(s)
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
