"""The connection to Valkey that web processes and workers share."""

import hashlib
import os
import time
from collections.abc import Sequence
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


Call = tuple[Sequence[str], Sequence[object]]
"""A script's keys and arguments."""


class Script:
    """A Lua script that every request asks, straight on a kept connection: redis-py's client takes longer than Valkey does."""

    def __init__(self, valkey: Connection, source: str) -> None:
        self._valkey = valkey
        self._source = source
        self._sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
        self._idle: list[Any] = []
        self._process = os.getpid()

    def __call__(self, keys: Sequence[str], args: Sequence[object]) -> Any:
        """The script's answer. Raises redis.RedisError; at once where Valkey did not answer a moment ago."""
        return self.each([(keys, args)])[0]

    def each(self, calls: Sequence[Call]) -> list[Any]:
        """The answers to several calls, one after the other, in one round trip."""
        if time.monotonic() < self._valkey.quiet_until:
            raise redis.ConnectionError("Valkey did not answer a moment ago")
        try:
            found = self._asked("EVALSHA", self._sha, calls)
            if any(isinstance(one, redis.exceptions.NoScriptError) for one in found):
                found = self._asked("EVAL", self._source, calls)
        except redis.TimeoutError:
            self._valkey.quiet_until = time.monotonic() + QUIET_S
            raise
        for one in found:
            if isinstance(one, redis.ResponseError):
                raise one
        return found

    def _asked(self, verb: str, script: str, calls: Sequence[Call]) -> list[Any]:
        """One more try, on a new connection, for one that went stale while Valkey was restarted."""
        packed = b"".join(
            [_packed((verb, script, len(keys), *keys, *args)) for keys, args in calls]
        )
        try:
            return self._once(packed, len(calls))
        except redis.ConnectionError:
            self._idle.clear()
            return self._once(packed, len(calls))

    def _once(self, packed: bytes, n: int) -> list[Any]:
        if self._process != os.getpid():
            # After a fork these are the parent's.
            self._idle, self._process = [], os.getpid()
        try:
            connection = self._idle.pop()
        except IndexError:
            pool = self._valkey.connection_pool
            connection = pool.connection_class(**pool.connection_kwargs)
        try:
            connection.send_packed_command([packed])
            return [_answer(connection) for _ in range(n)]
        finally:
            # redis-py has closed it where it broke; it opens it again.
            self._idle.append(connection)


def _answer(connection: Any) -> Any:
    try:
        return connection.read_response()
    except redis.ResponseError as error:
        return error


def _packed(command: Sequence[object]) -> bytes:
    """A command as RESP has it (https://redis.io/docs/latest/develop/reference/protocol-spec/): an array of bulk strings."""
    parts = [str(part).encode() for part in command]
    return b"*%d\r\n%b" % (
        len(parts),
        b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in parts]),
    )
