"""The providers' webhooks, called as they call: really signed, with keys made here."""

import base64
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.mail.inbound import amazon, hooks
from campaign.mail.inbound.hooks import ses
from tests.mail.inbound.conftest import Sent

Make = Callable[..., Sent]
TOPIC = "arn:aws:sns:us-east-1:123456789012:bounces"
CERTIFICATE = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
HARD = [("ana@there.example", "alerts", "hard-bounce")]
COMPLAINT = [("ana@there.example", "alerts", "complaint")]


@pytest.fixture
def hook(receiving_app: Any, client: FlaskClient) -> Callable[..., int]:
    """Calls a door: ``hook("mailgun", body, headers)``; returns the status."""

    def call(name: str, body: Any, headers: dict[str, str] | None = None) -> int:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = client.post(f"/hooks/mail/{name}", data=data, headers=headers or {})
        assert "no-store" in answer.headers["Cache-Control"]
        return answer.status_code

    return call


# Mailgun


def mailgun(event: dict[str, Any], key: str = "a key", **changes: str) -> dict[str, Any]:
    """A call of Mailgun's."""
    token = hashlib.sha256(json.dumps(event).encode()).hexdigest()[:50]
    made = {"timestamp": str(int(time.time())), "token": token} | changes
    text = made["timestamp"] + made["token"]
    made["signature"] = hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
    return {"signature": made, "event-data": event}


def failed(message: Sent, **changes: Any) -> dict[str, Any]:
    """Mailgun's word of a bounce."""
    return {
        "event": "failed", "severity": "permanent", "id": f"event-{message.id}", "recipient": message.address,
        "delivery-status": {"code": 550, "message": "5.1.1 No such user <b>here</b>"},
        "message": {"headers": {"message-id": message.message_id.strip("<>")}},
    } | changes  # fmt: skip


def test_mailgun(
    hook: Callable[..., int],
    receiving_app: Any,
    sent: Make,
    suppressed: Any,
    counted: Any,
    sql: Any,
) -> None:
    message = sent()
    assert hook("mailgun", mailgun(failed(message))) == 404  # no key is configured
    receiving_app.config["HOOK_MAILGUN_KEY"] = "a key"
    stale = str(int(time.time()) - 10 * 3600)
    for wrong in (
        b"[" * 100_000, b'{"signature": {"token": "\\ud800", "timestamp": 1e999}}', b"{}", b"[1]", b"\xff", mailgun(failed(message), key="another"), mailgun(failed(message), timestamp=stale),
    ):  # fmt: skip
        assert hook("mailgun", wrong) == 406
    assert suppressed() == []
    assert hook("mailgun", mailgun(failed(message, severity="temporary", id="delay"))) == 200
    assert suppressed() == []
    call = mailgun(failed(message))
    assert hook("mailgun", call) == 200
    assert suppressed() == HARD
    assert sql("SELECT note FROM suppression") == [("550 5.1.1 No such user <b>here</b>",)]
    assert hook("mailgun", call) == 406  # the token was used
    assert hook("mailgun", mailgun(failed(message, again=1))) == 200  # the event told again
    assert hook("mailgun", mailgun(failed(message, event="complained", id="c"))) == 200
    assert suppressed() == COMPLAINT
    counts = counted()
    assert (counts["hard"], counts["repeated"], counts["complaint"]) == (1, 1, 1)


def test_a_call_about_a_message_that_is_leaving_comes_again_with_its_token(
    hook: Callable[..., int], receiving_app: Any, sent: Make, suppressed: Any, sql: Any
) -> None:
    receiving_app.config["HOOK_MAILGUN_KEY"] = "a key"
    message = sent(state="leased")
    call = mailgun(failed(message))
    assert hook("mailgun", call) == 503
    sql("UPDATE message SET state = 'sent'")
    assert hook("mailgun", call) == 200
    assert suppressed() == HARD


# SendGrid


@pytest.fixture(scope="module")
def curve() -> ec.EllipticCurvePrivateKey:
    """SendGrid's key."""
    return ec.generate_private_key(ec.SECP256R1())


def sendgrid(
    key: ec.EllipticCurvePrivateKey, events: Any, at: float | None = None
) -> tuple[bytes, dict[str, str]]:
    """A call of SendGrid's: body and headers."""
    body, stamp = json.dumps(events).encode(), str(int(at or time.time()))
    signature = key.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return body, {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
    }


def test_sendgrid(
    hook: Callable[..., int], receiving_app: Any, sent: Make, suppressed: Any, sql: Any,
    curve: ec.EllipticCurvePrivateKey,
) -> None:  # fmt: skip
    first, second, third = sent(), sent(to="bea@there.example"), sent(to="cy@there.example")
    events = [
        {"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 unknown user",
         "sg_event_id": "e1", "smtp-id": first.message_id, "email": first.address},
        {"event": "bounce", "type": "blocked", "reason": "550 blocked for spam", "sg_event_id": "e2",
         "smtp-id": second.message_id},
        {"event": "spamreport", "sg_event_id": "e3", "smtp-id": third.message_id},
        {"event": "delivered", "sg_event_id": "e4", "smtp-id": third.message_id},
        {"event": "bounce", "sg_event_id": "e5", "smtp-id": "<made.up.1@coalition.example>"},
        "nonsense", {"event": {}},
    ]  # fmt: skip
    assert hook("sendgrid", *sendgrid(curve, events)) == 404
    der = curve.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    receiving_app.config["HOOK_SENDGRID_KEY"] = base64.b64encode(der).decode()
    body, headers = sendgrid(curve, events)
    assert hook("sendgrid", body + b" ", headers) == 406
    assert hook("sendgrid", body) == 406
    assert hook("sendgrid", *sendgrid(curve, events, at=time.time() - 2 * 86400)) == 406
    assert hook("sendgrid", *sendgrid(ec.generate_private_key(ec.SECP256R1()), events)) == 406
    assert hook("sendgrid", *sendgrid(curve, {})) == 400
    assert suppressed() == []
    for _ in range(2):
        assert hook("sendgrid", body, headers) == 200
    assert suppressed() == [*HARD, ("cy@there.example", "alerts", "complaint")]
    assert sql("SELECT to_address FROM message WHERE state = 'failed' ORDER BY id") == [
        ("ana@there.example",), ("bea@there.example",),
    ]  # fmt: skip
    assert sql("SELECT count(*) FROM inbound_event") == [(3,)]


# Postmark


def test_postmark_is_told_our_message_id_and_nobody_else_is(
    receiving_app: Any, smtp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from campaign.extensions import db
    from campaign.mail import compose, jobs, ledger
    from tests.mail.conftest import render

    compose.register_origin("test", render)
    for n, secret in enumerate((None, "postmark:secret")):
        monkeypatch.setitem(receiving_app.config, "HOOK_POSTMARK", secret)
        ledger.enqueue("alerts", [ledger.Draft("test", n, "ana@there.example", "en", 7)])
        db.session.commit()
        jobs.deliver("alerts")
    before, told = (mail.message for mail in smtp.arrived)
    assert before["X-PM-Metadata-campaign"] is None
    assert f"<{told['X-PM-Metadata-campaign']}>" == told["Message-ID"]


def test_postmark(
    hook: Callable[..., int], receiving_app: Any, sent: Make, suppressed: Any
) -> None:
    first, second = sent(), sent(to="bea@there.example")
    bounce = {
        "RecordType": "Bounce", "ID": 4323372036854775807, "Type": "HardBounce", "TypeCode": 1,
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483", "Email": first.address,
        "Details": "smtp;550 5.1.1 The email account that you tried to reach does not exist.",
        "Metadata": {"campaign": first.message_id.strip("<>")},
    }  # fmt: skip
    key = {"Authorization": "Basic " + base64.b64encode(b"postmark:secret").decode()}
    assert hook("postmark", bounce, key) == 404
    receiving_app.config["HOOK_POSTMARK"] = "postmark:secret"
    wrong = {"Authorization": "Basic " + base64.b64encode(b"postmark:guess").decode()}
    for headers in (None, wrong, {"Authorization": "Bearer secret"}):
        assert hook("postmark", bounce, headers) == 406
    for broken in (b"", b"[]", b"null"):
        assert hook("postmark", broken, key) == 400
    assert hook("postmark", bounce | {"Type": "AutoResponder", "ID": 1}, key) == 200
    assert suppressed() == []
    for _ in range(2):
        assert hook("postmark", bounce, key) == 200
    assert suppressed() == HARD
    about = {"RecordType": "SpamComplaint", "ID": 2, "Metadata": {"campaign": second.message_id}}
    assert hook("postmark", about | {"Type": "SpamComplaint"}, key) == 200
    assert suppressed()[1] == ("bea@there.example", "alerts", "complaint")


# Amazon SES through SNS


@pytest.fixture(scope="module")
def amazons_key() -> rsa.RSAPrivateKey:
    """SNS' key."""
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, amazons_key: rsa.RSAPrivateKey) -> Iterator[list[str]]:
    """Amazon's side of the net: hands out its certificate, and notes what it was asked for."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
        .public_key(amazons_key.public_key())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .sign(amazons_key, hashes.SHA256())
    )  # fmt: skip
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    seen: list[str] = []

    def get(url: str) -> bytes:
        seen.append(url)
        return pem

    monkeypatch.setattr(amazon, "get", get)
    amazon._cache.clear()
    yield seen
    amazon._cache.clear()


def sns(key: rsa.RSAPrivateKey, message: Any, version: str = "2", **changes: Any) -> dict[str, Any]:
    """A call of SNS', signed."""
    call = {
        "Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": TOPIC,
        "Message": message if isinstance(message, str) else json.dumps(message), "SignatureVersion": version,
        "Timestamp": "2026-11-24T20:00:00.000Z", "SigningCertURL": CERTIFICATE,
    } | changes  # fmt: skip
    fields = [name for name in ses.SIGNED[call["Type"]] if name in call]
    document = "".join(f"{name}\n{call[name]}\n" for name in fields)
    algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()  # SNS' version 1
    signature = key.sign(document.encode(), padding.PKCS1v15(), algorithm)
    return {"Signature": base64.b64encode(signature).decode(), **call}


def bounce(message: Sent, kind: str = "Permanent", **recipient: str) -> dict[str, Any]:
    """SES' word of a bounce."""
    one = {
        "emailAddress": message.address, "status": "5.1.1", "action": "failed",
        "diagnosticCode": "smtp; 550 5.1.1 user unknown",
    }  # fmt: skip
    return {
        "notificationType": "Bounce",
        "bounce": {
            "bounceType": kind, "bounceSubType": "General", "bouncedRecipients": [recipient or one],
            "feedbackId": f"feedback-{message.id}-{kind}",
        },
        "mail": {"source": "us@coalition.example", "commonHeaders": {"messageId": message.message_id}},
    }  # fmt: skip


def test_ses(
    hook: Callable[..., int], receiving_app: Any, sent: Make, suppressed: Any, asked: list[str],
    amazons_key: rsa.RSAPrivateKey, sql: Any,
) -> None:  # fmt: skip
    message = sent()
    assert hook("ses", sns(amazons_key, bounce(message))) == 404
    receiving_app.config["HOOK_SES_TOPICS"] = [TOPIC]
    away = {"emailAddress": message.address}
    assert hook("ses", sns(amazons_key, bounce(message, "Transient", **away))) == 200
    assert sql("SELECT state FROM message") == [
        ("sent",)
    ]  # an out-of-office answer, by SES' own account
    for version in ("1", "2"):
        call = sns(amazons_key, bounce(message), version, Subject="Amazon SES Email Event")
        assert hook("ses", call) == 200
    assert suppressed() == HARD
    complaint = {
        "eventType": "Complaint", "complaint": {"complaintFeedbackType": "abuse", "feedbackId": "f"},
        "mail": {"headers": [{"name": "Message-ID", "value": message.message_id}]},
    }  # fmt: skip
    assert hook("ses", sns(amazons_key, complaint)) == 200
    assert suppressed() == COMPLAINT
    assert asked == [CERTIFICATE]  # kept
    assert hook("ses", sns(amazons_key, "Successfully validated SNS topic.")) == 200


def test_a_signed_envelope_sender_is_enough_for_ses(
    hook: Callable[..., int], receiving_app: Any, sent: Make, suppressed: Any, asked: list[str],
    amazons_key: rsa.RSAPrivateKey,
) -> None:  # fmt: skip
    receiving_app.config["HOOK_SES_TOPICS"] = [TOPIC]
    message = sent()
    told = bounce(message) | {"mail": {"source": message.bounce}}
    assert hook("ses", sns(amazons_key, told)) == 200
    assert suppressed() == HARD


ELSEWHERE: list[dict[str, str]] = [
    {"TopicArn": "arn:aws:sns:us-east-1:999999999999:bounces"},
    {"SigningCertURL": CERTIFICATE.replace("https", "http")},
    {"SigningCertURL": CERTIFICATE.replace("sns.us-east-1.amazonaws.com", "evil.example")},
    {"SigningCertURL": CERTIFICATE.replace("sns.", "s3.")},
    {"SigningCertURL": CERTIFICATE.replace("us-east-1", "eu-west-1")},
    {"SigningCertURL": CERTIFICATE.replace(".com/", ".com@evil.example/")},
    {"SigningCertURL": CERTIFICATE.replace(".com/", ".com:22/")},
    {"SigningCertURL": CERTIFICATE.replace(".com/", ".com/../")},
    {"SigningCertURL": CERTIFICATE + "?x"},
    {"SigningCertURL": "file:///etc/passwd"},
]


def test_ses_listens_to_its_own_topics_and_asks_only_amazon(
    hook: Callable[..., int], receiving_app: Any, sent: Make, suppressed: Any, asked: list[str],
    amazons_key: rsa.RSAPrivateKey,
) -> None:  # fmt: skip
    receiving_app.config["HOOK_SES_TOPICS"] = [TOPIC]
    message = sent()
    for changes in ELSEWHERE:
        assert hook("ses", sns(amazons_key, bounce(message), **changes)) == 406, changes
    assert (asked, suppressed()) == ([], [])


def test_ses_refuses_what_is_signed_by_others_or_changed(
    hook: Callable[..., int], receiving_app: Any, sent: Make, suppressed: Any, asked: list[str],
    amazons_key: rsa.RSAPrivateKey,
) -> None:  # fmt: skip
    receiving_app.config["HOOK_SES_TOPICS"] = [TOPIC]
    message = sent()
    call = sns(amazons_key, bounce(message))
    others = sns(rsa.generate_private_key(65537, 2048), bounce(message))
    changed = call | {"Message": json.dumps(bounce(sent(to="bea@there.example")))}
    odd = (
        call | {"SignatureVersion": "3"},
        call | {"Message": 1},
        call | {"Type": "Other"},
        b"[]",
        b"x",
    )
    for wrong in (others, changed, call | {"Signature": "?"}, *odd):
        assert hook("ses", wrong) == 406
    assert suppressed() == []
    assert asked == [CERTIFICATE]


def test_a_subscription_is_confirmed_with_amazon_itself(
    hook: Callable[..., int], receiving_app: Any, asked: list[str], amazons_key: rsa.RSAPrivateKey
) -> None:
    receiving_app.config["HOOK_SES_TOPICS"] = [TOPIC]
    call = sns(
        amazons_key, "You have chosen …", Type="SubscriptionConfirmation", Token="tok&en",
        SubscribeURL="https://169.254.169.254/latest",
    )  # fmt: skip
    assert hook("ses", call) == 200
    address = urlsplit(asked[-1])
    assert address.netloc == "sns.us-east-1.amazonaws.com"
    assert parse_qs(address.query) == {
        "Action": ["ConfirmSubscription"], "TopicArn": [TOPIC], "Token": ["tok&en"],
    }  # fmt: skip


# What they all must bear

_words = st.sampled_from(
    [
        "Bounce",
        "Complaint",
        "Permanent",
        "failed",
        "bounce",
        "5.1.1",
        "550 no",
        "\x00",
        "smtp; 550",
        "dropped",
        "605",
    ]
)
_leaf = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    _words,
    st.text(max_size=8),
    st.just("\ud800"),
)
_names = st.sampled_from(
    [
        "mail", "bounce", "complaint", "notificationType", "bounceType", "bouncedRecipients", "status", "action",
        "headers", "name", "value", "event", "reason", "type", "severity", "delivery-status", "code", "message",
        "RecordType", "Type", "Metadata", "Details", "commonHeaders", "diagnosticCode", "enhanced-code",
    ]
)  # fmt: skip
_json = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(_names, inner, max_size=6)
    ),
    max_leaves=25,
)


@settings(max_examples=100, deadline=None)
@given(_json)
def test_whatever_a_provider_tells_is_understood_or_refused(call: Any) -> None:
    from campaign.mail.inbound.hooks import mailgun, postmark, sendgrid

    told = [mailgun._told(call), postmark._told(call, "digest"), sendgrid._told(call)]
    with contextlib.suppress(hooks.Malformed):
        told += ses._told(call)
    for one in told:
        assert isinstance(one.kind, str) and one.key.encode() is not None
        assert len(one.answer.text or "") <= 300 and "\x00" not in f"{one.answer.text}{one.key}"
        assert one.answer.code is None or 400 <= one.answer.code < 600
