"""Sources: one to three channels a part, with the field's differences."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from partsopt.sample import make_sample
from partsopt.sample.assortment import make_assortment
from partsopt.sample.sources import usual_source


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return make_sample(n_dcs=3, n_dealers=20, n_parts=1500, n_months=12, seed=6)


def at_dcs(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    supply = tables["supply"]
    return supply[supply["site_id"].str.startswith("DC-")].merge(tables["parts"], on="part_id", suffixes=("", "_base"))


def test_every_part_has_one_to_three_sources_at_each_dc(tables):
    counts = at_dcs(tables).groupby(["site_id", "part_id"]).size()
    assert len(counts) == 3 * 1500
    assert set(counts) == {1, 2, 3}


def test_channels_differ_in_time_price_and_trust(tables):
    supply = at_dcs(tables)
    price = supply["unit_cost"] / supply["unit_cost_base"]
    supply = supply[supply["unit_cost_base"] > 5].assign(price=price)
    maker, third, local = (supply[supply["channel"] == one] for one in ("maker", "third_party", "local"))
    domestic = maker[maker["source_id"] == "MAKER-CN"]
    abroad = maker[maker["source_id"] == "MAKER-EU"]
    assert domestic["lead_time_days"].between(20, 46).all()
    assert abroad["lead_time_days"].between(60, 91).all()
    assert (maker["price"] == 1).all()
    assert third["price"].between(0.895, 1.105).all()
    assert local["price"].between(1.095, 1.255).all()
    assert local["lead_time_days"].between(1, 4).all()
    assert local["on_time_share"].mean() > maker["on_time_share"].mean() > third["on_time_share"].mean()
    assert maker["lead_time_days"].median() > third["lead_time_days"].median() > local["lead_time_days"].median()


def test_minimums_are_whole_packs(tables):
    supply = at_dcs(tables)
    assert (supply["min_order_quantity"] % supply["order_multiple"] == 0).all()
    assert (supply["order_multiple"] > 1).mean() > 0.2


def test_at_most_one_source_is_preferred_and_only_where_there_is_a_choice(tables):
    grouped = at_dcs(tables).groupby(["site_id", "part_id"])["is_preferred"].agg(["sum", "size"])
    assert grouped["sum"].max() == 1
    assert (grouped.loc[grouped["sum"] == 1, "size"] > 1).all()
    assert 0 < (grouped["sum"] == 1).mean() < 0.05


def test_dealers_have_few_rows_and_only_local_ones(tables):
    rows = tables["supply"][~tables["supply"]["site_id"].str.startswith("DC-")]
    assert 2 <= len(rows) < 30
    assert set(rows["channel"]) == {"local"}


def test_a_break_is_cheaper_than_the_price_and_than_smaller_breaks(tables):
    breaks = tables["price_breaks"]
    assert len(breaks) > 50
    price = at_dcs(tables).drop_duplicates(["source_id", "part_id"]).set_index(["source_id", "part_id"])
    keys = list(zip(breaks["source_id"], breaks["part_id"], strict=True))
    assert (breaks["unit_cost"].to_numpy() <= price["unit_cost"].loc[keys].to_numpy()).all()
    assert (breaks["min_quantity"].to_numpy() > price["min_order_quantity"].loc[keys].to_numpy()).all()
    for _, rows in breaks.groupby(["source_id", "part_id"]):
        assert (np.diff(rows["unit_cost"]) < 0).all()


def test_prices_are_lognormal_and_fall_with_usage():
    """Spread of log price as in the MAN set (1.50), and its weak negative correlation with usage."""
    parts = make_assortment(15_000, seed=1)
    sells = parts.demands_per_year > 0
    log_price, log_rate = np.log(parts.unit_cost[sells]), np.log(parts.demands_per_year[sells])
    assert 1.35 < log_price.std() < 1.65
    assert -0.35 < np.corrcoef(log_price, log_rate)[0, 1] < -0.1


def test_the_usual_source_is_the_preferred_one_else_the_cheapest():
    supply = pd.DataFrame(
        {
            "site": [0, 0, 0, 0],
            "part": [0, 0, 1, 1],
            "source_id": ["X", "Y", "X", "Y"],
            "unit_cost": [10.0, 11.0, 10.0, 11.0],
            "lead_time_days": [30.0, 3.0, 30.0, 3.0],
            "on_time_share": [0.9, 0.9, 0.9, 0.9],
            "is_preferred": [False, False, False, True],
        }
    )
    assert usual_source(supply, 2)["source_id"].tolist() == ["X", "Y"]


def test_part_numbers_never_repeat():
    ids = make_assortment(60_000, seed=12).part_ids
    assert len(set(ids.tolist())) == 60_000
