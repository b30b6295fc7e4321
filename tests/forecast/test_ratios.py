"""Pooled binned ratios: cells of equally many totals, and their quantiles."""

from __future__ import annotations

import numpy as np
import pytest

from partsopt.forecast.ratios import LEVELS, RatioTable, at_levels, binned_ratios, cells


def test_cells_hold_four_hundred_totals_or_there_are_none():
    assert cells(399) == (0, 0)
    assert cells(400) == (1, 1)
    assert cells(10**6) == (15, 4)
    for n_rows in (400, 1_000, 5_000, 11_111):
        n_means, n_dispersions = cells(n_rows)
        assert n_rows // (n_means * n_dispersions) >= 400


def test_ratios_of_a_known_distribution_come_back():
    """Totals that are always twice their mean have the ratio 2 at every level, but for half a piece."""
    mean = np.linspace(1_000.0, 2_000.0, 800)
    centres, edges, ratios = binned_ratios(2.0 * mean, mean, np.ones(800), (2, 1))
    assert centres == pytest.approx([1_250.0, 1_750.0], rel=1e-3)
    assert edges.shape == (2, 0)
    assert ratios == pytest.approx(2.0, abs=0.001)


def test_quantiles_of_a_cell_are_those_of_its_sorted_totals():
    """One cell, mean 1: the smooth totals run evenly, so the ratio at a level is that place among them."""
    rng = np.random.default_rng(3)
    total = rng.integers(0, 50, 5_000).astype(float)
    _, _, ratios = binned_ratios(total, np.ones(5_000), np.ones(5_000), (1, 1))
    spread = (np.arange(5_000) * 0.6180339887498949) % 1.0 - 0.5
    assert ratios[0, 0] == pytest.approx(np.quantile(total + spread, LEVELS, method="hazen"))


def test_cells_by_dispersion_part_calm_from_wild():
    """Wild totals give a wider cell, and the edge between the two is the calm ones' dispersion."""
    rng = np.random.default_rng(4)
    ratio = np.repeat([1.0, 9.0], 1_000)
    total = np.where(ratio == 1.0, 10.0, rng.choice([0.0, 20.0], 2_000))
    _, edges, ratios = binned_ratios(total, np.full(2_000, 10.0), ratio, (1, 2))
    assert edges.tolist() == [[1.0]]
    assert ratios[0, 1, -1] > 1.9 > 1.1 > ratios[0, 0, -1]


def test_levels_between_those_kept_are_interpolated_and_those_beyond_held():
    table = RatioTable(np.zeros((1, 1)), np.zeros((1, 1, 0)), np.arange(float(len(LEVELS)))[None, None, None, :])
    wanted = np.array([0.001, (LEVELS[3] + LEVELS[4]) / 2, 0.9999])
    assert at_levels(table, wanted)[0, 0, 0] == pytest.approx([0.0, 3.5, len(LEVELS) - 1])
