"""The benchmark of policies: its replay against a walk by hand, and a run on a small set."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks import policy


def test_replay_is_the_walk_week_by_week():
    """Arrivals, order up to S, demand; what is short is owed: the same as the closed form."""
    rng = np.random.default_rng(1)
    weekly, lead, fit = rng.poisson(1.0, (5, 40)), np.array([0, 1, 2, 3, 4]), 20
    level = np.array([1, 2, 4, 3, 9])
    met, left = policy.replay(level, weekly, lead, fit)
    for i in range(5):
        net, under_way = int(level[i]), []
        for week in range(40):
            if week >= lead[i] and under_way and under_way[0][0] == week:
                net += under_way.pop(0)[1]
            position = net + sum(quantity for _, quantity in under_way)
            ordered = int(level[i]) - position
            if lead[i] == 0:
                net += ordered
            elif ordered:
                under_way.append((week + lead[i], ordered))
            served = min(max(net, 0), weekly[i, week])
            net -= int(weekly[i, week])
            if week >= fit:
                assert served == met[i, week - fit]
                assert max(net, 0) == left[i, week - fit]


def test_both_policies_cost_the_same_and_have_a_row_for_each_class(tmp_path):
    rng = np.random.default_rng(2)
    weekly = rng.poisson(rng.lognormal(-1, 1, 40)[:, None], (40, 70))
    names = [f"S{i}" for i in range(40)]
    lines = pd.DataFrame(weekly, columns=[f"w{k:03d}" for k in range(70)]).assign(series_id=names)
    lines.melt("series_id", var_name="period", value_name="qty").to_parquet(tmp_path / "demand.parquet")
    items = {"series_id": names, "price": rng.lognormal(2, 1, 40), "lead_time_weeks": 3.0}
    pd.DataFrame(items).to_parquet(tmp_path / "items.parquet")
    out = tmp_path / "policy.csv"
    given = ["--demand", str(tmp_path / "demand.parquet"), "--items", str(tmp_path / "items.parquet")]
    assert policy.main([*given, "--fit", "50", "--out", str(out)]) == 0
    table = pd.read_csv(out)
    whole = table[table["class"] == "all"].set_index("policy")
    assert set(table["class"]) == {"all", "A", "B", "C"}
    ratio = whole.loc["system", "worth_of_levels"] / whole.loc["class 98/95/90", "worth_of_levels"]
    assert 0.99 < ratio <= 1.0 + 1e-6
    assert table["realised_unit_fill"].between(0, 1).all()
