"""A command of partsopt run for its exit code and its files, not for its words."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Collection, Sequence

from partsopt.commands import answer


def answered(arguments: Sequence[str], settings: Sequence[str], good: Collection[int]) -> int:
    """Run a command with settings in the form SECTION.KEY=VALUE; its exit code.

    Raises
    ------
    SystemExit
        With the command's words, where its exit code is not among the good ones.
    """
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = answer([*arguments, *(word for setting in settings for word in ("--set", setting))])
    if code not in good:
        raise SystemExit(f"partsopt {' '.join(arguments)} answered {code}:\n{said.getvalue()}")
    return code
