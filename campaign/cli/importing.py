"""``campaign import``: CSV files, and whole campaigns from a folder, into this instance."""

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import click

from campaign.cli import Refused, print_json, with_app
from campaign.importing import Report, Row, Unreadable, read_csv

IMPORTERS = {
    "supporters": "campaign.supporters.importing",
    "targets": "campaign.offices.importing",
    "organizations": "campaign.coalition.importing",
    "endorsements": "campaign.endorsements.importing",
}
SHOWN = 10_000
"""Refused lines that ``--json`` lists; their number is always exact."""


@click.command("import")
@click.argument("what", type=click.Choice([*IMPORTERS, "campaign"]))
@click.argument("path", metavar="FILE.csv|FOLDER", type=click.Path(path_type=Path))
@click.option("--campaign", metavar="SLUG", help="The campaign that the rows belong to.")
@click.option("--dry-run", is_flag=True, help="Change nothing, but say what would happen.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_app
def import_(what: str, path: Path, campaign: str | None, dry_run: bool, as_json: bool) -> None:
    """Loads a CSV file (UTF-8, with a header row), or with "campaign" a campaign's folder.

    What is there already stays as it is, so a second run changes nothing. Each line that could not be used is printed
    with its reason, and the others are loaded all the same. Exit code 0 where anything was loaded or was there
    already, 1 where nothing could be.
    """
    if what == "campaign":
        reports = _folder(path, campaign, dry_run)
    else:
        reports = {what: _file(what, path, campaign, dry_run, quiet=as_json)}
    done = sum(report.created + report.updated + report.unchanged for report in reports.values())
    if as_json:
        print_json(_as_json(what, reports, dry_run))
    else:
        for name, report in reports.items():
            _print(name, report, dry_run)
    if not done and any(report.refused for report in reports.values()):
        raise SystemExit(1)


def _file(what: str, path: Path, campaign: str | None, dry_run: bool, quiet: bool) -> Report:
    try:
        table = read_csv(path, what)
        if table.unknown:
            click.echo(
                f"Ignored, since nobody knows these columns: {', '.join(table.unknown)}", err=True
            )
        rows = _counted(table.rows, shown=not quiet and sys.stderr.isatty())
        report: Report = import_module(IMPORTERS[what]).import_rows(
            rows, campaign=campaign, dry_run=dry_run
        )
    except (Unreadable, ValueError) as error:
        raise Refused(_sentence(str(error))) from error
    return report


def _folder(path: Path, campaign: str | None, dry_run: bool) -> dict[str, Report]:
    if campaign or dry_run:
        option = "--campaign" if campaign else "--dry-run"
        raise click.UsageError(
            f"{option} does not go with a folder, which names its campaign itself."
        )
    from campaign.frontmatter import FileRefused

    load_folder = import_module("campaign.demo.loader").load_folder
    try:
        reports: dict[str, Report] = load_folder(path)
    except FileRefused as error:
        raise Refused(str(error)) from error
    return reports


def _counted(rows: Iterable[Row], shown: bool) -> Iterator[Row]:
    """The rows, with a line on the terminal that says how many have been read."""
    last = time.monotonic()
    number = 0
    for number, row in enumerate(rows, start=1):
        if shown and time.monotonic() - last > 0.5:
            last = time.monotonic()
            click.echo(f"\r{number:,} lines read …", nl=False, err=True)
        yield row
    if shown and number > 5000:
        click.echo(f"\r{number:,} lines read.  ", err=True)


def _print(name: str, report: Report, dry_run: bool) -> None:
    verb = "would be new" if dry_run else "new"
    parts = [f"{report.created:,} {verb}", f"{report.unchanged:,} there already"]
    if report.updated:
        parts.insert(1, f"{report.updated:,} {'would be changed' if dry_run else 'changed'}")
    parts.append(f"{len(report.refused):,} refused")
    click.echo(f"{name}: {', '.join(parts)}")
    for line, reason in sorted(report.refused):
        click.echo(f"  line {line}: {reason}")


def _as_json(what: str, reports: dict[str, Report], dry_run: bool) -> dict[str, object]:
    listed = {}
    for name, report in reports.items():
        values = asdict(report)
        values["refused"] = len(report.refused)
        values["refused_lines"] = [
            {"line": line, "reason": reason} for line, reason in sorted(report.refused)[:SHOWN]
        ]
        listed[name] = values
    if what == "campaign":
        return {"dry_run": dry_run, "imported": listed}
    return {"what": what, "dry_run": dry_run, **listed[what]}


def _sentence(text: str) -> str:
    # A file's name keeps its case.
    if "." not in text.partition(" ")[0]:
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
