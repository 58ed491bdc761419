"""Work done once for all who ask for it at the same time in this process: a flood's letters share a commit.

Waiting for the disk costs a transaction more than all its rows do. So while one piece of work is on its way there, what
comes meanwhile waits, and goes together with the next one. Nobody is answered before their own part is done.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")

MOST = 32
"""Items in one piece of work."""
PATIENCE = 0.25
"""Seconds to wait for the work before: one that hangs on a lock keeps no other from going."""
GATHER = 0.001
"""Seconds for which work waits for company, where the work before it had some: as PostgreSQL's commit_delay, but it also saves
the statements."""


class _Asked(Generic[Item]):
    """An item that waits, and the thread that waits with it."""

    __slots__ = ("done", "item", "key", "leads", "turn")

    def __init__(self, item: Item, key: str) -> None:
        self.item, self.key = item, key
        self.turn = threading.Lock()
        self.turn.acquire()
        self.leads = False
        """It takes the next piece of work on itself; else, once it is woken, it is ``done`` or goes alone."""
        self.done = False


class Gathered(Generic[Item]):
    """``work`` takes the items that came together, and leaves in each what became of it.

    It is done again, for each item alone, where it failed for several: what is wrong with one is no other's error.
    """

    def __init__(self, work: Callable[[Sequence[Item]], None]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._waiting: list[_Asked[Item]] = []
        self._leaders = 0
        self._had_company = False

    def do(self, item: Item, key: str) -> None:
        """Has the item done, with others or alone; no two of the same ``key`` go together. Raises what the work raises."""
        mine = _Asked(item, key)
        with self._lock:
            self._waiting.append(mine)
            if not self._leaders:
                self._leaders, mine.leads = 1, True
        if not mine.leads:
            self._wait(mine)
        if mine.leads:
            self._lead(mine)
        if not mine.done:
            self._work([item])

    def _wait(self, mine: _Asked[Item]) -> None:
        """Until it is done, or failed with others, or its turn to lead has come."""
        if mine.turn.acquire(timeout=PATIENCE):
            return
        with self._lock:
            if mine in self._waiting and not mine.leads:
                mine.leads = True
                self._leaders += 1
                return
        mine.turn.acquire()

    def _lead(self, mine: _Asked[Item]) -> None:
        if self._had_company:
            time.sleep(GATHER)
        with self._lock:
            together = self._together(mine)
            self._had_company = len(together) > 1
        try:
            self._work([one.item for one in together])
            for one in together:
                one.done = True
        except Exception:
            if len(together) == 1:
                raise
        finally:
            self._hand_over()
            for one in together:
                one.turn.release()

    def _together(self, mine: _Asked[Item]) -> list[_Asked[Item]]:
        """Takes what goes next off those that wait: this one, and as many others, no key twice."""
        taken = {mine.key: mine}
        for one in self._waiting:
            if len(taken) < MOST and not one.leads:
                taken.setdefault(one.key, one)
        self._waiting = [one for one in self._waiting if taken.get(one.key) is not one]
        # In order: two processes whose transactions touch the same rows must not wait for each other crosswise.
        return sorted(taken.values(), key=lambda one: one.key)

    def _hand_over(self) -> None:
        with self._lock:
            following = next((one for one in self._waiting if not one.leads), None)
            if following is None:
                self._leaders -= 1
                return
            following.leads = True
        following.turn.release()
