"""Progress of a night on stderr: a live line on a terminal, one line a stage otherwise."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from partsopt.pipeline import Watcher


@contextmanager
def shown_progress(total: int) -> Iterator[Watcher]:
    """Show the stages of a night as they begin and end.

    Parameters
    ----------
    total
        Number of stages, for the bar.
    """
    if sys.stderr.isatty():
        with _bar(total) as watch:
            yield watch
    else:
        yield _plain_lines()


def _plain_lines() -> Watcher:
    began: dict[str, float] = {}

    def watch(stage: str, counted: str) -> None:
        if not counted:
            began[stage] = time.monotonic()
            return
        sys.stderr.write(f"{stage}: {counted}, {time.monotonic() - began[stage]:.1f} s\n")
        sys.stderr.flush()

    return watch


@contextmanager
def _bar(total: int) -> Iterator[Watcher]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    began: dict[str, float] = {}
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description:<10}"), BarColumn(bar_width=30), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)

        def watch(stage: str, counted: str) -> None:
            if not counted:
                began[stage] = time.monotonic()
                progress.update(task, description=stage)
                return
            seconds = time.monotonic() - began[stage]
            progress.console.print(
                f"[green]✓[/green] {stage:<10} {counted} [dim]{seconds:.1f} s[/dim]", highlight=False
            )
            progress.advance(task)

        yield watch
