from __future__ import annotations

from dataclasses import replace

import pandas as pd

from benchmarks.deliveries import Searched, direct_vans
from benchmarks.delivery_nights import main, unproven
from partsopt.routing.search import search_day
from partsopt.settings import RoutingParams
from tests.routing.test_search import random_day
from tests.routing.test_timetable import day, delivery, van


def test_forty_nights_hold_every_law(tmp_path, capsys):
    assert main(["--nights", "40", "--first", "5000", "--out", str(tmp_path / "nights.csv")]) == 0
    rows = pd.read_csv(tmp_path / "nights.csv", keep_default_na=False)
    assert len(rows) == 40
    assert rows["changes"].sum() > 10
    assert "0 nights broken" in capsys.readouterr().out


def test_a_delivery_left_out_without_need_is_found():
    """Everything is taken off the vans: what fitted before is said to fit."""
    problem = random_day(3, n=6)
    found = search_day(problem, RoutingParams(solution_limit=60))
    assert "would fit without the lower tiers" in unproven(
        Searched(problem, replace(found, trips=((),) * len(problem.vans)))
    )


def test_direct_vans_go_to_each_dealer_by_itself():
    """Two dealers on one trip of the plan: two trips there and back."""
    problem = day(delivery(1), delivery(2), vans=(van(),))
    found = search_day(problem, RoutingParams(solution_limit=60))
    cost, trips, metres = direct_vans(Searched(problem, found))
    assert trips == 2
    assert metres == 2 * int(problem.distance_m[0, 1] + problem.distance_m[0, 2])
    assert cost > found.objective - 1e-6
