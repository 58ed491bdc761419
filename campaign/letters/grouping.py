"""Which of many fingerprints (campaign.letters.words) are near one another, in time that grows with how many there are.

Comparing each with each would take a hundred times as long for ten times as many. Instead each is looked up under some
of its bits: first roughly, which puts a wave of one text together at once, then surely, for what is left. Two that
differ in at most seven bits agree in three of ten parts, whichever those are, so they meet under one of 120 masks.
"""

from collections.abc import Sequence
from itertools import combinations, pairwise

NEAR = 7
"""Fingerprints that differ in so few bits of 64 belong to nearly the same text."""

_CROWD = 32
"""Leaders under one rough key that are looked at: the sure pass finds what a crowd hides."""


def _masks(parts: int, common: int) -> list[int]:
    edges = [64 * i // parts for i in range(parts + 1)]
    blocks = [(1 << high) - (1 << low) for low, high in pairwise(edges)]
    return [sum(chosen) for chosen in combinations(blocks, common)]


_ROUGH = _masks(4, 1)
_SURE = _masks(NEAR + 3, 3)


def places(marks: Sequence[int]) -> list[int]:
    """For each fingerprint the group that it belongs to, the earlier ones leading; groups count from 0."""
    plain = [mark & (1 << 64) - 1 for mark in marks]
    leaders, where = _roughly(plain)
    into = _surely(leaders)
    number: dict[int, int] = {}
    return [number.setdefault(into[place], len(number)) for place in where]


def _roughly(marks: list[int]) -> tuple[list[int], list[int]]:
    """Leaders that may still be near one another, and for each mark the leader that it is near."""
    shelves: list[dict[int, list[int]]] = [{} for _ in _ROUGH]
    leaders: list[int] = []
    where = []
    for mark in marks:
        near = [
            shelf.setdefault(mark & mask, []) for mask, shelf in zip(_ROUGH, shelves, strict=True)
        ]
        found = [_first_near(leaders, there, mark) for there in near]
        place = min((one for one in found if one is not None), default=None)
        if place is None:
            place = len(leaders)
            leaders.append(mark)
            for there in near:
                if len(there) < _CROWD:
                    there.append(place)
        where.append(place)
    return leaders, where


def _first_near(leaders: list[int], among: list[int], mark: int) -> int | None:
    for place in among:
        if (leaders[place] ^ mark).bit_count() <= NEAR:
            return place
    return None


def _surely(leaders: list[int]) -> list[int]:
    """For each leader the earliest leader of its group: itself, where no earlier one that leads is near."""
    near: dict[int, set[int]] = {}
    for mask in _SURE:
        first: dict[int, int] = {}
        crowds: dict[int, list[int]] = {}
        for place, mark in enumerate(leaders):
            key = mark & mask
            earliest = first.setdefault(key, place)
            if earliest == place:
                continue
            crowd = crowds.setdefault(key, [earliest])
            for other in crowd:
                if (leaders[other] ^ mark).bit_count() <= NEAR:
                    near.setdefault(place, set()).add(other)
            crowd.append(place)
    into = list(range(len(leaders)))
    for place in sorted(near):
        into[place] = min((one for one in near[place] if into[one] == one), default=place)
    return into
