"""Conversations with a server on several connections at one time: each goes on when its connection has brought something."""

import select
import time
from collections.abc import Callable, Generator, Mapping
from typing import Protocol

from campaign.engines import stopping
from campaign.engines.turns import Wait

STOPPING_S = 5
"""What an answer gets once the worker has been asked to stop."""
SLICE_S = 1
"""How long connections wait at most before somebody looks whether the worker has been asked to stop."""

Talk = Generator[float, None, None]
"""One side of a conversation: stops where it needs more bytes of the server, and says for how many seconds it waits."""


class Dropped(Exception):
    """The connection is gone, or what came over it is not SMTP."""


class Line(Protocol):
    """A connection, as conversations need it."""

    broken: bool
    """Whether it cannot be used any more."""
    talking: bool
    """Whether a conversation is going on."""

    def fileno(self) -> int:
        """The number to wait for."""

    def receive(self) -> bool:
        """Takes what the server has sent; False: nothing yet. Raises Dropped."""


class Talks:
    """Conversations that go on beside each other. Not for two threads at once."""

    def __init__(self) -> None:
        self._waiting: dict[int, _Waiting] = {}
        self._poll = select.poll()
        self._looked_at = time.monotonic()
        self._sides: dict[int, tuple[float, Callable[[int], None]]] = {}
        self._sleeping: list[tuple[float, Callable[[int], None]]] = []
        self.errors: list[Exception] = []
        """What nobody expected of some conversations: their connections are broken, the others' go on."""

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self, line: Line, talk: Talk) -> bool:
        """Begins a conversation; False: it is over already."""
        one = _Waiting(line, talk, self.errors)
        if not one.goes_on():
            return False
        line.talking = True
        self._waiting[line.fileno()] = one
        self._poll.register(line.fileno(), select.POLLIN)
        return True

    def wait_for(self, wait: Wait, then: Callable[[int], None]) -> None:
        """Has something else go on beside the conversations: ``then`` is called, once, with what became of the socket."""
        if wait.fileno < 0:
            self._sleeping.append((wait.until, then))
        else:
            self._sides[wait.fileno] = wait.until, then
            self._poll.register(wait.fileno, wait.events)

    def go_on(self, wait_s: float = SLICE_S) -> list[Line]:
        """Waits for the servers, so long at most, lets conversations go on, and says which connections' are over."""
        over: list[Line] = []
        if self._sleeping:
            wait_s = self._wake(wait_s)
        for number, events in self._poll.poll(min(wait_s, SLICE_S) * 1000):
            if (one := self._waiting.get(number)) is None:
                self._to_side(number, events)
            elif not one.hears():
                over.append(self._end(number))
        if (now := time.monotonic()) >= self._looked_at + SLICE_S:
            self._looked_at = now
            for number in [number for number, one in self._waiting.items() if one.gives_up(now)]:
                over.append(self._end(number))
            for number in [number for number, (until, _) in self._sides.items() if until < now]:
                self._to_side(number, 0)
        return over

    def _to_side(self, number: int, events: int) -> None:
        self._poll.unregister(number)
        self._sides.pop(number)[1](events)

    def _wake(self, wait_s: float) -> float:
        """Lets go on what has slept long enough; returns how long the others may be waited for, ``wait_s`` at most."""
        now = time.monotonic()
        due = [then for until, then in self._sleeping if until <= now]
        self._sleeping = [one for one in self._sleeping if one[0] > now]
        for then in due:
            then(0)
        return max(0, min([wait_s, *(until - now for until, _ in self._sleeping)]))

    def break_off(self) -> None:
        """Leaves all conversations as they stand: their connections are broken."""
        for number in list(self._waiting):
            self._end(number).broken = True

    def _end(self, number: int) -> Line:
        self._poll.unregister(number)
        line = self._waiting.pop(number).line
        line.talking = False
        return line


def converse(talks: Mapping[Line, Talk]) -> None:
    """Has these conversations to their ends."""
    together = Talks()
    for line, talk in talks.items():
        together.begin(line, talk)
    while together:
        together.go_on()
    for error in together.errors:
        raise error


class _Waiting:
    """A conversation that waits for the server."""

    def __init__(self, line: Line, talk: Talk, errors: list[Exception]) -> None:
        self.line = line
        self._talk = talk
        self._errors = errors
        self._until = 0.0

    def goes_on(self) -> bool:
        """The conversation's next part; False: it was the last."""
        try:
            self._until = time.monotonic() + next(self._talk)
        except StopIteration:
            return False
        except Dropped:
            self.line.broken = True
            return False
        except Exception as error:
            self._errors.append(error)
            self.line.broken = True
            return False
        return True

    def hears(self) -> bool:
        """Goes on with what has come; False: the conversation is over."""
        try:
            if not self.line.receive():
                return True
        except Dropped:
            self.line.broken = True
            return False
        return self.goes_on()

    def gives_up(self, now: float) -> bool:
        """Whether the server has taken too long: then the connection is broken."""
        if stopping.requested():
            self._until = min(self._until, now + STOPPING_S)
        if now < self._until:
            return False
        self.line.broken = True
        return True
