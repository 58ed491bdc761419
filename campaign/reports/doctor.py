"""Is the site well? Each check says one line, and how to mend what is not."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from flask import current_app
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from campaign import config as configuration
from campaign.clock import utcnow
from campaign.engines import tables
from campaign.extensions import db
from campaign.mail import domains, orders, server, settings, transport
from campaign.reports import probes, restored, sender_dns, status
from campaign.web import frame

OK, WARN, FAIL = "ok", "warn", "fail"
CLOCK_S = 5
"""Seconds by which this machine's clock and the database's may differ: leases run by the database's."""
SWEEP_S = 60
SPACE = 1_000_000_000
"""Bytes that should be free in the data folder."""
WAITING_S = 900
HOOKS = ("HOOK_SES_TOPICS", "HOOK_POSTMARK", "HOOK_SENDGRID_KEY", "HOOK_MAILGUN_KEY")


class Finding(NamedTuple):
    """One line: ok, warn or fail, what was looked at, what was seen, and the mend where one is needed."""

    state: str
    what: str
    seen: str
    mend: str = ""


Check = Callable[[], Iterator[Finding]]


_MEND_DATABASE = (
    "See that DATABASE_URL names a server that runs, or unset it to use the built-in one."
)


def examine() -> Iterator[Finding]:
    """Every check's findings, in the order of CHECKS. One that breaks is a finding of its own."""
    for check in CHECKS:
        try:
            yield from check()
        except OperationalError:
            # What the database would have told is one illness, however many checks ask it.
            db.session.rollback()
            if check is _postgresql:
                yield Finding(FAIL, "PostgreSQL", "does not answer", _MEND_DATABASE)
        except Exception as error:
            # A doctor who faints at one illness would hide the others.
            db.session.rollback()
            name = check.__name__.strip("_").replace("_", " ").capitalize()
            yield Finding(
                FAIL, name, f"could not be looked at ({type(error).__name__})", "See the log."
            )


def _postgresql() -> Iterator[Finding]:
    version = db.session.execute(text("SHOW server_version")).scalar_one().split()[0]
    kind = "embedded" if current_app.config.get("EMBEDDED_POSTGRESQL") else "DATABASE_URL"
    seen = f"{version} ({kind})"
    if int(version.split(".")[0]) < 15:
        yield Finding(FAIL, "PostgreSQL", seen, "Use PostgreSQL 15 or later.")
    else:
        yield Finding(OK, "PostgreSQL", seen)


def _migrations() -> Iterator[Finding]:
    here, wanted = tables.at_migration(), tables.head()
    if here == wanted:
        yield Finding(OK, "Tables", f"at {here}")
    else:
        yield Finding(
            FAIL, "Tables", f"at {here or 'nothing'}, not {wanted}", "Run `campaign db upgrade`."
        )


def _valkey() -> Iterator[Finding]:
    mend = "See that REDIS_URL names a server that runs; until then work waits for the sweep to come back."
    try:
        found: Any = probes.connection().info()
    except (RedisError, OSError):
        yield Finding(FAIL, "Valkey", "does not answer", mend)
        return
    name = "Valkey" if found.get("server_name") == "valkey" else "Redis"
    version = str(found.get("valkey_version") or found.get("redis_version"))
    if name == "Redis" and int(version.split(".")[0]) < 7:
        yield Finding(FAIL, "Valkey", f"Redis {version}", "Use Redis 7 or a Valkey.")
        return
    yield Finding(OK, "Valkey", f"{name} {version}")
    if found.get("aof_enabled") == 0 and found.get("rdb_last_save_time", 0) == 0:
        yield Finding(WARN, "Valkey", "keeps nothing on disk", "Set appendonly yes.")


def _workers() -> Iterator[Finding]:
    n = probes.workers()
    if n:
        yield Finding(OK, "Workers", f"{n} alive")
    else:
        yield Finding(
            FAIL,
            "Workers",
            "none alive: no mail leaves",
            "Start `make run`, or `python worker.py`.",
        )


def _sweep() -> Iterator[Finding]:
    age = probes.swept_s()
    if age is None:
        yield Finding(
            FAIL, "Sweep", "has not run", "Start `make run`, or `python worker.py`, which sweeps."
        )
    elif age > SWEEP_S:
        yield Finding(
            FAIL, "Sweep", f"last ran {age:,.0f} s ago", "Start `python worker.py` again."
        )
    else:
        yield Finding(OK, "Sweep", f"ran {age:,.0f} s ago")


def _waiting() -> Iterator[Finding]:
    late = status.oldest_due_s()
    if late > WAITING_S:
        yield Finding(
            WARN,
            "Due mail",
            f"the oldest has waited {late:,} s",
            "Are streams paused, or workers too few?",
        )
    else:
        yield Finding(
            OK, "Due mail", f"the oldest has waited {late:,} s" if late else "nothing waits"
        )
    stale = db.session.execute(
        text(
            "SELECT count(*) FROM (SELECT 1 FROM message WHERE state = 'leased' "
            "AND lease_expires_at < clock_timestamp() - interval '2 minutes' LIMIT 1000) AS found"
        )
    ).scalar_one()
    if stale:
        yield Finding(
            WARN, "Leases", f"{stale} ran out and were not taken back", "See that the sweep runs."
        )
    else:
        yield Finding(OK, "Leases", "none has run out")
    held = restored.held()
    if stopped := sorted(orders.stopped_streams().difference(held)):
        yield Finding(
            WARN, "Streams", f"{', '.join(stopped)} paused", "`campaign resume STREAM` lets it go on."
        )  # fmt: skip
    if held:
        yield Finding(
            WARN, "Restored", f"{', '.join(held)} held since the restore",
            "Look at what is open, then `campaign restore --release STREAM`.",
        )  # fmt: skip


def _smtp() -> Iterator[Finding]:
    live = settings.delivery_mode() == "live"
    if not current_app.config.get("MAIL_SERVER_SET"):
        if live:
            yield Finding(
                FAIL, "Mail server", "none is named, and delivery is live", "Set MAIL_SERVER."
            )
        else:
            yield Finding(OK, "Mail server", "none yet: mail is captured")
        return
    try:
        transport.Session(server.configured()).close()
    except server.ServerAway as error:
        yield Finding(
            FAIL if live else WARN, "Mail server", str(error), "See to MAIL_SERVER and its kin."
        )
        return
    mode = "delivery is live" if live else "mail is captured"
    yield Finding(OK, "Mail server", f"{current_app.config['MAIL_SERVER']} answers; {mode}")


def _sender() -> Iterator[Finding]:
    live = settings.delivery_mode() == "live"
    if not settings.sender_configured():
        yield Finding(
            FAIL if live else WARN, "Sender", "nobody is named", "Set MAIL_DEFAULT_SENDER to an address of your domain."
        )  # fmt: skip
        return
    domain = settings.sender().domain
    publish = dict(sender_dns.to_publish(domain))
    for record in sender_dns.check(domain):
        if record.state == "ok":
            yield Finding(OK, record.kind, record.text[:100])
        elif record.state == "unknown":
            yield Finding(
                WARN, record.kind, "could not be checked",
                f"DNS did not answer for {record.name}.{_like(record, publish)}",
            )  # fmt: skip
        else:
            yield Finding(
                FAIL if live else WARN, record.kind, record.text or f"no record at {record.name}",
                f"Publish one TXT record at {record.name}.{_like(record, publish)}",
            )  # fmt: skip
    if not frame.site().postal_address:
        yield Finding(
            WARN, "Postal address", "none is given; alerts must carry one (CAN-SPAM)",
            f"Write it at {current_app.config['SITE_URL']}/desk/site",
        )  # fmt: skip


def _like(record: sender_dns.Record, publish: dict[str, str]) -> str:
    """The record to publish, for the doctor's line."""
    text = publish.get(record.name)
    return f" It should be like: {text}" if text else ""


def _domains() -> Iterator[Finding]:
    for one in domains.resting():
        yield Finding(
            WARN, "Receiving domain", f"{one.domain} defers our mail: {one.reason[:100]}",
            f"It is asked again at {one.paused_until:%H:%M} UTC. Where it lasts, lower MAIL_DOMAIN_LIMITS for it.",
        )  # fmt: skip


def _comes_back() -> Iterator[Finding]:
    config = current_app.config
    hooks = [name for name in HOOKS if config.get(name)]
    domain = config.get("MAIL_INBOUND_DOMAIN")
    if not domain and not hooks:
        mend = "Set MAIL_INBOUND_DOMAIN, or a provider's HOOK_…: the README says how."
        live = settings.delivery_mode() == "live"
        yield Finding(
            WARN if live else OK, "Returned mail", "nothing tells of it", mend if live else ""
        )
        return
    if hooks:
        yield Finding(OK, "Webhooks", ", ".join(hooks))
    if not domain:
        return
    record = sender_dns.mx(domain)
    if record.state == "ok":
        yield Finding(OK, "MX", f"{domain}: {record.text[:100]}")
    else:
        seen = "none" if record.state == "missing" else "could not be checked"
        yield Finding(
            WARN, "MX", f"{domain}: {seen}", "Publish one that names where its mail is taken."
        )
    for place in (config["MAIL_INBOUND_SMTP"], config["MAIL_INBOUND_LMTP"]):
        if place and not probes.listens(*place):
            yield Finding(
                WARN, "Inbound door", f"nothing listens at {place[0]}:{place[1]}", "Start `campaign inbound`."
            )  # fmt: skip
        elif place:
            yield Finding(OK, "Inbound door", f"open at {place[0]}:{place[1]}")


def _clock() -> Iterator[Finding]:
    before = utcnow()
    theirs = db.session.execute(text("SELECT clock_timestamp()")).scalar_one()
    middle = before + (utcnow() - before) / 2
    apart = abs((theirs - middle).total_seconds())
    if apart > CLOCK_S:
        yield Finding(
            FAIL,
            "Clock",
            f"{apart:,.0f} s from the database's",
            "Set the time by NTP on both machines.",
        )
    else:
        yield Finding(OK, "Clock", f"{apart:.1f} s from the database's")


def _disk() -> Iterator[Finding]:
    data = Path(current_app.config.get("DATA") or configuration.ROOT / "var")
    folder = next(path for path in (data, *data.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    seen = f"{free / 1e9:,.1f} GB free in {folder}"
    if free < SPACE / 5:
        yield Finding(FAIL, "Disk", seen, "Free some space at once.")
    elif free < SPACE:
        yield Finding(WARN, "Disk", seen, "Free some space.")
    else:
        yield Finding(OK, "Disk", seen)


def _secrets() -> Iterator[Finding]:
    key = str(current_app.config["SECRET_KEY"])
    mend = "Make one: python3 -c 'import secrets; print(secrets.token_urlsafe(32))' (links sent before end)."
    if len(key) < 16:
        yield Finding(FAIL, "SECRET_KEY", "is too short to keep anything", mend)
    elif len(key) < 32 or len(set(key)) < 12:
        yield Finding(WARN, "SECRET_KEY", "is short or simple", mend)
    else:
        yield Finding(OK, "SECRET_KEY", f"{len(key)} characters")
    site = str(current_app.config["SITE_URL"])
    live = settings.delivery_mode() == "live"
    if live and not site.startswith("https:"):
        yield Finding(
            FAIL,
            "SITE_URL",
            f"{site} is not https, and delivery is live",
            "Set SITE_URL to the https address.",
        )
    else:
        yield Finding(OK, "SITE_URL", site)


CHECKS: list[Check] = [
    _postgresql, _migrations, _valkey, _workers, _sweep, _waiting, _smtp, _sender, _domains, _comes_back, _clock, _disk, _secrets,
]  # fmt: skip
