import os
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import StorageError, TableError
from partsopt.settings import ReadParams
from partsopt.store.readers import read_inputs, zones_of
from partsopt.store.writers import write_csv, write_parquet, write_tables
from partsopt.tables import (
    DELIVERIES,
    EXCEPTIONS,
    PARTS,
    SITES,
    URGENT_ORDERS,
    Table,
    conform,
    moment,
    money,
    number,
    text,
    whole,
)

SHOWN = Table(
    name="shown",
    says="one column of each way to show a value",
    key=("id",),
    columns={
        "id": text("key"),
        "share": number("at most six decimals", required=False),
        "coarse": number("at most two decimals", decimals=2, required=False),
        "cost": money("always two decimals", required=False),
        "pieces": whole("digits", required=False, default=0),
        "at": moment("in UTC, as no site is named", required=False),
    },
)


def written(frame, table, tmp_path, **options):
    write_csv(frame, table, tmp_path / "out.csv", zones=options.pop("zones", {}), **options)
    return (tmp_path / "out.csv").read_bytes().decode()


def test_numbers_have_a_point_and_no_exponent_and_no_minus_zero(tmp_path):
    rows = pd.DataFrame(
        {
            "id": ["a", "b", "c", "d"],
            "share": [1e-7, 1 / 3, -0.0, 1e20],
            "coarse": [2.5, -0.001, np.nan, 1234.567],
            "cost": [2.5, -0.001, np.nan, 1234.567],
            "pieces": [0, -3, 10**15, 7],
        }
    )
    assert written(rows, SHOWN, tmp_path) == (
        "id,share,coarse,cost,pieces,at\n"
        "a,0,2.5,2.50,0,\n"
        "b,0.333333,0,0.00,-3,\n"
        "c,0,,,1000000000000000,\n"
        "d,100000000000000000000,1234.57,1234.57,7,\n"
    )


def test_rows_are_sorted_and_text_is_quoted_only_where_it_must_be(tmp_path):
    rows = pd.DataFrame({"id": ['b "5"', "c\nd", "a,b", " x ", "'"]})
    lines = written(rows, SHOWN, tmp_path)
    assert lines.startswith('id,share,coarse,cost,pieces,at\n x ,,,,0,\n\',,,,0,\n"a,b",,,,0,\n"b ""5""",,,,0,\n"c\nd"')


def test_moments_are_written_in_the_time_of_their_site(tmp_path):
    rows = pd.DataFrame(
        {
            "order_id": "U1",
            "line": [1, 2],
            "site_id": ["D1", "D2"],
            "part_id": "A",
            "quantity": 1,
            "tier": "vor",
            "placed_at": pd.to_datetime(["2026-07-01 06:00:00", "2026-07-01 06:00:30"], utc=True),
            "deliver_by": pd.DatetimeIndex([pd.NaT, pd.NaT], tz="UTC"),
        }
    )
    zones = {"D1": "Europe/Berlin", "D2": "Asia/Shanghai"}
    lines = written(rows, URGENT_ORDERS, tmp_path, zones=zones).splitlines()
    assert lines[1:] == [
        "U1,1,D1,A,1,vor,2026-07-01T08:00+02:00,",
        "U1,2,D2,A,1,vor,2026-07-01T14:00:30+08:00,",
    ]
    with pytest.raises(TableError, match=r"urgent_orders: site_id is 'D2'; it must be a site with a time zone"):
        written(rows, URGENT_ORDERS, tmp_path, zones={"D1": "Europe/Berlin"})


def test_a_table_without_rows_is_its_header(tmp_path):
    assert written(pd.DataFrame(columns=list(EXCEPTIONS.columns)), EXCEPTIONS, tmp_path) == (
        "code,stage,site_id,part_id,line_id,what,money,action,since_on\n"
    )
    write_parquet(pd.DataFrame(columns=list(EXCEPTIONS.columns)), EXCEPTIONS, tmp_path / "out.parquet")
    assert pd.read_parquet(tmp_path / "out.parquet").empty


def test_the_excel_profile_takes_the_sting_out_of_formulas_and_leaves_numbers(tmp_path):
    ids = ["=1+1", "+cmd", "-12", "+5", "-1,5", "@SUM(A1)", "\tx", "a=b", "00123", "-A12"]
    rows = pd.DataFrame({"id": ids, "pieces": range(len(ids))})
    lines = written(rows, SHOWN, tmp_path, profile="excel")
    assert lines.startswith("\ufeffid,share")
    assert lines.count("\n") == lines.count("\r\n") == 11
    shown = {int(line.split(",")[-2]): ",".join(line.split(",")[:-5]) for line in lines.splitlines()[1:]}
    assert [shown[place] for place in range(len(ids))] == [
        "'=1+1", "'+cmd", "-12", "+5", '"-1,5"', "'@SUM(A1)", "'\tx", "a=b", "00123", "'-A12",
    ]  # fmt: skip


def test_the_same_rows_in_any_order_give_the_same_bytes(tmp_path):
    rows = pd.DataFrame({"id": [f"{n:03}" for n in range(100)], "share": np.arange(100) / 7})
    for suffix, write in (("csv", lambda frame, file: write_csv(frame, SHOWN, file, zones={})), ("parquet", lambda frame, file: write_parquet(frame, SHOWN, file))):  # fmt: skip
        write(rows, tmp_path / f"one.{suffix}")
        write(rows.sample(frac=1, random_state=1), tmp_path / f"other.{suffix}")
        assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"other.{suffix}").read_bytes()


def test_parquet_has_plain_types_and_the_same_bytes_in_another_process(tmp_path):
    script = (
        "import sys, pandas as pd\nfrom pathlib import Path\n"
        "from partsopt.store.writers import write_parquet\nfrom partsopt.tables import PARTS\n"
        "rows = pd.DataFrame({'part_id': ['A', 'B'], 'unit_cost': 1.0, 'weight_kg': 2.0, 'volume_m3': 0.1})\n"
        "write_parquet(rows, PARTS, Path(sys.argv[1]))\n"
    )
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", script, str(tmp_path / seed)], check=True, env=environment)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    import pyarrow.parquet as pq

    schema = pq.read_schema(tmp_path / "1")
    assert schema.metadata is None
    assert [str(schema.field(name).type) for name in ("part_id", "unit_cost", "introduced_on")] == [
        "string", "double", "date32[day]",
    ]  # fmt: skip


def test_an_unwritable_place_is_told_with_what_to_do(tmp_path):
    rows = pd.DataFrame({"id": ["a"]})
    for write in (lambda: write_csv(rows, SHOWN, tmp_path / "no" / "out.csv", zones={}), lambda: write_parquet(rows, SHOWN, tmp_path / "no" / "out.parquet")):  # fmt: skip
        with pytest.raises(
            StorageError, match=r"no/out\.\w+ could not be written or read \(No such file or directory\)"
        ):
            write()


def test_a_directory_with_the_other_format_is_not_mixed(tmp_path):
    rows = conform(pd.DataFrame({"part_id": ["A"], "unit_cost": 1.0, "weight_kg": 1.0, "volume_m3": 1.0}), PARTS)
    write_tables(tmp_path, {"parts": rows}, zones={}, format="parquet")
    with pytest.raises(StorageError, match=r"holds parts.parquet already"):
        write_tables(tmp_path, {"parts": rows}, zones={})


# --------------------------------------------------------------------------- round trip

ids = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x9FFF, categories=["L", "N", "P", "S"]), min_size=1, max_size=6
)
shown_ids = st.one_of(st.sampled_from(["00123", "1E5", "-12", "NaN", "NULL", "=1+1", '5"', "a,b", "机油"]), ids)
free = st.one_of(
    st.sampled_from(
        ["", "机油滤清器", 'a "quoted" one', "two\nlines", "carriage\rreturn", " blanks ", "a,b\r\nc", "NULL"]
    ),
    st.text(st.characters(exclude_characters="\x00,", exclude_categories=["Cs"]), max_size=12),
)
costs = st.one_of(st.floats(1e-9, 1e12), st.sampled_from([0.1, 12.5, 1e-05, 0.005]))
days = st.dates(date(1990, 1, 1), date(2100, 12, 31))
moments = st.dates(date(1990, 1, 2), date(2100, 12, 30)).flatmap(
    lambda on: st.times().map(lambda at: datetime.combine(on, at))
)
clocks = st.tuples(st.integers(0, 1438), st.integers(1, 1439)).map(lambda two: (min(two), max(min(two) + 1, *two)))


@st.composite
def networks(draw):
    part_ids = draw(st.lists(shown_ids, min_size=1, max_size=4, unique=True))
    dealer_ids = draw(st.lists(shown_ids.filter(lambda one: one != "BJ"), min_size=1, max_size=3, unique=True))
    n, site_ids = len(part_ids), ["BJ", *dealer_ids]
    hours = [draw(clocks) for _ in site_ids]
    parts = pd.DataFrame(
        {
            "part_id": part_ids,
            "description": [draw(free) for _ in range(n)],
            "unit_cost": [draw(costs) for _ in range(n)],
            "weight_kg": [draw(st.floats(0, 1e6)) for _ in range(n)],
            "volume_m3": [draw(st.floats(0, 1e3)) for _ in range(n)],
            "introduced_on": pd.to_datetime([draw(st.one_of(st.none(), days)) for _ in range(n)]).astype(
                "datetime64[us]"
            ),
        }
    )
    sites = pd.DataFrame(
        {
            "site_id": site_ids,
            "site_kind": ["dc", *["dealer"] * len(dealer_ids)],
            "name": [draw(free) for _ in site_ids],
            "latitude": [draw(st.floats(-90, 90)) for _ in site_ids],
            "longitude": 0.0,
            "supplied_by": ["", *["BJ"] * len(dealer_ids)],
            "opens_at": [opens for opens, _ in hours],
            "closes_at": [closes for _, closes in hours],
            "time_zone": [
                draw(st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "Asia/Kathmandu"])) for _ in site_ids
            ],
        }
    )
    placed = pd.DatetimeIndex([draw(moments) for _ in site_ids]).astype("datetime64[us]").tz_localize("UTC")
    urgent = pd.DataFrame(
        {
            "order_id": "U",
            "line": range(1, len(site_ids) + 1),
            "site_id": site_ids,
            "part_id": part_ids[0],
            "quantity": draw(st.integers(1, 10**12)),
            "tier": "vor",
            "placed_at": placed,
            "deliver_by": placed.where([draw(st.booleans()) for _ in site_ids]),
        }
    )
    demand = pd.DataFrame(
        {
            "demanded_on": pd.to_datetime([draw(days) for _ in range(3)]).astype("datetime64[us]"),
            "site_id": dealer_ids[0],
            "part_id": part_ids[-1],
            "quantity": [1, -2, 10**9],
            "is_return": [False, True, False],
        }
    )
    stock = pd.DataFrame({"site_id": site_ids, "part_id": part_ids[0], "on_hand": draw(st.integers(0, 10**17))})
    supply = pd.DataFrame(columns=["site_id", "part_id", "source_id", "channel", "lead_time_days", "unit_cost"])
    return {
        "parts": conform(parts, PARTS),
        "sites": conform(sites, SITES),
        "urgent_orders": conform(urgent, URGENT_ORDERS),
        "demand_lines": demand,
        "stock": stock,
        "supply": supply,
    }


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@given(networks())
@settings(max_examples=12, deadline=None)
def test_what_is_written_is_read_back_equal(tmp_path_factory, suffix, tables):
    from partsopt.tables import INPUT_TABLES

    directory = tmp_path_factory.mktemp("round_trip")
    write_tables(directory, tables, zones=zones_of(tables["sites"]), format=suffix)
    inputs = read_inputs(directory, ReadParams())
    assert inputs.notes == ()
    for name, frame in tables.items():
        pd.testing.assert_frame_equal(inputs.tables[name], conform(frame, INPUT_TABLES[name]), check_exact=True)


def test_deliveries_of_a_night_are_a_file_for_machines(tmp_path):
    rows = pd.DataFrame(
        {
            "depot_id": ["BJ"], "carried_by": "vehicle", "route_id": "R1", "vehicle_id": "V1", "trip": 1, "position": 2,
            "site_id": "D01", "service": "", "tier": "vor", "n_lines": 3, "load_kg": 12.3456, "load_m3": 0.00004,
            "distance_m": 1234.5, "cost": 0.0,
            **{name: pd.to_datetime(["2026-11-21 01:30"], utc=True) for name in ("departs_at", "arrives_at", "starts_at", "leaves_at")},
        }
    )  # fmt: skip
    lines = written(rows, DELIVERIES, tmp_path, zones={"D01": "Asia/Shanghai"}).splitlines()
    assert lines[1] == (
        "BJ,vehicle,R1,V1,1,2,D01,,vor,2026-11-21T09:30+08:00,2026-11-21T09:30+08:00,2026-11-21T09:30+08:00,"
        "2026-11-21T09:30+08:00,1234,3,12.346,0,0,0,0.00"
    )


def test_a_directory_is_written_in_the_order_of_the_declarations(tmp_path):
    parts = pd.DataFrame(columns=list(PARTS.columns))
    sites = pd.DataFrame(columns=list(SITES.columns))
    files = write_tables(tmp_path / "new" / "input", {"sites": sites, "parts": parts}, zones={})
    assert [Path(file).name for file in files] == ["parts.csv", "sites.csv"]
