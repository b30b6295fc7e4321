"""Pooled binned ratios: what totals came to against their forecast, over all series and past origins.

The table needs no distribution: in cells of similar mean and dispersion it keeps quantiles of total over mean.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

LEVELS = np.concatenate([np.arange(0.02, 0.80, 0.03), np.arange(0.80, 0.98, 0.01), [0.98, 0.985, 0.99, 0.995]])
"""Probabilities kept in every cell."""
CELL_ROWS = 400
"""Totals a cell should hold at least: two of them lie above the highest level kept."""
MOST_MEANS, MOST_DISPERSIONS = 15, 4


class RatioTable(NamedTuple):
    """Quantiles of total over mean: cells by mean and dispersion, for each of several horizons.

    Attributes
    ----------
    centres
        Middle mean of each cell, pieces, shape (horizons, means), rising.
    edges
        Variance over mean up to which a cell reaches, shape (horizons, means, dispersions - 1).
    ratios
        Total over mean at LEVELS, shape (horizons, means, dispersions, levels).
    """

    centres: Array
    edges: Array
    ratios: Array


def cells(n_rows: int) -> tuple[int, int]:
    """How many cells by mean and by dispersion a number of totals can fill; (0, 0) where not even one.

    Examples
    --------
    >>> cells(30_000), cells(1_000), cells(20)
    ((15, 4), (1, 2), (0, 0))
    """
    n_cells = n_rows // CELL_ROWS
    if n_cells == 0:
        return 0, 0
    n_dispersions = MOST_DISPERSIONS if n_cells >= 3 * MOST_DISPERSIONS else min(2, n_cells)
    return max(min(MOST_MEANS, n_cells // n_dispersions), 1), n_dispersions


def binned_ratios(total: Array, mean: Array, ratio: Array, shape: tuple[int, int]) -> tuple[Array, Array, Array]:
    """Quantiles of total over mean in cells of equally many rows.

    Parameters
    ----------
    total, mean, ratio
        What came, what was forecast, and the forecast's variance over mean, shape (rows,).
    shape
        Number of cells by mean and by dispersion.

    Returns
    -------
    tuple of Array
        Means (means,), edges (means, dispersions - 1) and ratios (means, dispersions, levels) of a RatioTable.

    Notes
    -----
    Each total is spread evenly over half a piece either side (by the golden ratio's multiples, not by chance), so that
    quantiles of whole numbers can be averaged and interpolated. A larger mean never has a smaller quantile.
    """
    n_means, n_dispersions = shape
    spread = (np.arange(len(total)) * 0.6180339887498949) % 1.0 - 0.5
    smooth = (total + spread) / mean
    by_mean = np.argsort(mean, kind="stable")
    centres = np.empty(n_means)
    edges = np.empty((n_means, n_dispersions - 1))
    found = np.empty((n_means, n_dispersions, len(LEVELS)))
    for i, rows in enumerate(np.array_split(by_mean, n_means)):
        centres[i] = np.median(mean[rows])
        inner = rows[np.argsort(ratio[rows], kind="stable")]
        for j, cell in enumerate(np.array_split(inner, n_dispersions)):
            ordered = np.sort(smooth[cell])
            place = LEVELS * len(ordered) - 0.5
            found[i, j] = np.interp(place, np.arange(len(ordered)), ordered)
            if j < n_dispersions - 1:
                edges[i, j] = ratio[cell[-1]]
    middle = centres[:, None, None]
    return centres, edges, np.maximum.accumulate(middle * found, axis=0) / middle


def at_levels(table: RatioTable, levels: Array) -> Array:
    """The table's ratios at other levels, within the first and last of LEVELS, shape (..., levels)."""
    upper = np.clip(np.searchsorted(LEVELS, levels), 1, len(LEVELS) - 1)
    share = np.clip((levels - LEVELS[upper - 1]) / (LEVELS[upper] - LEVELS[upper - 1]), 0.0, 1.0)
    return table.ratios[..., upper - 1] * (1.0 - share) + table.ratios[..., upper] * share
