"""What a sender has done beside its talking to the mail server, so that neither waits for the other."""

from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

from flask import Flask

from campaign.engines.away import roll_back
from campaign.engines.turns import Side
from campaign.mail.talks import Talks

T = TypeVar("T")


class Aside(Generic[T]):
    """Does one thing at a time, in an application context (and a database session) of its own.

    It goes on when the database has answered it, in between of what the talks' servers have answered. Use it in a
    ``with`` block, whose end waits for the thing in hand.
    """

    def __init__(self, app: Flask, talks: Talks) -> None:
        self._app = app
        self._talks = talks
        self._side = Side(self._work)
        self._found: T | None = None
        self._error: BaseException | None = None
        self._ready = False
        self.busy = False
        """Whether something was asked whose result nobody has taken."""

    def __enter__(self) -> "Aside[T]":
        self._go_on(None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self.busy and not self._ready:
            self._talks.go_on()
        self._go_on(None)
        while not self._side.dead:
            self._talks.go_on()

    def ask(self, job: Callable[[], T]) -> None:
        """Has ``job`` done."""
        assert not self.busy
        self.busy = True
        self._go_on(job)

    def result(self) -> T | None:
        """What was asked for, once it is there; raises what the job raised."""
        if not self._ready:
            return None
        found, error = self._found, self._error
        self._found = self._error = None
        self._ready = self.busy = False
        if error is not None:
            raise error
        return found

    def _go_on(self, what: Callable[[], T] | int | None) -> None:
        if wait := self._side.switch(what):
            self._talks.wait_for(wait, self._go_on)

    def _work(self, _: None) -> None:
        assert self._side.parent
        with self._app.app_context():
            while job := self._side.parent.switch():
                try:
                    self._found = job()
                except BaseException as error:  # raised again where the result is taken
                    roll_back()
                    self._error = error
                self._ready = True
