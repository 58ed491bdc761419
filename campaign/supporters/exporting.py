"""Supporters as CSV rows: one for each consent in force, and one for a person who gave none."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row, select

from campaign.coalition import queries as campaigns
from campaign.coalition.models import Organization
from campaign.extensions import db
from campaign.importing import COLUMNS
from campaign.supporters.models import CampaignSupporter, Consent, Supporter

BATCH = 2000
_OF_CONSENTS = ("organization", "consented_at")


def export_rows(campaign: str | None = None) -> Iterator[dict[str, str]]:
    """All supporters, or a campaign's (a slug; ValueError where there is none), in the columns of the import.

    Read by key, a batch at a time. A withdrawn consent does not appear: loaded elsewhere, it would be given again.
    """
    campaign_id = campaigns.campaign_id(campaign)
    last = 0
    while True:
        people = _people(last, campaign_id)
        if not people:
            return
        agreed = _agreed([person.id for person in people])
        for person in people:
            for organization, at in agreed.get(person.id, [("", "")]):
                yield _row(person, organization, at)
        last = people[-1].id
        db.session.rollback()


def _people(last: int, campaign_id: int | None) -> Sequence[Row[Any]]:
    columns = [
        getattr(Supporter, name) for name in COLUMNS["supporters"] if name not in _OF_CONSENTS
    ]
    query = select(Supporter.id, *columns).where(Supporter.id > last, Supporter.erased_at.is_(None))
    if campaign_id is not None:
        query = query.join(CampaignSupporter, CampaignSupporter.supporter_id == Supporter.id).where(
            CampaignSupporter.campaign_id == campaign_id
        )
    return db.session.execute(query.order_by(Supporter.id).limit(BATCH)).all()


def _agreed(supporter_ids: list[int]) -> dict[int, list[tuple[str, str]]]:
    rows = db.session.execute(
        select(Consent.supporter_id, Organization.name, Consent.given_at)
        .join(Organization, Organization.id == Consent.organization_id)
        .where(Consent.supporter_id.in_(supporter_ids), Consent.withdrawn_at.is_(None))
        .order_by(Consent.supporter_id, Consent.id)
    )
    agreed: dict[int, list[tuple[str, str]]] = {}
    for supporter_id, name, at in rows:
        agreed.setdefault(supporter_id, []).append((name, at.strftime("%Y-%m-%dT%H:%M:%SZ")))
    return agreed


def _row(person: Row[Any], organization: str, at: str) -> dict[str, str]:
    row = {**person._mapping, "organization": organization, "consented_at": at}
    row["tags"] = ";".join(person.tags)
    return {column: row[column] for column in COLUMNS["supporters"]}
