"""Documentation that cannot drift: generated pages and the README are compared with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.generate import pages, with_summary

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("page", ["tables.md", "cli.md", "exceptions.md", "settings.md"])
def test_a_generated_page_equals_the_code(page: str):
    """`make docs` writes the page; run it after changing a table, a command, a setting or a code."""
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == pages()[page]


def test_the_readme_shows_the_summary_as_it_is_printed():
    """The picture of the result is the sample night's own summary."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme == with_summary(readme)


def test_the_sample_settings_hold_every_setting_with_its_default():
    """data/sample/settings.toml is the commented file of the defaults, with the sample's day and seed."""
    from partsopt.settings import settings_from, settings_text

    expected = settings_text(settings_from({"run": {"today": "2026-11-02", "seed": 1}}))
    assert (ROOT / "data" / "sample" / "settings.toml").read_text(encoding="utf-8") == expected


@pytest.mark.parametrize(
    "page", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md")), ids=lambda page: page.name
)
def test_links_between_pages_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_decision_is_in_the_index():
    index = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    for page in sorted((ROOT / "docs" / "decisions").glob("0*.md")):
        assert page.name in index, page.name


def test_every_decision_quoted_in_the_code_exists():
    numbers = {page.name[:4] for page in (ROOT / "docs" / "decisions").glob("0*.md")}
    for file in sorted((ROOT / "partsopt").rglob("*.py")):
        for number in re.findall(r"decision (\d{4})", file.read_text(encoding="utf-8")):
            assert number in numbers, f"{file.name} quotes decision {number}"


def test_the_readme_names_every_command_of_the_makefile():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in ("run", "test", "check", "docs", "bench", "bless"):
        assert f"make {target}" in readme


def test_the_glossary_covers_the_columns_of_the_position():
    """The glossary spells every term of the inventory position as the code does."""
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    for word in ("on_hand", "on_order", "backordered", "reserved", "committed", "requested", "order_up_to_level"):
        assert f"`{word}`" in glossary
