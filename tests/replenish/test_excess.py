"""Excess stock: kept, moved, given back, sold or scrapped, whatever is worth most."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.replenish.excess import excess_actions, matched
from partsopt.replenish.lifecycle import Held, kept_until, kept_worth
from partsopt.settings import ReplenishParams
from partsopt.tables import SHIPMENTS, empty
from tests.reference import reference_matches
from tests.replenish.network import PARAMS, TODAY, night, table_of, tables, with_params

GROUPS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=8)


def actions(params: ReplenishParams = PARAMS, today: date = TODAY, **given: list[dict[str, object]]) -> pd.DataFrame:
    """The actions after a night without moves."""
    inputs = tables(**given)
    plan = night(params=params, today=today, **given)
    return excess_actions(
        positions=plan.positions,
        levels=plan.levels,
        forecasts=inputs["forecasts"],
        shipments=empty(SHIPMENTS),
        parts=inputs["parts"],
        sites=inputs["sites"],
        supply=inputs["supply"],
        supersessions=inputs["supersessions"],
        today=today,
        params=params,
    )


@given(GROUPS, GROUPS)
@settings(max_examples=80, deadline=None)
def test_pieces_are_handed_over_as_one_by_one_and_none_is_lost(
    givers: list[tuple[int, int]], takers: list[tuple[int, int]]
):
    givers, takers = sorted(givers), sorted(takers)
    (giver_group, offered), (taker_group, wanted) = (
        (np.array([one[k] for one in rows], dtype=np.int64) for k in (0, 1)) for rows in (givers, takers)
    )
    got = matched(giver_group, offered, taker_group, wanted)
    moved = dict(zip(zip(got.giver.tolist(), got.taker.tolist(), strict=True), got.quantity.tolist(), strict=True))
    assert moved == reference_matches(giver_group.tolist(), offered.tolist(), taker_group.tolist(), wanted.tolist())


@given(st.integers(0, 10), st.integers(1, 40), st.floats(0.0, 30.0), st.floats(1.0, 5.0), st.floats(-5.0, 15.0))
@settings(max_examples=80, deadline=None)
def test_pieces_are_kept_up_to_the_last_that_is_worth_it(
    first: int, more: int, rate: float, ratio: float, disposal: float
):
    held = Held(*(np.array([one]) for one in (first, first + more, rate, ratio, 3.0, 10.0, 0.0, 2.2)))
    kept = int(kept_until(held, np.array([disposal]))[0])
    pieces = np.arange(first + 1, first + more + 1)
    every = held.at(np.zeros(more, dtype=np.int64))
    worth = kept_worth(every, pieces - 1, pieces)
    assert (worth[pieces <= kept] >= disposal).all()
    assert (worth[pieces > kept] < disposal + 1e-9).all()


def test_dead_stock_is_scrapped_where_nobody_wants_it():
    """Three pieces of 10 that nobody asks for: holding them for three years at 22 % costs 6.60 each."""
    got = actions(stock=[{"part_id": "P", "on_hand": 3}], parts=[{"part_id": "P"}])
    assert got["action"].tolist() == ["scrap"]
    assert got["saving"].tolist() == [pytest.approx(3 * 6.6)]
    assert got["write_off"].tolist() == [30.0]


def test_the_source_takes_it_back():
    got = actions(
        stock=[{"part_id": "P", "on_hand": 3}],
        supply=[{"part_id": "P", "return_share": 0.8}, {"part_id": "P", "source_id": "OTHER", "return_share": 0.5}],
    )
    assert got[["action", "recovered", "write_off"]].to_numpy().tolist() == [["return", 24.0, pytest.approx(6.0)]]
    assert "80%" in got["why"].iloc[0]


def test_what_is_dead_at_a_dealer_moves_to_the_dc_that_sells_it():
    """The DC sells 120 a year and the dealer none: 40 pieces go back, freight 20 plus 2 a kg."""
    got = actions(
        forecasts=[{"part_id": "P", "mean_per_period": 10.0}],
        stock=[{"part_id": "P", "site_id": "D01", "on_hand": 40}],
        parts=[{"part_id": "P", "weight_kg": 0.5}],
    )
    line = got.iloc[0]
    assert (line["action"], line["site_id"], line["to_site_id"], line["excess_quantity"]) == (
        "rebalance",
        "D01",
        "DC1",
        40,
    )
    assert line["write_off"] == 0.0
    assert 0 < line["saving"] == pytest.approx(line["recovered"] - line["keeping_is_worth"])


def test_a_move_that_costs_more_than_it_brings_is_not_proposed():
    got = actions(
        forecasts=[{"part_id": "P", "mean_per_period": 10.0}],
        stock=[{"part_id": "P", "site_id": "D01", "on_hand": 2}],
        parts=[{"part_id": "P", "weight_kg": 0.5}],
    )
    assert got["action"].tolist() == ["discount"]


def test_what_will_sell_soon_enough_is_kept():
    """14 months of stock: a few weeks over the horizon are no reason to sell at a loss."""
    got = actions(
        forecasts=[{"part_id": "P", "mean_per_period": 10.0}],
        stock=[{"part_id": "P", "on_hand": 150}],
    )
    assert got[["action", "saving"]].to_numpy().tolist() == [["keep", 0.0]]
    assert got["excess_quantity"].iloc[0] > 0


def test_tonights_moves_are_taken_off():
    given_ = {"stock": [{"part_id": "P", "on_hand": 3, "site_id": "D01"}], "parts": [{"part_id": "P"}]}
    inputs, plan = tables(**given_), night(**given_)
    moved = (
        empty(SHIPMENTS)
        .reindex(range(1))
        .assign(shipment_kind="transshipment", origin_id="D01", part_id="P", shipped_quantity=2)
    )
    got = excess_actions(
        positions=plan.positions,
        levels=plan.levels,
        forecasts=inputs["forecasts"],
        shipments=moved,
        today=TODAY,
        params=PARAMS,
        **{name: inputs[name] for name in ("parts", "sites", "supply", "supersessions")},
    )
    assert got["excess_quantity"].tolist() == [1]


def test_an_old_number_that_is_used_up_counts_on_its_successors_demand():
    """8 old pieces, and 130 of the new number's 120 a year: the old ones are sold first, so they are no excess."""
    given_ = {
        "forecasts": [{"part_id": "NEW", "mean_per_period": 10.0}],
        "stock": [{"part_id": "OLD", "on_hand": 500}],
    }
    used_up = actions(**given_, supersessions=[{"old_part_id": "OLD", "new_part_id": "NEW", "use_up_old_first": True}])
    dead = actions(**given_, supersessions=[{"old_part_id": "OLD", "new_part_id": "NEW", "use_up_old_first": False}])
    assert dead["excess_quantity"].sum() == 500
    assert used_up["excess_quantity"].sum() < 400
    assert (dead["action"] != "keep").all()


def test_an_old_number_moves_to_the_dc_that_sells_its_successor():
    given_ = {
        "forecasts": [{"part_id": "NEW", "mean_per_period": 10.0}],
        "stock": [{"part_id": "OLD", "site_id": "D01", "on_hand": 30}],
        "parts": [{"part_id": "OLD", "weight_kg": 0.1}],
    }
    change = {"old_part_id": "OLD", "new_part_id": "NEW"}
    moved = actions(**given_, supersessions=[{**change, "use_up_old_first": True}])
    assert moved[["action", "to_site_id", "excess_quantity"]].to_numpy().tolist() == [["rebalance", "DC1", 30]]
    dead = actions(**given_, supersessions=[{**change, "use_up_old_first": False}])
    assert "rebalance" not in set(dead["action"])


def test_what_is_replaced_at_once_in_a_month_is_worth_a_month_of_demand():
    """10 of 60 pieces sell before the change; later ones are worth nothing, whatever the horizon of an active part."""
    change = {"old_part_id": "OLD", "new_part_id": "NEW", "use_up_old_first": False}
    got = actions(
        forecasts=[{"part_id": "OLD", "mean_per_period": 2.0}],
        stock=[{"part_id": "OLD", "on_hand": 200}],
        supersessions=[{**change, "effective_on": pd.Timestamp(TODAY) + pd.Timedelta(days=30)}],
    )
    assert set(got["action"]) == {"discount"}


def test_lines_are_ranked_by_saving_and_no_piece_is_lost():
    got = actions(
        forecasts=[{"part_id": "P", "mean_per_period": 1.0}, {"part_id": "Q", "mean_per_period": 3.0}],
        stock=[
            {"part_id": "P", "on_hand": 90},
            {"part_id": "Q", "on_hand": 200, "site_id": "D01"},
            {"part_id": "Q", "on_hand": 60, "site_id": "D02"},
        ],
    )
    assert got["rank"].tolist() == list(range(1, len(got) + 1))
    assert got["saving"].round(2).is_monotonic_decreasing
    plan = night(
        forecasts=[{"part_id": "P", "mean_per_period": 1.0}, {"part_id": "Q", "mean_per_period": 3.0}],
        stock=[
            {"part_id": "P", "on_hand": 90},
            {"part_id": "Q", "on_hand": 200, "site_id": "D01"},
            {"part_id": "Q", "on_hand": 60, "site_id": "D02"},
        ],
    )
    assert got["excess_quantity"].sum() == plan.positions["excess_quantity"].sum()


def test_nothing_in_excess_gives_nothing():
    assert actions(forecasts=[{"part_id": "P", "mean_per_period": 1.0}], params=with_params()).empty
    assert table_of("stock", []).empty
