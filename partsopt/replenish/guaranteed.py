"""Guaranteed service times along a tree of stages: where safety stock lies when each stage promises a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.errors import SettingsError

Floats = npt.NDArray[np.float64]


class Stage(NamedTuple):
    """A stage: whole periods of processing, money for a piece and period held, the stages that supply it.

    ``demand_sd`` is that of a period's outside demand on it; ``longest_service_time`` what its customers outside
    accept, None for a stage that supplies others only; ``outside_lead_time`` is the wait for what comes from outside.
    """

    processing_time: int
    holding: float
    predecessors: Sequence[str] = ()
    demand_sd: float = 0.0
    longest_service_time: int | None = None
    outside_lead_time: int = 0


class GuaranteedService(NamedTuple):
    """Service time that each stage promises, its safety stock in pieces, and the holding cost of a period."""

    service_times: dict[str, int]
    safety_stock: dict[str, float]
    cost: float


def guaranteed_service_times(stages: Mapping[str, Stage], safety_factor: float) -> GuaranteedService:
    """The promised times of a tree of stages that hold least money in safety stock.

    Parameters
    ----------
    stages
        By name; the links between them form one tree (no circle, directions apart).
    safety_factor
        Standard deviations of demand that safety stock covers.

    Raises
    ------
    SettingsError
        The links form no tree, a predecessor is unknown, or a time, cost or deviation is negative.

    Notes
    -----
    Graves & Willems (2000), M&SOM 2(1), 68-83: a stage with inbound time s, processing time t and promise S holds
    safety_factor x sd x sqrt(s + t - S) pieces; s is at least every predecessor's promise. Dynamic programme over
    the tree; of equal costs the shortest inbound time, then the shortest promise.

    Examples
    --------
    >>> chain = {"maker": Stage(4, 1.0), "dc": Stage(1, 3.0, ["maker"], demand_sd=2.0, longest_service_time=0)}
    >>> found = guaranteed_service_times(chain, 1.0)
    >>> found.service_times, found.cost
    ({'maker': 0, 'dc': 0}, 10.0)
    """
    customers = _customers_of(stages, safety_factor)
    order, parent = _leaves_first(stages, customers)
    deviation = _deviations(stages, customers)
    longest = _longest_times(stages)
    n = max(longest.values()) + 1
    tables: dict[str, Floats] = {}  # least cost of a stage and all below it in the walk, by inbound time and promise
    for name in order:
        table = _own_costs(stages[name], safety_factor * deviation[name], n)
        for other in (*stages[name].predecessors, *customers[name]):
            if other != parent[name]:
                below = tables[other]
                if other in stages[name].predecessors:
                    table = table + np.minimum.accumulate(below.min(axis=0))[:, None]
                else:
                    table = table + np.minimum.accumulate(below.min(axis=1)[::-1])[::-1][None, :]
        tables[name] = table
    times: dict[str, tuple[int, int]] = {}
    for name in reversed(order):
        table, above = tables[name], parent[name]
        if above in customers[name]:
            table = np.where(np.arange(n)[None, :] <= times[above][0], table, np.inf)
        elif above is not None:
            table = np.where(np.arange(n)[:, None] >= times[above][1], table, np.inf)
        times[name] = divmod(int(np.argmin(table)), n)
    stock = {}
    for name in stages:
        inbound, promised = times[name]
        net = inbound + stages[name].processing_time - promised
        stock[name] = safety_factor * deviation[name] * float(net) ** 0.5
    cost = sum(stages[name].holding * stock[name] for name in stages)
    return GuaranteedService({name: times[name][1] for name in stages}, stock, float(cost))


def _own_costs(stage: Stage, pieces: float, n: int) -> Floats:
    """Holding cost of a stage by inbound time and promise; infinite where the two cannot be."""
    inbound, promised = np.arange(n)[:, None], np.arange(n)[None, :]
    net = inbound + stage.processing_time - promised
    possible = (net >= 0) & (inbound >= stage.outside_lead_time)
    if stage.longest_service_time is not None:
        possible &= promised <= stage.longest_service_time
    return np.where(possible, stage.holding * pieces * np.sqrt(np.maximum(net, 0)), np.inf)


def _customers_of(stages: Mapping[str, Stage], safety_factor: float) -> dict[str, list[str]]:
    customers: dict[str, list[str]] = {name: [] for name in stages}
    for name, stage in stages.items():
        for above in stage.predecessors:
            if above not in stages:
                raise SettingsError(f"{above}, which supplies {name}, is not a stage.")
            customers[above].append(name)
        times = (stage.processing_time, stage.outside_lead_time, stage.longest_service_time or 0)
        if min(*times, stage.holding, stage.demand_sd, safety_factor) < 0:
            raise SettingsError(f"times, costs and deviations of {name} must be 0 or more.")
    return customers


def _leaves_first(
    stages: Mapping[str, Stage], customers: Mapping[str, list[str]]
) -> tuple[list[str], dict[str, str | None]]:
    """Stages so that each comes after all its neighbours but one, its parent in the walk."""
    root = min(stages)
    parent: dict[str, str | None] = {root: None}
    walk = [root]
    for name in walk:
        for other in sorted((*stages[name].predecessors, *customers[name])):
            if other != parent[name]:
                if other in parent:
                    raise SettingsError(f"the links of {other} and {name} close a circle; they must form a tree.")
                parent[other] = name
                walk.append(other)
    if len(walk) < len(stages):
        raise SettingsError("the stages fall into several trees; give each tree by itself.")
    return walk[::-1], parent


def _deviations(stages: Mapping[str, Stage], customers: Mapping[str, list[str]]) -> dict[str, float]:
    """Standard deviation of a period's demand on each stage: its own and that of the stages it supplies."""
    found: dict[str, float] = {}

    def variance(name: str) -> float:
        if name not in found:
            found[name] = stages[name].demand_sd ** 2 + sum(variance(other) for other in customers[name])
        return found[name]

    return {name: variance(name) ** 0.5 for name in stages}


def _longest_times(stages: Mapping[str, Stage]) -> dict[str, int]:
    """The longest promise that can make sense: everything made to order from the first stage on."""
    found: dict[str, int] = {}

    def longest(name: str) -> int:
        if name not in found:
            stage = stages[name]
            waits = [stage.outside_lead_time, *(longest(above) for above in stage.predecessors)]
            found[name] = stage.processing_time + max(waits)
        return found[name]

    return {name: longest(name) for name in stages}
