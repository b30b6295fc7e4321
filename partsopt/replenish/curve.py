"""The exchange curve: the best service for every amount of money, where one stands, and who loses at each step."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.replenish.families import Held, Network, Response, entries_after, held, highest_price, response

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

POINTS = 100  # of a curve, from the best service for money to the least by equal factors
LEAST_BULGE = 1e-12  # service, relative to all of it, by which a point must stand out between its neighbours


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
    network: Network, unit_cost: Floats, weight: Floats, present_level: Wholes, present_fill_rate: Floats
) -> CurvePoints:
    """Service against money from the lowest levels to the highest, and the present levels beside it.

    Parameters
    ----------
    network
        DCs with their dealers, and the levels that may be chosen.
    unit_cost, weight
        Money for a piece, and weight of the fill rate of each row, shape (n,).
    present_level, present_fill_rate
        The levels in force and what they promise, shape (n,).

    Notes
    -----
    The upper boundary of the convex relaxation (Fox 1966; Everett 1963): the answer at one price after the other.
    A network with fewer corners than these is drawn with all of them, one with more between its points in straight
    lines.
    """
    n = len(unit_cost)
    money, service, lost = list[float](), list[float](), list[float]()
    lower, loser = list[int](), list[int]()
    before: Held | None = None
    for price, answer in _answers(network):
        now = held(network, n, answer.variant, entries_after(network, price))
        if before is not None and (answer.money <= money[-1] or answer.service <= service[-1]):
            continue
        falls = now.service - before.service if before is not None else np.zeros(n)
        worst = int(np.argmax(falls)) if before is not None else -1
        money.append(float(unit_cost @ now.level))
        service.append(float(now.service.sum()))
        lower.append(int((now.level > before.level).sum()) if before is not None else 0)
        loser.append(worst)
        lost.append(max(float(falls[worst]), 0.0) if worst >= 0 else 0.0)
        before = now
    here = float(unit_cost @ present_level)
    place = int(np.searchsorted(money, here, side="right"))
    return CurvePoints(
        money=np.insert(np.array(money), place, here),
        service=np.insert(np.array(service), place, float(weight @ present_fill_rate)),
        is_here=np.insert(np.zeros(len(money), dtype=bool), place, True),
        pairs_lower=np.insert(np.array(lower, dtype=np.int64), place, 0),
        loses_most=np.insert(np.array(loser, dtype=np.int64), place, -1),
        service_lost=np.insert(np.array(lost), place, 0.0),
    )


def _answers(network: Network) -> list[tuple[float, Response]]:
    """Answers at falling prices; of a small network those at every corner (Eisner & Severance 1976)."""
    gain = network.steps.gain[np.isfinite(network.steps.gain) & (network.steps.gain > 0)]
    between = np.geomspace(gain[0], gain[-1], POINTS).tolist() if len(gain) else []
    answers = {price: response(network, price) for price in (highest_price(network), *between, 0.0)}
    corners = list({answer.money: answer for answer in answers.values()}.values())
    open_between = list(itertools.pairwise(corners))
    slack = LEAST_BULGE * max(abs(corners[-1].service), 1.0)
    found = len(corners)
    while open_between and found < POINTS:
        left, right = open_between.pop()
        price = (right.service - left.service) / (right.money - left.money)
        if price <= 0.0:
            continue
        answer = response(network, price)
        if answer.value > left.service - price * left.money + slack:
            answers[price] = answer
            open_between += [(left, answer), (answer, right)]
            found += 1
    return sorted(answers.items(), key=lambda one: -one[0])
