"""SendGrid's webhook, called as it calls: signed with a key made here."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.mail.inbound.conftest import Sent

Make = Callable[..., Sent]
HARD = [("ana@there.example", "alerts", "hard-bounce")]


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
