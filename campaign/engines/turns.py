"""Work beside other work in one thread: while a side waits for the database, the others have their turn.

A side is a greenlet. What runs in it is written as if it were alone; only where psycopg would wait for PostgreSQL,
or where it sleeps, the thread's main loop goes on with something else. Compared with threads nothing is handed over
in the middle of anything, and nobody waits for Python's lock.
"""

import select
import time
from typing import Any, NamedTuple, TypeVar

import psycopg
from greenlet import getcurrent, greenlet
from psycopg.abc import PQGen
from psycopg.waiting import Ready

R = TypeVar("R")


class Wait(NamedTuple):
    """What a side waits for: a socket, or a time."""

    fileno: int
    """-1: none."""
    events: int
    """As ``select.poll`` has them."""
    until: float
    """By the monotonic clock."""


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
                events = (wanted & 1 and select.POLLIN) | (wanted & 2 and select.POLLOUT)
                found = here.wait(Wait(self.pgconn.socket, events, float("inf")))
                # Anything else that happens to a socket is an error that libpq finds when it looks.
                ready = (found & ~select.POLLOUT and 1) | (found & ~select.POLLIN and 2)
                wanted = gen.send(Ready(ready & wanted or wanted))
        except StopIteration as done:
            value: R = done.value
            return value
