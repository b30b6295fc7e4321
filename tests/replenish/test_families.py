"""DCs and dealers chosen together: full enumeration, bounds, and a night with one target for the network."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish import families
from partsopt.replenish.chain import Demand, chain_stairs, delay_of, owed_by
from partsopt.replenish.families import Variants, laid_out, network_levels
from partsopt.replenish.targets import Staircases
from tests.replenish.network import night, with_params

COST, WEIGHT = np.array([3.0, 4.0, 5.0]), np.array([0.2, 0.5, 0.3])


def one_family(rate, shares, ratio, dc_levels, most, cost, weight, first_row=0):
    """A DC's row and its dealers' after it; the DC's own service is taken at a review of a week and a lead time of 10 days."""
    one, n = np.ones((1, 1)), len(shares)
    dc = Demand(10 * rate * one, 17 * rate * one, np.array([ratio]), one, np.ones(1, dtype=np.int64))
    mean = rate * np.array(shares)[:, None]
    part = Demand(3 * mean, 10 * mean, np.full(n, ratio), np.ones((n, 1)), np.ones(n, dtype=np.int64))
    made = []
    for level in dc_levels:
        own = chain_stairs(dc, delay_of(dc, [-1], [0.0], owed_by(dc, [0])), level, level).fill_rate[0]
        delay = delay_of(part, [0] * n, shares, owed_by(dc, [level]))
        made.append((level, own, chain_stairs(part, delay, 1, most)))
    return [
        (first_row, level, cost[0] * level, weight[0] * own, np.arange(n) + first_row + 1, cost[1:], weight[1:], stairs)
        for level, own, stairs in made
    ]


def network_of(variants):
    family, level, money, service, rows, cost, weight, stairs = zip(*variants, strict=True)
    sizes = [np.diff(one.start) for one in stairs]
    all_stairs = Staircases(
        np.concatenate([[0], np.cumsum(np.concatenate(sizes))]),
        np.concatenate([one.level for one in stairs]),
        np.concatenate([one.fill_rate for one in stairs]),
    )
    row_start = np.concatenate([[0], np.cumsum([len(one) for one in rows])])
    head = np.array(family)
    return laid_out(
        Variants(
            head, head, np.array(level), np.array(money), np.array(service), row_start, np.concatenate(rows),
            np.concatenate(cost), np.concatenate(weight), all_stairs,
        )
    )  # fmt: skip


def small_network():
    return network_of(one_family(0.3, [0.5, 0.3], 2.0, [1, 3, 5, 8], 6, COST, WEIGHT))


def every_choice(network):
    """Money and service of every variant of every family with every level of its dealers."""
    v = network.variants
    own = []
    for family in np.unique(v.family):
        choices = []
        for i in np.flatnonzero(v.family == family):
            rows = range(v.row_start[i], v.row_start[i + 1])
            for entries in itertools.product(*(range(v.stairs.start[r], v.stairs.start[r + 1]) for r in rows)):
                at = np.array(entries, dtype=np.int64)
                spent = v.money[i] + v.unit_cost[list(rows)] @ v.stairs.level[at]
                choices.append((spent, v.service[i] + v.weight[list(rows)] @ v.stairs.fill_rate[at]))
        own.append(choices)
    return [tuple(map(sum, zip(*choice, strict=True))) for choice in itertools.product(*own)]


FAMILY = st.tuples(
    st.floats(0.05, 1.0),
    st.lists(st.floats(0.1, 0.4), min_size=1, max_size=2),
    st.floats(1.0, 4.0),
    st.lists(st.integers(1, 12), min_size=1, max_size=3, unique=True).map(sorted),
    st.integers(1, 3),
)


def made(drawn, seed):
    rng = np.random.default_rng(seed)
    variants, first_row = [], 0
    for rate, shares, ratio, dc_levels, most in drawn:
        cost, weight = rng.uniform(1, 20, len(shares) + 1), rng.uniform(0.05, 0.3, len(shares) + 1)
        variants += one_family(rate, shares, ratio, dc_levels, most, cost, weight, first_row)
        first_row += len(shares) + 1
    return network_of(variants)


@settings(max_examples=60, deadline=None)
@given(st.lists(FAMILY, min_size=1, max_size=2), st.integers(0, 99), st.floats(0.01, 0.99))
def test_network_levels_equal_full_enumeration(drawn, seed, share):
    network = made(drawn, seed)
    choices = every_choice(network)
    money, service = np.array(choices).T
    budget = money.min() + share * (money.max() - money.min())
    got = network_levels(network, budget=budget)
    assert got.status == "optimal"
    assert got.money <= budget + 1e-9
    assert got.service == pytest.approx(service[money <= budget + 1e-9].max(), abs=1e-9)
    target = min(service.min() + share * (service.max() - service.min()), 0.999)
    got = network_levels(network, target=target)
    assert got.status == "optimal"
    assert got.service >= target - 1e-9
    assert got.money == pytest.approx(money[service >= target - 1e-12].min(), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(FAMILY, min_size=1, max_size=2), st.integers(0, 99), st.floats(0.01, 0.99))
def test_bound_holds_where_not_every_choice_is_weighed(drawn, seed, share):
    network = made(drawn, seed)
    money, service = np.array(every_choice(network)).T
    budget = money.min() + share * (money.max() - money.min())
    target = min(service.min() + share * (service.max() - service.min()), 0.999)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(families, "SMALL_NETWORK", 0)
        by_budget, by_target = network_levels(network, budget=budget), network_levels(network, target=target)
    assert by_budget.money <= budget + 1e-9
    assert by_budget.service - 1e-9 <= service[money <= budget + 1e-9].max() <= by_budget.bound + 1e-9
    assert by_target.service >= target - 1e-9
    assert by_target.bound - 1e-9 <= money[service >= target - 1e-12].min() <= by_target.money + 1e-9


def test_what_cannot_be_is_refused():
    with pytest.raises(SettingsError, match="does not pay the lowest levels allowed, which cost 12"):
        network_levels(small_network(), budget=1.0)
    with pytest.raises(SettingsError, match="cannot be reached: the highest levels allowed give"):
        network_levels(small_network(), target=0.9999)


CHAIN = {
    "parts": [{"part_id": "P1", "unit_cost": 10.0}, {"part_id": "P2", "unit_cost": 60.0}],
    "supply": [{"part_id": "P1", "unit_cost": 10.0}, {"part_id": "P2", "unit_cost": 60.0}],
    "forecasts": [
        {"site_id": site, "part_id": part, "mean_per_period": mean * scale}
        for part, scale in (("P1", 1.0), ("P2", 0.3))
        for site, mean in (("DC1", 8.0), ("D01", 4.0), ("D02", 2.0))
    ],
}


def test_a_network_costs_no_more_than_its_kinds_for_the_same_customers():
    """The budget of the levels by kind, spent over the network, gives customers at least their service."""
    kind = night(params=with_params(target_rule="system"), **CHAIN)
    money = float((kind.levels["order_up_to_level"] * kind.levels["unit_cost"]).sum())
    both = {"target_rule": "system", "system_scope": "network", "network_budget": money}
    network = night(params=with_params(**both), **CHAIN)
    run = network.solver_runs.iloc[0]
    assert run["name"] == "levels of the network"
    assert run["bound"] >= run["objective"]
    assert float((network.levels["order_up_to_level"] * network.levels["unit_cost"]).sum()) <= money + 1e-6

    def customers(levels):
        fill = levels.set_index(["site_id", "part_id"])["promised_fill_rate"]
        pieces = {("D01", "P1"): 4.0, ("D02", "P1"): 2.0, ("DC1", "P1"): 2.0}
        pieces |= {("D01", "P2"): 1.2, ("D02", "P2"): 0.6, ("DC1", "P2"): 0.6}
        return sum(pieces[at] * fill[at] for at in pieces) / sum(pieces.values())

    units = {"lines": 0.0, "units": 1.0, "value": 0.0, "criticality": 0.0}
    by_units = night(params=with_params(**both, system_weights=units), **CHAIN)
    assert customers(by_units.levels) >= customers(kind.levels) - 1e-9
    assert by_units.levels["service_target"].iloc[0] == pytest.approx(customers(by_units.levels), abs=1e-9)
