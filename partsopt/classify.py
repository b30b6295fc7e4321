"""Stage 3: how much attention a part deserves at a site: ABC, XYZ, and whether to stock it."""

from __future__ import annotations

import logging
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from partsopt.errors import SettingsError, TableError
from partsopt.settings import ClassifyParams
from partsopt.tables import ABC_CLASSES, CLASSES, SITE_PART, conform

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

PERIODS_PER_YEAR = {"month": 12, "week": 52}
SHORTEST_EXPOSURE = 0.25  # of a year: one lucky first month is not twelve demands a year
FEWEST_PERIODS_OF_XYZ = 3  # a variance of fewer periods says nothing
ROUNDING = 1e-12  # sums of shares are exact to this
MOST_POWERS = 10_000  # of a table of comparisons; its weights settle in some twenty
RANDOM_INDEX = {3: 0.58, 4: 0.90, 5: 1.12, 6: 1.24, 7: 1.32, 8: 1.41, 9: 1.45, 10: 1.49}  # Saaty 1980


def classify_parts(
    series: pd.DataFrame,
    demand_series: pd.DataFrame,
    forecasts: pd.DataFrame,
    parts: pd.DataFrame,
    sites: pd.DataFrame,
    *,
    today: date,
    period: str,
    params: ClassifyParams,
) -> pd.DataFrame:
    """Class every part of every site by what was asked for in the last twelve months.

    Parameters
    ----------
    series, demand_series
        History by site, part and period; only complete periods before ``today`` count.
    forecasts
        One row for each site and part to be classed.
    parts, sites
        Master data.
    today
        The day that is planned.
    period
        Length of a period: month or week.
    params
        Weights, cut shares and stocking rule.

    Returns
    -------
    Classes
        One row for each row of ``forecasts``.
    """
    rows = _with_master_data(forecasts, parts, sites)
    window = _window_of(today, period, series)
    history = _history(rows, demand_series, window)
    periods = _periods_on_sale(rows["introduced_on"], window)
    per_year = PERIODS_PER_YEAR[period]
    exposure = np.maximum(periods - history["lost_periods"].to_numpy(), SHORTEST_EXPOSURE * per_year)
    demands_per_year = per_year_rate(history["demands"].to_numpy(), exposure, per_year)
    usage_value = per_year_rate(history["demand"].to_numpy(), exposure, per_year) * rows["unit_cost"].to_numpy()

    site = pd.factorize(rows["site_id"], sort=True)[0]
    importance = rows["criticality"].map(params.criticality_scores).to_numpy(dtype=np.float64)
    score = weighted_score(
        site,
        criteria=[usage_value, demands_per_year, importance],
        weights=[params.usage_value_weight, params.frequency_weight, params.criticality_weight],
    )
    share_before, cumulative_share = running_shares(site, score, tie=np.arange(len(rows)))
    cv2 = cv2_per_period(history["demand"].to_numpy(), history["demand_squared"].to_numpy(), periods)
    is_stocked, why = _stocking(rows, demands_per_year, params)

    classes = rows[SITE_PART].assign(
        usage_value=usage_value,
        demands_per_year=demands_per_year,
        criticality=rows["criticality"],
        score=score,
        cumulative_share=cumulative_share,
        abc_class=abc_classes(share_before, params.a_share, params.b_share),
        xyz_class=xyz_classes(cv2, params.x_cv2, params.y_cv2),
        is_stocked=is_stocked,
        why=why,
    )
    log.info("classify: %d parts at sites, %d stocked", len(classes), int(is_stocked.sum()))
    return conform(classes, CLASSES)


# --------------------------------------------------------------------------- formulas


def per_year_rate(counted: Floats, exposed_periods: Floats, periods_per_year: float) -> Floats:
    """A year's rate of what was counted in the periods in which it could be seen.

    Periods without stock hide demand: they count only by the share of their days with stock.

    Examples
    --------
    >>> per_year_rate(np.array([150.0]), np.array([1.0]), 1.0).tolist()  # 3 months, 60 of 90 days out of stock
    [150.0]
    """
    return counted * periods_per_year / exposed_periods


def weighted_score(site: Wholes, criteria: list[Floats], weights: list[float]) -> Floats:
    """Weighted sum of a part's share of its site's total in each criterion.

    Shares have no unit, so the criteria add up; with all weight on usage value the score is the share of
    usage value, and the classes are the textbook's. Scores of a site add up to 1, less the weight of
    criteria in which the site has nothing.

    Parameters
    ----------
    site
        Code of the site of each row, from 0.
    criteria
        One array for each criterion, 0 or more.
    weights
        As many weights.

    Examples
    --------
    >>> weighted_score(np.array([0, 0]), [np.array([30.0, 10.0]), np.array([1.0, 1.0])], [0.5, 0.5]).tolist()
    [0.625, 0.375]
    """
    score = np.zeros(len(site))
    for values, weight in zip(criteria, weights, strict=True):
        total = np.bincount(site, weights=values)[site] if len(site) else values
        share = np.zeros(len(site))
        np.divide(values, total, out=share, where=total > 0)
        score += weight * share
    return score


def running_shares(site: Wholes, score: Floats, tie: Wholes) -> tuple[Floats, Floats]:
    """Share of the site's score before each row, and up to and including it; best first, ties by ``tie``.

    Parameters
    ----------
    site
        Code of the site of each row, from 0.
    score
        0 or more; a site without any score gives 1 and 1.
    tie
        Rank of rows of equal score.

    Examples
    --------
    >>> before, through = running_shares(np.zeros(3, int), np.array([0.2, 0.5, 0.3]), np.arange(3))
    >>> before.round(6).tolist(), through.round(6).tolist()
    ([0.8, 0.0, 0.5], [1.0, 0.5, 0.8])
    """
    before, through = np.ones(len(site)), np.ones(len(site))
    if not len(site):
        return before, through
    order = np.lexsort((tie, -score, site))
    sorted_score, sorted_site = score[order], site[order]
    running = np.cumsum(sorted_score)
    first = np.flatnonzero(np.diff(sorted_site, prepend=-1))
    start = np.repeat(running[first] - sorted_score[first], np.diff(first, append=len(site)))
    total = np.bincount(site, weights=score)[sorted_site]
    has = total > 0
    through[order[has]] = np.clip((running[has] - start[has]) / total[has], 0.0, 1.0)
    before[order[has]] = np.clip((running[has] - sorted_score[has] - start[has]) / total[has], 0.0, 1.0)
    before[score <= 0] = 1.0
    return before, through


def abc_classes(share_before: Floats, a_share: float, b_share: float) -> npt.NDArray[np.str_]:
    """Class A: the fewest parts whose cumulative share reaches ``a_share``; A and B: those that reach ``b_share``.

    The part that crosses a cut belongs to the better class: it is needed to reach the share.

    Parameters
    ----------
    share_before
        Share of the site's score of all better parts; 1 for a part without any score, which is C.
    a_share, b_share
        The cuts.

    Examples
    --------
    >>> abc_classes(np.array([0.0, 0.5, 0.8]), 0.6, 0.8).tolist()
    ['A', 'A', 'C']
    """
    a, b, c = ABC_CLASSES
    return np.where(share_before < a_share - ROUNDING, a, np.where(share_before < b_share - ROUNDING, b, c))


def cv2_per_period(demand: Floats, demand_squared: Floats, periods: Floats) -> Floats:
    """Squared coefficient of variation of demand per period, periods without demand included.

    Infinite without demand or where there are too few periods to tell.

    Examples
    --------
    >>> cv2_per_period(np.array([4.0]), np.array([16.0]), np.array([4.0])).tolist()  # 4, 0, 0, 0
    [3.0]
    """
    told = (demand > 0) & (periods >= FEWEST_PERIODS_OF_XYZ)
    cv2 = np.full(len(demand), np.inf)
    mean = demand[told] / periods[told]
    cv2[told] = np.maximum(demand_squared[told] / periods[told] - mean**2, 0.0) / mean**2
    return cv2


def xyz_classes(cv2: Floats, x_cv2: float, y_cv2: float) -> npt.NDArray[np.str_]:
    """X below the first cut, Y below the second, Z else.

    Examples
    --------
    >>> xyz_classes(np.array([0.1, 0.25, np.inf]), 0.25, 1.0).tolist()
    ['X', 'Y', 'Z']
    """
    return np.where(cv2 < x_cv2, "X", np.where(cv2 < y_cv2, "Y", "Z"))


def ng_scores(criteria: list[Floats]) -> Floats:
    """Score of each part from criteria in falling order of importance, without weights, 0 to 1.

    Parameters
    ----------
    criteria
        One array for each criterion, the most important first; larger is more important. A criterion in which all
        parts are equal says nothing and counts 0.

    Notes
    -----
    Ng (2007), EJOR 177: each criterion is scaled to 0 .. 1; the best weights that fall in the given order put a part
    at the largest of the running means of its scaled values.

    Examples
    --------
    >>> ng_scores([np.array([10.0, 5.0, 0.0]), np.array([0.0, 2.0, 2.0])]).tolist()
    [1.0, 0.75, 0.5]
    """
    running = np.cumsum(_from_0_to_1(criteria), axis=0) / np.arange(1, len(criteria) + 1)[:, None]
    return running.max(axis=0)


def min_max_scores(criteria: list[Floats], weights: list[float]) -> Floats:
    """Weighted sum of the criteria, each scaled to 0 .. 1 between the least and the most of all parts.

    Parameters
    ----------
    criteria
        One array for each criterion; larger is more important.
    weights
        As many weights, such as those of :func:`weights_of_comparisons`.

    Notes
    -----
    Flores, Olson & Dorai (1992), Mathematical and Computer Modelling 16.

    Examples
    --------
    >>> min_max_scores([np.array([10.0, 5.0, 0.0]), np.array([0.0, 2.0, 2.0])], [0.75, 0.25]).tolist()
    [0.75, 0.625, 0.25]
    """
    if len(criteria) != len(weights):
        raise SettingsError(f"{len(criteria)} criteria and {len(weights)} weights; give one weight for each.")
    return np.asarray(np.tensordot(np.asarray(weights, dtype=np.float64), _from_0_to_1(criteria), axes=1))


class ComparedWeights(NamedTuple):
    """Weights that add up to 1, and the consistency ratio of the comparisons; above 0.1 they contradict themselves."""

    weights: Floats
    consistency_ratio: float


def weights_of_comparisons(comparisons: npt.ArrayLike) -> ComparedWeights:
    """Weights of criteria from comparing them in pairs, by the analytic hierarchy process.

    Parameters
    ----------
    comparisons
        Square: how many times as important the criterion of the row is as that of the column, 1/9 to 9.

    Raises
    ------
    SettingsError
        Not square, or a number that is not above 0.

    Notes
    -----
    Saaty (1980): the principal eigenvector, by its powers, and (largest eigenvalue - n) / (n - 1) over its mean for
    random comparisons.

    Examples
    --------
    >>> flores = [[1, 1, 1 / 8, 1 / 4], [1, 1, 1 / 3, 1 / 6], [8, 3, 1, 1], [4, 6, 1, 1]]
    >>> weights_of_comparisons(flores).weights.round(3).tolist()  # Flores, Olson & Dorai: 0.078, 0.092, 0.42, 0.41
    [0.079, 0.092, 0.42, 0.41]
    """
    table = np.asarray(comparisons, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not (table > 0).all():
        raise SettingsError(f"comparisons of shape {table.shape}; they must be square, each above 0.")
    n = len(table)
    weights = np.full(n, 1.0 / n)
    for _ in range(MOST_POWERS):
        following = table @ weights
        following /= following.sum()
        settled = np.abs(following - weights).max() < 1e-15
        weights = following
        if settled:
            break
    if n < 3:
        return ComparedWeights(weights, 0.0)
    largest = float((table @ weights / weights).mean())
    return ComparedWeights(weights, (largest - n) / (n - 1) / RANDOM_INDEX[min(n, max(RANDOM_INDEX))])


def _from_0_to_1(criteria: list[Floats]) -> Floats:
    """Each criterion between its least and its most; 0 where all parts are alike."""
    scaled = []
    for values in criteria:
        width = np.ptp(values) if len(values) else 0.0
        scaled.append((values - values.min()) / width if width > 0 else np.zeros(len(values)))
    return np.array(scaled)


def edas_scores(criteria: list[Floats], weights: list[float]) -> Floats:
    """Score of each part by its distance from the average part, 0 to 1.

    Parameters
    ----------
    criteria
        One array for each criterion, above 0 on average; larger is more important.
    weights
        As many weights.

    Notes
    -----
    EDAS, Keshavarz Ghorabaee et al. (2015), Informatica 26: weighted relative distances above and below the average,
    each scaled by the largest, in equal parts.

    Examples
    --------
    >>> edas_scores([np.array([3.0, 1.0]), np.array([2.0, 2.0])], [0.5, 0.5]).tolist()
    [1.0, 0.0]
    """
    above, below = np.zeros(len(criteria[0])), np.zeros(len(criteria[0]))
    for values, weight in zip(criteria, weights, strict=True):
        off = (values - values.mean()) / values.mean()
        above += weight * np.maximum(off, 0.0)
        below += weight * np.maximum(-off, 0.0)
    best, worst = above.max(initial=0.0), below.max(initial=0.0)
    return ((above / best if best > 0 else above) + (1.0 - below / worst if worst > 0 else 1.0)) / 2


def ramanathan_scores(criteria: list[Floats]) -> Floats:
    """Score of each part with the weights that are best for it, 0 to 1.

    Parameters
    ----------
    criteria
        One array for each criterion, 0 or more; larger is more important.

    Notes
    -----
    Ramanathan (2006), Computers & OR 33: maximise the part's weighted sum so that no part's exceeds 1, weights 0 or
    more; one small linear programme for each part, whose limits are only the parts that no other part dominates.

    Examples
    --------
    >>> ramanathan_scores([np.array([4.0, 1.0, 2.0]), np.array([0.0, 3.0, 1.5])]).round(6).tolist()
    [1.0, 1.0, 0.875]
    """
    from scipy.optimize import linprog

    scale = [values.max(initial=0.0) or 1.0 for values in criteria]
    table = np.stack([values / most for values, most in zip(criteria, scale, strict=True)], axis=1)
    front: list[Floats] = []
    for values in table[np.argsort(-table.sum(axis=1), kind="stable")]:
        if not front or not (np.stack(front) >= values).all(axis=1).any():
            front.append(values)
    limits, ones = np.stack(front), np.ones(len(front))
    return np.array([-linprog(-values, A_ub=limits, b_ub=ones, method="highs").fun for values in table])


def zhou_fan_scores(criteria: list[Floats], best_share: float = 0.5) -> Floats:
    """Score of each part between its best and its worst weights, 0 to 1.

    Parameters
    ----------
    criteria
        One array for each criterion, above 0; larger is more important.
    best_share
        Share of the best weights in the score.

    Notes
    -----
    Zhou & Fan (2007), EJOR 182: :func:`ramanathan_scores`, and the least weighted sum with which no part falls below 1,
    both scaled to 0 .. 1.

    Examples
    --------
    >>> zhou_fan_scores([np.array([4.0, 1.0, 2.0]), np.array([1.0, 3.0, 1.0])]).round(4).tolist()
    [0.5, 1.0, 0.5]
    """
    from scipy.optimize import linprog

    scale = [values.max(initial=0.0) or 1.0 for values in criteria]
    table = np.stack([values / most for values, most in zip(criteria, scale, strict=True)], axis=1)
    good = ramanathan_scores(criteria)
    bad = np.array([linprog(values, A_ub=-table, b_ub=-np.ones(len(table)), method="highs").fun for values in table])
    scaled = [
        (score - score.min()) / np.ptp(score) if np.ptp(score) > 0 else np.zeros(len(score)) for score in (good, bad)
    ]
    return np.asarray(best_share * scaled[0] + (1.0 - best_share) * scaled[1])


def hadi_vencheh_scores(criteria: list[Floats]) -> Floats:
    """Score of each part with its best weights in falling order whose squares add up to 1.

    Parameters
    ----------
    criteria
        One array for each criterion, the most important first; larger is more important.

    Notes
    -----
    Hadi-Vencheh (2010), EJOR 201, an extension of Ng's model. The best such weights point along the scaled values after
    neighbours that rise are replaced by their mean (isotonic regression), so the score is the length of those.

    Examples
    --------
    >>> hadi_vencheh_scores([np.array([10.0, 5.0, 0.0]), np.array([0.0, 2.0, 2.0])]).round(4).tolist()
    [1.0, 1.0607, 0.7071]
    """
    scaled = []
    for values in criteria:
        width = np.ptp(values) if len(values) else 0.0
        scaled.append((values - values.min()) / width if width > 0 else np.zeros(len(values)))
    table = np.stack(scaled, axis=1)
    n, m = table.shape
    total = np.concatenate([np.zeros((n, 1)), np.cumsum(table, axis=1)], axis=1)
    # the falling fit at j: the least over starts up to j of the greatest mean from there to an end from j on
    fit = np.empty((n, m))
    for j in range(m):
        means = [
            np.max([(total[:, end] - total[:, start]) / (end - start) for end in range(j + 1, m + 1)], axis=0)
            for start in range(j + 1)
        ]
        fit[:, j] = np.min(means, axis=0)
    return np.sqrt((fit**2).sum(axis=1))


def classes_by_rank(score: Floats, sizes: tuple[int, ...]) -> npt.NDArray[np.str_]:
    """A for so many parts of the highest scores, B for so many of the next, and so on; ties by place.

    Parameters
    ----------
    score
        Larger is more important.
    sizes
        Parts of each class, up to 26, that add up to all.

    Raises
    ------
    SettingsError
        The sizes do not add up to the parts.

    Examples
    --------
    >>> classes_by_rank(np.array([0.2, 0.9, 0.5]), (1, 1, 1)).tolist()
    ['C', 'A', 'B']
    """
    if sum(sizes) != len(score) or min(sizes, default=0) < 0:
        raise SettingsError(f"classes of {sizes} parts do not add up to the {len(score)} there are.")
    names = np.repeat(np.array([chr(ord("A") + i) for i in range(len(sizes))]), sizes)
    classes = np.empty(len(score), dtype="<U1")
    classes[np.argsort(-score, kind="stable")] = names
    return classes


def mean_demand_in_stock(
    consumed: npt.ArrayLike,
    transferred: npt.ArrayLike,
    days: npt.ArrayLike,
    days_out: npt.ArrayLike,
    per_days: float = 30,
) -> Floats:
    """Demand of a month, or of ``per_days``, from what was consumed on the days with stock.

    Parameters
    ----------
    consumed, transferred
        Pieces that left in the time looked at, and those of them that went to other sites.
    days, days_out
        Days looked at, and those without stock.
    per_days
        Days of the answer.

    Returns
    -------
    Array
        NaN where there was no day with stock: nothing is known.

    Notes
    -----
    Average monthly consumption, corrected for stock-outs (health supply chains: MSH; open-msupply).

    Examples
    --------
    >>> float(mean_demand_in_stock(150, 0, 90, 60))
    150.0
    """
    used, sent, all_days, out = (np.asarray(one, dtype=np.float64) for one in (consumed, transferred, days, days_out))
    left = all_days - out
    return np.where(left > 0, (used - sent) * per_days / np.where(left > 0, left, 1.0), np.nan)


def fsn_classes(demands_per_year: Floats, fast_from: float, slow_from: float) -> npt.NDArray[np.str_]:
    """F fast-moving, S slow-moving, N non-moving, by the number of demands a year.

    Examples
    --------
    >>> fsn_classes(np.array([24.0, 12.0, 1.0, 0.0]), fast_from=12.0, slow_from=1.0).tolist()
    ['F', 'F', 'S', 'N']
    """
    return np.where(demands_per_year >= fast_from, "F", np.where(demands_per_year >= slow_from, "S", "N"))


# --------------------------------------------------------------------------- tables


class Window(NamedTuple):
    """The periods looked at: from ``first`` up to, not including, ``end``."""

    first: pd.Timestamp
    end: pd.Timestamp
    n_periods: int
    period: str


def _window_of(today: date, period: str, series: pd.DataFrame) -> Window:
    """The last twelve months of complete periods, less those before the history of the whole network."""
    end = _period_start(today, period)
    n_periods = PERIODS_PER_YEAR[period]
    first = end - (pd.DateOffset(months=12) if period == "month" else pd.Timedelta(weeks=52))
    earliest = series["first_period"].min() if len(series) else end
    if earliest > first:
        first, n_periods = earliest, int(_periods_between(pd.Series([earliest]), end, period)[0])
    return Window(first, end, n_periods, period)


def _period_start(on: date, period: str) -> pd.Timestamp:
    day = pd.Timestamp(on)
    return day.replace(day=1) if period == "month" else day - pd.Timedelta(days=day.weekday())


def _periods_between(first: pd.Series, end: pd.Timestamp, period: str) -> Floats:
    if period == "month":
        return ((end.year - first.dt.year) * 12 + end.month - first.dt.month).to_numpy(dtype=np.float64)
    return ((end - first).dt.days // 7).to_numpy(dtype=np.float64)


def _with_master_data(forecasts: pd.DataFrame, parts: pd.DataFrame, sites: pd.DataFrame) -> pd.DataFrame:
    """Forecast rows in the order of their key, with what is known of part and site."""
    rows = forecasts[[*SITE_PART, "n_demands"]].sort_values(SITE_PART, ignore_index=True)
    known = ["part_id", "unit_cost", "criticality", "introduced_on", "lifecycle"]
    rows = rows.merge(parts[known], on="part_id", how="left", validate="m:1")
    rows = rows.merge(sites[["site_id", "site_kind"]], on="site_id", how="left", validate="m:1")
    for column, master in (("unit_cost", "parts"), ("site_kind", "sites")):
        unknown = rows[column].isna()
        if unknown.any():
            key = "part_id" if master == "parts" else "site_id"
            raise TableError(
                table="forecasts",
                column=key,
                value=rows.loc[unknown, key].iloc[0],
                rule=f"must be found in {master}",
                remedy=f"add it to {master}",
                more=int(unknown.sum()) - 1,
            )
    return rows


def _history(rows: pd.DataFrame, demand_series: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Pieces, squared pieces, periods with demand and periods lost to stock-outs, for each of ``rows``."""
    inside = demand_series["period"].ge(window.first) & demand_series["period"].lt(window.end)
    seen = demand_series.loc[inside, [*SITE_PART, "demand", "is_censored", "in_stock_share"]]
    numbered = rows[SITE_PART].assign(row=np.arange(len(rows)))
    seen = seen.merge(numbered, on=SITE_PART, how="inner", validate="m:1")
    row, n = seen["row"].to_numpy(), len(rows)
    demand = seen["demand"].to_numpy(dtype=np.float64)
    lost = np.where(seen["is_censored"], 1.0 - seen["in_stock_share"], 0.0)
    return pd.DataFrame(
        {
            "demand": np.bincount(row, weights=demand, minlength=n),
            "demand_squared": np.bincount(row, weights=demand**2, minlength=n),
            "demands": np.bincount(row, weights=(demand > 0).astype(np.float64), minlength=n),
            "lost_periods": np.bincount(row, weights=lost, minlength=n),
        }
    )


def _periods_on_sale(introduced_on: pd.Series, window: Window) -> Floats:
    """Periods of the window since the part was introduced, 1 or more; all of them where the day is not known."""
    since = _periods_between(introduced_on.fillna(window.first), window.end, window.period)
    return np.clip(since, 1.0, max(window.n_periods, 1))


def _stocking(rows: pd.DataFrame, demands_per_year: Floats, params: ClassifyParams) -> tuple[Flags, list[str]]:
    """Whether a site stocks a part by the number of demands a year, and why."""
    is_dc = rows["site_kind"].eq("dc").to_numpy()
    least = np.where(is_dc, params.dc_min_demands_per_year, params.dealer_min_demands_per_year)
    is_ended = rows["lifecycle"].eq("ended").to_numpy()
    is_new = is_dc & rows["lifecycle"].eq("new").to_numpy()
    is_vital = is_dc & rows["criticality"].eq("vital").to_numpy() & (rows["n_demands"] > 0).to_numpy()
    is_vital &= params.stock_vital_at_dc
    is_asked_for = (demands_per_year >= least) & (rows["n_demands"] > 0).to_numpy()
    reason = np.select([is_ended, is_asked_for, is_new, is_vital], [0, 1, 2, 3], default=4)
    hits = np.char.mod("%.1f", demands_per_year)
    cut = np.char.mod("%g", least)
    kind = np.where(is_dc, "a DC", "a dealer")
    said = {
        0: "not stocked: its life has ended",
        1: "stocked: {n} demands a year, {site} stocks from {k}",
        2: "stocked: new, no history yet",
        3: "stocked: vital, though only {n} demands a year",
        4: "not stocked: {n} demands a year, {site} stocks from {k}",
    }
    told = zip(reason.tolist(), hits.tolist(), cut.tolist(), kind.tolist(), strict=True)
    why = [said[code].format(n=n, k=k, site=site) for code, n, k, site in told]
    return ~is_ended & (reason != 4), why
