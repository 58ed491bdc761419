"""Reading petitions and their versions."""

from dataclasses import dataclass

from sqlalchemy import func, select

from campaign.extensions import db
from campaign.petitions.models import Petition, PetitionVersion


@dataclass(frozen=True)
class Current:
    """A petition with the version that is in force."""

    petition: Petition
    version: PetitionVersion


def of_campaign(campaign_id: int) -> list[Current]:
    """The campaign's petitions with a published version, in their order."""
    newest = (
        select(PetitionVersion.petition_id, func.max(PetitionVersion.number).label("number"))
        .join(Petition, Petition.id == PetitionVersion.petition_id)
        .where(Petition.campaign_id == campaign_id, PetitionVersion.published_at.is_not(None))
        .group_by(PetitionVersion.petition_id)
        .subquery()
    )
    rows = db.session.execute(
        select(Petition, PetitionVersion)
        .join(newest, newest.c.petition_id == Petition.id)
        .join(
            PetitionVersion,
            (PetitionVersion.petition_id == Petition.id)
            & (PetitionVersion.number == newest.c.number),
        )
        .order_by(Petition.position, Petition.id)
    )
    return [Current(petition, version) for petition, version in rows]
