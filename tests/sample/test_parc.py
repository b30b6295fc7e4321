"""Cars on the road and what they need."""

from __future__ import annotations

from partsopt.sample import make_sample


def test_every_model_of_the_plan_is_on_the_road_everywhere():
    tables = make_sample(n_dcs=1, n_dealers=4, n_parts=400, n_months=6, seed=1)
    plan, parc = tables["maintenance_plan"], tables["vehicle_parc"]
    assert len(plan) > 20
    assert set(plan["model_id"]) <= set(parc["model_id"])
    assert set(parc["site_id"]) == {"D001", "D002", "D003", "D004"}
    assert (parc["registered_month"].dt.day == 1).all()


def test_oil_filters_are_changed_every_10000_km_or_yearly():
    tables = make_sample(n_dcs=1, n_dealers=4, n_parts=400, n_months=6, seed=1)
    rows = tables["maintenance_plan"].merge(tables["parts"], on="part_id")
    oil = rows[rows["description"].str.contains("Oil filter")]
    assert set(oil["every_km"]) == {10_000.0}
    assert set(oil["every_months"]) == {12.0}
