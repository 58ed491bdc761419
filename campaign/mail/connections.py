"""The connections that a process keeps to the mail server, as many as the server bears and the work is worth."""

import time
from collections.abc import Callable, Sequence
from zlib import crc32

from flask import current_app

from campaign.engines import stopping
from campaign.mail import capture, limits, settings, transport
from campaign.mail.answers import GiveBack
from campaign.mail.compose import Envelope
from campaign.mail.server import ServerAway, ServerFull, configured
from campaign.mail.transport import BeforeDot, Fate, Session

PLACES = "connections"
AGAIN_S = 10
"""So long a sender does with the connections it has, once the server refused it another."""

Key = tuple[str, int, int]
"""A stream, one of its senders, and one of that sender's lanes."""


class NoRoom(Exception):
    """As many connections to the mail server are open as there may be: the others' senders go on."""


class Lanes:
    """One sender's connections, filled together: what it gives each of them is one group."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        self._sessions = sessions

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def broken(self) -> bool:
        """Whether one of them cannot be used any more: then the others wait for another."""
        return any(session.broken for session in self._sessions)

    @property
    def useless(self) -> bool:
        """Whether one broke and none has carried anything: the next would break too."""
        return self.broken and not any(session.carried for session in self._sessions)

    def room(self) -> int:
        """How many more messages the fullest of them may carry."""
        return min(session.room() for session in self._sessions)

    def send(
        self,
        envelopes: Sequence[Envelope],
        group: int,
        alone: Callable[[Envelope], bool],
        before_dot: BeforeDot | None = None,
    ) -> list[Fate]:
        """Sends the messages, at most ``group`` a connection, and says in the same order what became of each.

        Messages that are to be ``alone`` share a connection with the others of their domain; what does not fit goes back. For
        ``before_dot`` see transport.send.
        """
        shares = self._shares(envelopes, group, alone)
        loads = [
            (session, [envelopes[i] for i in share])
            for session, share in zip(self._sessions, shares, strict=True)
            if share
        ]
        fates: list[Fate] = [GiveBack()] * len(envelopes)
        found = transport.send(loads, before_dot)
        for share, its_fates in zip(filter(None, shares), found, strict=True):
            for i, fate in zip(share, its_fates, strict=True):
                fates[i] = fate
        return fates

    def _shares(
        self, envelopes: Sequence[Envelope], group: int, alone: Callable[[Envelope], bool]
    ) -> list[list[int]]:
        """Which messages each connection gets, by their place in the sequence."""
        shares: list[list[int]] = [[] for _ in self._sessions]
        others: list[int] = []
        for i, envelope in enumerate(envelopes):
            if alone(envelope):
                shares[crc32(envelope.row.domain.encode()) % len(self)].append(i)
            else:
                others.append(i)
        for i in others:
            min(shares, key=len).append(i)
        return [share[:group] for share in shares]


class Connections:
    """The kept connections of one process."""

    def __init__(self) -> None:
        self._kept: dict[Key, Session] = {}
        self._places: dict[Key, str] = {}
        """The names under which connections count, where their number is limited."""
        self._not_before: dict[tuple[str, int], float] = {}
        """When a sender whom the server refused a connection tries to get more again."""
        self._wanting = False
        """Whether this process has asked for a connection that alerts have."""

    def get(self, stream: str, sender: int, lanes: int) -> "Lanes | capture.Lanes":
        """As many connections that work, up to ``lanes``. Raises ServerAway, or NoRoom, where there is not one."""
        keys = [(stream, sender, lane) for lane in range(lanes)]
        if settings.delivery_mode() == "capture":
            for key in keys:
                self._close(key)
            return capture.Lanes()
        if stream == "alerts" and limits.wanted():
            for key in keys:
                self._close(key)
            raise NoRoom
        transport.knock([self._kept[key] for key in keys if key in self._kept])
        # One that works comes first: a server that refuses more has not refused those.
        keys.sort(key=lambda key: not self._works(key))
        found = [self._first(keys[0])]
        for key in keys[1:]:
            if not self._works(key) and time.monotonic() < self._not_before.get(key[:2], 0):
                break
            try:
                found.append(self._get(key))
            except ServerAway:
                # It would refuse the others too, or let each wait as long.
                self._not_before[key[:2]] = time.monotonic() + AGAIN_S
                break
            except NoRoom:
                break
        return Lanes(found)

    def _first(self, key: Key) -> Session:
        """A sender's first connection. Where the server refuses a letter or a confirmation one, alerts are to make room."""
        try:
            found = self._get(key)
        except ServerFull:
            if key[0] != "alerts" and not any(self._works(other) for other in self._of(key[0])):
                self._wanting = True
                limits.want(True)
            raise
        if self._wanting and key[0] != "alerts":
            self._wanting = False
            limits.want(False)
        return found

    def _of(self, stream: str) -> list[Key]:
        return [key for key in list(self._kept) if key[0] == stream]

    def _get(self, key: Key) -> Session:
        server = configured()
        if not self._enter(key):
            self._close(key)
            raise NoRoom
        kept = self._kept.get(key)
        if kept and kept.server == server and kept.usable():
            return kept
        self._close(key)
        if stopping.requested():
            raise NoRoom
        self._kept[key] = session = Session(server)
        return session

    def _works(self, key: Key) -> bool:
        kept = self._kept.get(key)
        return kept is not None and kept.usable()

    def _close(self, key: Key) -> None:
        if kept := self._kept.pop(key, None):
            kept.close()

    def _enter(self, key: Key) -> bool:
        """Whether a connection may be open, by MAIL_MAX_CONNECTIONS; the last one is not for alerts."""
        most = int(current_app.config.get("MAIL_MAX_CONNECTIONS") or 0)
        if not most:
            return True
        most -= key[0] == "alerts" and most > 1
        return limits.enter(PLACES, most, self._places.setdefault(key, limits.member()))

    def rest(self, stream: str, sender: int, more: bool) -> None:
        """The sender has nothing to do now: where connections are limited, others may have its places.

        Without ``more`` to do soon alerts leave theirs in any case: the server may bear fewer than anybody has told us.
        """
        for key in self._of(stream):
            if stream == "alerts" and key[1] == sender and not more:
                self._close(key)
        for key in list(self._places):
            if key[:2] == (stream, sender):
                self._close(key)
                limits.leave(PLACES, self._places.pop(key))

    def renew(self) -> None:
        """Keeps the places of connections whose batches last."""
        for key in list(self._places):
            self._enter(key)

    def close(self) -> None:
        """Ends them all."""
        for key in list(self._kept):
            self._close(key)
        while self._places:
            limits.leave(PLACES, self._places.popitem()[1])
        self._not_before.clear()
        if self._wanting:
            self._wanting = False
            limits.want(False)


kept = Connections()
