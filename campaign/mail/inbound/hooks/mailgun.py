"""Mailgun's webhook.

The proof: HMAC-SHA256 over timestamp and token, without a separator, under the webhook signing key, in hexadecimal; a
token is honoured once, and not when it is old (documentation.mailgun.com, "Securing Webhooks"). What it tells: "Webhook
Payloads" there. Mailgun tries again for eight hours unless it is answered 200 or 406.
"""

import hashlib
import hmac
import time
from collections.abc import Iterator

from flask.typing import ResponseReturnValue

from campaign.mail.answers import parse
from campaign.mail.bounces import Severity
from campaign.mail.inbound import events, hooks
from campaign.mail.inbound.hooks import Malformed, NotProved, Told, text
from campaign.web import access, limits

FRESH_S = 9 * 3600
"""Eight hours of attempts, and one for clocks and queues."""


@limits.limiter.limit(hooks.RATE)
@access.link
def mailgun() -> ResponseReturnValue:
    """What Mailgun tells of a message."""
    key = str(hooks.secret("HOOK_MAILGUN_KEY"))
    return hooks.answer("mailgun", lambda body: read(body, key))


def read(body: bytes, key: str) -> Iterator[Told]:
    """What a call tells. Raises NotProved, also for a token that was seen before; Malformed."""
    try:
        call = hooks.parsed(body, dict)
    except Malformed as error:
        raise NotProved from error
    stamp, token = text(call, "signature", "timestamp"), text(call, "signature", "token")
    expected = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    if not token or not hmac.compare_digest(
        expected.encode(), text(call, "signature", "signature").encode()
    ):
        raise NotProved
    if not stamp.isdecimal() or abs(time.time() - int(stamp[:12])) > FRESH_S:
        raise NotProved
    # In the same transaction as what it tells: a call that has to come again may come with the same token.
    if not events.first(f"mailgun:{token}"):
        raise NotProved
    event = call.get("event-data")
    if not isinstance(event, dict) or not text(event, "id"):
        raise Malformed
    yield _told(event)


def _told(event: object) -> Told:
    what, severity = text(event, "event"), text(event, "severity")
    permanent = what == "rejected" or (what == "failed" and severity == "permanent")
    kinds = {"complained": "complaint", "unsubscribed": "unsubscribe"}
    kind = "bounce" if permanent else kinds.get(what, "delayed" if what == "failed" else "other")
    status = text(event, "delivery-status", "code")
    words = text(event, "delivery-status", "message") or text(
        event, "delivery-status", "description"
    )
    code = int(status) if status.isdecimal() and 400 <= int(status[:4]) < 600 else 0
    answer = hooks.with_status(
        parse(
            code,
            words or text(event, "reason"),
            text(event, "delivery-status", "mx-host")[:100] or None,
        ),
        text(event, "delivery-status", "enhanced-code"),
    )
    hard: Severity | None = "hard" if status == "605" else None
    return Told(
        kind, text(event, "id"), (text(event, "message", "headers", "message-id"),),
        (text(event, "envelope", "sender"),), answer._replace(code=code or None),
        # 605: Mailgun did not even try, since the address had bounced before.
        hard, note="complained through Mailgun",
    )  # fmt: skip
