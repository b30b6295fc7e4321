"""Rewrite what the golden scenarios expect: ``make bless``, then review the difference like code."""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path

from tests.golden.scenario import SCENARIOS, published


def main() -> None:
    """Write ``expect/`` of every scenario."""
    for folder in SCENARIOS:
        with (
            tempfile.TemporaryDirectory() as work,
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            texts = published(folder, Path(work))
        expect = folder / "expect"
        expect.mkdir(exist_ok=True)
        for name, text in texts.items():
            (expect / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
