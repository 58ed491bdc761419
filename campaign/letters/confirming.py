"""The moment a letter counts: its address is proved, and it starts on its way to every office. Nothing here commits.

One supporter writes once in a campaign. Which of two letters that is, the table's unique index decides, so that
no race can make it two.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from campaign.clock import utcnow
from campaign.coalition.models import Campaign
from campaign.counts import journal
from campaign.extensions import db
from campaign.letters import deliveries, moderation
from campaign.letters.models import Letter
from campaign.supporters import commands as supporters

ALIVE = ("confirmed", "held")

ONE_INDEX = "uq_letter_one_a_campaign"

EARLIER_HAD_LEFT = "An earlier letter of the same writer had left already."
"""The decision of a rule, as the desk reads it; the writer's own page says it in the writer's language."""


@dataclass(frozen=True)
class Decision:
    """What became of a letter. ``result``: sent on its way, ``held`` for a person to read, ``already`` confirmed
    before, ``replaced`` an earlier one, ``refused`` because an earlier one has left, ``gone``: it is no more."""

    result: str
    letter: Letter | None


def confirm_in_transaction(letter_id: int) -> Decision:
    """Makes a letter count, once: a second call says ``already``."""
    for _ in range(5):
        try:
            with db.session.begin_nested():
                return _confirm(letter_id)
        except IntegrityError as error:
            if ONE_INDEX not in str(error.orig):
                raise
            # Another letter of the same person won in this very moment; now we see it.
    raise RuntimeError("another letter won each time")


def _confirm(letter_id: int) -> Decision:
    letter = lock(letter_id)
    if letter is None:
        return Decision("gone", None)
    if letter.state != "unconfirmed":
        return Decision("already" if letter.state in ALIVE else "gone", letter)
    campaign = db.session.get_one(Campaign, letter.campaign_id)
    earlier = _earlier(letter)
    if earlier is not None and not _replace(earlier, campaign):
        letter.decision = EARLIER_HAD_LEFT
        set_state(letter, "rejected")
        return Decision("refused", letter)
    reason = moderation.reason_to_hold(letter)
    letter.hold_reason = reason
    letter.confirmed_at = utcnow()
    set_state(letter, "held" if reason else "confirmed")
    deliveries.open_for(letter.id, campaign.id, "held" if reason else "waiting")
    _join(letter, campaign)
    _drop_others(letter)
    if reason:
        return Decision("held", letter)
    return Decision("replaced" if earlier is not None else "sent", letter)


def lock(letter_id: int) -> Letter | None:
    """The letter, as it is now, kept from others until the caller's commit."""
    query = select(Letter).where(Letter.id == letter_id).with_for_update()
    return db.session.execute(
        query, execution_options={"populate_existing": True}
    ).scalar_one_or_none()


def set_state(letter: Letter, new: str) -> None:
    """The letter's new state, written now and counted."""
    old = letter.state
    letter.state = new
    db.session.flush()
    changes = journal.moved("letters", old, new, campaign_id=letter.campaign_id)
    counts = (new in ALIVE) - (old in ALIVE)
    if letter.alert_id and counts:
        # What an alert brought: a letter that another one replaced, or that was taken back, is not twice in it.
        part = str(letter.alert_id)
        changes.append(journal.Change("alert.letters", counts, letter.campaign_id, part))
    journal.record(changes)


def _earlier(letter: Letter) -> Letter | None:
    query = select(Letter).where(
        Letter.campaign_id == letter.campaign_id,
        Letter.supporter_id == letter.supporter_id,
        Letter.state.in_(ALIVE),
    )
    return db.session.execute(
        query.with_for_update(), execution_options={"populate_existing": True}
    ).scalar_one_or_none()


def _replace(earlier: Letter, campaign: Campaign) -> bool:
    """Takes the earlier letter back to make room; False, and nothing changed, where it is too late for that."""
    written = earlier.confirmed_at or earlier.created_at
    if utcnow() - written > timedelta(hours=campaign.rewrite_hours):
        return False
    point = db.session.begin_nested()
    if not deliveries.take_back(earlier.id):
        point.rollback()
        return False
    set_state(earlier, "replaced")
    point.commit()
    return True


def _drop_others(letter: Letter) -> None:
    """What else was typed with this address in this campaign and never confirmed goes; its owner has chosen."""
    others = select(Letter.id).where(
        Letter.campaign_id == letter.campaign_id,
        Letter.supporter_id == letter.supporter_id,
        Letter.state == "unconfirmed",
    )
    # One that is just being confirmed elsewhere is not waited for.
    ids = db.session.scalars(others.with_for_update(skip_locked=True)).all()
    if ids:
        db.session.execute(delete(Letter).where(Letter.id.in_(ids)))
        journal.record(
            journal.moved(
                "letters", "unconfirmed", None, n=len(ids), campaign_id=letter.campaign_id
            )
        )


def _join(letter: Letter, campaign: Campaign) -> None:
    agreements = []
    if letter.consents:
        agreements.append(
            supporters.Agreement(campaign.lead_organization_id, letter.wording, letter.source)
        )
    supporters.confirm_person_in_transaction(
        letter.supporter_id,
        supporters.Person(
            letter.given_name,
            letter.family_name,
            letter.postal_code,
            letter.language,
            letter.source,
        ),
        agreements,
        campaign_id=campaign.id,
        passed_on=letter.alert_id is not None,
    )
