"""``partsopt sheets``: what drivers and carriers take along, on paper."""

from __future__ import annotations

from pathlib import Path

import click

from partsopt.commands.verify import run_argument
from partsopt.errors import SettingsError, StorageError


@click.command(short_help="Print route sheets of a run as PDF.")
@run_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="A file ending in .pdf, or a folder: then one file for each DC. Default: route_sheets.pdf.",
)
@click.option("--depot", default="", metavar="SITE", help="Only what leaves this site.")
def sheets(place: Path, out: Path | None, depot: str) -> int:
    """Print a sheet for every trip of RUN and for every handover to a carrier, with a code to scan for each stop.

    RUN is the folder of a night or of a dispatch, or a data directory: its newest dispatch of the current
    night is then meant, else the night. Needs ReportLab: pip install 'partsopt[sheets]'.

    Exit codes: 0 written; 2 ReportLab lacks or SITE is none; 4 the folder holds no run, or storage failed.
    """
    from partsopt.report.route_sheets import route_sheets_of
    from partsopt.report.sheet_pdf import pdf_of
    from partsopt.store.written import dispatched_folder, read_planned

    folder = dispatched_folder(place)
    today, planned, used = read_planned(folder)
    sites = used["sites"]
    if depot and depot not in set(sites["site_id"]):
        centres = ", ".join(sorted(sites.loc[sites["site_kind"].eq("dc"), "site_id"]))
        raise SettingsError(f'--depot is "{depot}", which is no site of {folder.name}; its DCs are {centres}.')
    made = route_sheets_of(planned, used, today, only=depot)
    file = out or Path("route_sheets.pdf")
    files = {file: made}
    if file.suffix.lower() != ".pdf":
        origins = sorted({sheet.origin_id for sheet in made})
        files = {file / f"{folder.name}-{one}.pdf": [each for each in made if each.origin_id == one] for one in origins}
    for name, some in files.items():
        _write(name, pdf_of(some, folder.name))
    n_trips = sum(sheet.is_trip for sheet in made)
    said = ", ".join(str(name) for name in files) or "no file"
    click.echo(f"{n_trips} trips and {len(made) - n_trips} handovers of {folder.name}: {said}")
    return 0


def _write(file: Path, content: bytes) -> None:
    part = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(file)
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error}. Give another --out.") from error
