"""Connections to a mail server: groups of messages go out, and what became of each comes back.

smtplib opens a connection (EHLO, STARTTLS, AUTH); from there on the transactions are ours, since
smtplib waits for an answer after every command. With PIPELINING (RFC 2920) MAIL, RCPT and DATA of a message
travel together with the body of the one before it, so a message costs one round trip instead of five; and a sender
talks on several connections by turns, so that it writes on one while the others' answers are on their way.
"""

import contextlib
import re
import time
from collections.abc import Callable, Generator, Iterable, Sequence

from campaign.engines import stopping
from campaign.mail import settings
from campaign.mail.answers import Answer, GiveBack, Unknown, parse
from campaign.mail.compose import Envelope
from campaign.mail.server import Server, ServerAway, configured, connect
from campaign.mail.talks import STOPPING_S, Dropped, Talk, converse
from campaign.mail.wire import COMMAND_S, Reply, Wire

DOT_S = 300
"""RFC 5321 section 4.5.3.2.6 asks for ten minutes; a worker's other work should not wait so long."""
IDLE_S = 5
"""A connection idle for longer is asked whether it is still there."""
_LOG_IN = 530
"""RFC 4954 section 6 and RFC 3207 section 4: log in, or begin TLS, before anything else. It is about us, never about a message."""
_POLICY = "5.7.0"
"""RFC 4954's enhanced code for it. Without it a 530 for a recipient may be that recipient's: one must not stop all others."""
_RSET = b"RSET\r\n"
_DOT = b".\r\n"
_ACCEPTED = re.compile(rb"2\d\d(?: [^\r\n]*)?\r\n2\d\d(?: [^\r\n]*)?\r\n3\d\d(?: [^\r\n]*)?\r\n")

Fate = Answer | GiveBack | Unknown
BeforeDot = Callable[[Envelope], bool]


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


def send(session: "Session", envelopes: Sequence[Envelope]) -> list[Fate]:
    """Sends messages on one connection and says in the same order what became of each.

    The connection is ``broken`` afterwards where it cannot be used any more.
    """
    fates: list[Fate] = [GiveBack()] * len(envelopes)
    converse({session: session.talk(envelopes, fates)})
    return fates


def knock(sessions: Iterable["Session"]) -> None:
    """Asks idle connections, all at one time, whether they are still there; one that is not is ``broken`` afterwards."""
    converse({session: session.knock() for session in sessions if session.idle()})


class Session(Wire):
    """One connection to a mail server. Not for two threads at once."""

    def __init__(self, server: Server) -> None:
        """Connects. Raises ServerAway."""
        self.server = server
        # A message's two usual fates while nothing has been answered.
        self._broke = Answer(421, None, "the connection broke", server.host)
        self._unknown = Unknown(server.host)
        self.carried = 0
        self.refusal = ""
        """Why the server takes nothing of us on it, in a sentence for staff; empty: it has not said so."""
        self._used_at = time.monotonic()
        self._client = client = connect(server)  # kept: the socket's file object lives with it
        assert client.sock is not None
        super().__init__(client.sock)
        self.pipelining = client.has_extn("pipelining")
        self.smtputf8 = client.has_extn("smtputf8")
        self._size = client.has_extn("size")

    def usable(self) -> bool:
        """Whether it can carry another group: not broken, and not worn out."""
        return not self.broken and self.room() > 0

    def idle(self) -> bool:
        """Whether nothing has been said on it for so long that the server may have left."""
        return not (self.broken or self.talking) and time.monotonic() - self._used_at >= IDLE_S

    def knock(self) -> Talk:
        """Asks whether the server is still there."""
        self.write(b"NOOP\r\n")
        reply = yield from self.reply(STOPPING_S)
        if reply.code != 250:
            raise Dropped
        self._used_at = time.monotonic()

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
        reply = self._ask(f"MAIL FROM:<{address}>\r\n".encode(), COMMAND_S)
        if reply is None or self._ask(_RSET, COMMAND_S) is None:
            raise ServerAway(f"The mail server {self.server.host} broke the connection.")
        return None if reply.code // 100 == 2 else self._answer(reply)

    def room(self) -> int:
        """How many more messages the connection may carry."""
        return (
            max(self.server.max_messages - self.carried, 0) if self.server.max_messages else 1 << 30
        )

    def _ask(self, command: bytes, patience_s: float) -> Reply | None:
        """The answer to one command; None where there is none, and the connection is broken."""
        replies: list[Reply] = []

        def talk() -> Talk:
            self.write(command)
            replies.append((yield from self.reply(patience_s)))

        converse({self: talk()})
        return replies[0] if replies else None

    def talk(
        self,
        envelopes: Sequence[Envelope],
        fates: list[Fate],
        before_dot: BeforeDot | None = None,
    ) -> Talk:
        """Sends the messages and fills ``fates``: before each step that may break goes in what is true if it breaks there.

        ``before_dot`` is called when all but the last byte of a message has left, and may still stop it by
        answering False.
        """
        # Goes out in front of the next commands: a body with its dot, or RSET.
        carry: Sequence[bytes] = ()
        size = 0  # of that
        waiting: int | None = None  # whose body that is
        for i, envelope in enumerate(envelopes):
            if self.room() <= (waiting is not None) or stopping.requested():
                break
            if envelope.utf8 and not self.smtputf8:
                text = "the mail server does not offer SMTPUTF8, which this address needs"
                fates[i] = Answer(None, "5.6.7", text, self.server.host)
                continue
            commands = self._commands(envelope)
            if waiting is not None:
                fates[waiting] = self._unknown
            if self.pipelining:
                self.write_all((*carry, commands), size + len(commands))
            else:
                self.write_all(carry, size)
            if carry:
                yield from self._finish(waiting, fates)
            carry, size, waiting = (), 0, None
            # A server that leaves after some message says nothing of the next one.
            fates[i] = GiveBack() if self.carried else self._broke
            refusal = None
            if not self._accepted():
                refusal = yield from self._propose(commands, fates, i)
            if refusal is not None:
                fates[i], carry, size = refusal, (_RSET,), len(_RSET)
            elif before_dot is None:
                pieces, size = _stuffed(envelope)
                carry, size, waiting = (*pieces, _DOT), size + len(_DOT), i
            else:
                yield from self._send_marked(envelope, fates, i, before_dot)
        if waiting is not None:
            fates[waiting] = self._unknown
        if carry:
            self.write_all(carry, size)
            yield from self._finish(waiting, fates)
        self._used_at = time.monotonic()

    def _commands(self, envelope: Envelope) -> bytes:
        """MAIL, RCPT and DATA, a line each."""
        options = f" SIZE={envelope.size}" if self._size else ""
        options += " SMTPUTF8" if envelope.utf8 else ""
        return (
            f"MAIL FROM:<{envelope.sender}>{options}\r\nRCPT TO:<{envelope.recipient}>\r\nDATA\r\n"
        ).encode()

    def _accepted(self) -> bool:
        """Whether the answers to MAIL, RCPT and DATA are here, each in one line, and all as wanted: the usual case."""
        if self.pipelining and _ACCEPTED.fullmatch(self.buffer):
            self.buffer = b""
            return True
        return False

    def _propose(
        self, commands: bytes, fates: list[Fate], i: int
    ) -> Generator[float, None, Answer | None]:
        """Has MAIL, RCPT and DATA answered; returns the first refusal, or None where the server waits for the body."""
        refusal: Reply | None = None
        takes = False  # whether the server has taken the recipient
        mail, rcpt, data = commands.splitlines(keepends=True)
        for command in (mail, rcpt, data):
            if not self.pipelining:
                if refusal:
                    break
                self.write(command)
            reply = yield from self.reply(COMMAND_S)
            if reply.code == 421:
                # Before the recipient was named it was not about this message.
                fates[i] = GiveBack() if command is mail else self._answer(reply)
                raise Dropped
            if reply.code == _LOG_IN and (
                command is mail or self._answer(reply).enhanced == _POLICY
            ):
                fates[i] = GiveBack()
                self.refusal = self._wants_log_in(reply)
                raise Dropped
            wanted = 3 if command is data else 2
            if reply.code // 100 not in (wanted, 4, 5):
                raise Dropped  # whatever it answers here, it is not what was asked
            fates[i] = self._broke
            takes |= command is rcpt and reply.code // 100 == 2
            if refusal is None and reply.code // 100 != wanted:
                refusal = reply
        if refusal is None:
            if self.buffer:
                raise Dropped  # an answer too many: the next one would be taken for the message's
            return None
        if reply.code == 354:
            if takes:
                raise Dropped  # it would deliver an empty message
            # The server takes a body for nobody: it gets an empty one (RFC 2920 section 3.1).
            self.write(_DOT)
            yield from self.reply(COMMAND_S)
        return self._answer(refusal)

    def _send_marked(
        self, envelope: Envelope, fates: list[Fate], i: int, before_dot: BeforeDot
    ) -> Talk:
        fates[i] = self._broke
        self.write_all(*_stuffed(envelope))
        if not before_dot(envelope):
            fates[i] = GiveBack()
            raise Dropped  # without the dot the server throws away what it has
        self.write(_DOT)
        fates[i] = self._unknown
        yield from self._finish(i, fates)

    def _finish(self, waiting: int | None, fates: list[Fate]) -> Talk:
        """Reads the answer to the body that was message ``waiting``'s, or to RSET where there was none."""
        reply = self.line() or (yield from self.reply(COMMAND_S if waiting is None else DOT_S))
        if waiting is not None:
            fates[waiting] = self._answer(reply)
            self.carried += 1
        if reply.code == 421:
            raise Dropped

    def _wants_log_in(self, reply: Reply) -> str:
        said = self._answer(reply)
        return (
            f"The mail server {self.server.host}:{self.server.port} wants a log-in or TLS first "
            f"({said.code} {said.text}): set MAIL_USERNAME and MAIL_PASSWORD, MAIL_USE_TLS or MAIL_USE_SSL."
        )

    def _answer(self, reply: Reply) -> Answer:
        if reply.code // 100 == 3:
            raise Dropped  # an answer that cannot come here
        return parse(reply.code, reply.text.decode("utf-8", "replace"), self.server.host)


def _stuffed(envelope: Envelope) -> tuple[Sequence[bytes], int]:
    """The message as DATA takes it, without the last dot (RFC 5321 section 4.5.2), and its size."""
    if not envelope.dots:
        return envelope.pieces, envelope.size
    data = envelope.data.replace(b"\r\n.", b"\r\n..")
    return (data,), len(data)
