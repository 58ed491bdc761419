"""The connections that a process keeps to the mail server, as many as the server bears and the work is worth."""

import time
from collections.abc import Callable, Sequence

from flask import current_app

from campaign.mail import capture, limits, settings, transport
from campaign.mail.answers import GiveBack
from campaign.mail.compose import Envelope
from campaign.mail.server import ServerAway, configured
from campaign.mail.transport import BeforeDot, Fate, Session

PLACES = "connections"
AGAIN_S = 30
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

        Those that are to be ``alone`` share one connection; what does not fit goes back. For ``before_dot`` see transport.send.
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
        together = [i for i, envelope in enumerate(envelopes) if not alone(envelope)]
        shares = [together[lane :: len(self)][:group] for lane in range(len(self))]
        if len(together) < len(envelopes):
            others = [i for i, envelope in enumerate(envelopes) if alone(envelope)]
            shares[-1] = (others + shares[-1])[:group]
        return shares


class Connections:
    """The kept connections of one process."""

    def __init__(self) -> None:
        self._kept: dict[Key, Session] = {}
        self._places: dict[Key, str] = {}
        """The names under which connections count, where their number is limited."""
        self._not_before: dict[Key, float] = {}
        """When a connection that the server refused is tried again."""

    def get(self, stream: str, sender: int, lanes: int) -> "Lanes | capture.Lanes":
        """As many connections that work, up to ``lanes``. Raises ServerAway, or NoRoom, where there is not one."""
        keys = [(stream, sender, lane) for lane in range(lanes)]
        if settings.delivery_mode() == "capture":
            for key in keys:
                self._close(key)
            return capture.Lanes()
        found = [self._get(keys[0])]
        for key in keys[1:]:
            if time.monotonic() < self._not_before.get(key, 0):
                continue
            try:
                found.append(self._get(key))
            except ServerAway:
                self._not_before[key] = time.monotonic() + AGAIN_S
            except NoRoom:
                break
        return Lanes(found)

    def _get(self, key: Key) -> Session:
        server = configured()
        if not self._enter(key):
            self._close(key)
            raise NoRoom
        kept = self._kept.get(key)
        if kept and kept.server == server and kept.usable():
            return kept
        self._close(key)
        self._kept[key] = session = Session(server)
        return session

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

    def rest(self, stream: str, sender: int) -> None:
        """The sender has nothing to do: where connections are limited, others may have its places."""
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


kept = Connections()
