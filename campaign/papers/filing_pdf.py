"""The layout of a filing as PDFs, of five hundred letters each."""

from collections.abc import Sequence
from typing import Any

from campaign.letters.models import Letter
from campaign.papers import glyphs, paper
from campaign.papers.filing_files import (
    Job,
    Sink,
    alike,
    day_of,
    message_of,
    office_of,
    statement,
    template_of,
)

IN_A_PDF = 500
"""Letters in one PDF at most: regulations.gov takes attachments of 10 MB at most."""


class Pdf:
    """One PDF, or one for each five hundred letters."""

    batch = IN_A_PDF

    def __init__(self, job: Job) -> None:
        self.job = job
        self.template = template_of(job)
        self.target = office_of(job)
        self.file = 0

    def write(self, letters: Sequence[tuple[Letter, str]], row: int) -> list[dict[str, Any]]:
        """One PDF. Its length is not limited, so that only what has no length to exceed can be missing: nothing."""
        self.file += 1
        from campaign.papers import assembling  # here for the reason that `paper` gives

        first, last = row + 1, row + len(letters)
        several = self.job.letters > IN_A_PDF
        part = f"-{first}-{last}" if several else ""
        name = f"comments-{self.job.document or self.job.docket}-{self.job.made_on}{part}.pdf"
        sink = Sink(self.job.filing_id, self.file, name)
        data = self._data(letters, first, last if several else 0)
        glyphs.mark(data["letters"])
        sink.write(assembling.assemble(data, paper.compile_, lambda n: None))
        sink.end()
        return []

    def close(self) -> None:
        """Nothing comes last."""

    def _data(self, letters: Sequence[tuple[Letter, str]], first: int, last: int) -> dict[str, Any]:
        job = self.job
        rows = [
            ("Docket", job.docket), ("Document", job.document), ("Comment period", job.period),
            ("Submitted by", job.lead), ("Date", paper.day_text(job.made_on)),
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
        text = message_of(letter, self.target, self.template)
        group = self.job.numbers.get(letter.fingerprint)
        kind = f"Form letter group {group}" if group else ""
        return paper.set_letter(number, text, letter, email="", day=day_of(letter), group=kind)
