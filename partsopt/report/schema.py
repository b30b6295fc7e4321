"""The tables' declarations for people and for machines."""

from __future__ import annotations

from collections.abc import Iterable

from partsopt.tables import Column, Table

HEADINGS = {
    "input": "Input tables",
    "output": "Files of a run, for people and the ERP",
    "derived": "Tables of a run, for machines",
}


def schema_text(tables: Iterable[Table]) -> str:
    """The declarations as Markdown, in the order given."""
    lines: list[str] = []
    heading = ""
    for table in tables:
        if HEADINGS[table.role] != heading:
            heading = HEADINGS[table.role]
            lines += [f"## {heading}", ""]
        lines += _table_lines(table)
    return "\n".join(lines).rstrip() + "\n"


def schema_of(table: Table) -> dict[str, object]:
    """The declaration as plain values."""
    return {
        "table": table.name,
        "says": table.says,
        "role": table.role,
        "is_required": table.is_required,
        "key": list(table.key),
        "columns": [
            {
                "name": name,
                "kind": column.kind,
                "unit": column.unit,
                "required": column.required,
                "default": column.default,
                "rule": _rule(column),
                "says": column.says,
            }
            for name, column in table.columns.items()
        ],
        "rules": [f"{rule.column} {rule.rule}" for rule in table.rules],
    }


def _table_lines(table: Table) -> list[str]:
    required = " (required)" if table.is_required else ""
    lines = [f"### {table.name}{required}", "", f"{table.says[0].upper()}{table.says[1:]}.", ""]
    lines += [
        f"Key: {', '.join(f'`{name}`' for name in table.key)}." if table.key else "Key: none, rows may repeat.",
        "",
    ]
    lines += ["| Column | Type | Must be given | Rule | Meaning |", "|---|---|---|---|---|"]
    for name, column in table.columns.items():
        unit = f", {column.unit}" if column.unit else ""
        given = "yes" if column.required else "no" if column.default is None else f"no: {_default(column)}"
        lines.append(f"| `{name}` | {column.kind}{unit} | {given} | {_rule(column)} | {column.says} |")
    lines.append("")
    if table.rules:
        lines += [*(f"- `{rule.column}` {rule.rule}; remedy: {rule.remedy}." for rule in table.rules), ""]
    return lines


def _rule(column: Column) -> str:
    rule = column.rule()
    if column.refers_to is not None:
        table, name = column.refers_to
        known = f"must be a {name} of {table}"
        return f"{rule} and {known}" if rule else known
    return rule


def _default(column: Column) -> str:
    if column.kind == "clock":
        return f"{column.default // 60:02d}:{column.default % 60:02d}"
    if column.kind == "flag":
        return "true" if column.default else "false"
    return f"{column.default}"
