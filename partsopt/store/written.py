"""A run folder read back: every table row by row with its physical line, and what its manifest says of its files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from partsopt.errors import StorageError
from partsopt.settings import Settings, settings_from
from partsopt.store.publish import (
    CURRENT,
    DISPATCHED,
    MANIFEST,
    faults_of_files,
    manifest_as_written,
    read_manifest,
    run_named_by,
    storage_error,
)
from partsopt.store.readers import read_written
from partsopt.store.runs import USED
from partsopt.tables import (
    DERIVED_TABLES,
    INPUT_TABLES,
    LEVELS,
    OUTPUT_TABLES,
    POSITIONS,
    USED_TABLES,
    Column,
    Table,
    conform,
)

DECLARED = {**DERIVED_TABLES, **OUTPUT_TABLES}
LEVELS_READ = ("site_id", "part_id", "promised_fill_rate")
RATES = replace(
    LEVELS,
    columns={name: LEVELS.columns[name] for name in ("site_id", "part_id", "mean_over_protection", "protection_days")},
)
DOCUMENTS = ("purchase_orders", "transfer_orders", "deliveries", "pick_lists", "waiting")
PLANNED = (
    "lineage",
    "requests",
    "shipments",
    "taken_up",
    "shortages",
    "routes",
    "stops",
    "delivery_lines",
    "collections",
    "waiting_lines",
)
WAITING_TOO = ("taken_up", "waiting_lines")
LOCKED = ("routes", "stops", "delivery_lines", "collections")
FORMULA_BEGINS = tuple("'" + sign for sign in "=+-@＝＋－＠")


@dataclass(frozen=True, kw_only=True)
class WrongLine:
    """A value of a written file that breaks a rule.

    ``line`` is the physical line of a text file (the header is line 1), the row number (from 1) of a
    Parquet file, and 0 where the rule concerns the whole file.
    """

    file: str
    line: int
    column: str
    written: str
    computed: str
    rule: str

    def __str__(self) -> str:
        """Say what is wrong as one sentence.

        Examples
        --------
        >>> print(WrongLine(file="deliveries.csv", line=7, column="n_lines", written="3", computed="2",
        ...                 rule="shipment lines"))
        deliveries.csv line 7: n_lines is "3", recomputed it is "2" (shipment lines).
        """
        where = f"{self.file} line {self.line}" if self.line else self.file
        if not self.column:
            return f"{where}: {self.rule}."
        should = f', recomputed it is "{self.computed}"' if self.computed else ""
        return f'{where}: {self.column} is "{self.written}"{should} ({self.rule}).'


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """A published run: its manifest, its tables in the order of their files, and where each row stands."""

    folder: Path
    manifest: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    sheets: Mapping[str, tuple[str, Table, Any]]
    wrong: tuple[WrongLine, ...]

    @property
    def today(self) -> date:
        """The planned day."""
        return date.fromisoformat(self.manifest["today"])

    @property
    def settings(self) -> Settings:
        """The settings it was planned with."""
        return settings_from(self.manifest["settings"])

    def line_of(self, table: str, row: int, column: str, computed: object, rule: str) -> WrongLine:
        """A wrong value where it stands; ``row`` counts from 0, -1 is the file as a whole."""
        file, declared, sheet = self.sheets[table]
        if row < 0:
            return WrongLine(file=file, line=0, column="", written="", computed="", rule=f"{column} {rule}".strip())
        cell = sheet.cells.get(column)
        written = cell[row].as_py() if cell is not None else ""
        return WrongLine(
            file=file,
            line=int(sheet.lines[row]),
            column=column,
            written=written,
            computed="" if computed is None else _shown(computed, declared.columns[column], written),
            rule=rule,
        )


@dataclass(frozen=True, kw_only=True)
class RunTables:
    """A run as a dispatch reads it, its files checked by their hashes: its tables, and those of its night."""

    folder: Path
    night: Path
    manifest: Mapping[str, Any]
    sha256: str
    tables: Mapping[str, pd.DataFrame]
    used: Mapping[str, pd.DataFrame]

    @property
    def today(self) -> date:
        """The planned day."""
        return date.fromisoformat(self.manifest["today"])

    @property
    def settings(self) -> Settings:
        """The settings it was planned with."""
        return settings_from(self.manifest["settings"])

    @property
    def dispatched_at(self) -> pd.Timestamp | None:
        """When the dispatch was made that this run is; None for a night."""
        return pd.Timestamp(self.manifest["dispatch"]["now"]) if "dispatch" in self.manifest else None

    def holds(self, file: str, table: pd.DataFrame) -> bool:
        """Whether a table is the very one that was read of a file of this run."""
        read = {f"{name}.parquet": one for name, one in self.tables.items()}
        read |= {f"{USED}/{name}.parquet": one for name, one in self.used.items()}
        return file in self.manifest["files"] and read.get(file) is table

    def before(self, orders: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Its tables with the night's positions and levels of the parts ordered, and of those that replace them."""
        part_ids, replaced = set(orders["part_id"]), self.used["supersessions"]
        for _ in range(len(replaced)):
            known = len(part_ids)
            part_ids |= set(replaced.loc[replaced["old_part_id"].isin(part_ids), "new_part_id"])
            if len(part_ids) == known:
                break
        of_night = {
            table.name: _table_of(self.night / f"{table.name}.parquet", table, sorted(part_ids))
            for table in (POSITIONS, RATES)
        }
        return {**self.tables, **of_night}


def dispatched_folder(place: Path) -> Path:
    """The run that a dispatch changes: ``place`` itself, or the newest dispatch of the current night, or that night.

    Raises
    ------
    StorageError
        No run is found there.
    """
    night = run_folder(place)
    newest = None if (place / MANIFEST).exists() else run_named_by(night.parent / DISPATCHED)
    if newest is None or manifest_as_written(newest)["dispatch"]["night"] != night.name:
        return night
    return newest


def read_for_dispatch(folder: Path) -> RunTables:
    """Read a run whose files check.

    Raises
    ------
    StorageError
        A file lacks or differs from what was published.
    """
    manifest = read_manifest(folder)
    night = folder
    if "dispatch" in manifest:
        night = folder.parent / manifest["dispatch"]["night"]
        if not (night / MANIFEST).exists():
            raise StorageError(
                f"{folder.name} changes the night {night.name}, which does not lie beside it. "
                "Remedy: put its folder back, or copy this one to where the night lies."
            )
        read_manifest(night)
    _refuse_older(folder, manifest)
    return RunTables(
        folder=folder,
        night=night,
        manifest=manifest,
        sha256=hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest(),
        tables=_plan_of(folder, PLANNED),
        used=_used_of(folder),
    )


def read_planned(folder: Path) -> tuple[date, dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """The planned day of a run whose files check, its deliveries, and the input tables that they rest on.

    Raises
    ------
    StorageError
        A file lacks or differs from what was published.
    """
    manifest = read_manifest(folder)
    _refuse_older(folder, manifest)
    tables = _plan_of(folder, ("shipments", "taken_up", *LOCKED))
    return date.fromisoformat(manifest["today"]), tables, _used_of(folder)


def _plan_of(folder: Path, names: Iterable[str]) -> dict[str, pd.DataFrame]:
    return {name: _table_of(folder / f"{name}.parquet", DECLARED[name]) for name in names}


def _used_of(folder: Path) -> dict[str, pd.DataFrame]:
    """The input tables that a run's deliveries rest on."""
    return {name: _table_of(folder / f"{USED}/{name}.parquet", INPUT_TABLES[name]) for name in USED_TABLES}


def _table_of(file: Path, table: Table, part_ids: Sequence[str] | None = None) -> pd.DataFrame:
    """The declared columns of a file, of the parts named where any are."""
    by_code = [] if part_ids is None else [name for name, column in table.columns.items() if column.kind == "text"]
    try:
        with pq.ParquetFile(file, read_dictionary=by_code) as stored:
            rows = stored.read(columns=list(table.columns), use_threads=False)
    except OSError as error:
        raise storage_error(file, error) from error
    if part_ids is not None:
        rows = rows.filter(pc.is_in(rows["part_id"], pa.array(part_ids, pa.string())))
    return conform(rows.to_pandas(date_as_object=False), table)


def all_wrong(as_read: Iterable[WrongLine], recomputed: Iterable[WrongLine]) -> list[WrongLine]:
    """What is wrong with a run by file and line, each cell once: with its recomputed value where there is one."""
    told: dict[tuple[str, int, str, str], WrongLine] = {}
    for one in (*recomputed, *as_read):
        cell = (one.file, one.line, one.column, "" if one.line and one.column else one.rule)
        if cell not in told or (one.computed and not told[cell].computed):
            told[cell] = one
    return sorted(told.values(), key=lambda one: (one.file, one.line))


def run_folder(place: Path) -> Path:
    """The folder of a run: ``place`` itself, or the current run of a folder of runs or of a data directory.

    Its files are not checked.

    Raises
    ------
    StorageError
        No run is found there.
    """
    if (place / MANIFEST).exists():
        return place
    for runs in (place, place / "runs"):
        found = run_named_by(runs / CURRENT)
        if found is not None and (found / MANIFEST).exists():
            return found
    raise StorageError(
        f"{place} holds no run: there is neither {MANIFEST} nor runs/{CURRENT}. "
        "Remedy: give the folder of a run, such as DIRECTORY/runs/<run>, or a data directory with runs."
    )


def read_run(folder: Path) -> RunFolder:
    """Read the tables of a run and everything that its manifest and declarations do not bear out.

    Raises
    ------
    StorageError
        The run has no manifest, or a file that is needed cannot be read.
    """
    manifest = manifest_as_written(folder)
    try:
        settings = settings_from(manifest["settings"])
        date.fromisoformat(manifest["today"])
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(f"{folder / MANIFEST} is damaged: {error}. Remedy: run the night again.") from error
    wrong = [
        WrongLine(file=name, line=0, column="", written="", computed="", rule=fault)
        for name, fault in faults_of_files(folder, manifest)
    ]
    wrong += _strays(folder, manifest)
    tables, sheets = {}, {}
    params = replace(settings.read, encoding="utf-8", encoding_of={})
    for name, (file, table) in _files(folder, manifest).items():
        try:
            written = read_written(folder / file, table, params)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise storage_error(folder / file, error) from error
        wrong += [
            WrongLine(file=file, line=0, column="", written="", computed="", rule=one.rule)
            for one in written.sheet.faults
        ]
        wrong += _broken(file, written.rejects)
        n_rows = manifest["files"].get(file, {}).get("rows")
        if n_rows is not None and n_rows != written.sheet.n_rows and not written.sheet.faults:
            rule = f"has {written.sheet.n_rows} rows, the manifest says {n_rows}"
            wrong.append(WrongLine(file=file, line=0, column="", written="", computed="", rule=rule))
        rows = written.rows
        if settings.write.profile == "excel" and file.endswith(".csv"):
            rows = _without_apostrophes(rows, table)
        tables[name], sheets[name] = rows, (file, table, written.sheet)
    return RunFolder(folder=folder, manifest=manifest, tables=tables, sheets=sheets, wrong=tuple(wrong))


def run_before(run: RunFolder) -> tuple[dict[str, pd.DataFrame] | None, pd.Timestamp | None]:
    """Routes, stops, delivery lines and collections of the run that a dispatch changes, and when it was made.

    None where the run is a night, or where the run before does not lie beside it as it was then.
    """
    made = run.manifest.get("dispatch")
    if made is None:
        return None, None
    folder = run.folder.parent / made["changes"]
    try:
        sha256 = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
        is_same = sha256 == made["changes_manifest_sha256"] and not list(
            faults_of_files(folder, manifest_as_written(folder))
        )
    except OSError:
        is_same = False
    if not is_same:
        return None, None
    tables = {name: _table_of(folder / f"{name}.parquet", DECLARED[name]) for name in LOCKED}
    return tables, pd.Timestamp(made["now"])


def _files(folder: Path, manifest: Mapping[str, Any]) -> dict[str, tuple[str, Table]]:
    files = {name: (OUTPUT_TABLES[name].file, OUTPUT_TABLES[name]) for name in DOCUMENTS}
    files |= {name: (f"{name}.parquet", DECLARED[name]) for name in PLANNED}
    files["levels"] = (
        "levels.parquet",
        replace(LEVELS, columns={name: LEVELS.columns[name] for name in LEVELS_READ}),
    )
    files |= {name: (f"{USED}/{name}.parquet", INPUT_TABLES[name]) for name in USED_TABLES}
    _refuse_older(folder, manifest)
    return {name: (file, table) for name, (file, table) in files.items() if file in manifest["files"]}


def _refuse_older(folder: Path, manifest: Mapping[str, Any]) -> None:
    files = [*(f"{USED}/{name}.parquet" for name in USED_TABLES), *(f"{name}.parquet" for name in WAITING_TOO)]
    lacking = [file for file in files if file not in manifest["files"]]
    if lacking:
        raise StorageError(
            f"{folder} does not hold {lacking[0]}: an older version published it, without what deliveries rest on. "
            "Remedy: run the night again."
        )


def _strays(folder: Path, manifest: Mapping[str, Any]) -> list[WrongLine]:
    found = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    rule = "is not listed in the manifest: it is not part of the run"
    return [
        WrongLine(file=name, line=0, column="", written="", computed="", rule=rule)
        for name in found
        if name != MANIFEST and name not in manifest["files"]
    ]


def _broken(file: str, rejects: pd.DataFrame) -> Iterable[WrongLine]:
    for row in rejects.itertuples():
        yield WrongLine(file=file, line=row.line, column=row.column, written=row.value, computed="", rule=row.rule)


def _without_apostrophes(rows: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Texts as they were before the Excel profile kept them from being taken for formulas."""
    texts = [name for name, column in table.columns.items() if column.kind == "text"]
    return rows.assign(
        **{name: rows[name].where(~rows[name].str.startswith(FORMULA_BEGINS), rows[name].str[1:]) for name in texts}
    )


def _shown(value: Any, column: Column, written: str) -> str:
    """A computed value as it would stand in the file."""
    if column.kind == "moment":
        if pd.isna(value):
            return "blank"
        like = pd.Timestamp(written) if written else None
        zone = like.tz if like is not None and like.tz is not None else "UTC"
        return str(pd.Timestamp(value).tz_convert(zone).isoformat(timespec="seconds"))
    if column.kind == "day":
        return "blank" if pd.isna(value) else pd.Timestamp(value).date().isoformat()
    if column.kind == "flag":
        return "true" if value else "false"
    if column.kind == "number":
        return f"{value:.{2 if column.unit == 'money' else column.decimals}f}"
    return str(value) or "blank"
