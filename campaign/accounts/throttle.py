"""How often someone may try to sign in: by account and by network, without keeping anyone's address.

Keys are keyed hashes. With Valkey away the limits go on in each process's memory.
"""

import hashlib
import hmac
import math
import time

from flask import current_app
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter, RateLimiter
from redis.exceptions import RedisError

from campaign.web.limits import limiter, network

PAIR = RateLimitItemPerMinute(10, 15)
"""Attempts at one account from one network: someone else's attempts elsewhere lock nobody out."""
ACCOUNT = RateLimitItemPerMinute(100, 60)
"""Failures at one account from anywhere."""
NETWORK = RateLimitItemPerMinute(60, 15)
"""Failures from one network, whatever the account."""

_memory = MovingWindowRateLimiter(MemoryStorage())


def begin(email: str) -> int:
    """Counts an attempt to sign in; returns 0 when it may go on, else the seconds to wait."""
    account, from_ = _key(email), network()
    with_failures = ((ACCOUNT, (account,)), (NETWORK, (from_,)))

    def ask(strategy: RateLimiter) -> int:
        for item, keys in with_failures:
            if not strategy.test(item, "login", *keys):
                return _wait(strategy, item, *keys)
        if not strategy.hit(PAIR, "login", account, from_):
            return _wait(strategy, PAIR, account, from_)
        return 0

    try:
        return ask(limiter.limiter)
    except (RedisError, OSError):
        return ask(_memory)


def failed(email: str) -> None:
    """Notes that the attempt begun last failed."""
    for strategy in (limiter.limiter, _memory):
        try:
            strategy.hit(ACCOUNT, "login", _key(email))
            strategy.hit(NETWORK, "login", network())
            return
        except (RedisError, OSError):
            continue


def succeeded(email: str) -> None:
    """Forgets the attempts at an account from this network: its owner is there."""
    for strategy in (limiter.limiter, _memory):
        try:
            strategy.clear(PAIR, "login", _key(email), network())
            return
        except (RedisError, OSError):
            continue


def _wait(strategy: RateLimiter, item: RateLimitItem, *keys: str) -> int:
    until = strategy.get_window_stats(item, "login", *keys).reset_time
    return max(1, math.ceil(until - time.time()))


def _key(email: str) -> str:
    key = str(current_app.config["SECRET_KEY"]).encode()
    return hmac.new(key, email.strip().lower().encode(), hashlib.sha256).hexdigest()[:24]
