"""A vehicle's day under search, compiled: its segments, times and cost, and the changes of one day."""

from __future__ import annotations

from typing import Any

import numba

from partsopt.routing.pool import clients_on, lean, touch
from partsopt.routing.route_problem import NEVER, SearchState


@numba.njit(cache=True)
def join(ea: int, la: int, da: int, between: int, eb: int, lb: int, db: int) -> tuple[int, int, int]:
    """Two segments driven one after the other: earliest and latest start without more waiting, duration.

    Latest before earliest (-1) says that it cannot be done. Vidal et al. (2013), Computers & OR 40(1), 475-489.
    """
    shift = da + between
    if ea + shift > lb:
        return 0, -1, 0
    wait = eb - shift - la
    if wait < 0:
        wait = 0
    early = ea if ea > eb - shift else eb - shift
    late = la if la < lb - shift else lb - shift
    return early - wait, late, shift + db + wait


@lean
def spliced(s: SearchState, row: int, i: int, between: int, other: int, j: int) -> tuple[int, int, int]:
    """The first i clients of a trip, then those of another trip from its j-th on, as a segment."""
    return join(
        s.before[row, i, 0],
        s.before[row, i, 1],
        s.before[row, i, 2],
        between,
        s.after[other, j, 0],
        s.after[other, j, 1],
        s.after[other, j, 2],
    )


@lean
def refresh(p: Any, s: SearchState, v: int) -> None:
    """Recompute what is known of a vehicle's day from its nodes."""
    trips = s.saved_length.shape[0] // s.n_trips.shape[0]
    t = p.vehicle_type[v]
    home = p.type_depot[t]
    starts, ends = p.type_starts[t], p.type_ends[t]
    length_driven = 0
    for k in range(s.n_trips[v]):
        row = v * trips + k
        n = s.length[row]
        for measure in range(p.loads.shape[1]):
            s.load[row, measure] = 0
        ready = 0
        e, late, d = starts, ends, 0
        s.before[row, 0, 0], s.before[row, 0, 1], s.before[row, 0, 2] = e, late, d
        last = home
        for i in range(n):
            c = s.nodes[row, i]
            s.row_of[c] = row
            s.place_of[c] = i
            for measure in range(p.loads.shape[1]):
                s.load[row, measure] += p.loads[c, measure]
            if p.release[c] > ready:
                ready = p.release[c]
            s.leg[row, i] = p.distance[last, c]
            length_driven += s.leg[row, i]
            e, late, d = join(e, late, d, p.travel[last, c], p.opens[c], p.closes[c], p.service[c])
            s.before[row, i + 1, 0], s.before[row, i + 1, 1], s.before[row, i + 1, 2] = e, late, d
            last = c
        s.leg[row, n] = p.distance[last, home]
        length_driven += s.leg[row, n]
        s.ready[row] = ready
        e, late, d = starts, ends, 0
        s.after[row, n, 0], s.after[row, n, 1], s.after[row, n, 2] = e, late, d
        following = home
        for i in range(n - 1, -1, -1):
            c = s.nodes[row, i]
            e, late, d = join(p.opens[c], p.closes[c], p.service[c], p.travel[c, following], e, late, d)
            s.after[row, i, 0], s.after[row, i, 1], s.after[row, i, 2] = e, late, d
            following = c
    s.driven[v] = length_driven
    _refresh_day(p, s, v)


@lean
def _refresh_day(p: Any, s: SearchState, v: int) -> None:
    """Join a vehicle's trips into its day: ahead[row] joins the trips before, behind[row] those after."""
    trips = s.saved_length.shape[0] // s.n_trips.shape[0]
    t = p.vehicle_type[v]
    home = p.type_depot[t]
    starts, ends = p.type_starts[t], p.type_ends[t]
    n_trips = s.n_trips[v]
    e, late, d = starts, ends, 0
    for k in range(n_trips):
        row = v * trips + k
        s.ahead[row, 0], s.ahead[row, 1], s.ahead[row, 2] = e, late, d
        te, tl, td = trip_segment(p, s, row, home)
        e, late, d = join(e, late, d, p.type_reload[t] if k > 0 else 0, te, tl, td)
    s.ahead[v * trips + n_trips, 0], s.ahead[v * trips + n_trips, 1], s.ahead[v * trips + n_trips, 2] = e, late, d
    duration = d
    e, late, d = starts, ends, 0
    for k in range(n_trips - 1, -1, -1):
        row = v * trips + k
        s.behind[row, 0], s.behind[row, 1], s.behind[row, 2] = e, late, d
        te, tl, td = trip_segment(p, s, row, home)
        e, late, d = join(te, tl, td, p.type_reload[t] if k < n_trips - 1 else 0, e, late, d)
    s.spent[v], s.late[v], s.cost[v] = duration, 0.0, 0.0
    if n_trips > 0:
        if s.counts[6]:
            s.spent[v], s.late[v] = _drive(p, s, v)
        s.cost[v] = cost_as(p, s, v, t)


@lean
def put_in(p: Any, s: SearchState, v: int, row: int, at: int, c: int) -> None:
    """Put a client into a trip there is: only what its place changes is recomputed."""
    t = p.vehicle_type[v]
    home = p.type_depot[t]
    n = s.length[row]
    for i in range(n, at, -1):
        s.nodes[row, i] = s.nodes[row, i - 1]
        s.place_of[s.nodes[row, i]] = i
        s.leg[row, i + 1] = s.leg[row, i]
    for i in range(n, at - 1, -1):
        for part in range(3):
            s.after[row, i + 1, part] = s.after[row, i, part]
    s.nodes[row, at] = c
    s.length[row] = n + 1
    s.row_of[c], s.place_of[c] = row, at
    last = s.nodes[row, at - 1] if at > 0 else home
    following = s.nodes[row, at + 1] if at < n else home
    s.driven[v] += p.distance[last, c] + p.distance[c, following] - s.leg[row, at]
    s.leg[row, at], s.leg[row, at + 1] = p.distance[last, c], p.distance[c, following]
    for measure in range(p.loads.shape[1]):
        s.load[row, measure] += p.loads[c, measure]
    s.ready[row] = max(s.ready[row], p.release[c])
    e, late, d = s.before[row, at, 0], s.before[row, at, 1], s.before[row, at, 2]
    for i in range(at, n + 1):
        one = s.nodes[row, i]
        e, late, d = join(e, late, d, p.travel[last, one], p.opens[one], p.closes[one], p.service[one])
        s.before[row, i + 1, 0], s.before[row, i + 1, 1], s.before[row, i + 1, 2] = e, late, d
        last = one
    e, late, d = s.after[row, at + 1, 0], s.after[row, at + 1, 1], s.after[row, at + 1, 2]
    for i in range(at, -1, -1):
        one = s.nodes[row, i]
        e, late, d = join(p.opens[one], p.closes[one], p.service[one], p.travel[one, following], e, late, d)
        s.after[row, i, 0], s.after[row, i, 1], s.after[row, i, 2] = e, late, d
        following = one
    _refresh_day(p, s, v)


@lean
def _drive(p: Any, s: SearchState, v: int) -> tuple[int, float]:
    """Time on the road and price of lateness of a day; trips leave as late as nobody on board minds."""
    trips = s.saved_length.shape[0] // s.n_trips.shape[0]
    t = p.vehicle_type[v]
    home = p.type_depot[t]
    free, spent, late = p.type_starts[t], 0, 0.0
    for k in range(s.n_trips[v]):
        row = v * trips + k
        departs = max(free, s.ready[row])
        now, waited, put_off, last = departs, 0, NEVER, home
        for i in range(s.length[row]):
            c = s.nodes[row, i]
            now += p.travel[last, c]
            waited += max(p.opens[c] - now, 0)
            now = max(now, p.opens[c])
            late += p.late_per_time * max(now - p.wanted[c], 0)
            bound = min(p.closes[c], max(p.wanted[c], now), max(p.due[c], now))
            put_off = min(put_off, waited + bound - now)
            now += p.service[c]
            last = c
        now += p.travel[last, home]
        spent += now - departs - min(put_off, waited)
        free = now + p.type_reload[t]
    return spent, late


@lean
def trip_segment(p: Any, s: SearchState, row: int, home: int) -> tuple[int, int, int]:
    """A whole trip as a segment, held until all on board is packed."""
    n = s.length[row]
    last = s.nodes[row, n - 1]
    e, late, d = spliced(s, row, n, p.travel[last, home], row, n)
    if s.ready[row] > e:
        e = s.ready[row]
    return e, late, d


@lean
def note_use(p: Any, s: SearchState, v: int) -> None:
    """Keep the lists of used and free vehicles in step with a vehicle's day."""
    t = p.vehicle_type[v]
    if s.n_trips[v] > 0 and s.used_place[v] < 0:
        s.used_place[v] = s.counts[0]
        s.used[s.counts[0]] = v
        s.counts[0] += 1
        for i in range(s.n_free[t] - 1, -1, -1):
            if s.free[t, i] == v:
                s.n_free[t] -= 1
                s.free[t, i] = s.free[t, s.n_free[t]]
                break
    elif s.n_trips[v] == 0 and s.used_place[v] >= 0:
        s.counts[0] -= 1
        other = s.used[s.counts[0]]
        s.used[s.used_place[v]] = other
        s.used_place[other] = s.used_place[v]
        s.used_place[v] = -1
        s.free[t, s.n_free[t]] = v
        s.n_free[t] += 1


@lean
def close_gaps(p: Any, s: SearchState, v: int) -> None:
    """Drop what was put out from a vehicle's day, and its empty trips."""
    trips = s.saved_length.shape[0] // s.n_trips.shape[0]
    kept_trips = 0
    for k in range(s.n_trips[v]):
        row, goal = v * trips + k, v * trips + kept_trips
        kept = 0
        for i in range(s.length[row]):
            c = s.nodes[row, i]
            if s.out_place[c] < 0:
                s.nodes[goal, kept] = c
                kept += 1
        if kept:
            s.length[goal] = kept
            kept_trips += 1
    s.n_trips[v] = kept_trips
    note_use(p, s, v)
    refresh(p, s, v)


@lean
def can_drive(p: Any, s: SearchState, v: int) -> bool:
    """Whether a day holds all windows, releases and its longest duration; a segment that does not is late at -1."""
    trips = s.saved_length.shape[0] // s.n_trips.shape[0]
    t = p.vehicle_type[v]
    for row in range(v * trips, v * trips + s.n_trips[v]):
        e, late, _ = trip_segment(p, s, row, p.type_depot[t])
        if e > late:
            return False
    end = v * trips + s.n_trips[v]
    return bool(s.ahead[end, 1] >= 0 and s.ahead[end, 2] <= p.type_max_duration[t])


@lean
def lateness_of(p: Any, c: int, e: int, d: int, free: int) -> float:
    """Price of a client's own lateness at the end of a segment that cannot leave before ``free``."""
    return p.late_per_time * max(max(e, free) + d - p.service[c] - p.wanted[c], 0)


@lean
def alone(p: Any, t: int, home: int, c: int) -> tuple[int, int, int]:
    """A trip to one client and back."""
    starts, ends = p.type_starts[t], p.type_ends[t]
    e, late, d = join(starts, ends, 0, p.travel[home, c], p.opens[c], p.closes[c], p.service[c])
    if late < 0:
        return e, late, d
    return join(e, late, d, p.travel[c, home], starts, ends, 0)


@lean
def exchange_days(p: Any, s: SearchState, v: int, w: int) -> None:
    """Let two vehicles exchange their days."""
    trips = s.saved_length.shape[0] // s.n_trips.shape[0]
    touch(s, v)
    touch(s, w)
    for k in range(max(s.n_trips[v], s.n_trips[w])):
        a, b = v * trips + k, w * trips + k
        n_a = s.length[a] if k < s.n_trips[v] else 0
        n_b = s.length[b] if k < s.n_trips[w] else 0
        for place in range(max(n_a, n_b)):
            s.nodes[a, place], s.nodes[b, place] = s.nodes[b, place], s.nodes[a, place]
        s.length[a], s.length[b] = n_b, n_a
    s.n_trips[v], s.n_trips[w] = s.n_trips[w], s.n_trips[v]
    note_use(p, s, v)
    note_use(p, s, w)
    refresh(p, s, v)
    refresh(p, s, w)


@lean
def fits_type(p: Any, s: SearchState, v: int, t: int) -> bool:
    """Whether a vehicle's day can be driven by another type that differs in load and cost only."""
    if not s.kin[p.vehicle_type[v], t] or p.type_max_trips[t] < s.n_trips[v]:
        return False
    trips = s.saved_length.shape[0] // s.n_trips.shape[0]
    for k in range(s.n_trips[v]):
        row = v * trips + k
        for measure in range(p.loads.shape[1]):
            if s.load[row, measure] > p.type_capacity[t, measure]:
                return False
        if not s.open_to_all[t]:
            for i in range(s.length[row]):
                if not p.allowed[t, s.nodes[row, i]]:
                    return False
    return True


@lean
def cost_as(p: Any, s: SearchState, v: int, t: int) -> float:
    """What a vehicle's day costs driven by a type."""
    cost = p.type_fixed[t] + p.type_per_distance[t] * s.driven[v] + p.type_per_time[t] * s.spent[v] + s.late[v]
    return cost + p.type_per_client[t] * clients_on(s, v)
