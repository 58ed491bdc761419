"""The SMTP and LMTP doors of ``campaign inbound`` (RFC 5321, RFC 2033): what strangers may do there, and no more.

Nothing is relayed: a recipient that is not ours is refused at RCPT. Nothing is answered but in the session itself, so
no bounce of a bounce ever leaves. What a session may take is bounded: bytes, recipients, connections, messages a minute.
"""

import asyncio
import contextlib
import logging
import ssl
from collections import Counter
from collections.abc import Callable

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask
from limits import parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from campaign.extensions import db
from campaign.mail import settings
from campaign.mail.inbound import events, receiving
from campaign.mail.inbound.incoming import Incoming
from campaign.mail.inbound.receiving import Verdict
from campaign.mail.inbound.sessions import LmtpSession, SmtpSession, network

log = logging.getLogger(__name__)
logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd's: it repeats what was said

SESSIONS = 60
SESSIONS_A_PEER = 20
RECIPIENTS = 50
"""A session's recipients a message; each is handled by itself."""
REFUSALS = 20
"""Unknown recipients after which a session ends: whoever tries addresses out shall work for it."""
IDLE_S = 180
FLUSH_S = 5
WORKERS = 4

CODES = {
    receiving.DONE: "250 2.0.0 Taken",
    receiving.NOBODY: "550 5.1.1 No such address here",
    receiving.LATER: "451 4.3.0 Try again in a minute",
    receiving.REFUSED: "550 5.7.1 This address takes machines' reports only",
    receiving.FULL: "552 5.2.2 This address has passed on as many answers as it may",
}
AWAY = "451 4.3.0 Try again later"


class Handler:
    """What both doors do with what they are told."""

    def __init__(self, app: Flask, source: str) -> None:
        self.app = app
        self.source = source
        self.peers: Counter[str] = Counter()
        self.refused = 0
        """Unknown recipients since the last flush; counted together, so that a flood costs no row each."""
        self._rate = parse_many(app.config["MAIL_INBOUND_RATE"])
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._busy = asyncio.Semaphore(WORKERS)

    def may_begin(self, peer: str) -> bool:
        """Takes a place for one more session of ``peer``; False: there is none."""
        if self.peers.total() >= SESSIONS or self.peers[peer] >= SESSIONS_A_PEER:
            return False
        self.peers[peer] += 1
        return True

    def leave(self, peer: str) -> None:
        """A session of ``peer`` has ended."""
        self.peers[peer] -= 1
        if self.peers[peer] <= 0:
            del self.peers[peer]

    async def handle_EHLO(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        """Says what the door can do; signing in is not among it."""
        session.host_name = hostname
        return [one for one in responses if not one[4:].startswith("AUTH")]

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Any sender, the null return path among them, as often as the rate allows."""
        if not all(self._limiter.hit(item, _peer(session)) for item in self._rate):
            return "451 4.7.1 Too many messages; try again later"
        envelope.mail_from = address or ""
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Our addresses and nobody else's: this is no relay."""
        if len(envelope.rcpt_tos) >= RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        with self.app.app_context():
            if _is_ours(address) and receiving.takes(address):
                envelope.rcpt_tos.append(address)
                return "250 2.1.5 OK"
        self.refused += 1
        strikes: int = getattr(session, "strikes", 0) + 1
        session.strikes = strikes  # type: ignore[attr-defined]  # aiosmtpd's session takes what handlers keep
        if strikes > REFUSALS and server.transport is not None:
            asyncio.get_running_loop().call_later(1, server.transport.close)
            return "421 4.7.0 Too many unknown recipients"
        return "550 5.1.1 No such address here"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Takes the message for each recipient; LMTP answers for each (RFC 2033 section 4.2), SMTP once."""
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        verdicts = []
        async with self._busy:
            # aiosmtpd writes the null return path with its brackets.
            sender = (envelope.mail_from or "").strip("<>")
            mail = Incoming(raw, sender, "", self.source)
            for recipient in envelope.rcpt_tos:
                verdicts.append(await asyncio.to_thread(self._receive, mail.to(recipient)))
        answers = [CODES[verdict] if verdict else AWAY for verdict in verdicts]
        if isinstance(server, LMTP):
            return "\r\n".join(answers)
        # Once more for all is no harm: what was done is known. A refusal would lose what others took.
        order = (AWAY, CODES[receiving.LATER], CODES[receiving.DONE])
        return next((answer for answer in order if answer in answers), answers[0])

    async def handle_VRFY(
        self, server: SMTP, session: Session, envelope: Envelope, address: str
    ) -> str:
        """Tells nobody which addresses there are."""
        return "252 2.5.2 Send some mail, and see"

    async def handle_exception(self, error: Exception) -> str:
        """Whatever went wrong inside is nobody's business outside."""
        _log(error)
        return AWAY

    def _receive(self, mail: Incoming) -> Verdict | None:
        with self.app.app_context():
            try:
                return receiving.receive(mail)
            except DBAPIError as error:
                log.warning("the database is away: %s", type(error.orig).__name__)
                return None
            except Exception as error:
                _log(error)
                return None

    def flush(self) -> None:
        """Counts the unknown recipients since the last time, and commits."""
        n, self.refused = self.refused, 0
        if not n:
            return
        with self.app.app_context():
            try:
                events.count("forged", self.source, n)
                db.session.commit()
            except SQLAlchemyError:
                db.session.rollback()
                self.refused += n


async def serve(app: Flask, stop: asyncio.Event, ready: Callable[[list[str]], None]) -> None:
    """Opens the doors that the configuration names and serves until ``stop``. Raises OSError where one cannot be opened."""
    loop = asyncio.get_running_loop()
    context = _tls(app)
    servers, handlers = [], []
    places = (
        ("SMTP", SmtpSession, app.config["MAIL_INBOUND_SMTP"]),
        ("LMTP", LmtpSession, app.config["MAIL_INBOUND_LMTP"]),
    )
    opened = []
    for name, kind, place in places:
        if place is None:
            continue
        handler = Handler(app, name.lower())
        handlers.append(handler)
        server = await loop.create_server(_factory(kind, handler, app, context), *place)
        servers.append(server)
        # With port 0 the system chose one.
        opened.append(f"{name} {place[0]}:{server.sockets[0].getsockname()[1]}")
    ready(opened)
    try:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), FLUSH_S)
            for handler in handlers:
                await asyncio.to_thread(handler.flush)
    finally:
        for server in servers:
            server.close()


def _factory(
    kind: type[SMTP], handler: Handler, app: Flask, context: ssl.SSLContext | None
) -> Callable[[], SMTP]:
    def make() -> SMTP:
        return kind(
            handler,
            data_size_limit=app.config["MAIL_INBOUND_SIZE"],
            enable_SMTPUTF8=True,
            hostname=app.config["MAIL_INBOUND_DOMAIN"],
            ident="Campaign",
            tls_context=context,
            timeout=IDLE_S,
            auth_exclude_mechanism=["LOGIN", "PLAIN"],  # nobody signs in here
            command_call_limit={"*": 2000, "NOOP": 20, "VRFY": 5, "HELP": 5, "RSET": 2000},
        )

    return make


def _tls(app: Flask) -> ssl.SSLContext | None:
    """STARTTLS (RFC 3207) where a certificate is configured."""
    if not app.config["MAIL_INBOUND_TLS_CERT"]:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(app.config["MAIL_INBOUND_TLS_CERT"], app.config["MAIL_INBOUND_TLS_KEY"])
    return context


def _is_ours(address: str) -> bool:
    domain = settings.inbound_domain()
    return domain is not None and address.rpartition("@")[2].lower() == domain


def _peer(session: Session) -> str:
    return network(str(session.peer[0])) if session.peer else "local"


def _log(error: Exception) -> None:
    """Only what went wrong and where: an exception's text may repeat what someone wrote."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else ""
    log.error("mail that came in could not be handled: %s at %s", type(error).__name__, place)
