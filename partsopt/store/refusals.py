"""Rows of a long file that break a rule: named all at once, and left out unless they are too many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa

from partsopt.errors import MAX_LINES_NAMED, InputError, Violation

if TYPE_CHECKING:
    import pandas as pd

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


class Refusals:
    """Broken rules of one file; a row may break several.

    Parameters
    ----------
    name
        Name of the file.
    table
        Its rows as they stand, the series in ``series_id``.
    lines
        Physical line of each row; None: the row number from 1.
    malformed
        Lines that are no rows at all.
    of
        What the rows are called.
    """

    def __init__(
        self,
        name: str,
        table: pa.Table,
        lines: Array | None = None,
        malformed: tuple[Violation, ...] = (),
        of: str = "demand",
    ) -> None:
        self._of, self._name, self._table, self._lines, self._malformed = of, name, table, lines, malformed
        self._broken: list[tuple[str, Array, str, str]] = []

    @property
    def table(self) -> pa.Table:
        """The rows of the file as they stand."""
        return self._table

    def add(self, column: str, rows: Array, rule: str, remedy: str) -> None:
        """Note the rows, by their place in the file, that break a rule."""
        if len(rows):
            self._broken.append((column, rows, rule, remedy))

    def rows_of(self, *columns: str) -> Array:
        """Places of the rows that break a rule of some columns, rising."""
        return np.unique(
            np.concatenate([np.empty(0, np.int64), *(one[1] for one in self._broken if one[0] in columns)])
        )

    def __len__(self) -> int:
        """Rows refused, each counted once."""
        return len(self.rows_of(*self._table.column_names)) + len(self._malformed)

    def stop_beyond(self, share: float) -> None:
        """Refuse the file when more than a share of its rows is refused.

        Raises
        ------
        InputError
            Every rule is named with its first rows; ``rejects`` holds all.
        """
        n_rows = len(self._table) + len(self._malformed)
        if len(self) > share * n_rows:
            why = f"{self._name} is refused; no forecast was written."
            if share:
                many = f"{len(self):,} of {n_rows:,} rows of {self._name} break a rule"
                why = f"{many}, more than {share:.2%}; no forecast was written."
            raise InputError(why, self.named(), self.rejects())

    def named(self) -> list[Violation]:
        """The first few rows that break each rule, and how many more there are."""
        said = list(self._malformed[:MAX_LINES_NAMED])
        for column, rows, rule, remedy in self._broken:
            said += self._violations(column, rows[:MAX_LINES_NAMED], rule, remedy)
            if len(rows) > MAX_LINES_NAMED:
                more = f"breaks the same rule in {len(rows) - MAX_LINES_NAMED:,} more rows: {column} {rule}"
                said.append(self._violation(0, "", "", more, remedy))
        return said

    def rejects(self) -> pd.DataFrame:
        """REJECTS: a row for each rule broken, by line."""
        import pandas as pd

        from partsopt.tables import REJECTS, conform

        all_of_them = [*self._malformed]
        for column, rows, rule, remedy in self._broken:
            all_of_them += self._violations(column, rows, rule, remedy)
        found = [[getattr(one, name) for name in REJECTS.columns] for one in all_of_them]
        frame = pd.DataFrame(found, columns=list(REJECTS.columns))
        return conform(frame.sort_values("line", kind="stable", ignore_index=True), REJECTS)

    def _violations(self, column: str, rows: Array, rule: str, remedy: str) -> list[Violation]:
        lines = rows + 1 if self._lines is None else self._lines[rows]
        cells = {name: self._table.column(name).take(pa.array(rows)).to_pylist() for name in self._table.column_names}
        texts = {name: [_said(value) for value in values] for name, values in cells.items()}
        about = [""] * len(rows) if column == "series_id" else [f", series {one}" for one in texts["series_id"]]
        whole = [",".join(row) for row in zip(*texts.values(), strict=True)]
        return [
            self._violation(int(line), column, value + series, rule, remedy, row)
            for line, value, series, row in zip(lines, texts[column], about, whole, strict=True)
        ]

    def _violation(self, line: int, column: str, value: str, rule: str, remedy: str, row: str = "") -> Violation:
        return Violation(
            table=self._of,
            file=self._name,
            line=line,
            column=column,
            value=value,
            rule=rule,
            remedy=remedy,
            row_text=row,
        )


def _said(value: object) -> str:
    return "" if value is None else f"{value:.15g}" if isinstance(value, float) else str(value)
