"""Lines over the day's capacity: the least harmful wait, nothing is lost, nothing is ordered twice."""

import json
import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.commands import answer
from partsopt.replenish.orders import replenish_sites
from partsopt.replenish.putoff import lines_kept
from tests.replenish.network import PARAMS, TODAY, again, night, tables, with_params

# P0 to P3 are needed alike, the later the dearer to lack
FORECASTS = [{"part_id": f"P{i}", "mean_per_period": 20.0} for i in range(4)]
PARTS = [{"part_id": f"P{i}", "unit_cost": 10.0 * (i + 1)} for i in range(4)]
STOCK = [{"part_id": f"P{i}", "on_hand": 5} for i in range(4)]
WEEKLY = {"A": 7, "B": 7, "C": 7}


def dc(lines, **more):
    return {"site_id": "DC1", "site_kind": "dc", "order_lines_per_day": lines, **more}


def test_the_lines_whose_wait_costs_least_are_put_off_with_their_money():
    out = night(forecasts=FORECASTS, parts=PARTS, stock=STOCK, sites=[dc(2)])
    assert out.orders["part_id"].tolist() == ["P2", "P3"]
    assert out.put_off["part_id"].tolist() == ["P0", "P1"]
    told = out.exceptions[out.exceptions["code"] == "line_put_off"]
    assert told["part_id"].tolist() == ["P0", "P1"]
    assert told["money"].tolist() == out.put_off["value"].tolist()
    assert told["what"].str.contains("pieces from MAKER wait for the next working day, which costs about").all()
    assert (out.put_off["cost_of_a_day"] > 0).all()


def test_owed_pieces_go_whatever_the_capacity():
    """P0 and P1 owe pieces: both go, though one line a day can be placed; the dearer parts wait."""
    stock = [{"part_id": f"P{i}", "on_hand": 0, "backordered": 3 if i < 2 else 0} for i in range(4)]
    out = night(forecasts=FORECASTS, parts=PARTS, stock=stock, sites=[dc(1)])
    assert out.orders["part_id"].tolist() == ["P0", "P1"]


def test_running_again_with_the_orders_imported_places_no_more_lines():
    given_ = tables(forecasts=FORECASTS, parts=PARTS, stock=STOCK, sites=[dc(2)])
    first = replenish_sites(**given_, today=TODAY, period="month", params=PARAMS)
    second = again(given_, first)
    assert len(first.orders) == 2
    assert second.orders.empty
    assert second.put_off["part_id"].tolist() == ["P0", "P1"]


def test_a_line_put_off_is_reviewed_on_the_next_working_day_not_in_a_week():
    params = with_params(dc_review_period_days=WEEKLY, level_review_days=False)
    given_ = {"forecasts": FORECASTS, "parts": PARTS, "stock": STOCK, "sites": [dc(2)]}
    day = next(
        one
        for one in (TODAY + timedelta(days=ahead) for ahead in range(7))
        if len(night(one, params, **given_).orders) == 2
    )
    first = night(day, params, **given_)
    bought = first.orders.rename(columns={"order_quantity": "quantity"})[["part_id", "quantity", "due_on"]]
    orders = [{**row, "order_id": f"A{i}"} for i, row in enumerate(bought.to_dict("records"))]
    following = day + timedelta(days=1 if day.weekday() < 4 else 7 - day.weekday())
    given_ = tables(**given_, open_orders=orders)
    lost = replenish_sites(**given_, today=following, period="month", params=params)
    kept = replenish_sites(**given_, today=following, period="month", params=params, last_put_off=first.put_off)
    assert lost.orders.empty
    assert kept.orders["part_id"].tolist() == ["P0", "P1"]
    assert kept.put_off.empty
    due = kept.levels.set_index("part_id").loc[["P0", "P1"]]
    assert due["is_due"].all()
    assert (due["review_period_days"] < 7).all()  # until the review of the week


def test_what_cannot_be_reviewed_on_a_closed_day_waits_further():
    put_off = night(forecasts=FORECASTS, parts=PARTS, stock=STOCK, sites=[dc(2)]).put_off
    sunday = TODAY + timedelta(days=6)
    given_ = tables(forecasts=FORECASTS, parts=PARTS, stock=STOCK, sites=[dc(2)])
    out = replenish_sites(**given_, today=sunday, period="month", params=PARAMS, last_put_off=put_off)
    assert out.orders.empty
    assert out.put_off["part_id"].tolist() == ["P0", "P1"]
    assert out.put_off["since_on"].dt.date.tolist() == [TODAY] * 2


def test_a_dc_picks_only_so_many_lines_for_its_dealers():
    """Each of two dealers lacks two parts; the DC can pick three lines: the cheapest one waits."""
    forecasts = [
        {"site_id": site, "part_id": f"P{i}", "mean_per_period": 20.0} for site in ("D01", "D02", "DC1") for i in (1, 2)
    ]
    sites = [dc(None, pick_lines_per_day=3)] + [
        {"site_id": name, "site_kind": "dealer", "supplied_by": "DC1"} for name in ("D01", "D02")
    ]
    stock = [{"part_id": f"P{i}", "on_hand": 50} for i in (1, 2)]
    out = night(forecasts=forecasts, parts=PARTS, stock=stock, sites=sites)
    assert len(out.requests) == 3
    [waits] = out.put_off.to_dict("records")
    assert waits["part_id"] == "P1"
    assert waits["source_id"] == "DC1"


def supply_of(lines):
    return [{"part_id": f"P{i}", "source_lines_per_day": lines if i < 3 else None} for i in range(4)]


def test_a_source_takes_only_so_many_lines_of_a_site():
    """MAKER takes two lines a day, by the least of its rows: of four the two whose wait costs least are put off."""
    out = night(forecasts=FORECASTS, parts=PARTS, stock=STOCK, supply=supply_of(2.0), sites=[dc(None)])
    assert out.orders["part_id"].tolist() == ["P2", "P3"]
    assert out.put_off["part_id"].tolist() == ["P0", "P1"]
    assert out.put_off["source_id"].tolist() == ["MAKER"] * 2


def test_what_one_source_does_not_take_leaves_the_hands_of_the_site_to_others():
    """The site can place three lines; MAKER takes one, so both of OTHER go too."""
    supply = supply_of(1.0)
    supply[1]["source_id"] = supply[2]["source_id"] = "OTHER"
    for row in supply[1:3]:
        row["source_lines_per_day"] = None
    out = night(forecasts=FORECASTS, parts=PARTS, stock=STOCK, supply=supply, sites=[dc(3)])
    assert out.orders.groupby("source_id").size().to_dict() == {"MAKER": 1, "OTHER": 2}
    assert out.put_off["source_id"].tolist() == ["MAKER"]


def test_running_again_places_no_more_lines_on_a_source():
    given_ = tables(forecasts=FORECASTS, parts=PARTS, stock=STOCK, supply=supply_of(2.0), sites=[dc(None)])
    first = replenish_sites(**given_, today=TODAY, period="month", params=PARAMS)
    second = again(given_, first)
    assert len(first.orders) == 2
    assert second.orders.empty


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 2), st.booleans(), st.floats(0, 9)), max_size=12), st.integers(0, 4))
def test_kept_lines_are_those_of_the_slow_twin(lines, left):
    group, must, harm = (np.array([one[k] for one in lines]) for k in range(3))
    kept = lines_kept(group.astype(int), np.full(3, float(left)), must.astype(bool), harm.astype(float))
    for site in (0, 1, 2):
        own = [i for i in range(len(lines)) if group[i] == site]
        ranked = sorted(own, key=lambda i: (not must[i], -harm[i], i))
        assert [i for i in own if kept[i]] == sorted(i for n, i in enumerate(ranked) if must[i] or n < left)
    assert all(kept[i] for i in range(len(lines)) if group[i] < 0)


# --------------------------------------------------------------------------- through the run folders

STORY = Path(__file__).resolve().parents[1] / "golden" / "cars_due_for_service_raise_the_level" / "input"
CALENDAR = "site_id,source_id,abc_class,starts_on,weekdays,every_weeks,every_days\nDC-BJ,MAKER,,2026-11-02,Mon,4,0\n"


@pytest.fixture
def small_night(tmp_path):
    """Seven lines are needed on Monday, three a day can be placed, and reviews are every four weeks."""
    night_ = tmp_path / "night"
    shutil.copytree(STORY, night_)
    sites = pd.read_csv(night_ / "sites.csv", dtype=str)
    sites.assign(order_lines_per_day="3").to_csv(night_ / "sites.csv", index=False)
    (night_ / "review_calendar.csv").write_text(CALENDAR, encoding="utf-8")
    return night_


def run(night_, today):
    assert answer(["run", str(night_), "--today", today, "--json"]) == 0
    runs = night_ / "runs"
    return runs / (runs / "CURRENT").read_text(encoding="utf-8").strip()


def import_orders(night_, folder):
    """The ERP takes the proposals as confirmed open orders."""
    file = night_ / "open_orders.csv"
    bought = pd.read_csv(folder / "purchase_orders.csv", dtype=str).assign(status="confirmed")
    bought = bought[["order_id", "line", "source_id", "site_id", "part_id", "quantity", "due_on", "status"]]
    tables_ = [pd.read_csv(file, dtype=str)] if file.exists() else []
    pd.concat([*tables_, bought]).to_csv(file, index=False)
    return bought["part_id"].tolist()


def test_what_is_put_off_goes_in_the_next_nights_once_each(small_night, capsys):
    placed, folders = [], []
    for day in range(2, 7):
        folders.append(run(small_night, f"2026-11-{day:02d}"))
        assert run(small_night, f"2026-11-{day:02d}") == folders[-1]
        placed.append(import_orders(small_night, folders[-1]))
    capsys.readouterr()
    assert [len(one) for one in placed] == [3, 3, 1, 0, 0]
    assert len({part for one in placed for part in one}) == 7
    last = pd.read_parquet(folders[1] / "put_off.parquet")
    assert pd.to_datetime(last["since_on"]).dt.day.tolist() == [2]
    manifest = json.loads((folders[1] / "manifest.json").read_bytes())
    read = {one["table"]: one["name"] for one in manifest["inputs"]}
    assert read["last_review_days"] == f"{folders[0].name}/review_days.parquet"
    assert read["last_put_off"] == f"{folders[0].name}/put_off.parquet"
