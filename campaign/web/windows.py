"""Counting what happens in sliding windows: in Valkey for all processes together, in memory while it is away.

A window's count is what came in the present one and, by the share of it that still counts, in the one before. One
call asks and counts any number of limits in one round trip, and counts nothing where one of them says no.
"""

import math
import re
import threading
import time
from collections.abc import Iterator, Sequence
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


# KEYS: the mark ('' for none), then one a limit. ARGV: now, seconds for which the mark is kept, how many ask, then seconds,
# most and most_plain of each limit. Answers, in one line, how many may, the place of the limit that says no to the others (or
# -1), the seconds they are to wait, and the mark. A window's key outlives the next one from its first count on.
_TAKE = """
local now, many, n = tonumber(ARGV[1]), tonumber(ARGV[3]), #KEYS - 1
local marked = 0
if KEYS[1] ~= '' and redis.call('EXISTS', KEYS[1]) == 0 then marked = 1 end
local found, may, by = {}, many, 0
for i = 1, n do
  local seconds = tonumber(ARGV[3 * i + 1])
  local most = tonumber(ARGV[3 * i + (marked == 1 and 2 or 3)])
  local window = math.floor(now / seconds)
  local kept = redis.call('HMGET', KEYS[i + 1], 'w', 'n', 'p')
  local at, here, before = tonumber(kept[1] or -9), tonumber(kept[2] or 0), tonumber(kept[3] or 0)
  local fresh = at ~= window
  if fresh then here, before = 0, at == window - 1 and here or 0 end
  local passed = now / seconds - window
  local fits = math.max(0, math.floor(most - here - before * (1 - passed)))
  if fits < may then may, by = fits, i end
  found[i] = {fresh, window, before, seconds, here, passed, most}
end
for i = 1, may > 0 and n or 0 do
  local fresh, window, before, seconds = unpack(found[i])
  if fresh then
    redis.call('HSET', KEYS[i + 1], 'w', window, 'n', may, 'p', before)
    redis.call('EXPIRE', KEYS[i + 1], 2 * seconds)
  else
    redis.call('HINCRBY', KEYS[i + 1], 'n', may)
  end
end
if may > 0 and marked == 1 then redis.call('SET', KEYS[1], 1, 'EX', ARGV[2]) end
local wait = 0
if by > 0 then
  local _, _, before, seconds, here, passed, most = unpack(found[by])
  here = here + may
  wait = (1 - passed) * seconds
  if here + 1 <= most and before > 0 then wait = (1 - (most - 1 - here) / before - passed) * seconds
  elseif most > 0 then wait = wait + math.max(0, 1 - (most - 1) / here) * seconds end
end
return redis.status_reply(string.format('%d %d %d %d', may, by - 1, math.ceil(wait), marked))
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


def _alike(wishes: Sequence[Wish]) -> list[list[int]]:
    """The places of wishes, those together that ask for the same: a flood's do. What is marked stands alone."""
    found: dict[object, list[int]] = {}
    for place, (limits, mark, _) in enumerate(wishes):
        found.setdefault(place if mark else tuple(limits), []).append(place)
    return list(found.values())


def _call(wish: Wish, many: int, now: float) -> Call:
    args: list[object] = [now, wish.kept, many]
    for limit in wish.limits:
        args += limit[1:]
    return [wish.mark, *(limit.key for limit in wish.limits)], args


def _answers(line: bytes | str, places: Sequence[int]) -> Iterator[tuple[int, Answer]]:
    may, refused_by, wait, marked = map(int, line.split())
    yes, no = Answer(-1, 0, bool(marked)), Answer(refused_by, wait, bool(marked))
    return ((place, yes if i < may else no) for i, place in enumerate(places))


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
                return self._ask(self._take, wishes, now)
            except RedisError:
                self._away_until = time.monotonic() + AWAY
        return [self.memory.take(wish.limits, now, wish.mark, wish.kept) for wish in wishes]

    @staticmethod
    def _ask(take: Script, wishes: Sequence[Wish], now: float) -> list[Answer]:
        groups = _alike(wishes)
        lines = take.each([_call(wishes[one[0]], len(one), now) for one in groups])
        found: dict[int, Answer] = {}
        for line, places in zip(lines, groups, strict=True):
            found.update(_answers(line, places))
        return [found[place] for place in range(len(wishes))]

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
