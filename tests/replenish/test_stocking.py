"""The stocking decision: oracle cases, hysteresis, refusals."""

import pytest

from partsopt.errors import SettingsError
from partsopt.replenish.stocking import stocking_costs, stocking_decision


@pytest.mark.parametrize(
    ("hits", "every", "lead", "cost", "extra", "stocked", "not_stocked", "fill", "on_hand", "decision"),
    [
        (1, 7, 5, 80, 30, 20.23003933282878, 30, 0.9769963661637343, 0.9769965158870405, True),
        (3, 7, 5, 200, 30, 52.69405724271863, 90, 0.9326501767858818, 0.9326514630689599, True),
        (2, 28, 45, 500, 60, 123.62326632707118, 120, 0.7244756938423235, 0.7244827967052, False),
    ],
)  # fmt: skip
def test_oracle_cases(hits, every, lead, cost, extra, stocked, not_stocked, fill, on_hand, decision):
    """Cases stocking-decision-1, -3, -5; their stock is a mean of 201 points, so it is off by up to 1e-5."""
    got = stocking_costs([1], [hits], [1.0], [every], [lead], [cost], 0.25, [extra])
    assert got.fill_rate[0] == pytest.approx(fill, abs=1e-6)
    assert got.on_hand[0] == pytest.approx(on_hand, abs=1e-5)
    assert got.stocked[0] == pytest.approx(stocked, rel=1e-5)
    assert got.not_stocked[0] == not_stocked
    assert stocking_decision(got, [decision], margin=0.0).tolist() == [decision]


def test_a_part_near_the_edge_stays_as_it_is():
    """Costs 4 % more than it saves: not started, and not stopped at a margin of 20 %."""
    got = stocking_costs([1], [2], [1.0], [28], [45], [500], 0.25, [60])
    assert stocking_decision(got, [False]).tolist() == [False]
    assert stocking_decision(got, [True]).tolist() == [True]
    assert stocking_decision(got, [True], margin=0.01).tolist() == [False]


def test_obsolescence_makes_stock_dearer():
    plain = stocking_costs([1], [1], [1.0], [7], [5], [80], 0.25, [30])
    fading = stocking_costs([1], [1], [1.0], [7], [5], [80], 0.25, [30], obsolescence_per_year=0.3)
    assert fading.stocked[0] - plain.stocked[0] == pytest.approx(0.3 * 80 * plain.on_hand[0])


def test_refusals():
    with pytest.raises(SettingsError, match=r"holding_rate_per_year is -0\.1; it must be 0 or more"):
        stocking_costs([1], [1], [1.0], [7], [5], [80], -0.1, [30])
    with pytest.raises(SettingsError, match=r"review_period_days is 0\.0; it must be above 0"):
        stocking_costs([1], [1], [1.0], [0], [5], [80], 0.1, [30])
    with pytest.raises(SettingsError, match="margin of the stocking decision"):
        stocking_decision(stocking_costs([1], [1], [1.0], [7], [5], [80], 0.1, [30]), [True], margin=1.0)
