"""Offices' answers where a campaign lets them come through an address of its own: passed on to the writer, and counted.

Each letter then carries ``reply+<delivery>-<signature>@MAIL_INBOUND_DOMAIN`` as Reply-To. What comes there reaches the
writer as a new message from this site that names the office; nothing is ever sent back to the office. Automatic answers
(RFC 3834) are dropped by the mail floor, so two machines never talk to each other. An answer's words are forgotten
once it is passed on, unless the writer lets the campaign keep them.
"""

import base64
import hashlib
import json
import re
from typing import Any

from flask_babel import gettext, ngettext
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from campaign.clock import utcnow
from campaign.counts import journal
from campaign.extensions import db
from campaign.letters.models import Delivery, Letter, LetterSettings, Reply
from campaign.mail import ledger, settings
from campaign.mail.inbound import routing
from campaign.mail.inbound.incoming import Incoming
from campaign.mail.inbound.reading import one_line
from campaign.offices.models import Target
from campaign.supporters.models import Supporter
from campaign.web.languages import speaking
from campaign.web.pages import Page, page_by_key

PREFIX = "reply"
ORIGIN = "office_reply"
"""The mail ledger's name for answers that are passed on; ``unit_id`` is the reply's number."""

ATTACHED_AT_MOST = 8 * 1024 * 1024
"""Bytes of an answer's attachments that are passed on; what goes beyond is left out, and the message says so."""
KEPT_TEXT = 50_000
MOST = 20
"""Answers of an office to one letter that are passed on, and as many of anyone else: whoever gets hold of the address cannot
flood the writer, nor keep the office's own answer from them."""


def possible() -> bool:
    """Whether mail can come in at all: MAIL_INBOUND_DOMAIN is set."""
    return settings.inbound_domain() is not None


def through_us(campaign_id: int) -> bool:
    """Whether offices answer a campaign's letters through us."""
    row = db.session.get(LetterSettings, campaign_id)
    return possible() and row is not None and row.replies_here


def among(campaign_ids: set[int]) -> set[int]:
    """Those of the campaigns whose letters are answered through us."""
    if not possible():
        return set()
    query = select(LetterSettings.campaign_id).where(
        LetterSettings.campaign_id.in_(campaign_ids), LetterSettings.replies_here
    )
    return set(db.session.scalars(query))


def address(delivery_id: int) -> str:
    """The address to which an office answers this delivery."""
    return routing.address(PREFIX, delivery_id) or ""


def choose(campaign_id: int, here: bool) -> None:
    """Has a campaign's answers come through us, or straight to the writer; letters that wait follow."""
    db.session.execute(
        insert(LetterSettings)
        .values(campaign_id=campaign_id, replies_here=here)
        .on_conflict_do_update(
            index_elements=[LetterSettings.campaign_id], set_={"replies_here": here}
        )
    )
    db.session.commit()


def receive(mail: Incoming, number: int) -> None:
    """The handler of the prefix ``reply`` for delivery ``number``: in the caller's transaction. Raises routing.Full."""
    row = db.session.execute(
        select(Delivery, Letter, Target, Supporter)
        .join(Letter, Letter.id == Delivery.letter_id)
        .join(Target, Target.id == Delivery.target_id)
        .join(Supporter, Supporter.id == Letter.supporter_id)
        .where(Delivery.id == number)
    ).first()
    if row is None or mail.automatic:
        return
    delivery, letter, target, supporter = row
    # Whatever became of the delivery: who knows its address has the letter, also where one of an office's readers
    # sent it back and another answers.
    if supporter.erased_at is not None:
        return
    offices_own = is_offices(mail.sender, target.email)
    had = select(func.count()).where(
        Reply.delivery_id == delivery.id,
        Reply.counted == offices_own,
        Reply.message_id != _same(mail),
    )
    before = db.session.execute(had).scalar_one()
    if before >= MOST:
        raise routing.Full
    attached, left_out = _attached(mail)
    with speaking(letter.language):
        notes = _notes(len(mail.text) > KEPT_TEXT, left_out, before + 1 == MOST)
    reply_id = _keep(mail, delivery, _to_answer(mail, target.email), attached, notes)
    if reply_id is None:
        return
    if offices_own:
        _count(delivery, reply_id)
    draft = ledger.Draft(
        origin=ORIGIN, unit_id=reply_id, to_address=supporter.email, language=letter.language,
        campaign_id=delivery.campaign_id,
    )  # fmt: skip
    ledger.enqueue("confirmations", [draft])


def is_offices(sender: str, office: str) -> bool:
    """Whether a sender's domain is the office's, or one below or above it: only then an answer counts as the office's."""
    theirs, ours = (one.rpartition("@")[2].lower() for one in (sender, office))
    if not theirs or not ours or "." not in theirs:
        return False
    return theirs == ours or theirs.endswith(f".{ours}") or ours.endswith(f".{theirs}")


def _to_answer(mail: Incoming, office: str) -> str:
    """Whom the writer answers: the office's Reply-To where both are the office's own, since From is often nobody's mailbox."""
    theirs = mail.reading.address("Reply-To")
    both = is_offices(mail.sender, office) and is_offices(theirs, office)
    return theirs if both else mail.sender


def _keep(
    mail: Incoming, delivery: Delivery, sender: str, attached: bytes | None, note: str
) -> int | None:
    values = {
        "delivery_id": delivery.id, "letter_id": delivery.letter_id, "target_id": delivery.target_id,
        "campaign_id": delivery.campaign_id, "message_id": _same(mail), "received_at": mail.at, "sender": sender,
        "subject": mail.subject[:300], "body": mail.text[:KEPT_TEXT] + note, "attachments": attached,
    }  # fmt: skip
    statement = insert(Reply).values(**values).on_conflict_do_nothing().returning(Reply.id)
    return db.session.scalar(statement)


def _notes(cut: bool, left_out: int, last: bool) -> str:
    """What the writer is told of what is not passed on; empty where all is."""
    told = []
    if cut:
        told.append(gettext("The answer was longer: this is its beginning."))
    if left_out:
        told.append(
            ngettext(
                "%(num)s attachment was too large to pass on: please ask the office for it.",
                "%(num)s attachments were too large to pass on: please ask the office for them.",
                left_out,
            )
        )
    if last:
        told.append(
            gettext("So many answers came to this letter that this is the last one passed on.")
        )
    return "".join(f"\n\n[{one}]" for one in told)


def _same(mail: Incoming) -> str:
    """What tells an answer from another one: its own Message-ID, which stays when it is delivered twice; else all of it."""
    own = mail.reading.header("Message-ID")
    return hashlib.sha256(own.encode()).hexdigest()[:40] if own else mail.key


def _attached(mail: Incoming) -> tuple[bytes | None, int]:
    """The answer's attachments as JSON of (name, type, base64), and how many were left out."""
    found: list[tuple[str, str, str]] = []
    size = left_out = 0
    for part in mail.reading.parts():
        try:
            name, content = part.get_filename(), part.get_payload(decode=True)
            kind = part.get_content_type()
        except (ValueError, LookupError, TypeError, AttributeError):
            continue
        if not name or not isinstance(content, bytes):
            continue
        size += len(content)
        if size > ATTACHED_AT_MOST or len(found) == 20:
            left_out += 1
            continue
        known = kind if kind in KINDS else "application/octet-stream"
        found.append((_plain_name(name), known, base64.b64encode(content).decode()))
    return (json.dumps(found).encode() if found else None), left_out


def _plain_name(name: str) -> str:
    """A file's name without folders, and without signs that make it look like another one."""
    return one_line(re.split(r"[/\\]", name)[-1])[-100:] or "attachment"


KINDS = {"application/pdf", "image/png", "image/jpeg", "text/plain"}
"""Types of attachments that are passed on under their own name; any other is bytes."""


def _count(delivery: Delivery, reply_id: int) -> None:
    """Counts an office's answer, and for the first one to a letter how long it took."""
    part = str(delivery.target_id)
    changes = [journal.Change("replies.received", 1, delivery.campaign_id, part)]
    # Of two answers in the same moment one is the first.
    db.session.execute(select(Delivery.id).where(Delivery.id == delivery.id).with_for_update())
    earlier = select(Reply.id).where(
        Reply.delivery_id == delivery.id, Reply.id != reply_id, Reply.counted
    )
    values: dict[str, Any] = {"counted": True}
    if delivery.finished_at and db.session.execute(earlier.limit(1)).first() is None:
        after = values["after_hours"] = waited((utcnow() - delivery.finished_at).total_seconds())
        changes.append(journal.Change("replies.answered", 1, delivery.campaign_id, part))
        changes.append(journal.Change("replies.after", 1, delivery.campaign_id, f"{part}:{after}"))
    db.session.execute(update(Reply).where(Reply.id == reply_id).values(**values))
    journal.record(changes)


def waited(seconds: float) -> int:
    """How long an answer took, in hours: whole ones for three days, then whole days, and no more than a year.

    So few different numbers that each is a counter of its own, from which reports take the median.
    """
    hours = min(max(0, int(seconds / 3600)), 365 * 24)
    return hours if hours < 72 else hours - hours % 24


def forget_in_transaction(letter_id: int) -> None:
    """A deleted writer's answers lose their words; that there was one stays counted."""
    db.session.execute(
        update(Reply)
        .where(Reply.letter_id == letter_id)
        .values(subject="", body="", sender="", attachments=None)
    )


def keep_no_more_in_transaction(letter_id: int) -> None:
    """A writer's yes to keeping is taken back: what was passed on is forgotten; what is under way is, once it is through."""
    # Locked first, so that whoever settles one in this moment comes before us, or sees that nothing is kept.
    mine = select(Reply.id).where(Reply.letter_id == letter_id).with_for_update()
    ids = set(db.session.scalars(mine))
    done = ids - ledger.still_open(ORIGIN, 0, list(ids)) if ids else ids
    if done:
        db.session.execute(
            update(Reply).where(Reply.id.in_(done)).values(subject="", body="", sender="")
        )


def of_letter(letter_id: int) -> list[dict[str, Any]]:
    """A letter's answers, for the download of its writer's data."""
    query = (
        select(Reply, Target.role)
        .join(Target, Target.id == Reply.target_id)
        .where(Reply.letter_id == letter_id)
        .order_by(Reply.id)
    )
    return [
        {
            "office": role, "received_at": reply.received_at, "sender": reply.sender,
            "subject": reply.subject, "body": reply.body,
        }
        for reply, role in db.session.execute(query)
    ]  # fmt: skip


def kept(campaign_id: int) -> Page[Any]:
    """The answers whose words the writers let the campaign keep, with their offices, newest first, a page at a time."""
    query = (
        select(Reply, Target)
        .join(Target, Target.id == Reply.target_id)
        .join(Letter, Letter.id == Reply.letter_id)
        .where(Reply.campaign_id == campaign_id, Letter.keep_replies, Reply.body != "")
    )
    return page_by_key(query, Reply.id)
