"""A planner's levels inside stage 4: they stand, and what they cost is told."""

import pytest

from tests.replenish.network import night, of_line, with_params

FORECASTS = [{"part_id": "P1", "mean_per_period": 4.0}, {"part_id": "P2", "mean_per_period": 2.0}]
SUPPLY = [{"part_id": "P1"}, {"part_id": "P2"}]


def planned(*rows, **rest):
    fixed = [{"site_id": "DC1", **row} for row in rows]
    return night(forecasts=FORECASTS, supply=SUPPLY, fixed_levels=fixed, **rest)


def levels(out):
    return out.levels.set_index("part_id")["order_up_to_level"].to_dict()


def test_a_planners_level_stands_and_its_money_is_told():
    """Five by the rule, 20 by the planner: 15 pieces of 10 more in stock, 22 % of that a year; the order says whose it is."""
    out = planned({"part_id": "P1", "order_up_to_level": 20, "note": "fleet contract"})
    assert levels(out) == {"P1": 20, "P2": 4}
    row = out.levels.set_index("part_id").loc["P1"]
    assert (row["free_level"], row["is_fixed"]) == (5, True)
    [told] = out.exceptions.to_dict("records")
    assert (told["code"], told["part_id"], told["money"]) == ("fixed_level", "P1", 150.0)
    assert told["what"].startswith("level 20 instead of 5: +150.00 in stock, +33.00 a year to hold; promises 100.0%")
    assert told["what"].endswith("(fleet contract)")
    order = out.orders.set_index("part_id").loc["P1"]
    assert order["why"] == "Reviewed today; position 0 is 20 below the planner's level 20."
    [note] = out.lineage.loc[
        out.lineage["line_id"].eq(order["line_id"]) & out.lineage["term"].eq("order_up_to_level"), "note"
    ]
    assert note == "the planner's level: fleet contract"
    assert of_line(out.lineage, order["line_id"]) == {"order_up_to_level": 20}


def test_the_last_day_counts_and_the_day_after_is_told():
    row = {"part_id": "P1", "order_up_to_level": 20}
    assert levels(planned({**row, "until_on": "2026-11-02"}))["P1"] == 20
    out = planned({**row, "until_on": "2026-11-01"})
    assert levels(out)["P1"] == 5
    assert not out.levels["is_fixed"].any()
    [told] = out.exceptions.to_dict("records")
    assert (told["code"], told["what"]) == ("fixed_level_unused", "level 20 held until 2026-11-01")


def test_level_0_is_not_kept_and_a_part_without_history_may_be():
    """P2 is no longer to be kept; P3 has no forecast and gets three pieces."""
    out = planned(
        {"part_id": "P2", "order_up_to_level": 0},
        {"part_id": "P3", "order_up_to_level": 3},
        parts=[{"part_id": "P3"}],
    )
    kept = out.levels.set_index("part_id")["is_stocked"].to_dict()
    assert (levels(out), kept) == ({"P1": 5, "P2": 0}, {"P1": True, "P2": False})
    told = out.exceptions.set_index("part_id")["code"].to_dict()
    assert told == {"P2": "fixed_level", "P3": "no_source"}


def test_the_level_of_a_replaced_number_is_told():
    out = planned(
        {"part_id": "P1", "order_up_to_level": 20},
        supersessions=[{"old_part_id": "P1", "new_part_id": "P2"}],
    )
    assert not out.levels["is_fixed"].any()
    assert out.exceptions["what"].tolist() == ["level 20 is of a number that was replaced"]


@pytest.mark.parametrize("aim", ["target", "budget"])
def test_the_system_chooses_the_others_around_it_and_tells_what_that_costs(aim):
    """P1's level is fixed far above its use: the same service is dearer, a budget buys less of it."""
    settings = {"target_rule": "system"}
    if aim == "budget":
        settings["system_budget"] = {"dc": 250.0, "dealer": 0.0}
    free = planned(params=with_params(**settings))
    out = planned({"part_id": "P1", "order_up_to_level": 20}, params=with_params(**settings))
    assert levels(out)["P1"] == 20
    assert out.levels.set_index("part_id")["free_level"]["P1"] == levels(free)["P1"]
    told = out.exceptions.set_index("code").loc["fixed_levels_cost"]
    if aim == "target":
        more = sum(levels(out).values()) * 10.0 - sum(levels(free).values()) * 10.0
        assert told["money"] == pytest.approx(more)
        assert told["what"] == f"levels of the dcs: {more:+,.2f} for the same service than without planners' levels"
    else:
        assert sum(levels(out).values()) <= 25
        assert "less service for the same budget" in told["what"]


def test_a_planners_level_stands_above_the_cap_of_unsold_stock():
    life = [{"part_id": "P1", "lifecycle": "ended"}]
    out = planned({"part_id": "P1", "order_up_to_level": 30}, parts=life)
    row = out.levels.set_index("part_id").loc["P1"]
    assert (row["order_up_to_level"], row["cap_cut"]) == (30, 0)
    assert row["free_level"] < 30
