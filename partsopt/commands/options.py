"""What the options of several commands mean."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from partsopt.errors import SettingsError

if TYPE_CHECKING:
    from partsopt.settings import Settings

directory_argument = click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
settings_option = click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Default: DIRECTORY/settings.toml.",
)
overrides_option = click.option(
    "--set", "overrides", metavar="SECTION.KEY=VALUE", multiple=True, help="Override a setting; may be repeated."
)


def day_of(text: str) -> date:
    """The planned day; blank is the machine's date.

    Raises
    ------
    SettingsError
        The text is not a date written YYYY-MM-DD.

    Examples
    --------
    >>> day_of("2026-11-02")
    datetime.date(2026, 11, 2)
    """
    if not text:
        return date.today()  # noqa: DTZ011  the scheduler's own calendar day is what is meant
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f'today is "{text}"; it must be a date written YYYY-MM-DD.') from None


def read_all_settings(directory: Path, file: Path | None, overrides: tuple[str, ...]) -> Settings:
    """Settings of a data directory: its file, then the environment, then ``--set``."""
    from partsopt.settings import read_settings

    if file is not None and not file.exists():
        raise SettingsError(f"{file} does not exist; partsopt init writes a commented settings file.")
    return read_settings(file or directory / "settings.toml", os.environ, dict(_override(one) for one in overrides))


def _override(one: str) -> tuple[str, Any]:
    import tomllib

    key, sign, value = one.partition("=")
    if not sign or "." not in key:
        raise click.UsageError(f'--set takes SECTION.KEY=VALUE; "{one}" is not of that form.')
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()
