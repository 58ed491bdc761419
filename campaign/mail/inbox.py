"""Reading and clearing the capture inbox."""

import email
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import default
from typing import Any

from flask import current_app
from markupsafe import Markup, escape
from sqlalchemy import delete, select

from campaign.extensions import db
from campaign.mail.models import CapturedMessage, Message
from campaign.web.pages import Page, page_by_key

SCANNED = 5000
"""A search by recipient looks at so many of the newest messages."""
AT_ONCE = 1000


@dataclass(frozen=True)
class Captured:
    """A captured message, opened."""

    id: int
    at: datetime
    stream: str
    envelope_from: str
    envelope_to: str
    subject: str
    raw: bytes
    message: EmailMessage

    def text(self) -> str:
        """The plain-text part; empty where there is none."""
        return _body(self.message, "plain")

    def html(self) -> str:
        """The HTML part; empty where there is none."""
        return _body(self.message, "html")

    def source(self) -> str:
        """Headers and body as they would have left."""
        return self.raw.decode("utf-8", "replace").replace("\r\n", "\n")

    def headers(self) -> list[tuple[str, str]]:
        """The headers that people look at, decoded."""
        wanted = ("From", "To", "Reply-To", "Subject", "Date")
        return [(name, str(self.message[name])) for name in wanted if self.message[name]]

    def attachments(self) -> list[tuple[str, str, int]]:
        """(name, media type, bytes) of each attached file."""
        found = []
        for part in self.message.iter_attachments():
            content: Any = part.get_payload(decode=True) or b""
            found.append((part.get_filename() or "", part.get_content_type(), len(content)))
        return found


def page(recipient: str = "") -> Page[Any]:
    """A page of the inbox, newest first, without the messages themselves; ``recipient`` is part of an address."""
    columns = (
        CapturedMessage.id,
        CapturedMessage.at,
        CapturedMessage.envelope_to,
        CapturedMessage.subject,
        Message.stream,
    )
    query = select(*columns).join(Message, Message.id == CapturedMessage.message_id)
    if recipient:
        newest = (
            select(CapturedMessage.id).order_by(CapturedMessage.id.desc()).limit(SCANNED).subquery()
        )
        query = query.where(
            CapturedMessage.id.in_(select(newest.c.id)),
            CapturedMessage.envelope_to.icontains(recipient, autoescape=True),
        )
    return page_by_key(query, CapturedMessage.id)


def one(captured_id: int) -> Captured | None:
    """A captured message; None where there is none of that number."""
    row = db.session.execute(
        select(CapturedMessage, Message.stream)
        .join(Message, Message.id == CapturedMessage.message_id)
        .where(CapturedMessage.id == captured_id)
    ).first()
    if row is None:
        return None
    kept, stream = row
    message = email.message_from_bytes(kept.raw, policy=default)
    assert isinstance(message, EmailMessage)
    return Captured(
        kept.id,
        kept.at,
        stream,
        kept.envelope_from,
        kept.envelope_to,
        kept.subject,
        kept.raw,
        message,
    )


def neighbours(captured_id: int) -> tuple[int | None, int | None]:
    """The numbers of the next newer and the next older message."""
    newer = select(CapturedMessage.id).where(CapturedMessage.id > captured_id)
    older = select(CapturedMessage.id).where(CapturedMessage.id < captured_id)
    return (
        db.session.execute(newer.order_by(CapturedMessage.id).limit(1)).scalar(),
        db.session.execute(older.order_by(CapturedMessage.id.desc()).limit(1)).scalar(),
    )


def clear() -> int:
    """Deletes what the inbox holds, some rows a transaction; the ledger keeps its rows. Returns how many."""
    last = db.session.execute(
        select(CapturedMessage.id).order_by(CapturedMessage.id.desc()).limit(1)
    ).scalar()
    total = 0
    while last is not None:
        some = (
            select(CapturedMessage.id)
            .where(CapturedMessage.id <= last)
            .order_by(CapturedMessage.id)
            .limit(AT_ONCE)
        )
        found = db.session.execute(
            delete(CapturedMessage)
            .where(CapturedMessage.id.in_(some))
            .returning(CapturedMessage.id)
        ).all()
        db.session.commit()
        total += len(found)
        if len(found) < AT_ONCE:
            break
    return total


_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?')\]]")


def with_links(text: str) -> Markup:
    """Plain text as HTML in which addresses on this site, and only those, are links that open in a new tab."""
    site = str(current_app.config["SITE_URL"]).rstrip("/")
    return _replace(_LINK, text, lambda url: _anchor(url, site))


def own_links(text: str) -> list[str]:
    """The addresses on this site in a plain text, each once."""
    site = str(current_app.config["SITE_URL"]).rstrip("/")
    found = (match[0] for match in _LINK.finditer(text))
    return list(dict.fromkeys(url for url in found if _is_own(url, site)))


def _is_own(url: str, site: str) -> bool:
    return url == site or url.startswith((site + "/", site + "?"))


def _anchor(url: str, site: str) -> Markup:
    if not _is_own(url, site):
        return escape(url)
    return Markup('<a href="{0}" target="_blank" rel="noopener noreferrer">{0}</a>').format(url)


def _replace(pattern: re.Pattern[str], text: str, make: Callable[[str], Markup]) -> Markup:
    done = Markup("")
    end = 0
    for found in pattern.finditer(text):
        done += escape(text[end : found.start()]) + make(found[0])
        end = found.end()
    return done + escape(text[end:])


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, ValueError):
        content: Any = part.get_payload(decode=True) or b""
        return bytes(content).decode("utf-8", "replace")
