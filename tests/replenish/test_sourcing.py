"""Sources, with their cost a year by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.replenish.sourcing import cost_per_year, price_break_table, raised_quantity, unit_cost_at
from tests import reference as twin
from tests.replenish.network import night

FORECAST = [{"part_id": "P1", "mean_per_period": 4.0}]


def test_cost_a_year_has_four_terms():
    """100 a year at 8 in orders of 20 at 3 each, 10 on hand at 22 %, 90 % in time, late 10 % of value."""
    terms = cost_per_year(*(np.array([x]) for x in (100.0, 20.0, 8.0, 3.0, 10.0, 0.9)), 0.22, 0.10)
    assert terms[0].tolist() == pytest.approx([800.0, 15.0, 17.6, 8.0])


def test_cheaper_source_wins_and_the_other_says_why():
    """48 pieces a year at 10 and at 11: the dearer is rejected with the difference in money."""
    out = night(
        forecasts=FORECAST,
        supply=[
            {"part_id": "P1"},
            {"part_id": "P1", "source_id": "OTHER", "channel": "third_party", "unit_cost": 11.0},
        ],
    )
    options = out.source_options.set_index("source_id")
    assert options["is_chosen"].to_dict() == {"MAKER": True, "OTHER": False}
    more = options["cost_per_year"]["OTHER"] - options["cost_per_year"]["MAKER"]
    assert options["why"]["MAKER"] == f"the cheapest of 2 sources; the next costs {more:.2f} a year more"
    assert options["why"]["OTHER"].startswith(
        f"+{more:.2f} a year against MAKER: price +48.00, ordering +0.00, holding +"
    )
    assert out.orders["source_id"].tolist() == ["MAKER"]


def test_preferred_source_wins_whatever_it_costs():
    out = night(
        forecasts=FORECAST,
        supply=[
            {"part_id": "P1"},
            {"part_id": "P1", "source_id": "OTHER", "channel": "third_party", "unit_cost": 11.0, "is_preferred": True},
        ],
    )
    options = out.source_options.set_index("source_id")
    assert options["is_chosen"].to_dict() == {"MAKER": False, "OTHER": True}
    assert options["why"]["OTHER"].startswith("the planner's choice; ")


def test_shorter_and_surer_lead_time_is_worth_money():
    """The same price: the source of 5 days, always in time, beats that of 60 days, half of them late."""
    out = night(
        forecasts=FORECAST,
        supply=[
            {"part_id": "P1", "lead_time_days": 60.0, "lead_time_sd_days": 15.0, "on_time_share": 0.5},
            {"part_id": "P1", "source_id": "NEAR", "lead_time_days": 5.0},
        ],
    )
    assert out.levels["source_id"].tolist() == ["NEAR"]


def test_equal_sources_are_taken_by_name():
    out = night(forecasts=FORECAST, supply=[{"part_id": "P1", "source_id": "B"}, {"part_id": "P1", "source_id": "A"}])
    assert out.levels["source_id"].tolist() == ["A"]


def test_price_break_at_the_usual_order_counts():
    """The dearer list price is the cheaper source where its minimum reaches its break."""
    out = night(
        forecasts=FORECAST,
        supply=[{"part_id": "P1"}, {"part_id": "P1", "source_id": "BULK", "unit_cost": 12.0, "min_order_quantity": 6}],
        price_breaks=[{"source_id": "BULK", "part_id": "P1", "min_quantity": 6, "unit_cost": 5.0}],
    )
    assert out.levels["source_id"].tolist() == ["BULK"]
    assert out.source_options.set_index("source_id")["unit_cost"]["BULK"] == 5.0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 30), st.floats(1, 20)), max_size=4, unique_by=lambda one: one[0]),
    st.integers(1, 40),
)
def test_price_break_matches_the_price_list(breaks, quantity):
    table = pd.DataFrame(
        {
            "source_id": ["M"] * len(breaks) + ["N"],
            "part_id": ["P2"] * len(breaks) + ["P2"],
            "min_quantity": [least for least, _ in breaks] + [1],
            "unit_cost": [cost for _, cost in breaks] + [0.5],
        }
    )
    ready = price_break_table(table, pd.Index(["P1", "P2", "P3"]))
    got = unit_cost_at(ready, ["M", "M", "X"], np.array([1, 0, 1]), np.full(3, quantity), np.full(3, 12.0))
    assert got.tolist() == [twin.unit_cost(quantity, 12.0, breaks), 12.0, 12.0]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 50), st.integers(1, 30), st.integers(1, 12))
def test_raised_quantity_matches_counting_packs(quantity, minimum, multiple):
    got = raised_quantity(np.array([quantity]), np.array([minimum]), np.array([multiple]))
    assert got.tolist() == [twin.raised(quantity, minimum, multiple)]
