"""MIME bodies (RFC 2045-2047, 2183, 2231), made at the speed that a million messages need."""

import base64
import re
from binascii import b2a_qp
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import quote

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}")
_CONTENT_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,80}", re.I)
_C1 = re.compile(rb"\xc2[\x80-\x9f]")
"""The control characters U+0080 to U+009F in UTF-8."""
LONGEST_LINE = 990
"""RFC 5322 section 2.1.1 allows 998, without the line's end."""


class AttachmentLike(Protocol):
    """What :class:`campaign.mail.compose.Attachment` has."""

    @property
    def filename(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def content(self) -> bytes: ...


def boundary(message_id: str) -> str:
    """A boundary that no body holds: it is as random as the message's own number, and newer than its text."""
    return "=_" + message_id[1:33]


def body(
    text: str, html: str | None, attachments: Sequence[AttachmentLike], mark: str
) -> tuple[str, bytes]:
    """The content headers (with CRLF) and the body of a message that says the same in text and HTML."""
    if html is None:
        headers, content = _text_part("plain", text)
    else:
        headers = f'Content-Type: multipart/alternative; boundary="{mark}a"\r\n'
        parts = b"".join(
            b"--%sa\r\n%b\r\n%b\r\n" % (mark.encode(), head.encode(), part)
            for head, part in (_text_part("plain", text), _text_part("html", html))
        )
        content = b"%b--%sa--\r\n" % (parts, mark.encode())
    if not attachments:
        return headers, content
    pieces = [(headers, content), *(_file_part(attachment) for attachment in attachments)]
    mixed = b"".join(
        b"--%sm\r\n%b\r\n%b\r\n" % (mark.encode(), head.encode(), part) for head, part in pieces
    )
    return (
        f'Content-Type: multipart/mixed; boundary="{mark}m"\r\n',
        b"%b--%sm--\r\n" % (mixed, mark.encode()),
    )


def _text_part(kind: str, text: str) -> tuple[str, bytes]:
    """A part whose lines end in CRLF, the last one too: as it is where mail can carry it so.

    What has other letters than ASCII's, or long lines, goes in quoted-printable, which costs
    some 6 microseconds a kilobyte.
    """
    if "\r" in text or "\0" in text:  # NUL is forbidden in mail even encoded
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    text = text.rstrip("\n") + "\n"
    headers = f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: "
    if text.isascii() or (kind == "html" and styles_are_ascii(text)):
        data = text.encode("ascii", "xmlcharrefreplace")
        if max(map(len, data.split(b"\n"))) <= LONGEST_LINE:
            return headers + "7bit\r\n", data.replace(b"\n", b"\r\n")
    data = text.replace("\n", "\r\n").encode("utf-8", "replace")
    return headers + "quoted-printable\r\n", b2a_qp(data)


def styles_are_ascii(html: str) -> bool:
    """Whether other letters stand only where HTML reads ``&#233;`` as é, so that the part can stay ASCII."""
    if "<script" in html or _C1.search(
        html.encode("utf-8", "replace")
    ):  # &#133; would be read as another sign
        return False
    return all(part.partition("</style")[0].isascii() for part in html.split("<style")[1:])


def _file_part(attachment: AttachmentLike) -> tuple[str, bytes]:
    """A file in base64."""
    kind = attachment.content_type
    if not _CONTENT_TYPE.fullmatch(kind) or kind.lower().startswith(("multipart/", "message/")):
        kind = "application/octet-stream"
    name = "".join(c for c in attachment.filename if c.isprintable())[:150] or "file"
    content = base64.encodebytes(attachment.content).replace(b"\n", b"\r\n")
    return (
        f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: attachment;\r\n{_filename(name)}\r\n",
        content,
    )


def _filename(name: str) -> str:
    """The ``filename`` parameter: as it is where every mail program reads it so, else by RFC 2231, in sections where it is long."""
    if _PLAIN_NAME.fullmatch(name):
        return f' filename="{name}"'
    encoded = quote(name, safe="", errors="replace")
    if len(encoded) <= 60:
        return f" filename*=utf-8''{encoded}"
    cuts: list[str] = []
    while encoded:
        cut = encoded[:54]
        # Not through the middle of a %XX.
        if "%" in cut[-2:] and len(encoded) > len(cut):
            cut = cut[: cut.rindex("%")]
        cuts.append(cut)
        encoded = encoded[len(cut) :]
    return ";\r\n".join(
        f" filename*{i}*={chr(39).join(('utf-8', '', cut)) if i == 0 else cut}"
        for i, cut in enumerate(cuts)
    )
