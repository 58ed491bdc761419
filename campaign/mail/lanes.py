"""The connections of one sender: those it has, and when it asks for another."""

import time

from campaign.mail import connections, settings
from campaign.mail.connections import Lane
from campaign.mail.server import ServerAway

FRUITLESS = 2
"""So many connections one after the other that break before they have carried anything, and the server is not asked for
others for a while: one may have broken because of the message that was on it."""


class Lanes:
    """Connections, opened one by one as they are needed. Not for two threads at once."""

    def __init__(self, stream: str, number: int, most: int) -> None:
        self.open: list[Lane] = []
        self._sender = (stream, number)
        self._most = most
        self._mode: settings.Delivery = "capture"
        self._refused = False
        """Whether the last wish for another was in vain."""
        self._not_before = 0.0
        self._fruitless = 0

    @property
    def may_grow(self) -> bool:
        """Whether it makes sense to ask for another now."""
        if len(self.open) >= self._most or self._refused:
            return False
        return not self.open or time.monotonic() >= self._not_before

    def get(self, another: bool) -> None:
        """Looks which of them work, and opens another where that is wished. Raises ServerAway, or NoRoom, where none does."""
        if not another:
            # Asked where a batch is claimed: whoever opens another beside the talking does not wait for the database.
            self._mode = settings.delivery_mode()
        had, began = len(self.open), time.monotonic()
        self.open = connections.kept.get(*self._sender, self._most, self._mode, another)
        self._refused = another and len(self.open) <= had
        if another:
            # All wait while one is being opened: at least half of the time is for those that are open.
            self._not_before = 2 * time.monotonic() - began

    def lost(self, lane: Lane, last: bool) -> None:
        """One is broken or worn out, and the ``last`` that was in use or not. Raises ServerAway where the next would break too."""
        self._refused = False
        useless = last and not any(one.carried for one in self.open)
        self.open = [one for one in self.open if one is not lane]
        if lane.carried:
            self._fruitless = 0
        if not lane.broken or lane.carried:
            return
        self._fruitless += 1
        if self._fruitless < FRUITLESS and not lane.refusal:
            return
        connections.kept.enough(*self._sender)
        if useless:
            raise ServerAway(lane.refusal or "The mail server breaks every connection.")
