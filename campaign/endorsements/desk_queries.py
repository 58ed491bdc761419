"""What reads endorsements for the desk, each person's part of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select, true

from campaign.coalition.models import Campaign, Organization
from campaign.counts import queries as counters
from campaign.endorsements.models import STATES, Cosigner, Endorsement
from campaign.endorsements.names import name_key
from campaign.extensions import db
from campaign.petitions.models import Petition
from campaign.web.pages import Page, page_by_key


@dataclass(frozen=True)
class Scope:
    """Which endorsements someone may see: all, or those of a lead's organization and of the campaigns that it leads."""

    organization_id: int | None
    led: tuple[int, ...]
    """Campaigns led by that organization."""
    everything: bool

    def sees(self, row: Endorsement) -> bool:
        """Whether this endorsement is within."""
        return (
            self.everything
            or row.campaign_id in self.led
            or (row.organization_id is not None and row.organization_id == self.organization_id)
        )

    def leads(self, campaign_id: int) -> bool:
        """Whether the whole campaign is within."""
        return self.everything or campaign_id in self.led


def scope(role: str, organization_id: int | None) -> Scope:
    """What a role sees. The lead organization's leads see every organization's endorsements, other leads their own."""
    if role in ("organizer", "administrator"):
        return Scope(organization_id, (), True)
    if organization_id is None:
        return Scope(None, (), False)
    led = db.session.execute(
        select(Campaign.id).where(Campaign.lead_organization_id == organization_id)
    ).scalars()
    return Scope(organization_id, tuple(led), False)


def _within(limits: Scope) -> ColumnElement[bool]:
    if limits.everything:
        return true()
    own = Endorsement.organization_id == (limits.organization_id or 0)
    return or_(Endorsement.campaign_id.in_(limits.led), own) if limits.led else own


@dataclass(frozen=True)
class Choice:
    """A petition that the desk can narrow its list to."""

    campaign: Campaign
    petition: Petition


def choices(limits: Scope) -> list[Choice]:
    """The petitions of the campaigns, newest campaign first; a lead of no campaign gets those of all public ones."""
    rows = db.session.execute(
        select(Campaign, Petition)
        .join(Petition, Petition.campaign_id == Campaign.id)
        .order_by(Campaign.id.desc(), Petition.position, Petition.id)
        .limit(500)
    )
    found = [Choice(*row) for row in rows]
    if limits.everything:
        return found
    # A draft is nobody's but its leads'.
    return [
        one
        for one in found
        if one.campaign.id in limits.led or (not limits.led and one.campaign.published)
    ]


def page(
    limits: Scope,
    *,
    state: str = "",
    campaign_id: int | None = None,
    petition_id: int | None = None,
    text: str = "",
) -> Page[Any]:
    """One page of the list, newest first: rows of (Endorsement, Petition, Campaign)."""
    query: Any = (
        select(Endorsement, Petition, Campaign)
        .join(Petition, Petition.id == Endorsement.petition_id)
        .join(Campaign, Campaign.id == Endorsement.campaign_id)
        .where(_within(limits))
    )
    if state in STATES:
        query = query.where(Endorsement.state == state)
    if petition_id is not None:
        query = query.where(Endorsement.petition_id == petition_id)
    elif campaign_id is not None:
        query = query.where(Endorsement.campaign_id == campaign_id)
    if text:
        query = query.where(Endorsement.name_key.startswith(name_key(text), autoescape=True))
    return page_by_key(query, Endorsement.id)


def state_counts(limits: Scope, campaign_id: int | None, part: str | None) -> dict[str, int]:
    """Endorsements by state as of the last fold; nothing for whom the numbers of all are not."""
    if limits.everything:
        return counters.states("endorsements", campaign_id, part)
    wanted = [one for one in limits.led if campaign_id in (None, one)]
    sums: dict[str, int] = {}
    for one in wanted:
        for state, n in counters.states("endorsements", one, part).items():
            sums[state] = sums.get(state, 0) + n
    return sums


def by_id(endorsement_id: int, limits: Scope) -> Endorsement | None:
    """An endorsement that is within; None otherwise."""
    row = db.session.get(Endorsement, endorsement_id)
    return row if row is not None and limits.sees(row) else None


def missing(campaign_id: int, args: Any = None) -> Page[Any]:
    """Organizations of the coalition that have not co-signed the campaign, to be asked: rows of (Organization,)."""
    signed = exists().where(
        Cosigner.organization_id == Organization.id, Cosigner.campaign_id == campaign_id
    )
    query = select(Organization).where(Organization.kind != "individual", ~signed)
    return page_by_key(query, Organization.id, args=args)


def waiting_for(organization_ids: Sequence[int], campaign_id: int) -> set[int | None]:
    """Those of these organizations whose signature waits for approval."""
    return set(
        db.session.execute(
            select(Endorsement.organization_id).where(
                Endorsement.organization_id.in_(organization_ids),
                Endorsement.campaign_id == campaign_id,
                Endorsement.state == "confirmed",
            )
        ).scalars()
    )


def staff_name(user_id: int | None) -> str:
    """Who decided, for the desk's page; empty where nobody did."""
    from campaign.accounts.models import User

    user = db.session.get(User, user_id) if user_id else None
    return (user.name or user.email) if user else ""
