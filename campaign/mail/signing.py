"""DKIM signatures (RFC 6376, RFC 8463), where a key is configured.

MAIL_DKIM_KEY names a file: an RSA or Ed25519 private key in PEM, or a base64 Ed25519 seed. MAIL_DKIM_SELECTOR (default
``campaign``) says under which name its public half is published: ``<selector>._domainkey.<sender's domain>``.
"""

import base64
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from flask import current_app

from campaign.config import ConfigError
from campaign.mail import settings

SIGNED = [
    b"from", b"to", b"reply-to", b"subject", b"date", b"message-id", b"mime-version", b"content-type",
    b"list-id", b"list-unsubscribe", b"list-unsubscribe-post", b"feedback-id", b"auto-submitted",
]  # fmt: skip
"""RFC 8058 section 4 wants both List-Unsubscribe headers covered, and Gmail reads a Feedback-ID only where it is."""

_ED25519 = bytes.fromhex("06032b657004220420")
"""What stands before the seed in an Ed25519 private key (RFC 8410): its algorithm, and the lengths of what follows."""


def signer() -> Callable[[bytes], bytes] | None:
    """Makes the DKIM-Signature header of a message, ending in CRLF; None where no key is configured."""
    path = current_app.config.get("MAIL_DKIM_KEY")
    if not path:
        return None
    selector = current_app.config.get("MAIL_DKIM_SELECTOR") or "campaign"
    return _signer(path, selector, settings.sender().domain)


def require_key(path: str) -> None:
    """Raises ConfigError with a sentence where the file is no key that signs."""
    try:
        _signer(path, "campaign", "example.org")(b"From: us@example.org\r\n\r\n\r\n")
    except Exception as error:  # each library below says it in its own way
        raise ConfigError(
            f"MAIL_DKIM_KEY is {path!r}, which cannot sign: name a file with an RSA or Ed25519 private key "
            "in PEM, without a password, or unset it."
        ) from error


def published() -> str | None:
    """What belongs into DNS for the configured key (RFC 6376 section 3.6.1); None where none is configured or it is no key."""
    # Here, since a worker without a key can do without these libraries' memory.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    path = current_app.config.get("MAIL_DKIM_KEY")
    if not path:
        return None
    key = _key(path)
    try:
        if b"PRIVATE KEY" in key:
            public = serialization.load_pem_private_key(key, None).public_key()
            form, kind = serialization.PublicFormat.SubjectPublicKeyInfo, "rsa"
            raw = public.public_bytes(serialization.Encoding.DER, form)
        else:
            seed = Ed25519PrivateKey.from_private_bytes(base64.b64decode(key))
            kind, raw = "ed25519", seed.public_key().public_bytes_raw()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return f"v=DKIM1; k={kind}; p={base64.b64encode(raw).decode()}"


def _key(path: str) -> bytes:
    """The key as dkimpy takes it: RSA in PEM, Ed25519 as the seed in base64. OpenSSL writes both in PEM."""
    key = Path(path).read_bytes().strip()
    _, _, rest = key.partition(b"-----BEGIN PRIVATE KEY-----")
    if not rest:
        return key
    # By hand, since cryptography would cost each worker its memory.
    try:
        der = base64.b64decode(rest.partition(b"-----END")[0])
    except ValueError:
        return key
    _, found, seed = der.partition(_ED25519)
    return base64.b64encode(seed[:32]) if found else key


@lru_cache(maxsize=8)
def _signer(path: str, selector: str, domain: str) -> Callable[[bytes], bytes]:
    import dkim

    key = _key(path)
    if b"PRIVATE KEY" in key:
        algorithm, kind = b"rsa-sha256", _with_openssl(key)
    else:
        algorithm, kind = b"ed25519-sha256", dkim.DKIM

    def sign(message: bytes) -> bytes:
        head = b"\r\n" + message.partition(b"\r\n\r\n")[0].lower()
        signature: bytes = kind(message, signature_algorithm=algorithm).sign(
            selector.encode(),
            domain.encode(),
            key,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[name for name in SIGNED if b"\r\n" + name + b":" in head],
        )
        return signature

    return sign


class _Signature(NamedTuple):
    signature: bytes


def _with_openssl(pem: bytes) -> Callable[..., Any]:
    """dkimpy's signer with OpenSSL's RSA: its own, in Python, takes 6 ms a message, which would be most of a large alert's time.

    Raises ValueError where the file is no RSA key.
    """
    import dkim
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

    loaded = serialization.load_pem_private_key(pem, None)
    if not isinstance(loaded, rsa.RSAPrivateKey):
        raise ValueError("not an RSA key")
    key: rsa.RSAPrivateKey = loaded
    sha256 = utils.Prehashed(hashes.SHA256())

    class Key:
        def sign(self, digest: bytes) -> _Signature:
            return _Signature(key.sign(digest, padding.PKCS1v15(), sha256))

    class Signer(dkim.DKIM):
        def gen_header(self, fields: Any, include: Any, policy: Any, name: Any, pk: Any) -> Any:
            # The fields name RSA already; from here on this only chooses who is asked for the signature: a key's own method.
            self.signature_algorithm = b"ed25519-sha256"
            return super().gen_header(fields, include, policy, name, Key())

    return Signer
