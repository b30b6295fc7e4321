from __future__ import annotations

import itertools
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.demand import Demand, build_demand, latest_numbers, outlier_limits, united_days
from partsopt.errors import InputError, TableError
from partsopt.settings import DemandParams
from partsopt.tables import DEMAND_LINES, SITES, STOCKOUTS, SUPERSESSIONS, conform, empty

TODAY = date(2026, 11, 21)  # a Saturday: the last complete month is October, the last complete week ends on the 15th


def lines_of(*rows: tuple) -> pd.DataFrame:
    """Rows of day, site, part, quantity and perhaps purpose; a negative quantity is a return."""
    frame = pd.DataFrame(
        [(*row, "repair")[:5] for row in rows], columns=["demanded_on", "site_id", "part_id", "quantity", "purpose"]
    )
    frame["demanded_on"] = pd.to_datetime(frame["demanded_on"])
    frame["is_return"] = frame["quantity"] < 0
    return conform(frame, DEMAND_LINES)


def sites_of(**supplied_by: str) -> pd.DataFrame:
    dcs = sorted({dc for dc in supplied_by.values() if dc})
    rows = [(dc, "dc", "") for dc in dcs] + [(site, "dealer" if dc else "dc", dc) for site, dc in supplied_by.items()]
    frame = pd.DataFrame(rows, columns=["site_id", "site_kind", "supplied_by"]).drop_duplicates("site_id")
    return conform(frame.assign(latitude=31.0, longitude=121.0), SITES)


def supersessions_of(*rows: tuple[str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["old_part_id", "new_part_id", "effective_on"])
    return conform(frame.assign(effective_on=pd.to_datetime(frame["effective_on"])), SUPERSESSIONS)


def stockouts_of(*rows: tuple[str, str, str, str | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["site_id", "part_id", "from_on", "until_on"])
    days = {name: pd.to_datetime(frame[name]) for name in ("from_on", "until_on")}
    return conform(frame.assign(**days), STOCKOUTS)


SITES_TABLE = sites_of(D1="DC", D2="DC", D3="DC2")


def built(
    lines: pd.DataFrame,
    supersessions: pd.DataFrame | None = None,
    stockouts: pd.DataFrame | None = None,
    **params: object,
) -> Demand:
    return build_demand(
        lines,
        empty(SUPERSESSIONS) if supersessions is None else supersessions,
        empty(STOCKOUTS) if stockouts is None else stockouts,
        SITES_TABLE,
        today=TODAY,
        params=DemandParams(**params),
    )


def demand_of(made: Demand, site: str, part: str) -> dict[str, int]:
    rows = made.demand_series
    rows = rows[(rows["site_id"] == site) & (rows["part_id"] == part)]
    return {f"{begin:%Y-%m-%d}": int(demand) for begin, demand in zip(rows["period"], rows["demand"], strict=True)}


def series_of(made: Demand, site: str, part: str) -> pd.Series:
    rows = made.series.set_index(["site_id", "part_id"])
    return rows.loc[(site, part)]


def codes_of(made: Demand) -> list[str]:
    return made.exceptions["code"].tolist()


# --------------------------------------------------------------------------- periods


def test_a_series_runs_from_its_first_line_to_the_last_complete_month():
    made = built(lines_of(("2026-08-31", "D1", "P", 2), ("2026-08-01", "D1", "P", 1), ("2026-10-31", "D1", "P", 4)))
    assert demand_of(made, "D1", "P") == {"2026-08-01": 3, "2026-10-01": 4}
    one = series_of(made, "D1", "P")
    assert (one["first_period"], one["n_periods"]) == (pd.Timestamp("2026-08-01"), 3)
    assert one["last_demand_on"] == pd.Timestamp("2026-10-31")


def test_weeks_start_on_monday():
    """Sunday the 8th and Monday the 9th of November lie in different weeks; the 16th begins the current one."""
    made = built(
        lines_of(("2026-11-08", "D1", "P", 1), ("2026-11-09", "D1", "P", 2), ("2026-11-16", "D1", "P", 9)),
        period="week",
    )
    assert demand_of(made, "D1", "P") == {"2026-11-02": 1, "2026-11-09": 2}
    assert series_of(made, "D1", "P")["n_periods"] == 2


def test_the_month_that_has_begun_makes_no_period_and_alone_no_series():
    made = built(lines_of(("2026-11-02", "D1", "P", 5), ("2026-10-02", "D2", "Q", 1), ("2026-11-20", "D2", "Q", 7)))
    assert made.series["part_id"].unique().tolist() == ["Q"]
    assert demand_of(made, "D2", "Q") == {"2026-10-01": 1}
    assert series_of(made, "D2", "Q")["last_demand_on"] == pd.Timestamp("2026-11-20")


def test_lines_of_today_and_later_are_counted_as_an_exception_and_do_not_count():
    made = built(
        lines_of(("2026-10-02", "D1", "P", 1), ("2026-11-21", "D1", "P", 3), ("2027-01-01", "D1", "Q", 4)),
        stockouts=stockouts_of(("D1", "Q", "2026-10-01", None)),
    )
    assert made.series["part_id"].unique().tolist() == ["P"]
    assert codes_of(made) == ["demand_after_today"]
    what = made.exceptions["what"][0]
    assert what.startswith("2 demand line(s) of 7 piece(s) from 2026-11-21 to 2027-01-01 are not before 2026-11-21")


def test_history_beyond_the_limit_is_not_used():
    made = built(lines_of(("2020-01-05", "D1", "P", 1), ("2026-09-05", "D1", "P", 2)), max_periods=3)
    assert series_of(made, "D1", "P")["n_periods"] == 3
    assert demand_of(made, "D1", "P") == {"2026-09-01": 2}


def test_a_part_not_asked_for_within_the_limit_keeps_a_series_without_demand():
    made = built(lines_of(("2020-01-05", "D1", "P", 1)), max_periods=3)
    assert made.demand_series.empty
    one = series_of(made, "D1", "P")
    assert (one["n_periods"], one["last_demand_on"]) == (3, pd.Timestamp("2020-01-05"))


def test_no_lines_at_all_give_empty_tables():
    made = built(empty(DEMAND_LINES), stockouts=stockouts_of(("D1", "P", "2026-10-01", None)))
    assert made.series.empty
    assert made.demand_series.empty
    assert made.exceptions.empty


# --------------------------------------------------------------------------- DCs


def test_a_dc_sums_its_dealers_and_its_own_lines():
    made = built(
        lines_of(
            ("2026-06-05", "D1", "P", 2),
            ("2026-08-05", "D2", "P", 3),
            ("2026-08-06", "DC", "P", 4),
            ("2026-08-07", "D3", "P", 50),
        )
    )
    assert demand_of(made, "DC", "P") == {"2026-06-01": 2, "2026-08-01": 7}
    assert demand_of(made, "DC2", "P") == {"2026-08-01": 50}
    assert series_of(made, "DC", "P")["n_periods"] == 5
    assert series_of(made, "D2", "P")["n_periods"] == 3


LINE = st.tuples(
    st.dates(min_value=date(2025, 1, 1), max_value=date(2026, 12, 31)),
    st.sampled_from(["D1", "D2", "D3", "DC"]),
    st.sampled_from(["P", "Q", "OLD"]),
    st.integers(min_value=-3, max_value=20).filter(bool),
    st.sampled_from(["repair", "repair", "campaign"]),
)


@given(st.lists(LINE, min_size=1, max_size=25), st.sampled_from(["month", "week"]), st.randoms())
@settings(max_examples=25, deadline=None)
def test_no_piece_is_lost_and_the_order_of_lines_does_not_matter(rows, period, random):
    """All demand in complete periods is at the sites that sold it, and once more at their DCs."""
    supersessions = supersessions_of(("OLD", "Q", "2026-01-01"))
    stockouts = stockouts_of(("D1", "P", "2025-05-05", "2025-07-01"), ("DC", "Q", "2026-02-02", None))
    made = built(lines_of(*rows), supersessions, stockouts, period=period)
    end = date(2026, 11, 1) if period == "month" else date(2026, 11, 16)
    counted = [(site, q) for day, site, _, q, purpose in rows if day < end and purpose == "repair"]
    sold, back = sum(q for _, q in counted if q > 0), -sum(q for _, q in counted if q < 0)
    sold_own = sum(q for site, q in counted if q > 0 and site == "DC")
    back_own = sum(-q for site, q in counted if q < 0 and site == "DC")
    assert made.demand_series["demand"].sum() == 2 * sold - sold_own
    assert made.demand_series["returned"].sum() == 2 * back - back_own
    joined = made.demand_series.merge(made.series, on=["site_id", "part_id"], validate="m:1")
    assert len(joined) == len(made.demand_series)
    assert (joined["period"] >= joined["first_period"]).all()
    shuffled = list(rows)
    random.shuffle(shuffled)
    again = built(lines_of(*shuffled), supersessions, stockouts, period=period)
    for one, other in zip(made, again, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_inputs_are_left_as_they_were():
    lines = lines_of(("2026-08-05", "D1", "A", 2))
    supersessions, stockouts = (
        supersessions_of(("A", "B", "2026-01-01")),
        stockouts_of(("D1", "B", "2026-08-01", None)),
    )
    copies = [frame.copy() for frame in (lines, supersessions, stockouts)]
    built(lines, supersessions, stockouts)
    for before, after in zip(copies, (lines, supersessions, stockouts), strict=True):
        pd.testing.assert_frame_equal(before, after)


def test_a_line_at_a_site_that_does_not_exist_is_refused():
    with pytest.raises(TableError, match=r"demand_lines: site_id is 'D9'; it must be a site_id of sites"):
        built(lines_of(("2026-08-05", "D9", "P", 2)))


# --------------------------------------------------------------------------- supersessions


def test_history_counts_for_the_last_number_of_the_chain():
    made = built(
        lines_of(("2025-02-05", "D1", "A", 2), ("2026-02-05", "D1", "B", 3), ("2026-10-05", "D1", "A", 1)),
        supersessions_of(("A", "B", "2025-06-01"), ("B", "C", "2026-11-21")),
    )
    assert made.series["part_id"].unique().tolist() == ["C"]
    assert demand_of(made, "D1", "C") == {"2025-02-01": 2, "2026-02-01": 3, "2026-10-01": 1}
    assert series_of(made, "DC", "C")["history_of"] == "A;B"


def test_a_supersession_of_tomorrow_moves_nothing_today():
    made = built(lines_of(("2026-02-05", "D1", "A", 2)), supersessions_of(("A", "B", "2026-11-22")))
    assert demand_of(made, "D1", "A") == {"2026-02-01": 2}
    assert made.series["history_of"].tolist() == ["", ""]


def test_several_old_numbers_go_into_one_and_only_those_with_history_are_named():
    made = built(
        lines_of(("2026-02-05", "D1", "A1", 2), ("2026-02-06", "D2", "A2", 3), ("2026-02-07", "D2", "B", 1)),
        supersessions_of(("A1", "B", "2026-01-01"), ("A2", "B", "2026-01-01"), ("A3", "B", "2026-01-01")),
    )
    assert demand_of(made, "DC", "B") == {"2026-02-01": 6}
    named = made.series.set_index("site_id")["history_of"].to_dict()
    assert named == {"D1": "A1", "D2": "A2", "DC": "A1;A2"}


def test_a_circle_is_refused_by_its_members_even_where_it_is_not_in_force_yet():
    rows = supersessions_of(
        ("X", "A", "2025-01-01"), ("A", "B", "2025-01-01"), ("B", "C", "2030-01-01"), ("C", "A", "2025-01-01")
    )
    with pytest.raises(InputError, match=r"supersessions go in a circle: A -> B -> C -> A\. Remedy: delete"):
        built(lines_of(("2026-02-05", "D1", "A", 2)), rows)


@given(st.permutations(range(8)), st.integers(min_value=1, max_value=7))
@settings(max_examples=50, deadline=None)
def test_every_number_of_a_chain_leads_to_its_end(names, length):
    chain = [f"N{name}" for name in names[: length + 1]]
    rows = supersessions_of(*((old, new, "2025-01-01") for old, new in itertools.pairwise(chain)))
    assert latest_numbers(rows, TODAY) == dict.fromkeys(sorted(chain[:-1]), chain[-1])


# --------------------------------------------------------------------------- stock-outs


def censored_of(made: Demand, site: str, part: str) -> dict[str, tuple[float, bool]]:
    rows = made.demand_series
    rows = rows[(rows["site_id"] == site) & (rows["part_id"] == part)]
    return {
        f"{row.period:%Y-%m}": (round(row.in_stock_share, 6), row.is_censored) for row in rows.itertuples(index=False)
    }


def test_days_out_of_stock_that_overlap_count_once():
    """15 of September's 30 days, told in three rows; one day of October's 31."""
    made = built(
        lines_of(("2026-08-05", "D1", "P", 2)),
        stockouts=stockouts_of(
            ("D1", "P", "2026-09-10", "2026-09-20"),
            ("D1", "P", "2026-09-08", "2026-09-12"),
            ("D1", "P", "2026-09-21", "2026-09-22"),
            ("D1", "P", "2026-10-31", "2026-11-15"),
        ),
    )
    assert censored_of(made, "D1", "P") == {
        "2026-08": (1.0, False),
        "2026-09": (0.5, True),
        "2026-10": (round(30 / 31, 6), False),
    }


def test_a_share_at_the_setting_is_censored_and_a_day_less_is_not():
    row = ("D1", "P", "2026-09-01", "2026-09-06")
    lines = lines_of(("2026-08-05", "D1", "P", 2))
    assert censored_of(built(lines, stockouts=stockouts_of(row), censored_from_share=0.2), "D1", "P")["2026-09"][1]
    assert not censored_of(built(lines, stockouts=stockouts_of(row), censored_from_share=0.21), "D1", "P")["2026-09"][1]


def test_a_part_still_out_is_out_until_the_last_complete_period():
    made = built(lines_of(("2026-08-05", "D1", "P", 2)), stockouts=stockouts_of(("D1", "P", "2026-09-16", None)))
    assert censored_of(made, "D1", "P") == {"2026-08": (1.0, False), "2026-09": (0.5, True), "2026-10": (0.0, True)}


def test_a_dealer_out_of_stock_does_not_censor_its_dc_and_the_other_way_round():
    lines = lines_of(("2026-08-05", "D1", "P", 2))
    at_dealer = built(lines, stockouts=stockouts_of(("D1", "P", "2026-09-01", "2026-09-30")))
    assert "2026-09" not in censored_of(at_dealer, "DC", "P")
    at_dc = built(lines, stockouts=stockouts_of(("DC", "P", "2026-09-01", "2026-09-30")))
    assert censored_of(at_dc, "DC", "P")["2026-09"] == (0.0, True)
    assert "2026-09" not in censored_of(at_dc, "D1", "P")


def test_stock_outs_without_demand_make_no_series():
    made = built(
        lines_of(("2026-08-05", "D1", "P", 2)),
        stockouts=stockouts_of(("D2", "P", "2026-09-01", "2026-09-30"), ("D1", "NEVER", "2026-09-01", None)),
    )
    assert made.series[["site_id", "part_id"]].to_numpy().tolist() == [["D1", "P"], ["DC", "P"]]


def test_stock_outs_of_an_old_number_count_until_it_is_replaced_and_of_the_new_one_from_then_on():
    """A ran out for good when B came, and B had none before: neither is a shortage. B was out in October."""
    made = built(
        lines_of(("2026-05-05", "D1", "A", 2), ("2026-09-05", "D1", "B", 2)),
        supersessions_of(("A", "B", "2026-08-01")),
        stockouts_of(
            ("D1", "A", "2026-06-01", "2026-06-30"),
            ("D1", "A", "2026-08-01", None),
            ("D1", "B", "2026-05-01", "2026-07-31"),
            ("D1", "B", "2026-10-01", None),
        ),
    )
    found = censored_of(made, "D1", "B")
    assert {month for month, (_, is_censored) in found.items() if is_censored} == {"2026-06", "2026-10"}


INTERVAL = st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(0, 8))


@given(st.lists(INTERVAL, min_size=1, max_size=15))
@settings(max_examples=80, deadline=None)
def test_united_days_are_the_same_days_apart_from_each_other(intervals):
    group, first, length = (np.array(values) for values in zip(*intervals, strict=True))
    expected = {(g, day) for g, f, n in intervals for day in range(f, f + n + 1)}
    groups, begins, ends = united_days(group, first, first + length)
    found = [
        (g, day)
        for g, b, e in zip(groups.tolist(), begins.tolist(), ends.tolist(), strict=True)
        for day in range(b, e + 1)
    ]
    assert len(found) == len(set(found))
    assert set(found) == expected
    same = groups[1:] == groups[:-1]
    assert (begins[1:][same] > ends[:-1][same] + 1).all()


# --------------------------------------------------------------------------- what is no rate


def test_returns_stand_apart_and_are_never_netted():
    made = built(lines_of(("2026-08-05", "D1", "P", 5), ("2026-08-20", "D1", "P", -2), ("2026-10-20", "D1", "P", -1)))
    rows = made.demand_series[made.demand_series["site_id"] == "D1"]
    assert rows[["demand", "returned"]].to_numpy().tolist() == [[5, 2], [0, 1]]
    assert series_of(made, "D1", "P")["last_demand_on"] == pd.Timestamp("2026-08-05")


def test_a_campaign_is_no_rate_and_is_told_once_for_each_site_and_part():
    made = built(
        lines_of(
            ("2026-06-05", "D1", "P", 100, "campaign"),
            ("2026-07-05", "D1", "P", 50, "campaign"),
            ("2026-08-05", "D1", "P", 2),
        ),
        told_for_periods=5,
    )
    assert demand_of(made, "D1", "P") == {"2026-08-01": 2}
    assert series_of(made, "D1", "P")["n_periods"] == 5
    assert codes_of(made) == ["campaign_left_out"]
    said = made.exceptions.iloc[0]
    assert (said["site_id"], said["part_id"]) == ("D1", "P")
    assert (
        said["what"] == "150 piece(s) in 2 line(s) for campaign from 2026-06-05 to 2026-07-05 are not part of the rate"
    )


def test_purposes_left_out_are_a_setting():
    lines = lines_of(("2026-06-05", "D1", "P", 100, "campaign"), ("2026-06-06", "D1", "P", 4, "warranty"))
    assert demand_of(built(lines, left_out_purposes=[]), "D1", "P") == {"2026-06-01": 104}
    assert demand_of(built(lines, left_out_purposes=["warranty"]), "D1", "P") == {"2026-06-01": 100}


def test_an_outlier_is_told_and_counts_in_full():
    """Median 2, deviation floor 1, limit 2 + 8 x 1 = 10 pieces."""
    rows = [(f"2026-0{month}-05", "D1", "P", 2) for month in range(1, 7)]
    made = built(lines_of(*rows, ("2026-08-05", "D1", "P", 11)))
    assert demand_of(made, "D1", "P")["2026-08-01"] == 11
    assert codes_of(made) == ["demand_outlier", "demand_outlier"]
    assert made.exceptions["site_id"].tolist() == ["D1", "DC"]
    assert made.exceptions["what"][0] == (
        "11 piece(s) in the period from 2026-08-01, where 2 is the median of periods with demand"
    )
    assert codes_of(built(lines_of(*rows, ("2026-08-05", "D1", "P", 10)))) == []


def test_what_happened_longer_ago_is_no_news():
    """August is the third of the last three complete periods; with two, neither outlier nor campaign is told."""
    rows = [(f"2026-0{month}-05", "D1", "P", 2) for month in range(1, 7)]
    lines = lines_of(*rows, ("2026-08-05", "D1", "P", 11), ("2026-08-06", "D1", "P", 5, "campaign"))
    assert codes_of(built(lines)) == ["campaign_left_out", "demand_outlier", "demand_outlier"]
    assert codes_of(built(lines, told_for_periods=2)) == []


def test_a_site_that_falls_silent_is_told_by_name():
    """D1 asks every day until the end of September; 51 days of silence at one line a day are no chance."""
    days = pd.date_range("2026-06-01", "2026-09-30").strftime("%Y-%m-%d")
    made = built(lines_of(*((day, "D1", "P", 1) for day in days), ("2026-11-20", "D2", "P", 1)))
    assert codes_of(made) == ["demand_missing"]
    said = made.exceptions.iloc[0]
    assert (said["site_id"], said["what"]) == (
        "D1",
        "no demand line since 2026-09-30, 51 days; usually 7.0 lines a week",
    )
    assert codes_of(built(lines_of(*((day, "D1", "P", 1) for day in days)), missing_lines=52.0)) == []


def test_three_periods_with_demand_have_no_outlier():
    rows = [("2026-06-05", "D1", "P", 1), ("2026-07-05", "D1", "P", 1), ("2026-08-05", "D1", "P", 10**9)]
    assert codes_of(built(lines_of(*rows))) == []


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 400)), min_size=1, max_size=40))
@settings(max_examples=80, deadline=None)
def test_outlier_limits_match_numpy_group_by_group(rows):
    group, demand = (np.array(values) for values in zip(*rows, strict=True))
    limit, median = outlier_limits(group, demand, 8.0)
    for one in set(group.tolist()):
        own = demand[group == one]
        middle = np.median(own)
        spread = max(np.median(np.abs(own - middle)), 0.25 * middle, 1.0)
        expected = middle + 8 * spread if len(own) >= 4 else np.inf
        assert set(median[group == one].tolist()) == {middle}
        assert limit[group == one].tolist() == pytest.approx([expected] * len(own))


# --------------------------------------------------------------------------- exports that were cut


def weekly_lines(*counts: int) -> pd.DataFrame:
    """So many lines of one piece in each week up to that which ends on 2026-11-15, one part a line."""
    last = pd.Timestamp("2026-11-09")
    rows = [
        (last - pd.Timedelta(weeks=len(counts) - 1 - week), "D1", f"P{number:03d}", 1)
        for week, count in enumerate(counts)
        for number in range(count)
    ]
    return lines_of(*rows)


def test_the_last_weeks_of_a_cut_export_are_not_seen():
    """A hundred lines a week, then 30 and none: 30 % and nothing is seen, at the DC as at the dealer, of all parts."""
    made = built(weekly_lines(*[100] * 30, 30, 0), period="week")
    told = made.exceptions[made.exceptions["code"].eq("history_cut")]
    assert told["site_id"].tolist() == ["DC"]
    assert "since 2026-11-02 2 week(s) hold hardly any line; 30%, 0% of the usual" in told["what"].iloc[0]
    rows = made.demand_series.set_index(["site_id", "part_id", "period"])
    for site in ("D1", "DC"):
        for part, demand in (("P000", 1), ("P099", 0)):
            first, second = (rows.loc[(site, part, pd.Timestamp(day))] for day in ("2026-11-02", "2026-11-09"))
            assert (first["demand"], first["is_censored"], first["in_stock_share"]) == (demand, True, 0.3)
            assert (second["demand"], second["is_censored"], second["in_stock_share"]) == (0, True, 0.0)
    assert made.demand_series["is_censored"].sum() == 2 * 2 * 100


def test_stock_outs_and_a_cut_export_are_both_counted():
    """Out of stock on seven of seven days of a week of which nothing else is known either."""
    out = stockouts_of(("D1", "P000", "2026-11-02", "2026-11-15"), ("D1", "P001", "2026-10-26", "2026-11-01"))
    made = built(weekly_lines(*[100] * 30, 40, 0), stockouts=out, period="week", cut_share=0.5)
    rows = made.demand_series.set_index(["site_id", "part_id", "period"])["in_stock_share"]
    assert rows["D1", "P000", pd.Timestamp("2026-11-02")] == 0.0
    assert rows["D1", "P001", pd.Timestamp("2026-10-26")] == 0.0
    assert rows["D1", "P001", pd.Timestamp("2026-11-02")] == 0.4


@pytest.mark.parametrize(
    ("counts", "cut_share"),
    [
        ([100] * 30 + [41], 0.4),  # not as low
        ([100] * 30 + [0], 0.0),  # switched off
        ([20] * 30 + [0], 0.4),  # so few lines a week that chance may leave none
        ([100] * 20 + [0], 0.4),  # less than half a year to compare with
        ([100] * 30 + [10, 90], 0.4),  # the last week is whole: what it says of the one before is taken
        ([100] * 30 + [5] * 14, 0.4),  # longer than a quarter of a year: demand has stopped
        ([100] * 12 + [5] + [100] * 51 + [5], 0.4),  # shut in the same week of the year before
    ],
)
def test_weeks_that_are_low_for_another_reason_are_seen(counts: list[int], cut_share: float):
    made = built(weekly_lines(*counts), period="week", cut_share=cut_share)
    assert "history_cut" not in codes_of(made)
    assert not made.demand_series["is_censored"].any()


def test_a_cut_is_found_by_dc():
    """DC's lines stop two months before the end, DC2's do not: only the first is told, and only its series are censored."""
    months = pd.date_range("2025-01-01", "2026-10-01", freq="MS")
    rows = [
        (month, site, f"P{number:03d}", 1)
        for month in months
        for site in ("D1", "D3")
        if site == "D3" or month < pd.Timestamp("2026-09-01")
        for number in range(60)
    ]
    made = built(lines_of(*rows))
    assert made.exceptions.loc[made.exceptions["code"].eq("history_cut"), "site_id"].tolist() == ["DC"]
    censored = made.demand_series[made.demand_series["is_censored"]]
    assert sorted(set(censored["site_id"])) == ["D1", "DC"]
    assert censored["period"].min() == pd.Timestamp("2026-09-01")
