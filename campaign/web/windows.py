"""Counting what happens in sliding windows: in Valkey for all processes together, in memory while it is away.

A window's count is what came in the present one and, by the share of it that still counts, in the one before. One
call asks and counts any number of limits in one round trip, and counts nothing where one of them says no.
"""

import math
import re
import threading
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from flask import Flask, current_app
from redis.exceptions import RedisError

from campaign.clock import utcnow
from campaign.engines.connection import Call, Connection, Script

_EXTENSION = "campaign.windows"
AWAY = 5.0
"""Seconds for which a Valkey that did not answer is not asked again."""
REMEMBERED = 50_000
"""Keys that a process keeps in memory at most."""


class Limit(NamedTuple):
    """At most ``most`` in any ``seconds`` under ``key``; ``most_plain`` without the single-use mark."""

    key: str
    seconds: int
    most: int
    most_plain: int


class Answer(NamedTuple):
    """``refused_by`` is the place of the limit that said no, -1 where all agreed; ``wait`` in seconds."""

    refused_by: int
    wait: int
    marked: bool
    """Whether the single-use mark was given and had not been used."""


class Wish(NamedTuple):
    """What ``take`` is asked for."""

    limits: Sequence[Limit]
    mark: str = ""
    kept: int = 1


_RATE = re.compile(r"(\d+) per (?:(\d+) )?(second|minute|hour|day)s?")
_UNIT = {"second": 1, "minute": 60, "hour": 3600, "day": 24 * 3600}


@lru_cache(maxsize=32)
def rates(text: str) -> tuple[tuple[int, int], ...]:
    """(how many, seconds) of a text like ``120 per minute; 2000 per hour``."""
    return tuple(
        (int(many), int(times or 1) * _UNIT[unit]) for many, times, unit in _RATE.findall(text)
    )


# KEYS: the mark ('' for none), then one a limit. ARGV: now, seconds for which the mark is kept, then seconds, most and
# most_plain of each limit. Answers, in one line, the place of the limit that says no (or -1), the seconds to wait, and the
# mark. A window's key outlives the next one from its first count on.
_TAKE = """
local now, n = tonumber(ARGV[1]), #KEYS - 1
local marked = 0
if KEYS[1] ~= '' and redis.call('EXISTS', KEYS[1]) == 0 then marked = 1 end
local found = {}
for i = 1, n do
  local seconds = tonumber(ARGV[3 * i])
  local most = tonumber(ARGV[3 * i + (marked == 1 and 1 or 2)])
  local window = math.floor(now / seconds)
  local kept = redis.call('HMGET', KEYS[i + 1], 'w', 'n', 'p')
  local at, here, before = tonumber(kept[1] or -9), tonumber(kept[2] or 0), tonumber(kept[3] or 0)
  local fresh = at ~= window
  if fresh then here, before = 0, at == window - 1 and here or 0 end
  local passed = now / seconds - window
  if here + before * (1 - passed) + 1 > most then
    local wait = (1 - passed) * seconds
    if here + 1 <= most and before > 0 then wait = (1 - (most - 1 - here) / before - passed) * seconds
    elseif most > 0 then wait = wait + math.max(0, 1 - (most - 1) / here) * seconds end
    return redis.status_reply(string.format('%d %d %d', i - 1, math.ceil(wait), marked))
  end
  found[i] = fresh and {window, before, seconds}
end
for i = 1, n do
  local one = found[i]
  if one then
    redis.call('HSET', KEYS[i + 1], 'w', one[1], 'n', 1, 'p', one[2])
    redis.call('EXPIRE', KEYS[i + 1], 2 * one[3])
  else
    redis.call('HINCRBY', KEYS[i + 1], 'n', 1)
  end
end
if marked == 1 then redis.call('SET', KEYS[1], 1, 'EX', ARGV[2]) end
return redis.status_reply('-1 0 ' .. marked)
"""

_GIVE_BACK = "if tonumber(redis.call('HGET', KEYS[1], 'n') or 0) > 0 then redis.call('HINCRBY', KEYS[1], 'n', -1) end"


class Memory:
    """The same in this process alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, tuple[int, int, int]] = {}
        self._marks: dict[str, float] = {}

    def take(self, limits: Sequence[Limit], now: float, mark: str, kept: int) -> Answer:
        """As ``take``."""
        with self._lock:
            self._forget(now)
            marked = bool(mark) and self._marks.get(mark, 0) <= now
            found = {}
            for place, limit in enumerate(limits):
                most = limit.most if marked else limit.most_plain
                window, passed = divmod(now / limit.seconds, 1)
                at, here, before = self._counts.get(limit.key, (-9, 0, 0))
                if at != window:
                    here, before = 0, here if at == window - 1 else 0
                if here + before * (1 - passed) + 1 > most:
                    return Answer(
                        place, _wait(limit.seconds, most, here, before, passed), bool(marked)
                    )
                found[limit.key] = (int(window), here + 1, before)
            self._counts.update(found)
            if marked:
                self._marks[mark] = now + kept
            return Answer(-1, 0, bool(marked))

    def give_back(self, key: str) -> None:
        """As ``give_back``."""
        with self._lock:
            if key in self._counts:
                at, here, before = self._counts[key]
                self._counts[key] = (at, max(0, here - 1), before)

    def _forget(self, now: float) -> None:
        if len(self._counts) > REMEMBERED:
            self._counts.clear()
        if len(self._marks) > REMEMBERED:
            self._marks = {mark: until for mark, until in self._marks.items() if until > now}


def _wait(seconds: int, most: int, here: int, before: int, passed: float) -> int:
    """Seconds until one more fits, if nothing else comes."""
    if here + 1 <= most and before:
        return math.ceil((1 - (most - 1 - here) / before - passed) * seconds)
    more = max(0.0, 1 - (most - 1) / here) if most > 0 and here else 0.0
    return math.ceil((1 - passed + more) * seconds)


def _call(wish: Wish, now: float) -> Call:
    args: list[object] = [now, wish.kept]
    for limit in wish.limits:
        args += limit[1:]
    return [wish.mark, *(limit.key for limit in wish.limits)], args


def _answer(line: bytes | str) -> Answer:
    refused_by, wait, marked = map(int, line.split())
    return Answer(refused_by, wait, bool(marked))


class Windows:
    """The counters of one application."""

    def __init__(self, url: str | None) -> None:
        self.memory = Memory()
        self._away_until = 0.0
        self._take: Script | None = None
        self._give_back: Script | None = None
        if url:
            valkey = Connection.from_url(url)
            self._take = Script(valkey, _TAKE)
            self._give_back = Script(valkey, _GIVE_BACK)

    def take(self, limits: Sequence[Limit], mark: str = "", kept: int = 1) -> Answer:
        """Counts one more under each limit, unless one of them says no.

        ``mark`` is something that may be used once in ``kept`` seconds, and opens the wider limits.
        """
        return self.take_each([Wish(limits, mark, kept)])[0]

    def take_each(self, wishes: Sequence[Wish]) -> list[Answer]:
        """``take`` for several, one after the other, in one round trip."""
        now = utcnow().timestamp()
        if self._take is not None and time.monotonic() >= self._away_until:
            try:
                return list(map(_answer, self._take.each([_call(wish, now) for wish in wishes])))
            except RedisError:
                self._away_until = time.monotonic() + AWAY
        return [self.memory.take(wish.limits, now, wish.mark, wish.kept) for wish in wishes]

    def give_back(self, key: str) -> None:
        """Takes one off the count of the present window."""
        if self._give_back is not None and time.monotonic() >= self._away_until:
            try:
                self._give_back([key], ())
                return
            except RedisError:
                self._away_until = time.monotonic() + AWAY
        self.memory.give_back(key)


def windows() -> Windows:
    """The application's counters."""
    found: Windows = current_app.extensions[_EXTENSION]
    return found


def init_app(app: Flask) -> None:
    """Makes the counters, in Valkey as the configuration names it."""
    app.extensions[_EXTENSION] = Windows(app.config.get("RQ_CONNECTION"))
