"""Opening stock: levels by exact fill rate, and the usual troubles in their shares."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.sample import make_sample
from partsopt.sample.shelves import fill_rate_level
from tests.reference import sample_fill_rate

TODAY = date(2026, 11, 2)


@given(
    lead=st.floats(0, 15),
    review=st.floats(0.01, 5),
    dispersion=st.floats(1.05, 6),
    target=st.sampled_from([0.9, 0.94, 0.98]),
)
@settings(max_examples=50, deadline=None)
def test_the_level_is_the_smallest_that_fills(lead: float, review: float, dispersion: float, target: float):
    level = int(fill_rate_level(np.array([lead]), np.array([review]), np.array([dispersion]), np.array([target]))[0])
    assert sample_fill_rate(level, lead, review, dispersion) >= target - 1e-6
    assert level == 1 or sample_fill_rate(level - 1, lead, review, dispersion) < target + 1e-6


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return make_sample(n_dcs=3, n_dealers=40, n_parts=1500, n_months=24, seed=4)


def test_troubles_have_their_shares(tables):
    """Of a DC's pairs sold within a year some 4 % are empty, of its silent parts about half still lie there."""
    stock, lines = tables["stock"], tables["demand_lines"]
    dc_of = tables["sites"].set_index("site_id")["supplied_by"]
    asked = lines[~lines["is_return"] & (lines["demanded_on"] >= pd.Timestamp(2025, 11, 2))]
    at = asked["site_id"].map(dc_of).where(asked["site_id"].map(dc_of) != "", asked["site_id"])
    active = set(zip(at, asked["part_id"], strict=True))
    pairs = stock[stock["site_id"].str.startswith("DC-")].set_index(["site_id", "part_id"])
    sold = pairs.index.isin(active)
    assert 0.03 < (pairs["on_hand"][sold] == 0).mean() < 0.16
    silent = 3 * 1500 - len(active)
    assert 0.4 < (pairs["on_hand"][~sold] > 0).sum() / silent < 0.6


def test_promised_pieces_have_an_empty_shelf(tables):
    stock = tables["stock"]
    owed = stock[stock["backordered"] > 0]
    assert len(owed) > 10
    assert (owed["on_hand"] == 0).all()


def test_reserved_pieces_are_on_the_shelf(tables):
    stock = tables["stock"]
    assert (stock["reserved"] > 0).any()
    assert (stock["reserved"] <= stock["on_hand"]).all()


def test_dealers_hold_only_what_they_sold(tables):
    """A dealer's stock row is of a part, or of the new number of a part, that the dealer once sold."""
    chain = tables["supersessions"].set_index("old_part_id")["new_part_id"].to_dict()
    sold = set()
    for site, part in tables["demand_lines"][["site_id", "part_id"]].drop_duplicates().itertuples(index=False):
        while part:
            sold.add((site, part))
            part = chain.get(part, "")
    held = tables["stock"][tables["stock"]["site_id"].str.startswith("D0")]
    assert set(held[["site_id", "part_id"]].itertuples(index=False, name=None)) <= sold
