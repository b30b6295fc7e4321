"""Joint review: the published case, enumeration, refusals."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish.jointreview import joint_review_periods
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
