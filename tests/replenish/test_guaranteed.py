"""Guaranteed service times: the published tree, and every choice tried on small trees."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish.guaranteed import Stage, guaranteed_service_times
from partsopt.replenish.service import safety_factor


def test_tree_of_the_textbook():
    """Snyder & Shen (2019), figure 6.14: ten stages, demand of standard deviation 10 on the last, 95 %."""
    given_stages = {
        "1": (2, 0.01, ()), "2": (3, 0.03, ("1",)), "3": (2, 0.04, ("2",)), "4": (4, 0.06, ()),
        "5": (2, 0.12, ("3", "4")), "6": (3, 0.13, ("5",)), "7": (6, 0.2, ()), "8": (4, 0.08, ()), "9": (3, 0.04, ()),
    }  # fmt: skip
    stages = {name: Stage(time, cost, above) for name, (time, cost, above) in given_stages.items()}
    stages["10"] = Stage(2, 0.5, ("7", "6", "8", "9"), demand_sd=10.0, longest_service_time=2)
    found = guaranteed_service_times(stages, float(safety_factor(0.95)))
    assert found.cost == pytest.approx(18.8240044725922, abs=1e-6)
    assert list(found.service_times.values()) == [0, 3, 5, 4, 7, 0, 0, 0, 0, 2]
    assert found.safety_stock["5"] == 0.0


def every_choice(stages: dict[str, Stage], factor: float) -> float:
    names, best = list(stages), float("inf")
    variance = {}
    for name in reversed(names):  # stages are listed before those they supply
        below = [other for other in names if name in stages[other].predecessors]
        variance[name] = stages[name].demand_sd ** 2 + sum(variance[other] for other in below)
    longest = sum(stage.processing_time for stage in stages.values())
    for promises in product(range(longest + 1), repeat=len(names)):
        promised, cost = dict(zip(names, promises, strict=True)), 0.0
        for name, stage in stages.items():
            inbound = max((promised[above] for above in stage.predecessors), default=0)
            net = inbound + stage.processing_time - promised[name]
            limit = stage.longest_service_time
            if net < 0 or (limit is not None and promised[name] > limit):
                cost = float("inf")
                break
            cost += stage.holding * factor * variance[name] ** 0.5 * net**0.5
        best = min(best, cost)
    return best


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_equals_every_choice(data: st.DataObject):
    """Trees of four stages: each new stage supplies, or is supplied by, an earlier one."""
    time, money = st.integers(0, 2), st.floats(0.1, 5.0)
    links: dict[str, list[str]] = {"A": [], "B": [], "C": [], "D": []}
    shape = data.draw(st.sampled_from(["chain", "join", "split", "mixed"]))
    edges = {
        "chain": [("A", "B"), ("B", "C"), ("C", "D")],
        "join": [("A", "C"), ("B", "C"), ("C", "D")],
        "split": [("A", "B"), ("B", "C"), ("B", "D")],
        "mixed": [("A", "C"), ("B", "C"), ("B", "D")],
    }[shape]
    for above, below in edges:
        links[below].append(above)
    ends = {name for name in links if name not in {above for above, _ in edges}}
    stages = {
        name: Stage(
            data.draw(time), data.draw(money), above, 1.0 if name in ends else 0.0,
            data.draw(time) if name in ends else None,
        )
        for name, above in links.items()
    }  # fmt: skip
    found = guaranteed_service_times(stages, 1.5)
    assert found.cost == pytest.approx(every_choice(stages, 1.5), abs=1e-9)


def test_refusals():
    with pytest.raises(SettingsError, match="not a stage"):
        guaranteed_service_times({"A": Stage(1, 1.0, ["X"])}, 1.0)
    circle = {"A": Stage(1, 1.0), "B": Stage(1, 1.0, ["A"]), "C": Stage(1, 1.0, ["A", "B"])}
    with pytest.raises(SettingsError, match="close a circle"):
        guaranteed_service_times(circle, 1.0)
    with pytest.raises(SettingsError, match="several trees"):
        guaranteed_service_times({"A": Stage(1, 1.0), "B": Stage(1, 1.0)}, 1.0)
    with pytest.raises(SettingsError, match="0 or more"):
        guaranteed_service_times({"A": Stage(-1, 1.0)}, 1.0)
