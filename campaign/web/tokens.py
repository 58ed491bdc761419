"""Signed tokens: the keys in links, and what a public form carries instead of a session.

A token says for which purpose it was made and is worth nothing for another. Its payload holds row numbers,
never addresses or names, because links end up in logs and histories.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from functools import lru_cache
from typing import Any

from flask import current_app
from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

FORM_AGE = 24 * 3600
"""Seconds for which a public form can be sent after it was opened."""


class BadToken(Exception):
    """The token is forged, damaged, or was made for something else."""


class ExpiredToken(BadToken):
    """The token was good, and is too old."""


def _serializer(purpose: str) -> URLSafeTimedSerializer:
    return _made(current_app.config["SECRET_KEY"], purpose)


@lru_cache(maxsize=256)
def _made(secret: str, purpose: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(
        secret,
        salt=f"campaign.{purpose}",
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )


def sign(purpose: str, payload: Any) -> str:
    """A token for ``payload`` (JSON; row numbers only), readable for this ``purpose`` alone.

    It is what itsdangerous' URLSafeTimedSerializer makes, at a third of the time: an alert signs two for each
    of a million people.
    """
    body = _base64(json.dumps(payload, separators=(",", ":")).encode())
    stamp = int(time.time())
    value = body + b"." + _base64(stamp.to_bytes((stamp.bit_length() + 7) // 8, "big"))
    return (value + b"." + _base64(hmac.digest(key(purpose), value, "sha256"))).decode()


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def key(purpose: str) -> bytes:
    """The key that signs for this ``purpose`` alone."""
    return _key(current_app.config["SECRET_KEY"], purpose)


@lru_cache(maxsize=256)
def _key(secret: str, purpose: str) -> bytes:
    """The purpose's own key, as itsdangerous derives it."""
    return _made(secret, purpose).make_signer().derive_key()


def read(purpose: str, token: str, max_age: int | None = None) -> Any:
    """The payload of a token made by ``sign`` for the same purpose.

    ``max_age`` in seconds; None never expires. Raises ExpiredToken when it is too old, BadToken for anything else.
    """
    try:
        return _serializer(purpose).loads(token, max_age=max_age)
    except SignatureExpired as error:
        raise ExpiredToken from error
    except BadSignature as error:
        raise BadToken from error


def form_token(form: str) -> str:
    """A token for one opening of a public form. A cache may hand the same page to many people."""
    return sign(f"form.{form}", secrets.token_urlsafe(9))


def read_form_token(form: str, token: str) -> str:
    """The nonce of a form's token; raises ExpiredToken after FORM_AGE, BadToken when it is not ours."""
    return str(read(f"form.{form}", token, FORM_AGE))


def submission(nonce: str, *parts: str) -> str:
    """One person's sending of one opening of a form: the same again for a double click or a reload.

    The address is part of it because a cached page gives many people the same nonce; it is hashed, since this
    ends up in a table.
    """
    text = "\n".join((nonce, *(part.strip().lower() for part in parts)))
    return hashlib.sha256(text.encode()).hexdigest()[:40]
