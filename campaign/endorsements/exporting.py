"""Approved endorsements as CSV rows, in the order of the public lists."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import literal_column, select, tuple_

from campaign.coalition import queries as coalition
from campaign.coalition.models import Campaign
from campaign.endorsements.models import Endorsement
from campaign.extensions import db
from campaign.petitions.models import Petition

BATCH = 2000


def export_rows(campaign: str | None = None) -> Iterator[dict[str, str]]:
    """The approved endorsements of all campaigns, or of one (a slug; ValueError where there is none).

    Read by key, a batch at a time. Only approved ones: loaded elsewhere, they count as approved there.
    """
    query = (
        select(Petition.id, Petition.slug)
        .join(Campaign, Campaign.id == Petition.campaign_id)
        .order_by(Campaign.id, Petition.position, Petition.id)
    )
    if campaign:
        query = query.where(Petition.campaign_id == coalition.campaign_id(campaign))
    petitions: list[Any] = list(db.session.execute(query))
    for petition_id, slug in petitions:
        yield from _of_petition(petition_id, slug)


def _of_petition(petition_id: int, slug: str) -> Iterator[dict[str, str]]:
    expert: Any = literal_column("(endorsement.kind = 'individual')")
    place = (expert, Endorsement.position, Endorsement.id)
    query = (
        select(Endorsement)
        .where(
            Endorsement.petition_id == petition_id,
            Endorsement.state == literal_column("'approved'"),
        )
        .order_by(*place)
        .limit(BATCH)
    )
    last: tuple[bool, int, int] | None = None
    while True:
        page = query if last is None else query.where(tuple_(*place) > tuple_(*last))
        rows = list(db.session.scalars(page))
        for row in rows:
            yield {
                "petition": slug,
                "name": row.name,
                "kind": row.kind,
                "signer_name": row.signer_name,
                "signer_title": row.signer_title,
                "signer_email": row.signer_email,
                "signed_on": row.signed_on.isoformat(),
                "website": row.website,
            }
        if len(rows) < BATCH:
            return
        last = (rows[-1].kind == "individual", rows[-1].position, rows[-1].id)
        db.session.rollback()
