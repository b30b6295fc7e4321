"""Input that leaves nothing to plan: each is refused by name, or each line is left out with its reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from partsopt.errors import InputError
from tests.routing.nights import MONDAY, at, leg, line, night, plan, site, van

ROADS = [*leg("DC", "D1", 30, 40), *leg("DC", "D2", 20, 30), *leg("D1", "D2", 15, 20)]
DAY: dict[str, Any] = {
    "sites": [site("DC", "dc"), site("D1"), site("D2")],
    "travel": ROADS,
    "vehicles": [van()],
    "shipments": [line("A/1", "D1"), line("B/1", "D2")],
}


def whys(days: int = 3, **tables: Any) -> list[str]:
    """The reasons of some days planned together of which no line is carried."""
    found = plan(night(**{**DAY, **tables}), stock_within_working_days=days).delivery_lines
    assert found["carried_by"].eq("unserved").all()
    return list(found["unserved_because"])


def test_a_depot_without_a_vehicle_says_so_of_every_line():
    assert whys(vehicles=[]) == [f"no carrier lane from DC to {dealer}; DC has no vehicle" for dealer in ("D1", "D2")]


def test_a_depot_closed_for_good_is_refused_by_its_calendar():
    closed = [
        {"calendar": "SHUT", "day": pd.Timestamp(MONDAY) + timedelta(days=ahead), "is_working": False}
        for ahead in range(70)
    ]
    sites = [site("DC", "dc", calendar="SHUT"), site("D1"), site("D2")]
    with pytest.raises(InputError, match="calendar SHUT has no working day within 60 days of 2026-11-02"):
        plan(night(**{**DAY, "sites": sites, "holidays": closed}))


def test_demand_over_every_capacity_says_by_how_much():
    heavy = [line("A/1", "D1", kg=1200.0), line("B/1", "D2", kg=5000.0)]
    assert whys(shipments=heavy) == [
        ("no carrier lane from DC to D1; 1200 kg is 200 kg over the largest vehicle (V1, 1000 kg)"),
        ("no carrier lane from DC to D2; 5000 kg is 4000 kg over the largest vehicle (V1, 1000 kg)"),
    ]


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"shipments": [line("A/1", "D9")]}, r"shipments.destination_id names D9, which is no site_id of sites"),
        ({"shipments": [line("A/1", "D1", origin_id="D9")]}, r"shipments.origin_id names D9, which is no site_id"),
        ({"vehicles": [van(depot_id="D9")]}, r"vehicles.depot_id names D9, which is no site_id of sites"),
        (
            {"shipments": [line(f"A/{k}", f"X{k}") for k in range(1, 6)]},
            r"destination_id names X1, X2, X3 and 2 more, which is no site_id of sites; add the site or correct the row",
        ),
    ],
)
def test_an_unknown_dealer_is_refused_by_name(tables: dict[str, Any], said: str):
    with pytest.raises(InputError, match=said):
        plan(night(**{**DAY, **tables}))


def test_a_hole_in_the_matrix_is_refused_by_its_pair():
    """Nothing leads from D1 to D2: estimated by default, refused by name where the table is said to be whole."""
    roads = [*leg("DC", "D1", 30, 40), *leg("DC", "D2", 20, 30), *leg("D2", "D1", 15, 20)[:1]]
    tables = night(**{**DAY, "travel": roads})
    assert plan(tables).exceptions["what"].tolist() == ["1 of 6 pairs of sites estimated by great circle"]
    with pytest.raises(InputError, match=r"travel has no row from D1 to D2, and routing.estimate_travel is false"):
        plan(tables, estimate_travel=False)
    assert plan(night(**DAY), estimate_travel=False).delivery_lines["carried_by"].eq("vehicle").all()


def test_a_release_after_the_last_wave_says_when_it_is_packed():
    """Placed at 17:00, packed three opening hours later: tomorrow. Placed at 14:45: today, but too late to go.

    Both go tomorrow where tomorrow is planned with today.
    """
    late = [
        line("A/1", "D1", "urgent", placed_at=at("17:00")),
        line("B/1", "D2", "urgent", placed_at=at("14:45")),
    ]
    assert whys(days=1, shipments=late) == [
        (
            "no carrier lane from DC to D1; packed only at Tue 2026-11-03 10:00, after the day that is planned "
            "(Mon 2026-11-02)"
        ),
        (
            "no carrier lane from DC to D2; packed at 17:45, 15 minutes too late: V1 would reach it 15 minutes after it "
            "closes at 18:00"
        ),
    ]
    together = plan(night(**{**DAY, "shipments": late})).delivery_lines
    assert together["carried_by"].eq("vehicle").all()
    assert together["leaves_on"].eq(pd.Timestamp(MONDAY) + timedelta(days=1)).all()


def test_a_window_that_closes_before_it_opens_leaves_its_dealer_out_and_no_other():
    """The reader refuses such a row (rules_between_columns); a caller of the stage still gets a reason, not a fault."""
    tables = night(**DAY)
    tables["sites"] = tables["sites"].assign(
        closes_at=tables["sites"]["closes_at"].where(~tables["sites"]["site_id"].eq("D1"), 300)
    )
    found = plan(tables).delivery_lines.set_index("line_id")
    assert found.loc["B/1", "carried_by"] == "vehicle"
    assert "after it closes at 05:00" in found.loc["A/1", "unserved_because"]
