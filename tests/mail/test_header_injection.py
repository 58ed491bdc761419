"""No text that a person types can reach a header unescaped: the whole compose module, both ways of writing, signed and not.

Whatever is typed, a strict parser finds exactly the headers that were meant, and in them what was typed.
"""

import base64
import email
import email.policy
import re
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from campaign.mail import compose, headers, mime, signing
from campaign.mail.compose import Attachment, Envelope, Frame, NotAnAddress, Rendered
from campaign.mail.settings import Sender
from campaign.mail.skeleton import Filled, Pieces, Skeleton, Slot
from tests.mail.test_compose import a_row

INTRUDER = "Bcc: all@there.example"
breaks = st.sampled_from(
    ["\r\n", "\n", "\r", "\r\n\r\n", "\n\n", "\n ", "\r\n\t", "\0", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\ud800"]
)  # fmt: skip
fragment = st.text(st.characters(), max_size=20) | st.sampled_from(
    [INTRUDER, "é" * 60, "word " * 40, "x" * 1100, '"', "\\", "<a@b.example>", ",", ";", "=?utf-8?b?DQpCY2M6IHg=?=", "=_", ".",
     "👩‍👩‍👧" * 30, "filename=x", "%0d%0a", "&#10;", "a@b.example", ""]
)  # fmt: skip
typed = st.lists(fragment | breaks, max_size=5).map("".join)
usual = st.just("jane.doe+x@there.example")
address = (
    usual | usual | st.emails() | typed | st.builds("{}{}@there.example".format, typed, fragment)
)
link = typed.map("https://act.example/u/{}".format) | st.just("https://act.example/u/1.a-b_c")

rarely = st.sampled_from([False, False, False, True])


@pytest.fixture(scope="module")
def sign(tmp_path_factory: pytest.TempPathFactory) -> Any:
    key: Path = tmp_path_factory.mktemp("dkim") / "key"
    key.write_bytes(base64.b64encode(bytes(range(32))))
    return signing._signer(str(key), "campaign", "coalition.example")


def a_frame(name: str, sign: Any = None) -> Frame:
    now = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    return Frame(
        Sender("us@coalition.example", name), now, lambda row: "bounce+1-abc@in.example",
        lambda row: "unsubscribe+1-abc@in.example", sign, "X-PM-Message-ID",
    )  # fmt: skip


def names_of(data: bytes) -> list[str]:
    """The fields as a reader sees them that knows nothing but CRLF and folding (RFC 5322 section 2.2)."""
    head = data.partition(b"\r\n\r\n")[0]
    assert b"\n" not in head.replace(b"\r\n", b"") and b"\r" not in head.replace(b"\r\n", b"")
    lines = head.split(b"\r\n")
    # A line of blanks alone would end the header for some readers.
    assert all(line.strip() for line in lines)
    return [line.partition(b":")[0].decode("ascii") for line in lines if line[:1] not in b" \t"]


def read(envelope: Envelope, expected: list[str]) -> EmailMessage:
    """The message, if it is well-formed down to its parts and has exactly these fields."""
    data = envelope.data
    assert data.endswith(b"\r\n") and b"\0" not in data
    assert not {b"\r", b"\n"} & set(re.findall(rb"[\r\n]", data.replace(b"\r\n", b"")))
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert envelope.utf8 == (not data.partition(b"\r\n\r\n")[0].isascii())
    assert names_of(data) == expected
    policy = email.policy.strict if not envelope.utf8 else email.policy.default
    message = email.message_from_bytes(data, policy=policy)
    assert isinstance(message, EmailMessage)
    assert message.keys() == expected
    for part in message.walk():
        assert not part.defects
        assert {name.lower() for name in part} <= {"content-type", "content-transfer-encoding", "content-disposition"} | (
            {name.lower() for name in expected} if part is message else set()
        )  # fmt: skip
    return message


def fields(**there: object) -> list[str]:
    """The fields of a message, in their order."""
    order = {
        "DKIM-Signature": "signed", "From": "", "Date": "", "To": "", "Subject": "", "Message-ID": "", "X-PM-Message-ID": "",
        "Reply-To": "reply_to", "List-Unsubscribe": "link", "List-Unsubscribe-Post": "link", "List-Id": "link",
        "Feedback-ID": "link", "Auto-Submitted": "automatic", "X-Note": "note", "MIME-Version": "", "Content-Type": "",
        "Content-Transfer-Encoding": "single",
    }  # fmt: skip
    return [name for name, wanted in order.items() if not wanted or there.get(wanted)]


def same_words(found: str, meant: str) -> bool:
    """Python's parser leaves a blank between encoded words of a name, against RFC 2047 section 6.2."""
    return found.replace(" ", "") == headers.plain(meant).replace(" ", "")


def says(message: EmailMessage, subject: str, from_name: str) -> None:
    assert same_words(str(message["subject"]), subject)
    [sender] = message["from"].addresses
    assert sender.addr_spec == "us@coalition.example"
    assert same_words(sender.display_name, from_name)
    assert len(message["to"].addresses) == 1


TEXTS: dict[str, Any] = {
    "subject": typed, "text": typed, "html": st.none() | typed, "from_name": st.none() | typed, "own_name": typed,
    "note": st.none() | typed, "files": st.lists(st.builds(Attachment, typed, typed, st.binary(max_size=40)), max_size=2),
    "stream": st.sampled_from(["alerts", "letters", "confirmations"]), "signed": rarely, "one_click": st.booleans(),
}  # fmt: skip


@settings(max_examples=250, deadline=None)
@given(**TEXTS)
def test_typed_texts(
    sign: Any, subject: str, text: str, html: str | None, from_name: str | None, own_name: str, note: str | None,
    files: list[Attachment], stream: str, signed: bool, one_click: bool,
) -> None:  # fmt: skip
    rendered = Rendered(
        subject, text, html, from_name, headers=[("X-Note", note)] if note is not None else [], attachments=files,
        list_unsubscribe="https://act.example/u/1" if one_click else None,
    )  # fmt: skip
    frame = a_frame(own_name, sign if signed else None)
    single = html is None and not files
    message = read(
        rendered.message(a_row(stream=stream), frame),
        fields(signed=signed, link=one_click, automatic=stream == "confirmations", note=note is not None, single=single),
    )  # fmt: skip
    says(message, subject, from_name or own_name)
    if note is not None:
        assert same_words(str(message["x-note"]), note)
    if files:
        found = list(message.iter_attachments())
        assert [part.get_payload(decode=True) for part in found] == [one.content for one in files]
        for part, one in zip(found, files, strict=True):
            name = "".join(c for c in one.filename if c.isprintable())[:150]
            assert same_words(part["content-disposition"].params["filename"], name or "file")
            assert part.get_content_disposition() == "attachment"
            assert not part.is_multipart()


ADDRESSES: dict[str, Any] = {
    "to": address, "reply_to": st.none() | address, "url": link, "signed": rarely
}  # fmt: skip


@settings(max_examples=250, deadline=None)
@given(**ADDRESSES)
def test_typed_addresses_and_links(
    sign: Any, to: str, reply_to: str | None, url: str, signed: bool
) -> None:
    rendered = Rendered("Hi", "text", "<p>text", reply_to=reply_to, list_unsubscribe=url)
    try:
        envelope = rendered.message(a_row(to_address=to), a_frame("Us", sign if signed else None))
    except NotAnAddress as error:
        assert not any(one and len(one) > 3 and one in str(error) for one in (to, reply_to))
        return
    except ValueError:
        assert not re.fullmatch(r"[!#-;=?-~]{1,900}", url)
        return
    message = read(envelope, fields(signed=signed, reply_to=reply_to, link=True))
    assert not set(envelope.recipient + envelope.sender) & set(" \r\n\t<>\0")
    if not envelope.utf8:
        assert [one.addr_spec for one in message["to"].addresses] == [envelope.recipient]
    assert str(message["list-unsubscribe"]).startswith(f"<{url}>")
    assert not reply_to or len(message["reply-to"].addresses) == 1


def slot(key: str) -> Slot:
    return Slot(key, lambda values: values[key])


def escaped(key: str) -> Slot:
    return Slot(f"{key}&", lambda values: values[key].replace("&", "&amp;").replace("<", "&lt;"))


def pieces(of: Any) -> st.SearchStrategy[Pieces]:
    return st.lists(st.sampled_from(["Dear ", ".\n", "\n.\n", of("a"), of("b")]) | typed.map(str), max_size=6)  # fmt: skip


@settings(max_examples=250, deadline=None)
@given(
    subject=pieces(slot), text=pieces(slot), html=pieces(escaped), from_name=st.none() | typed, a=typed, b=typed, own_name=typed,
    signed=rarely, one_click=st.booleans(),
)  # fmt: skip
def test_typed_merge_fields(
    sign: Any, subject: Pieces, text: Pieces, html: Pieces, from_name: str | None, a: str, b: str, own_name: str,
    signed: bool, one_click: bool,
) -> None:  # fmt: skip
    from campaign.mail.skeleton import NoSkeleton

    values = {"a": a, "b": b}

    def filled(some: Pieces) -> str:
        return "".join(one if isinstance(one, str) else one.value(values) for one in some)

    def plainly(values: Any) -> Rendered:
        return Rendered(
            filled(subject), filled(text), filled(html), from_name, list_unsubscribe=url
        )

    url = "https://act.example/u/1" if one_click else None
    try:
        skeleton = Skeleton(subject, text, html, from_name)
    except (NoSkeleton, UnicodeEncodeError):
        said: Any = plainly(values)
    else:
        said = Filled(skeleton, values, plainly, url)
    envelope = said.message(a_row(), a_frame(own_name, sign if signed else None))
    message = read(envelope, fields(signed=signed, link=one_click))
    says(message, filled(subject), from_name or own_name)
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


@settings(max_examples=250, deadline=None)
@given(name=typed, value=typed)
def test_typed_field_names(name: str, value: str) -> None:
    rendered = Rendered("Hi", "text", headers=[(f"X-{name}", value)])
    try:
        envelope = rendered.message(a_row(), a_frame("Us"))
    except ValueError:
        return
    assert names_of(envelope.data)[-4:-3] == [f"X-{name}"]


GUARDS = {
    "a line feed in a text": ("headers", "plain", lambda value: value.replace("\r", " ")),
    "a carriage return in a text": ("headers", "plain", lambda value: value.replace("\n", " ")),
    "anything in an address": ("headers", "_LOCAL", re.compile("(?s).{1,64}")),
    "anything in a link": ("compose", "_URI", re.compile("(?s).{1,900}")),
    "anything in a file's kind": ("mime", "_CONTENT_TYPE", re.compile("(?s).*")),
    "anything in a file's name": ("mime", "quote", lambda name, **_: name),
}


@pytest.mark.parametrize("guard", GUARDS)
def test_these_tests_would_notice(
    guard: str, sign: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Without one of the guards, one of the tests above fails."""
    module, name, weaker = GUARDS[guard]
    monkeypatch.setattr(
        {"headers": headers, "compose": compose, "mime": mime}[module], name, weaker
    )
    caches = (headers._check_name, headers._domain, compose._from_and_date)
    for cached in caches:
        cached.cache_clear()
    request.addfinalizer(lambda: [cached.cache_clear() for cached in caches] and None)
    with pytest.raises(Exception):  # whatever it is that they notice
        for test, examples in (
            (test_typed_texts, TEXTS),
            (test_typed_addresses_and_links, ADDRESSES),
        ):
            again = given(**examples)(test.hypothesis.inner_test)  # type: ignore[attr-defined]  # hypothesis adds it
            settings(max_examples=250, phases=[Phase.generate], database=None, deadline=None)(
                again
            )(sign=sign)


def test_the_guards_stand(sign: Any) -> None:
    """What the test above takes away is there otherwise, so that it fails for that reason and no other."""
    for test, examples in ((test_typed_texts, TEXTS), (test_typed_addresses_and_links, ADDRESSES)):
        again = given(**examples)(test.hypothesis.inner_test)  # type: ignore[attr-defined]  # as above
        settings(max_examples=5, phases=[Phase.generate], database=None, deadline=None)(again)(
            sign=sign
        )
