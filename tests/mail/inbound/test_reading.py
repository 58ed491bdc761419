"""Opening what strangers send: whatever it is, something comes back, and soon."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign.mail.answers import Answer
from campaign.mail.inbound import kinds, reading
from campaign.mail.inbound.incoming import Incoming
from tests.mail.inbound import letters

HEADERS = (
    "From", "Subject", "Content-Type", "Content-Transfer-Encoding", "Auto-Submitted", "MIME-Version", "Message-ID",
)  # fmt: skip
VALUES = (
    "multipart/report; report-type=delivery-status; boundary=b", "multipart/mixed; boundary=b", "multipart/digest",
    "message/delivery-status", "message/rfc822", "message/feedback-report", "text/plain; charset=utf-7",
    "text/html; charset=unicode_escape", "text/plain; charset*=''%ff", "base64", "quoted-printable", "x-uuencode",
    "=?utf-8?q?=ff?=", "=?x?b?!?=", "<a@b>, c", "\x00", "multipart/mixed; boundary*0=b; boundary*1=",
)  # fmt: skip
LINES = (
    "--b",
    "--b--",
    "",
    "Final-Recipient: rfc822; a@b",
    "Action: failed",
    "Status: 5.1.1",
    "begin 666 x",
    "=",
)

_value = st.one_of(st.sampled_from(VALUES), st.text(max_size=60))
_header = st.tuples(st.sampled_from(HEADERS), _value).map(lambda pair: f"{pair[0]}: {pair[1]}")
_body = st.lists(st.one_of(st.sampled_from(LINES), _header, st.text(max_size=80)), max_size=40)


def messages() -> st.SearchStrategy[bytes]:
    """Random bytes, and messages with parts in no order, cut anywhere."""
    made = st.tuples(st.lists(_header, max_size=8), _body, st.integers(0, 3000)).map(
        lambda m: "\n".join([*m[0], "", *m[1]]).encode("utf-8", "surrogatepass")[: m[2] or None]
    )
    return st.one_of(st.binary(max_size=400), made)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(messages())
def test_whatever_comes_is_read(raw: bytes) -> None:
    mail = Incoming(raw, "", "x@y.example", "pipe")
    for text in (mail.subject, mail.sender, mail.text, mail.key):
        assert text.encode() is not None
        assert "\x00" not in text
    assert mail.automatic in (True, False)
    assert "\n" not in mail.subject
    told = kinds.report(mail)
    assert told.kind in ("bounce", "delayed", "complaint", "automatic", "plain")
    assert len(told.answer.text or "") <= 300 and (told.answer.text or "").isprintable()
    assert all(len(found) <= 20 for found in kinds.quoted(mail))


def test_limits_hold_against_nesting_parts_headers_and_lines() -> None:
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(5000)
    )
    rfc822 = b"Content-Type: message/rfc822\n\n" * 50_000
    parts = b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\n" * 200_000
    headers = b"".join(b"X-%d: y\n" % i for i in range(300_000)) + b"\nbody"
    lines = b"Content-Type: multipart/mixed; boundary=b\n\n" + b"\n" * 4_000_000
    bare = b"Subject: x\n\n" + b"\r" * 4_000_000
    markup = b"Content-Type: text/html\n\n" + b"<" * 3_000_000
    for raw in (nested, rfc822, parts, headers, lines, bare, markup):
        began = time.process_time()
        opened = reading.read(raw)
        opened.text()
        assert len(list(opened.parts())) <= reading.PART_LIMIT
        assert time.process_time() - began < 3, raw[:40]


@pytest.mark.parametrize("kind", ["delivery-status", "global-delivery-status"])
def test_a_status_is_read_field_by_field(kind: str) -> None:
    raw = letters.dsn("x@y.example").replace(b"message/delivery-status", f"message/{kind}".encode())
    told = kinds.report(Incoming(raw, "", "x@y.example", "pipe"))
    assert told == kinds.Report(
        "bounce",
        Answer(550, "5.1.1", "<address>: Recipient address rejected: User unknown", "inner.there.example"),
    )  # fmt: skip


MAILER = "From: Mail Delivery <Mailer-Daemon@mx.there.example>\nAuto-Submitted: auto-replied\n"
AWAY = "From: Ana <ana@there.example>\nAuto-Submitted: auto-replied\nSubject: Away\n\n"
REJECTED = """From: Ana's server <admin@there.example>
Precedence: bulk
Content-Type: multipart/report; report-type=disposition-notification; boundary=b

--b
Content-Type: text/plain

Your message to <ana@there.example> was automatically rejected:
Quota exceeded
--b
Content-Type: message/disposition-notification

Final-Recipient: rfc822; ana@there.example
Disposition: automatic-action/MDN-sent-automatically; deleted

--b--
"""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (MAILER + "Subject: ?\n\n" + letters.QMAIL.decode().partition("\r\n\r\n")[2], "bounce"),
        (AWAY + letters.QMAIL.decode().partition("\r\n\r\n")[2], "automatic"),
        (REJECTED, "bounce"),
        (REJECTED.replace("rejected", "displayed"), "automatic"),
    ],
)
def test_bounces_are_told_from_automatic_answers_by_who_writes_them(text: str, kind: str) -> None:
    assert kinds.report(Incoming(text.encode(), "", "x@y.example", "pipe")).kind == kind


def test_a_bounce_that_a_person_passes_on_is_their_words() -> None:
    raw = b"From: ana@there.example\nContent-Type: message/rfc822\n\n" + letters.dsn("x")
    mail = Incoming(raw, "ana@there.example", "x@y.example", "pipe")
    assert kinds.report(mail).kind == "plain"


def test_a_number_with_hyphens_is_no_servers_answer() -> None:
    assert kinds.in_words("Call Customer Support at 480-624-2500.").code is None
    assert kinds.in_words("host said: 550-5.1.1 no such user").code == 550


def test_texts_are_decoded_and_cleaned() -> None:
    raw = (
        b"From: =?iso-8859-1?q?Jos=E9?= <JOSE@There.example>\r\nSubject: =?utf-8?q?Hola=0AX?= y\r\n"
        b"Content-Type: text/html; charset=latin1\r\n\r\n<p>S\xed, &lt;gracias&gt;</p><script>x()</script>"
    )
    mail = Incoming(raw, "jose@there.example", "x@y.example", "smtp")
    assert mail.sender == "jose@there.example"
    assert mail.subject == "Hola X y"
    assert mail.text.split() == ["Sí,", "<gracias>"]
    assert not mail.automatic
    assert Incoming(raw, "", "x@y.example", "smtp").automatic
