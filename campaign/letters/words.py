"""How much of a letter is the writer's own, and which letters say nearly the same: arithmetic over words."""

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache

SHINGLE = 3
"""Words in a row that must be the template's for them to count as taken from it."""

_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """The words, in small letters, without signs."""
    return _WORD.findall(text.casefold())


@lru_cache(maxsize=256)
def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    words = words_of(text)
    return frozenset(tuple(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1))


@lru_cache(maxsize=64)
def _all_shingles(texts: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    return frozenset().union(*(_shingles(text) for text in texts))


def own_share(body: str, templates: Iterable[str]) -> float:
    """The share of the words, 0 to 1, that do not stand in a run of three words of a template."""
    words = words_of(body)
    if not words:
        return 0.0
    suggested = _all_shingles(tuple(templates))
    if suggested.isdisjoint(zip(words, words[1:], words[2:], strict=False)):
        return 1.0
    taken = [False] * len(words)
    for i in range(len(words) - SHINGLE + 1):
        if tuple(words[i : i + SHINGLE]) in suggested:
            taken[i : i + SHINGLE] = [True] * SHINGLE
    return taken.count(False) / len(words)


@lru_cache(maxsize=1024)
def fingerprint(body: str) -> int:
    """A simhash of the words (Charikar 2002) as a signed 64-bit number; near-identical texts differ in few bits."""
    words = words_of(body)
    # Pairs of words: one changed word changes two of them.
    shingles = {" ".join(words[i : i + 2]) for i in range(max(len(words) - 1, 1))}
    hashes = b"".join(hashlib.blake2b(one.encode(), digest_size=8).digest() for one in shingles)
    # All of them as one large number: shifted and masked, it shows one bit of each, and Python counts bits quickly.
    together = int.from_bytes(hashes, "little")
    lowest = int.from_bytes((1).to_bytes(8, "little") * len(shingles), "little")
    half = len(shingles) / 2
    bits = sum(1 << bit for bit in range(64) if (together >> bit & lowest).bit_count() > half)
    return bits - (1 << 64) if bits >> 63 else bits


def distance(one: int, other: int) -> int:
    """In how many of 64 bits two fingerprints differ; 7 or fewer is nearly the same text."""
    return ((one ^ other) & (1 << 64) - 1).bit_count()
