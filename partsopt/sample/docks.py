"""What a driver meets at the sample's docks: lunch hours, dealers that come themselves, returns that wait."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from partsopt.sample.draws import stream
from partsopt.sample.places import Places
from partsopt.tables import DOCK_HOURS, RETURNS, SELF_COLLECTION, conform

LUNCH = (720, 780)  # no unloading between 12:00 and 13:00
DEALERS_PER_LUNCH = 4
OWN_KM = 25.0  # a dealer this near to the first DC comes itself
DEALERS_PER_RETURN = 3
CORES = ("旧变速箱 gearbox core", "旧发动机 engine core", "错发件 wrong parts", "空料箱 empty boxes")


def dock_hours_table(places: Places) -> pd.DataFrame:
    """Every fourth dealer takes nothing over lunch; a DC's dock is open from 06:30 to 20:30."""
    rows = [(str(places.site_ids[dc]), 390, 1230) for dc in range(places.n_dcs)]
    for place in range(places.n_dcs, len(places.site_ids), DEALERS_PER_LUNCH):
        opens, closes = (int(places.frame[name].iloc[_row(places, place)]) for name in ("opens_at", "closes_at"))
        rows += [(str(places.site_ids[place]), opens, LUNCH[0]), (str(places.site_ids[place]), LUNCH[1], closes)]
    return conform(pd.DataFrame(rows, columns=["site_id", "opens_at", "closes_at"]), DOCK_HOURS)


def self_collection_table(places: Places) -> pd.DataFrame:
    """The dealer nearest to the first DC comes itself on Tuesdays and Fridays, where it is near enough."""
    rows = []
    dealers = places.dealers_of(0)
    if len(dealers):
        nearest = dealers[np.argmin(places.km_to_dc[dealers])]
        if places.km_to_dc[nearest] <= OWN_KM:
            rows.append((str(places.site_ids[0]), str(places.site_ids[nearest]), "Tue,Fri", 960))
    return conform(pd.DataFrame(rows, columns=["origin_id", "site_id", "weekdays", "collects_at"]), SELF_COLLECTION)


def returns_table(places: Places, seed: int, today: date) -> pd.DataFrame:
    """Cores and wrong parts at every third dealer, some of them due on the planned day."""
    random = stream(seed, "returns")
    rows = []
    for place in range(places.n_dcs, len(places.site_ids), DEALERS_PER_RETURN):
        draws = random.random(4)
        kg = round(5 + 60 * float(draws[0]), 1)
        due = pd.Timestamp(today + timedelta(days=int(draws[1] * 6))) if draws[2] < 0.5 else pd.NaT
        what = CORES[int(draws[3] * len(CORES))]
        rows.append((f"RET-{places.site_ids[place]}", str(places.site_ids[place]), what, kg, round(kg / 250, 3), due))
    columns = ["return_id", "site_id", "what", "load_kg", "load_m3", "collect_by"]
    return conform(pd.DataFrame(rows, columns=columns), RETURNS)


def _row(places: Places, place: int) -> int:
    return int(np.flatnonzero(places.frame["site_id"].to_numpy() == places.site_ids[place])[0])
