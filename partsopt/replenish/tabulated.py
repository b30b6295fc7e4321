"""Service of every level where demand is a table of probabilities: any order sizes, any forecast."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from partsopt.errors import SettingsError
from partsopt.replenish.service import Floats, tabulated_fill_rates


class TabulatedService(NamedTuple):
    """What each order-up-to level 0 .. n - 1 gives, shape (n,).

    Attributes
    ----------
    cycle_service_level
        Probability that nothing is owed at the end of a cycle, P(D(T+L) <= S).
    ready_rate
        Probability that stock is left then, P(D(T+L) < S).
    fill_rate
        Share of demand met from the shelf at once.
    backorders, on_hand
        Pieces expected to be owed and on hand at the end of a cycle.
    """

    cycle_service_level: Floats
    ready_rate: Floats
    fill_rate: Floats
    backorders: Floats
    on_hand: Floats


def tabulated_service(
    lead_time_pmf: npt.ArrayLike, protection_pmf: npt.ArrayLike, mean_over_lead_time: float, mean_over_protection: float
) -> TabulatedService:
    """Service of every level 0 .. n - 1, exact, from tabulated demand over L and over T + L.

    Parameters
    ----------
    lead_time_pmf, protection_pmf
        Probabilities of demand 0 .. n - 1, each adding up to 1 at most: what is beyond the table is the rest.
    mean_over_lead_time, mean_over_protection
        Their means in pieces, tails past the table included, so that a short table stays exact.

    Raises
    ------
    SettingsError
        Tables of different lengths, a negative probability, more than 1 in all, or a protection interval
        that asks for less than the lead time in it.

    Notes
    -----
    Sums over the table; E(S - D)+ = S - E D + E(D - S)+ (Johnson et al. 1995; methods.md, levels).

    Examples
    --------
    >>> from partsopt.replenish.service import compound_poisson_pmf
    >>> one = tabulated_service(compound_poisson_pmf(1.4, [0, 1], 20), compound_poisson_pmf(2.8, [0, 1], 20), 1.4, 2.8)
    >>> [round(float(measure[6]), 6) for measure in one]
    [0.975589, 0.93489, 0.97493, 0.035845, 3.235845]
    """
    lead, protection = _probabilities("lead_time_pmf", lead_time_pmf), _probabilities("protection_pmf", protection_pmf)
    if len(lead) != len(protection):
        raise SettingsError(
            f"lead_time_pmf has {len(lead)} values, protection_pmf {len(protection)}: let both speak of 0 .. n - 1"
        )
    if not 0 <= mean_over_lead_time <= mean_over_protection:
        raise SettingsError(
            f"mean_over_lead_time is {mean_over_lead_time:g}, mean_over_protection {mean_over_protection:g}: "
            "L is part of T + L, so the first lies between 0 and the second"
        )
    level = np.arange(len(protection), dtype=np.float64)
    at_most = np.cumsum(protection)
    backorders = np.maximum(mean_over_protection - np.concatenate([[0.0], np.cumsum(1.0 - at_most[:-1])]), 0.0)
    return TabulatedService(
        cycle_service_level=at_most,
        ready_rate=at_most - protection,
        fill_rate=tabulated_fill_rates(lead, protection, mean_over_lead_time, mean_over_protection),
        backorders=backorders,
        on_hand=level - mean_over_protection + backorders,
    )


def smallest_level(measure: npt.ArrayLike, target: float) -> int:
    """The smallest level whose measure reaches a target; for backorders pass both with a minus sign.

    Parameters
    ----------
    measure
        Of the levels 0 .. n - 1, rising, as the columns of :func:`tabulated_service`.
    target
        In the measure's unit.

    Raises
    ------
    SettingsError
        No level of the table reaches the target; the text says what its last one gives.

    Examples
    --------
    >>> smallest_level([0.2, 0.7, 0.9, 0.96], 0.9), smallest_level([-2.0, -1.0, -0.4], -0.5)
    (2, 2)
    """
    reached = np.asarray(measure, dtype=np.float64)
    enough = np.flatnonzero(reached >= target)
    if not len(enough):
        raise SettingsError(
            f"no level of the table reaches {target:g}; level {len(reached) - 1} gives {reached[-1]:g}: "
            "lower the target or tabulate more pieces"
        )
    return int(enough[0])


def _probabilities(name: str, pmf: npt.ArrayLike) -> Floats:
    table = np.asarray(pmf, dtype=np.float64)
    if table.ndim != 1 or not len(table) or not np.isfinite(table).all() or table.min() < 0 or table.sum() > 1 + 1e-9:
        raise SettingsError(f"{name} must be a row of probabilities, none below 0 and at most 1 in all")
    return table
