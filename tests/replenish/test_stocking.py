"""The stocking decision: oracle cases, hysteresis, refusals."""

import pytest

from partsopt.errors import SettingsError
from partsopt.replenish.stocking import stocking_costs, stocking_decision
from tests.replenish.network import night, with_params


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


ECONOMICS = with_params(stocking_rule="economics")


def stocked(on_hand: int, rate: float, hits: bool, **part: object) -> bool:
    """Whether the DC stocks a part by economics that sells so much a month."""
    plan = night(
        params=ECONOMICS,
        forecasts=[{"part_id": "P", "mean_per_period": rate}],
        classes=[{"site_id": "DC1", "part_id": "P", "is_stocked": hits, "abc_class": "C", **part}],
        stock=[{"part_id": "P", "on_hand": on_hand}] if on_hand else [],
        parts=[{"part_id": "P", "unit_cost": 10.0, "lifecycle": "ended" if part.get("why") == "ended" else "active"}],
    )
    return bool(plan.levels["is_stocked"].iloc[0])


def test_economics_stocks_what_emergency_orders_would_cost_more_for_whatever_the_demands():
    """A piece of 10: 2.20 a year in stock; at 0.44 demands a year emergency orders cost as much."""
    assert stocked(0, 0.1, hits=False)  # 1.2 a year
    assert not stocked(0, 0.01, hits=True)  # 0.12 a year


def test_near_the_edge_what_lies_there_stays_and_what_does_not_is_not_begun():
    """0.48 a year: 9 % over the edge, less than the margin of 20 % in both directions."""
    assert not stocked(0, 0.04, hits=True)
    assert stocked(1, 0.04, hits=False)


def test_vital_parts_of_a_dc_stay_and_ended_ones_go():
    assert stocked(0, 0.01, hits=True, criticality="vital")
    assert not stocked(3, 5.0, hits=False, why="ended")


def test_the_other_rule_is_told_with_the_money_of_a_year():
    plan = night(
        params=ECONOMICS,
        forecasts=[{"part_id": "P", "mean_per_period": 0.1}],
        classes=[{"site_id": "DC1", "part_id": "P", "is_stocked": False, "demands_per_year": 0.5}],
    )
    told = plan.exceptions[plan.exceptions["code"] == "stocking_differs"].iloc[0]
    assert told["what"].startswith("stocked by economics at 0.5 demands a year: a year costs")
    assert told["money"] > 0


def test_the_largest_differences_of_the_network_are_told_and_the_others_in_one_line():
    """25 parts of 10 to 250 that sell 0.12 a year and are stocked: the dearer, the more is lost."""
    costs = {f"P{10 * n:03}": 10.0 * n for n in range(1, 26)}
    given = {
        "forecasts": [{"part_id": name, "mean_per_period": 0.01} for name in costs],
        "parts": [{"part_id": name, "unit_cost": cost} for name, cost in costs.items()],
        "supply": [{"part_id": name, "unit_cost": cost} for name, cost in costs.items()],
    }
    told = night(params=with_params(tell_stocking=True), **given).exceptions
    told = told[told["code"] == "stocking_differs"]
    assert len(told) == 21
    assert set(told["part_id"]) == {"", *(name for name, cost in costs.items() if cost > 50)}
    others = told[told["part_id"] == ""].iloc[0]
    assert (others["site_id"], others["what"]) == ("", "5 more are stocked against the other rule")
    assert 0 < others["money"] < 5 * told["money"].drop(others.name).min()
    silent = night(params=with_params(tell_stocking=False, stocking_rule="economics"), **given)
    assert "stocking_differs" not in set(silent.exceptions["code"])


def test_a_fixed_price_of_emergencies_stocks_cheap_parts():
    """At 0.24 a year a piece of 10 does not pay by its price alone; with 30 for each emergency it does."""
    sells = {
        "forecasts": [{"part_id": "P", "mean_per_period": 0.02}],
        "classes": [{"site_id": "DC1", "part_id": "P", "is_stocked": False}],
    }
    by_price = night(params=ECONOMICS, **sells).levels["is_stocked"].tolist()
    with_freight = with_params(stocking_rule="economics", emergency_cost_fixed=30.0)
    assert (by_price, night(params=with_freight, **sells).levels["is_stocked"].tolist()) == ([False], [True])


def test_an_unknown_rule_is_refused():
    with pytest.raises(SettingsError, match="stocking_rule is 'both'; it must be one of hits, economics"):
        with_params(stocking_rule="both")
