"""When old numbers run out, what is left, and what is ordered around the change."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.replenish.runout import NEVER, day_reached, mean_until_gone
from partsopt.replenish.service import demand_tail
from tests.replenish.network import TODAY, night

DAY = pd.Timestamp(TODAY)


@given(st.integers(1, 500), st.floats(1.0, 20.0), st.floats(0.02, 0.98))
@settings(max_examples=60, deadline=None)
def test_the_mean_until_gone_gives_the_chance_and_rises_with_it(pieces: int, ratio: float, chance: float):
    mean = mean_until_gone([pieces], [ratio], chance)
    assert demand_tail(pieces, mean, ratio)[0] == pytest.approx(chance, abs=1e-6)
    assert mean_until_gone([pieces], [ratio], chance + 0.01)[0] > mean[0]
    assert mean_until_gone([pieces + 1], [ratio], chance)[0] > mean[0]


def test_no_pieces_are_gone_today():
    assert mean_until_gone([0], [1.0], 0.5).tolist() == [0.0]


@given(st.lists(st.floats(0.0, 5.0), min_size=3, max_size=12), st.floats(0.01, 30.0))
@settings(max_examples=60, deadline=None)
def test_the_day_is_the_first_on_which_the_demand_is_there(steps: list[float], mean: float):
    days = np.arange(len(steps) + 1) * 10.0
    cumulative = np.concatenate([[0.0], np.cumsum(steps)])
    day = int(day_reached(cumulative[None, :], days, np.array([mean]))[0])
    if mean > cumulative[-1]:
        assert day == NEVER
        return
    by_day = np.interp(np.arange(days[-1] + 1), days, cumulative)
    assert by_day[day] >= mean - 1e-6
    assert day == 0 or by_day[day - 1] < mean + 1e-6


REPLACED = {"old_part_id": "OLD", "new_part_id": "NEW", "use_up_old_first": True}
SELLS = {"part_id": "NEW", "mean_per_period": 10.0}


def test_pieces_of_the_whole_network_run_out_by_the_demand_of_all():
    """15 at the DC and 45 at the dealers at 120 a year: gone in about half a year."""
    plan = night(
        forecasts=[SELLS, {"part_id": "NEW", "site_id": "D01", "mean_per_period": 5.0}],
        stock=[
            {"part_id": "OLD", "on_hand": 15},
            {"part_id": "OLD", "site_id": "D01", "on_hand": 30},
            {"part_id": "OLD", "site_id": "D02", "on_hand": 15},
        ],
        supersessions=[REPLACED],
    )
    rows = plan.run_outs.set_index("site_id")
    assert rows["quantity"].to_dict() == {"": 60, "DC1": 60, "D01": 30, "D02": 15}
    assert (rows.loc["", "run_out_on"] - DAY).days == pytest.approx(182, abs=4)
    assert rows.loc["", "run_out_early_on"] < rows.loc["", "run_out_on"] < rows.loc["", "run_out_late_on"]
    assert (rows.loc["D01", "run_out_on"] - DAY).days == pytest.approx(182, abs=4)
    assert rows.loc["", "new_order_on"] == rows.loc["", "run_out_early_on"] - pd.Timedelta(days=10)
    # nobody at D02 asks: its pieces never run out there and are left over
    assert pd.isna(rows.loc["D02", "run_out_on"])
    assert rows.loc["D02", ["left_over", "action"]].tolist() == [15.0, "clear_old"]


def test_without_demand_nothing_ever_runs_out():
    row = (
        night(stock=[{"part_id": "OLD", "on_hand": 4}], supersessions=[REPLACED]).run_outs.set_index("site_id").loc[""]
    )
    assert row[["run_out_early_on", "run_out_on", "run_out_late_on", "new_order_on"]].isna().all()
    assert row["left_over"] == 4.0


def test_receipts_count_and_proposed_transfers_count_once():
    orders = [
        {"part_id": "OLD", "quantity": 7, "due_on": DAY},
        {"part_id": "OLD", "quantity": 5, "site_id": "D01", "source_id": "DC1", "due_on": DAY, "status": "proposed"},
        {"part_id": "OLD", "quantity": 2, "site_id": "D01", "source_id": "DC1", "due_on": DAY, "status": "shipped"},
    ]
    rows = night(
        forecasts=[SELLS], stock=[{"part_id": "OLD", "on_hand": 5}], open_orders=orders, supersessions=[REPLACED]
    ).run_outs.set_index("site_id")
    assert rows.loc["", "quantity"] == 14


def test_of_two_old_numbers_the_older_goes_first():
    chain = [
        {"old_part_id": "A", "new_part_id": "B"},
        {"old_part_id": "B", "new_part_id": "NEW"},
    ]
    rows = night(
        forecasts=[SELLS],
        stock=[{"part_id": "A", "on_hand": 10}, {"part_id": "B", "on_hand": 10}],
        supersessions=[{**one, "use_up_old_first": True} for one in chain],
    ).run_outs.set_index(["old_part_id", "site_id"])
    first, second = ((rows.loc[(part, ""), "run_out_on"] - DAY).days for part in ("A", "B"))
    assert first == pytest.approx(30, abs=2)
    assert second == pytest.approx(60, abs=3)
    assert set(rows["new_part_id"]) == {"NEW"}


ANNOUNCED = {"old_part_id": "OLD", "new_part_id": "NEW", "effective_on": DAY + pd.Timedelta(days=30)}


def test_what_may_not_be_sold_later_is_left_over_and_told():
    """30 days at 120 a year use 10 of 50 pieces; the last safe order is the lead time of 10 days before the change."""
    plan = night(
        forecasts=[{"part_id": "OLD", "mean_per_period": 10.0}],
        stock=[{"part_id": "OLD", "on_hand": 50}],
        supersessions=[{**ANNOUNCED, "use_up_old_first": False}],
    )
    row = plan.run_outs.set_index("site_id").loc[""]
    assert row["left_over"] == pytest.approx(40.1, abs=0.3)
    assert row["last_order_on"] == DAY + pd.Timedelta(days=20)
    assert row["new_order_on"] == DAY + pd.Timedelta(days=20)
    assert row["action"] == "clear_old"
    told = plan.exceptions[plan.exceptions["code"] == "superseded_left_over"].iloc[0]
    assert told["money"] == pytest.approx(row["left_over_value"])


def test_the_old_number_is_not_ordered_when_it_would_come_too_late_and_the_new_one_is():
    """The change is in 8 days and both take 10: nothing of the old, the new one for its demand."""
    given_ = {
        "forecasts": [{"part_id": "OLD", "mean_per_period": 10.0}],
        "supply": [{"part_id": "OLD"}, {"part_id": "NEW"}],
    }
    change = {**ANNOUNCED, "effective_on": DAY + pd.Timedelta(days=8), "use_up_old_first": False}
    plan = night(**given_, supersessions=[change])
    assert plan.orders["part_id"].tolist() == ["NEW"]
    before = night(**given_)
    assert before.orders["part_id"].tolist() == ["OLD"]
    assert "replaces OLD on 2026-11-10" in plan.exceptions[plan.exceptions["code"] == "new_part"]["what"].iloc[0]
    assert plan.run_outs.set_index("site_id").loc["", "action"] in ("order_new", "clear_old")
