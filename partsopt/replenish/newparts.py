"""New parts without a history: what to expect of them by parts like them, and whether the first piece pays."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.replenish.levels import Levels
from partsopt.replenish.pairs import Pairs, rows_of
from partsopt.replenish.stocking import stocking_costs, stocking_decision
from partsopt.settings import ReplenishParams
from partsopt.tables import CLASSES, FORECASTS, SITE_PART, conform, declare_exception, exceptions_of

Floats = npt.NDArray[np.float64]

DAYS_PER_YEAR = 365.25
PERIOD_DAYS = DAYS_PER_YEAR / 12
YOUNG_DAYS = (182, 1096)  # on sale for so long: long enough to have sold, short enough to be like a new part

NEW_PART = declare_exception(
    "new_part",
    stage="replenish",
    says="a new part without a history; its first stock goes by parts of its group that were new before it",
    action="correct the level where more is known, such as the cars it fits; money is the value of the level",
)


class NewParts(NamedTuple):
    """Forecasts and classes with rows for new parts, and those rows with the reason of what is expected."""

    forecasts: pd.DataFrame
    classes: pd.DataFrame
    started: pd.DataFrame


def with_new_parts(
    *,
    forecasts: pd.DataFrame,
    classes: pd.DataFrame,
    parts: pd.DataFrame,
    sites: pd.DataFrame,
    supply: pd.DataFrame,
    supersessions: pd.DataFrame,
    today: date,
    params: ReplenishParams,
) -> NewParts:
    """Add what is expected of new parts at the DCs that can buy them, in time for their first day.

    A number that is announced to replace another, whose pieces may then not be sold any more, is expected to sell
    what that one sells. Another new part is expected to sell the median of the parts of its group that were new
    in the last three years and sold, times the share of them that sold; where the group has none, of all groups.

    Parameters
    ----------
    forecasts, classes
        Of the stages before.
    parts, sites, supply, supersessions
        Input tables.
    today
        The planned day.
    params
        Costs that decide whether the first piece pays.
    """
    of_dcs = forecasts[forecasts["site_id"].isin(sites.loc[sites["site_kind"].eq("dc"), "site_id"])]
    bought = _bought_by_dcs(of_dcs, parts, sites, supply, today, params)
    expected = pd.concat(
        [_as_the_old(bought, of_dcs, supersessions, today), _as_its_group(bought, of_dcs, today)],
        ignore_index=True,
    ).drop_duplicates(SITE_PART)
    if expected.empty:
        return NewParts(forecasts, classes, expected)
    per_year = expected["per_year"].to_numpy()
    extra = params.emergency_cost_share * expected["unit_cost"].to_numpy() + params.emergency_cost_fixed
    costs = stocking_costs(
        1,
        per_year,
        expected["variance_to_mean"].to_numpy(),
        params.dc_review_period_days["C"],
        expected["lead_time_days"].to_numpy(),
        expected["unit_cost"].to_numpy(),
        params.holding_rate_per_year,
        extra,
        params.obsolescence_per_year["new"],
        moments=0,
    )
    expected = expected.assign(
        is_stocked=(per_year > 0)
        & stocking_decision(costs, np.zeros(len(expected), dtype=bool), params.stocking_margin)
    )
    return NewParts(
        pd.concat([_without(forecasts, expected), conform(_forecast_rows(expected), FORECASTS)], ignore_index=True),
        pd.concat([_without(classes, expected), conform(_class_rows(expected), CLASSES)], ignore_index=True),
        expected,
    )


def expected_rate(rates: npt.ArrayLike, n_new: int) -> float:
    """What a new part is expected to sell: the median of those that sold, times the share of all new ones that did.

    Examples
    --------
    >>> expected_rate([4.0, 6.0, 20.0], n_new=4)
    4.5
    """
    sold = np.asarray(rates, dtype=np.float64)
    return float(np.median(sold)) * len(sold) / n_new if len(sold) else 0.0


def new_part_exceptions(pairs: Pairs, started: pd.DataFrame, levels: Levels) -> pd.DataFrame:
    """One line for each new part that a DC is to stock, with what is expected and the level."""
    if started.empty:
        return exceptions_of(NEW_PART, started.assign(site_id="", part_id=""), what=[])
    level = levels.order_up_to_level[rows_of(pairs, started["site_id"], started["part_id"])]
    started, level = started[level > 0], level[level > 0]
    what = [f"{why}; level {n}" for why, n in zip(started["why"], level, strict=True)]
    return exceptions_of(NEW_PART, started, what=what, money=level * started["unit_cost"].to_numpy())


# --------------------------------------------------------------------------- tables


def _bought_by_dcs(
    forecasts: pd.DataFrame,
    parts: pd.DataFrame,
    sites: pd.DataFrame,
    supply: pd.DataFrame,
    today: date,
    params: ReplenishParams,
) -> pd.DataFrame:
    """Pairs of a DC and a part it can buy and has no forecast of, with the shortest way to buy it."""
    dcs = sites.loc[sites["site_kind"].eq("dc"), "site_id"]
    rows = supply[supply["channel"].ne("dc") & supply["site_id"].isin(dcs)]
    rows = rows[~(rows["last_order_on"] < pd.Timestamp(today))]
    rows = rows.sort_values([*SITE_PART, "lead_time_days", "unit_cost"]).drop_duplicates(SITE_PART)
    rows = rows[[*SITE_PART, "lead_time_days", "unit_cost"]]
    known = ["part_id", "lifecycle", "introduced_on", "part_group", "criticality"]
    rows = rows.merge(parts[known], on="part_id", how="inner", validate="m:1")
    seen = forecasts.loc[forecasts["mean_per_period"].gt(0) | forecasts["n_demands"].gt(0), SITE_PART].assign(seen=True)
    rows = rows.merge(seen, on=SITE_PART, how="left", validate="1:1")
    rows["in_time"] = pd.Timestamp(today) + pd.to_timedelta(
        rows["lead_time_days"] + params.dc_review_period_days["C"], unit="D"
    )
    return rows


def _as_the_old(
    bought: pd.DataFrame, forecasts: pd.DataFrame, supersessions: pd.DataFrame, today: date
) -> pd.DataFrame:
    """Numbers that replace another at once, from when they must be ordered to be there on their first day."""
    coming = supersessions[(supersessions["effective_on"] > pd.Timestamp(today)) & ~supersessions["use_up_old_first"]]
    coming = coming.sort_values(["effective_on", "old_part_id"]).drop_duplicates("new_part_id")
    rows = bought[bought["seen"].isna() & bought["lifecycle"].ne("ended")].merge(
        coming.rename(columns={"new_part_id": "part_id"}), on="part_id", how="inner", validate="m:1"
    )
    rows = rows[rows["effective_on"] <= rows["in_time"]]
    demand = forecasts[[*SITE_PART, "mean_per_period", "period_days", "variance_to_mean"]]
    rows = rows.merge(
        demand.rename(columns={"part_id": "old_part_id"}), on=["site_id", "old_part_id"], how="inner", validate="m:1"
    )
    per_year = rows["mean_per_period"] / rows["period_days"] * DAYS_PER_YEAR
    why = [
        f"replaces {old} on {day:%Y-%m-%d}, which sells {n:.1f} a year"
        for old, day, n in zip(rows["old_part_id"], rows["effective_on"], per_year, strict=True)
    ]
    return rows.assign(per_year=per_year, why=why)


def _as_its_group(bought: pd.DataFrame, forecasts: pd.DataFrame, today: date) -> pd.DataFrame:
    """New parts, from when they must be ordered to be there on their first day, by their group at the DC."""
    begins = bought["introduced_on"].isna() | (bought["introduced_on"] <= bought["in_time"])
    rows = bought[bought["seen"].isna() & bought["lifecycle"].eq("new") & begins]
    if rows.empty:
        return rows.assign(per_year=0.0, variance_to_mean=1.0, why="")
    on_sale = (pd.Timestamp(today) - bought["introduced_on"]).dt.days
    young = bought[on_sale.between(*YOUNG_DAYS)]
    demand = forecasts[[*SITE_PART, "mean_per_period", "period_days", "variance_to_mean", "n_demands"]]
    young = young.merge(demand, on=SITE_PART, how="left", validate="1:1")
    young = young.assign(per_year=young["mean_per_period"] / young["period_days"] * DAYS_PER_YEAR)
    usual: dict[tuple[str, str], tuple[float, float, int, int]] = {}
    for by, whole in (("part_group", False), ("", True)):
        keyed = young.assign(part_group="") if whole else young[young["part_group"].ne("")]
        for (site, group), members in keyed.groupby(["site_id", "part_group"], sort=True):
            sold = members[members["n_demands"].gt(0) & members["per_year"].gt(0)]
            ratio = float(sold["variance_to_mean"].median()) if len(sold) else 1.0
            if len(sold) or by:
                usual[str(site), str(group)] = (
                    expected_rate(sold["per_year"].to_numpy(), len(members)),
                    ratio,
                    len(sold),
                    len(members),
                )
    found = [
        usual.get((site, group)) or usual.get((site, ""), (0.0, 1.0, 0, 0))
        for site, group in zip(rows["site_id"], rows["part_group"], strict=True)
    ]
    why = [
        f"new, no history here: {sold} of {members} parts like it that were new sold; {rate:.1f} a year expected"
        for rate, _, sold, members in found
    ]
    return rows.assign(per_year=[one[0] for one in found], variance_to_mean=[one[1] for one in found], why=why)


def _without(table: pd.DataFrame, expected: pd.DataFrame) -> pd.DataFrame:
    """The rows of other pairs: a forecast of nothing from no demand says nothing of a new part."""
    of_part = np.flatnonzero(table["part_id"].isin(expected["part_id"]).to_numpy())
    pair = pd.MultiIndex.from_frame(table.iloc[of_part][SITE_PART])
    drop = np.zeros(len(table), dtype=bool)
    drop[of_part[pair.isin(pd.MultiIndex.from_frame(expected[SITE_PART]))]] = True
    return table[~drop]


def _forecast_rows(expected: pd.DataFrame) -> pd.DataFrame:
    mean = expected["per_year"] * PERIOD_DAYS / DAYS_PER_YEAR
    return expected[[*SITE_PART, "variance_to_mean", "why"]].assign(
        period_days=PERIOD_DAYS,
        mean_per_period=mean,
        sd_per_period=np.sqrt(mean * expected["variance_to_mean"]),
        method="naive",
        sbc_class="none",
        n_periods=0,
        n_demands=0,
    )


def _class_rows(expected: pd.DataFrame) -> pd.DataFrame:
    return expected[[*SITE_PART, "criticality", "is_stocked", "why"]].assign(
        usage_value=expected["per_year"] * expected["unit_cost"],
        demands_per_year=expected["per_year"],
        score=0.0,
        cumulative_share=1.0,
        abc_class="C",
        xyz_class="Z",
    )
