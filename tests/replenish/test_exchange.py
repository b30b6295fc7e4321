"""The exchange curve of a night: within the rooms of its sites, and tonight's levels on it."""

import numpy as np
import pytest

from partsopt.replenish.orders import replenish_sites
from partsopt.replenish.service import expected_shortfall
from tests.replenish.network import PARAMS, TODAY, tables, with_params

FORECASTS = [
    {"site_id": site, "part_id": f"P{i}", "mean_per_period": share * (3.0 + i)}
    for i in range(4)
    for site, share in (("DC1", 1.0), ("D01", 0.5), ("D02", 0.3))
]
AT_DC = [row for row in FORECASTS if row["site_id"] == "DC1"]
PIECES = [{"part_id": f"P{i}", "volume_m3": 0.1 + 0.3 * (i % 3)} for i in range(4)]


def night_with(at_dc=None, at_dealer=None, params=PARAMS, forecasts=FORECASTS, **given):
    sites = [
        {"site_id": "DC1", "site_kind": "dc", "storage_m3": at_dc},
        {"site_id": "D01", "site_kind": "dealer", "supplied_by": "DC1", "storage_m3": at_dealer},
        {"site_id": "D02", "site_kind": "dealer", "supplied_by": "DC1"},
    ]
    given = tables(forecasts=forecasts, parts=PIECES, sites=sites, **given)
    return replenish_sites(**given, today=TODAY, period="month", params=params, with_curve=True)


def scope_of(plan, name="network"):
    """Tonight's row of a scope, and its points."""
    rows = plan.exchange_curve[plan.exchange_curve["scope"] == name]
    [here] = rows[rows["is_here"]].to_dict("records")
    return here, rows[~rows["is_here"]].reset_index(drop=True)


def worth(levels):
    return float((levels["order_up_to_level"] * levels["unit_cost"]).sum())


@pytest.mark.parametrize("at_dc", [None, 2.4])
def test_you_are_here_with_the_money_and_the_service_of_the_levels(at_dc):
    plan = night_with(at_dc, forecasts=AT_DC, params=with_params(system_weights={"units": 1.0}))
    for scope in ("network", "DC1"):
        here, points = scope_of(plan, scope)
        assert here["money"] == pytest.approx(worth(plan.levels))
        pieces = plan.levels["mean_over_protection"] / plan.levels["protection_days"]
        served = float((plan.levels["promised_fill_rate"] * pieces).sum() / pieces.sum())
        assert here["service"] == pytest.approx(served)
        assert np.interp(here["money"], points["money"], points["service"]) >= served - 1e-9


def test_tonights_levels_over_the_network_lie_on_the_curve_of_their_rooms():
    rule = {"target_rule": "system", "system_scope": "network", "network_service_target": 0.9}
    plan = night_with(1.6, 3.0, params=with_params(**rule))
    here, points = scope_of(plan)
    assert here["service"] == pytest.approx(plan.levels["service_target"].iloc[0])
    assert here["money"] == pytest.approx(plan.solver_runs["objective"].iloc[0])
    assert here["service"] <= here["bound"]
    assert np.interp(here["money"], points["money"], points["service"]) == pytest.approx(here["service"], abs=0.01)


def test_room_stops_service_where_money_does_not():
    free, bound = night_with(), night_with(1.6, 1.0)
    _, points = scope_of(free)
    assert set(points["stopped_by"]) == {"money", "levels"}
    assert points["stopped_by"].iloc[-1] == "levels"
    assert points["room_takes"].max() < 1e-9
    assert (points["full_sites"] == 0).all()
    _, within = scope_of(bound)
    last = within.iloc[-1]
    assert last["stopped_by"] == "room"
    assert last["full_site_id"] in {"DC1", "D01"}
    assert last["service_per_m3"] > 0
    assert last["service_per_money"] == 0
    assert last["service"] < points["service"].iloc[-1]
    anywhere = np.interp(last["money"], points["money"], points["service"])
    assert last["room_takes"] == pytest.approx(anywhere - last["bound"], abs=1e-4)
    assert (within["bound"] >= within["service"] - 1e-12).all()
    assert within["room_takes"].is_monotonic_increasing


def test_a_dealers_other_parts_keep_their_room():
    """D01 buys P1 and P2 itself: of its cubic metre the curve of DC1 leaves them what their levels take."""
    direct = [{"part_id": f"P{i}"} for i in range(4)] + [{"site_id": "D01", "part_id": f"P{i}"} for i in (1, 2)]
    wide, narrow = night_with(None, 9.0, supply=direct), night_with(None, 3.8, supply=direct)
    assert (narrow.levels["room_cut"] == 0).all()
    assert scope_of(wide, "DC1")[1]["full_sites"].max() == 0
    assert scope_of(narrow, "DC1")[1]["full_site_id"].iloc[-1] == "D01"


def test_what_customers_are_owed_falls_as_money_rises():
    plan = night_with(forecasts=AT_DC)
    here, points = scope_of(plan)
    assert (np.diff(points["owed"]) <= 1e-9).all()
    levels = plan.levels[plan.levels["order_up_to_level"] > 0]
    short = expected_shortfall(levels["order_up_to_level"].to_numpy(), levels["mean_over_protection"].to_numpy(), 1.0)
    assert here["owed"] == pytest.approx(float((short * levels["unit_cost"]).sum()))


def test_a_planners_level_stands_at_every_point():
    fixed = [{"site_id": "DC1", "part_id": "P3", "order_up_to_level": 9, "note": "fair"}]
    plan = night_with(forecasts=[row for row in AT_DC if row["part_id"] == "P3"], fixed_levels=fixed)
    here, points = scope_of(plan)
    assert points["money"].tolist() == [90.0]
    assert here["service"] == pytest.approx(points["service"].iloc[0])
