"""What changes an endorsement before and after the desk's decision. Each function is one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from campaign.clock import utcnow
from campaign.coalition import registering
from campaign.counts import journal
from campaign.endorsements import cosigners
from campaign.endorsements.models import DUPLICATE, Endorsement
from campaign.endorsements.names import domain_of, name_key
from campaign.extensions import db
from campaign.mail import wake
from campaign.petitions.models import Petition
from campaign.petitions.queries import Current
from campaign.supporters import confirmation
from campaign.web import tokens

SUPERSEDED = "superseded"
"""The decision of a signature that another one by the same hand has replaced before it was confirmed."""


@dataclass(frozen=True)
class Statement:
    """What a signer states of themselves; every text is checked and trimmed."""

    name: str
    kind: str
    website: str
    signer_name: str
    signer_title: str
    signer_email: str
    language: str = "en"
    source: str = ""

    def columns(self) -> dict[str, str]:
        """The endorsement's columns that say so, and what is derived from them."""
        return {**vars(self), "name_key": name_key(self.name), "domain": domain_of(self.website)}


def submit(campaign_id: int, petitions: Sequence[Current], said: Statement, nonce: str) -> None:
    """Keeps a signature of these petitions' present versions until its signer's address is confirmed.

    The same sending of the form twice (a double click, a reload) is one signature.
    """
    now = utcnow()
    values = said.columns()
    submission = tokens.submission(nonce, said.signer_email, values["name_key"])
    rows = db.session.execute(
        insert(Endorsement)
        .values(
            [
                {
                    **values,
                    "campaign_id": campaign_id,
                    "petition_id": one.petition.id,
                    "petition_version_id": one.version.id,
                    "submission": submission,
                    "state": "unconfirmed",
                    "signed_on": now.date(),
                    "created_at": now,
                }
                for one in petitions
            ]
        )
        .on_conflict_do_nothing(index_elements=[Endorsement.submission, Endorsement.petition_id])
        .returning(Endorsement.petition_id)
    ).all()
    slugs = {one.petition.id: one.petition.slug for one in petitions}
    journal.record(
        journal.Change("endorsements.unconfirmed", 1, campaign_id, slugs[petition_id])
        for (petition_id,) in rows
    )
    first = select(func.min(Endorsement.id)).where(Endorsement.submission == submission)
    own = confirmation.Own("endorsement", db.session.scalar(first) or 0)
    confirmation.ask(said.signer_email, said.language, campaign_id, own)
    db.session.commit()
    wake.wake("confirmations")


def confirm(address: str, ids: Sequence[int]) -> list[Endorsement]:
    """Makes the signatures of this address count as confirmed, and returns them; the caller commits.

    One that has lapsed with its link is left alone.

    Where the name has signed a petition already, that signature becomes a declined duplicate. Other sendings of the
    same name by the same hand, still unconfirmed, are superseded.
    """
    waiting = Endorsement.created_at > confirmation.oldest_waiting()
    rows = _held(
        Endorsement.id.in_(ids),
        func.lower(Endorsement.signer_email) == address.lower(),
        or_(Endorsement.state != "unconfirmed", waiting),
    )
    now = utcnow()
    organizations = registering.find([row.name for row in rows])
    for row in rows:
        if row.state == "unconfirmed":
            _confirm_one(row, organizations.get(row.name), now)
    keys = {(row.petition_id, row.name_key) for row in rows}
    others = _held(
        func.lower(Endorsement.signer_email) == address.lower(), Endorsement.state == "unconfirmed"
    )
    for row in others:
        if (row.petition_id, row.name_key) in keys:
            move(row, "withdrawn", decision=SUPERSEDED, decided_at=now)
    return rows


def _confirm_one(row: Endorsement, organization_id: int | None, now: datetime) -> None:
    values = {"confirmed_at": now, "organization_id": organization_id}
    try:
        with db.session.begin_nested():
            move(row, "confirmed", **values)
    except IntegrityError:
        # The unique index says that this name has signed the petition already.
        move(row, "declined", decision=DUPLICATE, decided_at=now, **values)


def withdraw(ids: Iterable[int], by: int | None = None) -> int:
    """Takes signatures back, whatever their state; returns how many there were to take. ``by``: the staff user, if any."""
    taken = 0
    for row in held_in_turn(ids):
        if row.state not in ("unconfirmed", "confirmed", "approved"):
            continue
        if row.state == "approved":
            cosigners.remove(row.campaign_id, row.name_key, [row.petition_id])
        move(row, "withdrawn", decided_at=utcnow(), decided_by=by)
        taken += 1
    db.session.commit()
    return taken


def correct(ids: Iterable[int], signer_title: str, website: str) -> int:
    """Changes title and website of signatures that wait for approval, as their signer asks; returns how many."""
    values = {"signer_title": signer_title, "website": website, "domain": domain_of(website)}
    changed: Any = db.session.execute(
        update(Endorsement)
        .where(Endorsement.id.in_(list(ids)), Endorsement.state == "confirmed")
        .values(**values)
    )
    db.session.commit()
    return int(changed.rowcount)


def held(ids: Iterable[int]) -> list[Endorsement]:
    """These endorsements, locked until the transaction ends, in the order in which co-signers are locked."""
    return _held(Endorsement.id.in_(list(ids)))


def held_in_turn(ids: Iterable[int]) -> list[Endorsement]:
    """``held``, with the campaigns' lists kept from others as well: for decisions about who stands in them."""
    return _held_in_turn(Endorsement.id.in_(list(ids)))


def held_of(address: str) -> list[Endorsement]:
    """All endorsements that this address signed, locked likewise, with the lists that they stand in."""
    return _held_in_turn(func.lower(Endorsement.signer_email) == address.lower())


def _held_in_turn(where: ColumnElement[bool]) -> list[Endorsement]:
    cosigners.take_turns(db.session.scalars(select(Endorsement.campaign_id).where(where)))
    return _held(where)


def _held(*where: object) -> list[Endorsement]:
    """Rows in one order, so that two transactions that share some never wait for each other."""
    rows = db.session.execute(
        select(Endorsement)
        .where(*where)  # type: ignore[arg-type]  # conditions
        .order_by(
            Endorsement.campaign_id, Endorsement.name_key, Endorsement.petition_id, Endorsement.id
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalars()
    return list(rows)


def move(row: Endorsement, state: str, **values: object) -> None:
    """Gives a held row its new state, with the journal's entries; the caller commits."""
    old = row.state
    db.session.execute(
        update(Endorsement)
        .where(Endorsement.id == row.id)
        .values(state=state, **values)
        .execution_options(synchronize_session=False)
    )
    db.session.refresh(row)
    journal.record(
        journal.moved(
            "endorsements",
            old,
            state,
            campaign_id=row.campaign_id,
            part=petition_slug(row.petition_id),
        )
    )


def petition_slug(petition_id: int) -> str:
    """The petition's short name; the counters' part."""
    petition = db.session.get_one(Petition, petition_id)
    return petition.slug
