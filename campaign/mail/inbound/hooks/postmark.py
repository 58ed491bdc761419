"""Postmark's webhook.

The proof: Postmark signs nothing, and documents HTTP basic authentication in the webhook's address instead
(postmarkapp.com, "Webhooks overview", "Protecting your webhook"): ``https://user:password@…/hooks/mail/postmark``. What
it tells: "Bounce webhook", "Spam complaint webhook", "Subscription change webhook" there. Postmark gives messages an
identifier of its own, so ours goes along as metadata, in a header that it takes out (X-PM-Metadata-…).
"""

import hashlib
import hmac
from collections.abc import Iterator

from flask import current_app, request
from flask.typing import ResponseReturnValue

from campaign.mail.bounces import Severity
from campaign.mail.inbound import hooks, kinds
from campaign.mail.inbound.hooks import NotProved, Told, text
from campaign.web import access, limits

METADATA = "campaign"

KINDS: dict[str, tuple[str, Severity | None]] = {
    "HardBounce": ("bounce", "hard"),
    "BadEmailAddress": ("bounce", "hard"),
    "ManuallyDeactivated": ("bounce", "hard"),
    "SoftBounce": ("bounce", "soft"),
    "DnsError": ("bounce", "soft"),
    "Blocked": ("bounce", "soft"),
    "SpamNotification": ("bounce", "soft"),
    "VirusNotification": ("bounce", "ours"),
    "DMARCPolicy": ("bounce", "ours"),
    "Unknown": ("bounce", "soft"),
    "Transient": ("delayed", None),
    "SpamComplaint": ("complaint", None),
    "Unsubscribe": ("unsubscribe", None),
}
"""Postmark's bounce types ("Bounce API"); others (AutoResponder, AddressChange …) are counted only."""


@limits.limiter.limit(hooks.RATE)
@access.link
def postmark() -> ResponseReturnValue:
    """What Postmark tells of a message."""
    wanted = str(hooks.secret("HOOK_POSTMARK"))
    return hooks.answer("postmark", lambda body: read(body, wanted))


def read(body: bytes, wanted: str) -> Iterator[Told]:
    """What a call tells; ``wanted`` is ``user:password``. Raises NotProved, Malformed."""
    given = request.authorization
    pair = f"{given.username}:{given.password}" if given and given.type == "basic" else ""
    if not hmac.compare_digest(pair.encode(), wanted.encode()):
        raise NotProved
    yield _told(hooks.parsed(body, dict), hashlib.sha256(body).hexdigest()[:40])


def _told(call: object, digest: str) -> Told:
    record, kind = text(call, "RecordType"), text(call, "Type")
    found: tuple[str, Severity | None] = ("automatic", None)
    if record in ("Bounce", "SpamComplaint"):
        found = KINDS.get(kind or record, found)
    elif record == "SubscriptionChange":
        # Hard bounces and complaints come as such; this is the person's own word.
        own = (
            text(call, "SuppressionReason") == "ManualSuppression"
            and text(call, "Origin") == "Recipient"
        )
        found = ("unsubscribe" if own else "other", None)
    words = text(call, "Details") or text(call, "Description")
    return Told(
        found[0], f"{record}:{text(call, 'ID')}" if text(call, "ID") else digest,
        (text(call, "Metadata", METADATA),), (), kinds.in_words(words), found[1],
        note="reported through Postmark",
    )  # fmt: skip


def header() -> str:
    """The name of the header that has Postmark tell our Message-ID back; empty where its webhook is not configured."""
    return f"X-PM-Metadata-{METADATA}" if current_app.config.get("HOOK_POSTMARK") else ""
