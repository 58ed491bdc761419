"""What happens with a message that came in: the one place where all doors end.

Everything happens once: the same message again, by whichever door, changes nothing. A forged address, or a bounce of
what was never sent, changes nothing either and is counted. Nothing here ever sends an answer.
"""

from typing import NamedTuple

from sqlalchemy import select, text

from campaign.clock import utcnow
from campaign.extensions import db
from campaign.mail import bounces, settings, verp
from campaign.mail.answers import Answer
from campaign.mail.bounces import Sent, Severity
from campaign.mail.inbound import events, kinds, routing
from campaign.mail.inbound.incoming import Incoming
from campaign.mail.models import Message

REPORTS = {"abuse", "complaints", "fbl", "postmaster"}
"""Local parts that take machines' reports (RFC 2142, RFC 5321 section 4.5.1), which say themselves what they are about."""


class Verdict(NamedTuple):
    """What the door tells the other side: ``done``, ``nobody`` (no such address), ``later``, ``refused`` (no report), ``full``."""

    word: str


DONE, NOBODY, LATER, REFUSED, FULL = (
    Verdict(word) for word in ("done", "nobody", "later", "refused", "full")
)


class Later(Exception):
    """The message that this is about is on its way at this very moment: the other side tries again."""


def takes(recipient: str) -> bool:
    """Whether mail to ``recipient`` is taken: an address that we signed, or one for reports. Asks no database."""
    if is_for_reports(recipient):
        return True
    found = verp.read(recipient)
    return found is not None and (found[0] == verp.BOUNCE or routing.route(found[0]) is not None)


def is_for_reports(recipient: str) -> bool:
    """Whether ``recipient`` takes reports: a few names at the inbound domain, and the sender's own mailbox by a pipe."""
    local, _, domain = recipient.lower().rpartition("@")
    if domain and domain == settings.inbound_domain():
        return local in REPORTS
    return recipient.lower() == settings.sender().address.lower()


def receive(mail: Incoming) -> Verdict:
    """Does what a message asks for and commits. Raises DBAPIError where the database is away."""
    try:
        verdict = _receive(mail)
    except Later:
        db.session.rollback()
        return LATER
    except routing.Full:
        db.session.rollback()
        return FULL
    except BaseException:
        db.session.rollback()
        raise
    db.session.commit()
    return verdict


def _receive(mail: Incoming) -> Verdict:
    if is_for_reports(mail.recipient):
        return _reported(mail)
    found = verp.read(mail.recipient)
    if found is None:
        events.count("forged", mail.source)
        return NOBODY
    prefix, number = found
    if prefix == verp.BOUNCE:
        _returned(mail, number)
        return DONE
    route = routing.route(prefix)
    if route is None:
        events.count("forged", mail.source)
        return NOBODY
    told = kinds.report(mail)
    if told.kind in ("bounce", "delayed", "complaint") or (
        told.kind == "automatic" and not route.automatic
    ):
        events.once("automatic", number, mail.source, key=prefix)
    elif events.once(prefix, number, mail.source, key=mail.key):
        route.handler(mail, number)
    return DONE


def _returned(mail: Incoming, number: int) -> None:
    """Mail to a message's envelope sender: a bounce mostly, and automatic answers of all kinds."""
    told = kinds.report(mail)
    if told.kind in ("bounce", "complaint"):
        _apply(told, number, mail.source)
    else:
        # Nobody reads this address: what a person wrote to it is counted, too.
        events.once(told.kind, number, mail.source)


def _reported(mail: Incoming) -> Verdict:
    """A report that names its message only by what it quotes: our signed address, or our Message-ID."""
    told = kinds.report(mail)
    if told.kind in ("plain", "automatic", "delayed"):
        events.count(told.kind, mail.source)
        return REFUSED if told.kind == "plain" else DONE
    addresses, ids = kinds.quoted(mail)
    signed = [read[1] for one in addresses if (read := verp.read(one)) and read[0] in _OWN]
    number = next(iter(signed), None) or by_message_id(ids)
    if number is None:
        events.count("unknown", mail.source)
    else:
        _apply(told, number, mail.source)
    return DONE


_OWN = (verp.BOUNCE, verp.UNSUBSCRIBE)
"""Signed addresses whose number is a message's row."""


def _apply(told: kinds.Report, number: int, source: str) -> None:
    if told.kind == "bounce":
        bounced(number, told.answer, source)
    else:
        complained(number, told.note, source)


def bounced(number: int, answer: Answer, source: str, severity: Severity | None = None) -> bool:
    """A message came back for good; returns whether that changed anything. Raises Later.

    ``severity`` is given where a provider says more than its words do.
    """
    message = sent(number)
    if message is None:
        events.count("unknown", source)
        return False
    return bounces.returned(message, answer, source, severity)


def complained(number: int, note: str, source: str) -> bool:
    """The recipient of a message called it unwanted; returns whether that changed anything. Raises Later."""
    message = sent(number)
    if message is None:
        events.count("unknown", source)
        return False
    return bounces.complained(message, note, source)


def unsubscribed(number: int, key: str, source: str) -> bool:
    """A provider passes on that the recipient of a message unsubscribed with it; returns whether that is new."""
    route = routing.route(verp.UNSUBSCRIBE)
    if route is None or sent(number) is None:
        events.count("unknown", source)
        return False
    if not events.once(verp.UNSUBSCRIBE, number, source, key=key):
        return False
    route.handler(Incoming(b"", "", "", source), number)
    return True


def sent(number: int) -> Sent | None:
    """A message that really left, and of late; None for any other. Raises Later while it is leaving.

    About one that left longer ago than events are kept nobody can say any more what was told already.
    """
    row = db.session.execute(
        select(
            Message.id, Message.stream, Message.to_address,
            Message.state, Message.captured, Message.doubts, Message.finished_at,
        ).where(Message.id == number)
    ).first()  # fmt: skip
    if row is None or row.captured or not row.to_address:
        return None
    if row.state == "leased":
        # A fast server's bounce can be here before its answer is recorded.
        raise Later
    if row.finished_at is not None and row.finished_at < utcnow() - events.KEPT:
        return None
    left = row.state in ("sent", "failed", "uncertain") or row.doubts > 0
    return Sent(row.id, row.stream, row.to_address) if left else None


def by_message_id(ids: list[str]) -> int | None:
    """The newest row whose Message-ID is among ``ids`` (with or without angle brackets); it cannot be guessed, and has the
    number of the first in it.
    """
    for one in ids:
        message_id = one.strip().strip("<>")
        number = message_id.partition("@")[0].rpartition(".")[2]
        if not (number.isascii() and number.isdecimal() and len(number) < 19):
            continue
        found = db.session.execute(
            _NEWEST, {"id": int(number), "message_id": f"<{message_id}>"}
        ).scalar()
        if found is not None:
            return int(found)
    return None


_NEWEST = text(
    """
    SELECT coalesce((
        SELECT max(r.id) FROM message r WHERE r.origin = m.origin AND r.unit_id = m.unit_id
        -- Written as a list, which the index of units can look up one by one.
        AND r.origin_id IN (SELECT generate_series(m.origin_id + 1, m.origin_id + 50))
        AND r.message_id = m.message_id AND r.state <> 'cancelled'
    ), m.id)
    FROM message m WHERE m.id = :id AND m.message_id = :message_id
    """
)
"""A letter that may have arrived and goes once more does so under the same Message-ID (``ledger.repeat``)."""
