"""What changes supporters: one function a use case, one transaction, and twice is the same as once.

The functions whose names end in ``_in_transaction`` do not commit: other features make them part of a larger change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import DateTime, func, literal, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from campaign.clock import utcnow
from campaign.counts import journal
from campaign.extensions import db
from campaign.mail import suppressions, wake
from campaign.supporters import confirmation, queries
from campaign.supporters.models import (
    CampaignSupporter,
    Consent,
    Resubscription,
    SignUp,
    Supporter,
    Unsubscribe,
)
from campaign.supporters.places import state_of

OWN_REASONS = ("unsubscribed", "erased")
"""Suppressions that the person asked for, and can take back; bounces and complaints are not among them."""


@dataclass(frozen=True)
class Person:
    """What someone typed about themselves; empty means not said."""

    given_name: str
    family_name: str
    postal_code: str = ""
    language: str = ""
    source: str = ""


@dataclass(frozen=True)
class Agreement:
    """A ticked consent box: to whose messages, what it said, and where it was."""

    organization_id: int
    wording: str
    source: str = ""


PERSON = """
    known AS (
        SELECT given.n, there.id FROM given CROSS JOIN LATERAL (
            SELECT id FROM supporter WHERE lower(supporter.email) = lower(given.email) FOR KEY SHARE) AS there
    ),
    made AS (
        INSERT INTO supporter (email, language, created_at) SELECT email, language, :now FROM given
        WHERE NOT EXISTS (SELECT 1 FROM known WHERE known.n = given.n)
        ON CONFLICT (lower(email)) DO NOTHING RETURNING id, email
    ),
    person AS (SELECT n, id FROM known UNION ALL SELECT given.n, made.id FROM made JOIN given USING (email))"""
"""``ensure_supporter_in_transaction`` as part of a larger statement, for each row of ``given`` (n, email, language): ``person``
has the number in ``id``.

It lacks those of whom another transaction made the row in this very moment: they are then asked for again. The row is kept
from campaign.supporters.retention until the commit.
"""


def ensure_supporter_in_transaction(email: str, language: str = "en") -> int:
    """The number of the supporter with this address, whatever its case; made if there is none. Safe in a race.

    A new row holds the address alone: the person's words come with the confirmation.
    """
    values = {"email": email.strip(), "language": language, "created_at": utcnow()}
    statement = (
        insert(Supporter)
        .values(**values)
        .on_conflict_do_nothing(index_elements=[func.lower(literal_column("email"))])
        .returning(Supporter.id)
    )
    for _ in range(5):
        found = db.session.execute(statement).scalar()
        if found is None:
            found = queries.id_by_email(email, keep=True)
        if found is not None:
            return int(found)
    raise RuntimeError("a supporter's row came and went under our hands")


def ensure_supporter(email: str, language: str = "en") -> int:
    """``ensure_supporter_in_transaction``, committed."""
    supporter_id = ensure_supporter_in_transaction(email, language)
    db.session.commit()
    return supporter_id


def sign_up(
    campaign_id: int, email: str, person: Person, *, agreement: str, submission: str
) -> None:
    """Keeps a filled-in form and asks for a confirmation; nothing of it counts before that.

    ``agreement`` is what the ticked consent box said, empty where it was left alone. ``submission`` names one sending
    of the form (campaign.web.tokens.submission). The answer is the same whether the address is known or not: none.
    """
    supporter_id = ensure_supporter_in_transaction(email, person.language or "en")
    sign_up_id = db.session.scalar(
        insert(SignUp)
        .values(
            campaign_id=campaign_id,
            supporter_id=supporter_id,
            submission=submission,
            given_name=person.given_name,
            family_name=person.family_name,
            postal_code=person.postal_code,
            language=person.language or "en",
            source=person.source,
            consents=bool(agreement),
            wording=agreement,
            created_at=utcnow(),
        )
        .on_conflict_do_nothing(index_elements=[SignUp.submission])
        .returning(SignUp.id)
    ) or db.session.scalar(select(SignUp.id).where(SignUp.submission == submission))
    own = confirmation.Own("sign_up", sign_up_id or 0)
    confirmation.ask(email, person.language or "en", campaign_id, own)
    db.session.commit()
    wake.wake("confirmations")


def confirm_person_in_transaction(
    supporter_id: int,
    person: Person,
    agreements: Sequence[Agreement] = (),
    *,
    campaign_id: int | None = None,
    at: datetime | None = None,
    passed_on: bool = False,
) -> None:
    """The owner of the address has confirmed something: their words become the supporter's.

    Counts ``supporters.confirmed`` once a person and, with ``campaign_id``, ``supporters.joined`` once a campaign.
    What was not said stays as it is; the first source stays. With ``passed_on`` the words came through a key that its
    owner may have passed on (an alert's): they fill what is empty, and change and take back nothing.
    """
    moment = at or utcnow()
    mine = Supporter.id == supporter_id
    row = db.session.execute(
        select(Supporter)
        .where(mine, Supporter.erased_at.is_(None))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if row is None:
        return
    said: dict[str, object] = {
        name: value
        for name in ("given_name", "family_name", "postal_code", "language")
        if (value := getattr(person, name)) and not (passed_on and getattr(row, name))
    }
    if "postal_code" in said:
        said["state"] = state_of(person.postal_code)
    if person.source and not row.source:
        said["source"] = person.source
    if row.confirmed_at is None:
        said["confirmed_at"] = moment
        journal.record([journal.Change("supporters.confirmed")], at=moment)
    if said:
        db.session.execute(update(Supporter).where(mine).values(**said))
    if campaign_id is not None:
        join_in_transaction(supporter_id, campaign_id, source=person.source, at=moment)
    for agreement in agreements:
        if not (passed_on and queries.has_stopped(supporter_id, agreement.organization_id)):
            give_consent_in_transaction(supporter_id, agreement, at=moment)


def confirm_person(
    supporter_id: int,
    person: Person,
    agreements: Sequence[Agreement] = (),
    *,
    campaign_id: int | None = None,
) -> None:
    """``confirm_person_in_transaction``, committed."""
    confirm_person_in_transaction(supporter_id, person, agreements, campaign_id=campaign_id)
    db.session.commit()


def join_in_transaction(
    supporter_id: int, campaign_id: int, *, source: str = "", at: datetime | None = None
) -> bool:
    """Makes a confirmed person one of a campaign's supporters; False where they were already."""
    moment = at or utcnow()
    statement = (
        insert(CampaignSupporter)
        .values(campaign_id=campaign_id, supporter_id=supporter_id, joined_at=moment, source=source)
        .on_conflict_do_nothing()
        .returning(CampaignSupporter.supporter_id)
    )
    if db.session.execute(statement).first() is None:
        return False
    journal.record([journal.Change("supporters.joined", 1, campaign_id)], at=moment)
    return True


def give_consent_in_transaction(
    supporter_id: int, agreement: Agreement, *, at: datetime | None = None
) -> bool:
    """The person lets an organization write to them, also anew after they had stopped it; False: nothing changed."""
    moment = at or utcnow()
    values = {
        "given_at": moment,
        "withdrawn_at": None,
        "wording": agreement.wording,
        "source": agreement.source,
    }
    statement = insert(Consent).values(
        supporter_id=supporter_id, organization_id=agreement.organization_id, **values
    )
    changed = db.session.execute(
        statement.on_conflict_do_update(
            index_elements=[Consent.supporter_id, Consent.organization_id],
            set_=values,
            where=Consent.withdrawn_at.is_not(None),
        ).returning(Consent.id)
    ).first()
    email = queries.email_of(supporter_id)
    if email and queries.alert_suppression(email) in OWN_REASONS:
        suppressions.lift(email, "alerts", by="the person")
    return changed is not None


def give_consent(supporter_id: int, agreement: Agreement) -> bool:
    """``give_consent_in_transaction``, committed."""
    changed = give_consent_in_transaction(supporter_id, agreement)
    db.session.commit()
    return changed


def withdraw_consent_in_transaction(supporter_id: int, organization_id: int | None) -> int:
    """Ends the consent to one organization, or (None) to all; returns how many were in force.

    Where a person never agreed, the withdrawal is kept all the same, so that no import can subscribe them later.
    """
    now = utcnow()
    active = update(Consent).where(
        Consent.supporter_id == supporter_id, Consent.withdrawn_at.is_(None)
    )
    if organization_id is not None:
        active = active.where(Consent.organization_id == organization_id)
    ended = len(db.session.execute(active.values(withdrawn_at=now).returning(Consent.id)).all())
    if organization_id is not None and not ended:
        db.session.execute(
            insert(Consent)
            .values(
                supporter_id=supporter_id,
                organization_id=organization_id,
                given_at=now,
                withdrawn_at=now,
            )
            .on_conflict_do_nothing(index_elements=[Consent.supporter_id, Consent.organization_id])
        )
    return ended


def withdraw_consent(supporter_id: int, organization_id: int | None) -> int:
    """``withdraw_consent_in_transaction``, committed."""
    ended = withdraw_consent_in_transaction(supporter_id, organization_id)
    db.session.commit()
    return ended


def unsubscribe_in_transaction(
    supporter_id: int, organization_id: int | None, alert_id: int = 0
) -> int:
    """Ends an organization's mail to this person, or (None) everybody's; counts it for the alert that it came from.

    In force before the next message: whoever sends asks queries.consenting for each batch. Returns how many consents
    ended; a second call ends none and counts nothing.
    """
    email = queries.email_of(supporter_id)
    if email is None:
        return 0
    ended = withdraw_consent_in_transaction(supporter_id, organization_id)
    sent = queries.alert_message(alert_id, supporter_id) if alert_id else None
    if organization_id is None:
        suppressions.suppress(email, "alerts", "unsubscribed", sent.id if sent else None)
    if sent is not None and ended:
        _count_unsubscribe(supporter_id, alert_id, sent.campaign_id)
    return ended


def _count_unsubscribe(supporter_id: int, alert_id: int, campaign_id: int) -> None:
    """Once for each person and alert, also where someone came back in between."""
    row = {
        "alert_id": alert_id,
        "supporter_id": supporter_id,
        "campaign_id": campaign_id,
        "at": utcnow(),
    }
    new = insert(Unsubscribe).values(row).on_conflict_do_nothing().returning(Unsubscribe.alert_id)
    if db.session.execute(new).first() is not None:
        journal.record([journal.Change("alert.unsubscribes", 1, campaign_id, str(alert_id))])


def unsubscribe(supporter_id: int, organization_id: int | None, alert_id: int = 0) -> int:
    """``unsubscribe_in_transaction``, committed."""
    ended = unsubscribe_in_transaction(supporter_id, organization_id, alert_id)
    db.session.commit()
    return ended


def ask_to_hear_again(supporter_id: int, organization_id: int | None, language: str) -> None:
    """Someone pressed "that was a mistake": a mailed link lets the address's owner, and nobody else, subscribe again.

    With None, for every organization that the person had stopped.
    """
    email = queries.email_of(supporter_id)
    if email is None:
        return
    now = utcnow()
    stopped = select(
        Consent.supporter_id, Consent.organization_id, literal(now, DateTime(timezone=True))
    ).where(Consent.supporter_id == supporter_id, Consent.withdrawn_at.is_not(None))
    if organization_id is not None:
        stopped = stopped.where(Consent.organization_id == organization_id)
    db.session.execute(
        insert(Resubscription)
        .from_select(["supporter_id", "organization_id", "created_at"], stopped)
        .on_conflict_do_update(
            index_elements=[Resubscription.supporter_id, Resubscription.organization_id],
            index_where=Resubscription.confirmed_at.is_(None),
            set_={"created_at": now},  # one that had lapsed waits anew
        )
    )
    confirmation.ask(email, language, None, confirmation.Own("resubscription"))
    db.session.commit()
    wake.wake("confirmations")


def set_language(supporter_id: int, language: str) -> None:
    """The language in which this person gets mail."""
    db.session.execute(
        update(Supporter).where(Supporter.id == supporter_id).values(language=language)
    )
    db.session.commit()
