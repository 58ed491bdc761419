"""Supporters from a CSV file: one row a person, or one row for each organization that a person agreed to.

An import adds; it never changes what is there and never subscribes anyone anew who had stopped. People with a
``consented_at`` count as confirmed since then: the coalition that imports them vouches for their consent.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, literal, select, text
from sqlalchemy.dialects.postgresql import insert

from campaign.clock import utcnow
from campaign.coalition import queries as campaigns
from campaign.coalition.models import Organization, SourceCode
from campaign.coalition.naming import slug_of
from campaign.counts import journal
from campaign.extensions import db
from campaign.importing import Report, batches, usable
from campaign.supporters import queries
from campaign.supporters.models import CampaignSupporter, Consent, Supporter
from campaign.supporters.rows import Given, read
from campaign.web.languages import LANGUAGES

WORDING = "Imported: the consent was given elsewhere."
NOBODYS = "website"
"""The source of whom no partner brought."""


@dataclass(frozen=True)
class _Line:
    """A usable line: the person, and the number of the organization that it names (None: none)."""

    number: int
    given: Given
    organization_id: int | None

    @property
    def key(self) -> str:
        return self.given.email.lower()


def import_rows(
    rows: Iterable[Mapping[str, str]], *, campaign: str | None = None, dry_run: bool = False
) -> Report:
    """Adds the people and consents that are not there yet, a thousand lines a transaction.

    With ``campaign`` (a slug; ValueError where there is none) those who consented become its supporters. With
    ``dry_run`` nothing is kept.
    """
    campaign_id = campaigns.campaign_id(campaign)
    report = Report()
    for batch in batches(usable(rows, report)):
        lines = _readable(batch, report)
        if lines:
            _import(lines, campaign_id, report)
        if dry_run:
            db.session.rollback()
        else:
            db.session.commit()
    return report


def _readable(batch: list[tuple[int, Mapping[str, str]]], report: Report) -> list[_Line]:
    read_lines: list[tuple[int, Given]] = []
    latest = utcnow() + timedelta(days=1)
    for number, row in batch:
        try:
            read_lines.append((number, read(row, set(LANGUAGES), latest)))
        except ValueError as error:
            report.refuse(number, str(error))
    numbers = _organizations({given.organization for _, given in read_lines})
    stopped = queries.alert_suppressions([given.email for _, given in read_lines])
    lines = []
    for number, given in read_lines:
        organization_id = numbers.get(slug_of(given.organization)) if given.organization else None
        if given.organization and organization_id is None:
            report.refuse(
                number,
                f"there is no organization {given.organization!r}: import organizations first",
            )
        elif stopped.get(given.email.lower()) == "erased":
            report.refuse(number, "this person asked to be deleted")
        else:
            lines.append(_Line(number, given, organization_id))
    return lines


def _organizations(names: set[str]) -> dict[str, int]:
    slugs = {slug_of(name) for name in names if name}
    rows = db.session.execute(
        select(Organization.slug, Organization.id).where(Organization.slug.in_(slugs))
    )
    return {row.slug: row.id for row in rows}


def _import(lines: list[_Line], campaign_id: int | None, report: Report) -> None:
    _source_codes(lines)
    ids, created = _people(lines)
    stopped = queries.alert_suppressions([line.key for line in lines])
    consents = {
        (ids[line.key], line.organization_id): line
        for line in reversed(lines)
        if line.given.consented_at and line.organization_id and not _will_not(stopped.get(line.key))
    }
    given = _consents(consents)
    _confirm({pair[0]: line for pair, line in consents.items() if pair in given})
    joined = _join(campaign_id, consents) if campaign_id is not None else set()
    counted: set[int] = set()
    for line in lines:
        number = ids[line.key]
        pair = (number, line.organization_id)
        if number in created and number not in counted:
            report.created += 1
        elif (
            pair[1] is not None
            and (pair in given or number in joined)
            and consents.get((number, pair[1])) is line
        ):
            report.updated += 1
        else:
            report.unchanged += 1
        counted.add(number)


def _will_not(reason: str | None) -> bool:
    """Whether an address is suppressed because the person said so; a returned message says nothing of consent."""
    return reason in ("unsubscribed", "complaint", "person")


def _source_codes(lines: list[_Line]) -> None:
    codes = {
        line.given.source: line.organization_id
        for line in reversed(lines)
        if line.organization_id and line.given.source and line.given.source != NOBODYS
    }
    if codes:
        values = [
            {"code": code, "organization_id": number, "created_at": utcnow()}
            for code, number in sorted(codes.items())
        ]
        db.session.execute(insert(SourceCode).values(values).on_conflict_do_nothing())


# A batch goes as one JSON parameter: a thousand rows of separate ones take longer to compile than to insert.
# The rows are sorted, so that two imports could never wait for each other.
_PEOPLE = text(
    """
    INSERT INTO supporter (email, given_name, family_name, postal_code, state, country, language,
        phone, tags, source, created_at)
    SELECT email, given_name, family_name, postal_code, state, country, language, phone, tags, source, :now
    FROM jsonb_to_recordset(CAST(:people AS jsonb)) AS p (email text, given_name text, family_name text,
        postal_code text, state text, country text, language text, phone text, tags text[], source text)
    ORDER BY lower(email)
    ON CONFLICT (lower(email)) DO NOTHING RETURNING id
    """
)
_KNOWN = text(
    """
    SELECT a.address, s.id FROM unnest(CAST(:addresses AS text[])) AS a (address)
    JOIN supporter s ON lower(s.email) = lower(a.address)
    """
)


def _people(lines: list[_Line]) -> tuple[dict[str, int], set[int]]:
    """The supporters' numbers by lower-case address, and which of them are new."""
    first: dict[str, Given] = {}
    for line in lines:
        first.setdefault(line.key, line.given)
    people = json.dumps([given.person() for given in first.values()])
    created = set(db.session.execute(_PEOPLE, {"people": people, "now": utcnow()}).scalars())
    known = db.session.execute(_KNOWN, {"addresses": list(first)})
    return {row.address: row.id for row in known}, created


_CONSENTS = text(
    """
    INSERT INTO consent (supporter_id, organization_id, given_at, wording, source)
    SELECT supporter_id, organization_id, given_at, :wording, source
    FROM jsonb_to_recordset(CAST(:consents AS jsonb))
        AS c (supporter_id bigint, organization_id bigint, given_at timestamptz, source text)
    ORDER BY supporter_id, organization_id
    ON CONFLICT (supporter_id, organization_id) DO NOTHING RETURNING supporter_id, organization_id
    """
)


def _consents(consents: dict[tuple[int, int], _Line]) -> set[tuple[int, int]]:
    """Writes the consents that are not there, withdrawn ones included, and returns the new ones."""
    if not consents:
        return set()
    values = [
        {
            "supporter_id": supporter_id,
            "organization_id": organization_id,
            "given_at": line.given.consented_at,
            "source": line.given.source,
        }
        for (supporter_id, organization_id), line in consents.items()
    ]
    rows = db.session.execute(
        _CONSENTS, {"consents": json.dumps(values, default=datetime.isoformat), "wording": WORDING}
    )
    return {(row.supporter_id, row.organization_id) for row in rows}


_CONFIRM = text(
    """
    UPDATE supporter s SET confirmed_at = v.at
    FROM unnest(CAST(:ids AS bigint[]), CAST(:ats AS timestamptz[])) AS v (id, at)
    WHERE s.id = v.id AND s.confirmed_at IS NULL RETURNING s.id
    """
)


def _confirm(people: dict[int, _Line]) -> None:
    if not people:
        return
    rows = db.session.execute(
        _CONFIRM,
        {"ids": list(people), "ats": [line.given.consented_at for line in people.values()]},
    ).all()
    journal.record([journal.Change("supporters.confirmed", len(rows))])


def _join(campaign_id: int, consents: dict[tuple[int, int], _Line]) -> set[int]:
    """Makes those who let an organization write to them supporters of the campaign; returns the new ones."""
    pairs = list(consents)
    if not pairs:
        return set()
    agreed = (
        select(literal(campaign_id, BigInteger), Supporter.id, Supporter.confirmed_at)
        .where(
            Supporter.id.in_([supporter_id for supporter_id, _ in pairs]),
            Supporter.confirmed_at.is_not(None),
            select(Consent.id)
            .where(Consent.supporter_id == Supporter.id, Consent.withdrawn_at.is_(None))
            .exists(),
        )
        .order_by(Supporter.id)
    )
    rows = db.session.execute(
        insert(CampaignSupporter)
        .from_select(["campaign_id", "supporter_id", "joined_at"], agreed)
        .on_conflict_do_nothing()
        .returning(CampaignSupporter.supporter_id)
    )
    new = set(rows.scalars())
    journal.record([journal.Change("supporters.joined", len(new), campaign_id)])
    return new
