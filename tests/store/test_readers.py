import hashlib
import shutil
from datetime import UTC, datetime

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import InputError, SettingsError
from partsopt.settings import ReadParams
from partsopt.store.readers import InputFile, read_inputs
from partsopt.tables import DTYPES, INPUT_TABLES
from tests.bad_inputs.case import SOUND

LOOSE = ReadParams(max_rejected_share=1.0)


@pytest.fixture
def sound(tmp_path):
    """The sound network, to be broken."""
    return shutil.copytree(SOUND, tmp_path / "input")


def test_every_table_is_there_with_its_declared_columns_and_types(sound):
    inputs = read_inputs(sound, ReadParams())
    assert list(inputs.tables) == list(INPUT_TABLES)
    for name, table in INPUT_TABLES.items():
        found = {column: str(dtype) for column, dtype in inputs.tables[name].dtypes.items()}
        assert found == {column: DTYPES[declared.kind] for column, declared in table.columns.items()}, name


def test_part_numbers_survive_and_defaults_are_filled_in(sound):
    parts = read_inputs(sound, ReadParams()).tables["parts"].set_index("part_id")
    assert parts.index.tolist() == ["-12", "00123", "1E5"]
    assert parts.loc["00123", ["unit_cost", "criticality", "part_group"]].tolist() == [12.5, "essential", ""]
    assert parts["introduced_on"].isna().all()


def test_files_read_are_listed_with_their_hash(sound):
    (sound / "stock.csv").write_text("site_id,part_id,on_hand\nBJ,00123,-1\nBJ,1E5,2\n")
    files = {file.name: file for file in read_inputs(sound, LOOSE).files}
    sha256 = hashlib.sha256((sound / "stock.csv").read_bytes()).hexdigest()
    assert files["stock.csv"] == InputFile("stock.csv", "stock", 2, 1, sha256)
    assert sorted(files) == ["demand_lines.csv", "parts.csv", "sites.csv", "stock.csv", "supply.csv"]


def test_a_refused_row_is_in_rejects_and_nowhere_else(sound):
    (sound / "stock.csv").write_text("site_id,part_id,on_hand\nBJ,00123,-1\nBJ,1E5,2\n")
    inputs = read_inputs(sound, LOOSE)
    assert inputs.tables["stock"]["part_id"].tolist() == ["1E5"]
    assert inputs.rejects[["line", "column", "row_text"]].to_numpy().tolist() == [[2, "on_hand", "BJ,00123,-1"]]


@given(st.permutations(range(6)))
@settings(max_examples=8, deadline=None)
def test_the_order_of_rows_in_a_file_does_not_matter(tmp_path_factory, order):
    lines = [f"2026-09-{1 + n % 3:02},D0{1 + n % 2},00123,{n + 1}" for n in range(6)]
    tables = []
    for arranged in (lines, [lines[place] for place in order]):
        directory = shutil.copytree(SOUND, tmp_path_factory.mktemp("order") / "input")
        (directory / "demand_lines.csv").write_text("demanded_on,site_id,part_id,quantity\n" + "\n".join(arranged))
        tables.append(read_inputs(directory, ReadParams()).tables["demand_lines"])
    pd.testing.assert_frame_equal(*tables)


def test_local_times_are_those_of_the_site_and_an_offset_wins(sound):
    (sound / "sites.csv").write_text(
        "site_id,site_kind,latitude,longitude,supplied_by,time_zone\n"
        "BJ,dc,39.9,116.4,,\nD01,dealer,39.1,117.2,BJ,Europe/Berlin\nD02,dealer,38.9,115.5,BJ,\n"
    )
    (sound / "urgent_orders.csv").write_text(
        "order_id,line,site_id,part_id,quantity,tier,placed_at,deliver_by\n"
        "U1,1,D01,00123,1,vor,2026-07-01T08:00,\n"
        "U1,2,D02,00123,1,vor,2026-07-01 08:00:30,2026-07-02\n".replace("2026-07-02\n", "2026-07-01T08:00-05:00\n")
    )
    orders = read_inputs(sound, ReadParams()).tables["urgent_orders"]
    assert orders["placed_at"].tolist() == [
        datetime(2026, 7, 1, 6, tzinfo=UTC),
        datetime(2026, 7, 1, 0, 0, 30, tzinfo=UTC),
    ]
    assert orders["deliver_by"].isna().tolist() == [True, False]
    assert orders["deliver_by"][1] == datetime(2026, 7, 1, 13, tzinfo=UTC)


def test_refused_rows_up_to_the_share_allowed_do_not_stop_the_run(sound):
    rows = "".join(f"2026-09-01,D01,00123,{quantity}\n" for quantity in [0, *range(1, 50)])
    (sound / "demand_lines.csv").write_text("demanded_on,site_id,part_id,quantity\n" + rows)
    assert len(read_inputs(sound, ReadParams(max_rejected_share=0.02)).rejects) == 1
    with pytest.raises(InputError, match=r"demand_lines.csv: has 50 rows, of which 1 was refused: 2 %, more than"):
        read_inputs(sound, ReadParams(max_rejected_share=0.019))


def test_very_many_refused_rows_are_counted_in_the_text_and_all_in_rejects(sound):
    rows = "".join(f"2026-09-01,D01,00123,{n}.5\n" for n in range(250))
    (sound / "demand_lines.csv").write_text("demanded_on,site_id,part_id,quantity\n" + rows)
    with pytest.raises(InputError, match=r"demand_lines.csv: has 150 more violations in quantity") as caught:
        read_inputs(sound, ReadParams())
    assert len(caught.value.violations) == 1 + 100 + 1
    assert len(caught.value.rejects) == 250


def test_required_tables_but_parts_and_sites_may_be_without_rows(sound):
    for name in ("demand_lines", "stock", "supply"):
        file = sound / f"{name}.csv"
        file.write_text(file.read_text().partition("\n")[0] + "\n")
    inputs = read_inputs(sound, ReadParams())
    assert [len(inputs.tables[name]) for name in ("demand_lines", "stock", "supply")] == [0, 0, 0]


def test_a_directory_that_is_not_there_says_what_to_give(tmp_path):
    with pytest.raises(
        InputError, match=r"nowhere does not exist. Give a directory with parts.csv, sites.csv, .* and supply"
    ):
        read_inputs(tmp_path / "nowhere", ReadParams())


def test_a_file_in_the_place_of_the_directory_is_told(tmp_path):
    (tmp_path / "input").write_text("")
    with pytest.raises(InputError, match="input is a file, not a directory"):
        read_inputs(tmp_path / "input", ReadParams())


def test_a_folder_in_the_place_of_a_file_is_told(sound):
    (sound / "holidays.csv").mkdir()
    with pytest.raises(InputError, match=r"holidays.csv: cannot be read \(Is a directory\)"):
        read_inputs(sound, ReadParams())


def test_an_encoding_for_a_table_that_does_not_exist_is_refused(sound):
    with pytest.raises(SettingsError, match=r"read.encoding_of.part names no table; the nearest name is parts"):
        read_inputs(sound, ReadParams(encoding_of={"part": "gb18030"}))


def test_tables_in_chinese_are_read_alike_in_every_encoding(sound):
    written = (sound / "sites.csv").read_text().replace("Beijing", "北京").replace("Tianjin", "天津")
    found = []
    for encoding in ("utf-8", "utf-8-sig", "gb18030"):
        (sound / "sites.csv").write_bytes(written.encode(encoding))
        params = ReadParams(encoding_of={"sites": "gb18030"} if encoding == "gb18030" else {})
        found.append(read_inputs(sound, params).tables["sites"]["name"].tolist())
    assert found == [["北京", "天津", "Baoding"]] * 3


@pytest.mark.parametrize("line_end", ["\n", "\n\n"])
def test_many_quoted_rows_are_read_quickly_or_with_blank_lines_in_batches(sound, monkeypatch, line_end):
    monkeypatch.setattr("partsopt.store.csv_sheets.QUOTES_AT_ONCE", 1000)
    monkeypatch.setattr("partsopt.store.csv_sheets.BATCH_ROWS", 100)
    rows = "".join(f'"2026-09-01","D01","00123","{n}"{line_end}' for n in range(1, 251))
    (sound / "demand_lines.csv").write_text('"demanded_on","site_id","part_id","quantity"\n' + rows)
    lines = read_inputs(sound, ReadParams()).tables["demand_lines"]
    assert lines["quantity"].tolist() == list(range(1, 251))
