"""What past nights promised and what came of it, by class and site; targets are widened where promises fail."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.settings import ReplenishParams
from partsopt.tables import ABC_CLASSES, SERVICE_RECORD, SITE_PART, conform, declare_exception, empty, exceptions_of

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

KINDS = ("dealer", "dc")  # by is_dc
ALL_SITES = "all"
SIGNIFICANT = 2.0  # standard errors of a gap that counts
LEAST_PARTS = 10  # asked for; what fewer show is no evidence
EASE = 0.95  # power to which a widening is raised when nothing speaks for it
LEAST_SHORT = 1e-3  # share of pieces: a smaller one is read as this

PROMISE_FAILED = declare_exception(
    "promise_failed",
    stage="replenish",
    says="less of what was asked for was met from the shelf than promised, by more than chance",
    action="see service_record; look for late sources, wrong stock figures or demand that grew; levels are widened",
)


class Record(NamedTuple):
    """Promised beside realised (SERVICE_RECORD), and the classes that failed."""

    service_record: pd.DataFrame
    exceptions: pd.DataFrame


def service_record_of(
    past_promises: pd.DataFrame,
    demand_lines: pd.DataFrame,
    stockouts: pd.DataFrame,
    sites: pd.DataFrame,
    parts: pd.DataFrame,
    params: ReplenishParams,
) -> Record:
    """Hold what earlier nights promised against what happened, by class, kind of site and site.

    Parameters
    ----------
    past_promises
        The promise in force on each day and at each part and site with demand (PAST_PROMISES).
    demand_lines, stockouts, sites, parts
        Input tables. A line's ``filled_quantity`` says what was met; where it is blank all of it was, or none where the
        site was out of stock on that day. A DC is asked for its own lines and those of its dealers.
    params
        Bound of the widening.

    Returns
    -------
    Record
        No rows where nothing is known of stock-outs and filled quantities: then nothing can be said.
    """
    knows = len(stockouts) > 0 or demand_lines["filled_quantity"].notna().any()
    if past_promises.empty or not knows:
        return Record(empty(SERVICE_RECORD), exceptions_of(PROMISE_FAILED, parts.iloc[:0], what=[]))
    asked = _asked_and_met(past_promises, demand_lines, stockouts, sites)
    rows = past_promises.merge(asked, on=["demanded_on", *SITE_PART], validate="1:1")
    rows = rows.merge(sites[["site_id", "site_kind"]], on="site_id", validate="m:1")
    rows = rows.merge(parts[["part_id", "unit_cost"]], on="part_id", how="left", validate="m:1")
    rows["unit_cost"] = rows["unit_cost"].fillna(0.0)
    rows["site"] = rows["site_id"]
    by_site = _by_class(rows, params)
    of_all = _by_class(rows.assign(site_id=ALL_SITES), params)
    record = conform(pd.concat([of_all, by_site], ignore_index=True), SERVICE_RECORD)
    return Record(record, _failed(record))


def widened_targets(
    target: Floats, is_dc: Flags, abc_class: npt.NDArray[np.int64], record: pd.DataFrame
) -> tuple[Floats, Floats]:
    """Targets whose shortfall is multiplied by the factor of their class and kind of site, and that factor.

    Examples
    --------
    >>> record = pd.DataFrame({"site_id": ["all"], "site_kind": ["dc"], "abc_class": ["B"], "shortfall_factor": [0.5]})
    >>> target, factor = widened_targets(np.array([0.9, 0.9]), np.array([True, False]), np.array([1, 1]), record)
    >>> target.round(3).tolist(), factor.tolist()
    ([0.95, 0.9], [0.5, 1.0])
    """
    by_group = np.ones(len(KINDS) * len(ABC_CLASSES))
    for row in record[record["site_id"].eq(ALL_SITES)].itertuples():
        by_group[KINDS.index(row.site_kind) * len(ABC_CLASSES) + ABC_CLASSES.index(row.abc_class)] = (
            row.shortfall_factor
        )
    factor = by_group[is_dc.astype(np.int64) * len(ABC_CLASSES) + abc_class]
    return 1.0 - (1.0 - target) * factor, factor


def next_shortfall_factor(
    promised: float, realised: float, standard_error: float, factor: float, smallest: float
) -> float:
    """What a class's shortfall is to be multiplied by, after a time in which it was multiplied by ``factor``.

    Parameters
    ----------
    promised
        Share of pieces that the targets without any widening promised.
    realised, standard_error
        Share that was met, and the standard error of the gap between the two.
    factor
        The factor in force in that time, on average; 1: nothing was widened.
    smallest
        The bound: no factor is below it.

    Notes
    -----
    The factor is corrected by the odds of what was promised short to what fell short, raised to the power
    1 - (2 standard errors / gap)^2, which is 0 for a gap of two standard errors and nears 1 for large ones. Without
    evidence it eases back to 1.

    Examples
    --------
    >>> next_shortfall_factor(0.95, 0.85, 0.01, 1.0, 0.5)
    0.5
    >>> round(next_shortfall_factor(0.95, 0.93, 0.009, 1.0, 0.5), 3)
    0.938
    >>> next_shortfall_factor(0.95, 0.93, 0.02, 1.0, 0.5)
    1.0
    """
    gap = promised - realised
    belief = 1.0 - (SIGNIFICANT * standard_error / gap) ** 2 if abs(gap) > SIGNIFICANT * standard_error else 0.0
    ratio = max(1.0 - promised, LEAST_SHORT) / max(1.0 - realised, LEAST_SHORT)
    return float(np.clip(factor**EASE * ratio**belief, smallest, 1.0))


def _asked_and_met(
    past_promises: pd.DataFrame, demand_lines: pd.DataFrame, stockouts: pd.DataFrame, sites: pd.DataFrame
) -> pd.DataFrame:
    """Lines, pieces asked for and pieces met, by day, site and part."""
    first = past_promises["demanded_on"].min()
    lines = demand_lines[demand_lines["demanded_on"].ge(first) & demand_lines["quantity"].gt(0)]
    lines = lines[["demanded_on", *SITE_PART, "quantity", "filled_quantity"]]
    dc_of = sites.loc[sites["supplied_by"].ne(""), ["site_id", "supplied_by"]]
    of_dealers = lines.merge(dc_of, on="site_id", validate="m:1")
    of_dealers = of_dealers.assign(site_id=of_dealers["supplied_by"], filled_quantity=np.nan)
    lines = pd.concat([lines, of_dealers[lines.columns]], ignore_index=True)
    lines["is_out"] = _is_out(lines, stockouts)
    met = lines["filled_quantity"].fillna(lines["quantity"].where(~lines["is_out"], 0)).clip(upper=lines["quantity"])
    lines = lines.assign(met=met)
    return lines.groupby(["demanded_on", *SITE_PART], as_index=False).agg(
        lines=("quantity", "size"), pieces=("quantity", "sum"), met=("met", "sum")
    )


def _is_out(lines: pd.DataFrame, stockouts: pd.DataFrame) -> pd.Series:
    """Whether the site was out of stock on the day of the line."""
    spans = lines.reset_index(names="row").merge(stockouts, on=SITE_PART)
    inside = spans["demanded_on"].ge(spans["from_on"]) & (
        spans["until_on"].isna() | spans["demanded_on"].le(spans["until_on"])
    )
    return pd.Series(np.isin(np.arange(len(lines)), spans.loc[inside, "row"].to_numpy()), index=lines.index)


def _by_class(rows: pd.DataFrame, params: ReplenishParams) -> pd.DataFrame:
    group = ["site_kind", "site_id", "abc_class"]
    plain = 1.0 - (1.0 - rows["promised_fill_rate"]) / rows["shortfall_factor"]
    rows = rows.assign(
        expected=rows["promised_fill_rate"] * rows["pieces"],
        plain=plain.clip(lower=0.0) * rows["pieces"],
        widened=rows["shortfall_factor"] * rows["pieces"],
    )
    rows["off"] = rows["expected"] - rows["met"]
    sums = ["lines", "pieces", "met", "expected", "plain", "widened"]
    found = rows.groupby(group, as_index=False)[sums].sum()
    gap = (found["expected"] - found["met"]) / found["pieces"]
    found = found.merge(_evidence(rows, found[group].assign(gap=gap), group), on=group, validate="1:1")
    missed = rows.assign(money=rows["off"] * rows["unit_cost"]).groupby(group, as_index=False)["money"].sum()
    found = found.merge(missed, on=group, validate="1:1")
    realised = found["met"] / found["pieces"]
    factor = [
        next_shortfall_factor(*one, smallest=params.smallest_shortfall_factor)
        for one in zip(
            found["plain"] / found["pieces"],
            realised,
            found["standard_error"].where(found["parts"] >= LEAST_PARTS, np.inf),
            found["widened"] / found["pieces"],
            strict=True,
        )
    ]
    return found[[*group, "lines", "parts", "pieces"]].assign(
        promised_fill_rate=(found["expected"] / found["pieces"]).clip(0, 1),
        realised_fill_rate=realised,
        gap=gap,
        standard_error=found["standard_error"],
        money=found["money"].clip(lower=0.0),
        shortfall_factor=factor,
    )


def _evidence(rows: pd.DataFrame, gaps: pd.DataFrame, group: list[str]) -> pd.DataFrame:
    """Parts asked for in each group, and the standard error of its gap: as its parts show it, or as chance makes it.

    Parts are independent. By chance alone, all that was asked of a part at a site is missed with the probability
    that its promise leaves. Few parts that happen to agree scatter less than that, so the larger of the two counts.
    """
    pairs = rows.groupby([*group, "site", "part_id"], as_index=False)[["off", "pieces", "expected"]].sum()
    promised = (pairs["expected"] / pairs["pieces"]).clip(0.0, 1.0)
    pairs["chance"] = pairs["pieces"] ** 2 * promised * (1.0 - promised)
    by_part = pairs.groupby([*group, "part_id"], as_index=False)[["off", "pieces", "chance"]].sum()
    by_part = by_part.merge(gaps, on=group, validate="m:1")
    by_part["square"] = (by_part["off"] - by_part["gap"] * by_part["pieces"]) ** 2
    sums = by_part.groupby(group, as_index=False).agg(
        square=("square", "sum"), chance=("chance", "sum"), pieces=("pieces", "sum"), parts=("part_id", "size")
    )
    seen = sums["square"] * sums["parts"] / np.maximum(sums["parts"] - 1, 1)
    error = np.sqrt(np.maximum(seen, sums["chance"])) / sums["pieces"]
    return sums[[*group, "parts"]].assign(standard_error=error)


def _failed(record: pd.DataFrame) -> pd.DataFrame:
    is_evidence = (record["parts"] >= LEAST_PARTS) & (record["gap"] > SIGNIFICANT * record["standard_error"])
    bad = record[is_evidence & (record["gap"] > 0)]
    what = [
        f"class {row.abc_class} of {'all ' + row.site_kind + 's' if row.site_id == ALL_SITES else 'the site'}: "
        f"{row.promised_fill_rate:.1%} promised, {row.realised_fill_rate:.1%} met of {row.pieces:,} pieces"
        + (f"; shortfall to be times {row.shortfall_factor:.2f}" if row.site_id == ALL_SITES else "")
        for row in bad.itertuples()
    ]
    named = bad[["site_id"]].replace(ALL_SITES, "")
    return exceptions_of(PROMISE_FAILED, named, what=what, money=bad["money"].to_numpy())
