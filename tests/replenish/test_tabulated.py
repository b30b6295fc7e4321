"""Service of tabulated demand: the negative binomial's own formulas, and a table small enough to add up by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish import service
from partsopt.replenish.service import smallest_level, tabulated_service


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
    with pytest.raises(
        SettingsError, match=r"no level of the table reaches 0\.1; level 1 gives 0\.25: raise the target"
    ):
        smallest_level([1.0, 0.25], 0.1, at_most=True)
    with pytest.raises(SettingsError, match=r"the batch is 3 and the table speaks of 0 \.\. 1: give a batch of 1"):
        tabulated_service([0.5, 0.5], [0.5, 0.5], 0.5, 0.5, batch=3)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.1, 4.0), st.floats(0.1, 4.0), st.floats(1.0, 4.0), st.floats(0.1, 0.9), st.integers(1, 5))
def test_rows_mixtures_and_batches_are_those_of_the_formulas(lead, review, ratio, chance, batch):
    """Two parts, two possible lead times each, a minimum of Q: every measure as the negative binomial's own."""
    early = np.array([[lead, 2 * lead], [lead / 2, 3 * lead]])
    late, weights = early + review, [chance, 1 - chance]
    found = tabulated_service(
        service.demand_pmf(early, ratio, 120), service.demand_pmf(late, ratio, 120), early, late, weights, batch
    )
    for row in range(2):
        level = np.arange(20)
        one = late[row][None].repeat(20, axis=0), np.full(20, ratio), weights
        before = early[row][None].repeat(20, axis=0)
        np.testing.assert_allclose(
            found.cycle_service_level[row, :20], service.cycle_service_level(level, *one, batch), atol=1e-9
        )
        np.testing.assert_allclose(found.ready_rate[row, :20], service.cycle_ready_rate(level, *one, batch), atol=1e-9)
        many = np.full(20, batch)
        np.testing.assert_allclose(found.backorders[row, :20], service.mean_owed(level, many, *one), atol=1e-8)
        np.testing.assert_allclose(
            found.fill_rate[row, :20], service.batch_fill_rate(level, many, before, *one), atol=1e-8
        )
        held = service.mean_on_hand(level, many, one[0], *one)  # T + L to T + L: the end of the cycle
        np.testing.assert_allclose(found.on_hand[row, :20], held, atol=1e-8)
    levels = smallest_level(found.fill_rate, [0.8, 0.9])
    for row, target in enumerate((0.8, 0.9)):
        assert levels[row] == smallest_level(found.fill_rate[row], target)
        assert levels[row] == service.level_for_fill_rate(target, early[[row]], late[[row]], ratio, weights, batch)[0]
