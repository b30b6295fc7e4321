"""The drawn demand keeps the figures of real spare-parts sets; data/README.md tells them truly."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from partsopt.sample import make_sample
from partsopt.sample.assortment import make_assortment
from partsopt.sample.history import make_history
from partsopt.sample.places import choose_places
from tests.reference import figures

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT / ".." / "shared" / "data" / "demand"
N_MONTHS = 36


def table_of_the_readme() -> pd.DataFrame:
    """The table of figures: one row a figure; columns car parts, MAN, sample, from, to."""
    lines = (ROOT / "data" / "README.md").read_text(encoding="utf-8").splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("| figure |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    table = pd.DataFrame(rows, columns=["figure", "car parts", "MAN", "sample", "from", "to"]).set_index("figure")
    return table.apply(lambda column: pd.to_numeric(column.replace("-", np.nan)))


def monthly_at_dcs(tables: dict[str, pd.DataFrame], n_months: int) -> tuple[np.ndarray, np.ndarray]:
    """Pieces asked for of each part at each DC and its dealers, by complete month, and unit costs in that order."""
    lines = tables["demand_lines"]
    lines = lines[~lines["is_return"] & lines["purpose"].ne("campaign") & (lines["demanded_on"] < "2026-11-01")]
    dc_of = tables["sites"].set_index("site_id")["supplied_by"]
    dc = lines["site_id"].map(dc_of)
    dc = dc.where(dc != "", lines["site_id"])
    month = lines["demanded_on"].dt.year * 12 + lines["demanded_on"].dt.month - (2026 * 12 + 10) + n_months - 1
    parts = tables["parts"]
    names = sorted(set(dc))
    demand = np.zeros((len(names), len(parts), n_months), dtype=np.int64)
    place = (
        pd.Index(names).get_indexer(dc),
        pd.Index(parts["part_id"]).get_indexer(lines["part_id"]),
        month.to_numpy(),
    )
    np.add.at(demand, place, lines["quantity"].to_numpy())
    return demand.reshape(-1, n_months), np.tile(parts["unit_cost"].to_numpy(), len(names))


@pytest.fixture(scope="module")
def network() -> tuple[np.ndarray, np.ndarray]:
    """The parts of one network in the rates of the full one: 3 DCs, 150 dealers, 2,500 parts."""
    tables = make_sample(n_dcs=3, n_dealers=150, n_parts=2500, n_months=N_MONTHS, seed=2)
    return monthly_at_dcs(tables, N_MONTHS)


def test_drawn_demand_lies_within_the_bands(network):
    demand, unit_cost = network
    found = pd.Series(figures(demand[::2], unit_cost[::2]))
    bands = table_of_the_readme()
    assert set(found.index) == set(bands.index)
    outside = found[(found < bands["from"].reindex(found.index)) | (found > bands["to"].reindex(found.index))]
    assert outside.to_dict() == {}


def test_the_bands_stand_around_the_real_sets():
    """Each band reaches at most a fifth beyond the two sets' figures, except where the README gives the reason."""
    table = table_of_the_readme().drop(index=["smooth", "seasonal"])
    least, most = table[["car parts", "MAN"]].min(axis=1), table[["car parts", "MAN"]].max(axis=1)
    assert (table["from"] >= 0.79 * least).all()
    assert (table["to"] <= 1.21 * most + 0.005).all()


def test_volume_is_that_of_the_mission():
    """The full network delivers about 300,000 pieces a year from each DC; most parts sell less than once a month."""
    places = choose_places(3, 150, seed=1)
    history = make_history(places, make_assortment(15_000, seed=1), N_MONTHS, date(2026, 11, 2), seed=1)
    last_year = history.where(history.day >= history.n_days - 365)
    pieces = np.bincount(places.dc[last_year.site], weights=last_year.quantity)
    assert ((pieces > 250_000) & (pieces < 350_000)).all()
    pairs, lines = np.unique(places.dc[last_year.site] * 15_000 + last_year.part, return_counts=True)
    assert (lines < 12).sum() + 45_000 - len(pairs) > 0.7 * 45_000


@pytest.mark.skipif(not REAL.exists(), reason="the real demand sets are not beside the checkout")
def test_the_figures_of_the_real_sets_are_told_truly():
    """Car parts by month, blanks as nothing; MAN by four weeks, of the last 148."""
    car = pd.read_parquet(REAL / "carparts.parquet").pivot(index="series_id", columns="period", values="qty")
    man = pd.read_parquet(REAL / "man.parquet").pivot(index="series_id", columns="period", values="qty")
    price = pd.read_parquet(REAL / "man_items.parquet").set_index("series_id")["price"].reindex(man.index)
    table = table_of_the_readme()
    seen = pd.Series(figures(car.fillna(0).to_numpy()))
    assert (seen - table["car parts"].dropna()).abs().max() < 0.006
    by_four_weeks = np.add.reduceat(man.to_numpy()[:, 2:], np.arange(0, 148, 4), axis=1)
    seen = pd.Series(figures(by_four_weeks, price.to_numpy()))
    assert ((seen - table["MAN"]).abs() / np.maximum(table["MAN"], 1)).max() < 0.006
