"""The doors' sessions: aiosmtpd's, bounded in number, time, bytes and lines, since whoever speaks there is a stranger."""

import asyncio
import ipaddress
from typing import Any, Protocol

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

LINE = 65536
"""Bounces quote longer lines than the 998 of RFC 5322."""
LINES = 100_000
LINE_AVERAGE = 50
"""A message's lines, or so many as the largest message has of this average: each costs the session some hundred bytes
while it is read, however short it is."""
SESSION_S = 900
"""A session's whole time, so that nobody keeps a place by saying a word now and then."""


class Places(Protocol):
    """Who counts the sessions."""

    def may_begin(self, peer: str) -> bool:
        """Takes a place for one more session of ``peer``; False: there is none."""

    def leave(self, peer: str) -> None:
        """Gives the place back."""


class _Bounded:
    """What our sessions add to aiosmtpd's: how many at once, how long, how many bytes and lines."""

    event_handler: Places
    line_length_limit = LINE
    _bytes = _lines = 0
    _end: asyncio.TimerHandle | None = None
    _host: str | None = None

    def connection_made(self, transport: Any) -> None:
        peer = transport.get_extra_info("peername")
        host = network(str(peer[0]) if peer else "local")
        again = transport.get_extra_info("ssl_object") is not None and self._host is not None
        if not again:
            if not self.event_handler.may_begin(host):
                transport.write(b"421 4.7.0 Too many connections\r\n")
                transport.close()
                return
            self._host = host
            # Not a close, which waits for whoever does not read our answers.
            self._end = asyncio.get_running_loop().call_later(SESSION_S, transport.abort)
        super().connection_made(transport)  # type: ignore[misc]  # aiosmtpd's class comes next

    def connection_lost(self, error: Exception | None) -> None:
        if self._host is not None:
            self.event_handler.leave(self._host)
            self._host = None
            if self._end is not None:
                self._end.cancel()
            super().connection_lost(error)  # type: ignore[misc]  # as above

    def eof_received(self) -> bool | None:
        return super().eof_received() if self._host is not None else None  # type: ignore[misc]  # as above

    def data_received(self, data: bytes) -> None:
        if self._host is None:
            return
        # aiosmtpd keeps a line that never ends whatever its length, and reads on past its limit: here the session ends.
        self._bytes += len(data)
        self._lines += data.count(b"\n")
        size: int = self.data_size_limit  # type: ignore[attr-defined]  # as above
        if self._bytes > 2 * size + 1_000_000 or self._lines > max(LINES, size // LINE_AVERAGE):
            self.transport.write(b"552 5.3.4 Too large\r\n")  # type: ignore[attr-defined]  # as above
            self.transport.close()  # type: ignore[attr-defined]  # as above
            return
        super().data_received(data)  # type: ignore[misc]  # as above

    def _set_post_data_state(self) -> None:
        self._bytes = self._lines = 0
        super()._set_post_data_state()  # type: ignore[misc]  # as above


class SmtpSession(_Bounded, SMTP):
    """A session of the SMTP door."""


class LmtpSession(_Bounded, LMTP):
    """A session of the LMTP door."""


def network(address: str) -> str:
    """Whose limits a peer shares: its own with IPv4, its /64 with IPv6, where one host has as many as it likes."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if known.version == 4:
        return str(known)
    return str(ipaddress.ip_network((known, 64), strict=False))
