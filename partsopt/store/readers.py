"""Stage 0: a directory of input files, checked and cast.

Every rule broken by any row of any file is named at once, with the physical line. A row that
breaks a rule is refused and kept in ``rejects``, with the rows that refer to it; the night goes on
without it as long as the refused share of each table is small. A file that cannot be trusted as a
whole stops the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from partsopt.errors import InputError, SettingsError, Violation
from partsopt.settings import ReadParams
from partsopt.store.casts import Fault, Moments, cast_moments, cast_texts, nearest
from partsopt.store.csv_sheets import read_csv_sheet
from partsopt.store.links import LINK_RULES, BrokenLink, Referred, broken_references, repeated_keys
from partsopt.store.parquet_sheets import read_parquet_sheet
from partsopt.store.sheets import Sheet, file_fault, shortened
from partsopt.tables import INPUT_TABLES, REJECTS, Table, conform, empty

SUFFIXES = (".csv", ".parquet")
MUST_HAVE_ROWS = ("parts", "sites")
MAX_LISTED = 100
NO_REJECTS = empty(REJECTS)

Array: TypeAlias = np.ndarray[Any, Any]


@dataclass(frozen=True)
class InputFile:
    """A file that was read: its table, its rows, how many of them were refused, and its hash."""

    name: str
    table: str
    rows: int
    refused: int
    sha256: str


class Inputs(NamedTuple):
    """Checked input tables; refused rows (table rejects); the files read; what was passed over, in sentences."""

    tables: dict[str, pd.DataFrame]
    rejects: pd.DataFrame
    files: tuple[InputFile, ...]
    notes: tuple[str, ...]


class Written(NamedTuple):
    """A file as it stands: its rows in their order, with a stand-in where a cell has a fault; the faults (rejects)."""

    rows: pd.DataFrame
    sheet: Sheet
    rejects: pd.DataFrame


class Checked(NamedTuple):
    """One table after its checks: sound rows, refused ones, and what refers to them may find."""

    rows: pd.DataFrame
    refused: pd.DataFrame
    referred: Mapping[str, Referred]
    files: tuple[InputFile, ...] = ()
    faults: tuple[Violation, ...] = ()
    notes: tuple[str, ...] = ()
    is_whole: bool = True


def read_inputs(directory: Path, params: ReadParams, *, tables: Mapping[str, Table] = INPUT_TABLES) -> Inputs:
    """Read, check and cast every input table of a directory.

    Parameters
    ----------
    directory
        Holds ``<table>.csv`` or ``<table>.parquet``. An optional table without a file is empty.
    params
        Encodings, and how much may be refused.
    tables
        The declarations; tables that others refer to are among them.

    Returns
    -------
    Inputs
        Tables conform to their declarations, whatever the order of rows in the files.

    Raises
    ------
    InputError
        A required table or column lacks, a file cannot be split or decoded, or more than
        ``params.max_rejected_share`` of a table's rows is refused. It names every violation of all
        files; its ``rejects`` holds all refused rows.
    SettingsError
        An encoding is set for a table that does not exist.
    """
    for name in params.encoding_of:
        if name not in tables:
            near = nearest(name, tables)
            hint = f"the nearest name is {near}" if near else "the tables are " + ", ".join(tables)
            raise SettingsError(f"read.encoding_of.{name} names no table; {hint}.")
    files, strays = _files_of(directory, tables)
    lacking = [name for name in tables if not files[name]]
    checked: dict[str, Checked] = {}
    for name in _in_order_of_reference(tables):
        if files[name]:
            checked[name] = _check_file(files[name], tables[name], params, checked)
        else:
            checked[name] = _check_absence(tables[name], strays)
    faults = [fault for name in tables for fault in checked[name].faults]
    some = [checked[name].refused for name in tables if len(checked[name].refused)]
    refused = pd.concat(some, ignore_index=True) if some else NO_REJECTS
    rejects = conform(refused, REJECTS)
    if faults:
        named = ", ".join(dict.fromkeys(fault.file for fault in faults))
        why = f"The input was refused and nothing was planned. Correct: {named}."
        raise InputError(why, [*faults, *_violations_of(refused)], rejects)
    return Inputs(
        {name: checked[name].rows for name in tables},
        rejects,
        tuple(file for name in tables for file in checked[name].files),
        (*_notes_on(strays, lacking), *(note for name in tables for note in checked[name].notes)),
    )


def read_written(file: Path, table: Table, params: ReadParams) -> Written:
    """Read a file of a run: every row stays, in its place.

    Parameters
    ----------
    file
        CSV or Parquet.
    table
        Its declaration.
    params
        How large a file may be.

    Returns
    -------
    Written
        ``sheet.faults`` where the file cannot be read as a whole; it then has no rows.

    Raises
    ------
    OSError
        The disk refuses.
    """
    read_sheet = read_parquet_sheet if file.suffix == ".parquet" else read_csv_sheet
    sheet = read_sheet(file.read_bytes(), file.name, table, params)
    findings = _Findings(sheet)
    rows = empty(table) if sheet.faults else _cast_cells(sheet, {}, findings)
    return Written(rows, sheet, findings.rejects())


class One(NamedTuple):
    """One file checked against tables that are known: its sound rows, what is wrong, and the line of each key."""

    rows: pd.DataFrame
    violations: tuple[Violation, ...]
    line_of: Mapping[Any, int]
    sha256: str


def read_one(file: Path, table: Table, params: ReadParams, known: Mapping[str, pd.DataFrame]) -> One:
    """Read and check one file, whatever its name; no row of it may be refused.

    Parameters
    ----------
    file
        CSV or Parquet.
    table
        Its declaration.
    params
        Encoding and size.
    known
        Tables that its rows refer to, by name.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    checked = {name: Checked(rows, NO_REJECTS, _referred(rows, INPUT_TABLES[name], {})) for name, rows in known.items()}
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}). Give a file that may be read.") from error
    sheet = (read_parquet_sheet if file.suffix == ".parquet" else read_csv_sheet)(data, file.name, table, params)
    if sheet.faults:
        return One(empty(table), sheet.faults, {}, sheet.sha256)
    found = _check_sheet(sheet, checked)
    rows = _cast_cells(sheet, checked, _Findings(sheet))
    keys = list(zip(*(rows[name] for name in table.key), strict=True))
    line_of = dict(zip(keys, sheet.lines.tolist(), strict=True))
    return One(found.rows, tuple(_violations_of(found.refused)), line_of, sheet.sha256)


def zones_of(sites: pd.DataFrame) -> dict[str, str]:
    """The time zone of each site."""
    return dict(zip(sites["site_id"], sites["time_zone"], strict=True))


# --------------------------------------------------------------------------- files


def _files_of(directory: Path, tables: Mapping[str, Table]) -> tuple[dict[str, list[Path]], tuple[str, ...]]:
    """Files of each table, and the names of CSV and Parquet files that no table is named for."""
    if not directory.is_dir():
        what = "is a file, not a directory" if directory.exists() else "does not exist"
        raise InputError(f"The input directory {directory} {what}. Give a directory with {_files_wanted(tables)}.")
    files = {name: [directory / (name + suffix) for suffix in SUFFIXES] for name in tables}
    found = {name: [file for file in places if file.exists()] for name, places in files.items()}
    if not any(found.values()):
        raise InputError(
            f"The input directory {directory} holds no input table. Give a directory with {_files_wanted(tables)}."
        )
    strays = sorted(
        file.name
        for file in directory.iterdir()
        if file.suffix.lower() in SUFFIXES and not (file.stem in tables and file.suffix in SUFFIXES)
    )
    return found, tuple(strays)


def _notes_on(strays: Sequence[str], lacking: Sequence[str]) -> list[str]:
    notes = []
    for name in strays:
        near = nearest(Path(name).stem, lacking)
        hint = f"; did you mean {near}{Path(name).suffix.lower()}?" if near else "."
        notes.append(f"{name} is not named for an input table and is not read{hint}")
    return notes


def _files_wanted(tables: Mapping[str, Table]) -> str:
    names = [f"{table.name}.csv" for table in tables.values() if table.is_required]
    return ", ".join(names[:-1]) + f" and {names[-1]} (or .parquet)" if len(names) > 1 else "".join(names)


def _in_order_of_reference(tables: Mapping[str, Table]) -> list[str]:
    """Names so that a table comes after those it refers to; sites come before what has local times."""
    ordered: list[str] = []

    def place(name: str, awaited: tuple[str, ...]) -> None:
        if name in ordered or name in awaited or name not in tables:
            return
        needs = [column.refers_to[0] for column in tables[name].columns.values() if column.refers_to]
        needs += ["sites"] if tables[name].zone_of or name in LINK_RULES else []
        for other in needs:
            place(other, (*awaited, name))
        ordered.append(name)

    for name in tables:
        place(name, ())
    return ordered


def _check_absence(table: Table, strays: Sequence[str]) -> Checked:
    """A table without a file: empty where it is optional."""
    nothing = Checked(empty(table), NO_REJECTS, {})
    if not table.is_required:
        return nothing._replace(referred=_referred(nothing.rows, table, {}))
    near = nearest(table.name, [Path(name).stem for name in strays])
    like = next((name for name in strays if near and Path(name).stem == near), "")
    remedy = f"export it: {table.says}" + (f", or rename {like} if that is it" if like else "")
    return nothing._replace(faults=(file_fault(table, f"{table.name}.csv", "is missing", remedy),), is_whole=False)


def _check_file(files: Sequence[Path], table: Table, params: ReadParams, checked: Mapping[str, Checked]) -> Checked:
    nothing = Checked(empty(table), NO_REJECTS, {})
    if len(files) > 1:
        both = " and ".join(file.name for file in files)
        fault = file_fault(table, both, "hold the same table", "keep one of them")
        return nothing._replace(faults=(fault,), is_whole=False)
    (file,) = files
    try:
        size = file.stat().st_size
        if size > params.max_bytes:
            rule = f"has {size} bytes, more than read.max_bytes allows ({params.max_bytes})"
            fault = file_fault(table, file.name, rule, "give a smaller file, or raise read.max_bytes")
            return nothing._replace(faults=(fault,), is_whole=False)
        data = file.read_bytes()
    except OSError as error:
        rule = f"cannot be read ({error.strerror})"
        fault = file_fault(table, file.name, rule, "give a file that may be read")
        return nothing._replace(faults=(fault,), is_whole=False)
    read_sheet = read_parquet_sheet if file.suffix == ".parquet" else read_csv_sheet
    sheet = read_sheet(data, file.name, table, params)
    del data
    if sheet.faults:
        return nothing._replace(faults=sheet.faults, notes=sheet.notes, is_whole=False)
    return _with_share(_check_sheet(sheet, checked), sheet, params)


def _with_share(checked: Checked, sheet: Sheet, params: ReadParams) -> Checked:
    """Add the faults of a table as a whole: no row at all, or too many refused."""
    (file,) = checked.files
    rule = remedy = ""
    if sheet.n_rows == 0 and sheet.table.name in MUST_HAVE_ROWS:
        rule, remedy = "has no row", f"export it: {sheet.table.says}"
    elif file.refused > params.max_rejected_share * file.rows:
        rule = (
            f"has {file.rows} {'row' if file.rows == 1 else 'rows'}, of which {file.refused} "
            f"{'was' if file.refused == 1 else 'were'} refused: {_percent(file.refused / file.rows)}, "
            f"more than read.max_rejected_share allows ({_percent(params.max_rejected_share)})"
        )
        remedy = "correct the rows listed, or raise read.max_rejected_share"
    if not rule:
        return checked
    # the run stops here: rows that refer to refused ones are not told of as well, only those that refer to nothing
    told = {name: Referred(one.ids.append(pd.Index(one.refused)), {}) for name, one in checked.referred.items()}
    fault = file_fault(sheet.table, sheet.file, rule, remedy)
    return checked._replace(faults=(fault,), referred=told if sheet.n_rows else {}, is_whole=False)


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"


# --------------------------------------------------------------------------- rows


class _Findings:
    """Broken rules of one sheet's rows, gathered in the order of the checks."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.is_refused = np.zeros(len(sheet.lines), dtype=bool)
        self.is_broken = {name: np.zeros(len(sheet.lines), dtype=bool) for name in sheet.table.columns}
        self.found: list[BrokenLink] = []

    def add(self, link: BrokenLink) -> None:
        if len(link.rows):
            self.is_refused[link.rows] = True
            if link.column in self.is_broken:
                self.is_broken[link.column][link.rows] = True
            self.found.append(link)

    def add_faults(self, name: str, codes: Array, faults: Mapping[int, Fault]) -> None:
        """Add faults of distinct texts for every row that has one of them."""
        if not faults:
            return
        is_fault = np.zeros(int(codes.max(initial=-1)) + 1, dtype=bool)
        is_fault[[code for code in faults if code < len(is_fault)]] = True
        rows = np.flatnonzero(is_fault[codes])
        said = [faults[code] for code in codes[rows].tolist()]
        self.add(
            BrokenLink(rows, name, self.texts(name, rows), [one.rule for one in said], [one.remedy for one in said])
        )

    def texts(self, name: str, rows: Array) -> list[str]:
        cell = self.sheet.cells.get(name)
        if cell is None:
            return [""] * len(rows)
        return cell.take(pa.array(rows)).to_pylist()

    def rejects(self) -> pd.DataFrame:
        """Rows of the table rejects, one for each broken rule."""
        sheet = self.sheet
        if not self.found and not sheet.malformed:
            return NO_REJECTS
        places = {name: place for place, name in enumerate(sheet.table.columns)}
        rows = np.concatenate([np.zeros(0, dtype=np.int64), *(one[0] for one in self.found)])
        frame = pd.DataFrame(
            {
                "table": sheet.table.name,
                "file": sheet.file,
                "line": sheet.lines[rows],
                "column": [one[1] for one in self.found for _ in one[0]],
                "value": [shortened(value) for one in self.found for value in one[2]],
                "rule": [rule for one in self.found for rule in one[3]],
                "remedy": [remedy for one in self.found for remedy in one[4]],
                "row_text": sheet.row_texts(rows),
            }
        )
        malformed = pd.DataFrame(
            [[getattr(one, name) for name in REJECTS.columns] for one in sheet.malformed], columns=list(REJECTS.columns)
        )
        both = pd.concat([frame, malformed], ignore_index=True)[list(REJECTS.columns)] if len(malformed) else frame
        order = both["column"].map(lambda name: places.get(name, len(places)))
        both = both.assign(order=order).sort_values(["line", "order"], kind="stable", ignore_index=True)
        return both.drop(columns="order").astype(dict(NO_REJECTS.dtypes))


def _check_sheet(sheet: Sheet, checked: Mapping[str, Checked]) -> Checked:
    """Cast and check the rows of a file: cells, rules of a row, references, keys, links."""
    table = sheet.table
    findings = _Findings(sheet)
    rows = _cast_cells(sheet, checked, findings)
    sound_by_itself = rows[~findings.is_refused]
    for rule in table.rules:
        broken = sound_by_itself.index[rule.broken(sound_by_itself)].to_numpy()
        n = len(broken)
        findings.add(
            BrokenLink(broken, rule.column, findings.texts(rule.column, broken), [rule.rule] * n, [rule.remedy] * n)
        )
    for name, column in table.columns.items():
        if column.refers_to and name in sheet.cells:
            other, key = column.refers_to
            if other in checked and key in checked[other].referred:
                ids = rows.loc[~findings.is_broken[name], name]
                findings.add(broken_references(ids, name, column, checked[other].referred[key]))
    sound = rows[~findings.is_refused]
    findings.add(repeated_keys(sound, pd.Series(sheet.lines)[sound.index], table))
    if table.name in LINK_RULES and (table.name == "sites" or "sites" not in checked or checked["sites"].is_whole):
        sound = rows[~findings.is_refused]
        others = {name: one.rows for name, one in checked.items()}
        for link in LINK_RULES[table.name](sound, others):
            findings.add(link)
    refused = findings.rejects()
    kept = conform(rows[~findings.is_refused], table)
    n_refused = int(findings.is_refused.sum()) + len(sheet.malformed)
    file = InputFile(sheet.file, table.name, sheet.n_rows, n_refused, sheet.sha256)
    places = rows[findings.is_refused].assign(line=sheet.lines[findings.is_refused])
    lost = {
        name: {
            value: f"{sheet.file} line {line}"
            for value, line in zip(places[name][::-1], places["line"][::-1], strict=True)
        }
        for name in table.key
        if table.columns[name].kind == "text"
    }
    return Checked(kept, refused, _referred(kept, table, lost), (file,), (), sheet.notes)


def _referred(rows: pd.DataFrame, table: Table, lost: Mapping[str, Mapping[str, str]]) -> dict[str, Referred]:
    texts = [name for name in table.key if table.columns[name].kind == "text"]
    return {name: Referred(pd.Index(rows[name].unique()), lost.get(name, {})) for name in texts}


def _cast_cells(sheet: Sheet, checked: Mapping[str, Checked], findings: _Findings) -> pd.DataFrame:
    """Cells cast by the declaration, shape of the file; stand-ins where a cell has a fault."""
    n_rows = len(sheet.lines)
    values: dict[str, Any] = {}
    moments: dict[str, tuple[Array, Moments]] = {}
    for name, column in sheet.table.columns.items():
        codes, texts = _distinct(sheet, name, n_rows)
        if column.kind == "moment":
            cast = cast_moments(texts, column)
            findings.add_faults(name, codes, cast.faults)
            moments[name] = codes, cast
            values[name] = None  # keeps its place; filled in below, when the site of each row is known
        else:
            plain = cast_texts(texts, column)
            findings.add_faults(name, codes, plain.faults)
            values[name] = plain.cells.take(codes).reset_index(drop=True)
    for name, (codes, cast) in moments.items():
        values[name] = _place_moments(name, codes, cast, sheet, values, checked, findings)
    return pd.DataFrame(values)


def _distinct(sheet: Sheet, name: str, n_rows: int) -> tuple[Array, pa.Array]:
    """Place of each row's text among the distinct texts of a column; a column that lacks is blank."""
    if name not in sheet.cells:
        return np.zeros(n_rows, dtype=np.int64), pa.array([""], pa.large_string())
    cell = sheet.cells[name].combine_chunks()
    encoded = (pa.concat_arrays(cell.chunks) if isinstance(cell, pa.ChunkedArray) else cell).dictionary_encode()
    return np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=np.int64), encoded.dictionary


def _place_moments(
    name: str,
    codes: Array,
    cast: Moments,
    sheet: Sheet,
    values: Mapping[str, Any],
    checked: Mapping[str, Checked],
    findings: _Findings,
) -> pd.Series:
    """Moments in UTC: by their own offset, else by the zone of the row's site; missing where blank."""
    us_per_min = 60_000_000
    utc = np.full(len(codes), np.datetime64("NaT", "us"), dtype="datetime64[us]")
    own = cast.is_given[codes] & cast.has_offset[codes]
    utc[own] = (cast.local_us[codes[own]] - cast.offset_min[codes[own]] * us_per_min).astype("datetime64[us]")
    local = np.flatnonzero(cast.is_given[codes] & ~cast.has_offset[codes])
    sites = checked.get("sites")
    zones = zones_of(sites.rows) if sites else {}
    site_ids = values[sheet.table.zone_of].to_numpy() if sheet.table.zone_of else np.full(len(codes), "")
    # a site without a zone here is refused or unknown, and so is the row; its time stands in as UTC
    zone_of = np.array([zones.get(site, "UTC") for site in site_ids[local]], dtype=object)
    for zone in sorted(set(zone_of)):
        places = local[zone_of == zone]
        clocks = pd.DatetimeIndex(cast.local_us[codes[places]].astype("datetime64[us]"))
        placed = clocks.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
        utc[places] = placed.tz_convert("UTC").tz_localize(None).to_numpy()
        unclear = placed.isna()
        if unclear.any():
            first = np.ones(len(places), dtype=bool)
            skipped = clocks.tz_localize(zone, ambiguous=first, nonexistent="NaT").isna()
            rules = [
                f"must be a time that the clocks of {zone} show {'' if is_skipped else 'only '}once (summer time)"
                for is_skipped in skipped[unclear]
            ]
            remedy = "add its offset, such as +01:00"
            rows = places[unclear]
            findings.add(BrokenLink(rows, name, findings.texts(name, rows), rules, [remedy] * len(rules)))
    return pd.Series(utc).dt.tz_localize("UTC")


# --------------------------------------------------------------------------- telling


def _violations_of(refused: pd.DataFrame) -> list[Violation]:
    """Refused rows as violations; of a column that very many rows break, the first ones and a count."""
    place = refused.groupby(["file", "column"], sort=False).cumcount()
    listed = refused[place < MAX_LISTED]
    violations = [Violation(**row) for row in listed.to_dict("records")]
    further = refused[place >= MAX_LISTED].groupby(["table", "file", "column"], sort=False).size()
    for (table, file, column), n in further.items():
        about = f" in {column}" if column else ""
        rule = f"has {n} more violations{about}, all of them in rejects"
        violations.append(
            Violation(table=table, file=file, line=0, column="", value="", rule=rule, remedy="correct the export")
        )
    return violations
