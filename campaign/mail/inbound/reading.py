"""Opening a stranger's message: bounded in time and memory, whatever it holds, and never an exception.

The limits are on lines, header size, nesting and parts (RFC 2045-2046 set none); past them only the header is read and
the body stays one text.
"""

import codecs
import email.header
import html
import re
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from email.utils import parseaddr

HEADER_LIMIT = 64 * 1024
LINE_LIMIT = 100_000
"""Lines that are looked at; each costs the parser one comparison a level of nesting."""
NESTED_LIMIT = 40
"""Multiparts and enclosed messages that a message may declare."""
PART_LIMIT = 100
DELIMITER_LIMIT = 1000
TEXT_LIMIT = 200_000
"""Characters of a text part that are looked at."""
FIELD_LIMIT = 2000

_NESTED = re.compile(rb"boundary[*0-9]*\s*=|:\s*message/|multipart/digest", re.I)
_DELIMITER = re.compile(rb"^--", re.M)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_TAGS = re.compile(
    r"<(?:script|style)\b[^>]{0,500}>.{0,20000}?</(?:script|style)>|<[^<>]{0,2000}>", re.I | re.S
)
_BREAKS = re.compile(r"<(?:br|/p|/div|/li|/tr|/h[1-6]|/blockquote)\b[^<>]{0,200}>", re.I)
_TRICKY = {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "utf-7"}
"""Codecs that are no charset of mail, or can be made slow."""

_AUTOMATIC_SUBJECT = re.compile(
    r"^\s*(?:(?:re|aw|rv)\s*:\s*)?(?:auto(?:matic|mated)?[- ]?(?:reply|response|antwort)|out of (?:the )?office|"
    r"respuesta autom[áa]tica|fuera de (?:la )?oficina|abwesenheit|r[ée]ponse automatique|absence du bureau|"
    r"vacation (?:reply|response)|away from (?:my|the) (?:desk|office|mail))",
    re.I,
)


class Reading:
    """A message that was opened; ``limited`` where it went past a limit and only its header was read."""

    def __init__(self, message: Message, limited: bool) -> None:
        self.message = message
        self.limited = limited

    def header(self, name: str) -> str:
        """A header as it came, on one line, cut at FIELD_LIMIT; empty where there is none."""
        try:
            return one_line(str(self.message.get(name, ""))[:FIELD_LIMIT])
        except Exception:  # the parser's own surprises: then there is no such header
            return ""

    def text_header(self, name: str) -> str:
        """A header of free text, its encoded words (RFC 2047) decoded as far as they can be."""
        raw = self.header(name)
        try:
            pieces = email.header.decode_header(raw)
        except Exception:
            return raw
        return one_line("".join(_decoded(piece, charset) for piece, charset in pieces))[
            :FIELD_LIMIT
        ]

    def address(self, name: str) -> str:
        """The first address of a header, lower-case; empty where there is none."""
        try:
            found = parseaddr(self.header(name))[1]
        except Exception:
            return ""
        return found.lower() if "@" in found and len(found) <= 320 else ""

    def automatic(self) -> bool:
        """Whether its header says that a machine wrote it (RFC 3834 section 5, and what was used before it)."""
        submitted = self.header("Auto-Submitted").partition(";")[0].strip().lower()
        if submitted:
            return submitted != "no"
        if self.header("Precedence").strip().lower() in ("bulk", "junk", "list", "auto_reply"):
            return True
        marks = (
            "X-Autoreply",
            "X-Autorespond",
            "X-Autoresponder",
            "List-Id",
        )
        if any(self.header(name) for name in marks):
            return True
        return bool(_AUTOMATIC_SUBJECT.match(self.text_header("Subject")))

    def parts(self, quoted: bool = True) -> Iterator[Message]:
        """The message and its parts in order, those of enclosed messages only with ``quoted``; PART_LIMIT at most."""
        waiting = [self.message]
        for _ in range(PART_LIMIT):
            if not waiting:
                return
            part = waiting.pop()
            yield part
            if quoted or content_type(part) not in ("message/rfc822", "message/global"):
                waiting += reversed(enclosed(part))

    def text(self) -> str:
        """The first text part's words; of HTML, where there is no other, without its tags. Attached files only for want of both."""
        markup = attached = ""
        for part in self.parts():
            kind = content_type(part)
            if kind == "text/plain" and not _is_file(part):
                return content(part)
            if kind == "text/plain":
                attached = attached or content(part)
            elif kind == "text/html" and not markup and not _is_file(part):
                markup = content(part)
        return _words_of(markup) or attached


def _is_file(part: Message) -> bool:
    try:
        return bool(part.get_filename()) or part.get_content_disposition() == "attachment"
    except Exception:
        return False


def _words_of(markup: str) -> str:
    """The words of HTML, its paragraphs and lines apart."""
    broken = _BREAKS.sub(
        lambda end: "\n\n" if end[0].lower().startswith("</p") else "\n",
        re.sub(r"\s+", " ", markup),
    )
    text = plain(html.unescape(_TAGS.sub(" ", broken)))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def read(raw: bytes) -> Reading:
    """Opens a message; whatever it is, something comes back."""
    raw, cut = _cut(raw)
    deep = (
        len(_NESTED.findall(raw)) > NESTED_LIMIT or len(_DELIMITER.findall(raw)) > DELIMITER_LIMIT
    )
    try:
        return Reading(BytesParser().parsebytes(raw, headersonly=deep), cut or deep)
    except Exception:  # RecursionError, or a defect of the parser's: what was sent is no message
        return Reading(_opaque(raw), True)


def content_type(part: Message) -> str:
    """A part's media type; text/plain where it says none that can be read."""
    try:
        return part.get_content_type()
    except Exception:
        return "text/plain"


def enclosed(part: Message) -> list[Message]:
    """The parts, or the enclosed message, of a part; PART_LIMIT at most."""
    # Of a part that has none, get_payload decodes what it holds, and may fail at its charset.
    payload = part.get_payload() if part.is_multipart() else []
    return [one for one in list(payload)[:PART_LIMIT] if isinstance(one, Message)]


def content(part: Message) -> str:
    """A text part's characters, cut at TEXT_LIMIT; bytes that are none in its charset become marks."""
    try:
        payload = part.get_payload(decode=True)
        charset = part.get_content_charset() or "utf-8"
    except Exception:
        return ""
    if not isinstance(payload, bytes):
        return ""
    return plain(_decoded(payload[: 4 * TEXT_LIMIT], charset))[:TEXT_LIMIT]


def plain(text: str) -> str:
    """Text without control characters and direction marks, its lines kept."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """Text on one line, without control characters and surrogates."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join(_CONTROLS.sub(" ", text).split())


def _decoded(piece: bytes | str, charset: str | None) -> str:
    if isinstance(piece, str):
        return piece
    try:
        codec = codecs.lookup((charset or "utf-8")[:40])
        if codec.name.replace("_", "-") in _TRICKY:
            raise LookupError
        return piece.decode(codec.name, "replace")
    except (LookupError, ValueError, UnicodeError):
        return piece.decode("utf-8", "replace")


def _cut(raw: bytes) -> tuple[bytes, bool]:
    """The message within the limits on lines and on the header's size; and whether something was cut off."""
    raw = raw.replace(b"\r\n", b"\n")
    head, blank, body = raw.partition(b"\n\n")
    cut = False
    if len(head) > HEADER_LIMIT:
        head, cut = head[:HEADER_LIMIT].rpartition(b"\n")[0], True
    if body.count(b"\n") + body.count(b"\r") > LINE_LIMIT:
        body, cut = b"\n".join(re.split(rb"[\n\r]", body, maxsplit=LINE_LIMIT)[:LINE_LIMIT]), True
    return head + blank + body, cut


def _opaque(raw: bytes) -> Message:
    message = Message()
    message.set_payload(raw[:TEXT_LIMIT].decode("ascii", "replace"))
    return message
