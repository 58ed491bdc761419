"""Which of our addresses mean what: features register a prefix, and mail to ``<prefix>+<number>-<signature>@…`` is theirs.

    routing.register("reply", handler)          # in the feature's init_app
    routing.address("reply", delivery_id)       # an address that only we can make; None without MAIL_INBOUND_DOMAIN

The handler is called once a message and address, inside a transaction that the caller commits. It must not commit,
and mails nobody but through the ledger. It raises Full where it takes no more.
"""

from collections.abc import Callable
from dataclasses import dataclass

from campaign.mail import verp
from campaign.mail.inbound.incoming import Incoming

Handler = Callable[[Incoming, int], None]


class Full(Exception):
    """An address has taken as much as it may: whoever wrote is told by their own mail server, and nothing vanishes unseen."""


@dataclass(frozen=True)
class Route:
    """What a prefix's mail does."""

    prefix: str
    handler: Handler
    automatic: bool
    """Whether it also wants automatic answers (RFC 3834); other prefixes have them counted and dropped."""


_routes: dict[str, Route] = {}


def register(prefix: str, handler: Handler, *, automatic: bool = False) -> None:
    """Has mail to the signed addresses of ``prefix`` (2 to 20 letters) handled by ``handler(mail, number)``.

    Bounces and complaints never reach a handler. Raises ValueError where the prefix is not one, or is the engine's own.
    """
    if not (2 <= len(prefix) <= 20 and prefix.isascii() and prefix.isalpha() and prefix.islower()):
        raise ValueError(f"{prefix!r} is no prefix: it has 2 to 20 small letters")
    if prefix == verp.BOUNCE:
        raise ValueError("bounces are the mail engine's own")
    _routes[prefix] = Route(prefix, handler, automatic)


def address(prefix: str, number: int) -> str | None:
    """The signed address of ``prefix`` for a row number; None without MAIL_INBOUND_DOMAIN."""
    return verp.address(prefix, number)


def route(prefix: str) -> Route | None:
    """What is registered under ``prefix``."""
    return _routes.get(prefix)
