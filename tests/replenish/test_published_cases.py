"""The published and computed cases that the functions for analyses are held to, one by one, each with its source.

Inputs and expected values are those of the project's list of inventory cases; the 47 items of Flores, Olson & Dorai are
in tests/test_classify.py and tests/test_classify_criteria.py.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from partsopt.classify import (
    classes_by_rank,
    edas_scores,
    hadi_vencheh_scores,
    mean_demand_in_stock,
    ng_scores,
    ramanathan_scores,
    zhou_fan_scores,
)
from partsopt.replenish import (
    echelon,
    guaranteed,
    horizon,
    jointreview,
    losses,
    lostsales,
    lotrules,
    lotsizing,
    marginal,
    newsvendor,
    ordercost,
    reordercost,
    reorderpoint,
    serial,
    service,
    stocking,
    unsuresupply,
)
from tests import reference as twin
from tests.replenish.test_echelon import CASES as TWO_ECHELONS
from tests.replenish.test_ordercost import ZHENG_FEDERGRUEN
from tests.test_classify import CLASSES_47, USAGE_47
from tests.test_classify_criteria import CRITERIA_47, EDAS_47, RAMANATHAN_47

YEARLY, TWELFTH = 1300, 1 / 12
LEAD_MEAN, LEAD_SD = YEARLY * TWELFTH, 150 * TWELFTH**0.5


def near(expected: object, tolerance: float) -> object:
    return pytest.approx(expected, abs=tolerance, rel=0)


def test_newsvendors_and_base_stocks():
    """Snyder & Shen (2019): examples 4.3 and 4.4, problem 4.8a (cases nv-normal, base-stock-normal, nv-poisson)."""
    for got in (newsvendor.newsvendor(0.18, 0.7, stats.norm(50, 8)), ordercost.base_stock_normal(0.18, 0.7, 50, 8)):
        assert float(got.level) == near(56.60395592743389, 1e-6)
        assert float(got.cost) == near(1.997605193176645, 1e-6)
    late = ordercost.base_stock_normal(0.18, 0.7, 50, 8, lead_time=4)
    assert late == near((264.7668943741548, 4.466781004149578), 1e-6)
    for got in (newsvendor.newsvendor(200, 270, stats.poisson(18)), ordercost.base_stock_discrete(200, 270, 18)):
        assert (float(got.level), float(got.cost)) == near((19, 786.0884409351115), 1e-6)


def test_newsvendors_of_other_demand():
    """Snyder & Shen: problems 4.7b (eight values) and 4.8b (lognormal), example 4.2 and problem 4.3b (prices)."""
    chances = [0.25, 0.05, 0.1, 0.2, 0.15, 0.1, 0.1, 0.05]
    values = newsvendor.newsvendor_of_pmf(5e5, 1e6, np.arange(1, 9), chances)
    assert (float(values.level), float(values.cost)) == near((5, 1.225e6), 1e-6)
    skewed = newsvendor.newsvendor(1, 0.1765, stats.lognorm(0.3, scale=np.exp(6)))
    by_hand = losses.lognormal_losses(skewed.level, 6, 0.3)
    assert (float(skewed.level), float(skewed.cost)) == near((295.6266448071368, 29.44254351324322), 1e-6)
    assert float(newsvendor.cost_of(by_hand, 1, 0.1765)) == near(float(skewed.cost), 1e-8)
    priced = newsvendor.newsvendor_of_prices(1, 0.3, 0.12, stats.norm(50, 8))
    assert (float(priced.level), float(priced.cost)) == near((56.60395592743389, 33.002394806823354), 1e-6)
    other = newsvendor.newsvendor_of_prices(7, 2.5, 1.5, stats.norm(50, 10))
    assert float(other.level) == near(50 + 10 * stats.norm.ppf(4.5 / 5.5), 1e-9)
    myopic = newsvendor.newsvendor_with_later_price(0.18, 0.7, 0.3, 0.35, 50, 8, 0.98)
    assert (float(myopic.level), float(myopic.cost)) == near((58.09891883213067, 16.682411764618777), 1e-6)
    large = newsvendor.newsvendor([43], [79], stats.norm(900, 60))  # problem 4.1
    assert large.level[0] == near(900 + 60 * stats.norm.ppf(79 / 122), 1e-9)


def test_order_policies():
    """Case sS-ex4.7, the 24 of Zheng & Federgruen (1991), and problem 4.31; given policies cost the same."""
    six = twin.poisson(6, 60)
    best = ordercost.order_policy(5, 1, 4, six)
    assert best == near((4, 10, 8.034111561471644), 1e-6)
    assert reordercost.order_policy_cost(4, 10, 5, 1, 4, six) == near(8.034111561471644, 1e-6)
    for mean, reorder, up_to, cost in ZHENG_FEDERGRUEN:
        pmf = twin.poisson(mean, 200)
        policy = ordercost.order_policy(64, 1, 9, pmf)
        assert (policy.reorder_point, policy.order_up_to_level) == (reorder, up_to)
        assert policy.cost == near(cost, 5e-4)
        assert reordercost.order_policy_cost(reorder, up_to, 64, 1, 9, pmf) == near(policy.cost, 1e-9)
    assert ordercost.order_policy(150, 40, 125, twin.poisson(4, 60)) == near((2, 7, 223.5748295669688), 1e-6)


def test_order_policies_by_the_power_approximation():
    """Ehrhardt & Mosier (1984): Snyder & Shen, example 4.8 and problem 4.32."""
    assert reordercost.order_policy_by_power(2.5, 0.18, 0.7, 50, 8) == near(
        (40.19461695647407, 74.29017010980579), 1e-9
    )
    assert reordercost.order_policy_by_power(60, 2, 36, 190, 48) == near((226.61379282228387, 324.3797868133974), 1e-9)


def test_orders_of_a_horizon():
    """Case nonstationary-sS-scarf1960, and Snyder & Shen's problems 4.29 (base stock 23) and 4.30 (s = 17, S = 42)."""
    pmfs = [np.array(twin.poisson(mean, 160)) for mean in (20, 40, 60, 40)]
    assert ordercost.order_policy_of_horizon(100, 1, 10, pmfs) == near((332.1767, 67), 0.02)
    plan = horizon.horizon_levels(pmfs, order_cost=100, holding=1, shortage=10)
    assert (plan.cost, plan.order_up_to_levels[0]) == near((332.1767, 67), 0.02)
    money = {"holding": 1, "shortage": 25, "unit_cost": 1, "end_holding": 1, "end_shortage": 25, "discount": 0.98}
    demand = [horizon.normal_pmf(18, 3)] * 10
    plain = horizon.horizon_levels(demand, **money)
    assert plain.order_up_to_levels.tolist() == [23] * 10
    ordered = horizon.horizon_levels(demand, order_cost=40, **money)
    assert ordered.reorder_points.tolist() == [17] * 9 + [18]
    assert ordered.order_up_to_levels[:7].tolist() == [42] * 7
    assert ordered.order_up_to_levels[-1] == 23


def test_reorder_policies():
    """Snyder & Shen, chapter 5: cases rQ-EIL, rQ-EOQSS, rQ-cost; examples 5.2 (EOQB), 5.6 (losses), 5.8 (Poisson)."""
    money = (8, 0.225, 7.5, YEARLY, LEAD_MEAN, LEAD_SD)
    assert ordercost.reorder_policy(*money) == near((213.9704421358024, 318.5901810768729, 95.45114022285196), 1e-3)
    simple = ordercost.reorder_policy_from_lot(*money)
    assert simple[:2] == near((190.3369965715624, 304.0467800264368), 1e-4)
    given = ordercost.reorder_policy_cost(126.8, 328.5, 8, 0.225, 7.5, YEARLY, LEAD_MEAN, LEAD_SD)
    assert given == near(78.07116250928294, 1e-6)
    waiting = reordercost.reorder_policy_with_backorders(*money)
    assert waiting[:2] == near((128.63781442427097, 308.5737801203754), 1e-5)
    by_losses = reordercost.reorder_policy_by_losses(*money)
    assert by_losses[:2] == near((126.8670634479628, 328.4491421980451), 1e-5)
    best = reordercost.reorder_policy_best(*money)
    assert best.cost <= min(by_losses.cost, waiting.cost, simple.cost, given) + 1e-9
    assert best.cost == near(by_losses.cost, 1e-5)
    assert reordercost.reorder_point_of_lot(300, 0.225, 7.5, LEAD_MEAN, LEAD_SD) == near(129.4272799263067, 1e-5)
    assert ordercost.reorder_policy_discrete(100, 20, 150, 1.5, 2) == near((3, 5, 107.92358063314975), 1e-9)
    assert ordercost.reorder_policy_discrete(4, 4, 28, 12, 0.5) == near((6, 7, 28.241312842169155), 1e-9)  # 5.2
    assert reordercost.reorder_policy_discrete_cost(6, 7, 4, 4, 28, 12, 0.5) == near(28.241312842169155, 1e-9)


def test_economic_quantities():
    """Cases eoq-ex3.1 and price breaks; examples 3.5 and 3.8, problems 3.1, 3.2b, 3.12 and 3.22 of Snyder & Shen."""
    assert lotsizing.economic_order_quantity(8, 0.225, 1300)[:2] == near((304.0467800264368, 68.41052550594827), 1e-6)
    owed = lotsizing.economic_order_quantity_with_backorders(8, 0.225, 5, 1300)
    assert owed[:2] == near((310.81255515896464, 66.92136355097325), 1e-6)
    assert lotsizing.economic_order_quantity(2250, 275, 182500).quantity == near((2 * 2250 * 182500 / 275) ** 0.5, 1e-9)
    made = lotsizing.economic_production_quantity(4, 0.08, 80, 110)
    assert made.quantity == near((2 * 4 * 80 / (0.08 * 30 / 110)) ** 0.5, 1e-9)
    broken = (2250, 0.25, 182500, [0, 1200, 2400], [1490, 1220, 1100])
    assert lotsizing.order_quantity_all_units(*broken) == near((2400, 201251093.75, 2), 1e-4)
    assert lotsizing.order_quantity_incremental(*broken) == near((28553.060654284905, 208678591.67992836, 2), 1e-4)
    paper = (8, 0.3, 1300, [0, 400, 800], [0.75, 0.72, 0.68])
    assert lotsizing.order_quantity_incremental(*paper)[:2] == near((304.0467800264368, 1043.41), 0.006)
    assert lotsizing.order_quantity_all_units(*paper) == near((800, 978.6, 2), 1e-9)


def test_unsure_supply():
    """Snyder & Shen, chapter 9: examples 9.1 to 9.6."""
    assert unsuresupply.order_quantity_with_disruptions(8, 0.225, 5, 1300, 1.5, 14)[:2] == near(
        (772.8110739983106, 173.95000257319708), 1e-4
    )
    simple = unsuresupply.order_quantity_with_disruptions(8, 0.225, 5, 1300, 1.5, 14, approximate=True)
    assert simple[:2] == near((773.1432417118889, 173.957229385175), 1e-9)
    failing = newsvendor.newsvendor_with_disruptions(0.25, 3, 2000, 0.04, 0.25)
    assert (float(failing.level), float(failing.cost)) == near((8000, 2737.0689302470355), 1e-4)
    costed = newsvendor.newsvendor_with_disruptions(0.25, 3, 2000, 0.04, 0.25, level=1200)
    assert float(costed.cost) == near(5710.344790717086, 1e-4)
    assert unsuresupply.order_quantity_with_surplus(18500, 0.06, 75000, -15000, 9000)[:2] == near(
        (230246.37046881882, 12914.78222812913), 1e-6
    )
    assert unsuresupply.order_quantity_with_yield(18500, 0.06, 75000, 0.8333, 0.0198**0.5)[:2] == near(
        (254477.46130342316, 13086.16169098594), 1e-6
    )
    unsure = newsvendor.newsvendor_with_yield(15, 75, 1.5e6, stats.uniform(-5e5, 1e6))
    assert (float(unsure.level), float(unsure.cost)) == near((1833333.3333333335, 6.25e6), 1e-3)


def test_lots_of_known_demand():
    """Cases lotsize-ww-ex3.9 and -rossi; problems 3.27 and 3.29; Nahmias' example of the rules; Rossi's backorders."""
    assert lotsizing.lot_plan(500, 2, [90, 120, 80, 70]) == ([210, 0, 150, 0], 1380)
    assert lotsizing.lot_plan(30, 1, [10, 20, 30, 40]) == ([30, 0, 30, 40], 110)
    assert lotsizing.lot_plan(120, 0.8, [150, 100, 80, 200]) == ([150, 180, 0, 200], 424)
    assert lotsizing.lot_plan(100, 0.1, [730, 580, 445, 650, 880]) == ([1310, 0, 1095, 0, 880], 423)
    prices = lotrules.lot_plan_with_limits(100, 0.1, [400, 500, 500, 1100, 900], unit_cost=[3, 1, 4, 6, 6])
    assert prices == ([400, 3000, 0, 0, 0], 4940)
    nahmias = (80, 2, [18, 30, 42, 5, 20])
    assert lotrules.silver_meal(*nahmias).orders == [48, 0, 47, 0, 20]
    assert lotrules.least_unit_cost(*nahmias).orders == [48, 0, 42, 25, 0]
    assert lotrules.part_period_balancing(*nahmias).orders == [48, 0, 67, 0, 0]
    best = lotsizing.lot_plan(*nahmias).cost
    for rule in (lotrules.silver_meal, lotrules.least_unit_cost, lotrules.part_period_balancing, lotrules.lot_for_lot):
        assert rule(*nahmias).cost >= best


def test_joint_orders():
    """Case joint-review-power-of-two; Silver (1976) and Silver, Pyke & Peterson (1998), p. 428."""
    review = jointreview.joint_review_periods(5, [1, 2, 4, 6, 16], [1] * 5, [2] * 5, 52)
    assert (review.group_periods, review.part_periods.tolist()) == (128, [128, 128, 128, 128, 256])
    assert review.cost == near(25.3317, 0.005)
    silver = (10, [1.87, 5.27, 7.94, 8.19, 8.87], [0.2] * 5, [1736, 656, 558, 170, 142])
    by_rule, best = jointreview.joint_order_multiples(*silver), jointreview.joint_order_best(*silver)
    assert by_rule.multiples.tolist() == [1, 1, 1, 3, 3]
    assert by_rule.cost == near(218.68632025498684, 1e-6)
    assert (best.multiples.tolist(), best.cost) == ([1, 1, 2, 3, 3], near(218.25158571397979, 1e-6))
    peterson = jointreview.joint_order_multiples(40, [15] * 4, [0.24] * 4, [86000, 12500, 1400, 3000])
    assert (peterson.multiples.tolist(), peterson.cost) == ([1, 1, 4, 3], near(2067.65, 0.01))


def test_guaranteed_service():
    """Case gsm-tree-figure6.14 is in test_guaranteed.py; here examples 6.3 and 6.5, problems 6.7 and 6.9."""
    stage, solved = guaranteed.Stage, guaranteed.guaranteed_service_times
    line = {"3": stage(1, 2, (), outside_lead_time=1), "2": stage(0, 4, ("3",)), "1": stage(1, 7, ("2",), 1.0, 1)}
    assert solved(line, 1.0).cost == near(2 * 2**0.5, 1e-9)
    tree = {
        "1": stage(2, 1, (), outside_lead_time=1), "3": stage(1, 2, ("1",)),
        "2": stage(1, 3, ("3",), 1.0, 0), "4": stage(1, 3, ("3",), 1.0, 1),
    }  # fmt: skip
    found = solved(tree, 1.0)
    assert (found.cost, found.service_times) == (near(8.277916867529369, 1e-9), {"1": 0, "3": 0, "2": 0, "4": 1})
    line = {"3": stage(1, 2, (), outside_lead_time=1), "2": stage(1, 3, ("3",)), "1": stage(2, 4, ("2",), 10.0, 0)}
    assert solved(line, 4.0).cost == near(160 * 5**0.5, 1e-9)
    day = 1 / 365
    tree = {
        "4": stage(3, 1 * day), "6": stage(2, 1.5 * day), "5": stage(8, 4 * day, ("6",)),
        "3": stage(21, 18 * day, ("4", "5")),
        "1": stage(7, 44 * day, ("3",), 4.1, 3), "2": stage(7, 28 * day, ("3",), 6.2, 3),
    }  # fmt: skip
    found = solved(tree, 4.0)
    assert found.cost == near(15.649530249501026, 1e-9)
    assert found.service_times == {"1": 3, "2": 3, "3": 0, "4": 0, "5": 0, "6": 2}


def test_serial_systems():
    """Case serial-clark-scarf-ex6.1 (Chen & Zheng 1994); Shang & Song (2003), table 1, row 1."""
    policy = serial.serial_base_stocks([3, 2, 2], [1, 1, 2], 37.12, 5, 1)
    assert policy.levels == near((6.49, 12.02, 22.71), 0.05)
    assert policy.cost == near(47.65, 0.03)
    same = serial.serial_base_stocks([3, 2, 2], [1, 1, 2], 37.12, 5, 1, levels=policy.levels)
    assert same.cost == near(policy.cost, 1e-6)
    bounds = serial.serial_newsvendor_bounds([3, 2, 2], [1, 1, 2], 37.12, 5, sd=1)
    assert bounds.level == near((6.490880975286938, 12.027434723327854, 22.634032391786285), 1e-9)
    poisson = serial.serial_base_stocks_discrete([0.25] * 4, [0.25] * 4, 9, 16)
    between = serial.serial_newsvendor_bounds([0.25] * 4, [0.25] * 4, 9, 16)
    assert between.level == (8.0, 13.5, 18.0, 22.5)
    assert all(low <= s <= high for low, s, high in zip(between.lower, poisson.levels, between.upper, strict=True))


def test_spares_of_sherbrooke():
    """Case ebo-table-sherbrooke (2004, chapter 2): the table, and the order in which its spares are bought."""
    table = {
        1.0: [1.0, 0.368, 0.104, 0.023, 0.004, 0.001],
        4.0: [4.0, 3.018, 2.11, 1.348, 0.781, 0.41, 0.195, 0.085, 0.034, 0.012, 0.004],
    }
    for mean, printed in table.items():
        assert service.expected_shortfall(np.arange(len(printed)), mean, 1.0) == near(printed, 6e-4)
    spares = marginal.marginal_spares([1.0, 4.0], [5.0, 1.0], backorders=0.3)
    assert spares.backorders[-1] <= 0.3 < spares.backorders[-2]
    levels = marginal.levels_of(spares, 2)
    owed = service.expected_shortfall(levels, np.array([1.0, 4.0]), 1.0).sum()
    assert owed == near(spares.backorders[-1], 1e-12)
    assert float(levels @ np.array([5.0, 1.0])) == spares.money[-1]


@pytest.mark.parametrize("name", TWO_ECHELONS)
def test_two_echelons(name):
    """Cases two-echelon-1, 3, 5 and 7: exact, METRIC, VARI-METRIC backorders and fill rates, tolerance 1e-8."""
    rates, dc_lead, leads, dc_level, levels, dc_owed, dc_fill, dealers = TWO_ECHELONS[name]
    at_dc = echelon.dc_service(sum(rates), dc_lead, dc_level)
    assert (at_dc.backorders[0], at_dc.fill_rate[0]) == near((dc_owed, dc_fill), 1e-8)
    for number, method in enumerate(("exact", "metric", "varimetric")):
        got = echelon.dealer_service([0] * len(rates), sum(rates), dc_lead, dc_level, rates, leads, levels, method)
        assert got.backorders[: len(dealers)] == near([one[number] for one in dealers], 1e-8)
        assert got.fill_rate[: len(dealers)] == near([one[3 + number] for one in dealers], 1e-8)


# rate, variance to mean, T, L, targets; S_csl, csl at it, fill at it; S_fill, fill at it, one less, textbook's at it
REVIEWS = {
    "TS-1": (0.2, 1, 7, 7, 0.95, 0.95, 6, 0.9755893804756552, 0.9749303995217689, 6, 0.9749303995217689,
             0.9307095679843905, 0.9743963140901383),
    "TS-3": (0.4, 2, 7, 14, 0.95, 0.95, 16, 0.9602313398481281, 0.9622839983468662, 16, 0.9622839983468662,
             0.9453764284142663, 0.9566724637421345),
    "TS-5": (3, 4, 7, 5, 0.95, 0.97, 58, 0.9560581328011465, 0.9844296513369215, 54, 0.9727960617710473,
             0.9688663823460533, 0.9727257511928302),
    "TS-9": (0.01, 1, 28, 45, 0.9, 0.9, 2, 0.9621072032655846, 0.8806336733110427, 3, 0.9771103409456541,
             0.8806336733110427, 0.9724330492434383),
}  # fmt: skip


@pytest.mark.parametrize("name", REVIEWS)
def test_periodic_reviews(name):
    """Cases TS-1, 3, 5, 9: exact fill rate (Johnson et al. 1995; Sobel 2004; Teunter 2009), tolerance 1e-7."""
    rate, ratio, every, lead, csl, fill, s_csl, csl_at, fill_at_csl, s_fill, fill_at, fill_below, textbook = REVIEWS[
        name
    ]
    over = [rate * lead], [rate * (lead + every)], [ratio]
    assert service.level_for_cycle_service_level(csl, *over[1:]).tolist() == [s_csl]
    assert service.level_for_fill_rate(fill, *over).tolist() == [s_fill]
    assert service.cycle_service_level([s_csl], *over[1:])[0] == near(csl_at, 1e-7)
    got = service.fill_rate([s_csl, s_fill, s_fill - 1], *(one * 3 for one in over))
    assert got == near([fill_at_csl, fill_at, fill_below], 1e-7)
    short = service.expected_shortfall(s_fill, rate * (lead + every), ratio)
    assert 1 - short / (rate * every) == near(textbook, 1e-7)


def test_stuttering_poisson_review():
    """Case TS-7: Poisson demands, geometric sizes, variance to mean 2; also where the lead time is not sure."""
    demand = service.stuttering_poisson_pmf
    lead, protection = demand(0.02 * 30, 2, 60), demand(0.02 * 44, 2, 60)
    fill = service.tabulated_fill_rates(lead, protection, 0.02 * 30, 0.02 * 44)
    assert int(np.argmax(np.cumsum(protection) >= 0.9)) == 3
    assert np.cumsum(protection)[3] == near(0.9468280541245805, 1e-7)
    assert int(np.argmax(fill >= 0.85)) == 4
    assert fill[[3, 4]] == near([0.8330166236588309, 0.9170543191554759], 1e-7)
    assert 1 - (0.02 * 44 - np.minimum(np.arange(60), 4) @ protection - 4 * (1 - protection.sum())) / (
        0.02 * 14
    ) == near(0.8376244003991208, 1e-7)


@pytest.mark.parametrize(
    ("rate", "lead", "level", "lost", "left", "owed"),
    [
        (1, 1, 3, 0.8525809582851034, 1.2948380834297941, 0.8053193773134186),
        (0.3, 3, 2, 0.7863407327685645, 1.0563911206777228, 0.7174351170956358),
    ],
)
def test_lost_sales(rate, lead, level, lost, left, owed):
    """Cases TS-lost-sales-1 and -3: the exact chain, and backorders at the same level; tolerance 1e-7."""
    got = lostsales.lost_sales_service(level, lead, twin.poisson(rate, 60))
    assert (got.fill_rate, got.on_hand_at_end) == near((lost, left), 1e-7)
    assert service.fill_rate([level], [rate * lead], [rate * (lead + 1)], [1.0])[0] == near(owed, 1e-7)


def test_cachon_and_terwiesch():
    """Exercise Schmears, and the distribution centre under normal demand (tolerance 1e-6)."""
    assert service.ready_rate(9, 6.0, 1.0) == near(1 - 0.15276250601543884, 1e-6)  # nobody waits at S = 8
    assert service.level_for_fill_rate(0.9, [4.5], [6.0], [1.0]).tolist() == [9]
    assert service.fill_rate([9], [4.5], [6.0], [1.0])[0] == near(0.9107096179573433, 1e-6)
    assert ordercost.base_stock_discrete(0.01, 6, 1.5, lead_time=3).level == 14
    got = reorderpoint.service_of_level(625, 322.4, 117.62)
    expected = (0.994954447582981, 0.18776336890413126, 302.78776336890417)
    assert tuple(float(one) for one in got) == near(expected, 1e-6)


def test_normal_service():
    """Case silver-P1 (tolerance 0.01); Nahmias' mustard: (Q, R), type 1 and type 2 service (0.6)."""
    k = float(service.safety_factor(0.9))
    assert (k, k * 13.1, float(reorderpoint.reorder_point_normal(k, 58.3, 13.1))) == near((1.2816, 16.79, 75.09), 0.01)
    policy = ordercost.reorder_policy(50, 2, 25, 200, 100, 25)
    assert (policy.quantity, policy.reorder_point) == near((110.774, 142.568), 0.6)
    assert float(reorderpoint.reorder_point_normal(service.safety_factor(0.98), 100, 25)) == near(151, 0.6)
    k = reorderpoint.safety_factor_for_fill_rate(0.98, 100, 25)
    assert float(reorderpoint.reorder_point_normal(k, 100, 25)) == near(126, 0.6)


def test_normal_losses():
    """Cases normal-loss--1.4 and -3.1 (tolerance 1e-10)."""
    assert service.normal_loss([-1.4, 3.1]) == near([1.436668142708465, 0.0002672490952231408], 1e-10)
    assert losses.normal_losses([-1.4, 3.1]).above == near([1.436668142708465, 0.0002672490952231408], 1e-10)


@pytest.mark.parametrize(
    ("hits", "every", "lead", "cost", "extra", "stocked", "not_stocked", "fill", "left", "is_stocked", "even"),
    [
        (1, 7, 5, 80, 30, 20.23003933282878, 30, 0.9769963661637343, 0.9769965158870405, True, 0.666666768832387),
        (3, 7, 5, 200, 30, 52.69405724271863, 90, 0.9326501767858818, 0.9326514630689599, True, 1.666668965283215),
        (2, 28, 45, 500, 60, 123.62326632707118, 120, 0.7244756938423235, 0.7244827967052, False, 2.0833537586300253),
    ],
)  # fmt: skip
def test_stocking_decisions(hits, every, lead, cost, extra, stocked, not_stocked, fill, left, is_stocked, even):
    """Cases stocking-decision-1, 3, 5: stock as the mean of 201 times, tolerance 1e-6."""
    got = stocking.stocking_costs([1], [hits], [1.0], [every], [lead], [cost], 0.25, [extra])
    assert tuple(float(one[0]) for one in got) == near((stocked, not_stocked, fill, left), 1e-6)
    assert bool(stocking.stocking_decision(got, [is_stocked], margin=0.0)[0]) is is_stocked
    assert float(stocking.break_even_demand(got, [hits])[0]) == near(even, 1e-6)


def test_last_buy():
    """Case last-time-buy-1."""
    assert ordercost.last_time_buy(120, 3, shortage=100, left_over=40) == 130


def test_classes_of_47_items():
    """Cases abc-annual-usage-47, abc-edas-47 and abc-ramanathan2006-47; other scores on the same items."""
    assert "".join(classes_by_rank(np.array(USAGE_47), (10, 14, 23))) == CLASSES_47
    assert edas_scores(CRITERIA_47, [1 / 3] * 3) == near(EDAS_47, 0.006)
    scores = ramanathan_scores(CRITERIA_47)
    assert scores == near(RAMANATHAN_47, 1e-5)
    by_value = [CRITERIA_47[1], CRITERIA_47[0], CRITERIA_47[2]]
    ng, falling, both = ng_scores(by_value), hadi_vencheh_scores(by_value), zhou_fan_scores(CRITERIA_47)
    assert ng.max() <= 1.0
    assert (falling >= ng - 1e-12).all()  # Ng's best corner is one of the directions that are tried
    assert np.corrcoef(scores, both)[0, 1] > 0.5


def test_key_figures():
    """Cases fill-rate-dealer-definition (1e-12) and stockout-corrected-demand-msupply (1e-9)."""
    assert float(service.dealer_fill_rate(1000, 80, 30)) == near(0.89, 1e-12)
    assert float(mean_demand_in_stock(150, 0, 90, 60)) == near(150.0, 1e-9)
