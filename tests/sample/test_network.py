"""The sample network as a whole: complete, linked, bounded, the same every time."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from partsopt.errors import SettingsError
from partsopt.sample import make_sample
from partsopt.tables import INPUT_TABLES, conform

ROOT = Path(__file__).resolve().parents[2]
TODAY = pd.Timestamp(2026, 11, 2)
SHAPES = [(1, 1, 1, 3), (3, 12, 300, 24), (2, 5, 40, 6), (10, 60, 200, 12)]


@pytest.fixture(scope="module")
def small() -> dict[str, pd.DataFrame]:
    return make_sample(n_dcs=3, n_dealers=12, n_parts=300, n_months=24, seed=1)


def csv_of(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False, date_format="%Y-%m-%dT%H:%M").encode()


@pytest.mark.parametrize("shape", SHAPES)
def test_every_input_table_conforms_and_every_reference_is_found(shape):
    n_dcs, n_dealers, n_parts, n_months = shape
    tables = make_sample(n_dcs=n_dcs, n_dealers=n_dealers, n_parts=n_parts, n_months=n_months, seed=3)
    assert list(tables) == list(INPUT_TABLES)
    assert len(tables["parts"]) == n_parts
    for name, table in INPUT_TABLES.items():
        pd.testing.assert_frame_equal(conform(tables[name], table), tables[name])
        for column, declared in table.columns.items():
            if declared.refers_to:
                target, key = declared.refers_to
                assert set(tables[name][column]) <= set(tables[target][key]), f"{name}.{column}"
        for rule in table.rules:
            assert not rule.broken(tables[name]).any(), f"{name}: {rule.column} {rule.rule}"


def test_money_is_given_to_the_cent(small):
    """What a CSV file shows is what the frame holds: reading the files gives the same tables."""
    for name, table in INPUT_TABLES.items():
        for column, declared in table.columns.items():
            if declared.kind == "number" and len(small[name]):
                values = small[name][column].dropna()
                assert (values.round(declared.decimals) == values).all(), f"{name}.{column}"


def test_the_same_seed_gives_the_same_bytes_in_another_process(small):
    """Two processes with different hash seeds."""
    program = (
        "import hashlib; from partsopt.sample import make_sample\n"
        "t = make_sample(n_dcs=3, n_dealers=12, n_parts=300, n_months=24, seed=1)\n"
        "csv = b''.join(f.to_csv(index=False, date_format='%Y-%m-%dT%H:%M').encode() for f in t.values())\n"
        "print(hashlib.sha256(csv).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "77"},
    )
    here = hashlib.sha256(b"".join(csv_of(frame) for frame in small.values())).hexdigest()
    assert done.stdout.strip() == here


def test_another_seed_gives_another_network(small):
    other = make_sample(n_dcs=3, n_dealers=12, n_parts=300, n_months=24, seed=2)
    assert not other["demand_lines"].equals(small["demand_lines"])
    assert not other["parts"].equals(small["parts"])


def test_the_small_network_is_small(small):
    assert sum(len(csv_of(frame)) for frame in small.values()) < 1_500_000


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_small_network_has_an_interesting_night(seed):
    """Shortages, vehicle-off-road orders, dealers in reach of vehicles and far away, chains, stock-outs, late receipts."""
    tables = make_sample(n_dcs=3, n_dealers=12, n_parts=300, n_months=24, seed=seed)
    stock, urgent = tables["stock"], tables["urgent_orders"]
    at_dc = stock["site_id"].str.startswith("DC-")
    assert (stock["backordered"][at_dc] > 0).any()
    assert (stock["backordered"][~at_dc] > 0).any()
    assert {"vor", "urgent"} == set(urgent["tier"])
    empty_at_dc = set(
        stock.loc[at_dc & stock["on_hand"].eq(0), ["site_id", "part_id"]].itertuples(index=False, name=None)
    )
    supplied_by = tables["sites"].set_index("site_id")["supplied_by"]
    wanted = zip(urgent["site_id"].map(supplied_by), urgent["part_id"], strict=True)
    assert empty_at_dc & set(wanted), "no urgent order for a part that the DC lacks"
    assert len(tables["supersessions"]) >= 5
    assert tables["stockouts"]["until_on"].isna().any()
    assert (tables["open_orders"]["due_on"] < TODAY).any()
    assert (tables["open_orders"]["due_on"] > TODAY + pd.Timedelta(days=89)).any()
    assert set(tables["open_orders"]["status"]) == {"proposed", "confirmed", "shipped"}
    assert len(tables["vehicles"]) >= 5
    lanes = tables["carrier_lanes"]
    assert set(lanes["service"]) == {"road", "express", "air"}
    assert lanes.loc[lanes["service"] == "road", "days"].max() >= 2


def test_part_numbers_stress_readers(small):
    """Leading zeros, numbers that look like powers of ten, dashes, dots, letters."""
    numbers = small["parts"]["part_id"]
    assert numbers.str.fullmatch(r"00\d{6}").any()
    assert numbers.str.fullmatch(r"\dE\d{5}").any()
    assert numbers.str.contains("-").any()
    assert numbers.str.fullmatch(r"[\d.]+\d0").any()
    assert small["parts"]["description"].str.contains("[一-龥]").all()
    assert small["parts"]["description"].str.contains('[",]').any()


def test_life_cycles_agree_with_demand(small):
    """A new part sold nothing before it was introduced, and no part sold long before that day."""
    lines = small["demand_lines"]
    first = lines[~lines["is_return"]].groupby("part_id")["demanded_on"].min()
    parts = small["parts"].set_index("part_id")
    assert (first >= parts["introduced_on"].reindex(first.index)).all()
    assert set(parts["lifecycle"]) == {"new", "active", "phase_out", "ended"}
    assert (parts.loc[parts["lifecycle"] == "new", "introduced_on"] > pd.Timestamp(2025, 10, 1)).all()


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"n_dcs": 0}, r"n_dcs is 0; it must be between 1 and 10\."),
        ({"n_dcs": 11}, r"n_dcs is 11; it must be between 1 and 10\."),
        ({"n_dealers": 0}, r"n_dealers is 0; it must be between 1 and 5000\."),
        ({"n_dealers": 5001}, r"n_dealers is 5001; it must be between 1 and 5000\."),
        ({"n_parts": 0}, r"n_parts is 0; it must be between 1 and 1000000\."),
        ({"n_parts": None}, r"n_parts and n_months may be None only where real series are given with like"),
        ({"n_months": 2}, r"n_months is 2; it must be between 3 and 240\."),
        ({"seed": -1}, r"seed is -1; it must be between 0 and 4294967295\."),
        ({"today": date(1990, 1, 1)}, r"today is 1990-01-01; it must be between 2000-01-01 and 2100-01-01"),
    ],
)
def test_what_is_out_of_bounds_is_refused(changed, text):
    usual = {"n_dcs": 1, "n_dealers": 2, "n_parts": 5, "n_months": 3, "seed": 1}
    with pytest.raises(SettingsError, match=text):
        make_sample(**{**usual, **changed})


@pytest.mark.parametrize("today", [date(2026, 3, 1), date(2024, 2, 29), date(2027, 1, 1), date(2026, 12, 31)])
def test_any_day_can_be_planned(today):
    tables = make_sample(n_dcs=2, n_dealers=4, n_parts=50, n_months=12, seed=1, today=today)
    assert tables["demand_lines"]["demanded_on"].max() < pd.Timestamp(today)
    assert (tables["urgent_orders"]["placed_at"] < pd.Timestamp(today, tz="Asia/Shanghai")).all()
