"""Twilio SendGrid's event webhook.

The proof: an ECDSA signature (P-256, SHA-256, base64 of DER) over the timestamp header and the raw body, checked with
the account's public key, which SendGrid shows as base64 of its DER (twilio.com/docs/sendgrid, "Getting Started with the
Event Webhook Security Features"). What it tells: "Event Webhook Reference" there; ``smtp-id`` is our Message-ID.
"""

import base64
import binascii
import time
from collections.abc import Iterator
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask import request
from flask.typing import ResponseReturnValue

from campaign.mail.answers import Answer, parse
from campaign.mail.bounces import Severity
from campaign.mail.inbound import hooks
from campaign.mail.inbound.hooks import NotProved, Told, text
from campaign.web import access, limits

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
FRESH_S = 26 * 3600
"""SendGrid tries a call again for a day; what it tells happens once, however often it comes."""


@limits.limiter.limit(hooks.RATE)
@access.link
def sendgrid() -> ResponseReturnValue:
    """What SendGrid tells of some messages."""
    key = str(hooks.secret("HOOK_SENDGRID_KEY"))
    return hooks.answer("sendgrid", lambda body: read(body, key))


def read(body: bytes, key: str) -> Iterator[Told]:
    """What a call tells. Raises NotProved, Malformed."""
    stamp = request.headers.get(TIMESTAMP, "")
    try:
        signature = base64.b64decode(request.headers.get(SIGNATURE, ""), validate=True)
        public_key(key).verify(signature, stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error, ValueError, UnsupportedAlgorithm) as error:
        raise NotProved from error
    if not stamp.isdecimal() or not -600 < time.time() - int(stamp[:12]) < FRESH_S:
        raise NotProved
    for event in hooks.parsed(body, list):
        if text(event, "sg_event_id"):
            yield _told(event)


@lru_cache(maxsize=4)
def public_key(text: str) -> ec.EllipticCurvePublicKey:
    """The key as SendGrid shows it, or as PEM. Raises ValueError where it is neither."""
    bare = "".join(
        line for line in text.split() if "-" not in line and line not in ("PUBLIC", "KEY")
    )
    key = serialization.load_der_public_key(base64.b64decode(bare))
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("not an elliptic curve's public key")
    return key


def _told(event: object) -> Told:
    what, reason = text(event, "event"), text(event, "reason") or text(event, "response")
    kinds = {
        "bounce": "bounce", "dropped": "bounce", "deferred": "delayed", "spamreport": "complaint",
        "unsubscribe": "unsubscribe", "group_unsubscribe": "unsubscribe",
    }  # fmt: skip
    return Told(
        kinds.get(what, "other"), text(event, "sg_event_id"), (text(event, "smtp-id"),), (),
        _answer(event, reason), _severity(event, what, reason), note="reported through SendGrid",
    )  # fmt: skip


def _answer(event: object, reason: str) -> Answer:
    code = int(reason[:3]) if reason[:3].isdecimal() and reason[:1] in "45" else None
    answer = parse(code or 0, reason[3:].lstrip(" -") if code else reason, None)._replace(code=code)
    return hooks.with_status(answer, text(event, "status"))


def _severity(event: object, what: str, reason: str) -> Severity | None:
    """SendGrid's own words where no server has answered: what it dropped, and what it calls blocked."""
    if what == "dropped":
        return "hard" if reason in ("Bounced Address", "Invalid") else "ours"
    return "soft" if text(event, "type") == "blocked" else None
