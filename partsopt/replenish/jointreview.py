"""Choice of T: parts ordered together share an order's cost, at intervals that are powers of two of a base."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.errors import SettingsError

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

LONGEST_POWER = 40  # a base period of a second would still reach past any horizon


class JointReview(NamedTuple):
    """Base periods between orders of the group and of each part, and the cost for a unit of time."""

    group_periods: int
    part_periods: Wholes
    cost: float


def joint_review_periods(
    group_order_cost: float,
    part_order_costs: Sequence[float],
    holding_costs: Sequence[float],
    demands: Sequence[float],
    base_periods_per_time: float,
) -> JointReview:
    """The review periods of parts bought together, each a power of two of base periods.

    Parameters
    ----------
    group_order_cost
        Money for each joint order, K0.
    part_order_costs
        Money for each part in an order, K_i.
    holding_costs, demands
        Of each part: money for a piece and unit of time; pieces for a unit of time.
    base_periods_per_time
        Base periods in the unit of time, such as 52 weeks in a year.

    Raises
    ------
    SettingsError
        A cost is negative, a demand or the base is not above 0.

    Notes
    -----
    Minimises K0 / T0 + sum of K_i / T_i + h_i d_i T_i / 2 with T_i >= T0. The best power-of-two policy costs at
    most 6 % more than any (Jackson, Maxwell & Muckstadt 1985; Roundy 1985). Every T0 is tried; given T0 the
    parts are independent.

    Examples
    --------
    >>> review = joint_review_periods(5, [1, 2, 4, 6, 16], [1] * 5, [2] * 5, 52)
    >>> review.group_periods, review.part_periods.tolist(), round(review.cost, 4)
    (128, [128, 128, 128, 128, 256], 25.3317)
    """
    fixed = np.asarray(part_order_costs, dtype=np.float64)
    slope = np.asarray(holding_costs, dtype=np.float64) * np.asarray(demands, dtype=np.float64) / 2
    if group_order_cost < 0 or (fixed < 0).any() or (slope <= 0).any() or not base_periods_per_time > 0:
        raise SettingsError("joint review needs order costs of 0 or more, and holding costs and demands above 0.")
    powers = 2 ** np.arange(LONGEST_POWER + 1, dtype=np.int64)
    times = powers / base_periods_per_time
    cost = fixed[:, None] / times[None, :] + slope[:, None] * times[None, :]
    # of the intervals from T0 on, each part's cheapest; the shortest of equals
    best_from = np.minimum.accumulate(cost[:, ::-1], axis=1)[:, ::-1]
    total = group_order_cost / times + best_from.sum(axis=0)
    first = int(np.argmin(total))
    chosen = first + np.argmin(cost[:, first:], axis=1)
    return JointReview(int(powers[first]), powers[chosen], float(total[first]))


class JointOrder(NamedTuple):
    """Time between joint orders, every how many of them a part is in, its quantity, and the cost for a unit of time."""

    time: float
    multiples: Wholes
    quantities: Floats
    cost: float


def joint_order_multiples(
    group_order_cost: float,
    part_order_costs: Sequence[float],
    holding_costs: Sequence[float],
    demands: Sequence[float],
) -> JointOrder:
    """A joint order and the whole multiples of it at which each part is ordered, by Silver's rule.

    Parameters
    ----------
    group_order_cost, part_order_costs, holding_costs, demands
        As in :func:`joint_review_periods`.

    Notes
    -----
    Silver (1976), Management Science 22: the part with the smallest K_i / (h_i d_i) is in every order, others in every
    sqrt(K_i h_1 d_1 / (h_i d_i (K0 + K_1))), rounded; T = sqrt(2 (K0 + sum K_i / m_i) / sum h_i m_i d_i).

    Examples
    --------
    >>> order = joint_order_multiples(600, [120, 840, 300], [160, 20, 50], [1, 1, 1])
    >>> round(order.time, 4), order.multiples.tolist(), round(order.cost, 4)
    (3.1032, [1, 3, 1], 837.8544)
    """
    fixed, flow = _joint(group_order_cost, part_order_costs, holding_costs, demands)
    ratio = fixed / flow
    first = int(np.argmin(ratio))
    often = np.sqrt(ratio * flow[first] / (group_order_cost + fixed[first]))
    multiples = np.maximum(np.rint(often), 1).astype(np.int64)
    multiples[first] = 1
    return _joint_order(group_order_cost, fixed, flow, multiples, np.asarray(demands, dtype=np.float64))


def joint_order_best(
    group_order_cost: float,
    part_order_costs: Sequence[float],
    holding_costs: Sequence[float],
    demands: Sequence[float],
) -> JointOrder:
    """The cheapest joint order with whole multiples, proven.

    Parameters
    ----------
    group_order_cost, part_order_costs, holding_costs, demands
        As in :func:`joint_review_periods`.

    Notes
    -----
    Given T each part's best multiple is the m with m (m - 1) <= 2 K_i / (h_i d_i T^2) <= m (m + 1) (Goyal 1974), which
    changes at few T only: every choice between the shortest T that can pay and the economic T of one common
    interval is costed at its own best T.

    Examples
    --------
    >>> order = joint_order_best(600, [120, 840, 300], [160, 20, 50], [1, 1, 1])
    >>> order.multiples.tolist(), round(order.cost, 4)
    ([1, 3, 1], 837.8544)
    """
    fixed, flow = _joint(group_order_cost, part_order_costs, holding_costs, demands)
    asked = np.asarray(demands, dtype=np.float64)
    best = joint_order_multiples(group_order_cost, part_order_costs, holding_costs, demands)
    if group_order_cost == 0:
        alone = (2 * fixed / flow) ** 0.5
        cost = float(np.sqrt(2 * fixed * flow).sum())
        return JointOrder(float(alone.min()), np.ones(len(flow), dtype=np.int64), alone * asked, cost)
    # below the shortest T the joint order alone costs more than the best known; beyond the longest all multiples are 1
    low, high = group_order_cost / best.cost, float(np.sqrt(2 * fixed / flow).max(initial=0.0))
    steps = [np.array([max(low, high) * 2])]
    for ratio in (2 * fixed / flow).tolist():
        most = int(np.sqrt(ratio) / low) + 2
        m = np.arange(1, most, dtype=np.float64)
        steps.append(np.sqrt(ratio / (m * (m + 1))))
    edges = np.unique(np.concatenate([[low], *steps]))
    for t in ((edges[1:] + edges[:-1]) / 2).tolist():
        if t < low:
            continue
        ratio = 2 * fixed / (flow * t * t)
        multiples = np.maximum(np.ceil((np.sqrt(1 + 4 * ratio) - 1) / 2 - 1e-12), 1).astype(np.int64)
        order = _joint_order(group_order_cost, fixed, flow, multiples, asked)
        if order.cost < best.cost * (1 - 1e-12):
            best = order
    return best


def rotation_cycle(
    order_costs: Sequence[float],
    holding_costs: Sequence[float],
    demands: Sequence[float],
    productions: Sequence[float],
    setup_times: Sequence[float] | float = 0.0,
) -> JointOrder:
    """The common cycle of parts that one machine, or one packing line, makes in turn.

    Parameters
    ----------
    order_costs
        Money for each set-up of a part.
    holding_costs, demands, productions
        Of each part: money for a piece and unit of time; pieces asked for, and made, in a unit of time.
    setup_times
        Time of each set-up, in the same unit.

    Returns
    -------
    JointOrder
        Each part once a cycle: every multiple is 1.

    Raises
    ------
    SettingsError
        A number out of its range, or more work than time.

    Notes
    -----
    T = sqrt(2 sum K / sum h d (1 - d / p)), and at least sum s / (1 - sum d / p), so that set-ups fit (Rogers 1958,
    Management Science 4; Hanssmann 1962).

    Examples
    --------
    >>> cycle = rotation_cycle([2000, 2500, 800], [20, 20, 30], [50, 50, 60], [400, 400, 500], 0.1)
    >>> round(cycle.time, 4), round(cycle.cost, 2)
    (1.7831, 5944.78)
    """
    fixed, flow = _joint(0.0, order_costs, holding_costs, demands)
    asked = np.asarray(demands, dtype=np.float64)
    work = asked / np.asarray(productions, dtype=np.float64)
    setups = np.broadcast_to(np.asarray(setup_times, dtype=np.float64), fixed.shape)
    if not (work > 0).all() or work.sum() >= 1 or (setups < 0).any():
        raise SettingsError(f"the parts take {work.sum():.6g} of the time; it must be below 1, set-ups 0 or more.")
    held = float((flow * (1.0 - work)).sum())
    time = max((2 * float(fixed.sum()) / held) ** 0.5, float(setups.sum() / (1.0 - work.sum())))
    cost = float(fixed.sum()) / time + held * time / 2
    return JointOrder(time, np.ones(len(fixed), dtype=np.int64), time * asked, cost)


def _joint(
    group_order_cost: float, part_order_costs: Sequence[float], holding_costs: Sequence[float], demands: Sequence[float]
) -> tuple[Floats, Floats]:
    fixed, held, asked = (np.asarray(one, dtype=np.float64) for one in (part_order_costs, holding_costs, demands))
    if group_order_cost < 0 or (fixed < 0).any() or (held <= 0).any() or (asked <= 0).any():
        raise SettingsError("joint orders need order costs of 0 or more, and holding costs and demands above 0.")
    return fixed, held * asked


def _joint_order(group: float, fixed: Floats, flow: Floats, multiples: Wholes, asked: Floats) -> JointOrder:
    ordered, held = group + float((fixed / multiples).sum()), float(flow @ multiples)
    time = (2 * ordered / held) ** 0.5
    return JointOrder(time, multiples, time * multiples * asked, (2 * ordered * held) ** 0.5)
