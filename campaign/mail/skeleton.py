"""Messages that differ in a few places only: what they share is encoded once, each fills the places.

A :class:`Skeleton` is made of a subject, a text and an HTML whose places are :class:`Slot`. It writes what
:func:`campaign.mail.compose.build` would have written (the same headers, the same decoded text), at a tenth of the time. A
message that it cannot write so (a value with a line break of another kind, say) goes that way instead.
"""

import re
import secrets
from binascii import b2a_qp
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from campaign.mail import compose, mime
from campaign.mail.compose import Envelope, Frame, Rendered
from campaign.mail.headers import envelope_address
from campaign.mail.states import Row

Fields = Mapping[str, str]


@dataclass(frozen=True)
class Slot:
    """A place that each message fills: ``value(fields)`` gives its text. Slots of one ``key`` give the same."""

    key: str
    value: Callable[[Fields], str]


Pieces = Sequence[str | Slot]
"""A text with places in it. In an HTML the slots give what stands there escaped."""


class NoSkeleton(Exception):
    """The texts have a place where each message needs an encoding of its own."""


class Skeleton:
    """What the messages of one text share. Raises NoSkeleton where there can be none."""

    def __init__(self, subject: Pieces, text: Pieces, html: Pieces, from_name: str | None) -> None:
        self.from_name = from_name
        self._subject = subject
        # As random as a message's own; _Part sees that no value of a slot looks like one.
        boundary = f"{_MARK}{secrets.token_hex(16)}"
        mark = b"--" + boundary.encode()
        self._head = f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n'
        self._text = _Part("plain", text, mark + b"\r\n")
        self._html = _Part("html", html, b"\r\n" + mark + b"\r\n")
        self._end = b"\r\n" + mark + b"--\r\n"

    def write(
        self, row: Row, fields: Fields, list_unsubscribe: str | None, frame: Frame
    ) -> Envelope | None:
        """The message for one row; None where this one must be built in the ordinary way.

        Raises NotAnAddress where the recipient's address is none.
        """
        quoted: dict[str, bytes] = {}
        text, html = self._text.fill(fields, quoted), self._html.fill(fields, quoted)
        if text is None or html is None:
            return None
        recipient = envelope_address(row.to_address)
        subject = "".join(
            [piece if isinstance(piece, str) else piece.value(fields) for piece in self._subject]
        )
        subject = " ".join(subject.split())
        head = compose.head(
            row, recipient, subject, self._head, frame,
            from_name=self.from_name, list_unsubscribe=list_unsubscribe,
        )  # fmt: skip
        content = (*text.pieces, *html.pieces, self._end)
        return compose.envelope(
            row, recipient, subject, head, content, frame, dots=text.dots or html.dots
        )


@dataclass(slots=True)
class Filled:
    """What a renderer may answer instead of Rendered: a skeleton and what stands in its places."""

    skeleton: Skeleton
    fields: Fields
    plainly: Callable[[Fields], Rendered]
    """The same message without a skeleton."""
    list_unsubscribe: str | None = None

    def message(self, row: Row, frame: Frame) -> Envelope:
        """The message ready to leave. Raises NotAnAddress."""
        written = self.skeleton.write(row, self.fields, self.list_unsubscribe, frame)
        if written is None:
            return compose.build(row, self.plainly(self.fields), frame)
        return written


_MARK = "=_"
_QUOTED_LINE = 74
"""Characters in a line of quoted-printable: RFC 2045 section 6.7 allows 76, the soft break's ``=`` among them."""
_FORBIDDEN = re.compile("[\r\0\ud800-\udfff]")
_C1 = re.compile("[\x80-\x9f]")
_IN_STYLE = re.compile(r"<(?:style|script)\b(?:(?!</(?:style|script)).)*\Z", re.S | re.I)


class _Part:
    """The text or the HTML: in ASCII with short lines where that can be, in quoted-printable otherwise."""

    def __init__(self, kind: str, pieces: Pieces, before: bytes) -> None:
        self._html = kind == "html"
        texts, slots = _alternating(pieces)
        if self._html:
            _refuse_styles(texts)
        texts[-1] = texts[-1].rstrip("\n")
        # Then the slot ends the text, whose own line ends are cut off in the ordinary way.
        self._open = not texts[-1] and bool(slots)
        texts[-1] += "\n"
        keys = list(dict.fromkeys(slot.key for slot in slots))
        values = {slot.key: slot.value for slot in slots}
        self._values = [values[key] for key in keys]
        order = [keys.index(slot.key) for slot in slots]
        self._last = order[-1] if order else 0
        head = before + f"Content-Type: text/{kind}; charset=utf-8\r\n".encode()
        self._limit = self._room(texts)
        self._plain = _Form(
            head + b"Content-Transfer-Encoding: 7bit\r\n\r\n", order,
            [_lines(text).encode("ascii", "xmlcharrefreplace") for text in texts],
        )  # fmt: skip
        quoted = [quote(text) for text in texts]
        # A soft line break (RFC 2045 section 6.7, rule 5) on either side of each slot.
        for i in range(len(slots)):
            quoted[i] += b"=\r\n"
            dot = quoted[i + 1].startswith(b".")
            quoted[i + 1] = (
                (b"=\r\n=2E=\r\n" + quoted[i + 1][1:]) if dot else b"=\r\n" + quoted[i + 1]
            )
        self._quoted = _Form(
            head + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n", order, quoted
        )

    def fill(self, fields: Fields, quoted: dict[str, bytes]) -> "_Content | None":
        """The part with its header lines; None where this message needs the ordinary way.

        ``quoted`` remembers the message's values in quoted-printable, since its parts have some in common.
        """
        values = [value(fields) for value in self._values]
        whole = " ".join(values)
        if whole.isascii() and whole.isprintable() and all(values):
            return self._ordinary(values, whole, quoted)
        if _FORBIDDEN.search(whole):
            return None
        if self._open and (not (last := values[self._last]) or last[-1] == "\n"):
            return None
        return self._in_ascii(values, whole) or self._quoted.filled(list(map(quote, values)))

    def _ordinary(self, values: Sequence[str], whole: str, quoted: dict[str, bytes]) -> "_Content":
        """The same for printable ASCII without line ends, which nearly all values are."""
        dots = whole[:1] == "." or " ." in whole
        if len(whole) <= self._limit and _MARK not in whole:
            return self._plain.filled([value.encode() for value in values], dots)
        encoded: list[bytes] = []
        for value in values:
            if (one := quoted.get(value)) is None:
                one = quoted[value] = quote(value) if " " in value else _quote_link(value)
            encoded.append(one)
        return self._quoted.filled(encoded, dots or b"\n." in b"".join(encoded))

    def _in_ascii(self, values: Sequence[str], whole: str) -> "_Content | None":
        if self._limit < 0 or _MARK in whole:
            return None
        if not whole.isascii() and (not self._html or _C1.search(whole)):
            return None
        encoded = [value.encode("ascii", "xmlcharrefreplace") for value in values]
        longest = max(map(len, encoded), default=0)
        if "\n" in whole:
            longest = max(len(line) for value in encoded for line in value.split(b"\n"))
            encoded = [value.replace(b"\n", b"\r\n") for value in encoded]
        return self._plain.filled(encoded) if longest <= self._limit else None

    def _room(self, texts: Sequence[str]) -> int:
        """How many bytes a value may have for every line to stay short enough; negative: not even none will do."""
        if not self._html and not all(map(str.isascii, texts)):
            return -1
        room, line, slots = mime.LONGEST_LINE, 0, 0
        for i, text in enumerate(texts):
            slots += i > 0
            parts = text.encode("ascii", "xmlcharrefreplace").split(b"\n")
            for j, part in enumerate(parts):
                if j:
                    room = min(room, (mime.LONGEST_LINE - line) // max(slots, 1))
                    line, slots = 0, 0
                line += len(part)
        return room


class _Content(NamedTuple):
    """A part ready to leave; ``dots``: a line may begin with a dot."""

    pieces: list[bytes]
    dots: bool


class _Form:
    """Encoded pieces with gaps for encoded values."""

    def __init__(self, head: bytes, order: Sequence[int], texts: Sequence[bytes]) -> None:
        self._pieces: list[bytes] = [head + texts[0]]
        for text in texts[1:]:
            self._pieces += (b"", text)
        self._gaps = [(2 * i + 1, value) for i, value in enumerate(order)]
        self._dots = texts[0][:1] == b"." or any(b"\n." in text for text in texts)
        self._dot_behind = any(text[:1] == b"." for text in texts[1:])

    def filled(self, values: Sequence[bytes], dots: bool | None = None) -> _Content:
        """The pieces with the values in the gaps; ``dots``: whether one makes a line begin with a dot, where that is known."""
        pieces = self._pieces.copy()
        for gap, i in self._gaps:
            pieces[gap] = values[i]
        if dots is None:
            dots = any(map(self._makes_dot, values))
        return _Content(pieces, self._dots or dots)

    def _makes_dot(self, value: bytes) -> bool:
        """Whether a line begins with a dot because of this value."""
        if value[:1] == b"." or b"\n." in value:
            return True
        return self._dot_behind and value[-1:] in (b"", b"\n")


def quote(text: str) -> bytes:
    """A fragment of a line or of several in quoted-printable, of which no line is too long for one more ``=``."""
    # The first line end says how lines end; the last letter leaves room for the break behind it.
    return b2a_qp(_lines(f"\n{text}x").encode("utf-8", "replace"))[2:-1]


def _quote_link(value: str) -> bytes:
    """:func:`quote` of printable ASCII without blanks, at half the time: links are most of what a message has of its own."""
    text = value.replace("=", "=3D")
    lines: list[str] = []
    while len(text) > _QUOTED_LINE:
        escape = text.find("=", _QUOTED_LINE - 2, _QUOTED_LINE)
        cut = escape if escape > 0 else _QUOTED_LINE
        lines.append(text[:cut])
        text = text[cut:]
    return "=\r\n".join((*lines, text)).encode()


def _lines(text: str) -> str:
    return text.replace("\n", "\r\n")


def _alternating(pieces: Pieces) -> tuple[list[str], list[Slot]]:
    """The texts around the slots, one more than there are slots, empty where nothing stands between two."""
    texts, slots = [""], []
    for piece in pieces:
        if isinstance(piece, str):
            texts[-1] += piece.replace("\0", "")
        else:
            slots.append(piece)
            texts.append("")
    if any("\r" in text for text in texts):
        raise NoSkeleton
    return texts, slots


def _refuse_styles(texts: Sequence[str]) -> None:
    """``&#233;`` is read as é everywhere in HTML but in styles and scripts."""
    before = ""
    for text in texts:
        before += text
        if _IN_STYLE.search(before):
            raise NoSkeleton
    if not mime.styles_are_ascii(before):
        raise NoSkeleton
