"""The two layouts of a filing: a ZIP with one file a letter and an index, or PDFs of five hundred letters each.

Both write into the database a megabyte at a time and hold no file whole.
"""

import csv
import io
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from campaign.extensions import db
from campaign.importing import guard
from campaign.letters import message
from campaign.letters.models import Letter, LetterTemplate
from campaign.letters.render import templates_of
from campaign.offices.models import Target
from campaign.papers import assembling, comment_fields, paper
from campaign.papers.models import FilingPart

PIECE = 1 << 20
IN_A_PDF = 500
"""Letters in one PDF at most: regulations.gov takes attachments of 10 MB at most."""


@dataclass(frozen=True)
class Job:
    """What is filed, in plain values, so that commits on the way change nothing of it."""

    filing_id: int
    campaign_id: int
    layout: str
    upto: int
    letters: int
    alone: int
    forms: int
    groups: int
    campaign: str
    lead: str
    agency: str
    docket: str
    document: str
    period: str
    made_on: str
    numbers: dict[int, int]
    """The number of the group of near-identical letters by fingerprint."""


class Layout(Protocol):
    """Writes letters in order, a batch at a time."""

    batch: int

    def write(self, letters: Sequence[tuple[Letter, str]], row: int) -> list[dict[str, Any]]:
        """Writes (letter, email address) of a batch, of which the first is row ``row + 1``; returns what does not fit."""

    def close(self) -> None:
        """Writes what comes last."""


class Sink(io.RawIOBase):
    """A file that goes into the database piece by piece; it cannot be read or sought."""

    def __init__(self, filing_id: int, file: int, name: str) -> None:
        super().__init__()
        self.key = {"filing_id": filing_id, "file": file, "name": name}
        self.number = 0
        self.held = bytearray()

    def writable(self) -> bool:
        """It takes bytes."""
        return True

    def write(self, data: Any) -> int:
        """Takes bytes, and gives them to the database by the megabyte."""
        self.held += data
        while len(self.held) >= PIECE:
            self._give(bytes(self.held[:PIECE]))
            del self.held[:PIECE]
        return len(data)

    def end(self) -> None:
        """Gives the rest."""
        if self.held:
            self._give(bytes(self.held))
            self.held.clear()

    def _give(self, content: bytes) -> None:
        part = FilingPart(**self.key, number=self.number, size=len(content), content=content)
        db.session.add(part)
        db.session.flush()
        db.session.expunge(part)
        self.number += 1


def fields_of(job: Job, letter: Letter, email: str, comment: str) -> tuple[str, dict[str, str]]:
    """The kind of submitter, and the agency's fields of one letter.

    A writer who did not agree to stand by name in public is anonymous: then nothing but the words is told.
    """
    fields = {
        "commentOnDocumentId": job.document,
        "submissionType": "API",
        "comment": comment,
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


def alike(job: Job) -> str:
    """How many of the letters are unlike any other, and how many are not, as ACUS Recommendation 2021-1 asks."""
    groups = "1 group" if job.groups == 1 else f"{job.groups:,} groups"
    rest = f", {job.forms:,} in {groups} of nearly identical ones" if job.forms else ""
    return f"{job.alone:,} unlike any other{rest}"


def statement(job: Job) -> list[str]:
    """What the coalition says of the letters that it files: how many there are, and how many alike."""
    people = "1 person has" if job.letters == 1 else f"{job.letters:,} people have"
    said = [
        f"Through a campaign of {job.lead}, {people} written to {job.agency} on this docket. Each letter follows as its "
        "writer wrote it; each writer confirmed an email address, and wrote one letter.",
        f"Of these letters {alike(job)}.",
        "Writers who did not agree to stand by name in public are given as anonymous.",
    ]  # fmt: skip
    return said


class Zip:
    """``letters/000001.txt`` …, ``index.csv`` and ``does-not-fit.csv``."""

    batch = 500

    def __init__(self, job: Job) -> None:
        self.job = job
        self.template = _template(job)
        self.target = _office(job)
        name = f"comments-{job.document or job.docket}-{job.made_on}.zip"
        self.sink = Sink(job.filing_id, 1, name)
        self.zip = zipfile.ZipFile(self.sink, "w", zipfile.ZIP_DEFLATED)
        self.index = _Table(comment_fields.COLUMNS)
        self.missing = _Table(("row", "file", "field", "why"))
        self._own()

    def _own(self) -> None:
        """The coalition's own comment, to which the letters are attached, is row 0."""
        job = self.job
        said = "\n\n".join(statement(job))
        fields = {
            "commentOnDocumentId": job.document, "submissionType": "API", "organization": job.lead, "comment": said,
        }  # fmt: skip
        self.zip.writestr("about.txt", f"{job.lead}\n{job.made_on}\n\n{said}\n")
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
            text = _message(letter, self.target, self.template)
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


class Pdf:
    """One PDF, or one for each five hundred letters."""

    batch = IN_A_PDF

    def __init__(self, job: Job) -> None:
        self.job = job
        self.template = _template(job)
        self.target = _office(job)
        self.file = 0

    def write(self, letters: Sequence[tuple[Letter, str]], row: int) -> list[dict[str, Any]]:
        """One PDF. Its length is not limited, so that only what has no length to exceed can be missing: nothing."""
        self.file += 1
        first, last = row + 1, row + len(letters)
        several = self.job.letters > IN_A_PDF
        part = f"-{first}-{last}" if several else ""
        name = f"comments-{self.job.document or self.job.docket}-{self.job.made_on}{part}.pdf"
        sink = Sink(self.job.filing_id, self.file, name)
        data = self._data(letters, first, last if several else 0)
        sink.write(assembling.assemble(data, paper.compile_, lambda n: None))
        sink.end()
        return []

    def close(self) -> None:
        """Nothing comes last."""

    def _data(self, letters: Sequence[tuple[Letter, str]], first: int, last: int) -> dict[str, Any]:
        job = self.job
        rows = [
            ("Docket", job.docket), ("Document", job.document), ("Comment period", job.period),
            ("Submitted by", job.lead), ("Date", job.made_on),
            ("Letters", f"{first:,} to {last:,} of {job.letters:,}" if last else f"{job.letters:,}"),
            ("Of these", alike(job)),
        ]  # fmt: skip
        return {
            "title": f"Comments on {job.document}",
            "lead": job.lead,
            "running": f"{job.lead} on {job.document}",
            "form": {
                "legal_form": "Public comments",
                "title": job.campaign,
                "rows": [{"label": label, "value": value} for label, value in rows if value],
                "said": statement(job),
            },
            "cover": None,
            "words": paper.WORDS,
            "petition": None,
            "letters": [
                self._letter(number, letter) for number, (letter, _) in enumerate(letters, first)
            ],
            "cosigners": [],
        }

    def _letter(self, number: int, letter: Letter) -> dict[str, Any]:
        text = _message(letter, self.target, self.template)
        group = self.job.numbers.get(letter.fingerprint)
        return paper.set_letter(
            number, text, letter, email="", group=f"Form letter group {group}" if group else ""
        )


LAYOUTS: dict[str, Any] = {"zip": Zip, "pdf": Pdf}


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


def _template(job: Job) -> LetterTemplate | None:
    found = templates_of([job.campaign_id]).get((job.campaign_id, job.agency))
    if found is not None:
        db.session.expunge(found)
    return found


def _office(job: Job) -> Target:
    return Target(agency=job.agency, role="the agency", salutation="")


def _message(letter: Letter, target: Target, template: LetterTemplate | None) -> message.Message:
    named = letter.named_in_public
    person = message.Person(
        letter.given_name if named else "Anonymous",
        letter.family_name if named else "",
        letter.postal_code if named else "",
        letter.us_state,
    )
    return message.message(
        target, "", template, person, letter.subject, letter.body, letter.language
    )


def _as_file(text: message.Message, letter: Letter, number: int) -> str:
    day = paper.day_text(letter.confirmed_at.date()) if letter.confirmed_at else ""
    parts = [
        f"Letter {number}{', ' + day if day else ''}", text.subject, text.salutation, *text.own_and_request,
        "\n".join(part for part in (f"{text.signoff}\n", text.name, text.place) if part), text.note,
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part).replace("\n", "\r\n") + "\r\n"
