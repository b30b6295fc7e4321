"""What an items file says of the series of a long demand file: their part groups and unit costs.

The file is optional, and so is every row of it: one that breaks a rule is refused, and its series has no group or cost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from partsopt.errors import InputError
from partsopt.store.refusals import Refusals
from partsopt.store.series import check_exists, is_text, numbers_of

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

GROUP_NAMES = ("part_group", "group")
COST_NAMES = ("unit_cost", "price", "unit_price")
SHAPE = "Give one row a series: series_id, and part_group or unit_cost (or price)"


@dataclass(frozen=True, kw_only=True)
class SeriesItems:
    """What an items file says of each series.

    ``groups`` are whole numbers, the same for series of one part group, -1 where none is named; ``value`` is
    the unit cost, NaN where none is given. Either is None without such a column.
    """

    groups: Array | None
    value: Array | None
    n_known: int
    refusals: Refusals


def read_items(file: Path, series_ids: pa.Array, max_rejected_share: float = 0.0) -> SeriesItems:
    """Read part groups and unit costs of series from a Parquet file.

    Parameters
    ----------
    file
        One row a series: series_id, and part_group (or group), unit_cost (or price, unit_price), or both.
    series_ids
        The series wanted; rows of other series are not used.
    max_rejected_share
        The file is refused when a larger share of its rows breaks a rule. Else a cost that breaks one is not known, a
        row without a series or with one named before is left out, and what such rows say differently is not known.

    Raises
    ------
    InputError
        The file cannot be read, lacks columns, or too many rows break a rule; every rule is named with its first
        rows, and ``rejects`` holds all.
    """
    table, group_name, cost_name = _read(file)
    refusals = Refusals(file.name, table, of="items")
    named = ["" if one is None else str(one) for one in table.column("series_id").to_pylist()]
    is_blank = np.array([not one.strip() for one in named], dtype=np.bool_)
    refusals.add("series_id", np.flatnonzero(is_blank), "must be given", "give every row the series it belongs to")
    row_of: dict[str, int] = {}
    first = np.array([row_of.setdefault(one, row) for row, one in enumerate(named)], dtype=np.int64)
    again = np.flatnonzero((first < np.arange(len(first))) & ~is_blank)
    refusals.add(
        "series_id",
        again,
        "must be there once; an earlier row names this series too",
        "give one row a series, or leave the extra rows out",
    )
    groups = value = None
    if group_name is not None:
        groups = _codes(table.column(group_name))
        groups[first[again][groups[first[again]] != groups[again]]] = -1
    if cost_name is not None:
        value = _costs(table.column(cost_name), cost_name, refusals)
        before, after = value[first[again]], value[again]
        value[first[again][(before != after) & ~(np.isnan(before) & np.isnan(after))]] = np.nan
    refusals.stop_beyond(max_rejected_share)
    row = np.array([row_of.get(str(one), -1) for one in series_ids.to_pylist()], dtype=np.int64)
    return SeriesItems(
        groups=None if groups is None else np.append(groups, -1)[row],
        value=None if value is None else np.append(value, np.nan)[row],
        n_known=int((row >= 0).sum()),
        refusals=refusals,
    )


def _read(file: Path) -> tuple[pa.Table, str | None, str | None]:
    """The columns that are used, and the names of that of groups and that of costs."""
    check_exists(file)
    try:
        source = pq.ParquetFile(file)
        names = source.schema_arrow.names
        group_name = next((name for name in GROUP_NAMES if name in names), None)
        cost_name = next((name for name in COST_NAMES if name in names), None)
        if "series_id" not in names or (group_name is None and cost_name is None):
            raise InputError(f"{file.name} has {', '.join(names) or 'no column'}. {SHAPE}.")
        used = [name for name in ("series_id", group_name, cost_name) if name is not None]
        repeated = [name for name in used if names.count(name) > 1]
        if repeated:
            raise InputError(f"{file.name} has the column {repeated[0]} more than once. {SHAPE}.")
        table = source.read(columns=used).select(used)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise InputError(f"{file} cannot be read as Parquet ({reason}). {SHAPE}.") from None
    _check_type(file, table, "series_id", "text or whole numbers", is_number=pa.types.is_integer)
    if cost_name is not None:
        _check_type(file, table, cost_name, "numbers", is_number=_is_number)
    return table, group_name, cost_name


def _check_type(
    file: Path, table: pa.Table, name: str, stored: str, *, is_number: Callable[[pa.DataType], bool]
) -> None:
    kind = table.column(name).type
    bare = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (is_text(bare) or is_number(bare)):
        raise InputError(f"{file.name} stores {name} as {kind}; store it as {stored}.")


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _codes(column: pa.ChunkedArray) -> Array:
    """A number for each text, in the order of the texts; -1 where blank."""
    texts = ["" if one is None else str(one) for one in column.to_pylist()]
    order = {text: number for number, text in enumerate(sorted(set(texts) - {""}))}
    return np.array([order.get(text, -1) for text in texts], dtype=np.int64)


def _costs(column: pa.ChunkedArray, name: str, refusals: Refusals) -> Array:
    """Costs; NaN where blank or refused."""
    costs, is_no_number = numbers_of(column)
    blank = "or leave the cell blank"
    refusals.add(name, np.flatnonzero(is_no_number), "must be a number", f"give a cost such as 3.50, {blank}")
    refusals.add(name, np.flatnonzero(np.isinf(costs)), "must be finite", f"give a cost, {blank}")
    is_negative = (costs < 0) & ~np.isinf(costs)
    refusals.add(name, np.flatnonzero(is_negative), "must be 0 or more", f"correct it, {blank}")
    costs[is_negative | np.isinf(costs)] = np.nan
    return costs
