"""The command line: the only speaker to people.

Each command makes three moves: read, call, write. An error becomes one sentence and an exit
code (``docs/operating.md``). Heavy libraries are imported inside the commands, so that
``--help`` answers at once.
"""

from __future__ import annotations

import sys

import click

from partsopt import __version__
from partsopt.commands.dispatch import dispatch
from partsopt.commands.forecast import forecast
from partsopt.commands.inputs import schema, validate
from partsopt.commands.levels import levels
from partsopt.commands.network import init, sample
from partsopt.commands.night import run
from partsopt.commands.sheets import sheets
from partsopt.commands.verify import verify
from partsopt.errors import PartsoptError

EXIT_WRONG_USAGE = 64
EXIT_FAULT = 70
EXIT_INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="partsopt")
def partsopt() -> None:
    """Plan a parts network's night: forecasts, levels, orders, allocation and deliveries."""


for _command in (init, validate, run, verify, dispatch, sheets, forecast, levels, sample, schema):
    partsopt.add_command(_command)


def main() -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(answer(sys.argv[1:]))


def answer(arguments: list[str]) -> int:
    """Run one command and give its exit code.

    Examples
    --------
    >>> answer(["--version"])
    partsopt, version 0.1.0
    0
    """
    try:
        code = partsopt.main(args=arguments, prog_name="partsopt", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        return EXIT_WRONG_USAGE
    except click.ClickException as error:
        error.show()
        return EXIT_WRONG_USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted; nothing was published.", err=True)
        return EXIT_INTERRUPTED
    except PartsoptError as error:
        click.echo(f"Error: {error}", err=True)
        return error.exit_code
    except Exception:  # noqa: BLE001  a fault of this program must not look like exit 1, "published"
        import traceback

        traceback.print_exc()
        click.echo("Error: a fault in partsopt itself; nothing was published. Please report the lines above.", err=True)
        return EXIT_FAULT
    return int(code or 0)
