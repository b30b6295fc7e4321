"""The first stock of new parts, by parts like them."""

import pandas as pd
import pytest

from partsopt.replenish.newparts import expected_rate
from partsopt.replenish.orders import Replenishment
from tests.replenish.network import TODAY, night

DAY = pd.Timestamp(TODAY)


def of_group(name: str, group: str, years_ago: float, **rest: object) -> dict[str, object]:
    introduced = DAY - pd.Timedelta(days=round(365 * years_ago))
    return {"part_id": name, "part_group": group, "introduced_on": introduced, **rest}


def night_with_new(new: dict[str, object], **given: object) -> Replenishment:
    """Three brakes of the last years sell 12, 24 and nothing a year; a body part of long ago sells 600."""
    forecasts = [
        {"part_id": "B1", "mean_per_period": 1.0},
        {"part_id": "B2", "mean_per_period": 2.0},
        {"part_id": "OLD", "mean_per_period": 50.0},
    ]
    parts = [
        of_group("B1", "brakes", 1.0),
        of_group("B2", "brakes", 2.0),
        of_group("B3", "brakes", 2.0),
        of_group("OLD", "body", 8.0),
        new,
    ]
    return night(forecasts=forecasts, parts=parts, **given)


def test_the_rate_is_the_median_of_those_that_sold_times_their_share():
    assert expected_rate([12.0, 24.0], n_new=3) == 12.0
    assert expected_rate([], n_new=3) == 0.0


def test_a_new_part_is_stocked_by_its_group():
    plan = night_with_new({"part_id": "N", "part_group": "brakes", "lifecycle": "new"})
    level = plan.levels[plan.levels["part_id"] == "N"].iloc[0]
    assert level["mean_over_protection"] * 365.25 / level["protection_days"] == pytest.approx(12.0)
    assert level["order_up_to_level"] >= 1
    assert "N" in plan.orders["part_id"].tolist()
    told = plan.exceptions[plan.exceptions["code"] == "new_part"].iloc[0]
    assert told["what"].startswith(
        "new, no history here: 2 of 3 parts like it that were new sold; 12.0 a year expected"
    )
    assert told["money"] == level["order_up_to_level"] * 10.0


def test_without_its_like_in_the_group_all_groups_count():
    plan = night_with_new({"part_id": "N", "part_group": "body", "lifecycle": "new"})
    told = plan.exceptions[plan.exceptions["code"] == "new_part"]["what"].iloc[0]
    assert "2 of 3 parts like it" in told


def test_a_new_part_is_ordered_in_time_for_its_first_day_and_not_before():
    """Ten days of lead time and a review period of one day."""
    for days, ordered in ((11, True), (12, False)):
        introduced = DAY + pd.Timedelta(days=days)
        new = {"part_id": "N", "part_group": "brakes", "lifecycle": "new", "introduced_on": introduced}
        plan = night_with_new(new)
        assert ("N" in plan.orders["part_id"].tolist()) is ordered


def test_a_dear_part_that_hardly_sells_gets_no_first_piece():
    """Expected 12 a year from brakes costs little; at a rate of the group of 0.12 a piece of 10 does not pay."""
    plan = night(
        forecasts=[{"part_id": "B1", "mean_per_period": 0.01}],
        parts=[
            of_group("B1", "brakes", 1.0),
            of_group("B2", "brakes", 2.0),
            {"part_id": "N", "part_group": "brakes", "lifecycle": "new"},
        ],
    )
    level = plan.levels[plan.levels["part_id"] == "N"].iloc[0]
    assert (level["is_stocked"], level["order_up_to_level"]) == (False, 0)
    assert "new_part" not in set(plan.exceptions["code"])  # only what is to be stocked is told


def test_an_active_part_without_history_is_no_new_part():
    plan = night_with_new({"part_id": "N", "part_group": "brakes"})
    assert "new_part" not in set(plan.exceptions["code"])
    assert "N" not in set(plan.levels["part_id"])


def test_a_number_that_replaces_another_at_once_is_bought_unless_it_has_ended_itself():
    """B1 sells 12 a year and may not be sold any more in a week."""
    change = {
        "old_part_id": "B1",
        "new_part_id": "N",
        "effective_on": DAY + pd.Timedelta(days=7),
        "use_up_old_first": False,
    }
    for life, bought in (("active", True), ("ended", False)):
        plan = night_with_new({"part_id": "N", "lifecycle": life}, supersessions=[change])
        told = plan.exceptions.loc[plan.exceptions["code"] == "new_part", "what"].tolist()
        assert ("N" in plan.orders["part_id"].tolist()) is bought
        assert bool(told) is bought
