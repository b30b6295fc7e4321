"""Demand of the past: calendars, chains, stock-outs, campaigns, returns."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from partsopt.sample import make_sample
from partsopt.sample.history import days_within, months_before


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return make_sample(n_dcs=3, n_dealers=30, n_parts=1200, n_months=24, seed=2)


def test_history_ends_the_day_before_today(tables):
    days = tables["demand_lines"]["demanded_on"]
    assert days.min() >= pd.Timestamp(2024, 11, 1)
    assert days.max() == pd.Timestamp(2026, 11, 1)


def test_on_the_first_of_a_month_nothing_of_it_has_passed():
    months = months_before(date(2026, 3, 1), 3)
    assert months.edges.tolist() == [0, 31, 62, 90, 90]
    assert months.length_share.tolist() == [1.0, 1.0, 1.0, 0.0]


def test_a_day_without_weight_is_never_drawn():
    u = np.linspace(0, 0.9999, 100)
    days = days_within(u, np.zeros(100, dtype=int), np.full(100, 4), np.array([1.0, 0.0, 1.0, 2.0]))
    assert np.bincount(days, minlength=4).tolist() == [25, 0, 25, 50]


def test_workshops_ask_most_on_working_days(tables):
    lines = tables["demand_lines"]
    october = lines[lines["demanded_on"].between("2026-10-12", "2026-11-01")]
    by_weekday = october.groupby(october["demanded_on"].dt.day_of_week).size()
    assert by_weekday[5] + by_weekday[6] < 0.2 * by_weekday.sum()


def test_an_old_number_sells_before_its_successor(tables):
    """The history before the change is booked under the old number, up to 45 days of it after the change."""
    lines = tables["demand_lines"]
    lines = lines[~lines["is_return"]]
    first = lines.groupby("part_id")["demanded_on"].min()
    last = lines.groupby("part_id")["demanded_on"].max()
    for row in tables["supersessions"].itertuples():
        if row.new_part_id in first.index:
            assert first[row.new_part_id] >= row.effective_on
        if row.old_part_id in last.index:
            assert last[row.old_part_id] <= row.effective_on + pd.Timedelta(days=45)


def test_there_are_chains_of_three_numbers_and_no_cycle(tables):
    chain = tables["supersessions"].set_index("old_part_id")["new_part_id"].to_dict()
    lengths = []
    for part in chain:
        length, seen = 1, {part}
        while part in chain:
            part = chain[part]
            assert part not in seen
            seen.add(part)
            length += 1
        lengths.append(length)
    assert set(lengths) == {2, 3}


def test_old_numbers_have_history(tables):
    """Most replaced numbers sold during the history."""
    old = set(tables["supersessions"]["old_part_id"])
    sold = set(tables["demand_lines"]["part_id"])
    assert len(old & sold) > 0.8 * len(old)


def test_demand_is_lower_while_a_shelf_is_empty(tables):
    """Over all past stock-outs of dealers, the days without stock saw less demand than as many days around them."""
    lines = tables["demand_lines"]
    lines = lines[~lines["is_return"] & lines["purpose"].ne("campaign")]
    outs = tables["stockouts"].dropna(subset=["until_on"])
    outs = outs[~outs["site_id"].str.startswith("DC-")]
    seen = lines.merge(outs, on=["site_id", "part_id"])
    inside = seen[seen["demanded_on"].between(seen["from_on"], seen["until_on"])]
    length = (outs["until_on"] - outs["from_on"]).dt.days.sum() + len(outs)
    near = seen[
        seen["demanded_on"].between(seen["from_on"] - pd.Timedelta(days=60), seen["until_on"] + pd.Timedelta(days=60))
    ]
    around = len(near) - len(inside)
    assert len(inside) / length < 0.9 * around / (120 * len(outs))


def test_the_last_stockouts_still_last(tables):
    """A stock-out without an end belongs to an empty shelf."""
    stock = tables["stock"].set_index(["site_id", "part_id"])["on_hand"]
    lasting = tables["stockouts"][tables["stockouts"]["until_on"].isna()]
    assert len(lasting) > 10
    assert all(stock[site, part] == 0 for site, part in lasting[["site_id", "part_id"]].itertuples(index=False))


def test_returns_are_few_and_follow_a_demand(tables):
    lines = tables["demand_lines"]
    share = lines["is_return"].mean()
    assert 0.005 < share < 0.02
    first = lines[~lines["is_return"]].groupby(["site_id", "part_id"])["demanded_on"].min()
    back = lines[lines["is_return"]]
    assert all(first[row.site_id, row.part_id] < row.demanded_on for row in back.itertuples())


def test_a_campaign_reaches_every_dealer(tables):
    lines = tables["demand_lines"]
    recall = lines[lines["purpose"] == "campaign"]
    assert len(set(recall["part_id"])) == 1
    assert len(set(recall["site_id"])) == 30


def test_order_types_and_purposes_all_occur(tables):
    lines = tables["demand_lines"]
    assert set(lines["order_type"]) == {"stock", "urgent", "vor"}
    assert set(lines["purpose"]) == {"repair", "maintenance", "warranty", "accident", "campaign"}
    assert 0.02 < (lines["order_type"] == "vor").mean() < 0.08


def test_maintenance_parts_are_asked_for_in_maintenance(tables):
    lines = tables["demand_lines"].merge(tables["parts"], on="part_id")
    filters = lines[lines["part_group"] == "filters"]
    assert (filters["purpose"] == "maintenance").mean() > 0.6
