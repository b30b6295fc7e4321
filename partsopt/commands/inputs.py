"""``partsopt validate`` and ``partsopt schema``: the input tables, checked and explained."""

from __future__ import annotations

from pathlib import Path

import click

from partsopt.commands.options import directory_argument, settings_option


@click.command(short_help="Check every input table.")
@directory_argument
@settings_option
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON on stdout.")
def validate(directory: Path, settings_file: Path | None, as_json: bool) -> int:
    """Check every input table in DIRECTORY and name all rows that would be refused.

    Exit codes: 0 clean; 1 a night would run, some rows would be refused; 2 a night would stop.
    """
    from partsopt.commands.failure import spoken_as_json

    with spoken_as_json(as_json):
        return _validate(directory, settings_file, as_json)


def _validate(directory: Path, settings_file: Path | None, as_json: bool) -> int:
    from partsopt.commands.options import read_all_settings
    from partsopt.commands.summary import print_inputs
    from partsopt.store.readers import read_inputs

    settings = read_all_settings(directory, settings_file, ())
    inputs = read_inputs(directory, settings.read)
    exit_code = 1 if len(inputs.rejects) else 0
    if as_json:
        import json
        from dataclasses import asdict

        said = {
            "exit_code": exit_code,
            "files": [asdict(file) for file in inputs.files],
            "notes": list(inputs.notes),
            "rejects": inputs.rejects.to_dict(orient="records"),
        }
        click.echo(json.dumps(said, ensure_ascii=False, indent=2))
    else:
        print_inputs(inputs)
    return exit_code


@click.command(short_help="Print the tables' declarations.")
@click.argument("table", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the declarations as JSON.")
def schema(table: str | None, as_json: bool) -> int:
    """Print the tables a night reads and writes, or one TABLE: columns, units, rules, meaning."""
    from partsopt.report.schema import schema_of, schema_text
    from partsopt.tables import DERIVED_TABLES, INPUT_TABLES, OUTPUT_TABLES

    tables = {**INPUT_TABLES, **OUTPUT_TABLES, **DERIVED_TABLES}
    if table is not None:
        if table not in tables:
            raise click.UsageError(f"{table} is not a table; the tables are {', '.join(sorted(tables))}.")
        tables = {table: tables[table]}
    if as_json:
        import json

        click.echo(json.dumps([schema_of(one) for one in tables.values()], ensure_ascii=False, indent=2))
    else:
        click.echo(schema_text(tables.values()), nl=False)
    return 0
