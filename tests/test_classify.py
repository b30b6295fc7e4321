"""Classes of parts, on the published list of 47 items and on numbers checked by hand."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.classify import (
    abc_classes,
    classify_parts,
    cv2_per_period,
    per_year_rate,
    running_shares,
    weighted_score,
    xyz_classes,
)
from partsopt.errors import TableError
from partsopt.settings import ClassifyParams
from partsopt.tables import DEMAND_SERIES, FORECASTS, PARTS, SERIES, SITES, conform
from tests import reference as twin

TODAY = date(2026, 11, 2)
VALUE_ONLY = {"usage_value_weight": 1.0, "frequency_weight": 0.0, "criticality_weight": 0.0}

# Flores, Olson & Dorai (1992), 47 items of a hospital, annual usage value; classes 10 / 14 / 23 as published
# (by way of gwr3n/inventoryanalytics, MIT).
USAGE_47 = [
    5840.64, 5670.0, 5037.12, 4769.56, 3478.8, 2936.67, 2820.0, 2640.0, 2423.52, 2407.5, 1075.2, 1043.5, 1038.0,
    883.2, 854.4, 810.0, 703.68, 594.0, 570.0, 467.6, 463.6, 455.0, 432.5, 398.4, 370.5, 338.4, 336.12, 313.6,
    268.68, 224.0, 216.0, 212.08, 197.92, 190.89, 181.8, 163.28, 150.0, 134.8, 119.2, 103.36, 79.2, 75.4, 59.78,
    48.3, 34.4, 28.8, 25.38,
]  # fmt: skip
A_47, B_47 = 0.70, 0.92  # cuts between the cumulative shares of items 9 and 10, 23 and 24
CLASSES_47 = "A" * 10 + "B" * 14 + "C" * 23


def night(
    parts, demand, *, sites=None, period="month", params=None, first="2024-01-01", n_periods=34, forecast_also=()
):
    """Classes of ``parts`` (id to master data) from ``demand``: (site, part, period, pieces[, in-stock share])."""
    plain = {"unit_cost": 1.0, "weight_kg": 1.0, "volume_m3": 0.1, "criticality": "essential", "lifecycle": "active"}
    known = pd.DataFrame([{"part_id": p, **plain, **own} for p, own in parts.items()], columns=[*PARTS.columns])
    given = [name for name in PARTS.columns if name in plain or known[name].notna().any() or name == "part_id"]
    master = conform(known[given], PARTS)
    kinds = sites or {"DC1": "dc"}
    places = conform(
        pd.DataFrame(
            [
                {
                    "site_id": s,
                    "site_kind": k,
                    "supplied_by": "" if k == "dc" else "DC1",
                    "latitude": 30.0,
                    "longitude": 110.0,
                }
                for s, k in kinds.items()
            ]
        ),
        SITES,
    )
    lines = [(*row, 1.0)[:5] for row in demand]
    seen = pd.DataFrame(lines, columns=["site_id", "part_id", "period", "demand", "in_stock_share"])
    seen["period"] = pd.to_datetime(seen["period"])
    seen["is_censored"], seen["returned"] = seen["in_stock_share"] < 1, 0
    pairs = [(s, p) for s in kinds for p in parts] + list(forecast_also)
    seen = seen.astype({"site_id": "str", "part_id": "str"})
    hits = {pair: sum(1 for row in lines if row[:2] == pair and row[3] > 0) for pair in pairs}
    rows = pd.DataFrame(pairs, columns=["site_id", "part_id"]).astype("str")
    series = conform(rows.assign(first_period=pd.Timestamp(first), n_periods=n_periods), SERIES)
    forecasts = conform(
        rows.assign(
            period_days=30.4375, mean_per_period=1.0, sd_per_period=1.0, variance_to_mean=1.0, method="ses", why="test",
            sbc_class="smooth", n_periods=n_periods, n_demands=[hits[pair] for pair in pairs],
        ),
        FORECASTS,
    )  # fmt: skip
    return classify_parts(
        series, conform(seen, DEMAND_SERIES), forecasts, master, places,
        today=TODAY, period=period, params=ClassifyParams(**(params or {})),
    )  # fmt: skip


def test_published_classes_of_47_items_fall_out_of_usage_value_alone():
    """With all weight on usage value and cuts at 70 % and 92 % the published split 10 / 14 / 23 comes out."""
    usage = np.array(USAGE_47)
    site = np.zeros(47, dtype=np.int64)
    score = weighted_score(site, [usage, np.ones(47), np.ones(47)], [1.0, 0.0, 0.0])
    before, through = running_shares(site, score, tie=np.arange(47))
    assert "".join(abc_classes(before, A_47, B_47)) == CLASSES_47
    assert through[9] == pytest.approx(sum(USAGE_47[:10]) / sum(USAGE_47))


def test_published_classes_through_the_table_function():
    """The same 47 items as parts of one DC, each with one piece of its usage value sold this year."""
    parts = {f"P{i:02d}": {"unit_cost": value} for i, value in enumerate(USAGE_47)}
    demand = [("DC1", part, "2026-05-01", 1) for part in parts]
    classes = night(parts, demand, params={**VALUE_ONLY, "a_share": A_47, "b_share": B_47})
    assert "".join(classes["abc_class"]) == CLASSES_47
    assert classes["usage_value"].to_numpy() == pytest.approx(USAGE_47)


def test_part_that_crosses_the_cut_belongs_to_the_better_class():
    """50, 30 and 20 %: at a cut of 60 % the second part is needed to reach it, so it is A."""
    before, through = running_shares(np.zeros(3, dtype=np.int64), np.array([5.0, 3.0, 2.0]), np.arange(3))
    assert through.tolist() == [0.5, 0.8, 1.0]
    assert abc_classes(before, 0.6, 0.9).tolist() == ["A", "A", "B"]
    assert abc_classes(before, 0.5, 0.8).tolist() == ["A", "B", "C"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 50)), min_size=1, max_size=40),
    st.floats(0.1, 0.8),
    st.floats(0.01, 0.19),
)
def test_class_a_is_the_fewest_parts_that_reach_its_share(rows, a_share, more):
    """A's parts reach the share and lose it without their last; all sites match the walk down the list."""
    site = np.array([s for s, _ in rows], dtype=np.int64)
    score = np.array([float(v) for _, v in rows])
    before, _ = running_shares(site, score, np.arange(len(rows)))
    classes = abc_classes(before, a_share, a_share + more)
    for one in set(site.tolist()):
        here = np.flatnonzero(site == one)
        expected = twin.abc({f"{i:03d}": score[i] for i in here}, a_share, a_share + more)
        assert classes[here].tolist() == [expected[f"{i:03d}"] for i in here]
        total = score[here].sum()
        if total > 0:
            a = np.sort(score[here][classes[here] == "A"])
            assert a.sum() / total >= a_share - 1e-9
            assert a[1:].sum() / total < a_share + 1e-9


def test_score_adds_shares_of_the_site():
    """30 of 40 money, 1 of 2 demands: half and half gives 0.375 + 0.25."""
    site = np.array([0, 0, 1])
    score = weighted_score(site, [np.array([30.0, 10.0, 7.0]), np.array([1.0, 1.0, 0.0])], [0.5, 0.5])
    assert score.tolist() == pytest.approx([0.625, 0.375, 0.5])


def test_each_site_has_its_own_classes():
    """A small dealer's best part is A there, however little it is to the DC."""
    demand = [("DC1", "P1", "2026-10-01", 1000), ("DC1", "P2", "2026-10-01", 1), ("D01", "P2", "2026-10-01", 1)]
    classes = night({"P1": {}, "P2": {}}, demand, sites={"DC1": "dc", "D01": "dealer"}, params=VALUE_ONLY)
    by = classes.set_index(["site_id", "part_id"])["abc_class"]
    assert (by["DC1", "P1"], by["DC1", "P2"], by["D01", "P2"], by["D01", "P1"]) == ("A", "C", "A", "C")


def test_equal_scores_are_ranked_by_part_number():
    """Two parts of half the value each and a cut at 50 %: the first number is A, the second not."""
    demand = [("DC1", part, "2026-10-01", 5) for part in ("P2", "P1")]
    classes = night({"P2": {}, "P1": {}}, demand, params={**VALUE_ONLY, "a_share": 0.5, "b_share": 0.9})
    assert classes.set_index("part_id")["abc_class"].to_dict() == {"P1": "A", "P2": "B"}


def test_only_the_last_twelve_complete_months_count():
    """On 2 November 2026 the year runs from November 2025 to October 2026."""
    demand = [
        ("DC1", "P1", "2025-10-01", 100),
        ("DC1", "P1", "2025-11-01", 3),
        ("DC1", "P1", "2026-10-01", 4),
        ("DC1", "P1", "2026-11-01", 500),
    ]
    classes = night({"P1": {"unit_cost": 2.0}}, demand)
    assert classes["usage_value"].tolist() == [14.0]
    assert classes["demands_per_year"].tolist() == [2.0]


def test_only_the_last_52_complete_weeks_count():
    """Monday 2 November 2026: weeks from 3 November 2025 to 26 October 2026."""
    demand = [("DC1", "P1", "2025-10-27", 9), ("DC1", "P1", "2025-11-03", 1), ("DC1", "P1", "2026-10-26", 1)]
    classes = night({"P1": {}}, demand, period="week", first="2024-01-01", n_periods=148)
    assert classes["demands_per_year"].tolist() == [2.0]


def test_a_stock_out_does_not_lower_the_rate():
    """Six of twelve months wholly out of stock: six pieces in the other six are twelve a year."""
    months = [f"2026-{m:02d}-01" for m in range(1, 11)] + ["2025-11-01", "2025-12-01"]
    demand = [("DC1", "P1", month, 1) for month in months[:6]] + [("DC1", "P1", month, 0, 0.0) for month in months[6:]]
    classes = night({"P1": {}}, demand)
    assert classes["demands_per_year"].tolist() == [12.0]
    assert classes["usage_value"].tolist() == [12.0]


def test_rate_of_the_stock_out_case_of_msupply():
    """open-msupply issue 9809: 150 in three months of which 60 of 90 days were out of stock is 150 a month."""
    assert per_year_rate(np.array([150.0]), np.array([3 * 30 / 90]), 1.0).tolist() == [150.0]


def test_a_part_introduced_in_july_has_four_months():
    """Two demands since 1 July 2026 are six a year; without the date they are two."""
    demand = [("DC1", part, month, 1) for part in ("P1", "P2") for month in ("2026-08-01", "2026-09-01")]
    parts = {"P1": {"introduced_on": pd.Timestamp("2026-07-01")}, "P2": {"introduced_on": pd.NaT}}
    assert night(parts, demand)["demands_per_year"].tolist() == [6.0, 2.0]


def test_one_month_of_sale_is_not_a_year():
    """A single demand of a part introduced last month counts as a quarter's, four a year, not twelve."""
    parts = {"P1": {"introduced_on": pd.Timestamp("2026-10-05")}}
    assert night(parts, [("DC1", "P1", "2026-10-01", 1)])["demands_per_year"].tolist() == [4.0]


def test_xyz_by_variation_per_period():
    """4 in each of 12 months: X; 8, 0, 8, 0...: CV2 is 1, so Z at a cut of 1; none: Z."""
    months = [f"2026-{m:02d}-01" for m in range(1, 11)] + ["2025-11-01", "2025-12-01"]
    demand = [("DC1", "P1", month, 4) for month in months] + [("DC1", "P2", month, 8) for month in months[::2]]
    assert night({"P1": {}, "P2": {}, "P3": {}}, demand)["xyz_class"].tolist() == ["X", "Z", "Z"]
    assert cv2_per_period(np.array([48.0]), np.array([6 * 64.0]), np.array([12.0])).tolist() == [1.0]
    assert xyz_classes(np.array([0.24, 0.25, 0.99, 1.0]), 0.25, 1.0).tolist() == ["X", "Y", "Y", "Z"]


def test_stocking_by_hits_and_its_exceptions():
    """A dealer stocks from three demands a year; a DC from one, vital and new parts besides; ended ones never."""
    parts = {
        "P1": {},
        "P2": {},
        "P3": {"criticality": "vital"},
        "P4": {"lifecycle": "new"},
        "P5": {"lifecycle": "ended"},
        "P6": {"criticality": "vital"},
    }
    year = ["2026-01-01", "2026-02-01", "2026-03-01"]
    demand = [(s, p, month, 1) for s in ("DC1", "D01") for p in ("P1", "P5") for month in year]
    demand += [(s, "P2", month, 1) for s in ("DC1", "D01") for month in year[:2]]
    demand += [("DC1", "P3", "2024-05-01", 1)]  # sold, but long ago
    classes = night(parts, demand, sites={"DC1": "dc", "D01": "dealer"})
    stocked = classes[classes["is_stocked"]].groupby("site_id")["part_id"].agg(list)
    assert stocked["DC1"] == ["P1", "P2", "P3", "P4"]
    assert stocked["D01"] == ["P1"]
    why = classes.set_index(["site_id", "part_id"])["why"]
    assert why["D01", "P2"] == "not stocked: 2.0 demands a year, a dealer stocks from 3"
    assert why["DC1", "P3"] == "stocked: vital, though only 0.0 demands a year"
    assert why["DC1", "P5"] == "not stocked: its life has ended"
    assert why["DC1", "P4"] == "stocked: new, no history yet"


def test_vital_parts_can_be_left_to_the_hits_rule():
    demand = [("DC1", "P1", "2024-05-01", 1)]
    assert not night({"P1": {"criticality": "vital"}}, demand, params={"stock_vital_at_dc": False})["is_stocked"].any()


def test_row_order_of_the_input_does_not_matter():
    parts = {f"P{i}": {"unit_cost": float(i + 1)} for i in range(8)}
    demand = [("DC1", f"P{i % 8}", f"2026-{i % 10 + 1:02d}-01", i % 3 + 1) for i in range(0, 30, 7)]
    forward = night(parts, demand)
    backward = night(dict(reversed(parts.items())), demand[::-1])
    pd.testing.assert_frame_equal(forward, backward)


def test_unknown_part_is_refused_by_name():
    """A forecast of a part that is not in parts is named."""
    with pytest.raises(TableError, match=r"forecasts: part_id is 'P9'; it must be found in parts"):
        night({"P1": {}}, [], forecast_also=[("DC1", "P9")])


def test_no_forecasts_give_no_classes():
    assert len(night({}, [])) == 0
