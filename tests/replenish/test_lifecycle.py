"""What a part's life adds to its stock: sales of pieces, caps on levels, hazards in holding."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish.lifecycle import NO_CAP, of_life, sales_of, unsold_cap, unsold_chance, worth_of
from partsopt.settings import ReplenishParams
from tests.reference import reference_sales
from tests.replenish.network import night, with_params

MEANS = st.floats(0.0, 60.0)
RATIOS = st.floats(1.0, 8.0)


@pytest.mark.parametrize(("first", "last", "rate", "years"), [(0, 1, 1.0, 2.0), (3, 9, 2.5, 3.0), (0, 4, 0.0, 1.5)])
def test_sales_match_the_twin(first: int, last: int, rate: float, years: float):
    got = sales_of([first], [last], rate, 1.0, years)
    sold, waited = reference_sales(first, last, rate, years, steps=400)
    assert got.pieces[0] == pytest.approx(sold, abs=1e-9)
    assert got.piece_years[0] == pytest.approx(waited, abs=1e-4)


def test_dead_stock_waits_for_the_whole_horizon():
    got = sales_of([0], [7], 0.0, 1.0, 3.0)
    assert (got.pieces[0], got.piece_years[0]) == (0.0, 21.0)
    assert worth_of(got, 7, 100.0, 5.0, 10.0)[0] == 7 * 5.0 - 21 * 10.0


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20), MEANS, RATIOS)
@settings(max_examples=60, deadline=None)
def test_blocks_of_pieces_add_up_and_later_pieces_sell_less(a: int, b: int, c: int, rate: float, ratio: float):
    first, more, most = np.cumsum([a, b, c])
    whole, low, high = (sales_of([i], [j], rate, ratio, 2.0) for i, j in ((first, most), (first, more), (more, most)))
    assert whole.pieces[0] == pytest.approx(low.pieces[0] + high.pieces[0], abs=1e-6)
    assert whole.piece_years[0] == pytest.approx(low.piece_years[0] + high.piece_years[0], abs=1e-6)
    here, next_ = sales_of([a], [a + 1], rate, ratio, 2.0), sales_of([a + 1], [a + 2], rate, ratio, 2.0)
    assert next_.pieces[0] <= here.pieces[0] + 1e-9
    assert next_.piece_years[0] >= here.piece_years[0] - 1e-9


@given(MEANS, RATIOS, st.floats(0.01, 0.99), st.floats(0.0, 20.0), st.floats(0.0, 1.0))
@settings(max_examples=100, deadline=None)
def test_the_cap_is_the_largest_stock_allowed_and_rises_with_horizon_and_chance(
    mean: float, ratio: float, most: float, more_mean: float, more_chance: float
):
    cap = int(unsold_cap(np.array([mean]), np.array([ratio]), most)[0])
    assert cap == 0 or unsold_chance(cap, mean, ratio) <= most + 1e-9
    assert unsold_chance(cap + 1, mean, ratio) >= most - 1e-9
    assert unsold_cap(np.array([mean + more_mean]), np.array([ratio]), most)[0] >= cap
    assert unsold_cap(np.array([mean]), np.array([ratio]), most + (1 - most) * more_chance)[0] >= cap


def test_a_chance_of_one_caps_nothing_and_of_none_everything():
    assert unsold_cap(np.array([1.0]), np.array([1.0]), 1.0)[0] == NO_CAP
    assert unsold_cap(np.array([1.0]), np.array([1.0]), 0.0)[0] == 0


def test_values_by_lifecycle():
    by = {"new": 1.0, "active": 2.0, "phase_out": 3.0, "ended": 4.0}
    assert of_life(by, np.array([3, 0], dtype=np.int8)).tolist() == [4.0, 1.0]


LUMPY = {"part_id": "P", "mean_per_period": 0.3, "variance_to_mean": 30.0}


def test_a_level_is_cut_and_told_with_its_money():
    """3.6 a year in lumps of 30: the last pieces of the level would lie for years."""
    free = night(forecasts=[LUMPY], params=with_params(unsold_probability=1.0))
    cut = night(forecasts=[LUMPY], params=with_params(unsold_probability=0.5))
    before, after = free.levels.iloc[0], cut.levels.iloc[0]
    assert before["cap_cut"] == 0
    assert after["order_up_to_level"] + after["cap_cut"] == before["order_up_to_level"]
    assert after["cap_cut"] > 0
    assert after["promised_fill_rate"] < before["promised_fill_rate"]
    told = cut.exceptions[cut.exceptions["code"] == "level_capped"].iloc[0]
    assert told["money"] == after["cap_cut"] * 10.0
    assert f"level {before['order_up_to_level']} cut to {after['order_up_to_level']}" in told["what"]


def test_an_active_part_keeps_one_piece_and_one_in_phase_out_none():
    slow = {"part_id": "P", "mean_per_period": 0.01, "variance_to_mean": 1.0}
    for lifecycle, level in (("active", 1), ("phase_out", 0)):
        levels = night(forecasts=[slow], parts=[{"part_id": "P", "lifecycle": lifecycle}]).levels
        assert levels["order_up_to_level"].tolist() == [level]


def test_obsolescence_makes_a_source_with_large_packs_dearer():
    """Two sources: the holding term of the yearly cost carries the hazard of a part in phase-out."""
    two = [
        {"part_id": "P", "source_id": "MAKER"},
        {"part_id": "P", "source_id": "OTHER", "order_multiple": 50, "unit_cost": 9.0},
    ]
    demand = {"part_id": "P", "mean_per_period": 4.0}
    cost = {}
    for lifecycle in ("active", "phase_out"):
        part = {"part_id": "P", "lifecycle": lifecycle}
        options = night(forecasts=[demand], supply=two, parts=[part]).source_options
        cost[lifecycle] = pd.Series(options["cost_per_year"].to_numpy(), index=options["source_id"])
    more = cost["phase_out"] - cost["active"]
    assert more["OTHER"] > more["MAKER"] > 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"unsold_probability": 1.2}, r"unsold_probability is 1\.2; it must be between 0 and 1"),
        ({"discount_share": -0.1}, r"discount_share is -0\.1"),
        ({"move_cost_fixed": -1.0}, r"move_cost_fixed is -1\.0; it must be 0 or more"),
        (
            {"obsolescence_per_year": {"new": 0.0, "active": -0.1, "phase_out": 0.0, "ended": 0.0}},
            r"obsolescence_per_year\.active is -0\.1; it must be 0 or more",
        ),
        (
            {"unsold_after_months": {"new": 1.0, "active": 0.0, "phase_out": 1.0, "ended": 1.0}},
            r"unsold_after_months\.active is 0\.0; it must be 1 or more",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(changed: dict[str, object], said: str):
    with pytest.raises(SettingsError, match=said):
        ReplenishParams(**changed)
