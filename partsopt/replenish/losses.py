"""Expected demand above a level for continuous demand: the loss functions of the textbooks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincc, ndtr

from partsopt.errors import SettingsError

Floats = npt.NDArray[np.float64]


def uniform_loss(level: npt.ArrayLike, lowest: float, highest: float) -> Floats:
    """E(X - x)+ of demand that is uniform between two values.

    Examples
    --------
    >>> float(uniform_loss(75.0, 50.0, 100.0))
    6.25
    """
    if not lowest < highest:
        raise SettingsError(f"uniform demand between {lowest!r} and {highest!r}; the first must be below the second.")
    x = np.asarray(level, dtype=np.float64)
    inside = (highest - np.clip(x, lowest, highest)) ** 2 / (2 * (highest - lowest))
    return inside + np.maximum(lowest - x, 0.0)


def exponential_loss(level: npt.ArrayLike, mean: float) -> Floats:
    """E(X - x)+ of exponential demand.

    Examples
    --------
    >>> round(float(exponential_loss(2.0, 2.0)), 6)  # 2 / e
    0.735759
    """
    return gamma_loss(level, 1.0, mean)


def gamma_loss(level: npt.ArrayLike, shape: float, scale: float) -> Floats:
    """E(X - x)+ of gamma demand with mean shape x scale.

    Notes
    -----
    shape scale P(X' > x) - x P(X > x), X' of shape + 1 (Burgin 1975).

    Examples
    --------
    >>> round(float(gamma_loss(0.0, 3.0, 2.0)), 6)
    6.0
    """
    if not (shape > 0 and scale > 0):
        raise SettingsError(f"gamma demand of shape {shape!r} and scale {scale!r}; both must be above 0.")
    x = np.asarray(level, dtype=np.float64)
    at = np.maximum(x, 0.0) / scale
    above = shape * scale * gammaincc(shape + 1.0, at) - np.maximum(x, 0.0) * gammaincc(shape, at)
    return np.asarray(above + np.maximum(-x, 0.0))


def lognormal_loss(level: npt.ArrayLike, log_mean: float, log_sd: float) -> Floats:
    """E(X - x)+ of demand whose logarithm is normal.

    Notes
    -----
    exp(m + s^2 / 2) P(Z > (ln x - m - s^2) / s) - x P(Z > (ln x - m) / s) (Silver, Pyke & Thomas 2017).

    Examples
    --------
    >>> round(float(lognormal_loss(0.0, 0.0, 1.0)), 6)  # the mean, exp(1/2)
    1.648721
    """
    if not log_sd > 0:
        raise SettingsError(f"the standard deviation of the logarithm is {log_sd!r}; it must be above 0.")
    x = np.asarray(level, dtype=np.float64)
    with np.errstate(divide="ignore"):
        z = (np.log(np.maximum(x, 0.0)) - log_mean) / log_sd
    above = np.exp(log_mean + log_sd**2 / 2) * ndtr(log_sd - z) - np.maximum(x, 0.0) * ndtr(-z)
    return np.asarray(above + np.maximum(-x, 0.0))
