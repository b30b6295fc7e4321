"""Compound demand: convolutions by hand, rows, many demands, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish.service import compound_poisson_pmf, demand_pmf, stuttering_poisson_pmf
from tests import reference as twin


@settings(max_examples=25, deadline=None)
@given(st.floats(0.0, 6.0), st.lists(st.floats(0.0, 1.0), min_size=2, max_size=4))
def test_the_recursion_is_the_sum_of_convolutions(demands, sizes):
    if sum(sizes) < 0.01:
        return
    chances = (np.array(sizes) / sum(sizes)).tolist()
    assert compound_poisson_pmf(demands, chances, 10) == pytest.approx(
        twin.compound_poisson(demands, chances, 10), abs=1e-10
    )


def test_rows_are_answered_as_one_by_one():
    sizes = [[0.0, 0.5, 0.5], [0.0, 1.0, 0.0]]
    got = compound_poisson_pmf([1.5, 2.5], sizes, 8)
    for row in range(2):
        assert got[row] == pytest.approx(compound_poisson_pmf([1.5, 2.5][row], sizes[row], 8), abs=1e-15)
    both = stuttering_poisson_pmf([1.5, 2.5], [1.0, 3.0], 8)
    assert both[0] == pytest.approx(demand_pmf(1.5, 1.0, 8), abs=1e-12)
    assert both[1] == pytest.approx(stuttering_poisson_pmf(2.5, 3.0, 8), abs=1e-15)


def test_many_demands_are_halved_and_convolved():
    """1,500 demands of one piece: exp(-1500) is no number, the Poisson distribution is one all the same."""
    got = compound_poisson_pmf(1500.0, [0.0, 1.0], 1800)
    assert got == pytest.approx(demand_pmf(1500.0, 1.0, 1800), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 20.0), st.floats(1.0, 6.0))
def test_stuttering_demand_has_the_moments_asked_for(mean, ratio):
    pmf = stuttering_poisson_pmf(mean, ratio, 1200)
    at = np.arange(1200)
    assert pmf.sum() == pytest.approx(1.0)
    assert pmf @ at == pytest.approx(mean)
    assert pmf @ (at - mean) ** 2 == pytest.approx(mean * ratio)


def test_what_is_no_demand_is_refused():
    with pytest.raises(SettingsError, match="mean_demands must be a number of 0 or more"):
        compound_poisson_pmf(-1.0, [0, 1], 3)
    with pytest.raises(SettingsError, match="size_pmf must hold chances of 0 or more that add up to 1"):
        compound_poisson_pmf(1.0, [0.5, 0.4], 3)
    with pytest.raises(SettingsError, match="variance_to_mean must be 1 or more"):
        stuttering_poisson_pmf(1.0, 0.5, 3)
