"""Promised against realised: counted by hand, and the story of a class that fails and recovers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from partsopt.replenish.realised import PROMISE_FAILED, next_shortfall_factor, service_record_of, widened_targets
from partsopt.settings import ReplenishParams
from partsopt.tables import DEMAND_LINES, PAST_PROMISES, STOCKOUTS, conform, empty
from tests.replenish.network import table_of

DAYS = pd.date_range("2026-10-05", periods=5)
PARAMS = ReplenishParams()


def lines_of(rows: list[tuple[str, str, str, int, float]]) -> pd.DataFrame:
    names = ["demanded_on", "site_id", "part_id", "quantity", "filled_quantity"]
    return conform(pd.DataFrame(rows, columns=names).assign(demanded_on=lambda r: pd.to_datetime(r["demanded_on"])),
                   DEMAND_LINES)  # fmt: skip


def promises_of(rows: list[tuple[str, str, str, str, float]], factor: float = 1.0) -> pd.DataFrame:
    names = ["demanded_on", "site_id", "part_id", "abc_class", "promised_fill_rate"]
    frame = pd.DataFrame(rows, columns=names).assign(shortfall_factor=factor)
    return conform(frame.assign(demanded_on=pd.to_datetime(frame["demanded_on"])), PAST_PROMISES)


SITES_HERE = table_of(
    "sites",
    [{"site_id": "DC1", "site_kind": "dc"}, {"site_id": "D01", "site_kind": "dealer", "supplied_by": "DC1"}],
)
PARTS_HERE = table_of("parts", [{"part_id": f"P{i:02d}", "unit_cost": 10.0} for i in range(40)])


def test_pieces_are_counted_by_hand():
    """Ten pieces were met in part, four came on a day without stock, six were met: 9 + 0 + 6 of 20."""
    lines = lines_of(
        [
            ("2026-10-05", "D01", "P01", 10, 9),
            ("2026-10-06", "D01", "P01", 4, np.nan),
            ("2026-10-07", "D01", "P02", 6, np.nan),
            ("2026-10-08", "D01", "P03", 5, 0),
        ]
    )
    out = conform(
        pd.DataFrame({"site_id": ["D01"], "part_id": ["P01"], "from_on": [pd.Timestamp("2026-10-06")],
                      "until_on": [pd.NaT]}), STOCKOUTS)  # fmt: skip
    promises = promises_of(
        [(f"2026-10-0{day}", "D01", part, "B", 0.9) for day, part in ((5, "P01"), (6, "P01"), (7, "P02"))]
    )
    record = service_record_of(promises, lines, out, SITES_HERE, PARTS_HERE, PARAMS).service_record
    row = record.set_index("site_id").loc["D01"]
    assert (row["lines"], row["pieces"]) == (3, 20)
    assert row["realised_fill_rate"] == pytest.approx(15 / 20)
    assert row["gap"] == pytest.approx(0.15)
    assert row["money"] == pytest.approx((18 - 15) * 10.0)
    # two parts, off by 12.6 - 9 = 3.6 and 5.4 - 6 = -0.6, less their share of the gap: a spread of 0.15; by chance
    # alone each is missed with probability 0.1: 0.228, which is more
    seen = np.hypot(3.6 - 0.15 * 14, -0.6 - 0.15 * 6) / 20 * np.sqrt(2)
    assert row["standard_error"] == pytest.approx(np.sqrt(0.1 * 0.9) * np.hypot(14, 6) / 20)
    assert row["standard_error"] > seen
    assert row["parts"] == 2


def test_parts_that_scatter_more_than_chance_show_it_themselves():
    """Half of forty parts get everything, half nothing: sqrt(40/39) times 0.5 / sqrt(40) of a piece each."""
    lines = lines_of([("2026-10-05", "D01", f"P{i:02d}", 1, i % 2) for i in range(40)])
    promises = promises_of([("2026-10-05", "D01", f"P{i:02d}", "B", 0.95) for i in range(40)])
    record = service_record_of(promises, lines, empty(STOCKOUTS), SITES_HERE, PARTS_HERE, PARAMS).service_record
    assert record["gap"].tolist() == pytest.approx([0.45, 0.45])
    assert record["standard_error"].tolist() == pytest.approx([0.5 / np.sqrt(39)] * 2)
    assert record["shortfall_factor"].eq(0.5).all()


def test_nine_parts_prove_nothing():
    """All of nine parts are missed: nothing is widened and nobody is told."""
    lines = lines_of([("2026-10-05", "D01", f"P{i:02d}", 1, 0) for i in range(9)])
    promises = promises_of([("2026-10-05", "D01", f"P{i:02d}", "B", 0.99) for i in range(9)])
    record = service_record_of(promises, lines, empty(STOCKOUTS), SITES_HERE, PARTS_HERE, PARAMS)
    assert record.service_record["shortfall_factor"].eq(1.0).all()
    assert record.exceptions.empty


def test_a_dc_is_asked_for_what_its_dealers_are_asked_for():
    """Filled quantities of a dealer say nothing of the DC's shelf, its own stock-outs do."""
    lines = lines_of([("2026-10-05", "D01", "P01", 3, 0), ("2026-10-06", "D01", "P01", 7, 0)])
    out = conform(
        pd.DataFrame({"site_id": ["DC1"], "part_id": ["P01"], "from_on": [DAYS[0]], "until_on": [DAYS[0]]}), STOCKOUTS
    )
    promises = promises_of([("2026-10-05", "DC1", "P01", "A", 0.9), ("2026-10-06", "DC1", "P01", "A", 0.9)])
    record = service_record_of(promises, lines, out, SITES_HERE, PARTS_HERE, PARAMS).service_record
    assert record["realised_fill_rate"].eq(0.7).all()
    assert record["site_kind"].eq("dc").all()


def test_nothing_known_gives_no_record():
    lines = lines_of([("2026-10-05", "D01", "P01", 3, np.nan)])
    promises = promises_of([("2026-10-05", "D01", "P01", "A", 0.9)])
    assert service_record_of(promises, lines, empty(STOCKOUTS), SITES_HERE, PARTS_HERE, PARAMS).service_record.empty
    known = lines.assign(filled_quantity=3.0)
    none = service_record_of(empty(PAST_PROMISES), known, empty(STOCKOUTS), SITES_HERE, PARTS_HERE, PARAMS)
    assert none.service_record.empty
    assert none.exceptions.empty


def test_a_class_that_fails_is_widened_within_bounds_and_eases_when_it_recovers():
    """Forty parts of class B, promised 90 %, meet 70 % for five nights, then all of it for twenty."""
    factor, seen, target = 1.0, [], np.array([0.9])
    history: list[tuple[pd.DataFrame, pd.DataFrame]] = []
    for night in range(25):
        day = f"{pd.Timestamp('2026-10-05') + pd.Timedelta(days=night):%Y-%m-%d}"
        met = 7 if night < 5 else 10
        lines = lines_of([(day, "D01", f"P{i:02d}", 10, met) for i in range(40)])
        promised = 1 - 0.1 * factor
        history.append((promises_of([(day, "D01", f"P{i:02d}", "B", promised) for i in range(40)], factor), lines))
        window = history[-10:]
        record = service_record_of(
            pd.concat([one for one, _ in window]), pd.concat([one for _, one in window]), empty(STOCKOUTS),
            SITES_HERE, PARTS_HERE, PARAMS,
        )  # fmt: skip
        widened, found = widened_targets(target, np.array([False]), np.array([1]), record.service_record)
        factor = float(found[0])
        seen.append(factor)
        assert 0.5 <= factor <= 1.0
        assert widened[0] == pytest.approx(1 - 0.1 * factor)
        if night == 4:
            assert record.exceptions["code"].eq(PROMISE_FAILED).all()
            assert "70.0% met" in record.exceptions["what"].iloc[0]
            assert record.exceptions["money"].gt(0).all()
    assert seen[0] == 0.5
    assert seen[4] == 0.5
    assert seen[-1] == 1.0
    assert record.exceptions.empty


def test_a_gap_within_chance_changes_nothing():
    assert next_shortfall_factor(0.95, 0.90, 0.025, 1.0, 0.5) == 1.0
    assert 0.5 < next_shortfall_factor(0.95, 0.90, 0.02, 1.0, 0.5) < 1.0
    assert 0.6 < next_shortfall_factor(0.95, 0.94, 0.02, 0.6, 0.5) < 0.65
