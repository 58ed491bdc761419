"""The messages that pass offices' answers on to the writers (campaign.letters.replies); an answer that was passed on is forgotten."""

import base64
import json
from typing import Any

from flask_babel import gettext
from sqlalchemy import select, update

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.letters.models import Letter, Reply
from campaign.mail.compose import Attachment, Rendered, Skip
from campaign.mail.headers import NotAnAddress, envelope_address
from campaign.mail.ledger import Result
from campaign.mail.states import Row
from campaign.offices.models import Target
from campaign.supporters.models import Supporter
from campaign.web.languages import speaking


def render(rows: list[Row]) -> list[Rendered | Skip]:
    """The messages that pass answers on."""
    query = (
        select(Reply, Target, Letter, Supporter.erased_at)
        .join(Target, Target.id == Reply.target_id)
        .join(Letter, Letter.id == Reply.letter_id)
        .join(Supporter, Supporter.id == Letter.supporter_id)
        .where(Reply.id.in_([row.unit_id for row in rows]))
    )
    found = {row[0].id: row for row in db.session.execute(query)}
    return [_message(row, found.get(row.unit_id)) for row in rows]


def _message(row: Row, found: Any) -> Rendered | Skip:
    if found is None or found[3] is not None:
        return Skip("there is nobody to pass it on to any more")
    reply, target, letter, _ = found
    # What was passed on is forgotten, its sender too; a scanner's answer is an attachment and nothing else.
    if not (reply.body or reply.subject or reply.attachments):
        return Skip("there is nothing to pass on any more")
    with speaking(row.language):
        lines = [
            gettext("An answer to your letter “%(subject)s”.", subject=letter.subject),
            gettext("You wrote to: %(role)s, %(agency)s", role=target.role, agency=target.agency),
            gettext("The answer came from: %(sender)s", sender=reply.sender or gettext("no address")),
            *([] if reply.counted else [gettext("That is no address at %(domain)s, where the office has its own: somebody else may have written this.", domain=target.email.rpartition("@")[2])]),
            gettext("If you answer this message, your answer goes to that address, from yours and not through us. Anyone can write any address: be careful with links and with what you are asked for."),
        ]  # fmt: skip
        theirs = reply.subject or gettext("(no subject)")
        subject = (
            gettext("Answer from %(role)s: %(subject)s", role=target.role, subject=theirs)
            if reply.counted
            else gettext("Answer, but not from the office’s address: %(subject)s", subject=theirs)
        )
    text = "\n".join(lines) + "\n\n" + "-" * 60 + "\n\n" + reply.body + "\n"
    attached = [
        Attachment(name, kind, base64.b64decode(content))
        for name, kind, content in json.loads(reply.attachments or b"[]")
    ]
    return Rendered(
        subject=" ".join(subject.split())[:200],
        text=text,
        reply_to=_can_be_answered(reply.sender),
        attachments=attached,
    )


def _can_be_answered(sender: str) -> str | None:
    """The sender, where mail can be sent there: what an address is missing keeps no answer from the writer."""
    try:
        return envelope_address(sender) if sender else None
    except NotAnAddress:
        return None


def on_result(heard: list[Result]) -> None:
    """The listener: an answer that was passed on, or never can be, is forgotten, unless its writer lets the campaign keep it."""
    sent = [one.unit_id for one in heard if one.state == "sent"]
    done = [one.unit_id for one in heard if one.state in ("sent", "failed", "cancelled")]
    if not done:
        return
    db.session.execute(update(Reply).where(Reply.id.in_(sent)).values(passed_on_at=utcnow()))
    db.session.execute(update(Reply).where(Reply.id.in_(done)).values(attachments=None))
    keeps = select(Letter.id).where(Letter.id == Reply.letter_id, Letter.keep_replies)
    db.session.execute(
        update(Reply)
        .where(Reply.id.in_(done), ~keeps.exists())
        .values(subject="", body="", sender="")
    )
