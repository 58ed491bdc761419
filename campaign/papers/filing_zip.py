"""The layout of a filing with one file a letter: a ZIP with an index in the agency's own fields."""

import csv
import io
import tempfile
import zipfile
from collections.abc import Sequence
from typing import Any

from campaign.importing import guard
from campaign.letters import message
from campaign.letters.models import Letter
from campaign.papers import comment_fields, paper
from campaign.papers.filing_files import (
    PIECE,
    Job,
    Sink,
    day_of,
    message_of,
    office_of,
    statement,
    template_of,
)


def fields_of(job: Job, letter: Letter, email: str, comment: str) -> tuple[str, dict[str, str]]:
    """The kind of submitter, and the agency's fields of one letter.

    A writer who did not agree to stand by name in public is anonymous: then nothing but the words is told.
    """
    fields = {
        "commentOnDocumentId": job.document,
        "submissionType": "API",
        "comment": comment,
        "sendEmailReceipt": "false",
        "numItemsReceived": "1",
    }
    if not letter.named_in_public:
        return comment_fields.ANONYMOUS, fields
    return comment_fields.INDIVIDUAL, fields | {
        "firstName": letter.given_name,
        "lastName": letter.family_name,
        "email": email,
        "stateProvinceRegion": letter.us_state,
        "zip": letter.postal_code,
        "country": "United States" if letter.us_state else "",
    }


class Zip:
    """``letters/000001.txt`` …, ``index.csv`` and ``does-not-fit.csv``."""

    batch = 500

    def __init__(self, job: Job) -> None:
        self.job = job
        self.template = template_of(job)
        self.target = office_of(job)
        name = f"comments-{job.document or job.docket}-{job.made_on}.zip"
        self.sink = Sink(job.filing_id, 1, name)
        self.zip = zipfile.ZipFile(self.sink, "w", zipfile.ZIP_DEFLATED)
        self.index = _Table(comment_fields.COLUMNS)
        self.missing = _Table(("row", "file", "field", "why"))
        self._own()

    def _own(self) -> None:
        """The coalition's own comment, to which the letters can be attached, is row 0.

        What type of organization that is the agency's own list has, so that whoever files writes it in.
        """
        job = self.job
        said = "\n\n".join(statement(job))
        fields = {
            "commentOnDocumentId": job.document, "submissionType": "API", "organization": job.lead, "comment": said,
            "sendEmailReceipt": "false", "numItemsReceived": "1",
        }  # fmt: skip
        self.zip.writestr("about.txt", f"{job.lead}\n{paper.day_text(job.made_on)}\n\n{said}\n")
        self._row(0, "about.txt", comment_fields.ORGANIZATION, fields, "")

    def _row(
        self, row: int, file: str, submitter: str, fields: dict[str, str], group: str
    ) -> list[tuple[str, str]]:
        missing = comment_fields.misfits(fields, submitter)
        for field, why in missing:
            self.missing.add({"row": str(row), "file": file, "field": field, "why": why})
        self.index.add(
            fields
            | {
                "row": str(row),
                "file": file,
                "submitterType": submitter,
                "formLetterGroup": group,
                "doesNotFit": "; ".join(f"{field}: {why}" for field, why in missing),
            }
        )
        return missing

    def write(self, letters: Sequence[tuple[Letter, str]], row: int) -> list[dict[str, Any]]:
        """One file a letter, one row in the index."""
        found = []
        for number, (letter, email) in enumerate(letters, start=row + 1):
            text = message_of(letter, self.target, self.template)
            submitter, fields = fields_of(
                self.job, letter, email, "\n\n".join(text.own_and_request)
            )
            file = f"letters/{number:06}.txt"
            self.zip.writestr(file, _as_file(text, letter, number))
            group = self.job.numbers.get(letter.fingerprint)
            missing = self._row(number, file, submitter, fields, str(group) if group else "")
            found += [
                {"row": number, "letter_id": letter.id, "field": field, "why": why}
                for field, why in missing
            ]
        return found

    def close(self) -> None:
        """The tables come last, from where they were kept on the disk meanwhile."""
        for name, table in (("index.csv", self.index), ("does-not-fit.csv", self.missing)):
            with self.zip.open(name, "w") as out:
                table.copy_to(out)
        self.zip.close()
        self.sink.end()


class _Table:
    """A CSV table that is kept on the disk until it is copied into the ZIP."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.file = tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as the table
        text = io.TextIOWrapper(self.file, encoding="utf-8", newline="", write_through=True)
        self.text = text
        self.rows = csv.DictWriter(text, columns, restval="", lineterminator="\r\n")
        self.rows.writeheader()

    def add(self, row: dict[str, str]) -> None:
        """Adds a row; cells that a spreadsheet would take for a formula are made plain text."""
        self.rows.writerow({key: guard(value) for key, value in row.items()})

    def copy_to(self, out: Any) -> None:
        """Copies the table, a piece at a time."""
        self.text.flush()
        self.file.seek(0)
        while piece := self.file.read(PIECE):
            out.write(piece)
        self.text.close()


def _as_file(text: message.Message, letter: Letter, number: int) -> str:
    day = day_of(letter)
    parts = [
        f"Letter {number}{', ' + paper.day_text(day) if day else ''}", text.subject, text.salutation, *text.own_and_request,
        "\n".join(part for part in (f"{text.signoff}\n", text.name, text.place) if part), text.note,
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part).replace("\n", "\r\n") + "\r\n"
