"""A DC's stock shared among requests: tiers, order of service, equal run-out time."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from partsopt.allocate.shares import (
    courier_lanes_of,
    equal_run_out,
    fair_shares,
    first_come_first_served,
    protected_stock,
    transfer_order_ids,
)
from partsopt.errors import TableError
from partsopt.settings import AllocateParams
from partsopt.tables import CARRIER_LANES, SHIPMENTS, TIERS, conform
from tests.allocate.night import NO_REBALANCE, TODAY, allocate, order, position, request
from tests.reference import reference_equal_run_out, reference_first_come, reference_tiers

PROPERTY = settings(max_examples=80, deadline=None)
NIGHTS = settings(max_examples=10, deadline=None)


def sent(allocation) -> dict[str, int]:
    return dict(zip(allocation.shipments["request_id"], allocation.shipments["shipped_quantity"], strict=True))


# ------------------------------------------------------------------ the story of each tier


def test_vor_order_beats_stock_order_for_the_last_piece():
    allocation = allocate(
        [request("a", "D01", quantity=1), request("b", "D02", tier="vor", quantity=1)], [position("SH", on_hand=1)]
    )
    assert sent(allocation) == {"b": 1}
    assert allocation.shipments["shipment_kind"].tolist() == ["vor"]
    assert allocation.shortages["request_id"].tolist() == ["a"]


def test_backorder_beats_stock_order():
    """The DC has 4; D01 owes 3 to customers, D02 wants 4 for stock: D01 gets 3, D02 gets 1."""
    rows = [request("a", "D01", tier="backorder", quantity=3, position_before=-3), request("b", "D02", quantity=4)]
    assert sent(allocate(rows, [position("SH", on_hand=4)])) == {"a": 3, "b": 1}


def test_earlier_promise_is_served_first_and_no_promise_counts_from_when_it_was_placed():
    rows = [
        request("a", "D01", tier="urgent", quantity=1, deliver_by="2026-11-03 12:00", placed_at="2026-11-01 10:00"),
        request("b", "D02", tier="urgent", quantity=1, deliver_by="2026-11-02 12:00", placed_at="2026-11-01 17:00"),
        request("c", "D03", tier="urgent", quantity=1, placed_at="2026-11-01 09:00"),
    ]
    assert sent(allocate(rows, [position("SH", on_hand=2)])) == {"b": 1, "c": 1}


def test_same_promise_goes_to_the_order_placed_first():
    rows = [
        request("a", "D01", tier="vor", quantity=1, deliver_by="2026-11-02 12:00", placed_at="2026-11-01 18:00"),
        request("b", "D02", tier="vor", quantity=1, deliver_by="2026-11-02 12:00", placed_at="2026-11-01 17:00"),
    ]
    assert sent(allocate(rows, [position("SH", on_hand=1)])) == {"b": 1}


def test_booked_repairs_are_served_by_date():
    rows = [
        request("a", "D01", tier="reservation", quantity=2, needed_on="2026-11-09"),
        request("b", "D02", tier="reservation", quantity=2, needed_on="2026-11-05"),
    ]
    assert sent(allocate(rows, [position("SH", on_hand=3)])) == {"a": 1, "b": 2}


def test_two_dealers_share_to_the_same_run_out_day():
    """6 pieces; D01 sells 1 a day and has none, D02 sells 2 a day and has none: 2 and 4 last two days each."""
    rows = [request("a", "D01", quantity=9, mean_per_day=1.0), request("b", "D02", quantity=9, mean_per_day=2.0)]
    allocation = allocate(rows, [position("SH", on_hand=6)])
    assert sent(allocation) == {"a": 2, "b": 4}
    assert allocation.shipments["fair_share"].tolist() == [2.0, 4.0]


def test_stock_order_starts_from_the_pieces_sent_for_backorders():
    """D01 owes 2 and gets them; both dealers then stand at 0 and share the other 2."""
    rows = [
        request("a", "D01", tier="backorder", quantity=2, position_before=-2),
        request("b", "D01", quantity=5, position_before=-2),
        request("c", "D02", quantity=5, position_before=0),
    ]
    assert sent(allocate(rows, [position("SH", on_hand=4)])) == {"a": 2, "b": 1, "c": 1}


def test_dealer_without_demand_comes_last():
    rows = [request("a", "D01", quantity=2, mean_per_day=0.0), request("b", "D02", quantity=2, mean_per_day=0.01)]
    assert sent(allocate(rows, [position("SH", on_hand=3)])) == {"a": 1, "b": 2}


def test_dealer_without_demand_that_owes_a_piece_comes_first():
    """A customer has waited there for longer than any rate explains."""
    rows = [
        request("a", "D01", tier="backorder", quantity=1, position_before=-1, mean_per_day=1.0),
        request("b", "D02", tier="backorder", quantity=1, position_before=-1, mean_per_day=0.0),
    ]
    assert sent(allocate(rows, [position("SH", on_hand=1)])) == {"b": 1}


def test_pack_is_not_broken_for_a_stock_order():
    """7 pieces, packs of 5: D01 gets one, the last 2 make no pack."""
    rows = [request("a", "D01", quantity=5, order_multiple=5), request("b", "D02", quantity=5, order_multiple=5)]
    allocation = allocate(rows, [position("SH", on_hand=7)])
    assert sent(allocation) == {"a": 5}
    assert "the last 2 make no pack of 5" in allocation.shortages["shortage_because"][0]


# ------------------------------------------------------------------ what is held back


def test_reserved_and_committed_pieces_are_kept_even_from_vor():
    rows = [request("a", "D01", tier="vor", quantity=5)]
    allocation = allocate(rows, [position("SH", on_hand=6, reserved=2, committed=3)])
    assert sent(allocation) == {"a": 1}
    assert allocation.shortages["shortage_because"].tolist() == [
        "Shanghai has 1 of 5 pieces asked for and 5 promised already; none on order before tonight"
    ]


def test_what_the_dc_owes_already_goes_before_backorders_but_after_booked_repairs():
    rows = [
        request("a", "D01", tier="reservation", quantity=2, needed_on="2026-11-05"),
        request("b", "D02", tier="backorder", quantity=3, position_before=-3),
    ]
    allocation = allocate(rows, [position("SH", on_hand=6, backordered=3)])
    assert sent(allocation) == {"a": 2, "b": 1}
    assert "owed on earlier orders: 3" in allocation.shortages["shortage_because"][0]


def test_protected_stock_is_kept_from_stock_orders_only():
    """70 pieces a week, a tenth of them urgent, three days: 3 pieces wait for urgent orders."""
    rows = [request("a", "D01", quantity=5), request("b", "D02", tier="backorder", quantity=2, position_before=-2)]
    levels = pd.DataFrame(
        {"site_id": ["SH"], "part_id": ["P"], "mean_over_protection": [70.0], "protection_days": [7.0]}
    )
    allocation = allocate(rows, [position("SH", on_hand=6)], levels=levels)
    assert sent(allocation) == {"a": 1, "b": 2}
    assert allocation.shortages["shortage_because"].tolist() == [
        "Shanghai has 6 of 7 pieces asked for; kept for urgent orders: 3; none on order before tonight"
    ]


def test_protected_stock_binds_nobody_where_there_is_enough():
    rows = [request("a", "D01", quantity=5)]
    levels = pd.DataFrame(
        {"site_id": ["SH"], "part_id": ["P"], "mean_over_protection": [70.0], "protection_days": [7.0]}
    )
    assert sent(allocate(rows, [position("SH", on_hand=8)], levels=levels)) == {"a": 5}


# ------------------------------------------------------------------ reasons, numbers, exceptions


def test_shortage_names_the_next_receipt():
    orders = [
        order("PO-1", site_id="SH", quantity=20, due_on="2026-11-09"),
        order("PO-2", site_id="SH", quantity=5, due_on="2026-11-30"),
    ]
    allocation = allocate([request("a", "D01", quantity=9)], [position("SH", on_hand=4)], open_orders=orders)
    assert allocation.shortages["shortage_because"].tolist() == [
        "Shanghai has 4 of 9 pieces asked for; next receipt of 20 on 2026-11-09"
    ]
    assert allocation.shortages["next_receipt_on"].tolist() == [pd.Timestamp("2026-11-09")]
    assert allocation.shortages["shortage_value"].tolist() == [500.0]


def test_overdue_receipt_is_called_overdue():
    orders = [order("PO-1", site_id="SH", quantity=20, due_on="2026-10-30")]
    allocation = allocate([request("a", "D01", quantity=9)], [position("SH", on_hand=0)], open_orders=orders)
    assert allocation.shortages["shortage_because"].tolist() == [
        "no stock at Shanghai; a receipt of 20 is overdue since 2026-10-30"
    ]


def test_part_the_dc_never_had_is_short_and_said_so():
    allocation = allocate([request("a", "D01", quantity=2)], [])
    assert allocation.shipments.empty
    assert allocation.shortages["shortage_because"].tolist() == ["no stock at Shanghai; none on order before tonight"]


def test_open_transfer_of_the_same_day_takes_the_number():
    orders = [
        order("TO-20261102-SH-D01", site_id="D01", source_id="SH", due_on="2026-11-04"),
        order("TO-20261102-SH-D01-2", site_id="D01", source_id="SH", due_on="2026-11-04"),
    ]
    rows = [request("a", "D01", quantity=1), request("b", "D01", tier="vor", quantity=1)]
    allocation = allocate(rows, [position("SH", on_hand=9)], open_orders=orders)
    assert allocation.shipments["line_id"].tolist() == ["TO-20261102-SH-D01-3/1", "TO-20261102-SH-D01-3/2"]
    assert allocation.shipments["request_id"].tolist() == ["b", "a"]


def test_order_numbers_of_sites_with_dashes_never_collide():
    """From A to B-C and from A-B to C would be the same number."""
    names = transfer_order_ids(["A", "A-B"], ["B-C", "C"], pd.DataFrame({"order_id": []}), TODAY)
    assert names == ["TO-20261102-A-B-C", "TO-20261102-A-B-C-2"]


def test_short_urgent_orders_are_listed_one_by_one_and_stock_orders_by_part():
    rows = [
        request("a", "D01", tier="vor", quantity=2, for_order_id="U1", for_line=1),
        request("b", "D02", tier="urgent", quantity=1, for_order_id="U2", for_line=3),
        request("c", "D01", quantity=3),
        request("d", "D02", quantity=4),
    ]
    lines = allocate(rows, []).exceptions
    assert lines["code"].tolist() == ["shortage_stock", "shortage_urgent", "shortage_vor"]
    assert lines["site_id"].tolist() == ["SH", "D02", "D01"]
    assert lines["money"].tolist() == [700.0, 100.0, 200.0]
    assert lines["what"].tolist() == [
        "7 pieces asked for by 2 dealers missing; no stock at Shanghai; none on order before tonight",
        "order U2 line 3: 1 of 1 missing; no stock at Shanghai; none on order before tonight",
        "order U1 line 1: 2 of 2 missing; no stock at Shanghai; none on order before tonight",
    ]


def test_stock_shortages_beyond_the_twenty_dearest_parts_are_one_line():
    rows = [request(f"r{n:02d}", "D01", part_id=f"P{n:02d}", quantity=1 + n) for n in range(23)]
    lines = allocate(rows, [], parts=[f"P{n:02d}" for n in range(23)]).exceptions
    assert (lines["code"] == "shortage_stock").sum() == 20
    rest = lines[lines["code"] == "shortage_stock_rest"]
    assert rest["what"].tolist() == ["6 pieces of 3 further parts missing"]
    assert rest["money"].tolist() == [600.0]


def test_lineage_takes_over_the_terms_of_the_request_and_what_was_not_sent():
    allocation = allocate([request("a", "D01", quantity=9)], [position("SH", on_hand=4)])
    rows = allocation.lineage
    assert rows["line_id"].unique().tolist() == ["TO-20261102-SH-D01/1"]
    assert rows["term"].tolist() == ["order_up_to_level", "on_hand", "not_sent"]
    assert rows["quantity"].tolist() == [10, -1, -5]


def test_lineage_that_does_not_add_up_is_refused():
    rows = [request("a", "D01", quantity=9)]
    terms = pd.DataFrame(
        {"line_id": ["a"], "term_number": [1], "term": ["order_up_to_level"], "quantity": [8], "note": [""]}
    )
    with pytest.raises(TableError, match=r"lineage row a: quantity is 8; it must add up to the 9 pieces requested"):
        allocate(rows, [position("SH", on_hand=9)], lineage=terms)


def test_request_to_oneself_is_refused():
    with pytest.raises(TableError, match=r"requests row a: source_id is 'SH'; it must be another site than site_id"):
        allocate([request("a", "SH", quantity=1)], [position("SH", on_hand=1)])


def test_night_without_requests_gives_empty_tables():
    allocation = allocate([], [position("SH", on_hand=1)])
    assert allocation.shipments.empty
    assert list(allocation.shipments) == list(SHIPMENTS.columns)
    assert allocation.solver_runs["status"].tolist() == ["nothing_to_do"]


def test_inputs_are_not_changed():
    frames = {}
    allocate([request("a", "D01", quantity=9)], [position("SH", on_hand=4)], keep=frames)
    for name, (frame, before) in frames.items():
        pd.testing.assert_frame_equal(frame, before, obj=name)


# ------------------------------------------------------------------ twins and identities


@st.composite
def pools(draw, n_max=7):
    n = draw(st.integers(1, n_max))
    rates = st.sampled_from([0.0, 0.0, 1e-12, 0.001, 0.1, 1 / 3, 0.7, 1.0, 2.0, 50.0])
    return (
        draw(st.lists(st.integers(-20, 30), min_size=n, max_size=n)),
        draw(st.lists(rates, min_size=n, max_size=n)),
        draw(st.lists(st.integers(1, 40), min_size=n, max_size=n)),
        draw(st.lists(st.sampled_from([1, 1, 1, 2, 5, 12]), min_size=n, max_size=n)),
        draw(st.integers(0, 150)),
    )


def side_by_side(many):
    """The arrays of several pools, one below the other."""
    group = np.repeat(np.arange(len(many)), [len(pool[0]) for pool in many])
    columns = [np.concatenate([pool[column] for pool in many]) for column in range(4)]
    return group, *columns, np.array([pool[4] for pool in many])


def without_negligible(rates):
    return [0.0 if rate < 1e-9 else rate for rate in rates]


@PROPERTY
@given(st.lists(pools(), min_size=1, max_size=5))
def test_equal_run_out_matches_pack_by_pack(many):
    group, position_, rate, quantity, multiple, available = side_by_side(many)
    given_ = equal_run_out(group, position_, rate, quantity, multiple, available)
    for number, (start, rates, wanted, packs, stock) in enumerate(many):
        expected = reference_equal_run_out(start, without_negligible(rates), wanted, packs, stock)
        assert given_[group == number].tolist() == expected


@PROPERTY
@given(st.lists(pools(), min_size=1, max_size=4))
def test_fair_shares_reach_the_best_smallest_run_out_time_of_the_linear_programme(many):
    """max t with position + x >= t rate, 0 <= x <= quantity, sum x <= available."""
    many = [([*p], [max(r, 0.001) for r in rates], q, m, a) for p, rates, q, m, a in many]
    group, start, rate, quantity, _, available = side_by_side(many)
    shares = fair_shares(group, start, rate, quantity, available)
    for number, (position_, rates, wanted, _, stock) in enumerate(many):
        n = len(position_)
        got = shares[group == number]
        assert got.sum() == pytest.approx(min(stock, sum(wanted)), abs=1e-6)
        best = linprog(
            [0.0] * n + [-1.0],
            A_ub=[[*(-1.0 if i == j else 0.0 for j in range(n)), rates[i]] for i in range(n)] + [[1.0] * n + [0.0]],
            b_ub=[float(p) for p in position_] + [float(stock)],
            bounds=[(0, q) for q in wanted] + [(None, None)],
        )
        run_out = [(p + x) / r for p, x, r in zip(position_, got, rates, strict=True)]
        assert min(run_out) == pytest.approx(-best.fun, rel=1e-6, abs=1e-6)


@PROPERTY
@given(pools(n_max=5))
def test_whole_pieces_maximise_the_smallest_run_out_time(pool):
    """No transfer of one piece between two dealers raises the smaller of their run-out times."""
    start, rates, wanted, _, stock = pool
    rates = [max(rate, 0.001) for rate in rates]
    n = len(start)
    got = equal_run_out(
        np.zeros(n, int), np.array(start), np.array(rates), np.array(wanted), np.ones(n, int), np.array([stock])
    )
    for giver in range(n):
        for taker in range(n):
            if giver != taker and got[giver] > 0 and got[taker] < wanted[taker]:
                now = min((start[i] + got[i]) / rates[i] for i in (giver, taker))
                moved = min(
                    (start[giver] + got[giver] - 1) / rates[giver], (start[taker] + got[taker] + 1) / rates[taker]
                )
                assert moved <= now


@PROPERTY
@given(
    st.lists(st.tuples(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 30)), min_size=1, max_size=5)
)
def test_first_come_matches_one_by_one(many):
    group = np.repeat(np.arange(len(many)), [len(quantity) for quantity, _ in many])
    quantity = np.concatenate([quantity for quantity, _ in many])
    given_ = first_come_first_served(group, quantity, np.array([stock for _, stock in many]))
    for number, (wanted, stock) in enumerate(many):
        assert given_[group == number].tolist() == reference_first_come(wanted, stock)


def test_protected_stock_rounds_half_up():
    assert protected_stock(np.array([0.0, 5.0, 8.3]), 0.1, 3.0).tolist() == [0, 2, 2]


@st.composite
def nights(draw):
    """Requests of two parts at two DCs with every tier, and the DCs' stock."""
    rows = []
    for number in range(draw(st.integers(1, 14))):
        tier = draw(st.sampled_from(TIERS))
        multiple = draw(st.sampled_from([1, 1, 3])) if tier == "stock" else 1
        dealer = draw(st.sampled_from(["D01", "D02", "D03", "D11", "D12"]))
        part = draw(st.sampled_from(["P", "Q"]))
        if tier in ("backorder", "stock") and any(
            (row["site_id"], row["part_id"], row["tier"]) == (dealer, part, tier) for row in rows
        ):
            continue
        rows.append(
            request(
                f"r{number:02d}",
                dealer,
                part_id=part,
                tier=tier,
                quantity=draw(st.integers(1, 6)) * multiple,
                order_multiple=multiple,
                position_before=draw(st.integers(-6, 9)),
                mean_per_day=draw(st.sampled_from([0.0, 0.05, 0.4, 3.0])),
                needed_on=draw(st.sampled_from(["2026-11-03", "2026-11-05"])) if tier == "reservation" else None,
                deliver_by=draw(st.sampled_from(["2026-11-03 09:00", None])) if tier in ("vor", "urgent") else None,
                placed_at="2026-11-01 09:00" if tier in ("vor", "urgent") else None,
            )
        )
    stock = [
        position(
            site,
            part_id=part,
            on_hand=draw(st.integers(0, 25)),
            reserved=draw(st.integers(0, 4)),
            committed=draw(st.integers(0, 3)),
            backordered=draw(st.integers(0, 4)),
            excess_quantity=draw(st.sampled_from([0, 0, 3, 10])),
        )
        for site in ("SH", "BJ", "D01", "D02", "D11", "D12")
        for part in ("P", "Q")
    ]
    levels = pd.DataFrame(
        {
            "site_id": ["SH", "BJ"],
            "part_id": ["P", "P"],
            "mean_over_protection": [70.0, 7.0],
            "protection_days": [7.0, 7.0],
        }
    )
    return rows, stock, levels


@NIGHTS
@given(nights())
def test_each_pool_matches_the_twin_and_tiers_come_in_order(night):
    rows, stock, levels = night
    allocation = allocate(rows, stock, levels=levels, params=NO_REBALANCE)
    got = sent(allocation)
    shelf = {(p["site_id"], p["part_id"]): p for p in stock}
    for dc, part in {(row["source_id"], row["part_id"]) for row in rows}:
        mine = [row for row in rows if (row["source_id"], row["part_id"]) == (dc, part)]
        far = pd.Timestamp("2100-01-01", tz="UTC")
        mine.sort(
            key=lambda row: (
                (row["deliver_by"] if pd.notna(row["deliver_by"]) else row["placed_at"])
                if row["tier"] in ("vor", "urgent")
                else far,
                row["needed_on"] if row["tier"] == "reservation" else pd.Timestamp(0),
                row["request_id"],
            )
        )
        of = shelf[dc, part]
        expected = reference_tiers(
            mine,
            on_hand=of["on_hand"],
            reserved=of["reserved"],
            committed=of["committed"],
            backordered=of["backordered"],
            protected={("SH", "P"): 3, ("BJ", "P"): 0}.get((dc, part), 0),
        )
        assert {row["request_id"]: got.get(row["request_id"], 0) for row in mine} == expected
    rank = {tier: number for number, tier in enumerate(TIERS)}
    for _, miss in allocation.shortages.iterrows():
        served = allocation.shipments[
            allocation.shipments["origin_id"].eq(miss["source_id"])
            & allocation.shipments["part_id"].eq(miss["part_id"])
        ]
        assert served["tier"].map(rank).le(rank[miss["tier"]]).all()


@NIGHTS
@given(nights(), st.randoms(use_true_random=False))
def test_identities_of_a_night_whatever_the_order_of_rows(night, random):
    rows, stock, levels = night
    allocation = allocate(rows, stock, levels=levels)
    lines, short = allocation.shipments, allocation.shortages
    asked = {row["request_id"]: row["quantity"] for row in rows}
    shipped = lines.groupby("request_id")["shipped_quantity"].sum().to_dict()
    missing = short.set_index("request_id")["shortage"].to_dict()
    for name, quantity in asked.items():
        assert shipped.get(name, 0) + missing.get(name, 0) == quantity
    for row in stock:
        gone = lines[lines["origin_id"].eq(row["site_id"]) & lines["part_id"].eq(row["part_id"])]
        assert gone["shipped_quantity"].sum() <= max(row["on_hand"] - row["reserved"] - row["committed"], 0)
        lateral = gone[gone["shipment_kind"].eq("transshipment")]
        assert lateral["shipped_quantity"].sum() <= row["excess_quantity"]
    terms = allocation.lineage.groupby("line_id")["quantity"].sum().to_dict()
    assert terms == lines.set_index("line_id")["shipped_quantity"].to_dict()
    packed = lines[lines["shipment_kind"].ne("transshipment")].merge(
        pd.DataFrame(rows)[["request_id", "order_multiple"]], on="request_id"
    )
    assert (packed["shipped_quantity"] % packed["order_multiple"]).eq(0).all()
    rows, stock = rows[:], stock[:]
    random.shuffle(rows)
    random.shuffle(stock)
    for one, other in zip(allocation, allocate(rows, stock, levels=levels.iloc[::-1]), strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_ten_thousand_short_parts_are_shared():
    """Every pool is used up, and nobody gets more than was asked for."""
    random = np.random.default_rng(1)
    n_parts, n_dealers = 10_000, 20
    group = np.repeat(np.arange(n_parts), n_dealers)
    n = len(group)
    quantity = random.integers(1, 200, n)
    available = random.integers(0, 1000, n_parts)
    given_ = equal_run_out(
        group, random.integers(-3, 50, n), random.gamma(0.5, 1.0, n), quantity, np.ones(n, int), available
    )
    assert (given_ <= quantity).all()
    assert (np.bincount(group, given_) == np.minimum(available, np.bincount(group, quantity))).all()


def test_shared_stock_is_the_same_whatever_other_parts_there_are():
    one = (np.array([0, 1, 2]), np.array([0.3, 0.7, 1.1]), np.array([9, 9, 9]), np.array([1, 1, 1]))
    alone = fair_shares(np.zeros(3, int), one[0], one[1], one[2], np.array([7]))
    both = fair_shares(
        np.repeat([0, 1], 3), *(np.concatenate([column, column * 3]) for column in one[:3]), np.array([7, 50])
    )
    assert both[:3].tolist() == alone.tolist()


def test_today_names_the_orders():
    rows = [request("a", "D01", quantity=1)]
    allocation = allocate(rows, [position("SH", on_hand=1)], today=date(2027, 1, 5))
    assert allocation.shipments["order_id"].tolist() == ["TO-20270105-SH-D01"]


def test_full_and_short_lines_say_why():
    rows = [
        request("a", "D01", quantity=1),
        request("b", "D02", part_id="Q", quantity=3),
        request("c", "D03", part_id="Q", quantity=3),
    ]
    allocation = allocate(
        rows, [position("SH", on_hand=1), position("SH", part_id="Q", on_hand=3)], params=NO_REBALANCE
    )
    assert allocation.shipments["why"].tolist() == [
        "1 asked for, sent in full",
        "2 of 3 asked for: Shanghai is short, stock orders share to run out on the same day (fair share 1.50)",
        "1 of 3 asked for: Shanghai is short, stock orders share to run out on the same day (fair share 1.50)",
    ]


def test_a_move_without_a_carrier_lane_goes_by_courier_at_the_freight_it_was_weighed_with():
    """D01 to D02 has a lane of its own; DC-B to D02 has none."""
    moves = pd.DataFrame(
        {
            "origin_id": ["D01", "DC-B", "DC-B", "DC"],
            "destination_id": ["D02", "D02", "D02", "D02"],
            "shipment_kind": ["transshipment"] * 3 + ["replenishment"],
        }
    )
    lane = {"origin_id": ["D01"], "destination_id": ["D02"], "service": ["road"], "days": [1]}
    lanes = conform(pd.DataFrame({**lane, "cost_fixed": 9.0, "cost_per_kg": 1.0}), CARRIER_LANES)
    made = courier_lanes_of(moves, lanes, AllocateParams(freight_cost_fixed=30.0, courier_days=3))
    assert made[["origin_id", "destination_id", "service", "days", "cost_fixed"]].to_numpy().tolist() == [
        ["DC-B", "D02", "courier", 3, 30.0]
    ]
