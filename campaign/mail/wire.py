"""Bytes to and from a mail server on one connection, plain or with TLS, and its replies (RFC 5321 section 4.2)."""

import re
import socket
import ssl
import struct
import time
from collections.abc import Generator, Sequence
from typing import NamedTuple, cast

from campaign.engines import stopping
from campaign.mail.talks import SLICE_S, Dropped

COMMAND_S = 60
"""What a server gets to answer a command, or to take more of what is sent."""
_LONGEST_REPLY = 64 * 1024
_LINE = re.compile(rb"([2-5]\d\d)(?: ([^\r\n]*))?\r?\n")
"""Also with a bare LF at its end: some servers answer so, and smtplib, which opens the connection, bears it too."""


class Reply(NamedTuple):
    """A server's whole reply; ``text`` without the codes, its lines joined by blanks."""

    code: int
    text: bytes


class Wire:
    """One connection's bytes. Each method raises Dropped where the connection is gone. Not for two threads at once."""

    def __init__(self, connection: socket.socket) -> None:
        self.broken = False
        self.talking = False
        self.buffer = b""
        """What the server has sent and nobody has read."""
        self._socket = connection
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tls = isinstance(self._socket, ssl.SSLSocket)
        if not self._tls:
            _wait_in_the_kernel(self._socket)

    def fileno(self) -> int:
        """The socket's number, to wait for it."""
        return self._socket.fileno()

    def write(self, *parts: bytes) -> None:
        """Sends the parts as one."""
        self.write_all(parts, sum(map(len, parts)))

    def write_all(self, parts: Sequence[bytes], size: int) -> None:
        """Sends the parts, ``size`` bytes in all, as one."""
        if not size:
            return
        try:
            if self._tls:
                self._socket.settimeout(SLICE_S)
                self._write_slowly(b"".join(parts))
            elif left := size - self._sent(parts):
                self._write_slowly(b"".join(parts)[-left:])
        except OSError as error:
            raise Dropped from error

    def _sent(self, parts: Sequence[bytes]) -> int:
        try:
            return self._socket.sendmsg(parts)
        except BlockingIOError:
            return 0

    def _write_slowly(self, data: bytes) -> None:
        """Writes what a server takes by and by. One that takes nothing is given up: soon, where the worker is to stop."""
        left = memoryview(data)
        took_at = time.monotonic()
        while left:
            try:
                left = left[self._socket.send(left) :]
                took_at = time.monotonic()
            except (BlockingIOError, TimeoutError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                patience_s = SLICE_S if stopping.requested() else COMMAND_S
                if time.monotonic() - took_at >= patience_s:
                    raise Dropped from None

    def line(self) -> Reply | None:
        """A reply of one line, if it is here."""
        if not self.buffer or (found := _LINE.match(self.buffer)) is None:
            return None
        self.buffer = self.buffer[found.end() :]
        return Reply(int(found[1]), found[2] or b"")

    def reply(self, patience_s: float) -> Generator[float, None, Reply]:
        """One reply, of one line or several (RFC 5321 section 4.2.1)."""
        lines: list[bytes] = []
        while True:
            line, end, rest = self.buffer.partition(b"\n")
            if not end:
                yield patience_s
                continue
            self.buffer = rest
            line = line.removesuffix(b"\r")
            code = line[:3]
            if not code.isdigit() or not b"200" <= code <= b"599":
                raise Dropped
            lines.append(line[4:])
            if line[3:4] != b"-":
                return Reply(int(code), b" ".join(lines))
            if len(lines) > 100:
                raise Dropped

    def receive(self) -> bool:
        """Takes what the server has sent; False: nothing yet."""
        try:
            received = self._receive_tls() if self._tls else self._receive()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError as error:
            raise Dropped from error
        self.buffer += received
        if not received or len(self.buffer) > _LONGEST_REPLY:
            raise Dropped
        return True

    def _receive(self) -> bytes:
        return self._socket.recv(8192, socket.MSG_DONTWAIT)

    def _receive_tls(self) -> bytes:
        """Also what has been deciphered already: the socket itself would not tell of it."""
        connection = cast("ssl.SSLSocket", self._socket)
        connection.settimeout(0)
        received = connection.recv(65536)
        while connection.pending():
            received += connection.recv(65536)
        return received


def _wait_in_the_kernel(connection: socket.socket) -> None:
    """Has the kernel say when a plain connection takes nothing, which spares Python a poll for each call."""
    connection.settimeout(None)
    limit = struct.pack("ll", SLICE_S, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
