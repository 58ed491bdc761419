"""The suggested letters of a campaign folder: ``letters/<agency>.<language>.md`` (campaign/demo/README.md)."""

from pathlib import Path

from sqlalchemy.dialects.postgresql import insert

from campaign import frontmatter
from campaign.coalition.models import Campaign
from campaign.extensions import db
from campaign.frontmatter import Entry, Keys
from campaign.importing import Report
from campaign.letters import merging, rules
from campaign.letters.desk_forms import REQUEST_LENGTH, SALUTATION_LENGTH
from campaign.letters.models import LetterTemplate
from campaign.offices.models import SALUTATION
from campaign.web.forms import MergeFields
from campaign.web.languages import speaking

LETTER = Keys(
    shared={"agency": str},
    translated={"subject": str, "request": str, "prompts": list, "salutation": str},
    optional=("salutation",),
    repeated=("agency",),
)


def read_letters(folder: Path, languages: list[str]) -> list[Entry]:
    """Every agency's letter, in order of file name. Raises FileRefused."""
    entries = [
        frontmatter.read(folder / "letters", stem, LETTER, languages)
        for stem in frontmatter.stems(folder / "letters")
    ]
    for entry in entries:
        _check(entry)
    for entry in entries[1:]:
        if entry.body != entries[0].body:
            raise entry.refuse(
                f"the suggested words must be the same as in {entries[0].path.name}: a writer writes once."
            )
    return entries


def _check(entry: Entry) -> None:
    """As the desk's form checks what is written there: what no writer could send, and fields that nothing is put in for."""
    for what, texts, known, (least, most) in (
        ("subject", entry.texts["subject"], merging.WRITER, rules.SUBJECT_LENGTH),
        ("text", entry.body, merging.WRITER, rules.BODY_LENGTH),
        (
            "request",
            entry.texts["request"],
            (*merging.WRITER, *merging.OFFICE),
            (0, REQUEST_LENGTH),
        ),
        ("salutation", entry.texts.get("salutation", {}), SALUTATION, (0, SALUTATION_LENGTH)),
    ):
        for language, text in texts.items():
            n = len(text.strip())
            if not least <= n <= most:
                raise entry.refuse(
                    f"the {what} ({language}) has {n} characters, not {least} to {most}."
                )
            with speaking("en"):
                problem = MergeFields(*known).problem(text)
            if problem:
                raise entry.refuse(f"the {what} ({language}): {problem}")


def write_letters(entries: list[Entry], campaign: Campaign) -> Report:
    """Makes the letter templates that the campaign does not have yet; the desk edits those that are there."""
    report = Report()
    for position, entry in enumerate(entries, start=1):
        texts = entry.texts
        made = db.session.execute(
            insert(LetterTemplate)
            .values(
                campaign_id=campaign.id,
                agency=entry.shared["agency"],
                position=position,
                subject=texts["subject"],
                body=entry.body,
                request=texts["request"],
                salutation=texts.get("salutation", {}),
                prompts={
                    language: "\n".join(lines) for language, lines in texts["prompts"].items()
                },
            )
            .on_conflict_do_nothing(
                index_elements=[LetterTemplate.campaign_id, LetterTemplate.agency]
            )
            .returning(LetterTemplate.id)
        ).all()
        report.add(Report(created=len(made), unchanged=1 - len(made)))
    db.session.commit()
    return report
