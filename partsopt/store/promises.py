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
    """What was promised for each day at each part and site with demand, and the files it was read from.

    Stock that meets a demand was ordered by the review before, and came a lead time later. So a promise holds from its
    protection interval on; at a dealer from then on that its DC, too, had ordered by that night's levels.

    Parameters
    ----------
    runs
        Folder of all runs. Those of ``today`` and later are passed over, so that a night never sees itself; of
        several of one day the last by name counts. A run that cannot be read is passed over.
    demand_lines, sites
        Input tables; a DC is asked for what its dealers are asked for.
    today, days
        Demand of so many days before ``today`` counts; 0: none.

    Returns
    -------
    tuple
        PAST_PROMISES, and each file with the hash that its run's manifest gives it.
    """
    first = today - timedelta(days=days)
    lately = runs_between(runs, first, today, FILE) if days > 0 else {}
    if not lately:
        return empty(PAST_PROMISES), ()
    asked = _asked_since(first, demand_lines, sites, today)
    asked = _with_delay(asked, lately[max(lately)][0] / FILE, sites)
    longest = int(asked["delay"].max()) if len(asked) else 0
    found = runs_between(runs, first - timedelta(days=longest), today, FILE)
    starts = sorted(found)
    ordered_by = asked["demanded_on"] - pd.to_timedelta(asked["delay"], unit="D")
    in_force = np.searchsorted(pd.DatetimeIndex(starts), ordered_by, side="right") - 1
    asked = asked.drop(columns="delay")
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
        if not RUN.fullmatch(folder.name) or not f"{first:%Y%m%d}" <= folder.name[:8] < f"{today:%Y%m%d}":
            continue
        try:
            manifest = json.loads((folder / MANIFEST).read_bytes())
            day, sha256 = date.fromisoformat(manifest["today"]), str(manifest["files"][file]["sha256"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if first <= day < today:
            found[day] = folder, sha256
    return found


def _asked_since(first: date, demand_lines: pd.DataFrame, sites: pd.DataFrame, today: date) -> pd.DataFrame:
    """Days, sites and parts with demand from a day on; a DC is asked for what its dealers are asked for."""
    day = demand_lines["demanded_on"]
    lately = day.ge(pd.Timestamp(first)) & day.lt(pd.Timestamp(today))
    asked = demand_lines.loc[lately & demand_lines["quantity"].gt(0), ["demanded_on", *SITE_PART]]
    dc_of = sites.loc[sites["supplied_by"].ne(""), ["site_id", "supplied_by"]]
    of_dcs = asked.merge(dc_of, on="site_id", validate="m:1")
    of_dcs = of_dcs.assign(site_id=of_dcs["supplied_by"])[asked.columns]
    return pd.concat([asked, of_dcs], ignore_index=True).drop_duplicates(ignore_index=True)


def _with_delay(asked: pd.DataFrame, file: Path, sites: pd.DataFrame) -> pd.DataFrame:
    """What was asked, with the days after which a promise of its site and part holds: T + L, and that of the DC above.

    Pairs that the run does not keep are left out, as it promises nothing for them.
    """
    dc_of = sites.loc[sites["supplied_by"].ne(""), ["site_id", "supplied_by"]]
    above = asked.merge(dc_of, on="site_id", validate="m:1")[["supplied_by", "part_id"]]
    above = above.rename(columns={"supplied_by": "site_id"})
    levels = _levels_of(file, pd.concat([asked[SITE_PART], above]), [*SITE_PART, "is_stocked", "protection_days"])
    if levels is None:
        return asked.iloc[:0].assign(delay=0)
    levels["delay"] = np.ceil(levels["protection_days"]).astype("int64")
    delay = levels[[*SITE_PART, "delay"]]
    rows = asked.merge(delay, on=SITE_PART, validate="m:1").merge(dc_of, on="site_id", how="left", validate="m:1")
    of_dc = delay.rename(columns={"site_id": "supplied_by", "delay": "delay_of_dc"})
    rows = rows.merge(of_dc, on=["supplied_by", "part_id"], how="left", validate="m:1")
    return rows[asked.columns].assign(delay=rows["delay"] + rows["delay_of_dc"].fillna(0).astype("int64"))


def _promises_of(file: Path, asked: pd.DataFrame) -> pd.DataFrame | None:
    """Promises of a run for what was asked while it was in force; None where the file lacks or is of an older kind."""
    rows = _levels_of(file, asked, COLUMNS)
    return None if rows is None else asked.merge(rows, on=SITE_PART, validate="m:1")


def _levels_of(file: Path, asked: pd.DataFrame, columns: list[str]) -> pd.DataFrame | None:
    """Columns of a run's levels of the pairs that it keeps, for the sites and parts asked for."""
    try:
        stored = pq.read_table(file, columns=columns, read_dictionary=SITE_PART)
    except (OSError, pa.ArrowException):
        return None
    if stored.num_columns < len(columns):
        return None
    rows = stored.to_pandas()
    pairs = asked[SITE_PART].drop_duplicates()
    wanted = rows["is_stocked"].copy()
    for name in SITE_PART:  # by the few different texts, not by row
        known = rows[name].cat.categories.isin(pairs[name])
        wanted &= known[rows[name].cat.codes]
    return rows[wanted].astype(dict.fromkeys(SITE_PART, "str")).drop(columns="is_stocked")
