"""Who a request comes from, for limits, without keeping anyone's address.

The names are hashes under a random key of the day (campaign.web.daily): of the single address (an IPv6 customer's /64 counts as one) and of
the network around it (IPv4 /24, IPv6 /48). The address is the one that trusted proxies name (TRUSTED_PROXIES).
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar

from flask import Flask, request
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter, RateLimiter
from werkzeug.exceptions import TooManyRequests

from campaign.engines import connection
from campaign.web import daily
from campaign.web.windows import Limit, rates, windows

View = TypeVar("View", bound=Callable[..., Any])

NOWHERE = "192.0.2.0"
"""Stands for an address that the server did not tell (RFC 5737: belongs to nobody)."""

_NETWORK = {4: 24, 6: 48}
_SINGLE = {4: 32, 6: 64}


def network() -> str:
    """Today's keyed hash of the network that this request came from."""
    return _hashed(request.remote_addr or NOWHERE, daily.key())[0]


def origin() -> str:
    """``network`` where it tells something; empty for this machine and for private networks, as a proxy's often is."""
    return network() if _is_global(request.remote_addr or NOWHERE) else ""


@lru_cache(maxsize=512)
def _is_global(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_global
    except ValueError:
        return False


def network_and_address() -> tuple[str, str]:
    """Today's keyed hashes of the network and of the single address that this request came from."""
    return _hashed(request.remote_addr or NOWHERE, daily.key())


@lru_cache(maxsize=512)
def _hashed(text: str, key_of_day: str) -> tuple[str, str]:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        found = ipaddress.ip_address(NOWHERE)
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    blocks = (
        ipaddress.ip_network((found, bits[found.version]), strict=False)
        for bits in (_NETWORK, _SINGLE)
    )
    key = key_of_day.encode()
    network, single = (
        hmac.new(key, str(block).encode(), hashlib.sha256).hexdigest()[:24] for block in blocks
    )
    return network, single


class Limiter:
    """Limits of other doors than the public forms, which have campaign.web.gate's."""

    limiter: RateLimiter
    """The counters of signing in (accounts.throttle)."""

    def limit(self, rate: str) -> Callable[[View], View]:
        """A view that one network may ask for no oftener than ``rate``, such as ``600 per minute``; 429 beyond."""

        def decorate(view: View) -> View:
            @wraps(view)
            def inner(*args: Any, **values: Any) -> Any:
                asked = [
                    Limit(f"door:{seconds}:{request.endpoint}:{network()}", seconds, most, most)
                    for most, seconds in rates(rate)
                ]
                answer = windows().take(asked)
                if answer.refused_by >= 0:
                    raise TooManyRequests(retry_after=answer.wait)
                return view(*args, **values)

            return inner  # type: ignore[return-value]  # the same view, limited

        return decorate

    def init_app(self, app: Flask) -> None:
        """Counts in Valkey as the configuration names it."""
        url = app.config.get("RATELIMIT_STORAGE_URI")
        options = app.config.get("RATELIMIT_STORAGE_OPTIONS") or {}
        storage: Any = storage_from_string(url, **options) if url else MemoryStorage()
        self.limiter = MovingWindowRateLimiter(storage)


limiter = Limiter()


def init_app(app: Flask) -> None:
    """Binds the counters to Valkey."""
    app.config.setdefault("RATELIMIT_STORAGE_OPTIONS", connection.patience())
    limiter.init_app(app)
