"""Positions and what is too much."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.replenish.position import EXCESS_STOCK, LARGEST_LISTED, inventory_position, largest_of_site, passed_on
from tests import reference as twin

PIECES = st.integers(0, 1000)


@settings(max_examples=60, deadline=None)
@given(st.tuples(PIECES, PIECES, PIECES, PIECES, PIECES, PIECES, st.integers(-50, 50)))
def test_position_adds_up(terms):
    got = inventory_position(*(np.array([one]) for one in terms))
    assert got.tolist() == [twin.position(*terms)]


def test_old_number_hands_on_its_debts_in_any_case():
    """Four left are handed on only where they are used up first; two owed always."""
    net, uses_up = np.array([4, 4, -2, -2]), np.array([True, False, True, False])
    assert passed_on(net, uses_up).tolist() == [4, 0, -2, -2]


def test_long_lists_end_in_one_line_with_the_rest():
    """25 parts of one site: 20 lines of most money, and one with the money of the other five."""
    rows = pd.DataFrame(
        {"site_id": "DC1", "part_id": [f"P{i:02d}" for i in range(25)], "money": np.arange(25.0), "what": "too much"}
    )
    told = largest_of_site(EXCESS_STOCK, rows, "{n} more parts have excess stock")
    assert len(told) == LARGEST_LISTED + 1
    assert told["money"].sum() == rows["money"].sum()
    rest = told[told["part_id"].eq("")].iloc[0]
    assert (rest["what"], rest["money"]) == ("5 more parts have excess stock", 10.0)
