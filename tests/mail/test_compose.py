"""Messages are well-formed whatever people type, and nothing typed gets out of its place."""

import email
import quopri
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, default
from html import unescape
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.mail import compose, headers, mime
from campaign.mail.compose import Attachment, Frame, Rendered, build
from campaign.mail.settings import Sender
from campaign.mail.states import Row

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
FRAME = Frame(
    Sender("us@coalition.example", "The Coalition"),
    NOW,
    lambda row: "bounce+1-abcdefghijklmnop@in.example",
    lambda row: "unsubscribe+1-abcdefghijklmnop@in.example",
)


def a_row(**changes: Any) -> Row:
    values: dict[str, Any] = {
        "id": 1, "stream": "alerts", "origin": "alert", "origin_id": 5, "unit_id": 9, "campaign_id": 2,
        "to_address": "jane@there.example", "domain": "there.example", "language": "en", "attempts": 1,
        "doubts": 0, "message_id": "<0123456789abcdef0123456789abcdef@coalition.example>",
        "first_attempt_at": NOW, "data": None, "old_state": "leased",
    }  # fmt: skip
    return Row(**{**values, **changes})


def parse(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def well_formed(data: bytes) -> None:
    """RFC 5322: CRLF only, lines under 998, no NUL; headers ASCII (unless internationalized)."""
    assert data.endswith(b"\r\n")
    assert b"\0" not in data
    assert b"\r" not in data.replace(b"\r\n", b"")
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert max(len(line) for line in data.split(b"\r\n")) <= 998


anything = st.text(max_size=300)
"""Any characters at all: line ends, control characters, bidirectional marks, lone surrogates excepted."""
nasty = anything | st.sampled_from(
    [
        "x\r\nBcc: all@there.example", "x\nBcc: a@b.example\n\nbody", "\r", "\x00", "a\u2028Bcc: x@y.example",
        "=?utf-8?b?DQpCY2M6IHg=?=", "é" * 200, "word " * 100, "x" * 1200, '"', "\\", "<a@b.example>", ",", "a\x0bb",
        "\x85Bcc: a@b.example", "👩‍👩‍👧" * 40, " ", "\t\n ",
    ]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    subject=nasty, text=nasty, html=st.none() | nasty, from_name=st.none() | nasty, header=nasty,
    filename=nasty, kind=nasty, content=st.binary(max_size=200),
    reply_to=st.none() | st.sampled_from(["jane.doe+x@there.example", "josé@españa.example"]),
)  # fmt: skip
def test_nothing_typed_reaches_a_header_unescaped(
    subject: str, text: str, html: str | None, from_name: str | None, header: str, filename: str,
    kind: str, content: bytes, reply_to: str | None,
) -> None:  # fmt: skip
    rendered = Rendered(
        subject, text, html, from_name, reply_to, headers=[("X-Note", header)],
        attachments=[Attachment(filename, kind, content)] if content else [],
        list_unsubscribe="https://act.example/u/1",
    )  # fmt: skip
    envelope = build(a_row(), rendered, FRAME)
    well_formed(envelope.data)
    message = parse(envelope.data)
    expected = [
        "from", "date", "to", "subject", "message-id", *(["reply-to"] if reply_to else []),
        "list-unsubscribe", "list-unsubscribe-post", "list-id", "feedback-id", "x-note", "mime-version",
        "content-type",
    ]  # fmt: skip
    single = not content and html is None
    assert [name.lower() for name in message] == expected + (
        ["content-transfer-encoding"] if single else []
    )
    assert message["subject"] == headers.plain(subject)
    assert message["x-note"] == headers.plain(header)
    addresses = message["from"].addresses
    assert [a.addr_spec for a in addresses] == ["us@coalition.example"]
    wanted = headers.plain(from_name) if from_name else "The Coalition"
    # Python's parser leaves a blank between encoded words of a name, against RFC 2047 section 6.2.
    assert addresses[0].display_name.replace(" ", "") == wanted.replace(" ", "")
    assert [a.addr_spec for a in message["to"].addresses] == ["jane@there.example"]
    assert not message.defects
    body = message.get_body(("plain",))
    assert body is not None
    assert lines(body.get_content()) == lines(text)
    if html is not None:
        part = message.get_body(("html",))
        assert part is not None
        assert lines(unescape(part.get_content())) == lines(unescape(html))
    if content:
        [attachment] = message.iter_attachments()
        assert attachment.get_payload(decode=True) == content


def lines(text: str) -> list[str]:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return text.rstrip("\n").split("\n")


@settings(max_examples=500, deadline=None)
@given(nasty | st.emails())
def test_an_address_is_an_address_or_refused(address: str) -> None:
    try:
        checked = headers.envelope_address(address)
    except headers.NotAnAddress as error:
        assert "@" not in address or address not in str(error)
        return
    assert not set(checked) & set(' <>\r\n\t",;:\\()[]\0')
    assert checked.count("@") == 1
    assert checked.rpartition("@")[2].isascii()


@pytest.mark.parametrize(
    "address",
    ["", "jane", "@x.example", "jane@", "a b@x.example", "a@x.example\r\nRCPT TO:<b@y.example>", "a@x.example ,b@y.example",
     "<a@x.example>", "a@x..example", "=?utf-8?q?a?=@x.example", ".a@x.example", "a..b@x.example", "a@-x.example", "a@[127.0.0.1]", "a@x_y.example",
     "x" * 65 + "@x.example", "a@" + "y" * 64 + ".example", '"a b"@x.example', "a\x00@x.example", "a\u2028@x.example"],
)  # fmt: skip
def test_refused_addresses(address: str) -> None:
    with pytest.raises(headers.NotAnAddress):
        headers.envelope_address(address)


def test_header_names_and_own_headers_cannot_be_taken() -> None:
    with pytest.raises(ValueError, match="field name"):
        build(a_row(), Rendered("s", "t", headers=[("X-A: b\r\nBcc", "c")]), FRAME)
    envelope = build(
        a_row(), Rendered("s", "t", headers=[("From", "x@y.example"), ("BCC", "z")]), FRAME
    )
    assert parse(envelope.data).get_all("from") == ["The Coalition <us@coalition.example>"]
    assert "bcc" not in parse(envelope.data)


def test_an_alert_s_headers() -> None:
    envelope = build(
        a_row(),
        Rendered("Hi", "text", "<p>text</p>", list_unsubscribe="https://act.example/u/x"),
        FRAME,
    )
    message = parse(envelope.data)
    assert message["list-unsubscribe"] == (
        "<https://act.example/u/x>, "
        "<mailto:unsubscribe+1-abcdefghijklmnop@in.example?subject=unsubscribe>"
    )
    assert message["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert message["list-id"] == "<alerts.coalition.example>"
    assert message["feedback-id"] == "5:2:alert:coalition.example"
    assert "auto-submitted" not in message
    assert message.get_content_type() == "multipart/alternative"
    assert message["date"].datetime == NOW
    assert envelope.sender == "bounce+1-abcdefghijklmnop@in.example"


def test_a_confirmation_says_that_a_machine_wrote_it() -> None:
    message = parse(build(a_row(stream="confirmations"), Rendered("Hi", "text"), FRAME).data)
    assert message["auto-submitted"] == "auto-generated"
    assert "list-unsubscribe" not in message


def test_ascii_goes_as_it_is_and_the_rest_as_quoted_printable() -> None:
    plain, data = mime.body("Dear friend,\n.\n..\nFrom us", None, [], "=_x")
    assert plain.endswith("7bit\r\n")
    assert data == b"Dear friend,\r\n.\r\n..\r\nFrom us\r\n"
    for text in ("Señora\n.\n" + "x" * 2000, "x" * 1500):
        head, data = mime.body(text, None, [], "=_x")
        assert head.endswith("quoted-printable\r\n")
        assert max(map(len, data.split(b"\r\n"))) <= 76
        assert quopri.decodestring(data).decode().replace("\r\n", "\n") == text + "\n"


def test_a_plain_file_name_is_one_that_the_oldest_mail_program_reads() -> None:
    name = "letters-2026-12-04.pdf"
    rendered = Rendered("s", "t", attachments=[Attachment(name, "application/pdf", b"%PDF")])
    data = build(a_row(), rendered, FRAME).data
    well_formed(data)
    assert b'Content-Disposition: attachment;\r\n filename="letters-2026-12-04.pdf"\r\n' in data
    [attachment] = parse(data).iter_attachments()
    assert attachment.get_filename() == name


def test_long_file_names_in_any_script() -> None:
    name = "Carta de apoyo – " + "ñandú " * 20 + ".pdf"
    rendered = Rendered("s", "t", attachments=[Attachment(name, "application/pdf", b"%PDF" * 900)])
    data = build(a_row(), rendered, FRAME).data
    well_formed(data)
    [attachment] = parse(data).iter_attachments()
    assert attachment.get_filename() == name[:150]
    assert attachment.get_content_type() == "application/pdf"
    assert attachment.get_content() == b"%PDF" * 900


def test_links_that_would_break_a_header_are_refused() -> None:
    for url in (
        "https://x.example/\r\nBcc: a@b.example",
        "https://x.example/>",
        "https://x.example/" + "x" * 1000,
    ):
        with pytest.raises(ValueError, match="link"):
            build(a_row(), Rendered("s", "t", list_unsubscribe=url), FRAME)


def test_internationalized_addresses() -> None:
    envelope = build(a_row(to_address="josé@españa.example"), Rendered("s", "t"), FRAME)
    assert envelope.utf8
    assert envelope.recipient == "josé@xn--espaa-rta.example"
    message = email.message_from_string(envelope.data.decode(), policy=SMTP.clone(utf8=True))
    assert message["to"].addresses == (Address("", "josé", "xn--espaa-rta.example"),)
    assert not build(a_row(to_address="jose@españa.example"), Rendered("s", "t"), FRAME).utf8


def test_the_envelope_s_addresses_are_signed(app: Any) -> None:
    from campaign.mail import verp

    with app.app_context():
        assert verp.envelope_sender(a_row()) == app.config["MAIL_DEFAULT_SENDER"]
        app.config["MAIL_INBOUND_DOMAIN"] = "In.example"
        try:
            address = verp.envelope_sender(a_row(id=4711))
            assert verp.read(address) == ("bounce", 4711)
            assert verp.read(address.upper()) == ("bounce", 4711)
            assert verp.read(verp.unsubscribe_address(a_row(id=4711))) == ("unsubscribe", 4711)
            assert verp.read(address.replace("4711", "4712")) is None
            assert verp.read(address.replace("bounce", "unsubscribe")) is None
            assert verp.read(address.replace("in.example", "out.example")) is None
            assert verp.read("bounce+4711@in.example") is None
            assert len(address.partition("@")[0]) <= 64
        finally:
            del app.config["MAIL_INBOUND_DOMAIN"]


def test_renderers_are_registered_by_origin() -> None:
    assert compose.renderer("notice") is not None
    assert compose.renderer("no such origin") is None


def test_encoded_words_break_between_words_where_they_can() -> None:
    """Some readers show a break between encoded words as a blank: "Justi ce"."""
    name = "Ana Núñez via Heartland Alliance’s National Immigrant Justice Center"
    lines = headers.encoded_words(name, first=6).split("\r\n ")
    parts = [str(make_header(decode_header(line))) for line in lines]
    assert len(parts) > 1
    assert "".join(parts) == name
    assert all(part.startswith(" ") for part in parts[1:])


def test_a_long_name_with_quotes_stays_what_it_is() -> None:
    name = 'The "Wait in Freedom" coalition of national and local organizations and experts'
    message = parse(build(a_row(), Rendered("s", "t", from_name=name), FRAME).data)
    assert message["from"].addresses[0].display_name.replace(" ", "") == name.replace(" ", "")
