from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from partsopt.errors import InputError, NoPlan
from partsopt.routing import plan as plan_module
from partsopt.tables import COLLECTIONS, DELIVERY_LINES, EXCEPTIONS, ROUTES, SOLVER_RUNS, STOPS, TIERS, conform
from tests.routing.nights import MONDAY, at, fate, lane, leg, line, night, plan, random_night, site, van

ROADS = [*leg("DC", "D1", 30, 40), *leg("DC", "D2", 20, 30), *leg("D1", "D2", 15, 20)]
SITES = [site("DC", "dc"), site("D1"), site("D2")]
TABLES = ("routes", "stops", "delivery_lines", "solver_runs", "exceptions")


def why(deliveries, line_id="A/1"):
    assert fate(deliveries, line_id)["carried_by"] == "unserved"
    return fate(deliveries, line_id)["unserved_because"]


def test_one_van_and_two_dealers_by_hand():
    """Packed at 10:00: D2 (or D1) first, 30 + 15 + 20 + 15 + 40 minutes, back at 12:00; 65 km, 100 + 65 + 60 money."""
    tables = night(sites=SITES, vehicles=[van()], travel=ROADS, shipments=[line("A/1", "D1"), line("B/1", "D2")])
    deliveries = plan(tables)
    route = deliveries.routes.iloc[0]
    assert (route["departs_at"], route["returns_at"]) == (at("10:00"), at("12:00"))
    assert (route["n_stops"], route["distance_m"], route["load_kg"], route["load_share"]) == (2, 65_000, 20.0, 0.02)
    assert route["cost"] == pytest.approx(100 + 65 + 60)
    assert route["route_id"] == "RT-20261102-DC-V1"
    stops = deliveries.stops.sort_values("position")
    assert sorted(stops["site_id"]) == ["D1", "D2"]
    assert stops["distance_m"].iloc[1] == 15_000
    assert stops["travel_min"].iloc[1] == 20
    assert deliveries.delivery_lines["carried_by"].tolist() == ["vehicle", "vehicle"]
    assert deliveries.delivery_lines["cost"].tolist() == [0.0, 0.0]
    assert deliveries.solver_runs["status"].tolist() == ["feasible"]
    assert deliveries.exceptions.empty


def test_parcels_of_one_dealer_are_one_stop():
    lines = [line("A/1", "D1"), line("A/2", "D1", "backorder"), line("A/3", "D1", "reservation")]
    tables = night(sites=SITES, vehicles=[van()], travel=ROADS, shipments=lines)
    stops = plan(tables).stops
    assert stops[["n_lines", "load_kg", "tier"]].to_numpy().tolist() == [[3, 30.0, "reservation"]]
    assert (stops["leaves_at"] - stops["starts_at"]).dt.total_seconds().tolist() == [900]


def test_a_stock_order_never_delays_a_super_urgent_one():
    """The only van leaves at 9:30 with the vor part; the stock order, packed at 10:00, stays."""
    lines = [line("A/1", "D1"), line("B/1", "D2", "vor", placed_at=at("07:00"))]
    deliveries = plan(night(sites=SITES, vehicles=[van()], travel=ROADS, shipments=lines))
    assert fate(deliveries, "B/1")["departs_at"] == at("09:30")
    assert fate(deliveries, "B/1")["arrives_at"] == at("10:00")
    waits = fate(deliveries, "A/1")
    assert (waits["carried_by"], waits["departs_at"], waits["waits"]) == ("vehicle", at("10:00", "2026-11-03"), True)
    assert waits["waits_because"] == "no vehicle has room and time for it on Mon 2026-11-02"


def test_a_stock_order_goes_along_where_the_promise_leaves_time():
    """The vor part is promised for noon: the van can wait for the stock wave at 10:00."""
    lines = [line("A/1", "D1"), line("B/1", "D2", "vor", placed_at=at("07:00"), deliver_by=at("12:00"))]
    deliveries = plan(night(sites=SITES, vehicles=[van()], travel=ROADS, shipments=lines))
    assert deliveries.delivery_lines["carried_by"].tolist() == ["vehicle", "vehicle"]
    assert not deliveries.delivery_lines["is_late"].any()


def test_the_second_trip_brings_what_was_packed_after_the_first_left():
    """Out 9:30 with the vor part, back 10:45, loaded 11:15: the stock order starts unloading at 11:55."""
    lines = [line("A/1", "D1"), line("B/1", "D2", "vor", placed_at=at("07:00"))]
    deliveries = plan(night(sites=SITES, vehicles=[van(max_trips=2)], travel=ROADS, shipments=lines))
    assert deliveries.routes["departs_at"].tolist() == [at("09:30"), at("11:15")]
    assert fate(deliveries, "A/1")["arrives_at"] == at("11:55")
    assert deliveries.routes["cost"].tolist() == pytest.approx([100 + 40 + 37.5, 60 + 47.5])


def test_the_cheaper_of_van_and_lane_is_taken():
    """The van costs 100 + 60 + 47.5; the lane 20 + 10, or 200 + 10."""
    tables = {"sites": SITES, "vehicles": [van()], "travel": ROADS, "shipments": [line("A/1", "D1")]}
    assert fate(plan(night(**tables, carrier_lanes=[lane("DC", "D1")])), "A/1")["carried_by"] == "lane"
    dear = [lane("DC", "D1", cost_fixed=200.0)]
    assert fate(plan(night(**tables, carrier_lanes=dear)), "A/1")["carried_by"] == "vehicle"


def test_what_no_van_can_bring_in_time_goes_by_lane():
    """The direct trip would return after the shift; the lane brings it tomorrow."""
    tables = night(
        sites=SITES,
        vehicles=[van(shift_end="11:00")],
        travel=ROADS,
        carrier_lanes=[lane("DC", "D1", cost_fixed=5000.0)],
        shipments=[line("A/1", "D1")],
    )
    found = fate(plan(tables), "A/1")
    assert (found["carried_by"], found["service"]) == ("lane", "road")
    assert (found["departs_at"], found["arrives_at"]) == (at("17:00"), at("08:00", "2026-11-03"))
    assert found["cost"] == pytest.approx(5010.0)


def test_a_van_in_time_comes_before_a_cheap_lane_that_is_late():
    tables = night(
        sites=SITES,
        vehicles=[van(fixed_cost=9000.0)],
        travel=ROADS,
        carrier_lanes=[lane("DC", "D1")],
        shipments=[line("A/1", "D1", "urgent", placed_at=at("07:00"), deliver_by=at("15:00"))],
    )
    assert fate(plan(tables), "A/1")["carried_by"] == "vehicle"


def test_a_late_lane_comes_before_nothing_and_is_named():
    tables = night(
        sites=SITES,
        carrier_lanes=[lane("DC", "D1")],
        shipments=[line("A/1", "D1", "urgent", placed_at=at("07:00"), deliver_by=at("15:00"))],
    )
    deliveries = plan(tables)
    assert fate(deliveries, "A/1")[["carried_by", "is_late"]].tolist() == ["lane", True]
    assert deliveries.exceptions[["code", "what"]].to_numpy().tolist() == [
        ["delivery_late", "urgent: arrives 17.0 h after its promise"],
    ]


def test_a_promise_a_lane_keeps_is_not_missed_by_a_van_that_costs_nothing():
    """Packed at 11:00 and 200 minutes away, the van is there at 14:20; the lane at 13:00, for 500."""
    tables = night(
        sites=[site("DC", "dc"), site("D1", opens_at="13:00")],
        vehicles=[van(fixed_cost=0.0, cost_per_km=0.0, cost_per_hour=0.0)],
        travel=leg("DC", "D1", 30, 200),
        carrier_lanes=[lane("DC", "D1", "noon", days=0, cost_fixed=500.0, cutoff_at="12:00")],
        shipments=[line("A/1", "D1", "urgent", placed_at=at("07:00"), deliver_by=at("14:00"))],
    )
    found = fate(plan(tables), "A/1")
    assert (found["carried_by"], found["arrives_at"]) == ("lane", at("13:00"))


def test_a_dealer_beyond_the_radius_goes_by_lane_where_there_is_one():
    tables = {"sites": SITES, "vehicles": [van(fixed_cost=0.0, cost_per_km=0.0, cost_per_hour=0.0)], "travel": ROADS}
    lines = [line("A/1", "D1"), line("B/1", "D2")]
    lanes = [lane("DC", "D1", cost_fixed=900.0)]
    deliveries = plan(night(**tables, shipments=lines, carrier_lanes=lanes), own_vehicle_radius_km=10.0)
    assert deliveries.delivery_lines["carried_by"].tolist() == ["lane", "vehicle"]


def test_a_dealer_closed_on_the_day_is_not_visited():
    holiday = [{"calendar": "CLOSED", "day": pd.Timestamp(MONDAY), "is_working": False}]
    sites = [site("DC", "dc"), site("D1", calendar="CLOSED")]
    tables = {"sites": sites, "vehicles": [van()], "travel": ROADS[:2], "shipments": [line("A/1", "D1")]}
    said = why(plan(night(**tables, holidays=holiday), stock_within_working_days=1))
    assert said == "no carrier lane from DC to D1; D1 is closed on Mon 2026-11-02 (calendar CLOSED)"
    waits = fate(plan(night(**tables, holidays=holiday)), "A/1")
    assert (waits["departs_at"], waits["leaves_on"]) == (at("10:00", "2026-11-03"), pd.Timestamp("2026-11-03"))
    assert waits["waits_because"] == "D1 is closed on Mon 2026-11-02"
    lanes = [lane("DC", "D1", cost_fixed=900.0)]
    by_lane = plan(night(**tables, holidays=holiday, carrier_lanes=lanes), stock_within_working_days=1)
    assert fate(by_lane, "A/1")["carried_by"] == "lane"


def test_on_a_closed_day_of_the_dc_its_next_working_day_is_planned():
    tables = night(sites=SITES, vehicles=[van()], travel=ROADS, shipments=[line("A/1", "D1")])
    deliveries = plan(tables, today=date(2026, 10, 31))
    assert deliveries.routes["departs_at"].tolist() == [at("10:00")]
    assert deliveries.routes["route_id"].tolist() == ["RT-20261102-DC-V1"]


def test_a_make_up_working_day_is_planned():
    saturday = [{"calendar": "CN", "day": pd.Timestamp("2026-10-31"), "is_working": True}]
    tables = night(sites=SITES, vehicles=[van()], travel=ROADS, shipments=[line("A/1", "D1")], holidays=saturday)
    assert plan(tables, today=date(2026, 10, 31)).routes["departs_at"].tolist() == [at("10:00", "2026-10-31")]


@pytest.mark.parametrize(
    ("vehicle", "shipment", "reason"),
    [
        (None, {}, "DC has no vehicle"),
        (
            {"capacity_kg": 5.0},
            {},
            "10 kg is 5 kg over the largest vehicle (V1, 5 kg)",
        ),
        (
            {"capacity_m3": 0.004},
            {},
            "0.01 m3 is 0.006 m3 over the largest vehicle (V1, 0.004 m3)",
        ),
        (
            {"shift_end": "11:00"},
            {},
            (
                "packed at 10:00, 35 minutes too late: a direct trip of V1 returns 35 minutes after its shift ends at 11:00"
            ),
        ),
        (
            {"shift_start": "18:00"},
            {},
            "V1 would reach it 40 minutes after it closes at 18:00",
        ),
        (
            {"shift_end": "09:30"},
            {"tier": "vor", "placed_at": at("07:00", "2026-10-30")},
            "a direct trip of V1 returns 5 minutes after its shift ends at 09:30",
        ),
        (
            {},
            {"tier": "urgent", "placed_at": at("17:00", "2026-11-04")},
            "packed only at Thu 2026-11-05 10:00, after the days that are planned (Wed 2026-11-04)",
        ),
    ],
)
def test_what_nobody_carries_has_its_reason(vehicle, shipment, reason):
    vehicles = [] if vehicle is None else [van(**vehicle)]
    tables = night(sites=SITES, vehicles=vehicles, travel=ROADS, shipments=[line("A/1", "D1", **shipment)])
    deliveries = plan(tables)
    assert why(deliveries) == f"no carrier lane from DC to D1; {reason}"
    exception = deliveries.exceptions.iloc[0]
    assert (exception["code"], exception["line_id"], exception["money"]) == ("delivery_unserved", "A/1", 50.0)


def test_a_full_van_names_the_smallest_change():
    """Two parcels of 600 kg on a van of 1,000 kg that makes one trip and is home at 12:00, on one day."""
    lines = [line("A/1", "D1", kg=600.0), line("B/1", "D2", kg=600.0)]
    tables = night(sites=SITES, vehicles=[van(shift_end="12:00", capacity_m3=99.0)], travel=ROADS, shipments=lines)
    deliveries = plan(tables, stock_within_working_days=1)
    left = deliveries.delivery_lines.query("carried_by == 'unserved'")
    assert len(left) == 1
    assert left["unserved_because"].iloc[0].endswith("the vehicle is full; it would fit with 200 kg more on V1")


def test_a_line_larger_than_every_van_does_not_keep_the_others_back():
    lines = [line("A/1", "D1", kg=1600.0), line("A/2", "D1", kg=50.0)]
    deliveries = plan(night(sites=SITES, vehicles=[van()], travel=ROADS, shipments=lines))
    assert deliveries.delivery_lines["carried_by"].tolist() == ["unserved", "vehicle"]


def test_each_piece_takes_its_time_on_top_of_the_stop():
    """15 minutes for the stop and 60 s for each of 30 pieces, of two tiers, once together: 45 minutes."""
    lines = [line("A/1", "D1", shipped_quantity=20), line("A/2", "D1", "backorder", shipped_quantity=10)]
    stops = plan(night(sites=SITES, vehicles=[van()], travel=ROADS, shipments=lines), unloading_s_per_piece=60).stops
    assert (stops["leaves_at"] - stops["starts_at"]).dt.total_seconds().tolist() == [45 * 60]


def test_a_site_that_takes_small_vehicles_only_gets_the_small_one():
    """D1 takes 700 kg at most; the goods of 800 kg go in two trips of the small van though the large one is free."""
    sites = [site("DC", "dc"), site("D1", largest_vehicle_kg=700.0)]
    vans = [van("V1", fixed_cost=0.0), van("V2", capacity_kg=700.0, max_trips=2, fixed_cost=900.0)]
    lines = [line("A/1", "D1", kg=500.0), line("A/2", "D1", kg=300.0)]
    deliveries = plan(night(sites=sites, vehicles=vans, travel=ROADS[:2], shipments=lines))
    assert deliveries.routes["vehicle_id"].tolist() == ["V2", "V2"]
    none = plan(night(sites=sites, vehicles=vans[:1], travel=ROADS[:2], shipments=lines[:1]))
    said = "D1 takes vehicles of at most 700 kg; the smallest is V1 of 1000 kg"
    assert why(none) == f"no carrier lane from DC to D1; {said}"


@pytest.mark.parametrize("compiled_from", [1, 1000])
@pytest.mark.parametrize("seed", range(200, 210))
def test_nights_with_small_access_and_slow_unloading_hold_every_rule(seed, compiled_from):
    tables = random_night(seed, n_dealers=5, n_vans=3, n_lines=12)
    limits = [None if number % 2 else 100.0 for number in range(len(tables["sites"]))]
    tables["sites"] = tables["sites"].assign(largest_vehicle_kg=pd.Series(limits, dtype="float64"))
    tables["shipments"] = tables["shipments"].assign(shipped_quantity=range(1, 13))
    deliveries = plan(tables, unloading_s_per_piece=45, compiled_from_parcels=compiled_from, iterations_per_parcel=40)
    assert len(deliveries.delivery_lines) == 12


def test_a_load_of_two_vans_goes_on_two_vans():
    lines = [line("A/1", "D1", kg=700.0), line("A/2", "D1", kg=600.0)]
    deliveries = plan(night(sites=SITES, vehicles=[van("V1"), van("V2")], travel=ROADS, shipments=lines))
    assert sorted(deliveries.routes["load_kg"]) == [600.0, 700.0]


def test_a_dealer_next_to_its_dc_is_visited_in_no_time():
    sites = [site("DC", "dc"), site("D1")]
    deliveries = plan(night(sites=sites, vehicles=[van()], shipments=[line("A/1", "D1")]))
    assert deliveries.routes["distance_m"].tolist() == [0.0]
    assert fate(deliveries, "A/1")["arrives_at"] == at("10:00")


def test_goods_between_dealers_or_dcs_go_by_lane_only():
    sites = [*SITES, site("DC2", "dc")]
    lines = [
        {**line("A/1", "D2"), "origin_id": "D1"},
        {**line("B/1", "D1"), "origin_id": "D2"},
        line("C/1", "DC2"),
    ]
    vehicles = [van(), van("V2", "DC2")]
    deliveries = plan(night(sites=sites, vehicles=vehicles, shipments=lines, carrier_lanes=[lane("D1", "D2")]))
    assert fate(deliveries, "A/1")["carried_by"] == "lane"
    assert why(deliveries, "B/1") == "no carrier lane from D2 to D1; own vehicles start at DCs"
    assert why(deliveries, "C/1") == "no carrier lane from DC to DC2; own vehicles serve dealers only"


def test_each_dc_is_planned_with_its_own_vans():
    sites = [*SITES, site("DC2", "dc"), site("D3", supplied_by="DC2")]
    lines = [line("A/1", "D1"), {**line("B/1", "D3"), "origin_id": "DC2"}]
    deliveries = plan(night(sites=sites, vehicles=[van(), van("V2", "DC2")], shipments=lines))
    assert deliveries.routes[["depot_id", "vehicle_id"]].to_numpy().tolist() == [["DC", "V1"], ["DC2", "V2"]]
    assert deliveries.solver_runs["name"].tolist() == ["DC", "DC2"]


def test_a_night_without_shipments_is_empty():
    for table in plan(night(sites=SITES, vehicles=[van()])):
        assert table.empty


def test_a_dc_whose_goods_all_go_by_lane_has_nothing_to_do():
    tables = night(sites=SITES, carrier_lanes=[lane("DC", "D1")], shipments=[line("A/1", "D1")])
    assert plan(tables).solver_runs["status"].tolist() == ["nothing_to_do"]


@pytest.mark.parametrize(
    ("table", "column"),
    [("shipments", "destination_id"), ("vehicles", "depot_id"), ("carrier_lanes", "origin_id")],
)
def test_an_unknown_site_is_refused_by_name(table, column):
    tables = night(sites=SITES, vehicles=[van()], carrier_lanes=[lane("DC", "D1")], shipments=[line("A/1", "D1")])
    tables[table] = tables[table].assign(**{column: "D99"})
    with pytest.raises(InputError, match=rf"{table}.{column} names D99, which is no site_id of sites; add the site"):
        plan(tables)


def test_a_plan_that_breaks_a_rule_is_not_returned(monkeypatch):
    monkeypatch.setattr(plan_module, "verify_deliveries", lambda *_, **__: ["line A/1 flies", "line A/2 swims"])
    tables = night(sites=SITES, vehicles=[van()], shipments=[line("A/1", "D1")])
    with pytest.raises(NoPlan, match=r"breaks its own rules: line A/1 flies \(1 more\); report it"):
        plan(tables)


@pytest.mark.parametrize("seed", range(8))
def test_a_plan_is_the_same_twice_and_for_shuffled_rows(seed):
    tables = random_night(seed, n_dealers=5, n_vans=3, n_lines=14)
    shuffled = {
        name: rows.sample(frac=1, random_state=seed + 1).reset_index(drop=True) for name, rows in tables.items()
    }
    first, again, other = plan(tables), plan(tables), plan(shuffled)
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(first, name), getattr(again, name))
        pd.testing.assert_frame_equal(getattr(first, name), getattr(other, name))


@pytest.mark.parametrize("seed", range(24))
def test_random_nights_hold_every_rule(seed):
    """Every line once, tables as declared; every other rule is recomputed inside, or the plan is refused."""
    tables = random_night(seed, n_dealers=3 + seed % 4, n_vans=seed % 4, n_lines=4 + seed % 9, lane_share=seed % 3 / 3)
    before = {name: rows.copy() for name, rows in tables.items()}
    deliveries = plan(tables)
    assert sorted(deliveries.delivery_lines["line_id"]) == sorted(tables["shipments"]["line_id"])
    for rows, table in zip(
        deliveries, (ROUTES, STOPS, DELIVERY_LINES, COLLECTIONS, SOLVER_RUNS, EXCEPTIONS), strict=True
    ):
        pd.testing.assert_frame_equal(rows, conform(rows, table))
    for name, rows in tables.items():
        pd.testing.assert_frame_equal(rows, before[name])


@pytest.mark.parametrize("seed", range(10))
def test_no_tier_is_worse_off_for_the_tiers_below_it(seed):
    """Planned without the lower tiers, a tier has no fewer lines left or late, and none of its lines comes sooner."""
    tables = random_night(seed, n_dealers=3 + seed % 4, n_vans=1 + seed % 3, n_lines=8 + seed, lane_share=seed % 4 / 4)
    whole = plan(tables).delivery_lines.set_index("line_id")
    shipments = tables["shipments"].set_index("line_id")
    for lowest in range(len(TIERS) - 1):
        kept = tables["shipments"][tables["shipments"]["tier"].isin(TIERS[: lowest + 1])].reset_index(drop=True)
        alone = plan({**tables, "shipments": kept}).delivery_lines.set_index("line_id")
        for tier in TIERS[: lowest + 1]:
            lines = [line_id for line_id in alone.index if shipments.loc[line_id, "tier"] == tier]
            without, within = alone.loc[lines], whole.loc[lines]
            assert _let_down(within) <= _let_down(without)
            if _let_down(within) < _let_down(without):
                break
            if tier in ("vor", "urgent") and without["carried_by"].eq(within["carried_by"]).all():
                unpromised = shipments.loc[lines, "deliver_by"].isna().to_numpy()
                assert not (within["arrives_at"] > without["arrives_at"])[unpromised].any()


def _let_down(lines):
    return (int(lines["carried_by"].eq("unserved").sum()), int(lines["is_late"].sum()))
