"""The connection to Valkey that web processes and workers share."""

from typing import Any, cast

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry


class Connection(redis.Redis):
    """A client that gives up soon: with Valkey down a visitor's request must not wait for it.

    redis-py by itself tries again for several seconds. One more try is kept, for the connection
    that went stale while Valkey was restarted.
    """

    @classmethod
    def from_url(cls, url: str, **settings: Any) -> "Connection":
        """Connect as the URL says."""
        settings.setdefault("retry", Retry(ConstantBackoff(0.05), 1))
        settings.setdefault("socket_connect_timeout", 1)
        settings.setdefault("socket_timeout", 3)
        return cast("Connection", super().from_url(url, **settings))
