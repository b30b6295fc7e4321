"""Joint review: the published case, enumeration, refusals."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish.jointreview import joint_order_best, joint_order_multiples, joint_review_periods, rotation_cycle
from tests import reference as twin


def test_case_of_jackson_maxwell_and_muckstadt():
    review = joint_review_periods(5, [1, 2, 4, 6, 16], [1] * 5, [2] * 5, 52)
    assert review.group_periods == 128
    assert review.part_periods.tolist() == [128, 128, 128, 128, 256]
    assert review.cost == pytest.approx(25.3317, abs=1e-4)


@settings(max_examples=50, deadline=None)
@given(
    st.floats(0, 20),
    st.lists(st.tuples(st.floats(0, 20), st.floats(0.1, 5), st.floats(0.1, 50)), min_size=1, max_size=3),
)
def test_equals_enumeration(group, parts):
    own, holding, demand = (list(column) for column in zip(*parts, strict=True))
    got = joint_review_periods(group, own, holding, demand, 52)
    assert got.cost == pytest.approx(twin.joint_review_by_enumeration(group, own, holding, demand, 52, 13), rel=1e-9)


def test_refusals():
    with pytest.raises(SettingsError, match="demands above 0"):
        joint_review_periods(5, [1], [1], [0], 52)


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0.5, 40.0),
    st.lists(st.tuples(st.floats(0.1, 60.0), st.floats(0.2, 30.0)), min_size=1, max_size=3),
)
def test_best_multiples_equal_every_choice(group, parts):
    fixed, flow = ([one[i] for one in parts] for i in (0, 1))
    best = joint_order_best(group, fixed, [1.0] * len(parts), flow)
    assert best.cost <= twin.joint_order_by_enumeration(group, fixed, flow, 20) * (1 + 1e-12)
    assert best.cost <= joint_order_multiples(group, fixed, [1.0] * len(parts), flow).cost * (1 + 1e-12)
    time = best.time
    by_hand = group / time + sum(
        k / (m * time) + h * m * time / 2 for k, h, m in zip(fixed, flow, best.multiples, strict=True)
    )
    assert best.cost == pytest.approx(by_hand)


def test_without_a_cost_of_the_group_parts_are_ordered_alone():
    best = joint_order_best(0.0, [2.0, 8.0], [1.0, 1.0], [1.0, 1.0])
    assert best.quantities == pytest.approx([2.0, 4.0])
    assert best.cost == pytest.approx(2.0 + 4.0)


def test_costs_of_joint_orders_are_checked():
    with pytest.raises(SettingsError, match="joint orders need order costs"):
        joint_order_multiples(-1, [1], [1], [1])


def test_a_machine_without_time_is_refused():
    with pytest.raises(SettingsError, match=r"the parts take 1\.1 of the time; it must be below 1"):
        rotation_cycle([1, 1], [1, 1], [5, 6], [10, 10])
