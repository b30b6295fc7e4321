"""Errors for machines: with ``--json`` a refusal is a JSON object on stdout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import click

from partsopt.errors import InputError, PartsoptError


@contextmanager
def spoken_as_json(as_json: bool) -> Iterator[None]:
    """Print an error as JSON on stdout before it goes on to be one sentence on stderr."""
    try:
        yield
    except PartsoptError as error:
        if as_json:
            said: dict[str, object] = {"error": type(error).__name__, "text": str(error), "exit_code": error.exit_code}
            if isinstance(error, InputError):
                said["text"] = error.why
                said["violations"] = [asdict(violation) for violation in error.violations]
            click.echo(json.dumps(said, ensure_ascii=False, indent=2))
        raise
