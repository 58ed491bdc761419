"""Rate limits of the public doors, by network, without keeping anyone's address.

The key is a keyed hash of the network (IPv4 /24, IPv6 /48) that changes each day, so what lies in Valkey cannot be
traced back. With Valkey away the limits go on in each process's memory.
"""

import hashlib
import hmac
import ipaddress

from flask import Flask, current_app, request
from flask_limiter import Limiter

from campaign.clock import utcnow

NOWHERE = "192.0.2.0"
"""Stands for an address that the server did not tell (RFC 5737: belongs to nobody)."""


def network() -> str:
    """Today's keyed hash of the network that this request came from."""
    try:
        address = ipaddress.ip_address(request.remote_addr or NOWHERE)
    except ValueError:
        address = ipaddress.ip_address(NOWHERE)
    bits = 24 if address.version == 4 else 48
    block = ipaddress.ip_network((address, bits), strict=False)
    message = f"{utcnow():%Y-%m-%d} {block}".encode()
    key = str(current_app.config["SECRET_KEY"]).encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()[:24]


limiter = Limiter(
    network, strategy="moving-window", in_memory_fallback_enabled=True, swallow_errors=True
)


def public_posts() -> str:
    """How often one network may send public forms; PUBLIC_POSTS raises it, say for an event behind one address."""
    return str(current_app.config["PUBLIC_POSTS"])


def init_app(app: Flask) -> None:
    """Binds the limiter to Valkey as the configuration names it."""
    limiter.init_app(app)
