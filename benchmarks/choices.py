"""Candidates for the pooled forecast's constants, compared without the hold-out that is reported.

    python -m benchmarks.choices --data DIR [--only NAME ...] [--rivals] [--unlike]

The last 12 periods of every real set are cut away first: they are what ``benchmarks.forecast`` reports. What is left is
cut in several ways (halves of the parts, an earlier date, the last 24 months, 300 parts, four-week months of a weekly
set) and joined by generated demand; on each cut the total of 3 periods is forecast from 4 origins, 3 periods apart. A
candidate is a set of constants; its tail loss is shown over that of the constants in force: less than 1 is better.
With ``--unlike`` the sets are those of ``benchmarks/unlike.py`` instead, which no constant was chosen on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks.baselines import binomial_sba, normal_ses, pooled_prototype
from benchmarks.forecast import AHEAD, HELD_OUT, SEASON, TAIL, cases_of, fit, pinball, totals_after
from benchmarks.generated import GENERATED
from benchmarks.unlike import UNLIKE
from partsopt.forecast import market, pooled, predictive, ratios, spread

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

CANDIDATES: dict[str, dict[str, Any]] = {
    "in force": {},
    "level at discount 0.86": {"MARKET": 3, "USUAL": 0.86},
    "movements hardly carried on": {"SHARES_SPREAD": np.array([0.1, 0.1, 0.005])},
    "no season": {"LEAST_YEARS": 1e9},
    "one chance of ending": {"ENDING_SPREAD": 1e-6},
    "table alone": {"TABLE_WEIGHT": 1.0, "TABLE_TOTALS": 0.0},
    "negative binomial alone": {"TABLE_WEIGHT": 0.0},
    "table as heavy with few totals": {"TABLE_TOTALS": 0.0},
    "8 origins": {"MOST_ORIGINS": 8},
    "weights of each horizon's own": {"OWN_SHARE": 1.0},
    "rounded up always": {"ROUND_DOWN": 0.0},
    "rounded to the nearest": {"ROUND_DOWN": 0.5},
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.choices", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of Parquet files of demand")
    parser.add_argument("--only", nargs="*", help="candidates, instead of all")
    parser.add_argument("--rivals", action="store_true", help="the baselines on the same cuts")
    parser.add_argument("--unlike", action="store_true", help="made sets that no constant was chosen on, instead")
    options = parser.parse_args(arguments)
    sets = dict(made_sets(UNLIKE) if options.unlike else sets_of(options.data))
    names = options.only or list(CANDIDATES)
    base = None
    print("candidate".ljust(34) + "".join(f"{name[:12]:>13}" for name in sets) + f"{'geo mean':>10}")
    if options.rivals:
        for name in RIVALS:
            scores = [score(*one, method=RIVALS[name]) for one in sets.values()]
            print(name.ljust(34) + "".join(f"{one[0]:13.4f}" for one in scores))
    for name in names:
        with_constants = [score_with(CANDIDATES[name], *one) for one in sets.values()]
        tails = np.array([one[0] for one in with_constants])
        base = tails if base is None else base
        print(
            name.ljust(34) + "".join(f"{one:13.4f}" for one in tails) + f"{np.exp(np.log(tails / base).mean()):10.4f}"
        )
        for row, label in (
            (1, "  whole 0.95"),
            (2, "  whole 0.99"),
            (3, "  split 0.95"),
            (4, "  split 0.99"),
            (5, "  bias"),
        ):
            print(label.ljust(34) + "".join(f"{one[row]:13.4f}" for one in with_constants), flush=True)
    return 0


def sets_of(folder: Path) -> Iterator[tuple[str, tuple[Array, str]]]:
    """Demand (series, periods) and kind of period by name, nothing of the reported hold-out in it."""
    for case in cases_of(folder):
        known = case.demand[:, :-HELD_OUT]
        yield case.name, (known, case.period)
        if case.period == "week":
            n_months = known.shape[1] // 4
            months = known[:, known.shape[1] - 4 * n_months :].reshape(len(known), n_months, 4).sum(axis=2)
            yield f"{case.name} months", (months, "month")
            known = months
        yield f"{case.name} odd", (known[1::2], "month")
        yield f"{case.name} 24", (known[:, -24:], "month")
        yield f"{case.name} 300", (known[:: len(known) // 300], "month")
        yield f"{case.name} -6", (known[:, :-6], "month")
    yield from made_sets(GENERATED)


def made_sets(made: Mapping[str, Callable[..., Array]]) -> Iterator[tuple[str, tuple[Array, str]]]:
    """Each kind of made demand, and 300 series of it from another seed."""
    for name, one in made.items():
        yield name, (one(), "month")
        yield f"{name} 300", (one(300, 2), "month")


RIVALS = {"normal around SES": normal_ses, "NB around SBA": binomial_sba, "pooled prototype": pooled_prototype}


def score(demand: Array, period: str, *, method: Any = None) -> list[float]:
    """Tail loss, coverage of whole pieces and with ties split by chance at 0.95 and 0.99, and bias."""
    first = demand.shape[1] - HELD_OUT
    known = np.isfinite(demand[:, :first])
    change = np.abs(np.diff(demand[:, :first], axis=1))
    scale = np.nansum(change, axis=1) / np.maximum(np.isfinite(change).sum(axis=1), 1)
    horizon, levels = np.full(len(demand), AHEAD), np.array(TAIL)
    losses, covered, split, mean_total, total = [], [], [], 0.0, 0.0
    for origin in range(first, demand.shape[1], AHEAD):
        actual = totals_after(demand, origin, horizon)
        kept = np.isfinite(actual) & (scale > 0) & known.any(axis=1)
        if method is None:
            fitted = fit(demand[:, :origin], period)
            mean, smooth = fitted.mean(horizon), fitted.smooth_quantiles(horizon, levels)
            quantile = predictive.whole_pieces(smooth)
        else:
            mean, quantile = method(demand[:, :origin], SEASON[period], horizon, levels)
            smooth = quantile + 0.5
        loss = [pinball(actual, quantile[:, k], one) for k, one in enumerate(levels)]
        losses.append((np.stack(loss, axis=1) / np.where(kept, scale, 1.0)[:, None])[kept])
        covered.append((actual[:, None] <= quantile)[kept])
        split.append(np.clip(smooth + 0.5 - actual[:, None], 0.0, 1.0)[kept])
        mean_total, total = mean_total + mean[kept].sum(), total + actual[kept].sum()
    covered, split = np.concatenate(covered).mean(0), np.concatenate(split).mean(0)
    return [float(np.concatenate(losses).mean()), *covered[1:], *split[1:], mean_total / total - 1.0]


def score_with(constants: Mapping[str, Any], demand: Array, period: str) -> list[float]:
    before = patched(constants)
    try:
        return score(demand, period)
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def patched(constants: Mapping[str, Any]) -> list[tuple[Any, str, Any]]:
    out = []
    for name, value in constants.items():
        module = next(one for one in (market, pooled, predictive, ratios, spread) if hasattr(one, name))
        out.append((module, name, getattr(module, name)))
        setattr(module, name, value)
    return out


if __name__ == "__main__":
    sys.exit(main())
