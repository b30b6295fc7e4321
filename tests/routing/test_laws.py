"""Laws that every plan of a day keeps: tiers through a dispatch, and the same plan whatever else the machine does."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.routing.dispatch import replan_deliveries
from partsopt.routing.given import Given
from partsopt.routing.plan import Deliveries
from partsopt.settings import RoutingParams
from partsopt.tables import SHIPMENTS, TIERS, conform
from tests.routing.nights import MONDAY, at, line, plan, random_night

Rows = dict[str, pd.DataFrame]


def with_late_orders(tables: Rows, seed: int, clock: str) -> tuple[Rows, list[str]]:
    """A day with late orders of one tier, taken up at a moment."""
    draw = random.Random(seed)  # noqa: S311 -- orders to test, not secrets
    dealers = [one for one in tables["sites"]["site_id"] if one != "DC"]
    tier = draw.choice(TIERS)
    late = [
        line(f"X{k}/1", draw.choice(dealers), tier, draw.choice([5.0, 40.0, 120.0]), dispatched_at=at(clock),
             **({"placed_at": at(clock)} if tier in ("vor", "urgent") else {}))
        for k in range(draw.randint(1, 3))
    ]  # fmt: skip
    new = conform(pd.DataFrame(late), SHIPMENTS)
    shipments = conform(pd.concat([tables["shipments"], new], ignore_index=True), SHIPMENTS)
    return {**tables, "shipments": shipments}, [one["line_id"] for one in late]


def dispatched(before: Deliveries, tables: Rows, clock: str, **params: Any) -> Deliveries:
    planned = {name: getattr(before, name) for name in ("routes", "stops", "delivery_lines", "collections")}
    chosen = RoutingParams(solution_limit=60, **params)
    return replan_deliveries(Given(**tables), before=planned, today=MONDAY, now=at(clock), params=chosen)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), clock=st.sampled_from(["07:00", "08:40", "10:30", "13:00"]))
def test_late_orders_take_nothing_from_a_higher_tier(seed: int, clock: str):
    """Who was served and is more urgent than every late order is served after it, and late only if it was."""
    tables = random_night(seed, n_dealers=4, n_vans=2, n_lines=8)
    before = plan(tables)
    more, late = with_late_orders(tables, seed, clock)
    after = dispatched(before, more, clock)
    tier = more["shipments"].set_index("line_id")["tier"].map(TIERS.index)
    was, now = before.delivery_lines.set_index("line_id"), after.delivery_lines.set_index("line_id")
    assert sorted(now.index) == sorted(tier.index)
    for line_id in was.index[(tier[was.index] < tier[late].min())]:
        if was.loc[line_id, "carried_by"] != "unserved":
            assert now.loc[line_id, "carried_by"] != "unserved", line_id
            assert now.loc[line_id, "is_late"] <= was.loc[line_id, "is_late"], line_id
    mute = now["carried_by"].eq("unserved") & now["unserved_because"].eq("")
    assert not mute.any()


@pytest.mark.parametrize("compiled_from_parcels", [1, 1000])
def test_shuffled_rows_and_a_busy_machine_give_the_same_plan(
    monkeypatch: pytest.MonkeyPatch, compiled_from_parcels: int
):
    """Twice: by the compiled search and by OR-Tools; two processes burn the cores meanwhile."""
    tables = random_night(11, n_dealers=9, n_vans=5, n_lines=30)
    params = {"compiled_from_parcels": compiled_from_parcels, "iterations_per_parcel": 60}
    idle = plan(tables, **params)
    spin = "import time\nuntil = time.time() + 120\nwhile time.time() < until: pass"
    burning = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(2)]
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    try:
        shuffled = {name: rows.sample(frac=1.0, random_state=5) for name, rows in tables.items()}
        busy = plan(shuffled, **params)
    finally:
        for process in burning:
            process.kill()
            process.wait()
    for one, other in zip(idle, busy, strict=True):
        pd.testing.assert_frame_equal(one, other)
