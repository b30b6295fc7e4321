"""Whole nights, compared as text with what a person checked by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.scenario import SCENARIOS, published


@pytest.mark.parametrize("folder", SCENARIOS, ids=lambda folder: folder.name)
def test_the_night_gives_what_its_story_says(folder: Path, tmp_path: Path):
    texts = published(folder, tmp_path)
    expected = {file.name: file.read_text(encoding="utf-8") for file in sorted((folder / "expect").iterdir())}
    assert texts == expected


def test_there_are_at_least_eight_scenarios_with_a_story():
    assert len(SCENARIOS) >= 8
    assert all(len((folder / "story.md").read_text(encoding="utf-8")) > 100 for folder in SCENARIOS)
