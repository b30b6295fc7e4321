import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from partsopt.settings import ReadParams
from partsopt.store.parquet_sheets import read_parquet_sheet
from partsopt.tables import Table, clock, day, flag, moment, number, text, whole


def test_types_of_parquet_are_written_out_without_loss():
    kinds = Table(
        name="kinds",
        says="one column of each kind",
        columns={
            "id": text("a"), "pieces": whole("b"), "share": number("c"), "is_it": flag("d"), "on": day("e"),
            "at": moment("f"), "opens_at": clock("g"), "more": whole("h"), "cost": number("i"), "none": text("j"),
        },
    )  # fmt: skip
    stored = pa.table(
        {
            "id": pa.array(["00123", None]).dictionary_encode(),
            "pieces": pa.array([3.0, None]),
            "share": pa.array([1e-05, 1e15]),
            "is_it": pa.array([True, False]),
            "on": pa.array([20_000, None], pa.date32()),
            "at": pa.array([1_500_000, None], pa.timestamp("us", tz="Asia/Shanghai")),
            "opens_at": pa.array([510, 1439]),
            "more": pa.array([12, -3], pa.int16()),
            "cost": pa.array([1250, None], pa.decimal128(12, 2)),
            "none": pa.nulls(2),
        }
    )
    stream = io.BytesIO()
    pq.write_table(stored, stream)
    sheet = read_parquet_sheet(stream.getvalue(), "kinds.parquet", kinds, ReadParams())
    assert sheet.faults == ()
    assert {name: cell.to_pylist() for name, cell in sheet.cells.items()} == {
        "id": ["00123", ""],
        "pieces": ["3", ""],
        "share": ["0.00001", "1e+15"],
        "is_it": ["true", "false"],
        "on": ["2024-10-04", ""],
        "at": ["1970-01-01 00:00:01.500000Z", ""],
        "opens_at": ["08:30", "23:59"],
        "more": ["12", "-3"],
        "cost": ["1250.00", ""],
        "none": ["", ""],
    }
    assert sheet.row_texts(np.array([1])) == [",,1e+15,false,,,23:59,-3,,"]
