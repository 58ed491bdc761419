"""The connections that a process keeps to the mail server, as many as the server bears and the work is worth."""

import time

from flask import current_app

from campaign.engines import stopping
from campaign.mail import capture, limits, settings, transport
from campaign.mail.server import ServerAway, ServerFull, configured
from campaign.mail.transport import Session

PLACES = "connections"
AGAIN_S = 10
"""So long a sender does with the connections it has, once the server refused it another."""

Key = tuple[str, int, int]
"""A stream, one of its senders, and one of that sender's lanes."""

Lane = Session | capture.Session
"""One of the connections that a sender sends on."""


class NoRoom(Exception):
    """As many connections to the mail server are open as there may be: the others' senders go on."""


class Connections:
    """The kept connections of one process."""

    def __init__(self) -> None:
        self._kept: dict[Key, Session] = {}
        self._places: dict[Key, str] = {}
        """The names under which connections count, where their number is limited."""
        self._not_before: dict[tuple[str, int], float] = {}
        """When a sender whom the server refused a connection tries to get more again."""
        self._wanting: set[str] = set()
        """The streams for which this process has asked for a connection that others have."""

    def get(
        self, stream: str, sender: int, lanes: int, mode: settings.Delivery, another: bool = False
    ) -> list[Lane]:
        """Those of a sender's ``lanes`` connections that work, and ``another`` where it may. At least one.

        One at a time, since all wait while it is being opened. Those on which the sender is talking stay as they
        are. Raises ServerAway, or NoRoom, where there is not one.
        """
        keys = [(stream, sender, lane) for lane in range(lanes)]
        busy = [key for key in keys if key in self._kept and self._kept[key].talking]
        free = [key for key in keys if key not in busy]
        if mode == "capture":
            for key in free:
                self._close(key)
            return [capture.Session()]
        if limits.wanted(stream):
            for key in free:
                self._close(key)
            raise NoRoom
        transport.knock([self._kept[key] for key in free if key in self._kept])
        # One that works comes first: a server that refuses more has not refused those.
        free.sort(key=lambda key: not self._works(key))
        found: list[Lane] = [self._kept[key] for key in busy]
        for key in free:
            if not self._works(key):
                if found and (not another or self._refused(key)):
                    break
                another = False
            try:
                found.append(self._get(key) if found else self._first(key))
            except (ServerAway, NoRoom) as error:
                if not found:
                    raise
                if isinstance(error, ServerAway):
                    # It would refuse the others too, or let each wait as long.
                    self.enough(stream, sender)
                break
        return found

    def enough(self, stream: str, sender: int) -> None:
        """The server bears no more connections of this sender than it has: for a while it is not asked for another."""
        self._not_before[stream, sender] = time.monotonic() + AGAIN_S

    def _refused(self, key: Key) -> bool:
        return time.monotonic() < self._not_before.get(key[:2], 0)

    def _first(self, key: Key) -> Session:
        """A sender's first connection. Where there is none for a confirmation letters and alerts are to make room, and for
        a letter alerts are."""
        try:
            found = self._get(key)
        except (ServerFull, NoRoom):
            if key[0] != "alerts" and not any(self._works(other) for other in self._of(key[0])):
                self._wanting.add(key[0])
                limits.want(key[0], True)
            raise
        if key[0] in self._wanting:
            self._wanting.discard(key[0])
            limits.want(key[0], False)
        return found

    def _of(self, stream: str) -> list[Key]:
        return [key for key in list(self._kept) if key[0] == stream]

    def _get(self, key: Key) -> Session:
        server = configured()
        if not self._enter(key):
            self._close(key)
            self._places.pop(key, None)
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
        """Whether a connection may be open."""
        most = self._most(key)
        return not most or limits.enter(PLACES, most, self._places.setdefault(key, limits.member()))

    def _most(self, key: Key) -> int:
        """How many there may be, by MAIL_MAX_CONNECTIONS; the last one is not for alerts. 0: no limit."""
        most = int(current_app.config.get("MAIL_MAX_CONNECTIONS") or 0)
        return most - (key[0] == "alerts" and most > 1)

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
        for key, member in list(self._places.items()):
            limits.enter(PLACES, self._most(key), member)
            if key not in self._places:  # given up by its sender at this moment
                limits.leave(PLACES, member)

    def close(self) -> None:
        """Ends them all."""
        for key in list(self._kept):
            self._close(key)
        while self._places:
            limits.leave(PLACES, self._places.popitem()[1])
        self._not_before.clear()
        while self._wanting:
            limits.want(self._wanting.pop(), False)


kept = Connections()
