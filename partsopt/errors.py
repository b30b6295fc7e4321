"""What can go wrong, one class for each thing a caller can do about it.

Every class carries the exit code that the command line answers with (see
``docs/operating.md``). A stage raises; only ``partsopt.commands`` turns an error
into a sentence for people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MAX_LINES_NAMED = 5


class PartsoptError(Exception):
    """Base of everything this package raises on purpose."""

    exit_code = 2


class SettingsError(PartsoptError):
    """A setting is missing, unknown or out of its bounds: correct the settings file."""


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One broken rule at one place of one input file.

    ``line`` is the physical line of a text file (the header is line 1), the row
    number (from 1) of a Parquet file, and 0 where the rule concerns the whole file.
    """

    table: str
    file: str
    line: int
    column: str
    value: str
    rule: str
    remedy: str
    row_text: str = ""
    stops_the_run: bool = False

    def __str__(self) -> str:
        """Say the violation as one sentence a planner can act on.

        Examples
        --------
        >>> print(Violation(table="stock", file="stock.csv", line=41, column="on_hand", value="-3",
        ...                 rule="must be 0 or more",
        ...                 remedy='put promised pieces in "backordered" instead'))
        stock.csv line 41: on_hand is "-3"; it must be 0 or more. Remedy: put promised pieces in "backordered" instead.
        """
        where = f"{self.file} line {self.line}" if self.line else self.file
        said = f'{where}: {self.column} is "{self.value}"; it {self.rule}.' if self.column else f"{where}: {self.rule}."
        return f"{said} Remedy: {self.remedy}."


class InputError(PartsoptError):
    """Input tables were refused: correct the files named; nothing was published.

    ``violations`` names every broken rule, though not every line of a rule that very many lines
    break; ``rejects`` then holds them all, as a table of refused rows.
    """

    def __init__(self, why: str, violations: Sequence[Violation] = (), rejects: Any = None) -> None:
        self.why = why
        self.violations = tuple(violations)
        self.rejects = rejects
        super().__init__("\n".join([why, *(f"  {violation}" for violation in self.violations)]))


class TableError(PartsoptError):
    """A table handed from one stage to the next breaks its declaration: a fault in this program.

    The text names table, row, column, value, rule and remedy, and counts the further rows.
    """

    exit_code = 70

    def __init__(
        self, *, table: str, column: str, value: object, rule: str, remedy: str, row: object = None, more: int = 0
    ) -> None:
        self.table, self.column, self.value, self.rule, self.remedy, self.row = table, column, value, rule, remedy, row
        place = f"{table} row {row}" if row is not None else table
        others = f" ({more} more)" if more else ""
        super().__init__(f"{place}: {column} is {value!r}; it {rule}.{others} Remedy: {remedy}.")


class NoPlan(PartsoptError):
    """A solver gave no usable plan: the text names the tightest rule and what would relax it."""

    exit_code = 2


class StorageError(PartsoptError):
    """A run could not be written or read back whole: the previous night is untouched."""

    exit_code = 4


class LockError(PartsoptError):
    """Another run holds the lock of this data directory: wait for it or stop it."""

    exit_code = 5
