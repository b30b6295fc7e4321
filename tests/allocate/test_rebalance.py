"""Shortages met from the excess of other sites."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.allocate import rebalance
from partsopt.allocate.rebalance import best_moves, flow_by_tier
from partsopt.settings import AllocateParams
from tests.allocate.night import NO_REBALANCE, allocate, position, request
from tests.reference import reference_best_moves

PROPERTY = settings(max_examples=80, deadline=None)
N_TIERS = 5


def lateral(allocation):
    rows = allocation.shipments[allocation.shipments["shipment_kind"].eq("transshipment")]
    columns = (rows["origin_id"], rows["destination_id"], rows["request_id"], rows["shipped_quantity"])
    return list(zip(*columns, strict=True))


# ------------------------------------------------------------------ stories


def test_other_dc_sends_to_a_waiting_customer_and_the_shortage_shrinks():
    rows = [request("a", "D01", tier="vor", quantity=3, for_order_id="U1", for_line=1)]
    allocation = allocate(rows, [position("SH", on_hand=1), position("BJ", on_hand=9, excess_quantity=1)])
    assert lateral(allocation) == [("BJ", "D01", "a", 1)]
    assert allocation.shipments["shortage"].tolist() == [1, 1]
    assert allocation.shortages["shipped_quantity"].tolist() == [2]
    assert allocation.shortages["shortage_because"].tolist() == [
        "Shanghai has 1 of 3 pieces asked for; sent from other sites: 1; none on order before tonight"
    ]
    assert allocation.shipments["why"][0] == (
        "Beijing has 1 more than it will use: 1 moved, a customer waits; freight of the consignment of 1: 22.00"
    )
    assert allocation.solver_runs["status"].tolist() == ["optimal"]


def test_line_from_elsewhere_has_one_term():
    rows = [request("a", "D01", quantity=3)]
    allocation = allocate(rows, [position("SH", on_hand=1), position("D02", on_hand=9, excess_quantity=9)])
    terms = allocation.lineage[["line_id", "term", "quantity", "note"]].to_numpy().tolist()
    assert terms == [
        ["TO-20261102-D02-D01/1", "shortage_elsewhere", 2, "a"],
        ["TO-20261102-SH-D01/1", "order_up_to_level", 4, ""],
        ["TO-20261102-SH-D01/1", "on_hand", -1, ""],
        ["TO-20261102-SH-D01/1", "not_sent", -2, "2 of them are sent from elsewhere"],
    ]


def test_stock_order_is_moved_only_where_it_saves_more_than_its_freight():
    """A missing piece of 43 costs 21.5; a consignment of one costs 20 and 2 for its kg: not worth it, of two it is."""
    giver = position("D02", on_hand=9, excess_quantity=9)
    assert lateral(allocate([request("a", "D01", quantity=1)], [giver], unit_cost=43.0)) == []
    assert lateral(allocate([request("a", "D01", quantity=2)], [giver], unit_cost=43.0)) == [("D02", "D01", "a", 2)]


def test_dealers_give_only_to_dealers_of_the_same_dc():
    rows = [request("a", "D01", quantity=2)]
    assert lateral(allocate(rows, [position("D11", on_hand=9, excess_quantity=9)])) == []


def test_nearest_giver_that_can_is_taken():
    rows = [request("a", "D03", quantity=2)]
    stock = [position("D01", on_hand=9, excess_quantity=9), position("D02", on_hand=9, excess_quantity=9)]
    assert lateral(allocate(rows, stock)) == [("D02", "D03", "a", 2)]


def test_higher_tier_gets_the_excess():
    rows = [request("a", "D01", quantity=5), request("b", "D03", tier="backorder", quantity=2, position_before=-2)]
    assert lateral(allocate(rows, [position("D02", on_hand=2, excess_quantity=2)])) == [("D02", "D03", "b", 2)]


def test_giver_keeps_what_it_promised_in_an_earlier_night():
    """Of 5 pieces, 2 go to D03 by a proposal of yesterday and 2 are promised to customers."""
    rows = [request("a", "D01", tier="vor", quantity=3)]
    allocation = allocate(rows, [position("D02", on_hand=5, committed=2, reserved=1, backordered=1, excess_quantity=3)])
    assert lateral(allocation) == [("D02", "D01", "a", 1)]


def test_site_that_lacks_the_part_itself_gives_none():
    rows = [request("a", "D01", tier="vor", quantity=1), request("b", "D02", tier="vor", quantity=1)]
    assert lateral(allocate(rows, [position("D02", on_hand=2, excess_quantity=2)])) == []


def test_dc_gives_no_more_than_is_left_after_its_own_dealers():
    rows = [request("a", "D01", tier="vor", quantity=4), request("b", "D11", quantity=5)]
    allocation = allocate(rows, [position("BJ", on_hand=7, excess_quantity=7)])
    assert lateral(allocation) == [("BJ", "D01", "a", 2)]


def test_switched_off_moves_nothing():
    rows = [request("a", "D01", tier="vor", quantity=1)]
    allocation = allocate(rows, [position("BJ", on_hand=9, excess_quantity=9)], params=NO_REBALANCE)
    assert lateral(allocation) == []
    assert allocation.solver_runs["why"].tolist() == ["switched off by allocate.rebalance"]


def test_pieces_of_a_consignment_go_to_the_higher_tier_of_the_dealer():
    rows = [request("a", "D01", quantity=4), request("b", "D01", tier="urgent", quantity=1)]
    allocation = allocate(rows, [position("D02", on_hand=3, excess_quantity=3)])
    assert lateral(allocation) == [("D02", "D01", "b", 1), ("D02", "D01", "a", 2)]


# ------------------------------------------------------------------ the best moves


def moves_of(excess, needs, allowed, *, saving=9.0, freight=20.0, nodes=1000):
    return best_moves(
        excess=np.array(excess),
        needs=np.array(needs),
        allowed=np.array(allowed),
        distance=np.zeros(np.shape(allowed)),
        saving_per_piece=saving,
        freight=freight,
        node_limit=nodes,
        time_limit_s=60,
    )


@st.composite
def small_problems(draw):
    n_givers, n_takers = draw(st.sampled_from([(1, 1), (1, 3), (3, 1), (2, 2), (2, 2), (2, 3), (3, 2)]))
    excess = draw(st.lists(st.integers(1, 4), min_size=n_givers, max_size=n_givers))
    needs = []
    for _ in range(n_takers):
        row = [0] * N_TIERS
        row[draw(st.sampled_from([0, 2, 3]))] = draw(st.sampled_from([0, 0, 1, 2]))
        row[-1] = draw(st.integers(0, 3))
        needs.append(row)
    allowed = [[draw(st.sampled_from([True, True, True, False])) for _ in range(n_takers)] for _ in range(n_givers)]
    return (
        excess,
        needs,
        allowed,
        draw(st.sampled_from([-1.0, 4.0, 9.0, 15.0, 50.0])),
        draw(st.sampled_from([0.0, 20.0])),
    )


def by_tier(pieces, needs):
    through = np.minimum(np.cumsum(needs, axis=1), pieces.sum(axis=0)[:, None]).sum(axis=0)
    return np.diff(through, prepend=0)


@PROPERTY
@given(small_problems())
def test_moves_match_brute_force(problem):
    excess, needs, allowed, saving, freight = problem
    moves = moves_of(excess, needs, allowed, saving=saving, freight=freight)
    waiting, money = reference_best_moves(excess, needs, allowed, saving, freight)
    pieces = moves.pieces
    assert (pieces >= 0).all()
    assert (pieces.sum(axis=1) <= excess).all()
    assert (pieces.sum(axis=0) <= np.sum(needs, axis=1)).all()
    assert not pieces[~np.array(allowed)].any()
    got = by_tier(pieces, np.array(needs))
    assert tuple(got[:-1]) == waiting
    assert saving * got[-1] - freight * np.count_nonzero(pieces) == pytest.approx(money)
    assert moves.status == "optimal"
    assert moves.objective == pytest.approx(money)


def test_two_givers_two_takers_need_the_programme():
    """D2 has 3 for the need of 3, D1 has 2 for the need of 2; the nearest-first rule must not spoil it."""
    moves = moves_of([2, 3], [[0, 0, 0, 3, 0], [0, 0, 0, 2, 0]], [[True, True], [True, True]])
    assert moves.pieces.tolist() == [[0, 2], [3, 0]]


def test_large_need_is_split_and_proven_without_the_programme():
    """3 and 3 for needs of 4 and 2: two consignments for the first, one for the other; fewer cannot serve them."""
    moves = moves_of([3, 3], [[0, 0, 0, 4, 0], [0, 0, 0, 2, 0]], [[True, True], [True, True]])
    assert moves.solver == "closed form"
    assert moves.pieces.sum(axis=0).tolist() == [4, 2]
    assert np.count_nonzero(moves.pieces) == 3


def test_too_little_for_all_goes_to_the_programme():
    """3 and 3 for needs of 4 and 4: all six pieces move, in two consignments rather than three."""
    moves = moves_of([3, 3], [[0, 0, 0, 4, 0], [0, 0, 0, 4, 0]], [[True, True], [True, True]])
    assert moves.solver == "HiGHS"
    assert moves.pieces.sum() == 6
    assert np.count_nonzero(moves.pieces) == 2


def test_search_stopped_early_says_so_with_its_bound():
    """Eight dealers want more than seven sites have; one node is not enough for the proof, a thousand are."""
    rng = np.random.default_rng(0)
    needs = np.zeros((8, N_TIERS), dtype=int)
    needs[:, -1], needs[:, 3] = rng.integers(3, 30, 8), rng.integers(0, 9, 8)
    excess = rng.integers(5, 25, 7)
    early = moves_of(excess, needs, np.ones((7, 8), bool), saving=3.0, nodes=1)
    proven = moves_of(excess, needs, np.ones((7, 8), bool), saving=3.0)
    assert (early.status, proven.status) == ("feasible", "optimal")
    assert early.objective <= proven.objective <= early.bound + 1e-6
    assert early.objective < early.bound


@settings(max_examples=40, deadline=None)
@given(small_problems())
def test_programme_alone_matches_brute_force(problem):
    """What closed forms answer, the programme answers as well."""
    excess, needs, allowed, saving, freight = problem
    needs = [[*row[:-1], row[-1] if saving > 0 else 0] for row in needs]
    arrays = (np.array(excess), np.array(needs), np.array(allowed))
    moves = rebalance._programme(*arrays, saving, freight, 1000, 60)
    waiting, money = reference_best_moves(excess, needs, allowed, saving, freight)
    got = by_tier(moves.pieces, arrays[1])
    assert tuple(got[:-1]) == waiting
    assert saving * got[-1] - freight * np.count_nonzero(moves.pieces) == pytest.approx(money)
    assert (moves.status, moves.bound) == ("optimal", pytest.approx(money))


def test_unproven_moves_are_an_exception(monkeypatch):
    programme = rebalance._programme

    def stopped(*problem):
        found = programme(*problem)
        return found._replace(status="feasible", bound=found.objective + 5.0)

    monkeypatch.setattr(rebalance, "_programme", stopped)
    rows = [request("a", "D01", quantity=4), request("b", "D02", quantity=4)]
    stock = [position("D03", on_hand=3, excess_quantity=3), position("BJ", on_hand=3, excess_quantity=3)]
    allocation = allocate(rows, stock)
    runs = allocation.solver_runs.set_index("name")
    assert runs["status"].to_dict() == {"rebalance": "feasible", "rebalance P": "feasible"}
    unproven = allocation.exceptions[allocation.exceptions["code"].eq("rebalance_unproven")]
    assert unproven["money"].tolist() == [5.0]
    assert unproven["what"].tolist() == ["moves of problem 1: at most 5.00 from the best (feasible)"]


def test_answer_that_breaks_a_rule_is_replaced_and_reported(monkeypatch):
    monkeypatch.setattr(rebalance, "_is_plan", lambda *_: False)
    rows = [request("a", "D01", tier="backorder", quantity=4), request("b", "D02", tier="backorder", quantity=4)]
    stock = [position("D03", on_hand=3, excess_quantity=3), position("BJ", on_hand=3, excess_quantity=3)]
    allocation = allocate(rows, stock)
    assert sum(pieces for *_, pieces in lateral(allocation)) == 6
    assert allocation.solver_runs["status"].tolist() == ["fallback", "fallback"]
    assert "rebalance_fallback" in allocation.exceptions["code"].tolist()


@PROPERTY
@given(small_problems())
def test_flow_gives_each_tier_the_most_that_leaves_higher_tiers_alone(problem):
    excess, needs, allowed, _, _ = problem
    flow, amounts = flow_by_tier(np.array(excess), np.array(needs), np.array(allowed))
    waiting, stock = reference_best_moves(excess, needs, allowed, 1.0, 0.0)
    assert (*waiting, round(stock)) == tuple(amounts)
    assert by_tier(flow, np.array(needs)).tolist() == amounts.tolist()


def test_freight_decides_nothing_where_it_is_free():
    params = dataclasses.replace(AllocateParams(), freight_cost_fixed=0.0, freight_cost_per_kg=0.0)
    rows = [request("a", "D01", quantity=1)]
    assert lateral(allocate(rows, [position("D02", on_hand=1, excess_quantity=1)], params=params)) == [
        ("D02", "D01", "a", 1)
    ]
