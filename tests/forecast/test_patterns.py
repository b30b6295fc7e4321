from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.forecast.patterns import SBC_CLASSES, average_demand_interval, sbc_class, squared_cv
from tests.reference import reference_adi, reference_cv2, reference_sbc_class

SERIES = st.lists(st.tuples(st.sampled_from([0, 0, 0, 1, 2, 7, 1000]), st.booleans()), min_size=1, max_size=30)


def column(values: list[float]) -> np.ndarray:
    return np.array(values, dtype=float)[:, None]


@given(SERIES)
@settings(max_examples=80, deadline=None)
def test_interval_and_variation_match_their_twins(series):
    demand, counted = [float(d) for d, _ in series], [c or d > 0 for d, c in series]
    adi = average_demand_interval(column(demand), np.array(counted)[:, None]).item()
    cv2 = squared_cv(column(demand)).item()
    assert adi == pytest.approx(reference_adi(demand, counted), nan_ok=True)
    assert cv2 == pytest.approx(reference_cv2(demand), nan_ok=True, abs=1e-12)
    place = sbc_class(np.array([adi]), np.array([cv2]), 1.32, 0.49).item()
    assert SBC_CLASSES[place] == reference_sbc_class(adi, cv2, 1.32, 0.49)
    assert math.isnan(adi) or adi >= 1


def test_one_demand_in_four_periods_has_an_interval_of_four():
    assert average_demand_interval(column([0, 0, 3, 0]), np.ones((4, 1), dtype=bool)).item() == 4


def test_a_period_out_of_stock_without_demand_is_no_period():
    """Two demands in four periods, one of which had no stock: three periods for two demands."""
    is_counted = np.array([[True], [False], [True], [True]])
    assert average_demand_interval(column([1, 0, 0, 1]), is_counted).item() == 1.5


def test_sizes_of_a_billion_that_are_equal_do_not_vary():
    assert squared_cv(column([1e9, 0, 1e9, 1e9])).item() == 0


@pytest.mark.parametrize(
    ("adi", "cv2", "expected"),
    [
        (1.31, 0.48, "smooth"),
        (1.31, 0.49, "erratic"),
        (1.32, 0.48, "intermittent"),
        (1.32, 0.49, "lumpy"),
        (math.nan, math.nan, "none"),
    ],
)
def test_a_value_on_the_cut_belongs_to_the_harder_class(adi, cv2, expected):
    assert SBC_CLASSES[sbc_class(np.array([adi]), np.array([cv2]), 1.32, 0.49).item()] == expected
