"""The four offices of the founding case, each with rules of its own, and how a letter to each must read."""

import csv
from dataclasses import dataclass
from pathlib import Path

import frontmatter

from campaign.demonstration.people import FOUNDING_CASE

SPANISH_NOTE = "This letter is written in Spanish."
SPANISH_SALUTATION = "De mi mayor consideración:"
"""The founding case's letters open so in Spanish, to every office (letters/*.es.md)."""


@dataclass(frozen=True)
class Office:
    """An office, open around the clock so that the demonstration ends in a minute."""

    agency: str
    email: str
    salutation: str
    """As the office reads it, with the holder's name."""
    timezone: str
    per_hour: int | None = None


OFFICES = (
    Office("DHS", "secretary@dhs.example", "Dear Secretary Napolitano:", "America/New_York"),
    Office("DHS", "director@ice.dhs.example", "Dear Director Morton:", "America/Los_Angeles"),
    Office(
        "DOJ",
        "attorney.general@doj.example",
        "Dear Attorney General Holder:",
        "Pacific/Honolulu",
        36_000,
    ),
    Office("DOJ", "director@eoir.doj.example", "Dear Director:", "America/Chicago"),
)
"""The Attorney General's takes ten letters a second and no more; EOIR's director is not known in our source."""


def write_targets(path: Path) -> None:
    """The founding case's offices as a CSV file for `campaign import targets`, with the hours of OFFICES."""
    rules = {office.email: office for office in OFFICES}
    with (FOUNDING_CASE / "targets.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows, columns = list(reader), list(reader.fieldnames or ())
    for row in rows:
        office = rules[row["email"]]
        row |= {"opens": "00:00", "closes": "24:00", "days": "mon-sun", "timezone": office.timezone}
        row["per_hour"] = str(office.per_hour or "")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def requests() -> dict[tuple[str, str], str]:
    """What each (agency, language)'s letters ask at their end."""
    found = {}
    for path in (FOUNDING_CASE / "letters").glob("*.md"):
        entry = frontmatter.load(str(path))
        language = path.name.split(".")[1]
        found[path.name.split(".")[0].upper(), language] = str(entry["request"])
    return found
