"""Policies by cost: published cases and stepping the chain."""

import math

import numpy as np
import pytest

from partsopt.errors import SettingsError
from partsopt.replenish import ordercost
from tests import reference as twin

# Zheng & Federgruen (1991), Operations Research 39(4): Poisson means, K = 64, h = 1, p = 9; s, S, cost
ZHENG_FEDERGRUEN = [
    (10, 6, 40, 35.022), (15, 10, 49, 42.698), (20, 14, 62, 49.173), (25, 19, 56, 54.262), (30, 23, 66, 57.819),
    (35, 28, 77, 61.215), (40, 33, 87, 64.512), (45, 37, 97, 67.776), (50, 42, 108, 70.975), (55, 47, 118, 74.149),
    (60, 52, 129, 77.306), (65, 56, 75, 78.518), (70, 62, 81, 79.037), (75, 67, 86, 79.554), (21, 15, 65, 50.406),
    (22, 16, 68, 51.632), (23, 17, 52, 52.757), (24, 18, 54, 53.518), (51, 43, 110, 71.611), (52, 44, 112, 72.246),
    (59, 51, 126, 76.679), (61, 52, 131, 77.929), (63, 54, 73, 78.287), (64, 55, 74, 78.402),
]  # fmt: skip


def test_base_stocks_of_the_textbook():
    """Snyder & Shen, examples 4.3 and 4.4, problem 4.8a."""
    newsvendor = ordercost.base_stock_normal(0.18, 0.7, 50, 8)
    assert newsvendor.level == pytest.approx(56.60395592743389, abs=1e-6)
    assert newsvendor.cost == pytest.approx(1.997605193176645, abs=1e-6)
    late = ordercost.base_stock_normal(0.18, 0.7, 50, 8, lead_time=4)
    assert late.level == pytest.approx(264.7668943741548, abs=1e-6)
    assert late.cost == pytest.approx(4.466781004149578, abs=1e-6)
    whole = ordercost.base_stock_discrete(200, 270, 18)
    assert whole.level == 19
    assert whole.cost == pytest.approx(786.0884409351115, abs=1e-6)


def test_last_time_buy_case():
    assert ordercost.last_time_buy(120, 3, shortage=100, left_over=40) == 130


def test_order_policy_of_the_textbook():
    """Snyder & Shen, example 4.7."""
    policy = ordercost.order_policy(5, 1, 4, twin.poisson(6, 60))
    assert (policy.reorder_point, policy.order_up_to_level) == (4, 10)
    assert policy.cost == pytest.approx(8.034111561471644, abs=1e-6)


@pytest.mark.parametrize(("mean", "reorder", "up_to", "cost"), ZHENG_FEDERGRUEN)
def test_order_policies_of_zheng_and_federgruen(mean, reorder, up_to, cost):
    policy = ordercost.order_policy(64, 1, 9, twin.poisson(mean, 200))
    assert (policy.reorder_point, policy.order_up_to_level) == (reorder, up_to)
    assert policy.cost == pytest.approx(cost, abs=6e-4)


@pytest.mark.parametrize("order_cost", [0.0, 3.0, 40.0])
def test_no_other_order_policy_is_cheaper(order_cost):
    pmf = twin.poisson(3, 30)
    policy = ordercost.order_policy(order_cost, 1, 6, pmf)
    costs = [
        twin.order_policy_cost(order_cost, 1, 6, pmf, reorder, up_to)
        for reorder in range(policy.reorder_point - 1, policy.reorder_point + 2)
        for up_to in range(max(reorder + 1, policy.order_up_to_level - 2), policy.order_up_to_level + 3)
    ]
    assert policy.cost == pytest.approx(min(costs), abs=1e-6)


def test_order_policy_of_a_horizon():
    """Scarf (1960), as run by gwr3n/inventoryanalytics with demand cut at the 0.9999 quantile."""
    pmfs = []
    for mean in (20, 40, 60, 40):
        pmf = np.array(twin.poisson(mean, 160))
        pmfs.append(pmf[: int(np.argmax(np.cumsum(pmf) >= 0.9999)) + 1])
    cut = ordercost.order_policy_of_horizon(100, 1, 10, pmfs)
    whole = ordercost.order_policy_of_horizon(100, 1, 10, [twin.poisson(mean, 160) for mean in (20, 40, 60, 40)])
    assert (cut.first_level, whole.first_level) == (67, 67)
    assert cut.cost == pytest.approx(332.1194, abs=0.05)
    assert whole.cost == pytest.approx(332.1767, abs=0.02)


def test_reorder_policies_of_the_textbooks():
    """Snyder & Shen, examples 5.1, 5.2 and 5.5; Nahmias, Harvey's Specialty Shop."""
    lead_mean, lead_sd = 1300 / 12, 150 / 12**0.5
    approximate = ordercost.reorder_policy(8, 0.225, 7.5, 1300, lead_mean, lead_sd)
    assert approximate.reorder_point == pytest.approx(213.9704421358024, abs=1e-3)
    assert approximate.quantity == pytest.approx(318.5901810768729, abs=1e-3)
    assert approximate.cost == pytest.approx(95.45114022285196, abs=1e-3)
    simple = ordercost.reorder_policy_from_lot(8, 0.225, 7.5, 1300, lead_mean, lead_sd)
    assert simple.reorder_point == pytest.approx(190.3369965715624, abs=1e-4)
    assert simple.quantity == pytest.approx(304.0467800264368, abs=1e-4)
    cost = ordercost.reorder_policy_cost(126.8, 328.5, 8, 0.225, 7.5, 1300, lead_mean, lead_sd)
    assert cost == pytest.approx(78.07116250928294, abs=1e-6)
    mustard = ordercost.reorder_policy(50, 2, 25, 200, 100, 25)
    assert mustard.quantity == pytest.approx(110.774, abs=0.6)
    assert mustard.reorder_point == pytest.approx(142.568, abs=0.6)


def test_reorder_policy_in_whole_pieces():
    """Snyder & Shen, section 5.5, and no other r and Q near it is cheaper."""
    best = ordercost.reorder_policy_discrete(100, 20, 150, 1.5, 2)
    assert (best.reorder_point, best.quantity) == (3, 5)
    assert best.cost == pytest.approx(107.92358063314975, abs=1e-9)

    def cost(reorder: int, quantity: int) -> float:
        pmf = [math.exp(-3) * 3.0**k / math.factorial(k) for k in range(80)]
        inside = range(reorder + 1, reorder + quantity + 1)
        run = sum(p * (20 * max(y - k, 0) + 150 * max(k - y, 0)) for y in inside for k, p in enumerate(pmf))
        return (100 * 1.5 + run) / quantity

    assert best.cost == pytest.approx(min(cost(r, q) for r in range(8) for q in range(1, 12)), abs=1e-9)
    with pytest.raises(SettingsError, match="lead time above 0"):
        ordercost.reorder_policy_discrete(100, 20, 150, 1.5, 0)


def test_refusals():
    with pytest.raises(SettingsError, match="the holding cost is -1; it must be above 0"):
        ordercost.base_stock_normal(-1, 1, 5, 1)
    with pytest.raises(SettingsError, match="needs some demand"):
        ordercost.order_policy(1, 1, 1, [1.0])
    with pytest.raises(SettingsError, match="no reorder point pays"):
        ordercost.reorder_policy(50, 25, 0.1, 200, 100, 25)
