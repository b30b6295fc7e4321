"""What earlier runs promised: read from their folders, for the days and parts with demand since."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from partsopt.store.publish import MANIFEST
from partsopt.store.readers import InputFile
from partsopt.tables import PAST_PROMISES, SITE_PART, conform, empty

RUN = re.compile(r"\d{8}-[0-9a-f]{10}")
FILE = "levels.parquet"
COLUMNS = ["site_id", "part_id", "abc_class", "is_stocked", "promised_fill_rate", "shortfall_factor"]


def read_past_promises(
    runs: Path, demand_lines: pd.DataFrame, sites: pd.DataFrame, today: date, days: int
) -> tuple[pd.DataFrame, tuple[InputFile, ...]]:
    """The promise in force on each day at each part and site with demand, and the files it was read from.

    Parameters
    ----------
    runs
        Folder of all runs. Those of ``today`` and later are passed over, so that a night never sees itself; of
        several of one day the last by name counts. A run that cannot be read is passed over.
    demand_lines, sites
        Input tables; a DC is asked for what its dealers are asked for.
    today, days
        Promises of so many days before ``today`` count; 0: none.

    Returns
    -------
    tuple
        PAST_PROMISES, and each file with the hash that its run's manifest gives it.
    """
    found = runs_between(runs, today - timedelta(days=days), today, FILE) if days > 0 else {}
    if not found:
        return empty(PAST_PROMISES), ()
    starts = sorted(found)
    first, last = pd.Timestamp(starts[0]), pd.Timestamp(today)
    day = demand_lines["demanded_on"]
    asked = demand_lines.loc[day.ge(first) & day.lt(last) & demand_lines["quantity"].gt(0), ["demanded_on", *SITE_PART]]
    dc_of = sites.loc[sites["supplied_by"].ne(""), ["site_id", "supplied_by"]]
    of_dcs = asked.merge(dc_of, on="site_id", validate="m:1")
    of_dcs = of_dcs.assign(site_id=of_dcs["supplied_by"])[asked.columns]
    asked = pd.concat([asked, of_dcs], ignore_index=True).drop_duplicates()
    in_force = np.searchsorted(pd.DatetimeIndex(starts), asked["demanded_on"], side="right") - 1
    tables, files = [], []
    for number, start in enumerate(starts):
        here = asked[in_force == number]
        folder, sha256 = found[start]
        promises = _promises_of(folder / FILE, here) if len(here) else None
        if promises is not None and len(promises):
            tables.append(promises)
            files.append(InputFile(f"{folder.name}/{FILE}", "past_promises", len(promises), 0, sha256))
    if not tables:
        return empty(PAST_PROMISES), ()
    return conform(pd.concat(tables, ignore_index=True), PAST_PROMISES), tuple(files)


def runs_between(runs: Path, first: date, today: date, file: str) -> dict[date, tuple[Path, str]]:
    """The last run of each day from ``first`` to before ``today`` that has a file, with the hash of that."""
    found: dict[date, tuple[Path, str]] = {}
    for folder in sorted(runs.iterdir()) if runs.is_dir() else []:
        if not RUN.fullmatch(folder.name):
            continue
        try:
            manifest = json.loads((folder / MANIFEST).read_bytes())
            day, sha256 = date.fromisoformat(manifest["today"]), str(manifest["files"][file]["sha256"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if first <= day < today:
            found[day] = folder, sha256
    return found


def _promises_of(file: Path, asked: pd.DataFrame) -> pd.DataFrame | None:
    """Promises of a run for what was asked while it was in force; None where the file lacks or is of an older kind."""
    try:
        stored = pq.read_table(file, columns=COLUMNS, read_dictionary=SITE_PART)
    except (OSError, pa.ArrowException):
        return None
    if stored.num_columns < len(COLUMNS):
        return None
    rows = stored.to_pandas()
    pairs = asked[SITE_PART].drop_duplicates()
    wanted = pd.Series(True, index=rows.index)
    for name in SITE_PART:  # by the few different texts, not by row
        known = rows[name].cat.categories.isin(pairs[name])
        wanted &= known[rows[name].cat.codes]
    rows = rows[wanted & rows["is_stocked"]].astype(dict.fromkeys(SITE_PART, "str"))
    return asked.merge(rows.drop(columns="is_stocked"), on=SITE_PART, validate="m:1")
