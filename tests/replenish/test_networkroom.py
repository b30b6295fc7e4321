"""DCs and dealers chosen together within the room of sites: full enumeration, bounds, refusals, and the night."""

import itertools

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish import families
from partsopt.replenish.networkroom import NetworkRoom, network_within
from tests.replenish.network import night, with_params
from tests.replenish.test_families import FAMILY, made

SITES = 2  # a DC and a dealer with limited room; each family's second dealer has any


def room_of(network, seed, share):
    """Made volumes: the DC at site 0, the first dealer of each family at site 1; ``share`` of the room of the highest levels."""
    v, rng = network.variants, np.random.default_rng(seed)
    volume = rng.uniform(0.1, 2.0, 99)
    is_first = np.array([row == v.head[of] + 1 for row, of in zip(v.row, of_rows(v), strict=True)])
    row_site = np.where(is_first, 1, -1)
    of_entry = np.repeat(np.arange(len(v.row)), np.diff(v.stairs.start))
    waits = 1.0 - 0.05 * v.dc_level[of_rows(v)[of_entry]] / v.dc_level.max()  # the DC owes more: the shelf is emptier
    space = np.where(row_site[of_entry] >= 0, volume[v.row[of_entry]] * v.stairs.level / waits, 0.0)
    dc_space = volume[v.head] * v.dc_level
    room = NetworkRoom(["DC", "D1"], np.ones(SITES), np.zeros(len(v.head), dtype=np.int64), dc_space, row_site, space)
    taken = np.array([one[2] for one in every_choice(network, room)])
    low, high = taken.min(axis=0), taken.max(axis=0)
    worst = [sum(floor_of_rows(network, room)[number]) for number in range(SITES)]
    return room._replace(limit=np.maximum(low + share * (high - low), worst) + 1e-9)


def of_rows(v):
    return np.repeat(np.arange(len(v.family)), np.diff(v.row_start))


def floor_of_rows(network, room):
    """Of the DC the lowest levels, of the dealer its lowest level at the worst level of the DC."""
    v = network.variants
    rows = {}
    for i in np.flatnonzero(room.row_site == 1):
        rows[v.row[i]] = max(rows.get(v.row[i], 0.0), room.space[v.stairs.start[i]])
    return [room.dc_space[network.first].tolist(), list(rows.values())]


def every_choice(network, room):
    """Money, service and room taken of every variant of every family with every level of its dealers."""
    v, own = network.variants, []
    for family in np.unique(v.family):
        choices = []
        for i in np.flatnonzero(v.family == family):
            rows = list(range(v.row_start[i], v.row_start[i + 1]))
            for entries in itertools.product(*(range(v.stairs.start[r], v.stairs.start[r + 1]) for r in rows)):
                at = np.array(entries, dtype=np.int64)
                taken = np.array([room.dc_space[i], room.space[at][room.row_site[rows] == 1].sum()])
                money = v.money[i] + v.unit_cost[rows] @ v.stairs.level[at]
                choices.append((money, v.service[i] + v.weight[rows] @ v.stairs.fill_rate[at], taken))
        own.append(choices)
    for choice in itertools.product(*own):
        yield tuple(sum(one[k] for one in choice) for k in range(3))


def taken_by(room, network, got):
    v = network.variants
    chosen = np.isin(of_rows(v), got.variant) & (room.row_site == 1)
    return np.array([room.dc_space[got.variant].sum(), room.space[got.entry[chosen]].sum()])


@settings(max_examples=60, deadline=None)
@given(st.lists(FAMILY, min_size=1, max_size=2), st.integers(0, 99), st.floats(0.01, 1.0), st.floats(0.02, 0.98))
def test_levels_within_room_equal_full_enumeration(drawn, seed, share, of_room):
    network = made(drawn, seed)
    room = room_of(network, seed, of_room)
    money, service, taken = (np.array(one) for one in zip(*every_choice(network, room), strict=True))
    fits = (taken <= room.limit + 1e-9).all(axis=1)
    budget = money.min() + share * (money.max() - money.min())
    within = network_within(network, room, budget=budget)
    got = within.answer
    assert got.status == "optimal"
    assert got.money <= budget + 1e-9
    assert (taken_by(room, network, got) <= room.limit * (1 + 1e-8)).all()
    assert got.service == pytest.approx(service[fits & (money <= budget + 1e-9)].max(), abs=1e-7)
    assert within.free.service >= got.service - 1e-9
    target = min(service.min() + share * (service.max() - service.min()), 0.999)
    reaching = money[fits & (service >= target - 1e-12)]
    if not len(reaching):
        with pytest.raises(SettingsError, match=r"finds no room at .*storage_m3 allows \d+\.\d{4}%"):
            network_within(network, room, target=target)
        return
    got = network_within(network, room, target=target).answer
    assert got.service >= target - 1e-9
    assert got.money == pytest.approx(reaching.min(), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.lists(FAMILY, min_size=1, max_size=2), st.integers(0, 99), st.floats(0.01, 1.0), st.floats(0.02, 0.98))
def test_bound_and_room_hold_where_not_every_choice_is_weighed(drawn, seed, share, of_room):
    network = made(drawn, seed)
    room = room_of(network, seed, of_room)
    money, service, taken = (np.array(one) for one in zip(*every_choice(network, room), strict=True))
    fits = (taken <= room.limit + 1e-9).all(axis=1)
    budget = money.min() + share * (money.max() - money.min())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(families, "SMALL_NETWORK", 0)
        got = network_within(network, room, budget=budget).answer
        assert got.money <= budget + 1e-9
        assert (taken_by(room, network, got) <= room.limit * (1 + 1e-8)).all()
        assert got.service - 1e-9 <= service[fits & (money <= budget + 1e-9)].max() <= got.bound + 1e-9
        target = min(service.min() + 0.7 * share * (service[fits].max() - service.min()), 0.999)
        try:
            got = network_within(network, room, target=target).answer
        except SettingsError as refused:  # the choices weighed leave room empty
            event(str(refused))
            return
    assert got.service >= target - 1e-9
    assert (taken_by(room, network, got) <= room.limit * (1 + 1e-8)).all()
    assert got.bound - 1e-9 <= money[fits & (service >= target - 1e-12)].min() <= got.money + 1e-9


# --------------------------------------------------------------------------- through the night

NETWORK = {"target_rule": "system", "system_scope": "network", "network_service_target": 0.93}
FORECASTS = [
    {"site_id": site, "part_id": f"P{i}", "mean_per_period": share * (3.0 + i)}
    for i in range(4)
    for site, share in (("DC1", 1.0), ("D01", 0.5), ("D02", 0.3))
]
PIECES = [{"part_id": f"P{i}", "volume_m3": 0.1 + 0.3 * (i % 3)} for i in range(4)]


def network_with(at_dc, at_dealer=None, **given):
    sites = [
        {"site_id": "DC1", "site_kind": "dc", "storage_m3": at_dc},
        {"site_id": "D01", "site_kind": "dealer", "supplied_by": "DC1", "storage_m3": at_dealer},
        {"site_id": "D02", "site_kind": "dealer", "supplied_by": "DC1"},
    ]
    return night(params=with_params(**NETWORK), forecasts=FORECASTS, parts=PIECES, sites=sites, **given)


def test_the_room_of_a_dc_moves_its_stock_to_dealers():
    free, bound = network_with(None), network_with(1.6)
    [run] = bound.solver_runs.to_dict("records")
    assert "; DC1 is full at 1.6 m3, one more would spare " in run["why"]
    assert run["objective"] >= free.solver_runs["objective"].iloc[0]
    assert bound.levels["service_target"].iloc[0] >= 0.93
    level = {
        name: plan.levels.groupby("site_id")["order_up_to_level"].sum() for name, plan in (("f", free), ("b", bound))
    }
    assert level["b"]["DC1"] < level["f"]["DC1"]
    assert level["b"]["D01"] + level["b"]["D02"] > level["f"]["D01"] + level["f"]["D02"]
    cut = bound.levels[bound.levels["room_cut"] > 0]
    assert set(cut["site_id"]) == {"DC1"}
    assert set(bound.exceptions.loc[bound.exceptions["code"] == "level_cut_for_room", "part_id"]) == set(cut["part_id"])
    assert "storage_over" not in set(bound.exceptions["code"])


def test_a_network_without_room_is_refused_with_what_it_needs_or_serves():
    with pytest.raises(SettingsError, match=r"lowest levels allowed: D01 needs 0\.962 m3; DC1 needs 0\.295 m3"):
        network_with(0.1, 0.1)
    with pytest.raises(SettingsError, match=r"93% finds no room at D01, DC1: sites\.storage_m3 allows \d\d\.\d{4}%"):
        network_with(0.6, 1.0)
