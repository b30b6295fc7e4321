"""Forecast errors. An error is forecast minus actual, here and nowhere else: positive is over-forecast."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


def forecast_error(forecast: Array, actual: Array) -> Array:
    """Forecast minus actual.

    Examples
    --------
    >>> forecast_error(np.array([3.0]), np.array([1.0])).tolist()
    [2.0]
    """
    return np.asarray(forecast, dtype=np.float64) - np.asarray(actual, dtype=np.float64)


def bias(forecast: Array, actual: Array) -> Array:
    """Mean error over the first axis; positive where the forecast is too high.

    Examples
    --------
    >>> bias(np.array([3.0, 1.0]), np.array([1.0, 2.0])).item()
    0.5
    """
    return forecast_error(forecast, actual).mean(axis=0)


def mase(forecast: Array, actual: Array, training: Array) -> Array:
    """Mean absolute error, scaled by the mean absolute step of the training part.

    Parameters
    ----------
    forecast, actual
        Pieces per period of the test part, shape (periods, ...).
    training
        Pieces per period before the test part, shape (at least 2 periods, ...).

    Returns
    -------
    Array
        Scaled error, shape (...); NaN where the training part never changes.

    Notes
    -----
    Hyndman & Koehler (2006), International Journal of Forecasting 22, 679-688, naive method of lag 1.

    Examples
    --------
    >>> mase(np.array([2.0]), np.array([5.0]), training=np.array([0.0, 2.0, 1.0])).item()
    2.0
    """
    return _over(np.abs(forecast_error(forecast, actual)).mean(axis=0), np.abs(np.diff(training, axis=0)).mean(axis=0))


def rmsse(forecast: Array, actual: Array, training: Array) -> Array:
    """Root mean squared error, scaled by the root mean squared step of the training part.

    Parameters and result as for :func:`mase`.

    Notes
    -----
    Makridakis, Spiliotis & Assimakopoulos (2022), International Journal of Forecasting 38, 1346-1364.

    Examples
    --------
    >>> rmsse(np.array([2.0]), np.array([5.0]), training=np.array([0.0, 2.0, 1.0])).round(6).item()
    1.897367
    """
    return np.sqrt(
        _over((forecast_error(forecast, actual) ** 2).mean(axis=0), (np.diff(training, axis=0) ** 2).mean(axis=0))
    )


def pinball_loss(quantile: Array, actual: Array, level: Array | float) -> Array:
    """Loss of a forecast quantile: an actual above it costs ``level`` a piece, one below it ``1 - level``.

    Parameters
    ----------
    quantile, actual
        Pieces, of shapes that broadcast.
    level
        Probability of the quantile, above 0 and below 1.

    Notes
    -----
    Koenker & Bassett (1978), Econometrica 46, 33-50.

    Examples
    --------
    >>> pinball_loss(np.array([4.0, 4.0]), np.array([6.0, 2.0]), 0.75).tolist()
    [1.5, 0.5]
    """
    error = forecast_error(quantile, actual)
    return np.maximum((1 - np.asarray(level)) * error, -np.asarray(level) * error)


def _over(part: Array, whole: Array) -> Array:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), np.nan)
