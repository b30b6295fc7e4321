"""The day as searches see it, who know one window for each delivery and no rests, and the way back to the exact day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from partsopt.routing.timetable import Broken, DayProblem, Trips, rests_on, times_of_day

if TYPE_CHECKING:
    from partsopt.routing.model import Terms


def plain_day(
    problem: DayProblem, terms: Mapping[int, Terms], start: Trips
) -> tuple[DayProblem, Mapping[int, Terms], Trips]:
    """A day with one window for each delivery and rests as part of the way, its terms, and a start that keeps them.

    Vehicle days of the start that cannot be driven so are taken off.
    """
    if not problem.rest_after_s and not _has_several_windows(problem):
        return problem, terms, start
    latest_s = [terms[one].latest_s if one in terms else each.latest_s for one, each in enumerate(problem.deliveries)]
    plain, latest = in_one_window(with_rests_on_the_way(problem), start, latest_s)
    kept = tuple(
        () if isinstance(times_of_day(plain, number, day, latest), Broken) else day for number, day in enumerate(start)
    )
    return plain, {one: replace(term, latest_s=latest[one]) for one, term in terms.items()}, kept


def in_one_window(problem: DayProblem, trips: Trips, latest_s: Sequence[int]) -> tuple[DayProblem, list[int]]:
    """The problem with one window of each day for each delivery, and the latest starts in them.

    On board it is the one its unloading starts in, and on other days that of the same hours; else the longest
    (the first of these).
    """
    if not _has_several_windows(problem):
        return problem, list(latest_s)
    ends: dict[int, int] = {}
    for number, day in enumerate(trips):
        times = times_of_day(problem, number, day, latest_s)
        if not isinstance(times, Broken):
            ends |= {one: visit.until_s for trip in times for visit in trip.visits for one in visit.deliveries}
    deliveries, latest = [], []
    for one, delivery in enumerate(problem.deliveries):
        days = [delivery.windows_on(day) for day in range(len(problem.midnights_s))]
        if all(len(windows) < 2 for windows in days):
            deliveries.append(delivery)
            latest.append(latest_s[one])
            continue
        on_board = [place for windows in days for place, window in enumerate(windows) if window[1] == ends.get(one)]
        chosen = [_one_window(windows, on_board) for windows in days]
        ends_s = [moment_s for hours in chosen for window in hours for moment_s in window]
        opens_s, closes_s = min(ends_s), max(ends_s)
        hours_s = tuple(chosen) if delivery.hours_s else ()
        deliveries.append(replace(delivery, opens_s=opens_s, closes_s=closes_s, windows_s=(), hours_s=hours_s))
        latest.append(min(latest_s[one], closes_s))
    return replace(problem, deliveries=tuple(deliveries)), latest


def _has_several_windows(problem: DayProblem) -> bool:
    return any(one.windows_s or any(len(hours) > 1 for hours in one.hours_s) for one in problem.deliveries)


def _one_window(windows: Sequence[tuple[int, int]], wanted: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """The window of that number, else the longest; none where there is none."""
    if not windows:
        return ()
    if wanted and wanted[0] < len(windows):
        return (windows[wanted[0]],)
    return (max(windows, key=lambda window: window[1] - window[0]),)


def with_rests_on_the_way(problem: DayProblem) -> DayProblem:
    """The day without rests, in which the way to and from a far place takes as long as with them.

    Half of the rests of a trip there and straight back are put on either way. A trip of many near places may still
    need a rest that is left aside here, and one of several far places less.
    """
    if not problem.rest_after_s:
        return problem
    travel_s = problem.travel_s.copy()
    for place in range(1, len(travel_s)):
        there_s, back_s = int(problem.travel_s[0, place]), int(problem.travel_s[place, 0])
        rests_s = rests_on(problem, 0, there_s + back_s)
        travel_s[0, place] += rests_s // 2
        travel_s[place, 0] += rests_s - rests_s // 2
    return replace(problem, travel_s=travel_s, rest_after_s=0, rest_s=0)


def mended(problem: DayProblem, trips: Trips, latest_s: Sequence[int]) -> Trips:
    """Trips that the exact timetable can drive: of a day that breaks a rule the fewest, least urgent are taken off."""
    return tuple(_drivable(problem, number, day, latest_s) for number, day in enumerate(trips))


def _drivable(
    problem: DayProblem, number: int, day: tuple[tuple[int, ...], ...], latest_s: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    while day and isinstance(times_of_day(problem, number, day, latest_s), Broken):
        members = [one for trip in day for one in trip]
        ranked = sorted(range(len(members)), key=lambda place: (-problem.deliveries[members[place]].tier, -place))
        without = [
            tuple(kept for trip in day if (kept := tuple(one for one in trip if one != members[place])))
            for place in ranked
        ]
        enough = (one for one in without if not isinstance(times_of_day(problem, number, one, latest_s), Broken))
        day = next(enough, without[0])
    return day
