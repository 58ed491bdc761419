"""From what a feature has to say to the bytes that a server gets.

A feature registers how its messages are rendered; :func:`build` makes a message of it that obeys RFC 5322,
2045-2047, 2231, 2369, 2919, 3834, 6532 and 8058. Nothing that a person typed reaches a header but
through this module's ``headers`` functions, which let no line break through.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import NamedTuple, Protocol

from campaign.mail import mime
from campaign.mail.headers import (
    NotAnAddress,
    address_header,
    envelope_address,
    field_lines,
    mailbox,
)
from campaign.mail.settings import Sender
from campaign.mail.states import Row

__all__ = [
    "Attachment", "Envelope", "Frame", "NotAnAddress", "Rendered", "Said", "Skip",
    "build", "register_origin", "renderer",
]  # fmt: skip

_URI = re.compile(r"[!#-;=?-~]{1,900}")
"""Printable ASCII but for blanks, quotes and angle brackets."""

MOST_PIECES = 200
"""Of one message; the kernel takes a thousand at once, the commands among them."""
OWN_HEADERS = {
    "from", "to", "sender", "reply-to", "subject", "date", "message-id", "mime-version", "content-type",
    "content-transfer-encoding", "return-path", "bcc", "cc", "received", "dkim-signature",
    "list-unsubscribe", "list-unsubscribe-post", "list-id", "feedback-id",
}  # fmt: skip
"""Headers that this module sets itself; a renderer cannot."""


class Attachment(NamedTuple):
    """A file in a message; ``content_type`` like ``application/pdf``."""

    filename: str
    content_type: str
    content: bytes


@dataclass(slots=True)
class Rendered:
    """What a feature has to say in one message. Texts use any line ending; headers are (name, value)."""

    subject: str
    text: str
    html: str | None = None
    from_name: str | None = None
    reply_to: str | None = None
    headers: Sequence[tuple[str, str]] = ()
    attachments: Sequence[Attachment] = ()
    list_unsubscribe: str | None = None
    """The https address of the one-click unsubscribe (RFC 8058)."""

    def message(self, row: Row, frame: "Frame") -> "Envelope":
        """:func:`build` of it."""
        return build(row, self, frame)


@dataclass(slots=True)
class Skip:
    """The message has no reason any more (consent withdrawn, campaign over): it is cancelled."""

    reason: str


class Envelope(NamedTuple):
    """A message ready to leave."""

    row: Row
    sender: str
    recipient: str
    subject: str
    pieces: Sequence[bytes]
    """The message, piece by piece: CRLF line endings, ending in one; dots not yet doubled."""
    size: int
    """The message's bytes."""
    utf8: bool
    """Whether it needs a server that offers SMTPUTF8 (RFC 6531)."""
    dots: bool = True
    """Whether a line may begin with a dot, which has to be doubled."""

    @property
    def data(self) -> bytes:
        """The message in one piece."""
        return b"".join(self.pieces)


@dataclass(frozen=True)
class Frame:
    """What all messages of a batch share."""

    sender: Sender
    now: datetime
    envelope_sender: Callable[[Row], str]
    unsubscribe_address: Callable[[Row], str]
    sign: Callable[[bytes], bytes] | None = field(default=None)
    """Returns the DKIM-Signature header lines for a message, with CRLF."""
    told_back: str = ""
    """The name of a header that has the mail provider tell our Message-ID back; empty where none needs one."""


class Said(Protocol):
    """What a renderer answers for a row: Rendered, or skeleton.Filled where many messages share a text."""

    def message(self, row: Row, frame: Frame) -> Envelope:
        """The message ready to leave. Raises NotAnAddress, or ValueError where it cannot be made."""


RenderBatch = Callable[[list[Row]], Sequence[Said | Skip]]
_renderers: dict[str, RenderBatch] = {}


def register_origin(origin: str, render_batch: RenderBatch) -> None:
    """Has the messages of ``origin`` rendered by ``render_batch(rows)``, which answers in the same order.

    It should load what it needs in a constant number of queries and compile its templates once a batch.
    """
    _renderers[origin] = render_batch


def renderer(origin: str) -> RenderBatch | None:
    """What renders ``origin``."""
    return _renderers.get(origin)


def build(row: Row, rendered: Rendered, frame: Frame) -> Envelope:
    """The message as it will leave. Raises NotAnAddress where the recipient's or Reply-To's address is none."""
    recipient = envelope_address(row.to_address)
    boundary = mime.boundary(row.message_id)
    content_headers, body = mime.body(rendered.text, rendered.html, rendered.attachments, boundary)
    header = head(
        row, recipient, rendered.subject, content_headers, frame, from_name=rendered.from_name,
        list_unsubscribe=rendered.list_unsubscribe, reply_to=rendered.reply_to, headers=rendered.headers,
    )  # fmt: skip
    return envelope(row, recipient, rendered.subject, header, [body], frame)


def head(
    row: Row,
    recipient: str,
    subject: str,
    content_headers: str,
    frame: Frame,
    *,
    from_name: str | None = None,
    list_unsubscribe: str | None = None,
    reply_to: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
) -> str:
    """A message's header, each line with its CRLF; ``recipient`` is checked already. Raises NotAnAddress."""
    lines = [
        _from_and_date(from_name, frame.sender, frame.now),
        address_header("To", recipient),
        field_lines("Subject", subject),
        f"Message-ID: {row.message_id}\r\n",
    ]
    if frame.told_back:
        lines.append(f"{frame.told_back}: {row.message_id[1:-1]}\r\n")
    if reply_to:
        lines.append(address_header("Reply-To", envelope_address(reply_to)))
    if list_unsubscribe:
        lines.append(_list_headers(row, list_unsubscribe, frame))
    if row.stream == "confirmations":
        lines.append("Auto-Submitted: auto-generated\r\n")
    lines += [
        field_lines(name, value) for name, value in headers if name.lower() not in OWN_HEADERS
    ]
    lines += ("MIME-Version: 1.0\r\n", content_headers)
    return "".join(lines)


def envelope(
    row: Row,
    recipient: str,
    subject: str,
    header: str,
    content: Sequence[bytes],
    frame: Frame,
    dots: bool = True,
) -> Envelope:
    """The message with its envelope, signed where that is configured; the content follows an empty line."""
    # What messages share is not copied for each of them.
    pieces: Sequence[bytes] = (f"{header}\r\n".encode("utf-8", "replace"), *content)
    if frame.sign or len(pieces) > MOST_PIECES:
        data = b"".join(pieces)
        pieces = (frame.sign(data), data) if frame.sign else (data,)
    return Envelope(
        row, frame.envelope_sender(row), recipient, subject, pieces, sum(map(len, pieces)),
        not header.isascii(), dots,
    )  # fmt: skip


@lru_cache(maxsize=256)
def _from_and_date(name: str | None, sender: Sender, now: datetime) -> str:
    return (
        f"From: {mailbox(name or sender.name, sender.address)}\r\nDate: {format_datetime(now)}\r\n"
    )


def _list_headers(row: Row, url: str, frame: Frame) -> str:
    """RFC 2369, RFC 8058 and RFC 2919, and Gmail's Feedback-ID (which kinds of mail draw complaints)."""
    mailto = f"mailto:{frame.unsubscribe_address(row)}?subject=unsubscribe"
    domain = frame.sender.domain
    return (
        # Two lines, since a signed link and a signed address may not fit in one.
        f"List-Unsubscribe: <{_uri(url)}>,\r\n <{_uri(mailto)}>\r\n"
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        f"List-Id: <{row.stream}.{domain}>\r\n"
        f"Feedback-ID: {row.origin_id}:{row.campaign_id}:{row.origin}:{domain}\r\n"
    )


def _uri(url: str) -> str:
    """A URI as it may stand between angle brackets in a header."""
    if not _URI.fullmatch(url):
        raise ValueError("a link in a header has characters that no link has, or is too long")
    return url
