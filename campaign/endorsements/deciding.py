"""What the desk does: approve, decline, change the listing, and enter a signature by hand. One transaction each."""

import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import exists, select, update
from sqlalchemy.exc import IntegrityError

from campaign.clock import utcnow
from campaign.coalition import registering
from campaign.coalition.models import Campaign
from campaign.counts import journal
from campaign.endorsements import cosigners, notices
from campaign.endorsements.commands import Statement, held, held_in_turn, move, petition_slug
from campaign.endorsements.models import DUPLICATE, UNPLACED, Cosigner, Endorsement
from campaign.endorsements.names import domain_of, name_key
from campaign.extensions import db
from campaign.mail import wake
from campaign.petitions.queries import Current


class Refused(Exception):
    """The desk's wish cannot be done; ``reason`` is one of the words below, which the page puts into a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


LIVE = ("confirmed", "approved")

TAKEN = "taken"
"""The name has signed already."""


@dataclass(frozen=True)
class Listing:
    """How an approved signer stands in the public list. ``position`` None: after those who have a place."""

    name: str
    kind: str
    website: str
    title: str
    position: int | None


def approve(ids: Iterable[int], by: int | None) -> int:
    """Puts confirmed (or wrongly declined) signatures into the public list; returns how many are new there.

    Each is linked to its organization, which is made where it is new, and its signer is told by mail.
    """
    approved: list[Endorsement] = []
    for row in held_in_turn(ids):
        wrong = row.state == "declined" and row.decision != DUPLICATE and row.confirmed_at
        if row.state == "confirmed" or wrong:
            try:
                with db.session.begin_nested():
                    _approve_one(row, by)
            except IntegrityError:
                continue  # declined once, and signed by the same name since
            approved.append(row)
    notices.approved(approved)
    db.session.commit()
    wake.wake("confirmations")
    return len(approved)


def _approve_one(row: Endorsement, by: int | None) -> None:
    known = cosigners.lock(row.campaign_id, row.name_key)
    if known is not None:
        organization_id, position = known.organization_id, known.position
    else:
        named = registering.Named(row.name, row.kind, row.website)
        organization_id = registering.ensure([named])[row.name]
        position = first_place(row.campaign_id, organization_id)
    move(
        row,
        "approved",
        organization_id=organization_id,
        position=position,
        decision="",
        decided_at=utcnow(),
        decided_by=by,
    )
    cosigners.add([as_signer(row, organization_id)])


def first_place(campaign_id: int, organization_id: int) -> int:
    """Where a new signer stands: the lead organization first, others in the order of signing."""
    leads = select(exists().where(
        Campaign.id == campaign_id, Campaign.lead_organization_id == organization_id
    ))  # fmt: skip
    return 0 if db.session.execute(leads).scalar() else UNPLACED


def as_signer(row: Endorsement, organization_id: int) -> cosigners.Signer:
    """The endorsement as its line in the campaign's list."""
    return cosigners.Signer(
        campaign_id=row.campaign_id,
        organization_id=organization_id,
        name=row.name,
        name_key=row.name_key,
        kind=row.kind,
        title=row.signer_title if row.kind == "individual" else "",
        website=row.website,
        position=row.position,
        petition_ids=[row.petition_id],
    )


def decline(ids: Iterable[int], reason: str, by: int | None) -> int:
    """Says no to confirmed signatures, with a reason that their signers get by mail; returns how many."""
    declined = []
    for row in held(ids):
        if row.state == "confirmed":
            move(row, "declined", decision=reason, decided_at=utcnow(), decided_by=by)
            declined.append(row)
    notices.declined(declined)
    db.session.commit()
    wake.wake("confirmations")
    return len(declined)


def change_listing(endorsement_id: int, new: Listing) -> None:
    """Changes how a signer is listed, for all petitions of the campaign that it has signed or wants to sign.

    Raises Refused(TAKEN) where another signer has that name.
    """
    first = db.session.get_one(Endorsement, endorsement_id)
    cosigners.take_turns([first.campaign_id])
    db.session.refresh(first)
    rows = held(_same_signer(first))
    # An ended signature is no one's line in the list, whoever bears its name there now.
    known = cosigners.lock(first.campaign_id, first.name_key) if first.state in LIVE else None
    position = UNPLACED if new.position is None else new.position
    if new.position is not None and known is not None and known.position != position:
        _make_room(known, position)
    columns = {
        "name": new.name,
        "name_key": name_key(new.name),
        "kind": new.kind,
        "website": new.website,
    }
    try:
        db.session.execute(
            update(Endorsement)
            .where(Endorsement.id.in_([row.id for row in rows]))
            .values(
                **columns, domain=domain_of(new.website), signer_title=new.title, position=position
            )
        )
        if known is not None:
            was = known.kind
            db.session.execute(
                update(Cosigner)
                .where(Cosigner.id == known.id)
                .values(
                    **columns,
                    title=new.title if new.kind == "individual" else "",
                    position=position,
                )
            )
            if was != new.kind:
                journal.record(
                    journal.moved("endorsers", was, new.kind, campaign_id=first.campaign_id)
                )
    except IntegrityError as error:
        db.session.rollback()
        raise Refused(TAKEN) from error
    db.session.commit()


def _same_signer(row: Endorsement) -> list[int]:
    if row.state not in LIVE:
        return [row.id]
    return list(
        db.session.execute(
            select(Endorsement.id).where(
                Endorsement.campaign_id == row.campaign_id,
                Endorsement.name_key == row.name_key,
                Endorsement.state.in_(LIVE),
            )
        ).scalars()
    )


def _make_room(known: Cosigner, position: int) -> None:
    """Moves those from ``position`` on one place further, where someone else stands there."""
    for model in (Cosigner, Endorsement):
        same = (
            model.campaign_id == known.campaign_id,
            (model.kind == "individual") == (known.kind == "individual"),
            model.name_key != known.name_key,
        )
        taken = db.session.execute(
            select(exists().where(*same, model.position == position))
        ).scalar()
        if taken:
            db.session.execute(
                update(model)
                .where(*same, model.position >= position, model.position < UNPLACED)
                .values(position=model.position + 1)
                .execution_options(synchronize_session=False)
            )


def enter(
    campaign_id: int, petitions: Sequence[Current], said: Statement, proof: str, by: int | None
) -> list[int]:
    """Enters a signature that came on paper or by mail: approved at once, with the proof that staff give.

    Petitions that the name has signed already stay as they are. Raises Refused(TAKEN) where that is all of them.
    """
    cosigners.take_turns([campaign_id])
    now, submission, made = utcnow(), f"desk:{secrets.token_hex(16)}", []
    columns = said.columns()
    for one in petitions:
        row = Endorsement(
            **columns,
            campaign_id=campaign_id,
            petition_id=one.petition.id,
            petition_version_id=one.version.id,
            submission=submission,
            state="confirmed",
            proof=proof,
            position=UNPLACED,
            signed_on=now.date(),
            created_at=now,
            confirmed_at=now,
        )
        try:
            with db.session.begin_nested():
                db.session.add(row)
                db.session.flush()
                journal.record(
                    [
                        journal.Change(
                            "endorsements.confirmed", 1, campaign_id, petition_slug(row.petition_id)
                        )
                    ]
                )
                _approve_one(row, by)
        except IntegrityError:
            continue
        made.append(row.id)
    if not made:
        db.session.rollback()
        raise Refused(TAKEN)
    db.session.commit()
    return made


def by_submission(rows: Iterable[Endorsement]) -> dict[str, list[Endorsement]]:
    """The rows of each sending of the form."""
    groups: dict[str, list[Endorsement]] = defaultdict(list)
    for row in rows:
        groups[row.submission].append(row)
    return groups
