"""Amazon SES' notifications through SNS, really signed, with Amazon's side of the net played here."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from campaign.mail.inbound import amazon
from campaign.mail.inbound.hooks import ses
from tests.mail.inbound.conftest import Sent

Make = Callable[..., Sent]
TOPIC = "arn:aws:sns:us-east-1:123456789012:bounces"
CERTIFICATE = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
HARD = [("ana@there.example", "alerts", "hard-bounce")]
COMPLAINT = [("ana@there.example", "alerts", "complaint")]


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


def test_what_ses_tells_while_amazon_does_not_answer_us_is_told_again(
    hook: Callable[..., int], receiving_app: Any, sent: Make, suppressed: Any, asked: list[str],
    amazons_key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    receiving_app.config["HOOK_SES_TOPICS"] = [TOPIC]
    get, tries = amazon.get, []

    def away(url: str) -> bytes:
        tries.append(url)
        raise TimeoutError

    monkeypatch.setattr(amazon, "get", away)
    call = sns(amazons_key, bounce(sent()))
    # What cannot be a signature is refused without asking anybody.
    assert hook("ses", call | {"Signature": "AAAA"}) == 406
    # SNS takes 4xx for good, and would never tell again.
    assert [hook("ses", call) for _ in range(3)] == [503] * 3
    assert tries == [CERTIFICATE]
    monkeypatch.setattr(amazon, "get", get)
    amazon._cache.clear()
    assert hook("ses", call) == 200
    assert suppressed() == HARD


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
