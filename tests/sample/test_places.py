"""Sites: dealers belong to the nearest DC."""

from __future__ import annotations

import math

import pytest

from partsopt.sample.places import choose_places
from tests.reference import haversine_km


@pytest.mark.parametrize(("n_dcs", "n_dealers"), [(1, 1), (3, 12), (3, 150), (10, 1200)])
def test_every_dealer_is_supplied_by_the_nearest_dc(n_dcs: int, n_dealers: int):
    sites = choose_places(n_dcs, n_dealers, seed=1).frame.set_index("site_id")
    dcs = sites[sites["site_kind"] == "dc"]
    assert len(dcs) == n_dcs
    assert len(sites) == n_dcs + n_dealers
    for _, dealer in sites[sites["site_kind"] == "dealer"].head(60).iterrows():
        far = {
            name: haversine_km(dealer["latitude"], dealer["longitude"], dc["latitude"], dc["longitude"])
            for name, dc in dcs.iterrows()
        }
        assert math.isclose(far[dealer["supplied_by"]], min(far.values()), rel_tol=1e-6)


def test_the_first_dcs_are_beijing_shanghai_and_foshan():
    sites = choose_places(3, 12, seed=5).frame
    assert sorted(sites.loc[sites["site_kind"] == "dc", "site_id"]) == ["DC-BJ", "DC-FS", "DC-SH"]


def test_a_large_city_has_several_dealers_at_different_spots():
    sites = choose_places(3, 150, seed=1).frame
    shanghai = sites[sites["name"].str.contains("Shanghai ") & sites["site_kind"].eq("dealer")]
    assert len(shanghai) >= 2
    assert not shanghai.duplicated(["latitude", "longitude"]).any()


def test_dealers_are_numbered_to_sort_well():
    assert choose_places(1, 1200, seed=1).frame["site_id"].iloc[0] == "D0001"


def test_opening_hours_vary():
    sites = choose_places(3, 150, seed=1).frame
    assert len(set(sites["opens_at"])) >= 3
    assert len(set(sites["closes_at"])) >= 3
