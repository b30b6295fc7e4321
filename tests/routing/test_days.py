"""Days planned together: what may wait goes on a later day, what waits comes back the next night."""

from __future__ import annotations

from datetime import date
from unittest import mock

import pandas as pd
import pytest

from partsopt.routing import search
from partsopt.routing.search import search_day
from partsopt.routing.takeup import take_up, waiting_of
from partsopt.routing.waiting import brought_forward
from partsopt.tables import HOLIDAYS, OPEN_ORDERS, PARTS, SHIPMENTS, conform, together
from tests.routing.nights import MONDAY, at, fate, lane, leg, line, night, plan, problems, random_night, site, van

TUESDAY, WEDNESDAY = date(2026, 11, 3), date(2026, 11, 4)
ROADS = [*leg("DC", "D1", 30, 40), *leg("DC", "D2", 20, 30), *leg("D1", "D2", 15, 20)]
SITES = [site("DC", "dc"), site("D1"), site("D2")]
HEAVY = [line("A/1", "D1", kg=600.0), line("B/1", "D2", kg=600.0)]
ROOMY = {"capacity_m3": 99.0}


def full_van(**more):
    """Two parcels of 600 kg and a van of 1,000 kg that makes one trip a day."""
    given = {"sites": SITES, "vehicles": [van(**ROOMY)], "travel": ROADS, "shipments": HEAVY, **more}
    return night(**given)


def leaves(deliveries):
    return {
        row.line_id: "" if pd.isna(row.leaves_on) else f"{row.leaves_on:%a}"
        for row in deliveries.delivery_lines.itertuples()
    }


def test_what_the_van_has_no_room_for_goes_the_next_day():
    """The nearer D2 is dearer to serve late by nothing: one goes on Monday, one on Tuesday, each by a van of its day."""
    deliveries = plan(full_van())
    assert sorted(leaves(deliveries).values()) == ["Mon", "Tue"]
    assert sorted(deliveries.routes["route_id"]) == ["RT-20261102-DC-V1", "RT-20261103-DC-V1"]
    waits = deliveries.delivery_lines.query("waits").iloc[0]
    assert waits["departs_at"] == at("10:00", "2026-11-03")
    assert waits["released_at"] == at("10:00", "2026-11-03")
    assert waits["leave_by"] == pd.Timestamp(WEDNESDAY)
    assert waits["waits_because"] == "no vehicle has room and time for it on Mon 2026-11-02"
    assert not waits["is_picked"]
    assert not problems(deliveries, full_van())


def test_over_a_weekend_the_next_day_is_monday():
    deliveries = plan(full_van(), today=date(2026, 10, 30))
    assert sorted(leaves(deliveries).values()) == ["Fri", "Mon"]


def test_only_the_days_of_the_setting_are_planned():
    """One day: the second parcel is unserved; its reason names the room it lacks."""
    deliveries = plan(full_van(), stock_within_working_days=1)
    assert sorted(leaves(deliveries).values()) == ["", "Mon"]


def test_a_large_dc_plans_its_days_together():
    deliveries = plan(full_van(), compiled_from_parcels=1, iterations_per_parcel=40)
    assert sorted(leaves(deliveries).values()) == ["Mon", "Tue"]


@pytest.mark.parametrize("seed", range(12))
def test_later_days_let_no_urgent_line_down(seed):
    """By the compiled search no more vor and urgent lines are late or unserved than where the first day is alone."""
    tables = random_night(seed, n_dealers=5, n_vans=2, n_lines=14, lane_share=0.2)
    express = tables["shipments"].query("tier in ('vor', 'urgent')")["line_id"]
    let_down = []
    for n_days in (1, 3):
        deliveries = plan(tables, stock_within_working_days=n_days, compiled_from_parcels=1, iterations_per_parcel=40)
        lines = deliveries.delivery_lines.set_index("line_id").loc[express]
        let_down.append(int((lines["carried_by"].eq("unserved") | lines["is_late"]).sum()))
    assert let_down[1] <= let_down[0]


def test_a_return_waits_for_the_van_that_passes_by():
    """Nobody goes to D2 on Monday; on Tuesday the second parcel goes there, and the return rides back for its minutes."""
    given_back = {"return_id": "R1", "site_id": "D2", "load_kg": 100.0, "load_m3": 0.5}
    lines = [line("A/1", "D1", kg=600.0), line("B/1", "D2", kg=600.0, tier="stock")]
    tables = full_van(shipments=lines, returns=[given_back], sites=[SITES[0], SITES[1], {**SITES[2], "calendar": "X"}])
    tables["holidays"] = conform(
        pd.DataFrame({"calendar": ["X"], "day": [pd.Timestamp(MONDAY)], "is_working": [False]}), HOLIDAYS
    )
    deliveries = plan(tables)
    assert leaves(deliveries) == {"A/1": "Mon", "B/1": "Tue"}
    (row,) = deliveries.collections.to_dict("records")
    assert row["carried_by"] == "left"
    assert row["left_because"] == "it can wait; V1 on Tue 2026-11-03 would fetch it: D2 is closed on Mon 2026-11-02"
    assert deliveries.stops["n_returns"].tolist() == [0, 0]
    assert not problems(deliveries, tables)


def test_a_return_that_is_due_tomorrow_is_fetched_by_then():
    """D2 would be reached for less on Wednesday; the return is due on Tuesday, on which the dealer is closed."""
    given_back = {"return_id": "R1", "site_id": "D2", "load_kg": 100.0, "load_m3": 0.5}
    due = {**given_back, "collect_by": pd.Timestamp(TUESDAY)}
    sites = [SITES[0], SITES[1], {**SITES[2], "calendar": "X"}]
    shut = pd.DataFrame({"calendar": ["X"], "day": [pd.Timestamp(TUESDAY)], "is_working": [False]})
    tables = full_van(shipments=[line("A/1", "D1", kg=600.0)], returns=[due], sites=sites)
    tables["holidays"] = conform(shut, HOLIDAYS)
    deliveries = plan(tables, return_detour_cost=1000.0)
    assert deliveries.collections["carried_by"].tolist() == ["vehicle"]
    assert not problems(deliveries, tables)


def test_when_all_days_are_full_the_reason_says_which_were_tried():
    """Four parcels, three days of one trip each."""
    lines = [*HEAVY, line("C/1", "D1", kg=601.0), line("E/1", "D2", kg=601.0)]
    deliveries = plan(full_van(shipments=[{**one, "packed_at": at("09:00")} for one in lines]))
    assert sorted(leaves(deliveries).values()) == ["", "Mon", "Tue", "Wed"]
    said = deliveries.delivery_lines.query("carried_by == 'unserved'")["unserved_because"].iloc[0]
    assert "the vehicle is full; it would fit with" in said
    assert said.endswith("all days until Wed 2026-11-04 were tried")


@pytest.mark.parametrize(("wait_cost", "how"), [(5.0, "vehicle"), (20.0, "lane")])
def test_a_parcel_waits_only_where_that_saves_more_than_its_price(wait_cost, how):
    """D1 is closed on Monday: on Tuesday the van brings it for nothing, the lane of Monday takes 15."""
    closed = [{"calendar": "CLOSED", "day": pd.Timestamp(MONDAY), "is_working": False}]
    free = van(fixed_cost=0.0, cost_per_km=0.0, cost_per_hour=0.0)
    tables = night(
        sites=[site("DC", "dc"), site("D1", calendar="CLOSED")],
        vehicles=[free],
        holidays=closed,
        carrier_lanes=[lane("DC", "D1", cost_fixed=15.0, cost_per_kg=0.0)],
        shipments=[line("A/1", "D1")],
    )
    assert fate(plan(tables, wait_cost_per_day=wait_cost), "A/1")["carried_by"] == how


def test_a_lane_today_beats_the_same_lane_tomorrow():
    tables = night(sites=SITES, carrier_lanes=[lane("DC", "D1")], shipments=[line("A/1", "D1")])
    assert leaves(plan(tables, wait_cost_per_day=0.01)) == {"A/1": "Mon"}


@pytest.mark.parametrize(("wait_cost", "day"), [(5.0, "Tue"), (25.0, "Mon")])
def test_a_stock_order_shares_the_lane_of_tomorrow_where_that_saves_more(wait_cost, day):
    """The urgent order is packed after the cutoff; together they pay the 20 of a consignment once."""
    lines = [line("A/1", "D1"), line("B/1", "D1", "urgent", placed_at=at("16:30"))]
    tables = night(sites=SITES, carrier_lanes=[lane("DC", "D1")], shipments=lines)
    deliveries = plan(tables, wait_cost_per_day=wait_cost)
    assert leaves(deliveries) == {"A/1": day, "B/1": "Tue"}
    assert not problems(deliveries, tables, wait_cost_per_day=wait_cost)


def test_a_backorder_goes_by_lane_today_rather_than_by_van_tomorrow():
    """The van of Monday is full with the urgent 600 kg; the lane costs 2,020."""
    lines = [line("A/1", "D1", "urgent", kg=600.0, placed_at=at("07:00")), line("B/1", "D2", "backorder", kg=600.0)]
    dear = [lane("DC", "D2", cost_fixed=2000.0)]
    by_lane = fate(plan(full_van(shipments=lines, carrier_lanes=dear)), "B/1")
    assert (by_lane["carried_by"], by_lane["waits"]) == ("lane", False)
    assert fate(plan(full_van(shipments=lines)), "B/1")["leaves_on"] == pd.Timestamp(TUESDAY)


def test_an_urgent_order_is_not_put_off_for_a_stock_order():
    lines = [line("A/1", "D1", kg=600.0), line("B/1", "D2", "urgent", kg=600.0, placed_at=at("07:00"))]
    assert leaves(plan(full_van(shipments=lines))) == {"A/1": "Tue", "B/1": "Mon"}


def test_a_booked_repair_waits_as_long_as_its_day_allows():
    """Needed on Tuesday it may go on Tuesday; the stock order, overdue, must go today."""
    lines = [
        line("A/1", "D1", "reservation", kg=600.0, needed_on=pd.Timestamp(TUESDAY)),
        line("B/1", "D2", kg=600.0, since_on=pd.Timestamp("2026-10-29"), leave_by=pd.Timestamp(MONDAY)),
    ]
    deliveries = plan(full_van(shipments=lines))
    assert sorted(leaves(deliveries)) == ["A/1", "B/1"]
    assert not deliveries.delivery_lines["is_late"].any()
    due = [{**lines[0], "needed_on": pd.Timestamp(MONDAY)}, lines[1]]
    now = plan(full_van(shipments=due))
    assert leaves(now)["A/1"] == "Mon"
    assert fate(now, "B/1")["carried_by"] == "unserved"


def test_a_line_whose_last_day_has_come_goes_now():
    """B was planned last week: it goes today, A waits, whatever the order of the rows."""
    lines = [HEAVY[0], {**HEAVY[1], "since_on": pd.Timestamp("2026-10-29"), "leave_by": pd.Timestamp("2026-10-30")}]
    for rows in (lines, lines[::-1]):
        deliveries = plan(full_van(shipments=rows))
        assert leaves(deliveries) == {"A/1": "Tue", "B/1": "Mon"}
        assert fate(deliveries, "B/1")["leave_by"] == pd.Timestamp("2026-10-30")


def test_what_was_packed_yesterday_leaves_when_the_van_can():
    packed = [{**HEAVY[0], "since_on": pd.Timestamp("2026-10-30"), "packed_at": at("10:00", "2026-10-30")}]
    deliveries = plan(full_van(shipments=packed))
    assert fate(deliveries, "A/1")["departs_at"] == at("08:00")
    assert fate(deliveries, "A/1")["released_at"] == at("10:00", "2026-10-30")


@pytest.mark.parametrize("seed", range(12))
def test_days_together_hold_every_rule_on_random_nights(seed):
    """Every line once, verified; each keeps its last day; none waits that could go today for less; rows in any order."""
    tables = random_night(seed, n_dealers=5, n_vans=1 + seed % 2, n_lines=10, with_docks=seed % 3 == 0)
    found = []

    def remembered(problem, given):
        found.append((problem, search_day(problem, given)))
        return found[-1][1]

    params = {"compiled_from_parcels": 1 if seed % 2 else 1000, "iterations_per_parcel": 40}
    with mock.patch.object(search, "search_day", remembered):
        deliveries = plan(tables, **params)
    assert sorted(deliveries.delivery_lines["line_id"]) == sorted(tables["shipments"]["line_id"])
    assert not problems(deliveries, tables)
    for problem, one in found:
        assert brought_forward(problem, one.trips, one.latest_s) == one.trips
    last = deliveries.delivery_lines.dropna(subset=["leave_by", "leaves_on"]).query("carried_by == 'vehicle'")
    tier = last["line_id"].map(tables["shipments"].set_index("line_id")["tier"])
    assert (last["leaves_on"] <= last["leave_by"])[tier.ne("backorder")].all()
    shuffled = {name: rows.sample(frac=1, random_state=seed) for name, rows in tables.items()}
    pd.testing.assert_frame_equal(plan(shuffled, **params).delivery_lines, deliveries.delivery_lines)


# --------------------------------------------------------------------------- from night to night


def parts_of(kg=600.0):
    rows = {"part_id": ["P1"], "unit_cost": 50.0, "weight_kg": kg, "volume_m3": kg / 1000}
    return conform(pd.DataFrame(rows), PARTS)


def opened(waiting, **changed):
    rows = waiting.assign(
        source_id=waiting["origin_id"],
        site_id=waiting["destination_id"],
        quantity=waiting["shipped_quantity"],
        due_on=pd.Timestamp(TUESDAY),
        status="proposed",
    )
    return conform(rows.assign(**changed), OPEN_ORDERS)


def left_on_monday():
    tables = full_van()
    return waiting_of(tables["shipments"], plan(tables).delivery_lines, MONDAY)


def test_the_next_night_brings_what_waited():
    waiting = left_on_monday()
    assert waiting["since_on"].tolist() == [pd.Timestamp(MONDAY)]
    assert waiting["leave_by"].tolist() == [pd.Timestamp(WEDNESDAY)]
    taken = take_up(waiting, opened(waiting), parts_of())
    assert taken.exceptions.empty
    tables = full_van(shipments=[])
    tables["shipments"] = together([tables["shipments"], taken.lines], SHIPMENTS)
    deliveries = plan(tables, today=TUESDAY)
    assert leaves(deliveries) == {waiting["line_id"].iloc[0]: "Tue"}
    assert deliveries.delivery_lines["leave_by"].tolist() == [pd.Timestamp(WEDNESDAY)]
    assert waiting_of(tables["shipments"], deliveries.delivery_lines, TUESDAY).empty


@pytest.mark.parametrize(
    ("told_on", "said"), [(TUESDAY, []), (MONDAY, ["stock: told Mon 2026-11-02, arrives Tue 2026-11-03"])]
)
def test_a_line_that_comes_later_than_told_is_an_exception(told_on, said):
    """The open order tells the dealer a day; the night that plans another one says so, and the list of what waits too."""
    waiting = left_on_monday()
    taken = take_up(waiting, opened(waiting, due_on=pd.Timestamp(told_on)), parts_of())
    assert taken.lines["told_on"].tolist() == [pd.Timestamp(told_on)]
    told = plan(full_van(shipments=[]) | {"shipments": taken.lines}, today=TUESDAY).exceptions
    assert told.loc[told["code"].eq("delivery_put_off"), "what"].tolist() == said


def test_a_confirmed_line_comes_back_a_shipped_one_has_left():
    waiting = left_on_monday()
    assert len(take_up(waiting, opened(waiting, status="confirmed"), parts_of()).lines) == 1
    shipped = take_up(waiting, opened(waiting, status="shipped"), parts_of())
    assert shipped.lines.empty
    assert shipped.exceptions.empty


def test_a_line_no_longer_open_is_told_with_its_money():
    waiting = left_on_monday()
    for orders in (opened(waiting).iloc[:0], opened(waiting, part_id="P2"), opened(waiting, site_id="D9")):
        gone = take_up(waiting, orders, parts_of())
        assert gone.lines.empty
        assert gone.exceptions[["code", "money"]].to_numpy().tolist() == [["waiting_line_gone", 50.0]]
        assert gone.exceptions["what"].tolist() == ["planned since the night of 2026-11-02, 1 pieces from DC"]


def test_a_line_opened_for_fewer_pieces_is_planned_for_these():
    waiting = left_on_monday().assign(shipped_quantity=4)
    lines = take_up(waiting, opened(waiting, quantity=3), parts_of(kg=200.0)).lines
    assert lines[["shipped_quantity", "load_kg"]].to_numpy().tolist() == [[3, 600.0]]


def test_what_nobody_carries_waits_too_and_was_packed():
    """Unserved it is on the pick list of the day, so that the next night finds it packed."""
    tables = full_van(vehicles=[])
    waiting = waiting_of(tables["shipments"], plan(tables).delivery_lines, MONDAY)
    assert waiting["packed_at"].tolist() == [at("10:00")] * 2


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("leaves_on", pd.Timestamp(MONDAY)),
        ("leave_by", pd.Timestamp("2026-11-05")),
        ("waits", False),
        ("is_picked", True),
        ("waits_because", ""),
        ("released_at", at("10:00")),
        ("departs_at", at("10:00")),
        ("arrives_at", at("11:00", "2026-11-03")),
        ("is_late", True),
        ("route_id", "RT-20261102-DC-V1"),
    ],
)
def test_a_wrong_cell_of_a_waiting_line_is_found(column, value):
    tables = full_van()
    deliveries = plan(tables)
    lines = deliveries.delivery_lines.copy()
    lines.loc[lines["waits"], column] = value
    assert problems(deliveries._replace(delivery_lines=lines), tables)


@pytest.mark.parametrize("table", ["routes", "stops"])
@pytest.mark.parametrize("ahead", [-1, 1, 2])
def test_a_trip_moved_to_another_day_is_found(table, ahead):
    """Tuesday's trip on Monday (where the van drives already), on Wednesday alone, or after the planned days."""
    tables = full_van()
    deliveries = plan(tables)
    rows = getattr(deliveries, table).copy()
    moments = [name for name in rows if str(name).endswith("_at")]
    is_later = rows["route_id"].eq("RT-20261103-DC-V1")
    for name in moments:
        rows.loc[is_later, name] += pd.Timedelta(days=ahead)
    assert problems(deliveries._replace(**{table: rows}), tables)


def test_a_line_held_back_beyond_its_last_day_is_found():
    """The same plan made from a line that had to leave on Monday."""
    tables = full_van()
    deliveries = plan(tables)
    shipments = tables["shipments"].copy()
    shipments["leave_by"] = pd.Timestamp(MONDAY)
    lines = deliveries.delivery_lines.assign(leave_by=pd.Timestamp(MONDAY))
    said = problems(deliveries._replace(delivery_lines=lines), {**tables, "shipments": shipments})
    assert len(said) == 1
    assert said[0].endswith("leaves on 2026-11-03, it must leave by 2026-11-02")
