from __future__ import annotations

import pandas as pd
import pytest

from benchmarks.tight_days import main, tight_day, unnamed, worse_off
from partsopt.routing.given import Given
from partsopt.routing.plan import plan_deliveries
from partsopt.settings import RoutingParams
from tests.routing.nights import MONDAY


def test_days_that_do_not_fit_are_planned_with_every_drop_named(tmp_path, capsys):
    given = ["--days", "2", "--stops", "40", "--vans", "4", "--late", "4", "--out", str(tmp_path / "days.csv")]
    assert main(given) == 0
    rows = pd.read_csv(tmp_path / "days.csv", keep_default_na=False)
    assert (rows["vehicle"] + rows["lane"] + rows["unserved"]).tolist() == rows["lines"].tolist()
    assert rows["unserved"].min() > 5
    assert "0 broken" in capsys.readouterr().out


@pytest.mark.parametrize("together", ["1", "3"])
def test_no_tier_is_worse_off_for_those_below(tmp_path, capsys, together):
    """Days of some ninety lines; on the second a booked repair was once left out for what comes after it."""
    given = ["--days", "2", "--stops", "50", "--vans", "4", "--together", together, "--law"]
    assert main([*given, "--out", str(tmp_path / "days.csv")]) == 0
    assert "0 broken" in capsys.readouterr().out


def test_a_tier_that_is_worse_off_is_found():
    """The backorders are said to be left out, on a day on which all else stays."""
    tables, params = tight_day(1, 20, 2), RoutingParams()
    planned = plan_deliveries(Given(**tables), today=MONDAY, params=params, seed=1)
    assert worse_off(tables, planned, params) == ""
    lines = planned.delivery_lines.copy()
    tier = lines["line_id"].map(tables["shipments"].set_index("line_id")["tier"])
    lines.loc[tier.eq("backorder"), "carried_by"] = "unserved"
    harmed = planned._replace(delivery_lines=lines)
    assert worse_off(tables, harmed, params) == "tiers down to backorder are worse off for those below"


def test_a_lost_line_and_a_blank_reason_are_found():
    tables = tight_day(1, 20, 1)
    planned = plan_deliveries(Given(**tables), today=MONDAY, params=RoutingParams(), seed=1)
    assert unnamed(planned, tables["shipments"]) == ""
    lost = planned._replace(delivery_lines=planned.delivery_lines.iloc[1:])
    assert unnamed(lost, tables["shipments"]) == "a line is not in the plan once"
    mute = planned._replace(delivery_lines=planned.delivery_lines.assign(unserved_because=""))
    assert "is left out without a reason" in unnamed(mute, tables["shipments"])
