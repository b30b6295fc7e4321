"""A broken input: its files laid over the sound network, and everything a person is told of it.

A folder holds the files that are broken (in place of those of ``sound/``), ``absent.txt`` with
the names of files that are not there, ``settings.toml`` where the case needs other settings, and
``expected.txt``: the full text of the error, the refused rows as they stand in rejects.csv, and
the notes. Most cases let any share of rows be refused, to show the refused rows of a night that
goes on. ``python -m tests.bad_inputs.case`` writes the expected texts anew: read the diff.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from partsopt.errors import InputError
from partsopt.settings import read_settings
from partsopt.store.readers import read_inputs
from partsopt.store.writers import write_csv
from partsopt.tables import REJECTS
from tests.bad_inputs.parquet_files import PARQUET_FILES

HERE = Path(__file__).parent
SOUND = HERE / "sound"
EXPECTED, ABSENT, SETTINGS = "expected.txt", "absent.txt", "settings.toml"
CASES = sorted(place.name for place in HERE.iterdir() if place.is_dir() and not place.name.startswith(("_", "sound")))


def lay_out(name: str, directory: Path) -> Path:
    """Make the input directory of a case: the sound network with the broken files laid over it."""
    shutil.copytree(SOUND, directory)
    case = HERE / name
    absent = case / ABSENT
    for file in absent.read_text().split() if absent.exists() else ():
        (directory / file).unlink()
    for file in sorted(case.iterdir()):
        if file.name not in (EXPECTED, ABSENT):
            shutil.copyfile(file, directory / file.name)
    if name in PARQUET_FILES:
        PARQUET_FILES[name](directory)
    return directory


def what_is_told(directory: Path) -> str:
    """Everything a person is told when the directory is read."""
    params = read_settings(directory / SETTINGS, {}).read
    try:
        inputs = read_inputs(directory, params)
    except InputError as error:
        said, rejects, notes = f"refused, exit {error.exit_code}\n{error}\n", error.rejects, ()
    else:
        said, rejects, notes = "read\n", inputs.rejects, inputs.notes
    if rejects is not None and len(rejects):
        with tempfile.TemporaryDirectory() as folder:
            write_csv(rejects, REJECTS, Path(folder) / "rejects.csv", zones={})
            said += "--- rejects.csv\n" + (Path(folder) / "rejects.csv").read_bytes().decode()
    if notes:
        said += "--- notes\n" + "\n".join(notes) + "\n"
    return said.replace(str(directory), "DIR")


def bless() -> None:
    """Write the expected text of every case anew."""
    for name in CASES:
        with tempfile.TemporaryDirectory() as folder:
            told = what_is_told(lay_out(name, Path(folder) / "input"))
        (HERE / name / EXPECTED).write_bytes(told.encode())


if __name__ == "__main__":
    bless()
