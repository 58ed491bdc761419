"""A small SMTP server that answers as a test wants: temporary and final refusals, 421, and dropped connections."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

DROP = "drop"
"""An answer that is none: the connection breaks."""

Script = Callable[[str, str], str | None]
"""Asked at "connect", "mail", "rcpt", "data" and "dot" with the recipient (or ""); None: the usual answer."""


@dataclass
class Got:
    """A message that arrived whole."""

    sender: str
    recipient: str
    raw: bytes
    answered: bool


@dataclass
class SmtpServer:
    """Listens on a port of its own until closed."""

    extensions: tuple[str, ...] = ("PIPELINING", "SMTPUTF8", "SIZE 10000000", "8BITMIME")
    script: Script = lambda step, recipient: None
    got: list[Got] = field(default_factory=list)
    connections: int = 0
    at_most: int = 0
    """Connections at once; one more is told 421. 0: no limit."""
    open: int = 0
    tls: str = ""
    """``ssl`` or ``starttls``, with ``context``."""
    context: ssl.SSLContext | None = None
    log: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with outer.lock:
                    outer.connections += 1
                    full = bool(outer.at_most) and outer.open >= outer.at_most
                    outer.open += not full
                if full:
                    self.request.sendall(b"421 4.7.0 too many connections\r\n")
                    return
                try:
                    _Talk(outer, self.request).run()
                finally:
                    with outer.lock:
                        outer.open -= 1

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 50

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def recipients(self) -> list[str]:
        """Whose messages arrived whole, in order."""
        return [got.recipient for got in self.got]

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()


class _Talk:
    """One connection."""

    def __init__(self, server: SmtpServer, connection: socket.socket) -> None:
        self.server = server
        self.connection = connection
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.sender = self.recipient = ""

    def run(self) -> None:
        try:
            if self.server.tls == "ssl":
                self.secure()
            if not self.answer("connect", "220 test"):
                return
            while (line := self.line()) is not None and self.command(line):
                pass
        except OSError:
            pass

    def secure(self) -> None:
        assert self.server.context
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)

    def line(self) -> bytes | None:
        while b"\r\n" not in self.buffer:
            received = self.connection.recv(65536)
            if not received:
                return None
            self.buffer += received
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def say(self, text: str) -> None:
        self.connection.sendall(text.encode() + b"\r\n")

    def answer(self, step: str, usual: str) -> bool:
        """Answers; False where the connection ends with it."""
        text = self.server.script(step, self.recipient) or usual
        if text == DROP:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.connection.close()
            return False
        self.say(text)
        self.last = text
        return not text.startswith("421")

    def command(self, line: bytes) -> bool:
        text = line.decode()
        self.server.log.append(text)
        verb = text[:4].upper()
        if verb == "EHLO":
            starttls = ("STARTTLS",) if self.server.tls == "starttls" else ()
            offered = ("test", *self.server.extensions, *starttls)
            self.say("\r\n".join(f"250-{e}" for e in offered) + "\r\n250 HELP")
        elif verb == "STAR":
            self.say("220 go")
            self.secure()
        elif verb == "MAIL":
            if self.sender:
                self.say("503 5.5.1 nested MAIL")
                return True
            going = self.answer("mail", "250 2.1.0 OK")
            if self.last.startswith("2"):
                self.sender = text.partition("<")[2].partition(">")[0] or "<>"
            return going
        elif verb == "RCPT":
            self.recipient = text.partition("<")[2].partition(">")[0]
            if not self.sender:
                self.say("503 5.5.1 MAIL first")
                return True
            going = self.answer("rcpt", "250 2.1.5 OK")
            if not self.last.startswith("2"):
                self.recipient = ""
            return going
        elif verb == "DATA":
            return self.data()
        elif verb == "RSET":
            self.reset()
            self.say("250 OK")
        elif verb == "NOOP":
            self.say("250 OK")
        elif verb == "QUIT":
            self.say("221 bye")
            return False
        else:
            self.say("500 what?")
        return True

    def data(self) -> bool:
        if not self.recipient:
            self.say("503 5.5.1 no recipient")
            return True
        if not self.answer("data", "354 go"):
            return False
        if not self.last.startswith("354"):
            return True
        lines = []
        while (line := self.line()) != b".":
            if line is None:
                return False
            assert len(line) <= 998, "a line is too long"
            lines.append(line[1:] if line.startswith(b".") else line)
        got = Got(self.sender, self.recipient, b"".join(line + b"\r\n" for line in lines), False)
        usual = "250 2.0.0 kept"
        planned = self.server.script("dot", self.recipient) or usual
        if planned.startswith("2") or planned == DROP:
            self.server.got.append(got)
        going = True
        if planned == DROP:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.connection.close()
            going = False
        else:
            self.say(planned)
            got.answered = True
            going = not planned.startswith("421")
        self.reset()
        return going

    def reset(self) -> None:
        self.sender = self.recipient = ""

    last = ""
