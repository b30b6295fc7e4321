"""The benchmark of policies: its replay against a walk by hand, and a run on a small set."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

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


def lines_of(pieces: dict[str, dict[str, float]]) -> pd.DataFrame:
    rows = [(name, period, qty) for name, given in pieces.items() for period, qty in given.items()]
    return pd.DataFrame(rows, columns=["series_id", "period", "qty"])


def test_a_week_in_which_nobody_asks_is_a_week(tmp_path):
    lines_of({"a": {"w9": 1, "w10": 2, "w12": 3}, "b": {"w10": 4}}).to_parquet(tmp_path / "weeks.parquet")
    wide = policy.read_demand(tmp_path / "weeks.parquet")
    assert wide.columns.name == "week"
    assert wide.to_numpy().tolist() == [[1, 2, 0, 3], [0, 4, 0, 0]]
    lines_of({"a": {"2024-12": 1, "2025-02": 2}}).to_parquet(tmp_path / "months.parquet")
    months = policy.read_demand(tmp_path / "months.parquet")
    assert months.columns.name == "month"
    assert months.to_numpy().tolist() == [[1, 0, 2]]


def test_parts_without_a_price_or_a_lead_time_are_told_and_left_out(tmp_path, capsys):
    names = ["dear", "free", "unknown", "when"]
    wide = pd.DataFrame([[1.0, 0.5], [1.0, 0.0], [1.0, 0.0], [-3.0, 6.0]], index=names).rename_axis(columns="month")
    items = {"series_id": names[:2] + names[3:], "price": [9.0, 0.0, 3.0], "lead_time_months": [1.5, 1.0, np.nan]}
    pd.DataFrame(items).to_parquet(tmp_path / "items.parquet")
    pieces, price, lead = policy.with_items(wide, tmp_path / "items.parquet")
    assert (pieces.tolist(), price.tolist(), lead.tolist()) == ([[1, 1]], [9.0], [2])
    assert "3 parts without a price above 0 or a lead time, with 80.00% of the pieces, are left out" in (
        capsys.readouterr().out
    )


def test_a_made_industry_is_the_same_for_the_same_seed(tmp_path):
    tables = []
    for seed in ("1", "1", "2"):
        out = tmp_path / f"{len(tables)}.csv"
        assert policy.main(["--made", "automotive", "--parts", "60", "--seed", seed, "--out", str(out)]) == 0
        tables.append(out.read_bytes())
    assert tables[0] == tables[1] != tables[2]
    assert policy.made_demand("growing", 30, 1).notna().all(axis=None)


def test_days_and_other_periods_than_told_are_refused(tmp_path, capsys):
    lines_of({"a": {"2024-12-01": 1, "2024-12-02": 2}}).to_parquet(tmp_path / "days.parquet")
    out = ["--out", str(tmp_path / "out.csv")]
    with pytest.raises(SystemExit):
        policy.main(["--demand", str(tmp_path / "days.parquet"), *out])
    assert "its periods are named as a day is" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        policy.main(["--made", "military", "--period", "week", *out])
    assert "named as a month is" in capsys.readouterr().err


def test_parts_that_agree_by_chance_prove_no_gap():
    """Ten parts promised 0.9 for 4 pieces each, all met: the error is that of ten tries, not the parts' own, which is 0."""
    n = 10
    levels = pd.DataFrame({"promised_fill_rate": np.full(n, 0.9), "order_up_to_level": 9})
    asked = np.full((n, 1), 4)
    got = policy.figures(levels, asked, np.ones(n), (asked, asked), np.full(n, True))
    assert got["promised_minus_realised"] == pytest.approx(-0.1)
    assert got["standard_error"] == pytest.approx((0.9 * 0.1 / n) ** 0.5)
