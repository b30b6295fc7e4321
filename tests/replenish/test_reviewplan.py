"""T and review days inside stage 4: the planner's calendar, by cost, by class."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from partsopt.errors import SettingsError
from partsopt.replenish.levels import levels_reaching
from partsopt.replenish.orders import replenish_sites
from partsopt.replenish.reviewcost import pair_costs
from partsopt.replenish.service import level_for_fill_rate
from partsopt.settings import settings_from
from tests.replenish.network import TODAY, night, tables, with_params

FORECASTS = [{"part_id": f"P{i}", "mean_per_period": 2.0 + i} for i in range(6)]
SUPPLY = [{"part_id": f"P{i}", "order_cost": 20.0} for i in range(6)]
WEEKLY = {"A": 7, "B": 7, "C": 14}


def planned(calendar, today=TODAY, **settings):
    params = with_params(dc_review_period_days=WEEKLY, dealer_review_period_days=WEEKLY, **settings)
    return night(today=today, params=params, forecasts=FORECASTS, supply=SUPPLY, review_calendar=calendar)


def row(**given):
    return {"site_id": "DC1", "source_id": "MAKER", "starts_on": "2026-11-02", **given}


@pytest.mark.parametrize("settings", [{}, {"review_rule": "cost"}, {"level_review_days": False}])
def test_the_planners_days_win(settings):
    """Thursdays of every other week from 2 November: the 5th, then the 19th, whatever else is set."""
    out = planned([row(weekdays="Thu", every_weeks=2)], **settings)
    assert set(out.levels["reviewed_on"]) == {pd.Timestamp("2026-11-05")}
    assert set(out.levels["next_review_on"]) == {pd.Timestamp("2026-11-19")}
    assert set(out.review_days["set_by"]) == {"planner"}
    assert out.exceptions.empty


def test_several_days_a_week_and_days_counted_from_a_date():
    out = planned([row(weekdays="Mon, Thu")])
    assert set(out.levels["review_period_days"]) == {3.0}
    out = planned([row(every_days=10, starts_on="2026-10-26")])  # 5 November, 15 November is a Sunday
    assert set(out.levels["reviewed_on"]) == {pd.Timestamp("2026-11-05")}
    assert set(out.levels["next_review_on"]) == {pd.Timestamp("2026-11-16")}


def test_a_row_of_a_class_wins_over_that_of_all():
    out = planned([row(weekdays="Tue"), row(weekdays="Fri", abc_class="A")])
    assert set(out.levels["reviewed_on"]) == {pd.Timestamp("2026-11-06")}


def test_a_row_that_names_nothing_is_told():
    out = planned([row(weekdays="Tue", source_id="MAKR"), row(weekdays="Fri", abc_class="B")])
    assert set(out.exceptions["code"]) == {"calendar_unmatched"}
    assert out.exceptions["what"].tolist() == [
        "class B from MAKER: no part is bought so",
        "class any from MAKR: no part is bought so",
    ]


@pytest.mark.parametrize("rule", ["class", "cost"])
def test_the_days_of_a_night_keep_them_as_the_planners(rule):
    """What review_days says, given back as review_calendar, gives the same reviews on every day of five weeks."""
    calendar = planned([], review_rule=rule).review_days
    kept = calendar[["site_id", "source_id", "abc_class", "starts_on", "weekdays", "every_weeks", "every_days"]]
    for ahead in (0, 1, 4, 12, 33):
        today = TODAY + timedelta(days=ahead)
        free = planned([], today, review_rule=rule).levels
        fixed = planned(kept.to_dict("records"), today).levels
        assert free["reviewed_on"].tolist() == fixed["reviewed_on"].tolist()
        assert free["next_review_on"].tolist() == fixed["next_review_on"].tolist()


def test_t_by_cost_is_shorter_where_orders_are_cheap():
    dear = planned([], review_rule="cost", order_cost={"dc": 500.0, "dealer": 0.0})
    cheap = planned([], review_rule="cost", order_cost={"dc": 0.0, "dealer": 0.0}, holding_rate_per_year=50.0)
    assert set(dear.review_days["review_period_days"]) == {28.0}
    assert cheap.review_days["review_period_days"].max() <= 7.0
    assert set(dear.review_days["set_by"]) == {"cost"}


def test_order_lines_a_day_bound_the_choice_of_t():
    """Without a bound lines are cheap and T is short; half the lines a day are kept, and what they cost is said."""
    settings = {"review_rule": "cost", "order_cost": {"dc": 1.0, "dealer": 1.0}, "holding_rate_per_year": 9.0}
    supply = [{"part_id": f"P{i}", "source_id": f"M{i % 3}"} for i in range(6)]
    params = with_params(**settings)
    free = night(params=params, forecasts=FORECASTS, supply=supply).review_days["lines_per_day"].sum()
    site = {"site_id": "DC1", "site_kind": "dc", "order_lines_per_day": free * 0.7}
    bound = night(params=params, forecasts=FORECASTS, supply=supply, sites=[site])
    assert bound.review_days["lines_per_day"].sum() <= free * 0.7
    [run] = bound.solver_runs.to_dict("records")
    assert run["name"] == "review periods of DC1"
    assert run["objective"] >= run["bound"] - 1e-6
    assert "would cost least" in run["why"]
    assert "lines_over_capacity" not in set(bound.exceptions["code"])


def test_lines_that_a_source_takes_bound_its_t_alone():
    """M0 takes 70 % of the lines a day that would cost least, the others any number."""
    params = with_params(review_rule="cost", order_cost={"dc": 1.0, "dealer": 1.0}, holding_rate_per_year=9.0)
    supply = [{"part_id": f"P{i}", "source_id": f"M{i % 3}"} for i in range(6)]
    free = night(params=params, forecasts=FORECASTS, supply=supply).review_days
    free = free.groupby("source_id")["lines_per_day"].sum()
    limited = [row | {"source_lines_per_day": free["M0"] * 0.7} if row["source_id"] == "M0" else row for row in supply]
    bound = night(params=params, forecasts=FORECASTS, supply=limited)
    lines = bound.review_days.groupby("source_id")["lines_per_day"].sum()
    assert lines["M0"] <= free["M0"] * 0.7
    assert lines[["M1", "M2"]].tolist() == pytest.approx(free[["M1", "M2"]].tolist())
    assert "lines_over_capacity" not in set(bound.exceptions["code"])


@pytest.mark.parametrize("rule", ["class", "cost"])
def test_more_lines_than_a_source_takes_are_told(rule):
    supply = [row | {"source_lines_per_day": 0.01} for row in SUPPLY]
    out = night(params=with_params(review_rule=rule), forecasts=FORECASTS, supply=supply)
    told = out.exceptions[out.exceptions["code"] == "lines_over_capacity"]
    assert set(told["site_id"]) == {"DC1"}
    assert told["what"].str.fullmatch(r"[\d.]+ order lines a day expected to \w+, which takes 0\.01").all()
    assert len(told) == len({row.get("source_id", "MAKER") for row in SUPPLY})


@pytest.mark.parametrize("rule", ["class", "cost"])
def test_more_lines_than_a_site_can_handle_are_told(rule):
    site = {"site_id": "DC1", "site_kind": "dc", "order_lines_per_day": 0.01}
    out = night(params=with_params(review_rule=rule), forecasts=FORECASTS, supply=SUPPLY, sites=[site])
    [told] = out.exceptions[out.exceptions["code"] == "lines_over_capacity"].to_dict("records")
    assert told["site_id"] == "DC1"
    assert told["what"].endswith("order lines a day expected, 0.01 can be handled")


def test_level_days_differ_from_hashed_ones_where_days_are_full():
    """Twenty sources of one DC, a week away: no day gets more than its share and one source's lines."""
    forecasts = [{"part_id": f"P{i:02d}", "mean_per_period": 9.0} for i in range(20)]
    supply = [{"part_id": f"P{i:02d}", "source_id": f"M{i:02d}", "lead_time_days": 7.0} for i in range(20)]

    def busiest(is_level):
        params = with_params(dc_review_period_days=WEEKLY, level_review_days=is_level)
        days = night(params=params, forecasts=forecasts, supply=supply).review_days
        return int(np.max(days.groupby("weekdays")["parts"].sum()))

    assert busiest(is_level=True) in (4, 5)
    assert busiest(is_level=False) > 5


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("review_rule", "price", "one of class, cost"),
        ("order_cost", {"dc": -1.0}, r"order_cost\.dc is -1\.0; it must be 0 or more"),
        ("order_line_cost", {"dealer": -0.5}, r"order_line_cost\.dealer is -0\.5; it must be 0 or more"),
    ],
)
def test_bad_settings_are_refused(key, value, text):
    with pytest.raises(SettingsError, match=text):
        settings_from({"replenish": {key: value}})


KEY = ["site_id", "source_id", "abc_class", "weekdays", "every_weeks", "every_days"]


@pytest.mark.parametrize("rule", ["class", "cost"])
def test_days_stay_as_they_were_when_parts_and_sources_come_and_go(rule):
    """Thirty sources of very different size; a month later six have doubled, three are gone and five are new."""
    params = with_params(dc_review_period_days=WEEKLY, review_rule=rule)

    def days_of(numbers, factor, last=None):
        forecasts = [
            {"part_id": f"P{i:02d}", "mean_per_period": (1.0 + i % 7) * (factor if i < 6 else 1)} for i in numbers
        ]
        supply = [{"part_id": f"P{i:02d}", "source_id": f"M{i:02d}", "lead_time_days": 7.0} for i in numbers]
        given = tables(forecasts=forecasts, supply=supply)
        more = {} if last is None else {"last_review_days": last}
        return replenish_sites(**given, today=TODAY, period="month", params=params, **more).review_days

    before = days_of(range(30), 1.0)
    after = days_of(range(3, 35), 2.0, before)
    old = before[before["source_id"].isin(after["source_id"])]
    # by cost a T may change with demand, and takes its days anew
    same_t = old.merge(after[["source_id", "abc_class", "review_period_days"]].drop_duplicates())
    kept = same_t.merge(after[KEY])
    assert len(kept) == len(same_t) >= 25


def test_days_are_placed_anew_where_a_dock_has_grown_lopsided():
    """All sources were reviewed on Mondays: only what half as much again as a mean day takes stays there."""
    params = with_params(dc_review_period_days=WEEKLY)
    forecasts = [{"part_id": f"P{i:02d}", "mean_per_period": 9.0} for i in range(20)]
    supply = [{"part_id": f"P{i:02d}", "source_id": f"M{i:02d}", "lead_time_days": 7.0} for i in range(20)]
    given = tables(forecasts=forecasts, supply=supply)
    plan = replenish_sites(**given, today=TODAY, period="month", params=params)
    mondays = plan.review_days.assign(weekdays="Mon")
    after = replenish_sites(**given, today=TODAY, period="month", params=params, last_review_days=mondays).review_days
    assert after.groupby("weekdays")["parts"].sum().max() == 6  # 20 / 5 * 1.5
    off = with_params(dc_review_period_days=WEEKLY, keep_review_days=False)
    anew = replenish_sites(**given, today=TODAY, period="month", params=off, last_review_days=mondays).review_days
    pd.testing.assert_frame_equal(anew, plan.review_days)


def test_t_by_cost_is_weighed_with_the_levels_of_the_night():
    """A dealer whose DC always owes needs more stock: the costs are of the levels that the night sets at that T."""
    forecasts = [{"site_id": site, "part_id": "P1", "mean_per_period": 6.0} for site in ("D01", "DC1")]
    params = with_params(review_rule="cost", dc_service_target={"A": 0.5, "B": 0.5, "C": 0.5})
    given = tables(forecasts=forecasts)
    pairs_seen = []

    def weighed(demand_at, target, holding, measure):
        part, delay = demand_at(7.0)
        pairs_seen.append((levels_reaching(target, part, delay), delay.mean.copy()))
        return pair_costs(demand_at, target, holding, measure)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("partsopt.replenish.reviewplan.pair_costs", weighed)
        replenish_sites(**given, today=TODAY, period="month", params=params)
    at_dc, at_dealer = pairs_seen
    assert at_dc[1].tolist() == [0.0]
    assert at_dealer[1][0] > 0
    free = level_for_fill_rate([0.95], [[6 * 12 / 365.25 * 4]], [[6 * 12 / 365.25 * 11]], [1.0])
    assert at_dealer[0][0] > free[0]


def test_assumed_order_costs_are_told_and_given_ones_count():
    forecasts = [{"part_id": f"P{i}", "mean_per_period": 9.0} for i in range(3)]
    assumed = night(params=with_params(review_rule="cost"), forecasts=forecasts)
    [told] = assumed.exceptions[assumed.exceptions["code"] == "order_cost_assumed"].to_dict("records")
    assert told["what"] == "dcs: 1 of 1 sources are taken to cost 50 an order, 3 of 3 parts 5 a line"
    assert told["money"] > 0
    assert "order_cost_assumed" not in set(night(forecasts=forecasts).exceptions["code"])

    def given_costs(shared):
        supply = [{"part_id": f"P{i}", "order_cost": 0.01, "shared_order_cost": shared} for i in range(3)]
        return night(params=with_params(review_rule="cost"), forecasts=forecasts, supply=supply)

    dear, cheap = given_costs(5000.0), given_costs(0.0)
    assert "order_cost_assumed" not in set(dear.exceptions["code"])
    assert set(dear.review_days["review_period_days"]) == {28.0}
    assert cheap.review_days["review_period_days"].max() < 3.0
