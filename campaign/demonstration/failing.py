"""How a demonstration ends before its time."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

stopping = threading.Event()
"""Set when the demonstration ends: whoever waits in a thread gives up."""


class Failed(Exception):
    """Something did not happen as it should; the text says what, in one sentence."""


def wait_until(what: str, look: Callable[[], T | None], seconds: float, pause: float = 0.05) -> T:
    """Looks again and again until there is something to return.

    Raises Failed, saying ``what`` was waited for, after ``seconds``, or as soon as the demonstration ends.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if stopping.is_set():
            raise Failed(f"Stopped while waiting for {what}.")
        if time.monotonic() > deadline:
            raise Failed(f"Waited {seconds:g} s in vain for {what}.")
        stopping.wait(pause)
