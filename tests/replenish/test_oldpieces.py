"""Old numbers ship first to dealers: pieces, lineage and the next night by hand."""

import pandas as pd
import pytest

from partsopt.replenish.orders import replenish_sites
from tests.replenish.network import PARAMS, TODAY, again, night, of_line, tables

SELLS = [{"site_id": site, "part_id": "NEW", "mean_per_period": 30.0} for site in ("D01", "D02", "DC1")]
REPLACED = [{"old_part_id": "OLD", "new_part_id": "NEW", "use_up_old_first": True}]
STOCK = [{"part_id": "OLD", "on_hand": 12}, {"part_id": "NEW", "on_hand": 100}]
PARTS = [{"part_id": "OLD", "unit_cost": 7.0}]


def asked(out):
    rows = out.requests.sort_values(["site_id", "part_id", "tier"])
    return list(zip(rows["site_id"], rows["part_id"], rows["tier"], rows["quantity"].tolist(), strict=True))


def test_dealers_get_old_pieces_until_the_dc_has_none():
    """Either dealer wants 11 pieces: D01 gets eleven of the twelve old ones, D02 the last and ten new ones."""
    given = {"forecasts": SELLS, "supersessions": REPLACED, "stock": STOCK, "parts": PARTS}
    without = asked(night(**{**given, "supersessions": []}))
    [wanted] = {quantity for _, part, _, quantity in without if part == "NEW"}
    out = night(**given)
    assert asked(out) == [
        ("D01", "OLD", "stock", wanted),
        ("D02", "NEW", "stock", 2 * wanted - 12),
        ("D02", "OLD", "stock", 12 - wanted),
    ]
    old = out.requests[out.requests["part_id"] == "OLD"]
    assert old["unit_cost"].eq(7.0).all()
    assert old["source_id"].eq("DC1").all()
    for row in out.requests.itertuples():
        assert sum(of_line(out.lineage, row.request_id).values()) == row.quantity
    note = out.lineage[out.lineage["term"] == "used_up"].set_index("quantity")["note"]
    assert note[12 - wanted] == "old pieces are sold first; asked for as NEW"
    assert note[wanted - 12] == "sent as an older number that is sold first"


def test_the_position_of_the_dc_is_what_it_was_and_the_next_run_asks_nothing():
    given = tables(forecasts=SELLS, supersessions=REPLACED, stock=STOCK, parts=PARTS)
    first = replenish_sites(**given, today=TODAY, period="month", params=PARAMS)
    new = first.positions.set_index(["site_id", "part_id"]).loc[("DC1", "NEW")]
    assert new["inventory_position"] == 112 - first.requests["quantity"].sum()
    second = again(given, first)
    assert second.requests.empty
    assert second.orders.empty


@pytest.mark.parametrize(
    ("change", "stock"),
    [
        ({"use_up_old_first": False}, STOCK),  # worthless from the day of the new number on
        ({"effective_on": pd.Timestamp("2027-01-01")}, STOCK),  # announced: the old number is still asked for itself
        ({}, [{"part_id": "OLD", "on_hand": 12, "reserved": 12}, {"part_id": "NEW", "on_hand": 100}]),
    ],
)
def test_no_old_pieces_go_where_they_may_not(change, stock):
    out = night(forecasts=SELLS, supersessions=[REPLACED[0] | change], stock=stock, parts=PARTS)
    assert set(out.requests["part_id"]) == {"NEW"}


def test_the_oldest_number_goes_first_and_owed_pieces_before_stock():
    """OLDER was replaced by OLD, OLD by NEW: what D02 owes is met by OLDER, the rest of OLDER goes to stock, then OLD."""
    replaced = [{"old_part_id": "OLDER", "new_part_id": "OLD", "use_up_old_first": True}, *REPLACED]
    stock = [
        {"part_id": "OLDER", "on_hand": 4},
        {"part_id": "OLD", "on_hand": 3},
        {"part_id": "NEW", "on_hand": 100},
        {"site_id": "D02", "part_id": "NEW", "on_hand": 0, "backordered": 2},
    ]
    out = night(forecasts=SELLS, supersessions=replaced, stock=stock, parts=[*PARTS, {"part_id": "OLDER"}])
    got = {(site, part, tier): quantity for site, part, tier, quantity in asked(out)}
    assert got["D02", "OLDER", "backorder"] == 2
    assert got["D01", "OLDER", "stock"] == 2
    assert got["D01", "OLD", "stock"] == 3
    assert ("D02", "OLD", "stock") not in got
    for row in out.requests.itertuples():
        assert sum(of_line(out.lineage, row.request_id).values()) == row.quantity


def test_packs_of_a_dealer_stay_whole():
    supply = [
        {
            "site_id": site,
            "part_id": "NEW",
            "source_id": "DC1",
            "channel": "dc",
            "order_multiple": 5,
            "lead_time_days": 4.0,
        }
        for site in ("D01", "D02")
    ] + [{"part_id": "NEW"}]
    out = night(forecasts=SELLS, supersessions=REPLACED, stock=STOCK, parts=PARTS, supply=supply)
    stock_tier = out.requests[out.requests["tier"] == "stock"]
    assert (stock_tier["quantity"] % 5 == 0).all()
    assert stock_tier.loc[stock_tier["part_id"] == "OLD", "quantity"].sum() == 10
