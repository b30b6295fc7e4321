"""Demand patterns: how often there is demand and how much its size varies (Syntetos, Boylan & Croston 2005)."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

SBC_CLASSES = ("smooth", "erratic", "intermittent", "lumpy", "none")


def average_demand_interval(demand: Array, is_counted: Array) -> Array:
    """Periods per period with demand, of each series.

    Parameters
    ----------
    demand
        Pieces per period, shape (periods, series).
    is_counted
        False for what is no period of the series: before it began, or out of stock and nothing seen.

    Returns
    -------
    Array
        Average demand interval (ADI), periods, 1 or more, shape (series,); NaN without demand.

    Notes
    -----
    Syntetos, Boylan & Croston (2005), Journal of the Operational Research Society 56, 495-503.

    Examples
    --------
    >>> demand = np.array([[0.0, 1.0], [2.0, 1.0], [0.0, 0.0], [0.0, 1.0]])
    >>> average_demand_interval(demand, np.ones((4, 2), dtype=bool)).tolist()
    [4.0, 1.3333333333333333]
    """
    n_demands = np.count_nonzero((demand > 0) & is_counted, axis=0)
    n_periods = np.count_nonzero(is_counted, axis=0)
    return np.where(n_demands > 0, n_periods / np.maximum(n_demands, 1), np.nan)


def squared_cv(demand: Array) -> Array:
    """Squared coefficient of variation of the demand sizes, zeros left out.

    Parameters
    ----------
    demand
        Pieces per period, shape (periods, series).

    Returns
    -------
    Array
        Variance (of the population) over squared mean, shape (series,); NaN without demand.

    Notes
    -----
    Source as :func:`average_demand_interval`. Summed around the mean in a second pass, so that sizes of 10^9
    lose no digits.

    Examples
    --------
    >>> squared_cv(np.array([[0.0, 5.0], [1.0, 0.0], [3.0, 5.0]])).tolist()
    [0.25, 0.0]
    """
    is_demand = demand > 0
    n_demands = np.maximum(np.count_nonzero(is_demand, axis=0), 1)
    mean = demand.sum(axis=0, where=is_demand) / n_demands
    variance = np.where(is_demand, (demand - mean) ** 2, 0.0).sum(axis=0) / n_demands
    return np.where(mean > 0, variance / np.where(mean > 0, mean, 1.0) ** 2, np.nan)


def sbc_class(adi: Array, cv2: Array, adi_cut: float, cv2_cut: float) -> Array:
    """The demand pattern of each series.

    Parameters
    ----------
    adi
        Average demand interval, periods, shape (series,); NaN without demand.
    cv2
        Squared coefficient of variation of the sizes, shape (series,); NaN without demand.
    adi_cut, cv2_cut
        Cut-offs, 1.32 and 0.49 in the source.

    Returns
    -------
    Array
        Places in SBC_CLASSES, shape (series,): 0 smooth, 1 erratic, 2 intermittent, 3 lumpy, 4 none.

    Notes
    -----
    A value on the cut belongs to the harder class: at the cut-off demand is intermittent, its sizes erratic.

    Examples
    --------
    >>> places = sbc_class(np.array([1.0, 1.32, np.nan]), np.array([0.49, 0.0, np.nan]), 1.32, 0.49)
    >>> [SBC_CLASSES[place] for place in places]
    ['erratic', 'intermittent', 'none']
    """
    place = 2 * (adi >= adi_cut).astype(np.int64) + (cv2 >= cv2_cut).astype(np.int64)
    return np.where(np.isnan(adi), SBC_CLASSES.index("none"), place)
