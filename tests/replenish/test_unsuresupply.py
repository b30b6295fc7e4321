"""Unsure supply: what is certain falls back to the economic quantity; refusals."""

import pytest

from partsopt.errors import SettingsError
from partsopt.replenish import unsuresupply
from partsopt.replenish.lotsizing import economic_order_quantity


def test_a_sure_source_is_the_economic_quantity():
    plain = economic_order_quantity(8, 0.225, 1300)
    for lot in (
        unsuresupply.order_quantity_with_disruptions(8, 0.225, 5, 1300, 1e-9, 14),
        unsuresupply.order_quantity_with_surplus(8, 0.225, 1300, 0.0, 0.0),
        unsuresupply.order_quantity_with_yield(8, 0.225, 1300, 1.0, 0.0),
    ):
        assert lot.quantity == pytest.approx(plain.quantity, rel=1e-5)
        assert lot.cost == pytest.approx(plain.cost, rel=1e-5)


def test_no_quantity_near_is_cheaper():
    best = unsuresupply.order_quantity_with_disruptions(35, 4, 22, 30, 1, 12)  # Snyder & Shen, problem 9.8
    for factor in (0.98, 1.02):
        assert unsuresupply.cost_with_disruptions(factor * best.quantity, 35, 4, 22, 30, 1, 12) > best.cost


def test_refusals():
    with pytest.raises(SettingsError, match="recovery_rate is 0; it must be above 0"):
        unsuresupply.order_quantity_with_disruptions(8, 1, 5, 100, 1, 0)
