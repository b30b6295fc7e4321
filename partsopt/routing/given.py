"""The tables from which deliveries are planned and against which they are verified."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from partsopt.tables import Tables


class Given(NamedTuple):
    """Shipment lines, those taken up from an earlier night included, and the input tables, each by its name.

    Shipments have weight (kg), volume (m3), tier, placed_at and deliver_by; what was taken up has the last day on
    which it may leave.
    """

    shipments: pd.DataFrame
    sites: pd.DataFrame
    vehicles: pd.DataFrame
    carrier_lanes: pd.DataFrame
    travel: pd.DataFrame
    holidays: pd.DataFrame
    dock_hours: pd.DataFrame
    self_collection: pd.DataFrame
    returns: pd.DataFrame


INPUTS = tuple(name for name in Given._fields if name != "shipments")
"""Those that are input tables of a night."""


def given_of(shipments: pd.DataFrame, inputs: Tables, **instead: pd.DataFrame) -> Given:
    """Shipment lines with the input tables of a night, but for those given ``instead``, by name."""
    return Given(shipments=shipments, **{name: inputs[name] for name in INPUTS if name not in instead}, **instead)
