"""Amazon SES' notifications, which come through Amazon SNS.

The proof: an RSA signature over named fields, SHA-1 in version 1 and SHA-256 in version 2, made with the key of a
certificate of SNS' own (docs.aws.amazon.com/sns, "Verifying the signatures of Amazon SNS messages"). Only topics that
HOOK_SES_TOPICS names are listened to, and only their own region's host is ever asked for a certificate or for the
confirmation of the subscription: no address in a call is followed. What it tells: docs.aws.amazon.com/ses, "Amazon SNS
notification contents for Amazon SES"; ``commonHeaders.messageId`` is our Message-ID ("include original headers").
"""

import base64
import binascii
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from flask.typing import ResponseReturnValue

from campaign.mail.bounces import Severity
from campaign.mail.inbound import amazon, hooks, kinds, receiving
from campaign.mail.inbound.hooks import Malformed, NotJson, NotProved, Told, text
from campaign.web import access, limits

SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
    ),
    "UnsubscribeConfirmation": (
        "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
    ),
}  # fmt: skip
"""The fields that are signed, in the order of their bytes; those that a message does not have are left out."""
HASHES: dict[str, type[hashes.SHA1] | type[hashes.SHA256]] = {"1": hashes.SHA1, "2": hashes.SHA256}

OUR_FAULT = {"MessageTooLarge", "ContentRejected", "AttachmentRejected"}


@limits.limiter.limit(hooks.RATE)
@access.link
def ses() -> ResponseReturnValue:
    """What SES tells of a message, or SNS of the subscription."""
    topics = hooks.secret("HOOK_SES_TOPICS")
    return hooks.answer("ses", lambda body: read(body, topics))


def read(body: bytes, topics: list[str]) -> Iterator[Told]:
    """What a call tells. Raises NotProved, Malformed."""
    call = _proved(body, topics)
    if call["Type"] == "SubscriptionConfirmation":
        query = {
            "Action": "ConfirmSubscription",
            "TopicArn": call["TopicArn"],
            "Token": text(call, "Token"),
        }
        try:
            amazon.get(f"https://{amazon.host(call['TopicArn'])}/?{urlencode(query)}")
        except OSError as error:
            raise receiving.Later from error
        yield Told("subscribed", text(call, "MessageId"))
        return
    if call["Type"] != "Notification":
        # Somebody ended the subscription; confirming again would be against them.
        yield Told("other", text(call, "MessageId"))
        return
    try:
        told = hooks.parsed(call["Message"].encode("utf-8", "replace"), dict)
    except NotJson:
        # SES says in plain words that a topic was chosen; it is no event.
        yield Told("other", text(call, "MessageId"))
        return
    yield from _told(told)


def _proved(body: bytes, topics: list[str]) -> dict[str, Any]:
    try:
        call = hooks.parsed(body, dict)
    except Malformed as error:
        raise NotProved from error
    if call.get("Type") not in SIGNED:
        raise NotProved
    signed = {name: call[name] for name in SIGNED[call["Type"]] if name in call}
    if not all(isinstance(value, str) for value in signed.values()) or "Message" not in signed:
        raise NotProved
    if signed.get("TopicArn") not in topics:
        raise NotProved
    algorithm = HASHES.get(text(call, "SignatureVersion"))
    signature = _signature(text(call, "Signature"))
    if algorithm is None or signature is None:
        raise NotProved
    try:
        key = amazon.key(text(call, "SigningCertURL"), signed["TopicArn"])
    except OSError as error:
        # SNS takes a refusal for good, and what it tells would be lost.
        raise receiving.Later from error
    if key is None:
        raise NotProved
    document = "".join(f"{name}\n{value}\n" for name, value in signed.items())
    try:
        key.verify(signature, document.encode("utf-8", "replace"), padding.PKCS1v15(), algorithm())
    except (InvalidSignature, ValueError) as error:
        raise NotProved from error
    return call


def _signature(given: str) -> bytes | None:
    """An RSA signature's bytes; None where it cannot be one, so that nothing is asked of Amazon."""
    try:
        found = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if len(found) in (256, 384, 512) else None


def _told(told: object) -> Iterator[Told]:
    what = text(told, "notificationType") or text(told, "eventType")
    ids = [text(told, "mail", "commonHeaders", "messageId")]
    mail = told.get("mail") if isinstance(told, dict) else None
    headers = mail.get("headers") if isinstance(mail, dict) else None
    for one in headers[:100] if isinstance(headers, list) else []:
        if text(one, "name").lower() == "message-id":
            ids.append(text(one, "value"))
    common: dict[str, Any] = {
        "message_ids": tuple(ids),
        "addresses": (text(told, "mail", "source"),),
    }
    if what == "Bounce":
        yield _bounce(told, common)
    elif what == "Complaint":
        kind = text(told, "complaint", "complaintFeedbackType")
        wanted = "other" if kind in ("not-spam", "auth-failure") else "complaint"
        yield Told(
            wanted,
            text(told, "complaint", "feedbackId"),
            **common,
            note=f"{kind or 'abuse'} through Amazon SES",
        )
    elif what == "Reject":
        yield Told("bounce", f"reject:{text(told, 'mail', 'messageId')}", **common, severity="ours")
    else:
        yield Told("other", "")


def _bounce(told: object, common: dict[str, Any]) -> Told:
    kind, subtype = text(told, "bounce", "bounceType"), text(told, "bounce", "bounceSubType")
    status = text(told, "bounce", "bouncedRecipients", 0, "status")
    action = text(told, "bounce", "bouncedRecipients", 0, "action")
    words = text(told, "bounce", "bouncedRecipients", 0, "diagnosticCode")
    severity: Severity = "hard" if kind == "Permanent" else "soft"
    if subtype in OUR_FAULT:
        severity = "ours"
    # Out-of-office answers come as Transient and General, too; without an action nothing says that it is a bounce.
    returned = (
        kind == "Permanent"
        or action == "failed"
        or (status[:2] in ("4.", "5.") and action != "delayed")
    )
    answer = kinds.answer(
        words.partition(";")[2] or words, status, text(told, "bounce", "reportingMTA")
    )
    key = text(told, "bounce", "feedbackId")
    return Told(
        "bounce" if returned else "automatic", key, **common, answer=answer, severity=severity
    )
