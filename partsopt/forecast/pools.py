"""Pools of series that learn from each other: which are alike, what they say together, and what they said before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from partsopt.forecast.lifecycle import AHEAD, NEW_PERIODS, Beginnings, learn_beginnings, rate_of_new
from partsopt.forecast.panel import Panel, blocks_of
from partsopt.forecast.pooled import MOST_SERIES, Group, History
from partsopt.forecast.pooled_blocks import PRICE_BANDS, PooledMeans, pooled_means, price_bands

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


class Pooled(NamedTuple):
    """What pooling gives each series: figures, whether it is pooled at all, and why, shape (series,).

    ``market`` holds the demand of the coming periods over the means, by kind of site.
    """

    mean: Array
    ratio: Array
    growth: Array
    one_step_ratio: Array
    is_pooled: Array
    is_new: Array
    why: Array
    market: dict[str, Array]


def not_pooled(n_series: int) -> Pooled:
    """No series learns from others."""
    no = np.zeros(n_series, dtype=bool)
    zero, one = np.zeros(n_series), np.ones(n_series)
    why = np.full(n_series, "", dtype=object)
    return Pooled(zero, one, zero.copy(), one.copy(), no, no.copy(), why, {})


class Pools(NamedTuple):
    """All series of a night, and what they have in common, codes of shape (series,): kind of site, site, part group.

    ``kinds`` are the names of the kinds.
    """

    rows: Panel
    kind: Array
    kinds: list[str]
    site: Array
    part_group: Array
    unit_cost: Array
    period: str

    @classmethod
    def of(
        cls, rows: Panel, series: pd.DataFrame, parts: pd.DataFrame, sites: pd.DataFrame | None, period: str
    ) -> Pools:
        """Gather what is known: without ``sites`` all are of one kind, without ``part_group`` all of one group.

        ``parts`` has a row for each series, in order.
        """
        none = np.zeros(len(series), dtype=np.int64)
        kind, kinds, group = none, [""], none
        if sites is not None:
            kind, names = pd.factorize(series["site_id"].map(sites.set_index("site_id")["site_kind"]), sort=True)
            kinds = list(names)
        if "part_group" in parts:
            group = pd.factorize(parts["part_group"], sort=True)[0]
        site = pd.factorize(series["site_id"], sort=True)[0]
        return cls(rows, kind, kinds, site, group, parts["unit_cost"].to_numpy(), period)

    def pooled(self) -> Pooled:
        """What the series say together, each kind of site by itself.

        A DC's series are the sums of its dealers': taught by the many sparse series of dealers, their means came out
        up to a third too low (decision 0013).
        """
        found = not_pooled(len(self.kind))
        for at, groups in self._by_kind():
            said = pooled_means(partial(self._history, at, 0), _in_blocks(at), groups, len(at), self.period)
            if not said.n_totals:
                continue
            mean, is_new, why = said.mean, np.zeros(len(at), dtype=bool), np.full(len(at), _reason(said), dtype=object)
            for place, age, rate, n_beginnings in self._new(at, groups):
                mean[place], is_new[place] = rate, True
                why[place] = (
                    f"New, {age} period(s) old: its own demand and what parts of its group and price sell, weighted as "
                    f"would have foretold best {n_beginnings:,} others at that age."
                )
            found.mean[at], found.ratio[at], found.growth[at] = mean, said.ratio, said.growth
            found.one_step_ratio[at], found.market[self.kinds[self.kind[at[0]]]] = said.one_step_ratio, said.market
            found.is_pooled[at], found.is_new[at], found.why[at] = True, is_new, why
        return found

    def before(self, wanted: Array, periods_ago: Sequence[int], horizon: int) -> tuple[Array, Array]:
        """Mean per period, and variance to mean over a horizon, of some series as foretold so many periods ago.

        Parameters
        ----------
        wanted
            Places of the series, rising.
        periods_ago
            What was learnt from all series, and known of each, so many periods before the end.
        horizon
            Periods.

        Returns
        -------
        tuple of Array
            Shape (origins, wanted); NaN where series were too few to pool.
        """
        shape = (len(periods_ago), len(wanted))
        mean, ratio = np.full(shape, np.nan), np.full(shape, np.nan)
        for at, groups in self._by_kind():
            mine = np.flatnonzero(np.isin(wanted, at))
            if not len(mine):
                continue
            places = np.searchsorted(at, wanted[mine])
            for origin, ago in enumerate(periods_ago):
                said = pooled_means(partial(self._history, at, ago), [places], groups, len(at), self.period)
                if said.n_totals:
                    mean[origin, mine], ratio[origin, mine] = said.mean, said.ratio_over(horizon, self.period)
        return mean, ratio

    def with_learner(self, pooled: Pooled, among: Array) -> tuple[Pooled, float]:
        """Average a learnt mean into the pooled one of old series among some, and give its weight.

        Raises
        ------
        SettingsError
            LightGBM is not installed.
        """
        from partsopt.forecast.learner import learn_means

        at = among[pooled.is_pooled[among] & ~pooled.is_new[among]]
        if not len(at):
            return pooled, 0.0
        history = self.rows.history(at)
        seen = np.arange(history.demand.shape[1]) >= history.starts[:, None]
        if history.time.size:
            seen &= history.time >= 1.0
        demand = np.where(seen, history.demand, np.nan)
        found = learn_means(demand, pooled.mean[at], AHEAD[self.period], period=self.period)
        mean, why = pooled.mean.copy(), pooled.why.copy()
        if found.weight:
            mean[at] = found.mean
            why[at] = [
                f"{text} Gradient boosting over all series counts {100 * found.weight:.0f} %." for text in why[at]
            ]
        return pooled._replace(mean=mean, why=why), found.weight

    def _history(self, among: Array, ago: int, places: Array) -> History:
        return self.rows.history(among[places], ago)

    def _by_kind(self) -> Iterator[tuple[Array, list[Group]]]:
        """The places of each kind's series, and their groupings: site, price and part group."""
        for one in np.unique(self.kind):
            at = np.flatnonzero(self.kind == one)
            groups = [Group(price_bands(self.unit_cost[at]), PRICE_BANDS)]
            for codes in (self.site, self.part_group):
                found, own = np.unique(codes[at], return_inverse=True)
                if len(found) > 1:  # one group of all is the mean of all, which counts in any case
                    groups.append(Group(own, len(found)))
            yield at, groups

    def _new(self, at: Array, groups: list[Group]) -> Iterator[tuple[Array, int, Array, int]]:
        """The new series among some: their places there, age, rate per period, and how many beginnings taught it."""
        young = np.flatnonzero(self.rows.n_periods[at] < NEW_PERIODS[self.period])
        if not len(young):
            return
        n_sample = min(len(at), MOST_SERIES)
        sample = np.arange(n_sample) * len(at) // n_sample
        beginnings = learn_beginnings(
            self.rows.history(at[sample]), [Group(one.codes[sample], one.n_codes) for one in groups], self.period
        )
        for age in np.unique(self.rows.n_periods[at[young]]):
            if beginnings.n_learnt[age]:
                place = young[self.rows.n_periods[at[young]] == age]
                own = [Group(one.codes[place], one.n_codes) for one in groups]
                yield place, int(age), _rates(self.rows, at[place], own, beginnings, int(age)), beginnings.n_learnt[age]


def _rates(rows: Panel, places: Array, groups: list[Group], beginnings: Beginnings, age: int) -> Array:
    parts = []
    for at in blocks_of(len(places)):
        history = rows.history(places[at])
        parts.append(rate_of_new(beginnings, history, [Group(one.codes[at], one.n_codes) for one in groups], age))
    return np.concatenate(parts)


def _in_blocks(places: Array) -> Iterator[Array]:
    return (np.arange(at.start, at.stop) for at in blocks_of(len(places)))


def _reason(said: PooledMeans) -> str:
    return (
        "Pooled: its own demand, older periods counting less, and what alike series sell, weighted as foretold "
        f"best {said.n_totals:,} past totals of {said.n_learnt:,} series."
    )
