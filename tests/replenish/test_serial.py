"""Serial base stocks: the textbook's case, and one stage alone."""

import pytest

from partsopt.errors import SettingsError
from partsopt.replenish.ordercost import base_stock_normal
from partsopt.replenish.serial import serial_base_stocks


def test_example_of_the_textbook():
    """Snyder & Shen, example 6.1 (book: 6.49, 12.02, 22.71, cost 47.65)."""
    policy = serial_base_stocks([3, 2, 2], [1, 1, 2], 37.12, 5, 1)
    assert policy.levels == pytest.approx((6.49, 12.02, 22.71), abs=0.05)
    assert policy.cost == pytest.approx(47.65, abs=0.03)


def test_one_stage_is_a_newsvendor():
    policy = serial_base_stocks([2], [1], 10, 20, 3)
    alone = base_stock_normal(2, 10, 20, 3)
    assert policy.levels[0] == pytest.approx(alone.level, abs=0.02)
    assert policy.cost == pytest.approx(alone.cost, rel=1e-4)


def test_refusals():
    with pytest.raises(SettingsError, match="one lead time for each stage"):
        serial_base_stocks([1, 2], [1], 10, 5, 1)
    with pytest.raises(SettingsError, match="must be above 0"):
        serial_base_stocks([1], [0], 10, 5, 1)
