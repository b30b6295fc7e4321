"""What this night goes on from: review days, order lines put off, exceptions and waiting lines of the last night."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from partsopt.errors import TableError
from partsopt.store.promises import runs_between
from partsopt.store.publish import DISPATCHED, MANIFEST
from partsopt.store.readers import InputFile
from partsopt.tables import EXCEPTIONS, PUT_OFF, REVIEW_DAYS, WAITING_LINES, Table, conform

DAYS = 31  # an older night says nothing of today's reviews
CARRIED: dict[str, tuple[str, Table]] = {
    "last_review_days": ("review_days.parquet", REVIEW_DAYS),
    "last_put_off": ("put_off.parquet", PUT_OFF),
    "last_exceptions": ("all_exceptions.parquet", EXCEPTIONS),
    "last_waiting": ("waiting_lines.parquet", WAITING_LINES),
}


def read_last_night(runs: Path, today: date) -> tuple[dict[str, pd.DataFrame], tuple[InputFile, ...]]:
    """Tables of the last run of an earlier day, by the name under which a night takes them, and their files.

    Parameters
    ----------
    runs
        Folder of all runs. What a run lacks, or wrote in an older form, is left out.
    today
        The planned day; its own runs are passed over, so that a night never sees itself.
    """
    tables, files = dict[str, pd.DataFrame](), []
    for name, (file, table) in CARRIED.items():
        found = runs_between(runs, date.fromordinal(today.toordinal() - DAYS), today, file)
        if not found:
            continue
        folder, sha256 = found[max(found)]
        if table is WAITING_LINES:
            folder, sha256 = _as_dispatched(runs, folder, file) or (folder, sha256)
        try:
            stored = conform(pq.read_table(folder / file).to_pandas(), table)
        except (OSError, pa.ArrowException, TableError, KeyError, ValueError):
            continue
        if len(stored):
            tables[name] = stored
            files.append(InputFile(f"{folder.name}/{file}", name, len(stored), 0, sha256))
    return tables, tuple(files)


def _as_dispatched(runs: Path, night: Path, file: str) -> tuple[Path, str] | None:
    """The newest dispatch of a night, with the hash of its file; None where there was none."""
    try:
        newest = runs / (runs / DISPATCHED).read_text(encoding="utf-8").strip()
        manifest = json.loads((newest / MANIFEST).read_bytes())
        is_of_night = manifest["dispatch"]["night"] == night.name
        return (newest, str(manifest["files"][file]["sha256"])) if is_of_night else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
