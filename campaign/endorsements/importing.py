"""Endorsements from a CSV file: the coalition vouches for them, so they are approved and public at once.

The order of the rows is the order of the list, behind those who have a place already. What is there stays as it is;
a name that withdrew, or that the desk declined, is not signed anew by an import.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from campaign.clock import utcnow
from campaign.coalition import queries as coalition
from campaign.coalition import registering
from campaign.coalition.models import KINDS
from campaign.counts import journal
from campaign.endorsements import cosigners
from campaign.endorsements.commands import SUPERSEDED
from campaign.endorsements.models import DUPLICATE, UNPLACED, Endorsement
from campaign.endorsements.names import domain_of, name_key, tidy_website
from campaign.extensions import db
from campaign.importing import Report, batches, usable
from campaign.petitions.models import Petition, PetitionVersion

LENGTHS = {"name": 200, "signer_name": 120, "signer_title": 120}


@dataclass(frozen=True)
class _Target:
    """A petition that the file may name, in its newest published version."""

    campaign_id: int
    petition_id: int
    version_id: int
    slug: str


def import_rows(
    rows: Iterable[Mapping[str, str]], *, campaign: str | None = None, dry_run: bool = False
) -> Report:
    """Adds the endorsements that are not there yet, a thousand lines a transaction.

    ``campaign`` (a slug; ValueError where there is none) says whose petitions are meant; without it a petition's slug
    must be unique. With ``dry_run`` nothing is kept.
    """
    targets = _targets(campaign)
    places: dict[int, int] = {}
    seen: set[tuple[int, str]] = set()
    report = Report()
    for batch in batches(usable(rows, report)):
        _import(batch, targets, places, seen, report)
        if dry_run:
            db.session.rollback()
        else:
            db.session.commit()
    return report


def _targets(campaign: str | None) -> dict[str, list[_Target]]:
    newest = (
        select(
            PetitionVersion.petition_id,
            func.max(PetitionVersion.number).label("number"),
        )
        .where(PetitionVersion.published_at.is_not(None))
        .group_by(PetitionVersion.petition_id)
        .subquery()
    )
    query: Any = (
        select(Petition.campaign_id, Petition.id, PetitionVersion.id, Petition.slug)
        .join(newest, newest.c.petition_id == Petition.id)
        .join(
            PetitionVersion,
            (PetitionVersion.petition_id == Petition.id)
            & (PetitionVersion.number == newest.c.number),
        )
    )
    if campaign:
        query = query.where(Petition.campaign_id == coalition.campaign_id(campaign))
    targets: dict[str, list[_Target]] = defaultdict(list)
    for row in db.session.execute(query):
        targets[row.slug].append(_Target(*row))
    return targets


def _import(
    batch: list[tuple[int, Mapping[str, str]]],
    targets: dict[str, list[_Target]],
    places: dict[int, int],
    seen: set[tuple[int, str]],
    report: Report,
) -> None:
    lines: list[tuple[int, _Target, dict[str, Any]]] = []
    for line, row in batch:
        try:
            target = _target(row.get("petition", ""), targets)
            values = _values(row)
        except ValueError as error:
            report.refuse(line, str(error))
            continue
        key = (target.petition_id, values["name_key"])
        if key in seen:
            # The same file names it twice.
            report.unchanged += 1
            continue
        seen.add(key)
        lines.append((line, target, values))
    known = _known(lines)
    fresh = []
    for line, target, values in lines:
        state = known.get((target.petition_id, values["name_key"]))
        if state in ("confirmed", "approved"):
            report.unchanged += 1
        elif state == "withdrawn":
            report.refuse(
                line, "this name has withdrawn its signature; only the signer can sign anew"
            )
        elif state == "declined":
            report.refuse(line, "the desk has declined this signature; approve it there")
        else:
            fresh.append((line, target, values))
    _add(fresh, places, report)


def _target(slug: str, targets: dict[str, list[_Target]]) -> _Target:
    found = targets.get(slug, [])
    if not slug:
        raise ValueError("petition is empty")
    if not found:
        raise ValueError(f"there is no published petition {slug!r}")
    if len(found) > 1:
        raise ValueError(f"several campaigns have a petition {slug!r}: say which with --campaign")
    return found[0]


def _values(row: Mapping[str, str]) -> dict[str, Any]:
    name = " ".join(row.get("name", "").split())
    if not any(character.isalnum() for character in name):
        raise ValueError("name is empty")
    kind = row.get("kind", "").lower()
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}: use one of {', '.join(KINDS)}")
    if not row.get("signer_name"):
        raise ValueError("signer_name is empty: an endorsement needs the person who signed")
    values: dict[str, Any] = {
        "name": name,
        "name_key": name_key(name),
        "kind": kind,
        "signer_name": row["signer_name"],
        "signer_title": row.get("signer_title", ""),
        "signer_email": _email(row.get("signer_email", "")),
        "signed_on": _day(row.get("signed_on", "")),
    }
    for column, longest in LENGTHS.items():
        if len(values[column]) > longest:
            raise ValueError(f"{column} is longer than {longest} characters")
        if any(ord(character) < 32 for character in values[column]):
            raise ValueError(f"{column} holds a control character or a line break")
    try:
        values["website"] = tidy_website(row.get("website", ""))
    except ValueError:
        raise ValueError("website is not a web address like https://example.org") from None
    values["domain"] = domain_of(values["website"])
    return values


def _email(text: str) -> str:
    if not text:
        return ""
    try:
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        raise ValueError("signer_email is not an email address") from None


def _day(text: str) -> date:
    today = utcnow().date()
    if not text:
        return today
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"signed_on is {text!r}: write a date like 2026-09-02") from None
    if day > today:
        raise ValueError(f"signed_on is {text}, which is yet to come")
    return day


def _known(lines: list[tuple[int, _Target, dict[str, Any]]]) -> dict[tuple[int, str], str]:
    """The states of these names' signatures: a live one before an ended one, and the newest of those."""
    keys = {values["name_key"] for _line, _target, values in lines}
    petition_ids = {target.petition_id for _line, target, _values in lines}
    rows = db.session.execute(
        select(Endorsement.petition_id, Endorsement.name_key, Endorsement.state)
        .where(
            Endorsement.name_key.in_(keys),
            Endorsement.petition_id.in_(petition_ids),
            Endorsement.state != "unconfirmed",
            Endorsement.decision.not_in((DUPLICATE, SUPERSEDED)),
        )
        .order_by(Endorsement.id)
    )
    known: dict[tuple[int, str], str] = {}
    for petition_id, key, state in rows:
        if known.get((petition_id, key)) not in ("confirmed", "approved"):
            known[petition_id, key] = state
    return known


def _add(
    fresh: list[tuple[int, _Target, dict[str, Any]]], places: dict[int, int], report: Report
) -> None:
    if not fresh:
        return
    cosigners.take_turns(target.campaign_id for _line, target, _values in fresh)
    named = [registering.Named(v["name"], v["kind"], v["website"]) for _line, _target, v in fresh]
    organizations = registering.ensure(named)
    now, prepared = utcnow(), []
    for _line, target, values in fresh:
        place = places.get(target.petition_id) or _next_place(target.petition_id)
        places[target.petition_id] = place + 1
        prepared.append(
            {
                **values,
                "campaign_id": target.campaign_id,
                "petition_id": target.petition_id,
                "petition_version_id": target.version_id,
                "organization_id": organizations[values["name"]],
                "submission": f"import:{values['name_key']}",
                "state": "approved",
                "position": place,
                "created_at": now,
                "confirmed_at": now,
                "decided_at": now,
            }
        )
    made: Any = db.session.execute(
        insert(Endorsement)
        # A signature of the same name that was confirmed this very moment stays.
        .on_conflict_do_nothing()
        .returning(Endorsement.petition_id, Endorsement.name_key),
        # As parameters: a statement of a thousand rows spelt out is slow to put together.
        prepared,
    )
    new = {(petition_id, key) for petition_id, key in made}
    report.created += len(new)
    report.unchanged += len(prepared) - len(new)
    _count(
        [row for row in prepared if (row["petition_id"], row["name_key"]) in new],
        {target.petition_id: target for _line, target, _values in fresh},
    )


def _next_place(petition_id: int) -> int:
    highest = db.session.execute(
        select(func.max(Endorsement.position)).where(
            Endorsement.petition_id == petition_id,
            Endorsement.state == "approved",
            Endorsement.position < UNPLACED,
        )
    ).scalar()
    return (highest or 0) + 1


def _count(rows: list[dict[str, Any]], targets: dict[int, _Target]) -> None:
    """The campaign's list and the journal, for the rows that are new."""
    cosigners.add(
        cosigners.Signer(
            campaign_id=row["campaign_id"],
            organization_id=row["organization_id"],
            name=row["name"],
            name_key=row["name_key"],
            kind=row["kind"],
            title=row["signer_title"] if row["kind"] == "individual" else "",
            website=row["website"],
            position=row["position"],
            petition_ids=[row["petition_id"]],
        )
        for row in rows
    )
    numbers = Counter(row["petition_id"] for row in rows)
    journal.record(
        journal.Change(
            "endorsements.approved",
            n,
            targets[petition_id].campaign_id,
            targets[petition_id].slug,
        )
        for petition_id, n in sorted(numbers.items())
    )
