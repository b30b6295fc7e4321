"""The standard normal distribution as the textbooks use it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

Floats = npt.NDArray[np.float64]

FARTHEST = 40.0  # standard deviations, beyond which the loss is 0 to the last digit, also without end


def normal_loss(z: npt.ArrayLike) -> Floats:
    """Standard normal loss, E(Z - z)+.

    Parameters
    ----------
    z
        Standard deviations above the mean, any shape; times the standard deviation the loss is pieces.

    Notes
    -----
    phi(z) - z P(Z > z) (Snyder & Shen 2019, appendix C).

    Examples
    --------
    >>> round(float(normal_loss(-1.4)), 6)
    1.436668
    """
    z = np.minimum(np.asarray(z, dtype=np.float64), FARTHEST)
    return np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi) - z * ndtr(-z)


def safety_factor(probability: npt.ArrayLike) -> Floats:
    """Standard deviations above the mean that normal demand does not exceed with this probability.

    Parameters
    ----------
    probability
        Between 0 and 1, any shape.

    Notes
    -----
    The quantile of the standard normal distribution, k of P1 in Silver, Pyke & Thomas (2017).

    Examples
    --------
    >>> round(float(safety_factor(0.9)), 4)
    1.2816
    """
    return np.asarray(ndtri(np.asarray(probability, dtype=np.float64)))
