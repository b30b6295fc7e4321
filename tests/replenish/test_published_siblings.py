"""Siblings of the published cases: other examples of the same books and packages, each with its source.

The values of Snyder & Shen's problems are those of the peer stockpyl 1.0.2; those of Rossi's Inventory Analytics are of
its package inventoryanalytics, where it prints two digits they are held to two.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from partsopt.classify import classes_by_rank, min_max_scores, weights_of_comparisons
from partsopt.errors import SettingsError
from partsopt.replenish import (
    echelon,
    guaranteed,
    horizon,
    jointreview,
    losses,
    lotrules,
    lotsizing,
    newsvendor,
    ordercost,
    reordercost,
    serial,
    service,
    unsuresupply,
)
from tests import reference as twin
from tests.test_classify_criteria import CRITERIA_47


def near(expected: object, tolerance: float) -> object:
    return pytest.approx(expected, abs=tolerance, rel=0)


@pytest.mark.parametrize(
    ("name", "money", "by_level", "from_lot", "with_backorders", "by_losses"),
    [
        ("problem 5.1", (50, 3.1, 45, 800, 800 * 4 / 365, 40 * (4 / 365) ** 0.5),
         (17.972649360167715, 162.1231617283653, 531.1189321826714), (15.125515371852014, 160.64386578049977),
         (-1.9298221851002393, 166.085006519797), (-1.9858690730133088, 166.95010263205882)),
        ("problem 5.3", (85, 3 / 14, 40, 192, 576, 17.4 * 3**0.5),
         (644.8385303830128, 400.7559793126, 100.62739493477414), (652.9638947041127, 390.281949364815),
         (609.0252058220594, 391.32595109448084), (608.5444839466084, 403.806030190717)),
    ],
)  # fmt: skip
def test_reorder_policies(name, money, by_level, from_lot, with_backorders, by_losses):
    """Snyder & Shen: the four approximations of chapter 5, and the best of all, which none beats."""
    assert ordercost.reorder_policy(*money) == near(by_level, 1e-4), name
    simple, waiting = ordercost.reorder_policy_from_lot(*money), reordercost.reorder_policy_with_backorders(*money)
    lossy = reordercost.reorder_policy_by_losses(*money)
    for got, expected in ((simple, from_lot), (waiting, with_backorders), (lossy, by_losses)):
        assert got[:2] == near(expected, 1e-4)
    assert reordercost.reorder_policy_best(*money).cost <= min(simple.cost, waiting.cost, lossy.cost) + 1e-9


def test_economic_quantities():
    """Snyder & Shen, problems 3.2b and 3.22; Rossi's EOQ: 252.98, 1020.72 with the pieces, and the price of 30."""
    owed = lotsizing.economic_order_quantity_with_backorders(40, 40.05, 60, 2080)
    assert owed[:2] == near((83.23544812889804, 1999.1482444152125), 1e-9)
    fixed = lotsizing.economic_order_quantity_with_backorders(
        40, 40.05, 60, 2080, quantity=owed.quantity, owed_share=0.4002998500749625
    )
    assert fixed.cost == near(owed.cost, 1e-9)
    made = lotsizing.economic_production_quantity(4, 0.08, 80, 110)
    assert made[:2] == near((171.26976771553507, 3.7367949319753104), 1e-9)
    best = lotsizing.economic_order_quantity(3.2, 0.24, 2400)
    assert (best.quantity, best.cost + 0.4 * 2400) == near((252.98, 1020.72), 0.005)
    assert 2 * 2400 / best.quantity == near(18.97, 0.005)  # turns a year
    other = lotsizing.economic_order_quantity(3.2, 0.24, 2400, quantity=30)
    assert other.cost / best.cost == near((best.quantity / 30 + 30 / best.quantity) / 2, 1e-12)


def test_unsure_supply():
    """Snyder & Shen, problems 9.4a, 9.4b, 9.5 and 9.8."""
    failing = unsuresupply.order_quantity_with_disruptions(35, 4, 22, 30, 1, 12)
    assert failing[:2] == near((24.066300045604976, 96.26659090113583), 1e-5)
    surplus = unsuresupply.order_quantity_with_surplus(2250, 275, 182500, -50.0, 0.02)
    assert surplus[:2] == near((1778.1098451092846, 475230.2074050533), 1e-6)
    yielded = unsuresupply.order_quantity_with_yield(2250, 275, 182500, 0.9, 0.05773502691896258)
    assert yielded[:2] == near((1916.1833339478644, 476207.04336259887), 1e-6)
    unsure = newsvendor.newsvendor_with_yield(150, 1200, 25, stats.uniform(-5, 5))
    assert (float(unsure.level), float(unsure.cost)) == near((29.444444444444443, 333.3333333), 1e-6)


JOINT = {  # group, parts, holding, demand; multiples and cost of Silver's rule
    "example": (600, [120, 840, 300], [160, 20, 50], [1, 1, 1], [1, 3, 1], 837.8544026261366),
    "problem 1": (20000, [36000, 46000, 34000, 38000], [1000, 900, 1200, 1000], [1780, 445, 920, 175], [1, 2, 1, 3],
                  1028646.3597045067),
    "problem 2": (1500, [4000, 1000, 2000], [300, 200, 200], [9100, 83200, 20800], [3, 1, 2], 566083.0327787611),
    "problem 3": (180, [60, 100, 180, 115, 135], [5.32, 3.92, 4.76, 3.92, 3.36], [6200, 1300, 400, 4400, 1800],
                  [1, 2, 4, 1, 2], 9107.181781429423),
}  # fmt: skip


@pytest.mark.parametrize("name", JOINT)
def test_joint_orders(name):
    """Joint replenishment of the peer's Supply Chain Models and Optimization set; Silver's rule is best in all four."""
    *given, multiples, cost = JOINT[name]
    for solve in (jointreview.joint_order_multiples, jointreview.joint_order_best):
        got = solve(*given)
        assert (got.multiples.tolist(), got.cost) == (multiples, near(cost, 1e-4))


def test_the_common_cycle_of_a_machine():
    """Rossi's ELS instance: sqrt(5300 / (437.5 + 437.5 + 792)); set-ups of 0.6 in all bind where they take too long."""
    given = [2000, 2500, 800], [20, 20, 30], [50, 50, 60], [400, 400, 500]
    free = jointreview.rotation_cycle(*given, 0.1)
    assert free.time == near((5300 / 1667) ** 0.5, 1e-12)
    assert free.quantities == near([50 * free.time, 50 * free.time, 60 * free.time], 1e-9)
    bound = jointreview.rotation_cycle(*given, [0.6, 0.6, 0.6])
    assert bound.time == near(1.8 / (1 - 0.125 - 0.125 - 0.12), 1e-12)
    assert bound.cost == near(5300 / bound.time + 1667 * bound.time, 1e-9)


def test_lots_of_known_demand():
    """Rossi: at most 30 pieces an order cost 280; with planned backorders 230; the policy of Scarf's instance."""
    held = lotrules.lot_plan_with_limits(40, 1, [10, 20, 30, 40], unit_cost=1, capacity=30)
    assert held == ([10, 30, 30, 30], 280)
    assert lotrules.lot_plan_with_limits(40, 1, [10, 20, 30, 40], unit_cost=1, backorder_cost=2).cost == 230
    pmfs = [np.array(twin.poisson(mean, 160)) for mean in (20, 40, 60, 40)]
    plan = horizon.horizon_levels(pmfs, order_cost=100, holding=1, shortage=10)
    assert plan.reorder_points.tolist() == [15, 28, 55, 28]
    assert plan.order_up_to_levels.tolist() == [67, 49, 109, 49]


def test_newsvendors():
    """Rossi: normal 10 +- 2, overage 1, underage 5; Cachon & Terwiesch: the field rep's 0.29 a day, in stock 99.9 %."""
    best = newsvendor.newsvendor(1, 5, stats.norm(10, 2))
    assert float(best.level) == near(11.934843132203403, 1e-9)
    assert float(newsvendor.cost_of(losses.normal_losses(12, 10, 2), 1, 5)) == near(2.999785005512372, 1e-5)
    assert service.level_for_cycle_service_level(0.999, [2 * 0.29], [1.0]).tolist() == [4]


def test_newsvendors_of_a_given_quantity():
    """Snyder & Shen, example 4.3 at 40 pieces and problem 4.8a at 15, by the peer; every form of the function."""
    for got in (
        newsvendor.newsvendor(0.18, 0.7, stats.norm(50, 8), level=40),
        ordercost.base_stock_normal(0.18, 0.7, 50, 8, level=40),
    ):
        assert (float(got.level), float(got.cost)) == near((40, 7.356131552870388), 1e-6)
    for got in (
        newsvendor.newsvendor(200, 270, stats.poisson(18), level=15),
        ordercost.base_stock_discrete(200, 270, 18, level=[15]),
    ):
        by_hand = sum(twin.pmf(k, 18, 1) * (200 * max(15 - k, 0) + 270 * max(k - 15, 0)) for k in range(120))
        assert float(np.ravel(got.cost)[0]) == near(by_hand, 1e-8)


def test_the_hammer_of_cachon_and_terwiesch():
    """Price 190, cost 110, salvage 90, demand 3192 +- 1181 (book, by tables): 4196 best; 3500 sell 2858, leave 642."""
    demand = stats.norm(3192, 1181)
    best = newsvendor.newsvendor_of_prices(190, 110, 90, demand)
    assert float(best.level) == near(4196, 12)  # the book rounds z = 0.8416 up to 0.85
    given = newsvendor.newsvendor_of_prices(190, 110, 90, demand, level=3500)
    losses_at = losses.normal_losses(3500, 3192, 1181)
    assert (3192 - float(losses_at.above), float(losses_at.below)) == near((2858, 642), 1.5)
    assert float(given.cost) == near(215_800, 150)
    assert float(given.cost) == near(80 * (3192 - losses_at.above) - 20 * losses_at.below, 1e-6)
    both = newsvendor.pooled_demand([3192, 3192], [1181, 1181])
    assert (float(both.mean), float(both.sd)) == near((6384, 1670), 0.5)


def test_pooled_stock():
    """Eppen: four places that know nothing of each other cost half together; the closer they move the less is saved."""
    alone = ordercost.base_stock_normal(0.18, 0.7, 50, 8)
    together = newsvendor.pooled_demand([50] * 4, [8] * 4)
    pooled = ordercost.base_stock_normal(0.18, 0.7, together.mean, together.sd)
    assert pooled.cost == near(2 * alone.cost, 1e-9)
    same = newsvendor.pooled_demand([50] * 4, [8] * 4, 1.0)
    assert float(same.sd) == near(32, 1e-9)
    matrix = newsvendor.pooled_demand([50, 60], [3, 4], [[1, 0.5], [0.5, 1]])
    assert float(matrix.sd) == near((9 + 16 + 2 * 0.5 * 12) ** 0.5, 1e-12)
    with pytest.raises(SettingsError, match="correlations those that demands can have"):
        newsvendor.pooled_demand([1] * 3, [1] * 3, -0.9)


def test_values_without_end():
    """Infinite levels owe nothing and meet everything; infinitely many deviations below the mean lose everything."""
    assert service.normal_loss([np.inf, -np.inf]).tolist() == [0.0, np.inf]
    assert service.expected_shortfall(np.inf, [1.0, 1.0], [1.0, 2.0]).tolist() == [0.0, 0.0]
    assert service.fill_rate([np.inf], 1.4, 2.8, 1.5).tolist() == [1.0]
    assert service.cycle_service_level([np.inf, 0], [2.8, 0.0], 1.5).tolist() == [1.0, 1.0]
    assert service.ready_rate(0, 0.0, 1.0) == 0.0


def test_one_dc_and_a_single_dealer():
    """The LINDO instance with numbers in place of arrays."""
    got = echelon.dealer_service(0, 0.2, 14, 2, 0.1, 2, 1)
    assert (got.backorders[0], got.fill_rate[0]) == near((0.2647652257455339, 0.5188210754450105), 1e-8)


SERIAL = {  # echelon holding from the customer on, lead times, shortage, mean, sd (None: Poisson), the peer's heuristic
    "problem 6.1": ([1, 1], [1, 1], 15, 100, 15, [123.47089707042699, 228.86005391444402]),
    "problem 6.2a": ([2, 2, 1, 1, 1], [0.5] * 5, 24, 64, 8, [40.58670401687929, 74.45806987058583, 109.59625626575588,
                     142.8985667640439, 175.83298580667355]),
    "problem 6.2b": ([2, 2, 1, 1, 1], [0.5] * 5, 24, 64, None, [41, 74.5, 110, 143, 175.5]),
    "problem 6.16": ([5, 2], [8, 3], 24, 20, 4, [171.19116550607282, 234.4525617739672]),
    "Shang & Song 9": ([0.25, 2.5, 2.5, 0.25], [0.25] * 4, 9, 16, None, [9, 10.5, 14, 20.5]),
    "Shang & Song 17": ([0.25] * 4, [0.25] * 4, 99, 16, None, [11, 16.5, 22, 27]),
    "Shang & Song 25": ([0.25, 2.5, 2.5, 0.25], [0.25] * 4, 99, 16, None, [11, 14, 18.5, 25.5]),
}  # fmt: skip


@pytest.mark.parametrize("name", SERIAL)
def test_serial_systems(name):
    """Shang & Song's newsvendor levels, and the best levels between their bounds (one piece of rounding)."""
    holding, lead, shortage, mean, sd, expected = SERIAL[name]
    bounds = serial.serial_newsvendor_bounds(holding, lead, shortage, mean, sd=sd)
    assert bounds.level == near(tuple(expected), 1e-9)
    if sd is None:
        policy = serial.serial_base_stocks_discrete(holding, lead, shortage, mean)
    else:
        policy = serial.serial_base_stocks(holding, lead, shortage, mean, sd)
    for low, level, high in zip(bounds.lower, policy.levels, bounds.upper, strict=True):
        assert low - 1 <= level <= high + 1


def test_a_long_line_of_guaranteed_service():
    """Snyder & Shen, problem 6.8: ten stages, safety factor of 98 %, cost 1,378.302."""
    times, money = [5, 10, 2, 15, 8, 5, 9, 5, 1, 5], [5.73, 4.56, 3.04, 2.93, 2.47, 2.37, 1.15, 1.1, 0.98, 0.87]
    line = {
        str(i + 1): guaranteed.Stage(
            times[i], money[i], () if i == 9 else (str(i + 2),),
            15.8 if i == 0 else 0.0, 3 if i == 0 else None, 7 if i == 9 else 0,
        )
        for i in range(10)
    }  # fmt: skip
    got = guaranteed.guaranteed_service_times(line, 2.0537489106318225)
    assert got.cost == near(1378.3020369043727, 1e-6)
    expected = {1: 3, 2: 10, 3: 0, 4: 28, 5: 13, 6: 5, 7: 0, 8: 18, 9: 13, 10: 12}
    assert got.service_times == {str(stage): time for stage, time in expected.items()}


def test_reviews_with_an_unsure_lead_time():
    """As TS-3 and TS-7, the lead time 10, 14 or 21 days with chances 0.3, 0.5 and 0.2: by plain sums over each."""
    days, chance = np.array([10.0, 14.0, 21.0]), np.array([0.3, 0.5, 0.2])
    lead, late = 0.4 * days, 0.4 * (days + 7)
    given = [lead.tolist()], [late.tolist()], [2.0], chance
    level = service.level_for_fill_rate(0.95, *given)
    met = [twin.fill_rate(int(level[0]) - less, lead.tolist(), late.tolist(), 2.0, chance.tolist()) for less in (0, 1)]
    assert met[0] >= 0.95 > met[1]
    assert service.fill_rate(level, *given)[0] == near(met[0], 1e-9)
    owed = sum(w * twin.shortfall(int(level[0]), m, 2.0) for m, w in zip(late.tolist(), chance, strict=True))
    assert service.textbook_fill_rate(level, *given)[0] == near(1 - owed / 2.8, 1e-9)
    tables = [service.stuttering_poisson_pmf(mean, 2.0, 120) for mean in (lead, late)]
    found = service.tabulated_service(*tables, lead, late, chance)
    again = (2.0 - 1) / (2.0 + 1)
    sizes = [0.0, *((1 - again) * again**k for k in range(60))]
    by_hand = sum(
        w * (1 - sum(twin.compound_poisson(m * (1 - again), sizes, 9)))
        for m, w in zip(late.tolist(), chance, strict=True)
    )
    assert 1 - found.cycle_service_level[8] == near(by_hand, 1e-9)


def test_classes_by_compared_criteria():
    """Flores, Olson & Dorai (1992): weights 0.078, 0.092, 0.42, 0.41 of cost, usage, criticality and lead time."""
    comparisons = [[1, 1, 1 / 8, 1 / 4], [1, 1, 1 / 3, 1 / 6], [8, 3, 1, 1], [4, 6, 1, 1]]
    weights, ratio = weights_of_comparisons(comparisons)
    assert weights == near([0.078, 0.092, 0.42, 0.41], 0.002)
    assert 0 < ratio < 0.1
    criteria = [np.array(CRITERIA_47[i]) for i in range(3)]
    score = min_max_scores(criteria, [0.2, 0.5, 0.3])
    low, high = (np.array([least(one) for one in criteria]) for least in (np.min, np.max))
    by_hand = [sum(w * (one[i] - a) / (b - a) for w, one, a, b in zip([0.2, 0.5, 0.3], criteria, low, high, strict=True))
               for i in range(47)]  # fmt: skip
    assert score == near(by_hand, 1e-12)
    assert "".join(classes_by_rank(score, (10, 14, 23))).count("A") == 10
