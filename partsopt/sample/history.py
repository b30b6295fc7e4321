"""Demand of the past: when customers asked which site for which part, and how many pieces."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd

from partsopt.sample.assortment import Assortment
from partsopt.sample.draws import (
    Array,
    geometric_from,
    lognormal,
    normal,
    pick,
    poisson_from,
    sample_without_repeat,
    steady,
    stream,
)
from partsopt.sample.holidays import day_weights
from partsopt.sample.places import Places
from partsopt.tables import DEMAND_LINES, STOCKOUTS, SUPERSESSIONS, conform

DEALERS_OF_A_FULL_DC = 50
DEALERS_POWER = 0.2  # a DC with a tenth of the dealers sells 63 % as often
PARTS_IN_A_BLOCK = 20_000
DIRECT_SHARE = 0.02  # demands that customers bring to the DC itself
REGULAR_SHARE = 0.4  # demands from the three dealers of a DC that use the part regularly
REGULAR_DEALERS = 3
LULL_BEGINS, LULL_ENDS, LULL_RATE = 0.05, 0.14, 0.05  # a month, a month, share of the usual rate
PART_AT_DC_SIGMA = 0.35
MARKET_BY_MONTH = (0.99, 0.89, 1.04, 1.02, 1.02, 1.0, 1.03, 1.03, 1.0, 0.97, 1.0, 1.03)
RETURN_SHARE = 0.012
SEASON_HEIGHT = 0.4
STOCKOUT_LOSS = 0.7  # share of demand not asked for while a dealer is out
STOCKOUT_LOSS_OF_A_DC = 0.4


@dataclass(frozen=True)
class History:
    """Demands as arrays, one for each requested quantity; ``day`` counts from ``starts``."""

    starts: date
    n_days: int
    day: Array
    site: Array
    part: Array
    quantity: Array
    is_campaign: Array

    def where(self, chosen: Array) -> History:
        """The demands chosen by a mask or by positions."""
        names = ("day", "site", "part", "quantity", "is_campaign")
        return replace(self, **{name: getattr(self, name)[chosen] for name in names})

    def moment(self, days: Array) -> pd.DatetimeIndex:
        """Days after the start as dates."""
        return pd.DatetimeIndex(np.datetime64(self.starts, "us") + np.asarray(days).astype("timedelta64[D]"))


class Months(NamedTuple):
    """Calendar months of the history; the last one is cut at ``today``."""

    starts: date
    edges: Array  # days after the start, shape (months + 1,)
    calendar_month: Array  # 1 to 12
    length_share: Array  # share of the month that has passed


def months_before(today: date, n_months: int) -> Months:
    """The last complete months and what has passed of the current one.

    Examples
    --------
    >>> months = months_before(date(2026, 11, 2), 2)
    >>> months.starts.isoformat(), months.edges.tolist(), months.calendar_month.tolist()
    ('2026-09-01', [0, 30, 61, 62], [9, 10, 11])
    """
    number = today.year * 12 + today.month - 1
    firsts = [date(n // 12, n % 12 + 1, 1) for n in range(number - n_months, number + 2)]
    edges = np.array([(first - firsts[0]).days for first in firsts])
    whole = np.diff(edges)
    edges[-1] = (today - firsts[0]).days
    share = np.diff(edges) / whole
    return Months(firsts[0], edges, np.array([first.month for first in firsts[:-1]]), share)


def make_history(places: Places, parts: Assortment, n_months: int, today: date, seed: int) -> History:
    """Demand of every DC and part month by month, then of the dealers that asked.

    Demands of a part at a DC are Poisson in each month around a rate with trend, season, lulls, a
    beginning and an end; each demand is for a geometric number of pieces and comes from one dealer.
    """
    months = months_before(today, n_months)
    n_days = (today - months.starts).days
    weights = day_weights(months.starts, n_days)
    share_of_dc = _dc_factors(places)
    pieces: list[tuple[Array, ...]] = []
    for first in range(0, len(parts), PARTS_IN_A_BLOCK):
        block = np.arange(first, min(first + PARTS_IN_A_BLOCK, len(parts)))
        rate = _network_rates(parts, block, months, seed)
        for dc in range(places.n_dcs):
            random = stream(seed, "history", dc, first)
            noise = lognormal(normal(random, len(block)), 1.0, PART_AT_DC_SIGMA)
            mean = steady(rate * (noise * share_of_dc[dc])[:, None])
            counts = poisson_from(random.random(mean.shape), mean)
            row = np.repeat(np.arange(counts.size), counts.ravel())
            part, month = row // counts.shape[1], row % counts.shape[1]
            day = days_within(random.random(len(row)), months.edges[month], months.edges[month + 1], weights)
            quantity = geometric_from(random.random(len(row)), parts.pieces_per_demand[block][part])
            regular = random.random((len(block), REGULAR_DEALERS))
            site = asking_site(random, part, regular, places, np.append(places.dealers_of(dc), dc))
            pieces.append((day, site, block[part], quantity))
    day, site, part, quantity = (np.concatenate(one) for one in zip(*pieces, strict=True))
    return History(months.starts, n_days, day, site, part, quantity, np.zeros(len(day), dtype=bool))


def days_within(u: Array, first: Array, after: Array, weights: Array) -> Array:
    """Days from ``first`` to the day before ``after``, drawn by the weight of each day."""
    edges = np.concatenate([[0.0], np.cumsum(weights)])
    wanted = steady(edges[first] + u * (edges[after] - edges[first]))
    return np.clip(np.searchsorted(edges, wanted, side="right") - 1, first, after - 1)


def _dc_factors(places: Places) -> Array:
    """Demand of each DC against a DC of the full network, shape (dcs,); 0 for a DC without dealers."""
    n_dealers = np.array([len(places.dealers_of(dc)) for dc in range(places.n_dcs)])
    served = max(int((n_dealers > 0).sum()), 1)
    scale = (places.n_dealers / served / DEALERS_OF_A_FULL_DC) ** DEALERS_POWER
    uneven = (n_dealers * served / places.n_dealers) ** 0.35
    return np.round(np.where(n_dealers > 0, scale * uneven, 0.0), 9)


def _network_rates(parts: Assortment, block: Array, months: Months, seed: int) -> Array:
    """Demands a month at a DC of the full network, shape (parts of the block, months)."""
    random = stream(seed, "rates", int(block[0]) if len(block) else 0)
    n, n_months = len(block), len(months.calendar_month)
    middle = (months.edges[:-1] + months.edges[1:]) / 2
    share = middle / months.edges[-1]
    years = (middle - months.edges[-1] / 2) / 365.25
    rate = np.exp(parts.growth_per_year[block][:, None] * years[None, :])
    starts, stops = parts.starts_at[block][:, None], parts.stops_at[block][:, None]
    age = np.clip((share[None, :] - starts) / np.where(starts > 0, 0.25, 1e-9), 0, 1)
    fade = np.clip((stops - share[None, :]) / 0.12, 0, 1)
    rate *= age * fade
    angle = np.cos((months.calendar_month - 1) * np.pi / 6)
    season = parts.texts("season")[block]
    wave = np.where(season == "winter", 1.0, np.where(season == "summer", -1.0, 0.0)) * SEASON_HEIGHT
    rate *= 1 + wave[:, None] * angle[None, :]
    in_lull = random.random(n) < LULL_BEGINS / (LULL_BEGINS + LULL_ENDS)
    for month in range(n_months):
        changes = random.random(n) < np.where(in_lull, LULL_ENDS, LULL_BEGINS)
        in_lull = in_lull ^ changes
        rate[:, month] *= np.where(in_lull & parts.has_lulls[block], LULL_RATE, 1.0)
    market = np.array(MARKET_BY_MONTH)[months.calendar_month - 1] * months.length_share / 12
    return steady(rate * market[None, :] * parts.demands_per_year[block][:, None])


def asking_site(random: np.random.Generator, part: Array, regular: Array, places: Places, sites: Array) -> Array:
    """The site that asks: a dealer by its size, more often one of the part's regulars, seldom the DC itself.

    ``sites`` are dealers and DCs; ``regular`` gives each part some fixed draws, shape (parts, n).
    """
    n = len(part)
    sizes = places.size[sites]
    is_dc = sites < places.n_dcs
    total = float(steady(sizes.sum()))
    direct = DIRECT_SHARE / (1 - DIRECT_SHARE) * total / int(is_dc.sum()) if total else 1.0
    weights = np.where(is_dc, direct, sizes)
    u = random.random(n)
    which = np.floor(random.random(n) * regular.shape[1]).astype(np.int64)
    is_regular = random.random(n) < REGULAR_SHARE
    u = np.where(is_regular, regular[part, which], u)
    return sites[pick(u, weights)]


class Superseded(NamedTuple):
    """The history under the numbers of its days, the supersessions table, and the number each part has today."""

    history: History
    supersessions: pd.DataFrame
    current: Array


def supersede(history: History, parts: Assortment, seed: int) -> Superseded:
    """Book the older demand of a chain under the older numbers.

    One change in ten lies ahead of today: the old number is then still the one that sells.
    """
    random = stream(seed, "supersessions")
    old = np.flatnonzero(parts.successor >= 0)
    effective = np.full(len(parts), -1)
    is_inner = np.isin(parts.successor[old], old)
    share = 0.2 + 0.75 * random.random(len(old))
    ahead = random.random(len(old)) < 0.1
    effective[old] = np.where(ahead, history.n_days + 5 + share * 40, share * history.n_days).astype(np.int64)
    inner = old[is_inner]
    effective[inner] = (np.minimum(effective[parts.successor[inner]], history.n_days) * 0.5 * share[is_inner]).astype(
        np.int64
    )
    use_up = random.random(len(parts)) < 0.7
    predecessor = np.full(len(parts), -1)
    predecessor[parts.successor[old]] = old
    part = history.part.copy()
    lingers = random.random(len(part))
    for _ in range(2):
        before = predecessor[part]
        until = effective[before]
        kept = (before >= 0) & (history.day < until)
        kept |= (before >= 0) & use_up[before] & (history.day < until + 45) & (lingers < 0.4)
        part = np.where(kept, before, part)
        lingers = np.ones(len(part))
    table = pd.DataFrame(
        {
            "old_part_id": parts.part_ids[old],
            "new_part_id": parts.part_ids[parts.successor[old]],
            "effective_on": [pd.Timestamp(history.starts + timedelta(days=int(days))) for days in effective[old]],
            "use_up_old_first": use_up[old],
        }
    )
    table["effective_on"] = pd.to_datetime(table["effective_on"])
    replaced = effective[old] <= history.n_days
    step = np.arange(len(parts))
    step[old[replaced]] = parts.successor[old[replaced]]
    current = step[step[step]]
    return Superseded(replace(history, part=part), conform(table, SUPERSESSIONS), current)


def add_campaigns(history: History, parts: Assortment, places: Places, seed: int) -> History:
    """Add recalls: some weeks in which every dealer needs one part that seldom sold before."""
    random = stream(seed, "campaigns")
    slow = np.flatnonzero((parts.demands_per_year > 0) & (parts.successor < 0) & (parts.stops_at > 1))
    chosen = sample_without_repeat(random, slow, max(1, len(parts) // 1500))
    if not len(chosen) or history.n_days < 120:
        return history
    dealers = np.arange(places.n_dcs, len(places.site_ids))
    campaign = np.repeat(np.arange(len(chosen)), len(dealers) * 2)
    begins = np.floor(random.random(len(chosen)) * (history.n_days - 100)) + 20
    day = (begins[campaign] + np.floor(random.random(len(campaign)) * 60)).astype(np.int64)
    return replace(
        history,
        day=np.concatenate([history.day, day]),
        site=np.concatenate([history.site, np.tile(dealers, len(chosen) * 2)]),
        part=np.concatenate([history.part, chosen[campaign]]),
        quantity=np.concatenate([history.quantity, np.ones(len(day), dtype=np.int64)]),
        is_campaign=np.concatenate([history.is_campaign, np.ones(len(day), dtype=bool)]),
    )


def lose_to_stockouts(history: History, places: Places, n_parts: int, seed: int) -> tuple[History, pd.DataFrame]:
    """Take out demand that was not asked for because the shelf was known to be empty; give the stock-outs.

    A dealer's stock-out of one to five weeks hides 70 % of what it would have been asked for; a
    DC's hides 40 % at all of its dealers. One row for each site and part at a time.
    """
    random = stream(seed, "stockouts")
    n_demands = len(history.day)
    n_wanted = 4 + n_demands // 400
    seen = sample_without_repeat(random, np.arange(n_demands), n_wanted)
    at_dc = random.random(len(seen)) < 0.35
    site = np.where(at_dc, places.dc[history.site[seen]], history.site[seen])
    first = np.maximum(history.day[seen] - np.floor(random.random(len(seen)) * 14).astype(np.int64), 0)
    length = 5 + np.floor(random.random(len(seen)) ** 2 * 35).astype(np.int64)
    last = np.minimum(first + length, history.n_days - 1)
    table = pd.DataFrame({"site": site, "part": history.part[seen], "first": first, "last": last})
    table = table.sort_values(["site", "part", "first"], kind="stable").drop_duplicates(["site", "part"])
    lost = np.zeros(n_demands, dtype=bool)
    luck = random.random(n_demands)
    for asked_at, share in ((history.site, STOCKOUT_LOSS), (places.dc[history.site], STOCKOUT_LOSS_OF_A_DC)):
        code = asked_at * n_parts + history.part
        known = table["site"].to_numpy() * n_parts + table["part"].to_numpy()
        order = np.argsort(known, kind="stable")
        place = np.minimum(np.searchsorted(known[order], code), len(known) - 1)
        row = order[place]
        matches = known[row] == code
        inside = (history.day >= table["first"].to_numpy()[row]) & (history.day <= table["last"].to_numpy()[row])
        lost |= matches & inside & (luck < share) & ~history.is_campaign
    frame = pd.DataFrame(
        {
            "site_id": places.site_ids[table["site"]],
            "part": table["part"].to_numpy(),
            "from_on": history.moment(table["first"].to_numpy()),
            "until_on": history.moment(table["last"].to_numpy()),
        }
    )
    return history.where(~lost), frame


def stockouts_table(past: pd.DataFrame, current: pd.DataFrame, parts: Assortment) -> pd.DataFrame:
    """The stockouts table: past ones, and those that still last (without until_on)."""
    frame = pd.concat([past, current], ignore_index=True)
    frame["part_id"] = parts.part_ids[frame["part"].to_numpy(dtype=np.int64)]
    frame = frame.drop_duplicates(["site_id", "part_id", "from_on"])
    return conform(frame, STOCKOUTS)


def demand_lines_table(
    history: History, places: Places, parts: Assortment, seed: int, *, with_returns: bool = True
) -> pd.DataFrame:
    """The demand_lines table, with order types and purposes that suit the part, and some returns."""
    random = stream(seed, "demand lines")
    n = len(history.day)
    purposes = np.array(["repair", "maintenance", "warranty", "accident", "campaign"])
    usual = np.searchsorted(np.sort(purposes), parts.texts("purpose"))
    usual = np.argsort(purposes, kind="stable")[usual]
    luck = random.random(n)
    purpose = np.select([luck < 0.72, luck < 0.90, luck < 0.95], [usual[history.part], 0, 2], default=3)
    purpose = np.where(history.is_campaign, 4, purpose)
    is_vital = parts.criticality[history.part] == "vital"
    luck = random.random(n)
    order_type = np.where(luck < np.where(is_vital, 0.07, 0.025), 2, np.where(luck < 0.2, 1, 0))
    order_type = np.where(history.is_campaign, 0, order_type)
    day, site, part, quantity = history.day, history.site, history.part, history.quantity
    is_return = np.zeros(n, dtype=bool)
    if with_returns:
        back = np.flatnonzero((random.random(n) < RETURN_SHARE) & ~history.is_campaign)
        back_on = day[back] + 2 + np.floor(random.random(len(back)) * 19).astype(np.int64)
        pieces = 1 + np.floor(random.random(len(back)) * quantity[back]).astype(np.int64)
        past = back_on < history.n_days
        back, back_on, pieces = back[past], back_on[past], pieces[past]
        day, quantity = np.concatenate([day, back_on]), np.concatenate([quantity, -pieces])
        site, part = np.concatenate([site, site[back]]), np.concatenate([part, part[back]])
        order_type = np.concatenate([order_type, np.zeros(len(back), dtype=np.int64)])
        purpose = np.concatenate([purpose, purpose[back]])
        is_return = np.concatenate([is_return, np.ones(len(back), dtype=bool)])
    frame = pd.DataFrame(
        {
            "demanded_on": history.moment(day),
            "site_id": pd.array(places.site_ids, dtype="str").take(site),
            "part_id": pd.array(parts.part_ids, dtype="str").take(part),
            "quantity": quantity,
            "order_type": pd.array(["stock", "urgent", "vor"], dtype="str").take(order_type),
            "purpose": pd.array(purposes, dtype="str").take(purpose),
            "is_return": is_return,
        }
    )
    return conform(frame, DEMAND_LINES)
