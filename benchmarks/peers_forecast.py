"""statsforecast's intermittent models and conformal bounds, in an environment of their own.

statsforecast needs pandas below 3, we need 3: it lives in .venv-peers, made when it is not there, and talks by
Parquet files. ``peers_of`` is our side; run as a script by that environment, this file is the other.

Bounds of a total are the sums of the bounds of its periods, which did best of what was tried (0.694 on car parts;
0.71 for bounds on totals of three periods as one, 0.75 for the root of the summed squares). A one-sided level a is
the upper end of the symmetric interval of level 2a - 1. Blanks are zero to the peers, which know none.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

CHECKOUT = Path(__file__).resolve().parent.parent
HOME = CHECKOUT / ".venv-peers"
REQUIRED = ("statsforecast>=2.0", "pandas<3", "pyarrow>=20")
TAIL = (0.9, 0.95, 0.99)
WINDOWS = 8
POINTS = "six intermittent models (points)"


class Peers:
    """The peers' forecasts of one set of demand."""

    def __init__(self, demand: Any) -> None:
        self._demand = demand

    def totals(self, origins: list[tuple[int, Any]]) -> dict[str, tuple[Any, Any, float]]:
        """Mean (origins, series), quantiles at TAIL (origins, series, levels) and seconds by method."""
        import pandas as pd

        with tempfile.TemporaryDirectory(prefix="partsopt-peers-") as folder:
            asked, answered = Path(folder) / "asked.parquet", Path(folder) / "answered.parquet"
            wide = pd.DataFrame(self._demand, columns=[f"p{k}" for k in range(self._demand.shape[1])])
            wide["horizon"] = origins[0][1]
            wide.to_parquet(asked)
            ends = json.dumps([int(origin) for origin, _ in origins])
            subprocess.run([python_of_peers(), __file__, str(asked), str(answered), ends], check=True)
            table = pd.read_parquet(answered)
        said = {}
        shape = (len(origins), len(self._demand))
        for name, rows in table.groupby("method", sort=False):
            mean = rows["mean"].to_numpy().reshape(shape)
            quantiles = np.stack([rows[f"q{level}"].to_numpy().reshape(shape) for level in TAIL], axis=2)
            said[str(name)] = mean, quantiles, float(rows["seconds"].iloc[0])
        return said


def peers_of(case: Any) -> Peers:
    """The peers on one set of demand."""
    return Peers(case.demand)


def python_of_peers() -> str:
    """The interpreter of the peers' environment, made when it is not there."""
    python = HOME / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not (HOME / ".made").exists():
        print(f"making {HOME.name} with {', '.join(REQUIRED)}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(HOME)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *REQUIRED], check=True)
        (HOME / ".made").touch()
    return str(python)


# in the peers' environment -------------------------------------------------------------------------------------


def answer(asked: str, answered: str, origins: list[int]) -> None:
    import pandas as pd

    wide = pd.read_parquet(asked)
    horizon = wide.pop("horizon").to_numpy()
    demand = wide.to_numpy(dtype=float)
    tables = []
    for name in ("SESOpt conformal", "CrostonSBA conformal", POINTS):
        parts, seconds = [], 0.0
        for origin in origins:
            mean, quantiles = np.zeros(len(demand)), np.full((len(demand), len(TAIL)), np.nan)
            for ahead in np.unique(horizon):
                rows = np.flatnonzero(horizon == ahead)
                frame = frame_of(demand[rows, :origin])
                began = time.perf_counter()
                mean[rows], quantiles[rows] = totals_of(name, frame, int(ahead), origin)
                seconds += time.perf_counter() - began
            part = pd.DataFrame({"mean": mean})
            for k, level in enumerate(TAIL):
                part[f"q{level}"] = np.maximum(quantiles[:, k], 0.0)
            parts.append(part)
        whole = pd.concat(parts, ignore_index=True)
        whole["method"], whole["seconds"] = f"statsforecast {name}", seconds
        tables.append(whole)
    pd.concat(tables, ignore_index=True).to_parquet(answered)


def frame_of(history: Any) -> Any:
    """The long table of a history; the time before a series began is zero, so that every window has its length."""
    import pandas as pd

    n_series, n_periods = history.shape
    number, period = np.repeat(np.arange(n_series), n_periods), np.tile(np.arange(n_periods), n_series)
    return pd.DataFrame({"unique_id": number, "ds": period, "y": np.nan_to_num(history).ravel()})


def totals_of(name: str, frame: Any, ahead: int, n_periods: int) -> tuple[Any, Any]:
    from statsforecast import StatsForecast
    from statsforecast.models import (
        ADIDA,
        IMAPA,
        TSB,
        CrostonClassic,
        CrostonOptimized,
        CrostonSBA,
        SimpleExponentialSmoothingOptimized,
    )
    from statsforecast.utils import ConformalIntervals

    if name == POINTS:
        models = [CrostonClassic(), CrostonSBA(), CrostonOptimized(), TSB(0.1, 0.1), ADIDA(), IMAPA()]
        said = StatsForecast(models=models, freq=1, n_jobs=1).forecast(df=frame, h=ahead)
        mean = said["CrostonSBA"].to_numpy().reshape(-1, ahead).sum(axis=1)
        return mean, np.full((len(mean), len(TAIL)), np.nan)
    windows = max(2, min(WINDOWS, (n_periods - 2) // ahead))
    bounds = ConformalIntervals(h=ahead, n_windows=windows)
    if name == "SESOpt conformal":
        model = SimpleExponentialSmoothingOptimized(alias="m", prediction_intervals=bounds)
    else:
        model = CrostonSBA(alias="m", prediction_intervals=bounds)
    widths = [round(200 * level - 100) for level in TAIL]
    said = StatsForecast(models=[model], freq=1, n_jobs=1).forecast(df=frame, h=ahead, level=widths)
    quantiles = [said[f"m-hi-{width}"].to_numpy().reshape(-1, ahead).sum(axis=1) for width in widths]
    return said["m"].to_numpy().reshape(-1, ahead).sum(axis=1), np.stack(quantiles, axis=1)


if __name__ == "__main__":
    answer(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
