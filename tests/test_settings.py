"""Settings: defaults, the file, the environment, and refusals that name the value."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest

from partsopt.errors import SettingsError
from partsopt.settings import SECTIONS, Settings, read_settings, settings_from, settings_text


def test_the_printed_file_gives_the_defaults_back():
    assert settings_from(tomllib.loads(settings_text())) == Settings()


def test_every_setting_says_what_it_means():
    for params in SECTIONS.values():
        for one in dataclasses.fields(params):
            assert one.metadata["says"], one.name


def test_a_file_with_bom_is_read(tmp_path: Path):
    file = tmp_path / "settings.toml"
    file.write_bytes(b"\xef\xbb\xbf[run]\ntoday = 2026-11-02\n")
    assert read_settings(file, {}).run.today == "2026-11-02"


def test_the_environment_reaches_into_a_table_of_classes(tmp_path: Path):
    """PARTSOPT__REPLENISH__DC_SERVICE_TARGET__A sets class A alone."""
    name = "PARTSOPT__REPLENISH__DC_SERVICE_TARGET__A"
    settings = read_settings(tmp_path / "none.toml", {name: "0.97", "PATH": "x"})
    assert settings.replenish.dc_service_target == {"A": 0.97, "B": 0.95, "C": 0.90}


def test_a_text_needs_no_quotes_in_the_environment(tmp_path: Path):
    assert read_settings(tmp_path / "none.toml", {"PARTSOPT__DEMAND__PERIOD": "week"}).demand.period == "week"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"demnad": {}}, r"^demnad is not a section of the settings; the nearest name is demand\.$"),
        ({"demand": 3}, r"^demand is 3; it must be a section of settings: \[demand\]\.$"),
        ({"demand": {"period": 3}}, r"^demand\.period is 3; it must be a text\.$"),
        ({"demand": {"period": "day"}}, r"^demand\.period is 'day'; it must be one of month, week\.$"),
        ({"demand": {"max_periods": 1.5}}, r"^demand\.max_periods is 1\.5; it must be a whole number\.$"),
        ({"demand": {"max_periods": True}}, r"^demand\.max_periods is True; it must be a whole number\.$"),
        (
            {"demand": {"censored_from_share": float("nan")}},
            r"^demand\.censored_from_share is nan; it must be a number\.$",
        ),
        (
            {"demand": {"left_out_purposes": "campaign"}},
            r"^demand\.left_out_purposes is 'campaign'; it must be a list of texts\.$",
        ),
        ({"read": {"max_rejected_share": 1.2}}, r"^read\.max_rejected_share is 1\.2; it must be between 0 and 1\.$"),
        ({"allocate": {"rebalance": "yes"}}, r"^allocate\.rebalance is 'yes'; it must be true or false\.$"),
        (
            {"classify": {"usage_value_weight": 0.5}},
            r"^classify: the sum of the three weights is 0\.9; it must be 1\.$",
        ),
        (
            {"classify": {"a_share": 0.96}},
            r"^classify\.a_share and b_share is \(0\.96, 0\.95\); it must be 0 < a < b < 1\.$",
        ),
        (
            {"replenish": {"dc_service_target": {"A": 1.0}}},
            r"^replenish\.dc_service_target\.A is 1\.0; it must be above 0 and below 1\.$",
        ),
        (
            {"replenish": {"dc_service_target": {"D": 0.9}}},
            r"^replenish\.dc_service_target\.D is not a setting; the names are A, B, C\.$",
        ),
        (
            {"replenish": {"dc_review_period_days": {"A": 0}}},
            r"^replenish\.dc_review_period_days\.A is 0; it must be between 1 and 365 \(days\)\.$",
        ),
        (
            {"routing": {"stock_wave_at": "25:00"}},
            r"^routing\.stock_wave_at is '25:00'; it must be a time of day written HH:MM\.$",
        ),
    ],
)
def test_a_bad_setting_is_refused_with_its_value_and_rule(given: dict, text: str):
    with pytest.raises(SettingsError, match=text):
        settings_from(given)


def test_a_file_that_is_no_toml_is_refused_with_its_line(tmp_path: Path):
    file = tmp_path / "settings.toml"
    file.write_text("[demand\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"^settings\.toml is not valid TOML: .*line 1"):
        read_settings(file, {})


def test_an_environment_name_without_a_key_is_refused(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"^PARTSOPT__DEMAND names no setting; write PARTSOPT__SECTION__KEY"):
        read_settings(tmp_path / "none.toml", {"PARTSOPT__DEMAND": "x"})
    with pytest.raises(
        SettingsError, match=r"^PARTSOPT__DEMAND__PERIOD__X names a setting below period, which has none\.$"
    ):
        read_settings(tmp_path / "none.toml", {"PARTSOPT__DEMAND__PERIOD": "week", "PARTSOPT__DEMAND__PERIOD__X": "1"})
