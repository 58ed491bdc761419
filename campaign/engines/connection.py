"""The connection to Valkey that web processes and workers share."""

import time
from typing import Any, cast

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

CONNECT_S, ANSWER_S = 0.5, 0.3
"""Seconds in which Valkey connects, and answers: longer would keep a visitor waiting for what is only a hint."""
QUIET_S = 3.0
"""Seconds for which one that did not answer is left alone."""


def patience() -> dict[str, Any]:
    """How long to wait for Valkey, as redis-py's settings.

    redis-py by itself tries again for several seconds. One more try is kept, for the connection that went stale
    while Valkey was restarted; one that does not answer in time is not asked again.
    """
    return {
        "retry": Retry(ConstantBackoff(0.05), 1, supported_errors=(redis.ConnectionError,)),
        "socket_connect_timeout": CONNECT_S,
        "socket_timeout": ANSWER_S,
    }


class Connection(redis.Redis):
    """A client that gives up soon: with Valkey down or stuck a visitor's request must not wait for it.

    After a time-out it fails at once for a little while, so that only one request pays for it.
    """

    quiet_until = 0.0

    @classmethod
    def from_url(cls, url: str, **settings: Any) -> "Connection":
        """Connect as the URL says."""
        return cast("Connection", super().from_url(url, **{**patience(), **settings}))

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Raises redis.ConnectionError at once where Valkey did not answer a moment ago."""
        if time.monotonic() < self.quiet_until:
            raise redis.ConnectionError("Valkey did not answer a moment ago")
        try:
            return super().execute_command(*args, **options)
        except redis.TimeoutError:
            self.quiet_until = time.monotonic() + QUIET_S
            raise
