"""Letters on their writer's own page, in the data that a person can take away, and when a person is deleted."""

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext
from sqlalchemy import delete, select, update

from campaign.counts import journal
from campaign.extensions import db
from campaign.letters import confirming, deliveries, queries, replies, stopping, together
from campaign.letters.models import Delivery, Letter
from campaign.letters.stating import letter_label
from campaign.mail import forgetting
from campaign.supporters.keys import own_page_token
from campaign.supporters.models import Supporter
from campaign.web.languages import pick


def section(supporter: Supporter) -> tuple[str, dict[str, Any]] | None:
    """Each letter with what every office has of it."""
    written = queries.letters_of(supporter.id)
    if not written:
        return None
    shown = []
    for letter, campaign in written:
        receipts = queries.receipts(letter.id)
        alive = letter.state in confirming.ALIVE
        taken_back = letter.taken_back_at is not None
        stopped = stopping.state(letter.campaign_id)
        shown.append(
            {
                "letter": letter,
                "title": pick(campaign.title),
                "timezone": campaign.timezone,
                "receipts": receipts,
                "can_withdraw": alive and not taken_back and any(map(_can_be_stopped, receipts)),
                "can_correct": can_correct(letter, receipts),
                "state": _state(letter, taken_back and alive),
                "taken_back": taken_back,
                "paused": stopped == "pause",
                "no_more": taken_back or not alive or stopped == "cancel",
                "reason": _reason(letter),
                "alive": alive,
                "dockets": queries.dockets(letter.campaign_id) if alive else [],
                "through_us": replies.through_us(letter.campaign_id),
            }
        )
    return "letters/own.html", {"letters": shown, "token": own_page_token(supporter.id)}


def can_correct(letter: Letter, receipts: Sequence[queries.Receipt]) -> bool:
    """Whether its writer may still mend it: it waits at every office."""
    waits = bool(receipts) and all(
        one.bundle is None and one.delivery.state in ("waiting", "held", "queued")
        for one in receipts
    )
    return waits and letter.state in confirming.ALIVE


def desk_section(supporter: Supporter) -> tuple[str, dict[str, Any]] | None:
    """A supporter's letters on the desk's page about them."""
    written = queries.letters_of(supporter.id)
    if not written:
        return None
    rows = [
        (letter, pick(campaign.title), letter_label(letter.state)) for letter, campaign in written
    ]
    return "letters/desk_supporter.html", {"rows": rows}


_BEFORE_IT_IS_CERTAIN = {*deliveries.BEFORE_LEAVING, "uncertain"}
"""What is uncertain may go once more; not where its writer takes it back."""


def _can_be_stopped(receipt: queries.Receipt) -> bool:
    """Whether it has not left: by itself, or in a packet that nobody has handed over."""
    if receipt.bundle is None:
        return receipt.delivery.state in _BEFORE_IT_IS_CERTAIN
    return receipt.bundle.gives_back and receipt.delivery.state in ("queued", "held")


def _state(letter: Letter, in_part: bool) -> str:
    if in_part:
        return gettext("You took this letter back from the offices that did not have it.")
    return STATE_TEXTS[letter.state]()


def _reason(letter: Letter) -> str:
    """Why a letter is not sent: a person's words, or in the reader's language what a rule found."""
    if letter.state != "rejected":
        return ""
    if letter.decision == confirming.EARLIER_HAD_LEFT:
        return gettext("an earlier letter of yours had left already.")
    return letter.decision


STATE_TEXTS = {
    "confirmed": lambda: "",
    "held": lambda: gettext("A person of the campaign reads this letter before it leaves."),
    "rejected": lambda: gettext("This letter will not be sent."),
    "replaced": lambda: gettext("You wrote a newer letter, which took this one’s place."),
    "withdrawn": lambda: gettext("You took this letter back."),
}


def gather(supporter: Supporter) -> list[dict[str, Any]]:
    """All letters of a person with their deliveries, for the download."""
    rows = db.session.scalars(
        select(Letter).where(Letter.supporter_id == supporter.id).order_by(Letter.id)
    )
    return [
        {
            "state": letter.state,
            "language": letter.language,
            "name": f"{letter.given_name} {letter.family_name}",
            "postal_code": letter.postal_code,
            "subject": letter.subject,
            "body": letter.body,
            "written_at": letter.created_at,
            "confirmed_at": letter.confirmed_at,
            "tell_when_done": letter.tell_when_done,
            "named_in_public": letter.named_in_public,
            "keep_replies": letter.keep_replies,
            "answers": replies.of_letter(letter.id),
            "offices": [
                {
                    "office": f"{one.target.role}, {one.target.agency}",
                    "state": one.delivery.state,
                    "answer": one.server_said,
                    "may_have_arrived": one.delivery.doubted,
                    "finished_at": one.delivery.finished_at,
                }
                for one in queries.receipts(letter.id)
            ],
        }
        for letter in rows
    ]


def erase(supporter: Supporter) -> None:
    """Takes back what has not left and empties every letter; rows without a word stay, for the counts."""
    letters = db.session.scalars(
        select(Letter)
        .where(Letter.supporter_id == supporter.id)
        .order_by(Letter.id)
        .with_for_update()
    ).all()
    for letter in letters:
        if letter.state == "unconfirmed":
            journal.record(
                journal.moved("letters", "unconfirmed", None, campaign_id=letter.campaign_id)
            )
            db.session.execute(delete(Letter).where(Letter.id == letter.id))
            continue
        together.forget(letter.id, letter.campaign_id)
        replies.forget_in_transaction(letter.id)
        deliveries.take_back(letter.id)
        _forget_mail(letter.id)
        if letter.state in confirming.ALIVE and not _all_over(letter.id):
            # What is on its way in this very moment must not go again without its words.
            confirming.set_state(letter, "withdrawn")
        db.session.execute(update(Letter).where(Letter.id == letter.id).values(**_EMPTY))


_EMPTY = {
    "given_name": "", "family_name": "", "postal_code": "", "us_state": "", "subject": "", "body": "",
    "fingerprint": 0, "source": "", "wording": "", "decision": "", "hold_reason": "",
}  # fmt: skip


def _all_over(letter_id: int) -> bool:
    """Whether the letter reached at least one office and nothing more is to happen with it."""
    states = set(deliveries.states_of(letter_id).values())
    return "sent" in states and states <= {"sent", "failed", "cancelled"}


def _forget_mail(letter_id: int) -> None:
    query = select(Delivery.id, Delivery.round).where(Delivery.letter_id == letter_id)
    for delivery_id, round_ in db.session.execute(query):
        for one in range(round_ + 1):
            forgetting.forget(deliveries.ORIGIN, one, [delivery_id])
