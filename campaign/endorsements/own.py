"""Endorsements on the own page of a supporter who signed some, in their data, and when a person is deleted."""

from typing import Any

from sqlalchemy import func, select, update

from campaign.clock import utcnow
from campaign.endorsements import commands, cosigners, keys, kinds, notices
from campaign.endorsements.models import Endorsement
from campaign.extensions import db
from campaign.mail import forgetting
from campaign.petitions.models import Petition
from campaign.supporters.models import Supporter

ALIVE = ("confirmed", "approved")


def _signed_by(supporter: Supporter) -> list[tuple[Endorsement, Petition]]:
    query = (
        select(Endorsement, Petition)
        .join(Petition, Petition.id == Endorsement.petition_id)
        .where(
            func.lower(Endorsement.signer_email) == supporter.email.lower(),
            Endorsement.confirmed_at.is_not(None),
        )
        .order_by(Endorsement.id)
        .limit(100)
    )
    return [(row, petition) for row, petition in db.session.execute(query)]


def section(supporter: Supporter) -> tuple[str, dict[str, Any]] | None:
    """What this address signed, with the way to each signature's own page."""
    rows = [(row, petition, keys.own_page_token(row.id)) for row, petition in _signed_by(supporter)]
    return (
        ("endorsements/own_section.html", {"rows": rows, "states": kinds.STATES}) if rows else None
    )


def gather(supporter: Supporter) -> list[dict[str, Any]]:
    """The signatures of this address, for the data that a person can take away."""
    return [
        {
            "petition": petition.slug,
            "name": row.name,
            "kind": row.kind,
            "website": row.website,
            "signer_name": row.signer_name,
            "signer_title": row.signer_title,
            "signed_on": row.signed_on.isoformat(),
            "state": row.state,
        }
        for row, petition in _signed_by(supporter)
    ]


def erase(supporter: Supporter) -> None:
    """Takes the person out of what they signed, in the caller's transaction.

    An expert's own signature is withdrawn and its name emptied. An organization's stays, since it is the organization's
    act; who signed for it is emptied.
    """
    rows = commands.held_of(supporter.email)
    for row in rows:
        alone = row.kind == "individual"
        if row.state == "unconfirmed" or (alone and row.state in ALIVE):
            if row.state == "approved":
                cosigners.remove(row.campaign_id, row.name_key, [row.petition_id])
            commands.move(row, "withdrawn", decided_at=utcnow())
        nobody = {"signer_name": "", "signer_title": "", "signer_email": ""}
        if alone or row.state == "withdrawn":
            nobody |= {"name": "", "name_key": f"erased {row.id}", "website": "", "domain": ""}
        db.session.execute(update(Endorsement).where(Endorsement.id == row.id).values(**nobody))
    ids = [row.id for row in rows]
    for origin in (notices.APPROVED, notices.DECLINED):
        forgetting.forget(origin, 0, ids)
