"""The exchange curve: rising, above any other choice, and where one stands."""

import itertools

import numpy as np
import pytest

from partsopt.replenish.curve import curve_points
from partsopt.replenish.targets import staircases


def two_parts():
    lead = np.array([[1.0], [0.4]])
    stairs = staircases(lead, 2 * lead, [1.0, 3.0], np.ones((2, 1)), [1, 1], [0, 0], [6, 6])
    return stairs, np.array([2.0, 7.0]), np.array([0.6, 0.4])


def test_no_choice_lies_above_the_curve():
    stairs, cost, weight = two_parts()
    points = curve_points(stairs, cost, weight, np.array([1, 1]), np.array([0.2, 0.3]))
    best = ~points.is_here
    money, service = points.money[best], points.service[best]
    assert (np.diff(money) > 0).all()
    assert (np.diff(service) > 0).all()
    for a, b in itertools.product(*(range(stairs.start[i], stairs.start[i + 1]) for i in range(2))):
        spent = cost @ stairs.level[[a, b]]
        if spent <= money[-1]:
            assert weight @ stairs.fill_rate[[a, b]] <= np.interp(spent, money, service) + 1e-9


def test_here_is_the_money_and_service_of_the_present_levels():
    stairs, cost, weight = two_parts()
    points = curve_points(stairs, cost, weight, np.array([3, 2]), np.array([0.5, 0.25]))
    assert points.money[points.is_here].tolist() == [20.0]
    assert points.service[points.is_here].tolist() == [pytest.approx(0.4)]
    assert (np.diff(points.money) >= 0).all()


def test_each_step_names_who_loses():
    stairs, cost, weight = two_parts()
    points = curve_points(stairs, cost, weight, np.array([0, 0]), np.array([0.0, 0.0]))
    steps = np.flatnonzero(~points.is_here)[1:]
    assert (points.loses_most[steps] >= 0).all()
    assert points.service_lost[steps].max() <= 1.0
    assert (points.service_lost[steps] > 0).all()
