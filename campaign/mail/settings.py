"""Where mail goes and in whose name it goes: what configuration and staff have said."""

from dataclasses import dataclass
from email.utils import parseaddr
from functools import cached_property, lru_cache
from typing import Literal

from flask import current_app

from campaign import settings

DELIVERY = "mail.delivery"
DEFAULT_SENDER = "campaign@coalition.example"
"""Who writes where nobody has said: good enough for the capture inbox, never for live delivery."""

Delivery = Literal["capture", "live"]


@dataclass(frozen=True)
class Sender:
    """The coalition's own address: the From of every message."""

    address: str
    name: str = ""

    @cached_property
    def domain(self) -> str:
        """The part after the at sign, lower-case."""
        return self.address.rpartition("@")[2].lower()


def delivery_mode() -> Delivery:
    """``live`` once an administrator has said so, ``capture`` before."""
    return "live" if settings.get(DELIVERY) == "live" else "capture"


def set_delivery(mode: Delivery, by: str) -> None:
    """Switches where mail goes, in the caller's transaction; workers see it with their next batch."""
    if mode not in ("capture", "live"):
        raise ValueError(f"delivery is capture or live, not {mode!r}")
    settings.put(DELIVERY, mode, by)


def sender_configured() -> bool:
    """Whether MAIL_DEFAULT_SENDER names anyone."""
    return bool(current_app.config.get("MAIL_DEFAULT_SENDER_SET"))


def sender() -> Sender:
    """Who writes: MAIL_DEFAULT_SENDER, as Flask-Mail reads it (``a@b``, ``Name <a@b>`` or a pair)."""
    return _sender(current_app.config.get("MAIL_DEFAULT_SENDER") or DEFAULT_SENDER)


@lru_cache(maxsize=8)
def _sender(configured: str | tuple[str, str]) -> Sender:
    name, address = configured if isinstance(configured, tuple) else parseaddr(configured)
    if "@" not in address:
        address = DEFAULT_SENDER
    return Sender(address, name or "")


def inbound_domain() -> str | None:
    """The domain whose mail comes in through ``campaign inbound``; None: bounces go to the sender."""
    domain: str | None = current_app.config.get("MAIL_INBOUND_DOMAIN")
    return domain.lower() if domain else None
