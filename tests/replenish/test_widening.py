"""Levels chosen all together and promises that fail: several nights through the run folders."""

import shutil
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from partsopt.commands import answer

FIRST = date(2026, 11, 2)
RULES = {
    "kind": ["--set", "replenish.target_rule=system"],
    "kind, budget": [
        "--set", "replenish.target_rule=system", "--set", "replenish.system_budget.dc=60000",
        "--set", "replenish.system_budget.dealer=5000",
    ],
    "network": ["--set", "replenish.target_rule=system", "--set", "replenish.system_scope=network"],
}  # fmt: skip


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample") / "night"
    made = ["--dcs", "1", "--dealers", "1", "--parts", "50", "--months", "12", "--seed", "3"]
    assert answer(["sample", str(folder), *made]) == 0
    for name in ("urgent_orders", "reservations", "vehicle_parc", "maintenance_plan"):
        (folder / f"{name}.csv").unlink(missing_ok=True)
    return folder


def run(night, runs, day, rule):
    given = ["--set", "replenish.record_days=2", *RULES[rule]]
    assert answer(["run", str(night), "--out", str(runs), "--today", f"{day}", "--json", *given]) in (0, 1)
    return runs / (runs / "CURRENT").read_text(encoding="utf-8").strip()


def asked(night, parts, day, met):
    """Three pieces of each part are asked for at the dealer D001, of which so many are met from the shelf."""
    file = night / "demand_lines.csv"
    lines = pd.read_csv(file, dtype=str)
    new = pd.DataFrame({"demanded_on": f"{day}", "site_id": "D001", "part_id": parts, "quantity": "3"})
    new = new.assign(order_type="stock", purpose="repair", is_return="false", filled_quantity=str(met))
    pd.concat([lines, new.reindex(columns=lines.columns)]).to_csv(file, index=False)


def levels_of(folder):
    levels = pd.read_parquet(folder / "levels.parquet").query("site_id == 'D001' and is_stocked")
    return levels.set_index("part_id")


def longest_delay(folder):
    """Days until every promise of the dealer's parts holds: T + L there, and at the DC that supplies it."""
    levels = pd.read_parquet(folder / "levels.parquet").query("is_stocked")
    days = levels.assign(days=np.ceil(levels["protection_days"])).pivot_table("days", "part_id", "site_id")
    return timedelta(days=int(days.sum(axis=1).max()))


@pytest.mark.parametrize("rule", list(RULES))
def test_a_class_that_fails_gets_more_service_for_money(sample, tmp_path, capsys, rule):
    """One piece in three is met once promises hold; by kind of site two nights more show the bound, and how it eases."""
    night, runs = tmp_path / "night", tmp_path / "runs"
    shutil.copytree(sample, night)
    begun = run(night, runs, FIRST, rule)
    first = levels_of(begun)
    failing = first["abc_class"].value_counts().index[0]
    parts = first.query(f"abc_class == '{failing}'").index.tolist()
    held = FIRST + longest_delay(begun)
    run(night, runs, held, rule)
    asked(night, parts, held, met=1)
    second = held + timedelta(days=1)
    last = run(night, runs, second, rule)
    lifted, plain = levels_of(last), levels_of(run(night, tmp_path / "nowhere", second, rule))
    fails = lifted["abc_class"].eq(failing)
    assert fails.sum() > 5
    assert (lifted.loc[fails, "shortfall_factor"] < 1.0).all()
    assert (lifted.loc[~fails, "shortfall_factor"] == 1.0).all()
    at = lifted.index[fails].intersection(plain.index)
    assert lifted.loc[at, "promised_fill_rate"].mean() > plain.loc[at, "promised_fill_rate"].mean()
    why = pd.read_parquet(last / "solver_runs.parquet")["why"]
    assert why.str.contains("classes whose promises failed count up to").any()
    told = pd.read_parquet(last / "all_exceptions.parquet").query("code == 'promise_failed'")
    assert told["what"].str.contains(f"class {failing} of all dealers").any()
    if rule == "kind":
        asked(night, parts, second, met=1)
        at_bound = levels_of(run(night, runs, held + timedelta(days=2), rule)).query(f"abc_class == '{failing}'")
        for ahead in (2, 3):
            asked(night, parts, held + timedelta(days=ahead), met=3)
        eased = levels_of(run(night, runs, held + timedelta(days=4), rule))
        assert at_bound["shortfall_factor"].eq(0.5).all()
        assert eased["shortfall_factor"].eq(1.0).all()
    capsys.readouterr()
