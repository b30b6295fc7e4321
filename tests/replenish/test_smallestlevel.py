"""The smallest level of every measure: the level meets its target, the one below it misses it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.errors import SettingsError
from partsopt.replenish import service
from partsopt.replenish.levelwalk import EXCEEDED, HELD, OWED, falling_walk
from tests import reference as twin

LEADS = st.floats(0.01, 6.0)
REVIEWS = st.floats(0.01, 6.0)
RATIOS = st.one_of(st.just(1.0), st.floats(1.001, 6.0))
BATCHES = st.integers(1, 7)
WEIGHTS = [1 / 6, 2 / 3, 1 / 6]


def mixture(lead: float, review: float, spread: float) -> tuple[list[float], list[float]]:
    leads = [lead * (1 - spread), lead, lead * (1 + spread)]
    return leads, [one + review for one in leads]


@settings(max_examples=40, deadline=None)
@given(LEADS, REVIEWS, RATIOS, st.floats(0, 0.9), st.integers(0, 12), BATCHES)
def test_measures_over_lead_times_and_positions_match_the_loops(lead, review, ratio, spread, level, batch):
    _, late = mixture(lead, review, spread)
    none_owed, left_over, owed, held = twin.position_measures(level, batch, late, ratio, WEIGHTS)
    args = [late], [ratio], WEIGHTS
    assert service.cycle_service_level([level], *args, batch)[0] == pytest.approx(none_owed, abs=1e-9)
    assert service.cycle_ready_rate([level], *args, batch)[0] == pytest.approx(left_over, abs=1e-9)
    assert service.mean_owed([level], [batch], *args)[0] == pytest.approx(owed, abs=1e-8)
    assert service.mean_on_hand([level], [batch], [late], *args)[0] == pytest.approx(held, abs=1e-8)


@settings(max_examples=60, deadline=None)
@given(LEADS, REVIEWS, RATIOS, st.floats(0, 0.9), BATCHES, st.floats(0.05, 0.99), st.floats(0.001, 3.0))
def test_levels_meet_their_targets_and_one_less_misses(lead, review, ratio, spread, batch, target, pieces):
    """Random lead time and a minimum of Q; a level of 0 has none below it."""
    leads, late = mixture(lead, review, spread)
    args = [late], [ratio], WEIGHTS
    both = [leads], *args
    measures = {
        "cycle": (service.level_for_cycle_service_level(target, *args, batch),
                  lambda at: service.cycle_service_level(at, *args, batch) - target),
        "ready": (service.level_for_ready_rate(target, *args, batch),
                  lambda at: service.cycle_ready_rate(at, *args, batch) - target),
        "fill": (service.level_for_fill_rate(target, *both, batch),
                 lambda at: service.batch_fill_rate(at, [batch], *both) - target),
        "owed": (service.level_for_backorders(pieces, *args, batch),
                 lambda at: pieces - service.mean_owed(at, [batch], *args)),
        "held": (service.level_for_on_hand(pieces, *both, batch),
                 lambda at: service.mean_on_hand(at, [batch], *both) - pieces),
    }  # fmt: skip
    for name, (level, beyond) in measures.items():
        assert beyond(level)[0] >= -1e-12, name
        if level[0] > 0:
            assert beyond(level - 1)[0] < 1e-12, name


@pytest.mark.parametrize("mean", [1e-6, 700.0, 1e6])
@pytest.mark.parametrize("ratio", [1.0, 40.0])
@pytest.mark.parametrize("batch", [1, 50, 5000])
def test_levels_too_large_to_walk_are_bisected(mean, ratio, batch):
    late, early = np.array([mean]), np.array([0.4 * mean])
    level = service.level_for_backorders(0.01 * mean, late, ratio, batch=batch)
    assert service.mean_owed(level, [batch], late, [ratio])[0] <= 0.01 * mean
    assert level[0] == 0 or service.mean_owed(level - 1, [batch], late, [ratio])[0] > 0.01 * mean
    level = service.level_for_on_hand(2.5 * mean + 3 * batch, early, late, ratio, batch=batch)
    assert service.mean_on_hand(level, [batch], early, late, [ratio])[0] >= (2.5 * mean + 3 * batch) * (1 - 1e-12)
    assert service.mean_on_hand(level - 1, [batch], early, late, [ratio])[0] < 2.5 * mean + 3 * batch
    level = service.level_for_cycle_service_level(0.97, late, ratio, batch=batch)
    assert service.cycle_service_level(level, late, [ratio], batch=batch)[0] >= 0.97
    assert level[0] == 0 or service.cycle_service_level(level - 1, late, [ratio], batch=batch)[0] < 0.97


@pytest.mark.parametrize(("lead", "ratio", "batch"), [(0.2, 1.0, 1), (1.4, 2.0, 4), (6.0, 1.0, 3), (6.0, 5.0, 1)])
def test_the_walk_stops_where_counting_does(lead, ratio, batch):
    late = lead + 1.5

    def counted(measure: int, limit: float) -> int:
        level = 0
        while twin.position_measures(level, batch, [late], ratio, [1.0])[measure] * (-1) ** (measure != 2) > limit:
            level += 1
        return level

    for kind, measure, limit in ((EXCEEDED, 0, -0.9), (OWED, 2, 0.3), (HELD, 3, -2.2)):
        walked = falling_walk(
            kind,
            np.array([1 + limit if kind == EXCEEDED else limit]),
            np.array([batch]),
            *(np.array([[one]]) for one in (lead, late)),
            np.array([ratio]),
            np.ones((1, 1)),
        )
        assert walked.tolist() == [counted(measure, limit)]


def test_sherbrooke_s_tables_are_read_backwards():
    """Pipelines of 1 and 4: at most 0.4 pieces are owed from levels 1 and 6 on (0.368 and 0.195; 0.41 at 5)."""
    assert service.level_for_backorders(0.4, [1.0, 4.0], 1.0).tolist() == [1, 6]
    assert service.level_for_backorders([2.0, 0.003], [1.0, 4.0], 1.0).tolist() == [0, 11]


def test_nothing_asked_for_needs_nothing_but_for_stock_itself():
    """Without demand nothing is owed at level 0; a piece on the shelf is a level of 1."""
    assert service.level_for_backorders(0.1, 0.0, 1.0).tolist() == [0]
    assert service.level_for_ready_rate(0.9, 0.0, 1.0).tolist() == [1]
    assert service.level_for_on_hand([0.0, 1.0, 1.5], 0.0, 0.0, 1.0).tolist() == [0, 1, 2]


def test_a_target_for_every_row_and_one_part():
    assert service.level_for_fill_rate([0.5, 0.95], 1.4, 2.8, 1.0).tolist() == [3, 6]
    assert service.demand_quantile([0.1, 0.9], 18.0, 1.0).tolist() == [13, 24]


def test_what_no_level_can_give_is_refused():
    with pytest.raises(SettingsError, match="0 pieces owed is no limit: give one above 0, every level owes some"):
        service.level_for_backorders(0.0, 1.0, 1.0)
    with pytest.raises(SettingsError, match="-1 pieces on hand is no target: give 0 or more, and a finite number"):
        service.level_for_on_hand(-1.0, 1.0, 2.0, 1.0)
    with pytest.raises(SettingsError, match="inf pieces on hand is no target"):
        service.level_for_on_hand(np.inf, 1.0, 2.0, 1.0)
    with pytest.raises(SettingsError, match=r"the service target is 1\.0; it must be above 0 and below 1"):
        service.level_for_ready_rate(1.0, 1.0, 1.0, batch=3)
    with pytest.raises(SettingsError, match=r"the service target is nan; it must be above 0 and below 1"):
        service.level_for_fill_rate(np.nan, 1.0, 2.0, 1.0, batch=2)
