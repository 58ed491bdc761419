"""What a sender has done beside its talking to the mail server, so that neither waits for the other."""

import contextlib
import socket
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Generic, TypeVar

from flask import Flask

T = TypeVar("T")


class Bell:
    """Ends a wait for sockets, from another thread."""

    def __init__(self) -> None:
        self._here, self._there = socket.socketpair()
        self._here.setblocking(False)
        self._there.setblocking(False)

    def fileno(self) -> int:
        """The number to wait for."""
        return self._here.fileno()

    def ring(self) -> None:
        """Ends the wait."""
        with contextlib.suppress(BlockingIOError):  # full of rings that nobody has heard yet
            self._there.send(b"!")

    def hush(self) -> None:
        """Forgets the rings until now."""
        with contextlib.suppress(BlockingIOError):
            while self._here.recv(4096):
                pass

    def close(self) -> None:
        """Takes it down."""
        self._here.close()
        self._there.close()


class Aside(Generic[T]):
    """A thread that does one thing at a time, in an application context (and a database session) of its own.

    Use it in a ``with`` block, whose end waits for the thing in hand.
    """

    def __init__(self, app: Flask, name: str, bell: Bell) -> None:
        self._app = app
        self._bell = bell
        self._asked: SimpleQueue[Callable[[], T] | None] = SimpleQueue()
        self._done: SimpleQueue[T | BaseException] = SimpleQueue()
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self.busy = False
        """Whether something was asked whose result nobody has taken."""

    def __enter__(self) -> "Aside[T]":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._asked.put(None)
        self._thread.join()

    def ask(self, job: Callable[[], T]) -> None:
        """Has ``job`` done; the bell rings at its end."""
        assert not self.busy
        self.busy = True
        self._asked.put(job)

    def result(self) -> T | None:
        """What was asked for, once it is there; raises what the job raised."""
        if self._done.empty():
            return None
        found = self._done.get()
        self.busy = False
        if isinstance(found, BaseException):
            raise found
        return found

    def _work(self) -> None:
        with self._app.app_context():
            while job := self._asked.get():
                try:
                    self._done.put(job())
                except BaseException as error:  # raised again where the result is taken
                    self._done.put(error)
                self._bell.ring()
