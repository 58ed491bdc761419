"""What the environment says, checked and turned into Flask's configuration.

Imports nothing of the project but `campaign.shapes`, so that every process can read it first and cheaply.
"""

import os
import re
import secrets
import stat
import tempfile
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from campaign import shapes

ROOT = Path(__file__).resolve().parent.parent
QUEUES = ["confirmations", "letters", "default", "alerts"]
_RATE = re.compile(r"[1-9][0-9]{0,8} per (?:[1-9][0-9]{0,3} )?(?:second|minute|hour|day)s?")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
_POOL = {
    "pool_size": 4,
    # The connection used last is the warmest, and those that nobody needs rest long enough to be closed.
    "pool_use_lifo": True,
    # A worker's two senders have five each at most, and its main thread one.
    "max_overflow": 8,
    "pool_timeout": 10,
    "pool_recycle": 1800,
    # Errors are logged with their statement; its values are people's names and words.
    "hide_parameters": True,
    # Prepared statements live in a session, which a transaction-pooling pgbouncer shares (see engines.pool).
    "connect_args": {
        "prepare_threshold": None,
        "connect_timeout": 5,
        "application_name": "campaign",
    },
}


class ConfigError(Exception):
    """A setting is wrong. The text is one sentence: what is wrong and how to mend it."""


def load(environ: Mapping[str, str]) -> dict[str, Any]:
    """Read the environment names that the README promises and return Flask's configuration.

    `SQLALCHEMY_DATABASE_URI` and `RQ_CONNECTION` are None where no URL is set: then
    `campaign.engines.ensure` fills them in. Raises ConfigError with one sentence.
    """
    port = _integer(environ, "PORT", 5000, 65535)
    data = data_folder(environ)
    database_url = environ.get("DATABASE_URL", "").strip()
    config: dict[str, Any] = {
        "ROOT": str(ROOT),
        "DATA": str(data),
        "PORT": port,
        "SITE_URL": _site_url(environ, port),
        "SECRET_KEY": _secret_key(environ, data, required=bool(database_url)),
        "EMBEDDED_POSTGRESQL": not database_url,
        "SQLALCHEMY_DATABASE_URI": _database_url(database_url) if database_url else None,
        "SQLALCHEMY_ENGINE_OPTIONS": deepcopy(_POOL),
        "RQ_QUEUES": list(QUEUES),
        "RQ_CONNECTION_CLASS": "campaign.engines.connection:Connection",
        "BABEL_DEFAULT_LOCALE": "en",
        "BABEL_DEFAULT_TIMEZONE": "UTC",
        "BABEL_TRANSLATION_DIRECTORIES": str(ROOT / "translations"),
        "LANGUAGES": ["en", "es"],
        # The largest upload (design: 10 MB a document) and some room for the form around it.
        "MAX_CONTENT_LENGTH": 12 * 1024 * 1024,
        "METRICS_TOKEN": environ.get("METRICS_TOKEN", "").strip() or None,
        # How many proxies of one's own stand in front: so many X-Forwarded-For entries are believed.
        "TRUSTED_PROXIES": _integer(environ, "TRUSTED_PROXIES", 0, 10, lowest=0),
        "ALERT_GRACE_HOURS": _integer(environ, "ALERT_GRACE_HOURS", 2, 168, lowest=0),
        # How long what was typed and never confirmed is kept after its link has lapsed.
        "UNCONFIRMED_DAYS": _integer(environ, "UNCONFIRMED_DAYS", 30, 3650),
        "PUBLIC_POSTS": _rate(environ, "PUBLIC_POSTS", "120 per minute; 2000 per hour"),
        # None: campaign.web.gate reckons it.
        "PUBLIC_MAILS": _integer(environ, "PUBLIC_MAILS", 0, 10**9) or None,
        "DISPOSABLE_DOMAINS": _flag(environ, "DISPOSABLE_DOMAINS", default=True),
    }
    config |= redis_settings(_redis_url(environ))
    config |= _mail(environ)
    config |= _mail_limits(environ)
    config |= _inbound(environ)
    return config


def data_folder(environ: Mapping[str, str]) -> Path:
    """The absolute data folder; a relative DATA is relative to the project root."""
    return (ROOT / os.path.expanduser(environ.get("DATA") or "var")).absolute()


def redis_settings(url: str | None) -> dict[str, Any]:
    """The keys that depend on where Valkey is: RQ's connection and the rate limits' storage."""
    storage = url
    if url and url.startswith("unix://"):
        storage = "redis+" + url
    return {"RQ_CONNECTION": url, "RATELIMIT_STORAGE_URI": storage}


def writable(folder: Path) -> None:
    """Make the data folder and see that it can be written. Raises ConfigError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".write-")
        os.close(descriptor)
        os.unlink(name)
    except OSError as error:
        raise ConfigError(
            f"The data folder {folder} cannot be written ({error.strerror}): "
            "make it writable, or set DATA to a folder that is."
        ) from error
    if not folder.stat().st_mode & stat.S_IWUSR:  # root may write all the same; its owner said no
        raise ConfigError(
            f"The data folder {folder} is marked read-only: make it writable (chmod u+w), or set "
            "DATA to a folder that is."
        )


def _mail(environ: Mapping[str, str]) -> dict[str, Any]:
    tls, ssl = _flag(environ, "MAIL_USE_TLS"), _flag(environ, "MAIL_USE_SSL")
    if tls and ssl:
        raise ConfigError(
            "MAIL_USE_TLS and MAIL_USE_SSL are both on: keep MAIL_USE_TLS for STARTTLS "
            "(port 587) or MAIL_USE_SSL for port 465, and unset the other."
        )
    sender = environ.get("MAIL_DEFAULT_SENDER", "").strip()
    if sender and not shapes.is_sender(sender):
        raise ConfigError(
            "MAIL_DEFAULT_SENDER is no mail address: set it like letters@example.org or "
            "Our Coalition <letters@example.org>."
        )
    if bool(environ.get("MAIL_USERNAME")) != bool(environ.get("MAIL_PASSWORD")):
        raise ConfigError("Set MAIL_USERNAME and MAIL_PASSWORD together, or neither.")
    server = environ.get("MAIL_SERVER", "").strip()
    if server and not shapes.is_host(server):
        raise ConfigError(
            f"MAIL_SERVER is {server!r}: set it to the mail server's name alone, like mail.example.org, "
            "and MAIL_PORT to its port."
        )
    selector = environ.get("MAIL_DKIM_SELECTOR", "").strip() or "campaign"
    if not shapes.is_dns_name(selector):
        raise ConfigError(
            f"MAIL_DKIM_SELECTOR is {selector!r}: set it to the key's name in DNS, what stands before "
            "._domainkey, like campaign."
        )
    return {
        "MAIL_SERVER": server or "localhost",
        "MAIL_SERVER_SET": bool(server),
        "MAIL_PORT": _integer(environ, "MAIL_PORT", 465 if ssl else 587 if tls else 25, 65535),
        "MAIL_USE_TLS": tls,
        "MAIL_USE_SSL": ssl,
        "MAIL_USERNAME": environ.get("MAIL_USERNAME") or None,
        "MAIL_PASSWORD": environ.get("MAIL_PASSWORD") or None,
        "MAIL_DEFAULT_SENDER": sender or "campaign@coalition.example",
        "MAIL_DEFAULT_SENDER_SET": bool(sender),
        "MAIL_DKIM_KEY": _readable(environ, "MAIL_DKIM_KEY"),
        "MAIL_DKIM_SELECTOR": selector,
    }


STREAM_PATIENCE = {
    "confirmations": ("1m 6h 3d", "0s"),
    "letters": ("1m 6h 3d", "30m"),
    "alerts": ("1m 6h 3d", "1m"),
}
"""By stream: the first wait, the longest, and when to give up; and how long a message of unknown fate waits."""


def _mail_limits(environ: Mapping[str, str]) -> dict[str, Any]:
    """What the mail server and the receiving domains will bear, and how long we try."""
    patience = {}
    for stream, (retry, doubt) in STREAM_PATIENCE.items():
        waits = _waits(environ, f"MAIL_RETRY_{stream.upper()}", retry, 3)
        if not 0 < waits[0] <= waits[1] <= waits[2]:
            raise ConfigError(
                f"MAIL_RETRY_{stream.upper()} must rise: set the first wait, the longest wait and when to give up, "
                f"like {retry!r}."
            )
        patience[stream] = (*waits, *_waits(environ, f"MAIL_UNCERTAIN_{stream.upper()}", doubt, 1))
    return {
        "MAIL_MESSAGES_PER_SECOND": _integer(environ, "MAIL_MESSAGES_PER_SECOND", 0, 1_000_000, 0),
        "MAIL_MAX_EMAILS": _integer(environ, "MAIL_MAX_EMAILS", 0, 1_000_000, 0),
        "MAIL_MAX_CONNECTIONS": _integer(environ, "MAIL_MAX_CONNECTIONS", 0, 10_000, 0),
        "MAIL_DOMAIN_LIMITS": _domain_limits(environ),
        "MAIL_PATIENCE": patience,
    }


def _domain_limits(environ: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """MAIL_DOMAIN_LIMITS, ``gmail.com=20/4, *=50/10``: messages a second and connections at once; 0: no limit."""
    limits = {}
    for entry in filter(None, map(str.strip, environ.get("MAIL_DOMAIN_LIMITS", "").split(","))):
        found = re.fullmatch(r"([^=\s]+)\s*=\s*(\d{1,6})/(\d{1,4})", entry)
        name = found[1].lower() if found else ""
        if not found or not (name == "*" or _DOMAIN.fullmatch(name)):
            raise ConfigError(
                f"MAIL_DOMAIN_LIMITS has {entry!r}: write each domain's messages a second and connections at once "
                "like 'gmail.com=20/4, *=50/10'; 0 is no limit."
            )
        if name in limits:
            raise ConfigError(f"MAIL_DOMAIN_LIMITS has {name} twice: keep one.")
        limits[name] = (int(found[2]), int(found[3]))
    return limits


def _waits(environ: Mapping[str, str], name: str, default: str, n: int) -> tuple[int, ...]:
    """Lengths of time, ``1m 6h 3d``, in seconds."""
    words = (environ.get(name, "").strip() or default).split()
    found = [re.fullmatch(r"(\d{1,6})([smhd])", word) for word in words]
    seconds = [
        int(one[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[one[2]] for one in found if one
    ]
    if len(seconds) != len(words) or len(words) != n or max(seconds) > 30 * 86400:
        raise ConfigError(
            f"{name} is {' '.join(words)!r}: write it like {default!r} (s, m, h or d, at most 30d)."
        )
    return tuple(seconds)


def _inbound(environ: Mapping[str, str]) -> dict[str, Any]:
    """What comes back: bounces, complaints, unsubscribes, replies. Nothing of it is open while it is not set."""
    domain = environ.get("MAIL_INBOUND_DOMAIN", "").strip().lower().rstrip(".")
    if domain and not _DOMAIN.fullmatch(domain):
        raise ConfigError(
            f"MAIL_INBOUND_DOMAIN is {domain!r}: set it to a domain whose mail comes to "
            "`campaign inbound`, like bounces.example.org."
        )
    certificate = _readable(environ, "MAIL_INBOUND_TLS_CERT")
    key = _readable(environ, "MAIL_INBOUND_TLS_KEY")
    if bool(certificate) != bool(key):
        raise ConfigError(
            "Set MAIL_INBOUND_TLS_CERT and MAIL_INBOUND_TLS_KEY together, or neither."
        )
    return {
        "MAIL_INBOUND_DOMAIN": domain or None,
        "MAIL_INBOUND_SMTP": _listen(environ, "MAIL_INBOUND_SMTP"),
        "MAIL_INBOUND_LMTP": _listen(environ, "MAIL_INBOUND_LMTP"),
        "MAIL_INBOUND_TLS_CERT": certificate,
        "MAIL_INBOUND_TLS_KEY": key,
        "MAIL_INBOUND_SIZE": _integer(environ, "MAIL_INBOUND_SIZE", 5_000_000, 50_000_000, 10_000),
        "MAIL_INBOUND_RATE": _rate(environ, "MAIL_INBOUND_RATE", "600 per minute"),
        **_hooks(environ),
    }


def _hooks(environ: Mapping[str, str]) -> dict[str, Any]:
    """What proves the calls of providers. A slip of the pen would let bounces go by in silence."""
    topics = environ.get("HOOK_SES_TOPICS", "").split()
    for topic in topics:
        if not shapes.is_topic(topic):
            raise ConfigError(
                f"HOOK_SES_TOPICS has {topic!r}: set it to the ARNs of your SNS topics, like "
                "arn:aws:sns:us-east-1:123456789012:bounces, with spaces between."
            )
    pair = environ.get("HOOK_POSTMARK", "").strip()
    if pair and not all(pair.partition(":")):
        raise ConfigError(
            "HOOK_POSTMARK has no user and password: set it like user:password, as in the webhook's address."
        )
    key = environ.get("HOOK_SENDGRID_KEY", "").strip()
    if key and not shapes.is_public_key(key):
        raise ConfigError(
            "HOOK_SENDGRID_KEY is no public key: set it to the verification key that SendGrid shows "
            "for its signed event webhook."
        )
    return {
        "HOOK_SES_TOPICS": topics,
        "HOOK_POSTMARK": pair or None,
        "HOOK_SENDGRID_KEY": key or None,
        "HOOK_MAILGUN_KEY": environ.get("HOOK_MAILGUN_KEY", "").strip() or None,
    }


def _listen(environ: Mapping[str, str], name: str) -> tuple[str, int] | None:
    """``host:port`` or ``[IPv6]:port``; None where it is not set."""
    text = environ.get(name, "").strip()
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not shapes.is_host(host) or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError(f"{name} is {text!r}: set it to host:port, like 127.0.0.1:2525.")
    return host, int(port)


def _readable(environ: Mapping[str, str], name: str) -> str | None:
    path = environ.get(name, "").strip()
    if path and not os.access(path, os.R_OK):
        raise ConfigError(
            f"{name} is {path!r}, which cannot be read: name a file that can, or unset it."
        )
    return path or None


def _integer(
    environ: Mapping[str, str], name: str, default: int, highest: int, lowest: int = 1
) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or not lowest <= int(text) <= highest:
        raise ConfigError(
            f"{name} is {text!r}: set it to a whole number from {lowest} to {highest}."
        )
    return int(text)


def _rate(environ: Mapping[str, str], name: str, default: str) -> str:
    text = environ.get(name, "").strip() or default
    if not all(_RATE.fullmatch(part.strip()) for part in text.split(";")):
        raise ConfigError(f"{name} is {text!r}: write it like {default!r}.")
    return text


def _flag(environ: Mapping[str, str], name: str, default: bool = False) -> bool:
    text = environ.get(name, "").strip().lower()
    if not text:
        return default
    if text in ("0", "false", "no", "off"):
        return False
    if text in ("1", "true", "yes", "on"):
        return True
    raise ConfigError(f"{name} is {text!r}: set it to true or false.")


def _site_url(environ: Mapping[str, str], port: int) -> str:
    text = environ.get("SITE_URL", "").strip().rstrip("/") or f"http://127.0.0.1:{port}"
    if not shapes.is_site(text):
        raise ConfigError(
            f"SITE_URL is {text!r}: set it to the address people use, like https://act.example.org, without "
            "a path; write a name with letters beyond a to z as xn--…."
        )
    return text


def _database_url(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in ("postgres", "postgresql", "postgresql+psycopg"):
        raise ConfigError(
            "DATABASE_URL does not begin with postgresql://: set it like "
            "postgresql://user:password@host:5432/name, or unset it to use the built-in one."
        )
    if not _has_port_number(f"{scheme}://{rest}"):
        raise ConfigError(
            "DATABASE_URL has no number where its port should be: set it like postgresql://user:password@host:5432/name; "
            "a sign like / or @ in the password is written %2F or %40."
        )
    return f"postgresql+psycopg://{rest}"


def _has_port_number(url: str) -> bool:
    try:
        _ = urlsplit(url).port  # urllib checks it only when asked
    except ValueError:
        return False
    return True


def _redis_url(environ: Mapping[str, str]) -> str | None:
    text = environ.get("REDIS_URL", "").strip()
    if not text:
        return None
    scheme, separator, rest = text.partition("://")
    scheme = {"valkey": "redis", "valkeys": "rediss"}.get(scheme, scheme)
    if not separator or scheme not in ("redis", "rediss", "unix"):
        raise ConfigError(
            "REDIS_URL does not begin with redis://, rediss:// or unix://: set it like "
            "redis://host:6379/0, or unset it to use the built-in Valkey."
        )
    if not _has_port_number(f"{scheme}://{rest}"):
        raise ConfigError(
            "REDIS_URL has no number where its port should be: set it like redis://host:6379/0."
        )
    number = urlsplit(f"{scheme}://{rest}").path.strip("/")
    if scheme != "unix" and number and not (number.isascii() and number.isdigit()):
        raise ConfigError(
            f"REDIS_URL names the database {number!r}: set it like redis://host:6379/0, with a number."
        )
    return f"{scheme}://{rest}"


def _secret_key(environ: Mapping[str, str], data: Path, required: bool) -> str:
    given = environ.get("SECRET_KEY", "").strip()
    if given:
        return given
    if required:
        raise ConfigError(
            "SECRET_KEY is not set: with DATABASE_URL set, every process needs the same one; make "
            "it once with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    path = data / "secret_key"
    kept = _read(path)
    if kept:
        return kept
    writable(data)
    # Written aside and linked, so that two first starts at once end up with the same key.
    descriptor, name = tempfile.mkstemp(dir=data, prefix=".secret-")
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
    try:
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(name)
    return _read(path)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""
    except NotADirectoryError as error:
        raise ConfigError(
            f"The data folder {path.parent} is a file or lies below one: set DATA to a folder."
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}): run as the user who owns the data "
            "folder, or set DATA to one of your own."
        ) from error
