"""What the mail server and the receiving domains will bear: messages a second, connections at once, and back-off.

Rates are token buckets and connections are leases, both in Valkey, so that all workers share them. With Valkey away sending
goes on: each process then keeps to a quarter of every limit by itself, and asks Valkey again some seconds later.
Where no limit is configured nothing is asked.
"""

import math
import secrets
import threading
import time
from functools import lru_cache
from typing import Any, NamedTuple

from flask import current_app
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from campaign.engines.connection import Connection

SHARE = 4
"""With Valkey away a process assumes that there are so many of them."""
ASK_AGAIN_S = 10
LEASE_S = 60
RENEW_S = 15
_RESERVE = 5
"""The last fifth of a bucket, and the last connection, are not for alerts: a confirmation finds room."""

_TAKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local rate, burst, wanted, floor = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(kept[1]) or burst, tonumber(kept[2]) or now
-- A clock set back gives nothing, one set forward no more than a burst.
tokens = math.min(burst, tokens + math.max(0, now - at) * rate)
local granted = math.max(0, math.min(wanted, math.floor(tokens - floor)))
redis.call('HSET', KEYS[1], 'tokens', tokens - granted, 'at', now)
redis.call('PEXPIRE', KEYS[1], 60000 + math.ceil(burst / rate * 1000))
return granted
"""
_GIVE_BACK = """
local tokens = redis.call('HGET', KEYS[1], 'tokens')
if tokens then
    redis.call('HSET', KEYS[1], 'tokens', math.min(tonumber(ARGV[2]), tokens + ARGV[1]))
end
return 1
"""
_ENTER = """
local time = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', time[1])
-- Places taken before a clock was set back, by whoever has gone since, would be kept until it comes there again.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. (time[1] + 2 * ARGV[3]), '+inf')
if redis.call('ZSCORE', KEYS[1], ARGV[1]) == false and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
    return 0
end
redis.call('ZADD', KEYS[1], time[1] + tonumber(ARGV[3]), ARGV[1])
redis.call('EXPIRE', KEYS[1], tonumber(ARGV[3]) * 2)
return 1
"""


class DomainLimit(NamedTuple):
    """What one receiving domain will bear; 0: no limit."""

    per_second: int
    connections: int


NO_LIMIT = DomainLimit(0, 0)


def domain_limit(domain: str) -> DomainLimit:
    """The limit of a receiving domain: its own, or that of ``*``."""
    limits: dict[str, tuple[int, int]] = current_app.config.get("MAIL_DOMAIN_LIMITS") or {}
    found = limits.get(domain) or limits.get("*")
    return DomainLimit(*found) if found else NO_LIMIT


def domains_limited() -> bool:
    """Whether any domain has a limit."""
    return bool(current_app.config.get("MAIL_DOMAIN_LIMITS"))


def rate() -> int:
    """Messages a second that the server takes from all workers together; 0: no limit."""
    return int(current_app.config.get("MAIL_MESSAGES_PER_SECOND") or 0)


SERVER = "server"
"""The bucket of all messages."""


def _burst(name: str, per_second: int) -> float:
    """What a bucket holds. The server's is small, since a second may begin with all of it and the rate comes on top."""
    return max(per_second / 5 if name == SERVER else per_second, 1)


def take(name: str, per_second: int, wanted: int, bulk: bool = False) -> int:
    """How many of ``wanted`` messages may leave now by the bucket ``name``; ``bulk`` leaves it a reserve."""
    burst = _burst(name, per_second)
    floor = min(burst / _RESERVE, burst - 1) if bulk else 0
    granted = _ask(_TAKE, f"campaign:rate:{name}", per_second, burst, wanted, floor)
    if granted is None:
        return _own.take(name, per_second / SHARE, wanted)
    return int(granted)


def give_back(name: str, per_second: int, unused: int) -> None:
    """Puts back into the bucket ``name`` what :func:`take` granted and nobody used."""
    if _ask(_GIVE_BACK, f"campaign:rate:{name}", unused, _burst(name, per_second)) is None:
        _own.give_back(name, unused)


def enter(name: str, most: int, member: str) -> bool:
    """Whether one more may be at it, of at most ``most`` at once; asked again with the same ``member`` it renews."""
    answer = _ask(_ENTER, f"campaign:at-once:{name}", member, most, LEASE_S)
    if answer is None:
        return _own.enter(name, max(most // SHARE, 1), member)
    return bool(answer)


def leave(name: str, member: str) -> None:
    """The end of what :func:`enter` began."""
    _own.leave(name, member)
    client = _client(current_app.config["RQ_CONNECTION"])
    if _valkey.asked():
        try:
            client.zrem(f"campaign:at-once:{name}", member)
        except RedisError:
            _valkey.failed()


_WANTED = "campaign:connection-wanted"
WANTED_S = 15
_MORE_URGENT = {"alerts": ("confirmations", "letters"), "letters": ("confirmations",)}


def want(stream: str, wanted: bool) -> None:
    """Asks the senders of what is less urgent, in all workers, to leave their connections to ``stream``; or no more."""
    client = _client(current_app.config["RQ_CONNECTION"])
    if _valkey.asked():
        try:
            name = f"{_WANTED}:{stream}"
            client.set(name, 1, ex=WANTED_S) if wanted else client.delete(name)
        except RedisError:
            _valkey.failed()


def wanted(stream: str) -> bool:
    """Whether something more urgent wants a connection that ``stream`` has; with Valkey away nobody knows."""
    names = [f"{_WANTED}:{other}" for other in _MORE_URGENT.get(stream, ())]
    if not names or not _valkey.asked():
        return False
    try:
        return bool(_client(current_app.config["RQ_CONNECTION"]).exists(*names))
    except RedisError:
        _valkey.failed()
        return False


def member() -> str:
    """A name for who enters."""
    return secrets.token_hex(8)


class _Valkey:
    """Whether Valkey is worth asking: a frozen one must not cost each message a time-out."""

    def __init__(self) -> None:
        self._not_before = 0.0

    def asked(self) -> bool:
        return time.monotonic() >= self._not_before

    def failed(self) -> None:
        self._not_before = time.monotonic() + ASK_AGAIN_S


class _Own:
    """The same limits within this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}
        self._inside: dict[str, set[str]] = {}

    def take(self, name: str, per_second: float, wanted: int) -> int:
        now, burst = time.monotonic(), max(per_second, 1.0)
        with self._lock:
            tokens, at = self._buckets.get(name, (burst, now))
            tokens = min(burst, tokens + (now - at) * per_second)
            granted = min(wanted, math.floor(tokens))
            self._buckets[name] = (tokens - granted, now)
        return granted

    def give_back(self, name: str, unused: int) -> None:
        with self._lock:
            if name in self._buckets:
                tokens, at = self._buckets[name]
                self._buckets[name] = (tokens + unused, at)

    def enter(self, name: str, most: int, member: str) -> bool:
        with self._lock:
            inside = self._inside.setdefault(name, set())
            if member not in inside and len(inside) >= most:
                return False
            inside.add(member)
            return True

    def leave(self, name: str, member: str) -> None:
        with self._lock:
            self._inside.get(name, set()).discard(member)


_own = _Own()
_valkey = _Valkey()


@lru_cache(maxsize=4)
def _client(url: str) -> Connection:
    """A client that gives up at once: whoever asks has a message to send."""
    return Connection.from_url(
        url, socket_connect_timeout=0.3, socket_timeout=0.3, retry=Retry(NoBackoff(), 0)
    )


def _ask(script: str, key: str, *arguments: Any) -> Any:
    """What Valkey says; None where it is away."""
    if not _valkey.asked():
        return None
    try:
        return _client(current_app.config["RQ_CONNECTION"]).eval(script, 1, key, *arguments)
    except RedisError:
        _valkey.failed()
        return None
