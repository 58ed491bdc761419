"""Petitions and their documents from a campaign folder: ``petitions/<slug>/`` (campaign/demo/README.md)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from campaign import frontmatter
from campaign.coalition import documents
from campaign.coalition.folder import start_of
from campaign.coalition.models import Campaign, Document
from campaign.coalition.naming import is_slug
from campaign.extensions import db
from campaign.frontmatter import Entry, FileRefused, Keys
from campaign.importing import Report, Unreadable, table
from campaign.petitions.models import Petition, PetitionVersion

PETITION = Keys(
    shared={
        "slug": str,
        "agency": str,
        "version": int,
        "published": date,
        "filed": date,
        "petitioner": str,
        "petitioner_address": str,
        "submit_to": str,
        "authority": str,
    },
    translated={"agency_name": str, "legal_form": str, "title": str, "summary": str},
    optional=("filed",),
)
DOCUMENT_COLUMNS = ("file", "language")


@dataclass
class Attached:
    """A row of documents.csv with the file that it names."""

    file: documents.Checked
    title: dict[str, str]
    language: str


@dataclass
class Folder:
    """One petition's folder, read and checked."""

    entry: Entry
    attached: list[Attached]


def read_petitions(folder: Path, languages: list[str]) -> list[Folder]:
    """Every ``petitions/<slug>/`` with its documents, in order of slug. Raises FileRefused."""
    found = []
    for place in sorted(path for path in (folder / "petitions").glob("*") if path.is_dir()):
        entry = frontmatter.read(place, "petition", PETITION, languages)
        if entry.shared["slug"] != place.name or not is_slug(place.name):
            raise entry.refuse(
                f"slug must be the folder's name, {place.name}, in lower-case letters, digits and hyphens."
            )
        if entry.shared["version"] < 1:
            raise entry.refuse("version counts from 1.")
        found.append(Folder(entry, list(_attached(place / "documents", languages))))
    return found


def _attached(folder: Path, languages: list[str]) -> Iterable[Attached]:
    listing = folder / "documents.csv"
    if not listing.exists():
        return
    titles = tuple(f"title_{language}" for language in languages)
    columns = (*DOCUMENT_COLUMNS, *titles)
    try:
        with listing.open(encoding="utf-8-sig", newline="") as lines:
            rows = table(lines, columns, ("file", *titles), listing.name)
            if rows.unknown:
                raise FileRefused(listing, f"the column {rows.unknown[0]!r} is not known.")
            for row in rows.rows:
                if row.problem:
                    raise FileRefused(listing, f"line {row.line}: {row.problem}.")
                yield _one(folder, listing, row, languages)
    except Unreadable as error:
        raise FileRefused(listing, str(error)) from error
    except UnicodeDecodeError as error:
        raise FileRefused(listing, "it is not UTF-8 text.") from error


def _one(folder: Path, listing: Path, row: Any, languages: list[str]) -> Attached:
    place = folder / row["file"]
    if not row["file"] or place.parent != folder or not place.is_file():
        raise FileRefused(
            listing, f"line {row.line}: there is no file {row['file']!r} in this folder."
        )
    if place.stat().st_size > documents.LARGEST:
        raise FileRefused(place, f"{documents.DocumentRefused('large')}.")
    title = {language: row[f"title_{language}"] for language in languages}
    if not all(title.values()):
        raise FileRefused(listing, f"line {row.line}: a title is missing.")
    if row["language"] and row["language"] not in languages:
        raise FileRefused(
            listing,
            f"line {row.line}: language is {row['language']!r}: use one of {', '.join(languages)}.",
        )
    try:
        return Attached(documents.check(row["file"], place.read_bytes()), title, row["language"])
    except documents.DocumentRefused as error:
        raise FileRefused(place, f"{error}.") from error


def write_petitions(folders: list[Folder], campaign: Campaign) -> Report:
    """Makes the petitions, versions and documents that are not there yet.

    A published version never changes, so a file that says something else under the same number is refused.
    """
    report = Report()
    for position, folder in enumerate(folders, start=1):
        report.add(_write(folder, campaign, position))
    db.session.commit()
    return report


def _write(folder: Folder, campaign: Campaign, position: int) -> Report:
    number = folder.entry.shared["version"]
    petition = _petition(folder.entry, campaign, position)
    values = _version(folder.entry, campaign)
    versions = {
        row.number: row
        for row in db.session.execute(
            select(PetitionVersion).where(PetitionVersion.petition_id == petition.id)
        ).scalars()
    }
    there = versions.get(number)
    if there is not None:
        if any(
            getattr(there, key) != value for key, value in values.items() if key != "published_at"
        ):
            db.session.rollback()
            raise folder.entry.refuse(
                f"version {there.number} is published with other words and never changes: "
                f"give the new words the version {max(versions) + 1}."
            )
        return Report(unchanged=1)
    if number != max(versions, default=0) + 1:
        db.session.rollback()
        raise folder.entry.refuse(f"the next version is {max(versions, default=0) + 1}.")
    version = PetitionVersion(petition_id=petition.id, number=number, **values)
    db.session.add(version)
    db.session.flush()
    db.session.add_all(
        _document(one, version.id, place) for place, one in enumerate(folder.attached, start=1)
    )
    return Report(created=1)


def _petition(entry: Entry, campaign: Campaign, position: int) -> Petition:
    """The petition, made where it is not there yet, and locked."""
    said = entry.shared
    db.session.execute(
        insert(Petition)
        .values(
            campaign_id=campaign.id, slug=said["slug"], agency=said["agency"], position=position
        )
        .on_conflict_do_nothing(index_elements=[Petition.campaign_id, Petition.slug])
    )
    return db.session.execute(
        select(Petition)
        .where(Petition.campaign_id == campaign.id, Petition.slug == said["slug"])
        .with_for_update()
    ).scalar_one()


def _document(one: Attached, version_id: int, position: int) -> Document:
    return Document(
        petition_version_id=version_id,
        position=position,
        language=one.language,
        title=one.title,
        filename=one.file.filename,
        media_type=one.file.media_type,
        size=len(one.file.content),
        sha256=one.file.sha256,
        content=one.file.content,
    )


def _version(entry: Entry, campaign: Campaign) -> dict[str, Any]:
    said, texts = entry.shared, entry.texts
    facts: dict[str, Any] = {
        key: said[key] for key in ("petitioner", "petitioner_address", "submit_to", "authority")
    }
    facts |= {"legal_form": texts["legal_form"], "agency_name": texts["agency_name"]}
    if "filed" in said:
        facts["filed"] = said["filed"].isoformat()
    return {
        "title": texts["title"],
        "summary": texts["summary"],
        "body": entry.body,
        "facts": facts,
        "published_at": start_of(said["published"], campaign.timezone),
    }


def load_petitions(folder: Path, campaign: Campaign) -> Report:
    """Reads and writes a folder's petitions; a second time changes nothing. Raises FileRefused."""
    return write_petitions(read_petitions(folder, campaign.languages), campaign)
