"""The last order of a part: how much, when, and what it leaves out."""

from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish.lastbuy import last_buy_level
from tests.reference import reference_last_buy
from tests.replenish.network import PARAMS, TODAY, again, night, of_line, tables, with_params

PLAIN = with_params(last_buy_decline_per_year=0.0, holding_rate_per_year=0.0, last_buy_shortage_share=2.5)


def ends_in(days: int) -> pd.Timestamp:
    return pd.Timestamp(TODAY) + pd.Timedelta(days=days)


def test_without_holding_it_is_the_newsvendor():
    """Case last-time-buy-1: mean 120, variance to mean 3, 100 against 40."""
    assert last_buy_level([120.0], [3.0], [1.0], 100.0, 40.0, 0.0).tolist() == [130]


@pytest.mark.parametrize(
    ("rate", "years", "shortage", "left_over", "holding", "decline"),
    [(3.0, 8.0, 20.0, 10.0, 2.2, 0.1), (0.4, 10.0, 20.0, 10.0, 2.2, 0.0), (12.0, 2.0, 5.0, 10.0, 4.0, 0.3)],
)
def test_the_level_matches_the_twin(
    rate: float, years: float, shortage: float, left_over: float, holding: float, decline: float
):
    got = last_buy_level([rate], [1.0], [years], shortage, left_over, holding, decline)
    assert got.tolist() == [reference_last_buy(rate, years, shortage, left_over, holding, decline, steps=300)]


@given(st.floats(0.1, 40.0), st.floats(1.0, 5.0), st.floats(0.5, 12.0), st.floats(0.0, 5.0), st.floats(0.0, 5.0))
@settings(max_examples=50, deadline=None)
def test_more_holding_buys_less_and_a_longer_service_no_less_without_it(
    rate: float, ratio: float, years: float, holding: float, more: float
):
    def level(until: float, cost: float) -> int:
        return int(last_buy_level([rate], [ratio], [until], 20.0, 10.0, cost)[0])

    assert level(years, holding + more) <= level(years, holding)
    assert level(years + more, 0.0) >= level(years, 0.0)


def test_a_shortage_must_cost_something():
    with pytest.raises(SettingsError, match="a shortage that costs something"):
        last_buy_level([1.0], [1.0], [1.0], 0.0, 1.0, 0.0)


FORECAST = {"part_id": "P", "mean_per_period": 10.0, "variance_to_mean": 3.0}


def test_the_last_review_before_the_last_day_buys_for_all_demand_to_come():
    """A year of 120 pieces without holding: quantile 100 / 140 of NB(120, 3), as in the published case."""
    given_ = {
        "forecasts": [FORECAST],
        "parts": [{"part_id": "P", "unit_cost": 40.0, "served_until_on": ends_in(365) + pd.Timedelta(hours=0)}],
        "supply": [{"part_id": "P", "last_order_on": ends_in(0), "unit_cost": 40.0}],
    }
    plan = night(**given_, params=PLAIN)
    line = plan.orders.iloc[0]
    assert line["order_quantity"] in (129, 130)  # 365 of 365.25 days
    assert "Last buy: no source takes orders after 2026-11-02." in line["why"]
    assert of_line(plan.lineage, line["line_id"])["order_up_to_level"] == line["order_quantity"]
    told = plan.exceptions[plan.exceptions["code"] == "last_buy"].iloc[0]
    assert "are bought tonight" in told["what"]
    assert told["money"] == line["order_quantity"] * 40.0


def test_what_the_dealers_hold_is_bought_no_second_time():
    given_ = {
        "forecasts": [FORECAST],
        "parts": [{"part_id": "P", "served_until_on": ends_in(365)}],
        "supply": [{"part_id": "P", "last_order_on": ends_in(0)}],
    }
    alone = night(**given_, params=PLAIN).orders["order_quantity"].iloc[0]
    held = night(**given_, stock=[{"part_id": "P", "site_id": "D01", "on_hand": 25}], params=PLAIN)
    assert held.orders["order_quantity"].iloc[0] == alone - 25


def test_pieces_that_come_late_count_for_a_last_buy():
    late = {"part_id": "P", "quantity": 30, "due_on": pd.Timestamp(TODAY + timedelta(days=90))}
    given_ = {"forecasts": [FORECAST], "supply": [{"part_id": "P", "last_order_on": ends_in(0)}]}
    without, with_ = (
        night(**given_, open_orders=orders, params=PARAMS).orders["order_quantity"].iloc[0] for orders in ([], [late])
    )
    assert with_ == without - 30


def test_it_is_told_ahead_and_bought_as_ever_until_then():
    soon = night(forecasts=[FORECAST], supply=[{"part_id": "P", "last_order_on": ends_in(60)}])
    ever = night(forecasts=[FORECAST], supply=[{"part_id": "P"}])
    assert soon.orders["order_quantity"].tolist() == ever.orders["order_quantity"].tolist()
    told = soon.exceptions[soon.exceptions["code"] == "last_buy"]["what"].tolist()
    assert len(told) == 1
    assert "in 60 days" in told[0]
    later = night(forecasts=[FORECAST], supply=[{"part_id": "P", "last_order_on": ends_in(300)}])
    assert "last_buy" not in set(later.exceptions["code"])


def test_another_source_that_goes_on_needs_no_last_buy():
    two = [{"part_id": "P", "last_order_on": ends_in(0)}, {"part_id": "P", "source_id": "OTHER", "unit_cost": 12.0}]
    plan = night(forecasts=[FORECAST], supply=two)
    assert "last_buy" not in set(plan.exceptions["code"])
    assert plan.orders["order_quantity"].iloc[0] < 40


def test_a_source_past_its_day_is_not_ordered_from():
    plan = night(forecasts=[FORECAST], supply=[{"part_id": "P", "last_order_on": ends_in(-1)}])
    assert plan.orders.empty
    assert "no_source" in set(plan.exceptions["code"])


def test_the_last_buy_imported_is_not_made_again():
    given_ = tables(forecasts=[FORECAST], supply=[{"part_id": "P", "last_order_on": ends_in(0)}])
    first = night(forecasts=[FORECAST], supply=[{"part_id": "P", "last_order_on": ends_in(0)}])
    assert first.orders["order_quantity"].sum() > 300
    assert again(given_, first).orders.empty
