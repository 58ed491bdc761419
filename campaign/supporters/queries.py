"""Reading supporters, what they agreed to, and what waits for them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, or_, select
from werkzeug.datastructures import MultiDict

from campaign.coalition.models import Campaign, Organization
from campaign.columns import among, array
from campaign.extensions import db
from campaign.mail.models import Message, Suppression
from campaign.supporters.models import CampaignSupporter, Consent, SignUp, Supporter
from campaign.web.pages import Page, page_by_key

ALERT_ORIGIN = "alert"
"""The ledger's name for the messages of action alerts; their unit is the supporter."""


@dataclass(frozen=True)
class Agreed:
    """A consent as pages show it: to whom, since when, and until when (None: in force)."""

    organization_id: int
    organization: str
    given_at: datetime
    withdrawn_at: datetime | None
    wording: str
    source: str


@dataclass(frozen=True)
class Sent:
    """An alert's message to one person, by the ledger."""

    id: int
    campaign_id: int
    finished_at: datetime | None


def supporter(supporter_id: int) -> Supporter | None:
    """The supporter of this number; None where there is none, or everything about them was deleted."""
    found = db.session.get(Supporter, supporter_id)
    return found if found is not None and found.erased_at is None else None


def id_by_email(email: str, keep: bool = False) -> int | None:
    """The number of the supporter with this address, whatever its case; ``keep``: nobody deletes it before the commit."""
    query = select(Supporter.id).where(_address(email))
    if keep:
        query = query.with_for_update(read=True, key_share=True)
    return db.session.execute(query).scalar()


def by_email(email: str) -> Supporter | None:
    """The supporter with this address, whatever its case."""
    return db.session.execute(select(Supporter).where(_address(email))).scalar()


def email_of(supporter_id: int) -> str | None:
    """The address of a supporter; None where there is none, or it was deleted."""
    query = select(Supporter.email).where(
        Supporter.id == supporter_id, Supporter.erased_at.is_(None)
    )
    return db.session.execute(query).scalar()


def consents(supporter_id: int) -> list[Agreed]:
    """All that this person agreed to, withdrawn ones included, by organization."""
    rows = db.session.execute(
        select(
            Consent.organization_id,
            Organization.name,
            Consent.given_at,
            Consent.withdrawn_at,
            Consent.wording,
            Consent.source,
        )
        .join(Organization, Organization.id == Consent.organization_id)
        .where(Consent.supporter_id == supporter_id)
        .order_by(Organization.name)
    )
    return [Agreed(*row) for row in rows]


def consenting(organization_id: int, supporter_ids: Iterable[int]) -> set[int]:
    """Those of the supporters whom this organization may write to now; ask before each batch of messages."""
    query = select(Consent.supporter_id).where(
        Consent.organization_id == organization_id,
        among(Consent.supporter_id, supporter_ids),
        Consent.withdrawn_at.is_(None),
    )
    return set(db.session.scalars(query))


class Person(NamedTuple):
    """What a message to a supporter says of them."""

    id: int
    given_name: str
    family_name: str
    state: str


def to_write_to(
    organization_ids: Iterable[int], supporter_ids: Iterable[int]
) -> dict[tuple[int, int], Person]:
    """Those whom the organizations may write to now, by organization and supporter; ask before each batch of messages."""
    # Past SQLAlchemy, whose rows would cost more than the look-up of some hundred people.
    found = db.session.connection().exec_driver_sql(
        """
        SELECT o.id, s.id, s.given_name, s.family_name, s.state
        FROM unnest(%(organizations)s::bigint[]) AS o (id), unnest(%(supporters)s::bigint[]) AS asked (id),
        -- With a limit each is a look-up in an index; some hundred people seem to the planner worth a walk along all.
        LATERAL (SELECT FROM consent c WHERE c.supporter_id = asked.id AND c.organization_id = o.id
            AND c.withdrawn_at IS NULL LIMIT 1) AS agreed,
        LATERAL (SELECT * FROM supporter WHERE id = asked.id AND erased_at IS NULL LIMIT 1) AS s
        """,
        {"supporters": array(supporter_ids), "organizations": array(organization_ids)},
    )
    rows = found.cursor.fetchall() if found.cursor else []
    return {(row[0], row[1]): Person._make(row[1:]) for row in rows}


def has_consented(supporter_id: int, organization_id: int) -> bool:
    """Whether this organization may write to this person now."""
    return bool(consenting(organization_id, [supporter_id]))


def has_stopped(supporter_id: int, organization_id: int) -> bool:
    """Whether this person has taken back what this organization may do, or stopped all alerts."""
    query = select(Consent.id).where(
        Consent.supporter_id == supporter_id,
        Consent.organization_id == organization_id,
        Consent.withdrawn_at.is_not(None),
    )
    email = email_of(supporter_id)
    return db.session.scalar(query) is not None or bool(email and alert_suppression(email))


def organization_name(organization_id: int) -> str | None:
    """The name of an organization; None where there is none of that number."""
    return db.session.execute(
        select(Organization.name).where(Organization.id == organization_id)
    ).scalar()


def campaign(campaign_id: int) -> Campaign | None:
    """The campaign of this number."""
    return db.session.get(Campaign, campaign_id)


def campaigns_of(supporter_id: int) -> list[tuple[Campaign, datetime]]:
    """The campaigns that this person signed up to or wrote in, newest first, and since when."""
    rows = db.session.execute(
        select(Campaign, CampaignSupporter.joined_at)
        .join(CampaignSupporter, CampaignSupporter.campaign_id == Campaign.id)
        .where(CampaignSupporter.supporter_id == supporter_id)
        .order_by(CampaignSupporter.joined_at.desc())
    )
    return [(campaign, at) for campaign, at in rows]


def sign_ups_of(supporter_id: int) -> list[SignUp]:
    """This person's confirmed sign-up forms, newest first."""
    query = (
        select(SignUp)
        .where(SignUp.supporter_id == supporter_id, SignUp.confirmed_at.is_not(None))
        .order_by(SignUp.id.desc())
    )
    return list(db.session.scalars(query))


def alert_suppression(email: str) -> str | None:
    """Why this address gets no alerts at all; None: nothing stops them."""
    query = select(Suppression.reason).where(
        Suppression.address == email.strip().lower(),
        Suppression.scope.in_(("alerts", "all")),
        Suppression.lifted_at.is_(None),
    )
    # What weighs more first: someone may have unsubscribed and complained.
    return db.session.execute(query.order_by(Suppression.reason != "complaint")).scalar()


def alert_suppressions(emails: Iterable[str]) -> dict[str, str]:
    """Why those of the addresses that get no alerts at all get none, by lower-case address."""
    query = select(Suppression.address, Suppression.reason).where(
        Suppression.address.in_({email.strip().lower() for email in emails}),
        Suppression.scope.in_(("alerts", "all")),
        Suppression.lifted_at.is_(None),
    )
    return {row.address: row.reason for row in db.session.execute(query)}


def alert_message(alert_id: int, supporter_id: int) -> Sent | None:
    """The message of this alert to this person; None where the ledger has none."""
    row = db.session.execute(
        select(Message.id, Message.campaign_id, Message.finished_at).where(
            Message.origin == ALERT_ORIGIN,
            Message.origin_id == alert_id,
            Message.unit_id == supporter_id,
        )
    ).first()
    return Sent(row.id, row.campaign_id, row.finished_at) if row else None


def page_of_supporters(
    args: MultiDict[str, str], *, organization_id: int | None = None
) -> Page[Any]:
    """One page of the desk's list, newest first; rows hold a Supporter.

    ``args``: ``q`` (what an address or a family name begins with), ``state``, ``language``, ``before``, ``after``.
    With ``organization_id`` only those who let that organization write to them now.
    """
    query: Select[Any] = select(Supporter).where(Supporter.erased_at.is_(None))
    if organization_id is not None:
        query = query.join(Consent, Consent.supporter_id == Supporter.id).where(
            Consent.organization_id == organization_id, Consent.withdrawn_at.is_(None)
        )
    wanted = str(args.get("q") or "").strip().lower()
    if wanted:
        query = query.where(_begins(wanted))
    if state := str(args.get("state") or "").strip().upper():
        query = query.where(Supporter.state == state)
    if language := str(args.get("language") or "").strip():
        query = query.where(Supporter.language == language)
    return page_by_key(query, Supporter.id, args=args)


def _begins(wanted: str) -> ColumnElement[bool]:
    """Rows whose address, or family name, begins with ``wanted`` (lower-case); both have an index for it."""
    email = func.lower(Supporter.email).startswith(wanted, autoescape=True)
    if "@" in wanted:
        return email
    return or_(email, func.lower(Supporter.family_name).startswith(wanted, autoescape=True))


def _address(email: str) -> ColumnElement[bool]:
    return func.lower(Supporter.email) == func.lower(email.strip())
