"""Telling the workers that a stream has something due.

Only a hint, to be given after the commit: with Valkey away nothing is lost, since the sweep finds whatever is due.
"""

import contextlib
import logging
import threading
import time

from flask import Flask, current_app
from redis.exceptions import RedisError

from campaign.extensions import rq
from campaign.mail.models import STREAMS

log = logging.getLogger(__name__)

SWEPT = "campaign:swept"
"""The key in Valkey under which each sweep leaves the time, for `campaign doctor` and /metrics."""


def note_sweep() -> None:
    """Leaves word that the sweep has run."""
    with contextlib.suppress(RedisError):
        next(iter(rq.queues.values())).connection.set(SWEPT, f"{time.time():.0f}", ex=86400)


GATHER = 0.05
"""Seconds for which wishes are gathered."""

_wanted: set[tuple[Flask, str]] = set()
_lock = threading.Lock()
_running = False


def soon(stream: str) -> None:
    """``wake``, a moment later and apart from the request that asks: a thousand wishes at once are one."""
    global _running
    with _lock:
        _wanted.add((current_app._get_current_object(), stream))  # type: ignore[attr-defined]  # the proxy's
        if not _running:
            _running = True
            threading.Thread(target=_wake_wanted, daemon=True).start()


def _wake_wanted() -> None:
    global _running
    while True:
        time.sleep(GATHER)
        with _lock:
            wanted = list(_wanted)
            _wanted.clear()
            if not wanted:
                _running = False
                return
        for app, stream in wanted:
            with app.app_context():
                wake(stream)


def wake(stream: str) -> bool:
    """Enqueues the stream's batch job unless one is waiting already; returns whether it did."""
    from campaign.mail import jobs  # the job itself wakes the next one

    if stream not in STREAMS:
        raise ValueError(f"there is no stream {stream!r}")
    try:
        queue = rq.queues[stream]
        if queue.count:
            return False
        # A job keeps its own time, and RQ's limit would leave its senders at work behind its back.
        queue.enqueue(
            jobs.DELIVER[stream].func, result_ttl=0, failure_ttl=3600, ttl=300, job_timeout=-1
        )
    except RedisError:
        _say_away()
        return False
    return True


_said = float("-inf")


def _say_away() -> None:
    """One line in half a minute, not one a request."""
    global _said
    if time.monotonic() - _said > 30:
        _said = time.monotonic()
        log.warning("Valkey is away: the sweep will find what is due")


def others_wait(stream: str) -> bool:
    """Whether a job waits in any queue but the stream's own; True with Valkey away, since nobody knows."""
    try:
        return any(queue.count for name, queue in rq.queues.items() if name != stream)
    except RedisError:
        return True
