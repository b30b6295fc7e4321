"""Review days that keep docks level."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partsopt.replenish.reviewdays import CYCLE, SPARE, Unit, arrivals, level_phases, picks, rhythm_of


def unit(name, period, lines, lead=0, arrives_at=0, picked_at=-1):
    lead_lines = np.zeros((1, 28))
    lead_lines[0, lead] = lines
    return Unit(name, (period,), lead_lines, arrives_at, picked_at)


def load_of(units, phases, sites=1):
    """Lines that arrive at each site on each working day, and lines that are picked, counted day by day."""
    come, go = np.zeros((sites, CYCLE)), np.zeros((sites, CYCLE))
    for one, phase in zip(units, phases, strict=True):
        come[one.arrives_at] += arrivals(one)[phase]
        if one.picked_at >= 0:
            go[one.picked_at] += picks(one)[phase]
    return come, go


def test_lines_arrive_a_lead_time_later_on_a_working_day():
    """Ordered on Tuesdays with four days: due on Saturday, received on Monday."""
    assert np.flatnonzero(arrivals(unit("a", 5, 1.0, lead=4))[1]).tolist() == [0, 5, 10, 15]
    assert np.flatnonzero(picks(unit("a", 5, 1.0, lead=4))[1]).tolist() == [1, 6, 11, 16]


@pytest.mark.parametrize("period", [1, 2, 5, 10, 20])
def test_rhythms_of_one_phase_are_nested(period):
    """Every review of 20 working days is one of 10, of 5, of 2 and of 1 as well."""
    for phase in range(CYCLE):
        [(every, shift)] = rhythm_of(20, phase)
        days = {day for one, first in rhythm_of(period, phase) for day in range(first, 28, one)}
        assert shift in days
        assert every == 28


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([5, 10, 20]), st.floats(0.05, 30), st.integers(0, 27), st.integers(0, 2)),
        min_size=1,
        max_size=30,
    ),
    st.randoms(use_true_random=False),
)
def test_days_are_level_as_far_as_units_allow_and_do_not_depend_on_their_order(given_units, shuffle):
    """No day is above the mean by more than the spare share, the steps of size, and the largest unit."""
    units = [
        unit(f"u{i}", period, lines, lead, arrives_at)
        for i, (period, lines, lead, arrives_at) in enumerate(given_units)
    ]
    none = np.zeros((3, CYCLE))
    phases = level_phases(units, none, none)
    mixed = list(range(len(units)))
    shuffle.shuffle(mixed)
    again = level_phases([units[i] for i in mixed], none, none)
    assert [phases[i] for i in mixed] == again
    come, _ = load_of(units, phases, 3)
    step = 2**0.25
    for site in range(3):
        largest = max((float(one.lead_lines.sum()) for one in units if one.arrives_at == site), default=0.0)
        assert come[site].max() <= come[site].mean() * (1 + SPARE) * step**2 + largest * step**2 + 1e-9


def test_many_units_are_level_at_the_dealers_and_at_the_dc_that_picks():
    """100 dealers of one DC, one weekly order each: hashed days differ by a third and more, level ones by a tenth."""
    units = [unit(f"D{i:03d}|DC1|A", 5, 3.0 + i % 5, lead=2, arrives_at=1 + i, picked_at=0) for i in range(100)]
    none = np.zeros((101, CYCLE))
    _, go = load_of(units, level_phases(units, none, none), 101)
    assert go[0].max() / go[0].mean() < 1.15
    _, hashed = load_of(units, [hash_phase(one) for one in units], 101)
    assert hashed[0].max() / hashed[0].mean() > 1.3


def hash_phase(one):
    from partsopt.replenish.review import review_shift

    return review_shift(one.name, 7)


def test_what_is_planned_already_is_kept_clear_of():
    """Mondays are full of the planner's lines: nothing more comes on a Monday."""
    arriving = np.zeros((1, CYCLE))
    arriving[0, ::5] = 50.0
    units = [unit(f"u{i}", 5, 2.0) for i in range(20)]
    come, _ = load_of(units, level_phases(units, arriving, np.zeros((1, CYCLE))))
    assert come[0, ::5].max() == 0.0
    assert come.sum() == pytest.approx(20 * 4 * 2.0)


def test_small_changes_of_demand_move_few_units():
    """Every unit's lines change by up to 3 %: nine in ten keep their day."""
    draw = np.random.default_rng(4)
    lines = draw.lognormal(1, 1, 200)
    none = np.zeros((1, CYCLE))
    before = level_phases([unit(f"u{i}", 5, n) for i, n in enumerate(lines)], none, none)
    changed = lines * draw.uniform(0.97, 1.03, 200)
    after = level_phases([unit(f"u{i}", 5, n) for i, n in enumerate(changed)], none, none)
    assert np.mean(np.array(before) == np.array(after)) > 0.8


def test_a_new_unit_moves_few_others():
    draw = np.random.default_rng(5)
    lines = draw.lognormal(1, 1, 200)
    none = np.zeros((1, CYCLE))
    units = [unit(f"u{i}", 10, n) for i, n in enumerate(lines)]
    before = level_phases(units, none, none)
    after = level_phases([*units, unit("new", 10, 3.0)], none, none)[:-1]
    assert np.mean(np.array(before) == np.array(after)) > 0.9
