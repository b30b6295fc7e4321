from __future__ import annotations

import pandas as pd

from benchmarks.tight_days import main, tight_day, unnamed
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


def test_a_lost_line_and_a_blank_reason_are_found():
    tables = tight_day(1, 20, 1)
    planned = plan_deliveries(Given(**tables), today=MONDAY, params=RoutingParams(), seed=1)
    assert unnamed(planned, tables["shipments"]) == ""
    lost = planned._replace(delivery_lines=planned.delivery_lines.iloc[1:])
    assert unnamed(lost, tables["shipments"]) == "a line is not in the plan once"
    mute = planned._replace(delivery_lines=planned.delivery_lines.assign(unserved_because=""))
    assert "is left out without a reason" in unnamed(mute, tables["shipments"])
