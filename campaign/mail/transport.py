"""A connection to a mail server: groups of messages go out, and what became of each comes back.

smtplib opens the connection (EHLO, STARTTLS, AUTH); from there on the transactions are ours, since
smtplib waits for an answer after every command. With PIPELINING (RFC 2920) MAIL, RCPT and DATA of a message
travel together with the body of the one before it, so a message costs one round trip instead of five.
"""

import contextlib
import smtplib
import socket
import ssl
import struct
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from flask import current_app

from campaign.engines import stopping
from campaign.mail import settings
from campaign.mail.answers import Answer, GiveBack, Unknown, parse
from campaign.mail.compose import Envelope

CONNECT_S = 15
COMMAND_S = 60
DOT_S = 300
"""RFC 5321 section 4.5.3.2.6 asks for ten minutes; a worker's other work should not wait so long."""
STOPPING_S = 5
"""What an answer gets once the worker has been asked to stop."""
SLICE_S = 1
"""How long a connection waits at most before it looks whether the worker has been asked to stop."""
IDLE_S = 5
"""A connection idle for longer is asked whether it is still there."""
_LONGEST_REPLY = 64 * 1024

Fate = Answer | GiveBack | Unknown


class ServerAway(Exception):
    """The mail server cannot be used now. The text is one sentence for staff, without addresses of people."""


class _Dropped(Exception):
    """The connection is gone, or what came over it is not SMTP."""


class Server(NamedTuple):
    """Where mail goes, by Flask-Mail's names."""

    host: str
    port: int
    tls: bool
    ssl: bool
    username: str | None
    password: str | None
    max_messages: int
    """Messages a connection may carry; 0: no limit."""
    helo: str


class _Reply(NamedTuple):
    code: int
    text: str


def configured() -> Server:
    """The server that the configuration names."""
    config = current_app.config
    return Server(
        config["MAIL_SERVER"],
        int(config["MAIL_PORT"]),
        bool(config.get("MAIL_USE_TLS")),
        bool(config.get("MAIL_USE_SSL")),
        config.get("MAIL_USERNAME"),
        config.get("MAIL_PASSWORD"),
        int(config.get("MAIL_MAX_EMAILS") or 0),
        _own_name() or settings.sender().domain,
    )


def probe() -> None:
    """Asks the configured server whether it would send for us: connection, TLS, log-in, and our sender's address.

    Raises ServerAway with the reason.
    """
    session = Session(configured())
    try:
        refusal = session.refuses_sender(settings.sender().address)
    finally:
        session.close()
    if refusal:
        where = f"{session.server.host}:{session.server.port}"
        raise ServerAway(
            f"The mail server {where} does not send for MAIL_DEFAULT_SENDER: {refusal.code} {refusal.text}."
        )


class Session:
    """One connection. Not for two threads at once."""

    def __init__(self, server: Server) -> None:
        """Connects. Raises ServerAway."""
        self.server = server
        self.broken = False
        self.carried = 0
        self._buffer = b""
        self._used_at = time.monotonic()
        client = _connect(server)
        assert client.sock is not None
        self._socket = client.sock
        self._client = client  # keeps the socket's file object alive
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tls = isinstance(self._socket, ssl.SSLSocket)
        if not self._tls:
            _wait_in_the_kernel(self._socket)
        self.pipelining = client.has_extn("pipelining")
        self.smtputf8 = client.has_extn("smtputf8")
        self._size = client.has_extn("size")

    def usable(self) -> bool:
        """Whether it can carry another group: not broken, not worn out, and still answering."""
        if self.broken or (self.server.max_messages and self.carried >= self.server.max_messages):
            return False
        if time.monotonic() - self._used_at < IDLE_S:
            return True
        try:
            self._write(b"NOOP\r\n")
            return self._reply(STOPPING_S).code == 250
        except _Dropped:
            return False

    def close(self) -> None:
        """Ends the connection politely where it still can."""
        if not self.broken:
            with contextlib.suppress(OSError):
                self._socket.settimeout(1)
                self._socket.sendall(b"QUIT\r\n")
        self.broken = True
        with contextlib.suppress(OSError):
            self._client.close()

    def refuses_sender(self, address: str) -> Answer | None:
        """The server's refusal of ``address`` as the sender; None where it takes it. Raises ServerAway."""
        try:
            self._write(f"MAIL FROM:<{address}>\r\n".encode())
            reply = self._reply(COMMAND_S)
            self._write(b"RSET\r\n")
            self._reply(COMMAND_S)
        except _Dropped as error:
            raise ServerAway(f"The mail server {self.server.host} broke the connection.") from error
        return None if reply.code // 100 == 2 else self._answer(reply)

    def room(self) -> int:
        """How many more messages the connection may carry."""
        return (
            max(self.server.max_messages - self.carried, 0) if self.server.max_messages else 1 << 30
        )

    def send(
        self, envelopes: Sequence[Envelope], before_dot: Callable[[Envelope], bool] | None = None
    ) -> list[Fate]:
        """Sends the messages and says, in the same order, what became of each.

        ``before_dot`` is called when all but the last byte of a message has left, and may still stop it
        by answering False. The connection is ``broken`` afterwards where it cannot be used any more.
        """
        fates: list[Fate] = [GiveBack()] * len(envelopes)
        try:
            self._send(envelopes, fates, before_dot)
        except _Dropped:
            self.broken = True
        self._used_at = time.monotonic()
        return fates

    def _send(
        self,
        envelopes: Sequence[Envelope],
        fates: list[Fate],
        before_dot: Callable[[Envelope], bool] | None,
    ) -> None:
        """Fills ``fates``: before each step that may break goes in what is true if it breaks there."""
        carry = b""  # what goes out in front of the next commands: a body with its dot, or RSET
        waiting: int | None = None  # whose body that is
        for i, envelope in enumerate(envelopes):
            if self.room() <= (waiting is not None):
                break
            if envelope.utf8 and not self.smtputf8:
                text = "the mail server does not offer SMTPUTF8, which this address needs"
                fates[i] = Answer(None, "5.6.7", text, self.server.host)
                continue
            commands = self._commands(envelope)
            if waiting is not None:
                fates[waiting] = Unknown(self.server.host)
            self._write(carry + b"".join(commands) if self.pipelining else carry)
            self._finish(carry, waiting, fates)
            carry, waiting = b"", None
            fates[i] = Answer(421, None, "the connection broke", self.server.host)
            if (refusal := self._propose(commands, fates, i)) is not None:
                fates[i], carry = refusal, b"RSET\r\n"
            elif before_dot is None:
                carry, waiting = _stuffed(envelope) + b".\r\n", i
            else:
                self._send_marked(envelope, fates, i, before_dot)
        if waiting is not None:
            fates[waiting] = Unknown(self.server.host)
        self._write(carry)
        self._finish(carry, waiting, fates)

    def _commands(self, envelope: Envelope) -> tuple[bytes, bytes, bytes]:
        options = f" SIZE={len(envelope.data)}" if self._size else ""
        options += " SMTPUTF8" if envelope.utf8 else ""
        return (
            f"MAIL FROM:<{envelope.sender}>{options}\r\n".encode(),
            f"RCPT TO:<{envelope.recipient}>\r\n".encode(),
            b"DATA\r\n",
        )

    def _propose(
        self, commands: tuple[bytes, bytes, bytes], fates: list[Fate], i: int
    ) -> Answer | None:
        """Has MAIL, RCPT and DATA answered; returns the first refusal, or None where the server waits for the body."""
        refusal: _Reply | None = None
        for command in commands:
            if not self.pipelining:
                if refusal:
                    break
                self._write(command)
            reply = self._reply(COMMAND_S)
            if reply.code == 421:
                # Before the recipient was named it was not about this message.
                fates[i] = GiveBack() if command is commands[0] else self._answer(reply)
                raise _Dropped
            if refusal is None and reply.code // 100 != (3 if command is commands[2] else 2):
                refusal = reply
        if refusal is not None and reply.code == 354:
            # The server takes a body for nobody: it gets an empty one (RFC 2920 section 3.1).
            self._write(b".\r\n")
            self._reply(COMMAND_S)
        return None if refusal is None else self._answer(refusal)

    def _send_marked(
        self,
        envelope: Envelope,
        fates: list[Fate],
        i: int,
        before_dot: Callable[[Envelope], bool],
    ) -> None:
        self._write(_stuffed(envelope))
        if not before_dot(envelope):
            fates[i] = GiveBack()
            raise _Dropped  # without the dot the server throws away what it has
        self._write(b".\r\n")
        fates[i] = Unknown(self.server.host)
        self._finish(b".", i, fates)

    def _finish(self, carry: bytes, waiting: int | None, fates: list[Fate]) -> None:
        """Reads the answer to what ``carry`` was."""
        if not carry:
            return
        reply = self._reply(COMMAND_S if waiting is None else DOT_S)
        if waiting is not None:
            fates[waiting] = self._answer(reply)
            self.carried += 1
        if reply.code == 421:
            raise _Dropped

    def _answer(self, reply: _Reply) -> Answer:
        if reply.code // 100 == 3:
            raise _Dropped  # an answer that cannot come here
        return parse(reply.code, reply.text, self.server.host)

    def _write(self, data: bytes) -> None:
        if not data:
            return
        try:
            if self._tls:
                self._socket.settimeout(COMMAND_S)
            self._socket.sendall(data)
        except OSError as error:
            raise _Dropped from error

    def _reply(self, patience_s: float) -> _Reply:
        """One reply, of one line or several (RFC 5321 section 4.2.1)."""
        lines: list[bytes] = []
        while True:
            line, end, rest = self._buffer.partition(b"\r\n")
            if not end:
                self._receive(patience_s)
                continue
            self._buffer = rest
            code = line[:3]
            if not code.isdigit() or not b"200" <= code <= b"599":
                raise _Dropped
            lines.append(line[4:])
            if line[3:4] != b"-":
                return _Reply(int(code), b" ".join(lines).decode("utf-8", "replace"))
            if len(lines) > 100:
                raise _Dropped

    def _receive(self, patience_s: float) -> None:
        """Waits for more bytes: in slices, so that a worker asked to stop does not wait out a slow server."""
        deadline = time.monotonic() + patience_s
        if self._tls:
            self._socket.settimeout(SLICE_S)
        while True:
            try:
                received = self._socket.recv(65536)
                break
            except (TimeoutError, BlockingIOError):
                if stopping.requested():
                    deadline = min(deadline, time.monotonic() + STOPPING_S)
                if time.monotonic() >= deadline:
                    raise _Dropped from None
            except OSError as error:
                raise _Dropped from error
        if not received or len(self._buffer) > _LONGEST_REPLY:
            raise _Dropped
        self._buffer += received


def _wait_in_the_kernel(connection: socket.socket) -> None:
    """Has the kernel keep a plain connection's time limits, which spares Python a poll for each call."""
    connection.settimeout(None)
    for option, seconds in ((socket.SO_RCVTIMEO, SLICE_S), (socket.SO_SNDTIMEO, COMMAND_S)):
        connection.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", seconds, 0))


def _stuffed(envelope: Envelope) -> bytes:
    """The message as DATA takes it, without the last dot (RFC 5321 section 4.5.2)."""
    return envelope.data.replace(b"\r\n.", b"\r\n..") if envelope.dots else envelope.data


def _connect(server: Server) -> smtplib.SMTP:
    """Opens a connection and logs in as configured. Raises ServerAway."""
    where = f"{server.host}:{server.port}"
    try:
        context = ssl.create_default_context() if server.ssl or server.tls else None
        if server.ssl:
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, server.helo, timeout=CONNECT_S, context=context
            )
        else:
            client = smtplib.SMTP(server.host, server.port, server.helo, timeout=CONNECT_S)
        try:
            client.ehlo_or_helo_if_needed()
            if server.tls:
                client.starttls(context=context)
                client.ehlo()
            if server.username:
                client.login(server.username, server.password or "")
        except BaseException:
            client.close()
            raise
    except smtplib.SMTPAuthenticationError as error:
        raise ServerAway(
            f"The mail server {where} refuses MAIL_USERNAME and MAIL_PASSWORD ({error.smtp_code})."
        ) from error
    except smtplib.SMTPResponseException as error:
        answer = parse(error.smtp_code, str(error.smtp_error), None).text
        raise ServerAway(f"The mail server {where} answers {error.smtp_code} {answer}.") from error
    except smtplib.SMTPException as error:
        raise ServerAway(f"The mail server {where} cannot be used: {error}.") from error
    except ssl.SSLError as error:
        raise ServerAway(
            f"The mail server {where} has no valid TLS: {error.reason or error}."
        ) from error
    except OSError as error:
        raise ServerAway(
            f"The mail server {where} cannot be reached: {error.strerror or error}."
        ) from error
    return client


@lru_cache(maxsize=1)
def _own_name() -> str:
    """This host's full name for EHLO; empty where it has none."""
    name = socket.getfqdn()
    return name if "." in name and not name.startswith("localhost") else ""
