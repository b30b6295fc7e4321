"""The exchange curve: the best service for every amount of money, what stops it, and who loses at each step."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.replenish.families import Held, Network, every_choice, held, highest_price, response
from partsopt.replenish.networkroom import (
    Columns,
    Found,
    Laid,
    NetworkRoom,
    all_columns,
    best_found,
    found_at,
    laid_with_room,
)

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

POINTS = 100  # of a curve, from the best service for money to the least by equal factors
LEAST_BULGE = 1e-12  # service, relative to all of it, by which a point must stand out between its neighbours
FEW_CHOICES = 1_000  # of all families, up to which an integer programme settles points at which sites are full
CLOSED = 1e-12  # gap of service, relative to all of it, at which there is nothing to settle


class Duals(NamedTuple):
    """At prices of money, what service less priced money of no choice exceeds: within the room of sites, and in any."""

    price: Floats
    within: Floats
    free: Floats

    def most_service(self, money: Floats) -> tuple[Floats, Floats]:
        """What no choice serves more than for each amount of money, within the room of sites and in any."""
        priced = self.price[:, None] * money
        within, free = ((dual[:, None] + priced).min(axis=0) for dual in (self.within, self.free))
        return within, np.maximum(within, free)


class CurvePoints(NamedTuple):
    """Points of a curve by rising money, and the levels of each.

    ``price`` is the service that one more unit of money buys, ``rent`` that of a cubic metre at each site, shape
    (points, sites). Going down to the point before, ``pairs_lower`` parts get a lower level and ``pairs_higher`` a
    higher one; ``loses_most`` is the part whose share of the service falls most, -1 where there is none, and
    ``service_lost`` by how much.
    """

    money: Floats
    service: Floats
    price: Floats
    rent: Floats
    level: list[Wholes]
    pairs_lower: Wholes
    pairs_higher: Wholes
    loses_most: Wholes
    service_lost: Floats
    duals: Duals


def curve_points(network: Network, room: NetworkRoom, n: int) -> CurvePoints:
    """Service against money from the lowest levels to the highest that find room.

    Parameters
    ----------
    network, room
        DCs with their dealers, the levels that may be chosen, and the room these take; ``n`` rows.

    Notes
    -----
    The answer at one price of money after the other, with the smallest rents of cubic metres that make room at each
    (Everett 1963; Fox 1966). Without full sites that is the upper boundary of the convex relaxation. With them levels
    leave room empty that none fits into: the least dual value of all prices bounds what is missed. Of a small network
    an integer programme finds the best choice at each price, and the curve has every corner of the boundary of all
    choices that find room (Eisner & Severance 1976). A larger one is drawn between its points in straight lines.
    """
    laid = laid_with_room(network, room)
    answers = _answers(laid)
    rising = list[Found]()
    for answer in sorted(answers, key=lambda one: (one.money, -one.service, one.price)):
        if answer.has_room and (not rising or answer.service > rising[-1].service):
            rising.append(answer)
    if rising:  # beyond the last no money buys more: its prices are those of money that is free
        free = answers[int(np.argmin([one.price for one in answers]))]
        rising[-1] = rising[-1]._replace(price=free.price, of_dcs=free.of_dcs, of_dealers=free.of_dealers)
    levels = [held(network, n, one.variant, one.entry) for one in rising]
    steps = [_Step(0, 0, -1, 0.0)][: len(rising)]
    steps += [_step_between(before, now) for before, now in itertools.pairwise(levels)]
    prices = [one.price for one in answers]
    duals = Duals(
        np.array(prices),
        np.array([one.dual for one in answers]),
        np.array([response(network, price).value for price in prices]),
    )
    return CurvePoints(
        money=np.array([one.money for one in rising]),
        service=np.array([one.service for one in rising]),
        price=np.array([one.price for one in rising]),
        rent=np.array([one.rent for one in rising]).reshape(len(rising), len(room.limit)),
        level=[one.level for one in levels],
        pairs_lower=np.array([one.lower for one in steps], dtype=np.int64),
        pairs_higher=np.array([one.higher for one in steps], dtype=np.int64),
        loses_most=np.array([one.loser for one in steps], dtype=np.int64),
        service_lost=np.array([one.lost for one in steps]),
        duals=duals,
    )


class _Step(NamedTuple):
    """From a point down to the one before: parts lower, parts higher, who loses most service, and how much."""

    lower: int
    higher: int
    loser: int
    lost: float


def _step_between(before: Held, now: Held) -> _Step:
    falls = now.service - before.service
    loser = int(np.argmax(falls))
    lower, higher = int((before.level < now.level).sum()), int((before.level > now.level).sum())
    return _Step(lower, higher, loser, max(float(falls[loser]), 0.0))


def _answers(laid: Laid) -> list[Found]:
    """Answers at prices from the highest to none, and between them; of a small network those at every corner."""
    network, columns = laid.network, _every_column(laid)

    def at(price: float, near: Floats) -> Found:
        found = found_at(laid, price, near)
        is_open = not found.has_room or found.dual - found.value > CLOSED * max(abs(found.dual), 1.0)
        return best_found(laid, found, columns) if columns is not None and is_open else found

    gain = network.steps.gain[np.isfinite(network.steps.gain) & (network.steps.gain > 0)]
    between = np.geomspace(gain[0], gain[-1], POINTS).tolist() if len(gain) else []
    rents, answers = np.zeros(len(laid.room.limit)), list[Found]()
    for price in (highest_price(network), *between, 0.0):
        answers.append(at(price, rents))
        rents = answers[-1].of_dealers
    corners = sorted({one.money: one for one in answers if one.has_room}.values(), key=lambda one: one.money)
    open_between = list(itertools.pairwise(corners))
    slack = LEAST_BULGE * max((abs(one.service) for one in corners), default=1.0)
    found = len(corners)
    while open_between and found < POINTS:
        left, right = open_between.pop()
        price = (right.service - left.service) / (right.money - left.money)
        if price <= 0.0:
            continue
        answer = at(price, left.of_dealers)
        if answer.has_room and answer.value > left.service - price * left.money + slack:
            answers.append(answer)
            open_between += [(left, answer), (answer, right)]
            found += 1
    return answers


def _every_column(laid: Laid) -> Columns | None:
    """All choices of a small network with limited room, None of another."""
    every = every_choice(laid.network) if len(laid.room.limit) else None
    return all_columns(laid, every) if every is not None and len(every.money) <= FEW_CHOICES else None
