"""Levels by class and all together, inside stage 4."""

import numpy as np
import pytest

from partsopt.errors import SettingsError
from partsopt.replenish.service import mean_owed
from partsopt.replenish.stocking import stocking_costs
from partsopt.settings import ReplenishParams, settings_from
from tests.replenish.network import night, with_params

FORECASTS = [
    {"part_id": "P1", "mean_per_period": 4.0},
    {"part_id": "P2", "mean_per_period": 0.5, "variance_to_mean": 3.0},
]
PARTS = [{"part_id": "P1", "unit_cost": 1.0}, {"part_id": "P2", "unit_cost": 100.0}]
SUPPLY = [{"part_id": "P1", "unit_cost": 1.0}, {"part_id": "P2", "unit_cost": 100.0}]


def together(**settings):
    return night(params=with_params(target_rule="system", **settings), parts=PARTS, forecasts=FORECASTS, supply=SUPPLY)


def test_money_goes_to_the_cheap_part():
    """With lines as the only weight, the cheap part gets nearly all of the service and the dear one little."""
    weights = {"lines": 0.0, "units": 1.0, "value": 0.0, "criticality": 0.0}
    out = together(system_weights=weights, system_service_target={"dc": 0.9, "dealer": 0.9})
    fill = out.levels.set_index("part_id")["promised_fill_rate"]
    assert fill["P1"] > 0.95 > fill["P2"]
    assert (4 * fill["P1"] + 0.5 * fill["P2"]) / 4.5 >= 0.9
    run = out.solver_runs.iloc[0]
    assert run["name"] == "levels of the dcs"
    assert run["status"] == "optimal"
    assert (out.levels["service_target"] >= 0.9).all()


def test_levels_keep_within_the_budget():
    out = together(system_budget={"dc": 308.0, "dealer": 0.0})
    worth = (out.levels["order_up_to_level"] * out.levels["unit_cost"]).sum()
    assert 295.0 < worth <= 308.0


def test_a_budget_pays_for_what_is_owed_too():
    """Levels and what is expected to be owed at the end of a cycle cost no more than it; levels alone may cost it all."""
    stock = together(system_budget={"dc": 308.0, "dealer": 0.0})
    alone = together(system_budget={"dc": 308.0, "dealer": 0.0}, budget_counts="levels")

    def of(out) -> tuple[float, float]:
        level, mean = (out.levels[name].to_numpy() for name in ("order_up_to_level", "mean_over_protection"))
        owed = mean_owed(level, np.ones(len(level)), mean, out.levels["sd_over_protection"].to_numpy() ** 2 / mean)
        return float(level @ out.levels["unit_cost"]), float(owed @ out.levels["unit_cost"])

    worth, owed = of(stock)
    assert 295.0 < worth + owed <= 308.0
    assert of(alone)[0] > worth
    assert "for what is owed" in stock.solver_runs["why"].iloc[0]


def test_floor_and_cap_of_a_class_hold():
    """Both parts are class A: no less than 97 %, and no level above what 97 % needs."""
    by_class = {"A": 0.97, "B": 0.97, "C": 0.97}
    out = together(fill_rate_floor=by_class, fill_rate_cap=by_class, system_service_target={"dc": 0.5, "dealer": 0.5})
    plain = night(params=with_params(dc_service_target=by_class), parts=PARTS, forecasts=FORECASTS, supply=SUPPLY)
    assert out.levels["order_up_to_level"].tolist() == plain.levels["order_up_to_level"].tolist()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"system_budget": {"dc": 5.0}},
            r"a budget of 5\.00 does not pay the lowest levels allowed, which cost 110\.31",
        ),
        ({"system_service_target": {"dc": 0.99999}}, "cannot be reached: the highest levels allowed give"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(settings, text):
    whole = {key: {"dealer": 0.0 if key == "system_budget" else 0.5, **value} for key, value in settings.items()}
    with pytest.raises(SettingsError, match=text):
        together(**whole)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("system_service_target", {"dc": 1.0}, r"system_service_target\.dc is 1\.0; it must be above 0 and below 1"),
        ("dc_service_target", {"A": 1.0}, r"dc_service_target\.A is 1\.0; it must be above 0 and below 1"),
        ("holding_rate_per_year", -0.1, r"holding_rate_per_year is -0\.1; it must be 0 or more"),
        ("dc_review_period_days", {"A": 0}, r"dc_review_period_days\.A is 0; it must be between 1 and 365"),
        ("fill_rate_floor", {"B": 0.99995}, r"fill_rate_floor\.B is 0\.99995; it must be at most the class's cap"),
        ("system_budget", {"dc": -1.0}, r"system_budget\.dc is -1\.0; it must be 0 or more"),
        ("system_weights", {"lines": 0.0, "value": 0.0}, "it must be above 0 for one"),
        ("system_weights", {"sales": 1.0}, "system_weights.sales is not a setting"),
        ("target_rule", "sum", "one of class, system"),
    ],
)
def test_bad_settings_are_refused(key, value, text):
    with pytest.raises(SettingsError, match=text):
        settings_from({"replenish": {key: value}})


def test_the_system_needs_the_fill_rate():
    with pytest.raises(SettingsError, match=r"fill_rate where replenish\.target_rule is system"):
        ReplenishParams(target_rule="system", service_measure="cycle_service_level")


def test_a_night_draws_no_curve():
    assert len(together().exchange_curve) == 0


def test_stocking_that_does_not_pay_is_told_with_its_money():
    """P1 sells 48 a year; P2 sells 0.12 a year and costs 100: keeping one costs some 20 a year and saves 6."""
    forecasts = [{"part_id": "P1", "mean_per_period": 4.0}, {"part_id": "P2", "mean_per_period": 0.01}]
    out = night(params=with_params(tell_stocking=True), parts=PARTS, forecasts=forecasts, supply=SUPPLY)
    told = out.exceptions[out.exceptions["code"] == "stocking_differs"]
    assert told["part_id"].tolist() == ["P2"]
    row = out.levels.set_index("part_id").loc["P2"]
    costs = stocking_costs([1], [0.12], [1.0], [row["review_period_days"]], [10], [100.0], 0.22, [50.0])
    assert row["order_up_to_level"] == 1
    assert told["money"].iloc[0] == pytest.approx(costs.stocked[0] - costs.not_stocked[0], rel=0.01)
    assert told["what"].iloc[0].startswith("stocked at 12.0 demands a year, though a year costs")


def test_a_night_is_silent_about_stocking_where_that_is_wished():
    out = night(
        params=with_params(tell_stocking=False),
        parts=PARTS,
        forecasts=[{"part_id": "P2", "mean_per_period": 0.01}],
        supply=SUPPLY,
    )
    assert "stocking_differs" not in set(out.exceptions["code"])
