"""What the fast way writes is what the ordinary way writes: same headers, same text, whatever is filled in."""

import email
import email.policy
import quopri
import re
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.alerts import markup
from campaign.mail import compose
from campaign.mail.compose import Frame, Rendered
from campaign.mail.settings import Sender
from campaign.mail.skeleton import NoSkeleton, Pieces, Skeleton, quote
from campaign.mail.states import Row

FRAME = Frame(
    Sender("us@coalition.example", "Us"), datetime(2026, 1, 2, tzinfo=UTC),
    lambda row: "bounce@coalition.example", lambda row: "stop@coalition.example",
)  # fmt: skip
ROW = Row(
    7, "alerts", "alert", 3, 5, 2, "ana@people.example", "people.example", "en", 1, 0,
    "<0123456789abcdef0123456789abcdef@coalition.example>", None, None, "leased",
)  # fmt: skip

value = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [".", "..", "=_", "José", "<b>&amp;", "a\nb", "\n.\n", " ", "x" * 1200, "\x85", "=?utf-8?q?x?=", "😀", "--=_ab--"]
)  # fmt: skip
piece = st.sampled_from(
    [
        "Dear {{ given_name }}", '{{ given_name | default("friend", true) }}', "{{ family_name | upper }}",
        '{% if state == "IL" %}Chicago.{% else %}{{ state }}\n{% endif %}', "{{ action_url }}", "\n", "\n\n",
        ". starts with a dot", "\n.\n", "plain words ", "Größe – “quoted”", "x" * 400, "trailing blank \n", "=", "{{- state -}}",
        "<a href='{{ action_url }}'>", "tab\t",
    ]
)  # fmt: skip
source = st.lists(piece, max_size=9).map("".join)
fields = st.fixed_dictionaries(
    dict.fromkeys(("given_name", "family_name", "state", "action_url"), value)
)


def parsed(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def headers(message: EmailMessage) -> list[tuple[str, str]]:
    return [(k, str(v)) for k, v in message.raw_items() if k != "Content-Type"]


@settings(max_examples=80, deadline=None)
@given(source, source, source, fields)
def test_the_fast_way_writes_what_the_ordinary_way_writes(
    subject: str, text: str, html: str, values: dict[str, str]
) -> None:
    mail = markup.compile_parts(subject, text, html)
    rendered = Rendered(
        *mail.fill(values), from_name="Ü, Coalition", list_unsubscribe="https://x.example/u/1"
    )
    written = Skeleton(*mail.pieces, "Ü, Coalition").write(
        ROW, values, "https://x.example/u/1", FRAME
    )
    if written is None:
        assert re.search("[\r\0]", "".join(values.values())) or any(map(open_ended, mail.pieces))
        return
    plain = compose.build(ROW, rendered, FRAME)
    assert written._replace(pieces=(), size=0, dots=True) == plain._replace(pieces=(), size=0)
    assert (written.size, plain.size) == (len(written.data), len(plain.data))
    fast, ordinary = parsed(written.data), parsed(plain.data)
    assert headers(fast) == headers(ordinary)
    for part, other in zip(fast.iter_parts(), ordinary.iter_parts(), strict=True):
        assert isinstance(part, EmailMessage) and isinstance(other, EmailMessage)
        assert part.get_content_type() == other.get_content_type()
        assert seen(part) == seen(other)
    for line in written.data.split(b"\r\n"):
        assert len(line) <= 998 and b"\n" not in line and b"\r" not in line
    assert written.dots or b"\r\n." not in written.data


def open_ended(pieces: Pieces) -> bool:
    """Whether a slot ends the text, whose own line ends are then cut off."""
    last = [one for one in pieces if not isinstance(one, str) or one.strip("\n")][-1:]
    return bool(last) and not isinstance(last[0], str)


def seen(part: EmailMessage) -> str:
    """What a reader's program makes of a part: of ``&#233;`` and é in HTML the same."""
    content = str(part.get_content())
    return (
        re.sub(r"&#(\d+);", lambda m: chr(int(m[1])), content)
        if part.get_content_subtype() == "html"
        else content
    )


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=300))
def test_a_quoted_fragment_leaves_room_for_a_soft_break(text: str) -> None:
    lines = quote(text).split(b"\r\n")
    assert all(len(line) <= 76 for line in lines) and len(lines[-1]) <= 75
    assert quopri.decodestring(quote(text) + b"=\r\n") == text.replace("\n", "\r\n").encode()


def test_ordinary_values_need_no_ordinary_way() -> None:
    mail = markup.compile_parts(
        "{{ given_name }}",
        "Dear {{ given_name }}.\n{{ action_url }}\n",
        "<p>{{ given_name }}</p>\n",
    )
    skeleton = Skeleton(*mail.pieces, None)
    for name in ("Ana", "José", "", "O'Neill <b>"):
        values: dict[str, Any] = {"given_name": name, "action_url": "https://x.example/c/a?k=1.2"}
        written = skeleton.write(ROW, values, None, FRAME)
        assert written is not None
        assert (b"7bit" in written.data and not written.dots) or name in ("José", "")


def test_letters_beyond_ascii_in_a_style_are_left_to_the_ordinary_way() -> None:
    mail = markup.compile_parts("s", "t", "<style>a::before{content:'{{ given_name }}'}</style>")
    with pytest.raises(NoSkeleton):
        Skeleton(*mail.pieces, None)
