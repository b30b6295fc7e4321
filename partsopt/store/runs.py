"""A night's run folder: which files it holds, its name, and its manifest (design: output of a run)."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pandas as pd

from partsopt import __version__
from partsopt.settings import Settings
from partsopt.store.publish import DISPATCHED, publish, storage_error
from partsopt.store.readers import InputFile, Inputs
from partsopt.store.writers import write_csv, write_parquet
from partsopt.tables import DERIVED_TABLES, EXCEPTIONS, INPUT_TABLES, LINEAGE, OUTPUT_TABLES, REJECTS

if TYPE_CHECKING:
    from partsopt.store.written import RunTables

PARQUET_TABLES = (
    "forecasts",
    "forecast_steps",
    "market_steps",
    "network_rest",
    "dealer_shares",
    "unlisted_rates",
    "classes",
    "rate_factors",
    "review_days",
    "put_off",
    "service_record",
    "levels",
    "positions",
    "source_options",
    "requests",
    "shipments",
    "shortages",
    "routes",
    "stops",
    "delivery_lines",
    "collections",
    "taken_up",
    "waiting_lines",
    "solver_runs",
)
DISPATCHED_TABLES = (
    "requests",
    "shipments",
    "shortages",
    "routes",
    "stops",
    "delivery_lines",
    "collections",
    "taken_up",
    "waiting_lines",
    "solver_runs",
)
USED = "used"
LIBRARIES = ("numpy", "ortools", "pandas", "pulp", "pyarrow", "scipy", "statsmodels")


class Night(Protocol):
    """What is published: tables by name and the figures of the night."""

    @property
    def today(self) -> date:
        """The planned day."""

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Derived and output tables by name."""

    @property
    def used(self) -> dict[str, pd.DataFrame]:
        """Input tables that its deliveries rest on, by name."""

    @property
    def kpis(self) -> dict[str, object]:
        """The figures a manager reads."""


def run_id_of(files: Iterable[InputFile], settings: Settings, today: date) -> str:
    """Name a run by its day and by what it was computed from, so that the same input gives the same name."""
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda one: one.name):
        digest.update(f"{file.name} {file.sha256}\n".encode())
    digest.update(json.dumps(dataclasses.asdict(settings), sort_keys=True).encode())
    digest.update(f"{today.isoformat()} {__version__}".encode())
    return f"{today:%Y%m%d}-{digest.hexdigest()[:10]}"


def publish_plan(runs: Path, run_id: str, plan: Night, inputs: Inputs, settings: Settings) -> Path:
    """Publish a plan as ``runs/<run_id>`` and point CURRENT at it.

    Raises
    ------
    StorageError
        A file could not be written; the previous night is untouched.
    """
    sites = inputs.tables["sites"]
    zones = dict(zip(sites["site_id"], sites["time_zone"], strict=True))

    def write_files(folder: Path) -> None:
        for name, table in OUTPUT_TABLES.items():
            if table.file.endswith(".csv") and name in plan.tables:
                write_csv(plan.tables[name], table, folder / table.file, zones=zones, profile=settings.write.profile)
        write_for_machines(folder, plan, PARQUET_TABLES)

    return publish(runs, run_id, write_files, manifest_of(run_id, plan, inputs, settings))


def write_for_machines(folder: Path, done: Night, names: Iterable[str], changed: RunTables | None = None) -> None:
    """Write what programs read of a run: lineage, all exceptions, the tables named, what was used, and the figures.

    A table that is the one read of the run that is ``changed`` is copied from there, byte for byte.
    """
    files = {
        LINEAGE.file: (done.tables["lineage"], LINEAGE),
        "all_exceptions.parquet": (done.tables["all_exceptions"], EXCEPTIONS),
        **{f"{name}.parquet": (done.tables[name], DERIVED_TABLES[name]) for name in names},
        **{f"{USED}/{name}.parquet": (table, INPUT_TABLES[name]) for name, table in done.used.items()},
    }
    (folder / USED).mkdir()
    for file, (table, declared) in files.items():
        if changed is not None and changed.holds(file, table):
            shutil.copyfile(changed.folder / file, folder / file)
        else:
            write_parquet(table, declared, folder / file)
    kpis = json.dumps(done.kpis, ensure_ascii=False, indent=2, sort_keys=True)
    (folder / "kpis.json").write_text(kpis + "\n", encoding="utf-8", newline="\n")


def publish_dispatch(
    runs: Path, done: Night, run: RunTables, orders_name: str, orders_sha256: str, now: pd.Timestamp
) -> Path:
    """Publish the day after a dispatch as a run of its own, and point DISPATCHED at it; CURRENT stays the night.

    Raises
    ------
    StorageError
        A file could not be written; the runs before are untouched.
    """
    sites, settings = run.used["sites"], run.settings
    zones = dict(zip(sites["site_id"], sites["time_zone"], strict=True))
    changed = run.folder.name
    digest = hashlib.sha256(f"{changed} {run.sha256} {orders_sha256} {now.isoformat()} {__version__}".encode())
    run_id = f"{done.today:%Y%m%d}-at{now.tz_convert(zones[min(zones)]):%d%H%M}-{digest.hexdigest()[:10]}"

    def write_files(folder: Path) -> None:
        for name in ("transfer_orders", "deliveries", "pick_lists", "waiting", "changes", "exceptions", "rejects"):
            table = OUTPUT_TABLES[name]
            write_csv(done.tables[name], table, folder / table.file, zones=zones, profile=settings.write.profile)
        write_for_machines(folder, done, DISPATCHED_TABLES, run)

    solver_runs = done.tables["solver_runs"].astype(object)
    manifest = {
        "today": done.today.isoformat(),
        "seed": settings.run.seed,
        "version": __version__,
        "libraries": {name: version(name) for name in LIBRARIES},
        "inputs": [{"name": orders_name, "sha256": orders_sha256, "table": "urgent_orders"}],
        "settings": dataclasses.asdict(settings),
        "solver_runs": solver_runs.where(solver_runs.notna(), None).to_dict(orient="records"),
        "dispatch": {
            "now": now.isoformat(),
            "changes": changed,
            "changes_manifest_sha256": run.sha256,
            "night": run.night.name,
        },
    }
    return publish(runs, run_id, write_files, manifest, pointer=DISPATCHED)


def keep_refused(runs: Path, rejects: pd.DataFrame) -> Path:
    """Write the rows of a night that was refused to ``runs/refused/rejects.csv``, in place of those of the last one.

    Raises
    ------
    StorageError
        The file could not be written.
    """
    folder = runs / "refused"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_csv(rejects, REJECTS, folder / REJECTS.file, zones={}, profile="machine")
    except OSError as error:
        raise storage_error(folder, error) from error
    return folder / REJECTS.file


def manifest_of(run_id: str, plan: Night, inputs: Inputs, settings: Settings) -> dict[str, object]:
    """What a run was made from: inputs' hashes, settings, versions, seed, and what the solvers answered."""
    solver_runs = plan.tables["solver_runs"].astype(object)
    return {
        "run_id": run_id,
        "today": plan.today.isoformat(),
        "seed": settings.run.seed,
        "version": __version__,
        "libraries": {name: version(name) for name in LIBRARIES},
        "inputs": [dataclasses.asdict(file) for file in sorted(inputs.files, key=lambda one: one.name)],
        "notes": list(inputs.notes),
        "settings": dataclasses.asdict(settings),
        "solver_runs": solver_runs.where(solver_runs.notna(), None).to_dict(orient="records"),
    }
