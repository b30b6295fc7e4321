"""Service of tabulated demand: the negative binomial's own formulas, and a table small enough to add up by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish import service
from partsopt.replenish.tabulated import smallest_level, tabulated_service


def test_a_table_of_three_is_added_up_by_hand():
    """Nothing over L; over T + L none, one or two pieces, a half, a quarter and a quarter: 0.75 pieces asked for."""
    found = tabulated_service([1.0, 0.0, 0.0], [0.5, 0.25, 0.25], 0.0, 0.75)
    assert found.cycle_service_level.tolist() == [0.5, 0.75, 1.0]
    assert found.ready_rate.tolist() == [0.0, 0.5, 0.75]
    assert found.backorders.tolist() == [0.75, 0.25, 0.0]
    assert found.on_hand.tolist() == [0.0, 0.5, 1.25]
    assert found.fill_rate == pytest.approx([0.0, 2 / 3, 1.0])


@settings(max_examples=60, deadline=None)
@given(
    lead=st.floats(0.1, 6.0),
    review=st.floats(0.1, 6.0),
    ratio=st.floats(1.05, 4.0),
    target=st.floats(0.3, 0.97),
)
def test_a_tabulated_negative_binomial_is_served_as_by_the_formulas(lead, review, ratio, target):
    """The table ends early: what lies beyond it is told by the means."""
    level = np.arange(60)
    both = lead, lead + review
    pmfs = [
        service.demand_cdf(level, mean, ratio) - np.concatenate([[0.0], service.demand_cdf(level[:-1], mean, ratio)])
        for mean in both
    ]
    found = tabulated_service(*(np.maximum(pmf, 0.0) for pmf in pmfs), *both)
    np.testing.assert_allclose(found.cycle_service_level, service.demand_cdf(level, both[1], ratio), atol=1e-9)
    np.testing.assert_allclose(found.ready_rate, service.ready_rate(level, both[1], ratio), atol=1e-9)
    np.testing.assert_allclose(found.backorders, service.expected_shortfall(level, both[1], ratio), atol=1e-8)
    np.testing.assert_allclose(found.on_hand, service.expected_on_hand(level, both[1], ratio), atol=1e-8)
    of_rows = service.fill_rate(level, np.full(60, both[0]), np.full(60, both[1]), np.full(60, ratio))
    np.testing.assert_allclose(found.fill_rate, of_rows, atol=1e-8)
    if found.fill_rate[-1] > target:
        asked = [np.array([value]) for value in (target, *both, ratio)]
        assert smallest_level(found.fill_rate, target) == service.level_for_fill_rate(*asked)[0]
    owed = 0.4 * both[1]
    place = smallest_level(-found.backorders, -owed)
    assert found.backorders[place] <= owed
    assert place == 0 or found.backorders[place - 1] > owed


def test_tables_that_are_none_are_refused():
    with pytest.raises(
        SettingsError, match=r"lead_time_pmf has 2 values, protection_pmf 3: let both speak of 0 \.\. n - 1"
    ):
        tabulated_service([0.5, 0.5], [0.5, 0.25, 0.25], 0.5, 0.75)
    with pytest.raises(
        SettingsError, match="protection_pmf must be a row of probabilities, none below 0 and at most 1 in all"
    ):
        tabulated_service([0.5, 0.5], [0.9, 0.2], 0.5, 0.75)
    with pytest.raises(SettingsError, match=r"mean_over_lead_time is 2, mean_over_protection 0\.75: L is part of T"):
        tabulated_service([0.5, 0.5], [0.5, 0.5], 2.0, 0.75)
    with pytest.raises(
        SettingsError, match=r"no level of the table reaches 0\.99; level 1 gives 0\.75: lower the target"
    ):
        smallest_level([0.5, 0.75], 0.99)
