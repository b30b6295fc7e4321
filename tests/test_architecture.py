"""The direction of imports, and one heavy library per place (design, section 5)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "partsopt"
FOUNDATION = {"tables", "settings", "errors", "calendars", "bands", "completeness"}
STAGES = {"demand", "forecast", "classify", "replenish", "allocate", "routing"}
MAY_IMPORT = {
    "errors": set(),
    "calendars": {"errors"},
    "bands": {"errors"},
    "completeness": set(),
    "settings": {"errors", "bands"},
    "tables": {"errors"},
    "documents": FOUNDATION,
    "report": FOUNDATION,
    "sample": FOUNDATION,
    "store": FOUNDATION | {"store"},
    "pipeline": FOUNDATION | STAGES | {"documents", "report"},
    "dispatch": FOUNDATION | {"allocate", "routing", "documents", "report"},
    "commands": FOUNDATION | {"commands", "pipeline", "dispatch", "store", "report", "sample", "forecast", "routing"},
    **{stage: set(FOUNDATION) for stage in STAGES},
}
ONE_PLACE = {
    "click": ("commands/",),
    "rich": ("commands/",),
    "ortools": ("routing/",),
    "pulp": ("replenish/budget.py", "allocate/rebalance.py"),
    "statsmodels": ("forecast/methods.py",),
    "lightgbm": ("forecast/learner.py",),
    "reportlab": ("report/sheet_pdf.py",),
    "valhalla": ("store/roads.py",),
    "urllib": ("store/roads.py",),
    "filelock": ("store/",),
    "pyarrow": ("store/", "sample"),
}
FORBIDDEN_NAMES = {"utils", "helpers", "common", "core", "base", "manager", "misc"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(file: Path) -> Iterator[str]:
    """Every module imported anywhere in a file, imports inside functions included."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            yield node.module or ""


def place(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_point_one_way(file: Path):
    """A stage imports only tables, settings, errors, calendars and itself; commands are at the top."""
    home = place(file)
    if home == "__init__":
        return
    for name in imported(file):
        if name.startswith("partsopt."):
            target = name.split(".")[1]
            allowed = target == home or target in MAY_IMPORT[home]
            assert allowed, f"{file.relative_to(PACKAGE)} imports {name}; {home} may import {sorted(MAY_IMPORT[home])}"


@pytest.mark.parametrize("library", sorted(ONE_PLACE))
def test_a_heavy_library_lives_in_one_place(library: str):
    places = ONE_PLACE[library]
    for file in MODULES:
        relative = str(file.relative_to(PACKAGE))
        if library in {name.split(".")[0] for name in imported(file)}:
            assert relative.startswith(places), f"{relative} imports {library}, which belongs in {places}"


def test_every_given_library_has_a_real_role():
    """Pandas, statsmodels, pulp, ortools, pyarrow and click are each imported by the package."""
    used = {name.split(".")[0] for file in MODULES for name in imported(file)}
    assert {"pandas", "statsmodels", "pulp", "ortools", "pyarrow", "click"} <= used


def test_the_verification_of_routes_knows_no_solver():
    names = set(imported(PACKAGE / "routing" / "verify.py"))
    assert not any(name.startswith(("ortools", "partsopt.routing.model", "partsopt.routing.search")) for name in names)


def test_files_are_named_for_nouns_of_the_field():
    assert not {file.stem for file in MODULES} & FORBIDDEN_NAMES


def test_no_file_grows_into_a_central_module():
    """No module passes 750 lines; split it by noun before it does. The declarations of tables are one list."""
    long = {str(file.relative_to(PACKAGE)): len(file.read_text(encoding="utf-8").splitlines()) for file in MODULES}
    assert {name: lines for name, lines in long.items() if lines > 750} == {"tables.py": long["tables.py"]}


def test_no_stage_reads_the_clock_or_prints():
    """`today` and `seed` are arguments, and only commands speak."""
    clocks = {"today", "now", "utcnow", "time", "perf_counter"}
    for file in MODULES:
        if place(file) not in STAGES | {"documents", "report", "sample", "pipeline"}:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = node.func
                name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
                owner = getattr(getattr(called, "value", None), "id", "")
                assert name != "print", f"{file}: print"
                assert not (owner in {"date", "datetime", "time"} and name in clocks), f"{file}: reads the clock"
