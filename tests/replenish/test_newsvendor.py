"""The newsvendor against costing every level, and its refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from partsopt.errors import SettingsError
from partsopt.replenish import newsvendor
from tests import reference as twin

MONEY = st.floats(0.1, 20.0)


@settings(max_examples=50, deadline=None)
@given(MONEY, MONEY, st.lists(st.floats(0.01, 1.0), min_size=2, max_size=8))
def test_no_level_is_cheaper(holding, shortage, weights):
    chances = (np.array(weights) / sum(weights)).tolist()
    _, cost = twin.best_base_stock(holding, shortage, chances)
    got = newsvendor.newsvendor_of_pmf(holding, shortage, np.arange(len(chances)), chances)
    assert float(got.cost) == pytest.approx(cost)
    whole = newsvendor.newsvendor(holding, shortage, stats.rv_discrete(values=(range(len(chances)), chances))())
    assert float(whole.cost) == pytest.approx(cost)


@settings(max_examples=15, deadline=None)
@given(MONEY, MONEY, st.floats(0.5, 5.0), st.floats(1.0, 9.0))
def test_gamma_demand_is_cheapest_at_the_critical_ratio(holding, shortage, shape, scale):
    demand = stats.gamma(shape, scale=scale)
    best = newsvendor.newsvendor(holding, shortage, demand)
    for level in (0.97 * best.level, 1.03 * best.level):
        assert newsvendor.cost_of(newsvendor.losses_of(level, demand), holding, shortage) >= best.cost - 1e-9


def test_profit_is_margin_less_cost():
    """Price 5, cost 3, salvage 2, demand 0 or 1 evenly: one piece earns 2 or loses 1."""
    demand = stats.rv_discrete(values=([0, 1], [0.5, 0.5]))()
    best = newsvendor.newsvendor_of_prices(5.0, 3.0, 2.0, demand)
    assert (float(best.level), float(best.cost)) == (1.0, pytest.approx(0.5))


def test_a_source_that_never_stays_away_needs_one_period():
    got = newsvendor.newsvendor_with_disruptions(1.0, 9.0, 10.0, 1e-9, 0.5)
    assert float(got.level) == 10.0


def test_refusals():
    with pytest.raises(SettingsError, match=r"the holding cost is 0\.0; it must be above 0"):
        newsvendor.newsvendor(0.0, 1.0, stats.norm(5, 1))
    with pytest.raises(SettingsError, match="price must be above the unit cost"):
        newsvendor.margins_of(1.0, 2.0, 0.5)
    with pytest.raises(SettingsError, match="must rise by less than holding"):
        newsvendor.newsvendor_with_later_price(0.1, 0.5, 1.0, 3.0, 5, 1)
    with pytest.raises(SettingsError, match="between 0 and 1"):
        newsvendor.newsvendor_with_disruptions(1, 1, 1, 0.0, 0.5)
    with pytest.raises(SettingsError, match="must add up to 1"):
        newsvendor.newsvendor_of_pmf(1, 1, [0, 1], [0.5, 0.6])
