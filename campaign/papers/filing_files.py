"""What the two layouts of a filing (filing_zip, filing_pdf) share: the job, what is said of the letters, each letter's text.

Both write into the database a megabyte at a time and hold no file whole.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from campaign.extensions import db
from campaign.letters import message
from campaign.letters.models import Letter, LetterTemplate
from campaign.letters.render import templates_of
from campaign.offices.models import Target
from campaign.papers.models import FilingPart
from campaign.petitions import docketing

PIECE = 1 << 20


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
    made_on: date
    numbers: dict[int, int]
    """The number of the group of near-identical letters by fingerprint."""


class Layout(Protocol):
    """Writes letters in order, a batch at a time."""

    batch: int

    def write(self, letters: Sequence[tuple[Letter, str]], row: int) -> list[dict[str, Any]]:
        """Writes (letter, email address) of a batch, of which the first is row ``row + 1``; returns what does not fit."""

    def close(self) -> None:
        """Writes what comes last."""


def alike(job: Job) -> str:
    """How many of the letters are unlike any other, and how many are not, as ACUS Recommendation 2021-1 asks."""
    rest = f", {job.forms:,} {_groups(job)}" if job.forms else ""
    return f"{job.alone:,} unlike any other{rest}"


def statement(job: Job) -> list[str]:
    """What the coalition says of the letters that it files: how many there are, and how many alike."""
    rest = f"{_verb(job.forms)} {_groups(job)}"
    people = "1 person has" if job.letters == 1 else f"{job.letters:,} people have"
    return [
        f"Through a campaign of {job.lead}, {people} written to {job.agency} on this docket. Each letter follows as its "
        "writer wrote it; each writer confirmed an email address, and wrote one letter.",
        f"Of these letters, {_verb(job.alone)} unlike any other{', ' + rest if job.forms else ''}.",
        "Writers who did not agree to stand by name in public are given as anonymous.",
    ]  # fmt: skip


def _verb(n: int) -> str:
    return f"{n:,} {'is' if n == 1 else 'are'}"


def _groups(job: Job) -> str:
    groups = "1 group" if job.groups == 1 else f"{job.groups:,} groups"
    return f"in {groups} of nearly identical ones"


def template_of(job: Job) -> LetterTemplate | None:
    """What the campaign suggests for the agency."""
    found = templates_of([job.campaign_id]).get((job.campaign_id, job.agency))
    if found is not None:
        db.session.expunge(found)
    return found


def day_of(letter: Letter) -> date | None:
    """The day on which a letter was confirmed, where the comment period has its days: in Washington."""
    at = letter.confirmed_at
    return at.astimezone(docketing.WASHINGTON).date() if at else None


def office_of(job: Job) -> Target:
    """The agency itself as the letters' office."""
    return Target(agency=job.agency, role=job.agency, salutation="")


def message_of(letter: Letter, target: Target, template: LetterTemplate | None) -> message.Message:
    """A letter as it is filed; of a writer who did not agree to stand by name in public without the name."""
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
