"""What a person is told of every broken input, compared in full."""

import pytest

from tests.bad_inputs.case import CASES, EXPECTED, HERE, SOUND, lay_out, what_is_told


def test_the_network_below_every_case_is_sound():
    """Nothing is refused and nothing is noted, so whatever a case tells comes from its own files."""
    assert what_is_told(SOUND) == "read\n"


def test_there_are_many_broken_inputs():
    assert len(CASES) >= 35


@pytest.mark.parametrize("name", CASES)
def test_broken_input_is_told_in_full(name, tmp_path):
    expected = (HERE / name / EXPECTED).read_bytes().decode()
    assert what_is_told(lay_out(name, tmp_path / "input")) == expected
