"""Made routing instances: one seed one set, readable, and each client can be served by a trip of its own."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import made_routes
from benchmarks.vrplib_files import Instance, instances_under, read_instance


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Instance]:
    folder = tmp_path_factory.mktemp("made")
    assert made_routes.main(["--out", str(folder), "--seed", "3"]) == 0
    return {path.relative_to(folder).as_posix(): read_instance(path) for path in instances_under(folder)}


def test_each_kind_has_several_sizes(made):
    sizes: dict[str, set[int]] = {}
    for name, instance in made.items():
        sizes.setdefault(name.partition("/")[0], set()).add(instance.n_clients)
    assert {kind: (min(one), max(one)) for kind, one in sizes.items()} == {
        "depots": (48, 480),
        "fleet": (50, 500),
        "trips": (25, 200),
        "windows": (100, 600),
    }


def test_other_sizes_are_other_instances(tmp_path, made):
    assert made_routes.main(["--out", str(tmp_path), "--seed", "3", "--others"]) == 0
    others = {path.relative_to(tmp_path).as_posix(): read_instance(path) for path in instances_under(tmp_path)}
    assert len(others) == 49
    for name in others.keys() & made.keys():
        assert not np.array_equal(others[name].demand, made[name].demand), name


def test_each_client_can_be_served_alone(made):
    """Out from some depot at the release, there before it closes, back before the depot closes."""
    for name, instance in made.items():
        first = instance.n_depots
        reach = np.full(instance.n_clients, False)
        for home in range(first):
            there = np.maximum(instance.release[first:] + instance.travel[home, first:], instance.opens[first:])
            back = there + instance.service[first:] + instance.travel[first:, home]
            lasts = back - np.maximum(instance.opens[first:] - instance.travel[home, first:], 0)
            is_short = lasts <= instance.max_duration[instance.depot == home].max()
            reach |= (there <= instance.closes[first:]) & (back <= instance.closes[home]) & is_short
        assert reach.all(), name
        assert instance.demand.max() <= instance.capacity.max(), name


def test_a_fleet_is_large_enough(made):
    for name, instance in made.items():
        if not instance.may_reload.any():
            assert instance.capacity.sum() >= instance.demand.sum(), name


def test_one_seed_is_one_set(tmp_path):
    for folder, seed in (("a", 5), ("b", 5), ("c", 6)):
        made_routes.write_all(tmp_path / folder, seed)
    texts = [(tmp_path / folder / "depots" / "D4_48.vrp").read_text(encoding="utf-8") for folder in "abc"]
    assert texts[0] == texts[1] != texts[2]
