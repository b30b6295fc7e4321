"""Write the generated pages: ``python -m docs.generate``; a test compares them with the code.

``docs/tables.md`` comes from the tables' declarations, ``docs/cli.md`` from the commands,
``docs/exceptions.md`` from the register of exception codes, ``docs/settings.md`` from the
settings' declarations; the README's picture of the result is the sample night's summary.
"""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

import click

DOCS = Path(__file__).resolve().parent
README = DOCS.parent / "README.md"
SUMMARY_BEGINS = "<!-- summary -->\n```\n"
SUMMARY_ENDS = "```\n<!-- end of summary -->\n"


def pages() -> dict[str, str]:
    """Every generated page by file name."""
    return {"tables.md": _tables(), "cli.md": _cli(), "exceptions.md": _exceptions(), "settings.md": _settings()}


def _tables() -> str:
    from partsopt.report.schema import schema_text
    from partsopt.tables import DERIVED_TABLES, INPUT_TABLES, OUTPUT_TABLES

    tables = [*INPUT_TABLES.values(), *OUTPUT_TABLES.values(), *DERIVED_TABLES.values()]
    intro = (
        "# Tables\n\n"
        "One file per table, `<name>.csv` or `<name>.parquet`. Printed from the declarations in\n"
        "`partsopt/tables.py` by `make docs`; `partsopt schema TABLE` prints one.\n\n"
        "Quantities are whole pieces. Date-times without an offset are the site's own time. A column that\n"
        "need not be given may be absent or blank; the default that then holds is shown.\n\n"
    )
    return intro + schema_text(tables)


def _cli() -> str:
    from partsopt.commands import partsopt

    lines = ["# Command line", "", "Printed from the commands by `make docs`.", ""]
    lines += ["```", _help(partsopt, "partsopt"), "```", ""]
    for name in sorted(partsopt.commands):
        lines += [f"## partsopt {name}", "", "```", _help(partsopt.commands[name], f"partsopt {name}"), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def _help(command: click.Command, path: str) -> str:
    os.environ["COLUMNS"] = "100"
    context = click.Context(
        command, info_name=path, max_content_width=100, terminal_width=100, help_option_names=["-h", "--help"]
    )
    return command.get_help(context).rstrip()


def _exceptions() -> str:
    import partsopt.pipeline  # noqa: F401  the stages register their codes as they are imported
    from partsopt.tables import EXCEPTION_CODES

    lines = [
        "# Exceptions",
        "",
        "Every code of `exceptions.csv`, printed from the register by `make docs`.",
        "",
        "| Code | Stage | What was seen | What to do |",
        "|---|---|---|---|",
    ]
    for _, one in sorted(EXCEPTION_CODES.items()):
        lines.append(f"| `{one.code}` | {one.stage} | {one.says} | {one.action} |")
    return "\n".join(lines) + "\n"


def _settings() -> str:
    from partsopt.settings import settings_text

    return (
        "# Settings\n\n"
        "Every setting with its default, unit and meaning, printed from `partsopt/settings.py` by\n"
        "`make docs`. The environment overrides the file: `PARTSOPT__DEMAND__PERIOD=week`, and\n"
        "`partsopt run --set demand.period=week` overrides both. An unknown key is refused with the nearest name.\n\n"
        f"```toml\n{settings_text()}```\n"
    )


def with_summary(readme: str) -> str:
    """The README with the summary of the sample night as it is printed today."""
    before, rest = readme.split(SUMMARY_BEGINS)
    _, after = rest.split(SUMMARY_ENDS)
    return f"{before}{SUMMARY_BEGINS}{_summary()}{SUMMARY_ENDS}{after}"


def _summary() -> str:
    from partsopt.commands.options import day_of
    from partsopt.commands.summary import print_summary
    from partsopt.pipeline import plan_night
    from partsopt.settings import read_settings
    from partsopt.store.readers import read_inputs

    sample = DOCS.parent / "data" / "sample"
    settings = read_settings(sample / "settings.toml", {})
    inputs = read_inputs(sample, settings.read)
    today = day_of(settings.run.today)
    plan = plan_night(inputs.tables, inputs.rejects, settings, today, lambda _stage, _counted: None)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        print_summary(plan.kpis, inputs.rejects, Path("data/sample/runs/20261102-..."))
    return "\n".join(line.rstrip() for line in printed.getvalue().strip("\n").splitlines()) + "\n"


def main() -> None:
    """Write the pages."""
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8", newline="\n")
    readme = README.read_text(encoding="utf-8")
    README.write_text(with_summary(readme), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
