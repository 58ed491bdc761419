"""``campaign export``: CSV files out of this instance, in the columns of the import."""

import contextlib
import itertools
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

import click

from campaign.cli import Refused, print_json, with_app
from campaign.importing import COLUMNS, write_csv

EXPORTERS = {
    "supporters": ("campaign.supporters.exporting", "export_rows"),
    "letters": ("campaign.letters.exporting", "export_rows"),
    "endorsements": ("campaign.endorsements.exporting", "export_rows"),
    "deliveries": ("campaign.letters.exporting", "export_deliveries"),
    "targets": ("campaign.offices.exporting", "export_rows"),
}

Rows = Iterator[Mapping[str, object]]


@click.command()
@click.argument("what", type=click.Choice(list(EXPORTERS)))
@click.option("--campaign", metavar="SLUG", help="Only this campaign's.")
@click.option(
    "--output", metavar="FILE.csv", type=click.Path(path_type=Path, dir_okay=False), required=True
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_app
def export(what: str, campaign: str | None, output: Path, as_json: bool) -> None:
    """Writes a CSV file that only its owner can read, since it holds personal data.

    A file of that name is replaced once the new one is whole. A cell that a spreadsheet would run as a formula begins
    with an apostrophe, which "campaign import" takes off again.
    """
    module, function = EXPORTERS[what]
    try:
        exporter = import_module(module)
        rows, columns = _opened(getattr(exporter, function), campaign, _columns(exporter, what))
        with private_file(output) as file:
            n = write_csv(file, columns, rows)
    except ValueError as error:
        text = str(error)
        raise Refused(text[:1].upper() + text[1:].rstrip(".") + ".") from error
    except OSError as error:
        raise Refused(f"{output} cannot be written ({error.strerror}).") from error
    if as_json:
        print_json({"what": what, "campaign": campaign, "rows": n, "output": str(output)})
    else:
        click.echo(f"{what}: {n:,} rows in {output}")


def _columns(exporter: Any, what: str) -> Sequence[str] | None:
    return COLUMNS.get(what) or getattr(exporter, f"{what.upper()}_COLUMNS", None)


def _opened(
    export_rows: Callable[[str | None], Rows], campaign: str | None, columns: Sequence[str] | None
) -> tuple[Rows, Sequence[str]]:
    """The rows and their columns; the first row is read now, so that a wrong campaign is noticed before a file is made."""
    rows = export_rows(campaign)
    first = next(rows, None)
    if first is None:
        return iter(()), columns or ()
    return itertools.chain([first], rows), columns or list(first)


@contextlib.contextmanager
def private_file(path: Path) -> Iterator[TextIO]:
    """A new file beside ``path``, readable by its owner alone, that takes its place when the block ends well."""
    folder = path.absolute().parent
    # mkstemp makes it with mode 0600.
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=f".{path.name}-", suffix=".part")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise
