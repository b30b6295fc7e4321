"""Cars on the road around each dealer, and what they need at known intervals."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from partsopt.sample.assortment import MODELS, Assortment
from partsopt.sample.draws import sample_without_repeat, steady, stream
from partsopt.sample.places import Places
from partsopt.tables import MAINTENANCE_PLAN, VEHICLE_PARC, conform

INTERVALS = (  # part as in the assortment, km, months
    ("Oil filter", 10_000.0, 12.0),
    ("Air filter", 20_000.0, 24.0),
    ("Cabin filter", 20_000.0, 12.0),
    ("Spark plug", 40_000.0, np.nan),
    ("Timing belt kit", 90_000.0, 72.0),
    ("Coolant 1.5 L", np.nan, 48.0),
    ("Engine oil 5W-30, 4 L", 10_000.0, 12.0),
)
COHORTS = 6  # registrations, one for each of the last years


def maintenance_plan_table(parts: Assortment, seed: int) -> pd.DataFrame:
    """Service intervals of each model, for one part of each kind that is regularly replaced."""
    random = stream(seed, "maintenance plan")
    kinds = parts.texts("english")
    sells = (parts.demands_per_year > 0) & (parts.successor < 0)
    rows = []
    for model in MODELS:
        for kind, km, months in INTERVALS:
            for one in sample_without_repeat(random, np.flatnonzero(sells & (kinds == kind)), 1):
                pieces = int(parts.texts("per_job")[one])
                rows.append((model, str(parts.part_ids[one]), km, months, pieces))
    columns = ["model_id", "part_id", "every_km", "every_months", "quantity"]
    return conform(pd.DataFrame(rows, columns=columns), MAINTENANCE_PLAN)


def vehicle_parc_table(places: Places, today: date, seed: int) -> pd.DataFrame:
    """Cars of each model registered in each of the last six years, by the size of the dealer."""
    random = stream(seed, "vehicle parc")
    dealers = np.arange(places.n_dcs, len(places.site_ids))
    shape = (len(dealers), len(MODELS), COHORTS)
    size = places.size[dealers] / steady(places.size[dealers].mean())
    cars = 40 * size[:, None, None] * (0.3 + 1.4 * random.random(shape)) * 0.94 ** np.arange(COHORTS)[None, None, :]
    distance = 900 + np.floor(random.random(shape) * 14) * 50
    months = pd.to_datetime([date(today.year - 1 - k, 7, 1) for k in range(COHORTS)])
    dealer, model, cohort = (axis.ravel() for axis in np.indices(shape))
    frame = pd.DataFrame(
        {
            "site_id": places.site_ids[dealers[dealer]],
            "model_id": np.array(MODELS)[model],
            "registered_month": months[cohort],
            "vehicles": np.floor(steady(cars.ravel())).astype(np.int64),
            "km_per_month": distance.ravel(),
        }
    )
    return conform(frame, VEHICLE_PARC)
