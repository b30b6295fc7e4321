"""Which source supplies each pair: every option with its expected cost a year."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.replenish.lifecycle import holding_rates
from partsopt.replenish.pairs import Pairs, rows_at, rows_of
from partsopt.replenish.service import expected_on_hand, level_for_cycle_service_level, level_for_fill_rate
from partsopt.settings import ReplenishParams
from partsopt.tables import SOURCE_OPTIONS, conform, declare_exception, empty, exceptions_of

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SOURCE_REFUSED = declare_exception(
    "source_refused",
    stage="replenish",
    says="a supply row of channel dc names no DC that could supply the site",
    action="name a DC other than the site itself in supply.source_id, or correct the channel",
)

DAYS_PER_YEAR = 365.25
LANE_WEIGHT_KG = 10.0  # the consignment for which a dealer's ordinary lane is the cheapest
LARGEST_BREAK = 2**31 - 1
WAVES = 8  # a chain of DCs longer than this is a circle


class Sources(NamedTuple):
    """The chosen source of each pair, as columns in the order of the pairs, and what was weighed."""

    chosen: pd.DataFrame
    source_options: pd.DataFrame
    exceptions: pd.DataFrame


class PriceBreaks(NamedTuple):
    """Price breaks sorted for look-up: one number for each source, part and quantity."""

    source_ids: pd.Index
    n_parts: int
    marks: Wholes
    unit_cost: Floats


def choose_sources(
    pairs: Pairs,
    supply: pd.DataFrame,
    price_breaks: pd.DataFrame,
    carrier_lanes: pd.DataFrame,
    review_days: Wholes,
    service_target: Floats,
    params: ReplenishParams,
    today: date,
) -> Sources:
    """Take the planner's preferred source, else the one of least expected cost a year.

    A dealer's part without a row in ``supply`` comes from its DC. Such pairs had no choice and are not
    listed among the options.

    Parameters
    ----------
    pairs
        The pairs.
    supply, price_breaks, carrier_lanes
        Input tables.
    review_days, service_target
        T and the target of each pair.
    params
        Cost rates, and the lead time from a DC.
    today
        The planned day: a source whose last day is past is none.

    Returns
    -------
    Sources
        ``chosen`` has a blank source_id where a pair has no source.
    """
    options, refused = _options(pairs, supply[~(supply["last_order_on"] < pd.Timestamp(today))])
    breaks = price_break_table(price_breaks, pairs.part_ids)
    weighed = _weigh(pairs, options, breaks, review_days, service_target, params)
    chosen = _chosen(pairs, weighed, carrier_lanes, params)
    chosen, circling = _without_circles(pairs, chosen)
    said = [f"{row.source_id} is no DC that could supply {row.site_id}" for row in refused.itertuples()]
    exceptions = exceptions_of(SOURCE_REFUSED, refused, what=said)
    said = [f"{row.source_id} is itself supplied by {row.site_id} with this part" for row in circling.itertuples()]
    exceptions = pd.concat([exceptions, exceptions_of(SOURCE_REFUSED, circling, what=said)], ignore_index=True)
    return Sources(chosen, _listed(weighed), exceptions.drop_duplicates(["site_id", "part_id", "what"]))


# --------------------------------------------------------------------------- formulas


def cost_per_year(
    demand_per_year: Floats,
    quantity: Floats,
    unit_cost: Floats,
    order_cost: Floats,
    stock: Floats,
    on_time_share: Floats,
    holding_rate: Floats | float,
    lateness_cost_share: float,
) -> Floats:
    """Expected cost of buying from a source: price, orders, holding and lateness; one column each.

    Parameters
    ----------
    demand_per_year
        Pieces.
    quantity
        Pieces ordered at a time.
    unit_cost, order_cost
        Money per piece and per order line.
    stock
        Average pieces on hand, safety stock included.
    on_time_share
        Share of orders that come by their date; the others cost ``lateness_cost_share`` of the order's value.
    holding_rate
        Holding and obsolescence, share of value a year.

    Returns
    -------
    Array
        Shape (n, 4): price, orders, holding, lateness; money a year.
    """
    value = demand_per_year * unit_cost
    return np.stack(
        [
            value,
            order_cost * demand_per_year / quantity,
            holding_rate * unit_cost * stock,
            (1.0 - on_time_share) * lateness_cost_share * value,
        ],
        axis=1,
    )


def raised_quantity(quantity: Wholes, minimum: Wholes, multiple: Wholes) -> Wholes:
    """A quantity raised to the minimum and up to the next whole multiple; nothing stays nothing.

    Examples
    --------
    >>> raised_quantity(np.array([0, 9, 11]), np.array([10, 10, 10]), np.array([4, 4, 4])).tolist()
    [0, 12, 12]
    """
    wanted = np.maximum(quantity, minimum)
    return np.where(quantity > 0, -(-wanted // multiple) * multiple, 0)


def price_break_table(price_breaks: pd.DataFrame, part_ids: pd.Index) -> PriceBreaks:
    """Price breaks, ready for :func:`unit_cost_at`."""
    part = part_ids.get_indexer(price_breaks["part_id"])
    known = price_breaks[part >= 0]
    source, source_ids = pd.factorize(known["source_id"], sort=True)
    least = np.minimum(known["min_quantity"].to_numpy(), LARGEST_BREAK)
    n_parts = max(len(part_ids), 1)
    marks = (source.astype(np.int64) * n_parts + part[part >= 0]) * (LARGEST_BREAK + 1) + least
    order = np.argsort(marks, kind="stable")
    return PriceBreaks(pd.Index(source_ids), n_parts, marks[order], known["unit_cost"].to_numpy(dtype=float)[order])


def unit_cost_at(
    breaks: PriceBreaks, source_id: npt.ArrayLike, part: Wholes, quantity: npt.ArrayLike, unit_cost: Floats
) -> Floats:
    """Price per piece of an order of this quantity: the source's break where it is lower than its price."""
    if not len(breaks.marks):
        return np.asarray(unit_cost, dtype=np.float64)
    source = breaks.source_ids.get_indexer(pd.Index(source_id))
    reached = np.clip(np.asarray(quantity, dtype=np.int64), 0, LARGEST_BREAK)
    stem = (source * breaks.n_parts + part) * (LARGEST_BREAK + 1)
    place = np.searchsorted(breaks.marks, stem + reached, side="right") - 1
    found = breaks.marks[np.maximum(place, 0)]
    holds = (source >= 0) & (place >= 0) & (found >= stem)
    return np.where(holds, np.minimum(breaks.unit_cost[np.maximum(place, 0)], unit_cost), unit_cost)


# --------------------------------------------------------------------------- tables


def _options(pairs: Pairs, supply: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of supply of the pairs, sorted, less those that name a DC wrongly."""
    pair = rows_of(pairs, supply["site_id"], supply["part_id"])
    options = supply.assign(pair=pair)[pair >= 0].sort_values(["pair", "source_id"], ignore_index=True)
    supplier = pairs.site_ids.get_indexer(options["source_id"])
    is_dc = np.append(pairs.sites["site_kind"].eq("dc").to_numpy(), False)[supplier]  # -1: the last
    wrong = options["channel"].eq("dc") & (~is_dc | options["source_id"].eq(options["site_id"]))
    options["source"] = np.where(options["channel"].eq("dc"), supplier, -1)
    return options[~wrong].reset_index(drop=True), options[wrong].reset_index(drop=True)


def _weigh(
    pairs: Pairs,
    options: pd.DataFrame,
    breaks: PriceBreaks,
    review_days: Wholes,
    service_target: Floats,
    params: ReplenishParams,
) -> pd.DataFrame:
    """The options with their cost a year in its four terms, and the best of each pair."""
    pair = options["pair"].to_numpy()
    rows = pairs.rows.iloc[pair]
    rate, ratio = rows["mean_per_day"].to_numpy(), rows["variance_to_mean"].to_numpy()
    every, target = review_days[pair].astype(np.float64), service_target[pair]
    lead = options["lead_time_days"].to_numpy()
    # the spread of the lead time enters as that of the demand in it: one interval of the same variance
    over_lead, over_protection = rate * lead, rate * (lead + every)
    widened = ratio + rate * options["lead_time_sd_days"].to_numpy() ** 2 / np.maximum(lead + every, 1.0)
    level = np.zeros(len(options), dtype=np.int64)
    kept = rows["is_stocked"].to_numpy()
    if params.service_measure == "fill_rate":
        level[kept] = level_for_fill_rate(target[kept], over_lead[kept], over_protection[kept], widened[kept])
    else:
        level[kept] = level_for_cycle_service_level(target[kept], over_protection[kept], widened[kept])
    minimum, multiple = options["min_order_quantity"].to_numpy(), options["order_multiple"].to_numpy()
    usual = np.maximum(np.ceil(rate * every), 1).astype(np.int64)
    quantity = raised_quantity(usual, minimum, multiple)
    on_hand = (expected_on_hand(level, over_lead, widened) + expected_on_hand(level, over_protection, widened)) / 2
    on_hand = on_hand + np.maximum(quantity - rate * every, 0.0) / 2
    unit_cost = unit_cost_at(
        breaks, options["source_id"], rows["part"].to_numpy(), quantity, options["unit_cost"].to_numpy()
    )
    asked = np.where(rate > 0, rate * DAYS_PER_YEAR, 1.0)  # nothing expected: compared at a piece a year
    terms = cost_per_year(
        asked,
        quantity.astype(np.float64),
        unit_cost,
        options["order_cost"].to_numpy(),
        on_hand,
        options["on_time_share"].to_numpy(),
        holding_rates(pairs, params)[pair],
        params.lateness_cost_share,
    )
    weighed = options.assign(unit_cost_usual=unit_cost, cost_per_year=terms.sum(axis=1))
    weighed[["price", "ordering", "holding", "lateness"]] = terms
    order = np.lexsort(
        (
            options["source_id"].to_numpy(dtype=str),
            lead,
            np.round(weighed["cost_per_year"].to_numpy(), 6),
            ~options["is_preferred"].to_numpy(),
            pair,
        )
    )
    first = np.flatnonzero(np.diff(pair[order], prepend=-1))
    best = np.repeat(order[first], np.diff(first, append=len(order)))
    weighed["best"] = 0
    weighed.loc[order, "best"] = best
    weighed["is_chosen"] = weighed["best"].to_numpy() == np.arange(len(weighed))
    return weighed


def _listed(weighed: pd.DataFrame) -> pd.DataFrame:
    """The table of options, each with the reason why it was taken or not."""
    if not len(weighed):
        return empty(SOURCE_OPTIONS)
    best = weighed.iloc[weighed["best"].to_numpy()].reset_index(drop=True)
    n_options = weighed.groupby("pair")["pair"].transform("size").to_numpy()
    rivals = weighed["cost_per_year"].where(~weighed["is_chosen"])
    cheapest_rival = rivals.groupby(weighed["pair"]).transform("min").to_numpy()
    more = {
        name: (weighed[name].to_numpy() - best[name].to_numpy()).tolist()
        for name in ("cost_per_year", "price", "ordering", "holding", "lateness")
    }
    rival_id = best["source_id"].tolist()
    why = []
    for row, (is_chosen, is_preferred, n, rival, own) in enumerate(
        zip(
            weighed["is_chosen"].tolist(),
            weighed["is_preferred"].tolist(),
            n_options.tolist(),
            cheapest_rival.tolist(),
            weighed["cost_per_year"].tolist(),
            strict=True,
        )
    ):
        if is_chosen and n == 1:
            why.append("the only source")
        elif is_chosen and is_preferred:
            dearer = own - rival
            least = f"{dearer:.2f} a year dearer than" if dearer > 0 else f"{-dearer:.2f} a year cheaper than"
            why.append(f"the planner's choice; {least} the best of the others")
        elif is_chosen:
            why.append(f"the cheapest of {n} sources; the next costs {rival - own:.2f} a year more")
        else:
            terms = ", ".join(f"{name} {more[name][row]:+.2f}" for name in ("price", "ordering", "holding", "lateness"))
            why.append(f"{more['cost_per_year'][row]:+.2f} a year against {rival_id[row]}: {terms}")
    return conform(weighed.assign(unit_cost=weighed["unit_cost_usual"], why=why), SOURCE_OPTIONS)


def _chosen(pairs: Pairs, weighed: pd.DataFrame, lanes: pd.DataFrame, params: ReplenishParams) -> pd.DataFrame:
    """The chosen option of each pair; its DC for a dealer's pair without a row; blank for the others."""
    n = len(pairs.keys)
    rows = pairs.rows
    by_dc = rows["supplied_by"].to_numpy()
    taken = weighed[weighed["is_chosen"]]
    at = taken["pair"].to_numpy()
    from_dc = by_dc >= 0
    from_dc[at] = False
    names = np.append(pairs.site_ids.to_numpy(dtype=object), "")
    calendars = np.append(pairs.sites["calendar"].to_numpy(dtype=object), "")
    site = rows["site"].to_numpy()
    chosen = {
        "source_id": np.where(from_dc, names[by_dc], ""),
        "channel": np.where(from_dc, "dc", "").astype(object),
        "source": np.where(from_dc, by_dc, -1),
        "lead_time_days": np.where(from_dc, dealer_lead_times(pairs, lanes, params)[site], 0.0),
        "lead_time_sd_days": np.zeros(n),
        "unit_cost": rows["part_cost"].to_numpy().copy(),
        "order_cost": np.zeros(n),
        "shared_order_cost": np.full(n, np.nan),
        "source_lines_per_day": np.full(n, np.nan),
        "min_order_quantity": np.ones(n, dtype=np.int64),
        "order_multiple": np.ones(n, dtype=np.int64),
        "source_calendar": np.full(n, "", dtype=object),
    }
    for name, values in chosen.items():
        values[at] = taken[name].to_numpy()
    # a source without a calendar of its own works on the DC's, or on that of the site it supplies
    own = np.where(chosen["source"] >= 0, calendars[chosen["source"]], calendars[site])
    chosen["source_calendar"] = np.where(chosen["source_calendar"] == "", own, chosen["source_calendar"])
    frame = pd.DataFrame(chosen)
    frame["has_source"] = frame["source_id"].ne("").to_numpy()
    frame["parent"] = rows_at(pairs, frame["source"].to_numpy(), rows["part"].to_numpy())
    return frame


def dealer_lead_times(pairs: Pairs, lanes: pd.DataFrame, params: ReplenishParams) -> Floats:
    """Days from a DC's picking to each site it supplies, by its cheapest lane for a small consignment."""
    supplier = pairs.site_ids.get_indexer(pairs.sites["supplied_by"])
    lanes = lanes.assign(
        origin=pairs.site_ids.get_indexer(lanes["origin_id"]),
        destination=pairs.site_ids.get_indexer(lanes["destination_id"]),
        price=lanes["cost_fixed"] + LANE_WEIGHT_KG * lanes["cost_per_kg"],
    )
    ours = lanes[(lanes["destination"] >= 0) & (lanes["origin"] >= 0)]
    ours = ours[ours["origin"].to_numpy() == supplier[ours["destination"].to_numpy()]]
    ours = ours.sort_values(["destination", "price", "days", "service"]).drop_duplicates("destination")
    days = np.full(len(pairs.site_ids), params.dealer_lane_days)
    days[ours["destination"].to_numpy()] = ours["days"].to_numpy()
    return days + params.dealer_handling_days


def _without_circles(pairs: Pairs, chosen: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Number the waves in which pairs are settled; DCs that supply one another lose that source."""
    parent = chosen["parent"].to_numpy(copy=True)
    wave = np.zeros(len(parent), dtype=np.int64)
    for _ in range(WAVES + 1):
        wave = np.where(parent >= 0, wave[parent] + 1, 0)
    circling = (wave > WAVES) & pairs.rows["is_dc"].to_numpy()
    lost = pairs.rows.loc[circling, ["site_id", "part_id"]].assign(source_id=chosen.loc[circling, "source_id"])
    if circling.any():
        parent[circling] = -1
        chosen = chosen.assign(parent=parent)
        for name, value in (("source_id", ""), ("channel", ""), ("source", -1), ("has_source", False)):
            chosen.loc[circling, name] = value
        for _ in range(WAVES + 1):
            wave = np.where(parent >= 0, wave[parent] + 1, 0)
    return chosen.assign(wave=wave), lost
