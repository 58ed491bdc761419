"""The records that receivers look at before they believe a sender: SPF, DKIM and DMARC."""

from ipaddress import ip_address
from typing import NamedTuple

import dns.exception
import dns.resolver
from flask import current_app

from campaign.mail import settings, signing

SECONDS = 3.0
"""How long one question may take; a machine without DNS must not make the doctor wait."""


class Record(NamedTuple):
    """What was found under a name: ``state`` is ok, missing, wrong or unknown (it could not be asked)."""

    kind: str
    name: str
    state: str
    text: str = ""


def returns_to(domain: str) -> str:
    """The domain of the envelope senders of mail from ``domain``: SPF is asked for under that one (RFC 7208 section 2.4)."""
    return settings.inbound_domain() or domain


def check(domain: str) -> list[Record]:
    """SPF (RFC 7208), DMARC (RFC 7489) and, where a selector is configured, DKIM (RFC 6376) of mail from a domain."""
    asked = [("SPF", returns_to(domain)), ("DMARC", f"_dmarc.{domain}")]
    if current_app.config.get("MAIL_DKIM_KEY"):
        asked.append(("DKIM", _key_name(domain)))
    unknown = [Record(kind, name, "unknown") for kind, name in asked]
    resolver = dns.resolver.Resolver(configure=False)
    try:
        resolver = dns.resolver.Resolver()
    except (dns.exception.DNSException, OSError):
        return unknown
    resolver.lifetime = resolver.timeout = SECONDS
    spf = _txt(resolver, returns_to(domain), "SPF", "v=spf1")
    if spf.state == "unknown":
        # Nobody answers: one wait is enough.
        return unknown
    dmarc = _txt(resolver, f"_dmarc.{domain}", "DMARC", "v=dmarc1")
    if dmarc.state == "missing" and domain.count(".") > 1:
        parent = domain.partition(".")[2]
        above = _txt(resolver, f"_dmarc.{parent}", "DMARC", "v=dmarc1")
        dmarc = above if above.state == "ok" else dmarc
    if len(asked) < 3:
        return [spf, dmarc]
    return [spf, dmarc, _our_key(_txt(resolver, _key_name(domain), "DKIM", "p="))]


def _key_name(domain: str) -> str:
    return f"{current_app.config['MAIL_DKIM_SELECTOR']}._domainkey.{domain}"


def to_publish(domain: str) -> list[tuple[str, str]]:
    """The TXT records, (name, text), that let receivers believe mail from ``domain``; DKIM's where a key is configured.

    SPF and DMARC are proposals: the mail server's own addresses belong in the first, and both may be there already.
    """
    records = [
        (returns_to(domain), f"v=spf1 {_mechanism(current_app.config['MAIL_SERVER'])} ~all"),
        (f"_dmarc.{domain}", f"v=DMARC1; p=none; rua=mailto:postmaster@{domain}"),
    ]
    if key := signing.published():
        records.append((_key_name(domain), key))
    return records


def _mechanism(server: str) -> str:
    """How SPF names a server (RFC 7208 section 5): by its address where that is all we know.

    Receivers see a relay of this machine or its network under an address that only its operator knows.
    """
    try:
        address = ip_address("127.0.0.1" if server == "localhost" else server)
    except ValueError:
        return f"a:{server}"
    if not address.is_global:
        return "ip4:<the public address that mail leaves from>"
    return f"ip{address.version}:{server}"


def _our_key(found: Record) -> Record:
    """The published key, compared with the one that signs."""
    ours = signing.published()
    if found.state != "ok" or ours is None or _public(ours) == _public(found.text):
        return found
    return found._replace(state="wrong", text="the key published is not the one that signs")


def _public(record: str) -> str:
    tags = dict(part.strip().partition("=")[::2] for part in record.split(";") if "=" in part)
    return "".join(tags.get("p", "").split())


def mx(domain: str) -> Record:
    """Where mail for a domain goes (RFC 5321 section 5.1)."""
    try:
        resolver = dns.resolver.Resolver()
        resolver.lifetime = resolver.timeout = SECONDS
        found = [
            str(one.exchange).rstrip(".") for one in resolver.resolve(domain, "MX", search=False)
        ]
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return Record("MX", domain, "missing")
    except (dns.exception.DNSException, OSError):
        return Record("MX", domain, "unknown")
    return Record("MX", domain, "ok", ", ".join(sorted(found)))


def _txt(resolver: dns.resolver.Resolver, name: str, kind: str, mark: str) -> Record:
    try:
        answer = resolver.resolve(name, "TXT", search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return Record(kind, name, "missing")
    except (dns.exception.DNSException, OSError):
        return Record(kind, name, "unknown")
    texts = [b"".join(record.strings).decode("ascii", "replace") for record in answer]
    found = [text for text in texts if mark in text.lower().replace(" ", "")]
    if kind == "SPF" and len(found) > 1:
        return Record(kind, name, "wrong", "more than one SPF record (RFC 7208, 4.5 allows one)")
    return Record(kind, name, "ok", found[0]) if found else Record(kind, name, "missing")
