"""CSV files in and out, as every feature's ``importing.py`` and ``exporting.py`` share them.

A feature offers ``import_rows(rows, *, campaign, dry_run) -> Report`` and ``export_rows(campaign) -> Iterator[dict]``.
Both deal with plain values: the formula guard (:func:`guard`, :func:`unguard`) is put on and taken off here and in the
commands, never by a feature.
"""

import csv
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, TypeVar

from flask_babel import gettext, ngettext

COLUMNS: dict[str, tuple[str, ...]] = {
    "supporters": (
        "email", "given_name", "family_name", "postal_code", "state", "country", "language", "phone",
        "tags", "source", "organization", "consented_at",
    ),
    "targets": (
        "campaign", "agency", "role", "holder", "holder_since", "email", "salutation", "channel",
        "timezone", "opens", "closes", "days", "per_hour", "digest_at",
    ),
    "organizations": ("name", "kind", "website", "country", "contact_name", "contact_email"),
    "endorsements": (
        "petition", "name", "kind", "signer_name", "signer_title", "signer_email", "signed_on", "website",
    ),
}  # fmt: skip
"""The columns that the README promises, in the order in which they are written."""

REQUIRED: dict[str, tuple[str, ...]] = {
    "supporters": ("email",),
    "targets": ("agency", "role"),
    "organizations": ("name", "kind"),
    "endorsements": ("petition", "name", "kind", "signer_name"),
}

CELL_LIMIT = 1_000_000
"""Characters of one cell; a longer one is a file with a quotation mark that never closes."""

T = TypeVar("T")


class Unreadable(Exception):
    """The file cannot be imported at all. The text is one sentence for the person."""


class Row(dict[str, str]):
    """One row's cleaned cells by column; ``line`` is where it begins in the file, ``problem`` why it cannot be used.

    A column that the file does not name has an empty cell, and is not in ``named``.
    """

    def __init__(
        self, cells: Mapping[str, str], line: int, problem: str = "", named: Iterable[str] = ()
    ) -> None:
        super().__init__(cells)
        self.line = line
        self.problem = problem
        self.named = frozenset(named)


@dataclass
class Report:
    """What an import did, or with ``dry_run`` would do: rows by outcome, and each refused line with its reason."""

    created: int = 0
    unchanged: int = 0
    updated: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, line: int, reason: str) -> None:
        """Keeps a line that could not be used, and why, in words that help to mend it."""
        self.refused.append((line, reason))

    def add(self, other: "Report") -> None:
        """Takes another report's rows into this one."""
        self.created += other.created
        self.unchanged += other.unchanged
        self.updated += other.updated
        self.refused.extend(other.refused)


def line_of(row: Mapping[str, str], default: int = 0) -> int:
    """The line on which a row begins; ``default`` for a plain dict."""
    return int(getattr(row, "line", default))


def names(row: Mapping[str, str], column: str) -> bool:
    """Whether the file has this column; a plain dict has what it holds."""
    return column in getattr(row, "named", row)


def usable(
    rows: Iterable[Mapping[str, str]], report: Report
) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows with their lines (plain dicts are counted from 2); broken ones are refused in ``report``."""
    for number, row in enumerate(rows, start=2):
        line, problem = line_of(row, number), getattr(row, "problem", "")
        if problem:
            report.refuse(line, problem)
        else:
            yield line, row


def batches(items: Iterable[T], size: int = 1000) -> Iterator[list[T]]:
    """The items in lists of at most ``size``, so that a large file never lies in memory."""
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


# A spreadsheet runs a cell that begins so as a formula, also behind white space (OWASP, "CSV Injection").
_RISKY = re.compile(r"'*\s*[=+\-@\t\r＝＋－＠]")
_GUARDED = re.compile(r"''*\s*[=+\-@\t\r＝＋－＠]")


def guard(value: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe in front where one would."""
    return f"'{value}" if _RISKY.match(value) else value


def unguard(value: str) -> str:
    """What :func:`guard` was given: ``unguard(guard(x)) == x`` for every text."""
    return value[1:] if _GUARDED.match(value) else value


def clean(value: str | None) -> str:
    """A cell as we keep it: the guard taken off, composed characters (NFC), no white space around it."""
    return unicodedata.normalize("NFC", unguard(value or "")).strip()


@dataclass
class Table:
    """An opened CSV file: which of its columns nobody knows, and its rows, read as they are asked for."""

    unknown: list[str]
    rows: Iterator[Row]


def read_csv(path: Path, what: str) -> Table:
    """Opens a CSV file of ``what`` ("supporters", "targets" …). UTF-8, with or without a byte order mark.

    Raises Unreadable with a sentence; also while the rows are read, when the encoding breaks further down.
    """
    return table(_lines(path), COLUMNS[what], REQUIRED[what], path.name)


def table(
    lines: Iterable[str], columns: tuple[str, ...], required: tuple[str, ...], name: str
) -> Table:
    """The rows of CSV text given line by line, checked against the columns it may and must have."""
    csv.field_size_limit(CELL_LIMIT)
    reader = csv.reader(lines)
    try:
        header = [clean(cell).lower() for cell in next(reader)]
    except StopIteration:
        raise Unreadable(
            gettext("%(name)s is empty: the first line should name the columns.", name=name)
        ) from None
    except csv.Error as error:
        raise Unreadable(
            gettext(
                "The first line of %(name)s cannot be read (%(error)s).", name=name, error=error
            )
        ) from error
    missing = [column for column in required if column not in header]
    if missing:
        raise Unreadable(
            ngettext(
                "%(name)s lacks the column %(missing)s; the first line should name the columns, separated by commas: %(columns)s.",
                "%(name)s lacks the columns %(missing)s; the first line should name the columns, separated by commas: %(columns)s.",
                len(missing),
                name=name,
                missing=", ".join(missing),
                columns=", ".join(columns),
            )
        )
    twice = sorted({column for column in header if column in columns and header.count(column) > 1})
    if twice:
        raise Unreadable(
            gettext(
                "%(name)s names the column %(column)s twice: keep one of them.",
                name=name,
                column=twice[0],
            )
        )
    unknown = [column for column in header if column and column not in columns]
    return Table(unknown, _rows(reader, header, columns, name))


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from file
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"{path.name} is not UTF-8 text: save it again as “CSV UTF-8” and import that file."
        ) from error
    except OSError as error:
        raise Unreadable(f"{path} cannot be read ({error.strerror}).") from error


def _rows(reader: Any, header: list[str], columns: tuple[str, ...], name: str) -> Iterator[Row]:
    line = reader.line_num + 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Unreadable(
                gettext(
                    "Line %(line)s of %(name)s cannot be read (%(error)s): perhaps a quotation mark there never closes.",
                    line=line,
                    name=name,
                    error=error,
                )
            ) from error
        if any(cell.strip() for cell in cells):
            yield _row(cells, header, columns, line)
        line = reader.line_num + 1


def _row(cells: list[str], header: list[str], columns: tuple[str, ...], line: int) -> Row:
    values = dict.fromkeys(columns, "")
    for column, cell in zip(header, cells, strict=False):
        if column in values:
            values[column] = clean(cell)
    problem = ""
    if any(cell.strip() for cell in cells[len(header) :]):
        problem = gettext(
            "it has %(cells)s cells where the first line names %(columns)s columns: perhaps a comma is not inside quotation marks",
            cells=len(cells), columns=len(header),
        )  # fmt: skip
    elif any("\x00" in value for value in values.values()):
        problem = gettext("it holds a NUL character")
    return Row(values, line, problem, header)


def write_csv(file: TextIO, columns: Iterable[str], rows: Iterable[Mapping[str, object]]) -> int:
    """Writes rows under a header, each cell guarded, and returns how many there were (RFC 4180 line ends)."""
    columns = list(columns)
    writer = csv.writer(file)
    writer.writerow(columns)
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007  # the number of the last row is the count
        writer.writerow([guard("" if row.get(c) is None else str(row[c])) for c in columns])
    return count
