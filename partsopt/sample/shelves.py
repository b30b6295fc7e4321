"""Opening stock and what is on its way, as a network looks that has been managed, not perfectly.

Most stocked pairs of site and part stand between the level a planner would set and that level less
what was asked for since the last review. The others are the field's usual troubles, in these shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

import numpy as np
import pandas as pd

from partsopt.sample.assortment import Assortment
from partsopt.sample.draws import Array, normal_quantile, poisson_from, steady, steady_share, stream
from partsopt.sample.history import History
from partsopt.sample.places import Places
from partsopt.tables import STOCK, conform

SHORT_SHARE = 0.04  # stocked pairs with an empty shelf
BACKORDERED_SHARE = 0.5  # of those, pairs with pieces promised
EXCESS_SHARE = 0.07  # stocked pairs with three to eight times their level
DEAD_SHARE_AT_DC = 0.5  # parts without demand for a year that still lie at a DC
DEAD_SHARE_AT_DEALER = 0.06  # the same of dealer pairs that once sold
YEAR_DAYS = 365
DC_REVIEW_DAYS, DEALER_REVIEW_DAYS = 7.0, 7.0
DC_FILL_RATE, DEALER_FILL_RATE = 0.96, 0.94
EXACT_BELOW_MEAN = 240.0  # pieces over the protection interval; above it the normal distribution is near enough
DEALER_MIN_MONTHS, DC_MIN_MONTHS = 3, 1  # months with demand in the last year that put a part on stock


@dataclass(frozen=True)
class Shelves:
    """Stocked or once stocked pairs of site and part as arrays, ordered by site and part."""

    site: Array
    part: Array
    rate_per_day: Array
    lead_time_days: Array
    level: Array
    on_hand: Array
    on_order: Array
    backordered: Array
    is_short: Array
    source: Array  # position of the usual source in its table; -1: the DC


def fill_shelves(
    places: Places,
    parts: Assortment,
    history: History,
    current: Array,
    sources: pd.DataFrame,
    dealer_lead_days: Array,
    seed: int,
) -> Shelves:
    """Set levels from the last year's demand and draw what lies there and what is on order.

    Parameters
    ----------
    places, parts, history
        The network and its past.
    current
        The number under which each part is stocked today, shape (parts,).
    sources
        The usual source of each DC and part, with ``code`` = site x parts + part, ascending.
    dealer_lead_days
        Days from the DC to each site, shape (sites,).
    seed
        The network's seed.
    """
    random = stream(seed, "shelves")
    n_parts, n_dcs = len(parts), places.n_dcs
    asked = history.where(~history.is_campaign)
    part = current[asked.part]
    pair, last_year, months, ever = _usage(asked, part, asked.site, n_parts)
    at_dc = places.dc[asked.site]
    pair_dc, last_year_dc, months_dc, ever_dc = _usage(asked, part, at_dc, n_parts)
    is_dealer = pair // n_parts >= n_dcs
    code = np.concatenate([pair_dc, pair[is_dealer]])
    year, active_months, pieces_ever = (
        np.concatenate([one, two[is_dealer]])
        for one, two in ((last_year_dc, last_year), (months_dc, months), (ever_dc, ever))
    )
    never_sold = np.setdiff1d(np.arange(n_dcs * n_parts), code)
    code = np.concatenate([code, never_sold])
    zeros = np.zeros(len(never_sold), dtype=np.int64)
    year, active_months, pieces_ever = (np.concatenate([one, zeros]) for one in (year, active_months, pieces_ever))
    order = np.argsort(code, kind="stable")
    code, year, active_months, pieces_ever = (one[order] for one in (code, year, active_months, pieces_ever))
    site, part = code // n_parts, code % n_parts
    at_dc = site < n_dcs

    days = max(min(YEAR_DAYS, history.n_days), 1)
    rate = np.round(year / days, 9)
    place = np.minimum(np.searchsorted(sources["code"].to_numpy(), code), len(sources) - 1)
    found = at_dc & (sources["code"].to_numpy()[place] == code)
    source = np.where(found, place, -1)
    lead = np.where(found, sources["lead_time_days"].to_numpy()[place], dealer_lead_days[site])
    multiple = np.where(found, sources["order_multiple"].to_numpy()[place], 1)
    minimum = np.where(found, sources["min_order_quantity"].to_numpy()[place], 1)
    review = np.where(at_dc, DC_REVIEW_DAYS, DEALER_REVIEW_DAYS)
    stocked = active_months >= np.where(at_dc, DC_MIN_MONTHS, DEALER_MIN_MONTHS)
    stocked &= current[part] == part
    over_dispersion = 2 * parts.pieces_per_demand[part] - 1 + 0.3
    fill_rate = np.where(at_dc, DC_FILL_RATE, DEALER_FILL_RATE)
    level = np.where(stocked, fill_rate_level(rate * lead, rate * review, over_dispersion, fill_rate), 0)

    since = poisson_from(random.random(len(code)), np.round(rate * review * random.random(len(code)), 9))
    position = np.maximum(level - since, 0)
    pipeline = np.minimum(poisson_from(random.random(len(code)), rate * lead), position)
    batch = np.ceil(np.maximum(pipeline, minimum) / multiple).astype(np.int64) * multiple
    on_order = np.where(random.random(len(code)) * batch < pipeline, batch, 0)
    on_order = np.where(stocked, on_order, 0)
    on_hand = np.where(stocked, np.maximum(position - np.minimum(on_order, pipeline), 0), 0)

    luck = random.random(len(code))
    short = stocked & (luck < SHORT_SHARE)
    excess = stocked & (luck >= SHORT_SHARE) & (luck < SHORT_SHARE + EXCESS_SHARE)
    on_hand = np.where(
        excess, np.maximum(level, 2) * (3 + np.floor(random.random(len(code)) * 6)).astype(np.int64), on_hand
    )
    on_hand = np.where(short, 0, on_hand)
    dead_share = np.where(at_dc, DEAD_SHARE_AT_DC, np.where(pieces_ever > 0, DEAD_SHARE_AT_DEALER, 0.0))
    dead = ~stocked & (year == 0) & (random.random(len(code)) < dead_share)
    left_over = 1 + np.floor(random.random(len(code)) ** 3 * (2 + 0.3 * pieces_ever)).astype(np.int64)
    on_hand = np.where(dead, left_over, on_hand)
    owed = short & (random.random(len(code)) < BACKORDERED_SHARE)
    backordered = np.where(owed, 1 + poisson_from(random.random(len(code)), np.round(rate * 3, 9)), 0)
    kept = stocked | dead
    return Shelves(
        **{
            name: values[kept]
            for name, values in {
                "site": site,
                "part": part,
                "rate_per_day": rate,
                "lead_time_days": lead,
                "level": level,
                "on_hand": on_hand.astype(np.int64),
                "on_order": on_order.astype(np.int64),
                "backordered": backordered.astype(np.int64),
                "is_short": short,
                "source": source,
            }.items()
        }
    )


def fill_rate_level(lead_mean: Array, review_mean: Array, variance_to_mean: Array, fill_rate: Array) -> Array:
    """Smallest order-up-to level with the fill rate, for negative binomial demand; 1 at least.

    Parameters
    ----------
    lead_mean, review_mean
        Mean demand over the lead time and over the review period, pieces, shape (rows,).
    variance_to_mean
        Of demand over any horizon, shape (rows,).
    fill_rate
        Wanted share of demand met from the shelf, shape (rows,).

    Notes
    -----
    1 - (E[(D(L+T) - S)+] - E[(D(L) - S)+]) / E[D(T)] (Sobel 2004; Teunter 2009), both losses stepped by
    E[(D - S - 1)+] = E[(D - S)+] - P(D > S). Means above 240 take the normal quantile at the fill rate.

    Examples
    --------
    >>> lead, review, variance_to_mean = np.array([0.0, 2.0]), np.array([1.0, 1.0]), np.array([1.001, 3.0])
    >>> fill_rate_level(lead, review, variance_to_mean, np.array([0.9, 0.95])).tolist()
    [3, 11]
    """
    excess = np.maximum(variance_to_mean - 1, 1e-3)
    mean = lead_mean + review_mean
    level = np.ones(mean.shape, dtype=np.int64)
    large = mean > EXACT_BELOW_MEAN
    wanted = mean[large] + np.sqrt(mean[large] * (1 + excess[large])) * normal_quantile(fill_rate[large])
    level[large] = np.ceil(steady(wanted)).astype(np.int64)
    left = np.flatnonzero(~large & (review_mean > 0))
    odds = excess[left] / (1 + excess[left])
    allowed = (1 - fill_rate[left]) * review_mean[left] + 1e-9
    sizes = np.stack([lead_mean[left], mean[left]]) / excess[left]
    loss = np.stack([lead_mean[left], mean[left]])
    term = steady_share(np.exp(-sizes * np.log1p(excess[left])))
    below = term.copy()
    s = 0
    while left.size:
        short = loss[1] - loss[0] > allowed
        level[left[~short]] = max(s, 1)
        left, odds, allowed = left[short], odds[short], allowed[short]
        sizes, loss, term, below = sizes[:, short], loss[:, short], term[:, short], below[:, short]
        loss = loss - (1 - below)
        term = term * (sizes + s) / (s + 1) * odds
        below = below + term
        s += 1
    return level


def stock_table(shelves: Shelves, reserved: pd.DataFrame, places: Places, parts: Assortment) -> pd.DataFrame:
    """The stock table; ``reserved`` has site, part and the pieces that booked repairs have set aside."""
    code = shelves.site * len(parts) + shelves.part
    wanted = np.zeros(len(code), dtype=np.int64)
    known = reserved["site"].to_numpy(dtype=np.int64) * len(parts) + reserved["part"].to_numpy(dtype=np.int64)
    place = np.minimum(np.searchsorted(code, known), len(code) - 1)
    hit = code[place] == known
    np.add.at(wanted, place[hit], reserved["quantity"].to_numpy(dtype=np.int64)[hit])
    frame = pd.DataFrame(
        {
            "site_id": places.site_ids[shelves.site],
            "part_id": parts.part_ids[shelves.part],
            "on_hand": shelves.on_hand,
            "backordered": shelves.backordered,
            "reserved": np.minimum(wanted, shelves.on_hand),
            "bin": np.where(shelves.site < places.n_dcs, _bins(parts)[shelves.part], ""),
        }
    )
    return conform(frame, STOCK)


def _bins(parts: Assortment) -> Array:
    """Aisle, bay and shelf of each part at a DC, shape (parts,): the same at every DC, in no order of part numbers."""
    places = [crc32(str(part_id).encode()) for part_id in parts.part_ids]
    return np.array([f"{'ABCDEFGH'[n % 8]}-{1 + n // 8 % 40:02d}-{1 + n // 320 % 5}" for n in places])


def current_stockouts(shelves: Shelves, places: Places, history: History, seed: int) -> pd.DataFrame:
    """Stock-outs that still last: empty shelves of stocked parts, for some days up to three weeks."""
    random = stream(seed, "current stockouts")
    rows = np.flatnonzero(shelves.is_short)
    ago = 1 + np.floor(random.random(len(rows)) ** 2 * 21).astype(np.int64)
    return pd.DataFrame(
        {
            "site_id": places.site_ids[shelves.site[rows]],
            "part": shelves.part[rows],
            "from_on": history.moment(np.maximum(history.n_days - ago, 0)),
            "until_on": pd.Series([pd.NaT] * len(rows), dtype="datetime64[us]"),
        }
    )


def _usage(history: History, part: Array, site: Array, n_parts: int) -> tuple[Array, Array, Array, Array]:
    """Pairs that sold, with pieces of the last year, months of it with demand, and pieces ever."""
    code = site * n_parts + part
    pair, row = np.unique(code, return_inverse=True)
    recent = history.day >= history.n_days - YEAR_DAYS
    ever = np.bincount(row, weights=history.quantity, minlength=len(pair)).astype(np.int64)
    year = np.bincount(row[recent], weights=history.quantity[recent], minlength=len(pair)).astype(np.int64)
    month = (history.n_days - 1 - history.day[recent]) * 12 // YEAR_DAYS
    seen = np.unique(row[recent] * 12 + month)
    months = np.bincount(seen // 12, minlength=len(pair))
    return pair, year, months, ever
