"""Who can supply each part to each DC: maker, third party and local, with price, lead time and reliability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from partsopt.sample.assortment import Assortment
from partsopt.sample.draws import Array, normal, sample_without_repeat, steady, stream
from partsopt.sample.places import Places
from partsopt.tables import PRICE_BREAKS, SUPPLY, conform

MAKER_SHARE, IMPORT_SHARE, THIRD_PARTY_SHARE, LOCAL_SHARE = 0.95, 0.18, 0.36, 0.16
PREFERRED_SHARE = 0.02
BREAKS_SHARE = 0.12
LOCAL_PURCHASE_SHARE = 0.004  # dealer and part pairs on stock that the dealer may also buy nearby
HOLDING_RATE_PER_YEAR = 0.22
THIRD_PARTIES = 12
PACKS = np.array([1, 2, 4, 5, 10, 20, 50, 100])


@dataclass(frozen=True)
class Terms:
    """Purchase terms that a real set of parts brings along, shape (parts,); NaN where it says nothing."""

    lead_time_days: Array
    order_cost: Array
    min_order_quantity: Array
    order_multiple: Array


def no_terms(n_parts: int) -> Terms:
    """No real terms: everything is drawn."""
    blank = np.full(n_parts, np.nan)
    return Terms(blank, blank, blank, blank)


def supply_of_dcs(places: Places, parts: Assortment, terms: Terms, seed: int) -> pd.DataFrame:
    """One to three sources of each part at each DC, with columns ``site`` and ``part`` beside those of supply.

    The maker delivers in 20 to 45 days (imports 60 to 90) at the base price; a third party sooner, 10 %
    cheaper to 10 % dearer and less reliably; a local dealer within days, 10 to 25 % dearer. A source
    asks the same price, pack and minimum from every DC.
    """
    random = stream(seed, "sources")
    n = len(parts)
    pack = _packs(random, parts)
    has_maker = random.random(n) < MAKER_SHARE
    is_import = random.random(n) < IMPORT_SHARE
    has_third = (random.random(n) < THIRD_PARTY_SHARE) | ~has_maker
    has_local = random.random(n) < LOCAL_SHARE
    minimum_packs = np.where(random.random(n) < 0.15, 2, 1)
    maker_lead = np.where(is_import, 60 + np.floor(random.random(n) * 31), 20 + np.floor(random.random(n) * 26))
    maker_lead = np.where(np.isnan(terms.lead_time_days), maker_lead, terms.lead_time_days)
    third_lead = np.minimum(8 + np.floor(random.random(n) * 18), np.maximum(np.floor(maker_lead * 0.7), 3))
    third = np.floor(random.random(n) * THIRD_PARTIES).astype(np.int64) + 1
    third_price = np.round(parts.unit_cost * (0.9 + 0.2 * random.random(n)), 2)
    local_price = np.round(parts.unit_cost * (1.10 + 0.15 * random.random(n)), 2)
    maker_pack = np.where(np.isnan(terms.order_multiple), pack, terms.order_multiple)
    maker_minimum = np.where(
        np.isnan(terms.min_order_quantity), maker_pack * minimum_packs, np.maximum(terms.min_order_quantity, 1)
    )
    shared = {
        "maker": (
            has_maker | ~np.isnan(terms.lead_time_days),
            np.where(is_import, "MAKER-EU", "MAKER-CN"),
            maker_lead,
            np.round(maker_lead * (0.10 + 0.08 * random.random(n)), 1),
            parts.unit_cost,
            np.where(np.isnan(terms.order_cost), np.where(is_import, 45.0, 22.0), terms.order_cost),
            maker_minimum,
            maker_pack,
            0.96 - 0.10 * random.random(n),
            np.where(is_import, "DE", ""),
        ),
        "third_party": (
            has_third,
            np.array([f"TP-{k:02d}" for k in range(THIRD_PARTIES + 1)])[third],
            third_lead,
            np.round(third_lead * (0.20 + 0.15 * random.random(n)), 1),
            third_price,
            np.full(n, 18.0),
            maker_pack * np.where(random.random(n) < 0.3, 2, 1),
            maker_pack,
            0.90 - 0.25 * random.random(n),
            np.full(n, ""),
        ),
    }
    frames = []
    for dc in range(places.n_dcs):
        for channel, (has, source, lead, sd, cost, order_cost, minimum, multiple, on_time, calendar) in shared.items():
            rows = np.flatnonzero(has)
            frames.append(
                pd.DataFrame(
                    {
                        "site": dc,
                        "part": rows,
                        "source_id": source[rows],
                        "channel": channel,
                        "lead_time_days": lead[rows]
                        + (1.0 if dc % 3 == 2 else 0.0) * np.isnan(terms.lead_time_days[rows]),
                        "lead_time_sd_days": sd[rows],
                        "unit_cost": np.maximum(cost[rows], 0.01),
                        "order_cost": order_cost[rows],
                        "min_order_quantity": minimum[rows].astype(np.int64),
                        "order_multiple": multiple[rows].astype(np.int64),
                        "on_time_share": np.round(on_time[rows], 3),
                        "source_calendar": calendar[rows],
                    }
                )
            )
        rows = np.flatnonzero(has_local & (random.random(n) < 0.8))
        frames.append(_local_rows(random, dc, rows, local_price, places.site_ids[dc]))
    supply = pd.concat(frames, ignore_index=True).sort_values(["site", "part", "source_id"], ignore_index=True)
    return _with_preferred(supply, n, random)


def _with_preferred(supply: pd.DataFrame, n_parts: int, random: np.random.Generator) -> pd.DataFrame:
    code = supply["site"].to_numpy() * n_parts + supply["part"].to_numpy()
    _, first, counts = np.unique(code, return_index=True, return_counts=True)
    chosen = random.random(len(first)) < PREFERRED_SHARE
    which = first + np.floor(random.random(len(first)) * counts).astype(np.int64)
    preferred = np.zeros(len(supply), dtype=bool)
    preferred[which[chosen & (counts > 1)]] = True
    return supply.assign(is_preferred=preferred)


def local_purchases(places: Places, parts: Assortment, site: Array, part: Array, seed: int) -> pd.DataFrame:
    """A few dealers that buy some of their parts nearby as well; every other dealer has its DC only."""
    random = stream(seed, "local purchases")
    n = max(2, round(len(site) * LOCAL_PURCHASE_SHARE))
    rows = sample_without_repeat(random, np.arange(len(site)), n)
    price = np.round(parts.unit_cost * 1.22, 2)
    frames = [
        _local_rows(random, int(where), part[rows][site[rows] == where], price, places.site_ids[where])
        for where in np.unique(site[rows])
    ]
    if not frames:
        return pd.DataFrame()
    return pd.concat(frames, ignore_index=True).assign(is_preferred=False)


def _local_rows(random: np.random.Generator, site: int, rows: Array, price: Array, site_id: str) -> pd.DataFrame:
    n = len(rows)
    lead = 1 + np.floor(random.random(n) * 4)
    return pd.DataFrame(
        {
            "site": np.full(n, site),
            "part": rows,
            "source_id": np.full(n, f"LOCAL-{site_id.removeprefix('DC-')}"),
            "channel": np.full(n, "local"),
            "lead_time_days": lead,
            "lead_time_sd_days": np.round(0.3 * lead, 1),
            "unit_cost": np.maximum(price[rows], 0.01),
            "order_cost": np.full(n, 10.0),
            "min_order_quantity": np.ones(n, dtype=np.int64),
            "order_multiple": np.ones(n, dtype=np.int64),
            "on_time_share": np.round(0.98 - 0.06 * random.random(n), 3),
            "source_calendar": np.full(n, ""),
        }
    )


def supply_table(supply: pd.DataFrame, places: Places, parts: Assortment) -> pd.DataFrame:
    """The supply table."""
    named = supply.assign(
        site_id=places.site_ids[supply["site"].to_numpy(dtype=np.int64)],
        part_id=parts.part_ids[supply["part"].to_numpy(dtype=np.int64)],
    )
    return conform(named, SUPPLY)


def price_breaks_table(supply: pd.DataFrame, parts: Assortment, seed: int) -> pd.DataFrame:
    """One or two lower prices for larger orders, for some cheap parts of makers and third parties."""
    random = stream(seed, "price breaks")
    offers = supply[supply["channel"].isin(["maker", "third_party"])].drop_duplicates(["source_id", "part"])
    cheap = (offers["unit_cost"] < 60) & (offers["unit_cost"] > 0.5)
    offers = offers[cheap.to_numpy() & (random.random(len(offers)) < BREAKS_SHARE / 0.45)]
    base = np.maximum(offers["min_order_quantity"].to_numpy(), offers["order_multiple"].to_numpy())
    second = random.random(len(offers)) < 0.5
    steps = [(np.ones(len(offers), dtype=bool), 5, 0.97), (second, 20, 0.93)]
    frames = [
        pd.DataFrame(
            {
                "source_id": offers["source_id"].to_numpy()[has],
                "part_id": parts.part_ids[offers["part"].to_numpy()[has]],
                "min_quantity": base[has] * times,
                "unit_cost": np.maximum(np.round(offers["unit_cost"].to_numpy()[has] * price, 2), 0.01),
            }
        )
        for has, times, price in steps
    ]
    return conform(pd.concat(frames, ignore_index=True), PRICE_BREAKS)


def usual_source(supply: pd.DataFrame, n_parts: int) -> pd.DataFrame:
    """The source a planner would mostly order from: the preferred one, else the lowest price with time and trust.

    One row for each site and part, with its key as ``code``.
    """
    burden = HOLDING_RATE_PER_YEAR * supply["lead_time_days"] / 365 / 2 + 0.1 * (1 - supply["on_time_share"])
    score = steady((supply["unit_cost"] * (1 + burden)).to_numpy()) - 1e9 * supply["is_preferred"].to_numpy()
    ranked = supply.assign(score=score, code=supply["site"] * n_parts + supply["part"])
    ranked = ranked.sort_values(["code", "score", "source_id"], kind="stable")
    return ranked.drop_duplicates("code").reset_index(drop=True)


def _packs(random: np.random.Generator, parts: Assortment) -> Array:
    """Pieces in a pack: one for dear parts, tens for cheap ones, and the pieces of a job where it takes several."""
    z = normal(random, len(parts))
    rank = np.select(
        [parts.unit_cost < 2, parts.unit_cost < 10, parts.unit_cost < 40, parts.unit_cost < 120],
        [5.5, 4.0, 2.0, 0.4],
        default=-1.0,
    )
    pack = PACKS[np.clip(np.floor(rank + 1.2 * z + 0.5), 0, len(PACKS) - 1).astype(np.int64)]
    per_job = parts.texts("per_job").astype(np.int64)
    return np.where(per_job > 1, per_job * np.maximum(pack // per_job, 1), pack)
