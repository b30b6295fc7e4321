"""A DC and its dealers together: what a dealer waits for when the DC itself is out of stock.

One-for-one replenishment, Poisson demand, backorders served first come, first served: the demand that the
dealers place on the DC is the sum of theirs, and a piece the DC owes is a given dealer's with the dealer's
share of that demand.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.errors import SettingsError
from partsopt.replenish.service import demand_tail, expected_shortfall
from partsopt.replenish.walk import thinned_service

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

EXACT_UP_TO = 400.0  # mean of a DC's demand over its lead time; above, the negative binomial answers
METHODS = ("auto", "exact", "varimetric", "metric")


class DcService(NamedTuple):
    """Of each DC-part: expected pieces owed, their variance, and share of demand met at once; shape (n,)."""

    backorders: Floats
    backorder_variance: Floats
    fill_rate: Floats


class DealerService(NamedTuple):
    """Of each dealer-part, the whole chain: expected pieces owed to customers, and share of demand met at once."""

    backorders: Floats
    fill_rate: Floats


def dc_service(rate: npt.ArrayLike, lead_time: npt.ArrayLike, level: npt.ArrayLike) -> DcService:
    """Backorders of a DC under one-for-one replenishment.

    Parameters
    ----------
    rate
        Demand for a unit of time of all the DC's dealers, Poisson, shape (n,).
    lead_time
        Of the DC, the same unit, shape (n,).
    level
        S of the DC, whole pieces, 0 or more, shape (n,).

    Notes
    -----
    Pieces on order are Poisson with mean m = rate x lead time (Palm 1938), B = (X - S)+, and E B (B - 1) =
    m^2 P(X >= S) - 2 S m P(X > S) + S (S + 1) P(X > S + 1).

    Examples
    --------
    >>> [round(float(one[0]), 6) for one in dc_service([0.2], [14], [2])]
    [1.091888, 1.834272, 0.231078]
    """
    rate, lead, level = _rows(rate, lead_time, level)
    mean = rate * lead
    owed = expected_shortfall(level, mean, 1.0)
    # E((X - S)+ (X - S - 1)+): the second factorial moment above S
    above = (
        mean**2 * demand_tail(level, mean, 1.0)
        - 2 * level * mean * demand_tail(level + 1, mean, 1.0)
        + level * (level + 1) * demand_tail(level + 2, mean, 1.0)
    )
    variance = np.maximum(above, 0.0) + owed - owed**2
    return DcService(owed, np.maximum(variance, 0.0), 1.0 - demand_tail(level, mean, 1.0))


def dealer_service(
    dc: npt.ArrayLike,
    dc_rate: npt.ArrayLike,
    dc_lead_time: npt.ArrayLike,
    dc_level: npt.ArrayLike,
    rate: npt.ArrayLike,
    lead_time: npt.ArrayLike,
    level: npt.ArrayLike,
    method: str = "auto",
) -> DealerService:
    """Backorders and fill rate at dealers, the delay at their DC included.

    Parameters
    ----------
    dc
        Number of each dealer-part's row in the three DC arrays, shape (n,), or 0 for one DC.
    dc_rate, dc_lead_time, dc_level
        As in :func:`dc_service`, shape (m,). The rate covers all demand on the DC, also that not listed here.
    rate, lead_time, level
        Demand of each dealer-part, days from the DC when it has stock, and S, shape (n,).
    method
        ``exact``; ``varimetric`` or ``metric``, the published approximations; ``auto``: exact where the DC's demand
        over its lead time averages at most 400 pieces, else varimetric.

    Raises
    ------
    SettingsError
        An unknown method, a negative value, or a dealer that asks for more than its DC's whole demand.

    Notes
    -----
    Pieces outstanding are Poisson(rate x lead time) plus a binomial share q of the DC's backorders B0, q =
    rate / DC's rate (Simon 1971; Graves 1985, exact). ``varimetric`` takes a negative binomial of the same mean
    m and variance m + q^2 (Var B0 - E B0) (Graves 1985); ``metric`` a Poisson of the same mean (Sherbrooke
    1968). Fill rate is P(outstanding < S).

    Examples
    --------
    >>> service = dealer_service([0], [0.2], [14], [2], [0.1], [2], [1])
    >>> round(float(service.backorders[0]), 6), round(float(service.fill_rate[0]), 6)
    (0.264765, 0.518821)
    """
    if method not in METHODS:
        raise SettingsError(f"method is {method!r}; it must be one of {', '.join(METHODS)}.")
    whole_rate, whole_lead, whole_level = _rows(dc_rate, dc_lead_time, dc_level)
    rate, lead, level = _rows(rate, lead_time, level)
    above = np.broadcast_to(np.asarray(dc, dtype=np.int64), rate.shape)
    all_asked = whole_rate[above]
    if (rate > all_asked * (1 + 1e-9)).any():
        raise SettingsError("a dealer asks for more than the whole demand on its DC; add up the dealers' rates.")
    share = np.divide(rate, all_asked, out=np.zeros(len(rate)), where=all_asked > 0)
    at_dc = dc_service(whole_rate, whole_lead, whole_level)
    owed = share * at_dc.backorders[above]
    mean = rate * lead + owed
    if method in ("auto", "exact"):
        short, met = np.zeros(len(rate)), np.ones(len(rate))
        on_order = whole_rate * whole_lead
        is_exact = np.full(len(rate), True) if method == "exact" else (on_order <= EXACT_UP_TO)[above]
        rows = np.flatnonzero(is_exact)
        short[rows], met[rows] = thinned_service(
            above[rows], whole_level.astype(np.int64), on_order, share[rows], (rate * lead)[rows],
            mean[rows], level[rows].astype(np.int64),
        )  # fmt: skip
        rest = np.flatnonzero(~is_exact)
    else:
        short, met, rest = np.zeros(len(rate)), np.ones(len(rate)), np.arange(len(rate))
    if len(rest):
        ratio = np.ones(len(rest))
        if method != "metric":
            extra = share[rest] ** 2 * (at_dc.backorder_variance - at_dc.backorders)[above[rest]]
            np.divide(extra, mean[rest], out=ratio, where=mean[rest] > 0)
            ratio = np.where(mean[rest] > 0, np.maximum(1.0 + ratio, 1.0), 1.0)
        short[rest] = expected_shortfall(level[rest], mean[rest], ratio)
        met[rest] = 1.0 - demand_tail(level[rest], mean[rest], ratio)
    return DealerService(short, met)


def _rows(*values: npt.ArrayLike) -> tuple[Floats, ...]:
    rows = np.broadcast_arrays(*(np.atleast_1d(np.asarray(one, dtype=np.float64)) for one in values))
    if any((one < 0).any() or not np.isfinite(one).all() for one in rows):
        raise SettingsError("rates, lead times and levels must be finite and 0 or more.")
    return tuple(rows)
