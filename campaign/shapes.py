"""What settings must look like. Imports nothing of the project, as `campaign.config`, which asks."""

import base64
import binascii
import re
from email.utils import getaddresses
from ipaddress import ip_address
from urllib.parse import urlsplit

_HOST = re.compile(r"[^\W_](?:[\w.-]*\w)?\.?")
_LABELS = re.compile(r"\w(?:[\w-]{0,61}\w)?(?:\.\w(?:[\w-]{0,61}\w)?)*")
_LOCAL = re.compile(r"[^@\s<>]{1,64}")
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]+:[\w.-]+")
_MARKS = re.compile(r"-----(?:BEGIN|END) PUBLIC KEY-----|\s")


def is_site(text: str) -> bool:
    """A scheme, a name and at most a port: links in mail and pages begin with it, and a path would be in no other link."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    bare = f"[{host}]" if ":" in host else host
    named = bare if port is None else f"{bare}:{port}"
    # Mail headers carry links, which are ASCII there.
    return (
        parts.scheme in ("http", "https")
        and text.isascii()
        and is_host(host)
        and text.lower() == f"{parts.scheme}://{named}"
    )


def is_host(text: str) -> bool:
    """A host's name or its IPv4 or IPv6 address, without a port."""
    if ":" in text:
        try:
            ip_address(text.partition("%")[0])
        except ValueError:
            return False
        return True
    return len(text) < 254 and ".." not in text and _HOST.fullmatch(text) is not None


def is_sender(text: str) -> bool:
    """One mail address, with or without a name, that servers take as a sender's."""
    if not text.isprintable():
        return False
    found = getaddresses([text])
    if len(found) != 1:
        return False
    local, separator, domain = found[0][1].rpartition("@")
    return bool(separator and _LOCAL.fullmatch(local)) and is_dns_name(domain)


def is_dns_name(text: str) -> bool:
    """Labels with dots between: a domain, or a DKIM selector (RFC 6376, section 3.1)."""
    return len(text) < 254 and _LABELS.fullmatch(text) is not None


def is_topic(text: str) -> bool:
    """The ARN of a topic at Amazon SNS."""
    return _TOPIC.fullmatch(text) is not None


def is_public_key(text: str) -> bool:
    """A public key in base64, as SendGrid shows it, or in PEM. What kind it is, is seen where it is used."""
    try:
        # binascii takes signs that are none of base64's for spaces, unless told not to.
        der = base64.b64decode(_MARKS.sub("", text), validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(der) > 50 and der[0] == 0x30
