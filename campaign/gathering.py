"""One statement for all who ask for it at the same time in this process: a flood's letters share a commit.

Waiting for the disk costs a transaction more than all its rows do. So while one statement is on its way there, what
comes meanwhile waits, and goes together with the next one. Nobody is answered before the commit of their own row.
"""

import json
import threading
from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from campaign.statements import Statement

MOST = 32
"""Rows in one statement."""
PATIENCE = 0.25
"""Seconds to wait for a statement before: one that hangs on a lock keeps no other from going."""


class _Asked:
    """A row that waits, and the thread that waits with it."""

    __slots__ = ("alone", "answer", "done", "key", "leads", "row", "turn")

    def __init__(self, row: dict[str, Any], key: str) -> None:
        self.row, self.key = row, key
        self.turn = threading.Lock()
        self.turn.acquire()
        self.leads = False
        """It takes the next statement; else it is ``done``, or to go ``alone``."""
        self.done = False
        self.alone = False
        self.answer: Any = None


class Gathered:
    """A Statement about the rows of ``:rows``: JSON, each with its number ``n``, which its answer repeats."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._lock = threading.Lock()
        self._waiting: list[_Asked] = []
        self._leaders = 0

    def one(self, row: dict[str, Any], key: str, common: Mapping[str, Any]) -> Any:
        """The answer's row about this row, or None; it is committed. Raises DBAPIError as SQLAlchemy does.

        Rows of one ``key`` never go together. ``common`` are the statement's other values: those of one of the rows stand for all.
        """
        mine = _Asked(row, key)
        with self._lock:
            self._waiting.append(mine)
            if not self._leaders:
                self._leaders, mine.leads = 1, True
        if not mine.leads:
            self._wait(mine)
        if mine.leads:
            self._lead(mine, common)
        if not mine.done:
            [mine.answer] = self._run([mine], common)
        return mine.answer

    def _wait(self, mine: _Asked) -> None:
        """Until it is done, or to be done alone, or its turn to lead."""
        if mine.turn.acquire(timeout=PATIENCE):
            return
        with self._lock:
            if mine in self._waiting and not mine.leads:
                mine.leads = True
                self._leaders += 1
                return
        mine.turn.acquire()

    def _lead(self, mine: _Asked, common: Mapping[str, Any]) -> None:
        with self._lock:
            together = self._together(mine)
        others = [one for one in together if one is not mine]
        try:
            for one, answer in zip(together, self._run(together, common), strict=True):
                one.answer, one.done = answer, True
        except SQLAlchemyError:
            # Each by itself: what is wrong with one row is no other's error.
            for one in others:
                one.alone = True
            if not others:
                raise
        finally:
            self._hand_over()
            for one in others:
                one.turn.release()

    def _together(self, mine: _Asked) -> list[_Asked]:
        """Takes the rows of the next statement: this one, and those that wait, no key twice."""
        taken = {mine.key: mine}
        for one in self._waiting:
            if len(taken) < MOST and not one.leads:
                taken.setdefault(one.key, one)
        self._waiting = [one for one in self._waiting if taken.get(one.key) is not one]
        # In order: two processes whose statements touch the same rows must not wait for each other crosswise.
        return sorted(taken.values(), key=lambda one: one.key)

    def _hand_over(self) -> None:
        with self._lock:
            following = next((one for one in self._waiting if not one.leads), None)
            if following is None:
                self._leaders -= 1
                return
            following.leads = True
        following.turn.release()

    def _run(self, together: list[_Asked], common: Mapping[str, Any]) -> list[Any]:
        rows = json.dumps([{"n": n, **one.row} for n, one in enumerate(together)])
        found = {row.n: row for row in self._statement.rows({**common, "rows": rows})}
        return [found.get(n) for n in range(len(together))]
