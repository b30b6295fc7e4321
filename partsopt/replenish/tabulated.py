"""Service of every level where demand is a table of probabilities: any order sizes, any forecast.

One part has a table of shape (n,), rows of parts one of shape (rows, n). An uncertain lead time adds an axis before
the last, one table for each possible lead time, with ``weights``, the chances of the lead times.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.errors import SettingsError
from partsopt.replenish.lotsizing import plain

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]


class TabulatedService(NamedTuple):
    """What each order-up-to level 0 .. n - Q gives, shape (..., n - Q + 1); Q is 1 without a batch.

    Attributes
    ----------
    cycle_service_level
        Probability that nothing is owed at the end of a cycle, P(D(T+L) <= S).
    ready_rate
        Probability that stock is left then, P(D(T+L) < S).
    fill_rate
        Share of demand met from the shelf at once; 1 where nothing is asked for between two reviews.
    backorders, on_hand
        Pieces expected to be owed and on hand at the end of a cycle.
    """

    cycle_service_level: Floats
    ready_rate: Floats
    fill_rate: Floats
    backorders: Floats
    on_hand: Floats


def tabulated_service(
    lead_time_pmf: npt.ArrayLike,
    protection_pmf: npt.ArrayLike,
    mean_over_lead_time: npt.ArrayLike,
    mean_over_protection: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    batch: int = 1,
) -> TabulatedService:
    """Service of every level 0 .. n - Q, exact, from tabulated demand over L and over T + L.

    Parameters
    ----------
    lead_time_pmf, protection_pmf
        Probabilities of demand 0 .. n - 1, shape (..., n), or (..., k, n) for k possible lead times, each adding up
        to 1 at most: what is beyond the table is the rest.
    mean_over_lead_time, mean_over_protection
        Their means in pieces, shape (...) or (..., k), tails past the table included, so that a short table stays
        exact.
    weights
        Chance of each lead time, shape (k,) or (..., k); not needed for one.
    batch
        Q, whole pieces: the position after a review is anywhere in S .. S + Q - 1 with equal chance.

    Raises
    ------
    SettingsError
        Tables of different lengths, a negative probability, more than 1 in all, a protection interval that asks for
        less than the lead time in it, or a batch longer than the table.

    Notes
    -----
    Sums over the table; E(S - D)+ = S - E D + E(D - S)+ (Johnson et al. 1995; methods.md, levels). Every measure is
    linear in the tables, so that of a mixture is that of the mixed table.

    Examples
    --------
    >>> from partsopt.replenish.service import demand_pmf
    >>> one = tabulated_service(demand_pmf(1.4, 1.0, 20), demand_pmf(2.8, 1.0, 20), 1.4, 2.8)
    >>> [round(float(measure[6]), 6) for measure in one]
    [0.975589, 0.93489, 0.97493, 0.035845, 3.235845]
    >>> uncertain = tabulated_service(
    ...     demand_pmf([1.0, 1.8], 1.0, 20), demand_pmf([2.4, 3.2], 1.0, 20), [1.0, 1.8], [2.4, 3.2], [0.5, 0.5]
    ... )
    >>> round(float(uncertain.fill_rate[6]), 6)
    0.970613
    """
    lead, protection = _probabilities("lead_time_pmf", lead_time_pmf), _probabilities("protection_pmf", protection_pmf)
    early, late = (np.asarray(one, dtype=np.float64) for one in (mean_over_lead_time, mean_over_protection))
    if lead.shape[-1] != protection.shape[-1]:
        raise SettingsError(
            f"lead_time_pmf has {lead.shape[-1]} values, protection_pmf {protection.shape[-1]}: "
            "let both speak of 0 .. n - 1"
        )
    wrong = ~((early >= 0) & (early <= late))
    if wrong.any():
        first, second = (np.broadcast_to(one, wrong.shape)[wrong][0] for one in (early, late))
        raise SettingsError(
            f"mean_over_lead_time is {first:g}, mean_over_protection {second:g}: "
            "L is part of T + L, so the first lies between 0 and the second"
        )
    if not 1 <= batch <= protection.shape[-1]:
        raise SettingsError(
            f"the batch is {batch} and the table speaks of 0 .. {protection.shape[-1] - 1}: "
            "give a batch of 1 or more, and at least as many probabilities"
        )
    if weights is not None:
        chance = np.asarray(weights, dtype=np.float64)
        lead, protection = ((chance[..., None] * one).sum(axis=-2) for one in (lead, protection))
        early, late = ((chance * one).sum(axis=-1) for one in (early, late))
    at_most = np.cumsum(protection, axis=-1)
    backorders, owed_before = _shortfalls(protection, late), _shortfalls(lead, early)
    unmet, asked = np.broadcast_arrays(backorders - owed_before, (late - early)[..., None])
    share = np.divide(unmet, asked, out=np.zeros(unmet.shape), where=asked > 0)
    measures = at_most, at_most - protection, np.clip(1.0 - share, 0.0, 1.0), backorders
    served, ready, filled, owed = (_over_positions(one, batch) for one in measures)
    position = np.arange(owed.shape[-1]) + (batch - 1) / 2
    return TabulatedService(served, ready, filled, owed, position - late[..., None] + owed)


def tabulated_fill_rates(
    lead_time_pmf: npt.ArrayLike,
    protection_pmf: npt.ArrayLike,
    mean_over_lead_time: npt.ArrayLike,
    mean_over_protection: npt.ArrayLike,
) -> Floats:
    """Exact fill rate of every level 0 .. n - 1: that of :func:`tabulated_service` alone.

    Parameters
    ----------
    lead_time_pmf, protection_pmf, mean_over_lead_time, mean_over_protection
        As in :func:`tabulated_service`: chances, and means in pieces.

    Notes
    -----
    1 - (E(D(T+L) - S)+ - E(D(L) - S)+) / E D(T) (Johnson et al. 1995; Sobel 2004; Teunter 2009).

    Examples
    --------
    >>> from partsopt.replenish.service import compound_poisson_pmf
    >>> one = compound_poisson_pmf(1.4, [0, 1], 20), compound_poisson_pmf(2.8, [0, 1], 20)
    >>> round(float(tabulated_fill_rates(*one, 1.4, 2.8)[6]), 6)
    0.97493
    """
    return tabulated_service(lead_time_pmf, protection_pmf, mean_over_lead_time, mean_over_protection).fill_rate


def smallest_level(measure: npt.ArrayLike, target: npt.ArrayLike, *, at_most: bool = False) -> int | Wholes:
    """The smallest level whose measure reaches a target, of one part or of rows of parts.

    Parameters
    ----------
    measure
        Of the levels 0 .. n - 1, shape (..., n), as the fields of :func:`tabulated_service`.
    target
        In the measure's unit; one for all, or one for each row.
    at_most
        The measure falls as the level grows and shall not exceed the target: backorders.

    Raises
    ------
    SettingsError
        No level of the table reaches the target; the text says what its last one gives.

    Notes
    -----
    Counted up from 0, as every measure rises, or falls, with the level (Johnson et al. 1995).

    Examples
    --------
    >>> smallest_level([0.2, 0.7, 0.9, 0.96], 0.9), smallest_level([2.0, 1.0, 0.4], 0.5, at_most=True)
    (2, 2)
    >>> smallest_level([[0.2, 0.7, 0.9], [0.5, 0.9, 0.99]], [0.6, 0.99]).tolist()
    [1, 2]
    """
    value, limit = np.asarray(measure, dtype=np.float64), np.asarray(target, dtype=np.float64)
    reached = value <= limit[..., None] if at_most else value >= limit[..., None]
    missed = ~reached.any(axis=-1)
    if missed.any():
        last, asked = (np.broadcast_to(one, missed.shape)[missed][0] for one in (value[..., -1], limit))
        raise SettingsError(
            f"no level of the table reaches {asked:g}; level {value.shape[-1] - 1} gives {last:g}: "
            f"{'raise' if at_most else 'lower'} the target or tabulate more pieces"
        )
    return plain(reached.argmax(axis=-1))


def _shortfalls(pmf: Floats, mean: Floats) -> Floats:
    """E(D - S)+ of S = 0 .. n - 1."""
    exceeds = 1.0 - np.cumsum(pmf, axis=-1)
    passed = np.concatenate([np.zeros((*pmf.shape[:-1], 1)), np.cumsum(exceeds[..., :-1], axis=-1)], axis=-1)
    return np.maximum(mean[..., None] - passed, 0.0)


def _over_positions(measure: Floats, batch: int) -> Floats:
    """The mean of a measure over S .. S + Q - 1."""
    if batch == 1:
        return measure
    return np.lib.stride_tricks.sliding_window_view(measure, batch, axis=-1).mean(axis=-1)


def _probabilities(name: str, pmf: npt.ArrayLike) -> Floats:
    table = np.asarray(pmf, dtype=np.float64)
    is_right = table.ndim and table.shape[-1] and np.isfinite(table).all() and (table >= 0).all()
    if not (is_right and (table.sum(axis=-1) <= 1 + 1e-9).all()):
        raise SettingsError(f"{name} must be a row of probabilities, none below 0 and at most 1 in all")
    return table
