"""Time and memory of one night, stage by stage, through the real commands.

    python -m benchmarks.night --dcs 3 --dealers 150 --parts 15000 --months 36 --seed 1 --out night.csv

makes a network with ``cli.py sample``, plans a night on it with ``cli.py run`` in a process of its own and writes
one row for each stage and one for the whole. A stage's memory is the peak of the process up to its end. With
``--directory`` the network is made there, or the one that is there already is planned as it stands.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.rows import write_rows

CHECKOUT = Path(__file__).resolve().parent.parent
PUBLISHED = (0, 1, 3)
STAGE_LINE = re.compile(r"^(?P<stage>[a-z_]+): (?P<counted>.*), (?P<seconds>[\d.]+) s$")
COLUMNS = ("dcs", "dealers", "parts", "months", "seed", "step", "seconds", "peak_memory_mb", "rows", "counted")


def main(arguments: list[str] | None = None) -> int:
    options = parsed(arguments)
    if options.directory:
        rows = measured(options, options.directory)
    else:
        with tempfile.TemporaryDirectory(prefix="partsopt-night-") as directory:
            rows = measured(options, Path(directory))
    size = {name: getattr(options, name) for name in ("dcs", "dealers", "parts", "months", "seed")}
    write_rows(({**size, **row} for row in rows), COLUMNS, options.out)
    for row in rows:
        print(f"{row['step']:<10} {row['seconds']:>8} s {row['peak_memory_mb'] or '-':>8} MB  {row['counted']}")
    return 0


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.night", description="Time and memory of one night.")
    parser.add_argument("--dcs", type=int, default=3)
    parser.add_argument("--dealers", type=int, default=12)
    parser.add_argument("--parts", type=int, default=300)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, help="where the network is or is made; default: a temporary one")
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    return parser.parse_args(arguments)


def measured(options: argparse.Namespace, directory: Path) -> list[dict[str, object]]:
    """Rows of the benchmark: making the network (where it is not there), each stage, the whole run."""
    rows = []
    if not (directory / "settings.toml").exists():
        size = [f"--{name}={getattr(options, name)}" for name in ("dcs", "dealers", "parts", "months", "seed")]
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "cli.py", "sample", directory.resolve(), *size, "--format", "parquet"],
            cwd=CHECKOUT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"sample answered {done.returncode}:\n{done.stderr}")
        counted = done.stdout.partition(". ")[0].partition(" in ")[0]
        rows.append(row_of("sample", time.monotonic() - began, peak_of_children_mb(), counted))
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "cli.py", "run", directory.resolve(), "--out", directory.resolve() / "runs"],
        cwd=CHECKOUT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as night:  # fmt: skip
        said = []
        for line in night.stderr or ():
            said.append(line)
            found = STAGE_LINE.match(line.rstrip())
            if found:
                counted = found["counted"].replace(f"{directory.resolve()}/", "")
                rows.append(row_of(found["stage"], float(found["seconds"]), peak_of_process_mb(night.pid), counted))
    seconds = time.monotonic() - began
    if night.returncode not in PUBLISHED:
        raise SystemExit(f"run answered {night.returncode}:\n{''.join(said)}")
    rows.append(row_of("run", seconds, peak_of_children_mb(), f"exit code {night.returncode}"))
    return rows


def row_of(step: str, seconds: float, peak_memory_mb: float | None, counted: str) -> dict[str, object]:
    found = re.search(r"(?:^|\s)([\d,]+) rows", counted) or re.match(r"([\d,]+)\s", counted)
    return {
        "step": step,
        "seconds": round(seconds, 1),
        "peak_memory_mb": "" if peak_memory_mb is None else round(peak_memory_mb),
        "rows": int(found[1].replace(",", "")) if found else "",
        "counted": counted,
    }


def peak_of_process_mb(pid: int) -> float | None:
    """Peak resident memory of a running process so far; None where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else None


def peak_of_children_mb() -> float:
    """Largest resident memory of any process waited for so far."""
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / unit


if __name__ == "__main__":
    sys.exit(main())
