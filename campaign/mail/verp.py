"""Addresses that say which message they belong to and cannot be forged (variable envelope return paths).

``bounce+<number>-<signature>@<MAIL_INBOUND_DOMAIN>``: the number is the message's row, the signature an HMAC
under SECRET_KEY. Without an inbound domain the sender's own address stands in, and bounces go to its mailbox.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from functools import lru_cache

from flask import current_app

from campaign.mail import settings
from campaign.mail.states import Row
from campaign.web import tokens

BOUNCE = "bounce"
UNSUBSCRIBE = "unsubscribe"
_LOCAL = re.compile(r"([a-z]{2,20})\+([1-9][0-9]{0,17})-([a-z2-7]{16})", re.I)


def envelope_sender(row: Row) -> str:
    """Where the bounce of ``row``'s message goes."""
    return _address(BOUNCE, row.id)


def unsubscribe_address(row: Row) -> str:
    """Where a mail client's unsubscribe button writes to."""
    return _address(UNSUBSCRIBE, row.id)


def address(kind: str, number: int) -> str | None:
    """A signed address of another kind (``reply``, …) for a number; None without an inbound domain."""
    return None if settings.inbound_domain() is None else _address(kind, number)


def addresses(kind: str) -> Callable[[Row], str]:
    """:func:`envelope_sender` (``BOUNCE``) or :func:`unsubscribe_address` for the many rows of a batch."""
    domain = settings.inbound_domain()
    if domain is None:
        address = settings.sender().address
        return lambda row: address
    digest = tokens.keyed_digest(_key(current_app.config["SECRET_KEY"]))
    return lambda row: f"{kind}+{row.id}-{_signed(digest, kind, row.id)}@{domain}"


def read(address: str) -> tuple[str, int] | None:
    """The kind and the number (a message's row, mostly) that an address of ours carries; None for any other address."""
    local, _, domain = address.rpartition("@")
    match = _LOCAL.fullmatch(local)
    if not match or domain.lower() != settings.inbound_domain():
        return None
    kind, number = match[1].lower(), int(match[2])
    if not hmac.compare_digest(_signature(kind, number), match[3].lower()):
        return None
    return kind, number


def _address(kind: str, number: int) -> str:
    domain = settings.inbound_domain()
    if domain is None:
        return settings.sender().address
    return f"{kind}+{number}-{_signature(kind, number)}@{domain}"


def _signature(kind: str, number: int) -> str:
    digest = tokens.keyed_digest(_key(current_app.config["SECRET_KEY"]))
    return _signed(digest, kind, number)


def _signed(digest: Callable[[bytes], bytes], kind: str, number: int) -> str:
    signature = digest(f"{kind}:{number}".encode())[:10]
    return base64.b32encode(signature).decode().lower()


@lru_cache(maxsize=4)
def _key(secret: str | bytes) -> bytes:
    """A key for this purpose alone."""
    secret = secret.encode() if isinstance(secret, str) else secret
    return hashlib.sha256(b"campaign.mail.verp:" + secret).digest()
