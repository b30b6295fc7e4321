"""The exchange curve: the best service for every amount of money, where one stands, and who loses at each step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.replenish.targets import Staircases, purchases

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

POINTS = 100  # of a curve, evenly spaced in service


class CurvePoints(NamedTuple):
    """Points of a curve by rising money, one of them where one stands.

    Going down to the point before, ``pairs_lower`` parts get a lower level; ``loses_most`` is the one whose part of
    the service falls most, -1 where there is none, and ``service_lost`` by how much.
    """

    money: Floats
    service: Floats
    is_here: npt.NDArray[np.bool_]
    pairs_lower: Wholes
    loses_most: Wholes
    service_lost: Floats


def curve_points(
    stairs: Staircases, unit_cost: Floats, weight: Floats, present_level: Wholes, present_fill_rate: Floats
) -> CurvePoints:
    """Service against money from the lowest levels to the highest, and the present levels beside it.

    Parameters
    ----------
    stairs
        Levels that may be chosen, with their fill rates.
    unit_cost, weight
        Money for a piece, and weight of the part's fill rate, shape (n,).
    present_level, present_fill_rate
        The levels in force and what they promise, shape (n,).

    Notes
    -----
    The upper boundary of the convex relaxation (Fox 1966): every step of a concave envelope, best first.

    Examples
    --------
    >>> stairs = Staircases(np.array([0, 3]), np.array([0, 1, 2]), np.array([0.0, 0.6, 0.8]))
    >>> points = curve_points(stairs, np.array([5.0]), np.array([1.0]), np.array([1]), np.array([0.6]))
    >>> points.money.tolist(), points.service.tolist(), points.is_here.tolist()
    ([0.0, 5.0, 5.0, 10.0], [0.0, 0.6, 0.6, 0.8], [False, False, True, False])
    """
    bought = purchases(stairs, unit_cost, weight)
    lowest = stairs.start[:-1]
    money = float(unit_cost @ stairs.level[lowest]) + np.concatenate([[0.0], np.cumsum(bought.money)])
    service = float(weight @ stairs.fill_rate[lowest]) + np.concatenate([[0.0], np.cumsum(bought.service)])
    wanted = np.linspace(service[0], service[-1], POINTS)
    steps = np.unique(np.minimum(np.searchsorted(service, wanted * (1 - 1e-12), side="left"), len(bought.part)))
    n = len(steps)
    lower, loser, lost = np.zeros(n, dtype=np.int64), np.full(n, -1, dtype=np.int64), np.zeros(n)
    for i in range(1, n):
        between = slice(int(steps[i - 1]), int(steps[i]))
        parts, number = np.unique(bought.part[between], return_inverse=True)
        falls = np.bincount(number, weights=bought.service[between])
        worst = int(np.argmax(falls))
        lower[i], loser[i], lost[i] = len(parts), parts[worst], falls[worst]
    here_money, here_service = float(unit_cost @ present_level), float(weight @ present_fill_rate)
    at = int(np.searchsorted(money[steps], here_money, side="right"))
    return CurvePoints(
        money=np.insert(money[steps], at, here_money),
        service=np.insert(service[steps], at, here_service),
        is_here=np.insert(np.zeros(n, dtype=bool), at, True),
        pairs_lower=np.insert(lower, at, 0),
        loses_most=np.insert(loser, at, -1),
        service_lost=np.insert(lost, at, 0.0),
    )
