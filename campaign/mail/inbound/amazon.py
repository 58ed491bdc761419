"""What we ask Amazon SNS itself: its signing certificates. Never more than its own hosts, and never often."""

import http.client
import re
import threading
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

TIMEOUT_S = 5
SIZE = 64 * 1024
KEPT_S = 24 * 3600
FAILED_S = 120
"""How long a certificate that could not be had is not asked for again."""
CACHED = 20

_ARN = re.compile(
    r"arn:(aws|aws-cn|aws-us-gov):sns:([a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}):[0-9]{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?"
)
_PATH = re.compile(r"/SimpleNotificationService-[0-9a-zA-Z]{8,64}\.pem")

_lock = threading.Lock()
_cache: dict[str, tuple[float, rsa.RSAPublicKey | OSError | None]] = {}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirect)


def host(topic: str) -> str | None:
    """The host of SNS in a topic's region (``sns.<region>.amazonaws.com``); None where the topic is no ARN."""
    match = _ARN.fullmatch(topic)
    if match is None:
        return None
    return f"sns.{match[2]}.amazonaws.com" + (".cn" if match[1] == "aws-cn" else "")


def get(url: str) -> bytes:
    """What Amazon answers. Raises OSError. ``url`` begins with https and a host that :func:`host` made."""
    try:
        with _opener.open(url, timeout=TIMEOUT_S) as answer:
            found: bytes = answer.read(SIZE + 1)
    except http.client.HTTPException as error:
        raise OSError("the answer is no HTTP") from error
    if len(found) > SIZE:
        raise OSError("the answer is too long")
    return found


def key(url: str, topic: str) -> rsa.RSAPublicKey | None:
    """The public key of the certificate at ``url``, kept for a day. Raises OSError where Amazon does not answer.

    None where the address is not the topic's own region's, or there is no certificate in force.
    """
    mine = host(topic)
    prefix = f"https://{mine}"
    if mine is None or not url.startswith(prefix + "/") or not _PATH.fullmatch(url[len(prefix) :]):
        return None
    now = time.monotonic()
    with _lock:
        kept = _cache.get(url)
    if kept and kept[0] > now:
        return _given(kept[1])
    found = _load(url)
    with _lock:
        while len(_cache) >= CACHED:
            _cache.pop(next(iter(_cache)))
        kept_s = KEPT_S if isinstance(found, rsa.RSAPublicKey) else FAILED_S
        _cache[url] = (now + kept_s, found)
    return _given(found)


def _given(found: rsa.RSAPublicKey | OSError | None) -> rsa.RSAPublicKey | None:
    if isinstance(found, OSError):
        raise OSError("Amazon does not answer") from found
    return found


def _load(url: str) -> rsa.RSAPublicKey | OSError | None:
    try:
        certificate = x509.load_pem_x509_certificate(get(url))
        public = certificate.public_key()
    except urllib.error.HTTPError as error:
        return OSError(error.code) if error.code >= 500 else None
    except OSError as error:
        return OSError(type(error).__name__)
    except ValueError:
        return None
    now = datetime.now(UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return None
    return public if isinstance(public, rsa.RSAPublicKey) else None
