"""Room of last buys and of parts without a source: what comes first, and what each cut is worth."""

import pandas as pd
import pytest

from partsopt.replenish.lifecycle import sales_of
from tests.replenish.network import TODAY, again, night, of_line, tables, with_params

PLAIN = with_params(last_buy_decline_per_year=0.0, holding_rate_per_year=0.0, last_buy_shortage_share=2.5)
FORECASTS = [{"part_id": name, "mean_per_period": 10.0, "variance_to_mean": 3.0} for name in ("P", "Q")]
PARTS = [
    {
        "part_id": "P",
        "unit_cost": 40.0,
        "volume_m3": 0.1,
        "served_until_on": pd.Timestamp(TODAY) + pd.Timedelta(days=365),
    },
    {"part_id": "Q", "unit_cost": 10.0, "volume_m3": 0.1},
]
SUPPLY = [{"part_id": "P", "last_order_on": pd.Timestamp(TODAY), "unit_cost": 40.0}, {"part_id": "Q"}]


def given_with(room, **more):
    sites = [{"site_id": "DC1", "site_kind": "dc", "storage_m3": room}]
    return {"forecasts": FORECASTS, "parts": PARTS, "supply": SUPPLY, "sites": sites} | more


def level_of(plan, part):
    return int(plan.levels.set_index("part_id").loc[part, "order_up_to_level"])


def test_levels_yield_to_a_last_buy_because_it_cannot_be_made_up_for():
    free, bound = night(**given_with(None), params=PLAIN), night(**given_with(13.0), params=PLAIN)
    assert level_of(bound, "P") == level_of(free, "P")
    assert level_of(bound, "Q") < level_of(free, "Q")
    assert bound.levels.set_index("part_id")["room_cut"].tolist() == [0, level_of(free, "Q") - level_of(bound, "Q")]
    assert "storage_over" not in set(bound.exceptions["code"])


def test_a_last_buy_is_cut_to_what_the_floors_leave_and_tells_its_worth():
    free, bound = night(**given_with(None), params=PLAIN), night(**given_with(8.0), params=PLAIN)
    wanted, got = level_of(free, "P"), level_of(bound, "P")
    assert level_of(bound, "Q") == 1
    # 8 m3 are 80 pieces on the shelf, and 10 / 30.4375 * 10 days are sold until the order comes
    assert got == pytest.approx(80 + 3.3, abs=1.0)
    told = bound.exceptions[bound.exceptions["code"] == "last_buy_cut_for_room"].iloc[0]
    assert told["what"] == f"{wanted - got} of {wanted} pieces for all demand to come find no room"
    sold = float(sales_of(got, wanted, 120.0, 3.0, 365 / 365.25).pieces)
    assert told["money"] == pytest.approx(sold * 100.0 - (wanted - got - sold) * 40.0 * 0.95, rel=0.02)
    line = bound.orders[bound.orders["part_id"] == "P"].iloc[0]
    note = bound.lineage[(bound.lineage["line_id"] == line["line_id"]) & (bound.lineage["term"] == "order_up_to_level")]
    assert note["note"].iloc[0].endswith(f"; {wanted - got} pieces fewer, as the site is full")
    assert of_line(bound.lineage, line["line_id"])["order_up_to_level"] == got
    assert "storage_over" not in set(bound.exceptions["code"])


def test_of_two_last_buys_the_pieces_worth_least_for_their_room_go():
    both = [{**SUPPLY[0]}, {"part_id": "Q", "last_order_on": pd.Timestamp(TODAY)}]
    until = PARTS[0]["served_until_on"]
    parts = [PARTS[0], {**PARTS[1], "served_until_on": until}]
    free = night(**given_with(None, supply=both, parts=parts), params=PLAIN)
    bound = night(**given_with(18.0, supply=both, parts=parts), params=PLAIN)
    assert level_of(free, "P") == level_of(free, "Q")  # the same shares of the price
    lost = [level_of(free, part) - level_of(bound, part) for part in ("P", "Q")]
    assert 0 < lost[0] < lost[1]  # a piece of P is worth four of Q
    shelf = level_of(bound, "P") + level_of(bound, "Q") - 2 * 10 * 10 / (365.25 / 12)
    assert 178 <= shelf <= 180

    def marginal(level, cost):  # what the last piece kept is worth
        return cost * (3.45 * float(sales_of(level - 1, level, 120.0, 3.0, 365 / 365.25).pieces) - 0.95)

    assert marginal(level_of(bound, "P"), 40.0) == pytest.approx(marginal(level_of(bound, "Q"), 10.0), rel=0.2)


def test_stock_that_nobody_supplies_takes_its_room_first():
    supply = [{"part_id": "P", "last_order_on": pd.Timestamp(TODAY) - pd.Timedelta(days=1)}, {"part_id": "Q"}]
    stock = [{"part_id": "P", "on_hand": 100}]
    empty = night(**given_with(10.4, supply=supply), params=PLAIN)
    bound = night(**given_with(10.4, supply=supply, stock=stock), params=PLAIN)
    assert empty.levels["room_cut"].sum() == 0
    assert bound.levels.set_index("part_id").loc["Q", "room_cut"] > 0
    ordered = [{"part_id": "P", "quantity": 100, "due_on": pd.Timestamp(TODAY) + pd.Timedelta(days=90)}]
    firm = night(**given_with(10.4, supply=supply, open_orders=ordered), params=PLAIN)
    assert firm.levels["room_cut"].tolist() == bound.levels["room_cut"].tolist()
    proposed = night(
        **given_with(10.4, supply=supply, open_orders=[{**ordered[0], "status": "proposed"}]), params=PLAIN
    )
    assert proposed.levels["room_cut"].sum() == 0
    over = night(**given_with(9.0, supply=supply, stock=stock), params=PLAIN)
    assert level_of(over, "Q") == 1  # the floor; what lies there too much is told
    assert "storage_over" in set(over.exceptions["code"])


def test_a_night_with_a_full_site_orders_nothing_new_when_run_again():
    dealers = [{"site_id": "D01", "site_kind": "dealer", "supplied_by": "DC1"}]
    forecasts = [*FORECASTS, {"site_id": "D01", "part_id": "P", "mean_per_period": 6.0, "variance_to_mean": 2.0}]
    given_ = given_with(8.0, forecasts=forecasts, stock=[{"part_id": "P", "on_hand": 30}])
    given_["sites"] += dealers
    first = night(**given_, params=PLAIN)
    assert len(first.requests) > 0
    assert (first.orders["order_quantity"] > 0).any()
    rerun = again(tables(**given_), first, params=PLAIN)
    assert rerun.orders.empty
    assert rerun.requests.empty
