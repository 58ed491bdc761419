"""Work beside other work in one thread: while a side waits for the database, the others have their turn.

A side is a greenlet. What runs in it is written as if it were alone; only where psycopg would wait for PostgreSQL,
or where it sleeps, the thread's main loop goes on with something else. Compared with threads nothing is handed over
in the middle of anything, and nobody waits for Python's lock.
"""

import select
import time
from typing import Any, NamedTuple, Self, TypeVar

import psycopg
from greenlet import getcurrent, greenlet
from psycopg.abc import PQGen, PQGenConn
from psycopg.conninfo import conninfo_to_dict
from psycopg.waiting import Ready

R = TypeVar("R")

CONNECT_S = 10
"""How long a connection may take to open where its settings do not say."""


class Wait(NamedTuple):
    """What a side waits for: a socket, or a time."""

    fileno: int
    """-1: none."""
    events: int
    """As ``select.poll`` has them."""
    until: float
    """By the monotonic clock: a socket that has brought nothing by then is told of with no event."""


class Side(greenlet):
    """Work that lets its parent have the thread while it waits: ``switch`` then brings the parent a :class:`Wait`.

    The parent switches back, with what ``select.poll`` told of the socket.
    """

    def wait(self, wait: Wait) -> int:
        """Lets the others have their turn; returns the events."""
        assert self.parent
        return int(self.parent.switch(wait) or 0)


def sleep(seconds: float) -> None:
    """Waits, on a side without keeping the others waiting."""
    here = getcurrent()
    if isinstance(here, Side):
        here.wait(Wait(-1, 0, time.monotonic() + seconds))
    else:
        time.sleep(seconds)


class Connection(psycopg.Connection[Any]):
    """A connection to PostgreSQL that a side may wait for."""

    def wait(self, gen: PQGen[R], *args: Any, **options: Any) -> R:
        """Has the statement in hand go on to its end."""
        here = getcurrent()
        if not isinstance(here, Side):
            return super().wait(gen, *args, **options)
        try:
            wanted = next(gen)
            while True:
                found = here.wait(Wait(self.pgconn.socket, _events(wanted), float("inf")))
                wanted = gen.send(_ready(found, wanted))
        except StopIteration as done:
            value: R = done.value
            return value

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> PQGenConn[Self]:
        """psycopg's steps to a connection. A side takes them all here: a server that does not answer keeps nobody waiting."""
        steps = super()._connect_gen(conninfo)
        here = getcurrent()
        if not isinstance(here, Side):
            return (yield from steps)
        until = time.monotonic() + int(
            conninfo_to_dict(conninfo).get("connect_timeout") or CONNECT_S
        )
        try:
            fileno, wanted = next(steps)
            while True:
                found = here.wait(Wait(fileno, _events(wanted), until))
                if not found:
                    raise psycopg.errors.ConnectionTimeout("connection timeout expired")
                fileno, wanted = steps.send(_ready(found, wanted))
        except StopIteration as done:
            connection: Self = done.value
            return connection


def _events(wanted: int) -> int:
    """What psycopg waits for, as ``select.poll`` has it."""
    return (wanted & 1 and select.POLLIN) | (wanted & 2 and select.POLLOUT)


def _ready(found: int, wanted: int) -> Ready:
    # Anything else that happens to a socket is an error that libpq finds when it looks.
    ready = (found & ~select.POLLOUT and 1) | (found & ~select.POLLIN and 2)
    return Ready(ready & wanted or wanted)
