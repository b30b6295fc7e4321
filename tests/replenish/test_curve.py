"""The exchange curve: rising, above any other choice, and where one stands."""

import numpy as np
import pytest

from partsopt.replenish.curve import curve_points
from tests.replenish.test_families import COST, WEIGHT, every_choice, small_network


def test_no_choice_lies_above_the_curve():
    network = small_network()
    points = curve_points(network, COST, WEIGHT, np.array([1, 1, 1]), np.array([0.2, 0.3, 0.1]))
    best = ~points.is_here
    money, service = points.money[best], points.service[best]
    assert (np.diff(money) > 0).all()
    assert (np.diff(service) > 0).all()
    for spent, got in every_choice(network):
        if money[0] <= spent <= money[-1]:
            assert got <= np.interp(spent, money, service) + 1e-9


def test_here_is_the_money_and_service_of_the_present_levels():
    points = curve_points(small_network(), COST, WEIGHT, np.array([2, 2, 1]), np.array([0.5, 0.25, 0.5]))
    assert points.money[points.is_here].tolist() == [COST @ [2, 2, 1]]
    assert points.service[points.is_here].tolist() == [pytest.approx(WEIGHT @ [0.5, 0.25, 0.5])]
    assert (np.diff(points.money) >= 0).all()


def test_each_step_names_who_loses():
    points = curve_points(small_network(), COST, WEIGHT, np.array([0, 0, 0]), np.array([0.0, 0.0, 0.0]))
    steps = np.flatnonzero(~points.is_here)[1:]
    assert set(points.loses_most[steps].tolist()) <= {0, 1, 2}
    assert (points.service_lost[steps] > 0).all()
    assert (points.pairs_lower[steps] > 0).all()
