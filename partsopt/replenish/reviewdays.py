"""On which days the parts of a source are reviewed: the planner's calendar, else days that keep docks level.

All parts of a site, source and class are reviewed together. What a review orders arrives a lead time later; the
days are chosen so that the order lines that arrive at a site, and those that a DC picks, are about the same on
every working day of four weeks. A group keeps the day that the hash of its name prefers unless that day is full, as in
consistent hashing with bounded loads (Mirrokni, Thorup & Zadimoghaddam 2018): a change of demand moves few groups.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from math import log2
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.replenish.review import DAYS_OF_WEEK, WEEKDAYS, Rhythm, review_shift

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

CYCLE = 20  # working days in four weeks: the days between which reviews are placed
CYCLE_DAYS = 28
WORKING_DAYS_OF = {1: 1, 7: 5, 14: 10, 28: 20}  # T in calendar days whose reviews repeat every four weeks
SPARE = 0.1  # a day is full at this much more than the mean
SPARE_KEPT = 0.5  # what has its day already stays up to this
FINENESS = 2  # loads are taken in steps of this many to a doubling, so that small changes of demand change nothing


class Unit(NamedTuple):
    """Groups that are placed together: T of each in working days, and where its lines arrive and are picked.

    ``lead_lines`` is the expected lines of a review by lead time in calendar days modulo 28, shape (groups, 28).
    ``picked_at`` is -1 where the source is no site; ``kept`` is the working day on which it was reviewed so far, -1
    where it had none.
    """

    name: str
    periods: tuple[int, ...]
    lead_lines: Floats
    arrives_at: int
    picked_at: int
    kept: int = -1


def rhythm_of(period: int, phase: int) -> Rhythm:
    """Reviews every ``period`` working days from working day ``phase`` of the four weeks.

    Examples
    --------
    >>> rhythm_of(5, 1), rhythm_of(10, 6), rhythm_of(1, 3)
    (((7, 1),), ((14, 8),), ((1, 0),))
    >>> rhythm_of(2, 1)  # Tuesday, Thursday, Monday, Wednesday, Friday of two weeks
    ((14, 1), (14, 3), (14, 7), (14, 9), (14, 11))
    """
    if period == 1:
        return ((1, 0),)
    days = int(np.lcm(period, WEEKDAYS))
    every = days // WEEKDAYS * DAYS_OF_WEEK
    return tuple((every, calendar_day(day)) for day in range(phase % period, days, period))


def calendar_day(working_day: int) -> int:
    """Day of the four weeks, counted from a Monday, of a working day of them."""
    return working_day // WEEKDAYS * DAYS_OF_WEEK + working_day % WEEKDAYS


def arrivals(unit: Unit) -> Floats:
    """Lines that arrive on each working day of the four weeks, by phase, shape (20, 20)."""
    return _by_phase(unit.periods, np.einsum("gl,lds->gds", unit.lead_lines, _ARRIVES))


def picks(unit: Unit) -> Floats:
    """Lines that are picked on each working day of the four weeks, by phase, shape (20, 20)."""
    lines = unit.lead_lines.sum(axis=1)
    return _by_phase(unit.periods, lines[:, None, None] * np.eye(CYCLE))


def _by_phase(periods: Sequence[int], of_day: Floats) -> Floats:
    total = np.zeros((CYCLE, CYCLE))
    for period, lines in zip(periods, of_day, strict=True):
        total += np.tile(lines.reshape(CYCLE // period, period, CYCLE).sum(axis=0), (CYCLE // period, 1))
    return total


def _arrival_slots() -> Floats:
    """1 where lines ordered on working day d with lead time l arrive on working day s; shape (28, 20, 20)."""
    slots = np.zeros((CYCLE_DAYS, CYCLE, CYCLE))
    for lead in range(CYCLE_DAYS):
        for working_day in range(CYCLE):
            week, weekday = divmod((calendar_day(working_day) + lead) % CYCLE_DAYS, DAYS_OF_WEEK)
            slot = week * WEEKDAYS + weekday if weekday < WEEKDAYS else (week + 1) * WEEKDAYS % CYCLE
            slots[lead, working_day, slot] = 1.0
    return slots


_ARRIVES = _arrival_slots()


def level_phases(units: Sequence[Unit], arriving: Floats, picking: Floats) -> list[int]:
    """Place each unit on a working day of the four weeks so that no dock is overloaded.

    Parameters
    ----------
    units
        What is placed, in any order.
    arriving, picking
        Lines that arrive at, and are picked at, each site on each working day whatever is placed: those of planners'
        calendars, of daily reviews, and of rhythms that do not repeat within four weeks. Shape (sites, 20).

    Returns
    -------
    list of int
        The working day, 0 to 19, of each unit's first review.

    Notes
    -----
    Large units first, in steps of size; of one size by the hash of their names. A unit takes the first day of its own
    order of preference on which the dock passes its mean by no more than a tenth, or by the least that it must; and of
    those days one that does the same for the DC that picks. Units that have a day come before the others and stay on
    it up to half as much again as the mean.

    Examples
    --------
    >>> lines = np.zeros((1, 28))
    >>> lines[0, 7] = 4.0
    >>> units = [Unit(f"u{i}", (5,), lines, 0, -1) for i in range(5)]
    >>> sorted(level_phases(units, np.zeros((1, 20)), np.zeros((1, 20))))
    [0, 1, 2, 3, 4]
    """
    steps = [_step(unit) for unit in units]
    arrived, picked = arriving.copy(), picking.copy()
    loads = []
    for unit, step in zip(units, steps, strict=True):
        lines = float(unit.lead_lines.sum())
        scale = 2.0 ** (step / FINENESS) / lines if lines > 0 else 0.0
        loads.append((arrivals(unit) * scale, picks(unit) * scale if unit.picked_at >= 0 else None))
    full_in, full_out = arrived.mean(axis=1), picked.mean(axis=1)
    for unit, (come, go) in zip(units, loads, strict=True):
        full_in[unit.arrives_at] += come[0].mean()
        if go is not None:
            full_out[unit.picked_at] += go[0].mean()
    full_in, full_out = full_in * (1 + SPARE), full_out * (1 + SPARE)
    phases = [0] * len(units)
    by_size = sorted(
        range(len(units)), key=lambda i: (units[i].kept < 0, -steps[i], zlib.crc32(units[i].name.encode()), i)
    )
    for number in by_size:
        unit, (come, go) = units[number], loads[number]
        days = _preferred(unit)
        limits = [(arrived[unit.arrives_at], come, full_in[unit.arrives_at])]
        if go is not None:
            limits.append((picked[unit.picked_at], go, full_out[unit.picked_at]))
        wider = (1 + SPARE_KEPT) / (1 + SPARE)
        if unit.kept >= 0 and all(_fits(load, each, wider * most)[unit.kept] for load, each, most in limits):
            days = np.array([unit.kept])
        else:
            for load, each, most in limits:
                days = days[_fits(load, each[days], most)]
        phases[number] = phase = int(days[0])
        arrived[unit.arrives_at] += come[phase]
        if go is not None:
            picked[unit.picked_at] += go[phase]
    return phases


def _step(unit: Unit) -> int:
    """Size of a unit in steps of lines a review; a unit that orders next to nothing has none."""
    lines = float(unit.lead_lines.sum())
    return round(FINENESS * log2(lines)) if lines > 1e-6 else -100


def _fits(load: Floats, more: Floats, full: float) -> npt.NDArray[np.bool_]:
    """Phases under which no day that gets more passes the load at which it is full, or the least that one must be."""
    peak = np.where(more > 0, load + more, 0.0).max(axis=1)
    return peak <= max(full, float(peak.min())) * (1 + 1e-9)


def _preferred(unit: Unit) -> Wholes:
    """The phases of a unit in its own order: the hashed day, then the others by their hashes."""
    longest = max(unit.periods)
    if longest == 1:
        return np.zeros(1, dtype=np.int64)
    first = zlib.crc32(unit.name.encode()) % longest
    if longest % WEEKDAYS == 0:
        week, weekday = divmod(review_shift(unit.name, longest // WEEKDAYS * DAYS_OF_WEEK), DAYS_OF_WEEK)
        first = week * WEEKDAYS + weekday
    order = sorted(range(longest), key=lambda phase: (phase != first, zlib.crc32(f"{unit.name}|{phase}".encode())))
    return np.array(order, dtype=np.int64)
